"""What is sealed, by whom, and where to."""

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from countermark import __version__
from countermark.errors import Error, ExitCode
from countermark.prove.beforehand.results import ResultLink
from countermark.prove.custody.custody import Action, Custody, merge
from countermark.prove.custody.terms import TermsText
from countermark.prove.package.case import (
    CASE_SCHEMA_ID,
    CREATED_FORMAT,
    Case,
    LogHead,
    Signer,
    is_case_id,
    is_matter,
)
from countermark.prove.package.layout import MAX_ATTRIBUTIONS, steps_of
from countermark.prove.package.trustfile import Trust
from countermark.trust.keyfiles import Secret
from countermark.trust.signing import SigningKey

MAX_BY = 200
_RECORDED = ("cryptography", "msgspec", "rfc3161-client", "rfc8785")


@dataclass(frozen=True, kw_only=True)
class SealOptions:
    """What is sealed, by whom, and where to."""

    findings: Path
    """A FINDINGS folder."""
    events: Path
    """The EVENTS folder that the findings were made of."""
    case_id: str
    out: Path
    """A zip when it ends in `.zip`, else a folder."""
    keys: Sequence[SigningKey]
    """Everyone who signs."""
    tsa_urls: Sequence[str] = ()
    """Timestamp authorities to ask; the only use of a network."""
    scan: Path | None = None
    """A SCAN folder of `watermark scan`, to go into the case too."""
    attributions: Sequence[Path] = ()
    """Folders of `attribute`, to go into the case in this order."""
    include_events: bool = False
    """Put in all events, and the rows of the members as a table."""
    overwrite: bool = False
    created: datetime | None = None
    """When; `SOURCE_DATE_EPOCH` or now if not given."""
    log: Path | None = None
    """The private log in which plans, keys and runs were fixed."""
    public_log: Path | None = None
    """Its public log; `LOG.public` if not given."""
    matter: str = ""
    """The matter of the log that the case is of."""
    plans: Sequence[Path] = ()
    """Plans that were logged before."""
    runs: Sequence[Path] = ()
    """What came out of runs of the matter that are no step: scores, spans, further results."""
    say: Callable[[str], None] = lambda _: None
    """Called with a sentence for each of these: which run it is of."""
    custody: Custody = field(default_factory=Custody)
    terms: Sequence[TermsText] = ()
    acceptances: Path | None = None
    """Who accepted which terms when: JSON lines or CSV."""
    results: Sequence[ResultLink] = ()
    """What each result is said to rest on; one without a link is exploratory."""
    salt_key: Secret | None = None
    """From which the salts of leaves follow; random ones without it."""
    trust: Trust | None = None
    """Witness keys and timestamp roots by which the class of a result is worked out."""


def check_options(options: SealOptions) -> None:
    """Raise where something is wrong before anything is read."""
    if not is_case_id(options.case_id):
        hint = "letters, digits, dot, underscore and hyphen; 64 at most"
        raise Error(f"{options.case_id!r} cannot be a case id", hint=hint, exit_code=ExitCode.USAGE)
    keyids = {key.public.keyid for key in options.keys}
    if not keyids or len(keyids) != len(options.keys):
        raise Error("no signing key, or one given twice", exit_code=ExitCode.USAGE)
    if bool(options.matter) != (options.log is not None):
        hint = "--log FOLDER and --matter ID go together"
        raise Error("a log without a matter, or a matter without a log", hint=hint, exit_code=ExitCode.USAGE)
    if options.runs and options.log is None:
        hint = "a case folder of case open --log has one"
        raise Error("files of runs need the log of the case", hint=hint, exit_code=ExitCode.USAGE)
    if options.matter and not is_matter(options.matter):
        raise Error(f"{options.matter!r} cannot be a matter id", exit_code=ExitCode.USAGE)
    if len(options.attributions) > MAX_ATTRIBUTIONS:
        raise Error(f"a case takes {MAX_ATTRIBUTIONS} attributions at most", exit_code=ExitCode.USAGE)
    _check_out(options)


def _check_out(options: SealOptions) -> None:
    if os.path.lexists(options.out) and not options.overwrite:
        raise Error(f"{options.out} exists already", hint="--overwrite replaces it")
    if options.out.is_dir() and options.out.suffix == ".zip":
        raise Error(f"{options.out} is a folder", hint="choose another --out")
    if not options.out.parent.is_dir():
        raise Error(f"there is no folder {options.out.parent}", hint="make it first")


def with_sealed(options: SealOptions, by: str = "") -> SealOptions:
    """The same with an action `sealed` in its custody, at the time of the case, by this person or these keys.

    Raises `Error(USAGE)` for a name that is not one line of text.
    """
    if by and (not by.strip() or not by.isprintable() or len(by) > MAX_BY):
        hint = f"one line of text, {MAX_BY} characters at most"
        raise Error("--by is empty, too long or not printable", hint=hint, exit_code=ExitCode.USAGE)
    created = (options.created or _now()).astimezone(UTC)
    keyids = sorted(key.public.keyid for key in options.keys)
    action = Action(
        at=created.strftime(CREATED_FORMAT),
        by=by or ", ".join(f"key {one}" for one in keyids),
        action="sealed",
        what=f"case {options.case_id}, as an evidence package",
        sha256=[],
        to="",
    )
    return replace(options, created=created, custody=merge(options.custody, Custody(actions=[action])))


def case_of(options: SealOptions, log: LogHead | None) -> Case:
    """The content of `case.json`."""
    publics = sorted((key.public for key in options.keys), key=lambda key: key.keyid)
    software = {"countermark": __version__, "python": platform.python_version()}
    return Case(
        schema=CASE_SCHEMA_ID,
        case_id=options.case_id,
        created=(options.created or _now()).astimezone(UTC).strftime(CREATED_FORMAT),
        software=software | {name: version(name) for name in _RECORDED},
        steps=steps_of(options.scan is not None, len(options.attributions)),
        signers=[Signer(key.keyid, key.to_base64()) for key in publics],
        timestamps=len(options.tsa_urls),
        events_included=options.include_events,
        matter=options.matter,
        log=log,
    )


def _now() -> datetime:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Error("SOURCE_DATE_EPOCH is no time in seconds since 1970", exit_code=ExitCode.USAGE) from error
