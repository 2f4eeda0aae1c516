"""countermark-verify: checks an EvidencePackage of Countermark, version 2, with no network.

    python3 countermark_verify.py PACKAGE --trust FILE [--case ID] [--json]

A second implementation, for whoever doubts the first: written from spec/package.md and spec/log.md alone, it
shares no line with `countermark`, and needs Python 3.11, the package `cryptography` and, for timestamps, the
program `openssl`. Read it beside the specification: everything stands in the order of the thirteen steps, the
methods of `Verification`. A step returns one sentence or raises `Failed`, and the first that fails ends it.
What the specification marks (full) is left to `countermark verify`. Exit codes: 0 VERIFIED; 20 FAILED, or
INTACT without a trust file; 3 no package, or no usable trust file; 2 wrong usage; 1 no openssl here.
"""

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter, namedtuple
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from struct import Struct
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MIB = 1 << 20
MAX_FILES, MAX_WHOLE, MAX_LINE, MAX_TOKEN = 10_000, 64 * MIB, MIB, MIB // 4
MAX_MARKS, CLOCK_SLACK_S, MAX_OFFSET_S = 4_000_000, 300, 86_400

class Failed(Exception):
    """The package is not what it should be."""

class Unusable(Exception):
    """Nothing can be said of the package; the second argument is the exit code."""

def need(condition: object, message: str) -> None:
    if not condition:
        raise Failed(message)

def none(names: Iterable[str], what: str) -> None:
    wrong = sorted(names)
    need(not wrong, f"{what}: {', '.join(wrong[:5])}")

# --- JSON.
class Spelled(str):
    """A number as it is spelled in the file, because a leaf covers the spelling."""

def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    need(len(found) == len(pairs), "a key stands twice in one object")
    return found

STRICT: dict[str, Any] = {"object_pairs_hook": unique, "parse_constant": int}  # int("NaN") is a ValueError
PLAIN = json.JSONDecoder(**STRICT)
AS_SPELLED = json.JSONDecoder(**STRICT, parse_int=Spelled, parse_float=Spelled)

def read_json(data: bytes, what: str, decoder: json.JSONDecoder = PLAIN) -> Any:
    """The value of a JSON text as the specification allows it."""
    marks = sum(map(data.count, (b",", b"[", b"{")))  # every value but the first follows one of these
    try:
        need(marks <= MAX_MARKS, "too many values")  # this bounds the memory that parsing takes
        return decoder.decode(str(data, "utf-8"))
    except (Failed, ValueError, RecursionError) as problem:
        raise Failed(f"{what} is no strict JSON ({problem})"[:200]) from None

def canonical(value: Any, sort: bool = True) -> str:
    """RFC 8785: no blanks, keys sorted by UTF-16 code units. Python escapes alike, and finds the
    same digits of a number as ECMAScript; only their layout differs. Without `sort` keys keep their order."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be")) if sort else value
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key], sort)}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(one, sort) for one in value) + "]"
    if isinstance(value, float):
        if value == 0 or 1e-6 <= abs(value) < 1e21:
            return f"{Decimal(repr(value + 0.0)):f}".removesuffix(".0")  # + 0.0: no negative zero
        return re.sub("e([+-])0", r"e\1", repr(value))
    return str(value) if isinstance(value, Spelled) else json.dumps(value, ensure_ascii=False)

def dig(value: Any, *keys: str) -> Any:
    """A value inside objects, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value

def rows(value: Any, *keys: str) -> list[dict[str, Any]]:
    """The objects of a list inside objects; nothing where it was taken out."""
    found = dig(value, *keys)
    need(isinstance(found, list | None), f"{keys[-1]} is no list")
    return [one for one in found or () if isinstance(one, dict)]

def seconds(text: str) -> float:
    """Seconds since 1970 of `YYYY-MM-DDTHH:MM:SSZ`; ValueError or TypeError for anything else."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()

def unbase64(text: str) -> bytes:
    """The bytes of standard base64 in its only spelling; ValueError or `Failed` for anything else."""
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, f"{text[:20]!r} is not strict base64")
    return data

def hashed(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()

# --- Shapes: all fields of what is read strictly, each a shape, `[x]`, `null|x`, or a pattern for its JSON.
GRAMMAR = """
case case_id:id created:time events_included:flag log:null|caselog matter:text schema:"countermark/case/v2"
  signers:[signer] software:object steps:[text] timestamps:count; caselog origin:key_name size:count;
signer keyid:hash public_key:text; signature keyid:hash sig:text; close case_id:id nonces:[text];
envelope payload:text payloadType:"application/vnd[.]in-toto[+]json" signatures:[signature];
statement _type:"https://in-toto[.]io/Statement/v1" predicate:object predicateType:text subject:[subject];
subject digest:digest name:name; digest sha256:hash;
leaves count:count form:"(fields|rows)" name:name root:hash;
seal case_id:id created:time leaves:[leaves] materials:[subject] software:object timestamps:count;
redaction case_id:id created:time previous:text seal:hash signers:[signer] taken_out:[taken] why:text;
taken count:positive form:"(fields|rows|file)" name:name
  ground:"(personal-data|privilege|trade-secret|third-party|court-order)";
results schema:"countermark/results/v1" results:[result];
result result:text heading:text class:"(confirmatory|exploratory)" reasons:[text] plan:text hypothesis:text
  run:null|positive acquisitions:[text] commitments:[text];
trust schema:"countermark/trust/v1" signers:[accepted] threshold:positive tsa_roots:[text] checkpoints:[text]
  timestamp_authorities:count cases:[id] logs:[text] witnesses:[witness]; witness vkey:text alliance:flag;
