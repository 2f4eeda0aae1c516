"""Media types of TAXII 2.1: what a request may accept and send, and what every answer says (1.6.8, 3.1).

A media range that is defined for an endpoint never ends in 406, whatever stands beside it; no Accept at all
and ranges that include ours (`*/*`, `application/*`) are satisfied too (RFC 9110, 12.5.1).
"""

from email.message import Message
from functools import lru_cache

from countermark.share.server.errors import TaxiiError

TAXII_TYPE = "application/taxii+json"
TAXII = "application/taxii+json;version=2.1"
STIX = "application/stix+json;version=2.1"
MAX_HEADER = 4096
MAX_RANGES = 64
_TAXII = {(TAXII_TYPE, "2.1"): 3, (TAXII_TYPE, ""): 2}
_WILD = {("application/*", ""): 1, ("*/*", ""): 0}
_MANIFEST = {("application/stix+json", "2.1"): 3, ("application/stix+json", ""): 2}
"""Section 5.3 names STIX beside TAXII in the Accept header of a manifest."""


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


def check_accept(headers: list[str], *, manifest: bool = False) -> None:
    """Raise `TaxiiError` 406 when nothing that the request accepts is what we send."""
    header = ",".join(headers)
    if header == TAXII or not header.strip():
        return
    if len(header) > MAX_HEADER:
        raise TaxiiError(406, "the Accept header is too long")
    if not _accepts(header, manifest):
        raise TaxiiError(406, "nothing that the request accepts can be sent", f"ask for {TAXII}")


@lru_cache(maxsize=256)
def _accepts(header: str, manifest: bool) -> bool:
    """Whether the most specific ranges that mean us have a weight above zero (RFC 9110, 12.5.1)."""
    known = _TAXII | _WILD | (_MANIFEST if manifest else {})
    weights: dict[int, float] = {}
    for one in _split(header)[:MAX_RANGES]:
        kind, version, weight = parse_media_type(one)
        rank = known.get((kind, version))
        if rank is not None:
            weights[rank] = max(weight, weights.get(rank, 0.0))
    return bool(weights) and weights[max(weights)] > 0


def check_content_type(headers: list[str]) -> None:
    """Raise `TaxiiError` 415 when a body is not said to be of TAXII 2.1, once, in UTF-8."""
    if len(headers) == 1 and len(headers[0]) <= MAX_HEADER:
        kind, version, _ = parse_media_type(headers[0])
        message = Message()
        message["Content-Type"] = headers[0]
        charset = str(message.get_param("charset", "utf-8")).lower()
        if (kind, version) in _TAXII and charset in {"utf-8", "utf8"}:
            return
    raise TaxiiError(415, "the body is not said to be of TAXII 2.1", f"Content-Type: {TAXII}")


def check_content_encoding(headers: list[str]) -> None:
    """Raise `TaxiiError` 415 for a compressed body: limits are on what is received, and so stay exact."""
    if any(one.strip().lower() not in {"", "identity"} for header in headers for one in header.split(",")):
        raise TaxiiError(415, "compressed bodies are not taken", headers={"Accept-Encoding": "identity"})


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
