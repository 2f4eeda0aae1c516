"""The tables of docs/benchmarks.md, section Together, from the results of `joint.py`."""

from collections.abc import Iterator
from typing import Any

Found = dict[str, Any]


def table(found: Found, command: str, cores: int) -> Iterator[str]:
    """Lines of Markdown of what was measured."""
    yield f"    {command}"
    yield ""
    yield f"{cores} cores. Load: mean length of the run queue in the minute before; of a quiet machine 0."
    yield from ["", "| | to reach | found | processor time | load |", "| --- | --- | --- | --- | --- |"]
    yield from _arithmetic(found)
    yield from _overlaps(found)
    yield from _checks(found.get("checks"))
    yield from _errors(found.get("errors"))
    yield from _cheats(found.get("cheats"))


def _row(what: str, reach: str, seen: str, took: Found | None = None, *, cpu: str = "") -> str:
    beside = [f"{took['cpu']:.1f} s", str(took["load"])] if took else [cpu, ""]
    return f"| {' | '.join([what, reach, seen, *beside])} |"


def _arithmetic(found: Found) -> Iterator[str]:
    if vectors := found.get("vectors"):
        seen = "; ".join(f"{name}: {one['passed']} of {one['of']}" for name, one in vectors.items())
        yield _row("vectors that pass", "all", seen)


def _overlaps(found: Found) -> Iterator[str]:
    if one := found.get("overlap"):
        first, second = one["sizes"]
        name = f"overlap of {first:,} with {second:,}, whole"
        yield _row(name, "10 s", f"{one['whole']['seconds']} s", one["whole"])
        yield _row("— of it both prepare", "", f"{one['prepared']['seconds']} s", one["prepared"])
        yield _row("— of it both run, and the operator", "", f"{one['ran']['seconds']} s", one["ran"])
    if alone := found.get("arithmetic"):
        load = alone["blind"]["load"]
        name = f"its arithmetic alone, two threads ({alone['size']:,} each)"
        yield _row(name, "", f"{alone['seconds']} s", alone | {"load": load})
    if peer := found.get("peer"):
        name = f"openmined-psi 2.0.6, size only, {peer['size of sets']:,} with as many, one process"
        yield _row(name, "", f"{peer['seconds']} s", peer)
        if one and alone:
            whole = one["whole"]
            wall, cpu = (
                f"{whole[what] / peer[what]:.2f}; {alone[what] / peer[what]:.2f}"
                for what in ("seconds", "cpu")
            )
            yield _row("ours over openmined-psi's: whole; arithmetic", "", wall, cpu=cpu)
    if one := found.get("million"):
        first, second = one["sizes"]
        took = one["prepared"]
        yield _row(f"prepare {second:,}", "60 s", f"{took['seconds']} s", took)
        yield _row(
            f"run {first:,} with {second:,}, both prepared", "60 s", f"{one['ran']['seconds']} s", one["ran"]
        )


def _checks(one: Found | None) -> Iterator[str]:
    if not one:
        return
    yield from ["", f"{one['tokens']:,} tokens, {one['hypotheses']} keys, four nodes with TLS:", ""]
    yield (
        "| in flight | checks a minute (1,000 to reach) | p50, p99 (ms) | processor time of a check (ms) "
        "| two cores by processor time, a minute | load |"
    )
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, row in one.items():
        if name.startswith("in flight"):
            cpu = row["cpu_ms_of_a_check"]
            parts = ", ".join(f"{who} {ms}" for who, ms in cpu.items())
            cells = [
                name.removeprefix("in flight "),
                f"{row['a minute']:,}",
                f"{row['p50_ms']}, {row['p99_ms']}",
            ]
            cells += [
                f"{sum(cpu.values()):.0f}: {parts}",
                f"{row['a minute by processor time']:,}",
                str(row["load"]),
            ]
            yield f"| {' | '.join(cells)} |"
    if http := one.get("null texts by HTTP"):
        yield ""
        yield (
            f"Null texts through these nodes, in matters of ten: {http['as by hand']} of {http['checks']} "
            f"are corrected as Holm by hand does, {http['marked']} are marked at alpha 0.01 a matter."
        )


def _errors(one: Found | None) -> Iterator[str]:
    if not one:
        return
    yield from ["", f"{one['texts']:,} null texts, {one['hypotheses']} keys of three members:", ""]
    levels = [name for name in one if name.startswith("alpha ")]
    yield f"| wrong marks (rate; one-sided 99% limits) | {' | '.join(levels)} |"
    yield f"| --- |{' --- |' * len(levels)}"
    for name in one[levels[0]]:
        yield f"| {name} | {' | '.join(_rate(one[level][name]) for level in levels)} |"
    for name in one:
        if name.startswith("marked"):
            yield f"| {name} | {one[name]['seen']} of {one[name]['of']} |{' |' * (len(levels) - 1)}"


def _rate(one: Any) -> str:
    if not isinstance(one, dict):
        return str(one)
    if "one-sided 99% limits" not in one:
        return f"{one['seen']:,} of {one['of']:,} ({one['rate']:.4f})"
    low, high = one["one-sided 99% limits"]
    return f"{one['seen']:,} of {one['of']:,} ({one['rate']:.4f}; {low:.4f}, {high:.4f})"


def _cheats(one: Found | None) -> Iterator[str]:
    if not one:
        return
    yield from ["", "| cheat | found | docs/private-overlap.md, docs/joint-check.md |", "| --- | --- | --- |"]
    says = {"enlarging": "refused", "the same list": "refused for ever", "wrong proofs": "void"}
    lies = [row for name, row in one.items() if name.startswith("a verdict with")]
    for name, row in one.items():
        if name.startswith("a verdict with") or name == "dropping, simulated":
            continue
        docs = row.get("docs") or next((text for key, text in says.items() if name.startswith(key)), "")
        if "caught" in row:
            yield f"| {name} | {row['caught']} of {row['of']} caught | {docs} |"
        elif "allowed" in row:
            yield f"| {name} | {row['allowed']} allowed, {row['refused']} refused | {docs} |"
        else:
            seen = "; ".join(f"{key}: {_said(value)}" for key, value in row.items())
            yield f"| {name} | {seen} | 2^21 points a run at most, one number from 25 on |"
    if lies:
        caught = sum(row["caught"] for row in lies)
        kinds = ", ".join(
            name.removeprefix("a verdict with ") for name in one if name.startswith("a verdict")
        )
        yield f"| a member's verdict with {kinds} | {caught} of {len(lies)} refused whole | refused whole |"
    for share, row in one.get("dropping, simulated", {}).items():
        low, high = row["99% interval"]
        seen = f"{row['passed']:,} of {row['of']:,} pass ({row['rate']}; 99%: {low} to {high})"
        yield f"| dropping {share}, simulated | {seen} | (1-f)^100 = {row['(1 - f)^100']} |"


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
