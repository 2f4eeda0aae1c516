"""When a signer's key counts: at the earliest timestamp, and without one when it was sealed and now."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loopback_tsa import Authority, Server

from countermark.prove.package.trustfile import SignerEntry, Trust, read_trust, write_trust
from countermark.prove.verifying.verification import Verification
from countermark.prove.verifying.verify import verify
from countermark.trust.signing import SigningKey

FORMAT = "%Y-%m-%dT%H:%M:%SZ"
SEALED = datetime(2026, 7, 1, 12, tzinfo=UTC)  # as conftest says


@pytest.fixture
def trust_until(tmp_path: Path, key: SigningKey) -> Callable[..., Trust]:
    def make(start: datetime | None, end: datetime | None, **more: object) -> Trust:
        bounds = [f"{one:{FORMAT}}" if one else "" for one in (start, end)]
        write_trust(tmp_path / "trust.json", [SignerEntry("Ann", key.public.to_base64(), *bounds)], **more)
        return read_trust(tmp_path / "trust.json")

    return make


def said(verification: Verification) -> str:
    return next(step.detail for step in verification.steps if step.name == "signers")


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("start", "end", "now", "verdict"),
    [
        (None, None, SEALED + 999 * DAY, "VERIFIED"),
        (SEALED - DAY, SEALED + DAY, SEALED + DAY / 2, "VERIFIED"),
        (SEALED, SEALED, SEALED, "VERIFIED"),
        (SEALED + DAY, None, SEALED + 2 * DAY, "FAILED"),  # sealed before the key counted
        (None, SEALED - DAY, SEALED, "FAILED"),  # after it had expired
        (None, SEALED + DAY, SEALED + 2 * DAY, "FAILED"),  # before, by its own word alone
        (SEALED - DAY, None, SEALED - 2 * DAY, "FAILED"),
    ],
)
def test_without_a_timestamp_the_sealers_word_is_not_enough(
    sealed: Callable[..., Path],
    trust_until: Callable[..., Trust],
    start: datetime | None,
    end: datetime | None,
    now: datetime,
    verdict: str,
) -> None:
    verification = verify(sealed(), trust_until(start, end), now=now)
    assert verification.verdict == verdict
    if verdict == "FAILED":
        assert "the key of Ann does not count when it says it was sealed, and now" in said(verification)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_a_timestamp_says_when_it_was_signed(
    sealed: Callable[..., Path], trust_until: Callable[..., Trust], tmp_path: Path
) -> None:
    """An expired signer is accepted for what was stamped before, not for later; back-dating is no help."""
    now = datetime.now(UTC)
    authority = Authority(tmp_path)
    roots = {"tsa_roots": [authority.root_pem]}
    with Server(authority.reply) as url:
        package = sealed("today.zip", tsa_urls=[url], created=now)
        dated_back = sealed("back.zip", tsa_urls=[url], created=now - 10 * DAY)
    later = now + 1000 * DAY
    assert verify(package, trust_until(None, now + DAY, **roots), now=later).verdict == "VERIFIED"
    expired = verify(dated_back, trust_until(None, now - DAY, **roots), now=later)
    assert expired.verdict == "FAILED"
    assert "the earliest timestamp" in said(expired)
    assert verify(package, trust_until(now + DAY, None, **roots), now=later).verdict == "FAILED"
