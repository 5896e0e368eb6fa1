"""What holds of the pullback metric on every head, checked on a model's: G5, G8 and G9 with their slack and rounding.

Each function returns both sides and a bound on the rounding error; a claim is violated only where it fails by more than
that bound. Everything is float64, in tiles over the vocabulary. Units: nats per squared unit of h.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lmlaws.numerics.metric import HeadRank, gamma, mean_row, moments, require_finite, tiles
from lmlaws.numerics.tiles import LinearHead


@dataclass(frozen=True)
class NullSpace:
    """G5 on a model: g*(v, v) = 0 exactly on the directions v for which Wv is constant over the tokens.

    `largest_on` is the largest g*(v, v) over unit v on which CW vanishes (0.0 if there is none), `smallest_off` the
    smallest over unit v orthogonal to those (inf if there is none); both are within `error`.
    """

    dimension: int
    largest_on: float
    smallest_off: float
    error: float


def null_space(metric: Tensor, rank: HeadRank, error: float) -> NullSpace:
    """Compare the kernel of a metric (d, d) with the null directions of CW.

    Args:
        metric: g* at some h, or E g*.
        rank: of the same head; null directions are those up to its threshold, on which g*(v, v) <= threshold^2 / 4.
        error: a bound on the metric's error.
    """
    size = len(metric)
    solver = 8 * gamma(size) * float(torch.linalg.matrix_norm(metric))
    on, off = rank.directions[rank.rank :], rank.directions[: rank.rank]
    return NullSpace(
        size - rank.rank,
        float(torch.linalg.eigvalsh(on @ metric @ on.T)[-1]) if len(on) else 0.0,
        float(torch.linalg.eigvalsh(off @ metric @ off.T)[0]) if len(off) else torch.inf,
        error + solver + rank.threshold**2 / 4,
    )


def centred_gram(head: LinearHead, *, bias: bool = False) -> Tensor:
    """W^T C W (d, d), float64, in tiles; with `bias`, of W with the column b appended (d + 1, d + 1).

    The relative error in the trace is at most gamma_(V+8).

    Raises:
        ValueError: an entry of W or b is not finite (names it).
    """
    dim = head.W.shape[1] + bias
    centre = mean_row(head)
    level = 0.0 if head.b is None or not bias else float(head.b.double().mean())
    gram, total = centre.new_zeros(dim, dim), centre.new_zeros(dim)
    for tile in tiles(head.vocabulary, dim):
        rows = centre.new_zeros(tile.stop - tile.start, dim)
        rows[:, : len(centre)] = head.W[tile].double() - centre
        if bias and head.b is not None:
            rows[:, -1] = head.b[tile].double() - level
        gram += rows.T @ rows
        total += rows.sum(0)
    return gram - torch.outer(total, total) / head.vocabulary  # what the rounding of the mean had left


@dataclass(frozen=True)
class Boehning:
    """G8 on a model: B = W^T C W / 2 dominates g*: the smallest eigenvalue of B - g*, and tr B / tr g*."""

    smallest: float
    trace_ratio: float
    error: float


def boehning(head: LinearHead, metric: Tensor, error: float) -> Boehning:
    """Compare a metric (d, d) of a linear head with Boehning's matrix (1992), its bound at every h at once.

    Args:
        head: W and b.
        metric: g* at some h, or E g*.
        error: a bound on the metric's error.
    """
    bound = centred_gram(head) / 2
    trace, above = float(metric.trace()), float(bound.trace())
    return Boehning(
        float(torch.linalg.eigvalsh(bound - metric)[0]),
        above / trace if trace > 0 else torch.inf,
        error + (gamma(head.vocabulary + 8) + 8 * gamma(len(metric))) * above,
    )


def popoviciu(head: LinearHead, metric: Tensor, directions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """g*(v, v) and (range of Wv)^2 / 4, which bounds it (G8, Popoviciu 1935), for the rows v of directions (k, d).

    Returns:
        three tensors (k,), float64: both sides, and a bound on the rounding of their difference (the error of the
        metric comes on top, times |v|^2).

    Raises:
        ValueError: an entry of `directions` or of W is not finite.
    """
    require_finite(directions=directions)
    v, (norm, _) = directions.double(), head.largest
    most, least = v.new_full((len(v),), -torch.inf), v.new_full((len(v),), torch.inf)
    for tile in tiles(head.vocabulary, max(v.shape)):
        along = head.W[tile].double() @ v.T
        most, least = torch.maximum(most, along.amax(0)), torch.minimum(least, along.amin(0))
    size = v.square().sum(1) * (norm**2 + float(torch.linalg.matrix_norm(metric)))
    return torch.linalg.vecdot(v @ metric, v), (most - least).square() / 4, 4 * gamma(2 * head.dim + 4) * size


@dataclass(frozen=True)
class Merging:
    """G9 at one token: merging tokens into classes can only shrink g*.

    `full` and `merged` are the traces of both metrics, `smallest` and `largest` the extreme eigenvalues of their
    difference: the claim is smallest >= -error, and the merge is sufficient exactly where the largest is 0.
    """

    full: float
    merged: float
    smallest: float
    largest: float
    error: float


def merging(head: LinearHead, h: Tensor, classes: Tensor) -> Merging:
    """Compare g* at h (d,) with the metric of the law of the token's class, for a map of tokens to classes (V,).

    The merged metric is the sum over the classes c of P_c (m_c - m)(m_c - m)^T, m_c = E[W | c]. The tokens are taken
    in the order of their classes, so that a tile holds whole classes but for the two at its ends: the number of
    classes costs no memory.

    Raises:
        ValueError: `classes` is not (V,) of integers, or an entry of h or W is not finite.
    """
    if classes.shape != (head.vocabulary,) or classes.is_floating_point():
        given = f"{classes.dtype} {tuple(classes.shape)}"
        raise ValueError(f"classes are {given}: give an integer for each of {head.vocabulary} tokens")
    law, mean, square, relative = moments(head, h)
    order = classes.argsort(stable=True)
    dim = len(mean)
    full, merged = mean.new_zeros(dim, dim), mean.new_zeros(dim, dim)
    last, mass, moment = None, mean.new_zeros(1), mean.new_zeros(1, dim)  # of the class that the tile before left open
    for tile in tiles(len(law), dim):
        own = order[tile]
        rows, weights = head.W[own].double() - head.centre - mean, law[own]
        scaled = rows * weights.sqrt()[:, None]
        full += scaled.T @ scaled
        names, place = torch.unique_consecutive(classes[own], return_inverse=True)
        masses = mean.new_zeros(len(names)).index_add(0, place, weights)
        sums = mean.new_zeros(len(names), dim).index_add(0, place, weights[:, None] * rows)
        if last is not None and int(names[0]) == last:
            masses[0] += mass[0]
            sums[0] += moment[0]
        else:
            merged += _outer(mass, moment)
        merged += _outer(masses[:-1], sums[:-1])
        last, mass, moment = int(names[-1]), masses[-1:], sums[-1:]
    merged += _outer(mass, moment)
    values = torch.linalg.eigvalsh(full - merged)
    error = (2 * relative + 16 * gamma(len(law) + 8) + 8 * gamma(dim)) * square
    return Merging(float(full.trace()), float(merged.trace()), float(values[0]), float(values[-1]), error)


def _outer(masses: Tensor, sums: Tensor) -> Tensor:
    """The sum over classes of S S^T / P; a class whose probability is 0 in float64 weighs nothing."""
    scaled = sums * torch.where(masses > 0, masses.rsqrt(), 0)[:, None]
    return scaled.T @ scaled