accepted name:text public_key:text valid_from:time valid_until:time"""
LINES = [shape.split() for shape in GRAMMAR.split(";")]
SHAPES = {name: dict(field.split(":", 1) for field in fields) for name, *fields in LINES}
PART = "[A-Za-z0-9][A-Za-z0-9._-]"
PATTERNS = {"text": '".*"', "flag": "true|false", "object": "{.*}", "hash": '"[0-9a-f]{64}"'}
PATTERNS |= {"name": f'(?=.{{3,202}}$)"{PART}*(/{PART}*)*"', "id": f'"{PART}{{0,63}}"'}
PATTERNS |= {"key_name": r'"[^\s+]+"', "time": '"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z"'}
PATTERNS |= {"count": "0|[1-9][0-9]{0,15}", "positive": "[1-9][0-9]{0,15}"}

def is_kind(value: Any, kind: str) -> bool:
    return re.fullmatch(PATTERNS.get(kind, kind), json.dumps(value, ensure_ascii=False)) is not None

def fit(value: Any, kind: str, where: str, hidden: bool = False) -> Any:
    """The value, if it is of that kind. With `hidden`, null may stand anywhere: something was taken out."""
    if value is None and (kind.startswith("null|") or (hidden and kind not in SHAPES)):
        return value
    kind, problem = kind.removeprefix("null|"), f"{where} is not as the specification says ({kind})"
    if kind in SHAPES:
        need(isinstance(value, dict) and value.keys() == SHAPES[kind].keys(), problem)
        for key, item in value.items():
            fit(item, SHAPES[kind][key], where, hidden)
    elif kind[0] == "[":
        need(isinstance(value, list), problem)
        for item in value:
            fit(item, kind[1:-1], where, hidden)
    else:
        need(is_kind(value, kind), problem)
    return value

def read_canonical(data: bytes, shape: str, what: str) -> Any:
    value = fit(read_json(data, what), shape, what)
    need(canonical(value).encode() == data, f"{what} is not canonical JSON (RFC 8785)")
    return value

# --- Steps 1 and 2: names and files.
CASE, CUSTODY, RESULTS, TERMS = (f"data/{name}.json" for name in ("case", "custody", "results", "terms"))
CAPTURE, SCAN, REQUESTS = "data/events/capture.json", "data/scan/scan.json", "data/tables/requests.jsonl"
FINDINGS, METHOD = "data/findings/findings.json", "data/findings/method.json"
LOG, LEAVES, ATTRIBUTIONS, ATTESTATIONS = "data/log/", "data/leaves/", "data/attributions/", "attestations/"
PLANS, RUNS, TABLES = "data/plans/", "data/runs/", "data/tables/"
ENTRIES, OPENINGS, CHECKPOINTS = f"{LOG}entries.jsonl", f"{LOG}openings.jsonl", f"{LOG}checkpoints/"
TAGS = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt")
CUT = "|".join((CUSTODY, RESULTS, TERMS, CAPTURE, SCAN, FINDINGS, METHOD, f"{PLANS}[^/]+[.]json"))
CUT += f"|{ATTRIBUTIONS}[1-9][0-9]*/attribution[.]json|{TABLES}[^/]+[.]jsonl"
LOCAL, CENTRAL, END = Struct("<4s5H3L2H"), Struct("<4s6H3L5H2L"), Struct("<4s4H2LH")

def form_of(name: str) -> str:
    """How a document or table is cut into leaves; empty for other files."""
    return "rows" if name == REQUESTS else "fields" if re.fullmatch(CUT, name) else ""

def by_root_alone(name: str) -> bool:
    """Whether the seal has the salted root of it and no digest, which could be guessed."""
    return name in (CUSTODY, RESULTS, TERMS) or (name.startswith(TABLES) and form_of(name) != "")

def leaves_name(name: str) -> str:
    return f"{LEAVES}{name.removeprefix('data/')}.leaves"

envelope_name = (ATTESTATIONS + "{}.dsse.json").format

class Package:
    """All files of a package: where they stand, digests, and the content of those that are parsed whole."""
    def __init__(self, path: Path) -> None:
        self.path, self.base, self.whole_bytes = path, "", 0  # base: the zip's base directory
        self.members, self.digests = dict[str, tuple[Path, int, int]](), dict[str, str]()  # offset and size
        self.whole: dict[str, bytes] = {}

    def lines(self, name: str) -> Iterator[bytes]:
        """Lines without their line feeds; no more than one is ever held."""
        path, offset, left = self.members[name]
        with path.open("rb") as stream:
            stream.seek(offset)
            while left:
                line = stream.readline(min(left, MAX_LINE + 1))
                need(line.endswith(b"\n"), f"{name} has a line that is too long, or without a line feed")
                left -= len(line)
                yield line[:-1]

    def add(self, name: str, path: Path, offset: int, size: int) -> int:
        """Read a file once; gives its CRC-32."""
        need(is_kind(name, "name"), f"{name[:200]!r} is no name that a package may hold")
        keep = name in (CASE, *TAGS) or name.startswith((ATTESTATIONS, CHECKPOINTS))
        keep = keep or (name.endswith(".json") and form_of(name) != "")
        self.whole_bytes += size * keep
        need(len(self.members) < MAX_FILES and self.whole_bytes <= MAX_WHOLE, "too many files, or too large")
        self.members[name] = (path, offset, size)
        digest, crc, kept = hashlib.sha256(), 0, bytearray()
        with path.open("rb") as stream:
            stream.seek(offset)
            for left in range(size, 0, -MIB):
                chunk = stream.read(min(left, MIB))
                need(len(chunk) == min(left, MIB), f"{name} ends too soon")
                digest.update(chunk)
                crc = zlib.crc32(chunk, crc)
                kept += chunk if keep else b""
        self.digests[name] = digest.hexdigest()
        self.whole |= {name: bytes(kept)} if keep else {}
        return crc

    def read_folder(self) -> None:
        for path in self.path.rglob("*"):
            name, plain = path.relative_to(self.path).as_posix(), path.is_file() and not path.is_symlink()
            good = plain or (path.is_dir() and not path.is_symlink() and any(path.iterdir()))
            need(good and is_kind(name, "name"), f"{name[:200]!r} is a link, an empty folder, or no name")
            if plain:
                self.add(name, path, 0, path.stat().st_size)

    def read_zip(self) -> None:
        """Take name, size and CRC from each local header, write headers and directory again from them, and
        compare: what else a zip could hold (comments, gaps, times, second entries) then has no place."""
        directory, at, previous = list[bytes](), 0, ""
        with self.path.open("rb") as stream:
            while (head := stream.read(LOCAL.size)).startswith(b"PK\3\4") and len(head) == LOCAL.size:
                crc, size, length = (LOCAL.unpack(head)[index] for index in (6, 8, 9))
                common, raw = (10, 0, 0, 0, 0x21, crc, size, size, length, 0), stream.read(length)
                full = raw.decode("ascii", "replace")
                base, _, name = full.partition("/")
                self.base = self.base or base
                good = base == self.base and is_kind(base, "id") and full > previous
                need(good, "names in the zip are not sorted, or not in one base directory")
                need(head == LOCAL.pack(b"PK\3\4", *common), f"the header of {name[:200]!r} is not the one")
                directory.append(CENTRAL.pack(b"PK\1\2", 0x0314, *common, 0, 0, 0, 0o100644 << 16, at) + raw)
                at, previous = at + len(head + raw) + size, full
                need(at < 1 << 32, "the zip is too large to be one without zip64")
                need(self.add(name, self.path, at - size, size) == crc, f"{name} has another CRC-32")
                stream.seek(at)
            parts = b"".join(directory)
            rest = parts + END.pack(b"PK\5\6", 0, 0, len(directory), len(directory), len(parts), at, 0)
            need(directory and head + stream.read(len(rest)) == rest, "the zip has another directory or end")

# --- Steps 3, 5 and 8: Statements, what they are made of, signers and signatures.
Envelope = namedtuple("Envelope", "body subjects predicate signatures")
TYPES = {name: f"urn:countermark:{name}:v2" for name in ("capture", "detect", "attribute", "seal", "close")}
TYPES |= {"scan": "urn:countermark:watermark-scan:v2", "redaction": "urn:countermark:redaction:v1"}

def resources(pairs: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"digest": {"sha256": digest}, "name": name} for name, digest in sorted(pairs)]

def open_envelope(data: bytes, step: str) -> Envelope:
    """A DSSE envelope and the in-toto Statement in it, both in their only spelling."""
    name, kind = envelope_name(step), step.partition("-")[0]
    outer = read_canonical(data, "envelope", name)
    signatures = {one["keyid"]: unbase64(one["sig"]) for one in outer["signatures"]}
    need([one["keyid"] for one in outer["signatures"]] == sorted(signatures), f"{name}: signatures unsorted")
    body = unbase64(outer["payload"])
    statement = read_canonical(body, "statement", f"the Statement in {name}")
    need(statement["predicateType"] == TYPES[kind], f"{name} has a Statement of another type")
    predicate = fit(statement["predicate"], kind if kind in SHAPES else "object", name)
    subjects = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    need(statement["subject"] == resources(subjects.items()), f"subjects of {name} are not sorted, each once")
    return Envelope(body, subjects, predicate, signatures)

def name_digests(said: Any) -> list[tuple[str, str]]:
    """Names and digests of `files`, `inputs` or `sources`: a list of objects, or one object."""
    return [(one["name"], one["sha256"]) for one in said] if isinstance(said, list) else [*said.items()]

def check_signature(key: Ed25519PublicKey, signature: bytes, message: bytes, what: str) -> None:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        raise Failed(f"a signature of {what} is not valid") from None

def read_signers(signers: list[Any], what: str) -> dict[str, Ed25519PublicKey]:
    """Keys by key id, which is the SHA-256 of the raw key."""
    raw = {one["keyid"]: unbase64(one["public_key"]) for one in signers}
    good = [hashed(raw[one["keyid"]]).hex() for one in signers] == sorted(raw) and 1 <= len(raw) <= 16
    need(good, f"the signers of {what} are not 1 to 16, each once, sorted by the digest of their keys")
    return {keyid: Ed25519PublicKey.from_public_bytes(key) for keyid, key in raw.items()}

# --- Step 6: leaves.
SALT, TAKEN = re.compile(rb"[0-9a-f]{32}"), re.compile(rb"-([0-9a-f]{64}) ([a-z-]+)")

def tree_root(leaves: list[bytes]) -> bytes:
    """The root of the Merkle tree of RFC 6962, section 2.1, over the hashes of its leaves."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashed()
    left = 1 << (len(leaves) - 1).bit_length() - 1  # the largest power of two smaller than their number
    return hashed(b"\1", tree_root(leaves[:left]), tree_root(leaves[left:]))

