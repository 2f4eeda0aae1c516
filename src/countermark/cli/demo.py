"""`countermark demo`."""


def demo() -> None:
    """To come."""
