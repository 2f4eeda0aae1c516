"""A dossier from a package or a case folder: verified first, read once, the same twice."""

import gc
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from log_stories import MATTER, OUTSIDER, Story, day
from whole_case import attribution, options_of, told, trust_in

from countermark.errors import Error, ExitCode
from countermark.prove.case_folder.workspace import Workspace
from countermark.prove.case_folder.workspace_state import Link
from countermark.prove.dossier.dossier import Dossier
from countermark.prove.dossier.gather import TAKEN_OUT, keep_table
from countermark.prove.dossier.read import read_dossier
from countermark.prove.dossier.working_paper import NOT_SIGNED
from countermark.prove.package.trustfile import Trust
from countermark.prove.redacting.redact import RedactOptions, redact
from countermark.prove.redacting.takes import Take, parse_take
from countermark.prove.report.networks import listed_accounts
from countermark.prove.report.plain import to_plain
from countermark.prove.report.report import compose
from countermark.prove.sealing.seal_options import SealOptions
from countermark.prove.verifying.verify import examine
from countermark.records.canonical import file_sha256
from countermark.trust.signing import SigningKey

Sealed = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("plain_pictures")


@pytest.fixture
def whole(sealed: Sealed, tmp_path: Path, key: SigningKey) -> Callable[[str], tuple[Path, Trust]]:
    def make(out: str) -> tuple[Path, Trust]:
        story, folder = told(tmp_path / "story")
        trust = trust_in(story, tmp_path, key)
        return sealed(out, **options_of(story, tmp_path, trust=trust, attributions=[folder])), trust

    return make


@pytest.mark.parametrize("out", ["whole.zip", "whole"])
def test_a_sealed_package_is_read(whole: Callable[[str], tuple[Path, Trust]], out: str) -> None:
    package, trust = whole(out)
    one = read_dossier(package, trust=trust)
    assert one.sealed
    assert one.verification.verdict == "VERIFIED"
    kinds = [exhibit.kind for exhibit in one.exhibits]
    assert kinds == [
        "networks",
        "text-marks",
        "members",
        "requests",
        "requests",
        "terms",
        "acceptances",
        "plan",
        "log",
        "custody",
        "acquisition",
    ]
    assert [exhibit.result_class for exhibit in one.exhibits[:2]] == ["exploratory", "confirmatory"]
    assert [run.number for run in one.runs] == [1]
    assert list(one.committed.values()) == ["2026-06-02 (cosigned by university.example)"]
    assert one.acceptances is not None
    assert one.acceptances.read_bytes().count(b"\n") == 1
    assert one.members is not None
    assert one.members.read_bytes().count(b"campaign-1") == 3
    expected = file_sha256(package if out.endswith(".zip") else package / "tagmanifest-sha256.txt")
    assert one.package_sha256 == expected


def test_the_digest_of_an_exhibit_is_that_of_the_file(whole: Callable[[str], tuple[Path, Trust]]) -> None:
    package, trust = whole("whole")
    for exhibit in read_dossier(package, trust=trust).exhibits:
        if (path := package / exhibit.name).is_file():
            assert file_sha256(path) == exhibit.sha256, exhibit.name


def test_the_tables_go_with_the_dossier(whole: Callable[[str], tuple[Path, Trust]]) -> None:
    package, trust = whole("whole.zip")
    one: Dossier | None = read_dossier(package, trust=trust)
    assert one is not None
    assert one.members is not None
    folder = one.members.parent
    assert folder.is_dir()
    one = None
    gc.collect()
    assert not folder.exists()


def test_a_package_that_fails_is_no_report(whole: Callable[[str], tuple[Path, Trust]]) -> None:
    package, trust = whole("whole")
    (package / "data/findings/report.html").write_text("changed")
    with pytest.raises(Error, match=r"does not verify, step \d+, bag: ") as caught:
        read_dossier(package, trust=trust)
    assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_a_signer_who_is_not_accepted_is_no_report(
    sealed: Sealed, trust_of: Callable[..., Trust], other_key: SigningKey
) -> None:
    with pytest.raises(Error, match="signers: ") as caught:
        read_dossier(sealed(), trust=trust_of(other_key))
    assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_what_is_no_package_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(Error) as caught:
        read_dossier(tmp_path / "nothing.zip")
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_without_trust_nothing_is_taken_for_checked(whole: Callable[[str], tuple[Path, Trust]]) -> None:
    package, _ = whole("whole.zip")
    one = read_dossier(package)
    assert one.verification.verdict == "INTACT, SIGNER NOT CHECKED"
    assert list(one.runs) == []
    assert one.committed == {}
    first = compose(one).document.sections[0].blocks[0]
    assert getattr(first, "style", "") == "warning"


