"""Seal, verify and redact a large case; plain files and leaves alone; peers on the same files."""

import shutil
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from evidence_setting import COUNTERMARK, FOLDER, HERE, SINGLE, Found, ran, read_once, size_of


class Case(NamedTuple):
    """A case folder of `evidence_case.py`, with its key, trust file and list of half of the accounts."""

    folder: Path

    def seal(self, out: Path) -> list[str | Path]:
        """The command."""
        given = ["--key", self.folder / "signer.key", "--trust", self.folder / "trust.json", "--out", out]
        return [*COUNTERMARK, "case", "seal", self.folder / "case", *given, "--include-events", "--overwrite"]

    def redact(self, package: Path, out: Path) -> list[str | Path]:
        """The command that takes half of the accounts out."""
        given = ["--key", self.folder / "signer.key", "--trust", self.folder / "trust.json", "--out", out]
        what = ["--accounts", self.folder / "half.txt", "--ground", "personal-data", "--why", "half of them"]
        return [*COUNTERMARK, "case", "redact", package, *given, *what, "--overwrite"]

    def verify(self, package: Path, tool: list[str]) -> list[str | Path]:
        """Of one of the verifiers."""
        verb = ["verify"] if tool is COUNTERMARK else []
        return [*tool, *verb, package, "--trust", self.folder / "trust.json"]


def case(rows: int, accounts: int, plain: int = 0) -> Case:
    """A case of this size, with so many MB of plain files beside the findings; made once."""
    folder = FOLDER / f"case-{rows}-{accounts}-{plain}"
    words = [str(one) for one in (rows, accounts, plain)]
    ran([sys.executable, HERE / "evidence_case.py", folder, *words])
    return Case(folder)


def size(rows: int, accounts: int) -> Found:
    """Seal and verify, as a folder and as a zip; take half of the accounts out, and verify the rest."""
    one = case(rows, accounts)
    found: Found = {"rows": rows, "accounts": accounts}
    for name in ("package", "package.zip"):
        package, rest = one.folder / name, one.folder / f"rest-{name}"
        form = "zip" if package.suffix else "folder"
        found[f"seal {form}"] = ran(one.seal(package))
        found[f"bytes {form}"] = size_of(package)
        for tool, title in ((COUNTERMARK, "countermark verify"), (SINGLE, "countermark-verify")):
            found[f"{title} {form}"] = ran(one.verify(package, tool))
        found[f"redact {form}"] = ran(one.redact(package, rest))
        found[f"bytes rest {form}"] = size_of(rest)
        for tool, title in ((COUNTERMARK, "countermark verify"), (SINGLE, "countermark-verify")):
            found[f"{title} rest {form}"] = ran(one.verify(rest, tool))
        for path in (package, rest):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return found


def plain(megabytes: int, runs: int = 3) -> Found:
    """Verifiers and peers over a package of plain files, the quickest of some runs each, read once before."""
    one = case(2_000, 50, megabytes)
    package = one.folder / "package"
    ran(one.seal(package))
    read_once(package)
    files = sorted(one.relative_to(package) for one in (package / "data").rglob("*") if one.is_file())
    commands = {
        "sha256sum --check": (["sha256sum", "--check", "--quiet", "manifest-sha256.txt"], package),
        "openssl dgst -sha256": (["openssl", "dgst", "-sha256", *files], package),
        "countermark verify": (one.verify(package, COUNTERMARK), HERE.parent),
        "countermark-verify": (one.verify(package, SINGLE), HERE.parent),
        "bagit.py": ([sys.executable, "-m", "bagit", "--quiet", "--validate", package], package),
        "bagit.py, two processes": (
            [sys.executable, "-m", "bagit", "--quiet", "--processes", "2", "--validate", package],
            package,
        ),
    }
    took: dict[str, list[Found]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, (command, within) in commands.items():
            took[name].append(ran(command, within=within))
    best = {name: min(several, key=lambda run: run["seconds"]) for name, several in took.items()}
    found: Found = {"bytes": size_of(package), "runs": runs} | best
    shutil.rmtree(package)
    return found


def leaves(rows: int, accounts: int) -> Found:
    """Make and check the leaves of the request table alone, in one thread; the table is read once before."""
    from countermark.prove.leaves.leaves import check_leaves, write_leaves

    one = case(rows, accounts)
    package = one.folder / "package"
    ran(one.seal(package))
    name = "data/tables/requests.jsonl"
    read_once(package / name)
    begin, made = time.perf_counter(), BytesIO()
    with (package / name).open("rb") as stream:
        root = write_leaves(name, "rows", stream, made, None)
    written, _ = time.perf_counter(), made.seek(0)
    with (package / name).open("rb") as stream:
        assert check_leaves(name, "rows", stream, made) == (root, {})
    checked = time.perf_counter()
    found = {"rows": root.count, "bytes": size_of(package / name), "load": 0.0}
    shutil.rmtree(package)
    return found | {"write": round(written - begin, 2), "check": round(checked - written, 2)}
