"""The check of what comes in agrees with stix2-validator, but for what is listed here."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from stix2validator import ValidationOptions, validate_instance
from stix2validator.errors import ValidationError
from stix_in_samples import SAMPLES, Stix, check, spoilt

OUR_OWN_RULES = (
    "created_by_ref: it names no identity",
    "created_by_ref: an extension definition needs it",
    "created: it is no timestamp",  # of an observable, for which STIX defines none
    "modified: it is no timestamp",
    "id: its prefix is not the object's type",
    "object_marking_refs: it names what is no marking definition",
    "sighting_of_ref: it names no domain object",
    "spec_version: only objects of STIX 2.1",
)
"""MUSTs of STIX 2.1 that the validator does not check."""
NOT_CHECKED_HERE = "is not a valid RFC 5646 language code"
"""The validator holds a list of languages; here only the form is checked."""


def validator_errors(one: Stix) -> list[str]:
    """What the validator says; it raises for some input."""
    try:
        return [str(error) for error in validate_instance(one, ValidationOptions(version="2.1")).errors]
    except ValidationError as error:
        return [str(error)]
    except (AttributeError, TypeError, ValueError, KeyError):
        assume(False)
        raise


@pytest.mark.parametrize("one", SAMPLES, ids=lambda one: one["type"])
def test_an_object_of_every_type_is_taken(one: Stix) -> None:
    assert check(one).problem == ""
    assert validate_instance(one, ValidationOptions(version="2.1")).is_valid


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(spoilt())
def test_spoilt_objects_are_judged_as_the_validator_judges_them(one: Stix) -> None:
    ours, theirs = check(one).problem, validator_errors(one)
    if ours.startswith(OUR_OWN_RULES) or (theirs and all(NOT_CHECKED_HERE in error for error in theirs)):
        return
    assert bool(ours) == bool(theirs), (ours, theirs, one)
