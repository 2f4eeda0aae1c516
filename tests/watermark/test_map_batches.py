"""`map_batches`: batches of every kind of file, resumed where they were done, and the same on any engine."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import Error, ExitCode
from countermark.store import corpus_files
from countermark.store.corpus_files import find_files, plan_splits, read_split
from countermark.store.engines import Engine, Item, open_engine
from countermark.store.map_batches import map_batches, reduce_buckets
from countermark.store.parts import DEALT, Parts, bucket_of


@dataclass(frozen=True)
class Lengths:
    """The length of each line, dealt; notes each batch in a file."""

    notes: str

    @property
    def columns(self) -> Sequence[str]:
        return ("raw",)

    def __call__(self, file: str, batch: pa.RecordBatch) -> Any:
        with Path(self.notes).open("a") as stream:
            stream.write(f"{file} {batch.num_rows}\n")
        lengths = [len(raw) if raw is not None else -1 for raw in batch.column("raw").to_pylist()]
        columns = {"length": pa.array(lengths, pa.int64()), "row": batch.column("row")}
        return {"lengths": pa.table(columns).replace_schema_metadata(DEALT)}, {"rows": batch.num_rows}


class Sum:
    """Of a bucket."""

    def __call__(self, table: pa.Table) -> Any:
        return {}, {"rows": table.num_rows, "lengths": sorted(set(table.column("length").to_pylist()))}


class Here(Engine):
    """This process."""

    def _results(self, work: Any, items: Any) -> Any:
        return ({"value": work(item)} for item in items)


HERE = Here()


def run(work: Any, items: list[Item], engine: str = "local", threads: int = 0) -> list[Item]:
    """All results."""
    with open_engine(engine, threads) as opened:
        return list(opened.run(work, items))


def double(item: Any) -> Any:
    """Work for the engines."""
    if item["n"] == 13:
        raise Error("thirteen", hint="no", exit_code=ExitCode.NO_INPUT)
    return {"n": 2 * item["n"], "process": os.getpid()}


def write_lines(folder: Path, lines: list[bytes]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    (folder / "a.jsonl").write_bytes(data)
    with gzip.open(folder / "b.jsonl.gz", "wb") as stream:
        stream.write(data)
    with pa.CompressedOutputStream(str(folder / "c.jsonl.zst"), "zstd") as stream:
        stream.write(data)
    table = pa.table({"raw": pa.array(lines, pa.large_binary()), "other": [0] * len(lines)})
    pq.write_table(table, folder / "d.parquet", row_group_size=7)


def rows_of(folder: Path, name: str) -> list[tuple[int, bytes | None]]:
    splits = [split for split in plan_splits(find_files(folder)) if split.name == name]
    batches = [batch for split in splits for _, batch in read_split(split, ["raw"], lambda _: True)]
    return [(row["row"], row["raw"]) for batch in batches for row in batch.select(["row", "raw"]).to_pylist()]


@pytest.mark.parametrize("size", [1, 10, 64, 1 << 20])
def test_every_kind_gives_every_line_once_with_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(corpus_files, "SPLIT_BYTES", size)
    lines = [b"x" * (i * 7 % 23) for i in range(1, 50)] + [b"y" * 200, b"z"]
    write_lines(tmp_path, lines)
    for name in ("a.jsonl", "b.jsonl.gz", "c.jsonl.zst", "d.parquet"):
        found = [(row, raw) for row, raw in rows_of(tmp_path, name) if raw]
        assert found == [(row, raw) for row, raw in enumerate(lines, start=1) if raw], name


@pytest.mark.parametrize("size", [5, 50, 500])
def test_a_line_that_is_too_long_is_none_and_the_next_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(corpus_files, "SPLIT_BYTES", size)
    monkeypatch.setattr(corpus_files, "MAX_LINE_BYTES", 100)
    lines = [b"a", b"b" * 1500, b"c", b"d" * 90, b"e" * 1500]
    write_lines(tmp_path, lines)
    for name in ("a.jsonl", "b.jsonl.gz", "c.jsonl.zst"):
        found = {row: raw for row, raw in rows_of(tmp_path, name) if raw != b""}
        assert found == {1: b"a", 2: None, 3: b"c", 4: b"d" * 90, 5: None}, name


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_files, "SPLIT_BYTES", 60)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "parts").mkdir()
    write_lines(tmp_path / "corpus", [b"x" * 10] * 30)
    splits = plan_splits(find_files(tmp_path / "corpus"))
    parts, function = Parts(str(tmp_path / "parts"), 4), Lengths(str(tmp_path / "notes"))
    map_batches(splits, function, parts, HERE)
    before = (tmp_path / "notes").read_text().splitlines()
    batches = [path for path in sorted((tmp_path / "parts").glob("*.done")) if "-end" not in path.name]
    gone = batches[3::5]
    for path in gone:
        path.unlink()
        path.with_name(path.name.split("-")[0] + "-end.done").unlink(missing_ok=True)
    map_batches(splits, function, parts, HERE)
    again = (tmp_path / "notes").read_text().splitlines()[len(before) :]
    assert len(before) == len(batches)
    assert len(again) == len(gone) > 2
    assert sum(one.get("rows", 0) for one in parts.counts().values()) == 120


def test_buckets_hold_every_row_of_a_value_together(tmp_path: Path) -> None:
    for name in ("corpus", "parts", "into"):
        (tmp_path / name).mkdir()
    write_lines(tmp_path / "corpus", [b"x" * (i % 40) for i in range(400)])
    parts, into = Parts(str(tmp_path / "parts"), 8), Parts(str(tmp_path / "into"), 8)
    function = Lengths(str(tmp_path / "notes"))
    map_batches(plan_splits(find_files(tmp_path / "corpus")), function, parts, HERE)
    found = reduce_buckets("lengths", Sum(), parts, into, HERE)
    lengths = [length for one in found for length in one["lengths"]]
    assert len(found) > 3
    assert sorted(lengths) == list(range(40))
    assert sum(one["rows"] for one in found) == 1600


def test_damage_is_a_quarantined_row_and_the_rest_is_read(tmp_path: Path) -> None:
    for name in ("corpus", "parts"):
        (tmp_path / name).mkdir()
    write_lines(tmp_path / "corpus", [os.urandom(40).hex().encode() for _ in range(300)])
    packed = tmp_path / "corpus" / "b.jsonl.gz"
    packed.write_bytes(packed.read_bytes()[:-400])
    table = tmp_path / "corpus" / "d.parquet"
    table.write_bytes(table.read_bytes()[:-100])
    parts = Parts(str(tmp_path / "parts"), 1)
    function = Lengths(str(tmp_path / "notes"))
    map_batches(plan_splits(find_files(tmp_path / "corpus")), function, parts, HERE)
    rows = [row for one in parts.tables("quarantine") for row in one.to_pylist()]
    assert [row["file"] for row in rows] == ["b.jsonl.gz", "d.parquet"]
    assert all(row["reason"].startswith("the file cannot be read further") for row in rows)
    assert sum(one.get("rows", 0) for one in parts.counts().values()) >= 600


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.sampled_from([1, 2, 64, 4096]))
def test_a_bucket_is_a_function_of_the_value(values: list[int], buckets: int) -> None:
    array = np.array(values, np.int64)
    found = bucket_of(array, buckets)
    assert (found < buckets).all()
    assert (bucket_of(array[::-1].copy(), buckets)[::-1] == found).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_is_the_same_from_another_process(threads: int) -> None:
    with pytest.raises(Error, match="thirteen") as caught:
        run(double, [{"n": n} for n in (1, 13, 2)], threads=threads)
    assert (caught.value.hint, caught.value.exit_code) == ("no", ExitCode.NO_INPUT)


def test_two_processes_do_all_items_once() -> None:
    found = run(double, [{"n": n} for n in range(13)], threads=2)
    assert sorted(one["n"] for one in found) == list(range(0, 26, 2))
    assert os.getpid() not in {one["process"] for one in found}


def test_an_unknown_engine_is_a_usage_error() -> None:
    with pytest.raises(Error, match="no engine called 'flink'"):
        run(double, [], "flink")


def test_workers_die_with_a_killed_parent(tmp_path: Path) -> None:
    """They would write into a folder that another run has taken over."""
    program = (
        "from wait_for_ever import wait\n"
        "from countermark.store.engines import open_engine\n"
        f"with open_engine('local', 2) as here: list(here.run(wait, [{{'folder': {str(tmp_path)!r}}}] * 4))\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    parent = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": path})
    workers = _until(lambda: [int(one.name) for one in tmp_path.iterdir()], 2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _until(lambda: [one for one in workers if not Path(f"/proc/{one}").exists()], 2)


def _until(look: Any, count: int) -> Any:
    for _ in range(600):
        found = look()
        if len(found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(json.dumps(found))
