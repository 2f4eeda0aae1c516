"""What the trials of `test_hold_kills.py` kill; each takes a folder with EVENTS, raw logs and keys."""

from pathlib import Path

from held_samples import Place

from countermark.capture.hold import release
from countermark.capture.holds import in_force


def place_of(out: Path) -> Place:
    """The place that a folder was copied from, at its new home."""
    recipient = (out / "recipient").read_text()
    return Place(out, (out / "first.jsonl", out / "second.jsonl.gz"), recipient)


def hold(out: Path) -> None:
    """Freeze two accounts; HELD's place in the told options is the same wherever the folder lies."""
    place_of(out).hold()


def end(out: Path) -> None:
    """Release the one hold."""
    release(out / "events", in_force(out / "events")[0].hold_id, "Bea", "", hash_key=out / "hash-keys.json")
