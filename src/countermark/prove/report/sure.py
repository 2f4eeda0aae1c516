"""How sure a result is: what is claimed of its p-values, and how often the procedure itself was wrong."""

from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.groups import campaigns_of
from countermark.prove.dossier.proficiency import Proficiency, rate
from countermark.prove.report.results import Result
from countermark.prove.report.words import chance, claimed, claimed_of, counted, figure
from countermark.records.attributions import Attribution, Conclusion, reported

_NULLS = {
    "text": "If the text were independent of the key",
    "radioactivity": "If the answers were independent of the key",
    "canary": "If the answers were independent of the planted items",
    "lineage": "If the weights were independent of the reference",
    "identity": "If both endpoints answered alike",
}
NOT_CALIBRATED = "Nothing is claimed: the test has no calibration."
UNCLAIMED = "No level is claimed: the record of the scan names none to which its test was calibrated."


def campaign_level(dossier: Dossier, campaign_p: object) -> str:
    """What is claimed of the p-value of a network."""
    level = dossier.findings.get("calibrated_to", 1)
    if not isinstance(campaign_p, int | float) or not isinstance(level, int | float):
        return "not shown"
    return claimed(reported(campaign_p, level))


def sure(result: Result, dossier: Dossier) -> str:
    """One sentence for a judge: how often chance alone does the same."""
    if result.exhibit is None:
        return "-"
    if result.attribution is not None:
        return _attribution(result)
    return _scan(result, dossier) if result.kind == "scan" else _networks(dossier)


def _attribution(result: Result) -> str:
    one = result.attribution
    best = deciding(one) if one else None
    if one is None or best is None:
        return "No figure is shown."
    if one.verdict == "inconclusive":
        return "Nothing is claimed."
    null = _NULLS.get(result.kind, "If the null of its test held")
    words = chance(claimed_of(best, one.tests))
    return f"{null}, such a result would come up {words}." if words else NOT_CALIBRATED


def deciding(one: Attribution) -> Conclusion | None:
    """The conclusion with the smallest p-value after correction."""
    return min(one.conclusions, key=lambda conclusion: conclusion.adjusted_p_value, default=None)


def _scan(result: Result, dossier: Dossier) -> str:
    scan = dossier.scan or {}
    alpha = scan.get("alpha")
    asked = f"Level set for all questions together ({figure(scan.get('family'))}): {figure(alpha)}."
    return f"{asked} {UNCLAIMED}" if result.shown else asked


def _networks(dossier: Dossier) -> str:
    campaigns = campaigns_of(dossier)
    if not campaigns:
        tested = dossier.findings.get("tested")
        return f"{tested:,} candidates were tested." if isinstance(tested, int) else "-"
    values = [one.get("p_value") for one in campaigns]
    if not all(isinstance(one, int | float) for one in values):
        return "No figure is shown."
    words = chance(campaign_level(dossier, max(one for one in values if isinstance(one, int | float))))
    null = "If accounts had nothing to do with each other"
    tested = dossier.findings.get("tested")
    tried = f" {counted(tested, 'candidate group')} were tested." if isinstance(tested, int) else ""
    return f"{null}, one group would look like this {words}.{tried}" if words else NOT_CALIBRATED


def false_positives(found: Proficiency | None, procedure: str) -> str:
    """How often unrelated samples were called positive in blind trials; else `not measured`."""
    return rate([one.unrelated for one in found.of(procedure)] if found else [])


def misses(found: Proficiency | None, procedure: str) -> str:
    """How often related samples were missed; else `not measured`."""
    return rate([one.related for one in found.of(procedure)] if found else [])
