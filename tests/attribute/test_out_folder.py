"""`--out`: files of others are not touched, and earlier results stay until new ones are there."""

from pathlib import Path

import numpy as np
import pytest

from attribute.identity_samples import line, written
from running import Done, countermark


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for name, seed in (("r", 1), ("s", 2)):
        rows = np.random.default_rng(seed).integers(0, 5, (24, 6)).tolist()
        found[name] = written(
            tmp_path / f"{name}.jsonl", [line(at, [at // 4 + 1], row) for at, row in enumerate(rows)]
        )
    return found


def identity(files: dict[str, Path], out: Path, **changes: Path) -> Done:
    given = files | changes
    options = ("--reference", given["r"], "--suspect", given["s"], "--permutations", "199", "--out", out)
    return countermark("attribute", "identity", *options)


def test_files_of_others_stay_and_are_named(files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.svg").write_text("mine")
    for suspect in (files["s"], tmp_path / "missing.jsonl"):
        assert identity(files, out, s=suspect).code in (2, 3)
        assert (out / "mine.svg").read_text() == "mine"
    (out / "mine.svg").unlink()
    (out / "x.svg").mkdir()
    assert "holds other files (x.svg)" in identity(files, out).error()
    (out / "x.svg").rmdir()
    (out / "attribution.json").write_text('{"files": {"../r.jsonl": ""}}')
    assert "holds other files (attribution.json)" in identity(files, out).error()
    assert files["r"].exists()


def test_earlier_results_stay_until_new_ones_are_there(files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert identity(files, out).code in (0, 10, 11)
    before = {one.name: one.read_bytes() for one in out.iterdir()}
    (tmp_path / "bad.jsonl").write_text("no JSON\n")
    assert identity(files, out, s=tmp_path / "bad.jsonl").code == 3
    assert {one.name: one.read_bytes() for one in out.iterdir()} == before
    assert identity(files, out, r=files["s"], s=files["r"]).code in (0, 10, 11)
    assert sorted(one.name for one in out.iterdir()) == sorted(before)
    assert (out / "attribution.json").read_bytes() != before["attribution.json"]
