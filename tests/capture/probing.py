"""What the tests of the probe share."""

import json
from pathlib import Path
from typing import Any

from fake_provider import Provider

from countermark.records.transcripts import Transcript, read_transcripts
from running import Done, countermark

QUICK = ("--backoff", "0.01", "--timeout", "5")


def write_prompts(folder: Path, *prompts: str | dict[str, Any]) -> Path:
    """A prompts file; a string becomes the text of a prompt with the id p0, p1, …"""
    path = folder / "prompts.jsonl"
    lines = [
        {"id": f"p{at}", "prompt": one} if isinstance(one, str) else {"id": f"p{at}", **one}
        for at, one in enumerate(prompts)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def arguments(provider: Provider, folder: Path, *more: str | Path) -> list[str | Path]:
    """Of a probe of a provider with the prompts in a folder."""
    base = ["capture", "probe", "--endpoint", provider.url, "--model", "m"]
    return [*base, "--prompts", folder / "prompts.jsonl", "--out", folder / "t.jsonl", *QUICK, *more]


def probe(provider: Provider, folder: Path, *more: str | Path) -> tuple[Done, dict[str, Any]]:
    """Run a probe here; its exit code, and its summary as JSON (empty after an error)."""
    done = countermark(*arguments(provider, folder, *more, "--json"))
    return done, json.loads(done.out) if done.out else {}


def transcripts(folder: Path) -> dict[str, Transcript]:
    """By id."""
    return {one.id: one for one in read_transcripts(folder / "t.jsonl")}
