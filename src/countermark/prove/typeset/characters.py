"""The characters that print, and what stands in the place of those that do not.

A reader must see what a text holds: what is invisible, turns the direction of the line, or has no letter in
the fonts inside the typesetter is set as its code point, `[U+202E]`, and never left out.
"""

import re
import unicodedata

_SETTABLE = (
    "\\n\u0020-\u007e\u00a0-\u00ac\u00ae-\u02af"  # Latin
    "\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03ce"  # Greek
    "\u0400-\u045f\u0490-\u04c4\u04c7-\u04cc\u04d0-\u04f9"  # Cyrillic
    "\u05d0-\u05ea\u05f3\u05f4"  # Hebrew, set from right to left
    "\u1e00-\u1e9b\u1e9e\u1ea0-\u1ef9"  # more Latin, with Vietnamese
    "\u2002-\u200a\u2010-\u2027\u2030-\u2037\u2039-\u203e\u2044"  # spaces, dashes, quotation marks
    "\u2070\u2074-\u208e\u20a0-\u20bf"  # superscripts, subscripts, currencies
    "\u2113\u2116\u2122\u2153-\u215e\u2190-\u2199"
    "\u2200-\u220d\u220f\u2211-\u2213\u2217-\u221e\u2227-\u222b\u2248\u2260\u2261\u2264\u2265"
    "\u25a0\u25a1\u25cb\u25cf\u2713\u2717"
)
"""Every one of them is in a font inside `typst`, regular and bold; a test sets them all."""
_OTHER = re.compile(f"[^{_SETTABLE}]")
_OTHER_ON_ONE_LINE = re.compile(f"\\n|[^{_SETTABLE}]")


def printable(text: str, *, one_line: bool = False) -> str:
    """The text in normal form C, with the code point in the place of what cannot be seen or set.

    A new line stays one, unless the text has to stand on one line. A tab is a character that cannot be seen.
    """
    other = _OTHER_ON_ONE_LINE if one_line else _OTHER
    return other.sub(_code_point, unicodedata.normalize("NFC", text.replace("\r\n", "\n")))


def _code_point(found: re.Match[str]) -> str:
    return f"[U+{ord(found[0]):04X}]"
