"""Is a world an honest challenge? Measures, from the files alone, how much each network's accounts share.

The rule: no single value is held by more than 30% of a network's accounts, and what several of its accounts
share is used by ordinary accounts too. Works on any folder that holds LiteLLM lines (`*.jsonl`),
`accounts.csv` and `truth.json`, whichever generator wrote them.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.world.accounts import ACCOUNTS_FILE
from countermark.world.truth import Truth, read_truth

LIMIT = 0.30
STRICT = frozenset({"ip", "prefix", "payment", "email_domain", "system", "template", "opening", "closing"})
"""Fields without an excuse. The others may be as common in a network as they are in public."""
_TEXT = frozenset({"template", "opening", "closing"})
_COMMON = 0.05  # held by so many ordinary accounts, a value says nothing
_FEW = 4  # prompts that so few accounts have in common may be a coincidence of words
_WORDS = 5
_EDGE = 400  # characters at either end of a prompt that hold its first and last words
_LITERALS = re.compile(r'"[^"\n]*"|https?://\S+|\d+(?:[.,]\d+)*')


@dataclass(frozen=True)
class Share:
    """The most widely held value of one field in one network."""

    network: str
    field: str
    """ip, prefix (/24, /48), user_agent, model, params, system, template (the whole prompt, numbers
    and quotes masked), opening and closing (its first and last five words), payment, email_domain,
    signup_day, country."""
    share: float
    """Share of the network's accounts that hold the value."""
    ordinary: int
    """Ordinary accounts that hold the same value."""
    unshared: int
    """Values that several accounts of the network hold and no ordinary account does."""
    common: bool
    """The value is so common among ordinary accounts that it says nothing."""

    @property
    def holds(self) -> bool:
        """Whether the rule is kept here."""
        narrow = self.share <= LIMIT or (self.common and self.field not in STRICT)
        return narrow and not (self.unshared and self.field in STRICT)


class _Message(msgspec.Struct, gc=False):
    role: str
    content: str | None = None


class _Metadata(msgspec.Struct, gc=False):
    user_api_key_user_id: str


class _Line(msgspec.Struct, gc=False):
    metadata: _Metadata
    requester_ip_address: str | None = None
    user_agent: str | None = None
    model: str | None = None
    model_parameters: msgspec.Raw = msgspec.Raw(b"{}")
    messages: list[_Message] = []


Holders = dict[str, dict[str, set[str]]]
"""Field -> value -> accounts."""


def check(folder: Path) -> list[Share]:
    """One `Share` for each network and field, the widest first; see `Share.holds`."""
    truth = read_truth(folder)
    holders = _holders(folder)
    everybody = set().union(*holders["model"].values(), *holders["country"].values())
    ordinary = everybody.difference(truth.pool, *(network.accounts for network in truth.harvest))
    shares = [share for field, values in holders.items() for share in _shares(truth, field, values, ordinary)]
    return sorted(shares, key=lambda share: (-share.share, share.network, share.field))


def _shares(truth: Truth, field: str, values: dict[str, set[str]], ordinary: set[str]) -> Iterator[Share]:
    for network in truth.harvest:
        members = set(network.accounts)
        least = max(_FEW, 0.05 * len(members)) if field in _TEXT else 2
        widest, others, unshared = 0, 0, 0
        for accounts in values.values():
            held = len(accounts & members)
            if held == 0:
                continue
            outside = len(accounts & ordinary)
            unshared += held >= least and outside == 0
            if held > widest:
                widest, others = held, outside
        yield Share(
            network=network.name,
            field=field,
            share=round(widest / max(1, len(members)), 4),
            ordinary=others,
            unshared=unshared,
            common=others >= _COMMON * len(ordinary),
        )


def _holders(folder: Path) -> Holders:
    fields = ("ip", "prefix", "user_agent", "model", "params", "system", "template", "opening", "closing")
    holders: Holders = {field: {} for field in fields}
    decoder = msgspec.json.Decoder(_Line)
    prefixes: dict[str, str] = {}
    for line in _lines(folder):
        try:
            read = decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise _unreadable(f"a line of the log cannot be read: {error}") from error
        account = read.metadata.user_api_key_user_id
        values = {"model": read.model, "user_agent": read.user_agent, "ip": read.requester_ip_address}
        values["params"] = bytes(read.model_parameters).decode()
        if read.requester_ip_address:
            address = read.requester_ip_address
            values["prefix"] = prefixes.get(address) or prefixes.setdefault(address, _prefix(address))
        values.update(_texts(read.messages))
        for field, value in values.items():
            if value:
                holders[field].setdefault(value, set()).add(account)
    holders.update(_account_holders(folder / ACCOUNTS_FILE))
    return holders


def _texts(messages: list[_Message]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for message in messages:
        if message.role == "system" and message.content:
            found["system"] = _LITERALS.sub("#", message.content)
    if messages and messages[-1].content:
        text = messages[-1].content
        found["template"] = _LITERALS.sub("#", text)
        found["opening"] = " ".join(_LITERALS.sub("#", text[:_EDGE]).split()[:_WORDS])
        found["closing"] = " ".join(_LITERALS.sub("#", text[-_EDGE:]).split()[-_WORDS:])
    return found


def _account_holders(path: Path) -> Holders:
    holders: Holders = {"payment": {}, "email_domain": {}, "signup_day": {}, "country": {}}
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise _unreadable(f"{path.name} cannot be read: {error.strerror}") from error
    for row in rows:
        values = {
            "payment": row.get("payment"),
            "email_domain": (row.get("email") or row.get("email_domain") or "").rpartition("@")[2],
            "signup_day": (row.get("signup_ts") or "")[:10],
            "country": row.get("country"),
        }
        for field, value in values.items():
            if value:
                holders[field].setdefault(value, set()).add(row["account_id"])
    return holders


def _lines(folder: Path) -> Iterator[bytes]:
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise _unreadable("the folder holds no log (*.jsonl)")
    for path in paths:
        with path.open("rb") as stream:
            yield from stream


def _prefix(address: str) -> str:
    return str(ip_network(f"{address}/{48 if ':' in address else 24}", strict=False))


def _unreadable(message: str) -> Error:
    return Error(
        message, hint="the folder has to be one that `write_world` made", exit_code=ExitCode.NO_INPUT
    )
