"""`case redact` on whole packages: what is left verifies, says what is gone, and holds it nowhere."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.prove.conftest import write_events, write_findings

from countermark.cli import main
from countermark.errors import Error, ExitCode
from countermark.prove.package.layout import REDACTION
from countermark.prove.package.statements import PAYLOAD_TYPE, REDACTION_TYPE, decode_statement
from countermark.prove.package.trustfile import Trust
from countermark.prove.redacting.redact import Redacted, RedactOptions, redact
from countermark.prove.redacting.redaction import read_redaction
from countermark.prove.redacting.takes import Take, parse_take
from countermark.prove.sealing.seal import SealOptions, seal
from countermark.prove.verifying.verify import verify
from countermark.records.canonical import file_sha256, sha256_hex
from countermark.records.events import ACCOUNT_SCHEMA, EVENT_SCHEMA
from countermark.records.findings import MEMBER_SCHEMA
from countermark.trust.dsse import open_envelope
from countermark.trust.signing import SigningKey

FINDINGS = "data/findings/findings.json"
REASON = "half of the prompts share a template"
WHEN = datetime(2026, 8, 1, 9, 0, 0, tzinfo=UTC)
Make = Callable[..., Redacted]


def account(number: int) -> str:
    return f"acct-{number:07d}"


def _events(folder: Path) -> Path:
    write_events(folder)
    accounts = [{"account_id": account(at), "country": "DE", "plan": "pro"} for at in range(8)]
    start = datetime(2026, 6, 1, tzinfo=UTC)
    rows = [
        {
            "ts": start.replace(minute=at),
            "account_id": account(at % 8),
            "request_id": f"req-{at:06d}",
            "status": "200",
            "source_digest": "ab" * 32,
            "source_offset": at,
            "capture_version": "1",
        }
        for at in range(40)
    ]
    pq.write_table(pa.Table.from_pylist(accounts, ACCOUNT_SCHEMA), folder / "accounts.parquet")
    pq.write_table(pa.Table.from_pylist(rows, EVENT_SCHEMA), folder / "events-00000.parquet")
    capture = json.loads((folder / "capture.json").read_bytes())
    for file in capture["files"]:
        file["sha256"] = file_sha256(folder / file["name"])
    (folder / "capture.json").write_text(json.dumps(capture))
    return folder


def _findings(folder: Path, events: Path) -> Path:
    write_findings(folder, events)
    rows = [
        {
            "campaign_id": "campaign-1",
            "account_id": account(at),
            "score": 0.5,
            "member_p": 1e-4,
            "member_q": 0.01,
        }
        for at in range(5)
    ]
    pq.write_table(pa.Table.from_pylist(rows, MEMBER_SCHEMA), folder / "members.parquet")
    document = json.loads((folder / "findings.json").read_bytes())
    document["files"]["members.parquet"] = file_sha256(folder / "members.parquet")
    (folder / "findings.json").write_text(json.dumps(document, indent=1))
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, options: SealOptions) -> Path:
    folder = tmp_path_factory.mktemp("a case to be redacted")
    events = _events(folder / "events")
    findings = _findings(folder / "findings", events)
    return seal(
        replace(options, events=events, findings=findings, out=folder / "case.zip", include_events=True)
    )


@pytest.fixture
def trust(trust_of: Callable[..., Trust], key: SigningKey) -> Trust:
    return trust_of(key)


@pytest.fixture
def make(package: Path, tmp_path: Path, key: SigningKey) -> Make:
    def run(*what: Take | str, out: str = "left.zip", **more: Any) -> Redacted:
        takes = [parse_take(one) if isinstance(one, str) else one for one in what]
        options = {"package": package, "out": tmp_path / out, "keys": [key], "why": "order of 1 August 2026"}
        return redact(RedactOptions(**(options | {"created": WHEN, "what": takes} | more)))

    return run


def files_of(package: Path, tmp_path: Path) -> dict[str, bytes]:
    if package.suffix == ".zip":
        folder = tmp_path / f"{package.stem} unpacked"
        shutil.unpack_archive(package, folder)
        package = next(folder.iterdir())
    return {
        path.relative_to(package).as_posix(): path.read_bytes()
        for path in package.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("out", ["left.zip", "left"])
def test_accounts_taken_out_are_nowhere_and_the_rest_verifies(
    make: Make, trust: Trust, tmp_path: Path, out: str
) -> None:
    gone = frozenset({account(1), account(3)})
    redacted = make(Take(ground="personal-data", accounts=gone), out=out, trust=trust)
    answer = verify(tmp_path / out, trust)
    assert answer.verdict == "VERIFIED", answer
    assert [(one.name, one.count, one.ground) for one in answer.taken_out] == [
        (one.name, one.count, one.ground) for one in redacted.taken_out
    ]
    counts = {one.name: one.count for one in redacted.taken_out}
    assert counts["data/tables/requests.jsonl"] == 10
    assert {"data/findings/members.parquet", "data/events/accounts.parquet"} <= set(redacted.attachments)
    files = files_of(tmp_path / out, tmp_path)
    assert not any(one.encode() in data for one in gone for data in files.values())
    assert account(2).encode() in files["data/tables/members.jsonl"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".partial-")]


def test_fields_of_a_finding_go_and_the_step_says_on_which_ground(
    make: Make, trust: Trust, tmp_path: Path
) -> None:
    make(f"privilege:{FINDINGS}#/campaigns/*/reasons/**")
    answer = verify(tmp_path / "left.zip", trust)
    assert answer.verdict == "VERIFIED"
    assert "privilege" in answer.steps[3].detail
    assert REASON.encode() not in files_of(tmp_path / "left.zip", tmp_path)[FINDINGS]


def test_a_second_redaction_replaces_the_first_and_keeps_what_it_took(
    make: Make, trust: Trust, tmp_path: Path
) -> None:
    first = make(f"privilege:{FINDINGS}#/campaigns/*/reasons/**", out="first")
    old = (tmp_path / "first" / REDACTION).read_bytes()
    second = make(Take(ground="personal-data", accounts=frozenset({account(2)})), package=tmp_path / "first")
    assert verify(tmp_path / "left.zip", trust).verdict == "VERIFIED"
    assert set(first.taken_out) <= set(second.taken_out)
    envelope = files_of(tmp_path / "left.zip", tmp_path)[REDACTION]
    body = open_envelope(envelope, PAYLOAD_TYPE).body
    redaction = read_redaction(decode_statement(body, REDACTION, REDACTION_TYPE).predicate)
    assert redaction.previous == sha256_hex(old)


def test_texts_that_still_stand_elsewhere_are_said_and_refused(make: Make, tmp_path: Path) -> None:
    only_members = "personal-data:members.jsonl#/*/account_id"
    with pytest.raises(Error, match="still stand in the package") as caught:
        make(only_members)
    assert account(0) not in str(caught.value)
    assert not (tmp_path / "left.zip").exists()
    shown = make(only_members, dry_run=True)
    assert shown.elsewhere["data/tables/accounts.jsonl"] == 5
    assert not (tmp_path / "left.zip").exists()
    make(only_members, allow_elsewhere=True)
    assert (tmp_path / "left.zip").exists()


def test_what_is_left_is_not_written_where_it_would_not_verify(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countermark.prove.leaves.leaf_files.is_kept", lambda pointer: False)
    with pytest.raises(Error, match="would not verify") as caught:
        make(f"privilege:{FINDINGS}#/schema")
    assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_does_not_verify_is_not_redacted(make: Make, package: Path, tmp_path: Path) -> None:
    data = package.read_bytes()
    (tmp_path / "bad.zip").write_bytes(data.replace(b"half of the", b"Half of the"))
    with pytest.raises(Error, match="does not verify as it is"):
        make(f"privilege:{FINDINGS}#/campaigns/*/reasons/**", package=tmp_path / "bad.zip")


def test_the_package_itself_is_never_written_to(make: Make, package: Path) -> None:
    with pytest.raises(Error, match="not changed"):
        make(f"privilege:{FINDINGS}#/campaigns/*/reasons/**", out=str(package), overwrite=True)


def test_a_redaction_by_somebody_unknown_is_not_accepted(
    make: Make, trust: Trust, other_key: SigningKey, tmp_path: Path
) -> None:
    make(f"privilege:{FINDINGS}#/campaigns/*/reasons/**", keys=[other_key])
    answer = verify(tmp_path / "left.zip", trust)
    assert answer.verdict == "FAILED"
    with pytest.raises(Error, match="would not verify"):
        make(f"privilege:{FINDINGS}#/campaigns/*/reasons/**", keys=[other_key], trust=trust, out="again.zip")


def test_two_signers_of_one_redaction(
    make: Make,
    options: SealOptions,
    trust_of: Callable[..., Trust],
    key: SigningKey,
    other_key: SigningKey,
    tmp_path: Path,
) -> None:
    """Where two have to sign, a redaction by one of them is none, whoever sealed the package."""
    what = f"privilege:{FINDINGS}#/campaigns/*/reasons/**"
    both = seal(replace(options, out=tmp_path / "two.zip", keys=[key, other_key]))
    two = trust_of(key, other_key, threshold=2)
    make(what, package=both, keys=[other_key, key], out="both.zip", trust=two)
    answer = verify(tmp_path / "both.zip", two)
    assert (answer.verdict, bool(answer.taken_out)) == ("VERIFIED", True)
    envelope = open_envelope(files_of(tmp_path / "both.zip", tmp_path)[REDACTION], PAYLOAD_TYPE)
    assert [one for one, _ in envelope.signatures] == sorted(one.public.keyid for one in (key, other_key))
    for number, one in enumerate((key, other_key)):
        make(what, package=both, keys=[one], out=f"{number}.zip")
        answer = verify(tmp_path / f"{number}.zip", two)
        step = next(step for step in answer.steps if step.outcome == "FAILED")
        assert (step.name, "1 accepted signer of the redaction, and" in step.detail) == ("signers", True)


def test_the_redaction_of_another_package_is_refused(
    make: Make, options: SealOptions, trust: Trust, tmp_path: Path
) -> None:
    make(f"privilege:{FINDINGS}#/campaigns/*/reasons/**", out="one")
    later = options.created and options.created.replace(hour=13)
    other = seal(replace(options, out=tmp_path / "other", created=later))
    make(f"privilege:{FINDINGS}#/campaigns/*/reasons/**", package=other, out="two")
    assert verify(tmp_path / "two", trust).verdict == "VERIFIED"
    shutil.copy(tmp_path / "one" / REDACTION, tmp_path / "two" / REDACTION)
    assert verify(tmp_path / "two", trust).verdict == "FAILED"


def test_the_verb(
    package: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    key: SigningKey,
) -> None:
    key.save(tmp_path / "key")
    (tmp_path / "ids").write_text(account(1) + "\n")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(
            sys, "argv", ["countermark", "case", "redact", str(package), *map(str, arguments)]
        )
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    who = ("--accounts", tmp_path / "ids", "--ground", "personal-data")
    code, out, err = run(*who, "--dry-run")
    assert (code, out.splitlines()[0]) == (0, "would redact case CASE-1")
    assert "these go with it" in err
    assert "fields that stay" in err
    end = ("--key", tmp_path / "key", "--out", tmp_path / "left.zip")
    code, out, _ = run(*who, *end, "--why", "names of customers", "--json")
    assert (code, json.loads(out)["package"]) == (0, str(tmp_path / "left.zip"))
    assert run(*who, *end, "--why", "x")[0] == ExitCode.ERROR
    assert run("--accounts", tmp_path / "ids", *end)[0] == ExitCode.USAGE
    assert run("--take", "because:x", *end)[0] == ExitCode.USAGE
    assert run("--take", "privilege:data/case.json", *end, "--overwrite", "--why", "x")[0] == ExitCode.USAGE
    assert run(*who)[0] == ExitCode.USAGE
