"""Find in what remains of a package the texts that were taken out of it."""

import html
import json
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import BinaryIO

MIN_LENGTH = 7
"""Shorter texts stand in too many places for other reasons."""
_BLOCK = 1 << 20
_WORD = re.compile(rb"[0-9A-Za-z]+")
_LEAST_WORD = 4
_FEW = 64
_COMPRESSED = (".parquet", ".png", ".zip", ".gz", ".pdf", ".tsr")


def can_be_searched(name: str) -> bool:
    """Whether texts can be found in this file; in a compressed one they cannot."""
    return not name.lower().endswith(_COMPRESSED)


class Needles:
    """Texts to look for: as they are, as JSON escapes them, as HTML does.

    Up to 64 texts are found anywhere; of more, those that begin or end inside a longer word are missed.
    """

    def __init__(self, values: Iterable[str]) -> None:
        wanted = sorted({value for value in values if len(value) >= MIN_LENGTH})
        self._by_word: dict[bytes, list[tuple[bytes, str]]] = defaultdict(list)
        self._plain: list[tuple[bytes, str]] = []
        self._longest = 1
        for value in wanted:
            for raw in _forms(value):
                self._longest = max(self._longest, 2 * len(raw))
                word = max(_WORD.findall(raw), key=len, default=b"")
                if len(wanted) <= _FEW or len(word) < _LEAST_WORD:
                    self._plain.append((raw, value))
                else:
                    self._by_word[word].append((raw, value))

    def __bool__(self) -> bool:
        return bool(self._by_word or self._plain)

    def found_in(self, stream: BinaryIO) -> set[str]:
        """Those of the texts that stand in it; memory is that of a block and the longest text."""
        found: set[str] = set()
        rest = b""
        while block := stream.read(_BLOCK):
            text = rest + block
            found.update(value for raw, value in self._plain if raw in text)
            if self._by_word:
                found |= self._found_by_words(text, found)
            rest = text[-self._longest :]
        return found

    def _found_by_words(self, text: bytes, known: set[str]) -> set[str]:
        """One word of each text is looked up, so that many texts cost no more than few."""
        words = self._by_word.keys() & set(_WORD.findall(text))
        maybe = [pair for word in words for pair in self._by_word[word] if pair[1] not in known]
        if len(maybe) <= _FEW:
            return {value for raw, value in maybe if raw in text}
        found = set()
        for match in _WORD.finditer(text):
            for raw, value in self._by_word.get(match[0], ()):
                at = match.start() - raw.find(match[0])
                if at >= 0 and text.startswith(raw, at):
                    found.add(value)
        return found


def _forms(value: str) -> set[bytes]:
    quoted = json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1]
    return {one.encode() for one in (value, *quoted, html.escape(value), html.escape(value, quote=False))}
