"""Tokens of an OpenID provider: only those that it signed, for us, that hold now, for named members."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from issuers import AUDIENCE, Issuer, issuer, stranger
from joserfc import jwt
from servers import serving

from countermark.errors import Error
from countermark.share.server.oidc import MAX_JWKS, Oidc, parse_keys
from countermark.share.server.settings import OidcSettings, read_settings


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def provider() -> Iterator[Issuer]:
    with issuer() as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def oidc(provider: Issuer, clock: Clock, tmp_path: Path) -> Oidc:
    settings = OidcSettings(
        issuer=provider.url,
        audience=AUDIENCE,
        jwks_url=f"{provider.url}/keys",
        members={"desk@alice": "alice"},
    )
    return Oidc(settings, tmp_path, clock)


def member(oidc: Oidc, token: str) -> str | None:
    return asyncio.run(oidc.member(token))


def part(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def hmac_token(secret: bytes, kid: str, claims: dict[str, Any]) -> str:
    """A token signed with a shared secret, or with a public key as if it were one."""
    signed = f"{part({'alg': 'HS256', 'kid': kid})}.{part(claims)}"
    return f"{signed}.{part(hmac.digest(secret, signed.encode(), 'sha256'))}"


def test_a_token_of_the_provider_names_its_member(oidc: Oidc, provider: Issuer) -> None:
    assert member(oidc, provider.token()) == "alice"
    assert member(oidc, provider.token("rsa")) == "alice"
    assert member(oidc, provider.token("rsa", "PS256")) == "alice"
    assert member(oidc, provider.token(aud=["else", AUDIENCE])) == "alice"
    assert provider.asked == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": None},
        {"aud": []},
        {"aud": f"{AUDIENCE}2"},
        {"iss": "https://another.example"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": None},
        {"sub": "somebody else"},
        {"sub": None},
        {"sub": ["desk@alice"]},
    ],
    ids=str,
)
def test_claims_that_do_not_hold(oidc: Oidc, provider: Issuer, claims: dict[str, Any]) -> None:
    assert member(oidc, provider.token(**claims)) is None


@pytest.mark.parametrize(
    "seconds",
    [{"exp": 10_000_000.5}, {"iat": 4000, "exp": 4100}, {"nbf": 4000}],
    ids=str,
)
def test_times_that_do_not_hold(oidc: Oidc, provider: Issuer, seconds: dict[str, float]) -> None:
    now = int(time.time())
    assert member(oidc, provider.token(**{name: now + later for name, later in seconds.items()})) is None


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "unknown"},
        {"kid": None},
        {"kid": "rsa"},
        {"kid": 7},
        {"crit": ["b64"], "b64": False},
    ],
    ids=str,
)
def test_headers_that_do_not_hold(oidc: Oidc, provider: Issuer, header: dict[str, Any]) -> None:
    token = provider.token()
    _, claims, signature = token.split(".")
    forged = {"alg": "ES256", "kid": "ec"} | header
    forged = {name: value for name, value in forged.items() if value is not None}
    assert member(oidc, f"{part(forged)}.{claims}.{signature}") is None


def test_algorithms_that_anybody_can_sign_with(oidc: Oidc, provider: Issuer) -> None:
    claims = {"iss": provider.url, "aud": AUDIENCE, "sub": "desk@alice"}
    claims |= {"iat": int(time.time()), "exp": int(time.time()) + 100}
    for alg in ("none", "None", "NONE"):
        assert member(oidc, f"{part({'alg': alg, 'kid': 'ec'})}.{part(claims)}.") is None
    for secret in (provider.keys["rsa"].as_pem(private=False), provider.key_set(), b"secret" * 8):
        assert member(oidc, hmac_token(secret, "rsa", claims)) is None
    provider.others.append({"kty": "oct", "kid": "shared", "k": part(b"secret" * 8)})
    assert member(oidc, hmac_token(b"secret" * 8, "shared", claims)) is None


def test_a_key_that_the_token_brings_does_not_count(oidc: Oidc, provider: Issuer) -> None:
    other = stranger()
    claims = {"iss": provider.url, "aud": AUDIENCE, "sub": "desk@alice"}
    claims |= {"iat": int(time.time()), "exp": int(time.time()) + 100}
    for more in ({}, {"jwk": other.as_dict(private=False)}, {"jku": f"{provider.url}/other"}):
        token = jwt.encode({"alg": "ES256", "kid": "ec"} | more, dict(claims), other, algorithms=["ES256"])
        assert member(oidc, token) is None


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é.é.é", "." * 5000, "e30.e30.", "W10.W10.W10"])
def test_what_is_no_token(oidc: Oidc, token: str) -> None:
    assert member(oidc, token) is None


def test_the_key_set_is_kept_and_asked_for_at_most_once_a_minute(
    oidc: Oidc, provider: Issuer, clock: Clock
) -> None:
    for _ in range(20):
        assert member(oidc, provider.token(header={"kid": "unknown"})) is None
    assert provider.asked == 1
    provider.keys["new"] = stranger("new")
    assert member(oidc, provider.token("new", "ES256")) is None
    clock.now += 61
    assert member(oidc, provider.token("new", "ES256")) == "alice"
    assert provider.asked == 2
    del provider.keys["new"]
    clock.now += 601
    assert member(oidc, provider.token()) == "alice"
    assert provider.asked == 3


def test_a_provider_that_is_away_is_bridged_for_a_day(oidc: Oidc, provider: Issuer, clock: Clock) -> None:
    assert member(oidc, provider.token()) == "alice"
    provider.answer = (500, b"")
    clock.now += 3600
    assert member(oidc, provider.token()) == "alice"
    clock.now += 86_400
    assert member(oidc, provider.token()) is None


@pytest.mark.parametrize(
    "answer",
    [(302, b"/elsewhere"), (200, b"[]"), (200, b"{"), (200, b'{"keys": 1}'), (200, b"[" * 100_000)],
    ids=str,
)
def test_an_answer_that_is_no_key_set(oidc: Oidc, provider: Issuer, answer: tuple[int, bytes]) -> None:
    provider.answer = answer
    assert member(oidc, provider.token()) is None
    assert provider.asked == 1


def test_a_key_set_is_bounded(oidc: Oidc, provider: Issuer) -> None:
    provider.answer = (200, provider.key_set() + b" " * MAX_JWKS)
    assert member(oidc, provider.token()) is None
    with pytest.raises(Error, match="no key set"):
        parse_keys(json.dumps({"keys": [{}] * 101}).encode())
    assert (
        parse_keys(b'{"keys": [{}, 1, {"kty": "EC", "kid": "a"}, {"kty": "RSA", "kid": "b", "n": ""}]}') == {}
    )


@pytest.mark.parametrize(
    "line",
    [
        'jwks_url = "http://idp.example/keys"',
        'jwks_url = "ftp://127.0.0.1/keys"',
        'jwks_url = "https://idp.example"\njwks_file = "keys.json"',
        "",
        'jwks_file = "keys.json"\nalgorithms = ["HS256"]',
        'jwks_file = "keys.json"\nalgorithms = ["none"]',
    ],
)
def test_settings_that_would_be_unsafe_are_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "exchange.toml"
    path.write_text(f'[oidc]\nissuer = "i"\naudience = "a"\n{line}\n')
    path.chmod(0o600)
    with pytest.raises(Error, match=r"exchange\.toml"):
        read_settings(tmp_path)


def test_a_server_takes_the_tokens_of_its_provider(tmp_path: Path) -> None:
    with issuer() as made:
        settings = (
            f'[oidc]\nissuer = "{made.url}"\naudience = "{AUDIENCE}"\njwks_url = "{made.url}/keys"\n'
            '[oidc.members]\n"desk@alice" = "alice"\n"gone" = "gone"\n'
        )
        with serving(tmp_path, settings=settings) as server:
            server.tokens |= {
                "oidc": made.token(),
                "former": made.token(sub="gone"),
                "old": made.token(exp=1),
            }
            assert server.get("oidc").status_code == 200
            assert server.get("former").status_code == 401
            assert server.get("old").status_code == 401
            assert server.get("oidc", collection="0d7b0d6d-6d5a-4cb6-9c4a-1f3bb1d9f5aa").status_code == 404
