"""The Merkle tree against RFC 6962's recursive definition, and against Certificate Transparency's vectors."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countermark.trust import merkle

# Leaves and roots of transparency-dev/merkle, testonly/constants.go (commit 417fb0c), which are those of the
# first Certificate Transparency log: the root over the first n leaves stands at n.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# testdata/inclusion/1 and testdata/consistency/1 of the same commit, both "happy path"
FIRST_OF_EIGHT = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
HASHES = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]
MANY = [merkle.leaf_hash(b"%d" % number) for number in range(40)]


def split(size: int) -> int:
    """The largest power of two below `size`, by trying."""
    return max(1 << power for power in range(10) if 1 << power < size)


def root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), root(leaves[k:])]
    return [*path(m - k, leaves[k:]), root(leaves[:k])]


def subproof(m: int, leaves: list[bytes], known: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.2."""
    if m == len(leaves):
        return [] if known else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], known), root(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), root(leaves[:k])]


def test_roots_of_certificate_transparency() -> None:
    frontier = merkle.Frontier()
    for size, expected in enumerate(ROOTS):
        assert merkle.tree_root(HASHES[:size]).hex() == frontier.root().hex() == expected
        frontier.append([*HASHES, b""][size])


def test_proofs_of_certificate_transparency() -> None:
    assert [step.hex() for step in merkle.inclusion_proof(HASHES, 0)] == FIRST_OF_EIGHT
    assert [step.hex() for step in merkle.consistency_proof(HASHES, 1)] == FIRST_OF_EIGHT


@pytest.mark.parametrize("size", range(1, 34))
def test_definition_and_algorithms_agree(size: int) -> None:
    leaves = MANY[:size]
    assert merkle.tree_root(leaves) == root(leaves)
    tree = merkle.Tree()
    for leaf in leaves:
        tree.append(leaf)
    assert (len(tree), tree.root(), tree.leaf(size - 1)) == (size, root(leaves), leaves[-1])
    for index in range(size):
        assert merkle.inclusion_proof(leaves, index) == tree.inclusion_proof(index) == path(index, leaves)
        assert merkle.verify_inclusion(leaves[index], index, size, path(index, leaves), root(leaves))
    for old in range(1, size + 1):
        proof = subproof(old, leaves, True)
        assert merkle.consistency_proof(leaves, old) == tree.consistency_proof(old) == proof
        assert merkle.verify_consistency(old, root(leaves[:old]), size, root(leaves), proof)


@given(st.data())
def test_no_other_proof_is_accepted(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 40))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    leaves = MANY[:size]
    inclusion, consistency = merkle.inclusion_proof(leaves, index), merkle.consistency_proof(leaves, old)
    for proof in (inclusion, consistency):
        change = data.draw(st.sampled_from(["flip", "drop", "double", "add"]))
        at = data.draw(st.integers(0, max(0, len(proof) - 1)))
        if change == "add" or not proof:
            proof.append(MANY[at])
        elif change == "flip":
            proof[at] = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        elif change == "drop":
            del proof[at]
        else:
            proof.insert(at, proof[at])
    assert not merkle.verify_inclusion(leaves[index], index, size, inclusion, root(leaves))
    assert not merkle.verify_consistency(old, root(leaves[:old]), size, root(leaves), consistency)


@given(st.integers(1, 40), st.integers(0, 39), st.integers(0, 39))
def test_a_proof_is_of_one_leaf_at_one_index(size: int, index: int, other: int) -> None:
    index, other = index % size, other % size
    proof = merkle.inclusion_proof(MANY[:size], index)
    same = index == other
    assert merkle.verify_inclusion(MANY[index], other, size, proof, root(MANY[:size])) == same
    assert merkle.verify_inclusion(MANY[other], index, size, proof, root(MANY[:size])) == same


@given(st.integers(2, 40), st.data())
def test_a_consistency_proof_is_of_two_roots(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    proof = merkle.consistency_proof(MANY[:size], old)
    before, after = root(MANY[:old]), root(MANY[:size])
    wrong = root(MANY[:size][::-1])
    assert not merkle.verify_consistency(old, wrong, size, after, proof)
    assert not merkle.verify_consistency(old, before, size, wrong, proof)
    assert not merkle.verify_consistency(old, after, size, before, proof)


def test_what_has_no_proof() -> None:
    for index in (-1, 3):
        with pytest.raises(IndexError):
            merkle.inclusion_proof(MANY[:3], index)
    for old in (0, 4):
        with pytest.raises(IndexError):
            merkle.consistency_proof(MANY[:3], old)
    assert not merkle.verify_consistency(0, merkle.EMPTY_ROOT, 3, root(MANY[:3]), [])
    assert not merkle.verify_inclusion(MANY[0], 0, 0, [], merkle.EMPTY_ROOT)
    assert not merkle.verify_inclusion(b"short", 0, 1, [], b"short")
    for index in (-1, 1, 2):
        assert not merkle.verify_inclusion(MANY[0], index, 1, [], MANY[0])
