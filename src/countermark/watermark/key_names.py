"""The public name of a working key, from the content of its key file; the same for every scheme."""

import re

from countermark.errors import Error
from countermark.trust.derivation import integers_key_id, key_id
from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import Profile

_OURS = re.compile(rb"[0-9a-fA-F]{32}")
_INTEGER = re.compile(rb"-?(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})")
_NAME = re.compile(r"[0-9a-f]{16}")


def name_of_key(key: Secret) -> str:
    """16 hex digits: of 32 hex digits as bytes, else of one integer a line, decimal or 0x hex."""
    text = key.reveal().strip()
    if _OURS.fullmatch(text):
        return key_id(Secret(bytes.fromhex(text.decode())))
    lines = text.split()
    if not lines or not all(_INTEGER.fullmatch(line) for line in lines):
        raise Error("the key file holds neither 32 hex digits nor integers, one a line")
    values = [int(line, 16 if b"x" in line.lower() else 10) for line in lines]
    if not -(1 << 63) <= min(values) <= max(values) < 1 << 64:
        raise Error("the key file holds an integer of more than 64 bits")
    return integers_key_id([value % (1 << 64) for value in values])


def check_key_is_named(profile: Profile, key: Secret) -> None:
    """Raise where the profile names its key by `name_of_key` and this is another one."""
    if _NAME.fullmatch(profile.key_id) and name_of_key(key) != profile.key_id:
        raise Error(
            f"the key file holds another key than {profile.key_id}, which the profile names",
            hint="a mark is found under its own key only",
        )
