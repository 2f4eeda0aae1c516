"""One fault anywhere in a package: verify catches every one. A tenth of the trials in the ordinary run.

Three attackers: one who changes bytes of the zip, one who changes files of the folder, and one who knows
the format, changes a member and builds manifests and outer layer again around it.
"""

import random
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from loopback_tsa import Authority, Server
from whole_case import options_of, told, trust_in

from countermark.prove.package.archive import write_archive
from countermark.prove.package.bag import BAG_FILES, bag_files
from countermark.prove.package.case import decode_case
from countermark.prove.package.layout import CASE, Contents, Source
from countermark.prove.package.members import measure_source
from countermark.prove.package.trustfile import Trust
from countermark.prove.redacting.redact import RedactOptions, redact
from countermark.prove.redacting.takes import Take
from countermark.prove.sealing.seal import SealOptions, seal
from countermark.prove.verifying.verify import verify
from countermark.trust.signing import SigningKey

TRIALS = 1000
SEED = 20260701


def damaged(data: bytes, random: random.Random) -> bytes:
    """The bytes with one fault: flipped, dropped, added, swapped, cut, or a stretch twice."""
    result = data
    while result == data:
        start = random.randrange(len(data)) if data else 0
        end = min(len(data), start + random.choice((1, 1, 4, 100)))
        other = random.randrange(len(data)) if data else 0
        kind = random.choice(("flip", "drop", "add", "swap", "cut", "twice", "zero"))
        if kind == "flip" and data:
            result = data[:start] + bytes([data[start] ^ 1 << random.randrange(8)]) + data[start + 1 :]
        elif kind == "drop":
            result = data[:start] + data[end:]
        elif kind == "add":
            result = data[:start] + random.randbytes(random.choice((1, 7))) + data[start:]
        elif kind == "swap" and data:
            low, high = sorted((start, other))
            middle = data[low + 1 : high]
            swapped = data[high : high + 1] + middle + data[low : low + 1]
            result = data[:low] + swapped + data[high + 1 :] if low < high else data
        elif kind == "cut":
            result = data[:start]
        elif kind == "twice":
            result = data[:end] + data[start:end] + data[end:]
        elif kind == "zero":
            result = data[:start] + bytes(end - start) + data[end:]
    return result


def damage_zip(package: Path, target: Path, random: random.Random) -> None:
    """Bytes of the file, or members written again by an ordinary zip tool."""
    if random.random() < 0.7:
        target.write_bytes(damaged(package.read_bytes(), random))
        return
    with zipfile.ZipFile(package) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    chosen = random.randrange(len(members))
    info, data = members[chosen]
    kind = random.choice(("drop", "rename", "content", "comment", "deflate", "date", "again", "order"))
    with zipfile.ZipFile(target, "w") as archive:
        if kind == "drop":
            del members[chosen]
        elif kind == "rename":
            info.filename += "x"
        elif kind == "content":
            members[chosen] = (info, damaged(data, random))
        elif kind == "comment":
            archive.comment = b"hello"
        elif kind == "deflate":
            info.compress_type = zipfile.ZIP_DEFLATED
        elif kind == "date":
            info.date_time = (2026, 7, 1, 0, 0, 0)
        elif kind == "again":
            extra = zipfile.ZipInfo(info.filename + "2", (1980, 1, 1, 0, 0, 0))
            members.insert(chosen + 1, (extra, data))
        elif kind == "order":
            members.append(members.pop(0))
        for one, content in members:
            archive.writestr(one, content)


def damage_folder(package: Path, target: Path, random: random.Random) -> None:
    """Bytes of one file, or the set of files."""
    shutil.copytree(package, target)
    files = sorted(path for path in target.rglob("*") if path.is_file())
    file, other = random.sample(files, 2)
    kind = random.choice(("bytes",) * 5 + ("drop", "add", "rename", "swap", "empty", "link", "case", "copy"))
    if kind == "bytes":
        file.write_bytes(damaged(file.read_bytes(), random))
    elif kind == "drop":
        file.unlink()
    elif kind == "add":
        file.with_name("extra.txt").write_bytes(random.randbytes(3))
    elif kind == "rename":
        file.rename(file.with_name("x" + file.name))
    elif kind == "swap":
        first, second = file.read_bytes(), other.read_bytes()
        file.write_bytes(second)
        other.write_bytes(first)
    elif kind == "empty":
        (file.parent / "empty").mkdir()
    elif kind == "link":
        file.rename(target.parent / "moved")
        file.symlink_to(target.parent / "moved")
    elif kind == "case":
        file.rename(file.with_name(file.name.upper()))
    elif kind == "copy":
        shutil.copy(file, file.with_name(file.name + ".bak"))


