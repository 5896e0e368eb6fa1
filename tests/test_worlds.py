"""Exact heads and worlds: identities of softmax heads hold exactly, near-misses of them fail, bad values are named."""

from __future__ import annotations

import pickle
import re
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from lmlaws.checks.exact.divergences import divergence, entropy
from lmlaws.checks.exact.finite import FinSet
from lmlaws.checks.exact.kernels import Kernel, State
from lmlaws.checks.exact.numbers import Exact, log
from lmlaws.checks.exact.worlds import ExactHead, World, whitened_designs
from lmlaws.strategies import heads, points, worlds

FEW = settings(deadline=None, max_examples=40)
SEARCH = settings(
    deadline=None, max_examples=500, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink]
)
D = st.shared(st.integers(1, 2), key="dimension")
HALF = Fraction(1, 2)
COIN = ExactHead([[1], [0]])
Point = tuple[Fraction, ...]


def untyped(x: Any) -> Any:
    """A value that the annotations forbid."""
    return x


def inner(h: Any, g: Any) -> Exact:
    return Exact.sum(Exact.of(x) * y for x, y in zip(h, g, strict=True))


def falsified(strategy: st.SearchStrategy[Any], claim: Any) -> Any:
    """The smallest refutation of a wrong claim; NoSuchExample when there is none."""
    return find(strategy, lambda x: not claim(x), settings=SEARCH)


# heads


def test_a_worked_head() -> None:
    """Two tokens with g = 1 and 0 at h = 0: g* = 1/4 (G1); with a bias of log 2 at h = log 3: p = (6/7, 1/7)."""
    assert COIN.metric([1]) == ((Fraction(1, 4),),)
    biased = ExactHead([[1], [0]], [2, 1])
    assert biased.law([3]).weights == (Fraction(6, 7), Fraction(1, 7))
    assert biased.mean([3]) == (Fraction(6, 7),)
    assert biased.metric([3]) == ((Fraction(6, 49),),)
    assert biased.log_partition([3]) == log(7)
    assert biased.logits([3]) == (log(6), Exact.of(0))
    plane = ExactHead([[1, 0], [0, -1], [0, 0]])
    assert plane.law([2, HALF]).weights == (Fraction(2, 5), Fraction(2, 5), Fraction(1, 5))
    assert plane.metric([2, HALF]) == (
        (Fraction(6, 25), Fraction(4, 25)),
        (Fraction(4, 25), Fraction(6, 25)),
    )


def bregman(head: ExactHead, t: Point, s: Point, mean: Point) -> bool:
    """KL(p_t, p_s) = A(s) - A(t) - <mean, s - t>, which holds for mean = E_{p_t} g."""
    step = [log(y / x) for x, y in zip(t, s, strict=True)]
    return divergence("KL", head.law(t), head.law(s)) == head.log_partition(s) - head.log_partition(t) - inner(
        step, mean
    )


@given(heads(dimension=D), points(D), points(D))
@FEW
def test_kl_between_points_is_the_bregman_divergence_of_the_log_partition(head: ExactHead, t: Point, s: Point) -> None:
    assert bregman(head, t, s, head.mean(t))


def test_the_bregman_divergence_with_the_other_mean_is_wrong() -> None:
    drawn = st.tuples(heads(2, 1), points(1), points(1))
    head, t, s = falsified(drawn, lambda x: bregman(x[0], x[1], x[2], x[0].mean(x[2])))
    assert head.mean(t) != head.mean(s)


@given(heads(dimension=D), points(D))
@FEW
def test_the_metric_is_the_covariance_over_pairs_of_tokens(head: ExactHead, t: Point) -> None:
    """Cov(g) = sum over pairs v < w of p_v p_w (g_v - g_w)(g_v - g_w)^T, which never subtracts a mean."""
    p, axes = head.law(t).weights, range(head.dimension)
    pairs = list(combinations(range(head.tokens), 2))
    for i, j in product(axes, axes):
        by_pairs = sum(p[v] * p[w] * (head.W[v][i] - head.W[w][i]) * (head.W[v][j] - head.W[w][j]) for v, w in pairs)
        assert head.metric(t)[i][j] == by_pairs


def test_the_second_moment_is_not_the_metric() -> None:
    def uncentred(x: tuple[ExactHead, Point]) -> bool:
        head, t = x
        return head.metric(t)[0][0] == sum(p * g[0] ** 2 for p, g in zip(head.law(t).weights, head.W))

    head, t = falsified(st.tuples(heads(2, 1), points(1)), uncentred)
    assert t == (1,)
    assert head.weights == (1, 1)
    assert sorted(abs(x) for row in head.W for x in row) == [0, 1]


