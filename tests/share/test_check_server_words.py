"""A text is checked at the operator's node and at a member's, by every role."""

from collections.abc import Iterator

import pytest
from alliances import Alliance, alliance
from check_samples import marked_text


@pytest.fixture(scope="module")
def allied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alliance]:
    with alliance(tmp_path_factory.mktemp("allied")) as made:
        yield made


@pytest.mark.parametrize("at", ["hub", "alpha"])
def test_a_text_comes_back_as_whose_it_is_and_nobody_elses(allied: Alliance, at: str) -> None:
    who = {"hub": "alpha", "alpha": "hub"}[at]
    answer = allied.check(who, marked_text("beta"), at=at, consent=True)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["word"], found["marks"], found["complete"]) == ("marked", ["beta"], True)
    assert {row["member"] for row in found["rows"] if row["passes"]} == {"beta"}
    print(found)
