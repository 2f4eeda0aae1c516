"""One exchange with an endpoint, whole or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from countermark.capture.probe.bodies import Ask
from countermark.trust.keyfiles import Secret

NOT_SENT = "not sent"
"""No connection came about: nothing was asked."""
NO_ANSWER = "no answer"
"""The connection broke before an answer began."""
CUT = "cut"
"""It broke within the answer."""
DEADLINE = "deadline"
OVERSIZED = "oversized"
COMPRESSED = "compressed"
"""In a coding that was not asked for; unpacking it could fill the memory."""
CREDENTIALS = "credentials"
"""The answer held our own key: it is not kept."""
FAULTS = (NOT_SENT, NO_ANSWER, CUT, DEADLINE, OVERSIZED, COMPRESSED, CREDENTIALS)

_NOT_KEPT = ("cookie", "authorization", "authenticate", "api-key", "apikey", "token", "secret")
"""Headers with one of these in their name are not kept, but for limits and counts of tokens."""
_MOST_HEADERS = 100
_MOST_VALUE = 1000


@dataclass(frozen=True)
class Exchange:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    fault: str
    seconds: float
    wait: float | None = None
    """Seconds that the endpoint asks to wait for (`Retry-After`)."""


class Transport(Protocol):
    """Sends requests."""

    name: str
    """The endpoint, as transcripts name it."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def send(self, ask: Ask) -> Exchange:
        """One request, once. Whatever goes wrong is a fault of the exchange and no exception."""
        ...


def kept_headers(headers: Mapping[str, str], secrets: list[Secret]) -> dict[str, str]:
    """Headers without cookies and credentials, bounded; names in lower case."""
    kept: dict[str, str] = {}
    for name, value in headers.items():
        low = name.lower()
        counts = low.startswith("x-ratelimit") or low.endswith("tokens")
        if not counts and any(word in low for word in _NOT_KEPT):
            continue
        line = f"{name}: {value}".encode()
        if len(kept) >= _MOST_HEADERS or any(secret.reveal() in line for secret in secrets):
            continue
        kept[low[:200]] = value[:_MOST_VALUE]
    return kept
