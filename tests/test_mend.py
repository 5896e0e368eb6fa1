"""The missing hypothesis of what is refuted: named when it is proved to suffice, and only then."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction

import pytest

from lmlaws.checks.engine import Budget
from lmlaws.checks.exact.instances import Evaluator, Instance
from lmlaws.checks.exact.kernels import Kernel
from lmlaws.checks.exact.search import SearchEngine
from lmlaws.checks.exact.worlds import ExactHead
from lmlaws.checks.judge import as_json, judge, judge_alone, judge_statement, provers
from lmlaws.checks.provers.mend import missing_hypotheses
from lmlaws.checks.provers.sieve import Sieve
from lmlaws.checks.verdicts import Conditional, MissingHypothesis, Proved, Refuted
from lmlaws.evidence_text import mend_lines
from lmlaws.face import missing_hypotheses as asked
from lmlaws.face import prove
from lmlaws.theory.analytic import E, along, derivative, pullback_metric, times
from lmlaws.theory.claims import Claim, Mend, Source
from lmlaws.theory.expressions import Direction, Equal, Head, LessEq, LogPartition, Point, as_expr, walk
from lmlaws.theory.language import parse
from lmlaws.theory.quantities import D, H, I, determined, independent
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Object, copy, discard, id, kernel, objects, state

COPYING = "k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k"
CHAIN = "given X -> Y -> Z"
BUDGET = Budget(seconds=20)

MENDED: dict[str, list[str]] = {
    COPYING: ["k deterministic"],
    "k: X -> Y; det f: Y -> Z |- k >> f >> copy[Z] = copy[X] >> (k >> f) @ (k >> f)": ["k deterministic"],
    "k: X -> Y; h: Y -> Z |- k >> copy[Y] >> h @ h = copy[X] >> (k >> h) @ (k >> h)": ["k deterministic"],
    # I(X;Y|Z) - I(X;Y) = I(X;Z|Y) - I(X;Z) = I(Y;Z|X) - I(Y;Z): each chain makes one first term zero
    "I(X;Y|Z) <= I(X;Y)": ["X -> Z -> Y", "X -> Y -> Z", "Y -> X -> Z"],
    "I(X;Y;Z) >= 0": ["X -> Z -> Y", "X -> Y -> Z", "Y -> X -> Z"],
    # and each independence one second term
    "I(X;Y) <= I(X;Y|Z)": ["X _||_ Y", "X _||_ Z", "Y _||_ Z"],
    f"I(X;Y) <= I(X;Z) {CHAIN}": ["X -> Z -> Y"],  # implied by X = f(Z), by Y = f(Z) and by X _||_ Y
    f"I(X;Z) = 0 {CHAIN}": ["X _||_ Y", "Z _||_ Y"],
    "H(X) <= H(Y)": ["X = f(Y)"],
    "H(X,Y) <= H(X)": ["Y = f(X)"],
    "H(X,Y) = H(X) + H(Y)": ["X _||_ Y"],
    "H(Y|X) = H(Y)": ["Y _||_ X"],
    "I(A;B,C,D) <= I(A;B) + I(A;C)": ["A -> B -> (C,D)", "A -> C -> (B,D)"],
    "I(X;Z|Y) <= 0": ["X = f(Y)", "Z = f(Y)", "X _||_ (Z,Y)", "Z _||_ (X,Y)"],  # the chain itself is the statement
}
NOT_MENDED = {
    "nothing but itself": "I(X;Z) = 0",
    "itself as an inequality": "2*I(X;Z) <= 0",
    "a function, which is the statement": "H(Y|X) = 0",
    "only a constant": "2*H(X) <= H(X)",
    "two conditions": "H(X) + H(Y) <= H(Z)",
    "two conditions, three variables": "H(X,Y,Z) = H(X) + H(Y) + H(Z)",
    "two functions": "H(X) = H(Y)",
    "a uniform law": "log|X| <= H(X)",
    "a constant off by a little": "H(X) <= 999999/1000000*H(X)",
    "independent and a function is constant": "H(X,Y) = H(X) + H(Y) given Y = f(X)",
    "two boxes": "k: X -> Y; h: Y -> Z |- k >> h >> copy[Z] = copy[X] >> (k >> h) @ (k >> h)",
    "a law that is constant": "p: 1 -> X |- p >> copy[X] = p @ p",
    "no determinism": "k: X -> Y * Y |- k >> swap[Y,Y] = k",
}


def proved(statement: Statement) -> bool:
    return isinstance(judge_statement(statement, provers(), BUDGET, all_engines=False).verdict, Proved)


def named(text: str) -> list[str]:
    return [mend.hypothesis for mend in missing_hypotheses(parse(text), Budget(20))]


@pytest.mark.parametrize("text", MENDED)
def test_the_missing_hypotheses_are_these(text: str) -> None:
    """What is named, and nothing else; the statement fails without it and is proved, by a checked proof, with it."""
    statement = parse(text)
    assert named(text) == MENDED[text]
    assert isinstance(SearchEngine().decide(statement, BUDGET.restarted()), Refuted)
    for mend in missing_hypotheses(statement, Budget(20)):
        assert mend.statement != statement
        assert proved(mend.statement)


@pytest.mark.parametrize("text", NOT_MENDED.values(), ids=NOT_MENDED.keys())
def test_nothing_is_named_where_no_single_hypothesis_will_do(text: str) -> None:
    assert named(text) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("I(X;Y|Z) <= I(X;Y)", "X _||_ Y"),
        ("I(X;Y|Z) <= I(X;Y)", "X _||_ Z"),
        ("I(X;Y) <= I(X;Y|Z)", "X -> Z -> Y"),
        ("H(X) <= H(Y)", "Y = f(X)"),
        (f"I(X;Y) <= I(X;Z) {CHAIN}", "X _||_ Z"),
    ],
)
def test_a_near_miss_of_a_missing_hypothesis_does_not_mend(text: str, wrong: str) -> None:
    under = parse(f"{text}{',' if 'given' in text else ' given'} {wrong}")
    assert wrong not in named(text)
    assert not proved(under)
    assert isinstance(SearchEngine().decide(under, BUDGET.restarted()), Refuted)


def test_of_two_hypotheses_the_weaker_is_named() -> None:
    """A _||_ (B,C) implies A _||_ B, A = f(B) implies A -> (B,D) -> C, and so on."""
    ingleton = named("I(A;B) <= I(A;B|C) + I(A;B|D) + I(C;D)")
    assert {"A _||_ B", "B _||_ D", "A -> (B,D) -> C"} <= {*ingleton}
    assert not {"A _||_ (B,C)", "A = f(B)", "A -> B -> (C,D)", "C _||_ D"} & {*ingleton}


def test_what_is_named_can_be_pasted() -> None:
    for text in MENDED:
        for mend in missing_hypotheses(parse(text), Budget(20)):
            if parse(text).is_diagram:
                assert parse(str(mend.statement)).canonical == mend.statement.canonical
            else:
                pasted = parse(f"{text}{',' if 'given' in text else ' given'} {mend.hypothesis}")
                assert pasted.canonical == mend.statement.canonical


def test_variables_of_a_diagram_and_its_kernels() -> None:
    X, Y, Z = objects("X Y Z")
    p, k, h = state("p", X), kernel("k", X, Y), kernel("h", Y, Z)
    chain = p >> copy(X) >> id(X) @ (k >> copy(Y) >> id(Y) @ h)
    reversed_ = Statement(LessEq(I("X", "Y"), I("X", "Z")), chain)
    assert [mend.hypothesis for mend in missing_hypotheses(reversed_)] == ["X -> Z -> Y"]
    falling = Statement(LessEq(H("Z"), H("Y")), chain)
    assert [mend.hypothesis for mend in missing_hypotheses(falling)] == ["h deterministic", "Z = f(Y)"]
    assert all(proved(mend.statement) for mend in missing_hypotheses(falling))


def test_a_kernel_in_a_divergence() -> None:
    """The noise of a deterministic kernel is zero, so it equals its double; a distance of two kernels need not."""
    X, Y = objects("X Y")
    p, k = state("p", X), kernel("k", X, Y)
    noise = D("TV", k >> copy(Y), copy(X) >> k @ k, over=p)
    found = missing_hypotheses(Statement(Equal(noise, noise * 2)))
    assert [(mend.hypothesis, mend.engine) for mend in found] == [("k deterministic", "identities")]
    other = D("TV", k, kernel("h", X, Y), over=p)
    assert missing_hypotheses(Statement(Equal(other, other * 2))) == ()


def test_a_hypothesis_that_leaves_only_constants_is_not_named() -> None:
    """If k hides its input and is deterministic, it is a constant: both marginals are then as if drawn anew."""
    X, Y = objects("X Y")
    k, q = kernel("k", X, Y), state("q", Y)
    holds = Equal(k >> copy(Y), copy(X) >> k @ k)
    assert [mend.hypothesis for mend in missing_hypotheses(Statement(holds))] == ["k deterministic"]
    hidden = Equal(k, discard(X) >> q)
    assert missing_hypotheses(Statement(holds, None, (hidden,)), Budget(10)) == ()


def test_the_sieve_lets_pass_what_is_true_and_stops_what_two_bits_break() -> None:
    sieve = Sieve(parse("I(X;Y|Z) <= I(X;Y)"))
    right, wrong = independent("X", "Y", given="Z"), independent("X", "Y")
    assert sieve.passes(right, sieve.meeting(right))
    assert not sieve.passes(wrong, sieve.meeting(wrong))  # the parity of two fair bits
    function = determined("X", "Z")
    assert not sieve.meeting(function) & ~sieve.meeting(right)
    assert sieve.meeting(right) & ~sieve.meeting(function)
    assert Sieve(parse("I(X;Z) <= I(X;Y) given X -> Y -> Z")).everywhere.bit_count() < sieve.everywhere.bit_count()


def test_eight_variables_stay_within_the_budget() -> None:
    names = [f"A{i}" for i in range(8)]
    statement = parse(f"H({','.join(names)}) <= " + " + ".join(f"1/2*H({name})" for name in names))
    assert isinstance(missing_hypotheses(statement, Budget(1)), tuple)  # and it comes back


# --- a law of full support, and logits of mean zero

FULL_SUPPORT = {
    "p: law |- HD[chi2](p) = size - 1": ["p has full support"],
    "p: law |- HD[alpha[2]](p) = 1/2*(size - 1)": ["p has full support"],
    "p, q: law |- sum(q*(p/q)) = 1": ["q has full support"],
    "p: law |- sum(p/p) = size": ["p has full support"],
    "p: law |- HD[chi2](p) = size - 99/100": [],
    "p, q: law |- sum(q*(p/q)) = 99/100": [],
    "p: law |- sum(p^3) = sum(p^2)": [],
    "p: law |- sum(p^0*p^0) <= 1": [],
    "p, q: law |- renyi[inf](p,q) <= 1": [],
}


@pytest.mark.parametrize("text", FULL_SUPPORT)
def test_full_support_is_named_where_it_suffices(text: str) -> None:
    assert named(text) == FULL_SUPPORT[text]
    assert isinstance(SearchEngine().decide(parse(text), BUDGET.restarted()), Refuted)


@pytest.mark.parametrize("text", [text for text, names in FULL_SUPPORT.items() if names])
def test_the_softmax_law_in_place_of_a_law_gives_the_same_values(text: str) -> None:
    """At a law without zeros, which is the softmax law of its logs, both sides are what they were; a zero is far."""
    statement = parse(text)
    (mend,) = missing_hypotheses(statement, Budget(20))
    (head,) = mend.statement.heads
    (name,) = (node.name for node in set(walk(mend.statement)) if isinstance(node, Point))
    for law in (["1/2", "1/2"], ["1/7", "2/7", "4/7"]):
        sizes = {Object("X"): len(law)}
        rows = {box.name: Kernel([law], (), (len(law),)) for box in statement.boxes}
        before = Evaluator(statement, Instance(sizes, rows))
        world = {head.name: ExactHead([[1]] * len(law), [Fraction(x) for x in law])}
        after = Evaluator(mend.statement, Instance(sizes, rows, world, {name: (Fraction(1),)}))
        assert after.sides(mend.statement.holds) == before.sides(statement.holds)
        assert before.violation(statement.holds) is None
    edge = Instance({Object("X"): 2}, {box.name: Kernel([[1, 0]], (), (2,)) for box in statement.boxes})
    assert Evaluator(statement, edge).violation(statement.holds) is not None or len(statement.boxes) > 1


V = Object("V")
HEAD = Head("W", V)
h, u, v = Point("h", HEAD), Direction("u", HEAD), Direction("v", HEAD)
SECOND = E(h, times(along(u), along(v)))
MEAN_ZERO: list[tuple[Equal | LessEq, list[str]]] = [
    (Equal(pullback_metric(h, u, v), SECOND), ["<g,u> has mean zero under p_h", "<g,v> has mean zero under p_h"]),
    (Equal(pullback_metric(h, u, v), SECOND * 2), []),
    (Equal(E(h, along(u)) + E(h, along(v)), E(h, along(v)) * 2 + E(h, along(u)) ** 2), []),
    (Equal(E(h, along(u)) + E(h, along(v)), E(h, along(v))), []),  # it says that the mean is zero
    (LessEq(E(h, along(u)) * 2, as_expr(0)), []),
    (Equal(derivative(LogPartition(h), h, u), SECOND - SECOND), []),
]


@pytest.mark.parametrize(("holds", "wanted"), MEAN_ZERO)
def test_a_mean_of_zero_is_named_where_it_suffices(holds: Equal | LessEq, wanted: list[str]) -> None:
    found = missing_hypotheses(Statement(holds), Budget(20))
    assert [mend.hypothesis for mend in found] == wanted
    assert isinstance(SearchEngine().decide(Statement(holds), BUDGET.restarted()), Refuted)


def test_the_centred_statement_is_the_statement_where_the_mean_is_zero() -> None:
    """And differs from it elsewhere: p_h = (1/3, 2/3) with logits 2, -1 along u, then 1, 1."""
    holds = Equal(pullback_metric(h, u, v), SECOND)
    mend = missing_hypotheses(Statement(holds), Budget(20))[0]
    for rows, same in (([[2, 1], [-1, 3]], True), ([[1, 1], [1, 3]], False)):
        world = {"W": ExactHead(rows, [Fraction(1), Fraction(2)])}
        directions: dict[str, tuple[int, ...]] = {"u": (1, 0), "v": (0, 1)}
        instance = Instance({V: 2}, {}, world, {"h": (Fraction(1), Fraction(1))}, directions=directions)
        before = Evaluator(Statement(holds), instance).sides(holds)
        assert (Evaluator(mend.statement, instance).sides(mend.statement.holds) == before) is same


# --- the face, the command line, and claims


def test_python_asks_for_the_missing_hypotheses() -> None:
    found = asked(COPYING)
    assert found == asked(parse(COPYING))
    assert found[0] == MissingHypothesis("k deterministic", parse(f"det {COPYING}"), "markov")
    verdict = prove(COPYING)
    assert isinstance(verdict, Refuted)
    assert verdict.mends == found
    assert verdict.evidence()["mends"] == [found[0].json()]
    assert "mends" not in Refuted("search", {}).evidence()


def run(*arguments: str) -> tuple[int, str]:
    """The command line in a process of its own: exit code and output."""
    done = subprocess.run([sys.executable, "-m", "lmlaws", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_the_command_line_refutes_and_names_what_is_missing() -> None:
    code, out = run("prove", COPYING)
    assert code == 1
    assert out.startswith("refuted")
    assert "It holds if k deterministic (proved by markov):\n  det k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k" in out
    assert "    out = v0, v1\n    v0 = k(in0)\n    v1 = k(in0)" in out
    assert out.index("the normal forms differ; left:") < out.index("It holds if")


def test_json_has_the_mends_as_texts_to_paste() -> None:
    answer = json.loads(run("prove", "--json", "H(X) >= H(Y)")[1])
    assert answer["mends"] == [
        {"hypothesis": "Y = f(X)", "statement": "H(X) >= H(Y) given Y = f(X)", "engine": "shannon"}
    ]
    answer = json.loads(run("prove", "--json", f"I(X;Y) <= I(X;Z) {CHAIN}")[1])
    assert [mend["statement"] for mend in answer["mends"]] == [f"I(X;Y) <= I(X;Z) {CHAIN}, X -> Z -> Y"]
    answer = json.loads(run("prove", "--json", "2*H(X) <= H(X)")[1])
    assert (answer["verdict"], answer["mends"]) == ("refuted", [])
    answer = json.loads(run("prove", "--json", f"det {COPYING}")[1])
    assert "mends" not in answer
    form = ["out = v0, v0", "v0 = k(in0)  deterministic"]
    assert answer["normal_forms"] == {"left": form, "right": form}


def test_many_mends_are_shown_in_part() -> None:
    statement = parse("H(X) <= H(Y)")
    lines = mend_lines([MissingHypothesis(f"h{i}", statement, "shannon").json() for i in range(9)])
    assert lines[-1] == "... and if one of 3 hypotheses more holds (--json has all)"
    assert mend_lines([]) == []


def claim(**more: object) -> Claim:
    return Claim("Q1", "says", COPYING, Source("a", "b"), expects="refuted", **more)  # type: ignore[arg-type]


def test_a_refuted_claim_is_told_what_it_misses_and_stays_refuted() -> None:
    engines = (*provers(), SearchEngine())
    result = judge(claim(), engines, BUDGET)
    assert (result.verdict.name, result.as_expected) == ("refuted", True)
    assert [mend["hypothesis"] for mend in as_json(result, "0")["mends"]] == ["k deterministic"]


def test_a_claim_with_its_own_mend_keeps_to_it() -> None:
    own = Mend("its author's word", parse(f"det {COPYING}").holds)
    verdict = judge_alone(claim(mend=own), (*provers(), SearchEngine()), BUDGET).verdict
    assert isinstance(verdict, Conditional)
    assert verdict.hypothesis == "its author's word"
    assert "mends" not in verdict.evidence()
