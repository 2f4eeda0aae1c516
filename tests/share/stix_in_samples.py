"""Objects of every type of STIX 2.1 for the tests of what comes in, and ways to spoil them."""

import json
import uuid
from typing import Any

from hypothesis import strategies as st

from countermark.share.stix.schemas import Checked, check_objects

T0, T1, T2 = "2026-11-27T00:00:00.000Z", "2026-11-28T00:00:00.123456Z", "2026-11-29T00:00:00Z"
WHO, OTHER = (
    "identity--11111111-1111-4111-8111-111111111111",
    "identity--22222222-2222-4222-8222-222222222222",
)
AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
OURS = "extension-definition--890072db-0eb5-4304-ad3b-a2578fcc795a"
Stix = dict[str, Any]


def ident(kind: str, number: int = 1) -> str:
    """An id with a UUID of version 4 that only these two decide."""
    drawn = uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}{number}").bytes
    return f"{kind}--{uuid.UUID(bytes=drawn, version=4)}"


def sdo(kind: str, number: int = 1, **properties: Any) -> Stix:
    """An object with the common properties."""
    head = {"type": kind, "spec_version": "2.1", "id": ident(kind, number), "created": T0, "modified": T0}
    return {**head, "created_by_ref": WHO, **properties}


def indicator(number: int = 1, **properties: Any) -> Stix:
    """An indicator of an address."""
    given = {
        "name": "Exit",
        "description": "Used by accounts of one campaign.",
        "indicator_types": ["anonymization"],
        "pattern": f"[ipv4-addr:value = '198.51.100.{number % 256}']",
        "pattern_type": "stix",
        "pattern_version": "2.1",
        "valid_from": T0,
        "valid_until": T2,
        "object_marking_refs": [AMBER],
    }
    return sdo("indicator", number, **{**given, **properties})


def observable(kind: str, **properties: Any) -> Stix:
    """An SCO; the UUID is of version 4, which the schemas take."""
    return {"type": kind, "id": ident(kind), **properties}


def encoded(one: Stix) -> bytes:
    """As it would come."""
    return json.dumps(one).encode()


def check(one: Stix | bytes) -> Checked:
    """The check of one object."""
    return check_objects([one if isinstance(one, bytes) else encoded(one)])[0]


