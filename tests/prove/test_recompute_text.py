"""`verify --recompute` of a text attribution, with inputs and keys that are given by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import CREATED, write_events, write_findings
from countermark.attribute.keyed import Key
from countermark.attribute.text import TextMark
from countermark.errors import Error
from countermark.flow.answers import Line
from countermark.flow.attributions import AttributionOptions, attribute
from countermark.flow.case_runs import InCase
from countermark.flow.recompute import recompute
from countermark.flow.scans import ScanOptions, scan_corpus
from countermark.prove.sealing.seal import SealOptions, seal
from countermark.records.canonical import canonical_json
from countermark.trust.committed_seeds import SeedSource
from countermark.trust.keyfiles import Secret
from countermark.trust.seeds import seed_key_id
from countermark.trust.signing import SigningKey
from watermark_samples import own_profile

KEY = "00112233445566778899aabbccddeeff"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A suspect, a control, a profile, a key and a seed."""
    for number, name in enumerate(("suspect.jsonl", "control.jsonl")):
        ids = np.random.default_rng(number).integers(0, 64, (20, 40)).tolist()
        (tmp_path / name).write_text(
            "".join(json.dumps({"id": f"{at}", "token_ids": one}) + "\n" for at, one in enumerate(ids))
        )
    (tmp_path / "profile.json").write_bytes(canonical_json(own_profile(1, 64)))
    for name, text in (("mark.key", KEY), ("seed.key", "ab" * 16)):
        (tmp_path / name).write_text(text + "\n")
        (tmp_path / name).chmod(0o600)
    return tmp_path


def sealed(place: Path, *, decoys: int = 19, seeded: bool = False) -> Path:
    secret = Secret((place / "seed.key").read_bytes()) if seeded else None
    key = Key(own_profile(1, 64), Secret(KEY.encode()))
    attributor = TextMark([key], decoys=decoys, seed=secret)
    seed = SeedSource(seed_key_id(secret)) if secret else SeedSource()
    options = AttributionOptions(
        suspect=place / "suspect.jsonl",
        out=place / "attribution",
        controls=[place / "control.jsonl"],
        seed=seed,
    )
    attribute(attributor, options)
    events = write_events(place / "events")
    told = {"findings": write_findings(place / "findings", events), "events": events}
    return seal(
        SealOptions(
            **told,
            attributions=[place / "attribution"],
            case_id="CASE-1",
            out=place / "package",
            keys=[SigningKey.generate()],
            created=CREATED,
        )
    )


def inputs(place: Path) -> dict[str, Path]:
    names = ("suspect", "control")
    return {name: place / f"{name}.jsonl" for name in names} | {"profile": place / "profile.json"}


def said(package: Path, **given: Any) -> Line:
    return next(one for one in recompute(package, **given).lines if one.name == "attribute-1")


@pytest.mark.parametrize("decoys", [0, 19])
def test_it_is_run_again_and_equal(place: Path, decoys: int) -> None:
    package = sealed(place, decoys=decoys)
    answer = recompute(package, inputs=inputs(place), key_files=[place / "mark.key"])
    line = next(one for one in answer.lines if one.name == "attribute-1")
    assert line.ok, answer.differences
    assert line.sentence.startswith("text: ")
    assert line.sentence.endswith("compared: equal")
    margins = [one for one in answer.margins if one["of"] == "p against alpha"]
    assert len(margins) == 1


def test_what_is_not_given_is_said_and_is_no_failure(place: Path) -> None:
    package = sealed(place)
    line = said(package)
    assert line.ok
    assert line.sentence == "not recomputed: give --input control-1=FILE --input suspect=FILE"
    given = inputs(place)
    assert "not recomputed: give --key-file of key" in said(package, inputs=given).sentence
    (place / "suspect.jsonl").write_text("another\n")
    assert (
        "what was given as suspect has another SHA-256"
        in said(package, inputs=inputs(place), key_files=[place / "mark.key"]).sentence
    )


def test_draws_from_a_seed_file_need_it(place: Path) -> None:
    package = sealed(place, seeded=True)
    given = {"inputs": inputs(place), "key_files": [place / "mark.key"]}
    assert "give --seed-file of key id" in said(package, **given).sentence
    assert said(package, **given, seed_file=place / "seed.key").sentence.endswith("equal")


def test_a_record_that_says_something_else_is_found(place: Path) -> None:
    package = sealed(place)
    path = package / "data" / "attributions" / "1" / "attribution.json"
    document = json.loads(path.read_text())
    document["tests"][0]["n"] += 1
    document["tests"][0]["log10_p_value"] -= 1e-6
    path.write_bytes(canonical_json(document))
    answer = recompute(package, inputs=inputs(place), key_files=[place / "mark.key"])
    assert answer.exit_code == 20
    assert any("/tests/0/n " in one for one in answer.differences)
    assert any("/tests/0/log10_p_value" in one for one in answer.differences)


def scanned(place: Path, in_case: bool = False) -> Path:
    (place / "corpus").mkdir()
    (place / "suspect.jsonl").rename(place / "corpus" / "part.jsonl")
    log = {"matter": "matter-7", "log": place / "log"} if in_case else {}
    scan_corpus(
        ScanOptions(
            corpus=place / "corpus",
            profile=place / "profile.json",
            key_file=place / "mark.key",
            out=place / "scan",
            threads=1,
            case=InCase(**log),
        )
    )
    events = write_events(place / "events")
    told = {"findings": write_findings(place / "findings", events), "events": events}
    keys = [SigningKey.generate()]
    return seal(SealOptions(**told, scan=place / "scan", case_id="CASE-1", out=place / "package", keys=keys))


@pytest.mark.parametrize("in_case", [False, True])
def test_a_scan_is_run_again_where_its_corpus_is_given(place: Path, in_case: bool) -> None:
    package = scanned(place, in_case)
    given = {"corpus": place / "corpus", "profile": place / "profile.json"}

    def said(**inputs: Any) -> Line:
        return next(one for one in recompute(package, **inputs).lines if one.name == "scan")

    line = said(inputs=given, key_files=[place / "mark.key"])
    assert line.ok
    assert ": equal" in line.sentence
    assert ("the family is the matter's" in line.sentence) == in_case
    assert "give --input corpus=FILE" in said().sentence
    assert "give --key-file FILE" in said(inputs=given).sentence
    path = package / "data" / "scan" / "scan.json"
    document = json.loads(path.read_text())
    document["pooled"][0]["scored_tokens"] += 1
    path.write_text(json.dumps(document))
    assert not said(inputs=given, key_files=[place / "mark.key"]).ok
    (place / "corpus" / "more.jsonl").write_text('{"id": "x", "token_ids": [1, 2]}\n')
    assert "its files have other digests" in said(inputs=given, key_files=[place / "mark.key"]).sentence


def test_a_key_that_others_can_read_is_refused(place: Path) -> None:
    package = sealed(place)
    (place / "mark.key").chmod(0o644)
    with pytest.raises(Error, match="can be read by others"):
        recompute(package, inputs=inputs(place), key_files=[place / "mark.key"])
