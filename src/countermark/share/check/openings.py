"""When keys are opened: whether they are what was committed to, and whether a detector told the truth.

A signed verdict binds its member to figures about a text, the register binds it to keys. Whoever kept the
text and its salt can do the sums again once the keys are open, years later.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from countermark.errors import Error, ExitCode
from countermark.share.check.messages import KeyAnswer, PoolAnswer, Verdict
from countermark.share.check.verdicts import text_digest
from countermark.trust.keyfiles import Secret

MOST_NONCE: Final = 200
_NONCE_BYTES = 32


@dataclass(frozen=True)
class Difference:
    """A key for which a verdict said something else than its opened key says."""

    commitment: str
    key: str
    said: KeyAnswer
    is_so: KeyAnswer


def raw_commitment(nonce: Secret, key_file: Secret) -> str:
    """SHA-256 over a nonce (64 hex digits) as 32 bytes and the content of a key file, lower-case hex."""
    try:
        raw = bytes.fromhex(nonce.reveal().decode("ascii").strip())
    except ValueError:
        raw = b""
    if len(raw) != _NONCE_BYTES:
        raise Error("the nonce file does not hold 64 hex digits", exit_code=ExitCode.NO_INPUT)
    return hashlib.sha256(raw + key_file.reveal()).hexdigest()


def check_raw(commitment: str, nonce: Secret, key_file: Secret) -> None:
    """Raise unless this nonce and key file open the commitment."""
    if not hmac.compare_digest(raw_commitment(nonce, key_file), commitment):
        raise Error(
            "the nonce and the key file are not what the commitment is to",
            hint="the file counts byte for byte, a newline at its end included",
            exit_code=ExitCode.VERIFICATION_FAILED,
        )


def check_verdict(
    verdict: Verdict, text: str, salt: str, recomputed: Sequence[PoolAnswer]
) -> list[Difference]:
    """Where a verdict differs from what opened keys answer about the same text, in the verdict's order.

    `recomputed` is of `Detectors` over the opened keys; pools that are not in it stay unchecked. Figures are
    rounded as a detector rounds them, so honest ones are equal. Raises `Error` where the text is another one.
    """
    if not hmac.compare_digest(text_digest(salt, text), verdict.text_digest):
        raise Error("the verdict is about another text or salt", exit_code=ExitCode.VERIFICATION_FAILED)
    truth = {(pool.commitment, row.key): row for pool in recomputed for row in pool.keys}
    found = []
    for pool in verdict.pools:
        for row in pool.keys:
            is_so = truth.get((pool.commitment, row.key))
            if is_so is not None and is_so != row:
                found.append(Difference(pool.commitment, row.key, row, is_so))
    return found
