"""Tokens of an OpenID provider: signed JWTs (RFC 7519), by keys that are read from its key set (RFC 7517).

Only signatures of public keys, only by keys of the configured set: keys and addresses that a token names
itself (`jwk`, `jku`, `x5u`) are not looked at. The set is kept; for a key id that it does not hold it is read
again, at most once a minute, so that nobody makes us ask the provider at will.
"""

import json
import time
from asyncio import Lock, to_thread
from collections.abc import Callable
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet
from joserfc.jws import JWSRegistry, extract_compact

from countermark.errors import Error, ExitCode
from countermark.share.server.settings import OidcSettings

MAX_JWKS = 256 << 10
MAX_KEYS = 100
FETCH_SECONDS = 5.0
FRESH_SECONDS, AGAIN_SECONDS, STALE_SECONDS = 600.0, 60.0, 86_400.0
LEEWAY = 30
_KINDS = ("RSA", "EC", "OKP")


class Oidc:
    """Judges the tokens of one provider."""

    def __init__(
        self, settings: OidcSettings, folder: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._folder, self._clock = settings, folder, clock
        self._registry = JWSRegistry(algorithms=list(settings.algorithms))
        self._keys: dict[str, Any] = {}
        self._read: float | None = None
        self._tried: float | None = None
        self._lock = Lock()
        audience = {"essential": True, "value": settings.audience}
        issuer = {"essential": True, "value": settings.issuer}
        self._claims: dict[str, Any] = {"iss": issuer, "aud": audience}
        self._claims |= {"exp": {"essential": True}, "iat": {"essential": True}}

    async def member(self, token: str) -> str | None:
        """Name of the member whose token this is, or None."""
        try:
            kid = extract_compact(token.encode()).headers().get("kid")
        except (JoseError, ValueError, TypeError, RecursionError):
            return None
        key = await self._key(kid) if isinstance(kid, str) else None
        if key is None:
            return None
        try:
            claims = jwt.decode(token, key, registry=self._registry).claims
            jwt.JWTClaimsRegistry(leeway=LEEWAY, **self._claims).validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            return None
        if claims["exp"] - claims["iat"] > self._settings.most_seconds:
            return None
        value = claims.get(self._settings.claim)
        return self._settings.members.get(value) if isinstance(value, str) else None

    async def _key(self, kid: str) -> Any:
        """The provider's key of this id, its set read anew where that is due."""
        if self._due(kid):
            async with self._lock:
                if self._due(kid):
                    self._tried = self._clock()
                    keys = await to_thread(self._load)
                    if keys is not None:
                        self._keys, self._read = keys, self._clock()
        if self._read is None or self._clock() - self._read > STALE_SECONDS:
            return None
        return self._keys.get(kid)

    def _due(self, kid: str) -> bool:
        now = self._clock()
        if self._tried is not None and now - self._tried < AGAIN_SECONDS:
            return False
        return self._read is None or now - self._read > FRESH_SECONDS or kid not in self._keys

    def _load(self) -> dict[str, Any] | None:
        try:
            return parse_keys(self._bytes())
        except Error:
            return None

    def _bytes(self) -> bytes:
        if self._settings.jwks_file is not None:
            path = self._folder / self._settings.jwks_file
            try:
                with path.open("rb") as stream:
                    return stream.read(MAX_JWKS + 1)
            except OSError as error:
                raise _bad(f"cannot be read: {error.strerror}") from None
        assert self._settings.jwks_url is not None
        return fetch(self._settings.jwks_url)


def fetch(url: str) -> bytes:
    """The bytes at a URL: no redirects, a bound on size and on time; raises `Error`."""
    import httpx2

    body = bytearray()
    end = time.monotonic() + FETCH_SECONDS
    try:
        with (
            httpx2.Client(timeout=FETCH_SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as answer,
        ):
            if answer.status_code != 200:
                raise _bad(f"answers {answer.status_code}")
            for chunk in answer.iter_bytes(1 << 14):
                body += chunk
                if len(body) > MAX_JWKS or time.monotonic() > end:
                    raise _bad("is too large, or comes too slowly")
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise _bad(f"cannot be read: {type(error).__name__}") from None
    return bytes(body)


def parse_keys(data: bytes) -> dict[str, Any]:
    """Public keys for signatures, by key id; raises `Error` for what is no key set.

    Secrets shared with the provider (`oct`), and keys without an id or for encryption, are left aside.
    """
    try:
        found = json.loads(data) if len(data) <= MAX_JWKS else None
    except (ValueError, RecursionError):
        found = None
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise _bad("is no key set")
    keys: dict[str, Any] = {}
    for one in listed:
        if not isinstance(one, dict) or one.get("kty") not in _KINDS or one.get("use", "sig") != "sig":
            continue
        kid = one.get("kid")
        if not isinstance(kid, str) or kid in keys:
            continue
        try:
            keys[kid] = KeySet([JWKRegistry.import_key(one)])
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return keys


def _bad(what: str) -> Error:
    return Error(f"the key set of the OpenID provider {what}", exit_code=ExitCode.NO_INPUT)
