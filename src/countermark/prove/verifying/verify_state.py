"""What the steps of a verification hand on to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from countermark.prove.beforehand.log_view import LogView
from countermark.prove.custody.custody import Custody
from countermark.prove.leaves.leaves import Root
from countermark.prove.package.case import Case
from countermark.prove.package.layout import Contents, timestamp_name
from countermark.prove.package.payload import Payload
from countermark.prove.package.statements import Statement
from countermark.prove.package.trustfile import Trust
from countermark.prove.redacting.redaction import Redaction
from countermark.prove.verifying.verification import Plans, ResultFound, Runs
from countermark.trust.dsse import Envelope


class NotChecked(Exception):
    """A step that needs the trust file, which was not given."""


@dataclass
class State:
    """Filled step by step; `detail` is what the present one found, in a sentence."""

    package: Path
    trust: Trust | None
    wanted_case: str | None
    now: datetime
    """The verifier's own clock."""
    detail: str = ""
    base: str | None = None
    contents: Contents = field(default_factory=dict)
    declared: Case | None = None
    envelopes: dict[str, Envelope] = field(default_factory=dict)
    statements: dict[str, Statement] = field(default_factory=dict)
    roots: tuple[Root, ...] = ()
    """Of every document and table, as the seal says them."""
    sealed: Mapping[str, str] = field(default_factory=dict)
    """Name and SHA-256 of every payload file as it was sealed; empty where the seal has its root alone."""
    redaction: Redaction | None = None
    payload: Payload | None = None
    taken: tuple[str, ...] = ()
    """Pointers of the fields of `findings.json` that were taken out."""
    custody: Custody = field(default_factory=Custody)
    stamps: tuple[datetime, ...] = ()
    """Times of the timestamps over the seal that lead to an accepted root."""
    signers: tuple[str, ...] = ()
    log: LogView | None = None
    runs: Runs | None = None
    plans: Plans | None = None
    results: tuple[ResultFound, ...] = ()

    @property
    def case(self) -> Case:
        """`case.json`, which step 2 has read."""
        assert self.declared is not None  # for the type checker; step 2 ran
        return self.declared

    @property
    def read(self) -> Payload:
        """The payload, which step 5 has read."""
        assert self.payload is not None  # for the type checker; step 5 ran
        return self.payload

    @property
    def there(self) -> dict[str, str]:
        """Name and SHA-256 of every payload file as it is."""
        return {name: one.sha256 for name, one in self.contents.items() if name.startswith("data/")}

    @property
    def timestamp_names(self) -> list[str]:
        """The timestamps that the case declares."""
        return [timestamp_name(number) for number in range(1, self.case.timestamps + 1)]


def counted(number: int, what: str, many: str = "") -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def in_utc(moment: datetime) -> str:
    """To the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
