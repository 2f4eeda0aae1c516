"""Key files of engines whose keys are integers, one a line, in decimal or 0x hex."""

import re

from countermark.errors import Error
from countermark.trust.keyfiles import Secret

MOST = (1 << 64) - 1
"""Largest key of 64 bits."""
_INTEGER = re.compile(rb"-?(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})")


def integers(key: Secret, count: int, low: int, high: int) -> list[int]:
    """The `count` integers from `low` to `high` in the content of a key file; white space separates lines.

    Raises `Error` on anything else, which never repeats the content.
    """
    lines = key.reveal().split()
    what = "one integer" if count == 1 else f"{count} integers, one a line"
    if len(lines) != count or not all(_INTEGER.fullmatch(line) for line in lines):
        raise Error(f"the key file does not hold {what}", hint="decimal digits, or 0x and hex digits")
    values = [int(line, 16 if b"x" in line.lower() else 10) for line in lines]
    if not all(low <= value <= high for value in values):
        raise Error("an integer in the key file is out of the engine's range", hint=f"{low} to {high}")
    return values
