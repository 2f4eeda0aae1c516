"""The compiled prompt kernel against SipHash's vectors, an oracle in plain Python, and any bytes."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.capture.kernel import fingerprint, siphash, write_skeleton

KEY = bytes(range(16))
# vectors_sip64 of the reference implementation: key 00..0f, message 00..n-1
VECTORS = {
    0: 0x726FDB47DD0E0E31,
    1: 0x74F839C593DC67FD,
    2: 0x0D6C8009D9A94F5A,
    3: 0x85676696D7FB7E2D,
    7: 0xAB0200F58B01D137,
    8: 0x93F5F5799A932462,
    15: 0xA129CA6149BE45E5,
    63: 0x958A324CEB064572,
}
KEYS = np.array([1, 2, 3, 4], np.uint64)


def words_of(key: bytes) -> tuple[np.uint64, np.uint64]:
    return np.uint64(int.from_bytes(key[:8], "little")), np.uint64(int.from_bytes(key[8:], "little"))


def hash_of(data: bytes, key: bytes, c: int, d: int) -> int:
    return int(siphash(*words_of(key), np.frombuffer(data, np.uint8), 0, len(data), c, d))


def skeleton(text: str | bytes) -> bytes:
    data = np.frombuffer(text.encode() if isinstance(text, str) else text, np.uint8)
    out = np.empty(len(data) + 1, np.uint8)
    return bytes(out[: write_skeleton(data, 0, len(data), out)])


def fingerprints(*texts: str | bytes, keys=KEYS):
    encoded = [text.encode() if isinstance(text, str) else text for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return fingerprint(np.frombuffer(b"".join(encoded), np.uint8), offsets, keys)


def jaccard(first, second) -> float:
    return ((first == second).mean() - 1 / 256) / (1 - 1 / 256)


@pytest.mark.parametrize(("length", "expected"), VECTORS.items())
def test_siphash_24_gives_the_reference_vectors(length: int, expected: int) -> None:
    assert hash_of(bytes(range(length)), KEY, 2, 4) == expected


def test_siphash_13_is_the_interpreters_own() -> None:
    if sys.hash_info.algorithm != "siphash13":
        pytest.skip("this interpreter hashes bytes by another function")
    messages = [b"x", b"seven b", b"eight by", b"a longer message, over several words"]
    program = f"print([hash(m) for m in {messages!r}])"
    environment = {**os.environ, "PYTHONHASHSEED": "0"}  # the key is zero then
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=True
    ).stdout
    ours = [hash_of(message, bytes(16), 1, 3) for message in messages]
    assert [value % 2**64 for value in eval(printed)] == ours


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Hello   World\n", b"hello world"),
        ("pay 1,024.50 now, room 7.", b"pay \x01 now, room \x01."),
        ("don't say \"a b\" or 'c d', it's", b"don't say \x02 or \x02, it's"),
        ("run `ls -l` “quoted”", b"run \x02 \x02"),
        ("see https://a.example/x?y=1, and WWW.b.example.", b"see \x03, and \x03."),
        ("key 123e4567-e89b-12d3-a456-426614174000 end", b"key \x04 end"),
        ("code ```py\nx = 1\n``` done", b"code \x05 done"),
        ("open ```never closed", b"open \x05"),
        ('5" screen', b'\x01" screen'),
        ("Grüße", "grüße".encode()),
    ],
)
def test_skeleton(text: str, expected: bytes) -> None:
    assert skeleton(text) == expected


def test_a_template_filled_with_other_values_has_one_template_hash() -> None:
    template = 'Grade the answer "{}" of student {} at https://school.example/{} on a scale of {}.'
    hashes, _, _ = fingerprints(*(template.format(f"text {i}", i, f"page{i}", i * 3.5) for i in range(5)))
    assert len(set(hashes[:, 0])) == 1
    assert fingerprints("Grade the question")[0][0, 0] != hashes[0, 0]


def test_opening_and_closing_stay_where_the_middle_changes() -> None:
    text = "Answer as a very careful senior analyst {} and then list every single step taken"
    hashes, long_enough, _ = fingerprints(
        text.format("about cats"), text.format("on the price of old wooden boats")
    )
    assert long_enough.all()
    assert hashes[0, 0] != hashes[1, 0]
    assert hashes[0, 1] == hashes[1, 1]
    assert hashes[0, 2] == hashes[1, 2]


def test_short_prompts_have_no_opening_and_closing() -> None:
    hashes, long_enough, _ = fingerprints(
        "one two three four five six seven", "one two three four five six seven eight"
    )
    assert long_enough.tolist() == [False, True]
    assert hashes[0, 1] == hashes[0, 2] == 0


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.8, 1.0])
def test_sketches_estimate_the_jaccard_similarity(overlap: float) -> None:
    words = [
        f"w{'abcdefghij'[i % 10]}{'abcdefghij'[i // 10 % 10]}{'abcdefghij'[i // 100]}" for i in range(800)
    ]
    shift = round(400 * (1 - overlap))
    texts = [" ".join(words[:400]), " ".join(words[shift : shift + 400])]
    pairs = [set(zip(text.split(), text.split()[1:], strict=False)) for text in texts]
    truth = len(pairs[0] & pairs[1]) / len(pairs[0] | pairs[1])
    estimates = []
    for seed in range(40):
        _, _, sketches = fingerprints(*texts, keys=KEYS + np.uint64(seed))
        estimates.append(jaccard(*sketches))
    assert np.mean(estimates) == pytest.approx(truth, abs=0.04)  # 4 standard errors of 40 x 64 bins


def test_few_shingles_agree_wherever_the_texts_do() -> None:
    _, _, sketches = fingerprints("hello", "HELLO", "hello there", "other", "", "你好吗", "你好嘛")
    assert jaccard(sketches[0], sketches[1]) == 1
    assert jaccard(sketches[0], sketches[3]) < 0.2
    assert 0 < jaccard(sketches[5], sketches[6]) < 1


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=8))
def test_any_bytes_have_a_fingerprint_and_do_not_disturb_their_neighbours(texts: list[bytes]) -> None:
    together = fingerprints(*texts)
    for number, text in enumerate(texts):
        for ours, alone in zip(together, fingerprints(text), strict=True):
            assert np.array_equal(ours[number], alone[0])


@given(st.text(max_size=300))
def test_a_skeleton_is_no_longer_and_has_no_digits_or_capitals(text: str) -> None:
    found = skeleton(text)
    assert len(found) <= len(text.encode())
    assert not any(48 <= byte <= 57 or 65 <= byte <= 90 for byte in found)


@pytest.mark.parametrize(
    "piece", [b"`", b'"', b"'a ", b"\xe2\x80\x9c", b"``", b"` \"'", b"http://", b"1.", b"a" * 25]
)
def test_hostile_repetition_takes_linear_time(piece: bytes) -> None:
    text = (piece * 65_536)[:65_536]
    fingerprints(text)
    started = time.process_time()
    for _ in range(10):
        fingerprints(text)
    assert time.process_time() - started < 1  # quadratic time would be minutes
