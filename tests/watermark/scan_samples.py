"""A small corpus with marked, unmarked, templated and bad rows, and what a scan of it left."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from test_scoring import marked_ids

from countermark.watermark.profile import write_profile
from watermark_samples import KEY, own_profile, random_ids

FILES = ("scan.json", "scores.parquet", "left-out.parquet", "quarantine.jsonl")
TEMPLATE = random_ids(99, 40).tolist()


def documents() -> list[dict[str, Any]]:
    """Two marked ones, and twenty that share a template, four of them related."""
    rows: list[dict[str, Any]] = [
        {"id": f"marked-{i}", "token_ids": [*marked_ids(300)[i : 200 + i].tolist()]} for i in range(2)
    ]
    for i in range(20):
        ids = [*TEMPLATE, *random_ids(i, 120).tolist()]
        rows.append({"id": f"d{i}", "token_ids": ids, "group": "one" if i < 4 else f"g{i}"})
    return rows


def write_inputs(folder: Path) -> None:
    """Profile, key and the corpus as a folder of three kinds of file."""
    write_profile(folder / "p.json", own_profile())
    (folder / "k.key").write_text(KEY + "\n")
    (folder / "k.key").chmod(0o600)
    corpus = folder / "corpus"
    corpus.mkdir()
    rows = documents()
    lines = [json.dumps(row) + "\n" for row in rows]
    bad = ["not json\n", '{"token_ids": [600]}\n', '{"id": "short", "token_ids": [1]}\n']
    (corpus / "a.jsonl").write_text("".join([*lines[:8], *bad]))
    with gzip.open(corpus / "b.jsonl.gz", "wt") as stream:
        stream.writelines(lines[8:14])
    pq.write_table(pa.Table.from_pylist(rows[14:]), corpus / "c.parquet", row_group_size=3)


def command(folder: Path, out: str, *more: str) -> list[str | Path]:
    """A scan of it."""
    files = ["--profile", folder / "p.json", "--key-file", folder / "k.key", "--out", folder / out]
    return ["watermark", "scan", folder / "corpus", *files, *more]


def answers(folder: Path) -> dict[str, bytes]:
    """Every file of a SCAN folder."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def scan_json(folder: Path) -> dict[str, Any]:
    """`scan.json`."""
    content: dict[str, Any] = json.loads((folder / "scan.json").read_bytes())
    return content
