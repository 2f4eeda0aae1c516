"""What the two commands find in two public data sets, and in the first of them with its odd days shuffled.

    python benchmarks/real_data.py DATA [--seeds 3] [--into docs/real-data.md]

DATA is a folder with `german_elections.parquet` and `fake_stars.csv.gz`, described in docs/real-data.md.
The figures are printed as Markdown tables; `--into` also writes them between the page's two markers.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from real_data_tables import (
    CALIBRATION,
    OVERVIEW,
    STRONGEST,
    STRONGEST_HEADER,
    Cost,
    Outcome,
    calibration,
    overview,
    shuffled_runs,
    sizes,
    strongest,
    table,
)

BEGIN, END = "<!-- figures: written by benchmarks/real_data.py -->", "<!-- end of figures -->"
ELECTIONS_MAP = ("account_id=account_id", "object_hash=url_id", "ts=timestamp")
STARS_MAP = ("account_id=name", "object_hash=github", "ts=starred_at")
DAY = 86_400


def command(*arguments: str) -> Cost:
    """Run one command of the product; 0, 10 (found) and 11 (the data cannot decide) are answers."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "countermark", *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 10, 11):
        raise SystemExit(f"countermark {' '.join(arguments)}\n{said}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(time.perf_counter() - started, peak, process.returncode)


def run(source: Path, fields: tuple[str, ...], folder: Path, *options: str) -> Outcome:
    """Both commands on one log, as docs/real-data.md prints them."""
    events, findings = folder / "events", folder / "findings"
    mapping = [part for field in fields for part in ("--map", field)]
    hash_key = ("--hash-key", str(folder / "hash-key.json"))
    source_options = ("--format", "table", *mapping, *options, *hash_key)
    capture = command("capture", "logs", str(source), *source_options, "--out", str(events))
    detect = command("detect", str(events), "--out", str(findings))
    manifest = json.loads((events / "capture.json").read_bytes())
    method = json.loads((findings / "method.json").read_bytes())
    return Outcome(
        capture=capture,
        detect=detect,
        requests=manifest["counts"]["requests"] - manifest["counts"]["duplicates_dropped"],
        findings=json.loads((findings / "findings.json").read_bytes()),
        candidates=method["detection"]["candidates"],
        members=pq.read_table(findings / "members.parquet"),
    )


def fifths(account: NDArray[np.int64]) -> NDArray[np.int64]:
    """Shape (accounts,): the fifth, by number of requests, that each account is in.

    `detect` compares within narrower strata; what is exchangeable in wide ones is in narrower ones too.
    """
    requests = np.bincount(account)
    edges = np.unique(np.quantile(requests, [0.2, 0.4, 0.6, 0.8]))
    found: NDArray[np.int64] = np.searchsorted(edges, requests, side="left").astype(np.int64)
    return found


def dealt(cell: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """A permutation of the positions that moves each one within its cell; shape of `cell`."""
    source = np.empty(cell.size, np.int64)
    source[np.argsort(cell, kind="stable")] = np.lexsort((generator.random(cell.size), cell))
    return source


def shuffled(log: pa.Table, what: str, generator: np.random.Generator) -> pa.Table:
    """The log with its odd days shuffled among accounts of one fifth; even days stay.

    `objects`: posts keep account and time, their objects are dealt out anew. `objects of a day`: the
    same, each day for itself. `histories`: all that an account did on odd days goes to another one.
    """
    names, account = np.unique(log.column("account_id").to_pylist(), return_inverse=True)
    fifth = fifths(account)
    day = log.column("timestamp").to_numpy() // DAY
    odd = np.flatnonzero(day % 2 == 1)
    if what == "histories":
        heir = dealt(fifth, generator)
        account[odd] = heir[account[odd]]
        return log.set_column(
            log.schema.get_field_index("account_id"), "account_id", pa.array(names[account])
        )
    cell = fifth[account[odd]] * (day.max() + 1) + (day[odd] if what == "objects of a day" else 0)
    source = np.arange(log.num_rows)
    source[odd] = odd[dealt(cell, generator)]
    return log.set_column(log.schema.get_field_index("url_id"), "url_id", log.column("url_id").take(source))


CONTROLS = ("objects", "objects of a day", "histories")


def controls(log: pa.Table, seeds: int, folder: Path) -> list[list[str]]:
    """One row a control and seed; the log goes through both commands each time."""
    rows = []
    for what in CONTROLS:
        for seed in range(seeds):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                source = Path(place) / "log.parquet"
                pq.write_table(shuffled(log, what, np.random.default_rng(seed)), source)
                outcome = run(source, ELECTIONS_MAP, Path(place), "--time-unit", "s")
            rows.append([what, str(seed), *calibration(outcome)])
    return rows


def parities(accounts: pa.ChunkedArray, seconds: pa.ChunkedArray) -> list[str]:
    """How many accounts act on even days (since 1970) only, on odd days only, on both."""
    odd = pc.bit_wise_and(pc.divide(seconds, DAY), 1)
    days = pa.table({"account": accounts, "odd": odd}).group_by("account").aggregate([("odd", "mean")])
    share = days.column("odd_mean").to_numpy()
    return [
        f"{int(n):,}" for n in ((share == 0).sum(), (share == 1).sum(), ((share > 0) & (share < 1)).sum())
    ]


def figures(data: Path, seeds: int, folder: Path) -> str:
    """Everything that the page quotes."""
    elections = pq.read_table(data / "german_elections.parquet")
    stars = pyarrow.csv.read_csv(data / "fake_stars.csv.gz")
    for name in ("elections", "stars"):
        (folder / name).mkdir()
    of_posts = run(data / "german_elections.parquet", ELECTIONS_MAP, folder / "elections", "--time-unit", "s")
    of_stars = run(data / "fake_stars.csv.gz", STARS_MAP, folder / "stars")
    columns = [
        overview("german_elections", of_posts, len(pc.unique(elections.column("account_id")))),
        overview("fake_stars", of_stars, len(pc.unique(stars.column("name")))),
    ]
    first, *rest = (list(row) for row in zip(OVERVIEW, *columns, strict=True))
    lines = table(first, rest)
    linked = elections.filter(pc.is_valid(elections.column("url_id")))
    starred = stars.column("starred_at").cast(pa.timestamp("s", "UTC")).cast(pa.int64())
    rows = [
        ["german_elections", *parities(linked.column("account_id"), linked.column("timestamp"))],
        ["fake_stars", *parities(stars.column("name"), starred)],
    ]
    lines += table(
        ["accounts that shared an object", "on even days only", "on odd days only", "on both"], rows
    )
    lines += [sizes(of_posts), "", f"The strongest {STRONGEST}:", ""]
    lines += table(STRONGEST_HEADER, strongest(of_posts, elections))
    log = elections.select(["account_id", "url_id", "timestamp"])
    log = log.group_by(log.column_names, use_threads=False).aggregate([])
    wrong = controls(log, seeds, folder)
    lines += table(CALIBRATION, [["nothing", "", *calibration(of_posts)], *wrong])
    return "\n".join([*lines, shuffled_runs(wrong), ""])


def main() -> None:
    """Print the figures; put them into the page where one is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="shuffles of each sort")
    parser.add_argument("--into", type=Path, help="page whose figures are replaced")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = figures(options.data, options.seeds, Path(folder))
    print(text)
    if options.into:
        before, _, rest = options.into.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        options.into.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
