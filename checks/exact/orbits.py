"""Assignments of values to cells, symmetric copies once.

A statement never names a letter, so relabelling the letters of an object, everywhere at once, changes no verdict. The
product of the symmetric groups of the objects acts on the instances of given sizes; of each orbit the smallest
instance is enough. A cell is one row of a box or of a head (relabelling moves the row and rearranges its entries),
one vector or one parameter (which stay). Values are numbered; the smallest assignment is the lexicographic one.

The search goes from cell to cell and leaves a branch as soon as a relabelled copy is smaller, whatever comes after:
the lex-leader scheme of Crawford, Ginsberg, Luks and Roy, "Symmetry-breaking predicates for search problems" (KR 1996).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, permutations, product
from math import lcm, prod
from typing import TypeAlias

from lmlaws.theory.terms import Object, Type

Value: TypeAlias = tuple[Fraction, ...]
Sizes: TypeAlias = Mapping[Object, int]
Order: TypeAlias = tuple[int, ...] | None
"""How the entries of a value are rearranged: the old place of each entry; None leaves them."""


class Domain:
    """The values that a cell can take, numbered in lexicographic order with the mass first; atoms, largest denominator
    and height of each."""

    def __init__(self, values: Sequence[Value], costs: Sequence[tuple[int, int, int]]) -> None:
        scale = lcm(*(x.denominator for value in values for x in value))
        whole = [tuple(x.numerator * (scale // x.denominator) for x in value) for value in values]  # hash faster
        order = sorted(range(len(values)), key=whole.__getitem__, reverse=True)
        self.values = [values[i] for i in order]
        self.atoms, self.denominators, self.heights = ([costs[i][part] for i in order] for part in range(3))
        self.by_atoms: dict[int, list[int]] = {}
        for number, atoms in enumerate(self.atoms):
            self.by_atoms.setdefault(atoms, []).append(number)
        self._whole = [whole[i] for i in order]
        self._number = {value: number for number, value in enumerate(self._whole)}
        self._known: dict[Order, _Images] = {}

    def images(self, order: Order) -> Sequence[int] | Mapping[int, int]:
        """The number of each value with its entries rearranged."""
        if order is None or all(i == j for i, j in enumerate(order)):
            return range(len(self.values))
        return self._known.setdefault(order, _Images(order, self._whole, self._number))


class _Images(dict[int, int]):
    """Numbers of rearranged values, each worked out when it is first asked for."""

    def __init__(
        self, order: tuple[int, ...], whole: list[tuple[int, ...]], number: dict[tuple[int, ...], int]
    ) -> None:
        super().__init__()
        self._order, self._whole, self._number = order, whole, number

    def __missing__(self, asked: int) -> int:
        value = self._whole[asked]
        image = self[asked] = self._number[tuple(value[i] for i in self._order)]
        return image


@dataclass(frozen=True)
class Relabelling:
    """What new names for letters do: the cell whose value comes to each cell, and how its entries are rearranged."""

    source: tuple[int, ...]
    orders: tuple[Order, ...]


def relabellings(kinds: Sequence[tuple[Type, Type | None]], sizes: Sizes) -> tuple[Relabelling, ...]:
    """The actions of all relabellings, each once, on the cells of things with these types; the identity is left out.

    A thing has a cell for each letter of its domain; its codomain is None where the entries are not letters.
    """
    named = tuple(dict.fromkeys(part for dom, cod in kinds for part in (*dom, *(cod or ()))))
    found: dict[Relabelling, None] = {}
    for chosen in product(*(tuple(permutations(range(sizes[part]))) for part in named)):
        names = dict(zip(named, chosen))
        source: list[int] = []
        orders: list[Order] = []
        for dom, cod in kinds:
            moved = _old_places(tuple(names[part] for part in dom))
            entries = None if cod is None else _old_places(tuple(names[part] for part in cod))
            source += [len(orders) + place for place in moved]
            orders += [entries] * len(moved)
        found[Relabelling(tuple(source), tuple(orders))] = None
    return tuple(found)[1:]


@lru_cache(maxsize=4096)
def _old_places(names: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """The old number of each new letter of a product whose parts get new names; the last letter runs fastest."""
    old = [0] * prod(map(len, names))
    for place, letters in enumerate(product(*names)):
        new = 0
        for part, letter in zip(names, letters):
            new = new * len(part) + letter
        old[new] = place
    return tuple(old)


_Tied: TypeAlias = "tuple[tuple[int, ...], list[Sequence[int] | Mapping[int, int]], int]"


def representatives(domains: Sequence[Domain], group: Sequence[Relabelling], atoms: int) -> Iterator[tuple[int, ...]]:
    """The smallest member of each orbit of assignments with so many atoms, as numbers of values, one a cell."""
    least, most = (
        [*accumulate((choose(domain.by_atoms) for domain in reversed(domains)), initial=0)][::-1]
        for choose in (min, max)
    )
    chosen: list[int] = []

    def extend(left: int, tied: list[_Tied]) -> Iterator[tuple[int, ...]]:
        place = len(chosen)
        if place == len(domains):
            yield tuple(chosen)
            return
        for cost, numbers in domains[place].by_atoms.items():
            if not least[place + 1] <= left - cost <= most[place + 1]:
                continue
            for number in numbers:
                chosen.append(number)
                still = _undecided(chosen, tied)
                if still is not None:
                    yield from extend(left - cost, still)
                chosen.pop()

    if least[0] <= atoms <= most[0]:
        start = [(g.source, [domain.images(order) for domain, order in zip(domains, g.orders)], 0) for g in group]
        yield from extend(atoms, start)


def _undecided(chosen: list[int], tied: list[_Tied]) -> list[_Tied] | None:
    """The relabellings whose copy is equal as far as it is known, with how far; None when a copy is smaller."""
    still = []
    known = len(chosen)
    for source, images, at in tied:
        while at < known and source[at] < known:
            copy = images[at][chosen[source[at]]]
            if copy < chosen[at]:
                return None
            if copy > chosen[at]:
                break
            at += 1
        else:
            still.append((source, images, at))
    return still
