"""Which rows are past their review date: from the day itself on."""

from datetime import date, timedelta

import pytest
from claim_samples import claim, element, other, record
from hypothesis import given
from hypothesis import strategies as st

from countermark.prove.claims.review import due_on, due_rows, is_past, reviewed_on
from countermark.prove.claims.rows import Claim


def claims() -> dict[str, Claim]:
    return {one["claim"]: record(one) for one in (claim(), other(due="2026-08-01"))}


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 6, 30), 0),
        (date(2026, 7, 1), 1),
        (date(2026, 7, 31), 1),
        (date(2026, 8, 1), 1 + 3),
        (date(2026, 11, 30), 1 + 3),
        (date(2026, 12, 1), 13 + 3),
    ],
)
def test_a_row_is_past_from_its_day_on(today: date, expected: int) -> None:
    assert len(due_rows(claims(), today)) == expected


def test_the_day_of_a_row_goes_before_that_of_its_claim() -> None:
    rows = [element("own", [], [], due="2027-01-01", reviewed="2026-07-07"), element("claims", [], [])]
    one = record(claim(elements=rows))
    assert [due_on(one, row) for row in one.elements] == ["2027-01-01", "2026-12-01"]
    assert [reviewed_on(one, row) for row in one.elements] == ["2026-07-07", "2026-06-01"]
    past = due_rows([one], date(2026, 12, 1))
    assert [found.row.id for found in past] == ["claims", "stop", "reverse"]
    assert {found.due for found in past} == {"2026-12-01"}


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(-40_000, 40_000))
def test_past_or_not_is_the_order_of_days(due: date, days: int) -> None:
    try:
        today = due + timedelta(days=days)
    except OverflowError:
        return
    assert is_past(due.isoformat(), today) == (days >= 0)
