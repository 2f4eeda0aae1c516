"""`case hold`: the raw lines of the named accounts and of a control sample, for the recipients alone."""

import json
from pathlib import Path

import pyrage
import pytest
from held_samples import (
    MAPPING,
    Place,
    age_key,
    place,
    plain,
    write_csv,
    write_document,
    write_lines,
    write_parquet,
)

from countermark.capture.held_folder import check_files, read_manifest
from countermark.capture.hold_choice import sample
from countermark.capture.holds import read_holds
from countermark.errors import Error, ExitCode
from countermark.records.canonical import file_sha256


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return place(tmp_path)


def test_exactly_the_lines_of_the_held_accounts_are_frozen(here: Place) -> None:
    held = here.hold()
    entry = read_holds(here.events)[0]
    assert entry.accounts == ["user-3", "user-5"]
    assert len(entry.control_accounts) == 2
    lines = plain(here.held, here.age_key)
    raw = here.logs[0].read_bytes()
    head, *first = lines["lines-00001.age"]
    assert head == {"held": "countermark/held-lines/v1", "sha256": file_sha256(here.logs[0])}
    accounts = set()
    for line in first:
        text = line["line"].encode()
        assert raw[line["offset"] : line["offset"] + len(text)] == text  # byte for byte, at its offset
        accounts.add(json.loads(text)["metadata"]["user_api_key_user_id"])
    assert accounts == set(entry.held())
    requests = [json.loads(line["line"])["id"] for name in lines for line in lines[name][1:]]
    expected = [f"request-{number}" for number in range(200) if f"user-{number % 7}" in set(entry.held())]
    assert sorted(requests) == sorted(expected)  # also those that both files have: once
    assert sum(one.lines for one in held.manifest.sources) == len(expected)


def test_the_manifest_says_what_is_there_and_names_no_account(here: Place) -> None:
    held = here.hold()
    manifest, digest = read_manifest(here.held)
    assert digest == held.manifest_sha256 == read_holds(here.events)[0].manifest_sha256
    check_files(here.held, manifest)
    assert manifest.rows_before + manifest.rows_since == sum(one.rows for one in manifest.sources)
    assert manifest.recipients == [here.recipient]
    text = (here.held / "manifest.json").read_text()
    assert "user-" not in text
    assert {path.stat().st_mode & 0o077 for path in here.held.iterdir()} == {0}


def test_the_control_sample_is_drawn_again_from_its_seed(here: Place) -> None:
    held = here.hold(control=3)
    others = [f"user-{number}" for number in range(7) if number not in (3, 5)]
    entry = read_holds(here.events)[0]
    assert sample(others[::-1], 3, int(held.manifest.control.seed, 16)) == entry.control_accounts
    assert held.manifest.control.drawn_from == 5
    assert held.manifest.control.seed_source == "the system's generator"


def test_samples_of_other_seeds_differ_and_no_account_is_preferred() -> None:
    accounts = [f"account-{number}" for number in range(10)]
    drawn = [account for seed in range(400) for account in sample(accounts, 3, seed)]
    counts = [drawn.count(account) for account in accounts]
    assert sum(counts) == 1200
    assert min(counts) > 80  # 120 expected, with a deviation of 9
    assert max(counts) < 160


def test_a_given_seed_and_no_control(here: Place) -> None:
    held = here.hold(seed=7, seed_source="a seed file, key id 12", control=0)
    assert held.manifest.control.accounts == []
    assert held.manifest.control.seed == f"{7:032x}"


