"""The table of ATLAS techniques against recorded excerpts of ATLAS' own data."""

import hashlib
import importlib.util
import json
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from stix_samples import one_of_each, terms, view

from countermark.errors import Error
from countermark.share.stix import stix_of_findings
from countermark.share.stix.atlas import reference, table, technique
from countermark.share.stix.findings import TECHNIQUES

HERE = Path(__file__).parents[2] / "vectors" / "atlas"
OF_YAML, OF_STIX = HERE / "atlas-yaml-excerpt.json", HERE / "stix-atlas-excerpt.json"
NAMESPACE = uuid.UUID(bytes=b"atlas.mitre.org.")
"""ATLAS' own, from its tools/generate_stix.py."""


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """The script that makes the table."""
    spec = importlib.util.spec_from_file_location("make_table", HERE / "make_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_excerpts_are_those_that_the_table_was_made_of() -> None:
    for path in (OF_YAML, OF_STIX):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == table().digests[path.name]
    assert table().digests["ATLAS.yaml"].startswith("8a5693df51135721")
    assert table().digests["stix-atlas.json"].startswith("a1bd782257de3c85")


def test_the_generator_makes_the_table_that_is_shipped(generator: ModuleType) -> None:
    made = generator.table(read(OF_YAML), read(OF_STIX), table().source, table().digests)
    assert made == msgspec.to_builtins(table())
    assert (made["version"], len(made["techniques"])) == ("5.6.0", 170)


def test_every_stix_id_follows_atlas_own_rule_and_atlas_own_stix() -> None:
    in_stix = {one["external_references"][0]["external_id"]: one for one in read(OF_STIX)["objects"]}
    in_yaml = {one["id"]: one["name"] for one in read(OF_YAML)["techniques"]}
    for one in table().techniques:
        assert one.stix_id == f"attack-pattern--{uuid.uuid5(NAMESPACE, one.id)}" == in_stix[one.id]["id"]
        assert one.name == in_stix[one.id]["name"] == in_yaml[one.id]


def test_the_generator_refuses_sources_that_disagree(generator: ModuleType) -> None:
    of_yaml, of_stix = read(OF_YAML), read(OF_STIX)
    of_yaml["techniques"][0]["name"] = "Another"
    with pytest.raises(SystemExit, match="differs"):
        generator.table(of_yaml, of_stix, "", {})
    of_yaml = read(OF_YAML)
    del of_yaml["techniques"][0]
    with pytest.raises(SystemExit, match="in STIX only"):
        generator.table(of_yaml, of_stix, "", {})


def test_what_is_used_is_what_it_is_taken_for() -> None:
    names = {one: technique(one).name for kind in TECHNIQUES.values() for one in kind}
    assert names == {
        "AML.T0040": "AI Model Inference API Access",
        "AML.T0024.002": "Extract AI Model",
        "AML.T0008.005": "AI Service Proxies",
    }


@pytest.mark.parametrize("unknown", ["AML.T9999", "AML.T0024.2", "aml.t0040", "T1078", "", "AML.CS0056"])
def test_an_id_that_atlas_does_not_know_is_refused(unknown: str) -> None:
    with pytest.raises(Error, match=r"no technique of MITRE ATLAS 5\.6\.0"):
        reference(unknown)


def test_atlas_objects_are_referred_to_and_not_published() -> None:
    objects = stix_of_findings(view(), one_of_each(), terms())
    assert not [one for one in objects if one["type"] == "attack-pattern"]
    targets = {one["target_ref"] for one in objects if one.get("relationship_type") == "uses"}
    assert {technique("AML.T0040").stix_id, technique("AML.T0024.002").stix_id} < targets
    campaign = next(one for one in objects if one["type"] == "campaign")
    assert all(set(one) == {"source_name", "external_id"} for one in campaign["external_references"])
