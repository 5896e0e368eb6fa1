"""Load a causal language model from a local folder and factor it: k_emb, then k_bb, then k_head.

The composite is verified against the model's own logits when it is loaded, so what is measured on the factors is
true of the model. Weights come from safetensors only; no code of a model is run, nothing is fetched.

What is computed: weights in 16, 32 or 64 bits are converted to the type that `load` is asked for, exactly where that is
wider, and the backbone runs in it. With `keep` 16-bit weights stay as they are in memory and each is converted where it
is used: the same function in half the memory. Heads are read in their own type; `head` computes in the type of h.
"""

import inspect as python_inspect
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from lmlaws.numerics.backbones import LayersError, Widened, find_blocks, stopped_after, widened_linear
from lmlaws.numerics.checkpoints import (
    context_of,
    moved_to,
    read_model,
    refuse_rounded_buffers,
    refuse_shape,
    refuse_vocabulary,
    types_of,
)
from lmlaws.numerics.folders import ModelError, inspect, read_tokenizer
from lmlaws.numerics.loop import threads
from lmlaws.numerics.positions import Positions, data_laws, sample_positions

if TYPE_CHECKING:
    from lmlaws.numerics.onepass import LinearHead

__all__ = ["LanguageModel", "ModelError", "Positions", "data_laws", "load"]

