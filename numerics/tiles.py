"""The inner loop of the pass over a head's vocabulary: tiles of tokens by columns, in one fixed shape.

A tile of scores y = z log2(e)/2, z the logits, is one float32 product; e = 2^(y - max y), the root of exp(z - max z),
then gives the sums of p^(1/2), p, p^(3/2) and p^2 from its powers without another exponential. The maximum runs along
(online softmax; Milakov and Gimelshein 2018, arXiv:1805.02867), sums merge in float64. A token's law divides by a sum
that is known only at the end, so what needs laws comes in a second sweep over the tiles of e^2, which are kept where
they fit and computed again where not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, log
from typing import Any

import torch
from torch import Tensor

UNIT32, UNIT64 = 2.0**-24, 2.0**-53
"""Unit roundoffs."""
TO_SCORES = 0.5 / log(2)
"""Scores are logits times this: powers of two take a third of the time of exponentials."""
MASKED = -(2.0**100)
"""The score of a token that cannot come: finite, so that 0 * y is 0, and 2 to it is 0 beside any score."""
LARGEST = 2.0**96
"""Above this product of norms a float32 logit may overflow, or come near MASKED."""
ROWS, COLUMNS, STRIP, PART = 512, 1024, 128, 128
"""The shape of tiles and of strips; e^2 adds up in float32 over PART columns, in float64 beyond."""
MERGED = 8
"""Tiles whose moments add up in float32 before they merge in float64."""
READ = 2**17
"""Weights that are read at a time for norms."""
KEPT = 26 * 2**20
"""Bytes of tiles of e^2 that a worker keeps for the second sweep."""


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Logits W h + b of V tokens: W (V, d) in float64, float32, bfloat16 or float16, b (V,) or None.

    A bias of -inf masks its token: probability exactly zero. W and b must not change while the head is in use, because
    their norms are computed once.

    Raises:
        ValueError: shapes that do not fit, NaN or infinite weights (names the token), no token that can come.
    """

    W: Tensor
    b: Tensor | None = None

    def __post_init__(self) -> None:
        if self.W.ndim != 2 or 0 in self.W.shape or not self.W.is_floating_point():
            raise ValueError(f"W is {self.W.dtype} {tuple(self.W.shape)}: give floats (V, d), both positive")
        if self.b is None:
            return
        if self.b.shape != self.W.shape[:1] or self.b.device != self.W.device:
            raise ValueError(
                f"b has shape {tuple(self.b.shape)} on {self.b.device}, W {tuple(self.W.shape)} on {self.W.device}: "
                "b has one entry a token, on the same device"
            )
        wrong = ((self.b != self.b) | (self.b == torch.inf)).nonzero()
        if len(wrong):
            raise ValueError(
                f"the bias of token {int(wrong[0])} is {float(self.b[wrong[0]])}; only -inf (masked) is read"
            )
        if bool((self.b <= 2 * MASKED).all()):
            raise ValueError(f"all {len(self.b)} tokens are masked (their bias is -inf): there is no law")

    @property
    def vocabulary(self) -> int:
        """V."""
        return self.W.shape[0]

    @property
    def dim(self) -> int:
        """d."""
        return self.W.shape[1]

    @property
    def float64(self) -> dict[str, Any]:
        """The options of a float64 tensor on the head's device."""
        return {"dtype": torch.float64, "device": self.W.device}

    @property
    def _read(self) -> int:
        return ceil(READ / self.dim)

    @cached_property
    def centre(self) -> Tensor:
        """The mean row of W, float64 (d,): traces are taken about it, so that less cancels."""
        total = torch.zeros(self.dim, dtype=torch.float64, device=self.W.device)
        for part in torch.split(self.W, self._read):
            total += part.sum(0, dtype=torch.float64)
        return total / self.vocabulary

    @cached_property
    def columns(self) -> Tensor:
        """What is averaged over tokens beside W, float32 (2, V): |w| and |w - centre|^2."""
        result = torch.zeros(2, self.vocabulary, device=self.W.device)
        for start in range(0, self.vocabulary, self._read):
            part = self.W[start : start + self._read].double()
            norms = part.norm(dim=1)
            wrong = (~norms.isfinite()).nonzero()
            if len(wrong):
                token = start + int(wrong[0])
                raise ValueError(f"the weights of token {token} are not finite: nothing can be measured on this head")
            result[0, start : start + len(part)] = norms
            result[1, start : start + len(part)] = (part - self.centre).square().sum(1)
        return result

    @cached_property
    def scored_bias(self) -> Tensor | None:
        """b in units of scores, float32 (V,), MASKED for -inf."""
        return None if self.b is None else (self.b.double() * TO_SCORES).float().clamp_min(MASKED)

    @cached_property
    def largest(self) -> tuple[float, float]:
        """The largest |w|, rounded up, and the largest |b| of tokens that are not masked."""
        bias = 0.0 if self.b is None else float(self.b.double().masked_fill(self.b <= 2 * MASKED, 0).abs().max())
        return float(self.columns[0].max()) * (1 + 2 * UNIT32), bias

    @cached_property
    def roundings(self) -> int:
        """The roundings between real and float32 logits, at most: d products and sums, one of h, those of W and b."""
        return self.dim + 1 + (self.W.dtype == torch.float64) + 2 * (self.b is not None)


