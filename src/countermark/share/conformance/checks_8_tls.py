"""Section 8.2.2: HTTPS. On plain HTTP, which is for this machine or behind a proxy, it cannot be judged."""

import socket
import ssl
import warnings
from typing import Any
from urllib.parse import urlsplit

from countermark.share.conformance.table import MUST, SHOULD, NotApplicable, Probe, Undetermined, check
from countermark.share.conformance.target import DISCOVERY
from countermark.share.conformance.tickets import early_data_sizes

_SECONDS = 10.0
_BLACKLISTED = (
    "AES128-SHA:AES256-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA256"
)
"""Of RFC 7540, Appendix A: without forward secrecy, or without authenticated encryption."""


def _place(p: Probe) -> tuple[str, int]:
    parts = urlsplit(p.target.http.base)
    if parts.scheme != "https":
        raise NotApplicable("the address is http:// (on loopback, or behind a proxy that has TLS)")
    return parts.hostname or "", parts.port or 443


def _context(p: Probe, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A context of one version that trusts what the run trusts."""
    context = ssl.create_default_context(cafile=p.target.ca)
    context.minimum_version = context.maximum_version = version
    return context


def _handshake(place: tuple[str, int], context: ssl.SSLContext) -> str | None:
    """The version that was agreed on; None where the server refuses. Raises `Undetermined`."""
    try:
        with (
            socket.create_connection(place, timeout=_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=place[0]) as tls,
        ):
            return tls.version()
    except ssl.SSLCertVerificationError as error:
        raise Undetermined(f"the certificate is not known: {error.verify_message}") from None
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
        return None
    except OSError as error:
        raise Undetermined(f"no connection: {error.strerror or type(error).__name__}") from None


@check("8.2.2-https", MUST, "Servers MUST accept requests using HTTPS.", 154)
def https(p: Probe) -> None:
    _place(p)
    p.require(p.ask("GET", DISCOVERY).status < 500, "no answer over HTTPS", *p.asked)


@check("8.2.2-tls-1.2", MUST, "Servers MUST accept connections using TLS version 1.2.", 155)
def tls_1_2(p: Probe) -> None:
    agreed = _handshake(_place(p), _context(p, ssl.TLSVersion.TLSv1_2))
    p.require(agreed == "TLSv1.2", "a handshake with TLS 1.2 alone is refused")


@check("8.2.2-tls-1.3", SHOULD, "Servers SHOULD accept TLS 1.3 or higher.", 156)
def tls_1_3(p: Probe) -> None:
    agreed = _handshake(_place(p), _context(p, ssl.TLSVersion.TLSv1_3))
    p.require(agreed == "TLSv1.3", "a handshake with TLS 1.3 alone is refused")


@check("8.2.2-no-early-data", MUST, "Servers MUST NOT use the 0-RTT feature of TLS 1.3.", 157)
def no_early_data(p: Probe) -> None:
    host, port = _place(p)
    context = _context(p, ssl.TLSVersion.TLSv1_3)
    if _handshake((host, port), context) is None:
        raise NotApplicable("the server has no TLS 1.3")
    request = f"GET {DISCOVERY} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
    try:
        sizes = early_data_sizes(host, port, _context(p, ssl.TLSVersion.TLSv1_3), request, _SECONDS)
    except (OSError, ValueError) as error:
        raise Undetermined(f"its session tickets cannot be read: {type(error).__name__}") from None
    p.require(not any(sizes), f"a session ticket allows {max(sizes, default=0)} bytes of early data")


@check("8.2.2-old-suites", SHOULD, "TLS 1.2 SHOULD NOT use a cipher suite of RFC 7540, Appendix A.", 158)
def old_suites(p: Probe) -> None:
    place = _place(p)
    context: Any = _context(p, ssl.TLSVersion.TLSv1_2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.set_ciphers(f"{_BLACKLISTED}:@SECLEVEL=0")
    p.require(_handshake(place, context) is None, "a handshake with such suites alone succeeds")
