"""`case trust`: what goes into a trust file comes out of it, and what cannot stand in one is refused."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from log_stories import ALLY, OUTSIDER, Story, day
from loopback_tsa import Authority, Server

import countermark_verify
from countermark.prove.package.trustfile import read_trust
from countermark.trust.signing import SigningKey
from running import countermark


@pytest.fixture
def keygen(tmp_path: Path) -> Callable[[str], str]:
    def make(name: str) -> str:
        done = countermark("case", "keygen", "--out", tmp_path / f"{name}.key", "--name", name)
        return str(done.out.splitlines()[1])

    return make


def test_everything_comes_out_again(tmp_path: Path, keygen: Callable[[str], str]) -> None:
    line = keygen("Ann")
    keygen("bob")
    story = Story(tmp_path / "story").fixed()
    story.tick(day(2), OUTSIDER)
    log, note = str(story.book.public.verifier), tmp_path / "kept.note"
    note.write_text(story.book.public.checkpoint())
    authority = Authority(tmp_path, intermediate=True)
    (tmp_path / "tsa.pem").write_text(authority.root_pem + authority.intermediate_pem)
    out = tmp_path / "trust.json"
    done = countermark(
        *("case", "trust", "--signer", line, "--signer", tmp_path / "bob.key.pub", "--threshold", "2"),
        *("--case", "CASE-1", "--log", log, "--tsa-root", tmp_path / "tsa.pem", "--checkpoint", note),
        *("--witness", f"{OUTSIDER.key}=outside", "--witness", f"{ALLY.key}=alliance"),
        *("--timestamp-authorities", "2", "--out", out, "--json"),
    )
    assert done.code == 0, done.err
    made, answer = read_trust(out), json.loads(done.out)
    assert answer["schema"] == "countermark/case-trust/v1"
    assert answer["signers"] == made.signers
    assert sorted(made.signers.values()) == ["Ann", "bob"]
    assert (made.threshold, made.timestamp_authorities, made.cases) == (2, 2, {"CASE-1"})
    assert [str(one) for one in made.logs] == [log]
    assert [(str(one.key), one.alliance) for one in made.witnesses] == [
        (str(OUTSIDER.key), False),
        (str(ALLY.key), True),
    ]
    assert len(made.tsa_roots) == 2
    assert made.checkpoints == (story.book.public.checkpoint(),)


def test_a_package_verifies_by_it(
    sealed: Callable[..., Path], key: SigningKey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With both verifiers: the second reads what is written of a key in PEM or base64."""
    authority = Authority(tmp_path)
    with Server(authority.reply) as url:
        package = sealed("case.zip", tsa_urls=[url], created=datetime.now(UTC))
    (tmp_path / "root.pem").write_text(authority.root_pem)
    (tmp_path / "Ann.pub").write_text(f"{key.public.to_base64()}\n")
    out = tmp_path / "trust.json"
    done = countermark(
        "case", "trust", "--signer", tmp_path / "Ann.pub", "--tsa-root", tmp_path / "root.pem", "--out", out
    )
    assert done.code == 0, done.err
    assert "fewer than two --timestamp-authorities" in done.err
    assert countermark("verify", package, "--trust", out).out.startswith(
        "VERIFIED case CASE-1, signed by Ann"
    )
    capsys.readouterr()
    assert countermark_verify.main([str(package), "--trust", str(out)]) == 0


def test_a_key_in_pem_is_written_in_base64(tmp_path: Path, keygen: Callable[[str], str]) -> None:
    keygen("Ann")
    assert (tmp_path / "Ann.key.pub").read_text().startswith("-----BEGIN")
    out = tmp_path / "trust.json"
    assert countermark("case", "trust", "--signer", tmp_path / "Ann.key.pub", "--out", out).code == 0
    assert "BEGIN" not in out.read_text()
    assert countermark_verify.read_trust(out)["signers"].keys() == read_trust(out).signers.keys()


def test_a_witness_is_an_ally_unless_it_is_said(tmp_path: Path, keygen: Callable[[str], str]) -> None:
    line, out = keygen("Ann"), tmp_path / "trust.json"
    done = countermark("case", "trust", "--signer", line, "--witness", str(OUTSIDER.key), "--out", out)
    assert (done.code, [one.alliance for one in read_trust(out).witnesses]) == (0, [True])
    assert "no witness is =outside" in done.err


BAD: dict[str, tuple[list[Any], int, str]] = {
    "a threshold beyond the signers": (["--threshold", "2"], 3, "a threshold of 2 with 1 signers"),
    "no case id": (["--case", "a b"], 3, "cannot be a case id"),
    "no key of a log": (["--log", "x"], 1, "not of the form name+hash+base64"),
    "a witness twice": (["--witness", str(OUTSIDER.key), "--witness", str(OUTSIDER.key)], 3, "stands twice"),
    "no certificate": (["--tsa-root", "bad.pem"], 3, "holds no certificate"),
    "a file that is missing": (["--checkpoint", "missing"], 3, "cannot be read"),
    "no text": (["--checkpoint", "binary"], 3, "it is no text"),
    "no signer": (["--signer", '{"name": "x"}'], 2, "--signer: "),
    "too large": (["--checkpoint", "large"], 3, "larger than 1 MiB"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_stand_in_one(
    tmp_path: Path, keygen: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.pem").write_text("no certificate")
    Path("binary").write_bytes(b"\xff\xfe")
    Path("large").write_bytes(b"x" * ((1 << 20) + 1))
    arguments, code, why = BAD[what]
    done = countermark("case", "trust", "--signer", keygen("Ann"), *arguments, "--out", "trust.json")
    assert done.code == code, done.err
    assert done.err.startswith("countermark: error: ")
    assert why in done.err
    assert not Path("trust.json").exists()


def test_what_stands_there_stays(tmp_path: Path, keygen: Callable[[str], str]) -> None:
    line, out = keygen("Ann"), tmp_path / "trust.json"
    out.write_text("mine")
    assert countermark("case", "trust", "--signer", line, "--out", out).code == 2
    assert out.read_text() == "mine"
    assert countermark("case", "trust", "--signer", line, "--out", out, "--overwrite").code == 0
