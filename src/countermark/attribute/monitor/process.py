"""One step of a key's e-process: a batch of transcripts in, its new pairs bet on, the state replaced."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from countermark.attribute.answers import prompted, row_of
from countermark.attribute.keyed_tests import SELFHASH_PROMPTS
from countermark.attribute.monitor.laws import SequentialLaw, sequential_law
from countermark.attribute.monitor.state import (
    MAX_BATCHES,
    MAX_PAIRS,
    Batch,
    Head,
    State,
    read_state,
    write_state,
)
from countermark.attribute.pairs import RUN, Row, prompt_windows, quoted, touch
from countermark.errors import Error, ExitCode
from countermark.records.canonical import file_sha256
from countermark.records.transcripts import read_transcripts
from countermark.stats.evalues import anytime_log_p, mixed
from countermark.trust.keyfiles import Secret, locked
from countermark.watermark.key_names import check_key_is_named, name_of_key
from countermark.watermark.profile import Profile
from countermark.watermark.schemes.base import Marks, UIntArray
from countermark.watermark.scoring import Detector, Document, joined
from countermark.watermark.tokens import Tokens
from countermark.watermark.windows import window_length

NULL = "the suspect's answers are independent of this key"
LN10 = math.log(10)
Bools = NDArray[np.bool_]
NoteCall = Callable[[str, State], None]
"""Told of a batch's SHA-256 and the state before anything of the batch is bet on."""


@dataclass(frozen=True)
class Monitored:
    """A key with the profile that it marks under."""

    profile: Profile
    key: Secret
    tokenizer: Path | None = None


def add_batch(
    state_path: Path, monitored: Monitored, batch: Path, *, name: str = "", note: NoteCall | None = None
) -> State:
    """Bet on the new pairs of a batch, and replace the state; a batch that stands in it changes nothing.

    Raises `Error` where the state is of another key, profile or monitoring, where the batch holds nothing to
    score, and where the state would outgrow its bounds.
    """
    law = sequential_law(monitored.profile)
    check_key_is_named(monitored.profile, monitored.key)
    detector = Detector.open(monitored.profile, monitored.key)
    fresh = Head(
        name=name,
        key_id=name_of_key(monitored.key),
        profile_id=detector.profile_id,
        bets=list(law.bets),
        logs=[0.0] * len(law.bets),
    )
    with locked(state_path):
        state = read_state(state_path) or State(fresh, np.empty(0, np.uint64))
        _check_same(state.head, fresh, state_path)
        sha256 = digest(batch)
        if any(one.sha256 == sha256 for one in state.head.batches):
            return state
        tokens = Tokens(monitored.profile, monitored.tokenizer)
        read = _read(batch, detector, tokens)
        if note is not None:
            note(sha256, state)
        after = _bet(state, law, read, sha256)
        write_state(state_path, after)
    return after


def _bet(state: State, law: SequentialLaw, read: "_Read", sha256: str) -> State:
    """Windows of prompts count as seen before the batch: what the suspect was shown of the key, and what
    nobody bets on, from then on."""
    before = np.union1d(state.seen, law.identities(read.shown))
    identities = law.identities(read.marks)
    _, first = np.unique(identities, return_index=True)
    chosen = np.sort(first)
    chosen = chosen[~_inside(identities[chosen], before)]
    new = read.marks.at(chosen)
    logs = np.array(state.head.logs) + law.log_e(new, before)
    seen = np.union1d(before, identities[chosen])
    if len(seen) > MAX_PAIRS or len(state.head.batches) >= MAX_BATCHES:
        raise Error(
            f"the state would hold over {MAX_PAIRS:,} pairs or {MAX_BATCHES:,} batches",
            hint="end this monitoring, and announce a new one",
        )
    log10_e = mixed(logs) / LN10
    batch = Batch(
        sha256=sha256,
        transcripts=read.transcripts,
        without_prompt=read.without_prompt,
        pairs=len(new),
        log10_e=log10_e,
    )
    head = msgspec.structs.replace(
        state.head,
        logs=logs.tolist(),
        largest_log10_e=max(state.head.largest_log10_e, log10_e),
        batches=[*state.head.batches, batch],
    )
    return State(head, seen)


