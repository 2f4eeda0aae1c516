"""The synthetic provider's mark: in its answers, in a fifth of the leaked corpus, under its own key only."""

import json
from pathlib import Path

import numpy as np
import pytest

from countermark.trust.keyfiles import Secret
from countermark.watermark.profile import read_profile
from countermark.watermark.scoring import Detector, Document
from countermark.world.language import VOCABULARY, plain_answers, words_of
from countermark.world.leak import TEXTS, Mark, write_leak


def documents(texts: list[list[int]]) -> list[Document]:
    return [Document(np.array(ids)) for ids in texts]


def test_answers_carry_the_mark_and_other_texts_do_not() -> None:
    mark = Mark.of_world(3)
    answers = mark.answers(3)[:20]
    assert Detector.open(mark.profile, mark.key).score(documents(answers)).log10_p < -100
    assert Detector.open(mark.profile, Secret(b"0" * 32)).score(documents(answers)).log10_p > -4
    plain = plain_answers(3, 20, 96)
    assert Detector.open(mark.profile, mark.key).score(documents(plain)).log10_p > -4


def test_the_leak_is_a_fifth_of_served_answers(tmp_path: Path) -> None:
    assert write_leak(tmp_path, 4) == TEXTS // 5
    rows = [json.loads(line) for line in (tmp_path / "leaked.jsonl").read_text().splitlines()]
    assert len(rows) == TEXTS
    served = {tuple(ids) for ids in Mark.of_world(4).answers(4)}
    assert sum(tuple(row["token_ids"]) in served for row in rows) == TEXTS // 5
    assert all(row["words"] == words_of(row["token_ids"]) for row in rows)
    assert max(max(row["token_ids"]) for row in rows) < VOCABULARY
    profile = read_profile(tmp_path / "mark.json").profile
    key = Secret((tmp_path / "mark.key").read_bytes())
    scores = [Detector.open(profile, key).score([one]) for one in documents([r["token_ids"] for r in rows])]
    assert sum(one.log10_p < -6 for one in scores) == pytest.approx(TEXTS // 5, abs=2)
    assert (tmp_path / "mark.key").stat().st_mode & 0o777 == 0o600


def test_words_are_distinct() -> None:
    assert len({words_of([one]) for one in range(VOCABULARY)}) == VOCABULARY
