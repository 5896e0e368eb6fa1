"""Attempts to break what decides: certificates of false statements, facts about copies at laws with zeros, near ties.

Each is a class of attack that failed; the twin beside it shows that the attack would be seen if it worked.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import pytest
from tests.test_recheck import (
    COPIED,
    PRODUCT,
    PX,
    QX,
    Data,
    P,
    Q,
    X,
    add,
    box,
    certificate,
    claim,
    const,
    copying,
    discard,
    divergence,
    entry,
    ident,
    identity,
    information,
    letter,
    mul,
    par,
    power,
    seq,
    total,
)
from tests.test_recheck_sums import KL, RX, ZERO, compare, link, part, proof

from lmlaws.checks.exact.numbers import Exact, exp, log, sqrt
from lmlaws.checks.recheck import Accepted, answers, check
from lmlaws.checks.recheck.flint.reading import RefusalError
from lmlaws.checks.recheck.flint.shannon import Wires
from lmlaws.checks.recheck.standard.reading import Refusal
from lmlaws.checks.recheck.standard.shannon import State
from lmlaws.checks.recheck.standard.statement import Reader

Law = dict[tuple[int, ...], float]
GIBBS = "Ratio 1 1 0 0 1, Linear 1 -1 1"


def accepted(data: dict[str, Any]) -> bool:
    return isinstance(check(json.dumps(data), data["statement"]), Accepted)


def accepted_by(data: dict[str, Any]) -> list[str]:
    return [answer.checker for answer in answers(json.dumps(data), data["statement"]) if answer.reason is None]


# --- kind `sum`: infinite arguments, and functions that are negative somewhere


@pytest.mark.parametrize("base", [PX, add(PX, QX)], ids=["entry", "sum"])
def test_an_argument_that_is_zero_where_its_factor_is_infinite(base: Data) -> None:
    """y = b b^-3 and z = b^2 have y z = 1 except where b = 0; logs that forget this would show 2 H(r) small."""
    one, other = mul(base, power(base, "-3")), power(base, "2")
    left = add(
        const(2), mul(const(-2), total(X, mul(RX, ["Log", RX]))),
        mul(const(-1), total(X, one)), mul(const(-1), total(X, other)),
    )  # fmt: skip
    facts = [part([X], compare(GIBBS, RX, argument)) for argument in (one, other)]
    assert not accepted(proof(left, ZERO, link(*facts, shared=left)))


@pytest.mark.parametrize("logs", [False, True], ids=["arguments", "sides"])
def test_infinities_do_not_cancel_where_two_laws_vanish(logs: bool) -> None:
    """y = p q^-3 and z = q^3 p^-1 have y z = 1 except where p = q = 0; there r may have mass, and KL is finite."""
    ratios = mul(PX, power(QX, "-3")), mul(power(QX, "3"), power(PX, "-1"))
    minus = [mul(const(-1), total(X, mul(RX, ["Log", add(y)]) if logs else y)) for y in ratios]
    left = add(*minus, *([] if logs else [const(2), mul(const(-2), total(X, mul(RX, ["Log", RX])))]))
    facts = [part([X], compare(GIBBS, RX, y)) for y in ratios]
    start = [] if logs else [link(*facts, shared=left)]
    gibbs = link(part([X], compare(GIBBS)), part([X], compare(GIBBS, QX, PX)))
    right = add(KL, divergence("KL", Q, P))
    assert not accepted(proof(left, right, *start, gibbs))
    assert accepted(proof(ZERO, right, gibbs))


@pytest.mark.parametrize(
    ("rows", "first", "second"),
    [
        ("Ratio 1 1 0 0 1, Linear 1 -1 9/10", "0 0", "0 0"),
        ("Ratio 1 1 0 0 1, Linear 1 -11/10 11/10, Apart -1/100", "0 0", "0 0"),
        ("Ratio 1 1 0 0 1, Linear 1 -1 1, Gap -1 2/3 13/10 0", "0 0 0 0 0", "0 0 0 0 0"),
        ("Ratio 1 1 0 0 1, Linear 1 -1 1, Power -21/10 1/2, Linear 21/10 1/2 1/2", "0 0 0", "0 0 0"),
        ("Power 1 2, Linear 1 -2 1, Apart -1/1000", "0 0", "0 0"),
        ("Linear 1 1 1, Power -2001/1000 1/2", "", ""),
    ],
)
def test_a_function_that_is_negative_somewhere_has_no_chain(rows: str, first: str, second: str) -> None:
    """Each is below 0 for some u near 1 or far away, whatever the powers of u between the derivatives."""
    rng = random.Random(5)
    for _ in range(6):
        chains = [" ".join(str(Fraction(rng.randint(-4, 4), 2)) for _ in chain.split()) for chain in (first, second)]
        fact = compare(rows, first=chains[0], second=chains[1])
        assert not accepted(proof(ZERO, ZERO, link(part([X], fact)))), chains


@pytest.mark.parametrize("rows", ["Apart -1", "Power 1 1/2", "Ratio -1 1 0 0 1", "Gap -1 1 1 1", "Power -1 3/2"])
def test_merging_by_a_function_that_is_not_convex(rows: str) -> None:
    data = proof(ZERO, ZERO, link(part([], ["Merge", [X], PX, QX, [rows.split()]])))
    outcome = check(json.dumps(data))
    assert "not convex" in getattr(outcome, "reason", "accepted")


@pytest.mark.parametrize("name", ["p", "q"])
def test_a_name_keeps_its_type_in_the_steps(name: str) -> None:
    """A box, or a letter, that the steps would give another type or alphabet than the statement does."""
    other = entry(box(name, "", "Y"), [], [["Letter", "y", "Y"]])
    assert not accepted(proof(ZERO, KL, link(part([X], compare(GIBBS)), shared=mul(ZERO, other))))
    assert accepted(proof(ZERO, KL, link(part([X], compare(GIBBS)), shared=mul(ZERO, PX))))


# --- kind `shannon`: every fact about copies, at explicit copies of laws with zeros


def marginal(law: Law, wires: Sequence[int]) -> Law:
    found: Law = {}
    for values, mass in law.items():
        key = tuple(values[wire] for wire in wires)
        found[key] = found.get(key, 0.0) + mass
    return found


def copied(
    law: dict[tuple[int, ...], float], wires: Sequence[int], over: Sequence[int]
) -> dict[tuple[int, ...], float]:
    """The joint law with conditionally independent copies of the wires appended."""
    below, both = marginal(law, over), marginal(law, [*over, *wires])
    return {
        values + key[len(over) :]: mass * more / below[key[: len(over)]]
        for values, mass in law.items()
        for key, more in both.items()
        if key[: len(over)] == tuple(values[wire] for wire in over)
    }


def value(form: Any, law: Law) -> float:
    """A linear form in entropies at a law."""
    return sum(
        float(Fraction(str(times))) * -sum(mass * math.log(mass) for mass in marginal(law, sorted(wires)).values())
        for wires, times in form.items()
    )


def drawn_copies(rng: random.Random, wires: int) -> list[list[list[int]]]:
    """One or two copies, of any wires (perhaps none) over any, those copied among them."""
    found = []
    for _ in range(rng.choice([1, 1, 2])):
        lists = [sorted(rng.sample(range(wires), rng.randint(0, min(2, wires)))) for _ in range(2)]
        wires += len(lists[0])
        found.append(lists)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_facts_about_copies_hold_at_the_copies(seed: int) -> None:
    """What either checker lets a fact say, evaluated; and both say the same."""
    rng = random.Random(seed)
    about = box("s", "", "A B C")
    copies = drawn_copies(rng, 3)
    masses = {values: rng.choice([0, 0, 1, 1, 2, 5]) for values in product(range(2), repeat=3)} | {(0, 1, 0): 1}
    law = {values: mass / sum(masses.values()) for values, mass in masses.items() if mass}
    for wires, over in copies:
        law = copied(law, wires, over)
    raw = claim(["LessEq", ["Entropy", ["A"], []], ["Entropy", ["A"], []]], about)
    statement = Reader().statement(raw)
    first = State(statement.about, copies)
    second = Wires(("Statement", statement.holds, statement.about, ()))
    for pair in copies:
        second.copy(pair)
    sets = [list(c) for k in range(3) for c in combinations(range(first.count), k)]
    said = 0
    for _ in range(80):
        kind = rng.choice(["copy", "same", "I", "H"])
        some, other, given = (rng.choice(sets) for _ in range(3))
        number = rng.randrange(len(copies))
        fact: dict[str, list[Any]] = {
            "copy": [number, some, other],
            "same": [number, some],
            "I": [some, other, given],
            "H": [some, given],
        }
        try:
            form, zero = first.fact([kind, *fact[kind]], statement)
        except Refusal:
            with pytest.raises(RefusalError):
                second.fact([kind, *fact[kind]])
            continue
        again = second.fact([kind, *fact[kind]])
        assert zero == again[1]
        joints = {frozenset(gen.parts[0]): Fraction(str(v)) for mono, v in again[0].items() for gen, _ in mono}
        assert {k: Fraction(v) for k, v in form.items()} == joints
        found = value(form, law)
        assert found >= -1e-9, fact[kind]
        assert not zero or abs(found) < 1e-9, (kind, fact[kind])
        said += bool(form)
    assert said > 5


def test_same_would_be_wrong_between_two_copies() -> None:
    """Two copies of one wire are not one copy of two; a fact that mixed them would prove I(A;B) = 0."""
    about = box("s", "", "A B")
    copies = [[[0], []], [[1], []]]
    false = claim(["LessEq", information("A;B"), const(0)], about)
    mixed = [
        ["same", 0, [2, 3]],
        ["same", 1, [2, 3]],
        ["same", 1, [0, 3]],
        ["copy", 0, [2], [3]],
        ["copy", 1, [0], [1]],
    ]
    for fact in mixed:
        steps = {"<=": [["1", ["copy", 1, [3], [2]]], ["1", fact]], "copies": copies}
        assert accepted_by(certificate("shannon", false, steps)) == []


# --- kind `diagram`: hypotheses in the wrong direction, of the wrong type, with boxes that mean two things


def test_rewrites_that_do_not_fit() -> None:
    f, g, h = (box(name, "X", "X") for name in "fgh")
    given = [["Equal", f, g], ["Equal", COPIED, PRODUCT]]
    false = claim(["Equal", seq(P, f), seq(P, h)], None, given)
    true = claim(["Equal", seq(P, f), seq(P, g)], None, given)
    unit, nothing = ident("X"), ident("")
    right = [0, True, P, [], unit]
    assert accepted_by(certificate("diagram", true, {"rewrites": [right]})) == ["standard", "flint"]
    attempts = [
        [right], [[0, False, P, [], unit]], [[0, True, P, ["X"], unit]], [[0, True, nothing, [], unit]],
        [right, [0, False, P, [], unit]], [[0, True, P, [], h]], [[0, True, seq(P, h), [], unit]],
        [[1, True, nothing, [], par(f, discard("X"))]], [[1, False, nothing, [], par(h, discard("X"))]],
        [[0, 1, P, [], unit]], [["0", True, P, [], unit]], [[True, True, P, [], unit]], [[-1, True, P, [], unit]],
        [[0, True, box("p", "", "X", det=True), [], unit]], [[0, True, box("new", "", "X"), [], unit]],
    ]  # fmt: skip
    for rewrites in attempts:
        assert accepted_by(certificate("diagram", false, {"rewrites": rewrites})) == [], rewrites
    for rewrites in attempts[1:4] + attempts[5:]:
        assert accepted_by(certificate("diagram", true, {"rewrites": rewrites})) == [], rewrites


def test_a_copied_law_is_a_product_only_under_the_hypothesis() -> None:
    given = [["Equal", COPIED, PRODUCT]]
    steps = {"rewrites": [[0, True, ident(""), [], ident("X X")]]}
    assert len(accepted_by(certificate("diagram", claim(["Equal", COPIED, PRODUCT], None, given), steps))) == 2
    assert accepted_by(certificate("diagram", claim(["Equal", COPIED, PRODUCT]), steps)) == []
    other = claim(["Equal", seq(Q, copying("X")), par(Q, Q)], None, given)
    assert accepted_by(certificate("diagram", other, steps)) == []


# --- numbers: exact ties, and ties missed by very little

_TIES = [
    (sqrt(3 + 2 * sqrt(2)), 1 + sqrt(2)),
    ((2 + sqrt(5)) ** Fraction(1, 3) - (sqrt(5) - 2) ** Fraction(1, 3), Exact.of(1)),
    (
        (Exact.of(2) ** Fraction(1, 3) - 1) ** Fraction(1, 3),
        Exact.parse("exp(1/3*log(1/9)) - exp(1/3*log(2/9)) + exp(1/3*log(4/9))"),
    ),
    (log(sqrt(5 + 2 * sqrt(6))), log(sqrt(2) + sqrt(3))),
    (log(1 + sqrt(2)), -log(sqrt(2) - 1)),
    (exp(log(3 + 2 * sqrt(2)) / 2), 1 + sqrt(2)),
    (1 / (sqrt(7 + 4 * sqrt(3)) - 2), 1 / sqrt(3)),
]  # fmt: skip


@pytest.mark.parametrize("digits", [5, 19, 40, 200, 1000])
@pytest.mark.parametrize(("left", "right"), _TIES, ids=range(len(_TIES)))
def test_ties_and_near_ties_of_nested_numbers(left: Exact, right: Exact, digits: int) -> None:
    least = Fraction(1, 10**digits)
    assert left == right
    assert not left < right
    assert right - least < left < right + least
    assert left != right + least
    assert Exact.parse(str(left)) == left


def test_ties_of_random_nested_roots() -> None:
    """The k-th root of a multiplied-out k-th power, itself and moved by a little either way."""
    rng = random.Random(11)
    for _ in range(150):
        x = sum((rng.randint(-4, 4) * sqrt(rng.choice([2, 3, 6])) for _ in range(2)), Exact.of(rng.randint(-3, 3)))
        if x == 0:
            continue
        k = rng.choice([2, 3, 4])
        y = (abs(x) ** k) ** Fraction(1, k)
        for sign in (-1, 0, 1):
            assert (y - abs(x) + Fraction(sign, 10 ** rng.choice([3, 30, 150]))).sign() == sign


COMPOSITE = entry(seq(box("c", "", "Y"), box("k", "Y", "X")), [], [X])
QUOTIENT = mul(COMPOSITE, power(COMPOSITE, "-3"))


@pytest.mark.parametrize("argument", [add(QUOTIENT), ["Sum", letter("v", "Z"), QUOTIENT]], ids=["alone", "summed"])
def test_a_log_of_a_sum_times_its_own_inverse_is_not_split(argument: Data) -> None:
    """E E^-3 is 0 where E is, so that its log is minus infinity there, and -2 log E is plus infinity."""
    size = [["Log", ["Size", "Z"]]] if argument[0] == "Sum" else []
    data = identity(["Log", argument], add(mul(const(-2), ["Log", COMPOSITE]), *size))
    assert not accepted(data)
    assert accepted(identity(["Log", mul(COMPOSITE, COMPOSITE)], mul(const(2), ["Log", COMPOSITE])))  # what is split


@pytest.mark.parametrize("inside", [["Exp"], []])
def test_a_refusal_can_print_what_counts_as_a_number(inside: list[str]) -> None:
    """A divergence or exponential that stands as a value of unknown size is shown as itself in the reason."""
    logs = ["Add", [["Log", PX], ["Mul", [["Const", "-1"], ["Log", QX]]], KL]]
    data = proof([*inside, logs] if inside else logs, KL, link())
    assert all(answer.reason is not None for answer in answers(json.dumps(data), data["statement"]))