REF = {"source_name": "mitre-atlas", "external_id": "AML.T0024.002"}
PHASE = {"kill_chain_name": "mitre-atlas", "phase_name": "exfiltration"}
DOMAIN_OBJECTS = [
    sdo("attack-pattern", name="Extract AI Model", kill_chain_phases=[PHASE], external_references=[REF]),
    sdo("campaign", name="C", first_seen=T0, last_seen=T2, objective="x", aliases=["D"], confidence=80),
    sdo("course-of-action", name="C"),
    sdo("grouping", name="G", context="suspicious-activity", object_refs=[ident("campaign")]),
    sdo("identity", name="Provider A", identity_class="organization", sectors=["technology"]),
    sdo("incident", name="I"),
    indicator(),
    sdo("infrastructure", name="N", infrastructure_types=["anonymization"], first_seen=T0, last_seen=T1),
    sdo("intrusion-set", name="S", first_seen=T0, last_seen=T1, goals=["x"]),
    sdo("location", region="europe", latitude=48.5, longitude=2.25),
    sdo("malware", name="M", is_family=False, first_seen=T0, last_seen=T2),
    sdo("malware-analysis", product="p", result="unknown", submitted=T0),
    sdo("note", content="n", object_refs=[ident("campaign")], lang="en"),
    sdo("observed-data", first_observed=T0, last_observed=T2, number_observed=5, object_refs=[ident("url")]),
    sdo("opinion", opinion="disagree", object_refs=[ident("indicator")]),
    sdo("report", name="R", published=T0, object_refs=[ident("campaign")], report_types=["campaign"]),
    sdo("threat-actor", name="A", first_seen=T0, last_seen=T1),
    sdo("tool", name="T", tool_types=["unknown"]),
    sdo("vulnerability", name="V"),
    sdo("x-own-thing", x_any=[1, {"deep": True}], labels=["a"]),
]
RELATIONS = [
    sdo(
        "relationship",
        relationship_type="indicates",
        source_ref=ident("indicator"),
        target_ref=ident("campaign"),
        start_time=T0,
        stop_time=T1,
    ),
    sdo(
        "sighting",
        sighting_of_ref=ident("indicator"),
        where_sighted_refs=[WHO],
        first_seen=T0,
        last_seen=T0,
        count=3,
        granular_markings=[{"selectors": ["count", "where_sighted_refs.[0]"], "marking_ref": AMBER}],
    ),
]
META = [
    sdo("extension-definition", name="E", schema="urn:x", version="1.0.0", extension_types=["new-sdo"]),
    sdo("language-content", object_ref=ident("campaign"), contents={"de": {"name": "K"}}),
    {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": ident("marking-definition"),
        "created": T0,
        "definition_type": "statement",
        "definition": {"statement": "s"},
    },
]
OBSERVABLES = [
    observable("autonomous-system", number=64500, name="EX"),
    observable("directory", path="/x", ctime=T0),
    observable("domain-name", value="mail.example"),
    observable("email-addr", value="a@mail.example"),
    observable("email-message", is_multipart=False, subject="s", date=T0),
    observable("file", name="f", size=1, mtime=T1, hashes={"MD5": "d41d8cd98f00b204e9800998ecf8427e"}),
    observable("ipv4-addr", value="198.51.100.0/24"),
    observable("ipv6-addr", value="2001:db8::1", spec_version="2.1"),
    observable("mac-addr", value="d2:fb:49:24:37:18"),
    observable("mutex", name="m"),
    observable("network-traffic", protocols=["tcp"], src_ref=ident("ipv4-addr"), start=T0, end=T1),
    observable("process", pid=1, created_time=T0),
    observable("software", name="s", version="1"),
    observable("url", value="https://mail.example/x"),
    observable("user-account", user_id="u", account_created=T0),
    observable("windows-registry-key", key="HKEY_LOCAL_MACHINE\\x", modified_time=T0),
    observable("x509-certificate", serial_number="1", validity_not_before=T0, validity_not_after=T1),
    observable("x-own-observable", x_any="y"),
]
SAMPLES = [*DOMAIN_OBJECTS, *RELATIONS, *META, *OBSERVABLES]

_PROPERTIES = [
    *("created", "modified", "id", "type", "created_by_ref", "revoked", "labels", "confidence", "lang"),
    *("external_references", "object_marking_refs", "granular_markings", "extensions", "name", "pattern"),
    *("valid_until", "last_seen", "last_observed", "end", "count", "sighting_of_ref", "severity", "x_free"),
]
_VALUES = [
    *(None, True, 0, 101, -1, 1.5, "", "x", "de", [], {}, ["x"], {"a": 1}, {"abc": []}, T0, T2),
    *("2026-02-30T00:00:00.000Z", "2026-11-26T23:59:59.999Z", "2026-11-27T00:00:00", WHO, ident("indicator")),
    *([AMBER], [WHO], [REF], [{"source_name": "x"}], "[ipv4-addr:value = '198.51.100.3'", "[a-b:c = 1]"),
    *("[ipv4-addr:value IN ('a', 'b') AND url:value LIKE '%'] FOLLOWEDBY [file:name = 'x']",),
    *([{"selectors": ["name"], "marking_ref": AMBER}], [{"selectors": ["nope.[9]"], "marking_ref": AMBER}]),
    *({ident("extension-definition"): {"extension_type": "property-extension", "abc": 1}},),
    *({ident("extension-definition"): {"abc": 1}}, {"http-request-ext": {"request_method": "get"}}),
]


@st.composite
def spoilt(draw: st.DrawFn) -> Stix:
    """A sample with some properties taken away or given other values; it may still be valid."""
    one = json.loads(json.dumps(draw(st.sampled_from(SAMPLES))))
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([*one, *_PROPERTIES]))
        if draw(st.booleans()):
            one.pop(name, None)
        else:
            one[name] = draw(st.sampled_from(_VALUES))
    return one
