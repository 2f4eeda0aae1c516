"""The resources of TAXII 2.1 as a client reads them: all properties of sections 3.6, 3.7, 4 and 5.

Read leniently: what an exchange adds (section 7) is ignored, an empty list passes for none. What is needed to
go on has to be there.
"""

import re
from typing import Annotated, TypeVar

import msgspec

from countermark.errors import Error

TAXII = "application/taxii+json;version=2.1"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
_COLLECTION_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
_T = TypeVar("_T")
Count = Annotated[int, msgspec.Meta(ge=0)]


class ErrorMessage(msgspec.Struct):
    """3.6.1."""

    title: str
    description: str = ""
    error_id: str = ""
    error_code: str = ""
    http_status: str = ""
    external_details: str = ""
    details: msgspec.Raw = msgspec.Raw(b"{}")


class Discovery(msgspec.Struct):
    """4.1.1."""

    title: str
    description: str = ""
    contact: str = ""
    default: str = ""
    api_roots: list[str] = []


class ApiRoot(msgspec.Struct):
    """4.2.1."""

    title: str
    versions: list[str]
    max_content_length: Annotated[int, msgspec.Meta(gt=0)]
    description: str = ""


class CollectionInfo(msgspec.Struct):
    """5.2.1."""

    id: Annotated[str, msgspec.Meta(pattern=_COLLECTION_ID)]
    title: str
    can_read: bool
    can_write: bool
    description: str = ""
    alias: str = ""
    media_types: tuple[str, ...] = ("application/stix+json",)


class Collections(msgspec.Struct):
    """5.1.1."""

    collections: list[CollectionInfo] = []


class StatusDetails(msgspec.Struct):
    """4.3.1: one object; `version` is required, and missing in the standard's own example (5.5)."""

    id: str
    version: str = ""
    message: str = ""


class StatusResource(msgspec.Struct):
    """4.3.1."""

    id: Annotated[str, msgspec.Meta(pattern=_COLLECTION_ID)]
    status: str
    total_count: Count
    success_count: Count
    failure_count: Count
    pending_count: Count
    request_timestamp: str = ""
    successes: list[StatusDetails] = []
    failures: list[StatusDetails] = []
    pendings: list[StatusDetails] = []


class Envelope(msgspec.Struct):
    """3.7; the objects stay the bytes that came."""

    more: bool = False
    next: str = ""
    objects: list[msgspec.Raw] = []


def read_resource(body: bytes, kind: type[_T], what: str) -> _T:
    """A resource from its JSON; raises `Error` for anything else."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error)[:200] if isinstance(error, msgspec.ValidationError) else "it is not JSON"
        raise Error(
            f"the exchange's answer is no {what} of TAXII 2.1: {reason}", hint="is the URL right?"
        ) from None


def is_taxii(content_type: str) -> bool:
    """Whether a Content-Type is TAXII's, of version 2.1 where it names one (1.6.8)."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    versions = [
        one.partition("=")[2].strip().strip('"')
        for one in parameters
        if one.partition("=")[0].strip() == "version"
    ]
    return kind == "application/taxii+json" and versions in ([], ["2.1"])
