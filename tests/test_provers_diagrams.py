"""Equations of diagrams under hypotheses, the rewrites in their certificates, normal forms of any depth and size."""

from __future__ import annotations

import copy as copies
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.test_terms import terms

from lmlaws.checks.engine import Budget
from lmlaws.checks.judge import judge_statement
from lmlaws.checks.provers.markov import MarkovProver
from lmlaws.checks.recheck import Accepted, Rejected, check
from lmlaws.checks.verdicts import Proved, Undecided, Verdict
from lmlaws.evidence_text import normal_form_lines, proof_lines
from lmlaws.theory.expressions import ZERO, Equal
from lmlaws.theory.programs import normal_form
from lmlaws.theory.quantities import H
from lmlaws.theory.statements import Statement, encode
from lmlaws.theory.terms import Box, Object, Term, copy, discard, function, id, kernel, objects, par, seq, state, swap

X, Y, Z = objects("X Y Z")
p, m, mu, nu = state("p", X * Y), state("m", X), state("mu", X), state("nu", X)
c, k, h, g, g2 = (kernel(name, *kind) for name, kind in zip("ckhgG", [(X, Y)] * 3 + [(Y, Z)] * 2))
f, r, e = function("f", X, Y), kernel("r", Y, X), kernel("e", X, X)
s, join, join2 = state("s", Y), kernel("join", Y * X, Z), kernel("join2", Y * X, Z)
a, b, wide = kernel("a", X, X), kernel("b", X, X), kernel("wide", X * Z, Y)
BUDGET = Budget(seconds=20)

DISINTEGRATES = Equal(p, m >> copy(X) >> id(X) @ c)
SURELY = Equal(mu >> copy(X) >> id(X) @ k, mu >> copy(X) >> id(X) @ h)
INVERTED = Equal(mu >> copy(X) >> id(X) @ k, mu >> k >> copy(Y) >> r @ id(Y))
COPIES = Equal(k >> copy(Y), copy(X) >> k @ k)
AFTER_F = Equal(f >> g, f >> g2)
IDEMPOTENT = Equal(e >> e, e)
COMMUTE = Equal(a >> b, b >> a)
IGNORES = Equal(wide, k @ discard(Z))
FED = Equal(id(X), k >> r)


def statement(left: Term, right: Term, *assumed: Equal) -> Statement:
    return Statement(Equal(left, right), None, assumed)


def decide(what: Statement) -> Verdict:
    """The prover alone, its certificate checked."""
    return judge_statement(what, (MarkovProver(),), BUDGET, all_engines=True).verdict


