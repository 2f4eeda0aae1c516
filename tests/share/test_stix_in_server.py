"""The exchange with the real check: what the reference server lets in is refused here."""

from pathlib import Path
from typing import Any

import exchange_parties
import pytest
from exchange_parties import SHARED, Exchange, exchange_at
from stix_in_samples import SAMPLES, Stix, ident, indicator

from countermark.share.stix.schemas import check_objects


@pytest.fixture
def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(exchange_parties, "check", check_objects)
    with exchange_at(f"sqlite:///{tmp_path / 'exchange.sqlite'}") as made:
        yield made


def test_an_incomplete_indicator_is_refused_and_its_neighbours_are_taken(strict: Exchange) -> None:
    incomplete = {name: value for name, value in indicator(2).items() if name != "pattern"}
    status = strict.post([indicator(1), incomplete, indicator(3)]).json()
    assert (status["success_count"], status["failure_count"]) == (2, 1)
    (failure,) = status["failures"]
    assert failure["id"] == incomplete["id"]
    assert "pattern" in failure["message"]
    assert strict.get(f"objects/{incomplete['id']}/").status_code == 404


def test_every_type_is_stored_and_given_as_it_came(strict: Exchange) -> None:
    strict.post(SAMPLES)
    found = strict.get("objects/?limit=1000").json()["objects"]
    assert found == SAMPLES


def test_the_same_object_spelt_otherwise_is_no_conflict(strict: Exchange) -> None:
    first: Stix = indicator(1)
    turned = dict(reversed(first.items()))
    assert strict.post([first]).json()["success_count"] == 1
    assert strict.post([turned]).json()["success_count"] == 1
    assert len(strict.dates(SHARED)) == 1
    assert strict.get(f"objects/{ident('indicator')}/").json()["objects"] == [first]
