"""Divergences: values against textbook formulas, infinite cases, every flag and law of the table, H_D and I_D."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import lmlaws
from lmlaws.checks.exact.divergences import (
    categorical_entropy,
    divergence,
    entropy,
    mutual_information,
    pointwise_divergence,
    pointwise_entropy,
)
from lmlaws.checks.exact.finite import FinSet
from lmlaws.checks.exact.instances import Evaluator, Instance
from lmlaws.checks.exact.kernels import Kernel, State
from lmlaws.checks.exact.numbers import INF, Exact, log, sqrt
from lmlaws.checks.exact.strategies import kernels, objects, states
from lmlaws.checks.provers.identities import IdentityProver
from lmlaws.theory import quantities as say
from lmlaws.theory.divergences import (
    ADDITIVE,
    CHAIN,
    CONVEX,
    DIVERGENCES,
    LAWS,
    PROCESSING,
    STRICT,
    U,
    divergence_row,
)
from lmlaws.theory.expressions import ZERO, Const, DivergenceOf, Equal, Expr, substitute
from lmlaws.theory.printing import show_expr
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import kernel, state
from lmlaws.theory.terms import objects as alphabets

FEW = settings(deadline=None, max_examples=25)
SEARCH = settings(deadline=None, max_examples=3000, derandomize=True, database=None, phases=[Phase.generate])
HALF = Fraction(1, 2)
PARAMETRISED = (
    *("renyi:0", "renyi:1/2", "renyi:1", "renyi:3/2", "renyi:2", "renyi:inf"),
    *("alpha:-1", "alpha:0", "alpha:1/3", "alpha:1/2", "alpha:1", "alpha:2", "alpha:3"),
)
NAMES = (*DIVERGENCES, *PARAMETRISED)
COIN, POINT, OTHER = State(["1/2", "1/2"]), State([1, 0]), State([0, 1])
Laws = tuple[Fraction, ...]


def size() -> Any:
    """One size that the draws of a case share."""
    return st.shared(objects(3), key="size")


def law(denominator: int = 8) -> Any:
    return states(size(), denominator)


# values


def _kl(p: Laws, q: Laws) -> Exact:
    if any(x and not y for x, y in zip(p, q)):
        return INF
    return Exact.sum(x * (log(x) - log(y)) for x, y in zip(p, q) if x)


def _chi2(p: Laws, q: Laws) -> Exact:
    if any(x and not y for x, y in zip(p, q)):
        return INF
    return Exact.of(sum((x - y) ** 2 / y for x, y in zip(p, q) if y))


def _bc(p: Laws, q: Laws) -> Exact:
    return Exact.sum(sqrt(x) * sqrt(y) for x, y in zip(p, q))


def _shannon(p: Laws) -> Exact:
    return Exact.sum(-x * log(x) for x in p if x)


def _moment(p: Laws, q: Laws, order: int) -> Exact:
    """E_Q (p/q)^order for an order above 1."""
    if any(x and not y for x, y in zip(p, q)):
        return INF
    return Exact.of(sum(y * (x / y) ** order for x, y in zip(p, q) if y))


def _renyi_three_halves(p: Laws, q: Laws) -> Exact:
    if any(x and not y for x, y in zip(p, q)):
        return INF
    return 2 * log(Exact.sum(x * sqrt(x / y) for x, y in zip(p, q) if y))


def _largest_ratio(p: Laws, q: Laws) -> Exact:
    if any(x and not y for x, y in zip(p, q)):
        return INF
    return log(max(x / y for x, y in zip(p, q) if y))


TEXTBOOK: dict[str, Callable[[Laws, Laws], Exact]] = {
    "KL": _kl,
    "reverse_KL": lambda p, q: _kl(q, p),
    "TV": lambda p, q: Exact.of(sum(max(x - y, Fraction(0)) for x, y in zip(p, q))),
    "chi2": _chi2,
    "hellinger2": lambda p, q: Exact.sum((sqrt(x) - sqrt(y)) ** 2 for x, y in zip(p, q)) / 2,
    "triangular": lambda p, q: Exact.of(1 - sum(2 * x * y / (x + y) for x, y in zip(p, q) if x or y)),
    "JS": lambda p, q: _shannon(tuple((x + y) / 2 for x, y in zip(p, q))) - (_shannon(p) + _shannon(q)) / 2,
    "renyi:0": lambda p, q: -log(sum((y for x, y in zip(p, q) if x), Fraction(0))),
    "renyi:1/2": lambda p, q: -2 * log(_bc(p, q)),
    "renyi:1": _kl,
    "renyi:3/2": _renyi_three_halves,
    "renyi:2": lambda p, q: log(1 + _chi2(p, q)),
    "renyi:inf": _largest_ratio,
    "alpha:-1": lambda p, q: _chi2(q, p) / 2,
    "alpha:0": lambda p, q: _kl(q, p),
    "alpha:1/3": lambda p, q: (
        Fraction(9, 2)
        * (1 - Exact.sum(Exact.of(x) ** Fraction(1, 3) * Exact.of(y) ** Fraction(2, 3) for x, y in zip(p, q)))
    ),
    "alpha:1/2": lambda p, q: 4 * (1 - _bc(p, q)),
    "alpha:1": _kl,
    "alpha:2": lambda p, q: _chi2(p, q) / 2,
    "alpha:3": lambda p, q: (_moment(p, q, 3) - 1) / 6,
}


@pytest.mark.parametrize("name", NAMES)
@given(law(), law())
@FEW
def test_values_are_the_textbook_s(name: str, p: State, q: State) -> None:
    assert divergence(name, p, q) == TEXTBOOK[name](p.weights, q.weights)


@pytest.mark.parametrize(
    ("name", "near_miss"),
    [
        ("TV", lambda p, q: Exact.of(sum(abs(x - y) for x, y in zip(p, q)))),
        ("hellinger2", lambda p, q: 2 * (1 - _bc(p, q))),
        ("renyi:1/2", lambda p, q: -log(_bc(p, q))),
        ("renyi:2", _chi2),
        ("alpha:2", _chi2),
        ("alpha:1/2", lambda p, q: 1 - _bc(p, q)),
        ("JS", lambda p, q: _kl(p, q) + _kl(q, p)),
    ],
)
def test_another_convention_is_told_apart(name: str, near_miss: Callable[[Laws, Laws], Exact]) -> None:
    found = find(
        st.tuples(law(), law()),
        lambda c: divergence(name, *c) != near_miss(c[0].weights, c[1].weights),
        settings=SEARCH,
    )
    assert divergence(name, *found) == TEXTBOOK[name](found[0].weights, found[1].weights)


X, Y = alphabets("X Y")
P, R, K, L = state("p", X), state("q", X), kernel("k", X, Y), kernel("l", X, Y)


def evaluated(expr: Expr, **boxes: Kernel) -> Exact:
    """The value of an expression after `expand`, node by node: the slow and independent way."""
    some = next(iter(boxes.values()))
    sizes = {X: (some.dom or some.cod)[0], Y: some.cod[-1]}
    return Evaluator(Statement(Equal(ZERO, ZERO)), Instance(sizes, boxes)).value(say.expand(expr, None))


@pytest.mark.parametrize("name", [name for name in NAMES if divergence_row(name).summand is not None])
@given(law(), law(), kernels(size(), st.shared(objects(3), key="target"), 4))
@FEW
def test_values_are_those_of_the_row_s_expressions(name: str, p: State, q: State, k: Kernel) -> None:
    assert divergence(name, p, q) == evaluated(say.D(name, P, R), p=p, q=q)
    over = evaluated(say.categorical_entropy(name, K, over=P), k=k, p=p)
    assert categorical_entropy(k, name, over=p) == over
    reverse = Kernel(k.rows()[::-1])
    assert divergence(name, k, reverse, over=p) == evaluated(say.D(name, K, L, over=P), k=k, l=reverse, p=p)


@pytest.mark.parametrize("name", ["renyi:0", "renyi:inf"])
def test_rows_without_expression_are_refused_by_expand_and_valued_on_instances(name: str) -> None:
    quantity = say.D(name, P, R)
    with pytest.raises(ValueError, match=f"{name} is no function of a sum over letters"):
        say.expand(quantity, None)
    evaluator = Evaluator(Statement(Equal(quantity, ZERO)), Instance({X: 2}, {"p": POINT, "q": COIN}))
    assert evaluator.value(quantity) == log(2)
    assert str(Statement(Equal(quantity, ZERO)).sympy()) == f"Eq(D_{name}(p[x], q[x]), 0)"


INFINITE = [
    # name, D(coin, point), D(point, coin), D(point, other point); None: infinite
    ("KL", None, log(2), None),
    ("reverse_KL", log(2), None, None),
    ("TV", HALF, HALF, 1),
    ("chi2", None, 1, None),
    ("hellinger2", 1 - sqrt(HALF), 1 - sqrt(HALF), 1),
    ("triangular", Fraction(1, 3), Fraction(1, 3), 1),
    ("JS", 3 * log("4/3") / 4, 3 * log("4/3") / 4, log(2)),
    ("renyi:0", 0, log(2), None),
    ("renyi:1/2", log(2), log(2), None),
    ("renyi:3/2", None, log(2), None),
    ("renyi:2", None, log(2), None),
    ("renyi:inf", None, log(2), None),
    ("alpha:-1", HALF, None, None),
    ("alpha:1/2", 4 - 2 * sqrt(2), 4 - 2 * sqrt(2), 4),
    ("alpha:2", None, HALF, None),
]


@pytest.mark.parametrize(("name", "coin_point", "point_coin", "apart"), INFINITE)
def test_infinite_values_are_infinite(name: str, coin_point: Any, point_coin: Any, apart: Any) -> None:
    """KL((1/2, 1/2), (1, 0)) is infinite, and so on; 0 log 0 = 0 and 0/0 = 0 beside it."""
    for p, q, expected in ((COIN, POINT, coin_point), (POINT, COIN, point_coin), (POINT, OTHER, apart)):
        assert divergence(name, p, q) == (INF if expected is None else expected)
        padded = (State([*law.weights, 0]) for law in (p, q))
        assert divergence(name, *padded) == divergence(name, p, q)
    assert divergence(name, POINT, POINT) == 0
    row = divergence_row(name)
    assert (row.maximum is None) == (apart is None)
    assert bool(row.infinite) == (row.maximum is None)
    assert ("p has mass where q has none" in row.infinite) == (coin_point is None)
    assert ("q has mass where p has none" in row.infinite) == (point_coin is None)
    assert (row.domain == "u > 0") == (point_coin is None)


# what the rows say of themselves


def at(expr: Expr, u: Fraction) -> Exact:
    """The value of an expression in U."""
    return Evaluator(Statement(Equal(ZERO, ZERO)), Instance({})).value(substitute(expr, {U: Const(u)}))


WITH_GENERATOR = [name for name in NAMES if divergence_row(name).generator is not None]
RATIOS = st.fractions(0, 8, max_denominator=8)


@pytest.mark.parametrize("name", WITH_GENERATOR)
@given(RATIOS, RATIOS, st.fractions(0, 1, max_denominator=4))
@FEW
def test_generators_are_convex_and_vanish_at_one(name: str, u: Fraction, v: Fraction, s: Fraction) -> None:
    f = divergence_row(name).generator
    assert f is not None
    assert at(f, Fraction(1)) == 0
    if s in (0, 1):
        return
    assert at(f, s * u + (1 - s) * v) <= s * at(f, u) + (1 - s) * at(f, v)


@pytest.mark.parametrize("name", [name for name in WITH_GENERATOR if not name.startswith("renyi")])
@given(law(), law())
@FEW
def test_divergences_are_averages_of_their_generators(name: str, p: State, q: State) -> None:
    row = divergence_row(name)
    assert row.generator is not None
    average = [y * at(row.generator, x / y) for x, y in zip(p.weights, q.weights) if y]
    singular = [x * at(row.slope, x) for x, y in zip(p.weights, q.weights) if x and not y]
    assert divergence(name, p, q) == Exact.sum([*average, *singular])
    assert at(row.generator, Fraction(0)) == at(row.at_zero, Fraction(0))
    if row.maximum is not None:
        assert at(row.at_zero, HALF) + at(row.slope, HALF) == at(row.maximum, HALF)


@pytest.mark.parametrize("name", [name for name in NAMES if divergence_row(name).symmetric])
@given(law(), law())
@FEW
def test_rows_said_to_be_symmetric_are(name: str, p: State, q: State) -> None:
    assert divergence(name, p, q) == divergence(name, q, p)


@pytest.mark.parametrize("name", [name for name in NAMES if not divergence_row(name).symmetric])
def test_the_others_are_not_symmetric(name: str) -> None:
    p, q = find(st.tuples(law(), law()), lambda c: divergence(name, *c) != divergence(name, *c[::-1]), settings=SEARCH)
    assert p != q


METRICS = {name: power for name in NAMES if (power := divergence_row(name).metric) is not None}


@pytest.mark.parametrize("name", METRICS)
@given(law(6), law(6), law(6))
@FEW
def test_powers_said_to_be_metrics_are(name: str, p: State, q: State, r: State) -> None:
    def d(a: State, b: State) -> Exact:
        return divergence(name, a, b) ** METRICS[name]

    assert d(p, r) <= d(p, q) + d(q, r)
    assert d(p, q) == d(q, p)
    assert (d(p, q) == 0) == (p == q)


@pytest.mark.parametrize(
    ("name", "power"),
    [*((name, 2 * power) for name, power in METRICS.items()), ("KL", Fraction(1)), ("renyi:1/2", Fraction(1))],
)
def test_other_powers_violate_the_triangle_inequality(name: str, power: Fraction) -> None:
    def broken(case: tuple[State, State, State]) -> bool:
        p, q, r = case
        return divergence(name, p, r) ** power > divergence(name, p, q) ** power + divergence(name, q, r) ** power

    assert divergence_row(name).metric != power
    p, q, r = find(st.tuples(law(4), law(4), law(4)), broken, settings=SEARCH)
    assert len({p, q, r}) == 3


def test_metrics_are_as_published() -> None:
    """TV itself; the roots of Hellinger's, of Jensen and Shannon's and of the triangular divergence."""
    assert {"TV": 1, **dict.fromkeys(("hellinger2", "triangular", "JS", "alpha:1/2"), HALF)} == METRICS


# laws


def _mixed(s: Fraction, p: State, q: State) -> State:
    return State([s * x + (1 - s) * y for x, y in zip(p.weights, q.weights)])


def _extended(p: State, k: Kernel) -> Kernel:
    return p >> Kernel.copy(p.cod) >> Kernel.identity(p.cod) @ k


def _processing(name: str, p: State, q: State, k: Kernel) -> bool:
    return divergence(name, p >> k, q >> k) <= divergence(name, p, q)


def _convex(name: str, s: Fraction, p: State, q: State, p2: State, q2: State) -> bool:
    mixed = divergence(name, _mixed(s, p, p2), _mixed(s, q, q2))
    return mixed <= s * divergence(name, p, q) + (1 - s) * divergence(name, p2, q2)


def _strict(name: str, p: State, q: State) -> bool:
    return (divergence(name, p, q) == 0) == (p == q)


def _additive(name: str, p: State, q: State, r: State, s: State) -> bool:
    return divergence(name, p @ r, q @ s) == divergence(name, p, q) + divergence(name, r, s)


def _chain(name: str, p: State, q: State, k: Kernel, h: Kernel) -> bool:
    joint = divergence(name, _extended(p, k), _extended(q, h))
    return joint == divergence(name, p, q) + divergence(name, k, h, over=p)


CHANNEL = kernels(size(), st.shared(objects(2), key="target"), 4)
BETWEEN = st.sampled_from([HALF, Fraction(1, 4)])
CASES: dict[str, tuple[Callable[..., bool], Any]] = {
    PROCESSING: (_processing, st.tuples(law(), law(), CHANNEL)),
    CONVEX: (_convex, st.tuples(BETWEEN, law(), law(), law(), law())),
    STRICT: (_strict, st.tuples(law(), law())),
    ADDITIVE: (_additive, st.tuples(law(4), law(4), law(4), law(4))),
    CHAIN: (_chain, st.tuples(law(4), law(4), CHANNEL, CHANNEL)),
}


@pytest.mark.parametrize(("what", "name"), [(w, n) for w, n in product(LAWS, NAMES) if w in divergence_row(n).laws])
@given(st.data())
@FEW
def test_laws_that_rows_claim_hold(what: str, name: str, data: st.DataObject) -> None:
    holds, cases = CASES[what]
    assert holds(name, *data.draw(cases))


@pytest.mark.parametrize(("what", "name"), [(w, n) for w, n in product(LAWS, NAMES) if w not in divergence_row(n).laws])
def test_laws_that_rows_do_not_claim_fail(what: str, name: str) -> None:
    holds, cases = CASES[what]
    assert not holds(name, *find(cases, lambda case: not holds(name, *case), settings=SEARCH))


def test_a_dissimilarity_outside_the_table_breaks_data_processing() -> None:
    """The squared Euclidean distance grows when two letters are merged."""

    def grows(case: tuple[State, State, Kernel]) -> bool:
        p, q, k = case
        before, after = (
            sum((x - y) ** 2 for x, y in zip(a.rows()[0], b.rows()[0])) for a, b in ((p, q), (p >> k, q >> k))
        )
        return after > before

    find(st.tuples(law(), law(), CHANNEL), grows, settings=SEARCH)


def test_every_row_obeys_data_processing_and_says_which_laws_are_meant() -> None:
    assert all(PROCESSING in divergence_row(name).laws <= LAWS.keys() for name in NAMES)
    assert set(LAWS) == set(CASES)


# categorical entropy


def _collision(p: State, power: Any = 2) -> Exact:
    return Exact.sum(Exact.of(x) ** power for x in p.weights if x)


def _support(p: State) -> int:
    return sum(1 for x in p.weights if x)


CLOSED: dict[str, Callable[[State], Any]] = {
    "KL": lambda p: _shannon(p.weights),
    "reverse_KL": lambda p: 0 if _support(p) == 1 else INF,
    "TV": lambda p: 1 - _collision(p),
    "chi2": lambda p: _support(p) - 1,
    "hellinger2": lambda p: 1 - _collision(p, Fraction(3, 2)),
    "renyi:0": lambda p: -log(_collision(p)),
    "renyi:1/2": lambda p: -2 * log(_collision(p, Fraction(3, 2))),
    "renyi:3/2": lambda p: 2 * log(_collision(p, HALF)),
    "renyi:2": lambda p: log(_support(p)),
    "renyi:3": lambda p: log(_collision(p, -1)) / 2,
    "renyi:inf": lambda p: -log(min(x for x in p.weights if x)),
}


@pytest.mark.parametrize("name", CLOSED)
@given(states(objects(4), 12))
@FEW
def test_categorical_entropy_has_its_closed_form(name: str, p: State) -> None:
    assert categorical_entropy(p, name) == CLOSED[name](p)


@pytest.mark.parametrize(
    ("name", "near_miss"),
    [
        ("TV", lambda p: 1 - _collision(p, 3)),
        ("hellinger2", lambda p: 1 - _collision(p)),
        ("chi2", _support),
        ("renyi:1/2", lambda p: 2 * log(_collision(p, HALF))),  # the Renyi entropy of order 1/2, not 3/2
        ("reverse_KL", lambda p: _shannon(p.weights)),
    ],
)
def test_another_closed_form_fails(name: str, near_miss: Callable[[State], Any]) -> None:
    p = find(states(objects(3), 12), lambda p: categorical_entropy(p, name) != near_miss(p), settings=SEARCH)
    assert categorical_entropy(p, name) == CLOSED[name](p)


@pytest.mark.parametrize("name", NAMES)
@given(kernels(objects(2), objects(3), 6))
@FEW
def test_categorical_entropy_is_copying_against_running_twice(name: str, k: Kernel) -> None:
    copied, twice = k >> Kernel.copy(k.cod), Kernel.copy(k.dom) >> k @ k
    assert pointwise_entropy(k, name) == pointwise_divergence(name, copied, twice)
    assert categorical_entropy(k, name) == divergence(name, copied, twice) == max(pointwise_entropy(k, name))
    assert (categorical_entropy(k, name) == 0) == k.is_deterministic()


def test_averaged_and_largest_entropy_differ() -> None:
    """Averaged it is Shannon's conditional entropy; the supremum over inputs is not, and mass zero counts nothing."""
    k, p = Kernel([["1/2", "1/2"], [1, 0]]), State(["1/4", "3/4"])
    assert list(pointwise_entropy(k)) == [log(2), 0]
    assert categorical_entropy(k, over=p) == log(2) / 4 == entropy(_extended(p, k), of=1, given=0)
    assert categorical_entropy(k) == log(2)
    assert categorical_entropy(k, "reverse_KL", over=OTHER) == 0
    assert categorical_entropy(k, "reverse_KL", over=p) == categorical_entropy(k, "reverse_KL") == INF


