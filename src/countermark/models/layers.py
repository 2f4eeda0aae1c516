"""Where the units of a model stand: MLP projections, attention heads and embeddings under their usual names.

Names are recognised by how they end, not by what the configuration calls the architecture: a suspect may call
itself anything. Llama, Mistral, Qwen, Gemma (gate, up, down), Phi-3 (fused), InternLM (w1, w2, w3), GPT-2,
GPT-NeoX, GPT-J and OPT (no gate), and experts, each of which is a block of its own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from countermark.errors import Error, ExitCode
from countermark.models.checkpoint import Checkpoint

_GATE = ("gate_proj", "w1")
_UP = ("up_proj", "w3", "dense_h_to_4h", "c_fc", "fc_in", "fc1")
_DOWN = ("down_proj", "w2", "dense_4h_to_h", "c_proj", "fc_out", "fc2")
_FUSED = "gate_up_proj"
_TRANSPOSED = ("c_fc", "c_proj", "c_attn")
"""Conv1D of GPT-2: stored as (inputs, outputs)."""
_GAINS = ("pre_feedforward_layernorm", "post_attention_layernorm", "ffn_norm", "ln_2", "final_layer_norm")
_EMBEDDINGS = ("embed_tokens", "wte", "embed_in", "tok_embeddings")
_PROJECTION = re.compile(rf"(?P<block>.*\d.*\.)(?P<last>{'|'.join((*_GATE, *_UP, _FUSED))})\.weight")
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class Matrix:
    """Rows `start` to `stop` of a weight, or its columns where it is stored transposed."""

    name: str
    start: int
    stop: int
    inputs: int
    transposed: bool = False

    @property
    def size(self) -> int:
        """Outputs."""
        return self.stop - self.start

    def read(self, checkpoint: Checkpoint, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Outputs `index`, shape (len(index), inputs)."""
        read = checkpoint.columns if self.transposed else checkpoint.rows
        return read(self.name, index + self.start)


@dataclass(frozen=True)
class Block:
    """The MLP of a layer, or one expert of it."""

    key: tuple[int, ...]
    """Numbers in its name: layer, and expert where there are several."""
    up: Matrix
    gate: Matrix | None
    down: Matrix | None
    """By unit: its outputs are the columns of the down-projection."""
    gain: str | None
    """The norm before it."""

    @property
    def units(self) -> int:
        """Hidden units."""
        return self.up.size


@dataclass(frozen=True)
class Attention:
    """Queries and keys of a layer."""

    key: tuple[int, ...]
    queries: Matrix
    keys: Matrix


def blocks(checkpoint: Checkpoint) -> list[Block]:
    """MLP blocks of the language model, by their numbers; raises `Error` where one is no matrix."""
    return next(iter(towers(checkpoint)), [])


def towers(checkpoint: Checkpoint) -> list[list[Block]]:
    """MLP blocks of every tower (names that differ by numbers only), the language model first.

    A model that also sees has towers of its own: the language model is taken to be the largest of the others.
    Anybody can put a larger one beside it, so that what looks for a model has to look in all. Raises `Error`
    where a block of the first is no matrix; such a tower after it is left out.
    """
    names = checkpoint.names()
    known = frozenset(names)
    prefixes = {match["block"] for match in map(_PROJECTION.fullmatch, names) if match}
    named: dict[str, list[str]] = {}
    for prefix in sorted(prefixes):
        named.setdefault(_NUMBERS.sub("#", prefix), []).append(prefix)
    found: list[list[Block]] = []
    for tower in sorted(named, key=lambda one: ("vis" in one, -len(named[one]))):
        try:
            made = [_block(checkpoint, known, prefix) for prefix in named[tower]]
        except Error:
            if not found:
                raise
            continue
        found.append(sorted((one for one in made if one is not None), key=lambda one: one.key))
    return found


