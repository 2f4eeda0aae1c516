"""A log format for Countermark: nginx in front of an inference server, with an access log in JSON."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec

from countermark.capture.formats.base import BadRecord, Request
from countermark.records.events import OPTIONAL_EVENT_COLUMNS


class Line(msgspec.Struct):
    """One line, with nginx's own variable names; what `log_format` in README.md writes."""

    msec: Annotated[str, msgspec.Meta(pattern=r"^\d{1,11}\.\d{3}$")]
    """Seconds since 1970 with milliseconds, when the line was written."""
    request_id: Annotated[str, msgspec.Meta(min_length=1)]
    remote_user: Annotated[str, msgspec.Meta(min_length=1)]
    """The authenticated user: the account."""
    remote_addr: str = ""
    http_user_agent: str = ""
    status: str = ""
    uri: str = ""


_decoder = msgspec.json.Decoder(Line)
_FILLED = {"ip_hash", "ip_prefix_hash", "user_agent", "status", "access_path"}


class Nginx:
    """The plug-in: Countermark makes one instance a run and hands it raw lines."""

    name = "nginx"
    documentation = "nginx, modules ngx_http_core_module and ngx_http_log_module, embedded variables (1.27)"
    impossible = frozenset(OPTIONAL_EVENT_COLUMNS) - _FILLED

    def recognises(self, record: bytes | Mapping[str, Any]) -> float:
        """Nearly sure of a line that has all the required variables, else not at all."""
        try:
            self.parse(record)
        except BadRecord:
            return 0.0
        return 0.9

    def parse(self, record: bytes | Mapping[str, Any]) -> Iterable[Request]:
        """The one request of a line; the reason for a bad one names the field and never quotes its value."""
        if not isinstance(record, bytes):
            raise BadRecord("an access log is lines of JSON, not a table")
        try:
            line = _decoder.decode(record)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadRecord(f"no JSON access log line: {error}") from None
        seconds, milliseconds = line.msec.split(".")
        return [
            Request(
                ts=int(seconds) * 1_000_000 + int(milliseconds) * 1_000,
                account_id=line.remote_user,
                request_id=line.request_id,
                ip=line.remote_addr or None,
                user_agent=line.http_user_agent or None,
                status=line.status or None,
                access_path=line.uri or None,
            )
        ]
