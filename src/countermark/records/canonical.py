"""Canonical JSON (RFC 8785) and digests: the same content always has the same bytes and the same id."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import rfc8785

from countermark.errors import Error, ExitCode

CHUNK = 1 << 20
MAX_FILES = 10_000
"""A folder of which a digest is taken holds no more."""
_HASHERS = 2
_SAFE = 2**53 - 1
"""Integers up to here have one spelling (RFC 8785, section 3.2.2.3)."""


def canonical_json(value: Any) -> bytes:
    """RFC 8785 bytes of plain data or of a record (msgspec Struct, dataclass)."""
    plain = msgspec.to_builtins(value)
    return msgspec.json.encode(plain, order="sorted") if _is_simple(plain) else rfc8785.dumps(plain)


def _is_simple(value: Any, depth: int = 32) -> bool:
    """Whether every JSON writer that sorts names has the same bytes for it, so that a fast one may write it.

    So it is where there are no fractions, no large numbers and no characters but printable ones of ASCII.
    """
    kind = type(value)
    if kind is str:
        return bool(value.isascii() and value.isprintable())
    if kind is int:
        return bool(-_SAFE <= value <= _SAFE)
    if kind is list:
        kinds = set(map(type, value))
        if kinds == {int}:
            return bool(min(value) >= -_SAFE and max(value) <= _SAFE)
        return depth > 0 and all(_is_simple(one, depth - 1) for one in value)
    if kind is dict:
        names = all(type(name) is str and name.isascii() and name.isprintable() for name in value)
        return names and depth > 0 and all(_is_simple(one, depth - 1) for one in value.values())
    return value is None or kind is bool


def sha256_hex(data: bytes) -> str:
    """SHA-256 in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def content_id(prefix: str, value: Any) -> str:
    """Id derived from content: prefix, a hyphen, the first 128 bits of SHA-256 over canonical JSON."""
    return f"{prefix}-{sha256_hex(canonical_json(value))[:32]}"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in lower-case hex, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def folder_sha256(folder: Path) -> str:
    """SHA-256 over the names and digests of the folder's files, sorted by name; pipes and the like are none.

    Raises `Error(NO_INPUT)` where there are none or too many, one cannot be read, or a name is not UTF-8.
    """
    try:
        files = sorted(islice((one for one in folder.rglob("*") if one.is_file()), MAX_FILES + 1))
        if not files:
            raise Error(f"there is nothing at {folder}", exit_code=ExitCode.NO_INPUT)
        if len(files) > MAX_FILES:
            raise Error(f"{folder} holds over {MAX_FILES:,} files", exit_code=ExitCode.NO_INPUT)
        names = [one.relative_to(folder).as_posix() for one in files]
        if not all(_is_utf8(name) for name in names):
            raise Error(f"{folder} holds a file whose name is not UTF-8", exit_code=ExitCode.NO_INPUT)
        with ThreadPoolExecutor(_HASHERS) as pool:
            digests = list(pool.map(file_sha256, files))
    except OSError as error:
        raise Error(f"{folder} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    return sha256_hex(canonical_json([list(pair) for pair in zip(names, digests, strict=True)]))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
