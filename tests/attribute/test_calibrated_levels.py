"""Claims stop where redraws of the key did: by scheme, variant and test."""

from pathlib import Path

import numpy as np
import pytest
from marked_worlds import SCHEMES, key_of, own_key, random_key
from msgspec.structs import replace

from countermark.attribute.keyed import Key
from countermark.attribute.keyed_tests import FEW_REDRAWS_TO, LEVELS, calibrated_to
from countermark.attribute.radioactivity import Options, Radioactivity

CLOSED_AND_OPEN = ("plain", "weighted", "logits")


FEWER = {"selfhash": (1e-5, 1e-6, 1e-6)}
"""Of a million redraws instead of 10 million, as docs/watermark-benchmarks.md has them."""


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_has_a_level_of_its_own_for_what_was_redrawn(name: str) -> None:
    found = tuple(calibrated_to(key_of(name), test) for test in CLOSED_AND_OPEN)
    assert found == FEWER.get(name, (1e-6, 1e-6, 1e-6))


def test_nothing_is_claimed_of_what_was_not_redrawn() -> None:
    own = own_key()
    assert (calibrated_to(own, "joint"), calibrated_to(own, "known")) == (1e-6, 1e-6)
    assert calibrated_to(own, "known, jointly") == FEW_REDRAWS_TO == 1e-2
    assert calibrated_to(own, "joint, several schemes") == 1e-2
    assert calibrated_to(key_of("lefthash"), "joint") == 1e-2
    foreign = Key(replace(own.profile, scheme="somebodys-own"), own.secret)
    assert calibrated_to(foreign, "plain") == 1e-2


def test_the_attributor_names_its_tests_as_the_levels_do(tmp_path: Path) -> None:
    keys, some = [own_key(), random_key(np.random.default_rng(3))], np.ones(3)
    mixed = [own_key(), key_of("sglang")]
    opened = Options(setting="open", reference=tmp_path)
    known = {test for levels in LEVELS.values() for test in levels}
    for given, options, weights, kind in (
        (keys[:1], Options(), None, "plain"),
        (keys[:1], Options(reference=tmp_path), some, "weighted"),
        (keys[:1], opened, some, "logits"),
        (keys, opened, some, "joint"),
    ):
        assert Radioactivity(given, options)._kind(weights) == kind
        assert kind in known
    assert Radioactivity(mixed, opened)._kind(some) not in known
