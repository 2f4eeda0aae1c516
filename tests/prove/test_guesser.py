"""Who has a redacted package, all that was taken out but one value, and a list of candidates, tries them all.

The guesser writes every file again with each candidate, and every digest that a program makes of account ids,
and looks for them among all hex strings of the package: Statements, documents, leaves, manifests.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from itertools import product
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.prove.conftest import write_events

from countermark.detect.findings_folder import write_findings
from countermark.prove.custody.custody import Acquisition, Clock, Custody
from countermark.prove.package.statements import PAYLOAD_TYPE
from countermark.prove.redacting.redact import RedactOptions, redact
from countermark.prove.redacting.takes import Take, parse_take
from countermark.prove.sealing.seal import SealOptions, seal
from countermark.prove.verifying.verify import verify
from countermark.records.canonical import canonical_json, file_sha256, sha256_hex
from countermark.records.events import ACCOUNT_SCHEMA, EVENT_SCHEMA
from countermark.records.findings import MEMBER_SCHEMA, Campaign, Reason, Window
from countermark.trust.dsse import open_envelope
from countermark.trust.signing import SigningKey

FINDINGS = "data/findings/findings.json"
CUSTODY = "data/custody.json"
MEMBERS, ACCOUNTS, REQUESTS = (f"data/tables/{name}.jsonl" for name in ("members", "accounts", "requests"))
IDS = [f"acct-{number:07d}" for number in range(300)]
"""All accounts of the provider, from a list that the guesser has."""
OURS, STRANGER = IDS[100:105], IDS[7]
TRUE_ID, TRUE_COUNTRY, TRUE_NAME = OURS[2], "NZ", "Ann Example"
COUNTRIES = ["".join(pair) for pair in product(ascii_uppercase, repeat=2)]
NAMES = [f"{first} Example" for first in ("Ada", "Ann", "Bea", "Bob", "Cy", "Di")]
Files = Mapping[str, bytes]


@dataclass
class Packages:
    """One case as it was sealed, and what is left of it."""

    sealed: Files
    redacted: Files
    warned: tuple[str, ...]
    """Files of which `case redact` says that a guess can be confirmed."""


def country_of(account: str) -> str:
    return TRUE_COUNTRY if account == TRUE_ID else "DE"


def _events(folder: Path) -> Path:
    """One account more than the campaign has: `accounts.parquet` is not what the package's table is."""
    write_events(folder)
    accounts = [{"account_id": one, "country": country_of(one)} for one in (*OURS, STRANGER)]
    start = datetime(2026, 6, 1, tzinfo=UTC)
    given = {"source_digest": "ab" * 32, "capture_version": "1", "status": "200"}
    rows = [
        {"ts": start.replace(minute=at), "account_id": OURS[at % 5], "request_id": f"r-{at}"}
        | {"source_offset": at, **given}
        for at in range(15)
    ]
    pq.write_table(pa.Table.from_pylist(accounts, ACCOUNT_SCHEMA), folder / "accounts.parquet")
    pq.write_table(pa.Table.from_pylist(rows, EVENT_SCHEMA), folder / "events-00000.parquet")
    capture = json.loads((folder / "capture.json").read_bytes())
    for file in capture["files"]:
        file["sha256"] = file_sha256(folder / file["name"])
    (folder / "capture.json").write_text(json.dumps(capture))
    return folder


def members_digest(ids: Iterable[str]) -> str:
    return sha256_hex("".join(f"{one}\n" for one in sorted(ids)).encode())


def members_table(ids: Iterable[str]) -> pa.Table:
    row = {"campaign_id": "campaign-1", "score": 0.5, "member_p": 1e-4, "member_q": 0.01, "reasons": ["x"]}
    return pa.Table.from_pylist([row | {"account_id": one} for one in ids], MEMBER_SCHEMA)


def _findings(folder: Path, events: Path, *, blind: bool) -> Path:
    folder.mkdir()
    campaign = Campaign(
        campaign_id="campaign-1",
        kind="harvest",
        size=len(OURS),
        window=Window("2026-06-01T00:00:00Z", "2026-06-01T00:14:00Z"),
        p_value=1e-9,
        log10_p_value=-9.0,
        q_value=1e-7,
        null="accounts are exchangeable within their stratum",
        discovery_families=["infrastructure"],
        confirmation_families=["prompts"],
        reasons=[Reason("shared_templates", 0.5, "half of the prompts share a template")],
        members_digest=members_digest(OURS),
    )
    report = "<!doctype html><title>r</title>" + "".join(f"<p>{one}</p>\n" for one in OURS)
    header = {"events": {"capture_sha256": file_sha256(events / "capture.json")}, "fdr": 0.01}
    write_findings(folder, [campaign], members_table(OURS), {"seed": 1}, report, header, blind=blind)
    return folder


