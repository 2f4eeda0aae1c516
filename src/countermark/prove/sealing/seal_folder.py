"""What of a case folder is sealed: everything that was added to it."""

from collections.abc import Sequence
from pathlib import Path

from countermark.prove.case_folder.workspace import Workspace
from countermark.prove.case_folder.workspace_view import inputs
from countermark.prove.sealing.seal_options import SealOptions
from countermark.trust.signing import SigningKey


def options_of(folder: Path, out: Path, keys: Sequence[SigningKey], runs: Sequence[Path] = ()) -> SealOptions:
    """Everything that a case folder has, and further files of `runs`.

    Raises `Error` where something is missing, or changed since it was added.
    """
    found = inputs(Workspace.open(folder))
    return SealOptions(
        findings=found.findings,
        events=found.events,
        case_id=found.case_id,
        out=out,
        keys=keys,
        scan=found.scan,
        attributions=found.attributions,
        log=found.log,
        matter=found.matter,
        plans=found.plans,
        runs=[*found.runs, *runs],
        custody=found.custody,
        terms=found.terms,
        acceptances=found.acceptances,
        results=found.results,
        salt_key=found.salt_key,
    )
