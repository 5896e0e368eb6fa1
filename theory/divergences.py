"""The divergences, a row each: generator, letter-wise summand, infinite cases, and the laws that each obeys.

An f-divergence is D(P, Q) = sum of Q f(P/Q) over letters, f convex with f(1) = 0. Where P = 0 the summand is Q times
`at_zero` (f(0)), and where Q = 0 it is P times `slope` (the limit of f(u)/u at infinity): so the part of Q outside the
support of P contributes `at_zero` times its mass, and that is how the divergence of a copied output is taken on the
diagonal, without ever building V x V letters. A Renyi divergence is a function, `outer`, of such a sum.

Conventions: 0 log 0 = 0, 0/0 = 0, a/0 infinite. TV is half the L1 norm; hellinger2 is 1 - BC, so that the squared
Hellinger distance that integrates (sqrt p - sqrt q)^2 is twice of it. These are choices, and constants depend on them.
Sources: Liese and Vajda, "On divergences and informations in statistics and information theory" (IEEE IT 52, 2006);
van Erven and Harremoes, "Renyi divergence and Kullback-Leibler divergence" (IEEE IT 60, 2014), for `renyi:ALPHA`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from .expressions import ONE, ZERO, Abs, Const, Expr, Log, Symbol, as_expr, log

P, Q = Symbol("p"), Symbol("q")
U, TOTAL = Symbol("u"), Symbol("s")
HALF = Fraction(1, 2)
INFINITE = -log(0)

PROCESSING = "data processing"
CONVEX = "joint convexity"
STRICT = "strict"
ADDITIVE = "additive"
CHAIN = "chain rule"
LAWS = {
    PROCESSING: "D(p >> k, q >> k) <= D(p, q)",
    CONVEX: "D(s p + (1 - s) p', s q + (1 - s) q') <= s D(p, q) + (1 - s) D(p', q')",
    STRICT: "D(p, q) = 0 only for p = q",
    ADDITIVE: "D(p @ r, q @ s) = D(p, q) + D(r, s)",
    CHAIN: "D(p >> (id, k), q >> (id, h)) = D(p, q) + the average of D(k(x), h(x)) over p",
}
"""The laws that rows may obey, by name. Every row's value on equal laws is 0."""

_F = frozenset({PROCESSING, CONVEX, STRICT})
_LONGEST = 100  # characters of a name in a message
_LARGEST = 1_000  # numerator and denominator of a parameter: a power costs as many digits


@dataclass(frozen=True)
class Divergence:
    """A divergence of two laws: `outer` of the sum over letters of `summand`, and what is known about it.

    `generator` is f in U, convex with f(1) = 0; D is the f-divergence, or an increasing function of it (Renyi); None
    where no expression says f. `summand` is in P and Q (None where D is no function of such a sum), `outer` in TOTAL.
    `at_zero` and `slope` are the summand's values per unit of Q where P = 0 and per unit of P where Q = 0. `maximum`
    is None where D is unbounded; `metric` is the power of D that is a metric; `order` is the parameter.
    """

    name: str
    generator: Expr | None
    summand: Expr | None
    at_zero: Expr
    slope: Expr
    maximum: Expr | None = None
    symmetric: bool = False
    metric: Fraction | None = None
    laws: frozenset[str] = _F
    outer: Expr = TOTAL
    order: Fraction | None = None

    @property
    def domain(self) -> str:
        """Where f is finite: all ratios u = P/Q >= 0, or only u > 0."""
        return "u > 0" if self.at_zero == INFINITE else "u >= 0"

    @property
    def infinite(self) -> tuple[str, ...]:
        """The cases in which D is infinite, in words; none for a bounded divergence."""
        cases = []
        if self.slope == INFINITE:
            cases.append("p has mass where q has none")
        if self.at_zero == INFINITE:
            cases.append("q has mass where p has none")
        return tuple(cases) if cases or self.maximum is not None else ("p and q have no common support",)


_KL = Divergence("KL", U * log(U), P * log(P / Q), ZERO, INFINITE, laws=_F | {ADDITIVE, CHAIN})
_REVERSE = Divergence("reverse_KL", -log(U), Q * log(Q / P), INFINITE, ZERO, laws=_F | {ADDITIVE})


def _bounded(name: str, generator: Expr, summand: Expr, maximum: Expr, metric: Fraction) -> Divergence:
    """A symmetric row; f(0) and the slope are then each half of the maximum."""
    ends = HALF * maximum
    return Divergence(name, generator, summand, ends, ends, maximum, symmetric=True, metric=metric)


DIVERGENCES: dict[str, Divergence] = {
    row.name: row
    for row in (
        _KL,
        _REVERSE,
        _bounded("TV", HALF * Abs(U - 1), HALF * Abs(P - Q), ONE, Fraction(1)),
        Divergence("chi2", U * U - U, P * P / Q - P, ZERO, INFINITE),
        _bounded("hellinger2", HALF * (U + 1) - U**HALF, HALF * (P + Q) - P**HALF * Q**HALF, ONE, HALF),
        _bounded("triangular", HALF * (U - 1) ** 2 / (U + 1), HALF * (P - Q) ** 2 / (P + Q), ONE, HALF),
        _bounded(
            "JS",
            HALF * (U * log(2 * U / (U + 1)) + log(2 / (U + 1))),
            HALF * (P * log(2 * P / (P + Q)) + Q * log(2 * Q / (P + Q))),
            log(2),
            HALF,
        ),
    )
}
"""The divergences without a parameter, by name; `divergence_row` also makes `renyi:ALPHA` and `alpha:ALPHA`."""


@lru_cache(maxsize=1024)
def divergence_row(name: str) -> Divergence:
    """The row of a divergence; the parameter of renyi and alpha is normalised (renyi:0.50 is renyi:1/2).

    Raises ValueError naming the known ones and how a parameter is written.
    """
    if name in DIVERGENCES:
        return DIVERGENCES[name]
    family, colon, text = name.partition(":")
    if family not in ("renyi", "alpha") or not colon:
        raise ValueError(
            f"unknown divergence {_clipped(name)!r}; known are {', '.join(DIVERGENCES)}, renyi:ALPHA with a rational "
            "ALPHA >= 0 or inf, and alpha:ALPHA with any rational, as in renyi:3/2, renyi:inf, alpha:-1"
        )
    if family == "renyi":
        return _renyi_inf() if text == "inf" else _renyi(_parameter(name, text))
    return _alpha(_parameter(name, text))


def _parameter(name: str, text: str) -> Fraction:
    """A rational such as 2, -3, 1/2 or 0.5."""
    written = re.fullmatch(r"-?[0-9]{1,9}(/0*[1-9][0-9]{0,8}|\.[0-9]{1,9})?", text)
    value = Fraction(text) if written else None
    if value is None or max(abs(value.numerator), value.denominator) > _LARGEST:
        raise ValueError(
            f"the parameter of {_clipped(name)!r} is not a rational number with numerator and denominator up to "
            f"{_LARGEST}, written as 2, 1/2 or 0.5"
        )
    return value


def _clipped(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."


def _renyi(a: Fraction) -> Divergence:
    """log(sum of P^a Q^(1-a)) / (a - 1) and its limit KL; at order 0, -log Q(supp P)."""
    name = f"renyi:{a}"
    if a < 0:
        raise ValueError(f"{name}: the order of a Renyi divergence is at least 0, or inf")
    if a == 1:
        return replace(_KL, name=name, order=a)
    if a == 0:
        return Divergence(name, None, None, ZERO, ZERO, laws=frozenset({PROCESSING, CONVEX, ADDITIVE}), order=a)
    below = a < 1
    return Divergence(
        name,
        1 - U**a if below else U**a - 1,
        P**a * Q ** (1 - a),
        at_zero=ZERO,
        slope=ZERO if below else INFINITE,
        symmetric=a == HALF,
        laws=_F | {ADDITIVE} if below else frozenset({PROCESSING, STRICT, ADDITIVE}),
        outer=Log(TOTAL) / (a - 1),
        order=a,
    )


def _renyi_inf() -> Divergence:
    """log of the largest ratio P/Q."""
    laws = frozenset({PROCESSING, STRICT, ADDITIVE})
    return Divergence("renyi:inf", None, None, ZERO, INFINITE, laws=laws)


def _alpha(a: Fraction) -> Divergence:
    """f(u) = (u^a - a (u - 1) - 1) / (a (a - 1)) and its limits KL (order 1) and reverse KL (order 0)."""
    name = f"alpha:{a}"
    if a in (0, 1):
        return replace(_KL if a else _REVERSE, name=name, order=a)
    scale = 1 / (a * (a - 1))
    bounded = 0 < a < 1
    return Divergence(
        name,
        scale * (U**a - a * (U - 1) - 1),
        scale * (P**a * Q ** (1 - a) - a * P - (1 - a) * Q),
        at_zero=as_expr(1 / a) if a > 0 else INFINITE,
        slope=as_expr(1 / (1 - a)) if a < 1 else INFINITE,
        maximum=Const(-scale) if bounded else None,
        symmetric=a == HALF,
        metric=HALF if a == HALF else None,
        order=a,
    )
