"""How far a key and its outputs are out, as `countermark watermark exposure --json` says."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from countermark.errors import Error, ExitCode
from countermark.prove.dossier.records import Day, Line, is_day, read_record

EXPOSURE_SCHEMA_ID = "countermark/watermark-exposure/v1"
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class KeyExposure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ledger of one key."""

    schema: Literal["countermark/watermark-exposure/v1"]
    key_id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]
    tokens: Count
    """Served under it, all days."""
    days: Count
    """On which any were."""
    most_accounts: Count
    """On one day."""
    publications: Annotated[list[Line], msgspec.Meta(max_length=10_000)]
    """Known public places where its outputs stand."""
    refused_from: Day | None
    """First day of an opening or a leak: what was acquired from then on shows nothing."""


def read_exposure(path: Path) -> KeyExposure:
    """The ledger in a file; raises `Error(NO_INPUT)` for anything else."""
    found = read_record(path, KeyExposure)
    if found.refused_from is not None and not is_day(found.refused_from):
        message = f"{path} says {found.refused_from}, which is no day"
        raise Error(message, exit_code=ExitCode.NO_INPUT)
    return found
