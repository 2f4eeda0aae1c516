"""`attribute radioactivity`: which test decides, stated before anything is read, and what stands beside it.

| asked | decides | for information |
| --- | --- | --- |
| closed, without a reference | plain | rank |
| closed, with a reference | reference-weighted | plain, rank |
| closed, with `--known` | contexts of the known outputs | the above |
| open | reference-weighted on the fed texts | rank |
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from countermark.attribute.base import Draw, Examined, ProgressCall
from countermark.attribute.keyed import BY_SCHEME, Key, decoys_for, judge, takes_signs
from countermark.attribute.keyed_tests import (
    CALIBRATION,
    EXPLANATIONS,
    LEAST_PAIRS,
    PROMPTS_UNKNOWN,
    calibrated_to,
    doubts_about,
    keyed_test,
    rank_test,
    sizes_of,
)
from countermark.attribute.power import PLAIN_MODEL, UNKNOWN, plain_share
from countermark.attribute.progress_picture import p_by_tokens
from countermark.attribute.radioactivity.body import Bodies, Body
from countermark.attribute.radioactivity.joint import explained
from countermark.attribute.radioactivity.known import KnownContexts, check_scheme, known_test
from countermark.attribute.radioactivity.options import OPEN, Options
from countermark.attribute.radioactivity.power import weighted_share
from countermark.attribute.radioactivity.suspects import TOKENS
from countermark.attribute.radioactivity.weights import OPEN_PRIOR, PRIOR, weights_of
from countermark.errors import Error, ExitCode
from countermark.records.attributions import NOT_INDEPENDENT_OF_KEY, NOT_SHOWN, Test, ValidityDomain
from countermark.watermark.schemes.base import FloatArray

MEASURED: dict[str, list[float | str]] = {
    "setting": ["closed", "open"],
    "scheme": ["gumbel-siphash"],
    "context_width": [1.0, 4.0],
    "tokens": [2_000.0, 250_000.0],
    "vocabulary": [512.0, 4096.0],
}
"""Of the models and marks of benchmarks/attribution.py: Llama-shaped, hidden 32-128, 2-5 layers."""
REFERENCE_MARKED = "a reference model that was itself made from marked text would hide a mark, not make one"


class Radioactivity:
    """One or several keys against one student; Holm over keys is the verdict's."""

    name = "radioactivity"
    positive = NOT_INDEPENDENT_OF_KEY
    negative = NOT_SHOWN
    domain = ValidityDomain(measured=MEASURED, where=CALIBRATION)

    def __init__(self, keys: Sequence[Key], options: Options) -> None:
        """Raises `Error` for malformed keys, keys given twice, and a scheme that an option does not know."""
        self.keys, self._options = list(keys), options
        if not self.keys or len({key.name for key in self.keys}) < len(self.keys):
            raise Error(
                "there is no key, or one stands twice", hint="one --key-file a key", exit_code=ExitCode.USAGE
            )
        for key in self.keys:
            _ = key.detector
            if options.known is not None:
                check_scheme(key.profile)
        self.other_explanations = list(EXPLANATIONS)
        given = {"prompts": options.prompts, "reference": options.reference, "known": options.known}
        given["tokenizer"] = options.tokenizer
        self.inputs = {name: path for name, path in given.items() if path is not None}

    def examine(self, suspect: Path, progress: ProgressCall | None = None) -> Examined:
        """Test one suspect under every key. Raises `Error` where it is no usable input."""
        if self._options.setting == OPEN and not suspect.is_dir():
            raise Error(
                f"the open setting needs a folder of a model, and {suspect} is none",
                hint="--setting closed takes transcripts",
                exit_code=ExitCode.NO_INPUT,
            )
        bodies, examined = Bodies(suspect, self._options), Examined([])
        shares: list[float | str | None] = []
        for done, key in enumerate(self.keys):
            body, problems, unknown = self._body(bodies, key)
            examined.problems.extend(one for one in problems if one not in examined.problems)
            if len(body.pairs):
                weights = self._weights(body, key)
                tests = self._tests(key, body, weights, unknown, examined.pictures)
                if self._options.known is not None and tests[0].n < LEAST_PAIRS:
                    few = f"{tests[0].n} windows have a context of the known outputs"
                    examined.problems.append(f"{few}, fewer than {LEAST_PAIRS}")
                examined.tests.extend(tests)
                shares.append(self._share(key, body))
            if progress:
                progress(done + 1, len(self.keys))
            for name, value in self._properties(key, body, bodies).items():
                # of several keys the value that was not measured stands for all
                if name not in examined.properties or self.domain.outside({name: value}):
                    examined.properties[name] = value
        self._extra(examined, bodies, shares)
        return replace(examined, draws=self._options.decoys != 0 or bodies.sampled)

    def _body(self, bodies: Bodies, key: Key) -> tuple[Body, list[str], list[str]]:
        """The body, problems, and explanations of this case."""
        given = self._options.prompts is not None
        if self._options.setting == OPEN:
            body = bodies.opened(key)
            same = ["the suspect gives the reference's probabilities"] if body.pairs.tokens else []
            return (
                body,
                ([] if len(body.pairs) else same) or doubts_about(body.pairs, key, prompted=given),
                [],
            )
        answers = bodies.answers(key)
        body = bodies.closed(key)
        problems = answers.problems() + (
            doubts_about(body.pairs, key, prompted=given or answers.prompted) if answers.rows else []
        )
        return body, problems, [PROMPTS_UNKNOWN] if answers.without_prompt else []

    def _weights(self, body: Body, key: Key) -> FloatArray | None:
        if body.expected is None:
            return None
        # a low value speaks for the mark only where no prompt can have used up the context's values
        lacks = takes_signs(key.detector) & body.lacks
        others = [one for one in self.keys if one is not key]
        expected = explained(key, body.seen, body.expected, body.pairs.windows, others)
        return weights_of(body.seen, expected, self._prior(body), lacks)

    def _prior(self, body: Body) -> float:
        """Masses of probability grow with the texts that are fed, and have no noise of counting: so does
        their prior."""
        return OPEN_PRIOR * body.pairs.tokens / TOKENS if self._options.setting == OPEN else PRIOR

    def _tests(
        self,
        key: Key,
        body: Body,
        weights: FloatArray | None,
        unknown: list[str],
        pictures: dict[str, Draw],
    ) -> list[Test]:
        options, windows, standing = self._options, body.pairs.windows, body.pairs.standing
        decoys = decoys_for(key, windows, options.decoys, options.seed)
        judged = judge(key, windows, weights, decoys)
        if options.setting != OPEN:
            pictures[f"tokens-{key.name}"] = p_by_tokens(key, body.pairs, weights, decoys)
        details, what = sizes_of(body.pairs), f"radioactivity, {options.setting}"
        details["prompts_unknown"] = bool(unknown)
        if len(self.keys) > 1 and weights is not None:
            details["jointly_with"] = [one.name for one in self.keys if one is not key]
        name = f"{what}, plain" if weights is None else f"{what}, reference-weighted"
        decides = options.known is None
        tests = [
            keyed_test(
                key,
                name,
                self._null(key),
                judged,
                decides=decides,
                details=details,
                extra=unknown,
                calibrated=calibrated_to(key, self._kind(weights)),
            )
        ]
        if weights is not None and options.setting != OPEN:
            plain = judge(key, windows[standing], None)
            plain_name = f"{what}, plain"
            tests.append(
                keyed_test(
                    key,
                    plain_name,
                    self._null(key),
                    plain,
                    decides=False,
                    details=details,
                    extra=unknown,
                    calibrated=calibrated_to(key, "plain"),
                )
            )
        if options.known is not None:
            contexts = KnownContexts.read(options.known, key, options.tokenizer)
            kind = "known" if len(self.keys) == 1 else "known, jointly"
            tests.insert(0, known_test(key, body, weights, contexts, unknown, calibrated_to(key, kind)))
        return [*tests, *rank_test(key, "rank among decoy keys", judged)]

    def _kind(self, weights: FloatArray | None) -> str:
        """Under what name `LEVELS` has the test; keys of several schemes were not redrawn jointly."""
        if weights is None:
            return "plain"
        if len(self.keys) > 1:
            schemes = {one.profile.scheme for one in self.keys}
            return "joint" if len(schemes) == 1 else "joint, several schemes"
        return "logits" if self._options.setting == OPEN else "weighted"

    def _null(self, key: Key) -> str:
        if self._options.setting == OPEN:
            return (
                f"the suspect's probabilities are independent of key {key.name}, given the texts it was fed"
            )
        return f"the suspect's answers are independent of key {key.name}, given the prompts that it was shown"

    def _share(self, key: Key, body: Body) -> float | str | None:
        if self._options.known is not None:
            return UNKNOWN
        level = self._options.level / len(self.keys)
        if body.expected is None:
            return plain_share(key, body.pairs, level)
        return weighted_share(key, body, self._prior(body), level, counted=self._options.setting != OPEN)

    def _properties(self, key: Key, body: Body, bodies: Bodies) -> dict[str, float | str]:
        vocabulary = key.profile.tokenizer.vocab_size
        if bodies.suspect.is_dir():
            vocabulary = bodies.model(key).vocab_size
        return {
            "setting": self._options.setting,
            "scheme": key.profile.scheme,
            "context_width": float(key.profile.context_width),
            "tokens": float(body.pairs.tokens),
            "vocabulary": float(vocabulary),
        }

    def _extra(self, examined: Examined, bodies: Bodies, shares: list[float | str | None]) -> None:
        options = self._options
        examined.parameters.update(bodies.facts)
        examined.parameters.update(
            {
                "setting": options.setting,
                "keys": [key.name for key in self.keys],
                "profiles": [key.profile.profile_id for key in self.keys],
                "decoys": BY_SCHEME if options.decoys is None else options.decoys,
                "tokens": options.tokens,
                "prior": (OPEN_PRIOR if options.setting == OPEN else PRIOR) if options.reference else None,
            }
        )
        if options.reference is not None:
            examined.parameters["reference"] = REFERENCE_MARKED
        if options.setting != OPEN:
            examined.parameters["counts"] = bodies.answers(self.keys[0]).counts()
        examined.minimum_detectable.update(_detectable(shares, weighted=options.reference is not None))


def _detectable(shares: list[float | str | None], *, weighted: bool) -> dict[str, Any]:
    """The largest over keys; without `share` where a scheme has no model."""
    numbers = [one for one in shares if isinstance(one, float | int)]
    if UNKNOWN in shares or not shares:
        return {"model": "not reckoned for this scheme"}
    model = (
        "share of the student's text that was marked, if it took over a tenth of the mark; simulated marks "
        "over this body's contexts, median of the draws"
        if weighted
        else PLAIN_MODEL
    )
    return {"share": None if None in shares else max(numbers), "model": model}
