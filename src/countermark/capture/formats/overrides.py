"""`--map field=path` for the JSON formats: the operator's own fields over what a format reads."""

from collections.abc import Iterable, Mapping
from typing import Any

from countermark.capture.formats.base import BadRecord, Incomplete, LogFormat, Request
from countermark.capture.formats.fields import as_object, at_path, complete
from countermark.capture.formats.table import check_mapping, check_unit, read_field


class Overridden:
    """A format whose requests take some fields from dotted paths in the record.

    `mapping` is field -> path, with the fields of `table.FIELDS`, for example
    `account_id=metadata.user_api_key_team_id`. A path that a record lacks leaves the format's own value.
    """

    def __init__(self, inner: LogFormat, mapping: Mapping[str, str], time_unit: str | None = None) -> None:
        """Raises `Error` for a field or a time unit that there is not."""
        check_mapping(mapping)
        check_unit(time_unit)
        self._inner = inner
        self._mapping = dict(mapping)
        self._time_unit = time_unit
        self.name = inner.name
        self.documentation = inner.documentation
        self.impossible = inner.impossible - mapping.keys()

    def recognises(self, record: bytes | Mapping[str, Any]) -> float:
        """As sure as the format itself."""
        return self._inner.recognises(record)

    def parse(self, record: bytes | Mapping[str, Any]) -> Iterable[Request]:
        """The format's request with the mapped fields set; raises `BadRecord` for a record with several."""
        try:
            requests = list(self._inner.parse(record))
        except Incomplete as incomplete:
            requests = [incomplete.request]
        if len(requests) > 1:
            raise BadRecord("--map cannot tell the requests of one record apart")
        source = as_object(record)
        return [self._override(request, source) for request in requests]

    def _override(self, request: Request, source: Mapping[str, Any]) -> Request:
        for field, path in self._mapping.items():
            target, value = read_field(field, at_path(source, path), self._time_unit)
            if value:
                setattr(request, target, value)
        return complete(request)
