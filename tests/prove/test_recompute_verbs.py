"""From the verb of each kind to `verify --recompute`, as a user types both."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from attribution_packages import packed

import tiny_models as tiny
from attribute.canary.making import drawn, knows, transcripts
from countermark.attribute.canary.draw import write_canaries
from countermark.records.canonical import canonical_json
from running import countermark
from watermark_samples import own_profile

KEY = "00112233445566778899aabbccddeeff"
Line = list[Path | str]


def answered(path: Path, seed: int, each: int = 1) -> Path:
    """Transcripts of random tokens: the same prompts, each answered so many times."""
    ids = np.random.default_rng(seed).integers(1, 64, (20 * each, 30)).tolist()
    lines = [
        {"id": f"{at}", "prompt_ids": [at % 20, 1], "token_ids": one, "finish_reason": "length"}
        for at, one in enumerate(ids)
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


def marks(place: Path, verb: str) -> tuple[Line, Line]:
    (place / "profile.json").write_bytes(canonical_json(own_profile(1, 64)))
    (place / "mark.key").write_text(KEY)
    (place / "mark.key").chmod(0o600)
    suspect = answered(place / "suspect.jsonl", 1)
    options: Line = ["--profile", place / "profile.json", "--key-file", place / "mark.key", "--decoys", "9"]
    given: Line = [f"--input=profile={place / 'profile.json'}", f"--input=suspect={suspect}"]
    return [verb, *options, "--suspect", suspect], [*given, "--key-file", place / "mark.key"]


def text(place: Path) -> tuple[Line, Line]:
    return marks(place, "text")


def radioactivity(place: Path) -> tuple[Line, Line]:
    return marks(place, "radioactivity")


def canary(place: Path) -> tuple[Line, Line]:
    write_canaries(place / "canaries.json", drawn(40))
    suspect = transcripts(place / "suspect.jsonl", drawn(40), knows(0.6))
    given: Line = [f"--input=canaries={place / 'canaries.json'}", f"--input=suspect={suspect}"]
    return ["canary", "score", "--canaries", place / "canaries.json", "--suspect", suspect], given


def identity(place: Path) -> tuple[Line, Line]:
    ours, suspect = answered(place / "ours.jsonl", 2, 3), answered(place / "suspect.jsonl", 3, 3)
    options: Line = ["--reference", ours, "--suspect", suspect, "--permutations", "199", "--sequential"]
    return ["identity", *options], [f"--input=reference={ours}", f"--input=suspect={suspect}"]


def lineage(place: Path) -> tuple[Line, Line]:
    ours = tiny.write(place / "ours", tiny.independent(0, layers=4))
    suspect = tiny.write(place / "suspect", tiny.noisy(tiny.independent(0, layers=4), 0.2))
    options: Line = ["--reference", ours, "--suspect", suspect, "--layers", "3", "--units", "40"]
    return ["lineage", *options], [f"--input=reference={ours}", f"--input=suspect={suspect}"]


@pytest.mark.parametrize("of", [text, radioactivity, canary, identity, lineage], ids=lambda of: of.__name__)
def test_what_a_verb_found_is_found_again(tmp_path: Path, of: Callable[[Path], tuple[Line, Line]]) -> None:
    line, given = of(tmp_path)
    done = countermark("attribute", *line, "--out", tmp_path / "attribution")
    assert done.code in (0, 10, 11), done.err
    package = packed(tmp_path)
    done = countermark("verify", package, "--unsafe-no-signer-check", "--recompute", *given)
    assert done.code == 0, done.out + done.err
    assert "attribute-1: " in done.out
    assert "values compared: equal" in done.out
    assert "environment attribute-1  as here" in done.out
    assert "margin attribute-1, " in done.out
    done = countermark("verify", package, "--unsafe-no-signer-check", "--recompute")
    assert done.code == 0
    assert "attribute-1: not recomputed: give --" in done.out


@pytest.mark.parametrize("of", [text, radioactivity, canary, identity, lineage], ids=lambda of: of.__name__)
def test_what_an_insider_seals_instead_verifies_and_is_found(
    tmp_path: Path, of: Callable[[Path], tuple[Line, Line]]
) -> None:
    line, given = of(tmp_path)
    countermark("attribute", *line, "--out", tmp_path / "attribution")
    path = tmp_path / "attribution" / "attribution.json"
    record = json.loads(path.read_text())
    record["tests"][0]["n"] += 1
    path.write_bytes(canonical_json(record))
    told: Line = ["verify", packed(tmp_path), "--unsafe-no-signer-check"]
    assert countermark(*told).code == 0
    done = countermark(*told, "--recompute", *given)
    assert done.code == 20
    assert f"attribute-1: /tests/0/n ({record['tests'][0]['n']} recorded" in done.out
