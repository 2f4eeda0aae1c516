"""Sample papers of the demo's case: report, four drafts, workbook, and the answers as JSON.

    countermark demo --out demo
    python examples/case/make.py demo --out samples

Every name is made up. What a person adds to the case stands beside this file; some of it is left out on
purpose, so that the papers show open questions, too.
"""

import argparse
import csv
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
POLICIES = HERE.parent / "policies"
CLAIMS = "us-contract,eu-trade-secret"
DRAFTS = ("preservation-letter", "breach-notice", "certificate-902", "exhibit-list")
NAMES = ("--facts", HERE / "facts.yaml")
FIELDS = ("account_id", "terms_id", "version", "accepted", "record_sha256", "source")
TERMS = {"2026-03": ("2026-03-01", "2026-05-31"), "2026-06": ("2026-06-01", "")}


def countermark(*words: str | Path) -> str:
    """What the program prints; it stops here where the program does."""
    command = [sys.executable, "-m", "countermark", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[3:6])}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def accounts_found(demo: Path) -> list[str]:
    """The accounts that the findings name, in order."""
    members = pq.read_table(demo / "findings" / "members.parquet", columns=["account_id"])
    return sorted(set(members["account_id"].to_pylist()))


def acceptances(accounts: list[str], path: Path) -> None:
    """Records of acceptance: most accounts before the window, some on its third day, some not at all."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(FIELDS)
        for account in accounts:
            digest = hashlib.sha256(f"consent of {account}".encode()).hexdigest()
            turn = int(digest[:2], 16) % 8
            if turn < 2:
                continue  # no record: no clause is shown to have bound it
            accepted = "2026-03-03T12:00:00Z" if turn == 2 else f"2026-02-2{turn}T09:00:00Z"
            rows.writerow((account, "example-usage", "2026-03", accepted, digest, "table of consents"))


def gather(demo: Path, place: Path) -> Path:
    """The case folder with everything that stands beside this file; gives it."""
    case, book = place / "case", place / "book"
    for part in sorted(demo.glob("book*")):
        copy = shutil.copytree if part.is_dir() else shutil.copy2
        copy(part, place / part.name)
    case_id = json.loads((demo / "trust.json").read_text(encoding="utf-8"))["cases"][0]
    countermark("case", "open", case, "--id", case_id, "--matter", "demo", "--log", book)
    countermark("case", "add", "plan", case, demo / "plan.json")
    log = (demo / "logs", demo / "accounts.csv")
    acquire(case, log, "log", "gateway log, and accounts", "the service", "routine")
    acquire(case, (demo / "leaked.jsonl",), "corpus", "a corpus of 500 texts", "a public file store", "case")
    for version, (effective, ended) in TERMS.items():
        text = POLICIES / f"example-usage-{version}.txt"
        named = ("--id", "example-usage", "--version", version, "--title", "Usage policy")
        days = ("--effective", effective, *(("--ended", ended) if ended else ()))
        countermark("case", "add", "terms", case, text, *named, *days)
    acceptances(accounts_found(demo), place / "acceptances.csv")
    countermark("case", "add", "acceptances", case, place / "acceptances.csv")
    plan = ("--plan", "networks", "--hypothesis", "H1", "--acquisition", "log")
    countermark("case", "add", "findings", case, demo / "findings", "--events", demo / "events", *plan)
    countermark("case", "add", "scan", case, demo / "scan", "--acquisition", "corpus")
    return case


def acquire(case: Path, what: tuple[Path, ...], name: str, words: str, source: str, purpose: str) -> None:
    """Record who took the evidence, from where and when."""
    who = ("--id", name, "--by", "Ann Example", "--role", "abuse analyst", "--what", words)
    how = ("--source", source, "--purpose", purpose, "--method", "copy", "--clock-source", "ntp")
    when = ("--started", "2026-03-06T08:00:00Z", "--ended", "2026-03-06T08:20:00Z", "--offset-seconds", "0")
    countermark("case", "add", "acquisition", case, *what, *who, *how, *when)


def seal(demo: Path, case: Path, place: Path) -> tuple[Path, Path]:
    """Seal the case and write a trust file: the package, and the trust file."""
    package, trust = place / "case.zip", place / "trust.json"
    known = json.loads((demo / "trust.json").read_text(encoding="utf-8"))
    countermark("log", "publish", place / "book", "--at-once")
    signer = json.dumps(known["signers"][0])
    log = [word for key in known["logs"] for word in ("--log", key)]
    countermark("case", "trust", "--signer", signer, *log, "--case", known["cases"][0], "--out", trust)
    key = ("--key", demo / "analyst.key", "--by", "Ann Example, abuse analyst")
    countermark("case", "seal", case, *key, "--trust", trust, "--out", package)
    return package, trust


def write_papers(package: Path, trust: Path, out: Path) -> None:
    """Report, drafts and workbook, each with its JSON."""
    common = (package, "--trust", trust, *NAMES, "--claims", CLAIMS)
    inputs = HERE / "damages.yaml"
    terms = ("--policies", POLICIES)
    papers = {"report": ("report", *common, *terms, "--damages", inputs)}
    papers |= {kind: ("draft", kind, *common, *(terms if kind == "breach-notice" else ())) for kind in DRAFTS}
    for name, words in papers.items():
        said = countermark("case", *words, "--out", out / f"{name}.pdf", "--json")
        (out / f"{name}.json").write_text(said, encoding="utf-8")
    said = countermark("case", "damages", inputs, "--out", out / "damages.xlsx", "--json")
    (out / "damages.json").write_text(said, encoding="utf-8")
    said = countermark("terms", "applies", package, "--trust", trust, "--policies", POLICIES, "--json")
    (out / "terms.json").write_text(said, encoding="utf-8")


def main() -> None:
    """Gather, seal, write."""
    parser = argparse.ArgumentParser(description="Make the sample papers of the demo's case.")
    parser.add_argument("demo", type=Path, help="folder that `countermark demo --out` wrote")
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    given = parser.parse_args()
    given.out.mkdir(parents=True)
    place = given.out / "case-work"
    place.mkdir()
    package, trust = seal(given.demo, gather(given.demo, place), place)
    write_papers(package, trust, given.out)


if __name__ == "__main__":
    main()
