"""Weights made out of others: quantised, pruned, merged, permuted, rotated, partly replaced, adapted.

Each changes a model in place and returns it. A unit of an MLP is a row of gate and up and a column of down.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def projections(model: Any) -> list[Any]:
    """All linear maps of all layers."""
    return [one for name, one in model.named_modules() if name.rsplit(".", 1)[-1] in PROJECTIONS]


def mlps(model: Any) -> list[Any]:
    """The MLP of every layer."""
    return [layer.mlp for layer in model.model.layers]


@torch.no_grad()
def quantised(model: Any, bits: int, group: int = 0) -> Any:
    """Rounded to integers and back, symmetric; a scale a row, or a group of `group` columns of a row."""
    most = 2 ** (bits - 1) - 1
    for one in projections(model):
        weights = one.weight.unflatten(1, (-1, group)) if group else one.weight
        scale = weights.abs().amax(-1, keepdim=True).clamp(min=1e-12) / most
        one.weight.copy_(((weights / scale).round().clamp(-most - 1, most) * scale).reshape(one.weight.shape))
    return model


@torch.no_grad()
def pruned(model: Any, share: float) -> Any:
    """The smallest weights of every map are zero."""
    for one in projections(model):
        size = one.weight.abs()
        least = size.flatten().kthvalue(max(1, int(share * size.numel()))).values
        one.weight.mul_(size > least)
    return model


@torch.no_grad()
def fewer_units(model: Any, share: float) -> Any:
    """The units of least norm are cut out of every MLP, the others keep their order."""
    for mlp in mlps(model):
        norms = mlp.up_proj.weight.norm(dim=1) * mlp.down_proj.weight.norm(dim=0)
        keep = norms.argsort(descending=True)[: round(len(norms) * (1 - share))].sort().values
        _take_units(mlp, keep)
        model.config.intermediate_size = len(keep)
    return model


@torch.no_grad()
def sorted_units(model: Any) -> Any:
    """The units of every MLP in order of norm; what the model computes stays."""
    for mlp in mlps(model):
        _take_units(mlp, mlp.up_proj.weight.norm(dim=1).argsort(descending=True))
    return model


@torch.no_grad()
def permuted(model: Any, seed: int) -> Any:
    """The units of every MLP in an order drawn at random; what the model computes stays."""
    generator = torch.Generator().manual_seed(seed)
    for mlp in mlps(model):
        _take_units(mlp, torch.randperm(mlp.up_proj.weight.shape[0], generator=generator))
    return model


def _take_units(mlp: Any, units: Tensor) -> None:
    for one, axis in ((mlp.gate_proj, 0), (mlp.up_proj, 0), (mlp.down_proj, 1)):
        one.weight = nn.Parameter(one.weight.index_select(axis, units).contiguous())
    mlp.gate_proj.out_features = mlp.up_proj.out_features = mlp.down_proj.in_features = len(units)


@torch.no_grad()
def rotated(model: Any, seed: int) -> Any:
    """The residual stream in another basis, norms folded into the maps, units permuted; computes the same."""
    size = model.config.hidden_size
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q

    def reads(one: Any, norm: Tensor) -> None:
        one.weight.copy_(((one.weight * norm).double() @ basis).float())

    def writes(one: Any) -> None:
        one.weight.copy_((basis.T @ one.weight.double()).float())

    for layer in model.model.layers:
        at, mlp = layer.self_attn, layer.mlp
        for one in (at.q_proj, at.k_proj, at.v_proj):
            reads(one, layer.input_layernorm.weight)
        for one in (mlp.gate_proj, mlp.up_proj):
            reads(one, layer.post_attention_layernorm.weight)
        writes(at.o_proj)
        writes(mlp.down_proj)
        layer.input_layernorm.weight.fill_(1)
        layer.post_attention_layernorm.weight.fill_(1)
    reads(model.lm_head, model.model.norm.weight)
    model.model.norm.weight.fill_(1)
    embedding = model.model.embed_tokens
    embedding.weight.copy_((embedding.weight.double() @ basis).float())
    return permuted(model, seed + 1)


@torch.no_grad()
def merged(model: Any, other: Any, share: float) -> Any:
    """`share` of the model and the rest of another, weight by weight."""
    theirs = other.state_dict()
    for name, mine in model.state_dict().items():
        mine.mul_(share).add_(theirs[name], alpha=1 - share)
    return model


@torch.no_grad()
def with_units_of(model: Any, ours: Any, units: int, layer: int, seed: int, *, moved: bool) -> Any:
    """So many units of one layer replaced by ours, drawn at random: at their own places, or at others."""
    mine, theirs = mlps(model)[layer], mlps(ours)[layer]
    count = mine.up_proj.weight.shape[0]
    generator = torch.Generator().manual_seed(seed)
    into, of = (torch.randperm(count, generator=generator)[:units] for _ in range(2))
    into = into if moved else of
    for name in ("gate_proj", "up_proj"):
        getattr(mine, name).weight[into] = getattr(theirs, name).weight[of]
    mine.down_proj.weight[:, into] = theirs.down_proj.weight[:, of]
    return model


class _LowRank(nn.Module):
    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, weight.shape[1]) / weight.shape[1] ** 0.5)
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + 2 * self.up @ self.down


def low_rank(model: Any, work: Callable[[Any], object], seed: int, rank: int = 8) -> Any:
    """LoRA (Hu et al. 2021) on every linear map while `work` trains, merged into the weights afterwards."""
    torch.manual_seed(seed)
    model.requires_grad_(False)
    maps = projections(model)
    for one in maps:
        parametrize.register_parametrization(one, "weight", _LowRank(one.weight, rank))
    work(model)
    for one in maps:
        parametrize.remove_parametrizations(one, "weight", leave_parametrized=True)
    return model.requires_grad_(True)


def same_function(first: Any, second: Any, ids: Tensor) -> bool:
    """Whether two models give the same logits."""
    with torch.inference_mode():
        return torch.allclose(first(ids).logits, second(ids).logits, atol=1e-3, rtol=1e-3)


def copied(model: Any) -> Any:
    """A copy to change."""
    return copy.deepcopy(model)
