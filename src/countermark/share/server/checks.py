"""`POST watermark/check`: whose mark is in this text? And what was asked in a matter so far.

The text is in memory alone, for as long as it is worked on. What the log holds is written before the text
leaves this node (the consent, the check) and before anything is answered (verdicts, outcome).
"""

import asyncio
import re
import secrets
from array import array
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from countermark.errors import Error
from countermark.share.check import correction
from countermark.share.check.correction import Correction, Earlier, Told, correct
from countermark.share.check.messages import MOST_TEXT, Check, PoolAnswer, Question
from countermark.share.check.verdicts import text_digest
from countermark.share.server.api import Api, add, reply
from countermark.share.server.check_callers import ASKERS, Callers, Turns, Who
from countermark.share.server.check_node import Node, Plan
from countermark.share.server.check_peers import CheckPeers, Reply
from countermark.share.server.errors import TaxiiError
from countermark.store.exchange import Asked, Begun, Entry, Over

CONSENT, CHECKED = "watermark-consent", "watermark-check"
CONTRADICTED = "watermark-verdict-contradicted"
_MOST_NAMED = 10
"""Pools by commitment in an entry of a contradiction."""
VERDICT, REFUSED_VERDICT, OUTCOME = "watermark-verdict", "watermark-verdict-refused", "watermark-outcome"
LATER_SECONDS = 600
"""After which somebody comes back for what could not be said because a member did not answer."""
RETRY_HEADER = "idempotency-key"
_RETRY = re.compile(r'"?([0-9a-f]{64})"?', re.ASCII)
_MOST_BODY = 12 * MOST_TEXT + 4096
"""Bytes: a character is at most two escapes of six."""


@dataclass(frozen=True)
class _Asked:
    """One check while it is worked on."""

    who: Who
    check: Check
    salt: str
    digest: str
    plan: Plan
    ids: Mapping[str, str]
    """`member_id` by name."""
    begun: Begun
    entries: list[int]
    """Indices in the log of the consent, where there is one, and the check."""

    def __repr__(self) -> str:
        return f"_Asked({self.begun.check_id[:8]}…)"


@dataclass(frozen=True)
class _Found:
    """What the detectors said."""

    local: list[PoolAnswer]
    """Of this node's own detectors."""
    replies: list[Reply]
    contradicted: Mapping[str, Mapping[str, int]]
    """By member, then by commitment: for how many keys it said something else than the copy here."""

    @property
    def pools(self) -> list[PoolAnswer]:
        """The copies that this node holds stand before their owners' answers: they count."""
        theirs = [pool for one in self.replies if one.verdict is not None for pool in one.verdict.pools]
        return [*self.local, *theirs]

    @property
    def missing(self) -> dict[str, str]:
        """By member, why it gave no answer that counts."""
        return {one.member: one.reason for one in self.replies if one.verdict is None}


