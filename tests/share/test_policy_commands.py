"""share review, approve and dispute, as a user types them."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from findings_samples import findings
from policy_samples import (
    ADDRESS,
    US,
    campaign,
    indicator,
    relationship,
    write_context,
    write_legal,
    write_objects,
)

from countermark.errors import ExitCode
from countermark.share.policy.approvals import approved
from countermark.share.policy.home import Home
from countermark.trust.checkpoints import read_proof, verify_proof
from countermark.trust.entries import read_entry
from countermark.trust.log import Log, verify_log
from countermark.trust.merkle import leaf_hash
from countermark.trust.signing import SigningKey
from running import Done, countermark

TODAY = datetime.now(UTC).date()


@dataclass(frozen=True)
class Desk:
    """A member's folder, and the three keys."""

    folder: Path

    def run(self, *arguments: Path | str) -> Done:
        """A command of share with this member's home."""
        return countermark("share", *arguments, "--home", self.folder / "home")

    def review(self, source: Path, *more: Path | str) -> Done:
        """Review with the context."""
        return self.run("review", source, "--context", self.folder / "context.yaml", *more)

    def approve(self, target: Path, role: str, *more: Path | str) -> Done:
        """Approve in a role, under the name of the role."""
        key = self.folder / f"{role}.pem"
        return self.run("approve", target, "--as", role, "--key", key, "--name", role, *more)

    def release(self, number: int, *more: Path | str) -> Path:
        """A reviewed release of one indicator and one campaign."""
        source = write_objects(self.folder / f"o{number}.jsonl", *current(number))
        done = self.review(source, *more)
        assert done.code == 0, done.err
        return source.with_name(source.name + ".release")

    def kinds(self) -> list[str]:
        """Kinds of the log's entries."""
        return [entry.kind for entry in Log.open(self.folder / "home" / "log").entries()]


