"""The prover of data processing: what it proves, with both checkers agreeing, and near-misses that are refuted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.test_terms import terms

from lmlaws.checks.engine import Budget
from lmlaws.checks.exact.search import SearchEngine
from lmlaws.checks.judge import judge_statement, rechecked
from lmlaws.checks.provers.peeling import as_term, peeled, tidy, wiring
from lmlaws.checks.provers.processing import MOST_BOXES, ProcessingProver
from lmlaws.checks.verdicts import Proved, Refuted, Undecided, Verdict
from lmlaws.evidence_text import proof_lines
from lmlaws.theory.expressions import ZERO, Equal, Expr, LessEq, Relation, Symbol
from lmlaws.theory.programs import normal_form
from lmlaws.theory.quantities import D, H, categorical_entropy
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Term, copy, discard, function, id, kernel, objects, par, seq, state, swap

X, Y, Z, S, V = objects("X Y Z S V")
p, q, r, s, joint = state("p", X), state("q", X), state("r", Y), state("s", Y), state("j", (X, Y))
k, k2, m, n = kernel("k", X, Y), kernel("k2", X, Y), kernel("m", Y, Z), kernel("n", Y, Z)
f, g, a, b = function("f", Y, Z), function("g", X, Y), kernel("a", Y, Z), kernel("b", Y, Z)
hidden, drafter, verifier = state("h", S), kernel("d", S, (V, V)), kernel("v", S, V)
NAMES = ["KL", "reverse_KL", "TV", "chi2", "hellinger2", "JS", "triangular"]
NAMES += ["renyi:0", "renyi:1/2", "renyi:3", "renyi:inf", "alpha:-1", "alpha:1/2", "alpha:3"]
BUDGET = Budget(seconds=20, instances=2000)


def joined(law: Term, then: Term) -> Term:
    return law >> copy(law.cod) >> id(law.cod) @ then


def dependence(name: str, law: Term) -> Expr:
    one, other = law.cod
    return D(name, law, (law >> id(one) @ discard(other)) @ (law >> discard(one) @ id(other)))


def entropy(name: str, term: Term) -> Expr:
    return categorical_entropy(name, term, over=None if not term.dom else hidden if term.dom == (S,) else p)


def decide(holds: Relation, *assumed: Relation) -> Verdict:
    what = Statement(holds, None, assumed)
    prover = ProcessingProver()
    assert prover.accepts(what) is None
    verdict = prover.decide(what, BUDGET.restarted())
    return rechecked(verdict, what) if isinstance(verdict, Proved) else verdict


FIRST = Equal(drafter >> id(V) @ discard(V), verifier)
EVERY: dict[str, Any] = {
    "post-processing": lambda D_: (LessEq(entropy(D_, k >> f), entropy(D_, k)),),
    "post-processing of a law": lambda D_: (LessEq(entropy(D_, r >> f), entropy(D_, r)),),
    "a shared kernel": lambda D_: (Equal(D(D_, joined(p, k), joined(q, k)), D(D_, p, q)),),
    "along a chain": lambda D_: (LessEq(D(D_, p >> k >> m, q >> k2 >> m), D(D_, p >> k, q >> k2)),),
    "a token unseen": lambda D_: (LessEq(D(D_, p >> k, q >> k2), D(D_, joined(p, k), joined(q, k2))),),
    "the second of two": lambda D_: (LessEq(dependence(D_, joint >> id(X) @ m), dependence(D_, joint)),),
    "the first of two": lambda D_: (LessEq(dependence(D_, joint >> k @ id(Y)), dependence(D_, joint)),),
    "symmetry": lambda D_: (Equal(dependence(D_, joint >> swap(X, Y)), dependence(D_, joint)),),
    "a drafter": lambda D_: (LessEq(entropy(D_, verifier), entropy(D_, drafter)), FIRST),
    "a relabelled input": lambda D_: (Equal(D(D_, g >> a, g >> b, over=p), D(D_, a, b, over=p >> g)),),
    "zero": lambda D_: (Equal(D(D_, p >> k, p >> id(X) >> k), ZERO),),
    "not negative": lambda D_: (LessEq(ZERO, D(D_, p >> k, q >> k2)),),
}


@pytest.mark.parametrize("law", EVERY)
def test_laws_of_every_divergence_are_proved(law: str) -> None:
    for name in NAMES:
        verdict = decide(*EVERY[law](name))
        assert isinstance(verdict, Proved), (name, verdict)
        assert set(verdict.rests_on) >= {"definitions of divergences"}


MORE: dict[str, tuple[Relation, ...]] = {
    "the chain rule": (Equal(D("KL", joined(p, k), joined(q, k2)), D("KL", p, q) + D("KL", k, k2, over=p)),),
    "the chain rule backwards": (
        Equal(D("reverse_KL", joined(p, k), joined(q, k2)), D("reverse_KL", p, q) + D("reverse_KL", k, k2, over=q)),
    ),
    "three tokens": (
        Equal(
            D("KL", joined(p, joined(k, m)), joined(q, joined(k2, n))),
            D("KL", p, q) + D("KL", k, k2, over=p) + D("KL", m, n, over=p >> k),
        ),
    ),
    "a shared head": (
        Equal(D("KL", joined(p, joined(k, m)), joined(q, joined(k2, m))), D("KL", joined(p, k), joined(q, k2))),
    ),
    "errors add up": (
        LessEq(D("KL", p >> k >> m, q >> k2 >> n), D("KL", p, q) + D("KL", k, k2, over=p) + D("KL", m, n, over=p >> k)),
    ),
    "errors before a shared head": (
        LessEq(D("KL", p >> k >> m, q >> k2 >> m), D("KL", p, q) + D("KL", k, k2, over=p)),
    ),
    "joint convexity": (LessEq(D("chi2", p >> k, p >> k2), D("chi2", k, k2, over=p)),),
    "KL adds": (Equal(D("KL", p @ r, q @ s), D("KL", p, q) + D("KL", r, s)),),
    "renyi:3 adds": (Equal(D("renyi:3", p @ r, q @ s), D("renyi:3", p, q) + D("renyi:3", r, s)),),
    "renyi:3 adds, interleaved": (
        Equal(D("renyi:3", copy(X) >> k @ k, copy(X) >> k2 @ k2, over=p), 2 * D("renyi:3", k, k2, over=p)),
    ),
    "acceptance": (LessEq(1 - D("TV", p, q), 1 - D("TV", p >> k >> m, q >> k >> m)),),
    "a mixture of two facts": (LessEq(3 * D("TV", p >> g, q >> g) + D("TV", q, p), 4 * D("TV", p, q) + 1),),
    "the orders of alpha": (Equal(D("alpha:1/3", p, q), D("alpha:2/3", q, p)),),
    "KL turned": (LessEq(D("KL", q >> k >> m, p >> k >> m), D("reverse_KL", p, q)),),
}


@pytest.mark.parametrize("law", MORE)
def test_combinations_are_proved(law: str) -> None:
    assert isinstance(decide(*MORE[law]), Proved)


FALSE: dict[str, tuple[Relation, ...]] = {
    "post-processing by a random kernel": (LessEq(entropy("KL", r >> m), entropy("KL", r)),),
    "post-processing raises": (LessEq(entropy("TV", r), entropy("TV", r >> f)),),
    "two kernels": (Equal(D("TV", joined(p, k), joined(q, k2)), D("TV", p, q)),),
    "an arbitrary drafter": (LessEq(entropy("TV", verifier), entropy("TV", drafter)),),
    "a drafter's second token": (LessEq(entropy("TV", drafter), entropy("TV", verifier)), FIRST),
    "the chain rule over the other law": (
        Equal(D("KL", joined(p, k), joined(q, k2)), D("KL", p, q) + D("KL", k, k2, over=q)),
    ),
    "the chain rule of TV": (Equal(D("TV", joined(p, k), joined(q, k2)), D("TV", p, q) + D("TV", k, k2, over=p)),),
    "one error forgotten": (LessEq(D("KL", p >> k, q >> k2), D("KL", p, q)),),
    "TV adds": (Equal(D("TV", p @ r, q @ s), D("TV", p, q) + D("TV", r, s)),),
    "two samples of one draw": (Equal(D("renyi:3", r >> copy(Y), s >> copy(Y)), 2 * D("renyi:3", r, s)),),
    "chi2 turned": (Equal(D("chi2", p, q), D("chi2", q, p)),),
    "relabelled by a random kernel": (Equal(D("TV", k >> a, k >> b, over=p), D("TV", a, b, over=p >> k)),),
    "dependence on a processed copy": (LessEq(dependence("KL", joint), dependence("KL", joint >> id(X) @ m)),),
    "one percent": (LessEq(D("TV", p >> g, q >> g) * 101, 100 * D("TV", p, q)),),
}


@pytest.mark.parametrize("law", FALSE)
def test_near_misses_are_not_proved_and_refuted_by_search(law: str) -> None:
    holds, *assumed = FALSE[law]
    assert isinstance(decide(holds, *assumed), Undecided)
    assert isinstance(SearchEngine().decide(Statement(holds, None, tuple(assumed)), BUDGET.restarted()), Refuted)


def test_data_processing_itself_is_left_to_the_definitions() -> None:
    itself = Statement(LessEq(D("TV", p >> k, q >> k), D("TV", p, q)))
    verdict = ProcessingProver().decide(itself, BUDGET.restarted())
    assert isinstance(verdict, Undecided)
    assert "citing" in verdict.reason


@pytest.mark.parametrize(
    ("holds", "why"),
    [
        (LessEq(D("KL", p, q) - D("KL", p, q), ZERO), "a negative multiple of KL"),
        (LessEq(D("TV", p, q) ** 2, D("KL", p, q)), "Pow is not part"),
        (LessEq(D("TV", p, q) * D("TV", q, p), D("KL", p, q)), "Mul is not part"),
        (LessEq(Symbol("t"), Symbol("t")), "compares no divergences"),
        (Equal(p >> k, q >> k2), "compares no divergences"),
        (LessEq(D("TV", seq(p, *[kernel("e", X, X)] * MOST_BOXES), q), ZERO), "more than 60 boxes"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_refused_with_a_reason(holds: Relation, why: str) -> None:
    reason = ProcessingProver().accepts(Statement(holds))
    assert reason is not None
    assert why in reason


def test_entropies_beside_divergences_are_refused() -> None:
    reason = ProcessingProver().accepts(Statement(LessEq(D("KL", r, s), H("Y")), r))
    assert reason == "Entropy is not part of a combination of divergences"


def test_the_proof_is_told_in_words() -> None:
    holds = LessEq(D("KL", p >> k, q >> k2), D("KL", p, q) + D("KL", k, k2, over=p))
    verdict = decide(holds)
    assert isinstance(verdict, Proved)
    told = " ".join(" ".join(proof_lines(Statement(holds), dict(verdict.certificate))).split())
    assert (
        "D[KL](p >> k, q >> k2) <= D[KL](p >> copy[X] >> id[X] @ k, q >> copy[X] >> id[X] @ k2), by data proc" in told
    )
    assert "= D[KL](p, q) + D[KL](k, k2 | over p), by the chain rule" in told
    whole = decide(*MORE["a mixture of two facts"])
    assert isinstance(whole, Proved)
    told = " ".join(proof_lines(Statement(MORE["a mixture of two facts"][0]), dict(whole.certificate)))
    assert "3 times D[TV]" in told
    assert "with the sides exchanged" in told


def test_a_hypothesis_is_told_in_words() -> None:
    holds = LessEq(entropy("KL", verifier), entropy("KL", drafter))
    verdict = decide(holds, FIRST)
    assert isinstance(verdict, Proved)
    lines = proof_lines(Statement(holds, None, (FIRST,)), json.loads(json.dumps(verdict.certificate)))
    assert " ".join(" ".join(lines).split()).count("by hypothesis") == 3


def test_the_judge_prefers_a_proof_from_the_definitions() -> None:
    from lmlaws.checks.judge import provers

    statement = Statement(Equal(D("TV", joined(p, k), joined(q, k)), D("TV", p, q)))
    judgement = judge_statement(statement, provers(), BUDGET, all_engines=True)
    assert {v.engine for v in judgement.said if isinstance(v, Proved)} == {"identities", "processing"}
    assert judgement.verdict.engine == "identities"


# peeling and programs


@settings(max_examples=60, deadline=None)
@given(terms())
def test_a_tidied_term_is_the_same_morphism(term: Term) -> None:
    assert normal_form(tidy(term)) == normal_form(term)
    assert (tidy(term).dom, tidy(term).cod) == (term.dom, term.cod)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=6))
def test_wiring_picks_wires(wanted: list[int]) -> None:
    term = wiring((X, Y, Z, S), wanted)
    assert normal_form(term).outputs == tuple((-1, at) for at in wanted)
    assert normal_form(as_term(normal_form(term))) == normal_form(term)


@settings(max_examples=60, deadline=None)
@given(terms(), st.data())
def test_what_was_added_is_peeled_off(term: Term, data: st.DataObject) -> None:
    """For part >> w a w' with part >> w' = part >> w is found; where two wholes have grown differently, none."""
    places = data.draw(st.lists(st.integers(0, len(term.cod) - 1), min_size=1, max_size=3)) if term.cod else []
    grown, other = (
        seq(term, wiring(term.cod, places), par(*(kernel(f"{name}{at}", term.cod[at], Z) for at in places)))
        for name in ("new", "other")
    )
    (rest, *_) = peeled([(grown, term)])
    assert normal_form(seq(term, rest)) == normal_form(grown)
    assert not places or not list(peeled([(grown, term), (other, term)]))