@pytest.fixture(scope="module", params=["of a case", "of none"])
def blind(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "of a case")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, options: SealOptions, blind: bool) -> Path:
    folder = tmp_path_factory.mktemp("a case to be guessed")
    events = _events(folder / "events")
    acquisition = Acquisition(
        id="acq-1", what="log", by=TRUE_NAME, role="analyst", source="gateway-3", method="capture",
        purpose="routine", started="2026-06-15T08:00:00Z", ended="2026-06-15T08:10:00Z",
        clock=Clock(source="ntp", offset_seconds=0.02), items=[],
    )  # fmt: skip
    more: dict[str, Any] = {"custody": Custody(acquisitions=[acquisition]), "include_events": True}
    more["findings"] = _findings(folder / "findings", events, blind=blind)
    return seal(replace(options, events=events, out=folder / "case", **more))


@pytest.fixture
def without(package: Path, tmp_path: Path, key: SigningKey) -> Callable[..., Packages]:
    """What is left without something."""

    def make(*what: Take | str, **more: Any) -> Packages:
        takes = [parse_take(one) if isinstance(one, str) else one for one in what]
        out = tmp_path / "left"
        options = {"package": package, "out": out, "keys": [key], "what": takes, "why": "order"}
        said = redact(RedactOptions(**(options | {"allow_elsewhere": True} | more)))
        assert verify(out).verdict == "INTACT, SIGNER NOT CHECKED"
        return Packages(_files(package), _files(out), said.changed)

    return make


def _files(package: Path) -> dict[str, bytes]:
    """Every file, envelopes with what is in them beside them."""
    files = {}
    for path in package.rglob("*"):
        if path.is_file():
            files[path.relative_to(package).as_posix()] = path.read_bytes()
    envelopes = [name for name in files if name.endswith(".dsse.json")]
    return files | {f"{name} opened": open_envelope(files[name], PAYLOAD_TYPE).body for name in envelopes}


def guesses(packages: Packages, truth: str, candidates: Iterable[str]) -> list[str]:
    """The candidates of which some digest stands in what is left."""
    left = {one for data in packages.redacted.values() for one in re.findall(rb"[0-9a-f]{32,}", data)}
    known = {one.decode() for one in left}
    found = []
    for candidate in candidates:
        tried = set(_tries(packages.sealed, truth, candidate))
        if known & (tried | {one[:32] for one in tried}):
            found.append(candidate)
    return found


def _tries(sealed: Files, truth: str, candidate: str) -> Iterable[str]:
    """SHA-256 of whatever could be written with this value in the place of the true one."""
    yield from (sha256_hex(one) for one in (candidate.encode(), f"{candidate}\n".encode()))
    yield sha256_hex(canonical_json(candidate))
    for name, data in sealed.items():
        if name.startswith("data/") and not name.endswith((".parquet", ".leaves", FINDINGS)):
            # who has not the random bytes leaves them away
            data = re.sub(rb"<!-- blind [0-9a-f]{64} -->\n", b"", data)
            if truth.encode() in data:
                again = data.replace(truth.encode(), candidate.encode())
                yield sha256_hex(again)
                yield from (sha256_hex(line) for line in again.splitlines())
    if truth == TRUE_ID:
        yield from _of_members(sealed, [candidate if one == truth else one for one in OURS])


def _of_members(sealed: Files, ids: list[str]) -> Iterable[str]:
    """What `detect` writes of these accounts."""
    digest = members_digest(ids)
    yield digest
    document = json.loads(sealed[FINDINGS])
    campaign = document["campaigns"][0]
    content = {key: one for key, one in campaign.items() if key not in ("revision", "disposition")}
    revision = sha256_hex(canonical_json(content | {"members_digest": digest}))
    yield revision
    text = sealed[FINDINGS].decode().replace(campaign["members_digest"], digest)
    text = text.replace(campaign["revision"], revision[:32])
    yield sha256_hex(text.replace(document.get("blind", "none"), "0" * 64).encode())
    table = BytesIO()
    metadata = {b"countermark.supersedes": b"{}"}
    pq.write_table(members_table(ids).replace_schema_metadata(metadata), table, compression="zstd")
    yield sha256_hex(table.getvalue())


def planted(packages: Packages, digest: str) -> Packages:
    """The same with one digest more, in a document."""
    return replace(packages, redacted={**packages.redacted, "planted": f'{{"sha256":"{digest}"}}'.encode()})


