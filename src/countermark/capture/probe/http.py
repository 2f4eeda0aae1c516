"""Requests over HTTP: bounded in time and size, no redirect, no cookie, the key in no message."""

import asyncio
import re
import time
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from countermark.capture.probe.answers import Malformed, read_answer
from countermark.capture.probe.bodies import Ask
from countermark.capture.probe.exchange import (
    COMPRESSED,
    CREDENTIALS,
    CUT,
    DEADLINE,
    NO_ANSWER,
    NOT_SENT,
    OVERSIZED,
    Exchange,
    kept_headers,
)
from countermark.capture.probe.options import ProbeOptions, is_loopback, usage
from countermark.capture.probe.pace import retry_after
from countermark.errors import Error
from countermark.trust.keyfiles import Secret

if TYPE_CHECKING:
    import httpx2

MOST_BODY_BYTES = 16 << 20
LEAST_SECRET = 8
"""A shorter value would be found in answers by chance."""
_CREDENTIAL_HEADERS = ("authorization", "key", "token", "secret", "cookie")
_ESCAPE = re.compile(rb'\\(?:u00([0-7][0-9a-fA-F])|([/"\\]))')
"""What JSON may write for a printable character of ASCII, the only ones that credentials have."""


class HttpTransport:
    """An OpenAI-compatible endpoint; a context manager that holds its connections."""

    def __init__(self, options: ProbeOptions) -> None:
        try:
            import httpx2
        except ImportError:
            raise Error("a probe needs httpx2", hint="pip install 'countermark[probe]'") from None
        self._options, self._library = options, httpx2
        self.name = options.url
        self._headers = list(options.headers)
        given = {name.lower() for name, _ in self._headers}
        if options.api_key is not None and "authorization" not in given:
            self._headers.append(("Authorization", Secret(b"Bearer " + options.api_key.reveal())))
        self._in_headers = [secret for _, secret in self._headers if len(secret.reveal()) >= LEAST_SECRET]
        self._in_body = _credentials(options)
        try:
            self._url = httpx2.URL(self.name)
        except httpx2.InvalidURL:
            raise usage("--endpoint is no URL") from None
        self._client = self._connected()
        # a cookie would tie requests together that are to be answered one by one
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def _connected(self) -> "httpx2.AsyncClient":
        options, library = self._options, self._library
        try:
            client: httpx2.AsyncClient = library.AsyncClient(
                follow_redirects=False,
                timeout=library.Timeout(options.timeout, connect=min(options.timeout, 30.0)),
                limits=library.Limits(max_connections=options.concurrency),
                # proxies of the environment are for what lies outside
                trust_env=not is_loopback(str(urlsplit(options.endpoint).hostname)),
            )
            return client
        except (ImportError, ValueError):
            # the message would show the proxy's URL, which may hold a password
            hint = "look at HTTPS_PROXY and ALL_PROXY"
            raise Error("the proxy that the environment names cannot be used", hint=hint) from None

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, ask: Ask) -> Exchange:
        """One request, once."""
        reply = _Reply()
        begin = time.monotonic()
        library = self._library
        try:
            async with asyncio.timeout(self._options.timeout):
                await self._read(ask, reply)
        except (library.ConnectError, library.ConnectTimeout, library.PoolTimeout, library.ProxyError):
            reply.fault = NOT_SENT
        except (TimeoutError, library.TimeoutException):
            reply.fault = DEADLINE
        except library.TransportError:
            reply.fault = CUT if reply.status else NO_ANSWER
        body = bytes(reply.body)
        if self._in_body and holds(body, reply.headers.get("content-type", ""), self._in_body):
            reply.fault, body = CREDENTIALS, b""
        elif not reply.fault and reply.headers.get("content-encoding", "identity") != "identity":
            reply.fault = COMPRESSED
        kept = kept_headers(reply.headers, self._in_headers + self._in_body)
        seconds = round(time.monotonic() - begin, 4)
        return Exchange(reply.status, kept, body, reply.fault, seconds, retry_after(reply.headers))

    async def _read(self, ask: Ask, reply: "_Reply") -> None:
        headers = [
            ("Content-Type", "application/json"),
            ("Accept", "text/event-stream" if self._options.stream else "application/json"),
            ("Accept-Encoding", "identity"),
            *((name, secret.reveal().decode()) for name, secret in self._headers),
        ]
        request = self._client.build_request("POST", self._url, content=ask.body, headers=headers)
        response: httpx2.Response = await self._client.send(request, stream=True)
        try:
            reply.status = response.status_code
            reply.headers = {name.lower(): value for name, value in response.headers.items()}
            async for chunk in response.aiter_raw():
                if len(reply.body) + len(chunk) > MOST_BODY_BYTES:
                    reply.fault = OVERSIZED
                    break
                reply.body += chunk
        finally:
            await response.aclose()


class _Reply:
    """What has come so far; it survives the exception that ends it."""

    def __init__(self) -> None:
        self.status, self.fault = 0, ""
        self.headers: dict[str, str] = {}
        self.body = bytearray()


def holds(body: bytes, content_type: str, secrets: list[Secret]) -> bool:
    """Whether an answer has a secret in it: as bytes, behind JSON's escapes, or in the text that its parts
    make together."""
    plain = _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()) if found[1] else found[2], body)
    texts = [body, plain]
    try:
        answer = read_answer(body, content_type)
    except Malformed:
        pass  # nothing but its bytes is kept
    else:
        texts += [answer.text.encode(), "".join(one.token for one in answer.logprobs or []).encode()]
    return any(secret.reveal() in text for secret in secrets for text in texts)


def _credentials(options: ProbeOptions) -> list[Secret]:
    """What must not come back in an answer: an endpoint that quotes the key would put it into our files."""
    values = [] if options.api_key is None else [options.api_key.reveal()]
    for name, secret in options.headers:
        if any(word in name.lower() for word in _CREDENTIAL_HEADERS):
            values += {secret.reveal(), secret.reveal().rpartition(b" ")[2]}
    return [Secret(value) for value in values if len(value) >= LEAST_SECRET]
