"""Both members may send the last message at once: who counts second finds that all is done."""

from types import SimpleNamespace
from typing import Any

from countermark.share.server.overlap_counting import Counting


class Cleared:
    """A store whose run was counted under the floor, and cleared, since it was read."""

    def whole(self, *_: Any) -> bytes:
        return b""

    def part(self, *_: Any) -> None:
        return None

    def turn(self, *_: Any) -> Any:
        raise AssertionError("there is nothing left to be changed")


def test_a_run_that_was_counted_and_cleared_meanwhile_is_left_alone() -> None:
    counting = Counting(SimpleNamespace(api=None, store=Cleared()))  # type: ignore[arg-type]  # what it needs
    counting._count(SimpleNamespace(run_id="1", name="june", first="a", second="b"))  # type: ignore[arg-type]  # same
