"""`allow.yaml` and `dispositions.yaml`: what people wrote stays as written, what is hostile is one line."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.detect import decisions
from countermark.detect.decisions import read_allowed, read_dispositions
from countermark.errors import Error, ExitCode


def written(tmp_path, text):
    path = tmp_path / "decisions.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(read, path):
    with pytest.raises(Error) as caught:
        read(path)
    assert caught.value.exit_code == ExitCode.NO_INPUT
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


def test_groups_are_read_with_who_allows_them(tmp_path):
    text = "groups:\n  - name: red team\n    accounts: [a-1, a-2]\n  - {name: evaluation, accounts: [b]}\n"
    allowed = read_allowed(written(tmp_path, text))
    assert allowed.accounts == {"a-1": "red team", "a-2": "red team", "b": "evaluation"}


def test_without_a_file_nobody_is_allowed_and_nothing_is_decided(tmp_path):
    assert read_allowed(None).accounts == {}
    assert read_dispositions(tmp_path / "dispositions.yaml") == {}


SCALARS = ["012345", "1.10", "1e5", "yes", "off", "null", "~", "12:30:45", "1_000", "0x1F", "0b_", "0x_"]
SCALARS += ["2024-13-45", "2001-12-14t21:59:43.10-99:00", "=", ".inf", "<<"]


@pytest.mark.parametrize("account", [*SCALARS, "9" * 5_000])
def test_an_account_id_is_the_text_that_was_written(tmp_path, account):
    """YAML would read numbers, dates and booleans: 012345 as 5349, and another account would be allowed."""
    allowed = read_allowed(written(tmp_path, f"groups: [{{name: x, accounts: [{account}]}}]"))
    assert dict(allowed.accounts) == {account: "x"}
    decided = read_dispositions(written(tmp_path, f"? {account}\n: confirmed"))
    assert decided == {account: "confirmed"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "groups:",
        "groups: {name: x, accounts: [a]}",
        "groups: [a, b]",
        "groups: [{name: x}]",
        "groups: [{name: x, accounts: a}]",
        "groups: [{name: x, accounts: [a], note: b}]",
        "groups: [{name: x, accounts: [[a]]}]",
        "groups: [{name: x, accounts: [{a: b}]}]",
        "groups: [{name: [x], accounts: [a]}]",
        "groups: []\nmore: 1",
        "- a",
        "a",
        "--- {groups: []}\n--- {groups: []}",
        "groups: &g [{name: x, accounts: [a]}]\nmore: *g",
        "groups: [{name: x, accounts: &a [*a]}]",
        "? [a, b]\n: c",
        "groups: [",
        "groups: \t[}",
        "[" * 50_000,
        "{a: " * 50_000,
        b"groups: [\x00]",
        b"\xff\xfe\xff",
        b"groups: \xc3\x28",
    ],
)
def test_what_is_no_list_of_groups_is_refused_in_one_line(tmp_path, text):
    refused(read_allowed, written(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "c: Confirmed",
        "c: true",
        "c: [confirmed]",
        "c: {a: b}",
        "c:",
        "c: &x unsure\nd: *x",
        "? [c]\n: unsure",
    ],
)
def test_other_dispositions_are_refused_and_the_hint_names_the_three(tmp_path, text):
    error = refused(read_dispositions, written(tmp_path, text))
    assert "confirmed|rejected|unsure" in error.hint or "YAML" in error.hint


def test_a_billion_laughs_is_refused_at_once(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    start = time.perf_counter()
    refused(read_allowed, written(tmp_path, "\n".join(lines)))
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system [exit 1]", "!!python/name:os.system", "!x y"]
)
def test_a_tag_makes_no_object(tmp_path, tag):
    assert isinstance(
        attempt(read_allowed, written(tmp_path, f"groups: [{{name: x, accounts: [{tag}]}}]")), dict | Error
    )
    assert isinstance(attempt(read_dispositions, written(tmp_path, f"c: {tag}")), Error)


def attempt(read, path):
    try:
        found = read(path)
    except Error as error:
        return error
    values = getattr(found, "accounts", found)
    assert all(type(key) is type(value) is str for key, value in values.items())
    return dict(values)


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(decisions, "MOST_BYTES", 1_000)
    path = written(tmp_path, "groups:\n- name: x\n  accounts:\n" + "  - a\n" * 200)
    assert "larger than" in refused(read_allowed, path).message


@pytest.mark.parametrize("read", [read_allowed, read_dispositions])
def test_a_folder_is_no_file(tmp_path, read):
    refused(read, tmp_path)


def test_a_named_file_that_is_not_there_is_an_error(tmp_path):
    refused(read_allowed, tmp_path / "allow.yaml")


FRAGMENTS = st.lists(
    st.sampled_from(
        [*"[]{}:-?&*!|>%@`'\"#,\n \t", "groups", "name", "accounts", "a", "0x_", "confirmed", "<<", "\u2028"]
    ),
    max_size=40,
)


@given(text=st.one_of(FRAGMENTS.map("".join), st.text(max_size=60)))
def test_any_text_gives_text_or_an_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    for read in (read_allowed, read_dispositions):
        assert isinstance(attempt(read, path), dict | Error)
