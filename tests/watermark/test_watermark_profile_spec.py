"""spec/watermark-profile: the example, the JSON Schema and the decoder agree on what a profile is."""

import copy
import json
import re
from pathlib import Path

import pytest

from countermark.errors import Error
from countermark.watermark.profile import as_fields, decode_profile

SPEC = Path(__file__).parents[2] / "spec"
SCHEMA = json.loads((SPEC / "watermark-profile.schema.json").read_text())
EXAMPLE = json.loads(re.search(r"```json\n(.*?)```", (SPEC / "watermark-profile.md").read_text(), re.S)[1])

ACCEPTED = {
    "no parameters": {"parameters": ...},
    "no models": {"models": ...},
    "parameters of each kind": {"parameters": {"a": 0.1, "b": [1, 2.5], "c": "x", "d": True, "e": 3}},
    "no sha256": {"tokenizer": {"name": "t"}},
    "empty sha256": {"tokenizer": {"name": "t", "sha256": ""}},
    "widest": {"context_width": 64},
    "largest vocabulary": {"tokenizer": {"name": "t", "vocab_size": 2**31}},
}
REFUSED = {
    "another schema": {"schema": "countermark/watermark-profile/v2"},
    "unknown field": {"key": "00"},
    "unknown field of the engine": {"engine": {"name": "a", "version": "1", "x": 1}},
    "no engine": {"engine": ...},
    "no version": {"engine": {"name": "countermark"}},
    "no scheme": {"scheme": ...},
    "no key_id": {"key_id": ...},
    "no context": {"context_width": 0},
    "too wide": {"context_width": 65},
    "width is text": {"context_width": "4"},
    "short sha256": {"tokenizer": {"name": "t", "sha256": "ab"}},
    "upper-case sha256": {"tokenizer": {"name": "t", "sha256": "A" * 64}},
    "negative vocabulary": {"tokenizer": {"name": "t", "vocab_size": -1}},
    "too large a vocabulary": {"tokenizer": {"name": "t", "vocab_size": 2**31 + 1}},
    "nested parameter": {"parameters": {"a": {"b": 1}}},
    "list of text": {"parameters": {"a": ["x"]}},
    "list of booleans": {"parameters": {"a": [True]}},
    "null parameter": {"parameters": {"a": None}},
    "models is text": {"models": "m"},
}


def changed(change: dict) -> dict:
    """The example with fields replaced, or removed where the value is an ellipsis."""
    fields = copy.deepcopy(EXAMPLE) | change
    return {name: value for name, value in fields.items() if value is not ...}


def decodes(fields: dict) -> bool:
    try:
        decode_profile(json.dumps(fields).encode(), Path("profile.json"))
    except Error:
        return False
    return True


def test_the_example_is_a_profile():
    profile = decode_profile(json.dumps(EXAMPLE).encode(), Path("profile.json"))
    assert as_fields(profile) == EXAMPLE


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_decoder_accepts(name):
    assert decodes(changed(ACCEPTED[name]))


@pytest.mark.parametrize("name", REFUSED)
def test_the_decoder_refuses(name):
    assert not decodes(changed(REFUSED[name]))


def test_the_schema_agrees():
    jsonschema = pytest.importorskip("jsonschema", reason="not installed")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.validate(EXAMPLE)
    for cases, valid in ((ACCEPTED, True), (REFUSED, False)):
        for name, change in cases.items():
            assert validator.is_valid(changed(change)) is valid, name
