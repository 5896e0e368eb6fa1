"""Shannon-type inequalities and the copy lemma: what is proved, near-misses that are not, and solvers that fail."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from fractions import Fraction
from itertools import combinations, pairwise
from math import comb
from typing import Any

import pytest
from bench.shannon import INGLETON, ZHANG_YEUNG, han
from bench.soundness import Case, cases, combination, judged, written

from lmlaws.checks.engine import Budget
from lmlaws.checks.evidence import certificate
from lmlaws.checks.provers import copies, programs_lp, shannon
from lmlaws.checks.provers.child import Failure, bounded
from lmlaws.checks.provers.copies import CopyProver, elementals
from lmlaws.checks.provers.elementals import Closure, lattice, lattice_facts, special_facts
from lmlaws.checks.provers.linear import Linear
from lmlaws.checks.provers.programs_lp import multipliers
from lmlaws.checks.provers.shannon import ShannonProver
from lmlaws.checks.provers.symmetry import classes
from lmlaws.checks.recheck import Accepted, Rejected, check
from lmlaws.checks.verdicts import Proved, Verdict
from lmlaws.theory.expressions import Const, LessEq
from lmlaws.theory.language import parse
from lmlaws.theory.quantities import H, I, log_size
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Object, Term, copy, function, id, kernel, objects, state

X, Y, Z = objects("X Y Z")
SIX = (
    (5, 3, 1, 2, 0, 0),
    (4, 2, 1, 3, 1, 0),
    (4, 4, 1, 2, 1, 1),
    (3, 3, 3, 2, 0, 0),
    (3, 4, 2, 3, 1, 0),
    (3, 2, 2, 2, 1, 1),
)


def decide(
    statement: str | Statement, prover: ShannonProver | CopyProver | None = None, seconds: float = 20
) -> Verdict:
    """The verdict of one prover; its certificate is accepted by the checker for this statement."""
    statement = parse(statement) if isinstance(statement, str) else statement
    prover = prover or ShannonProver()
    assert prover.accepts(statement) is None
    verdict = prover.decide(statement, Budget(seconds))
    if isinstance(verdict, Proved):
        assert isinstance(check(json.dumps(verdict.certificate), statement.canonical), Accepted)
    return verdict


def six(number: int) -> str:
    """One of the six inequalities of Dougherty, Freiling and Zeger (ISIT 2006)."""
    terms = ("I(A;B|C)", "I(A;C|B)", "I(B;C|A)", "I(A;B|D)", "I(A;D|B)", "I(B;D|A)")
    return "2*I(A;B) <= " + " + ".join(f"{n}*{term}" for n, term in zip(SIX[number], terms)) + " + 2*I(C;D)"


def levels(count: int, size: int, slack: str = "1") -> str:
    """Han's inequality between levels: the mean of H over sets of `size`, a variable, falls as they grow."""
    names = [f"A{i}" for i in range(count)]

    def total(many: int) -> str:
        return " + ".join(f"H({','.join(some)})" for some in combinations(names, many))

    return f"{comb(count - 1, size - 1)}*({total(size + 1)}) <= {slack}*{comb(count - 1, size)}*({total(size)})"


