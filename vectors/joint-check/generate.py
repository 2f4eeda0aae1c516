"""Writes the vectors of the joint check and its JSON Schema from this project's implementation.

    python vectors/joint-check/generate.py

README.md says what they hold. vllm-text.json is not made here (vectors/generators/record_vllm_text.py).
"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countermark.records.canonical import canonical_json
from countermark.share.check import messages
from countermark.share.check.correction import Earlier, correct
from countermark.share.check.messages import KeyAnswer, Keys, PoolAnswer, RegisteredPool, Verdict
from countermark.share.check.openings import raw_commitment
from countermark.share.check.register import Register, Registered, registered_family, sign_registration
from countermark.share.check.verdicts import VerdictRefused, open_verdict, sign_verdict, text_digest
from countermark.trust.dsse import seal_envelope
from countermark.trust.keyfiles import Secret
from countermark.trust.signing import SigningKey

HERE = Path(__file__).parent
SCHEMA = HERE.parents[1] / "spec" / "joint-check.schema.json"
SEEDS = {"alpha": "a1" * 32, "beta": "b2" * 32}
SALT, REQUEST = "00112233445566778899aabbccddeeff" * 2, "0f" * 32
TEXT = "Whose mark is in this text? Niemand weiß es. 誰も知らない。"
MADE = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
NONCE, KEY_FILE = "07" * 32, "0x2a\n"


def signing_key(member: str) -> SigningKey:
    """A test key; it protects nothing."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SEEDS[member])))


def profile_of(name: str) -> str:
    """An id as profiles have them."""
    return f"profile-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def registered(member: str) -> list[RegisteredPool]:
    """Two pools of beta, one of alpha."""
    count = {"alpha": 1, "beta": 2}[member]
    return [
        RegisteredPool(
            profile_id=profile_of(f"{member} {n}"),
            epoch="2026-Q4",
            commitment=text_digest(f"{n:02x}" * 32, member),
            keys=[f"{member[0]}{n}key{k}" for k in range(3 - n)],
        )
        for n in range(count)
    ]


def answered(member: str) -> list[PoolAnswer]:
    """Answers for them: p-values in the first pool, an e-value in the second."""
    pools = []
    for n, pool in enumerate(registered(member)):
        figures = [(-37.21, None), (0.0, None), (-1.5, None)] if n == 0 else [(None, 4.25), (None, -2.0)]
        keys = [
            KeyAnswer(key=key, scored_tokens=812 - 3 * n, log10_p=p, log10_e=e)
            for key, (p, e) in zip(pool.keys, figures, strict=False)
        ]
        pools.append(
            PoolAnswer(
                profile_id=pool.profile_id,
                epoch=pool.epoch,
                commitment=pool.commitment,
                keys=keys,
                weak="64-bit key" if n else "",
            )
        )
    return pools


def register() -> Register:
    """Both members' pools."""
    return Register(Registered(member, pool) for member in SEEDS for pool in registered(member))


def documents() -> dict[str, object]:
    """A registration and a verdict of beta's, with all that they hang on."""
    beta = signing_key("beta")
    digest = text_digest(SALT, TEXT)
    keys = Keys(member="beta", pools=registered("beta"), created=MADE)
    verdict = sign_verdict(
        beta, member="beta", request_id=REQUEST, text_digest=digest, pools=answered("beta"), now=MADE
    )
    return {
        "keys": "test keys; they protect nothing",
        "members": {
            name: {
                "seed": seed,
                "public_key": signing_key(name).public.to_base64(),
                "keyid": signing_key(name).public.keyid,
                "pools": msgspec.to_builtins(registered(name)),
            }
            for name, seed in SEEDS.items()
        },
        "salt": SALT,
        "text": TEXT,
        "text_digest": digest,
        "request_id": REQUEST,
        "now": "2026-11-28T12:00:00Z",
        "raw_commitment": {
            "nonce": NONCE,
            "key_file": KEY_FILE,
            "commitment": raw_commitment(Secret(NONCE.encode()), Secret(KEY_FILE.encode())),
        },
        "registration": json.loads(sign_registration(beta, keys)),
        "verdict": json.loads(verdict),
    }


