"""FINDINGS and attribution folders as STIX: whole ones, named accounts, what was published before."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from stix_samples import attribution, campaign, later, problems, terms

from countermark.detect.findings_folder import prepare_folder, write_findings
from countermark.errors import Error, ExitCode
from countermark.flow.sharing import attribution_as_stix, findings_as_stix, read_published
from countermark.records.canonical import canonical_json
from countermark.records.findings import MEMBER_SCHEMA
from countermark.share.stix import withdraw


@pytest.fixture
def findings(tmp_path: Path) -> Path:
    """Two campaigns of two accounts each, as `detect` writes them."""
    out = tmp_path / "FINDINGS"
    prepare_folder(out)
    found = [campaign(size=2), campaign("campaign-2", kind="pool", size=2)]
    rows = [
        {"campaign_id": f"campaign-{1 + number // 2}", "account_id": f"a{number}", "score": 1.0}
        | {"member_p": 0.01, "member_q": 0.01, "reasons": []}
        for number in range(4)
    ]
    write_findings(
        out, found, pa.Table.from_pylist(rows, schema=MEMBER_SCHEMA), {}, "", {"calibrated_to": 0.01}
    )
    return out


@pytest.fixture
def identifiers(tmp_path: Path) -> Path:
    """An address of two accounts, a fingerprint of one, and rows of others."""
    given = {"first_seen": "2026-03-01", "last_seen": "2026-03-02"}
    rows = [
        {"account_id": "a0", "kind": "ipv4-addr", "value": "198.51.100.3"},
        {"account_id": "a1", "kind": "ipv4-addr", "value": "198.51.100.3"},
        {"account_id": "a2", "kind": "ja4", "value": "t13d1516h2_8daaf6152771_e5627efa2ab1"},
        {"account_id": "nobody", "kind": "ipv4-addr", "value": "198.51.100.99"},
        {"account_id": "a0", "kind": "payment", "value": "4111"},
    ]
    path = tmp_path / "identifiers.jsonl"
    path.write_text("".join(json.dumps({**row, **given}) + "\n" for row in rows))
    return path


def test_a_folder_becomes_valid_objects_of_named_accounts_alone(findings: Path, identifiers: Path) -> None:
    shared = findings_as_stix(findings, terms(), identifiers=identifiers)
    assert problems(shared.objects) == []
    patterns = [one["pattern"] for one in shared.objects if one["type"] == "indicator"]
    assert len(patterns) == 2
    assert "198.51.100.99" not in str(shared.objects)
    assert list(shared.identifiers.counts()) == [
        ("address", "198.51.100.3", 2),
        ("ja4", "t13d1516h2_8daaf6152771_e5627efa2ab1", 1),
    ]
    assert (shared.identifiers.not_named, len(shared.identifiers.quarantined)) == (1, 1)


def test_without_identifiers_there_are_no_indicators(findings: Path) -> None:
    objects = findings_as_stix(findings, terms()).objects
    assert sorted({one["type"] for one in objects}) == [
        "campaign",
        "identity",
        "marking-definition",
        "relationship",
    ]


def test_one_campaign_can_be_chosen(findings: Path, identifiers: Path) -> None:
    objects = findings_as_stix(findings, terms(), identifiers=identifiers, campaigns=["campaign-2"]).objects
    assert len([one for one in objects if one["type"] == "campaign"]) == 1
    assert "198.51.100.3" not in str(objects)
    with pytest.raises(Error, match="no campaign campaign-9"):
        findings_as_stix(findings, terms(), campaigns=["campaign-9"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("findings.json", None),
        ("findings.json", b"{}"),
        ("findings.json", b"[" * 100_000),
        ("findings.json", b"\xff"),
        ("members.parquet", None),
        ("members.parquet", b"PAR1"),
    ],
)
def test_a_folder_that_is_not_whole_is_one_line(findings: Path, name: str, content: bytes | None) -> None:
    path = findings / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(Error) as refused:
        findings_as_stix(findings, terms())
    assert refused.value.exit_code == ExitCode.NO_INPUT


@pytest.mark.parametrize(
    "changes",
    [{"schema": "another"}, {"calibrated_to": 0}, {"campaigns": [{}]}, {"files": {}}],
)
def test_a_record_that_says_something_else_is_refused(findings: Path, changes: dict[str, Any]) -> None:
    path = findings / "findings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(Error):
        findings_as_stix(findings, terms())


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "theft"},
        {"p_value": 2},
        {"size": 0},
        {"window": {"first": "yesterday", "last": "2026-03-05"}},
    ],
)
def test_a_campaign_that_detect_cannot_have_written_is_refused(
    findings: Path, changes: dict[str, Any]
) -> None:
    path = findings / "findings.json"
    content = json.loads(path.read_text())
    content["campaigns"][0].update(changes)
    path.write_text(json.dumps(content))
    with pytest.raises(Error):
        findings_as_stix(findings, terms())


def test_what_was_published_is_read_back_in_its_latest_versions(findings: Path, tmp_path: Path) -> None:
    first = findings_as_stix(findings, terms()).objects
    after = later(first, terms())
    second = withdraw([one["id"] for one in first if one["type"] == "campaign"], after)
    paths = [tmp_path / "1.jsonl", tmp_path / "2.jsonl"]
    for path, objects in zip(paths, (second, first), strict=True):
        path.write_bytes(b"".join(canonical_json(one) + b"\n" for one in objects))
    published = read_published(paths)
    assert published == {one["id"]: one for one in [*first, *second]}
    again = findings_as_stix(findings, msgspec.structs.replace(after, earlier=published)).objects
    assert {one["type"] for one in again} == {"marking-definition", "identity"}


@pytest.mark.parametrize(
    "line", [b"[]", b"{}", b"{", b'{"id":7}', b'{"id":"a","modified":"x"}', b"[" * 90_000]
)
def test_a_line_that_is_no_object_is_refused(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "objects.jsonl"
    path.write_bytes(line + b"\n")
    with pytest.raises(Error):
        read_published([path])


def test_two_objects_of_one_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "objects.jsonl"
    made = {"type": "campaign", "id": "campaign--x", "modified": "2026-03-05T00:00:00.000Z"}
    path.write_text(json.dumps(made) + "\n" + json.dumps({**made, "name": "other"}) + "\n")
    with pytest.raises(Error, match="line 2 is another object of the same id and version"):
        read_published([path])


def test_an_attribution_s_folder_becomes_a_note(tmp_path: Path) -> None:
    (tmp_path / "attribution.json").write_bytes(canonical_json(attribution()))
    objects = attribution_as_stix(tmp_path, terms())
    assert problems(objects) == []
    assert objects[-1]["type"] == "note"
    (tmp_path / "attribution.json").write_bytes(canonical_json(attribution(files={"picture.svg": "0" * 64})))
    with pytest.raises(Error, match="not whole"):
        attribution_as_stix(tmp_path, terms())
