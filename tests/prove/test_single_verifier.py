"""The verifier in one file: by itself, with what the first one seals, and where something is missing."""

import ast
import base64
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

import countermark_verify
from countermark.prove.package.trustfile import SignerEntry, write_trust
from countermark.prove.redacting.redact import RedactOptions, Take, redact
from countermark.trust.signing import SigningKey

SOURCE = Path(countermark_verify.__file__)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
)


@pytest.fixture
def trust(tmp_path: Path, key: SigningKey) -> Path:
    write_trust(tmp_path / "trust.json", [SignerEntry("Ann", key.public.to_base64())])
    return tmp_path / "trust.json"


def test_it_needs_nothing_but_python_and_cryptography() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    found = {one.module or "" for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)}
    found |= {name.name for one in ast.walk(tree) if isinstance(one, ast.Import) for name in one.names}
    others = {one.partition(".")[0] for one in found} - set(sys.stdlib_module_names)
    assert others == {"cryptography"}


@given(JSON)
def test_canonical_json_is_that_of_the_library(value: object) -> None:
    text = json.dumps(value).encode()
    if b"\\ud" in text.lower():
        text = json.dumps(value, ensure_ascii=False).encode()
    assert countermark_verify.canonical(countermark_verify.read_json(text, "it")).encode() == rfc8785.dumps(
        value
    )


@pytest.mark.parametrize("out", ["case", "case.zip"])
def test_what_is_sealed_and_redacted_verifies(
    sealed: Callable[..., Path],
    trust: Path,
    key: SigningKey,
    tmp_path: Path,
    out: str,
    capsys: pytest.CaptureFixture,
) -> None:
    package = sealed(out)
    assert countermark_verify.main([str(package), "--trust", str(trust), "--case", "CASE-1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("VERIFIED case CASE-1, signed by Ann, made 2026-07-01")
    assert [line.split()[0] for line in lines[1:]] == [str(number) for number in range(1, 14)]
    pointers = ("/campaigns/*/reasons/*/text",)
    what = [Take(name="data/findings/findings.json", ground="personal-data", pointers=pointers)]
    target = tmp_path / f"redacted-{out}"
    redact(RedactOptions(package=package, out=target, keys=[key], what=what, why="names"))
    assert countermark_verify.main([str(target), "--trust", str(trust)]) == 0
    assert "under personal-data; 'names'" in capsys.readouterr().out


def test_exit_codes(sealed: Callable[..., Path], trust: Path, tmp_path: Path) -> None:
    package = str(sealed())
    main = countermark_verify.main
    assert main([package]) == 20
    assert main([package, "--trust", str(trust), "--case", "CASE-2"]) == 20
    assert main([str(tmp_path / "missing"), "--trust", str(trust)]) == 3
    assert main([str(trust), "--trust", str(trust)]) == 20
    assert main([package, "--trust", package]) == 3
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2


def test_a_key_in_pem_is_for_the_other_one(
    sealed: Callable[..., Path], tmp_path: Path, key: SigningKey, capsys: pytest.CaptureFixture[str]
) -> None:
    public = Ed25519PublicKey.from_public_bytes(key.public.raw)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    write_trust(tmp_path / "trust.json", [SignerEntry("Ann", pem)])
    assert countermark_verify.main([str(sealed()), "--trust", str(tmp_path / "trust.json")]) == 3
    assert "the trust file cannot be used (no PEM keys here)" in capsys.readouterr().err


def test_a_checkpoint_that_nobody_signed_forks_no_log(tmp_path: Path) -> None:
    """It is left aside, where the full verifier refuses the trust file."""
    told_by = SOURCE.parents[1] / "vectors/package"
    told_by = told_by if told_by.exists() else Path(__file__).parents[2] / "vectors/package"
    listed = json.loads((told_by / "vectors.json").read_text(encoding="utf-8"))
    said = next(one["trust"] for one in listed if one["file"] == "log-forked.zip")
    body, _, signatures = said["checkpoints"][0].partition("\n\n")
    name, _, signature = signatures.removeprefix("\u2014 ").partition(" ")
    other = base64.b64encode(b"abcd" + base64.b64decode(signature)[4:]).decode()
    said["checkpoints"] = [f"{body}\n\n\u2014 {name} {other}\n"]
    (tmp_path / "trust.json").write_text(json.dumps(said))
    with tarfile.open(told_by / "packages.tar.xz") as tar:
        tar.extract("log-forked.zip", tmp_path, filter="data")
    package, trust = tmp_path / "log-forked.zip", tmp_path / "trust.json"
    assert countermark_verify.verify(package, countermark_verify.read_trust(trust))["verdict"] == "VERIFIED"


def test_without_openssl_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    vectors = SOURCE.parents[1] / "vectors/package"
    vectors = vectors if vectors.exists() else Path(__file__).parents[2] / "vectors/package"
    with tarfile.open(vectors / "packages.tar.xz") as tar:
        tar.extract("stamped.zip", tmp_path, filter="data")
    listed = json.loads((vectors / "vectors.json").read_text(encoding="utf-8"))
    said = next(one["trust"] for one in listed if one["file"] == "stamped.zip")
    (tmp_path / "trust.json").write_text(json.dumps(said))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("openssl") is None
    arguments = [str(tmp_path / "stamped.zip"), "--trust", str(tmp_path / "trust.json")]
    assert countermark_verify.main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "the program openssl is not installed" in captured.err


def test_a_folder_holds_nothing_but_plain_files(sealed: Callable[..., Path], trust: Path) -> None:
    folder = sealed("case")

    def code() -> int:
        return countermark_verify.main([str(folder), "--trust", str(trust)])

    (folder / "data/empty").mkdir()
    assert code() == 20
    (folder / "data/empty").rmdir()
    (folder / "data/link").symlink_to(folder)
    assert code() == 20
    (folder / "data/link").unlink()
    os.mkfifo(folder / "data/pipe")
    assert code() == 20
    (folder / "data/pipe").unlink()
    (folder / "data/more.txt").write_text("x")
    assert code() == 20
    (folder / "data/more.txt").unlink()
    assert code() == 0


@pytest.mark.parametrize(
    "line", [b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 100_000, b"[" * 5_000_000, b"\xff", b"", b"{"]
)
def test_what_it_reads_is_strict_json(line: bytes) -> None:
    with pytest.raises(countermark_verify.Failed):
        countermark_verify.read_json(line, "it")


def test_it_can_be_read_in_an_afternoon() -> None:
    """It has fewer than 900 lines, and every function fits a screen."""
    assert len(SOURCE.read_text(encoding="utf-8").splitlines()) < 900
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    assert max((one.end_lineno or 0) - one.lineno + 1 for one in functions) <= 50
