"""False positives of marks: (a) keys redrawn over fixed texts, (b) fixed keys over kinds of text.

    python benchmarks/watermark_calibration.py redraws [--schemes siphash-4 …] [--documents N]
    python benchmarks/watermark_calibration.py texts TOKENIZER.json [--documents 5000]

(a) counts how often a null document passes at 1e-2, 1e-4 and 1e-6, with one-sided 99% limits
(Clopper–Pearson) beside the size that the law promises. (b) takes 200 keys, each over every document of a
kind of text: the average over keys is nominal, and one key's rate is not where documents share templates, so
the operational alpha of a fixed key is taken from there. Results are kept under .cache/watermark/, a folder
for each state of the source; a run that was stopped goes on.
"""

import argparse
import hashlib
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from calibration_engines import ENGINES
from calibration_fixed_keys import fixed_key_tables
from calibration_redraws import OWN, Redraw
from countermark.stats.binomial import clopper_pearson
from tables import table

ROOT = Path(__file__).parents[1]
ALPHAS = (1e-2, 1e-4, 1e-6)
REDRAWS = {**OWN, **ENGINES}
CHUNK = 100_000


def cache_folder() -> Path:
    """Named by all that a result depends on."""
    digest = hashlib.sha256()
    for name in ("calibration_redraws.py", "calibration_engines.py"):
        digest.update((ROOT / "benchmarks" / name).read_bytes())
    source = ROOT / "src" / "countermark"
    for part in ("watermark/prf", "watermark/schemes", "stats"):
        for path in sorted((source / part).glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    folder = ROOT / ".cache" / "watermark" / digest.hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def drawn(redraw: Redraw, documents: int, folder: Path) -> dict[int, list[int]]:
    """Number of documents and passes at each alpha, a text each; chunk after chunk, each kept once done."""
    path = folder / f"{redraw.name.replace(' ', '-')}.jsonl"
    done: dict[int, Any] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        entry = json.loads(line)
        done[entry["chunk"]] = entry
    limits = {text: [redraw.critical(text, alpha)[0] for alpha in ALPHAS] for text in range(redraw.texts)}
    started = time.monotonic()
    with path.open("a") as stream:
        for chunk in range(math.ceil(documents / CHUNK)):
            text, size = chunk % redraw.texts, min(CHUNK, documents)
            if done.get(chunk, {}).get("documents") != size:
                statistics = redraw.statistics(text, np.random.default_rng([21, chunk]), size)
                passes = [int((statistics >= limit).sum()) for limit in limits[text]]
                done[chunk] = {"chunk": chunk, "text": text, "documents": size, "passes": passes}
                stream.write(json.dumps(done[chunk]) + "\n")
                stream.flush()
                print(f"{redraw.name} {chunk + 1}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    result = {text: [0] * (1 + len(ALPHAS)) for text in range(redraw.texts)}
    for chunk in range(math.ceil(documents / CHUNK)):
        counts = [done[chunk]["documents"], *done[chunk]["passes"]]
        result[done[chunk]["text"]] = [
            a + b for a, b in zip(result[done[chunk]["text"]], counts, strict=True)
        ]
    return result


def redraw_rows(redraw: Redraw, counts: dict[int, list[int]]) -> list[list[str]]:
    """A row an alpha: rate, limits, the law's size, the text that passes most, and whether they agree."""
    drawn_texts = {text: count for text, count in counts.items() if count[0]}
    total = sum(count[0] for count in drawn_texts.values())
    rows = []
    for at, alpha in enumerate(ALPHAS, start=1):
        passes = sum(count[at] for count in drawn_texts.values())
        size = sum(redraw.critical(text, alpha)[1] * count[0] for text, count in drawn_texts.items()) / total
        low, high = _limits(passes, total, 0.01)
        worst = max(count[at] / count[0] for count in drawn_texts.values())
        lows = [_limits(count[at], count[0], 0.01 / len(drawn_texts))[0] for count in drawn_texts.values()]
        verdict = "yes" if max(low, *lows) <= alpha else "ABOVE NOMINAL"
        if redraw.law != "bound" and not low <= size <= high:
            verdict += ", size outside"
        promised = {"continuous": f"{alpha:.0e}", "discrete": f"{size:.3e}", "bound": f"at most {alpha:.0e}"}
        figures = [f"{value:.4e}" for value in (passes / total, low, high, worst)]
        rows.append([redraw.name, f"{total:,}", promised[redraw.law], f"{passes:,}", *figures, verdict])
    return rows


def _limits(passes: int, total: int, miss: float) -> tuple[float, float]:
    """Clopper–Pearson, each limit missed with this probability at most."""
    return clopper_pearson(passes, total, 1 - (2 * miss if passes else miss))


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    redraws = parts.add_parser("redraws")
    redraws.add_argument("--schemes", nargs="+", choices=list(REDRAWS), default=list(REDRAWS))
    redraws.add_argument("--documents", type=int, default=0, help="instead of each scheme's own number")
    texts = parts.add_parser("texts")
    texts.add_argument("tokenizer", type=Path)
    texts.add_argument("--documents", type=int, default=5_000, help="of each kind of text")
    options = parser.parse_args()
    folder = cache_folder()
    if options.part == "texts":
        print(fixed_key_tables(options.tokenizer, options.documents, folder))
        return
    rows = []
    for name in options.schemes:
        redraw = REDRAWS[name]()
        redraw.check()
        rows += redraw_rows(redraw, drawn(redraw, options.documents or redraw.documents, folder))
    heads = [
        "scheme",
        "null documents",
        "size by law",
        "passed",
        "rate",
        "99% at least",
        "99% at most",
        "worst text",
        "holds",
    ]
    print(table(heads, rows))


if __name__ == "__main__":
    main()
