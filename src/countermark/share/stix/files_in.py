"""Files of STIX: a StixBundle, a TAXII envelope, one object, a list of objects, or one object a line.

Objects are cut out as the bytes that stand there. An element or a line that is no object is given too: it is
for the check to refuse, so that it ends in the quarantine with its place.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.stix.bounds import MAX_BYTES
from countermark.share.stix.reading import Arrival, Received, Taken

MAX_DOCUMENT = 256 << 20
"""Bytes of a file that is one document; one object a line may be of any size."""
_BATCH = 1000


class _Document(msgspec.Struct):
    objects: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    type: str = ""


def stix_in_file(path: Path) -> Iterator[Arrival]:
    """The objects of a file in order, each with its place. Raises `Error(NO_INPUT)` for a file that cannot be
    read, and where a single document is no JSON or too large.
    """
    try:
        with path.open("rb") as stream:
            first = stream.readline(MAX_BYTES + 2)
            while first and not first.strip():
                first = stream.readline(MAX_BYTES + 2)
        whole = _whole(first)
        if whole is None:
            yield from _lines(path)
            return
        size = path.stat().st_size
        if size > MAX_DOCUMENT:
            raise _unusable(path, f"is larger than {MAX_DOCUMENT >> 20} MiB", "write one object a line")
        yield from _document(path, path.read_bytes())
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None


def import_file(path: Path, received: Received) -> Counter[Taken]:
    """Keep what a file holds; how many were new, known, quarantined."""
    counts: Counter[Taken] = Counter()
    batch: list[Arrival] = []
    for arrival in stix_in_file(path):
        batch.append(arrival)
        if len(batch) == _BATCH:
            counts.update(received.add_all(f"file:{path.name}", batch))
            batch.clear()
    counts.update(received.add_all(f"file:{path.name}", batch))
    return counts


def _whole(first: bytes) -> bool | None:
    """True for a document over several lines, None for one object a line."""
    try:
        document = msgspec.json.decode(first, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return True
    holds = document.objects is not msgspec.UNSET and (document.type == "bundle" or not document.type)
    return True if holds else None


def _document(path: Path, data: bytes) -> Iterator[Arrival]:
    try:
        if data.lstrip()[:1] == b"[":
            elements = msgspec.json.decode(data, type=list[msgspec.Raw])
        else:
            document = msgspec.json.decode(data, type=_Document)
            alone = document.type and document.type != "bundle"
            if alone or not isinstance(document.objects, list):
                elements = [msgspec.Raw(data.strip())]
            else:
                elements = document.objects
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _unusable(path, "is neither a StixBundle nor objects of STIX, one a line") from None
    for number, element in enumerate(elements, 1):
        yield Arrival(bytes(element), f"object {number}")


def _lines(path: Path) -> Iterator[Arrival]:
    with path.open("rb") as stream:
        number = 0
        while line := stream.readline(MAX_BYTES + 2):
            number += 1
            rest = line
            while not rest.endswith(b"\n") and (rest := stream.readline(MAX_BYTES)):
                pass  # the check refuses what is too long; its beginning says what it was
            if line.strip():
                yield Arrival(line.strip(b"\r\n"), f"line {number}")


def _unusable(path: Path, what: str, hint: str = "") -> Error:
    return Error(f"{path} {what}", hint=hint, exit_code=ExitCode.NO_INPUT)
