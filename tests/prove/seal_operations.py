"""`seal` as `capture/kill_at.py` runs and kills it; inputs lie in the grandparent of the output folder."""

from datetime import UTC, datetime
from pathlib import Path

from countermark.prove.sealing.seal import SealOptions, seal
from countermark.trust.keyfiles import Secret
from countermark.trust.signing import SigningKey


def _seal(inputs: Path, out: Path) -> None:
    seal(
        SealOptions(
            findings=inputs / "findings",
            events=inputs / "events",
            case_id="CASE-2",
            out=out,
            keys=[SigningKey.load(inputs / "key")],
            include_events=True,
            overwrite=True,
            created=datetime(2026, 7, 1, tzinfo=UTC),
            salt_key=Secret(bytes(32)),
        )
    )


def zipped(out: Path) -> None:
    """Into a zip."""
    out.mkdir(exist_ok=True)
    _seal(out.parent.parent, out / "case.zip")


def plain(out: Path) -> None:
    """Into a folder."""
    out.mkdir(exist_ok=True)
    _seal(out.parent.parent, out / "case")
