"""Folders as the stages write them, small ones, for tests of the case folder."""

import hashlib
import json
from pathlib import Path
from typing import Any

from countermark.prove.case_folder.workspace import Workspace
from countermark.prove.case_folder.workspace_records import Told, add_acquisition
from countermark.prove.custody.custody import Acquisition

TOLD: dict[str, Any] = {
    "what": "gateway log",
    "by": "Ann",
    "role": "analyst",
    "source": "gateway-3",
    "method": "copy",
    "purpose": "routine",
    "started": "2026-06-15T08:00:00Z",
    "ended": "2026-06-15T10:10:00+02:00",
    "clock_source": "ntp",
    "offset_seconds": -0.02,
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def stage_folder(folder: Path, manifest: str, word: str = "one", **fields: Any) -> Path:
    """A folder whose JSON file lists one other file."""
    folder.mkdir()
    content = f"content {word}".encode()
    (folder / "members.parquet").write_bytes(content)
    document = {"files": {"members.parquet": sha256(content)}, **fields}
    (folder / manifest).write_text(json.dumps(document))
    return folder


def events_folder(folder: Path, raw: bytes = b"raw log\n") -> Path:
    folder.mkdir()
    (folder / "events-00000.parquet").write_bytes(b"events")
    files = [{"name": "events-00000.parquet", "sha256": sha256(b"events"), "rows": 1}]
    sources = [{"name": "gateway.jsonl", "sha256": sha256(raw)}]
    (folder / "capture.json").write_text(json.dumps({"files": files, "sources": sources}))
    return folder


def findings_folder(folder: Path, events: Path, word: str = "one") -> Path:
    made_of = {"capture_sha256": sha256((events / "capture.json").read_bytes())}
    return stage_folder(folder, "findings.json", word, events=made_of, campaigns=[])


def plan_file(path: Path, plan_id: str = "plan-1", **fields: Any) -> Path:
    hypothesis = {"id": "H1", "null": "nothing", "test": "campaigns", "alpha": 0.01, "keyed": False}
    plan = {
        "schema": "countermark/plan/v1",
        "plan_id": plan_id,
        "matter": "matter-7",
        "created": "2026-06-01T00:00:00Z",
        "by": "Ann",
        "title": "networks",
        "hypotheses": [hypothesis],
        "multiplicity": "none",
        "controls": [],
        "prompts": "none",
        "stopping": "after a month",
        "exclusions": "none",
    }
    path.write_text(json.dumps(plan | fields))
    return path


def acquire(workspace: Workspace, *paths: Path, acquisition_id: str = "", **changed: Any) -> Acquisition:
    return add_acquisition(workspace, paths, Told(**TOLD | changed), acquisition_id=acquisition_id)
