"""The hash-key file: one key an epoch of 90 days, overlapping by 7, made on first use.

An epoch that ends cannot be linked to the next, and destroying its key makes its hashes meaningless.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.files import TEMPORARY
from countermark.trust.keyfiles import Secret, locked, read_secret, write_secret

SCHEMA = "countermark/hash-keys/v1"
EPOCH = timedelta(days=90)
OVERLAP = timedelta(days=7)
KEY_BYTES = 16
MAX_EPOCHS = 10_000


class Epoch(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key and when it is used; a destroyed one keeps its dates and loses its key."""

    key_id: str
    """First 64 bits of a one-way digest of the key (hex)."""
    not_before: datetime
    not_after: datetime
    key: str | None = None
    """128 bits in hex; None once destroyed."""
    destroyed_at: datetime | None = None
    holds: list[str] = []
    """Legal holds that need the key: it is not destroyed before they are released."""

    def __repr__(self) -> str:
        return f"Epoch({self.key_id}, {self.not_before:%Y-%m-%d} to {self.not_after:%Y-%m-%d})"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    epochs: list[Epoch]

    def __repr__(self) -> str:
        return f"_File({self.epochs!r})"


class HashKey(msgspec.Struct, frozen=True):
    """The key that a run hashes with."""

    key_id: str
    secret: Secret


def default_path() -> Path:
    """`hash-keys.json` under the user's configuration folder (`XDG_CONFIG_HOME`, else `~/.config`)."""
    base = os.environ.get("XDG_CONFIG_HOME") or ""
    folder = Path(base) if Path(base).is_absolute() else Path.home() / ".config"
    return folder / "countermark" / "hash-keys.json"


def current_key(path: Path, *, key_id: str | None = None, now: datetime | None = None) -> HashKey:
    """The newest valid key, or the valid one called `key_id`; the file and new epochs are made when needed.

    Raises `Error` for an unsafe or damaged file, an unknown, expired or destroyed `key_id`.
    """
    now = now or datetime.now(UTC)
    with _alone(path):
        epochs = _read(path) if path.exists() else []
        valid = [epoch for epoch in epochs if epoch.key and epoch.not_before <= now < epoch.not_after]
        if not valid or max(epoch.not_after for epoch in valid) - now <= OVERLAP:
            valid.append(_new_epoch(now))
            epochs.append(valid[-1])
            _write(path, epochs)
    if key_id is None:
        return _opened(max(valid, key=lambda epoch: epoch.not_before))
    for epoch in valid:
        if epoch.key_id == key_id:
            return _opened(epoch)
    known = [epoch for epoch in epochs if epoch.key_id == key_id]
    state = "unknown" if not known else "destroyed" if known[0].key is None else "expired"
    raise Error(
        f"hash key {key_id} is {state} in {path}", hint="capture into a new folder with the current key"
    )


def destroy_keys(path: Path, *, now: datetime | None = None) -> list[str]:
    """Destroy the keys of expired epochs that no hold needs, leaving a tombstone each; gives their ids."""
    now = now or datetime.now(UTC)
    with _alone(path):
        epochs = _read(path)
        expired = [
            epoch.key_id for epoch in epochs if epoch.key and epoch.not_after <= now and not epoch.holds
        ]
        if expired:
            _write(path, [_tombstone(epoch, now) if epoch.key_id in expired else epoch for epoch in epochs])
    return expired


def held_keys(path: Path, *, now: datetime | None = None) -> dict[str, list[str]]:
    """Keys of expired epochs that a legal hold keeps: key id to hold ids."""
    now = now or datetime.now(UTC)
    return {
        epoch.key_id: list(epoch.holds)
        for epoch in _read(path)
        if epoch.key and epoch.holds and epoch.not_after <= now
    }


def change_hold(path: Path, key_id: str, hold_id: str, *, held: bool) -> None:
    """Note at a key that a hold needs it, or no longer; nothing where that is said already.

    Raises `Error` for a hold on a key that is not there or destroyed.
    """
    with _alone(path):
        epochs = _read(path)
        if held and not any(epoch.key_id == key_id and epoch.key for epoch in epochs):
            raise Error(f"hash key {key_id} is not in {path}, or destroyed", exit_code=ExitCode.NO_INPUT)
        changed = [
            msgspec.structs.replace(
                epoch,
                holds=sorted({*epoch.holds, hold_id} if held else {*epoch.holds} - {hold_id}),
            )
            if epoch.key_id == key_id
            else epoch
            for epoch in epochs
        ]
        if changed != epochs:
            _write(path, changed)


def id_of_key(secret: Secret) -> str:
    """The id that follows from a key: first 64 bits of a one-way digest (hex)."""
    return hashlib.blake2b(secret.reveal(), digest_size=8, person=b"cm.hash-key-id").hexdigest()


def read_key(path: Path, key_id: str) -> HashKey | None:
    """The key called `key_id` whether or not its epoch is over; None when it is not there or destroyed."""
    for epoch in _read(path):
        if epoch.key_id == key_id and epoch.key:
            return _opened(epoch)
    return None


def write_public_key(path: Path, name: str) -> None:
    """A hash-key file with a key that anybody can compute from `name`: for generated logs alone.

    The same generated log then gives the same hashes everywhere.
    """
    key = hashlib.sha256(b"countermark, public hash key: " + name.encode()).digest()[:KEY_BYTES]
    _write(path, [_epoch(key, datetime(2020, 1, 1, tzinfo=UTC), 1000 * EPOCH)])


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """The key file for this process alone, without what a killed run left: that would hold keys, too."""
    with locked(path):
        for left in path.parent.glob(f"{TEMPORARY}*-{path.name}"):
            left.unlink(missing_ok=True)
        yield


def _new_epoch(now: datetime) -> Epoch:
    return _epoch(secrets.token_bytes(KEY_BYTES), now.replace(microsecond=0), EPOCH)


def _epoch(key: bytes, start: datetime, length: timedelta) -> Epoch:
    return Epoch(key_id=id_of_key(Secret(key)), not_before=start, not_after=start + length, key=key.hex())


def _tombstone(epoch: Epoch, now: datetime) -> Epoch:
    return Epoch(epoch.key_id, epoch.not_before, epoch.not_after, None, now.replace(microsecond=0))


def _opened(epoch: Epoch) -> HashKey:
    return HashKey(epoch.key_id, Secret(bytes.fromhex(epoch.key or "")))


def _read(path: Path) -> list[Epoch]:
    data = read_secret(path, what="hash-key file").reveal()
    try:
        file = msgspec.json.decode(data, type=_File)
        keys = [bytes.fromhex(epoch.key) for epoch in file.epochs if epoch.key is not None]
    except ValueError:  # its message may quote the file: it is not repeated
        keys, file = [b""], _File(SCHEMA, [])
    bad = file.schema != SCHEMA or len(file.epochs) > MAX_EPOCHS or any(len(key) != KEY_BYTES for key in keys)
    if bad or any(epoch.not_before.tzinfo is None or epoch.not_after.tzinfo is None for epoch in file.epochs):
        raise Error(
            f"{path} is not a hash-key file", hint="restore it, or move it away", exit_code=ExitCode.ERROR
        )
    return file.epochs


def _write(path: Path, epochs: list[Epoch]) -> None:
    document = msgspec.json.encode(_File(SCHEMA, epochs))
    write_secret(path, msgspec.json.format(document, indent=2) + b"\n", replace=True)
