"""How many accounts of the networks have a record that they accepted each version of the terms."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from countermark.prove.custody.terms import MAX_LINE
from countermark.prove.dossier.dossier import Dossier


class _Member(msgspec.Struct, frozen=True):
    account_id: str | None = None


class _Acceptance(msgspec.Struct, frozen=True):
    account_id: str | None = None
    terms_id: str | None = None
    version: str | None = None
    accepted: str | None = None


_Row = TypeVar("_Row", _Member, _Acceptance)


def accounts_with_record(dossier: Dossier, until: str) -> dict[tuple[str, str], int]:
    """Distinct accounts of the networks by terms id and version, accepted on or before `until` (YYYY-MM-DD).

    Rows of which a redaction took out what is asked here count for nothing.
    """
    if dossier.acceptances is None or dossier.members is None:
        return {}
    members = {one.account_id for one in _rows(dossier.members, _Member) if one.account_id}
    found: dict[tuple[str, str], set[str]] = {}
    for one in _rows(dossier.acceptances, _Acceptance):
        if not (one.account_id and one.terms_id and one.version and one.accepted):
            continue
        if one.account_id in members and one.accepted[:10] <= until:
            found.setdefault((one.terms_id, one.version), set()).add(one.account_id)
    return {version: len(accounts) for version, accounts in found.items()}


def _rows(path: Path, kind: type[_Row]) -> Iterator[_Row]:
    """Lines of a sealed table, which the verifier has read before; rows that are no such object are none."""
    with path.open("rb") as stream:
        while line := stream.readline(MAX_LINE):
            try:
                yield msgspec.json.decode(line, type=kind)
            except msgspec.MsgspecError:
                continue
