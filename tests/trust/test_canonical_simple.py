"""The quick way to canonical JSON gives the bytes of the slow one."""

import math
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from countermark.records.canonical import canonical_json

texts = st.text() | st.text(st.characters(max_codepoint=0x7F))
integers = st.integers(-(2**53) + 1, 2**53 - 1)
values = st.recursive(
    st.none() | st.booleans() | integers | texts | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@given(values)
@example({"b": [1, 2, -3], "a": {"aa": "x/\\\"'<>&", "a": None, "A": True}, "": []})
@example({"\x7f": "\x1f\n", "é": "€", "\U0001f600": 1, "\ufb33": 2})
@example([1, True])
@example([[[0.0, -0.0, 1e21, 5e-324]]])
def test_both_ways_give_the_same_bytes(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [2**53, [2**53], {"a": [-(2**53)]}, math.inf, [1, math.nan]])
def test_numbers_that_have_no_canonical_form_are_refused(value: Any) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical_json(value)
