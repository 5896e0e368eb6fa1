"""Cross entropy as a code length: a text compressed with a language model, and decoded back byte for byte.

An entropy coder that is driven by the model's laws spends NLL / log 2 bits up to a small constant a message (Shannon
1948; range coding: Martin 1979, here the coder of the library constriction, Bamler 2022, arXiv:2201.01741). The text is
cut into windows as `measure` cuts it. The first token of a window, which no law predicts, costs log2 V bits.

A decoder must find exactly the laws that the encoder used. So both run the model in the same way: token by token over
fixed numbers of windows, with one thread, so that every product has the same shape and the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil, log2
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lmlaws.numerics.folders import ModelError
from lmlaws.numerics.loop import threads
from lmlaws.numerics.models import LanguageModel

ROWS = 32
"""Windows that run together: part of the message's format."""

Words = NDArray[np.uint32]
Laws = NDArray[np.float64]
"""A law of the next token a row, (n, V)."""
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Compressed:
    """A message and what it should cost.

    `words` is the message: the number of tokens, then the range coder's words of 32 bits. `nll_bits` is the sum of
    -log2 p(w_t | w_<t) over predicted tokens, `first_bits` log2 V for each first token of a window; `text_bytes` the
    size of the text in UTF-8.
    """

    words: Words
    nll_bits: float
    first_bits: float
    text_bytes: int

    @property
    def bits(self) -> int:
        """The size of the message, its head included."""
        return 32 * len(self.words)

    @property
    def excess_bits(self) -> float:
        """How much longer the message is than its tokens' information content."""
        return self.bits - self.nll_bits - self.first_bits


def compress(model: LanguageModel, text: str, progress: Progress | None = None) -> Compressed:
    """Compress a text with a model.

    Raises:
        ModelError: the tokenizer does not give the text back (names the first character that differs), the text has
            more than 2^32 - 1 tokens, a hidden vector is not finite, or a token has probability zero.
    """
    ids = model.encode(text)
    _refuse_lossy(model, ids, text)
    if len(ids) >= 2**32:
        raise ModelError(f"a text of {len(ids)} tokens: a message counts them in 32 bits; compress it in parts")
    encoder = _Encoder()
    for block in _blocks(len(ids), model.context):
        _run(model, block, partial(encoder.put, block.of(ids)))
        if progress is not None:
            progress(block.stop, len(ids), "compressing")
    words = np.concatenate([np.array([len(ids)], np.uint32), encoder.words])
    return Compressed(words, encoder.nll, encoder.first, len(text.encode()))


def decompress(model: LanguageModel, words: Words, progress: Progress | None = None) -> str:
    """The text of a message of `compress`, with the same model on the same kind of machine.

    Raises:
        ModelError: an empty message, or one that is damaged or of another model so that its tokens are no text.
    """
    if not len(words):
        raise ModelError("an empty message: not even the number of its tokens is there")
    count, decoder = int(words[0]), _Decoder(words[1:])
    ids: list[int] = []
    for block in _blocks(count, model.context):
        tokens = _run(model, block, decoder.get)
        ids += [int(w) for row, length in zip(tokens, block.lengths) for w in row[:length]]
        if progress is not None:
            progress(len(ids), count, "decompressing")
    text: str = model.tokenizer.decode(ids, skip_special_tokens=False)
    return text


class _Encoder:
    """Codes tokens by their laws, a step at a time, and adds up what they should cost."""

    def __init__(self) -> None:
        import constriction

        self.stream, self.nll, self.first = constriction.stream.queue.RangeEncoder(), 0.0, 0.0

    @property
    def words(self) -> Words:
        """The coded tokens."""
        result: Words = self.stream.get_compressed()
        return result

    def put(self, tokens: NDArray[np.int64], step: int, laws: Laws) -> NDArray[np.int64]:
        """Code the tokens of a step of a block."""
        symbols = tokens[: len(laws), step]
        chosen = laws[np.arange(len(laws)), symbols]
        if not float(chosen.min()) > 0:
            raise ModelError(f"token {int(symbols[chosen.argmin()])} has probability zero: no code is long enough")
        bits = float(-np.log2(chosen).sum())
        self.nll, self.first = (self.nll + bits, self.first) if step else (self.nll, self.first + bits)
        high, low = (part.astype(np.int32) for part in np.divmod(symbols, _width(laws.shape[1])))
        self.stream.encode(high, _categorical(), _coarse(laws))
        self.stream.encode(low, _categorical(), _fine(laws, high))
        return symbols


