"""What is polled from a server that runs goes to MISP and comes back, and goes to the server again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from misp_stix_converter import ExternalSTIX2toMISPParser
from pymisp import MISPEvent
from servers import Server, serving
from stix2 import parse
from stix_samples import item, one_of_each, terms, view

from countermark.share.stix import stix_of_findings
from countermark.share.stix.differences import restore
from countermark.share.stix.misp import from_misp, to_misp

Stix = dict[str, Any]
OBJECTS: list[Stix] = json.loads(json.dumps(stix_of_findings(view(), one_of_each(), terms())))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server to which alice published a campaign."""
    with serving(tmp_path_factory.mktemp("misp")) as running:
        status = running.post("alice", *OBJECTS).json()
        assert (status["success_count"], status.get("failures")) == (len(OBJECTS), None)
        yield running


@pytest.fixture(scope="module")
def polled(server: Server) -> list[Stix]:
    """All pages, as bob reads them."""
    found: list[Stix] = []
    page = server.get("bob", "objects/?limit=4").json()
    found += page["objects"]
    while page.get("more"):
        page = server.get("bob", f"objects/?limit=4&next={page['next']}").json()
        found += page["objects"]
    assert found == OBJECTS
    return found


def by_id(objects: list[Stix]) -> dict[str, Stix]:
    return {one["id"]: one for one in objects}


def values(event: Any) -> set[str]:
    attributes = [*event.attributes, *(one for made in event.objects for one in made.attributes)]
    return {str(one.value) for one in attributes}


def test_pymisp_reads_the_event_and_finds_the_indicators_in_it(polled: list[Stix]) -> None:
    made, _ = to_misp(polled, title="Polled")
    event = MISPEvent()
    event.from_dict(**json.loads(json.dumps(made))["Event"])
    assert event.info == "Polled"
    assert int(event.distribution) == 0
    assert {"198.51.100.3", "2001:db8::1"} <= values(event)


def test_there_and_back_with_the_losses_listed_is_what_was_polled(polled: list[Stix]) -> None:
    event, losses = to_misp(polled)
    back, _ = from_misp(json.loads(json.dumps(event)))
    assert restore(by_id(back), losses) == by_id(polled)
    assert {item(kind).value for kind in ("ipv4-addr", "ipv6-addr")} <= {
        part for one in back for part in one.get("pattern", "").split("'")
    }


def test_what_came_back_is_taken_by_the_server_and_read_by_others(server: Server, polled: list[Stix]) -> None:
    back, _ = from_misp(to_misp(polled)[0])
    new = [one for one in back if one["id"] not in by_id(polled)]
    assert new, "the event itself comes back as an object"
    assert server.post("bob", *new).json().get("failures") is None
    changed = [one for one in back if by_id(polled).get(one["id"], one) != one]
    status = server.post("bob", *changed).json()
    assert status["failure_count"] == len(changed) > 0, "what lost something on the way is no version of it"
    for one in new:
        given = server.get("alice", f"objects/{one['id']}/?match[version]=all").json()["objects"]
        assert given == [one]
        parse(one, allow_custom=True)


def test_misp_stix_reads_a_bundle_of_a_page_by_itself(polled: list[Stix]) -> None:
    """The road of who polls with another client and leaves the rest to MISP."""
    bundle = {"type": "bundle", "id": "bundle--0c8a7c2e-3e2f-4a43-9a4f-1b1c0f8d2a11", "objects": polled}
    parser = ExternalSTIX2toMISPParser()
    parser.load_stix_bundle(parse(bundle, allow_custom=True))
    parser.parse_stix_bundle()
    complaints = {text for texts in (parser.errors or {}).values() for text in texts}
    assert all(text.endswith("STIX object type: infrastructure") for text in complaints), complaints
    assert {"198.51.100.3", "2001:db8::1"} <= values(parser.misp_event)