def current(number: int = 1) -> list[dict[str, Any]]:
    """Objects that hold today."""
    times = {"valid_from": f"{TODAY}T00:00:00Z", "valid_until": f"{TODAY + timedelta(days=2)}T00:00:00Z"}
    one, other = campaign(100 + number), indicator(number, **times)
    return [one, other, relationship(other, one, 200 + number)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A member with a context, a legal basis and keys."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    yesterday = TODAY - timedelta(days=1)
    write_context(tmp_path / "context.yaml", acted_upon=yesterday)
    basis = msgspec.structs.replace(US, since=yesterday, until=TODAY + timedelta(days=90))
    write_legal(home / "legal.yaml", basis)
    for role in ("security", "counsel", "member"):
        SigningKey.generate().save(tmp_path / f"{role}.pem")
    return Desk(tmp_path)


def test_from_review_to_a_release_that_may_leave(desk: Desk, tmp_path: Path) -> None:
    source = write_objects(tmp_path / "o.jsonl", *current(), campaign(5, description="our price"))
    done = desk.review(source, "--proof", tmp_path / "review.tlog-proof")
    assert done.code == 0, done.err
    assert f"allowed  pattern = [ipv4-addr:value = '{ADDRESS}']\n" in done.out
    assert "by pattern+pattern-address (" in done.out
    assert "refused  description\n           by texts (" in done.out
    assert "no-prices" in done.out
    assert "our price" not in done.out
    folder = tmp_path / "o.jsonl.release"
    assert desk.approve(folder, "security").code == 0
    done = desk.approve(folder, "counsel", "--proof", tmp_path / "release.tlog-proof")
    assert done.code == 0
    assert "4 objects, under the shipped policy" in done.err
    assert "kinds: address (at least 3)" in done.err
    assert "legal basis: us-counsel until" in done.err
    assert "complete" in done.err
    envelope, lines = approved(folder, datetime.now(UTC))
    assert envelope == (folder / "release.dsse.json").read_bytes()
    assert [json.loads(line) for line in lines] == [*current(), campaign(5)]
    assert desk.kinds() == ["refusal", "approval", "approval", "release"]
    for name, kind in (("review", "refusal"), ("release", "release")):
        proof = read_proof((tmp_path / f"{name}.tlog-proof").read_text())
        log = Log.open(tmp_path / "home" / "log")
        verify_proof(proof, leaf_hash(proof.extra), log.verifier)
        assert read_entry(proof.extra).kind == kind
    done = desk.run("review", "--entry", "1", "--proof", tmp_path / "later.tlog-proof")
    assert done.code == 0, done.err
    assert read_entry(read_proof((tmp_path / "later.tlog-proof").read_text()).extra).kind == "approval"
    assert desk.run("review", "--entry", "9", "--proof", tmp_path / "x").code == ExitCode.NO_INPUT
    verify_log(tmp_path / "home" / "log", log.verifier)
    text = (tmp_path / "home" / "log" / "entries.jsonl").read_text()
    assert ADDRESS not in text
    assert "our price" not in text


def test_json_says_the_same(desk: Desk, tmp_path: Path) -> None:
    source = write_objects(tmp_path / "o.jsonl", *current())
    said = json.loads(desk.review(source, "--json", "--out", tmp_path / "r").out)
    assert (said["schema"], said["objects"], said["leaving"]) == ("countermark/share-review-run/v1", 3, 3)
    assert json.loads((tmp_path / "r" / "review.json").read_bytes())["conditions"] == {}
    said = json.loads(desk.approve(tmp_path / "r", "security", "--json").out)
    assert (said["decision"], said["complete"], said["entries"]) == ("approve", False, [1])


def test_findings_become_a_release(desk: Desk, tmp_path: Path) -> None:
    folder, accounts = findings(tmp_path / "findings")
    shown = [("proxy-exit", "9.9.9.9", 12), ("ipv4-addr", "8.8.4.4", 2), ("email", "jane@mail.example", 12)]
    lines = [
        {"account_id": one, "kind": kind, "value": value, "first_seen": str(TODAY), "last_seen": str(TODAY)}
        for kind, value, count in shown
        for one in accounts[:count]
    ]
    write_objects(tmp_path / "identifiers.jsonl", *lines)
    done = desk.review(folder, "--identifiers", tmp_path / "identifiers.jsonl")
    assert done.code == 0, done.err
    assert "identifiers not taken: 12" in done.out
    sent = (tmp_path / "findings.release" / "objects.jsonl").read_text()
    assert "9.9.9.9" in sent
    assert "8.8.4.4" not in sent  # two accounts, and the floor is three
    assert "jane" not in sent
    assert "28bb3599" not in sent


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ground": "breach-of-terms"}, "ground beyond a breach of terms"),
        ({"legal_basis": ["us-6-usc-1503"]}, "us-6-usc-1503 expired on 2026-09-30"),
        ({"acted_upon": None}, "not yet acted"),
    ],
)
def test_without_a_condition_nothing_leaves(
    change: dict[str, Any], says: str, desk: Desk, tmp_path: Path
) -> None:
    write_context(tmp_path / "context.yaml", **{"acted_upon": date(2026, 1, 1), **change})
    done = desk.review(write_objects(tmp_path / "o.jsonl", *current()))
    assert done.code == ExitCode.NO_INPUT
    assert says in done.err
    assert not (tmp_path / "o.jsonl.release" / "release.json").exists()
    assert (tmp_path / "o.jsonl.release" / "objects.jsonl").read_bytes() == b""
    assert desk.kinds() == ["refusal"]


def test_a_refusal_is_logged_with_its_reason(desk: Desk, tmp_path: Path) -> None:
    folder = desk.release(1)
    assert desk.approve(folder, "counsel", "--refuse", "one of these is a customer").code == 0
    assert desk.approve(folder, "security").error().endswith("counsel refused it")
    last = list(Log.open(tmp_path / "home" / "log").entries())[-1]
    assert (last.kind, last.payload["reason"]) == ("refusal", "one of these is a customer")


def test_one_person_is_refused_at_the_command(desk: Desk) -> None:
    folder = desk.release(1)
    desk.approve(folder, "security")
    again = desk.run(
        "approve", folder, "--as", "counsel", "--key", desk.folder / "security.pem", "--name", "other"
    )
    assert "one key" in again.error()
    again = desk.run(
        "approve", folder, "--as", "counsel", "--key", desk.folder / "counsel.pem", "--name", "Security"
    )
    assert "one person" in again.error()
    assert again.code == ExitCode.USAGE


