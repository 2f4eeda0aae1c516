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
