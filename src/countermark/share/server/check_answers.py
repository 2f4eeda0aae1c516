"""`POST watermark/answers`: another node asks what this member's keys say of a text.

Only operators and members ask, with the record of the submitter's consent; each question is in this node's
log too. The text goes no further, and is gone when the verdict is signed.
"""

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import Final

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.errors import Error
from countermark.share.check.messages import Question
from countermark.share.check.verdicts import AHEAD, OLDEST, sign_verdict, text_digest
from countermark.share.server.api import JSON, Api, add
from countermark.share.server.check_callers import ASKERS, Callers, Turns, Who
from countermark.share.server.check_node import Node
from countermark.share.server.errors import TaxiiError
from countermark.store.exchange import Entry, Quota

QUESTION = "watermark-question"
SHARES: Final = 4
"""Of a node's questions a day; one submitter, by its name there, has one share at the most."""


class Answers:
    """The endpoint."""

    def __init__(self, api: Api, node: Node, callers: Callers) -> None:
        self._api, self._node, self._callers = api, node, callers
        self._own = node.detectors.of(owner=node.settings.member) if node.detectors is not None else None
        at_once = node.settings.at_once
        self._turns = Turns(4 * at_once, at_once)

    def router(self) -> APIRouter:
        """The route."""
        router = APIRouter()
        found = {200: "the signed verdict, a DSSE envelope"}
        body, answer = "#/components/schemas/watermark-question", "#/components/schemas/dsse"
        path = "/watermark/answers"
        add(router, "POST", path, self.answer, success=found, body=body, gives=answer)
        return router

    async def answer(self, request: Request) -> Response:
        """One question."""
        who = await self._callers.may_check(await self._api.caller(request))
        if who.role not in ASKERS:
            raise await self._callers.refusal(who, 403, "role", "you may not ask a member's detector here")
        async with self._api.bodies.received(request, who.submitter) as body:
            await self._callers.may_check(await self._api.caller_still(request))
            try:
                question = msgspec.json.decode(body, type=Question)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise await self._refused_body(who, error) from None
        with self._turns.one(who.turn):
            return await self._answer(who, question)

    async def _refused_body(self, who: Who, error: Exception) -> TaxiiError:
        text = str(error)
        if "consent" in text:
            title = "a question says where and when the submitter's consent was recorded"
            return await self._callers.refusal(who, 422, "consent", title)
        if "$.text" in text:
            return await self._callers.refusal(who, 422, "too long", "the text is too long, or none")
        return TaxiiError(422, "the body is no question")

    async def _answer(self, who: Who, question: Question) -> Response:
        own, key, member = self._own, self._node.key, self._node.settings.member
        await self._check(who, question)
        if own is None or not len(own) or key is None or member is None:
            raise await self._callers.refusal(who, 409, "no keys", "this node answers for no keys")
        await self._count(who, question)
        # in the log when the verdict leaves; scored meanwhile
        logged = self._api.auditor.drain()
        try:
            pools, _ = await asyncio.gather(self._node.score(own, question.text, who.turn), logged)
        except Error:
            title = "the text cannot be scored"
            raise await self._callers.refusal(who, 422, "text", title) from None
        envelope = await self._api.work.slow(
            lambda: sign_verdict(
                key,
                member=member,
                request_id=question.request_id,
                text_digest=question.text_digest,
                pools=pools,
                now=datetime.now(UTC),
            )
        )
        return Response(envelope, media_type=JSON)

    async def _check(self, who: Who, question: Question) -> None:
        at, now = question.consent_at, datetime.now(UTC)
        if question.consent_entry < 0 or at.tzinfo is None or not now - OLDEST <= at <= now + AHEAD:
            title = "the consent that the question states is not of this time"
            raise await self._callers.refusal(who, 422, "consent", title)
        try:
            digest = text_digest(question.salt, question.text)
        except Error as error:
            raise TaxiiError(422, error.message) from None
        if digest != question.text_digest:
            raise await self._callers.refusal(who, 422, "digest", "the digest is that of another text")

    async def _count(self, who: Who, question: Question) -> None:
        about = {
            "request": question.request_id,
            "text_digest": question.text_digest,
            "submitter": question.submitter,
            "matter": question.matter,
            "consent_entry": question.consent_entry,
            "consent_at": question.consent_at.astimezone(UTC).isoformat(timespec="seconds"),
        }
        entry: Entry = (QUESTION, who.entry(**about))
        most, name = self._node.settings.asker_day, hashlib.sha256(question.submitter.encode()).hexdigest()
        quotas = [  # the share first: what is over it does not use up the node's
            Quota(
                what="questions-of",
                who=f"{who.submitter} {name}",
                most=max(1, most // SHARES),
                by=who.submitter,
            ),
            Quota(what="questions", who=who.submitter, most=most),
        ]
        refused = self._callers.over(who, about)
        over = await self._api.work.slow(self._api.store.checks.use, quotas, refused, [entry])
        if over is not None:
            raise await self._callers.used_up(over)