def fields_of(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """JSON Pointer and value of every field, in the order of the text."""
    if isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            part = str(key).replace("~", "~0").replace("/", "~1")
            digits = isinstance(key, str) and re.fullmatch("[0-9]+", key)  # not to be taken for an index
            yield from fields_of(item, f"{pointer}/{'~2' if digits else ''}{part}")
    else:
        yield pointer, canonical(value)

# --- Step 9: `openssl` says what an RFC 3161 token says, and whether it leads to a root that we accept.
TOKEN = re.compile(
    r"Hash Algorithm: sha256\nMessage data:\n    0000 - (.{47})   .{16}\n    0010 - (.{47})   .{16}\n.+\n"
    r"Time stamp: (.+:[0-9]{2})([.][0-9]+)? (.+) GMT\n.+\n.+\nNonce: (-?0x[0-9A-F]+|unspecified)\n"
)

def openssl(command: str, **files: bytes) -> str:
    """What openssl prints, and nothing where it fails."""
    with tempfile.TemporaryDirectory(prefix="countermark-verify-") as folder:  # mode 0700
        for name, data in files.items():
            Path(folder, name).write_bytes(data)
        try:
            done = subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, timeout=30)
        except FileNotFoundError:
            raise Unusable("the program openssl is not installed; timestamps need it", 1) from None
        except subprocess.TimeoutExpired:
            raise Failed("openssl took too long over a timestamp") from None
    if b"nknown option" in done.stderr:
        raise Unusable("this openssl cannot verify at a given time (-attime); OpenSSL 3 can", 1)
    return str(done.stdout, "utf-8", "replace") if done.returncode == 0 else ""

def read_token(token: bytes, roots: list[str], what: str) -> tuple[float, str, str, str]:
    """Time, imprint, nonce and root of a granted response: the accepted root (a PEM) at its time, or none."""
    need(len(token) <= MAX_TOKEN, f"{what} is too large")
    text = openssl("ts -reply -in token -text", token=token)
    found: Any = TOKEN.search(text.rpartition("\nTST info:\n")[2])  # before that stands what nobody signed
    granted = found and text.startswith("Status info:\nStatus: Granted.\n")
    need(granted, f"{what} is no granted token over a SHA-256")
    when = datetime.strptime(f"{found[3]} {found[5]} +0000", "%b %d %H:%M:%S %Y %z").timestamp()
    imprint = re.sub("[ -]", "", found[1] + found[2])
    command = f"ts -verify -in token -digest {imprint} -CAfile root -untrusted others -attime {int(when)}"
    others = "\n".join(roots).encode()  # openssl takes nothing for a root that is not self-signed
    said = {root: openssl(command, token=token, root=root.encode(), others=others) for root in roots}
    root = next((root for root in roots if "Verification: OK" in said[root]), "")
    return when + float(found[4] or 0), imprint, found[6], root

# --- Step 11: checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature), and the entries of the log.
NoteKey = namedtuple("NoteKey", "name key_id key alliance")
Note = namedtuple("Note", "body origin size root lines")
Entry = namedtuple("Entry", "index kind tag run space batch payload")  # payload: None where it is not shown
LINE, SIZE = "[^\0-\x1f]+", "0|[1-9][0-9]{0,15}"
NOTE = re.compile(f"(({LINE})\n({SIZE})\n({LINE})\n(?:{LINE}\n)*)\n((?:\u2014 {LINE}\n){{1,64}})")
START, OUTCOME, PLAN = "run-start", "run-outcome", "analysis-plan"
JUDGED = ("plan_id", "matter", "hypotheses", "multiplicity", "stopping", "exclusions")

def note_key(text: str, kind: int, alliance: bool = False) -> NoteKey:
    """A verifier key: name, key id (hex) and base64, joined by plus signs."""
    name, key_id, encoded = text.split("+", 2)
    raw = unbase64(encoded)
    right = hashed(name.encode(), b"\n", raw)[:4]
    need(raw[:1] == bytes([kind]) and key_id == right.hex(), f"{text[:200]!r} is no verifier key of its kind")
    return NoteKey(name, right, Ed25519PublicKey.from_public_bytes(raw[1:]), alliance)

