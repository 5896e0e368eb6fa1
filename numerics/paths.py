"""Path integrals of the pullback metric along the straight line between two hidden states, against what they bound.

With h(t) = h0 + t u, u = h1 - h0, the energy is the integral over [0, 1] of g*(u, u) at h(t). For a linear head it is
Jeffreys' divergence J(p_1, p_0) exactly (claim G6), and for every head at least the squared Fisher-Rao distance
4 arccos^2 BC(p_0, p_1) (claim G7). Everything is float64, in nats.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil, cos, inf, pi, sqrt
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lmlaws.numerics.jacobians import Logits, quadratic
from lmlaws.numerics.metric import gamma, law_error, require_finite, tiles
from lmlaws.numerics.tiles import MASKED, LinearHead

NODES = 16
"""Gauss-Legendre nodes in a panel."""


class Within(NamedTuple):
    """A number and a bound on its absolute error."""

    value: float
    error: float


@dataclass(frozen=True)
class Path:
    """The energy of the straight line, Jeffreys' divergence of its ends, and their squared Fisher-Rao distance (nats).

    For a linear head every error is a proved bound, quadrature included. For another head `proved` is False: the error
    of the energy is the difference of two orders of quadrature, an estimate, and the rounding of the head's own
    function is in no error.
    """

    energy: Within
    jeffreys: Within
    fisher_rao: Within
    proved: bool

    @property
    def gap(self) -> float:
        """|energy - J|: 0 up to both errors for a linear head (G6)."""
        return abs(self.energy.value - self.jeffreys.value)


def path_integral(head: LinearHead, h0: Tensor, h1: Tensor, steps: int | None = None) -> Path:
    """The energy of the straight line from h0 to h1 (d,) for a linear head.

    Logits along the line are z0 + t s with s = W u, so a node costs V. On a panel of length w the integrand Var(s) is
    analytic; at t + iy, with R the range of s and |y| R < pi, it is at most R^2 / (2 cos^2(y R / 2)), because
    |E exp(iys)| >= cos(y R / 2). Gauss quadrature with n nodes then errs, on the ellipse with semi-axes of sum r that
    reaches to y = w (r - 1/r) / 4, by at most w/2 (64/15) M / (r^(2n-2) (1 - r^-2)), M that maximum (Trefethen,
    "Approximation Theory and Approximation Practice", theorem 19.3).

    Args:
        head: W (V, d) and b.
        h0: where the line begins (d,).
        h1: where it ends (d,).
        steps: panels of 16 nodes; None takes R / 2, for a quadrature error below rounding.

    Raises:
        ValueError: shapes, entries that are not finite, steps below 1.
    """
    base, along, s_error, relative = _line(head, h0, h1)
    possible = base > MASKED
    base, along = base[possible], along[possible]
    reach = float(along.max() - along.min()) + 2 * s_error
    panels = max(1, ceil(reach / 2)) if steps is None else steps
    if panels < 1:
        raise ValueError(f"steps = {steps}: at least one panel is needed")
    energy = 0.0
    for t, weight in _nodes(panels, NODES):
        energy += weight * _variance(base + t * along, along)
    summed = relative + gamma(2 * NODES * panels + 16)
    rounding = summed * energy + 2 * sqrt(energy) * s_error + s_error**2
    error = rounding + _quadrature(reach, panels)
    return Path(Within(energy, error), *_ends(base, base + along, relative), proved=True)


def path_integral_of(logits: Logits, h0: Tensor, h1: Tensor, steps: int = 8) -> Path:
    """The energy of the straight line from h0 to h1 (d,) for any differentiable head, by forward products only.

    Args:
        logits: the head, from one hidden state (d,) to logits (V,).
        h0: where the line begins (d,), in float64 for the errors to mean something.
        h1: where it ends (d,).
        steps: panels; in each 16 nodes give the value and 8 the estimate of its error.

    Raises:
        ValueError: shapes, an entry or a logit that is not finite, steps below 1.
    """
    _check_ends(h0, h1, h0.numel())
    if steps < 1:
        raise ValueError(f"steps = {steps}: at least one panel is needed")
    u = (h1 - h0)[None]
    fine, coarse = (
        sum(weight * float(quadratic(logits, h0 + t * u[0], u)) for t, weight in _nodes(steps, n))
        for n in (NODES, NODES // 2)
    )
    with torch.no_grad():
        ends = logits(h0).double(), logits(h1).double()
    rounding = gamma(len(ends[0]) + 2 * NODES * steps + 16)
    return Path(Within(fine, abs(fine - coarse) + rounding * fine), *_ends(*ends, rounding), proved=False)


def _check_ends(h0: Tensor, h1: Tensor, dim: int) -> None:
    if h0.shape != (dim,) or h1.shape != (dim,):
        raise ValueError(
            f"h0 and h1 have shapes {tuple(h0.shape)} and {tuple(h1.shape)}: give two hidden states ({dim},)"
        )
    require_finite(h0=h0, h1=h1)


def _line(head: LinearHead, h0: Tensor, h1: Tensor) -> tuple[Tensor, Tensor, float, float]:
    """Logits at h0 and their change W (h1 - h0), both (V,); the error of the latter, and that of laws between."""
    _check_ends(h0, h1, head.dim)
    norm, bias = head.largest
    ends = torch.stack([h0.double(), h1.double() - h0.double()])
    z = ends.new_empty(2, head.vocabulary)
    for tile in tiles(head.vocabulary, head.dim):
        z[:, tile] = ends @ head.W[tile].double().T
    if head.b is not None:
        z[0] = (z[0] + head.b).clamp_min(2 * MASKED)
    lengths = ends.norm(dim=1)
    relative = law_error(head, 2 * (norm * float(lengths.sum()) + bias))  # twice: z0 + t s and t are rounded too
    return z[0], z[1], gamma(head.dim + 4) * norm * float(lengths[1]), relative


@cache
def _gauss(count: int) -> tuple[tuple[float, float], ...]:
    """Nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return tuple(zip(((nodes + 1) / 2).tolist(), (weights / 2).tolist()))


