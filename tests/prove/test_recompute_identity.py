"""`verify --recompute` of an identity: transcripts on both sides, or a reference that is run here."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="endpoints are models of transformers")
pytest.importorskip("transformers", reason="endpoints are models of transformers")

from attribution_packages import differs, is_equal, record, rewritten, said, sealed

from attribute.identity_samples import answers, model_folder, written
from countermark.attribute.identity import Identity
from countermark.errors import MissingExtra
from countermark.flow import recompute_attributions
from countermark.trust.committed_seeds import SeedSource
from countermark.trust.keyfiles import Secret
from countermark.trust.seeds import seed_key_id

Files = dict[str, Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    place = tmp_path_factory.mktemp("endpoints")
    ours, other = model_folder(place / "ours"), model_folder(place / "other", seed=1)
    return {
        "folder": ours,
        "reference": written(place / "reference.jsonl", answers(ours, seed=11, each=6)),
        "suspect": written(place / "suspect.jsonl", answers(other, seed=2, each=4)),
        "control": written(place / "control.jsonl", answers(ours, seed=3, each=4)),
    }


def package(place: Path, files: Files, reference: str = "reference", **options: Any) -> Path:
    attributor = Identity(files[reference], permutations=499, **options)
    return sealed(place, attributor, files["suspect"], controls=[files["control"]])


@pytest.mark.parametrize("sequential", [False, True])
def test_transcripts_are_compared_again_and_equal(tmp_path: Path, files: Files, sequential: bool) -> None:
    made = package(tmp_path, files, sequential=sequential)
    answer = is_equal(made, inputs=files)
    assert answer.margins[-1]["passed"] is (record(made)["verdict"] == "not identical")


def test_a_folder_is_asked_again_and_equal(tmp_path: Path, files: Files) -> None:
    made = package(tmp_path, files, "folder", samples=4)
    is_equal(made, inputs=files)
    moved = {name: path for name, path in files.items() if name != "folder"}
    assert said(made, inputs=moved).sentence.startswith("not recomputed: give --input reference=FILE")


def test_other_numbers_of_the_record_are_found(tmp_path: Path, files: Files) -> None:
    made = package(tmp_path, files)

    def change(document: dict[str, Any]) -> None:
        document["tests"][0]["p_value"] *= 2
        document["controls"][0]["tests"][0]["statistic"] += 1e-6

    differs(made, "/tests/0/p_value", change, inputs=files)
    differs(made, "/controls/0/tests/0/statistic", lambda _: None, inputs=files)


def test_an_input_of_another_name_in_the_record_is_found(tmp_path: Path, files: Files) -> None:
    """An insider says that the control was the suspect."""
    made = package(tmp_path, files)

    def change(document: dict[str, Any]) -> None:
        inputs = document["inputs"]
        inputs["suspect"], inputs["control 1"] = inputs["control 1"], inputs["suspect"]

    differs(made, "/controls/0/sha256", change, inputs=files)


def test_more_draws_than_the_verb_makes_are_refused(tmp_path: Path, files: Files) -> None:
    made = package(tmp_path, files)
    change = {"permutations": 10**12}
    rewritten(made, lambda document: document["parameters"].update(change))
    line = said(made, inputs=files)
    assert not line.ok
    assert "permutations are 99 to 1,000,000" in line.sentence


def test_draws_from_a_seed_file_need_it(tmp_path: Path, files: Files) -> None:
    secret = Secret(b"ab" * 16)
    attributor = Identity(files["reference"], permutations=99, seed=secret)
    made = sealed(tmp_path, attributor, files["suspect"], seed=SeedSource(seed_key_id(secret)))
    assert said(made, inputs=files).sentence.startswith("not recomputed: give --seed-file of key id")
    seed = tmp_path / "seed.key"
    seed.write_text("ab" * 16)
    seed.chmod(0o600)
    is_equal(made, inputs=files, seed_file=seed)


def test_where_nothing_runs_models_it_is_said(
    tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = package(tmp_path, files, "folder", samples=2)

    def missing() -> None:
        raise MissingExtra("running a model needs torch", "torch")

    monkeypatch.setattr(recompute_attributions, "check_can_run", missing)
    line = said(made, inputs=files)
    assert line.ok
    assert line.sentence == ("not recomputed: running a model needs torch (pip install 'countermark[torch]')")
