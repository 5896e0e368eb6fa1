"""The simplex method in rationals: least cost, exactly, or none; and small statements need no solver."""

from __future__ import annotations

import random
import subprocess
import sys
from fractions import Fraction

import pytest
from flint import fmpq

from lmlaws.checks.provers import programs_lp
from lmlaws.checks.provers.child import Failure
from lmlaws.checks.provers.elementals import Fact
from lmlaws.checks.provers.linear import Linear
from lmlaws.checks.provers.programs_lp import INFEASIBLE, checked, multipliers
from lmlaws.checks.provers.simplex import cheapest


def solved(rows: list[list[int]], costs: list[int]) -> list[Fraction] | None:
    found = cheapest([[fmpq(x) for x in row] for row in rows], [fmpq(c) for c in costs])
    return None if found is None else [Fraction(int(x.p), int(x.q)) for x in found]


PROGRAMS: list[tuple[list[list[int]], list[int], list[Fraction] | None]] = [
    ([[1, 1, 2]], [1, 2], [Fraction(2), Fraction(0)]),
    ([[3, 1]], [1], [Fraction(1, 3)]),
    ([[1, 1, 2], [1, -1, 0]], [1, 1], [Fraction(1), Fraction(1)]),
    ([[-1, -1, -2], [2, 2, 4], [0, 0, 0]], [3, 1], [Fraction(0), Fraction(2)]),  # one row twice, one that says nothing
    ([[1, 1, 0]], [1, 1], [Fraction(0), Fraction(0)]),
    ([[1, 1, -1]], [1, 1], None),
    ([[1, 1, 2], [1, 1, 3]], [1, 1], None),
    ([[0, 0, 1]], [1, 1], None),
    ([[1, -1, 1], [-1, 1, 0]], [1, 1], None),
]


@pytest.mark.parametrize(("rows", "costs", "wanted"), PROGRAMS)
def test_small_programs(rows: list[list[int]], costs: list[int], wanted: list[Fraction] | None) -> None:
    assert solved(rows, costs) == wanted


def fact(form: dict[int, int], *, signed: bool = False) -> Fact:
    """A column; what a certificate would cite it as does not matter here."""
    return Fact({key: Fraction(x) for key, x in form.items() if x}, ("given", 0), signed)


def drawn(rng: random.Random) -> tuple[Linear, list[Fact]]:
    """A program with many ties: small entries, some columns signed, the target mostly a combination."""
    rows = rng.randint(1, 6)
    facts = [
        fact({key: rng.choice((-1, 0, 0, 1)) for key in range(1, rows + 1)}, signed=rng.random() < 0.2)
        for _ in range(rng.randint(1, 12))
    ]
    total: Linear = {}
    for one in facts:
        times = rng.choice((0, 0, 1, Fraction(1, 3))) if rng.random() < 0.9 else -1
        for key, x in one.form.items():
            total[key] = total.get(key, Fraction(0)) + times * x
    return {key: x for key, x in total.items() if x}, facts


def test_it_agrees_with_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both find multipliers, which add up, or neither does; and none of the solver's is cheaper."""
    rng, outcomes = random.Random(5), set[bool]()
    for _ in range(150):
        target, facts = drawn(rng)
        monkeypatch.setattr(programs_lp, "SMALL", 64)
        ours = multipliers(target, facts, 10)
        monkeypatch.setattr(programs_lp, "SMALL", 0)
        theirs = multipliers(target, facts, 10)
        assert isinstance(ours, Failure) is isinstance(theirs, Failure)
        outcomes.add(isinstance(ours, Failure))
        if isinstance(ours, Failure) or isinstance(theirs, Failure):
            assert ours == INFEASIBLE
            continue
        assert checked(target, facts, [(at, str(x)) for at, x in ours.items()]) == ours
        costs = [sum(x for at, x in found.items() if not facts[at].signed) for found in (ours, theirs)]
        assert costs[0] <= costs[1]
    assert outcomes == {True, False}


def test_costs_choose() -> None:
    target: Linear = {1: Fraction(1)}
    facts = [fact({1: 1}), fact({1: 2})]
    assert multipliers(target, facts, 10, [1.0, 5.0]) == {0: Fraction(1)}
    assert multipliers(target, facts, 10, [5.0, 1.0]) == {1: Fraction(1, 2)}


LOADED = "import sys; from lmlaws.face import prove; print(prove(sys.argv[1]).name, 'highspy' in sys.modules)"


@pytest.mark.parametrize(
    ("text", "loaded"),
    [
        ("I(X;Z) <= I(X;Y) given X -> Y -> Z", "proved False"),
        ("2*H(A,B,C) <= H(A,B) + H(B,C) + H(A,C)", "proved False"),
        ("I(A;E) <= I(B;D) given A -> B -> C -> D -> E", "proved True"),  # its twin: too large
    ],
)
def test_small_statements_are_proved_without_the_solver(text: str, loaded: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == loaded
