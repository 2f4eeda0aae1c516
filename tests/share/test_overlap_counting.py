"""Lists of points against sets of Python: what they have in common, and where."""

import random

import pytest

from countermark.share.overlap.counting import as_points, common, positions, same, without


def points(seed: int, count: int) -> list[bytes]:
    """Some that differ in few bytes, at either end, zeros among them."""
    draw = random.Random(seed)
    found = {bytes(draw.choice((0, 0, 1, 255)) for _ in range(2)) + bytes(30) for _ in range(count)}
    found |= {bytes(28) + draw.randbytes(draw.randrange(4)).ljust(4, b"\0") for _ in range(count)}
    found |= {draw.randbytes(32) for _ in range(count)}
    listed = sorted(found)
    draw.shuffle(listed)
    return listed


def plain(found: object) -> set[bytes]:
    """Of an array, whose values lose their trailing zeros when they are read."""
    return {bytes(one).ljust(32, b"\0") for one in found}  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(20))
def test_as_sets_have_it(seed: int) -> None:
    one, more = points(seed, 60), points(seed + 1000, 60)
    other = list({*more[seed:], *one[: 3 * seed]})
    random.Random(seed).shuffle(other)
    first, second = b"".join(one), b"".join(other)
    both = common(first, second)
    assert plain(both) == set(one) & set(other)
    assert plain(without(as_points(first), second)) == set(one) - set(other)
    expected = [at for at, point in enumerate(other) if point in set(one)]
    assert positions(second, both) == expected
    shuffled = random.Random(1).sample(one, len(one))
    assert same(as_points(first), as_points(b"".join(shuffled)))
    assert not same(as_points(first), as_points(b"".join([*one[1:], other[-1]]))) or other[-1] == one[0]
    assert not same(as_points(first), as_points(b"".join(one[1:])))


def test_of_nothing() -> None:
    one = b"".join(points(1, 5))
    assert len(common(one, b"")) == len(common(b"", one)) == 0
    assert positions(one, as_points(b"")) == positions(b"", as_points(one)) == []
    assert plain(without(as_points(one), b"")) == plain(as_points(one))
    assert same(as_points(b""), as_points(b""))
