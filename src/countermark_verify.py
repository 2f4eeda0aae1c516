"""countermark-verify: checks an EvidencePackage of Countermark, version 2, with no network.

    countermark-verify PACKAGE --trust FILE [--case ID] [--json] [--unsafe-no-signer-check]

A second implementation, for whoever doubts the first. It was written from spec/package.md and spec/log.md alone, shares
no line with `countermark`, and needs Python 3.11, the package `cryptography` and, for timestamps, the program `openssl`.
It goes through the thirteen steps in order, and is meant to be read beside the specification. A step returns one sentence
or raises `Failed`; the first that fails ends it. Exit codes: 0 VERIFIED; 20 FAILED, or INTACT without a trust file;
3 no package there, or no usable trust file; 2 wrong usage; 1 something is missing on this machine.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from struct import Struct
from types import SimpleNamespace
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

MIB = 1 << 20
MAX_FILES, MAX_NAME, MAX_WHOLE = 10_000, 200, 64 * MIB
MAX_LINE, MAX_LEAF_LINE, MAX_DEPTH, MAX_MARKS = MIB, 128, 64, 4_000_000
CLOCK_SLACK_S, OPENSSL_TIMEOUT_S = 300, 30


class Failed(Exception):
    """The package is not what it should be."""


class Unusable(Exception):
    """Nothing can be said of the package; the second argument is the exit code."""


def need(condition: object, message: str) -> None:
    if not condition:
        raise Failed(message)


# -------------------------------------------------------------------------------------------------------------
# JSON. Numbers stay as they are spelled, because a leaf covers the spelling; `canonical` is RFC 8785.


class Number(NamedTuple):
    spelled: str

    @property
    def whole(self) -> int:
        """Its value where it is spelled as an integer of at most 2^53 - 1; else -1."""
        good = re.fullmatch("0|[1-9][0-9]{0,15}", self.spelled) and int(self.spelled) < 1 << 53
        return int(self.spelled) if good else -1


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def check_text(value: Any, depth: int = 1) -> None:
    """Refuses nesting over MAX_DEPTH and lone surrogates, which `json` lets through."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            check_text(item, depth + 1)


STRICT: dict[str, Any] = {"object_pairs_hook": unique, "parse_constant": no_constant}
FAST = json.JSONDecoder(**STRICT)


def read_json(data: bytes, what: str) -> Any:
    """The value of a JSON text as the specification allows it, numbers as `Number`."""
    try:
        # every value but the first follows one of these marks: this bounds the memory that parsing takes
        if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_MARKS:
            raise ValueError("too many values")
        value = json.loads(str(data, "utf-8"), parse_int=Number, parse_float=Number, **STRICT)
        check_text(value)
    except (ValueError, RecursionError) as problem:
        raise Failed(f"{what} is no strict JSON ({problem})"[:200]) from None
    return value


def is_row(line: bytes) -> bool:
    """Whether a line is an object in strict JSON. The plain case goes fast: without escapes there is no lone surrogate,
    and with few brackets no deep nesting."""
    if line[:1] == b"{" and b"\\" not in line and line.count(b"{") + line.count(b"[") <= MAX_DEPTH:
        try:
            text = str(line, "utf-8")
            return bool(FAST.raw_decode(text)[1] == len(text)) or isinstance(read_json(line, "a row"), dict)
        except ValueError:
            pass
    return isinstance(read_json(line, "a row"), dict)


def number_json(spelled: str) -> str:
    """A number as ECMAScript writes it; Python's `repr` finds the same shortest digits, only the layout differs."""
    if re.fullmatch("-?[0-9]+", spelled):
        need(len(spelled) < 18 and abs(int(spelled)) < 1 << 53, "an integer is beyond 2^53 - 1")
        return str(int(spelled))
    value = float(spelled)
    need(abs(value) != float("inf"), "a number is beyond what a double holds")
    _, figures, exponent = Decimal(repr(abs(value))).normalize().as_tuple()
    digits, sign = "".join(map(str, figures)), "-" if value < 0 else ""
    point = len(digits) + int(exponent)  # where the decimal point stands in the digits
    if len(digits) <= point <= 21 or value == 0:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if digits[1:] else ""
    return f"{sign}{digits[0]}{fraction}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def canonical(value: Any) -> str:
    """RFC 8785: no blanks, keys sorted by UTF-16 code units. Python escapes the same characters in the same way."""
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


def seconds(text: str) -> float | None:
    """Seconds since 1970 of `YYYY-MM-DDTHH:MM:SSZ`; None for anything else."""
    try:
        good = re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", text)
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp() if good else None
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


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def dig(value: Any, *keys: str) -> Any:
    """A value inside objects, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


# -------------------------------------------------------------------------------------------------------------
# Shapes: the fields of every document, and of what kind they are. `[x]` is a list of x, `{x}` an object with values x,
# `=a|b` one of these texts (`_` for a blank); a field with `?` may be left out. No other fields are allowed.

SHAPES: dict[str, dict[str, str]] = {}
for _line in (
    """
signer keyid:hash public_key:base64
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
redaction case_id:id created:time previous:hash_or_empty seal:hash signers:[signer] taken_out:[taken] why:text
taken count:positive form:=fields|rows|file name:name
  ground:=personal-data|privilege|trade-secret|third-party|court-order
custody schema:=countermark/custody/v1 acquisitions:[acquisition] holds:[hold] actions:[action]
acquisition id:filled what:text by:text role:text source:text method:text purpose:=routine|case
  started:time ended:time clock:clock items:[item]
clock source:text offset_seconds:number
item name:text sha256:hash bytes:count
hold id:filled by:text started:time anticipated:text accounts:count control_accounts:count manifest_sha256:hash
action at:time by:text action:=received|sealed|handed_over|examined|stored what:text sha256:[hash] to:text
terms schema:=countermark/terms/v1 terms:[term]
term id:text version:text title:text effective:text ended:text file:name sha256:hash
plan schema:=countermark/plan/v1 plan_id:text matter:text created:time by:text title:text
  hypotheses:[hypothesis] multiplicity:=holm|none|benjamini-yekutieli controls:[text] prompts:text stopping:text
  exclusions:text
hypothesis id:filled null:text test:text alpha:number keyed:flag commitments:[text] given:[hash]
results schema:=countermark/results/v1 results:[result]
result result:text heading:text class:=confirmatory|exploratory reasons:[text] plan:text hypothesis:text
  run:null|positive acquisitions:[text] commitments:[text]
attribution schema:=countermark/attribution/v1 kind:text verdict:text reasons:[text] conclusions:[conclusion]
  tests:[test] alpha:level family:positive minimum_detectable:{any} other_explanations:[text]
  controls:[control] validity_domain:domain not_validated:[text] inputs:{hash} parameters:{any} origin:{text}
  software:{text} case_run?:{any} files:{hash}
conclusion subject:subject_id verdict:text adjusted_p_value:number adjusted_log10_p_value:null|number reported:text
test name:text subject:subject_id null:text statistic:null|number n:integer p_value:number
  log10_p_value:null|number law:text exact:flag calibrated_to:number calibration:text decides?:flag
  alternatives?:[text] details?:{any}
