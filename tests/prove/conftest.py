"""Small EVENTS and FINDINGS folders that agree with each other, and packages sealed from them."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from countermark.prove.package.trustfile import SignerEntry, Trust, read_trust, write_trust
from countermark.prove.sealing.seal import SealOptions, seal
from countermark.records.canonical import file_sha256, sha256_hex
from countermark.records.capture import Capture, Counts, File, Source
from countermark.records.events import ACCOUNT_SCHEMA, EVENT_SCHEMA, SKETCH_SCHEMA
from countermark.records.findings import MEMBER_SCHEMA, Campaign, Reason, Window
from countermark.trust.keyfiles import Secret
from countermark.trust.signing import SigningKey

CREATED = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)


def write_events(folder: Path) -> Path:
    folder.mkdir()
    files = []
    schemas = {"events-00000": EVENT_SCHEMA, "accounts": ACCOUNT_SCHEMA, "sketches": SKETCH_SCHEMA}
    for name in [f"{stem}.parquet" for stem in schemas]:
        pq.write_table(schemas[name.removesuffix(".parquet")].empty_table(), folder / name)
        files.append(File(name, file_sha256(folder / name), 1))
    capture = Capture(
        countermark_version="0.1.0",
        traits_version="1",
        key_id="4a",
        hash_accounts=False,
        formats=[],
        sources=[Source("gateway.jsonl", sha256_hex(b"raw log"), 7, "litellm", 1, 1, 0)],
        files=files,
        counts=Counts(records=1, requests=1),
        empty_columns=[],
        impossible_columns=[],
        costs=[],
        first_ts="2026-06-01T00:00:00Z",
        last_ts="2026-06-30T00:00:00Z",
        tombstones=[],
    )
    (folder / "capture.json").write_bytes(msgspec.json.encode(capture))
    return folder


def write_findings(folder: Path, events: Path) -> Path:
    folder.mkdir()
    rows = [
        {"campaign_id": "campaign-1", "account_id": account, "score": 0.5, "member_p": 1e-4, "member_q": 0.01}
        for account in ("a", "b", "c")
    ]
    members = pa.Table.from_pylist([row | {"reasons": ["shared template"]} for row in rows], MEMBER_SCHEMA)
    pq.write_table(members, folder / "members.parquet")
    (folder / "method.json").write_text(json.dumps({"seed": 2**63 - 1, "sql": ["SELECT 1"], "fdr": 0.01}))
    (folder / "report.html").write_text("<!doctype html><title>r</title>")
    campaign = Campaign(
        campaign_id="campaign-1",
        kind="harvest",
        size=3,
        window=Window("2026-06-01T00:00:00Z", "2026-06-30T00:00:00Z"),
        p_value=1e-9,
        log10_p_value=-9.0,
        q_value=1e-7,
        null="accounts are exchangeable within their stratum",
        discovery_families=["infrastructure"],
        confirmation_families=["prompts"],
        reasons=[Reason("shared_templates", 0.5, "half of the prompts share a template")],
        members_digest=sha256_hex(b"a\nb\nc"),
    )
    listed = ("members.parquet", "method.json", "report.html")
    document = {
        "schema": "countermark/findings/v1",
        "campaigns": [campaign.to_dict()],
        "files": {name: file_sha256(folder / name) for name in listed},
        "events": {"capture_sha256": file_sha256(events / "capture.json")},
    }
    (folder / "findings.json").write_text(json.dumps(document, indent=1))
    return folder


@pytest.fixture(scope="session")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="session")
def other_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="session")
def options(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> SealOptions:
    folder = tmp_path_factory.mktemp("a case")
    events = write_events(folder / "events")
    findings = write_findings(folder / "findings", events)
    return SealOptions(
        findings=findings,
        events=events,
        case_id="CASE-1",
        out=folder / "case.zip",
        keys=[key],
        created=CREATED,
        salt_key=Secret(bytes(32)),
    )


@pytest.fixture(scope="session")
def trust_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Trust]:
    def make(*keys: SigningKey, **more: Any) -> Trust:
        path = tmp_path_factory.mktemp("trust") / "trust.json"
        signers = [
            SignerEntry(f"signer {number}", one.public.to_base64()) for number, one in enumerate(keys, 1)
        ]
        write_trust(path, signers, **more)
        return read_trust(path)

    return make


@pytest.fixture
def plain_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are drawn elsewhere: here they are empty ones, which takes no time."""
    for name in ("bars", "intervals", "timeline"):
        monkeypatch.setattr(f"countermark.prove.typeset.pictures.{name}", lambda *_: b"<svg/>")


@pytest.fixture
def sealed(options: SealOptions, tmp_path: Path) -> Callable[..., Path]:
    """Seal the small case again, with options of one's own."""

    def make(out: str = "case.zip", **changes: Any) -> Path:
        return seal(replace(options, out=tmp_path / out, **changes))

    return make