def read_note(data: bytes, what: str) -> Note:
    found: Any = NOTE.fullmatch(str(data, "utf-8"))
    need(found, f"{what} is no signed checkpoint")
    body, origin, size, root, signatures = found.groups()
    lines = [one.split(" ") for one in signatures.splitlines()]
    return Note(body, origin, int(size), unbase64(root), [(name, unbase64(raw)) for _, name, raw in lines])

def note_signatures(note: Note, keys: list[NoteKey], timed: bool, what: str) -> list[tuple[int, bool]]:
    """Of every signature by one of the keys its time (of a cosignature; else 0) and whether it is an ally's.
    One that is not valid condemns the note, as C2SP advises; signatures of unknown keys are passed over."""
    found = []
    for key in keys:
        for signature in (raw for name, raw in note.lines if (name, raw[:4]) == (key.name, key.key_id)):
            when = int.from_bytes(signature[4:12], "big") if timed else 0
            signed = f"cosignature/v1\ntime {when}\n{note.body}" if timed else note.body
            check_signature(key.key, signature[4 + 8 * timed :], signed.encode(), f"{key.name} under {what}")
            found.append((when, key.alliance))
    return found

def read_opening(line: bytes, commitment: bytes, batch: int) -> Entry | None:
    """The entry of the private log behind a commitment, with its payload if that is shown; None: padding."""
    said = read_json(line, "an opening")
    text, content = said["head"].encode(), said.get("entry")
    body = bytes.fromhex(said["body" if content is None else "body_salt"])
    body = body if content is None else hashed(b"\0", body, content.encode())
    right = hashed(b"\1", hashed(b"\0", bytes.fromhex(said["head_salt"]), text), body)
    head = read_json(text, "a head")
    kind, payload = head["kind"], None
    need(right == commitment and (kind != "padding" or not content), "an opening opens no commitment")
    if kind == "padding":
        return None
    tag = head["matter"] if kind in (START, OUTCOME, PLAN) else ""
    run, space = (head["run"], head["space"]) if kind in (START, OUTCOME) else (0, "")
    if content is not None:
        entry = read_json(content.encode(), "an opened entry")
        payload = entry["payload"]
        shown = {"space": "testifying", **payload, "kind": entry["kind"]}
        same = all(shown[key] == head[key] for key in ("kind", "run", "space") if key in head)
        need(same, "an opened entry is not what its head says")
    return Entry(head["index"], kind, tag, run, space, batch, payload)

# --- What comes from outside the package.
LEFT_OUT: dict[str, Any] = {"tsa_roots": [], "timestamp_authorities": 0, "cases": []}
LEFT_OUT |= {"logs": [], "witnesses": [], "checkpoints": []}
ALWAYS = {"valid_from": "0001-01-01T00:00:00Z", "valid_until": "9999-12-31T23:59:59Z"}

