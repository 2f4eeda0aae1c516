"""The tables of docs/benchmarks.md, section Evidence, from the results of `evidence.py`."""

from collections.abc import Iterator

from evidence_setting import Found

SEAL_AND_VERIFY_S, MEGABYTES, LEAVES_S = 60, 2_000, 10
VERIFIERS = ("countermark verify", "countermark-verify")


def table(found: Found, command: str, cores: int) -> Iterator[str]:
    """Lines of Markdown of what was measured."""
    yield f"    {command}"
    yield ""
    yield f"{cores} cores. Load: mean length of the run queue in the minute before; of a quiet machine 0."
    if "size" in found:
        yield from _size(found["size"])
    if "plain" in found:
        yield from _plain(found["plain"])
    yield from ["", "| | to reach | found |", "|---|---|---|"]
    yield from _figures(found)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _took(what: str, took: Found, size: int | None = None) -> str:
    mega = f"{size / 1e6:,.0f} MB" if size else ""
    return _row(
        what,
        mega,
        f"{took['seconds']:.1f} s",
        f"{took['cpu']:.1f} s",
        f"{took['megabytes']:,} MB",
        str(took["load"]),
    )


def _size(one: Found) -> Iterator[str]:
    yield ""
    yield f"A case of {one['rows']:,} log rows and {one['accounts']:,} accounts, events included:"
    yield from ["", "| | size | wall | processor | peak memory | load |", "|---|--:|--:|--:|--:|--:|"]
    for form in ("folder", "zip"):
        yield _took(f"`case seal`, {form}", one[f"seal {form}"], one[f"bytes {form}"])
        for tool in VERIFIERS:
            yield _took(f"`{tool}`, {form}", one[f"{tool} {form}"])
        yield _took(
            f"`case redact` of half of the accounts, {form}", one[f"redact {form}"], one[f"bytes rest {form}"]
        )
        for tool in VERIFIERS:
            yield _took(f"`{tool}` of the rest, {form}", one[f"{tool} rest {form}"])


def _plain(one: Found) -> Iterator[str]:
    yield ""
    mega = one["bytes"] / 1e6
    how = f"from the page cache; the quickest of {one['runs']} runs each"
    yield f"A package of {mega:,.0f} MB of plain files, {how}:"
    yield from ["", "| | wall | processor | MB/s | wall to `sha256sum` |", "|---|--:|--:|--:|--:|"]
    base = one["sha256sum --check"]["seconds"]
    for name, took in one.items():
        if isinstance(took, dict):
            yield _row(
                f"`{name}`",
                f"{took['seconds']:.2f} s",
                f"{took['cpu']:.2f} s",
                f"{mega / took['seconds']:,.0f}",
                f"{took['seconds'] / base:.2f}",
            )


def _figures(found: Found) -> Iterator[str]:
    if one := found.get("size"):
        what = f"seal and verify {one['rows']:,} rows, {one['accounts']:,} accounts"
        for form in ("folder", "zip"):
            seal, each = one[f"seal {form}"], [one[f"{tool} {form}"] for tool in VERIFIERS]
            both = ", ".join(f"{seal['seconds'] + took['seconds']:.0f} s" for took in each)
            peak = max(took["megabytes"] for took in (seal, *each))
            yield _row(f"{what}, {form}, by either verifier", f"{SEAL_AND_VERIFY_S} s", both)
            yield _row("— peak memory", f"{MEGABYTES:,} MB", f"{peak:,} MB")
    if one := found.get("leaves"):
        seen = f"made in {one['write']:.1f} s, checked in {one['check']:.1f} s"
        yield _row(
            f"{one['rows']:,} row leaves alone ({one['bytes'] / 1e6:,.0f} MB), one thread",
            f"{LEAVES_S} s",
            seen,
        )
    if one := found.get("plain"):
        base = one["sha256sum --check"]["seconds"]
        seen = "; ".join(f"{base / one[tool]['seconds']:.2f} ({tool})" for tool in VERIFIERS)
        yield _row("plain files: speed over `sha256sum --check`", "1", seen)
    if one := found.get("trials"):
        caught = one["trials"] - len(one["missed"])
        whole = f"{one['whole']} of 10 whole ones verified"
        seen = f"{caught:,} of {one['trials']:,} found by both verifiers, {whole}"
        yield _row("random changes to ten packages", "all", seen)
    if one := found.get("kills"):
        left = ", ".join(f"{number} {what}" for what, number in sorted(one["left"].items()))
        yield _row(
            f"{one['kills']} kills of `case seal`", "whole or none", f"{left}; {len(one['wrong'])} wrong"
        )
