"""`attribute monitor commit`, `add` and `join` as members type them."""

import json
from pathlib import Path

import pytest

from attribute.monitor.making import VOCABULARY, WIDTH, batch, marked
from countermark.records.canonical import canonical_json
from countermark.trust.keyfiles import Secret
from countermark.watermark.key_names import name_of_key
from running import Done, countermark
from watermark_samples import own_profile, random_ids

KEYS = {"a": "00" * 15 + "01", "b": "00" * 15 + "02"}
AFTER = "2999-01-01T00:00:00Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, key in KEYS.items():
        path = tmp_path / f"{name}.key"
        path.write_text(key)
        path.chmod(0o600)
        key_id = name_of_key(Secret(key.encode()))
        profile = own_profile(WIDTH, VOCABULARY, key_id=key_id)
        (tmp_path / f"{name}.profile").write_bytes(canonical_json(profile))
    return tmp_path


def add(folder: Path, member: str, path: Path, *more: Path | str) -> Done:
    return countermark(
        *("attribute", "monitor", "add", "--state", folder / f"{member}.state"),
        *("--profile", folder / f"{member}.profile", "--key-file", folder / f"{member}.key"),
        *("--batch", path, "--json", *more),
    )


def commit(folder: Path) -> None:
    members = [("--member", f"{name}={name_of_key(Secret(key.encode()))}") for name, key in KEYS.items()]
    done = countermark(
        *("attribute", "monitor", "commit", "--name", "s7", "--log", folder / "book", "--independent-keys"),
        *(part for pair in members for part in pair),
    )
    assert done.code == 0, done.err


def test_members_announce_add_and_join(folder: Path) -> None:
    commit(folder)
    path = batch(folder / "1.jsonl", [marked(1, 60, KEYS["a"])], sent=AFTER)
    codes = []
    for name in KEYS:
        more = ("--name", "s7", "--log", folder / "book", "--contribution", folder / f"{name}.c")
        done = add(folder, name, path, *more)
        codes.append(done.code)
        answer = json.loads(done.out)
        assert (answer["schema"], answer["announced"]) == ("countermark/monitor/v1", True)
        assert KEYS[name] not in done.out + done.err
    assert codes == [10, 0]
    done = countermark(
        *("attribute", "monitor", "join", "--name", "s7", "--log", folder / "book", "--json"),
        *("--contribution", folder / "a.c", "--contribution", folder / "b.c", "--out", folder / "joint.json"),
    )
    assert done.code == 10
    assert json.loads(done.out)["decision"] == "not independent of the 2 keys together"
    text = (folder / "joint.json").read_text()
    assert str(json.loads((folder / "a.c").read_text())["log10_e"]) not in text


def test_without_an_announcement_the_answer_says_so(folder: Path) -> None:
    done = add(folder, "a", batch(folder / "1.jsonl", [random_ids(1, 200).tolist()]))
    assert (done.code, json.loads(done.out)["announced"]) == (0, False)
    assert "not announced" in done.err


def test_a_batch_that_fails_is_not_logged_and_blocks_nothing(folder: Path) -> None:
    commit(folder)
    more = ("--name", "s7", "--log", folder / "book")
    assert add(folder, "a", batch(folder / "bad.jsonl", [[1]], sent=AFTER), *more).code == 3
    assert (
        add(folder, "a", batch(folder / "1.jsonl", [marked(1, 60, KEYS["a"])], sent=AFTER), *more).code == 10
    )


def test_half_of_an_announcement_is_a_usage_error(folder: Path) -> None:
    path = batch(folder / "1.jsonl", [marked(1, 60)])
    for more in (("--name", "s7"), ("--log", folder / "book"), ("--contribution", folder / "c")):
        assert add(folder, "a", path, *more).code == 2
