"""`countermark log open-privileged`: counsel opens what privileged runs were about."""

from pathlib import Path
from typing import Annotated, Any

import typer

from countermark.cli.log_options import Json, Out, PrivateLog, show
from countermark.cli.output import note

OPEN_SCHEMA = "countermark/log-open-privileged/v1"


def open_privileged(
    log: PrivateLog,
    identity: Annotated[
        Path, typer.Option("--identity", metavar="FILE", help="Counsel's age identity (0600).")
    ],
    matter: Annotated[str, typer.Option("--matter", help="Of this matter only.")] = "",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Open the sealed details of privileged runs; each is checked against the digest in the log.

    Exit 20 where a sealed file is missing or another than when it was logged.
    """
    import msgspec

    from countermark.trust.log import Log
    from countermark.trust.privileged import open_privileged as opened

    runs: list[dict[str, Any]] = [msgspec.to_builtins(one) for one in opened(Log.open(log), identity, matter)]
    lines = [f"run {one['run']:>5}  {one['kind']:<12} {_shown(one['details'])}" for one in runs]
    if not runs:
        note("no privileged run there: nothing to open")
    show(OPEN_SCHEMA, {"log": str(log), "runs": runs}, lines, as_json, out)


def _shown(details: dict[str, Any]) -> str:
    import json

    return json.dumps(details, ensure_ascii=False)
