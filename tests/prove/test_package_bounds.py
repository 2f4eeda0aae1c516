"""Hostile outer layers: bounds hold before anything large is read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from countermark.errors import Error
from countermark.prove.package import archive, folder, layout, members
from countermark.prove.package.archive import write_archive
from countermark.prove.package.layout import Source
from countermark.prove.package.reading import read_package
from countermark.prove.sealing.seal_payload import measured
from countermark.prove.verifying.verify import verify

Sealed = Callable[..., Path]


def zip_of(path: Path, base: str, files: dict[str, bytes]) -> Path:
    sources: dict[str, Source] = dict(files)
    with path.open("wb") as stream:
        write_archive(stream, base, sources, measured(sources, crc=True))
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
