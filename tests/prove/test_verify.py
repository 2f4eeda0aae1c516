"""Who sealed, which case, which step fails, and what is no package at all."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from countermark.errors import Error, ExitCode
from countermark.prove.package import members
from countermark.prove.package.archive import write_archive
from countermark.prove.package.bag import bag_files
from countermark.prove.package.case import decode_case
from countermark.prove.package.layout import CASE, FINDINGS_JSON, Contents
from countermark.prove.package.members import measure_source
from countermark.prove.package.statements import PAYLOAD_TYPE
from countermark.prove.verifying.verification import Verification
from countermark.prove.verifying.verify import verify
from countermark.records.canonical import canonical_json
from countermark.trust.dsse import open_envelope, seal_envelope
from countermark.trust.signing import SigningKey

Sealed = Callable[..., Path]


def failed_step(verification: Verification) -> str | None:
    return next((step.name for step in verification.steps if step.outcome == "FAILED"), None)


def rebuild(folder: Path, target: Path, changed: dict[str, bytes]) -> Path:
    """The package with some members changed, manifests and zip built again around them."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    files |= changed
    contents: Contents = {name: measure_source(name, data, crc=True) for name, data in files.items()}
    files |= bag_files(decode_case(files[CASE]), contents)
    contents = {name: measure_source(name, data, crc=True) for name, data in files.items()}
    target.unlink(missing_ok=True)
    write_archive(target, decode_case(files[CASE]).case_id, files, contents)
    return target


def test_accepted_signer(sealed: Sealed, trust_of: Callable, key: SigningKey) -> None:
    verification = verify(sealed(), trust_of(key, cases=["CASE-1"]), "CASE-1")
    assert verification.verdict == "VERIFIED"
    assert verification.exit_code == 0
    assert (verification.case_id, verification.signers) == ("CASE-1", ("signer 1",))
    assert {step.outcome for step in verification.steps} == {"ok"}


def test_without_trust_it_is_intact_and_not_verified(sealed: Sealed) -> None:
    verification = verify(sealed())
    assert verification.verdict == "INTACT, SIGNER NOT CHECKED"
    assert verification.exit_code == ExitCode.VERIFICATION_FAILED


def test_package_sealed_again_with_another_key(
    sealed: Sealed, trust_of: Callable, key: SigningKey, other_key: SigningKey
) -> None:
    forged = sealed(keys=[other_key])
    assert verify(forged).verdict == "INTACT, SIGNER NOT CHECKED"
    assert failed_step(verify(forged, trust_of(key))) == "signers"


def test_k_of_n(sealed: Sealed, trust_of: Callable, key: SigningKey, other_key: SigningKey) -> None:
    one, two = sealed("one.zip"), sealed("two.zip", keys=[key, other_key])
    both_needed = trust_of(key, other_key, threshold=2)
    assert failed_step(verify(one, both_needed)) == "signers"
    assert verify(two, both_needed).signers in [("signer 1", "signer 2"), ("signer 2", "signer 1")]
    assert verify(two, trust_of(key)).verdict == "VERIFIED"
    assert two.read_bytes() == sealed("again.zip", keys=[other_key, key]).read_bytes()


def test_dropped_signature_of_a_second_signer(
    sealed: Sealed, trust_of: Callable, key: SigningKey, other_key: SigningKey, tmp_path: Path
) -> None:
    """One of two would be enough for the trust file; the case declared both."""
    folder = sealed("case", keys=[key, other_key])
    changed = {}
    for path in (folder / "attestations").iterdir():
        body = open_envelope(path.read_bytes(), PAYLOAD_TYPE).body
        changed[f"attestations/{path.name}"] = seal_envelope(PAYLOAD_TYPE, body, [key])
    forged = rebuild(folder, tmp_path / "forged.zip", changed)
    assert verify(forged, trust_of(key)).verdict == "FAILED"


def test_valid_package_of_another_case(sealed: Sealed, trust_of: Callable, key: SigningKey) -> None:
    other = sealed("CASE-1.zip", case_id="CASE-2")
    assert verify(other, trust_of(key)).verdict == "VERIFIED"
    assert failed_step(verify(other, trust_of(key), "CASE-1")) == "case"
    assert failed_step(verify(other, trust_of(key, cases=["CASE-1"]))) == "case"
    assert failed_step(verify(other, None, "CASE-1")) == "case"


def test_envelope_of_another_case_signed_by_the_same_key(
    sealed: Sealed, trust_of: Callable, key: SigningKey, tmp_path: Path
) -> None:
    folder, other = sealed("one"), sealed("other", case_id="CASE-2")
    for name in ("capture", "detect", "seal", "close"):
        entry = f"attestations/{name}.dsse.json"
        forged = rebuild(folder, tmp_path / "forged.zip", {entry: (other / entry).read_bytes()})
        assert failed_step(verify(forged, trust_of(key))) in ("digests", "chain")


