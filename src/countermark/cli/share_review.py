"""`countermark share review`: what would leave, field by field, allowed or refused, and by which rule."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.cli.share_client import CaFile, TokenFile
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.flow.releases import ReviewOutcome
    from countermark.share.policy.home import Home

REVIEW_SCHEMA_ID = "countermark/share-review-run/v1"

HomeFolder = Annotated[
    Path | None,
    typer.Option("--home", help="Your folder with the log; default: countermark/share in the user's config."),
]
ProofFile = Annotated[
    Path | None, typer.Option("--proof", help="File for the proof that the entry stands in the log.")
]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="Policy in YAML; default: the one that is shipped.")
]
ContextFile = Annotated[
    Path | None,
    typer.Option("--context", help="Purpose, ground, legal basis in YAML; default: context.yaml at home."),
]
LegalFile = Annotated[
    list[Path] | None, typer.Option("--legal", help="Legal bases in YAML; may be given again.")
]
StandingFolder = Annotated[
    Path | None, typer.Option("--standing", help="Standing approval under which the release leaves.")
]
OutFolder = Annotated[Path | None, typer.Option("--out", help="RELEASE folder; default: INPUT.release.")]
IdentifiersFile = Annotated[
    Path | None, typer.Option("--identifiers", help="Raw identifiers of named accounts, JSON lines.")
]
Campaigns = Annotated[
    list[str] | None,
    typer.Option("--campaign", help="Of FINDINGS, this campaign alone; may be given again."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Option("--name", help="Who you are; default: the login name.")]


def review(
    source: Annotated[
        Path | None, typer.Argument(metavar="INPUT", help="FINDINGS, or STIX objects as JSON lines.")
    ] = None,
    identifiers: IdentifiersFile = None,
    campaign: Campaigns = None,
    policy: PolicyFile = None,
    context: ContextFile = None,
    legal: LegalFile = None,
    standing: StandingFolder = None,
    out: OutFolder = None,
    samples: Annotated[
        bool, typer.Option("--samples", help="Show which releases were drawn for review, and by when.")
    ] = False,
    outcome: Annotated[
        str,
        typer.Option("--outcome", metavar="ID=WHAT", help="Report clean or problem of one that was drawn."),
    ] = "",
    role: Annotated[
        str, typer.Option("--as", metavar="security|counsel", help="For --outcome: your role.")
    ] = "",
    key: Annotated[Path | None, typer.Option("--key", help="For --outcome: your signing key.")] = None,
    to: Annotated[
        str, typer.Option("--to", metavar="URL", help="Ask the exchange what it drew, and send it reports.")
    ] = "",
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    remark: Annotated[
        str, typer.Option("--remark", help="A remark for --outcome; it goes into the log.")
    ] = "",
    entry: Annotated[
        int | None, typer.Option("--entry", metavar="INDEX", help="Write --proof for this entry of your log.")
    ] = None,
    name: Name = "",
    home: HomeFolder = None,
    proof: ProofFile = None,
    as_json: Json = False,
) -> None:
    """Show what would leave, by the sharing policy, and write the release for two people to approve."""
    from countermark.flow.releases import ReviewOptions, review_release
    from countermark.share.policy.home import Home

    place = Home(home)
    if entry is not None:
        _prove(place, entry, _needed(proof))
        return
    if samples or outcome:
        said = (outcome, role, key, login_name(name), remark) if outcome else None
        _look_at_samples(place, said, proof, as_json, (to, token_file, ca_file))
        return
    if source is None:
        raise Error("nothing to review", hint="name FINDINGS, or JSON lines", exit_code=ExitCode.USAGE)
    folder = out or source.with_name(source.name + ".release")
    options = ReviewOptions(
        source=source,
        out=folder,
        home=place,
        identifiers=identifiers,
        campaigns=campaign or (),
        policy=policy,
        context=context,
        legal=legal or (),
        standing=standing,
        now=datetime.now(UTC),
    )
    done = review_release(options)
    if standing is not None:
        _tell_samples(place)
    show(done, folder, place, proof, as_json)


def _needed(proof: Path | None) -> Path:
    if proof is None:
        raise Error("--entry needs --proof FILE", exit_code=ExitCode.USAGE)
    return proof


def _look_at_samples(
    place: "Home",
    said: tuple[str, str, Path | None, str, str] | None,
    proof: Path | None,
    as_json: bool,
    exchange: tuple[str, Path | None, Path | None],
) -> None:
    """Report on a sample (`Reporting`'s fields), tell and ask the exchange (URL, token, authorities)
    where one is named; show all."""
    from countermark.cli.share_samples import Reporting, report, show_samples, synchronise

    if said is not None:
        reporting = Reporting(*said)
        check_remark(reporting.remark, "a remark")
        _prove(place, report(place, reporting), proof)
    if exchange[0]:
        synchronise(place, *exchange)
    show_samples(place, as_json)


def show(done: "ReviewOutcome", folder: Path, place: "Home", proof: Path | None, as_json: bool) -> None:
    """Print a review and what became of it; raises `Error(NO_INPUT)` where nothing leaves."""
    review = done.review
    if as_json:
        release_id = done.release.release_id if done.release else None
        emit_json(
            REVIEW_SCHEMA_ID,
            {
                "release": str(folder),
                "release_id": release_id,
                "objects": len(review.objects),
                "leaving": len(review.leaving),
                "conditions": dict(review.conditions),
                "refused": review.refusals(),
                "identifiers_not_taken": dict(done.not_taken),
                "entry": done.entry.index,
            },
        )
    else:
        _show_text(done)
    _prove(place, done.entry.index, proof)
    if done.release is None:
        why = "; ".join(review.conditions.values()) or "every object is refused"
        raise Error(
            f"nothing leaves: {why}", hint=f"{folder}/review.json says why", exit_code=ExitCode.NO_INPUT
        )
    note(f"release {done.release.release_id} in {folder}; entry {done.entry.index} of the log")
    roles = (
        "your own key: share approve --as member" if done.release.standing else "two people: share approve"
    )
    note(f"it takes {roles}")


def _tell_samples(place: "Home") -> None:
    """Say what waits for reports, before it is overdue."""
    from countermark.share.policy.samples import samples

    due = [one.due for one in samples(place.log) if one.missing]
    if due:
        note(f"{len(due)} drawn releases wait for reports until {min(due):%Y-%m-%d %H:%M} UTC: --samples")


def login_name(name: str) -> str:
    """The name given, else the login name."""
    import getpass

    return name or getpass.getuser()


def check_remark(text: str, what: str) -> None:
    """Raise for words that do not belong into a log, out of which nothing can be taken again."""
    if len(text) > 1000:
        raise Error(f"{what} has at most 1,000 characters", exit_code=ExitCode.USAGE)
    if "@" in text:
        hint = "say it without: nothing can be taken out of the log again"
        raise Error(f"{what} holds what may be an e-mail address", hint=hint, exit_code=ExitCode.USAGE)


def _show_text(done: "ReviewOutcome") -> None:
    from countermark.cli.share_review_text import review_lines

    for reason, count in done.not_taken.items():
        emit(printable(f"identifiers not taken: {count} ({reason})"))
    for line in review_lines(done.review, done.policy):
        emit(line)


def _prove(place: "Home", index: int, proof: Path | None) -> None:
    if proof is not None:
        place.write_proof(index, proof)
        note(f"proof of entry {index} in {proof}")
