"""Blind trials: exact limits, `at most` for none in n, and no trial that was not blind."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from countermark.errors import Error, ExitCode
from countermark.prove.dossier.proficiency import Samples, rate, read_proficiency

TRIAL: dict[str, Any] = {
    "id": "2026-05",
    "procedure": "text",
    "dated": "2026-05-20",
    "prepared_by": "Carl Example",
    "examined_by": "Ann Example",
    "answer_sheet_sha256": "0" * 64,
    "unrelated": {"n": 60, "wrong": 0},
    "related": {"n": 60, "wrong": 3, "inconclusive": 1},
}


def written(folder: Path, *trials: dict[str, Any], **more: Any) -> Path:
    path = folder / "proficiency.json"
    path.write_text(json.dumps({"schema": "countermark/proficiency/v1", "trials": list(trials)} | more))
    return path


@given(st.integers(1, 3000), st.data())
def test_limits_are_those_of_clopper_and_pearson(n: int, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(1, n))
    text = rate([Samples(n=n, wrong=wrong)])
    limits = binomtest(wrong, n).proportion_ci(0.95, "exact")
    if wrong == n:
        low = binomtest(wrong, n, alternative="greater").proportion_ci(0.95, "exact").low
        assert text == f"{n:,} of {n:,}: at least {float(f'{100 * low:.2g}'):g}% (95%)"
    else:
        low, high = (f"{float(f'{100 * one:.2g}'):g}%" for one in (limits.low, limits.high))
        assert text.endswith(f"(95%: {low} to {high})")


def test_none_in_n_is_at_most() -> None:
    limit = binomtest(0, 60, alternative="less").proportion_ci(0.95, "exact").high
    assert rate([Samples(n=60, wrong=0)]) == f"0 of 60: at most {100 * limit:.2g}% (95%)"
    assert rate([Samples(n=20, wrong=0), Samples(n=40, wrong=0)]) == rate([Samples(n=60, wrong=0)])
    assert rate([Samples(n=0, wrong=0)]) == "not measured"


def test_trials_are_read_by_procedure(tmp_path: Path) -> None:
    found = read_proficiency(written(tmp_path, TRIAL, TRIAL | {"id": "b", "procedure": "scan"}))
    assert found.procedures() == ["text", "scan"]
    assert [one.id for one in found.of("scan")] == ["b"]
    assert found.of("lineage") == []


@pytest.mark.parametrize(
    ("trial", "why"),
    [
        (TRIAL | {"examined_by": "carl  example"}, "was not blind"),
        (TRIAL | {"unrelated": {"n": 5, "wrong": 6}}, "more answers than samples"),
        (TRIAL | {"related": {"n": 5, "wrong": 3, "inconclusive": 3}}, "more answers than samples"),
        (TRIAL | {"unrelated": {"n": 0, "wrong": 0}, "related": {"n": 0, "wrong": 0}}, "no samples"),
        (TRIAL | {"procedure": "reading tea leaves"}, "not as expected"),
        (TRIAL | {"answer_sheet_sha256": "zz"}, "not as expected"),
        (TRIAL | {"dated": "2026-13-40"}, "no day"),
        (TRIAL | {"score": 1}, "not as expected"),
    ],
)
def test_what_is_no_blind_trial_is_an_error(tmp_path: Path, trial: dict[str, Any], why: str) -> None:
    with pytest.raises(Error, match=why) as caught:
        read_proficiency(written(tmp_path, trial))
    assert caught.value.exit_code == ExitCode.NO_INPUT


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"schema": 1, "schema": 2}', b"\xff", b"[" * 4000])
def test_what_is_no_json_is_an_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "proficiency.json"
    path.write_bytes(data)
    with pytest.raises(Error) as caught:
        read_proficiency(path)
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_no_trials_and_large_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(Error, match="not as expected"):
        read_proficiency(written(tmp_path))
    with pytest.raises(Error, match="over 1 MiB"):
        read_proficiency(written(tmp_path, TRIAL, note="x" * (1 << 20)))
