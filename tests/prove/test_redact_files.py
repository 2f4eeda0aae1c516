"""Taking out: half of everything at random, patterns, accounts, what must stay, what else goes with it."""

import io
import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.prove.leaf_package import (
    ACCOUNTS,
    FINDINGS,
    KEY,
    MEMBERS,
    PARQUET,
    REPORT,
    REQUESTS,
    RESULTS,
    account,
    after,
    check,
    payload,
    predicate,
    with_leaves,
)

from countermark.errors import Error, ExitCode
from countermark.prove.leaves.leaf_fields import is_kept
from countermark.prove.leaves.leaf_files import Chooser, take_out
from countermark.prove.leaves.leaves import GROUNDS, check_leaves, fields_of, write_leaves
from countermark.prove.redacting.elsewhere import Needles
from countermark.prove.redacting.redact_files import cut
from countermark.prove.redacting.redaction import TakenOut, check_counts, read_redaction
from countermark.prove.redacting.takes import (
    Lines,
    Take,
    matcher,
    parse_rows,
    parse_take,
    read_accounts,
    read_plan,
)

REASONS = "/campaigns/*/reasons/**"


def test_half_of_all_leaves_taken_out_at_random_keeps_every_root(tmp_path: Path) -> None:
    contents, roots = with_leaves(payload())
    chance = random.Random(7)
    takes = []
    for name, root in roots.items():
        if root.form == "rows":
            rows = [at + 1 for at in range(root.count) if chance.random() < 0.5]
            takes += [Take(ground=chance.choice(GROUNDS), name=name, rows=((at, at),)) for at in rows]
            continue
        data = contents[name].data or b""
        text = data if name.endswith(".json") else b"[" + b",".join(data.splitlines()) + b"]"
        pointers = [pointer for pointer, _ in fields_of(text) if pointer.rpartition("/")[2] not in _STAY]
        half = chance.sample(pointers, (len(pointers) + 1) // 2)
        takes += [Take(ground=chance.choice(GROUNDS), name=name, pointers=(one,)) for one in half]
    made = cut(contents, takes, None, tmp_path)
    left = after(contents, made)
    found = check(left, roots)
    redaction = read_redaction(predicate(taken_out=made.entries))
    check_counts(redaction, found)
    assert sum(counter.total() for counter in found.values()) == len(takes)
    by_ground = Counter(take.ground for take in takes)
    by_ground.update(made.gone.values())
    assert redaction.grounds() == dict(sorted(by_ground.items()))


_STAY = {"schema", "campaign_id", "report.html", "result", "class"}


def test_fields_go_and_every_other_byte_stays(tmp_path: Path) -> None:
    contents, roots = with_leaves(payload())
    made = cut(
        contents,
        [Take(ground="privilege", name="findings/findings.json", pointers=(REASONS,))],
        None,
        tmp_path,
    )
    left = after(contents, made)
    old, new = contents[FINDINGS].data or b"", left[FINDINGS].data or b""
    assert new == old.replace(b'"acct-0000003 began it"', b"null")
    assert b'"fdr": 0.01' in new
    assert check(left, roots)[FINDINGS] == Counter(privilege=1)
    assert made.attachments == [REPORT]
    assert made.entries == [
        TakenOut(count=1, form="fields", ground="privilege", name=FINDINGS),
        TakenOut(count=1, form="file", ground="privilege", name=REPORT),
    ]


texts = st.text(st.characters(codec="utf-8")) | st.sampled_from(
    ['"', '\\"', "\\\\", "a:b", "{}", "[ ]", ": null", "0", "/"]
)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


def null_at(value: Any, gone: set[str], pointer: str = "") -> Any:
    """The value with `null` where `gone` says: an oracle over parsed JSON."""
    if isinstance(value, dict) and value:
        parts = {key: key.replace("~", "~0").replace("/", "~1") for key in value}
        parts = {key: "~2" + one if re.fullmatch("[0-9]+", one) else one for key, one in parts.items()}
        return {key: null_at(one, gone, f"{pointer}/{parts[key]}") for key, one in value.items()}
    if isinstance(value, list) and value:
        return [null_at(one, gone, f"{pointer}/{at}") for at, one in enumerate(value)]
    return None if pointer in gone else value


@given(st.dictionaries(texts, trees, max_size=4), st.booleans(), st.randoms(use_true_random=False))
def test_null_stands_where_something_was_whatever_the_text_is(
    document: dict[str, Any], ascii_only: bool, chance: random.Random
) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=chance.choice([None, 1])).encode()
    containers = sum(value == b"{}" for _, value in fields_of(text))
    text = text.replace(b"{}", b"{ \n}") if text.count(b"{}") == containers else text
    salts, new = io.BytesIO(), (io.BytesIO(), io.BytesIO())
    root = write_leaves(METHOD, "fields", io.BytesIO(text), salts, KEY)
    gone = {pointer for pointer, _ in fields_of(text) if chance.random() < 0.5}

    class Chosen(Chooser):
        def of_field(self, pointer: str) -> tuple[int, str] | None:
            return (0, "privilege") if pointer in gone else None

        def stays(self, pointer: str) -> bool:
            return False

    salts.seek(0)
    taken = take_out(METHOD, "fields", (io.BytesIO(text), salts), new, Chosen([]))
    assert taken.new == len(gone)
    assert json.loads(new[0].getvalue()) == null_at(document, gone)
    for stream in new:
        stream.seek(0)
    if not any(map(is_kept, gone)):
        assert check_leaves(METHOD, "fields", *new) == (root, +Counter(privilege=len(gone)))


