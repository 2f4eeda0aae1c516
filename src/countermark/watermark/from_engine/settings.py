"""Settings taken from an engine's own configuration, each checked; keys are refused, never copied."""

from collections.abc import Collection, Mapping
from typing import Any

from countermark.errors import Error, ExitCode
from countermark.watermark.profile import MAX_CONTEXT_WIDTH


class Settings:
    """An engine's configuration, read field by field; what it leaves out is the release's own default."""

    def __init__(self, config: Mapping[str, Any], engine: str, version: str, known: Collection[str]) -> None:
        self._config = config
        self._engine = f"{engine} {version}"
        if unknown := sorted(config.keys() - set(known)):
            raise self._bad(
                f"{self._engine} has no watermark setting {', '.join(name[:40] for name in unknown)}",
                f"it has {', '.join(sorted(known))}",
            )

    def __contains__(self, name: str) -> bool:
        return name in self._config

    def refuse_key(self, name: str, placeholder: str | None = None) -> None:
        """Raise where the configuration holds a key; null and the engine's own placeholder are none."""
        value = self._config.get(name)
        if value is not None and not (placeholder and value == placeholder):
            raise self._bad(
                f"the configuration holds a secret key in {name}",
                "write the key to a file that only you can read (chmod 600), and take it out of this one",
            )

    def choice(self, name: str, default: str, allowed: Collection[str]) -> str:
        """A word out of a list."""
        value = self._config.get(name, default)
        if not isinstance(value, str) or value not in allowed:
            raise self._bad(f"{name} is not one that {self._engine} has", f"it has {', '.join(allowed)}")
        return value

    def integer(self, name: str, default: int, low: int = 1, high: int = MAX_CONTEXT_WIDTH) -> int:
        """An integer between two limits, both allowed."""
        value = self._config.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._bad(f"{name} is not an integer from {low} to {high}")
        return value

    def fraction(self, name: str, default: float) -> float:
        """A number from 0 to 1."""
        value = self._config.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise self._bad(f"{name} is not a number from 0 to 1")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._config.get(name, default)
        if not isinstance(value, bool):
            raise self._bad(f"{name} is not true or false")
        return value

    def _bad(self, message: str, hint: str = "") -> Error:
        return Error(message, hint=hint, exit_code=ExitCode.NO_INPUT)


def check_release(engine: str, version: str, known: Collection[str]) -> None:
    """Raise unless the release is one whose code and defaults were read."""
    if version not in known:
        raise Error(
            f"the defaults of {engine} {version[:40]} are not known here",
            hint=f"known: {', '.join(known)}",
        )
