"""Exact real numbers of information theory: `Exact`, with decided equality and order, and no tolerance.

An `Exact` is a polynomial over the rationals in logs and roots of integers, exps of rationals, and logs, powers, exps
and acos of such polynomials; or an infinity. Zero is decided on a normal form (see `forms`) and by separation bounds,
order by balls at rising precision (see `order`); what none of them settles raises `Undecided`. No float ever enters.

    >>> log(12) == 2 * log(2) + log(3)
    True
    >>> entropy = log_sum([("-1/2", "1/2"), ("-1/3", "1/3"), ("-1/6", "1/6")])
    >>> print(entropy, float(entropy))
    2/3*log(2) + 1/2*log(3) 1.0114042647073518
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from lmlaws.checks.exact import forms
from lmlaws.checks.exact.forms import NO_ROOT, Rational
from lmlaws.checks.exact.order import PRECISION_LIMIT, Undecided
from lmlaws.checks.exact.real import INF, Exact, to_fmpq

__all__ = [
    "INF",
    "PRECISION_LIMIT",
    "Exact",
    "Rational",
    "Undecided",
    "acos",
    "exp",
    "log",
    "log_sum",
    "ratio",
    "sqrt",
    "to_fmpq",
    "weighted",
]


def log(x: Any) -> Exact:
    """The natural logarithm; log(0) = -inf; ValueError for a negative number."""
    number = Exact.of(x)
    sign = number.sign()
    if sign < 0:
        raise ValueError(f"the logarithm of the negative number {number}")
    if not sign or not number.is_finite():
        return INF if sign else -INF
    return Exact(forms.logarithm(number._terms if len(number._terms) == 1 else number._normal_form()))


def sqrt(x: Any) -> Exact:
    """The square root; ValueError for a negative number."""
    return Exact.of(x) ** Fraction(1, 2)


def exp(x: Any) -> Exact:
    """The exponential function; exp(inf) = inf, exp(-inf) = 0."""
    number = Exact.of(x)
    if not number.is_finite():
        return INF if number > 0 else Exact({})
    return Exact(forms.exponential(number._normal_form()))


def acos(x: Any) -> Exact:
    """The angle in [0, pi], in radians, whose cosine is x; acos(0) is pi/2. ValueError outside [-1, 1]."""
    number = Exact.of(x)
    if not -1 <= number <= 1:
        raise ValueError(f"acos of {number}, which is not in [-1, 1]")
    right = Exact(forms.power_of_atom(forms.Atom("acos", {})))
    if number < 0:
        return 2 * right - acos(-number)
    if number == 1:
        return Exact({})
    for cosine, share in (("0", 1), ("1/2", "2/3"), ("sqrt(2)/2", "1/2"), ("sqrt(3)/2", "1/3")):
        if number == Exact.parse(cosine):
            return Exact.of(share) * right
    return Exact(forms.power_of_atom(forms.Atom("acos", number._normal_form())))


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
    return Exact({(((int(n), 1),), NO_ROOT, 0): c for n, c in total.items() if c and n != 1})
