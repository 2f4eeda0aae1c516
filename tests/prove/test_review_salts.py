"""A case is sealed twice; the second package is redacted, and who has the first knows its salts."""

from dataclasses import replace
from pathlib import Path

from log_stories import acquisition

from countermark.prove.custody.custody import Custody
from countermark.prove.sealing.seal import SealOptions, seal


def test_another_value_at_the_same_place_has_another_salt(options: SealOptions, tmp_path: Path) -> None:
    """Else a leaf that is taken out of the second is found by trying names under the salt of the first."""
    salts = []
    for number, name in enumerate(("Ann Example", "Bob Example")):
        custody = Custody(acquisitions=[acquisition(by=name)])
        package = seal(replace(options, out=tmp_path / f"case{number}", custody=custody))
        salts.append((package / "data/leaves/custody.json.leaves").read_bytes().splitlines())
    same = [one for one, other in zip(*salts, strict=True) if one == other]
    assert not same
