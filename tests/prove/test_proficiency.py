"""Blind trials: exact limits, `at most` for none in n, and no trial that was not blind."""

import json
import re
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
        printed = re.fullmatch(rf"{n:,} of {n:,}: at least ([\d.]+)% \(95%\)", text)
        assert printed
        assert 0.9 * low < float(printed[1]) / 100 <= low * (1 + 1e-9)
    else:
        printed = re.search(r"\(95%: ([\d.]+)% to ([\d.]+)%\)$", text)
        assert printed
        assert 0.9 * limits.low < float(printed[1]) / 100 <= limits.low * (1 + 1e-9)
        assert limits.high * (1 - 1e-9) <= float(printed[2]) / 100 < 1.1 * limits.high


@pytest.mark.parametrize(("n", "limit"), [(60, "4.9"), (50, "5.9")])
def test_none_in_n_is_at_most_and_rounded_up(n: int, limit: str) -> None:
    exact = binomtest(0, n, alternative="less").proportion_ci(0.95, "exact").high
    assert exact <= float(limit) / 100 < exact + 0.001  # of 50 it is 5.816%: 5.8% would be too little
    assert rate([Samples(n=n, wrong=0)]) == f"0 of {n}: at most {limit}% (95%)"


def test_inconclusive_samples_are_said_beside_the_rate() -> None:
    text = rate([Samples(n=60, wrong=0, inconclusive=58)])
    assert text == "0 of 60 (58 inconclusive): at most 4.9% (95%)"


def test_small_samples_are_added_up() -> None:
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


@pytest.mark.parametrize("twice", ["id", "answer_sheet_sha256"])
def test_a_trial_counts_once(tmp_path: Path, twice: str) -> None:
    other = TRIAL | {"id": "again", "answer_sheet_sha256": "0" * 64} | {twice: TRIAL[twice]}
    with pytest.raises(Error, match="has a trial twice"):
        read_proficiency(written(tmp_path, TRIAL, other))


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
