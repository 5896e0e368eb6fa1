"""The instances of a statement: what it quantifies over, the choices of sizes, the spaces that a search goes through.

The order of the contract: product of alphabet sizes, atoms, largest denominator, then lexicographic, the mass first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import groupby, product
from math import factorial, prod
from random import Random
from typing import Any

from lmlaws.theory.expressions import (
    Array,
    Const,
    Direction,
    Equal,
    Head,
    Point,
    Points,
    Rank,
    Size,
    Symbol,
    axes,
    walk,
)
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Box, Object, Type, as_type

from . import domains
from .domains import HEIGHT
from .instances import Instance
from .kernels import Kernel
from .orbits import Domain, Relabelling, Value, relabellings, representatives
from .worlds import ExactHead

LETTERS = 3
"""The largest alphabet of which instances are taken, unless a hypothesis fixes its size."""

MOST_FIXED = 16
"""The largest size that a hypothesis may fix."""


@dataclass(frozen=True)
class Sort:
    """One quantified thing: a box, a function (a deterministic box), a head, a point or a family of them, a
    direction, a symbol or an array of them."""

    kind: str
    name: str
    what: Any

    @property
    def type(self) -> tuple[Type, Type | None]:
        """Its cells, one a letter of the first type, and the type of a cell's entries where they are letters."""
        if isinstance(self.what, Box):
            return self.what.dom, self.what.cod
        if isinstance(self.what, Array | Points):
            return as_type(self.what.over), None
        return (self.what.tokens,) if self.kind == "head" else (), None


def sorts(statement: Statement) -> tuple[Sort, ...]:
    """Everything that a statement quantifies over, in order of appearance, each once."""
    kinds = {
        Box: "box", Head: "head", Point: "point", Points: "point", Direction: "direction",
        Symbol: "symbol", Array: "symbol",
    }  # fmt: skip
    found = [
        Sort("function" if isinstance(node, Box) and node.deterministic else kinds[type(node)], node.name, node)
        for node in walk(statement)
        if type(node) in kinds
    ]
    seen = Counter(sort.name for sort in found if sort.kind == "direction")
    inside = Counter(
        part.name
        for rank in walk(statement)
        if isinstance(rank, Rank)
        for part in walk(rank)
        if isinstance(part, Direction) and part in (rank.u, rank.v)
    )
    return tuple(s for s in dict.fromkeys(found) if s.kind != "direction" or seen[s.name] > inside[s.name])


@dataclass(frozen=True)
class Shape:
    """The instances of one choice of sizes: the objects' letters, the heads' dimensions. A cell is one row of a box
    or a head, one vector or one symbol; an instance gives every cell a value."""

    things: tuple[Sort, ...]
    sizes: dict[Object, int]
    dimensions: dict[str, int]

    @cached_property
    def product(self) -> int:
        """Alphabet sizes and dimensions multiplied: the first thing by which instances are ordered."""
        return prod(self.sizes_key)

    def within(self, letters: int, dimension: int) -> bool:
        """Whether no alphabet has more letters, and no head a larger dimension."""
        return max(self.sizes.values()) <= letters and max(self.dimensions.values(), default=0) <= dimension

    @cached_property
    def sizes_key(self) -> tuple[int, ...]:
        """What tells apart the shapes with one product, in the order in which they come."""
        return (*self.sizes.values(), *self.dimensions.values())

    @cached_property
    def cells(self) -> tuple[Sort, ...]:
        """What each cell belongs to."""
        return tuple(thing for thing in self.things for _ in range(self.letters(thing.type[0])))

    @cached_property
    def relabellings(self) -> tuple[Relabelling, ...]:
        """How new names for the letters move and change the values of cells."""
        return relabellings([thing.type for thing in self.things], self.sizes)

    @cached_property
    def copies(self) -> int:
        """How many ways there are to name the letters that the cells know of."""
        named = {part for thing in self.things for kind in thing.type for part in kind or ()}
        return prod(factorial(self.sizes[part]) for part in named)

    def letters(self, kind: Type) -> int:
        """The number of letters of a product of objects."""
        return prod(self.sizes[part] for part in kind)

    def width(self, thing: Sort) -> int:
        """The number of outcomes of a box; the dimension of a head, a point or a direction; 1 for a symbol."""
        if isinstance(thing.what, Box):
            return self.letters(thing.what.cod)
        head = thing.what if isinstance(thing.what, Head) else getattr(thing.what, "head", None)
        return self.dimensions[head.name] if head is not None else 1

    def instance(self, values: tuple[Value, ...]) -> Instance:
        """The instance that these values of the cells make."""
        axis_sizes = {axes(thing.what): self.dimensions[thing.name] for thing in self.things if thing.kind == "head"}
        instance, place = Instance({**self.sizes, **axis_sizes}), 0
        for thing in self.things:
            rows = values[place : place + self.letters(thing.type[0])]
            place += len(rows)
            if isinstance(thing.what, Box):
                dom, cod = instance.type_sizes(thing.what.dom), instance.type_sizes(thing.what.cod)
                instance.boxes[thing.name] = Kernel(rows, dom, cod)
            elif thing.kind == "head":
                W = tuple(tuple(map(int, row[:-1])) for row in rows)
                instance.heads[thing.name] = ExactHead(W, tuple(row[-1] for row in rows))
            elif isinstance(thing.what, Points):
                instance.families[thing.name] = rows
            elif isinstance(thing.what, Array):
                instance.arrays[thing.name] = tuple(x for row in rows for x in row)
            elif thing.kind == "point":
                instance.points[thing.name] = rows[0]
            elif thing.kind == "direction":
                instance.directions[thing.name] = tuple(map(int, rows[0]))
            else:
                instance.symbols[thing.name] = rows[0][0]
        return instance


