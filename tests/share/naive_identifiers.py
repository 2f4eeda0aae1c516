"""A second implementation of the identifiers, slow and plain, written from spec/identifiers.md alone.

None stands for an input that is refused.
"""

import json
import socket
import string
import unicodedata

import idna
import phonenumbers

BLANKS = {*range(0x09, 0x0E), 0x20, 0xA0, 0x3000, 0xFEFF}
SKELETON_BLANKS = {*range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)}
SKELETON_BLANKS |= {0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
LOWER, DIGITS = string.ascii_lowercase, string.digits
IPV4_BLOCKS = (
    *("0/8", "10/8", "100.64/10", "127/8", "169.254/16", "172.16/12", "192.0.0/24", "192.31.196/24"),
    *("192.52.193/24", "192.88.99/24", "192.168/16", "192.175.48/24", "198.18/15", "224/4", "240/4"),
)
SPECIAL = (
    *("alt", "arpa", "invalid", "local", "localhost", "test"),
    *("corp", "home", "internal", "intranet", "lan", "localdomain", "private"),
)
SHARED = ("TOLL_FREE", "PREMIUM_RATE", "SHARED_COST", "UAN", "VOICEMAIL")


def item(kind, value):
    return b"countermark/identifiers/v1" + b"\0" + kind.encode() + b"\0" + value.encode()


def trim(text):
    while text and ord(text[0]) in BLANKS:
        text = text[1:]
    while text and ord(text[-1]) in BLANKS:
        text = text[:-1]
    return text


def assigned(text):
    return all(unicodedata.ucd_3_2_0.category(one) != "Cn" for one in text)


def label(text, last):
    if not 1 <= len(text) <= 63 or any(one not in LOWER + DIGITS + "-" for one in text):
        return False
    if text[0] == "-" or text[-1] == "-":
        return False
    return not last or (text[0] in LOWER and len(text) >= 2)


def host(text):
    if all(ord(one) < 128 for one in text):
        text = "".join(one.lower() for one in text)
    else:
        try:
            if len(text) > 253:
                return None
            text = idna.uts46_remap(text)
            if not assigned(text):
                return None
            text = ".".join(
                one if one == "" or one.isascii() else idna.encode(one, strict=True).decode()
                for one in text.split(".")
            )
        except (idna.IDNAError, UnicodeError):
            return None
    if text.endswith("."):
        text = text[:-1]
    labels = text.split(".")
    if len(labels) < 2 or len(text) > 253:
        return None
    if not all(label(one, place == len(labels) - 1) for place, one in enumerate(labels)):
        return None
    if labels[-1] in SPECIAL or labels[-2:] in ([["example", top] for top in ("com", "net", "org")]):
        return None
    return text


def domain(text):
    return host(trim(text))


def email(text):
    parts = trim(text).split("@")
    if len(parts) != 2 or not parts[0].isascii():
        return None
    local, name = parts[0].lower(), host(parts[1])
    atoms = local.split(".")
    if name is None or len(local) > 64:
        return None
    if any(atom == "" or set(atom) - set(LOWER + DIGITS + "!#$%&'*+/=?^_`{|}~-") for atom in atoms):
        return None
    if name in ("gmail.com", "googlemail.com"):
        name = "gmail.com"
        local = local.split("+")[0].replace(".", "")
        if local == "":
            return None
    whole = local + "@" + name
    return whole if len(whole) <= 254 else None


def ipv4(text):
    text = trim(text)
    try:
        number = int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")
    except (OSError, ValueError):
        return None
    for block in IPV4_BLOCKS:
        start, bits = block.split("/")
        octets = [int(one) for one in start.split(".")] + [0, 0, 0]
        first = int.from_bytes(bytes(octets[:4]), "big")
        if number >> (32 - int(bits)) == first >> (32 - int(bits)):
            return None
    return text


def ipv6(text):
    text = trim(text)
    if text.endswith("/64"):
        text = text[:-3]
    try:
        packed = socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return None
    groups = [int.from_bytes(packed[place : place + 2], "big") for place in range(0, 16, 2)]
    if not 0x2000 <= groups[0] <= 0x3FFF or groups[0] == 0x2002:
        return None
    if groups[0] == 0x2001 and groups[1] < 0x200:
        return None
    if groups[:3] == [0x2620, 0x4F, 0x8000]:
        return None
    upper = groups[:4]
    while upper[-1] == 0:
        upper = upper[:-1]
    return ":".join(f"{one:x}" for one in upper) + "::/64"


def phone(text):
    for zero in (0xFF10, 0x660, 0x6F0):
        for digit in range(10):
            text = text.replace(chr(zero + digit), str(digit))
    text = trim(text).replace("\uff0b", "+")
    if text[:4].lower() == "tel:":
        text = text[4:]
    for separator in " -.()/\u00a0\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u3000":
        text = text.replace(separator, "")
    return read(text)


def read(text):
    if text[:1] != "+" or set(text[1:]) - set(DIGITS) or not 7 <= len(text) - 1 <= 17:
        return None
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    kind = phonenumbers.number_type(number)
    if not phonenumbers.is_valid_number(number):
        return None
    if kind in [getattr(phonenumbers.PhoneNumberType, name) for name in SHARED]:
        return None
    form = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not 7 <= len(form) - 1 <= 15:
        return None
    if form == text:
        return form
    country = len("+" + str(number.country_code))
    if text[:country] + text[country:].replace("0", "", 1) == form and text[country] == "0":
        return form if read(form) == form else None
    return None


def par(text):
    text = "".join(one.upper() if one in LOWER else one for one in trim(text))
    return text if len(text) == 29 and not set(text) - set(string.ascii_uppercase + DIGITS) else None


def skeleton(text):
    text = unicodedata.normalize("NFC", text)
    text = " ".join("".join(" " if ord(one) in SKELETON_BLANKS else one for one in text).split(" "))
    while "  " in text:
        text = text.replace("  ", " ")
    text = text.strip(" ")
    if not 3 <= len(text) <= 1000 or not assigned(text):
        return None
    if any(unicodedata.category(one)[0] in "CZ" and one != " " for one in text):
        return None
    return text if scrubbed(without_slots(text)) else None


def without_slots(text):
    out, place = "", 0
    while place < len(text):
        end = text.find(">", place)
        inside = text[place + 1 : end]
        if text[place] == "<" and end > place and 1 <= len(inside) <= 20 and not set(inside) - set(LOWER):
            out, place = out + " ", end + 1
        else:
            out, place = out + text[place], place + 1
    return out


def scrubbed(text):
    if "@" in text or "://" in text:
        return False
    for place in range(len(text)):
        if len(text[place : place + 3]) == 3 and not set(text[place : place + 3]) - set(DIGITS):
            return False
        before = text[place - 1] if place else " "
        if text[place : place + 4].lower() == "www." and not (before.isalnum() or before == "_"):
            return False
    return all(len(run) < 33 for run in text.replace("<", " ").replace(">", " ").split(" "))


VALUES = {
    "email": email,
    "phone": phone,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "domain": domain,
    "par": par,
    "template-skeleton": skeleton,
}


def planted(run, member, peer):
    names = sorted([member.encode(), peer.encode()])
    return [
        item(
            "planted",
            json.dumps(
                [run, names[0].decode(), names[1].decode(), number],
                ensure_ascii=False,
                separators=(",", ":"),
            ),
        )
        for number in range(100)
    ]


def points(items):
    sizes = [m << e for e in range(7, 19) for m in range(8, 16)]
    return min(size for size in sizes if size >= max(items + 100, 1024))
