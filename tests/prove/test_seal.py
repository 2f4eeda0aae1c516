"""What seal writes: a bag, a zip that any tool opens, the same bytes for the same inputs."""

import base64
import json
import os
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from countermark.errors import Error, ExitCode
from countermark.prove.sealing.seal import SealOptions
from countermark.prove.verifying.verify import verify
from countermark.trust.signing import SigningKey


def test_zip_and_folder_hold_the_same_bag(sealed: Callable[..., Path]) -> None:
    package, folder = sealed("case.zip"), sealed("case")
    with zipfile.ZipFile(package) as archive:
        assert archive.testzip() is None
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.namelist() == sorted(archive.namelist())
        zipped = {info.filename.removeprefix("CASE-1/"): archive.read(info) for info in archive.infolist()}
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    assert zipped == files


def test_bag_manifests_hold(sealed: Callable[..., Path]) -> None:
    folder = sealed("case")
    payload = {path.relative_to(folder).as_posix() for path in (folder / "data").rglob("*") if path.is_file()}
    lines = (folder / "manifest-sha256.txt").read_text().splitlines()
    assert {line.split("  ")[1] for line in lines} == payload
    for line in [*lines, *(folder / "tagmanifest-sha256.txt").read_text().splitlines()]:
        digest, name = line.split("  ")
        assert sha256((folder / name).read_bytes()).hexdigest() == digest
    octets = sum((folder / name).stat().st_size for name in payload)
    assert f"Payload-Oxum: {octets}.{len(payload)}\n" in (folder / "bag-info.txt").read_text()


def test_statements_say_what_made_the_findings(sealed: Callable[..., Path]) -> None:
    folder = sealed("case")

    def statement(step: str) -> dict:
        envelope = json.loads((folder / "attestations" / f"{step}.dsse.json").read_text())
        assert envelope["payloadType"] == "application/vnd.in-toto+json"
        body = json.loads(base64.b64decode(envelope["payload"]))
        assert body["_type"] == "https://in-toto.io/Statement/v1"
        return body

    capture, detect, seal = statement("capture"), statement("detect"), statement("seal")
    assert capture["predicate"]["materials"][0]["name"] == "gateway.jsonl"
    assert "data/events/events-00000.parquet" in {one["name"] for one in capture["subject"]}
    assert set(detect["predicate"]) == {"case_id", "materials"}  # digests alone: nothing is repeated
    assert detect["predicate"]["materials"][0]["digest"] == next(
        one["digest"] for one in capture["subject"] if one["name"] == "data/events/capture.json"
    )
    roots = {one["name"]: one for one in seal["predicate"]["leaves"]}
    assert roots["data/tables/members.jsonl"]["count"] == 18
    assert roots["data/findings/method.json"]["form"] == "fields"
    payload = {line[66:] for line in (folder / "manifest-sha256.txt").read_text().splitlines()}
    alone = {"data/custody.json", "data/results.json", "data/tables/members.jsonl"}
    assert {one["name"] for one in seal["subject"]} == payload - alone
    assert alone < roots.keys() < payload


def test_same_inputs_give_the_same_bytes(
    sealed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sealed("a.zip").read_bytes() == sealed("b.zip").read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1751371200")
    first = sealed("c.zip", created=None)
    assert first.read_bytes() == sealed("d.zip", created=None).read_bytes()
    assert verify(first).created == "2025-07-01T12:00:00Z"


@pytest.mark.parametrize("out", ["case.zip", "case"])
def test_existing_package_is_replaced_only_when_told(sealed: Callable[..., Path], out: str) -> None:
    before = verify(sealed(out)).case_id
    with pytest.raises(Error, match="exists already"):
        sealed(out, case_id="CASE-2")
    after = verify(sealed(out, case_id="CASE-2", overwrite=True)).case_id
    assert (before, after) == ("CASE-1", "CASE-2")


def test_events_are_included_only_when_told(
    sealed: Callable[..., Path], trust_of: Callable, key: SigningKey
) -> None:
    folder = sealed("with", include_events=True)
    assert (folder / "data/events/events-00000.parquet").is_file()
    assert verify(folder, trust_of(key)).verdict == "VERIFIED"
    (folder / "data/events/events-00000.parquet").write_bytes(b"other")
    assert verify(folder, trust_of(key)).verdict == "FAILED"


def test_failed_write_leaves_nothing(
    sealed: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", broken)
    for out in ("case.zip", "case"):
        with pytest.raises(OSError, match="disk full"):
            sealed(out)
    assert list(tmp_path.iterdir()) == []


def test_findings_of_other_events_are_not_sealed(
    sealed: Callable[..., Path], options: SealOptions, tmp_path: Path
) -> None:
    events = tmp_path / "events"
    events.mkdir()
    for path in options.events.iterdir():
        (events / path.name).write_bytes(path.read_bytes())
    capture = json.loads((events / "capture.json").read_text())
    (events / "capture.json").write_text(json.dumps({**capture, "key_id": "4b"}))
    with pytest.raises(Error, match="not made of the events") as caught:
        sealed(events=events)
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_changed_findings_are_not_sealed(
    sealed: Callable[..., Path], options: SealOptions, tmp_path: Path
) -> None:
    findings = tmp_path / "findings"
    findings.mkdir()
    for path in options.findings.iterdir():
        (findings / path.name).write_bytes(path.read_bytes())
    (findings / "report.html").write_text("touched up")
    with pytest.raises(Error, match=r"report\.html does not have the digest"):
        sealed(findings=findings)
    (findings / "report.html").write_bytes((options.findings / "report.html").read_bytes())
    text = (findings / "findings.json").read_text()
    (findings / "findings.json").write_text(text.replace('"size": 3', '"size": 4'))
    with pytest.raises(Error, match="revision of its content"):
        sealed(findings=findings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"case_id": "../x"}, "cannot be a case id"),
        ({"keys": []}, "no signing key"),
        ({"findings": Path("nowhere")}, "not a whole FINDINGS"),
        ({"events": Path("nowhere")}, "not a whole EVENTS"),
        ({"tsa_urls": ["file:///etc/passwd"]}, "http or https"),
        ({"tsa_urls": ["https://user:secret@tsa.example/"]}, "without a user"),
    ],
)
def test_what_cannot_be_sealed(sealed: Callable[..., Path], changes: dict, message: str) -> None:
    with pytest.raises(Error, match=message) as caught:
        sealed(**changes)
    assert "secret" not in caught.value.message
