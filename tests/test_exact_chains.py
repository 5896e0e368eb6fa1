"""Finite chains: closed classes, stationary laws and entropy rates, exact."""

from __future__ import annotations

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from lmlaws.checks.exact.chains import closed_classes, entropy_rate, stationary
from lmlaws.checks.exact.divergences import entropy
from lmlaws.checks.exact.kernels import FinSet, Kernel, State
from lmlaws.checks.exact.numbers import log
from lmlaws.checks.exact.strategies import deterministic, kernels, objects, states

FEW = settings(deadline=None, max_examples=60)
SEARCH = settings(
    deadline=None, max_examples=2000, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink]
)
GAMBLE = Kernel([[1, 0, 0, 0], ["1/3", 0, "2/3", 0], [0, "1/3", 0, "2/3"], [0, 0, 0, 1]])  # ruin or riches


@st.composite
def chains(draw: st.DrawFn, most: int = 4) -> Kernel:
    """Kernels from an object to itself, with coarse entries, so that many have several classes."""
    n = draw(objects(most))
    return draw(kernels(n, n, 4))


def test_stationary_laws_by_hand() -> None:
    assert stationary(GAMBLE) == (State([1, 0, 0, 0]), State([0, 0, 0, 1]))
    assert closed_classes(GAMBLE) == ((0,), (3,))
    weather = FinSet(2, "weather")
    (law,) = stationary(Kernel([["9/10", "1/10"], ["1/2", "1/2"]], weather, weather))
    assert law == State(["5/6", "1/6"])
    assert law.type == "() -> weather(2)"
    period = Kernel.from_function(3, 3, lambda x: (x + 1) % 3)
    assert stationary(period) == (Kernel.uniform(3),)
    pairs = Kernel.swap(2, 2)
    assert closed_classes(pairs) == ((0,), (1, 2), (3,))
    assert stationary(pairs)[1] == State([0, "1/2", "1/2", 0], (2, 2))
    with pytest.raises(TypeError, match=r"a chain needs a kernel from an object to itself, not \(2,\) -> \(2, 2\)"):
        stationary(Kernel.copy(2))


@given(chains())
@FEW
def test_stationary_laws_are_stationary_and_live_on_disjoint_classes(k: Kernel) -> None:
    laws = stationary(k)
    assert laws
    assert all(p >> k == p for p in laws)
    supports = [tuple(i for i, w in enumerate(p.weights) if w) for p in laws]
    assert tuple(supports) == closed_classes(k)
    assert len({i for s in supports for i in s}) == sum(map(len, supports))


@given(chains())
@FEW
def test_there_are_as_many_extreme_laws_as_fixed_dimensions(k: Kernel) -> None:
    """The fixed laws span the left kernel of K - 1, by an elimination of its own."""
    rows = [[x - (i == j) for j, x in enumerate(row)] for i, row in enumerate(k.rows())]
    rank = 0
    for column in range(len(rows)):
        pivot = next((r for r in range(rank, len(rows)) if rows[r][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for r in range(rank + 1, len(rows)):
            factor = rows[r][column] / rows[rank][column]
            rows[r] = [x - factor * y for x, y in zip(rows[r], rows[rank])]
        rank += 1
    assert len(stationary(k)) == len(rows) - rank


@given(chains(3), st.data())
@FEW
def test_every_mixture_of_the_extreme_laws_is_stationary(k: Kernel, data: st.DataObject) -> None:
    laws = stationary(k)
    choice = data.draw(states(len(laws), 8))
    mixture = choice >> Kernel([p.weights for p in laws])
    assert mixture >> k == mixture


def test_every_law_is_stationary_is_refuted() -> None:
    k = find(chains(), lambda k: Kernel.uniform(k.dom) >> k != Kernel.uniform(k.dom), settings=SEARCH)
    assert Kernel.uniform(k.dom) not in stationary(k)


def test_every_chain_has_one_stationary_law_is_refuted() -> None:
    k = find(chains(), lambda k: len(stationary(k)) > 1, settings=SEARCH)
    assert k == Kernel.identity(2)


@given(deterministic(3, 3))
@FEW
def test_stationary_laws_of_a_function_are_uniform_on_its_cycles(f: Kernel) -> None:
    for law, cycle in zip(stationary(f), closed_classes(f)):
        assert [law.weights[x] * len(cycle) for x in cycle] == [1] * len(cycle)
        assert (f ** len(cycle)).rows()[cycle[0]][cycle[0]] == 1


# entropy rate


def test_entropy_rates_by_hand() -> None:
    k = Kernel([["1/2", "1/2"], [1, 0]])
    assert entropy_rate(k) == 2 * log(2) / 3
    assert entropy_rate(Kernel([["1/2", "1/2"], ["1/2", "1/2"]])) == log(2)
    assert entropy_rate(GAMBLE, State(["1/2", 0, 0, "1/2"])) == 0
    with pytest.raises(ValueError, match="the chain has 2 closed classes: give a stationary law"):
        entropy_rate(GAMBLE)
    with pytest.raises(ValueError, match="the law is not stationary under the chain"):
        entropy_rate(k, State(["1/2", "1/2"]))
    with pytest.raises(TypeError, match=r"cannot compose \(\) -> \(3,\) >> \(2,\) -> \(2,\)"):
        entropy_rate(k, Kernel.uniform(3))


@given(chains(3))
@FEW
def test_the_rate_is_the_entropy_of_two_steps_less_that_of_one(k: Kernel) -> None:
    for p in stationary(k):
        assert entropy_rate(k, p) == entropy(p.joint(k)) - entropy(p)
        assert entropy_rate(k, p) <= entropy(p)


def test_the_rate_reaching_the_entropy_is_refuted() -> None:
    def below(k: Kernel) -> bool:
        p = stationary(k)[0]
        return entropy_rate(k, p) < entropy(p)

    k = find(chains(3), below, settings=SEARCH)
    assert any(a != b for a in k.rows() for b in k.rows())
