"""The policy as a document: strict YAML, a schema, what no policy can leave out, legal bases that end."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from policy_samples import EU, US, ground, write_legal
from policy_tables import tables

from countermark.errors import Error, ExitCode
from countermark.records import strict_yaml
from countermark.share.policy import document, legal
from countermark.share.policy.context import unmet
from countermark.share.policy.legal import Gdpr

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src" / "countermark" / "share" / "policy" / "default.yaml"
SCHEMA = ROOT / "spec" / "sharing-policy.schema.json"


def plain() -> dict[str, Any]:
    """The shipped policy as plain data."""
    loaded: dict[str, Any] = msgspec.to_builtins(document.default_policy())
    return loaded


def write(path: Path, policy: dict[str, Any]) -> Path:
    """A policy file."""
    path.write_text(yaml.safe_dump(policy, sort_keys=False))
    return path


def test_the_schema_is_that_of_the_types() -> None:
    made = msgspec.json.schema(document.Policy)
    assert json.loads(SCHEMA.read_text())["$defs"] == made["$defs"]


def test_the_shipped_policy_is_valid() -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(plain(), schema)


def test_a_policy_that_is_written_and_read_is_the_same(tmp_path: Path) -> None:
    assert (
        document.read_policy(write(tmp_path / "p.yaml", plain())).sha256 == document.default_policy().sha256
    )


@pytest.mark.parametrize(
    "change",
    [
        {"default": "allow"},
        {"schema": "other"},
        {"purposes": ["security", "marketing"]},
        {"limits": {"release_days": 7, "standing_days": 31, "dispute_hours": 24}},
        {"limits": {"release_days": 7, "standing_days": 30, "dispute_hours": 48}},
        {"unknown": 1},
        {"conditions": []},
        {"topics": []},
    ],
)
def test_what_the_schema_refuses_the_reader_refuses(change: dict[str, Any], tmp_path: Path) -> None:
    changed = {**plain(), **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, json.loads(SCHEMA.read_text()))
    with pytest.raises(Error) as refused:
        document.read_policy(write(tmp_path / "p.yaml", changed))
    assert refused.value.exit_code == ExitCode.NO_INPUT


def other_kind(policy: dict[str, Any]) -> None:
    policy["rules"][0]["kind"] = "payment"


def no_refusal(policy: dict[str, Any]) -> None:
    next(one for one in policy["kinds"] if one["id"] == "email")["refused"] = ""


def kind_left_out(policy: dict[str, Any]) -> None:
    policy["kinds"] = [one for one in policy["kinds"] if one["id"] != "phone"]


def condition_twice(policy: dict[str, Any]) -> None:
    policy["conditions"][0] = policy["conditions"][1]


def rule_twice(policy: dict[str, Any]) -> None:
    policy["rules"].append(policy["rules"][0])


def unknown_source(policy: dict[str, Any]) -> None:
    policy["topics"][0]["sources"] = ["nobody"]


def place_twice(policy: dict[str, Any]) -> None:
    policy["rules"].append({**policy["rules"][0], "id": "again"})


@pytest.mark.parametrize(
    "change",
    [other_kind, no_refusal, kind_left_out, condition_twice, rule_twice, unknown_source, place_twice],
)
def test_a_policy_cannot_undo_what_holds_under_each(change: Any, tmp_path: Path) -> None:
    policy = plain()
    change(policy)
    with pytest.raises(Error):
        document.read_policy(write(tmp_path / "p.yaml", policy))


@pytest.mark.parametrize(
    "text",
    [
        b"a: &x [1]\nb: *x\n",
        b"a: &a [&b [&c [x]]]\nd: *a\n",
        b"schema: a\nschema: b\n",
        b"a: !!python/object/apply:os.system [x]\n",
        b"a: !x y\n",
        b"a: [1\n",
        b"\xff\xfe",
        b"a: " + b"[" * 5000,
        b"a: " + b"[" * 13 + b"]" * 13,
        b"- a\n- b\n",
        b"a: 1\n---\nb: 2\n",
        b"x: [" + b"1," * 21_000 + b"]\n",
        b"a: " + b"x" * (1 << 20) + b"\n",
        b"? [a]\n: b\n",
        b"<<: {a: 1}\n",
        b"",
        b"\x00",
    ],
)
def test_hostile_yaml_is_an_error_of_one_line(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(text)
    with pytest.raises(Error) as refused:
        document.read_policy(tmp_path / "p.yaml")
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 1000


def test_yaml_means_what_it_says() -> None:
    text = b"country: NO\nday: 2026-01-01\nnumber: 010\nyes: on\n"
    assert strict_yaml.parse(text, dict, "x", "a page") == {
        "country": "NO",
        "day": "2026-01-01",
        "number": "010",
        "yes": "on",
    }


def test_the_us_statute_is_shipped_as_expired() -> None:
    shield = legal.read_bases()["us-6-usc-1503"]
    assert shield.until == date(2026, 9, 30)
    assert shield.holds(date(2026, 9, 30))
    assert "expired on 2026-09-30" in shield.problem(date(2026, 10, 1))


def test_a_renewal_is_a_record_of_its_own(tmp_path: Path) -> None:
    renewed = msgspec.structs.replace(US, id="us-renewed", renews="us-6-usc-1503")
    bases = legal.read_bases(write_legal(tmp_path / "l.yaml", renewed))
    assert bases["us-renewed"].problem(date(2026, 11, 20)) == ""
    again = msgspec.structs.replace(US, id="us-6-usc-1503")
    for wrong in (
        again,
        msgspec.structs.replace(US, renews="nothing"),
        msgspec.structs.replace(US, until=date(2020, 1, 1)),
    ):
        with pytest.raises(Error):
            legal.read_bases(write_legal(tmp_path / "l.yaml", wrong))


def test_a_basis_that_ended_ends_the_sharing() -> None:
    last = datetime(2027, 3, 31, 23, 59, tzinfo=UTC)
    assert unmet(ground(now=last)) == {}
    assert "expired" in unmet(ground(now=datetime(2027, 4, 1, tzinfo=UTC)))["legal-basis"]


def test_a_basis_of_the_eu_names_basis_and_transfer(tmp_path: Path) -> None:
    assert EU.problem(date(2026, 11, 20)) == ""
    assert "transfer" in msgspec.structs.replace(EU, gdpr=None).problem(date(2026, 11, 20))
    bad = json.loads(write_legal(tmp_path / "l.yaml", EU).read_text())
    bad["records"][0]["gdpr"]["transfer"] = "by post"
    (tmp_path / "l.yaml").write_text(json.dumps(bad))
    with pytest.raises(Error):
        legal.read_bases(tmp_path / "l.yaml")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"jurisdiction": "DE", "gdpr": None}, "transfer"),
        ({"jurisdiction": "DE-BY", "gdpr": None}, "transfer"),
        ({"jurisdiction": "NO", "gdpr": None}, "transfer"),
        ({"gdpr": Gdpr("6-1-f", "matter 12", "clauses-46")}, "which paper"),
        ({"recorded_on": date(2026, 11, 21)}, "not come yet"),
    ],
)
def test_a_basis_that_says_too_little_does_not_hold(change: dict[str, Any], says: str) -> None:
    assert says in msgspec.structs.replace(EU, **change).problem(date(2026, 11, 20))


@pytest.mark.parametrize("change", [{"until": date(2036, 1, 1)}, {"renews": "us-counsel"}])
def test_a_basis_that_never_ends_or_renews_itself(change: dict[str, Any], tmp_path: Path) -> None:
    legal.read_bases(write_legal(tmp_path / "good.yaml", US))
    with pytest.raises(Error):
        legal.read_bases(write_legal(tmp_path / "l.yaml", msgspec.structs.replace(US, **change)))


@pytest.mark.parametrize(
    "text",
    [
        "accounts: !!int '1:30'",
        "accounts: !!int '0x10'",
        "!!merge k: {accounts: 9}\naccounts: 3",
        "accounts: &a 3",
        "accounts: !<tag:yaml.org,2002:int> 3",
    ],
)
def test_a_tag_or_an_anchor_that_changes_what_is_read(text: str) -> None:
    kind = dict[str, int]
    assert strict_yaml.parse(b"accounts: 3", kind, "x", "a page") == {"accounts": 3}
    with pytest.raises(Error):
        strict_yaml.parse(text.encode(), kind, "x", "a page")


@pytest.mark.parametrize("heading", sorted(tables(document.default_policy())))
def test_the_page_lists_the_shipped_rules(heading: str) -> None:
    page = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")
    after = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = "".join(f"{line}\n" for line in after.splitlines() if line.startswith("|"))
    assert table == tables(document.default_policy())[heading]
