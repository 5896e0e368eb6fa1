"""Worlds in the statement language: families of hidden states, coordinates, arrays; exact, in sympy and in torch."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
import torch

from lmlaws.checks.engine import Budget
from lmlaws.checks.exact.instances import Evaluator, as_json, instance_of
from lmlaws.checks.exact.search import SearchEngine
from lmlaws.checks.models import ModelEngine, Sampled, measure
from lmlaws.checks.verdicts import Holds, Refuted
from lmlaws.decoding import expr as decode
from lmlaws.numerics.evaluate import Assignment, TorchEvaluator
from lmlaws.theory.analytic import inner, log_probability, prototype, quadratic
from lmlaws.theory.expressions import (
    ZERO,
    Array,
    At,
    Bias,
    Coordinate,
    Element,
    Embedding,
    Equal,
    Expr,
    Head,
    LessEq,
    Letter,
    Logit,
    LogPartition,
    Points,
    Softmax,
    Sum,
    axes,
    log,
)
from lmlaws.theory.quantities import entry
from lmlaws.theory.statements import Statement, encode
from lmlaws.theory.symbolic import to_sympy
from lmlaws.theory.terms import CompositionError, kernel, objects, state

X, V = objects("X V")
HEAD = Head("W", V)
HIDDEN, C = Points("h", HEAD, X), Array("c", (X,))
x, y, w, i, j = Letter("x", X), Letter("y", X), Letter("w", V), Letter("i", axes(HEAD)), Letter("j", axes(HEAD))
mu, P = state("mu", X, role="contexts"), kernel("P", X, V, role="data")
AT = At(HIDDEN, x)
WORLD: dict[str, Any] = {
    "mu": ["1/3", "2/3"], "P": [["1/2", "1/2", "0"], ["0", "1/4", "3/4"]], "W": [[1, 0], [0, 1], [-1, 2]],
    "b": [0, "log(2)", 0], "h": [["log(2)", "log(3)"], [0, "-log(2)"]], "c": ["1/2", "-3"],
}  # fmt: skip
BUDGET = Budget(seconds=30, instances=400)


def mean(of: Expr, letter: Letter = x) -> Expr:
    return Sum(letter, entry(mu, (), (letter,)) * of)


nll = -mean(Sum(w, entry(P, (x,), (w,)) * log_probability(AT, w)))
alignment = -mean(Sum(w, entry(P, (x,), (w,)) * Logit(AT, w))) + mean(LogPartition(AT))
gram = mean(mean(inner(AT, At(HIDDEN, y)) * Sum(j, prototype(HEAD, P, x, j) * prototype(HEAD, P, y, j)), y))
frobenius = Sum(i, Sum(j, mean(Coordinate(AT, i) * prototype(HEAD, P, x, j)) ** 2))
unfolded = Sum(i, Embedding(HEAD, w, i) * Coordinate(AT, i)) + Bias(HEAD, w)


def exact(expr: Expr) -> Any:
    statement = Statement(Equal(expr, expr))
    return Evaluator(statement, instance_of(statement, WORLD)).value(expr)


def plain_nll() -> float:
    """By hand, in floats."""
    W, b = [[1, 0], [0, 1], [-1, 2]], [0, math.log(2), 0]
    h = [[math.log(2), math.log(3)], [0, -math.log(2)]]
    rows, weights, total = [[0.5, 0.5, 0], [0, 0.25, 0.75]], [1 / 3, 2 / 3], 0.0
    for mass, row, point in zip(weights, rows, h):
        logits = [sum(g * z for g, z in zip(r, point)) + bias for r, bias in zip(W, b)]
        partition = math.log(sum(map(math.exp, logits)))
        total -= mass * sum(p * (logit - partition) for p, logit in zip(row, logits))
    return total


def test_values_agree_with_floats_by_hand() -> None:
    assert float(exact(nll)) == pytest.approx(plain_nll(), rel=1e-12)
    assert exact(nll) == exact(alignment)
    assert exact(gram) == exact(frobenius)
    assert exact(gram) != exact(frobenius + Fraction(1, 1000))
    assert exact(quadratic(lambda a, b: inner(At(HIDDEN, a), At(HIDDEN, b)), C)) > 0


@pytest.mark.parametrize(
    ("true", "false"),
    [
        (Equal(nll, alignment), Equal(nll, -mean(Sum(w, entry(P, (x,), (w,)) * Logit(AT, w))))),
        (Equal(gram, frobenius), Equal(gram, mean(mean(inner(AT, At(HIDDEN, y)), y)))),
        (Equal(Logit(AT, w), unfolded), Equal(Logit(AT, w), unfolded - Bias(HEAD, w))),
        (
            LessEq(ZERO, quadratic(lambda a, b: Sum(w, entry(P, (a,), (w,)) * entry(P, (b,), (w,))), C)),
            LessEq(ZERO, quadratic(lambda a, b: 1 - Sum(w, entry(P, (a,), (w,)) * entry(P, (b,), (w,))), C)),
        ),
    ],
)
def test_the_search_tells_true_from_false(true: Equal | LessEq, false: Equal | LessEq) -> None:
    assert isinstance(SearchEngine().decide(Statement(true), BUDGET.restarted()), Holds)
    fallen = SearchEngine().decide(Statement(false), BUDGET.restarted())
    assert isinstance(fallen, Refuted)
    assert fallen.counterexample["kind"] == "world"


def test_counterexamples_show_families_and_arrays() -> None:
    statement = Statement(Equal(nll + Element(C, (x,)), gram))
    world = as_json(statement, instance_of(statement, WORLD))["world"]
    assert world["h"] == [["log(2)", "log(3)"], ["0", "-log(2)"]]
    assert world["c"] == ["1/2", "-3"]


@pytest.mark.parametrize("expr", [nll, gram, frobenius, unfolded, mean(Element(C, (x,)) * Softmax(AT, w))])
def test_nodes_survive_their_json(expr: Expr) -> None:
    assert decode(encode(expr)) == expr


def test_text_names_the_context() -> None:
    assert str(Statement(Equal(Softmax(AT, w), unfolded))) == ("for all x, w: p_h(x)(w) = sum_i g(w)[i]*h(x)[i] + b(w)")
    assert "c[x]" in str(Statement(Equal(Element(C, (x,)), ZERO)))


def test_sympy_reads_worlds() -> None:
    import sympy

    text = str(to_sympy(Equal(Softmax(AT, w), unfolded)))
    assert "h[x, j]" in text
    assert "W[w, i]" in text
    d = sympy.Symbol("d", integer=True, positive=True)
    assert d in to_sympy(unfolded).free_symbols


def test_parts_must_fit() -> None:
    with pytest.raises(CompositionError, match="a hidden state for each letter of X; w is in V"):
        Statement(Equal(LogPartition(At(HIDDEN, w)), ZERO))
    with pytest.raises(CompositionError, match="over X"):
        Statement(Equal(Element(C, (w,)), ZERO))
    with pytest.raises(CompositionError, match=r"w is in V; the head W takes axes\(W\) here"):
        Statement(Equal(Coordinate(AT, w), ZERO))
    with pytest.raises(ValueError, match="stands for two things"):
        Statement(Equal(Element(Array("h", (X,)), (x,)), LogPartition(AT)))


def sampled(contexts: int = 48, tokens: int = 7, dim: int = 5) -> Sampled:
    made = torch.Generator().manual_seed(1)
    hidden, W = (torch.randn(n, dim, generator=made, dtype=torch.float64) for n in (contexts, tokens))
    b = torch.randn(tokens, generator=made, dtype=torch.float64)
    data = torch.rand(contexts, tokens, generator=made, dtype=torch.float64)
    laws = (hidden @ W.T + b).softmax(1)
    return Sampled("drawn", "0", hidden, laws, data / data.sum(1, keepdim=True), "drawn", W, b)


@pytest.mark.parametrize(
    ("true", "false"),
    [(Equal(nll, alignment), Equal(nll, 2 * alignment)), (Equal(gram, frobenius), Equal(gram, 2 * frobenius))],
)
def test_models_supply_worlds(true: Equal, false: Equal) -> None:
    engine = ModelEngine(sampled())
    assert engine.accepts(Statement(true)) is None
    assert isinstance(engine.decide(Statement(true), BUDGET.restarted(), [Statement(false)]), Holds)
    assert isinstance(engine.decide(Statement(false), BUDGET.restarted()), Refuted)


def double(numbers: list[Any]) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def test_the_torch_value_is_the_plain_one() -> None:
    given = Assignment(sizes={X: 2, V: 3, axes(HEAD): 2})
    given.boxes = {mu: double([1 / 3, 2 / 3]), P: double([[0.5, 0.5, 0], [0, 0.25, 0.75]])}
    given.heads = {HEAD: (double([[1, 0], [0, 1], [-1, 2]]), double([0, math.log(2), 0]))}
    given.families = {HIDDEN: double([[math.log(2), math.log(3)], [0, -math.log(2)]])}
    value = TorchEvaluator(given, None).value(nll)
    assert abs(float(value.value) - plain_nll()) <= float(value.error) + 1e-15
    assert measure(Statement(Equal(log(Softmax(AT, w)), log_probability(AT, w))), given).violated is False
    array = TorchEvaluator(Assignment(sizes={X: 2}, arrays={C: double([0.5, -3])}), None)
    assert float(array.value(Sum(x, Element(C, (x,)) ** 2)).value) == 9.25
