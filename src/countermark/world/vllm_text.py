"""Texts of a real small model that vLLM's released classes marked, as they were recorded; its tokenizer.

Copies of vectors/joint-check/vllm-text.json and vllm-text.tokenizer.json (a test compares them), for the
demo: nothing here runs vLLM. The keys are test keys that anybody knows.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

_DATA = files("countermark.world") / "data"
MODEL = "stories260k"


class RecordedText(msgspec.Struct, frozen=True):
    """One text as a client has it."""

    marked_by: str | None
    text: str


class Recorded(msgspec.Struct, frozen=True):
    """What vLLM was configured with, and what came out."""

    version: str
    """Of vLLM."""
    config: Mapping[str, Any]
    """As vLLM reads it, without the key."""
    keys: Mapping[str, str]
    texts: Sequence[RecordedText]

    def text_of(self, owner: str | None) -> str:
        """The first text that is marked under this member's key; under nobody's for None."""
        return next(one.text for one in self.texts if one.marked_by == owner)


@cache
def recorded() -> Recorded:
    """The texts."""
    return msgspec.json.decode((_DATA / "vllm-text.json").read_bytes(), type=Recorded)


def tokenizer_json() -> bytes:
    """The model's tokenizer."""
    return (_DATA / "vllm-text.tokenizer.json").read_bytes()
