"""RFC 3161 timestamps from a real authority (openssl) on the loopback."""

import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from loopback_tsa import Authority, Server

import countermark_verify
from countermark.errors import Error
from countermark.prove.package import timestamp
from countermark.prove.package.trustfile import SignerEntry, read_trust, write_trust
from countermark.prove.verifying.verification import Verification
from countermark.prove.verifying.verify import verify
from countermark.trust.signing import SigningKey

# for a developer's machine alone: `.ci/run` does not start without openssl
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"))


def failure(verification: Verification) -> str:
    return next(f"{step.name}: {step.detail}" for step in verification.steps if step.outcome == "FAILED")


def test_timestamp_is_verified_against_the_roots_of_the_trust_file(
    sealed: Callable, trust_of: Callable, key: SigningKey, authority: Authority, other_authority: Authority
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    with Server(authority.reply) as url:
        package = sealed(tsa_urls=[url], created=datetime.now(UTC))
    verification = verify(package, trust_of(key, tsa_roots=[authority.root_pem]))
    assert verification.verdict == "VERIFIED"
    (stamped,) = verification.timestamps
    assert before.replace(microsecond=0) <= datetime.fromisoformat(stamped) <= datetime.now(UTC)

    both = trust_of(key, tsa_roots=[other_authority.root_pem, authority.root_pem])
    assert verify(package, both).verdict == "VERIFIED"
    swapped = verify(package, trust_of(key, tsa_roots=[other_authority.root_pem]))
    assert "does not lead to an accepted TSA root" in failure(swapped)
    assert swapped.timestamps == ()
    assert "no tsa_roots" in failure(verify(package, trust_of(key)))
    unchecked = verify(package)
    assert unchecked.verdict == "INTACT, SIGNER NOT CHECKED"
    assert unchecked.timestamps == ()


def test_two_authorities_and_a_dropped_timestamp(
    sealed: Callable, trust_of: Callable, key: SigningKey, authority: Authority, other_authority: Authority
) -> None:
    trust = trust_of(key, tsa_roots=[authority.root_pem, other_authority.root_pem])
    with Server(authority.reply) as first, Server(other_authority.reply) as second:
        folder = sealed("case", tsa_urls=[first, second], created=datetime.now(UTC))
    assert len(verify(folder, trust).timestamps) == 2
    (folder / "attestations/timestamp-2.tsr").unlink()
    assert verify(folder, trust).verdict == "FAILED"


def test_every_part_of_a_timestamp_is_covered(
    sealed: Callable, trust_of: Callable, key: SigningKey, authority: Authority, tmp_path: Path
) -> None:
    """A token has bytes that its own signature does not cover; the closing Statement does."""
    with Server(authority.reply) as url:
        folder = sealed("case", tsa_urls=[url], created=datetime.now(UTC))
    trust = trust_of(key, tsa_roots=[authority.root_pem])
    token = folder / "attestations/timestamp-1.tsr"
    data = token.read_bytes()
    for position in range(0, len(data), 41):
        token.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        assert verify(folder, trust).verdict == "FAILED", position


def test_expired_authority(sealed: Callable, trust_of: Callable, key: SigningKey, tmp_path: Path) -> None:
    expired = Authority(tmp_path, days=(-30, -1))
    with Server(expired.reply) as url:
        package = sealed(tsa_urls=[url], created=datetime.now(UTC))
    assert "accepted TSA root" in failure(verify(package, trust_of(key, tsa_roots=[expired.root_pem])))


def test_certificates_that_expired_since(
    sealed: Callable, trust_of: Callable, key: SigningKey, tmp_path: Path
) -> None:
    """What counts is that signer and root were valid when the token was made: an old timestamp stays one."""
    lasting = 3 / 86400
    old = Authority(tmp_path, days=(-1, lasting), root_days=(-100, lasting))
    with Server(old.reply) as url:
        folder = sealed("case", tsa_urls=[url], created=datetime.now(UTC))
    for pem in (old.root_pem.encode(), (tmp_path / "signer.pem").read_bytes()):
        expires = x509.load_pem_x509_certificate(pem).not_valid_after_utc
        time.sleep(max(0.0, (expires - datetime.now(UTC)).total_seconds() + 1.1))
        assert expires < datetime.now(UTC)
    trust = trust_of(key, tsa_roots=[old.root_pem])
    verification = verify(folder, trust)
    assert verification.verdict == "VERIFIED", failure(verification)

    (tmp_path / "roots.pem").write_text(old.root_pem)
    command = ["openssl", "ts", "-verify", "-data", folder / "attestations/seal.dsse.json"]
    command += ["-in", folder / "attestations/timestamp-1.tsr", "-CAfile", tmp_path / "roots.pem"]
    assert subprocess.run(command, capture_output=True).returncode != 0  # asks about now
    stamped = int(datetime.fromisoformat(verification.timestamps[0]).timestamp())
    at_time = subprocess.run([*command, "-attime", str(stamped)], capture_output=True, text=True)
    assert "Verification: OK" in at_time.stdout + at_time.stderr


def test_authorities_are_counted_by_their_roots(
    sealed: Callable, trust_of: Callable, key: SigningKey, authority: Authority, other_authority: Authority
) -> None:
    roots = [authority.root_pem, other_authority.root_pem]
    with Server(authority.reply) as first, Server(other_authority.reply) as second:
        twice = sealed("twice.zip", tsa_urls=[first, first], created=datetime.now(UTC))
        two = sealed("two.zip", tsa_urls=[first, second], created=datetime.now(UTC))
    needed = trust_of(key, tsa_roots=roots, timestamp_authorities=2)
    assert verify(two, needed).verdict == "VERIFIED"
    step = next(step for step in verify(two, needed).steps if step.name == "timestamps")
    assert step.detail.startswith("2 different authorities saw the seal: ")
    assert "1 authority, and 2 are needed" in failure(verify(twice, needed))
    assert "0 authorities, and 2 are needed" in failure(verify(sealed("none.zip"), needed))


@pytest.mark.parametrize(("stamps", "few"), [([], True), ([0, 0], True), ([0, 1], False)])
def test_both_verifiers_say_when_two_different_authorities_are_missing(
    sealed: Callable,
    key: SigningKey,
    authority: Authority,
    other_authority: Authority,
    tmp_path: Path,
    stamps: list[int],
    few: bool,
) -> None:
    """A sentence, no failure: the trust file asks for none."""
    with Server(authority.reply) as first, Server(other_authority.reply) as second:
        package = sealed(tsa_urls=[(first, second)[one] for one in stamps], created=datetime.now(UTC))
    path = tmp_path / "trust.json"
    roots = [authority.root_pem, other_authority.root_pem]
    write_trust(path, [SignerEntry("Ann", key.public.to_base64())], tsa_roots=roots)
    ours = verify(package, read_trust(path))
    other = countermark_verify.verify(package, countermark_verify.read_trust(path))
    assert (ours.verdict, other["verdict"]) == ("VERIFIED", "VERIFIED")
    for said in (ours.steps[8].detail, other["steps"][8]["detail"]):
        assert ("ewer than two different authorities" in said) is few, said


def test_authority_under_an_intermediate(
    sealed: Callable, trust_of: Callable, key: SigningKey, tmp_path: Path
) -> None:
    """The intermediate goes into `tsa_roots`, too; alone it is no root."""
    authority = Authority(tmp_path, intermediate=True)
    root, between = authority.root_pem, authority.intermediate_pem
    with Server(authority.reply) as url:
        package = sealed(tsa_urls=[url], created=datetime.now(UTC))
    assert verify(package, trust_of(key, tsa_roots=[root, between])).verdict == "VERIFIED"
    for roots in ([root], [between]):
        assert "accepted TSA root" in failure(verify(package, trust_of(key, tsa_roots=roots)))


def test_replies_that_are_no_use(sealed: Callable, authority: Authority, tmp_path: Path) -> None:
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    def other_query(nonce: bool, data: bytes) -> bytes:
        builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
        return builder.nonce(nonce=nonce).build().as_bytes()

    cases = [
        (lambda query: authority.reply(other_query(True, b"other")), "over something else"),
        (lambda query: query, "cannot be decoded"),
        (lambda query: b"", "cannot be decoded"),
        (lambda query: bytes(timestamp.MAX_RESPONSE_BYTES + 1), "larger than"),
        (lambda query: bytes.fromhex("30053003020102"), "not granted"),
    ]
    for answer, message in cases:
        with Server(answer) as url, pytest.raises(Error, match=message):
            sealed(tsa_urls=[url], created=datetime.now(UTC))
    with Server(authority.reply, status=500) as url, pytest.raises(Error, match="500"):
        sealed(tsa_urls=[url])
    with Server(authority.reply, status=302) as url, pytest.raises(Error, match="302"):
        sealed(tsa_urls=[url])
    with pytest.raises(Error, match="cannot be asked"):
        sealed(tsa_urls=["http://127.0.0.1:1/"])
    assert list(tmp_path.iterdir()) == []


def test_replayed_reply_has_another_nonce(authority: Authority) -> None:
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(b"seal").hash_algorithm(HashAlgorithm.SHA256)
    first, second = builder.build(), builder.build()
    reply = authority.reply(first.as_bytes())
    timestamp.check_content(reply, b"seal", str(first.nonce))
    with pytest.raises(Error, match="nonce"):
        timestamp.check_content(reply, b"seal", str(second.nonce))


def test_silent_authority_ends_in_an_error(sealed: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamp, "TIMEOUT_S", 0.1)
    with Server(lambda query: time.sleep(0.5) or b"") as url, pytest.raises(Error, match="cannot be asked"):
        sealed(tsa_urls=[url])


def test_case_made_after_its_timestamp_is_not_sealed(sealed: Callable, authority: Authority) -> None:
    with Server(authority.reply) as url, pytest.raises(Error, match="before the case was made"):
        sealed(tsa_urls=[url], created=datetime.now(UTC) + timedelta(days=1))
