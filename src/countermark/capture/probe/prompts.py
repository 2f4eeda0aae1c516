"""The prompts of a probe: JSON lines, or plain text with a prompt a line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from countermark.errors import Error, ExitCode

JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
MOST_BYTES = 256 << 20
MOST_PROMPTS = 1_000_000
MOST_LINE_BYTES = 8 << 20
ROLES = ("system", "developer", "user", "assistant")

TokenId = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: str
    content: str


class _Line(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    prompt: str | None = None
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1, max_length=1000)] | None = None
    prompt_ids: Annotated[list[TokenId], msgspec.Meta(min_length=1, max_length=1 << 20)] | None = None
    prefill: str | None = None


@dataclass(frozen=True)
class Prompt:
    """One prompt: exactly one of text, messages and token ids is there."""

    id: str
    text: str | None = None
    messages: tuple[tuple[str, str], ...] | None = None
    """Role and content."""
    ids: tuple[int, ...] | None = None
    prefill: str | None = None


def read_prompts(path: Path) -> list[Prompt]:
    """All prompts. Raises `Error` for a file that is empty, too large or has a bad line or an id twice."""
    as_json = path.suffix.lower() in JSON_SUFFIXES
    prompts: list[Prompt] = []
    seen: set[str] = set()
    for number, line in enumerate(_data(path).split(b"\n"), start=1):
        if not line.strip():
            continue
        if len(line) > MOST_LINE_BYTES or len(prompts) >= MOST_PROMPTS:
            raise _bad(path, number, f"over {MOST_LINE_BYTES >> 20} MiB, or one prompt too many")
        prompt = _from_json(line, path, number) if as_json else _from_text(line, path, number)
        if prompt.id in seen:
            raise _bad(path, number, f"the id {prompt.id!r} stands twice")
        seen.add(prompt.id)
        prompts.append(prompt)
    if not prompts:
        raise Error(f"{path} has no prompts", exit_code=ExitCode.NO_INPUT)
    return prompts


def _data(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    if len(data) > MOST_BYTES:
        raise Error(f"{path} is over {MOST_BYTES >> 20} MiB", exit_code=ExitCode.NO_INPUT)
    return data.removeprefix(b"\xef\xbb\xbf")


def _from_text(line: bytes, path: Path, number: int) -> Prompt:
    try:
        return Prompt(f"line-{number}", text=line.removesuffix(b"\r").decode())
    except UnicodeDecodeError:
        raise _bad(path, number, "no UTF-8") from None


def _from_json(line: bytes, path: Path, number: int) -> Prompt:
    try:
        one = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(path, number, str(error)) from None
    if sum(part is not None for part in (one.prompt, one.messages, one.prompt_ids)) != 1:
        raise _bad(path, number, "exactly one of prompt, messages and prompt_ids is wanted")
    if one.prompt is not None and not one.prompt:
        raise _bad(path, number, "the prompt is empty")
    if not one.id.isprintable():
        raise _bad(path, number, "the id has characters that cannot be printed")
    messages = None
    if one.messages is not None:
        if any(message.role not in ROLES for message in one.messages):
            raise _bad(path, number, f"a role is none of {', '.join(ROLES)}")
        messages = tuple((message.role, message.content) for message in one.messages)
    ids = None if one.prompt_ids is None else tuple(one.prompt_ids)
    return Prompt(one.id, text=one.prompt, messages=messages, ids=ids, prefill=one.prefill)


def _bad(path: Path, number: int, reason: str) -> Error:
    hint = 'a line is {"id": …, "prompt": …}, or with messages or prompt_ids; a .txt file has a prompt a line'
    return Error(f"{path} line {number}: {reason}", hint=hint, exit_code=ExitCode.NO_INPUT)
