"""The suspect's pairs in either setting, with what the reference expects of them; no key enters but for its
window's length."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from countermark.attribute.answers import Answers, gather, read_answers
from countermark.attribute.keyed import Key
from countermark.attribute.pairs import Pairs, Row, expected_counts, pairs_of, prompt_windows
from countermark.attribute.radioactivity.fed import lifted_pairs, likely_windows, next_logs
from countermark.attribute.radioactivity.options import Options
from countermark.attribute.radioactivity.suspects import (
    check_same_vocabulary,
    open_model,
    read_prompts,
    sampled_rows,
)
from countermark.models.local import LocalModel
from countermark.records.canonical import canonical_json, file_sha256, sha256_hex
from countermark.trust.seeds import seed_of
from countermark.watermark.schemes.base import FloatArray, IntArray


@dataclass(frozen=True)
class Body:
    """Pairs of one length; N and E are None without a reference."""

    pairs: Pairs
    seen: FloatArray
    """Closed: times in the text. Open: the suspect's mass."""
    expected: FloatArray | None
    """The reference's expectation, or mass."""
    lacks: NDArray[np.bool_]
    """Whether a lack may be held in the mark's favour, shape (n,): where no prompt held the context."""


T = TypeVar("T")
NO_NAMES = np.empty(0, np.uint64)


class Bodies:
    """Reads one suspect for keys of several profiles, each thing once."""

    def __init__(self, suspect: Path, options: Options) -> None:
        self.suspect, self._options = suspect, options
        self.facts: dict[str, Any] = {}
        """For the record: counts, seeds."""
        self._kept: dict[tuple[Any, ...], Any] = {}

    def answers(self, key: Key) -> Answers:
        """The suspect's answers in the ids of the key's tokenizer; of a folder, sampled."""
        return self._once(("answers", *_tokenizer(key)), lambda: self._answers(key))

    def closed(self, key: Key) -> Body:
        """Pairs of the answers."""

        def make() -> Body:
            rows = self._with_prompts(key)
            if self._options.reference is None:
                pairs = pairs_of(rows, key.length)
                return Body(pairs, pairs.seen, None, np.zeros(len(pairs), np.bool_))
            reference = self.reference(key)
            used = [row for row in rows if len(row.answer)]
            likely = likely_windows(used, key.length, reference, prompt_windows(rows, key.length))
            pairs = pairs_of(rows, key.length, likely)
            lacks = ~pairs.touched & (not self.answers(key).without_prompt)
            return Body(pairs, pairs.seen, expected_counts(pairs, used, next_logs(reference, used)), lacks)

        return self._once(("closed", key.length, *_tokenizer(key)), make)

    def opened(self, key: Key) -> Body:
        """Pairs that the suspect lifts over the reference in fed texts."""

        def make() -> Body:
            suspect, reference = self.model(key), self.reference(key)
            check_same_vocabulary(suspect, reference)
            rows, leave_out = self._fed(key, suspect, reference)
            pairs, ours, theirs = lifted_pairs(rows, key.length, suspect, reference, leave_out)
            return Body(pairs, ours, theirs, np.full(len(pairs), self._prompts(key) is None))

        return self._once(("opened", key.length, *_tokenizer(key)), make)

    @property
    def sampled(self) -> bool:
        """Whether a model wrote texts by a seed so far."""
        return any("seed" in name for name in self.facts)

    def model(self, key: Key) -> LocalModel:
        """The suspect's folder."""
        return self._once(("suspect", *_tokenizer(key)), lambda: open_model(self.suspect, key.profile))

    def reference(self, key: Key) -> LocalModel:
        """The reference's folder."""
        folder = self._options.reference or Path()
        return self._once(("reference", *_tokenizer(key)), lambda: open_model(folder, key.profile))

    def _answers(self, key: Key) -> Answers:
        options = self._options
        if not self.suspect.is_dir():
            return read_answers(self.suspect, key.profile, options.tokenizer)
        seed = seed_of(options.seed, "answers of the suspect", folder_digest(self.suspect))
        self.facts["answers_seed"] = str(seed)
        prompts = self._prompts(key)
        rows = sampled_rows(self.model(key), self.suspect, prompts, options.tokens, seed)
        return gather(iter(rows))

    def _prompts(self, key: Key) -> Any:
        options = self._options
        if options.prompts is None:
            return None
        path = options.prompts
        return self._once(
            ("prompts", *_tokenizer(key)), lambda: read_prompts(path, key.profile, options.tokenizer)
        )

    def _with_prompts(self, key: Key) -> list[Row]:
        """The answers, and whatever else was shown as rows without one."""
        answers, none = self.answers(key), np.empty(0, np.int64)
        return [*answers.rows, *answers.shown, *(Row(none, ids) for ids in self._spelt(key))]

    def _spelt(self, key: Key) -> list[IntArray]:
        """Prompts from the file in every spelling: what is left out."""
        options = self._options
        if options.prompts is None:
            return []
        path = options.prompts
        return self._once(
            ("spelt", *_tokenizer(key)),
            lambda: read_prompts(path, key.profile, options.tokenizer, spelt=True),
        )

    def _fed(self, key: Key, suspect: LocalModel, reference: LocalModel) -> tuple[list[Row], Any]:
        """Texts to feed, and windows to leave out: of prompts all, since they may be marked; of texts that
        the two models wrote by recorded seeds none."""
        prompts = self._prompts(key)
        if prompts:
            rows = [Row(ids) for ids in prompts]
            return rows, prompt_windows([Row(ids, ids) for ids in self._spelt(key)], key.length)
        return self._once(("fed", *_tokenizer(key)), lambda: self._sampled(suspect, reference)), NO_NAMES

    def _sampled(self, suspect: LocalModel, reference: LocalModel) -> list[Row]:
        """Texts of the suspect itself, which visit the contexts that it learnt, and of the reference. Under
        the null both are independent of the key."""
        options = self._options
        rows = []
        for name, model, folder in (
            ("suspect", suspect, self.suspect),
            ("reference", reference, options.reference or Path()),
        ):
            seed = seed_of(options.seed, f"fed texts of the {name}", folder_digest(folder))
            self.facts[f"fed_seed_{name}"] = str(seed)
            rows += sampled_rows(model, folder, None, options.tokens // 2, seed)
        return rows

    def _once(self, name: tuple[Any, ...], make: Callable[[], T]) -> T:
        if name not in self._kept:
            self._kept[name] = make()
        found: T = self._kept[name]
        return found


def folder_digest(folder: Path) -> str:
    """SHA-256 over names and digests of a model's configuration and weights."""
    files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.json")])
    return sha256_hex(canonical_json([[one.name, file_sha256(one)] for one in files if one.is_file()]))


def _tokenizer(key: Key) -> tuple[str, str, int]:
    tokenizer = key.profile.tokenizer
    return tokenizer.name, tokenizer.sha256, tokenizer.vocab_size
