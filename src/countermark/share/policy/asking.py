"""Disputes at the exchange: file one, and ask what became of it. The token comes from a file of mode 0600."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.policy.disputes import MAX_ANSWER, Answer, parse_answer
from countermark.trust.keyfiles import Secret

if TYPE_CHECKING:
    import httpx2

PATH = "/exchange-api/v1/disputes"
SECONDS = 30.0
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_DISPUTE = re.compile(r"dispute--[0-9a-f-]{36}")
_TOKEN = re.compile(rb"[\x21-\x7e]{8,4096}")


def file_dispute(
    url: str, token: Secret, object_id: str, statement_sha256: str | None, *, ca_file: Path | None = None
) -> Answer:
    """File a dispute about an object that this member shared; the same again gives the same dispute."""
    body = {"object_id": object_id}
    if statement_sha256 is not None:
        body["statement_sha256"] = statement_sha256
    return parse_answer(_ask(url, PATH, token, msgspec.json.encode(body), ca_file))


def ask_dispute(url: str, token: Secret, dispute_id: str, *, ca_file: Path | None = None) -> Answer:
    """What the exchange says of a dispute now."""
    if not _DISPUTE.fullmatch(dispute_id):
        raise Error(
            "that is no id of a dispute", hint="dispute--…, as filing gave it", exit_code=ExitCode.USAGE
        )
    return parse_answer(_ask(url, f"{PATH}/{dispute_id}", token, None, ca_file))


def _ask(url: str, path: str, token: Secret, body: bytes | None, ca_file: Path | None) -> bytes:
    """At most `MAX_ANSWER` bytes and one more of the answer; raises `Error` for any but 200 and 201."""
    try:
        import httpx2
    except ImportError:
        raise Error("this needs httpx2", hint="pip install 'countermark[exchange]'") from None
    from countermark.share.client.transport import tls_context

    place = _place(url)
    secret = token.reveal().strip()
    if not _TOKEN.fullmatch(secret):
        raise Error("the token file holds no token")
    headers = {"Authorization": f"Bearer {secret.decode()}", "Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        with (
            httpx2.Client(
                verify=tls_context(ca_file), timeout=SECONDS, follow_redirects=False, trust_env=False
            ) as client,
            client.stream(
                "GET" if body is None else "POST", place + path, headers=headers, content=body
            ) as answer,
        ):
            return _read(answer)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise Error(f"the exchange cannot be asked: {type(error).__name__}", hint=place) from None


def _read(answer: "httpx2.Response") -> bytes:
    if answer.status_code not in (200, 201):
        hint = {401: "is the token right, and not expired?", 404: "no such object or dispute of yours"}
        raise Error(f"the exchange answers {answer.status_code}", hint=hint.get(answer.status_code, ""))
    data = bytearray()
    for chunk in answer.iter_bytes():
        data += chunk
        if len(data) > MAX_ANSWER:
            break
    return bytes(data)


def _place(url: str) -> str:
    """Scheme, host and port; a token goes over TLS, or to this machine."""
    import httpx2

    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = httpx2.URL("")
    local = parsed.scheme == "http" and parsed.host in _LOCAL
    if not parsed.host or parsed.userinfo or not (parsed.scheme == "https" or local):
        raise Error(
            "the exchange is not named by an https URL",
            hint="https://exchange.example",
            exit_code=ExitCode.USAGE,
        )
    return f"{parsed.scheme}://{parsed.netloc.decode()}"
