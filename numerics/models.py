"""Load a causal language model from a local folder and factor it: k_emb, then k_bb, then k_head.

The composite is verified against the model's own logits when it is loaded, so what is measured on the factors is
true of the model. Weights come from safetensors only; no code of a model is run, nothing is fetched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from huggingface_hub.errors import StrictDataclassError
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import linear

from lmlaws.numerics.environment import transformers
from lmlaws.numerics.folders import ModelError, inspect, read_tokenizer, refuse_after_the_head
from lmlaws.numerics.loop import threads
from lmlaws.numerics.positions import Positions, data_laws, sample_positions

__all__ = ["LanguageModel", "ModelError", "Positions", "data_laws", "load"]

MICRO_BATCH = 8
# How transformers reports a configuration or weights that it cannot use.
LOADING_ERRORS = (
    ValueError, TypeError, LookupError, AttributeError, ImportError, OSError, RuntimeError, ArithmeticError,
    AssertionError, StrictDataclassError, safetensors.SafetensorError,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A causal language model as a composite of kernels: ids -> embed -> backbone -> head -> logits."""

    folder: Path
    model: Any  # the transformers model; evaluation mode, no gradients for its parameters
    tokenizer: Tokenizer
    vocabulary: int  # V, the number of logits
    dim: int  # d, the width of what the head is applied to
    context: int  # the longest window, in tokens

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
        try:
            ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        except Exception as error:  # tokenizers raises the bare class, nothing narrower
            raise ModelError(f"{self.folder}: its tokenizer cannot encode the text: {error}") from error
        return ids

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

    def embed(self, ids: Tensor) -> Tensor:
        """k_emb: ids (B, T) to token embeddings (B, T, width). Positions are added in the backbone."""
        result: Tensor = self.model.get_input_embeddings()(self.ids_tensor(ids))
        return result

    def backbone(self, embeddings: Tensor) -> Tensor:
        """k_bb: token embeddings (B, T, width) to the vectors (B, T, d) that the head is applied to."""
        self._refuse_length(embeddings.shape[1])
        result: Tensor = self.model.base_model(inputs_embeds=embeddings, use_cache=False).last_hidden_state
        return result

    def head(self, h: Tensor) -> Tensor:
        """k_head: vectors (..., d) to logits (..., V), computed in the type of h; differentiable in h."""
        bias = self.model.get_output_embeddings().bias
        return linear(h, self.W.to(h.dtype), None if bias is None else bias.to(h.dtype))

    def verify(self, ids: Sequence[int] | Tensor) -> float:
        """Check that head(backbone(embed(ids))) is the model: its own logits on the window ids (T,).

        Returns the largest absolute difference of logits; 0.0 means equal bit for bit. Two correctly computed
        products of the same h differ by at most 2 (d + 2) eps (|h| |W|^T + |b|), eps the unit of the type; more
        is refused.

        Raises:
            ModelError: the composite is not the model; names the position and the token.
        """
        window = self.ids_tensor(ids)[None]
        self._refuse_length(window.shape[1])
        with torch.no_grad():
            own = self.model(input_ids=window, use_cache=False).logits[0]
            h = self.backbone(self.embed(window))[0]
            composite = self.head(h)
            gap = (own.double() - composite.double()).abs()
            scale = h.double().abs() @ self.W.double().abs().T + self.b.double().abs()
        broken = (~own.isfinite()).nonzero()
        if len(broken):
            t, token = (int(i) for i in broken[0])
            self._refuse_overflow(window[0], "the window")
            raise ModelError(f"{self.folder}: the logit at position {t}, token {token} is {float(own[t, token])}")
        bound = 2 * (self.dim + 2) * torch.finfo(h.dtype).eps * scale
        wrong = (~(gap <= bound)).nonzero()  # written so that NaN is wrong
        if len(wrong):
            t, token = (int(i) for i in wrong[0])
            raise ModelError(
                f"{self.folder}: embedding, backbone and head do not compose to the model: at position {t}, token "
                f"{token} the composite's logit is {float(composite[t, token])}, the model's {float(own[t, token])}"
            )
        return float(gap.max())

    def hidden(self, windows: Tensor, n_threads: int = 1) -> Tensor:
        """Vectors (n, L, d) of windows (n, L), run in micro-batches of one fixed shape.

        Rows do not depend on which windows run together: the last micro-batch is filled up with zeros, and one
        thread does the sums, so that they are split the same way always.
        """
        missing = -len(windows) % MICRO_BATCH
        padded = torch.cat([windows, windows.new_zeros(missing, windows.shape[1])])
        with threads(n_threads), torch.no_grad():
            rows = [self.backbone(self.embed(batch)) for batch in torch.split(padded, MICRO_BATCH)]
        return torch.cat(rows)[: len(windows)]

    def positions(
        self,
        ids: Sequence[int] | Tensor,
        count: int | None = None,
        seed: int = 0,
        *,
        length: int | None = None,
        per_window: int = 16,
    ) -> Positions:
        """Sample `count` positions of a text and compute their hidden vectors (in float64).

        Args:
            ids: the text's tokens.
            count: how many positions; None, or more than there are, means all.
            seed: of the sample. About `per_window` positions are taken from a window, more only if needed.
            length: of windows, at most the context length, which is the default.
            per_window: positions to take from one window before another window is run.

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
        hidden = self.hidden(batch)[at, offset - 1].double()
        bad = (~hidden.isfinite().all(dim=1)).nonzero()
        if len(bad):
            number, t = int(window[bad[0]]), int(offset[bad[0]])
            self._refuse_overflow(text[number * length : (number + 1) * length], f"window {number}")
            raise ModelError(f"{self.folder}: the hidden vector at window {number}, position {t} is not finite")
        return Positions(hidden, text[window * length + offset], window, offset, text, length)


def _refuse_tensors(folder: Path, model: Any) -> None:
    """Refuse NaN and infinite weights, naming the first."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            index = tuple((~tensor.isfinite()).nonzero()[0].tolist())
            where = f"{name}[{', '.join(map(str, index))}]"
            raise ModelError(f"{folder}: weights are not finite: {where} is {float(tensor[index])}")


