"""Pictures of plain numbers: the same bytes, no text that needs a font, no colour, clear refusals."""

import os
import re
import subprocess
import sys
from datetime import date

import pytest
from typeset_samples import PICTURES

from countermark.prove.typeset.pictures import MOST_ROWS, bars, intervals, timeline


def test_the_same_numbers_give_the_same_bytes() -> None:
    code = "from typeset_samples import PICTURES; import sys; sys.stdout.buffer.write(b''.join(PICTURES))"
    path = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": "/usr/bin:/bin", "MPLBACKEND": "agg"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=path)
    assert done.stdout == b"".join(PICTURES)


def test_letters_are_outlines_and_nothing_is_coloured() -> None:
    for svg in (one.decode() for one in PICTURES):
        assert "<text" not in svg
        assert "<dc:date>" not in svg
        for colour in re.findall(r"#([0-9a-f]{6})", svg):
            assert colour[:2] == colour[2:4] == colour[4:], colour


def test_hostile_labels_are_drawn() -> None:
    labels = ["$\\frac{", "<script>&", "\u6f22\u202e\x00", "x" * 500]
    svg = bars(labels, [1, 2, 3, 4], "$y$").decode()
    assert "<script" not in svg
    assert len(svg) < 200_000


def test_a_bar_is_as_long_as_its_value() -> None:
    svg = bars(["a", "b"], [10, 5], "accounts").decode()
    drawn = [
        [float(one) for one in re.findall(r"[ML] ([\d.]+) ", path)]
        for path in re.findall(r'<path d="([^"]+)" clip-path="[^"]+" style="fill: #595959"', svg)
    ]
    first, second = (max(xs) - min(xs) for xs in drawn)
    assert first == pytest.approx(2 * second)


def test_events_stand_in_order_of_time() -> None:
    events = [(date(2026, 6, 1), "b"), (date(2026, 5, 1), "a")]
    assert timeline(events) == timeline(events[::-1])


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [-1.0, 2.0], [1.0]])
def test_bad_values_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"picture|bar"):
        bars(["a", "b"] if values else [], values, "x")


def test_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="low <= mid"):
        intervals(["a"], [2], [1], [3], "x")
    many = MOST_ROWS + 1
    with pytest.raises(ValueError, match="1 to 60 rows"):
        bars(["a"] * many, [1.0] * many, "x")
