"""countermark-verify: checks an EvidencePackage of Countermark, version 2, with no network.

    countermark-verify PACKAGE --trust FILE [--case ID] [--json] [--unsafe-no-signer-check]

A second implementation, for whoever doubts the first: written from spec/package.md and spec/log.md alone, it
shares no line with `countermark`, and needs Python 3.11, the package `cryptography` and, for timestamps, the
program `openssl`. Read it beside the specification: `Verification` has its thirteen steps in order. A step
returns one sentence or raises `Failed`, and the first that fails ends it. Exit codes: 0 VERIFIED; 20 FAILED,
or INTACT without a trust file; 3 no package, or no usable trust file; 2 wrong usage; 1 no openssl here.
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
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from struct import Struct
from types import SimpleNamespace
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

MIB = 1 << 20
MAX_FILES, MAX_WHOLE, MAX_DEPTH, MAX_MARKS = 10_000, 64 * MIB, 64, 4_000_000
MAX_LINE, MAX_LEAF_LINE = MIB, 128
CLOCK_SLACK_S, OPENSSL_TIMEOUT_S = 300, 30


class Failed(Exception):
    """The package is not what it should be."""


class Unusable(Exception):
    """Nothing can be said of the package; the second argument is the exit code."""


def need(condition: object, message: str) -> None:
    if not condition:
        raise Failed(message)


# --- JSON. Numbers stay as they are spelled, because a leaf covers the spelling.


class Number(NamedTuple):
    spelled: str

    @property
    def whole(self) -> int:
        """Its value where it is spelled as an integer from 0 to 2^53 - 1; else -1."""
        good = re.fullmatch("0|[1-9][0-9]{0,15}", self.spelled) and int(self.spelled) < 1 << 53
        return int(self.spelled) if good else -1


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


STRICT: dict[str, Any] = {"object_pairs_hook": unique, "parse_constant": int}  # int("NaN") is a ValueError
FAST = json.JSONDecoder(**STRICT)


def check_text(value: Any, depth: int = 1) -> None:
    """Refuses deep nesting and lone surrogates, which `json` lets through."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            check_text(item, depth + 1)


def read_json(data: bytes, what: str) -> Any:
    """The value of a JSON text as the specification allows it, numbers as `Number`."""
    try:
        # every value but the first follows one of these marks: this bounds the memory that parsing takes
        if sum(map(data.count, (b",", b"[", b"{"))) > MAX_MARKS:
            raise ValueError("too many values")
        value = json.loads(str(data, "utf-8"), parse_int=Number, parse_float=Number, **STRICT)
        check_text(value)
    except (ValueError, RecursionError) as problem:
        raise Failed(f"{what} is no strict JSON ({problem})"[:200]) from None
    return value


def is_row(line: bytes) -> bool:
    """Whether a line is an object in strict JSON. Fast where it has no escapes (lone surrogates need them),
    few brackets (depth needs them) and nothing around the object; else by the rules above."""
    if line[:1] == b"{" and b"\\" not in line and line.count(b"{") + line.count(b"[") <= MAX_DEPTH:
        try:
            text = str(line, "utf-8")
            if FAST.raw_decode(text)[1] == len(text):
                return True
        except ValueError:
            pass
    return isinstance(read_json(line, "a row"), dict)


def number_json(spelled: str) -> str:
    """As ECMAScript writes it; Python's `repr` finds the same shortest digits, only the layout differs."""
    if re.fullmatch("-?[0-9]+", spelled):
        need(len(spelled) < 18 and abs(int(spelled)) < 1 << 53, "an integer is beyond 2^53 - 1")
        return str(int(spelled))
    value = float(spelled)
    need(abs(value) != float("inf"), "a number is beyond what a double holds")
    _, figures, exponent = Decimal(repr(abs(value))).normalize().as_tuple()
    digits, sign = "".join(map(str, figures)), "-" if value < 0 else ""
    point = len(digits) + int(exponent)  # where the decimal point stands in the digits
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits[0]}{'.' * (len(digits) > 1)}{digits[1:]}e{point - 1:+d}"


def canonical(value: Any) -> str:
    """RFC 8785: no blanks, keys sorted by UTF-16 code units; Python escapes the same characters alike."""
    if isinstance(value, Number):
        return number_json(value.spelled)
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def read_canonical(data: bytes, shape: str, what: str) -> Any:
    value = fit(read_json(data, what), shape, what)
    need(canonical(value).encode() == data, f"{what} is not canonical JSON (RFC 8785)")
    return value


def seconds(text: str | None) -> float | None:
    """Seconds since 1970 of `YYYY-MM-DDTHH:MM:SSZ`; None for anything else."""
    try:
        good = re.fullmatch("[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z", text or "")
        return datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%S%z").timestamp() if good else None
    except ValueError:
        return None


