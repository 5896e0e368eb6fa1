"""L11 in its own setting: the gradient flow of NLL for a tabular encoder and head from a small start.

With a vector h_x for each context, rows W_w for each token and the bias at log pi, both h and W of size e, the flow is
d/dt (H; W) = [[0, M], [M^T, 0]] (H; W) + O(e^3) with M = diag(mu)(P - 1 pi^T), as in power iteration: the singular
directions of M grow as exp(sigma t), the top ones fastest. With W held fixed H only moves along t M W.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Slope = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class FirstPhase:
    """The flow at some times, in units of 1/sigma_1, as plain data."""

    times: tuple[float, ...]
    share: tuple[float, ...]  # of H W^T in the top pair of singular directions of M
    power_iteration: tuple[float, ...]  # the same share for the linearised flow
    distance: tuple[float, ...]  # |(H, W) - linearised| / |linearised|


def interaction(mu: Tensor, laws: Tensor) -> Tensor:
    """M = diag(mu)(P - 1 pi^T) (C, V) for contexts with law mu (C,) and data laws P (C, V); pi = mu P."""
    return mu[:, None] * (laws - mu @ laws)


def first_phase(
    mu: Tensor, laws: Tensor, times: Sequence[float], *, dim: int = 4, size: float = 1e-3, seed: int = 0,
    frozen: bool = False, step: float = 0.02,
) -> FirstPhase:  # fmt: skip
    """Follow the flow and its linearisation from one start of normal entries times `size`.

    Args:
        mu: the law of the contexts (C,), float64.
        laws: the data's law after each (C, V), float64; every token has positive mean probability.
        times: increasing, in units of 1/sigma_1, sigma_1 the largest singular value of M.
        dim: d, the width of the vectors.
        size: e, of the start.
        seed: of the start.
        frozen: hold W fixed, so that there is no power iteration.
        step: of the Runge-Kutta method of order 4, in the same units.
    """
    m = interaction(mu, laws)
    left, sigma, right = torch.linalg.svd(m, full_matrices=False)
    generator = torch.Generator().manual_seed(seed)
    start = tuple(size * torch.randn(n, dim, generator=generator, dtype=torch.float64) for n in m.shape)
    bias = (mu @ laws).log()

    def slope(h: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        error = mu[:, None] * (laws - torch.softmax(h @ w.T + bias, dim=1))
        return error @ w, torch.zeros_like(w) if frozen else error.T @ h

    def share(h: Tensor, w: Tensor) -> float:
        logits = h @ w.T
        return float((left[:, 0] @ logits @ right[0]).square() / logits.square().sum())

    contexts, tokens = m.shape
    linearised = torch.zeros(contexts + tokens, contexts + tokens, dtype=torch.float64)
    linearised[:contexts, contexts:], linearised[contexts:, :contexts] = m, m.T
    shares, predicted, distances = [], [], []
    (h, w), now = start, 0.0
    for time in times:
        h, w = _integrate(slope, h, w, (time - now) / float(sigma[0]), step / float(sigma[0]))
        now = time
        linear = torch.linalg.matrix_exp(linearised * (time / float(sigma[0]))) @ torch.cat(start)
        shares.append(share(h, w))
        predicted.append(share(linear[:contexts], linear[contexts:]))
        distances.append(float((torch.cat([h, w]) - linear).norm() / linear.norm()))
    return FirstPhase(tuple(times), tuple(shares), tuple(predicted), tuple(distances))


def _integrate(slope: Slope, h: Tensor, w: Tensor, span: float, step: float) -> tuple[Tensor, Tensor]:
    """Runge and Kutta's method of order 4 over a span of time."""
    count = max(1, round(span / step))
    dt = span / count
    for _ in range(count):
        a = slope(h, w)
        b = slope(h + dt / 2 * a[0], w + dt / 2 * a[1])
        c = slope(h + dt / 2 * b[0], w + dt / 2 * b[1])
        d = slope(h + dt * c[0], w + dt * c[1])
        h = h + dt / 6 * (a[0] + 2 * b[0] + 2 * c[0] + d[0])
        w = w + dt / 6 * (a[1] + 2 * b[1] + 2 * c[1] + d[1])
    return h, w
