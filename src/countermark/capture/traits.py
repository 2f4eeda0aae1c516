"""What a prompt asks for, as a bit set: phrases found in its first 4 KiB and its last 1 KiB.

The phrases are compiled into one automaton (Aho and Corasick, 1975), so that the cost does not grow with
their number. ASCII letters match in either case, any white space matches a space. A trait is a hint that
detection weighs, no verdict: ordinary users ask for reasoning too.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from countermark.records.traits import (
    ASKS_FOR_MANY,
    ASKS_FOR_REASONING,
    CODE,
    MATHEMATICS,
    PERSONA,
    REASONING_PARAMETER,
    RUBRIC,
    STRUCTURED_OUTPUT,
    TOOL_USE,
    TRANSLATION,
)

HEAD_BYTES, TAIL_BYTES = 4_096, 1_024

_PHRASES = {
    ASKS_FOR_REASONING: (
        "step by step|step-by-step|chain of thought|chain-of-thought|show your reasoning|"
        "explain your reasoning|show your work|think aloud|<think>|<thinking>|<reasoning>|"
        "reasoning trace|internal reasoning|let's think|schritt für schritt|étape par étape|"
        "paso a paso|passo a passo|шаг за шагом|一步一步|逐步|思维链|推理过程|ステップバイステップ|"
        "단계별로"
    ),
    RUBRIC: (
        " rubric| grade the| grade this| grading| score the| score from| on a scale of|"
        " rate the following| rate the response| evaluate the response| which response is better|"
        " judge the| scoring criteria| preference label|bewerte |auf einer skala|évalue |"
        "sur une échelle|califica |评分|打分|評価してください|평가해"
    ),
    STRUCTURED_OUTPUT: (
        " json| yaml format| as xml| as csv| valid xml|output format|output schema|markdown table|"
        "以json|jsonl"
    ),
    PERSONA: (
        "you are an expert|you are a |you are an |act as a|act as an|pretend to be|pretend you are|"
        "role-play|roleplay|take on the role|simulate a conversation|simulate a dialogue|play the user|"
        "stay in character|du bist ein|tu es un|eres un|agis comme|actúa como|你是一|扮演|あなたは"
    ),
    ASKS_FOR_MANY: (
        " variations| variants| paraphrases| diverse examples| different examples| diverse questions|"
        " diverse prompts| more examples| question-answer pairs|question and answer pairs| q&a pairs|"
        "instruction-response|generate a list of|training examples|synthetic data|seed task| varianten|"
        " exemples différents| ejemplos diferentes|多样化|个问题|个例子"
    ),
    CODE: (
        "```|def |import |#include|function(|public static|console.log| python| javascript| typescript|"
        " java | rust | golang| c++| sql query|select * from| regex| bash script|unit test|refactor|"
        " stack trace|traceback|代码|コード"
    ),
    MATHEMATICS: (
        "\\frac|\\sum|\\int_|$$| theorem| prove that| equation| integral| derivative| polynomial|"
        " probability that| triangle| solve for| modulo |算出|证明|方程|求解| beweise| démontre"
    ),
    TRANSLATION: (
        "translate|translation| übersetze|übersetzung|traduis|traduire|traduce |traducir|traduza|"
        "переведи|翻译|翻訳|번역"
    ),
    TOOL_USE: (
        "function call|tool call|tool_call|call the tool|use the tool|available tools|"
        "you have access to the following|api call| browse the web|<tool| tool_use|工具调用"
    ),
}


def _byte_map() -> NDArray[np.uint8]:
    table = np.arange(256, dtype=np.uint8)
    table[ord("A") : ord("Z") + 1] += 32
    table[list(b"\t\n\r\x0b\x0c")] = 32
    return table


def _automaton() -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Transitions (states, 256) and the bits that a state completes."""
    rows, bits = [np.full(256, -1, np.int16)], [0]
    for bit, phrases in _PHRASES.items():
        for phrase in phrases.split("|"):
            state = 0
            for byte in phrase.encode():
                if rows[state][byte] < 0:
                    rows[state][byte] = len(rows)
                    rows.append(np.full(256, -1, np.int16))
                    bits.append(0)
                state = int(rows[state][byte])
            bits[state] |= bit
    fallback = [0] * len(rows)
    queue = [0]
    for state in queue:  # breadth first: the fallback of a state is complete before it is used
        for byte in np.flatnonzero(rows[state] >= 0).tolist():
            child = int(rows[state][byte])
            fallback[child] = int(rows[fallback[state]][byte]) if state else 0
            bits[child] |= bits[fallback[child]]
            queue.append(child)
        rows[state] = np.where(rows[state] < 0, rows[fallback[state]] if state else 0, rows[state])
    return np.stack(rows), np.array(bits, np.int64)


_FOLD = _byte_map()
_NEXT, _BITS = _automaton()
_NEXT = _NEXT[:, _FOLD]  # folding is done in the table


@numba.njit(cache=True)
def _scan(text: Any, start: int, end: int, following: Any, bits: Any) -> Any:
    state, found = following[0, 32], 0  # as if white space stood before the text
    for at in range(start, end):
        state = following[state, text[at]]
        found |= bits[state]
    return found | bits[following[state, 32]]


@numba.njit(cache=True)
def _scan_all(text: Any, offsets: Any, following: Any, bits: Any) -> Any:
    found = np.zeros(len(offsets) - 1, np.int64)
    for prompt in range(len(found)):
        start, end = offsets[prompt], offsets[prompt + 1]
        head = min(end, start + HEAD_BYTES)
        found[prompt] = _scan(text, start, head, following, bits)
        if head < end:
            found[prompt] |= _scan(text, max(head, end - TAIL_BYTES), end, following, bits)
    return found


def find_traits(text: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Trait bits of the prompts text[offsets[i]:offsets[i + 1]]; shape (n,)."""
    found: NDArray[np.int64] = _scan_all(text, offsets, _NEXT, _BITS)
    return found


def request_traits(response_format: str | None, reasoning_requested: bool) -> int:
    """Trait bits that a request's parameters tell."""
    structured = bool(response_format) and response_format != "text"
    return (STRUCTURED_OUTPUT if structured else 0) | (REASONING_PARAMETER if reasoning_requested else 0)
