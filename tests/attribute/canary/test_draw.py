"""Drawing: uniform, repeatable, committed to, secret; what a list may hold; servings."""

import re
import stat
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from scipy.stats import chisquare

from attribute.canary.making import NOW, SECRET, drawn, simple
from countermark.attribute.canary import items as items_module
from countermark.attribute.canary.draw import below, draw, publish, read_canaries, write_canaries
from countermark.attribute.canary.items import CATEGORIES, FORBIDDEN, check_items, read_choices
from countermark.attribute.canary.serving import log_serving, read_servings
from countermark.attribute.canary.shown import option_shown
from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.trust.keyfiles import Secret
from countermark.trust.log import Log
from countermark.trust.signing import SigningKey


def test_the_built_in_list_has_200_items_of_the_allowed_kinds() -> None:
    known = read_choices()
    assert len(known.items) >= 200
    assert {item.category for item in known.items} == set(CATEGORIES)
    # no person has put a name to it yet; whoever reviews it changes this line
    assert (known.unreviewed, known.automated) == (0, len(known.items))


def test_no_two_items_of_the_built_in_list_ask_the_same() -> None:
    items = read_choices().items
    assert len({item.id.partition("-")[2] for item in items}) == len(items)
    orders = [re.findall(r"\w+", item.options[0]) for item in items if item.category == "order"]
    words = Counter(word for order in orders for word in order if word != "and")
    assert set(words.values()) == {1}


@pytest.mark.parametrize(
    ("reviewed_by", "counts"),
    [("", (1, 0)), (" ", (1, 0)), ("Automated second reader", (0, 1)), ("Ada Example", (0, 0))],
)
def test_who_has_read_an_item_is_told_apart(
    tmp_path: Path, reviewed_by: str, counts: tuple[int, int]
) -> None:
    known = read_choices(_list(tmp_path, reviewed_by=reviewed_by))
    assert (known.unreviewed, known.automated) == counts


@pytest.mark.parametrize("category", [*FORBIDDEN, "medicine", ""])
def test_a_topic_that_is_no_free_choice_is_refused(tmp_path: Path, category: str) -> None:
    with pytest.raises(Error, match="not allowed"):
        read_choices(_list(tmp_path, category=category))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"options": ["one"]}, "different options"),
        ({"options": ["one", "one"]}, "different options"),
        ({"options": ["one", "one two"]}, "taken for another"),
        ({"prompt": "Say alpha or not?", "options": ["{0}", "beta"], "slots": [["x"]]}, None),
        ({"prompt": "{0}{7}"}, "braces"),
        ({"slots": ["a", "a"]}, "stands twice"),
        ({"options": ["{0:999999999}", "two"]}, "braces"),
        ({"options": ["{0!r}", "two"]}, "braces"),
        ({"prompt": "{0.__class__}"}, "braces"),
        ({"prompt": "{slot", "slots": ["a"]}, "braces"),
        ({"prompt": "{0}" * 600, "slots": ["a" * 1999]}, "over 2,000"),
        ({"prompt": "p" * 2001}, "over 2,000"),
        ({"slots": []}, "no item"),
    ],
)
def test_an_item_that_cannot_be_scored_is_refused(
    tmp_path: Path, changes: dict[str, Any], reason: str | None
) -> None:
    path = _list(tmp_path, **changes)
    if reason is None:
        assert read_choices(path).items
        return
    with pytest.raises(Error, match=reason) as caught:
        read_choices(path)
    assert caught.value.exit_code == ExitCode.NO_INPUT


def test_a_prompt_that_shows_some_options_only_is_refused() -> None:
    items = simple([2]).items
    leaky = msgspec.structs.replace(items[0], prompt=f"Pick, perhaps {items[0].options[1]}")
    with pytest.raises(Error, match="some options and not the others"):
        check_items([leaky])


def test_a_list_of_too_many_items_is_refused_before_all_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items_module, "MAX_ITEMS", 3)
    made = iter(simple([2] * 9).items)
    with pytest.raises(Error, match="over 3"):
        check_items(made)
    assert len(list(made)) == 5


def test_a_list_with_yaml_aliases_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text("schema: &a x\nname: *a\ntemplates: []\n")
    with pytest.raises(Error, match="aliases"):
        read_choices(path)


@pytest.mark.parametrize(
    "text", ["[" * 20_000, "- " * 20_000, "{a: " * 20_000, "? " * 20_000, "[\n" * 20_000]
)
def test_a_deep_list_is_refused_at_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(text)
    start = time.monotonic()
    with pytest.raises(Error, match="is no list of free choices"):
        read_choices(path)
    assert time.monotonic() - start < 5


