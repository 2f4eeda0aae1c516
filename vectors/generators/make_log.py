"""Writes the vectors of the log that is fixed before (spec/log.md) from this project's implementation.

    python vectors/generators/make_log.py

vectors/log/README.md says what they hold. All keys and secrets are test ones; they protect nothing.
"""

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countermark.records.canonical import canonical_json
from countermark.trust import runs
from countermark.trust.batches import read_batches
from countermark.trust.checkpoints import Checkpoint, sign_checkpoint, write_proof
from countermark.trust.cosigned import add_cosignatures
from countermark.trust.entry_proofs import prove_entry, write_shown
from countermark.trust.log import Log
from countermark.trust.publication import Publication
from countermark.trust.signing import SigningKey
from countermark.trust.witness import Conflict, Refused, Request, Witness, write_request

HERE = Path(__file__).parents[1] / "log"
LOG_SEED, WITNESS_SEED, SALTS = "a1" * 32, "b2" * 32, "c3" * 32
ORIGIN, MATTER = "member-a.example/log", "matter-7"
START = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
COSIGNED = 1_800_000_000


def key(seed: str) -> SigningKey:
    """A test key."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))


def publication(folder: Path) -> Publication:
    """Eight entries, the last still waiting: a plan, three runs of two matters (one privileged), a policy."""
    key(LOG_SEED).save(folder / "log.key")
    (folder / "log.salts").write_text(SALTS)
    (folder / "log.salts").chmod(0o600)
    Log.create(folder / "log", ORIGIN, key(LOG_SEED))
    book = Publication.open_or_create(folder / "log", batch=4)
    log = book.private
    plan = {"matter": MATTER, "plan_id": "PLAN-1", "sha256": "11" * 32}
    log.append("analysis-plan", plan, time=START)
    book.tick(START)
    families = {MATTER: 0, "matter-8": 0}
    for number, matter in enumerate((MATTER, "matter-8", MATTER), 1):
        families[matter] += 6
        when = START + timedelta(minutes=10 * number)
        log.append(runs.START, started(number, matter, families[matter]), time=when)
        log.append(runs.OUTCOME, outcome(number, matter), time=when + timedelta(minutes=1))
        if number != 2:
            book.tick(START + timedelta(hours=number))
    runs.check_runs(log)
    log.append("policy", {"bytes": 3, "name": "policy.yaml", "sha256": "22" * 32}, time=START)
    return book


def started(number: int, matter: str, family: int) -> dict[str, object]:
    """The payload of a start; run 2 is privileged."""
    counts = {"bodies": 2, "keys": 3, "profiles": 1, "epochs": 1, "hypotheses": 6, "family": family}
    ids: dict[str, object] = {"key_ids": [], "profile_ids": [], "text_ids": []}
    digests = {} if number == 2 else {"input": f"{number:02x}" * 32}
    return {"run": number, "matter": matter, **counts, **ids, "digests": digests, **space(number)}


def outcome(number: int, matter: str) -> dict[str, object]:
    """The payload of an outcome."""
    digests = {} if number == 2 else {"answer": f"{number + 16:02x}" * 32}
    return {"run": number, "matter": matter, "status": "done", "digests": digests, **space(number)}


def space(number: int) -> dict[str, str]:
    """The digest stands for a sealed file, which is none of these vectors."""
    return {"space": "privileged", "sealed": "33" * 32} if number == 2 else {"space": "testifying"}


def openings(book: Publication) -> dict[str, object]:
    """Commitments, what opens them, and openings that are none."""
    log = book.public
    commitments = [one.hex() for batch in read_batches(log) for one in batch.commitments]
    opened = [0, 1, 2, 5, 6]
    lines = [canonical_json(one).decode() for one in book.openings(len(log), opened)]
    return {
        "salt_secret": SALTS,
        "tags": {matter: book.tag(matter) for matter in (MATTER, "matter-8")},
        "batch": book.batch,
        "private": [data.decode() for _, data in book.private.lines()],
        "public": [data.decode() for _, data in log.lines()],
        "opened": opened,
        "commitments": commitments,
        "openings": lines,
        "refused": list(refused_openings(lines, commitments)),
    }


def refused_openings(lines: list[str], commitments: list[str]) -> Iterator[dict[str, str]]:
    """One change each of the opening of entry 1."""
    number = next(n for n, line in enumerate(lines) if '\\"index\\":1,' in line)
    line, commitment = lines[number], commitments[number]
    document = json.loads(line)
    changes = {
        "another run in the head": line.replace('\\"run\\":1', '\\"run\\":2'),
        "another space in the head": line.replace(
            '\\"space\\":\\"testifying\\"}"', '\\"space\\":\\"privileged\\"}"'
        ),
        "another entry": line.replace('\\"bodies\\":2', '\\"bodies\\":1'),
        "another salt": line.replace(document["head_salt"], "00" * 16),
        "salt in capitals": line.replace(document["body_salt"], document["body_salt"].upper()),
        "not canonical": line.replace('":"', '": "', 1),
        "hash and entry": line.replace('{"body_salt', f'{{"body":"{"00" * 32}","body_salt'),
        "no entry": canonical_json({name: document[name] for name in ("head", "head_salt")}).decode(),
        "an unknown field": line[:-1] + ',"more":1}',
    }
    for why, changed in changes.items():
        assert changed != line, why
        yield {"why": why, "commitment": commitment, "opening": changed}
    yield {"why": "of another commitment", "commitment": commitments[number + 1], "opening": line}


def witness_cases(book: Publication, folder: Path) -> dict[str, object]:
    """Requests to one witness, in their order, with status and body of the answer; null is any body."""
    log = book.public
    witness = Witness.open(folder / "witness", key(WITNESS_SEED), "witness.example/w1", lambda: COSIGNED)
    witness.add_log(log.verifier)
    notes = [sign_at(log, size) for size in range(len(log) + 1)]
    proof = tuple(log.consistency(1))
    stranger = sign_checkpoint(Checkpoint("stranger.example", 1, b"\x01" * 32), key(LOG_SEED))
    fork = sign_checkpoint(Checkpoint(log.verifier.name, 1, b"\x07" * 32), key(LOG_SEED))
    forged = sign_checkpoint(Checkpoint(log.verifier.name, 1, b"\x07" * 32), key("d4" * 32))
    asked = [
        ("a log that is not known", Request(0, (), stranger)),
        ("signed by another key", Request(0, (), forged)),
        ("old size above the checkpoint", Request(2, (), notes[1])),
        ("a proof from nothing", Request(0, proof, notes[1])),
        ("first", Request(0, (), notes[1])),
        ("again, from the size that it has", Request(1, (), notes[1])),
        ("another root of the same size", Request(1, (), fork)),
        ("from a size that is not the last", Request(0, (), notes[3])),
        ("without the proof", Request(1, (), notes[3])),
        ("with one hash changed", Request(1, (b"\x00" * 32, *proof[1:]), notes[3])),
        ("with one hash more", Request(1, (*proof, b"\x00" * 32), notes[3])),
        ("it continues", Request(1, proof, notes[3])),
        ("shrunk", Request(1, (), notes[1])),
    ]
    bodies = [(why, write_request(request).decode()) for why, request in asked]
    good = write_request(Request(3, (), notes[3])).decode()
    bodies += [
        ("a leading zero", good.replace("old 3", "old 03")),
        ("no old size", good.partition("\n")[2]),
        ("a line that is no hash", good.replace("old 3\n", "old 3\nAAAA\n")),
        ("64 lines of a proof", good.replace("old 3\n", "old 3\n" + ("A" * 43 + "=\n") * 64)),
        ("lines that end in CR LF", good.replace("\n", "\r\n")),
    ]
    return {
        "witness_seed": WITNESS_SEED,
        "witness_vkey": str(witness.verifier),
        "time": COSIGNED,
        "cases": [{"why": why, "body": body, **answer(witness, body)} for why, body in bodies],
    }


def sign_at(log: Log, size: int) -> str:
    """The checkpoint of the first entries of a log."""
    return sign_checkpoint(Checkpoint(log.verifier.name, size, log._leaves.root(size)), key(LOG_SEED))


def answer(witness: Witness, body: str) -> dict[str, object]:
    """What a witness says to a request."""
    try:
        return {"status": 200, "answer": witness.answer(body.encode())}
    except Conflict as conflict:
        return {"status": 409, "answer": f"{conflict.size}\n"}
    except Refused as refused:
        return {"status": refused.status, "answer": None}


def main() -> None:
    """Write all files."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        book = publication(folder)
        write("commitments.json", openings(book))
        log = book.public
        write("witness.json", {"log_vkey": str(log.verifier), **witness_cases(book, folder)})
        witness = Witness.open(folder / "other", key(WITNESS_SEED), "witness.example/w1", lambda: COSIGNED)
        witness.add_log(log.verifier)
        line = witness.add_checkpoint(0, [], log.head())
        add_cosignatures(log.folder, log.verifier, log.head(), line, witness.verifier)
        shown, proof = prove_entry(book, 2)
        (HERE / "entry-2.tlog-proof").write_text(write_proof(proof), "utf-8")
        (HERE / "entry-2.opening.json").write_bytes(write_shown(shown))


def write(name: str, value: object) -> None:
    """One file, indented."""
    (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