def _nodes(panels: int, count: int) -> list[tuple[float, float]]:
    return [((i + t) / panels, weight / panels) for i in range(panels) for t, weight in _gauss(count)]


def _variance(logits: Tensor, along: Tensor) -> float:
    law = logits.softmax(0)
    return float(law @ (along - law @ along).square())


def _quadrature(reach: float, panels: int) -> float:
    """The bound of `path_integral`'s docstring, the smallest over a grid of ellipses."""
    if reach == 0:
        return 0.0
    best = inf
    for k in range(1, 64):
        height = k / 64 * pi / reach  # of the strip in t
        x = 2 * height * panels
        r = x + sqrt(x * x + 1)  # r - 1/r = 4 height / w
        most = reach**2 / (2 * cos(height * reach / 2) ** 2)
        best = min(best, 32 / 15 * most / (r ** (2 * NODES - 2) * (1 - r**-2)))
    return best


def _ends(z0: Tensor, z1: Tensor, relative: float) -> tuple[Within, Within]:
    """J and 4 arccos^2 BC of two laws given by logits whose probabilities carry a relative error.

    arccos BC = 2 arcsin(|sqrt p - sqrt q| / 2), which keeps its digits where the laws are near.
    """
    logs = torch.stack([z0, z1]).log_softmax(1)
    p, q = logs.exp()
    change = logs[1] - logs[0]
    jeffreys = float((q - p) @ change)
    # each probability is off by r p and each logarithm by r: the terms by r (p + q)(|change| + 2)
    off = relative * float((p + q) @ (change.abs() + 2))
    angle = 4 * torch.asin(((logs[0] / 2).exp() - (logs[1] / 2).exp()).norm() / 2)
    # d arcsin(x/2) <= dx / sqrt 2 for x <= sqrt 2, and the norm is off by at most r
    return Within(jeffreys, off), Within(float(angle) ** 2, 2 * float(angle) * 4 * relative + (4 * relative) ** 2)