def result(state: State, alpha: float, *, announced: bool) -> dict[str, Any]:
    """What may be said of one key, for its owner."""
    largest = state.head.largest_log10_e
    log10_p = anytime_log_p(largest * LN10) / LN10 + 0.0
    shown = -log10_p >= -math.log10(alpha)
    return {
        "kind": "key",
        "null": NULL,
        "key_id": state.head.key_id,
        "profile_id": state.head.profile_id,
        "name": state.head.name,
        "announced": announced,
        "log10_e": state.log10_e,
        "largest_log10_e": largest,
        "p_value": 10.0 ** max(log10_p, -300.0),
        "log10_p_value": log10_p,
        "alpha": alpha,
        "decision": f"not independent of key {state.head.key_id}" if shown else "not shown",
        "law": "bets of mean at most 1 under the ideal-PRF model; valid whenever one looks (Ville)",
        "pairs": sum(one.pairs for one in state.head.batches),
        "without_prompt": sum(one.without_prompt for one in state.head.batches),
        "batches": msgspec.to_builtins(state.head.batches),
        "next_bet": state.next_bet,
    }


@dataclass(frozen=True)
class _Read:
    """What a batch holds."""

    marks: Marks
    """Of all usable answers."""
    shown: Marks
    """Of all prompts."""
    transcripts: int
    without_prompt: int


def _read(batch: Path, detector: Detector, tokens: Tokens) -> _Read:
    """A prompt that is known as text alone needs the tokenizer: else an echo of it would be bet on.

    What an answer has in or beside a quotation of a prompt counts as shown, as `pairs.py` has it.
    """
    others: dict[bytes, Row] = {}
    found = [row_of(one, tokens, others) for one in read_transcripts(batch)]
    rows = [one for one in found if one is not None and len(one.answer)]
    prompts = [*rows, *others.values()]
    if detector.profile.parameters.get("seeding") == "selfhash" and prompted(prompts):
        raise Error(f"{batch} holds prompts: {SELFHASH_PROMPTS}", exit_code=ExitCode.NO_INPUT)
    runs, length = prompt_windows(prompts, RUN), window_length(detector.profile)
    shown = [
        detector.marks(Document(one.prompt)) for one in prompts if one.prompt is not None and len(one.prompt)
    ]
    parts = []
    for row in rows:
        marks = detector.marks(Document(row.answer))
        # a mark's window ends at its position; before the first ids stands what an engine pads
        inside = np.concatenate([np.zeros(length - 1, np.bool_), quoted(row.answer, runs)[0]])
        shown.append(marks.at(touch(inside, length)[marks.positions]))
        parts.append(marks)
    if not sum(map(len, parts)):
        raise Error(f"{batch} holds no pair to score", exit_code=ExitCode.NO_INPUT)
    without_prompt = sum(row.prompt is None or not len(row.prompt) for row in rows)
    return _Read(joined(parts), joined(shown), len(parts), without_prompt)


def _inside(values: UIntArray, ascending: UIntArray) -> Bools:
    if not len(ascending):
        return np.zeros(len(values), np.bool_)
    at = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    found: Bools = ascending[at] == values
    return found


def _check_same(head: Head, fresh: Head, path: Path) -> None:
    for field in ("key_id", "profile_id", "name", "bets"):
        if getattr(head, field) != getattr(fresh, field):
            raise Error(
                f"the state {path} is of another {field.replace('_id', '')}",
                hint="each key of a monitoring has a state of its own",
                exit_code=ExitCode.USAGE,
            )


def digest(batch: Path) -> str:
    """SHA-256 of a batch."""
    try:
        return file_sha256(batch)
    except OSError as error:
        raise Error(f"{batch} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