def read_trust(path: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = LEFT_OUT | read_json(path.read_bytes(), "it")
        said["signers"] = [ALWAYS | one for one in said["signers"]]
        fit(said, "trust", "it")
        said["signers"] = {hashed(unbase64(one["public_key"])).hex(): one for one in said["signers"]}
        said["logs"] = [note_key(text, 1) for text in said["logs"]]
        said["witnesses"] = [note_key(one["vkey"], 4, one["alliance"]) for one in said["witnesses"]]
        keys = [one.key.public_bytes_raw() for one in said["logs"] + said["witnesses"]]
        need(len(keys) == len({*keys}), "a log or a witness stands twice, or a log is a witness")
        said["checkpoints"] = [read_note(text.encode(), "a checkpoint") for text in said["checkpoints"]]
        return said
    except REFUSED as problem:
        raise Unusable(f"the trust file cannot be used (no PEM keys here): {problem}"[:300], 3) from None

class Verification:
    """The thirteen steps over one package, and what they leave for those after them."""
    def __init__(self, path: Path, trust: Any, wanted: str) -> None:
        self.package, self.trust, self.wanted = Package(path), trust, wanted
        self.about, self.documents = dict[str, Any](), dict[str, Any]()  # case.json; what else is parsed
        self.taken_out, self.gone = dict[str, Counter[str]](), set[str]()  # by name and ground; whole files
        self.redactors, self.listed = dict[str, Any](), dict[str, dict[str, str]]()  # files made by a step
        self.entries, self.last_batch, self.more = list[Entry](), "", dict[str, Any]()  # for the answer
        self.times, self.shown_times = list[float](), list[tuple[int, float]]()  # of the seal; by log size

    def outer_layer(self) -> str:
        """Step 1: a folder of plain files, or the one zip that there is for these files."""
        (self.package.read_folder if self.package.path.is_dir() else self.package.read_zip)()
        return f"{len(self.package.members)} files in the {'zip' if self.package.base else 'folder'}, no more"

    def bag(self) -> str:
        """Step 2: case.json, and the bag's four files, which follow from the others."""
        members, digests, whole = self.package.members, self.package.digests, self.package.whole
        case = self.about = read_canonical(whole[CASE], "case", CASE)
        self.keys, steps = read_signers(case["signers"], CASE), case["steps"]
        good = steps[:2] == ["capture", "detect"] and steps[-1] == "seal" and case["timestamps"] <= 16
        need(good, f"{CASE} has other steps, or too many timestamps")
        made = {"detect": FINDINGS, "scan": SCAN}  # the document that each step made, but capture and seal
        self.made = {one: made.get(one, f"{ATTRIBUTIONS}{one[10:]}/attribution.json") for one in steps[1:-1]}
        need(self.package.base in ("", case["case_id"]), "the base directory of the zip is not the case id")
        self.payload = sorted(name for name in members if name.startswith("data/"))
        tagged = sorted(members.keys() - {*self.payload, TAGS[3]})
        none((one for one in {*tagged} - {*TAGS} if not one.startswith(ATTESTATIONS)), "not of a package")
        rebuilt = (
            "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            f"Bag-Software-Agent: countermark {case['software']['countermark']}\n"
            f"Bagging-Date: {case['created'][:10]}\nExternal-Identifier: {case['case_id']}\n"
            f"Payload-Oxum: {sum(members[name][2] for name in self.payload)}.{len(self.payload)}\n",
            *("".join(f"{digests[name]}  {name}\n" for name in names) for names in (self.payload, tagged)),
        )
        wrong = (name for name, text in zip(TAGS, rebuilt, strict=True) if whole[name] != text.encode())
        none(wrong, "not what follows from the other files")
        return f"the bag's own files follow from {len(self.payload)} payload files"

    def envelopes(self) -> str:
        """Step 3: every Statement and timestamp that the case declares, and no other."""
        self.stamps = [f"{ATTESTATIONS}timestamp-{at + 1}.tsr" for at in range(self.about["timestamps"])]
        there = {name for name in self.package.members if name.startswith(ATTESTATIONS)}
        steps = [*self.about["steps"], "close"]
        steps += ["redaction"] if envelope_name("redaction") in there else []
        none(there ^ {*self.stamps, *map(envelope_name, steps)}, "missing or not declared")
        self.signed = {one: open_envelope(self.package.whole[envelope_name(one)], one) for one in steps}
        _, subjects, seal, _ = self.signed["seal"]
        names = [one["name"] for one in seal["leaves"]]
        need(names == sorted(set(names)), "the leaves of the seal are not sorted, each once")
        none(filter(by_root_alone, subjects), "the seal has a digest where it may have a root alone")
        self.sealed = {**subjects, **dict.fromkeys(filter(by_root_alone, names), "")}  # digests, if any
        return f"{len(steps)} Statements in canonical form, {len(self.stamps)} timestamps"

    def redaction(self) -> str:
        """Step 4: what the redaction says is possible. (5 compares its digests, 6 its numbers.)"""
        if "redaction" not in self.signed:
            return "nothing was taken out"
        _, subjects, said, _ = self.signed["redaction"]
        of = (self.about["case_id"], self.package.digests[envelope_name("seal")])
        need((said["case_id"], said["seal"]) == of, "the redaction is of another case or of another seal")
        need(said["created"] >= self.about["created"], "the redaction is older than the case")
        self.redactors = read_signers(said["signers"], "the redaction")
        self.more["taken_out"] = said["taken_out"]
        for name, form, one in ((one["name"], one["form"], one) for one in said["taken_out"]):
            never = name in (CASE, CUSTODY, RESULTS, CAPTURE, FINDINGS) or name.startswith((LOG, LEAVES))
            good = name in self.sealed and (form == form_of(name) or (form == "file" and not never))
            need(good and name not in self.gone, f"{name} has no {form} to be taken out")
            once = form != "file" or (one["count"] == 1 and name not in self.taken_out)
            need(once, f"{name} is taken out as a file, and more than once")
            self.taken_out.setdefault(name, Counter())[one["ground"]] += one["count"]
            self.gone |= {name, leaves_name(name)} & self.sealed.keys() if form == "file" else set()
        left = self.taken_out.keys() - self.gone
        none(subjects.keys() - {*left, *map(leaves_name, left)}, "changed, and nothing was taken out of them")
        none(filter(by_root_alone, left - subjects.keys()), "the redaction does not cover what is left of")
        grounds = sum(self.taken_out.values(), Counter[str]())
        counts = ", ".join(f"{count} under {ground}" for ground, count in sorted(grounds.items()))
        return f"taken out: {counts}; {said['why']!r}"

    def digests(self) -> str:
        """Step 5: every payload file is covered by the seal, and every list of files in it holds."""
        sealed, digests, whole = self.sealed, self.package.digests, self.package.whole
        none(set(self.payload) ^ (sealed.keys() - self.gone), "missing, or not sealed")
        right = sealed | (self.signed["redaction"].subjects if self.redactors else {})
        none((name for name in self.payload if right[name] not in ("", digests[name])), "not what was sealed")
        self.documents = {one: read_json(whole[one], one) for one in sorted(whole) if form_of(one)}
        none({CASE, CUSTODY, RESULTS, METHOD, CAPTURE, *self.made.values()} - sealed.keys(), "missing")
        leaves = {name for name in sealed if name.startswith(LEAVES)}
        none(leaves ^ {leaves_name(one) for one in sealed if form_of(one)}, "leaves of no document, or none")
        for step, document in {"capture": CAPTURE, **self.made}.items():
            listed = self.signed[step].subjects  # which stand for a document that was taken out
            if document not in self.gone:
                pairs, folder = name_digests(self.documents[document]["files"]), document.rpartition("/")[0]
                listed = {f"{folder}/{name}": digest for name, digest in pairs}
            self.listed[step] = {**listed, document: sealed[document]}
            there = step != "capture" or self.about["events_included"]
            need(not there or listed.items() <= sealed.items(), f"not all files that {step} made are there")
        closed = {name: digests[name] for name in (envelope_name("seal"), *self.stamps)}
        need(self.signed["close"].subjects == closed, "the closing Statement is of another seal or timestamp")
        return f"{len(self.payload)} payload files are covered by the seal, {len(self.gone)} were taken out"

    def leaves(self) -> str:
        """Step 6: what remains of every document and table gives the root that was sealed."""
        said = self.signed["seal"].predicate["leaves"]
        cut = [(name, form_of(name)) for name in sorted(self.sealed) if form_of(name)]
        need([(one["name"], one["form"]) for one in said] == cut, "the seal has not the right roots")
        sizes = [self.check_leaves(one["name"], one) for one in said if one["name"] not in self.gone]
        return f"{sum(sizes)} leaves give the sealed roots of {len(sizes)} documents and tables"

    def leaves_in(self, name: str) -> Iterator[tuple[bytes, bool]]:
        """Of every leaf its content, and whether it is null."""
        table = name.startswith(TABLES)
        for number, text in enumerate(self.package.lines(name) if table else [self.package.whole[name]]):
            value = read_json(text, f"a line of {name}", PLAIN if name == REQUESTS else AS_SPELLED)
            if name == REQUESTS:
                need(isinstance(value, dict) or text == b"null", f"a line of {name} is no object")
                yield text, value is None
                continue
            tight = not by_root_alone(name) or canonical(value, sort=False).encode() == text
            need(tight, f"{name} has blanks or escapes, which no leaf covers")
            need(not table or (isinstance(value, dict) and value), f"a line of {name} has no key")
            for pointer, field in fields_of(value, f"/{number}" if table else ""):
                yield f"{pointer}\n{field}".encode(), field == "null"

    def check_leaves(self, name: str, said: dict[str, Any]) -> int:
        hashes, taken, what = list[bytes](), Counter[str](), leaves_name(name)
        lines = self.package.lines(what)
        for content, is_null in self.leaves_in(name):
            line = next(lines, b"")
            found = TAKEN.fullmatch(line)
            if found and is_null:
                taken[found[2].decode()] += 1
                hashes.append(bytes.fromhex(found[1].decode()))
                continue
            need(SALT.fullmatch(line) and content != b"null", f"line {len(hashes) + 1} of {what} cannot be")
            hashes.append(hashed(b"\0", bytes.fromhex(line.decode()), content))
        need(next(lines, None) is None, f"{what} has more lines than {name} has leaves")
        need(taken == self.taken_out.get(name, {}), f"other leaves of {name} are gone than was said")
        need((len(hashes), tree_root(hashes).hex()) == (said["count"], said["root"]), f"another root: {name}")
        return len(hashes)

    def made_of(self, step: str) -> list[tuple[str, str]]:
        """Names and digests of what the document of a step (of detect: the capture) says it was made of."""
        document = self.documents[self.made[step] if step in self.made and step != "detect" else CAPTURE]
        return name_digests(document["inputs" if step.startswith("attribute") else "sources"])

    def chain(self) -> str:
        """Step 7: every Statement follows from the payload; the findings are those of this capture."""
        case, right = self.about, dict[str, Any]()
        made_by = [(name, self.package.digests[name]) for name in map(envelope_name, case["steps"][:-1])]
        right["seal"] = {key: case[key] for key in ("created", "software", "timestamps")}
        right["seal"] |= {"materials": resources(made_by), "leaves": self.signed["seal"].predicate["leaves"]}
        right["close"] = {"nonces": self.signed["close"].predicate["nonces"]}
        for step in (step for step in self.listed if self.made.get(step) not in self.gone):
            made_of = [(CAPTURE, self.sealed[CAPTURE])] if step == "detect" else self.made_of(step)
            right[step] = {"materials": resources(made_of)}
        for step, predicate in right.items():
            _, subjects, said, _ = self.signed[step]
            same = said == {"case_id": case["case_id"], **predicate}
            same = same and subjects == self.listed.get(step, subjects)
            need(same, f"the Statement of {step} does not follow from the payload")
        need(len(right["close"]["nonces"]) == len(self.stamps), "there is not one nonce for every timestamp")
        capture = dig(self.documents[FINDINGS], "events", "capture_sha256")
        need(capture == self.sealed[CAPTURE], "the findings are of another capture")
        return f"{', '.join(case['steps'])} and close say what the payload says"

    def signatures(self) -> str:
        """Step 8: over DSSE's pre-authentication encoding, by exactly those who were declared."""
        for step, envelope in self.signed.items():
            keys = self.redactors if step == "redaction" else self.keys
            need(envelope.signatures.keys() == keys.keys(), f"{step} is not signed by exactly its signers")
            message = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(envelope.body), envelope.body)
            for keyid, signature in envelope.signatures.items():
                check_signature(keys[keyid], signature, message, step)
        return f"{len(self.signed)} envelopes, each signed by all its signers ({len(self.keys)})"

    def timestamps(self) -> str:
        """Step 9: by accepted authorities, over the seal, as it was asked for, not before it was made."""
        roots, seal = set[str](), self.package.digests[envelope_name("seal")]
        for name, nonce in zip(self.stamps, self.signed["close"].predicate["nonces"], strict=True):
            when, imprint, its, root = read_token(self.package.whole[name], self.trust["tsa_roots"], name)
            need((imprint, int(its, 16)) == (seal, int(nonce)), f"{name} is not the answer over this seal")
            need(seconds(self.about["created"]) <= when + CLOCK_SLACK_S, f"{name} is older than the case")
            need(root, f"{name} does not lead to an accepted TSA root at its own time")
            roots.add(root)
            self.times.append(when)
        self.times.sort()
        stamped = [f"{datetime.fromtimestamp(when, UTC):%Y-%m-%dT%H:%M:%SZ}" for when in self.times]
        self.more["timestamps"] = stamped
        need(len(roots) >= self.trust["timestamp_authorities"], f"{len(roots)} authorities are too few")
        few = "" if len(roots) > 1 else "; fewer than two different authorities"
        said = f"sealed no later than {stamped[0]}, say {len(roots)} accepted authorities" if stamped else ""
        return (said or "none; the time of sealing is the sealer's word") + few

    def signers(self) -> str:
        """Step 10: enough accepted signers, valid at the first timestamp; without one, then as now."""
        asked = [(self.keys, self.times[:1] or [seconds(self.about["created"]), time.time()])]
        if self.redactors:
            created = seconds(self.signed["redaction"].predicate["created"])
            asked.append((self.redactors, [created, time.time()]))
        said, known, needed = list[str](), self.trust["signers"], self.trust["threshold"]
        for keys, moments in asked:
            names = list[str]()
            for one in (known[keyid] for keyid in keys if keyid in known):
                since, until = seconds(one["valid_from"]), seconds(one["valid_until"])
                names += [one["name"]] if all(since <= when <= until for when in moments) else []
            need(len(names) >= needed, f"{len(names)} accepted valid signers, {needed} needed")
            said.append(f"{', '.join(names)} ({len(names)} accepted, {needed} needed)")
            self.more.setdefault("signers", names)
        return "; redacted by ".join(said)

    def log(self) -> str:
        """Step 11: the log whole and unforked, every entry accounted for, no run of the matter left out."""
        declared, trust, whole = self.about["log"], self.trust, self.package.whole
        if declared is None:
            return "none that can be checked: nothing shows what was fixed before"
        origin, size = declared["origin"], declared["size"]
        keys = [key for key in trust["logs"] if key.name == origin]
        need(keys, "the key of the log is not in the trust file")
        leaves = self.read_log()
        need(len(leaves) == size, f"{ENTRIES} has another size than the case says")
        notes = {name: read_note(whole[name], name) for name in sorted(whole) if name.endswith(".note")}
        need(f"{CHECKPOINTS}{size}.note" in notes, f"there is no checkpoint of all {size} entries")
        for name, note in notes.items():
            right = note.origin == origin and note_signatures(note, keys, False, name)
            right = right and name == f"{CHECKPOINTS}{note.size}.note" and note.size <= size
            need(right and tree_root(leaves[: note.size]) == note.root, f"{name} is not of this log")
            self.shown_times += [(note.size, when) for when in self.times_shown(name, note)]
        kept = [one for one in trust["checkpoints"] if one.origin == origin]
        kept = [one for one in kept if note_signatures(one, keys, False, "a checkpoint of the trust file")]
        forked = any(one.size <= size and tree_root(leaves[: one.size]) != one.root for one in kept)
        need(not forked, "a checkpoint of the trust file contradicts the log: it was forked")
        last = f"{size} of {max(size, *(one.size for one in kept), 0)} batches, the last of {self.last_batch}"
        return f"{last}, every entry accounted for; {self.check_runs()}"

    def read_log(self) -> list[bytes]:
        """Openings beside commitments; gives the hashes of the log's entries."""
        opening, leaves = self.package.lines(OPENINGS), list[bytes]()
        for number, line in enumerate(self.package.lines(ENTRIES)):
            batch = read_json(line, f"a line of {ENTRIES}")
            self.last_batch = batch["time"]
            for commitment in batch["payload"]["commitments"]:
                entry = read_opening(next(opening, b""), unbase64(commitment), number)
                self.entries += [entry] if entry else []
            leaves.append(hashed(b"\0", line))
        need(next(opening, None) is None, f"{OPENINGS} has more lines than the log has commitments")
        return leaves

    def times_shown(self, name: str, note: Note) -> list[float]:
        """Times at which the entries below a checkpoint are known to have stood: by witnesses, provided that
        one of them is no ally of whoever keeps the log; by a timestamp that leads to an accepted root."""
        seen, stamp = note_signatures(note, self.trust["witnesses"], True, name), f"{name[:-4]}tsr"
        times = [] if all(ally for _, ally in seen) else [float(max(when for when, _ in seen))]
        if token := self.package.whole.get(stamp):
            when, imprint, _, root = read_token(token, self.trust["tsa_roots"], stamp)
            need(imprint == self.package.digests[name], f"{stamp} is over something else than {name}")
            times += [when] if root else []
        return times

    def shown(self, *kinds: str) -> list[Entry]:
        """The opened entries of these kinds."""
        return [one for one in self.entries if one.kind in kinds and one.payload is not None]

    def check_runs(self) -> str:
        """Every entry in its place; of the matter every testifying run and plan, with what came of it."""
        runs = dict[int, list[Entry]]()  # of every run its start and outcome
        for at, one in enumerate(self.entries):
            need(one.index == at, f"entry {at} of the private log is left out")
            if one.kind == START:
                runs[one.run] = [one]
                need(one.run == len(runs), f"run {len(runs)} is left out")
            elif one.kind == OUTCOME:
                runs[one.run].append(one)
                start, *more = runs[one.run]
                same = len(more) == 1 and (start.tag, start.space) == (one.tag, one.space)
                need(same, f"entry {at} is the outcome of no run")
        tags = {(one.payload.get("matter", ""), one.tag) for one in self.shown(START, OUTCOME, PLAN)}
        need(len(dict(tags)) == len({tag for _, tag in tags}) == len(tags), "tags and matters are no pairs")
        ours = dict(tags).get(self.about["matter"])  # its tag, where anything of it is shown
        ends, came_out = "", set[tuple[str, str]]()
        closed = [one for one in self.entries if one.payload is None and one.space != "privileged"]
        none((f"entry {one.index}" for one in closed if one.tag == ours), "of this matter, and not shown")
        for start, *outcome in (one for one in runs.values() if one[0].tag == ours and one[0].payload):
            said = (outcome[0].payload if outcome else None) or {"status": "without outcome", "digests": {}}
            digests = said["digests"]
            came_out |= {(f"{RUNS}{start.run}", digest) for digest in digests.values()}
            if said["status"] == "done" and start.space != "privileged":
                held = any(name.endswith((".json", ".jsonl")) for name in digests)
                came = {digest for name, digest in digests.items() if not held or name != "answer"}
                need(came and came <= {*self.sealed.values()} - {""}, f"what run {start.run} gave is missing")
            ends += "" if said["status"] == "done" else f", run {start.run} {said['status']}"
        names = [name for name in self.sealed if name.startswith(RUNS)]
        none((one for one in names if (one.partition(".")[0], self.sealed[one]) not in came_out), "of no run")
        plans = [one.payload for one in self.shown(PLAN) if one.tag == ours]
        files = {digest for name, digest in self.sealed.items() if name.startswith(PLANS)}
        none((str(one["plan_id"]) for one in plans if one["sha256"] not in files), "no file of these plans")
        spaces = Counter(start.space for start, *_ in runs.values() if start.tag == ours)
        own, secret, others = spaces["testifying"], spaces["privileged"], len(runs) - spaces.total()
        self.more["runs"] = {"logged": len(runs), "shown": own, "privileged": secret, "other_matters": others}
        said = f"{own} of this matter shown, {secret} privileged, {others} of others{ends}"
        said = said if ours else "none of this matter is opened, so none can be told from others"
        planned = sum(one.kind == PLAN for one in self.entries)
        return f"{len(runs)} runs: {said}; {planned} plans, {len(plans)} of this matter, each shown"

    def results(self) -> str:
        """Step 12: every result that says confirmatory is so."""
        said = fit(self.documents[RESULTS], "results", RESULTS, RESULTS in self.taken_out)["results"]
        need([one["result"] for one in said] == [*self.made], f"{RESULTS} has not one entry for every step")
        matter, began = self.about["matter"], {one.run for one in self.shown(START)}
        for one in said:
            step, record = one["result"], self.documents.get(self.made[one["result"]])
            good = one["heading"] is None or one["heading"].startswith(f"{one['class'].capitalize()}:")
            good = good and bool(one["reasons"]) == (one["class"] == "exploratory")
            need(good, f"heading or reasons of {step} do not fit its class")
            of = record if step == "scan" else dig(record, "case_run")
            ours = self.trust and self.about["log"] and dig(of, "matter") == matter
            need(not ours or dig(of, "run") in {None, *began}, f"the run that gave {step} is not shown")
            if self.trust and one["class"] == "confirmatory":
                try:
                    self.check_confirmatory(one, record)
                except Failed as problem:
                    raise Failed(f"{step} says confirmatory and is not: {problem}") from None
        self.more["results"] = said
        classes = Counter(one["class"] for one in said)
        plans = [one.payload for one in self.shown(PLAN) if one.payload.get("matter") == matter]
        unused = {str(one.get("plan_id")) for one in plans} - {one["plan"] for one in said}
        text = f"; plans that no result names: {', '.join(sorted(unused)) or 'none'}" if plans else ""
        return f"{classes['confirmatory']} confirmatory, {classes['exploratory']} exploratory{text}"

    def check_confirmatory(self, result: Any, record: Any) -> None:
        """Six conditions, numbered as in the specification. What was taken out shows nothing."""
        matter, step, name = self.about["matter"], result["result"], f"{PLANS}{result['plan']}.json"
        plan = self.documents.get(name)
        need(record and plan, "it, or its plan, is not in the package")
        wanted = {"matter": matter, "plan_id": dig(plan, "plan_id"), "sha256": self.sealed[name]}
        fixed = [self.first_shown((PLAN,), **wanted)]  # 1
        by_id = {one["id"]: one for one in rows(plan, "hypotheses") if one["id"]}
        asked = by_id.get(result["hypothesis"], {})
        tests: list[Any] = [one.get("name") for one in rows(record, "tests") if one.get("decides") is True]
        tests = {"detect": ["campaigns"], "scan": ["mark in corpus"]}.get(step, tests)
        level, planned = dig(record, "fdr" if step == "detect" else "alpha"), asked.get("alpha")
        right = {type(level), type(planned)} <= {int, float} and level == planned
        right = right and dig(plan, "matter") == matter and asked["test"] in tests and asked["test"]
        whole = all(text != "null" for key in JUDGED for _, text in fields_of(dig(plan, key), ""))
        need(right and whole, "it does not decide as planned, or its plan is not whole")  # 2
        keys = asked["commitments"]
        right = isinstance(keys, list) and None not in keys and result["commitments"] == keys
        need(right, "it names other commitments than its hypothesis")
        if asked["keyed"] is not False:  # 3
            fixed += [self.first_shown(("commitment", "canary-commitment"), commitment=one) for one in keys]
            tested = dig(record, "parameters") or {}
            need(keys and tested.get("commitment", keys[0]) in keys, "it tested a key that it does not name")
        need(None not in fixed, "nothing shows when the plan and each key were in the log")
        acquired = self.check_acquisitions(result, asked, fixed)  # 4, 5
        starts, gave = {one.run: one.index for one in self.shown(START)}, self.runs_that_gave(step)  # 6
        need(result["run"] in gave and starts.get(result["run"], 0) > fixed[0][1], "no later run gave it")
        mine = (result["run"], [*self.made].index(step))
        for place, other in enumerate(rows(self.documents[RESULTS], "results")):
            run = min(self.runs_that_gave(other["result"]), default=0)
            earlier = starts.get(run, -1) > fixed[0][1] and (run, place) < mine
            again = earlier and self.may_answer(other, result, asked["test"], acquired)
            need(not again, f"run {run} answered its hypothesis before")

    def check_acquisitions(self, result: Any, asked: Any, fixed: list[Any]) -> set[str]:
        """That its data were acquired, and recorded, after plan and keys; gives the digests of the data."""
        before, recorded = max(when for when, _ in fixed), max(number for _, number in fixed)
        acquisitions = rows(self.documents[CUSTODY], "acquisitions")
        by_id = {one["id"]: one for one in acquisitions}
        named = [by_id.get(one) if one else None for one in result["acquisitions"] or ()]
        known = {item["sha256"] for one in named for item in rows(one, "items")}
        acquired = {digest for _, digest in self.made_of(result["result"])} - {*(asked["given"] or ())}
        need(acquired and acquired <= known and None not in named, "it names no acquisition of an input")  # 4
        for one in filter(None, named):
            digest = hashed(canonical(one).encode()).hex()
            logged = [at.index for at in self.shown("acquisition") if at.payload.get("sha256") == digest]
            need(logged and min(logged) > recorded, f"{one['id']} was not logged after its plan and keys")
        ended = self.first_shown((OUTCOME,), run=result["run"], matter=self.about["matter"])
        latest = seconds(self.about["created"]) + CLOCK_SLACK_S
        for one in acquisitions:  # 5; any that has some of these bytes
            if one in named or acquired & {item["sha256"] for item in rows(one, "items")}:
                offset = dig(one, "clock", "offset_seconds")
                started = seconds(one["started"]) - offset
                right = abs(offset) <= MAX_OFFSET_S and before < started <= latest
                right = right and (ended is None or started < ended[0])
                need(right, f"{one['id']} did not start between what was fixed and the run's end")
        return acquired

    def runs_that_gave(self, step: str) -> list[int]:
        """The runs of the matter that are done, and out of which the result of a step came."""
        done = [one for one in self.shown(OUTCOME) if one.payload["status"] == "done"]
        done = [one for one in done if one.payload["matter"] == self.about["matter"]]
        return [one.run for one in done if self.sealed[self.made[step]] in one.payload["digests"].values()]

    def may_answer(self, other: Any, result: Any, test: str, acquired: set[str]) -> bool:
        """Whether another result answers the same hypothesis; one that names none may, by test and data."""
        if other["plan"] and other["hypothesis"]:
            return [other["plan"], other["hypothesis"]] == [result["plan"], result["hypothesis"]]
        if not (other["result"].startswith("attribute-") and result["result"].startswith("attribute-")):
            return False
        record = self.documents.get(self.made[other["result"]])
        tests = {one.get("name") for one in rows(record, "tests") if one.get("decides") is not False}
        if record is None or not tests & {None, test}:
            return record is None
        return not acquired.isdisjoint(digest for _, digest in self.made_of(other["result"]))

    def first_shown(self, kinds: tuple[str, ...], **wanted: Any) -> Any:
        """Shown time and index of the entry of these kinds and that content that was shown first, or None."""
        ours = [one for one in self.shown(*kinds) if wanted.items() <= one.payload.items()]
        times = [(when, one.index) for one in ours for size, when in self.shown_times if size > one.batch]
        return min(times, default=None) if None not in wanted.values() else None

    def case(self) -> str:
        """Step 13: the case that was meant."""
        case_id, allowed = self.about["case_id"], self.trust["cases"] if self.trust else []
        need(self.wanted in ("", case_id), f"this is case {case_id}, not {self.wanted}")
        need(not allowed or case_id in allowed, f"case {case_id} is none of those of the trust file")
        return f"{case_id}"

