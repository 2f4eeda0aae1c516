"""Canonical JSON (RFC 8785) and digests: the same content always has the same bytes and the same id."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import rfc8785

CHUNK = 1 << 20


def canonical_json(value: Any) -> bytes:
    """RFC 8785 bytes of plain data or of a record (msgspec Struct, dataclass)."""
    return rfc8785.dumps(msgspec.to_builtins(value))


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
