"""Cases of radioactivity: what students of marked texts show, beside students and keys that are unrelated."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attribution_marked import key_of, profile_of
from attribution_results import Case, Results, examined

REFERENCE = "models/base-00"
"""Our own model, unmarked."""
OTHER_REFERENCE = "models/student-k0-a-scratch"
SHARES = (100, 30, 25, 10, 3, 1)
LONG = "250k"
DECOYS = 99
Keys = tuple[tuple[str, int], ...]


def shares() -> Iterator[Case]:
    """Marked share, context width and start of the student; 25,000 and 250,000 tokens."""
    for width in (1, 2):
        for start in ("scratch", "other", "lora"):
            for share in SHARES:
                yield from _own(f"k{width}-{share:03d}-{start}", width)
    for start in ("scratch", "other"):
        yield from _own(f"k4-100-{start}", 4)


def _own(student: str, width: int) -> Iterator[Case]:
    expected = "reported" if student.split("-")[1] in ("003", "001") else "shown"
    for size in ("25k", LONG):
        yield closed("share", f"student-{student}", size, (("t0", width),), expected)
    yield opened("share", f"student-{student}", (("t0", width),), expected)
    yield closed("share, wrong key", f"student-{student}", "25k", (("t2", width),), "not shown")
    if student.endswith(("100-scratch", "010-scratch")):
        yield opened("share, wrong key", f"student-{student}", (("t2", width),), "not shown")


def controls() -> Iterator[Case]:
    """Students of unmarked texts and bases, under our keys; students of another marked teacher, too."""
    for width in (1, 2, 4):
        keys: Keys = (("t0", width),)
        for number in range(24) if width < 4 else ():
            yield closed("unrelated bases", f"base-{number:02d}", "25k", keys, "not shown")
        for student in ("k0-a-scratch", "k0-b-other", "k0-c-scratch"):
            for size in ("25k", LONG):
                yield closed("students of unmarked texts", f"student-{student}", size, keys, "not shown")
            yield opened("students of unmarked texts", f"student-{student}", keys, "not shown")
        sibling = "student-sibling-teacher-scratch"
        yield closed("student of a sibling teacher", sibling, "25k", keys, "not shown")
        yield opened("student of a sibling teacher", sibling, keys, "not shown")
    for width in (1, 2):
        wrong = f"student-wrong-k{width}-scratch"
        yield closed("student of another marked teacher", wrong, "25k", (("t0", width),), "not shown")
        yield opened("student of another marked teacher", wrong, (("t0", width),), "not shown")


def several() -> Iterator[Case]:
    """Three and two teachers with a key each, all keys asked for jointly; t2 has no part in the two."""
    for width in (1, 2):
        for number, expected in (("three", "shown"), ("two", "shown")):
            keys = tuple((f"t{one}", width) for one in range(3))
            yield closed("several teachers", f"student-{number}-k{width}-scratch", "25k", keys, expected)
            yield opened("several teachers", f"student-{number}-k{width}-scratch", keys, expected)
        yield closed("several teachers", "student-k0-a-scratch", "25k", keys, "not shown")


def attacks() -> Iterator[Case]:
    """Paraphrase before training, and an average with an unmarked model at inference."""
    for width in (1, 2):
        keys: Keys = (("t0", width),)
        yield closed("attacks", f"neutralised-k{width}", "25k", keys, "reported")
        yield closed("attacks", f"student-paraphrased-k{width}-50-scratch", "25k", keys, "reported")
        yield opened("attacks", f"student-paraphrased-k{width}-50-scratch", keys, "reported")
        yield closed("attacks", "student-k0-a-scratch", "25k", keys, "not shown")


def references() -> Iterator[Case]:
    """Another reference: a student of the teacher's unmarked texts, which is nearer to the suspect."""
    how = {"reference": OTHER_REFERENCE}
    for width in (1, 2):
        keys: Keys = (("t0", width),)
        for share in (100, 10):
            student = f"student-k{width}-{share:03d}-scratch"
            for size in ("25k", LONG):
                yield closed("another reference", student, size, keys, "shown", **how)
            yield opened("another reference", student, keys, "shown", **how)
        for size in ("25k", LONG):
            yield closed("another reference", "student-k0-b-other", size, keys, "not shown", **how)
        yield opened("another reference", "student-k0-b-other", keys, "not shown", **how)


def stories() -> Iterator[Case]:
    """The teacher of 512 tokens."""
    for width in (1, 2):
        how: dict[str, Any] = {"reference": "stories", "vocabulary": 512}
        keys: Keys = (("stories", width),)
        for student, expected in ((width, "shown"), (0, "not shown"), (3 - width, "not shown")):
            yield closed("512 tokens", f"student-stories-k{student}", "25k", keys, expected, **how)
            yield opened("512 tokens", f"student-stories-k{student}", keys, expected, **how)


def closed(table: str, name: str, size: str, keys: Keys, expected: str, **how: Any) -> Case:
    """Text alone."""
    title = f"{name} {size} keys {_names(keys)}"
    how = {"setting": "closed", "keys": keys, "tokens": size, "model": name, **how}
    return Case(table, title, f"suspects/{name}-{size}/answers.jsonl", expected, how)


def opened(table: str, name: str, keys: Keys, expected: str, **how: Any) -> Case:
    """With logits."""
    title = f"{name} open keys {_names(keys)}"
    how = {"setting": "open", "keys": keys, "tokens": "logits", "model": name, **how}
    return Case(table, title, f"models/{name}", expected, how)


def _names(keys: Keys) -> str:
    return "+".join(f"{teacher}-k{width}" for teacher, width in keys)


def attributor(how: dict[str, Any], reference: Path) -> Any:
    """The attributor of a case."""
    from countermark.attribute.keyed import Key
    from countermark.attribute.radioactivity import Options, Radioactivity

    vocabulary = how.get("vocabulary", 4_096)
    keys = [
        Key(profile_of(teacher, width, vocabulary), key_of(teacher, width)) for teacher, width in how["keys"]
    ]
    return Radioactivity(keys, Options(setting=how["setting"], reference=reference, decoys=DECOYS))


def run(
    zoo: Any, results: Results, cases: Iterator[Case], teacher: Path | None
) -> list[tuple[Case, dict[str, Any]]]:
    """Every case whose files are there."""

    def compute(case: Case) -> dict[str, Any]:
        named = case.how.get("reference", REFERENCE)
        reference = teacher if named == "stories" and teacher else zoo.path(named)
        return examined(attributor(case.how, reference), zoo.path(case.suspect), len(case.how["keys"]))

    return [
        (case, results.get("radioactivity", f"{case.table}/{case.name}", lambda case=case: compute(case)))
        for case in cases
        if zoo.has(case.suspect) and (teacher or case.table != "512 tokens")
    ]
