"""Who is calling: a token of ours, one of an OpenID provider, or a certificate that the proxy has checked.

All end in one `Caller`. A request that brings credentials is judged by them alone: where they do not hold, a
certificate beside them does not count. Credentials that stand twice are none.
"""

import base64
import binascii
import re
from asyncio import to_thread
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.requests import Request

from countermark.errors import Error, ExitCode
from countermark.records.exchange import Caller
from countermark.share.server.headers import values
from countermark.share.server.oidc import Oidc
from countermark.share.server.peers import Peers
from countermark.share.server.settings import ExchangeSettings
from countermark.store.exchange import ExchangeStore

MAX_CREDENTIALS = 8 << 10
MAX_CERTIFICATE = 16 << 10
_SCHEME = re.compile(r"([A-Za-z]+) +(\S+)", re.ASCII)
_OURS = "cmx_"


class Authenticator:
    """`Parts.authenticate`; leaves what it found in `request.state.caller` for the log."""

    def __init__(
        self, store: ExchangeStore, settings: ExchangeSettings, peers: Peers, oidc: Oidc | None, inline: bool
    ) -> None:
        self._members, self._settings, self._peers = store.members, settings, peers
        self._oidc, self._inline = oidc, inline
        header = settings.proxy.certificate_header if settings.proxy else ""
        self._certificate_header = header.lower().encode("latin-1", "replace")
        self._certificates = settings.proxy.certificates if settings.proxy else {}

    async def __call__(self, request: Request) -> Caller | None:
        """Who sends the request; None for nobody that is known."""
        caller = await self._caller(request)
        request.scope.setdefault("state", {})["caller"] = caller
        return caller

    async def _caller(self, request: Request) -> Caller | None:
        given = values(request, b"authorization")
        if not given:
            return await self._by_certificate(request)
        match = _SCHEME.fullmatch(given[0]) if len(given) == 1 and len(given[0]) <= MAX_CREDENTIALS else None
        if match is None:
            return None
        scheme, text = match[1].lower(), match[2]
        if scheme == "basic" and self._settings.basic:
            return await self._by_password(text)
        if scheme != "bearer":
            return None
        if text.startswith(_OURS):
            return await self._by_token(text)
        return await self._by_oidc(text)

    async def _by_token(self, token: str) -> Caller | None:
        now = datetime.now(UTC)
        if self._inline or self._members.is_at_hand(token):
            return self._members.authenticate(token, now)
        return await to_thread(self._members.authenticate, token, now)

    async def _by_password(self, text: str) -> Caller | None:
        """Basic `NAME:TOKEN`: the token decides, and the name has to be its member's, or empty."""
        try:
            name, _, token = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        caller = await self._by_token(token)
        return caller if caller is not None and name in ("", caller.member.name) else None

    async def _by_oidc(self, text: str) -> Caller | None:
        if self._oidc is None:
            return None
        name = await self._oidc.member(text)
        return None if name is None else await to_thread(self._named, name, "oidc")

    async def _by_certificate(self, request: Request) -> Caller | None:
        if not self._certificates or not self._peers.is_proxy(request.scope):
            return None
        given = values(request, self._certificate_header)
        if len(given) != 1 or len(given[0]) > MAX_CERTIFICATE:
            return None
        digest = fingerprint(given[0], datetime.now(UTC))
        name = self._certificates.get(digest) if digest is not None else None
        return None if name is None else await to_thread(self._named, name, "certificate")

    def _named(self, name: str, how: str) -> Caller | None:
        member = self._members.by_name(name)
        return None if member is None else self._members.caller_of(member.member_id, how)


def fingerprint(value: str, now: datetime) -> str | None:
    """SHA-256 of the certificate in a header (RFC 9440, or escaped PEM); None where it does not hold now."""
    try:
        if value.startswith(":") and value.endswith(":") and len(value) > 2:
            certificate = x509.load_der_x509_certificate(base64.b64decode(value[1:-1], validate=True))
        else:
            certificate = x509.load_pem_x509_certificate(unquote_to_bytes(value))
    except (ValueError, binascii.Error, x509.InvalidVersion):
        return None
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return None
    return certificate.fingerprint(SHA256()).hex()


def check_members(store: ExchangeStore, settings: ExchangeSettings) -> None:
    """Raise `Error(USAGE)` where the settings name a member that is not there."""
    named = list(settings.proxy.certificates.values()) if settings.proxy else []
    named += settings.oidc.members.values() if settings.oidc else []
    for name in named:
        if store.members.by_name(name) is None:
            raise Error(
                f"exchange.toml names a member that is not there: {name[:200]}", exit_code=ExitCode.USAGE
            )
