"""Conditionals of kernels: disintegration, Bayesian inversion, pushback, independence, sufficiency; each with twins."""

from __future__ import annotations

from fractions import Fraction
from math import prod

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from lmlaws.checks.exact.independence import is_independent, sufficient
from lmlaws.checks.exact.kernels import FinSet, Kernel, State
from lmlaws.checks.exact.strategies import deterministic, kernels, objects, states

FEW = settings(deadline=None, max_examples=60)
SEARCH = settings(
    deadline=None, max_examples=3000, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink]
)
COIN = State(["1/2", "1/2"])
X, Y = FinSet(2, "X"), FinSet(2, "Y")
NOISY = Kernel([["9/10", "1/10"], ["1/5", "4/5"]], X, Y)
Input = tuple[State, Kernel]


def types(most: int = 3) -> st.SearchStrategy[tuple[int, ...]]:
    """Products of up to two objects, the unit among them."""
    return st.lists(objects(most), max_size=2).map(tuple)


@st.composite
def inputs(draw: st.DrawFn) -> Input:
    """A law and a kernel out of it."""
    n = draw(types())
    return draw(states(n, 8)), draw(kernels(n, types(), 8))


# disintegration


def joints(objects_: int) -> st.SearchStrategy[State]:
    """Joint laws of this many objects of at most three letters."""
    return states(st.tuples(*[objects(3)] * objects_), 8)


def test_a_disintegration_by_hand() -> None:
    joint = State(["1/2", "1/4", 0, 0, 0, "1/4"], (3, 2))
    first, rest = joint.disintegrate()
    assert first == State(["3/4", 0, "1/4"])
    assert rest == Kernel([["2/3", "1/3"], ["1/2", "1/2"], [0, 1]])
    assert joint.disintegrate(0) == (State([1], ()), joint)
    assert joint.disintegrate(2) == (joint, Kernel.discard((3, 2)))
    with pytest.raises(ValueError, match=r"cannot disintegrate \(\) -> \(3, 2\) at 3: give a number from 0 to 2"):
        joint.disintegrate(3)


@given(joints(3), st.integers(0, 3))
@FEW
def test_every_joint_law_disintegrates(joint: State, at: int) -> None:
    first, rest = joint.disintegrate(at)
    assert first >> Kernel.copy(first.cod) >> Kernel.identity(first.cod) @ rest == joint
    assert first.joint(rest) == joint


@given(inputs())
@FEW
def test_the_conditional_is_unique_almost_surely(given_: Input) -> None:
    p, k = given_
    first, rest = p.joint(k).disintegrate(len(p.cod))
    assert first == p
    assert rest.equals_almost_surely(k, p)


def test_the_conditional_is_unique_everywhere_is_refuted() -> None:
    p, k = find(inputs(), lambda pk: pk[0].joint(pk[1]).disintegrate(len(pk[0].cod))[1] != pk[1], settings=SEARCH)
    assert 0 in p.weights
    assert k.cod != (1,)


@given(st.data())
@FEW
def test_kernels_have_conditionals(data: st.DataObject) -> None:
    k = data.draw(kernels(types(2), st.tuples(objects(2), objects(2), objects(2)), 8))
    keep = data.draw(st.permutations(range(3)))[: data.draw(st.integers(0, 3))]
    rest = [i for i in range(3) if i not in keep]
    conditional = k.conditional(keep)
    assert conditional.dom == (*k.dom, *(k.cod[i] for i in keep))
    kept = k.marginal(keep)
    one = Kernel.identity
    copied = Kernel.copy(k.dom) >> one(k.dom) @ (kept >> Kernel.copy(kept.cod))
    moved = copied >> one(k.dom) @ one(kept.cod) @ one(kept.cod) >> Kernel.swap(k.dom + kept.cod, kept.cod)
    assert moved >> one(kept.cod) @ conditional == k.marginal([*keep, *rest])


def test_a_conditional_that_ignores_the_condition_is_refuted() -> None:
    joint = find(
        joints(2),
        lambda p: p.marginal(0).joint(Kernel.discard(p.cod[0]) >> p.marginal(1)) != p,
        settings=SEARCH,
    )
    assert not is_independent(joint, 0, 1)


def test_conditionals_take_names() -> None:
    joint = State(["1/2", 0, "1/4", "1/4"], (X, Y))
    conditional = joint.conditional("Y")
    assert conditional.type == "Y(2) -> X(2)"
    assert conditional == Kernel([["2/3", "1/3"], [0, 1]])
    with pytest.raises(ValueError, match="the names there are: X, Y"):
        joint.conditional("Z")


# Bayesian inversion


