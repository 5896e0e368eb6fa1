"""The training loop: GPT-2 on token ids, deterministic given the recipe, resumable after any kill.

No randomness has a state that would have to be saved: there is no dropout, and the windows of step s are drawn
from a generator seeded by (seed, s). So a checkpoint is the weights, AdamW's moments and the step, and a training
that was killed and goes on gives the same weights, bit for bit, as one that was not (on the same machine: other
processors and other versions of torch round differently).
"""

import contextlib
import itertools
import json
import math
import os
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch.nn.functional import cross_entropy

from lmlaws.numerics.environment import transformers
from lmlaws.numerics.sources import Source
from lmlaws.numerics.text import windows

# progress(done, total, text): steps done, steps in all, what is being done.
Progress = Callable[[int, int, str], None]
# observe(step, model): called with the model as it is after that many steps.
Observer = Callable[[int, Any], None]

CHECKPOINT = "training.safetensors"


@dataclass(frozen=True)
class Recipe:
    """All that decides a trained model, apart from the versions of the libraries and the corpus.

    `source` None means the standard library's sources, of which `corpus_bytes` are used (None: all). `steps` and
    not the clock decides when a training ends. One step sees batch * context tokens.
    """

    name: str
    vocabulary: int
    dim: int
    layers: int
    heads: int
    context: int
    steps: int
    batch: int
    learning_rate: float
    source: Source | None = None
    corpus_bytes: int | None = None
    warmup: int = 50
    weight_decay: float = 0.1
    seed: int = 0
    every: int = 50  # steps between checkpoints
    # Fixed, because sums split over another number of threads round differently. One, because layers this small
    # gain little from two, and two that meet many times a layer stall each other when the machine is busy (up to
    # 30 times slower, against twice with one).
    threads: int = 1


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Run torch on this number of threads, then on as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that after any kill it is either the old one or the new one, whole.

    Raises:
        OSError: naming the path (a full disk does not say which file it refused).
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, f"cannot write ({error.strerror})", str(path)) from error


