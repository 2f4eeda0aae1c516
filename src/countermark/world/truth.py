"""What was planted in a world, beside the log: for tests, benchmarks and the demo, never for detection."""

from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.files import write_atomic

TRUTH_FILE = "truth.json"


class PlantedNetwork(msgspec.Struct, frozen=True):
    """A harvesting network."""

    name: str
    accounts: list[str]
    """Ids of its accounts that stand in the log, sorted."""


class Truth(msgspec.Struct, frozen=True):
    """Who is who. Accounts without a request in the log are left out: nobody could find them."""

    harvest: list[PlantedNetwork]
    pool: list[str]
    look_alikes: dict[str, list[str]]
    """Benign groups: coding agent, class, ci, company, viral."""
    requests: int
    """Lines of the log."""
    active_accounts: int
    """Accounts in the log."""
    accounts: int
    """Rows of `accounts.csv`."""


def write_truth(folder: Path, truth: Truth) -> None:
    """Write `truth.json`."""
    write_atomic(folder / TRUTH_FILE, msgspec.json.format(msgspec.json.encode(truth), indent=1) + b"\n")


def read_truth(folder: Path) -> Truth:
    """Read `truth.json`; a missing or malformed file is an error."""
    path = folder / TRUTH_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Truth)
    except (OSError, msgspec.MsgspecError) as error:
        raise Error(
            f"{TRUTH_FILE} cannot be read: {error}",
            hint="the folder has to be one that `write_world` made",
            exit_code=ExitCode.NO_INPUT,
        ) from error
