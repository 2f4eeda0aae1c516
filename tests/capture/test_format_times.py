"""Timestamps: every kind and unit that logs use."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.capture.formats.base import BadRecord
from countermark.capture.formats.times import UNITS, to_micros

MOMENT = 1_750_000_000_250_000  # 2025-06-15 15:06:40.25 UTC


@pytest.mark.parametrize(
    "value",
    [
        1_750_000_000.25,
        1_750_000_000_250,
        1_750_000_000_250_000,
        1_750_000_000_250_000_000,
        "1750000000.25",
        "1750000000250",
        " 1750000000250000000 ",
        "2025-06-15T15:06:40.250Z",
        "2025-06-15T15:06:40.25",
        "2025-06-15 15:06:40.250000",
        "2025-06-15 15:06:40.25 UTC",
        "2025-06-15T17:06:40.250+02:00",
        datetime(2025, 6, 15, 15, 6, 40, 250_000),
        datetime(2025, 6, 15, 17, 6, 40, 250_000, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_one_moment_in_every_spelling(value: Any) -> None:
    assert to_micros(value) == MOMENT


def test_a_date_is_its_midnight() -> None:
    assert (
        to_micros(date(2025, 6, 15)) == to_micros("2025-06-15") == MOMENT // 86_400_000_000 * 86_400_000_000
    )


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "  ", True, [], {}, b"1750000000", "yesterday", "9" * 100, "nan", float("inf")),
        *(0, -1, "0", 946_684_799, 4_102_444_800, 10**40, "1999-12-31T23:59:59Z", "2100-01-01"),
        *(datetime.min, datetime.max, datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))),
    ],
)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(BadRecord):
        to_micros(value)


def test_a_given_unit_is_not_second_guessed() -> None:
    assert to_micros(1_750_000_000_250, "ms") == MOMENT
    with pytest.raises(BadRecord, match="outside"):
        to_micros(1_750_000_000_250, "s")


@given(st.integers(946_684_800_000_000, 4_102_444_799_999_999), st.sampled_from(sorted(UNITS)))
def test_units_are_told_apart_by_size(micros: int, unit: str) -> None:
    ticks = micros * UNITS[unit] // 10**6
    expected = ticks * 10**6 // UNITS[unit]
    assert to_micros(ticks) == to_micros(str(ticks)) == to_micros(ticks, unit) == expected


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)))
def test_iso_text_and_seconds_agree(moment: datetime) -> None:
    exact = to_micros(moment.isoformat())
    assert exact == to_micros(moment)
    assert abs(to_micros(moment.replace(tzinfo=UTC).timestamp()) - exact) <= 1
