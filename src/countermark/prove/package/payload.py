"""What the payload says of itself, read the same way when it is sealed and when it is verified."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from countermark.prove.package.case import Case, decode_case
from countermark.prove.package.layout import (
    CAPTURE_JSON,
    CASE,
    EVENTS,
    FINDINGS_JSON,
    SCAN_JSON,
    Contents,
    check_name,
    data_of,
    failed,
    is_document,
    read_object,
    result_file,
)


@dataclass(frozen=True)
class Payload:
    """The parsed files of a payload, and the digests of all that was sealed."""

    case: Case
    sealed: Mapping[str, str]
    """SHA-256 (hex) of every payload file when it was sealed, by name in the bag (`data/…`).

    Read from a seal it is empty for those that are covered by the root of their leaves alone.
    """
    documents: Mapping[str, dict[str, Any]]
    """Every document that is there, by name; parts of it may be null where something was taken out."""
    redacted: frozenset[str] = frozenset()
    """Documents and tables that are there with something taken out."""
    absent: frozenset[str] = frozenset()
    """Payload files that were sealed and are taken out whole."""

    @property
    def capture(self) -> dict[str, Any]:
        """`capture.json`."""
        return self.documents[CAPTURE_JSON]

    @property
    def findings(self) -> dict[str, Any]:
        """`findings.json`."""
        return self.documents[FINDINGS_JSON]

    @property
    def result_steps(self) -> list[str]:
        """The steps with a result of their own: all but `capture` and the seal."""
        return self.case.steps[1:-1]

    def outputs(self, step: str) -> dict[str, str] | None:
        """What a step wrote, name to SHA-256: its JSON file and every file that this lists, in the package
        or not. None where the JSON file was taken out."""
        name = CAPTURE_JSON if step == "capture" else result_file(step)
        if name not in self.documents:
            return None
        folder = name.rpartition("/")[0] + "/"
        listed = listed_files(self.documents[name], name)
        return {name: self.sealed[name]} | {folder + file: one for file, one in listed.items()}


def read_payload(
    contents: Contents,
    sealed: Mapping[str, str] | None = None,
    *,
    redacted: Iterable[str] = (),
    absent: Iterable[str] = (),
) -> Payload:
    """Parse the payload's documents strictly; nothing is compared yet.

    `sealed` are the digests by the seal; without them those of the files as they are. `redacted` and `absent`
    are what a redaction took something out of, and took out.
    """
    payload = {name: one for name, one in contents.items() if name.startswith("data/")}
    digests = {name: one.sha256 for name, one in payload.items()} if sealed is None else sealed
    documents = {name: read_object(data_of(contents, name), name) for name in payload if is_document(name)}
    for name in (CAPTURE_JSON, FINDINGS_JSON):
        data_of(contents, name)
    return Payload(
        case=decode_case(data_of(contents, CASE)),
        sealed=digests,
        documents=documents,
        redacted=frozenset(redacted),
        absent=frozenset(absent),
    )


def listed_files(manifest: dict[str, Any], name: str) -> dict[str, str]:
    """Name and SHA-256 of every file that the JSON file of a stage lists under `files`."""
    if name == CAPTURE_JSON:
        return _listed(named_digests(manifest, "files", name), name)
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise failed(f"{name} does not list files with their SHA-256")
    return _listed(list(files.items()), name)


def named_digests(manifest: dict[str, Any], key: str, name: str) -> list[tuple[str, str]]:
    """Name and SHA-256 of each entry of a list (`files`, `sources`); names may repeat."""
    entries = manifest.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise failed(f"{name} has no list of {key}")
    pairs = [(entry.get("name"), entry.get("sha256")) for entry in entries]
    if not all(isinstance(one, str) and is_sha256(digest) for one, digest in pairs):
        raise failed(f"{name} does not list {key} with their SHA-256")
    return pairs


def materials_of(payload: Payload, step: str) -> list[tuple[str, str]] | None:
    """What a step was made of, name and SHA-256; None where its JSON file was taken out."""
    if step == "detect":
        return [(CAPTURE_JSON, payload.sealed[CAPTURE_JSON])]
    name = CAPTURE_JSON if step == "capture" else result_file(step)
    document = payload.documents.get(name)
    if document is None:
        return None
    if name in (CAPTURE_JSON, SCAN_JSON):
        return named_digests(document, "sources", name)
    inputs = document.get("inputs")
    if not isinstance(inputs, dict) or not all(is_sha256(one) for one in inputs.values()):
        raise failed("an attribution does not name its inputs with their SHA-256")
    return list(inputs.items())


def _listed(pairs: list[tuple[str, str]], manifest: str) -> dict[str, str]:
    files = dict(pairs)
    if len(files) != len(pairs) or not all(is_sha256(digest) for digest in files.values()):
        raise failed(f"{manifest} lists a file twice, or without its SHA-256")
    for name in files:
        check_name(name)
        if "/" in name or manifest.endswith("/" + name):
            raise failed(f"{manifest} lists {name}, which cannot stand beside it")
    return files


def stage_files(payload: Payload) -> dict[str, str]:
    """Name and SHA-256 of every file below the folders of the stages that the documents say is sealed."""
    needed: dict[str, str] = {}
    for step in payload.case.steps[:-1]:
        outputs = payload.outputs(step) or {}
        if step == "capture" and not payload.case.events_included:
            outputs = {
                name: one
                for name, one in outputs.items()
                if not name.startswith(EVENTS) or name == CAPTURE_JSON
            }
        needed |= outputs
    return needed


def is_sha256(value: object) -> bool:
    """Whether it is 64 lower-case hex digits."""
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")
