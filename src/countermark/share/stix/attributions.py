"""An attribution as a STIX Note: the verdict's words; in our extension p-values, nulls, other explanations.

A Note, because STIX has no object for the outcome of a test, and because it may be about several objects. It
names no suspect: whoever publishes says what it is about by `about`, else it is about the member itself,
whose key or reference the tests are of. How a text or a model came about is not said.
"""

from collections.abc import Sequence
from typing import Any

from countermark.errors import Error
from countermark.records.attributions import INCONCLUSIVE, POSITIVE, VERDICTS, Attribution, Conclusion, Test
from countermark.records.canonical import content_id
from countermark.share.stix.extension import at_most, extension, words
from countermark.share.stix.ids import is_stix_id
from countermark.share.stix.terms import Terms
from countermark.share.stix.versions import Object

MAX_TESTS = 100


def stix_of_attribution(attribution: Attribution, terms: Terms, *, about: Sequence[str] = ()) -> list[Object]:
    """Markings, identity and the Note, in the versions to publish; without the Note where it was revoked.

    `about` are ids of STIX objects, a campaign's for example. The same inputs tested in the same way give the
    same object. Raises `Error` for a verdict that does not agree with its conclusions, and an
    `about` that is no id.
    """
    if not attribution.agrees:
        raise Error("the verdict of the attribution does not agree with its conclusions")
    if not all(is_stix_id(one) for one in about):
        raise Error("what an attribution is about is named by ids of STIX objects")
    tests = [test for test in attribution.tests if test.decides]
    if len(tests) > MAX_TESTS:
        raise Error(f"an attribution of over {MAX_TESTS} tests is not shared")
    verdict = verdict_words(attribution)
    named = content_id("attribution", [attribution.kind, attribution.inputs, attribution.parameters])
    made = terms.publish(
        "note",
        [named],
        {
            "abstract": f"Attribution ({attribution.kind}): {verdict}",
            "content": (
                f"The tests of this member came out as: {verdict}. The extension has the p-values, each "
                "under its null, and the other explanations. How it came about is not said."
            ),
            "object_refs": list(about) or [terms.who.identity_id],
            "extensions": extension(
                attribution_kind=attribution.kind,
                verdict=verdict,
                tests=_tests(tests, attribution.conclusions),
                other_explanations=[words(one) for one in attribution.other_explanations],
                validated_here=not attribution.not_validated,
            ),
        },
    )
    return [*terms.head(), *([] if made is None else [made])]


def verdict_words(attribution: Attribution) -> str:
    """The verdict without its subjects, which are ids of keys and digests of references."""
    said = [says for says in POSITIVE for one in attribution.conclusions if one.verdict.startswith(says)]
    if said:
        return "; ".join(dict.fromkeys(said))
    return attribution.verdict if attribution.verdict in VERDICTS else INCONCLUSIVE


def _tests(tests: Sequence[Test], conclusions: Sequence[Conclusion]) -> list[dict[str, Any]]:
    """What of each deciding test is told: no statistic and no size, and no level to stay above."""
    adjusted = {one.subject: one.adjusted_p_value for one in conclusions}
    told = []
    for test in tests:
        one = {
            "test_name": words(test.name),
            "null_hypothesis": words(test.null),
            "p_value": at_most(test.p_value, test.calibrated_to),
            "calibrated_to": at_most(test.calibrated_to, test.calibrated_to),
            "exact": test.exact,
        }
        if test.subject in adjusted:
            one["adjusted_p_value"] = at_most(max(adjusted[test.subject], test.p_value), test.calibrated_to)
        told.append(one)
    return told
