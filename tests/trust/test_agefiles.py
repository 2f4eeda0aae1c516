"""age files as streams: who can read them, and that a cut-off file is never taken for whole."""

import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from countermark.errors import Error
from countermark.trust.agefiles import (
    check_recipients,
    decrypted,
    encrypt_stream,
    read_identities,
    read_recipients,
)
from countermark.trust.keyfiles import Secret


@pytest.fixture
def key() -> tuple[Secret, str]:
    identity = pyrage.x25519.Identity.generate()
    return Secret(str(identity).encode()), str(identity.to_public())


def read(path: Path, key: Secret) -> bytes:
    with decrypted(path, [key]) as stream:
        return stream.read()


def test_what_goes_in_comes_out(key: tuple[Secret, str], tmp_path: Path) -> None:
    pieces = [b"", b"one\n", b"x" * 200_000, b"last"]
    path = tmp_path / "a.age"
    with path.open("wb") as target:
        written = encrypt_stream(pieces, target, [key[1]])
    assert written.size == path.stat().st_size
    assert read(path, key[0]) == b"".join(pieces)
    assert pyrage.decrypt(path.read_bytes(), [pyrage.x25519.Identity.from_str(key[0].reveal().decode())])


def test_memory_is_bounded_both_ways(key: tuple[Secret, str], tmp_path: Path) -> None:
    path = tmp_path / "a.age"
    tracemalloc.start()
    with path.open("wb") as target:
        encrypt_stream((b"y" * 100_000 for _ in range(300)), target, [key[1]])
    with decrypted(path, [key[0]]) as stream:
        while stream.read(1 << 16):
            pass
    assert tracemalloc.get_traced_memory()[1] < 4 << 20  # of 30 MB
    tracemalloc.stop()


def test_a_file_that_is_cut_off_or_changed_anywhere(key: tuple[Secret, str], tmp_path: Path) -> None:
    path = tmp_path / "a.age"
    with path.open("wb") as target:
        encrypt_stream([b"z" * 150_000], target, [key[1]])
    whole = path.read_bytes()
    for cut in (0, 1, 100, len(whole) // 2, len(whole) - 65_552, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(Error, match=r"is no whole age file|is damaged or cut off"):
            read(path, key[0])
    for at in (5, 60, 150, 70_000, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(Error, match=r"is no whole age file|is damaged or cut off|other keys"):
            read(path, key[0])


def test_another_key(key: tuple[Secret, str], tmp_path: Path) -> None:
    path = tmp_path / "a.age"
    with path.open("wb") as target:
        encrypt_stream([b"text"], target, [key[1]])
    other = Secret(str(pyrage.x25519.Identity.generate()).encode())
    with pytest.raises(Error, match="is encrypted to other keys"):
        read(path, other)


def test_what_the_source_or_the_target_raises_comes_through(key: tuple[Secret, str]) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        raise Error("the log changed")

    with pytest.raises(Error, match="the log changed"):
        encrypt_stream(pieces(), io.BytesIO(), [key[1]])

    class Full(io.BytesIO):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        encrypt_stream([b"x" * 200_000], Full(), [key[1]])


def test_who_reads_may_stop_early_and_its_own_error_comes_through(
    key: tuple[Secret, str], tmp_path: Path
) -> None:
    path = tmp_path / "a.age"
    with path.open("wb") as target:
        encrypt_stream([b"z" * 3_000_000], target, [key[1]])

    def stop() -> None:
        with decrypted(path, [key[0]]) as stream:
            stream.read(10)
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        stop()


def test_recipients_and_identities_from_files(key: tuple[Secret, str], tmp_path: Path) -> None:
    (tmp_path / "to.txt").write_text(f"# experts\n\n{key[1]}\n{key[1]}\n")
    assert check_recipients(read_recipients(tmp_path / "to.txt")) == [key[1]]
    with pytest.raises(Error, match="1 to 64 recipients"):
        check_recipients([])
    with pytest.raises(Error, match="is no recipients file"):
        read_recipients(tmp_path)
    mine = tmp_path / "key.txt"
    mine.write_bytes(b"# created\n" + key[0].reveal() + b"\n")
    mine.chmod(0o600)
    assert [one.reveal() for one in read_identities(mine)] == [key[0].reveal()]
    mine.write_bytes(b"AGE-SECRET-KEY-1XXXX\n")
    with pytest.raises(Error, match="is no age key file") as caught:
        read_identities(mine)
    assert "XXXX" not in str(caught.value)
