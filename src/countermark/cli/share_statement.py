"""What somebody is about to sign, said from the very bytes that are signed."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from countermark.cli.output import note, printable
from countermark.errors import Error, ExitCode

if TYPE_CHECKING:
    from countermark.share.policy.approvals import Subject
    from countermark.share.policy.home import Home

_MOST_READ = 40


def tell(place: "Home", subject: "Subject") -> None:
    """Say what is signed, from the statement and the objects themselves."""
    from countermark.share.policy.document import default_policy

    stated = json.loads(subject.payload)
    if subject.kind == "opening":
        _tell_opening(stated, stated["policy_sha256"] == default_policy().sha256)
        return
    held = stated.get("classes", stated.get("kinds"))
    classes = ", ".join(f"{kind} (at least {floor})" for kind, floor in held.items()) or "none with a floor"
    objects = f"{len(stated['objects'])} objects, " if "objects" in stated else ""
    shipped = stated["policy_sha256"] == default_policy().sha256
    policy = "the shipped policy" if shipped else f"another policy, {stated['policy_sha256'][:16]}…"
    ground = stated.get("ground") or ", ".join(stated.get("grounds", ())) or "none"
    note(printable(f"{subject.kind} {subject.id} of {stated['member_id']}: {objects}under {policy}"))
    note(printable(f"kinds: {classes}; ground: {ground}; expires {stated['expires']}"))
    _tell_bases(place, stated.get("legal_basis", ()))
    if subject.kind == "release":
        _tell_objects(subject)


def _tell_opening(stated: Mapping[str, Any], shipped: bool) -> None:
    peer, size = stated["peer"], stated["size"]
    policy = "the shipped policy" if shipped else f"another policy, {stated['policy_sha256'][:16]}…"
    note(printable(f"opening of run {stated['run']} of {stated['member']} with {peer}, under {policy}"))
    note(printable(f"{peer} learns which {size} of its own items {stated['member']} has suspended too"))
    rests = f"ground: {stated['ground']}; legal basis: {stated['legal_basis']}"
    note(printable(f"{rests}; expires {stated['expires']}"))


def _tell_bases(place: "Home", bases: Sequence[Mapping[str, Any]]) -> None:
    """Each legal basis with its statute and who recorded it, by this home; a review may bring others."""
    from countermark.share.policy.legal import read_bases

    known = read_bases(*place.legal) if bases else {}
    for one in bases:
        said = f"legal basis: {one['id']} until {one['until']}"
        record = known.get(one["id"])
        if record is None or (str(record.until), record.jurisdiction) != (one["until"], one["jurisdiction"]):
            note(printable(f"{said}: this home has no such record; see who wrote it"))
        else:
            of = f"{record.jurisdiction}, {record.statute}, {record.clause}"
            note(printable(f"{said}: {of}; recorded by {record.recorded_by} on {record.recorded_on}"))


def check_review(place: "Home", subject: "Subject") -> None:
    """Raise where `review.json` is another than the one that the log says was made for this release."""
    from countermark.records.canonical import sha256_hex
    from countermark.records.strict_yaml import read_bytes
    from countermark.share.policy.home import REFUSED, REVIEWED
    from countermark.share.policy.release import MAX_OBJECTS_BYTES, REVIEW

    path = subject.folder / REVIEW
    if subject.kind != "release" or not path.exists():
        return
    digest = sha256_hex(read_bytes(path, MAX_OBJECTS_BYTES))
    for entry in place.log.entries():
        said = entry.payload
        if entry.kind in (REVIEWED, REFUSED) and said.get("release_id") == subject.id:
            if said.get("review_sha256") != digest:
                raise Error(
                    f"{path} was changed since the review",
                    hint="objects.jsonl is what leaves; review it again",
                    exit_code=ExitCode.VERIFICATION_FAILED,
                )
            return
    note("the review of this release is not in this log: --home names another folder?")


def _tell_objects(subject: "Subject") -> None:
    """How many of each type, and what no rule can judge: free words, domains, skeletons, names."""
    from countermark.share.policy.release import ids, read_release

    objects = ids(read_release(subject.folder)[1])
    types = Counter(str(one.get("type")) for one in objects)
    note(printable("leaves: " + ", ".join(f"{count} {kind}" for kind, count in sorted(types.items()))))
    withdrawn = [str(one["id"]) for one in objects if one.get("revoked") is True]
    read = [f"withdrawn: {one}" for one in withdrawn] + sorted(set(_to_be_read(objects)))
    for line in read[:_MOST_READ]:
        note(printable(f"  read this: {line}"))
    if len(read) > _MOST_READ:
        note(f"  and {len(read) - _MOST_READ} more to read, in {subject.folder}/objects.jsonl")


def _to_be_read(objects: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    from countermark.share.policy import fields, patterns
    from countermark.share.policy.document import default_policy
    from countermark.share.policy.texts import is_template

    policy = default_policy()
    table = fields.table_of(policy)
    for one in objects:
        kind = str(one.get("type"))
        for way, value in fields.leaves(one):
            rule = fields.rule_for(table, kind, way)
            form = rule.form if rule else ""
            if form == "pattern":
                found = patterns.values_of(policy, value)[0]
                yield from (f"domain: {name.value}" for name in found if name.comparison.form == "domain")
            elif form in ("domain", "skeleton", "own-name", "") or (
                form in ("text", "sentence") and not is_template(policy, str(value))
            ):
                yield f"{kind} {fields.shown(way).rpartition('.')[2]}: {value}"