@pytest.mark.parametrize(
    "what",
    ["personal-data:attributions/1/attribution.json", "personal-data:attributions/1/attribution.json#/**"],
)
def test_rows_and_results_that_were_taken_out_are_left_out(
    sealed: Sealed, tmp_path: Path, key: SigningKey, what: str
) -> None:
    story, folder = told(tmp_path / "story")
    trust = trust_in(story, tmp_path, key)
    options = options_of(story, tmp_path, trust=trust, attributions=[folder], results=[])
    package = sealed("whole.zip", **options)
    rest = tmp_path / "rest.zip"
    takes = [Take(ground="personal-data", accounts=frozenset({"a"})), parse_take(what)]
    redact(
        RedactOptions(
            package=package,
            out=rest,
            keys=[key],
            what=takes,
            why="by order",
            trust=trust,
            allow_elsewhere=True,
        )
    )
    one = read_dossier(rest, trust=trust)
    assert one.members is not None
    assert listed_accounts(one.members) == {"campaign-1": 2}
    assert one.attributions[0].tests == []
    assert one.attributions[0].reasons == [TAKEN_OUT]
    report = compose(one)
    assert "Taken out of data/tables/members.jsonl for personal-data: " in str(report.document)
    shown = [each.kind for each in one.exhibits]
    assert "text-marks" not in shown
    assert ("run" in shown) is ("#" in what)
    assert json.dumps(to_plain(report, one))


def case_folder(folder: Path, options: SealOptions) -> tuple[Path, Story]:
    """A case folder with findings, an attribution in a log, and an acquisition."""
    findings, events = options.findings, options.events
    (folder / "story").mkdir(parents=True)
    story = Story(folder / "story").fixed()
    case = Workspace.create(folder / "case", "CASE-1", matter=MATTER, log=story.folder / "log")
    for name, data in story.plans.items():
        (folder / f"{name}.json").write_bytes(data)
        case.add_plan(folder / f"{name}.json")
    case.add_findings(findings, events, Link())
    run = story.start()
    story.finish(run, attribution(folder / "attribution", run.number))
    story.tick(day(12), OUTSIDER)
    case.add_attribution(folder / "attribution", Link(plan="PLAN", hypothesis="H1"))
    return folder / "case", story


def test_a_case_folder_is_a_working_paper(options: SealOptions, tmp_path: Path, key: SigningKey) -> None:
    folder, story = case_folder(tmp_path / "work", options)
    trust = trust_in(story, tmp_path, key)
    one, again = (read_dossier(folder, trust=trust) for _ in range(2))
    assert not one.sealed
    assert one.package_sha256 == ""
    assert not any(exhibit.sealed for exhibit in one.exhibits)
    assert [run.kind for run in one.runs] == ["a run"]
    assert one.verification.verdict == "INTACT, SIGNER NOT CHECKED"
    assert one.verification.signers == ()
    (signed,) = [step for step in one.verification.steps if step.name == "signers"]
    assert (signed.outcome, signed.detail) == ("NOT CHECKED", NOT_SIGNED)  # its key is thrown away
    assert "No trust file" not in str(compose(one).document)
    report = compose(one)
    assert report.document.mark == "Working paper: not sealed"
    assert report == compose(again)
    assert "Signed by" not in dict(report.document.facts)


def test_a_working_paper_needs_no_trust_file(options: SealOptions, tmp_path: Path) -> None:
    folder, _ = case_folder(tmp_path / "work", options)
    one, again = (read_dossier(folder) for _ in range(2))
    assert not one.sealed
    assert {result["class"] for result in one.results} == {"exploratory"}
    assert to_plain(compose(one), one) == to_plain(compose(again), again)


def test_a_case_folder_that_changed_is_no_report(options: SealOptions, tmp_path: Path) -> None:
    folder, _ = case_folder(tmp_path / "work", options)
    plan = next((folder / "plans").iterdir())
    plan.write_bytes(plan.read_bytes() + b" ")
    with pytest.raises(Error, match="changed since it was added") as caught:
        read_dossier(folder)
    assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_a_table_that_changes_while_it_is_read_is_no_report(
    whole: Callable[[str], tuple[Path, Trust]], tmp_path: Path
) -> None:
    package, trust = whole("whole")
    _, state = examine(package, trust)
    table = package / "data/tables/members.jsonl"
    table.write_bytes(table.read_bytes().replace(b"shared template", b"another reason!"))
    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(Error, match="changed while it was read") as caught:
        keep_table(state, "data/tables/members.jsonl", place)
    assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED
