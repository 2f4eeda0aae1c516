"""What somebody might do to a package afterwards: one change, by an attacker who knows the format.

A package is a dictionary of its files. A change knows no signing key but a stranger's; most rebuild the bag
around what they changed, so that digests of the bag agree and something deeper has to notice.
"""

import base64
import hashlib
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countermark.trust.dsse import seal_envelope
from countermark.trust.signing import SigningKey

Files = dict[str, bytes]
PAYLOAD_TYPE = "application/vnd.in-toto+json"
_DATE = re.compile(rb"20\d\d-\d\d-\d\d")
_VALUE = re.compile(rb'(?<=[:\[,])\s*("[^"\\]*"|-?\d[\d.e+-]*|true|false)(?=\s*[,\]}])')
_STRANGER = SigningKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a stranger").digest()))


@dataclass
class Damage:
    """A seeded source of changes, beside a second package from which things can be taken."""

    random: random.Random
    other: Files
    done: list[str] = field(default_factory=list)
    """What was done, in words."""

    def one(self, files: Files) -> Files:
        """The files with one change; the category is drawn first, then what it finds to change."""
        while True:
            changed = dict(files)
            category = self.random.choice(CATEGORIES)
            found = category(self, changed)
            if found and changed != files:
                self.done.append(f"{category.__name__.lstrip('_')}: {found}")
                # a change of the bag's own files alone would be undone by building them again
                touched = {name for name in files | changed if files.get(name) != changed.get(name)}
                if touched - BAG and self.random.random() < 0.85:
                    rebuild_bag(changed)
                return changed

    def pick(self, files: Files, *parts: str) -> str | None:
        """A file whose name holds one of the parts; any where none is given."""
        names = sorted(name for name in files if not parts or any(part in name for part in parts))
        return self.random.choice(names) if names else None


BAG = {"bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"}


def rebuild_bag(files: Files) -> None:
    """Write the manifests and the size again; the rest of bag-info stays."""

    def manifest(names: list[str]) -> bytes:
        lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(names))
        return "".join(lines).encode()

    payload = [name for name in files if name.startswith("data/")]
    oxum = f"Payload-Oxum: {sum(len(files[name]) for name in payload)}.{len(payload)}".encode()
    files["bag-info.txt"] = re.sub(rb"Payload-Oxum: [0-9.]+", oxum, files.get("bag-info.txt", b""))
    files["manifest-sha256.txt"] = manifest(payload)
    tags = [name for name in files if name.startswith("attestations/")]
    tags += sorted((BAG - {"tagmanifest-sha256.txt"}) & files.keys())
    files["tagmanifest-sha256.txt"] = manifest(tags)


def damaged(data: bytes, draw: random.Random) -> bytes:
    """The bytes with one fault: flipped, dropped, added, cut, or a stretch twice."""
    result = data
    while result == data:
        start = draw.randrange(len(data)) if data else 0
        end = min(len(data), start + draw.choice((1, 1, 4, 100)))
        kind = draw.choice(("flip", "drop", "add", "cut", "twice", "zero"))
        if kind == "flip" and data:
            result = data[:start] + bytes([data[start] ^ 1 << draw.randrange(8)]) + data[start + 1 :]
        elif kind == "drop":
            result = data[:start] + data[end:]
        elif kind == "add":
            result = data[:start] + draw.randbytes(draw.choice((1, 7))) + data[start:]
        elif kind == "cut":
            result = data[:start]
        elif kind == "twice":
            result = data[:end] + data[start:end] + data[end:]
        elif kind == "zero":
            result = data[:start] + bytes(end - start) + data[end:]
    return result


def _bytes(damage: Damage, files: Files) -> str:
    name = damage.pick(files)
    assert name is not None
    files[name] = damaged(files[name], damage.random)
    return name


