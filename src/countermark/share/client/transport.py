"""Requests to one exchange: over TLS, to one host, bounded in bytes and time, repeated where that may help.

What is sent twice does no harm: GET changes nothing, and the exchange takes the same object or release again
without storing it twice (5.5). So every request is repeated when the connection breaks and when the server is
busy (429, 502, 503, 504), after a pause that grows and is drawn at random, or as long as the server says.
Redirects are not followed: no credential goes to a place that the user did not name.
"""

import asyncio
import secrets
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import countermark
from countermark.errors import Error, ExitCode
from countermark.share.client.credentials import Credentials

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: none of them is in the list of RFC 7540, Appendix A (TAXII 8.5.1.3)."""
BUSY = frozenset({429, 502, 503, 504})
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_random = secrets.SystemRandom()


class TooLarge(Error):
    """An answer of more bytes than are taken; a smaller page may do."""


class Broken(Error):
    """The connection broke, and the request is not one to repeat as it is."""


class Refused(Error):
    """The exchange answered with an error; `status` is its code."""

    def __init__(
        self, status: int, message: str, hint: str = "", *, code: str = "", objects: Sequence[str] = ()
    ) -> None:
        """`code` and `objects`: `error_code`, and the STIX ids that `details` of our own exchange names."""
        super().__init__(message, hint=hint)
        self.status, self.code, self.objects = status, code, tuple(objects)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What one exchange may cost us."""

    answer_bytes: int = 64 << 20
    """Of one answer."""
    idle_seconds: float = 30.0
    """Without a byte from the exchange."""
    answer_seconds: float = 120.0
    """From the beginning of a request to the end of its answer, whatever drips in."""
    tries: int = 8
    """Of one request."""
    first_pause: float = 0.5
    """Seconds; the longest pause doubles with every try."""
    longest_pause: float = 30.0
    longest_asked_pause: float = 300.0
    """Seconds of Retry-After that are waited for; beyond, the user is told."""


@dataclass(frozen=True)
class Answer:
    """An answer, whole."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes = field(repr=False)


class Transport:
    """One exchange and who asks it; a context manager, for one thread."""

    def __init__(
        self,
        place: str,
        credentials: Credentials,
        *,
        ca_file: Path | None = None,
        bounds: Bounds | None = None,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`place`: scheme, host and port, as `place_of` gives them. `tell` is called before a pause."""
        try:
            import httpx2
        except ImportError:
            raise Error("this needs httpx2", hint="pip install 'countermark[exchange]'") from None
        self.place, self.bounds, self.by_password = place, bounds or Bounds(), credentials.by_password
        self._credentials, self._sleep, self._tell = credentials, sleep, tell
        self._runner = asyncio.Runner()
        self._client = httpx2.AsyncClient(
            verify=tls_context(ca_file),
            timeout=self.bounds.idle_seconds,
            follow_redirects=False,
            trust_env=False,  # neither proxies nor .netrc of the environment see what we say
            headers={
                "User-Agent": f"countermark/{countermark.__version__}",
                "Accept-Encoding": "identity",
            },
        )

    def __enter__(self) -> "Transport":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        try:
            self._runner.run(self._client.aclose())
        finally:
            self._runner.close()

    def hide(self, text: str) -> str:
        """A text of the exchange's, without our credential."""
        return self._credentials.hide(text)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        once: bool = False,
    ) -> Answer:
        """The answer to one request, whatever its status but a busy one or a redirect.

        `once`: raise `Broken` where the connection breaks, after a pause, and do not repeat.

        `path` begins with a slash. Raises `Error` for an exchange that is not reached, stays busy, redirects,
        or answers too slowly, and `TooLarge`.
        """
        request: dict[str, Any] = {"params": dict(query or {}) or None, "content": body}
        for tried in range(1, self.bounds.tries + 1):
            problem, asked = "", None
            try:
                answer = self._runner.run(self._once(method, path, dict(headers or {}), request))
            except Error:
                raise
            # httpx2, TLS and sockets each raise kinds of their own; `_problem` raises what no new try mends
            except Exception as error:
                problem = _problem(error)
                answer = None
            if answer is not None:
                if answer.status not in BUSY:
                    self._refuse_redirect(answer)
                    return answer
                problem = f"the exchange answers {answer.status}"
                asked = retry_after(answer.headers.get("retry-after"), datetime.now(UTC))
            if tried < self.bounds.tries:
                self._pause(tried, problem, asked)
                if once and answer is None:
                    raise Broken(problem)
        raise Error(f"{problem}, {self.bounds.tries} times", hint=f"is {self.place} in service?")

    async def _once(self, method: str, path: str, headers: dict[str, str], request: dict[str, Any]) -> Answer:
        headers |= self._credentials.headers()
        async with (
            asyncio.timeout(self.bounds.answer_seconds),
            self._client.stream(method, self.place + path, headers=headers, **request) as got,
        ):
            said = {name.lower(): value for name, value in got.headers.items()}
            if said.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
                raise Error("the exchange answers in an encoding that was not asked for")
            body = bytearray()
            async for chunk in got.aiter_raw():
                body += chunk
                if len(body) > self.bounds.answer_bytes:
                    raise TooLarge(f"the exchange answers with over {self.bounds.answer_bytes:,} bytes")
            return Answer(got.status_code, said, bytes(body))

    def _refuse_redirect(self, answer: Answer) -> None:
        if 300 <= answer.status < 400:
            where = self.hide(answer.headers.get("location", ""))[:200]
            raise Error(
                f"the exchange sends us elsewhere ({answer.status}), which is not followed",
                hint=f"name it yourself if you trust it: {where}" if where else "",
            )

    def _pause(self, tried: int, problem: str, asked: float | None) -> None:
        """Wait: as long as the exchange asks for and a little more, else at random within a growing time."""
        bounds = self.bounds
        if asked is not None and asked > bounds.longest_asked_pause:
            raise Error(
                f"{problem} and asks to wait for {asked:.0f} seconds", hint="come back later; nothing is lost"
            )
        most = min(bounds.longest_pause, bounds.first_pause * 2 ** (tried - 1))
        seconds = _random.uniform(0, most) + (asked or 0)
        self._tell(f"{problem}; again in {seconds:.1f} s")
        self._sleep(seconds)