def test_divergence_of_kernels_is_averaged_or_the_supremum() -> None:
    k, h = Kernel([["1/2", "1/2"], [1, 0]]), Kernel([["1/2", "1/2"], [0, 1]])
    assert list(pointwise_divergence("KL", k, h)) == [0, INF]
    assert divergence("KL", k, h, over=POINT) == 0
    assert divergence("KL", k, h, over=COIN) == divergence("KL", k, h) == INF
    assert divergence("TV", k, h, over=State(["3/4", "1/4"])) == Fraction(1, 4)
    assert divergence("TV", k, h) == 1
    assert list(pointwise_divergence("TV", COIN, POINT)) == [HALF]


def test_categorical_entropy_of_order_three_prefers_the_less_random() -> None:
    skew = State(["9/10", "1/10"])
    assert categorical_entropy(COIN, "renyi:3") == log(2) < categorical_entropy(skew, "renyi:3")
    assert categorical_entropy(COIN, "renyi:3/2") > categorical_entropy(skew, "renyi:3/2")


def test_ten_thousand_letters_need_no_square() -> None:
    weights = [Fraction(i, 50_005_000) for i in range(1, 10_001)]
    p, uniform = State(weights), State([Fraction(1, 10_000)] * 10_000)
    assert categorical_entropy(p) == entropy(p) == log(10_000) - divergence("KL", p, uniform)
    assert categorical_entropy(p, "TV") == 1 - sum(x * x for x in weights)
    assert categorical_entropy(p, "chi2") == 9_999
    assert categorical_entropy(uniform, "hellinger2") == Fraction(99, 100)


