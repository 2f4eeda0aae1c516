"""Rows of a corpus, read by batches: names, groups and token ids; a row that cannot be used, and why.

A batch has a column `row` and either `raw` (a line of JSON) or columns of a table.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from countermark.errors import Error, ExitCode
from countermark.watermark.bodies import Line, body_of
from countermark.watermark.schemes.base import IntArray
from countermark.watermark.tokens import Tokens

GROUP = "group"
"""Field that says which documents are related: of one site, repository, author, template."""
IDS = "token_ids"
_REASON_CHARACTERS = 200


@dataclass(frozen=True)
class Fields:
    """Names of the fields that a corpus has for text and id."""

    text: str = "text"
    id: str = "id"

    @property
    def columns(self) -> tuple[str, ...]:
        """All that are read."""
        return (self.id, self.text, IDS, GROUP)


@dataclass
class Rows:
    """The usable rows of a batch and the others; lists of one length, but for `bad`."""

    numbers: list[int] = field(default_factory=list)
    """Number of each row in its file, from 1."""
    names: list[str] = field(default_factory=list)
    ids: list[IntArray] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    """64 bits, signed, that two documents share where they are related."""
    problems: list[str] = field(default_factory=list)
    """Why there is nothing to score in a row; empty if there is."""
    bad: list[tuple[int, str]] = field(default_factory=list)
    """Number and reason of each row that cannot be used."""


def read_rows(file: str, batch: pa.RecordBatch, fields: Fields, tokens: Tokens) -> Rows:
    """Every row of the batch, checked. Raises `Error` only for what is no fault of a row: text without a
    tokenizer, say."""
    rows = Rows()
    lines = _json_lines(batch, fields) if "raw" in batch.schema.names else _table_lines(batch, fields)
    for number, line, ids, group in lines:
        if isinstance(line, str):
            rows.bad.append((number, line))
            continue
        try:
            # ids of a table come as an array, which is a sequence of integers too
            checked = line if ids is None else Line(line.id, cast("list[int]", ids))
            body = body_of(checked, str(number), tokens)
        except Error as error:
            if error.exit_code != ExitCode.NO_INPUT:
                raise
            rows.bad.append((number, error.message[:_REASON_CHARACTERS]))
            continue
        rows.numbers.append(number)
        rows.names.append(body.name)
        rows.ids.append(body.document.ids)
        rows.problems.append(body.problem)
        rows.groups.append(_hash(f"{file}\0{number}" if group is None else f"group\0{group}"))
    return rows


Read = tuple[int, Line | str, IntArray | None, object]
"""Row number; the line or what is wrong; ids that are read already; the group."""


@lru_cache(maxsize=4)
def _decoder(fields: Fields) -> Any:
    """Of lines whose fields have these names; other fields are let through unread."""
    renamed = {"id": fields.id, "text": fields.text, "group": GROUP, IDS: IDS}
    struct = msgspec.defstruct(
        "CorpusLine",
        [
            ("id", str | int | None, None),
            (IDS, list[int] | None, None),
            ("text", str | None, None),
            ("group", str | int | None, None),
        ],
        rename=renamed,
    )
    return msgspec.json.Decoder(struct)


def _json_lines(batch: pa.RecordBatch, fields: Fields) -> Iterator[Read]:
    decoder = _decoder(fields)
    numbers = batch.column("row").to_pylist()
    for number, raw in zip(numbers, batch.column("raw").to_pylist(), strict=True):
        if raw is None:
            yield number, "the line is too long", None, None
        elif raw.strip():
            try:
                line = decoder.decode(raw)
                yield number, Line(line.id, line.token_ids, line.text), None, line.group
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield number, f"no document: {error}"[:_REASON_CHARACTERS], None, None


def _table_lines(batch: pa.RecordBatch, fields: Fields) -> Iterator[Read]:
    known = batch.schema.names
    count = batch.num_rows
    numbers = batch.column("row").to_pylist()
    names = batch.column(fields.id).to_pylist() if fields.id in known else [None] * count
    groups = batch.column(GROUP).to_pylist() if GROUP in known else [None] * count
    texts = batch.column(fields.text).to_pylist() if fields.text in known else [None] * count
    ids = _id_arrays(batch.column(IDS)) if IDS in known else [None] * count
    for number, name, group, text, one in zip(numbers, names, groups, texts, ids, strict=True):
        if isinstance(one, str):
            yield number, one, None, None
        elif one is not None and text is not None:
            yield number, Line(name, [], text), None, None
        else:
            yield number, Line(None if name is None else str(name), None, text), one, group


def _id_arrays(column: pa.Array) -> list[IntArray | str | None]:
    """Ids of each row without a copy each; None for a null, words for a row with a null among its ids."""
    kind = column.type
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not lists or not pa.types.is_integer(kind.value_type):
        raise Error(f"the column {IDS} is no list of integers", exit_code=ExitCode.NO_INPUT)
    values = column.values
    flat = pc.fill_null(values, -1).to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    offsets = column.offsets.to_numpy()
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    return [
        flat[start:stop] if there else None
        for start, stop, there in zip(
            offsets[:-1].tolist(), offsets[1:].tolist(), valid.tolist(), strict=True
        )
    ]


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)
