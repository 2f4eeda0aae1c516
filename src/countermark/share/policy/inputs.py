"""Objects to review: JSON lines with one STIX object each, as a file or as `objects.jsonl` in a folder."""

from pathlib import Path
from typing import Any

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.strict_yaml import read_bytes
from countermark.share.policy.evaluate import MAX_OBJECT_BYTES, MAX_OBJECTS
from countermark.share.policy.release import MAX_OBJECTS_BYTES, OBJECTS

NAMES = (OBJECTS, "OBJECTS.jsonl")


def read_objects(path: Path) -> list[dict[str, Any]]:
    """The objects; raises `Error(NO_INPUT)` for a line that is no JSON object or too large."""
    if path.is_dir():
        named = [path / name for name in NAMES if (path / name).is_file()]
        if not named:
            raise Error(
                f"{path} holds no {OBJECTS}", hint="one STIX object a line", exit_code=ExitCode.NO_INPUT
            )
        path = named[0]
    data = read_bytes(path, MAX_OBJECTS_BYTES)
    if len(data) > MAX_OBJECTS_BYTES:
        raise Error(f"{path} is over {MAX_OBJECTS_BYTES >> 20} MiB", exit_code=ExitCode.NO_INPUT)
    objects = []
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            objects.append(_object(line, path, number))
    if not 0 < len(objects) <= MAX_OBJECTS:
        raise Error(f"{path} holds no object, or over {MAX_OBJECTS:,}", exit_code=ExitCode.NO_INPUT)
    return objects


def _object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(line) if len(line) <= 4 * MAX_OBJECT_BYTES else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Error(
            f"line {number} of {path} is no STIX object, or too large",
            hint="JSON lines: one object a line, no bundle around them",
            exit_code=ExitCode.NO_INPUT,
        )
    return value