@dataclass(frozen=True)
class Plan:
    """The fixed shape of tiles, a function of the head's shape and of what is asked for, never of the batch."""

    rows: int
    columns: int
    strip: int  # rows that are summed at a time
    keep: bool  # tiles of e^2 are kept for the second sweep

    @staticmethod
    def of(vocabulary: int, heads: int, second_sweep: bool) -> Plan:
        """Rows as many as the kept tiles leave room for; with fewer than 32, computing twice is faster."""
        columns = min(COLUMNS, PART * ceil(vocabulary / PART))
        if second_sweep:
            width = columns * ceil(vocabulary / columns)
            for rows in (512, 256, 128, 64, 32):
                if 4 * rows * width * heads <= KEPT:
                    return Plan(rows, columns, min(rows, STRIP), True)
        return Plan(ROWS, columns, STRIP, False)


class Scratch:
    """The working memory of one worker, for tiles of one plan; no tile is allocated while it works."""

    def __init__(self, plan: Plan, heads: Sequence[LinearHead], moments: bool) -> None:
        device, shape, strip = heads[0].W.device, (plan.rows, plan.columns), (plan.strip, plan.columns)
        tiles = ceil(heads[0].vocabulary / plan.columns) if plan.keep else 1
        self.plan = plan
        self.scores = torch.empty(shape, device=device)
        self.roots, self.products = (torch.empty(strip, device=device) for _ in range(2))
        self.doubles = torch.empty(len(heads), *shape, dtype=torch.float64, device=device)
        self.weights = [torch.zeros(plan.columns, head.dim, device=device) for head in heads]
        self.columns = torch.zeros(2, plan.columns, device=device)
        self.moment = torch.empty(plan.rows, heads[0].dim, device=device) if moments else None
        self.kept = torch.empty(len(heads), tiles, *shape, device=device)
        self.tops = torch.empty(len(heads), tiles, plan.rows, device=device)
        self.sums = torch.empty(plan.rows // plan.strip, 6, plan.strip, device=device)
        self.partial = torch.empty(plan.rows, plan.columns // PART, device=device)
        # How the sums of `Swept` shrink when the largest score grows by one.
        self.powers = torch.tensor([1, 2, 3, 4, 2, 2, 2], dtype=torch.float64, device=device)[:, None]


@dataclass
class Swept:
    """One tile of tokens after a sweep over the vocabulary: float64 sums relative to the largest score."""

    top: Tensor  # (rows,) float32, the largest score
    sums: Tensor  # (7, rows): of e, e^2, e^3, e^4, e^2 (y - top), e^2 |w|, e^2 |w - centre|^2
    target: Tensor | None  # (rows,) the target's score, float32
    moment: Tensor | None  # (rows, d): of e^2 W

    def __getitem__(self, at: slice) -> Swept:
        """Some of the rows; views."""
        target, moment = (None if x is None else x[at] for x in (self.target, self.moment))
        return Swept(self.top[at], self.sums[:, at], target, moment)

    @property
    def log_partition(self) -> Tensor:
        """A(h) in nats (rows,)."""
        return self.top.double() / TO_SCORES + self.sums[1].log()


def _weights(head: LinearHead, start: int, scratch: Scratch, number: int) -> Tensor:
    """Rows start.. of W as one float32 tile (columns, d), 64-byte aligned: sums in a product may split by alignment."""
    part = head.W[start : start + scratch.plan.columns]
    whole = len(part) == scratch.plan.columns and part.dtype == torch.float32 and part.is_contiguous()
    if whole and part.data_ptr() % 64 == 0:
        return part
    scratch.weights[number][: len(part)] = part
    return scratch.weights[number]


def _scores(head: LinearHead, rows: Tensor, start: int, weights: Tensor, scratch: Scratch) -> Tensor:
    """The scores of a tile; MASKED beyond the vocabulary."""
    stop = min(scratch.plan.columns, head.vocabulary - start)
    out = torch.mm(rows, weights.T, out=scratch.scores)
    if head.scored_bias is not None:
        out[:, :stop] += head.scored_bias[start : start + stop]
    if stop < scratch.plan.columns:
        out[:, stop:] = MASKED
    return out


def _columns(head: LinearHead, start: int, scratch: Scratch) -> Tensor:
    part = head.columns[:, start : start + scratch.plan.columns]
    if part.shape[1] == scratch.plan.columns:
        return part
    scratch.columns.zero_()[:, : part.shape[1]] = part
    return scratch.columns


def _starts(head: LinearHead, plan: Plan) -> Iterator[tuple[int, int]]:
    return enumerate(range(0, head.vocabulary, plan.columns))


def sweep(head: LinearHead, rows: Tensor, targets: Tensor | None, scratch: Scratch, number: int = 0) -> Swept:
    """The sums of one tile of tokens over the whole vocabulary.

    Args:
        head: the head.
        rows: h in units of scores, float32 (rows, d), padded to the plan's shape.
        targets: ids (rows,) or None.
        scratch: the worker's memory.
        number: 0 for the first head, of which moments are taken, 1 for the second.
    """
    plan = scratch.plan
    top = torch.full((plan.rows,), MASKED, device=rows.device)
    sums = torch.zeros(7, plan.rows, dtype=torch.float64, device=rows.device)
    moment = None
    if scratch.moment is not None and number == 0:
        moment = torch.zeros(plan.rows, head.dim, dtype=torch.float64, device=rows.device)
        scratch.moment.zero_()
    result = Swept(top, sums, None if targets is None else top.clone(), moment)
    for k, start in _starts(head, plan):
        weights = _weights(head, start, scratch, number)
        scores = _scores(head, rows, start, weights, scratch)
        if targets is not None:
            _pick(scores, targets - start, result)
        kept = k if plan.keep else 0
        squares = scratch.kept[number, kept]
        shrink = _merge(scores, squares, _columns(head, start, scratch), scratch, result)
        scratch.tops[number, kept] = result.top
        if moment is not None and scratch.moment is not None:
            moved = (shrink < 1).nonzero()[:, 0]  # few rows after the first tiles
            moment[moved] *= shrink[moved, None]
            scratch.moment[moved] *= shrink[moved, None].float()
            scratch.moment.addmm_(squares, weights)
            if k % MERGED == MERGED - 1 or start + plan.columns >= head.vocabulary:
                moment += scratch.moment
                scratch.moment.zero_()
    return result


def _pick(scores: Tensor, at: Tensor, result: Swept) -> None:
    """Note the scores of the targets that lie in this tile, `at` columns from its start."""
    assert result.target is not None
    last = scores.shape[1] - 1
    value = scores.gather(1, at.clamp(0, last)[:, None])[:, 0]
    result.target = torch.where((at >= 0) & (at <= last), value, result.target)


def _merge(scores: Tensor, squares: Tensor, columns: Tensor, scratch: Scratch, result: Swept) -> Tensor:
    """Add a tile of scores (overwritten) to the sums, e^2 into `squares`; returns how older sums of e^2 shrank."""
    top = torch.maximum(result.top, scores.amax(1))
    strip = scratch.plan.strip
    parts = [torch.split(x, strip) for x in (scores, squares, top[:, None], scratch.partial)]
    for some, their_squares, tops, partial, sums in zip(*parts, scratch.sums):
        _sum_strip(some, their_squares, tops, partial, columns, scratch, sums)
    move = result.top.double() - top.double()
    shrink = (move * scratch.powers).exp2_()
    new, total = scratch.sums.transpose(0, 1).reshape(6, -1), result.sums
    total[4] += move * total[1]
    total *= shrink
    total[0] += new[0]
    total[1] += scratch.partial.sum(1, dtype=torch.float64)
    total[2:] += new[1:]
    result.top = top
    return shrink[1]


def _sum_strip(
    scores: Tensor, squares: Tensor, top: Tensor, partial: Tensor, columns: Tensor, scratch: Scratch, sums: Tensor
) -> None:
    """The sums of a strip of rows, few enough to stay in the processor's cache."""
    roots, products = scratch.roots, scratch.products
    scores.sub_(top)
    torch.exp2(scores, out=roots)
    torch.mul(roots, roots, out=squares)
    torch.sum(squares.view(len(squares), -1, PART), 2, out=partial)
    torch.sum(roots, 1, out=sums[0])
    for i, factor in enumerate((roots, squares, scores), 1):
        torch.sum(torch.mul(squares, factor, out=products), 1, out=sums[i])
    for i, column in enumerate(columns, 4):
        torch.mv(squares, column, out=sums[i])


def laws(
    head: LinearHead, rows: Tensor, swept: Swept, scratch: Scratch, number: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """The second sweep: (e^2 of a tile, float32; the float64 factor (rows,) that makes it a law), tile by tile."""
    for k, start in _starts(head, scratch.plan):
        if scratch.plan.keep:
            squares, top = scratch.kept[number, k], scratch.tops[number, k]
        else:
            squares, top = scratch.kept[number, 0], swept.top
            scores = _scores(head, rows, start, _weights(head, start, scratch, number), scratch)
            torch.exp2(scores.sub_(top[:, None]), out=squares).square_()
        yield squares, (2 * (top.double() - swept.top.double())).exp2() / swept.sums[1]
