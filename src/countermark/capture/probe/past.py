"""What earlier runs did, by their journal."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from countermark.capture.probe.bodies import Ask
from countermark.capture.probe.journal import Answered, Asked, Journal, Opened
from countermark.capture.probe.options import ProbeOptions, usage
from countermark.capture.probe.transcribe import Transcriber
from countermark.errors import Error, ExitCode
from countermark.records.files import replacing
from countermark.records.transcripts import transcript_line


@dataclass
class Known:
    """Of one request."""

    sha256: str
    attempts: int
    state: str
    """`lost` (no answer in the journal), `open` (one that is to be repeated), `failed` or `final`."""


@dataclass
class Past:
    """All requests of the journal, and what they cost."""

    opened: Opened | None = None
    known: dict[str, Known] = field(default_factory=dict)
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def is_done(self, name: str, options: ProbeOptions) -> bool:
        """Whether a request is not to be made any more."""
        one = self.known.get(name)
        if one is None or one.state == "open":
            return False
        if one.state == "lost":
            # a model of our own may be asked as often as one likes
            return not (options.ask_lost_again or options.is_local)
        return one.state == "final" or not options.ask_failed_again


def read_past(journal: Journal) -> Past:
    """Fold the journal."""
    past = Past()
    for line in journal.lines():
        if isinstance(line, Opened):
            past.opened = line
        elif isinstance(line, Asked):
            past.known[line.id] = Known(line.request_sha256, line.attempt, "lost")
            past.requests += 1
            # the worst case, until an answer says better
            past.tokens_in += line.most_in
            past.tokens_out += line.most_out
        else:
            _answered(past, line)
    return _with_charges(past, journal)


def _answered(past: Past, line: Answered) -> None:
    known = past.known.get(line.id)
    if known is None or known.attempts != line.attempt or known.state != "lost":
        raise Error("the journal has an answer to nothing that was asked", exit_code=ExitCode.NO_INPUT)
    known.state = ("failed" if line.failed else "final") if line.final else "open"


def _with_charges(past: Past, journal: Journal) -> Past:
    for asked, answered in pairs(journal):
        if answered is not None:
            past.tokens_in += answered.charged_in - asked.most_in
            past.tokens_out += answered.charged_out - asked.most_out
    return past


def pairs(journal: Journal) -> Iterator[tuple[Asked, Answered | None]]:
    """Each request with its answer in the order of the answers; at the end those without one."""
    waiting: dict[str, Asked] = {}
    lost: list[Asked] = []
    for line in journal.lines():
        if isinstance(line, Asked):
            if line.id in waiting:
                lost.append(waiting[line.id])
            waiting[line.id] = line
        elif isinstance(line, Answered):
            yield waiting.pop(line.id), line
    for asked in (*lost, *waiting.values()):
        yield asked, None


def check_same(past: Past, options: ProbeOptions, endpoint: str, out: Path) -> None:
    """Raise unless the journal is this probe's own."""
    if past.opened is None:
        if out.exists():
            raise Error(f"{out} exists, and has no journal to go on from", hint="choose another --out")
        return
    if (past.opened.endpoint, past.opened.api) != (endpoint, options.api):
        raise usage(f"{out} is of another endpoint or interface", "choose another --out")


def check_ask(past: Past, ask: Ask, out: Path) -> None:
    """Raise if an id of the journal was asked with another body."""
    known = past.known.get(ask.id)
    if known is not None and known.sha256 != ask.sha256:
        reason = f"{out} has {ask.id!r} already, asked with another prompt or other parameters"
        raise usage(reason, "choose another --out, or ask exactly as before")


def rebuild(journal: Journal, past: Past, options: ProbeOptions, transcriber: Transcriber) -> None:
    """Write the transcripts of all that is done, in place of what is there (its last line may be torn)."""
    # prompts and answers are nobody else's business
    with (
        replacing(options.out, 0o600) as temporary,
        open(temporary, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream,
    ):
        for asked, answered in pairs(journal):
            known = past.known[asked.id]
            if asked.attempt != known.attempts or not past.is_done(asked.id, options):
                continue
            if answered is None:
                stream.write(transcript_line(transcriber.lost(asked)))
            elif answered.final:
                stream.write(transcript_line(transcriber.transcript(asked, answered)))
