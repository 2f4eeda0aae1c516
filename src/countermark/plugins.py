"""Plug-in doors: entry points, each with its origin, so that a result can say what made it.

The built-ins are registered through the same door as anybody else's (see `pyproject.toml`).
"""

import hashlib
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from countermark.errors import Error, ExitCode

LOG_FORMATS = "countermark.log_formats"
DETECTORS = "countermark.detectors"
SCHEMES = "countermark.schemes"
ATTRIBUTIONS = "countermark.attributions"


@dataclass(frozen=True)
class Origin:
    """Where a plug-in comes from; stored in every result that it made."""

    name: str
    """Name under the door, for example `litellm`."""
    distribution: str
    """Name of the installed distribution."""
    version: str
    """Its version."""
    sha256: str
    """SHA-256 over the source text of the module that holds the plug-in (hex)."""

    def to_dict(self) -> dict[str, str]:
        """As plain data, for a record."""
        return asdict(self)


@dataclass(frozen=True)
class Plugin:
    """A plug-in that was loaded, with its origin."""

    factory: Any
    origin: Origin


def names(door: str) -> list[str]:
    """Names that are registered under a door, sorted."""
    return sorted({point.name for point in entry_points(group=door)})


def load(door: str, name: str) -> Plugin:
    """Load one plug-in by name; an unknown or ambiguous name is an error that lists what there is."""
    points = [point for point in entry_points(group=door) if point.name == name]
    kind = door.rsplit(".", 1)[-1].replace("_", " ")
    if not points:
        known = ", ".join(names(door)) or "none"
        raise Error(
            f"no plug-in called {name!r} among the {kind}", hint=f"known: {known}", exit_code=ExitCode.USAGE
        )
    if len({point.value for point in points}) > 1:
        owners = ", ".join(sorted(point.dist.name if point.dist else "?" for point in points))
        raise Error(
            f"{name!r} is registered by several distributions: {owners}", hint="uninstall all but one"
        )
    point = points[0]
    try:
        factory = point.load()
    # a plug-in is foreign code and may raise anything while it loads; all of it is reported, none hidden
    except Exception as error:
        raise Error(
            f"plug-in {name!r} cannot be loaded: {error}", hint="is its distribution up to date?"
        ) from error
    return Plugin(factory, _origin(point, factory))


def _origin(point: EntryPoint, factory: Any) -> Origin:
    import inspect

    source = inspect.getsource(inspect.getmodule(factory) or factory)
    dist = point.dist
    return Origin(
        name=point.name,
        distribution=dist.name if dist else "unknown",
        version=dist.version if dist else "unknown",
        sha256=hashlib.sha256(source.encode()).hexdigest(),
    )
