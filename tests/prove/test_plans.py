"""Analysis plans: what can be one, what is told before it is logged, and that it is logged once."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from log_stories import KEY_COMMITMENT, PROMPTS, Story, plan_of

import countermark
from countermark import cli
from countermark.errors import Error
from countermark.prove.beforehand import plans
from countermark.prove.beforehand.plan_form import check_plan_document
from countermark.prove.beforehand.plans import (
    DECIDING_TESTS,
    decode_plan,
    encode_plan,
    log_plan,
    template,
    unknown_tests,
)
from countermark.records.canonical import sha256_hex
from countermark.trust.commitments import KIND
from countermark.trust.log import Log, open_or_create

OPTIONS = {
    "--id": "PLAN",
    "--matter": "matter-7",
    "--by": "Ann Example, examiner",
    "--title": "Is this text independent of our key?",
    "--null": "the text is independent of the key",
    "--test": "mark in text",
    "--alpha": "0.01",
    "--commitment": KEY_COMMITMENT,
    "--control": "20 texts",
    "--prompts": "none",
    "--stopping": "all of it",
    "--exclusions": "none",
}


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The exit code of `countermark case plan`."""
    monkeypatch.setattr(sys, "argv", ["countermark", "case", "plan", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def options(**changes: str) -> list[str]:
    said = OPTIONS | {f"--{name.replace('_', '-')}": one for name, one in changes.items()}
    return [word for name, one in said.items() if one for word in (name, one)]


def test_a_plan_is_its_file(tmp_path: Path) -> None:
    plan = plan_of()
    assert decode_plan(encode_plan(plan), "x") == plan
    plans.write_plan(tmp_path / "PLAN.json", plan)
    assert plans.read_plan(tmp_path / "PLAN.json") == plan
    with pytest.raises(Error, match="is another plan"):
        plans.write_plan(tmp_path / "PLAN.json", plan_of(alpha=0.02))


BAD: dict[str, dict[str, Any]] = {
    "no hypothesis": {"hypotheses": []},
    "an id with a slash": {"plan_id": "../x"},
    "a day that is none": {"created": "2026-02-30T00:00:00Z"},
    "another schema": {"schema": "countermark/plan/v2"},
    "a field too many": {"verdict": "sure"},
    "no title": {"title": ""},
    "a level of one": {"hypotheses": [{"alpha": 1.0}]},
    "keyed without a commitment": {"hypotheses": [{"commitments": []}]},
    "commitments though not keyed": {"hypotheses": [{"keyed": False}]},
    "a test of keys that is not keyed": {"hypotheses": [{"keyed": False, "commitments": []}]},
    "a digest that is none": {"hypotheses": [{"given": ["AB" * 32]}]},
    "two without a correction": {"hypotheses": [{}, {"id": "H2"}]},
    "an id twice": {"hypotheses": [{}, {}], "multiplicity": "holm"},
    "a correction that is none": {"multiplicity": "bonferroni"},
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_plan(name: str) -> None:
    good = msgspec.to_builtins(plan_of())
    changes = dict(BAD[name])
    if changes.get("hypotheses"):
        changes["hypotheses"] = [good["hypotheses"][0] | one for one in changes["hypotheses"]]
    with pytest.raises(Error, match="is no plan"):
        decode_plan(json.dumps(good | changes).encode(), "PLAN.json")
    with pytest.raises(Error, match="is no plan"):
        plans.plan_of(good | changes, "PLAN.json")


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"schema": 1, "schema": 1}', b"[" * 100_000])
def test_what_is_no_json(data: bytes) -> None:
    with pytest.raises(Error, match="is no plan"):
        decode_plan(data, "PLAN.json")


def test_the_template_is_a_plan_once_its_commitment_is_in_the_log(story: Story) -> None:
    plan = plans.plan_of(template(), "the template")
    assert unknown_tests(plan) == []
    assert plans.not_committed(plan, story.log) == ["0" * 64]


def test_names_of_tests_are_those_of_the_attributors() -> None:
    """Each stands as a text in the source of `attribute`, or is put together there."""
    folder = Path(countermark.__file__).parent / "attribute"
    source = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    ours = {one for one in DECIDING_TESTS if one not in (plans.CAMPAIGNS, plans.CORPUS)}
    put_together = {one for one in ours if one.startswith("radioactivity, ") and "known" not in one}
    assert [one for one in sorted(ours - put_together) if f'"{one}"' not in source] == []
    assert all(piece in source for piece in ('f"radioactivity, {options.setting}"', '"open", "closed"'))
    assert all(one.split(", ")[1] in ("open", "closed") for one in put_together)
    assert all(f'f"{{what}}, {one.split(", ")[2]}"' in source for one in put_together)


def test_a_plan_is_logged_once(story: Story) -> None:
    data = encode_plan(plan_of())
    first = log_plan(story.log, data, "PLAN.json")
    again = log_plan(story.log, data, "PLAN.json")
    assert (first.new, again.new) == (True, False)
    assert first.entry == again.entry
    assert first.entry.payload == {"matter": "matter-7", "plan_id": "PLAN", "sha256": sha256_hex(data)}
    assert len(story.log) == 1


def test_a_plan_changed_after_logging_is_told(story: Story) -> None:
    log_plan(story.log, encode_plan(plan_of()), "PLAN.json")
    with pytest.raises(Error, match="entry 0 of the log is another plan called PLAN: this one was changed"):
        log_plan(story.log, encode_plan(plan_of(alpha=0.02)), "PLAN.json")


class TestCommand:
    def test_options_make_a_plan_and_log_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        log = tmp_path / "log"
        open_or_create(log).append(KIND, {"commitment": KEY_COMMITMENT})
        (tmp_path / "prompts.jsonl").write_text("prompts")
        words = [
            *options(),
            "--out",
            tmp_path / "PLAN.json",
            "--log",
            log,
            "--given",
            tmp_path / "prompts.jsonl",
        ]
        assert run(monkeypatch, *words) == 0
        said = capsys.readouterr()
        assert said.out.startswith("plan PLAN: ")
        assert "counts once the next batch is cosigned outside the alliance" in said.err
        plan = plans.read_plan(tmp_path / "PLAN.json")
        assert (plan.hypotheses[0].keyed, plan.hypotheses[0].given) == (True, [sha256_hex(b"prompts")])
        assert run(monkeypatch, *words, "--json") == 0
        again = json.loads(capsys.readouterr().out)
        assert (again["entry"], again["new"]) == (1, False)
        assert len(Log.open(log)) == 2
        assert run(monkeypatch, *options(alpha="0.05"), "--out", tmp_path / "PLAN.json", "--log", log) == 1
        assert "is another plan" in capsys.readouterr().err

    PROBLEMS = (
        ({"test": "p-hacking"}, "no result of ours has a test 'p-hacking'"),
        ({"commitment": "ab" * 32}, "the commitment abababababababab… is not in the log"),
        ({"null": ""}, "the plan lacks --null"),
        ({"commitment": ""}, "has a test of keys: keyed is true"),
    )

    @pytest.mark.parametrize(("changes", "message"), PROBLEMS)
    def test_problems_are_told_and_nothing_is_written(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        changes: dict[str, str],
        message: str,
    ) -> None:
        open_or_create(tmp_path / "log").append(KIND, {"commitment": KEY_COMMITMENT})
        words = [*options(**changes), "--out", tmp_path / "PLAN.json", "--log", tmp_path / "log"]
        assert run(monkeypatch, *words) in (2, 3)
        assert message in capsys.readouterr().err
        assert not (tmp_path / "PLAN.json").exists()
        assert len(Log.open(tmp_path / "log")) == 1

    def test_a_file_in_yaml(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        fields = msgspec.to_builtins(plan_of())
        source, out = tmp_path / "plan.yaml", tmp_path / "PLAN.json"
        source.write_bytes(msgspec.yaml.encode(fields))
        assert run(monkeypatch, "--from", source, "--out", out) == 0
        assert "not logged" in capsys.readouterr().err
        assert plans.read_plan(out) == plan_of()
        fields["hypotheses"][0]["test"] = "a test of our own"
        source.write_bytes(msgspec.json.encode(fields | {"plan_id": "OWN"}))
        assert run(monkeypatch, "--from", source, "--out", tmp_path / "OWN.json") == 3
        other = ("--plugin-test", "a test of our own", "--out", tmp_path / "OWN.json")
        assert run(monkeypatch, "--from", source, *other) == 0

    def test_a_digest_that_the_file_lacks(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "p.json").write_bytes(encode_plan(plan_of()))
        (tmp_path / "prompts").write_bytes(b"prompts")
        (tmp_path / "other").write_bytes(b"other prompts")
        words = ("--from", tmp_path / "p.json", "--out", tmp_path / "PLAN.json", "--given")
        assert sha256_hex(b"prompts") == PROMPTS
        assert run(monkeypatch, *words, tmp_path / "other") == 3
        assert "other is given in no hypothesis" in capsys.readouterr().err
        assert run(monkeypatch, *words, tmp_path / "prompts") == 0

    def test_a_template(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(monkeypatch, "--template") == 0
        assert json.loads(capsys.readouterr().out)["schema"] == plans.PLAN_SCHEMA_ID
        assert run(monkeypatch, "--template", "--out", tmp_path / "t.json") == 0
        assert run(monkeypatch, "--template", "--out", tmp_path / "t.json") == 1

    def test_a_case_folder_gives_matter_and_log_and_keeps_the_plan(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from countermark.prove.case_folder.workspace import Workspace

        log = tmp_path / "log"
        open_or_create(log).append(KIND, {"commitment": KEY_COMMITMENT})
        place = Workspace.create(tmp_path / "case", "CASE-1", matter="matter-7", log=log)
        assert run(monkeypatch, place.folder, *options(matter="")) == 0
        assert set(Workspace.open(place.folder).state.plans) == {"PLAN"}
        assert [entry.kind for entry in Log.open(log).entries()] == [KIND, "analysis-plan"]
        assert run(monkeypatch, place.folder, *options(matter="matter-8", id="P2")) == 3
        assert "of matter matter-8, and not of matter-7" in capsys.readouterr().err


FORMS: dict[str, Any] = {
    "a field too many": {"verdict": "sure"},
    "another name": {"plan_id": "OTHER"},
    "a time that is none": {"created": "2026-02-30T00:00:00Z"},
    "another schema": {"schema": "countermark/plan/v2"},
    "a text that is null": {"title": None},
    "an id twice": {"hypotheses": [msgspec.to_builtins(plan_of())["hypotheses"][0]] * 2},
    "a level that is a text": {
        "hypotheses": [msgspec.to_builtins(plan_of())["hypotheses"][0] | {"alpha": "1"}]
    },
}


@pytest.mark.parametrize("name", FORMS)
def test_the_form_of_a_plan_in_a_package(name: str) -> None:
    good = msgspec.to_builtins(plan_of())
    check_plan_document(good, "data/plans/PLAN.json")
    with pytest.raises(Error, match=r"data/plans/PLAN\.json"):
        check_plan_document(good | FORMS[name], "data/plans/PLAN.json")
    check_plan_document(good | {"title": None, "controls": None}, "data/plans/PLAN.json", redacted=True)
    short = {key: one for key, one in good.items() if key != "stopping"}
    with pytest.raises(Error, match="stopping"):
        check_plan_document(short, "data/plans/PLAN.json")
