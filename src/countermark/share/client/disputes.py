"""Disputes at the exchange: file one, and ask what became of it."""

import re
from pathlib import Path

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.client.credentials import Credentials
from countermark.share.client.transport import Bounds, Refused, TooLarge, Transport, place_of
from countermark.share.policy.disputes import MAX_ANSWERS, Answer, parse_answer, parse_answers
from countermark.trust.keyfiles import Secret

PATH = "/exchange-api/v1/disputes"
BOUNDS = Bounds(answer_bytes=MAX_ANSWERS, answer_seconds=60.0, tries=3)
_DISPUTE = re.compile(r"dispute--[0-9a-f-]{36}")
_HINTS = {401: "is the token right, and not expired?", 404: "no such object or dispute of yours"}


def file_dispute(
    url: str, token: Secret, object_id: str, statement_sha256: str | None, *, ca_file: Path | None = None
) -> Answer:
    """File a dispute about an object that this member shared; the same again gives the same dispute."""
    body = {"object_id": object_id}
    if statement_sha256 is not None:
        body["statement_sha256"] = statement_sha256
    return _ask(url, PATH, token, msgspec.json.encode(body), ca_file)


def ask_dispute(url: str, token: Secret, dispute_id: str, *, ca_file: Path | None = None) -> Answer:
    """What the exchange says of a dispute now."""
    if not _DISPUTE.fullmatch(dispute_id):
        raise Error(
            "that is no id of a dispute", hint="dispute--…, as filing gave it", exit_code=ExitCode.USAGE
        )
    return _ask(url, f"{PATH}/{dispute_id}", token, None, ca_file)


def ask_disputes(url: str, token: Secret, *, ca_file: Path | None = None) -> list[Answer]:
    """The disputes that the token may see, without readers, but with who is late."""
    return parse_answers(_answer(url, PATH, token, None, ca_file))


def _ask(url: str, path: str, token: Secret, body: bytes | None, ca_file: Path | None) -> Answer:
    return parse_answer(_answer(url, path, token, body, ca_file))


def _answer(url: str, path: str, token: Secret, body: bytes | None, ca_file: Path | None) -> bytes:
    """Raises `Refused` for any answer but 200 and 201."""
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    place, _ = place_of(url)
    with Transport(place, Credentials.bearer(token), ca_file=ca_file, bounds=BOUNDS) as transport:
        try:
            answer = transport.ask("GET" if body is None else "POST", path, body=body, headers=headers)
        except TooLarge as error:
            raise Error(error.message, exit_code=ExitCode.NO_INPUT) from None
    if answer.status not in (200, 201):
        hint = _HINTS.get(answer.status, "")
        raise Refused(answer.status, f"the exchange answers {answer.status}", hint)
    return answer.body
