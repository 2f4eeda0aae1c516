"""Is this text independent of our keys? One body, each distinct window once, the scheme's own law.

What stands in a prompt of the body is left out (`pairs.py`). Beside the law stands the key's rank among
decoys.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from countermark.attribute.answers import Answers, read_answers
from countermark.attribute.base import Draw, Examined, ProgressCall
from countermark.attribute.keyed import BY_SCHEME, MOST_DECOYS, Judged, Key, decoys_for, judge
from countermark.attribute.keyed_tests import (
    CALIBRATION,
    EXPLANATIONS,
    PROMPTS_UNKNOWN,
    calibrated_to,
    doubts_about,
    keyed_test,
    rank_test,
    sizes_of,
)
from countermark.attribute.pairs import Pairs, pairs_of
from countermark.attribute.power import PLAIN_MODEL, plain_share
from countermark.attribute.progress_picture import p_by_tokens
from countermark.errors import Error, ExitCode
from countermark.records.attributions import NOT_INDEPENDENT_OF_KEY, NOT_SHOWN, Test, ValidityDomain
from countermark.trust.keyfiles import Secret

MEASURED: dict[str, list[float | str]] = {
    "tokens": [1_000.0, 1_000_000.0],
    "scheme": [
        "gumbel-siphash",
        "sglang-gumbel",
        "synthid-text",
        "transformers-green-list",
        "transformers-synthid",
        "vllm-dual-key-gumbel",
        "vllm-gumbel",
    ],
}
"""Sizes of a body and schemes whose laws the benchmarks redrew keys for."""


class TextMark:
    """`attribute text`."""

    name = "text"
    positive = NOT_INDEPENDENT_OF_KEY
    negative = NOT_SHOWN
    domain = ValidityDomain(measured=MEASURED, where=CALIBRATION)

    def __init__(
        self,
        keys: Sequence[Key],
        *,
        tokenizer: Path | None = None,
        decoys: int | None = None,
        seed: Secret | None = None,
        level: float = 0.01,
    ) -> None:
        """`decoys` None takes the scheme's usual number, 0 leaves the rank out; `level` is for the power."""
        self.keys, self._tokenizer, self._decoys = list(keys), tokenizer, decoys
        self._seed, self._level = seed, level / max(len(self.keys), 1)
        self.other_explanations = list(EXPLANATIONS)
        self.inputs: dict[str, Path] = {} if tokenizer is None else {"tokenizer": tokenizer}
        for key in self.keys:
            _ = key.detector  # a malformed key is an error before anything is read
        if len({key.name for key in self.keys}) < len(self.keys):
            raise Error("a key stands twice", hint="one --key-file a key", exit_code=ExitCode.USAGE)
        if decoys is not None and not 0 <= decoys <= MOST_DECOYS:
            raise Error(f"--decoys is not between 0 and {MOST_DECOYS:,}", exit_code=ExitCode.USAGE)

    def examine(self, suspect: Path, progress: ProgressCall | None = None) -> Examined:
        """Test one file of texts or transcripts under every key."""
        tests: list[Test] = []
        problems: dict[str, None] = {}
        pictures: dict[str, Draw] = {}
        shares: dict[str, Any] = {}
        answers = Answers()
        pairs: Pairs | None = None
        for done, key in enumerate(self.keys):
            answers = read_answers(suspect, key.profile, self._tokenizer)
            pairs = pairs_of([*answers.rows, *answers.shown], key.length)
            problems |= dict.fromkeys(
                [
                    *answers.problems(),
                    *(doubts_about(pairs, key, prompted=answers.prompted) if answers.rows else []),
                ]
            )
            if len(pairs):
                decoys = decoys_for(key, pairs.windows, self._decoys, self._seed)
                judged = judge(key, pairs.windows, None, decoys)
                tests += self._tests(key, judged, pairs, answers)
                shares[key.name] = plain_share(key, pairs, self._level)
                pictures[f"tokens-{key.name}"] = p_by_tokens(key, pairs, None, decoys)
            if progress:
                progress(done + 1, len(self.keys))
        return Examined(
            tests=tests,
            problems=list(problems),
            minimum_detectable=_detectable(shares),
            properties={"tokens": float(pairs.tokens if pairs else 0), **_schemes(self.keys)},
            parameters={
                "counts": answers.counts(),
                "keys": [key.name for key in self.keys],
                "profiles": [key.profile.profile_id for key in self.keys],
                "decoys": BY_SCHEME if self._decoys is None else self._decoys,
            },
            draws=self._decoys != 0,
            pictures=pictures,
        )

    def _tests(self, key: Key, judged: Judged, pairs: Pairs, answers: Answers) -> list[Test]:
        null = f"the text is independent of key {key.name}, given the prompts that stand with it"
        unknown = [PROMPTS_UNKNOWN] if answers.without_prompt else []
        test = keyed_test(
            key,
            "mark in text",
            null,
            judged,
            decides=True,
            details=sizes_of(pairs),
            extra=unknown,
            calibrated=calibrated_to(key, "plain"),
        )
        return [test, *rank_test(key, "rank among decoy keys", judged)]


def _schemes(keys: Sequence[Key]) -> dict[str, float | str]:
    """One name for the validity domain; names of several schemes joined, which is none of it."""
    return {"scheme": ", ".join(sorted({key.profile.scheme for key in keys}))}


def _detectable(shares: dict[str, Any]) -> dict[str, Any]:
    """The largest over the keys, so that it holds for each; left out where it is not reckoned for one."""
    found = list(shares.values())
    if not found or "unknown" in found:
        return {"model": "not reckoned for this scheme"}
    return {"share": None if None in found else max(found), "model": PLAIN_MODEL}
