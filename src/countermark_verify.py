"""countermark-verify: checks an EvidencePackage of Countermark, version 2, with no network.

    python3 countermark_verify.py PACKAGE --trust FILE [--case ID] [--json] [--unsafe-no-signer-check]

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

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

MIB = 1 << 20
MAX_FILES, MAX_WHOLE, MAX_LINE, MAX_LEAF_LINE, MAX_TOKEN = 10_000, 64 * MIB, MIB, 128, MIB // 4
MAX_DEPTH, MAX_MARKS, MAX_BATCH, MAX_NUMBER, MAX_STAMPS = 64, 4_000_000, 4096, 1 << 53, 64
CLOCK_SLACK_S, OPENSSL_TIMEOUT_S, MAX_OFFSET_S = 300, 30, 86_400

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

def marks(data: bytes) -> int:
    """Every value but the first follows one of these: this bounds the memory that parsing takes."""
    return data.count(b",") + data.count(b"[") + data.count(b"{")

def read_json(data: bytes, what: str, decoder: json.JSONDecoder = PLAIN) -> Any:
    """The value of a JSON text as the specification allows it."""
    try:
        brackets = data.count(b"[") + data.count(b"{")
        need(brackets + data.count(b",") <= MAX_MARKS, "too many values")
        value = decoder.decode(str(data, "utf-8"))
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode()  # a ValueError for a lone surrogate
        level = [value] if brackets > MAX_DEPTH else []
        for _ in range(MAX_DEPTH if level else 0):  # from the outermost value inwards
            inner = [one for item in level for one in (item.values() if isinstance(item, dict) else item)]
            level = [one for one in inner if isinstance(one, dict | list)]
        need(not level, "nested too deep")
        return value
    except (Failed, ValueError, RecursionError) as problem:
        raise Failed(f"{what} is no strict JSON ({problem})"[:200]) from None

def canonical(value: Any) -> str:
    """RFC 8785: no blanks, keys sorted by UTF-16 code units. Python escapes the same characters alike, and
    finds the same shortest digits of a number as ECMAScript; only their layout differs."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        need(abs(value) < float("inf"), "a number is beyond what a double holds")
        if value == 0 or 1e-6 <= abs(value) < 1e21:
            return f"{Decimal(repr(value + 0.0)):f}".removesuffix(".0")  # + 0.0: no negative zero
        return re.sub("e([+-])0", r"e\1", repr(value))
    need(not isinstance(value, int) or abs(value) < MAX_NUMBER, "an integer is beyond 2^53 - 1")
    return json.dumps(value, ensure_ascii=False)

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

def is_whole(value: Any) -> bool:
    """Whether nothing inside was taken out."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is not None and all(map(is_whole, inner))

def seconds(text: Any) -> float | None:
    """Seconds since 1970 of `YYYY-MM-DDTHH:MM:SSZ`; None for another form, ValueError for no date."""
    good = isinstance(text, str) and re.fullmatch("[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z", text)
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp() if good else None

def unbase64(text: str) -> bytes:
    """The bytes of standard base64 in its only spelling; ValueError or `Failed` for anything else."""
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, f"{text[:20]!r} is not strict base64")
    return data

def hashed(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()

# --- Shapes: the fields of what is read strictly, and what they hold. `[x]` is a list, `{x}` an object of x
# by x, `=a|b` one of these texts; a field with `?` may be left out. There are no other fields.
GRAMMAR = """
case case_id:id created:time events_included:flag log:null|caselog matter:text schema:=countermark/case/v2
  signers:[signer] software:{version} steps:[text] timestamps:count; caselog origin:key_name size:count;
signer keyid:hash public_key:text;
envelope payload:text payloadType:=application/vnd.in-toto+json signatures:[signature];
signature keyid:hash sig:text; close case_id:id nonces:[text]; material digest:digest name:text;
statement _type:=https://in-toto.io/Statement/v1 predicate:object predicateType:text subject:[subject];
subject digest:digest name:name; digest sha256:hash;
seal case_id:id created:time leaves:[leaves] materials:[material] software:{version} timestamps:count;
leaves count:count form:=fields|rows name:name root:hash;
redaction case_id:id created:time previous:maybe_hash seal:hash signers:[signer] taken_out:[taken] why:text;
taken count:positive form:=fields|rows|file name:name
  ground:=personal-data|privilege|trade-secret|third-party|court-order;
results schema:=countermark/results/v1 results:[result];
result result:text heading:text class:=confirmatory|exploratory reasons:[text] plan:text hypothesis:text
  run:null|positive acquisitions:[text] commitments:[text]; batch kind:=batch payload:commitments time:text;
commitments commitments:[text] number:count; closed body:hash head:text head_salt:salt;
opened body_salt:salt entry:text head:text head_salt:salt; padding kind:kind; head index:count kind:kind;
entry kind:kind payload:object time:text; plan index:count kind:kind matter:salt;
run index:count kind:kind matter:salt run:positive space:=testifying|privileged;
trust schema:=countermark/trust/v1 signers:[accepted] threshold:positive tsa_roots?:[text] checkpoints?:[text]
  timestamp_authorities?:count cases?:[id] logs?:[text] witnesses?:[witness];
