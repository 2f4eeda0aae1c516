"""`case claims` and `case draft` as a person runs them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from claim_samples import claim, other, write

from countermark.cli.case_draft import Kind
from countermark.prove.claims.read import read_claims
from countermark.prove.drafts.kinds import DRAFTS
from countermark.prove.package.trustfile import SignerEntry, write_trust
from countermark.prove.sealing.seal_options import SealOptions
from countermark.trust.signing import SigningKey
from running import countermark


@pytest.fixture
def legal(tmp_path: Path) -> Path:
    return write(tmp_path / "legal", claim(), other())


@pytest.fixture
def package(sealed: Callable[..., Path]) -> Path:
    return sealed()


@pytest.fixture
def trust(key: SigningKey, tmp_path: Path) -> Path:
    write_trust(tmp_path / "trust.json", [SignerEntry("Ann", key.public.to_base64())])
    return tmp_path / "trust.json"


def listed(*arguments: Path | str) -> list[dict[str, Any]]:
    done = countermark("case", "claims", *arguments, "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["schema"] == "countermark/case-claims/v1"
    return list(document["claims"])


def test_claims_are_listed(legal: Path) -> None:
    names = [one["claim"] for one in listed()]
    assert names == sorted(read_claims())
    both = {one["claim"]: one for one in listed("--legal", legal)}
    assert set(both) == {*names, "eu-sample", "us-sample"}
    assert both["us-sample"]["own"]
    assert not both[names[0]]["own"]
    assert (both["us-sample"]["elements"], both["us-sample"]["due"]) == (11, "2026-12-01")
    done = countermark("case", "claims", "--legal", legal)
    assert "us-sample  Sampleland: Breach of sample terms (disputed, counsel's own)" in done.out


def test_the_rows_of_one_claim(legal: Path) -> None:
    (one,) = listed("--legal", legal, "--claim", "us-sample", "--today", "2026-07-01")
    assert [row["row"] for row in one["rows"]].count("element") == 11
    assert [row["id"] for row in one["rows"] if row["past_review"]] == ["identity"]
    done = countermark("case", "claims", "--legal", legal, "--claim", "us-sample", "--today", "2026-07-01")
    assert "past its review date (due 2026-07-01), reviewed 2026-06-01" in done.out
    assert "Who shows weights?" in done.out
    assert "Example Act, section 1, 2025-01-02 https://law.example/act" in done.out


@pytest.mark.parametrize(
    ("today", "ids"), [("2026-06-30", []), ("2026-07-01", ["identity"]), ("2026-11-30", ["identity"])]
)
def test_due_lists_the_rows_past_their_day(today: str, ids: list[str], legal: Path) -> None:
    own = [one for one in listed("--legal", legal, "--due", "--today", today) if one["own"]]
    assert [row["id"] for one in own for row in one["rows"]] == ids


def test_nothing_due_says_so_and_is_no_error() -> None:
    done = countermark("case", "claims", "--due", "--today", "2026-11-28")
    assert (done.code, done.out) == (0, "")
    assert "no row is past its review date on 2026-11-28" in done.err


def test_an_unknown_claim_and_a_day_that_is_none() -> None:
    done = countermark("case", "claims", "--claim", "us-contrakt")
    assert done.code == 2
    assert "us-contrakt" in done.error()
    assert "us-contract" in done.err
    for day in ("2026-02-30", "1 July", "2026-7-1"):
        done = countermark("case", "claims", "--due", "--today", day)
        assert done.code == 2
        assert "--today" in done.error()


def test_control_characters_of_own_rows_do_not_reach_the_terminal(tmp_path: Path) -> None:
    folder = write(tmp_path / "legal", claim(title="bad \x1b[2J title"))
    assert "\x1b" not in countermark("case", "claims", "--legal", folder).out


def test_the_kinds_of_the_command_are_those_of_the_drafts() -> None:
    assert [one.value for one in Kind] == list(DRAFTS)


@pytest.mark.parametrize("kind", list(DRAFTS))
def test_a_draft_of_a_case_folder_or_package(kind: str, legal: Path, package: Path, trust: Path) -> None:
    line = ("case", "draft", kind, package, "--trust", trust, "--legal", legal, "--claims", "us-sample")
    done = countermark(*line, "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["schema"] == "countermark/case-draft/v1"
    assert (document["kind"], document["case_id"], document["out"]) == (kind, "CASE-1", None)
    assert document["document"]["mark"] == "Draft for counsel"
    assert document["open_questions"]


def test_the_pdf_is_written_and_the_same_twice(package: Path, trust: Path, tmp_path: Path) -> None:
    made = []
    for name in ("a.pdf", "b.pdf"):
        done = countermark(
            "case", "draft", "exhibit-list", package, "--trust", trust, "--out", tmp_path / name
        )
        assert done.code == 0, done.err
        assert done.out == f"draft for counsel, exhibit-list of case CASE-1, in {tmp_path / name}\n"
        assert "  - Court: Which court?" in done.err
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    assert made[0].startswith(b"%PDF-")


FACTS = """\
schema: countermark/case-facts/v1
parties:
  claimant: Example AI Inc.
  defendant: Example Labs Ltd.
