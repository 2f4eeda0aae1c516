"""First occurrences against the plain definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.watermark.distinct import first_occurrences


def plain(values: "np.typing.NDArray[np.uint64]") -> list[bool]:
    seen: set[int] = set()
    return [not (int(value) in seen or seen.add(int(value))) for value in values]


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5), max_size=200))
def test_short_lists(values: list[int]) -> None:
    array = np.array(values, dtype=np.uint64)
    assert first_occurrences(array).tolist() == plain(array)


@pytest.mark.parametrize("top", [1, 3, 1000, 65_536, 2**40, 2**64 - 1])
@pytest.mark.parametrize("count", [131_071, 131_073, 300_000])
def test_long_lists_that_are_dealt_out(top: int, count: int) -> None:
    array = np.random.default_rng(count).integers(0, top, count, dtype=np.uint64, endpoint=True)
    assert first_occurrences(array).tolist() == plain(array)


def test_values_that_are_far_from_uniform() -> None:
    array = np.repeat(np.arange(100_000, dtype=np.uint64) << np.uint64(40), 2)
    assert first_occurrences(array).tolist() == [True, False] * 100_000
