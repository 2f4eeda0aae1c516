"""An exchange's data folder.

exchange.toml    settings (0600); written with the database's URL when that is given at first
exchange.db      the database, where that is SQLite
log/, log.key    the Merkle log and the key that signs its checkpoints
operator.token   token of the operator that is made at first
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from countermark.errors import Error, ExitCode
from countermark.records.exchange import Member
from countermark.share.server.draining import Drain
from countermark.share.server.settings import FILE, ExchangeSettings, read_settings
from countermark.store.exchange import ACTIONS, ExchangeStore
from countermark.trust.keyfiles import locked, write_secret
from countermark.trust.log import CONFIG, Log, open_or_create
from countermark.trust.signing import SigningKey

DATABASE, LOG, TOKEN = "exchange.db", "log", "operator.token"
OPERATOR = "operator"


@dataclass(frozen=True)
class DataFolder:
    """A folder, its settings and its open database."""

    path: Path
    settings: ExchangeSettings
    store: ExchangeStore
    sqlite: bool
    new: bool = False
    """Whether it was made just now."""

    def open_log(self) -> Log:
        """The log, opened for writing."""
        return open_log(self.path)

    def drain(self) -> None:
        """Take what was changed from the command line into the log; a server may run meanwhile."""
        Drain(self.store, self.open_log()).run()


def open_log(path: Path, *, writing: bool = True) -> Log:
    """The log of a data folder; raises `Error(NO_INPUT)` where there is none."""
    if not (path / LOG / CONFIG).exists():
        raise Error(
            f"{path} holds no exchange", hint="share serve --data DIR makes one", exit_code=ExitCode.NO_INPUT
        )
    key = SigningKey.load(path / f"{LOG}.key") if writing else None
    return Log.open(path / LOG, key)


@contextmanager
def opened(path: Path, database: str | None = None, *, create: bool = False) -> Iterator[DataFolder]:
    """A data folder, its database closed afterwards; with `create` a missing one is made.

    Raises `Error` where there is none, the settings are bad, or another database is named than before.
    """
    if not create:
        open_log(path, writing=False)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(path / "exchange"):
        folder = _open(path, database)
    try:
        yield folder
    finally:
        folder.store.close()


def _open(path: Path, database: str | None) -> DataFolder:
    settings = _settings(path, database)
    url = settings.database or f"sqlite:///{path.resolve() / DATABASE}"
    store = ExchangeStore.open(url)
    try:
        new = not (path / LOG / CONFIG).exists()
        if new and store.members.all():
            raise Error(
                "the database is that of another folder, which has its log",
                hint="servers of one exchange share one folder; was log/ lost? restore it from a copy",
                exit_code=ExitCode.USAGE,
            )
        open_or_create(path / LOG, path / f"{LOG}.key")
        (path / LOG).chmod(0o700)  # who has read what is for nobody else on this machine
        folder = DataFolder(path, settings, store, url.startswith("sqlite:"), new)
        first = store.members.by_name(OPERATOR)
        if (first is None and not store.members.all()) or (
            first and not store.members.tokens(first.member_id)
        ):
            _first_operator(folder, first)  # or the rest of it, where it was killed half-way
        return folder
    except BaseException:
        store.close()
        raise


def _settings(path: Path, database: str | None) -> ExchangeSettings:
    """The settings; a database that is named for a new folder is remembered there."""
    if database is not None and urlsplit(database).password:
        raise Error(
            "a password stands on the command line, where others can read it",
            hint=f"write database = … to DIR/{FILE} of mode 0600, or use ~/.pgpass",
            exit_code=ExitCode.USAGE,
        )
    if database is not None and not (path / FILE).exists() and not (path / LOG / CONFIG).exists():
        write_secret(path / FILE, f"database = {json.dumps(database)}\n".encode())
    settings = read_settings(path)
    if database is not None and settings.database != database:
        raise Error(
            f"{path} is of another database", hint=f"see database in {path / FILE}", exit_code=ExitCode.USAGE
        )
    return settings


def _first_operator(folder: DataFolder, made: Member | None) -> None:
    """An operator, with a token in a file: it is shown nowhere else."""
    member = made or folder.store.members.add(OPERATOR, "operator")
    _, token = folder.store.members.add_token(member.member_id, ACTIONS["operator"])
    write_secret(folder.path / TOKEN, token.encode() + b"\n", replace=True)
    folder.drain()