MICRO_BATCH = 8  # windows that run together; fewer where they are long
MICRO_BATCH_TOKENS = 2**14
LOGITS = 2**22  # most logits that `verify` holds at a time


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A causal language model as a composite of kernels: ids -> embed -> backbone -> head -> logits."""

    folder: Path
    model: Any  # the transformers model; evaluation mode, no gradients for its parameters
    tokenizer: Tokenizer
    vocabulary: int  # V, the number of logits
    dim: int  # d, the width of what the head is applied to
    context: int  # the longest window, in tokens
    dtype: torch.dtype = torch.float32  # the type that the backbone computes in
    stored: tuple[str, ...] = ()  # the types of the weights on disk
    keep: bool = False  # whether 16-bit weights stay so in memory

    @property
    def device(self) -> torch.device:
        """Where the model is; windows may be given on any device."""
        return self.W.device

    @property
    def precision(self) -> str:
        """What is computed, in words, for reports."""
        kept = "kept, each converted where it is used" if self.keep else "converted"
        name = str(self.dtype).removeprefix("torch.")
        return f"weights {' and '.join(self.stored)} on disk, {kept}; backbone in {name} on {self.device}"

    @cached_property
    def linear_head(self) -> "LinearHead":
        """The head as the one-pass scan takes it: W in the type it has in memory, b None where there is none."""
        from lmlaws.numerics.onepass import LinearHead

        return LinearHead(self.W, self.model.get_output_embeddings().bias)

    def _arithmetic(self) -> AbstractContextManager[object]:
        return Widened(self.dtype) if self.keep else nullcontext()

    @property
    def W(self) -> Tensor:
        """The output embedding (V, d), in the model's type: row w is the vector of token w."""
        weight: Tensor = self.model.get_output_embeddings().weight
        return weight

    @property
    def b(self) -> Tensor:
        """The head's bias (V,); zeros where the head has none."""
        bias: Tensor | None = self.model.get_output_embeddings().bias
        return torch.zeros_like(self.W[:, 0]) if bias is None else bias

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without special tokens.

        Raises:
            ModelError: the tokenizer cannot encode the text (it has a character the vocabulary lacks).
        """
        ids: list[int] = self.encoding(text).ids
        return ids

    def encoding(self, text: str) -> Encoding:
        """The tokens of a text with their places in it, without special tokens. Raises ModelError as `encode` does."""
        try:
            return self.tokenizer.encode(text, add_special_tokens=False)
        except Exception as error:  # tokenizers raises the bare class, nothing narrower
            raise ModelError(f"{self.folder}: its tokenizer cannot encode the text: {error}") from error

    def ids_tensor(self, ids: Sequence[int] | Tensor) -> Tensor:
        """Token ids as int64, checked.

        Raises:
            ModelError: an id outside 0..V-1; names id, position and V.
        """
        tensor = torch.as_tensor(ids, dtype=torch.int64)
        outside = ((tensor < 0) | (tensor >= self.vocabulary)).reshape(-1).nonzero()
        if len(outside):
            at = int(outside[0])
            raise ModelError(
                f"token id {int(tensor.reshape(-1)[at])} at position {at} is outside the model's vocabulary "
                f"of {self.vocabulary} (ids 0..{self.vocabulary - 1}): the text was tokenised for another model"
            )
        return tensor

    def _refuse_length(self, length: int) -> None:
        if not 1 <= length <= self.context:
            raise ModelError(f"a window of {length} tokens: the model's context takes 1 to {self.context}")

    def _refuse_overflow(self, window: Tensor, name: str) -> None:
        """Name the token at which the vectors of a window (L,) stop being finite, if they do.

        Found by running ever longer beginnings: in the whole window one NaN spreads to the positions before it
        too, because attention multiplies what it masks by zero.
        """
        for t in range(1, len(window) + 1):
            if not bool(self.hidden(window[None, :t])[0, -1].isfinite().all()):
                raise ModelError(
                    f"{self.folder}: the hidden vector after {t} tokens of {name} (position {t}, last token id "
                    f"{int(window[t - 1])}) is not finite: the weights overflow; nothing can be measured here"
                )

    @cached_property
    def layers(self) -> int:
        """The number of the backbone's blocks.

        Raises:
            ModelError: the backbone has no blocks, or no final norm, that are known by name.
        """
        try:
            owner, blocks = find_blocks(self.model.base_model)
        except LayersError as error:
            raise ModelError(f"{self.folder}: {error}: its intermediate layers cannot be read") from error
        return len(getattr(getattr(self.model.base_model, owner) if owner else self.model.base_model, blocks))

    def embed(self, ids: Tensor) -> Tensor:
        """k_emb: ids (B, T) to token embeddings (B, T, width). Positions are added in the backbone."""
        with self._arithmetic():
            result: Tensor = self.model.get_input_embeddings()(self.ids_tensor(ids).to(self.device))
        return result

    def backbone(self, embeddings: Tensor, layer: int | None = None) -> Tensor:
        """k_bb: token embeddings (B, T, width) to the vectors (B, T, d) that the head is applied to.

        With `layer` = k it is the backbone that stops after its first k blocks: the final norm of the residual stream
        after block k (the logit lens: nostalgebraist 2020). All blocks, k = `layers`, give the usual vectors.

        Raises:
            ModelError: a window longer than the context, a k outside 0..layers, or blocks that are not known by name.
        """
        self._refuse_length(embeddings.shape[1])
        base = self.model.base_model
        if layer is not None:
            if not 0 <= layer <= self.layers:
                raise ModelError(f"layer {layer}: {type(base).__name__} has blocks 1 to {self.layers} (0: before them)")
            base = stopped_after(base, layer)
        with self._arithmetic():
            result: Tensor = base(inputs_embeds=embeddings, use_cache=False).last_hidden_state
        return result

    def head(self, h: Tensor) -> Tensor:
        """k_head: vectors (..., d) to logits (..., V), computed in the type of h; differentiable in h."""
        return widened_linear(h, self.W, self.model.get_output_embeddings().bias, h.dtype)

    def verify(self, ids: Sequence[int] | Tensor, last: int | None = None) -> float:
        """Check that head(backbone(embed(ids))) is the model: its own logits on the window ids (T,).

        Returns the largest absolute difference of logits; 0.0 means equal bit for bit. Two correctly computed
        products of the same h differ by at most 2 (d + 2) eps (|h| |W|^T + |b|), eps the unit of the coarsest type
        in them (some models give their logits in float32); more than that with 3 for 2 (which covers the rounding of
        the bound) is refused. Logits are compared for a few positions at a time, at most `LOGITS` of them.

        Args:
            ids: the window.
            last: compare the last so many positions only, which depend on all; None means every position.

        Raises:
            ModelError: the composite is not the model; names the position and the token.
        """
        window = self.ids_tensor(ids)[None].to(self.device)
        self._refuse_length(window.shape[1])
        largest = 0.0
        with torch.no_grad():
            h = self.backbone(self.embed(window))
            few = max(1, LOGITS // self.vocabulary)
            for rows in torch.split(torch.arange(window.shape[1])[-(last or window.shape[1]) :], few):
                own, composite = self._own_logits(window, rows), self.head(h[:, rows])[0]
                broken = (~own.isfinite()).nonzero()
                if len(broken):
                    t, token = (int(i) for i in broken[0])
                    self._refuse_overflow(window[0], "the window")
                    raise ModelError(
                        f"{self.folder}: the logit at position {int(rows[t])}, token {token} is {float(own[t, token])}"
                    )
                self._refuse_gap(own, composite, h[0, rows], rows)
                largest = max(largest, float((own - composite).abs().max()))
        return largest

    def _own_logits(self, window: Tensor, rows: Tensor) -> Tensor:
        """The model's own logits (n, V) of a window (1, T) at some of its positions."""
        few = "logits_to_keep" in python_inspect.signature(self.model.forward).parameters
        with self._arithmetic():
            kept = {"logits_to_keep": rows.to(self.device)} if few else {}
            logits: Tensor = self.model(input_ids=window, use_cache=False, **kept).logits[0]
        return logits if few else logits[rows]

    def _refuse_gap(self, own: Tensor, composite: Tensor, h: Tensor, rows: Tensor) -> None:
        """Refuse logits of the composite (n, V) that the bound of `verify` tells from the model's own."""
        wide = torch.promote_types(h.dtype, torch.float32)
        eps = max(torch.finfo(kind).eps for kind in (h.dtype, own.dtype, self.dtype))
        unit, bias = 3 * (self.dim + 2) * eps, self.model.get_output_embeddings().bias
        start = 0
        for tile in torch.split(self.W, max(1, LOGITS // self.dim)):
            tokens = slice(start, start + len(tile))
            scale = h.to(wide).abs() @ tile.to(wide).abs().T
            scale = scale if bias is None else scale + bias[tokens].to(wide).abs()
            gap = (own[:, tokens].to(wide) - composite[:, tokens].to(wide)).abs()
            wrong = (~(gap <= unit * scale)).nonzero()  # written so that NaN is wrong
            if len(wrong):
                t, token = int(wrong[0, 0]), start + int(wrong[0, 1])
                raise ModelError(
                    f"{self.folder}: embedding, backbone and head do not compose to the model: at position "
                    f"{int(rows[t])}, token {token} the composite's logit is {float(composite[t, token])}, "
                    f"the model's {float(own[t, token])}"
                )
            start += len(tile)

    def hidden(self, windows: Tensor, n_threads: int = 1, layer: int | None = None) -> Tensor:
        """Vectors (n, L, d) of windows (n, L), run in micro-batches of one fixed shape.

        Rows do not depend on which windows run together: the size of a micro-batch follows from L, the last one is
        filled up with zeros, and one thread does the sums, so that they are split the same way always. (A mixture of
        experts feeds each expert the tokens of a batch that it gets: its rows can differ in their last bits.)

        Args:
            windows: token ids.
            n_threads: of torch; another number may round differently.
            layer: None, or the number of blocks after which the backbone stops (see `backbone`).
        """
        size = max(1, min(MICRO_BATCH, MICRO_BATCH_TOKENS // max(1, windows.shape[1])))
        if len(windows) == 0:
            return torch.zeros(*windows.shape, self.dim, dtype=self.dtype, device=self.device)
        missing = -len(windows) % size
        padded = torch.cat([windows, windows.new_zeros(missing, windows.shape[1])])
        with threads(n_threads), torch.no_grad():
            rows = [self.backbone(self.embed(batch), layer) for batch in torch.split(padded, size)]
        return torch.cat(rows)[: len(windows)]

    def positions(
        self,
        ids: Sequence[int] | Tensor,
        count: int | None = None,
        seed: int = 0,
        *,
        length: int | None = None,
        per_window: int = 16,
        layer: int | None = None,
    ) -> Positions:
        """Sample `count` positions of a text and compute their hidden vectors (in float64).

        Args:
            ids: the text's tokens.
            count: how many positions; None, or more than there are, means all.
            seed: of the sample. About `per_window` positions are taken from a window, more only if needed.
            length: of windows, at most the context length, which is the default.
            per_window: positions to take from one window before another window is run.
            layer: None, or the number of blocks after which the backbone stops (see `backbone`).

        Returns:
            Positions; none of them when the text has fewer than two tokens.

        Raises:
            ModelError: an id outside the vocabulary, windows longer than the context, or a hidden vector that is
                not finite (names window and position).
        """
        length = self.context if length is None else length
        if not 2 <= length <= self.context:
            raise ModelError(f"windows of {length} tokens: the model supports lengths from 2 to {self.context}")
        text = self.ids_tensor(ids)
        chosen = sample_positions(len(text), length, count, seed, per_window)
        numbers = sorted({window for window, _ in chosen})
        row = {number: i for i, number in enumerate(numbers)}
        width = min(length, max(1, len(text)))
        batch = torch.zeros(len(numbers), width, dtype=torch.int64)
        for i, number in enumerate(numbers):
            piece = text[number * length : (number + 1) * length]
            batch[i, : len(piece)] = piece  # causal: what follows a position cannot change it
        window = torch.tensor([w for w, _ in chosen], dtype=torch.int64)
        offset = torch.tensor([t for _, t in chosen], dtype=torch.int64)
        if not chosen:
            return Positions(torch.zeros(0, self.dim).double(), text[:0], window, offset, text, length)
        at = torch.tensor([row[w] for w, _ in chosen])
        hidden = self.hidden(batch, layer=layer)[at, offset - 1].double()
        bad = (~hidden.isfinite().all(dim=1)).nonzero()
        if len(bad):
            number, t = int(window[bad[0]]), int(offset[bad[0]])
            self._refuse_overflow(text[number * length : (number + 1) * length], f"window {number}")
            raise ModelError(f"{self.folder}: the hidden vector at window {number}, position {t} is not finite")
        return Positions(hidden, text[window * length + offset], window, offset, text, length)


def _refuse_looking_ahead(model: LanguageModel, ids: Tensor) -> None:
    """Refuse models whose vectors change with later tokens: padding on the right would change them."""
    other = ids.clone()
    other[-1] = (other[-1] + 1) % model.vocabulary
    both = model.hidden(torch.stack([ids, other]))[:, :-1]
    gap, scale = (both[0] - both[1]).abs().max(), both.abs().max()
    # Equal bit for bit in dense models; experts are fed in batches that another token can regroup.
    if not gap <= scale * torch.finfo(both.dtype).eps ** 0.5:
        raise ModelError(f"{model.folder}: {type(model.model).__name__} looks ahead: vectors change with later tokens")


def load(
    folder: str | Path,
    dtype: torch.dtype = torch.float32,
    context: int | None = None,
    *,
    device: str | torch.device = "cpu",
    keep: bool = False,
) -> LanguageModel:
    """Load a causal language model with a linear head from a local folder, verified to factor.

    Args:
        folder: with config.json, model.safetensors (or shards and their index) and tokenizer.json.
        dtype: the type to compute in; weights are converted. float64 for claims. (Some architectures, Llama among
            them, normalise in float32 whatever the type: then the backbone is that function.)
        context: the longest window, where config.json does not name it or a shorter one is wanted.
        device: where the model is put: "cpu", "cuda", "cuda:1".
        keep: 16-bit weights stay as they are in memory and are converted to `dtype` where they are used; the vectors
            are bit for bit those without it.

    Raises:
        ModelError: refused, with the name of the file, tensor or setting and the way out.
    """
    folder = Path(folder)
    inspect(folder)
    tokenizer = read_tokenizer(folder)
    held, stored = types_of(folder, dtype, keep)
    inner = read_model(folder, held)
    refuse_shape(folder, inner)
    if keep:
        refuse_rounded_buffers(folder, inner)
    length = context_of(folder, inner.config, context)
    head = inner.get_output_embeddings()
    refuse_vocabulary(folder, tokenizer, head.out_features)
    inner = moved_to(folder, inner, device)
    sizes = (head.out_features, head.in_features, length)
    model = LanguageModel(folder, inner, tokenizer, *sizes, dtype, stored, keep)
    probe = torch.arange(min(16, length)) % model.vocabulary
    try:
        model.verify(probe, last=max(1, LOGITS // model.vocabulary))
        if model.vocabulary > 1:
            _refuse_looking_ahead(model, probe)
    except ModelError:
        raise
    except (RuntimeError, ValueError) as error:  # an operation that this type lacks, most often
        raise ModelError(f"{folder}: {type(inner).__name__} does not run in {dtype}: {error}") from error
    return model
