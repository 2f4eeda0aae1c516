"""What an attribution is: a plug-in that examines one suspect and states its null.

A test draws nothing that was not drawn by us: a secret key, a random canary, independent initialisation, a
recorded seed. What it found becomes a verdict in `verdict.py`, the same way for all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from countermark.records.attributions import Test, ValidityDomain

ProgressCall = Callable[[float, float], None]
Draw = Callable[[Any], None]
"""Draws into a matplotlib `Axes`."""


@dataclass(frozen=True)
class Examined:
    """What the tests say of one suspect."""

    tests: list[Test]
    problems: list[str] = field(default_factory=list)
    """Why nothing can be concluded, in words; any one makes the verdict inconclusive."""
    unseen: list[str] = field(default_factory=list)
    """What could not be looked at, in words; where nothing passes, the verdict is inconclusive for it."""
    minimum_detectable: dict[str, Any] = field(default_factory=dict)
    """`{"share": …, "model": …}` or another measure with its own name; `share` above 1 or None: no power."""
    properties: dict[str, float | str] = field(default_factory=dict)
    """Of this case, to hold against the validity domain."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """What was chosen, seeds included; nothing secret."""
    draws: bool = True
    """Whether what decides hangs on random draws of ours. In a case it then has to be shown that their seed
    was fixed before; the safe answer is yes."""
    pictures: dict[str, Draw] = field(default_factory=dict)
    """Pictures by file stem."""


class Attributor(Protocol):
    """What stands behind the door `countermark.attributions`.

    It is made for one reference (keys, canaries, a model) and used for the suspect and every control alike.
    """

    name: str
    positive: str
    """The verdict that a low p-value gives, one of `records.attributions.POSITIVE`."""
    negative: str
    """`not shown` or `no difference found`."""
    domain: ValidityDomain
    other_explanations: list[str]
    inputs: dict[str, Path]
    """Files and folders of the reference side, for their digests; no secret files."""

    def examine(self, suspect: Path, progress: ProgressCall | None = None) -> Examined:
        """Test one suspect. Raises `Error` where the suspect is no usable input."""
        ...
