"""What is stored where a release is asked for: the bytes whose digest was signed, no other spelling.

Two people sign the digest of an object's canonical JSON (RFC 8785). Another spelling of the same object, with
spaces, escapes or digits that a double does not keep, would carry what nobody has signed.
"""

from collections.abc import Sequence

import msgspec

from countermark.records.canonical import canonical_json, sha256_hex
from countermark.share.server.parts import Checked

NO_FORM = "it has no canonical form that could have been signed"


class _Respelled(msgspec.Struct, frozen=True):
    stix_id: str
    type: str
    version: str | None
    spec_version: str
    data: bytes
    sha256: str
    problem: str


def as_signed(checked: Sequence[Checked]) -> list[Checked]:
    """The same objects in their canonical form; those that come in it, as clients send them, as they are."""
    return [one if one.problem or sha256_hex(one.data) == one.sha256 else _respelled(one) for one in checked]


def _respelled(one: Checked) -> Checked:
    data = canonical_json(msgspec.json.decode(one.data))
    problem = "" if sha256_hex(data) == one.sha256 else NO_FORM
    return _Respelled(one.stix_id, one.type, one.version, one.spec_version, data, one.sha256, problem)
