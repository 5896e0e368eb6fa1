"""Checkpoints: transformers models read from a folder with every tensor accounted for, and what they are refused for.

transformers alone would draw missing tensors at random, keep unexpected ones out and NaN in, all in silence.
"""

from pathlib import Path
from typing import Any

import safetensors
import torch
from huggingface_hub.errors import StrictDataclassError
from tokenizers import Tokenizer

from lmlaws.numerics.backbones import NARROW
from lmlaws.numerics.environment import transformers
from lmlaws.numerics.folders import ModelError, refuse_after_the_head, stored_types

TILE = 2**22  # entries of a tensor that are looked at together
TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
# How transformers reports a configuration or weights that it cannot use.
LOADING_ERRORS = (
    ValueError, TypeError, LookupError, AttributeError, ImportError, OSError, RuntimeError, ArithmeticError,
    AssertionError, StrictDataclassError, safetensors.SafetensorError,
)  # fmt: skip


def _refuse_tensors(folder: Path, model: Any) -> None:
    """Refuse NaN and infinite weights, naming the first."""
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        flat, start = tensor.reshape(-1), 0
        for tile in flat.split(TILE):
            if not bool(tile.isfinite().all()):
                at = start + int((~tile.isfinite()).nonzero()[0])
                index = ", ".join(str(int(i)) for i in torch.unravel_index(torch.tensor(at), tensor.shape))
                kind = str(tensor.dtype).removeprefix("torch.")
                raise ModelError(f"{folder}: weights are not finite: {name}[{index}] is {float(flat[at])} in {kind}")
            start += len(tile)


def read_model(folder: Path, dtype: torch.dtype) -> Any:
    """The transformers model of a folder, its tensors all accounted for."""
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        refuse_after_the_head(folder / "config.json", config.get_text_config().to_dict())
        model, report = transformers.AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # so that they are reported by name, and refused below
        )
    except ModelError:
        raise
    except LOADING_ERRORS as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(f"{folder}: transformers cannot load it as a causal language model: {lines[0]}") from error
    for what in ("missing", "unexpected", "mismatched"):
        keys = report.get(f"{what}_keys") or ()
        names = sorted(str(key[0] if isinstance(key, tuple) else key) for key in keys)
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise ModelError(f"{folder}: {what} tensors: {', '.join(names[:3])}{more}: weights and config.json differ")
    _refuse_tensors(folder, model)
    return model.eval().requires_grad_(False)


def refuse_shape(folder: Path, model: Any) -> None:
    """Refuse models that are not embedding, backbone and one linear head."""
    head = model.get_output_embeddings()
    if type(head) is not torch.nn.Linear:
        raise ModelError(f"{folder}: the head of {type(model).__name__} is {type(head).__name__}, not a linear layer")
    if model.base_model is model or model.get_input_embeddings() is None:
        raise ModelError(f"{folder}: {type(model).__name__} has no backbone that is separate from its head")
    tied = getattr(model.config.get_text_config(), "tie_word_embeddings", False)
    if tied and head.weight.data_ptr() != model.get_input_embeddings().weight.data_ptr():
        # Versions of transformers differ in which of the two is the head.
        raise ModelError(
            f"{folder}: config.json says tie_word_embeddings, but the weights hold a head that differs from the input "
            "embedding: set tie_word_embeddings to false if that head is meant, else remove it from the weights"
        )


def refuse_vocabulary(folder: Path, tokenizer: Tokenizer, vocabulary: int) -> None:
    """Refuse a tokenizer with an id that the model has no logit for."""
    tokens = tokenizer.get_vocab(with_added_tokens=True)
    token, number = max(tokens.items(), key=lambda item: (item[1], item[0]), default=("", -1))
    if number >= vocabulary:
        raise ModelError(
            f"{folder}: tokenizer.json has token {token!r} with id {number}, but the model has {vocabulary} logits "
            f"(ids 0..{vocabulary - 1}): the tokenizer belongs to another model"
        )


def types_of(folder: Path, dtype: torch.dtype, keep: bool) -> tuple[torch.dtype, tuple[str, ...]]:
    """The type that weights have in memory, and their types on disk."""
    if dtype not in TYPES:
        raise ModelError(f"cannot compute in {dtype}: give one of {', '.join(map(str, TYPES))}")
    stored = tuple(sorted(stored_types(folder)))
    narrow = len(stored) == 1 and stored[0] in ("float16", "bfloat16")
    if keep and not (narrow and torch.finfo(dtype).bits >= 32):
        raise ModelError(
            f"{folder}: keep is for weights in 16 bits of one type, computed in float32 or float64; these are "
            f"{' and '.join(stored)} and {dtype} was asked for: leave keep out"
        )
    return (getattr(torch, stored[0]) if keep else dtype), stored


def refuse_rounded_buffers(folder: Path, model: Any) -> None:
    """Refuse to keep narrow weights where transformers rounds constants to their type (Gemma's scale of embeddings)."""
    for name, buffer in model.named_buffers():
        if buffer.dtype in NARROW:
            raise ModelError(
                f"{folder}: with keep, {type(model).__name__} would round its constant {name} to {buffer.dtype} "
                "and be another function: leave keep out"
            )


def context_of(folder: Path, config: Any, asked: int | None) -> int:
    """The longest window: what the configuration names or what was asked for, whichever is less."""
    longest = getattr(config.get_text_config(), "max_position_embeddings", None)
    if longest is None and asked is None:
        raise ModelError(f"{folder}: config.json names no context length (max_position_embeddings): give context=...")
    length: int = min(n for n in (longest, asked) if n is not None)
    if length < 2:
        raise ModelError(f"{folder}: a context of {length} tokens leaves none to predict: at least 2 are needed")
    return length


def moved_to(folder: Path, model: Any, device: str | torch.device) -> Any:
    """The model on a device, or the refusal of that device."""
    try:
        return model.to(device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(f"{folder}: cannot be put on device {str(device)!r}: {lines[0]}") from error
