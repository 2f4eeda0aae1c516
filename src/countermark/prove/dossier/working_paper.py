"""A case folder as a package of its own, for one report: signed with a key that is thrown away."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from countermark.prove.case_folder.workspace import Workspace
from countermark.prove.case_folder.workspace_view import last_change
from countermark.prove.custody.custody import time_of
from countermark.prove.package.trustfile import Trust
from countermark.prove.sealing.seal import seal
from countermark.prove.sealing.seal_folder import options_of
from countermark.prove.verifying.verification import Verification
from countermark.trust.signing import SigningKey

SIGNER = "a key made for this paper alone"
NOT_SIGNED = "Nobody has signed it: it was packed for this paper alone."


def pack(folder: Path, out: Path, trust: Trust | None) -> Trust | None:
    """Pack a case folder into the package `out`, and give what it is verified by: log, witnesses and roots of
    `trust`, and the key that signed it, which nobody keeps. Events stay outside.

    Raises `Error` where the folder could not be sealed.
    """
    key = SigningKey.generate()
    options = options_of(folder, out, [key])
    seal(replace(options, created=_dated(folder), trust=trust))
    if trust is None:
        return None
    return replace(
        trust,
        signers={key.public.keyid: SIGNER},
        keys={key.public.keyid: key.public},
        threshold=1,
        validity={},
        cases=frozenset(),
        timestamp_authorities=0,
    )


def without_signer(verification: Verification) -> Verification:
    """What was verified of such a package: that it fits together. Its signature says nothing, and its key is
    another one each time."""
    steps = [
        replace(step, outcome="NOT CHECKED", detail=NOT_SIGNED) if step.name == "signers" else step
        for step in verification.steps
    ]
    return replace(verification, verdict="INTACT, SIGNER NOT CHECKED", signers=(), steps=tuple(steps))


def _dated(folder: Path) -> datetime:
    return time_of(last_change(Workspace.open(folder)))