def damage_and_rebuild(package: Path, target: Path, random: random.Random) -> None:
    """Change, drop, add or swap members, then write manifests and zip as seal would."""
    original = {
        path.relative_to(package).as_posix(): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file()
    }
    files: dict[str, Source] = {**original}
    while files == original:
        files = {**original}
        names = sorted(files.keys() - set(BAG_FILES) - {CASE})
        name, other = random.sample(names, 2)
        kind = random.choice(("bytes", "bytes", "drop", "add", "rename", "swap"))
        if kind == "bytes":
            files[name] = damaged(original[name], random)
        elif kind == "drop":
            del files[name]
        elif kind == "add":
            files[name + ".more"] = b"more"
        elif kind == "rename":
            files[name + "x"] = files.pop(name)
        elif kind == "swap":
            files[name], files[other] = files[other], files[name]
    case = decode_case(original[CASE])
    files |= bag_files(case, contents_of(files))
    target.unlink(missing_ok=True)
    write_archive(target, case.case_id, files, contents_of(files))


def contents_of(files: dict[str, Source]) -> Contents:
    return {
        name: measure_source(name, data, crc=True) for name, data in files.items() if isinstance(data, bytes)
    }


ATTACKERS = [
    ("zip", damage_zip, ".zip"),
    ("folder", damage_folder, ""),
    ("folder", damage_and_rebuild, ".zip"),
]
KINDS = ("plain", "whole", "redacted")
Attacked = tuple[Path, Callable[..., None], str, Trust]


def run_trials(attacked: Attacked, folder: Path, trials: range) -> None:
    package, attack, suffix, trust = attacked
    assert verify(package, trust).verdict == "VERIFIED"
    for trial in trials:
        target = folder / f"trial-{trial}{suffix}"
        attack(package, target, random.Random(SEED + trial))
        verification = verify(target, trust)
        assert verification.verdict == "FAILED", f"trial {trial} of {attack.__name__} was not caught"
        shutil.rmtree(target) if target.is_dir() else target.unlink()
        (folder / "moved").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def packages(
    options: SealOptions, key: SigningKey, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], tuple[Path, Trust]]:
    """By kind and form: a plain case, one with a log, plans, terms and a timestamp, and that one redacted."""
    folder = tmp_path_factory.mktemp("packages")
    story, attribution = told(folder / "story")
    authority = Authority(folder)
    trust = trust_in(story, folder, key, tsa_roots=[authority.root_pem])
    made = {}
    with Server(authority.reply) as url:
        whole = options_of(story, folder, attributions=[attribution], trust=trust, tsa_urls=[url])
        for form in ("zip", "folder"):
            suffix = ".zip" if form == "zip" else ""
            out = {kind: folder / f"{kind}{suffix}" for kind in KINDS}
            seal(replace(options, out=out["plain"], include_events=True))
            seal(replace(options, out=out["whole"], **whole))
            redact(
                RedactOptions(
                    package=out["whole"],
                    out=out["redacted"],
                    keys=[key],
                    what=[
                        Take(ground="personal-data", accounts=frozenset({"a"})),
                        Take(
                            ground="privilege",
                            name="data/findings/findings.json",
                            pointers=("/campaigns/*/reasons/**",),
                        ),
                    ],
                    why="order of 1 August 2026",
                    allow_elsewhere=True,
                    trust=trust,
                )
            )
            made |= {(kind, form): (path, trust) for kind, path in out.items()}
    return made


@pytest.fixture(params=ATTACKERS, ids=[attack.__name__ for _, attack, _ in ATTACKERS])
def attacker(request: pytest.FixtureRequest) -> tuple[str, Callable[..., None], str]:
    found: tuple[str, Callable[..., None], str] = request.param
    return found


@pytest.fixture(params=KINDS)
def attacked(request: pytest.FixtureRequest, packages: dict, attacker: tuple) -> Attacked:
    form, attack, suffix = attacker
    package, trust = packages[request.param, form]
    return package, attack, suffix, trust


def test_a_tenth_of_the_faults(attacked: Attacked, tmp_path: Path) -> None:
    run_trials(attacked, tmp_path, range(TRIALS // 10))


@pytest.mark.soak
def test_all_faults(attacked: Attacked, tmp_path: Path) -> None:
    run_trials(attacked, tmp_path, range(TRIALS))


def test_no_byte_of_the_zip_is_loose(
    sealed: Callable[..., Path], trust_of: Callable, key: SigningKey, tmp_path: Path
) -> None:
    data, trust, target = sealed().read_bytes(), trust_of(key), tmp_path / "flipped.zip"
    for position in range(0, len(data), 97):
        target.write_bytes(
            data[:position] + bytes([data[position] ^ 1 << position % 8]) + data[position + 1 :]
        )
        assert verify(target, trust).verdict == "FAILED", position
