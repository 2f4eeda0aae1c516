"""Only permissive licences in what users install, as the installed distributions declare them.

Development tools may be under the Mozilla licence too: they are not distributed with the project.
"""

from importlib.metadata import distribution, metadata

import pytest
from packaging.requirements import Requirement

PERMISSIVE = {
    *("0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause"),
    *("BSL-1.0", "CC0-1.0", "CNRI-Python", "Apache 2.0 License", "BSD"),
    *("ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Zlib"),
    "OSI Approved :: Apache Software License",
    "OSI Approved :: BSD License",
    "OSI Approved :: ISC License (ISCL)",
    "OSI Approved :: MIT License",
    "OSI Approved :: Python Software Foundation License",
}
READ_IN_THE_DISTRIBUTION = {"pyrage": "MIT", "pypdfium2": "BSD-3-Clause AND Apache-2.0"}
"""Licences of distributions that declare none as an expression, as their LICENSE files say."""
TOOLS_ONLY = {
    "MPL-2.0",
    "W3C-20150513",
    "Public Domain",
    "OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
}


def allowed(expression: str, licences: set[str]) -> bool:
    """Whether one alternative of an SPDX expression (without brackets) holds only such licences."""
    return any(
        all(term.strip() in licences for term in alternative.split(" AND "))
        for alternative in expression.split(" OR ")
    )


def declared(name: str) -> str:
    """The licence as an SPDX expression, or joined classifiers, or the short licence field."""
    fields = metadata(name)
    classifiers = [
        classifier.removeprefix("License :: ")
        for classifier in fields.get_all("Classifier") or []
        if classifier.startswith("License :: ") and classifier != "License :: OSI Approved"
    ]
    said = fields.get("License-Expression") or " AND ".join(classifiers) or fields.get("License")
    return READ_IN_THE_DISTRIBUTION.get(name) or said or "none"


def requirements(name: str, extra: str = "") -> set[str]:
    """Everything that an install of a distribution brings, directly and indirectly."""
    found: set[str] = set()
    waiting = [(name, extra)]
    while waiting:
        current, wanted = waiting.pop()
        for line in distribution(current).requires or []:
            needed = Requirement(line)
            applies = needed.marker is None or needed.marker.evaluate({"extra": wanted})
            if applies and needed.name.lower() not in found:
                found.add(needed.name.lower())
                waiting += [(needed.name, part) for part in ("", *needed.extras)]
    return found


CORE = requirements("countermark")
NAMES = ("text", "torch", "spark", "beacon", "probe", "exchange", "postgres", "misp", "report")
EXTRAS = {name for one in NAMES for name in requirements("countermark", one)}
EXTRAS -= CORE
DEVELOPMENT = requirements("countermark", "dev") - CORE - EXTRAS
MOZILLA_IN_AN_EXTRA = {"tqdm", "certifi", "fqdn"}
"""Come with libraries that have no other way; docs/adr/0008 and 0014 say why they are accepted."""
LESSER_IN_AN_EXTRA = {"psycopg", "psycopg-binary", "cpe", "pycountry"}
"""Weak copyleft of the exchange's extras, unmodified and in distributions of their own; docs/adr/0014."""
LESSER = {
    "LGPL-3.0-only",
    "OSI Approved :: GNU Lesser General Public License v2 (LGPLv2)",
    "OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)",
}


def test_the_walk_reaches_direct_and_indirect_dependencies() -> None:
    assert {"numpy", "duckdb", "typer", "llvmlite", "markupsafe"} <= CORE
    assert {"pytest", "grimp"} <= DEVELOPMENT


@pytest.mark.parametrize("name", sorted(CORE))
def test_core_is_permissive(name: str) -> None:
    assert allowed(declared(name), PERMISSIVE), declared(name)


@pytest.mark.parametrize("name", sorted(EXTRAS))
def test_extras_are_permissive_but_for_what_is_named(name: str) -> None:
    accepted = PERMISSIVE | (TOOLS_ONLY if name in MOZILLA_IN_AN_EXTRA else set())
    accepted |= LESSER if name in LESSER_IN_AN_EXTRA else set()
    assert allowed(declared(name), accepted), declared(name)


@pytest.mark.parametrize("name", sorted(DEVELOPMENT))
def test_tools_are_permissive_or_mozilla(name: str) -> None:
    assert allowed(declared(name), PERMISSIVE | TOOLS_ONLY), declared(name)


@pytest.mark.parametrize(
    "expression",
    [
        *("GPL-3.0-only", "LGPL-2.1-or-later", "MIT AND GPL-2.0-only", "AGPL-3.0-only OR LGPL-3.0-only"),
        *("OSI Approved :: GNU General Public License v3 (GPLv3)", "MPL-2.0", "none", ""),
        "MIT AND (BSD-3-Clause OR GPL-2.0-only)",
    ],
)
def test_copyleft_and_the_unknown_are_refused(expression: str) -> None:
    assert not allowed(expression, PERMISSIVE)


def test_an_alternative_may_be_chosen() -> None:
    assert allowed("GPL-2.0-only OR BSD-3-Clause", PERMISSIVE)
