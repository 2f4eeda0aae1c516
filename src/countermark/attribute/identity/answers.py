"""Answers of one side: what is kept of its transcripts, and what speaks against using them.

The null needs independent answers asked in one way. Duplicated lines, a cache, one answer to everything and
mixed settings each break that, and make the verdict inconclusive.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import sha256_hex
from countermark.records.transcripts import Transcript, read_transcripts

MAX_ANSWERS = 500_000
"""Usable answers of one file."""
MOST_POSITIONS = 1000
"""Characters or tokens of an answer that are compared (Gao et al. 2024 take 1,000 characters)."""
MOST_UNUSED = 0.1
"""Share of the lines that may carry a problem."""
MOST_ID = (1 << 31) - 1
LONG = 24
"""Characters or tokens from which two equal answers are remarkable."""
MOST_TWINS, FEW_TWINS = 0.5, 0.1
"""Shares of long answers with an equal one to the same prompt: too many, and few enough on the other side."""
EMPTY = "empty answer"
"""Kind of problem that is an answer all the same, where the other side's empty ones are kept."""
UNTOLD = frozenset(
    [
        "asked, answer lost",
        "connection failed",
        "rate limit",
        "server error",
        "request refused",
        "another model",
        "another fingerprint",
    ]
)
"""Kinds of problem that do not hang on what was answered."""
SAME_LAW = frozenset(
    [
        "seed",
        "n",
        "model",
        "messages",
        "prompt",
        "stream",
        "stream_options",
        "user",
        "logprobs",
        "top_logprobs",
        "prompt_logprobs",
        "echo",
        "timeout",
        "return_token_ids",
        "return_tokens_as_token_ids",
        "metadata",
        "store",
    ]
)
"""Parameters that leave the law of an answer alone."""
SHOWN = frozenset(
    [
        "temperature",
        "max_tokens",
        "min_tokens",
        "top_p",
        "top_k",
        "min_p",
        "typical_p",
        "frequency_penalty",
        "presence_penalty",
        "repetition_penalty",
        "length_penalty",
        "logit_bias",
        "stop",
        "best_of",
        "reasoning_effort",
        "response_format",
        "add_special_tokens",
    ]
)
"""Parameters that are named in a record."""
ALIASES = {"max_completion_tokens": "max_tokens", "max_new_tokens": "max_tokens"}
REQUEST_ID_HEADERS = ("x-request-id", "request-id")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, cut to MOST_POSITIONS."""

    text: str | None
    ids: tuple[int, ...] | None
    whole: str
    """SHA-256 of all of it."""
    long: bool = False
    line: str = ""
    """Digest of its line but the id, where nothing tells which call the line is of."""


@dataclass(frozen=True)
class Side:
    """Usable answers by prompt, in the order of the file."""

    by_text: dict[str, list[Answer]]
    """By what was asked as text or messages; empty unless every line has it."""
    by_ids: dict[tuple[int, ...], list[Answer]]
    """By the token ids in front of the answer; empty unless every line has them."""
    settings: dict[str, Any]
    """Sampling parameters."""
    problems: list[str]
    lines: set[str] = field(default_factory=set)
    """Marks of the calls, where the endpoint gave some."""
    seeds: set[str] = field(default_factory=set)
    """Seeds that were sent with the calls."""
    chat: bool = False
    """Whether anything was asked as messages."""
    told: int = 0
    """Lines left out for what was answered: a filter, a cut. The rest is no sample of all answers."""


def read_side(path: Path, name: str, *, empty: bool = False) -> Side:
    """The answers of a file of transcripts; `name` (suspect, reference) stands in what is said of them.

    With `empty` those that the probe marks as empty are answers too. Raises `Error` for a file that is none
    or has no usable answer.
    """
    kept: list[tuple[Transcript, Answer]] = []
    unused = told = 0
    for line in read_transcripts(path):
        if empty and line.problem == EMPTY:
            line = msgspec.structs.replace(line, answer="", token_ids=[], problem="")
        if line.problem:
            unused += 1
            kind = line.problem.partition(":")[0]
            told += not (kind in UNTOLD or kind.startswith("HTTP "))
            continue
        if len(kept) == MAX_ANSWERS:
            hint = "give fewer prompts"
            raise Error(f"{path} holds over {MAX_ANSWERS:,} answers", hint=hint, exit_code=ExitCode.NO_INPUT)
        kept.append(_kept(line))
    if not kept:
        hint = f"{unused:,} of its lines carry a problem" if unused else "capture probe writes transcripts"
        raise Error(f"{path} holds no usable answer", hint=hint, exit_code=ExitCode.NO_INPUT)
    lines = [line for line, _ in kept]
    settings, problems = _settings(lines, name, path)
    marks = list(_marks(lines))
    seeds = [str(line.parameters["seed"]) for line in lines if line.parameters.get("seed") is not None]
    wrong = (*_unused(unused, len(kept)), *_mixed(lines), *_repeated(marks), *_reseeded(seeds))
    problems += [f"{name}: {text}" for text in wrong]
    by_text = _grouped((_text_of(line), answer) for line, answer in kept)
    by_ids = _grouped((_read(line), answer) for line, answer in kept)
    if not by_text and not by_ids:
        hint = "each line needs prompt, messages or prompt_ids"
        raise Error(f"{path} does not say what was asked", hint=hint, exit_code=ExitCode.NO_INPUT)
    problems += [f"{name}: {text}" for text in _monotonous(by_text or by_ids)]
    chat = any(line.messages for line in lines)
    return Side(by_text, by_ids, settings, problems, set(marks), set(seeds), chat, told)


def shown_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Known ones with a number, for the record: whatever else stands in a suspect's file is its own words."""
    plain = {name: value for name, value in settings.items() if isinstance(value, bool | float)}
    return {name: plain[name] for name in sorted(plain) if name in SHOWN}


