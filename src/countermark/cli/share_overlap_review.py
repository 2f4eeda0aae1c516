"""`countermark share overlap review`: what opening a run lets the other learn, for two people to decide."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from countermark.cli.output import emit, emit_json, note, printable
from countermark.cli.share_client import CaFile, Json, TokenFile
from countermark.cli.share_overlap_prepare import Identifiers
from countermark.cli.share_overlap_run import SetDir, To, client_of, opened_folder, same_items
from countermark.cli.share_review import ContextFile, HomeFolder, LegalFile, PolicyFile, ProofFile
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.share.overlap.messages import Run
    from countermark.share.overlap.reviewing import Looked
    from countermark.share.overlap.set_folder import SetFolder
    from countermark.share.policy.context import Ground
    from countermark.share.policy.home import Home

REVIEW_SCHEMA_ID = "countermark/share-overlap-review/v1"


def review(
    folder: SetDir,
    to: To,
    identifiers: Identifiers = None,
    policy: PolicyFile = None,
    context: ContextFile = None,
    legal: LegalFile = None,
    ground: Annotated[
        str, typer.Option("--ground", metavar="ID", help="A ground of the policy, in place of the context's.")
    ] = "",
    legal_basis: Annotated[
        list[str] | None,
        typer.Option("--legal-basis", metavar="ID", help="In place of the context's; may be given again."),
    ] = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    home: HomeFolder = None,
    proof: ProofFile = None,
    as_json: Json = False,
) -> None:
    """Show what opening lets the other learn, and write DIR/opening for two people to approve."""
    from countermark.share.overlap.reviewing import check_reviewable, look, write_opening
    from countermark.share.policy.home import REFUSED, REVIEWED, Home

    place, mine = opened_folder(folder), Home(home)
    check_reviewable(place)
    same_items(place, identifiers)
    with client_of(place, to, token_file, ca_file) as client:
        runs = client.runs()
    _check_told(place, runs)
    names = {place.prepared.member, place.prepared.peer}
    of_pair = [one for one in runs if {side.member for side in one.sides} <= names]
    rests = _ground(mine, policy, context, legal or [], ground, legal_basis)
    looked, opening = look(place, rests, len(of_pair))
    out = write_opening(place, opening) if opening else None
    said: dict[str, Any] = {
        "opening_id": looked.opening_id,
        "run": looked.run,
        "peer": looked.peer,
        "size": looked.size,
    }
    said |= {"conditions": dict(looked.conditions), "warnings": list(looked.warnings)}
    entry = mine.record(REVIEWED if opening else REFUSED, said)
    _show(looked, entry.index, out, as_json)
    if proof is not None:
        mine.write_proof(entry.index, proof)
        note(f"proof of entry {entry.index} in {proof}")
    if out is None:
        why = "; ".join(looked.conditions.values())
        raise Error(f"the run may not be opened: {why}", exit_code=ExitCode.NO_INPUT)
    note(f"{out}; entry {entry.index} of the log")
    note(f"it takes two people: share approve {out} --as security, --as counsel")


def _check_told(place: "SetFolder", runs: "list[Run]") -> None:
    """Raise where the exchange tells something else of the run now than what was written down."""
    prepared, state = place.prepared, place.state
    for one in runs:
        sides = {side.member: side.commitment for side in one.sides}
        if one.run == prepared.run and prepared.peer in sides:
            right = {prepared.member: place.envelope.decode(), prepared.peer: state.peer_commitment}
            if sides != right or (state.counted and (one.size != state.size)):
                raise Error(
                    "the exchange tells another story of the run now than before",
                    exit_code=ExitCode.VERIFICATION_FAILED,
                )
            if one.state in ("void", "expired"):
                raise Error(f"the run is {one.state}", exit_code=ExitCode.NO_INPUT)
            return
    raise Error("the exchange does not know the run", exit_code=ExitCode.NO_INPUT)


def _ground(
    home: "Home",
    policy: Path | None,
    context: Path | None,
    legal: list[Path],
    ground: str,
    legal_basis: list[str] | None,
) -> "Ground":
    from countermark.flow.releases import context_file
    from countermark.share.policy.context import read_context, resolve
    from countermark.share.policy.document import read_policy
    from countermark.share.policy.legal import read_bases

    given = read_context(context_file(home, context))
    if ground:
        given = msgspec.structs.replace(given, ground=ground)
    if legal_basis:
        given = msgspec.structs.replace(given, legal_basis=legal_basis)
    bases = read_bases(*home.legal, *legal)
    return resolve(read_policy(policy), given, bases, now=datetime.now(UTC))


def _show(looked: "Looked", entry: int, out: Path | None, as_json: bool) -> None:
    if as_json:
        told = msgspec.to_builtins(looked)
        emit_json(REVIEW_SCHEMA_ID, {**told, "folder": None if out is None else str(out), "entry": entry})
        return
    emit(printable(f"run {looked.run} of {looked.member} with {looked.peer}: size {looked.size}"))
    for whose, kinds in ((looked.member, looked.mine), (looked.peer, looked.theirs)):
        told = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items())) or "nothing"
        emit(printable(f"{whose} declares at most: {told}"))
    emit(
        printable(f"opened, {looked.peer} learns which {looked.size} of its own items you have too, no other")
    )
    emit("item; and you learn as much, once both have opened")
    for one in looked.warnings:
        emit(printable(f"warning: {one}"))
    for condition, problem in looked.conditions.items():
        emit(printable(f"refused  {condition}: {problem}"))
