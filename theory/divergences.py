"""The divergences, a row each: the letter-wise summand, and what it is worth where the first law has no mass.

D(P, Q) is the sum over letters of `summand` with p = P(x), q = Q(x). Where p = 0 the summand is q times
`at_zero` (the generator's value f(0)), so the part of Q outside the support of P contributes `at_zero` times its
mass; that is how the divergence of a copied output is taken on the diagonal, without ever building V x V letters.

Conventions: 0 log 0 = 0, 0/0 = 0, a/0 infinite. TV is half the L1 norm; hellinger2 is 1 - BC, so that the squared
Hellinger distance that integrates (sqrt p - sqrt q)^2 is twice of it. These are choices, and constants depend on them.
Source: Liese and Vajda, "On divergences and informations in statistics and information theory" (IEEE IT 52, 2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .expressions import ZERO, Abs, Expr, Symbol, as_expr, log

P, Q = Symbol("p"), Symbol("q")
HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Divergence:
    """An f-divergence as a sum over letters of `summand` in P and Q; `at_zero` is f(0)."""

    name: str
    summand: Expr
    at_zero: Expr


DIVERGENCES: dict[str, Divergence] = {
    row.name: row
    for row in (
        Divergence("KL", P * log(P / Q), ZERO),
        Divergence("reverse_KL", Q * log(Q / P), -log(0)),
        Divergence("TV", HALF * Abs(P - Q), as_expr(HALF)),
        Divergence("chi2", P * P / Q - P, ZERO),
        Divergence("hellinger2", HALF * (P + Q) - P**HALF * Q**HALF, as_expr(HALF)),
        Divergence("triangular", HALF * (P - Q) ** 2 / (P + Q), as_expr(HALF)),
        Divergence(
            "JS",
            HALF * (P * log(2 * P / (P + Q)) + Q * log(2 * Q / (P + Q))),
            HALF * log(2),
        ),
    )
}
"""The divergences by name. TV, hellinger2 and JS lie in [0, 1], [0, 1] and [0, log 2]."""


def divergence_row(name: str) -> Divergence:
    """The row of a divergence. Raises ValueError naming the known ones."""
    if name not in DIVERGENCES:
        raise ValueError(f"unknown divergence {name!r}; known are {', '.join(DIVERGENCES)}")
    return DIVERGENCES[name]
