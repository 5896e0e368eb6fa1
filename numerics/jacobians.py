"""The pullback metric of any differentiable head, by Jacobian-vector products: g*(u, v) = Cov_p(Dz u, Dz v).

The V x d Jacobian is never built, only TILE / V of its products at a time. Everything runs in the type of h (float64 is
advised). The rounding of an arbitrary function has no bound here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lmlaws.numerics.metric import require_finite, tiles

Logits = Callable[[Tensor], Tensor]
"""A head as a differentiable function from one hidden state (d,) to logits (V,)."""


def jacobian_metric(logits: Logits, h: Tensor) -> Tensor:
    """g* (d, d) at h (d,) of any differentiable head, by Jacobian-vector products, in the type of h.

    Blocks of unit vectors u go through g* u = J^T (diag p - p p^T) J u: one forward and one backward product each;
    the V x d Jacobian is never built, only V x (TILE / V) pieces of it. The rounding of an arbitrary function has no
    bound here; half the asymmetry, which is removed, shows its size.

    Raises:
        ValueError: h or a logit is not finite (names it).
    """
    (dim,) = h.shape
    law = _law(logits(h))
    backward = torch.func.vjp(logits, h)[1]
    columns = []
    for block in tiles(dim, len(law)):
        along = _derivatives(logits, h, torch.eye(dim, dtype=h.dtype, device=h.device)[block])
        weighted = law * (along - (along @ law)[:, None])
        columns.append(torch.func.vmap(lambda row: backward(row)[0])(weighted))
    metric = torch.cat(columns).detach()
    require_finite(metric=metric)
    return (metric + metric.T) / 2


def quadratic(logits: Logits, h: Tensor, directions: Tensor) -> Tensor:
    """g*(u, u) at h (d,) for the rows u of `directions` (k, d) and any differentiable head: the variance of Dz u, (k,).

    Forward products only, TILE / V directions at a time.

    Raises:
        ValueError: h or a logit is not finite (names it).
    """
    law = _law(logits(h))
    values = []
    for block in tiles(len(directions), len(law)):
        along = _derivatives(logits, h, directions[block])
        values.append((along - (along @ law)[:, None]).square() @ law)
    return torch.cat(values).detach()


def _law(logits: Tensor) -> Tensor:
    require_finite(logits=logits)
    return logits.detach().softmax(-1)


def _derivatives(logits: Logits, h: Tensor, directions: Tensor) -> Tensor:
    """Dz u (k, V) for the rows u of directions (k, d)."""
    along: Tensor = torch.func.vmap(lambda u: torch.func.jvp(logits, (h,), (u,))[1])(directions)
    return along.detach()
