"""What an answer says: JSON or a stream of server-sent events, of chat or completions.

Sources: OpenAI's reference (chat: `choices[].message`, `logprobs.content[].top_logprobs`; legacy
completions: `choices[].text`, `logprobs.tokens`, `token_logprobs`, `top_logprobs`; streams: `delta`,
`data: [DONE]`, usage in the last event); vLLM's `token_ids` and `prompt_token_ids`, and its tokens of the
form `token_id:123`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from countermark.records.transcripts import TokenChoice

_Id = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]
_LogProb = Annotated[float, msgspec.Meta(le=1e-3)]
"""Natural log; rounding of the endpoint may lift it a little above 0."""
_TOKEN_ID = re.compile(r"token_id:(\d{1,10})")
_MOST_EVENTS = 1 << 20


class Malformed(Exception):
    """What came is no answer of this interface; the text says why, without quoting it."""


class _Top(msgspec.Struct, frozen=True):
    token: str
    logprob: _LogProb
    bytes: list[Annotated[int, msgspec.Meta(ge=0, lt=256)]] | None = None


class _Token(_Top, frozen=True):
    top_logprobs: list[_Top] | None = None


class _LogProbs(msgspec.Struct, frozen=True):
    content: list[_Token] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[_LogProb | None] | None = None
    top_logprobs: list[dict[str, _LogProb] | None] | None = None


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    index: int = 0
    message: _Message | None = None
    delta: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: _LogProbs | None = None
    token_ids: list[_Id] | None = None
    prompt_token_ids: list[_Id] | None = None


class _Details(msgspec.Struct, frozen=True):
    reasoning_tokens: _Count | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    total_tokens: _Count | None = None
    completion_tokens_details: _Details | None = None


class _Response(msgspec.Struct, frozen=True):
    model: str | None = None
    system_fingerprint: str | None = None
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    prompt_token_ids: list[_Id] | None = None
    error: Any = None


@dataclass
class Answer:
    """What was understood of one answer, whole or cut."""

    text: str = ""
    refusal: str = ""
    finish_reason: str = ""
    token_ids: list[int] | None = None
    prompt_ids: list[int] | None = None
    logprobs: list[TokenChoice] | None = None
    model: str = ""
    fingerprint: str = ""
    usage: dict[str, int] = field(default_factory=dict)
    ended: bool = True
    """A stream came to its `[DONE]` or to a finish reason; always true of a JSON document."""
    error: str = ""
    """Code of an error that came in place of an answer or within it."""


def read_answer(body: bytes, content_type: str) -> Answer:
    """Understand the bytes of an answer. Raises `Malformed`."""
    answer = Answer()
    if "text/event-stream" in content_type.lower():
        answer.ended = False
        for data in _events(body):
            if data == b"[DONE]":
                answer.ended = True
                break
            _add(answer, _decoded(data))
        answer.ended = answer.ended or bool(answer.finish_reason)
    else:
        response = _decoded(body)
        if not response.choices and response.error is None:
            raise Malformed("no choices")
        _add(answer, response)
    _ids_of_tokens(answer)
    return answer


def error_code(body: bytes) -> str:
    """Code or type of an error body, a word at most; the message is not taken, it may quote anything."""
    try:
        return _code_of(msgspec.json.decode(body, type=_Response).error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _decoded(data: bytes) -> _Response:
    try:
        return msgspec.json.decode(data, type=_Response)
    except msgspec.ValidationError as error:
        raise Malformed(str(error)[:200]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("no JSON") from None


def _events(body: bytes) -> Iterator[bytes]:
    """The data of server-sent events (WHATWG HTML, 9.2.6); an event without its empty line is dropped."""
    data: list[bytes] = []
    count = 0
    lines = re.split(rb"\r\n|\n|\r", body)
    for line in lines[:-1]:
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            count += 1
            if count > _MOST_EVENTS:
                raise Malformed("too many events")
            yield b"\n".join(data)
            data = []
    if data == [b"[DONE]"]:
        yield data[0]


def _add(answer: Answer, part: _Response) -> None:
    answer.model = answer.model or (part.model or "")[:512]
    answer.fingerprint = answer.fingerprint or (part.system_fingerprint or "")[:512]
    if part.error is not None:
        answer.error = _code_of(part.error) or "unnamed"
    if part.usage is not None:
        answer.usage = _counts(part.usage)
    if part.prompt_token_ids is not None:
        answer.prompt_ids = part.prompt_token_ids
    # one answer was asked for; whatever stands at other places is not it
    for choice in part.choices or []:
        if choice.index == 0:
            _add_choice(answer, choice)


def _add_choice(answer: Answer, choice: _Choice) -> None:
    message = choice.message or choice.delta or _Message()
    answer.text += (choice.text or "") + (message.content or "")
    answer.refusal += message.refusal or ""
    answer.finish_reason = (choice.finish_reason or "")[:64] or answer.finish_reason
    if choice.token_ids is not None:
        answer.token_ids = (answer.token_ids or []) + choice.token_ids
    if choice.prompt_token_ids is not None:
        answer.prompt_ids = choice.prompt_token_ids
    if choice.logprobs is not None:
        answer.logprobs = (answer.logprobs or []) + _choices(choice.logprobs)


def _choices(given: _LogProbs) -> list[TokenChoice]:
    if given.content is not None:
        return [
            TokenChoice(token=_name(one), logprob=one.logprob, top=_best(one.top_logprobs or []))
            for one in given.content
        ]
    tokens, numbers = given.tokens or [], given.token_logprobs or []
    tops = given.top_logprobs or [None] * len(tokens)
    if not len(tokens) == len(numbers) == len(tops):
        raise Malformed("logprobs of different lengths")
    if None in numbers:
        raise Malformed("a token of the answer without its logprob")
    return [
        TokenChoice(token=token, logprob=number or 0.0, top=top or {})
        for token, number, top in zip(tokens, numbers, tops, strict=True)
    ]


def _best(tops: list[_Top]) -> dict[str, float]:
    """By name; of two tokens with one name the likelier."""
    best: dict[str, float] = {}
    for one in tops:
        name = _name(one)
        best[name] = max(one.logprob, best.get(name, one.logprob))
    return best


def _name(token: _Top) -> str:
    """Parts of a character have no text: they are written `bytes:\\xe2`, as completions write them."""
    raw = bytes(token.bytes or [])
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in raw)
    return token.token


def _counts(usage: _Usage) -> dict[str, int]:
    details = usage.completion_tokens_details
    counts = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "reasoning_tokens": None if details is None else details.reasoning_tokens,
    }
    return {name: count for name, count in counts.items() if count is not None}


def _ids_of_tokens(answer: Answer) -> None:
    if answer.token_ids is not None or not answer.logprobs:
        return
    found = [_TOKEN_ID.fullmatch(one.token) for one in answer.logprobs]
    ids = [int(one[1]) for one in found if one]
    if len(ids) == len(found) and max(ids) < 1 << 31:
        answer.token_ids = ids


def _code_of(error: Any) -> str:
    if isinstance(error, str):
        return _word(error)
    if isinstance(error, dict):
        return _word(error.get("code")) or _word(error.get("type"))
    return ""


def _word(value: Any) -> str:
    """A code is a word; a sentence is no code."""
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value) else ""
