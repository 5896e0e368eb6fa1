"""z3 on the reals: it refutes where the search's small denominators miss, and what it does not find proves nothing."""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction
from itertools import chain
from time import sleep
from typing import Any

import pytest
import z3

from lmlaws.checks.engine import Budget
from lmlaws.checks.exact import spaces
from lmlaws.checks.exact.instances import Evaluator, instance_of
from lmlaws.checks.exact.search import SearchEngine
from lmlaws.checks.judge import exact_engines, judge_statement
from lmlaws.checks.provers import smt
from lmlaws.checks.provers.reals import Formula
from lmlaws.checks.provers.smt import SmtRefuter
from lmlaws.checks.verdicts import Holds, Refuted, Undecided
from lmlaws.face import prove
from lmlaws.theory.analytic import E, along, pullback_metric, times
from lmlaws.theory.expressions import (
    ZERO,
    Direction,
    Equal,
    Head,
    LessEq,
    Letter,
    Point,
    Softmax,
    Sum,
    as_expr,
    sum_over,
)
from lmlaws.theory.language import parse
from lmlaws.theory.quantities import D, entry, independent
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import discard, id, objects, state

X, Y, V = objects("X Y V")
P, Q, J = state("p", X), state("q", X), state("j", (X, Y))
A, B = Letter("x", X), Letter("y", Y)
BUDGET = Budget(20)
NEAR = LessEq(D("TV", P, Q), as_expr(Fraction(1, 1000)))
JOINT = sum_over((A, B), entry(J, (), (A, B)) ** 2)
FIRST = Sum(A, entry(J >> id(X) @ discard(Y), (), (A,)) ** 2)
SECOND = Sum(B, entry(J >> discard(X) @ id(Y), (), (B,)) ** 2)
W = Head("W", V)
h, u, v = Point("h", W), Direction("u", W), Direction("v", W)


def near(constant: Fraction) -> Statement:
    """The Hellinger divergence against total variation, between laws closer than small denominators allow."""
    return Statement(LessEq(D("hellinger2", P, Q), constant * D("TV", P, Q)), None, (NEAR,))


def product_law(collision: Fraction, bound: Fraction) -> Statement:
    """Collisions of two independent variables, of which those of the first are given."""
    given = (independent("X", "Y"), Equal(FIRST, as_expr(collision)))
    return Statement(LessEq(JOINT, as_expr(bound)), J, given)


MISSED: dict[str, Statement] = {
    "chi2, which is tight where a letter vanishes": parse("p, q: law |- hellinger2(p,q) <= 4999/10000*chi2(p,q)"),
    "triangular, the same": parse("p, q: law |- 20001/10000*triangular(p,q) <= chi2(p,q)"),
    "Le Cam, tight for close laws": parse("p, q: law |- TV(p,q)^2 <= 199999/100000*hellinger2(p,q)"),
    "given that laws are close": near(Fraction(4999, 10000)),
    "given an independence and a value": product_law(Fraction(2501, 5000), Fraction(2501, 10000)),
}
"""False by 1e-4 and less: no instance of the search violates them, or none meets the hypotheses."""

TRUE: dict[str, Statement] = {
    "chi2": parse("p, q: law |- hellinger2(p,q) <= 1/2*chi2(p,q)"),
    "triangular": parse("p, q: law |- 2*triangular(p,q) <= chi2(p,q)"),
    "Le Cam": parse("p, q: law |- TV(p,q)^2 <= 2*hellinger2(p,q)"),
    "given that laws are close": near(Fraction(1)),
    "given an independence and a value": product_law(Fraction(2501, 5000), Fraction(2501, 5000)),
    "given an independence": Statement(Equal(JOINT, FIRST * SECOND), J, (independent("X", "Y"),)),
    "a diagram": parse("det f: X -> Y |- f >> copy[Y] = copy[X] >> f @ f"),
    "a head": Statement(LessEq(ZERO, pullback_metric(h, u, u))),
}
"""What is true: the neighbours of the false ones first."""

