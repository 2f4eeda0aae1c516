"""What was drawn of a member's releases under standing approvals, by its own log: who has still to report.

What the member draws stands in the entry of the release; what an exchange drew is noted when it says so. A
report is signed by a reviewer, kept in `samples/`, logged by its digest, and sent to the exchange.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import sha256_hex
from countermark.records.files import write_atomic
from countermark.records.strict_yaml import read_bytes
from countermark.share.policy.approvals import REVIEWERS, same_name
from countermark.share.policy.home import APPROVED, RELEASED, SAMPLE_OUTCOME, SAMPLED, Home
from countermark.share.policy.release import Release, failed
from countermark.share.policy.review import REVOCATION
from countermark.share.policy.sampling import (
    DUE,
    MAX_REPORT,
    Outcome,
    Reviewer,
    draw,
    is_drawn,
    make_report,
)
from countermark.share.policy.standing import standing_in
from countermark.trust.entries import Entry
from countermark.trust.keyfiles import locked
from countermark.trust.log import Log
from countermark.trust.signing import SigningKey

FOLDER = "samples"
OWN = "this member"
_HINT = "share review --samples shows it; two people can approve a release meanwhile"


class Sample(msgspec.Struct, kw_only=True):
    """A release that was drawn."""

    release_id: str
    standing_id: str
    due: datetime
    """When both reports are due; the earlier time where two drew it."""
    drawn_by: list[str]
    """`this member`, and URLs of exchanges."""
    reports: dict[str, str] = {}
    """Outcome by role."""

    @property
    def missing(self) -> list[str]:
        """Roles that have not reported."""
        return [one for one in REVIEWERS if one not in self.reports]

    def state(self, now: datetime) -> str:
        """`problem`, `clean`, `overdue` or `due`."""
        if "problem" in self.reports.values():
            return "problem"
        if not self.missing:
            return "clean"
        return "overdue" if now >= self.due else "due"


def samples(log: Log) -> list[Sample]:
    """What was drawn, in the order of the log."""
    found: dict[str, Sample] = {}
    for entry in log.entries():
        said = entry.payload
        if entry.kind == RELEASED and said.get("sample_due") and said["release_id"] not in found:
            _enter(found, said, said["sample_due"], OWN)
        elif entry.kind == SAMPLED and said.get("release_id"):
            _enter(found, said, said["due"], str(said["by"]))
        elif entry.kind == SAMPLE_OUTCOME and said.get("release_id") in found and said.get("role"):
            found[said["release_id"]].reports[said["role"]] = said["outcome"]
    return list(found.values())


def standing_of(release: Release) -> str:
    """Id of the standing approval that a release needs to be in force; empty for one that needs none.

    A withdrawal gets through whatever is suspended: it tells nothing new, and somebody waits for it.
    """
    if release.standing is None or set(release.classes) == {REVOCATION}:
        return ""
    return standing_in(release.standing).standing_id


def release_entry(home: Home, release: Release, content: Mapping[str, Any], now: datetime) -> Entry:
    """Log that a release is complete; one under a standing approval is drawn, or not, in the same entry."""
    log = home.log
    with log.writing():
        if release.standing is None:
            return log.append(RELEASED, content)
        standing_id = standing_in(release.standing).standing_id
        place, since = _place(log, standing_id, release.release_id)
        signature = draw(SigningKey.load(home.folder / "log.key"), release.release_id)
        due = _text(now + DUE) if is_drawn(signature, place, since) else None
        drawn = {"standing_id": standing_id, "place": place, "draw": signature, "sample_due": due}
        return log.append(RELEASED, {**content, **drawn})


def check_in_force(home: Home, standing_id: str, now: datetime) -> None:
    """Raise `Error(VERIFICATION_FAILED)` where a standing approval is suspended; an empty id never is."""
    if not standing_id:
        return
    for one in samples(home.log):
        state = one.state(now)
        if state == "problem" and one.standing_id == standing_id:
            raise failed(
                f"the standing approval is suspended: a reviewer found a problem in {one.release_id}",
                "begin another, or let two people approve this release",
            )
        if one.missing and now >= one.due:
            raise failed(
                f"the standing approval is suspended: reports on {one.release_id} by "
                f"{' and '.join(one.missing)} were due {_text(one.due)}",
                _HINT,
            )


def check_looked_at(home: Home) -> None:
    """Raise while a drawn release waits for a report: no standing approval follows one nobody looked at."""
    for one in samples(home.log):
        if one.missing:
            raise Error(
                f"{one.release_id} was drawn for review: {' and '.join(one.missing)} did not report on it",
                hint="share review --outcome ID=clean --as ROLE --key KEY",
            )


def record_report(
    home: Home,
    release_id: str,
    role: Reviewer,
    outcome: Outcome,
    name: str,
    key: SigningKey,
    note: str,
    now: datetime,
) -> Entry:
    """Sign, log and keep what one reviewer found in a drawn release.

    A problem may follow a clean report, and nothing follows a problem. Raises `Error` for a release that was
    not drawn, and for a name or key that reported in the other role or released it.
    """
    log, name = home.log, " ".join(name.split())
    with locked(home.folder / FOLDER), log.writing():
        one = next((one for one in samples(log) if one.release_id == release_id), None)
        if one is None:
            raise Error(f"{release_id} was not drawn for review", exit_code=ExitCode.NO_INPUT)
        if one.reports.get(role) in (outcome, "problem"):
            raise Error(f"{role} reported on it already: {one.reports[role]}")
        _check_another_person(log, release_id, role, name, key.public.keyid)
        envelope = make_report(key, release_id, role, outcome, now)
        (home.folder / FOLDER).mkdir(exist_ok=True, mode=0o700)
        payload = {"release_id": release_id, "outcome": outcome, "role": role, "name": name[:200]}
        payload |= {"keyid": key.public.keyid, "sha256": sha256_hex(envelope), "note": note[:1000]}
        # the file first: without its entry it counts for nothing, and is written again
        write_atomic(_file(home, release_id, role), envelope, 0o600)
        return log.append(SAMPLE_OUTCOME, payload)


def reports(home: Home, one: Sample) -> Iterable[tuple[str, str, bytes]]:
    """Role, outcome and envelope of each report on a drawn release that this home holds."""
    for role, outcome in one.reports.items():
        path = _file(home, one.release_id, role)
        if path.exists():
            yield role, outcome, read_bytes(path, MAX_REPORT)


def note_drawn(home: Home, by: str, drawn: Iterable[Mapping[str, Any]]) -> int:
    """Note what an exchange drew of this home's releases, each once; how many were new."""
    log = home.log
    with log.writing():
        ours, known = set(), set()
        for entry in log.entries():
            if entry.kind == RELEASED and entry.payload.get("standing_id"):
                ours.add(entry.payload["release_id"])
            elif entry.kind == SAMPLED and entry.payload.get("by") == by:
                known.add(entry.payload.get("release_id"))
        new = [dict(one) | {"by": by} for one in drawn if one["release_id"] in ours - known]
        log.append_all([(SAMPLED, one) for one in new])
    return len(new)


