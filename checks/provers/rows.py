"""Rows: functions of two nonnegative numbers, homogeneous of degree one, of which the facts of sums are made."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

from lmlaws.theory.expressions import ONE, ZERO, Abs, Const, Expr, add, log, mul

from . import univariate
from .univariate import Base

HALF = Fraction(1, 2)
Numbers: TypeAlias = "tuple[Fraction, ...]"
STEEP = 8
"""How much curvature a unit of slope makes up for, near a = b, in the search."""


@dataclass(frozen=True)
class Row:
    """A row without its coefficient: its kind and parameters (docs/certificates.md)."""

    kind: str
    n: Numbers = ()

    def at(self, a: Expr, b: Expr) -> Expr:
        """The row at two expressions; of b = 1, for the rows that only Jensen's inequality has."""
        if self.kind == "Linear":
            return _weighted(self.n, a, b)
        if self.kind == "Apart":
            return Abs(a - b)
        if self.kind == "Power":
            return a ** self.n[0] * b ** (1 - self.n[0])
        if self.kind == "Gap":
            return (a - b) ** 2 * self.weight(a, b) ** -1
        if self.kind == "Over":
            return a ** self.n[0] * _weighted(self.n[1:], a, ONE) ** -1
        if self.kind == "Logarithm":
            return a ** self.n[0] * log(_weighted(self.n[1:], a, ONE))
        over, under = _weighted(self.n[:2], a, b), _weighted(self.n[2:], a, b)
        return over * (log(over) - log(under))

    def weight(self, a: Expr, b: Expr) -> Expr:
        """The denominator of a gap."""
        return _weighted(self.n, a, b, a**HALF * b**HALF)

    def along(self, *, swapped: bool) -> univariate.Function:
        """The row at (u, 1), or at (1, u), for u >= 1."""
        first, second = (_power(0), _power(1)) if swapped else (_power(1), _power(0))

        def base(*n: Fraction) -> Base:
            found: dict[Fraction, Fraction] = {}
            for c, ((k, _),) in zip(n, (first, second, _power(HALF))):
                found[k] = found.get(k, Fraction(0)) + c
            return tuple(sorted((k, c) for k, c in found.items() if c))

        if self.kind == "Linear":
            return univariate.combination(base(*self.n))
        if self.kind == "Apart":
            return univariate.combination(((Fraction(0), Fraction(-1)), (Fraction(1), Fraction(1))))
        if self.kind == "Gap":
            square = univariate.combination(tuple(zip(map(Fraction, (0, 1, 2)), map(Fraction, (1, -2, 1)))))
            return univariate.quotient(square, base(*self.n))
        if self.kind == "Ratio":
            over, under = base(*self.n[:2]), base(*self.n[2:])
            return univariate.times_log(over, over) + univariate.times_log(over, under).scaled(Fraction(-1))
        degree = 2 if self.kind == "Over" else 1
        top = _power(degree - self.n[0] if swapped else self.n[0])
        if self.kind == "Over":
            return univariate.quotient(univariate.combination(top), base(*self.n[1:]))
        if self.kind == "Logarithm":
            return univariate.times_log(top, base(*self.n[1:])) + univariate.times_log(top, second).scaled(Fraction(-1))
        return univariate.combination(top)

    @property
    def convex(self) -> int:
        """1 for a convex row, -1 for a concave one."""
        return -1 if self.kind == "Power" and 0 < self.n[0] < 1 else 1

    def edges(self) -> tuple[Expr, Expr, Expr] | None:
        """The row at (1, 1), (1, 0) and (0, 1); None where it is infinite at one of these."""
        if self.kind == "Ratio":
            s, t, u, v = self.n
            if (s and not u) or (t and not v):
                return None
            one, left, right = (x * log(x / y) if x else ZERO for x, y in ((s + t, u + v), (s, u), (t, v)))
            return one, left, right
        if self.kind == "Linear":
            return Const(self.n[0] + self.n[1]), Const(self.n[0]), Const(self.n[1])
        if self.kind == "Apart":
            return ZERO, ONE, ONE
        if self.kind == "Power":
            return (ONE, ZERO, ZERO) if 0 < self.n[0] < 1 else None
        return (ZERO, Const(1 / self.n[0]), Const(1 / self.n[1])) if self.kind == "Gap" and all(self.n[:2]) else None

    def cited(self, times: Fraction) -> list[Any]:
        """The row with a coefficient, as a certificate has it."""
        return [self.kind, *map(str, (times, *self.n))]


def _weighted(n: Numbers, *parts: Expr) -> Expr:
    return add(*(mul(Const(c), part) for c, part in zip(n, parts) if c))


def _power(exponent: Fraction | int) -> Base:
    return ((Fraction(exponent), Fraction(1)),)


def row(kind: str, *n: int | Fraction) -> Row:
    """A row from its numbers."""
    return Row(kind, tuple(map(Fraction, n)))


LOGS = (
    row("Ratio", 1, 0, 0, 1), row("Ratio", 0, 1, 1, 0),
    row("Ratio", 1, 0, HALF, HALF), row("Ratio", 0, 1, HALF, HALF),
)  # fmt: skip
LINEAR = (row("Linear", 1, 0), row("Linear", 0, 1))
APART, GAP, ROOT = row("Apart"), row("Gap", 1, 1, 0), row("Gap", 1, 1, 2)
SELF = (
    LINEAR[0], row("Power", 2),
    *(row("Logarithm", e, *n) for e in (1, 2) for n in ((1, 0), (1, 1))),
    *(row("Over", e, 1, 1) for e in (1, 2, 3)),
)  # fmt: skip
"""What a law's letters add to the divergences of a copy from two draws; powers beside these."""


@lru_cache(maxsize=1024)
def near_one(row: Row) -> dict[str, Fraction]:
    """What is not negative, to low order, for a combination of rows whose least value is at a = b."""
    found = {}
    for swapped in (False, True):
        function, total = row.along(swapped=swapped), Fraction(0)
        for what in ("value", "slope", "curvature"):
            at_one = function.at_one()[0]
            found[f"{what} {swapped}"] = at_one + total
            total, function = total + STEEP * at_one, function.derivative()
    return found


def combined(rows: dict[Row, Fraction], *, swapped: bool) -> univariate.Function:
    """A combination of rows along (u, 1) or (1, u)."""
    function = univariate.combination(())
    for row, number in rows.items():
        function = function + row.along(swapped=swapped).scaled(number)
    return function
