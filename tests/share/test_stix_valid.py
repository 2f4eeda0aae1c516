"""All that is written is STIX 2.1 without a warning, passes through stix2, and holds listed properties."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import stix2
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from stix2validator import ValidationOptions, validate_instance
from stix_samples import (
    NOW,
    WHO,
    attribution,
    campaign,
    campaigns,
    item,
    items,
    later,
    one_of_each,
    problems,
    terms,
    view,
)

from countermark.share.stix import (
    EXTENSION_ID,
    PROPERTIES,
    TLPS,
    Iep,
    Terms,
    definition,
    stix_of_attribution,
    stix_of_findings,
    stix_of_sighting,
    withdraw,
)

SPEC = Path(__file__).parents[2] / "spec"
SCHEMA = json.loads((SPEC / "stix-distillation-extension.schema.json").read_text(encoding="utf-8"))
IEP = Iep(
    name="Exchange policy",
    description="What readers may do with what they read",
    start_date=date(2026, 1, 1),
    end_date=date(2027, 1, 1),
    iep_id="0224bfdf-ea3a-49c3-96f6-66d908bb1845",
)


def everything(given: Terms) -> list[dict[str, Any]]:
    """Findings with items of every kind, an attribution, a sighting, and the same revoked a day later."""
    found = stix_of_findings(
        view(campaign(disposition="confirmed"), campaign("campaign-2", kind="pool")), [], given
    )
    objects = stix_of_findings(view(campaign(disposition="unsure")), one_of_each(), given)
    objects += [one for one in found if one["id"] not in {two["id"] for two in objects}]
    indicator = next(one for one in objects if one["type"] == "indicator")
    seen = stix_of_sighting(
        indicator, given, accounts=12, first_day=date(2026, 3, 2), last_day=date(2026, 3, 2)
    )
    objects += [one for one in [*seen, *stix_of_attribution(attribution(), given)] if one not in objects]
    after = later(objects, given)
    return objects + withdraw([one["id"] for one in objects if "modified" in one], after)


@pytest.mark.parametrize("tlp", TLPS)
@pytest.mark.parametrize("iep", [None, IEP])
def test_the_validator_has_nothing_to_say(tlp: str, iep: Iep | None) -> None:
    assert problems(everything(terms(tlp=tlp, iep=iep)) + definition()) == []


def test_nothing_is_wrong_in_strict_mode_either() -> None:
    for one in [*everything(terms(iep=IEP)), *definition()]:
        # strict_types, with strict, takes no observable for one of the specification's
        options = ValidationOptions(version="2.1", strict=True, strict_properties=True)
        result = validate_instance(json.loads(json.dumps(one)), options)
        assert (result.is_valid, result.errors, result.warnings) == (True, [], []), one["type"]


def test_every_reference_but_those_to_atlas_is_to_an_object_that_is_there() -> None:
    objects = stix_of_findings(view(), one_of_each(), terms(iep=IEP))
    known = {one["id"] for one in objects}
    named = {ref for one in objects for ref in _references(one)}
    assert {ref.partition("--")[0] for ref in named - known} == {"attack-pattern"}


def test_stix2_takes_all_of_it_and_changes_nothing() -> None:
    for one in [*everything(terms(iep=IEP)), *definition()]:
        assert json.loads(stix2.parse(one, allow_custom=False).serialize()) == one


def test_every_property_that_is_written_is_listed_and_every_listed_one_is_written() -> None:
    written = {f"{one['type']}:{path}" for one in everything(terms(iep=IEP)) for path in _paths(one)}
    assert written == PROPERTIES


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],  # the validator is too slow to shrink under
)
@given(campaigns(), st.lists(items(), max_size=3, unique_by=lambda one: (one.kind, one.value)))
def test_any_finding_is_valid_in_every_version(found: Any, of_it: Any) -> None:
    first = stix_of_findings(view(campaign()), [item("ipv4-addr")], terms())
    second = stix_of_findings(view(found), of_it, later(first, terms()))
    assert problems(second) == []
    for one in second:
        if EXTENSION_ID in one.get("extensions", {}):
            jsonschema.validate(one, SCHEMA)
        assert json.loads(stix2.parse(one).serialize()) == one
        assert one.get("modified", "9") >= one.get("created", "")
    assert {f"{one['type']}:{path}" for one in second for path in _paths(one)} <= PROPERTIES


def test_the_published_definition_is_what_the_program_uses() -> None:
    published = json.loads((SPEC / "stix-extension-definition.json").read_text(encoding="utf-8"))
    assert published == {"objects": definition()}
    assert EXTENSION_ID in json.dumps(SCHEMA)
    assert EXTENSION_ID in (SPEC / "stix-extension.md").read_text(encoding="utf-8")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_takes_what_is_written_and_the_page_s_example_and_refuses_more() -> None:
    example = (SPEC / "stix-extension.md").read_text(encoding="utf-8").split("```json")[1].split("```")[0]
    extended = [one for one in everything(terms()) if EXTENSION_ID in one.get("extensions", {})]
    assert {one["type"] for one in extended} == {"campaign", "note"}
    for one in [*extended, json.loads(example)]:
        jsonschema.validate(one, SCHEMA)
        more = json.loads(json.dumps(one))
        more["extensions"][EXTENSION_ID]["requests_a_day"] = 26
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(more, SCHEMA)


def test_days_and_orders_of_magnitude_alone_leave() -> None:
    objects = stix_of_findings(view(), one_of_each(), terms())
    text = json.dumps([{**one, "created": "", "modified": ""} for one in objects])
    for local in ("2417", "34,", "00:00:37", "23:58:14", "19.9", "6.7", "24ab9701", "campaign-1", "e-68"):
        assert local not in text
    assert WHO.name in text
    assert str(NOW.date()) not in text


def _references(value: Any) -> Iterator[str]:
    for name, one in value.items():
        if name.endswith("_ref"):
            yield one
        elif name.endswith("_refs"):
            yield from one


def _paths(value: Any, way: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _paths(one, f"{way}.{name}" if way else name)
    elif isinstance(value, list):
        for one in value:
            yield from _paths(one, f"{way}[]")
    else:
        yield way
