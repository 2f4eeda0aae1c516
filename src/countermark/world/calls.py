"""What the groups of a world hand to the log writer: accounts and calls, and when in a day people call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

DAY_S = 86_400


@dataclass(slots=True, eq=False)
class Account:
    """One row of `accounts.csv`. Times are seconds since the start of the world's first day."""

    account_id: str
    email: str
    payment: str
    """Token of the payment card, as a processor gives it."""
    signup_s: float
    plan: str
    country: str
    ban_s: float = float("inf")
    """When the provider closed the account; infinite where it has not."""

    def open_at(self, second: float) -> bool:
        """Whether the account can call at this time."""
        return self.signup_s <= second < self.ban_s


class Call(msgspec.Struct, gc=False):
    """One request, before it is written in a log's words."""

    second: float
    """Since the start of the world's first day."""
    account: Account
    ip: str
    user_agent: str
    model: str
    parameters: str
    """JSON text."""
    prompt: str
    system: str | None = None
    history: str | None = None
    """The user's previous turn, where the request continues a conversation."""
    end_user: str | None = None
    trace: str | None = None
    """Joins the calls of one session; without it every call has its own."""
    verbosity: float = 300.0
    """Median length of the answer in tokens."""


class Group(Protocol):
    """People, a network, a pool or a look-alike."""

    accounts: list[Account]

    def calls(self, day: int) -> list[Call]:
        """All calls of one day, in any order. Days are asked for once each, from the first on."""
        ...


def midnight(first_day: date) -> float:
    """Start of the world's first day in seconds since 1970."""
    return datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC).timestamp()


def is_weekend(first_day: date, day: int) -> bool:
    """Whether a day of the world is a Saturday or Sunday."""
    return (first_day.weekday() + day) % 7 >= 5


_HOURS = {
    "evening": [
        1,
        0.5,
        0.3,
        0.2,
        0.2,
        0.4,
        1,
        2,
        3,
        3.5,
        3.5,
        4,
        4.5,
        4,
        4,
        4.5,
        5,
        5.5,
        6,
        7,
        7.5,
        7,
        5,
        2.5,
    ],
    "office": [
        0.1,
        0.1,
        0.1,
        0.1,
        0.1,
        0.2,
        0.8,
        3,
        8,
        10,
        10,
        8,
        5,
        8,
        10,
        9,
        7,
        4,
        2,
        1.2,
        1,
        0.8,
        0.5,
        0.2,
    ],
    "night": [6, 5, 4, 3, 2, 1, 0.5, 0.5, 1, 1.5, 2, 2.5, 3, 3, 3, 3, 3, 3.5, 4, 4.5, 5.5, 6.5, 7, 7],
    "steady": [3, 3, 3, 3, 3, 3, 3.5, 4, 4.5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 4.5, 4.5, 4, 4, 3.5, 3],
    "lesson": [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.5, 1, 2, 40, 25, 2, 1, 1, 1, 1, 1, 2, 3, 4, 4, 2, 1],
    "flat": [1.0] * 24,
}
CURVES = tuple(_HOURS)
_CUMULATIVE = np.cumsum(np.array(list(_HOURS.values())), axis=1)
_CUMULATIVE /= _CUMULATIVE[:, -1:]


def times_of_day(
    rng: np.random.Generator,
    counts: NDArray[np.int64],
    curves: Sequence[str],
    utc_offsets: NDArray[np.float64],
    session: float = 4.0,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Spread `counts[i]` calls of owner i over a day, in sessions of about `session` calls.

    Returns, one a call: the owner, the number of the session, and the second of the day in UTC.
    """
    owners = np.repeat(np.arange(len(counts)), counts)
    sessions = np.ceil(counts / session).astype(np.int64)
    first_session = np.cumsum(sessions) - sessions
    which = first_session[owners] + (rng.random(len(owners)) * sessions[owners]).astype(np.int64)
    session_owner = np.repeat(np.arange(len(counts)), sessions)
    curve = np.array([CURVES.index(name) for name in curves], dtype=np.int64)
    rows = _CUMULATIVE[curve[session_owner]] if len(session_owner) else _CUMULATIVE[:0]
    hours = (rows < rng.random(len(session_owner))[:, None]).sum(axis=1) + rng.random(len(session_owner))
    local = hours[which] * 3600 + rng.exponential(420, len(owners))
    return owners, which, (local - utc_offsets[owners] * 3600) % DAY_S
