"""The Blackwell order, decided with evidence: a garbling kernel, or a decision problem that separates."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from lmlaws.checks.exact import blackwell as module
from lmlaws.checks.exact.blackwell import Garbling, Separation, best_expected_utility, blackwell
from lmlaws.checks.exact.independence import sufficient
from lmlaws.checks.exact.kernels import FinSet, Kernel, State
from lmlaws.checks.exact.strategies import deterministic, kernels, objects, states

FEW = settings(deadline=None, max_examples=40)
SEARCH = settings(
    deadline=None, max_examples=1000, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink]
)
CLEAR = Kernel.identity(2)
NOISY = Kernel([["3/4", "1/4"], ["1/4", "3/4"]])
NOISIER = Kernel([["2/3", "1/3"], ["1/3", "2/3"]])
Pair = tuple[Kernel, Kernel]


@st.composite
def experiments(draw: st.DrawFn, count: int = 2, denominator: int = 8) -> tuple[Kernel, ...]:
    """Experiments on the same states of nature, up to three, with up to three outcomes each."""
    nature = draw(objects(3))
    return tuple(draw(kernels(nature, objects(3), denominator)) for _ in range(count))


def verify(a: Kernel, b: Kernel, evidence: Garbling | Separation) -> None:
    """The evidence says what it claims, worked out from the definitions in Fractions."""
    if isinstance(evidence, Garbling):
        g = evidence.kernel
        letters = range(len(g.rows()))
        for t, row in enumerate(b.rows()):
            assert row == [sum(a.entry(t, x) * g.entry(x, y) for x in letters) for y in range(len(row))]
        return
    worth = []
    for experiment in (a, b):
        table = experiment.rows()
        worth.append(
            sum(
                max(
                    sum(p * row[x] * u[act] for p, row, u in zip(evidence.prior.weights, table, evidence.utility))
                    for act in range(len(evidence.utility[0]))
                )
                for x in range(len(table[0]))
            )
        )
    assert worth == [evidence.left, evidence.right]
    assert evidence.left < evidence.right


def test_by_hand() -> None:
    assert blackwell(CLEAR, NOISY) == Garbling(NOISY)
    assert blackwell(NOISY, NOISIER) == Garbling(Kernel([["5/6", "1/6"], ["1/6", "5/6"]]))
    evidence = blackwell(NOISIER, NOISY)
    assert isinstance(evidence, Separation)
    verify(NOISIER, NOISY, evidence)
    guess = ((Fraction(1), Fraction(0)), (Fraction(0), Fraction(1)))
    assert best_expected_utility(NOISY, State(["1/2", "1/2"]), guess) == Fraction(3, 4)
    assert best_expected_utility(NOISY, State(["9/10", "1/10"]), guess) == Fraction(9, 10)
    with pytest.raises(TypeError, match=r"compared on the same states of nature, not \(2,\) -> \(2,\) and \(3,\)"):
        blackwell(CLEAR, Kernel.identity(3))
    named = Kernel.identity(FinSet(2, "T"))
    with pytest.raises(TypeError, match=r"not T\(2\) -> T\(2\) and U\(2\) -> U\(2\)"):
        blackwell(named, Kernel.identity(FinSet(2, "U")))


def test_a_difference_of_a_billionth_is_seen() -> None:
    near = Kernel([["750000001/1000000000", "249999999/1000000000"], ["1/4", "3/4"]])
    assert isinstance(blackwell(near, NOISY), Garbling)
    evidence = blackwell(NOISY, near)
    assert isinstance(evidence, Separation)
    verify(NOISY, near, evidence)


def test_two_experiments_may_be_incomparable() -> None:
    first, second = Kernel([[1, 0], ["1/2", "1/2"]]), Kernel([["1/2", "1/2"], [0, 1]])
    for a, b in ((first, second), (second, first)):
        evidence = blackwell(a, b)
        assert isinstance(evidence, Separation)
        verify(a, b, evidence)


def test_as_good_at_guessing_but_no_garbling() -> None:
    """Erasing half of the time guesses as well as flipping a quarter of the time does, and yet is better."""
    erasure = Kernel([["1/2", "1/2", 0], [0, "1/2", "1/2"]])
    guess = ((Fraction(1), Fraction(0)), (Fraction(0), Fraction(1)))
    prior = Kernel.uniform(2)
    assert best_expected_utility(erasure, prior, guess) == best_expected_utility(NOISY, prior, guess)
    verify(NOISY, erasure, blackwell(NOISY, erasure))
    assert isinstance(blackwell(NOISY, erasure), Separation)
    assert isinstance(blackwell(erasure, NOISY), Garbling)


@given(experiments())
@FEW
def test_every_answer_has_evidence(pair: Pair) -> None:
    a, b = pair
    verify(a, b, blackwell(a, b))


@given(experiments(count=1), st.data())
@FEW
def test_a_garbling_is_found(one: tuple[Kernel], data: st.DataObject) -> None:
    (a,) = one
    b = a >> data.draw(kernels(a.cod, objects(3), 8))
    evidence = blackwell(a, b)
    assert isinstance(evidence, Garbling)
    verify(a, b, evidence)


def test_a_garbling_is_as_informative_is_refuted() -> None:
    a, b = find(
        experiments().map(lambda pair: (pair[0], pair[0] >> NOISY) if pair[0].cod == (2,) else pair),
        lambda pair: pair[0].cod == (2,) and isinstance(blackwell(pair[1], pair[0]), Separation),
        settings=SEARCH,
    )
    assert isinstance(blackwell(a, b), Garbling)


def garbled(a: Kernel, b: Kernel) -> bool:
    return isinstance(blackwell(a, b), Garbling)


@given(experiments(count=3, denominator=2))
@FEW
def test_it_is_a_preorder_with_a_top_and_a_bottom(three: tuple[Kernel, Kernel, Kernel]) -> None:
    a, b, c = three
    assert garbled(a, a)
    assert not (garbled(a, b) and garbled(b, c)) or garbled(a, c)
    assert garbled(Kernel.identity(a.dom), a)
    assert garbled(a, Kernel.discard(a.dom))


def test_totality_of_the_order_is_refuted() -> None:
    a, b = find(experiments(denominator=4), lambda ab: not garbled(*ab) and not garbled(*reversed(ab)), settings=SEARCH)
    assert a.dom == b.dom != (1,)


@given(experiments(denominator=4), st.data())
@FEW
def test_more_informative_experiments_are_worth_more(pair: Pair, data: st.DataObject) -> None:
    a, b = pair
    prior = data.draw(states(a.dom, 8))
    row = st.tuples(*[st.integers(-3, 3).map(Fraction)] * 2)
    utility = tuple(data.draw(row) for _ in range(prod(a.dom)))
    if garbled(a, b):
        assert best_expected_utility(a, prior, utility) >= best_expected_utility(b, prior, utility)


@st.composite
def observed(draw: st.DrawFn) -> Pair:
    """A model A -> X and a statistic X -> T."""
    n = draw(objects(3))
    return draw(kernels(objects(2), n, 4)), draw(deterministic(n, objects(3)))


@given(observed())
@FEW
def test_a_statistic_is_sufficient_exactly_when_it_loses_nothing(case: Pair) -> None:
    """Blackwell 1951: the statistic is as informative as the data if and only if it is sufficient."""
    model, statistic = case
    assert garbled(model >> statistic, model) == (sufficient(statistic, model) is not None)


def test_a_statistic_loses_nothing_is_refuted() -> None:
    model, statistic = find(observed(), lambda case: not garbled(case[0] >> case[1], case[0]), settings=SEARCH)
    assert sufficient(statistic, model) is None


@pytest.mark.parametrize(
    ("a", "b", "lie", "message"),
    [
        (CLEAR, NOISY, 1, "z3 gave a garbling of .* that is not"),
        (CLEAR, NOISY, 2, "z3 gave no kernel as a garbling of .*: row 0 of kernel sums to 2, not 1"),
        (NOISY, CLEAR, 1, "z3 gave utilities that do not separate"),
    ],
)
def test_a_lying_solver_is_caught(
    a: Kernel, b: Kernel, lie: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = module._solve

    def lying(conditions: list[Any]) -> Any:
        answer = honest(conditions)
        return None if answer is None else lambda unknown: Fraction(lie * str(unknown).endswith("0"))

    monkeypatch.setattr(module, "_solve", lying)
    with pytest.raises(RuntimeError, match=message):
        blackwell(a, b)


def test_a_solver_that_finds_nothing_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_solve", lambda conditions: None)
    with pytest.raises(RuntimeError, match="neither a garbling nor a separation"):
        blackwell(CLEAR, NOISY)
