"""Counterexamples to relations between entropies: few atoms, each variable a partition of them.

A joint law with m atoms gives each variable a partition of the atoms; every joint entropy is that of a common
refinement, so it is looked up in a table and all choices of partitions are tried at once. Floats only
sort out candidates; a candidate counts after exact evaluation of the claim and of every hypothesis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations_with_replacement, permutations, product
from typing import TYPE_CHECKING, TypeAlias

from lmlaws.theory.expressions import Equal, Size, walk
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Box, wire_names

from ..provers.linear import Linear, NotLinearError, Wires, scaled
from ..provers.shannon import read
from .instances import Evaluator, Instance
from .kernels import Kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Partition: TypeAlias = tuple[int, ...]
"""The block of each atom; blocks are numbered as they first occur."""

MOST_CHOICES = 2_000_000
KEPT = 100
"""How many candidates with the smallest alphabets are kept of each law."""

FLOAT_MARGIN = 1e-10
"""Candidates with a smaller violation in floating point are not looked at exactly; this can only miss, never err."""


def readable(statement: Statement) -> bool:
    """Whether the statement is about an arbitrary joint law of its variables, entropies and sizes only."""
    about = statement.about
    if not (statement.is_information and isinstance(about, Box)) or about.deterministic:
        return False
    sizes = {node.alphabet for node in walk((statement.holds, statement.given)) if isinstance(node, Size)}
    if len(set(about.cod)) < len(about.cod) or not sizes <= set(about.cod):
        return False
    try:
        wires = read(statement)
        return all(wires.gap(relation) is not None for relation in (statement.holds, *statement.given))
    except NotLinearError:
        return False


@lru_cache
def partitions(atoms: int) -> tuple[Partition, ...]:
    """All partitions of the atoms, fewest blocks first."""
    found: list[Partition] = [()]
    for _ in range(atoms):
        found = [(*p, block) for p in found for block in range(max(p, default=-1) + 2)]
    return tuple(sorted(found, key=lambda p: (max(p), p)))


@lru_cache
def laws(atoms: int, denominator: int = 6) -> tuple[tuple[Fraction, ...], ...]:
    """Positive laws on the atoms with a common denominator up to `denominator`, up to order, smallest first."""
    found = set()
    for common in range(atoms, denominator + 1):
        for parts in combinations_with_replacement(range(1, common), atoms - 1) if atoms > 1 else ((),):
            rest = common - sum(parts)
            if rest >= (parts[-1] if parts else 1):
                found.add(tuple(sorted(Fraction(n, common) for n in (*parts, rest))))
    return tuple(sorted(found, key=lambda law: (max(x.denominator for x in law), law)))


@dataclass(frozen=True)
class Candidate:
    """Weights of the atoms, and for each variable of the statement the partition that it is."""

    law: tuple[Fraction, ...]
    choice: tuple[Partition, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(max(p) + 1 for p in self.choice)

    def joint(self) -> list[Fraction]:
        """The joint law of the variables, row-major."""
        sizes = self.sizes
        table = [Fraction(0)] * _product(sizes)
        for atom, weight in enumerate(self.law):
            place = 0
            for size, partition in zip(sizes, self.choice):
                place = place * size + partition[atom]
            table[place] += weight
        return table

    def key(self) -> tuple[int, int, int, tuple[int, ...], tuple[Fraction, ...]]:
        """Smallest: product of alphabet sizes, atoms, largest denominator, then the law itself (mass first)."""
        table = self.joint()
        filled = [x for x in table if x]
        order = tuple(-x for x in table)
        return (_product(self.sizes), len(filled), max(x.denominator for x in filled), self.sizes, order)


def _product(sizes: tuple[int, ...]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


class PartitionSearch:
    """Searches the laws with up to `most_atoms` atoms for a counterexample to one statement."""

    def __init__(self, statement: Statement, most_atoms: int = 4) -> None:
        self.statement = statement
        self.wires: Wires = read(statement)
        self.met = 0  # laws that meet the hypotheses, in floating point
        self.most_atoms = most_atoms
        self.gap = scaled(self.wires.gap(statement.holds))
        self.hypotheses = [(scaled(self.wires.gap(r)), isinstance(r, Equal)) for r in statement.given]

    def smallest(self) -> Instance | None:
        """The smallest counterexample among the laws tried, or None."""
        found: list[Candidate] = []
        for atoms in range(1, self.most_atoms + 1):
            if len(partitions(atoms)) ** len(self.wires.live) > MOST_CHOICES:
                break
            for law in laws(atoms):
                found += self._violations(law)
        for candidate in sorted(found, key=Candidate.key):
            for named in _letterings(candidate):
                instance = self._instance(named)
                evaluator = Evaluator(self.statement, instance)
                if evaluator.meets(self.statement.given) and evaluator.violation(self.statement.holds) is not None:
                    return instance
        return None

    def _instance(self, candidate: Candidate) -> Instance:
        about = self.statement.about
        assert isinstance(about, Box)
        chosen = dict(zip(self.wires.live, zip(candidate.choice, candidate.sizes)))
        outputs = [self.wires.outputs[name] for name in wire_names(about.cod)]
        sizes = [chosen[wire][1] if wire in chosen else 1 for wire in outputs]
        full = Candidate(
            candidate.law, tuple(chosen[w][0] if w in chosen else (0,) * len(candidate.law) for w in outputs)
        )
        table = full.joint()
        return Instance(dict(zip(about.cod, sizes)), {about.name: Kernel([table], (), tuple(sizes))})

    def _violations(self, law: tuple[Fraction, ...]) -> list[Candidate]:
        """Candidates on this law that violate the claim and meet the hypotheses in floating point, a few smallest."""
        import numpy as np

        blocks = partitions(len(law))
        count = len(self.wires.live)
        entropy, join = _tables(law)
        values: dict[int, NDArray[np.float64]] = {}
        codes: dict[int, NDArray[np.int64]] = {0: np.zeros((1,) * count, dtype=np.int64)}
        for mask in range(1, 1 << count):
            low = (mask & -mask).bit_length() - 1
            shape = [1] * count
            shape[low] = len(blocks)
            own = np.arange(len(blocks)).reshape(shape)
            codes[mask] = join[codes[mask & (mask - 1)], own]
            values[mask] = entropy[codes[mask]]
        log_sizes = np.log(np.array([max(p) + 1 for p in blocks], dtype=float))

        def total(form: Linear) -> NDArray[np.float64]:
            result = np.zeros((len(blocks),) * count)
            for key, coefficient in form.items():
                if isinstance(key, int):
                    result = result + float(coefficient) * values[key]
                elif key == "1":
                    result = result + float(coefficient)
                else:
                    result = result + float(coefficient) * log_sizes.reshape(self._axis(key, count, len(blocks)))
            return result

        gap = total(self.gap)
        met = np.ones_like(gap, dtype=bool)
        for form, equal in self.hypotheses:
            slack = total(form)
            met &= np.abs(slack) < FLOAT_MARGIN if equal else slack > -FLOAT_MARGIN
        self.met += int(met.sum())
        violates = np.abs(gap) > FLOAT_MARGIN if isinstance(self.statement.holds, Equal) else gap < -FLOAT_MARGIN
        bad = met & violates
        blocks_of = np.array([max(p) + 1 for p in blocks])
        letters = np.ones((1,) * count, dtype=np.int64)
        for axis in range(count):
            letters = letters * blocks_of.reshape([-1 if i == axis else 1 for i in range(count)])
        if not bad.any():
            return []
        places = np.argwhere(bad & (letters == letters[bad].min()))[:KEPT]  # only the smallest alphabets can win
        return [Candidate(law, tuple(blocks[i] for i in place)) for place in places]

    def _axis(self, key: str, count: int, length: int) -> list[int]:
        """The shape along which the size of a variable's alphabet varies."""
        about = self.statement.about
        assert about is not None
        place = [f"log|{part.name}|" for part in about.cod].index(key)
        wire = self.wires.outputs[wire_names(about.cod)[place]]
        shape = [1] * count
        shape[self.wires.live.index(wire)] = length
        return shape


