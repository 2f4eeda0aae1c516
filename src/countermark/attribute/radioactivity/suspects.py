"""Suspects and references that are models, prompts from a file, and texts sampled by a recorded seed."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from countermark.attribute.answers import spellings
from countermark.attribute.pairs import Row
from countermark.errors import Error, ExitCode
from countermark.models.local import LocalModel, read_config
from countermark.watermark.profile import Profile
from countermark.watermark.schemes.base import IntArray
from countermark.watermark.scoring import check_ids
from countermark.watermark.tokens import Tokens, tokenizer_digest

MAX_LINE_BYTES = 16 << 20
MAX_PROMPTS = 1_000_000
TOKENS = 25_600
"""Tokens that are sampled where nobody says how many."""
LONGEST = 256
"""Tokens of one sampled text."""


class _Prompt(msgspec.Struct):
    """A line of a prompts file; other fields are let through unread."""

    prompt: str | None = None
    text: str | None = None
    prompt_ids: list[int] | None = None
    token_ids: list[int] | None = None


def open_model(folder: Path, profile: Profile) -> LocalModel:
    """A model whose ids are those of the profile; `Error` where its tokenizer is another one."""
    model = LocalModel.open(folder)
    wanted, limit = profile.tokenizer.sha256, profile.tokenizer.vocab_size
    hint = "windows of ids are compared: with another tokenizer give transcripts with text"
    if wanted and model.tokenizer is not None and tokenizer_digest(model.tokenizer) != wanted:
        raise Error(
            f"the tokenizer of {folder} is not the profile's {profile.tokenizer.name}",
            hint=hint,
            exit_code=ExitCode.NO_INPUT,
        )
    if limit and model.vocab_size < limit:
        raise Error(
            f"{folder} has a vocabulary of {model.vocab_size:,} ids, the profile's tokenizer {limit:,}",
            hint=hint,
            exit_code=ExitCode.NO_INPUT,
        )
    return model


def check_same_vocabulary(suspect: LocalModel, reference: LocalModel) -> None:
    """Raise unless the two give probabilities of the same ids."""
    if suspect.vocab_size != reference.vocab_size:
        raise Error(
            f"the suspect has {suspect.vocab_size:,} ids and the reference {reference.vocab_size:,}",
            hint="their probabilities are compared id by id; the closed setting needs text alone",
            exit_code=ExitCode.NO_INPUT,
        )


def read_prompts(
    path: Path, profile: Profile, tokenizer: Path | None, *, spelt: bool = False
) -> list[IntArray]:
    """Token ids of every prompt of a file of JSON lines: `prompt_ids` or `token_ids`, `prompt` or `text`;
    `spelt` adds text in its other spellings."""
    tokens, found = Tokens(profile, tokenizer), []
    decoder = msgspec.json.Decoder(_Prompt)
    try:
        with path.open("rb") as stream:
            number = 0
            while raw := stream.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(raw) > MAX_LINE_BYTES or number > MAX_PROMPTS:
                    raise _bad(path, number, "it is too long, or one too many")
                if raw.strip():
                    found += _prompts(decoder, raw, path, number, tokens, spelt=spelt)
    except OSError as error:
        raise Error(f"{path} cannot be read: {error.strerror}", exit_code=ExitCode.NO_INPUT) from None
    found = [ids for ids in found if len(ids)]
    if not found:
        raise Error(f"{path} holds no prompt", exit_code=ExitCode.NO_INPUT)
    return found


def _prompts(
    decoder: msgspec.json.Decoder[_Prompt],
    raw: bytes,
    path: Path,
    number: int,
    tokens: Tokens,
    *,
    spelt: bool,
) -> list[IntArray]:
    """The prompt of a line; `spelt` what else it may be encoded as, too."""
    try:
        line = decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise _bad(path, number, f"it is no prompt: {error}") from None
    given = line.prompt_ids or line.token_ids
    text = line.prompt if line.prompt is not None else line.text
    if line.prompt_ids is None and line.token_ids is None and text is None:
        raise _bad(path, number, "it has neither prompt nor prompt_ids")
    try:
        found = [np.array(given, dtype=np.int64)] if given else [tokens.encode(text or "")]
    except OverflowError:
        raise _bad(path, number, "a token id is out of range") from None
    if spelt and text is not None and (tokens.given or not given):
        found += [tokens.encode(one) for one in spellings(text)]
    for ids in found:
        check_ids(ids, tokens.profile)
    return found


def sampled_rows(
    model: LocalModel, folder: Path, prompts: Sequence[IntArray] | None, tokens: int, seed: int
) -> list[Row]:
    """Answers of a model at temperature 1: to the prompts in turn, else after its first id, until there are
    about so many tokens."""
    start = [first_id(folder, model)]
    longest = min(LONGEST, model.max_length // 2)
    room = model.max_length - longest
    of = [ids[-room:].tolist() for ids in prompts] if prompts else [start]
    asked = [of[at % len(of)] for at in range(max(1, -(-tokens // longest)))]
    answers = model.generate(asked, max_tokens=longest, temperature=1.0, seed=seed)
    return [
        Row(np.array(answer, np.int64), np.array(prompt, np.int64))
        for prompt, answer in zip(asked, answers, strict=True)
    ]


def first_id(folder: Path, model: LocalModel) -> int:
    """The id that begins a text, by the model's configuration; 0 where it names none."""
    given = read_config(folder).get("bos_token_id")
    return given if isinstance(given, int) and 0 <= given < model.vocab_size else 0


def _bad(path: Path, number: int, reason: str) -> Error:
    hint = 'a line is {"prompt": …} or {"prompt_ids": […]}'
    return Error(f"{path} line {number}: {reason}", hint=hint, exit_code=ExitCode.NO_INPUT)
