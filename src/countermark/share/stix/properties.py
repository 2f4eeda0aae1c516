"""Every property that is written, by type of object, as `type:path` with `[]` for the elements of a list.

For a sharing policy, which decides on each: a test sees to it that nothing else is written.
"""

from countermark.share.stix.extension import EXTENSION_ID
from countermark.share.stix.markings import IEP_EXTENSION, TLP_EXTENSION

_OURS, _TLP, _IEP = (f"extensions.{one}" for one in (EXTENSION_ID, TLP_EXTENSION, IEP_EXTENSION))
_VERSIONED = (
    "type",
    "spec_version",
    "id",
    "created",
    "modified",
    "created_by_ref",
    "revoked",
    "object_marking_refs[]",
)
_OBSERVABLE = ("type", "spec_version", "id", "object_marking_refs[]")

_BY_TYPE: dict[str, tuple[str, ...]] = {
    "marking-definition": (
        *("type", "spec_version", "id", "created", "name"),
        *("external_references[].source_name", "external_references[].external_id"),
        *(f"{_TLP}.{name}" for name in ("extension_type", "tlp_2_0")),
        *(f"{_IEP}.{name}" for name in ("extension_type", "encrypt_in_transit", "permitted_actions")),
        *(f"{_IEP}.{name}" for name in ("affected_party_notifications", "tlp", "provider_attribution")),
        *(f"{_IEP}.{name}" for name in ("unmodified_resale", "iep_id", "iep_version", "description")),
        *(f"{_IEP}.{name}" for name in ("start_date", "end_date")),
    ),
    "identity": (*_VERSIONED, "name", "identity_class", "sectors[]"),
    "campaign": (
        *(*_VERSIONED, "name", "description", "first_seen", "last_seen", "confidence"),
        *("external_references[].source_name", "external_references[].external_id"),
        *(f"{_OURS}.{name}" for name in ("extension_type", "kind", "accounts_at_least")),
        *(f"{_OURS}.{name}" for name in ("first_day", "last_day", "p_value", "q_value", "calibrated_to")),
        *(f"{_OURS}.{name}" for name in ("null_hypothesis", "discovery_families[]")),
        *(f"{_OURS}.{name}" for name in ("confirmation_families[]", "template_skeletons[]")),
    ),
    "infrastructure": (*_VERSIONED, "name", "infrastructure_types[]", "first_seen", "last_seen"),
    "indicator": (
        *(*_VERSIONED, "name", "description", "indicator_types[]", "pattern", "pattern_type"),
        *("pattern_version", "valid_from", "valid_until"),
    ),
    "observed-data": (*_VERSIONED, "first_observed", "last_observed", "number_observed", "object_refs[]"),
    "relationship": (*_VERSIONED, "relationship_type", "description", "source_ref", "target_ref"),
    "sighting": (
        *(*_VERSIONED, "first_seen", "last_seen", "count", "sighting_of_ref"),
        "where_sighted_refs[]",
    ),
    "note": (
        *(*_VERSIONED, "abstract", "content", "object_refs[]"),
        *(f"{_OURS}.{name}" for name in ("extension_type", "attribution_kind", "verdict")),
        *(f"{_OURS}.{name}" for name in ("other_explanations[]", "validated_here")),
        *(f"{_OURS}.tests[].{name}" for name in ("test_name", "null_hypothesis", "p_value")),
        *(f"{_OURS}.tests[].{name}" for name in ("adjusted_p_value", "calibrated_to", "exact")),
    ),
    "ipv4-addr": (*_OBSERVABLE, "value"),
    "ipv6-addr": (*_OBSERVABLE, "value"),
    "domain-name": (*_OBSERVABLE, "value"),
    "autonomous-system": (*_OBSERVABLE, "number"),
}
PROPERTIES: frozenset[str] = frozenset(f"{kind}:{path}" for kind, paths in _BY_TYPE.items() for path in paths)
