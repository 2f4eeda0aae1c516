"""A conformance kit for TAXII 2.1 servers: black box, one check for each MUST that HTTP can show.

`runner.py` is the way in; `checks_*.py` hold the checks by section of the standard, `table.py` their table.
"""

from countermark.share.conformance.runner import Options, run_kit
from countermark.share.conformance.table import CHECKS

__all__ = ["CHECKS", "Options", "run_kit"]
