"""`verify --recompute` of canaries: transcripts, or a model, with the secret file of the canaries."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from attribution_packages import differs, is_equal, record, rewritten, said, sealed

from attribute.canary.making import NOW, SECRET, drawn, knows, transcripts
from countermark.attribute.canary import Canary
from countermark.attribute.canary.committed import committed_in
from countermark.attribute.canary.draw import KEY_PURPOSE, draw, publish, read_canaries, write_canaries
from countermark.attribute.canary.serving import log_serving, read_servings
from countermark.errors import Error
from countermark.flow.attributions import AttributionOptions, attribute
from countermark.flow.case_runs import InCase
from countermark.prove.beforehand.log_view import LogView, Opened
from countermark.trust.committed_seeds import SeedSource
from countermark.trust.keyfiles import Secret
from countermark.trust.log import open_or_create
from countermark.trust.openings import Head
from countermark.trust.seeds import seed_key_id

Files = dict[str, Path]
SENT = "2026-12-01T00:00:00Z"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    canaries = drawn(40)
    write_canaries(tmp_path / "canaries.json", canaries)
    for item in canaries.canaries[:30]:
        log_serving(tmp_path / "servings.jsonl", canaries, item.id, time=NOW)
    return {
        "canaries": tmp_path / "canaries.json",
        "servings": tmp_path / "servings.jsonl",
        "suspect": transcripts(tmp_path / "suspect.jsonl", canaries, knows(0.6), sent=SENT),
        "control": transcripts(tmp_path / "control.jsonl", canaries, knows(0.0, 1), sent=SENT),
    }


def attributor(files: Files, **options: Any) -> Canary:
    return Canary(read_canaries(files["canaries"]), **options)


def package(place: Path, files: Files, made: Canary, **options: Any) -> Path:
    source = SeedSource(drawn(40).key_id, KEY_PURPOSE, what="the secret of the canaries")
    return sealed(place, made, files["suspect"], controls=[files["control"]], seed=source, **options)


def test_it_is_run_again_and_equal(tmp_path: Path, files: Files) -> None:
    made = package(tmp_path, files, attributor(files))
    answer = is_equal(made, inputs=files)
    assert answer.margins[-1]["passed"]
    assert answer.margins[-1]["margin"] < -3
    given = {name: path for name, path in files.items() if name != "canaries"}
    assert said(made, inputs=given).sentence == "not recomputed: give --input canaries=FILE"


def test_servings_and_a_seed_file_are_asked_for(tmp_path: Path, files: Files) -> None:
    secret = Secret(b"cd" * 16)
    known = read_canaries(files["canaries"])
    servings = {"served": read_servings(files["servings"], known), "served_path": files["servings"]}
    made = package(tmp_path, files, attributor(files, seed=secret, **servings))
    given = {name: path for name, path in files.items() if name != "servings"}
    assert said(made, inputs=given).sentence == "not recomputed: give --input servings=FILE"
    key_id = seed_key_id(secret)
    assert said(made, inputs=files).sentence == f"not recomputed: give --seed-file of key id {key_id}"
    seed = tmp_path / "seed.key"
    seed.write_text("cd" * 16)
    seed.chmod(0o600)
    is_equal(made, inputs=files, seed_file=seed)


def test_other_numbers_of_the_record_are_found(tmp_path: Path, files: Files) -> None:
    made = package(tmp_path, files, attributor(files))

    def change(document: dict[str, Any]) -> None:
        document["tests"][0]["statistic"] += 1
        document["tests"][0]["details"]["by_options"]["2"]["hits"] += 1

    hits = record(made)["tests"][0]["details"]["by_options"]
    assert "2" in hits
    differs(made, "/tests/0/statistic", change, inputs=files)
    differs(made, "/tests/0/details/by_options/2/hits", lambda _: None, inputs=files)


def test_canaries_of_another_draw_are_no_input(tmp_path: Path, files: Files) -> None:
    made = package(tmp_path, files, attributor(files))
    other = tmp_path / "other.json"
    write_canaries(other, drawn(40, "ff" * 16))
    line = said(made, inputs={**files, "canaries": other})
    assert line.sentence == "not recomputed: the canaries that were given are those of another commitment"
    other.chmod(0o644)
    with pytest.raises(Error, match="can be read by others"):
        said(made, inputs={**files, "canaries": other})


@pytest.mark.parametrize("published", [False, True])
def test_in_a_case_the_log_and_the_family_are_taken_from_the_record(
    tmp_path: Path, files: Files, published: bool
) -> None:
    known, folder = read_canaries(files["canaries"]), tmp_path / "log"
    log = open_or_create(folder, None)
    if published:
        publish(log, known)
    made = package(tmp_path, files, attributor(files))
    options = AttributionOptions(
        suspect=files["suspect"],
        out=tmp_path / "in-case",
        controls=[files["control"]],
        case=InCase(matter="matter-7", log=folder),
        seed=SeedSource(known.key_id, KEY_PURPOSE, what="the secret of the canaries"),
    )
    for _ in range(2):  # the second run's family is two
        attribute(attributor(files, committed=committed_in(folder, known, date(2026, 12, 2))), options)
    told = json.loads((tmp_path / "in-case" / "attribution.json").read_text())
    assert told["family"] == 2
    assert any("has no commitment of these canaries" in one for one in told["reasons"]) is not published
    rewritten(made, lambda document: document.update(told))
    is_equal(made, inputs=files)
    differs(made, "/reasons", lambda document: document["reasons"].pop(), inputs=files)


def test_a_record_that_says_another_time_than_the_log_is_found(tmp_path: Path, files: Files) -> None:
    known, folder = read_canaries(files["canaries"]), tmp_path / "log"
    log = open_or_create(folder, None)
    entry = publish(log, known)
    view = LogView("ours", 1, (Opened(0, 1, Head(entry.kind, entry.index), entry),))
    made = package(tmp_path, files, attributor(files))
    case = InCase(matter="matter-7", log=folder)
    options = AttributionOptions(suspect=files["suspect"], out=tmp_path / "in-case", case=case)
    attribute(attributor(files, committed=committed_in(folder, known)), options)
    told = json.loads((tmp_path / "in-case" / "attribution.json").read_text())
    rewritten(made, lambda document: document.update(told))
    is_equal(made, inputs=files, log=view)

    def change(document: dict[str, Any]) -> None:
        document["parameters"]["committed"] = "entry 0 of the log, 2026-01-01T00:00:00Z"

    differs(made, "/parameters/committed", change, inputs=files, log=view)


def test_a_model_is_asked_again(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="models are of transformers")
    pytest.importorskip("transformers", reason="models are of transformers")
    from attribute.canary.making import simple
    from models.tiny import tiny_llama, word_tokenizer

    known = draw(simple([3] * 24), Secret(SECRET.encode()), 24, now=NOW)
    write_canaries(tmp_path / "canaries.json", known)
    (tmp_path / "model").mkdir()
    folder = tiny_llama(tmp_path / "model")
    word_tokenizer(folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    words = [option for one in known.canaries for option in one.options][:60]
    tokenizer["model"]["vocab"] |= {word: 2 + at for at, word in enumerate(words)}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    made = sealed(tmp_path, Canary(known, layout="{prompt} {answer}"), folder)
    given = {"canaries": tmp_path / "canaries.json", "suspect": folder}
    is_equal(made, inputs=given)
    differs(
        made,
        "/tests/1/statistic",
        lambda document: document["tests"][1].update(statistic=document["tests"][1]["statistic"] + 1e-3),
        inputs=given,
    )
