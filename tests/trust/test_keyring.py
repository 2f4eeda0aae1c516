"""Masters: in files of mode 0600, by name and epoch, never replaced, never quoted."""

import stat
from pathlib import Path

import pytest

from countermark.errors import Error
from countermark.trust.derivation import FileMaster, KeySource
from countermark.trust.keyfiles import Secret, write_secret
from countermark.trust.keyring import add_master, listed, read_master

HEX = "5ecf" * 16


def test_a_master_in_a_file_of_its_own(tmp_path: Path) -> None:
    made: KeySource = FileMaster.generate()
    assert isinstance(made, FileMaster)
    write_secret(tmp_path / "master", made.to_hex().reveal() + b"\n")
    assert read_master(tmp_path / "master").derive(b"x").reveal() == made.derive(b"x").reveal()
    with pytest.raises(Error, match="single master"):
        read_master(tmp_path / "master", "a", "b")


def test_masters_by_name_and_epoch(tmp_path: Path) -> None:
    ring = tmp_path / "ring.json"
    made = {(name, epoch): FileMaster.generate() for name in "ba" for epoch in ("2026-Q4", "2027-Q1")}
    for (name, epoch), master in made.items():
        add_master(ring, name, epoch, master)
    assert stat.S_IMODE(ring.stat().st_mode) == 0o600
    assert listed(ring) == sorted(made)
    for (name, epoch), master in made.items():
        assert read_master(ring, name, epoch).derive(b"x").reveal() == master.derive(b"x").reveal()
    with pytest.raises(Error, match="a master of that name and epoch"):
        add_master(ring, "a", "2026-Q4", FileMaster.generate())
    with pytest.raises(Error, match="no master of that name"):
        read_master(ring, "a", "2026-Q3")
    with pytest.raises(Error, match="no master of that name"):
        read_master(ring)
    with pytest.raises(Error, match="printable"):
        add_master(ring, "", "e", FileMaster.generate())


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    add_master(tmp_path / "ring", "a", "e", FileMaster.generate())
    (tmp_path / "ring").chmod(0o640)
    for use in (
        lambda p: read_master(p, "a", "e"),
        listed,
        lambda p: add_master(p, "b", "e", FileMaster.generate()),
    ):
        with pytest.raises(Error, match="read by others"):
            use(tmp_path / "ring")


@pytest.mark.parametrize(
    "content",
    [
        HEX[:-1],
        HEX + "00",
        "x" * 64,
        "",
        "{",
        f'{{"schema":"{HEX}","masters":[]}}',
        f'{{"schema":"countermark/keyring/v1","masters":[{{"name":"a","epoch":"e","master":"{HEX}00"}}]}}',
    ],
)
def test_what_is_no_master_is_not_quoted(tmp_path: Path, content: str) -> None:
    write_secret(tmp_path / "file", content.encode())
    for name in (None, "a"):
        with pytest.raises(Error) as caught:
            read_master(tmp_path / "file", name, "e")
        assert HEX[:16] not in caught.value.message + caught.value.hint
        assert caught.value.__cause__ is None


def test_reprs_show_nothing(tmp_path: Path) -> None:
    master = FileMaster(Secret(bytes.fromhex(HEX)))
    add_master(tmp_path / "ring", "a", "e", master)
    assert HEX[:16] not in repr(master) + repr(master.__dict__)
