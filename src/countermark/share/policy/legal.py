"""Legal bases: dated records that expire. What nobody renewed does not hold.

    records:
      - {id, jurisdiction, statute, clause, from, until, recorded_by, recorded_on, renews, note, gdpr}

`until` is the last day on which it holds. A renewal is a record of its own that names the one it `renews`.
"""

from datetime import UTC, date, datetime
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from countermark.records import strict_yaml
from countermark.share.policy.document import FORM

SCHEMA = "countermark/legal-bases/v1"
GDPR_APPLIES = {
    "EU",
    "AT",
    "BE",
    "BG",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "ES",
    "FI",
    "FR",
    "GR",
    "HR",
    "HU",
    "IE",
    "IT",
} | {"LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO"}
"""The Union, its members, and the other members of the EEA."""
NAMED_TRANSFERS = frozenset({"clauses-46", "rules-47", "derogation-49"})
"""Ways of transfer that stand in a paper or a sentence, which the record has to name."""
_bad = partial(strict_yaml.bad, form=FORM)
MAX_DAYS = 1100
"""Our choice: what holds for over three years does not expire; counsel looks again."""
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=600)]
Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class Gdpr(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a record of the European Union or the EEA has to say about personal data."""

    basis: Literal["6-1-a", "6-1-b", "6-1-c", "6-1-d", "6-1-e", "6-1-f"]
    """Article 6(1) GDPR."""
    assessment: Text
    """Where the balancing test or the reasoning stands (a file's name and digest, a matter number)."""
    transfer: Literal["none", "adequacy-45", "clauses-46", "rules-47", "derogation-49"]
    """How data may leave the EEA: Articles 45 to 49 GDPR."""
    transfer_reference: str = ""


class Basis(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """One record."""

    id: Id
    jurisdiction: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
    """`US`, `EU`, `GB` …"""
    statute: Text
    clause: Text
    since: date
    until: date
    recorded_by: Text
    """The person who answers for it."""
    recorded_on: date
    renews: str | None = None
    note: str = ""
    gdpr: Gdpr | None = None

    def holds(self, today: date) -> bool:
        """Whether it holds on that day, the last one included."""
        return self.since <= today <= self.until

    def problem(self, today: date) -> str:
        """Why it does not hold; empty where it does."""
        if today < self.since:
            return f"legal basis {self.id} holds from {self.since} on"
        if today > self.until:
            return f"legal basis {self.id} expired on {self.until}, and no renewal of it is named"
        if self.recorded_on > today:
            return f"legal basis {self.id} was recorded on {self.recorded_on}, which has not come yet"
        if self.jurisdiction[:2] in GDPR_APPLIES and self.gdpr is None:
            return f"legal basis {self.id} is of the EU or EEA and names no GDPR basis and transfer mechanism"
        if self.gdpr and self.gdpr.transfer in NAMED_TRANSFERS and not self.gdpr.transfer_reference.strip():
            return f"legal basis {self.id} does not say which paper its transfer ({self.gdpr.transfer}) is by"
        return ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal["countermark/legal-bases/v1"]
    records: Annotated[list[Basis], msgspec.Meta(max_length=1000)]


def read_bases(*paths: Path) -> dict[str, Basis]:
    """The shipped records and those of the files, by id; raises `Error` for an id that stands twice."""
    shipped = files(__package__).joinpath("legal.yaml").read_bytes()
    called = "the shipped legal bases"
    documents = [(called, strict_yaml.parse(shipped, _File, called, FORM))]
    documents += [(str(path), strict_yaml.read(path, _File, FORM)) for path in paths]
    bases: dict[str, Basis] = {}
    for name, document in documents:
        for record in document.records:
            if record.id in bases:
                raise _bad(
                    name,
                    f"has a record {record.id} that stands elsewhere: a renewal has an id of its own",
                )
            if record.until < record.since:
                raise _bad(name, f"has a record {record.id} that ends before it begins")
            if (record.until - record.since).days > MAX_DAYS:
                raise _bad(name, f"has a record {record.id} that holds for over {MAX_DAYS} days")
            bases[record.id] = record
    for record in bases.values():
        if record.renews is not None and (record.renews not in bases or record.renews == record.id):
            raise _bad(record.id, "renews a legal basis that is not there, or itself")
    return bases


def today(now: datetime) -> date:
    """The day in UTC."""
    return now.astimezone(UTC).date()