METHOD = "data/findings/method.json"


def test_accounts_go_from_every_table_and_with_them_what_holds_the_same(tmp_path: Path) -> None:
    contents, roots = with_leaves(payload())
    gone = {account(1), account(2)}
    made = cut(contents, [Take(ground="personal-data", accounts=frozenset(gone))], None, tmp_path)
    left = after(contents, made)
    found = check(left, roots)
    assert {name: counter["personal-data"] for name, counter in found.items() if counter} == {
        MEMBERS: 2,
        ACCOUNTS: 4,
        REQUESTS: 20,
        "data/tables/acceptances.jsonl": 2,
    }
    assert made.taken[MEMBERS].stayed == 2
    text = b"".join(member.data or b"" for member in left.values())
    assert not any(one.encode() in text for one in gone)
    assert text.count(account(3).encode()) == 1 + 1 + 10 + 1
    assert (left[REQUESTS].data or b"").splitlines()[1:4] == [
        b"null",
        b"null",
        b'{"account_id":"acct-0000003","n":3}',
    ]
    assert set(made.attachments) == {REPORT, PARQUET}


def test_attachments_stay_where_one_wants_them(tmp_path: Path) -> None:
    contents, _ = with_leaves(payload())
    take = Take(ground="personal-data", accounts=frozenset({account(1)}))
    made = cut(contents, [take], None, tmp_path, keep_attachments=True)
    assert (made.gone, made.attachments) == ({}, [])


def test_a_second_redaction_keeps_what_the_first_took(tmp_path: Path) -> None:
    contents, roots = with_leaves(payload())
    first = cut(
        contents,
        [Take(ground="privilege", name=MEMBERS, rows=((1, 2),)), parse_take(f"third-party:{PARQUET}")],
        None,
        tmp_path / "1",
    )
    between = after(contents, first)
    before = read_redaction(predicate(taken_out=first.entries))
    take = Take(ground="personal-data", name="members.jsonl", pointers=("/*/account_id",))
    second = cut(between, [take], before, tmp_path / "2")
    found = check(after(between, second), roots)
    assert found[MEMBERS] == Counter({"privilege": 2, "personal-data": 4})
    assert set(first.entries) <= set(second.entries)
    check_counts(read_redaction(predicate(taken_out=second.entries)), found)


def test_a_table_that_goes_whole_takes_its_leaves_and_earlier_counts_with_it(tmp_path: Path) -> None:
    contents, roots = with_leaves(payload())
    first = cut(contents, [Take(ground="privilege", name=MEMBERS, rows=((1, 2),))], None, tmp_path / "1")
    between = after(contents, first)
    before = read_redaction(predicate(taken_out=first.entries))
    second = cut(between, [parse_take(f"court-order:{MEMBERS}")], before, tmp_path / "2")
    left = after(between, second)
    assert not any("members" in name for name in left)
    assert TakenOut(count=1, form="file", ground="court-order", name=MEMBERS) in second.entries
    check_counts(read_redaction(predicate(taken_out=second.entries)), check(left, roots))


REFUSED = {
    f"privilege:{FINDINGS}": "hangs on it",
    "privilege:data/case.json": "hangs on it",
    "privilege:data/leaves/results.json.leaves": "with the file",
    f"privilege:{FINDINGS}#/schema": "hangs on",
    f"privilege:{FINDINGS}#/files/report.html": "hangs on",
    f"privilege:{MEMBERS}#/*/campaign_id": "hangs on",
    f"privilege:{REQUESTS}#/0/n": "whole lines",
    f"privilege:{REPORT}#/0/n": "no fields",
    "privilege:nothing.json": "there is no",
    f"privilege:{FINDINGS}#/campaigns": "nothing to take out",
}


