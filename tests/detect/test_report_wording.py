"""How figures and untrusted strings are printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.detect.report.wording import part_of, printable, probability, probability_of


def test_long_strings_are_cut_and_counted():
    assert printable("x" * 10_000).endswith("(6,000 more characters)")


@pytest.mark.parametrize(
    ("log10_p", "printed"),
    [
        (-412.37, "10^-412.3"),
        (-3.05, "10^-3.0"),
        (-2.0, "0.01"),
        (-1.9066, "0.0124"),
        (0.0, "1"),
        (float("nan"), "not known"),
    ],
)
def test_p_values_are_printed_from_their_log10_and_never_too_small(log10_p, printed):
    assert probability(log10_p) == printed


def test_parts_of_a_whole_are_printed_without_exponents():
    assert part_of(31, 31) == "31 of 31 (100%)"
    assert part_of(9, 30412) == "9 of 30,412 (0.0296%)"
    assert part_of(0, 0) == "0 of 0"


@given(st.floats(1e-300, 1))
def test_a_printed_p_is_at_least_the_p(value):
    printed = probability_of(value)
    shown = 10 ** float(printed[3:]) if printed.startswith("10^") else float(printed)
    assert shown >= value * (1 - 1e-6)
