"""The sample dossier: whole, numbered, and with any part left out."""

from pathlib import Path

import pytest
from dossier_samples import PARTS, dossier

from countermark.prove.dossier.dossier import EXHIBIT_KINDS


def test_exhibits_are_numbered_in_one_order(tmp_path: Path) -> None:
    one = dossier(tmp_path)
    assert [exhibit.number for exhibit in one.exhibits] == list(range(1, len(one.exhibits) + 1))
    assert {exhibit.kind for exhibit in one.exhibits} <= set(EXHIBIT_KINDS)
    assert [exhibit.kind for exhibit in one.exhibits][:5] == [
        "networks",
        "corpus-marks",
        "text-marks",
        "negative-controls",
        "lineage",
    ]
    shown = {exhibit.kind: exhibit.outcome for exhibit in one.exhibits}
    assert (shown["networks"], shown["text-marks"], shown["lineage"]) == ("shown", "shown", "not shown")
    assert shown["terms"] == shown["negative-controls"] == "record"
    classes = {exhibit.kind: exhibit.result_class for exhibit in one.exhibits}
    assert (classes["text-marks"], classes["lineage"]) == ("confirmatory", "exploratory")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_left_out_is_no_exhibit(tmp_path: Path, part: str) -> None:
    all_of_it, rest = dossier(tmp_path), dossier(tmp_path, without=[part])
    assert len(rest.exhibits) <= len(all_of_it.exhibits)
    assert [exhibit.number for exhibit in rest.exhibits] == list(range(1, len(rest.exhibits) + 1))
