"""What holds over the whole tree: sizes, doors, versions, links, decisions."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import countermark
from countermark import plugins

ROOT = Path(__file__).parent.parent
FOLDERS = ("src", "tests", "benchmarks", "examples")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOORS = [(door, name) for door, points in PROJECT["entry-points"].items() for name in points]


# one self-contained file by intent, for an opposing expert
LIMITS = {Path("src/countermark_verify.py"): 899}


def test_no_file_has_more_than_400_lines() -> None:
    sizes = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert len(sizes) > 30
    assert {path: size for path, size in sizes.items() if size > LIMITS.get(path, 400)} == {}


@pytest.mark.parametrize(("door", "name"), DOORS)
def test_a_built_in_stands_behind_its_door(door: str, name: str) -> None:
    plugin = plugins.load(door, name)
    assert plugin.origin.distribution == "countermark"
    assert plugin.factory.name == name


def test_every_installed_door_is_known() -> None:
    groups = {group for group in entry_points().groups if group.startswith("countermark.")}
    doors = {plugins.LOG_FORMATS, plugins.DETECTORS, plugins.SCHEMES, plugins.ATTRIBUTIONS}
    assert groups == doors == set(PROJECT["entry-points"])


def test_one_version_everywhere() -> None:
    command = [sys.executable, "-m", "countermark", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["countermark", PROJECT["version"]]
    assert countermark.__version__ == version("countermark") == PROJECT["version"]
    assert f"## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_decisions_are_numbered_and_of_one_form() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]} "), path.name
        assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Decision", "Consequences"], path.name
