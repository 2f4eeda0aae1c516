"""Headers of a request, without Starlette's mapping over them: most requests need two."""

from starlette.requests import Request


def values(request: Request, name: bytes) -> list[str]:
    """All values of a header, by its name in lower case (ASGI has them so)."""
    return [value.decode("latin-1") for key, value in request.scope["headers"] if key == name]
