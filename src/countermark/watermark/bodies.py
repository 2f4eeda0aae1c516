"""Bodies of text from JSON lines: `{"id", "token_ids"}` or `{"id", "text"}` a line, bounded and checked."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from countermark.errors import Error, ExitCode
from countermark.watermark.schemes.base import FloatArray, IntArray
from countermark.watermark.scoring import Document, check_ids, check_weights
from countermark.watermark.tokens import Tokens

MAX_LINE_BYTES = 1 << 30


class Line(msgspec.Struct):
    """A line of input; other fields are let through unread."""

    id: str | int | None = None
    token_ids: list[int] | None = None
    text: str | None = None
    weights: list[float] | None = None
    """One a token, finite and not negative, chosen without the key."""


@dataclass(frozen=True)
class Body:
    """One line of input."""

    name: str
    """Its `id`, or its line number from 1 where it has none."""
    document: Document
    problem: str = ""
    """Why it cannot be scored; empty if it can."""


def read_bodies(path: Path, tokens: Tokens) -> Iterator[Body]:
    """Every line of the file as a body; a line that cannot be read is an error that names it.

    An empty text, or one that is not longer than the context, is a body with a problem, not an error.
    """
    decoder = msgspec.json.Decoder(Line)
    try:
        with path.open("rb") as stream:
            for number, raw in enumerate(_lines(stream, path), start=1):
                if raw.strip():
                    yield _body(decoder, raw, path, number, tokens)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None


def _lines(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        if len(raw) > MAX_LINE_BYTES:
            raise Error(f"{path} has a line over {MAX_LINE_BYTES >> 30} GiB", exit_code=ExitCode.NO_INPUT)
        yield raw


def _body(decoder: msgspec.json.Decoder[Line], raw: bytes, path: Path, number: int, tokens: Tokens) -> Body:
    try:
        line = decoder.decode(raw)
        return body_of(line, str(number), tokens)
    except Error as error:
        raise Error(
            f"{path} line {number}: {error.message}", hint=error.hint, exit_code=error.exit_code
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise Error(
            f"{path} line {number} is no body: {error}",
            hint='a line is {"id": …, "token_ids": […]} or {"id": …, "text": "…"}',
            exit_code=ExitCode.NO_INPUT,
        ) from None


def body_of(line: Line, default_name: str, tokens: Tokens) -> Body:
    """A checked body; ids outside the vocabulary, or weights that do not fit, are an `Error`."""
    name = default_name if line.id is None else str(line.id)
    if (line.token_ids is None) is (line.text is None):
        raise Error("it holds not exactly one of token_ids and text", exit_code=ExitCode.NO_INPUT)
    if line.text is not None:
        ids = tokens.encode(line.text) if line.text.strip() else np.empty(0, np.int64)
    else:
        ids = np.array(line.token_ids, dtype=np.int64)
    check_ids(ids, tokens.profile)
    return Body(name, Document(ids, _weights(line.weights, ids)), _problem(ids, tokens.profile.context_width))


def _problem(ids: IntArray, width: int) -> str:
    if not len(ids):
        return "empty text"
    if len(ids) <= width:
        return f"{len(ids)} tokens are not more than the context of {width}"
    return ""


def _weights(values: list[float] | None, ids: IntArray) -> FloatArray | None:
    if values is None:
        return None
    weights = np.array(values, dtype=np.float64)
    check_weights(weights, ids)
    return weights
