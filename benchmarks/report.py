"""The report of a large case: how long it takes, the same bytes twice, PDF/A-2b by veraPDF.

    .venv/bin/python benchmarks/report.py [ACCOUNTS REQUESTS]

The case is that of `evidence_case.py`, sealed once. Each report reads and verifies the sealed package, and
that takes time by the number of requests: `countermark verify` alone stands beside it. Prints JSON, and exits
with 1 where a figure is missed.
"""

import json
import sys
from pathlib import Path

from countermark.records.canonical import file_sha256
from evidence_setting import COUNTERMARK, FOLDER, HERE, Found, ran
from evidence_size import Case

RUNS = 3
CLAIMS = "us-contract,eu-trade-secret"
MOST_SECONDS, LEAST_EXHIBITS = 10, 12


def sealed_case(accounts: int, requests: int) -> tuple[Case, Path]:
    """The case folder with its trust file, and the package that is sealed from it; both made once."""
    folder = FOLDER / f"case-{requests}-{accounts}-0"
    ran([sys.executable, HERE / "evidence_case.py", folder, str(requests), str(accounts), "0"])
    case, package = Case(folder), folder / "report.zip"
    if not package.exists():
        ran(case.seal(package))
    return case, package


def report(case: Case, package: Path, out: Path) -> Found:
    """Time and memory of one report."""
    given = ["--trust", case.folder / "trust.json", "--claims", CLAIMS, "--out", out]
    return ran([*COUNTERMARK, "case", "report", package, *given])


def content(case: Case, package: Path, pdf: Path) -> Found:
    """How much the report holds."""
    import pypdfium2

    from countermark.prove.dossier.read import read_dossier
    from countermark.prove.package.trustfile import read_trust

    dossier = read_dossier(package, trust=read_trust(case.folder / "trust.json"), facts=None)
    pages = len(pypdfium2.PdfDocument(pdf))
    return {"exhibits": len(dossier.exhibits), "pages": pages, "bytes": pdf.stat().st_size}


def measure(accounts: int, requests: int) -> Found:
    """Several reports of one case, the slowest counts; and what veraPDF says of one."""
    from verapdf import rules_broken

    case, package = sealed_case(accounts, requests)
    outs = [case.folder / f"report-{number}.pdf" for number in range(RUNS)]
    took = [report(case, package, out) for out in outs]
    return {
        "accounts": accounts,
        "requests": requests,
        **content(case, package, outs[0]),
        "verify alone": ran(case.verify(package, COUNTERMARK)),
        "reports": took,
        "slowest": max(run["seconds"] for run in took),
        "same bytes": len({file_sha256(out) for out in outs}) == 1,
        "rules of PDF/A-2b broken": rules_broken(outs[:1])[0],
    }


def main() -> None:
    """Measure, print, and say by the exit code whether the figures are reached."""
    accounts, requests = (int(one) for one in sys.argv[1:] or ("25000", "100000"))
    found = measure(accounts, requests)
    print(json.dumps(found, indent=2))
    reached = (
        found["slowest"] < MOST_SECONDS,
        found["exhibits"] >= LEAST_EXHIBITS,
        found["same bytes"],
        not found["rules of PDF/A-2b broken"],
    )
    sys.exit(not all(reached))


if __name__ == "__main__":
    main()
