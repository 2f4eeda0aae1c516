"""The other members' nodes, asked with a text: in parallel, over TLS, within bounds of time and bytes.

Redirects are not followed and proxies of the environment not used: a text goes where the settings say. A node
that gives no answer that counts is missing, with a reason of a few words that quotes nothing.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.check.messages import Question, Verdict
from countermark.share.check.register import Register
from countermark.share.check.verdicts import MOST_BYTES, VerdictRefused, open_verdict
from countermark.share.client.credentials import MAX_TOKEN, Credentials
from countermark.share.client.transport import tls_context
from countermark.share.server.check_settings import CheckSettings, PeerSettings
from countermark.trust.keyfiles import read_secret
from countermark.trust.signing import PublicKey

if TYPE_CHECKING:
    import httpx2

ANSWERS = "/watermark/answers"
_BYTES_OF_KEY = 1200
"""Most of a key in a verdict, as base64: a name of 200 characters, two figures."""
_BYTES_BESIDE = 64 << 10
_MAX_KEY = 4096


@dataclass(frozen=True)
class Reply:
    """What came of asking one node."""

    member: str
    verdict: Verdict | None
    reason: str = ""
    """Why there is none that counts."""
    envelope_sha256: str | None = None
    envelope: bytes = b""
    """Of a verdict that counts, as it came."""


class CheckPeers:
    """The peers of one node; for one event loop."""

    def __init__(self, peers: Sequence[PeerSettings], check: CheckSettings, base: Path) -> None:
        """Read tokens, keys and certificates, whose files are named from `base`; raises `Error`."""
        self._settings = check
        self._peers = {one.name: _Peer(one, check, base) for one in peers}

    async def ask(self, names: Sequence[str], question: Question, register: Register) -> list[Reply]:
        """What each of these members answers, in their order."""
        body = msgspec.json.encode(question)
        return list(
            await asyncio.gather(*(self._peers[name].ask(body, question, register) for name in names))
        )

    async def close(self) -> None:
        """Close the connections."""
        for one in self._peers.values():
            await one.close()


class _Peer:
    def __init__(self, settings: PeerSettings, check: CheckSettings, base: Path) -> None:
        self._name, self._url = settings.name, settings.url.rstrip("/")
        self._seconds, self._at_once = check.answer_seconds, check.at_once
        token = read_secret(base / settings.token_file, what="token file", most_bytes=MAX_TOKEN)
        self._credentials = Credentials.bearer(token)
        self._context = tls_context(base / settings.ca_file if settings.ca_file else None)
        key = PublicKey.parse(_text(base / settings.public_key))
        self._signers: Mapping[str, PublicKey] = {key.keyid: key}
        self._client: httpx2.AsyncClient | None = None

    async def ask(self, body: bytes, question: Question, register: Register) -> Reply:
        """Its verdict, or why there is none that counts."""
        keys = sum(len(pool.keys) for pool in register.pools_of(self._name).values())
        most = min(MOST_BYTES, _BYTES_BESIDE + _BYTES_OF_KEY * keys)
        try:
            async with asyncio.timeout(self._seconds):
                envelope = await self._post(body, most)
        except TimeoutError:
            return Reply(self._name, None, "took too long")
        # httpx2, TLS and sockets each raise kinds of their own, whose words may name what was sent where
        except Exception as error:
            reason = error.message if isinstance(error, _NoAnswer) else "was not reached"
            return Reply(self._name, None, reason)
        digest = hashlib.sha256(envelope).hexdigest()
        try:
            verdict = await asyncio.to_thread(
                open_verdict,
                envelope,
                member=self._name,
                signers=self._signers,
                request_id=question.request_id,
                digest=question.text_digest,
                register=register,
                now=datetime.now(UTC),
            )
        except VerdictRefused as error:
            return Reply(self._name, None, f"its verdict is refused: {error.reason}", digest)
        return Reply(self._name, verdict, "", digest, envelope)

    async def _post(self, body: bytes, most: int) -> bytes:
        import httpx2

        if self._client is None:
            self._client = httpx2.AsyncClient(
                verify=self._context,
                timeout=self._seconds,
                follow_redirects=False,
                trust_env=False,
                limits=httpx2.Limits(max_connections=self._at_once, max_keepalive_connections=self._at_once),
                headers={"Accept-Encoding": "identity", "Content-Type": "application/json"},
            )
        request = self._client.stream(
            "POST", self._url + ANSWERS, content=body, headers=self._credentials.headers()
        )
        async with request as got:
            if got.status_code != 200:
                raise _NoAnswer(f"answered with status {got.status_code}")
            if got.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
                raise _NoAnswer("answered in an encoding that was not asked for")
            found = bytearray()
            async for chunk in got.aiter_raw():
                found += chunk
                if len(found) > most:
                    raise _NoAnswer("answered with too many bytes")
            return bytes(found)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
        self._client = None


class _NoAnswer(Error):
    """Told as it is: its words are ours."""


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_KEY).decode("ascii")
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.USAGE) from None
    except UnicodeDecodeError:
        raise Error(f"{path} holds no public key", exit_code=ExitCode.USAGE) from None
    return text if "-----BEGIN" in text else text.strip()
