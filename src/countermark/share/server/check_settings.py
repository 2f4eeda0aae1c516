"""What `exchange.toml` says of the joint watermark check.

[check]         this node's name among the members, its signing key, levels, quotas a day
[[detectors]]   keys that this node scores texts under (share/check/settings.py)
[[peers]]       other nodes that are asked where the submitter consents
"""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from countermark.errors import Error
from countermark.records.exchange import Role
from countermark.share.check.settings import DetectorSettings

Level = Annotated[float, msgspec.Meta(gt=0, le=0.1)]
PerDay = Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]
File = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
"""Path of a file, from the data folder."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_NEAR = ("127.0.0.1", "::1", "localhost")


class CheckSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Table `[check]`."""

    member: Name | None = None
    """Under which name this node answers for its keys; the operator's node has none."""
    key_file: File | None = None
    """Ed25519 key that signs this member's verdicts."""
    alpha: Level = 0.01
    """Of a matter: the chance of one wrong mark or more in it, ever, is at most this."""
    public_alpha: Level = 1e-6
    """Of one check of the public."""
    min_tokens: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 200
    """Distinct scored tokens under which a key is not judged."""
    answer_seconds: Annotated[float, msgspec.Meta(gt=0, le=600)] = 10
    """For a peer to answer."""
    threads: Annotated[int, msgspec.Meta(ge=1, le=256)] = 2
    """Texts that are scored at once; of one who asks, half of them."""
    at_once: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 64
    """Checks in work at once, of one submitter half of them; questions of each node that asks, as many."""
    anonymous: bool = False
    """Whether who brings no credentials is answered as the public is."""
    member_day: PerDay = 1000
    regulator_day: PerDay = 1000
    fact_checker_day: PerDay = 1000
    public_day: PerDay = 20
    """Of one caller of the public, or of one address."""
    public_total_day: PerDay = 1000
    """Of all the public together: far below what peers answer a node, or strangers use that up."""
    asker_day: PerDay = 10_000
    """Questions of one node that asks this one; a quarter of them at the most for one submitter there."""

    def most(self, role: Role) -> int:
        """Checks a day of a caller of this role."""
        by_role = {"regulator": self.regulator_day, "fact-checker": self.fact_checker_day}
        return self.public_day if role == "public" else by_role.get(role, self.member_day)


class PeerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of `[[peers]]`: a node that answers for a member's keys."""

    name: Name
    """Of the member."""
    url: str
    """`https://HOST[:PORT]`, or `http://` on this machine."""
    token_file: File
    """Token of this node there, with the action `check`."""
    ca_file: File | None = None
    public_key: File
    """By which its verdicts are signed; handed over by the member itself."""


def check_tables(
    check: CheckSettings,
    detectors: tuple[DetectorSettings, ...],
    peers: tuple[PeerSettings, ...],
    bad: Callable[[str], Error],
) -> None:
    """Raise what `bad` makes of the first thing that cannot be as it is."""
    if (check.member is None) != (check.key_file is None):
        raise bad("check.member and check.key_file belong together")
    if any(one.status == "own" and one.owner != check.member for one in detectors):
        raise bad('one of [[detectors]] is "own", and its owner is not check.member')
    names = [one.name for one in peers]
    if len(set(names)) < len(names) or check.member in names:
        raise bad("two of [[peers]] have one name, or one has this node's")
    for peer in peers:
        if not _is_safe(peer.url):
            raise bad("the url of one of [[peers]] is no https:// address without anything else in it")


def _is_safe(url: str) -> bool:
    try:
        parsed = urlsplit(url)
        plain = parsed.path in ("", "/") and not (parsed.query or parsed.fragment or "@" in parsed.netloc)
        near = parsed.scheme == "http" and parsed.hostname in _NEAR
        return bool(parsed.hostname) and parsed.port != 0 and plain and (parsed.scheme == "https" or near)
    except ValueError:
        return False
