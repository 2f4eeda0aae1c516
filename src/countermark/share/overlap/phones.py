"""Telephone numbers as members match them: E.164 (spec/identifiers.md)."""

from typing import Final

from countermark.share.item_values import Unfit
from countermark.share.overlap.names import trimmed

_DIGITS: Final = {
    **{zero + digit: str(digit) for zero in (0xFF10, 0x0660, 0x06F0) for digit in range(10)},
    0xFF0B: "+",
}
"""Full-width, Arabic-Indic and extended Arabic-Indic digits, and the full-width plus sign."""
_SEPARATORS: Final = dict.fromkeys(map(ord, " -.()/\u00a0\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u3000"))
"""RFC 3966, 5.1.1 has `-.()`; the others are how people write."""
_NOT_INTERNATIONAL: Final = "a telephone number that is not international as written"
_MOST = 17
"""Digits that are looked at: 15, and a zero of the trunk."""


def phone(value: str) -> str:
    """A plus sign and 7 to 15 digits of a number that is one subscriber's by the numbering plan."""
    text = trimmed(value).translate(_DIGITS)
    if text[:4].lower() == "tel:":
        text = text[4:]
    digits = text.translate(_SEPARATORS)
    if not digits.startswith("+"):
        raise Unfit("a telephone number without + and the country's code")
    digits = digits[1:]
    if not (digits.isascii() and digits.isdigit()):
        raise Unfit("a telephone number with letters, an extension or parameters")
    if not 7 <= len(digits) <= _MOST:
        raise Unfit("a telephone number of under 7 or over 15 digits")
    return f"+{_subscriber(digits)}"


def _subscriber(digits: str) -> str:
    """Digits by the numbering plan; at most the trunk's zero has gone, nothing else is rewritten."""
    import phonenumbers

    try:
        number = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        raise Unfit("a telephone number of no country") from None
    kinds = phonenumbers.PhoneNumberType
    kind = phonenumbers.number_type(number)
    if kind == kinds.UNKNOWN:
        raise Unfit("a telephone number that its numbering plan does not have")
    if kind in (kinds.TOLL_FREE, kinds.PREMIUM_RATE, kinds.SHARED_COST, kinds.UAN, kinds.VOICEMAIL):
        raise Unfit("a telephone number of a service that many share")
    country = str(number.country_code)
    plan = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
    if digits not in (plan, f"{country}0{plan.removeprefix(country)}") or not 7 <= len(plan) <= 15:
        raise Unfit(_NOT_INTERNATIONAL)
    if digits != plan and _subscriber(plan) != plan:
        raise Unfit(_NOT_INTERNATIONAL)
    return plan
