"""Polynomials over the rationals in log(n), sqrt(n) and exp(r): arithmetic, normal form, balls.

A polynomial is a dict from monomials to nonzero rational coefficients. A monomial is a triple
    (logs, radicand, exponent)   meaning   log(n)^k * ... * sqrt(radicand) * exp(exponent)
with logs = ((n, k), ...) sorted, n > 1 an integer, k a nonzero integer; radicand >= 1 an integer; exponent a
rational, normally the int 0 where it is zero (an int hashes much faster than the flint rational that it equals).
Products keep the integers as they come; only `normalise` looks for their common factors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from math import gcd
from typing import Any, TypeVar

from flint import arb, ctx, fmpq

from lmlaws.checks.exact.coprime import over_coprime_base

Rational = Any  # flint.fmpq, which has no type stubs
Ball = Any  # flint.arb
Logs = tuple[tuple[int, int], ...]
Monomial = tuple[Logs, int, Rational]
Terms = dict[Monomial, Rational]
T = TypeVar("T")

UNIT: Monomial = ((), 1, 0)
PRECISION_LIMIT = 16384  # bits; the last precision that is tried before an order stays undecided
_FIRST_PRECISION = 64
_MOST_PRODUCTS = 1_000_000
_MOST_BITS = 20_000
_MOST_ROOTS = 8  # the inverse of a sum of roots over k base elements has up to 2^k terms


class Undecided(ArithmeticError):  # noqa: N818 - the name of the verdict
    """The polynomial is not zero, but balls up to the precision limit did not separate its value from zero."""


def constant(c: Rational) -> Terms:
    """The polynomial that is this rational."""
    return {UNIT: c} if c else {}


def add_into(total: Terms, terms: Iterable[tuple[Monomial, Rational]]) -> None:
    """Add terms to a polynomial in place, dropping what cancels."""
    for key, c in terms:
        new = total[key] + c if key in total else c
        if new:
            total[key] = new
        else:
            total.pop(key, None)


def times(x: Terms, y: Terms) -> Terms:
    """The product; OverflowError beyond a million pairs of terms."""
    if len(x) * len(y) > _MOST_PRODUCTS:
        raise OverflowError(f"a product of {len(x)} by {len(y)} terms is beyond the limit of {_MOST_PRODUCTS}")
    result: Terms = {}
    for (logs, s, r), c in x.items():
        for (other, t, q), d in y.items():
            g = gcd(s, t)  # sqrt(s) sqrt(t) = g sqrt((s/g) (t/g))
            key = (_join(logs, other), (s // g) * (t // g), r + q)
            add_into(result, [(key, c * d * g)])
    return result


def _join(x: Logs, y: Logs) -> Logs:
    """The product of two products of powers of logs."""
    if not x or not y:
        return x or y
    powers = dict(x)
    for n, k in y:
        powers[n] = powers.get(n, 0) + k
    return tuple(sorted((n, k) for n, k in powers.items() if k))


def normalise(terms: Terms) -> Terms:
    """The polynomial over a coprime base: logs of base elements, radicands products of distinct base elements.

    Without negative powers of logs this is {} exactly when the polynomial vanishes identically. A negative power of
    log(n) stays whole where n is not a power of one base element; `cleared` removes such powers.
    """
    integers = {n for logs, _, _ in terms for n, _ in logs} | {s for _, s, _ in terms}
    over = over_coprime_base(integers)
    result: Terms = {}
    linear: dict[int, Rational] = {}  # sums of thousands of logs are the common case
    for (logs, s, r), c in terms.items():
        if len(logs) == 1 and logs[0][1] == 1 and s == 1 and not r:
            for b, e in over[logs[0][0]]:
                linear[b] = linear[b] + c * e if b in linear else c * e
            continue
        radicand = 1
        for b, e in over[s]:
            c *= b ** (e // 2)
            radicand *= b ** (e % 2)
        product: Terms = {((), radicand, r): c}
        for n, k in logs:
            product = times(product, _log_power(over[n], n, k))
        add_into(result, product.items())
    add_into(result, (((((b, 1),), 1, 0), c) for b, c in linear.items()))
    return result


def _log_power(factors: tuple[tuple[int, int], ...], n: int, k: int) -> Terms:
    """log(n)^k over the base, n being the product of these powers of base elements."""
    if len(factors) == 1:
        (b, e) = factors[0]
        return {(((b, k),), 1, 0): fmpq(e) ** k}
    if k < 0:
        return {(((n, k),), 1, 0): fmpq(1)}
    linear: Terms = {(((b, 1),), 1, 0): fmpq(e) for b, e in factors}
    result = linear
    for _ in range(k - 1):
        result = times(result, linear)
    return result


def denominators(terms: Terms) -> Terms:
    """The smallest product of powers of logs (a positive number) that clears all negative powers of logs."""
    worst: dict[int, int] = {}
    for logs, _, _ in terms:
        for n, k in logs:
            if k < 0:
                worst[n] = max(worst.get(n, 0), -k)
    return {(tuple(sorted(worst.items())), 1, 0): fmpq(1)}


def cleared(terms: Terms) -> Terms:
    """The normal form of the polynomial times its `denominators`: same sign, {} exactly for the zero polynomial."""
    below = denominators(terms)
    return normalise(terms if UNIT in below else times(terms, below))


def surely_nonzero(normal: Terms) -> bool:
    """Whether a theorem excludes that a nonzero polynomial in normal form has the value zero.

    Baker (1966): 1 and the logs of a coprime base are linearly independent over the algebraic numbers.
    Lindemann and Weierstrass (1885): so are the exps of distinct rationals. Beyond that (products of logs, logs beside
    exps) independence is Schanuel's conjecture, and only a ball that excludes zero settles the question.
    """
    linear = all(not r and sum(k for _, k in logs) <= 1 for logs, _, r in normal)
    return bool(normal) and (linear or all(not logs for logs, _, _ in normal))


def ball(terms: Terms, precision: int) -> Ball:
    """An enclosure of the value, computed with this many bits."""
    with ctx.workprec(precision):
        total = arb(0)
        for (logs, s, r), c in terms.items():
            term = arb(c)
            for n, k in logs:
                term *= arb(n).log() if k == 1 else arb(n).log() ** k
            if s != 1:
                term *= arb(s).sqrt()
            if r:
                term *= arb(r).exp()
            total += term
        return total


def sign(terms: Terms, limit: int = PRECISION_LIMIT) -> int:
    """-1, 0 or 1: zero by the normal form, else by balls at rising precision; Undecided at the limit."""
    if not terms:
        return 0
    if len(terms) == 1:  # a lone monomial has the sign of its coefficient, since n > 1 and radicands >= 1
        return 1 if next(iter(terms.values())) > 0 else -1
    first = _sign_of(ball(terms, _FIRST_PRECISION))
    if first:
        return first
    normal = cleared(terms)
    if not normal:
        return 0
    precision = _FIRST_PRECISION
    while precision <= limit:
        found = _sign_of(ball(normal, precision))
        if found:
            return found
        precision *= 2
    kind = "it is not zero, but its sign" if surely_nonzero(normal) else "whether it is zero"
    raise Undecided(f"{kind} stays open: a form with {len(normal)} terms is smaller than balls of {limit} bits resolve")


def is_zero(terms: Terms, limit: int = PRECISION_LIMIT) -> bool:
    """Whether the value is zero; Undecided only where no theorem and no ball separates it from zero."""
    if len(terms) < 2:
        return not terms
    if _sign_of(ball(terms, _FIRST_PRECISION)):
        return False
    normal = cleared(terms)
    return not normal or (not surely_nonzero(normal) and sign(normal, limit) == 0)


def _sign_of(value: Ball) -> int:
    """1 or -1 when the ball excludes zero, else 0."""
    return 1 if value > 0 else -1 if value < 0 else 0


def rational_value(normal: Terms) -> Rational | None:
    """The value when the polynomial in normal form is a rational constant, else None."""
    if not normal:
        return fmpq(0)
    if len(normal) == 1 and UNIT in normal:
        return normal[UNIT]
    below = denominators(normal)
    if UNIT in below:
        return None
    top, bottom = normalise(times(normal, below)), normalise(below)
    key, d = next(iter(bottom.items()))
    c = top.get(key, fmpq(0)) / d
    return c if top == {k: v * c for k, v in bottom.items() if c} else None


def rounded(terms: Terms, rounding: Callable[[Fraction], T]) -> T:
    """The value under a monotone rounding: the precision rises until both ends of a ball round alike.

    Rationals are rounded as they are. OverflowError when the value lies beyond 2^20000 or within 2^-20000 of zero.
    """
    precision = _FIRST_PRECISION
    while precision <= PRECISION_LIMIT:
        value = ball(terms, precision)
        if _sign_of(value) and value.is_finite():
            mantissa, exponent = (int(x) for x in value.mid().man_exp())
            size = exponent + mantissa.bit_length()
            if abs(size) > _MOST_BITS:
                raise OverflowError(f"the value is about 2^{size}: beyond 2^{_MOST_BITS} or its inverse")
            middle, radius = _dyadic(mantissa, exponent), _dyadic(*(int(x) for x in value.rad().man_exp()))
            low, high = rounding(middle - radius), rounding(middle + radius)
            if low == high:
                return low
        if precision == 2 * _FIRST_PRECISION:  # only now is the normal form worth its price
            terms = normalise(terms)
            rational = rational_value(terms)
            if rational is not None:
                return rounding(Fraction(int(rational.p), int(rational.q)))
        precision *= 2
    raise Undecided(f"balls of {PRECISION_LIMIT} bits do not determine the rounded value of {len(terms)} terms")


def _dyadic(mantissa: int, exponent: int) -> Fraction:
    return Fraction(mantissa << exponent) if exponent >= 0 else Fraction(mantissa, 1 << -exponent)


def inverse(terms: Terms) -> Terms | None:
    """1/x for a nonzero monomial, or a sum of square roots (over at most 8 base elements) times one exp; else None."""
    if len(terms) > 1:
        terms = normalise(terms)
    if len(terms) == 1:
        ((logs, s, r), c) = next(iter(terms.items()))
        return {(tuple((n, -k) for n, k in logs), s, -r): 1 / (c * s)}
    exponent = next(iter(terms))[2]
    if any(logs or r != exponent for logs, _, r in terms):
        return None
    below: Terms = {((), s, 0): c for (_, s, _), c in terms.items()}
    above: Terms = {((), 1, -exponent): fmpq(1)}
    over = over_coprime_base(s for _, s, _ in terms)
    base = sorted({b for factors in over.values() for b, _ in factors})
    if len(base) > _MOST_ROOTS:
        return None
    for b in base:
        conjugate: Terms = {m: -c if m[1] % b == 0 else c for m, c in below.items()}
        above = times(above, conjugate)
        below = normalise(times(below, conjugate))  # free of sqrt(b)
    return times(above, constant(1 / below[UNIT]))
