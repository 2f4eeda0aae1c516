"""A member's own folder for sharing: the log of what was reviewed, refused, approved and released.

    log/, log.key     the Merkle log (`trust.log`), whose key also draws (`sampling.py`)
    released/         the objects that left, a file a release
    ids.key           the key that ids of objects are made with (0600)
    samples/          what reviewers reported of releases that were drawn, a signed file for each role
    legal.yaml        the member's own legal bases, where there is one

Every decision gives an entry; its index is printed, and a proof that it stands in the log is given on
request.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from countermark.records.files import write_atomic
from countermark.trust.checkpoints import write_proof
from countermark.trust.entries import Entry
from countermark.trust.log import Log, open_or_create

REVIEWED, REFUSED, APPROVED, RELEASED, DISPUTED = "review", "refusal", "approval", "release", "dispute"
OPENED = "opening"
"""Of a private overlap, by both reviewers."""
SAMPLED, SAMPLE_OUTCOME = "sample", "sample-outcome"


def default_home() -> Path:
    """`share` under the user's configuration folder (`XDG_CONFIG_HOME`, else `~/.config`)."""
    base = os.environ.get("XDG_CONFIG_HOME") or ""
    folder = Path(base) if Path(base).is_absolute() else Path.home() / ".config"
    return folder / "countermark" / "share"


class Home:
    """The folder, opened for writing; made where it is not there yet."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_home()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def log(self) -> Log:
        """The log, read and checked; made with its key at the first use."""
        return open_or_create(self.folder / "log")

    @property
    def legal(self) -> list[Path]:
        """The member's own legal bases, where there are any."""
        path = self.folder / "legal.yaml"
        return [path] if path.exists() else []

    @property
    def released(self) -> list[Path]:
        """Files with the objects that left."""
        return sorted((self.folder / "released").glob("release-*.jsonl"))

    def keep(self, release_id: str, objects: Sequence[bytes]) -> None:
        """Keep what leaves: later versions and revocations rest on it."""
        folder = self.folder / "released"
        folder.mkdir(exist_ok=True, mode=0o700)
        write_atomic(folder / f"{release_id}.jsonl", b"".join(one + b"\n" for one in objects), 0o600)

    def record(self, kind: str, payload: Mapping[str, Any]) -> Entry:
        """Put an entry into the log; it is on disk when this returns."""
        return self.log.append(kind, payload)

    def write_proof(self, index: int, out: Path) -> None:
        """Write the proof that an entry stands in the log, with the entry, as a `.tlog-proof` file."""
        write_atomic(out, write_proof(self.log.prove(index)).encode())
