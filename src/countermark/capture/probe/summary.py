"""What a probe came to, for people and for `--json`."""

from typing import Any

import msgspec

from countermark.capture.probe.judge import CONNECTION, CUT, DEADLINE, LOST, RATE_LIMIT, SERVER

PROBE_SCHEMA_ID = "countermark/probe/v1"
FAILURES = (CONNECTION, CUT, DEADLINE, RATE_LIMIT, SERVER)
"""Problems for which there is no answer at all, and which another time need not have."""


class ProbeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over the whole transcripts file, earlier runs included."""

    schema: str = PROBE_SCHEMA_ID
    complete: bool
    """Everything was asked, every request has its answer, and one at least is usable."""
    stopped: str
    """Why the run ended early; empty if it did not."""
    planned: int
    """Requests that prompts and samples make."""
    not_asked: int
    """Of these, without an answer for good."""
    transcripts: int
    usable: int
    problems: dict[str, int]
    """Transcripts that are not used, by kind of problem."""
    limited: int
    """Usable answers that were cut at the limit asked for."""
    without_logprobs: int
    encoded: int
    """Usable answers whose token ids are our own encoding of the text."""
    models: dict[str, int]
    """Answers by the model that the endpoint named."""
    fingerprints: dict[str, int]
    requests: int
    """Sent over all runs, repetitions included."""
    requests_now: int
    """Sent in this run."""
    tokens_in: int
    tokens_out: int
    """What counts against the cap, over all runs: by `usage`, or else the worst case."""
    spent: str
    """The same in the unit of the prices; decimal."""
    cost_cap: str | None
    inputs: dict[str, str]
    """SHA-256 by name: the prompts."""
    outputs: dict[str, str]
    """SHA-256 by name: the transcripts and the journal."""
    parameters: dict[str, Any]


def is_complete(problems: dict[str, int], stopped: str, not_asked: int, usable: int) -> bool:
    """Whether nothing is missing."""
    missing = sum(problems.get(kind, 0) for kind in (*FAILURES, LOST))
    return not stopped and not not_asked and not missing and usable > 0