@given(heads(dimension=D), points(D))
@FEW
def test_logits_and_log_partition_give_the_log_law(head: ExactHead, t: Point) -> None:
    for logit, p in zip(head.logits(t), head.law(t).weights, strict=True):
        assert logit - head.log_partition(t) == log(p)
    assert head.kernel([t, t]).rows() == [list(head.law(t).weights)] * 2


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ExactHead([]), ValueError, "at least one token and one dimension, and W is []"),
        (lambda: ExactHead([[]]), ValueError, "at least one token and one dimension"),
        (lambda: ExactHead([[1], [1, 2]]), ValueError, "row 1 of W has 2 entries, but row 0 has 1"),
        (
            lambda: ExactHead([[1], untyped([HALF])]),
            TypeError,
            "row 1 of W has the entry Fraction(1, 2): embeddings are integers",
        ),
        (lambda: ExactHead([[1], [0]], [1]), ValueError, "2 rows of W, but 1 weights"),
        (lambda: ExactHead([[1], [0]], [1, 0]), ValueError, "the weight exp(b) 0 is not positive"),
        (lambda: COIN.law(untyped([0.5])), TypeError, "the entry of exp(h) 0.5 of type float is not exact"),
        (lambda: COIN.law([-1]), ValueError, "the entry of exp(h) -1 is not positive"),
        (lambda: COIN.law([1, 1]), ValueError, "has 2 entries, but the head has dimension 1"),
    ],
)
def test_bad_heads_are_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        make()


# worlds

TWO = World(
    State([HALF, HALF]), Kernel([[1, 0], [HALF, HALF]]), Kernel([[1, 0], [HALF, HALF]]), [[1], [3]], COIN
)  # fmt: skip


def test_a_worked_world() -> None:
    """Two contexts, the second encoded by a fair coin to h = 0 or log 3, where the head says 1/2 or 3/4."""
    assert TWO.head_kernel == Kernel([[HALF, HALF], ["3/4", "1/4"]])
    assert TWO.model == Kernel([[HALF, HALF], ["5/8", "3/8"]])
    assert TWO.hidden_law == State(["3/4", "1/4"])
    assert TWO.data_entropy == log(2) / 2
    assert TWO.nll == log(2) / 2 - log(Fraction(15, 64)) / 4
    assert TWO.average_kl == TWO.nll - log(2) / 2
    assert TWO.prototypes == ((Fraction(1),), (HALF,))
    assert TWO.hidden == ((Exact.of(0),), (log(3),))
    assert not TWO.is_fitted()
    assert not TWO.is_whitened()
    whitened = World(State([HALF, HALF]), TWO.data, Kernel.identity(2), [[HALF], [2]], COIN)
    assert whitened.is_whitened()
    assert not whitened.is_whitened(unit=2 * log(2))
    tripled = World(whitened.mu, whitened.data, whitened.encoder, [[Fraction(1, 3)], [3]], COIN)
    assert tripled.is_whitened(unit=log(3))


def test_fitted_is_almost_sure() -> None:
    """A context without mass may differ; is_fitted does not see it, a context with mass it does."""
    fitted = World(State([1, 0]), Kernel([[HALF, HALF], [1, 0]]), Kernel([[1], [1]]), [[1]], COIN)
    assert fitted.is_fitted()
    assert fitted.average_kl == 0
    assert not World(State([HALF, HALF]), fitted.data, fitted.encoder, [[1]], COIN).is_fitted()


@given(worlds() | worlds(flipping=True))
@FEW
def test_cross_entropy_splits_into_kl_and_entropy(world: World) -> None:
    """N1, with both terms from their own definitions."""
    rows = list(zip(world.mu.weights, world.data.rows(), world.model.rows(), strict=True))
    average = Exact.sum(m * divergence("KL", State(p), State(q)) for m, p, q in rows)
    assert world.average_kl == average
    assert world.data_entropy == Exact.sum(m * entropy(State(p)) for m, p, _ in rows)
    assert world.nll == average + world.data_entropy
    assert (average == 0) == world.is_fitted()


def test_cross_entropy_is_not_the_kl() -> None:
    world = falsified(worlds(), lambda w: w.nll == w.average_kl)
    assert world.mu == State([1])
    assert world.data == Kernel([[HALF, HALF]])


def by_prototypes(world: World, divisor: int = 1) -> bool:
    """L1: NLL = -E <gbar_x, h_x> + E A(h_x) - E b, for an encoder that is a function."""
    total = []
    for x, mass in enumerate(world.mu.weights):
        image = world.encoder.rows()[x].index(Fraction(1))
        bias = inner(map(log, world.head.weights), world.data.rows()[x])
        alignment = inner(world.hidden[image], world.prototypes[x]) / divisor
        total.append(mass * (world.head.log_partition(world.points[image]) - alignment - bias))
    return world.nll == Exact.sum(total)


@given(worlds() | worlds(whitened=True))
@FEW
def test_cross_entropy_is_alignment_with_prototypes_and_log_partitions(world: World) -> None:
    assert by_prototypes(world)


def test_half_the_alignment_is_wrong() -> None:
    world = falsified(worlds(), lambda w: by_prototypes(w, 2))
    assert world.mu == State([1])
    assert world.head.tokens == 2


