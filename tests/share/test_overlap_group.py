"""The group and hashing to it, against RFC 9496, RFC 9380 and a naive second implementation."""

import json
import os
import subprocess
import sys
from pathlib import Path

import naive_ristretto as naive
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from countermark.errors import Error
from countermark.share.overlap import group, sodium
from countermark.share.overlap import hash_to_group as hashing
from countermark.share.overlap.hash_to_group import (
    MOST_INPUT,
    expand_message_xmd,
    expander,
    hash_to_group,
    hash_to_scalar,
)
from countermark.share.overlap.voprf import CONTEXT
from countermark.trust.keyfiles import Secret

VECTORS = Path(__file__).parents[2] / "vectors" / "oprf"
RISTRETTO = json.loads((VECTORS / "ristretto255.json").read_text())
EXPANDED = json.loads((VECTORS / "expand_message_xmd.json").read_text())["suites"]
INVALID = [bytes.fromhex(data) for group_ in RISTRETTO["invalid"].values() for data in group_]


def scalar(value: int) -> Secret:
    return Secret((value % group.ORDER).to_bytes(32, "little"))


def number(secret: Secret) -> int:
    return int.from_bytes(secret.reveal(), "little")


def test_multiples_of_the_generator():
    multiples = [bytes.fromhex(data) for data in RISTRETTO["multiples"]]
    assert len(multiples) == 16
    assert multiples[0] == group.IDENTITY
    for factor, expected in enumerate(multiples[1:], 1):
        assert group.base(scalar(factor)) == group.multiply(scalar(factor), group.GENERATOR) == expected
        assert group.add(multiples[factor - 1], group.GENERATOR) == expected
        assert group.sub(expected, group.GENERATOR) == multiples[factor - 1]
        assert group.decode_point(expected) == expected
        assert naive.encode(naive.times(factor, naive.GENERATOR)) == expected


@pytest.mark.parametrize("data", INVALID, ids=lambda data: data.hex()[:8])
def test_what_encodes_no_point_is_refused_everywhere(data):
    assert naive.decode(data) is None
    point = group.GENERATOR
    one = scalar(1)
    for refuse in (
        lambda: group.decode_point(data),
        lambda: group.multiply(one, data),
        lambda: group.add(point, data),
        lambda: group.sub(data, point),
        lambda: group.combine(one, point, one, data),
        lambda: group.weighted_sum([one, one], [point, data]),
    ):
        with pytest.raises(Error, match="point"):
            refuse()


def test_a_set_top_bit_is_no_second_encoding():
    """libsodium 1.0.18 takes it."""
    doubled = group.GENERATOR[:-1] + bytes([group.GENERATOR[-1] | 0x80])
    test_what_encodes_no_point_is_refused_everywhere(doubled)


def test_the_identity_is_refused_from_others_and_as_a_product():
    for refuse in (
        lambda: group.decode_point(group.IDENTITY),
        lambda: group.multiply(scalar(1), group.IDENTITY),
        lambda: group.multiply(scalar(0), group.GENERATOR),
        lambda: group.base(scalar(0)),
        lambda: group.weighted_sum([scalar(1)], [group.IDENTITY]),
    ):
        with pytest.raises(Error):
            refuse()


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_no_function_reads_beyond_what_it_is_given(length):
    data, one = bytes(length), scalar(1)
    for refuse in (
        lambda: group.decode_point(data),
        lambda: group.decode_scalar(data),
        lambda: group.is_reduced(data),
        lambda: group.multiply(one, data),
        lambda: group.multiply(Secret(data), group.GENERATOR),
        lambda: group.base(Secret(data)),
        lambda: group.add(data, group.GENERATOR),
        lambda: group.combine(Secret(data), group.GENERATOR, one, group.GENERATOR),
        lambda: group.weighted_sum([Secret(data)], [group.GENERATOR]),
        lambda: group.weighted_sum([one], [data]),
        lambda: group.invert(Secret(data)),
        lambda: group.less_product(one, Secret(data), one),
        lambda: group.from_uniform(data[:63]),
        lambda: group.scalar_of(data[:63]),
    ):
        with pytest.raises(Error, match="bytes"):
            refuse()


