"""Traits against plain substring search; languages on plain sentences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.capture import traits
from countermark.capture.language import guess_language
from countermark.records.traits import NAMES, REASONING_PARAMETER, RUBRIC, STRUCTURED_OUTPUT


def bits_of(*texts: str) -> list[int]:
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return traits.find_traits(np.frombuffer(b"".join(encoded), np.uint8), offsets).tolist()


def names_of(bits: int) -> set[str]:
    return {name for bit, name in NAMES.items() if bits & bit}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Think Step by\nstep.", {"asks_for_reasoning"}),
        ("Grade the essay with this rubric, as JSON", {"rubric", "structured_output"}),
        ("You are an expert. Translate this.", {"persona", "translation"}),
        ("Write 20 diverse examples", {"asks_for_many"}),
        ("Prove that the equation holds", {"mathematics"}),
        ("请一步一步推理，翻译", {"asks_for_reasoning", "translation"}),
        ("What a lovely day", set()),
        ("", set()),
    ],
)
def test_traits(text: str, expected: set[str]) -> None:
    assert names_of(bits_of(text)[0]) == expected


def test_a_phrase_does_not_cross_prompts_nor_the_gap_between_head_and_tail() -> None:
    assert bits_of("step by ", "step") == [0, 0]
    gap = "x" * (traits.HEAD_BYTES - 5) + "step by step" + "y" * 5_000
    assert bits_of(gap) == [0]
    assert bits_of("y" * 20_000 + " rubric") == [RUBRIC]


PIECES = [phrase for phrases in traits._PHRASES.values() for phrase in phrases.split("|")]


@given(st.lists(st.sampled_from([*PIECES, " ", "x", "step", "STEP BY", "\n"]), max_size=12).map("".join))
def test_the_automaton_finds_what_substring_search_finds(text: str) -> None:
    table = str.maketrans("\t\n\r\x0b\x0c", " " * 5)
    folded = " " + "".join(c.lower() if c.isascii() else c for c in text).translate(table) + " "
    expected = 0
    for bit, phrases in traits._PHRASES.items():
        if any("".join(c.lower() if c.isascii() else c for c in p) in folded for p in phrases.split("|")):
            expected |= bit
    assert bits_of(text) == [expected]


def test_parameters_give_traits_too() -> None:
    assert traits.request_traits("json_schema", True) == STRUCTURED_OUTPUT | REASONING_PARAMETER
    assert traits.request_traits("text", False) == traits.request_traits(None, False) == 0


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "What is the best way to learn this and not forget it?"),
        ("de", "Wie kann ich das für die Prüfung lernen und nicht vergessen?"),
        ("fr", "Comment est-ce que je peux apprendre les mots dans le livre ?"),
        ("es", "¿Cómo se dice esto en el idioma de los que no hablan español?"),
        ("zh", "请帮我写一封关于明天会议的邮件"),
        ("ja", "明日の会議についてのメールを書いてください"),
        ("ko", "내일 회의에 대한 이메일을 작성해 주세요"),
        ("ru", "Напиши письмо о завтрашней встрече"),
        ("ar", "اكتب رسالة عن اجتماع الغد من فضلك"),
        (None, "x = foo(bar)"),
        (None, ""),
        (None, "12345 67890"),
    ],
)
def test_language(language: str | None, text: str) -> None:
    assert guess_language(text) == language