def test_a_dispute_ends_in_a_revocation_of_all_that_hangs_on_it(desk: Desk, tmp_path: Path) -> None:
    folder = desk.release(1)
    desk.approve(folder, "security")
    desk.approve(folder, "counsel")
    disputed = current()[1]["id"]
    (tmp_path / "said.txt").write_text("I am Jane Doe and it was not me")
    done = desk.run("dispute", "record", disputed, "--statement", tmp_path / "said.txt", "--json")
    due = datetime.fromisoformat(json.loads(done.out)["due"])
    assert due - datetime.now(UTC) <= timedelta(days=1)
    assert "Jane" not in (tmp_path / "home" / "log" / "entries.jsonl").read_text()
    # the basis has run out meanwhile, and the withdrawal goes out all the same
    write_context(tmp_path / "context.yaml", legal_basis=["us-6-usc-1503"], acted_upon=None)
    revoke = ["dispute", "revoke", disputed, "--out", tmp_path / "v", "--context", tmp_path / "context.yaml"]
    done = desk.run(*revoke)
    assert done.code == 0, done.err
    sent = [json.loads(line) for line in (tmp_path / "v" / "objects.jsonl").read_text().splitlines()]
    assert {one["id"] for one in sent} == {disputed, current()[2]["id"]}
    assert all(one["revoked"] is True and one["modified"] > one["created"] for one in sent)
    desk.approve(tmp_path / "v", "security")
    assert desk.approve(tmp_path / "v", "counsel").code == 0
    approved(tmp_path / "v", datetime.now(UTC))
    again = desk.run(*revoke[:3], "--out", tmp_path / "w", "--context", tmp_path / "context.yaml")
    assert again.code == ExitCode.NO_INPUT
    assert len(Home(tmp_path / "home").released) == 2


def test_who_has_read_it_and_who_has_confirmed(desk: Desk, tmp_path: Path) -> None:
    answer = {
        "dispute_id": "d1",
        "object_id": current()[1]["id"],
        "due": "2026-11-21T12:00:00Z",
        "readers": [{"member": "Beta", "at": "2026-11-20T09:00:00Z"}, {"member": "Gam\x1bma", "at": ""}],
        "receipts": [{"member": "Beta", "at": "2026-11-20T13:00:00Z"}],
        "more": 1,
    }
    (tmp_path / "a.json").write_text(json.dumps(answer))
    done = countermark("share", "dispute", "status", tmp_path / "a.json")
    assert done.code == ExitCode.INCONCLUSIVE
    assert "Beta  read 2026-11-20T09:00:00Z  confirmed 2026-11-20T13:00:00Z" in done.out
    assert "\x1b" not in done.out
    assert "late; 1 not confirmed" in done.err
    said = json.loads(countermark("share", "dispute", "status", tmp_path / "a.json", "--json").out)
    assert (said["missing"], said["late"]) == (["Gam\x1bma"], True)
    answer["receipts"] = answer["readers"]
    (tmp_path / "a.json").write_text(json.dumps(answer))
    assert countermark("share", "dispute", "status", tmp_path / "a.json").code == 0
    (tmp_path / "a.json").write_text("{")
    assert countermark("share", "dispute", "status", tmp_path / "a.json").code == ExitCode.NO_INPUT


def test_wrong_input_is_one_line(desk: Desk, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    for content in (b"[1]\n", b"{", b"\xff\n", b"", b"[" * 100_000):
        bad.write_bytes(content)
        assert desk.review(bad).code == ExitCode.NO_INPUT
    assert desk.review(tmp_path / "missing").error()
    assert desk.run("review").code == ExitCode.USAGE
    assert desk.run("review", bad).error().startswith("countermark: error: no context")
    assert desk.run("dispute", "record", "Jane Doe").code == ExitCode.USAGE
    assert desk.approve(tmp_path, "security").code == ExitCode.NO_INPUT
    assert desk.approve(tmp_path, "security", "--standing", bad).code == ExitCode.USAGE
    (tmp_path / "king.pem").write_bytes((tmp_path / "member.pem").read_bytes())
    (tmp_path / "king.pem").chmod(0o600)
    assert desk.approve(desk.release(1), "king").code == ExitCode.USAGE