accepted name:filled public_key:text valid_from?:time valid_until?:time; witness vkey:text alliance:flag"""
LINES = [shape.split() for shape in GRAMMAR.split(";")]
SHAPES = {name: dict(field.split(":", 1) for field in fields) for name, *fields in LINES}
PART = "[A-Za-z0-9][A-Za-z0-9._-]"
PATTERNS = {"text": "(?s).*", "filled": "(?s).+", "hash": "[0-9a-f]{64}", "maybe_hash": "([0-9a-f]{64})?"}
PATTERNS |= {"salt": "[0-9a-f]{32}", "kind": "[a-z][a-z0-9-]{0,63}", "id": PART + "{0,63}"}
PATTERNS |= {"matter": r"\S{1,200}", "version": "[A-Za-z0-9][A-Za-z0-9._+!-]{0,63}", "key_name": r"[^\s+]+"}
PATTERNS |= {"name": f"(?=.{{1,200}}$){PART}*(/{PART}*)*"}

def is_kind(value: Any, kind: str) -> bool:
    if isinstance(value, str):
        if kind == "time" or kind[0] == "=":
            return seconds(value) is not None if kind == "time" else value in kind[1:].split("|")
        return re.fullmatch(PATTERNS.get(kind, "(?!)"), value) is not None
    if kind in ("count", "positive"):
        return type(value) is int and (kind == "positive") <= value < MAX_NUMBER
    return isinstance(value, {"flag": bool, "object": dict}.get(kind, ()))

def fit(value: Any, kind: str, where: str, hidden: bool = False) -> Any:
    """The value, if it is of that kind. With `hidden`, null may stand anywhere: something was taken out."""
    if value is None and (kind.startswith("null|") or (hidden and kind not in SHAPES)):
        return value
    kind, problem = kind.removeprefix("null|"), f"{where} is not as the specification says ({kind})"
    if kind in SHAPES:
        inner = {key.rstrip("?"): one for key, one in SHAPES[kind].items()}
        needed = {key for key in SHAPES[kind] if key[-1] != "?"}
        need(isinstance(value, dict) and needed <= value.keys() <= inner.keys(), problem)
        for key, item in value.items():
            fit(item, inner[key], where, hidden)
    elif kind[0] in "[{":
        need(isinstance(value, list if kind[0] == "[" else dict), problem)
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
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
PLANS, RUNS = "data/plans/", "data/runs/"
ENTRIES, OPENINGS, CHECKPOINTS = f"{LOG}entries.jsonl", f"{LOG}openings.jsonl", f"{LOG}checkpoints/"
TAGS = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt")
DOCUMENT = "|".join((CUSTODY, RESULTS, TERMS, CAPTURE, SCAN, FINDINGS, METHOD, "data/plans/[^/]+[.]json"))
DOCUMENT += f"|{ATTRIBUTIONS}[1-9][0-9]*/attribution[.]json"
LOCAL, CENTRAL, END = Struct("<4s5H3L2H"), Struct("<4s6H3L5H2L"), Struct("<4s4H2LH")

def is_document(name: str) -> bool:
    return re.fullmatch(DOCUMENT, name) is not None

def form_of(name: str) -> str:
    """How a document or table is cut into leaves; empty for other files."""
    fields = is_document(name) or re.fullmatch("data/tables/[^/]+[.]jsonl", name)
    return "rows" if name == REQUESTS else "fields" if fields else ""

def by_root_alone(name: str) -> bool:
    """Whether the seal has the salted root of it and no digest, which could be guessed."""
    return name in (CUSTODY, RESULTS, TERMS) or (name.startswith("data/tables/") and form_of(name) != "")

def leaves_name(name: str) -> str:
    return f"{LEAVES}{name.removeprefix('data/')}.leaves"

def envelope_name(step: str) -> str:
    return f"{ATTESTATIONS}{step}.dsse.json"

def check_names(names: Iterable[str]) -> None:
    folded = Counter(name.lower() for name in names)
    none((name for name, count in folded.items() if count > 1), "names differ only in case")
    folders = {name[:at] for name in folded for at, letter in enumerate(name) if letter == "/"}
    none(folders & folded.keys(), "the name of a file is that of a folder")

class Package:
    """All files of a package: where they stand, digests, and the content of those that are parsed whole."""
    def __init__(self, path: Path) -> None:
        self.path, self.base, self.whole_bytes, self.marks = path, "", 0, 0  # base: the zip's base directory
        self.members, self.digests = dict[str, tuple[Path, int, int]](), dict[str, str]()  # offset and size
        self.whole: dict[str, bytes] = {}

    def chunks(self, name: str) -> Iterator[bytes]:
        path, offset, size = self.members[name]
        with path.open("rb") as stream:
            stream.seek(offset)
            for left in range(size, 0, -MIB):
                chunk = stream.read(min(left, MIB))
                need(len(chunk) == min(left, MIB), f"{name} ends too soon")
                yield chunk

    def lines(self, name: str, limit: int = MAX_LINE) -> Iterator[bytes]:
        """Lines without their line feeds; no more than `limit` and a chunk is ever held."""
        rest = b""
        for chunk in self.chunks(name):
            *whole, rest = (rest + chunk).split(b"\n")
            need(max(map(len, (*whole, rest))) <= limit, f"a line of {name} is too long")
            yield from whole
        need(not rest, f"{name} does not end in a line feed")

    def add(self, name: str, path: Path, offset: int, size: int, crc: int | None = None) -> None:
        """Read a file once."""
        need(is_kind(name, "name"), f"{name[:200]!r} is no name that a package may hold")
        keep = is_document(name) or name in (CASE, *TAGS) or name.startswith((ATTESTATIONS, CHECKPOINTS))
        self.whole_bytes += size * keep
        need(len(self.members) < MAX_FILES and self.whole_bytes <= MAX_WHOLE, "too many files, or too large")
        self.members[name] = (path, offset, size)
        digest, found, kept = hashlib.sha256(), 0, []
        for chunk in self.chunks(name):
            digest.update(chunk)
            found = zlib.crc32(chunk, found) if crc is not None else 0
            kept += [chunk] if keep else []
        need(crc in (None, found), f"{name} has another CRC-32")
        self.digests[name] = digest.hexdigest()
        self.whole |= {name: b"".join(kept)} if keep else {}
        self.marks += marks(self.whole[name]) if keep else 0
        need(self.marks <= MAX_MARKS, "too many values in all that is to be parsed")

    def read_folder(self) -> None:
        for count, path in enumerate(self.path.rglob("*")):
            name = path.relative_to(self.path).as_posix()
            good = count < 2 * MAX_FILES and is_kind(name, "name") and not path.is_symlink()
            need(good, f"{name[:200]!r} is a link, or no name, or one too many")
            if path.is_dir():
                need(any(path.iterdir()), f"{name} is an empty folder")
            else:
                need(path.is_file(), f"{name} is a special file")
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
                self.add(name, self.path, at - size, size, crc)
                stream.seek(at)
            parts = b"".join(directory)
            end = END.pack(b"PK\5\6", 0, 0, len(directory), len(directory), len(parts), at, 0)
            same = head + stream.read(len(parts + end)) == parts + end
            need(directory and same, "the zip's directory and end are not those that its files give")

# --- Steps 3, 5 and 8: Statements, what they are made of, signers and signatures.
Envelope = namedtuple("Envelope", "body subjects predicate signatures")
TYPES = {name: f"urn:countermark:{name}:v2" for name in ("capture", "detect", "attribute", "seal", "close")}
TYPES |= {"scan": "urn:countermark:watermark-scan:v2", "redaction": "urn:countermark:redaction:v1"}

def open_envelope(data: bytes, step: str) -> Envelope:
    """A DSSE envelope and the in-toto Statement in it, both in their only spelling."""
    name, kind = envelope_name(step), step.partition("-")[0]
    outer = read_canonical(data, "envelope", name)
    signatures = {one["keyid"]: unbase64(one["sig"]) for one in outer["signatures"]}
    good = [one["keyid"] for one in outer["signatures"]] == sorted(signatures)
    need(good and {*map(len, signatures.values())} == {64}, f"{name}: signatures unsorted, or not 64 bytes")
    body = unbase64(outer["payload"])
    statement = read_canonical(body, "statement", f"the Statement in {name}")
    need(statement["predicateType"] == TYPES[kind], f"{name} has a Statement of another type")
    shape = kind if kind in ("seal", "close", "redaction") else "object"
    predicate = fit(statement["predicate"], shape, name)
    subjects = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    good = [one["name"] for one in statement["subject"]] == sorted(subjects)
    need(good, f"subjects of {name} are not sorted, each once")
    return Envelope(body, subjects, predicate, signatures)

def resources(pairs: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"digest": {"sha256": digest}, "name": name} for name, digest in sorted(pairs)]

def name_digests(document: Any, name: str, field: str = "") -> list[tuple[str, str]]:
    """Names and digests in `files`, else in what it was made of: a list of objects in `sources` and `files`
    of capture.json, an object of digests by name in `inputs` and the other `files`."""
    field = field or ("inputs" if name.startswith(ATTRIBUTIONS) else "sources")
    in_list, said = field == "sources" or name == CAPTURE, dig(document, field)
    need(isinstance(said, list if in_list else dict), f"{name} has no {field}")
    pairs = [(dig(one, "name"), dig(one, "sha256")) for one in said] if in_list else list(said.items())
    good = all(isinstance(one, str) and is_kind(digest, "hash") for one, digest in pairs)
    need(good, f"{field} of {name} are not names and digests")
    return pairs

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
PROTECTED = {"schema", "files", "inputs", "sources", "sha256", "capture_sha256"}
PROTECTED |= {"class", "campaign_id", "result"}
SALT, TAKEN = re.compile(rb"[0-9a-f]{32}"), re.compile(rb"-([0-9a-f]{64}) ([a-z-]+)")

class Tree:
    """The Merkle tree of RFC 6962, kept as the roots of its whole subtrees, the largest first."""
    def __init__(self) -> None:
        self.size, self.roots = 0, list[bytes]()

    def add(self, leaf: bytes) -> None:
        rest = self.size = self.size + 1
        while not rest & 1:  # two subtrees of one size become one
            leaf, rest = hashed(b"\1", self.roots.pop(), leaf), rest >> 1
        self.roots.append(leaf)

    def root(self) -> bytes:
        root = self.roots[-1] if self.roots else hashed()
        for left in reversed(self.roots[:-1]):
            root = hashed(b"\1", left, root)
        return root

def fields_of(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """JSON Pointer and value of every field, in the order of the text."""
    if isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            part = str(key).replace("~", "~0").replace("/", "~1")
            digits = isinstance(key, str) and re.fullmatch("[0-9]+", key)  # not to be taken for an index
            yield from fields_of(item, f"{pointer}/{'~2' if digits else ''}{part}")
    else:
        yield pointer, value if isinstance(value, Spelled) else canonical(value)

def is_tight(text: bytes) -> bool:
    """No blank stands outside of texts, and texts are as RFC 8785 writes them: leaves say every byte."""
    found = re.findall(r'"(?:[^"\\]|\\.)*"|\s', str(text, "utf-8"))
    return all(one[0] == '"' and ("\\" not in one or canonical(json.loads(one)) == one) for one in found)

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
        how: dict[str, Any] = {"cwd": folder, "capture_output": True, "timeout": OPENSSL_TIMEOUT_S}
        try:
            done = subprocess.run(["openssl", *command.split()], check=False, **how)  # noqa: S603, S607
        except FileNotFoundError:
            raise Unusable("the program openssl is not installed; timestamps need it", 1) from None
        except subprocess.TimeoutExpired:
            raise Failed("openssl took too long over a timestamp") from None
    if b"nknown option" in done.stderr:
        raise Unusable("this openssl cannot verify at a given time (-attime); OpenSSL 3 can", 1)
    return str(done.stdout, "utf-8", "replace") if done.returncode == 0 else ""

def read_token(token: bytes, what: str) -> tuple[float, str, int | None]:
    """Time, imprint and nonce of a granted response."""
    need(len(token) <= MAX_TOKEN, f"{what} is too large")
    text = openssl("ts -reply -in token -text", token=token)
    found = TOKEN.search(text.rpartition("\nTST info:\n")[2])  # before that stands what nobody signed
    if found is None or not text.startswith("Status info:\nStatus: Granted.\n"):
        raise Failed(f"{what} is no granted token over a SHA-256")
    when = datetime.strptime(f"{found[3]} {found[5]} +0000", "%b %d %H:%M:%S %Y %z").timestamp()
    imprint = re.sub("[ -]", "", found[1] + found[2])
    return when + float(found[4] or 0), imprint, None if found[6] == "unspecified" else int(found[6], 16)

def root_of(trust: Any, token: bytes, imprint: str, when: float) -> str:
    """The accepted root (a PEM) to which a token leads at its own time, or "", as an expert would find it by
    hand. OpenSSL takes nothing for a root that is not self-signed."""
    command = f"ts -verify -in token -digest {imprint} -CAfile root -untrusted others -attime {int(when)}"
    for root in trust.roots:
        said = openssl(command, token=token, root=root.encode(), others="\n".join(trust.roots).encode())
        if "Verification: OK" in said:
            return str(root)
    return ""

# --- Step 11: checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature), and the entries of the log.
NoteKey = namedtuple("NoteKey", "name key_id key alliance")
Note = namedtuple("Note", "body lines origin size root")
Opened = namedtuple("Opened", "number kind payload batch")  # an entry of the private log that is shown
LINE, SIZE = "[^\0-\x1f]+", "0|[1-9][0-9]{0,15}"
NOTE = re.compile(f"(({LINE})\n({SIZE})\n({LINE})\n(?:{LINE}\n)*)\n((?:\u2014 {LINE}\n){{1,64}})")

def note_key(text: str, kind: int, alliance: bool = False) -> NoteKey:
    """A verifier key: name, key id (hex) and base64, joined by plus signs."""
    name, key_id, encoded = [*text.split("+", 2), "", ""][:3]
    raw = unbase64(encoded)
    right = hashed(name.encode(), b"\n", raw)[:4]
    good = is_kind(name, "key_name") and raw[:1] == bytes([kind]) and key_id == right.hex()
    need(good, f"{text[:200]!r} is no verifier key of the right kind")
    return NoteKey(name, right, Ed25519PublicKey.from_public_bytes(raw[1:]), alliance)

def read_note(data: bytes, what: str) -> Note:
    found = NOTE.fullmatch(str(data, "utf-8"))
    if found is None:
        raise Failed(f"{what} is no signed checkpoint")
    lines = [(name, unbase64(text)) for _, name, text in (one.split(" ", 2) for one in found[5].splitlines())]
    good = all(is_kind(name, "key_name") and len(raw) > 4 for name, raw in lines)
    need(good and len(unbase64(found[4])) == 32, f"{what} is no signed checkpoint")
    return Note(found[1], lines, found[2], int(found[3]), unbase64(found[4]))

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

JUDGED = ("plan_id", "matter", "hypotheses", "multiplicity", "stopping", "exclusions")
OF_RUNS, PLAN = ("run-start", "run-outcome"), "analysis-plan"
HEADS = {**dict.fromkeys(OF_RUNS, "run"), "padding": "padding", PLAN: "plan"}

class Heads:
    """What the openings say, one after the other."""
    def __init__(self) -> None:
        self.count = self.runs = self.whole_bytes = self.marks = 0
        self.opened: list[Opened] = []
        self.tags: set[tuple[str, str]] = set()  # of opened runs and plans: matter and tag
        self.plans = Counter[str]()  # by tag
        self.started: dict[int, Any] = {}  # tag and space of runs that have no outcome yet
        # starts of runs, and entries of runs that are not opened, by tag and space
        self.starts, self.closed = Counter[tuple[str, str]](), Counter[tuple[str, str]]()

    def add(self, line: bytes, commitment: bytes, batch: int) -> None:
        what = f"the opening of entry {self.count}"
        said = read_canonical(line, "opened" if b'"entry":' in line[:60] else "closed", what)
        data, entry = said["head"].encode(), said.get("entry")
        kind = dig(read_json(data, what), "kind")
        head = read_canonical(data, HEADS.get(str(kind), "head"), what)
        salt = bytes.fromhex(said["body" if entry is None else "body_salt"])
        body = salt if entry is None else hashed(b"\0", salt, entry.encode())
        right = hashed(b"\1", hashed(b"\0", bytes.fromhex(said["head_salt"]), data), body) == commitment
        need(right and (kind != "padding" or not entry), f"{what} does not open its commitment")
        if kind == "padding":
            return
        need(head["index"] == self.count, f"entry {self.count} of the private log is left out")
        self.count += 1
        self.plans.update([head["matter"]] if kind == PLAN else [])
        if kind in OF_RUNS:
            whose = (head["matter"], head["space"])
            if kind == "run-start":
                self.runs += 1
                self.starts[whose] += 1
                self.started[self.runs] = whose
                need(head["run"] == self.runs, f"run {self.runs} is left out")
            else:
                need(self.started.pop(head["run"], None) == whose, f"{what} is an outcome of no run")
            self.closed[whose] += entry is None
        if entry is not None:
            self.open(head, entry.encode(), batch)

    def open(self, head: dict[str, Any], body: bytes, batch: int) -> None:
        self.whole_bytes, self.marks = self.whole_bytes + len(body), self.marks + marks(body)
        need(self.whole_bytes <= MAX_WHOLE and self.marks <= MAX_MARKS, "too many opened entries")
        entry = read_canonical(body, "entry", "an opened entry")
        payload, same = entry["payload"], entry["kind"] == head["kind"]
        if head["kind"] in OF_RUNS:
            said = (payload["run"], payload.get("space", "testifying"))
            same = same and type(payload["run"]) is int and said == (head["run"], head["space"])
            need("matter" in payload, "an opened run has no matter")
        if "matter" in head:
            need(is_kind(payload.get("matter", ""), "text"), "the matter of a run or plan is no text")
            self.tags.add((payload.get("matter", ""), head["matter"]))
        need(same, f"entry {head['index']} is not what its head says")
        self.opened.append(Opened(head["index"], head["kind"], payload, batch))

# --- The trust file, which comes from outside the package.
Trust = namedtuple("Trust", "signers threshold roots authorities cases logs witnesses checkpoints")

def accepted_key(text: str) -> str:
    """Key id of a public key given as a PEM or as base64 of its 32 bytes."""
    key = load_pem_public_key(text.encode()) if "-----BEGIN" in text else None
    raw = key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else unbase64("" if key else text)
    need(len(raw) == 32, "a public key is no Ed25519 key")
    return hashed(raw).hex()

def read_trust(path: Path) -> Trust:
    try:
        with path.open("rb") as stream:
            data = stream.read(MIB + 1)
        need(len(data) <= MIB, "it is over 1 MiB")
        said = fit(read_json(data, "it"), "trust", "it")
        signers = {accepted_key(one["public_key"]): one for one in said["signers"]}
        once = len({one["name"] for one in said["signers"]}) == len(signers) == len(said["signers"]) <= 256
        need(once and said["threshold"] <= len(signers), "a signer stands twice, or there are too few")
        roots, cases = said.get("tsa_roots", []), said.get("cases", [])
        one_each = all(len(x509.load_pem_x509_certificates(pem.encode())) == 1 for pem in roots)
        need(one_each, "an entry of tsa_roots is not one PEM certificate")
        logs = [note_key(text, 1) for text in said.get("logs", [])]
        witnesses = [note_key(one["vkey"], 4, one["alliance"]) for one in said.get("witnesses", [])]
        raw = {one.key.public_bytes_raw() for one in logs + witnesses}  # who keeps a log is none of them
        names = len({one.name for one in logs}) + len({one.name for one in witnesses})
        once = len(raw) == len(logs + witnesses) == names
        need(once, "a log or a witness stands twice")
        notes = [read_note(text.encode(), "a checkpoint") for text in said.get("checkpoints", [])]
        by = [[key for key in logs if key.name == note.origin] for note in notes]
        good = all(note_signatures(*one, False, "it") for one in zip(notes, by, strict=True))
        need(good, "a checkpoint is not signed by its log")
        authorities = said.get("timestamp_authorities", 0)
        return Trust(signers, said["threshold"], roots, authorities, cases, logs, witnesses, notes)
    except (OSError, Failed, ValueError, RecursionError, UnsupportedAlgorithm) as problem:
        raise Unusable(f"the trust file {path} cannot be used: {problem}"[:300], 3) from None

# --- The verification.
class Verification:
    """The thirteen steps over one package, and what they leave for those after them."""
    def __init__(self, path: Path, trust: Trust | None, wanted: str) -> None:
        self.package, self.wanted, self.heads = Package(path), wanted, Heads()
        self.trust: Any = trust
        self.about, self.documents, self.signed = dict[str, Any](), dict[str, Any](), dict[str, Envelope]()
        self.payload, self.gone = set[str](), set[str]()  # files that are there; that were taken out
        self.made: dict[str, str] = {}  # the document that each step made, but capture and seal
        self.listed: dict[str, dict[str, str]] = {}  # files that a document lists
        self.taken_out: dict[str, Counter[str]] = {}  # numbers by ground, as the redaction says
        self.hidden: set[str] = set()  # campaigns, by number, out of which something was taken
        self.stamps, self.names, self.stamped = list[str](), list[str](), list[str]()
        self.last_batch = ""
        self.keys, self.redactors, self.times = dict[str, Any](), dict[str, Any](), list[float]()
        self.shown_times: list[tuple[int, float]] = []  # size of a checkpoint, since when it is known
        self.more: dict[str, Any] = {"runs": None, "results": [], "taken_out": []}  # for the answer

    def outer_layer(self) -> str:
        """Step 1: a folder of plain files, or the one zip that there is for these files."""
        (self.package.read_folder if self.package.path.is_dir() else self.package.read_zip)()
        check_names(self.package.members)
        return f"{len(self.package.members)} files in the {'zip' if self.package.base else 'folder'}, no more"

    def bag(self) -> str:
        """Step 2: case.json, and the bag's four files, which follow from the others."""
        members, digests, whole = self.package.members, self.package.digests, self.package.whole
        none({CASE, *TAGS} - members.keys(), "missing")
        case = self.about = read_canonical(whole[CASE], "case", CASE)
        self.keys, steps, matter = read_signers(case["signers"], CASE), case["steps"], case["matter"]
        good = is_kind(matter, "matter") and matter.isprintable() if case["log"] else not matter
        need(good and case["timestamps"] <= 16 and "countermark" in case["software"], f"{CASE} cannot be one")
        start = ["capture", "detect", *(["scan"] if "scan" in steps else [])]
        right = [*start, *(f"attribute-{number}" for number in range(1, len(steps) - len(start))), "seal"]
        need(steps == right and len(steps) <= len(start) + 101, f"the steps of {CASE} cannot be")
        self.made = {step: f"{ATTRIBUTIONS}{step[10:]}/attribution.json" for step in steps[1:-1]}
        self.made |= {step: name for step, name in (("detect", FINDINGS), ("scan", SCAN)) if step in steps}
        need(self.package.base in ("", case["case_id"]), "the base directory of the zip is not the case id")
        payload = sorted(name for name in members if name.startswith("data/"))
        tagged = sorted(members.keys() - {*payload, TAGS[3]})
        self.payload = set(payload)
        none((one for one in {*tagged} - {*TAGS} if not one.startswith(ATTESTATIONS)), "not of a package")
        rebuilt = (
            "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            f"Bag-Software-Agent: countermark {case['software']['countermark']}\n"
            f"Bagging-Date: {case['created'][:10]}\nExternal-Identifier: {case['case_id']}\n"
            f"Payload-Oxum: {sum(members[name][2] for name in payload)}.{len(payload)}\n",
            *("".join(f"{digests[name]}  {name}\n" for name in names) for names in (payload, tagged)),
        )
        for name, text in zip(TAGS, rebuilt, strict=True):
            need(whole[name] == text.encode(), f"{name} does not follow from the other files")
        return f"the bag's own files follow from {len(payload)} payload files"

    def envelopes(self) -> str:
        """Step 3: every Statement and timestamp that the case declares, and no other."""
        self.stamps = [f"{ATTESTATIONS}timestamp-{at + 1}.tsr" for at in range(self.about["timestamps"])]
        there = {name for name in self.package.members if name.startswith(ATTESTATIONS)}
        redaction = ["redaction"] if envelope_name("redaction") in there else []
        steps = [*self.about["steps"], "close", *redaction]
        none(there ^ {*self.stamps, *map(envelope_name, steps)}, "missing or not declared")
        self.signed = {one: open_envelope(self.package.whole[envelope_name(one)], one) for one in steps}
        bodies = sum(marks(one.body) for one in self.signed.values())
        need(self.package.marks + bodies <= MAX_MARKS, "too many values in all that is to be parsed")
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
        sealed, taken, seal = self.sealed, said["taken_out"], self.package.digests[envelope_name("seal")]
        right = (said["case_id"], said["seal"]) == (self.about["case_id"], seal)
        right = right and said["created"] >= self.about["created"]
        need(right, "the redaction is of another case or of another seal, or older than the case")
        self.redactors, self.more["taken_out"] = read_signers(said["signers"], "the redaction"), taken
        order, grounds = [(one["name"], one["ground"]) for one in taken], Counter[str]()
        names = [name for name, _ in order]
        need(order and order == sorted(set(order)), "what the redaction took out is not sorted, each once")
        for name, form, one in ((one["name"], one["form"], one) for one in taken):
            self.taken_out.setdefault(name, Counter())[one["ground"]] = one["count"]
            grounds[one["ground"]] += one["count"]
            if form == "file":
                self.gone |= {name, leaves_name(name)} & sealed.keys()
                kept = name in (CASE, CUSTODY, RESULTS, CAPTURE, FINDINGS) or name.startswith((LOG, LEAVES))
                right = one["count"] == names.count(name) == 1 and not kept and name.startswith("data/")
                need(right, f"{name} cannot be taken out as a file, or is taken out twice")
            need(name in sealed and form in ("file", form_of(name)), f"{name} has no {form} to be taken out")
        owners = {leaves_name(name): name for name in sealed if form_of(name)}
        for name, digest in subjects.items():
            owner = owners.get(name, name)
            need(form_of(owner) and sealed.get(name, digest) != digest, f"{name} cannot have been changed")
            need(owner in self.taken_out and owner not in self.gone, f"nothing was taken out of {owner}")
        bare = {name for name in self.taken_out.keys() - self.gone if by_root_alone(name)}
        none(bare - subjects.keys(), "the redaction does not cover what is left of")
        counts = ", ".join(f"{count} under {ground}" for ground, count in sorted(grounds.items()))
        return f"taken out: {counts}; {said['why']!r}"

    def digests(self) -> str:
        """Step 5: every payload file is covered by the seal, and every list of files in it holds."""
        sealed, digests, opened, log = self.sealed, self.package.digests, self.signed, self.about["log"]
        none(self.payload ^ (sealed.keys() - self.gone), "missing, or not sealed")
        right = sealed | (opened["redaction"].subjects if self.redactors else {})
        none((name for name in self.payload if right[name] not in ("", digests[name])), "not what was sealed")
        check_names(sealed)
        for name in filter(is_document, self.payload):
            self.documents[name] = read_json(self.package.whole[name], name)
        needed = {CASE, CUSTODY, RESULTS, METHOD, CAPTURE, *self.made.values()}
        none((needed | ({ENTRIES, OPENINGS} if log else set())) - sealed.keys(), "missing")
        cut = {name for name in sealed if form_of(name)}
        leaves = {name for name in sealed if name.startswith(LEAVES)}
        none(leaves ^ set(map(leaves_name, cut)), "leaves without a document, or a document without leaves")
        allowed = {name for name in cut if name.startswith(("data/plans/", "data/tables/"))}
        allowed |= needed - {METHOD}
        for step, document in {"capture": CAPTURE, **self.made}.items():
            listed = self.listed[document] = self.files_of(step, document)
            if document != CAPTURE or self.about["events_included"]:
                need(listed.items() <= sealed.items(), f"not all that {document} lists is there as it says")
                allowed |= listed.keys()
        terms = {one["file"]: one["sha256"] for one in rows(self.documents.get(TERMS), "terms")}
        texts = {f"data/terms/{name}": digest for name, digest in terms.items() if name is not None}
        need(texts.items() <= sealed.items(), f"not all texts are those that {TERMS} says")
        if TERMS in self.taken_out:  # then it does not show any more which texts it listed
            texts |= {name: "" for name in sealed if name.startswith("data/terms/")}
        notes = {name for name in sealed if log and re.fullmatch(f"{CHECKPOINTS}({SIZE})[.]note", name)}
        allowed |= texts.keys() | notes | {name.removesuffix("note") + "tsr" for name in notes}
        allowed |= {ENTRIES, OPENINGS} if log else set()
        stamps = sum(name.endswith(".tsr") for name in self.payload)
        need(stamps <= MAX_STAMPS, "too many checkpoints have timestamps")
        ran = re.compile(f"{RUNS}[1-9][0-9]{{0,14}}[.][^/]+")
        allowed |= {name for name in sealed if log and ran.fullmatch(name)}
        places = r"data/(findings|events|scan|attributions|plans|runs|tables|terms|log)/.*"
        none((name for name in sealed.keys() - allowed if re.fullmatch(places, name)), "listed by nothing")
        closed = {name: digests[name] for name in (envelope_name("seal"), *self.stamps)}
        need(opened["close"].subjects == closed, "the closing Statement is of another seal or timestamp")
        return f"{len(self.payload)} payload files are covered by the seal, {len(self.gone)} were taken out"

    def files_of(self, step: str, document: str) -> dict[str, str]:
        """What a document lists; where it was taken out, what the Statement of its step says."""
        if document in self.gone:
            return {name: one for name, one in self.signed[step].subjects.items() if name != document}
        pairs = name_digests(self.documents[document], document, "files")
        listed = {f"{document.rpartition('/')[0]}/{name}": digest for name, digest in pairs}
        good = all(is_kind(name, "name") and "/" not in name for name, _ in pairs) and document not in listed
        need(good and len(listed) == len(pairs), f"{document} lists a file twice, or what cannot be there")
        return listed

    def leaves(self) -> str:
        """Step 6: what remains of every document and table gives the root that was sealed."""
        said = self.signed["seal"].predicate["leaves"]
        cut = [(name, form_of(name)) for name in sorted(self.sealed) if form_of(name)]
        need([(one["name"], one["form"]) for one in said] == cut, "the seal has not the right roots")
        sizes = [self.check_leaves(one["name"], one) for one in said if one["name"] not in self.gone]
        return f"{sum(sizes)} leaves give the sealed roots of {len(sizes)} documents and tables"

    def leaves_in(self, name: str) -> Iterator[tuple[str, bytes, bool]]:
        """Of every leaf its pointer (empty for a row), its content, and whether it is null."""
        table = not is_document(name)
        for number, text in enumerate(self.package.lines(name) if table else [self.package.whole[name]]):
            value = read_json(text, f"a line of {name}", PLAIN if name == REQUESTS else AS_SPELLED)
            if name == REQUESTS:
                need(isinstance(value, dict) or text == b"null", f"a line of {name} is no object")
                yield "", text, value is None
                continue
            need(not by_root_alone(name) or is_tight(text), f"{name} has blanks or escapes")
            need(not table or (isinstance(value, dict) and value), f"a line of {name} has no key")
            for pointer, field in fields_of(value, f"/{number}" if table else ""):
                yield pointer, f"{pointer}\n{field}".encode(), field == "null"

    def check_leaves(self, name: str, said: dict[str, Any]) -> int:
        tree, taken, what = Tree(), Counter[str](), leaves_name(name)
        lines = self.package.lines(what, MAX_LEAF_LINE)
        for pointer, content, is_null in self.leaves_in(name):
            line = next(lines, b"")
            if SALT.fullmatch(line):
                need(content != b"null", f"a row of {name} is null and was not taken out")
                tree.add(hashed(b"\0", bytes.fromhex(line.decode()), content))
                continue
            found = TAKEN.fullmatch(line)
            if found is None or not is_null or PROTECTED.intersection(pointer.split("/")):
                raise Failed(f"what {what} says of leaf {tree.size} ({pointer}) cannot be")
            taken[found[2].decode()] += 1
            tree.add(bytes.fromhex(found[1].decode()))
            if name == FINDINGS and pointer.startswith("/campaigns/"):
                self.hidden.add(pointer.split("/")[2])
        need(next(lines, None) is None, f"{what} has more lines than {name} has leaves")
        need(taken == self.taken_out.get(name, {}), f"other leaves of {name} are gone than was said")
        same = (tree.size, tree.root().hex()) == (said["count"], said["root"])
        need(same, f"the leaves of {name} do not give the root that was sealed")
        return tree.size

    def chain(self) -> str:
        """Step 7: every Statement, written again, is the one; the findings are those of this capture."""
        case, sealed, opened = self.about, self.sealed, self.signed
        names, nonces = map(envelope_name, case["steps"][:-1]), opened["close"].predicate["nonces"]
        need(len(nonces) == len(self.stamps), "there is not one nonce for every timestamp")
        seal: dict[str, Any] = {key: case[key] for key in ("created", "software", "timestamps")}
        seal["materials"] = resources((name, self.package.digests[name]) for name in names)
        seal["leaves"] = opened["seal"].predicate["leaves"]  # which step 6 has checked
        close = {"nonces": nonces}
        right = {"seal": (opened["seal"].subjects, seal), "close": (opened["close"].subjects, close)}
        for step, name in {"capture": CAPTURE, **self.made}.items():
            made_of = [(CAPTURE, sealed[CAPTURE])]
            if name in self.gone:  # its Statement stands for it
                said = fit(opened[step].predicate["materials"], "[material]", f"the Statement of {step}")
                made_of = [(one["name"], one["digest"]["sha256"]) for one in said]
            elif step != "detect":
                made_of = name_digests(self.documents[name], name)
            right[step] = ({name: sealed[name], **self.listed[name]}, {"materials": resources(made_of)})
        for step, (subjects, predicate) in right.items():
            statement: dict[str, Any] = {"_type": "https://in-toto.io/Statement/v1"}
            statement |= {"predicate": {"case_id": case["case_id"], **predicate}}
            statement |= {"subject": resources(subjects.items()), "predicateType": TYPES[step.split("-")[0]]}
            same = canonical(statement).encode() == opened[step].body
            need(same, f"the Statement of {step} does not follow from the payload")
        findings, campaigns = self.documents[FINDINGS], rows(self.documents[FINDINGS], "campaigns")
        need(dig(findings, "schema") == "countermark/findings/v1", f"{FINDINGS} is of another schema")
        good = dig(findings, "events", "capture_sha256") == sealed[CAPTURE]
        need(good, "the findings are of another capture")
        gone = FINDINGS in self.taken_out and dig(findings, "campaigns") is None  # an empty list
        need(gone or findings["campaigns"] == campaigns, "the findings have no list of campaigns")
        for at, one in enumerate(campaigns):
            content = {key: one[key] for key in one.keys() - {"revision", "disposition"}}
            same = str(at) in self.hidden or hashed(canonical(content).encode()).hex()[:32] == one["revision"]
            need(same, f"campaign {at} is of another revision than it says")
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
        trust, seal, roots = self.trust, self.package.digests[envelope_name("seal")], set[str]()
        for name, nonce in zip(self.stamps, self.signed["close"].predicate["nonces"], strict=True):
            token = self.package.whole[name]
            when, imprint, its_nonce = read_token(token, name)
            need((imprint, str(its_nonce)) == (seal, nonce), f"{name} is not the answer over this seal")
            late = (seconds(self.about["created"]) or 0) > when + CLOCK_SLACK_S
            need(not late, f"the case says that it was made after {name}")
            if trust:
                roots.add(root_of(trust, token, seal, when))
                need("" not in roots, f"{name} does not lead to an accepted TSA root at its own time")
                self.times.append(when)
        self.times.sort()
        self.stamped = [f"{datetime.fromtimestamp(when, UTC):%Y-%m-%dT%H:%M:%SZ}" for when in self.times]
        need(not trust or len(roots) >= trust.authorities, f"{len(roots)} timestamp authorities: too few")
        if not self.times:
            return f"{len(self.stamps)} declared; the time of sealing is the sealer's word"
        return f"sealed no later than {self.stamped[0]}, say {len(roots)} accepted authorities"

    def accepted(self, keys: Iterable[str], created: str, stamped: list[float]) -> str:
        """Who is accepted, and valid at the first timestamp; without one, as they alone say when, now too."""
        moments, trust = stamped[:1] or [seconds(created) or 0, time.time()], self.trust
        names = list[str]()
        for one in (trust.signers[keyid] for keyid in keys if keyid in trust.signers):
            since, until = seconds(one.get("valid_from")), seconds(one.get("valid_until"))
            if all((since is None or since <= when) and (until is None or when <= until) for when in moments):
                names.append(one["name"])
        need(len(names) >= trust.threshold, f"{len(names)} accepted valid signers, {trust.threshold} needed")
        self.names = self.names or names
        return f"{', '.join(names)} ({len(names)} accepted, {trust.threshold} needed)"

    def signers(self) -> str:
        """Step 10: enough accepted signers, of the case and of the redaction."""
        if self.trust is None:
            return "whose keys these are needs a trust file"
        said = self.accepted(self.keys, self.about["created"], self.times)
        if self.redactors:
            created = self.signed["redaction"].predicate["created"]
            said += f"; redacted by {self.accepted(self.redactors, created, [])}"
        return said

    def log(self) -> str:
        """Step 11: the log whole and unforked, every entry accounted for, no run of the matter left out."""
        declared, trust, whole = self.about["log"], self.trust, self.package.whole
        if declared is None or trust is None:
            return "none that can be checked: nothing shows what was fixed before"
        origin, size = declared["origin"], declared["size"]
        keys = [key for key in trust.logs if key.name == origin]
        need(keys, "the key of the log is not in the trust file")
        notes = {name: read_note(whole[name], name) for name in sorted(whole) if name.endswith(".note")}
        kept = [note for note in trust.checkpoints if note.origin == origin]
        roots = self.read_log(size, {note.size for note in (*notes.values(), *kept)})
        need(f"{CHECKPOINTS}{size}.note" in notes, f"there is no checkpoint of all {size} entries")
        for name, note in notes.items():
            right = note.origin == origin and note_signatures(note, keys, False, name)
            right = right and name == f"{CHECKPOINTS}{note.size}.note" and roots.get(note.size) == note.root
            need(right, f"{name} is not signed by this log, or not over its entries")
            self.shown_times += [(note.size, when) for when in self.times_shown(trust, name, note)]
        forked = any(note.size <= size and roots[note.size] != note.root for note in kept)
        need(not forked, "a checkpoint of the trust file contradicts the log: it was forked")
        known = max([size, *(note.size for note in kept)])
        last = f"{size} of {known} batches, the last of {self.last_batch}"
        return f"{last}, every entry accounted for; {self.check_runs()}"

    def read_log(self, size: int, sizes: set[int]) -> dict[int, bytes]:
        """Openings beside commitments; gives the roots of the log at these sizes."""
        opening, tree, a_batch = self.package.lines(OPENINGS), Tree(), 0
        roots = {0: tree.root()}
        for number, line in enumerate(self.package.lines(ENTRIES)):
            batch = read_canonical(line, "batch", f"a line of {ENTRIES}")
            payload, self.last_batch = batch["payload"], batch["time"]
            commitments = [unbase64(text) for text in payload["commitments"]]
            a_batch = a_batch or len(commitments)
            good = 0 < len(set(commitments)) == len(commitments) == a_batch <= MAX_BATCH
            good = good and payload["number"] == number and {*map(len, commitments)} == {32}
            need(good, f"batch {number} is not what it should be")
            for commitment in commitments:
                self.heads.add(next(opening, b""), commitment, number)
            tree.add(hashed(b"\0", line))
            roots |= {tree.size: tree.root()} if tree.size in sizes else {}
        need(tree.size == size, f"{ENTRIES} has another size than the case says")
        need(next(opening, None) is None, f"{OPENINGS} has more lines than the log has commitments")
        return roots

    def times_shown(self, trust: Trust, name: str, note: Note) -> list[float]:
        """Times at which the entries below a checkpoint are known to have stood: by witnesses, provided that
        one of them is no ally of whoever keeps the log; by a timestamp that leads to an accepted root."""
        seen, stamp = note_signatures(note, trust.witnesses, True, name), name.removesuffix("note") + "tsr"
        times = [] if all(ally for _, ally in seen) else [float(max(when for when, _ in seen))]
        if token := self.package.whole.get(stamp):
            when, imprint, _ = read_token(token, stamp)
            need(imprint == self.package.digests[name], f"{stamp} is over something else than {name}")
            times += [when] if root_of(trust, token, imprint, when) else []
        return times

    def check_runs(self) -> str:
        heads, matter = self.heads, self.about["matter"]
        once = len(heads.tags) == len({one for one, _ in heads.tags}) == len({tag for _, tag in heads.tags})
        need(once, "in the log a matter has two tags, or a tag two matters")
        ours = [tag for one, tag in heads.tags if one == matter]
        need(not any(heads.closed[tag, "testifying"] for tag in ours), "a run of this matter is not shown")
        for said in (one.payload for one in heads.opened if one.kind == "run-outcome"):
            if (said["matter"], said["status"]) == (matter, "done") and said.get("space") != "privileged":
                held = any(name.endswith((".json", ".jsonl")) for name in said["digests"])
                came = {one for name, one in said["digests"].items() if not held or name != "answer"}
                good = came and came <= set(self.sealed.values())
                need(good, f"run {said['run']} is done, and what came out of it is not in the package")
        shown = [one for one in heads.opened if one.payload.get("matter") == matter]
        runs = [{one.payload["run"]: one.payload for one in shown if one.kind == kind} for kind in OF_RUNS]
        for name in (name for name in self.sealed if name.startswith(RUNS)):
            run = int(name.removeprefix(RUNS).partition(".")[0])
            right = run in runs[0] and self.sealed[name] in runs[1][run]["digests"].values()
            need(right, f"{name} did not come out of that run of this matter")
        plans = [one.payload for one in shown if one.kind == PLAN]
        need(sum(heads.plans[tag] for tag in ours) == len(plans), "a plan of this matter is not shown")
        files = [digest for name, digest in self.sealed.items() if name.startswith(PLANS)]
        none((str(one["plan_id"]) for one in plans if one["sha256"] not in files), "no file of these plans")
        own, secret = (sum(heads.starts[tag, one] for tag in ours) for one in ("testifying", "privileged"))
        others = heads.runs - own - secret
        counts = {"logged": heads.runs, "shown": own, "privileged": secret, "other_matters": others}
        self.more["runs"] = counts
        said = f"{own} of this matter shown, {secret} privileged, {others} of others"
        said = said if ours else "none of this matter is opened, so none can be told from others"
        ends = {run: runs[1].get(run, {"status": "without outcome"})["status"] for run in sorted(runs[0])}
        said += "".join(f", run {run} {status}" for run, status in ends.items() if status != "done")
        said = f"{heads.runs} runs: {said}; {heads.plans.total()} plans"
        return f"{said}, {len(plans)} of this matter, each shown"

    def results(self) -> str:
        """Step 12: every result that says confirmatory is so."""
        said = fit(self.documents[RESULTS], "results", RESULTS, RESULTS in self.taken_out)["results"]
        need([one["result"] for one in said] == [*self.made], f"{RESULTS} has not one entry for every step")
        for one in said:
            good = one["heading"] is None or one["heading"].startswith(f"{one['class'].capitalize()}:")
            good = good and bool(one["reasons"]) == (one["class"] == "exploratory")
            need(good, f"heading or reasons of {one['result']} do not fit its class")
        starts = {one.payload["run"] for one in self.heads.opened if one.kind == "run-start"}
        for one in said if self.trust else ():
            record = self.documents.get(self.made[one["result"]])
            of = record if one["result"] == "scan" else dig(record, "case_run")
            run = dig(of, "run") if self.about["log"] and dig(of, "matter") == self.about["matter"] else None
            need(type(run) is not int or run in starts, f"the run that gave {one['result']} is not shown")
            if one["class"] == "confirmatory":
                self.check_confirmatory(one, record, f"{one['result']} says confirmatory and is not:")
        self.more["results"] = said
        classes, used = Counter(one["class"] for one in said), {one["plan"] for one in said}
        plans = [one.payload for one in self.heads.opened if one.kind == PLAN]
        ours = {str(one.get("plan_id")) for one in plans if one.get("matter") == self.about["matter"]}
        unused = f"; plans that no result names: {', '.join(sorted(ours - used)) or 'none'}" if ours else ""
        return f"{classes['confirmatory']} confirmatory, {classes['exploratory']} exploratory{unused}"

    def check_confirmatory(self, result: Any, record: Any, not_so: str) -> None:
        """Six conditions, numbered as in the specification. What was taken out shows nothing."""
        matter, step, plan_name = self.about["matter"], result["result"], f"data/plans/{result['plan']}.json"
        plan, sealed = self.documents.get(plan_name), self.sealed[self.made[step]]
        need(record and plan, f"{not_so} it, or its plan, is not in the package")
        wanted = {"matter": matter, "plan_id": dig(plan, "plan_id"), "sha256": self.sealed[plan_name]}
        fixed = [self.first_shown((PLAN,), **wanted)]  # 1
        by_id = {one["id"]: one for one in rows(plan, "hypotheses") if one["id"]}
        asked = by_id.get(result["hypothesis"], {})
        tests: list[Any] = [one.get("name") for one in rows(record, "tests") if one.get("decides") is True]
        tests = {"detect": ["campaigns"], "scan": ["mark in corpus"]}.get(step, tests)
        level, planned = dig(record, "fdr" if step == "detect" else "alpha"), asked.get("alpha")
        right = {type(level), type(planned)} <= {int, float} and level == planned
        right = right and dig(plan, "matter") == matter and asked["test"] in tests and asked["test"]
        right = right and all(is_whole(dig(plan, key)) for key in JUDGED)
        need(right, f"{not_so} it does not decide a hypothesis of the plan, which is whole, as planned")  # 2
        keys = asked["commitments"]
        right = isinstance(keys, list) and None not in keys and result["commitments"] == keys
        need(right, f"{not_so} it names other commitments than its hypothesis")
        if asked["keyed"] is not False:  # 3
            fixed += [self.first_shown(("commitment", "canary-commitment"), commitment=one) for one in keys]
            tested = dig(record, "parameters") or {}
            right = keys and tested.get("commitment", keys[0]) in keys
            need(right, f"{not_so} its hypothesis does not name the key or canaries that it tested")
        need(None not in fixed, f"{not_so} nothing shows when the plan and each key were in the log")
        acquired = self.check_acquisitions(result, asked, [one for one in fixed if one], not_so)  # 4, 5
        runs = [one for one in self.heads.opened if one.kind in OF_RUNS]
        runs = [one for one in runs if one.payload["run"] == result["run"]]
        starts = [one.number for one in runs if one.kind == "run-start" and one.payload["matter"] == matter]
        ends = [one.payload for one in runs if one.kind == "run-outcome" and one.payload["status"] == "done"]
        right = starts and fixed[0] and fixed[0][1] < starts[0]
        right = right and any(sealed in one["digests"].values() for one in ends)
        need(right, f"{not_so} no run that the log shows, after its plan, gave it")  # 6
        again = self.answered_before(result, asked, acquired, fixed[0][1] if fixed[0] else 0)
        need(not again, f"{not_so} an earlier run answered its hypothesis before")

    def check_acquisitions(
        self, result: Any, asked: Any, fixed: list[tuple[float, int]], not_so: str
    ) -> set[str]:
        """That its data were acquired, and recorded, after plan and keys; gives the digests of the data."""
        before = max(one[0] for one in fixed)
        by_id = {one["id"]: one for one in rows(self.documents[CUSTODY], "acquisitions")}
        named = [by_id.get(one) if one else None for one in result["acquisitions"] or ()]
        known = {item["sha256"] for one in named for item in rows(one, "items")}
        source = CAPTURE if result["result"] == "detect" else self.made[result["result"]]
        acquired = {digest for _, digest in name_digests(self.documents[source], source)}
        acquired -= {*(asked["given"] or ())}
        right = acquired and acquired <= known and None not in named
        need(right, f"{not_so} not all its inputs are in acquisitions that it names")  # 4
        ended = self.first_shown(("run-outcome",), run=result["run"], matter=self.about["matter"])
        entries = [one for one in self.heads.opened if one.kind == "acquisition"]
        for one in filter(None, named):
            digest = hashed(canonical(one).encode()).hex()
            logged = [entry.number for entry in entries if entry.payload.get("sha256") == digest]
            late = logged and min(logged) > max(number for _, number in fixed)
            need(late, f"{not_so} nothing shows that {one['id']} was logged after its plan and keys")
        for one in rows(self.documents[CUSTODY], "acquisitions"):  # 5; any that has some of these bytes
            if one in named or acquired & {item["sha256"] for item in rows(one, "items")}:
                started, offset = seconds(one["started"]), dig(one, "clock", "offset_seconds")
                right = started is not None and offset is not None and abs(offset) <= MAX_OFFSET_S
                right = right and before < started - offset < (ended[0] if ended else float("inf"))
                right = right and started - offset <= (seconds(self.about["created"]) or 0) + CLOCK_SLACK_S
                need(right, f"{not_so} {one['id']} did not start between what was fixed and the run's end")
        return acquired

    def answered_before(self, result: Any, asked: Any, acquired: set[str], plan: int) -> bool:
        """Whether an earlier run, after the plan, answered the hypothesis; one that names none may have."""
        started = {one.payload["run"]: one.number for one in self.heads.opened if one.kind == "run-start"}
        done = [one.payload for one in self.heads.opened if one.kind == "run-outcome"]
        done = [one for one in done if (one["status"], one["matter"]) == ("done", self.about["matter"])]
        entries = rows(self.documents[RESULTS], "results")
        for place, other in enumerate(entries):
            name = self.made[other["result"]]
            run = min((one["run"] for one in done if self.sealed[name] in one["digests"].values()), default=0)
            if started.get(run, -1) <= plan or (run, place) >= (result["run"], entries.index(result)):
                continue
            named, wanted = ((one["plan"], one["hypothesis"]) for one in (other, result))
            record = self.documents.get(name)
            tests = [one.get("name") for one in rows(record, "tests") if one.get("decides") is not False]
            may = record is None or (
                not {None, asked["test"]}.isdisjoint(tests)
                and acquired & {digest for _, digest in name_digests(record, name)}
            )
            may = may and {other["result"][:10], result["result"][:10]} == {"attribute-"}
            if named == wanted if all(named) else may:
                return True
        return False

    def first_shown(self, kinds: tuple[str, ...], **wanted: Any) -> tuple[float, int] | None:
        """Shown time and index of the entry of these kinds and that content that was shown first."""
        ours = [one for one in self.heads.opened if one.kind in kinds]
        ours = [one for one in ours if wanted.items() <= one.payload.items() and None not in wanted.values()]
        times = [(when, one.number) for one in ours for size, when in self.shown_times if size > one.batch]
        return min(times, default=None)

    def case(self) -> str:
        """Step 13: the case that was meant."""
        case_id, allowed = self.about["case_id"], self.trust.cases if self.trust else []
        need(self.wanted in ("", case_id), f"this is case {case_id}, not {self.wanted}")
        need(not allowed or case_id in allowed, f"case {case_id} is none of those of the trust file")
        return f"{case_id}"