def test_every_scalar_of_a_list_is_a_text(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text(
        "schema: countermark/free-choices/v1\nname: 1\ntemplates: [{id: 7, category: name, match: word,"
        " prompt: 'pick {0}', options: [no, 2026-11-30], slots: [[0x10]], reviewed: 2026-11-30}]\n"
    )
    item = read_choices(path).items[0]
    assert (item.id, item.options, item.reviewed) == ("7-0x10", ["no", "2026-11-30"], "2026-11-30")
    assert item.prompt.startswith("pick 0x10 ")


def test_numbers_below_a_limit_are_uniform_by_drawing_again() -> None:
    # of 8 values, 6 and 7 would favour 0 and 1 of three options: they are drawn again
    counts = Counter(below(lambda at, first=first: first if at == 0 else 5, 3, 3) for first in range(6))
    assert counts == {0: 2, 1: 2, 2: 2}
    assert [below(lambda at, first=first: first if at == 0 else 4, 3, 3) for first in (6, 7)] == [1, 1]


def test_options_are_uniform_over_secrets() -> None:
    choices = simple([5, 5])
    taken = [
        tuple(one.drawn for one in draw(choices, Secret(f"{at:032x}".encode()), 2, now=NOW).canaries)
        for at in range(5000)
    ]
    assert chisquare(list(Counter(taken).values())).pvalue > 0.001
    assert len(Counter(taken)) == 25


def test_drawing_is_repeatable_and_each_secret_picks_its_own() -> None:
    assert canonical_json(drawn()) == canonical_json(drawn())
    other = drawn(secret="ff" * 16)
    assert other.commitment != drawn().commitment
    assert {one.id for one in other.canaries} != {one.id for one in drawn().canaries}


def test_the_public_part_tells_no_choice() -> None:
    canaries = drawn()
    text = canonical_json(canaries.public())
    assert canaries.nonce.encode() not in text
    assert b"drawn" not in text
    assert repr(canaries) == f"Canaries({canaries.commitment[:16]}…)"
    assert SECRET not in canonical_json(canaries).decode()


def test_the_file_is_the_owners_alone_and_changed_choices_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "canaries.json"
    write_canaries(path, drawn())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_canaries(path) == drawn()
    with pytest.raises(Error, match="exists already"):
        write_canaries(path, drawn())
    changed = msgspec.to_builtins(drawn())
    changed["canaries"][3]["drawn"] = 1 - min(changed["canaries"][3]["drawn"], 1)
    path.write_bytes(canonical_json(changed))
    with pytest.raises(Error, match="commitment") as caught:
        read_canaries(path)
    assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED
    path.chmod(0o644)
    with pytest.raises(Error, match="read by others"):
        read_canaries(path)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "x"}', "[" * 5000])
def test_a_file_that_is_none_is_one_error_without_its_content(tmp_path: Path, text: str) -> None:
    path = tmp_path / "canaries.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Error, match="is no file of canaries"):
        read_canaries(path)


@pytest.mark.parametrize("count", [0, 205])
def test_more_canaries_than_items_are_refused(count: int) -> None:
    with pytest.raises(Error, match="cannot be drawn"):
        drawn(count)


def test_one_secret_is_committed_to_once(tmp_path: Path) -> None:
    log = Log.create(tmp_path / "book", "example.org/log", SigningKey.generate())
    publish(log, drawn())
    with pytest.raises(Error, match="under this secret"):
        publish(log, drawn(50))
    publish(log, drawn(secret="ff" * 16))


def test_servings_are_counted_and_a_torn_line_harms_no_other(tmp_path: Path) -> None:
    canaries, path = drawn(), tmp_path / "served.jsonl"
    first, second = canaries.canaries[:2]
    assert log_serving(path, canaries, first.id, account="a", request="r") == first.options[first.drawn]
    with path.open("ab") as stream:
        stream.write(b'{"time":"2026-11-3')
    log_serving(path, canaries, second.id)
    log_serving(path, canaries, first.id)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    served = read_servings(path, canaries)
    assert (served.counts, served.unreadable) == (Counter({first.id: 2, second.id: 1}), 1)
    assert read_servings(path, drawn(1, "ff" * 16)).foreign in (2, 3)
    with pytest.raises(Error, match="no canary of this set"):
        log_serving(path, canaries, "another")


@pytest.mark.parametrize(
    ("match", "options", "answer", "shown"),
    [
        ("word", ["Marlow", "Tessen"], "I would call it MARLOW.", 0),
        ("word", ["Marlow", "Tessen"], "Marlowe", None),
        ("word", ["Marlow", "Tessen"], "Marlow or Tessen", None),
        ("word", ["[name]", "<name>"], "Dear <name>,", 1),
        ("start", ["1.", "1)"], " 1) tea", 1),
        ("start", ["-", "--"], "-- tea", 1),
        ("start", ["-", "*"], "tea - milk", None),
        ("start", ["-", "*", "+"], "**+**", None),
        ("start", ["***", "*****"], "*****", 1),
        ("start", ["1.", "1)"], "1.5 litres", None),
        ("order", ["a, b, c", "b, a, c"], "First b, then a; c last, as b said", 1),
        ("order", ["cats and dogs", "dogs and cats"], "cats, and also dogs", 0),
        ("order", ["cats and dogs", "dogs and cats"], "cats", None),
    ],
)
def test_what_an_answer_shows(match: str, options: list[str], answer: str, shown: int | None) -> None:
    assert option_shown(match, options, answer) == shown


def _list(folder: Path, **changes: Any) -> Path:
    template = {
        "id": "t",
        "category": "name",
        "match": "word",
        "prompt": "Pick for {slot}.",
        "options": ["one", "two"],
        "slots": ["a"],
    }
    path = folder / "list.json"
    known = {"schema": "countermark/free-choices/v1", "name": "n", "templates": [{**template, **changes}]}
    path.write_bytes(canonical_json(known))
    return path
