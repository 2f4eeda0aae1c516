"""vectors/oprf/overlap.json: tags and proofs of the private overlap, from this project's implementation.

Scalars and nonces come from counted seeds: they are for vectors and for nothing else.
"""

import hashlib
import json
from pathlib import Path

from countermark.share.overlap import dleq, group, voprf
from countermark.share.overlap.hash_to_group import hash_to_group
from countermark.trust.keyfiles import Secret

OUT = Path(__file__).resolve().parent.parent / "oprf" / "overlap.json"


def scalar(name: str) -> Secret:
    return group.scalar_of(hashlib.sha512(f"countermark overlap vectors: {name}".encode()).digest())


def proof_of(key: Secret, inputs: list[bytes], number: int) -> dict[str, object]:
    public, nonce = group.base(key), scalar(f"nonce {number}")
    outputs = [group.multiply(key, point) for point in inputs]
    context = voprf.overlap_context(public, inputs, outputs)
    return {
        "nonce": nonce.reveal().hex(),
        "inputs": [point.hex() for point in inputs],
        "outputs": [point.hex() for point in outputs],
        "context": context.hex(),
        "weights": [w.reveal().hex() for w in dleq.weights_of(public, inputs, outputs, context)],
        "proof": dleq.unsafe_proof_with(nonce, key, public, inputs, outputs, context).hex(),
    }


def main() -> None:
    items = [b"", b"email\x00a@example.org", b"ipv4\x00192.0.2.1", bytes(range(256))]
    a, b = scalar("a"), scalar("b")
    points = [hash_to_group(item, voprf.CONTEXT) for item in items]
    blinded = [group.multiply(a, point) for point in points]
    content = {
        "a": a.reveal().hex(),
        "b": b.reveal().hex(),
        "public_key_a": group.base(a).hex(),
        "public_key_b": group.base(b).hex(),
        "items": [
            {
                "item": item.hex(),
                "point": point.hex(),
                "blinded": blind.hex(),
                "tag": group.multiply(b, blind).hex(),
            }
            for item, point, blind in zip(items, points, blinded, strict=True)
        ],
        "proofs": [proof_of(b, blinded[:count], count) for count in (1, 2, 4)],
    }
    OUT.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
