"""The joint watermark check's endpoints, joined."""

from typing import Any, Final

import msgspec
from fastapi import APIRouter

from countermark.share.check.messages import Answer, Check, Finding, Outcome, Question
from countermark.share.server.api import Api
from countermark.share.server.check_answers import Answers
from countermark.share.server.check_callers import Callers
from countermark.share.server.check_keys import CheckKeys
from countermark.share.server.check_matters import Matters
from countermark.share.server.check_node import Node
from countermark.share.server.check_peers import CheckPeers
from countermark.share.server.checks import Checks
from countermark.share.server.folder import DataFolder
from countermark.share.server.peers import Peers

_PLACE = "#/components/schemas/watermark-"


def _schemas() -> dict[str, Any]:
    """Of bodies and answers, by names of ours."""
    kinds = (Check, Question, Outcome, Finding, Answer)
    _, found = msgspec.json.schema_components(kinds, ref_template=f"{_PLACE}{{name}}")
    names = {name: name.lower() for name in found}
    text = msgspec.json.encode(found).decode()
    for name, ours in names.items():
        text = text.replace(f'"{_PLACE}{name}"', f'"{_PLACE}{ours}"')
    told = [{"$ref": f"{_PLACE}{kind.__name__.lower()}"} for kind in (Outcome, Finding, Answer)]
    described = {f"watermark-{names[name]}": one for name, one in msgspec.json.decode(text).items()}
    return described | {"watermark-told": {"anyOf": told}}


CHECK_SCHEMAS: Final = _schemas()
"""For OpenAPI."""


class JointCheck:
    """What one process serves of it."""

    def __init__(self, folder: DataFolder, api: Api, peers: Peers) -> None:
        """Read what `[check]`, `[[detectors]]` and `[[peers]]` name; raises `Error` for what does not fit."""
        self._node = Node(folder)
        settings = folder.settings
        callers = Callers(api, settings.check, peers)
        asked = CheckPeers(settings.peers, settings.check, folder.path)
        self.routers: list[APIRouter] = [
            Checks(api, self._node, callers, asked).router(),
            Answers(api, self._node, callers).router(),
            CheckKeys(api, self._node, callers).router(),
            Matters(api, self._node, callers).router(),
        ]

    def close(self) -> None:
        """Wait for what is being scored."""
        self._node.close()
