"""The commands of docs/watermarks.md run as they stand, in their order."""

import json
import re
import shlex
from pathlib import Path

import pytest

from running import countermark
from watermark_samples import random_ids

PAGE = Path(__file__).parents[2] / "docs" / "watermarks.md"
CONSOLE = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
COMMANDS = [line[2:] for block in CONSOLE for line in block.splitlines() if line.startswith("$ ")]


def write_what_a_reader_has(folder: Path) -> None:
    """A tokenizer, texts, a corpus folder and a long document."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"[UNK]": 0} | {f"w{n}": n for n in range(1, 500)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "corpus").mkdir()
    for name, count in (("texts.jsonl", 50), ("corpus/a.jsonl", 60), ("long.jsonl", 600)):
        ids = random_ids(count, count, 499).tolist()
        row = {"id": name, "text": " ".join(f"w{one}" for one in ids)} if name == "texts.jsonl" else None
        (folder / name).write_text(json.dumps(row or {"id": name, "token_ids": ids}) + "\n")


def test_the_commands_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tokenizers", reason="text is an extra: countermark[text]")
    write_what_a_reader_has(tmp_path)
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        if command.startswith("echo "):
            content, _, path = command.removeprefix("echo ").partition(" > ")
            Path(path).write_text(shlex.split(content)[0])
            continue
        program, *arguments = shlex.split(command)
        assert program == "countermark"
        done = countermark(*arguments)
        assert done.code in (0, 10), f"{command}: {done.err}"
    assert len(COMMANDS) >= 7
