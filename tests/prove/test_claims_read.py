"""The rows of claims: strict, complete, dated, and no one can leave a question out."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from claim_samples import SOURCE, claim, element, other, row, write

from countermark.errors import Error, ExitCode
from countermark.prove.claims.read import own_claims, pick, read_claims
from countermark.prove.claims.rows import Claim

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "spec" / "legal.schema.json"


def test_the_schema_is_that_of_the_types() -> None:
    made = msgspec.json.schema(Claim)
    written = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert written["$defs"] == made["$defs"]
    assert written["$ref"] == made["$ref"]
    jsonschema.Draft202012Validator.check_schema(written)


def test_the_shipped_claims_are_of_the_schema() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert len(read_claims()) >= 8
    for one in read_claims().values():
        jsonschema.validate(msgspec.to_builtins(one), schema)


def test_own_claims_replace_shipped_ones_by_name(tmp_path: Path) -> None:
    name = sorted(read_claims())[0]
    own = own_claims(write(tmp_path / "legal", claim(name), other()))
    both = read_claims() | own
    assert both[name].title == "Breach of sample terms"
    assert set(both) == {*read_claims(), "eu-sample"}


def test_what_is_read_cannot_change_what_ships() -> None:
    read_claims().clear()
    assert read_claims()


def with_element(**changes: Any) -> dict[str, Any]:
    return claim(elements=[{**element("contract", ["terms"], []), **changes}])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (claim(elements=[element("a", [], []), element("a", [], [])]), "twice"),
        (claim(remedies=[row("contract", kind="costs")]), "twice"),
        (with_element(exhibits=["terms", "rumours"]), "rumours"),
        (with_element(question="Say so."), "question mark"),
        (with_element(facts=["Not A Name"]), "not as expected"),
        (with_element(status="likely"), "not as expected"),
        (with_element(sources=[]), "not as expected"),
        (with_element(surprise=1), "not as expected"),
        (with_element(due="2026-02-30"), "does not exist"),
        (with_element(due="2026-05-01"), "on or before"),
        (with_element(due="2026-06-01"), "on or before"),
        (with_element(reviewed="2026-12-01"), "on or before"),
        (with_element(sources=[{**SOURCE, "dated": "2026-06-02"}]), "later day"),
        (with_element(sources=[{**SOURCE, "dated": "2025-13-01"}]), "does not exist"),
        (with_element(sources=[{**SOURCE, "url": "http://law.example"}]), "not as expected"),
        (claim(reviewed="2026-06-31"), "does not exist"),
        (claim(due="2026-06-01"), "on or before"),
        (claim(schema="countermark/legal/v2"), "not as expected"),
        (claim(elements=[]), "not as expected"),
        (claim(counter_arguments=[]), "not as expected"),
        ({key: value for key, value in claim().items() if key != "reviewed_by"}, "not as expected"),
    ],
)
def test_a_row_that_is_not_complete_is_no_row(fields: dict[str, Any], says: str, tmp_path: Path) -> None:
    own_claims(write(tmp_path / "good", claim()))
    with pytest.raises(Error) as refused:
        own_claims(write(tmp_path / "bad", fields))
    assert says in refused.value.message
    assert refused.value.exit_code == ExitCode.NO_INPUT
    assert "\n" not in refused.value.message


def test_a_file_is_called_like_its_claim(tmp_path: Path) -> None:
    folder = write(tmp_path / "legal", claim())
    (folder / "us-sample.yaml").rename(folder / "us-contract.yaml")
    with pytest.raises(Error, match=r"us-sample\.yaml"):
        own_claims(folder)


@pytest.mark.parametrize("names", [[], [f"{at}.yaml" for at in range(101)]])
def test_a_folder_without_claims_or_with_too_many(names: list[str], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).write_text("a: 1")
    with pytest.raises(Error) as refused:
        own_claims(tmp_path)
    assert refused.value.exit_code == ExitCode.NO_INPUT


@pytest.mark.parametrize(
    "text",
    [
        b"schema: &a x\nclaim: *a\n",
        b"schema: countermark/legal/v1\nschema: countermark/legal/v1\n",
        b"claim: !!python/object/apply:os.system [x]\n",
        b"a: [1\n",
        b"\xff\xfe",
        b"a: " + b"[" * 5000,
        b"- a\n",
        b"x: [" + b"1," * 21_000 + b"]\n",
        b"a: " + b"x" * (1 << 20),
        b"",
        b"\x00",
    ],
)
def test_hostile_yaml_is_an_error_of_one_line(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "us-sample.yaml").write_bytes(text)
    with pytest.raises(Error) as refused:
        own_claims(tmp_path)
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 1000
    assert refused.value.exit_code == ExitCode.NO_INPUT


def test_claims_are_picked_in_the_order_they_are_named(tmp_path: Path) -> None:
    claims = own_claims(write(tmp_path / "legal", claim(), other()))
    picked = [one.claim for one in pick(claims, " us-sample, eu-sample,us-sample ")]
    assert picked == ["us-sample", "eu-sample"]


def test_an_unknown_claim_is_a_usage_error_with_the_nearest_names(tmp_path: Path) -> None:
    claims = own_claims(write(tmp_path / "legal", claim(), other()))
    with pytest.raises(Error) as near:
        pick(claims, "us-sampel")
    assert near.value.exit_code == ExitCode.USAGE
    assert "us-sample" in near.value.hint
    for nothing in ("zzzzzz", " , "):
        with pytest.raises(Error) as far:
            pick(claims, nothing)
        assert far.value.exit_code == ExitCode.USAGE
        assert far.value.hint == "there are eu-sample, us-sample"
