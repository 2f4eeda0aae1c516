"""The VOPRF against RFC 9497's vectors, and what the overlap's proofs refuse."""

import json
from pathlib import Path

import naive_ristretto as naive
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countermark.errors import Error
from countermark.share.overlap import dleq, group, sodium, voprf
from countermark.share.overlap.hash_to_group import MOST_INPUT, hash_to_group
from countermark.share.overlap.messages import MOST_IN_PROOF
from countermark.trust.keyfiles import Secret

VECTORS = Path(__file__).parents[2] / "vectors" / "oprf"
MODES = json.loads((VECTORS / "voprf.json").read_text())["modes"]
OVERLAP = json.loads((VECTORS / "overlap.json").read_text())
CASES = [(mode, case) for mode in MODES for case in mode["vectors"]]


def hexes(text: str) -> list[bytes]:
    return [bytes.fromhex(part) for part in text.split(",")]


def points(*names: str) -> list[bytes]:
    return [hash_to_group(name.encode(), voprf.CONTEXT) for name in names]


@pytest.fixture(scope="module")
def batch():
    """Scalar, public key, inputs, outputs and their proof."""
    scalar = group.random_scalar()
    inputs = points("a", "b", "c")
    outputs = [group.multiply(scalar, point) for point in inputs]
    key = group.base(scalar)
    return scalar, key, inputs, outputs, voprf.prove(scalar, key, inputs, outputs)


@pytest.mark.parametrize("mode", MODES, ids=["OPRF", "VOPRF"])
def test_keys_of_the_rfc(mode):
    context = voprf.context_string(mode["mode"])
    assert (b"HashToGroup-" + context).hex() == mode["groupDST"]
    seed, info = bytes.fromhex(mode["seed"]), bytes.fromhex(mode["keyInfo"])
    scalar, public = voprf.derive_key_pair(Secret(seed), info, context=context)
    assert scalar.reveal().hex() == mode["skSm"]
    assert public.hex() == mode.get("pkSm", public.hex())
    assert public == group.base(scalar)


@pytest.mark.parametrize(("mode", "case"), CASES, ids=lambda value: str(value.get("Batch", "")))
def test_evaluations_of_the_rfc(mode, case):
    context, scalar = voprf.context_string(mode["mode"]), Secret(bytes.fromhex(mode["skSm"]))
    rows = zip(*(hexes(case[name]) for name in ("Input", "Blind", "BlindedElement", "Output")), strict=True)
    evaluated = hexes(case["EvaluationElement"])
    for (data, blind, blinded, output), point in zip(rows, evaluated, strict=True):
        assert voprf.blind(data, scalar=Secret(blind), context=context)[1] == blinded
        assert group.multiply(scalar, blinded) == point
        assert voprf.evaluate(scalar, data, context=context) == output


@pytest.mark.parametrize("case", MODES[1]["vectors"], ids=lambda case: case["Batch"])
def test_proofs_of_the_rfc(case):
    scalar, public = Secret(bytes.fromhex(MODES[1]["skSm"])), bytes.fromhex(MODES[1]["pkSm"])
    blinded, evaluated = hexes(case["BlindedElement"]), hexes(case["EvaluationElement"])
    nonce, proof = Secret(bytes.fromhex(case["Proof"]["r"])), bytes.fromhex(case["Proof"]["proof"])
    made = dleq.unsafe_proof_with(nonce, scalar, public, blinded, evaluated, voprf.CONTEXT)
    assert made == proof
    inputs, blinds = hexes(case["Input"]), [Secret(blind) for blind in hexes(case["Blind"])]
    finalized = voprf.finalize(inputs, blinds, evaluated, blinded, public, proof)
    assert finalized == hexes(case["Output"])
    fast = dleq.composites_fast(scalar, public, blinded, evaluated, voprf.CONTEXT)
    assert dleq.composites(public, blinded, evaluated, voprf.CONTEXT) == fast


def test_a_client_and_a_server():
    scalar, public = voprf.derive_key_pair(Secret(bytes(32)), b"")
    inputs = [b"", b"x", b"i" * MOST_INPUT]
    blinds, blinded = zip(*(voprf.blind(data) for data in inputs), strict=True)
    evaluated, proof = voprf.blind_evaluate(scalar, public, blinded)
    outputs = voprf.finalize(inputs, blinds, evaluated, blinded, public, proof)
    assert outputs == [voprf.evaluate(scalar, data) for data in inputs]
    assert voprf.blind(b"x")[1] != voprf.blind(b"x")[1]
    assert voprf.blind_evaluate(scalar, public, blinded)[1] != proof


