"""`exchange.toml` in the data folder: what an operator sets. A key that is none is an error, not left aside.

database = "postgresql+psycopg://…"     without it SQLite in the folder
basic = false                           whether a token also counts as password of HTTP Basic (TAXII 8.2.2.5)
metrics_addresses = ["127.0.0.0/8"]     who may read /metrics without an operator's token

[taxii]         title, description, contact, public_url, page_limit, … (parts.Settings)
[limits]        requests a second of a caller and of an address, what is open at once
[connection]    seconds and bytes that a connection gets
[proxy]         addresses = ["10.0.0.1/32"], certificate_header = "client-cert"
  [proxy.certificates]   SHA-256 of a certificate = "NAME of a member"
[overlap]       runs_of_pair, keep_days
[witness]       name = "member-a.example/witness", logs = ["VERIFIER KEY", …]: whose public logs are cosigned
[oidc]          issuer, audience, jwks_url or jwks_file, claim
  [oidc.members]         value of the claim = "NAME of a member"
[check], [[detectors]], [[peers]]   the joint watermark check (check_settings.py)
"""

import tomllib
from collections.abc import Iterable
from dataclasses import fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from countermark.errors import Error, ExitCode
from countermark.share.check.settings import DetectorSettings
from countermark.share.server.check_settings import CheckSettings, PeerSettings, check_tables
from countermark.share.server.parts import Settings
from countermark.trust.keyfiles import read_secret

FILE = "exchange.toml"
MAX_FILE = 1 << 20
MOST_OBJECTS = 50_000
Rate = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures of public keys alone: with `none` or a shared secret anybody could sign."""


class LimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much one may ask."""

    caller_rate: Rate = 100
    """Requests a second of one member, over time."""
    caller_burst: Count = 500
    """Requests of one member that may come at once."""
    address_rate: Rate = 200
    address_burst: Count = 1000
    failure_rate: Rate = 1
    """Requests a second without valid credentials of one address, over time."""
    failure_burst: Count = 50
    open_requests: Count = 512
    """Requests that are worked on at once."""
    open_of_address: Count = 128
    """Of those, of one address."""


class ConnectionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a connection gets."""

    header_seconds: Seconds = 10
    """From the beginning of a request, or of a connection, to the end of its header."""
    body_seconds: Seconds = 30
    """From there to the end of its body."""
    write_seconds: Seconds = 30
    """For a client to take some of what waits for it."""
    keep_alive_seconds: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 15
    header_bytes: Annotated[int, msgspec.Meta(ge=1024, le=1 << 20)] = 32 << 10
    header_lines: Count = 100
    connections: Count = 1024
    connections_of_address: Count = 256
    stop_seconds: Annotated[int, msgspec.Meta(ge=1, le=600)] = 20
    """For requests that are being answered when the server is told to stop."""


class OverlapSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Runs of the private overlap."""

    runs_of_pair: Count = 4
    """Runs that two members may begin in 30 days."""
    keep_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 14
    """How long lists and tags are kept, from the first commitment, and again from the count."""


class WitnessSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The exchange as a witness of its members' public logs (C2SP tlog-witness)."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """As it stands in cosignatures; its key is made at first, in the folder witness/."""
    logs: Annotated[tuple[str, ...], msgspec.Meta(max_length=1000)] = ()
    """Verifier keys, `name+hash+base64`."""


class ProxySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The reverse proxy in front, where there is one."""

    addresses: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=100)]
    """Networks from which the proxy connects; what others send in its headers is not looked at."""
    certificate_header: str = "client-cert"
    """Header with the client's certificate: RFC 9440 (section 2.2), or a PEM with percent-escapes."""
    certificates: dict[str, str] = {}
    """Members' names by the SHA-256 of their certificate (DER), lower-case hex."""


class OidcSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose tokens are taken, and for whom."""

    issuer: str
    audience: str
    jwks_url: str | None = None
    """`https://…`, or `http://` on this machine."""
    jwks_file: str | None = None
    """Name of a file, from the data folder."""
    claim: str = "sub"
    members: dict[str, str] = {}
    """Members' names by the value of the claim."""
    algorithms: Annotated[tuple[Algorithm, ...], msgspec.Meta(min_length=1)] = (
        "RS256",
        "PS256",
        "ES256",
        "EdDSA",
    )
    most_seconds: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 3600
    """Longest life of a token (`exp` less `iat`)."""


class ExchangeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    database: str | None = None
    basic: bool = False
    """Identity is a bearer token; Basic carries the same token for clients that know nothing else."""
    metrics_addresses: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    least_free_bytes: Annotated[int, msgspec.Meta(ge=0)] = 64 << 20
    """Free space under which the server says that it is not ready."""
    watch_seconds: Seconds = 30
    """Between two looks for readers that are late with a withdrawal."""
    policies: tuple[str, ...] = ()
    """SHA-256 of the sharing policies under which releases are taken; none: that which is shipped."""
    taxii: dict[str, Any] = {}
    limits: LimitSettings = LimitSettings()
    connection: ConnectionSettings = ConnectionSettings()
    overlap: OverlapSettings = OverlapSettings()
    witness: WitnessSettings | None = None
    proxy: ProxySettings | None = None
    oidc: OidcSettings | None = None
    check: CheckSettings = CheckSettings()
    detectors: Annotated[tuple[DetectorSettings, ...], msgspec.Meta(max_length=1000)] = ()
    peers: Annotated[tuple[PeerSettings, ...], msgspec.Meta(max_length=1000)] = ()

    def taxii_settings(self, sqlite: bool) -> Settings:
        """What the TAXII endpoints take."""
        defaults: dict[str, Any] = {
            "reads_inline": sqlite,
            "basic": self.basic,
            "body_seconds": self.connection.body_seconds,
        }
        return Settings(**(defaults | self.taxii))


def read_settings(folder: Path) -> ExchangeSettings:
    """The settings of a data folder; the defaults where it has no file. Raises `Error(USAGE)` for a bad one.

    The file may hold a password of the database: it is read only when nobody else can read it.
    """
    path = folder / FILE
    if not path.exists():
        return ExchangeSettings()
    data = read_secret(path, what="settings file", most_bytes=MAX_FILE).reveal()
    try:
        found = msgspec.convert(tomllib.loads(data.decode()), ExchangeSettings)
    except msgspec.ValidationError as error:
        raise _bad(str(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(f"it is no TOML ({type(error).__name__})") from None
    _check(found)
    return found


def networks(addresses: Iterable[str]) -> list[IPv4Network | IPv6Network]:
    """Networks from their texts; raises `Error(USAGE)`."""
    try:
        return [ip_network(one) for one in addresses]
    except ValueError as error:
        raise _bad(str(error)) from None


def is_loopback_url(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return (urlsplit(url).hostname or "") in ("127.0.0.1", "::1", "localhost")


def _check(found: ExchangeSettings) -> None:
    networks(found.metrics_addresses)
    networks(found.proxy.addresses if found.proxy else ())
    known: dict[str, Any] = {one.name: one.default for one in fields(Settings)}
    for name, value in found.taxii.items():
        if name not in known or name in ("basic", "reads_inline", "body_seconds"):
            raise _bad(f"taxii.{name} is nothing that can be set")
        wanted = str if known[name] is None else type(known[name])
        if type(value) is not wanted or (type(value) is int and value < 1):
            raise _bad(f"taxii.{name} is no {wanted.__name__} as it has to be")
        if name == "max_objects" and int(value) > MOST_OBJECTS:
            raise _bad(
                f"taxii.max_objects is over {MOST_OBJECTS}: an entry of the log names all of a request"
            )
    check_tables(found.check, found.detectors, found.peers, _bad)
    if found.oidc is not None:
        _check_oidc(found.oidc)


def _check_oidc(oidc: OidcSettings) -> None:
    if (oidc.jwks_url is None) == (oidc.jwks_file is None):
        raise _bad("oidc has either jwks_url or jwks_file")
    url = oidc.jwks_url
    near = url is not None and url.startswith("http://") and is_loopback_url(url)
    if url is not None and not near and not url.startswith("https://"):
        raise _bad("oidc.jwks_url is no https:// address")
    if not oidc.issuer or not oidc.audience:
        raise _bad("oidc has an issuer and an audience")


def _bad(reason: str) -> Error:
    return Error(
        f"{FILE}: {reason[:300]}", hint="docs/exchange.md lists what can be set", exit_code=ExitCode.USAGE
    )
