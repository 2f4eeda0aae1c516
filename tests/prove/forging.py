"""Packages that no `seal` writes, by a signer who is accepted: everything around the change is made again."""

import json
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from countermark.errors import Error
from countermark.prove.leaves.leaves import Root, form_of, leaves_name, write_leaves
from countermark.prove.package.bag import bag_files
from countermark.prove.package.case import decode_case
from countermark.prove.package.layout import CASE, CLOSE, LEAVES, Source, envelope_name
from countermark.prove.package.payload import Payload, materials_of
from countermark.prove.package.statements import PAYLOAD_TYPE, close_statement, seal_statement, step_statement
from countermark.prove.package.subjects import has_leaves
from countermark.prove.sealing.seal_payload import measured
from countermark.records.canonical import canonical_json, sha256_hex
from countermark.trust.dsse import open_envelope, seal_envelope
from countermark.trust.keyfiles import Secret
from countermark.trust.signing import SigningKey

Change = Callable[[str, dict[str, Any]], None]


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of a package, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def forge(
    folder: Path,
    target: Path,
    key: SigningKey,
    changed: Mapping[str, bytes | None],
    statement: Change = lambda _name, _statement: None,
    *,
    leaves: bool = True,
) -> Path:
    """The package in `folder` with payload files changed or (None) removed, and every leaf, Statement,
    signature and manifest made again around them; `statement` may change each Statement before it is signed.
    Without `leaves` the files of leaves stay as `changed` has them."""
    files: dict[str, bytes] = {
        name: one for name, one in files_of(folder).items() if name.startswith("data/")
    }
    files = {name: one for name, one in {**files, **changed}.items() if one is not None}
    roots = []
    for name in sorted(filter(has_leaves, files)):
        root, made = _leaves(name, files[name])
        roots.append(root)
        if leaves:
            files[leaves_name(name)] = made
    if leaves:
        wanted = {leaves_name(root.name) for root in roots} | {name for name in changed if changed[name]}
        files = {name: one for name, one in files.items() if not name.startswith(LEAVES) or name in wanted}
    try:
        case = decode_case(files[CASE])
    except Error:
        case = decode_case((folder / CASE).read_bytes())
    sealed = {name: sha256_hex(one) for name, one in files.items()}
    payload = Payload(case, sealed, {name: _parsed(one) for name, one in files.items() if has_leaves(name)})
    envelopes: dict[str, bytes] = {}

    def sign(name: str, body: bytes) -> None:
        document = json.loads(body)
        statement(name, document)
        envelopes[name] = seal_envelope(PAYLOAD_TYPE, canonical_json(document), [key])

    for step in case.steps[:-1]:
        try:
            body = step_statement(
                step, case.case_id, payload.outputs(step) or {}, materials_of(payload, step) or []
            )
        except (Error, KeyError):  # what is no document any more keeps its Statement
            body = open_envelope((folder / envelope_name(step)).read_bytes(), PAYLOAD_TYPE).body
        sign(envelope_name(step), body)
    steps = {name: sha256_hex(one) for name, one in envelopes.items()}
    seal = envelope_name("seal")
    sign(seal, seal_statement(payload, roots, steps))
    sign(CLOSE, close_statement(case.case_id, {seal: sha256_hex(envelopes[seal])}, []))
    return write(target, case, {**files, **envelopes})


def write(target: Path, case: Any, files: Mapping[str, bytes]) -> Path:
    """A folder of these files, with the bag's own made again."""
    sources: dict[str, Source] = dict(files)
    for name, one in {**files, **bag_files(case, measured(sources, crc=False))}.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one)
    return target


def _leaves(name: str, data: bytes) -> tuple[Root, bytes]:
    target = BytesIO()
    try:
        return write_leaves(name, form_of(name), BytesIO(data), target, Secret(bytes(32))), target.getvalue()
    except Error:
        return Root(name, form_of(name), 0, sha256_hex(b"")), b""


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = {}
    return value if isinstance(value, dict) else {}
