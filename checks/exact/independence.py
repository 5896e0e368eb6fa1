"""Conditional independence and sufficiency of finite kernels, exactly.

Source of both: Fritz, "A synthetic approach to Markov kernels", Adv. Math. 370 (2020), arXiv:1908.07021, sections 12
and 14.

    >>> from lmlaws.checks.exact.kernels import Kernel, State
    >>> coins = State(["1/2", "1/2"]) @ State(["1/3", "2/3"])
    >>> is_independent(coins, 0, 1), is_independent(coins >> Kernel.copy((2, 2)), 0, 2)
    (True, False)
"""

from __future__ import annotations

from itertools import product
from math import prod

from flint import fmpq_mat

from lmlaws.checks.exact.finite import Keep, fits, positions, show
from lmlaws.checks.exact.kernels import Kernel
from lmlaws.checks.exact.numbers import Rational

__all__ = ["is_independent", "sufficient"]


def is_independent(joint: Kernel, a: Keep, b: Keep, given: Keep = ()) -> bool:
    """Whether the objects a and b of cod are independent given `given`, for each letter of dom by itself.

    For k: A -> X * Y * W and x in the group a, y in b, w in given: k(x, y, w) k(w) = k(x, w) k(y, w), so that a
    condition w without mass asks nothing. Groups hold positions or names; objects in none are summed over. ValueError
    for an object that cod does not have and for one in two groups.
    """
    groups = [positions(group, joint.cod) for group in (a, b, given)]
    together = sum(groups, ())
    if len(set(together)) < len(together):
        raise ValueError(
            f"an object of {show(joint.cod)} is in two of the groups {groups[0]}, {groups[1]}, {groups[2]}"
        )
    xs, ys, ws = (prod(joint.cod[i] for i in group) for group in groups)
    law = joint.marginal((*groups[2], *groups[0], *groups[1]))
    size = xs * ys
    return all(
        _is_product(row[w * size : (w + 1) * size], xs, ys) for row, w in product(law._matrix.tolist(), range(ws))
    )


def _is_product(weights: list[Rational], xs: int, ys: int) -> bool:
    """Whether the table of weights, xs rows of ys, is the product of its margins: of rank at most 1."""
    rank: int = fmpq_mat(xs, ys, weights).rank()
    return rank <= 1


def sufficient(statistic: Kernel, model: Kernel) -> Kernel | None:
    """The kernel T -> X that reconstructs the data from the statistic, whatever the parameter; None if there is none.

    model: A -> X is a law of the data for each parameter, statistic: X -> T. The statistic is sufficient when one
    c: T -> X gives k(x|a) s(t|x) = c(x|t) (k >> s)(t|a) for all a, x and t; c is the posterior of the data under
    the uniform prior on A, and its rows are uniform where no parameter gives t mass. A statistic may be random.
    TypeError when the statistic does not take the model's data.
    """
    if not fits(model.cod, statistic.dom):
        raise TypeError(f"the statistic {statistic.type} does not take the data of the model {model.type}")
    reconstruction = statistic.invert(Kernel.uniform(model.dom) >> model)
    forward, back = statistic._matrix.transpose().tolist(), reconstruction._matrix.tolist()
    for law, outcome in zip(model._matrix.tolist(), (model >> statistic)._matrix.tolist()):
        for mass, likelihoods, posterior in zip(outcome, forward, back):
            if any(p * s != mass * c for p, s, c in zip(law, likelihoods, posterior)):
                return None
    return reconstruction
