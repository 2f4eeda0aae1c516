"""How often a kind is wrong: harvest, pool and benign groups of four generated worlds, over many seeds.

    python benchmarks/kinds.py [SEEDS] [--worlds demo a b c] [--processes 2]

Each world is run with and without its planted groups: the demo's, and the three in tests/heldout, which were
written without sight of the detector and have been looked at since. Outcomes are kept under .cache/kinds/, a
folder for each state of the source, so that a run that was stopped goes on. Prints the tables of
docs/benchmarks.md (`kind_tables` says what is counted); a run over all worlds also writes the counts that
`detect` reports beside every kind
(src/countermark/detect/kind_errors.json).
"""

import argparse
import hashlib
import importlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec

from countermark import __version__
from countermark.capture.run import CaptureOptions, capture_logs
from countermark.detect.findings_folder import read_earlier_members
from countermark.detect.run import DetectOptions, detect_networks
from countermark.world.plan import WorldPlan
from countermark.world.provider import write_world
from kind_tables import counts, shortfalls, tables

ROOT = Path(__file__).parents[1]
HELD_OUT = ROOT / "tests" / "heldout"
RATES = ROOT / "src" / "countermark" / "detect" / "kind_errors.json"
CACHE = ROOT / ".cache" / "kinds"
WORLDS = ("demo", "a", "b", "c")
WHAT_DECIDES = ("capture", "detect", "records", "stats", "store", "world")

sys.path.insert(0, str(HELD_OUT))


def source_digest() -> str:
    """Of all that an outcome depends on; the rates themselves and the report's looks are left out."""
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "src" / "countermark").rglob("*"), *HELD_OUT.glob("*.py")]):
        inside = path.is_relative_to(HELD_OUT) or path.parts[len(ROOT.parts) + 2] in WHAT_DECIDES
        if inside and path.suffix in (".py", ".yaml") and "report" not in path.parts:
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def write_one(world: str, seed: int, folder: Path, *, planted: bool) -> dict[str, Any]:
    """Write the logs of a world and give its truth."""
    if world == "demo":
        plan = WorldPlan.demo() if planted else WorldPlan.benign()
        truth: dict[str, Any] = msgspec.to_builtins(write_world(folder, plan, seed))
        (folder / "truth.json").unlink()
        return truth
    truth = importlib.import_module(f"world_{world}").write(folder, seed, benign_only=not planted)
    return {**truth, "look_alikes": {}}


def outcome(world: str, seed: int, *, planted: bool) -> dict[str, Any]:
    """One world through capture and detect, scored."""
    from score import score

    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="countermark-") as name:
        place = Path(name)
        truth = write_one(world, seed, place / "logs", planted=planted)
        (place / "logs" / "accounts.csv").rename(place / "accounts.csv")
        capture_logs(
            CaptureOptions(
                [str(place / "logs")],
                place / "events",
                format="litellm",
                accounts=place / "accounts.csv",
                hash_key=place / "keys.json",
                threads=1,
            )
        )
        shutil.rmtree(place / "logs")
        findings = detect_networks(DetectOptions(place / "events", place / "findings", threads=1))
        members = {one: set(accounts) for one, accounts in read_earlier_members(place / "findings").items()}
    campaigns = [{"campaign_id": one.campaign_id, "kind": one.kind} for one in findings.campaigns]
    scored = score(truth, campaigns, members)
    pool = {part["campaign_id"] for part in scored["pool"]["parts"]}
    return {
        "world": world,
        "seed": seed,
        "planted": planted,
        "seconds": round(time.monotonic() - started, 1),
        **scored,
        "benign_groups": benign_groups(truth, members),
        "benign_called_harvest": len(set(scored["benign_harvest"]) - pool),
    }


def keep(path: Path, world: str, seed: int, *, planted: bool) -> dict[str, Any]:
    """The outcome, written to the cache by the process that has it."""
    result = outcome(world, seed, planted=planted)
    path.with_suffix(".partial").write_text(json.dumps(result))
    path.with_suffix(".partial").rename(path)
    return result


def benign_groups(truth: dict[str, Any], members: dict[str, set[str]]) -> int:
    """Campaigns that are mostly unplanted accounts, and look-alike groups that no campaign holds half of."""
    planted = {account for network in truth["harvest"] for account in network["accounts"]} | set(
        truth["pool"]
    )
    reported = sum(2 * len(accounts & planted) < len(accounts) for accounts in members.values())
    groups = [set(accounts) for accounts in truth["look_alikes"].values()]
    return reported + sum(
        all(2 * len(group & one) < len(group) for one in members.values()) for group in groups
    )


def outcomes(worlds: list[str], seeds: int, processes: int) -> Iterator[dict[str, Any]]:
    """All outcomes, from the cache where they are there, in no particular order."""
    cache = CACHE / source_digest()
    cache.mkdir(parents=True, exist_ok=True)
    left = []
    for seed in range(seeds):
        for world in worlds:
            for planted in (True, False):
                path = cache / f"{world}-{'planted' if planted else 'benign'}-{seed}.json"
                if path.exists():
                    yield json.loads(path.read_bytes())
                else:
                    left.append((path, world, seed, planted))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(keep, path, w, s, planted=planted): path for path, w, s, planted in left}
        for done, future in enumerate(as_completed(running), 1):
            result = future.result()
            print(f"{done}/{len(left)} {running[future].stem}: {result['seconds']:.0f} s", file=sys.stderr)
            yield result


def main() -> None:
    """Run what is missing, print the tables, write the rates."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("seeds", type=int, nargs="?", default=10)
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=list(WORLDS))
    parser.add_argument("--processes", type=int, choices=(1, 2), default=2)
    options = parser.parse_args()
    results = list(outcomes(options.worlds, options.seeds, options.processes))
    print("\n".join(tables(results, options.worlds)))
    print("\n".join(["", *shortfalls(results)]))
    if set(options.worlds) != set(WORLDS):
        print("not all worlds: the rates that detect reports stay as they are", file=sys.stderr)
        return
    measured_on = (
        f"generated worlds: the demo's and three more, all seen while thresholds were chosen, "
        f"{options.seeds} seeds each, with and without planted groups; countermark {__version__}"
    )
    RATES.write_text(json.dumps({"measured_on": measured_on, "counts": counts(results)}, indent=2) + "\n")


if __name__ == "__main__":
    main()