PROVED: dict[str, tuple[int, Statement]] = {
    "a marginal of what disintegrates": (1, statement(p >> id(X) @ discard(Y), m, DISINTEGRATES)),
    "the other marginal": (1, statement(m >> c, p >> discard(X) @ id(Y), DISINTEGRATES)),
    "processing the second": (1, statement(p >> id(X) @ g, m >> copy(X) >> id(X) @ (c >> g), DISINTEGRATES)),
    "exchanged": (1, statement(p >> swap(X, Y), m >> copy(X) >> c @ id(X), DISINTEGRATES)),
    "almost surely equal, processed": (
        1,
        statement(mu >> copy(X) >> id(X) @ (k >> g), mu >> copy(X) >> id(X) @ (h >> g), SURELY),
    ),
    "almost surely equal, the input forgotten": (1, statement(mu >> k, mu >> h, SURELY)),
    "almost surely equal, one of two": (1, statement(mu >> copy(X) >> k @ k, mu >> copy(X) >> h @ k, SURELY)),
    "almost surely equal, twice": (2, statement(mu >> copy(X) >> k @ k, mu >> copy(X) >> h @ h, SURELY)),
    "inverted back": (1, statement(mu >> k >> r, mu, INVERTED)),
    "a copying that is assumed": (1, statement(k >> copy(Y) >> g @ g, copy(X) >> (k >> g) @ (k >> g), COPIES)),
    "a copying assumed, twice": (
        2,
        statement(k >> copy(Y) >> id(Y) @ copy(Y), copy(X) >> id(X) @ copy(X) >> k @ k @ k, COPIES),
    ),
    "a deterministic box used beside": (1, statement(copy(X) >> (f >> g) @ f, copy(X) >> (f >> g2) @ f, AFTER_F)),
    "beside, not out and back": (
        1,
        statement(
            (k >> copy(Y)) @ r >> id(Y) @ join,
            (k >> copy(Y)) @ r >> id(Y) @ join2,
            Equal((k >> copy(Y)) @ id(X) >> id(Y) @ join, (k >> copy(Y)) @ id(X) >> id(Y) @ join2),
        ),
    ),
    "idempotent": (4, statement(seq(*[e] * 5), e, IDEMPOTENT)),
    "commuting": (4, statement(a >> a >> b >> b, b >> b >> a >> a, COMMUTE)),
    "an input that is ignored": (1, statement(swap(Z, X) >> wide, discard(Z) @ k, IGNORES)),
    "an input that is fed again": (1, statement(copy(X) @ id(Z) >> k @ wide, copy(X) @ discard(Z) >> k @ k, IGNORES)),
    "of two hypotheses the second": (1, statement(mu >> k, mu >> h, IDEMPOTENT, SURELY)),
    "both of two hypotheses": (2, statement(mu >> k >> r, m, SURELY, Equal(mu >> h >> r, m))),
    "one of two terms back to one": (1, statement(k >> r >> k, k, FED)),
    "none needed": (0, statement(k >> discard(Y), discard(X), SURELY)),
}
NOT_PROVED: dict[str, Statement] = {
    "another marginal": statement(p >> id(X) @ discard(Y), mu, DISINTEGRATES),
    "an inner wire is used outside": statement(mu >> copy(X) >> id(X) @ k, mu @ s, Equal(mu >> k, s)),
    "almost surely is not surely": statement(k, h, SURELY),
    "on another state": statement(nu >> k, nu >> h, SURELY),
    "two runs are not a copy": statement(mu >> k >> copy(Y), mu >> copy(X) >> h @ h, SURELY),
    "a random box between is shared": statement(
        copy(X) >> (k >> copy(Y) >> g @ id(Y)) @ id(X),
        copy(X) >> (k >> copy(Y) >> g2 @ id(Y)) @ id(X),
        Equal(k >> g, k >> g2),
    ),
    "out of the place and back into it": statement(
        k >> copy(Y) >> copy(Y) @ r >> id(Y) @ join,
        k >> copy(Y) >> copy(Y) @ r >> id(Y) @ join2,
        Equal((k >> copy(Y)) @ id(X) >> id(Y) @ join, (k >> copy(Y)) @ id(X) >> id(Y) @ join2),
    ),
    "not idempotent": statement(e, id(X), IDEMPOTENT),
    "a box that need not commute": statement(a >> b, b >> e, COMMUTE),
    "the other input": statement(wide, discard(X) @ kernel("z", Z, Y), IGNORES),
    "dropped hypothesis": statement(mu >> k, mu >> h),
}


@pytest.mark.parametrize("name", PROVED)
def test_rewriting_proves(name: str) -> None:
    """With so many uses of hypotheses; both checkers' input is the certificate alone."""
    uses, what = PROVED[name]
    verdict = decide(what)
    assert isinstance(verdict, Proved), verdict
    assert len(verdict.certificate["steps"].get("rewrites", ())) == uses
    assert verdict.rests_on == ("axioms of Markov categories",)


@pytest.mark.parametrize("name", NOT_PROVED)
def test_what_does_not_follow_is_undecided_with_the_reason(name: str) -> None:
    verdict = decide(NOT_PROVED[name])
    assert isinstance(verdict, Undecided)
    assert "the normal forms differ: out = " in verdict.reason
    assert ("rewriting by the hypotheses led to" in verdict.reason) == bool(NOT_PROVED[name].given)


@pytest.mark.parametrize("name", [name for name, (uses, _) in PROVED.items() if uses])
def test_without_its_hypotheses_nothing_is_proved(name: str) -> None:
    holds = PROVED[name][1].holds
    assert isinstance(decide(Statement(holds)), Undecided)


