"""The TAXII endpoints in OpenAPI: parameters with patterns, answers with codes and media types.

It is written down and not inferred, because the endpoints read their requests themselves.
"""

from typing import Any

from countermark.share.server.media import TAXII

_DAY = r"((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
_MOMENT = rf"[1-9]\d\d\d-{_DAY}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{{1,9}})?Z"
"""29 February, which a pattern cannot place, is taken too."""
_TIME = f"^{_MOMENT}$"
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_STIX_ID = r"^[a-z0-9][a-z0-9-]{0,249}--[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_VALUE = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
_ERRORS = {
    400: "malformed parameters",
    401: "no credentials, or none that are valid",
    403: "not allowed to this caller",
    404: "not there, or not for this caller",
    406: "nothing that is accepted can be sent",
    408: "the body took too long to arrive",
    413: "the body is larger than max_content_length",
    415: "the body is of another media type, or compressed",
    422: "the body is no envelope",
    429: "asked too often",
    500: "an error of the server",
    503: "not now",
}


def _string(pattern: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "string"} | ({"pattern": pattern} if pattern else {}) | more


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": items}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": required | optional}


def _parameter(name: str, where: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


_STAMP = _string(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
_DETAIL = _object({"id": _string(), "version": _string()}, message=_string())
_STIX_OBJECT = _object({"type": _string(), "id": _string()})
_MORE = {"more": {"type": "boolean"}, "next": _string()}
_COLLECTION = _object(
    {
        "id": _string(_UUID),
        "title": _string(),
        "can_read": {"type": "boolean"},
        "can_write": {"type": "boolean"},
    },
    description=_string(),
    alias=_string(),
    media_types=_list(_string()),
)
_RECORD = _object({"id": _string(), "date_added": _STAMP, "version": _string()}, media_type=_string())

SCHEMAS: dict[str, Any] = {
    "error": _object(
        {"title": _string(), "http_status": _string(r"^[45]\d\d$"), "error_id": _string()},
        description=_string(),
        error_code=_string(),
        details={"type": "object"},
    ),
    "envelope": _object({}, objects=_list(_STIX_OBJECT), **_MORE),
    "posted-envelope": _object({"objects": _list(_STIX_OBJECT)}, type={"not": {}}),
    "discovery": _object(
        {"title": _string()},
        description=_string(),
        contact=_string(),
        default=_string(),
        api_roots=_list(_string()),
    ),
    "api-root": _object(
        {"title": _string(), "versions": _list(_string()), "max_content_length": _COUNT | {"minimum": 1}},
        description=_string(),
    ),
    "status": _object(
        {
            "id": _string(_UUID),
            "status": {"enum": ["complete", "pending"]},
            "total_count": _COUNT,
            "success_count": _COUNT,
            "failure_count": _COUNT,
            "pending_count": _COUNT,
        },
        request_timestamp=_STAMP,
        successes=_list(_DETAIL),
        failures=_list(_DETAIL),
        pendings=_list(_DETAIL),
    ),
    "collections": _object({}, collections=_list(_COLLECTION)),
    "collection": _COLLECTION,
    "manifest": _object({}, objects=_list(_RECORD), **_MORE),
    "versions": _object({}, versions=_list(_string()), **_MORE),
}
"""Resources of sections 3 to 5."""

BEARER: dict[str, Any] = {"bearer": {"type": "http", "scheme": "bearer"}}
BASIC: dict[str, Any] = {
    "basic": {"type": "http", "scheme": "basic", "description": "the name of the member, and its token"}
}

_PATHS = {
    "root": _string(r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$"),
    "collection": _string(r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$"),
    "object_id": _string(_STIX_ID),
    "status_id": _string(_UUID),
}
_QUERIES = {
    "added_after": _string(_TIME),
    "limit": {"type": "integer", "minimum": 1, "maximum": 2**53 - 1},
    "next": _string(r"^[A-Za-z0-9_-]{32}$"),
    "match[id]": _string(rf"^{_VALUE}(,{_VALUE})*$"),
    "match[type]": _string(rf"^{_VALUE}(,{_VALUE})*$"),
    "match[version]": _string(rf"^(all|last|first|last,first|{_MOMENT}(,last)?(,first)?)$"),
    "match[spec_version]": _string(r"^\d\.\d(,\d\.\d)*$"),
}


def operation(
    path: str,
    resource: str | None,
    *,
    success: int = 200,
    query: tuple[str, ...] = (),
    dated: bool = False,
    body: bool = False,
) -> dict[str, Any]:
    """One endpoint, as OpenAPI describes it; `resource` is what a success carries."""
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [_parameter(name, "path", _PATHS[name]) for name in names]
    parameters += [_parameter(name, "query", _QUERIES[name]) for name in query]
    found: dict[str, Any] = {"description": "done"}
    if resource:
        found["content"] = _content(resource)
    if dated:
        names = ["X-TAXII-Date-Added-First", "X-TAXII-Date-Added-Last"]
        found["headers"] = {name: {"required": True, "schema": _STAMP} for name in names}
    absent = () if body else (408, 413, 415, 422)
    errors = {
        str(code): {"description": text, "content": _content("error")}
        for code, text in _ERRORS.items()
        if code not in absent
    }
    extra: dict[str, Any] = {
        "tags": ["TAXII 2.1"],
        "parameters": parameters,
        "responses": {str(success): found} | errors,
        "security": [{"bearer": []}],
    }
    if body:
        extra["requestBody"] = {"required": True, "content": _content("posted-envelope")}
    return extra


def secure(document: dict[str, Any], basic: bool) -> None:
    """Add to a document how one proves who one is: by a bearer token, and where `basic` by Basic instead."""
    document["components"].setdefault("securitySchemes", {}).update(BEARER | BASIC if basic else BEARER)
    operations = (operation for path in document["paths"].values() for operation in path.values())
    for operation in operations if basic else ():
        if {"bearer": []} in operation.get("security", ()):
            operation["security"] = [*operation["security"], {"basic": []}]


def _content(resource: str) -> dict[str, Any]:
    return {TAXII: {"schema": {"$ref": f"#/components/schemas/{resource}"}}}
