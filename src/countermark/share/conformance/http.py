"""Requests of the kit, bounded in number, size and time, and what is kept of them: never a credential.

Nothing is followed, decompressed or remembered between requests. A server that asks for patience (429, 503)
gets it, a few times.
"""

import base64
import json
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from countermark.errors import Error, ExitCode
from countermark.trust.keyfiles import Secret

if TYPE_CHECKING:
    import httpx2

TAXII = "application/taxii+json;version=2.1"
FIRST, SECOND, NOBODY, WRONG = "first", "second", "nobody", "wrong"
"""Who asks: the two callers that the kit was given, one without credentials, one with false ones."""
WRONG_BASIC = "wrong-basic"
"""One with false credentials of HTTP Basic."""
MOST_BODY = 16 << 20
MOST_REQUESTS = 4000
_FALSE_TOKEN = "Bearer countermark-conformance-false-token"  # noqa: S105 (nobody's)
_FALSE_PASSWORD = "Basic " + base64.b64encode(b"countermark-conformance:false").decode()
_MOST_WAIT = 10.0
_PATIENCE = 4
_SHOWN_HEADERS = (
    *("content-type", "x-taxii-date-added-first", "x-taxii-date-added-last", "www-authenticate"),
    *("location", "date", "retry-after", "allow"),
)


class NoAnswer(Exception):
    """No answer came within the bounds; the text says why."""


@dataclass(frozen=True)
class Answer:
    """One request and what came back."""

    method: str
    path: str
    """With its query, as it was sent."""
    sent: dict[str, str]
    """Headers, without credentials."""
    sent_bytes: int
    status: int
    headers: "httpx2.Headers"
    body: bytes
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What is blotted out wherever an answer is shown."""

    @cached_property
    def value(self) -> Any:
        """The body as JSON, strictly UTF-8; None where it is none."""
        try:
            self.body.decode("utf-8")
            return msgspec.json.decode(self.body)
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            return None

    @property
    def resource(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        return self.value if isinstance(self.value, dict) else {}

    def items(self, name: str = "objects") -> list[Any]:
        """A list of the resource; empty where there is none."""
        found = self.resource.get(name)
        return found if isinstance(found, list) else []

    @property
    def is_taxii(self) -> bool:
        """Whether Content-Type says TAXII 2.1 (1.6.8)."""
        kind, _, rest = self.headers.get("content-type", "").partition(";")
        parameters = {part.strip().lower().replace('"', "") for part in rest.split(";")}
        return kind.strip().lower() == "application/taxii+json" and "version=2.1" in parameters

    @property
    def offered(self) -> set[str]:
        """Schemes that WWW-Authenticate names, in small letters."""
        text = re.sub(r'"[^"]*"', "", ",".join(self.headers.get_list("www-authenticate")))
        words = (part.split(maxsplit=1)[0] for part in text.split(",") if part.strip())
        return {word.lower() for word in words if "=" not in word}

    def shown(self, text: str) -> str:
        """Text without credentials."""
        for secret in self.secrets:
            text = text.replace(secret, "[credential]")
        return text

    def evidence(self) -> dict[str, Any]:
        """What of it goes into a report; of a success only the outline, which is nobody's content."""
        headers = {
            name: self.shown(self.headers[name])[:200] for name in _SHOWN_HEADERS if name in self.headers
        }
        return {
            "method": self.method,
            "path": self.shown(self.path)[:400],
            "sent": {name: value[:200] for name, value in self.sent.items()},
            "sent_bytes": self.sent_bytes,
            "status": self.status,
            "headers": headers,
            "body": self._outline()[:400],
        }

    def _outline(self) -> str:
        if self.status >= 400 or not isinstance(self.value, dict):
            return self.shown(self.body.decode("utf-8", "replace"))  # blotted out before it is cut
        parts = []
        for name, value in list(self.value.items())[:20]:
            if isinstance(value, list):
                parts.append(f"{name}: list of {len(value)}")
            elif isinstance(value, dict):
                parts.append(f"{name}: object")
            else:
                parts.append(f"{name}: {self.shown(json.dumps(value, ensure_ascii=False))[:60]}")
        return self.shown("{" + ", ".join(parts) + "}")


@dataclass(frozen=True)
class Credentials:
    """A bearer token, or a user with a password for HTTP Basic."""

    token: Secret | None = None
    user: str = ""
    password: Secret | None = None

    def header(self) -> str:
        """The value of Authorization."""
        if self.token is not None:
            return f"Bearer {self.token.reveal().decode('ascii')}"
        password = self.password.reveal() if self.password is not None else b""
        return "Basic " + base64.b64encode(self.user.encode() + b":" + password).decode()

    def texts(self) -> tuple[str, ...]:
        """What may not be shown."""
        plain = [one.reveal().decode("utf-8", "replace") for one in (self.token, self.password) if one]
        return tuple(text for text in (*plain, self.header().partition(" ")[2]) if text)


