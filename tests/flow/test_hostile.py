"""Hostile and odd input on its way through: what `detect` says of what `capture` could make of it."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import capture, files, findings
from generated import generate, write_hash_keys

from countermark.records.canonical import file_sha256
from countermark.world.plan import WorldPlan
from running import Done, countermark

PLAN = WorldPlan(days=2, ordinary=300, networks=(), pool=40)
FEW = 59
"""One account too few for any test."""
Row = dict[str, Any]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world and its EVENTS and FINDINGS; nothing in it is changed."""
    folder = tmp_path_factory.mktemp("provider")
    write_hash_keys(folder / "hash-keys.json", 2)
    generate(folder, PLAN, 5)
    assert capture(folder / "logs", folder / "events").code == 0
    assert countermark("detect", folder / "events", "--out", folder / "findings").code == 10
    return folder


@pytest.fixture
def rows(provider: Path) -> list[Row]:
    """The records of its log."""
    lines = (provider / "logs" / "litellm.jsonl").read_bytes().splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture
def log(tmp_path: Path, provider: Path) -> Path:
    """Where a log of a test's own stands, with the provider's hash keys and account table."""
    for name in ("hash-keys.json", "accounts.csv"):
        shutil.copy(provider / name, tmp_path / name)
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs" / "litellm.jsonl"


@pytest.fixture
def detect(tmp_path: Path) -> Callable[..., Done]:
    """`detect` of `tmp_path/events` into `tmp_path/findings`."""
    return lambda *more: countermark("detect", tmp_path / "events", "--out", tmp_path / "findings", *more)


def write(log: Path, rows: list[Row]) -> Path:
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return log.parent


def account(row: Row) -> str:
    return str(row["metadata"]["user_api_key_user_id"])


