"""Canaries: free choices drawn uniformly at random under a secret, with a digest that can be published
before.

    pick     = the m items with the smallest PRF(secret, "pick", item id)
    option   = PRF(secret, "option", item id, round) mod K; again where a remainder would favour some option
    nonce    = PRF(secret, "nonce", digest of the list)
    digest   = SHA-256(domain ‖ nonce ‖ SHA-256(canonical JSON of all else))

The PRF is `trust.seeds.seed_of` (HKDF-SHA256, 128 bits). With a secret that was committed to before a
beacon's round (`watermark commit`, `keygen --derive`) nothing is left to choose. The digest is binding (a
second set would be a collision) and, taken as a random function, tells nothing of the choices: the nonce has
256 bits.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from countermark.attribute.canary.items import FreeChoices, Item, check_items
from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.trust.entries import Entry
from countermark.trust.keyfiles import Secret, read_secret, write_secret
from countermark.trust.log import Log
from countermark.trust.seeds import seed_key_id, seed_of

SCHEMA = "countermark/canaries/v1"
PUBLIC_SCHEMA = "countermark/canary-commitment/v1"
KIND = "canary-commitment"
"""Of the entry in a log."""
KEY_PURPOSE = "canary"
"""Of the working key that is the secret."""
MAX_BYTES = 64 << 20
_DOMAIN, _CONTENT = b"countermark/canaries/v1\n", b"countermark/canaries-content/v1\n"
_BITS = 128


class DrawnItem(Item, frozen=True, kw_only=True):
    """A free choice with what was drawn."""

    drawn: int
    """Index among the options; secret."""


class Canaries(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the secret file."""

    schema: str = SCHEMA
    commitment: str
    """Hex of the digest that is published."""
    nonce: str
    """32 bytes in hex; secret."""
    key_id: str
    """Public name of the secret."""
    list_name: str
    list_sha256: str
    created: datetime
    canaries: list[DrawnItem]

    def __repr__(self) -> str:
        return f"Canaries({self.commitment[:16]}…)"

    def digest(self) -> str:
        """What the commitment has to be; raises `Error` for a nonce that is none."""
        fields = msgspec.to_builtins(self)
        nonce = bytes.fromhex(fields.pop("nonce"))
        fields.pop("commitment")
        if len(nonce) != 32:
            raise ValueError
        inner = hashlib.sha256(_CONTENT + canonical_json(fields)).digest()
        return hashlib.sha256(_DOMAIN + nonce + inner).hexdigest()

    def public(self) -> dict[str, Any]:
        """What may be published before the first serving."""
        return {
            "schema": PUBLIC_SCHEMA,
            "commitment": self.commitment,
            "key_id": self.key_id,
            "canaries": len(self.canaries),
            "list": self.list_name,
            "list_sha256": self.list_sha256,
            "created": msgspec.to_builtins(self.created),
        }


def draw(choices: FreeChoices, secret: Secret, count: int, *, now: datetime | None = None) -> Canaries:
    """`count` canaries of a list, in the list's order; the same for the same list, secret and count.

    `secret` is the content of a file with 32 or more hex digits.
    """
    if not 1 <= count <= len(choices.items):
        raise Error(
            f"{count:,} canaries cannot be drawn from a list of {len(choices.items):,} items",
            hint="each item is drawn once",
            exit_code=ExitCode.USAGE,
        )
    ranks = sorted((seed_of(secret, f"canary pick {item.id}"), item.id) for item in choices.items)
    picked = {name for _, name in ranks[:count]}
    drawn = [
        DrawnItem(**msgspec.structs.asdict(item), drawn=_option(secret, item))
        for item in choices.items
        if item.id in picked
    ]
    halves = [seed_of(secret, f"canary nonce {half} of {count}", choices.sha256) for half in (0, 1)]
    unsealed = Canaries(
        commitment="",
        nonce=b"".join(half.to_bytes(16, "big") for half in halves).hex(),
        key_id=seed_key_id(secret),
        list_name=choices.name,
        list_sha256=choices.sha256,
        created=(now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0),
        canaries=drawn,
    )
    return msgspec.structs.replace(unsealed, commitment=unsealed.digest())


def below(draws: Callable[[int], int], bits: int, limit: int) -> int:
    """A number below `limit`, uniform if `draws(0)`, `draws(1)`, … are uniform on `bits` bits and
    independent."""
    whole = (1 << bits) // limit * limit
    at = 0
    while (value := draws(at)) >= whole:
        at += 1
    return value % limit


def _option(secret: Secret, item: Item) -> int:
    def prf(at: int) -> int:
        return seed_of(secret, f"canary option {item.id} {at}")

    return below(prf, _BITS, len(item.options))


def write_canaries(path: Path, canaries: Canaries) -> None:
    """Write the secret file, 0600; an existing one is not overwritten."""
    write_secret(path, canonical_json(canaries) + b"\n")


def read_canaries(path: Path) -> Canaries:
    """The canaries in a secret file; raises `Error`, which quotes nothing of it, unless they are as committed
    to."""
    data = read_secret(path, what="file of canaries", most_bytes=MAX_BYTES)
    try:
        known = msgspec.json.decode(data.reveal(), type=Canaries)
        drawn = [one.drawn for one in known.canaries]
        inside = all(0 <= at < len(one.options) for at, one in zip(drawn, known.canaries, strict=True))
        valid = known.schema == SCHEMA and inside and known.digest() == known.commitment
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        # the cause is left out on purpose: it may quote the file
        raise Error(f"{path} is no file of canaries", exit_code=ExitCode.NO_INPUT) from None
    if not valid:
        raise Error(
            f"{path} does not hold what its commitment was made for", exit_code=ExitCode.VERIFICATION_FAILED
        )
    check_items(list(known.canaries))
    return known


def publish(log: Log, canaries: Canaries) -> Entry:
    """Put the commitment into a log; a second one of the same secret is an `Error`, since it would leave a
    choice."""
    with log.writing():
        for earlier in log.entries(KIND):
            if earlier.payload.get("key_id") == canaries.key_id:
                raise Error(
                    f"entry {earlier.index} of the log is a commitment of canaries under this secret",
                    hint="draw once from a secret; a new epoch has a new one",
                )
        return log.append(KIND, canaries.public())