def _enter(found: dict[str, Sample], said: Mapping[str, Any], due: str, by: str) -> None:
    when = datetime.fromisoformat(due)
    one = found.setdefault(
        said["release_id"],
        Sample(
            release_id=said["release_id"], standing_id=said["standing_id"], due=when, drawn_by=[], reports={}
        ),
    )
    one.due = min(one.due, when)
    if by not in one.drawn_by:
        one.drawn_by.append(by)


def _place(log: Log, standing_id: str, release_id: str) -> tuple[int, int]:
    """Place of a release among those of its approval, and how many there are since one was drawn."""
    seen: dict[str, bool] = {}
    for entry in log.entries(RELEASED):
        if entry.payload.get("standing_id") == standing_id and entry.payload["release_id"] != release_id:
            seen.setdefault(entry.payload["release_id"], entry.payload["sample_due"] is not None)
    since = 0
    for drawn in reversed(seen.values()):
        if drawn:
            break
        since += 1
    return len(seen), since


def _check_another_person(log: Log, release_id: str, role: str, name: str, keyid: str) -> None:
    if not name:
        raise Error("who reports has a name", exit_code=ExitCode.USAGE)
    for entry in log.entries():
        said = entry.payload
        reported = entry.kind == SAMPLE_OUTCOME and said.get("release_id") == release_id
        released = entry.kind == APPROVED and said.get("id") == release_id
        if not (reported or released) or said.get("role") == role:
            continue
        if said.get("keyid") == keyid or same_name(str(said.get("name")), name):
            raise Error(
                f"this person or key acted as {said.get('role')} for it",
                hint="two people look at it, and neither released it",
                exit_code=ExitCode.USAGE,
            )


def _file(home: Home, release_id: str, role: str) -> Path:
    return home.folder / FOLDER / f"{release_id}.{role}.dsse.json"


def _text(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
