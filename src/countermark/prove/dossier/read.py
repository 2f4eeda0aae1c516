"""`read_dossier`: a sealed package or a case folder, and what people state of it, for reports and drafts.

The package is verified first; one that fails is no report. It is read once, and the tables that are needed
line by line are kept in a folder that goes with the dossier.
"""

import shutil
import tempfile
import weakref
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.prove.beforehand.result_files import texts
from countermark.prove.case_folder.workspace_state import STATE_FILE
from countermark.prove.dossier.beside import Beside, read_facts
from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.exhibits import Contained, exhibits_of
from countermark.prove.dossier.gather import contained, keep_table, package_sha256
from countermark.prove.dossier.runs import committed, logged_runs
from countermark.prove.dossier.working_paper import pack, without_signer
from countermark.prove.package.layout import METHOD_JSON
from countermark.prove.package.tables import ACCEPTANCES, MEMBERS
from countermark.prove.package.trustfile import Trust
from countermark.prove.verifying.verification import Verification
from countermark.prove.verifying.verify import examine
from countermark.prove.verifying.verify_state import State


def read_dossier(
    path: Path, *, trust: Trust | None = None, facts: Path | None = None, now: datetime | None = None
) -> Dossier:
    """The dossier of a sealed package (a zip or a folder) or of a case folder.

    A case folder gives a working paper, `sealed` False. `facts` is a facts file: what people state, and what
    stands beside the package. `now` is the verifier's clock. Raises `Error`: exit 20 with the step where
    the package does not verify, exit 3 where there is none, or a facts file is not as expected.
    """
    beside = read_facts(facts) if facts else Beside()
    place = Path(tempfile.mkdtemp(prefix="countermark-dossier-"))
    try:
        dossier = _read(path, trust, beside, now, place)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    weakref.finalize(dossier, shutil.rmtree, place, ignore_errors=True)
    return dossier


def _read(path: Path, trust: Trust | None, beside: Beside, now: datetime | None, place: Path) -> Dossier:
    sealed, package = not (path / STATE_FILE).is_file(), path
    if not sealed:
        package = place / "package"
        trust = pack(path, package, trust)
    verification, state = examine(package, trust, now=now)
    _check(verification, path)
    verification = verification if sealed else without_signer(verification)
    dossier = _dossier(replace(verification, package=path.name), state, beside, place, sealed=sealed)
    if sealed:
        return replace(dossier, package_sha256=package_sha256(package, state))
    shutil.rmtree(package)  # only its tables are needed from here on
    return dossier


def _check(verification: Verification, path: Path) -> None:
    for step in verification.steps:
        if step.outcome == "FAILED":
            raise Error(
                f"{path} does not verify, step {step.number}, {step.name}: {step.detail}",
                hint=f"no report is made of it; countermark verify {path} lists all steps",
                exit_code=ExitCode.VERIFICATION_FAILED,
            )


def _dossier(
    verification: Verification, state: State, beside: Beside, place: Path, *, sealed: bool
) -> Dossier:
    found, payload = contained(state), state.read
    return Dossier(
        case=state.case,
        sealed=sealed,
        package_sha256="",
        verification=verification,
        capture=payload.capture,
        findings=found.findings,
        method=payload.documents.get(METHOD_JSON, {}),
        scan=found.scan,
        attributions=found.attributions,
        results=found.results,
        plans=found.plans,
        custody=found.custody,
        terms=found.terms,
        statements=beside.statements,
        parties=beside.parties,
        exhibits=exhibits_of(found, beside.exhibits, sealed=sealed, checked=verification.classes_checked),
        runs=logged_runs(state.log, state.case.matter) if state.log else (),
        committed=committed(state.log, _commitments(found)) if state.log else {},
        proficiency=beside.proficiency,
        exposures=beside.exposures,
        acceptances=keep_table(state, ACCEPTANCES, place),
        members=keep_table(state, MEMBERS, place),
    )


def _commitments(found: Contained) -> set[str]:
    """Those that a result names."""
    return {text for one in found.results for text in texts(one.get("commitments"))}
