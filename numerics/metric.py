"""The pullback metric g* of softmax heads: its mean over positions, at one token, its spectrum, the head's rank.

At a hidden state h a head with logits z(h) has the law p = softmax(z(h)), and g*(u, v) = Cov_p(Dz u, Dz v): for a
linear head W^T (diag p - p p^T) W, the Hessian of the log-partition A (claims G1, G3, G5, G8 to G11). Everything is
computed in float64 from the head's own numbers, whatever their type, in tiles over the vocabulary: nothing V x V and no
float64 copy of W is ever built. Units: g* is in nats per squared unit of h.

Error bounds are worst cases in the manner of Higham, "Accuracy and Stability of Numerical Algorithms" (2002), chapter
3. They are in the trace norm, the sum of the singular values of the error, and so bound its operator norm, and the sum
over i of the errors of the i-th eigenvalues (Mirsky 1960).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, expm1, log, log1p, sqrt
from typing import NamedTuple

import torch
from torch import Tensor
from torch.linalg import vecdot

from lmlaws.numerics.bounded import UNIT
from lmlaws.numerics.statistics import Statistics
from lmlaws.numerics.tiles import COLUMNS, MASKED, UNIT32, LinearHead
from lmlaws.theory.display import Shown

TILE = 2**19
"""Elements of the largest tile that is built: 4 MiB in float64."""


def gamma(operations: int) -> float:
    """Higham's gamma_n = n u / (1 - n u): the relative error of n roundings to float64 in a row."""
    return operations * UNIT / (1 - operations * UNIT)