STEPS = ["outer layer", "bag", "envelopes", "redaction", "digests", "leaves", "chain", "signatures"]
STEPS += ["timestamps", "signers", "log", "results", "case"]
# what else a step may raise over what it reads without having checked the whole form, as (full) allows
HOSTILE = (AttributeError, LookupError, OSError, OverflowError, RecursionError, TypeError, ValueError)

def verify(path: Path, trust: Trust | None = None, wanted: str = "") -> dict[str, Any]:
    """All steps over a package; the answer as plain data."""
    there = any((path / name).exists() for name in (*TAGS, "data", "attestations"))
    if path.is_file():
        with path.open("rb") as stream:
            start = stream.read(4)
            stream.seek(max(path.stat().st_size - END.size, 0))
            there = path.suffix == ".zip" or start == b"PK\3\4" or stream.read(4) == b"PK\5\6"
    if not there:
        raise Unusable(f"there is no package at {path}", 3)
    it, done, failed = Verification(path, trust, wanted), list[dict[str, Any]](), ""
    for number, name in enumerate(STEPS, 1):
        unchecked = trust is None and name in ("timestamps", "signers", "log", "results")
        outcome, detail = "not reached" if failed else "NOT CHECKED" if unchecked else "ok", ""
        try:
            detail = detail if failed else getattr(it, name.replace(" ", "_"))()
        except Failed as problem:
            outcome, detail = "FAILED", str(problem)
        except HOSTILE as problem:
            outcome, detail = "FAILED", f"something cannot be read, or is of another form: {problem!r}"[:200]
        failed = failed or (f"FAILED at step {number} ({name}): {detail}" if outcome == "FAILED" else "")
        done.append({"number": number, "name": name, "outcome": outcome, "detail": detail})
    verdict = "FAILED" if failed else "VERIFIED" if trust else "INTACT, SIGNER NOT CHECKED"
    answer: dict[str, Any] = {"schema": "countermark/verify/v1", "package": str(path), "verdict": verdict}
    answer |= {"signers": [] if failed else it.names, "timestamps": [] if failed else it.stamped, **it.more}
    answer |= {key: it.about.get(key) for key in ("case_id", "created")}
    by = f", signed by {', '.join(it.names)}" if it.names else ""
    about = f"{verdict} case {answer['case_id']}{by}, made {answer['created']} by its own clock"
    return answer | {"summary": failed or about, "steps": done}

