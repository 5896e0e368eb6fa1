"""Backbones as modules: stopped after some of their blocks, and computing in a wider type than their weights'."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, ModuleList, Parameter
from torch.nn.functional import embedding, linear
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

# Where the blocks lie in transformers' causal language models, what their list and the norm after it are called.
OWNERS = ("", "decoder", "language_model")
BLOCKS = ("h", "layers")
FINAL_NORMS = ("ln_f", "norm", "norm_f", "final_layer_norm", "final_layernorm", "layer_norm", "layernorm")

TILE = 2**24  # elements of a matrix that are widened at a time
NARROW = (torch.bfloat16, torch.float16)


class LayersError(ValueError):
    """A backbone whose blocks or final norm are not found; the message names what it has."""


def find_blocks(backbone: Module) -> tuple[str, str]:
    """Where a backbone keeps its blocks: (owner, list), the owner "" for the backbone itself.

    The owner also has the final norm, among `FINAL_NORMS`; it may be None where each block ends with its own norm.

    Raises:
        LayersError: no list of blocks, or no final norm beside it.
    """
    name = type(backbone).__name__
    for owner in OWNERS:
        module = getattr(backbone, owner, None) if owner else backbone
        for blocks in BLOCKS:
            if isinstance(getattr(module, blocks, None), ModuleList):
                if any(hasattr(module, norm) for norm in FINAL_NORMS):
                    return owner, blocks
                parts = ", ".join(part for part, _ in module.named_children())  # type: ignore[union-attr]
                raise LayersError(f"{name} has no final norm that is known by name among its parts ({parts})")
    parts = ", ".join(part for part, _ in backbone.named_children())
    raise LayersError(f"{name} has no list of blocks that is known by name among its parts ({parts})")


def _with(module: Module, name: str, part: Module) -> Module:
    """A copy of a module that shares everything with it except one part."""
    result = copy.copy(module)
    result.__dict__["_modules"] = {**module._modules, name: part}
    return result


def stopped_after(backbone: Module, count: int) -> Module:
    """The backbone that stops after its first `count` blocks; parameters are shared, the final norm is applied.

    Raises:
        LayersError: as `find_blocks`.
    """
    owner, name = find_blocks(backbone)
    inner = getattr(backbone, owner) if owner else backbone
    shorter = _with(inner, name, ModuleList(list(getattr(inner, name))[:count]))
    return _with(backbone, owner, shorter) if owner else shorter


def widened_linear(h: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Tensor:
    """linear(h, weight, bias) in `dtype`; a large narrow matrix is converted a tile of rows at a time."""
    bias = None if bias is None else bias.to(dtype)
    rows = max(1, TILE // max(1, weight.shape[1]))
    if weight.dtype == dtype or len(weight) <= rows:
        return linear(h, weight.to(dtype), bias)
    product = torch.cat([linear(h, tile.to(dtype)) for tile in torch.split(weight, rows)], dim=-1)
    return product if bias is None else product + bias


class Widened(TorchFunctionMode):
    """Under it, parameters in 16 bits take part in every operation as if they were stored in `dtype`.

    Each is converted (exactly) where it is used and forgotten at once, so a model computes what it would compute with
    all weights converted, in the memory of the narrow ones. Applies to the thread that enters it.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def _widen(self, value: Any) -> Any:
        narrow = isinstance(value, Parameter) and value.dtype in NARROW
        return value.to(self.dtype) if narrow else value

    def _linear(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return widened_linear(input, weight, bias, self.dtype if weight.dtype in NARROW else weight.dtype)

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is embedding:
            rows = func(*args, **kwargs)  # only the rows that are looked up
            return rows.to(self.dtype) if rows.dtype in NARROW else rows
        if func is linear:
            return self._linear(*args, **kwargs)
        if getattr(func, "__name__", "") == "__get__":  # an attribute, such as the type or the transpose
            value = func(*args, **kwargs)
            if isinstance(value, Tensor) and value.dtype in NARROW and isinstance(args[0], Parameter):
                return value.to(self.dtype)
            return self.dtype if value in NARROW and isinstance(args[0], Parameter) else value
        return func(*tree_map(self._widen, args), **tree_map(self._widen, kwargs))
