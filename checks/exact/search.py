"""The search for exact counterexamples, smallest first; and the engine that says *holds* when there is none.

Relations between entropies go through partitions of a few atoms; everything else through the instances of small
sizes, level by level: all choices of sizes with one product together, in the order of the contract, symmetric copies
once. How far a level is complete, the number of instances decides and the record says; above that it is sampled, with
a seed that the statement fixes. Dyadic laws near the edges come last. What is found is made smaller as long as
something smaller is a violation too. Every verdict is an exact evaluation.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, product

from lmlaws.theory.expressions import Equal
from lmlaws.theory.statements import Statement

from ..engine import Budget
from ..verdicts import Holds, Refuted, Undecided, Verdict
from . import domains, spaces
from .domains import HEIGHT
from .instances import Evaluator, Instance, UnevaluableError, as_json
from .numbers import Exact
from .numbers import Undecided as UndecidedOrder
from .partitions import PartitionSearch, readable
from .shrinking import shrink
from .spaces import LETTERS, Choice, Shape, Space

LEAST = 40
"""How many instances of a level may be tried at the least, and how many are sampled where it is not complete."""

LEAST_EDGE = 200
"""How many instances near the edges are tried at the least."""

MOST_LETTERS = 32
"""The largest product of alphabet sizes and dimensions from which instances are taken."""

NONE_MET = "0 instances met the hypotheses"
STOPPED = "smallest first until the time was up, before the number of instances was reached"


@dataclass
class Tally:
    """What a search tried: instances evaluated, those outside the exact numbers, those outside the hypotheses."""

    evaluated: int = 0
    unevaluable: int = 0
    outside: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def skipped(self, reason: str) -> None:
        self.unevaluable += 1
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


class SearchEngine:
    """Evaluates a statement on exact instances: refutes it with the smallest counterexample found, or counts."""

    name = "search"
    exact = True

    def accepts(self, statement: Statement) -> str | None:
        if not statement.objects:
            return "nothing to take instances of"
        return None

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        run = Run(statement, budget)
        if readable(statement):
            search = PartitionSearch(statement)
            found = search.smallest()
            if found is not None:
                return self._refuted(statement, found)
            run.notes.append(f"beside them {search.met:,} joint laws of a few atoms, sifted in floating point")
            if not statement.given:
                run.left //= 4  # what is left to do is to count exact instances
        smallest = run.counterexample()
        return run.counted(self.name) if smallest is None else self._refuted(statement, smallest.instance())

    def _refuted(self, statement: Statement, instance: Instance) -> Refuted:
        violation = Evaluator(statement, instance).violation(statement.holds)
        assert violation is not None
        left, right = violation
        relation = "=" if isinstance(statement.holds, Equal) else "<="
        example = {
            **as_json(statement, instance),
            "left": str(left),
            "right": str(right),
            "relation": relation,
            "left_decimal": decimal(left),
            "right_decimal": decimal(right),
        }
        return Refuted(self.name, counterexample=example)


def decimal(value: Exact) -> str:
    """A decimal beside an exact value; infinities as inf."""
    return value.decimal(10) if value.is_finite() else str(value)


def violated(statement: Statement, instance: Instance, tally: Tally) -> bool:
    """Whether the instance meets the hypotheses and breaks the statement; counts what it was."""
    evaluator = Evaluator(statement, instance)
    try:
        if not evaluator.meets(statement.given):
            tally.outside += 1
            return False
        broken = evaluator.violation(statement.holds) is not None
    except (UnevaluableError, UndecidedOrder) as problem:
        tally.skipped(str(problem))
        return False
    tally.evaluated += 1
    return broken


class OutOfTimeError(RuntimeError):
    """The budget's seconds are spent: the emergency stop, for verdicts depend on numbers of instances."""