def test_what_a_client_refuses():
    scalar, public = voprf.derive_key_pair(Secret(bytes(32)), b"")
    blind, blinded = voprf.blind(b"x")
    (point,), proof = voprf.blind_evaluate(scalar, public, [blinded])
    wrong = group.add(point, group.GENERATOR)
    other = group.base(group.random_scalar())
    for key, evaluated, given_proof in (
        (public, [wrong], proof),
        (public, [blinded], proof),
        (other, [point], proof),
        (public, [group.IDENTITY], proof),
        (group.IDENTITY, [point], proof),
        (public, [b"\xff" * 32], proof),
        (public, [point, point], proof),
        (public, [], proof),
        (public, [point], proof[:-1]),
        (public, [point], proof + b"\x00"),
        (public, [point], proof[:32] + group.ORDER.to_bytes(32, "little")),
        (public, [point], bytes(64)),
    ):
        with pytest.raises(Error):
            voprf.finalize([b"x"], [blind], evaluated, [blinded], key, given_proof)
    with pytest.raises(Error, match="as many"):
        voprf.finalize([b"x", b"y"], [blind], [point], [blinded], public, proof)


def test_what_a_server_refuses():
    scalar, public = voprf.derive_key_pair(Secret(bytes(32)), b"")
    for blinded in ([], [group.IDENTITY], [b"\xff" * 32], [group.GENERATOR, b""]):
        with pytest.raises(Error):
            voprf.blind_evaluate(scalar, public, blinded)
    for seed, info in ((bytes(31), b""), (bytes(33), b""), (bytes(32), bytes(MOST_INPUT + 1))):
        with pytest.raises(Error):
            voprf.derive_key_pair(Secret(seed), info)
    for call in (voprf.blind, lambda data: voprf.evaluate(scalar, data)):
        with pytest.raises(Error, match="bytes"):
            call(bytes(MOST_INPUT + 1))


def test_a_proof_of_the_overlap_holds_for_a_naive_reader_too(batch):
    _, key, inputs, outputs, proof = batch
    assert voprf.verify(key, inputs, outputs, proof)
    assert naive.holds(key, inputs, outputs, proof)
    for count in (1, 2):
        alone = voprf.prove(batch[0], key, inputs[:count], outputs[:count])
        assert voprf.verify(key, inputs[:count], outputs[:count], alone)
        assert naive.holds(key, inputs[:count], outputs[:count], alone)


