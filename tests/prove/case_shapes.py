"""The CASE/UCO ontology's own validation, with the ontology read once."""

import functools
from pathlib import Path

from case_utils import case_validate

case_validate.get_ontology_graph = functools.cache(case_validate.get_ontology_graph)


def conforms(path: Path, version: str = "case-1.5.0") -> tuple[bool, str]:
    """Whether a graph has no violation, no warning and no word unknown to the ontology; the report."""
    result = case_validate.validate(str(path), case_version=version, inference="none")
    return result.conforms, result.text
