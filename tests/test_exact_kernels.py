"""Exact kernels: the defects of bad input by name, the laws of Markov categories, and exact information."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from lmlaws.checks.exact.divergences import divergence, entropy
from lmlaws.checks.exact.kernels import FinSet, Kernel, State
from lmlaws.checks.exact.numbers import INF, Exact, log
from lmlaws.checks.exact.strategies import deterministic, kernels, objects, states

FEW = settings(deadline=None, max_examples=60)
SEARCH = settings(
    deadline=None, max_examples=2000, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink]
)
COIN = State(["1/2", "1/2"])
X, Y = FinSet(2, "X", ("a", "b")), FinSet(3, "Y")
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
    with pytest.raises(TypeError, match="a divergence compares kernels of one type"):
        divergence("KL", COIN, State([1]))
    with pytest.raises(IndexError, match=r"entry \(0, 2\)"):
        COIN.entry(0, 2)


# names


def test_objects_have_names() -> None:
    k = Kernel([["1/2", "1/2", 0], [0, 0, 1]], X, Y)
    assert k.type == "X(2) -> Y(3)"
    assert (Kernel.identity(X) @ k).type == "X(2) * X(2) -> X(2) * Y(3)"
    assert Kernel.uniform((X, 2)).type == "() -> X(2) * 2"
    assert X == 2
    assert hash(X) == hash(2)
    assert X.number("b") == 1
    assert [k.entry(X.number(letter), 2) for letter in X.letters] == [0, 1]
    assert (repr(X), repr(Y), str(Y)) == ("FinSet(2, 'X', ('a', 'b'))", "FinSet(3, 'Y')", "Y(3)")
    back = pickle.loads(pickle.dumps(k))
    assert (back, back.type, back.dom[0].letters) == (k, k.type, ("a", "b"))
    assert k.json() == {"dom": [2], "cod": [3], "rows": [["1/2", "1/2", "0"], ["0", "0", "1"]]}
    assert json.dumps(k.json()["dom"]) == "[2]"
    assert repr(Kernel.uniform(Y)) == "State(['1/3', '1/3', '1/3'], cod=(FinSet(3, 'Y'),))"


def test_objects_fit_unless_what_both_name_differs() -> None:
    k, unnamed = Kernel.uniform(Y), Kernel.identity(3)
    assert k >> unnamed == k
    assert (k >> unnamed).type == "() -> (3,)"
    assert k == Kernel.uniform(3)
    assert hash(k) == hash(Kernel.uniform(3))
    assert k != Kernel.uniform(FinSet(3, "Z"))
    assert Kernel.identity(X) == Kernel.identity(FinSet(2, "X"))
    with pytest.raises(TypeError) as caught:
        Kernel.identity(FinSet(2, "Z")) >> Kernel.from_function(X, Y, lambda x: x)
    assert str(caught.value) == "cannot compose Z(2) -> Z(2) >> X(2) -> Y(3): the codomain Z(2) is not X(2)"
    with pytest.raises(TypeError, match=r"the codomain \(FinSet\(2, 'X', \('a', 'b'\)\),\) is not \(FinSet"):
        Kernel.identity(X) >> Kernel.identity(FinSet(2, "X", ("b", "a")))


def test_marginals_by_name() -> None:
    joint = COIN @ Kernel.uniform((X, Y))
    assert joint.marginal("X") == joint.marginal(1) == joint.marginal([X]) == Kernel.uniform(X)
    assert joint.marginal(["Y", 0]).type == "() -> Y(3) * 2"
    with pytest.raises(ValueError, match=r"cannot keep 'Z' of cod \(2,\): the names there are: none"):
        COIN.marginal("Z")
    with pytest.raises(ValueError, match=r"cannot keep 'Z' of cod 2 \* X\(2\) \* Y\(3\): the names there are: X, Y"):
        joint.marginal("Z")
    with pytest.raises(ValueError, match=r"cannot keep 'X' of cod X\(2\) \* X\(2\): it names the objects \[0, 1\]"):
        Kernel.copy(X).marginal("X")
    with pytest.raises(ValueError, match=r"cannot keep \('X', 1\) of cod .*: distinct numbers from 0 to 2"):
        joint.marginal(["X", 1])


@pytest.mark.parametrize(
    ("size", "name", "letters", "message"),
    [
        (0, "X", (), "the finite set 'X' has a size 0; sizes are integers >= 1"),
        (2, "", (), "a finite set needs a name, a text that is not empty, and got ''"),
        (2, "X", ("a",), r"the finite set X\(2\) has 1 letters \('a',\)"),
        (2, "X", ("a", "a"), r"the letters of X\(2\) must be different texts, and 'a' is there twice"),
        (2, "X", ("a", 1), r"the letters of X\(2\) must be different texts, and 1 is no text"),
    ],
)
def test_bad_finite_sets_are_refused(size: int, name: str, letters: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FinSet(size, name, letters)


def test_an_unknown_letter_is_named() -> None:
    with pytest.raises(ValueError, match=r"X\(2\) has no letter 'c'; its letters are \('a', 'b'\)"):
        X.number("c")


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


def test_powers_by_hand() -> None:
    k = Kernel([["1/2", "1/2"], [0, 1]])
    assert k**3 == Kernel([["1/8", "7/8"], [0, 1]])
    assert k**0 == Kernel.identity(2)
    with pytest.raises(TypeError, match=r"a kernel \(2,\) -> \(3,\) has no powers"):
        Kernel.from_function(2, 3, lambda x: x) ** 2
    with pytest.raises(ValueError, match="the power -1 of a kernel is negative"):
        k**-1
    with pytest.raises(TypeError, match="unsupported operand"):
        k ** "2"  # type: ignore[operator]


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


@given(chains(1), chains(1), chains(1))
@FEW
def test_tensor_is_associative(one: list[Kernel], two: list[Kernel], three: list[Kernel]) -> None:
    (f,), (g,), (h,) = one, two, three
    assert (f @ g) @ h == f @ (g @ h)


def test_interchange_with_the_sides_swapped_is_refuted() -> None:
    f, g = find(chains(2), lambda fg: fg[0].dom == fg[1].cod and fg[0] >> fg[1] != fg[1] >> fg[0], settings=SEARCH)
    assert f @ g >> g @ f != g @ f >> f @ g


@given(chains(1), chains(1))
@FEW
def test_swap_is_natural(one: list[Kernel], two: list[Kernel]) -> None:
    (f,), (g,) = one, two
    assert f @ g >> Kernel.swap(f.cod, g.cod) == Kernel.swap(f.dom, g.dom) >> g @ f


def test_a_tensor_that_commutes_without_a_swap_is_refuted() -> None:
    pair = st.tuples(states(2, 4), states(2, 4))
    p, q = find(pair, lambda pq: pq[0] @ pq[1] != pq[1] @ pq[0], settings=SEARCH)
    assert {p, q} == {State([1, 0]), State([0, 1])}


@given(objects(3), objects(3), objects(3))
@FEW
def test_hexagon_and_symmetry(a: int, b: int, c: int) -> None:
    one = Kernel.identity
    assert Kernel.swap(a, (b, c)) == Kernel.swap(a, b) @ one(c) >> one(b) @ Kernel.swap(a, c)
    assert Kernel.swap((a, b), c) == one(a) @ Kernel.swap(b, c) >> Kernel.swap(a, c) @ one(b)
    assert Kernel.swap(a, b) >> Kernel.swap(b, a) == one((a, b))
    assert Kernel.swap(a, ()) == one(a)


def test_a_swap_that_does_nothing_is_refuted() -> None:
    smallest = find(objects(3), lambda n: Kernel.swap(n, n) != Kernel.identity((n, n)), settings=SEARCH)
    assert smallest == 2


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


@given(objects(3), objects(3))
@FEW
def test_copy_and_discard_respect_products(a: int, b: int) -> None:
    between = Kernel.identity(a) @ Kernel.swap(a, b) @ Kernel.identity(b)
    assert Kernel.copy((a, b)) == Kernel.copy(a) @ Kernel.copy(b) >> between
    assert Kernel.discard((a, b)) == Kernel.discard(a) @ Kernel.discard(b)
    assert Kernel.copy(()) == Kernel.discard(()) == Kernel.identity(())


def test_copy_of_a_product_without_the_shuffle_is_refuted() -> None:
    pair = find(
        st.tuples(objects(3), objects(3)),
        lambda ab: Kernel.copy(ab).rows() != (Kernel.copy(ab[0]) @ Kernel.copy(ab[1])).rows(),
        settings=SEARCH,
    )
    assert pair == (2, 2)


@st.composite
def functions(draw: st.DrawFn) -> tuple[Kernel, Kernel, Kernel]:
    """Two functions in sequence and one beside them."""
    a, b, c = (draw(objects(3)) for _ in range(3))
    return draw(deterministic(a, b)), draw(deterministic(b, c)), draw(deterministic(objects(3), objects(3)))


@given(functions(), objects(3), objects(3))
@FEW
def test_deterministic_kernels_are_closed(made: tuple[Kernel, Kernel, Kernel], a: int, b: int) -> None:
    f, g, h = made
    structural = (Kernel.identity(a), Kernel.copy(a), Kernel.discard(a), Kernel.swap(a, b))
    assert all(k.is_deterministic() for k in (f >> g, f @ h, *structural))


def test_only_deterministic_pairs_composing_to_deterministic_kernels_is_refuted() -> None:
    f, g = find(
        chains(2),
        lambda fg: (fg[0] >> fg[1]).is_deterministic() and not fg[0].is_deterministic(),
        settings=SEARCH,
    )
    assert g.cod == (1,)
    assert f.cod == (2,)


@given(deterministic(objects(3), objects(3)))
@FEW
def test_copy_is_natural_for_deterministic_kernels(f: Kernel) -> None:
    assert f.is_deterministic()
    assert f >> Kernel.copy(f.cod) == Kernel.copy(f.dom) >> f @ f


def test_copy_is_not_natural_for_a_fair_coin() -> None:
    assert COIN >> Kernel.copy(2) != COIN @ COIN
    smallest = find(states(objects(3)), lambda p: p >> Kernel.copy(p.cod) != p @ p, settings=SEARCH)
    assert smallest == COIN


@st.composite
def steps(draw: st.DrawFn) -> Kernel:
    """A chain on at most three letters."""
    n = draw(objects(3))
    return draw(kernels(n, n, 8))


@given(steps(), st.integers(0, 4), st.integers(0, 4))
@FEW
def test_powers_add(k: Kernel, m: int, n: int) -> None:
    assert k**m >> k**n == k ** (m + n)
    assert k**1 == k


def test_a_chain_that_forgets_in_one_step_is_refuted() -> None:
    k = find(steps(), lambda k: k**2 != k, settings=SEARCH)
    assert k.dom != (1,)
    assert k**2 == k >> k


# information


def test_entropy_and_kl_by_hand() -> None:
    p = State(["1/2", "1/3", "1/6"])
    assert entropy(p) == 2 * log(2) / 3 + log(3) / 2
    assert entropy(State([1, 0, 0])) == 0
    assert divergence("KL", p, State(["1/3", "1/3", "1/3"])) == log(3) - entropy(p)
    assert divergence("KL", State([1, 0]), COIN) == log(2)
    assert divergence("KL", COIN, State([1, 0])) == INF
    assert divergence("KL", State([1, 0]), State([1, 0])) == 0


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
    assert divergence("KL", p >> k, q >> k) <= divergence("KL", p, q)


def test_processing_never_driving_laws_apart_is_refuted_when_reversed() -> None:
    p, q, k = find(
        compared(),
        lambda c: divergence("KL", c[0] >> c[2], c[1] >> c[2]) < divergence("KL", c[0], c[1]),
        settings=SEARCH,
    )
    assert p != q
    assert divergence("KL", p, q) > divergence("KL", p >> k, q >> k)
