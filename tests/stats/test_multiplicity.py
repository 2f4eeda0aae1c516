"""q-values against SciPy, and what has to hold for any p-values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from countermark.stats.multiplicity import (
    benjamini_hochberg,
    benjamini_yekutieli,
    benjamini_yekutieli_threshold,
    harmonic,
    holm,
)

P_VALUES = st.lists(st.floats(1e-300, 1.0), min_size=1, max_size=60)
LOG_P = st.lists(st.floats(-5_000.0, 0.0), min_size=1, max_size=60)
PROCEDURES = pytest.mark.parametrize(
    ("procedure", "method"), [(benjamini_hochberg, "bh"), (benjamini_yekutieli, "by")]
)


@PROCEDURES
@given(p=P_VALUES)
def test_equals_scipy(procedure, method, p):
    assert np.exp(procedure(np.log(p))) == pytest.approx(false_discovery_control(p, method=method), rel=1e-9)


@PROCEDURES
@given(log_p=LOG_P)
def test_never_below_p_never_above_one_and_in_the_order_of_p(procedure, method, log_p):
    q = procedure(log_p)
    assert (q >= np.array(log_p) - 1e-9).all()
    assert (q <= 0.0).all()
    assert (np.diff(q[np.argsort(log_p, kind="stable")]) >= 0).all()


@PROCEDURES
@given(log_p=LOG_P, random=st.randoms(use_true_random=False))
def test_does_not_depend_on_the_order_of_the_hypotheses(procedure, method, log_p, random):
    order = random.sample(range(len(log_p)), len(log_p))
    assert procedure([log_p[i] for i in order]).tolist() == procedure(log_p)[order].tolist()


@PROCEDURES
@given(log_p=LOG_P, extra=st.floats(-5_000.0, 0.0))
def test_a_smaller_p_never_raises_another_ones_q(procedure, method, log_p, extra):
    raised, lowered = procedure([*log_p, 0.0]), procedure([*log_p, extra])
    assert (lowered[:-1] <= raised[:-1] + 1e-12).all()


@PROCEDURES
def test_keeps_the_order_below_the_smallest_float(procedure, method):
    q = procedure([-900.0, -1_000.0, -1.0])
    assert q[1] < q[0] < -700.0 < q[2]


@PROCEDURES
def test_one_hypothesis_is_its_own_q_and_none_is_none(procedure, method):
    assert procedure([-3.0]).tolist() == [-3.0]
    assert procedure([]).size == 0


@given(st.integers(1, 500), st.floats(1e-4, 0.2))
def test_the_threshold_is_where_a_single_small_p_just_passes(m, fdr):
    log_threshold = math.log(benjamini_yekutieli_threshold(fdr, m))
    others = [0.0] * (m - 1)
    assert benjamini_yekutieli([log_threshold - 1e-6, *others])[0] <= math.log(fdr)
    assert benjamini_yekutieli([log_threshold + 1e-6, *others])[0] > math.log(fdr)


def test_without_candidates_the_threshold_is_the_level_itself():
    assert benjamini_yekutieli_threshold(0.01, 0) == 0.01


def test_harmonic_numbers():
    assert harmonic(1) == 1.0
    assert harmonic(4) == pytest.approx(25 / 12)


def step_down(p, family):
    """Holm 1979 by its words: test the smallest at alpha/m, the next at alpha/(m-1), … until one fails."""
    adjusted, running = {}, 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        running = max(running, min(1.0, (family - rank) * p[i]))
        adjusted[i] = running
    return [adjusted[i] for i in range(len(p))]


@given(p=P_VALUES, more=st.integers(0, 1_000))
def test_holm_is_the_step_down_over_the_whole_family(p, more):
    family = len(p) + more
    assert np.exp(holm(np.log(p), family)) == pytest.approx(step_down(p, family), rel=1e-9)


@given(log_p=LOG_P, more=st.integers(0, 1_000), alpha=st.floats(1e-6, 0.2))
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(log_p, more, alpha):
    values, m = np.array(log_p), len(log_p) + more
    adjusted = holm(log_p, m)
    assert (adjusted >= values - 1e-12).all()
    assert (adjusted <= np.minimum(values + math.log(m), 0.0) + 1e-9).all()
    assert (np.diff(adjusted[np.argsort(log_p, kind="stable")]) >= 0).all()
    assert (holm(log_p, m + 1) >= adjusted - 1e-12).all()


def test_holm_hypotheses_asked_before_count_as_if_they_stood_behind():
    """The same as giving them with p = 1."""
    assert holm([-9.0, -4.0], 7) == pytest.approx(holm([-9.0, -4.0, *[0.0] * 5])[:2])
    assert holm([-9.0, -4.0], 1).tolist() == holm([-9.0, -4.0]).tolist()


def test_holm_at_any_depth_and_of_nothing():
    adjusted = holm([-59_818.0, -69_000.0, -1.0])
    assert adjusted == pytest.approx([-59_818.0 + math.log(2), -69_000.0 + math.log(3), -1.0])
    assert holm([]).size == 0


def test_holm_holds_the_family_wise_error():
    """Nulls that are the same number in pairs: at most alpha of the families have any p below alpha."""
    generator = np.random.default_rng(8)
    p = np.repeat(generator.random((20_000, 10)), 2, axis=1)
    wrong = sum(bool((holm(np.log(one)) <= math.log(0.05)).any()) for one in p)
    assert 0.02 < wrong / 20_000 < 0.05
