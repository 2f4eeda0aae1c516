"""Students of marked text, of unmarked text, of several keys; text alone and with probabilities; CLI."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from marked_worlds import KEY_A, KEY_B, KEY_C, key_of, own_key
from tiny_students import FIRST, new_model, saved, student_of, written

pytest.importorskip("torch", reason="students are trained with torch")
pytest.importorskip("transformers", reason="students are models of transformers")

from countermark.attribute.base import Examined
from countermark.attribute.radioactivity import Options, Radioactivity
from countermark.attribute.verdict import conclude
from countermark.errors import Error, ExitCode
from countermark.watermark.profile import write_profile
from running import countermark

TEXTS, STEPS, TOKENS = 400, 120, 6400
KEYS = (KEY_A, KEY_B, KEY_C)


@dataclass(frozen=True)
class World:
    folder: Path
    reference: Path

    def transcripts(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """`marked`, `clean` and `mixed` (three keys in equal parts): students as folders and as transcripts."""
    folder = tmp_path_factory.mktemp("students")
    base = new_model(1)
    marked = [written(base, TEXTS, 10 + at, own_key(key)) for at, key in enumerate(KEYS)]
    mixed = np.concatenate([one[: TEXTS // 3] for one in marked])
    of = {"marked": marked[0], "clean": written(base, TEXTS, 20), "mixed": mixed}
    for at, (name, rows) in enumerate(of.items()):
        student = student_of(base, rows, STEPS, at)
        saved(student, folder / name)
        write_transcripts(folder / f"{name}.jsonl", written(student, TOKENS // 64, 30 + at))
    return World(folder, saved(base, folder / "reference"))


def write_transcripts(path: Path, rows: Any) -> None:
    lines = [
        {"id": f"t{at}", "prompt_ids": row[:1].tolist(), "token_ids": row[1:].tolist()}
        for at, row in enumerate(rows)
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))


def attributor(world: World, *keys: str, **options: Any) -> Radioactivity:
    fields: dict[str, Any] = {"reference": world.reference, "decoys": 19, "tokens": TOKENS} | options
    return Radioactivity([own_key(one) for one in keys], Options(**fields))


def log10_ps(examined: Examined) -> dict[str, float]:
    return {
        test.subject[:4] + " " + test.name: test.log10_p_value
        for test in examined.tests
        if test.log10_p_value is not None and "rank" not in test.name
    }


def of_deciding(examined: Examined) -> list[float]:
    return [float(test.log10_p_value or 0) for test in examined.tests if test.decides]


def test_weights_show_more_than_text_and_probabilities_more_than_weights(world: World) -> None:
    closed = attributor(world, KEY_A).examine(world.transcripts("marked"))
    plain = next(test for test in closed.tests if test.name.endswith("plain"))
    (weighted,) = of_deciding(closed)
    (opened,) = of_deciding(attributor(world, KEY_A, setting="open").examine(world.folder / "marked"))
    assert not plain.decides
    assert opened < weighted < float(plain.log10_p_value or 0) < 0
    assert weighted < -6
    assert not closed.problems
    assert closed.minimum_detectable["share"] <= 1


@pytest.mark.parametrize("setting", ["closed", "open"])
def test_neither_another_key_nor_a_clean_student_shows_anything(world: World, setting: str) -> None:
    for key, name in ((KEY_B, "marked"), (KEY_A, "clean")):
        suspect = world.folder / name if setting == "open" else world.transcripts(name)
        (log10_p,) = of_deciding(attributor(world, key, setting=setting).examine(suspect))
        assert log10_p > -3


def test_three_keys_on_one_student_are_all_named(world: World) -> None:
    one = attributor(world, *KEYS)
    examined = one.examine(world.transcripts("mixed"))
    verdict = conclude(one, examined, [], alpha=0.01, family=3, in_case=False)
    assert verdict.words == "; ".join(f"not independent of key {key.name}" for key in one.keys)
    deciding = [test for test in examined.tests if test.decides]
    assert [len(test.details["jointly_with"]) for test in deciding] == [2, 2, 2]


def test_a_folder_in_the_closed_setting_is_sampled_by_a_recorded_seed(world: World) -> None:
    one = attributor(world, KEY_A)
    first, again = one.examine(world.folder / "marked"), one.examine(world.folder / "marked")
    assert log10_ps(first) == log10_ps(again)
    assert of_deciding(first)[0] < -3
    assert first.parameters["answers_seed"]


def test_known_outputs_decide_where_they_are_given(world: World, tmp_path: Path) -> None:
    known = tmp_path / "known.jsonl"
    write_transcripts(known, written(new_model(1), 40, 99, own_key()))
    examined = attributor(world, KEY_A, known=known).examine(world.transcripts("marked"))
    deciding = [test for test in examined.tests if test.decides]
    assert [test.name for test in deciding] == ["radioactivity, contexts of known outputs"]
    assert deciding[0].p_value < 1e-3


def test_without_a_reference_the_plain_test_decides(world: World) -> None:
    examined = attributor(world, KEY_A, reference=None).examine(world.transcripts("marked"))
    assert [test.name for test in examined.tests if test.decides] == ["radioactivity, closed, plain"]


def test_prompts_of_a_file_are_fed_and_their_windows_left_out(world: World, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    rows = written(new_model(1), 60, 50, own_key(KEY_B))
    prompts.write_text("".join(json.dumps({"prompt_ids": row.tolist()}) + "\n" for row in rows))
    examined = attributor(world, KEY_B, setting="open", prompts=prompts).examine(world.folder / "marked")
    assert of_deciding(examined)[0] > -3


def test_a_suspect_that_is_the_reference_is_inconclusive(world: World) -> None:
    one = attributor(world, KEY_A, setting="open")
    verdict = conclude(one, one.examine(world.reference), [], alpha=0.01, family=1, in_case=False)
    assert verdict.words == "inconclusive"


def test_what_does_not_go_together_is_said_in_one_line(world: World, tmp_path: Path) -> None:
    other = saved(new_model(1, 32), tmp_path / "other")
    cases: list[tuple[Any, ExitCode]] = [
        (lambda: Options(setting="open"), ExitCode.USAGE),
        (lambda: Options(setting="ajar"), ExitCode.USAGE),
        (lambda: Options(tokens=3), ExitCode.USAGE),
        (lambda: attributor(world, KEY_A, KEY_A), ExitCode.USAGE),
        (lambda: Radioactivity([key_of("lefthash")], Options(known=tmp_path)), ExitCode.USAGE),
        (
            lambda: attributor(world, KEY_A, setting="open").examine(world.transcripts("marked")),
            ExitCode.NO_INPUT,
        ),
        (lambda: attributor(world, KEY_A, setting="open").examine(other), ExitCode.NO_INPUT),
        (lambda: attributor(world, KEY_A).examine(tmp_path), ExitCode.NO_INPUT),
        (
            lambda: attributor(world, KEY_A, prompts=tmp_path / "no").examine(world.reference),
            ExitCode.NO_INPUT,
        ),
    ]
    for make, code in cases:
        with pytest.raises(Error) as caught:
            make()
        assert caught.value.exit_code == code
        assert "\n" not in caught.value.message


def test_the_command_writes_an_answer_and_pictures_and_no_secret(world: World, tmp_path: Path) -> None:
    write_profile(tmp_path / "p.json", own_key().profile)
    key_file = tmp_path / "k"
    key_file.write_text(KEY_A)
    key_file.chmod(0o600)
    ours = ["--profile", tmp_path / "p.json", "--key-file", key_file, "--decoys", "19"]
    done = countermark(
        *("attribute", "radioactivity", *ours, "--reference", world.reference, "--json"),
        *("--suspect", world.transcripts("marked"), "--control", world.transcripts("clean")),
        *("--out", tmp_path / "out"),
    )
    assert done.code == 10, done.err
    answer = json.loads((tmp_path / "out" / "attribution.json").read_bytes())
    assert answer["verdict"] == f"not independent of key {own_key().name}"
    assert len(answer["controls"]) == 1
    assert answer["inputs"].keys() == {"suspect", "reference", "control 1"}
    pictures = sorted(path.name for path in (tmp_path / "out").glob("*.svg"))
    assert pictures == ["controls.svg", f"tokens-{own_key().name}.svg"]
    everything = done.out + done.err + json.dumps(answer)
    for word in (KEY_A, "copied", "stolen", "trained on", "derived", "theft"):
        assert word not in everything.lower()
    text = countermark(
        *("attribute", "text", *ours, "--suspect", world.transcripts("clean")),
        *("--out", tmp_path / "text"),
    )
    assert text.code == 0, text.err
    assert "not shown" in text.out


def test_the_first_id_of_a_sampled_text_is_the_models_own(world: World) -> None:
    from countermark.attribute.radioactivity.suspects import first_id
    from countermark.models.local import LocalModel

    assert first_id(world.reference, LocalModel.open(world.reference)) == FIRST