# mutual information


@pytest.mark.parametrize("name", NAMES)
@given(states((2, 3), 8))
@FEW
def test_information_is_the_divergence_from_the_product(name: str, joint: State) -> None:
    a, b = joint.marginal([0]), joint.marginal([1])
    value = mutual_information(joint, name=name)
    assert value == divergence(name, joint, a @ b)
    assert value == mutual_information(joint, 1, 0, name=name)
    assert name == "renyi:0" or (value == 0) == (joint == a @ b)


def test_information_at_order_zero_misses_dependence() -> None:
    joint = State(["1/3", "1/6", "1/6", "1/3"], (2, 2))
    assert mutual_information(joint, name="renyi:0") == 0 < mutual_information(joint, name="renyi:1/2")


@given(states((2, 2, 2), 8))
@FEW
def test_shannon_s_information_is_a_sum_of_entropies(joint: State) -> None:
    conditional = entropy(joint, 0, 2) + entropy(joint, 1, 2) - entropy(joint, (0, 1), 2)
    assert mutual_information(joint, 0, 1, given=2) == conditional
    assert mutual_information(joint, 0, (1, 2)) == mutual_information(joint, 0, 2) + conditional
    assert mutual_information(joint, 0, 0) == entropy(joint, 0)
    assert entropy(joint) == entropy(joint, 2) + entropy(joint, (0, 1), 2)
    assert entropy(joint, 0, given=(0, 1)) == 0


