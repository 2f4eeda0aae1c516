"""Keyed hashes: one host one hash, names that must not stay readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.capture.hashing import Hasher, is_raw_identifier, parse_ip, redacted
from countermark.trust.keyfiles import Secret

HASHER = Hasher(Secret(bytes(16)))


def test_hashes_depend_on_key_domain_and_value_and_fit_64_bits() -> None:
    other = Hasher(Secret(bytes(15) + b"\1"))
    values = {HASHER.text("ip", "a"), HASHER.text("key", "a"), HASHER.text("ip", "b"), other.text("ip", "a")}
    assert len(values) == 4
    assert all(-(2**63) <= value < 2**63 for value in values)


@given(st.text(max_size=30))
def test_remembered_hashes_are_the_same(value: str) -> None:
    assert HASHER.identifier("d", value) == HASHER.identifier("d", value) == HASHER.text("d", value)


@pytest.mark.parametrize(
    "same",
    [
        ("192.0.2.1", "::ffff:192.0.2.1", " 192.0.2.1 ", "192.0.2.1:443"),
        ("2001:db8::1", "[2001:DB8:0::1]:80"),
    ],
)
def test_one_host_is_one_address(same: tuple[str, ...]) -> None:
    assert len({parse_ip(text) for text in same}) == 1


def test_prefixes_are_24_and_48_bits() -> None:
    assert parse_ip("192.0.2.1")[1] == parse_ip("192.0.2.200")[1] == bytes([192, 0, 2])
    assert parse_ip("192.0.3.1")[1] != parse_ip("192.0.2.1")[1]
    assert parse_ip("2001:db8:1:2::1")[1] == parse_ip("2001:db8:1:ffff::1")[1] != parse_ip("2001:db8:2::1")[1]


@pytest.mark.parametrize("text", ["", "host", "300.1.1.1", "1.2.3", "unknown", "::g", "1.2.3.4, 5.6.7.8"])
def test_what_is_no_address(text: str) -> None:
    assert parse_ip(text) is None


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("ann@example.org", True),
        ("oauth2|ann@example.org", True),
        ("192.0.2.7", True),
        ("2001:db8::7", True),
        ("+49 30 1234567", True),
        ("user-17", False),
        ("v1.2", False),
        ("team:blue", False),
        ("@handle", False),
        ("+1", False),
        ("6f1c2a9e-0000-4000-8000-1234567890ab", False),
    ],
)
def test_names_that_are_raw_identifiers(name: str, raw: bool) -> None:
    assert is_raw_identifier(name) is raw


def test_emails_leave_user_agents() -> None:
    assert "ann" not in redacted("bot/1.0 (+mailto:ann@example.org)")
    assert redacted("curl/8") == "curl/8"
    assert redacted("Chrome/120.0.0.0 Safari") != ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/v1/chat?api_key=sk-SECRET12345", "/v1/chat"),
        ("error: sk-SECRET12345 from 10.1.2.3", "error: <key> from <ip>"),
        ("failed for 2001:db8::1, Bearer abc.def", "failed for <ip>, <key>"),
        ("openai-python/1.30.1 at 12:30:45", "openai-python/1.30.1 at 12:30:45"),
    ],
)
def test_readable_columns_hold_no_key_and_no_address(text: str, shown: str) -> None:
    assert redacted(text) == shown
