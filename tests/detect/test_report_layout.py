"""Where accounts stand in the network's picture."""

import numpy as np

from countermark.detect.report.layout import MOST_EDGES, lay_out


def test_the_layout_is_bounded_and_repeatable():
    random = np.random.default_rng(1)
    edges = [
        (int(i), int(j), float(w))
        for (i, j), w in zip(random.integers(0, 900, (9000, 2)), random.random(9000), strict=True)
    ]
    first, second = lay_out(edges, 40), lay_out(edges, 40)
    assert len(first.nodes) == 40
    assert 0 < len(first.ends) <= MOST_EDGES
    assert np.array_equal(first.place, second.place)
    assert np.linalg.norm(first.place, axis=1).max() <= 1 + 1e-9


def test_accounts_that_share_much_stand_close():
    edges = [(i, j, 1.0) for part in (range(8), range(8, 16)) for i in part for j in part if i < j] + [
        (0, 8, 0.1)
    ]
    layout = lay_out(edges)
    place = {node: layout.place[row] for row, node in enumerate(layout.nodes)}
    within = np.mean([np.linalg.norm(place[1] - place[n]) for n in range(2, 8)])
    between = np.mean([np.linalg.norm(place[1] - place[n]) for n in range(9, 16)])
    assert between > 2 * within


def test_a_pair_named_twice_is_one_link_and_an_account_has_none_with_itself():
    layout = lay_out([(3, 7, 1.0), (7, 3, 2.0), (3, 3, 9.0)])
    assert layout.nodes == [3, 7]
    assert layout.weights.tolist() == [3.0]