def test_conditioning_can_create_information() -> None:
    """Two fair bits and their sum."""
    parity = State([Fraction(1 - (x + y + z) % 2, 4) for x, y, z in product(range(2), repeat=3)], (2, 2, 2))
    assert mutual_information(parity, 0, 1) == 0
    assert mutual_information(parity, 0, 1, given=2) == log(2)
    assert mutual_information(parity, 0, 1, given=2, name="TV") == HALF


def test_surplus_in_total_variation_depends_on_which_form() -> None:
    """(H, W, W') uniform on 000, 010, 101: the difference is 2/9, the conditional form 1/3."""
    names = (FinSet(2, "H"), FinSet(2, "W"), FinSet(2, "next"))
    third = Fraction(1, 3)
    joint = State([third, 0, third, 0, 0, third, 0, 0], names)
    whole, first = (mutual_information(joint, "H", b, name="TV") for b in (("W", "next"), "W"))
    assert whole - first == Fraction(2, 9)
    assert mutual_information(joint, "H", "next", given="W", name="TV") == third
    assert entropy(joint, "H", given=("W", "next")) == 0


# names and bad input


def test_parameters_are_normalised() -> None:
    assert divergence_row("renyi:0.50").name == divergence_row("renyi:2/4").name == "renyi:1/2"
    quantity = say.D("alpha:-2/2", P, R)
    assert isinstance(quantity, DivergenceOf)
    assert quantity.name == "alpha:-1"
    assert divergence_row("renyi:1").summand == DIVERGENCES["KL"].summand


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kl", "unknown divergence 'kl'; known are KL, reverse_KL, TV"),
        ("renyi", "renyi:ALPHA with a rational ALPHA >= 0 or inf"),
        ("x" * 5_000, "x{100}\\.\\.\\."),
        ("renyi:-1/2", "the order of a Renyi divergence is at least 0"),
        ("renyi:two", "the parameter of 'renyi:two' is not a rational number"),
        ("alpha:1/0", "the parameter of 'alpha:1/0' is not a rational number"),
        ("alpha:inf", "the parameter of 'alpha:inf' is not a rational number"),
        ("renyi:1e9", "written as 2, 1/2 or 0.5"),
        ("renyi:1001", "numerator and denominator up to 1000"),
    ],
)
def test_unknown_names_say_what_is_known(name: str, message: str) -> None:
    for use in (lambda: divergence(name, COIN, COIN), lambda: say.D(name, P, R)):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: divergence("KL", COIN, State([1, 0, 0])), r"one type, not \(\) -> \(2,\) with \(\) -> \(3,\)"),
        (lambda: divergence("KL", COIN, cast(Any, [1, 0])), r"takes states and kernels, not \[1, 0\] of type list"),
        (lambda: divergence("KL", COIN, Kernel.identity(2)), r"not \(\) -> \(2,\) with \(2,\) -> \(2,\)"),
        (
            lambda: categorical_entropy(Kernel.identity(2), over=State([1])),
            r"a kernel \(2,\) -> \(2,\) are averaged over a state on its domain, not \(\) -> \(1,\)",
        ),
        (lambda: categorical_entropy(Kernel.identity(2), over=Kernel.identity(2)), r"not \(2,\) -> \(2,\)"),
        (lambda: entropy(Kernel.identity(2)), r"entropy is defined for states, not for a kernel \(2,\) -> \(2,\)"),
        (lambda: mutual_information(Kernel.identity(2)), "mutual_information is defined for states"),
    ],
)
def test_types_that_do_not_fit_are_named(use: Callable[[], object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        use()


def test_the_identity_prover_refuses_what_its_certificates_cannot_say() -> None:
    """docs/certificates.md defines sums; the two divergences that are no function of one have no such certificate."""
    for name in ("renyi:0", "renyi:inf"):
        reason = IdentityProver().accepts(Statement(Equal(say.D(name, P, P), ZERO)))
        assert reason is not None
        assert say.D(name, P, P).name in reason
    assert IdentityProver().accepts(Statement(Equal(say.D("KL", P, P), ZERO))) is None


def test_public_names() -> None:
    assert lmlaws.divergence is divergence
    assert lmlaws.categorical_entropy is categorical_entropy
    assert lmlaws.entropy is entropy
    assert lmlaws.mutual_information is mutual_information
    assert lmlaws.DIVERGENCES is DIVERGENCES
    assert list(DIVERGENCES) == ["KL", "reverse_KL", "TV", "chi2", "hellinger2", "triangular", "JS"]


def test_the_documented_table_is_the_code_s() -> None:
    page = (Path(__file__).parent.parent / "docs/divergences.md").read_text("utf-8")
    for name in (*DIVERGENCES, *PARAMETRISED):
        assert documented(name) in page, documented(name)


def documented(name: str) -> str:
    """A row of the table in docs/divergences.md."""
    row = divergence_row(name)
    generator = "none" if row.generator is None else f"`{show_expr(row.generator)}`".replace("|", "\\|")
    maximum = "infinite" if row.maximum is None else show_expr(row.maximum)
    cells = (
        row.name,
        generator,
        row.domain,
        maximum,
        "; ".join(row.infinite) or "never",
        "yes" if row.symmetric else "no",
        "no" if row.metric is None else f"power {row.metric}",
        ", ".join(what for what in LAWS if what in row.laws),
    )
    return f"| {' | '.join(cells)} |"
