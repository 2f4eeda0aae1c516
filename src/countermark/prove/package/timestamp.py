"""RFC 3161 timestamps: asked for over HTTP when a case is sealed, checked offline against given roots."""

import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from countermark.errors import Error, ExitCode
from countermark.prove.package.layout import failed

TIMEOUT_S = 30
MAX_RESPONSE_BYTES = 256 << 10
MAX_CLOCK_SKEW_S = 300
"""A package cannot have been timestamped longer than this before it says that it was made."""
_SHA256_OID = "2.16.840.1.101.3.4.2.1"
_GRANTED = 0
_VERIFY_ERROR = re.compile(r"Verify error: ([a-z ]+)")


@dataclass(frozen=True)
class Timestamp:
    """A response of a timestamp authority, as it goes into the package."""

    response: bytes
    """DER of the TimeStampResp."""
    nonce: str
    """The nonce that was asked for, decimal."""
    time: datetime
    """genTime of the token (UTC)."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A timestamp authority that sends us elsewhere is not the one that was named."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def request_timestamp(url: str, data: bytes) -> Timestamp:
    """Ask the authority at `url` to stamp the SHA-256 of `data`; the reply is checked, its issuer is not."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise Error("a TSA is named by an http or https URL without a user", exit_code=ExitCode.USAGE)
    request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).build()
    response = _post(url, parts.hostname, request.as_bytes())
    nonce = str(request.nonce)
    try:
        return Timestamp(response, nonce, check_content(response, data, nonce))
    except Error as error:
        raise Error(f"the reply of the TSA {parts.hostname} is no use: {error.message}") from error


def check_content(response: bytes, data: bytes, nonce: str | None = None) -> datetime:
    """The token's time; raises unless it is over the SHA-256 of `data`, with the nonce where one is given."""
    decoded = _decode(response)
    if decoded.status != _GRANTED:
        raise failed(f"a timestamp was not granted (status {decoded.status})")
    info = decoded.tst_info
    imprint = info.message_imprint
    if imprint.hash_algorithm.dotted_string != _SHA256_OID or imprint.message != sha256(data).digest():
        raise failed("a timestamp is over something else than what it stands beside")
    if nonce is not None and str(info.nonce) != nonce:
        raise failed("a timestamp does not have the nonce that was asked for")
    if len(decoded.signed_data.certificates) != 1:
        raise failed("a timestamp does not embed exactly the certificate of its signer")
    granted_at: datetime = info.gen_time
    return granted_at


def check_issuer(response: bytes, data: bytes, roots: Sequence[Certificate]) -> Certificate:
    """The self-signed one of `roots` to which the token's signature leads; raises where it leads to none.

    Every certificate of the way has to be valid at the token's time; that one has expired since does not
    matter (rfc3161-client hands that time to OpenSSL). Intermediate certificates may stand among `roots`;
    alone they are no end of a chain.
    """
    decoded = _decode(response)
    ends = sorted((one for one in roots if one.subject == one.issuer), key=_fingerprint)
    between = [one for one in roots if one.subject != one.issuer]
    reason = None
    for end in ends:
        # one at a time: which of them it is says whose timestamp it is
        verifier = VerifierBuilder(roots=[end], intermediates=list(between)).build()
        try:
            verifier.verify_message(decoded, data)
        except (VerificationError, ValueError) as error:
            reason = reason or _VERIFY_ERROR.search(str(error))
            continue
        return end
    detail = f": {reason[1]}" if reason else ""
    raise failed(f"a timestamp does not lead to an accepted TSA root{detail}")


def _fingerprint(certificate: Certificate) -> bytes:
    return certificate.fingerprint(SHA256())


def _decode(response: bytes) -> Any:
    if len(response) > MAX_RESPONSE_BYTES:
        raise failed(f"a timestamp is larger than {MAX_RESPONSE_BYTES >> 10} KiB")
    try:
        decoded = decode_timestamp_response(response)
        if decoded.as_bytes() != response:
            raise failed("a timestamp is not in DER")
        if decoded.status == _GRANTED:
            decoded.tst_info.gen_time  # noqa: B018  # a granted response without a token raises here
    except ValueError as error:
        raise failed(f"a timestamp cannot be decoded: {error}") from error
    return decoded


def _post(url: str, host: str, body: bytes) -> bytes:
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310  # checked above
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S) as reply:
            data: bytes = reply.read(MAX_RESPONSE_BYTES + 1)
    except (urllib.error.URLError, HTTPException, OSError) as error:
        raise Error(
            f"the TSA {host} cannot be asked: {error}", hint="seal without --tsa, or try later"
        ) from error
    if len(data) > MAX_RESPONSE_BYTES:
        raise Error(f"the reply of the TSA {host} is larger than {MAX_RESPONSE_BYTES >> 10} KiB")
    return data