def test_every_flipped_bit_is_refused(batch):
    _, key, inputs, outputs, proof = batch
    fields = [key, *inputs, *outputs, proof]
    for index, field in enumerate(fields):
        for bit in range(8 * len(field)):
            flipped = bytearray(field)
            flipped[bit // 8] ^= 1 << bit % 8
            tried = [*fields[:index], bytes(flipped), *fields[index + 1 :]]
            assert not voprf.verify(tried[0], tried[1:4], tried[4:7], tried[7]), (index, bit)


def test_other_batches_are_refused(batch):
    scalar, key, inputs, outputs, proof = batch
    other = group.base(group.random_scalar())
    a, b, c = inputs
    x, y, z = outputs
    identity = group.IDENTITY
    for public, first, second, given_proof in (
        (key, [b, a, c], [y, x, z], proof),
        (key, [a, b, c], [y, x, z], proof),
        (key, [b, a, c], [x, y, z], proof),
        (other, inputs, outputs, proof),
        (identity, inputs, outputs, proof),
        (key, [a, b], [x, y], proof),
        (key, [*inputs, a], [*outputs, x], proof),
        (key, inputs, [x, y], proof),
        (key, [], [], proof),
        (key, [a, b, identity], [x, y, identity], proof),
        (key, [a, b, identity], outputs, proof),
        (key, inputs, [x, y, identity], proof),
        (key, outputs, inputs, proof),
        (key, inputs, [x, y, z + b"\x00"], proof),
        (key, inputs, outputs, b""),
        (key, inputs, outputs, proof[:63]),
        (key, inputs, outputs, proof + b"\x00"),
        (key, inputs, outputs, proof[32:] + proof[:32]),
        (key, inputs, outputs, bytes(64)),
        (key, inputs, outputs, voprf.prove(scalar, key, inputs[::-1], outputs[::-1])),
    ):
        assert not voprf.verify(public, first, second, given_proof)


@pytest.mark.parametrize("half", [0, 1])
def test_a_scalar_written_otherwise_is_refused(batch, half):
    """The same scalar plus the order would pass the equations."""
    _, key, inputs, outputs, proof = batch
    halves = [int.from_bytes(proof[:32], "little"), int.from_bytes(proof[32:], "little")]
    halves[half] += group.ORDER
    written = b"".join(value.to_bytes(32, "little") for value in halves)
    assert not voprf.verify(key, inputs, outputs, written)


def test_one_wrong_product_among_right_ones_is_refused(batch):
    scalar, key, inputs, outputs, _ = batch
    for index in range(3):
        wrong = list(outputs)
        wrong[index] = group.multiply(group.random_scalar(), inputs[index])
        assert not voprf.verify(key, inputs, wrong, voprf.prove(scalar, key, inputs, wrong))
    # two errors that would cancel out if all weights were one
    wrong = [group.add(outputs[0], group.GENERATOR), group.sub(outputs[1], group.GENERATOR), outputs[2]]
    assert not voprf.verify(key, inputs, wrong, voprf.prove(scalar, key, inputs, wrong))


def test_a_weight_depends_on_the_whole_batch(batch):
    """In RFC 9497 it does not, and a long batch could be forged (ADR 0019)."""
    _, key, inputs, outputs, _ = batch
    changed = [*outputs[:2], group.GENERATOR]

    def weights(products: list[bytes], context: bytes) -> list[bytes]:
        return [w.reveal() for w in dleq.weights_of(key, inputs, products, context)]

    plain, plain_changed = (weights(products, voprf.CONTEXT) for products in (outputs, changed))
    assert plain[:2] == plain_changed[:2]
    bound, bound_changed = (
        weights(products, voprf.overlap_context(key, inputs, products)) for products in (outputs, changed)
    )
    assert not set(bound) & set(bound_changed)


def test_a_proof_of_the_rfc_is_none_of_the_overlap(batch):
    scalar, key, inputs, outputs, proof = batch
    plain = dleq.generate_proof(scalar, key, inputs, outputs, voprf.CONTEXT)
    assert not voprf.verify(key, inputs, outputs, plain)
    assert not dleq.verify_proof(key, inputs, outputs, proof, voprf.CONTEXT)


def test_what_no_proof_is_made_of(batch):
    scalar, key, inputs, outputs, _ = batch
    many = [inputs[0]] * (MOST_IN_PROOF + 1)
    for public, first, second in (
        (key, [], []),
        (key, inputs, outputs[:2]),
        (key, many, many),
        (group.GENERATOR, inputs, outputs),
        (key, [*inputs[:2], group.IDENTITY], outputs),
        (key, [*inputs[:2], b"\xff" * 32], outputs),
        (key, inputs, [*outputs[:2], b""]),
    ):
        with pytest.raises(Error):
            voprf.prove(scalar, public, first, second)


def test_long_lists_have_a_proof_for_every_part(batch, monkeypatch):
    scalar, key, inputs, outputs, _ = batch
    monkeypatch.setattr(voprf, "MOST_IN_PROOF", 2)
    proofs = voprf.prove_all(scalar, key, inputs, outputs)
    assert len(proofs) == 2
    assert voprf.verify_all(key, inputs, outputs, proofs)
    assert not voprf.verify(key, inputs, outputs, proofs[0])
    assert voprf.verify_all(key, [], [], voprf.prove_all(scalar, key, [], []))
    for first, second, given_proofs in (
        (inputs, outputs, proofs[::-1]),
        (inputs, outputs, proofs[:1]),
        (inputs, outputs, [*proofs, proofs[0]]),
        (inputs, outputs[:2], proofs),
        (inputs[:2], outputs[:2], proofs),
        (inputs, [*outputs[:2], group.GENERATOR], proofs),
    ):
        assert not voprf.verify_all(key, first, second, given_proofs)


def test_a_missing_package_is_no_answer(batch, monkeypatch):
    def missing() -> None:
        raise Error("private overlap needs the package rbcl")

    monkeypatch.setattr(voprf, "functions", missing)
    with pytest.raises(Error, match="rbcl"):
        voprf.verify(*batch[1:])
    assert sodium.functions() is not None


@pytest.mark.parametrize("case", OVERLAP["proofs"], ids=lambda case: str(len(case["inputs"])))
def test_the_vectors_of_the_overlap(case):
    key, scalar = bytes.fromhex(OVERLAP["public_key_b"]), Secret(bytes.fromhex(OVERLAP["b"]))
    inputs, outputs = ([bytes.fromhex(point) for point in case[name]] for name in ("inputs", "outputs"))
    proof, nonce = bytes.fromhex(case["proof"]), Secret(bytes.fromhex(case["nonce"]))
    context = voprf.overlap_context(key, inputs, outputs)
    assert context.hex() == case["context"]
    assert [w.reveal().hex() for w in dleq.weights_of(key, inputs, outputs, context)] == case["weights"]
    assert dleq.unsafe_proof_with(nonce, scalar, key, inputs, outputs, context) == proof
    assert voprf.verify(key, inputs, outputs, proof)
    assert naive.holds(key, inputs, outputs, proof)
    assert not naive.holds(key, inputs, [*outputs[:-1], inputs[0]], proof)


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=100), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_the_order_of_two_scalars_does_not_matter(item, first, second):
    a, b = (group.scalar_of(seed + b"\x01" * 32) for seed in (first, second))
    point = hash_to_group(item, voprf.CONTEXT)
    tag = group.multiply(a, group.multiply(b, point))
    assert tag == group.multiply(b, group.multiply(a, point))
    assert group.multiply(group.invert(a), tag) == group.multiply(b, point)
