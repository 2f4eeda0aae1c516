"""The CASE/UCO graph passes the ontology's own SHACL shapes, and a broken one does not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from case_shapes import conforms as shapes_hold

from countermark.prove.custody.case_uco import case_uco
from countermark.prove.custody.custody import Acquisition, Action, Clock, Custody, Hold, Item

pytestmark = pytest.mark.filterwarnings("ignore")  # of the validator's own libraries

LOG = Item("gateway.jsonl", "a" * 64, 123)
ACQUISITION = Acquisition(
    id="acq-1",
    what="gateway log of 1 to 14 June",
    by="Ann Example",
    role="abuse analyst",
    source="gateway-3, /var/log/gateway",
    method="capture",
    purpose="routine",
    started="2026-06-15T08:00:00Z",
    ended="2026-06-15T08:10:00Z",
    clock=Clock("ntp", -0.02),
    items=[LOG, Item("empty.jsonl", "b" * 64, 0)],
)
SECOND = msgspec.structs.replace(
    ACQUISITION, id="acq-2", role="examiner", purpose="case", method="", items=[LOG], clock=Clock("", 0.0)
)
HOLD = Hold(
    id="hold-1",
    by="Bo Counsel",
    started="2026-06-16T08:00:00Z",
    anticipated="letter of 15 June",
    accounts=12,
    control_accounts=0,
    manifest_sha256="c" * 64,
)
HANDED = Action(
    at="2026-06-17T08:00:00Z",
    by="Ann Example",
    action="handed over",
    what="the log",
    sha256=["a" * 64, "d" * 64],
    to="Cy Expert",
)
STORED = Action(at="2026-06-18T08:00:00Z", by="Cy Expert", action="stored", what="", sha256=[], to="")
CUSTODY = Custody(acquisitions=[ACQUISITION, SECOND], holds=[HOLD], actions=[HANDED, STORED])


def report(data: bytes, folder: Path, version: str = "case-1.5.0") -> tuple[bool, str]:
    path = folder / "graph.jsonld"
    path.write_bytes(data)
    return shapes_hold(path, version)


def nulled() -> Iterator[Custody]:
    """The records with one field taken out, for every field that a redaction can take out."""
    document = msgspec.to_builtins(CUSTODY)

    def places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from places(inner, (*path, key))
        elif isinstance(value, list):
            for at, inner in enumerate(value):
                yield from places(inner, (*path, at))
        elif not {"schema", "sha256"} & set(path):
            yield path

    for path in places(document, ()):
        copy = json.loads(json.dumps(document))
        inner = copy
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = None
        yield msgspec.convert(copy, Custody)


@pytest.mark.parametrize("version", ["case-1.4.0", "case-1.5.0"])
def test_every_kind_of_record_conforms(tmp_path: Path, version: str) -> None:
    conforms, text = report(case_uco("CASE-1", CUSTODY, {"countermark": "0.1.0"}), tmp_path, version)
    assert conforms, text


def test_no_record_and_nothing_but_nulls_conform(tmp_path: Path) -> None:
    conforms, text = report(case_uco("CASE-1", Custody()), tmp_path)
    assert conforms, text
    document = msgspec.to_builtins(CUSTODY)

    def gone(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: gone(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [gone(inner, key) for inner in value]
        return value if key in ("schema", "sha256") else None

    redacted = case_uco("CASE-1", msgspec.convert(gone(document), Custody))
    assert b"null" not in redacted
    assert b"Ann" not in redacted
    conforms, text = report(redacted, tmp_path)
    assert conforms, text


def test_whatever_one_field_is_taken_out_is_left_out() -> None:
    whole = json.loads(case_uco("CASE-1", CUSTODY))["@graph"]
    kinds = {node["@type"] for node in whole}
    count = 0
    for custody in nulled():
        data = case_uco("CASE-1", custody)
        assert b"null" not in data
        nodes = {node["@id"]: node for node in json.loads(data)["@graph"]}
        assert {node["@type"] for node in nodes.values()} <= kinds
        assert not set(references(list(nodes.values()))) - set(nodes)
        count += 1
    assert count > 40


def references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)
    elif isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        for inner in value.values():
            yield from references(inner)


def test_the_same_records_give_the_same_bytes() -> None:
    assert case_uco("CASE-1", CUSTODY) == case_uco("CASE-1", CUSTODY)
    mine = {node["@id"] for node in json.loads(case_uco("CASE-1", CUSTODY))["@graph"]}
    other = {node["@id"] for node in json.loads(case_uco("CASE-2", CUSTODY))["@graph"]}
    assert not mine & other


def test_what_was_handed_over_leads_back_to_its_acquisition() -> None:
    nodes = {node["@id"]: node for node in json.loads(case_uco("CASE-1", CUSTODY))["@graph"]}
    (handed,) = [node for node in nodes.values() if node.get("uco-core:name") == "handed over"]
    informed = [nodes[one["@id"]] for one in handed["case-investigation:wasInformedBy"]]
    assert [one["uco-core:name"] for one in informed] == ["acquired", "acquired"]
    assert nodes[handed["uco-action:participant"]["@id"]]["uco-core:name"] == "Cy Expert"
    exhibit = nodes[handed["uco-action:result"]["@id"]]
    assert exhibit["case-investigation:rootExhibitNumber"] == ["acq-1", "acq-2"]
    assert len(exhibit["uco-core:object"]) == 3  # twice acquired, and one that nobody acquired


BREAKS = {
    "a hash without its value": ("uco-types:Hash", "uco-types:hashValue", None),
    "a time that is none": (
        "case-investigation:InvestigativeAction",
        "uco-action:startTime",
        "yesterday",
    ),
    "a performer that is a text": (
        "case-investigation:InvestigativeAction",
        "uco-action:performer",
        "Ann",
    ),
    "a property that is not there": ("uco-observable:File", "uco-observable:colour", "blue"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_graph_fails(tmp_path: Path, what: str) -> None:
    kind, name, value = BREAKS[what]
    document = json.loads(case_uco("CASE-1", CUSTODY))
    node = next(node for node in document["@graph"] if node["@type"] == kind and name in node | {name: 1})
    node.pop(name, None)
    if value is not None:
        node[name] = value
    conforms, _ = report(json.dumps(document).encode(), tmp_path)
    assert not conforms
