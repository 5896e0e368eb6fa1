"""Everything that a linear head's logits can tell, in one pass over the vocabulary, with no matrix of logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice, repeat
from queue import SimpleQueue
from threading import Lock

import torch
from torch import Tensor
from torch.linalg import vecdot

from lmlaws.numerics.loop import threads
from lmlaws.numerics.statistics import BITS, PANEL, Statistics
from lmlaws.numerics.tiles import (
    LARGEST,
    PART,
    TO_SCORES,
    UNIT32,
    UNIT64,
    LinearHead,
    Plan,
    Scratch,
    Swept,
    laws,
    sweep,
)
from lmlaws.numerics.tokens import Tokens

__all__ = ["LinearHead", "Statistics", "Tokens", "memory", "scan"]

Second = tuple[LinearHead, Tensor]
Progress = Callable[[int, int, str], None]
BLOCK = 512
"""Positions whose moments are held at a time."""


def memory(vocabulary: int, dim: int, workers: int = 1) -> int:
    """Bytes that `scan` takes beyond its inputs and what it returns for each token, at most, with statistics.

    Of these 16 V + 32 d^2 are the statistics themselves.
    """
    plan = Plan.of(vocabulary, 1, True)
    tile = plan.rows * plan.columns
    kept = 4 * plan.rows * (vocabulary + plan.columns) if plan.keep else 4 * tile
    worker = kept + 16 * tile + 4 * plan.columns * (dim + 2) + 64 * plan.rows * dim
    block = 80 * BLOCK * dim + 64 * PANEL * dim
    return workers * worker + block + 40 * vocabulary + 40 * dim * dim + 2**24


def scan(
    head: LinearHead,
    hidden: Tensor,
    targets: Tensor | None = None,
    *,
    second: Second | None = None,
    moments: bool = False,
    statistics: bool = True,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[Tokens, Statistics]:
    """Pass once over tokens and vocabulary, holding no matrix of logits.

    Products are float32, whatever the type of the weights; sums merge in float64. A token's results, and the
    statistics, are the same bits for any batch and any number of workers (not for other machines or versions of
    torch). `error` bounds what nll and log_partition lose: proved, and several hundred times what is seen.

    Args:
        head: the head (V, d).
        hidden: what it is applied to, (n, d), any float type, on the head's device.
        targets: token ids (n,), or None: then no nll and no correct.
        second: another head and its hidden vectors (n, d2), on the same vocabulary, for `overlap` = 1 - TV.
        moments: keep m = E_p g of every token, (n, d).
        statistics: also the mean law, m, m m^T, h, h h^T; otherwise the statistics hold scalars only.
        workers: threads, each with one intra-op thread of torch; results do not depend on it.
        progress: called with (positions done, positions in all, text).

    Raises:
        ValueError: shapes, values that are not finite, targets outside the vocabulary; names the position.
    """
    _check(head, hidden, targets, second, workers)
    n, full = len(hidden), moments or statistics
    heads = [head] if second is None else [head, second[0]]
    total = Statistics.zero(head.vocabulary, head.dim, statistics)
    plan = Plan.of(head.vocabulary, len(heads), statistics or second is not None)
    step = max(1, BLOCK // plan.rows) * plan.rows
    held = torch.zeros(n if moments else min(n, step), head.dim if full else 0, **head.float64)
    whole = _Pass(head, hidden, targets, second, plan, statistics)
    parts = []
    with threads(1), torch.no_grad(), ThreadPoolExecutor(workers) as pool:
        scratches: SimpleQueue[Scratch] = SimpleQueue()
        for _ in range(workers):
            scratches.put(Scratch(plan, heads, full))
        for start in range(0, max(n, 1), step):
            stop = min(n, start + step)
            rows = held[start:stop] if moments else held[: stop - start]
            starts = range(start, max(stop, start + 1), plan.rows)
            tiles = pool.map(whole.tile, starts, repeat(stop), torch.split(rows, plan.rows), repeat(scratches))
            block = Tokens.cat(list(tiles))
            total.add(replace(block, moment=rows if full else None), hidden[start:stop], whole.law)
            parts.append(block)
            if progress is not None:
                progress(stop, n, "pass over the vocabulary")
    return replace(Tokens.cat(parts), moment=held if moments else None), total


def _check(head: LinearHead, hidden: Tensor, targets: Tensor | None, second: Second | None, workers: int) -> None:
    if workers < 1:
        raise ValueError(f"{workers} workers: give at least 1")
    if torch.get_float32_matmul_precision() != "highest":
        raise ValueError("float32 products are not exact to float32: torch.set_float32_matmul_precision('highest')")
    for of, rows in ((head, hidden), *([second] if second else [])):
        if rows.ndim != 2 or rows.shape[1] != of.dim or not rows.is_floating_point():
            raise ValueError(f"hidden is {rows.dtype} {tuple(rows.shape)}: give floats (n, {of.dim}) for this head")
        if len(rows) != len(hidden) or of.vocabulary != head.vocabulary:
            raise ValueError(
                f"the second head has {of.vocabulary} tokens and {len(rows)} positions, the first "
                f"{head.vocabulary} and {len(hidden)}: their laws are compared position by position"
            )
    if targets is not None:
        if targets.shape != hidden.shape[:1] or targets.is_floating_point():
            raise ValueError(f"targets are {targets.dtype} {tuple(targets.shape)}: give {len(hidden)} token ids")
        wrong = ((targets < 0) | (targets >= head.vocabulary)).nonzero()
        if len(wrong):
            at = int(wrong[0])
            raise ValueError(
                f"target {int(targets[at])} at position {at} is outside the vocabulary (0..{head.vocabulary - 1})"
            )


class _Pass:
    """What all tiles of one scan share."""

    def __init__(
        self, head: LinearHead, hidden: Tensor, targets: Tensor | None, second: Second | None, plan: Plan, law: bool
    ) -> None:
        self.head, self.hidden, self.targets, self.second, self.plan = head, hidden, targets, second, plan
        self.law = torch.zeros(head.vocabulary, dtype=torch.float64, device=head.W.device) if law else None
        self.lock = Lock()

    def tile(self, start: int, stop: int, moments: Tensor, scratches: SimpleQueue[Scratch]) -> Tokens:
        """Tokens from start to the tile's or the block's end, their moments into `moments` where these are taken.

        All is computed on the plan's shape and cut at the end, so that no value depends on how many tokens there are.
        """
        scratch = scratches.get()
        try:
            n = min(stop - start, self.plan.rows)
            exact, rows = self._rows(self.head, self.hidden, start, n)
            targets = None
            if self.targets is not None:
                targets = torch.zeros(self.plan.rows, dtype=torch.int64, device=rows.device)
                targets[:n] = self.targets[start : start + n]
            swept = sweep(self.head, rows, targets, scratch)
            strips = (slice(at, at + self.plan.strip) for at in range(0, self.plan.rows, self.plan.strip))
            tokens = Tokens.cat(
                [self._tokens(exact[at], swept[at], None if targets is None else targets[at]) for at in strips]
            )
            if self.second is not None or self.law is not None:
                tokens = replace(tokens, overlap=self._second_sweep(rows, swept, start, n, scratch))
            if swept.moment is not None:
                moments[:n] = swept.moment[:n]
            return tokens[:n]
        finally:
            scratches.put(scratch)

    def _rows(self, head: LinearHead, hidden: Tensor, start: int, n: int) -> tuple[Tensor, Tensor]:
        """h in float64, and in units of scores in float32, padded with zeros."""
        exact = torch.zeros(self.plan.rows, head.dim, dtype=torch.float64, device=hidden.device)
        exact[:n] = hidden[start : start + n]
        wrong = (~exact.isfinite()).any(1).nonzero()
        if len(wrong):
            raise ValueError(f"the hidden vector at position {start + int(wrong[0])} is not finite")
        norm, bias = head.largest
        wrong = (~(exact.norm(dim=1) * norm + bias < LARGEST)).nonzero()
        if len(wrong):
            raise ValueError(f"the logits at position {start + int(wrong[0])} may overflow float32: scale h or W down")
        return exact, (exact * TO_SCORES).float()

    def _tokens(self, h: Tensor, swept: Swept, targets: Tensor | None) -> Tokens:
        """All but what needs a second sweep; swept.moment becomes m."""
        head = self.head
        half, one, three_halves, square, mixed, norms, distances = swept.sums
        spread = -mixed / one / TO_SCORES  # E_p (max z - z)
        partition = swept.log_partition
        error = self._error(h, norms / one, spread, partition)
        nll = correct = trace = None
        if targets is not None and swept.target is not None:
            w = head.W[targets].double()
            logit = vecdot(w, h)
            size = h.norm(dim=1) * w.norm(dim=1)
            if head.b is not None:
                b = head.b[targets].double()
                logit, size = logit + b, size + b.abs().nan_to_num(posinf=0.0)
            nll = partition - logit
            error = error + (head.dim + 4) * UNIT64 * size
            correct = swept.target >= swept.top
        if swept.moment is not None:
            swept.moment /= one[:, None]
            trace = (distances / one - (swept.moment - head.centre).norm(dim=1).square()).clamp_min(0)
        return Tokens(
            log_partition=partition,
            entropy=(one.log() + spread).clamp_min(0),
            square_sum=square / (one * one),
            three_halves_sum=three_halves / (one * one.sqrt()),
            half_sum=half / one.sqrt(),
            top=1 / one,
            error=error,
            nll=nll,
            correct=correct,
            trace=trace,
        )

    def _error(self, h: Tensor, norms: Tensor, spread: Tensor, partition: Tensor) -> Tensor:
        """Bound on |A|'s error in nats (n,), from E_p |w| (n,), E_p (max z - z) (n,) and A (n,).

        A logit of k roundings is off by at most gamma_k (|h| |w| + |b|), gamma_k = k u / (1 - k u), in whatever order
        the product sums (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1). A is convex: with
        computed logits z' and their law p', A(z') - A(z) <= E_p'|z' - z|, and A(z) - A(z') <= E_p|z' - z|, where p is
        at most p' times exp of twice the largest difference. Then e^2 is off by a rounding of y - max y, two of its
        last places and a rounding; PART sums follow in float32, V in float64.
        """
        gamma = self.head.roundings * UNIT32 / (1 - self.head.roundings * UNIT32)
        length, (norm, bias) = h.norm(dim=1), self.head.largest
        logits: Tensor = gamma * (length * norms + bias) * (2 * gamma * (length * norm + bias)).exp()
        summed = UNIT64 * (4 * self.head.vocabulary + 8 * partition.abs() + 400)
        return 1.001 * (logits + UNIT32 * (spread + PART + 12)) + summed

    def _second_sweep(self, rows: Tensor, swept: Swept, start: int, n: int, scratch: Scratch) -> Tensor | None:
        """Add the laws of n tokens to the mean law; the overlap with the second head's, if there is one."""
        other: Iterator[tuple[Tensor, Tensor]] = iter(())
        overlap = torch.zeros(self.plan.rows, dtype=torch.float64, device=rows.device)
        if self.second is not None:
            head, hidden = self.second
            _, rows2 = self._rows(head, hidden, start, n)
            other = laws(head, rows2, sweep(head, rows2, None, scratch, 1), scratch, 1)
        real = torch.arange(self.plan.rows, device=rows.device) < n
        for k, (squares, factor) in enumerate(laws(self.head, rows, swept, scratch)):
            law = scratch.doubles[0].copy_(squares).mul_(factor[:, None])
            for squares2, factor2 in islice(other, 1):
                law2 = scratch.doubles[1].copy_(squares2).mul_(factor2[:, None])
                overlap += torch.minimum(law, law2, out=law2).sum(1)
            if self.law is not None:
                units = torch.mv(law.mul_(2.0**BITS).round_().T, real.double())  # integers, their sum below 2^53
                at = slice(k * self.plan.columns, (k + 1) * self.plan.columns)
                with self.lock:
                    self.law[at] += units[: len(self.law[at])]
        return None if self.second is None else overlap
