"""What the specification says of messages is what the types are, and what was sent in a run."""

import json
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest
from overlap_naive import SHARED_ITEMS, couple, overlap_server

from countermark.records.canonical import canonical_json
from countermark.share.overlap import commitments, messages, padding

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "spec" / "private-overlap.schema.json").read_text())
SPEC = (ROOT / "spec" / "private-overlap.md").read_text()
TYPES = (messages.Commitment, messages.Planted, messages.Proven, messages.Opening, messages.Run)


def test_the_schema_is_that_of_the_types() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    made = msgspec.json.schema_components(TYPES, ref_template="#/$defs/{name}")
    assert (SCHEMA["anyOf"], SCHEMA["$defs"]) == (list(made[0]), made[1])


def test_constants_are_those_of_the_specification() -> None:
    told = dict(re.findall(r"^\| ([a-z].*?) \| (.*?) \|$", SPEC, re.M))
    assert told["planted test identifiers"] == str(messages.PLANTED)
    assert told["floor of an announced size"] == str(messages.FLOOR)
    assert told["least list, most"] == f"{padding.LEAST_POINTS:,} points, 2^21"
    assert messages.MOST_POINTS == 1 << 21
    assert told["part of a list"].startswith(f"{messages.PART_POINTS:,} points")
    assert told["pairs in a proof"] == f"{messages.MOST_IN_PROOF:,}"
    assert (
        f"{commitments.OLDEST.total_seconds() / 3600:.0f} h"
        in told["age of a commitment at O; of two of a run apart"]
    )


def test_messages_of_a_run_are_valid(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with overlap_server(request, tmp_path, "sqlite") as server:
        one, other = couple(server, "valid", "opened")
        said = {
            "Commitment": json.loads(one.payload),
            "Planted": other.ask("GET", "/planted").json(),
            "Proven": one.proven(one.tag_order[:30]),
            "Opening": json.loads(canonical_json(one.opening(other))),
            "Run": one.state(),
        }
    assert said["Run"]["size"] == len(SHARED_ITEMS)
    for name, value in said.items():
        schema = {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}
        jsonschema.validate(value, schema)
        if name != "Run":  # later versions may tell more
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(value | {"more": 1}, schema)
