"""How an object is kept in a line of JSON, byte for byte, whatever it holds."""

import base64
import binascii
from typing import Annotated

import msgspec

_MAX_NAME = 300


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One line: where it came from, and the bytes that came."""

    collection: Annotated[str, msgspec.Meta(max_length=_MAX_NAME)]
    """Id of a TAXII collection, or what else the source is called."""
    date_added: str = ""
    """As the exchange gave it; for a file, where in it; empty where nobody said."""
    reason: str = ""
    """In the quarantine: why it was not taken."""
    sha256: str = ""
    object: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    """JSON without a line break, as it came."""
    text: str | msgspec.UnsetType = msgspec.UNSET
    """UTF-8 that is no such JSON."""
    base64: str | msgspec.UnsetType = msgspec.UNSET
    """Any other bytes."""

    def raw(self) -> bytes:
        """The bytes that came."""
        if isinstance(self.object, msgspec.Raw):
            return bytes(self.object)
        if isinstance(self.text, str):
            return self.text.encode()
        try:
            return base64.b64decode(self.base64 if isinstance(self.base64, str) else "", validate=True)
        except binascii.Error:
            return b""


def body_of(collection: str, date_added: str, raw: bytes, *, is_json: bool, **said: str) -> bytes:
    """The inside of the line's JSON object (see `AppendLog.append`)."""
    head = {"collection": collection[:_MAX_NAME], "date_added": date_added[:_MAX_NAME], **said}
    begin = msgspec.json.encode(head)[1:-1]
    if is_json and raw[:1] == b"{" and raw[-1:] == b"}" and b"\n" not in raw and b"\r" not in raw:
        return b'%s,"object":%s' % (begin, raw)
    try:
        return b'%s,"text":%s' % (begin, msgspec.json.encode(raw.decode()))
    except UnicodeDecodeError:
        return b'%s,"base64":"%s"' % (begin, base64.b64encode(raw))
