"""Salted Merkle leaves over documents and tables, so that parts can be taken out.

Source: `spec/package.md`, 'Leaves'; RFC 6962, section 2.1, for the tree.
"""

import hashlib
import os
import re
from binascii import hexlify, unhexlify
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, count, islice
from typing import BinaryIO

import msgspec

from countermark.errors import Error
from countermark.prove.leaves.leaf_fields import (
    MAX_LINE,
    Form,
    check_row,
    check_tight,
    fields_of,
    form_of,
    is_kept,
    leaf_content,
    leaves_name,
    line_fields,
)
from countermark.prove.package.layout import MAX_KEPT_BYTES, by_root_alone, failed, is_document, is_table
from countermark.trust.keyfiles import Secret
from countermark.trust.merkle import Frontier, node_hash

__all__ = [
    "GROUNDS",
    "SALT_BYTES",
    "Form",
    "Root",
    "check_leaves",
    "fields_of",
    "form_of",
    "is_document",
    "is_table",
    "leaf_content",
    "leaves_name",
    "salts_for",
    "write_leaves",
]

SALT_BYTES = 16
MAX_SALT_LINE = 128
"""Bytes of a line of a file of leaves."""
GROUNDS = ("court-order", "personal-data", "privilege", "third-party", "trade-secret")
"""Why something may be taken out."""

_PERSON = b"cm-leaf-v3"
_SALT = re.compile(rb"[0-9a-f]{32}")
_TAKEN = re.compile(rb"-([0-9a-f]{64}) (" + "|".join(GROUNDS).encode() + rb")")
_BLOCK = 1 << 20
_CHUNK = 1 << 12
"""Leaves whose subtree is made at once; a power of two."""
_NULL_ROW = b"null"
_NULL_FIELD = b"\nnull"


