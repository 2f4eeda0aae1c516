"""Files of `countermark share demo --together` that no command writes: what people write by hand, and texts.

operator/                 data folder of the operator's node, with peers/ for the members' nodes
alpha/ beta/ gamma/       node/ (data folder of the member's), keys, tokens, suspended.jsonl, with-PEER/
texts/ answers/ proofs/   what was asked, what was answered, and what the log shows of it
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from countermark.flow.share_demo import demo_plan
from countermark.flow.share_demo_place import ANSWERS, CA, MEMBERS, OPERATOR, PROOFS, TEXTS, TOKENIZER, Place
from countermark.share.overlap.identifiers import canonical_value, kind_of
from countermark.trust.keyfiles import write_secret
from countermark.world.accounts import ACCOUNTS_FILE
from countermark.world.members import BETA, SUSPENDED, write_providers, write_suspended
from countermark.world.plan import WorldPlan
from countermark.world.vllm_text import recorded, tokenizer_json

NODE, PEERS, SETTINGS = "node", "peers", "exchange.toml"
HUB = "hub"
"""What the operator's node is called at the members' nodes."""
VLLM, CHAT_KEY, KEY_POOL, NONCE, PROFILE = "vllm.json", "chat.key", "keys.jsonl", "nonce", "profile.json"
EPOCH, POOL_KEYS = "2026-Q4", 100
MARKED, PLAIN, SHORT = "by-vllm.txt", "plain.txt", "short.txt"
PUBLIC_DAY, RUNS_OF_PAIR = 3, 1
"""Quotas, small enough to be met."""
_SHORT_WORDS = 60
_OWN_SUSPENDED = 40


def together_plan(now: datetime) -> WorldPlan:
    """A day of `share demo`, with few users: two providers see 25 addresses and more of one network."""
    return demo_plan(now).but(days=1, ordinary=100, networks=(120,))


def write_world(place: Place, plan: WorldPlan) -> None:
    """Three providers, and which accounts each has suspended: the network's; Gamma some of its own."""
    providers = write_providers(place.out, plan, place.seed)
    day = plan.first_day + timedelta(days=1)
    for member in MEMBERS:
        networks = providers.truths[member].harvest
        accounts = {account for one in networks for account in one.accounts} or _some(place.out / member)
        write_suspended(place.out / member, accounts, day)


def write_texts(place: Place) -> None:
    """Texts to ask about, the tokenizer of the model that wrote them, and folders for what comes."""
    for name in (TEXTS, ANSWERS, PROOFS):
        (place.out / name).mkdir(mode=0o700)
    marked = recorded().text_of(BETA)
    (place.out / TEXTS / MARKED).write_text(marked, encoding="utf-8")
    (place.out / TEXTS / PLAIN).write_text(recorded().text_of(None), encoding="utf-8")
    (place.out / TEXTS / SHORT).write_text(" ".join(marked.split()[:_SHORT_WORDS]), encoding="utf-8")
    (place.out / TOKENIZER).write_bytes(tokenizer_json())


def write_watermark_keys(place: Place) -> None:
    """Beta's key for vLLM, which is the recorded text's, and pools of a hundred keys for Alpha and Gamma."""
    for member in MEMBERS:
        node = place.out / member / NODE
        node.mkdir(mode=0o700)
        write_secret(node / NONCE, secrets.token_hex(32).encode())
        if member == BETA:
            (node / VLLM).write_text(json.dumps(dict(recorded().config)), encoding="utf-8")
            write_secret(node / CHAT_KEY, recorded().keys[BETA].encode())
        else:
            # drawn anew, one in a hundred demos would show a wrong mark, as alpha says
            keys = [{"account": f"cohort-{n}", "key": _test_key(place, member, n)} for n in range(POOL_KEYS)]
            write_secret(node / KEY_POOL, b"".join(msgspec.json.encode(one) + b"\n" for one in keys))


def write_member_settings(place: Place, member: str) -> None:
    """`exchange.toml` of a member's node: its name, its signing key, its detector."""
    node = place.out / member / NODE
    keys = "key_file" if member == BETA else "key_pool"
    name = CHAT_KEY if member == BETA else KEY_POOL
    nonce = bytes.fromhex((node / NONCE).read_text())
    detector: dict[str, Any] = {
        "profile": PROFILE,
        keys: name,
        "tokenizer": f"../../{TOKENIZER}",
        "commitment": hashlib.sha256(nonce + (node / name).read_bytes()).hexdigest(),
        "nonce_file": NONCE,
        "owner": member,
        "status": "own",
    }
    lines = ["[check]", *_toml({"member": member, "key_file": "../member.key"})]
    _write_settings(node, [*lines, "[[detectors]]", *_toml(detector)])


def write_operator_settings(place: Place, urls: Mapping[str, str]) -> None:
    """`exchange.toml` of the operator's node: quotas, and the members' nodes that it asks."""
    node = place.out / OPERATOR
    lines = ["[overlap]", *_toml({"runs_of_pair": RUNS_OF_PAIR})]
    lines += ["[check]", *_toml({"anonymous": True, "public_day": PUBLIC_DAY})]
    for member in MEMBERS:
        public = (place.out / member / "member.key.pub").read_bytes()
        (node / PEERS / f"{member}.pub").write_bytes(public)
        peer = {"name": member, "url": urls[member], "token_file": f"{PEERS}/{member}.token"}
        peer |= {"ca_file": f"../{CA}", "public_key": f"{PEERS}/{member}.pub"}
        lines += ["[[peers]]", *_toml(peer)]
    _write_settings(node, lines)


def in_common(place: Place, one: str, other: str) -> set[tuple[str, str]]:
    """Kinds and values of what two members have both suspended, which nobody but this demo can see."""
    return _suspended(place.out / one) & _suspended(place.out / other)


def matches_in(path: Path) -> set[tuple[str, str]]:
    """Kinds and values of a file of matches."""
    rows = [msgspec.json.decode(line, type=dict[str, Any]) for line in path.read_bytes().splitlines()]
    return {(row["kind"], row["value"]) for row in rows}


def _suspended(folder: Path) -> set[tuple[str, str]]:
    found = set()
    for line in (folder / SUSPENDED).read_bytes().splitlines():
        row = msgspec.json.decode(line, type=dict[str, str])
        kind = kind_of(row["kind"], row["value"])
        found.add((str(kind), canonical_value(kind, row["value"])))
    return found


def _test_key(place: Place, member: str, number: int) -> str:
    """128 bits of the seed, in hex."""
    return hashlib.sha256(f"share-demo {place.seed} {member} {number}".encode()).hexdigest()[:32]


def _some(folder: Path) -> set[str]:
    """Accounts that Gamma has suspended for reasons of its own."""
    lines = (folder / ACCOUNTS_FILE).read_text(encoding="utf-8").splitlines()[1:]
    return {line.partition(",")[0] for line in lines[:_OWN_SUSPENDED]}


def _toml(fields: Mapping[str, Any]) -> list[str]:
    """Strings, numbers and booleans, which JSON spells as TOML does."""
    return [f"{name} = {json.dumps(value)}" for name, value in fields.items()]


def _write_settings(node: Path, lines: list[str]) -> None:
    write_secret(node / SETTINGS, ("\n".join(lines) + "\n").encode())
