"""How much two vocabularies share, from `tokenizer.json` as data. For information; it is no test."""

from pathlib import Path

import msgspec

MAX_BYTES = 64_000_000
"""Vocabularies of 256,000 tokens with their merges take half of it."""


class _Model(msgspec.Struct):
    vocab: dict[str, int] | list[tuple[str, float]]
    """By token, or (Unigram) token and score at the place that is its id."""


class _Tokenizer(msgspec.Struct):
    """What else the file says is skipped unread."""

    model: _Model


def overlap(reference: Path, suspect: Path) -> dict[str, float] | None:
    """Of two model folders: `jaccard` of the token strings and the share of common tokens with the same id.

    None where a folder has no `tokenizer.json` with a vocabulary.
    """
    ours, theirs = _vocabulary(reference), _vocabulary(suspect)
    if not ours or not theirs:
        return None
    common = ours.keys() & theirs.keys()
    same = sum(ours[token] == theirs[token] for token in common)
    return {
        "jaccard": round(len(common) / len(ours.keys() | theirs.keys()), 6),
        "same_id": round(same / len(common), 6) if common else 0.0,
    }


def _vocabulary(folder: Path) -> dict[str, int]:
    path = folder / "tokenizer.json"
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return {}
        vocabulary = msgspec.json.decode(path.read_bytes(), type=_Tokenizer).model.vocab
    except (OSError, msgspec.MsgspecError, RecursionError):
        return {}
    if isinstance(vocabulary, dict):
        return vocabulary
    return {token: at for at, (token, _) in enumerate(vocabulary)}
