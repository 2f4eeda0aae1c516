"""How many vectors of RFC 9497, RFC 9496 and RFC 9380 the arithmetic of the private overlap passes."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from countermark.errors import Error
from countermark.share.overlap import dleq, group, voprf
from countermark.share.overlap.hash_to_group import expand_message_xmd
from countermark.trust.keyfiles import Secret
from joint_setting import ROOT

FOLDER = ROOT / "vectors" / "oprf"


def vectors() -> dict[str, Any]:
    """Passed, of how many, by RFC."""
    counts = {}
    for name, cases in (
        ("RFC 9497, ristretto255-SHA512", _voprf()),
        ("RFC 9496, ristretto255", _ristretto()),
        ("RFC 9380, expand_message_xmd", _expand()),
    ):
        counts[name] = {"passed": sum(map(_holds, cases)), "of": len(cases)}
    return counts


def _holds(case: Callable[[], bool]) -> bool:
    try:
        return case()
    except Error:
        return False


def _read(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def _hexes(text: str) -> list[bytes]:
    return [bytes.fromhex(part) for part in text.split(",")]


def _voprf() -> list[Callable[[], bool]]:
    """Of each mode its keys, then each vector: blinded, evaluated, output, and the proof in mode VOPRF."""
    cases: list[Callable[[], bool]] = []
    for mode in _read("voprf")["modes"]:
        cases.append(partial(_keys, mode))
        cases += [partial(_evaluated, mode, case) for case in mode["vectors"]]
        cases += [partial(_proven, mode, case) for case in mode["vectors"] if "Proof" in case]
    return cases


def _keys(mode: dict[str, Any]) -> bool:
    seed, context = Secret(bytes.fromhex(mode["seed"])), voprf.context_string(mode["mode"])
    scalar, public = voprf.derive_key_pair(seed, bytes.fromhex(mode["keyInfo"]), context=context)
    return scalar.reveal().hex() == mode["skSm"] and mode.get("pkSm") in (None, public.hex())


def _evaluated(mode: dict[str, Any], case: dict[str, Any]) -> bool:
    context, scalar = voprf.context_string(mode["mode"]), Secret(bytes.fromhex(mode["skSm"]))
    names = ("Input", "Blind", "BlindedElement", "EvaluationElement", "Output")
    return all(
        voprf.blind(data, scalar=Secret(blind), context=context)[1] == blinded
        and group.multiply(scalar, blinded) == evaluated
        and voprf.evaluate(scalar, data, context=context) == output
        for data, blind, blinded, evaluated, output in zip(
            *(_hexes(case[name]) for name in names), strict=True
        )
    )


def _proven(mode: dict[str, Any], case: dict[str, Any]) -> bool:
    scalar, public = Secret(bytes.fromhex(mode["skSm"])), bytes.fromhex(mode["pkSm"])
    blinded, evaluated = _hexes(case["BlindedElement"]), _hexes(case["EvaluationElement"])
    nonce, proof = Secret(bytes.fromhex(case["Proof"]["r"])), bytes.fromhex(case["Proof"]["proof"])
    made = dleq.unsafe_proof_with(nonce, scalar, public, blinded, evaluated, voprf.CONTEXT)
    blinds = [Secret(one) for one in _hexes(case["Blind"])]
    found = voprf.finalize(_hexes(case["Input"]), blinds, evaluated, blinded, public, proof)
    return made == proof and found == _hexes(case["Output"])


def _ristretto() -> list[Callable[[], bool]]:
    """Multiples of the generator, encodings to be refused, points of 64 bytes."""
    found = _read("ristretto255")
    multiples = _hexes(",".join(found["multiples"]))
    cases: list[Callable[[], bool]] = [lambda: multiples[0] == group.IDENTITY]
    for factor, expected in enumerate(multiples[1:], 1):
        scalar = Secret(factor.to_bytes(32, "little"))
        cases.append(lambda scalar=scalar, expected=expected: group.base(scalar) == expected)  # type: ignore[misc]
    invalid = [bytes.fromhex(one) for part in found["invalid"].values() for one in part]
    cases += [partial(_refused, data) for data in invalid]
    alike = found["derived_alike"]
    pairs = [(one["input"], one["output"]) for one in found["derived"]]
    pairs += [(one, alike["output"]) for one in alike["inputs"]]
    return cases + [partial(_derived, *pair) for pair in pairs]


def _refused(data: bytes) -> bool:
    try:
        group.decode_point(data)
    except Error:
        return True
    return False


def _derived(data: str, output: str) -> bool:
    return group.from_uniform(bytes.fromhex(data)).hex() == output


def _expand() -> list[Callable[[], bool]]:
    suites = _read("expand_message_xmd")["suites"]
    return [partial(_expanded, suite, case) for suite in suites for case in suite["tests"]]


def _expanded(suite: dict[str, Any], case: dict[str, Any]) -> bool:
    length, tag = int(case["len_in_bytes"], 16), suite["DST"].encode()
    made = expand_message_xmd(case["msg"].encode(), tag, length, algorithm=suite["hash"].lower())
    return made.hex() == case["uniform_bytes"]
