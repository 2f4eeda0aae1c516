"""Rules of STIX 2.1 that its schemas do not hold, markings, patterns, and the digest of an object."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from stix_in_samples import (
    AMBER,
    OTHER,
    OURS,
    T0,
    T1,
    T2,
    WHO,
    check,
    encoded,
    ident,
    indicator,
    observable,
    sdo,
)
from stix_samples import one_of_each, terms, view

from countermark.share.stix import stix_of_findings
from countermark.share.stix.extension import definition
from countermark.share.stix.markings import TLPS, Iep, iep_marking, tlp_marking
from countermark.share.stix.oasis import schemas
from countermark.share.stix.schemas import check_objects

ROOT = Path(__file__).parents[2]
IEP = Iep(name="p", description="d", start_date="2026-01-01", iep_id="01f5c1a3-2d9b-4f8e-8a44-0e6b7f0c9d11")
CAMPAIGN = sdo(
    "campaign", name="C", extensions={OURS: {"extension_type": "property-extension", "kind": "pool"}}
)


def without(one: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name not in names}


@pytest.mark.parametrize(
    ("one", "problem"),
    [
        (without(indicator(), "pattern"), "pattern"),
        (without(indicator(), "valid_from"), "valid_from"),
        (without(indicator(), "pattern_type"), "pattern_type"),
        (indicator(valid_until=T0), "valid_until"),
        (indicator(valid_until="2026-11-27T00:00:00.0000Z"), "valid_until"),
        (indicator(valid_until="2026-11-26T23:59:59.999999999Z"), "valid_until"),
        (indicator(valid_from="2026-02-29T00:00:00Z"), "valid_from: there is no such time"),
        (indicator(valid_from="2026-11-27T00:00:60Z"), "valid_from: there is no such time"),
        (indicator(valid_from="2026-11-27T00:00:00." + "0" * 10 + "Z"), "more than 9 decimals"),
        (indicator(modified="2026-11-26T00:00:00.000Z"), "modified"),
        (indicator(created="2026-11-27T00:00:00Z"), "created"),
        (indicator(id=ident("campaign")), "id"),
        (indicator(id=ident("indicator") + "\n"), "id"),
        (indicator(spec_version="2.0"), "spec_version"),
        (without(indicator(), "spec_version"), "spec_version"),
        (indicator(created_by_ref=ident("campaign")), "created_by_ref"),
        (indicator(object_marking_refs=[WHO]), "object_marking_refs"),
        (indicator(labels=[]), "labels"),
        (indicator(name=None), "name"),
        (indicator(revoked="true"), "revoked"),
        (indicator(confidence=101), "confidence"),
        (indicator(confidence=1.0), ""),
        (indicator(severity="high"), "severity"),
        (indicator(granular_markings=[{"selectors": ["name.[0]"], "marking_ref": AMBER}]), "granular"),
        (sdo("campaign", name="C", first_seen=T1, last_seen=T0), "last_seen"),
        (sdo("campaign", name="C", first_seen=T0, last_seen=T0), ""),
        (sdo("x-thing", start="soon", x_own=None), "x_own"),
        (sdo("x-thing", start="soon"), ""),
        (
            sdo("relationship", relationship_type="uses", source_ref=ident("sighting"), target_ref=WHO),
            "source_ref",
        ),
        (sdo("sighting", sighting_of_ref=ident("ipv4-addr")), "sighting_of_ref"),
        (sdo("sighting", sighting_of_ref=ident("relationship")), "sighting_of_ref"),
        (sdo("sighting", sighting_of_ref=ident("extension-definition")), "sighting_of_ref"),
        (sdo("sighting", sighting_of_ref=ident("x-thing")), ""),
        (observable("ipv4-addr", value="198.51.100.256"), "value"),
        (observable("ipv4-addr", value="198.51.100.1", spec_version="2.0"), "spec_version"),
        (observable("email-addr", value="A <a@mail.example>"), "value"),
        (observable("user-account", display_name="x") | {"id": f"user-account--{OTHER[10:]}"}, ""),
        (
            observable("user-account", display_name="x")
            | {"id": "user-account--28bb3599-77cd-5a82-a950-b5bc3caf07c4"},
            "id",
        ),
        ({"type": "bundle", "id": ident("bundle"), "objects": [indicator()]}, "StixBundle"),
        (CAMPAIGN, ""),
        (sdo("campaign", name="C", extensions={OURS: {"extension_type": "property-extension"}}), "kind"),
        (sdo("identity", name="I", extensions={OURS: CAMPAIGN["extensions"][OURS]}), "type"),
        (sdo("campaign", name="C", extensions={ident("extension-definition"): {"abc": 1}}), "extension_type"),
    ],
)
def test_rules(one: dict[str, Any], problem: str) -> None:
    found = check(one).problem
    assert (problem in found) if problem else not found, found


@pytest.mark.parametrize("tlp", TLPS)
def test_tlp_is_what_oasis_published(tlp: Any) -> None:
    marking = tlp_marking(tlp)
    assert check(marking).problem == ""
    other = tlp_marking("red" if tlp != "red" else "clear")
    assert check(marking | {"extensions": other["extensions"]}).problem
    assert check(marking | {"id": ident("marking-definition")}).problem
    assert check(
        without(marking, "extensions") | {"definition_type": "statement", "definition": {"statement": "s"}}
    ).problem


def test_tlp_1_is_taken_and_not_faked() -> None:
    white = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
        "created": "2017-01-20T00:00:00.000Z",
        "name": "TLP:WHITE",
        "definition_type": "tlp",
        "definition": {"tlp": "white"},
    }
    assert check(white).problem == ""
    assert check(white | {"definition": {"tlp": "red"}}).problem
    assert check(white | {"definition_type": "statement", "definition": {"statement": "s"}}).problem


@pytest.mark.parametrize(
    ("name", "value"),
    [("tlp", "clear"), ("permitted_actions", "all"), ("iep_version", 1.0), ("iep_id", "x"), ("tlp_ref", "x")],
)
def test_an_iep_has_its_own_words(name: str, value: object) -> None:
    marking = iep_marking(IEP, ident("marking-definition"), "amber+strict")
    assert check(marking).problem == ""
    ((key, policy),) = marking["extensions"].items()
    assert check(marking | {"extensions": {key: policy | {name: value}}}).problem
    assert check(marking | {"created_by_ref": WHO}).problem


def test_what_this_project_publishes_is_taken() -> None:
    assert [one.problem for one in check_objects([encoded(one) for one in definition()])] == ["", ""]


def test_what_leaves_here_can_come_in() -> None:
    objects = stix_of_findings(view(), one_of_each(), terms(tlp="amber+strict"))
    assert {one.problem for one in check_objects([encoded(one) for one in objects])} == {""}


def test_the_schema_of_the_extension_is_the_published_one() -> None:
    name = "stix-distillation-extension.schema.json"
    assert (ROOT / "src/countermark/share/stix" / name).read_bytes() == (ROOT / "spec" / name).read_bytes()


@pytest.mark.parametrize(
    ("pattern", "good"),
    [
        ("[ipv4-addr:value = '198.51.100.3']", True),
        ("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", True),
        ("[ipv4-addr:value = 'a' OR ipv4-addr:value = 'b' OR url:value LIKE '%']", True),
        ("[ipv4-addr:value = 'a' AND ipv4-addr:value = 'b' OR url:value = 'c']", True),
        ("[autonomous-system:number = 64500]", True),
        (f"[network-traffic:extensions.'{OURS}'.ja4 = 't13d1516h2_8daaf6152771_e5627efa2ab1']", True),
        ("[file:name = 'it\\'s \\\\ here']", True),
        ("([url:value = 'a'] FOLLOWEDBY [url:value = 'b']) WITHIN 5 SECONDS", True),
        ("[ipv4-addr:value = 'x'] START t'2026-11-27T00:00:00Z' STOP t'2026-11-28T00:00:00Z'", True),
        ("[ipv4-addr:value IN ('a', 'b')]", True),
        ("[ipv4-addr:value = '198.51.100.3'", False),
        ("ipv4-addr:value = 'x'", False),
        ("[ipv4-addr:value == ]", False),
        ("[file:name = 'it's']", False),
        ("[true:value = 1]", False),
        ("[ab:value = 1]", False),
        ("[a-b:c = 1]", False),
        ("[url:value = 01]", False),
        ("[url:value = 'a' OR]", False),
        ("", False),
        ("[]", False),
    ],
)
def test_patterns(pattern: str, good: bool) -> None:
    assert (check(indicator(pattern=pattern)).problem == "") is good
    assert check(indicator(pattern=pattern, pattern_type="sigma")).problem == ""


_TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
_NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    _TEXTS | _NUMBERS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(_TEXTS, _JSON, max_size=4))
def test_the_digest_is_of_the_canonical_form(one: dict[str, Any]) -> None:
    digest = hashlib.sha256(rfc8785.dumps(one)).hexdigest()
    spellings = (json.dumps(one), json.dumps(one, ensure_ascii=False, indent=1, sort_keys=True))
    assert {check(spelling.encode()).sha256 for spelling in spellings} == {digest}


def test_the_result_names_the_object_and_keeps_its_bytes() -> None:
    raw = json.dumps(indicator(modified=T2.replace("Z", ".500Z")), indent=2).encode()
    one = check(raw)
    assert (one.problem, one.data, one.type, one.stix_id) == ("", raw, "indicator", ident("indicator"))
    assert one.version == "2026-11-29T00:00:00.500Z"
    assert check(observable("mutex", name="m")).version is None
    assert check(tlp_marking("red")).version == "2022-10-01T00:00:00.000Z"
    spoilt = check({"type": "x\n", "id": 7, "modified": "soon"})
    assert (spoilt.stix_id, spoilt.type, spoilt.version) == ("", "", None)
    assert spoilt.problem
    far = check(raw.replace(b'"Exit"', b"1e999"))
    assert (far.stix_id, far.type, far.problem != "") == (ident("indicator"), "indicator", True)


def test_no_network_is_needed_and_the_validator_is_not_imported() -> None:
    import subprocess
    import sys

    program = (
        "import socket, sys\n"
        "socket.socket.connect = socket.getaddrinfo = lambda *a, **k: sys.exit('network')\n"
        "from countermark.share.stix.schemas import check_objects\n"
        "assert check_objects([b'{}'])[0].problem\n"
        "assert 'stix2validator' not in sys.modules and 'requests' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert schemas() is schemas()
