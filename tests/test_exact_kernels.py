"""Exact kernels: the defects of bad input by name, the laws of Markov categories, and exact information."""

from __future__ import annotations

import pickle
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from lmlaws.checks.exact.kernels import Kernel, State, entropy, kl
from lmlaws.checks.exact.numbers import INF, Exact, log
from lmlaws.checks.exact.strategies import deterministic, kernels, objects, states

FEW = settings(deadline=None, max_examples=60)
SEARCH = settings(
    deadline=None, max_examples=2000, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink]
)
COIN = State(["1/2", "1/2"])
Pair = tuple[State, Kernel]


# bad input


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([["1/2", "1/2"], ["999/1000", 0]], ValueError, "row 1 of kernel sums to 999/1000, not 1"),
        ([["0.5", "0.500000001"]], ValueError, "row 0 of kernel sums to 1000000001/1000000000, not 1"),
        ([["3/2", "-1/2"]], ValueError, "entry (0, 1) of kernel is negative: -1/2"),
        ([["1/2", "1/2"], [1]], ValueError, "row 1 of kernel has 1 entries, but row 0 has 2"),
        ([], ValueError, "a kernel needs at least one row, and rows is empty"),
        ([[1], []], ValueError, "row 1 of kernel is empty"),
        (
            [[0.5, 0.5]],
            TypeError,
            "entry (0, 0) of kernel: 0.5 of type float is not exact: "
            "give an int, a Fraction or text such as '1/3' or '0.25'",
        ),
        ([["1/2", "log(2)"]], ValueError, "entry (0, 1) of kernel, 'log(2)': 'log(2)' is not a rational number"),
        (
            [["1/2", "1/"]],
            ValueError,
            "entry (0, 1) of kernel, '1/': column 3: expected a number, found the end of the text",
        ),
        (["10"], TypeError, "row 0 of kernel is '10', not a list of entries"),
    ],
)
def test_bad_rows_are_refused_with_the_exact_defect(rows: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        Kernel(rows)
    assert str(caught.value) == message


def test_types_must_fit() -> None:
    with pytest.raises(ValueError, match=r"cod \(3,\) has 3 letters, but kernel has 2 entries a row"):
        Kernel([["1/2", "1/2"]], cod=3)
    with pytest.raises(ValueError, match=r"dom \(\) has 1 letters, but kernel has 2 rows"):
        Kernel([[1], [1]], dom=())
    with pytest.raises(ValueError, match=r"an object \(2, 0\) has a size 0"):
        Kernel([[1]], cod=(2, 0))
    with pytest.raises(TypeError) as caught:
        Kernel.copy(2) >> Kernel.identity(4)
    assert str(caught.value) == "cannot compose (2,) -> (2, 2) >> (4,) -> (4,): the codomain (2, 2) is not (4,)"
    with pytest.raises(ValueError, match=r"the function maps \(1,\) to \(2,\), which is not in \(2,\)"):
        Kernel.from_function(2, 2, lambda x: 2 * x)
    with pytest.raises(ValueError, match=r"cannot keep \(0, 0\) of cod \(2,\)"):
        COIN.marginal([0, 0])
    with pytest.raises(TypeError, match="entropy is defined for states"):
        entropy(Kernel.identity(2))
    with pytest.raises(TypeError, match="kl needs two states on one object"):
        kl(COIN, State([1]))
    with pytest.raises(IndexError, match=r"entry \(0, 2\)"):
        COIN.entry(0, 2)


# operations


def test_values_by_hand() -> None:
    k = Kernel([["9/10", "1/10"], ["1/20", "19/20"]])
    output = COIN >> k
    assert isinstance(output, State)
    assert output.weights == (Fraction(19, 40), Fraction(21, 40))
    assert output == State(["0.475", "0.525"])
    assert k.entry(1, 0) == Fraction(1, 20)
    assert (k @ COIN).type == "(2,) -> (2, 2)"
    assert (k @ k).entry(1, 2) == Fraction(1, 200)  # (0, 1) to (1, 0): 1/10 * 1/20
    assert k.json() == {"dom": [2], "cod": [2], "rows": [["9/10", "1/10"], ["1/20", "19/20"]]}
    assert Kernel.swap(2, 3).rows()[1] == [0, 0, 1, 0, 0, 0]  # (0, 1) to (1, 0)
    assert Kernel.discard((2, 2)).cod == ()
    joint = COIN >> Kernel.copy(2) >> Kernel.identity(2) @ k
    assert joint.marginal([1]) == output
    assert joint.marginal([1, 0]) == joint >> Kernel.swap(2, 2)
    assert joint.marginal([]) == State([1], ())
    assert not k.is_deterministic()
    assert pickle.loads(pickle.dumps(joint)) == joint
    assert isinstance(pickle.loads(pickle.dumps(joint)), State)
    assert hash(COIN) == hash(State(["2/4", "0.5"]))
    assert State([1, 0]) != COIN
    assert repr(COIN) == "State(['1/2', '1/2'], cod=(2,))"


@st.composite
def chains(draw: st.DrawFn, length: int) -> list[Kernel]:
    """Composable kernels on at most three letters."""
    sizes = [draw(objects(3)) for _ in range(length + 1)]
    return [draw(kernels(a, b, 16)) for a, b in pairwise(sizes)]


@given(chains(3))
@FEW
def test_composition_is_associative_with_identities(chain: list[Kernel]) -> None:
    f, g, h = chain
    assert (f >> g) >> h == f >> (g >> h)
    assert Kernel.identity(f.dom) >> f == f == f >> Kernel.identity(f.cod)
    assert f @ Kernel.identity(()) == f


@given(chains(2), chains(2))
@FEW
def test_interchange(one: list[Kernel], two: list[Kernel]) -> None:
    (f, g), (h, k) = one, two
    assert (f >> g) @ (h >> k) == f @ h >> g @ k


def test_interchange_with_the_sides_swapped_is_refuted() -> None:
    f, g = find(chains(2), lambda fg: fg[0].dom == fg[1].cod and fg[0] >> fg[1] != fg[1] >> fg[0], settings=SEARCH)
    assert f @ g >> g @ f != g @ f >> f @ g


@given(chains(1), chains(1))
@FEW
def test_swap_is_natural(one: list[Kernel], two: list[Kernel]) -> None:
    (f,), (g,) = one, two
    assert f @ g >> Kernel.swap(f.cod, g.cod) == Kernel.swap(f.dom, g.dom) >> g @ f


@given(chains(1))
@FEW
def test_discard_is_natural(chain: list[Kernel]) -> None:
    (f,) = chain
    assert f >> Kernel.discard(f.cod) == Kernel.discard(f.dom)


@given(objects(3))
@FEW
def test_copy_is_a_commutative_comonoid(n: int) -> None:
    one, copy = Kernel.identity(n), Kernel.copy(n)
    assert copy >> copy @ one == copy >> one @ copy
    assert copy >> Kernel.swap(n, n) == copy
    assert copy >> Kernel.discard(n) @ one == one


@given(deterministic(objects(3), objects(3)))
@FEW
def test_copy_is_natural_for_deterministic_kernels(f: Kernel) -> None:
    assert f.is_deterministic()
    assert f >> Kernel.copy(f.cod) == Kernel.copy(f.dom) >> f @ f


def test_copy_is_not_natural_for_a_fair_coin() -> None:
    assert COIN >> Kernel.copy(2) != COIN @ COIN
    smallest = find(states(objects(3)), lambda p: p >> Kernel.copy(p.cod) != p @ p, settings=SEARCH)
    assert smallest == COIN


# information


def test_entropy_and_kl_by_hand() -> None:
    p = State(["1/2", "1/3", "1/6"])
    assert entropy(p) == 2 * log(2) / 3 + log(3) / 2
    assert entropy(State([1, 0, 0])) == 0
    assert kl(p, State(["1/3", "1/3", "1/3"])) == log(3) - entropy(p)
    assert kl(State([1, 0]), COIN) == log(2)
    assert kl(COIN, State([1, 0])) == INF
    assert kl(State([1, 0]), State([1, 0])) == 0


@st.composite
def processed(draw: st.DrawFn) -> Pair:
    """A law and a kernel out of it."""
    n = draw(objects(3))
    return draw(states(n, 16)), draw(kernels(n, objects(3), 16))


def conditional(p: State, k: Kernel) -> Exact:
    """H(k | p), the average entropy of the rows."""
    return Exact.sum(w * entropy(State(row)) for w, row in zip(p.weights, k.rows()))


@given(processed())
@FEW
def test_chain_rule_of_entropy_is_exact(pair: Pair) -> None:
    p, k = pair
    joint = p >> Kernel.copy(p.cod) >> Kernel.identity(p.cod) @ k
    assert entropy(joint) == entropy(p) + conditional(p, k)


def test_chain_rule_without_the_condition_is_refuted() -> None:
    p, k = find(
        processed(),
        lambda pk: (
            entropy(pk[0] >> Kernel.copy(pk[0].cod) >> Kernel.identity(pk[0].cod) @ pk[1])
            != entropy(pk[0]) + entropy(pk[0] >> pk[1])
        ),
        settings=SEARCH,
    )
    assert entropy(p >> k) > conditional(p, k)


@st.composite
def compared(draw: st.DrawFn) -> tuple[State, State, Kernel]:
    """Two laws on one object and a kernel out of it."""
    n = draw(objects(3))
    return draw(states(n, 16)), draw(states(n, 16)), draw(kernels(n, objects(3), 16))


@given(compared())
@FEW
def test_processing_brings_laws_closer(case: tuple[State, State, Kernel]) -> None:
    p, q, k = case
    assert kl(p >> k, q >> k) <= kl(p, q)


def test_processing_never_driving_laws_apart_is_refuted_when_reversed() -> None:
    p, q, k = find(compared(), lambda c: kl(c[0] >> c[2], c[1] >> c[2]) < kl(c[0], c[1]), settings=SEARCH)
    assert p != q
    assert kl(p, q) > kl(p >> k, q >> k)
