"""What a suspect answered, as token ids: from transcripts or bodies of text, with what speaks against them.

Empty and unusable answers are counted, repeated ones (same prompt, same answer) are dropped. What was shown
is kept of every line, whatever became of its answer, and text in every spelling in which it may come back.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from countermark.attribute.pairs import Row
from countermark.errors import Error, ExitCode
from countermark.records.transcripts import Transcript, read_transcripts
from countermark.watermark.bodies import MAX_LINE_BYTES, read_bodies
from countermark.watermark.profile import Profile
from countermark.watermark.schemes.base import IntArray
from countermark.watermark.scoring import MAX_ID, check_ids
from countermark.watermark.tokens import Tokens

MOST_REPEATED = 0.5
"""Share of answers that are repeats of one before, above which nothing is concluded."""
LEAST_DISTINCT = 0.1
"""Share of different answers, whatever the prompt, below which nothing is concluded."""
_NONE = np.empty(0, np.int64)


@dataclass
class Answers:
    """Answers that can be used, and what became of the others."""

    rows: list[Row] = field(default_factory=list)
    lines: int = 0
    empty: int = 0
    unusable: int = 0
    repeated: int = 0
    without_prompt: int = 0
    """Rows whose prompt is not known."""
    different: int = 0
    """Distinct answers, whatever the prompt."""
    shown: list[Row] = field(default_factory=list)
    """Rows without an answer: what else the suspect was shown, and other spellings of it."""

    @property
    def prompted(self) -> bool:
        """Whether any prompt is known that could hold a choice."""
        return prompted([*self.rows, *self.shown])

    def problems(self) -> list[str]:
        """Why nothing can be concluded from them."""
        used = len(self.rows) + self.repeated
        if not used:
            return ["the suspect answered nothing that can be used"]
        found = []
        if self.repeated > MOST_REPEATED * used:
            found.append(f"{self.repeated} of {used} transcripts repeat the prompt and answer of another")
        if len(self.rows) > 1 and self.different <= max(1, LEAST_DISTINCT * len(self.rows)):
            found.append(f"the suspect gave {self.different} different answers to {len(self.rows)} prompts")
        return found

    def counts(self) -> dict[str, int]:
        """For the record."""
        names = ("lines", "empty", "unusable", "repeated", "without_prompt", "different")
        return {name: getattr(self, name) for name in names} | {"answers": len(self.rows)}


def prompted(rows: Sequence[Row]) -> bool:
    """Whether any prompt is known that could hold a choice: one id, as a beginning of text, is none."""
    return any(row.prompt is not None and len(row.prompt) > 1 for row in rows)


def read_answers(path: Path, profile: Profile, tokenizer: Path | None) -> Answers:
    """The answers of a file of transcripts, or of bodies as `watermark score` takes them.

    Ids are those of the profile's tokenizer; `Error` for ids outside its vocabulary and for another
    tokenizer.
    """
    tokens = Tokens(profile, tokenizer)
    if path.is_dir():
        raise Error(
            f"{path} is a folder, where a file of transcripts or texts belongs", exit_code=ExitCode.NO_INPUT
        )
    if _is_transcripts(path):
        shown: dict[bytes, Row] = {}
        answers = gather(row_of(one, tokens, shown) for one in read_transcripts(path))
        answers.shown = list(shown.values())
        return answers
    return gather(Row(body.document.ids) for body in read_bodies(path, tokens))


def gather(rows: Iterator[Row | None]) -> Answers:
    """Sort answers out; None is an unusable one."""
    answers, seen, texts = Answers(), set(), set()
    for row in rows:
        answers.lines += 1
        if row is None or not len(row.answer):
            answers.empty += row is not None
            answers.unusable += row is None
            continue
        prompt = b"?" if row.prompt is None else row.prompt.tobytes()
        text = row.answer.tobytes()
        if (prompt, text) in seen:
            answers.repeated += 1
            continue
        seen.add((prompt, text))
        texts.add(text)
        answers.without_prompt += row.prompt is None
        answers.rows.append(row)
    answers.different = len(texts)
    return answers


class _Fields(msgspec.Struct):
    """What tells a transcript from a body of text; raw, so that no field is passed over for what it holds."""

    answer: msgspec.Raw = msgspec.Raw()
    prompt: msgspec.Raw = msgspec.Raw()
    prompt_ids: msgspec.Raw = msgspec.Raw()
    messages: msgspec.Raw = msgspec.Raw()
    problem: msgspec.Raw = msgspec.Raw()
    request_sha256: msgspec.Raw = msgspec.Raw()


def _is_transcripts(path: Path) -> bool:
    """Whether any line has a transcript's field: a prompt that was not read would not be left out.

    What is no JSON object is left to the reader of bodies to refuse.
    """
    decoder = msgspec.json.Decoder(_Fields)
    try:
        with path.open("rb") as stream:
            while raw := stream.readline(MAX_LINE_BYTES):
                try:
                    fields = decoder.decode(raw)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
                    continue
                if any(bytes(getattr(fields, name)) for name in _Fields.__struct_fields__):
                    return True
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    return False


def row_of(one: Transcript, tokens: Tokens, shown: dict[bytes, Row]) -> Row | None:
    """The answer of a transcript with its prompt, None where it is unusable.

    What else the line shows goes to `shown`, by its ids: other prompts, other spellings, and the prompt where
    no answer stands with it.
    """
    ids = _ids(one.prompt_ids, None, tokens)
    texts = [text for text in (one.prompt, one.chat) if text is not None]
    used = not one.problem and not (one.token_ids is None and one.answer is None)
    # without a tokenizer: an error where nothing else tells what the answer was given to
    for text in texts if tokens.given or (used and not len(ids)) else []:
        for spelling in spellings(text):
            other = tokens.encode(spelling)
            check_ids(other, tokens.profile)
            shown.setdefault(other.tobytes(), Row(_NONE, other))
    answer = _ids(one.token_ids, one.answer, tokens) if used else _NONE
    if len(ids) and not len(answer):
        shown.setdefault(ids.tobytes(), Row(_NONE, ids))
    if not used:
        return None
    known = one.prompt_ids is not None or bool(texts)
    prompt = ids if len(ids) or not texts else _ids(None, one.asked, tokens)
    return Row(answer, prompt if known else None)


def spellings(text: str) -> list[str]:
    """A text as a model may write it again: with accents in one character or two, compatibility forms
    resolved, lines joined, after a space or at a beginning. Most tokenizers tell all of these apart."""
    forms = [text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC"))]
    forms += [" ".join(one.split()) for one in forms]
    forms += [" " + one.lstrip() for one in forms]
    return [one for one in dict.fromkeys(forms) if one.strip()]


def _ids(given: list[int] | None, text: str | None, tokens: Tokens) -> IntArray:
    if given is not None:
        if max(given, default=0) > MAX_ID:
            raise Error("a token id is out of range", exit_code=ExitCode.NO_INPUT)
        ids = np.array(given, dtype=np.int64)
    else:
        ids = tokens.encode(text) if text and text.strip() else np.empty(0, np.int64)
    check_ids(ids, tokens.profile)
    return ids