def test_a_posterior_by_hand() -> None:
    assert NOISY.invert(COIN) == Kernel([["9/11", "2/11"], ["1/9", "8/9"]])
    assert NOISY.invert(COIN).type == "Y(2) -> X(2)"
    assert Kernel.identity(2).invert(State([1, 0])) == Kernel([[1, 0], ["1/2", "1/2"]])
    with pytest.raises(TypeError, match=r"a kernel X\(2\) -> Y\(2\) needs a law on X\(2\), not Y\(2\) -> Y\(2\)"):
        NOISY.invert(Kernel.identity(Y))
    with pytest.raises(TypeError, match=r"a kernel X\(2\) -> Y\(2\) needs a law on X\(2\), not \(\) -> \(3,\)"):
        Kernel.uniform(3).joint(NOISY)


@given(inputs())
@FEW
def test_inverting_turns_the_joint_law_round(given_: Input) -> None:
    p, k = given_
    inverse = k.invert(p)
    assert (p >> k).joint(inverse) >> Kernel.swap(k.cod, p.cod) == p.joint(k)
    assert p >> k >> inverse == p


@given(inputs())
@FEW
def test_inverting_twice_gives_back_almost_surely(given_: Input) -> None:
    p, k = given_
    assert k.invert(p).invert(p >> k).equals_almost_surely(k, p)


def test_inverting_twice_gives_back_everywhere_is_refuted() -> None:
    p, k = find(inputs(), lambda pk: pk[1].invert(pk[0]).invert(pk[0] >> pk[1]) != pk[1], settings=SEARCH)
    assert 0 in p.weights
    assert k.cod != (1,)


@st.composite
def processed(draw: st.DrawFn) -> tuple[State, Kernel, Kernel]:
    """A law and two kernels in sequence."""
    a, b, c = (draw(objects(3)) for _ in range(3))
    return draw(states(a, 8)), draw(kernels(a, b, 8)), draw(kernels(b, c, 8))


@given(processed())
@FEW
def test_inversion_reverses_composition(case: tuple[State, Kernel, Kernel]) -> None:
    p, f, g = case
    assert (f >> g).invert(p).equals_almost_surely(g.invert(p >> f) >> f.invert(p), p >> f >> g)


def test_inversion_without_reversing_the_prior_is_refuted() -> None:
    p, f, g = find(
        processed(),
        lambda c: (
            c[1].dom == c[1].cod
            and not (c[1] >> c[2])
            .invert(c[0])
            .equals_almost_surely(c[2].invert(c[0]) >> c[1].invert(c[0]), c[0] >> c[1] >> c[2])
        ),
        settings=SEARCH,
    )
    assert p >> f != p
    assert (f >> g).invert(p) == g.invert(p >> f) >> f.invert(p)


# almost-sure equality


def test_almost_surely_asks_only_where_there_is_mass() -> None:
    other = Kernel([["9/10", "1/10"], [1, 0]])
    assert NOISY.equals_almost_surely(other, State([1, 0]))
    assert not NOISY.equals_almost_surely(other, State(["999/1000", "1/1000"]))
    assert not NOISY.equals_almost_surely(other, Kernel.identity(2))  # one of its rows has mass there
    with pytest.raises(TypeError, match=r"compares kernels of one type, not X\(2\) -> Y\(2\) and \(3,\) -> \(3,\)"):
        NOISY.equals_almost_surely(Kernel.identity(3), COIN)
    with pytest.raises(TypeError, match=r"needs a law on X\(2\), not \(\) -> \(3,\)"):
        NOISY.equals_almost_surely(other, Kernel.uniform(3))


@given(inputs(), st.data())
@FEW
def test_almost_sure_equality_is_equality_of_joint_laws(given_: Input, data: st.DataObject) -> None:
    p, k = given_
    other = data.draw(kernels(k.dom, k.cod, 2))
    assert k.equals_almost_surely(other, p) == (p.joint(k) == p.joint(other))


def test_almost_sure_equality_from_equal_outputs_is_refuted() -> None:
    def equal_outputs(case: tuple[State, Kernel, Kernel]) -> bool:
        p, f, g = case
        return f.cod == g.cod == f.dom == g.dom and p >> f == p >> g and not f.equals_almost_surely(g, p)

    p, f, g = find(processed(), equal_outputs, settings=SEARCH)
    assert p.joint(f) != p.joint(g)


# randomness pushback


def test_a_pushback_by_hand() -> None:
    noise, f = NOISY.pushback()
    assert noise == State(["1/5", "7/10", "1/10"])
    assert f == Kernel.from_function((2, 3), 2, lambda x, n: int(n > (1 if x == 0 else 0)))
    assert f.type == "X(2) * 3 -> Y(2)"


@given(kernels(types(), types(), 16))
@FEW
def test_every_kernel_is_a_function_of_its_input_and_noise(k: Kernel) -> None:
    noise, f = k.pushback()
    assert f.is_deterministic()
    assert Kernel.identity(k.dom) @ noise >> f == k
    assert all(noise.weights)
    assert prod(noise.cod) <= prod(k.dom) * (prod(k.cod) - 1) + 1


