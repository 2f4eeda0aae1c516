"""Three providers of one exchange: a harvesting network works at two of them, a third knows nothing of it.

    alpha/ beta/ gamma/     logs/litellm.jsonl, accounts.csv, truth.json, identifiers.jsonl
                            (suspended.jsonl: `write_suspended`)

`identifiers.jsonl` is what a member's own systems say of all of its accounts, raw: the form that
`share review --identifiers` reads. The world's IPv4 addresses are private ones (RFC 1918), which nobody may
share; here they stand as addresses for documentation (RFC 3849).
"""

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from countermark.records.files import write_atomic
from countermark.world.accounts import ACCOUNTS_FILE, DISPOSABLE
from countermark.world.plan import WorldPlan
from countermark.world.provider import LOG_FILE, write_world
from countermark.world.proxies import ProxyMarket
from countermark.world.truth import TRUTH_FILE, Truth

ALPHA, BETA, GAMMA = "alpha", "beta", "gamma"
LOGS, IDENTIFIERS = "logs", "identifiers.jsonl"
SUSPENDED = "suspended.jsonl"
_DAY = 10


@dataclass(frozen=True)
class Providers:
    """What was planted at each."""

    truths: dict[str, Truth]
    """By name."""

    @property
    def requests(self) -> int:
        """Lines of the three logs."""
        return sum(one.requests for one in self.truths.values())


class _Metadata(msgspec.Struct):
    user_api_key_user_id: str
    requester_ip_address: str


class _Line(msgspec.Struct):
    startTime: float
    metadata: _Metadata


def write_providers(folder: Path, plan: WorldPlan, seed: int) -> Providers:
    """Write the three folders. `plan` is Alpha's; Beta and Gamma have half as many ordinary accounts."""
    half = plan.but(ordinary=max(100, plan.ordinary // 2))
    market = ProxyMarket()
    truths = {ALPHA: _write(folder / ALPHA, plan, seed, market)}
    truths[BETA] = _write(folder / BETA, half, seed + 1, ProxyMarket(elsewhere=market.handed_out))
    truths[GAMMA] = _write(folder / GAMMA, half.but(networks=()), seed + 2, ProxyMarket())
    return Providers(truths)


def write_suspended(folder: Path, accounts: Collection[str], day: date) -> None:
    """Write a member's `suspended.jsonl`: what its systems say of accounts that it has suspended on a day.

    Beside addresses it has whole e-mail addresses, and no card tokens: the form that
    `share overlap prepare --identifiers` reads.
    """
    rows = []
    for line in (folder / IDENTIFIERS).read_bytes().splitlines():
        row = msgspec.json.decode(line, type=dict[str, str])
        if row["kind"] == "ipv6-addr" and row["account_id"] in accounts:
            rows.append(row)
    with (folder / ACCOUNTS_FILE).open(encoding="utf-8", newline="") as stream:
        for account in csv.DictReader(stream):
            name, opened = account["account_id"], account["signup_ts"][:_DAY]
            if name in accounts:
                rows.append(_row(name, "email", account["email"], opened, opened))
    encode = msgspec.json.Encoder().encode
    lines = [encode(row | {"suspended": day.isoformat()}) + b"\n" for row in rows]
    write_atomic(folder / SUSPENDED, b"".join(lines), 0o600)


def _write(folder: Path, plan: WorldPlan, seed: int, market: ProxyMarket) -> Truth:
    truth = write_world(folder / LOGS, plan, seed, market)
    for name in (ACCOUNTS_FILE, TRUTH_FILE):
        (folder / LOGS / name).rename(folder / name)
    rows = [*_addresses(folder / LOGS / LOG_FILE), *_sign_ups(folder / ACCOUNTS_FILE)]
    encode = msgspec.json.Encoder().encode
    write_atomic(folder / IDENTIFIERS, b"".join(encode(row) + b"\n" for row in rows), 0o600)
    return truth


def _addresses(log: Path) -> Iterator[dict[str, str]]:
    """Each address of each account, with its first and last day."""
    seen: dict[tuple[str, str], tuple[float, float]] = {}
    decode = msgspec.json.Decoder(_Line).decode
    with log.open("rb") as stream:
        for text in stream:
            line = decode(text)
            key = (line.metadata.user_api_key_user_id, line.metadata.requester_ip_address)
            first, last = seen.get(key, (line.startTime, line.startTime))
            seen[key] = (min(first, line.startTime), max(last, line.startTime))
    for (account, address), times in sorted(seen.items()):
        first_day, last_day = (datetime.fromtimestamp(one, UTC).date().isoformat() for one in times)
        yield _row(account, "ipv6-addr", _as_documentation(address), first_day, last_day)


def _sign_ups(accounts: Path) -> Iterator[dict[str, str]]:
    """What an account was opened with: a disposable domain, a card (whose token may not be shared)."""
    with accounts.open(encoding="utf-8", newline="") as stream:
        for account in csv.DictReader(stream):
            name, day = account["account_id"], account["signup_ts"][:_DAY]
            domain = account["email"].partition("@")[2]
            if domain in DISPOSABLE:
                yield _row(name, "email-domain", domain, day, day)
            yield _row(name, "payment", account["payment"], day, day)


def _row(account: str, kind: str, value: str, first: str, last: str) -> dict[str, str]:
    return {"account_id": account, "kind": kind, "value": value, "first_seen": first, "last_seen": last}


def _as_documentation(address: str) -> str:
    """`10.1.2.3` as `2001:db8:102:ffff::3`: the world's own addresses have no `ffff` there."""
    if ":" in address:
        return address
    _, high, low, host = (int(part) for part in address.split("."))
    return f"2001:db8:{high << 8 | low:x}:ffff::{host:x}"
