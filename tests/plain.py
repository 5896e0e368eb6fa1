"""The plain twin of numerics/: every quantity from the whole matrix of laws, materialised in float64."""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor


def logits(W: Tensor, b: Tensor | None, h: Tensor) -> Tensor:
    """W h + b, (n, V)."""
    z = h.double() @ W.double().T
    return z if b is None else z + b.double()


def law(W: Tensor, b: Tensor | None, h: Tensor) -> Tensor:
    """The output laws, (n, V)."""
    return logits(W, b, h).softmax(1)


def log_partition(W: Tensor, b: Tensor | None, h: Tensor) -> Tensor:
    """A(h), (n,)."""
    return logits(W, b, h).logsumexp(1)


def nll(W: Tensor, b: Tensor | None, h: Tensor, targets: Tensor) -> Tensor:
    """-log p(target), (n,)."""
    return -logits(W, b, h).log_softmax(1).gather(1, targets[:, None])[:, 0]


def correct(W: Tensor, b: Tensor | None, h: Tensor, targets: Tensor) -> Tensor:
    """Whether no token has a larger logit than the target, (n,)."""
    z = logits(W, b, h)
    return z.gather(1, targets[:, None])[:, 0] >= z.amax(1)


def entropy(p: Tensor) -> Tensor:
    """-sum p log p, (n,)."""
    total: Tensor = torch.special.entr(p).sum(1)
    return total


def power_sum(p: Tensor, order: float) -> Tensor:
    """The sum of p^order, (n,); order > 0."""
    total: Tensor = p.pow(order).sum(1)
    return total


def renyi(p: Tensor, order: float) -> Tensor:
    """Renyi's entropy, (n,)."""
    if order == 1:
        return entropy(p)
    if order == inf:
        return -p.amax(1).log()
    return power_sum(p, order).log() / (1 - order)


def moment(W: Tensor, p: Tensor) -> Tensor:
    """E_p g, (n, d)."""
    return p @ W.double()


def metric(W: Tensor, p: Tensor) -> Tensor:
    """g* = E_p g g^T - m m^T at each position, (n, d, d)."""
    g, m = W.double(), moment(W, p)
    return torch.einsum("nv,vi,vj->nij", p, g, g) - torch.einsum("ni,nj->nij", m, m)


def trace(W: Tensor, p: Tensor) -> Tensor:
    """tr g*, (n,)."""
    distances = (W.double()[None] - moment(W, p)[:, None]).square().sum(2)
    return (p * distances).sum(1)


def overlap(p: Tensor, q: Tensor) -> Tensor:
    """sum min(p, q), (n,)."""
    return torch.minimum(p, q).sum(1)


def mean_outer(x: Tensor) -> Tensor:
    """The mean of x x^T over rows, (d, d)."""
    return x.double().T @ x.double() / len(x)
