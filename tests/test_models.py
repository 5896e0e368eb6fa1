"""The engine that runs claims on models: what holds there, what falls, and when it has no power."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from lmlaws.checks.engine import Budget
from lmlaws.checks.models import ModelEngine, Sampled, measure, sample
from lmlaws.checks.verdicts import Holds, Refuted, Undecided
from lmlaws.numerics.bounded import MOST_ELEMENTS, Bounded, TooLargeError
from lmlaws.numerics.evaluate import Assignment, TorchEvaluator
from lmlaws.numerics.training import SOURCE_SMALL, STDLIB_SMALL
from lmlaws.theory.claims import Claim
from lmlaws.theory.collect import catalogue, select
from lmlaws.theory.expressions import (
    Const,
    Derivative,
    Direction,
    Equal,
    Head,
    LessEq,
    Letter,
    Logit,
    LogPartition,
    Point,
    Softmax,
    Sum,
    log,
    mul,
)
from lmlaws.theory.quantities import D, H, categorical_entropy, entry
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import copy, function, id, kernel, objects, state

BUDGET = Budget(seconds=60)
READABLE = ("C6.b", "D1", "D7.b", "E1", "E2", "G1", "N1", "N8", "S6.a", "S6.b")
X, W = objects("X W")
p, q = state("p", W), state("q", W)


@pytest.fixture(scope="module")
def text_model(small_folder: Path) -> ModelEngine:
    return ModelEngine(sample(STDLIB_SMALL, small_folder, 256))


@pytest.fixture(scope="module")
def source_model(source_folder: Path) -> ModelEngine:
    return ModelEngine(sample(SOURCE_SMALL, source_folder, 256))


@pytest.mark.parametrize("claim", select(catalogue(), READABLE), ids=lambda claim: claim.id)
@pytest.mark.parametrize("which", ["text_model", "source_model"])
def test_claims_hold_on_models_with_power(claim: Claim, which: str, request: pytest.FixtureRequest) -> None:
    engine: ModelEngine = request.getfixturevalue(which)
    assert engine.accepts(claim.statement) is None
    verdict = engine.decide(claim.statement, BUDGET.restarted(), tuple(claim.twin_statements.values()))
    assert isinstance(verdict, Holds), verdict
    assert float(verdict.record["error bound"]) < 1e-8
    assert "twins fall" in verdict.record["power"]
    if "slack" not in verdict.record:
        assert float(verdict.record["largest difference"]) <= float(verdict.record["error bound"])


def test_cross_entropy_on_a_known_source(source_model: ModelEngine) -> None:
    """N1 against plain arithmetic: cross entropy minus the exact entropy is the average KL; another entropy is not."""
    data, laws = source_model.sampled.data, source_model.sampled.laws
    cross = float(-(data * laws.log()).sum(1).mean())
    entropy = float(-(data * data.log()).sum(1).mean())
    divergence = float((data * (data / laws).log()).sum(1).mean())
    assert abs(cross - entropy - divergence) < 1e-12
    other = float(-(laws * laws.log()).sum(1).mean())
    assert abs(cross - other - divergence) > 1e-6


def test_a_false_claim_falls_on_a_model(text_model: ModelEngine) -> None:
    halved = Statement(Equal(categorical_entropy("KL", p), Fraction(1, 2) * H("W")), about=p)
    verdict = text_model.decide(halved, BUDGET.restarted())
    assert isinstance(verdict, Refuted)
    assert verdict.counterexample["kind"] == "model"


def test_without_a_falling_twin_there_is_no_power(text_model: ModelEngine) -> None:
    true = Statement(LessEq(D("TV", p, q), D("TV", q, p)))
    verdict = text_model.decide(true, BUDGET.restarted(), (Statement(LessEq(D("TV", q, p), D("TV", p, q))),))
    assert isinstance(verdict, Undecided)
    assert "no power" in verdict.reason
    assert isinstance(text_model.decide(true, BUDGET.restarted()), Undecided)


def test_a_difference_within_the_bound_is_no_violation() -> None:
    """The sum of 1,000 tenths-like weights is not one in floating point; the bound knows."""
    law = torch.rand(1000, dtype=torch.float64)
    law = law / law.sum()
    w = Letter("w", W)
    statement = Statement(Equal(Sum(w, entry(p, (), (w,))), 1 * Sum(w, entry(p, (), (w,)) * 1)))
    gap = measure(statement, Assignment(sizes={W: 1000}, boxes={p: law}))
    assert not gap.violated
    one = Statement(Equal(Sum(w, entry(p, (), (w,))), Fraction(1000001, 1000000) * Sum(w, entry(p, (), (w,)))))
    assert measure(one, Assignment(sizes={W: 1000}, boxes={p: law})).violated


def test_not_a_number_is_an_error_and_never_holds(text_model: ModelEngine) -> None:
    broken = replace(text_model.sampled, laws=torch.full_like(text_model.sampled.laws, torch.nan))
    statement = Statement(Equal(categorical_entropy("KL", p), H("W")), about=p)
    with pytest.raises(ValueError, match="not-a-number"):
        ModelEngine(broken).decide(statement, BUDGET.restarted())


def test_zero_probabilities_follow_the_conventions() -> None:
    law, other = torch.tensor([1.0, 0.0], dtype=torch.float64), torch.tensor([0.5, 0.5], dtype=torch.float64)
    at = TorchEvaluator(Assignment(sizes={W: 2}, boxes={p: law, q: other}), None)
    assert float(at.value(D("KL", p, q)).value) == pytest.approx(0.6931471805599453, abs=1e-15)
    assert float(at.value(D("KL", q, p)).value) == float("inf")
    w = Letter("w", W)
    assert float(at.value(Sum(w, entry(p, (), (w,)) * log(entry(p, (), (w,))))).value) == 0.0


def test_rounding_bounds_hold_against_exact_arithmetic() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        a, b = (torch.rand(20, generator=generator, dtype=torch.float64) for _ in range(2))
        w = Letter("w", W)
        first, second = (Bounded(t, torch.zeros_like(t), (w,)) for t in (a, b))
        result = (first * second + first).sum(w, 20)
        exact = sum(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(x)) for x, y in zip(a, b))
        assert abs(Fraction(float(result.value)) - exact) <= Fraction(float(result.error))
        assert float(result.error) < 1e-12


def test_a_copied_output_is_never_squared() -> None:
    """At 20,000 letters a V x V table would be 3 GB; the divergence is taken on the diagonal."""
    law = torch.full((20_000,), 1 / 20_000, dtype=torch.float64)
    at = TorchEvaluator(Assignment(sizes={W: 20_000}, boxes={p: law}), p)
    assert float(at.value(categorical_entropy("KL", p)).value) == pytest.approx(
        float(torch.log(torch.tensor(20_000.0)))
    )
    big = Bounded(law, law * 0, (Letter("a", W),)), Bounded(law, law * 0, (Letter("b", W),))
    assert MOST_ELEMENTS < 20_000**2
    with pytest.raises(TooLargeError, match="400000000"):
        big[0] * big[1]


def test_engines_refuse_with_a_reason(text_model: ModelEngine) -> None:
    k = kernel("k", X, W)
    joint = state("j", (X, W))
    refused = {
        "an equation of diagrams": Statement(Equal(k >> copy(W), copy(X) >> k @ k)),
        "several wires": Statement(LessEq(H("X"), H("X", "W")), about=joint),
        "hypotheses": Statement(Equal(H("W"), H("W")), about=p, given=(Equal(H("W"), H("W")),)),
    }
    for reason, statement in refused.items():
        said = text_model.accepts(statement)
        assert said is not None
        assert reason in said
    (degenerate,) = select(catalogue(), ["G4.a"])
    assert "rank" in str(text_model.accepts(degenerate.statement))


def test_data_law_is_declared(text_model: ModelEngine, source_model: ModelEngine) -> None:
    assert isinstance(text_model.sampled, Sampled)
    assert text_model.sampled.data_is == "point mass of the next token"
    assert bool(((text_model.sampled.data == 0) | (text_model.sampled.data == 1)).all())
    assert source_model.sampled.data_is == "exact law of the source"
    assert torch.equal(source_model.sampled.data.sum(1), torch.ones(len(source_model.sampled.data)).double())
    joint = state("mu", X, role="contexts") >> copy(X) >> id(X) @ kernel("P", X, W, role="data")
    assert text_model.accepts(Statement(LessEq(H("W", given="X"), H("W")), about=joint)) is None


def test_deterministic_boxes_get_no_model_law(text_model: ModelEngine) -> None:
    point = Statement(Equal(H("W"), H("W") + H("W")), about=function("p", (), W))
    assert "deterministic" in str(text_model.accepts(point))


def test_underflow_is_no_exact_zero(text_model: ModelEngine) -> None:
    head = Head("head", W)
    w, h = Letter("w", W), Point("h", head)
    statement = Statement(Equal(log(Softmax(h, w)), Logit(h, w) - LogPartition(h)))
    loud = ModelEngine(replace(text_model.sampled, hidden=text_model.sampled.hidden * 500))
    assert isinstance(
        loud.decide(statement, BUDGET.restarted(), (Statement(Equal(Softmax(h, w), Logit(h, w))),)), Undecided
    )


def test_infinity_against_infinity_is_undecided(source_model: ModelEngine, text_model: ModelEngine) -> None:
    r = state("r", W, role="data")
    both = Statement(Equal(D("KL", p, r) - D("KL", q, r), D("TV", p, q)))
    verdict = text_model.decide(both, BUDGET.restarted())
    assert isinstance(verdict, Undecided)
    assert "infinity" in verdict.reason


def test_the_bound_of_a_derivative_grows_with_its_coefficients(source_model: ModelEngine) -> None:
    head = Head("head", W)
    w, h, u = Letter("w", W), Point("h", head), Direction("u", head)
    big = Const(Fraction(10**8))
    inside = Derivative(Sum(w, mul(big, entry(p, (), (w,)), Logit(h, w))), h, u)
    outside = Derivative(mul(big, Sum(w, mul(entry(p, (), (w,)), Logit(h, w)))), h, u)
    wrong = Statement(Equal(inside, 2 * outside))
    assert isinstance(source_model.decide(Statement(Equal(inside, outside)), BUDGET.restarted(), (wrong,)), Holds)