def shown(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unbase64(text: str) -> bytes:
    """The bytes of standard base64 in its only spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    need(base64.b64encode(data).decode() == text, f"{text[:20]!r} is not strict base64")
    return data


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def hashed(prefix: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(prefix + b"".join(parts)).digest()


def dig(value: Any, *keys: str) -> Any:
    """A value inside objects, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


# --- Shapes: the fields of every document and what they hold. `[x]` is a list, `{x}` an object of values x,
# `=a|b` one of these texts (`_` for a blank); a field with `?` may be left out. There are no other fields.

GRAMMAR = """signer keyid:hash public_key:base64
subject digest:digest name:name
digest sha256:hash
case case_id:id created:time events_included:flag log:null|caselog matter:text schema:=countermark/case/v2
  signers:[signer] software:{text} steps:[text] timestamps:count
caselog origin:filled size:count
envelope payload:base64 payloadType:=application/vnd.in-toto+json signatures:[signature]
signature keyid:hash sig:base64
statement _type:=https://in-toto.io/Statement/v1 predicate:any predicateType:text subject:[subject]
seal case_id:id created:time leaves:[leaves] materials:[subject] software:{text} timestamps:count
leaves count:count form:=fields|rows name:name root:hash
close case_id:id nonces:[decimal]
redaction case_id:id created:time previous:hash_or_empty seal:hash signers:[signer]
  taken_out:[taken] why:text
taken count:positive form:=fields|rows|file name:name
  ground:=personal-data|privilege|trade-secret|third-party|court-order
custody schema:=countermark/custody/v1 acquisitions:[acquisition] holds:[hold] actions:[action]
acquisition id:filled what:text by:text role:text source:text method:text purpose:=routine|case
  started:time ended:time clock:clock items:[item]
clock source:text offset_seconds:number
item name:text sha256:hash bytes:count
hold id:filled by:text started:time anticipated:text accounts:count control_accounts:count
  manifest_sha256:hash
action at:time by:text action:=received|sealed|handed_over|examined|stored what:text sha256:[hash] to:text
terms schema:=countermark/terms/v1 terms:[term]
term id:text version:text title:text effective:text ended:text file:name sha256:hash
plan schema:=countermark/plan/v1 plan_id:text matter:text created:time by:text title:text
  hypotheses:[hypothesis]
  multiplicity:=holm|none|benjamini-yekutieli controls:[text] prompts:text stopping:text exclusions:text
hypothesis id:filled null:text test:text alpha:number keyed:flag commitments:[text] given:[hash]
results schema:=countermark/results/v1 results:[result]
result result:text heading:text class:=confirmatory|exploratory reasons:[text] plan:text hypothesis:text
  run:null|positive acquisitions:[text] commitments:[text]
attribution schema:=countermark/attribution/v1 kind:text verdict:text reasons:[text]
  conclusions:[conclusion] tests:[test] alpha:level family:positive minimum_detectable:{any}
  other_explanations:[text] controls:[control] validity_domain:domain not_validated:[text] inputs:{hash}
  parameters:{any} origin:{text} software:{text}
  case_run?:{any} files:{hash}
conclusion subject:subject_id verdict:text adjusted_p_value:number adjusted_log10_p_value:null|number
  reported:text
test name:text subject:subject_id null:text statistic:null|number n:integer p_value:number details?:{any}
  log10_p_value:null|number law:text exact:flag calibrated_to:number calibration:text decides?:flag
  alternatives?:[text]
control name:text sha256:hash tests:[test] problem?:text
domain measured:{[number_or_text]} where:text
trust schema:=countermark/trust/v1 signers:[accepted] threshold:positive tsa_roots?:[text]
  checkpoints?:[text]
  timestamp_authorities?:count cases?:[id] logs?:[text] witnesses?:[witness]
accepted name:filled public_key:text valid_from?:time valid_until?:time
witness vkey:text alliance:flag
batch kind:=batch payload:commitments time:time
commitments commitments:[base64] number:count
closed body:hash head:text head_salt:salt
opened body_salt:salt entry:text head:text head_salt:salt
padding kind:kind
head index:count kind:kind
runhead index:count kind:kind matter:salt run:positive space:=testifying|privileged
entry kind:kind payload:{any} time:time
run-start run:positive matter:text bodies:count keys:count profiles:count epochs:count hypotheses:count
  family:count key_ids:[text] profile_ids:[text] text_ids:[text] digests:{hash}
  space?:=testifying|privileged sealed?:hash_or_empty
run-outcome run:positive matter:text status:=done|failed|interrupted digests:{hash}
  space?:=testifying|privileged sealed?:hash_or_empty"""
LINES = [line.split() for line in GRAMMAR.replace("\n  ", " ").splitlines()]
SHAPES = {name: dict(field.split(":", 1) for field in fields) for name, *fields in LINES}
PATTERNS = dict(
    line.split(" ", 1)
    for line in r"""text (?s).*
filled (?s).+
base64 [A-Za-z0-9+/]*={0,2}
decimal 0|[1-9][0-9]{0,99}
hash [0-9a-f]{64}
hash_or_empty ([0-9a-f]{64})?
salt [0-9a-f]{32}
id [A-Za-z0-9][A-Za-z0-9._-]{0,63}
subject_id [0-9a-f]{8,64}
kind [a-z][a-z0-9-]{0,63}
name (?=.{1,200}$)[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*""".splitlines()
)


def is_kind(value: Any, kind: str) -> bool:
    if isinstance(value, Number):
        size = abs(float(value.spelled))
        if kind in ("count", "positive", "integer"):
            unsigned = value.spelled.removeprefix("-" if kind == "integer" else "+")
            return Number(unsigned).whole >= (kind == "positive")
        return (
            kind == "any"
            or (kind in ("number", "number_or_text") and size != float("inf"))
            or (kind == "level" and 0 < float(value.spelled) < 1)
        )
    if isinstance(value, str):
        if kind[0] == "=":
            return value in kind[1:].replace("_", " ").split("|")
        known = kind == "time" and seconds(value) is not None
        known = known or kind in ("any", "number_or_text")
        return known or re.fullmatch(PATTERNS.get(kind, "(?!)"), value) is not None
    return kind == "any" or (kind == "flag" and isinstance(value, bool))


def fit(value: Any, kind: str, where: str, hidden: bool = False) -> Any:
    """The value, if it is of that kind. With `hidden`, null may stand anywhere: something was taken out."""
    if value is None and (hidden or kind.startswith("null|")):
        return value
    kind = kind.removeprefix("null|")
    parts: list[tuple[Any, Any, str]] = []
    if kind in SHAPES:
        inner = {key.rstrip("?"): one for key, one in SHAPES[kind].items()}
        needed = {key for key in SHAPES[kind] if key[-1] != "?"}
        good = isinstance(value, dict) and needed <= value.keys() <= inner.keys()
        parts = [(key, item, inner[key]) for key, item in value.items()] if good else []
    elif kind[0] in "[{":
        good = isinstance(value, list if kind[0] == "[" else dict)
        items = value.items() if isinstance(value, dict) else enumerate(value if good else ())
        parts = [(key, item, kind[1:-1]) for key, item in items]
    else:
        good = is_kind(value, kind)
    need(good, f"{where} is not what the specification says")
    for part, item, one in parts:
        fit(item, one, f"{where}/{part}", hidden)
    return value


# --- Names and files.

CASE, CUSTODY, RESULTS, TERMS = (f"data/{name}.json" for name in ("case", "custody", "results", "terms"))
CAPTURE, SCAN = "data/events/capture.json", "data/scan/scan.json"
FINDINGS, METHOD = "data/findings/findings.json", "data/findings/method.json"
REQUESTS, LOG, ATTRIBUTIONS = "data/tables/requests.jsonl", "data/log/", "data/attributions/"
TAGS = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt")
DOCUMENT = f"{'|'.join((CUSTODY, RESULTS, TERMS, CAPTURE, SCAN, FINDINGS, METHOD))}|data/plans/[^/]+[.]json"
DOCUMENT += f"|{ATTRIBUTIONS}[1-9][0-9]*/attribution[.]json"
LOCAL, CENTRAL, END = Struct("<4s5H3L2H"), Struct("<4s6H3L5H2L"), Struct("<4s4H2LH")


def is_document(name: str) -> bool:
    return re.fullmatch(DOCUMENT, name) is not None


def form_of(name: str) -> str:
    """How a document or table is cut into leaves; empty for other files."""
    fields = is_document(name) or re.fullmatch("data/tables/[^/]+[.]jsonl", name)
    return "rows" if name == REQUESTS else "fields" if fields else ""


def leaves_name(name: str) -> str:
    return f"data/leaves/{name.removeprefix('data/')}.leaves"


def envelope_name(step: str) -> str:
    return f"attestations/{step}.dsse.json"


def results_of(steps: list[str]) -> dict[str, str]:
    """The document that each step made, capture and seal left out."""
    fixed = {"detect": FINDINGS, "scan": SCAN}
    return {step: fixed.get(step, f"{ATTRIBUTIONS}{step[10:]}/attribution.json") for step in steps[1:-1]}


class Member(NamedTuple):
    """Where the bytes of one file stand."""

    path: Path
    offset: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            for left in range(self.size, 0, -MIB):
                chunk = stream.read(min(left, MIB))
                need(len(chunk) == min(left, MIB), f"{self.path.name} ends too soon")
                yield chunk

    def lines(self, limit: int, what: str) -> Iterator[bytes]:
        """Lines without their line feeds; no more than `limit` and a chunk is ever held."""
        rest = b""
        for chunk in self.chunks():
            *whole, rest = (rest + chunk).split(b"\n")
            for line in (*whole, rest):
                need(len(line) <= limit, f"a line of {what} is too long")
            yield from whole
        need(not rest, f"{what} does not end in a line feed")


class Package:
    """All files of a package: digests, sizes, and the content of those that are parsed whole."""

    def __init__(self, path: Path) -> None:
        self.path, self.base, self.whole_bytes = path, "", 0  # base: the zip's base directory
        self.members: dict[str, Member] = {}
        self.digests: dict[str, str] = {}
        self.whole: dict[str, bytes] = {}

    def add(self, name: str, member: Member) -> int:
        """Read a file once; its CRC-32."""
        need(is_kind(name, "name"), f"{name!r} is no name that a package may hold")
        keep = is_document(name) or name in (CASE, *TAGS)
        keep = keep or name.startswith(("attestations/", f"{LOG}checkpoints/"))
        self.whole_bytes += member.size * keep
        need(len(self.members) < MAX_FILES and self.whole_bytes <= MAX_WHOLE, "too many files, or too large")
        digest, crc, kept = hashlib.sha256(), 0, b""
        for chunk in member.chunks():
            digest.update(chunk)
            crc = zlib.crc32(chunk, crc) if self.base else 0
            kept += chunk if keep else b""
        self.members[name], self.digests[name] = member, digest.hexdigest()
        if keep:
            self.whole[name] = kept
        return crc

    def read_folder(self) -> None:
        waiting = [self.path]
        while waiting:
            folder = waiting.pop()
            paths = list(folder.iterdir())
            need(paths, f"{folder.name} is an empty folder")
            for path in paths:
                name = path.relative_to(self.path).as_posix()
                need(is_kind(name, "name") and not path.is_symlink(), f"{name!r} is a link, or no name")
                if path.is_dir():
                    waiting.append(path)
                else:
                    need(path.is_file(), f"{name} is a special file")
                    self.add(name, Member(path, 0, path.stat().st_size))

    def read_zip(self) -> None:
        """Take names, sizes and CRCs from the directory, write every header again from them and compare: what
        else a zip could hold (comments, gaps, times, second entries) then has no place to be."""
        size = self.path.stat().st_size
        with self.path.open("rb") as stream:
            stream.seek(max(size - END.size, 0))
            end = stream.read().rjust(END.size, b"\0")
            count, length, start = END.unpack(end)[4:7]
            good = end == END.pack(b"PK\5\6", 0, 0, count, count, length, start, 0) and length <= MAX_WHOLE
            need(
                good and start + length + END.size == size, "the zip's end record is not the one, or not last"
            )
            stream.seek(start)
            directory = stream.read(length)
            at, offset, previous = 0, 0, ""
            for _ in range(count):
                need(at + CENTRAL.size <= length, "the zip's directory ends too soon")
                fields = CENTRAL.unpack_from(directory, at)
                crc, data_size, raw = fields[7], fields[9], directory[at + CENTRAL.size :][: fields[10]]
                full = raw.decode("ascii", "replace")
                base, _, name = full.partition("/")
                self.base = self.base or base
                good = base == self.base and is_kind(base, "id") and full > previous
                need(good, "names in the zip are not sorted, or not in one base directory")
                common = (10, 0, 0, 0, 0x21, crc, data_size, data_size, len(raw), 0)
                central = CENTRAL.pack(b"PK\1\2", 0x0314, *common, 0, 0, 0, 0o100644 << 16, offset) + raw
                local = LOCAL.pack(b"PK\3\4", *common) + raw
                stream.seek(offset)
                same = directory.startswith(central, at) and stream.read(len(local)) == local
                at, offset, previous = at + len(central), offset + len(local), full
                need(same and offset + data_size <= start, f"the headers of {name!r} are not the ones")
                found = self.add(name, Member(self.path, offset, data_size))
                need(found == crc, f"{name!r} has another CRC-32")
                offset += data_size
            need((at, offset) == (length, start), "the zip has bytes between its parts")


def looks_like_a_package(path: Path) -> bool:
    """Whether it is worth saying FAILED rather than that there is no package at all."""
    if not path.is_file():
        return any((path / name).exists() for name in (*TAGS, "data", "attestations"))
    with path.open("rb") as stream:
        start = stream.read(4)
        stream.seek(max(path.stat().st_size - END.size, 0))
        return path.suffix == ".zip" or start == b"PK\3\4" or stream.read(4) == b"PK\5\6"


# --- Leaves.

PROTECTED = {"schema", "files", "inputs", "sources", "sha256", "capture_sha256"}
PROTECTED |= {"class", "campaign_id", "result"}
SALT, TAKEN = re.compile(rb"[0-9a-f]{32}"), re.compile(rb"-([0-9a-f]{64}) ([a-z-]+)")


class Tree:
    """The Merkle tree of RFC 6962, kept as the roots of its whole subtrees, the largest first."""

    def __init__(self) -> None:
        self.size, self.roots = 0, list[bytes]()

    def add(self, leaf: bytes) -> None:
        self.size += 1
        rest = self.size
        while not rest & 1:  # two subtrees of one size become one
            leaf, rest = hashed(b"\1", self.roots.pop(), leaf), rest >> 1
        self.roots.append(leaf)

    def root(self) -> bytes:
        root = self.roots[-1] if self.roots else hashed(b"")
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
        yield pointer, value.spelled if isinstance(value, Number) else canonical(value)


# --- Files and inputs that documents name.


def name_digests(document: Any, field: str, name: str) -> list[tuple[str, str]]:
    """Names and digests in a field: `files` of capture.json and `sources` are a list of objects with `name`
    and `sha256`, the others an object of digests by name."""
    said, in_list = dig(document, field), field == "sources" or name == CAPTURE
    good, pairs = isinstance(said, list if in_list else dict), []
    if good:
        pairs = [(dig(one, "name"), dig(one, "sha256")) for one in said] if in_list else list(said.items())
    good = good and all(isinstance(one, str) and is_kind(digest, "hash") for one, digest in pairs)
    need(good, f"{field} of {name} are not names and digests")
    return pairs


def inputs_of(document: Any, name: str) -> list[tuple[str, str]]:
    """What a result was made of."""
    return name_digests(document, "inputs" if name.startswith(ATTRIBUTIONS) else "sources", name)


def resources(pairs: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"digest": {"sha256": digest}, "name": name} for name, digest in sorted(pairs)]