def shown_names(names: Iterable[str]) -> str:
    """Names of parameters in words; those that are not known are not repeated."""
    return ", ".join(sorted({name if name in SHOWN else "another parameter" for name in names}))


def differing_settings(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names of sampling parameters that are not the same on both sides, sorted."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def share_of_twins(prompts: Iterable[Sequence[Answer]], *, short: bool = False) -> float:
    """Share of the long answers, or of all, that have an equal one to the same prompt; 0 where no prompt has
    two."""
    twins = several = 0
    for answers in prompts:
        long = [one.whole for one in answers if one.long or short]
        if len(long) > 1:
            several += len(long)
            twins += sum(number for number in Counter(long).values() if number > 1)
    return twins / several if several else 0.0


def _kept(line: Transcript) -> tuple[Transcript, Answer]:
    ids = None if line.token_ids is None else tuple(line.token_ids)
    if max([*(ids or ()), *(line.prompt_ids or ())], default=0) > MOST_ID:
        raise Error(f"a token id of an answer is over {MOST_ID:,}", exit_code=ExitCode.NO_INPUT)
    whole = sha256_hex(msgspec.json.encode([line.answer, ids]))
    length = max(len(line.answer or ""), len(ids or ()))
    text = None if line.answer is None else line.answer[:MOST_POSITIONS]
    unmarked = next(_marks([line]), "") == ""
    same = sha256_hex(msgspec.json.encode(msgspec.structs.replace(line, id=""))) if unmarked else ""
    answer = Answer(text, None if ids is None else ids[:MOST_POSITIONS], whole, length >= LONG, same)
    return msgspec.structs.replace(line, answer="" if length else None, token_ids=None, logprobs=None), answer


def _text_of(line: Transcript) -> str | None:
    if line.messages is not None:
        return msgspec.json.encode(line.messages, order="deterministic").decode()
    return line.prompt


def _read(line: Transcript) -> tuple[int, ...] | None:
    """What stood in front of the answer; our own encoding may lack what the endpoint put there."""
    return tuple(line.prompt_ids) if line.prompt_ids and not line.prompt_encoded else None


def _grouped(pairs: Iterable[tuple[Any, Answer]]) -> dict[Any, list[Answer]]:
    groups: dict[Any, list[Answer]] = {}
    for key, answer in pairs:
        if key is None:
            return {}
        groups.setdefault(key, []).append(answer)
    return groups


def _settings(lines: list[Transcript], name: str, path: Path) -> tuple[dict[str, Any], list[str]]:
    seen: dict[bytes, dict[str, Any]] = {}
    try:
        for line in lines:
            one = {
                ALIASES.get(key, key): float(value) if type(value) is int else value
                for key, value in line.parameters.items()
                if key not in SAME_LAW and value is not None
            }
            seen.setdefault(msgspec.json.encode(one, order="deterministic"), one)
    except (RecursionError, OverflowError):
        raise Error(f"{path} has parameters that cannot be compared", exit_code=ExitCode.NO_INPUT) from None
    settings = list(seen.values())
    if len(settings) == 1:
        return settings[0], []
    names = sorted({key for one in settings for key in differing_settings(settings[0], one)})
    return settings[0], [f"{name}: its answers were sampled with more than one {shown_names(names)}"]


def _marks(lines: list[Transcript]) -> Iterator[str]:
    """What no two calls have in common: the provider's id of the call, or digest and time of the answer."""
    for line in lines:
        headers = {key.lower(): value for key, value in line.headers.items()}
        given = next((headers[key] for key in REQUEST_ID_HEADERS if headers.get(key)), "")
        if given:
            yield given
        elif line.response_sha256 and line.sent:
            yield f"{line.request_sha256} {line.response_sha256} {line.sent}"


def _repeated(marks: list[str]) -> list[str]:
    twice = len(marks) - len(set(marks))
    return [f"{twice:,} lines are of a call that another line is of"] if twice else []


def _reseeded(seeds: list[str]) -> list[str]:
    """Calls with one seed draw the same random numbers: their answers are not independent."""
    again = len(seeds) - len(set(seeds))
    return [f"{again:,} calls were sent with the seed of another call; ask without one"] if again else []


def _unused(unused: int, used: int) -> list[str]:
    lines = unused + used
    return [f"{unused:,} of its {lines:,} lines carry a problem"] if unused > MOST_UNUSED * lines else []


def _mixed(lines: list[Transcript]) -> list[str]:
    models = {line.model for line in lines if line.model}
    return [f"it names {len(models)} models as those that answered"] if len(models) > 1 else []


def _monotonous(prompts: dict[Any, list[Answer]]) -> list[str]:
    """One answer to everything, or none."""
    answers = [one for group in prompts.values() for one in group]
    if all(not one.text and not one.ids for one in answers):
        return ["it answers nothing"]
    if len(prompts) > 1 and len({one.whole for one in answers}) == 1:
        return ["it gives the same answer to every prompt"]
    return []
