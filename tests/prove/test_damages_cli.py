"""`countermark case damages`: a template, the sums as text and JSON, the workbook; errors in one line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from damages_samples import typical, write_inputs

from countermark.cli import main
from countermark.prove.damages.input_forms import FORMS

Run = Callable[..., tuple[int, str, str]]
ALL = {name: typical(name) for name in FORMS}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["countermark", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return int(ended.value.code or 0), captured.out, captured.err

    return call


def test_template_then_sums_then_workbook(run: Run, tmp_path: Path) -> None:
    inputs = tmp_path / "INPUTS.yaml"
    assert run("case", "damages", "--template", "--case", "CASE-1", "--out", inputs)[0] == 0
    code, out, _ = run("case", "damages", inputs, "--out", tmp_path / "sums.xlsx")
    assert code == 0
    assert "Reasonable royalty: open" in out
    assert out.count("question: ") == len(FORMS)
    assert (tmp_path / "sums.xlsx").read_bytes()[:2] == b"PK"
    code, _, err = run("case", "damages", "--template", "--out", inputs)
    assert (code, "is there already" in err) == (2, True)


def test_json_has_its_schema_and_decimal_texts(run: Run, tmp_path: Path) -> None:
    path = write_inputs(tmp_path / "i.yaml", {name: ALL[name] for name in ALL if name != "lost-sales"})
    code, out, _ = run("case", "damages", path, "--json")
    view = json.loads(out)
    assert (code, view["schema"]) == (0, "countermark/damages/v1")
    state = {one["name"]: one["state"] for one in view["measures"]}
    assert state["own-loss-at-list"] == "of what is known"
    assert state["licence"] == "total"
    licence = next(one["known"] for one in view["measures"] if one["name"] == "licence")
    assert licence == {"low": "20000.00", "value": "88750.20", "high": "240000.00"}
    assert [one["input"] for one in view["questions"]] == ["lost-sales"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["case", "damages"],
        ["case", "damages", "--template"],
        ["case", "damages", "--template", "--json", "--out", "x.yaml"],
        ["case", "damages", "--template", "--currency", "dollars", "--out", "x.yaml"],
        ["case", "damages", "--template", "--case", "a: [b", "--out", "x.yaml"],
    ],
)
def test_a_wrong_command_is_a_usage_error(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("countermark: error: ")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_none_is_no_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "i.yaml").write_text("a: &b [*b]\n")
    for path in (tmp_path / "i.yaml", tmp_path / "nothing.yaml"):
        code, _, err = run("case", "damages", path)
        assert (code, err.count("countermark: error: ")) == (3, 1)
