"""The attribution `canary`: does the suspect take the options that were drawn, more often than chance?"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from countermark.attribute.base import Draw, Examined, ProgressCall
from countermark.attribute.canary import law, model, taken
from countermark.attribute.canary.committed import Committed
from countermark.attribute.canary.draw import Canaries, DrawnItem
from countermark.attribute.canary.serving import Served
from countermark.errors import Error, ExitCode
from countermark.records.attributions import NOT_INDEPENDENT_OF_KEY, NOT_SHOWN, Test, ValidityDomain
from countermark.trust.keyfiles import Secret
from countermark.trust.seeds import seed_key_id, seed_of

NULL = "which option the suspect takes is independent of the options that were drawn"
CALIBRATED_TO = 1e-6
"""The law was seen to hold down to here, in 10 million redraws of the options
(benchmarks/canary_redraws.py)."""
CALIBRATION = "spec/canaries.md, the score"
MEASURED: dict[str, list[float | str]] = {
    "canaries": [20.0, 204.0],
    "setting": ["samples", "logits"],
    "vocabulary": [512.0, 4096.0],
}
"""Where the test was measured."""
EXPLANATIONS = [
    "a public data set holds answers with the choices that we served",
    "a third model that learned from our answers stands in between",
    "the choices became known: the secret file, or a log of servings, was seen by others",
    "forgery: somebody who knew the choices taught them to the suspect",
    "the suspect was shown answers with our choices when it was asked",
]
NOT_COMMITTED = "not committed in a log: whoever draws after the answers can choose what hits"
LN10 = math.log(10)
SMALLEST = 2.2250738585072014e-308


class Canary:
    """Made for one set of canaries; scores transcripts, or a model's own likelihoods."""

    name = "canary"
    positive = NOT_INDEPENDENT_OF_KEY
    negative = NOT_SHOWN
    domain = ValidityDomain(measured=MEASURED, where="docs/attribution-benchmarks.md")
    other_explanations = EXPLANATIONS

    def __init__(
        self,
        canaries: Canaries,
        *,
        served: Served | None = None,
        served_path: Path | None = None,
        seed: Secret | None = None,
        alpha: float = 0.01,
        layout: str = model.LAYOUT,
        committed: Committed | None = None,
    ) -> None:
        """`alpha` is for the power alone; `committed` is given in a case.

        With `served` only canaries that were served at least once count. In a case all of the set decide,
        since a list of servings can be edited after the answers, and those served stand beside them.
        """
        if "{prompt}" not in layout or "{answer}" not in layout:
            raise Error("a layout holds {prompt} and {answer}", exit_code=ExitCode.USAGE)
        self._canaries, self._served, self._seed = canaries, served, seed
        self._alpha, self._layout = alpha, layout
        self._committed = committed
        serving = [one for one in canaries.canaries if served is None or served.counts[one.id]]
        self._items = serving if committed is None else list(canaries.canaries)
        self.inputs: dict[str, Path] = {} if served_path is None else {"servings": served_path}
        if not serving:
            raise Error("no canary of this set was served", exit_code=ExitCode.NO_INPUT)

    def examine(self, suspect: Path, progress: ProgressCall | None = None) -> Examined:
        """Test one suspect: a folder is a model, a file holds transcripts."""
        # not of the suspect's bytes: whoever can change one could choose how ties fall
        seed = seed_of(self._seed, "canary ties", self._canaries.commitment)
        generator = np.random.default_rng(seed)
        if suspect.is_dir():
            found = model.from_model(suspect, self._items, generator, layout=self._layout, progress=progress)
        else:
            found = taken.from_transcripts(suspect, self._items, generator)
        tests = [self._hits(found), *self._hits_of_served(found), *self._rank(found, generator)]
        share = self._share(found)
        problems = list(found.problems) + (self._committed.problems(found) if self._committed else [])
        if law.critical(self._sizes, math.log(self._alpha)) is None:
            problems.append(f"{len(self._items):,} canaries are too few to pass alpha {self._alpha:g}")
        parameters = {
            "commitment": self._canaries.commitment,
            "list": self._canaries.list_name,
            "list_sha256": self._canaries.list_sha256,
            "setting": found.setting,
            "committed": self._committed.words if self._committed else NOT_COMMITTED,
            **self._of_seed(seed),
            **({"layout": self._layout} if found.setting == "logits" else {}),
            **(self._committed.of_acquisition() if self._committed else {}),
            **self._of_servings(),
        }
        return Examined(
            tests=tests,
            problems=problems,
            minimum_detectable={
                "share": share,
                "of": "canaries known",
                "alpha": self._alpha,
                "power": law.POWER,
            },
            properties={"canaries": float(len(self._items)), "setting": found.setting, **found.properties},
            parameters=parameters,
            pictures={"hits": _picture(self._sizes, round(tests[0].statistic or 0))},
        )

    @property
    def _sizes(self) -> list[int]:
        return [len(one.options) for one in self._items]

    def _hits(self, found: taken.Taken) -> Test:
        hits = sum(at == one.drawn for at, one in zip(found.options, self._items, strict=True))
        chosen = sum(at is not None for at in found.options)
        whole = chosen == len(self._items)
        log_p = law.log_sf(hits, self._sizes)
        kinds = sorted(set(self._sizes))
        of = f"binomial, 1/{kinds[0]}" if len(kinds) == 1 else "sum of Bernoulli(1/K) over the canaries"
        return self._test(
            "canary hits",
            statistic=float(hits),
            n=len(self._items),
            log_p=log_p,
            law=of if whole else f"{of}, as an upper bound: a canary without a choice is no hit",
            exact=whole,
            calibrated_to=CALIBRATED_TO,
            details={
                "choices": chosen,
                "floor": math.exp(law.log_sf(len(self._items), self._sizes)),
                "expected_hits": sum(1 / size for size in self._sizes),
                "by_options": self._by_size(found),
                **found.details,
            },
        )

    def _hits_of_served(self, found: taken.Taken) -> list[Test]:
        """In a case, for information."""
        if self._committed is None or self._served is None:
            return []
        pairs = [
            (at, one)
            for at, one in zip(found.options, self._items, strict=True)
            if self._served.counts[one.id]
        ]
        hits, sizes = sum(at == one.drawn for at, one in pairs), [len(one.options) for _, one in pairs]
        test = self._test(
            "canary hits among those served",
            statistic=float(hits),
            n=len(pairs),
            log_p=law.log_sf(hits, sizes),
            law="as canary hits, if the list of servings was not chosen by the answers",
            exact=False,
            calibrated_to=CALIBRATED_TO,
            decides=False,
        )
        return [test]

    def _by_size(self, found: taken.Taken) -> dict[str, dict[str, int]]:
        table: dict[str, dict[str, int]] = {}
        for at, one in zip(found.options, self._items, strict=True):
            row = table.setdefault(str(len(one.options)), {"canaries": 0, "choices": 0, "hits": 0})
            row["canaries"] += 1
            row["choices"] += at is not None
            row["hits"] += at == one.drawn
        return table

    def _rank(self, found: taken.Taken, generator: np.random.Generator) -> list[Test]:
        """Beside the hits: uses how likely each option is, not only which comes first."""
        usable: list[tuple[taken.Floats, DrawnItem]] = [
            (_log_shares(scores) if found.setting == "logits" else scores, item)
            for scores, item in zip(found.scores, self._items, strict=True)
            if scores is not None and np.isfinite(scores).all()
        ]
        if not usable:
            return []
        statistic, reached = law.rank([one for one, _ in usable], [one.drawn for _, one in usable], generator)
        what = "log-probabilities" if found.setting == "logits" else "shares of samples"
        floor = 1 / (law.DRAWS + 1)
        test = self._test(
            f"rank of the drawn options' {what}",
            statistic=statistic,
            n=len(usable),
            log_p=math.log((1 + reached) * floor),
            law=f"rank among {law.DRAWS:,} redraws of the options, floor {floor:.1g}",
            exact=False,
            calibrated_to=floor,
            details={"draws": law.DRAWS, "reached": reached},
            decides=False,
        )
        return [test]

    def _test(self, name: str, *, log_p: float, decides: bool = True, **fields: Any) -> Test:
        return Test(
            name=name,
            subject=self._canaries.key_id,
            null=NULL,
            p_value=max(math.exp(log_p), SMALLEST),
            log10_p_value=log_p / LN10 + 0.0 if math.isfinite(log_p) else None,
            calibration=CALIBRATION,
            alternatives=EXPLANATIONS,
            decides=decides,
            **fields,
        )

    def _share(self, found: taken.Taken) -> float | None:
        chosen = [size for size, at in zip(self._sizes, found.options, strict=True) if at is not None]
        return law.detectable_share(self._sizes, chosen, self._alpha) if chosen else None

    def _of_seed(self, seed: int) -> dict[str, str]:
        if self._seed is None:
            return {"tie_seed": str(seed)}
        return {"tie_seed": "of a seed file", "seed_key_id": seed_key_id(self._seed)}

    def _of_servings(self) -> dict[str, Any]:
        if self._served is None:
            return {"servings": "not given: every canary of the set counts"}
        left_out = len(self._canaries.canaries) - sum(count > 0 for count in self._served.counts.values())
        return {
            "deciding": "canaries served" if self._committed is None else "all canaries, served or not",
            "servings": self._served.counts.total(),
            "canaries_never_served": left_out,
            "unreadable_lines_of_servings": self._served.unreadable,
            "servings_of_other_sets": self._served.foreign,
        }


def _log_shares(scores: taken.Floats) -> taken.Floats:
    """Natural logs of the options' probabilities among themselves."""
    shares: taken.Floats = scores - np.logaddexp.reduce(scores)
    return shares


def _picture(sizes: Sequence[int], hits: int) -> Draw:
    """The law of hits under the null, and what was seen."""
    from countermark.attribute.pictures import CONTROL, SUSPECT

    def draw(axes: Any) -> None:
        probabilities = law.pmf(sizes)
        shown = np.flatnonzero(probabilities > 1e-9)
        axes.bar(shown, probabilities[shown], color=CONTROL, width=0.9, label="under the null")
        axes.axvline(hits, color=SUSPECT, linewidth=2, label=f"suspect: {hits:,} hits")
        axes.set_xlim(left=-0.5, right=max(float(shown.max()), float(hits)) + 1.5)
        axes.set_xlabel(f"hits among {len(sizes):,} canaries")
        axes.set_ylabel("probability")
        axes.set_title("Drawn options that the suspect takes")
        axes.legend(frameon=False)

    return draw