@given(deterministic(objects(3), objects(3)))
@FEW
def test_a_deterministic_kernel_needs_no_noise(k: Kernel) -> None:
    assert k.pushback()[0] == State([1])


def test_a_kernel_that_needs_no_noise_is_refuted_for_a_coin() -> None:
    smallest = find(states(objects(3), 8), lambda p: p.pushback()[0] != State([1]), settings=SEARCH)
    assert smallest == COIN
    assert COIN.pushback() == (COIN, Kernel.identity(2))


# conditional independence


COPIED = COIN >> Kernel.copy(2) >> Kernel.copy(2) @ Kernel.identity(2)  # one coin, seen three times
PARITY = (
    Kernel.uniform((2, 2))
    >> Kernel.copy((2, 2))
    >> Kernel.identity((2, 2)) @ Kernel.from_function((2, 2), 2, lambda x, y: x ^ y)
)


def test_independence_by_hand() -> None:
    assert is_independent(PARITY, 0, 1)
    assert is_independent(PARITY, 0, 2)
    assert not is_independent(PARITY, 0, 1, given=2)
    assert not is_independent(PARITY, [0, 1], 2)
    assert not is_independent(COPIED, 0, 1)
    assert is_independent(COPIED, 0, 1, given=2)
    assert is_independent(COPIED, 0, ())
    named = State(["1/2", 0, 0, "1/2"], (X, Y))
    assert not is_independent(named, "X", "Y")
    with pytest.raises(ValueError, match=r"an object of \(2, 2, 2\) is in two of the groups \(0, 1\), \(1,\), \(\)"):
        is_independent(PARITY, [0, 1], 1)
    with pytest.raises(ValueError, match="the names there are: X, Y"):
        is_independent(named, "X", "Z")


def test_conditions_without_mass_ask_nothing() -> None:
    dependent = State(["1/2", 0, 0, "1/2"], (2, 2))
    third = State([0, 1])
    assert not is_independent(dependent @ third, 0, 1, given=2)
    tilted = State([0, "1/4", 0, "1/4", 0, "1/4", 0, "1/4"], (2, 2, 2))  # the condition 0 has no mass
    assert is_independent(tilted, 0, 1, given=2)


def test_independence_of_a_kernel_is_for_each_input() -> None:
    k = Kernel.copy(2)
    assert is_independent(k, 0, 1)
    assert not is_independent(COIN >> k, 0, 1)


@st.composite
def heads(draw: st.DrawFn) -> tuple[State, Kernel, Kernel]:
    """A law of hidden states and two heads on it."""
    n = draw(objects(3))
    return draw(states(n, 8)), draw(kernels(n, objects(3), 8)), draw(kernels(n, objects(3), 8))


@given(heads())
@FEW
def test_two_heads_on_one_state_are_independent_given_it(case: tuple[State, Kernel, Kernel]) -> None:
    p, f, g = case
    both = Kernel.copy(f.dom) >> f @ g
    assert (both.marginal(0), both.marginal(1)) == (f, g)
    assert is_independent(both, 0, 1)
    assert is_independent(p.joint(both), 1, 2, given=0)


def test_two_heads_on_one_state_are_independent_is_refuted() -> None:
    p, f, g = find(
        heads(), lambda c: not is_independent(c[0] >> Kernel.copy(c[1].dom) >> c[1] @ c[2], 0, 1), settings=SEARCH
    )
    assert min(f.cod[0], g.cod[0], len([w for w in p.weights if w])) > 1


@given(kernels(types(2), st.tuples(objects(2), objects(2), objects(2)), 4))
@FEW
def test_independence_is_what_the_conditionals_factorise(k: Kernel) -> None:
    """The definition, beside the rank of the tables: k = (k_w, then the two conditionals side by side)."""
    kept, x, y = k.marginal(2), k.marginal([0, 2]).conditional(1), k.marginal([1, 2]).conditional(1)
    products = all(
        k.marginal([2, 0, 1]).entry(a, (w * k.cod[0] + i) * k.cod[1] + j)
        == kept.entry(a, w) * x.entry(a * k.cod[2] + w, i) * y.entry(a * k.cod[2] + w, j)
        for a in range(prod(k.dom))
        for w in range(k.cod[2])
        for i in range(k.cod[0])
        for j in range(k.cod[1])
    )
    assert is_independent(k, 0, 1, given=2) == products


def coarse_joints() -> st.SearchStrategy[State]:
    """Laws of four bits with few atoms, so that independences are common; the fourth object may have one letter."""
    return states(st.tuples(st.just(2), st.just(2), st.just(2), objects(2)), 4)


