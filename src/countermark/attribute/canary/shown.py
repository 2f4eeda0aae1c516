"""Which option an answer shows. One rule for all options of an item, so that it knows nothing of what was
drawn.

    word    the option stands in the answer as a whole, not as a part of a longer word; case does not count
    start   the answer begins with it, before white space or the end: `**+**` is no bullet `*`
    order   its words stand in the answer, and for the first time in this order; case does not count

An answer that shows several options shows none.
"""

import re
from collections.abc import Sequence

MAX_ANSWER = 20_000
"""Characters of an answer that are looked at."""
_WORDS = re.compile(r"\w+")
_JOINING = frozenset({"and"})


def option_shown(match: str, options: Sequence[str], answer: str) -> int | None:
    """Index of the one option that the answer shows; None where it shows none or several."""
    text = answer[:MAX_ANSWER].strip()
    if match == "start":
        begun = [at for at, option in enumerate(options) if _begins(option, text)]
        return max(begun, key=lambda at: len(options[at]), default=None)
    shows = _in_order if match == "order" else _whole
    shown = [at for at, option in enumerate(options) if shows(option, text)]
    return shown[0] if len(shown) == 1 else None


def hinted(match: str, option: str, prompt: str) -> bool:
    """Whether a prompt holds the option; with `start` where a line, or a part of a list in a line, begins
    with it."""
    if match == "start":
        return re.search(rf"(?:^|\n|[|:] ?){re.escape(option)}(?:\s|$)", prompt) is not None
    return _whole(option, prompt)


def _begins(option: str, text: str) -> bool:
    rest = text.removeprefix(option)
    return text.startswith(option) and (not rest or rest[0].isspace())


def _whole(option: str, text: str) -> bool:
    whole = rf"(?<!\w){re.escape(option.casefold())}(?!\w)"
    return re.search(whole, text.casefold()) is not None


def _in_order(option: str, text: str) -> bool:
    wanted = [word for word in _WORDS.findall(option.casefold()) if word not in _JOINING]
    first: dict[str, int] = {}
    for found in _WORDS.finditer(text.casefold()):
        first.setdefault(found.group(), found.start())
    places = [first.get(word, -1) for word in wanted]
    return min(places, default=-1) >= 0 and places == sorted(places)
