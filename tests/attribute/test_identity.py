"""Identity of an endpoint: what is found, what is not, and what the answer says."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from attribute.identity_samples import PROMPTS, answers, model_folder, written
from countermark.attribute.identity import Identity
from countermark.attribute.verdict import Verdict, conclude
from countermark.errors import Error
from countermark.models.local import LocalModel
from countermark.records.transcripts import Transcript
from countermark.trust.keyfiles import Secret
from models.tiny import word_tokenizer
from running import countermark


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("models") / "ours")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("models") / "other", seed=1)


@pytest.fixture(scope="module")
def several(ours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our transcripts, eight answers to a prompt."""
    return written(tmp_path_factory.mktemp("ours") / "ours.jsonl", answers(ours, seed=11, each=8))


def verdict(attributor: Identity, suspect: Path) -> Verdict:
    examined = attributor.examine(suspect)
    return conclude(attributor, examined, [], alpha=0.01, family=1, in_case=False)


@pytest.mark.parametrize("sequential", [False, True])
def test_the_same_model_is_no_difference(ours: Path, several: Path, tmp_path: Path, sequential: bool) -> None:
    suspect = written(tmp_path / "s.jsonl", answers(ours, seed=12, each=4))
    examined = Identity(several, permutations=999, sequential=sequential).examine(suspect)
    assert examined.problems == []
    assert [one.name for one in examined.tests if one.decides] == [
        "e-process on ranks" if sequential else "within-prompt MMD"
    ]
    assert 0 < examined.minimum_detectable["share"] <= 1
    assert verdict(Identity(several, permutations=999, sequential=sequential), suspect).words == (
        "no difference found"
    )


@pytest.mark.parametrize("sequential", [False, True])
def test_another_model_is_not_identical(several: Path, other: Path, tmp_path: Path, sequential: bool) -> None:
    suspect = written(tmp_path / "s.jsonl", answers(other, seed=2, each=4))
    found = verdict(Identity(several, permutations=999, sequential=sequential), suspect)
    assert (found.words, found.reasons) == ("not identical", [])


def test_another_temperature_that_is_not_told_is_found(ours: Path, several: Path, tmp_path: Path) -> None:
    lines = answers(ours, seed=12, each=8, temperature=0.6)
    hidden = [msgspec.structs.replace(one, parameters={"temperature": 1.0, "max_tokens": 8}) for one in lines]
    assert verdict(Identity(several, permutations=999), written(tmp_path / "s.jsonl", hidden)).passes


@pytest.mark.parametrize("noise", [0.3, 0.5])
def test_coarse_weights_are_found_by_both_and_fine_ones_by_neither(
    ours: Path, tmp_path: Path, noise: float
) -> None:
    """Rows of weights rounded to steps of their largest one; 0.004 is about 8 bits."""
    few = PROMPTS[:20]
    reference = written(tmp_path / "r.jsonl", answers(ours, seed=1, each=16, prompts=few))
    for step, found in ((noise, True), (0.004, False)):
        folder = model_folder(tmp_path / f"m{step}", noise=step)
        suspect = written(tmp_path / "s.jsonl", answers(folder, seed=2, each=16, prompts=few))
        assert verdict(Identity(reference, permutations=999), suspect).passes == found
        one_call = written(tmp_path / "s1.jsonl", answers(folder, seed=2))
        assert verdict(Identity(ours, permutations=999), one_call).passes == found


def test_one_answer_a_prompt_is_decided_by_ranks_under_a_local_reference(
    ours: Path, other: Path, tmp_path: Path
) -> None:
    attributor = Identity(ours, permutations=999)
    same = attributor.examine(written(tmp_path / "same.jsonl", answers(ours, seed=3)))
    assert [one.name for one in same.tests] == ["rank uniformity", "e-process on ranks"]
    assert [one.decides for one in same.tests] == [True, False]
    assert same.tests[0].p_value > 0.01
    assert same.minimum_detectable["share"] < 1
    assert verdict(attributor, written(tmp_path / "other.jsonl", answers(other, seed=3))).passes


