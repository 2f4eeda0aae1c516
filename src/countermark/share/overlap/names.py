"""Domain names and e-mail addresses as members match them (spec/identifiers.md).

Plain ASCII takes no library and no table. What is not ASCII is held to Unicode 3.2, which every Python has as
a frozen database (`unicodedata.ucd_3_2_0`): later characters would be taken by one Python and not by another.
"""

import re
import unicodedata
from typing import Final

from countermark.share.item_values import LABEL, Unfit

OUTER: Final = " \t\r\n\f\v\u00a0\u3000\ufeff"
"""Taken off both ends of a value."""
_NAME = re.compile(rf"(?:{LABEL.pattern}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])")
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_MAX_NAME, _MAX_LOCAL, _MAX_EMAIL = 253, 64, 254
_REGISTERED = ("alt", "arpa", "invalid", "local", "localhost", "test")
_PRIVATE = ("corp", "home", "internal", "intranet", "lan", "localdomain", "private")
SPECIAL_TLDS: Final = frozenset((*_REGISTERED, *_PRIVATE))
"""Nobody's in particular: IANA's Special-Use Domain Names (RFC 6761, 6762, 9476) and `arpa` whole (RFC 3172);
what networks use at home (RFC 6762, appendix G; ICANN's SAC113 for `internal`; `localdomain` by habit).
`example` passes, examples are made of it; so does `onion` (RFC 7686), of which every name is one host's."""
SPECIAL_DOMAINS: Final = frozenset(("example.com", "example.net", "example.org"))
"""RFC 6761, 6.5: what people type where an address is asked for."""
_GMAIL = ("gmail.com", "googlemail.com")


def trimmed(value: str) -> str:
    """Without blanks at both ends; raises `Unfit` where nothing is left."""
    text = value.strip(OUTER)
    if not text:
        raise Unfit("an empty value")
    return text


def frozen_unicode(text: str) -> bool:
    """Whether every character was assigned in Unicode 3.2, so that all later databases agree on it."""
    return all(unicodedata.ucd_3_2_0.category(one) != "Cn" for one in text)


def domain(value: str) -> str:
    """A host's whole name: lower case, A-labels, no dot of the root."""
    return _host(trimmed(value))


def email(value: str) -> str:
    """Lower case; at gmail.com and googlemail.com, which are one, dots and what follows a plus sign go."""
    local, at, host = trimmed(value).partition("@")
    if not at or "@" in host:
        raise Unfit("no e-mail address: it has one @")
    if not local.isascii():
        raise Unfit("a local part that is not ASCII")
    local = local.lower()
    if not _LOCAL.fullmatch(local):
        raise Unfit("a local part that is not words with dots between")
    if len(local) > _MAX_LOCAL:
        raise Unfit(f"a local part of over {_MAX_LOCAL} characters")
    name = _host(host)
    if name in _GMAIL:
        local, name = local.partition("+")[0].replace(".", ""), _GMAIL[0]
        if not local:
            raise Unfit("a local part of which gmail.com reads nothing")
    if len(local) + 1 + len(name) > _MAX_EMAIL:
        raise Unfit(f"an e-mail address of over {_MAX_EMAIL} characters")
    return f"{local}@{name}"


def _host(text: str) -> str:
    name = (text.lower() if text.isascii() else _mapped(text)).removesuffix(".")
    if len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise Unfit("no domain name of two labels or more")
    labels = name.rsplit(".", 2)
    if labels[-1] in SPECIAL_TLDS or ".".join(labels[-2:]) in SPECIAL_DOMAINS:
        raise Unfit("a name for special use, which is nobody's in particular")
    return name


def _mapped(text: str) -> str:
    """UTS #46, non-transitional, with STD3's rules; then A-labels of IDNA 2008."""
    import idna

    if len(text) > _MAX_NAME:
        raise Unfit("no domain name of two labels or more")
    try:
        mapped = idna.uts46_remap(text, std3_rules=True)
        if not frozen_unicode(mapped):
            raise Unfit("a domain name with characters newer than Unicode 3.2: give its xn-- form")
        return ".".join(one if one.isascii() else idna.alabel(one).decode() for one in mapped.split("."))
    except (idna.IDNAError, UnicodeError):
        raise Unfit("no domain name by IDNA 2008") from None
