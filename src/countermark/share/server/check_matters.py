"""`GET watermark/matters/{matter}`: what the caller has asked in a matter so far."""

import math
from array import array
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from countermark.share.server.api import Api, add, reply
from countermark.share.server.check_callers import ASKERS, Callers, Who
from countermark.share.server.check_node import Node
from countermark.share.server.errors import not_found
from countermark.share.server.times import taxii_time
from countermark.stats.multiplicity import holm

MOST_LISTED = 1000
"""The last ones."""
_MATTER = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class Matters:
    """The endpoint."""

    def __init__(self, api: Api, node: Node, callers: Callers) -> None:
        self._api, self._node, self._callers = api, node, callers

    def router(self) -> APIRouter:
        """The route."""
        router = APIRouter()
        path, found = "/watermark/matters/{matter}", {200: "the checks of the matter, and counts"}
        add(router, "GET", path, self.get, success=found, parameters={"matter": _MATTER})
        return router

    async def get(self, request: Request) -> Response:
        """One matter of the caller's own."""
        caller = await self._api.caller(request)
        who = await self._callers.may_check(caller)
        if who.public:
            raise await self._callers.refusal(who, 403, "role", "you may not see a matter here")
        found = await self._api.work.slow(self._read, who, request.path_params["matter"])
        if found is None:
            raise not_found()
        return reply(found)

    def _read(self, who: Who, matter: str) -> dict[str, Any] | None:
        found = self._api.store.checks.matter(who.submitter, matter, MOST_LISTED)
        if found is None:
            return None
        number, count, asked, checks = found
        alpha = self._node.settings.alpha
        fields: dict[str, Any] = {
            "schema": "countermark/watermark-matter/v1",
            "matter": matter,
            "checks": count,
            "asked_so_far": asked,
            "alpha": alpha,
            "alpha_spent": alpha * count / (count + 1),
        }
        if who.role in ASKERS:
            fields["holm_so_far"] = self._holm(number, count, asked, alpha)
        told = who.role in ASKERS
        fields["last"] = [
            {
                "check_id": one.check_id,
                "ordinal": one.ordinal,
                "asked_at": taxii_time(one.asked_at),
                "hypotheses": one.hypotheses,
                # what was not said then, because a member was missing, is not said here
                "word": one.word if told or one.complete or one.word == "marked" else None,
                "marks": one.marks,
                "complete": one.complete,
            }
            for one in checks
        ]
        return fields

    def _holm(self, number: int, count: int, asked: int, alpha: float) -> dict[str, Any]:
        """How many of all hypotheses so far Holm over all of them would reject; for information alone."""
        kept = np.array(array("d", self._api.store.checks.figures(number, count + 1)))
        passing = int((holm(kept * math.log(10), asked) <= math.log(alpha)).sum()) if kept.size else 0
        return {"hypotheses": asked, "passing": passing}