@settings(max_examples=60, deadline=None)
@given(terms(), st.data())
def test_a_side_is_found_again_in_any_context(before: Term, data: st.DataObject) -> None:
    """Whatever stands around it, copies, discards and deterministic boxes included; and not without the hypothesis."""
    cut = data.draw(st.integers(0, len(before.cod)))
    idle, inputs = before.cod[:cut], before.cod[cut:]
    side = data.draw(terms(inputs))
    after = data.draw(terms(idle + side.cod))
    whole = kernel("whole", inputs, side.cod)
    left, right = (seq(before, par(id(idle), part), after) for part in (side, whole))
    assert isinstance(decide(statement(left, right, Equal(side, whole))), Proved)
    used = any(box == whole for box, _ in normal_form(right).boxes)
    assert isinstance(decide(statement(left, right)), Undecided if used else Proved)


def test_hypotheses_of_another_kind_are_not_used() -> None:
    assumed = (Equal(H("Y"), ZERO),)
    verdict = decide(Statement(Equal(mu >> k, mu >> h), mu >> k, assumed))
    assert isinstance(verdict, Undecided)
    assert "no hypothesis is an equation of diagrams" in verdict.reason


def test_a_search_that_is_too_large_says_so() -> None:
    many = statement(seq(*[a] * 7, *[b] * 7), seq(*[b] * 7, *[a] * 7), COMMUTE)
    verdict = MarkovProver().decide(many, Budget(seconds=0.3))
    assert isinstance(verdict, Undecided)
    assert "until the budget was spent" in verdict.reason


# --- the certificate of rewrites, and what spoils it


def certificate(name: str) -> tuple[Statement, dict[str, Any]]:
    what = PROVED[name][1]
    verdict = decide(what)
    assert isinstance(verdict, Proved)
    return what, copies.deepcopy(verdict.certificate)


def answer(what: Statement, data: dict[str, Any]) -> Accepted | Rejected:
    return check(json.dumps(data), what.canonical)


def _at(place: int, value: Any) -> Callable[[list[Any]], None]:
    return lambda step: step.__setitem__(place, value)


def _with_state(name: str, kind: Object) -> Callable[[list[Any]], None]:
    """A state is run and discarded at the end."""
    more = id(X) @ id(Z) @ state(name, kind) >> id(X) @ id(Z) @ discard(kind)
    return lambda step: step.__setitem__(4, ["Seq", [step[4], encode(more)]])


