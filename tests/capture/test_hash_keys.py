"""Key files: modes, epochs, overlap, tombstones, two processes at first use."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from countermark.capture.hashkeys import EPOCH, OVERLAP, current_key, default_path, destroy_keys, read_key
from countermark.errors import Error
from countermark.trust.keyfiles import Secret, read_secret, write_secret

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "conf" / "hash-keys.json"


def test_first_use_makes_a_file_for_the_owner_alone(path: Path) -> None:
    key = current_key(path, now=START)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert len(key.secret.reveal()) == 16
    assert current_key(path, now=START).secret.reveal() == key.secret.reveal()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    current_key(path, now=START)
    path.chmod(mode)
    with pytest.raises(Error, match="can be read by others") as caught:
        current_key(path, now=START)
    assert "chmod 600" in caught.value.hint


def test_the_secret_is_in_no_repr_and_no_error(path: Path) -> None:
    key = current_key(path, now=START)
    shown = key.secret.reveal().hex()
    assert shown not in repr(key) + repr(key.secret) + str(key.secret) + f"{key!r}"
    path.write_text(path.read_text().replace("countermark/hash-keys", "other"))
    with pytest.raises(Error) as caught:
        current_key(path, now=START)
    assert shown not in caught.value.message + caught.value.hint
    with pytest.raises(TypeError):
        key.secret.__reduce__()


def test_epochs_last_90_days_and_overlap_by_7(path: Path) -> None:
    first = current_key(path, now=START)
    assert current_key(path, now=START + EPOCH - OVERLAP - timedelta(seconds=1)).key_id == first.key_id
    overlap = START + EPOCH - OVERLAP
    second = current_key(path, now=overlap)
    assert second.key_id != first.key_id
    assert current_key(path, now=overlap + timedelta(days=6), key_id=first.key_id).key_id == first.key_id
    with pytest.raises(Error, match="expired"):
        current_key(path, now=START + EPOCH, key_id=first.key_id)
    assert current_key(path, now=START + EPOCH).key_id == second.key_id


def test_after_a_long_pause_there_is_one_new_epoch(path: Path) -> None:
    first = current_key(path, now=START)
    assert current_key(path, now=START + 10 * EPOCH).key_id != first.key_id
    assert path.read_text().count('"key":') == 2


def test_destroying_leaves_a_tombstone(path: Path) -> None:
    first = current_key(path, now=START)
    later = START + EPOCH
    second = current_key(path, now=later)
    assert destroy_keys(path, now=later) == [first.key_id]
    assert first.secret.reveal().hex() not in path.read_text()
    assert first.key_id in path.read_text()
    assert read_key(path, first.key_id) is None
    assert read_key(path, second.key_id) is not None
    assert destroy_keys(path, now=later) == []
    with pytest.raises(Error, match="destroyed"):
        current_key(path, key_id=first.key_id, now=later)


def test_an_unknown_key_id_is_an_error(path: Path) -> None:
    with pytest.raises(Error, match="unknown"):
        current_key(path, key_id="0" * 16, now=START)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff\xfe", b'{"schema":"countermark/hash-keys/v1","epochs":[1]}']
)
def test_a_damaged_file_is_an_error(path: Path, content: bytes) -> None:
    write_secret(path, content)
    with pytest.raises(Error, match="not a hash-key file"):
        current_key(path, now=START)


def test_two_processes_at_first_use_end_in_one_key(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from countermark.capture.hashkeys import current_key;"
        "sys.stdin.readline(); print(current_key(Path(sys.argv[1])).key_id)"
    )
    command = [sys.executable, "-c", program, str(path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    ids = {process.communicate("\n")[0] for process in processes}
    assert len(ids) == 1
    assert len(ids.pop().strip()) == 16


def test_the_default_path_is_the_users_configuration_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_path() == tmp_path / "countermark" / "hash-keys.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", "/somewhere")
    assert default_path() == Path("/somewhere/.config/countermark/hash-keys.json")


def test_a_secret_file_is_never_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_secret(path, b"one")
    with pytest.raises(Error, match="exists"):
        write_secret(path, b"two")
    write_secret(path, b"three", replace=True)
    assert read_secret(path).reveal() == b"three"
    assert path.stat().st_mode & 0o777 == 0o600


def test_odd_secret_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Error, match="no key file"):
        read_secret(tmp_path / "missing")
    with pytest.raises(Error, match="not a regular file"):
        read_secret(tmp_path)
    big = tmp_path / "big"
    write_secret(big, b"x" * (2 << 20))
    with pytest.raises(Error, match="over 1 MiB"):
        read_secret(big)
    assert repr(Secret(b"hidden")) == "Secret(…)"
