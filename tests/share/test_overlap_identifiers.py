"""What members match privately: the vectors, a second implementation, one spelling, no value shown."""

import hashlib
import json
import unicodedata
from pathlib import Path
from typing import Any

import naive_identifiers as naive
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countermark.share.item_values import Unfit
from countermark.share.overlap import identifiers as module
from countermark.share.overlap.identifiers import (
    IDENTIFIER_KINDS,
    REFUSED_KINDS,
    RULES,
    canonical_identifier,
    canonical_value,
    framed,
    kind_of,
    rules,
    unframed,
)
from countermark.share.overlap.messages import MOST_POINTS, PLANTED
from countermark.share.overlap.padding import padded_size
from countermark.share.overlap.planted import planted_items
from countermark.share.special_addresses import SPECIAL_IPV4, SPECIAL_IPV6

VECTORS = Path(__file__).parents[2] / "vectors" / "identifiers"
SEVERAL = st.text(
    alphabet="ab09.+-@:/ <>xnwW_\u00fc\u0430\u0661\u200b\u202e\u3002\uff11\u00a0\x00", max_size=6
)


def vectors(name: str) -> Any:
    """Entries of a file of vectors."""
    return json.loads((VECTORS / f"{name}.json").read_text())


CASES = [(kind, entry) for kind in IDENTIFIER_KINDS for entry in vectors(kind)]


def item_or_none(kind: str, value: str) -> bytes | None:
    """The item; None where it is refused."""
    try:
        return canonical_identifier(kind, value)
    except Unfit:
        return None


def naive_item(kind: str, value: str) -> bytes | None:
    """The same by the second implementation."""
    canonical = naive.VALUES[kind](value)
    return None if canonical is None else naive.item(kind, canonical)


def test_the_vectors_are_of_the_libraries_here() -> None:
    assert vectors("rules") == [rules()]
    assert rules().startswith(f"{RULES}; phonenumbers ")


@pytest.mark.parametrize(("kind", "entry"), CASES)
def test_both_implementations_reproduce_the_vectors(kind: str, entry: dict[str, Any]) -> None:
    expected = None if entry["item"] is None else bytes.fromhex(entry["item"])
    assert (expected is None) == (entry["value"] is None)
    assert item_or_none(kind, entry["input"]) == expected == naive_item(kind, entry["input"])
    if expected is not None:
        assert unframed(expected) == (kind, entry["value"])
        assert canonical_identifier(kind, entry["value"]) == expected


@pytest.mark.parametrize(("kind", "entry"), [one for one in CASES if one[1]["value"] is None])
def test_a_reason_never_repeats_the_value(kind: Any, entry: dict[str, Any]) -> None:
    with pytest.raises(Unfit) as refused:
        canonical_value(kind, entry["input"])
    text = entry["input"].strip()
    assert len(text) < 3 or text not in str(refused.value)
    assert str(refused.value).isascii()
    assert len(str(refused.value)) < 100
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@st.composite
def _changed(draw: st.DrawFn) -> tuple[str, str]:
    """An input of the vectors, cut somewhere and with something put in."""
    kind, entry = draw(st.sampled_from(CASES))
    text = entry["input"][:300]
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(start + 4, len(text))))
    middle = draw(SEVERAL | st.text(max_size=3))
    return kind, text[:start] + middle + text[end:]


@settings(max_examples=600, deadline=None)
@given(_changed())
def test_any_input_has_the_same_item_by_both_and_is_stable(given: tuple[str, str]) -> None:
    kind, value = given
    item = item_or_none(kind, value)
    assert item == naive_item(kind, value)
    if item is not None:
        known, canonical = unframed(item)
        assert known == kind
        assert canonical_identifier(kind, canonical) == item
        assert len(item) < 4_100


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(IDENTIFIER_KINDS), st.text(max_size=60))
def test_any_text_has_the_same_item_by_both(kind: str, value: str) -> None:
    assert item_or_none(kind, value) == naive_item(kind, value)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([7, 1, 44, 49, 54, 52, 55, 39, 36, 225, 262, 800, 881, 999]),
    st.text("0123456789", min_size=3, max_size=15),
)
def test_any_digits_are_one_number_by_both(country: int, digits: str) -> None:
    assert item_or_none("phone", f"+{country}{digits}") == naive_item("phone", f"+{country}{digits}")


