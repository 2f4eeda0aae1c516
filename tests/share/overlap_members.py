"""Members of a private overlap as their users see them: files of identifiers, and the commands."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from policy_samples import US, write_context, write_legal
from servers import Server

from running import Done, countermark

TODAY = datetime.now(UTC).date()


def write_identifiers(path: Path, values: Iterable[tuple[str, str]]) -> Path:
    """A file of identifiers of accounts that are suspended."""
    rows = []
    for number, (kind, value) in enumerate(values):
        row = {"account_id": f"a{number}", "kind": kind, "value": value, "suspended": "2026-06-30"}
        rows.append(json.dumps(row | {"first_seen": "2026-05-01", "last_seen": "2026-06-01"}))
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def mails(*numbers: int) -> list[tuple[str, str]]:
    """E-mail addresses by number."""
    return [("email", f"user{number}@mail.example") for number in numbers]


@dataclass
class Desk:
    """A member with its files and keys, below a folder."""

    server: Server
    folder: Path
    who: str
    peer: str
    options: Sequence[str | Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        home = self.folder / "home"
        home.mkdir(mode=0o700, parents=True)
        self.token = self.folder / "token"
        self.token.write_text(self.server.tokens[self.who])
        self.token.chmod(0o600)
        end = "" if self.who == "alice" else f"-{self.who}"
        names = {"member": self.who, "security": f"security{end}", "counsel": f"counsel{end}"}
        for role, name in names.items():
            if name in self.server.keys:
                self.server.keys[name].save(self.folder / f"{role}.pem")
        self.peer_key = self.folder / "peer.pub"
        self.peer_key.write_text(self.server.keys[self.peer].public.to_base64())
        yesterday = TODAY - timedelta(days=1)
        write_context(self.folder / "context.yaml", acted_upon=yesterday)
        basis = msgspec.structs.replace(US, since=yesterday, until=TODAY + timedelta(days=90))
        write_legal(home / "legal.yaml", basis)

    def prepare(self, run: str, values: Iterable[tuple[str, str]], *more: Path | str) -> Done:
        """`share overlap prepare`; the folder is named as the run is."""
        self.file = write_identifiers(self.folder / f"{run}.jsonl", values)
        names = ("--run", run, "--with", self.peer, "--as", self.who, "--out", self.folder / run)
        key = ("--key", self.folder / "member.pem", "--identifiers", self.file)
        return countermark("share", "overlap", "prepare", *names, *key, *more)

    @property
    def where(self) -> list[Path | str]:
        """The exchange, and who one is there."""
        return ["--to", self.server.url, "--token-file", self.token]

    def run(self, run: str, *more: Path | str, wait: float = 60) -> Done:
        """`share overlap run`."""
        key = ("--peer-key", self.peer_key, "--wait", str(wait))
        return countermark("share", "overlap", "run", self.folder / run, *self.where, *key, *more)

    def review(self, run: str, *more: Path | str) -> Done:
        """`share overlap review`."""
        home = ("--home", self.folder / "home", "--context", self.folder / "context.yaml")
        return countermark("share", "overlap", "review", self.folder / run, *self.where, *home, *more)

    def approve(self, run: str, role: str, *more: Path | str) -> Done:
        """`share approve` of the opening."""
        key = ("--as", role, "--key", self.folder / f"{role}.pem", "--name", role)
        home = ("--home", self.folder / "home")
        return countermark("share", "approve", self.folder / run / "opening", *key, *home, *more)

    def approve_both(self, run: str) -> None:
        """By both reviewers."""
        for role in ("security", "counsel"):
            done = self.approve(run, role)
            assert done.code == 0, done.err

    def open(self, run: str, *more: Path | str, wait: float = 60) -> Done:
        """`share overlap run --open`; the matches are in RUN.matches."""
        out = self.folder / f"{run}.matches"
        return self.run(run, "--open", "--identifiers", self.file, "--out", out, *more, wait=wait)

    def found(self, run: str) -> list[dict[str, Any]]:
        """The matches."""
        lines = (self.folder / f"{run}.matches").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def log(self) -> list[str]:
        """Kinds of the entries of the own log."""
        path = self.folder / "home" / "log" / "entries.jsonl"
        if not path.exists():
            return []
        return [json.loads(line)["kind"] for line in path.read_text().splitlines()]