control name:text sha256:hash tests:[test] problem?:text
domain measured:{[number_or_text]} where:text
trust schema:=countermark/trust/v1 signers:[accepted] threshold:positive tsa_roots?:[text]
  timestamp_authorities?:count cases?:[id] logs?:[text] witnesses?:[witness] checkpoints?:[text]
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
""".replace("\n  ", " ")
    .strip()
    .splitlines()
):
    _name, *_fields = _line.split()
    SHAPES[_name] = dict(_field.split(":", 1) for _field in _fields)

PATTERNS = {
    "text": "(?s).*",
    "filled": "(?s).+",
    "base64": "[A-Za-z0-9+/]*={0,2}",
    "hash": "[0-9a-f]{64}",
    "hash_or_empty": "([0-9a-f]{64})?",
    "salt": "[0-9a-f]{32}",
    "id": "[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
    "subject_id": "[0-9a-f]{8,64}",
    "kind": "[a-z][a-z0-9-]{0,63}",
    "decimal": "0|[1-9][0-9]{0,99}",
    "name": f"(?=.{{1,{MAX_NAME}}}$)[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*",
}


def is_kind(value: Any, kind: str) -> bool:
    if kind in PATTERNS:
        return isinstance(value, str) and re.fullmatch(PATTERNS[kind], value) is not None
    if kind[0] == "=":
        return isinstance(value, str) and value in kind[1:].replace("_", " ").split("|")
    if kind in ("any", "flag"):
        return kind == "any" or isinstance(value, bool)
    if kind == "time" or (kind == "number_or_text" and isinstance(value, str)):
        return isinstance(value, str) and (kind != "time" or seconds(value) is not None)
    if not isinstance(value, Number):
        return False
    if kind in ("count", "positive"):
        return value.whole >= (kind == "positive")
    if kind == "integer":
        return Number(value.spelled.removeprefix("-")).whole >= 0
    return 0 < float(value.spelled) < 1 if kind == "level" else abs(float(value.spelled)) != float("inf")


def fit(value: Any, kind: str, where: str, hidden: bool = False) -> Any:
    """The value, if it is of that kind. With `hidden`, null may stand anywhere: something was taken out."""
    if value is None and (hidden or kind.startswith("null|")):
        return value
    kind = kind.removeprefix("null|")
    good, parts = True, []
    if kind[0] in "[{":
        good = isinstance(value, list if kind[0] == "[" else dict)
        items = value.items() if isinstance(value, dict) else enumerate(value) if good else ()
        parts = [(key, item, kind[1:-1]) for key, item in items]
    elif kind in SHAPES:
        wanted = {key.rstrip("?"): inner for key, inner in SHAPES[kind].items()}
        needed = {key for key in SHAPES[kind] if key[-1] != "?"}
        good = isinstance(value, dict) and needed <= value.keys() <= wanted.keys()
        parts = [(key, item, wanted[key]) for key, item in value.items()] if good else []
    else:
        good = is_kind(value, kind)
    need(good, f"{where} is not what the specification says")
    for key, item, inner in parts:
        fit(item, inner, f"{where}/{key}", hidden)
    return value


# -------------------------------------------------------------------------------------------------------------
# Step 1, outer layer: a folder of plain files, or the one zip that there is for these files.

CASE, CUSTODY, RESULTS, TERMS = (f"data/{name}.json" for name in ("case", "custody", "results", "terms"))
CAPTURE, FINDINGS, METHOD = (
    f"data/{name}.json" for name in ("events/capture", "findings/findings", "findings/method")
)
SCAN, REQUESTS, LOG = "data/scan/scan.json", "data/tables/requests.jsonl", "data/log/"
TAGS = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt")
DOCUMENT = (
    "data/(custody|results|terms|events/capture|findings/(findings|method)|scan/scan"
    "|attributions/[1-9][0-9]*/attribution|plans/[^/]+)[.]json"
)
LOCAL, CENTRAL, END = Struct("<4s5H3L2H"), Struct("<4s6H3L5H2L"), Struct("<4s4H2LH")


def is_document(name: str) -> bool:
    return re.fullmatch(DOCUMENT, name) is not None


def has_leaves(name: str) -> bool:
    return is_document(name) or re.fullmatch("data/tables/[^/]+[.]jsonl", name) is not None


def leaves_of(name: str) -> str:
    return f"data/leaves/{name.removeprefix('data/')}.leaves"


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
            for line in whole:
                need(len(line) <= limit, f"a line of {what} is too long")
                yield line
            need(len(rest) <= limit, f"a line of {what} is too long")
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
        keep = (
            is_document(name)
            or name in (CASE, *TAGS)
            or name.startswith(("attestations/", f"{LOG}checkpoints/"))
        )
        self.whole_bytes += member.size * keep
        need(
            len(self.members) < MAX_FILES and self.whole_bytes <= MAX_WHOLE,
            "too many files, or too large ones",
        )
        digest, crc, kept = hashlib.sha256(), 0, []
        for chunk in member.chunks():
            digest.update(chunk)
            crc = zlib.crc32(chunk, crc) if self.base else 0
            kept += [chunk] if keep else []
        self.members[name], self.digests[name] = member, digest.hexdigest()
        if keep:
            self.whole[name] = b"".join(kept)
        return crc

    def read_folder(self) -> None:
        waiting = [self.path]
        while waiting:
            entries = list(os.scandir(waiting.pop()))
            need(entries, "there is an empty folder")
            for entry in entries:
                path, about = Path(entry.path), entry.stat(follow_symlinks=False)
                name = path.relative_to(self.path).as_posix()
                need(is_kind(name, "name"), f"{name!r} is no name that a package may hold")
                if stat.S_ISDIR(about.st_mode):
                    waiting.append(path)
                    continue
                need(stat.S_ISREG(about.st_mode), f"{name} is a link or a special file")
                self.add(name, Member(path, 0, about.st_size))

    def read_zip(self) -> None:
        """Take names, sizes and CRCs from the directory, write every header again from them and compare: whatever
        else a zip could hold (comments, gaps, times, second entries) then has no place to be."""
        size = self.path.stat().st_size
        with self.path.open("rb") as stream:
            stream.seek(max(size - END.size, 0))
            end = stream.read().rjust(END.size, b"\0")
            count, length, start = END.unpack(end)[4:7]
            need(
                end == END.pack(b"PK\5\6", 0, 0, count, count, length, start, 0),
                "the zip's end record is not the one",
            )
            need(
                start + length + END.size == size and length <= 64 * MIB,
                "the zip's end record is not the last thing in it",
            )
            stream.seek(start)
            directory = stream.read(length)
            at, offset, previous = 0, 0, ""
            for _ in range(count):
                need(at + CENTRAL.size <= length, "the directory of the zip ends too soon")
                fields = CENTRAL.unpack_from(directory, at)
                crc, bytes_, raw = fields[7], fields[9], directory[at + CENTRAL.size :][: fields[10]]
                full = raw.decode("ascii", "replace")
                base, _, name = full.partition("/")
                self.base = self.base or base
                need(base == self.base and is_kind(base, "id"), "a file is not below the base directory")
                need(full > previous, "names in the zip are not sorted, or stand twice")
                common = (10, 0, 0, 0, 0x21, crc, bytes_, bytes_, len(raw), 0)
                central = CENTRAL.pack(b"PK\1\2", 0x0314, *common, 0, 0, 0, 0o100644 << 16, offset) + raw
                local = LOCAL.pack(b"PK\3\4", *common) + raw
                stream.seek(offset)
                same = directory.startswith(central, at) and stream.read(len(local)) == local
                offset += len(local)
                need(same and offset + bytes_ <= start, f"the headers of {name!r} are not the ones")
                need(self.add(name, Member(self.path, offset, bytes_)) == crc, f"{name!r} has another CRC-32")
                at, offset, previous = at + len(central), offset + bytes_, full
            need((at, offset) == (length, start), "the zip has bytes between its parts")


def looks_like_a_package(path: Path) -> bool:
    """Whether it is worth saying FAILED rather than that there is no package at all."""
    if not path.is_file():
        return any((path / name).exists() for name in (*TAGS, "data", "attestations"))
    with path.open("rb") as stream:
        start = stream.read(4)
        stream.seek(max(path.stat().st_size - END.size, 0))
        return path.suffix == ".zip" or start == b"PK\3\4" or stream.read(4) == b"PK\5\6"


def outer_layer(check: Check) -> str:
    package = check.package
    try:
        (package.read_folder if package.path.is_dir() else package.read_zip)()
    except OSError as problem:
        raise Failed(f"a file cannot be read: {problem.strerror}") from None
    folded = Counter(name.lower() for name in package.members)
    need(folded and max(folded.values()) == 1, "two names differ only in case")
    folders = {name[:at] for name in folded for at, letter in enumerate(name) if letter == "/"}
    need(not folders & folded.keys(), "a name is that of a file and of a folder")
    return f"{'zip' if package.base else 'folder'} of {len(folded)} files, nothing else in it"


# -------------------------------------------------------------------------------------------------------------
# Step 2, bag: case.json and the four files that follow from the others.


def ascending(names: list[str]) -> bool:
    return all(one < other for one, other in zip(names, names[1:], strict=False))


def read_signers(signers: list[Any], what: str) -> dict[str, Ed25519PublicKey]:
    """Keys by key id; the key id is the SHA-256 of the raw key."""
    need(1 <= len(signers) <= 16, f"{what} has not 1 to 16 signers")
    need(ascending([one["keyid"] for one in signers]), f"the signers of {what} are not sorted, each once")
    raw = {one["keyid"]: unbase64(one["public_key"]) for one in signers}
    need(
        all(len(key) == 32 and sha256(key) == keyid for keyid, key in raw.items()),
        f"{what} has a key of another key id",
    )
    return {keyid: Ed25519PublicKey.from_public_bytes(key) for keyid, key in raw.items()}


def bag(check: Check) -> str:
    package, members, digests = check.package, check.package.members, check.package.digests
    missing = [name for name in (CASE, *TAGS) if name not in members]
    need(not missing, f"missing: {missing}")
    case = check.case = read_canonical(package.whole[CASE], "case", CASE)
    check.keys = read_signers(case["signers"], CASE)
    need(
        case["timestamps"].whole <= 16 and "countermark" in case["software"],
        f"{CASE} is not what it should be",
    )
    need(
        (case["log"] is None) == (case["matter"] == ""),
        f"{CASE} has a matter and no log, or a log and no matter",
    )
    steps = case["steps"]
    start = ["capture", "detect", "scan"] if "scan" in steps else ["capture", "detect"]
    expected = [*start, *(f"attribute-{number}" for number in range(1, len(steps) - len(start))), "seal"]
    need(steps == expected and len(steps) <= 104, f"the steps of {CASE} are none that there are")
    need(package.base in ("", case["case_id"]), "the base directory of the zip is not the case id")

    payload = sorted(name for name in members if name.startswith("data/"))
    check.payload = set(payload)
    tagged = sorted(set(members) - check.payload - {TAGS[3]})
    need(
        all(name in TAGS or name.startswith("attestations/") for name in tagged),
        "a file stands where none belongs",
    )
    oxum = f"{sum(members[name].size for name in payload)}.{len(payload)}"
    rebuilt = (
        "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        f"Bag-Software-Agent: countermark {case['software']['countermark']}\nBagging-Date: {case['created'][:10]}\n"
        f"External-Identifier: {case['case_id']}\nPayload-Oxum: {oxum}\n",
        "".join(f"{digests[name]}  {name}\n" for name in payload),
        "".join(f"{digests[name]}  {name}\n" for name in tagged),
    )
    for name, text in zip(TAGS, rebuilt, strict=True):
        need(package.whole[name] == text.encode(), f"{name} is not what follows from the other files")
    return f"the bag's own files follow from {len(payload)} payload files"


# -------------------------------------------------------------------------------------------------------------
# Step 3, envelopes: in-toto Statements in DSSE, in their only spelling.

TYPES = {name: f"urn:countermark:{name}:v2" for name in ("capture", "detect", "attribute", "seal", "close")}
TYPES |= {"scan": "urn:countermark:watermark-scan:v2", "redaction": "urn:countermark:redaction:v1"}


class Envelope(NamedTuple):
    body: bytes
    subjects: dict[str, str]
    predicate: Any
    signatures: dict[str, bytes]


def envelope_name(step: str) -> str:
    return f"attestations/{step}.dsse.json"


def open_envelope(data: bytes, step: str) -> Envelope:
    name, kind = envelope_name(step), step.partition("-")[0]
    outer = read_canonical(data, "envelope", name)
    keyids = [one["keyid"] for one in outer["signatures"]]
    need(keyids and ascending(keyids), f"the signatures of {name} are not sorted, each once")
    signatures = {one["keyid"]: unbase64(one["sig"]) for one in outer["signatures"]}
    need(all(len(one) == 64 for one in signatures.values()), f"a signature of {name} is not 64 bytes")
    body = unbase64(outer["payload"])
    statement = read_canonical(body, "statement", f"the Statement in {name}")
    need(statement["predicateType"] == TYPES[kind], f"{name} has a Statement of another type")
    predicate = fit(statement["predicate"], kind if kind in ("seal", "close", "redaction") else "any", name)
    subjects = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    need(
        ascending([one["name"] for one in statement["subject"]]),
        f"subjects of {name} are not sorted, each once",
    )
    return Envelope(body, subjects, predicate, signatures)


def envelopes(check: Check) -> str:
    package = check.package
    check.stamps = [f"attestations/timestamp-{n}.tsr" for n in range(1, check.case["timestamps"].whole + 1)]
    steps = [*check.case["steps"], "close"]
    steps += ["redaction"] if envelope_name("redaction") in package.members else []
    expected = {*check.stamps, *map(envelope_name, steps)}
    there = {name for name in package.members if name.startswith("attestations/")}
    need(there == expected, f"missing or not declared: {sorted(there ^ expected)[:5]}")
    check.envelopes = {step: open_envelope(package.whole[envelope_name(step)], step) for step in steps}
    check.sealed = check.envelopes["seal"].subjects
    return f"{len(steps)} Statements in canonical form, {len(check.stamps)} timestamps"


# -------------------------------------------------------------------------------------------------------------
# Step 4, redaction: what it says is possible. (Step 5 compares its digests with the files, step 6 its numbers.)


def form_of(name: str) -> str:
    return "rows" if name == REQUESTS else "fields" if has_leaves(name) else ""


def never_taken_out(name: str) -> bool:
    """As a file; fields of the documents among these may be."""
    kept = name in (CASE, CUSTODY, RESULTS, CAPTURE, FINDINGS, SCAN) or name.startswith((LOG, "data/leaves/"))
    return kept or (is_document(name) and name.startswith("data/attributions/"))


def redaction(check: Check) -> str:
    if "redaction" not in check.envelopes:
        return "nothing was taken out"
    envelope, sealed = check.envelopes["redaction"], check.sealed
    said, entries = envelope.predicate, envelope.predicate["taken_out"]
    need(said["case_id"] == check.case["case_id"], "the redaction is of another case")
    need(said["seal"] == check.package.digests[envelope_name("seal")], "the redaction is of another seal")
    check.redactors = read_signers(said["signers"], "the redaction")
    order = [(one["name"], one["ground"]) for one in entries]
    need(order and order == sorted(set(order)), "what the redaction took out is not sorted, each once")
    for one in entries:
        name, form, count = one["name"], one["form"], one["count"].whole
        need(
            name in sealed and form in ("file", form_of(name)),
            f"{name} has no {form} that could be taken out",
        )
        check.taken_out.setdefault(name, Counter())[one["ground"]] = count
        if form == "file":
            need(not never_taken_out(name), f"{name} can never be taken out as a file")
            need(
                count == 1 and [other for other, _ in order].count(name) == 1,
                f"{name} is taken out more than once",
            )
            check.gone |= {name, leaves_of(name)} & sealed.keys()
    owners = {leaves_of(name): name for name in sealed if has_leaves(name)}
    for name, digest in envelope.subjects.items():
        owner = owners.get(name, name)
        need(
            has_leaves(owner) and sealed.get(name, digest) != digest,
            f"{name} cannot be changed by a redaction",
        )
        need(owner in check.taken_out and owner not in check.gone, f"nothing was taken out of {owner}")
    grounds = Counter[str]()
    for one in entries:
        grounds[one["ground"]] += one["count"].whole
    summary = ", ".join(f"{count} under {ground}" for ground, count in sorted(grounds.items()))
    return f"something was taken out of {len(check.taken_out)} files: {summary}; {said['why']!r}"


# -------------------------------------------------------------------------------------------------------------
# Step 5, digests: every payload file is covered by the seal, and every list of files in it holds.


def listed_files(document: Any, folder: str) -> dict[str, str]:
    """`files` of a document: an object of digests by name, or a list of objects with `name` and `sha256`."""
    files = dig(document, "files")
    pairs = list(files.items()) if isinstance(files, dict) else None
    if isinstance(files, list):
        pairs = [(dig(one, "name"), dig(one, "sha256")) for one in files]
    need(pairs is not None, f"the document in {folder} does not list its files")
    for name, digest in pairs or ():
        need(
            is_kind(name, "name") and is_kind(digest, "hash"),
            f"the document in {folder} does not list its files",
        )
    found = {f"{folder}/{name}": digest for name, digest in pairs or ()}
    need(len(found) == len(pairs or ()), f"the document in {folder} lists a file twice")
    return found


def results_of(steps: list[str]) -> dict[str, str]:
    """The document that each step made, capture and seal left out."""
    fixed = {"detect": FINDINGS, "scan": SCAN}
    return {step: fixed.get(step, f"data/attributions/{step[10:]}/attribution.json") for step in steps[1:-1]}


def check_log_files(check: Check, names: set[str]) -> None:
    if check.case["log"] is None:
        need(not names, "data/log/ has files and the case has no log")
        return
    needed = {
        LOG + n
        for n in ("entries.jsonl", "openings.jsonl", f"checkpoints/{check.case['log']['size'].whole}.note")
    }
    need(needed <= names, f"missing: {sorted(needed - names)}")
    for name in names - needed:
        stem = name.rpartition(".")[0]
        good = re.fullmatch(f"{LOG}checkpoints/(0|[1-9][0-9]{{0,15}})[.](note|tsr)", name)
        need(good and f"{stem}.note" in names, f"{name} does not belong into data/log/")


def digests(check: Check) -> str:
    sealed, package, expected = check.sealed, check.package, check.sealed.keys() - check.gone
    need(check.payload == expected, f"missing, or covered by no seal: {sorted(check.payload ^ expected)[:5]}")
    changed = check.envelopes["redaction"].subjects if "redaction" in check.envelopes else {}
    for name in sorted(check.payload):
        need(package.digests[name] == changed.get(name, sealed[name]), f"{name} is not what was sealed")
    documents = [CAPTURE, *results_of(check.case["steps"]).values()]
    missing = {CASE, CUSTODY, RESULTS, METHOD, *documents} - sealed.keys()
    need(not missing, f"missing: {sorted(missing)}")
    leaves = {leaves_of(name) for name in sealed if has_leaves(name)}
    need(
        leaves == {name for name in sealed if name.startswith("data/leaves/")},
        "data/leaves/ does not fit the documents",
    )
    allowed = set(documents)
    for document in documents:
        listed = check.listed[document] = listed_files(check.document(document), document.rpartition("/")[0])
        if document != CAPTURE or check.case["events_included"]:
            allowed |= listed.keys()
            wrong = sorted(name for name, digest in listed.items() if sealed.get(name) != digest)
            need(not wrong, f"{wrong[:3]} are not the files that {document} lists")
    places = ("data/findings/", "data/events/", "data/scan/", "data/attributions/")
    stray = sorted(name for name in sealed if name.startswith(places) and name not in allowed)
    need(not stray, f"{stray[:3]} are listed nowhere")
    check_log_files(check, {name for name in sealed if name.startswith(LOG)})
    return f"{len(check.payload)} payload files are covered by the seal, {len(check.gone)} were taken out"


# -------------------------------------------------------------------------------------------------------------
# Step 6, leaves: what remains of every document and table gives the root that was sealed.

PROTECTED = {
    "schema",
    "files",
    "inputs",
    "sources",
    "sha256",
    "capture_sha256",
    "class",
    "campaign_id",
    "result",
}
SALT, TAKEN = re.compile(rb"[0-9a-f]{32}"), re.compile(rb"-([0-9a-f]{64}) ([a-z-]+)")


class Tree:
    """The Merkle tree of RFC 6962, kept as the roots of its whole subtrees, the largest first."""

    def __init__(self) -> None:
        self.size, self.roots = 0, list[bytes]()

    def add(self, leaf: bytes) -> None:
        self.size += 1
        rest = self.size
        while not rest & 1:  # two subtrees of one size become one
            leaf, rest = node(self.roots.pop(), leaf), rest >> 1
        self.roots.append(leaf)

    def root(self) -> bytes:
        root = self.roots[-1] if self.roots else hashlib.sha256(b"").digest()
        for left in reversed(self.roots[:-1]):
            root = node(left, root)
        return root


def fields_of(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """JSON Pointer and value of every field, in the order of the text."""
    if isinstance(value, Number):
        yield pointer, value.spelled
    elif isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            part = key.replace("~", "~0").replace("/", "~1") if isinstance(key, str) else key
            yield from fields_of(item, f"{pointer}/{part}")
    else:
        yield pointer, canonical(value)


def leaves_in(check: Check, name: str) -> Iterator[tuple[str, bytes, bool]]:
    """Of every leaf its pointer (empty for a row), its content, and whether it is null."""
    if is_document(name):
        for pointer, value in fields_of(check.document(name), ""):
            yield pointer, f"{pointer}\n{value}".encode(), value == "null"
        return
    for number, line in enumerate(check.package.members[name].lines(MAX_LINE, name)):
        if name == REQUESTS:
            need(line == b"null" or is_row(line), f"a line of {name} is no object")
            yield "", line, line == b"null"
            continue
        row = read_json(line, f"a line of {name}")
        need(isinstance(row, dict), f"a line of {name} is no object")
        for pointer, value in fields_of(row, f"/{number}"):
            yield pointer, f"{pointer}\n{value}".encode(), value == "null"


def check_leaves(check: Check, name: str, said: dict[str, Any]) -> int:
    """Root, number and taken-out leaves of one document or table."""
    tree, taken, rows = Tree(), Counter[str](), name == REQUESTS
    lines = check.package.members[leaves_of(name)].lines(MAX_LEAF_LINE, leaves_of(name))
    for pointer, content, is_null in leaves_in(check, name):
        line = next(lines, b"")
        if SALT.fullmatch(line):
            need(not (rows and is_null), f"a row of {name} is null and was not taken out")
            tree.add(hashlib.sha256(b"\0" + bytes.fromhex(line.decode()) + content).digest())
            continue
        found = TAKEN.fullmatch(line)
        if found is None or not is_null or PROTECTED.intersection(pointer.split("/")):
            raise Failed(f"what {leaves_of(name)} says of leaf {tree.size} ({pointer}) cannot be")
        taken[found[2].decode()] += 1
        check.hidden.setdefault(name, set()).add(pointer)
        tree.add(bytes.fromhex(found[1].decode()))
    need(next(lines, None) is None, f"{leaves_of(name)} has more lines than {name} has leaves")
    need(
        taken == check.taken_out.get(name, {}),
        f"other leaves of {name} are taken out than the redaction says",
    )
    good = (tree.size, tree.root().hex()) == (said["count"].whole, said["root"])
    need(good, f"the leaves of {name} do not give the root that was sealed")
    return tree.size


def leaves(check: Check) -> str:
    said = {one["name"]: one for one in check.envelopes["seal"].predicate["leaves"]}
    expected = sorted(name for name in check.sealed if has_leaves(name))
    in_order = [one["name"] for one in check.envelopes["seal"].predicate["leaves"]] == expected
    good = in_order and all(one["form"] == form_of(name) for name, one in said.items())
    need(good, "the seal does not give the root of every document and table")
    total = sum(check_leaves(check, name, one) for name, one in said.items() if name not in check.gone)
    return f"{total} leaves give the sealed roots of {len(set(said) - check.gone)} documents and tables"


# -------------------------------------------------------------------------------------------------------------
# Step 7, chain: every Statement is written again from the payload, and the payload agrees with itself.


def input_digests(document: Any, name: str) -> list[tuple[str, str]]:
    """What a result was made of: `inputs` of an attribution, `sources` of the others."""
    found = dig(document, "inputs" if name.startswith("data/attributions/") else "sources")
    pairs = list(found.items()) if isinstance(found, dict) else None
    if isinstance(found, list):
        pairs = [(dig(one, "name"), dig(one, "sha256")) for one in found]
    good = pairs is not None and all(
        isinstance(one, str) and is_kind(digest, "hash") for one, digest in pairs
    )
    need(good, f"{name} does not say what it was made of")
    return pairs or []


def resources(pairs: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"digest": {"sha256": digest}, "name": name} for name, digest in sorted(set(pairs))]


def check_statements(check: Check) -> None:
    case, sealed, digests, opened = check.case, check.sealed, check.package.digests, check.envelopes
    before = [(envelope_name(step), digests[envelope_name(step)]) for step in case["steps"][:-1]]
    more = {key: case[key] for key in ("created", "software", "timestamps")}
    more |= {"leaves": opened["seal"].predicate["leaves"]}
    closed = {name: digests[name] for name in (envelope_name("seal"), *check.stamps)}
    right: list[tuple[str, dict[str, str], dict[str, Any]]] = [
        ("seal", sealed, more | {"materials": resources(before)}),
        ("close", closed, {"nonces": opened["close"].predicate["nonces"]}),
    ]
    for step, name in {"capture": CAPTURE, **results_of(case["steps"])}.items():
        made_of = (
            [(CAPTURE, sealed[CAPTURE])] if step == "detect" else input_digests(check.document(name), name)
        )
        right.append((step, {name: sealed[name], **check.listed[name]}, {"materials": resources(made_of)}))
    for step, subjects, predicate in right:
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "predicate": {"case_id": case["case_id"], **predicate},
            "predicateType": TYPES[step.partition("-")[0]],
            "subject": resources(subjects.items()),
        }
        need(
            canonical(statement).encode() == opened[step].body,
            f"the Statement of {step} does not follow from the payload",
        )


def check_findings(check: Check) -> None:
    findings = check.document(FINDINGS)
    need(
        dig(findings, "events", "capture_sha256") == check.sealed[CAPTURE],
        "the findings are of another capture",
    )
    campaigns = dig(findings, "campaigns")
    need(
        isinstance(campaigns, list) and all(isinstance(one, dict) for one in campaigns),
        "there are no campaigns",
    )
    redacted = {
        pointer.split("/")[2]
        for pointer in check.hidden.get(FINDINGS, ())
        if pointer.startswith("/campaigns/")
    }
    for number, campaign in enumerate(campaigns):
        content = {key: value for key, value in campaign.items() if key not in ("revision", "disposition")}
        same = str(number) in redacted or campaign.get("revision") == sha256(canonical(content).encode())[:32]
        need(same, f"campaign {number} is of another revision than it says")


def check_attribution(record: Any, name: str) -> None:
    fit(record, "attribution", name)
    about = ("not independent of key", "weights not independent of reference")
    positive = {f"{words} {one['subject']}" for words in about for one in record["conclusions"]} | {
        "not identical"
    }
    verdicts, least = (
        [one["verdict"] for one in record["conclusions"]],
        {"no difference found", "not shown", "inconclusive"},
    )
    passed = [verdict for verdict in verdicts if verdict in positive]
    follows = record["verdict"] == "; ".join(passed) if passed else record["verdict"] in least
    need(
        follows and set(verdicts) <= least | positive,
        f"the verdict of {name} does not follow from its conclusions",
    )
    source = dig(record, "parameters", "seed_source")
    shown_ = isinstance(dig(source, "entry"), Number) and is_kind(source["entry"], "integer")
    shown_ = shown_ or dig(source, "source") == "what decides hangs on no random draw"
    needs_seed = record.get("case_run") and record["verdict"] != "inconclusive"
    need(shown_ or not needs_seed, f"{name} names no log entry that fixed its seed")


def check_unique(items: list[Any], what: str) -> None:
    ids = [one["id"] for one in items if one["id"] is not None]
    need(len(set(ids)) == len(ids), f"an id stands twice in {what}")


def chain(check: Check) -> str:
    check_statements(check)
    check_findings(check)
    made = results_of(check.case["steps"])
    for name in made.values():
        if name.startswith("data/attributions/") and name not in check.hidden:
            check_attribution(check.document(name), name)
    custody = check.shaped(CUSTODY, "custody")
    check_unique(custody["acquisitions"], CUSTODY)
    check_unique(custody["holds"], CUSTODY)
    for one in custody["acquisitions"]:
        need(
            (one["started"] or "") <= (one["ended"] or "9"), f"acquisition {one['id']} ends before it started"
        )
    for one in check.shaped(TERMS, "terms")["terms"] if TERMS in check.payload else ():
        text = f"data/terms/{one['file']}"
        need(
            one["file"] is None or check.sealed.get(text) == one["sha256"],
            f"{text} is not the text of {TERMS}",
        )
    for name in check.plan_names():
        plan = check.shaped(name, "plan")
        need(plan["plan_id"] in (None, Path(name).stem), f"{name} is a plan of another name")
        check_unique(plan["hypotheses"], name)
    entries = check.shaped(RESULTS, "results")["results"]
    need(
        [one["result"] for one in entries] == list(made),
        f"{RESULTS} has not one entry for every step, in order",
    )
    for one in entries:
        said = one["heading"] is None or one["heading"].startswith(f"{one['class'].capitalize()}:")
        need(said, f"the heading of {one['result']} does not begin with its class")
        need(
            bool(one["reasons"]) == (one["class"] == "exploratory"),
            f"the reasons of {one['result']} do not fit its class",
        )
    return f"{', '.join(check.case['steps'])} and close say what the payload says"


# -------------------------------------------------------------------------------------------------------------
# Step 8, signatures: over DSSE's pre-authentication encoding, by exactly those who were declared.


def is_signed(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def signatures(check: Check) -> str:
    for step, envelope in check.envelopes.items():
        keys = check.redactors if step == "redaction" else check.keys
        need(envelope.signatures.keys() == keys.keys(), f"{step} is not signed by exactly its signers")
        message = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(envelope.body), envelope.body)
        for keyid, signature in envelope.signatures.items():
            need(
                is_signed(keys[keyid], signature, message),
                f"a signature of {step} is not valid ({keyid[:16]})",
            )
    return f"{len(check.envelopes)} envelopes, each signed by all its signers ({len(check.keys)} of the case)"


# -------------------------------------------------------------------------------------------------------------
# Step 9, timestamps: we read what an RFC 3161 token says; `openssl` says whether it is to be believed.

OIDS = tuple(map(bytes.fromhex, ("2a864886f70d010702", "2a864886f70d0109100104", "608648016503040201")))


class Element(NamedTuple):
    tag: int
    content: bytes
    encoded: bytes


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
    """Time, imprint and nonce of a granted response that embeds the certificate of its signer and no other."""
    try:
        (response,) = der(data)
        status, content_info = der(response.content)
        signed_oid, (signed,) = (lambda oid, wrapped: (oid, der(wrapped.content)))(*der(content_info.content))
        _, _, inner, *rest = der(signed.content)
        info_oid, (octets,) = (lambda oid, wrapped: (oid, der(wrapped.content)))(*der(inner.content))
        (info,) = der(octets.content)
        _, _, imprint, _, moment, *more = der(info.content)
        algorithm, hashed = der(imprint.content)
        (certificate,) = [one for part in rest if part.tag == 0xA0 for one in der(part.content)]
        _, serial, _, issuer = der(der(certificate.content)[0].content)[:4]
        (signer,) = der(rest[-1].content)
        whose = der(signer.content)[1].content
        granted = der(status.content)[0].content == b"\0"
        text = moment.content.decode("ascii")
        when = datetime.strptime(text[:14] + "+0000", "%Y%m%d%H%M%S%z").timestamp()
        good = re.fullmatch("[0-9]{14}([.][0-9]{1,9})?Z", text)
        good = good and (signed_oid.content, info_oid.content, der(algorithm.content)[0].content) == OIDS
    except (ValueError, IndexError, TypeError):
        raise Failed(f"{what} cannot be decoded, or embeds not exactly one certificate") from None
    need(granted and good, f"{what} is no granted token over a SHA-256")
    need(issuer.encoded + serial.encoded == whose, f"the certificate in {what} is not that of its signer")
    nonce = next((int.from_bytes(one.content, "big", signed=True) for one in more if one.tag == 2), None)
    return when + float(f"0{text[14:-1]}"), hashed.content.hex(), nonce


def root_of(trust: Any, response: bytes, imprint: str, when: float) -> str:
    """The accepted root (a PEM) to which a token leads at its own time, or "". Run as an expert would by hand:
    openssl ts -verify -in TOKEN -digest SHA256 -CAfile ROOT -untrusted OTHERS -attime TIME"""
    program = shutil.which("openssl")
    if program is None:
        raise Unusable("the program openssl is not installed; timestamps cannot be checked without it", 1)
    with tempfile.TemporaryDirectory(prefix="countermark-verify-") as name:  # mode 0700
        folder = Path(name)
        (folder / "token").write_bytes(response)
        for root in trust.roots:
            (folder / "root").write_text(root)
            (folder / "others").write_text("\n".join(trust.certificates))
            command = [program, "ts", "-verify", "-in", "token", "-digest", imprint, "-CAfile", "root"]
            command += ["-untrusted", "others", "-attime", str(int(when))]
            clean = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
            try:
                done = subprocess.run(  # noqa: S603 - our own arguments, no shell
                    command,
                    cwd=folder,
                    env=clean,
                    capture_output=True,
                    timeout=OPENSSL_TIMEOUT_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise Failed("openssl took too long over a timestamp") from None
            if b"nknown option" in done.stderr:
                raise Unusable(
                    "this openssl cannot verify at a given time (-attime); OpenSSL 1.1.1 or later can", 1
                )
            if done.returncode == 0 and b"Verification: OK" in done.stdout:
                return str(root)
    return ""


def timestamps(check: Check) -> str:
    stamps, trust, roots = check.stamps, check.trust, set()
    nonces, seal = check.envelopes["close"].predicate["nonces"], check.package.digests[envelope_name("seal")]
    need(len(nonces) == len(stamps), "the closing Statement has not one nonce for every timestamp")
    need(
        trust is None or trust.roots or not stamps,
        "timestamps are declared and the trust file has no tsa_roots",
    )
    for name, nonce in zip(stamps, nonces, strict=True):
        when, imprint, its_nonce = read_token(check.package.whole[name], name)
        need(
            imprint == seal and str(its_nonce) == nonce,
            f"{name} is over something else than the seal, or was not asked for",
        )
        need(
            (seconds(check.case["created"]) or 0) <= when + CLOCK_SLACK_S,
            f"the case says that it was made after {name}",
        )
        if trust:
            roots.add(root_of(trust, check.package.whole[name], seal, when))
            need("" not in roots, f"{name} does not lead to an accepted TSA root at its own time")
            check.times.append(when)
    needed = trust.authorities if trust else 0
    need(len(roots) >= needed, f"{len(roots)} timestamp authorities, {needed} needed")
    if not check.times:
        return f"{len(stamps)} declared; the time of sealing is the sealer's word"
    return f"sealed no later than {shown(min(check.times))}, say {len(roots)} accepted authorities"


# -------------------------------------------------------------------------------------------------------------
# Step 10, signers, and the trust file.


class NoteKey(NamedTuple):
    """A verifier key of C2SP signed-note."""

    name: str
    key_id: bytes
    key: Ed25519PublicKey
    alliance: bool


def is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(letter.isspace() for letter in name)


def note_key(text: str, kind: int, alliance: bool = False) -> NoteKey:
    name, key_id, encoded = (text.split("+", 2) + ["", ""])[:3]
    raw = unbase64(encoded)
    need(
        is_key_name(name) and len(raw) == 33 and raw[0] == kind,
        f"{text!r} is no verifier key of the right kind",
    )
    right = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    need(key_id == right.hex(), f"{text!r} has another key id than it says")
    return NoteKey(name, right, Ed25519PublicKey.from_public_bytes(raw[1:]), alliance)


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
    if "-----BEGIN" not in text:
        raw = unbase64(text)
    else:
        key = load_pem_public_key(text.encode())
        raw = key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else b""
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
        need(
            len(names) == len(signers) == len(said["signers"]) <= 256,
            "a signer stands twice, or there are too many",
        )
        need(said["threshold"].whole <= len(signers), "the threshold is more than there are signers")
        certificates = said.get("tsa_roots", [])
        return SimpleNamespace(
            signers=signers,
            threshold=said["threshold"].whole,
            certificates=certificates,
            roots=[pem for pem in certificates if is_root(pem)],
            authorities=said.get("timestamp_authorities", Number("0")).whole,
            cases=said.get("cases", []),
            logs=[note_key(text, 1) for text in said.get("logs", [])],
            witnesses=[note_key(one["vkey"], 4, one["alliance"]) for one in said.get("witnesses", [])],
            checkpoints=[read_note(text.encode(), "a checkpoint") for text in said.get("checkpoints", [])],
        )
    except (OSError, Failed, ValueError, UnsupportedAlgorithm) as problem:
        raise Unusable(f"the trust file {path} cannot be used: {problem}"[:300], 3) from None


def accepted(trust: Any, keys: Iterable[str], moments: list[float]) -> list[str]:
    """Names of those of the keys that are accepted, and valid at all these moments."""
    names = []
    for one in (trust.signers[keyid] for keyid in keys if keyid in trust.signers):
        since, until = seconds(one.get("valid_from", "")), seconds(one.get("valid_until", ""))
        if all((since is None or since <= when) and (until is None or when <= until) for when in moments):
            names.append(one["name"])
    need(
        len(names) >= trust.threshold,
        f"{len(names)} accepted signers whose keys were valid, {trust.threshold} needed",
    )
    return names


def signers(check: Check) -> str:
    # without a timestamp nobody but the sealer says when; then the key must be valid today as well
    moments = [min(check.times)] if check.times else [seconds(check.case["created"]) or 0, time.time()]
    check.signers = accepted(check.trust, check.keys, moments)
    said = f"{', '.join(check.signers)} ({len(check.signers)} accepted, {check.trust.threshold} needed)"
    if "redaction" in check.envelopes:
        moments = [seconds(check.envelopes["redaction"].predicate["created"]) or 0, time.time()]
        said += f"; redacted by {', '.join(accepted(check.trust, check.redactors, moments))}"
    return said


# -------------------------------------------------------------------------------------------------------------
# Step 11, log (spec/log.md): checkpoints, cosignatures, and what the commitments of the public log are.

RUN_KINDS = ("run-start", "run-outcome")


class Note(NamedTuple):
    """A checkpoint as a signed note (C2SP signed-note, tlog-checkpoint)."""

    body: str
    lines: list[tuple[str, bytes]]
    origin: str
    size: int
    root: bytes


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
    need(
        good and re.fullmatch("0|[1-9][0-9]{0,15}", size) and len(unbase64(root)) == 32,
        f"{what} is no signed checkpoint",
    )
    return Note(f"{body}\n", lines, origin, int(size), unbase64(root))


def note_signatures(note: Note, keys: list[NoteKey], timed: bool, what: str) -> list[tuple[int, bool]]:
    """Of every signature by one of the keys its time (of a cosignature; else 0) and whether it is an ally's. One that is not
    valid condemns the note, as C2SP advises; signatures of unknown keys are passed over."""
    found = []
    for key in keys:
        for name, signature in note.lines:
            if (name, signature[:4]) == (key.name, key.key_id):
                when = int.from_bytes(signature[4:12], "big") if timed else 0
                head, raw = (
                    (f"cosignature/v1\ntime {when}\n", signature[12:]) if timed else ("", signature[4:])
                )
                need(
                    is_signed(key.key, raw, (head + note.body).encode()),
                    f"a signature of {name} under {what} is not valid",
                )
                found.append((when, key.alliance))
    return found


class Opened(NamedTuple):
    """An entry of the private log that the package shows."""

    index: int
    kind: str
    payload: Any
    batch: int


class Heads:
    """What the openings say, one after the other."""

    def __init__(self, matter: str) -> None:
        self.matter, self.count, self.runs, self.whole_bytes = matter, 0, 0, 0
        self.opened: list[Opened] = []
        self.tags: dict[bool, set[str]] = {
            True: set(),
            False: set(),
        }  # of opened runs: of our matter, of others
        self.starts, self.closed = (
            Counter[tuple[str, str]](),
            Counter[tuple[str, str]](),
        )  # runs by tag and space

    def add(self, line: bytes, commitment: bytes, batch: int) -> None:
        what = "a line of openings.jsonl"
        said = read_canonical(line, "opened" if b'"entry":' in line[:60] else "closed", what)
        data, entry = said["head"].encode(), said.get("entry")
        kind = dig(read_json(data, what), "kind")
        head = read_canonical(
            data, "padding" if kind == "padding" else "runhead" if kind in RUN_KINDS else "head", what
        )
        left = hashlib.sha256(b"\0" + bytes.fromhex(said["head_salt"]) + data).digest()
        if entry is None:
            right = bytes.fromhex(said["body"])
        else:
            right = hashlib.sha256(b"\0" + bytes.fromhex(said["body_salt"]) + entry.encode()).digest()
        need(node(left, right) == commitment, f"{what} does not open its commitment")
        if kind == "padding":
            need(not entry, "padding has a content")
            return
        need(head["index"].whole == self.count, f"entry {self.count} of the private log is left out")
        self.count += 1
        if kind == "run-start":
            self.runs += 1
            need(head["run"].whole == self.runs, f"run {self.runs} is left out")
            self.starts[head["matter"], head["space"]] += 1
        if entry is not None:
            self.open(head, entry.encode(), batch)
        elif kind in RUN_KINDS:
            self.closed[head["matter"], head["space"]] += 1

    def open(self, head: dict[str, Any], body: bytes, batch: int) -> None:
        self.whole_bytes += len(body)
        need(self.whole_bytes <= MAX_WHOLE, "too many opened entries")
        entry = read_canonical(body, "entry", "an opened entry")
        payload, kind = entry["payload"], head["kind"]
        same = entry["kind"] == kind
        if kind in RUN_KINDS:
            same = (
                same
                and payload.get("run") == head["run"]
                and payload.get("space", "testifying") == head["space"]
            )
            self.tags[payload.get("matter") == self.matter].add(head["matter"])
        need(same, f"entry {head['index'].whole} is not what its head says")
        self.opened.append(Opened(head["index"].whole, kind, payload, batch))


def read_log(check: Check, sizes: set[int]) -> tuple[Heads, dict[int, bytes]]:
    """Openings beside commitments, and the roots of the log at these sizes."""
    openings, entries = (check.package.members[f"{LOG}{name}.jsonl"] for name in ("openings", "entries"))
    opening, heads, tree, a_batch = (
        openings.lines(MAX_LINE, "openings.jsonl"),
        Heads(check.case["matter"]),
        Tree(),
        0,
    )
    roots = {0: tree.root()}
    for number, line in enumerate(entries.lines(MAX_LINE, "entries.jsonl")):
        payload = read_canonical(line, "batch", "a line of entries.jsonl")["payload"]
        commitments = [unbase64(text) for text in payload["commitments"]]
        a_batch = a_batch or len(commitments)
        good = payload["number"].whole == number and 0 < len(commitments) == a_batch
        need(
            good and all(len(one) == 32 for one in commitments),
            f"batch {number} of the log is not what it should be",
        )
        for commitment in commitments:
            heads.add(next(opening, b""), commitment, number)
        tree.add(hashlib.sha256(b"\0" + line).digest())
        if tree.size in sizes:
            roots[tree.size] = tree.root()
    need(
        tree.size == check.case["log"]["size"].whole, "entries.jsonl has not as many entries as the case says"
    )
    need(next(opening, None) is None, "openings.jsonl has more lines than the log has commitments")
    return heads, roots


def digests_of(payload: Any) -> set[str]:
    found = dig(payload, "digests")
    return {one for one in (found.values() if isinstance(found, dict) else ()) if isinstance(one, str)}


def check_runs(check: Check, heads: Heads) -> str:
    ours, others = heads.tags[True], heads.tags[False]
    need(len(ours) <= 1 and not ours & others, "the tags of matters in the log do not fit")
    left_out = sum(heads.closed[tag, "testifying"] for tag in ours)
    need(not left_out, f"{left_out} entries of runs of this matter are not shown")
    documents = {digest for name, digest in check.sealed.items() if is_document(name)}
    linked = {one["run"] for one in check.document(RESULTS)["results"]}
    for one in heads.opened:
        said = one.payload
        done = (
            one.kind == "run-outcome" and dig(said, "status") == "done" and said.get("matter") == heads.matter
        )
        if done and said.get("space", "testifying") == "testifying":
            found = said["run"] in linked or documents & digests_of(said)
            need(found, f"run {said['run'].whole} is done, and its result is not in the package")
    own = {space: sum(heads.starts[tag, space] for tag in ours) for space in ("testifying", "privileged")}
    return (
        f"{heads.runs} runs, {own['testifying']} of this matter shown, {own['privileged']} privileged, "
        f"{heads.runs - sum(own.values())} of other matters"
    )


def time_shown(check: Check, name: str, note: Note) -> float | None:
    """Since when the entries below a checkpoint are known to have stood: by witnesses, provided that one of them is no ally
    of whoever keeps the log, or by a timestamp that leads to an accepted root."""
    whole, stamp, times = check.package.whole, name.removesuffix(".note") + ".tsr", []
    seen = note_signatures(note, check.trust.witnesses, True, name)
    if not all(ally for _, ally in seen):
        times.append(float(max(when for when, _ in seen)))
    if stamp in whole:
        when, imprint, _ = read_token(whole[stamp], stamp)
        need(imprint == check.package.digests[name], f"{stamp} is over something else than {name}")
        times += [when] if root_of(check.trust, whole[stamp], imprint, when) else []
    return min(times, default=None)


def log(check: Check) -> str:
    declared, trust, whole = check.case["log"], check.trust, check.package.whole
    if declared is None:
        return "none: nothing shows what was fixed before"
    origin, size = declared["origin"], declared["size"].whole
    keys = [key for key in trust.logs if key.name == origin]
    need(keys, "the key of the log is not in the trust file")
    notes = {name: read_note(whole[name], name) for name in sorted(whole) if name.endswith(".note")}
    kept = [note for note in trust.checkpoints if note.origin == origin]
    for name, note in [*notes.items(), *(("a checkpoint of the trust file", note) for note in kept)]:
        need(
            note.origin == origin and note_signatures(note, keys, False, name),
            f"{name} is not signed by this log",
        )
    heads, roots = read_log(check, {note.size for note in (*notes.values(), *kept)})
    for name, note in notes.items():
        right = name == f"{LOG}checkpoints/{note.size}.note" and roots.get(note.size) == note.root
        need(right, f"{name} is of another log than entries.jsonl")
        check.shown_times.append((note.size, time_shown(check, name, note)))
    for note in kept:
        contradicts = note.size <= size and roots[note.size] != note.root
        need(not contradicts, "a checkpoint of the trust file contradicts the log: it was forked")
    check.opened = heads.opened
    return f"{size} batches, every entry accounted for; {check_runs(check, heads)}"


# -------------------------------------------------------------------------------------------------------------
# Step 12, results: every result that says confirmatory is so. The numbers are those of the specification.


def first_shown(check: Check, kind: str, **wanted: Any) -> tuple[float, int] | None:
    """Shown time and index of the entry of that kind and content that was shown first."""
    found = []
    for one in check.opened:
        if one.kind == kind and None not in wanted.values() and wanted.items() <= one.payload.items():
            times = [when for size, when in check.shown_times if size > one.batch and when is not None]
            found += [(min(times), one.index)] if times else []
    return min(found, default=None)


def is_decided(step: str, record: Any, hypothesis: Any) -> bool:
    level, alpha = hypothesis["alpha"], dig(record, "fdr" if step == "detect" else "alpha")
    same = isinstance(alpha, Number) and level is not None and float(alpha.spelled) == float(level.spelled)
    if step == "detect":
        return same and hypothesis["test"] == "campaigns"
    tests = dig(record, "tests")
    names = (
        [dig(one, "name") for one in tests if dig(one, "decides") in (None, True)]
        if isinstance(tests, list)
        else []
    )
    return same and hypothesis["test"] is not None and hypothesis["test"] in names


def why_exploratory(check: Check, result: Any) -> str:
    """The first thing that a confirmatory result lacks, or ""."""
    matter, step, plan_name = check.case["matter"], result["result"], f"data/plans/{result['plan']}.json"
    name = results_of(check.case["steps"])[step]
    if plan_name not in check.plan_names():
        return "its plan is not in the package"
    plan = check.document(plan_name)
    fixed = first_shown(check, "analysis-plan", plan_id=plan["plan_id"], sha256=check.sealed[plan_name])
    if fixed is None:  # 1
        return "nothing shows when its plan was in the log"
    hypothesis = next((one for one in plan["hypotheses"] if one["id"] == result["hypothesis"]), None)
    if (
        hypothesis is None
        or plan["matter"] != matter
        or not is_decided(step, check.document(name), hypothesis)
    ):  # 2
        return "it does not decide a hypothesis of the plan, by its test and at its level"
    before = [fixed]
    if hypothesis["keyed"] is not False:  # 3
        keys = [first_shown(check, "commitment", commitment=one) for one in hypothesis["commitments"]]
        before += [one for one in keys if one is not None]
        if not keys or None in keys:
            return "nothing shows when each of its keys was committed to"
    by_id = {one["id"]: one for one in check.document(CUSTODY)["acquisitions"]}
    named = [by_id[one] for one in result["acquisitions"] if one in by_id]
    known = {item["sha256"] for one in named for item in one["items"]} | set(hypothesis["given"])
    source = CAPTURE if step == "detect" else name
    made_of = {digest for _, digest in input_digests(check.document(source), source)}
    if not named or len(named) < len(result["acquisitions"]) or not made_of <= known:  # 4
        return "not all its inputs are in acquisitions that it names"
    for one in named:  # 5
        started, offset = one["started"], dig(one["clock"], "offset_seconds")
        if started is None or offset is None or one["id"] is None:
            return "when an acquisition started was taken out"
        if (seconds(started) or 0) - float(offset.spelled) <= max(when for when, _ in before):
            return f"{one['id']} was not shown to start after the plan and the keys were fixed"
    ours = [e for e in check.opened if e.kind in RUN_KINDS and e.payload["run"] == result["run"]]
    ours = [entry for entry in ours if entry.payload.get("matter") == matter]
    started = any(entry.kind == "run-start" and entry.index > fixed[1] for entry in ours)
    ends = [
        entry.payload
        for entry in ours
        if entry.kind == "run-outcome" and entry.payload.get("status") == "done"
    ]
    if not started or not any(check.sealed[name] in digests_of(one) for one in ends):  # 6
        return "no run that the log shows, after its plan, gave it"
    return ""


def results(check: Check) -> str:
    entries = check.document(RESULTS)["results"]
    for one in entries:
        why = why_exploratory(check, one) if one["class"] == "confirmatory" else ""
        need(not why, f"{one['result']} says confirmatory and is not: {why}")
    classes = Counter(one["class"] for one in entries)
    return f"{classes['confirmatory']} confirmatory, {classes['exploratory']} exploratory"


# -------------------------------------------------------------------------------------------------------------
# Step 13, case; and all steps in order.


def right_case(check: Check) -> str:
    case_id, allowed = str(check.case["case_id"]), check.trust.cases if check.trust else []
    need(check.wanted in ("", case_id), f"this is case {case_id}, not {check.wanted}")
    need(not allowed or case_id in allowed, f"case {case_id} is none of those of the trust file")
    return case_id


class Check:
    """One verification, and what its steps leave for those after them."""

    def __init__(self, path: Path, trust: Any, wanted: str) -> None:
        self.package, self.trust, self.wanted = Package(path), trust, wanted
        self.case: Any = {}
        self.payload, self.gone = set[str](), set[str]()  # files that are there; that were taken out
        self.sealed: dict[str, str] = {}  # digests when it was sealed
        self.listed: dict[str, dict[str, str]] = {}  # files that a document lists
        self.keys, self.redactors = dict[str, Ed25519PublicKey](), dict[str, Ed25519PublicKey]()
        self.stamps, self.signers, self.times = list[str](), list[str](), list[float]()
        self.envelopes: dict[str, Envelope] = {}
        self.taken_out: dict[str, Counter[str]] = {}  # numbers by ground, as the redaction says
        self.hidden: dict[str, set[str]] = {}  # pointers of what was taken out, as the leaves say
        self.opened: list[Opened] = []
        self.shown_times: list[tuple[int, float | None]] = []  # of checkpoints, by size
        self.documents: dict[str, Any] = {}

    def document(self, name: str) -> Any:
        if name not in self.documents:
            self.documents[name] = read_json(self.package.whole[name], name)
        return self.documents[name]

    def shaped(self, name: str, shape: str) -> Any:
        return fit(self.document(name), shape, name, hidden=name in self.hidden)

    def plan_names(self) -> list[str]:
        return sorted(name for name in self.payload if name.startswith("data/plans/") and is_document(name))


STEPS: list[Callable[[Check], str]] = [outer_layer, bag, envelopes, redaction, digests, leaves, chain]
STEPS += [signatures, timestamps, signers, log, results, right_case]
NEED_TRUST = (timestamps, signers, log, results)


def verify(path: Path, trust: Any, wanted: str = "") -> dict[str, Any]:
    """All steps over one package; the answer as plain data."""
    if not looks_like_a_package(path):
        raise Unusable(f"there is no package at {path}", 3)
    check, done, failed = Check(path, trust, wanted), [], ""
    for number, step in enumerate(STEPS, 1):
        name = step.__name__.replace("_", " ").replace("right ", "")
        outcome, detail = "not reached" if failed else "ok", ""
        try:
            if not failed and trust is None and step in NEED_TRUST:
                outcome, detail = (
                    "NOT CHECKED",
                    timestamps(check) if step is timestamps else "needs a trust file",
                )
            elif not failed:
                detail = step(check)
        except Failed as problem:
            outcome, detail, failed = "FAILED", str(problem), f"FAILED at step {number} ({name}): {problem}"
        done.append({"number": number, "name": name, "outcome": outcome, "detail": detail})
    verdict = "FAILED" if failed else "VERIFIED" if trust else "INTACT, SIGNER NOT CHECKED"
    by = f", signed by {', '.join(check.signers)}" if check.signers else ""
    about = (
        f"{verdict} case {check.case.get('case_id')}{by}, made {check.case.get('created')} by its own clock"
    )
    return {
        "schema": "countermark/verify/v2",
        "verdict": verdict,
        "summary": failed or about,
        "case_id": check.case.get("case_id", ""),
        "signers": check.signers,
        "timestamps": list(map(shown, check.times)),
        "steps": done,
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="countermark-verify", description="Checks an EvidencePackage with no network."
    )
    parser.add_argument("package", type=Path, metavar="PACKAGE", help="a zip or a folder")
    parser.add_argument(
        "--trust", type=Path, metavar="FILE", help="accepted signers, logs, witnesses and TSA roots"
    )
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
    steps = [
        f"{one['number']:>3} {one['name']:<12} {one['outcome']:<12} {one['detail']}"
        for one in answer["steps"]
    ]
    lines = [answer["summary"], *steps]
    # text of a package may not steer a terminal
    plain = "\n".join("".join(one if one.isprintable() else "?" for one in line).rstrip() for line in lines)
    print(json.dumps(answer, indent=1) if given.json else plain)
    unchecked = given.unsafe_no_signer_check and answer["verdict"] != "FAILED"
    return 0 if answer["verdict"] == "VERIFIED" or unchecked else 20


if __name__ == "__main__":
    sys.exit(main())
