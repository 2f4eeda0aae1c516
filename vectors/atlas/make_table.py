"""Makes the table of ATLAS' techniques, and excerpts for the tests to check it against, from ATLAS' files.

    python vectors/atlas/make_table.py ATLAS.yaml stix-atlas.json --source 'repository@commit, …'

`ATLAS.yaml` is dist/ATLAS.yaml of github.com/mitre-atlas/atlas-data, `stix-atlas.json` the STIX that ATLAS
publishes of the same version. An excerpt keeps of every technique what the table rests on.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TABLE = HERE.parent.parent / "src" / "countermark" / "share" / "stix" / "atlas.json"
YAML_EXCERPT, STIX_EXCERPT = HERE / "atlas-yaml-excerpt.json", HERE / "stix-atlas-excerpt.json"


def yaml_excerpt(document: dict[str, Any]) -> dict[str, Any]:
    """Version, and id and name of every technique."""
    techniques = [one for matrix in document["matrices"] for one in matrix["techniques"]]
    kept = [{"id": one["id"], "name": one["name"]} for one in techniques]
    return {"version": document["version"], "techniques": sorted(kept, key=lambda one: one["id"])}


def stix_excerpt(document: dict[str, Any]) -> dict[str, Any]:
    """Every attack-pattern with its id, name and the reference that names it."""
    kept = [
        {
            "type": one["type"],
            "id": one["id"],
            "name": one["name"],
            "external_references": one["external_references"][:1],
            "revoked": one.get("revoked", False),
        }
        for one in document["objects"]
        if one["type"] == "attack-pattern"
    ]
    return {"objects": sorted(kept, key=lambda one: one["external_references"][0]["external_id"])}


def table(
    of_yaml: dict[str, Any], of_stix: dict[str, Any], source: str, digests: dict[str, str]
) -> dict[str, Any]:
    """The table; an id that the two files do not agree on stops it."""
    in_stix = {one["external_references"][0]["external_id"]: one for one in of_stix["objects"]}
    rows = []
    for one in of_yaml["techniques"]:
        pattern = in_stix.pop(one["id"])
        if pattern["name"] != one["name"] or pattern["revoked"]:
            raise SystemExit(f"{one['id']} differs between the two files")
        rows.append({"id": one["id"], "name": one["name"], "stix_id": pattern["id"]})
    if in_stix:
        raise SystemExit(f"{sorted(in_stix)[0]} stands in STIX only")
    return {"version": of_yaml["version"], "source": source, "digests": digests, "techniques": rows}


def sha256(path: Path) -> str:
    """Of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(path: Path, value: Any) -> None:
    """As JSON that is read by people."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    """Reads both files, writes both excerpts and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("yaml", type=Path)
    parser.add_argument("stix", type=Path)
    parser.add_argument("--source", required=True)
    given = parser.parse_args()
    of_yaml = yaml_excerpt(yaml.safe_load(given.yaml.read_text(encoding="utf-8")))
    of_stix = stix_excerpt(json.loads(given.stix.read_text(encoding="utf-8")))
    write(YAML_EXCERPT, of_yaml)
    write(STIX_EXCERPT, of_stix)
    paths = {"ATLAS.yaml": given.yaml, "stix-atlas.json": given.stix}
    paths |= {one.name: one for one in (YAML_EXCERPT, STIX_EXCERPT)}
    write(TABLE, table(of_yaml, of_stix, given.source, {name: sha256(path) for name, path in paths.items()}))


if __name__ == "__main__":
    main()
