"""Exact real numbers of information theory: `Exact`, with decided equality and order, and no tolerance.

An `Exact` is a polynomial over the rationals in log(n) and sqrt(n) for integers n and exp(r) for rationals r, or an
infinity. Zero is decided on a normal form (see `forms`), order by balls at rising precision (Arb); what neither
settles raises `Undecided`. No float ever enters.

    >>> log(12) == 2 * log(2) + log(3)
    True
    >>> entropy = log_sum([("-1/2", "1/2"), ("-1/3", "1/3"), ("-1/6", "1/6")])
    >>> print(entropy, float(entropy))
    2/3*log(2) + 1/2*log(3) 1.0114042647073518
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flint import fmpq

from lmlaws.checks.exact import forms
from lmlaws.checks.exact.forms import PRECISION_LIMIT, Rational, Undecided
from lmlaws.checks.exact.real import INF, Exact, root, to_fmpq

__all__ = [
    "INF",
    "PRECISION_LIMIT",
    "Exact",
    "Rational",
    "Undecided",
    "exp",
    "log",
    "log_sum",
    "ratio",
    "sqrt",
    "to_fmpq",
    "weighted",
]


def log(x: Any) -> Exact:
    """The natural logarithm of a rational * sqrt * exp; log(0) = -inf; ValueError for negative numbers and for sums."""
    number = Exact.of(x)
    if not number.is_finite():
        if number < 0:
            raise ValueError("the logarithm of the negative number -inf")
        return number
    c, s, r = number._monomial("the logarithm")
    if not c:
        return -INF
    factors = [(int(c.p), fmpq(1)), (int(c.q), fmpq(-1)), (s, fmpq(1, 2))]
    terms = forms.constant(fmpq(r))
    forms.add_into(terms, (((((n, 1),), 1, 0), k) for n, k in factors if n > 1))
    return Exact(terms)


def sqrt(x: Any) -> Exact:
    """The square root of a nonnegative rational * exp; ValueError for anything else."""
    return root(Exact.of(x), 2)


def exp(x: Any) -> Exact:
    """exp of a rational plus integer or half-integer multiples of logs; ValueError for anything else."""
    number = Exact.of(x)
    if not number.is_finite():
        return INF if number > 0 else Exact({})
    result = Exact.of(1)
    for (logs, s, r), c in number._normal_form().items():
        if s == 1 and not r and not logs:
            result = result * Exact({((), 1, c): fmpq(1)})
        elif s == 1 and not r and len(logs) == 1 and logs[0][1] == 1 and c.q <= 2:
            result = result * Exact.of(logs[0][0]) ** c
        else:
            raise ValueError(f"exp of {number} is not exact here: only of rationals and half-integer multiples of logs")
    return result


def weighted(weight: Any, value: Any) -> Exact:
    """weight * value with the convention of information theory: 0 when the weight is exactly 0, also for infinity."""
    factor = Exact.of(weight)
    return factor if factor == 0 else factor * Exact.of(value)


def ratio(a: Any, b: Any) -> Exact:
    """a/b for a, b >= 0 with the conventions 0/0 = 0 and a/0 = inf for a > 0; ValueError for negative numbers."""
    above, below = Exact.of(a), Exact.of(b)
    for x in (above, below):
        if x < 0:
            raise ValueError(f"ratio({above}, {below}): the conventions are for nonnegative numbers, not for {x}")
    if above == 0:
        return above
    return INF if below == 0 else above / below


def log_sum(pairs: Iterable[tuple[Any, Any]]) -> Exact:
    """The sum of c * log(r) over pairs of rationals (c, r), r >= 0, with 0 log 0 = 0; linear in the number of pairs.

    The Shannon entropy of a law p is log_sum((-x, x) for x in p), in nats. A pair with r = 0 and c not 0 contributes an
    infinity; ValueError for r < 0, ArithmeticError for infinities of both signs.
    """
    total: dict[Any, Any] = {}  # integers to coefficients
    infinite = 0
    for c, r in pairs:
        c, r = to_fmpq(c), to_fmpq(r)
        if r <= 0:
            if r < 0:
                raise ValueError(f"the logarithm of the negative number {r}")
            direction = 0 if not c else -1 if c > 0 else 1
            if direction * infinite < 0:
                raise ArithmeticError("the sum contains both inf and -inf")
            infinite = infinite or direction
            continue
        top, bottom = r.p, r.q
        total[top] = total[top] + c if top in total else c
        total[bottom] = total[bottom] - c if bottom in total else -c
    if infinite:
        return Exact({}, infinite)
    return Exact({(((int(n), 1),), 1, 0): c for n, c in total.items() if c and n != 1})
