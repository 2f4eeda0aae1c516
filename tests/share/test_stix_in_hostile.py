"""Input made to do harm: it is refused, in a line, within a bound of time and memory."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stix_in_samples import SAMPLES, Stix, check, encoded, indicator, sdo, spoilt

from countermark.share.stix.bounds import MAX_BYTES, MAX_DEPTH
from countermark.share.stix.patterns import MAX_COMPLEX, MAX_PATTERN
from countermark.share.stix.schemas import check_objects

BODY = encoded(indicator())[:-1]


def deep(levels: int) -> bytes:
    """A valid object but for its depth."""
    return BODY + b',"x_deep":' + b'{"abc":' * levels + b"1" + b"}" * levels + b"}"


RAW = {
    "empty": b"",
    "blank": b" ",
    "not JSON": b"{",
    "not UTF-8": BODY + b',"x_text":"\xff"}',
    "overlong UTF-8": BODY + b',"x_text":"\xc0\xaf"}',
    "surrogate in UTF-8": BODY + b',"x_text":"\xed\xa0\x80"}',
    "byte order mark": b"\xef\xbb\xbf" + BODY + b"}",
    "UTF-16": (BODY + b"}").decode().encode("utf-16"),
    "half a surrogate pair": BODY + b',"x_text":"\\ud800"}',
    "half a surrogate pair in a name": BODY + b',"x_te\\udfffxt":1}',
    "NaN": BODY + b',"x_number":NaN}',
    "infinity": BODY + b',"x_number":-Infinity}',
    "beyond a double": BODY + b',"x_number":1e999}',
    "many digits": BODY + b',"x_number":' + b"9" * 100_000 + b"}",
    "many decimals": BODY + b',"x_number":0.' + b"9" * 100_000 + b"}",
    "beyond 54 bits": BODY + b',"x_number":9007199254740993}',
    "a member twice": BODY + b',"name":"other"}',
    "a member twice, escaped": BODY + b',"na\\u006de":"other"}',
    "a member twice, deep": BODY + b',"x_any":[{"abc":1,"abc":1}]}',
    "a list": b"[" + BODY + b"}]",
    "a text": b'"x"',
    "two objects": BODY + b"}" + BODY + b"}",
    "too deep": deep(MAX_DEPTH),
    "much too deep": deep(200_000),
    "deep lists": b"[" * 500_000,
    "too large": BODY + b',"x_text":"' + b"x" * MAX_BYTES + b'"}',
    "a null byte in a name": BODY + b',"x_\\u0000":1}',
}


@pytest.mark.parametrize("name", RAW)
def test_raw_bytes(name: str) -> None:
    started = time.process_time()
    problem = check(RAW[name]).problem
    assert problem
    assert "\n" not in problem
    assert len(problem) <= 300
    assert time.process_time() - started < 1


def test_what_is_just_within_the_bounds_is_taken() -> None:
    assert check(deep(MAX_DEPTH - 1)).problem == ""
    assert check(BODY + b',"x_text":"\\ud83d\\ude00"}').problem == ""
    assert check(BODY + b',"x_number":9007199254740991,"x_other":1e308}').problem == ""
    assert check(BODY + b',"x_text":"' + b"x" * (MAX_BYTES - len(BODY) - 20) + b'"}').problem == ""


PATTERNS = {
    "long": "[url:value = '" + "x" * MAX_PATTERN + "']",
    "long and complex": "[url:value IN ('" + "x" * MAX_COMPLEX + "')]",
    "nested": "(" * 900 + "[url:value = 'x']" + ")" * 900,
    "nested comparisons": "[" + "(" * 900 + "url:value = 'x'" + ")" * 900 + "]",
    "open": "[" * 3000,
    "open both": "([" * 1500,
    "no end": "[url:value = 'x'" + " AND NOT" * 300,
    "steps": "[url:value" + ".[*]" * 700 + "]",
    "spaces": "[url:value =" + " " * 2900,
    "quotes": "[url:value = '" + "\\'" * 9000,
    "plain without end": "[url:value = 'x'" + " OR url:value = 'x'" * 1000,
    "control characters": "[url:value = 'x']\x00",
}


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns(name: str) -> None:
    started = time.process_time()
    assert check(indicator(pattern=PATTERNS[name])).problem
    assert time.process_time() - started < 1


def test_many_complex_patterns_in_one_request_are_bounded() -> None:
    def of(number: int) -> bytes:
        pattern = f"[url:value IN ('{number}')" + " AND url:value IN ('x')" * 110 + "]"
        return encoded(indicator(number, pattern=pattern))

    started = time.process_time()
    found = check_objects([of(number) for number in range(200)])
    assert time.process_time() - started < 20
    assert [one.problem for one in found[:5]] == [""] * 5
    assert "send it in another" in found[-1].problem


def test_large_objects_take_time_in_proportion() -> None:
    many = {f"x_{number}": [number] for number in range(60_000)}
    marks = [
        {"selectors": [f"x_{n}" for n in range(10_000)], "marking_ref": "marking-definition--" + "0" * 36}
    ]
    hashes = {f"extension-definition--{n:08d}-0000-4000-8000-000000000000": {} for n in range(5_000)}
    started = time.process_time()
    for one in (
        sdo("x-many", **many),
        sdo("x-many", granular_markings=marks),
        sdo("x-many", extensions=hashes),
    ):
        check(one)
    assert time.process_time() - started < 3


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | spoilt().map(encoded))
def test_nothing_raises(raw: bytes) -> None:
    one = check_objects([raw])[0]
    assert one.data == raw
    assert "\n" not in one.problem


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SAMPLES), st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_raises_nothing(one: Stix, place: int, byte: int) -> None:
    raw = bytearray(json.dumps(one).encode())
    raw[place % len(raw)] = byte
    assert check_objects([bytes(raw)])[0].data == bytes(raw)