SPOILED: dict[str, tuple[Callable[[list[Any]], None], str]] = {
    "turned round": (lambda step: step.__setitem__(1, not step[1]), "does not start from"),
    "another hypothesis": (_at(0, 1), "the number of a hypothesis"),
    "a negative number": (_at(0, -1), "the number of a hypothesis"),
    "false for 0": (_at(0, False), "the number of a hypothesis"),
    "1 for true": (_at(1, 1), "not a flag"),
    "a field more": (lambda step: step.append(0), "not a rewrite with its fields"),
    "a wire more beside": (_at(3, ["Y"]), "a Seq joins"),
    "no type": (_at(3, "Y"), "not a type"),
    "no term": (_at(2, None), "not a term"),
    "everything discarded": (_at(4, encode(discard(X) @ discard(Y))), "does not start from"),
    "a box that the statement has not": (_with_state("new", X), "boxes that the statement has not"),
    "a box with another type": (_with_state("mu", Y), "two different things"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_rewrite_is_rejected(name: str) -> None:
    spoil, reason = SPOILED[name]
    what, data = certificate("almost surely equal, processed")
    assert isinstance(answer(what, data), Accepted)
    spoil(data["steps"]["rewrites"][0])
    outcome = answer(what, data)
    assert isinstance(outcome, Rejected)
    assert reason in outcome.reason


@pytest.mark.parametrize(
    "steps",
    [
        {"rewrites": []},
        {"rewrites": [[]]},
        {"rewrites": {}},
        {"rewrites": None},
        {"rewrites": [], "boxes": []},
        {"rewrites": [], "boxes": [], "outputs": []},
        {},
        [],
    ],
)
def test_steps_of_another_shape_are_rejected(steps: Any) -> None:
    what, data = certificate("almost surely equal, processed")
    assert isinstance(answer(what, data | {"steps": steps}), Rejected)


def test_rewrites_dropped_doubled_or_exchanged_are_rejected() -> None:
    what, data = certificate("a copying assumed, twice")
    one, two = data["steps"]["rewrites"]
    for rewrites in ([one], [two], [two, one], [one, one, two], [one, two, two]):
        assert isinstance(answer(what, data | {"steps": {"rewrites": rewrites}}), Rejected)
    back = [one, two, [two[0], not two[1], *two[2:]], two]
    assert isinstance(answer(what, data | {"steps": {"rewrites": back}}), Accepted)


def test_a_certificate_proves_its_own_statement_only() -> None:
    _, data = certificate("almost surely equal, the input forgotten")
    weaker = statement(mu >> k, mu >> h, AFTER_F)
    assert isinstance(answer(weaker, data), Rejected)
    other = data | {"statement": weaker.canonical, "hash": weaker.hash}
    assert isinstance(answer(weaker, other), Rejected)


def test_a_hypothesis_between_expressions_rewrites_nothing() -> None:
    what = Statement(Equal(mu >> k, mu >> h), mu >> k, (Equal(H("Y"), ZERO),))
    _, data = certificate("almost surely equal, the input forgotten")
    data |= {"statement": what.canonical, "hash": what.hash}
    outcome = answer(what, data)
    assert isinstance(outcome, Rejected)
    assert "no equation of terms" in outcome.reason


# --- shown


def test_the_proof_shows_every_diagram_on_the_way() -> None:
    what, data = certificate("a marginal of what disintegrates")
    text = "\n".join(proof_lines(what, data))
    assert "out = v0.0\n    v0 = p()\n  where by hypothesis p is m >> copy[X] >> id[X] @ c" in text
    assert text.endswith("out = v0\n    v0 = m()\n  which is the right side")


def test_both_normal_forms_are_shown_where_they_differ() -> None:
    assert [line.strip() for line in normal_form_lines(statement(k >> copy(Y), copy(X) >> k @ k)) if line] == [
        "the normal forms differ; left:",
        "out = v0, v0",
        "v0 = k(in0)",
        "right:",
        "out = v0, v1",
        "v0 = k(in0)",
        "v1 = k(in0)",
    ]
    assert normal_form_lines(statement(f >> copy(Y), copy(X) >> f @ f)) == []


# --- size and depth


def chain(boxes: int) -> tuple[Term, Term]:
    """copy >> (k @ h) >> join, again and again, and the same with its branches crossed."""
    join = kernel("join", Y * Y, X)
    plain, crossed = (copy(X), k @ h, join), (copy(X), swap(X, X), h @ k, swap(Y, Y), join)
    return seq(*plain * (boxes // 3)), seq(*crossed * (boxes // 3))


def test_thirty_thousand_boxes_are_compared() -> None:
    """A moment's work, and hours if it were quadratic; bench/diagrams.py has the times."""
    left, right = chain(30_000)
    assert normal_form(left) == normal_form(right)
    assert normal_form(left) != normal_form(left >> discard(X))


def test_diagrams_may_nest_deeper_than_python_recurses() -> None:
    left: Term = id(X)
    for _ in range(5_000):  # ((... >> e) @ nothing) >> e: no two levels of one kind
        left = seq(par(left, state("unit", Z) >> discard(Z)), e)
    form = normal_form(left)
    assert form == normal_form(seq(*[e] * 5_000))
    assert form != normal_form(seq(*[e] * 4_999))


def test_boxes_that_differ_in_a_mark_are_different_boxes() -> None:
    assert decide(statement(f >> copy(Y), copy(X) >> f @ f)).name == "proved"
    loose = Box("f", (X,), (Y,), False)
    assert decide(statement(loose >> copy(Y), copy(X) >> loose @ loose)).name == "undecided"