def test_several_answers_under_a_local_reference_are_decided_by_mmd(
    ours: Path, other: Path, tmp_path: Path
) -> None:
    attributor = Identity(ours, permutations=999, samples=6)
    same = attributor.examine(written(tmp_path / "same.jsonl", answers(ours, seed=3, each=4)))
    assert same.tests[0].name == "within-prompt MMD"
    assert same.tests[0].decides
    assert same.tests[0].p_value > 0.01
    assert verdict(attributor, written(tmp_path / "o.jsonl", answers(other, seed=3, each=4))).passes


def test_the_rank_score_is_the_mean_log_rank_of_the_tokens(ours: Path) -> None:
    import numpy as np

    from countermark.attribute.identity.answers import Answer
    from countermark.attribute.identity.sampled import SampledReference

    ids = (5, 9, 9)
    (logs,) = LocalModel.open(ours).log_probs([[1, 2, *ids]])
    ranks = [1 + sum(other > logs[1 + at][token] for other in logs[1 + at]) for at, token in enumerate(ids)]
    scores = SampledReference(ours, samples=2, seed=0).scores(
        (1, 2), [Answer(None, ids, ""), Answer(None, (), ""), Answer(None, ids, "")]
    )
    assert scores[0] == pytest.approx(np.log(ranks).mean())
    assert (scores[1], scores[2]) == (0.0, scores[0])


def test_text_is_compared_by_characters(several: Path, ours: Path, tmp_path: Path) -> None:
    def as_text(lines: list[Transcript]) -> list[Transcript]:
        def spelt(ids: list[int] | None) -> str:
            return "".join(chr(0x4E00 + one) for one in ids or ())

        return [
            msgspec.structs.replace(
                one, answer=spelt(one.token_ids), token_ids=None, prompt=spelt(one.prompt_ids)
            )
            for one in lines
        ]

    reference = written(tmp_path / "r.jsonl", as_text(answers(ours, seed=11, each=8)))
    suspect = written(tmp_path / "s.jsonl", as_text(answers(ours, seed=12, each=8)))
    examined = Identity(reference, permutations=999).examine(suspect)
    by_ids = Identity(several, permutations=999).examine(
        written(tmp_path / "i.jsonl", answers(ours, seed=12, each=8))
    )
    assert examined.properties["unit"] == "characters"
    assert examined.tests[0].statistic == pytest.approx(by_ids.tests[0].statistic)


def test_the_seed_is_the_inputs_or_the_committed_one(several: Path, ours: Path, tmp_path: Path) -> None:
    suspect = written(tmp_path / "s.jsonl", answers(ours, seed=12, each=2))

    def p_of(seed: Secret | None) -> list[float]:
        return [one.p_value for one in Identity(several, permutations=499, seed=seed).examine(suspect).tests]

    assert p_of(None) == p_of(None)
    assert p_of(None) != p_of(Secret(b"ab" * 16))
    kept = Identity(several, permutations=499, seed=Secret(b"ab" * 16)).examine(suspect).parameters
    assert "ab" * 4 not in json.dumps(kept)


