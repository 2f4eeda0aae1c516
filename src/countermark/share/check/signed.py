"""Documents that a member signed with one key of its own: opened, bounded, checked."""

from collections.abc import Mapping

from countermark.errors import Error, ExitCode
from countermark.trust.dsse import check_signatures, open_envelope
from countermark.trust.signing import PublicKey


def payload_of(envelope: bytes, kind: str, signers: Mapping[str, PublicKey], most_bytes: int) -> bytes:
    """The bytes that exactly one of these keys (by key id) signed as of this kind; raises `Error`."""
    if len(envelope) > most_bytes:
        raise Error(f"the envelope is over {most_bytes >> 20} MiB", exit_code=ExitCode.VERIFICATION_FAILED)
    opened = open_envelope(envelope, kind)
    keyids = [keyid for keyid, _ in opened.signatures]
    if len(keyids) != 1 or keyids[0] not in signers:
        raise Error(
            "the envelope is not signed by one key that is registered to the member",
            exit_code=ExitCode.VERIFICATION_FAILED,
        )
    check_signatures(opened, {keyids[0]: signers[keyids[0]]})
    return opened.body