def tiles(vocabulary: int, width: int) -> Iterator[slice]:
    """The vocabulary cut into slices of rows, so that rows x width is at most TILE (one row at least)."""
    rows = max(1, TILE // max(1, width))
    return (slice(at, min(at + rows, vocabulary)) for at in range(0, vocabulary, rows))


def require_finite(**tensors: Tensor) -> None:
    """Raise ValueError naming tensor, position and value of the first entry that is NaN or infinite."""
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            place = (~tensor.isfinite()).nonzero()[0].tolist()
            raise ValueError(f"{name}{place} is {float(tensor[tuple(place)])}: every entry must be finite")


class Moments(NamedTuple):
    """What one token's law says of the rows of W about c, their mean over the vocabulary (all float64).

    The law p (V,), E_p W - c (d,), E_p |W - c|^2, and a bound on the relative error of every probability.
    """

    law: Tensor
    mean: Tensor
    square: float
    relative: float


def moments(head: LinearHead, h: Tensor) -> Moments:
    """The law of a linear head at h (d,) and its first moments, in one pass over W with an online softmax.

    The mean of the squares comes with the same weights; `law_error` bounds the relative error of both.

    Raises:
        ValueError: an entry of h or W is not finite (names it), or h is not (d,).
    """
    vocabulary, dim = head.W.shape
    if h.shape != (dim,):
        raise ValueError(f"h has shape {tuple(h.shape)}, and the head takes one hidden state ({dim},)")
    require_finite(h=h)
    h, (_, bias) = h.double(), head.largest  # refuses a W that is not finite
    logits, mean = h.new_empty(vocabulary), h.new_zeros(dim)
    top, total, square, longest = 2 * MASKED, h.new_zeros(()), h.new_zeros(()), 0.0
    for tile in tiles(vocabulary, dim):
        rows = head.W[tile].double() - head.centre  # which moves all logits alike
        squares = vecdot(rows, rows)
        logits[tile] = rows @ h
        if head.b is not None:
            logits[tile] = (logits[tile] + head.b[tile]).clamp_min(2 * MASKED)
        peak = max(top, float(logits[tile].max()))
        scale, weights = exp(top - peak), (logits[tile] - peak).exp()
        total = total * scale + weights.sum()
        square = square * scale + weights @ squares
        mean = mean * scale + weights @ rows
        top, longest = peak, max(longest, float(squares.max()))
    relative = law_error(head, sqrt(longest) * float(h.norm()) + bias)
    return Moments((logits - top).exp() / total, mean / total, float(square / total), relative)


def law_error(head: LinearHead, reach: float) -> float:
    """A bound on the relative error of every probability computed in float64 where |W_w| |h| + |b_w| <= reach.

    A logit is off by at most gamma_(d+6) times the reach, a probability by twice that in the exponent and V + 8
    roundings of the sum. W may be replaced by W less any row, as that moves all logits alike.
    """
    return expm1(2 * gamma(head.dim + 6) * reach) + gamma(head.vocabulary + 8)


def token_metric(head: LinearHead, h: Tensor, support: int = 1024) -> tuple[Tensor, float]:
    """One token's g* from the `support` likeliest tokens, and a proved bound on everything neglected.

    With m = E_p W over the whole vocabulary, g = sum over the support of p_w (W_w - m)(W_w - m)^T. What is left out is
    a sum of the same kind over the other tokens, hence 0 <= g* - g <= bound I in the Loewner order up to rounding:
    its trace norm is its trace, E_p |W - c|^2 - |m - c|^2 - tr g, which needs no second pass over W.

    Args:
        head: W (V, d) and b.
        h: one hidden state (d,).
        support: how many tokens; V or more gives g* itself.

    Returns:
        g (d, d) in float64, and the bound on the trace norm of g* - g, and so on its operator norm, rounding included.

    Raises:
        ValueError: an entry of h or W is not finite, a wrong shape, or support below 1.
    """
    if support < 1:
        raise ValueError(f"support = {support}: at least one token is needed")
    law, mean, square, relative = moments(head, h)
    weights, kept = law.topk(min(support, len(law)))
    metric = law.new_zeros(len(mean), len(mean))
    for tile in tiles(len(kept), len(mean)):
        rows = (head.W[kept[tile]].double() - head.centre - mean) * weights[tile].sqrt()[:, None]
        metric += rows.T @ rows
    tail = square - float(mean @ mean) - float(metric.trace()) if support < len(law) else 0.0
    return metric, max(0.0, tail) + (relative + 8 * sqrt(len(mean)) * gamma(len(law) + 8)) * square


def mean_metric(head: LinearHead, statistics: Statistics) -> Tensor:
    """E g* (d, d), float64, from the statistics of a pass: no sampling, no approximation but rounding.

    E g* = W^T diag(E p) W - E m m^T; both terms are taken about c = E m, which loses no digits to a common shift of
    the rows of W (law of total covariance). `mean_metric_error` bounds the error.

    Raises:
        ValueError: no positions, no moments, or an entry of W that is not finite (names the token).
    """
    device = head.W.device
    law, centre = statistics.law().to(device), statistics.moment().to(device)
    _ = head.largest  # refuses a W that is not finite
    total = law.new_zeros(head.dim, head.dim)
    for tile in tiles(head.vocabulary, head.dim):
        rows = (head.W[tile].double() - centre) * law[tile].sqrt()[:, None]
        total += rows.T @ rows
    metric = total - (statistics.moment_outer().to(device) - torch.outer(centre, centre))
    return (metric + metric.T) / 2


def pass_error(head: LinearHead, length: float) -> float:
    """A bound on the relative error of every probability of a float32 pass (onepass.scan) over |h| <= length.

    Half logits are off by gamma_k (|h| |W_w| + |b_w|) / 2, k the head's roundings, and by one more rounding when the
    maximum is subtracted; powers and quotients add a few units. Probabilities below 2^-45 are rounded absolutely too.
    """
    norm, bias = head.largest
    roundings = head.roundings + 3
    logit = roundings * UNIT32 / (1 - roundings * UNIT32) * (length * norm + bias)
    return expm1(2 * logit) + 16 * UNIT32 + gamma(head.vocabulary + 100)


def mean_metric_error(head: LinearHead, statistics: Statistics, length: float) -> float:
    """A bound on the trace norm of the error of `mean_metric`, for statistics of scan over |h| <= length.

    Let r be the relative error of probabilities, T and T' the means of |W|^2 and |W - c|^2 under E p, c = E m. Then
    each m is off by at most e = r sqrt T' + (float32 products) sqrt T in quadratic mean, Cov_(E p) W by r T' + e^2, and
    Cov m by 2 e sqrt(tr Cov m) + e^2. The quanta of the statistics (2^-45 of a law's entry, 2^-38 of a product's)
    and this module's own roundings come on top.
    """
    law, centre = (part.to(head.W.device) for part in (statistics.law(), statistics.moment()))
    raw, centred, whole = 0.0, 0.0, 0.0
    for tile in tiles(head.vocabulary, head.dim):
        rows = head.W[tile].double()
        about = rows - centre
        squares, rows_about = vecdot(rows, rows), vecdot(about, about)
        raw, centred = raw + float(law[tile] @ squares), centred + float(law[tile] @ rows_about)
        whole += float(squares.sum())
    relative = pass_error(head, length)
    moment = relative * sqrt(centred) + 2 * (COLUMNS + 8) * UNIT32 * sqrt(raw)
    between = max(0.0, float(statistics.moment_outer().trace()) - float(centre @ centre))
    quanta = 2.0**-45 * whole + 2.0**-38 * sqrt(head.dim) * (head.dim + head.largest[0])
    rounding = 8 * sqrt(head.dim) * gamma(head.vocabulary + 16) * raw + quanta
    return relative * centred + 2 * moment * (sqrt(between) + moment) + rounding


@dataclass(frozen=True, eq=False)
class Spectrum(Shown):
    """Eigenvalues (d,) of a metric, descending, eigenvectors as columns (d, d), and a bound on the summed errors."""

    eigenvalues: Tensor
    vectors: Tensor
    error: float

    @staticmethod
    def of(metric: Tensor, error: float = 0.0) -> Spectrum:
        """The spectrum of a symmetric matrix (d, d) that is known up to `error` in the trace norm.

        The eigensolver adds 8 d u |metric| an eigenvalue. An exactly positive semidefinite metric may give eigenvalues
        below 0, down to minus the error; they are kept as they are, and enlarge the error if their sum lies lower.

        Raises:
            ValueError: the matrix is not square, not symmetric up to the error, or has an entry that is not finite.
        """
        if metric.ndim != 2 or metric.shape[0] != metric.shape[1]:
            raise ValueError(f"a metric is a square matrix, not of shape {tuple(metric.shape)}")
        require_finite(metric=metric)
        values, vectors = torch.linalg.eigh(metric.double())
        values, vectors = values.flip(0), vectors.flip(1)
        error += 8 * len(values) * gamma(len(values)) * float(values.abs().max())
        gap = float((metric - metric.T).abs().max())
        if not gap <= 2 * error:
            raise ValueError(f"the metric is not symmetric: entries differ by {gap}, more than twice its error {error}")
        return Spectrum(values, vectors, max(error, -float(values.clamp(max=0).sum())))

    @property
    def trace(self) -> float:
        """The sum of the eigenvalues."""
        return float(self.eigenvalues.sum())

    @property
    def effective_rank(self) -> float | None:
        """The exponential of the entropy of the normalised spectrum, 1 to d; None where none exceeds its error.

        Source: Roy and Vetterli, "The effective rank" (2007).
        """
        if not float(self.eigenvalues[0]) > self.error:
            return None
        values = self.eigenvalues.clamp(min=0)
        return float(torch.special.entr(values / values.sum()).sum().exp())

    @property
    def effective_rank_error(self) -> float | None:
        """A bound on the error of the effective rank, by the continuity of entropy in total variation; None as above.

        Spectra that differ by e in sum differ, normalised, by T <= e / trace in total variation, and their entropies
        by at most T log(d - 1) + h(T) for T <= 1 - 1/d (Audenaert 2007).
        """
        rank, size = self.effective_rank, len(self.eigenvalues)
        if rank is None:
            return None
        off = self.error / max(self.trace - self.error, self.error)
        if off >= 1 - 1 / size:
            return float(size - 1)
        entropy = off * log(size - 1) - off * log(off) - (1 - off) * log1p(-off) if off else 0.0
        return min(size - 1.0, rank * expm1(entropy))

    def sensitive(self, count: int) -> Tensor:
        """The `count` directions (count, d) of unit length along which the law changes fastest, first the fastest."""
        return self.vectors[:, :count].T


def hidden_covariance(statistics: Statistics) -> Tensor:
    """Sigma_h (d, d), float64: the covariance of the hidden states of a pass."""
    mean = statistics.hidden().double()
    return statistics.hidden_outer().double() - torch.outer(mean, mean)


def whitened_spectrum(metric: Tensor, covariance: Tensor, error: float = 0.0) -> Spectrum:
    """The spectrum of Sigma^(1/2) g* Sigma^(1/2), the same as that of g* Sigma: free of coordinates (G11).

    h -> M h with W -> W M^-1 keeps every output law and turns g* into M^-T g* M^-1; this spectrum stays, that of g*
    does not. The eigenvectors are those of the whitened matrix.

    Args:
        metric: g* or E g* (d, d).
        covariance: Sigma_h (d, d); negative eigenvalues, which only rounding gives, count as 0.
        error: a bound on the metric's error in the trace norm; the covariance is taken as it is given.

    Raises:
        ValueError: as `Spectrum.of`, of either matrix.
    """
    own = Spectrum.of(covariance)
    root = (own.vectors * own.eigenvalues.clamp(min=0).sqrt()) @ own.vectors.T
    scale = float(own.eigenvalues[0])
    rounding = 8 * len(root) * gamma(len(root)) * scale * float(torch.linalg.matrix_norm(metric.double()))
    return Spectrum.of(root @ metric.double() @ root, error * scale + rounding)


@dataclass(frozen=True, eq=False)
class HeadRank:
    """The numerical rank of the centred output embedding CW, with all that it was decided from.

    `rank` counts the singular values (descending, min(V, d) of them) above `threshold` = max(V, d) u' s_1, u' the
    float64 epsilon: the convention of LAPACK's users (Golub and Van Loan), within which rounding hides a value. It is a
    rank of the numbers as they are stored: `margin` and `gap` say how clear a cut that is.
    """

    rank: int
    threshold: float
    singular_values: Tensor
    directions: Tensor  # (d, d): the right singular vectors as rows, in the order of the singular values

    @property
    def margin(self) -> tuple[float, float]:
        """The smallest value counted and the largest not counted, over the threshold: inf and 0 where there is none."""
        counted, rest = self.singular_values[: self.rank], self.singular_values[self.rank :]
        if self.threshold == 0:
            return torch.inf, 0.0
        above = float(counted[-1]) / self.threshold if len(counted) else torch.inf
        return above, float(rest[0]) / self.threshold if len(rest) else 0.0

    @property
    def gap(self) -> tuple[int, float]:
        """The k with the largest ratio s_k / s_(k+1) among values counted, and the ratio; (rank, 1) if there is one.

        A large gap before `rank` says that the head was of rank k before its entries were rounded.
        """
        counted = self.singular_values[: self.rank]
        if len(counted) < 2:
            return self.rank, 1.0
        ratios = counted[:-1] / counted[1:]
        return int(ratios.argmax()) + 1, float(ratios.max())

    @property
    def null_directions(self) -> Tensor:
        """Orthonormal directions (d - rank, d) along which CW is zero up to the threshold: Wv is constant (G5)."""
        return self.directions[self.rank :]


def head_rank(head: LinearHead) -> HeadRank:
    """The rank of CW = W - 1 (mean row), which is the rank of g* at every h (G3, G4), by orthogonal triangularisation.

    Tile after tile is stacked under R and triangularised again, so that small singular values are not squared as they
    are in W^T C W. About 2 V d^2 operations; no tile has fewer than 4 d rows, for speed.

    Raises:
        ValueError: an entry of W is not finite (names it).
    """
    vocabulary, dim = head.vocabulary, head.dim
    centre = mean_row(head)
    factor = centre.new_zeros(0, dim)
    for tile in tiles(vocabulary, min(dim, max(1, TILE // (4 * dim)))):
        factor = torch.linalg.qr(torch.cat([factor, head.W[tile].double() - centre]), mode="r").R
    _, values, right = torch.linalg.svd(factor, full_matrices=True)
    threshold = max(vocabulary, dim) * 2 * UNIT * float(values[0])
    return HeadRank(int((values > threshold).sum()), threshold, values, right)


def mean_row(head: LinearHead) -> Tensor:
    """The mean of the rows of W (d,), float64; taken about the first row, so that a common shift costs no digits.

    Raises:
        ValueError: an entry of W is not finite (names the token).
    """
    _ = head.largest  # refuses a W that is not finite
    first = head.W[0].double()
    total = torch.zeros_like(first)
    for tile in tiles(head.vocabulary, head.dim):
        total += (head.W[tile].double() - first).sum(0)
    return first + total / head.vocabulary