class Http:
    """Asks one server. Close it afterwards."""

    def __init__(
        self,
        base: str,
        callers: Mapping[str, Credentials],
        *,
        verify: ssl.SSLContext | bool = True,
        seconds: float = 15.0,
        deadline: float = 600.0,
        transport: "httpx2.BaseTransport | None" = None,
    ) -> None:
        """`base` is `http(s)://HOST[:PORT]`; `seconds` for one request, `deadline` for all."""
        try:
            import httpx2
        except ImportError:
            raise Error("the kit needs httpx2", hint="pip install 'countermark[exchange]'") from None
        self._library = httpx2
        self.base, self.requests, self._seconds = base, 0, seconds
        self._end = time.monotonic() + deadline
        self._callers = {name: one.header() for name, one in callers.items()}
        basic = "basic" in {self.scheme(name) for name in callers}
        self._callers |= {WRONG: _FALSE_PASSWORD if basic else _FALSE_TOKEN, WRONG_BASIC: _FALSE_PASSWORD}
        self._secrets = tuple(text for one in callers.values() for text in one.texts())
        self._client = httpx2.Client(
            verify=verify, trust_env=False, timeout=seconds, follow_redirects=False, transport=transport
        )
        self._client.headers.clear()

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def knows(self, who: str) -> bool:
        """Whether there are credentials of this caller."""
        return who in self._callers

    def scheme(self, who: str) -> str:
        """`bearer` or `basic`; empty for one without credentials."""
        return self._callers.get(who, "").partition(" ")[0].lower()

    def ask(
        self,
        method: str,
        path: str,
        *,
        who: str = FIRST,
        accept: str | None = TAXII,
        content: bytes | None = None,
        content_type: str | None = TAXII,
        agent: str | None = "countermark-conformance/1",
    ) -> Answer:
        """One request; raises `NoAnswer`. None leaves a header out."""
        headers = {"Host": self.base.partition("://")[2]}
        for name, value in (("Accept", accept), ("User-Agent", agent)):
            if value is not None:
                headers[name] = value
        if content is not None and content_type is not None:
            headers["Content-Type"] = content_type
        sent = {name: value for name, value in headers.items() if name != "Host"} | {"as": who}
        if who in self._callers:
            headers["Authorization"] = self._callers[who]
        for attempt in range(_PATIENCE + 1):
            answer = self._once(method, path, headers, sent, content)
            if answer.status not in (429, 503) or attempt == _PATIENCE:
                break
            time.sleep(_patience(answer.headers.get("retry-after", "")))
        return answer

    def _once(
        self, method: str, path: str, headers: dict[str, str], sent: dict[str, str], content: bytes | None
    ) -> Answer:
        self.requests += 1
        started = time.monotonic()
        if self.requests > MOST_REQUESTS or started > self._end:
            raise NoAnswer("the bounds of the whole run are reached")
        try:
            request = self._client.build_request(method, self.base + path, headers=headers, content=content)
            response = self._client.send(request, stream=True)
            try:
                body = self._read(response, started)
            finally:
                response.close()
        except self._library.HTTPError as error:
            raise NoAnswer(f"{type(error).__name__} at {method} {path[:200]}") from None
        except (self._library.InvalidURL, UnicodeError, ValueError):
            raise NoAnswer(f"{method} {path[:200]} cannot be asked") from None
        size = len(content) if content is not None else 0
        return Answer(method, path, sent, size, response.status_code, response.headers, body, self._secrets)

    def _read(self, response: "httpx2.Response", started: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MOST_BODY:
                raise NoAnswer(f"an answer of more than {MOST_BODY >> 20} MiB")
            if time.monotonic() - started > self._seconds * 4:
                raise NoAnswer("an answer that does not end")
        return bytes(body)


def _patience(text: str) -> float:
    return min(float(text), _MOST_WAIT) if text.isascii() and text.isdigit() else 1.0


def query(**parameters: object) -> str:
    """A query; `match_type` is `match[type]`. Commas stay as they are."""
    parts = []
    for name, value in parameters.items():
        key = f"match[{name[6:]}]" if name.startswith("match_") else name
        parts.append(f"{quote(key, safe='')}={quote(str(value), safe=',:')}")
    return "?" + "&".join(parts) if parts else ""


def server_of(url: str) -> tuple[str, str]:
    """`http(s)://HOST[:PORT]` and the path of a URL; raises `Error(USAGE)`."""
    from urllib.parse import urlsplit

    try:
        found = urlsplit(url)
        port = f":{found.port}" if found.port else ""
        host = found.hostname or ""
    except ValueError:
        found, host, port = None, "", ""
    if found is None or found.scheme not in ("http", "https") or not host or found.username is not None:
        raise Error(
            "that is no http(s):// address of a server",
            hint="https://HOST[:PORT]/ or the URL of an API root; credentials come from files",
            exit_code=ExitCode.USAGE,
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{found.scheme}://{shown}{port}", found.path or "/"


def is_private(base: str) -> bool:
    """Whether nobody between us and the server reads along: TLS, or the same machine."""
    from urllib.parse import urlsplit

    return base.startswith("https://") or urlsplit(base).hostname in ("localhost", "127.0.0.1", "::1")
