"""The search for exact counterexamples: it finds what is there, smallest first, and counts honestly when nothing is."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings

from lmlaws.checks.engine import Budget
from lmlaws.checks.exact import spaces, strategies
from lmlaws.checks.exact.divergences import divergence, entropy
from lmlaws.checks.exact.instances import Evaluator, Instance, UnevaluableError, instance_of
from lmlaws.checks.exact.kernels import Kernel, State
from lmlaws.checks.exact.numbers import INF, Exact
from lmlaws.checks.exact.partitions import PartitionSearch, laws, partitions
from lmlaws.checks.exact.search import LEAST, LEAST_EDGE, Run, SearchEngine, Tally, violated
from lmlaws.checks.exact.shrinking import shrink
from lmlaws.checks.exact.spaces import Choice
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
    as_expr,
    log,
)
from lmlaws.theory.language import parse
from lmlaws.theory.quantities import D, H, bhattacharyya, entry
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Object, copy, function, id, kernel, objects, state

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
        Statement(Equal(entry(p, (), (x,)), entry(q, (), (x,))), given=(impossible,)), BUDGET.restarted()
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
    assert Evaluator(statement, at).value(D("KL", p, q)) == divergence("KL", first, second)
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


# What comes out is the smallest, and what was tried is told


def decided(holds: Equal | LessEq, instances: int = 2000) -> Any:
    return SearchEngine().decide(Statement(holds), Budget(seconds=60, instances=instances))


def squares(left: Any, right: Any, letter: Letter) -> Expr:
    """The sum of squared differences of two laws."""
    return Sum(letter, (entry(left, (), (letter,)) - entry(right, (), (letter,))) ** 2)


y, UNIT = Letter("y", Y), [["1", "0"], ["0", "1"]]
WITNESSES: dict[str, tuple[Equal | LessEq, dict[str, Any]]] = {
    "KL is not symmetric": (
        Equal(D("KL", p, q), D("KL", q, p)),
        {"laws": {"p": ["1", "0"], "q": ["1/2", "1/2"]}},
    ),
    "a kernel is not always deterministic": (Equal(k >> copy(Y), copy(X) >> k @ k), {"k": [["1/2", "1/2"]]}),
    "data processing is no equation": (
        Equal(D("TV", p >> k, q >> k), D("TV", p, q)),
        {"laws": {"p": ["1", "0"], "q": ["0", "1"]}, "k": [["1"], ["1"]]},
    ),
    "a law on three letters is not told by its squares": (
        Equal(D("TV", p, q) ** 2, Fraction(1, 2) * squares(p, q, x)),
        {"laws": {"p": ["1", "0", "0"], "q": ["0", "1/2", "1/2"]}},
    ),
    "merging two letters may raise the squared distance": (
        LessEq(squares(p >> k, q >> k, y), squares(p, q, x)),
        {"laws": {"p": ["1", "0", "0"], "q": ["0", "1/2", "1/2"]}, "k": [["1", "0"], ["0", "1"], ["0", "1"]]},
    ),
    "Pinsker with 1% less": (
        LessEq(D("TV", p, q) ** 2, Fraction(99, 200) * D("KL", p, q)),
        {"laws": {"p": ["3/5", "2/5"], "q": ["1/2", "1/2"]}},
    ),
    "the squared Hellinger distance with 1% less": (
        LessEq(2 * (1 - bhattacharyya(p, q)), Fraction(99, 100) * D("KL", p, q)),
        {"laws": {"p": ["1", "0"], "q": ["25/26", "1/26"]}},
    ),
}


@pytest.mark.parametrize("name", WITNESSES)
def test_smallest_witness(name: str) -> None:
    holds, expected = WITNESSES[name]
    found = decided(holds)
    assert isinstance(found, Refuted)
    laws_found = {"laws": found.counterexample["laws"]} if "laws" in expected else {}
    kernels = {name: table["rows"] for name, table in found.counterexample.get("kernels", {}).items()}
    assert {**laws_found, **kernels} == expected


@pytest.mark.parametrize(
    "holds",
    [
        LessEq(D("TV", p >> k, q >> k), D("TV", p, q)),
        LessEq(D("TV", p, q) ** 2, Fraction(1, 2) * D("KL", p, q)),
        LessEq(2 * (1 - bhattacharyya(p, q)), D("KL", p, q)),
        Equal(D("TV", p, q), D("TV", q, p)),
    ],
    ids=["data processing of TV", "Pinsker", "Hellinger", "TV is symmetric"],
)
def test_true_neighbours_of_the_witnesses_hold(holds: Equal | LessEq) -> None:
    assert isinstance(decided(holds, 600), Holds)


def test_a_level_takes_all_sizes_of_one_product_together() -> None:
    """On (1, 4) and (2, 2) alike the product is 4; atoms come before denominators, and those before the letters."""
    pair = state("p", X), kernel("k", X, Y)
    products = [
        [s.product for s in level] for level in spaces.levels(Statement(Equal(pair[0] >> pair[1], state("q", Y))))
    ]
    assert products == [[1], [2, 2], [3, 3], [4], [6, 6], [9]]


def test_two_laws_are_tried_completely() -> None:
    """All laws on up to 3 letters with denominators up to 6: 55 of them, 3,025 pairs, 534 up to new names."""
    verdict = decided(Equal(D("TV", p, q), D("TV", q, p)))
    assert isinstance(verdict, Holds)
    assert verdict.record["space"].startswith("all on up to 3 letters with denominators up to 6")
    assert "dyadics to 1/64 near the edges: all on 2 letters" in verdict.record["space"]
    few = decided(Equal(D("TV", p, q), D("TV", q, p)), 100)
    assert "all on up to 3 letters with denominators up to 6" not in few.record["space"]
    assert "sampled above" in few.record["space"]
    assert few.instances < verdict.instances


def test_same_statement_same_search() -> None:
    """Counts and verdicts come from numbers of instances and the statement's hash, not from the clock."""
    holds = LessEq(D("TV", p >> k, q >> k), D("TV", p, q))
    verdicts = [SearchEngine().decide(Statement(holds), Budget(seconds, 300)) for seconds in (60, 600)]
    assert verdicts[0] == verdicts[1]