def test_lone_surrogates_are_refused_like_anything_else() -> None:
    for kind in IDENTIFIER_KINDS:
        assert item_or_none(kind, "jane@\ud800.example") is None


def test_refused_kinds_say_why_and_unknown_ones_that_they_are() -> None:
    for entry in vectors("kinds"):
        with pytest.raises(Unfit):
            canonical_identifier(entry["kind"], "192.0.2.1")
    with pytest.raises(Unfit, match="par"):
        kind_of("payment", "tok_1")
    with pytest.raises(Unfit, match=r"^an unknown kind$"):
        kind_of("secret-7d9c", "x")
    assert all(name not in IDENTIFIER_KINDS for name in REFUSED_KINDS)


def test_addresses_have_the_names_that_indicators_give_them() -> None:
    for name in ("ipv4-addr", "ipv6-addr", "proxy-exit"):
        assert canonical_identifier(name, "192.0.2.1") == canonical_identifier("ipv4", "192.0.2.1")
        assert canonical_identifier(name, "2001:db8::1") == canonical_identifier("ipv6", "2001:db8::1")


@given(st.sampled_from([*IDENTIFIER_KINDS, "planted"]), st.text())
def test_a_frame_is_read_in_one_way(kind: str, value: str) -> None:
    assert unframed(framed(kind, value)) == (kind, value)


@pytest.mark.parametrize(
    "wrong", [b"", b"countermark/identifiers/v2\0ipv4\0001.1.1.1", RULES.encode() + b"\0ipv4"]
)
def test_other_bytes_are_no_item(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="not an item"):
        unframed(wrong)


def test_the_tables_are_those_of_version_1() -> None:
    """Whoever changes a table changes the version."""
    assert module.RULES == "countermark/identifiers/v1"
    blocks = [block for block, _ in (*SPECIAL_IPV4, *SPECIAL_IPV6)]
    digest = hashlib.sha256("\n".join(blocks).encode()).hexdigest()
    assert digest == "237776a98a9969eabab1ec4ef592e440f69092503c5022c587d8e6e9b5c48eb5"


def test_blanks_of_a_skeleton_are_those_of_the_specification() -> None:
    assert {code for code in range(0x110000) if chr(code).isspace()} == naive.SKELETON_BLANKS
    assert unicodedata.ucd_3_2_0.unidata_version == "3.2.0"


@pytest.mark.parametrize("entry", vectors("planted"))
def test_planted_items_are_the_same_for_both(entry: dict[str, Any]) -> None:
    items = planted_items(entry["run"], entry["member"], entry["peer"])
    assert items == planted_items(entry["run"], entry["peer"], entry["member"])
    assert items == naive.planted(entry["run"], entry["member"], entry["peer"])
    assert [one.hex() for one in (items[0], items[1], items[-1])] == entry["items"]
    assert len(set(items)) == PLANTED
    assert {unframed(one)[0] for one in items}.isdisjoint(IDENTIFIER_KINDS)


def test_planted_items_are_of_one_run_of_two() -> None:
    sets = [
        planted_items(*names)
        for names in (("r", "a", "b"), ("s", "a", "b"), ("r", "a", "c"), ("r", "a,", "b"))
    ]
    assert len({one for items in sets for one in items}) == len(sets) * PLANTED
    for names in (("a", "a"), ("a", "\ud800")):
        with pytest.raises(ValueError, match=r"two members|surrogates"):
            planted_items("r", *names)


def test_sizes_are_those_of_the_vectors() -> None:
    for entry in vectors("padding"):
        assert padded_size(entry["items"]) == entry["points"] == naive.points(entry["items"])
    for wrong in (-1, MOST_POINTS - PLANTED + 1):
        with pytest.raises(ValueError, match=r"points|number"):
            padded_size(wrong)


@given(st.integers(0, MOST_POINTS - PLANTED))
def test_a_size_is_at_most_an_eighth_too_large(items: int) -> None:
    size = padded_size(items)
    assert size == naive.points(items)
    assert items + PLANTED <= size <= max(1024, (items + PLANTED) * 9 // 8)
