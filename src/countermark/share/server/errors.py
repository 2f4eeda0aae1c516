"""Errors as TAXII has them (3.6.1): every answer that is none of success carries one, in its media type."""

import json
import secrets
from typing import Any


class TaxiiError(Exception):
    """An answer with a status of 400 or more.

    `title` and `description` are told to the client: nothing of what others stored, no secret.
    """

    def __init__(
        self,
        status: int,
        title: str,
        description: str = "",
        headers: dict[str, str] | None = None,
        *,
        code: str = "",
        details: dict[str, Any] | None = None,
        reason: str = "",
        is_logged: bool = False,
    ) -> None:
        """`code` and `details` are for programs: `error_code` and `details` of the resource.

        `reason`, one of a few words, is what a refusal is counted by; `is_logged`: it has an entry of its own
        in the log, and is not counted.
        """
        super().__init__(title)
        self.status, self.title, self.description = status, title, description
        self.headers = headers or {}
        self.code, self.details = code, details
        self.reason, self.is_logged = reason, is_logged


def error_body(error: TaxiiError, error_id: str = "") -> bytes:
    """The error resource; `http_status` is a string that equals the status (3.6.1)."""
    fields: dict[str, Any] = {"title": error.title, "http_status": str(error.status)}
    fields["error_id"] = error_id or secrets.token_hex(8)
    more = {"description": error.description, "error_code": error.code, "details": error.details}
    fields |= {name: value for name, value in more.items() if value}
    return json.dumps(fields, ensure_ascii=False).encode()


NOT_FOUND = "there is no such thing here, or it is not for you"
"""One sentence for what is not there and what is hidden, so that neither can be told from the other."""
NO_METHOD = "this method is none of this resource"


def not_found() -> TaxiiError:
    """404 for what does not exist and for what the caller may not know of."""
    return TaxiiError(404, NOT_FOUND)


def forbidden(doing: str) -> TaxiiError:
    """403 for who may do something in a collection, and not this."""
    return TaxiiError(403, f"you may not {doing} here")