def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("countermark-verify", description="Checks an EvidencePackage.")
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="a zip or a folder")
    parser.add_argument("--trust", type=Path, metavar="FILE", help="accepted signers, logs, TSA roots")
    parser.add_argument("--case", default="", metavar="ID", help="the case that it has to be")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.add_argument("--unsafe-no-signer-check", action="store_true", help="exit 0 without a trust file")
    given = parser.parse_args(arguments)
    if given.trust and given.unsafe_no_signer_check:
        parser.error("--unsafe-no-signer-check and --trust exclude each other")
    try:
        answer = verify(given.package, read_trust(given.trust) if given.trust else None, given.case)
    except Unusable as problem:
        print(f"countermark-verify: error: {problem.args[0]}", file=sys.stderr)
        return int(problem.args[1])
    lines = ["{number:>3} {name:<12} {outcome:<12} {detail}".format(**step) for step in answer["steps"]]
    for line in [json.dumps(answer)] if given.json else [answer["summary"], *lines]:
        # text of a package may not steer a terminal
        print("".join(one if one.isprintable() else "?" for one in line).rstrip())
    unchecked = given.unsafe_no_signer_check and answer["verdict"] != "FAILED"
    return 0 if answer["verdict"] == "VERIFIED" or unchecked else 20

if __name__ == "__main__":
    sys.exit(main())