def check_attribution(record: Any, name: str) -> None:
    fit(record, "attribution", name)
    about = ("not independent of key", "weights not independent of reference")
    positive = {f"{words} {one['subject']}" for words in about for one in record["conclusions"]}
    positive.add("not identical")
    least, verdict = {"no difference found", "not shown", "inconclusive"}, record["verdict"]
    verdicts = [one["verdict"] for one in record["conclusions"]]
    passed = [one for one in verdicts if one in positive]
    follows = verdict == "; ".join(passed) if passed else verdict in least
    need(follows and set(verdicts) <= least | positive, f"the verdict of {name} does not follow")
    source = dig(record, "parameters", "seed_source")
    fixed = isinstance(dig(source, "entry"), Number) and is_kind(source["entry"], "integer")
    fixed = fixed or dig(source, "source") == "what decides hangs on no random draw"
    needs_seed = record.get("case_run") and verdict != "inconclusive"
    need(fixed or not needs_seed, f"{name} names no log entry that fixed its seed")


# --- Signers and signatures.


class Envelope(NamedTuple):
    body: bytes
    subjects: dict[str, str]
    predicate: Any
    signatures: dict[str, bytes]


TYPES = {name: f"urn:countermark:{name}:v2" for name in ("capture", "detect", "attribute", "seal", "close")}
TYPES |= {"scan": "urn:countermark:watermark-scan:v2", "redaction": "urn:countermark:redaction:v1"}


def ascending(names: list[str]) -> bool:
    return all(one < other for one, other in pairwise(names))


def open_envelope(data: bytes, step: str) -> Envelope:
    """A DSSE envelope and the in-toto Statement in it, both in their only spelling."""
    name, kind = envelope_name(step), step.partition("-")[0]
    outer = read_canonical(data, "envelope", name)
    keyids = [one["keyid"] for one in outer["signatures"]]
    signatures = {one["keyid"]: unbase64(one["sig"]) for one in outer["signatures"]}
    need(keyids and ascending(keyids), f"the signatures of {name} are not sorted, each once")
    need(all(len(one) == 64 for one in signatures.values()), f"a signature of {name} is not 64 bytes")
    body = unbase64(outer["payload"])
    statement = read_canonical(body, "statement", f"the Statement in {name}")
    need(statement["predicateType"] == TYPES[kind], f"{name} has a Statement of another type")
    predicate = fit(statement["predicate"], kind if kind in ("close", "redaction") else "any", name)
    subjects = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    need(ascending([one["name"] for one in statement["subject"]]), f"subjects of {name} are not sorted")
    return Envelope(body, subjects, predicate, signatures)