def test_statement_that_does_not_say_what_the_payload_says(
    sealed: Sealed, trust_of: Callable, key: SigningKey, tmp_path: Path
) -> None:
    """Even an accepted signer cannot name other log files in the Statement than in the payload."""
    folder = sealed("case")
    path = folder / "attestations/capture.dsse.json"
    statement = json.loads(open_envelope(path.read_bytes(), PAYLOAD_TYPE).body)
    statement["predicate"]["materials"][0]["name"] = "another.jsonl"
    envelope = seal_envelope(PAYLOAD_TYPE, canonical_json(statement), [key])
    forged = rebuild(folder, tmp_path / "forged.zip", {"attestations/capture.dsse.json": envelope})
    assert failed_step(verify(forged, trust_of(key))) == "chain"


@pytest.mark.parametrize(
    ("name", "old", "new", "step"),
    [
        ("data/findings/report.html", b"doctype", b"DOCTYPE", "digests"),
        (FINDINGS_JSON, b"harvest", b"pool", "digests"),
        (CASE, b'"timestamps":0', b'"timestamps":1', "envelopes"),
        (CASE, b'"timestamps":0', b'"timestamps":0,"x":0', "bag"),
        (CASE, b'"timestamps":0', b'"timestamps":99', "bag"),
        (CASE, b"2026-07-01T12:00:00Z", b"2025-07-01T12:00:00Z", "digests"),
        (CASE, b"2026-07-01T12:00:00Z", b"2026-7-1T12:00:00Z", "bag"),
        (CASE, b"CASE-1", b"CASE-2", "digests"),
        (CASE, b"false", b"true", "digests"),
        ("data/events/capture.json", b"gateway", b"getaway", "digests"),
    ],
)
def test_changed_payload_with_manifests_built_again(
    sealed: Sealed,
    trust_of: Callable,
    key: SigningKey,
    tmp_path: Path,
    name: str,
    old: bytes,
    new: bytes,
    step: str,
) -> None:
    folder = sealed("case")
    data = (folder / name).read_bytes()
    assert old in data
    (folder / name).write_bytes(data.replace(old, new))
    assert verify(folder, trust_of(key)).verdict == "FAILED"
    (folder / name).write_bytes(data)
    forged = tmp_path / "forged.zip"
    try:
        rebuild(folder, forged, {name: data.replace(old, new)})
    except Error:
        assert step == "bag"  # not even the writer can read it
        return
    assert failed_step(verify(forged, trust_of(key))) == step


def test_folder_holds_nothing_but_plain_files(sealed: Sealed, trust_of: Callable, key: SigningKey) -> None:
    folder, trust = sealed("case"), trust_of(key)

    def refused() -> bool:
        return failed_step(verify(folder, trust)) == "outer layer"

    os.mkfifo(folder / "data/pipe")
    assert refused()
    (folder / "data/pipe").unlink()
    (folder / "data/loop").symlink_to(folder)
    assert refused()
    (folder / "data/loop").unlink()
    (folder / "data/empty").mkdir()
    assert refused()
    (folder / "data/empty").rmdir()
    (folder / ".hidden").write_bytes(b"")
    assert refused()
    (folder / ".hidden").unlink()
    shutil.copy(folder / "bagit.txt", folder / "BagIt.txt")
    assert verify(folder, trust).verdict == "FAILED"
    (folder / "BagIt.txt").unlink()
    assert verify(folder, trust).verdict == "VERIFIED"


def test_bounds(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    package, folder = sealed(), sealed("case")
    monkeypatch.setattr(members, "MAX_KEPT_BYTES", 100)
    assert failed_step(verify(package)) == "outer layer"
    assert failed_step(verify(folder)) == "outer layer"


@pytest.mark.parametrize(
    "name", [FINDINGS_JSON, "data/events/capture.json", "data/findings/method.json", CASE]
)
@pytest.mark.parametrize(
    "data",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"a":1e999}',
        b"",
        b"\xff",
        b'{"a":1,"a":1}',
        b'{"a":NaN}',
        b"[]",
        b'"\\ud800"',
    ],
)
def test_hostile_json_is_a_failure_not_a_traceback(
    sealed: Sealed, tmp_path: Path, name: str, data: bytes
) -> None:
    folder = sealed("case")
    if name != CASE:
        assert verify(rebuild(folder, tmp_path / "forged.zip", {name: data})).verdict == "FAILED"
    (folder / name).write_bytes(data)
    assert verify(folder).verdict == "FAILED"


def test_what_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/notes.txt").write_text("notes")
    (tmp_path / "empty").mkdir()
    for path in ("notes.txt", "folder", "empty", "missing", "missing.zip"):
        with pytest.raises(Error) as caught:
            verify(tmp_path / path)
        assert caught.value.exit_code == ExitCode.NO_INPUT
    with pytest.raises(Error, match="remote"):
        verify(Path("https://example.com/case.zip"))


def test_what_is_left_of_a_package_is_damaged(sealed: Sealed, tmp_path: Path) -> None:
    data, folder = sealed().read_bytes(), sealed("case")
    (tmp_path / "empty.zip").write_bytes(b"")
    (tmp_path / "renamed.bin").write_bytes(b"rubbish" + data[50:])
    (tmp_path / "text.zip").write_text("no zip")
    for name in ("bagit.txt", "bag-info.txt", "manifest-sha256.txt"):
        (folder / name).unlink()
    for path in ("empty.zip", "renamed.bin", "text.zip", "case"):
        assert verify(tmp_path / path).verdict == "FAILED"