def _read_model(folder: Path, dtype: torch.dtype) -> Any:
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
        )
    except ModelError:
        raise
    except LOADING_ERRORS as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(f"{folder}: transformers cannot load it as a causal language model: {lines[0]}") from error
    for what in ("missing", "unexpected", "mismatched"):
        names = sorted(str(name) for name in report.get(f"{what}_keys") or ())
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise ModelError(f"{folder}: {what} tensors: {', '.join(names[:3])}{more}: weights and config.json differ")
    _refuse_tensors(folder, model)
    return model.eval().requires_grad_(False)


def _refuse_shape(folder: Path, model: Any) -> None:
    """Refuse models that are not embedding, backbone and one linear head."""
    head = model.get_output_embeddings()
    if type(head) is not torch.nn.Linear:
        raise ModelError(f"{folder}: the head of {type(model).__name__} is {type(head).__name__}, not a linear layer")
    if model.base_model is model or model.get_input_embeddings() is None:
        raise ModelError(f"{folder}: {type(model).__name__} has no backbone that is separate from its head")


def _refuse_vocabulary(folder: Path, tokenizer: Tokenizer, vocabulary: int) -> None:
    tokens = tokenizer.get_vocab(with_added_tokens=True)
    token, number = max(tokens.items(), key=lambda item: (item[1], item[0]), default=("", -1))
    if number >= vocabulary:
        raise ModelError(
            f"{folder}: tokenizer.json has token {token!r} with id {number}, but the model has {vocabulary} logits "
            f"(ids 0..{vocabulary - 1}): the tokenizer belongs to another model"
        )


def _refuse_looking_ahead(model: LanguageModel, ids: Tensor) -> None:
    """Refuse models whose vectors change with later tokens: padding on the right would change them."""
    other = ids.clone()
    other[-1] = (other[-1] + 1) % model.vocabulary
    both = model.hidden(torch.stack([ids, other]))[:, :-1]
    gap, scale = (both[0] - both[1]).abs().max(), both.abs().max()
    # Equal bit for bit in dense models; experts are fed in batches that another token can regroup.
    if not gap <= scale * torch.finfo(both.dtype).eps ** 0.5:
        raise ModelError(f"{model.folder}: {type(model.model).__name__} looks ahead: vectors change with later tokens")


def load(folder: str | Path, dtype: torch.dtype = torch.float32, context: int | None = None) -> LanguageModel:
    """Load a causal language model with a linear head from a local folder, verified to factor.

    Args:
        folder: with config.json, model.safetensors (or shards and their index) and tokenizer.json.
        dtype: the type to compute in; weights are converted. float64 for claims. (Some architectures, Llama among
            them, normalise in float32 whatever the type: then the backbone is that function.)
        context: the longest window, where config.json does not name it or a shorter one is wanted.

    Raises:
        ModelError: refused, with the name of the file, tensor or setting and the way out.
    """
    folder = Path(folder)
    inspect(folder)
    tokenizer = read_tokenizer(folder)
    inner = _read_model(folder, dtype)
    _refuse_shape(folder, inner)
    head = inner.get_output_embeddings()
    longest = getattr(inner.config.get_text_config(), "max_position_embeddings", None)
    if longest is None and context is None:
        raise ModelError(f"{folder}: config.json names no context length (max_position_embeddings): give context=...")
    length = min(n for n in (longest, context) if n is not None)
    if length < 2:
        raise ModelError(f"{folder}: a context of {length} tokens leaves none to predict: at least 2 are needed")
    _refuse_vocabulary(folder, tokenizer, head.out_features)
    model = LanguageModel(folder, inner, tokenizer, head.out_features, head.in_features, length)
    probe = torch.arange(min(16, length)) % model.vocabulary
    model.verify(probe)
    if model.vocabulary > 1:
        _refuse_looking_ahead(model, probe)
    return model
