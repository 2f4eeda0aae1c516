"""`verify --recompute` of a lineage: folders of weights by their digests, the options that were recorded."""

from pathlib import Path
from typing import Any

import pytest
from attribution_packages import differs, is_equal, rewritten, said, sealed

import tiny_models as tiny
from countermark.attribute.lineage import Lineage

OURS = tiny.independent(0, layers=4)
Folders = dict[str, Path]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    weights = {
        "reference": OURS,
        "suspect": tiny.noisy(OURS, 0.2),
        "control": tiny.independent(30, layers=4),
        "ancestor": tiny.independent(31, layers=4),
    }
    return {name: tiny.write(tmp_path / name, one) for name, one in weights.items()}


def package(place: Path, folders: Folders, **options: Any) -> Path:
    attributor = Lineage(folders["reference"], ancestors=[folders["ancestor"]], **options)
    controls = [folders["control"]]
    return sealed(place, attributor, folders["suspect"], controls=controls, family=attributor.hypotheses)


@pytest.mark.parametrize(
    "options", [{}, {"layers": 2, "units": 20}, {"re_randomise": True}], ids=["plain", "sampled", "shuffled"]
)
def test_it_is_run_again_and_equal(tmp_path: Path, folders: Folders, options: dict[str, Any]) -> None:
    made = package(tmp_path, folders, **options)
    moved = {name: path.rename(tmp_path / f"elsewhere-{name}") for name, path in folders.items()}
    answer = is_equal(made, inputs=moved)
    if not options:
        assert answer.margins[-1]["margin"] < 0
        assert answer.margins[-1]["passed"]


def test_other_numbers_of_the_record_are_found(tmp_path: Path, folders: Folders) -> None:
    made = package(tmp_path, folders)

    def change(document: dict[str, Any]) -> None:
        document["tests"][0]["n"] += 1

    differs(made, "/tests/0/n", change, inputs=folders)


@pytest.mark.parametrize(
    ("part", "value", "place"),
    [
        ("family", 1, "/family"),
        ("alpha", 0.02, "/minimum_detectable/units"),
        ("verdict", "not shown", "/verdict"),
        ("other_explanations", [], "/other_explanations"),
        ("validity_domain", {"measured": {}, "where": ""}, "/validity_domain/where"),
    ],
)
def test_what_follows_from_the_numbers_is_found(
    tmp_path: Path, folders: Folders, part: str, value: Any, place: str
) -> None:
    made = package(tmp_path, folders)
    differs(made, place, lambda document: document.update({part: value}), inputs=folders)


def test_other_weights_are_not_what_was_examined(tmp_path: Path, folders: Folders) -> None:
    made = package(tmp_path, folders)
    assert said(made).sentence == (
        "not recomputed: give --input ancestor-1=FILE --input control-1=FILE --input reference=FILE "
        "--input suspect=FILE"
    )
    tiny.write(folders["suspect"], tiny.noisy(OURS, 0.3))
    line = said(made, inputs=folders)
    assert line.ok
    assert line.sentence.endswith("give --input suspect=FILE; what was given as suspect has another SHA-256")


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"most_units": 10**9}, "cannot be run again: --units is from 16"),
        ({"most_layers": "all"}, "not recomputed: its parameters are not those of its kind"),
    ],
)
def test_a_record_chooses_no_sizes(
    tmp_path: Path, folders: Folders, parameters: dict[str, Any], sentence: str
) -> None:
    made = package(tmp_path, folders)
    rewritten(made, lambda document: document["parameters"].update(parameters))
    line = said(made, inputs=folders)
    assert not line.ok
    assert line.sentence.startswith(sentence)


def test_a_kind_of_somebody_else_is_left(tmp_path: Path, folders: Folders) -> None:
    made = package(tmp_path, folders)
    rewritten(made, lambda document: document.update(kind="phases"))
    line = said(made, inputs=folders)
    assert line.ok
    assert line.sentence == "not recomputed: 'phases' is no kind of attribution that is made here"


def test_fields_that_were_taken_out_are_passed_over(tmp_path: Path, folders: Folders) -> None:
    made = package(tmp_path, folders)
    (made / "attestations" / "redaction.dsse.json").write_text("{}")  # read in another step
    rewritten(made, lambda document: document["tests"][0].update(statistic=None))
    assert said(made, inputs=folders).sentence.endswith(", 1 taken out: equal")
    rewritten(made, lambda document: document["parameters"].update(most_units=None))
    line = said(made, inputs=folders)
    assert line.ok
    assert line.sentence == "not recomputed: fields of it were taken out"
