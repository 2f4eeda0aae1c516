"""What the synthetic provider served, and a rival's corpus that leaked: some of its texts are those answers.

`served.jsonl` is not written: the answers stand in the gateway's log, cut to their first words. The corpus
is one JSON line a text, with token ids, and its words for the eye.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from countermark.records.files import write_atomic
from countermark.trust.keyfiles import Secret, write_secret
from countermark.watermark.key_names import name_of_key
from countermark.watermark.profile import Profile, write_profile
from countermark.world.draws import Dice, stream, token
from countermark.world.language import language_profile, marked_answers, plain_answers, words_of

MARK_KEY, MARK_PROFILE, CORPUS = "mark.key", "mark.json", "leaked.jsonl"
ANSWERS = 600
ANSWER_TOKENS = 96
TEXTS = 500
"""Of the corpus; one in five is an answer that was served."""


@dataclass(frozen=True)
class Mark:
    """The provider's mark. Its key follows from the seed, so that a demo repeats: it is a public key."""

    profile: Profile
    key: Secret

    @staticmethod
    def of_world(seed: int) -> "Mark":
        """The mark of a world."""
        key = Secret(token(seed, "mark").encode())
        return Mark(language_profile(name_of_key(key), f"demo-{seed}"), key)

    def answers(self, seed: int) -> list[list[int]]:
        """Every answer that the provider gave, as token ids."""
        return marked_answers(self.profile, self.key, seed, ANSWERS, ANSWER_TOKENS)

    def write(self, folder: Path) -> None:
        """The profile, and the key for its owner alone."""
        write_profile(folder / MARK_PROFILE, self.profile)
        write_secret(folder / MARK_KEY, self.key.reveal() + b"\n")


def write_leak(folder: Path, seed: int) -> int:
    """Write the mark's files and the leaked corpus; how many of its texts are served answers."""
    mark = Mark.of_world(seed)
    mark.write(folder)
    dice = Dice(stream(seed, "leak"))
    served = dice.sample(mark.answers(seed), TEXTS // 5)
    texts = served + plain_answers(seed, TEXTS - len(served), ANSWER_TOKENS)
    lines = [
        json.dumps({"id": f"text-{number}", "token_ids": ids, "words": words_of(ids)})
        for number, ids in enumerate(dice.sample(texts, len(texts)), start=1)
    ]
    write_atomic(folder / CORPUS, "".join(line + "\n" for line in lines).encode())
    return len(served)