class _Decoder:
    """Finds tokens by their laws, a step at a time."""

    def __init__(self, words: Words) -> None:
        import constriction

        self.stream = constriction.stream.queue.RangeDecoder(np.ascontiguousarray(words, np.uint32))

    def get(self, step: int, laws: Laws) -> NDArray[np.int64]:
        """The tokens of a step."""
        high = self.stream.decode(_categorical(), _coarse(laws))
        low = self.stream.decode(_categorical(), _fine(laws, high))
        symbols: NDArray[np.int64] = high.astype(np.int64) * _width(laws.shape[1]) + low
        if int(symbols.max()) >= laws.shape[1]:
            raise ModelError("the message is damaged, or of another model: it gives a token outside the vocabulary")
        return symbols


@dataclass(frozen=True)
class _Block:
    """Consecutive windows that run together: the tokens from `start` to `stop`, in windows of `length`."""

    start: int
    stop: int
    length: int

    @property
    def lengths(self) -> tuple[int, ...]:
        """The windows' lengths: all full but the last one."""
        return tuple(min(self.length, self.stop - at) for at in range(self.start, self.stop, self.length))

    @property
    def rows(self) -> int:
        return len(self.lengths)

    def of(self, ids: list[int]) -> NDArray[np.int64]:
        """The block's tokens, a row a window, zeros behind the last one."""
        table = np.zeros((self.rows, self.length), np.int64)
        table.reshape(-1)[: self.stop - self.start] = ids[self.start : self.stop]
        return table


def _blocks(count: int, length: int) -> Iterator[_Block]:
    for start in range(0, count, ROWS * length):
        yield _Block(start, min(start + ROWS * length, count), length)


def _run(model: LanguageModel, block: _Block, code: Callable[[int, Laws], NDArray[np.int64]]) -> NDArray[np.int64]:
    """The tokens of a block, a row a window. `code(step, laws)` codes the next tokens of the windows that go on.

    The model always sees ROWS windows; the missing ones, and the last one behind its end, hold zeros.
    """
    tokens = np.zeros((ROWS, block.length), np.int64)
    laws, cache, steps = np.full((ROWS, model.vocabulary), 1 / model.vocabulary), None, max(block.lengths)
    with threads(1), torch.no_grad():
        for step in range(steps):
            rows = sum(length > step for length in block.lengths)  # the last window alone may be shorter
            tokens[:rows, step] = code(step, laws[:rows])
            if step + 1 < steps:
                here = torch.from_numpy(tokens[:, step, None].copy())
                result = model.model.base_model(inputs_embeds=model.embed(here), past_key_values=cache, use_cache=True)
                cache, h = result.past_key_values, result.last_hidden_state[:, -1]
                if not bool(h.isfinite().all()):
                    raise ModelError(f"{model.folder}: the vector after {step + 1} tokens of a window is not finite")
                laws = model.head(h).double().softmax(1).cpu().numpy()
    return tokens[: block.rows]


def _categorical() -> Any:
    import constriction

    return constriction.stream.model.Categorical(perfect=False)


def _width(vocabulary: int) -> int:
    """Tokens are coded in two parts, w = high * width + low: the coder gives each symbol at least 2^-24, which over a
    whole vocabulary would cost more than the promised 0.1%."""
    return 1 << ceil(log2(vocabulary) / 2)


def _folded(table: Laws) -> Laws:
    """Laws (n, V) as (n, high, low), zeros behind the last token."""
    width = _width(table.shape[1])
    missing = -table.shape[1] % width
    return np.pad(table, ((0, 0), (0, missing))).reshape(len(table), -1, width)


def _coarse(table: Laws) -> NDArray[np.float32]:
    return _atomless(_folded(table).sum(2))


def _fine(table: Laws, high: NDArray[np.int32]) -> NDArray[np.float32]:
    rows = _folded(table)[np.arange(len(table)), high]
    total = rows.sum(1, keepdims=True)
    return _atomless(np.divide(rows, total, out=np.ones_like(rows), where=total > 0))


def _atomless(rows: Laws) -> NDArray[np.float32]:
    """Rows as the coder takes them: float32, at least two symbols each (the second of a single one is impossible)."""
    wide = rows if rows.shape[1] > 1 else np.pad(rows, ((0, 0), (0, 1)))
    return np.ascontiguousarray(wide, np.float32)


def _refuse_lossy(model: LanguageModel, ids: list[int], text: str) -> None:
    again = model.tokenizer.decode(ids, skip_special_tokens=False)
    if again != text:
        at = next((i for i, (a, b) in enumerate(zip(again, text)) if a != b), min(len(again), len(text)))
        raise ModelError(
            f"{model.folder}: its tokenizer does not give the text back: at character {at} is {text[at : at + 9]!r}, "
            f"decoded {again[at : at + 9]!r}; a lossless code needs a tokenizer without normalisation (byte-level BPE)"
        )