class Watched(Run):
    """A search that finds nothing and remembers what it tried."""

    def _breaks(self, choice: Choice) -> bool:
        self.tried = [*getattr(self, "tried", []), choice.key]
        return False


@pytest.mark.parametrize("instances", [1, 40, 300, 2000])
def test_nothing_is_tried_twice_and_the_budget_is_kept(instances: int) -> None:
    run = Watched(Statement(Equal(D("TV", p, q), D("TV", q, p))), Budget(seconds=60, instances=instances))
    assert run.counterexample() is None
    assert len(set(run.tried)) == len(run.tried)
    floors = len(run.levels) * 2 * LEAST + 2 * LEAST_EDGE
    assert len(run.tried) <= max(instances, floors)


def test_fewer_atoms_come_before_smaller_denominators() -> None:
    """False at p = q = (1/2, 1/2), and at p = (1, 0), q = (3/4, 1/4), which has an atom less. A budget that ends at
    denominators of 3 meets the first one; it then goes through what is smaller."""
    r = state("r", X)
    a, b, one = (Sum(x, entry(law, (), (x,)) ** power) for law, power in ((p, 2), (q, 2), (r, 1)))
    cubic = [(z - 1) * (z - Fraction(1, 2)) * (z - Fraction(5, 9)) for z in (a, b)]
    statement = Statement(Equal((cubic[0] + cubic[1] + (a - 1) * (b - 1)) * one, as_expr(0)))
    run = Run(statement, Budget(seconds=60, instances=130))
    first = run._first(run._complete_or_sampled())
    assert first is not None
    assert [tuple(map(str, row)) for row in first.values[:2]] == [("1/2", "1/2")] * 2
    found = SearchEngine().decide(statement, Budget(seconds=60, instances=130))
    assert isinstance(found, Refuted)
    assert found.counterexample["laws"] == {"p": ["1", "0"], "q": ["3/4", "1/4"], "r": ["1", "0"]}


def test_the_emergency_stop_is_told() -> None:
    verdict = SearchEngine().decide(Statement(Equal(D("TV", p, q), D("TV", q, p))), Budget(seconds=0))
    assert isinstance(verdict, Undecided)
    assert "the time was up" in verdict.reason
    run = Run(Statement(Equal(D("TV", p, q), D("TV", q, p))), Budget(seconds=60))
    run.budget = replace(run.budget, seconds=0.02)
    assert run.counterexample() is None
    assert run.stopped
    assert "the time was up" in str(run.counted("search"))


def test_a_violation_shrinks_to_fewer_letters_and_simpler_numbers() -> None:
    statement = Statement(LessEq(D("KL", p, q), D("TV", p, q)))
    (shape,) = [s for level in spaces.levels(statement) for s in level if s.product == 3]
    ugly = tuple(tuple(Fraction(n, 64) for n in row) for row in ((61, 2, 1), (3, 30, 31)))
    tally = Tally()

    def breaks(choice: Choice) -> bool:
        return violated(statement, choice.instance(), tally)

    assert breaks(Choice(shape, ugly))
    simple = shrink(Choice(shape, ugly), breaks, 2_000)
    assert simple.shape.sizes == {X: 2}
    assert [tuple(map(str, row)) for row in simple.values] == [("1", "0"), ("0", "1")]
    assert shrink(Choice(shape, ugly), breaks, 0).values == ugly


def test_a_violation_shrinks_to_the_first_names_of_its_letters() -> None:
    """Single values cannot turn a swap into the identity: both rows change at once."""
    function_k = function("f", X, Y)
    statement = Statement(Equal(copy(X) >> function_k @ id(X), copy(X) >> function_k @ function("g", X, X)))
    shape = next(s for level in spaces.levels(statement) for s in level if {*s.sizes.values()} == {2})
    swap, one = ((0, 1), (1, 0)), ((1, 0), (1, 0))
    values = tuple(tuple(map(Fraction, row)) for row in (*swap, *one))

    def breaks(choice: Choice) -> bool:
        rows = choice.instance().boxes["f"].rows()
        return choice.shape == shape and rows[0] != rows[1]

    simple = shrink(Choice(shape, values), breaks, 100)
    assert simple.instance().boxes["f"].rows() == [[1, 0], [0, 1]]


def test_information_statements_count_exact_instances() -> None:
    """Joint laws sifted in floating point are told apart from instances, which are exact."""
    verdict = SearchEngine().decide(parse("I(X;Z) <= I(X;Y) given X -> Y -> Z"), BUDGET.restarted())
    assert isinstance(verdict, Holds)
    assert verdict.record["outside the hypotheses"] > 100
    assert verdict.instances + verdict.record["outside the hypotheses"] <= 2 * BUDGET.instances
    assert "sifted in floating point" in verdict.record["space"]
