"""`make`: the report of a dossier with the parts that were asked for: claims, terms, damages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from countermark.prove.claims.assess import Assessed, assess_named
from countermark.prove.claims.tables import claims_sections
from countermark.prove.claims.tables import to_plain as claim_fields
from countermark.prove.clauses.outcome import TermsApplied, apply_terms
from countermark.prove.clauses.policy import read_policies
from countermark.prove.clauses.sections import terms_sections
from countermark.prove.clauses.summary import to_dict as terms_fields
from countermark.prove.damages.inputs import read_inputs
from countermark.prove.damages.plain import to_dict as damages_fields
from countermark.prove.damages.reckon import Damages, reckon
from countermark.prove.damages.sections import damages_sections
from countermark.prove.dossier.dossier import Dossier, Exhibit
from countermark.prove.package.case import created_at
from countermark.prove.report.plain import to_plain
from countermark.prove.report.report import Report, compose
from countermark.records.canonical import file_sha256


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a report is to have beside findings and method."""

    claims: str = ""
    """Names as `--claims` takes them; empty: none."""
    legal: Path | None = None
    """Folder of counsel's own rows."""
    policies: Path | None = None
    """Folder of usage policies."""
    damages: Path | None = None
    """Inputs of the damages workbook."""
    today: date | None = None
    """For review dates; None: the day of the case."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A report with the records of its parts."""

    dossier: Dossier
    """With the inputs of the damages as an exhibit."""
    report: Report
    assessed: Sequence[Assessed] = ()
    applied: TermsApplied | None = None
    damages: Damages | None = None

    def to_plain(self) -> dict[str, Any]:
        """Fields of `countermark/case-report/v1`, the parts as their own verbs print them."""
        return {
            **to_plain(self.report, self.dossier),
            "claims": [claim_fields(one) for one in self.assessed],
            "terms": terms_fields(self.applied) if self.applied else None,
            "damages": damages_fields(self.damages) if self.damages else None,
        }


def make(dossier: Dossier, asked: Asked) -> Made:
    """The report. Raises `Error` for a claim that there is not, and files that are not as expected."""
    today = asked.today or created_at(dossier.case).date()
    damages = reckon(read_inputs(asked.damages)) if asked.damages else None
    if asked.damages:
        dossier = _with_inputs(dossier, asked.damages)
    bearing = dossier if damages is None or _any_sum(damages) else _without_inputs(dossier)
    assessed = assess_named(asked.claims, bearing, today, asked.legal) if asked.claims else ()
    applied = apply_terms(dossier, read_policies(asked.policies)) if asked.policies else None
    report = compose(
        dossier,
        claims=claims_sections(assessed),
        terms=terms_sections(applied) if applied else (),
        damages=damages_sections(damages, dossier.case.case_id) if damages else (),
    )
    return Made(dossier=dossier, report=report, assessed=assessed, applied=applied, damages=damages)


def _any_sum(damages: Damages) -> bool:
    """Whether a measure comes to more than nothing; else the inputs bear on no damage."""
    return any(one.known is not None and one.known.value > 0 for one in damages.measures)


def _without_inputs(dossier: Dossier) -> Dossier:
    """For the claims alone: the exhibit stays in the list, under its number."""
    return replace(dossier, exhibits=[one for one in dossier.exhibits if one.kind != "damages"])


def _with_inputs(dossier: Dossier, path: Path) -> Dossier:
    """The inputs are an exhibit, unless the facts file named them already."""
    sha256 = file_sha256(path)
    if any(one.sha256 == sha256 for one in dossier.of_kind("damages")):
        return dossier
    inputs = Exhibit(
        number=len(dossier.exhibits) + 1,
        kind="damages",
        title="Inputs of the damages, each with its source",
        name=path.name,
        sha256=sha256,
        sealed=False,
    )
    return replace(dossier, exhibits=[*dossier.exhibits, inputs])
