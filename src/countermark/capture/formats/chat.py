"""What an LLM request asks, in the shapes that OpenAI, Anthropic and OpenTelemetry give it.

Names: OpenAI `chat/completion_create_params.py`, `responses/response_create_params.py` and
`completion_create_params.py` (openai-python 3.3.1); Anthropic's `system` and `thinking` as LiteLLM
logs them; OpenTelemetry's messages with `parts` (semantic conventions 1.41.1).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from countermark.capture.formats.fields import canonical, clean, unpack

SAMPLING = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "n",
        "presence_penalty",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "stop",
        "stop_sequences",
        "temperature",
        "thinking",
        "top_k",
        "top_logprobs",
        "top_p",
        "verbosity",
    }
)
"""Parameters that make `params`. `seed` is left out: one that changes with each call would hide the rest."""

_REDACTED = "redacted-by-litellm"
_INSTRUCTING = frozenset({"system", "developer"})
_TEXT_PARTS = frozenset({None, "text", "input_text"})
_TURNS = ("messages", "input", "prompt")
_INSTRUCTIONS = ("system", "instructions")
_REASONING = frozenset({"reasoning_effort", "reasoning", "thinking"})

Turns = tuple[str | None, str | None]


def read_turns(value: Any) -> Turns:
    """(prompt, system): the last user turn that has text; the system and developer turns, a line each.

    `value` is text, a list of messages (or of texts), a request body with one of these in it, or any of that
    as JSON text. Content that a gateway redacted is absent.
    """
    if type(value) is not list:
        value = unpack(value)
    if isinstance(value, str):
        return _present(value), None
    if isinstance(value, dict):
        return _from_body(value)
    if isinstance(value, list):
        return _from_list(value)
    return None, None


def _from_body(body: Mapping[str, Any]) -> Turns:
    if "role" in body:
        return _from_list([body])
    prompt, system = None, None
    for name in _TURNS:
        turns = unpack(body.get(name))
        if isinstance(turns, str):
            prompt = _present(turns)
        elif isinstance(turns, list):
            prompt, system = _from_list(turns)
        if prompt or system:
            break
    above = [found for name in _INSTRUCTIONS if (found := _content(body.get(name)))]
    return prompt, _joined([*above, system] if system else above)


def _from_list(turns: Iterable[Any]) -> Turns:
    prompt = None
    system: list[str] = []
    plain: list[str] = []
    for turn in turns:
        if isinstance(turn, str):
            plain.append(turn)
        elif isinstance(turn, dict):
            role = turn.get("role")
            if role == "user":
                prompt = _content(turn.get("content") or turn.get("parts")) or prompt
            elif isinstance(role, str) and role in _INSTRUCTING:
                found = _content(turn.get("content") or turn.get("parts"))
                if found:
                    system.append(found)
    return prompt or _joined(plain), _joined(system)


def _content(content: Any) -> str | None:
    """Text of a message's content: text, or the text parts of a list of parts joined by newlines."""
    if isinstance(content, str):
        return _present(content)
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return None
    found = [part if isinstance(part, str) else _part(part) for part in content]
    return _present("\n".join(one for one in found if one))


def _part(part: Any) -> str | None:
    if not isinstance(part, dict):
        return None
    kind = part.get("type")
    if kind is not None and (not isinstance(kind, str) or kind not in _TEXT_PARTS):
        return None
    said = part.get("text") or part.get("content")
    return said if isinstance(said, str) else None


def _present(said: str) -> str | None:
    return None if not said or said == _REDACTED or said.isspace() else clean(said)


def _joined(found: list[str]) -> str | None:
    return _present("\n".join(found))


def read_params(body: Mapping[str, Any]) -> bytes | None:
    """Canonical JSON of the sampling parameters that are set, None when there are none."""
    found = {name: value for name, value in body.items() if name in SAMPLING and value is not None}
    return canonical(found) if found else None


def read_tools(body: Mapping[str, Any], *names: str) -> bytes | None:
    """Canonical JSON of the tool definitions, None when there are none; `functions` is their older name."""
    for name in names or ("tools", "functions"):
        tools = unpack(body.get(name))
        if tools:
            return canonical(tools)
    return None


def read_response_format(body: Mapping[str, Any]) -> str | None:
    """`json_schema`, `json_object`, ...; None for plain text."""
    form = body.get("response_format")
    if form is None and isinstance(said := body.get("text"), dict):
        form = said.get("format")
    kind = form.get("type") if isinstance(form, dict) else form
    return clean(kind) if isinstance(kind, str) and kind not in ("", "text") else None


def asks_for_reasoning(body: Mapping[str, Any]) -> bool:
    """Whether a parameter asks for reasoning: an effort other than none, a summary, thinking not disabled."""
    if _REASONING.isdisjoint(body):
        return False
    reasoning, thinking = body.get("reasoning"), body.get("thinking")
    wishes = [body.get("reasoning_effort")]
    if isinstance(reasoning, dict):
        wishes += [reasoning.get("effort"), reasoning.get("summary")]
    if isinstance(thinking, dict):
        wishes.append("none" if thinking.get("type") == "disabled" else thinking.get("type"))
    return any(wish not in (None, "", "none") for wish in wishes)
