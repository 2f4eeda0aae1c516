"""Ways round the two people: a refusal made away with, a review that was touched up."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from policy_samples import EXTENSION, NOW, campaign, write_objects
from release_samples import KEYS, release, sign_both
from test_policy_commands import Desk, current, desk

from countermark.cli.share_review_text import WIDTH, short
from countermark.errors import Error, ExitCode
from countermark.share.policy.document import default_policy
from countermark.share.policy.release import read_release
from countermark.share.policy.verify import verify_release

__all__ = ["desk"]


def with_null(text: str) -> dict[str, Any]:
    """A campaign with a null hypothesis in these words."""
    extension = campaign()["extensions"][EXTENSION]
    return campaign(5, extensions={EXTENSION: {**extension, "null_hypothesis": text}})


def test_a_refusal_stands_though_its_file_is_gone(desk: Desk) -> None:
    folder = desk.release(1)
    assert desk.approve(folder, "counsel", "--refuse", "not scrubbed").code == 0
    (folder / "approvals" / "counsel.dsse.json").unlink()
    for role in ("security", "counsel"):
        assert "counsel refused it, entry 1 of the log" in desk.approve(folder, role).error()
    assert not (folder / "approvals" / "security.dsse.json").exists()


def test_a_review_that_was_touched_up_is_not_approved(desk: Desk) -> None:
    folder = desk.release(1)
    path = folder / "review.json"
    path.write_text(path.read_text().replace("pattern-address", "pattern-asn"))
    done = desk.approve(folder, "counsel")
    assert done.code == ExitCode.VERIFICATION_FAILED
    assert "was changed since the review" in done.error()


def test_who_approves_is_shown_what_no_rule_can_judge(desk: Desk) -> None:
    free = with_null("the accounts are jane doe's")
    source = write_objects(desk.folder / "o.jsonl", *current(), free)
    assert desk.review(source).code == 0
    done = desk.approve(desk.folder / "o.jsonl.release", "counsel")
    assert "leaves: 2 campaign, 1 indicator, 1 relationship" in done.err
    assert "read this: campaign null_hypothesis: the accounts are jane doe's" in done.err


def test_a_review_reads_at_80_columns_with_whole_values_and_sources(desk: Desk) -> None:
    null = (
        "given how active they were the accounts are like all others of their stratum and no more than that"
    )
    value = {**with_null(null), "description": "our price"}
    done = desk.review(write_objects(desk.folder / "o.jsonl", *current(), value))
    long = [line for line in done.out.splitlines() if len(line) > WIDTH and " " in line.strip()]
    assert long == []
    assert f"distillation.null_hypothesis = {null}" in " ".join(done.out.split())
    assert "refused  description\n" in done.out
    assert "law: 6 U.S.C. 1503(d)(2)." in done.out
    assert "own: our choice: Countermark." in done.out
    assert "refused, by rule: texts 1" in done.out
    assert short("extensions.extension-definition--x.y") == "extensions.extension-definition--x.y"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"classes": {"address": 1}}, "under the 3 of its policy"),
        ({"classes": {"payment": 0}}, "no class of its policy"),
        ({"classes": {"address": 3, "fine": 9}}, "no class of its policy"),
        ({"expires": NOW + timedelta(days=8)}, "over the 7 days of its policy"),
    ],
)
def test_a_release_made_by_hand_with_limits_of_its_own(
    change: dict[str, Any], says: str, tmp_path: Path
) -> None:
    folder = release(tmp_path / "r")
    verify_release(sign_both(folder), KEYS, NOW)
    (folder / "release.dsse.json").unlink()
    for one in (folder / "approvals").iterdir():
        one.unlink()
    made = msgspec.structs.replace(read_release(folder)[0], **change)
    made = msgspec.structs.replace(made, release_id=made.right_id)
    (folder / "release.json").write_bytes(made.payload + b"\n")
    assert made.policy_sha256 == default_policy().sha256
    with pytest.raises(Error) as refused:
        verify_release(sign_both(folder), KEYS, NOW)
    assert says in refused.value.message


def test_what_the_exchange_would_refuse_stays_here(desk: Desk) -> None:
    backwards = campaign(5, first_seen="2026-11-05T00:00:00Z", last_seen="2026-11-01T00:00:00Z")
    done = desk.review(write_objects(desk.folder / "o.jsonl", *current(), backwards))
    assert "stays: not valid STIX" in done.out
    assert backwards["id"] not in (desk.folder / "o.jsonl.release" / "objects.jsonl").read_text()


def test_who_approves_sees_who_recorded_the_legal_basis(desk: Desk) -> None:
    folder = desk.release(1)
    assert "Counsel's memorandum, all; recorded by C. Ounsel on" in desk.approve(folder, "counsel").err
    (desk.folder / "home" / "legal.yaml").unlink()
    assert "this home has no such record" in desk.approve(folder, "security").err


def test_a_withdrawal_shows_what_it_repeats(desk: Desk) -> None:
    folder = desk.release(1)
    assert desk.approve(folder, "security").code == desk.approve(folder, "counsel").code == 0
    where = ["--out", desk.folder / "v", "--context", desk.folder / "context.yaml"]
    done = desk.run("dispute", "revoke", current()[1]["id"], *where)
    assert "allowed  revoked = True" in done.out
    assert "pattern = [ipv4-addr:value = " in done.out
    assert f"withdrawn: {current()[1]['id']}" in desk.approve(desk.folder / "v", "counsel").err


def test_no_address_gets_into_the_log_with_a_reason(desk: Desk) -> None:
    folder = desk.release(1)
    assert (
        desk.approve(folder, "counsel", "--refuse", "jane@acme.example is a customer").code == ExitCode.USAGE
    )
    asked = desk.run("review", "--outcome", "release-x=clean", "--remark", "jane@acme.example")
    assert asked.code == ExitCode.USAGE
    assert "jane" not in (desk.folder / "home" / "log" / "entries.jsonl").read_text()
