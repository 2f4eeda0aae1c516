"""The results of a case, each with its step, its exhibit, its class and its answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from countermark.prove.beforehand.result_files import result_name, texts
from countermark.prove.dossier.dossier import Dossier, Exhibit
from countermark.prove.dossier.exhibits import is_shown
from countermark.prove.dossier.groups import campaigns_of
from countermark.records.attributions import Attribution

_SUBJECTS = {
    "detect": "account networks in the access log",
    "scan": "marks of our keys in a corpus",
    "text": "marks of our keys in a text",
    "radioactivity": "marks of our keys in what a model answers",
    "canary": "planted random items in what a model answers",
    "lineage": "weights of a model beside those of a reference",
    "identity": "what an endpoint answers beside a reference",
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """One result."""

    step: str
    kind: str
    """`detect`, `scan`, or the kind of the attribution."""
    exhibit: Exhibit | None
    """None where it was taken out of the package."""
    result_class: str
    """`confirmatory` or `exploratory`."""
    checked: bool
    """Whether the class was worked out on verification; else the package says so."""
    reasons: Sequence[str]
    """What is missing for confirmatory."""
    entry: Mapping[str, Any]
    """Of `results.json`."""
    attribution: Attribution | None = None

    @property
    def subject(self) -> str:
        """What was looked at, in plain words."""
        other = f"what the plug-in {self.kind} looks at" if self.kind else "something that was taken out"
        return _SUBJECTS.get(self.kind, other)

    @property
    def standing(self) -> str:
        """`Confirmatory` or `Exploratory`, and that it is the package's word where nobody checked it."""
        unchecked = self.result_class == "confirmatory" and not self.checked
        return self.result_class.capitalize() + (", as the package says" if unchecked else "")

    @property
    def heading(self) -> str:
        """With the class in front, as every heading of a result has it."""
        where = f" (exhibit {self.exhibit.number})" if self.exhibit else " (taken out)"
        return f"{self.standing}: {self.subject}{where}"

    @property
    def shown(self) -> bool:
        """Whether something was shown."""
        return self.exhibit is not None and self.exhibit.outcome == "shown"


def results_of(dossier: Dossier) -> list[Result]:
    """Every result, in the order of the case's steps."""
    return list(_results(dossier))


def _results(dossier: Dossier) -> Iterator[Result]:
    checked = dossier.verification.classes_checked
    found = {one.result: one for one in dossier.verification.results}
    for entry in dossier.results:
        step = str(entry.get("result"))
        said = found.get(step)
        attribution = _attribution(dossier, step)
        yield Result(
            step=step,
            kind=attribution.kind if attribution else step,
            exhibit=_exhibit(dossier, step),
            result_class=said.result_class if said else "exploratory",
            checked=checked,
            reasons=said.reasons if said else texts(entry.get("reasons")),
            entry=entry,
            attribution=attribution,
        )


def _attribution(dossier: Dossier, step: str) -> Attribution | None:
    if not step.startswith("attribute-"):
        return None
    return dossier.attributions[int(step.removeprefix("attribute-")) - 1]


def _exhibit(dossier: Dossier, step: str) -> Exhibit | None:
    name = result_name(step)
    return next(
        (one for one in dossier.exhibits if one.name == name and one.kind != "negative-controls"), None
    )


def keys_of(result: Result, dossier: Dossier) -> list[str]:
    """Ids of the keys that a result is about; none of a result about anything else."""
    one = result.attribution
    if one is not None and result.kind in ("text", "radioactivity"):
        return list(dict.fromkeys(test.subject for test in one.tests)) or _named(one)
    if result.kind == "scan" and dossier.scan is not None:
        key = dossier.scan.get("key_id")
        return [str(key)] if key else []
    return []


def _named(one: Attribution) -> list[str]:
    return list(dict.fromkeys(conclusion.subject for conclusion in one.conclusions))


def committed_on(result: Result, dossier: Dossier) -> str:
    """Since when a commitment to its keys is shown, and by whom; empty where nothing shows it."""
    commitments = texts(result.entry.get("commitments"))
    days = [dossier.committed[one] for one in commitments if one in dossier.committed]
    return max(days) if days and len(days) == len(commitments) else ""


def answer(result: Result, dossier: Dossier) -> str:
    """What the result says, in one sentence and never more."""
    if result.exhibit is None:
        return "It was taken out of the package: nothing is said of it."
    if result.attribution is not None:
        return _verdict(result, result.attribution, dossier)
    if result.kind == "scan":
        return _scan(result, dossier)
    return _networks(dossier)


def _verdict(result: Result, one: Attribution, dossier: Dossier) -> str:
    if not is_shown(one):
        return {
            "not shown": (
                "Not shown: the test was made and did not pass. That does not say that there is nothing."
            ),
            "no difference found": "No difference was found.",
            "inconclusive": "Inconclusive: the test says nothing either way.",
        }.get(one.verdict, f"{one.verdict.capitalize()}.")
    since = committed_on(result, dossier)
    return f"{one.verdict[:1].upper()}{one.verdict[1:]}{f', committed on {since}' if since else ''}."


def _scan(result: Result, dossier: Dossier) -> str:
    scan = dossier.scan or {}
    number = scan.get("documents_passing")
    passes = [one.get("passes") for one in scan.get("pooled") or ()]
    single = f"{number:,} of its documents" if number else ""
    what = "The corpus as a whole" if any(passes) else single
    if not what and None in [*passes, number]:
        return "What it says was taken out in part: nothing is said of it here."
    if not what:
        return "Not shown: neither the corpus as a whole nor a document of it passed."
    verb = "are" if what == single and number != 1 else "is"
    since = committed_on(result, dossier)
    when = f", committed on {since}" if since else ""
    more = f"; {single} pass by themselves" if single and any(passes) else ""
    keys = " and ".join(keys_of(result, dossier)) or "our key"
    return f"{what} {verb} not independent of key {keys}{when}{more}."


def _networks(dossier: Dossier) -> str:
    campaigns = campaigns_of(dossier)
    if not campaigns:
        return "No group of accounts that act as one was found."
    sizes = [one["size"] for one in campaigns if isinstance(one.get("size"), int)]
    known = len(sizes) == len(campaigns)
    accounts = f"{sum(sizes):,} accounts in all" if known else "how many accounts was taken out of this copy"
    groups = "1 group" if len(campaigns) == 1 else f"{len(campaigns):,} groups"
    return f"{groups} of accounts that act as one, {accounts}."
