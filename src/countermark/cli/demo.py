"""`countermark demo`: the whole story on generated data, embedded, no key, no GPU."""

import shlex
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countermark.cli.output import emit, emit_json, note, progress
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.flow import Outcome
    from countermark.flow.demo import Demo
    from countermark.prove.verifying.verification import Verification
    from countermark.world.truth import Truth


def demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder to write; an earlier demo is replaced.")
    ] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 2, help="Seed of the generated world.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was found against what was planted.")
    ] = False,
) -> int:
    """Generate a small provider's logs, then capture, detect, seal a case and verify it."""
    from countermark.flow.demo import Demo, prepare_demo, run_demo
    from countermark.world.plan import WorldPlan

    started = time.monotonic()
    place = Demo(out, seed)
    note("1 generate  users, look-alikes, a reseller and two harvesting networks")
    truth = prepare_demo(place, WorldPlan.demo())
    size = sum(path.stat().st_size for path in place.logs.iterdir())
    counts = f"{truth.requests:,} requests of {truth.active_accounts:,} accounts"
    note(f"            {counts}, {size / 1e6:.0f} MB of LiteLLM log")
    with progress("working") as bar:
        outcome = run_demo(place, _narrator(place, bar))
    return _finish(place, truth, outcome, time.monotonic() - started, as_json)


def _by_hand(at: Callable[[str], str]) -> dict[str, tuple[str, list[list[str]]]]:
    """Of each step its line, and the commands that do the same by hand; `at` gives the path of a file."""
    return {
        "plan": (
            "2 plan      question and level go into a log, before anybody looks",
            [
                ["case open CASE", "--id ID", "--matter demo", "--log BOOK"],
                ["case plan CASE", f"--from {at('plan.json')}"],
                ["log publish BOOK", "--at-once"],
            ],
        ),
        "capture": (
            "3 capture   prompts and identifiers become keyed hashes",
            [
                [
                    f"capture logs {at('logs')}",
                    f"--accounts {at('accounts.csv')}",
                    f"--hash-key {at('hash-keys.json')}",
                    "--out EVENTS",
                ]
            ],
        ),
        "detect": (
            "4 detect    which accounts act as one? A run in the log",
            [[f"detect {at('events')}", "--log BOOK", "--matter demo", "--out FINDINGS"]],
        ),
        "scan": (
            "5 scan      is a rival's leaked corpus independent of our mark?",
            [
                [
                    f"watermark scan {at('leaked.jsonl')}",
                    f"--profile {at('mark.json')}",
                    f"--key-file {at('mark.key')}",
                    "--out SCAN",
                ]
            ],
        ),
        "seal": (
            "6 seal      findings, scan, method, log and plan in one signed package",
            [
                ["log publish BOOK", "--at-once"],
                [
                    "case add findings CASE FINDINGS",
                    f"--events {at('events')}",
                    "--plan networks",
                    "--hypothesis H1",
                ],
                ["case add scan CASE SCAN"],
                [
                    "case seal CASE",
                    f"--key {at('analyst.key')}",
                    "--trust TRUST",
                    "--out CASE.zip",
                ],
            ],
        ),
        "verify": (
            "7 verify    as an opposing expert would, offline, with two programs",
            [
                [f"verify {at('case.zip')}", f"--trust {at('trust.json')}"],
                [f"-verify {at('case.zip')}", f"--trust {at('trust.json')}"],
            ],
        ),
    }


def _narrator(
    place: "Demo", bar: Callable[[float, float], None]
) -> Callable[[str], Callable[[float, float], None]]:
    def at(name: str) -> str:
        return shlex.quote(str(place.out / name))

    by_hand = _by_hand(at)

    def step(name: str) -> Callable[[float, float], None]:
        title, commands = by_hand[name]
        note(title)
        for line in (line for command in commands for line in _folded(command)):
            note(f"            {line}")
        return bar

    return step


def _folded(command: list[str]) -> list[str]:
    """`$ countermark …` in lines that fit a terminal of 80 columns, as a shell reads them."""
    first, *more = command
    lines = [f"$ countermark{'' if first.startswith('-') else ' '}{first}"]
    for word in more:
        if len(lines[-1]) + len(word) > 80 - 12 - 3:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += " " + word
    return lines


def _finish(place: "Demo", truth: "Truth", outcome: "Outcome", seconds: float, as_json: bool) -> int:
    from countermark.detect.findings_folder import read_earlier_members
    from countermark.flow.demo import DEMO_SCHEMA_ID, FINDINGS, compare, second_verdict

    members = {name: set(accounts) for name, accounts in read_earlier_members(place.path(FINDINGS)).items()}
    rows = compare(truth, outcome.findings, members)
    verification = outcome.verification
    second = second_verdict(place)
    corpus = outcome.scan["pooled"][0]
    if as_json:
        fields = {"planted": rows, "corpus": corpus, "verification": verification.to_dict()}
        emit_json(DEMO_SCHEMA_ID, fields | {"second_verifier": second})
    else:
        for line in _table(rows):
            emit(line)
        emit("")
        for line in _verdict(corpus, outcome.scan):
            emit(line)
        emit(f"package     {place.out}/case.zip: {verification.verdict}, {len(verification.steps)} steps")
        emit(f"            second verifier: {second}")
        for line in _classes(verification):
            emit(line)
        emit(f"report      {place.out}/report.html")
    note(f"done in {seconds:.0f} s")
    if verification.exit_code != ExitCode.DONE or second != verification.verdict:
        raise Error("the demo's own package did not verify", exit_code=ExitCode.VERIFICATION_FAILED)
    return ExitCode.DONE


def _classes(verification: "Verification") -> list[str]:
    """The class of every result, and what is missing: nobody outside has seen the demo's log."""
    lines = []
    for result in verification.results:
        lines += textwrap.wrap(result.heading, 80, initial_indent="result      ", subsequent_indent=" " * 12)
        for reason in result.reasons:
            lines += textwrap.wrap(f"- {reason}", 80, initial_indent=" " * 12, subsequent_indent=" " * 14)
    return lines


def _verdict(pooled: dict[str, Any], scan: dict[str, Any]) -> list[str]:
    """What the scan says of the leaked corpus: whose key it is not independent of, and no more."""
    key = scan["key_id"]
    verdict = f"not independent of key {key}" if pooled["passes"] else f"nothing shown for key {key}"
    return [
        f"corpus      {scan['documents']} texts: {verdict}",
        f"            log10 p {pooled['log10_p_value']:,.0f} over {pooled['scored_tokens']:,} pairs",
    ]


def _table(rows: list[dict[str, Any]]) -> list[str]:
    lines = [f"{'planted':<15} {'as':<8} {'accounts':>8}   {'found as':<10} {'of them':>8} {'others':>7}"]
    for row in rows:
        head = f"{row['name']:<15} {row['planted']:<8} {row['accounts']:>8}   "
        if row["kind"] is None:
            lines.append(head + "not a campaign")
        else:
            lines.append(head + f"{row['kind']:<10} {row['found']:>8} {row['others']:>7}")
    return lines