@given(worlds() | worlds(flipping=True) | worlds(whitened=True, flipping=True))
@FEW
def test_joint_laws_have_the_kernels_as_conditionals(world: World) -> None:
    for joint, told in ((world.data_joint, world.data), (world.model_joint, world.model)):
        assert joint.marginal([0, 1]) == world.mu.joint(world.encoder)
        assert joint.marginal([0, 2]) == world.mu.joint(told)
    assert world.model_joint.marginal([1, 2]) == world.hidden_law.joint(world.head_kernel)
    given_context = world.data_joint.marginal([1, 0, 2]).conditional([1])
    assert given_context.marginal([0]).equals_almost_surely(world.encoder, world.mu)


def test_the_data_do_not_pass_through_the_hidden_state() -> None:
    world = falsified(
        worlds(flipping=True), lambda w: w.data_joint.marginal([1, 2]) == w.hidden_law.joint(w.head_kernel)
    )
    assert world.mu == State([1])


def test_products_of_contexts_and_named_tokens_keep_their_types() -> None:
    mu = State(["1/4"] * 4, (2, 2))
    data = Kernel([[1, 0]] * 4, (2, 2), FinSet(2, "token"))
    world = World(mu, data, Kernel.discard((2, 2)), [[1]], COIN)
    assert world.model.type == "(2, 2) -> token(2)"
    assert world.nll == log(2)
    assert world.data_joint.cod == (2, 2, 2)


def test_worlds_are_values() -> None:
    assert pickle.loads(pickle.dumps(TWO)) == TWO
    again = World(TWO.mu, TWO.data, TWO.encoder, ((Fraction(1),), (Fraction(3),)), ExactHead(((1,), (0,)), (1, 1)))
    assert again == TWO
    assert hash(again) == hash(TWO)
    assert World(TWO.mu, TWO.data, TWO.encoder, [[1], [2]], COIN) != TWO


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"mu": Kernel.identity(2)}, TypeError, "the law mu of the contexts is a state, not a kernel (2,) -> (2,)"),
        ({"data": Kernel([[1, 0]] * 3)}, TypeError, "the data kernel (3,) -> (2,) does not start at the contexts (2,)"),
        ({"encoder": Kernel([[1, 0]])}, TypeError, "the encoder kernel (1,) -> (2,) does not start"),
        ({"points": [[1]]}, ValueError, "encoder leads to 2 hidden states, but there are 1 points"),
        ({"points": [[1], [1, 2]]}, ValueError, "point 1 has 2 entries, but the head has dimension 1"),
        ({"points": [[1], [0]]}, ValueError, "the entry of exp(h) 0 is not positive"),
        ({"head": ExactHead([[1], [0], [0]])}, ValueError, "data has 2 tokens, but the head has 3"),
    ],
)
def test_bad_worlds_are_refused(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    parts = {"mu": TWO.mu, "data": TWO.data, "encoder": TWO.encoder, "points": TWO.points, "head": TWO.head}
    with pytest.raises(error, match=re.escape(message)):
        World(**{**parts, **changed})


# whitened designs


@pytest.mark.parametrize(("dimension", "count"), [(1, 9), (2, 17)])
def test_designs_are_whitened_and_closed_under_the_symmetries_of_the_grid(dimension: int, count: int) -> None:
    designs = whitened_designs(dimension)
    assert len(designs) == count
    for z, law in designs:
        assert sum(law) == 1
        assert min(law) > 0
        for i in range(dimension):
            assert sum(m * x[i] for m, x in zip(law, z)) == 0
            assert [sum(m * x[i] * x[j] for m, x in zip(law, z)) for j in range(dimension)] == [
                int(i == j) for j in range(dimension)
            ]
    as_sets = {frozenset(zip(z, law)) for z, law in designs}
    assert len(as_sets) == count
    for signs in product((1, -1), repeat=dimension):
        assert {frozenset((tuple(s * x for s, x in zip(signs, z)), m) for z, m in d) for d in as_sets} == as_sets
    assert {frozenset((z[::-1], m) for z, m in d) for d in as_sets} == as_sets


def test_known_designs_are_found() -> None:
    line = {frozenset(zip((z for (z,) in design.points), design.law)) for design in whitened_designs(1)}
    assert whitened_designs(1)[0] == (((-1,), (1,)), (HALF, HALF))
    assert frozenset({(-2, Fraction(1, 8)), (0, Fraction(3, 4)), (2, Fraction(1, 8))}) in line
    assert frozenset({(-2, Fraction(1, 6)), (0, HALF), (1, Fraction(1, 3))}) in line
    plane = {design.points: set(design.law) for design in whitened_designs(2)}
    assert plane[((-1, -1), (-1, 1), (1, -1), (1, 1))] == {Fraction(1, 4)}


def test_small_designs_are_complete() -> None:
    """On points a < b < c of the line, interpolation gives the only candidate: m_a = (1 + bc)/((b - a)(c - a))."""
    expected = set()
    for a, b, c in combinations(range(-3, 4), 3):
        law = tuple(Fraction(1 + y * z, (y - x) * (z - x)) for x, y, z in ((a, b, c), (b, a, c), (c, a, b)))
        if min(law) > 0:
            expected.add((((a,), (b,), (c,)), law))
    assert {tuple(design) for design in whitened_designs(1) if len(design.points) == 3} == expected


def test_other_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("enumerated in dimensions [1, 2], not in 3")):
        whitened_designs(3)
