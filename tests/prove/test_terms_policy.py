"""Policy files: strict, bound to a text by its digest; what changed between two versions."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from terms_samples import clause, policy

from countermark.errors import Error, ExitCode
from countermark.prove.clauses.difference import difference
from countermark.prove.clauses.policy import CONDUCTS, Clause, read_policies, read_policy
from countermark.records.canonical import file_sha256

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "policies"


def write(path: Path, whole: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(whole, allow_unicode=True, sort_keys=False))
    return path


def plain(**changes: Any) -> dict[str, Any]:
    return msgspec.to_builtins(policy("v1", "2026-01-01")) | changes


def test_a_policy_is_read_as_it_was_written(tmp_path: Path) -> None:
    given = policy(
        "v1", "2026-01-01", "2026-05-31", clauses=[clause("c", "restricted-region", regions=["NO"])]
    )
    assert read_policy(write(tmp_path / "p.yaml", msgspec.to_builtins(given))) == given


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"effective": "2026-02-30"}, "a day that there is not"),
        ({"ended": "2025-12-31"}, "ended before it was effective"),
        ({"ended": "soon"}, "ended"),
        ({"text_sha256": "F" * 64}, "text_sha256"),
        ({"id": "../x"}, "cannot have"),
        ({"version": "a b"}, "cannot have"),
        ({"clauses": []}, "clauses"),
        ({"clauses": [msgspec.to_builtins(clause("c", "resale")) for _ in range(2)]}, "a clause id twice"),
        ({"clauses": [msgspec.to_builtins(clause("c", "theft"))]}, "forbids"),
        ({"clauses": [msgspec.to_builtins(clause("c", "resale")) | {"quote": "x" * 601}]}, "quote"),
        ({"forbidden": True}, "unknown field"),
        ({"schema": "countermark/policy/v2"}, "schema"),
    ],
)
def test_what_cannot_be_is_one_error(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Error, match=says) as raised:
        read_policy(write(tmp_path / "p.yaml", plain(**changes)))
    assert raised.value.exit_code == ExitCode.NO_INPUT
    assert "\n" not in raised.value.message


def test_a_folder_holds_each_version_once(tmp_path: Path) -> None:
    with pytest.raises(Error, match="holds 0 policies"):
        read_policies(tmp_path)
    write(tmp_path / "a.yaml", plain())
    write(tmp_path / "b.yaml", plain(version="v2"))
    (tmp_path / "text.txt").write_text("the text")
    assert set(read_policies(tmp_path).by_key) == {("use", "v1"), ("use", "v2")}
    write(tmp_path / "c.yaml", plain())
    with pytest.raises(Error, match="use v1, which another file is too"):
        read_policies(tmp_path)


NAMES = st.sampled_from(["a", "b", "c", "d"])
CLAUSES = st.lists(
    st.builds(
        lambda name, forbids, quote: clause(name, *forbids, quote=quote),
        NAMES,
        st.lists(st.sampled_from(["resale", "model-training"]), min_size=1, max_size=2, unique=True),
        st.sampled_from(["one", "two"]),
    ),
    max_size=4,
    unique_by=lambda one: one.id,
)


@given(CLAUSES, CLAUSES)
def test_a_difference_leads_from_the_old_clauses_to_the_new(old: list[Clause], new: list[Clause]) -> None:
    found = difference(policy("v1", "2026-01-01", clauses=old), policy("v2", "2026-02-01", clauses=new))
    kept = {one.id: one for one in old if one.id not in {gone.id for gone in found.removed}}
    assert not {one.id for one in found.added} & set(kept)
    for one in found.changed:
        assert kept[one.new.id] == one.old
        assert one.fields
        kept[one.new.id] = one.new
    after = list(kept.values()) + list(found.added)

    def key(one: Clause) -> tuple[str, str, tuple[str, ...]]:
        return (one.id, one.quote, tuple(sorted(one.forbids)))

    assert sorted(map(key, after)) == sorted(map(key, new))


def test_the_order_of_what_a_clause_forbids_is_no_change() -> None:
    old, new = (
        policy("v", "2026-01-01", clauses=[clause("c", *one)])
        for one in (("resale", "circumvention"), ("circumvention", "resale"))
    )
    assert difference(old, new).changed == ()


def test_the_examples_are_of_their_texts() -> None:
    for path in sorted(EXAMPLES.glob("*.yaml")):
        one = read_policy(path)
        text = path.with_suffix(".txt")
        assert one.text_sha256 == file_sha256(text)
        whole = re.sub(r"\s+", " ", text.read_text())
        assert [each.id for each in one.clauses if each.quote not in whole] == []


def test_the_page_shows_what_the_command_says() -> None:
    page = (EXAMPLES.parent.parent / "docs" / "terms.md").read_text()
    found = difference(
        *(read_policy(EXAMPLES / f"example-usage-{one}.yaml") for one in ("2026-03", "2026-06"))
    )
    for one in (*found.added, *found.removed):
        assert f"{one.id}: {one.title}" in page
    assert json.dumps(found.to_dict())
    assert [one for one in CONDUCTS if f"`{one}`" not in page] == []
