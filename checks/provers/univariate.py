"""Functions of one variable u >= 1 that are sums of powers, logs of sums of powers, and their quotients.

`chain` finds the proof that such a function is never negative: it is not at u = 1, nor is, after multiplication by a
power of u, its derivative, and so on, until no logarithm is left and the sign of a polynomial decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import fsum, lcm, log, prod
from typing import TypeAlias

Base: TypeAlias = "tuple[tuple[Fraction, Fraction], ...]"
"""A sum of powers of u with positive coefficients: (exponent, coefficient), sorted."""

Key: TypeAlias = "tuple[Fraction, Base | None, tuple[tuple[Base, int], ...]]"
"""The exponent of u, the sum of powers under a logarithm if there is one, and powers of sums of powers."""

DEPTH = 6
LONGEST = 200
SLACK = 1e-9
"""What rounding may hide of a value at 1 in the search; a checker decides it exactly."""
PROBES = (1.01, 1.1, 1.5, 2.0, 4.0, 10.0, 100.0)
"""Where the search looks at a function before it tries to prove it nonnegative."""
ZERO = Fraction(0)


@dataclass(frozen=True)
class Function:
    """A combination of products of a power of u, a logarithm, and powers of sums of powers."""

    terms: dict[Key, Fraction]

    def __add__(self, other: Function) -> Function:
        return _collected((*self.terms.items(), *other.terms.items()))

    def scaled(self, number: Fraction, exponent: Fraction = ZERO) -> Function:
        """The function times number u^exponent."""
        return _collected(((k + exponent, of, powers), c * number) for (k, of, powers), c in self.terms.items())

    def derivative(self) -> Function:
        parts = []
        for (k, of, powers), c in self.terms.items():
            parts.append(((k - 1, of, powers), c * k))
            for base, e in powers:
                parts += [((k + i - 1, of, _times(powers, base, -1)), c * e * i * x) for i, x in base]
            if of is not None and len(of) == 1:
                parts.append(((k - 1, None, powers), c * of[0][0]))
            elif of is not None:
                parts += [((k + i - 1, None, _times(powers, of, -1)), c * i * x) for i, x in of]
        return _collected(parts)

    def at_one(self) -> tuple[Fraction, dict[Fraction, Fraction]]:
        """The value at 1: a rational, and the coefficients of logs of rationals."""
        rational, logs = ZERO, dict[Fraction, Fraction]()
        for (_, of, powers), c in self.terms.items():
            for base, e in powers:
                c *= sum((x for _, x in base), ZERO) ** e
            at = None if of is None else sum((x for _, x in of), ZERO)
            if at is None:
                rational += c
            elif at != 1:
                logs[at] = logs.get(at, ZERO) + c
        return rational, {at: c for at, c in logs.items() if c}

    def falls_below_zero(self) -> bool:
        """Whether floats see a negative value, beyond what rounding hides: then there is no proof to look for."""
        for u in PROBES:
            parts = []
            for (k, of, powers), c in self.terms.items():
                value = float(c) * u ** float(k) * prod(_value(base, u) ** e for base, e in powers)
                parts.append(value if of is None else value * log(_value(of, u)))
            if fsum(parts) < -SLACK * fsum(map(abs, parts)):
                return True
        return False

    @property
    def has_logs(self) -> bool:
        return any(of is not None for _, of, _ in self.terms)


def _value(base: Base, u: float) -> float:
    return fsum(float(c) * u ** float(k) for k, c in base)


def _collected(parts: Iterable[tuple[Key, Fraction]]) -> Function:
    terms: dict[Key, Fraction] = {}
    for key, value in parts:
        terms[key] = terms.get(key, ZERO) + value
    return Function({key: value for key, value in terms.items() if value})


def _times(powers: tuple[tuple[Base, int], ...], base: Base, e: int) -> tuple[tuple[Base, int], ...]:
    found = dict(powers)
    found[base] = found.get(base, 0) + e
    return tuple(sorted((b, k) for b, k in found.items() if k))


def power(exponent: Fraction, number: Fraction = Fraction(1)) -> Function:
    """number u^exponent."""
    return _collected([((exponent, None, ()), number)])


def combination(base: Base) -> Function:
    """A sum of powers, with coefficients of any sign."""
    return _collected(((k, None, ()), c) for k, c in base)


def quotient(top: Function, under: Base) -> Function:
    """top / under, for a sum of powers `under`."""
    if len(under) == 1:
        ((k, c),) = under
        return top.scaled(1 / c, -k)
    return _collected(((k, of, _times(powers, under, -1)), c) for (k, of, powers), c in top.terms.items())


def times_log(top: Base, under: Base) -> Function:
    """top log(under), for sums of powers."""
    parts: list[tuple[Key, Fraction]] = []
    if len(under) == 1:  # log(c u^k)
        ((k, c),) = under
        unit: Base = ((Fraction(1), Fraction(1)),)
        parts = [((i, unit, ()), x * k) for i, x in top if k]
        parts += [((i, ((ZERO, c),), ()), x) for i, x in top if c != 1]
    else:
        parts = [((i, under, ()), x) for i, x in top]
    return _collected(parts)


def chain(function: Function) -> list[Fraction] | None:
    """Exponents e1, e2, ... such that the function, and each derivative after a factor u^e, is not negative at 1, and
    the last one is seen to be nonnegative for u >= 1; None when none are found."""
    return _chain(function, DEPTH)


def _chain(function: Function, depth: int) -> list[Fraction] | None:
    if not function.has_logs and _never_negative(function):
        return []
    rational, logs = function.at_one()
    least = float(rational) + sum(float(c) * log(at) for at, c in logs.items())
    if depth == 0 or function.falls_below_zero() or least < -SLACK or (rational < 0 and not logs):
        return None
    exponents = {k for (k, of, _) in function.terms if of is not None} or {k for k, _, _ in function.terms}
    for e in dict.fromkeys((ZERO, *(-k for k in sorted(exponents, reverse=True)))):
        found = _chain(function.scaled(Fraction(1), e).derivative(), depth - 1)
        if found is not None:
            return [e, *found]
    return None


def _never_negative(function: Function) -> bool:
    """Whether the numerator, as a polynomial in s - 1 for a root s of u, has no negative coefficient."""
    least: dict[Base, int] = {}
    for _, _, powers in function.terms:
        for base, e in powers:
            least[base] = min(least.get(base, 0), e)
    total: dict[Fraction, Fraction] = {}
    for (k, _, powers), c in function.terms.items():
        product = {k: c}
        for base, lowest in least.items():
            for _ in range(dict(powers).get(base, 0) - lowest):
                product = _multiplied(product, base)
        for k1, c1 in product.items():
            total[k1] = total.get(k1, ZERO) + c1
    total = {k: c for k, c in total.items() if c}
    if not total:
        return True
    low, root = min(total), lcm(*(k.denominator for k in total))
    degree = int((max(total) - low) * root)
    if degree > LONGEST:
        return False
    row = [total.get(low + Fraction(k, root), ZERO) for k in range(degree, -1, -1)]
    while row:  # division by s - 1 leaves the coefficients one by one
        row = list(accumulate(row))
        if row.pop() < 0:
            return False
    return True


def _multiplied(one: dict[Fraction, Fraction], base: Base) -> dict[Fraction, Fraction]:
    found: dict[Fraction, Fraction] = {}
    for k, c in one.items():
        for i, x in base:
            found[k + i] = found.get(k + i, ZERO) + c * x
    return found