STEPS = ["outer layer", "bag", "envelopes", "redaction", "digests", "leaves", "chain", "signatures"]
STEPS += ["timestamps", "signers", "log", "results", "case"]
# what else a step may raise over what it reads without having checked the whole form, as (full) allows
REFUSED = (Failed, AttributeError, LookupError, OSError, OverflowError, RecursionError, TypeError, ValueError)

def verify(path: Path, trust: dict[str, Any] | None = None, wanted: str = "") -> dict[str, Any]:
    """All steps over a package; the answer as plain data."""
    if not path.exists():
        raise Unusable(f"there is no package at {path}", 3)
    it, steps, failed = Verification(path, trust, wanted), list[dict[str, Any]](), ""
    for number, name in enumerate(STEPS, 1):
        unchecked = trust is None and name in ("timestamps", "signers", "log", "results")
        outcome, detail = "not reached" if failed else "NOT CHECKED" if unchecked else "ok", ""
        try:
            skipped = failed or (unchecked and name != "results")  # whose form needs no trust file
            detail = "" if skipped else getattr(it, name.replace(" ", "_"))()
        except REFUSED as problem:
            unread = f"something cannot be read, or is of another form: {problem!r}"[:200]
            outcome, detail = "FAILED", str(problem) if isinstance(problem, Failed) else unread
            failed = f"FAILED at step {number} ({name}): {detail}"
        steps.append({"number": number, "name": name, "outcome": outcome, "detail": detail})
    verdict = "FAILED" if failed else "VERIFIED" if trust else "INTACT, SIGNER NOT CHECKED"
    answer: dict[str, Any] = {"schema": "countermark/verify/v1", "package": str(path), "verdict": verdict}
    answer |= {"case_id": it.about.get("case_id"), "created": it.about.get("created")}
    answer |= {"signers": [], "timestamps": [], "runs": None, "results": [], "taken_out": []}
    answer |= {} if failed else it.more
    by = f", signed by {', '.join(answer['signers'])}" if answer["signers"] else ""
    about = f"{verdict} case {answer['case_id']}{by}, made {answer['created']} by its own clock"
    return answer | {"summary": failed or about, "steps": steps}

def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("countermark-verify", description="Checks an EvidencePackage.")
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="a zip or a folder")
    parser.add_argument("--trust", type=Path, metavar="FILE", help="accepted signers, logs, TSA roots")
    parser.add_argument("--case", default="", metavar="ID", help="the case that it has to be")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    given = parser.parse_args(arguments)
    try:
        answer = verify(given.package, read_trust(given.trust) if given.trust else None, given.case)
    except Unusable as problem:
        print(f"countermark-verify: error: {problem.args[0]}", file=sys.stderr)
        return int(problem.args[1])
    lines = ["{number:>3} {name:<12} {outcome:<12} {detail}".format(**step) for step in answer["steps"]]
    for line in [json.dumps(answer)] if given.json else [answer["summary"], *lines]:
        print("".join(one if one.isprintable() else "?" for one in line).rstrip())  # steers no terminal
    return 0 if answer["verdict"] == "VERIFIED" else 20

if __name__ == "__main__":
    sys.exit(main())
