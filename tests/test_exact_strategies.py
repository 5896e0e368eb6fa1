"""The strategies: every draw is a law with the promised denominators, and shrinking ends at the simplest one."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from lmlaws.checks.exact.kernels import Kernel, State
from lmlaws.checks.exact.strategies import deterministic, kernels, objects, states

FEW = settings(deadline=None, max_examples=60)
SEARCH = settings(
    deadline=None, max_examples=2000, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink]
)


@given(states(objects(5), denominator=32))
@FEW
def test_states_are_laws_over_the_denominator(p: State) -> None:
    assert sum(p.weights) == 1
    assert all(w >= 0 and 32 % w.denominator == 0 for w in p.weights)


@given(states(objects(5), denominator=8, zeros=False))
@FEW
def test_full_support(p: State) -> None:
    assert all(w > 0 for w in p.weights)


@given(kernels((2, 2), st.just((3,)), 8), deterministic(3, (2, 2)))
@FEW
def test_kernels_have_their_types(k: Kernel, f: Kernel) -> None:
    assert (k.dom, k.cod) == ((2, 2), (3,))
    assert (f.dom, f.cod) == ((3,), (2, 2))
    assert f.is_deterministic()


def test_shrinking_ends_at_few_letters_and_simple_fractions() -> None:
    anything = find(states(objects(4)), lambda p: True, settings=SEARCH)
    assert anything == State([1])
    assert find(states(3), lambda p: True, settings=SEARCH) == State([1, 0, 0])
    assert find(states(4, zeros=False), lambda p: True, settings=SEARCH) == State(["1/4"] * 4)
    mixed = find(states(objects(4)), lambda p: max(p.weights) < 1, settings=SEARCH)
    assert mixed == State(["1/2", "1/2"])
    kernel = find(kernels(objects(3), objects(3)), lambda k: not k.is_deterministic(), settings=SEARCH)
    assert kernel == Kernel([["1/2", "1/2"]])
    function = find(deterministic(2, 3), lambda f: True, settings=SEARCH)
    assert function == Kernel([[1, 0, 0], [1, 0, 0]])


def test_the_search_reaches_zeros_and_the_edge() -> None:
    assert 0 in find(states(3), lambda p: 0 in p.weights and max(p.weights) < 1, settings=SEARCH).weights
    edge = find(states(2), lambda p: 0 < min(p.weights) <= Fraction(1, 64), settings=SEARCH)
    assert sorted(edge.weights) == [Fraction(1, 64), Fraction(63, 64)]


def test_impossible_demands_are_refused() -> None:
    with pytest.raises(ValueError, match="the denominator 12 is not a power of two"):
        states(2, denominator=12)
    with pytest.raises(ValueError, match="no law with denominator 2 has full support on 3 letters"):
        find(states(3, denominator=2, zeros=False), lambda p: True, settings=SEARCH)
