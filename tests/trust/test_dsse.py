"""DSSE: the encoding of the specification, and one spelling only."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.errors import Error
from countermark.trust.dsse import check_signatures, open_envelope, pae, seal_envelope
from countermark.trust.signing import SigningKey

KIND = "application/vnd.in-toto+json"
FIRST, SECOND = SigningKey.generate(), SigningKey.generate()


def test_pae_of_the_specification() -> None:
    """The test vector of DSSE's protocol.md."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_pae_counts_bytes_not_characters() -> None:
    assert pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "


@given(st.binary(min_size=1, max_size=200))
def test_what_is_signed_is_what_is_read(body: bytes) -> None:
    keys = {key.public.keyid: key.public for key in (FIRST, SECOND)}
    data = seal_envelope(KIND, body, [FIRST, SECOND])
    assert data == seal_envelope(KIND, body, [SECOND, FIRST])
    envelope = open_envelope(data, KIND)
    assert envelope.body == body
    check_signatures(envelope, keys)


def test_signatures_of_exactly_these_keys() -> None:
    both = open_envelope(seal_envelope(KIND, b"x", [FIRST, SECOND]), KIND)
    one = open_envelope(seal_envelope(KIND, b"x", [FIRST]), KIND)
    with pytest.raises(Error, match="exactly the declared keys"):
        check_signatures(both, {FIRST.public.keyid: FIRST.public})
    with pytest.raises(Error, match="exactly the declared keys"):
        check_signatures(one, {key.public.keyid: key.public for key in (FIRST, SECOND)})
    with pytest.raises(Error, match="not valid"):
        check_signatures(one, {FIRST.public.keyid: SECOND.public})


def test_payload_type_is_signed() -> None:
    data = seal_envelope(KIND, b"x", [FIRST]).replace(b"in-toto", b"in-tot0")
    with pytest.raises(Error, match="payload type"):
        open_envelope(data, KIND)
    changed = open_envelope(data, "application/vnd.in-tot0+json")
    with pytest.raises(Error, match="not valid"):
        check_signatures(changed, {FIRST.public.keyid: FIRST.public})


ENVELOPE = json.loads(seal_envelope(KIND, b"\xff\xfe\xfd!", [FIRST, SECOND]))


def spelled(**changes: object) -> bytes:
    return json.dumps({**ENVELOPE, **changes}, separators=(",", ":"), sort_keys=True).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no DSSE envelope"),
        (b"[" * 100_000, "no DSSE envelope"),
        (b"\xff\xff", "no DSSE envelope"),
        (spelled(extra=1), "no DSSE envelope"),
        (json.dumps(ENVELOPE).encode(), "canonical"),
        (spelled() + b"\n", "canonical"),
        (spelled().replace(b'{"payload"', b'{"payload":"","payload"'), "canonical"),
        (spelled(signatures=[]), "no signatures"),
        (spelled(signatures=ENVELOPE["signatures"][::-1]), "sorted"),
        (spelled(signatures=ENVELOPE["signatures"][:1] * 2), "sorted"),
        (spelled(signatures=[{"keyid": "00", "sig": "AAAA"}]), "64 bytes"),
        (spelled(payload=base64.urlsafe_b64encode(b"\xff\xfe\xfd!").decode()), "strict base64"),
        (spelled(payload=ENVELOPE["payload"].rstrip("=")), "strict base64"),
        (spelled(payload="QR=="), "strict base64"),  # the same byte as QQ==, spelled otherwise
        (spelled(payload=" QQ=="), "strict base64"),
        (spelled(payload="é"), "canonical|strict base64"),
    ],
)
def test_any_other_spelling_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(Error, match=message):
        open_envelope(data, KIND)
