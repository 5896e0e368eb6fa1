"""The prover of Shannon-type inequalities and identities, with exact multipliers.

The gap (right minus left) of a statement is a linear form over the joint entropies of its wires. It is proved when it
is a combination of facts: elemental inequalities and log|X| >= H(X) with multipliers >= 0, and, with any sign, what
the diagram forces (each box's outputs depend on the rest of the past through its inputs; deterministic boxes) and what
`given` assumes. A floating-point LP finds which facts to use; exact rational elimination gives the multipliers, and
only they count. Where rounding fails, z3's exact linear arithmetic decides.

Source: Yeung, "A framework for linear information inequalities" (IEEE IT 43, 1997).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import Any

from lmlaws.theory.expressions import Entropy, Equal, Information, Size, walk
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import wire_names

from ..engine import Budget
from ..evidence import certificate
from ..verdicts import Proved, Undecided, Verdict
from .linear import Coordinate, Linear, NotLinearError, Wires, combine, scaled

LIMIT = 8
"""The most wires for which the elemental inequalities are listed (1,820 of them over 255 entropies)."""


@dataclass(frozen=True)
class Fact:
    """A linear form that is >= 0 (or = 0, when `signed`), and how a certificate cites it."""

    form: Linear
    cite: list[Any]
    signed: bool = False


class ShannonProver:
    """Proves linear relations between entropies of up to 8 wires."""

    name = "shannon"
    exact = True

    def accepts(self, statement: Statement) -> str | None:
        if not statement.is_information or statement.about is None:
            return "not a relation between entropies"
        try:
            wires = read(statement)
            for relation in (statement.holds, *statement.given):
                wires.gap(relation)
        except NotLinearError as problem:
            return str(problem)
        if len(wires.live) > LIMIT:
            return f"{len(wires.live)} random variables; this prover takes up to {LIMIT}"
        return None

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        wires = read(statement)
        facts = list(all_facts(statement, wires))
        gap = wires.gap(statement.holds)
        steps: dict[str, Any] = {}
        targets = {"<=": gap}
        if isinstance(statement.holds, Equal):
            targets[">="] = combine((-1, gap))
        for direction, target in targets.items():
            found = multipliers(target, facts, budget)
            if found is None:
                return Undecided(self.name, f"not a consequence of Shannon's inequalities (direction {direction})")
            steps[direction] = [[str(value), fact.cite] for value, fact in found]
        return Proved(self.name, certificate("shannon", statement, steps))


def read(statement: Statement) -> Wires:
    """The wires of a statement that its relations mention."""
    assert statement.about is not None
    mentioned: set[str] = set()
    for node in walk((statement.holds, statement.given)):
        if isinstance(node, Entropy):
            mentioned.update(node.of, node.given)
        elif isinstance(node, Information):
            mentioned.update(node.given, *node.groups)
        elif isinstance(node, Size):
            names = zip(wire_names(statement.about.cod), statement.about.cod)
            mentioned.update(name for name, part in names if part == node.alphabet)
    return Wires.of(statement.about, mentioned)


def _conditional_entropy(a: int, given: int) -> Linear:
    return combine((1, {a | given: Fraction(1)}), (-1, {given: Fraction(1)} if given else {}))


def _information(a: int, b: int, given: int) -> Linear:
    return combine((1, _conditional_entropy(a, given)), (-1, _conditional_entropy(a, given | b)))


def elementals(wires: Wires) -> Iterator[Fact]:
    """H(i | rest) >= 0 and I(i; j | K) >= 0: every Shannon-type inequality is a combination of these."""
    count = len(wires.live)
    full = (1 << count) - 1
    for i in range(count):
        rest = full & ~(1 << i)
        yield Fact(_conditional_entropy(1 << i, rest), ["H", wires.wires(1 << i), wires.wires(rest)])
    for i, j in combinations(range(count), 2):
        others = [k for k in range(count) if k not in (i, j)]
        for size in range(len(others) + 1):
            for some in combinations(others, size):
                given = sum(1 << k for k in some)
                cite = ["I", wires.wires(1 << i), wires.wires(1 << j), wires.wires(given)]
                yield Fact(_information(1 << i, 1 << j, given), cite)


def diagram_facts(wires: Wires) -> Iterator[Fact]:
    """What each box forces: its outputs meet the earlier wires only through its inputs."""
    for number, call in wires.calls():
        made, reads = wires.mask(call.makes), wires.mask(call.reads)
        earlier = wires.mask({wire for wire in wires.live if wire < call.makes[0]}) & ~reads
        if earlier:
            cite = ["box", number, wires.wires(made), wires.wires(earlier)]
            yield Fact(_information(made, earlier, reads), cite, signed=True)
        if call.box.deterministic:
            yield Fact(_conditional_entropy(made, reads), ["function", number, wires.wires(made)], signed=True)


def all_facts(statement: Statement, wires: Wires) -> Iterator[Fact]:
    """Elementals, diagram, hypotheses, and log|X| >= H(X) for the sizes that the statement mentions."""
    yield from elementals(wires)
    yield from diagram_facts(wires)
    sizes = {key for relation in (statement.holds, *statement.given) for key in wires.gap(relation)}
    kinds = {wire: part for _, call in wires.calls() for wire, part in zip(call.makes, call.box.cod)}
    for wire in wires.live:
        size = f"log|{kinds[wire].name}|"
        if size in sizes:
            form: Linear = {size: Fraction(1), wires.mask({wire}): Fraction(-1)}
            yield Fact(form, ["size", wire])
    for number, relation in enumerate(statement.given):
        yield Fact(wires.gap(relation), ["given", number], signed=isinstance(relation, Equal))


def multipliers(target: Linear, facts: list[Fact], budget: Budget) -> list[tuple[Fraction, Fact]] | None:
    """Exact multipliers under which the facts add up to the target, or None when there are none.

    The LP's answer is only a hint about which facts to use.
    """
    rows = list(dict.fromkeys(key for form in (target, *(fact.form for fact in facts)) for key in form))
    columns = [fact for fact in facts if fact.form]
    if not target:
        return []
    hint = _linear_program(scaled(target), [replace(fact, form=scaled(fact.form)) for fact in columns], rows)
    if hint is None:
        return None
    for least in (1e-7, 0.0):
        found = _solve([fact for fact, x in zip(columns, hint) if abs(x) > least], target, rows)
        if found is not None:
            return found
    return _exact_program(target, columns, rows, budget)


def _linear_program(target: Linear, columns: list[Fact], rows: list[Coordinate]) -> list[float] | None:
    """A basic solution of the feasibility LP in floating point, or None when HiGHS finds it infeasible."""
    import highspy
    import numpy as np

    place = {key: i for i, key in enumerate(rows)}
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(columns), len(rows)
    starts = np.cumsum([0, *(len(fact.form) for fact in columns)])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = starts
    lp.a_matrix_.index_ = np.array([place[key] for fact in columns for key in fact.form])
    lp.a_matrix_.value_ = np.array([float(value) for fact in columns for value in fact.form.values()])
    side = np.array([float(target.get(key, 0)) for key in rows])  # scaled: only the support of the answer counts
    lp.row_lower_, lp.row_upper_ = side, side
    lp.col_cost_ = np.array([0.0 if fact.signed else 1.0 for fact in columns])
    lp.col_lower_ = np.array([-highspy.kHighsInf if fact.signed else 0.0 for fact in columns])
    lp.col_upper_ = np.full(len(columns), highspy.kHighsInf)
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.passModel(lp)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return list(solver.getSolution().col_value)


def _solve(chosen: list[Fact], target: Linear, rows: list[Coordinate]) -> list[tuple[Fraction, Fact]] | None:
    """Solve for the multipliers of the chosen facts by exact elimination; None unless they exist and have the signs."""
    from flint import fmpq, fmpq_mat

    if not chosen:
        return None
    table = [[fact.form.get(row, Fraction(0)) for fact in chosen] + [target.get(row, Fraction(0))] for row in rows]
    matrix = fmpq_mat([[fmpq(x.numerator, x.denominator) for x in line] for line in table])
    reduced, rank = matrix.rref()
    values = [Fraction(0)] * len(chosen)
    for i in range(rank):
        pivot = next(j for j in range(len(chosen) + 1) if reduced[i, j] != 0)
        if pivot == len(chosen):
            return None
        last = reduced[i, len(chosen)]
        values[pivot] = Fraction(int(last.p), int(last.q))
    if any(value < 0 and not fact.signed for value, fact in zip(values, chosen)):
        return None
    return [(value, fact) for value, fact in zip(values, chosen) if value]


def _exact_program(
    target: Linear, columns: list[Fact], rows: list[Coordinate], budget: Budget
) -> list[tuple[Fraction, Fact]] | None:
    """The same program in z3's exact linear arithmetic; None when it is infeasible or the budget is spent."""
    import z3

    solver = z3.SimpleSolver()
    solver.set("timeout", max(1, int(1000 * budget.left())))
    unknowns = [z3.Real(f"m{i}") for i in range(len(columns))]
    solver.add([x >= 0 for x, fact in zip(unknowns, columns) if not fact.signed])

    def number(value: Fraction) -> Any:
        return z3.Q(value.numerator, value.denominator)

    for row in rows:
        terms = [number(fact.form[row]) * x for x, fact in zip(unknowns, columns) if row in fact.form]
        solver.add(z3.Sum(terms) == number(target.get(row, Fraction(0))))
    if solver.check() != z3.sat:
        return None
    model = solver.model()
    values = [model.eval(x, model_completion=True).as_fraction() for x in unknowns]
    return [(Fraction(value), fact) for value, fact in zip(values, columns) if value]
