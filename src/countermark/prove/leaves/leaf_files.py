"""Take leaves out of a document or table and its file of leaves; the Merkle root stays what it was."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import msgspec

from countermark.prove.leaves.leaf_fields import Form, fields_of, is_kept, leaf_content, line_fields
from countermark.prove.leaves.leaves import leaf_hash, lines_of_leaves, lines_of_table, taken_out
from countermark.prove.package.layout import MAX_KEPT_BYTES, failed, is_table
from countermark.prove.redacting.takes import Lines, Take, matcher

_TOKEN = re.compile(
    rb'("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|\{\s*\}|\[\s*\]|[^\s{}\[\],:"]+',
    re.DOTALL,
)
"""In JSON that was checked: a text (a key where a colon follows), an empty container, a number or a word."""


class _Line(msgspec.Struct):
    account_id: str | int | None = None


_LINE = msgspec.json.Decoder(_Line)


@dataclass
class Taken:
    """What became of one document or table."""

    grounds: Counter[str] = field(default_factory=Counter)
    """Leaves that are out now, also those of before."""
    new: int = 0
    """Leaves that were there before."""
    stayed: int = 0
    """Fields that were meant too, and that have to stay."""
    kept: set[int] = field(default_factory=set)
    """Numbers of the takes that meant such a field."""
    values: set[str] = field(default_factory=set)
    """Texts of fields that were taken out by their pointers; of whole lines the account id."""
    matched: set[int] = field(default_factory=set)
    """Numbers of the takes that met something."""


class Chooser:
    """Says of each line and field of one file whether it is to be taken out, and on which ground."""

    def __init__(self, takes: Sequence[tuple[int, Take]], stays: Sequence[str] = ()) -> None:
        """`takes` with their numbers, the first that meets a leaf counts; `stays`: pointers that stay."""
        self._stays = matcher(stays) if stays else None
        self._fields = [(at, take.ground, matcher(take.pointers)) for at, take in takes if take.pointers]
        self._rows = [(at, take.ground, Lines(take.rows)) for at, take in takes if take.rows]
        self._accounts = [(at, take.ground, take.accounts) for at, take in takes if take.accounts]

    def of_field(self, pointer: str) -> tuple[int, str] | None:
        """Number of the take and ground."""
        for at, ground, pattern in self._fields:
            if pattern.fullmatch(pointer):
                return at, ground
        return None

    def stays(self, pointer: str) -> bool:
        """Whether a field may not be taken out."""
        return is_kept(pointer) or (self._stays is not None and self._stays.fullmatch(pointer) is not None)

    def of_line(self, index: int, line: bytes) -> tuple[int, str] | None:
        """The same for a whole line, `index` from 0."""
        for at, ground, lines in self._rows:
            if index + 1 in lines:
                return at, ground
        if self._accounts:
            account = account_of(line)
            for at, ground, accounts in self._accounts:
                if account in accounts:
                    return at, ground
        return None


def account_of(line: bytes) -> str | None:
    """`account_id` of a line of a table, as text; None where it has none."""
    try:
        account = _LINE.decode(line).account_id
    except (ValueError, RecursionError):  # another type of value, or `null` of a row that is out
        return None
    return None if account is None else str(account)


def take_out(
    name: str,
    form: Form,
    old: tuple[BinaryIO, BinaryIO],
    new: tuple[BinaryIO, BinaryIO],
    chooser: Chooser,
) -> Taken:
    """Copy a document or table and its leaves (`old`, `new`: both), without what the chooser chooses.

    What was taken out before stays out, with its ground. All bytes but those of the values stay as they were.
    Raises `Error` (exit 20) where the file and its leaves do not fit; that they have the sealed root is for
    `check_leaves` to say.
    """
    taken = Taken()
    leaves = lines_of_leaves(old[1])
    if form == "rows":
        _rows(old[0], leaves, new, chooser, taken)
    elif is_table(name):
        for index, line in enumerate(lines_of_table(old[0])):
            whole = chooser.of_line(index, line)
            new[0].write(
                _fields(line, line_fields(line, index), leaves, new[1], chooser, whole, taken) + b"\n"
            )
    else:
        text = old[0].read(MAX_KEPT_BYTES + 1)
        new[0].write(_fields(text, list(fields_of(text)), leaves, new[1], chooser, None, taken))
    if next(leaves, None) is not None:
        raise failed(f"{name} has more leaves than fields or rows")
    return taken


def _rows(
    content: BinaryIO,
    leaves: Iterator[bytes],
    new: tuple[BinaryIO, BinaryIO],
    chooser: Chooser,
    taken: Taken,
) -> None:
    for index, line in enumerate(lines_of_table(content)):
        leaf = _next(leaves)
        before = taken_out(leaf)
        if before:
            taken.grounds[before[1]] += 1
        elif chosen := chooser.of_line(index, line):
            leaf, line = _gone(leaf, line, chosen, taken), b"null"
        new[0].write(line + b"\n")
        new[1].write(leaf + b"\n")


def _fields(
    text: bytes,
    fields: Sequence[tuple[str, bytes]],
    leaves: Iterator[bytes],
    out: BinaryIO,
    chooser: Chooser,
    whole: tuple[int, str] | None,
    taken: Taken,
) -> bytes:
    """The text with `null` for each value that goes; its lines of leaves are written to `out`."""
    made, done = bytearray(), 0
    for (pointer, value), (start, end) in zip(fields, _spans(text), strict=True):
        leaf = _next(leaves)
        before = taken_out(leaf)
        chosen = whole or chooser.of_field(pointer)
        if before:
            taken.grounds[before[1]] += 1
        elif chosen and chooser.stays(pointer):
            taken.kept.add(chosen[0])
            taken.stayed += 1
        elif chosen:
            leaf = _gone(leaf, leaf_content(pointer, value), chosen, taken)
            if value.startswith(b'"') and (not whole or pointer.endswith("/account_id")):
                taken.values.add(msgspec.json.decode(value))
            made += text[done:start] + b"null"
            done = end
        out.write(leaf + b"\n")
    return bytes(made + text[done:])


def _gone(leaf: bytes, content: bytes, chosen: tuple[int, str], taken: Taken) -> bytes:
    number, ground = chosen
    taken.matched.add(number)
    taken.grounds[ground] += 1
    taken.new += 1
    return f"-{leaf_hash(bytes.fromhex(leaf.decode()), content).hex()} {ground}".encode()


def _spans(text: bytes) -> Iterator[tuple[int, int]]:
    """Where the value of each leaf stands."""
    for match in _TOKEN.finditer(text):
        if match[2] is None:
            yield match.span()


def _next(leaves: Iterator[bytes]) -> bytes:
    leaf = next(leaves, None)
    if leaf is None:
        raise failed("a file has fewer leaves than fields or rows")
    return leaf
