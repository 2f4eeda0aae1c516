"""Paths of the private overlap, as its OpenAPI description has them."""

BASE = "/overlap/v1/runs"
RUN = f"{BASE}/{{peer}}/{{run}}"
GIVES = "#/components/schemas/overlap-Run"
PATH = {"peer": r"^[^/]{1,200}$", "run": r"^[a-z0-9][a-z0-9-]{0,63}$"}
PART = PATH | {"part": r"^(0|[1-9][0-9]{0,3})$"}
OPERATORS = {"member": r"^.{1,200}$"}
"""An operator says for which of the two members it asks."""