def test_points_of_uniform_bytes():
    for case in RISTRETTO["derived"]:
        assert group.from_uniform(bytes.fromhex(case["input"])).hex() == case["output"]
    alike = RISTRETTO["derived_alike"]
    for data in alike["inputs"]:
        assert group.from_uniform(bytes.fromhex(data)).hex() == alike["output"]


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=64, max_size=64), st.binary(min_size=64, max_size=64), st.data())
def test_against_the_naive_one(first, second, data):
    point, other = group.from_uniform(first), group.from_uniform(second)
    assume(group.IDENTITY not in (point, other))
    p, q = naive.derive(first), naive.derive(second)
    a, b = (data.draw(st.integers(1, group.ORDER - 1)) for _ in range(2))
    assert naive.encode(p) == point
    assert naive.encode(naive.plus(p, q)) == group.add(point, other)
    assert naive.encode(naive.times(a, p)) == group.multiply(scalar(a), point)
    combined = naive.plus(naive.times(a, p), naive.times(b, q))
    assert group.combine(scalar(a), point, scalar(b), other) == naive.encode(combined)
    assert group.weighted_sum([scalar(a), scalar(b)], [point, other]) == naive.encode(combined)
    assert number(group.scalar_of(first)) == int.from_bytes(first, "little") % group.ORDER
    assert number(group.less_product(scalar(a), scalar(b), scalar(a))) == (a - a * b) % group.ORDER
    assert number(group.invert(scalar(a))) * a % group.ORDER == 1


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_any_bytes_are_decoded_as_the_naive_one_does(data):
    try:
        taken = group.decode_point(data) == data
    except Error:
        taken = False
    assert taken == (naive.decode(data) is not None and data != bytes(32))


def test_a_combination_may_vanish():
    minus = scalar(-1)
    assert group.combine(scalar(1), group.GENERATOR, minus, group.GENERATOR) == group.IDENTITY
    assert group.combine(scalar(0), group.GENERATOR, scalar(1), group.GENERATOR) == group.GENERATOR
    assert group.combine(scalar(5), group.IDENTITY, scalar(1), group.GENERATOR) == group.GENERATOR


@pytest.mark.parametrize("value", [0, group.ORDER, group.ORDER + 1, 2**253, 2**255 + 1, 2**256 - 1])
def test_scalars_out_of_range_are_refused(value):
    with pytest.raises(Error, match="order"):
        group.decode_scalar(value.to_bytes(32, "little"))


def test_scalars_in_range_are_taken_and_hidden():
    for value in (1, 2**252, group.ORDER - 1):
        taken = group.decode_scalar(value.to_bytes(32, "little"))
        assert number(taken) == value
        assert "…" in repr(taken)
    drawn = {number(group.random_scalar()) for _ in range(200)}
    assert len(drawn) == 200
    assert all(0 < value < group.ORDER for value in drawn)
    assert max(drawn) > group.ORDER // 2


def test_an_input_that_hashes_to_the_identity_is_refused(monkeypatch):
    assert group.from_uniform(bytes(64)) == group.IDENTITY
    monkeypatch.setattr(hashing, "group_expander", lambda context: lambda data: bytes(64))
    with pytest.raises(Error, match="no point"):
        hash_to_group(b"x", CONTEXT)


@pytest.mark.parametrize("suite", EXPANDED, ids=lambda suite: f"{suite['hash']} {len(suite['DST'])}")
def test_expand_message_xmd(suite):
    dst, algorithm = suite["DST"].encode(), suite["hash"].lower()
    for case in suite["tests"]:
        message, length = case["msg"].encode(), int(case["len_in_bytes"], 16)
        expanded = expand_message_xmd(message, dst, length, algorithm=algorithm)
        assert expanded.hex() == case["uniform_bytes"]


def test_the_fast_expansion_is_the_same():
    for dst in (b"short", b"x" * 255, b"x" * 256, b"y" * 1000):
        for message in (b"", b"a", b"m" * 300):
            assert expander(dst)(message) == expand_message_xmd(message, dst, 64)
    assert expander(b"short")(b"a") == naive.expand64(b"a", b"short")


def test_the_limits_of_the_expansion():
    assert len(expand_message_xmd(b"", b"dst", 255 * 64)) == 255 * 64
    for dst, length in ((b"dst", 255 * 64 + 1), (b"dst", 70_000), (b"dst", 0), (b"", 64)):
        with pytest.raises(Error):
            expand_message_xmd(b"", dst, length)


def test_hashing_to_the_group_and_to_scalars():
    for item in (b"", b"x", b"i" * MOST_INPUT):
        assert hash_to_group(item, CONTEXT) == naive.encode(naive.hash_to_point(item))
    assert hash_to_group(b"x", b"other") != hash_to_group(b"x", CONTEXT)
    expected = int.from_bytes(naive.expand64(b"x", b"HashToScalar-" + CONTEXT), "little") % group.ORDER
    assert number(hash_to_scalar(b"x", CONTEXT)) == expected
    with pytest.raises(Error, match="an input has 65535 bytes"):
        hash_to_group(bytes(MOST_INPUT + 1), CONTEXT)


def test_without_the_package_there_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "rbcl", None)
    sodium.functions.cache_clear()
    try:
        with pytest.raises(Error, match="needs the package rbcl") as raised:
            group.random_scalar()
        assert "countermark[exchange]" in raised.value.hint
    finally:
        sodium.functions.cache_clear()


def test_loading_waits_for_the_first_use_and_leaves_no_file(tmp_path):
    code = (
        "import sys\n"
        "from countermark.share.overlap import batches, group, voprf\n"
        "assert 'rbcl' not in sys.modules\n"
        "group.random_scalar()\n"
        "assert 'rbcl' in sys.modules\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=60)
    assert list(tmp_path.iterdir()) == []
