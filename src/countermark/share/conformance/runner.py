"""Runs the checks against one server, one after the other, and cleans up."""

import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from countermark.errors import Error, ExitCode
from countermark.share.conformance.http import (
    FIRST,
    SECOND,
    Credentials,
    Http,
    NoAnswer,
    is_private,
    server_of,
)
from countermark.share.conformance.table import (
    CHECKS,
    MOST_PROBLEMS,
    Check,
    NotApplicable,
    Outcome,
    Probe,
    Result,
    Undetermined,
)
from countermark.share.conformance.target import Target, find_target

if TYPE_CHECKING:
    import httpx2

_FILES = (
    *("2_types", "3_1_media", "3_2_headers", "3_3_sorting", "3_4_malformed", "3_4_filters", "3_4_versions"),
    *("3_5_paging", "3_6_errors", "4_discovery", "4_3_status", "5_rights", "5_collections", "5_objects"),
    *("5_5_add", "5_7_delete", "7_custom", "8_server", "8_tls", "b_next"),
)
for _name in _FILES:
    import_module(f"countermark.share.conformance.checks_{_name}")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run is of."""

    url: str
    first: Credentials | None = None
    second: Credentials | None = None
    collection: str | None = None
    """Id or alias; None where there is but one to choose."""
    ca: Path | None = None
    """PEM of the authorities that sign the server's certificate; the system's without it."""
    read_only: bool = False
    seconds: float = 15.0
    """For one request."""
    deadline: float = 600.0
    """For all of them."""


@dataclass
class Run:
    """What came of it."""

    server: str
    api_root: str | None
    collection: str | None
    read_only: bool
    started: datetime
    results: list[Result] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    """Ids of test objects that the server did not delete."""
    requests: int = 0
    finished: datetime | None = None


def run_kit(
    options: Options,
    *,
    checks: Iterable[Check] | None = None,
    announce: Callable[[str], None] = lambda _: None,
    progress: Callable[[float, float], None] = lambda _done, _all: None,
    transport: "httpx2.BaseTransport | None" = None,
) -> Run:
    """Run the checks. `announce` is told, before anything is written, where to.

    Raises `Error(NO_INPUT)` where the server cannot be reached or refuses the credentials, and `Error(USAGE)`
    where it is not said which of several collections test objects may go into.
    """
    base, path = server_of(options.url)
    callers = {name: one for name, one in ((FIRST, options.first), (SECOND, options.second)) if one}
    if callers and transport is None and not is_private(base):
        raise Error(
            "credentials are not sent to another machine in the clear",
            hint="https:// (--ca names your own authority), or the server's own machine",
            exit_code=ExitCode.USAGE,
        )
    http = Http(
        base,
        callers,
        verify=_trust(options.ca),
        seconds=options.seconds,
        deadline=options.deadline,
        transport=transport,
    )
    try:
        target = find_target(http, path, options.collection, read_only=options.read_only)
        target.ca = str(options.ca) if options.ca else None
        chosen = target.collection["id"] if target.collection else None
        run = Run(base, target.root_path, chosen, options.read_only, datetime.now(UTC))
        if not options.read_only and chosen is not None:
            announce(f"test objects are added to collection {chosen} of {base}, and deleted at the end")
        _run_all(run, target, list(checks if checks is not None else CHECKS.values()), progress)
        run.requests, run.finished = http.requests, datetime.now(UTC)
        return run
    finally:
        http.close()


def _run_all(run: Run, target: Target, checks: list[Check], progress: Callable[[float, float], None]) -> None:
    try:
        for number, one in enumerate(checks):
            progress(number, len(checks))
            run.results.append(run_check(one, target))
    finally:
        added = target.added()
        if added is not None:
            run.left_behind = added.clean()


def run_check(one: Check, target: Target) -> Result:
    """One check."""
    probe = Probe(target)
    outcome: Outcome
    try:
        if one.writes and target.read_only:
            raise NotApplicable("it adds objects, and this run only reads")
        one.function(probe)
        outcome, reason = "pass", ""
    except NotApplicable as why:
        outcome, reason = "not-applicable", str(why)
    except (Undetermined, NoAnswer) as why:
        outcome, reason = "undetermined", str(why)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # the answers are the server's, and of any form: what no check foresaw ends that check alone
        outcome, reason = "undetermined", f"the answers are of no known form ({type(error).__name__})"
    if probe.wrong:
        outcome = "fail" if one.level in ("must", "inferred") else "warn"
        more = len(probe.wrong) - MOST_PROBLEMS
        reason = "; ".join(probe.wrong[:MOST_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
    shown = [] if outcome == "not-applicable" else probe.shown()
    return Result(one, outcome, reason[:600], shown if outcome != "pass" else shown[:2])


def exit_code(run: Run) -> ExitCode:
    """0 where nothing fails, 10 where a MUST does, 11 where one could not be told."""
    binding = [one for one in run.results if one.check.level in ("must", "inferred")]
    if any(one.outcome == "fail" for one in binding):
        return ExitCode.FOUND
    if any(one.outcome == "undetermined" for one in binding):
        return ExitCode.INCONCLUSIVE
    return ExitCode.DONE


def _trust(ca: Path | None) -> ssl.SSLContext | bool:
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca))
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or "no certificates in PEM"
        raise Error(f"{ca} cannot be used: {reason}", exit_code=ExitCode.USAGE) from None