@pytest.mark.parametrize("form", ["csv", "parquet", "document"])
def test_rows_and_elements_are_frozen_as_they_were_read(form: str, tmp_path: Path) -> None:
    if form == "document":
        here = place(tmp_path, write_document(tmp_path / "log.json", range(50)))
    else:
        write = write_csv if form == "csv" else write_parquet
        log = write(tmp_path / f"log.{form}", range(50))
        here = place(tmp_path, log, format="table", mapping=MAPPING, time_unit="s")
    held = here.hold(control=0)
    source = held.manifest.sources[0]
    assert source.lines == len([number for number in range(50) if number % 7 in (3, 5)])
    assert source.mapping == ({} if form == "document" else MAPPING)
    first = plain(here.held, here.age_key)["lines-00001.age"][1]
    if form == "csv":
        assert first["offset"] == 4  # rows are numbered from 0, the bad one too
        assert first["row"]["text"] == 'Ask "3"\nand again, please'
    elif form == "parquet":
        assert first["row"]["when"] == {"$": "datetime", "v": "2026-01-01T00:03:00+00:00"}
    else:
        assert json.loads(first["line"])["id"] == "request-3"


def test_a_log_that_has_grown_is_read_as_it_was_captured(here: Place) -> None:
    with here.logs[0].open("a") as stream:
        stream.write(json.dumps({"id": "later"}) + "\n")
    held = here.hold()
    assert held.manifest.sources[0].bytes < here.logs[0].stat().st_size


def test_a_raw_log_that_is_gone_is_an_error_or_is_named(here: Place) -> None:
    here.logs[1].unlink()
    sources = [str(here.logs[0])]
    with pytest.raises(Error, match=r"second\.jsonl\.gz .* is not among the sources") as caught:
        here.hold(sources=sources)
    assert caught.value.exit_code == ExitCode.NO_INPUT
    assert not read_holds(here.events)
    held = here.hold(sources=sources, missing_ok=True)
    assert [one.name for one in held.manifest.missing] == ["second.jsonl.gz"]


def test_recipients_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    nothing = Place(tmp_path, (), "")  # there are no EVENTS: whatever is read first would be an error
    for wrong in ([], ["age1xyz"], ["ssh-ed25519 AAAA"], [""]):
        with pytest.raises(Error, match="recipient"):
            nothing.hold(recipients=wrong)
    secret = str(pyrage.x25519.Identity.generate())
    with pytest.raises(Error, match="secret key stands where a recipient belongs") as caught:
        nothing.hold(recipients=[secret])
    assert secret not in str(caught.value) + caught.value.hint


def test_every_recipient_can_read_and_nobody_else(here: Place, tmp_path: Path) -> None:
    other = age_key(tmp_path / "other.key")
    age_key(tmp_path / "stranger.key")
    here.hold(recipients=[here.recipient, other])
    assert plain(here.held, here.age_key) == plain(here.held, tmp_path / "other.key")
    with pytest.raises(pyrage.DecryptError):
        plain(here.held, tmp_path / "stranger.key")


def test_refusals(here: Place) -> None:
    with pytest.raises(Error, match="no row of the 1 named"):
        here.hold(accounts=["nobody"])
    with pytest.raises(Error, match="who orders it"):
        here.hold(by=" ")
    for day in ("2999-01-01", "yesterday", "2026-1-1"):
        with pytest.raises(Error, match="no day on which"):
            here.hold(anticipated=day)
    with pytest.raises(Error, match="is not in"):
        here.hold(hash_key=here.folder / "none.json")
    here.held.mkdir()
    with pytest.raises(Error, match="exists already"):
        here.hold()


def test_hashed_accounts_are_found_by_their_own_ids(tmp_path: Path) -> None:
    here = place(tmp_path, write_lines(tmp_path / "log.jsonl", range(30)), hash_accounts=True)
    held = here.hold(accounts=["user-3"])
    assert len(held.manifest.accounts) == 1
    lines = plain(here.held, here.age_key)["lines-00001.age"]
    assert any('"user-3"' in line.get("line", "") for line in lines)


def test_the_same_hold_again_changes_nothing(here: Place) -> None:
    first = here.hold()
    before = {path.name: path.read_bytes() for path in here.held.iterdir()}
    again = here.hold()
    assert again.manifest_sha256 == first.manifest_sha256
    assert {path.name: path.read_bytes() for path in here.held.iterdir()} == before
    assert len(read_holds(here.events)) == 1
