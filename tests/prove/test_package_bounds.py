"""Hostile outer layers: bounds hold before anything large is read."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from countermark.errors import Error
from countermark.prove.package import archive, folder, layout, members
from countermark.prove.package.archive import write_archive
from countermark.prove.package.layout import Source
from countermark.prove.package.reading import read_package
from countermark.prove.sealing.seal_payload import measured
from countermark.prove.verifying.verify import verify
from countermark.records.files import TEMPORARY

Sealed = Callable[..., Path]


def zip_of(path: Path, base: str, files: dict[str, bytes]) -> Path:
    sources: dict[str, Source] = dict(files)
    write_archive(path, base, sources, measured(sources, crc=True))
    return path


def refused(path: Path) -> str:
    with pytest.raises(Error) as caught:
        read_package(path)
    return caught.value.message


def test_members_are_counted(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    package, plain = sealed(), sealed("case")
    for module in (archive, folder, members):
        monkeypatch.setattr(module, "MAX_MEMBERS", 5)
    assert "more than 5" in refused(package)
    assert "more than 5" in refused(plain)
    with pytest.raises(Error, match="more than 5"):
        sealed("other")


def test_all_bytes_are_counted(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    package, plain = sealed(), sealed("case")
    monkeypatch.setattr(members, "MAX_TOTAL_BYTES", 1000)
    assert "larger than a package" in refused(package)
    assert "larger than a package" in refused(plain)


def test_a_zip_has_one_base_directory(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "one.zip", "A", {"x": b"", "y": b""})
    data = path.read_bytes()
    assert read_package(path)[0] == "A"
    path.write_bytes(data.replace(b"A/y", b"B/y"))
    assert "more than one base directory" in refused(path)


def test_headers_that_cannot_be(sealed: Sealed, tmp_path: Path) -> None:
    data, target = sealed().read_bytes(), tmp_path / "changed.zip"
    for cut in (3, 20, 31, 40, 60, len(data) - 1, len(data) - 30):
        target.write_bytes(data[:cut])
        assert verify(target).verdict == "FAILED", cut
    for more in (b"\0", data[-22:], data):
        target.write_bytes(data + more)
        assert verify(target).verdict == "FAILED"
        target.write_bytes(more + data)
        assert verify(target).verdict == "FAILED"


def test_a_member_is_read_again_as_it_stands_in_the_zip(sealed: Sealed) -> None:
    _, zipped = read_package(sealed())
    _, plain = read_package(sealed("case"))
    assert zipped.keys() == plain.keys()
    for name, member in plain.items():
        with member.open() as one, zipped[name].open() as two:
            assert one.read() == two.read()
        assert (member.sha256, member.size) == (zipped[name].sha256, zipped[name].size)
    table = zipped["data/tables/members.jsonl"]
    assert table.data is None
    with table.open() as stream:
        assert len(stream.readlines()) == 3


def test_only_what_is_parsed_stays_in_memory(sealed: Sealed) -> None:
    _, contents = read_package(sealed("case", include_events=True))
    kept = {name for name, member in contents.items() if member.data is not None}
    assert kept == set(filter(layout.is_parsed, contents))
    assert "data/events/events-00000.parquet" not in kept


def test_folders_are_as_deep_as_names_allow(tmp_path: Path) -> None:
    deep = tmp_path / "case" / ("a/" * 99)
    deep.mkdir(parents=True)
    (deep / "b").write_bytes(b"x")
    assert list(read_package(tmp_path / "case")[1]) == ["a/" * 99 + "b"]
    (deep / "c").mkdir()
    (deep / "c" / "d").write_bytes(b"x")
    assert "cannot have" in refused(tmp_path / "case")


def test_files_and_folders_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "_MAX_ENTRIES", 4)
    (tmp_path / "case/a/b/c").mkdir(parents=True)
    (tmp_path / "case/a/b/c/d").write_bytes(b"x")
    assert len(read_package(tmp_path / "case")[1]) == 1
    (tmp_path / "case/e").write_bytes(b"x")
    assert "more than 4 files and folders" in refused(tmp_path / "case")


@pytest.mark.parametrize("out", ["case", "case.zip"])
def test_values_are_counted_over_all_files_before_one_is_parsed(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    package = sealed(out)
    _, contents = read_package(package)
    whole = members.marks_of(contents)
    assert whole > max(layout.count_marks(one.data) for one in contents.values() if one.data)
    monkeypatch.setattr(layout, "MAX_MARKS", whole - 1)
    assert "values" in refused(package)
    assert [one.name for one in verify(package).steps if one.outcome == "FAILED"] == ["outer layer"]
    monkeypatch.setattr(layout, "MAX_MARKS", whole)
    found = verify(package)  # with what stands in the envelopes there are too many
    assert [one.name for one in found.steps if one.outcome == "FAILED"] == ["envelopes"]
    monkeypatch.setattr(layout, "MAX_MARKS", whole - 1)
    with pytest.raises(Error, match="cannot be sealed"):
        sealed("other")


def test_what_is_unfinished_is_its_owners_alone(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: set[int] = set()

    def copy(name: str, member: layout.Member, source: Source, target: BinaryIO) -> None:
        work = Path(target.name)
        while not work.name.startswith(TEMPORARY):
            work = work.parent
        modes.add(stat.S_IMODE(work.stat().st_mode))
        members.copy_member(name, member, source, target)

    monkeypatch.setattr(folder, "copy_member", copy)
    before = os.umask(0o027)
    try:
        package = sealed("case")
    finally:
        os.umask(before)
    assert modes == {0o700}
    assert {stat.S_IMODE(one.stat().st_mode) for one in package.rglob("*") if one.is_file()} == {0o640}
    assert {stat.S_IMODE(one.stat().st_mode) for one in (package, package / "data")} == {0o750}


def test_a_zip_of_over_4_gib_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "case.zip"
    half = layout.Member(3 << 30, "", 0)
    with path.open("wb") as stream:
        for name in (b"A/x", b"A/y"):
            stream.write(archive._local_header(name, half))
            stream.seek(half.size, os.SEEK_CUR)  # a hole: nothing is written
        stream.write(archive.END_MAGIC)
    assert "larger than a package" in refused(path)
