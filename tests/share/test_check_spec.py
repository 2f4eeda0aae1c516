"""spec/joint-check: the schema is that of the types, and an implementation from the page alone agrees."""

import base64
import json
import runpy
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import naive_joint_check as naive
import pytest
from check_samples import make_party, marked_text, opened, register_of

from countermark.records.canonical import canonical_json
from countermark.share.check import messages
from countermark.share.check.messages import Keys, RegisteredPool
from countermark.share.check.register import Register, Registered, open_registration
from countermark.share.check.verdicts import VerdictRefused, open_verdict
from countermark.trust.signing import PublicKey

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "vectors" / "joint-check"
SCHEMA = json.loads((ROOT / "spec" / "joint-check.schema.json").read_text())
DOCUMENTS = json.loads((VECTORS / "documents.json").read_text())
REFUSED = json.loads((VECTORS / "refused.json").read_text())
CORRECTIONS = json.loads((VECTORS / "corrections.json").read_text())
POOLS = {name: one["pools"] for name, one in DOCUMENTS["members"].items()}
BETA = DOCUMENTS["members"]["beta"]
NOW = datetime.fromisoformat(DOCUMENTS["now"])


def asked() -> dict[str, Any]:
    """What the aggregator of the vectors knows of its question."""
    return {
        "public": base64.b64decode(BETA["public_key"]),
        "request_id": DOCUMENTS["request_id"],
        "text_digest": DOCUMENTS["text_digest"],
        "now": NOW,
    }


def ours(envelope: dict[str, Any]) -> str | None:
    """Our own reason for refusing a verdict asked of beta."""
    register = Register(
        Registered(name, msgspec.convert(pool, RegisteredPool))
        for name, all_ in POOLS.items()
        for pool in all_
    )
    key = PublicKey.parse(BETA["public_key"])
    try:
        open_verdict(
            canonical_json(envelope),
            member="beta",
            signers={key.keyid: key},
            request_id=DOCUMENTS["request_id"],
            digest=DOCUMENTS["text_digest"],
            register=register,
            now=NOW,
        )
    except VerdictRefused as refused:
        return refused.reason
    return None


def test_the_schema_and_the_vectors_are_what_the_generator_writes(tmp_path: Path) -> None:
    made = runpy.run_path(str(VECTORS / "generate.py"))
    assert made["schema"]() == SCHEMA
    assert made["documents"]() == DOCUMENTS
    assert made["refusals"]() == REFUSED
    assert made["corrections"]() == CORRECTIONS


def test_documents_are_of_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for name, envelope in (("Keys", DOCUMENTS["registration"]), ("Verdict", DOCUMENTS["verdict"])):
        body = json.loads(base64.b64decode(envelope["payload"]))
        jsonschema.validate(body, {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(body | {"x": 1}, {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})
    kinds = {"Check", "Question", "Verdict", "Keys", "Retired", "Outcome", "Finding", "Answer"}
    assert kinds <= SCHEMA["$defs"].keys()
    assert set(SCHEMA["$defs"]["Answer"]["properties"]) == {"schema", "word"}


def test_a_naive_implementation_makes_the_same_documents() -> None:
    assert naive.digest(DOCUMENTS["salt"], DOCUMENTS["text"]) == DOCUMENTS["text_digest"]
    raw = DOCUMENTS["raw_commitment"]
    assert naive.digest(raw["nonce"], raw["key_file"]) == raw["commitment"]
    for name, kind in (("registration", naive.KEYS), ("verdict", naive.VERDICT)):
        body = json.loads(base64.b64decode(DOCUMENTS[name]["payload"]))
        assert naive.seal(kind, body, BETA["seed"]) == DOCUMENTS[name]


def test_a_naive_implementation_takes_and_refuses_the_same_verdicts() -> None:
    assert naive.refusal(DOCUMENTS["verdict"], asked(), POOLS, "beta") is None
    assert ours(DOCUMENTS["verdict"]) is None
    for row in REFUSED:
        assert naive.refusal(row["verdict"], asked(), POOLS, "beta") == row["reason"], row["name"]
        assert ours(row["verdict"]) == row["reason"], row["name"]


def test_every_reason_but_none_is_in_the_vectors_and_in_the_specification() -> None:
    from typing import get_args

    from countermark.share.check.verdicts import Reason

    reasons = set(get_args(Reason))
    assert {row["reason"] for row in REFUSED} == reasons
    page = (ROOT / "spec" / "joint-check.md").read_text()
    assert {reason for reason in reasons if f"`{reason}`" not in page} == set()


@pytest.mark.parametrize("case", CORRECTIONS, ids=lambda case: case["name"])
def test_a_naive_implementation_corrects_the_same(case: dict[str, Any]) -> None:
    found = naive.correction(case)
    assert {name: case[name] for name in found} == found


def test_a_strangers_registration_and_verdict_are_taken(tmp_path: Path) -> None:
    """A member without any of our code: raw JSON, signed by the naive side, opened by ours."""
    party, text = make_party(tmp_path, "beta"), marked_text("beta")
    seed = BETA["seed"]
    key = PublicKey.parse(BETA["public_key"])
    pools = msgspec.to_builtins(party.pools)
    registration = {
        "schema": messages.KEYS_SCHEMA,
        "member": "beta",
        "pools": pools,
        "created": "2026-11-28T12:00:00Z",
    }
    sealed = naive.canonical(naive.seal(naive.KEYS, registration, seed))
    keys = open_registration(sealed, member="beta", signers={key.keyid: key}, now=NOW)
    assert keys == Keys(member="beta", pools=party.pools, created=NOW)
    rows = [
        {"key": name, "scored_tokens": 396, "log10_p": -1.25, "log10_e": None} for name in pools[0]["keys"]
    ]
    question = asked() | {"text_digest": naive.digest(DOCUMENTS["salt"], text)}
    verdict = {
        "schema": messages.VERDICT_SCHEMA,
        "request_id": question["request_id"],
        "text_digest": question["text_digest"],
        "member": "beta",
        "pools": [
            {**{k: pools[0][k] for k in ("profile_id", "epoch", "commitment")}, "keys": rows, "weak": ""}
        ],
        "keys": 3,
        "made": "2026-11-28T12:00:00Z",
    }
    taken = opened(
        party,
        naive.canonical(naive.seal(naive.VERDICT, verdict, seed)),
        register_of(party),
        text,
        signers={key.keyid: key},
        request_id=question["request_id"],
        digest=question["text_digest"],
    )
    assert taken.pools[0].keys[0].log10_p == -1.25
