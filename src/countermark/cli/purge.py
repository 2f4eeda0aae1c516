"""`countermark purge`."""


def purge() -> None:
    """To come."""
