"""The one generic runner: every claim of the catalogue, its guards, its twins, and every engine that can read it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lmlaws.checks.engine import Budget
from lmlaws.checks.exact.instances import Evaluator, instance_of
from lmlaws.checks.exact.numbers import Exact
from lmlaws.checks.exact.search import SearchEngine
from lmlaws.checks.judge import exact_engines, judge
from lmlaws.checks.recheck import Accepted, check
from lmlaws.checks.verdicts import Conditional, Holds, Proved, Refuted, Verdict
from lmlaws.theory.claims import Claim
from lmlaws.theory.collect import catalogue, select
from lmlaws.theory.expressions import LessEq

CLAIMS = catalogue()
BUDGET = Budget(seconds=30, instances=400)
each_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)


@each_claim
def test_guards_are_complete(claim: Claim) -> None:
    assert claim.missing_guards() == ()
    if claim.neighbour is not None:
        assert select(CLAIMS, [claim.neighbour])[0].expects == "true"


def flat(value: Any) -> list[str]:
    return [x for part in value for x in flat(part)] if isinstance(value, list) else [value]


@each_claim
def test_worked_number_is_the_left_side(claim: Claim) -> None:
    if claim.worked is None:
        assert claim.expects in ("refuted", "conditional")
        return
    instance = instance_of(claim.statement, claim.worked.instance)
    sides = Evaluator(claim.statement, instance).sides(claim.statement.holds)
    assert [left for left, _ in sides] == [Exact.parse(text) for text in flat(claim.worked.value)]


@each_claim
def test_tight_inequalities_are_attained(claim: Claim) -> None:
    if claim.tight is None:
        assert claim.expects != "true" or not isinstance(claim.statement.holds, LessEq)
        return
    instance = instance_of(claim.statement, claim.tight)
    assert all(a == b for a, b in Evaluator(claim.statement, instance).sides(claim.statement.holds))


@each_claim
def test_verdict_is_as_expected(claim: Claim) -> None:
    """Every exact engine decides; twins fall; certificates pass the checker (judge sees to the latter)."""
    result = judge(claim, exact_engines(), BUDGET)
    assert result.as_expected is True, result.verdict
    expected: dict[str, tuple[type[Verdict], ...]] = {
        "true": (Proved, Holds),
        "refuted": (Refuted,),
        "conditional": (Conditional,),
    }
    assert isinstance(result.verdict, expected[claim.expects])


MUST_BE_PROVED = ("C1", "C2", "C3", "C6", "E1", "N1", "N8", "S1", "S2", "S3", "G1")


@pytest.mark.parametrize(
    "claim", [c for c in select(CLAIMS, MUST_BE_PROVED) if c.expects == "true"], ids=lambda claim: claim.id
)
def test_first_claims_come_out_proved(claim: Claim) -> None:
    verdict = judge(claim, exact_engines(), Budget(seconds=30, instances=1)).verdict
    assert isinstance(verdict, Proved)


def test_a_claim_without_its_hypothesis_is_conditional() -> None:
    (claim,) = select(CLAIMS, ["C4"])
    verdict = judge(claim, exact_engines(), BUDGET).verdict
    assert isinstance(verdict, Conditional)
    assert isinstance(verdict.under, Proved)
    assert verdict.refuted.counterexample["kernels"]["k"]["rows"] == [["1/2", "1/2"]]


def test_smallest_witnesses() -> None:
    """Known smallest counterexamples: the fair coin for C4, ((1,0), (1/2,1/2)) for D7, one dimension for G4."""
    (hellinger,) = select(CLAIMS, ["D7.a"])
    found = SearchEngine().decide(hellinger.statement, BUDGET.restarted())
    assert isinstance(found, Refuted)
    assert found.counterexample["laws"] == {"p": ["1", "0"], "q": ["1/2", "1/2"]}
    assert (found.counterexample["left"], found.counterexample["right"]) == ("2 - sqrt(2)", "1/2*log(2)")
    (degenerate,) = select(CLAIMS, ["G4.a"])
    found = SearchEngine().decide(degenerate.statement, BUDGET.restarted())
    assert isinstance(found, Refuted)
    assert found.counterexample["world"]["W"] == [[1], [0]]


def test_every_certificate_proves_its_own_claim_and_no_other() -> None:
    proofs = {}
    for claim in CLAIMS:
        verdict = judge(claim, exact_engines(), Budget(seconds=30, instances=1)).verdict
        if isinstance(verdict, Proved):
            proofs[claim.id] = (claim.statement, json.dumps(verdict.certificate))
    assert len(proofs) >= 20
    for one, (_, certificate) in proofs.items():
        for other, (statement, _) in proofs.items():
            assert isinstance(check(certificate, statement.canonical), Accepted) == (one == other)


def test_every_engine_has_something_to_read() -> None:
    for engine in exact_engines():
        assert any(engine.accepts(claim.statement) is None for claim in CLAIMS), engine.name
