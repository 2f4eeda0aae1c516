"""Whatever the suspect was shown is left out, however the line says it."""

import json
from pathlib import Path
from typing import Any

import pytest
from marked_worlds import VOCABULARY, key_of, language, own_key, texts
from msgspec.structs import replace
from tokenizers import Tokenizer as Words
from tokenizers import models, pre_tokenizers

from countermark.attribute.answers import read_answers, spellings
from countermark.attribute.pairs import pairs_of
from countermark.attribute.radioactivity.suspects import read_prompts
from countermark.attribute.text import TextMark
from countermark.errors import Error
from countermark.watermark.profile import Profile, Tokenizer
from countermark.watermark.tokens import tokenizer_digest

LAWS = language(2, 0.3)
IDS = texts(LAWS, 1, 60, 3)[0].tolist()


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """Letters, accents and spaces each an id of its own; nothing is normalised."""
    letters = sorted(set("abcdefint \n\u00e9\u0301\ufb01"))
    words = Words(models.BPE({one: at for at, one in enumerate(letters)}, []))
    words.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    path = tmp_path / "tokenizer.json"
    words.save(str(path))
    return path


def profile_of(tokenizer: Path) -> Profile:
    return replace(own_key().profile, tokenizer=Tokenizer("letters", tokenizer_digest(tokenizer), VOCABULARY))


def write(path: Path, *lines: Any) -> Path:
    path.write_bytes(
        b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in lines)
    )
    return path


def counted(path: Path, profile: Profile, tokenizer: Path | None = None) -> int:
    """Windows of the file that count."""
    answers = read_answers(path, profile, tokenizer)
    return len(pairs_of([*answers.rows, *answers.shown], 2))


@pytest.mark.parametrize(
    "shown",
    [
        {"prompt_ids": [], "prompt": "abcdabcd"},
        {"prompt": "a", "messages": [{"role": "user", "content": "abcdabcd"}]},
        {"prompt_ids": [1], "messages": [{"role": "system", "content": "abcdabcd"}]},
        {"messages": [{"role": "assistant", "content": "a", "reasoning_content": "abcdabcd"}]},
    ],
)
def test_every_field_that_shows_something_counts(shown: Any, tmp_path: Path, tokenizer: Path) -> None:
    line = {"id": "a", "answer": "abcdabcd"} | shown
    assert counted(write(tmp_path / "t.jsonl", line), profile_of(tokenizer), tokenizer) == 0
    alone = {"id": "a", "answer": "abcdabcd", "prompt": "a"}
    assert counted(write(tmp_path / "t.jsonl", alone), profile_of(tokenizer), tokenizer) > 0


@pytest.mark.parametrize(
    ("shown", "answer"),
    [
        ("e\u0301", "\u00e9"),  # accents in two characters, answered in one
        ("\u00e9", "e\u0301"),
        ("\ufb01", "fi"),
        ("a\nb", "a b"),
        ("ab", " ab"),
    ],
)
def test_text_is_left_out_in_every_spelling(shown: str, answer: str, tmp_path: Path, tokenizer: Path) -> None:
    profile, words = profile_of(tokenizer), Words.from_file(str(tokenizer))
    line = {"id": "a", "token_ids": words.encode(f"c{answer}d").ids, "prompt": f"c{shown}d"}
    if answer.startswith(" "):
        line = {"id": "a", "token_ids": words.encode(answer).ids, "prompt": shown}
    assert counted(write(tmp_path / "t.jsonl", line), profile, tokenizer) == 0
    path = write(tmp_path / "p.jsonl", {"prompt": line["prompt"]})
    prompts = [one.tolist() for one in read_prompts(path, profile, tokenizer, spelt=True)]
    assert line["token_ids"] in prompts
    assert [one.tolist() for one in read_prompts(path, profile, tokenizer)] == prompts[:1]


def test_a_prompt_counts_though_its_answer_cannot_be_used(tmp_path: Path) -> None:
    refused = {"id": "a", "prompt_ids": IDS, "problem": "refused"}
    answer = {"id": "b", "prompt_ids": [1], "token_ids": IDS}
    empty = {"id": "c", "prompt_ids": IDS, "token_ids": []}
    profile = own_key().profile
    assert counted(write(tmp_path / "t.jsonl", refused, answer), profile) == 0
    assert counted(write(tmp_path / "t.jsonl", empty, answer), profile) == 0


def test_a_prompt_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """What the reader of texts passes over unread may be a prompt."""
    for prompt in (b'"prompt":"\xff"', b'"prompt_ids":[1e999]'):
        line = b'{"id":"a","token_ids":[1,2,3],' + prompt + b"}\n"
        with pytest.raises(Error, match="no transcript"):
            read_answers(write(tmp_path / "t.jsonl", line), own_key().profile, None)


def test_a_first_id_alone_is_no_prompt_to_selfhash(tmp_path: Path) -> None:
    """A folder that is asked after its first id could not be tested at all."""
    lines = [{"id": str(at), "prompt_ids": [1], "token_ids": one.tolist()} for at, one in enumerate(_texts())]
    key = key_of("selfhash")
    assert not TextMark([key], decoys=0).examine(write(tmp_path / "t.jsonl", *lines)).problems


def test_spellings_hold_the_text_itself_first() -> None:
    assert spellings("a  b") == ["a  b", "a b", " a  b", " a b"]
    assert spellings("  ") == []


def _texts() -> list[Any]:
    return texts(LAWS, 6, 60, 8)
