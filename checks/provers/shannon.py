"""The prover of Shannon-type inequalities and identities, with exact multipliers.

The gap (right minus left) of a statement is a linear form over the joint entropies of its wires. It is proved when it
is a combination of facts: Shannon's inequalities and log|X| >= H(X) with multipliers >= 0, and, with any sign, what
the diagram forces (each box's outputs depend on the rest of the past through its inputs; deterministic boxes) and what
`given` assumes. Three programs are tried, small ones first: on the sets near the statement's own, on orbits where
variables can be exchanged, and on the whole lattice of sets that the statement needs.

Source: Yeung, "A framework for linear information inequalities" (IEEE IT 43, 1997).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from typing import Any

from lmlaws.theory.expressions import Entropy, Equal, Expr, Information, Size, walk
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import wire_names

from ..engine import Budget
from ..evidence import certificate
from ..verdicts import Proved, Undecided, Verdict
from .child import Failure
from .elementals import Closure, Fact, dependencies, lattice, lattice_facts, monotone, special_facts, submodular
from .linear import Linear, NotLinearError, Wires, combine
from .programs_lp import INFEASIBLE, multipliers
from .symmetry import by_orbits, classes

WIRES = 64
"""The most wires of a statement that is read."""
SETS = 4096
"""The most sets of wires on which the whole program is set up: all sets of 12 wires."""
FACTS = 70_000
"""The most facts in one program: 12 wires have 67,596 elemental inequalities."""
SMALL = 8
"""Up to so many sets (all those of 3 wires) the sets near the statement's are not tried first."""
NEAR = 100
"""The most sets of a statement for which those near them are tried first; they may become twice as many."""

Proof = list[tuple[Fraction, Fact]]


class ShannonProver:
    """Proves linear relations between entropies: of any 10 wires, of more where few sets of them matter."""

    name = "shannon"
    exact = True

    def accepts(self, statement: Statement) -> str | None:
        relations = (statement.holds, *statement.given)
        if not all(isinstance(side, Expr) for relation in relations for side in (relation.left, relation.right)):
            return "not a relation between entropies"
        try:
            wires = read(statement)
            for relation in relations:
                wires.gap(relation)
        except NotLinearError as problem:
            return str(problem) if statement.is_information else "not a relation between entropies"
        if len(wires.live) > WIRES:
            return f"{len(wires.live)} random variables; this prover reads up to {WIRES}"
        return None

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        wires = read(statement)
        special = special_facts(statement, wires)
        steps: dict[str, Any] = {}
        for direction, target in targets(statement, wires).items():
            found = combination(target, special, budget)
            if isinstance(found, Failure):
                what = "not shown to follow from Shannon's inequalities"
                if found == INFEASIBLE:
                    what, found = "not a consequence of Shannon's inequalities", Failure(f"direction {direction}")
                return Undecided(self.name, f"{what} ({found.reason})")
            steps[direction] = [[str(value), fact.cited(wires)] for value, fact in found]
        return Proved(self.name, certificate("shannon", statement, steps))


def targets(statement: Statement, wires: Wires) -> dict[str, Linear]:
    """The forms that must be >= 0, as a certificate names them: right - left, and left - right for an equation."""
    gap = wires.gap(statement.holds)
    return {"<=": gap, ">=": combine((-1, gap))} if isinstance(statement.holds, Equal) else {"<=": gap}


def read(statement: Statement) -> Wires:
    """The wires of a statement that its relations mention."""
    mentioned: set[str] = set()
    kind = statement.about.cod if statement.about is not None else ()
    for node in walk((statement.holds, statement.given)):
        if isinstance(node, Entropy):
            mentioned.update(node.of, node.given)
        elif isinstance(node, Information):
            mentioned.update(node.given, *node.groups)
        elif isinstance(node, Size):
            mentioned.update(name for name, part in zip(wire_names(kind), kind) if part == node.alphabet)
    return Wires.of(statement.about, mentioned)


def combination(target: Linear, special: Sequence[Fact], budget: Budget) -> Proof | Failure:
    """Multiples of the special facts and of Shannon's inequalities that add up to the target; Failure with the reason.

    Every set of wires is first replaced by its closure under functions, and the answer corrected for that at the end.
    """
    family = {key for form in (target, *(fact.form for fact in special)) for key in form if isinstance(key, int)}
    closure = Closure(dependencies(special))
    sets = lattice(family, closure, SETS)
    if (sets is None or len(sets) > SMALL) and len(family) <= NEAR:
        near = near_sets(closure.form(target), {closure.close(s) for s in family}, closure)
        found = _solved(target, [*special, *near_facts(near, closure)], closure, budget)
        if not isinstance(found, Failure):
            return found
    for closed in (closure, Closure()):  # functions may make the facts more, though the sets fewer
        sets = lattice(family, closed, SETS)
        facts = None if sets is None else lattice_facts(sets, closed, FACTS)
        if facts is not None:
            return _solved(
                target,
                [*special, *facts],
                closed,
                budget,
                classes(target, special, max(family, default=0).bit_length()),
            )
    return Failure(f"the sets of variables near its own do not suffice, and all are more than {SETS:,}")


def _solved(
    target: Linear, facts: Sequence[Fact], closure: Closure, budget: Budget, groups: Sequence[int] = ()
) -> Proof | Failure:
    """The program on closed sets, on orbits where the groups of exchangeable variables are large; then corrected."""
    columns = [replace(fact, form=closure.form(fact.form)) for fact in facts] if closure.known else facts
    goal = closure.form(target)
    if any(group.bit_count() > 2 for group in groups):
        found = by_orbits(goal, columns, groups, budget.left())
    else:
        found = multipliers(goal, columns, budget.left())
    if isinstance(found, Failure):
        return found
    proof = [(value, facts[at]) for at, value in found.items()]
    rest = combine((1, target), *((-value, fact.form) for value, fact in proof))
    return [*proof, *closure.corrections(rest)]


def near_sets(target: Linear, family: set[int], closure: Closure) -> list[int]:
    """The sets of a target and its facts, with those that come up as its positive sets are uncrossed, greedily.

    Uncrossing replaces two sets by their union and their intersection: each step is one submodular inequality, and
    where it ends in the target's negative sets (as for Han's inequality) these steps are the proof.
    """
    sets, weight = {closure.nothing, *family}, {key: value for key, value in target.items() if isinstance(key, int)}

    def needed(s: int) -> bool:
        return weight.get(s, 0) < 0

    for _ in range(NEAR):
        positive = sorted(s for s, value in weight.items() if value > 0)
        crossing = [(s, t, closure.close(s | t)) for s, t in combinations(positive, 2) if s & t not in (s, t)]
        if not crossing or len(sets) > 2 * NEAR:
            break
        s, t, join = max(crossing, key=lambda pair: needed(pair[2]) + needed(pair[0] & pair[1]))
        times = min(weight[s], weight[t])
        for key, sign in ((s, -1), (t, -1), (join, 1), (s & t, 1)):
            weight[key] = weight.get(key, Fraction(0)) + sign * times
        sets.update((join, s & t))
    return sorted(sets)


def near_facts(sets: Sequence[int], closure: Closure) -> list[Fact]:
    """Monotone and submodular where all sets that occur are among these."""
    known, facts = frozenset(sets), list[Fact]()
    for s, t in combinations(sets, 2):
        if not s & ~t:
            facts.append(monotone(s, t))
        elif s & t in known and closure.close(s | t) in known and t & ~s:
            facts.append(submodular(s, t))
    return facts
