"""Profiles: read, signed, refused."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from countermark.errors import Error
from countermark.trust.signing import SigningKey
from countermark.watermark.from_engine import refuse_drift
from countermark.watermark.profile import Tokenizer, read_profile, write_profile
from countermark.watermark.scoring import load_scheme
from watermark_samples import own_profile


def test_what_is_written_is_read(tmp_path: Path) -> None:
    profile = own_profile()
    write_profile(tmp_path / "p.json", profile)
    read = read_profile(tmp_path / "p.json")
    assert read.profile == profile
    assert read.profile.profile_id == profile.profile_id
    assert read.envelope is None


def test_a_signed_profile_is_checked_against_the_trusted_keys(tmp_path: Path) -> None:
    signer, stranger = SigningKey.generate(), SigningKey.generate()
    write_profile(tmp_path / "p.json", own_profile(), signer)
    read = read_profile(tmp_path / "p.json")
    assert read.profile == own_profile()
    read.check_signed_by({signer.public.keyid: signer.public})
    with pytest.raises(Error, match="not signed by 1 key"):
        read.check_signed_by({stranger.public.keyid: stranger.public})
    with pytest.raises(Error, match="not signed by 1 key"):
        read.check_signed_by({signer.public.keyid: stranger.public})


def test_a_bare_profile_is_signed_by_nobody(tmp_path: Path) -> None:
    write_profile(tmp_path / "p.json", own_profile())
    with pytest.raises(Error, match="not signed"):
        read_profile(tmp_path / "p.json").check_signed_by({})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": "other"}, "schema is not"),
        ({"context_width": 0}, "context_width is not between"),
        ({"context_width": 65}, "context_width is not between"),
        ({"tokenizer": {"name": "t", "sha256": "ab"}}, "64 lower-case hex"),
        ({"tokenizer": {"name": "t", "vocab_size": -1}}, "out of range"),
        ({"surprise": 1}, "unknown field"),
        ({"engine": "vllm"}, "Expected"),
    ],
)
def test_a_bad_field_is_named(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps({**msgspec.to_builtins(own_profile()), **change}))
    with pytest.raises(Error, match=reason):
        read_profile(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"payloadType": 1, "payload": 2}'])
def test_what_is_no_profile_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(content)
    with pytest.raises(Error):
        read_profile(path)


def test_a_missing_profile_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Error, match="cannot be read") as raised:
        read_profile(tmp_path / "none.json")
    assert "watermark profile" in raised.value.hint


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"engine": own_profile().engine.__class__("countermark", "99")}, "not checked against"),
        ({"engine": own_profile().engine.__class__("vllm", "0.33.0")}, "is of countermark"),
        ({"parameters": {"alpha": 0.1}}, "does not know: alpha"),
        ({"prf": "philox"}, "uses siphash-2-4"),
        ({"scheme": "none"}, "no plug-in called"),
    ],
)
def test_the_scheme_checks_the_profile(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Error, match=reason):
        load_scheme(own_profile(**changes))


def test_drift_between_two_ends_names_both_values() -> None:
    with pytest.raises(Error, match="differ in context_width: 4 here, 2 there"):
        refuse_drift(own_profile(4), own_profile(2))
    with pytest.raises(Error, match=r'differ in parameters: \{"alpha":0.2\} here, \{"alpha":0.1\} there'):
        refuse_drift(own_profile(parameters={"alpha": 0.2}), own_profile(parameters={"alpha": 0.1}))
    with pytest.raises(Error, match="different tokenizers"):
        refuse_drift(
            own_profile(tokenizer=Tokenizer("a", "0" * 64)), own_profile(tokenizer=Tokenizer("a", "1" * 64))
        )
    refuse_drift(own_profile(), own_profile(models=["other"], epoch="2"))