def bad_lines(row: Row) -> Iterator[bytes]:
    """Records that no gateway should write, each hostile in its own way."""
    whole = json.dumps(row).encode()
    yield b'{"id": "' + b"x" * 10_000_000 + b'"}'
    yield whole.replace(b'"id": "', b'"id": "\xff\xfe')
    yield whole.replace(b'"id": "', b'"id": "\x00')
    yield b"\x00" * 4_096
    yield json.dumps({**row, "startTime": "yesterday"}).encode()
    yield json.dumps({**row, "startTime": {"seconds": 1}}).encode()
    yield json.dumps({**row, "metadata": 7}).encode()
    yield json.dumps({key: value for key, value in row.items() if key != "startTime"}).encode()
    yield json.dumps({key: value for key, value in row.items() if key != "metadata"}).encode()
    yield b"[" * 100_000
    yield whole[: len(whole) // 2]


def test_bad_records_among_good_ones_change_no_finding(provider, rows, log, tmp_path, detect):
    generator = random.Random(1)
    lines = (provider / "logs" / "litellm.jsonl").read_bytes().splitlines()
    bad = list(bad_lines(rows[0]))
    for line in bad:
        lines.insert(generator.randrange(len(lines)), line)
    log.write_bytes(b"\n".join(lines) + b"\n")
    done = capture(log.parent, tmp_path / "events")
    assert done.code == 0, done.err
    counts = json.loads((tmp_path / "events" / "capture.json").read_bytes())["counts"]
    assert counts["quarantined"] == len(bad)
    assert len((tmp_path / "events" / "quarantine.jsonl").read_bytes().splitlines()) == len(bad)
    assert detect().code == 10
    clean = files(provider / "findings")["members.parquet"]
    assert files(tmp_path / "findings")["members.parquet"] == clean


def test_only_bad_records_are_no_input(rows, log, tmp_path, detect):
    log.write_bytes(b"\n".join(bad_lines(rows[0])) + b"\n")
    assert capture(log.parent, tmp_path / "events").code == 3
    done = detect()
    assert done.code == 3
    assert "is not a whole EVENTS folder" in done.error()


def test_an_empty_log_is_no_input(log, tmp_path, detect):
    log.write_bytes(b"")
    assert capture(log.parent, tmp_path / "events").code == 3
    assert detect().code == 3
    assert not (tmp_path / "findings").exists()


def test_order_and_units_of_time_change_no_member(provider, rows, log, tmp_path, detect):
    """Out of order, and in seconds, milliseconds and microseconds at random."""
    generator = random.Random(2)
    for row in rows:
        seconds = round(row["startTime"], 3)
        row["startTime"] = generator.choice([seconds, round(seconds * 1e3), round(seconds * 1e6)])
    write(log, rows)
    assert capture(log.parent, tmp_path / "events").code == 0
    assert detect().code == 10
    in_order = files(tmp_path / "findings")["members.parquet"]
    generator.shuffle(rows)
    write(log, rows)
    assert capture(log.parent, tmp_path / "events", "--overwrite").code == 0
    shutil.rmtree(tmp_path / "findings")
    assert detect().code == 10
    assert files(tmp_path / "findings")["members.parquet"] == in_order
    assert findings(tmp_path / "findings")["events"]["last_ts"].startswith("2026-03-0")


def test_all_at_one_instant(rows, log, tmp_path, detect):
    write(log, [{**row, "startTime": 1_772_323_200.0} for row in rows])
    assert capture(log.parent, tmp_path / "events").code == 0
    done = detect()
    assert done.code in (0, 10, 11), done.err
    content = findings(tmp_path / "findings")
    assert content["events"]["first_ts"] == content["events"]["last_ts"]
    assert all(one["window"]["first"] == one["window"]["last"] for one in content["campaigns"])
    assert not [one for one in content["campaigns"] if one["kind"] == "harvest"]


@pytest.mark.parametrize("accounts", [1, 2, FEW])
def test_too_few_accounts_are_inconclusive_and_said(rows, log, tmp_path, detect, accounts):
    chosen = sorted({account(row) for row in rows})[:accounts]
    write(log, [row for row in rows if account(row) in chosen])
    assert capture(log.parent, tmp_path / "events").code == 0
    done = detect("--json")
    assert done.code == 11, done.err
    content = json.loads(done.out)
    assert content["campaigns"] == []
    assert not content["conclusive"]
    assert f"nothing can be tested: {accounts} accounts" in content["notes"][0]
    again = detect()
    assert again.code == 11
    assert "nothing can be tested" in again.err
    assert "no network found" in again.err
    assert detect("--no-exit-codes").code == 0
    assert "nothing can be tested" in (tmp_path / "findings" / "report.html").read_text(encoding="utf-8")


def test_one_request_alone(rows, log, tmp_path, detect):
    write(log, rows[:1])
    assert capture(log.parent, tmp_path / "events").code == 0
    assert detect().code == 11


def test_a_world_without_prompts_is_undecided_and_says_why(tmp_path, detect):
    generate(tmp_path, PLAN.but(no_prompts=True, networks=(40,)), 5)
    write_hash_keys(tmp_path / "hash-keys.json", 2)
    captured = capture(tmp_path / "logs", tmp_path / "events")
    assert captured.code == 0
    assert "prompt" in captured.err
    done = detect()
    assert done.code == 10, done.err
    content = findings(tmp_path / "findings")
    assert {one["kind"] for one in content["campaigns"]} == {"undecided"}
    said = "harvest and pool cannot be told apart"
    assert any(said in line for line in content["notes"])
    assert said in done.err
    assert all(said in one["reasons"][0]["text"] for one in content["campaigns"])


def test_without_an_account_table_it_runs(provider, tmp_path, detect):
    logs, keys = provider / "logs", provider / "hash-keys.json"
    done = countermark("capture", "logs", logs, "--out", tmp_path / "events", "--hash-key", keys)
    assert done.code == 0
    assert "No account table" in done.err
    assert detect().code in (0, 10)


# EVENTS that are none, or not whole, or were tampered with


def damage_byte(events: Path) -> None:
    path = events / "events-00000.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def forge(events: Path, change: Callable[[Path], None], name: str = "events-00000.parquet") -> None:
    """Change a file and the digest in `capture.json` with it."""
    change(events / name)
    manifest = json.loads((events / "capture.json").read_bytes())
    for file in manifest["files"]:
        if file["name"] == name:
            file["sha256"] = file_sha256(events / name)
    (events / "capture.json").write_text(json.dumps(manifest))


def rewrite(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    return lambda path: pq.write_table(change(pq.read_table(path)), path)


def retype(table: pa.Table) -> pa.Table:
    at = table.column_names.index("ts")
    return table.set_column(at, "ts", pa.array(["yesterday"] * table.num_rows))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": shutil.rmtree,
    "a file": lambda events: (shutil.rmtree(events), events.write_text("x")),
    "empty": lambda events: (shutil.rmtree(events), events.mkdir()),
    "no manifest": lambda events: (events / "capture.json").unlink(),
    "manifest garbage": lambda events: (events / "capture.json").write_bytes(b"\xff\x00{"),
    "manifest deep": lambda events: (events / "capture.json").write_bytes(b"[" * 200_000),
    "manifest of another kind": lambda events: (events / "capture.json").write_text('{"schema": "x"}'),
    "manifest is a folder": lambda events: (
        (events / "capture.json").unlink(),
        (events / "capture.json").mkdir(),
    ),
    "a byte": damage_byte,
    "cut": lambda events: (events / "sketches.parquet").write_bytes(b"PAR1"),
    "a part missing": lambda events: (events / "accounts.parquet").unlink(),
    "no parquet": lambda events: forge(events, lambda path: path.write_bytes(b"not parquet at all")),
    "no rows": lambda events: forge(events, rewrite(lambda table: table.slice(0, 0))),
    "a column missing": lambda events: forge(events, rewrite(lambda table: table.drop_columns(["ts"]))),
    "a column of another type": lambda events: forge(events, rewrite(retype)),
}
SAID_LATER = {"no rows"}


@pytest.mark.parametrize("damage", sorted(DAMAGES.keys() - SAID_LATER))
def test_events_that_are_not_whole_are_refused(provider, tmp_path, detect, damage):
    DAMAGES[damage](Path(shutil.copytree(provider / "events", tmp_path / "events")))
    done = detect()
    assert done.code == 3, done.err
    done.error()
    assert not (tmp_path / "findings" / "findings.json").exists()


def test_events_without_rows_are_inconclusive(provider, tmp_path, detect):
    DAMAGES["no rows"](Path(shutil.copytree(provider / "events", tmp_path / "events")))
    assert detect().code == 11


def test_a_purged_log_is_inconclusive(provider, tmp_path, detect):
    shutil.copytree(provider / "events", tmp_path / "events")
    keys = ("--hash-key", provider / "hash-keys.json")
    assert countermark("purge", tmp_path / "events", "--before", "2026-03-09").code == 0, keys
    assert detect().code == 11


def test_addresses_are_not_read(tmp_path):
    done = countermark("detect", "https://x.example/events", "--out", tmp_path / "findings")
    assert done.code in (2, 3)
    done.error()
    assert list(tmp_path.iterdir()) == []


# where FINDINGS cannot go


@pytest.mark.parametrize("name", ["thesis.txt", ".hidden", "findings.json.bak"])
def test_a_folder_with_other_files_is_left_alone(provider, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine")
    done = countermark("detect", provider / "events", "--out", out)
    assert done.code == 2
    assert "holds other files" in done.error()
    assert files(out) == {name: b"mine"}


def test_findings_go_into_no_file_and_not_into_events(provider, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "below", provider / "events"):
        before = files(provider / "events")
        done = countermark("detect", provider / "events", "--out", out)
        assert done.code in (1, 2), done.err
        done.error()
        assert file.read_text() == "mine"
        assert files(provider / "events") == before


def test_findings_that_were_damaged_are_replaced(provider, tmp_path):
    out = Path(shutil.copytree(provider / "findings", tmp_path / "out"))
    (out / "findings.json").write_bytes(b"[" * 200_000)
    (out / "members.parquet").write_bytes(b"PAR1 and then nothing")
    assert countermark("detect", provider / "events", "--out", out).code == 10
    assert files(out) == files(provider / "findings")


# what people write by hand

HOSTILE_YAML = {
    "not there": None,
    "a list": b"- a\n",
    "another field": b"groups: []\nother: 1\n",
    "no accounts": b"groups: [{name: x}]\n",
    "accounts of another type": b"groups: [{name: x, accounts: {a: 1}}]\n",
    "nested accounts": b"groups: [{name: x, accounts: [[a]]}]\n",
    "aliases": b"a: &a [x]\ngroups: [{name: x, accounts: *a}]\n",
    "a bomb": b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\ngroups: [{name: x, accounts: *c}]\n",
    "an object": b"groups: !!python/object/apply:os.system [echo]\n",
    "deep": b"groups: " + b"[" * 50_000,
    "not UTF-8": b"groups: [{name: \xff, accounts: []}]\n",
    "NUL": b"groups: [{name: a\x00b, accounts: []}]\n",
    "unfinished": b"groups: [{name: x, accounts: [",
    "too large": b"# " + b"x" * (17 << 20),
}


@pytest.mark.parametrize("option", ["--allow", "--dispositions"])
@pytest.mark.parametrize("name", HOSTILE_YAML)
def test_hostile_yaml_is_refused(provider, tmp_path, detect, name, option):
    shutil.copytree(provider / "events", tmp_path / "events")
    path = tmp_path / "hand.yaml"
    if HOSTILE_YAML[name] is not None:
        path.write_bytes(HOSTILE_YAML[name])
    done = detect(option, path)
    assert done.code == 3, done.err
    assert str(path) in done.error()
    assert not (tmp_path / "findings" / "findings.json").exists()


def test_an_allow_list_of_everybody_is_inconclusive(provider, rows, tmp_path, detect):
    shutil.copytree(provider / "events", tmp_path / "events")
    everybody = sorted({account(row) for row in rows})
    allow = tmp_path / "allow.yaml"
    allow.write_text(json.dumps({"groups": [{"name": "all", "accounts": everybody}]}))
    assert detect("--allow", allow).code == 11


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--fdr", "0"), 2),
        (("--fdr", "nan"), 2),
        (("--fdr", "1.5"), 2),
        (("--fdr", "none"), 2),
        (("--threads", "-1"), 2),
        (("--memory", "lots"), 2),
        (("--detector", "nope"), 2),
        (("--seed", "-1"), 2),
        (("--nope",), 2),
    ],
)
def test_options_that_cannot_be(provider, tmp_path, arguments, code):
    done = countermark("detect", provider / "events", "--out", tmp_path / "findings", *arguments)
    assert done.code == code, done.err
    done.error()
    assert not (tmp_path / "findings" / "findings.json").exists()


def test_little_memory_is_one_line_or_enough(provider, tmp_path):
    done = countermark("detect", provider / "events", "--out", tmp_path / "findings", "--memory", "2MB")
    assert done.code in (1, 10)
    if done.code == 1:
        assert "memory" in done.error()
        assert not (tmp_path / "findings" / "findings.json").exists()