@given(coarse_joints(), st.permutations(range(4)))
@FEW
def test_semigraphoid_axioms(joint: State, order: list[int]) -> None:
    x, y, w, z = order
    together = is_independent(joint, x, [y, w], given=z)
    if together:  # decomposition and weak union
        assert is_independent(joint, x, y, given=z)
        assert is_independent(joint, x, y, given=[z, w])
    assert together == (is_independent(joint, x, y, given=z) and is_independent(joint, x, w, given=[z, y]))
    assert is_independent(joint, x, y, given=z) == is_independent(joint, y, x, given=z)


def test_composition_of_independences_is_refuted() -> None:
    joint = find(
        coarse_joints(),
        lambda p: is_independent(p, 0, 1) and is_independent(p, 0, 2) and not is_independent(p, 0, [1, 2]),
        settings=SEARCH,
    )
    assert not is_independent(joint, 0, 1, given=2)


def test_intersection_of_independences_is_refuted_without_full_support() -> None:
    joint = find(
        coarse_joints(),
        lambda p: (
            is_independent(p, 0, 1, given=2) and is_independent(p, 0, 2, given=1) and not is_independent(p, 0, [1, 2])
        ),
        settings=SEARCH,
    )
    assert 0 in joint.weights


# sufficiency


def flips(n: int, biases: list[str]) -> Kernel:
    """n flips of a coin, for each bias one row."""
    coins = Kernel([[Fraction(b), 1 - Fraction(b)] for b in biases])
    one = coins
    for _ in range(n - 1):
        one = Kernel.copy(coins.dom) >> coins @ one
    return one


def test_the_number_of_heads_is_sufficient_for_flips() -> None:
    model = flips(3, ["1/3", "1/2", "9/10", "1"])
    count = Kernel.from_function((2, 2, 2), 4, lambda x, y, z: x + y + z)
    back = sufficient(count, model)
    assert back is not None
    assert model >> count >> back == model
    assert back.rows()[1] == [0, Fraction(1, 3), Fraction(1, 3), 0, Fraction(1, 3), 0, 0, 0]
    assert sufficient(Kernel.from_function((2, 2, 2), 2, lambda x, y, z: x), model) is None
    assert sufficient(Kernel.from_function((2, 2, 2), 2, lambda x, y, z: int(x + y + z > 1)), model) is None
    with pytest.raises(TypeError, match=r"the statistic \(2,\) -> \(2,\) does not take the data of the model"):
        sufficient(Kernel.identity(2), model)


@st.composite
def models(draw: st.DrawFn) -> tuple[Kernel, Kernel]:
    """A statistic X -> T and a model A -> X; coarse entries, so that sufficiency is common."""
    x = draw(objects(3))
    return draw(deterministic(x, objects(2))), draw(kernels(objects(2), x, 4))


@given(models())
@FEW
def test_sufficiency_is_independence_of_data_and_parameter_given_the_statistic(case: tuple[Kernel, Kernel]) -> None:
    statistic, model = case
    data = Kernel.uniform(model.dom).joint(model)  # A * X
    joint = data >> Kernel.identity(model.dom) @ (Kernel.copy(model.cod) >> Kernel.identity(model.cod) @ statistic)
    assert (sufficient(statistic, model) is not None) == is_independent(joint, 0, 1, given=2)


@given(models())
@FEW
def test_fisher_and_neyman(case: tuple[Kernel, Kernel]) -> None:
    """Sufficient exactly when a c: T -> X gives model == model >> s >> c and has c >> s the identity almost surely."""
    statistic, model = case
    back = sufficient(statistic, model)
    seen = model >> statistic
    if back is not None:
        assert seen >> back == model
        assert (back >> statistic).equals_almost_surely(Kernel.identity(statistic.cod), seen)
    else:
        assert seen >> statistic.invert(Kernel.uniform(model.dom) >> model) != model


def test_every_statistic_is_sufficient_is_refuted() -> None:
    statistic, model = find(models(), lambda case: sufficient(*case) is None, settings=SEARCH)
    assert prod(statistic.cod) < prod(statistic.dom) or statistic.rows()[0] == statistic.rows()[1]
    assert model.rows()[0] != model.rows()[1]


def test_a_random_statistic_may_be_sufficient() -> None:
    model = Kernel([["1/4", "1/4", "1/2"], ["1/8", "1/8", "3/4"]])
    statistic = Kernel([["1/3", "2/3", 0], ["1/3", "2/3", 0], [0, 0, 1]])
    assert sufficient(statistic, model) == Kernel([["1/2", "1/2", 0], ["1/2", "1/2", 0], [0, 0, 1]])
    assert sufficient(Kernel([["1/2", "1/2"], ["1/2", "1/2"], [0, 1]]), model) is None
