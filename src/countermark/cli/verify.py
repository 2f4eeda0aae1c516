"""`countermark verify`."""


def verify() -> None:
    """To come."""
