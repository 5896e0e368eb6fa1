"""Small complete domains: the values that one cell of an instance can take, up to a height.

A cell is one row of a box or a head, one vector or one parameter. *Height* says how far a domain reaches: the largest
denominator of a law; of the other kinds, so that everything simple comes early: 1 for the entries 0, 1 and -1 of W, 3
for a 2; the larger of numerator and denominator of exp(h_i); 1 for the bias 0, 4 for another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, pairwise, permutations, product
from math import comb

from .orbits import Domain, Value

HEIGHT = 6
"""The height up to which domains are tried completely, where the budget allows."""

MOST_VALUES = 5_000
"""How many values of one cell are listed at the most."""


def numbers(*written: int | str) -> tuple[Fraction, ...]:
    """Fractions from how they are written."""
    return tuple(Fraction(x) for x in written)


POINTS = numbers(1, 2, "1/2", 3)
"""Values of exp(h_i)."""

BIASES = numbers(1, 2, "1/2")
"""Values of exp(b_w)."""


@lru_cache
def laws(letters: int, denominator: int = HEIGHT) -> tuple[Value, ...]:
    """Every law on the letters with a common denominator up to `denominator`, zeros included, simplest first."""
    found = {
        tuple(Fraction(n, common) for n in parts)
        for common in range(1, denominator + 1)
        for parts in compositions(common, letters)
    }
    return tuple(sorted(found, key=row_key))


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ways to write a total as so many integers >= 0, in order."""
    for bars in combinations(range(total + parts - 1), parts - 1):
        cuts = (-1, *bars, total + parts - 1)
        yield tuple(b - a - 1 for a, b in pairwise(cuts))


def count_laws(letters: int, denominator: int) -> int:
    """How many laws on the letters have a common denominator up to this one."""
    new: dict[int, int] = {}
    for common in range(1, denominator + 1):
        new[common] = comb(common + letters - 1, letters - 1) - sum(n for d, n in new.items() if common % d == 0)
    return sum(new.values())


def row_key(row: Value) -> tuple[int, int, Value]:
    """Atoms, largest denominator, then lexicographic with the mass first."""
    return (sum(1 for x in row if x), max(x.denominator for x in row), tuple(-x for x in row))


@lru_cache
def edge_laws(letters: int) -> tuple[Value, ...]:
    """Dyadic laws where sharp constants fail first, and the simplest laws: of 8, 16, 32 or 64 parts up to 3 away from
    a point, from a fair coin on two of the letters, or from the uniform law. For 2 to 4 letters."""
    found = set(laws(letters, HEIGHT if letters == 2 else 2))
    for parts in (8, 16, 32, 64):
        rows = {(parts - few, *rest) for few in (1, 2, 3) for rest in compositions(few, letters - 1)}
        rows |= {(parts // 2 - few, parts // 2 + few, *[0] * (letters - 2)) for few in (1, 2, 3)}
        near = range(parts // letters - 1, parts // letters + 3)
        rows |= {row for row in product(near, repeat=letters) if sum(row) == parts}
        found |= {tuple(Fraction(n, parts) for n in moved) for row in rows for moved in permutations(row)}
    return tuple(sorted(found, key=row_key))


def cost(kind: str, value: Value) -> tuple[int, int, int]:
    """Atoms, largest denominator and height of a value."""
    denominator = max(x.denominator for x in value)
    if kind in ("box", "function"):
        return sum(1 for x in value if x), denominator, denominator
    if kind == "point":  # exp(h): h = 0 is simplest
        return sum(_far(x) for x in value), denominator, max(_far(x) for x in value) + 1
    if kind == "head":
        entries, bias = value[:-1], value[-1]
        height = max(4 if bias != 1 else 1, *(3 if abs(x) > 1 else 1 for x in entries))
        return int(sum(map(abs, entries))) + _far(bias), denominator, height
    return sum(abs(x.numerator) + x.denominator - 1 for x in value), denominator, denominator


def _far(x: Fraction) -> int:
    """How far a positive number is from 1: numerator and denominator beyond those of 1."""
    return x.numerator + x.denominator - 2


@lru_cache
def values(kind: str, width: int, height: int = HEIGHT) -> tuple[Value, ...]:
    """Every value of a cell up to a height, simplest first: of a box the laws on `width` letters, of a function its
    points; of a head rows of W with exp(b) at the end; exp(h) of a point; a direction; a symbol."""
    if kind == "box":
        return laws(width, height)
    if kind == "function":
        return laws(width, 1)
    entries = {
        "head": [numbers(0, 1, -1, 2)] * width + [BIASES],
        "point": [POINTS] * width,
        "direction": [numbers(1, 0, -1)] * width,
        "symbol": [numbers(0, 1, -1, "1/2")],
    }
    found = [value for value in product(*entries[kind]) if cost(kind, value)[2] <= height]
    return tuple(sorted(found, key=lambda value: (cost(kind, value), value)))


def count(kind: str, width: int, height: int) -> int:
    """How many values there are."""
    return count_laws(width, height) if kind == "box" else len(values(kind, width, height))


@lru_cache
def affordable(letters: int, most: int = MOST_VALUES, height: int = HEIGHT) -> int:
    """The largest denominator, up to `height`, up to which there are at most so many laws on the letters."""
    return max((d for d in range(1, height + 1) if count_laws(letters, d) <= most), default=1)


@lru_cache
def domain(kind: str, width: int, height: int) -> Domain:
    """The values of a cell up to a height; of a box with many outcomes, up to the one that is affordable."""
    found = values(kind, width, min(height, affordable(width)) if kind == "box" else height)
    return Domain(found, [cost(kind, value) for value in found])


@lru_cache
def edge_domain(letters: int) -> Domain:
    """The laws near the edges."""
    found = edge_laws(letters)
    return Domain(found, [cost("box", value) for value in found])
