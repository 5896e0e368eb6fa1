"""The value of a polynomial (see `forms`): balls, sign, zero, rounding. Nothing here is approximate in what it decides.

Order comes from Arb's balls at rising precision. Zero comes, in this order, from the normal form; from theorems that
exclude it (`surely_nonzero`); and from a bound below which only zero lies (`separation`). What none of them settles
raises `Undecided`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from math import ceil, lcm
from typing import Any, TypeVar

from flint import arb, ctx, fmpq

from lmlaws.checks.exact.coprime import over_coprime_base
from lmlaws.checks.exact.forms import (
    NO_ROOT,
    UNIT,
    Atom,
    Power,
    Terms,
    add_into,
    cleared,
    constant,
    normalise,
    rational_value,
)

Ball = Any  # flint.arb
T = TypeVar("T")

PRECISION_LIMIT = 16384  # bits; the last precision that is tried before an order stays undecided
FIRST_PRECISION = 128  # 64 bits do not round a sum of ten thousand logs
_MOST_BITS = 20_000
_MOST_SEPARATION = 200_000  # bits; beyond it a bound is too small to be reached


class Undecided(ArithmeticError):  # noqa: N818 - the name of the verdict
    """Neither the normal form nor theorems nor balls up to the precision limit settle a sign."""


# balls


def ball(terms: Terms, precision: int) -> Ball:
    """An enclosure of the value, computed with this many bits."""
    with ctx.workprec(precision):
        return _ball(terms, precision)


def _ball(terms: Terms, precision: int) -> Ball:
    total = arb(0)
    for (factors, (s, k), r), c in terms.items():
        if k == 1 and not r and len(factors) == 1 and type(factors[0][0]) is int and factors[0][1] == 1:
            total += arb(factors[0][0]).log() * c  # sums of thousands of logs are the common case
            continue
        term = arb(c)
        for n, e in factors:
            value = arb(n).log() if isinstance(n, int) else _atom_ball(n, precision)
            term *= value if e == 1 else _to_power(value, e)
        if k != 1:
            term *= arb(s).sqrt() if k == 2 else arb(s).root(k)
        if r:
            term *= arb(r).exp()
        total += term
    return total


@lru_cache(maxsize=512)
def _atom_ball(atom: Atom, precision: int) -> Ball:
    value = _ball(atom.of, precision)
    return value if atom.kind == "sum" else getattr(value, atom.kind)()


def _to_power(value: Ball, e: Power) -> Ball:
    if isinstance(e, int):
        return value**e
    root = value.sqrt() if e.denominator == 2 else value.root(e.denominator)
    return root**e.numerator


def _sign_of(value: Ball) -> int:
    """1 or -1 when the ball excludes zero, else 0 (also for a ball that is not a number)."""
    return 1 if value > 0 else -1 if value < 0 else 0


# zero and sign


def sign(terms: Terms, limit: int = PRECISION_LIMIT, first: Ball | None = None) -> int:
    """-1, 0 or 1; Undecided when nothing here settles it with balls of `limit` bits. `first` is a known ball."""
    if not terms:
        return 0
    if len(terms) == 1:  # logs of integers > 1, roots, exps and most atoms are positive
        ((factors, _, _), c) = next(iter(terms.items()))
        if not any(isinstance(n, Atom) and n.kind == "log" for n, _ in factors):
            return 1 if c > 0 else -1
    found = _sign_of(ball(terms, FIRST_PRECISION) if first is None else first)
    return found or _sign_of_normal(cleared(terms), limit)


def _sign_of_normal(normal: Terms, limit: int) -> int:
    if not normal:
        return 0
    least = None if surely_nonzero(normal) else separation(normal)
    precision = FIRST_PRECISION
    while precision <= (limit if least is None else max(limit, 2 * least + 2 * FIRST_PRECISION)):
        value = ball(normal, precision)
        found = _sign_of(value)
        if found:
            return found
        if least is not None and abs(value) < arb(fmpq(1, 1 << least)):
            return 0
        precision *= 2
    kind = "it is not zero, but its sign" if surely_nonzero(normal) else "whether it is zero"
    raise Undecided(f"{kind} stays open: a form with {len(normal)} terms is smaller than balls of {limit} bits resolve")


def is_zero(terms: Terms, limit: int = PRECISION_LIMIT) -> bool:
    """Whether the value is zero; Undecided only where no theorem and no ball separates it from zero."""
    if not terms or _sign_of(ball(terms, FIRST_PRECISION)):
        return not terms
    normal = cleared(terms)
    return not normal or (not surely_nonzero(normal) and _sign_of_normal(normal, limit) == 0)


def surely_nonzero(normal: Terms) -> bool:
    """Whether a theorem excludes that a nonzero polynomial in normal form has the value zero.

    Mordell (1953), Siegel (1972): real roots are linearly independent over the rationals unless two have a rational
    ratio. Baker (1966): 1 and the logs of a coprime base are linearly independent over the algebraic numbers.
    Lindemann and Weierstrass (1885): so are the exps of distinct rationals. Beyond that (products of logs, logs beside
    exps) independence is Schanuel's conjecture. Baker also has it that a nonzero rational plus a rational combination
    of logs of algebraic numbers is not zero.
    """
    if not normal:
        return False
    if any(isinstance(n, Atom) for factors, _, _ in normal for n, _ in factors):
        logs = {monomial: c for monomial, c in normal.items() if monomial != UNIT}
        return len(logs) < len(normal) and _logarithmic_separation(logs) is not None
    linear = all(not r and sum(e for _, e in factors) <= 1 for factors, _, r in normal)
    return linear or all(not factors for factors, _, _ in normal)


def separation(normal: Terms) -> int | None:
    """Bits b such that the value is zero or at least 2^-b in size; None where no theorem here gives such a bound.

    A nonzero algebraic integer whose d conjugates are at most M has size at least M^(1-d), because its norm is an
    integer; every root in `normal` is an algebraic integer, and so is a polynomial in roots with integer coefficients.
    A rational combination of logs of such numbers is the log of a quotient of two of them.
    """
    least = _algebraic_separation(normal)
    if least is None:
        least = _logarithmic_separation(normal)
    return least if least is not None and least <= _MOST_SEPARATION else None


def _algebraic_separation(normal: Terms) -> int | None:
    degree, height = _degree(normal), _height(normal)
    if degree is None or height is None:
        return None
    return (degree - 1) * height + _denominator(normal).bit_length()


def _logarithmic_separation(normal: Terms) -> int | None:
    q, heights = _denominator(normal), {1: 0, -1: 0}
    arguments: Terms = {}
    for (factors, root, r), c in normal.items():
        if root != NO_ROOT or r or len(factors) != 1 or factors[0][1] != 1:
            return None
        n = factors[0][0]
        argument = {UNIT: fmpq(n)} if isinstance(n, int) else n.of if n.kind == "log" else None
        height = None if argument is None else _height(argument)
        if argument is None or height is None:
            return None
        arguments.update(argument)
        heights[1 if c > 0 else -1] += abs(int(c * q)) * height
    degree = _degree(arguments)
    worst = max(heights.values())
    return None if degree is None else (degree - 1) * (worst + 1) + worst + 1 + q.bit_length()


def _denominator(normal: Terms) -> int:
    return lcm(*(int(c.q) for c in normal.values()))


def _degree(terms: Terms) -> int | None:
    """A bound of the degree of the field that an algebraic polynomial lies in; None when it is not algebraic."""
    roots: set[tuple[int, int]] = set()
    indices: dict[Atom | int, int] = {}  # of the sums, and of the elements of a common base of the radicands
    for root, atom, e in _parts(terms):
        if root is None:
            return None
        roots.add(root)
        if atom is not None:
            indices[atom] = lcm(indices.get(atom, 1), Fraction(e).denominator)
    over = over_coprime_base(s for s, _ in roots)
    for s, k in roots:
        for b, _ in over[s]:
            indices[b] = lcm(indices.get(b, 1), k)
    degree = 1
    for k in indices.values():
        degree *= k
    return degree


def _parts(terms: Terms) -> Iterator[tuple[tuple[int, int] | None, Atom | None, Power]]:
    """The roots of a polynomial, and its sums with their powers, those inside sums included; a None is no root."""
    for factors, root, r in terms:
        yield (None if r else root), None, 1
        for n, e in factors:
            if not isinstance(n, Atom) or n.kind != "sum" or e < 0:
                yield None, None, 1
            else:
                yield NO_ROOT, n, e
                yield from _parts(n.of)


def _height(terms: Terms) -> int | None:
    """Bits of a bound for all conjugates of a polynomial times its denominator; None when it is not algebraic."""
    q, highest = _denominator(terms), 0
    for (factors, (s, k), r), c in terms.items():
        bits = abs(int(c * q)).bit_length() + ceil(Fraction(s.bit_length(), k)) + (1 if r else 0)
        for n, e in factors:
            inner = _height(n.of) if isinstance(n, Atom) and n.kind == "sum" and e > 0 else None
            if inner is None:
                return None
            bits += ceil(e * inner)
        highest = max(highest, bits)
    return highest + len(terms).bit_length()


# rationals and rounding


def rational_of(normal: Terms) -> Fraction | None:
    """The value of a normal form when it is a rational that the form shows, or that nested roots and logs add up to.

    The latter is found for denominators up to 2^128; a guess counts when the difference is decided to be zero.
    """
    value = rational_value(normal)
    if value is not None:
        return Fraction(int(value.p), int(value.q))
    if not any(isinstance(n, Atom) for factors, _, _ in normal for n, _ in factors):
        return None
    enclosed = ball(normal, 512)
    if not enclosed.is_finite():
        return None
    middle = _dyadic(*(int(x) for x in enclosed.mid().man_exp()))
    guess: Fraction = middle.limit_denominator(1 << 128)
    if abs(middle - guess) * (1 << 400) > max(Fraction(1), abs(middle)):
        return None
    difference = dict(normal)
    add_into(difference, constant(-fmpq(guess.numerator, guess.denominator)).items())
    try:
        return guess if is_zero(difference) else None
    except Undecided:
        return None


def rounded(terms: Terms, rounding: Callable[[Fraction], T], first: Ball) -> T:
    """The value under a monotone rounding: the precision rises until both ends of a ball round alike.

    `first` is the ball of the first precision. Rationals are rounded as they are. OverflowError when the value lies
    beyond 2^20000 or within 2^-20000 of zero.
    """
    precision = FIRST_PRECISION
    while precision <= PRECISION_LIMIT:
        value = first if precision == FIRST_PRECISION else ball(terms, precision)
        if _sign_of(value) and value.is_finite():
            mantissa, exponent = (int(x) for x in value.mid().man_exp())
            size = exponent + mantissa.bit_length()
            if abs(size) > _MOST_BITS:
                raise OverflowError(f"the value is about 2^{size}: beyond 2^{_MOST_BITS} or its inverse")
            middle, radius = _dyadic(mantissa, exponent), _dyadic(*(int(x) for x in value.rad().man_exp()))
            low, high = rounding(middle - radius), rounding(middle + radius)
            if low == high:
                return low
        if precision == 2 * FIRST_PRECISION:  # only now is the normal form worth its price
            terms = normalise(terms)
            rational = rational_of(terms)
            if rational is not None:
                return rounding(rational)
        precision *= 2
    raise Undecided(f"balls of {PRECISION_LIMIT} bits do not determine the rounded value of {len(terms)} terms")


def _dyadic(mantissa: int, exponent: int) -> Fraction:
    return Fraction(mantissa << exponent) if exponent >= 0 else Fraction(mantissa, 1 << -exponent)