@dataclass(frozen=True)
class Choice:
    """An instance by its shape and the values of its cells."""

    shape: Shape
    values: tuple[Value, ...]

    @cached_property
    def costs(self) -> tuple[tuple[int, int, int], ...]:
        """Atoms, largest denominator and height of each cell's value."""
        return tuple(domains.cost(cell.kind, value) for cell, value in zip(self.shape.cells, self.values))

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """The order of the contract: product of sizes, atoms, largest denominator, then lexicographic, sizes first."""
        denominator = max((c[1] for c in self.costs), default=1)
        text = tuple(-x for value in self.values for x in value)
        return (self.shape.product, self.atoms, denominator, self.shape.sizes_key, text)

    @property
    def atoms(self) -> int:
        """The atoms of all cells."""
        return sum(c[0] for c in self.costs)

    @cached_property
    def height(self) -> int:
        """The largest height of the values."""
        return max((c[2] for c in self.costs), default=1)

    def instance(self) -> Instance:
        return self.shape.instance(self.values)


class Space:
    """All instances of a shape whose cells take their values from given domains."""

    def __init__(self, shape: Shape, domains: tuple[Domain, ...]) -> None:
        self.shape, self.domains = shape, domains

    @cached_property
    def counts(self) -> dict[int, int]:
        """How many instances there are of so many atoms, symmetric copies included."""
        counts = {0: 1}
        for domain in self.domains:
            more: Counter[int] = Counter()
            for (atoms, n), (extra, numbers) in product(counts.items(), domain.by_atoms.items()):
                more[atoms + extra] += n * len(numbers)
            counts = dict(more)
        return counts

    def choice(self, numbers: Sequence[int]) -> Choice:
        """The instance with these values, by their numbers."""
        return Choice(self.shape, tuple(domain.values[n] for domain, n in zip(self.domains, numbers)))

    def drawn(self, random: Random) -> Choice:
        """A random instance."""
        return self.choice([random.randrange(len(domain.values)) for domain in self.domains])

    def shell(self, atoms: int) -> list[tuple[int, tuple[int, ...]]]:
        """The instances with so many atoms, symmetric copies once: largest denominator and numbers of the values."""
        chosen = representatives(self.domains, self.shape.relabellings, atoms)
        return [(max((d.denominators[n] for d, n in zip(self.domains, c)), default=1), c) for c in chosen]


def space(shape: Shape, height: int = HEIGHT) -> Space:
    """All instances of a shape up to a height, as far as that is affordable."""
    return Space(shape, tuple(domains.domain(cell.kind, shape.width(cell), height) for cell in shape.cells))


def size(shape: Shape, height: int) -> int:
    """How many instances of a height there are, symmetric copies included."""
    counts = [domains.count(thing.kind, shape.width(thing), height) for thing in shape.things]
    return prod(n ** shape.letters(thing.type[0]) for n, thing in zip(counts, shape.things))


def edge_space(shape: Shape) -> Space | None:
    """Instances whose laws are near the edges, other cells simple; None where no box has 2 to 4 outcomes."""
    widths = [shape.width(cell) if cell.kind == "box" else 1 for cell in shape.cells]
    if not 2 <= max(widths, default=1) <= 4:
        return None
    return Space(
        shape,
        tuple(
            domains.edge_domain(width) if width > 1 else domains.domain(cell.kind, shape.width(cell), 2)
            for cell, width in zip(shape.cells, widths)
        ),
    )


def drawn(shape: Shape, random: Random) -> Choice:
    """A random instance up to HEIGHT; each of its laws is that of a few letters drawn."""
    return Choice(shape, tuple(_drawn(cell.kind, shape.width(cell), random) for cell in shape.cells))


def _drawn(kind: str, width: int, random: Random) -> Value:
    if kind != "box":
        return random.choice(domains.values(kind, width))
    denominator = random.randint(1, HEIGHT)
    count = Counter(random.randrange(width) for _ in range(denominator))
    return tuple(Fraction(count[letter], denominator) for letter in range(width))


def levels(statement: Statement) -> Iterator[list[Shape]]:
    """The shapes of a statement, those with the same product of sizes and dimensions together, smallest first."""
    things = sorts(statement)
    tokens = {head.tokens for head in statement.heads}
    spaces = {axes(head): head.name for head in statement.heads}
    named = [part for part in statement.objects if part not in spaces]
    fixed = dict(_fixed(statement))
    choices = [fixed.get(part, range(2 if part in tokens else 1, LETTERS + 1)) for part in named]
    shapes = [
        Shape(things, dict(zip(named, choice)), dict(zip(spaces.values(), dims)))
        for choice in product(*choices)
        for dims in product((1, 2), repeat=len(spaces))
    ]
    for _, level in groupby(sorted(shapes, key=lambda s: s.product), lambda s: s.product):
        yield list(level)


def _fixed(statement: Statement) -> Iterator[tuple[Object, range]]:
    """The sizes of alphabets that a statement assumes, as in |X| = 2."""
    for relation in statement.given:
        left, right = relation.left, relation.right
        if isinstance(relation, Equal) and isinstance(left, Size) and isinstance(right, Const):
            size = right.value
            if size.denominator == 1 and 1 <= size <= MOST_FIXED:
                yield left.alphabet, range(int(size), int(size) + 1)
