"""Free text: sentences of the policy, or text that passes a scrub; words that competitors do not exchange.

The scrub cannot tell a name from a word, and a word list cannot tell what a sentence means. They refuse what
gives itself away; the default deny protects.
"""

import re
import unicodedata
from functools import lru_cache

from countermark.share.policy.document import Policy, Topic

_POSITIVE = "(?:not independent of key|weights not independent of reference|not identical)"
_FAMILY = "(?:infrastructure|registration|content|rhythm)"
SLOTS = {
    "day": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "id": r"dc-[0-9a-f]{8}",
    "kind": r"harvest|pool|undecided",
    "tlp": r"CLEAR|GREEN|AMBER|AMBER\+STRICT",
    "attribution": r"text|radioactivity|canary|lineage|identity",
    "verdict": rf"{_POSITIVE}(?:; {_POSITIVE}){{0,2}}|no difference found|not shown|inconclusive",
    "families": rf"{_FAMILY}(?: and {_FAMILY}){{0,3}}(?: on odd days)?",
    "atlas": r"AML\.(?:T|TA|CS|M)[0-9]{4}(?:\.[0-9]{3})?",
    "indicator": r"IPv4 address|IPv6 address|autonomous system|proxy exit|TLS fingerprint|HTTP fingerprint"
    r"|disposable e-mail domain|prompt template skeleton",
}
"""What may stand in the place of `{slot}` in a text of the policy."""

_REFUSED = (
    (re.compile(r"[0-9]"), "a digit"),
    (re.compile(r"@|\bat\b.{0,20}\bdot\b", re.I), "what may be an e-mail address"),
    (re.compile(r"://|\bwww\.|\b[a-z0-9-]{2,}\.[a-z]{2,}\b", re.I), "what may be a web address or a host"),
    (re.compile(r"[0-9a-f]{0,4}:[0-9a-f]{0,4}:", re.I), "what may be an address"),
    (re.compile(r"\b(mr|mrs|ms|dr|prof|herr|frau|mme|sr|sra)\b\.?", re.I), "a form of address"),
    (re.compile(r"[A-Z][a-z]+(?:[ -][A-Z](?:[a-z]+|\.))+"), "what may be a person's name"),
    (re.compile(r"[^ -~]"), "a character outside printable ASCII"),
    (re.compile(r"[A-Za-z_-]{25,}|[{}<>\\\\=|`]"), "what may be a code or a token"),
)

_NO_NAME = (
    *_REFUSED[1:4],
    _REFUSED[6],
    _REFUSED[7],
    (re.compile(r"[0-9]{4}|[0-9]\D?[0-9]\D?[0-9]"), "a number"),
)


def text_problem(policy: Policy, text: str, most: int) -> str:
    """Why a free text may not leave; empty where it is one of the policy's sentences or passes the scrub."""
    if len(text) > most:
        return f"over {most} characters"
    return "" if is_template(policy, text) else scrub_problem(text)


def is_template(policy: Policy, text: str) -> bool:
    """Whether a text is a sentence of the policy."""
    patterns = _templates(tuple(one.template for one in policy.texts))
    return any(pattern.fullmatch(text) for pattern in patterns)


def name_problem(text: str) -> str:
    """Why a text is no name that an organisation goes by; it may hold digits and several words."""
    problem = next((f"it holds {what}" for pattern, what in _NO_NAME if pattern.search(text)), "")
    return problem or ("over 80 characters" if len(text) > 80 else "")


def scrub_problem(text: str) -> str:
    """What the scrub finds in a text; empty for nothing."""
    return next((f"it holds {what}" for pattern, what in _REFUSED if pattern.search(text)), "")


def topic_of(policy: Policy, text: str) -> Topic | None:
    """The forbidden topic that a text (or a property's name) speaks of, as far as words tell."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", text))
    spaced = re.sub(r"[^a-z0-9$€£%]+", " ", apart.casefold())
    for topic in policy.topics:
        if topic.words and _words(tuple(topic.words)).search(f" {spaced} "):
            return topic
    return None


@lru_cache(maxsize=64)
def _words(words: tuple[str, ...]) -> "re.Pattern[str]":
    forms = []
    for word in words:
        stem = r"\s+".join(map(re.escape, word.removesuffix("*").split()))
        forms.append(stem + (r"[a-z]*" if word.endswith("*") else r"(?:s|es)?"))
    return re.compile(r"(?<![a-z0-9])(?:" + "|".join(forms) + r")(?![a-z0-9])")


@lru_cache(maxsize=8)
def _templates(templates: tuple[str, ...]) -> tuple["re.Pattern[str]", ...]:
    return tuple(re.compile(_expression(one)) for one in templates)


def _expression(template: str) -> str:
    parts = re.split(r"\{([a-z]+)\}", template)
    return "".join(
        f"(?:{SLOTS.get(part, '(?!)')})" if at % 2 else re.escape(part) for at, part in enumerate(parts)
    )


def skeleton_problem(text: str) -> str:
    """Why a template skeleton may not leave: every word that is no slot (`<…>`) has to pass the scrub."""
    if not 3 <= len(text) <= 1000:
        return "a skeleton has 3 to 1,000 characters"
    without = re.sub(r"<(?:slot|text|number|code|name|url)>", " ", text)
    return scrub_problem(without)
