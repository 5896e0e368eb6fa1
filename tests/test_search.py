"""The search for exact counterexamples: it finds what is there, smallest first, and counts honestly when nothing is."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings

from lmlaws.checks.engine import Budget
from lmlaws.checks.exact import strategies
from lmlaws.checks.exact.instances import Evaluator, Instance, UnevaluableError, instance_of
from lmlaws.checks.exact.kernels import Kernel, State, entropy, kl
from lmlaws.checks.exact.numbers import INF, Exact
from lmlaws.checks.exact.partitions import PartitionSearch, laws, partitions
from lmlaws.checks.exact.search import SearchEngine
from lmlaws.checks.verdicts import Holds, Refuted, Undecided
from lmlaws.theory.analytic import derivative, pullback_metric, token
from lmlaws.theory.expressions import (
    Abs,
    Dimension,
    Direction,
    Equal,
    Expr,
    Head,
    LessEq,
    Letter,
    Logit,
    LogPartition,
    Point,
    Rank,
    Sum,
    log,
)
from lmlaws.theory.language import parse
from lmlaws.theory.quantities import D, H, bhattacharyya, entry
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Object, function, kernel, objects, state

X, Y, V = objects("X Y V")
p, q, k = state("p", X), state("q", X), kernel("k", X, Y)
x = Letter("x", X)
BUDGET = Budget(seconds=20, instances=300)


def counterexample(text: str) -> dict[str, object]:
    verdict = SearchEngine().decide(parse(text), BUDGET.restarted())
    assert isinstance(verdict, Refuted), verdict
    return verdict.counterexample


@pytest.mark.parametrize(
    ("text", "sizes", "law"),
    [
        ("I(X;Y) <= I(X;Z) given X -> Y -> Z", [2, 2, 1], ["1/2", "0", "0", "1/2"]),
        ("I(X;Y|Z) <= I(X;Y)", [2, 2, 2], ["1/3", "0", "0", "1/3", "0", "1/3", "0", "0"]),
        ("H(X,Y) = H(X) + H(Y)", [2, 2], ["1/2", "0", "0", "1/2"]),
        ("H(X) = log|X|", [2], ["2/3", "1/3"]),
        ("H(X) <= 0", [2], ["1/2", "1/2"]),
    ],
)
def test_smallest_law(text: str, sizes: list[int], law: list[str]) -> None:
    found = counterexample(text)
    assert (found["sizes"], found["law"]) == (sizes, law)


def test_ingleton_falls_on_two_letters_each() -> None:
    found = counterexample("I(A;B) <= I(A;B|C) + I(A;B|D) + I(C;D)")
    assert found["sizes"] == [2, 2, 2, 2]
    assert sorted(str(w) for w in found["law"] if w != "0") == ["1/4"] * 4  # type: ignore[attr-defined]


def test_hypotheses_hold_in_the_counterexample() -> None:
    statement = parse("I(X;Y) <= I(X;Z) given X -> Y -> Z, H(Z) <= H(X)")
    instance = PartitionSearch(statement).smallest()
    assert instance is not None
    evaluator = Evaluator(statement, instance)
    assert evaluator.meets(statement.given)
    assert evaluator.violation(statement.holds) is not None


def test_true_statements_hold_and_are_counted() -> None:
    verdict = SearchEngine().decide(parse("I(X;Z) <= I(X;Y) given X -> Y -> Z"), BUDGET.restarted())
    assert isinstance(verdict, Holds)
    assert verdict.instances > 100
    verdict = SearchEngine().decide(Statement(LessEq(D("TV", p >> k, q >> k), D("TV", p, q))), BUDGET.restarted())
    assert isinstance(verdict, Holds)
    assert verdict.instances >= 300


def test_nothing_tried_is_not_holds() -> None:
    """A hypothesis that no instance meets leaves the statement undecided."""
    impossible = Equal(Sum(x, entry(p, (), (x,))), 2 * Sum(x, entry(p, (), (x,))))
    verdict = SearchEngine().decide(
        Statement(Equal(entry(p, (), (x,)), entry(q, (), (x,))), given=(impossible,)), BUDGET
    )
    assert isinstance(verdict, Undecided)
    assert "0 instances met the hypotheses" in verdict.reason


def test_sharp_constants_fall_near_the_edge() -> None:
    """1% below the best constant of 2(1 - BC) <= KL first fails at denominators of 32."""
    left: Expr = 2 * (1 - bhattacharyya(p, q))
    assert SearchEngine().decide(Statement(LessEq(left, D("KL", p, q))), BUDGET.restarted()).name == "holds"
    found = SearchEngine().decide(Statement(LessEq(left, Fraction(99, 100) * D("KL", p, q))), BUDGET.restarted())
    assert isinstance(found, Refuted)


def test_rank_is_exact() -> None:
    head = Head("head", V)
    h, u, v = Point("h", head), Direction("u", head), Direction("v", head)
    metric = pullback_metric(h, u, v)
    statement = Statement(LessEq(Rank(metric, u, v), Dimension(head) - 1))
    at = instance_of(statement, {"W": [[1, 0], [0, 1], [1, 1]], "h": ["log(2)", 0]})
    assert Evaluator(statement, at).value(Rank(metric, u, v)) == 2
    flat = instance_of(statement, {"W": [[1, 1], [0, 0]], "h": [0, 0]})
    assert Evaluator(statement, flat).value(Rank(metric, u, v)) == 1


def test_derivative_against_difference_quotient() -> None:
    """The derivative of A along u, exactly E u; against finite differences in high precision."""
    head = Head("head", V)
    h, u = Point("h", head), Direction("u", head)
    statement = Statement(Equal(derivative(LogPartition(h), h, u), LogPartition(h)))
    at = instance_of(statement, {"W": [[1], [0], [2]], "h": ["log(3)"], "u": [1]})
    value = Evaluator(statement, at).value(derivative(LogPartition(h), h, u))
    assert value == Fraction(3 + 2 * 9, 1 + 3 + 9)
    step = 1e-6
    from math import exp
    from math import log as ln

    def partition(point: float) -> float:
        return ln(exp(point) + 1 + exp(2 * point))

    quotient = (partition(ln(3) + step) - partition(ln(3) - step)) / (2 * step)
    assert abs(quotient - float(value)) < 1e-8


def test_conventions_at_the_edge() -> None:
    statement = Statement(Equal(D("KL", p, q), D("KL", q, p)))
    at = instance_of(statement, {"p": ["1", "0"], "q": ["1/2", "1/2"]})
    evaluator = Evaluator(statement, at)
    assert evaluator.value(D("KL", p, q)) == Exact.parse("log(2)")
    assert evaluator.value(D("KL", q, p)) == INF
    assert evaluator.value(D("reverse_KL", p, q)) == INF
    assert evaluator.value(D("chi2", q, p)) == INF
    assert evaluator.value(Sum(x, entry(p, (), (x,)) * log(entry(p, (), (x,))))) == 0
    with pytest.raises(UnevaluableError):
        evaluator.value(D("KL", q, p) - D("KL", q, p))


@given(strategies.states(3), strategies.states(3))
@settings(max_examples=60, deadline=None)
def test_evaluator_agrees_with_the_kernels(first: State, second: State) -> None:
    statement = Statement(Equal(D("KL", p, q), H("X")), about=p)
    at = Instance({X: 3}, {"p": first, "q": second})
    assert Evaluator(statement, at).value(D("KL", p, q)) == kl(first, second)
    assert Evaluator(statement, at).value(H("X")) == entropy(first)


def test_instances_say_what_is_missing() -> None:
    statement = Statement(Equal(D("TV", p >> k, q >> k), D("TV", p, q)))
    with pytest.raises(ValueError, match="no value for the box 'q'"):
        instance_of(statement, {"p": ["1"], "k": [["1"]]})
    with pytest.raises(ValueError, match="999/1000"):
        instance_of(statement, {"p": ["1"], "q": ["1"], "k": [["1/2", "499/1000"]]})
    head = Head("head", V)
    with pytest.raises(ValueError, match="needs W"):
        instance_of(Statement(Equal(Logit(Direction("u", head), token(head)), Dimension(head))), {})


def test_partitions_are_all_of_them() -> None:
    assert [len(partitions(n)) for n in range(1, 6)] == [1, 2, 5, 15, 52]
    assert len({frozenset(law) for law in laws(2)}) == len(laws(2))
    assert all(sum(law) == 1 and min(law) > 0 for n in range(1, 5) for law in laws(n))


def test_kernels_of_terms() -> None:
    at = Instance({X: 2, Y: 2}, {"k": Kernel([["1/2", "1/2"], ["0", "1"]]), "p": State(["1/4", "3/4"])})
    assert at.kernel(p >> k) == State(["1/8", "7/8"])
    assert at.sizes[Object("X")] == 2


def test_a_deterministic_law_is_a_point() -> None:
    """A box declared deterministic never gets a spread law, also where only entropies are asked for."""
    statement = Statement(Equal(H("X"), H("X", "Y")), function("p", (), (X, Y)))
    assert isinstance(SearchEngine().decide(statement, BUDGET.restarted()), Holds)


def test_relations_that_are_not_linear_are_searched_all_the_same() -> None:
    joint = state("p", (X, Y))
    square = Statement(LessEq(H("X") * H("X"), H("X")), joint)
    assert isinstance(SearchEngine().decide(square, BUDGET.restarted()), Refuted | Holds)
    assert isinstance(SearchEngine().decide(Statement(Equal(Abs(H("X")), H("X")), joint), BUDGET.restarted()), Holds)


def test_two_heads_are_both_told() -> None:
    one, two = Head("one", V), Head("two", V)
    statement = Statement(Equal(LogPartition(Point("h", one)), LogPartition(Point("g", two))))
    verdict = SearchEngine().decide(statement, BUDGET.restarted())
    assert isinstance(verdict, Refuted)
    assert {"one", "two"} <= set(verdict.counterexample["world"])
