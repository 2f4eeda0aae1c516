"""Raw logs of every form, EVENTS captured from them, age keys, and holds on them."""

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyrage

from countermark.capture.hold import Held, HoldOptions, hold
from countermark.capture.run import CaptureOptions, capture_logs

ACCOUNTS = 7
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def chat(number: int) -> dict[str, Any]:
    """One record of LiteLLM's log, of account user-(number mod 7), a minute after the last."""
    return {
        "id": f"request-{number}",
        "call_type": "acompletion",
        "status": "success",
        "startTime": FIRST.timestamp() + 60 * number,
        "model": "model-a",
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "metadata": {
            "user_api_key_user_id": f"user-{number % ACCOUNTS}",
            "user_api_key_hash": f"key-{number % ACCOUNTS}",
            "requester_ip_address": f"198.51.100.{number % 50}",
        },
        "messages": [{"role": "user", "content": f"Tell me “all” about number {number} and its friends"}],
    }


def write_lines(path: Path, numbers: range) -> Path:
    """JSON lines, gzipped where the name says so."""
    data = "".join(json.dumps(chat(number), ensure_ascii=False) + "\n" for number in numbers).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_document(path: Path, numbers: range) -> Path:
    """One JSON array."""
    path.write_text(json.dumps([chat(number) for number in numbers], indent=1))
    return path


def write_csv(path: Path, numbers: range) -> Path:
    """A table with its own column names, a quoted line break in some prompts, and one bad row."""
    lines = ["when,who,req,text"]
    for number in numbers:
        at = int(FIRST.timestamp() + 60 * number)
        lines.append(f'{at},user-{number % ACCOUNTS},row-{number},"Ask ""{number}""\nand again, please"')
    lines.insert(3, "too,few")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_parquet(path: Path, numbers: range) -> Path:
    """The same as Parquet, with a column of times and one of nested values."""
    rows = [
        {
            "when": FIRST + timedelta(minutes=number),
            "who": f"user-{number % ACCOUNTS}",
            "req": f"row-{number}",
            "text": f"Ask {number}, and again",
            "nested": {"$": "dict", "blob": bytes([number % 256]), "rate": number / 3},
        }
        for number in numbers
    ]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=40)
    return path


MAPPING = {"ts": "when", "account_id": "who", "request_id": "req", "prompt": "text"}


def age_key(path: Path) -> str:
    """Write an age key file and give its recipient."""
    identity = pyrage.x25519.Identity.generate()
    path.write_text(f"# created by a test\n{identity}\n")
    path.chmod(0o600)
    return str(identity.to_public())


@dataclass(frozen=True)
class Place:
    """A folder with EVENTS, their raw logs, a hash key and an age key."""

    folder: Path
    logs: tuple[Path, ...]
    recipient: str

    @property
    def events(self) -> Path:
        return self.folder / "events"

    @property
    def hash_key(self) -> Path:
        return self.folder / "hash-keys.json"

    @property
    def age_key(self) -> Path:
        return self.folder / "age.key"

    @property
    def held(self) -> Path:
        return self.folder / "held"

    def capture(self, *logs: Path, **options: Any) -> None:
        told = {"hash_key": self.hash_key, "threads": 1} | options
        capture_logs(CaptureOptions([str(log) for log in logs], self.events, **told))

    def options(self, **changes: Any) -> HoldOptions:
        told = {
            "events": self.events,
            "sources": [str(log) for log in self.logs],
            "accounts": ["user-3", "user-5"],
            "recipients": [self.recipient],
            "anticipated": "2026-01-01",
            "by": "Ann Example",
            "out": self.held,
            "hash_key": self.hash_key,
        }
        return HoldOptions(**(told | changes))

    def hold(self, **changes: Any) -> Held:
        return hold(self.options(**changes))


def place(folder: Path, *logs: Path, **options: Any) -> Place:
    """EVENTS of these logs in `folder`; 200 requests in two files if none are given."""
    made = logs or (
        write_lines(folder / "first.jsonl", range(120)),
        write_lines(folder / "second.jsonl.gz", range(100, 200)),
    )
    found = Place(folder, made, age_key(folder / "age.key"))
    found.capture(*made, **options)
    return found


def plain(held: Path, key: Path) -> dict[str, list[dict[str, Any]]]:
    """The decrypted lines of every age file, as `age -d` would give them."""
    identity = pyrage.x25519.Identity.from_str(key.read_text().splitlines()[-1])
    files = sorted(held.glob("*.age"))
    return {
        path.name: [json.loads(line) for line in pyrage.decrypt(path.read_bytes(), [identity]).splitlines()]
        for path in files
    }