def changed(**fields: object) -> bytes:
    """Beta's verdict with other fields, signed by beta."""
    verdict = Verdict(
        request_id=REQUEST,
        text_digest=text_digest(SALT, TEXT),
        member="beta",
        pools=answered("beta"),
        keys=5,
        made=MADE,
    )
    plain = msgspec.to_builtins(verdict) | fields
    return seal_envelope(messages.VERDICT_TYPE, canonical_json(plain), [signing_key("beta")])


def pools(change) -> dict[str, object]:
    """Fields with beta's pools after `change`, which gets them as plain data; the number of keys is right."""
    plain = msgspec.to_builtins(answered("beta"))
    result = change(plain)
    plain = result if isinstance(result, list) else plain
    return {"pools": plain, "keys": sum(len(pool["keys"]) for pool in plain)}


def refusals() -> list[dict[str, object]]:
    """Verdicts that are refused, each for one reason."""
    first = lambda given: given[0]["keys"]  # noqa: E731
    cases = {
        "another request": changed(request_id="0e" * 32),
        "another text": changed(text_digest=text_digest(SALT, TEXT + " ")),
        "old": changed(made="2026-11-28T11:49:59Z"),
        "of a time to come": changed(made="2026-11-28T12:05:01Z"),
        "in alpha's name": changed(member="alpha"),
        "signed by alpha": seal_envelope(messages.VERDICT_TYPE, b"{}", [signing_key("alpha")]),
        "an unknown field": changed(more=1),
        "a wrong number of keys": changed(keys=4),
        "a pool left out": changed(**pools(lambda given: given[:1])),
        "a pool twice": changed(**pools(lambda given: [*given, given[0]])),
        "alpha's pool": changed(**pools(lambda given: [*given, *msgspec.to_builtins(answered("alpha"))])),
        "an unknown commitment": changed(**pools(lambda given: given[0].update(commitment="ab" * 32))),
        "a key left out": changed(**pools(lambda given: first(given).pop())),
        "a key twice": changed(**pools(lambda given: first(given).append(first(given)[0]))),
        "an unknown key": changed(**pools(lambda given: first(given)[1].update(key="stranger"))),
        "both figures": changed(**pools(lambda given: first(given)[1].update(log10_e=0.0))),
        "neither figure": changed(**pools(lambda given: first(given)[1].update(log10_p=None))),
        "a p-value above 1": changed(**pools(lambda given: first(given)[1].update(log10_p=0.01))),
        "a p-value of no text": changed(**pools(lambda given: first(given)[1].update(log10_p=-1e8))),
        "evidence from no token": changed(**pools(lambda given: first(given)[0].update(scored_tokens=0))),
    }
    rows = []
    for name, envelope in cases.items():
        try:
            open_verdict(
                envelope,
                member="beta",
                signers={signing_key("beta").public.keyid: signing_key("beta").public},
                request_id=REQUEST,
                digest=text_digest(SALT, TEXT),
                register=register(),
                now=MADE,
            )
        except VerdictRefused as refused:
            rows.append({"name": name, "reason": refused.reason, "verdict": json.loads(envelope)})
    if len(rows) != len(cases):
        raise SystemExit("a verdict that should be refused was taken")
    return rows


