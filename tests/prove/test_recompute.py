"""`verify --recompute`: a package that holds its inputs gives the same again, to the declared precision."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from held_samples import age_key

from countermark.capture.run import CaptureOptions, capture_logs
from countermark.detect.run import DetectOptions, detect_networks
from countermark.flow.answers import Answer
from countermark.flow.closeness import OF_A_MODEL, Closeness, same
from countermark.flow.recompute import environment_lines, recompute
from countermark.flow.recompute_detect import _revision
from countermark.prove.package.trustfile import SignerEntry, write_trust
from countermark.prove.sealing.seal import SealOptions, seal
from countermark.trust.signing import SigningKey
from countermark.world.plan import WorldPlan
from countermark.world.provider import write_world
from running import countermark


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world, captured, searched, held and sealed with its events."""
    folder = tmp_path_factory.mktemp("recompute")
    write_world(folder / "logs", WorldPlan.tiny(), 3)
    (folder / "logs" / "accounts.csv").rename(folder / "accounts.csv")
    (folder / "logs" / "truth.json").unlink()
    events, keys = folder / "events", folder / "hash-keys.json"
    capture_logs(
        CaptureOptions([str(folder / "logs")], events, accounts=folder / "accounts.csv", hash_key=keys)
    )
    assert detect_networks(DetectOptions(events, folder / "findings")).campaigns
    signer = SigningKey.generate()
    write_trust(folder / "trust.json", [SignerEntry("Ann", signer.public.to_base64())])
    signer.save(folder / "signer.key")
    sealed(folder, "package", signer)
    return folder


def sealed(folder: Path, name: str, signer: SigningKey, **changes: Any) -> Path:
    told = {"findings": folder / "findings", "events": folder / "events", "include_events": True} | changes
    return seal(SealOptions(**told, case_id="CASE-1", out=folder / name, keys=[signer]))


@pytest.fixture
def package(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "package", tmp_path / "package"))


def rewrite(package: Path, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    path = package / "data" / "findings" / name
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def line(answer: Answer, name: str) -> Any:
    return next(one for one in answer.lines if one.name == name)


def test_the_same_comes_out_again(made: Path) -> None:
    answer = recompute(made / "package")
    assert answer.ok, answer.differences
    for name in ("detect", "members", "method", "members.jsonl", "accounts.jsonl", "requests.jsonl"):
        assert "equal" in line(answer, name).sentence, name
    assert "equal" in line(answer, "campaign ids").sentence
    assert "6th significant digit" in line(answer, "precision").sentence
    assert answer.environment["same"]
    assert (
        answer.environment["here"]["environment_sha256"]
        == answer.environment["recorded"]["environment_sha256"]
    )
    passed = [one["margin"] for one in answer.margins if one["passed"]]
    assert passed
    assert all(margin <= 0 for margin in passed)
    assert all(one["margin"] > 0 for one in answer.margins if not one["passed"])
    text = "\n".join(environment_lines(answer))
    assert "lock" in text
    assert "q against fdr" in text


def test_what_differs_is_listed(package: Path) -> None:
    def change(findings: dict[str, Any]) -> None:
        campaign = findings["campaigns"][0]
        campaign["size"] += 1
        campaign["q_value"] *= 1.001
        campaign["reasons"][0]["text"] = "another"
        findings["tested"] += 1

    rewrite(package, "findings.json", change)
    rewrite(package, "method.json", lambda told: told["detection"]["candidates"][0].update(log10_p=-300.0))
    members = package / "data" / "findings" / "members.parquet"
    table = pq.read_table(members)
    rows = table.to_pylist()
    rows[0]["account_id"], rows[1]["member_p"] = "somebody", rows[1]["member_p"] * 1.01
    pq.write_table(pa.Table.from_pylist(rows, table.schema), members)
    requests = package / "data" / "tables" / "requests.jsonl"
    first, *rest = requests.read_text().splitlines(keepends=True)
    requests.write_text("".join([first.replace('"model":"', '"model":"x'), *rest]))
    answer = recompute(package)
    assert answer.exit_code == 20
    bad = {one.name for one in answer.lines if not one.ok}
    tables = {"members.jsonl", "accounts.jsonl", "requests.jsonl"}  # the rows of another set of members
    assert bad == {"detect", "members", "method", *tables}
    places = " ".join(answer.differences)
    for place in ("/campaigns/0/size", "/campaigns/0/q_value", "/campaigns/0/reasons/0/text", "/tested"):
        assert f"findings.json: {place}" in places
    assert "/detection/candidates/0/log10_p" in places
    assert "members.parquet: /0/account_id" in places
    assert "members.parquet: /1/member_p" in places
    assert "somebody" not in places  # a place, and no account


def test_a_last_digit_may_differ_and_the_id_may_come_from_earlier_days(package: Path) -> None:
    def change(findings: dict[str, Any]) -> None:
        for campaign in findings["campaigns"]:
            campaign["log10_p_value"] = round(campaign["log10_p_value"] + 1e-6, 6)
            campaign["campaign_id"] = "campaign-" + "0" * 32
            campaign["revision"] = _revision(campaign)

    rewrite(package, "findings.json", change)
    members = package / "data" / "findings" / "members.parquet"
    table = pq.read_table(members)
    rows = [row | {"campaign_id": "campaign-" + "0" * 32} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, table.schema), members)
    answer = recompute(package)
    assert line(answer, "detect").ok, answer.differences
    assert line(answer, "members").ok, answer.differences
    assert "were given by findings of earlier days" in line(answer, "campaign ids").sentence


