"""Pictures of the attribution benchmark: p under the null, p against tokens, p against marked share."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attribution_cases_marks import Keys, closed
from attribution_mark_tables import OPEN, PLAIN, WEIGHTED
from attribution_marked import SUSPECT_ANSWER
from attribution_pictures import curves, qq
from attribution_results import Case, log10_p
from attribution_tables import Done

SIZES = (2_000, 5_000, 10_000, 50_000, 100_000)
"""Beside those of 25,000 and 250,000 that the table of shares has."""
STUDENTS = ("k1-100", "k2-100", "k1-010", "k2-010")
LEVELS = (-3, -6, -30)


def prefixes(zoo: Any) -> Iterator[Case]:
    """The first tokens of what was sampled most of, students and a control."""
    for student in (*STUDENTS, "k0-a"):
        name = f"student-{student}-scratch"
        source = zoo.path(f"suspects/{name}-250k/answers.jsonl")
        for width in (1, 2) if student == "k0-a" else (int(student[1]),):
            keys: Keys = (("t0", width),)
            for size in SIZES if source.exists() else ():
                case = closed("tokens", name, f"{size // 1000}k", keys, "reported")
                target = zoo.path(f"prefixes/{name}-{size // 1000}k/answers.jsonl")
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with source.open("rb") as lines:
                        target.write_bytes(b"".join(itertools.islice(lines, size // SUSPECT_ANSWER)))
                yield Case(case.table, case.name, str(target.relative_to(zoo.folder)), "reported", case.how)


def draw(folder: Path, done: dict[str, Done], null: dict[str, dict[str, list[float]]]) -> None:
    """All pictures for which there are results; `null` has p-values by picture and test."""
    for name, series in null.items():
        usable = {test: found for test, found in series.items() if len(found) >= 20}
        if usable:
            qq(folder / f"attribution-null-{name}.svg", usable, f"p under the null: {name}")
    tokens: dict[str, list[tuple[float, float]]] = {}
    sized = [one for one in done.get("shares", []) if one[0].how["setting"] == "closed"]
    sized = [one for one in sized if one[0].table == "share" and _of_curve(str(one[0].how["model"]))]
    for case, result in [*done.get("tokens", []), *sized, *done.get("controls", [])]:
        student, size = case.how["model"].split("-", 1)[1], float(str(case.how["tokens"])[:-1]) * 1000
        width = case.how["keys"][0][1]
        control = student.startswith("k0")
        label = f"control, k={width}" if control else f"k={width}, {int(student[3:6])}% marked"
        for kind, test in (("weighted", WEIGHTED), ("plain", PLAIN)):
            if kind == "weighted" or student[3:6] == "100":
                _add(tokens, f"{label}, {kind}", size, log10_p(result, test))
    if tokens:
        title = "Text alone, a student from scratch"
        picture = folder / "attribution-tokens.svg"
        curves(picture, _six(tokens), title=title, across="suspect tokens", levels=LEVELS)
    share: dict[str, list[tuple[float, float]]] = {}
    for case, result in done.get("shares", []):
        parts = case.how["model"].removeprefix("student-").split("-")
        if parts[-1] != "scratch" or parts[0] == "k4" or "wrong" in case.table:
            continue
        name, test = {"25k": ("25,000 tokens", WEIGHTED), "250k": ("", ""), "logits": ("logits", OPEN)}[
            str(case.how["tokens"])
        ]
        if name:
            _add(share, f"k={parts[0][1:]}, {name}", float(parts[1]), log10_p(result, test))
    if share:
        across = "marked share of the student's texts, percent"
        picture = folder / "attribution-share.svg"
        curves(
            picture, share, title="Reference-weighted, a student from scratch", across=across, levels=LEVELS
        )


def _of_curve(model: str) -> bool:
    return model.removeprefix("student-").removesuffix("-scratch") in STUDENTS


def _add(series: dict[str, list[tuple[float, float]]], name: str, x: float, y: float | None) -> None:
    if y is not None:
        series.setdefault(name, []).append((x, y))


def _six(series: dict[str, Any]) -> dict[str, Any]:
    """A picture holds six; the control is one of them."""
    names = sorted(series, key=lambda one: ("control" in one and "plain" in one, "plain" in one))
    return {name: series[name] for name in names[:6]}
