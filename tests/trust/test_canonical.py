"""Canonical JSON is RFC 8785's whichever way it is written."""

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from countermark.records.canonical import canonical_json

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["a", "b/c", 'd"e', "f\\g", "\x7f", "\t", "é", "~", " ", "", "\U0001f600", "\ue000"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(st.integers(-5, 5), max_size=4)
        | st.dictionaries(
            st.text(max_size=4) | st.sampled_from(["a", "B", "_", "aa", "a-"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(plain)
def test_it_is_what_the_reference_writes(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [2**53, [1, 2**60], {"a": -(2**53)}, [True, 2**70]])
def test_numbers_without_one_spelling_are_refused(value: Any) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical_json(value)


def test_deep_nesting_is_written_alike() -> None:
    value: Any = 1
    for _ in range(60):
        value = [value]
    assert canonical_json(value) == b"[" * 60 + b"1" + b"]" * 60
