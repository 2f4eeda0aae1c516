"""How much two vocabularies share, from `tokenizer.json` as data. For information; it is no test."""

import json
from pathlib import Path
from typing import Any

MAX_BYTES = 200_000_000


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
        if path.stat().st_size > MAX_BYTES:
            return {}
        vocabulary: Any = json.loads(path.read_bytes())["model"]["vocab"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    if isinstance(vocabulary, list):  # Unigram: pairs of token and score
        pairs = [(one[0], at) for at, one in enumerate(vocabulary) if isinstance(one, list) and one]
    elif isinstance(vocabulary, dict):
        pairs = list(vocabulary.items())
    else:
        return {}
    return {token: at for token, at in pairs if isinstance(token, str) and type(at) is int}
