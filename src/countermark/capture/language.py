"""A coarse guess at a language: by script, else by stop words, from the first 400 characters (40 words).

It separates strata of traffic; it is no language identification. Short, mixed or code-like texts give None,
and close relatives (Norwegian and Danish, Serbian and Croatian) are not told apart.
"""

import re

CHARACTERS = 400
WORDS = 40
MIN_HITS = 3

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
)
_MIN_SCRIPT = 8

_STOP_WORDS = {
    "en": "the and of to is in that it for you with are this what how be from your can have not please",
    "de": "der die das und ist ein eine nicht zu mit auf für den von wie ich sie es im dem bitte werden",
    "fr": "le la les et est un une des que pour dans du pas vous sur avec ce qui je il par comment",
    "es": "el la los las y es un una que de para en con por no se del como lo mi más qué",
    "it": "il la gli e è un una che di per in con non si del come lo mi più sono della",
    "pt": "o a os as e é um uma que de para em com não se do da como por mais você",
    "nl": "de het een en is niet van voor met op dat ik je zijn te aan wat hoe er ook",
    "pl": "i w na nie jest się to z że do jak czy o co dla po tak ale od jego",
    "tr": "ve bir bu için ile ne nasıl değil da de çok gibi mi olarak var ben sen",
    "vi": "và của là có không cho một các được trong với này những để bạn tôi như",
    "id": "dan yang di untuk dengan ini itu dari adalah pada tidak saya anda dalam apa bagaimana",
    "sv": "och att det är som en på för med inte av till jag du den ett hur vad har",
}
_LANGUAGES: dict[str, list[str]] = {}
for _language, _words in _STOP_WORDS.items():
    for _word in _words.split():
        _LANGUAGES.setdefault(_word, []).append(_language)
_KNOWN = frozenset(_LANGUAGES)


def guess_language(text: str) -> str | None:
    """ISO 639-1 code, or None when unsure."""
    head = text[:CHARACTERS]
    if not head.isascii():
        for language, script in _SCRIPTS:
            if len(script.findall(head)) >= min(_MIN_SCRIPT, len(head) // 3 + 1):
                return language
    hits = _KNOWN.intersection(head.lower().split(None, WORDS)[:WORDS])
    if len(hits) < MIN_HITS:
        return None
    scores: dict[str, int] = {}
    for word in hits:
        for language in _LANGUAGES[word]:
            scores[language] = scores.get(language, 0) + 1
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    unsure = ranked[0][1] < MIN_HITS or (len(ranked) > 1 and ranked[0][1] == ranked[1][1])
    return None if unsure else ranked[0][0]
