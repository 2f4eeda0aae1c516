"""The commands of the way through, and what their folders hold."""

import json
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from countermark.records.canonical import file_sha256
from countermark.world.truth import Truth
from running import Done, countermark


def capture(logs: Path | list[Path], out: Path, *more: Path | str) -> Done:
    """`capture logs` of LiteLLM logs with the account table and the hash keys that stand beside `logs`."""
    sources = logs if isinstance(logs, list) else [logs]
    beside = (sources[0] if sources[0].is_dir() else sources[0].parent).parent
    options = ["--format", "litellm", "--accounts", beside / "accounts.csv", "--out", out]
    if "--hash-key" not in more:
        options += ["--hash-key", beside / "hash-keys.json"]
    return countermark("capture", "logs", *sources, *options, *more)


def findings(folder: Path) -> dict[str, Any]:
    """`findings.json`."""
    content: dict[str, Any] = json.loads((folder / "findings.json").read_bytes())
    return content


def members(folder: Path) -> dict[str, set[str]]:
    """Accounts by campaign id."""
    found = defaultdict(set)
    for row in pq.read_table(folder / "members.parquet", columns=["campaign_id", "account_id"]).to_pylist():
        found[row["campaign_id"]].add(row["account_id"])
    return dict(found)


def rewrite_members(folder: Path, renamed: dict[str, str], accounts: Collection[str] | None = None) -> None:
    """Findings as if an earlier run had named campaigns (or these accounts of them) otherwise, whole."""
    path = folder / "members.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    for row in rows:
        if accounts is None or row["account_id"] in accounts:
            row["campaign_id"] = renamed.get(row["campaign_id"], row["campaign_id"])
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    content = findings(folder)
    content["files"]["members.parquet"] = file_sha256(path)
    (folder / "findings.json").write_text(json.dumps(content))


def harvests(folder: Path) -> dict[str, set[str]]:
    """Accounts of the campaigns called harvest, by campaign id."""
    called = {one["campaign_id"] for one in findings(folder)["campaigns"] if one["kind"] == "harvest"}
    return {name: accounts for name, accounts in members(folder).items() if name in called}


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def check_against_truth(truth: Truth, folder: Path) -> None:
    """Every planted network is one campaign of kind harvest with few errors, and nothing else is one."""
    called = harvests(folder)
    for network in truth.harvest:
        planted = set(network.accounts)
        best = max(called, key=lambda name: len(called[name] & planted), default=None)
        assert best is not None, f"{network.name}: nothing is called harvest"
        found = called.pop(best)
        recall, precision = len(found & planted) / len(planted), len(found & planted) / len(found)
        assert recall >= 0.95, f"{network.name}: recall {recall:.3f} of {len(planted)} accounts"
        assert precision >= 0.95, f"{network.name}: precision {precision:.3f} of {len(found)} accounts"
        parts = [len(accounts & planted) for accounts in members(folder).values() if accounts != found]
        assert max(parts, default=0) <= 0.05 * len(planted), f"{network.name} is split: {parts}"
    assert not called, f"called harvest and not planted: {[len(accounts) for accounts in called.values()]}"
