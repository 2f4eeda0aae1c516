"""Section 3.2: the headers X-TAXII-Date-Added-First and -Last."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from countermark.share.conformance.http import Answer
from countermark.share.conformance.shapes import is_timestamp
from countermark.share.conformance.table import MUST, OPEN, NotApplicable, Probe, Undetermined, check

_FIRST, _LAST = "X-TAXII-Date-Added-First", "X-TAXII-Date-Added-Last"
_DATED = ("manifest", "objects", "object", "versions")


def _dated(p: Probe) -> dict[str, Answer]:
    found = p.target.resources()
    return {name: p.ok(p.see(found[name])) for name in _DATED}


def _empty(p: Probe) -> dict[str, Answer]:
    return {name: p.see(one) for name, one in p.target.empties().items() if one.status == 200}


def _present(p: Probe, answers: dict[str, Answer], header: str) -> None:
    if not answers:
        raise Undetermined("no answer 200 to look at")
    for name, answer in answers.items():
        p.require(header in answer.headers, f"{header} is missing from {name}", answer)


def _timestamps(p: Probe, header: str) -> None:
    answers = [*_dated(p).values(), *_empty(p).values()]
    there = [one for one in answers if header in one.headers]
    if not there:
        raise NotApplicable("no answer has the header")
    for one in there:
        p.require(is_timestamp(one.headers[header]), f"{header} is no timestamp", one)


@check("3.2-first-present", MUST, f"All 200 responses of the four endpoints MUST include {_FIRST}.", 35)
def first_present(p: Probe) -> None:
    _present(p, _dated(p), _FIRST)


@check("3.2-last-present", MUST, f"All 200 responses of the four endpoints MUST include {_LAST}.", 37)
def last_present(p: Probe) -> None:
    _present(p, _dated(p), _LAST)


@check("3.2-first-on-empty", MUST, f"All 200 responses, empty ones too, MUST include {_FIRST}.", 35)
def first_on_empty(p: Probe) -> None:
    _present(p, _empty(p), _FIRST)


@check("3.2-last-on-empty", MUST, f"All 200 responses, empty ones too, MUST include {_LAST}.", 37)
def last_on_empty(p: Probe) -> None:
    _present(p, _empty(p), _LAST)


@check("3.2-first-timestamp", MUST, f"The value of {_FIRST} MUST be a timestamp.", 34)
def first_timestamp(p: Probe) -> None:
    _timestamps(p, _FIRST)


@check("3.2-last-timestamp", MUST, f"The value of {_LAST} MUST be a timestamp.", 36)
def last_timestamp(p: Probe) -> None:
    _timestamps(p, _LAST)


@check(
    "3.2-dates-of-page", MUST, "They are the date_added of the first and the last object of the response.", 38
)
def dates_of_page(p: Probe) -> None:
    found = _dated(p)
    records = [one for one in found["manifest"].items() if isinstance(one, dict)]
    added = {(one.get("id"), one.get("version")): one.get("date_added") for one in records}
    pages = {"manifest": [one.get("date_added") for one in records]}
    pages["objects"] = [
        added.get((one.get("id"), one.get("modified", one.get("created"))))
        for one in found["objects"].items()
    ]
    for name, dates in pages.items():
        for header, wanted in ((_FIRST, dates[:1]), (_LAST, dates[-1:])):
            if header in found[name].headers and wanted and wanted[0] is not None:
                p.require(
                    found[name].headers[header] == wanted[0], f"{header} of {name} is another", found[name]
                )


@check(
    "3.2-dates-on-empty", OPEN, "What the headers say of an empty page is open; not a time to come.", 35, 37
)
def dates_on_empty(p: Probe) -> None:
    for answer in _empty(p).values():
        try:
            now = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            now = datetime.now(UTC)
        for header in (_FIRST, _LAST):
            value = answer.headers.get(header, "")
            if is_timestamp(value) and "2999-01-01" not in value:
                p.require(
                    datetime.fromisoformat(value) <= now.replace(second=59), f"{header} lies ahead", answer
                )
