"""Two people, two keys, two roles; what they approved is exactly what leaves."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from policy_samples import NOW, campaign, ground
from release_samples import (
    COUNSEL,
    OWN,
    SECURITY,
    STRANGER,
    objects,
    release,
    sign,
    sign_both,
    standing,
)

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json, content_id, sha256_hex
from countermark.share.policy import evaluate, make_release, write_release
from countermark.share.policy.approvals import Role, approved, decide, read_approvals, read_subject
from countermark.share.policy.release import OBJECTS, RELEASE, REVIEW, parse_release, read_release


def test_a_release_holds_the_digest_of_every_object_as_it_leaves(tmp_path: Path) -> None:
    statement, lines = read_release(release(tmp_path / "r"))
    assert [json.loads(line) for line in lines] == objects()
    assert [one.sha256 for one in statement.objects] == [sha256_hex(canonical_json(one)) for one in objects()]
    assert statement.classes == {"address": 3}
    assert b"7" not in canonical_json(statement.classes)  # the count itself stays at home


def test_after_two_people_it_may_leave(tmp_path: Path) -> None:
    folder = release(tmp_path / "r")
    with pytest.raises(Error) as missing:
        approved(folder, NOW)
    assert "counsel and security missing" in missing.value.message
    assert sign(folder, "security", "S. Ecure", SECURITY) is None
    with pytest.raises(Error):
        approved(folder, NOW)
    envelope = sign(folder, "counsel", "C. Ounsel", COUNSEL)
    assert approved(folder, NOW) == (envelope, read_release(folder)[1])
    assert (folder / "release.dsse.json").read_bytes() == envelope


@pytest.mark.parametrize(
    ("role", "name", "key"),
    [
        ("counsel", "S. Ecure", COUNSEL),
        ("counsel", "  s.  ECURE ", COUNSEL),
        ("counsel", "\uff33. Ecure", COUNSEL),  # a full-width S
        ("counsel", "C. Ounsel", SECURITY),
        ("security", "C. Ounsel", COUNSEL),
        ("member", "Alpha", OWN),
        ("counsel", " ", COUNSEL),
    ],
)
def test_one_person_does_not_approve_twice(role: Role, name: str, key: object, tmp_path: Path) -> None:
    folder = release(tmp_path / "r")
    sign(folder, "security", "S. Ecure", SECURITY)
    with pytest.raises(Error):
        sign(folder, role, name, key)  # type: ignore[arg-type]
    assert len(read_approvals(read_subject(folder, NOW))) == 1


@pytest.mark.parametrize("role", ["security", "counsel"])
def test_who_refuses_ends_the_matter(role: Role, tmp_path: Path) -> None:
    folder = release(tmp_path / "r")
    sign(folder, role, "One", STRANGER, refuse="an address of a customer")
    other: Role = "counsel" if role == "security" else "security"
    with pytest.raises(Error) as refused:
        sign(folder, other, "Two", COUNSEL)
    assert f"{role} refused" in refused.value.message
    with pytest.raises(Error):
        approved(folder, NOW)


def tamper_object(folder: Path) -> None:
    path = folder / OBJECTS
    path.write_bytes(path.read_bytes().replace(b"harvest", b"pool"))


def tamper_drop(folder: Path) -> None:
    path = folder / OBJECTS
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))


def tamper_add(folder: Path) -> None:
    path = folder / OBJECTS
    path.write_bytes(path.read_bytes() + canonical_json(campaign(9)) + b"\n")


def tamper_both(folder: Path) -> None:
    """Objects and statement changed alike: the signatures are what is left."""
    tamper_object(folder)
    statement = json.loads((folder / RELEASE).read_bytes())
    lines = (folder / OBJECTS).read_bytes().splitlines()
    for held, line in zip(statement["objects"], lines, strict=True):
        held["sha256"] = sha256_hex(line)
    del statement["release_id"]
    statement["release_id"] = content_id("release", statement)
    (folder / RELEASE).write_bytes(canonical_json(statement) + b"\n")


def tamper_statement(folder: Path) -> None:
    path = folder / RELEASE
    path.write_bytes(path.read_bytes().replace(b"fabricated-accounts", b"evaded-suspension"))


def tamper_spelling(folder: Path) -> None:
    path = folder / RELEASE
    path.write_bytes(json.dumps(json.loads(path.read_bytes()), indent=1).encode())


def tamper_approval(folder: Path) -> None:
    path = folder / "approvals" / "counsel.dsse.json"
    path.write_bytes((folder / "approvals" / "security.dsse.json").read_bytes())


def tamper_role(folder: Path) -> None:
    approvals = folder / "approvals"
    (approvals / "counsel.dsse.json").unlink()
    (approvals / "security.dsse.json").rename(approvals / "counsel.dsse.json")


@pytest.mark.parametrize(
    "tamper",
    [
        *(tamper_object, tamper_drop, tamper_add, tamper_both, tamper_statement, tamper_spelling),
        *(tamper_approval, tamper_role),
    ],
)
def test_nothing_leaves_that_was_changed_after_the_approval(tamper: object, tmp_path: Path) -> None:
    folder = release(tmp_path / "r")
    sign_both(folder)
    tamper(folder)  # type: ignore[operator]
    with pytest.raises(Error) as changed:
        approved(folder, NOW)
    assert changed.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_a_release_expires_and_is_not_approved_after_that(tmp_path: Path) -> None:
    folder = release(tmp_path / "r")
    sign_both(folder)
    week = timedelta(days=7)
    approved(folder, NOW + week - timedelta(seconds=1))
    for late in (NOW + week, NOW - timedelta(minutes=6)):
        with pytest.raises(Error):
            approved(folder, late)
    with pytest.raises(Error):
        read_subject(release(tmp_path / "s"), NOW + week)


def test_a_release_ends_with_its_legal_basis(tmp_path: Path) -> None:
    late = datetime(2027, 3, 30, tzinfo=UTC)
    statement, _ = read_release(release_late(tmp_path / "r", late))
    assert statement.expires == datetime(2027, 3, 31, 23, 59, 59, tzinfo=UTC)


def release_late(folder: Path, now: datetime) -> Path:
    """A release without an indicator, which would have ended by then."""

    given = ground(now=now)
    review = evaluate(given, [campaign()])
    write_release(folder, make_release(given, review), review)
    return folder


def test_an_approved_folder_is_not_written_over(tmp_path: Path) -> None:
    folder = release(tmp_path / "r")
    assert sorted(one.name for one in release(folder).iterdir()) == [OBJECTS, RELEASE, REVIEW]
    sign(folder, "security", "S. Ecure", SECURITY)
    with pytest.raises(Error):
        release(folder)


def test_a_decision_that_is_not_logged_does_not_count(tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    folder = release(tmp_path / "r")
    with pytest.raises(OSError, match="disk full"):
        decide(read_subject(folder, NOW), "security", "S. Ecure", SECURITY, NOW, record=fail)
    assert read_approvals(read_subject(folder, NOW)) == []


def test_a_standing_approval_takes_two_people_too(tmp_path: Path) -> None:
    folder = standing(tmp_path / "s")
    sign(folder, "security", "S. Ecure", SECURITY)
    with pytest.raises(Error):
        release(tmp_path / "r", standing=folder)
    sign(folder, "counsel", "C. Ounsel", COUNSEL)
    under = release(tmp_path / "r", standing=folder)
    with pytest.raises(Error):
        sign(under, "security", "S. Ecure", SECURITY)
    assert sign(under, "member", "Alpha", OWN) is not None


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"schema": "countermark/release/v1"}']
)
def test_what_is_no_statement_is_an_error_of_one_line(payload: bytes) -> None:
    with pytest.raises(Error) as refused:
        parse_release(payload)
    assert "\n" not in refused.value.message


def test_a_decision_names_role_and_person_under_the_signature(tmp_path: Path) -> None:
    folder = release(tmp_path / "r")
    sign(folder, "security", "S. Ecure", SECURITY)
    path = folder / "approvals" / "security.dsse.json"
    envelope = json.loads(path.read_bytes())
    body = json.loads(base64.b64decode(envelope["payload"]))
    body["name"] = "X. Other"
    envelope["payload"] = base64.b64encode(canonical_json(body)).decode()
    path.write_bytes(canonical_json(envelope))
    with pytest.raises(Error):
        sign(folder, "counsel", "C. Ounsel", COUNSEL)
