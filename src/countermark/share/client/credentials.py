"""Who the client is: a bearer token, or a name and password for HTTP Basic (8.5.1.4), from a 0600 file."""

import base64
import re
from pathlib import Path

from countermark.errors import Error, ExitCode
from countermark.trust.keyfiles import Secret, read_secret

MAX_TOKEN = 16 << 10
_TOKEN = re.compile(rb"[\x21-\x7e]{8,16384}")
_PASSWORD = re.compile(rb"[^\x00-\x1f\x7f]{1,16384}")
_USER = re.compile(r"[^\x00-\x1f\x7f:]{1,256}")


class Credentials:
    """What goes into the header Authorization; no repr shows it."""

    __slots__ = ("_header", "_password")

    def __init__(self, header: Secret | None, password: Secret | None = None) -> None:
        self._header, self._password = header, password

    @classmethod
    def none(cls) -> "Credentials":
        """Nobody in particular."""
        return cls(None)

    @classmethod
    def bearer(cls, token: Secret) -> "Credentials":
        """RFC 6750. Raises `Error` for what cannot be a token."""
        value = token.reveal().strip()
        if not _TOKEN.fullmatch(value):
            raise Error("the token file holds no token", hint="one line, as share member add printed it")
        return cls(Secret(b"Bearer " + value))

    @classmethod
    def basic(cls, user: str, password: Secret) -> "Credentials":
        """RFC 7617, in UTF-8. Raises `Error` for a name with a colon, and an empty password."""
        value = password.reveal().rstrip(b"\r\n")
        if not _USER.fullmatch(user):
            raise Error("a name for HTTP Basic is short and has no colon", exit_code=ExitCode.USAGE)
        if not _PASSWORD.fullmatch(value):
            raise Error("the token file holds no password", hint="one line")
        return cls(Secret(b"Basic " + base64.b64encode(user.encode() + b":" + value)), Secret(value))

    @property
    def by_password(self) -> bool:
        """Whether they are of HTTP Basic."""
        return self._password is not None

    def headers(self) -> dict[str, str]:
        """The header, for one request."""
        return {} if self._header is None else {"Authorization": self._header.reveal().decode("ascii")}

    def hide(self, text: str) -> str:
        """A text of the exchange's without the credential, should it send that back."""
        if self._header is not None:
            text = text.replace(self._header.reveal().decode("ascii").partition(" ")[2], "…")
        if self._password is not None:
            text = text.replace(self._password.reveal().decode(errors="replace"), "…")
        return text

    def __repr__(self) -> str:
        return "Credentials(…)"


def read_credentials(token_file: Path | None, user: str = "") -> Credentials:
    """From a file: a bearer token, or with a `user` the password of HTTP Basic; nobody without a file."""
    if token_file is None:
        if user:
            raise Error("--user needs --token-file with the password", exit_code=ExitCode.USAGE)
        return Credentials.none()
    secret = read_secret(token_file, what="token file", most_bytes=MAX_TOKEN)
    return Credentials.basic(user, secret) if user else Credentials.bearer(secret)