FALSE: dict[str, Statement] = {
    "without the independence": Statement(Equal(JOINT, FIRST * SECOND), J),
    "a kernel with noise": parse("k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k"),
    "a metric that is not centred": Statement(Equal(pullback_metric(h, u, v), E(h, times(along(u), along(v))))),
    "a softmax law that is uniform": Statement(Equal(Softmax(h, Letter("w", V)) * 2, as_expr(1))),
    "a chain that is none": parse("I(X;Z) = 0 given X -> Y -> Z"),
}


def at(statement: Statement, example: Mapping[str, Any]) -> Evaluator:
    """The exact values at the counterexample as JSON has it."""
    values = {**example.get("laws", {}), "sizes": example["sizes"]}
    return Evaluator(statement, instance_of(statement, values))


@pytest.mark.parametrize("name", MISSED)
def test_z3_refutes_what_the_search_misses(name: str) -> None:
    statement = MISSED[name]
    assert isinstance(SearchEngine().decide(statement, BUDGET.restarted()), Holds | Undecided)
    verdict = SmtRefuter().decide(statement, BUDGET.restarted())
    assert isinstance(verdict, Refuted)
    assert verdict.engine == "z3"
    example = verdict.counterexample
    exactly = at(statement, example)
    assert exactly.meets(statement.given)
    violation = exactly.violation(statement.holds)
    assert violation is not None
    assert [str(side) for side in violation] == [example["left"], example["right"]]


@pytest.mark.parametrize("name", FALSE)
def test_z3_refutes_diagrams_heads_and_conditions(name: str) -> None:
    assert isinstance(SmtRefuter().decide(FALSE[name], BUDGET.restarted()), Refuted)