def attentions(checkpoint: Checkpoint) -> list[Attention]:
    """Attention of each layer whose queries and keys can be told apart."""
    heads = checkpoint.config.get("num_attention_heads")
    hidden = checkpoint.config.get("hidden_size")
    if heads is None or hidden is None:
        return []
    size = checkpoint.config.get("head_dim", hidden // heads)
    asked, kept = heads * size, checkpoint.config.get("num_key_value_heads", heads) * size
    found = []
    names = checkpoint.names()
    known = frozenset(names)
    for name in names:
        prefix, _, last = name.removesuffix(".weight").rpartition(".")
        key, other = _key(prefix), f"{prefix}.k_proj.weight"
        if last == "q_proj" and key and other in known:
            pair = _whole(checkpoint, name), _whole(checkpoint, other)
        elif last in ("qkv_proj", "c_attn") and key:
            turned = last in _TRANSPOSED
            whole = _matrix(checkpoint, name, turned)
            pair = (
                Matrix(name, 0, min(asked, whole.size), whole.inputs, turned),
                Matrix(name, asked, min(asked + kept, whole.size), whole.inputs, turned),
            )
        else:
            continue
        if pair[0].size == asked and pair[1].size == kept:
            found.append(Attention(key, *pair))
    return sorted(found, key=lambda one: one.key)


def embeddings(checkpoint: Checkpoint) -> list[str]:
    """Names of what may be the input embeddings, matrices (tokens, hidden)."""
    return [
        name
        for name in checkpoint.names()
        if name.removesuffix(".weight").rpartition(".")[2] in _EMBEDDINGS
        and name.endswith(".weight")
        and len(checkpoint.shape(name)) == 2
    ]


def gain(checkpoint: Checkpoint, block: Block) -> NDArray[np.float32] | None:
    """What the norm before a block multiplies with (Gemma keeps it less one); None if it is not found."""
    if block.gain is None:
        return None
    vector = checkpoint.vector(block.gain)
    return vector + 1 if checkpoint.config["model_type"].startswith("gemma") else vector


def _block(checkpoint: Checkpoint, known: frozenset[str], prefix: str) -> Block | None:
    layer = re.match(r".*?\d+\.", prefix)
    before = layer.group() if layer else ""
    norm = _first([f"{before}{one}.weight" for one in _GAINS], known)
    down = _first([f"{prefix}{one}.weight" for one in _DOWN], known)
    columns = _by_unit(checkpoint, down) if down else None
    key = _key(prefix)
    fused = f"{prefix}{_FUSED}.weight"
    if fused in known:
        both = _matrix(checkpoint, fused, False)
        half = both.size // 2
        upper = Matrix(fused, half, 2 * half, both.inputs)
        return Block(key, upper, Matrix(fused, 0, half, both.inputs), columns, norm)
    up = _first([f"{prefix}{one}.weight" for one in _UP], known)
    gated = _first([f"{prefix}{one}.weight" for one in _GATE], known)
    if up is None:
        return None
    return Block(key, _whole(checkpoint, up), _whole(checkpoint, gated) if gated else None, columns, norm)


def _first(names: Sequence[str], known: frozenset[str]) -> str | None:
    return next((name for name in names if name in known), None)


def _whole(checkpoint: Checkpoint, name: str) -> Matrix:
    return _matrix(checkpoint, name, name.split(".")[-2] in _TRANSPOSED)


def _by_unit(checkpoint: Checkpoint, name: str) -> Matrix:
    return _matrix(checkpoint, name, name.split(".")[-2] not in _TRANSPOSED)


def _matrix(checkpoint: Checkpoint, name: str, transposed: bool) -> Matrix:
    shape = checkpoint.shape(name)
    if len(shape) != 2:
        raise Error(f"{name[:80]!r} is no matrix", exit_code=ExitCode.NO_INPUT)
    return Matrix(name, 0, shape[transposed], shape[not transposed], transposed)


def _key(prefix: str) -> tuple[int, ...]:
    """Numbers of a name's parts that are numbers."""
    return tuple(int(part) for part in prefix.split(".") if _NUMBERS.fullmatch(part) and len(part) < 9)
