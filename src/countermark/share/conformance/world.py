"""The objects that the kit adds to a collection: named as tests, with made-up content, deleted at the end."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from countermark.share.conformance.http import Answer, Http, NoAnswer, query

NAME = "Countermark conformance test object, may be deleted"
ABSENT = "6f0a3d52-9c41-4b7e-8d15-2f7b9a6c4e01"
"""A UUID that nothing has."""
_SCO = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""Namespace of deterministic ids of SCOs (STIX 2.1, 2.9)."""
_PENDING_SECONDS = 10.0


def stamp(moment: datetime) -> str:
    """A time as STIX writes it, to milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Maker:
    """Makes STIX 2.1 objects that no other run made."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC) - timedelta(hours=1)

    def indicator(self, *, minutes: int = 0, like: dict[str, Any] | None = None) -> dict[str, Any]:
        """An indicator, or another version of one; `modified` lies `minutes` after `created`."""
        created = stamp(self._now)
        made = {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--{uuid.uuid4()}",
            "created": created,
            "name": NAME,
            "indicator_types": ["unknown"],
            "pattern": "[ipv4-addr:value = '198.51.100.7']",
            "pattern_type": "stix",
            "valid_from": created,
        }
        return made | (like or {}) | {"modified": stamp(self._now + timedelta(minutes=minutes))}

    def malware(self) -> dict[str, Any]:
        """A malware object."""
        created = stamp(self._now)
        return {
            "type": "malware",
            "spec_version": "2.1",
            "id": f"malware--{uuid.uuid4()}",
            "created": created,
            "modified": created,
            "name": NAME,
            "is_family": False,
        }

    def marking(self) -> dict[str, Any]:
        """A marking definition: it has `created`, and no `modified`."""
        return {
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": f"marking-definition--{uuid.uuid4()}",
            "created": stamp(self._now),
            "definition_type": "statement",
            "definition": {"statement": NAME},
        }

    def domain(self) -> dict[str, Any]:
        """An observable: it has neither time. Its id follows from its value (STIX 2.1, 2.9)."""
        value = f"{uuid.uuid4().hex}.conformance.example"
        name = json.dumps({"value": value}, separators=(",", ":"))
        kind = "domain-name"
        return {
            "type": kind,
            "spec_version": "2.1",
            "id": f"{kind}--{uuid.uuid5(_SCO, name)}",
            "value": value,
        }


def envelope(*objects: Any, **more: Any) -> bytes:
    """A body for POST."""
    return json.dumps({"objects": objects} | more).encode()


class World(Maker):
    """Seven objects, one of them in three versions, that came in a known order."""

    def __init__(self, http: Http, objects_path: str, status_path: str) -> None:
        """The paths are those of the collection's objects and of the root's statuses."""
        super().__init__()
        self._http, self._path, self._status_path = http, objects_path, status_path
        self.ready, self.problem = False, ""
        self.posted: list[str] = []
        """Ids of all objects that were sent, for the cleaning."""
        self.statuses: list[Answer] = []
        self.a, self.b, self.c = (self.indicator(minutes=minutes) for minutes in (30, 20, 10))
        """Added one after the other, `modified` the other way round."""
        first = self.indicator(minutes=1)
        self.many = [first, *(self.indicator(minutes=minutes, like=first) for minutes in (2, 3))]
        """Three versions of one object."""
        self.malicious, self.mark, self.sco = self.malware(), self.marking(), self.domain()
        self.ids = [
            one["id"] for one in (self.a, self.b, self.c, self.many[0], self.malicious, self.mark, self.sco)
        ]
        """In order of arrival; of `many` the last version came when only the last three were missing."""

    def build(self) -> None:
        """Add them; `ready` says whether that was answered with success."""
        batches = [[self.a], [self.b], [self.c], *([one] for one in self.many)]
        batches.append([self.malicious, self.mark, self.sco])
        try:
            for batch in batches:
                self.statuses.append(self.post(*batch))
                if not 200 <= self.statuses[-1].status < 300:
                    self.problem = f"POST was answered {self.statuses[-1].status}"
                    return
        except NoAnswer as error:
            self.problem = str(error)
            return
        self.ready = True

    def post(self, *objects: dict[str, Any]) -> Answer:
        """Add objects, and wait while the server says that they are pending."""
        self.posted += [one["id"] for one in objects if one.get("id") not in self.posted]
        answer = self._http.ask("POST", self._path, content=envelope(*objects))
        end = time.monotonic() + _PENDING_SECONDS
        while answer.resource.get("status") == "pending" and time.monotonic() < end:
            time.sleep(0.5)
            status = self._http.ask("GET", f"{self._status_path}{answer.resource.get('id')}/")
            if status.status != 200:
                break
            if status.resource.get("status") == "complete":
                return answer if answer.status != 202 else _finished(answer, status)
        return answer

    def clean(self) -> list[str]:
        """Delete all that was added; the ids that are still there, or may be."""
        left = []
        for one in self.posted:
            try:
                path = f"{self._path}{one}/"
                for _ in range(4):  # a server may delete one version at a time
                    if self._http.ask("DELETE", path).status != 200:
                        break
                if self._http.ask("GET", path + query(match_version="all")).status != 404:
                    left.append(one)
            except NoAnswer:
                left.append(one)
        return left


def _finished(posted: Answer, status: Answer) -> Answer:
    """The answer to a POST with the status as it became."""
    return Answer(
        posted.method,
        posted.path,
        posted.sent,
        posted.sent_bytes,
        posted.status,
        posted.headers,
        status.body,
        posted.secrets,
    )
