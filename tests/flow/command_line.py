"""The commands as a user types them, in this process (a traceback is a failure) or in one of their own."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from countermark.cli import main
from countermark.records.canonical import file_sha256
from countermark.world.truth import Truth


@dataclass(frozen=True)
class Done:
    """What a command gave."""

    code: int
    out: str
    err: str

    def error(self) -> str:
        """The one error line of a command that failed, with nothing on standard output."""
        lines = [line for line in self.err.splitlines() if line.startswith("countermark: error: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        assert self.out == ""
        return lines[0]


def countermark(*arguments: Path | str) -> Done:
    """Run a command here."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["countermark", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        return Done(int(ended.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = before


def start(*arguments: Path | str, folder: Path) -> "subprocess.Popen[str]":
    """Start a command in a process of its own, with `folder` as the current one."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    line = [sys.executable, "-m", "countermark", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, env=environment, cwd=folder, stdout=pipe, stderr=pipe, text=True)


def in_process_of_its_own(*arguments: Path | str, folder: Path) -> Done:
    """Run a command there."""
    process = start(*arguments, folder=folder)
    out, err = process.communicate(timeout=300)
    return Done(process.returncode, out, err)


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
