"""Leaves against an oracle written from the specification, and every single change seen."""

import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import Error, ExitCode
from countermark.prove.leaves.leaves import (
    GROUNDS,
    Form,
    Root,
    check_leaves,
    fields_of,
    form_of,
    leaves_name,
    salts_for,
    write_leaves,
)
from countermark.trust.keyfiles import Secret

DOCUMENT = "data/findings/findings.json"
MEMBERS = "data/tables/members.jsonl"
REQUESTS = "data/tables/requests.jsonl"
KEY = Secret(bytes(range(32)))
TEXT = b"""{"schema": "s", "n": [1, -0, 1.50, 1E5, 12345678901234567890123], "e": {}, "l": [],
 "a/b": {"~": null}, "x\\ny": true, "u": "\\u00e9\\ud83d\\ude00 \\/\\u007f\\n",
 "0": {"00": false}, "": "q\\"\\\\"}"""


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def oracle_root(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it stands there."""
    if not hashes:
        return sha(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return sha(b"\x01" + oracle_root(hashes[:k]) + oracle_root(hashes[k:]))


def oracle_fields(value: Any, pointer: str = "") -> list[tuple[str, Any]]:
    """The leaves of parsed JSON, by the words of the specification."""
    if isinstance(value, dict) and value:
        parts = []
        for key, one in value.items():
            part = key.replace("~", "~0").replace("/", "~1")
            part = "~2" + part if re.fullmatch("[0-9]+", part) else part
            parts += oracle_fields(one, f"{pointer}/{part}")
        return parts
    if isinstance(value, list) and value:
        return [leaf for at, one in enumerate(value) for leaf in oracle_fields(one, f"{pointer}/{at}")]
    return [(pointer, value)]


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def cut(name: str, data: bytes, key: Secret | None = KEY) -> tuple[Root, bytes]:
    target = io.BytesIO()
    root = write_leaves(name, form_of(name), io.BytesIO(data), target, key)
    return root, target.getvalue()


def checked(name: str, data: bytes, leaves: bytes) -> tuple[Root, Counter[str]]:
    return check_leaves(name, form_of(name), io.BytesIO(data), io.BytesIO(leaves))


json_texts = st.text(st.characters(codec="utf-8"))
keys = st.one_of(json_texts, st.sampled_from(["", "0", "10", "01", "~", "/", "~2", "a\nb", "~0/1", "٣"]))
values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), json_texts
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=20,
)
spelled = st.from_regex(
    re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?", re.ASCII), fullmatch=True
)


@given(st.dictionaries(keys, values, max_size=5), st.booleans())
def test_a_document_is_cut_as_the_specification_says(document: dict[str, Any], ascii_only: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only, indent=1).encode()
    found = list(fields_of(text))
    expected = oracle_fields(document)
    assert [pointer for pointer, _ in found] == [pointer for pointer, _ in expected]
    for (_, value), (_, meant) in zip(found, expected, strict=True):
        assert b"\n" not in value
        assert value == (rfc8785.dumps(meant) if isinstance(meant, str) else json.dumps(meant).encode())
    root, leaves = cut(DOCUMENT, text)
    salts = list(salts_for(KEY, DOCUMENT, digest(text), len(found)))
    hashes = [
        sha(b"\x00" + salt + pointer.encode() + b"\n" + value)
        for salt, (pointer, value) in zip(salts, found, strict=True)
    ]
    assert root == Root(name=DOCUMENT, form="fields", count=len(found), root=oracle_root(hashes).hex())
    assert leaves == b"".join(salt.hex().encode() + b"\n" for salt in salts)
    assert checked(DOCUMENT, text, leaves) == (root, Counter())


@given(st.lists(spelled, min_size=1, max_size=5))
def test_numbers_are_hashed_as_they_are_spelled(numbers: list[str]) -> None:
    text = "[" + " , ".join(numbers) + "]"
    assert list(fields_of(text.encode())) == [(f"/{at}", one.encode()) for at, one in enumerate(numbers)]


@given(values, values)
def test_two_documents_have_the_same_leaves_only_where_they_are_the_same(one: Any, other: Any) -> None:
    same = list(fields_of(json.dumps(one).encode())) == list(fields_of(json.dumps(other).encode()))
    assert same == (json.dumps(one) == json.dumps(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'["x"]', b'{"0":"x"}'),
        (b'{"~20":1}', b'{"0":1}'),
        (b'{"a":{"b":1}}', b'{"a/b":1}'),
        (b'{"a\\n1":2}', b'{"a":"1\\n2"}'),
        (b'{"a":"null"}', b'{"a":null}'),
        (b'{"a":{}}', b'{"a":[]}'),
        (b'{"a":1}', b'{"a":1.0}'),
        (b'{"a":"1"}', b'{"a":1}'),
        (b'{"a":1,"b":2}', b'{"b":2,"a":1}'),
    ],
)
def test_what_looks_alike_has_other_leaves(one: bytes, other: bytes) -> None:
    assert list(fields_of(one)) != list(fields_of(other))


def test_the_fields_of_a_document_in_order() -> None:
    assert list(fields_of(TEXT)) == [
        ("/schema", b'"s"'),
        ("/n/0", b"1"),
        ("/n/1", b"-0"),
        ("/n/2", b"1.50"),
        ("/n/3", b"1E5"),
        ("/n/4", b"12345678901234567890123"),
        ("/e", b"{}"),
        ("/l", b"[]"),
        ("/a~1b/~0", b"null"),
        ("/x\ny", b"true"),
        ("/u", '"é😀 /\x7f\\n"'.encode()),
        ("/~20/~200", b"false"),
        ("/", b'"q\\"\\\\"'),
    ]


REFUSED = {
    "a key twice": b'{"a":1,"a":2}',
    "a key twice, spelled in two ways": b'{"a":1,"\\u0061":2}',
    "not a number": b'{"a":NaN}',
    "infinite": b'{"a":-Infinity}',
    "no UTF-8": b'{"a":"\xff"}',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "a lone surrogate": b'{"a":"\\ud800"}',
    "a lone surrogate in a key": b'{"\\udc00":1}',
    "too deep": b"[" * 65 + b"]" * 65,
    "far too deep": b"[" * 100_000 + b"]" * 100_000,
    "cut off": b'{"a":1',
    "two values": b"{} {}",
    "a leading zero": b'{"a":01}',
    "a control character": b'{"a":"\x01"}',
    "a byte order mark": b'\xef\xbb\xbf{"a":1}',
    "nothing": b"",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_a_package_may_not_have_is_refused_in_fields_and_in_rows(text: bytes) -> None:
    for refuse in (
        lambda: list(fields_of(text)),
        lambda: cut(DOCUMENT, text),
        lambda: cut(REQUESTS, b'{"a":1}\n' + text + b"\n"),
        lambda: cut(MEMBERS, b'{"a":1}\n{"b":' + text + b"}\n"),
    ):
        with pytest.raises(Error) as caught:
            refuse()
        assert caught.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_sixty_four_levels_are_not_too_deep() -> None:
    deep = b"[" * 64 + b"]" * 64
    assert [value for _, value in fields_of(deep)] == [b"[]"]
    assert cut(REQUESTS, b'{"a":' + deep[1:-1] + b"}\n")[0].count == 1


@pytest.mark.parametrize("line", [b"[]", b"1", b'"x"'])
def test_a_row_is_an_object(line: bytes) -> None:
    with pytest.raises(Error, match="no object"):
        cut(REQUESTS, b'{"a":1}\n' + line + b"\n")


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b"1", b'{"a":1}\r{"a":1}'])
def test_a_line_of_fields_is_an_object_with_a_key(line: bytes) -> None:
    with pytest.raises(Error):
        cut(MEMBERS, b'{"a":1}\n' + line + b"\n")


@pytest.mark.parametrize("name", [MEMBERS, REQUESTS])
def test_a_table_ends_in_a_line_feed_and_has_no_line_over_the_limit(name: str) -> None:
    for data in (b'{"a":1}', b'{"a":1}\n{"a":2}', b'{"a":"' + b"x" * (1 << 20) + b'"}\n'):
        with pytest.raises(Error):
            cut(name, data)
    longest = b'{"a":"' + b"x" * ((1 << 20) - 8) + b'"}\n'
    assert cut(name, longest)[0].count == 1


@pytest.mark.parametrize("name", [MEMBERS, REQUESTS])
def test_an_empty_table_has_the_root_of_nothing(name: str) -> None:
    root, leaves = cut(name, b"")
    assert (root.count, root.root, leaves) == (0, sha(b"").hex(), b"")
    assert checked(name, b"", b"")[0] == root


@given(st.integers(0, 40) | st.sampled_from([4095, 4096, 4097, 8192, 12289]))
def test_the_root_over_rows_is_that_of_the_recursion(count: int) -> None:
    rows = [b'{"i":%d}' % at for at in range(count)]
    root, leaves = cut(REQUESTS, b"".join(row + b"\n" for row in rows))
    salts = salts_for(KEY, REQUESTS, digest(b"".join(row + b"\n" for row in rows)), count)
    hashes = [sha(b"\x00" + salt + row) for salt, row in zip(salts, rows, strict=True)]
    assert (root.count, root.root) == (count, oracle_root(hashes).hex())
    assert checked(REQUESTS, b"".join(row + b"\n" for row in rows), leaves)[0] == root


def test_the_leaves_of_a_table_are_those_of_the_array_of_its_lines() -> None:
    lines = [b'{"country":"DE","n":[1,{}]}', b'{"country":"FR"}']
    table, _ = cut(MEMBERS, b"".join(line + b"\n" for line in lines))
    salts = salts_for(KEY, MEMBERS, digest(b"".join(line + b"\n" for line in lines)), 4)
    cuts = fields_of(b"[" + b",".join(lines) + b"]")
    hashes = [
        sha(b"\x00" + salt + f"{at}\n".encode() + value)
        for salt, (at, value) in zip(salts, cuts, strict=True)
    ]
    assert table.root == oracle_root(hashes).hex()


def test_salts_come_from_the_key_the_name_and_the_content_or_from_chance() -> None:
    one, other = digest(b"one"), digest(b"other")
    salt = hashlib.blake2b(
        b"data/x.json\x00" + one + (7).to_bytes(8, "big"),
        digest_size=16,
        key=bytes(range(32)),
        person=b"cm-leaf-v3",
    ).digest()
    assert list(salts_for(KEY, "data/x.json", one, 8))[7] == salt
    assert set(salts_for(KEY, "data/x.json", one, 9)).isdisjoint(salts_for(KEY, "data/y.json", one, 9))
    assert set(salts_for(KEY, "data/x.json", one, 9)).isdisjoint(salts_for(KEY, "data/x.json", other, 9))
    assert set(salts_for(None, "data/x.json", one, 9)).isdisjoint(salts_for(None, "data/x.json", one, 9))
    assert len(set(salts_for(None, "data/x.json", one, 5000))) == 5000


def test_names_of_leaves() -> None:
    assert (
        leaves_name("data/attributions/1/attribution.json")
        == "data/leaves/attributions/1/attribution.json.leaves"
    )
    forms: list[Form] = [form_of(DOCUMENT), form_of(MEMBERS), form_of(REQUESTS)]
    assert forms == ["fields", "fields", "rows"]


Change = Callable[[list[bytes], list[bytes]], object]
CHANGES: dict[str, Change] = {
    "a value": lambda rows, salts: rows.__setitem__(1, rows[1].replace(b"1", b"9")),
    "a salt": lambda rows, salts: salts.__setitem__(
        1, salts[1][:-1] + (b"0" if salts[1][-1:] != b"0" else b"1")
    ),
    "a salt in capitals": lambda rows, salts: salts.__setitem__(1, salts[1].upper()),
    "the order of rows": lambda rows, salts: rows.reverse(),
    "the order of salts": lambda rows, salts: salts.reverse(),
    "the order of both": lambda rows, salts: (rows.reverse(), salts.reverse()),
    "a row fewer": lambda rows, salts: rows.pop(),
    "a salt fewer": lambda rows, salts: salts.pop(),
    "one of each fewer": lambda rows, salts: (rows.pop(), salts.pop()),
    "a row twice": lambda rows, salts: (rows.append(rows[-1]), salts.append(salts[-1])),
    "a row put in": lambda rows, salts: (rows.insert(0, rows[0]), salts.insert(0, salts[0])),
    "a row hidden": lambda rows, salts: rows.__setitem__(2, b"null"),
    "a hash without a ground": lambda rows, salts: (
        rows.__setitem__(2, b"null"),
        salts.__setitem__(2, b"-" + b"0" * 64),
    ),
    "another hash": lambda rows, salts: (
        rows.__setitem__(2, b"null"),
        salts.__setitem__(2, b"-" + b"0" * 64 + b" privilege"),
    ),
    "an empty line": lambda rows, salts: salts.insert(1, b""),
}


def same(left: Callable[[], Any], right: Any) -> bool:
    try:
        return bool(left() == right)
    except Error as error:
        return error.exit_code != ExitCode.VERIFICATION_FAILED


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("name", [MEMBERS, REQUESTS])
def test_any_single_change_is_seen(name: str, change: Change) -> None:
    rows = [b'{"i":"x1a%d"}' % at for at in range(5)]
    root, leaves = cut(name, b"".join(row + b"\n" for row in rows))
    salts = leaves.splitlines()
    assert checked(name, b"".join(row + b"\n" for row in rows), leaves)[0] == root
    change(rows, salts)
    content, lines = (b"".join(one + b"\n" for one in many) for many in (rows, salts))
    assert not same(lambda: checked(name, content, lines)[0], root)


@pytest.mark.parametrize("ground", [*GROUNDS, "because"])
def test_a_leaf_that_was_taken_out_keeps_the_root(ground: str) -> None:
    salts = list(salts_for(KEY, DOCUMENT, digest(TEXT), 13))
    root, _ = cut(DOCUMENT, TEXT)
    hashes = [
        sha(b"\x00" + salt + f"{at}\n".encode() + value)
        for salt, (at, value) in zip(salts, fields_of(TEXT), strict=True)
    ]
    lines = [salt.hex() for salt in salts]
    lines[3] = f"-{hashes[3].hex()} {ground}"
    leaves = "".join(line + "\n" for line in lines).encode()
    gone = TEXT.replace(b"1.50", b"null")
    if ground not in GROUNDS:
        assert not same(lambda: checked(DOCUMENT, gone, leaves)[0], root)
        return
    assert checked(DOCUMENT, gone, leaves) == (root, Counter({ground: 1}))
    with pytest.raises(Error, match="still there"):
        checked(DOCUMENT, TEXT, leaves)
    lines[3], lines[0] = salts[3].hex(), f"-{hashes[0].hex()} {ground}"
    with pytest.raises(Error, match="hangs on"):
        checked(DOCUMENT, TEXT.replace(b'"s"', b"null"), "".join(line + "\n" for line in lines).encode())


TIGHT = b'{"b":"\\u0007 / \\\\ \\" \xc3\xa9","a":[1.50,-0.0,1e-09,123456789012345678],"c":{},"d":[],"e":null}'
LOOSE = {
    "a blank": (b'"c":', b'"c": '),
    "a blank at the end": (b"null}", b"null} "),
    "a blank in an empty object": (b"{},", b"{ },"),
    "an escape": (b"\xc3\xa9", b"\\u00e9"),
    "an escape in capitals": (b'"a"', b'"\\u0061"'),
    "an escaped slash": (b" / ", b" \\/ "),
    "another escape": (b"\\u0007", b"\\u000A"),
}


@pytest.mark.parametrize("name", [MEMBERS, "data/custody.json", "data/results.json", "data/terms.json"])
@pytest.mark.parametrize("change", LOOSE.values(), ids=LOOSE.keys())
def test_where_only_the_leaves_cover_a_file_they_say_every_byte_of_it(
    name: str, change: tuple[bytes, bytes]
) -> None:
    end = b"\n" if name == MEMBERS else b""
    cut(name, TIGHT + end)
    loose = TIGHT.replace(*change)
    assert loose != TIGHT
    with pytest.raises(Error, match="blanks, or texts in another form"):
        cut(name, loose + end)
    cut(DOCUMENT, loose)
