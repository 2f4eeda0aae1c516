"""`locate`: planted spans are found where they are, and of texts without a mark none is, but for alpha."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_scoring import marked_ids

from countermark.stats.binomial import clopper_pearson
from countermark.stats.multiplicity import holm
from countermark.trust.keyfiles import Secret
from countermark.watermark.locate import SHORTEST, span_limits, try_spans
from countermark.watermark.profile import write_profile
from countermark.watermark.schemes.base import Evidence, Marks
from countermark.watermark.scoring import Detector
from running import countermark
from watermark_samples import KEY, own_profile, random_ids

Write = Callable[..., Path]
TOLERANCE = 12
"""Tokens by which a likely limit may be off for the strong mark of these tests."""


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    write_profile(tmp_path / "p.json", own_profile())
    return tmp_path / "p.json"


@pytest.mark.parametrize("pairs", [0, 1, 5, 16, 17, 40, 100, 1000])
def test_spans_have_doubling_lengths_cover_everything_and_stay_inside(pairs: int) -> None:
    starts, stops = span_limits(pairs)
    assert len(set(zip(starts.tolist(), stops.tolist(), strict=True))) == len(starts)
    assert (starts >= 0).all()
    assert (stops <= pairs).all()
    for length in set((stops - starts).tolist()) - {pairs}:
        assert length % SHORTEST == 0
        covered = np.zeros(pairs, np.int64)
        for start in starts[stops - starts == length].tolist():
            covered[start : start + length] += 1
        assert covered.min() >= 1
    if pairs:
        assert (0, pairs) in set(zip(starts.tolist(), stops.tolist(), strict=True))


def test_running_sums_give_what_the_scheme_says_of_each_span() -> None:
    scorer = Detector.open(own_profile(), Secret(KEY.encode())).scorer
    marks = scorer.marks(random_ids(3, 400))
    tried = try_spans(scorer, marks)
    for start, stop, log_p in zip(tried.starts, tried.stops, tried.log_p, strict=True):
        assert log_p == pytest.approx(scorer.judge(tried.marks.at(slice(start, stop))).log_p, rel=1e-9)


class Plain:
    """The same scheme as if its statistic were no sum."""

    def __init__(self) -> None:
        self._scorer = Detector.open(own_profile(), Secret(KEY.encode())).scorer

    def marks(self, ids: "np.typing.NDArray[np.int64]") -> Marks:
        return self._scorer.marks(ids)

    def judge(self, marks: Marks) -> Evidence:
        return self._scorer.judge(marks)

    def engine_score(self, ids: "np.typing.NDArray[np.int64]") -> None:
        return None


def test_a_scheme_without_sums_is_judged_span_by_span() -> None:
    additive = Detector.open(own_profile(), Secret(KEY.encode())).scorer
    ids = random_ids(4, 200)
    expected = try_spans(additive, additive.marks(ids))
    found = try_spans(Plain(), additive.marks(ids))
    assert found.scores is None
    assert found.log_p == pytest.approx(expected.log_p, rel=1e-9)


def locate(profile: Path, key_file: Path, source: Path, *more: str) -> tuple[int, list[dict[str, object]]]:
    files = ["--profile", profile, "--key-file", key_file, "--input", source]
    done = countermark("watermark", "locate", *files, *more)
    return done.code, [json.loads(line) for line in done.out.splitlines()]


def test_planted_spans_are_found_where_they_are(profile: Path, key_file: Path, write_bodies: Write) -> None:
    mark = marked_ids(500)
    two = np.concatenate(
        [random_ids(1, 1500), mark[:180], random_ids(2, 1200), mark[200:330], random_ids(3, 900)]
    )
    source = write_bodies(
        {"id": "two", "token_ids": two.tolist()}, {"token_ids": random_ids(4, 3000).tolist()}
    )
    code, spans = locate(profile, key_file, source)
    assert code == 10
    assert [span["id"] for span in spans] == ["two", "two"]
    for span, (start, end) in zip(spans, ((1500, 1680), (2880, 3010)), strict=True):
        assert abs(span["likely_start"] - start) <= TOLERANCE
        assert abs(span["likely_end"] - end) <= TOLERANCE
        assert span["start"] < end
        assert span["end"] > start
        assert span["adjusted_p_value"] <= 0.01
        assert span["p_value"] < span["adjusted_p_value"]


def test_nothing_to_find_is_exit_code_0_and_nothing_to_score_3(
    profile: Path, key_file: Path, write_bodies: Write
) -> None:
    assert locate(profile, key_file, write_bodies({"token_ids": random_ids(1, 500).tolist()})) == (0, [])
    assert locate(profile, key_file, write_bodies({"token_ids": [1, 2]}))[0] == 3


def test_json_has_what_was_tried(profile: Path, key_file: Path, write_bodies: Write, tmp_path: Path) -> None:
    source = write_bodies({"id": "a", "token_ids": marked_ids(100).tolist()})
    files = ["--profile", profile, "--key-file", key_file, "--input", source]
    done = countermark("watermark", "locate", *files, "--json", "--out", tmp_path / "spans.jsonl")
    content = json.loads(done.out)
    assert content["schema"] == "countermark/watermark-locate/v1"
    assert content["tried"] == content["family"] == len(span_limits(100)[0])
    written = [json.loads(line) for line in (tmp_path / "spans.jsonl").read_text().splitlines()]
    assert written == content["spans"] != []
    assert KEY not in done.out + done.err


@pytest.mark.parametrize("documents", [2_000, pytest.param(20_000, marks=pytest.mark.soak)])
def test_the_family_wise_error_is_held(documents: int) -> None:
    """Each document is a family of its own; the key is drawn anew each time."""
    generator = np.random.default_rng(7)
    alpha, ids, false = 0.05, random_ids(8, 300), 0
    for _ in range(documents):
        scorer = Detector.open(own_profile(), Secret(generator.bytes(16).hex().encode())).scorer
        tried = try_spans(scorer, scorer.marks(ids))
        false += bool(holm(tried.log_p).min() <= np.log(alpha))
    low, _ = clopper_pearson(false, documents, 0.99)
    assert low <= alpha
    assert false > 0


def test_characters_of_a_span_of_text(tmp_path: Path, key_file: Path, write_bodies: Write) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="text is an extra: countermark[text]")
    from countermark.records.canonical import file_sha256
    from countermark.watermark.profile import Tokenizer

    words = {f"w{i:03d}": i for i in range(512)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="w000"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    digest = file_sha256(tmp_path / "tokenizer.json")
    write_profile(tmp_path / "p.json", own_profile(tokenizer=Tokenizer("words", digest, 512)))
    ids = np.concatenate([random_ids(1, 400), marked_ids(120), random_ids(2, 300)])
    text = " ".join(f"w{i:03d}" for i in ids.tolist())
    source = write_bodies({"id": "text", "text": text})
    _, (span,) = locate(
        tmp_path / "p.json", key_file, source, "--tokenizer", str(tmp_path / "tokenizer.json")
    )
    # each token takes five characters, with the blank
    assert span["start_character"] == 5 * int(str(span["start"]))
    assert span["end_character"] == 5 * int(str(span["end"])) - 1