PAIRS = {
    "data processing": ("I(X;Z) <= I(X;Y) given X -> Y -> Z", "I(X;Y) <= I(X;Z) given X -> Y -> Z"),
    "along six": (
        "I(A;F) <= I(B;E) given A -> B -> C -> D -> E -> F",
        "I(B;E) <= I(A;F) given A -> B -> C -> D -> E -> F",
    ),
    "independence": ("I(X;Y,Z) = I(X;Z|Y) given X _||_ Y", "I(X;Y,Z) = I(X;Z|Y) given X _||_ Z"),
    "function": ("H(Y|X) <= H(Z|X) given Y = f(Z)", "H(Z|X) <= H(Y|X) given Y = f(Z)"),
    "functions of each other": ("I(X;W) = I(Y;W) given X = f(Y), Y = f(X)", "I(X;W) = I(Y;W) given X = f(Y)"),
    "function of a function": (
        "H(W|Y) = 0 given X = f(Y), Z = f(X), W = f(Z,Y)",
        "H(W|Z) = 0 given Z = f(X), W = f(Z,Y)",
    ),
    "a constant": ("H(X,Y) = H(Y) given H(X) = 0", "H(X,Y) = H(Y) given H(Z) = 0"),
    "a constant, as a bound": ("H(X,Y) = H(Y) given H(X) <= 0", "H(X,Y) = H(Y) given H(X) <= H(Y)"),
    "common information": (
        f"{INGLETON} given H(E|A) = 0, H(E|B) = 0, H(E) = I(A;B)",
        f"{INGLETON} given H(E|A) = 0, H(E|B) = 0, H(E) <= I(A;B)",
    ),
    "an assumed chain of bounds": (
        "H(X) <= 3*H(X) given H(X) <= 2*H(Y), H(Y) <= 0",
        "3*H(X) <= H(X) given H(X) <= 2*H(Y)",
    ),
    "log-sizes": ("H(X,Y) <= log|X| + log|Y|", "H(X,Y) <= log|X|"),
    "log-size of what is spoken of": ("0 <= log|X| - H(X|Y)", "0 <= log|X| - H(X|Y) - H(Y)"),
    "a tiny slack": ("0.99999999999999*H(X) <= H(X,Y)", "1.00000000000001*H(X) <= H(X,Y)"),
    "a large coefficient": (f"H(X) <= 1{'0' * 300}*H(X,Y)", f"1{'0' * 300}*H(X,Y) <= H(X)"),
    "a log-size is no less than 0": ("log|X| >= 0", "log|X| >= log|Y|"),
    "nothing": ("0 <= 0", "H(X) <= 0"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_proved_and_its_twin_not(name: str) -> None:
    true, twin = PAIRS[name]
    assert decide(true).name == "proved"
    assert decide(twin).name == "undecided"


def test_constants_and_alphabets_without_a_variable() -> None:
    one, two, size = Const(Fraction(1)), Const(Fraction(2)), log_size(Object("Q"))
    assert decide(Statement(LessEq(one, two))).name == "proved"
    assert decide(Statement(LessEq(two, one))).name == "undecided"
    p, bound = state("p", X), (LessEq(H("X"), one),)
    assert decide(Statement(LessEq(H("X"), one + size), p, bound)).name == "proved"
    assert decide(Statement(LessEq(H("X"), size), p, bound)).name == "undecided"


def test_diagrams_and_their_inner_wires() -> None:
    def forked(left: Term) -> Term:
        return state("p", X) >> copy(X) >> (copy(X) >> left @ id(X)) @ kernel("k", X, Z)

    for left in (function("f", X, Y), kernel("f", X, Y)):
        assert decide(Statement(LessEq(I("Y", "Z"), I("X", "Z")), forked(left))).name == "proved"
        assert decide(Statement(LessEq(I("X", "Z"), I("Y", "Z")), forked(left))).name == "undecided"
        determined = decide(Statement(LessEq(H("Y"), H("X")), forked(left)))
        assert determined.name == ("proved" if left == function("f", X, Y) else "undecided")
        hidden = state("p", X) >> copy(X) >> left @ function("g", X, Z)  # X itself is no output
        bounded_by_x = Statement(LessEq(H("Y", "Z"), log_size(X)), hidden)
        assert decide(bounded_by_x).name == ("proved" if left == function("f", X, Y) else "undecided")


@pytest.mark.parametrize("count", range(4, 11))
def test_han(count: int) -> None:
    verdict = decide(han(count))
    assert isinstance(verdict, Proved)
    assert len(verdict.certificate["steps"]["<="]) == count - 1


@pytest.mark.parametrize("count", [4, 7, 10])
def test_han_too_strong_is_not_proved(count: int) -> None:
    left, right = han(count).split(" <= ")
    assert decide(f"1000001/1000000*{left} <= {right}").name == "undecided"


@pytest.mark.parametrize(("count", "size"), [(5, 2), (6, 3), (8, 2), (10, 2)])
def test_symmetric_statements_through_their_orbits(count: int, size: int) -> None:
    assert decide(levels(count, size)).name == "proved"
    assert decide(levels(count, size, "999/1000")).name == "undecided"


def test_exchangeable_variables_with_hypotheses() -> None:
    symmetric = "H(A)+H(B)+H(C)+H(D)+H(E) <= H(A,B,C,D,E) given A _||_ B, A _||_ C, A _||_ D, A _||_ E, B _||_ C"
    statement = parse(symmetric)
    wires = shannon.read(statement)
    special = special_facts(statement, wires)
    target = shannon.targets(statement, wires)["<="]
    assert sorted(classes(target, special, 5)) == [0b00001, 0b00110, 0b11000]
    assert decide(symmetric).name == "undecided"
    chain = ", ".join(f"I({','.join('ABCDE'[:i])};{'ABCDE'[i]}) = 0" for i in range(1, 5))
    assert decide(f"H(A)+H(B)+H(C)+H(D)+H(E) <= H(A,B,C,D,E) given {chain}").name == "proved"


def test_the_orbits_of_a_statement_with_exchangeable_hypotheses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hypothesis of an orbit gets the same multiplier, so the unfolded certificate adds up."""
    monkeypatch.setattr(shannon, "SMALL", 1 << 12)  # no program on near sets first
    every = ", ".join(f"I({a};{b}|E) = 0" for a, b in combinations("ABCD", 2))
    more = "+".join(f"2*I({a};{b}|E)" for a, b in combinations("ABCD", 2))
    assert decide(f"I(A;B|E)+I(C;D|E)+I(A;C|E)+I(A;D|E)+I(B;C|E)+I(B;D|E) <= 0 given {every}").name == "proved"
    assert decide(f"{more} <= I(A;B|E) given {every}").name == "proved"
    assert decide(f"I(A;B,C,D|E) <= 0 given {every}").name == "undecided"


def test_ten_variables_without_symmetry() -> None:
    form = combination(random.Random(11), 10)
    true = "0 <= " + written(form)
    assert decide(true).name == "proved"
    least = min(key for key in form if isinstance(key, int))
    assert decide("0 <= " + written({**form, least: form[least] - Fraction(1, 1000)})).name == "undecided"


def test_more_variables_than_the_program_has_room_for() -> None:
    names = [f"A{i}" for i in range(30)]
    assert decide(f"H({','.join(names)}) <= {' + '.join(f'H({name})' for name in names)}").name == "proved"
    verdict = decide(" + ".join(f"H({a},{b})" for a, b in pairwise(names)) + f" <= H({','.join(names)})")
    assert "4,096" in verdict.evidence()["reason"]
    many = ",".join(f"A{i}" for i in range(65))
    assert "65" in str(ShannonProver().accepts(parse(f"H({many}) <= 2*H({many})")))


# ---------------------------------------------------------------- lattices of sets


def test_the_lattice_of_all_sets_has_the_elemental_inequalities() -> None:
    for count in range(1, 8):
        facts = elementals(count)
        assert len(facts) == count + comb(count, 2) * 2 ** max(0, count - 2)
        assert len({frozenset(fact.form.items()) for fact in facts}) == len(facts)


def test_variables_that_always_occur_together_are_one() -> None:
    sets = lattice([0b0011, 0b1100, 0b1111], Closure(), 100)
    assert sets == [0, 0b0011, 0b1100, 0b1111]
    facts = lattice_facts(sets, Closure(), 100)
    assert facts is not None
    assert sorted(fact.cite for fact in facts) == [
        ("H", 0b0011, 0b1100),
        ("H", 0b1100, 0b0011),
        ("I", 0b0011, 0b1100, 0),
    ]


def test_the_reduced_program_decides_as_the_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """On statements with functions and few sets: reduced lattice and closures against all sets and all facts."""
    rng, verdicts = random.Random(3), set()
    for _ in range(60):
        names = "ABCDE"
        terms = [f"{rng.choice((-2, -1, 1, 2))}*H({','.join(rng.sample(names, rng.randint(1, 4)))})" for _ in range(4)]
        functions = [
            f"{a} = f({','.join(rest)})" for a, *rest in (rng.sample(names, rng.randint(2, 3)) for _ in range(2))
        ]
        text = f"0 <= {'+'.join(terms)}+2*H(A,B,C,D,E) given {', '.join(functions)}"
        statement = parse(text)
        wires = shannon.read(statement)
        special = special_facts(statement, wires)
        target = shannon.targets(statement, wires)["<="]
        whole = multipliers(target, [*special, *elementals(5)], 10)
        verdict = decide(statement)
        assert isinstance(verdict, Proved) != isinstance(whole, Failure), text
        verdicts.add(verdict.name)
    assert verdicts == {"proved", "undecided"}


# ---------------------------------------------------------------- copies


def test_zhang_yeung_needs_one_copy() -> None:
    assert decide(ZHANG_YEUNG).name == "undecided"
    verdict = decide(ZHANG_YEUNG, CopyProver(1))
    assert isinstance(verdict, Proved)
    assert len(verdict.certificate["steps"]["copies"]) == 1
    assert decide(ZHANG_YEUNG.replace("3*", "2.99*"), CopyProver(1)).name == "undecided"
    assert decide(INGLETON, CopyProver(1)).name == "undecided"


@pytest.mark.parametrize("number", range(6))
def test_the_six_need_two_copies(number: int) -> None:
    assert decide(six(number), CopyProver(1)).name == "undecided"
    verdict = decide(six(number), CopyProver())
    assert isinstance(verdict, Proved)
    assert len(verdict.certificate["steps"]["copies"]) == 2


def test_what_shannon_proves_needs_no_copy() -> None:
    verdict = decide("I(A;B|C,D) <= H(A|C)", CopyProver())
    assert isinstance(verdict, Proved)
    assert "copies" not in verdict.certificate["steps"]
    assert "4 to 6" in str(CopyProver().accepts(parse("H(A) <= H(A,B)")))


def test_copies_in_both_directions_of_an_equation() -> None:
    gap = "I({0};{1}) + I({0};C,D) + 3*I(C;D|{0}) + I(C;D|{1}) - 2*I(C;D)"
    one, other = gap.format("A", "B"), gap.format("B", "A")
    verdict = decide(f"{one} = 0 given {one} + {other} <= 0", CopyProver())
    assert isinstance(verdict, Proved)
    assert len(verdict.certificate["steps"]["copies"]) == 2
    assert decide(f"{one} = 0 given {one} + {other} <= H(A)", CopyProver(1)).name == "undecided"


@pytest.fixture(scope="module")
def copied() -> dict[str, Any]:
    verdict = decide(six(1), CopyProver())
    assert isinstance(verdict, Proved)
    return verdict.certificate


def rejected(whole: dict[str, Any], steps: dict[str, Any]) -> str:
    result = check(json.dumps({**whole, "steps": steps}))
    assert isinstance(result, Rejected), result
    return result.reason


def test_corrupted_copies_are_rejected(copied: dict[str, Any]) -> None:
    """Every copy with another set of wires copied or copied over, in any place, and every malformed list of copies."""
    steps = copied["steps"]
    for number, place in ((number, place) for number in range(2) for place in range(2)):
        for wires in [
            [],
            [0],
            [1],
            [2],
            [3],
            [0, 1],
            [0, 2],
            [0, 3],
            [1, 2],
            [1, 3],
            [2, 3],
            [0, 1, 2],
            [0, 1, 3],
            [4],
        ]:
            if wires != steps["copies"][number][place]:
                corrupted = json.loads(json.dumps(steps["copies"]))
                corrupted[number][place] = wires
                rejected(copied, {**steps, "copies": corrupted})
    badly: list[Any] = [
        None,
        {},
        [None],
        [[[0]]],
        [[[0], [1], [2]]],
        [[[0], [9]]],
        [[[-1], [1]]],
        [[[1, 0], [2]]],
        "copy",
        1,
    ]
    for malformed in badly:
        rejected(copied, {**steps, "copies": malformed})
    rejected(copied, {**steps, "copies": steps["copies"][::-1]})
    rejected(copied, {**steps, "copies": steps["copies"][:1]})
    rejected(copied, {"<=": steps["<="]})
    rejected(copied, {**steps, "copy": []})


def test_corrupted_facts_about_copies_are_rejected(copied: dict[str, Any]) -> None:
    """Each fact with one list changed by one wire, its copy's number, or its multiplier's sign."""
    steps = copied["steps"]
    kinds = set()
    for at, (number, fact) in enumerate(steps["<="]):
        corrupted = [[str(-Fraction(number)), fact]]
        for place, part in enumerate(fact[1:], 1):
            changed: list[Any] = [1 - part, 2, -1, "0"] if isinstance(part, int) else []
            if isinstance(part, list):  # I(A,C;B|C) is I(A;B|C): a wire of the last list is not added to another
                fixed = fact[-1] if fact[0] in ("H", "I") and place < len(fact) - 1 else []
                changed = [sorted({*part} ^ {wire}) for wire in range(7) if wire not in fixed]
            corrupted += [[number, [*fact[:place], wrong, *fact[place + 1 :]]] for wrong in changed]
        for wrong in corrupted:
            rejected(copied, {**steps, "<=": [*steps["<="][:at], wrong, *steps["<="][at + 1 :]]})
        kinds.add(fact[0])
    assert kinds >= {"copy", "same", "I"}


def test_false_uses_of_the_copy_rule() -> None:
    """I(A;B) <= 0 would follow from a copy whose new wire were taken as independent of what it is copied over."""
    statement = parse("I(A;B) <= 0")

    def refused(copied_over: list[Any], facts: list[Any]) -> str:
        return rejected(certificate("shannon", statement, {"copies": []}), {"copies": [copied_over], "<=": facts})

    assert "not wires before" in refused([[0], [1]], [["-1", ["copy", 0, [2], [1]]], ["1", ["same", 0, [1, 2]]]])
    assert "not wires before" in refused([[0], [1]], [["-1", ["copy", 0, [2], [2]]]])
    assert "among its outputs" in refused([[0], [1]], [["-1", ["copy", 0, [0], [1]]]])
    assert "among its outputs" in refused([[0], []], [["1", ["same", 0, [1]]]])
    assert "do not add up" in refused([[0], []], [["-1", ["copy", 0, [2], [1]]], ["1", ["same", 0, [2]]]])
    assert "can't be cited" in refused([[], [1]], [["1", ["same", 0, [1]]]])
    assert "numbers from 0" in refused([[0], [1]], [["1", ["size", 2]]])


# ---------------------------------------------------------------- known verdicts at random


@pytest.mark.parametrize("case", list(cases(240, seed=2026)), ids=lambda case: case.kind)
def test_random_statements_are_judged_rightly(case: Case) -> None:
    """True ones are proved, false ones are not; `python -m bench.soundness` has the search too, and 2,000 of them."""
    verdict = judged(case, (ShannonProver(),), Budget(10))
    assert verdict.name == ("proved" if case.true else "undecided")


# ---------------------------------------------------------------- solvers that lie, hang, crash or eat memory


def test_a_child_comes_back_with_its_result() -> None:
    assert bounded(lambda a, b: [a + b, None, "x" * 3_000_000], 1, 2, seconds=20) == [3, None, "x" * 3_000_000]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda: time.sleep(60), "stopped after 0.5 s"),
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "SIGSEGV"),
        (lambda: os._exit(0), "without a result"),
        (lambda: len(bytearray(1 << 30)), "more than 64 MB"),
        (lambda: 1 // 0, "ZeroDivisionError"),
        (lambda: object(), "not JSON"),
    ],
    ids=["hangs", "crashes", "leaves", "eats memory", "raises", "returns no data"],
)
def test_a_child_that_fails_is_a_failure_with_its_reason(function: Any, reason: str) -> None:
    result = bounded(function, seconds=0.5, megabytes=64)
    assert isinstance(result, Failure)
    assert reason in result.reason


def test_a_child_that_writes_what_is_no_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    for junk in ("[true", "[1, 2]", "7", "[true, 1, 2]", "null", "[[]]", ""):
        monkeypatch.setattr("lmlaws.checks.provers.child.json.dumps", lambda _, junk=junk: junk)
        assert isinstance(bounded(len, [], seconds=5), Failure)


def test_a_solver_that_lies_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs_lp, "SMALL", 0)  # the solver is asked for every program
    facts = elementals(3)
    target: Linear = {0b011: Fraction(1), 0b001: Fraction(-1)}
    weak: Linear = {0b011: Fraction(1), 0b001: Fraction(-2)}
    assert not isinstance(multipliers(target, facts, 10), Failure)
    lies: list[list[list[int]]] = [[[], []], [[0], [0, 1]], [list(range(len(facts)))] * 2]
    for lie in lies:
        monkeypatch.setattr(programs_lp, "simplex", lambda *_, lie=lie: lie)
        assert not isinstance(multipliers(target, facts, 10), Failure)  # z3 answers instead
        assert isinstance(multipliers(weak, facts, 10), Failure)
        with monkeypatch.context() as within:
            within.setattr(programs_lp, "_exact_program", lambda *_: [[0, "1"], [1, "-1"]])
            assert isinstance(multipliers(weak, facts, 10), Failure)


def test_a_solver_that_hangs_or_gives_up_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs_lp, "SMALL", 0)
    monkeypatch.setattr(programs_lp, "IN_PROCESS", 0)
    monkeypatch.setattr(programs_lp, "simplex", lambda *_: time.sleep(60))
    assert "stopped" in decide("H(A) <= H(A,B)", seconds=0.3).evidence()["reason"]
    monkeypatch.setattr(programs_lp, "IN_PROCESS", 1000)

    def gives_up(*_: object) -> None:
        raise RuntimeError("HiGHS: Unknown")

    monkeypatch.setattr(programs_lp, "simplex", gives_up)
    assert "HiGHS: Unknown" in decide("H(A) <= H(A,B)").evidence()["reason"]


def test_a_lying_search_for_copies_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def lie(*_: object) -> tuple[list[Any], list[Any]]:
        return [(1, 6, 4)], [(0, "1"), (1, "2")]

    monkeypatch.setattr(copies, "search", lie)
    assert "do not add up" in decide(INGLETON, CopyProver()).evidence()["reason"]
