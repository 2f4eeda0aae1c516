"""Two small claims of counsel's own, and files of them."""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from countermark.prove.claims.rows import Claim

SOURCE = {"cite": "Example Act, section 1", "dated": "2025-01-02", "url": "https://law.example/act"}


def row(name: str, **more: Any) -> dict[str, Any]:
    """What every row has."""
    fields = {"id": name, "title": f"Title of {name}", "text": f"Text of {name}.", "status": "law"}
    return {**fields, "sources": [dict(SOURCE)], **more}


def element(name: str, exhibits: list[str], facts: list[str], **more: Any) -> dict[str, Any]:
    """An element; its question names it."""
    return row(name, exhibits=exhibits, facts=facts, question=f"Who shows {name}?", **more)


def claim(name: str = "us-sample", **changes: Any) -> dict[str, Any]:
    """As its YAML has it: every state that an element of the sample dossier can have."""
    fields = {
        "schema": "countermark/legal/v1",
        "claim": name,
        "jurisdiction": "Sampleland",
        "title": "Breach of sample terms",
        "status": "disputed",
        "note": "Read the choice of law first.",
        "reviewed": "2026-06-01",
        "reviewed_by": "Ada Example, counsel",
        "due": "2026-12-01",
        "elements": [
            element("contract", ["terms"], []),
            element("conduct", ["networks"], []),
            element("use", ["text-marks", "lineage"], [], status="disputed"),
            element("weights", ["lineage"], []),
            element("model", ["answer-marks"], []),
            element("identity", [], ["defendant-identity"], due="2026-07-01", easily_forgotten=True),
            element("trainer", [], ["account-to-trainer"]),
            element("assent", ["acceptances"], ["assent"]),
            element("register", ["statement"], ["defendant-identity"]),
            element("loss", ["damages"], ["defendant-identity", "damage"]),
            element("law", [], []),
        ],
        "remedies": [row("stop", kind="injunction", status="proposal")],
        "counter_arguments": [row("reverse", answer="Nothing can be said to it yet.")],
    }
    return {**fields, **changes}


def other(**changes: Any) -> dict[str, Any]:
    """Another claim, with one element."""
    return claim("eu-sample", jurisdiction="Otherland", elements=[element("secret", ["log"], [])], **changes)


def record(fields: dict[str, Any]) -> Claim:
    """The claim as it is read."""
    return msgspec.convert(fields, Claim)


def write(folder: Path, *claims: dict[str, Any]) -> Path:
    """A folder of them, as counsel keeps it."""
    folder.mkdir(exist_ok=True)
    for one in claims:
        (folder / f"{one['claim']}.yaml").write_text(yaml.safe_dump(one, sort_keys=False))
    return folder
