"""A probe from the prompts to the transcripts."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from countermark import __version__
from countermark.capture.probe.asking import INTERRUPTED, Asking, ProgressCall, Say
from countermark.capture.probe.bodies import Ask, asks
from countermark.capture.probe.exchange import Transport
from countermark.capture.probe.journal import Journal, Opened, journal_path, now
from countermark.capture.probe.options import ProbeOptions, check
from countermark.capture.probe.past import Past, check_ask, check_same, read_past, rebuild
from countermark.capture.probe.prompts import Prompt, read_prompts
from countermark.capture.probe.summary import ProbeSummary, is_complete
from countermark.capture.probe.transcribe import Transcriber
from countermark.errors import Error, ExitCode
from countermark.records.canonical import file_sha256
from countermark.watermark.tokens import load_tokenizer


def probe(options: ProbeOptions, *, say: Say, progress: ProgressCall) -> ProbeSummary:
    """Ask, keep, and go on where an earlier run with the same `out` has ended.

    Raises `Error` for bad input, and `KeyboardInterrupt` after Ctrl-C, when everything that came is kept.
    """
    check(options)
    if options.is_local:
        # one request after the other, as a completions endpoint would be asked; nothing to try again
        options = replace(options, api="completions", retries=0, max_tokens_field="max_tokens")
    prompts = read_prompts(options.prompts)
    tokenizer = None if options.tokenizer is None else load_tokenizer(options.tokenizer)
    # everything that can be wrong with the requests, before the first of them
    for _ in asks(replace(options, samples=1), prompts):
        pass
    transport = _transport(options)
    with Journal(journal_path(options.out)) as journal:
        past = read_past(journal)
        check_same(past, options, transport.name, options.out)
        if past.opened is None:
            software = f"countermark {__version__}"
            journal.append(Opened(endpoint=transport.name, api=options.api, at=now(), software=software))
        planned, total = _still(options, prompts, past)
        transcriber = Transcriber(transport.name, tokenizer, one_fingerprint=options.one_fingerprint)
        rebuild(journal, past, options, transcriber)
        asking = Asking(options, journal, past, transcriber, say=say, progress=progress)
        with options.out.open("ab") as out:
            todo = (ask for ask in asks(options, prompts) if not past.is_done(ask.id, options))
            asyncio.run(_ask(asking, transport, todo, total, out))
            os.fsync(out.fileno())
        if asking.stopped == INTERRUPTED:
            raise KeyboardInterrupt
        return _summary(options, asking, past, planned, total)


def _transport(options: ProbeOptions) -> Transport:
    if options.is_local:
        if not Path(options.endpoint).is_dir():
            hint = "give an https URL, or a folder of a Hugging Face model"
            raise Error("--endpoint is neither a URL nor a folder", hint=hint, exit_code=ExitCode.NO_INPUT)
        from countermark.capture.probe.local import LocalTransport

        return LocalTransport(options)
    from countermark.capture.probe.http import HttpTransport

    return HttpTransport(options)


def _still(options: ProbeOptions, prompts: list[Prompt], past: Past) -> tuple[int, int]:
    """How many requests are planned, and how many of them are still to be made."""
    planned = still = 0
    for ask in asks(options, prompts):
        check_ask(past, ask, options.out)
        planned += 1
        still += not past.is_done(ask.id, options)
    return planned, still


async def _ask(asking: Asking, transport: Transport, todo: Iterator[Ask], total: int, out: BinaryIO) -> None:
    async with transport:
        await asking.go(transport, todo, total, out)


def _summary(options: ProbeOptions, asking: Asking, past: Past, planned: int, total: int) -> ProbeSummary:
    tally = asking.transcriber.tally
    problems = dict(sorted(tally.problems.items()))
    not_asked = total - asking.done
    cap = options.cost_cap
    return ProbeSummary(
        complete=is_complete(problems, asking.stopped, not_asked, tally.usable),
        stopped=asking.stopped,
        planned=planned,
        not_asked=not_asked,
        transcripts=tally.transcripts,
        usable=tally.usable,
        problems=problems,
        limited=tally.limited,
        without_logprobs=tally.without_logprobs,
        encoded=tally.encoded,
        models=dict(sorted(tally.models.items())),
        fingerprints=dict(sorted(tally.fingerprints.items())),
        requests=asking.requests,
        requests_now=asking.requests - past.requests,
        tokens_in=asking.tokens_in,
        tokens_out=asking.tokens_out,
        spent=f"{asking.budget.spent:f}",
        cost_cap=None if cap is None else f"{cap:f}",
        inputs={"prompts": file_sha256(options.prompts)},
        outputs={
            "journal": file_sha256(journal_path(options.out)),
            "transcripts": file_sha256(options.out),
        },
        parameters={"api": options.api, "model": options.model, "samples": options.samples},
    )