@pytest.mark.parametrize("reference", ["several", "ours"])
def test_earlier_ranks_stay_when_prompts_are_added(
    reference: str, ours: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    lines = answers(ours, seed=12)
    attributor = Identity(request.getfixturevalue(reference), permutations=99, sequential=True)
    capital = {}
    for number in (10, 24):
        examined = attributor.examine(written(tmp_path / f"{number}.jsonl", lines[:number]))
        axes = _Axes()
        examined.pictures["capital"](axes)
        capital[number] = axes.plotted
    assert capital[24][:10] == pytest.approx(capital[10])


class _Axes:
    """Keeps what is plotted."""

    plotted: Any = ()

    def plot(self, _: Any, values: Any, **__: Any) -> None:
        self.plotted = list(values)

    def __getattr__(self, _: str) -> Any:
        return lambda *_, **__: None


def test_the_verb_writes_the_answer_and_the_pictures(
    several: Path, ours: Path, other: Path, tmp_path: Path
) -> None:
    suspect = written(tmp_path / "s.jsonl", answers(other, seed=2, each=4))
    control = written(tmp_path / "c.jsonl", answers(ours, seed=5, each=4))
    given = ("--reference", several, "--suspect", suspect, "--control", control, "--permutations", "999")
    done = countermark("attribute", "identity", *given, "--out", tmp_path / "a")
    assert done.code == 10, done.err
    assert "verdict: not identical" in done.out
    answer = json.loads((tmp_path / "a" / "attribution.json").read_bytes())
    assert (answer["kind"], answer["verdict"]) == ("identity", "not identical")
    assert answer["controls"][0]["tests"][0]["p_value"] > 0.01
    pictures = sorted(one.name for one in (tmp_path / "a").glob("*.svg"))
    assert pictures == ["capital.svg", "controls.svg", "permutations.svg", "ranks.svg"]
    again = countermark("attribute", "identity", *given, "--out", tmp_path / "b", "--json")
    assert json.loads(again.out)["tests"] == answer["tests"]
    assert (tmp_path / "a" / "ranks.svg").read_bytes() == (tmp_path / "b" / "ranks.svg").read_bytes()


def test_a_control_that_differs_makes_it_inconclusive(several: Path, other: Path, tmp_path: Path) -> None:
    suspect = written(tmp_path / "s.jsonl", answers(other, seed=2, each=4))
    control = written(tmp_path / "c.jsonl", answers(other, seed=5, each=4))
    given = ("--reference", several, "--suspect", suspect, "--control", control, "--permutations", "999")
    assert countermark("attribute", "identity", *given, "--out", tmp_path / "a").code == 11


def test_no_reference_is_an_error(tmp_path: Path, several: Path) -> None:
    with pytest.raises(Error, match="cannot be read"):
        Identity(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Error, match="no usable model"):
        Identity(tmp_path / "empty")
    done = countermark(
        "attribute", "identity", "--reference", several, "--suspect", tmp_path, "--out", tmp_path / "a"
    )
    assert (done.code, bool(done.error())) == (3, True)


def test_text_and_ids_of_one_answer_come_to_the_same_under_a_local_reference(
    ours: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    for one in ours.iterdir():
        (folder / one.name).write_bytes(one.read_bytes())
    word_tokenizer(folder, begin=False)

    def text(ids: list[int] | None) -> str:
        return "".join(f" w{one}" for one in ids or ())

    by_ids = answers(folder, seed=12, each=3)
    by_text = [
        msgspec.structs.replace(
            one, prompt=text(one.prompt_ids), prompt_ids=None, answer=text(one.token_ids), token_ids=None
        )
        for one in by_ids
    ]
    found = [
        Identity(folder, permutations=499).examine(written(tmp_path / f"{at}.jsonl", lines))
        for at, lines in enumerate((by_ids, by_text))
    ]
    assert found[0].problems == found[1].problems == []
    assert [one.statistic for one in found[0].tests] == [one.statistic for one in found[1].tests]
    assert found[0].tests[0].p_value > 0.01


def test_our_own_encoding_of_a_prompt_is_not_what_the_endpoint_read(ours: Path, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "m")
    word_tokenizer(folder)
    asked = [(1, *one) for one in PROMPTS]
    lines = answers(folder, seed=12, each=3, prompts=asked)

    def examined(name: str, **changes: Any) -> list[float]:
        changed = [
            msgspec.structs.replace(
                one, prompt=" ".join(f"w{at}" for at in (one.prompt_ids or [])[1:]), **changes, id=one.id
            )
            for one in lines
        ]
        if changes.get("prompt_encoded"):
            changed = [msgspec.structs.replace(one, prompt_ids=(one.prompt_ids or [])[1:]) for one in changed]
        found = Identity(folder, permutations=499).examine(written(tmp_path / name, changed))
        return [one.statistic for one in found.tests]

    assert examined("read.jsonl") == examined("guessed.jsonl", prompt_encoded=True)
    assert examined("read.jsonl") == examined("text.jsonl", prompt_ids=None)
