"""RFC 6962 Merkle trees: roots, inclusion proofs, consistency proofs, and the two verifications.

Source: RFC 6962 section 2.1 (tree and proofs, by their recursive definition) and RFC 9162 sections
2.1.3.2 and 2.1.4.2 (verification). Hashes are 32 bytes of SHA-256; a leaf is hashed behind a byte 0x00 and a
node behind 0x01, so that no node can be passed off as a leaf.
"""

import hashlib
from collections.abc import Callable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash of an entry."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two subtrees beside each other."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """Roots of the complete subtrees that cover the leaves so far: enough to append and to give the root."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash; amortised constant time."""
        self._peaks.append(leaf)
        self.size += 1
        merges = (self.size & -self.size).bit_length() - 1  # one for every trailing zero bit
        for _ in range(merges):
            right = self._peaks.pop()
            self._peaks.append(node_hash(self._peaks.pop(), right))

    def root(self) -> bytes:
        """Root over the leaves so far; of none it is the SHA-256 of nothing."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


class Tree:
    """All leaves and the roots of all complete subtrees, 64 bytes a leaf; proofs in logarithmic time."""

    def __init__(self) -> None:
        # at each level the hashes of the complete subtrees of 2**level leaves, one after the other
        self._levels = [bytearray()]

    def __len__(self) -> int:
        return len(self._levels[0]) // HASH_BYTES

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash; amortised constant time."""
        level, current = 0, leaf
        while True:
            hashes = self._levels[level]
            hashes += current
            if len(hashes) // HASH_BYTES & 1:
                return
            current = node_hash(bytes(hashes[-2 * HASH_BYTES : -HASH_BYTES]), current)
            level += 1
            if level == len(self._levels):
                self._levels.append(bytearray())

    def leaf(self, index: int) -> bytes:
        """A leaf hash."""
        return self._node(0, index)

    def root(self, size: int | None = None) -> bytes:
        """Root over the leaves so far, or the first `size` of them; of none it is the SHA-256 of nothing."""
        return self._root(0, len(self) if size is None else size)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """As the function of this name; also for the tree of the first `size` leaves."""
        return _inclusion(self._root, len(self) if size is None else size, index)

    def consistency_proof(self, old_size: int) -> list[bytes]:
        """As the function of this name."""
        return _consistency(self._root, len(self), old_size)

    def _node(self, level: int, at: int) -> bytes:
        return bytes(self._levels[level][at * HASH_BYTES : (at + 1) * HASH_BYTES])

    def _root(self, low: int, high: int) -> bytes:
        """Root over a range that begins where a subtree of its size does, as those of the proofs do."""
        if low == high:
            return EMPTY_ROOT
        peaks = []
        while low < high:
            level = (high - low).bit_length() - 1
            peaks.append(self._node(level, low >> level))
            low += 1 << level
        root = peaks[-1]
        for peak in reversed(peaks[:-1]):
            root = node_hash(peak, root)
        return root


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Root over these leaf hashes (RFC 6962, section 2.1)."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Audit path of a leaf, from its sibling up to the root's child (RFC 6962, section 2.1.1).

    Raises `IndexError` for an index outside the tree.
    """
    return _inclusion(lambda low, high: tree_root(leaves[low:high]), len(leaves), index)


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Proof that the tree of the first `old_size` leaves is a prefix of this one (RFC 6962, section 2.1.2).

    Empty for equal sizes. Raises `IndexError` outside 1 <= old_size <= size.
    """
    return _consistency(lambda low, high: tree_root(leaves[low:high]), len(leaves), old_size)


def _inclusion(root: Callable[[int, int], bytes], size: int, index: int) -> list[bytes]:
    """The audit path, by the roots over ranges of leaves."""
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} of a tree of {size}")
    path = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(root(middle, high))
            high = middle
        else:
            path.append(root(low, middle))
            low = middle
    return path[::-1]


def _consistency(root: Callable[[int, int], bytes], size: int, old_size: int) -> list[bytes]:
    if not 1 <= old_size <= size:
        raise IndexError(f"a tree of {old_size} within a tree of {size}")
    path = []
    low, high, known = 0, size, True
    while old_size != high:
        middle = low + _split(high - low)
        if old_size <= middle:
            path.append(root(middle, high))
            high = middle
        else:
            path.append(root(low, middle))
            low, known = middle, False
    # the verifier has the old root already, unless the old tree ends within a right subtree
    if not known:
        path.append(root(low, high))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` shows the leaf hash at `index` in the tree of this size and root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes(leaf, root, *path):
        return False
    first, last = index, size - 1
    current = leaf
    for sibling in path:
        if last == 0:
            return False
        if first & 1 or first == last:
            current = node_hash(sibling, current)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and current == root


def verify_consistency(old_size: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` shows the old tree to be a prefix of the new one (RFC 9162, section 2.1.4.2).

    An empty old tree has no proof and is not accepted here; every tree begins with it.
    """
    if not 1 <= old_size <= size or not _are_hashes(old_root, root, *path):
        return False
    if old_size == size:
        return not path and old_root == root
    if not path:
        return False
    steps = list(path)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    first, last = old_size - 1, size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old, new = steps[0], steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            new = node_hash(new, step)
        first, last = first >> 1, last >> 1
    return last == 0 and old == old_root and new == root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)