def new_model(recipe: Recipe) -> Any:
    """A freshly initialised GPT2LMHeadModel; the global random state is left as it was."""
    config = transformers.GPT2Config(
        vocab_size=recipe.vocabulary,
        n_positions=recipe.context,
        n_embd=recipe.dim,
        n_layer=recipe.layers,
        n_head=recipe.heads,
        activation_function="gelu_pytorch_tanh",  # GPT-2's function in one kernel
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
        use_cache=False,
        architectures=["GPT2LMHeadModel"],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return transformers.GPT2LMHeadModel(config)


def _optimizer(model: Any, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW; matrices decay, gains and biases do not."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.95), fused=True)


def _learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a cosine down to a twentieth."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.learning_rate * (0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * done)))


def _loss(model: Any, batch: torch.Tensor) -> torch.Tensor:
    """Mean NLL in nats of tokens 1..L-1 of each window of the batch (B, L)."""
    logits = model(input_ids=batch, use_cache=False).logits[:, :-1]
    return cross_entropy(logits.reshape(-1, logits.shape[-1]), batch[:, 1:].reshape(-1))


def _save(path: Path, model: Any, optimizer: torch.optim.AdamW, step: int, key: str) -> None:
    tensors = {}
    for name, parameter in model.named_parameters():
        state = optimizer.state[parameter]
        tensors[f"weight.{name}"] = parameter.detach()
        tensors[f"mean.{name}"] = state["exp_avg"]
        tensors[f"square.{name}"] = state["exp_avg_sq"]
    metadata = {"state": json.dumps({"step": step, "key": key})}
    write_atomically(path, safetensors.torch.save(tensors, metadata))


def _state(metadata: dict[str, str] | None, key: str) -> int:
    """The step of a checkpoint from its metadata; ValueError, KeyError or TypeError if it is of no use."""
    state = json.loads((metadata or {})["state"])
    if state["key"] != key:
        raise ValueError("it belongs to another training")
    return int(state["step"])


def saved_step(folder: Path, key: str) -> int:
    """The step of the checkpoint in a folder; 0 if there is none that `train` with this key would go on from."""
    try:
        with safetensors.safe_open(str(folder / CHECKPOINT), "pt") as file:
            return _state(file.metadata(), key)
    except (safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError):
        return 0


def _restore(path: Path, model: Any, optimizer: torch.optim.AdamW, key: str) -> int:
    """Load a checkpoint into model and optimizer and return its step; 0 if there is none that is of use."""
    if not path.is_file():
        return 0
    try:
        with safetensors.safe_open(str(path), "pt") as file:
            step = _state(file.metadata(), key)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        for name, parameter in model.named_parameters():
            for kind in ("weight", "mean", "square"):
                if tensors[f"{kind}.{name}"].shape != parameter.shape:
                    raise ValueError(f"{kind}.{name} has another shape")
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        warnings.warn(f"{path}: checkpoint dropped, training starts again: {error}", stacklevel=2)
        return 0
    for name, parameter in model.named_parameters():
        parameter.data.copy_(tensors[f"weight.{name}"])
        optimizer.state[parameter] = {
            "step": torch.tensor(float(step)),
            "exp_avg": tensors[f"mean.{name}"],
            "exp_avg_sq": tensors[f"square.{name}"],
        }
    return step


def _batch(recipe: Recipe, ids: torch.Tensor, step: int) -> torch.Tensor:
    """The windows of one step (batch, context): uniformly random starts, a function of (seed, step) alone."""
    rng = random.Random(f"{recipe.seed}:{step}")
    starts = [rng.randrange(len(ids) - recipe.context + 1) for _ in range(recipe.batch)]
    return torch.stack([ids[start : start + recipe.context] for start in starts])


def train(
    recipe: Recipe,
    ids: Sequence[int],
    folder: Path,
    key: str,
    progress: Progress | None = None,
    observe: Observer | None = None,
    until: int | None = None,
) -> Any:
    """Train a model on token ids, going on from the checkpoint in `folder` if there is one; return the model.

    Args:
        recipe: what to train.
        ids: the training tokens, at least one window of recipe.context, all below recipe.vocabulary.
        folder: existing folder for the checkpoint (`CHECKPOINT`), saved every recipe.every steps and at the end.
        key: identifies recipe and ids; a checkpoint with another key is dropped with a warning.
        progress: called after each step with (steps done, steps in all, text).
        observe: called with (steps done, model) before the first step of this run and after each step, before the
            checkpoint of that step is written; it must leave the model as it is.
        until: stop after this many steps of the recipe's; None means all of them.

    Raises:
        ValueError: too few ids, or one outside the vocabulary.
        OSError: the checkpoint cannot be written; names the path.
    """
    data = torch.as_tensor(ids, dtype=torch.int64)
    if len(data) < recipe.context:
        raise ValueError(f"{recipe.name}: {len(data)} tokens to train on; at least {recipe.context} are needed")
    if int(data.min()) < 0 or int(data.max()) >= recipe.vocabulary:
        raise ValueError(f"{recipe.name}: token ids must lie in 0..{recipe.vocabulary - 1}")
    with threads(recipe.threads):
        model = new_model(recipe).train()
        optimizer = _optimizer(model, recipe)
        start = _restore(folder / CHECKPOINT, model, optimizer, key)
        if observe is not None:
            observe(start, model)
        last = recipe.steps if until is None else until
        for step in range(start, last):
            for group in optimizer.param_groups:
                group["lr"] = _learning_rate(recipe, step)
            loss = _loss(model, _batch(recipe, data, step))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            done = step + 1
            if observe is not None:
                observe(done, model)
            if done % recipe.every == 0 or done == last:
                _save(folder / CHECKPOINT, model, optimizer, done, key)
            if progress is not None:
                progress(done, recipe.steps, f"training {recipe.name}: {loss.item():.3f} nats a token")
    return model.eval()


def mean_nll(model: Any, ids: Sequence[int], context: int) -> float:
    """Mean negative log-likelihood in nats a token, over all positions t >= 1 of the windows of ids."""
    total, count = 0.0, 0
    pieces = [torch.as_tensor(piece, dtype=torch.int64) for piece in windows(ids, context)]
    with torch.no_grad():
        for _, group in itertools.groupby(pieces, len):
            for batch in torch.split(torch.stack(list(group)), 64):
                terms = batch.shape[0] * (batch.shape[1] - 1)
                total += float(_loss(model, batch).double()) * terms
                count += terms
    if count == 0:
        raise ValueError("no position to average over: fewer than two tokens")
    return total / count
