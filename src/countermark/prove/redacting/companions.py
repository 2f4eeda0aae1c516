"""Digests in `findings.json` that would confirm a guess of what is taken out: they go with it."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import msgspec

from countermark.prove.leaves.leaf_fields import fields_of
from countermark.prove.leaves.leaf_files import Chooser
from countermark.prove.leaves.leaves import lines_of_table
from countermark.prove.package.layout import FINDINGS_JSON, Contents, data_of, read_object
from countermark.prove.package.tables import MEMBERS
from countermark.prove.redacting.takes import Take

_BLIND = "/blind"
_OF_MEMBERS = ("members_digest", "revision")


class _Line(msgspec.Struct):
    campaign_id: str | None = None


_LINE = msgspec.json.Decoder(_Line)


def companions(
    contents: Contents,
    takes: Sequence[Take],
    by_name: Mapping[str, Sequence[int]],
    whole: Mapping[int, str],
) -> list[Take]:
    """What else goes out of `findings.json`, on the ground of what it goes with.

    Of a campaign with a member that goes, `members_digest` (over the sorted account ids) and `revision`; of
    one with a field that goes, `revision`; and `blind`, where there is one, so that nobody makes the digest
    again that the whole had when it was sealed. `by_name` and `whole`: numbers of the takes by table or
    document, and the file of each take of a whole one.
    """
    if FINDINGS_JSON not in contents or FINDINGS_JSON in whole.values():
        return []
    wanted: dict[str, str] = {}
    for campaign, ground in _campaigns_of_members(contents, takes, by_name, whole).items():
        wanted |= {f"/campaigns/{campaign}/{key}": ground for key in _OF_MEMBERS}
    fields = dict(fields_of(data_of(contents, FINDINGS_JSON)))
    chooser = _chooser(takes, by_name.get(FINDINGS_JSON, ()))
    for pointer in fields:
        if (chosen := chooser.of_field(pointer)) and not chooser.stays(pointer):
            wanted.setdefault(_BLIND, chosen[1])
            if pointer.startswith("/campaigns/"):
                wanted.setdefault("/".join((*pointer.split("/")[:3], "revision")), chosen[1])
    there = {pointer: ground for pointer, ground in wanted.items() if fields.get(pointer, b"null") != b"null"}
    if there and fields.get(_BLIND, b"null") != b"null":
        there.setdefault(_BLIND, next(iter(there.values())))
    grounds = sorted(set(there.values()))
    return [
        Take(ground=ground, name=FINDINGS_JSON, pointers=tuple(one for one in there if there[one] == ground))
        for ground in grounds
    ]


def is_blind(findings: bytes) -> bool:
    """Whether `findings.json` had random bytes, or has them."""
    return _BLIND[1:] in read_object(findings, FINDINGS_JSON)


def _campaigns_of_members(
    contents: Contents,
    takes: Sequence[Take],
    by_name: Mapping[str, Sequence[int]],
    whole: Mapping[int, str],
) -> dict[int, str]:
    """Place in `findings.json` of each campaign with a member that goes, and the ground."""
    campaigns = read_object(data_of(contents, FINDINGS_JSON), FINDINGS_JSON).get("campaigns")
    places: dict[Any, int] = {}
    for at, one in enumerate(campaigns if isinstance(campaigns, list) else ()):
        if isinstance(one, dict):
            places[one.get("campaign_id")] = at
    for number, name in whole.items():
        if name == MEMBERS:
            return dict.fromkeys(places.values(), takes[number].ground)
    if MEMBERS not in by_name:
        return {}
    found: dict[int, str] = {}
    chooser = _chooser(takes, by_name[MEMBERS])
    with closing(contents[MEMBERS].open()) as stream:
        for index, line in enumerate(lines_of_table(stream)):
            chosen = chooser.of_line(index, line) or chooser.of_field(f"/{index}/account_id")
            campaign = _LINE.decode(line).campaign_id if chosen else None
            if chosen and campaign in places:
                found.setdefault(places[campaign], chosen[1])
    return found


def _chooser(takes: Sequence[Take], numbers: Sequence[int]) -> Chooser:
    return Chooser([(number, takes[number]) for number in numbers])
