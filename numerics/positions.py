"""Positions of a text: where a model is measured, and what is known there."""

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from lmlaws.numerics.sources import Source


@dataclass(frozen=True, eq=False)
class Positions:
    """N positions of a text, each a context with its hidden vector and the token that came next.

    A text is cut into windows of `length` tokens; position t = 1..L-1 of a window w_0..w_{L-1} has context
    w_0..w_{t-1}, next token w_t. Ordered by window, then t.
    """

    hidden: Tensor  # (N, d) float64: what the output embedding is applied to
    next_ids: Tensor  # (N,) int64
    window: Tensor  # (N,) int64: number of the window in the text
    offset: Tensor  # (N,) int64: t, which is the length of the context
    ids: Tensor  # the whole text, int64
    length: int  # of windows

    def __len__(self) -> int:
        return len(self.next_ids)

    def context(self, i: int) -> tuple[int, ...]:
        """The tokens before position i in its window."""
        start = int(self.window[i]) * self.length
        return tuple(self.ids[start : start + int(self.offset[i])].tolist())

    def select(self, keep: Tensor) -> "Positions":
        """The positions that a boolean mask (N,) or an index tensor picks."""
        return Positions(
            self.hidden[keep], self.next_ids[keep], self.window[keep], self.offset[keep], self.ids, self.length
        )


def sample_positions(size: int, length: int, count: int | None, seed: int, per_window: int) -> list[tuple[int, int]]:
    """Sorted pairs (window, t): `count` of all positions, spread over random windows."""
    sizes = [min(length, size - start) for start in range(0, size, length)]
    total = sum(n - 1 for n in sizes)
    if count is not None and count < 0:
        raise ValueError(f"count is {count}: give how many positions to take, or None for all")
    if count is None or count >= total:
        return [(window, t) for window, n in enumerate(sizes) for t in range(1, n)]
    rng = random.Random(seed)
    order = list(range(len(sizes)))
    rng.shuffle(order)
    left = {window: rng.sample(range(1, sizes[window]), sizes[window] - 1) for window in order}
    chosen: list[tuple[int, int]] = []
    while len(chosen) < count:
        for window in order:
            take = min(per_window, count - len(chosen))
            chosen += [(window, t) for t in left[window][:take]]
            left[window] = left[window][take:]
    return sorted(chosen)


def data_laws(source: Source, positions: Positions) -> tuple[Positions, Tensor]:
    """The exact law of the next token at positions of a text that the source made.

    A position's context begins with its window, in the middle of a stationary text. Where the source has an order,
    positions with fewer tokens of context than that are left out: the source gives no law there.

    Returns:
        The positions kept (N), and their laws (N, letters) in float64, within `source.law_error` of the exact ones.

    Raises:
        ValueError: an id that is no letter of the source, or a context that it never emits.
    """
    kept = positions.select(positions.offset >= (source.order or 0))
    laws = source.laws([kept.context(i) for i in range(len(kept))])
    return kept, torch.from_numpy(laws)
