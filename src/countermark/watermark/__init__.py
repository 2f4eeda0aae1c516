"""Reads the marks of serving engines, and one of our own, from token ids.

    from countermark.watermark import read_profile, score
    score(read_profile(path).profile, key, token_ids).log10_p

Every p-value is of one null: the text is independent of this key. The source of a text is not its key.
"""

from countermark.watermark.profile import Profile, read_profile
from countermark.watermark.scoring import Score, score

__all__ = ["Profile", "Score", "read_profile", "score"]
