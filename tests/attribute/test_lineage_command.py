"""`countermark attribute lineage` as a user types it."""

import json
import re
from pathlib import Path

import pytest

import tiny_models as tiny
from running import countermark

FORBIDDEN = re.compile(r"\b(copy|copies|copied|copying|stolen|theft|trained on|derived)\b", re.IGNORECASE)
OURS = tiny.independent(0)


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return tiny.write(tmp_path / "ours", OURS)


def _words(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()))


def test_a_fine_tune_with_controls(tmp_path: Path, reference: Path) -> None:
    suspect = tiny.write(tmp_path / "suspect", tiny.noisy(OURS, 0.2))
    line: list[Path | str] = ["--reference", reference, "--suspect", suspect, "--out", tmp_path / "out"]
    for seed in range(3):
        line += ["--control", tiny.write(tmp_path / f"control-{seed}", tiny.independent(30 + seed))]
    done = countermark("attribute", "lineage", *line, "--json")
    assert done.code == 10
    answer = json.loads(done.out)
    assert re.fullmatch(r"weights not independent of reference [0-9a-f]{16}", answer["verdict"])
    assert answer["verdict"].endswith(answer["inputs"]["reference"][:16])
    assert answer["conclusions"][0]["reported"] == "p < 0.0075"
    assert [len(one["tests"]) > 2 for one in answer["controls"]] == [True] * 3
    assert {one.name for one in (tmp_path / "out").iterdir()} == {
        "attribution.json",
        "controls.svg",
        "layers.svg",
        "matching.svg",
    }
    assert not FORBIDDEN.search(_words(tmp_path / "out") + done.out + done.err)


def test_an_independent_model_and_one_in_order(tmp_path: Path, reference: Path) -> None:
    other = tiny.write(tmp_path / "other", tiny.independent(1))
    line = ["--reference", reference, "--suspect", other, "--out", tmp_path / "out"]
    done = countermark("attribute", "lineage", *line)
    assert done.code == 0
    assert done.out.startswith("verdict: not shown (not validated here: units of a layer 64)\n")
    ordered = [
        tiny.write(tmp_path / f"o{seed}", tiny.reordered(tiny.independent(seed), None)) for seed in (0, 1)
    ]
    line = ["--reference", ordered[0], "--suspect", ordered[1], "--out", tmp_path / "out"]
    done = countermark("attribute", "lineage", *line)
    assert done.code == 11
    assert "order of their own" in done.out
    assert countermark("attribute", "lineage", *line, "--re-randomise").code == 0
    assert countermark("attribute", "lineage", *line, "--no-exit-codes").code == 0


def test_the_same_answer_twice(tmp_path: Path, reference: Path) -> None:
    suspect = tiny.write(tmp_path / "suspect", tiny.noisy(OURS, 2.0))
    for out in ("a", "b"):
        countermark(
            "attribute", "lineage", "--reference", reference, "--suspect", suspect, "--out", tmp_path / out
        )
    assert _words(tmp_path / "a") == _words(tmp_path / "b")


def test_what_is_no_model(tmp_path: Path, reference: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "pytorch_model.bin").write_bytes(b"x")
    wide = tiny.write(tmp_path / "wide", tiny.independent(1, hidden=48))
    short = tiny.write(tmp_path / "short", OURS)
    data = (short / "model.safetensors").read_bytes()
    (short / "model.safetensors").write_bytes(data[:-10])
    for suspect, what in ((empty, "config.json"), (wide, "shapes do not match"), (short, "cut off")):
        line = ["--reference", reference, "--suspect", suspect, "--out", tmp_path / "out"]
        done = countermark("attribute", "lineage", *line)
        assert done.code == 3
        assert what in done.error()


def test_options_out_of_range(tmp_path: Path, reference: Path) -> None:
    line = ["--reference", reference, "--suspect", reference, "--out", tmp_path / "out"]
    for more in (["--units", "3"], ["--layers", "0"], ["--alpha", "2"]):
        assert countermark("attribute", "lineage", *line, *more).code == 2


def test_a_shared_seed_and_a_public_base_are_the_first_explanations(tmp_path: Path) -> None:
    """Their verdict is right under its null and says no more; named as ancestor they take it away."""
    base = tiny.independent(20)
    ours, sibling = (tiny.write(tmp_path / f"m{seed}", tiny.noisy(base, 0.3, seed)) for seed in (1, 2))
    line: list[Path | str] = ["--reference", ours, "--suspect", sibling, "--out", tmp_path / "out"]
    done = countermark("attribute", "lineage", *line)
    assert done.code == 10
    told = done.err.partition("other explanations:")[2].split("- ")
    assert "same seed" in told[1]
    assert "same public model" in told[2]
    answer = json.loads((tmp_path / "out" / "attribution.json").read_text(encoding="utf-8"))
    for given in (
        answer["other_explanations"],
        *(one["alternatives"] for one in answer["tests"] if one["decides"]),
    ):
        assert "same seed" in given[0]
        assert "same public model" in given[1]
    # the weights as both began, which is all that a shared seed leaves
    done = countermark("attribute", "lineage", *line, "--ancestor", tiny.write(tmp_path / "start", base))
    assert done.code == 11
    assert "not initialised independently" in " ".join(done.out.split())
