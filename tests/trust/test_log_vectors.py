"""Vectors of the log: reproduced by the implementation, and by one that was written from the pages alone."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from naive_log import NaiveWitness, commit, head_of, opens, salts, tag

from countermark.errors import Error
from countermark.trust.checkpoints import read_proof
from countermark.trust.entry_proofs import check_entry, read_shown
from countermark.trust.notes import VerifierKey
from countermark.trust.openings import check_opening, read_opening

VECTORS = Path(__file__).parents[2] / "vectors" / "log"
GENERATOR = VECTORS.parent / "generators" / "make_log.py"
COMMITMENTS: dict[str, Any] = json.loads((VECTORS / "commitments.json").read_text("utf-8"))
WITNESS: dict[str, Any] = json.loads((VECTORS / "witness.json").read_text("utf-8"))
SECRET = bytes.fromhex(COMMITMENTS["salt_secret"])


def public_commitments() -> list[str]:
    batches = [json.loads(line)["payload"]["commitments"] for line in COMMITMENTS["public"]]
    assert {len(batch) for batch in batches} == {COMMITMENTS["batch"]}
    return [base64.b64decode(one).hex() for batch in batches for one in batch]


def test_commitments_follow_from_the_pages_alone() -> None:
    assert COMMITMENTS["tags"] == {matter: tag(SECRET, matter) for matter in COMMITMENTS["tags"]}
    heads = [json.loads(json.loads(line)["head"]) for line in COMMITMENTS["openings"]]
    made = []
    for number, head in enumerate(heads):
        head_salt, body_salt = salts(SECRET, number)
        line = COMMITMENTS["private"][head["index"]] if "index" in head else ""
        content = head_of(SECRET, head["index"], line) if line else b'{"kind":"padding"}'
        made.append(commit(head_salt, content, body_salt, line.encode()).hex())
    assert made == COMMITMENTS["commitments"] == public_commitments()
    indices = [head["index"] for head in heads if "index" in head]
    assert indices == list(range(len(COMMITMENTS["private"]) - 1))  # the last one waits


def test_openings_open_and_others_do_not() -> None:
    for line, commitment in zip(COMMITMENTS["openings"], COMMITMENTS["commitments"], strict=True):
        assert opens(line, commitment)
        check_opening(read_opening(line.encode()), bytes.fromhex(commitment))
    shown = [
        json.loads(json.loads(line)["head"]).get("index")
        for line in COMMITMENTS["openings"]
        if "entry" in line
    ]
    assert [index for index in shown if index is not None] == COMMITMENTS["opened"]


@pytest.mark.parametrize("case", COMMITMENTS["refused"], ids=lambda case: case["why"])
def test_openings_that_are_none(case: dict[str, str]) -> None:
    assert not opens(case["opening"], case["commitment"])
    with pytest.raises(Error):
        check_opening(read_opening(case["opening"].encode()), bytes.fromhex(case["commitment"]))


def test_a_witness_from_the_pages_alone_gives_the_same_answers() -> None:
    leaves = [line.encode() for line in COMMITMENTS["public"]]
    seed, vkey, time = WITNESS["witness_seed"], WITNESS["witness_vkey"], WITNESS["time"]
    naive = NaiveWitness(seed, vkey, WITNESS["log_vkey"], time, leaves)
    for case in WITNESS["cases"]:
        assert naive.answer(case["body"]) == (case["status"], case["answer"]), case["why"]
    statuses = {case["status"] for case in WITNESS["cases"]}
    assert statuses == {200, 400, 403, 404, 409, 422}


def test_one_entry_of_the_vectors() -> None:
    class Known:
        key, alliance = VerifierKey.parse(WITNESS["witness_vkey"]), False

    shown = read_shown((VECTORS / "entry-2.opening.json").read_bytes())
    proof = read_proof((VECTORS / "entry-2.tlog-proof").read_text("utf-8"))
    found = check_entry(shown, proof, VerifierKey.parse(WITNESS["log_vkey"]), [Known()])
    assert (found.entry.kind, found.entry.payload["run"], found.batch) == ("run-outcome", 1, 1)
    assert found.witnessed == WITNESS["time"]


def test_the_generator_writes_what_stands_here(tmp_path: Path) -> None:
    code = f"import pathlib, runpy; names = runpy.run_path({str(GENERATOR)!r})\n"
    code += f"names['main'].__globals__['HERE'] = pathlib.Path({str(tmp_path)!r}); names['main']()"
    subprocess.run([sys.executable, "-c", code], check=True)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (VECTORS / path.name).read_bytes(), path.name
    assert {one.name for one in tmp_path.iterdir()} == {one.name for one in VECTORS.iterdir()} - {"README.md"}
