"""Fingerprints of prompts, computed once per distinct prompt, and the sketches that go with them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from countermark.capture.hashing import Hasher
from countermark.capture.kernel import MAX_PROMPT_BYTES, fingerprint
from countermark.capture.language import guess_language
from countermark.capture.traits import find_traits
from countermark.records.events import SKETCH_SCHEMA, SKETCH_VALUES

_KNOWN_PROMPTS = 100_000


class Fingerprint(NamedTuple):
    """What EVENTS keeps of a prompt."""

    prompt_hash: int
    template_hash: int
    opening_hash: int | None
    closing_hash: int | None
    language: str | None
    traits: int


class Fingerprints:
    """Computes fingerprints in batches; remembers recent ones."""

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher
        keys = (*hasher.subkey("cm.template"), *hasher.subkey("cm.sketch"))
        self._keys = np.array(keys, np.uint64)
        self._known: dict[int, Fingerprint] = {}
        self._sketches: list[pa.RecordBatch] = []
        self.cut = 0
        """Prompts that were longer than the kernel reads."""

    def of(self, prompts: Sequence[str | None]) -> list[Fingerprint | None]:
        """A fingerprint for each prompt, None for an absent or empty one."""
        hashes = [self._hasher.text("prompt", prompt) if prompt else None for prompt in prompts]
        if len(self._known) > _KNOWN_PROMPTS:
            self._known.clear()
        new: dict[int, str] = {}
        for value, prompt in zip(hashes, prompts, strict=True):
            if value is not None and prompt and value not in self._known:
                new[value] = prompt
        if new:
            self._compute(new)
        return [self._known[value] if value is not None else None for value in hashes]

    def take_sketches(self) -> list[pa.RecordBatch]:
        """Sketches computed since the last call, rows of SKETCH_SCHEMA; a prompt may come again."""
        taken, self._sketches = self._sketches, []
        return taken

    def _compute(self, prompts: dict[int, str]) -> None:
        encoded = [_encoded(prompt) for prompt in prompts.values()]
        self.cut += sum(len(text) > MAX_PROMPT_BYTES for text in encoded)
        encoded = [text[:MAX_PROMPT_BYTES] for text in encoded]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(text) for text in encoded], out=offsets[1:])
        text = np.frombuffer(b"".join(encoded), np.uint8)
        hashes, long_enough, sketches = fingerprint(text, offsets, self._keys)
        traits = find_traits(text, offsets)
        rows = zip(prompts.items(), hashes.tolist(), long_enough.tolist(), traits.tolist(), strict=True)
        for (value, prompt), (template, opening, closing), has_edges, bits in rows:
            self._known[value] = Fingerprint(
                value,
                template,
                opening if has_edges else None,
                closing if has_edges else None,
                guess_language(prompt),
                bits,
            )
        values = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(SKETCH_VALUES), len(encoded), [None, pa.py_buffer(sketches.tobytes())]
        )
        keys = pa.array(list(prompts), pa.int64())
        self._sketches.append(pa.RecordBatch.from_arrays([keys, values], schema=SKETCH_SCHEMA))


def _encoded(prompt: str) -> bytes:
    """UTF-8 of what the kernel reads, and a character more, to see that the prompt was cut."""
    return prompt[: MAX_PROMPT_BYTES + 1].encode("utf-8", "surrogatepass")
