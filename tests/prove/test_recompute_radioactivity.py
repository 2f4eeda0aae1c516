"""`verify --recompute` of a radioactivity: transcripts, and models that are sampled and fed again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="suspects are models of transformers")
pytest.importorskip("transformers", reason="suspects are models of transformers")

from attribution_packages import differs, is_equal, record, rewritten, said, sealed

from attribute.marked_worlds import KEY_A, KEY_B, VOCABULARY, own_key
from attribute.tiny_students import new_model, saved
from countermark.attribute.radioactivity import Options, Radioactivity
from countermark.records.canonical import canonical_json

Files = dict[str, Path]
TOKENS = 512


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    place = tmp_path_factory.mktemp("models")
    answers = np.random.default_rng(0).integers(1, VOCABULARY, (3, 20, 40)).tolist()
    for name, rows in zip(("transcripts", "known", "control"), answers, strict=True):
        lines = [{"id": f"{at}", "prompt_ids": row[:4], "token_ids": row[4:]} for at, row in enumerate(rows)]
        (place / f"{name}.jsonl").write_bytes(b"".join(canonical_json(one) + b"\n" for one in lines))
    prompts = [canonical_json({"prompt_ids": row[:8]}) + b"\n" for row in answers[0]]
    (place / "prompts.jsonl").write_bytes(b"".join(prompts))
    (place / "profile.json").write_bytes(canonical_json(own_key().profile))
    return {
        "suspect": saved(new_model(2), place / "suspect"),
        "reference": saved(new_model(1), place / "reference"),
        "profile": place / "profile.json",
        **{name: place / f"{name}.jsonl" for name in ("transcripts", "known", "control", "prompts")},
    }


@pytest.fixture
def key_files(tmp_path: Path) -> list[Path]:
    paths = []
    for name, text in (("b.key", KEY_B), ("a.key", KEY_A)):
        paths.append(tmp_path / name)
        paths[-1].write_text(text)
        paths[-1].chmod(0o600)
    return paths


def package(place: Path, files: Files, suspect: str, *keys: str, **options: Any) -> Path:
    asked = Options(tokens=TOKENS, decoys=options.pop("decoys", 9), **options)
    attributor = Radioactivity([own_key(one) for one in keys or (KEY_A,)], asked)
    controls = [] if files[suspect].is_dir() else [files["control"]]
    return sealed(place, attributor, files[suspect], controls=controls, family=max(len(keys), 1))


@pytest.mark.parametrize(
    ("suspect", "with_files", "options"),
    [
        ("transcripts", (), {}),
        ("transcripts", ("reference", "known"), {"decoys": 0}),
        ("suspect", ("prompts",), {}),
        ("suspect", ("reference",), {"setting": "open"}),
    ],
    ids=["closed", "known", "sampled", "open"],
)
def test_it_is_run_again_and_equal(
    tmp_path: Path,
    files: Files,
    key_files: list[Path],
    suspect: str,
    with_files: tuple[str, ...],
    options: dict[str, Any],
) -> None:
    made = package(tmp_path, files, suspect, **options, **{name: files[name] for name in with_files})
    is_equal(made, inputs=files, key_files=key_files)


def test_several_keys(tmp_path: Path, files: Files, key_files: list[Path]) -> None:
    made = package(tmp_path, files, "transcripts", KEY_A, KEY_B)
    answer = is_equal(made, inputs=files, key_files=key_files)
    assert len(answer.margins) == 2
    assert "give --key-file of key" in said(made, inputs=files, key_files=key_files[:1]).sentence
    given = {name: path for name, path in files.items() if name != "profile"}
    assert "give --input profile=FILE" in said(made, inputs=given, key_files=key_files).sentence


def test_other_numbers_of_the_record_are_found(tmp_path: Path, files: Files, key_files: list[Path]) -> None:
    made = package(tmp_path, files, "transcripts")
    given: dict[str, Any] = {"inputs": files, "key_files": key_files}

    def change(document: dict[str, Any]) -> None:
        document["tests"][0]["log10_p_value"] -= 1e-6
        document["parameters"]["counts"]["answers"] += 1

    differs(made, "/tests/0/log10_p_value", change, **given)
    differs(made, "/parameters/counts/answers", lambda _: None, **given)


def test_other_tokens_than_were_sampled_are_found(
    tmp_path: Path, files: Files, key_files: list[Path]
) -> None:
    made = package(tmp_path, files, "suspect")
    assert record(made)["parameters"]["answers_seed"]
    change = {"tokens": 2 * TOKENS}
    given: dict[str, Any] = {"inputs": files, "key_files": key_files}
    differs(made, "/tests/0/n", lambda document: document["parameters"].update(change), **given)
    rewritten(made, lambda document: document["parameters"].update(tokens=10**12))
    assert "--tokens is not between" in said(made, **given).sentence


@pytest.mark.parametrize("change", [{"profiles": []}, {"keys": ["\u001b[2J"]}, {"decoys": "many"}])
def test_parameters_that_no_verb_writes(
    tmp_path: Path, files: Files, key_files: list[Path], change: dict[str, Any]
) -> None:
    made = package(tmp_path, files, "transcripts")
    rewritten(made, lambda document: document["parameters"].update(change))
    line = said(made, inputs=files, key_files=key_files)
    assert not line.ok
    assert line.sentence == "not recomputed: its parameters are not those of its kind"
