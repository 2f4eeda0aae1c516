"""Our extension of STIX 2.1: what a campaign, an attribution and a fingerprint have no property for.

`spec/stix-extension.md` is its text, `spec/stix-distillation-extension.schema.json` its JSON Schema,
`spec/stix-extension-definition.json` the objects that define it. The id never changes; the version does.
"""

import math
import re
from decimal import ROUND_CEILING, Decimal
from typing import Any

from countermark.errors import Error
from countermark.share.stix.versions import Object

EXTENSION_ID = "extension-definition--890072db-0eb5-4304-ad3b-a2578fcc795a"
PROJECT_ID = "identity--23b9f00d-6964-4cad-92b7-4a1c6d1c118f"
SCHEMA_URN = "urn:countermark:stix-distillation-extension:v1"
_CREATED = "2026-11-27T00:00:00.000Z"
_NUMBER = re.compile(r"[0-9][0-9.,]*(?<![.,])")
MAX_WORDS = 1_000


def extension(**properties: Any) -> dict[str, Any]:
    """The value of `extensions`: ours with these properties, those that are None or empty left out."""
    kept = {name: value for name, value in properties.items() if value is not None and value != []}
    return {EXTENSION_ID: {"extension_type": "property-extension", **kept}}


def definition() -> list[Object]:
    """The project's identity and the extension definition, as published under `spec/`."""
    common = {"spec_version": "2.1", "created": _CREATED, "modified": _CREATED, "created_by_ref": PROJECT_ID}
    identity = {
        "type": "identity",
        "id": PROJECT_ID,
        **common,
        "name": "Countermark",
        "description": "The project that publishes the extension; it takes part in no exchange.",
        "identity_class": "organization",
    }
    extended = {
        "type": "extension-definition",
        "id": EXTENSION_ID,
        **common,
        "name": "Distillation campaigns",
        "description": (
            "What networks of accounts that harvest a model's answers are like: kind, order of magnitude, "
            "p-values with their null; p-values of attributions with theirs; fingerprints of clients."
        ),
        "schema": f"JSON Schema {SCHEMA_URN}, spec/stix-distillation-extension.schema.json of Countermark",
        "version": "1.0.0",
        "extension_types": ["property-extension"],
        "external_references": [
            {"source_name": "countermark", "description": "spec/stix-extension.md of Countermark"}
        ],
    }
    return [identity, extended]


def order_of_magnitude(count: int) -> int:
    """The largest power of ten that is no more than `count`: volumes do not leave, orders of magnitude do."""
    if count < 1:
        raise Error("a count that leaves is at least 1")
    return min(int("1" + "0" * (len(str(count)) - 1)), 1_000_000)


def at_most(p_value: float, calibrated_to: float) -> float:
    """A p- or q-value as it may be reported: no smaller than the smallest level at which its test was seen to
    hold, and rounded up to two digits. So it stays an upper bound. Raises `Error` for what is no probability.
    """
    if not (0 <= p_value <= 1 and 0 < calibrated_to <= 1):
        raise Error("a p-value that is no probability, or one without a calibration")
    value = Decimal(repr(max(p_value, calibrated_to)))
    step = Decimal(1).scaleb(math.floor(value.log10()) - 1)
    return float(min(value.quantize(step, rounding=ROUND_CEILING), Decimal(1)))


def words(text: str) -> str:
    """A null hypothesis without its numbers, which are sizes: `the 150 accounts` becomes `the n accounts`."""
    return _NUMBER.sub("n", text)[:MAX_WORDS]
