"""How `requests`, and with it `taxii2-client` and what is built on it, is told of a bearer token."""

from typing import Any

import requests


class Bearer(requests.auth.AuthBase):
    """`auth=` of `requests` and of every class of `taxii2-client`."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