@lru_cache
def _tables(law: tuple[Fraction, ...]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The entropy of each partition under the law, and the number of the common refinement of each two."""
    import numpy as np

    blocks = partitions(len(law))
    number = {partition: i for i, partition in enumerate(blocks)}
    weights = np.array([float(x) for x in law])
    entropy = np.zeros(len(blocks))
    for i, partition in enumerate(blocks):
        mass = np.bincount(partition, weights=weights)
        entropy[i] = -float(np.sum(mass * np.log(mass)))
    join = np.array([[number[_relabel(zip(p, q))] for q in blocks] for p in blocks], dtype=np.int64)
    return entropy, join


def _relabel(pairs: Iterator[tuple[int, int]] | zip[tuple[int, int]]) -> Partition:
    names: dict[tuple[int, int], int] = {}
    return tuple(names.setdefault(pair, len(names)) for pair in pairs)


def _letterings(candidate: Candidate) -> Iterator[Candidate]:
    """The candidate with its letters renamed, the smallest table first (sizes stay; only the writing changes)."""
    options = [
        [tuple(order[b] for b in partition) for order in permutations(range(max(partition) + 1))]
        for partition in candidate.choice
    ]
    total = _product(tuple(len(option) for option in options))
    if total > 5_000:
        yield candidate
        return
    yield min((Candidate(candidate.law, tuple(choice)) for choice in product(*options)), key=Candidate.key)
