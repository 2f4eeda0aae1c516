"""The operations that the fault trials kill; each takes the EVENTS folder, inputs lie in its grandparent."""

from datetime import UTC, datetime
from pathlib import Path

from countermark.capture.purge import purge_before
from countermark.capture.run import CaptureOptions, capture_logs

MIDDLE = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)


def _capture(out: Path, log: str, **options: bool) -> None:
    inputs = out.parent.parent
    capture_logs(
        CaptureOptions([str(inputs / log)], out, hash_key=inputs / "keys.json", threads=1, **options)
    )


def capture(out: Path) -> None:
    """A first capture of 60 requests."""
    _capture(out, "first.jsonl")


def append(out: Path) -> None:
    """30 more, 10 of them known."""
    _capture(out, "second.jsonl", append=True)


def overwrite(out: Path) -> None:
    """Only the second log."""
    _capture(out, "second.jsonl", overwrite=True)


def purge(out: Path) -> None:
    """The first 30 requests."""
    purge_before(out, MIDDLE)