def _files(damage: Damage, files: Files) -> str:
    name, other = damage.random.sample(sorted(files), 2)
    kind = damage.random.choice(("drop", "rename", "swap", "add", "copy", "from another package"))
    if kind == "drop":
        del files[name]
    elif kind == "rename":
        files[name + "x"] = files.pop(name)
    elif kind == "swap":
        files[name], files[other] = files[other], files[name]
    elif kind == "add":
        files[damage.random.choice(("data/", "data/findings/", "attestations/", "")) + "extra.txt"] = b"x"
    elif kind == "copy":
        files[name + ".bak"] = files[name]
    else:
        taken = damage.pick(damage.other)
        assert taken is not None
        files[taken] = damage.other[taken]
        name = taken
    return f"{kind} {name}"


def _order(damage: Damage, files: Files) -> str | None:
    name = damage.pick(files, ".jsonl", ".leaves", ".txt", ".note")
    lines = files[name].splitlines(keepends=True) if name else []
    if name is None or len(lines) < 2:
        return None
    first, second = damage.random.sample(range(len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]
    files[name] = b"".join(lines)
    return f"{name}, lines {first} and {second}"


def _dates(damage: Damage, files: Files) -> str | None:
    name = damage.pick(files, "case.json", "custody", "plans/", "results", "terms", "log/", "findings.json")
    dates = list(_DATE.finditer(files[name])) if name else []
    if name is None or not dates:
        return None
    at = damage.random.choice(dates).start() + damage.random.choice((3, 6, 9))
    digit = damage.random.choice(b"0123456789")
    files[name] = files[name][:at] + bytes([digit]) + files[name][at + 1 :]
    return f"{name} at {at}"


def _envelope(data: bytes) -> dict[str, object] | None:
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("signatures") else None


def _canonical(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def _signatures(damage: Damage, files: Files) -> str | None:
    name, other = damage.pick(files, ".dsse.json"), damage.pick(files, ".dsse.json")
    envelope = _envelope(files[name]) if name else None
    donor = _envelope(files[other]) if other else None
    if name is None or envelope is None or donor is None:
        return None
    signatures = envelope["signatures"]
    assert isinstance(signatures, list)
    kind = damage.random.choice(("drop", "twice", "of another", "stranger", "stranger beside", "byte"))
    body = base64.b64decode(str(envelope["payload"]))
    if kind == "drop":
        del signatures[damage.random.randrange(len(signatures))]
    elif kind == "twice":
        signatures.append(signatures[0])
    elif kind == "of another":
        envelope["signatures"] = donor["signatures"]
    elif kind == "stranger":
        files[name] = seal_envelope(PAYLOAD_TYPE, body, [_STRANGER])
        return f"{kind} {name}"
    elif kind == "stranger beside":
        signatures += json.loads(seal_envelope(PAYLOAD_TYPE, body, [_STRANGER]))["signatures"]
        signatures.sort(key=lambda one: one["keyid"])
    else:
        raw = bytearray(base64.b64decode(signatures[0]["sig"]))
        raw[damage.random.randrange(64)] ^= 1 << damage.random.randrange(8)
        signatures[0]["sig"] = base64.b64encode(raw).decode()
    files[name] = _canonical(envelope)
    return f"{kind} {name}"


def _statements(damage: Damage, files: Files) -> str | None:
    """What an envelope says is changed, and signed again by a stranger or left with its signatures."""
    name = damage.pick(files, ".dsse.json")
    envelope = _envelope(files[name]) if name else None
    if name is None or envelope is None:
        return None
    body = base64.b64decode(str(envelope["payload"]))
    places = list(re.finditer(rb"[0-9a-f]{8,64}|20\d\d-\d\d-\d\d|\d+", body))
    place = damage.random.choice(places)
    replaced = bytearray(place.group())
    at = damage.random.randrange(len(replaced))
    replaced[at] = damage.random.choice(b"0123456789")
    body = body[: place.start()] + bytes(replaced) + body[place.end() :]
    if damage.random.random() < 0.5:
        files[name] = seal_envelope(PAYLOAD_TYPE, body, [_STRANGER])
    else:
        files[name] = _canonical({**envelope, "payload": base64.b64encode(body).decode()})
    return name


def _log(damage: Damage, files: Files) -> str | None:
    name = damage.pick(files, "data/log/")
    if name is None:
        return None
    lines = files[name].splitlines(keepends=True)
    kind = damage.random.choice(("drop", "twice", "byte", "cut", "file"))
    at = damage.random.randrange(len(lines)) if lines else 0
    if kind == "file" or not lines:
        del files[name]
    elif kind == "drop":
        del lines[at]
    elif kind == "twice":
        lines.insert(at, lines[at])
    elif kind == "byte":
        lines[at] = damaged(lines[at], damage.random)
    else:
        del lines[at:]
    if name in files:
        files[name] = b"".join(lines)
    return f"{kind} {name}"


def _timestamps(damage: Damage, files: Files) -> str | None:
    name = damage.pick(files, ".tsr")
    if name is None:
        return None
    others = sorted(one for one in damage.other if one.endswith(".tsr"))
    kind = damage.random.choice(("drop", "byte", "of another package", "swap"))
    if kind == "drop":
        del files[name]
    elif kind == "byte":
        files[name] = damaged(files[name], damage.random)
    elif kind == "of another package" and others:
        files[name] = damage.other[damage.random.choice(others)]
    else:
        second = damage.pick(files, ".tsr")
        assert second is not None
        files[name], files[second] = files[second], files[name]
    return f"{kind} {name}"


def _hide(damage: Damage, files: Files) -> str | None:
    """A row or a field disappears, with its salt or without; no accepted signer took it out."""
    leaves = damage.pick(files, ".leaves")
    if leaves is None:
        return None
    name = "data/" + leaves.removeprefix("data/leaves/").removesuffix(".leaves")
    lines = files[leaves].splitlines(keepends=True)
    shown = [at for at, line in enumerate(lines) if not line.startswith(b"-")]
    if not shown or name not in files:
        return None
    at = damage.random.choice(shown)
    if damage.random.random() < 0.7:
        digest = hashlib.sha256(damage.random.randbytes(8)).hexdigest()
        ground = damage.random.choice(("personal-data", "privilege", "none"))
        lines[at] = f"-{digest} {ground}\n".encode()
        files[leaves] = b"".join(lines)
    if name.endswith("requests.jsonl"):
        rows = files[name].splitlines(keepends=True)
        rows[min(at, len(rows) - 1)] = b"null\n"
        files[name] = b"".join(rows)
    else:
        values = list(
            re.finditer(rb'(?<=[:\[,])\s*("[^"\\]*"|-?\d[\d.e+-]*|true|false)(?=\s*[,\]}])', files[name])
        )
        if not values:
            return None
        place = damage.random.choice(values)
        files[name] = files[name][: place.start()] + b"null" + files[name][place.end() :]
    return f"{name}, leaf {at}"


def _unhide(damage: Damage, files: Files) -> str | None:
    """What was taken out comes back as something else, under another ground, or nobody says it was."""
    kind = damage.random.choice(("ground", "value", "redaction"))
    redaction = "attestations/redaction.dsse.json"
    hidden = [name for name in sorted(files) if name.endswith(".leaves") and b"-" in files[name]]
    if not hidden or redaction not in files:
        return None
    leaves = damage.random.choice(hidden)
    lines = files[leaves].splitlines(keepends=True)
    at = damage.random.choice([number for number, line in enumerate(lines) if line.startswith(b"-")])
    if kind == "redaction":
        del files[redaction]
    elif kind == "ground":
        word = b"privilege" if not lines[at].endswith(b"privilege\n") else b"trade-secret"
        lines[at] = lines[at].split(b" ")[0] + b" " + word + b"\n"
    else:
        lines[at] = damage.random.randbytes(16).hex().encode() + b"\n"
    files[leaves] = b"".join(lines)
    return f"{kind} {leaves}, leaf {at}"


CATEGORIES: list[Callable[[Damage, Files], str | None]] = [
    *(_bytes, _files, _order, _dates, _signatures, _statements, _log, _timestamps, _hide, _unhide),
]
