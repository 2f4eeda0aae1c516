"""A dossier without the words that name a cause: a report would print the texts of a package as its own."""

from dataclasses import replace

from countermark.prove.beforehand.result_files import plan_name
from countermark.prove.dossier.dossier import Dossier, Exhibit
from countermark.prove.package.layout import (
    CAPTURE_JSON,
    CUSTODY,
    FINDINGS_JSON,
    METHOD_JSON,
    RESULTS,
    SCAN_JSON,
    TERMS_JSON,
    attribution_name,
)
from countermark.records.cause_words import without_causes

PACKAGE = "the package"


def cautious(dossier: Dossier) -> Dossier:
    """The same, each text of the package with such a word replaced by a note that names its file.

    What persons state stays: it is printed as theirs, with name and date.
    """
    plans = dossier.plans.items()
    return replace(
        dossier,
        verification=without_causes(dossier.verification, PACKAGE),
        capture=without_causes(dossier.capture, CAPTURE_JSON),
        findings=without_causes(dossier.findings, FINDINGS_JSON),
        method=without_causes(dossier.method, METHOD_JSON),
        scan=without_causes(dossier.scan, SCAN_JSON),
        attributions=[
            without_causes(one, attribution_name(number))
            for number, one in enumerate(dossier.attributions, 1)
        ],
        results=without_causes(dossier.results, RESULTS),
        plans={plan_id: without_causes(plan, plan_name(plan_id)) for plan_id, plan in plans},
        custody=without_causes(dossier.custody, CUSTODY),
        terms=without_causes(dossier.terms, TERMS_JSON),
        exhibits=[_cautious(one) for one in dossier.exhibits],
    )


def _cautious(one: Exhibit) -> Exhibit:
    """Titles of terms stand in their table, all others in the file itself; so do names."""
    file = TERMS_JSON if one.kind == "terms" else one.name
    return replace(one, title=without_causes(one.title, file), name=without_causes(one.name, PACKAGE))
