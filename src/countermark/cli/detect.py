"""`countermark detect`."""


def detect() -> None:
    """To come."""
