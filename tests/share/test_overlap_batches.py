"""Whole lists on several threads: the same as one at a time, and every wrong point is named."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from countermark.errors import Error
from countermark.share.overlap import batches, group, voprf
from countermark.share.overlap.hash_to_group import MOST_INPUT, hash_to_group
from countermark.trust.keyfiles import Secret

OVERLAP = json.loads((Path(__file__).parents[2] / "vectors" / "oprf" / "overlap.json").read_text())
MANY = 1500
"""Enough for several threads."""
ITEMS = [f"email\x00{number}@example.org".encode() for number in range(MANY)]


def split(points: bytes) -> list[bytes]:
    return [points[begin : begin + 32] for begin in range(0, len(points), 32)]


@pytest.fixture(scope="module")
def blinded():
    scalar = group.random_scalar()
    return scalar, batches.blind_all(ITEMS, scalar)


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_lists_are_the_same_as_one_at_a_time(workers):
    scalar = group.random_scalar()
    points = batches.blind_all(ITEMS, scalar, workers)
    assert split(points) == [voprf.blind(item, scalar=scalar)[1] for item in ITEMS]
    other = group.random_scalar()
    tags = batches.multiply_all(points, other, workers)
    assert split(tags) == [group.multiply(other, point) for point in split(points)]


def test_the_vectors_of_the_overlap():
    a, b = (Secret(bytes.fromhex(OVERLAP[name])) for name in "ab")
    rows = OVERLAP["items"]
    points = batches.blind_all([bytes.fromhex(row["item"]) for row in rows], a)
    assert [point.hex() for point in split(points)] == [row["blinded"] for row in rows]
    assert [tag.hex() for tag in split(batches.multiply_all(points, b))] == [row["tag"] for row in rows]


def test_both_ways_give_the_same_tags():
    a, b = group.random_scalar(), group.random_scalar()
    one_way = batches.multiply_all(batches.blind_all(ITEMS[:1000], a), b)
    other_way = batches.multiply_all(batches.blind_all(ITEMS[400:], b), a)
    assert set(split(one_way)) & set(split(other_way)) == set(split(one_way)[400:])
    assert len(set(split(one_way)) & set(split(other_way))) == 600


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 511, 512, 513, 1025])
def test_every_length_is_done_whole(count, blinded):
    scalar, points = blinded
    assert batches.blind_all(ITEMS[:count], scalar) == points[: 32 * count]
    one = Secret((1).to_bytes(32, "little"))
    assert batches.multiply_all(points[: 32 * count], one) == points[: 32 * count]
    assert len(batches.random_points(count)) == 32 * count


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("position", [0, 255, 256, 700, MANY - 1])
@pytest.mark.parametrize("kind", ["identity", "no point", "top bit", "odd"])
def test_a_wrong_point_is_named(kind, position, workers, blinded):
    scalar, points = blinded
    right = points[32 * position : 32 * position + 32]
    wrong = {
        "identity": group.IDENTITY,
        "no point": b"\xff" * 32,
        "top bit": right[:-1] + bytes([right[-1] | 0x80]),
        "odd": bytes([right[0] ^ 1]) + right[1:],
    }[kind]
    data = points[: 32 * position] + wrong + points[32 * position + 32 :]
    with pytest.raises(Error, match=f"^point {position} of the other's list is not a point"):
        batches.multiply_all(data, scalar, workers, what="the other's list")


def test_the_first_of_several_wrong_points_is_named(blinded):
    scalar, points = blinded
    listed = split(points)
    chosen = random.Random(6)
    for _ in range(20):
        positions = sorted(chosen.sample(range(MANY), 3))
        wrong = dict(zip(positions, chosen.sample([bytes(32), b"\xff" * 32, b"\x01" * 32], 3), strict=True))
        data = b"".join(wrong.get(position, point) for position, point in enumerate(listed))
        with pytest.raises(Error, match=f"^point {positions[0]} of the list is"):
            batches.multiply_all(data, scalar)


def test_what_is_no_list_or_no_scalar_is_refused(blinded):
    scalar, points = blinded
    for call in (lambda: batches.multiply_all(points[:-1], scalar), lambda: batches.repeated(points[:33])):
        with pytest.raises(Error, match="not points of 32"):
            call()
    for value in (0, group.ORDER):
        for call in (batches.multiply_all, lambda data, s: batches.blind_all([data], s)):
            with pytest.raises(Error, match="order"):
                call(points[:32], Secret(value.to_bytes(32, "little")))
    with pytest.raises(Error, match=f"item 1 has {MOST_INPUT + 1} bytes"):
        batches.blind_all([b"", bytes(MOST_INPUT + 1)], scalar)


def test_random_points_are_points_and_all_different():
    points = batches.random_points(MANY)
    assert len(set(split(points))) == MANY
    assert batches.repeated(points) is None
    assert all(group.decode_point(point) for point in split(points)[:50])
    assert batches.multiply_all(points, group.random_scalar())
    assert batches.random_points(1) != batches.random_points(1)


def test_the_first_repeated_point_is_found(blinded):
    listed = split(blinded[1])
    assert batches.repeated(b"".join(listed)) is None
    assert batches.repeated(b"") is None
    listed[900] = listed[3]
    listed[40] = listed[41]
    assert batches.repeated(b"".join(listed)) == 41
    # the same but for trailing zeros, which NumPy drops from text
    short, longer = b"\x02" + bytes(31), b"\x02" + bytes(30) + b"\x01"
    assert batches.repeated(short + longer) is None
    assert batches.repeated(short + longer + short) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_grows_to_the_whole(workers, blinded):
    for call in (
        lambda tell: batches.blind_all(ITEMS, blinded[0], workers, tell),
        lambda tell: batches.multiply_all(blinded[1], blinded[0], workers, tell),
        lambda tell: batches.random_points(MANY, workers, tell),
    ):
        told = []
        call(lambda done, total, told=told: told.append((done, total)))
        assert told == sorted(told)
        assert told[-1] == (MANY, MANY)


def test_what_stops_the_caller_stops_the_threads():
    def stop(done: float, total: float) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        batches.random_points(2_000_000, 2, stop)
    assert time.monotonic() - began < 10  # all would be half a minute of work
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("overlap")]


def test_interrupted_from_the_keyboard():
    code = (
        "from countermark.share.overlap import batches\n"
        "tell = lambda done, total: print(done, flush=True)\n"
        "batches.random_points(4_000_000, 2, tell)\n"
    )
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip()
        child.send_signal(signal.SIGINT)
        try:
            assert child.wait(20) == -signal.SIGINT
        finally:
            child.kill()


def test_other_threads_go_on_meanwhile():
    """A server answers while it counts: none of it holds the interpreter for long."""
    gaps, stop = [], threading.Event()

    def watch() -> None:
        last = time.monotonic()
        while not stop.wait(0.001):
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    watcher = threading.Thread(target=watch)
    watcher.start()
    batches.blind_all(ITEMS * 4, group.random_scalar(), 1)
    stop.set()
    watcher.join()
    assert len(gaps) > 10
    assert sorted(gaps)[len(gaps) // 2] < 0.05


def test_no_secret_in_an_error():
    scalar = Secret(b"\xfe" * 32)
    with pytest.raises(Error) as raised:
        batches.blind_all([b"item"], scalar)
    assert "fefe" not in str(raised.value).lower()
    assert hash_to_group(b"item", voprf.CONTEXT).hex() not in str(raised.value)
