"""`verify --recompute` with a pool of keys: of a scan, and of a text under keys that stand in one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attribution_packages import differs, is_equal, said, sealed

from conftest import write_events, write_findings
from countermark.attribute.keyed import Key
from countermark.attribute.text import TextMark
from countermark.errors import Error
from countermark.flow.answers import Line
from countermark.flow.recompute import recompute
from countermark.flow.scans import ScanOptions, scan_corpus
from countermark.prove.sealing.seal import SealOptions, seal
from countermark.records.canonical import canonical_json
from countermark.trust.keyfiles import Secret
from countermark.trust.signing import SigningKey
from countermark.watermark.profile import Profile
from running import countermark
from watermark_samples import own_profile

KEYS = {"ann": "00112233445566778899aabbccddeeff", "ben": "5" * 32, "cleo": "ab" * 16}
Files = dict[str, Path]


def profile() -> Profile:
    return own_profile(1, 64)


def pool(path: Path, keys: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps({"account": one, "key": key}) + "\n" for one, key in keys.items()))
    path.chmod(0o600)
    return path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    ids = np.random.default_rng(0).integers(0, 64, (20, 40)).tolist()
    lines = (json.dumps({"id": f"{at}", "token_ids": one}) + "\n" for at, one in enumerate(ids))
    (tmp_path / "corpus.jsonl").write_text("".join(lines))
    (tmp_path / "profile.json").write_bytes(canonical_json(profile()))
    named = {"profile": tmp_path / "profile.json", "corpus": tmp_path / "corpus.jsonl"}
    return named | {"suspect": named["corpus"]}


@pytest.fixture
def scanned(tmp_path: Path, files: Files) -> Path:
    """A package around a scan under the pool."""
    options = {"corpus": files["corpus"], "profile": files["profile"], "out": tmp_path / "scan"}
    scan_corpus(ScanOptions(**options, key_pool=pool(tmp_path / "pool.jsonl", KEYS), threads=1))
    events = write_events(tmp_path / "events")
    told = {"findings": write_findings(tmp_path / "findings", events), "events": events}
    keys = [SigningKey.generate()]
    return seal(
        SealOptions(**told, scan=tmp_path / "scan", case_id="CASE-1", out=tmp_path / "package", keys=keys)
    )


def of_scan(package: Path, **given: Any) -> Line:
    return next(one for one in recompute(package, **given).lines if one.name == "scan")


def test_a_scan_is_run_again_and_equal(tmp_path: Path, files: Files, scanned: Path) -> None:
    answer = recompute(scanned, inputs=files, key_pool=tmp_path / "pool.jsonl")
    line = next(one for one in answer.lines if one.name == "scan")
    assert line.ok, answer.differences
    assert line.sentence.startswith("3 keys of a pool, 1 files, ")
    assert line.sentence.endswith(": equal")
    assert len([one for one in answer.margins if one["decision"].startswith("scan")]) == len(KEYS)


def test_other_numbers_of_the_scan_are_found(tmp_path: Path, files: Files, scanned: Path) -> None:
    path = scanned / "data" / "scan" / "scan.json"
    document = json.loads(path.read_text())
    document["pooled"][2]["log10_p_value"] -= 1e-6
    path.write_text(json.dumps(document))
    answer = recompute(scanned, inputs=files, key_pool=tmp_path / "pool.jsonl")
    assert answer.exit_code == 20
    assert any("scan.json: /pooled/2/log10_p_value" in one for one in answer.differences)


def test_other_keys_under_the_same_names_give_other_figures(
    tmp_path: Path, files: Files, scanned: Path
) -> None:
    swapped = dict(zip(KEYS, reversed(KEYS.values()), strict=True))
    line = of_scan(scanned, inputs=files, key_pool=pool(tmp_path / "swapped.jsonl", swapped))
    assert not line.ok
    assert "is it the pool that was scanned with?" in line.sentence


def test_a_pool_has_to_be_given_and_to_have_those_names(tmp_path: Path, files: Files, scanned: Path) -> None:
    line = of_scan(scanned, inputs=files)
    assert line.ok
    assert line.sentence == "not recomputed: give --key-pool FILE: it is of a pool of 3 keys"
    fewer = pool(tmp_path / "fewer.jsonl", {"ann": KEYS["ann"]})
    line = of_scan(scanned, inputs=files, key_pool=fewer)
    assert line.ok
    assert line.sentence == "not recomputed: the key pool that was given has keys of other names"
    fewer.chmod(0o644)
    with pytest.raises(Error, match="can be read by others"):
        of_scan(scanned, inputs=files, key_pool=fewer)


@pytest.mark.parametrize("change", [{"alpha": "x"}, {"left_out": {"max_documents": "many"}}, {"pooled": []}])
def test_a_scan_that_says_nonsense_is_no_traceback(
    tmp_path: Path, files: Files, scanned: Path, change: dict[str, Any]
) -> None:
    path = scanned / "data" / "scan" / "scan.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    line = of_scan(scanned, inputs=files, key_pool=tmp_path / "pool.jsonl")
    assert not line.ok
    assert "its fields are not those of a scan" in line.sentence


def test_a_text_under_keys_of_a_pool(tmp_path: Path, files: Files) -> None:
    keys = [Key(profile(), Secret(KEYS[name].encode())) for name in ("cleo", "ann")]
    made = sealed(tmp_path, TextMark(keys, decoys=9), files["suspect"], family=len(keys))
    given = {"inputs": files, "key_pool": pool(tmp_path / "pool.jsonl", KEYS)}
    answer = is_equal(made, **given)
    assert len(answer.margins) == 2
    fewer = pool(tmp_path / "fewer.jsonl", {"ann": KEYS["ann"]})
    assert "give --key-file of key" in said(made, inputs=files, key_pool=fewer).sentence

    def change(document: dict[str, Any]) -> None:
        document["tests"][2]["n"] += 1

    differs(made, "/tests/2/n", change, **given)


def test_the_command(tmp_path: Path, files: Files, scanned: Path) -> None:
    told = ["verify", scanned, "--unsafe-no-signer-check", "--recompute"]
    given = [f"--input={name}={files[name]}" for name in ("corpus", "profile")]
    done = countermark(*told, *given, "--key-pool", tmp_path / "pool.jsonl")
    assert done.code == 0, done.out + done.err
    assert "3 keys of a pool" in done.out
    done = countermark("verify", scanned, "--key-pool", tmp_path / "pool.jsonl")
    assert done.code == 2
    assert "--key-pool" in done.err
