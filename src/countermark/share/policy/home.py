"""A member's own folder for sharing: the log of what was reviewed, refused, approved and released.

    log/, log.key     the Merkle log (`trust.log`)
    sampling.key     the secret that the next random sample is drawn with (0600)
    legal.yaml        the member's own legal bases, where there is one

Every decision gives an entry; its index is printed, and a proof that it stands in the log is given on
request.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from countermark.records.files import write_atomic
from countermark.trust.checkpoints import write_proof
from countermark.trust.log import Entry, Log, open_or_create

REVIEWED, REFUSED, APPROVED, RELEASED, DISPUTED = "review", "refusal", "approval", "release", "dispute"
SAMPLE_COMMITTED, SAMPLED, SAMPLE_OUTCOME = "sample-commitment", "sample", "sample-outcome"


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

    def record(self, kind: str, payload: Mapping[str, Any]) -> Entry:
        """Put an entry into the log; it is on disk when this returns."""
        return self.log.append(kind, payload)

    def write_proof(self, index: int, out: Path) -> None:
        """Write the proof that an entry stands in the log, with the entry, as a `.tlog-proof` file."""
        write_atomic(out, write_proof(self.log.prove(index)).encode())

    def released(self, sha256: str) -> bool:
        """Whether a release with this digest left."""
        return any(one.payload.get("sha256") == sha256 for one in self.log.entries(RELEASED))
