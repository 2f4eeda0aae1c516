"""Run `detect` again on the events of a package and hold what comes out against its findings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from countermark.detect.detection import DetectionOptions
from countermark.detect.run import DetectOptions, detect_networks
from countermark.errors import Error
from countermark.flow.answers import Answer
from countermark.flow.closeness import Closeness
from countermark.flow.package_rows import as_file
from countermark.prove.package.layout import (
    CAPTURE_JSON,
    EVENTS,
    FINDINGS,
    FINDINGS_JSON,
    METHOD_JSON,
    REDACTION,
    Contents,
    data_of,
    failed,
    read_object,
)
from countermark.records.canonical import canonical_json, sha256_hex

ProgressCall = Callable[[float, float], None]
MEMBERS = FINDINGS + "members.parquet"
_OF_THE_RUN = ("countermark_version", "files", "blind")
"""Of `findings.json`: not what was found."""
_GIVEN = ("campaign_id", "supersedes", "revision", "disposition")
"""Of a campaign: an id may come from findings of earlier days, a disposition from an analyst."""


class _Left(Exception):
    """Why nothing is recomputed."""


def recompute_detect(
    contents: Contents, answer: Answer, work: Path, allow: Path | None, memory: str, progress: ProgressCall
) -> None:
    """Add to the answer what detect gives again, or why it is not run."""
    try:
        events = _events(contents, work)
        findings, method = _document(contents, FINDINGS_JSON), _document(contents, METHOD_JSON)
        options = _options(method, events, work / "findings", allow, memory)
    except _Left as reason:
        answer.say("detect", True, f"not recomputed: {reason}")
        return
    try:
        detect_networks(options, progress=progress)
    except Error as error:
        answer.say("detect", False, f"cannot be run again: {error.message}")
        return
    computed = read_object((options.out / "findings.json").read_bytes(), "findings.json")
    again = read_object((options.out / "method.json").read_bytes(), "method.json")
    redacted = REDACTION in contents
    _compare_findings(answer, findings, computed, redacted)
    _compare_members(answer, contents, options.out, findings, computed, work)
    _compare_method(answer, method, again, redacted)
    answer.say("report.html", True, "not compared: pictures of the same findings")


def _events(contents: Contents, work: Path) -> Path:
    """The EVENTS folder of the package, as files; raises `_Left` where it is not in it, whole."""
    listed = _document(contents, CAPTURE_JSON).get("files")
    names = [str(one.get("name")) for one in listed or [] if isinstance(one, dict)]
    gone = [name for name in names if EVENTS + name not in contents]
    if not names or gone:
        raise _Left("the events are not in the package (case seal --include-events), or were taken out")
    folder = work / "events"
    folder.mkdir()
    for name in (*names, "capture.json"):
        member = contents[EVENTS + name]
        target = folder / name
        if member.data is not None:
            target.write_bytes(member.data)
        else:
            path = as_file(member, name, folder)
            if path != target:
                target.symlink_to(path.resolve())
    return folder


def _document(contents: Contents, name: str) -> dict[str, Any]:
    if name not in contents:
        raise _Left(f"{name} was taken out")
    return read_object(data_of(contents, name), name)


def _options(
    method: dict[str, Any], events: Path, out: Path, allow: Path | None, memory: str
) -> DetectOptions:
    """The parameters and the seed of `method.json`."""
    told = method.get("options")
    detector = method.get("detector")
    if not isinstance(told, dict) or not isinstance(detector, dict):
        raise _Left("method.json has no options, or they were taken out")
    try:
        options = msgspec.convert(told, DetectionOptions)
        name = msgspec.convert(detector.get("name"), str)
    except msgspec.ValidationError:
        raise _Left(
            "method.json has options that this version does not know, or they were taken out"
        ) from None
    if method.get("allowed") and allow is None:
        raise _Left("accounts were allowed, and who they are is not in the package (--input allow=PATH)")
    return DetectOptions(events=events, out=out, detector=name, detection=options, allow=allow, memory=memory)


def _compare_findings(
    answer: Answer, recorded: dict[str, Any], computed: dict[str, Any], redacted: bool
) -> None:
    found = Closeness()
    mine, again = _campaigns(recorded), _campaigns(computed)
    others = [
        {key: value for key, value in one.items() if key not in ("campaigns", *_OF_THE_RUN)}
        for one in (recorded, computed)
    ]
    if redacted:  # capture.json has another digest since something was taken out of it
        for one in others:
            one.get("events", {}).pop("capture_sha256", None)
    found.compare(others[0], others[1], "", redacted=redacted)
    if len(mine) != len(again):
        found.compare(mine, again, "/campaigns", redacted=redacted)
    ids = 0
    for number, (one, other) in enumerate(zip(mine, again, strict=False)):
        ids += one.get("campaign_id") == other.get("campaign_id")
        strip = [{key: value for key, value in side.items() if key not in _GIVEN} for side in (one, other)]
        before = (found.count, found.skipped)
        found.compare(strip[0], strip[1], f"/campaigns/{number}", redacted=redacted)
        if (found.count, found.skipped) == before and one.get("revision") != _revision(one):
            found.compare(one.get("revision"), _revision(one), f"/campaigns/{number}/revision")
    sentence = f"{len(mine):,} campaigns, {found.compared:,} values compared"
    if found.count:
        answer.differences += [f"findings.json: {place}" for place in found.differences]
        answer.say("detect", False, f"{sentence}, {found.count:,} differ")
        return
    taken = f", {found.skipped:,} taken out" if found.skipped else ""
    answer.say("detect", True, f"{sentence}{taken}: sizes, sets, revisions equal, floats as declared")
    if ids < len(mine):
        reason = (
            f"{len(mine) - ids:,} of {len(mine):,} were given by findings of earlier days, which are not here"
        )
        answer.say("campaign ids", True, f"not recomputed: {reason}")
    elif mine:
        answer.say("campaign ids", True, "equal, from the accounts that came first")


def _campaigns(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = document.get("campaigns") or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise failed("findings.json has no list of campaigns")
    return found


def _revision(campaign: dict[str, Any]) -> str:
    content = {key: value for key, value in campaign.items() if key not in ("revision", "disposition")}
    return sha256_hex(canonical_json(content))[:32]


def _compare_members(
    answer: Answer,
    contents: Contents,
    out: Path,
    recorded: dict[str, Any],
    computed: dict[str, Any],
    work: Path,
) -> None:
    if MEMBERS not in contents:
        answer.say("members", True, "not compared: members.parquet was taken out")
        return
    ids = {
        other.get("campaign_id"): one.get("campaign_id")
        for one, other in zip(_campaigns(recorded), _campaigns(computed), strict=False)
    }
    (work / "recorded").mkdir()
    path = as_file(contents[MEMBERS], "members.parquet", work / "recorded")
    try:
        mine = pq.read_table(path).to_pylist()
    except (OSError, ValueError):
        answer.say("members", False, "members.parquet cannot be read")
        return
    again = pq.read_table(out / "members.parquet").to_pylist()
    for row in again:
        row["campaign_id"] = ids.get(row["campaign_id"], row["campaign_id"])
    found = Closeness()
    found.compare(mine, again, "")
    sentence = f"{len(mine):,} rows of members.parquet, {found.compared:,} values compared"
    if found.count:
        answer.differences += [f"members.parquet: {place}" for place in found.differences]
        answer.say("members", False, f"{sentence}, {found.count:,} differ")
    else:
        answer.say("members", True, f"{sentence}: accounts and reasons equal, floats as declared")


def _compare_method(
    answer: Answer, recorded: dict[str, Any], computed: dict[str, Any], redacted: bool
) -> None:
    """Candidates with their p-values, those that did not pass too, parameters and SQL."""
    found = Closeness()
    for name in ("detection", "sql", "options"):
        found.compare(recorded.get(name), computed.get(name), f"/{name}", redacted=redacted)
    if recorded.get("detector") != computed.get("detector"):
        answer.say(
            "code", True, "the detector is not the one of then: another version or SHA-256 of its source"
        )
    sentence = f"candidates, parameters and SQL, {found.compared:,} values compared"
    if found.count:
        answer.differences += [f"method.json: {place}" for place in found.differences]
        answer.say("method", False, f"{sentence}, {found.count:,} differ")
    else:
        answer.say("method", True, f"{sentence}: equal")