def correction(name: str, figures: dict[str, list[float]], **more: object) -> dict[str, object]:
    """One check: members' log10 p-values (`unanswered` keys beside them), and what comes of it."""
    tokens = more.pop("scored_tokens", 1000)
    unanswered = more.pop("unanswered", 0)
    asked = {"ordinal": 1, "alpha": 0.01, "min_tokens": 200, "earlier": []} | more
    given, entries = [], []
    for member, values in figures.items():
        keys = [f"{member}-{k}" for k in range(len(values))]
        commitment = text_digest("00" * 32, member)
        entries.append(
            Registered(
                member,
                RegisteredPool(profile_id=profile_of(member), epoch="1", commitment=commitment, keys=keys),
            )
        )
        rows = [
            KeyAnswer(key=key, scored_tokens=tokens, log10_p=value)
            for key, value in zip(keys, values, strict=True)
        ]
        given.append(PoolAnswer(profile_id=profile_of(member), epoch="1", commitment=commitment, keys=rows))
    if unanswered:
        keys = [f"u{k}" for k in range(unanswered)]
        entries.append(
            Registered(
                "unanswered",
                RegisteredPool(profile_id=profile_of("p"), epoch="1", commitment="ff" * 32, keys=keys),
            )
        )
    register_of_it = Register(entries)
    family = registered_family(register_of_it, [one.member for one in register_of_it])
    earlier = [Earlier(one["hypotheses"], tuple(one["log10_p"])) for one in asked["earlier"]]
    found = correct(
        given,
        family,
        ordinal=asked["ordinal"],
        alpha=asked["alpha"],
        min_tokens=asked["min_tokens"],
        earlier=earlier,
    )
    return {
        "name": name,
        **asked,
        "scored_tokens": tokens,
        "unanswered": unanswered,
        "log10_p": figures,
        "word": found.word,
        "marks": found.marks,
        "hypotheses": found.hypotheses,
        "asked_so_far": found.asked_so_far,
        "log10_adjusted": [row.log10_adjusted for row in found.rows],
        "log10_holm_so_far": [row.log10_holm_so_far for row in found.rows],
        "passes": [row.passes for row in found.rows],
    }


def corrections() -> list[dict[str, object]]:
    """Small families and their corrections."""
    return [
        correction("one key, first check", {"a": [-2.31]}),
        correction("one key, at its limit", {"a": [-2.30]}),
        correction("Holm steps down", {"a": [-2.6, -9.0], "b": [-2.9, -0.2]}),
        correction("a larger value never gets a smaller adjusted one", {"a": [-3.0, -2.99, -2.98]}),
        correction("keys without an answer count", {"a": [-4.0, -0.3]}, unanswered=98),
        correction("the tenth check of a matter", {"a": [-4.3, -0.3]}, ordinal=10),
        correction(
            "beside it, over all that was asked",
            {"a": [-5.0, -0.3]},
            ordinal=3,
            earlier=[{"hypotheses": 2, "log10_p": [-8.0]}, {"hypotheses": 40, "log10_p": [-1.2, -4.5]}],
        ),
        correction("too short", {"a": [-40.0]}, scored_tokens=199),
        correction("the public's, without a matter", {"a": [-6.0]}, ordinal=None, alpha=1e-6),
        correction("far tails", {"a": [-12345.67, -12345.66], "b": [-10000000.0]}),
        correction("two owners", {"a": [-30.0], "b": [-20.0], "c": [-0.1]}),
        correction("figures that are not on a hundredth", {"a": [-2.3199999], "b": [-7.0000000001]}),
    ]


def schema() -> dict[str, object]:
    """JSON Schema of every document."""
    kinds = (
        messages.Check,
        messages.Question,
        messages.Verdict,
        messages.Keys,
        messages.Retired,
        messages.Outcome,
        messages.Finding,
        messages.Answer,
    )
    _, found = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:countermark:joint-check:v1",
        "title": "Countermark joint watermark check, version 1: $defs has one schema a document",
        "$defs": found,
    }


def write(path: Path, value: object) -> None:
    """JSON, an entry a line where it is a list."""
    if isinstance(value, list):
        entries = ",\n".join("  " + json.dumps(entry, ensure_ascii=False) for entry in value)
        path.write_text("[\n" + entries + "\n]\n", encoding="utf-8")
    else:
        path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """All files."""
    write(HERE / "documents.json", documents())
    write(HERE / "refused.json", refusals())
    write(HERE / "corrections.json", corrections())
    write(SCHEMA, schema())


if __name__ == "__main__":
    main()