statements:
  - fact: defendant-identity
    says: The accounts were opened for Example Labs Ltd.
    by: Ann Example, head of trust and safety
    dated: "2026-06-20"
    files: [registry.pdf]
"""


@pytest.mark.parametrize("kind", list(DRAFTS))
def test_a_draft_of_a_case_folder_is_a_working_paper(kind: str, options: SealOptions, tmp_path: Path) -> None:
    folder = tmp_path / "CASE-1"
    assert countermark("case", "open", folder, "--id", "CASE-1").code == 0
    added = countermark("case", "add", "findings", folder, options.findings, "--events", options.events)
    assert added.code == 0, added.err
    (tmp_path / "registry.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "FACTS.yaml").write_text(FACTS)
    line = ("case", "draft", kind, folder, "--facts", tmp_path / "FACTS.yaml", "--claims", "us-contract")
    done = countermark(*line, "--json", "--out", tmp_path / "draft.pdf")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["document"]["mark"] == "Draft for counsel. Working paper: not sealed"
    if kind != "certificate-902":
        assert "Example Labs Ltd." in done.out
    assert (tmp_path / "draft.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("kind", list(DRAFTS))
def test_a_draft_of_a_redacted_package(kind: str, package: Path, key: SigningKey, tmp_path: Path) -> None:
    key.save(tmp_path / "key")
    takes = [
        f"trade-secret:data/findings/findings.json#/campaigns/0/{field}"
        for field in ("size", "window/first", "null", "kind", "p_value")
    ]
    out = tmp_path / "redacted.zip"
    line = [
        "case",
        "redact",
        package,
        "--out",
        out,
        "--key",
        tmp_path / "key",
        "--why",
        "a test",
        "--allow-elsewhere",
    ]
    redacted = countermark(*line, *(part for take in takes for part in ("--take", take)))
    assert redacted.code == 0, redacted.err
    done = countermark("case", "draft", kind, out, "--claims", "us-contract", "--json")
    assert done.code == 0, done.err
    if kind == "preservation-letter":
        assert "number taken out" in done.out


def test_what_is_wrong_is_one_line(package: Path, trust: Path, tmp_path: Path) -> None:
    assert countermark("case", "draft", "exhibit-list", package).code == 2
    assert countermark("case", "draft", "love-letter", package, "--json").code == 2
    done = countermark("case", "draft", "exhibit-list", package, "--claims", "us-kontract", "--json")
    assert (done.code, "us-contract" in done.err) == (2, True)
    assert countermark("case", "draft", "exhibit-list", tmp_path / "none.zip", "--json").code == 3
    damaged = tmp_path / "damaged.zip"
    data = bytearray(package.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(bytes(data))
    assert countermark("case", "draft", "exhibit-list", damaged, "--json").code == 20
