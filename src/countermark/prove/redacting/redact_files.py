"""Work out what becomes of each file of a package when something is taken out of it."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.prove.leaves.leaf_fields import form_of, leaves_name
from countermark.prove.leaves.leaf_files import Chooser, Taken, take_out
from countermark.prove.package.layout import (
    CUSTODY,
    EVENTS,
    FINDINGS,
    FINDINGS_JSON,
    METHOD_JSON,
    PLANS,
    RESULTS,
    SCAN,
    SCAN_JSON,
    Contents,
    data_of,
    is_table,
    read_object,
)
from countermark.prove.package.subjects import has_leaves
from countermark.prove.redacting.companions import companions
from countermark.prove.redacting.redaction import Redaction, TakenOut, file_stays, taken_out_entries
from countermark.prove.redacting.takes import Take

_ATTRIBUTION = re.compile(r"data/attributions/[0-9]+/")
_HOLDS_THE_SAME = {
    "data/tables/members.jsonl": (FINDINGS, EVENTS),
    "data/tables/accounts.jsonl": (FINDINGS, EVENTS),
    "data/tables/requests.jsonl": (EVENTS,),
    FINDINGS_JSON: (FINDINGS,),
    METHOD_JSON: (FINDINGS,),
    SCAN_JSON: (SCAN,),
}
"""Folders whose attachments hold what a document or table holds: Parquet, the report, its pictures."""

_CLASS_HANGS_ON = {
    CUSTODY: ("/acquisitions/*/id", "/acquisitions/*/started", "/acquisitions/*/clock/offset_seconds"),
    RESULTS: (
        "/results/*/plan",
        "/results/*/hypothesis",
        "/results/*/run",
        "/results/*/acquisitions/**",
        "/results/*/commitments/**",
    ),
    FINDINGS_JSON: ("/fdr",),
    SCAN_JSON: ("/alpha",),
}
_OF_PLANS = (
    "/plan_id",
    "/matter",
    *(f"/hypotheses/*/{key}" for key in ("id", "test", "alpha", "keyed", "commitments/**", "given/**")),
)
_OF_ATTRIBUTIONS = ("/alpha", "/tests/*/name", "/tests/*/decides", "/case_run/run")


@dataclass
class Cut:
    """What becomes of the payload."""

    changed: dict[str, Path] = field(default_factory=dict)
    """New content of documents, tables and their files of leaves, by name."""
    gone: dict[str, str] = field(default_factory=dict)
    """Files that are taken out now, with their ground; without files of leaves."""
    attachments: list[str] = field(default_factory=list)
    """Those of them that go because they hold what was taken out elsewhere."""
    taken: dict[str, Taken] = field(default_factory=dict)
    """By document or table that was gone through."""
    entries: list[TakenOut] = field(default_factory=list)
    """`taken_out` of the predicate: all that is out, also what was before."""

    @property
    def absent(self) -> set[str]:
        """Files that go now, files of leaves included."""
        return set(self.gone) | {leaves_name(name) for name in self.gone if has_leaves(name)}


def cut(
    contents: Contents,
    takes: Sequence[Take],
    before: Redaction | None,
    work: Path,
    *,
    keep_attachments: bool = False,
) -> Cut:
    """Write what changes below `work`; nothing else is touched.

    The digests in `findings.json` that would confirm a guess go with it. Raises `Error` (exit 2) for what may
    not be taken out, with the reason, and for what is not there.
    """
    by_name, whole = _by_name(contents, takes)
    asked = takes
    if more := companions(contents, takes, by_name, whole):
        takes = [*takes, *more]
        by_name.setdefault(FINDINGS_JSON, []).extend(range(len(asked), len(takes)))
    confirmatory = _confirmatory(contents)
    made = Cut()
    for number, name in whole.items():
        _check_file(name, confirmatory)
        made.gone.setdefault(name, takes[number].ground)
    for name, numbers in sorted(by_name.items()):
        if name in made.gone:
            continue
        stays = _class_hangs_on(name) if confirmatory else ()
        chooser = Chooser([(number, takes[number]) for number in numbers], stays)
        _rewrite(name, contents, chooser, work, made)
    _check_matched(asked, whole, made)
    if not keep_attachments:
        _take_attachments(contents, takes, by_name, made)
    made.entries = _entries(before, made)
    return made


def _by_name(contents: Contents, takes: Sequence[Take]) -> tuple[dict[str, list[int]], dict[int, str]]:
    """Numbers of the takes that go through each document or table; and of those of a whole file, its name."""
    by_name: dict[str, list[int]] = {}
    whole: dict[int, str] = {}
    for number, take in enumerate(takes):
        if take.accounts:
            names = [name for name in contents if is_table(name)]
        else:
            names = [_found(contents, take.name)]
        for name in names:
            if take.whole:
                whole[number] = name
                continue
            if not has_leaves(name):
                raise _refused(f"{name} has no fields or lines that can be taken out; it can go whole")
            if take.pointers and form_of(name) == "rows":
                raise _refused(f"of {name} only whole lines can be taken out")
            if take.rows and not is_table(name):
                raise _refused(f"{name} has fields, no lines")
            by_name.setdefault(name, []).append(number)
    return by_name, whole


def _found(contents: Contents, name: str) -> str:
    for one in (name, f"data/{name}", f"data/tables/{name}"):
        if one in contents:
            return one
    raise Error(f"there is no {name} in the package", exit_code=ExitCode.USAGE)


def _check_file(name: str, confirmatory: bool) -> None:
    why = file_stays(name)
    if not why and confirmatory and name.startswith(PLANS):
        why = "that a result is confirmatory hangs on it"
    if why:
        raise _refused(f"{name} cannot be taken out: {why}")


def _confirmatory(contents: Contents) -> bool:
    entries = read_object(data_of(contents, RESULTS), RESULTS).get("results")
    rows = entries if isinstance(entries, list) else []
    return any(isinstance(row, dict) and row.get("class") == "confirmatory" for row in rows)


def _class_hangs_on(name: str) -> Sequence[str]:
    if name.startswith(PLANS):
        return _OF_PLANS
    return _OF_ATTRIBUTIONS if _ATTRIBUTION.match(name) else _CLASS_HANGS_ON.get(name, ())


def _rewrite(name: str, contents: Contents, chooser: Chooser, work: Path, made: Cut) -> None:
    leaves = leaves_name(name)
    paths = {one: work / one for one in (name, leaves)}
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    with (
        closing(contents[name].open()) as old,
        closing(contents[leaves].open()) as old_leaves,
        paths[name].open("xb") as new,
        paths[leaves].open("xb") as new_leaves,
    ):
        taken = take_out(name, form_of(name), (old, old_leaves), (new, new_leaves), chooser)
    made.taken[name] = taken
    if taken.new:
        made.changed |= paths
    else:
        for path in paths.values():
            path.unlink()


def _check_matched(takes: Sequence[Take], whole: Mapping[int, str], made: Cut) -> None:
    matched = set(whole).union(*(taken.matched for taken in made.taken.values()))
    kept = set[int]().union(*(taken.kept for taken in made.taken.values()))
    for number, take in enumerate(takes):
        if number in matched:
            continue
        what = "the accounts" if take.accounts else f"{take.name} {' '.join(take.pointers)}".strip()
        if number in kept:
            raise _refused(f"{what} cannot be taken out: the verification hangs on these fields")
        hint = "** at the end of a pointer means all that is below" if take.pointers else ""
        raise Error(
            f"there is nothing to take out at {what}, or it is out already",
            hint=hint,
            exit_code=ExitCode.USAGE,
        )


def _take_attachments(
    contents: Contents, takes: Sequence[Take], by_name: Mapping[str, Iterable[int]], made: Cut
) -> None:
    """Attachments that hold what was taken out of a document or table, on the same ground."""
    touched = {
        name: _ground(takes, by_name[name], made.taken[name]) for name in made.changed if has_leaves(name)
    }
    touched |= {name: ground for name, ground in made.gone.items() if has_leaves(name)}
    for name, ground in sorted(touched.items()):
        match = _ATTRIBUTION.match(name)
        folders = (match[0],) if match else _HOLDS_THE_SAME.get(name, ())
        for one in sorted(contents):
            if folders and one.startswith(folders) and not has_leaves(one) and one not in made.gone:
                made.gone[one] = ground
                made.attachments.append(one)


def _ground(takes: Sequence[Take], numbers: Iterable[int], taken: Taken) -> str:
    return takes[min(number for number in numbers if number in taken.matched)].ground


def _entries(before: Redaction | None, made: Cut) -> list[TakenOut]:
    counts = {name: taken.grounds for name, taken in made.taken.items() if name not in made.gone}
    files = []
    for entry in before.taken_out if before else ():
        if entry.form == "file":
            files.append(entry)
        elif entry.name not in made.taken and entry.name not in made.gone:
            counts.setdefault(entry.name, Counter())[entry.ground] = entry.count
    return taken_out_entries(counts, made.gone, files)


def _refused(message: str) -> Error:
    return Error(message, exit_code=ExitCode.USAGE)
