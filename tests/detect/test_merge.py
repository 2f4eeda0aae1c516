"""Campaigns from candidates: no account is in two campaigns."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from countermark.detect.merge import Group, _disjoint


def group(accounts, p, score):
    n = len(accounts)
    return Group([], np.array(accounts, np.int64), np.array(score), np.array(p), np.full(n, 0.01), -5.0, -4.0)


@st.composite
def groups(draw):
    drawn = draw(st.lists(st.sets(st.integers(0, 20)), max_size=5))
    p = st.sampled_from([0.001, 0.01, 0.2])
    score = st.sampled_from([0.0, 1.5, 3.0])
    return [group(sorted(one), [draw(p) for _ in one], [draw(score) for _ in one]) for one in drawn]


@given(groups())
def test_every_account_stays_in_exactly_one_group_the_one_with_its_smallest_p(overlapping):
    kept = _disjoint(overlapping)
    assert len(kept) == len(overlapping)
    owners = [account for one in kept for account in one.accounts.tolist()]
    assert sorted(owners) == sorted({account for one in overlapping for account in one.accounts.tolist()})
    for one in kept:
        assert one.accounts.size == one.p.size == one.q.size == one.score.size
        for account, p, score in zip(one.accounts, one.p, one.score, strict=True):
            rivals = [
                (other.p[other.accounts == account][0], -other.score[other.accounts == account][0])
                for other in overlapping
                if account in other.accounts
            ]
            assert (p, -score) == min(rivals)
