"""Raw records from every container, and what damaged ones give."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from countermark.capture.reader import Opened, Record, digest_file, read_records
from countermark.capture.sources import find_sources
from countermark.errors import Error, ExitCode
from countermark.records.canonical import sha256_hex

LINES = b'{"a": 1}\n\n{"a": 2}\r\n{"a": 3}'


def read(folder: Path, data: bytes, name: str = "log.jsonl", **limits: int) -> list[Record]:
    path = folder / name
    path.write_bytes(data)
    return list(read_records(digest_file(path), **limits))


def zstd(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_lines_have_byte_offsets_of_the_decompressed_stream(tmp_path: Path, pack: Any) -> None:
    found = read(tmp_path, pack(LINES))
    assert [record.raw for record in found] == [b'{"a": 1}', b'{"a": 2}', b'{"a": 3}']
    assert [(record.offset, record.line) for record in found] == [(0, 1), (10, 3), (20, 4)]


def test_the_digest_is_of_the_stored_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(LINES))
    assert digest_file(path).sha256 == sha256_hex(path.read_bytes())


def test_what_is_added_after_the_digest_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a": 1}\n')
    opened = digest_file(path)
    with path.open("ab") as stream:
        stream.write(b'{"a": 2}\n')
    assert len(list(read_records(opened))) == 1


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + LINES)[0] == Record(3, 1, b'{"a": 1}')
    assert read(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n", "x.csv")[0].raw == {"a": "1", "b": "2"}


def test_a_long_line_is_skipped_and_the_next_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, b'{"a": 1}\n{"a": "' + b"x" * 5_000_000 + b'"}\n{"a": 3}\n', max_line=1_000_000)
    assert [record.raw for record in found] == [b'{"a": 1}', None, b'{"a": 3}']
    assert "longer than 1,000,000 bytes" in found[1].problem
    assert found[2].line == 3
    assert found[2].offset == 9 + 5_000_009 + 1


@pytest.mark.parametrize(
    "document", ['[{"a": 1}, {"a": 2}]', '[\n  {"a": 1},\n  {"a": 2}\n]\n', '\n [ {"a": 1},{"a": 2}]']
)
def test_a_json_array_gives_its_elements(tmp_path: Path, document: str) -> None:
    assert [json.loads(record.raw) for record in read(tmp_path, document.encode())] == [{"a": 1}, {"a": 2}]


def test_an_object_over_many_lines_is_one_record(tmp_path: Path) -> None:
    found = read(tmp_path, json.dumps({"a": {"b": [1, {"c": 2}]}}, indent=2).encode())
    assert [json.loads(record.raw) for record in found] == [{"a": {"b": [1, {"c": 2}]}}]


def test_lines_stay_lines_when_the_first_is_broken(tmp_path: Path) -> None:
    assert len(read(tmp_path, b'{"a": \n{"a": 2}\n{"a": 3}\n')) == 3
    assert len(read(tmp_path, b'\x00\xff, garbage\n{"a": 2}\n', "x.log")) == 2


def test_csv_rows(tmp_path: Path) -> None:
    text = 'id;text\n1;"two\nlines; ""quoted"""\n2;x\n3;x;y\n\xff;z\n'.encode("latin-1")
    found = read(tmp_path, text, "table.txt")
    assert [record.raw for record in found] == [
        {"id": "1", "text": 'two\nlines; "quoted"'},
        {"id": "2", "text": "x"},
        None,
        None,
    ]
    assert [(record.offset, record.line) for record in found] == [(0, 3), (1, 4), (2, 5), (3, 6)]
    assert found[2].problem == "3 fields where the header has 2"
    assert found[3].problem == "not valid UTF-8"


def test_csv_with_a_long_line_and_an_open_quote_does_not_lose_the_rest(tmp_path: Path) -> None:
    found = read(tmp_path, b"a,b\n1,2\n" + b"x" * 3_000 + b"\n3,4\n", "t.csv", max_line=1_000)
    assert [record.raw for record in found if record.raw] == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert any("longer than" in record.problem for record in found)
    found = read(tmp_path, b'a,b\n1,"2\n' + b"3,4\n" * 1_000, "t.csv", max_line=1_000)
    assert any(record.problem == "not valid CSV" for record in found)
    assert {"a": "3", "b": "4"} in [record.raw for record in found]


def test_a_header_with_one_name_twice_is_refused(tmp_path: Path) -> None:
    for data in (b"a,a\n1,2\n", b"\r\x00", b"x" * 200 + b"\n1\n"):
        assert read(tmp_path, data, "t.csv", max_line=64)[0].problem.startswith("no header")


def test_parquet_rows(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2], "b": [{"c": "x"}, None]})
    pq.write_table(table, tmp_path / "t.bin")
    found = list(read_records(digest_file(tmp_path / "t.bin")))
    assert [record.raw for record in found] == [{"a": 1, "b": {"c": "x"}}, {"a": 2, "b": None}]
    assert [record.offset for record in found] == [0, 1]


def parquet() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"a": list(range(1000))}), stream)
    return stream.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, zstd, lambda _: parquet()])
def test_a_truncated_file_gives_what_it_has_and_a_problem(tmp_path: Path, pack: Any) -> None:
    data = pack(b"".join(b'{"a": %d}\n' % (number * 7919**3) for number in range(20_000)))
    found = read(tmp_path, data[: len(data) // 2], "log")
    assert "cannot be read further" in found[-1].problem
    assert found[-1].raw is None


def test_compressed_parquet_is_refused(tmp_path: Path) -> None:
    assert "decompress it first" in read(tmp_path, gzip.compress(parquet()), "x")[0].problem


def test_nothing_gives_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == read(tmp_path, b" \n\n") == read(tmp_path, gzip.compress(b"")) == []


@given(st.binary(max_size=300), st.sampled_from(["x.csv", "x.jsonl", "x"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_records_or_problems(tmp_path: Path, data: bytes, name: str) -> None:
    for record in read(tmp_path, data, name, max_line=64):
        assert (record.raw is None) == bool(record.problem)


def sources(folder: Path, *arguments: str) -> tuple[list[str], list[str]]:
    found, notes = find_sources(arguments, out=folder / "events", spool=folder)
    return [source.name for source in found], notes


def test_folders_globs_and_files_are_read_once(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "sub/c.jsonl", ".hidden", "events/left.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert sources(tmp_path, str(tmp_path))[0] == ["a.jsonl", "b.jsonl", "c.jsonl"]
    names, notes = sources(tmp_path, f"{tmp_path}/*.jsonl", f"{tmp_path}/sub/../b.jsonl")
    assert names == ["a.jsonl", "b.jsonl"]
    assert notes == ["b.jsonl was given twice and is read once"]


@pytest.mark.parametrize("address", ["http://x.example/log", "s3://bucket/log", "file:///x"])
def test_addresses_are_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(Error, match="addresses are not read") as caught:
        sources(tmp_path, address)
    assert caught.value.exit_code == ExitCode.USAGE


def test_what_is_not_there_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for argument in ("missing", "miss*.jsonl", str(tmp_path / "empty"), "/dev/null"):
        with pytest.raises(Error) as caught:
            sources(tmp_path, argument)
        assert caught.value.exit_code == ExitCode.NO_INPUT


def test_an_unreadable_file_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(Error) as caught:
        digest_file(tmp_path / "gone")
    assert caught.value.exit_code == ExitCode.NO_INPUT
    assert isinstance(digest_file(Path(__file__)), Opened)