class Root(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the seal says of the leaves of one document or table."""

    name: str
    """In the bag, as `data/findings/findings.json`."""
    form: Form
    count: int
    """Number of leaves."""
    root: str
    """Merkle root, 64 hex digits."""


class LeafTree:
    """The Merkle root of RFC 6962 over leaf hashes that come in order; 4,096 of them are held at most."""

    def __init__(self) -> None:
        self.size = 0
        self._whole = Frontier()
        self._open: list[bytes] = []

    def extend(self, hashes: Iterable[bytes]) -> None:
        """Add leaf hashes."""
        for one in hashes:
            self._open.append(one)
            if len(self._open) == _CHUNK:
                self._close()

    def root(self) -> str:
        """In hex; of no leaf the SHA-256 of nothing. Nothing can be added afterwards."""
        if self._open:
            self._close()
        return self._whole.root().hex()

    def _close(self) -> None:
        self.size += len(self._open)
        level = self._open
        while len(level) > 1:
            # pairs side by side, an odd one moves up: the tree of RFC 6962 for any number of leaves
            above = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
            level = above + level[-1:] if len(level) % 2 else above
        self._whole.append(level[0])
        self._open = []


def leaf_hash(salt: bytes, content: bytes) -> bytes:
    """SHA-256(0x00 ‖ salt ‖ content)."""
    return hashlib.sha256(b"\x00" + salt + content).digest()


def salts_for(key: Secret | None, name: str, content: bytes, count: int) -> Iterator[bytes]:
    """Salts of 16 bytes for the first `count` leaves of `name`: from the key, or random without one.

    `content` is the SHA-256 of the file: whoever seals a case again after a change gives no salt that the
    first package shows, under which a value that is taken out of the second could be found by trying.
    """
    return islice(_salts(key, name, content), count)


def _salts(key: Secret | None, name: str, content: bytes) -> Iterator[bytes]:
    if key is None:
        while True:
            block = os.urandom(SALT_BYTES * _CHUNK)
            yield from (block[at : at + SALT_BYTES] for at in range(0, len(block), SALT_BYTES))
    named = name.encode() + b"\x00" + content
    keyed = hashlib.blake2b(named, digest_size=SALT_BYTES, key=key.reveal(), person=_PERSON)
    for index in count():
        one = keyed.copy()
        one.update(index.to_bytes(8, "big"))
        yield one.digest()


def write_leaves(name: str, form: Form, source: BinaryIO, target: BinaryIO, key: Secret | None) -> Root:
    """Cut `source`, write its file of leaves to `target`; both are streamed, but a document is read whole.

    With a key the source is read twice: its digest goes into the salts.

    Raises `Error` (exit 20) where the source is not what a package may have.
    """
    tree = LeafTree()
    digest = hashlib.sha256()
    if key is not None:
        while block := source.read(_BLOCK):
            digest.update(block)
        source.seek(0)
    salts = _salts(key, name, digest.digest())

    def hashes() -> Iterator[bytes]:
        for content, salt in zip(contents_of(name, form, source), salts, strict=False):
            lines.append(hexlify(salt))
            yield leaf_hash(salt, content)

    lines: list[bytes] = []
    made = hashes()
    try:
        while chunk := list(islice(made, _CHUNK)):
            tree.extend(chunk)
            target.write(b"\n".join(lines) + b"\n")
            lines.clear()
    except Error as error:
        raise failed(f"{name}: {error.message}") from error
    root = tree.root()
    return Root(name=name, form=form, count=tree.size, root=root)


def check_leaves(name: str, form: Form, content: BinaryIO, leaves: BinaryIO) -> tuple[Root, Counter[str]]:
    """The root over a document or table and its file of leaves, and how many leaves were taken out by ground.

    Raises `Error` (exit 20) where the two do not fit: another number of leaves, a leaf taken out that is not
    null or may not be, a line that is neither a salt nor a hash with a ground.
    """
    tree, grounds = LeafTree(), Counter[str]()
    try:
        pairs = zip(contents_of(name, form, content), lines_of_leaves(leaves), strict=True)
        tree.extend(_hashes(pairs, form, grounds))
    except Error as error:
        raise failed(f"{name}: {error.message}") from error
    except ValueError as error:  # zip
        raise failed(f"{name} and its file of leaves are not of one length") from error
    root = tree.root()
    return Root(name=name, form=form, count=tree.size, root=root), grounds


def contents_of(name: str, form: Form, source: BinaryIO) -> Iterator[bytes]:
    """The contents of the leaves, in order. Raises `Error` (exit 20) for what is not allowed in a package."""
    if is_table(name):
        lines = lines_of_table(source)
        return _rows(lines) if form == "rows" else _line_contents(lines)
    text = source.read(MAX_KEPT_BYTES + 1)
    if len(text) > MAX_KEPT_BYTES:
        raise failed(f"larger than {MAX_KEPT_BYTES >> 20} MiB")
    fields = fields_of(text)
    if by_root_alone(name):
        check_tight(text, "it")
    return (leaf_content(pointer, value) for pointer, value in fields)


def taken_out(line: bytes) -> tuple[bytes, str] | None:
    """Hash and ground of a line of a file of leaves; None where it is a salt; `Error` where it is neither."""
    if _SALT.fullmatch(line):
        return None
    taken = _TAKEN.fullmatch(line)
    if not taken:
        raise failed("a line of its leaves is neither a salt nor a hash with a ground")
    return unhexlify(taken[1]), taken[2].decode()


def _hashes(pairs: Iterable[tuple[bytes, bytes]], form: Form, grounds: Counter[str]) -> Iterator[bytes]:
    is_salt, sha256 = _SALT.fullmatch, hashlib.sha256
    for content, line in pairs:
        if is_salt(line):
            if content == _NULL_ROW:  # no field is: their content has a pointer before it
                raise failed("a row is null and is not said to be taken out")
            yield sha256(b"\x00" + unhexlify(line) + content).digest()
            continue
        taken = taken_out(line)
        assert taken is not None  # for the type checker: it is no salt
        grounds[taken[1]] += 1
        _check_gone(content, form)
        yield taken[0]


def _check_gone(content: bytes, form: Form) -> None:
    gone = content == _NULL_ROW if form == "rows" else content.endswith(_NULL_FIELD)
    if not gone:
        raise failed("something is said to be taken out and is still there")
    if form == "fields" and is_kept(content.removesuffix(_NULL_FIELD).decode()):
        raise failed("a field was taken out that the verification hangs on")


def _rows(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        check_row(line)
        yield line


def _line_contents(lines: Iterable[bytes]) -> Iterator[bytes]:
    for index, line in enumerate(lines):
        fields = line_fields(line, index)
        check_tight(line, f"line {index + 1}")
        for pointer, value in fields:
            yield leaf_content(pointer, value)


def lines_of_table(stream: BinaryIO) -> Iterator[bytes]:
    """Lines of a table without their line feeds, bounded; `Error` (exit 20) where the last one has none."""
    return _lines(stream, MAX_LINE, "a table")


def lines_of_leaves(stream: BinaryIO) -> Iterator[bytes]:
    """The same of a file of leaves."""
    return _lines(stream, MAX_SALT_LINE, "a file of leaves")


def _lines(stream: BinaryIO, longest: int, what: str) -> Iterator[bytes]:
    return chain.from_iterable(_line_blocks(stream, longest, what))


def _line_blocks(stream: BinaryIO, longest: int, what: str) -> Iterator[list[bytes]]:
    """Lines without their line feeds, a block of them at a time: a line can be no longer than memory is."""
    rest = b""
    while block := stream.read(_BLOCK):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        if len(rest) > longest or any(len(line) > longest for line in lines):
            raise failed(f"a line of {what} has over {longest:,} bytes")
        yield lines
    if rest:
        raise failed(f"{what} does not end in a line feed")
