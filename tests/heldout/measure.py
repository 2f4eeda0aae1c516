"""Measure, from the written files alone, how widely a planted group shares any value and who else uses it."""

import csv
import json
from collections import defaultdict
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any


def _text(content: object) -> str:
    """The text of a message whose content is a string or a list of parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def account_of(record: dict[str, Any]) -> str:
    """The account of a line: the user where the gateway names one, else the key's hash."""
    metadata = record["metadata"]
    return str(metadata.get("user_api_key_user_id") or metadata["user_api_key_hash"])


def _network_of(address: str) -> list[str]:
    """The /24 of an IPv4 address; the /48 and the /64 of an IPv6 one."""
    bits = [24] if ip_address(address).version == 4 else [48, 64]
    return [str(ip_network(f"{address}/{b}", strict=False)) for b in bits]


def usage(folder: Path, frames: list[str]) -> dict[tuple[str, str], set[str]]:
    """(kind, value) -> the accounts that use it.  A prompt counts for each frame that it contains."""
    users: dict[tuple[str, str], set[str]] = defaultdict(set)
    with (folder / "accounts.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            who = row["account_id"]
            users["signup day", row["signup_ts"][:10]].add(who)
            users["email domain", row["email"].split("@")[1]].add(who)
            if row["payment"]:
                users["payment", row["payment"]].add(who)
    with (folder / "litellm.jsonl").open(encoding="utf-8") as log:
        for raw in log:
            record = json.loads(raw)
            who, ip = account_of(record), record["requester_ip_address"]
            users["ip", ip].add(who)
            for prefix in _network_of(ip):
                users["prefix", prefix].add(who)
            messages = record["messages"] if isinstance(record["messages"], list) else []
            messages = [m for m in messages if isinstance(m, dict)]
            system = "\n".join(_text(m["content"]) for m in messages if m["role"] == "system")
            if system:
                users["system prompt", system].add(who)
            asked = "\n".join(_text(m["content"]) for m in messages if m["role"] == "user")
            for frame in frames:
                if frame in asked:
                    users["template", frame].add(who)
    return users


def shares(
    users: dict[tuple[str, str], set[str]], group: set[str], planted: set[str]
) -> dict[str, dict[str, Any]]:
    """Per kind: the largest share of `group` on one value, and the values that nobody but `planted` uses."""
    found: dict[str, dict[str, Any]] = {}
    for (kind, value), accounts in users.items():
        if inside := accounts & group:
            entry = found.setdefault(kind, {"share": 0.0, "values": 0, "exclusive": []})
            entry["share"] = max(entry["share"], len(inside) / len(group))
            entry["values"] += 1
            if not accounts - planted:
                entry["exclusive"].append(value)
    return found
