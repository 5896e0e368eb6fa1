"""Small complete domains: every law, kernel, head and vector of a size with small denominators, simplest first.

A domain is a list of values of one sort at given sizes; a search runs through products of domains. Simplicity is the
order of the contract: fewer atoms, then smaller denominators, then lexicographic with the mass first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import islice, product
from math import prod
from typing import Any, TypeAlias

from lmlaws.theory.expressions import Direction, Head, Point, Rank, Symbol, walk
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Box, Object

from .instances import HeadValue, Instance
from .kernels import Kernel

Row: TypeAlias = tuple[Fraction, ...]
Sizes: TypeAlias = dict[Object, int]

DENOMINATOR = 6
MOST_ROWS = 4_000
POINTS = (Fraction(1), Fraction(2), Fraction(1, 2), Fraction(3))
"""Values of exp(h_i)."""


@lru_cache
def laws(letters: int, denominator: int = DENOMINATOR) -> tuple[Row, ...]:
    """Every law on the letters with a common denominator up to `denominator`, zeros included, simplest first."""
    found = {
        tuple(Fraction(n, common) for n in (*head, common - sum(head)))
        for common in range(1, denominator + 1)
        for head in product(range(common + 1), repeat=letters - 1)
        if sum(head) <= common
    }
    return tuple(sorted(found, key=row_key))


def row_key(row: Row) -> tuple[int, int, tuple[Fraction, ...]]:
    """Atoms, largest denominator, then lexicographic with the mass first."""
    return (sum(1 for x in row if x), max(x.denominator for x in row), tuple(-x for x in row))


@lru_cache
def edge_laws(letters: int, denominator: int = 64) -> tuple[Row, ...]:
    """Dyadic laws near the edge of the simplex: all but a few 64ths on one letter, or split between two."""
    found = set()
    for small in range(1, denominator // 4):
        eps = Fraction(small, denominator)
        for a in range(letters):
            for b in range(letters):
                if a != b:
                    row = [Fraction(0)] * letters
                    row[a], row[b] = 1 - eps, eps
                    found.add(tuple(row))
                    row[a], row[b] = Fraction(1, 2) + eps, Fraction(1, 2) - eps
                    found.add(tuple(row))
    return tuple(sorted(found, key=row_key))


@dataclass(frozen=True)
class Sort:
    """One quantified thing: a box, a head, a point, a direction or a symbol."""

    kind: str
    name: str
    what: Any


def sorts(statement: Statement) -> tuple[Sort, ...]:
    """Everything that a statement quantifies over, in order of appearance, each once."""
    kinds = {Box: "box", Head: "head", Point: "point", Direction: "direction", Symbol: "symbol"}
    found = [Sort(kinds[type(n)], n.name, n) for n in walk(statement) if type(n) in kinds]
    seen = Counter(sort.name for sort in found if sort.kind == "direction")
    inside = Counter(
        part.name
        for rank in walk(statement)
        if isinstance(rank, Rank)
        for part in walk(rank)
        if isinstance(part, Direction) and part in (rank.u, rank.v)
    )
    return tuple(s for s in dict.fromkeys(found) if s.kind != "direction" or seen[s.name] > inside[s.name])


def size_choices(statement: Statement, most: int = 3) -> Iterator[tuple[Sizes, dict[str, int]]]:
    """Sizes of the objects and dimensions of the heads, by increasing product."""
    objects, heads = statement.objects, statement.heads
    tokens = {head.tokens for head in heads}
    choices = [range(2 if part in tokens else 1, most + 1) for part in objects]
    dimensions = [range(1, 3)] * len(heads)
    ordered = sorted(product(*choices, *dimensions), key=lambda c: (prod(c), c))
    for choice in ordered:
        yield (
            dict(zip(objects, choice)),
            {head.name: d for head, d in zip(heads, choice[len(objects) :])},
        )


def domain(sort: Sort, sizes: Sizes, dimensions: dict[str, int], denominator: int) -> list[Any]:
    """The values of one sort, simplest first, at most MOST_ROWS of them."""
    what = sort.what
    if sort.kind == "box":
        inputs, outputs = (prod(sizes[part] for part in kind) for kind in (what.dom, what.cod))
        if what.deterministic:
            units = [tuple(Fraction(int(i == j)) for j in range(outputs)) for i in range(outputs)]
            return list(islice(product(units, repeat=inputs), MOST_ROWS))
        rows = laws(outputs, denominator) if outputs <= 4 else laws(outputs, 2)
        tables = list(islice(product(rows, repeat=inputs), MOST_ROWS))
        return sorted(tables, key=lambda t: (sum(row_key(r)[0] for r in t), max(row_key(r)[1] for r in t)))
    if sort.kind == "head":
        width = dimensions[sort.name]
        entries = sorted(product((0, 1, -1, 2), repeat=width), key=lambda row: (sum(map(abs, row)), row))
        return list(islice(product(entries, repeat=sizes[what.tokens]), MOST_ROWS))
    if sort.kind == "point":
        return list(product(POINTS, repeat=dimensions[what.head.name]))
    if sort.kind == "direction":
        return list(product((1, 0, -1), repeat=dimensions[what.head.name]))
    return [Fraction(x) for x in (0, 1, -1)] + [Fraction(1, 2)]


def assemble(chosen: dict[Sort, Any], sizes: Sizes) -> Instance:
    """An instance from a value for each sort."""
    instance = Instance(dict(sizes))
    for sort, value in chosen.items():
        if sort.kind == "box":
            box = sort.what
            instance.boxes[sort.name] = Kernel(value, instance.type_sizes(box.dom), instance.type_sizes(box.cod))
        elif sort.kind == "head":
            instance.heads[sort.name] = HeadValue(tuple(value), (Fraction(1),) * len(value))
        else:
            table = {"point": instance.points, "direction": instance.directions, "symbol": instance.symbols}
            table[sort.kind][sort.name] = value  # type: ignore[index]
    return instance


def complexity(chosen: dict[Sort, Any]) -> tuple[int, int, tuple[Any, ...]]:
    """Atoms, largest denominator, then lexicographic: the order in which instances of equal sizes are preferred."""
    atoms, denominator, text = 0, 1, []
    for sort, value in chosen.items():
        numbers = [x for row in value for x in row] if sort.kind in ("box", "head") else _flat(value)
        if sort.kind == "box":
            atoms += sum(1 for x in numbers if x)
        elif sort.kind == "point":  # exp(h): h = 0 is simplest
            atoms += sum(x.numerator + x.denominator - 2 for x in numbers)
        else:
            atoms += int(sum(abs(x) for x in numbers))
        denominator = max([denominator, *(Fraction(x).denominator for x in numbers)])
        text.append(tuple(-x for x in numbers))
    return atoms, denominator, tuple(text)


def _flat(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]
