"""The exposure ledger: by the day, per key, and no evidence from text acquired after an opening or leak."""

from datetime import date
from pathlib import Path

import pytest

from countermark.errors import Error
from countermark.trust import exposure
from countermark.trust.derivation import Terms
from countermark.trust.log import Log
from countermark.trust.signing import SigningKey

KEY_ID, OTHER = "0123456789abcdef", "fedcba9876543210"
TERMS = Terms("profile-1", "2026-Q4")
FIRST, SECOND, THIRD = date(2026, 10, 1), date(2026, 10, 2), date(2026, 10, 3)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.create(tmp_path / "log", "log.example/1", SigningKey.generate())


def test_days_add_up_and_the_last_entry_of_a_day_counts(log: Log) -> None:
    exposure.record_day(log, KEY_ID, FIRST, tokens=100, accounts=3)
    exposure.record_day(log, KEY_ID, SECOND, tokens=10, accounts=9)
    exposure.record_day(log, KEY_ID, FIRST, tokens=120, accounts=4)
    exposure.record_day(log, OTHER, FIRST, tokens=7, accounts=1)
    exposure.record_publication(log, KEY_ID, SECOND, "https://data.example/set", tokens=5)
    found = exposure.exposure(log, KEY_ID)
    assert (found.tokens, found.days, found.most_accounts) == (130, 2, 9)
    assert found.publications == ("https://data.example/set",)
    assert found.refused_from is None
    assert len(list(log.entries(exposure.DAY))) == 4


def test_the_earliest_opening_or_leak_counts(log: Log) -> None:
    assert exposure.refused_after(log, KEY_ID, TERMS) is None
    exposure.record_opening(log, TERMS, THIRD)
    assert exposure.refused_after(log, KEY_ID, TERMS) == THIRD
    assert exposure.refused_after(log, KEY_ID) is None
    assert exposure.refused_after(log, KEY_ID, Terms("profile-1", "2027-Q1")) is None
    exposure.record_leak(log, KEY_ID, SECOND)
    exposure.record_leak(log, OTHER, FIRST)
    assert exposure.refused_after(log, KEY_ID, TERMS) == SECOND
    assert exposure.exposure(log, KEY_ID).refused_from == SECOND
    exposure.check_acquired(log, KEY_ID, FIRST, TERMS)
    for day in (SECOND, THIRD):
        with pytest.raises(Error, match="is refused"):
            exposure.check_acquired(log, KEY_ID, day, TERMS)


def test_what_is_not_recorded(log: Log) -> None:
    key = "00112233445566778899aabbccddeeff"
    for record in (
        lambda: exposure.record_day(log, key, FIRST, tokens=1, accounts=1),
        lambda: exposure.record_leak(log, key, FIRST),
        lambda: exposure.record_publication(log, key, FIRST, "x"),
        lambda: exposure.refused_after(log, key),
    ):
        with pytest.raises(Error, match="16 hex digits") as caught:
            record()
        assert key not in caught.value.message
    with pytest.raises(Error, match="counts"):
        exposure.record_day(log, KEY_ID, FIRST, tokens=-1, accounts=1)
    with pytest.raises(Error, match="printable"):
        exposure.record_publication(log, KEY_ID, FIRST, "a\nb")
    assert len(log) == 0


def test_a_signed_entry_of_another_shape(log: Log) -> None:
    log.append(exposure.LEAK, {"key_id": KEY_ID, "day": "soon"})
    with pytest.raises(Error, match="entry 0"):
        exposure.refused_after(log, KEY_ID)