class Run:
    """One search through the instances of one statement."""

    def __init__(self, statement: Statement, budget: Budget) -> None:
        self.statement, self.budget = statement, budget
        self.tally = Tally()
        self.left = budget.instances
        self.measure = "heights" if statement.heads else "denominators"
        self.all_levels = list(spaces.levels(statement))
        self.levels = [level for level in self.all_levels if level[0].product <= MOST_LETTERS]
        self.heights: dict[int, int] = {}
        """Of each level, by its product, the height up to which all its instances are tried; 0 if none is."""
        self.drawn: set[tuple[object, ...]] = set()
        """The keys of the instances that came by chance."""
        self.notes: list[str] = []
        self.stopped = False
        self.random = random.Random(int(statement.hash[:16], 16))

    def counterexample(self) -> Choice | None:
        """The smallest violation found, or None."""
        found = None
        try:
            found = self._first(self._complete_or_sampled()) or self._first(self._near_edges())
            return None if found is None else self._smallest(found)
        except OutOfTimeError:
            self.stopped = True
            return found

    def _first(self, choices: Iterable[Choice]) -> Choice | None:
        for choice in choices:
            self.left -= 1
            if self._breaks(choice):
                return choice
        return None

    def _breaks(self, choice: Choice) -> bool:
        if not self.budget.left():
            raise OutOfTimeError
        return violated(self.statement, choice.instance(), self.tally)

    def _complete_or_sampled(self) -> Iterator[Choice]:
        """Every level up to the height that can be afforded, then a sample of the rest of it."""
        sampled, reserve = 0, self.left // 5  # for the edges
        for shapes in self.levels:
            allowance = max(LEAST, (self.left - reserve) * 2 // 3)
            height = affordable(shapes, allowance)
            self.heights[shapes[0].product] = height
            if height:
                yield from ordered([spaces.space(shape, height) for shape in shapes])
            if height < HEIGHT:
                draws = max(LEAST, allowance // 4)
                sample = self._new(spaces.drawn(self.random.choice(shapes), self.random) for _ in range(draws))
                sampled += len(sample)
                yield from sample
        if sampled:
            self.notes.append(f"{sampled:,} sampled above, {self.measure} up to {HEIGHT}")

    def _near_edges(self) -> Iterator[Choice]:
        """Two and then three letters each, dyadics up to 1/64 near the edges, where sharp constants fail first."""
        told = []
        for letters in (2, 3):
            even = (shape for shape in chain(*self.levels) if {*shape.sizes.values()} == {letters})
            space = next(filter(None, map(spaces.edge_space, even)), None)
            if space is None:
                continue
            most = max(LEAST_EDGE, self.left * 2 // 3)
            atoms, spent = affordable_atoms([space], most)
            yield from filter(self._untried, ordered([space], atoms))
            if len(atoms) < len(space.counts):
                draws = (space.drawn(self.random) for _ in range(most - spent))
                yield from self._new(choice for choice in draws if choice.atoms not in atoms)
            told.append(f"{'all' if len(atoms) == len(space.counts) else 'a sample'} on {letters} letters")
        if told:
            self.notes.append(f"dyadics to 1/64 near the edges: {', '.join(told)}")

    def _untried(self, choice: Choice) -> bool:
        """Whether an instance is neither in the complete part of its level nor came by chance before."""
        return choice.height > self.heights[choice.shape.product] and choice.key not in self.drawn

    def _new(self, draws: Iterable[Choice]) -> list[Choice]:
        """The instances drawn that were not tried, each once, smallest first."""
        new = {choice.key: choice for choice in draws if self._untried(choice)}
        self.drawn.update(new)
        return [new[key] for key in sorted(new)]

    def _smallest(self, found: Choice) -> Choice:
        """The smallest violation that single steps lead to, then the first one among all that are smaller."""
        most = max(LEAST_EDGE, self.budget.instances)
        if found.height > self.heights[found.shape.product]:  # it came by chance, or near the edges
            found = shrink(found, self._breaks, most)
        if self.heights[found.shape.product] == HEIGHT:
            return found
        level = [spaces.space(s) for s in chain(*self.levels) if s.product == found.shape.product]
        atoms, _ = affordable_atoms(level, most)
        for choice in ordered(level, [n for n in atoms if n <= found.atoms]):
            if choice.key >= found.key:
                break
            if self._untried(choice) and self._breaks(choice):
                return choice
        return found

    def counted(self, engine: str) -> Verdict:
        """What a search says that found nothing."""
        tally = self.tally
        if tally.evaluated:
            record = {
                "space": "; ".join([STOPPED] if self.stopped else [*self._completeness(), *self.notes]),
                "outside the hypotheses": tally.outside,
                "without exact value": tally.unevaluable,
            }
            return Holds(engine, instances=tally.evaluated, record=record)
        reason = NONE_MET
        if tally.unevaluable:
            reason = f"no instance has an exact value: {max(tally.reasons, key=tally.reasons.__getitem__)}"
        return Undecided(engine, "; ".join([reason, STOPPED] if self.stopped else [reason]))

    def _completeness(self) -> Iterator[str]:
        """Up to how many letters, with which denominators, every instance was tried."""
        told = 0
        for dimension, letters in product((2, 1) if self.statement.heads else (0,), range(LETTERS, 1, -1)):
            levels = {shape.product for shape in chain(*self.all_levels) if shape.within(letters, dimension)}
            height = min((self.heights.get(level, 0) for level in levels), default=0)
            if height > told:
                told = height
                where = f"{letters} letters{f' in dimension {dimension}' if dimension else ''}"
                yield f"all on up to {where} with {self.measure} up to {height}, symmetric copies once"


def affordable(shapes: Sequence[Shape], most: int) -> int:
    """The height up to which there are about `most` instances of these shapes, symmetric copies once; 0 for none."""
    widths = {shape.width(cell) for shape in shapes for cell in shape.cells if cell.kind == "box"}
    reach = min(map(domains.affordable, widths), default=HEIGHT)
    for height in range(reach, 0, -1):
        if sum(max(1, spaces.size(shape, height) // shape.copies) for shape in shapes) <= most:
            return height
    return 0


def affordable_atoms(spaces: Sequence[Space], most: int) -> tuple[list[int], int]:
    """The numbers of atoms of which there are about `most` instances in all, and about how many those are."""
    atoms, spent = [], 0
    for n in sorted({n for space in spaces for n in space.counts}):
        more = sum(-(-space.counts.get(n, 0) // space.shape.copies) for space in spaces)
        if spent + more > most:
            break
        atoms.append(n)
        spent += more
    return atoms, spent


def ordered(spaces: Sequence[Space], atoms: Iterable[int] | None = None) -> Iterator[Choice]:
    """The instances with these numbers of atoms (all, if None) in the order of the contract, symmetric copies once."""
    ranked = sorted(spaces, key=lambda space: space.shape.sizes_key)
    for n in sorted({n for space in spaces for n in space.counts}) if atoms is None else atoms:
        shell = [(largest, i, numbers) for i, space in enumerate(ranked) for largest, numbers in space.shell(n)]
        for _, i, numbers in sorted(shell):
            yield ranked[i].choice(numbers)
