"""All pairs of a model's output laws: divergences by Bregman's form, kernels in tiles over the vocabulary.

For a linear head KL(p_i, p_j) = A_j - A_i - <m_i, h_j - h_i>, the Bregman divergence of the log-partition A (whose
gradient is m = E_p g): N^2 d operations where sums over tokens take N^2 V. The kernels (claims P4 to P6, L10) need the
laws, which come in tiles of N x (TILE / N); nothing N x V is kept. Everything is float64; divergences are in nats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lmlaws.numerics.metric import gamma, require_finite, tiles
from lmlaws.numerics.metric_bounds import centred_gram
from lmlaws.numerics.tiles import MASKED, LinearHead


def all_pairs_kl(A: Tensor, m: Tensor, h: Tensor, *, A_error: float = 0.0, m_error: float = 0.0) -> Tensor:
    """KL(p_i, p_j) in nats at [i, j], (n, n), for the laws of one linear head, by Bregman's form.

    A Bregman divergence does not change when an affine function is subtracted from A: all is taken about the means of
    A, m and h, which loses no digits to their common part. What cancels between near laws stays: the error of an entry
    (`all_pairs_kl_error`) is absolute, so that a KL below it is known to be small and no more. The diagonal is exactly
    0; entries that rounding makes negative are 0.

    Args:
        A: log-partitions (n,), nats.
        m: moments E_p g (n, d).
        h: hidden states (n, d).
        A_error: how far an A may be off, in nats (Tokens.error); it only widens what counts as rounding.
        m_error: how far an m may be off, in norm; likewise.

    Raises:
        ValueError: shapes; an entry that is not finite; a divergence negative beyond the error, which says that A, m
            and h are not of one head (names the pair).
    """
    bregman = _Bregman.of(A, m, h)
    result = bregman.h.new_empty(len(h), len(h))
    for rows in tiles(len(h), len(h)):
        block = bregman.kl(rows)
        wrong = (~(block >= -bregman.error(rows, A_error, m_error))).nonzero()
        if len(wrong):
            i, j = rows.start + int(wrong[0, 0]), int(wrong[0, 1])
            raise ValueError(
                f"KL[{i}, {j}] = {float(block[i - rows.start, j])} is negative beyond rounding: A, m and h must come "
                "from one linear head, and the errors of a float32 pass be given as A_error and m_error"
            )
        result[rows] = block.clamp_min_(0)
    return result.fill_diagonal_(0)


def all_pairs_kl_error(A: Tensor, m: Tensor, h: Tensor, *, A_error: float = 0.0, m_error: float = 0.0) -> Tensor:
    """A bound on the absolute error of each entry of `all_pairs_kl`, (n, n), in nats; arguments and errors as there.

    2 A_error + m_error |h_j - h_i| (by norms about the mean), and gamma_(d+6) times the sizes of all terms.
    """
    return _Bregman.of(A, m, h).error(slice(None), A_error, m_error).fill_diagonal_(0)


def all_pairs_jeffreys(m: Tensor, h: Tensor) -> Tensor:
    """Jeffreys' J = KL(p_i, p_j) + KL(p_j, p_i) = <h_i - h_j, m_i - m_j> in nats, (n, n), for one linear head.

    About the means of m and h, as `all_pairs_kl`; A is not needed. The error of an entry is at most
    2 m_error |h_j - h_i| + gamma_(d+6) (|m_i| + |m_j|)(|h_i| + |h_j|) of centred m and h. The matrix is exactly
    symmetric, its diagonal exactly 0; entries that rounding makes negative are 0.

    Raises:
        ValueError: shapes; an entry that is not finite.
    """
    bregman = _Bregman.of(h.new_zeros(len(h)), m, h)
    cross = bregman.m @ bregman.h.T
    result: Tensor = bregman.own[:, None] + bregman.own - (cross + cross.T)
    return result.clamp_min_(0).fill_diagonal_(0)


@dataclass(frozen=True, eq=False)
class _Bregman:
    """A, m and h about their means, A less its mean tangent; <m_i, h_i>; the sizes of the terms that A was made of."""

    A: Tensor
    m: Tensor
    h: Tensor
    own: Tensor
    size: Tensor

    @staticmethod
    def of(A: Tensor, m: Tensor, h: Tensor) -> _Bregman:
        if h.ndim != 2 or m.shape != h.shape or A.shape != h.shape[:1]:
            raise ValueError(
                f"shapes {tuple(A.shape)}, {tuple(m.shape)}, {tuple(h.shape)}: give A (n,), m and h (n, d)"
            )
        require_finite(A=A, m=m, h=h)
        A, m, h = A.double(), m.double(), h.double()
        A, h, slope = A - A.mean(), h - h.mean(0), m.mean(0)
        m = m - slope
        size = A.abs() + slope.norm() * h.norm(dim=1)
        own: Tensor = torch.linalg.vecdot(m, h)
        return _Bregman(A - h @ slope, m, h, own, size)

    def kl(self, rows: slice) -> Tensor:
        result: Tensor = (self.A - self.A[rows, None]) - (self.m[rows] @ self.h.T - self.own[rows, None])
        return result

    def error(self, rows: slice, A_error: float, m_error: float) -> Tensor:
        reach: Tensor = self.h.norm(dim=1) + self.h[rows].norm(dim=1)[:, None]  # at least |h_j - h_i|
        terms: Tensor = self.size + self.size[rows, None] + self.m[rows].norm(dim=1)[:, None] * reach
        return 2 * A_error + m_error * reach + gamma(self.h.shape[1] + 6) * terms


def bhattacharyya(head: LinearHead, hidden: Tensor) -> Tensor:
    """BC(p_i, p_j) = sum over tokens of sqrt(p_i p_j), (n, n), in [0, 1]; right to metric.law_error in relative terms.

    Raises:
        ValueError: hidden (n, d) of another shape; an entry of hidden or W that is not finite.
    """
    result = hidden.new_zeros(len(hidden), len(hidden), dtype=torch.float64)
    for logs in log_laws(head, hidden):
        roots = (logs / 2).exp()
        result += roots @ roots.T
    return result.clamp_max_(1).fill_diagonal_(1)


def linear(head: LinearHead, hidden: Tensor) -> Tensor:
    """The linear kernel, the sum over tokens of p_i p_j, (n, n); right to twice metric.law_error in relative terms.

    Raises: as `bhattacharyya`.
    """
    result = hidden.new_zeros(len(hidden), len(hidden), dtype=torch.float64)
    for logs in log_laws(head, hidden):
        laws = logs.exp()
        result += laws @ laws.T
    return result


def jensen_shannon(head: LinearHead, hidden: Tensor) -> Tensor:
    """The Jensen-Shannon divergence in nats, (n, n), from 0 to log 2; right to twice metric.law_error, absolutely.

    With s = p_i + p_j and t = (p_i - p_j) / s it is the sum of s/4 ((1 + t) log(1 + t) + (1 - t) log(1 - t)), whose
    terms are not negative: near laws lose no digits. N^2 V logarithms: for samples of some hundred rows.

    Raises: as `bhattacharyya`.
    """
    result = hidden.new_zeros(len(hidden), len(hidden), dtype=torch.float64)
    for logs in log_laws(head, hidden):
        laws = logs.exp()
        for i, law in enumerate(laws):
            both = laws[i:] + law
            t = torch.where(both > 0, (laws[i:] - law) / both, 0)
            result[i, i:] += (both * (torch.special.xlog1py(1 + t, t) + torch.special.xlog1py(1 - t, -t))).sum(1) / 4
    return result.triu() + result.triu(1).T


def aitchison(head: LinearHead, hidden: Tensor) -> Tensor:
    """Aitchison's kernel <clr p_i, clr p_j>, (n, n): the inner products of centred log-probabilities (claim L10).

    Centred logits are CW h + Cb, so it is (h, 1)^T [W b]^T C [W b] (h', 1): V d^2 + N^2 d operations, no law. The
    error is at most gamma_(V+2d+16) tr([W b]^T C [W b]) |(h, 1)| |(h', 1)|.

    Raises:
        ValueError: as `bhattacharyya`; a masked token, whose logarithm is infinite (names it).
    """
    _check(head, hidden)
    if head.b is not None and bool((head.b <= 2 * MASKED).any()):
        token = int((head.b <= 2 * MASKED).nonzero()[0])
        raise ValueError(f"token {token} is masked: Aitchison's kernel takes laws of full support")
    h = hidden.double()
    if head.b is not None:
        h = torch.cat([h, h.new_ones(len(h), 1)], 1)
    return h @ centred_gram(head, bias=head.b is not None) @ h.T


def log_laws(head: LinearHead, hidden: Tensor) -> Iterator[Tensor]:
    """Log-probabilities of the laws at hidden (n, d), tile after tile of tokens: (n, TILE / n) in float64, nats.

    Two passes: the first finds the log-partitions. A masked token has 2 MASKED, whose exponential is 0.

    Raises: as `bhattacharyya`.
    """
    _check(head, hidden)
    rows = hidden.double()
    A = rows.new_full((len(rows),), -torch.inf)
    for logits in _logits(head, rows):
        A = torch.logaddexp(A, logits.logsumexp(1))
    return (logits - A[:, None] for logits in _logits(head, rows))


def _check(head: LinearHead, hidden: Tensor) -> None:
    if hidden.ndim != 2 or hidden.shape[1] != head.dim:
        raise ValueError(f"hidden has shape {tuple(hidden.shape)}: give (n, {head.dim}) for this head")
    require_finite(hidden=hidden)
    _ = head.largest  # refuses a W that is not finite, naming the token


def _logits(head: LinearHead, rows: Tensor) -> Iterator[Tensor]:
    for tile in tiles(head.vocabulary, max(rows.shape)):
        logits = rows @ head.W[tile].double().T
        yield logits if head.b is None else (logits + head.b[tile]).clamp_min(2 * MASKED)
