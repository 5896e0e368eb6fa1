"""The search for exact counterexamples, smallest first; and the engine that says *holds* when there is none.

Relations between entropies go through partitions of a few atoms; everything else through products of small complete
domains, in order of alphabet sizes. Where a product is too large it is sampled, with a seed that the statement fixes,
and what is found is shrunk. A last round draws dyadic laws near the edge. Every verdict is an exact evaluation.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

from lmlaws.theory.expressions import DivergenceOf, Entry, Equal, walk
from lmlaws.theory.statements import Statement

from ..engine import Budget
from ..verdicts import Holds, Refuted, Undecided, Verdict
from . import domains
from .domains import Sort, assemble, complexity
from .instances import Evaluator, Instance, UnevaluableError, as_json
from .numbers import Exact
from .numbers import Undecided as UndecidedOrder
from .partitions import PartitionSearch, readable

LEAST_SAMPLE = 40
"""How many instances of one choice of sizes are tried at the least, where they are too many to try all."""

MOST_LETTERS = 16
"""The largest product of alphabet sizes from which instances are taken."""


NONE_MET = "0 instances met the hypotheses"


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
        if readable(statement):
            search = PartitionSearch(statement)
            found = search.smallest()
            if found is not None:
                return self._refuted(statement, found)
            if statement.given:  # laws that meet conditions exactly come from the partitions alone
                if not search.met:
                    return Undecided(self.name, NONE_MET)
                space = "joint laws with up to 4 atoms, denominators up to 6, scanned in floating point with margin"
                return Holds(self.name, instances=search.met, record={"space": space})
            budget = Budget(budget.seconds, budget.instances // 4)  # what is left to do is to count exact instances
        return self._enumerate(statement, budget)

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

    def _enumerate(self, statement: Statement, budget: Budget) -> Verdict:
        tally = Tally()
        things = domains.sorts(statement)
        seed = random.Random(int(statement.hash[:16], 16))
        groups = [group for group in domains.size_choices(statement) if prod(group[0].values()) <= MOST_LETTERS]
        share = max(LEAST_SAMPLE, budget.instances // (2 * len(groups) + 1))
        for sizes, dimensions in groups:
            for denominator in (2, domains.DENOMINATOR):
                spaces = [domains.domain(thing, sizes, dimensions, denominator) for thing in things]
                for chosen in _choices(things, spaces, seed, share):
                    if not budget.left():
                        return self._counted(tally)
                    if violated(statement, assemble(chosen, sizes), tally):
                        smallest = _shrink(statement, chosen, spaces, sizes, budget)
                        return self._refuted(statement, assemble(smallest, sizes))
        edge = self._edge(statement, things, tally, budget, seed)
        if edge is not None:
            return self._refuted(statement, edge)
        return self._counted(tally)

    def _edge(
        self, statement: Statement, things: tuple[Sort, ...], tally: Tally, budget: Budget, seed: random.Random
    ) -> Instance | None:
        """Two letters, dyadics up to 1/64 near the edge, where strict inequalities with sharp constants fail first."""
        boxes = [thing for thing in things if thing.kind == "box" and not thing.what.deterministic]
        if len(boxes) != len(things) or not any(isinstance(n, DivergenceOf | Entry) for n in walk(statement)):
            return None
        sizes = dict.fromkeys(statement.objects, 2)
        rows = [(x, 1 - x) for x in sorted({r[0] for r in (*domains.edge_laws(2), *domains.laws(2))})]
        spaces = []
        for thing in boxes:
            inputs = prod(2 for _ in thing.what.dom)
            if len(thing.what.cod) != 1 or inputs > 2:
                return None
            spaces.append(list(product(rows, repeat=inputs)))
        for chosen in _choices(tuple(boxes), spaces, seed, 1_000):
            if not budget.left():
                break
            if violated(statement, assemble(chosen, sizes), tally):
                return assemble(chosen, sizes)
        return None

    def _counted(self, tally: Tally) -> Verdict:
        record = {
            "space": "finite kernels on up to 3 letters, denominators up to 6, then dyadics to 1/64 near the edge",
            "outside the hypotheses": tally.outside,
            "without exact value": tally.unevaluable,
        }
        if tally.evaluated:
            return Holds(self.name, instances=tally.evaluated, record=record)
        if tally.unevaluable:
            return Undecided(
                self.name, f"no instance has an exact value: {max(tally.reasons, key=tally.reasons.__getitem__)}"
            )
        return Undecided(self.name, NONE_MET)


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


def _choices(
    things: tuple[Sort, ...], spaces: list[list[Any]], seed: random.Random, most: int
) -> Iterator[dict[Sort, Any]]:
    """All choices, simplest first, where there are few; else a sample in the same order."""
    count = prod(len(space) for space in spaces)
    if count <= 4 * most:
        chosen = [dict(zip(things, values)) for values in product(*spaces)]
    else:
        chosen = [{thing: seed.choice(space) for thing, space in zip(things, spaces)} for _ in range(most)]
    yield from sorted(chosen, key=complexity)


def _shrink(
    statement: Statement, chosen: dict[Sort, Any], spaces: list[list[Any]], sizes: domains.Sizes, budget: Budget
) -> dict[Sort, Any]:
    """Replace one value at a time by a simpler one as long as the statement stays violated."""
    tally = Tally()
    best, improved = dict(chosen), True
    while improved and budget.left():
        improved = False
        for thing, space in zip(list(best), spaces):
            for value in space[:400]:
                trial = {**best, thing: value}
                if complexity(trial) >= complexity(best) or not budget.left():
                    continue
                if violated(statement, assemble(trial, sizes), tally):
                    best, improved = trial, True
                    break
    return best
