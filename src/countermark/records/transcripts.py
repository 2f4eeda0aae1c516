"""Transcripts: what a suspect was asked and what it answered, one JSON line an answer.

`capture probe` writes them, `attribute` reads them. Lines come from a suspect and are untrusted: bounded in
size and number, every field checked. A line may hold text, token ids, or both; fields of later versions are
let through unread.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import content_id

TRANSCRIPT_SCHEMA_ID = "countermark/transcript/v1"
MAX_LINE_BYTES = 64 << 20
MAX_LINES = 50_000_000


class TokenChoice(msgspec.Struct, frozen=True):
    """What an endpoint tells of one token of an answer."""

    token: str
    logprob: float
    """Natural log."""
    top: dict[str, float] = {}
    """Its likeliest tokens with their natural-log probabilities."""


class Transcript(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer."""

    schema: str = TRANSCRIPT_SCHEMA_ID
    id: str
    """Unique in its file."""
    prompt_id: str = ""
    """Equal for repeated calls of one prompt."""
    prompt: str | None = None
    """What was asked, as text: of a chat all messages, joined by line feeds."""
    messages: list[dict[str, str]] | None = None
    """A chat as it was sent: role and content."""
    prompt_ids: list[int] | None = None
    """Token ids in front of the answer, where the prober had the tokenizer."""
    prompt_encoded: bool = False
    """Whether `prompt_ids` are `prompt` encoded by us without special tokens, not what was read."""
    answer: str | None = None
    token_ids: list[int] | None = None
    """Token ids of the answer, where they are known."""
    encoded: bool = False
    """Whether `token_ids` are `answer` encoded by us, and not what the endpoint said that it chose."""
    logprobs: list[TokenChoice] | None = None
    finish_reason: str = ""
    """As the endpoint gave it; `length` where the answer was cut at the limit asked for."""
    problem: str = ""
    """Why the answer is not used: refused, cut off, of another model. Empty if it is."""
    model: str = ""
    """The model that the endpoint says has answered."""
    fingerprint: str = ""
    """`system_fingerprint` of the answer: the configuration behind the endpoint, as it says itself."""
    model_asked: str = ""
    endpoint: str = ""
    parameters: dict[str, Any] = {}
    """Temperature, top_p, max_tokens and so on, as sent."""
    sent: str = ""
    """UTC, RFC 3339."""
    seconds: float = 0.0
    usage: dict[str, int] = {}
    headers: dict[str, str] = {}
    """Response headers, but cookies and credentials."""
    request_sha256: str = ""
    response_sha256: str = ""

    @property
    def asked(self) -> str | None:
        """The prompt as text; of a chat all messages, joined by line feeds."""
        return self.chat if self.prompt is None else self.prompt

    @property
    def chat(self) -> str | None:
        """All that the messages say, whatever their fields are called, joined by line feeds."""
        if self.messages is None:
            return None
        said = [text for message in self.messages for name, text in message.items() if name != "role"]
        return "\n".join(said)

    @property
    def transcript_id(self) -> str:
        """Derived from the content."""
        return content_id("transcript", self)


def read_transcripts(path: Path) -> Iterator[Transcript]:
    """Every line; one that is none is an `Error` that names its number, as is an id that stands twice."""
    decoder = msgspec.json.Decoder(Transcript)
    seen: set[str] = set()
    try:
        with path.open("rb") as stream:
            for number, raw in enumerate(_lines(stream, path), start=1):
                if not raw.strip():
                    continue
                one = _decoded(decoder, raw, path, number)
                if one.id in seen:
                    raise _bad(path, number, "its id stands twice", "were two files joined?")
                seen.add(one.id)
                yield one
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None


def sent_at(one: Transcript) -> datetime | None:
    """When it was asked; None where it does not say so in a way that can be read. UTC unless it says."""
    try:
        when = datetime.fromisoformat(one.sent)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def transcript_line(one: Transcript) -> bytes:
    """The JSON line of a transcript, line feed included."""
    return msgspec.json.encode(one) + b"\n"


def _lines(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    for number in range(1, MAX_LINES + 2):
        raw = stream.readline(MAX_LINE_BYTES + 1)
        if not raw:
            return
        if len(raw) > MAX_LINE_BYTES or number > MAX_LINES:
            raise _bad(path, number, f"it is over {MAX_LINE_BYTES >> 20} MiB, or one line too many", "")
        yield raw


def _decoded(decoder: msgspec.json.Decoder[Transcript], raw: bytes, path: Path, number: int) -> Transcript:
    try:
        one = decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        hint = 'a line is {"id": …, "prompt": …, "answer": …}, or with prompt_ids and token_ids'
        raise _bad(path, number, f"it is no transcript: {error}", hint) from None
    if one.answer is None and one.token_ids is None and not one.problem:
        raise _bad(path, number, "it has neither answer nor token_ids nor a problem", "")
    if min([0, *(one.token_ids or []), *(one.prompt_ids or [])]) < 0:
        raise _bad(path, number, "a token id is negative", "")
    return one


def _bad(path: Path, number: int, reason: str, hint: str) -> Error:
    return Error(f"{path} line {number}: {reason}", hint=hint, exit_code=ExitCode.NO_INPUT)
