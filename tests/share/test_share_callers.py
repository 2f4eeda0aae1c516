"""Bearer tokens, certificates behind a proxy, and how often one may ask."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from servers import SHARED, TAXII, Server, serving

from countermark.share.server.auth import fingerprint
from countermark.share.server.errors import TaxiiError
from countermark.share.server.limits import Buckets, Limits
from countermark.share.server.peers import Peers
from countermark.share.server.settings import ExchangeSettings, LimitSettings, ProxySettings

OBJECTS = f"/exchange/collections/{SHARED}/objects/"


def certificate(days: int = 1) -> x509.Certificate:
    """A client's certificate, until so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "desk")])
    until = datetime.now(UTC) + timedelta(days=days)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(until - timedelta(days=30)).not_valid_after(until)
    return builder.sign(key, SHA256())


def rfc9440(one: x509.Certificate) -> str:
    """As RFC 9440 has it in a header."""
    return f":{base64.b64encode(one.public_bytes(Encoding.DER)).decode()}:"


def ask(server: Server, address: str, *headers: tuple[str, str]) -> httpx2.Response:
    """A request from one of this machine's addresses."""
    transport = httpx2.HTTPTransport(local_address=address)
    with httpx2.Client(transport=transport, trust_env=False) as client:
        return client.get(server.url + OBJECTS, headers=list(headers))


def test_a_certificate_counts_from_the_proxy_alone(tmp_path: Path) -> None:
    good, old, unknown = certificate(), certificate(-1), certificate()
    known = "".join(f'"{one.fingerprint(SHA256()).hex()}" = "alice"\n' for one in (good, old))
    settings = f'[proxy]\naddresses = ["127.0.0.2/32"]\n[proxy.certificates]\n{known}'
    with serving(tmp_path, settings=settings) as server:
        proxy, elsewhere = "127.0.0.2", "127.0.0.1"
        header = ("Client-Cert", rfc9440(good))
        escaped = quote(good.public_bytes(Encoding.PEM).decode())
        assert ask(server, proxy, header).status_code == 200
        assert ask(server, proxy, ("Client-Cert", escaped)).status_code == 200
        assert ask(server, elsewhere, header).status_code == 401
        assert ask(server, elsewhere, header, ("X-Forwarded-For", proxy)).status_code == 401
        assert ask(server, proxy).status_code == 401
        assert ask(server, proxy, header, header).status_code == 401
        assert ask(server, proxy, header, ("Authorization", "Bearer none")).status_code == 401
        large = f":{'A' * 20_000}:"
        for wrong in (rfc9440(old), rfc9440(unknown), "x", "::", ":AAAA:", ":%:", "%ff", large):
            assert ask(server, proxy, ("Client-Cert", wrong)).status_code == 401, wrong[:40]
        token = ("Authorization", f"Bearer {server.tokens['bob']}")
        assert ask(server, elsewhere, token).status_code == 200
        assert any('"token":"certificate"' in line for line in server.log_lines)


def test_a_fingerprint_is_of_what_holds_now() -> None:
    one, now = certificate(), datetime.now(UTC)
    assert fingerprint(rfc9440(one), now) == one.fingerprint(SHA256()).hex()
    assert fingerprint(rfc9440(one), now + timedelta(days=2)) is None
    assert fingerprint(rfc9440(one), now - timedelta(days=60)) is None


def test_the_scheme_is_bearer_in_any_case_and_once(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        token = server.tokens["alice"]

        def status(*values: str) -> int:
            given = [("Accept", TAXII), *(("Authorization", value.encode("latin-1")) for value in values)]
            with httpx2.Client(trust_env=False) as client:
                return client.get(server.url + OBJECTS, headers=given).status_code

        assert status(f"Bearer {token}") == status(f"bearer {token}") == status(f"BEARER  {token}") == 200
        for value in ("Basic", "Basic é", f"Token {token}", f"Bearer {token} x", f"Bearer {token}x", token):
            assert status(value) == 401, value
        assert status(f"Bearer {token}", f"Bearer {token}") == 401


def test_buckets_fill_up_again() -> None:
    now = [0.0]
    buckets = Buckets(2, 3, lambda: now[0])
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    now[0] = 0.25
    assert buckets.take("a") == 0.25
    now[0] = 0.5
    assert buckets.take("a") == 0
    now[0] = 100
    assert [buckets.take("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_open_requests_are_counted_by_address_and_in_all() -> None:
    settings = LimitSettings(open_of_address=2, open_requests=3)
    limits = Limits(settings, Peers(ExchangeSettings()))

    def scope(address: str) -> dict[str, Any]:
        return {"client": (address, 1), "headers": []}

    first = limits.enter(scope("192.0.2.1"))
    limits.enter(scope("192.0.2.1"))
    with pytest.raises(TaxiiError) as refused:
        limits.enter(scope("192.0.2.1"))
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
    limits.enter(scope("192.0.2.2"))
    with pytest.raises(TaxiiError) as refused:
        limits.enter(scope("192.0.2.3"))
    assert refused.value.status == 503
    limits.leave(first)
    limits.enter(scope("192.0.2.3"))


def test_addresses_are_those_behind_a_known_proxy() -> None:
    peers = Peers(ExchangeSettings(proxy=ProxySettings(addresses=("10.0.0.0/8", "fd00::/8"))))

    def client(address: str, forwarded: str | None = None) -> str:
        headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
        return peers.client({"client": (address, 1), "headers": headers})

    assert client("192.0.2.1", "198.51.100.1") == "192.0.2.1"
    assert client("10.0.0.1", "198.51.100.1") == "198.51.100.1"
    assert client("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.2") == "198.51.100.1"
    assert client("10.0.0.1", "nonsense") == client("10.0.0.1") == "10.0.0.1"
    assert client("fd00::1", "2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64"
    assert client("::ffff:192.0.2.1") == "192.0.2.1"


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    settings = "[limits]\ncaller_rate = 0.2\ncaller_burst = 5\nfailure_rate = 0.2\nfailure_burst = 3\n"
    with serving(tmp_path, settings=settings) as server:
        assert [server.get("alice").status_code for _ in range(6)] == [200] * 5 + [429]
        assert server.get("noread").status_code == 429
        assert server.get("bob").status_code == 200
        refused = server.get("alice")
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        assert refused.json()["http_status"] == "429"
        assert [server.get("revoked").status_code for _ in range(4)] == [401] * 3 + [429]
        assert server.get("bob").status_code == 200
        assert server.ask(None, "GET", "/healthz").status_code == 200
