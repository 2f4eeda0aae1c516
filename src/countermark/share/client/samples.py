"""What an exchange drew of a member's releases, and the reports on it: asked for, noted, sent."""

from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec

from countermark.share.client.resources import read_resource
from countermark.share.client.taxii import refused
from countermark.share.client.transport import Transport
from countermark.share.policy.home import Home
from countermark.share.policy.samples import note_drawn, reports, samples

PATH = "/exchange-api/v1/samples"
_ABSENT = (403, 404, 405, 410, 501)
_Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")]


class Told(msgspec.Struct):
    """One release that the exchange drew."""

    release_id: _Id
    standing_id: _Id
    due: Annotated[datetime, msgspec.Meta(tz=True)]
    draw: Annotated[str, msgspec.Meta(max_length=200)] = ""
    reports: dict[str, str] = {}


class _Answer(msgspec.Struct):
    samples: Annotated[list[Told], msgspec.Meta(max_length=100_000)]


class Done(NamedTuple):
    """What came of it."""

    drawn: int
    """Releases of which it was news here that the exchange drew them."""
    sent: int
    """Reports that the exchange had not."""


def synchronise(home: Home, transport: Transport) -> Done | None:
    """Note in the home's log what the exchange drew, and send what it lacks of reports.

    None for an exchange that draws nothing. Raises `Error`.
    """
    answer = transport.ask("GET", PATH, headers={"Accept": "application/json"})
    if answer.status in _ABSENT:
        return None
    if answer.status != 200:
        raise refused(answer, transport)
    told = {one.release_id: one for one in read_resource(answer.body, _Answer, "list of samples").samples}
    drawn = note_drawn(
        home,
        transport.place,
        [
            {"release_id": one.release_id, "standing_id": one.standing_id, "due": one.due, "draw": one.draw}
            for one in told.values()
        ],
    )
    sent = 0
    for sample in samples(home.log):
        there = told.get(sample.release_id)
        if there is None:
            continue
        for role, outcome, envelope in reports(home, sample):
            if there.reports.get(role) != outcome:
                _send(transport, sample.release_id, envelope)
                sent += 1
    return Done(drawn, sent)


def _send(transport: Transport, release_id: str, envelope: bytes) -> None:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    answer = transport.ask("POST", f"{PATH}/{release_id}/reports", body=envelope, headers=headers)
    if answer.status not in (200, 201):
        raise refused(answer, transport)
