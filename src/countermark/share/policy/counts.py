"""Counts for the floors, from raw identifiers of named accounts: read at share time, and not kept.

One JSON object a line: `account_id`, `kind`, `value`, and, where known, `campaign_id`. A value's count is the
number of distinct accounts of one campaign that showed it. Kinds that leave as OPRF tags only, or never, are
counted as refused and dropped as they are read.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.policy.document import NEVER, TAGS_ONLY

KINDS = {"ipv4-addr": "address", "ipv6-addr": "address"}
"""What the policy calls a kind that the file names as STIX does; other names are the same."""
SHARED = frozenset(
    {"address", "proxy-exit", "asn", "ja4", "http-fingerprint", "email-domain", "template-skeleton"}
)
MAX_LINE = 1 << 14
MAX_LINES = 5_000_000


class _Line(msgspec.Struct, frozen=True):
    account_id: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    kind: Annotated[str, msgspec.Meta(max_length=64)]
    value: str | int
    campaign_id: str = ""


class Counts(msgspec.Struct, frozen=True):
    """Counts by kind and value, and how many lines were of a kind that does not leave."""

    values: list[tuple[str, str, int]]
    refused: dict[str, int]


def read_identifiers(path: Path) -> Counts:
    """Counts of a file; raises `Error`, which quotes nothing of it, for a line that is none."""
    accounts: dict[tuple[str, str, str], set[str]] = {}
    refused: Counter[str] = Counter()
    decoder = msgspec.json.Decoder(_Line)
    try:
        with path.open("rb") as stream:
            for number in range(1, MAX_LINES + 2):
                data = stream.readline(MAX_LINE + 1)
                if not data:
                    break
                line = _line(decoder, data, path, number)
                kind = KINDS.get(line.kind, line.kind)
                if kind in TAGS_ONLY | NEVER:
                    refused[kind] += 1
                elif kind in SHARED:
                    accounts.setdefault((kind, str(line.value), line.campaign_id), set()).add(line.account_id)
                else:
                    raise _bad(path, number, "is of a kind that is not known")
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from error
    most: dict[tuple[str, str], int] = {}
    for (kind, value, _), shown in accounts.items():
        most[kind, value] = max(len(shown), most.get((kind, value), 0))
    return Counts([(kind, value, count) for (kind, value), count in most.items()], dict(refused))


def _line(decoder: "msgspec.json.Decoder[_Line]", data: bytes, path: Path, number: int) -> _Line:
    if len(data) > MAX_LINE or number > MAX_LINES:
        raise _bad(path, number, f"is over {MAX_LINE >> 10} KiB, or one too many")
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _bad(path, number, "is no identifier") from None


def _bad(path: Path, number: int, what: str) -> Error:
    hint = "one JSON object a line: account_id, kind, value, campaign_id"
    return Error(f"line {number} of {path} {what}", hint=hint, exit_code=ExitCode.NO_INPUT)