@pytest.mark.parametrize("name", TRUE)
def test_what_is_true_is_undecided_with_the_sizes_that_were_tried(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of both: no counterexample is said, and is no proof and no instance of *holds*."""
    smallest = next(iter(smt._shapes(TRUE[name])))
    monkeypatch.setattr(smt, "_shapes", lambda statement: [smallest])  # three letters may take long
    monkeypatch.setattr(smt, "SECONDS_A_SIZE", 60.0)
    monkeypatch.setattr(smt, "SECONDS", 60.0)
    verdict = SmtRefuter().decide(TRUE[name], Budget(60))
    assert isinstance(verdict, Undecided)
    assert "no real counterexample" in verdict.reason
    assert "= 2" in verdict.reason


def test_the_verdict_that_users_see() -> None:
    false = prove("p, q: law |- hellinger2(p,q) <= 4999/10000*chi2(p,q)")
    assert isinstance(false, Refuted)
    assert false.engine == "z3"
    # false only for sizes above those of the search; z3 agrees that none of two letters is a counterexample
    unknown = prove("p: law |- sum(p^2) >= 1/4")
    assert isinstance(unknown, Undecided)
    assert "z3: no real counterexample at |X| = 2 or 3" in unknown.reason


def test_beside_holds_it_is_told_and_changes_nothing() -> None:
    statement = parse("p: law |- sum(p^2) >= 1/4")
    alone = judge_statement(statement, (SearchEngine(),), BUDGET, all_engines=True).verdict
    judged = judge_statement(statement, exact_engines(), BUDGET, all_engines=True)
    assert isinstance(alone, Holds)
    assert judged.verdict == alone
    assert [v.name for v in judged.said if v.engine == "z3"] == ["undecided"]


def test_without_an_instance_of_the_search_no_counterexample_is_not_even_holds() -> None:
    """Sum p^2 = 5001/10000 has no rational solution on two letters, and p no simple one on three."""
    irrational = product_law(Fraction(5001, 10000), Fraction(2501, 10000))
    judged = judge_statement(irrational, exact_engines(), BUDGET, all_engines=True)
    assert isinstance(judged.verdict, Undecided)
    assert "z3: a real counterexample, and no rational one near it" in judged.verdict.reason


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([["1/2", "1/2"], ["1/2", "1/2"]], "z3 names a counterexample that is none"),
        ("no real counterexample", "no real counterexample"),
    ],
)
def test_a_solver_that_lies_is_not_believed(answer: Any, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smt, "_real_counterexample", lambda statement, shape: answer)
    verdict = SmtRefuter().decide(MISSED["triangular, the same"], BUDGET.restarted())
    assert isinstance(verdict, Undecided)
    assert verdict.reason.startswith(told)


def test_a_solver_that_hangs_or_dies_is_stopped_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    statement = MISSED["triangular, the same"]
    monkeypatch.setattr(smt, "SECONDS_A_SIZE", 0.1)
    monkeypatch.setattr(smt, "_real_counterexample", lambda statement, shape: sleep(60))
    assert "stopped after 0.1 s at |X| = 2 or 3" in str(SmtRefuter().decide(statement, BUDGET.restarted()))
    monkeypatch.setattr(smt, "_real_counterexample", lambda statement, shape: [bytearray(1 << 40)])
    assert "memory" in str(SmtRefuter().decide(statement, BUDGET.restarted()))


REFUSED = {
    "p, q: law |- TV(p,q)^2 <= 1/2*KL(p,q)": "KL",
    "p: law |- H(p) <= log(size)": "Log",
    "I(X;Z) <= I(X;Y) given X -> Y -> Z": "Information",
    "H(X) = 0 given H(Y) <= H(X)": "Entropy",
    "p, q: law |- renyi[2](p,q) >= 0": "renyi:2",
    "0 = 0": "nothing",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_has_logarithms_is_refused(text: str) -> None:
    assert REFUSED[text] in (SmtRefuter().accepts(parse(text)) or "")
    assert SmtRefuter().accepts(parse("p, q: law |- TV(p,q)^2 <= alpha[2](p,q)")) is None


def test_sizes_beyond_the_budget_are_not_tried() -> None:
    wide = parse("k: X * Y * Z -> W * V |- k >> discard[W] @ discard[V] = discard[X] @ discard[Y] @ discard[Z]")
    verdict = SmtRefuter().decide(wide, BUDGET.restarted())
    assert isinstance(verdict, Undecided)
    assert "unknowns" in verdict.reason


@pytest.mark.parametrize("name", [*MISSED, *FALSE, *TRUE])
def test_the_formula_says_at_each_instance_what_exact_evaluation_says(name: str) -> None:
    """The formula with its unknowns set to an instance has a solution exactly where that meets the relation."""
    statement = {**MISSED, **FALSE, **TRUE}[name]
    drawn, shapes = random.Random(name), [s for s in chain(*spaces.levels(statement)) if s.product <= 9]
    compared = 0
    while compared < 6:
        choice = spaces.drawn(drawn.choice(shapes), drawn)
        formula = Formula(statement, choice.shape)
        values = _with_its_matrix(formula, choice.values)
        evaluator = Evaluator(statement, choice.shape.instance(values))
        for relation in (statement.holds, *statement.given):
            claim = formula.holds(relation)
            if formula.divides and any(0 in value for value in values):
                break  # the formula leaves out what has a zero in a denominator
            true = evaluator.violation(relation) is None
            assert _satisfiable(formula, values, claim) is true
            assert _satisfiable(formula, values, z3.Not(claim)) is not true
        else:
            compared += 1


def _with_its_matrix(formula: Formula, values: Any) -> Any:
    """The values of an instance with the matrix W that the formula has."""
    pairs = zip(formula.cells, values)
    return tuple(tuple(x if isinstance(x, Fraction) else w for x, w in zip(*pair)) for pair in pairs)


def _satisfiable(formula: Formula, values: Any, claim: Any) -> bool:
    """Whether the formula's facts and a claim have a solution at an instance."""
    solver = z3.Solver()
    solver.add(*formula.facts, claim)
    for cell, value in zip(formula.cells, values):
        solver.add([x == z3.Q(w.numerator, w.denominator) for x, w in zip(cell, value) if z3.is_expr(x)])
    answer = solver.check()
    assert answer != z3.unknown
    return bool(answer == z3.sat)


def test_that_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its twin: a formula whose inverses are the numbers themselves is caught."""
    monkeypatch.setattr(Formula, "_solution", lambda self, base, index: base)
    with pytest.raises(AssertionError):
        test_the_formula_says_at_each_instance_what_exact_evaluation_says("chi2")
