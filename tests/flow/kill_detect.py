"""The operations that are killed; each takes the output folder, inputs lie in its grandparent."""

from pathlib import Path

from countermark.capture.run import CaptureOptions, capture_logs
from countermark.detect.run import DetectOptions, detect_networks


def capture(out: Path) -> None:
    """The logs into a new EVENTS folder."""
    inputs = out.parent.parent
    sources, key = [str(inputs / "logs")], inputs / "hash-keys.json"
    capture_logs(CaptureOptions(sources, out, accounts=inputs / "accounts.csv", hash_key=key, threads=1))


def detect(out: Path) -> None:
    """Findings, over those that are there."""
    detect_networks(DetectOptions(out.parent.parent / "events", out, threads=1))
