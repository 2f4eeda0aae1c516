"""The kit can fail: for each broken server just the checks that are meant for it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from exchange_parties import Exchange, exchange_at
from kit_expected import EXPECTED
from kit_faults import Fault
from kit_mutants import MUTANTS
from kit_runs import Forward, forward_to, of_outcome, run_on

from countermark.share.conformance import CHECKS
from countermark.share.stix.schemas import check_objects

ROOT = "http://testserver/exchange/"
TOGETHER = 8


def groups() -> list[list[str]]:
    """Mutants that break different things, so that one run is enough for several of them."""
    found: list[list[str]] = []
    for name, expected in EXPECTED.items():
        if len(expected) > 2 or name in ALONE:
            continue
        for group in found:
            others = set().union(*(EXPECTED[one] for one in group))
            clash = any({one, name} in CLASHES for one in group)
            if len(group) < TOGETHER and not expected & others and not clash:
                group.append(name)
                break
        else:
            found.append([name])
    return found


ALONE = frozenset({"length as text", "statuses are forgotten"})
"""They leave other checks undetermined."""
CLASHES: list[set[str]] = [
    {"401 in HTML", "403 to nobody"},
    {"413 too early", "no 413"},
    {"collections in turn", "next of another collection"},
    {"no First", "dates of the clock"},
    {"ids of nothing", "versions are the clock"},
    {"version 2.0 alone", "versions without version"},
]
"""One hides the other's fault."""


@pytest.fixture
def broken(
    tmp_path: Path, founded: tuple[Path, dict[str, str], dict[str, str]]
) -> Iterator[tuple[Exchange, Forward]]:
    """An exchange, and the way to it."""
    path = shutil.copy(founded[0], tmp_path / "exchange.sqlite")
    settings = {"reads_inline": True, "max_content_length": 1 << 16}
    with exchange_at(f"sqlite:///{path}", founded[1:], checker=check_objects, **settings) as exchange:
        yield exchange, forward_to(exchange)


def within(fault: Fault, forward: Forward) -> Forward:
    """A server with a fault."""
    return lambda request: fault(request, forward)


@pytest.mark.parametrize("names", groups(), ids=lambda names: f"{names[0]} and {len(names) - 1} more")
def test_the_checks_that_are_meant_fail_and_no_other(
    names: list[str], broken: tuple[Exchange, Forward]
) -> None:
    exchange, forward = broken
    for name in names:
        forward = within(MUTANTS[name](), forward)
    run = run_on(exchange, forward, url=ROOT)
    assert set(of_outcome(run, "fail")) == set().union(*(EXPECTED[name] for name in names))


@pytest.mark.soak
@pytest.mark.parametrize("name", EXPECTED)
def test_each_mutant_alone(name: str, broken: tuple[Exchange, Forward]) -> None:
    exchange, forward = broken
    run = run_on(exchange, within(MUTANTS[name](), forward), url=ROOT)
    assert set(of_outcome(run, "fail")) == EXPECTED[name]


def test_every_mutant_has_its_checks_and_they_are_there() -> None:
    assert list(EXPECTED) == list(MUTANTS)
    assert all(EXPECTED.values())
    assert set().union(*EXPECTED.values()) <= set(CHECKS)
