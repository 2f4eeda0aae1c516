"""A watermark check at a node: ask it, and register keys there.

A check carries a name of its own (`Idempotency-Key`), so that it may be sent again when the connection
breaks: the node does not count it twice, and gives it no second place in its matter.
"""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from countermark.errors import Error
from countermark.share.check.messages import Check, Row, Word
from countermark.share.client.credentials import Credentials
from countermark.share.client.resources import ErrorMessage
from countermark.share.client.transport import Answer, Bounds, Refused, Transport, place_of, retry_after

API = "/exchange-api/v1"
BASE = "/watermark"
MOST_ANSWER = 64 << 20
BOUNDS = Bounds(answer_bytes=MOST_ANSWER, answer_seconds=300.0, idle_seconds=300.0, tries=5)
_SOON = 60.0
"""Seconds of Retry-After up to which a busy node is asked again."""
_BUSY = frozenset({502, 504})
_TRIES = 5
_HINTS = {
    401: "is the token right, and not expired?",
    403: "does the token allow it? the operator makes one with the action check",
    409: "",
    422: "name the matter with --matter; the text may be too long",
}


class Later(Error):
    """Nothing can be said yet: not all members that were asked have answered."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a node answers, to whatever role."""

    word: Word
    schema: str = ""
    check_id: str = ""
    marks: list[str] = []
    matter: str = ""
    ordinal: int = 0
    alpha: float = 0.0
    hypotheses: int = 0
    asked_so_far: int = 0
    consent: bool = False
    answered: list[str] = []
    missing: dict[str, str] = {}
    complete: bool = True
    rows: list[Row] = []
    salt: str = ""
    text_digest: str = ""
    entries: list[int] = []
    contradicted: list[str] = []
    verdicts: list[str] = []


class Node:
    """A node and who asks it; a context manager."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        ca_file: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        place, _ = place_of(url)
        self._sleep, self._tell = sleep, tell
        self._transport = Transport(
            place, credentials, ca_file=ca_file, bounds=BOUNDS, sleep=sleep, tell=tell
        )

    def __enter__(self) -> "Node":
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def check(self, check: Check) -> tuple[Found, bytes]:
        """Ask; what is found, and the answer as it came. `check` has a salt.

        Raises `Later` where nothing can be said yet, `Refused` and `Error`, none of which quotes the text.
        """
        headers = {"Idempotency-Key": secrets.token_hex(32)}
        answer = self._ask("POST", f"{BASE}/check", msgspec.json.encode(check), headers)
        return _read(answer.body), answer.body

    def register(self, envelope: bytes) -> int:
        """Register the keys in an envelope; how many pools are new."""
        answer = self._ask("POST", f"{BASE}/keys", envelope, {})
        try:
            return msgspec.json.decode(answer.body, type=_New).new
        except msgspec.DecodeError:
            raise _strange() from None

    def retire(self, envelope: bytes) -> None:
        """Take a pool out of the register."""
        self._ask("POST", f"{BASE}/keys/retired", envelope, {})

    def keys(self) -> list[dict[str, Any]]:
        """The registered pools, as the node lists them for this caller."""
        answer = self._ask("GET", f"{BASE}/keys", None, {})
        try:
            return msgspec.json.decode(answer.body, type=_Listed).pools
        except msgspec.DecodeError:
            raise _strange() from None

    def proof(self, entry: int) -> bytes:
        """Proof of an entry of the node's log."""
        return self._ask("GET", f"{API}/audit/entries/{entry}/proof", None, {}).body

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if body is not None:
            headers["Content-Type"] = "application/json"
        for tried in range(1, _TRIES + 1):
            answer = self._transport.ask(method, path, body=body, headers=headers, busy=_BUSY)
            if answer.status in (200, 201):
                return answer
            wait = _wait(answer)
            if answer.status not in (429, 503) or wait is None or wait > _SOON or tried == _TRIES:
                raise self._refused(answer, wait)
            self._tell(f"the node is busy; again in {wait:.0f} s")
            self._sleep(wait)
        raise AssertionError("unreachable")

    def _refused(self, answer: Answer, wait: float | None) -> Error:
        said = _title(self._transport.hide(answer.body[:65536].decode(errors="replace")))
        if answer.status == 503 and wait is not None and wait > _SOON:
            return Later(f"the node says: {said}", hint=f"come back in {wait:.0f} seconds")
        if answer.status == 429:
            return Refused(429, f"the node says: {said}", "the quota of the day ends at midnight UTC")
        hint = _HINTS.get(answer.status, "")
        return Refused(answer.status, f"the node answers {answer.status}: {said}", hint)


class _New(msgspec.Struct):
    new: int


class _Listed(msgspec.Struct):
    pools: list[dict[str, Any]]


def _read(body: bytes) -> Found:
    try:
        return msgspec.json.decode(body, type=Found)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _strange() from None


def _wait(answer: Answer) -> float | None:
    return retry_after(answer.headers.get("retry-after"), datetime.now(UTC))


def _title(text: str) -> str:
    """What an error says."""
    try:
        found = msgspec.json.decode(text, type=ErrorMessage)
    except (msgspec.DecodeError, RecursionError):
        return "something that is no error of an exchange"
    return f"{found.title}; {found.description}"[:500] if found.description else found.title[:500]


def _strange() -> Error:
    return Error("the node's answer is none of a watermark check", hint="is the URL right?")
