"""No output of canaries and monitoring names a cause."""

import re

import pytest

from running import countermark

CAUSES = re.compile(r"\b(cop(y|ied|ies)|stol\w*|steal\w*|theft|trained on|derived)\b", re.IGNORECASE)


@pytest.mark.parametrize(
    "verb",
    [
        "canary",
        "canary draw",
        "canary serve",
        "canary score",
        "monitor",
        "monitor commit",
        "monitor add",
        "monitor join",
    ],
)
def test_help_names_no_cause(verb: str) -> None:
    done = countermark("attribute", *verb.split(), "--help")
    assert done.code == 0
    assert CAUSES.search(done.out) is None


def test_what_canaries_and_bets_say_names_no_cause() -> None:
    from countermark.attribute.canary import law, score
    from countermark.attribute.monitor import process

    said = [score.NULL, *score.EXPLANATIONS, process.NULL, score.CALIBRATION, str(law.POWER)]
    assert CAUSES.search(" ".join(said)) is None