def test_a_country_of_one_account_is_not_found(without: Callable[..., Packages]) -> None:
    packages = without("personal-data:accounts.jsonl#/2/country")
    assert TRUE_COUNTRY.encode() not in packages.redacted[ACCOUNTS]
    assert guesses(packages, TRUE_COUNTRY, COUNTRIES) == []
    digest = sha256_hex(packages.sealed[ACCOUNTS])
    assert guesses(planted(packages, digest), TRUE_COUNTRY, COUNTRIES) == [TRUE_COUNTRY]


def test_a_name_in_the_custody_is_not_found(without: Callable[..., Packages]) -> None:
    packages = without(f"personal-data:{CUSTODY}#/acquisitions/0/by")
    assert guesses(packages, TRUE_NAME, NAMES) == []
    digest = sha256_hex(packages.sealed[CUSTODY])
    assert guesses(planted(packages, digest), TRUE_NAME, NAMES) == [TRUE_NAME]


@pytest.mark.parametrize("how", ["accounts", "rows", "field", "whole"])
def test_a_member_is_found_only_in_findings_that_are_not_blind(
    without: Callable[..., Packages], blind: bool, how: str
) -> None:
    """Those of a run outside a case are written alike each time; their digest stays (docs/redaction.md)."""
    others = [f"personal-data:{ACCOUNTS}", f"personal-data:{REQUESTS}"]
    takes: dict[str, list[Take | str]] = {
        "accounts": [Take(ground="personal-data", accounts=frozenset({TRUE_ID}))],
        "rows": [Take(ground="personal-data", name=MEMBERS, rows=((3, 3),)), *others],
        "field": [f"personal-data:{MEMBERS}#/2/account_id", *others],
        "whole": [f"personal-data:{MEMBERS}", *others],
    }
    packages = without(*takes[how])
    left = json.loads(packages.redacted[FINDINGS])
    assert {left["campaigns"][0][key] for key in ("members_digest", "revision")} == {None}
    assert left.get("blind") is None
    assert ("blind" in left) == blind
    assert packages.warned == (() if blind else (FINDINGS,))
    assert guesses(packages, TRUE_ID, IDS) == ([] if blind else [TRUE_ID])
    for name in (MEMBERS, ACCOUNTS, REQUESTS):
        digest = sha256_hex(packages.sealed[name])
        assert guesses(planted(packages, digest), TRUE_ID, IDS) == [TRUE_ID], name
    for digest in list(_of_members(packages.sealed, OURS))[:2]:
        for shown in (digest, digest[:32]):
            assert guesses(planted(packages, shown), TRUE_ID, IDS) == [TRUE_ID]


def test_a_field_of_a_campaign_takes_the_revision_with_it(
    without: Callable[..., Packages], blind: bool
) -> None:
    packages = without(f"privilege:{FINDINGS}#/campaigns/0/kind")
    left = json.loads(packages.redacted[FINDINGS])
    assert [left["campaigns"][0][key] for key in ("kind", "revision")] == [None, None]
    assert left["campaigns"][0]["members_digest"] == members_digest(OURS)
    kinds = ("harvest", "pool", "undecided")
    text = packages.sealed[FINDINGS].decode()
    tried = {}
    for kind in kinds:
        campaign = json.loads(text)["campaigns"][0] | {"kind": kind}
        content = {key: one for key, one in campaign.items() if key not in ("revision", "disposition")}
        tried[kind] = sha256_hex(canonical_json(content))[:32]
    everything = b"".join(packages.redacted.values())
    assert not [kind for kind in kinds if tried[kind].encode() in everything]
    assert tried["harvest"].encode() in b"".join(packages.sealed.values())
    assert blind == (b'"blind"' in packages.redacted[FINDINGS])


def test_two_runs_are_blind_in_different_ways(tmp_path: Path) -> None:
    events = _events(tmp_path / "events")
    one, other = (_findings(tmp_path / name, events, blind=True) for name in ("one", "other"))
    for name in ("findings.json", "members.parquet", "report.html"):
        assert file_sha256(one / name) != file_sha256(other / name)
    assert file_sha256(one / "method.json") == file_sha256(other / "method.json")
    assert pq.read_table(one / "members.parquet").equals(pq.read_table(other / "members.parquet"))
    said = json.loads((one / "findings.json").read_bytes())["blind"]
    metadata = pq.read_schema(one / "members.parquet").metadata[b"countermark.blind"]
    assert metadata.decode() not in (one / "findings.json").read_text() + (one / "report.html").read_text()
    assert said not in (one / "report.html").read_text()
    shutil.rmtree(other)
    plain = _findings(tmp_path / "other", events, blind=False)
    assert "blind" not in json.loads((plain / "findings.json").read_bytes())
