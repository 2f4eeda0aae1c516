"""Builds EvidencePackages from spec/package.md and spec/log.md alone, faults included; for vectors/package.

It shares nothing with `countermark.prove`, nor with `countermark_verify`: what several readings of the
specification write and read alike, the specification says. Keys and salts are fixed and public: for tests.
"""

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Files = dict[str, bytes]
KIND = "application/vnd.in-toto+json"
CREATED = "2026-07-01T12:00:00Z"
DOCUMENTS = (
    "custody",
    "results",
    "terms",
    "events/capture",
    "findings/findings",
    "findings/method",
    "scan/scan",
)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def key_of(name: str) -> Ed25519PrivateKey:
    """A test key: whoever reads this has it."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"vectors {name}".encode()).digest())


def raw_of(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def by_keyid(keys: Iterable[Ed25519PrivateKey]) -> dict[str, Ed25519PrivateKey]:
    return dict(sorted((sha(raw_of(key)), key) for key in keys))


def signers_of(keys: Iterable[Ed25519PrivateKey]) -> list[dict[str, str]]:
    return [{"keyid": keyid, "public_key": b64(raw_of(key))} for keyid, key in by_keyid(keys).items()]


def document(value: Any) -> bytes:
    """A document as a maker might write it: not canonical."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def tight(value: Any) -> bytes:
    """A document, or a line of a table, that the seal covers by the root of its leaves alone: no blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


# Leaves


def merkle_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + merkle_root(leaves[:split]) + merkle_root(leaves[split:])).digest()


def cut(value: Any, pointer: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        keys = [("~2" * key.isdigit() + key.replace("~", "~0").replace("/", "~1")) for key in value]
        parts = list(zip(keys, value.values(), strict=True))
    elif isinstance(value, list) and value:
        parts = [(str(index), item) for index, item in enumerate(value)]
    elif isinstance(value, Spelled):
        return [(pointer, value.text)]
    else:
        return [(pointer, rfc8785.dumps(value).decode())]
    return [leaf for part, item in parts for leaf in cut(item, f"{pointer}/{part}")]


class Spelled:
    """A number as it is spelled."""

    def __init__(self, text: str) -> None:
        self.text = text


def contents_of(name: str, data: bytes) -> list[bytes]:
    lines = data.splitlines()
    if name == "data/tables/requests.jsonl":
        return lines
    text = b"[" + b",".join(lines) + b"]" if name.startswith("data/tables/") else data
    value = json.loads(text, parse_int=Spelled, parse_float=Spelled)
    return [f"{pointer}\n{content}".encode() for pointer, content in cut(value)]


def salt_of(name: str, index: int) -> bytes:
    return hashlib.sha256(f"{name} {index}".encode()).digest()[:16]


def leaf_hashes(name: str, data: bytes) -> list[bytes]:
    contents = contents_of(name, data)
    return [hashlib.sha256(b"\0" + salt_of(name, i) + content).digest() for i, content in enumerate(contents)]


def has_leaves(name: str) -> bool:
    stem = name.removeprefix("data/").removesuffix(".json")
    attribution = name.startswith("data/attributions/") and name.endswith("/attribution.json")
    return attribution or stem in DOCUMENTS or name.startswith(("data/plans/", "data/tables/"))


def leaves_name(name: str) -> str:
    return f"data/leaves/{name.removeprefix('data/')}.leaves"


def by_root_alone(name: str) -> bool:
    """Whether the seal has the root of its leaves and no digest."""
    one = name.removeprefix("data/")
    return one in ("custody.json", "results.json", "terms.json") or one.startswith("tables/")


def form_of(name: str) -> str:
    return "rows" if name.endswith("requests.jsonl") else "fields"


# Statements


def envelope(statement: Any, keys: Iterable[Ed25519PrivateKey]) -> bytes:
    body = rfc8785.dumps(statement)
    pae = b"DSSEv1 %d %s %d %s" % (len(KIND), KIND.encode(), len(body), body)
    signatures = [{"keyid": keyid, "sig": b64(key.sign(pae))} for keyid, key in by_keyid(keys).items()]
    return rfc8785.dumps({"payload": b64(body), "payloadType": KIND, "signatures": signatures})


def resources(pairs: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"digest": {"sha256": digest}, "name": name} for name, digest in sorted(pairs)]


def statement_of(kind: str, subjects: Iterable[tuple[str, str]], predicate: dict[str, Any]) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "predicate": predicate,
        "predicateType": f"urn:countermark:{kind}",
        "subject": resources(subjects),
    }


def unchanged(_: Any) -> None:
    """A fault that is none."""


@dataclass
class Package:
    """What goes into one package, and what is done wrong on the way."""

    payload: Files
    keys: list[Ed25519PrivateKey]
    case: dict[str, Any] = field(default_factory=dict)
    attributions: int = 0
    stamp: list[Callable[[bytes, int], bytes]] = field(default_factory=list)
    """Timestamp authorities: from the seal and a nonce to a response."""
    statement: Callable[[dict[str, Any]], None] = unchanged
    """Changes Statements before they are signed."""
    sealed: Callable[[Files], None] = unchanged
    """Changes files after sealing; the bag is made around the changed ones."""

    def build(self) -> Files:
        files = dict(self.payload)
        steps = ["capture", "detect", *(f"attribute-{n}" for n in range(1, self.attributions + 1)), "seal"]
        case = {
            "case_id": "CASE-1",
            "created": CREATED,
            "events_included": False,
            "log": None,
            "matter": "",
            "schema": "countermark/case/v2",
            "signers": signers_of(self.keys),
            "software": {"countermark": "0.1.0", "cryptography": "50.0.2", "python": "3.11.7"},
            "steps": steps,
            "timestamps": len(self.stamp),
        } | self.case
        files["data/case.json"] = rfc8785.dumps(case)
        roots = []
        for name in sorted(filter(has_leaves, files)):
            hashes = leaf_hashes(name, files[name])
            lines = "".join(f"{salt_of(name, index).hex()}\n" for index in range(len(hashes)))
            files[leaves_name(name)] = lines.encode()
            root = merkle_root(hashes).hex()
            roots.append({"count": len(hashes), "form": form_of(name), "name": name, "root": root})
        self._attest(files, case, roots)
        self.sealed(files)
        add_bag(files)
        return files

    def _sign(self, files: Files, step: str, statement: dict[str, Any]) -> None:
        self.statement(statement)
        files[f"attestations/{step}.dsse.json"] = envelope(statement, self.keys)

    def _attest(self, files: Files, case: dict[str, Any], roots: list[dict[str, Any]]) -> None:
        case_id = {"case_id": case["case_id"]}
        capture, findings = "data/events/capture.json", "data/findings/findings.json"
        payload = {name: sha(data) for name, data in files.items()}

        def listed(name: str) -> list[tuple[str, str]]:
            said = json.loads(files[name])["files"]
            pairs = said.items() if isinstance(said, dict) else [(one["name"], one["sha256"]) for one in said]
            folder = name.rpartition("/")[0]
            return [(name, payload[name]), *((f"{folder}/{one}", digest) for one, digest in pairs)]

        sources = [(one["name"], one["sha256"]) for one in json.loads(files[capture])["sources"]]
        made = {"capture": ("capture:v2", capture, sources)}
        made["detect"] = ("detect:v2", findings, [(capture, payload[capture])])
        for number in range(1, self.attributions + 1):
            name = f"data/attributions/{number}/attribution.json"
            inputs = list(json.loads(files[name])["inputs"].items())
            made[f"attribute-{number}"] = ("attribute:v2", name, inputs)
        for step, (kind, name, materials) in made.items():
            predicate = case_id | {"materials": resources(materials)}
            self._sign(files, step, statement_of(kind, listed(name), predicate))
        envelopes = [(f"attestations/{step}.dsse.json",) for step in made]
        predicate = case_id | {key: case[key] for key in ("created", "software", "timestamps")}
        predicate |= {"leaves": roots, "materials": resources((n, sha(files[n])) for (n,) in envelopes)}
        subjects = [(name, digest) for name, digest in payload.items() if not by_root_alone(name)]
        self._sign(files, "seal", statement_of("seal:v2", subjects, predicate))
        closed, nonces = ["attestations/seal.dsse.json"], []
        for number, stamp in enumerate(self.stamp, 1):
            nonces.append(1 << 62 | number)
            files[f"attestations/timestamp-{number}.tsr"] = stamp(files[closed[0]], nonces[-1])
            closed.append(f"attestations/timestamp-{number}.tsr")
        predicate = case_id | {"nonces": list(map(str, nonces))}
        self._sign(files, "close", statement_of("close:v2", ((n, sha(files[n])) for n in closed), predicate))


def sealed_digests(files: Files) -> dict[str, str]:
    outer = json.loads(files["attestations/seal.dsse.json"])
    subjects = json.loads(base64.b64decode(outer["payload"]))["subject"]
    return {one["name"]: one["digest"]["sha256"] for one in subjects}


def redact(
    files: Files,
    keys: list[Ed25519PrivateKey],
    fields: dict[str, list[str]],
    whole: Iterable[str] = (),
    change: Callable[[dict[str, Any]], None] = unchanged,
) -> Files:
    """Takes out fields by pointer, rows by number (`"3"`), and whole files."""
    files, taken = dict(files), []
    for name, pointers in fields.items():
        contents, hashes = contents_of(name, files[name]), leaf_hashes(name, files[name])
        lines = files[leaves_name(name)].decode().splitlines()
        rows = files[name].decode().splitlines()
        value = (
            json.loads(files[name]) if not name.startswith("data/tables/") else list(map(json.loads, rows))
        )
        for pointer in pointers:
            if form_of(name) == "rows":
                index = int(pointer)
                rows[index] = "null"
            else:
                index = [one.rpartition(b"\n")[0].decode() for one in contents].index(pointer)
                *parents, last = pointer.split("/")[1:]
                place = value
                for part in parents:
                    place = place[int(part) if isinstance(place, list) else part]
                place[int(last) if isinstance(place, list) else last] = None
            lines[index] = f"-{hashes[index].hex()} personal-data"
        if form_of(name) == "rows":
            files[name] = "".join(f"{row}\n" for row in rows).encode()
        elif name.startswith("data/tables/"):
            files[name] = b"".join(tight(row) + b"\n" for row in value)
        else:
            files[name] = tight(value) if by_root_alone(name) else document(value)
        files[leaves_name(name)] = "".join(f"{line}\n" for line in lines).encode()
        entry = {"count": len(pointers), "form": form_of(name), "ground": "personal-data", "name": name}
        taken.append(entry)
    for name in whole:
        files.pop(name)
        files.pop(leaves_name(name), None)
        taken.append({"count": 1, "form": "file", "ground": "privilege", "name": name})
    sealed = sealed_digests(files)
    changed = [(n, sha(data)) for n, data in files.items() if sealed.get(n, sha(data)) != sha(data)]
    changed += [(n, sha(files[n])) for n in fields if n in files and n not in sealed]
    predicate = {
        "case_id": "CASE-1",
        "created": "2026-08-01T09:00:00Z",
        "previous": "",
        "seal": sha(files["attestations/seal.dsse.json"]),
        "signers": signers_of(keys),
        "taken_out": sorted(taken, key=lambda one: (one["name"], one["ground"])),
        "why": "Names of customers; order of 1 August 2026",
    }
    statement = statement_of("redaction:v1", changed, predicate)
    change(statement)
    files["attestations/redaction.dsse.json"] = envelope(statement, keys)
    add_bag(files)
    return files


# The bag and the zip


def add_bag(files: Files) -> None:
    case = json.loads(files["data/case.json"])
    payload = sorted(name for name in files if name.startswith("data/"))
    total = sum(len(files[name]) for name in payload)
    files["bagit.txt"] = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    files["bag-info.txt"] = (
        f"Bag-Software-Agent: countermark {case['software']['countermark']}\n"
        f"Bagging-Date: {case['created'][:10]}\n"
        f"External-Identifier: {case['case_id']}\nPayload-Oxum: {total}.{len(payload)}\n"
    ).encode()
    tagged = ["bag-info.txt", "bagit.txt", "manifest-sha256.txt"]
    tagged = sorted(tagged + [name for name in files if name.startswith("attestations/")])
    for name, names in (("manifest-sha256.txt", payload), ("tagmanifest-sha256.txt", tagged)):
        files[name] = "".join(f"{sha(files[one])}  {one}\n" for one in names).encode()


def zip_of(files: Files, base: str = "CASE-1") -> bytes:
    body, directory, names = b"", b"", sorted(files)
    for name in names:
        data, full = files[name], f"{base}/{name}".encode()
        common = struct.pack(
            "<5H3L2H", 10, 0, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(full), 0
        )
        directory += b"PK\1\2" + struct.pack("<H", 0x0314) + common
        directory += struct.pack("<3H2L", 0, 0, 0, 0o100644 << 16, len(body)) + full
        body += b"PK\3\4" + common + full + data
    end = struct.pack("<4H2LH", 0, 0, len(names), len(names), len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end


# The log


def note(
    origin: str, leaves: list[bytes], key: Ed25519PrivateKey, cosigners: dict[str, tuple[Any, int]]
) -> bytes:
    """A checkpoint with cosignatures: name of the witness, its key, when."""
    hashes = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    body = f"{origin}\n{len(leaves)}\n{b64(merkle_root(hashes))}\n"
    lines = [f"\u2014 {origin} {b64(key_id(origin, key, 1) + key.sign(body.encode()))}\n"]
    for name, (witness, when) in cosigners.items():
        message = f"cosignature/v1\ntime {when}\n{body}".encode()
        signature = key_id(name, witness, 4) + when.to_bytes(8, "big") + witness.sign(message)
        lines.append(f"\u2014 {name} {b64(signature)}\n")
    return (body + "\n" + "".join(lines)).encode()


def key_id(name: str, key: Ed25519PrivateKey, kind: int) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + raw_of(key)).digest()[:4]


def vkey(name: str, key: Ed25519PrivateKey, kind: int) -> str:
    return f"{name}+{key_id(name, key, kind).hex()}+{b64(bytes([kind]) + raw_of(key))}"


@dataclass
class PrivateLog:
    """Entries, which of them are shown, and the public log over them."""

    batch: int = 4
    leaves: list[bytes] = field(default_factory=list)
    openings: list[bytes] = field(default_factory=list)
    index: int = 0

    def tick(self, entries: list[tuple[dict[str, Any], bool, dict[str, Any]]]) -> None:
        """One batch: entry, whether it is shown, what its head has beside index and kind."""
        commitments = []
        for slot in range(self.batch):
            number = len(self.openings)
            head_salt, body_salt = salt_of("head", number), salt_of("body", number)
            entry, is_shown, more = entries[slot] if slot < len(entries) else (None, False, {})
            head = rfc8785.dumps(
                {"kind": "padding"} if entry is None else {"index": self.index, "kind": entry["kind"], **more}
            )
            self.index += entry is not None
            body = rfc8785.dumps(entry) if entry is not None else b""
            left = hashlib.sha256(b"\0" + head_salt + head).digest()
            right = hashlib.sha256(b"\0" + body_salt + body).digest()
            commitments.append(b64(hashlib.sha256(b"\1" + left + right).digest()))
            opening = {"head": head.decode(), "head_salt": head_salt.hex()}
            shown = {"body_salt": body_salt.hex(), "entry": body.decode()}
            self.openings.append(rfc8785.dumps(opening | (shown if is_shown else {"body": right.hex()})))
        payload = {"commitments": commitments, "number": len(self.leaves)}
        self.leaves.append(rfc8785.dumps({"kind": "batch", "payload": payload, "time": CREATED}))