@pytest.mark.parametrize(("take", "why"), REFUSED.items(), ids=REFUSED.keys())
def test_what_may_not_go_is_refused_with_the_reason(take: str, why: str, tmp_path: Path) -> None:
    contents, _ = with_leaves(payload())
    with pytest.raises(Error, match=why) as caught:
        cut(contents, [parse_take(take)], None, tmp_path)
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("take", ["P.json", "P.json#/plan_id"], ids=["whole", "field"])
def test_what_a_confirmatory_result_hangs_on_stays(take: str, tmp_path: Path) -> None:
    text = take.replace("P.json", "privilege:data/plans/P.json")
    exploratory, _ = with_leaves(payload())
    assert cut(exploratory, [parse_take(text)], None, tmp_path / "1").entries
    contents, _ = with_leaves(payload("confirmatory"))
    for one in (text, f"privilege:{RESULTS}#/results/0/run", f"privilege:{FINDINGS}#/fdr"):
        with pytest.raises(Error, match="hangs on"):
            cut(contents, [parse_take(one)], None, tmp_path / "2")
    assert cut(contents, [parse_take("privilege:data/plans/P.json#/title")], None, tmp_path / "3").entries


def test_patterns() -> None:
    yes = {
        "/a/*/c": ["/a/0/c", "/a/x\ny/c", "/a//c"],
        "/a/**": ["/a", "/a/b", "/a/b/0/c"],
        "/a/0": ["/a/0", "/a/~20"],
        "/a.b": ["/a.b"],
        "/~01": ["/~01"],
        "/**": ["/x", ""],
    }
    no = {"/a/*/c": ["/a/c", "/a/0/1/c", "/a/0/c/d"], "/a/**": ["/ab"], "/a/0": ["/a/00"], "/a.b": ["/axb"]}
    assert all(matcher([pattern]).fullmatch(one) for pattern, ones in yes.items() for one in ones)
    assert not any(matcher([pattern]).fullmatch(one) for pattern, ones in no.items() for one in ones)
    assert Chooser([(5, parse_take("privilege:x#/a/*"))]).of_field("/a/1") == (5, "privilege")


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), max_size=8))
def test_lines_are_those_of_their_ranges(parts: list[tuple[int, int]]) -> None:
    ranges = [(start, start + more) for start, more in parts]
    meant = {line for start, end in ranges for line in range(start, end + 1)}
    lines = Lines(ranges)
    assert {line for line in range(80) if line in lines} == meant


def test_what_to_take_is_read_from_arguments_and_files(tmp_path: Path) -> None:
    assert parse_rows("requests.jsonl:1-5,9", "privilege").rows == ((1, 5), (9, 9))
    (tmp_path / "ids").write_text("a-1\n\nb-2\n")
    assert read_accounts(tmp_path / "ids", "personal-data").accounts == {"a-1", "b-2"}
    plan = "why: order\ntake:\n- {ground: privilege, name: x, pointers: [/a]}\n"
    plan += "- {ground: privilege, accounts: [q]}\n"
    (tmp_path / "plan.yaml").write_text(plan)
    takes, why = read_plan(tmp_path / "plan.yaml")
    assert ([take.pointers for take in takes], why) == ([("/a",), ()], "order")
    for text in ("privilege", "because:x", "privilege:", "privilege:x#a", "privilege:x#/**/a"):
        with pytest.raises(Error):
            parse_take(text)
    for text in ("x:0", "x:5-1", "x:a", "x:", "1-2"):
        with pytest.raises(Error):
            parse_rows(text, "privilege")
    (tmp_path / "plan.yaml").write_text("take: [{ground: privilege, name: x, pointers: [/a], whole: true}]")
    with pytest.raises(Error):
        read_plan(tmp_path / "plan.yaml")


@pytest.mark.parametrize("more", [0, 200], ids=["few", "many"])
def test_texts_are_found_however_they_are_escaped_and_across_blocks(more: int) -> None:
    values = ["acct-0000001", 'he said "no" & left', "Müller & Söhne", "short"]
    needles = Needles([*values, *(f"other-{at:05d}" for at in range(more))])
    texts = {
        "acct-0000001": ["acct-0000001"],
        values[1]: [json.dumps(values[1]), "he said &quot;no&quot; &amp; left"],
        values[2]: [json.dumps(values[2]), values[2], "Müller &amp; Söhne"],
    }
    for value, forms in texts.items():
        for form in forms:
            for before in (0, (1 << 20) - 5):
                text = b" " * before + form.encode() + b" short"
                assert needles.found_in(io.BytesIO(text)) == {value}
    assert needles.found_in(io.BytesIO(b"acct-000000")) == set()
    others = {f"other-{at:05d}" for at in range(more)}
    assert needles.found_in(io.BytesIO(b"x".join(b"<%s>" % one.encode() for one in others))) == others
    assert not Needles(["short"])


def test_entries_are_plain_data(tmp_path: Path) -> None:
    contents, _ = with_leaves(payload())
    made = cut(contents, [parse_take(f"privilege:{MEMBERS}#/0/account_id")], None, tmp_path)
    assert msgspec.to_builtins(made.entries)[0].keys() == {"count", "form", "ground", "name"}
    assert made.taken[MEMBERS].values == {account(0)}