def is_signed(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def read_signers(signers: list[Any], what: str) -> dict[str, Ed25519PublicKey]:
    """Keys by key id; the key id is the SHA-256 of the raw key."""
    need(1 <= len(signers) <= 16, f"{what} has not 1 to 16 signers")
    need(ascending([one["keyid"] for one in signers]), f"the signers of {what} are not sorted, each once")
    raw = {one["keyid"]: unbase64(one["public_key"]) for one in signers}
    good = all(len(key) == 32 and sha256(key) == keyid for keyid, key in raw.items())
    need(good, f"{what} has a key of another key id")
    return {keyid: Ed25519PublicKey.from_public_bytes(key) for keyid, key in raw.items()}


# --- Timestamps: we read what an RFC 3161 token says; `openssl` says whether it is to be believed.

OIDS = tuple(map(bytes.fromhex, ("2a864886f70d010702", "2a864886f70d0109100104", "608648016503040201")))


class Element(NamedTuple):
    tag: int
    content: bytes
    encoded: bytes

    def parts(self) -> "list[Element]":
        return der(self.content)


def der(data: bytes) -> list[Element]:
    """The DER elements that stand one after the other in `data`; ValueError for what is none."""
    found, at = [], 0
    while at < len(data):
        start, tag, length, at = at, data[at], int.from_bytes(data[at + 1 : at + 2], "big"), at + 2
        if length >= 0x80:
            count = length & 0x7F
            length, at = int.from_bytes(data[at : at + count], "big"), at + count
            if not 1 <= count <= 4 or length < max(0x80, 1 << 8 * (count - 1)):
                raise ValueError("a length is not DER")
        if tag & 0x1F == 0x1F or at + length > len(data):
            raise ValueError("an element is not DER")
        found.append(Element(tag, data[at : at + length], data[start : at + length]))
        at += length
    return found


def read_token(data: bytes, what: str) -> tuple[float, str, int | None]:
    """Time, imprint and nonce of a granted response that embeds its signer's certificate and no other."""
    try:
        (response,) = der(data)
        status, content_info = response.parts()
        signed_type, wrapped = content_info.parts()
        _, _, encapsulated, *rest = wrapped.parts()[0].parts()
        info_type, octets = encapsulated.parts()
        (info,) = octets.parts()[0].parts()
        _, _, imprint, _, moment, *more = info.parts()
        algorithm, digest = imprint.parts()
        (certificate,) = [one for part in rest if part.tag == 0xA0 for one in part.parts()]
        _, serial, _, issuer = certificate.parts()[0].parts()[:4]
        (signer,) = rest[-1].parts()
        whose, text = signer.parts()[1].content, moment.content.decode("ascii")
        types = (signed_type.content, info_type.content, algorithm.parts()[0].content)
        good = types == OIDS and status.parts()[0].content == b"\0"
        good = good and bool(re.fullmatch("[0-9]{14}([.][0-9]{1,9})?Z", text))
        when = datetime.strptime(text[:14] + "+0000", "%Y%m%d%H%M%S%z").timestamp()
    except (ValueError, IndexError):
        raise Failed(f"{what} cannot be decoded, or embeds not exactly one certificate") from None
    need(good, f"{what} is no granted token over a SHA-256")
    need(issuer.encoded + serial.encoded == whose, f"the certificate in {what} is not that of its signer")
    nonce = next((int.from_bytes(one.content, "big", signed=True) for one in more if one.tag == 2), None)
    return when + float(f"0{text[14:-1]}"), digest.content.hex(), nonce


def root_of(trust: Any, response: bytes, imprint: str, when: float) -> str:
    """The accepted root (a PEM) to which a token leads at its own time, or "". As an expert would by hand:
    openssl ts -verify -in TOKEN -digest SHA256 -CAfile ROOT -untrusted OTHERS -attime TIME"""
    command = f"openssl ts -verify -in token -digest {imprint} -CAfile root -untrusted others -attime"
    with tempfile.TemporaryDirectory(prefix="countermark-verify-") as folder:  # mode 0700
        Path(folder, "token").write_bytes(response)
        Path(folder, "others").write_text("\n".join(trust.certificates))
        for root in trust.roots:
            Path(folder, "root").write_text(root)
            try:
                done = subprocess.run(  # noqa: S603 - our own arguments, no shell
                    [*command.split(), str(int(when))],
                    cwd=folder,
                    capture_output=True,
                    timeout=OPENSSL_TIMEOUT_S,
                    check=False,
                )
            except FileNotFoundError:
                raise Unusable("the program openssl is not installed; timestamps need it", 1) from None
            except subprocess.TimeoutExpired:
                raise Failed("openssl took too long over a timestamp") from None
            if b"nknown option" in done.stderr:
                raise Unusable("this openssl cannot verify at a given time (-attime); OpenSSL 3 can", 1)
            if done.returncode == 0 and b"Verification: OK" in done.stdout:
                return str(root)
    return ""


# --- Checkpoints: C2SP signed-note, tlog-checkpoint, tlog-cosignature.


class NoteKey(NamedTuple):
    name: str
    key_id: bytes
    key: Ed25519PublicKey
    alliance: bool


class Note(NamedTuple):
    body: str
    lines: list[tuple[str, bytes]]
    origin: str
    size: int
    root: bytes


def is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(letter.isspace() for letter in name)


def note_key(text: str, kind: int, alliance: bool = False) -> NoteKey:
    name, key_id, encoded = [*text.split("+", 2), "", ""][:3]
    raw = unbase64(encoded)
    right = hashed(name.encode() + b"\n", raw)[:4]
    good = is_key_name(name) and len(raw) == 33 and raw[0] == kind and key_id == right.hex()
    need(good, f"{text!r} is no verifier key of the right kind")
    return NoteKey(name, right, Ed25519PublicKey.from_public_bytes(raw[1:]), alliance)


def read_note(data: bytes, what: str) -> Note:
    try:
        text = str(data, "utf-8")
        body, _, tail = text.rpartition("\n\n")
        origin, size, root, *more = body.split("\n")
        parts = [line.split(" ", 2) for line in tail.removesuffix("\n").split("\n")]
        lines = [(name, unbase64(encoded)) for _, name, encoded in parts]
    except ValueError:
        raise Failed(f"{what} is no signed checkpoint") from None
    good = tail.endswith("\n") and len(lines) <= 64 and not any(one < " " and one != "\n" for one in text)
    good = good and all(dash == "\u2014" and is_key_name(name) for dash, name, _ in parts)
    good = good and all(len(signature) > 4 for _, signature in lines) and bool(origin) and all(more)
    good = good and bool(re.fullmatch("0|[1-9][0-9]{0,15}", size)) and len(unbase64(root)) == 32
    need(good, f"{what} is no signed checkpoint")
    return Note(f"{body}\n", lines, origin, int(size), unbase64(root))


def note_signatures(note: Note, keys: list[NoteKey], timed: bool, what: str) -> list[tuple[int, bool]]:
    """Of every signature by one of the keys its time (of a cosignature; else 0) and whether it is an ally's.
    One that is not valid condemns the note, as C2SP advises; signatures of unknown keys are passed over."""
    found = []
    for key in keys:
        for signature in (raw for name, raw in note.lines if (name, raw[:4]) == (key.name, key.key_id)):
            when = int.from_bytes(signature[4:12], "big") if timed else 0
            head = f"cosignature/v1\ntime {when}\n" if timed else ""
            good = is_signed(key.key, signature[12 if timed else 4 :], (head + note.body).encode())
            need(good, f"a signature of {key.name} under {what} is not valid")
            found.append((when, key.alliance))
    return found


# --- The log (spec/log.md): what the commitments of the public log are.

RUN_KINDS = ("run-start", "run-outcome")


class Opened(NamedTuple):
    """An entry of the private log that the package shows."""

    number: int
    kind: str
    payload: Any
    batch: int


class Heads:
    """What the openings say, one after the other."""

    def __init__(self) -> None:
        self.count = self.runs = self.plans = self.whole_bytes = 0
        self.opened: list[Opened] = []
        self.tags: set[tuple[str, str]] = set()  # of opened runs: matter and tag
        self.started: dict[int, tuple[str, str]] = {}  # tag and space of runs that have no outcome yet
        # starts of runs, and entries of runs that are not opened, by tag and space
        self.starts, self.closed = Counter[tuple[str, str]](), Counter[tuple[str, str]]()

    def add(self, line: bytes, commitment: bytes, batch: int) -> None:
        what = f"the opening of entry {self.count}"
        said = read_canonical(line, "opened" if b'"entry":' in line[:60] else "closed", what)
        data, entry = said["head"].encode(), said.get("entry")
        kind = dig(read_json(data, what), "kind")
        shape = "padding" if kind == "padding" else "runhead" if kind in RUN_KINDS else "head"
        head = read_canonical(data, shape, what)
        left = hashed(b"\0", bytes.fromhex(said["head_salt"]), data)
        salt = bytes.fromhex(said["body_salt"] if entry is not None else said["body"])
        right = salt if entry is None else hashed(b"\0", salt, entry.encode())
        need(hashed(b"\1", left, right) == commitment, f"{what} does not open its commitment")
        if kind == "padding":
            need(not entry, "padding has a content")
            return
        need(head["index"].whole == self.count, f"entry {self.count} of the private log is left out")
        self.count += 1
        if kind == "run-start":
            self.runs += 1
            need(head["run"].whole == self.runs, f"run {self.runs} is left out")
            self.starts[head["matter"], head["space"]] += 1
            self.started[self.runs] = (head["matter"], head["space"])
        elif kind == "run-outcome":
            start = self.started.pop(head["run"].whole, None)
            need(start == (head["matter"], head["space"]), f"entry {self.count - 1} is no outcome of a run")
        elif kind == "analysis-plan":
            self.plans += 1
        if entry is not None:
            self.open(head, entry.encode(), batch)
        elif kind in RUN_KINDS:
            self.closed[head["matter"], head["space"]] += 1

    def open(self, head: dict[str, Any], body: bytes, batch: int) -> None:
        self.whole_bytes += len(body)
        need(self.whole_bytes <= MAX_WHOLE, "too many opened entries")
        entry = read_canonical(body, "entry", "an opened entry")
        payload, same = entry["payload"], entry["kind"] == head["kind"]
        if head["kind"] in RUN_KINDS:
            fit(payload, head["kind"], "an opened run")
            said = (payload["run"], payload.get("space", "testifying"))
            same = same and said == (head["run"], head["space"])
            self.tags.add((payload["matter"], head["matter"]))
        need(same, f"entry {head['index'].whole} is not what its head says")
        self.opened.append(Opened(head["index"].whole, head["kind"], payload, batch))


# --- The trust file.


def is_root(pem: str) -> bool:
    """Whether a certificate is self-signed; ValueError where it is none."""
    need(pem.count("-----BEGIN") == 1, "an entry of tsa_roots is not one PEM certificate")
    certificate = x509.load_pem_x509_certificate(pem.encode())
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def accepted_key(text: str) -> str:
    """Key id of a public key given as a PEM or as base64 of its 32 bytes."""
    key = load_pem_public_key(text.encode()) if "-----BEGIN" in text else None
    raw = key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else unbase64("" if key else text)
    need(len(raw) == 32, "a public key is no Ed25519 key")
    return sha256(raw)


def read_trust(path: Path) -> Any:
    try:
        with path.open("rb") as stream:
            data = stream.read(MIB + 1)
        need(len(data) <= MIB, "it is over 1 MiB")
        said = fit(read_json(data, "it"), "trust", "it")
        signers = {accepted_key(one["public_key"]): one for one in said["signers"]}
        names = {one["name"] for one in said["signers"]}
        once = len(names) == len(signers) == len(said["signers"]) <= 256
        need(once and said["threshold"].whole <= len(signers), "a signer stands twice, or there are too few")
        certificates = said.get("tsa_roots", [])
        logs = [note_key(text, 1) for text in said.get("logs", [])]
        witnesses = [note_key(one["vkey"], 4, one["alliance"]) for one in said.get("witnesses", [])]
        for keys in (logs, witnesses):
            need(
                len({(one.name, one.key_id) for one in keys}) == len(keys), "a log or a witness stands twice"
            )
        notes = [read_note(text.encode(), "a checkpoint") for text in said.get("checkpoints", [])]
        by = [[key for key in logs if key.name == one.origin] for one in notes]
        kept = all(note_signatures(one, keys, False, "it") for one, keys in zip(notes, by, strict=True))
        need(kept, "a checkpoint is not signed by its log")
        return SimpleNamespace(
            signers=signers,
            threshold=said["threshold"].whole,
            certificates=certificates,
            roots=[pem for pem in certificates if is_root(pem)],
            authorities=said.get("timestamp_authorities", Number("0")).whole,
            cases=said.get("cases", []),
            logs=logs,
            witnesses=witnesses,
            checkpoints=notes,
        )
    except (OSError, Failed, ValueError, UnsupportedAlgorithm) as problem:
        raise Unusable(f"the trust file {path} cannot be used: {problem}"[:300], 3) from None


# --- The verification.


class Verification:
    """The thirteen steps over one package, and what they leave for those after them."""

    def __init__(self, path: Path, trust: Any, wanted: str) -> None:
        self.package, self.trust, self.wanted = Package(path), trust, wanted
        self.case: Any = {}
        self.keys, self.redactors = dict[str, Ed25519PublicKey](), dict[str, Ed25519PublicKey]()
        self.stamps, self.signers, self.times = list[str](), list[str](), list[float]()
        self.envelopes: dict[str, Envelope] = {}
        self.payload, self.gone = set[str](), set[str]()  # files that are there; that were taken out
        self.sealed: dict[str, str] = {}  # digests when it was sealed
        self.listed: dict[str, dict[str, str]] = {}  # files that a document lists
        self.taken_out: dict[str, Counter[str]] = {}  # numbers by ground, as the redaction says
        self.hidden: dict[str, set[str]] = {}  # pointers of what was taken out, as the leaves say
        self.opened: list[Opened] = []
        self.shown_times: list[tuple[int, float]] = []  # size of a checkpoint, since when it is known
        self.documents: dict[str, Any] = {}

    def document(self, name: str, shape: str = "any") -> Any:
        if name not in self.documents:
            self.documents[name] = read_json(self.package.whole[name], name)
        return fit(self.documents[name], shape, name, name in self.taken_out)

    def outer_layer(self) -> str:
        """Step 1: a folder of plain files, or the one zip that there is for these files."""
        try:
            (self.package.read_folder if self.package.path.is_dir() else self.package.read_zip)()
        except OSError as problem:
            raise Failed(f"a file cannot be read: {problem.strerror}") from None
        folded = Counter(name.lower() for name in self.package.members)
        need(folded and max(folded.values()) == 1, "two names differ only in case")
        folders = {name[:at] for name in folded for at, letter in enumerate(name) if letter == "/"}
        need(not folders & folded.keys(), "a name is that of a file and of a folder")
        return f"{'zip' if self.package.base else 'folder'} of {len(folded)} files, nothing else in it"

    def bag(self) -> str:
        """Step 2: case.json, and the bag's four files, which follow from the others."""
        members, digests = self.package.members, self.package.digests
        missing = [name for name in (CASE, *TAGS) if name not in members]
        need(not missing, f"missing: {missing}")
        case = self.case = read_canonical(self.package.whole[CASE], "case", CASE)
        self.keys = read_signers(case["signers"], CASE)
        good = case["timestamps"].whole <= 16 and "countermark" in case["software"]
        good = good and (case["log"] is None or is_key_name(case["log"]["origin"]))
        need(good and (case["log"] is None) == (case["matter"] == ""), f"{CASE} is not what it should be")
        steps = case["steps"]
        start = ["capture", "detect", "scan"] if "scan" in steps else ["capture", "detect"]
        expected = [*start, *(f"attribute-{number}" for number in range(1, len(steps) - len(start))), "seal"]
        need(steps == expected and len(steps) < 105, f"the steps of {CASE} are none that there are")
        need(self.package.base in ("", case["case_id"]), "the base directory of the zip is not the case id")
        payload = sorted(name for name in members if name.startswith("data/"))
        self.payload = set(payload)
        tagged = sorted(members.keys() - self.payload - {TAGS[3]})
        good = all(one in TAGS or one.startswith("attestations/") for one in tagged)
        need(good, "a file stands where none belongs")
        oxum = f"{sum(members[name].size for name in payload)}.{len(payload)}"
        rebuilt = (
            "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            f"Bag-Software-Agent: countermark {case['software']['countermark']}\n"
            f"Bagging-Date: {case['created'][:10]}\nExternal-Identifier: {case['case_id']}\n"
            f"Payload-Oxum: {oxum}\n",
            "".join(f"{digests[name]}  {name}\n" for name in payload),
            "".join(f"{digests[name]}  {name}\n" for name in tagged),
        )
        for name, text in zip(TAGS, rebuilt, strict=True):
            need(self.package.whole[name] == text.encode(), f"{name} does not follow from the other files")
        return f"the bag's own files follow from {len(payload)} payload files"

    def read_envelopes(self) -> str:
        """Step 3: every Statement and timestamp that the case declares, and no other."""
        stamps = range(1, self.case["timestamps"].whole + 1)
        self.stamps = [f"attestations/timestamp-{number}.tsr" for number in stamps]
        steps = [*self.case["steps"], "close"]
        steps += ["redaction"] if envelope_name("redaction") in self.package.members else []
        expected = {*self.stamps, *map(envelope_name, steps)}
        there = {name for name in self.package.members if name.startswith("attestations/")}
        need(there == expected, f"missing or not declared: {sorted(there ^ expected)[:5]}")
        whole = self.package.whole
        self.envelopes = {step: open_envelope(whole[envelope_name(step)], step) for step in steps}
        self.sealed = self.envelopes["seal"].subjects
        return f"{len(steps)} Statements in canonical form, {len(self.stamps)} timestamps"

    def redaction(self) -> str:
        """Step 4: what the redaction says is possible. (5 compares its digests, 6 its numbers.)"""
        if "redaction" not in self.envelopes:
            return "nothing was taken out"
        envelope, sealed = self.envelopes["redaction"], self.sealed
        said, entries = envelope.predicate, envelope.predicate["taken_out"]
        need(said["case_id"] == self.case["case_id"], "the redaction is of another case")
        need(said["seal"] == self.package.digests[envelope_name("seal")], "the redaction is of another seal")
        self.redactors = read_signers(said["signers"], "the redaction")
        order = [(one["name"], one["ground"]) for one in entries]
        need(order and order == sorted(set(order)), "what the redaction took out is not sorted, each once")
        kept = (CASE, CUSTODY, RESULTS, CAPTURE, FINDINGS)
        for one in entries:
            name, form, count = one["name"], one["form"], one["count"].whole
            need(name in sealed and form in ("file", form_of(name)), f"{name} has no {form} to be taken out")
            self.taken_out.setdefault(name, Counter())[one["ground"]] = count
            if form == "file":
                never = name in kept or name.startswith((LOG, "data/leaves/"))
                once = count == 1 and [other for other, _ in order].count(name) == 1
                need(once and not never, f"{name} can never be taken out as a file, or is taken out twice")
                self.gone |= {name, leaves_name(name)} & sealed.keys()
        owners = {leaves_name(name): name for name in sealed if form_of(name)}
        for name, digest in envelope.subjects.items():
            owner = owners.get(name, name)
            need(form_of(owner) and sealed.get(name, digest) != digest, f"{name} cannot have been changed")
            need(owner in self.taken_out and owner not in self.gone, f"nothing was taken out of {owner}")
        grounds = Counter[str]()
        for counted in self.taken_out.values():
            grounds.update(counted)
        counts = ", ".join(f"{count} under {ground}" for ground, count in sorted(grounds.items()))
        return f"taken out: {counts}; {said['why']!r}"

    def digests(self) -> str:
        """Step 5: every payload file is covered by the seal, and every list of files in it holds."""
        sealed, digests, expected = self.sealed, self.package.digests, self.sealed.keys() - self.gone
        need(self.payload == expected, f"missing, or not sealed: {sorted(self.payload ^ expected)[:5]}")
        changed = self.envelopes["redaction"].subjects if self.redactors else {}
        wrong = sorted(name for name in self.payload if digests[name] != changed.get(name, sealed[name]))
        need(not wrong, f"not what was sealed: {wrong[:5]}")
        for name in filter(is_document, self.payload):
            self.document(name)  # strict JSON, even where no step asks for more
        documents = [CAPTURE, *results_of(self.case["steps"]).values()]
        missing = {CASE, CUSTODY, RESULTS, METHOD, *documents} - sealed.keys()
        need(not missing, f"missing: {sorted(missing)}")
        leaves = {leaves_name(name) for name in sealed if form_of(name)}
        stray = sorted(leaves ^ {name for name in sealed if name.startswith("data/leaves/")})
        need(not stray, f"leaves without a document, or a document without leaves: {stray[:5]}")
        allowed = set(documents)
        for step, document in {"capture": CAPTURE, **results_of(self.case["steps"])}.items():
            folder, stated = document.rpartition("/")[0], self.envelopes[step].subjects
            pairs = (
                name_digests(self.document(document), "files", document) if document not in self.gone else []
            )
            listed = {f"{folder}/{name}": digest for name, digest in pairs}
            good = len(listed) == len(pairs) and all(is_kind(n, "name") and "/" not in n for n, _ in pairs)
            need(good, f"{document} lists a file twice, or one that cannot stand beside it")
            if document in self.gone:  # the Statement of its step still says which files it had
                listed = {name: digest for name, digest in stated.items() if name != document}
            self.listed[document] = listed
            if document != CAPTURE or self.case["events_included"]:
                allowed |= listed.keys()
                wrong = sorted(name for name, digest in listed.items() if sealed.get(name) != digest)
                need(not wrong, f"{wrong[:5]} are not the files that {document} lists")
        cut = ("data/plans/", "data/tables/")
        allowed |= {name for name in sealed if form_of(name) and name.startswith(cut)}
        if TERMS in self.payload:
            terms = self.document(TERMS, "terms")["terms"] or ()
            allowed |= {f"data/terms/{one['file']}" for one in terms}
        elif TERMS in sealed:  # taken out, and with it what says which texts there are
            allowed |= {name for name in sealed if name.startswith("data/terms/")}
        beside = ("findings", "events", "scan", "attributions", "plans", "tables", "terms")
        places = tuple(f"data/{place}/" for place in beside)
        stray = sorted(name for name in sealed if name.startswith(places) and name not in allowed)
        need(not stray, f"listed by nothing: {stray[:5]}")
        closed = {name: digests[name] for name in (envelope_name("seal"), *self.stamps)}
        need(
            self.envelopes["close"].subjects == closed,
            "the closing Statement is of another seal or timestamp",
        )
        self.check_log_files({name for name in sealed if name.startswith(LOG)})
        return f"{len(self.payload)} payload files are covered by the seal, {len(self.gone)} were taken out"

    def check_log_files(self, names: set[str]) -> None:
        if self.case["log"] is None:
            need(not names, "data/log/ has files and the case has no log")
            return
        needed = ("entries.jsonl", "openings.jsonl", f"checkpoints/{self.case['log']['size'].whole}.note")
        missing = {LOG + name for name in needed} - names
        need(not missing, f"missing: {sorted(missing)}")
        for name in names - {LOG + one for one in needed}:
            note = re.fullmatch(f"({LOG}checkpoints/(0|[1-9][0-9]{{0,15}}))[.](note|tsr)", name)
            need(note and f"{note[1]}.note" in names, f"{name} does not belong into data/log/")

    def leaves(self) -> str:
        """Step 6: what remains of every document and table gives the root that was sealed."""
        said = fit(self.envelopes["seal"].predicate, "seal", "the predicate of the seal")["leaves"]
        right = [(name, form_of(name)) for name in sorted(self.sealed) if form_of(name)]
        need(
            [(x["name"], x["form"]) for x in said] == right,
            "the seal has not the root of all that has leaves",
        )
        sizes = [self.check_leaves(one["name"], one) for one in said if one["name"] not in self.gone]
        return f"{sum(sizes)} leaves give the sealed roots of {len(sizes)} documents and tables"

    def leaves_in(self, name: str) -> Iterator[tuple[str, bytes, bool]]:
        """Of every leaf its pointer (empty for a row), its content, and whether it is null."""
        if is_document(name):
            for pointer, value in fields_of(self.document(name), ""):
                yield pointer, f"{pointer}\n{value}".encode(), value == "null"
            return
        for number, line in enumerate(self.package.members[name].lines(MAX_LINE, name)):
            if name == REQUESTS:
                need(line == b"null" or is_row(line), f"a line of {name} is no object")
                yield "", line, line == b"null"
                continue
            row = read_json(line, f"a line of {name}")
            need(isinstance(row, dict) and row, f"a line of {name} is no object with a key")
            for pointer, value in fields_of(row, f"/{number}"):
                yield pointer, f"{pointer}\n{value}".encode(), value == "null"

    def check_leaves(self, name: str, said: dict[str, Any]) -> int:
        tree, taken, what, row = Tree(), Counter[str](), leaves_name(name), name == REQUESTS
        lines = self.package.members[what].lines(MAX_LEAF_LINE, what)
        for pointer, content, is_null in self.leaves_in(name):
            line = next(lines, b"")
            if SALT.fullmatch(line):
                need(not (row and is_null), f"a row of {name} is null and was not taken out")
                tree.add(hashed(b"\0", bytes.fromhex(line.decode()), content))
                continue
            found = TAKEN.fullmatch(line)
            if found is None or not is_null or PROTECTED.intersection(pointer.split("/")):
                raise Failed(f"what {what} says of leaf {tree.size} ({pointer}) cannot be")
            taken[found[2].decode()] += 1
            self.hidden.setdefault(name, set()).add(pointer)
            tree.add(bytes.fromhex(found[1].decode()))
        need(next(lines, None) is None, f"{what} has more lines than {name} has leaves")
        need(
            taken == self.taken_out.get(name, {}), f"other leaves of {name} are gone than the redaction says"
        )
        same = (tree.size, tree.root().hex()) == (said["count"].whole, said["root"])
        need(same, f"the leaves of {name} do not give the root that was sealed")
        return tree.size

    def chain(self) -> str:
        """Step 7: every Statement follows from the payload, and the payload agrees with itself."""
        self.check_statements()
        self.check_findings()
        made = results_of(self.case["steps"])
        for name in made.values():
            if name.startswith(ATTRIBUTIONS) and name not in self.taken_out:
                check_attribution(self.document(name), name)
        custody = self.document(CUSTODY, "custody")
        lists = {CUSTODY: custody["acquisitions"], f"holds of {CUSTODY}": custody["holds"]}
        for one in custody["acquisitions"] or ():
            need((one["started"] or "") <= (one["ended"] or "9"), f"{one['id']} ends before it started")
        for one in (self.document(TERMS, "terms")["terms"] or ()) if TERMS in self.payload else ():
            good = one["file"] is None or self.sealed.get(f"data/terms/{one['file']}") == one["sha256"]
            need(good, f"{one['file']} is not the text that {TERMS} says")
        for name in self.plan_names():
            plan = self.document(name, "plan")
            need(plan["plan_id"] in (None, Path(name).stem), f"{name} is a plan of another name")
            lists[name] = plan["hypotheses"]
        for name, items in lists.items():
            ids = [one["id"] for one in items or () if one["id"] is not None]
            need(len(set(ids)) == len(ids), f"an id stands twice in {name}")
        return f"{', '.join(self.case['steps'])} and close say what the payload says"

    def plan_names(self) -> list[str]:
        return sorted(name for name in self.payload if name.startswith("data/plans/") and is_document(name))

    def check_statements(self) -> None:
        case, sealed, digests, opened = self.case, self.sealed, self.package.digests, self.envelopes
        before = {envelope_name(step): digests[envelope_name(step)] for step in case["steps"][:-1]}
        seal = {key: case[key] for key in ("created", "software", "timestamps")}
        seal |= {"leaves": opened["seal"].predicate["leaves"], "materials": resources(before.items())}
        close, closed = {"nonces": opened["close"].predicate["nonces"]}, opened["close"].subjects
        need(len(close["nonces"]) == len(self.stamps), "there is not one nonce for every timestamp")
        right: list[tuple[str, dict[str, str], Any]] = [("seal", sealed, seal), ("close", closed, close)]
        for step, name in {"capture": CAPTURE, **results_of(case["steps"])}.items():
            made_of = [(CAPTURE, sealed[CAPTURE])]
            if step != "detect" and name not in self.gone:
                made_of = inputs_of(self.document(name), name)
            materials = dig(opened[step].predicate, "materials") if name in self.gone else resources(made_of)
            right.append((step, {name: sealed[name], **self.listed[name]}, {"materials": materials}))
        for step, subjects, predicate in right:
            statement = {
                "_type": "https://in-toto.io/Statement/v1",
                "predicate": {"case_id": case["case_id"], **predicate},
                "predicateType": TYPES[step.partition("-")[0]],
                "subject": resources(subjects.items()),
            }
            same = canonical(statement).encode() == opened[step].body
            need(same, f"the Statement of {step} does not follow from the payload")

    def check_findings(self) -> None:
        findings = self.document(FINDINGS)
        need(dig(findings, "schema") == "countermark/findings/v1", f"{FINDINGS} is of another schema")
        right = dig(findings, "events", "capture_sha256") == self.sealed[CAPTURE]
        need(right, "the findings are of another capture")
        campaigns = dig(findings, "campaigns")
        good = isinstance(campaigns, list) and all(isinstance(one, dict) for one in campaigns)
        need(good, "the findings have no campaigns")
        parts = [pointer.split("/") for pointer in self.hidden.get(FINDINGS, ())]
        redacted = {part[2] for part in parts if part[1] == "campaigns"}
        for number, campaign in enumerate(campaigns):
            content = {key: campaign[key] for key in campaign.keys() - {"revision", "disposition"}}
            revision = sha256(canonical(content).encode())[:32] if str(number) not in redacted else ""
            same = not revision or campaign.get("revision") == revision
            need(same, f"campaign {number} is of another revision than it says")

    def signatures(self) -> str:
        """Step 8: over DSSE's pre-authentication encoding, by exactly those who were declared."""
        for step, envelope in self.envelopes.items():
            keys = self.redactors if step == "redaction" else self.keys
            need(envelope.signatures.keys() == keys.keys(), f"{step} is not signed by exactly its signers")
            message = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(envelope.body), envelope.body)
            for keyid, signature in envelope.signatures.items():
                need(is_signed(keys[keyid], signature, message), f"a signature of {step} is not valid")
        return f"{len(self.envelopes)} envelopes, each signed by all its signers ({len(self.keys)})"

    def timestamps(self) -> str:
        """Step 9: by accepted authorities, over the seal, as it was asked for, not before it was made."""
        stamps, trust, whole, roots = self.stamps, self.trust, self.package.whole, set()
        nonces = self.envelopes["close"].predicate["nonces"]
        seal = self.package.digests[envelope_name("seal")]
        need(
            not trust or trust.roots or not stamps, "there are timestamps, and no tsa_roots in the trust file"
        )
        for name, nonce in zip(stamps, nonces, strict=True):
            when, imprint, its_nonce = read_token(whole[name], name)
            need(imprint == seal and str(its_nonce) == nonce, f"{name} is not the answer over this seal")
            late = (seconds(self.case["created"]) or 0) > when + CLOCK_SLACK_S
            need(not late, f"the case says that it was made after {name}")
            if trust:
                roots.add(root_of(trust, whole[name], seal, when))
                need("" not in roots, f"{name} does not lead to an accepted TSA root at its own time")
                self.times.append(when)
        needed = trust.authorities if trust else 0
        need(len(roots) >= needed, f"{len(roots)} timestamp authorities, {needed} needed")
        if not self.times:
            return f"{len(stamps)} declared; the time of sealing is the sealer's word"
        return f"sealed no later than {shown(min(self.times))}, say {len(roots)} accepted authorities"

    def accepted(self, keys: Iterable[str], moments: list[float]) -> list[str]:
        """Names of those of the keys that are accepted, and valid at all these moments."""
        names, trust = [], self.trust
        for one in (trust.signers[keyid] for keyid in keys if keyid in trust.signers):
            since, until = seconds(one.get("valid_from")), seconds(one.get("valid_until"))
            if all((since is None or since <= when) and (until is None or when <= until) for when in moments):
                names.append(one["name"])
        need(len(names) >= trust.threshold, f"{len(names)} accepted valid signers, {trust.threshold} needed")
        return names

    def who_signed(self) -> str:
        """Step 10: enough accepted signers. Without a timestamp only they say when; then now counts too."""
        if self.trust is None:
            return "whose keys these are needs a trust file"
        made = seconds(self.case["created"]) or 0
        self.signers = self.accepted(self.keys, [min(self.times)] if self.times else [made, time.time()])
        said = f"{', '.join(self.signers)} ({len(self.signers)} accepted, {self.trust.threshold} needed)"
        if self.redactors:
            redacted = seconds(self.envelopes["redaction"].predicate["created"]) or 0
            said += f"; redacted by {', '.join(self.accepted(self.redactors, [redacted, time.time()]))}"
        return said

    def log(self) -> str:
        """Step 11: the log whole and unforked, every entry accounted for, no run of the matter left out."""
        declared, trust, whole = self.case["log"], self.trust, self.package.whole
        if declared is None:
            return "none: nothing shows what was fixed before"
        if trust is None:
            return "whose log it is needs a trust file"
        keys = [key for key in trust.logs if key.name == declared["origin"]]
        need(keys, "the key of the log is not in the trust file")
        notes = {name: read_note(whole[name], name) for name in sorted(whole) if name.endswith(".note")}
        kept = [note for note in trust.checkpoints if note.origin == declared["origin"]]
        for name, note in notes.items():
            good = note.origin == declared["origin"] and note_signatures(note, keys, False, name)
            need(good, f"{name} is not signed by this log")
        heads, roots = self.read_log({note.size for note in (*notes.values(), *kept)})
        for name, note in notes.items():
            right = name == f"{LOG}checkpoints/{note.size}.note" and roots.get(note.size) == note.root
            need(right, f"{name} is of another log than entries.jsonl")
            self.shown_times += [(note.size, when) for when in self.times_shown(name, note)]
        for note in kept:
            forked = note.size <= declared["size"].whole and roots[note.size] != note.root
            need(not forked, "a checkpoint of the trust file contradicts the log: it was forked")
        self.opened = heads.opened
        return f"{declared['size'].whole} batches, every entry accounted for; {self.check_runs(heads)}"

    def read_log(self, sizes: set[int]) -> tuple[Heads, dict[int, bytes]]:
        """Openings beside commitments, and the roots of the log at these sizes."""
        openings, entries = (f"{LOG}openings.jsonl", f"{LOG}entries.jsonl")
        opening = self.package.members[openings].lines(MAX_LINE, openings)
        heads, tree, a_batch = Heads(), Tree(), 0
        roots = {0: tree.root()}
        for number, line in enumerate(self.package.members[entries].lines(MAX_LINE, entries)):
            payload = read_canonical(line, "batch", f"a line of {entries}")["payload"]
            commitments = [unbase64(text) for text in payload["commitments"]]
            a_batch = a_batch or len(commitments)
            good = payload["number"].whole == number and 0 < len(commitments) == a_batch
            need(
                good and {len(one) for one in commitments} == {32}, f"batch {number} is not what it should be"
            )
            for commitment in commitments:
                heads.add(next(opening, b""), commitment, number)
            tree.add(hashed(b"\0", line))
            if tree.size in sizes:
                roots[tree.size] = tree.root()
        need(tree.size == self.case["log"]["size"].whole, f"{entries} has another size than the case says")
        need(next(opening, None) is None, f"{openings} has more lines than the log has commitments")
        return heads, roots

    def times_shown(self, name: str, note: Note) -> list[float]:
        """Times at which the entries below a checkpoint are known to have stood: by witnesses, provided that
        one of them is no ally of whoever keeps the log; by a timestamp that leads to an accepted root."""
        whole, stamp = self.package.whole, name.removesuffix(".note") + ".tsr"
        seen = note_signatures(note, self.trust.witnesses, True, name)
        times = [] if all(ally for _, ally in seen) else [float(max(when for when, _ in seen))]
        if stamp in whole:
            when, imprint, _ = read_token(whole[stamp], stamp)
            need(imprint == self.package.digests[name], f"{stamp} is over something else than {name}")
            times += [when] if root_of(self.trust, whole[stamp], imprint, when) else []
        return times

    def check_runs(self, heads: Heads) -> str:
        matter, tags = self.case["matter"], heads.tags
        once = len(tags) == len({one for one, _ in tags}) == len({tag for _, tag in tags})
        need(once, "in the log a matter has two tags, or a tag two matters")
        ours = {tag for one, tag in tags if one == matter}
        left_out = sum(heads.closed[tag, "testifying"] for tag in ours)
        need(not left_out, f"{left_out} entries of runs of this matter are not shown")
        for said in (one.payload for one in heads.opened if one.kind == "run-outcome"):
            if (said["matter"], said["status"], said.get("space", "testifying")) == (
                matter,
                "done",
                "testifying",
            ):
                good = set(said["digests"].values()) & set(self.sealed.values())
                need(good, f"run {said['run'].whole} is done, and its result is not in the package")
        own = [sum(heads.starts[tag, space] for tag in ours) for space in ("testifying", "privileged")]
        plans = sum(one.kind == "analysis-plan" for one in heads.opened)
        said = f"{own[0]} of this matter shown, {own[1]} privileged, {heads.runs - sum(own)} of others"
        said = said if ours else "none of this matter is opened, so none can be told from others"
        return f"{heads.runs} runs: {said}; {plans} of {heads.plans} plans shown"

    def results(self) -> str:
        """Step 12: every result that says confirmatory is so."""
        entries, made = self.document(RESULTS, "results")["results"], results_of(self.case["steps"])
        once = [one["result"] for one in entries] == list(made)
        need(once, f"{RESULTS} has not one entry for every step, in order")
        for one in entries:
            said = one["heading"] is None or one["heading"].startswith(f"{one['class'].capitalize()}:")
            good = said and bool(one["reasons"]) == (one["class"] == "exploratory")
            need(good, f"heading or reasons of {one['result']} do not fit its class")
        starts = {one.payload["run"] for one in self.opened if one.kind == "run-start"}
        for one in entries if self.trust else ():
            gone = made[one["result"]] in self.gone
            record = None if gone else self.document(made[one["result"]])
            of = record if one["result"] == "scan" else dig(record, "case_run")
            ours = self.case["log"] and dig(of, "matter") == self.case["matter"]
            need(
                not ours or dig(of, "run") in {*starts, None},
                f"the run that gave {one['result']} is not shown",
            )
            why = self.why_exploratory(one) if one["class"] == "confirmatory" else ""
            need(not why, f"{one['result']} says confirmatory and is not: {why}")
        classes = Counter(one["class"] for one in entries)
        return f"{classes['confirmatory']} confirmatory, {classes['exploratory']} exploratory"

    def why_exploratory(self, result: Any) -> str:
        """The first thing that a confirmatory result lacks, or ""; numbers as in the specification."""
        matter, step, plan_name = self.case["matter"], result["result"], f"data/plans/{result['plan']}.json"
        name = results_of(self.case["steps"])[step]
        if name in self.gone or plan_name not in self.plan_names():
            return "it, or its plan, is not in the package"
        record = self.document(name)
        plan = self.document(plan_name)
        wanted = {"matter": matter, "plan_id": plan["plan_id"], "sha256": self.sealed[plan_name]}
        fixed = self.first_shown(("analysis-plan",), **wanted)
        if fixed is None:  # 1
            return "nothing shows when its plan was in the log"
        hypothesis = next(
            (one for one in plan["hypotheses"] or () if one["id"] == result["hypothesis"]), None
        )
        if hypothesis is None or plan["matter"] != matter or not is_decided(step, record, hypothesis):  # 2
            return "it does not decide a hypothesis of the plan, by its test and at its level"
        if result["commitments"] != hypothesis["commitments"]:
            return "it names other commitments than its hypothesis"
        before: list[tuple[float, int] | None] = [fixed]
        if hypothesis["keyed"] is not False:  # 3
            kinds = ("commitment", "canary-commitment")
            before += [self.first_shown(kinds, commitment=one) for one in hypothesis["commitments"] or ()]
            if len(before) == 1 or None in before or not is_tested(step, record, hypothesis["commitments"]):
                return "nothing shows when each of its keys was committed to"
        by_id = {one["id"]: one for one in self.document(CUSTODY)["acquisitions"] or ()}
        named = [by_id[one] for one in result["acquisitions"] or () if one in by_id]
        known = {item["sha256"] for one in named for item in one["items"] or ()} | set(
            hypothesis["given"] or ()
        )
        source = CAPTURE if step == "detect" else name
        made_of = {digest for _, digest in inputs_of(self.document(source), source)}
        if not named or len(named) < len(result["acquisitions"]) or not made_of <= known:  # 4
            return "not all its inputs are in acquisitions that it names"
        for one in named:  # 5
            started, offset = seconds(one["started"]), dig(one["clock"], "offset_seconds")
            if started is None or offset is None:
                return "when an acquisition started was taken out"
            if started - float(offset.spelled) <= max(when for when, _ in filter(None, before)):
                return f"{one['id']} was not shown to start after the plan and the keys were fixed"
        ours = [one for one in self.opened if one.kind in RUN_KINDS]
        ours = [
            one for one in ours if one.payload["run"] == result["run"] and one.payload["matter"] == matter
        ]
        starts = [one.number for one in ours if one.kind == "run-start"]
        ends = [one.payload for one in ours if one.kind == "run-outcome" and one.payload["status"] == "done"]
        gave = any(self.sealed[name] in one["digests"].values() for one in ends)
        if not gave or not starts or starts[0] < fixed[1]:  # 6
            return "no run that the log shows, after its plan, gave it"
        return ""

    def first_shown(self, kinds: tuple[str, ...], **wanted: Any) -> tuple[float, int] | None:
        """Shown time and index of the entry of these kinds and that content that was shown first."""
        ours = [one for one in self.opened if one.kind in kinds and wanted.items() <= one.payload.items()]
        times = [(when, one.number) for one in ours for size, when in self.shown_times if size > one.batch]
        return min(times, default=None) if None not in wanted.values() else None

    def which_case(self) -> str:
        """Step 13: the case that was meant."""
        case_id, allowed = str(self.case["case_id"]), self.trust.cases if self.trust else []
        need(self.wanted in ("", case_id), f"this is case {case_id}, not {self.wanted}")
        need(not allowed or case_id in allowed, f"case {case_id} is none of those of the trust file")
        return case_id

    def run(self) -> dict[str, Any]:
        """All steps; the answer as plain data."""
        steps = {"outer layer": self.outer_layer, "bag": self.bag, "envelopes": self.read_envelopes}
        steps |= {"redaction": self.redaction, "digests": self.digests, "leaves": self.leaves}
        steps |= {"chain": self.chain}
        steps |= {"signatures": self.signatures, "timestamps": self.timestamps, "signers": self.who_signed}
        steps |= {"log": self.log, "results": self.results, "case": self.which_case}
        done, failed = [], ""
        for number, (name, step) in enumerate(steps.items(), 1):
            unchecked = self.trust is None and name in ("timestamps", "signers", "log", "results")
            outcome, detail = "not reached" if failed else "NOT CHECKED" if unchecked else "ok", ""
            try:
                if not failed:
                    detail = step()
            except Failed as problem:
                outcome, detail = "FAILED", str(problem)
                failed = f"FAILED at step {number} ({name}): {problem}"
            done.append({"number": number, "name": name, "outcome": outcome, "detail": detail})
        verdict = "FAILED" if failed else "VERIFIED" if self.trust else "INTACT, SIGNER NOT CHECKED"
        by = f", signed by {', '.join(self.signers)}" if self.signers else ""
        about = (
            f"{verdict} case {self.case.get('case_id')}{by}, made {self.case.get('created')} by its own clock"
        )
        answer: dict[str, Any] = {
            "schema": "countermark/verify/v2",
            "verdict": verdict,
            "summary": failed or about,
        }
        answer |= {"case_id": self.case.get("case_id", ""), "signers": self.signers, "steps": done}
        return answer | {"timestamps": list(map(shown, self.times))}


