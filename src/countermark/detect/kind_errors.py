"""The classification's own error rates, measured by `benchmarks/kinds.py` on generated worlds.

They hold for those worlds. A provider that knows the truth of past campaigns measures its own.
"""

import json
from importlib.resources import files
from typing import Any

from countermark.stats.binomial import clopper_pearson


def kind_errors() -> dict[str, Any]:
    """For each kind of planted group: how many there were, how many came out wrong, and the 95% interval."""
    measured: dict[str, Any] = json.loads(
        files("countermark.detect").joinpath("kind_errors.json").read_text()
    )
    rates = {}
    for name, counts in measured["counts"].items():
        low, high = clopper_pearson(counts["wrong"], counts["trials"])
        rates[name] = {**counts, "low": round(low, 4), "high": round(high, 4)}
    return {"measured_on": measured["measured_on"], "rates": rates}
