"""The provers: what they prove, and near-misses that they must not prove."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest

from lmlaws.checks.engine import Budget
from lmlaws.checks.evidence import certificate
from lmlaws.checks.exact.search import SearchEngine
from lmlaws.checks.judge import judge_statement, provers
from lmlaws.checks.provers.identities import IdentityProver
from lmlaws.checks.provers.infinities import infinities
from lmlaws.checks.provers.markov import MarkovProver
from lmlaws.checks.provers.polynomials import UnprovableError
from lmlaws.checks.provers.shannon import ShannonProver
from lmlaws.checks.verdicts import Proved, Refuted, Undecided, Verdict
from lmlaws.theory.analytic import E, along, cov, derivative, times, token
from lmlaws.theory.expressions import (
    ONE,
    ZERO,
    Abs,
    Const,
    Direction,
    DivergenceOf,
    Entry,
    Equal,
    Exp,
    Expr,
    Head,
    Information,
    LessEq,
    Letter,
    Log,
    Logit,
    LogPartition,
    Mul,
    Point,
    Pow,
    Relation,
    Size,
    Softmax,
    Sum,
    Symbol,
    log,
)
from lmlaws.theory.language import parse
from lmlaws.theory.quantities import D, H, I, categorical_entropy, entry, markov
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Term, copy, function, id, kernel, objects, seq, state

X, Y, Z, V = objects("X Y Z V")
p, q, k, f = state("p", X), state("q", X), kernel("k", X, Y), function("f", X, Y)
x, y = Letter("x", X), Letter("y", X)
px, qx = entry(p, (), (x,)), entry(q, (), (x,))
head = Head("head", V)
h, h2, u, v = Point("h", head), Point("h2", head), Direction("u", head), Direction("v", head)
t = token(head, "t")
BUDGET = Budget(seconds=20)


def decide(statement: Statement) -> Verdict:
    """The verdict of the provers alone, certificates checked."""
    return judge_statement(statement, provers(), BUDGET, all_engines=False).verdict


def equal(left: Expr | Term, right: Expr | Term, about: Term | None = None) -> Statement:
    return Statement(Equal(left, right), about)


PROVED = {
    "data processing": "I(X;Z) <= I(X;Y) given X -> Y -> Z",
    "chain rule": "H(X,Y,Z) = H(X) + H(Y|X) + H(Z|X,Y)",
    "submodularity": "H(X,Y,Z) + H(Y) <= H(X,Y) + H(Y,Z)",
    "Han": "H(A,B,C,D) <= (H(A,B,C) + H(A,B,D) + H(A,C,D) + H(B,C,D))/3",
    "functions": "H(Y|X) <= H(Z|X) given Y = f(Z)",
    "sizes": "I(X;Y) <= log|X|",
    "assumed relation": "H(X) <= 2*H(Z) given H(X) <= 2*H(Y), H(Y) <= H(Z)",
    "co-information": "I(A;B;C) = I(A;B) - I(A;B|C)",
    "deterministic copy": "det k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k",
    "discard is natural": "k: X -> Y * Y |- k >> discard[Y * Y] = discard[X]",
}
NOT_PROVED = {
    "data processing, too strong": "1.00000001*I(X;Z) <= I(X;Y) given X -> Y -> Z",
    "data processing, reversed": "I(X;Y) <= I(X;Z) given X -> Y -> Z",
    "conditioning lowers information": "I(X;Y|Z) <= I(X;Y)",
    "Ingleton": "I(A;B) <= I(A;B|C) + I(A;B|D) + I(C;D)",
    "Han, too strong": "H(A,B,C,D) <= (H(A,B,C) + H(A,B,D) + H(A,C,D) + H(B,C,D))*33/100",
    "copy is natural": "k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k",
    "outputs exchange": "k: X -> Y * Y |- k >> swap[Y,Y] = k",
}


@pytest.mark.parametrize("text", PROVED.values(), ids=PROVED.keys())
def test_proved(text: str) -> None:
    assert isinstance(decide(parse(text)), Proved)


@pytest.mark.parametrize("text", NOT_PROVED.values(), ids=NOT_PROVED.keys())
def test_refuted_and_never_proved(text: str) -> None:
    assert isinstance(decide(parse(text)), Undecided)
    assert isinstance(SearchEngine().decide(parse(text), BUDGET.restarted()), Refuted)


@pytest.mark.parametrize("count", [4, 6, 8])
def test_shannon_up_to_eight_variables(count: int) -> None:
    names = [f"A{i}" for i in range(count)]
    halves = " + ".join(f"H({','.join(n for n in names if n != left)})" for left in names)
    assert isinstance(decide(parse(f"H({','.join(names)}) <= ({halves})/{count - 1}")), Proved)


def test_diagram_forces_its_independences() -> None:
    chain = p >> copy(X) >> id(X) @ (k >> copy(Y) >> id(Y) @ kernel("h", Y, Z))
    assert isinstance(decide(Statement(LessEq(I("X", "Z"), I("X", "Y")), chain)), Proved)
    loose = p >> copy(X) >> id(X) @ (k >> copy(Y)) >> id((X, Y)) @ kernel("h", Y, Z)
    assert isinstance(decide(Statement(LessEq(I("X", "Y"), I("X", "Z")), loose)), Undecided)
    wired = p >> copy((X,)) >> copy(X) @ k >> id((X, X)) @ copy(Y) >> id(X) @ kernel("h", (X, Y), Z) @ id(Y)
    assert isinstance(decide(Statement(LessEq(I("X", "Z"), I("X", "Y")), wired)), Undecided)


def test_twenty_thousand_boxes() -> None:
    boxes = [k if i % 2 == 0 else kernel("b", Y, X) for i in range(20_000)]
    assert (
        MarkovProver().decide(equal(seq(*boxes), seq(*boxes[:1], seq(*boxes[1:]))), BUDGET.restarted()).name == "proved"
    )
    other = seq(*boxes[:-1], kernel("c", Y, X))
    assert MarkovProver().decide(equal(seq(*boxes), other), BUDGET.restarted()).name == "undecided"


IDENTITIES: dict[str, tuple[Relation, Term | None]] = {
    "entropy as KL": (Equal(categorical_entropy("KL", p), H("X")), p),
    "TV collision": (Equal(categorical_entropy("TV", p), 1 - Sum(x, px**2)), None),
    "hellinger": (Equal(categorical_entropy("hellinger2", p), 1 - Sum(x, px ** Fraction(3, 2))), None),
    "split logarithm": (Equal(Sum(x, px * log(px / qx)), D("KL", p, q)), None),
    "min and TV": (Equal(Sum(x, Fraction(1, 2) * (px + qx - Abs(px - qx))), 1 - D("TV", p, q)), None),
    "rows sum to one": (Equal(Sum(x, px), ONE), None),
    "sizes": (Equal(Sum(x, Sum(y, px)), Size(X) * 1), None),
    "log of softmax": (Equal(log(Softmax(h, t)) + LogPartition(h), Logit(h, t)), None),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_identities(name: str) -> None:
    relation, about = IDENTITIES[name]
    assert isinstance(decide(Statement(relation, about)), Proved)


FALSE_IDENTITIES: dict[str, Any] = {
    "a power 0 where the base vanishes": equal(px**0, ONE),
    "entropy halved": equal(categorical_entropy("KL", p), Fraction(1, 2) * H("X"), p),
    "sum of products is product of sums": equal(Sum(x, px * qx), Sum(x, px) * Sum(x, qx)),
    "size squared": equal(Sum(x, Sum(y, px)), Size(X) * Size(X)),
    "0/0 at the edge": equal(Sum(x, px * px**-1), Size(X)),
    "infinity against infinity": equal(D("KL", p, q) - Sum(x, -px * log(qx)), -H("X"), p),
    "log of a square": equal(log(px**2 + qx**2), 2 * log(px + qx)),
    "abs of a sum": equal(Abs(px - qx), Abs(px) + Abs(qx)),
    "covariance is the second moment": equal(cov(h, along(u), along(v)), E(h, times(along(u), along(v)))),
    "derivative at another point": equal(derivative(LogPartition(h2), h, u), E(h2, along(u))),
    "third cumulant is the third moment": equal(
        derivative(derivative(derivative(LogPartition(h), h, u), h, u), h, u), E(h, times(along(u), along(u), along(u)))
    ),
    "exponentials add": equal(Exp(px) + Exp(qx), Exp(px + qx)),
    "stochastic box merged": equal(k >> copy(Y), copy(X) >> k @ k),
}


@pytest.mark.parametrize("name", FALSE_IDENTITIES)
def test_false_identities_are_not_proved(name: str) -> None:
    assert isinstance(decide(FALSE_IDENTITIES[name]), Undecided)


def test_third_cumulant() -> None:
    a = along(u)
    mean = E(h, a)
    third = E(h, times(a, a, a)) - 3 * E(h, times(a, a)) * mean + 2 * mean**3
    nested = derivative(derivative(derivative(LogPartition(h), h, u), h, u), h, u)
    assert isinstance(decide(equal(nested, third)), Proved)


def test_deterministic_boxes_are_functions() -> None:
    entry_f = entry(f, (x,), (Letter("z", Y),))
    assert isinstance(decide(equal(entry_f**2, entry_f)), Proved)
    entry_k = entry(k, (x,), (Letter("z", Y),))
    assert isinstance(decide(equal(entry_k**2, entry_k)), Undecided)


def test_infinities_are_tracked() -> None:
    assert infinities(D("KL", p, q)) == {1}
    assert infinities(-D("KL", p, q)) == {-1}
    assert infinities(D("TV", p, q)) == frozenset()
    assert infinities(px * log(px)) == frozenset()
    assert infinities(px * log(qx)) == {-1}
    with pytest.raises(UnprovableError):
        infinities(px * log(qx / (qx * qx)))
    with pytest.raises(UnprovableError):
        infinities(D("KL", p, q) - D("KL", q, p))


def test_a_budget_of_nothing_is_no_proof_by_accident() -> None:
    statement = Statement(LessEq(I("X", "Z"), I("X", "Y")), state("p", (X, Y, Z)), markov("X", "Y", "Z"))
    assert ShannonProver().decide(statement, Budget(seconds=20)).name == "proved"
    dropped = Statement(statement.holds, statement.about)
    assert ShannonProver().decide(dropped, Budget(seconds=20)).name == "undecided"


def test_planted_false_inequalities_are_never_proved() -> None:
    """True combinations of basic inequalities made false by adding a tiny multiple of an entropy to the left side."""
    rng = random.Random(2507)
    names = ["A", "B", "C", "D"]
    for trial in range(60):
        parts = []
        for _ in range(3):
            a, b, c = rng.sample(names, 3)
            parts.append(f"{rng.randint(1, 5)}*I({a};{b}|{c})")
        eps = f"1/{10 ** rng.randint(1, 20)}"
        extra = rng.choice(names)
        # at the law where every variable but `extra` is constant all parts vanish, so any positive multiple is false
        text = f"{eps}*H({extra}) <= " + " + ".join(parts)
        assert isinstance(decide(parse(text)), Undecided), (trial, text)


def test_identity_prover_reads_what_it_says() -> None:
    prover = IdentityProver()
    assert prover.accepts(Statement(LessEq(px, qx))) == "not an equation"
    assert prover.accepts(equal(D("renyi:0", p, q), D("KL", q, p))) is not None


def test_a_hypothesis_at_a_point_is_not_differentiated() -> None:
    """With <g(w),u> = A(h) for all w at one h, the hypothesis may not be differentiated along v."""
    given = (Equal(Logit(u, t), LogPartition(h)),)
    false = Statement(Equal(derivative(E(h, along(u)), h, v), derivative(LogPartition(h), h, v)), given=given)
    assert isinstance(decide(false), Undecided)
    constant = (Equal(Logit(u, t), Symbol("c")),)
    true = Statement(Equal(derivative(E(h, along(u)), h, v), ZERO), given=constant)
    assert isinstance(decide(true), Proved)


def test_a_quotient_hidden_in_a_logarithm_is_not_cancelled() -> None:
    """log(q p / p) is minus infinity where p = 0, and log q is not: neither nesting may hide it."""
    nested = Mul((qx, Mul((px, Pow(px, Fraction(-1))))))
    inside = Mul((qx, Pow(Mul((px, Pow(px, Fraction(-1)))), Fraction(1))))
    summed = Mul((qx, Sum(y, Mul((entry(p, (), (y,)), Pow(entry(p, (), (y,)), Fraction(-1)))))))
    for argument in (nested, inside, summed):
        assert isinstance(decide(equal(Log(argument), log(qx))), Undecided)


def test_conventions_at_zero_are_respected() -> None:
    """1/delta is infinite, not delta; (-x)^-1 and -(x^-1) are infinities of two signs at x = 0."""
    delta = entry(id(X), (x,), (y,))
    assert isinstance(decide(equal(delta**-1, delta)), Undecided)
    minus = Mul((Const(Fraction(-1)), px))
    assert isinstance(decide(equal(Pow(minus, Fraction(-1)), -(px**-1))), Undecided)


def test_hypotheses_about_logits_hold_for_every_token() -> None:
    given = (Equal(Logit(u, t), ZERO),)
    statement = Statement(Equal(Sum(t, Softmax(h, t) * Logit(u, t) * Logit(v, t)), ZERO), given=given)
    assert isinstance(decide(statement), Proved)


def test_a_large_coefficient_is_no_overflow() -> None:
    assert isinstance(decide(parse(f"H(X) <= 1{'0' * 400}*H(X,Y)")), Proved)
    assert isinstance(SearchEngine().decide(parse(f"1{'0' * 400}*H(X,Y) <= H(X)"), BUDGET.restarted()), Refuted)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: equal(Sum(Letter("w", Y), Softmax(h, Letter("w", Y))), ONE), "tokens in V"),
        (lambda: equal(Entry(p, (), ()), ONE), "at the letters none"),
        (lambda: equal(px, Entry(p, (), (Letter("#1.0", X),))), "begin with #"),
        (lambda: equal(Softmax(h, t), Softmax(Point("h", Head("head", X)), x)), "two things"),
        (lambda: equal(DivergenceOf("KL", k, k), ZERO), "averaged over a state"),
        (lambda: equal(derivative(LogPartition(h), h, Direction("w", Head("other", V))), ZERO), "two heads"),
        (lambda: Statement(LessEq(Information((("X",),)), ZERO), p), "at least two groups"),
    ],
)
def test_what_does_not_fit_together_is_no_statement(wrong: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        wrong()


def test_a_certificate_that_the_checker_rejects_proves_nothing() -> None:
    class Liar(ShannonProver):
        def decide(self, statement: Statement, budget: Budget, twins: Any = ()) -> Verdict:
            return Proved("liar", certificate("shannon", statement, {"<=": []}))

    verdict = judge_statement(parse("H(X) <= H(Y)"), (Liar(),), BUDGET, all_engines=False).verdict
    assert isinstance(verdict, Undecided)
    assert "checker does not accept" in verdict.reason
