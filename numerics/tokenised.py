"""A user's text as tokens, each with the number of bytes of the text that it stands for.

Bits a byte divide by the bytes of the predicted tokens, so a token that is a part of a character must count its own
bytes. Byte-level tokens (GPT-2's) and byte-fallback tokens (`<0xE2>`) hold their bytes in their names. Any other token
counts the bytes of its piece of the text, as the tokenizer's offsets give it, without what earlier tokens covered: a
space that a tokenizer drops belongs to no token.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from lmlaws.numerics.models import LanguageModel
from lmlaws.numerics.positions import Positions

CONTEXT_SHOWN = 24
"""Tokens of a context that are told, its last."""
_FALLBACK = re.compile(r"<0x[0-9A-Fa-f]{2}>")


@dataclass(frozen=True, eq=False)
class Text:
    """A tokenised text."""

    ids: Tensor  # (T,) int64
    sizes: NDArray[np.int64]  # (T,): bytes of each token
    digest: str  # SHA-256 of the text


def tokenise(model: LanguageModel, text: str) -> Text:
    """The tokens of a text, without special tokens, and their bytes.

    Raises:
        ModelError: the tokenizer cannot encode the text, or gives an id that the model lacks.
    """
    encoding = model.encoding(text)
    ids = model.ids_tensor(encoding.ids)
    if is_byte_level(model.tokenizer):
        sizes = _byte_level_sizes(model.tokenizer, model.vocabulary)[ids.numpy()]
    else:
        sizes = _covered(text, encoding)
    return Text(ids, sizes, hashlib.sha256(text.encode()).hexdigest())


def is_byte_level(tokenizer: Tokenizer) -> bool:
    """Whether each character of a token's name stands for one byte: the tokenizer decodes names so."""
    decoder = json.loads(tokenizer.to_str()).get("decoder") or {}
    return any(part.get("type") == "ByteLevel" for part in (decoder, *decoder.get("decoders", ())))


def _byte_level_sizes(tokenizer: Tokenizer, vocabulary: int) -> NDArray[np.int64]:
    """Bytes of each id (V,). Added tokens are in the text as they are; ids without a token cannot come up."""
    added = {number: token.content for number, token in tokenizer.get_added_tokens_decoder().items()}
    sizes = np.zeros(vocabulary, dtype=np.int64)
    for name, number in tokenizer.get_vocab(with_added_tokens=True).items():
        sizes[number] = len(added[number].encode()) if number in added else len(name)
    return sizes


def _covered(text: str, encoding: Any) -> NDArray[np.int64]:
    """Bytes of each token by its offsets (start, end) in characters; what two tokens share counts for the first."""
    ends = np.cumsum([0, *map(_utf8_length, text)])  # bytes of the first i characters
    sizes = np.zeros(len(encoding.ids), dtype=np.int64)
    covered = 0
    for i, ((start, end), name) in enumerate(zip(encoding.offsets, encoding.tokens, strict=True)):
        sizes[i] = 1 if _FALLBACK.fullmatch(name) else max(0, int(ends[end] - ends[max(start, covered)]))
        covered = max(covered, end)
    return sizes


def _utf8_length(character: str) -> int:
    code = ord(character)
    return 1 + (code >= 0x80) + (code >= 0x800) + (code >= 0x10000)


@dataclass(frozen=True, eq=False)
class Places:
    """Positions of a text, told in words. Bytes that make no whole character become U+FFFD."""

    positions: Positions
    tokenizer: Tokenizer

    def position(self, i: int) -> dict[str, Any]:
        """Position i: its window and place there, the text before it (its end), and the token that came."""
        context, following = self.positions.context(i), int(self.positions.next_ids[i])
        return {
            "window": int(self.positions.window[i]),
            "t": int(self.positions.offset[i]),
            "context": self._decoded(context[-CONTEXT_SHOWN:]),
            "context_ids": list(context[-CONTEXT_SHOWN:]),
            "next": self.token(following),
            "next_id": following,
        }

    def token(self, number: int) -> str:
        """The text of a token."""
        return self._decoded((number,))

    def _decoded(self, ids: Sequence[int]) -> str:
        result: str = self.tokenizer.decode(list(ids), skip_special_tokens=False)
        return result
