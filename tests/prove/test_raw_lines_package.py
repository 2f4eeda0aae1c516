"""`--from-raw` on packages: the table of requests, the events beside it, custody, and what was taken out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from held_samples import Place, chat, place

from conftest import CREATED, write_findings
from countermark.flow.answers import Answer, Line
from countermark.flow.holds import HoldRequest, make_hold, members_of
from countermark.flow.raw_lines import rederive
from countermark.prove.case_folder.workspace import Workspace
from countermark.prove.custody.custody import Custody, Hold
from countermark.prove.sealing.seal import SealOptions, seal
from countermark.trust.signing import SigningKey

Change = Callable[[list[str]], list[str]]


@pytest.fixture
def here(tmp_path: Path) -> Place:
    """EVENTS of accounts a to g; a, b and c, whom the findings name, and three others are held."""
    rows = [chat(number) for number in range(70)]
    for number, row in enumerate(rows):
        row["metadata"]["user_api_key_user_id"] = "abcdefg"[number % 7]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = place(tmp_path, tmp_path / "log.jsonl")
    findings = write_findings(tmp_path / "findings", found.events)
    make_hold(HoldRequest(options=found.options(accounts=()), findings=findings))
    return found


def sealed(here: Place, name: str = "package", custody: Custody | None = None) -> Path:
    return seal(
        SealOptions(
            findings=here.folder / "findings",
            events=here.events,
            case_id="CASE-1",
            out=here.folder / name,
            keys=[SigningKey.generate()],
            include_events=True,
            created=CREATED,
            custody=custody or Custody(),
        )
    )


def check(here: Place, package: Path) -> Answer:
    return rederive(here.held, here.age_key, here.hash_key, package)


def rows_of(answer: Answer) -> list[str]:
    return [line.sentence for line in answer.lines if line.name == "raw lines"]


def edited(package: Path, change: Change) -> Path:
    path = package / "data" / "tables" / "requests.jsonl"
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))
    return package


def bad(answer: Answer) -> Line:
    return next(line for line in answer.lines if not line.ok)


def test_members_of_findings_are_the_named_accounts(here: Place) -> None:
    assert members_of(here.folder / "findings") == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["package", "package.zip"])
def test_both_tables_of_a_package(here: Place, name: str) -> None:
    answer = check(here, sealed(here, name))
    assert answer.ok, answer.lines
    assert rows_of(answer) == [
        "data/tables/requests.jsonl: 30 rows of 3 accounts; all columns equal",
        "data/events/: 60 rows of 6 accounts; all columns equal; 10 rows are of accounts that are not held",
    ]


def test_a_changed_and_a_dropped_row_of_the_table(here: Place) -> None:
    def change(lines: list[str]) -> list[str]:
        return [lines[0].replace('"model-a"', '"model-b"'), *lines[2:]]

    answer = check(here, edited(sealed(here), change))
    assert (
        "1 row(s) are not what their line gives; 1 row(s) that a line gives are missing"
        in bad(answer).sentence
    )
    assert "another model" in answer.differences[0]


def test_rows_that_were_taken_out_are_counted_and_no_more_may_be_missing(here: Place) -> None:
    package = edited(sealed(here), lambda lines: ["null\n", "null\n", *lines[2:]])
    answer = check(here, package)
    assert answer.ok, answer.lines
    assert "2 row(s) that a line gives were taken out of the table" in rows_of(answer)[0]
    answer = check(here, edited(package, lambda lines: [*lines[:2], *lines[3:]]))
    assert "1 row(s) that a line gives are missing" in bad(answer).sentence


@pytest.mark.parametrize(
    "line",
    [
        '{"account_id":"a"}\n',
        '{"account_id":"a","colour":"red"}\n',
        "[]\n",
        '{"ts":"yesterday"}\n',
        "{" + '"a":[' * 100_000 + "\n",
        "x" * (3 << 20) + "\n",
    ],
)
def test_lines_that_are_no_rows(here: Place, line: str) -> None:
    answer = check(here, edited(sealed(here), lambda lines: [*lines, line]))
    assert answer.exit_code == 20
    assert "requests.jsonl" in bad(answer).sentence


def test_the_case_names_the_hold_or_another(here: Place) -> None:
    case = Workspace.create(here.folder / "case", "CASE-1").folder
    options = here.options(accounts=["a"], out=here.folder / "held-2", control=0)
    (here.folder / "names.txt").write_text("a\n")
    made = make_hold(HoldRequest(options=options, accounts=here.folder / "names.txt", case=case))
    custody = Workspace.open(case).custody
    assert custody.holds == [
        Hold(
            id=made.entry.hold_id,
            by="Ann Example",
            started=made.entry.started,
            anticipated="2026-01-01",
            accounts=1,
            control_accounts=0,
            manifest_sha256=made.manifest_sha256,
        )
    ]
    package = sealed(here, custody=custody)
    answer = rederive(here.folder / "held-2", here.age_key, here.hash_key, package)
    assert answer.ok, answer.lines
    assert "the case names this hold" in next(one.sentence for one in answer.lines if one.name == "custody")
    assert "not this one: its manifest differs" in bad(check(here, package)).sentence


def test_a_package_without_requests(here: Place) -> None:
    package = sealed(here)
    (package / "data" / "tables" / "requests.jsonl").unlink()
    for path in (package / "data" / "events").glob("events-*"):
        path.unlink()
    assert "holds no requests to compare" in bad(check(here, package)).sentence


def test_fields_of_the_capture_may_be_taken_out(here: Place) -> None:
    package = sealed(here)
    path = package / "data" / "events" / "capture.json"
    document = json.loads(path.read_text())
    document["key_id"] = document["first_ts"] = document["sources"][0]["name"] = None
    path.write_text(json.dumps(document))
    assert check(here, package).ok