def is_tested(step: str, record: Any, commitments: list[Any]) -> bool:
    """Whether an attribution names, if any, one of these commitments as what it tested."""
    parameters = dig(record, "parameters") if step.startswith("attribute-") else None
    said = parameters.get("commitment", commitments[0]) if isinstance(parameters, dict) else commitments[0]
    return said in commitments


def is_decided(step: str, record: Any, hypothesis: Any) -> bool:
    """Whether a result has the deciding test of a hypothesis, at its level."""
    level, alpha = hypothesis["alpha"], dig(record, "fdr" if step == "detect" else "alpha")
    same = isinstance(alpha, Number) and level is not None and float(alpha.spelled) == float(level.spelled)
    tests = dig(record, "tests") if isinstance(dig(record, "tests"), list) else []
    names = [dig(one, "name") for one in tests if isinstance(one, dict) and one.get("decides", True) is True]
    names = {"detect": ["campaigns"], "scan": ["mark in corpus"]}.get(step, list(filter(None, names)))
    return same and hypothesis["test"] in names


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
        if not looks_like_a_package(given.package):
            raise Unusable(f"there is no package at {given.package}", 3)
        trust = read_trust(given.trust) if given.trust else None
        answer = Verification(given.package, trust, given.case).run()
    except Unusable as problem:
        print(f"countermark-verify: error: {problem.args[0]}", file=sys.stderr)
        return int(problem.args[1])
    rows = [answer["summary"]]
    for step in answer["steps"]:
        rows.append(f"{step['number']:>3} {step['name']:<12} {step['outcome']:<12} {step['detail']}")
    # text of a package may not steer a terminal
    plain = ["".join(one if one.isprintable() else "?" for one in row).rstrip() for row in rows]
    print(json.dumps(answer, indent=1) if given.json else "\n".join(plain))
    unchecked = given.unsafe_no_signer_check and answer["verdict"] != "FAILED"
    return 0 if answer["verdict"] == "VERIFIED" or unchecked else 20


if __name__ == "__main__":
    sys.exit(main())
