"""A package around one attribution, and what recomputing says of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import CREATED, write_events, write_findings
from countermark.attribute.base import Attributor
from countermark.flow.answers import Answer, Line
from countermark.flow.attributions import AttributionOptions, attribute
from countermark.flow.recompute import recompute
from countermark.prove.sealing.seal import SealOptions, seal
from countermark.records.canonical import canonical_json
from countermark.trust.signing import SigningKey


def sealed(place: Path, attributor: Attributor, suspect: Path, **options: Any) -> Path:
    """The attribution of a suspect in a package."""
    attribute(attributor, AttributionOptions(suspect=suspect, out=place / "attribution", **options))
    return packed(place)


def packed(place: Path) -> Path:
    """A package around the folder `attribution` of a place."""
    events = write_events(place / "events")
    return seal(
        SealOptions(
            findings=write_findings(place / "findings", events),
            events=events,
            attributions=[place / "attribution"],
            case_id="CASE-1",
            out=place / "package",
            keys=[SigningKey.generate()],
            created=CREATED,
        )
    )


def rewritten(package: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """What an insider would seal instead."""
    path = package / "data" / "attributions" / "1" / "attribution.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_bytes(canonical_json(document))


def record(package: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (package / "data" / "attributions" / "1" / "attribution.json").read_text()
    )
    return content


def line(answer: Answer) -> Line:
    return next(one for one in answer.lines if one.name == "attribute-1")


def said(package: Path, **given: Any) -> Line:
    return line(recompute(package, **given))


def is_equal(package: Path, **given: Any) -> Answer:
    """The answer, which has to be that all is equal, with a margin and the environment."""
    answer = recompute(package, **given)
    assert line(answer).sentence.endswith("compared: equal"), (line(answer), answer.differences)
    assert line(answer).ok
    assert answer.environment["attributions"]["attribute-1"]["same"]
    margins = [one for one in answer.margins if one["of"] == "p against alpha"]
    assert len(margins) == len(record(package)["conclusions"]) > 0
    return answer


def differs(package: Path, place: str, change: Callable[[dict[str, Any]], None], **given: Any) -> None:
    """A change of the record is found, at its place."""
    rewritten(package, change)
    answer = recompute(package, **given)
    assert answer.exit_code == 20
    assert not line(answer).ok
    assert any(f"attribute-1: {place} " in one for one in answer.differences), answer.differences
