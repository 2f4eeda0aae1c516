"""The draws of torch's CPU generator: recorded green lists, and torch itself where it is installed."""

import hashlib

import numpy as np
import pytest
from hf_profiles import vectors
from hypothesis import given
from hypothesis import strategies as st

from countermark.watermark.prf.green_seeds import TABLE_SIZE, left_seeds, self_seeds
from countermark.watermark.prf.torch_random import (
    MAX_PERMUTATION,
    among_first,
    first_of_permutation,
    look_up,
    random_bits,
    randperm,
)

GREEN = vectors("transformers-green-list.json")


@pytest.mark.parametrize("case", GREEN["green_lists"], ids=str)
def test_green_lists_are_the_recorded_ones(case):
    ids = np.array(case["context"])
    if case["seeding"] == "lefthash":
        seed = left_seeds(case["key"], case["vocab_size"])[ids[-1]]
    else:
        table = randperm(TABLE_SIZE, case["key"])
        seed = self_seeds(ids, case["context_width"], case["key"], table)[-1]
    green = np.sort(randperm(case["vocab_size"], int(seed))[: case["size"]]).tolist()
    assert case["size"] == int(case["vocab_size"] * case["greenlist_ratio"])
    assert green[:12] == case["first"]
    assert hashlib.sha256(",".join(map(str, green)).encode()).hexdigest() == case["sha256"]


def test_lefthash_reads_the_last_id_alone_whatever_the_context_width():
    one, three = (
        {(c["vocab_size"], c["key"]): c for c in GREEN["green_lists"] if c["context_width"] == width}
        for width in (1, 3)
    )
    for case in three.values():
        seeds = left_seeds(case["key"], case["vocab_size"])
        green = np.sort(randperm(case["vocab_size"], int(seeds[case["context"][-1]]))[: case["size"]])
        assert green[:12].tolist() == case["first"]
    assert one.keys() == three.keys()


@given(st.integers(1, 2**63 - 1))
def test_left_seeds_are_the_low_bits_of_the_product_modulo_two_to_64_less_one(key):
    ids = [0, 1, 2, 3, 77, 999]
    seeds = left_seeds(key, 1000)
    assert seeds[ids].tolist() == [key * i % (2**64 - 1) % 2**32 for i in ids]


def test_left_seeds_where_the_product_is_a_multiple_of_the_modulus():
    key = (2**64 - 1) // 5
    assert left_seeds(key, 11)[[0, 5, 10]].tolist() == [0, 0, 0]


@given(st.integers(0, 2**32 - 1), st.integers(2, 700), st.data())
def test_bitsets_and_followed_elements_agree_with_the_permutation(seed, n, data):
    k = data.draw(st.integers(1, n - 1))
    green = np.zeros(n, bool)
    green[randperm(n, seed)[:k]] = True
    seeds, elements = np.full(n, seed, np.uint32), np.arange(n, dtype=np.uint32)
    assert among_first(seeds, elements, n, k).tolist() == green.tolist()
    sets = np.full((3, (n + 7) // 8), 255, np.uint8)
    first_of_permutation(np.array([seed ^ 1, seed], np.uint32), n, k, sets, np.array([0, 2]))
    out = np.zeros(n, bool)
    look_up(sets, np.array([2]), np.zeros(n, np.int64), elements, out)
    assert out.tolist() == green.tolist()


def test_only_the_low_half_of_a_seed_counts():
    assert randperm(50, 5).tolist() == randperm(50, 2**32 + 5).tolist()
    assert sorted(randperm(50, 5).tolist()) == list(range(50))


def test_a_permutation_that_torch_draws_otherwise_is_refused():
    with pytest.raises(ValueError, match="out of range"):
        randperm(MAX_PERMUTATION, 1)


def test_the_sampling_table_begins_as_recorded():
    head = vectors("transformers-synthid.json")["table_head"]
    assert "".join(map(str, random_bits(64, 0).tolist())) == head


def test_torch_itself_draws_the_same():
    torch = pytest.importorskip("torch", reason="the oracle is torch's own generator")
    rng = np.random.default_rng(3)
    for seed in [0, 1, 2**32 - 1, 2**64 - 2, *rng.integers(0, 2**63, 20).tolist()]:
        for n in (1, 2, 3, 623, 624, 625, 1249, 40_000):
            theirs = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
            assert np.array_equal(randperm(n, seed), theirs.numpy())
            theirs = torch.randint(0, 2, (n,), generator=torch.Generator().manual_seed(seed))
            assert np.array_equal(random_bits(n, seed), theirs.numpy())
