"""The trust file: who may sign, which timestamp roots count, which cases are meant."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography import x509

from countermark.errors import Error, ExitCode
from countermark.prove.case import is_case_id
from countermark.prove.layout import read_object
from countermark.records.files import write_atomic
from countermark.trust.signing import PublicKey

TRUST_SCHEMA_ID = "countermark/trust/v1"
MAX_TRUST_BYTES = 1 << 20
_MAX_ENTRIES = 256


class SignerEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One accepted signer."""

    name: str
    """What a report calls the signer."""
    public_key: str
    """Ed25519: base64 of the raw 32 bytes, or a PEM."""


class _TrustFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    schema: str
    signers: list[SignerEntry]
    threshold: int
    tsa_roots: list[str] = []
    cases: list[str] = []


@dataclass(frozen=True)
class Trust:
    """What the verifier accepts."""

    signers: dict[str, str]
    """Name by key id."""
    threshold: int
    """How many of them must have signed."""
    tsa_roots: tuple[x509.Certificate, ...]
    """Roots of timestamp authorities."""
    cases: frozenset[str]
    """Accepted case ids; empty: any."""
    keys: dict[str, PublicKey]
    """The signers' keys by key id."""


def read_trust(path: Path) -> Trust:
    """Read a trust file strictly; whatever is wrong with it is an error, never a failed verification."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_TRUST_BYTES + 1)
    except OSError as error:
        raise Error(
            f"the trust file {path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT
        ) from error
    if len(data) > MAX_TRUST_BYTES:
        raise _bad(f"{path} is larger than {MAX_TRUST_BYTES >> 20} MiB")
    try:
        read_object(data, str(path))  # refuses a key that stands twice
        return _parse(msgspec.json.decode(data, type=_TrustFile))
    except (msgspec.DecodeError, RecursionError) as error:
        raise _bad(f"{path}: {error}") from error
    except Error as error:
        raise _bad(f"{path}: {error.message}") from error


def write_trust(
    path: Path,
    signers: Iterable[SignerEntry],
    *,
    threshold: int = 1,
    tsa_roots: Iterable[str] = (),
    cases: Iterable[str] = (),
) -> None:
    """Write a trust file; `tsa_roots` are PEM texts."""
    content = _TrustFile(
        schema=TRUST_SCHEMA_ID,
        signers=list(signers),
        threshold=threshold,
        tsa_roots=list(tsa_roots),
        cases=list(cases),
    )
    _parse(content)
    write_atomic(path, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


def _parse(content: _TrustFile) -> Trust:
    if content.schema != TRUST_SCHEMA_ID:
        raise _bad(f"the schema is not {TRUST_SCHEMA_ID}")
    if max(len(content.signers), len(content.tsa_roots), len(content.cases)) > _MAX_ENTRIES:
        raise _bad(f"more than {_MAX_ENTRIES} entries in a list")
    parsed = [(PublicKey.parse(signer.public_key), signer.name) for signer in content.signers]
    signers = {key.keyid: name for key, name in parsed}
    if (
        len(signers) != len(content.signers)
        or len(set(signers.values())) != len(signers)
        or "" in signers.values()
    ):
        raise _bad("a signer's key or name stands twice, or a name is empty")
    if not 1 <= content.threshold <= len(signers):
        raise _bad(f"a threshold of {content.threshold} with {len(signers)} signers")
    for case_id in content.cases:
        if not is_case_id(case_id):
            raise _bad(f"{case_id!r} cannot be a case id")
    roots = tuple(_certificate(pem) for pem in content.tsa_roots)
    if len(set(roots)) != len(roots):
        raise _bad("a TSA root stands twice")
    keys = {key.keyid: key for key, _ in parsed}
    return Trust(signers, content.threshold, roots, frozenset(content.cases), keys)


def _certificate(pem: str) -> x509.Certificate:
    try:
        (certificate,) = x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise _bad("an entry of tsa_roots is not exactly one PEM certificate") from error
    return certificate


def _bad(message: str) -> Error:
    return Error(f"trust file: {message}", hint="spec/package.md shows one", exit_code=ExitCode.NO_INPUT)
