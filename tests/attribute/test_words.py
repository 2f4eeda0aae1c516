"""No output of an attribution names a cause: forbidden words stand in no string of the code that makes it, in
no help, and in nothing that a run writes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
import typer

import countermark
from attribute.identity_samples import line, written
from countermark.cli.attribute import app
from running import Done
from running import countermark as command

FORBIDDEN = re.compile(
    r"\b(cop(y|ies|ied|ying|ycat)|stole?n?|steal\w*|theft\w*|thief|thieves|trained\s+on|derived?|plagiar\w*)\b",
    re.IGNORECASE,
)
SOURCE = Path(countermark.__file__).parent
FILES = sorted(
    [
        *(SOURCE / "attribute").rglob("*.py"),
        *(SOURCE / "cli").glob("attribute*.py"),
        SOURCE / "flow" / "attributions.py",
        SOURCE / "records" / "attributions.py",
    ]
)


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every string of a file but docstrings; those of a command are its help, and count."""
    tree = ast.parse(path.read_text())
    unread = set()
    for node in ast.walk(tree):
        of_command = path.parent.name == "cli" and isinstance(node, ast.FunctionDef)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and not of_command:
            unread |= {
                id(one.value)
                for one in node.body
                if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
            }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in unread:
            yield node.lineno, node.value


def forbidden(text: str) -> list[str]:
    return [found.group() for found in FORBIDDEN.finditer(text)]


def test_the_pattern_finds_the_words_and_no_others() -> None:
    bad = [
        "a copy",
        "Copied",
        "was stolen",
        "theft",
        "they steal",
        "trained\non our text",
        "derived from",
        "copies",
    ]
    good = ["not independent of key", "a shared starting point", "a third model in between", "copyright"]
    assert [bool(forbidden(one)) for one in bad] == [True] * len(bad)
    assert [bool(forbidden(one)) for one in good] == [False] * len(good)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_string_of_the_code_holds_one(path: Path) -> None:
    assert [(number, text) for number, text in strings(path) if forbidden(text)] == []


def commands(group: click.Command, names: tuple[str, ...] = ("attribute",)) -> Iterator[tuple[str, ...]]:
    yield names
    if isinstance(group, click.Group):
        for name, one in sorted(group.commands.items()):
            yield from commands(one, (*names, name))


@pytest.mark.parametrize("names", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_no_help_holds_one(names: tuple[str, ...]) -> None:
    done = command(*names, "--help")
    assert done.code == 0
    assert forbidden(done.out + done.err) == []


def assert_clean(done: Done, folder: Path) -> None:
    """Nothing that a verb said or wrote holds one."""
    written_files = [one for one in folder.rglob("*") if one.is_file()]
    texts = [done.out, done.err, *(one.read_text() for one in written_files)]
    assert [found for text in texts for found in forbidden(text)] == []


@pytest.mark.parametrize(("symbols", "code"), [(5, 0), (3, 10), (1, 11), (0, 3)])
def test_no_output_of_identity_holds_one(tmp_path: Path, symbols: int, code: int) -> None:
    """The reference has 5 symbols. Fewer are another law, one the same answer always, none no answer."""
    files = {}
    for name, seed, number in (("r", 1, 5), ("s", 2, symbols), ("c", 3, 5)):
        rows = np.random.default_rng(seed).integers(0, max(number, 1), (60, 12)).tolist()
        lines = [
            line(at, [at // 6 + 1], row, problem="" if number else "refused") for at, row in enumerate(rows)
        ]
        files[name] = written(tmp_path / f"{name}.jsonl", lines)
    given = (
        "--reference",
        files["r"],
        "--suspect",
        files["s"],
        "--control",
        files["c"],
        "--permutations",
        "999",
    )
    for as_json in ([], ["--json"]):
        done = command("attribute", "identity", *given, "--out", tmp_path / "a", *as_json)
        assert done.code == code, done.err
        assert_clean(done, tmp_path / "a")
