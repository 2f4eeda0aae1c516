"""Which files a package must and may have, by what its documents say: sealed and verified by one rule."""

import re
from collections.abc import Iterable, Mapping

from countermark.prove.custody.terms import decode_terms, terms_files
from countermark.prove.leaves.leaves import leaves_name
from countermark.prove.package.layout import (
    ALWAYS,
    ATTRIBUTIONS,
    CHECKPOINTS,
    ENTRIES,
    EVENTS,
    FINDINGS,
    LEAVES,
    LOG,
    MAX_STAMPED,
    OPENINGS,
    PLANS,
    RUNS,
    SCAN,
    TABLES,
    TERMS,
    TERMS_JSON,
    Contents,
    check_names,
    data_of,
    failed,
    is_document,
    is_table,
    result_file,
    run_of,
)
from countermark.prove.package.payload import Payload, stage_files

_STAGES = (EVENTS, FINDINGS, SCAN, ATTRIBUTIONS)
_CHECKPOINT = re.compile(rf"{CHECKPOINTS}(0|[1-9][0-9]{{0,15}})\.(note|tsr)")


def has_leaves(name: str) -> bool:
    """Whether it is a document or a table."""
    return is_document(name) or is_table(name)


def check_subjects(payload: Payload, contents: Contents) -> None:
    """Raise unless what was sealed is exactly what the case and its documents name."""
    sealed = payload.sealed
    check_names(list(sealed))
    needed = [*ALWAYS, *(result_file(step) for step in payload.result_steps)]
    for name in needed:
        if name not in sealed:
            raise failed(f"{name} is missing")
    _check_stages(payload)
    leaves = {leaves_name(name) for name in sealed if has_leaves(name)}
    _equal(leaves, (name for name in sealed if name.startswith(LEAVES)))
    _check_places(payload)
    if TERMS_JSON not in sealed:
        for name in sealed:
            if name.startswith(TERMS):
                raise failed(f"{name} is listed by nothing")
    if TERMS_JSON in contents:
        redacted = TERMS_JSON in payload.redacted
        _check_terms(
            sealed, terms_files(decode_terms(data_of(contents, TERMS_JSON), redacted=redacted)), redacted
        )


def _check_stages(payload: Payload) -> None:
    """Below the folders of the stages stands what their JSON files list, with these digests, nothing else."""
    needed = stage_files(payload)
    for name, sha256 in needed.items():
        if payload.sealed.get(name) is None:
            raise failed(f"{name} is missing")
        if payload.sealed[name] != sha256:
            raise failed(f"{name} does not have the digest that is written beside it")
    unread = tuple(_unread_folders(payload))
    for name in payload.sealed:
        if name.startswith(_STAGES) and name not in needed and not (unread and name.startswith(unread)):
            raise failed(f"{name} is listed by nothing")


def _unread_folders(payload: Payload) -> Iterable[str]:
    """Folders of steps whose JSON file was taken out: what it listed cannot be seen any more."""
    for step in payload.result_steps:
        if result_file(step) in payload.absent:
            yield result_file(step).rpartition("/")[0] + "/"


def folder_subjects(payload: Payload, step: str) -> dict[str, str]:
    """What was sealed below the folder of a step."""
    folder = result_file(step).rpartition("/")[0] + "/"
    return {name: one for name, one in payload.sealed.items() if name.startswith(folder)}


def _check_places(payload: Payload) -> None:
    """Plans, tables, files of runs and of the log stand where they may, the last two not without a log."""
    checkpoints: dict[str, set[str]] = {"note": set(), "tsr": set()}
    for name in payload.sealed:
        if name.startswith(PLANS) and not is_document(name):
            raise failed(f"{name} is no plan")
        if name.startswith(TABLES) and not is_table(name):
            raise failed(f"{name} is no table")
        if name.startswith(RUNS) and (run_of(name) is None or payload.case.log is None):
            raise failed(f"{name} is not named by a run, or the case has no log")
        if not name.startswith(LOG) or name in (ENTRIES, OPENINGS):
            continue
        match = _CHECKPOINT.fullmatch(name)
        if not match:
            raise failed(f"{name} does not belong to a log")
        checkpoints[match[2]].add(match[1])
    _check_stamps(checkpoints["tsr"], checkpoints["note"])
    logged = any(name.startswith(LOG) for name in payload.sealed)
    if logged != (payload.case.log is not None):
        raise failed("there is a log in the package that case.json does not name, or the other way round")
    if payload.case.log:
        for name in (ENTRIES, OPENINGS):
            if name not in payload.sealed:
                raise failed(f"{name} is missing")


def _check_stamps(stamped: set[str], noted: set[str]) -> None:
    if not stamped <= noted:
        raise failed("a timestamp of a checkpoint stands without the checkpoint")
    if len(stamped) > MAX_STAMPED:
        raise failed(f"more than {MAX_STAMPED} checkpoints have a timestamp")


def _check_terms(sealed: Mapping[str, str], files: Mapping[str, str], redacted: bool) -> None:
    for name, sha256 in files.items():
        if sealed.get(name) != sha256:
            raise failed(f"{name} is missing, or does not have the digest that terms.json says")
    texts = {name for name in sealed if name.startswith(TERMS)}
    if not redacted and texts != set(files):
        raise failed(f"{min(texts - set(files))} is listed by nothing")


def _equal(expected: Iterable[str], found: Iterable[str]) -> None:
    expected, found = set(expected), set(found)
    for name in sorted(expected ^ found):
        raise failed(f"{name} is {'missing' if name in expected else 'listed by nothing'}")