def place_of(url: str) -> tuple[str, str]:
    """Scheme, host and port of a URL, and its path; https, or http on this machine (8.5.1.1).

    Raises `Error(USAGE)` for another, and for one with a name, password, query or fragment in it.
    """
    try:
        import httpx2
    except ImportError:
        raise Error("this needs httpx2", hint="pip install 'countermark[exchange]'") from None
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        parsed = httpx2.URL("")
    local = parsed.scheme == "http" and parsed.host in _LOCAL
    plain = not (parsed.userinfo or parsed.query or parsed.fragment)
    if not parsed.host or not plain or not (parsed.scheme == "https" or local):
        raise Error(
            "the exchange is not named by a plain https URL",
            hint="https://exchange.example; the token stands in a file, --token-file",
            exit_code=ExitCode.USAGE,
        )
    return f"{parsed.scheme}://{parsed.netloc.decode()}", parsed.raw_path.decode() or "/"


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or 1.3, names and chains checked, against the system's authorities or those of a file."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "it cannot be used"
        raise Error(
            f"the certificates of {ca_file}: {reason}", hint="a file of PEM", exit_code=ExitCode.USAGE
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    return context


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds of a header Retry-After (RFC 9110, 10.2.3: seconds or a date); None where it says nothing."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        when = parsedate_to_datetime(text)
        return max(0.0, (when - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _problem(error: Exception) -> str:
    """Why a request got no answer, where another try may get one; raises `Error` where none will."""
    import httpx2

    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return "the exchange takes too long"
    if isinstance(error, httpx2.TransportError | OSError):
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                reason = cause.verify_message
                raise Error(
                    f"the certificate of the exchange does not verify: {reason}",
                    hint="--ca-file FILE names the authority, where it is your own",
                ) from None
            cause = cause.__cause__ or cause.__context__
        return f"the exchange is not reached ({type(error).__name__})"
    if isinstance(error, httpx2.HTTPError | httpx2.InvalidURL):
        raise Error(f"the exchange cannot be asked: {type(error).__name__}") from None
    raise error
