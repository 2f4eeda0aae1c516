"""Media types of TAXII 2.1: what a request may accept and send, and what every answer says (1.6.8, 3.1).

A media range that is defined for an endpoint never ends in 406, whatever stands beside it; no Accept at all
and ranges that include ours (`*/*`, `application/*`) are satisfied too (RFC 9110, 12.5.1).
"""

from email.message import Message

from countermark.share.server.errors import TaxiiError

TAXII_TYPE = "application/taxii+json"
TAXII = "application/taxii+json;version=2.1"
STIX = "application/stix+json;version=2.1"
MAX_HEADER = 4096
MAX_RANGES = 64
_ACCEPTED = {(TAXII_TYPE, "2.1"), (TAXII_TYPE, "")}
_WILD = {"*/*", "application/*"}


def parse_media_type(text: str) -> tuple[str, str, float]:
    """Type in lower case, its `version` parameter ("" without one), and its weight `q` (1 without one).

    Parameters may be quoted, spaced, in any order and case of their names; others are left aside.
    """
    message = Message()
    message["Content-Type"] = text.strip()
    kind = text.partition(";")[0].strip().lower()
    version, weight = message.get_param("version", ""), message.get_param("q", "1")
    try:
        q = float(str(weight))
    except ValueError:
        q = 0.0
    return kind, str(version).strip(), q if 0.0 <= q <= 1.0 else 0.0


def check_accept(header: str | None) -> None:
    """Raise `TaxiiError` 406 when nothing that the request accepts is what we send."""
    if header is None or not header.strip():
        return
    if len(header) > MAX_HEADER:
        raise TaxiiError(406, "the Accept header is too long")
    for one in _split(header)[:MAX_RANGES]:
        kind, version, weight = parse_media_type(one)
        if weight > 0 and ((kind, version) in _ACCEPTED or kind in _WILD):
            return
    raise TaxiiError(406, "nothing that the request accepts can be sent", f"ask for {TAXII}")


def check_content_type(header: str | None) -> None:
    """Raise `TaxiiError` 415 when a body is not said to be of TAXII 2.1."""
    if header is not None and len(header) <= MAX_HEADER:
        kind, version, _ = parse_media_type(header)
        if (kind, version) in _ACCEPTED:
            return
    raise TaxiiError(415, "the body is not said to be of TAXII 2.1", f"Content-Type: {TAXII}")


def _split(header: str) -> list[str]:
    """Parts at the commas that are not in quotes."""
    parts, quoted, start = [], False, 0
    for at, character in enumerate(header):
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            parts.append(header[start:at])
            start = at + 1
    return [*parts, header[start:]]
