"""What else leads to the same result: it stands beside each, and once more for all."""

from countermark.prove.report.results import Result
from countermark.prove.report.words import short

MOST = 20
OF_KEYS = (
    "forgery: whoever holds the key, or got hold of it, can mark a text",
    "public data: outputs of ours that others published stand in it",
    "a third model in between: its outputs carry the mark on",
)
OF_NETWORKS = (
    "a class or a course: one exercise puts the same questions into many accounts",
    "a company or a team: one payment, one network exit and shared prompts are those of an ordinary customer",
    "a reseller: customers behind one access point share the network, and not their questions",
    "a public template or tool: a published prompt stands in accounts that know nothing of each other",
)


def explanations_of(result: Result) -> list[str]:
    """Those that the record of a result names; where it names none, those here."""
    one = result.attribution
    if one is None:
        return list(OF_KEYS if result.kind == "scan" else OF_NETWORKS)
    if not one.other_explanations and result.kind in ("text", "radioactivity", "canary"):
        return list(OF_KEYS)
    named = [*one.other_explanations, *(text for test in one.tests for text in test.alternatives)]
    return [short(text) for text in dict.fromkeys(named)][:MOST]