def test_what_is_not_in_the_package_is_said(made: Path, tmp_path: Path) -> None:
    signer = SigningKey.load(made / "signer.key")
    slim = sealed(made, f"slim-{tmp_path.name}.zip", signer, include_events=False)
    answer = recompute(slim)
    assert answer.ok
    assert "the events are not in the package" in line(answer, "detect").sentence
    assert "its Parquet files are not in the package" in line(answer, "accounts.jsonl").sentence
    assert "equal" in line(answer, "members.jsonl").sentence


def test_allowed_accounts_have_to_be_given(package: Path, tmp_path: Path) -> None:
    rewrite(package, "method.json", lambda told: told.update(allowed={"red team": 1}))
    assert "--input allow=PATH" in line(recompute(package), "detect").sentence
    rewrite(package, "method.json", lambda told: told.pop("options"))
    assert "has no options" in line(recompute(package), "detect").sentence


def test_the_command(made: Path, tmp_path: Path) -> None:
    recipient = age_key(tmp_path / "age.key")
    held = tmp_path / "held"
    told = ["case", "hold", made / "events", made / "logs", "--findings", made / "findings", "--by", "Ann"]
    told += ["--from", "2026-03-01", "--recipient", recipient, "--out", held]
    done = countermark(*told, "--hash-key", made / "hash-keys.json")
    assert done.code == 0, done.err
    raw = ["--from-raw", held, "--age-key", tmp_path / "age.key", "--hash-key", made / "hash-keys.json"]
    done = countermark("verify", made / "package", "--trust", made / "trust.json", "--recompute", *raw)
    assert done.code == 0, done.out + done.err
    assert "all columns equal" in done.out
    assert "revisions equal" in done.out


@pytest.mark.parametrize(
    ("recorded", "computed", "name", "expected"),
    [
        (1.23456e-30, 1.23457e-30, "p_value", True),
        (1.23456e-30, 1.23459e-30, "p_value", False),
        (0.0, 1e-9, "q_value", False),
        (-12.345678, -12.345679, "log10_p_value", True),
        (-12.345678, -12.345681, "log10_p_value", False),
        (0.5, 0.5 + 1e-12, "threshold", True),
        (0.5, 0.50001, "threshold", False),
        (1, 1.0, "value", True),
        (1, True, "size", False),
        (1.0, True, "value", False),
        (3, 4, "size", False),
        ("a", "a", "null", True),
        (None, 0.0, "value", False),
    ],
)
def test_precision(recorded: Any, computed: Any, name: str, expected: bool) -> None:
    assert same(recorded, computed, name) is expected


def test_fields_that_were_taken_out_are_passed_over_and_counted() -> None:
    found = Closeness()
    found.compare({"a": None, "b": [1, None]}, {"a": 5, "b": [1, 2]}, "", redacted=True)
    assert (found.count, found.skipped) == (0, 2)
    found.compare({"a": None}, {"a": 5}, "")
    found.compare({"a": 1}, {"b": 1}, "")
    found.compare([1], [1, 2], "/list")
    assert found.count == 4


def test_single_precision_of_a_model_is_declared() -> None:
    exact, of_a_model = Closeness(rounded=False), Closeness(rounded=False, unrounded=OF_A_MODEL)
    for found in (exact, of_a_model):
        found.compare({"statistic": -27.2529934, "n": 5}, {"statistic": -27.2529969, "n": 5}, "")
    assert (exact.count, of_a_model.count) == (1, 0)
    of_a_model.compare({"statistic": -27.2529}, {"statistic": -27.2533}, "")
    of_a_model.compare({"n": 100_000_000}, {"n": 100_000_001}, "")
    assert of_a_model.count == 2
