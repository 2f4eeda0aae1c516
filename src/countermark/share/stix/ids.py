"""Ids: random-looking and yet the same each time (docs/adr/0016), and those that STIX itself fixes.

    own object   UUID of version 4: first 16 bytes of HMAC-SHA-256(key, canonical [domain, member, type, …])
    SCO          UUID of version 5 in STIX's namespace over canonical contributing properties (section 3.4)

A member keeps its key as long as it publishes: another key gives other ids, and only old ids can be revoked.
"""

import hmac
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from countermark.errors import Error
from countermark.records.canonical import canonical_json
from countermark.trust.keyfiles import Secret, locked, read_secret, write_secret

_DOMAIN = "countermark/stix-id/v1"
_KEY_BYTES = 32
SCO_NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
SCO_CONTRIBUTES = {
    "ipv4-addr": ("value",),
    "ipv6-addr": ("value",),
    "domain-name": ("value",),
    "autonomous-system": ("number",),
}
"""ID contributing properties of the observables that we make (STIX 2.1, section 6)."""


_STIX_ID = re.compile(
    r"[a-z][a-z0-9-]{1,60}--[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)


def is_stix_id(text: str) -> bool:
    """Whether a text has the form of an id (STIX 2.1, section 2.9; versions as OASIS' schemas take them)."""
    return _STIX_ID.fullmatch(text) is not None


class Ids:
    """Ids of one member's objects under its key."""

    def __init__(self, key: Secret, member_id: str) -> None:
        if len(key.reveal()) < _KEY_BYTES:
            raise Error(f"a key for ids has at least {_KEY_BYTES} bytes")
        self._key, self._member_id = key, member_id

    def __repr__(self) -> str:
        return f"Ids({self._member_id})"

    def of(self, kind: str, *parts: str) -> str:
        """Id of the object of that STIX type that these parts name."""
        text = canonical_json([_DOMAIN, self._member_id, kind, *parts])
        return f"{kind}--{_version_4(hmac.digest(self._key.reveal(), text, 'sha256')[:16])}"


def sco_id(kind: str, content: Mapping[str, Any]) -> str:
    """Deterministic id of a cyber-observable."""
    named = {name: content[name] for name in SCO_CONTRIBUTES[kind]}
    return f"{kind}--{uuid.uuid5(SCO_NAMESPACE, canonical_json(named).decode())}"


def read_id_key(path: Path) -> Secret:
    """The member's key for ids, made on first use. Raises `Error` for an unsafe or a damaged file."""
    import secrets

    with locked(path):
        if not path.exists():
            write_secret(path, secrets.token_hex(_KEY_BYTES).encode() + b"\n")
        text = read_secret(path).reveal().strip()
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise Error(f"the key file {path} does not hold {_KEY_BYTES} bytes in hex")
    return Secret(key)


def _version_4(data: bytes) -> uuid.UUID:
    """RFC 9562, section 5.4: version and variant set, the other 122 bits kept."""
    return uuid.UUID(bytes=data, version=4)
