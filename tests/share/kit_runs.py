"""Runs of the conformance kit against an exchange in memory of the process."""

from collections.abc import Callable
from typing import Any

import httpx2
from exchange_parties import SHARED, Exchange

from countermark.share.conformance import Options, run_kit
from countermark.share.conformance.http import Credentials
from countermark.share.conformance.runner import Run
from countermark.trust.keyfiles import Secret

URL = "http://testserver/"
Forward = Callable[[httpx2.Request], httpx2.Response]
TLS = {"8.2.2-https", "8.2.2-tls-1.2", "8.2.2-tls-1.3", "8.2.2-no-early-data", "8.2.2-old-suites"}
NO_2_0 = "3.4.1-latest-spec"


def credentials(token: str) -> Credentials:
    """A bearer token."""
    return Credentials(token=Secret(token.encode()))


def made(status: int, headers: Any, body: bytes) -> httpx2.Response:
    """An answer whose body is still to be read."""
    return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(body))


def forward_to(exchange: Exchange) -> Forward:
    """Sends a request to the exchange."""

    def forward(request: httpx2.Request) -> httpx2.Response:
        found = exchange.client.send(request, follow_redirects=False)
        return made(found.status_code, found.headers, found.content)

    return forward


def run_on(exchange: Exchange, answer: Forward | None = None, **options: Any) -> Run:
    """The kit as alice, with carol beside her, who has no collection; `answer` stands for the server."""
    settings: dict[str, Any] = {
        "url": URL,
        "first": credentials(exchange.tokens["alice"]),
        "second": credentials(exchange.tokens["carol"]),
        "collection": SHARED,
    }
    transport = httpx2.MockTransport(answer or forward_to(exchange))
    return run_kit(Options(**(settings | options)), transport=transport)


def of_outcome(run: Run, *outcomes: str) -> dict[str, str]:
    """Ids of checks with one of these outcomes, and the reasons."""
    return {one.check.id: one.reason for one in run.results if one.outcome in outcomes}
