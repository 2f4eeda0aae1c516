"""STIX 2.1 out: findings, attributions and sightings as objects that validate, with stable ids and versions.

`findings.py` is the way in; `spec/stix-extension.md` lists every property that is written.
"""

from countermark.share.stix.attributions import stix_of_attribution
from countermark.share.stix.extension import EXTENSION_ID, definition
from countermark.share.stix.findings import FindingsView, stix_of_findings
from countermark.share.stix.ids import Ids, read_id_key
from countermark.share.stix.markings import TLPS, Iep, Tlp
from countermark.share.stix.properties import PROPERTIES
from countermark.share.stix.sightings import stix_of_sighting
from countermark.share.stix.terms import Identity, Terms
from countermark.share.stix.versions import Object, settle
from countermark.share.stix.withdraw import withdraw

__all__ = [
    "EXTENSION_ID",
    "PROPERTIES",
    "TLPS",
    "FindingsView",
    "Identity",
    "Ids",
    "Iep",
    "Object",
    "Terms",
    "Tlp",
    "definition",
    "read_id_key",
    "settle",
    "stix_of_attribution",
    "stix_of_findings",
    "stix_of_sighting",
    "withdraw",
]
