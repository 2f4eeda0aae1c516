"""Hand-over to MISP: what is lost is listed to the last property; what was taken back stays."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stix_in_samples import AMBER, OTHER, OURS, SAMPLES, T0, T1, WHO, Stix, ident, indicator, observable, sdo

from countermark.errors import Error
from countermark.share.stix.differences import differences, restore
from countermark.share.stix.markings import TLPS, tlp_marking
from countermark.share.stix.misp import CARRIED, DELETED, REVOKED, from_misp, to_misp
from countermark.share.stix.schemas import check_objects

STRICT = tlp_marking("amber+strict")
PROVIDER = sdo("identity", name="Provider A", identity_class="organization")
PROVIDER["id"] = PROVIDER["created_by_ref"] = WHO
CAMPAIGN = sdo(
    "campaign",
    name="Campaign 7",
    first_seen=T0,
    last_seen=T1,
    confidence=80,
    extensions={OURS: {"extension_type": "property-extension", "kind": "harvest"}},
)
ADDRESS = indicator(3)
NUMBER = indicator(4, pattern="[autonomous-system:number = 64500]")
PREFIX = indicator(5, pattern="[ipv4-addr:value ISSUBSET '198.51.100.0/24']")
FINGERPRINT = indicator(
    6, pattern=f"[network-traffic:extensions.'{OURS}'.ja4 = 't13d1516h2_8daaf6152771_e5627efa2ab1']"
)
GONE = indicator(7, revoked=True)
SEEN = sdo("sighting", sighting_of_ref=ADDRESS["id"], count=3, last_seen=T1, where_sighted_refs=[OTHER])
OBSERVABLE = observable("ipv4-addr", value="198.51.100.3")
OBSERVED = sdo(
    "observed-data", first_observed=T0, last_observed=T1, number_observed=5, object_refs=[OBSERVABLE["id"]]
)
NETWORK = observable("autonomous-system", number=64500)


def relation(number: int, source: Stix, name: str, target: Stix) -> Stix:
    return sdo(
        "relationship", number, relationship_type=name, source_ref=source["id"], target_ref=target["id"]
    )


OBJECTS: list[Stix] = [
    *(PROVIDER, tlp_marking("amber"), CAMPAIGN, ADDRESS, NUMBER, PREFIX, FINGERPRINT, GONE, SEEN),
    *(OBSERVABLE, OBSERVED, NETWORK, sdo("infrastructure", name="N")),
    *(relation(1, ADDRESS, "indicates", CAMPAIGN), relation(2, ADDRESS, "based-on", OBSERVED)),
    relation(3, CAMPAIGN, "uses", sdo("infrastructure", name="N")),
]


def by_id(objects: list[Stix]) -> dict[str, Stix]:
    return {one["id"]: one for one in objects}


def test_objects_and_losses_together_are_what_went_in() -> None:
    event, losses = to_misp(OBJECTS)
    back, _ = from_misp(json.loads(json.dumps(event)))
    assert by_id(back) != by_id(OBJECTS)
    assert restore(by_id(back), losses) == by_id(OBJECTS)
    assert all(one.was != one.became for one in losses)


def test_every_type_of_stix_goes_over_or_is_listed() -> None:
    objects = [*SAMPLES, indicator(9)]
    event, losses = to_misp(objects)
    back, _ = from_misp(event)
    assert restore(by_id(back), losses) == by_id(objects)


def test_what_was_taken_back_does_not_go_over() -> None:
    event, losses = to_misp(OBJECTS)
    assert GONE["id"][-36:] not in json.dumps(event)
    assert [one.was for one in losses if one.why == REVOKED] == [GONE]


def test_an_observable_does_not_swallow_its_indicator() -> None:
    event, losses = to_misp(OBJECTS)
    attributes = {one["uuid"]: one for one in event["Event"]["Attribute"]}
    address = attributes[ADDRESS["id"][-36:]]
    assert (address["value"], attributes[NUMBER["id"][-36:]]["value"]) == ("198.51.100.3", "AS64500")
    assert address["Sighting"][0]["uuid"] == SEEN["id"][-36:]
    assert address["Sighting"][0]["Organisation"]["uuid"] == OTHER[-36:]
    assert {one.id for one in losses if one.why == CARRIED} == {
        OBSERVABLE["id"],
        OBSERVED["id"],
        NETWORK["id"],
    }
    back = by_id(from_misp(event)[0])
    assert back[NUMBER["id"]]["pattern"] == NUMBER["pattern"]
    assert back[SEEN["id"]]["sighting_of_ref"] == ADDRESS["id"]
    assert back[PREFIX["id"]]["pattern"] == PREFIX["pattern"]
    assert back[FINGERPRINT["id"]]["pattern"] == FINGERPRINT["pattern"]
    assert back[WHO]["name"] == "Provider A"


@pytest.mark.parametrize("tlp", TLPS)
def test_tlp_goes_over_and_comes_back(tlp: Any) -> None:
    marking = tlp_marking(tlp)
    lax = indicator(8, object_marking_refs=[tlp_marking("clear")["id"]])
    one = indicator(3, object_marking_refs=[marking["id"]])
    event, _ = to_misp([marking, tlp_marking("clear"), lax, one])
    assert [tag["name"] for tag in event["Event"]["Tag"] if tag["name"].startswith("tlp")] == [f"tlp:{tlp}"]
    back = by_id(from_misp(event)[0])
    assert back[one["id"]]["object_marking_refs"] == [marking["id"]]
    assert back[lax["id"]]["object_marking_refs"] == lax["object_marking_refs"]
    assert back[marking["id"]] == marking
    assert "f88d31f6-486f-44da-b317-01333bde0b82" not in json.dumps(list(back.values()))


def native(**changes: Any) -> dict[str, Any]:
    """An event as MISP makes it."""
    attribute = {"type": "ip-dst", "category": "Network activity", "to_ids": True, "timestamp": "1795782601"}
    event = {
        "uuid": "7d6314e8-1041-4f5f-b95d-22c98b8f4eac",
        "info": "Proxies",
        "date": "2026-11-27",
        "timestamp": "1795782601",
        "Orgc": {"name": "Provider B", "uuid": OTHER[-36:]},
        "Tag": [{"name": "tlp:amber+strict"}],
        "Attribute": [
            {**attribute, "uuid": "a781310c-839a-4434-ad8f-62abbb06eabb", "value": "198.51.100.3"},
            {
                **attribute,
                "uuid": "a781310c-839a-4434-ad8f-62abbb06eabc",
                "value": "198.51.100.4",
                "deleted": True,
            },
        ],
    }
    return {"Event": {**event, **changes}}


def test_an_event_of_misp_comes_in_under_its_tlp() -> None:
    objects, losses = from_misp(native())
    found = by_id(objects)
    one = found["indicator--a781310c-839a-4434-ad8f-62abbb06eabb"]
    assert one["object_marking_refs"] == [STRICT["id"]]
    assert one["created_by_ref"] == OTHER
    assert STRICT in objects
    assert "198.51.100.4" not in json.dumps(objects)
    assert [one.id for one in losses if one.why == DELETED] == [
        "attribute a781310c-839a-4434-ad8f-62abbb06eabc"
    ]
    assert all(one.problem == "" for one in check_objects([json.dumps(one).encode() for one in objects]))
    assert from_misp(native()) == (objects, losses)


def test_losses_of_an_import_are_complete() -> None:
    event = native()["Event"]
    _, losses = from_misp({"Event": event})
    lost = {(one.id, one.name): one.was for one in losses if one.kind in ("lost", "changed")}
    assert lost["event", "date"] == "2026-11-27"
    whole = lost["attribute a781310c-839a-4434-ad8f-62abbb06eabc", ""]
    assert whole == event["Attribute"][1]


@pytest.mark.parametrize(
    "event",
    [
        *({}, {"Event": []}, {"Event": {}}, native(Attribute={}), native(Attribute=[7]), native(uuid=7)),
        *(native(Attribute=[{}]), native(Attribute=[{"uuid": "x"}]), native(date=7), native(Tag=7)),
        *(
            native(Object=[{"uuid": "x", "name": 7, "Attribute": [{"type": "text"}]}]),
            native(Tag=[{"name": 7}]),
        ),
        *(native(timestamp="x" * 100), native(Orgc=7), native(Galaxy=[{"type": 7}]), native(uuid="x")),
        native(Attribute=[native()["Event"]["Attribute"][0] | {"Sighting": [{"type": "0"}]}]),
    ],
    ids=str,
)
def test_no_event_makes_a_traceback(event: dict[str, Any]) -> None:
    objects: list[Stix] = []
    with contextlib.suppress(Error):
        objects, _ = from_misp(event)
    assert all(one.problem == "" for one in check_objects([json.dumps(one).encode() for one in objects]))


def test_differences_tell_true_from_one() -> None:
    before, after = {"a": {"n": 1, "m": {"x": [1.0]}}}, {"a": {"n": True, "m": {"x": [1.0]}}, "b": {}}
    losses = differences(before, after)
    assert [(one.id, one.name, one.kind) for one in losses] == [("a", "n", "changed"), ("b", "", "added")]
    assert restore(after, losses) == before
    assert restore(after, losses)["a"]["n"] is not True


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "countermark", "share", "misp", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_line(tmp_path: Path) -> None:
    lines = [json.dumps(one) for one in [indicator(3, modified=T1), *OBJECTS]]
    (tmp_path / "objects.jsonl").write_text("\n".join([*lines, '{"type":"indicator"}']) + "\n")
    done = run("export", tmp_path / "objects.jsonl", "--out", tmp_path / "event.json", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["schema"] == "countermark/share-misp/v1"
    assert [one["place"] for one in report["refused"]] == [f"line {len(lines) + 1}"]
    assert {"kind": "lost", "id": GONE["id"], "was": GONE, "why": REVOKED} in report["losses"]
    done = run("import", tmp_path / "event.json", "--out", tmp_path / "back.jsonl")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    back = by_id([json.loads(line) for line in (tmp_path / "back.jsonl").read_text().splitlines()])
    assert back[ADDRESS["id"]]["object_marking_refs"] == [AMBER]
    for bad in ("objects.jsonl", "nothing"):
        done = run("import", tmp_path / bad, "--out", tmp_path / "x")
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("countermark: error: ")
        assert "Traceback" not in done.stderr
    assert ident("indicator", 3) in back
