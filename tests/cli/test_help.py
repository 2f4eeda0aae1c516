"""Help of every verb on a terminal of 80 columns: nothing eaten as markup, no line over the width."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
import typer
from rich.text import Text

from countermark.cli import app
from running import countermark

EVIDENCE = ("case", "log", "verify")


def verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from verbs(inner, (*path, name))


VERBS = dict(verbs(typer.main.get_command(app)))


@pytest.mark.parametrize("path", VERBS, ids=" ".join)
def test_nothing_is_eaten_as_markup(path: tuple[str, ...]) -> None:
    command = VERBS[path]
    texts = [command.help or "", *(getattr(one, "help", None) or "" for one in command.params)]
    assert [text for text in texts if Text.from_markup(text).plain != text] == []


@pytest.mark.parametrize("path", [one for one in VERBS if one[:1] and one[0] in EVIDENCE], ids=" ".join)
def test_help_fits_a_terminal(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = countermark(*path, "--help")
    assert done.code == 0
    assert [line for line in done.out.splitlines() if len(line) > 80] == []
    command = VERBS[path]
    paragraphs = (command.help or "").split("\n\n")
    # after the first, lines stay as they are in the source: long ones followed by others look torn
    torn = [line for one in paragraphs[1:] for line in one.splitlines()[:-1] if len(line.strip()) > 78]
    assert torn == []
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    names = [one.metavar or one.name for one in arguments]
    assert [name for name in names if name != name.upper()] == []


def test_what_is_not_there_is_said_with_the_way_on(tmp_path: Path) -> None:
    done = countermark("log", "witness", "show", tmp_path / "none")
    assert done.code == 3
    assert "--name makes one" in done.err
    assert not (tmp_path / "none").exists()
    made = countermark("log", "publish", tmp_path / "book")
    assert f"there was no log at {tmp_path / 'book'}" in made.err
    assert "there was no log" not in countermark("log", "publish", tmp_path / "book").err
    Path(tmp_path / "counsel.txt").write_text(str(pyrage.x25519.Identity.generate()))
    (tmp_path / "counsel.txt").chmod(0o600)
    nothing = countermark("log", "open-privileged", tmp_path / "book", "--identity", tmp_path / "counsel.txt")
    assert (nothing.code, nothing.out) == (0, "")
    assert "no privileged run" in nothing.err


def test_a_hint_names_the_verb() -> None:
    done = countermark("case", "seal", "x")
    assert done.code == 2
    assert "countermark case seal --help" in done.err
