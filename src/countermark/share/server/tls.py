"""TLS of the server: 1.2 and 1.3, forward secrecy and authenticated encryption (TAXII 8.2.2.2 to 8.2.2.4).

Python's server side has no early data (0-RTT), which 8.2.2.3 forbids.
"""

import ssl
from ipaddress import ip_address
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.trust.keyfiles import read_secret

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: none of them is in the list of RFC 7540, Appendix A."""


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A context from PEM files, the key readable by its owner alone; raises `Error` without their content."""
    read_secret(key, what="TLS key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "cannot be used"
        raise Error(
            f"the TLS certificate and its key cannot be used: {reason}",
            hint="PEM files that belong together, the key not encrypted",
            exit_code=ExitCode.USAGE,
        ) from None
    return context


def is_loopback(host: str) -> bool:
    """Whether a host to listen on is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
