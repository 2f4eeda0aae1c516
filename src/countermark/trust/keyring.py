"""Masters in files that their owner alone can read: one in a file of its own, or many by name and epoch.

The file is the implementation of `derivation.KeySource` that is used; a key management service takes its
place by offering the same `derive`.
"""

import re
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.trust.derivation import MASTER_BYTES, FileMaster
from countermark.trust.keyfiles import Secret, locked, read_secret, write_secret

SCHEMA = "countermark/keyring/v1"
MAX_MASTERS = 1000
_HEX = re.compile(rb"[0-9a-fA-F]+")


class _Master(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    epoch: str
    master: str

    def __repr__(self) -> str:
        return f"_Master({self.name!r}, {self.epoch!r}, …)"


class _Keyring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: str
    masters: list[_Master]


def read_master(path: Path, name: str | None = None, epoch: str | None = None) -> FileMaster:
    """The master in a file of 64 hex digits, or the one of that name and epoch in a keyring.

    Raises `Error`, which quotes nothing of the file, when it is missing, readable by others, or no master.
    """
    data = read_secret(path, what="master key file").reveal().strip()
    if data.startswith(b"{"):
        return _find(_parse(data, path), path, name, epoch)
    if name is not None:
        raise Error(f"{path} holds a single master, without names", hint="leave the name out")
    if len(data) != 2 * MASTER_BYTES or not _HEX.fullmatch(data):
        raise Error(
            f"{path} holds no master key: {2 * MASTER_BYTES} hex digits, or a keyring",
            hint="countermark watermark keygen --master makes one",
            exit_code=ExitCode.NO_INPUT,
        )
    return FileMaster(Secret(bytes.fromhex(data.decode())))


def add_master(path: Path, name: str, epoch: str, master: FileMaster) -> None:
    """Put a master into a keyring, which is made when it is missing; none is ever replaced."""
    if not all(1 <= len(text) <= 200 and text.isprintable() for text in (name, epoch)):
        raise Error("a name and an epoch in a keyring have 1 to 200 printable characters")
    with locked(path):
        masters = _parse(read_secret(path, what="keyring").reveal(), path).masters if path.exists() else []
        if any((one.name, one.epoch) == (name, epoch) for one in masters):
            raise Error(
                f"{path} has a master of that name and epoch",
                hint="a master is never replaced; name another epoch",
            )
        if len(masters) >= MAX_MASTERS:
            raise Error(f"{path} holds {MAX_MASTERS} masters already", hint="begin another keyring")
        new = _Master(name, epoch, master.to_hex().reveal().decode())
        ordered = sorted([*masters, new], key=lambda one: (one.name, one.epoch))
        data = msgspec.json.format(msgspec.json.encode(_Keyring(SCHEMA, ordered)), indent=2)
        write_secret(path, data + b"\n", replace=True)


def listed(path: Path) -> list[tuple[str, str]]:
    """Name and epoch of every master in a keyring."""
    ring = _parse(read_secret(path, what="keyring").reveal(), path)
    return [(one.name, one.epoch) for one in ring.masters]


def _find(ring: _Keyring, path: Path, name: str | None, epoch: str | None) -> FileMaster:
    found = [one for one in ring.masters if (one.name, one.epoch) == (name, epoch)]
    if len(found) != 1:
        raise Error(
            f"the keyring {path} has no master of that name and epoch",
            hint="its masters: " + ", ".join(f"{one.name} {one.epoch}" for one in ring.masters[:10]),
            exit_code=ExitCode.NO_INPUT,
        )
    return FileMaster(_decoded(found[0].master, path))


def _parse(data: bytes, path: Path) -> _Keyring:
    try:
        ring = msgspec.json.decode(data, type=_Keyring)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # the cause is left out on purpose: it may quote the file
        raise Error(f"{path} is no keyring that can be read", exit_code=ExitCode.NO_INPUT) from None
    if ring.schema != SCHEMA:
        raise Error(f"{path} is not of schema {SCHEMA}", exit_code=ExitCode.NO_INPUT)
    return ring


def _decoded(text: str, path: Path) -> Secret:
    if len(text) != 2 * MASTER_BYTES or not _HEX.fullmatch(text.encode()):
        raise Error(
            f"{path} has a master that is not {2 * MASTER_BYTES} hex digits", exit_code=ExitCode.NO_INPUT
        )
    return Secret(bytes.fromhex(text))