class Checks:
    """The endpoints."""

    def __init__(self, api: Api, node: Node, callers: Callers, peers: CheckPeers) -> None:
        self._api, self._node, self._callers, self._peers = api, node, callers, peers
        self._settings, self._checks = node.settings, api.store.checks
        at_once = self._settings.at_once
        self._turns = Turns(at_once, max(1, at_once // 2))

    def router(self) -> APIRouter:
        """The routes."""

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            yield
            await self._peers.close()

        router = APIRouter(lifespan=lifespan)
        found = {200: "what the caller's role is told of the text"}
        add(
            router,
            "POST",
            "/watermark/check",
            self.check,
            success=found,
            headers={"Idempotency-Key": r"^[0-9a-f]{64}$"},
            body="#/components/schemas/watermark-check",
            gives="#/components/schemas/watermark-told",
            anonymous=self._settings.anonymous,
        )
        return router

    async def check(self, request: Request) -> Response:
        """One check."""
        who = await self._callers.asking(request)
        check = await self._received(request, who)
        matter = None if who.public else check.matter
        if not who.public and matter is None:
            raise await self._callers.refusal(who, 422, "matter", "a check names the matter that it is for")
        with self._turns.one(who.turn):
            asked = await self._begin(request, who, check, matter)
            found = await self._ask(asked)
            return await self._answer(asked, found)

    async def _received(self, request: Request, who: Who) -> Check:
        """The body; `TaxiiError` 413 or 422, with an entry in the log for a text that is too long."""
        try:
            async with self._api.bodies.received(request, who.submitter) as body:
                if len(body) > _MOST_BODY:
                    raise TaxiiError(413, "the body is too large", f"at most {_MOST_BODY} bytes")
                if who.token is not None:
                    await self._callers.may_check(await self._api.caller_still(request))
                return msgspec.json.decode(body, type=Check)
        except TaxiiError as error:
            if error.status == 413:
                said = await self._callers.refusal(who, 413, "too long", "the text is too long")
                error.reason, error.is_logged = said.reason, said.is_logged
            raise
        except msgspec.ValidationError as error:
            if "$.text" in str(error) and f"<= {MOST_TEXT}" in str(error):
                title = f"the text is over {MOST_TEXT:,} characters"
                raise await self._callers.refusal(who, 422, "too long", title) from None
            raise TaxiiError(422, "the body is no check", _where(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise TaxiiError(422, "the body is not JSON") from None

    async def _begin(self, request: Request, who: Who, check: Check, matter: str | None) -> _Asked:
        """Count it, give it its place, and have it in the log."""
        retry_id = None if who.public else _retry_id(request)
        if retry_id is not None and check.salt is None:
            raise TaxiiError(422, "a check with a name of its own brings the salt of its digest")
        salt = check.salt or secrets.token_hex(32)
        try:
            digest = text_digest(salt, check.text)
        except Error as error:
            raise TaxiiError(422, error.message) from None
        plan = await self._api.work.quick(self._node.plan, consent=check.consent, public=who.public)
        if not plan.family.hypotheses:
            title = "there are no keys here to check with"
            title += "" if check.consent else "; with your consent the members' detectors are asked"
            raise await self._callers.refusal(who, 409, "no keys", title, consent=check.consent)
        asked = Asked(
            check_id=secrets.token_hex(32),
            submitter=who.submitter,
            matter=matter,
            text_digest=digest,
            hypotheses=plan.family.hypotheses,
            retry_id=retry_id,
        )
        ids = await self._api.work.quick(self._node.ids)
        begun = await self._placed(who, asked, check.consent, plan, ids)
        entries = await self._api.auditor.logged(begun.entries)
        return _Asked(who, check, salt, digest, plan, ids, begun, entries)

    async def _placed(
        self, who: Who, asked: Asked, consent: bool, plan: Plan, ids: Mapping[str, str]
    ) -> Begun:
        about = {"matter": asked.matter, "text_digest": asked.text_digest}
        peers = [ids[one] for one in plan.peers if one in ids]

        def entries(begun: Begun) -> list[Entry]:
            fields = {"check": begun.check_id, "ordinal": begun.ordinal, "again": begun.again} | about
            asks = {"consent": consent, "hypotheses": asked.hypotheses, "asks": list(plan.peers)}
            made: list[Entry] = [(CHECKED, who.entry(**fields, **asks))]
            if consent:
                given = who.entry(**fields, owners=peers, submitter=who.name, asks=list(plan.peers))
                made.insert(0, (CONSENT, given))
            return made

        refused = self._callers.over(who, about)
        quotas = self._callers.quotas(who)
        try:
            begun = await self._api.work.slow(self._checks.begin, asked, quotas, entries, refused)
        except Error as error:
            if asked.retry_id is None:
                raise
            raise await self._callers.refusal(who, 409, "another check's name", error.message) from None
        if isinstance(begun, Over):
            raise await self._callers.used_up(begun)
        return begun

    async def _ask(self, asked: _Asked) -> _Found:
        """Own detectors and peers, all at once."""
        plan, check = asked.plan, asked.check
        local: list[PoolAnswer] = []
        replies: list[Reply] = []

        async def here() -> None:
            if plan.local is not None:
                local.extend(await self._node.score(plan.local, check.text, asked.who.turn))

        async def others() -> None:
            if plan.peers:
                replies.extend(await self._peers.ask(plan.peers, _question(asked), plan.register))

        try:
            await asyncio.gather(here(), others())
        except Error:
            title = "the text cannot be scored"
            raise await self._callers.refusal(asked.who, 422, "text", title) from None
        said = [(one.member, one.verdict.pools) for one in replies if one.verdict is not None]
        least = self._settings.min_tokens
        against = {member: correction.contradicted(local, pools, least) for member, pools in said}
        return _Found(local, replies, {member: pools for member, pools in against.items() if pools})

    async def _answer(self, asked: _Asked, found: _Found) -> Response:
        """Correct, log, and tell what the role is told."""
        who, missing = asked.who, found.missing
        judged = await self._api.work.slow(self._judge, asked, found)
        withheld = who.role not in ASKERS and correction.withheld(judged, missing)
        entries = _entries(asked, found, judged, withheld=withheld)
        finish = self._checks.finish
        figures = array("d", judged.left_behind.log10_p).tobytes()
        numbers = await self._api.work.slow(
            lambda: finish(
                asked.begun,
                entries,
                word=judged.word,
                marks=judged.marks,
                complete=not missing,
                figures=figures,
            )
        )
        indices = await self._api.auditor.logged(numbers)
        if withheld:
            raise _later()
        if who.public:
            return reply(correction.answer(judged, missing))
        told = Told(
            check_id=asked.begun.check_id,
            matter=asked.check.matter or "",
            consent=asked.check.consent,
            answered=_answered(asked.plan, found),
            missing=missing,
            salt=asked.salt,
            text_digest=asked.digest,
            entries=[*asked.entries, *indices],
            contradicted=list(found.contradicted),
            verdicts=[one.envelope.decode() for one in found.replies if one.verdict is not None],
        )
        if who.role in ASKERS:
            return reply(correction.outcome(judged, told))
        return reply(correction.finding(judged, told))

    def _judge(self, asked: _Asked, found: _Found) -> Correction:
        begun, settings = asked.begun, self._settings
        earlier: list[Earlier] = []
        if begun.number and begun.ordinal > 1:
            kept = array("d", self._checks.figures(begun.number, begun.ordinal))
            before = begun.asked_so_far - asked.plan.family.hypotheses
            earlier = [Earlier(before, tuple(kept))]
        return correct(
            found.pools,
            asked.plan.family,
            ordinal=begun.ordinal if begun.number else None,
            alpha=settings.public_alpha if asked.who.public else settings.alpha,
            min_tokens=settings.min_tokens,
            earlier=earlier,
        )


def _later() -> TaxiiError:
    title = "not all members that were asked have answered, and nothing can be said before"
    return TaxiiError(503, title, headers={"Retry-After": str(LATER_SECONDS)})


def _question(asked: _Asked) -> Question:
    check = asked.check
    return Question(
        request_id=secrets.token_hex(32),
        text=check.text,
        salt=asked.salt,
        text_digest=asked.digest,
        submitter=asked.who.name,
        matter="public" if asked.who.public else check.matter or "",
        consent_entry=asked.entries[0],
        consent_at=datetime.now(UTC).replace(microsecond=0),  # of the entry, a moment ago
    )


def _answered(plan: Plan, found: _Found) -> list[str]:
    """Members whose keys were all answered for by themselves, or in part by who holds them."""
    local = {} if plan.local is None or not found.local else {one.member for one in plan.local.registered()}
    theirs = {one.member for one in found.replies if one.verdict is not None}
    return sorted({*local, *theirs} - set(found.missing))


def _entries(asked: _Asked, found: _Found, judged: Correction, *, withheld: bool) -> list[Entry]:
    """One for each member that was asked, whatever it answered, and one for the outcome: whose submitter can
    have its proof, so that it has no word where the answer has none."""
    about = {"check": asked.begun.check_id}
    made: list[Entry] = []
    for one in found.replies:
        fields: dict[str, Any] = about | {"of": one.member, "envelope_sha256": one.envelope_sha256}
        fields["owners"] = [asked.ids[one.member]] if one.member in asked.ids else []
        if one.verdict is None:
            made.append((REFUSED_VERDICT, asked.who.entry(**fields, reason=one.reason)))
        else:
            made.append((VERDICT, asked.who.entry(**fields, keys=one.verdict.keys)))
        if pools := found.contradicted.get(one.member):
            about_keys = {"keys": sum(pools.values()), "commitments": sorted(pools)[:_MOST_NAMED]}
            made.append((CONTRADICTED, asked.who.entry(**fields, **about_keys)))
    fields = about | {
        "word": None if withheld else judged.word,
        "marks": judged.marks,
        "hypotheses": judged.hypotheses,
    }
    fields |= {"alpha": repr(judged.alpha), "complete": not found.missing, "here": bool(found.local)}
    made.append((OUTCOME, asked.who.entry(**fields)))
    return made


def _retry_id(request: Request) -> str | None:
    given = request.headers.getlist(RETRY_HEADER)
    if not given:
        return None
    match = _RETRY.fullmatch(given[0].strip()) if len(given) == 1 else None
    if match is None:
        raise TaxiiError(422, "Idempotency-Key is 64 hex digits, in lower case, once")
    return match[1]


def _where(error: msgspec.ValidationError) -> str:
    """Which part of a body is not as it has to be, without a word of the body."""
    match = re.search(r"\$\.([a-z_]{1,40})", str(error))
    return match[1] if match else ""
