"""DSSE envelopes (Dead Simple Signing Envelope, protocol 1.0.2) in one canonical spelling.

Source: https://github.com/secure-systems-lab/dsse, `protocol.md` and `envelope.md`. Stricter than
DSSE on purpose, so that one content has one sequence of bytes: RFC 8785 JSON, padded standard base64,
a key id on every signature, signatures sorted by key id and none twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from countermark.errors import Error, ExitCode
from countermark.records.canonical import canonical_json
from countermark.trust.signing import SIGNATURE_BYTES, PublicKey, SigningKey, decode_base64, encode_base64


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keyid: str
    sig: str


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    payload: str
    payload_type: str = msgspec.field(name="payloadType")
    signatures: list[_Signature]


@dataclass(frozen=True)
class Envelope:
    """An envelope that was decoded; its signatures are not checked yet."""

    payload_type: str
    body: bytes
    signatures: tuple[tuple[str, bytes], ...]
    """Key id and signature, sorted by key id."""


def pae(payload_type: str, body: bytes) -> bytes:
    """Pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def seal_envelope(payload_type: str, body: bytes, keys: Iterable[SigningKey]) -> bytes:
    """Sign `body` with every key; canonical bytes of the envelope."""
    message = pae(payload_type, body)
    ordered = sorted(keys, key=lambda key: key.public.keyid)
    signatures = [_Signature(key.public.keyid, encode_base64(key.sign(message))) for key in ordered]
    return canonical_json(_Envelope(encode_base64(body), payload_type, signatures))


def open_envelope(data: bytes, payload_type: str) -> Envelope:
    """Decode canonical bytes; every deviation from the canonical form is an error."""
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _bad(f"is no DSSE envelope: {error}") from error
    if canonical_json(envelope) != data:
        raise _bad("is not in canonical form (RFC 8785)")
    if envelope.payload_type != payload_type:
        raise _bad(f"has a payload type other than {payload_type}")
    signatures = tuple((one.keyid, decode_base64(one.sig)) for one in envelope.signatures)
    keyids = [keyid for keyid, _ in signatures]
    if not keyids or keyids != sorted(set(keyids)):
        raise _bad("has no signatures, or they are not sorted by key id, each once")
    if any(len(signature) != SIGNATURE_BYTES for _, signature in signatures):
        raise _bad(f"has a signature that is not {SIGNATURE_BYTES} bytes long")
    return Envelope(payload_type, decode_base64(envelope.payload), signatures)


def check_signatures(envelope: Envelope, keys: Mapping[str, PublicKey]) -> None:
    """Raise unless the envelope is signed by exactly these keys (by key id), each validly."""
    if {keyid for keyid, _ in envelope.signatures} != set(keys):
        raise _bad("is not signed by exactly the declared keys")
    message = pae(envelope.payload_type, envelope.body)
    for keyid, signature in envelope.signatures:
        if not keys[keyid].verifies(signature, message):
            raise _bad(f"has a signature of key {keyid[:16]}… that is not valid")


def _bad(what: str) -> Error:
    return Error(f"envelope {what}", exit_code=ExitCode.VERIFICATION_FAILED)
