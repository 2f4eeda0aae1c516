"""What the fault trials kill: the seal of a small case into a folder; inputs lie in its grandparent."""

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from countermark.prove.sealing.seal import SealOptions, seal
from countermark.trust.keyfiles import Secret
from countermark.trust.signing import SigningKey

OLD = datetime(2026, 7, 1, tzinfo=UTC)
NEW = datetime(2026, 8, 1, tzinfo=UTC)


def seal_at(folder: Path, name: str, created: datetime, *, overwrite: bool) -> Path:
    """The same bytes whenever it is made."""
    inputs = folder.parent.parent
    folder.mkdir(exist_ok=True)
    return seal(
        SealOptions(
            findings=inputs / "findings",
            events=inputs / "events",
            case_id="KILLED",
            out=folder / name,
            keys=[SigningKey.load(inputs / "signer.key")],
            include_events=True,
            created=created,
            salt_key=Secret(bytes(32)),
            overwrite=overwrite,
        )
    )


def folder(out: Path) -> None:
    """Where nothing stands, as a folder."""
    seal_at(out, "case", NEW, overwrite=False)


def archive(out: Path) -> None:
    """The same as a zip."""
    seal_at(out, "case.zip", NEW, overwrite=False)


def folder_over(out: Path) -> None:
    """In the place of an earlier package."""
    seal_at(out, "case", NEW, overwrite=True)


def archive_over(out: Path) -> None:
    """The same as a zip."""
    seal_at(out, "case.zip", NEW, overwrite=True)


def _killed_before_it_stands() -> None:
    """When the package of before was moved away, just before the new one is moved into its place."""

    def watch(event: str, arguments: tuple) -> None:
        if event == "os.rename" and Path(arguments[0]).name == "package":
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


if __name__ == "__main__":
    _killed_before_it_stands()
    folder_over(Path(sys.argv[1]))
