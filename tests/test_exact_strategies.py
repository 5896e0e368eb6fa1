"""The strategies: every draw is what it is said to be, edge cases are reached, and shrinking ends at the simplest."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections import Counter
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import lmlaws.strategies as ls
from lmlaws.checks.exact.divergences import entropy
from lmlaws.checks.exact.finite import FinSet
from lmlaws.checks.exact.kernels import Kernel, State
from lmlaws.checks.exact.numbers import log
from lmlaws.checks.exact.worlds import ExactHead, World, whitened_designs
from lmlaws.strategies import (
    Chain,
    Garbled,
    chains,
    deterministic,
    garbled,
    heads,
    homogeneous_chains,
    joints,
    kernels,
    majorized,
    near_deterministic,
    objects,
    points,
    repeated,
    sizes,
    states,
    worlds,
)

ROOT = Path(__file__).parent.parent
FEW = settings(deadline=None, max_examples=60)
SEARCH = settings(
    deadline=None, max_examples=2000, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink]
)
T = TypeVar("T")
N = st.shared(objects(), key="n")
HALF = Fraction(1, 2)


def smallest(strategy: SearchStrategy[T], condition: Any = lambda _: True) -> T:
    """The minimal example; NoSuchExample when none is found."""
    return find(strategy, condition, settings=SEARCH)


# laws


@given(states(objects(5), denominator=32))
@FEW
def test_states_are_laws_over_the_denominator(p: State) -> None:
    assert sum(p.weights) == 1
    assert all(w >= 0 and 32 % w.denominator == 0 for w in p.weights)


@given(states(objects(5), denominator=8, zeros=False), states(3, 60))
@FEW
def test_full_support_and_other_denominators(p: State, q: State) -> None:
    assert all(w > 0 for w in p.weights)
    assert all(60 % w.denominator == 0 for w in q.weights)


@given(states(N), kernels(N, (2, 2)), joints(), joints(sizes(3)), states(FinSet(3, "weather")))
@FEW
def test_sizes_are_left_out_shared_drawn_and_named(p: State, k: Kernel, pair: State, three: State, w: State) -> None:
    assert (p >> k).cod == (2, 2)
    assert 1 <= p.cod[0] <= 4
    assert (len(pair.cod), len(three.cod)) == (2, 3)
    assert all(n <= 3 for n in (*pair.cod, *three.cod))
    assert [getattr(n, "name", None) for n in w.cod] == ["weather"]


def equal_positive(p: State) -> bool:
    return any(x and n > 1 for x, n in Counter(p.weights).items())


@given(repeated(), repeated((2, 2), zeros=False), repeated(3, 15))
@FEW
def test_repeated_laws_have_two_equal_positive_weights(p: State, full: State, odd: State) -> None:
    assert all(map(equal_positive, (p, full, odd)))
    assert 0 not in full.weights
    assert all(64 % w.denominator == 0 for w in (*p.weights, *full.weights))
    assert all(15 % w.denominator == 0 for w in odd.weights)


def majorises(p: State, q: State) -> bool:
    """The textbook test: partial sums of the sorted weights."""
    left, right = (list(accumulate(sorted(law.weights, reverse=True))) for law in (p, q))
    return all(a >= b for a, b in zip(left, right, strict=True))


@given(majorized())
@FEW
def test_majorized_pairs_are_ordered_and_entropy_is_schur_concave(pair: tuple[State, State]) -> None:
    p, q = pair
    assert p.cod == q.cod
    assert majorises(p, q)
    assert entropy(p) <= entropy(q)


def test_laws_reach_their_edges() -> None:
    assert smallest(states(3), lambda p: 0 in p.weights and max(p.weights) < 1) == State([HALF, HALF, 0])
    edge = smallest(states(2), lambda p: 0 < min(p.weights) <= Fraction(1, 64))
    assert sorted(edge.weights) == [Fraction(1, 64), Fraction(63, 64)]
    assert smallest(repeated(4), lambda p: p.weights.count(0) == 2) == State([HALF, HALF, 0, 0])
    assert smallest(repeated(4), lambda p: len(set(p.weights)) == 1) == State(["1/4"] * 4)
    copies = smallest(joints((2, 2)), lambda p: p.weights[1] == p.weights[2] == 0 and max(p.weights) < 1)
    assert copies == State([HALF, 0, 0, HALF], (2, 2))
    swapped = smallest(majorized(2), lambda pair: pair[0] != pair[1] and majorises(pair[1], pair[0]))
    assert swapped == (State([1, 0]), State([0, 1]))
    flattened = smallest(majorized(2), lambda pair: max(pair[0].weights) == 1 and len(set(pair[1].weights)) == 1)
    assert flattened == (State([1, 0]), State([HALF, HALF]))


def test_laws_shrink_to_few_letters_and_simple_fractions() -> None:
    assert smallest(states()) == State([1])
    assert smallest(states(3)) == State([1, 0, 0])
    assert smallest(states(4, zeros=False)) == State(["1/4"] * 4)
    assert smallest(states(), lambda p: max(p.weights) < 1) == State([HALF, HALF])
    assert smallest(joints()) == State([1], (1, 1))
    assert smallest(joints(), lambda p: p != p.marginal([0]) @ p.marginal([1])).cod == (2, 2)
    assert smallest(repeated()) == State([HALF, HALF])
    assert smallest(majorized()) == (State([1]), State([1]))
    assert smallest(majorized(), lambda pair: pair[0] != pair[1])[0] == State([1, 0])


# kernels


@given(kernels((2, 2), st.just((3,)), 8), deterministic(3, (2, 2)), kernels(zeros=False))
@FEW
def test_kernels_have_their_types(k: Kernel, f: Kernel, full: Kernel) -> None:
    assert (k.dom, k.cod) == ((2, 2), (3,))
    assert (f.dom, f.cod) == ((3,), (2, 2))
    assert f.is_deterministic()
    assert all(x > 0 for row in full.rows() for x in row)


@given(near_deterministic(bits=20), near_deterministic((), 3))
@FEW
def test_near_deterministic_kernels_are_almost_functions(k: Kernel, p: Kernel) -> None:
    assert p.dom == ()
    assert not k.is_deterministic()
    for row in (*k.rows(), *p.rows()):
        rest = 1 - max(row)
        assert rest.numerator == 1
        assert rest.denominator in [2**j for j in range(6, 41)]
    assert all(max(row) <= 1 - Fraction(1, 2**20) for row in k.rows())


@given(garbled(), garbled(2, 3, (2, 2)))
@FEW
def test_garbled_kernels_are_composites(one: Garbled, other: Garbled) -> None:
    assert one.finer >> one.garbling == one.coarser
    finer, garbling, coarser = other
    assert (finer.type, garbling.type, coarser.type) == ("(2,) -> (3,)", "(3,) -> (2, 2)", "(2,) -> (2, 2)")


def test_kernels_reach_their_edges() -> None:
    equal = smallest(kernels(2, 2), lambda k: k.rows()[0] == k.rows()[1] and not k.is_deterministic())
    assert equal == Kernel([[HALF, HALF]] * 2)
    assert smallest(deterministic(3, 3), lambda f: len(set(map(tuple, f.rows()))) == 3).dom == (3,)
    spread = smallest(near_deterministic(1, 3), lambda k: 0 not in k.rows()[0])
    assert spread == Kernel([["63/64", "1/128", "1/128"]])
    tiny = smallest(near_deterministic(1, 2), lambda k: min(k.rows()[0]) < Fraction(1, 2**30))
    assert min(tiny.rows()[0]) == Fraction(1, 2**31)
    lossless = smallest(garbled(2, 2, 2), lambda t: t.finer == t.coarser and not t.finer.is_deterministic())
    assert lossless.finer.rows() == [[1, 0], [HALF, HALF]]
    assert lossless.garbling == Kernel.identity(2)


def test_kernels_shrink_to_few_letters_and_simple_fractions() -> None:
    assert smallest(kernels(), lambda k: not k.is_deterministic()) == Kernel([[HALF, HALF]])
    assert smallest(kernels(), lambda k: k.rows()[0] != k.rows()[-1]) == Kernel([[1, 0], [0, 1]])
    assert smallest(deterministic(2, 3)) == Kernel([[1, 0, 0], [1, 0, 0]])
    assert smallest(near_deterministic()) == Kernel([["63/64", "1/64"]])
    assert smallest(garbled()) == (Kernel([[1]]),) * 3


# chains


@given(chains(), chains((2, 3, 2, 2)))
@FEW
def test_the_joint_law_of_a_chain_is_markov(chain: Chain, long: Chain) -> None:
    p, (k, h) = chain
    x, y, z = chain.joint.cod
    assert chain.joint.marginal([0, 1]) == p.joint(k)
    assert chain.joint.marginal([2]) == p >> k >> h
    both = chain.joint.weights
    first, last = p.joint(k).weights, h.rows()
    for i, weight in enumerate(both):
        assert weight == first[i // z] * last[i // z % y][i % z]
    assert x * y * z == len(both)
    assert long.joint.cod == (2, 3, 2, 2)


@given(homogeneous_chains(steps=3), homogeneous_chains((2, 2), steps=1))
@FEW
def test_homogeneous_chains_repeat_one_kernel(chain: Chain, pairs: Chain) -> None:
    p, (k, *more) = chain
    assert more == [k, k]
    assert k.dom == k.cod == p.cod
    assert chain.joint.marginal([3]) == p >> k**3
    assert pairs.joint.cod == (2, 2, 2, 2)


def test_chains_reach_their_edges_and_shrink() -> None:
    assert smallest(chains()) == Chain(State([1]), (Kernel([[1]]),) * 2)
    assert smallest(chains(2)).joint == State([1] + [0] * 7, (2, 2, 2))
    assert smallest(homogeneous_chains()) == Chain(State([1]), (Kernel([[1]]),))
    kept = smallest(chains(), lambda c: entropy(c.joint) > 0 and c.joint.marginal([0, 2]) == c.joint.marginal([0, 1]))
    assert kept.joint.cod == (2, 1, 1)
    assert kept.initial == State([HALF, HALF])
    swap = Kernel([[0, 1], [1, 0]])
    assert smallest(homogeneous_chains(), lambda c: c.steps[0] == swap) == Chain(State([1, 0]), (swap,))


# heads and worlds


@given(heads(3, 2), points(2), heads(bias=False, reach=1))
@FEW
def test_heads_have_small_integers_and_rational_laws(
    head: ExactHead, t: tuple[Fraction, ...], plain: ExactHead
) -> None:
    assert (head.tokens, head.dimension) == (3, 2)
    assert all(abs(x) <= 2 for row in head.W for x in row)
    assert sum(head.law(t).weights) == 1
    assert set(plain.weights) == {1}
    assert all(abs(x) <= 1 for row in plain.W for x in row)


@given(worlds(), worlds(fitted=True), worlds(flipping=True))
@FEW
def test_worlds_are_what_they_are_called(world: World, fitted: World, flipping: World) -> None:
    for w in (world, fitted, flipping):
        assert prod_of(w.mu.cod) <= 4
        assert w.head.tokens <= 4
        assert w.head.dimension <= 2
        assert len(set(w.points)) == len(w.points)
    assert world.encoder.is_deterministic()
    assert fitted.encoder.is_deterministic()
    assert fitted.is_fitted()
    assert fitted.average_kl == 0
    assert flipping.mu.weights[0] > 0
    assert sum(1 for x in flipping.encoder.rows()[0] if x) >= 2


def prod_of(object_: tuple[int, ...]) -> int:
    (letters,) = object_
    return letters


@given(worlds(whitened=True), worlds(4, whitened=True), worlds(whitened=True, flipping=True, fitted=True))
@FEW
def test_whitened_worlds_have_mean_zero_and_unit_covariance(one: World, four: World, flipping: World) -> None:
    for world in (one, four, flipping):
        z = [[whole_log(x) for x in t] for t in world.points]
        law = world.hidden_law.weights
        axes = range(world.head.dimension)
        assert [sum(m * h[i] for m, h in zip(law, z)) for i in axes] == [0] * len(axes)
        for i in axes:
            assert [sum(m * h[i] * h[j] for m, h in zip(law, z)) for j in axes] == [int(i == j) for j in axes]
        assert world.is_whitened()
        assert not world.is_whitened(unit=log(3))
    assert four.mu.cod == (4,)
    assert one.encoder.is_deterministic()
    assert four.encoder.is_deterministic()
    assert not flipping.encoder.is_deterministic()
    assert flipping.is_fitted()


def whole_log(x: Fraction | int) -> int:
    """The z with 2^z = x."""
    (z,) = [z for z in range(-3, 4) if Fraction(2) ** z == x]
    return z


def shared_hidden_state(world: World) -> bool:
    """Two contexts with mass, one hidden state, different data (claim P7)."""
    rows = [(e, d) for m, e, d in zip(world.mu.weights, world.encoder.rows(), world.data.rows()) if m]
    return any(e == other and d != different for e, d in rows for other, different in rows)


def test_worlds_reach_their_edges() -> None:
    shared = smallest(worlds(), shared_hidden_state)
    assert shared.mu == State([HALF, HALF])
    assert shared.encoder == Kernel([[1], [1]])
    assert shared.data == Kernel([[1, 0], [0, 1]])
    assert shared.head == ExactHead([[0], [0]])
    assert smallest(worlds(), lambda w: 0 in w.mu.weights).mu == State([1, 0])
    on_three = smallest(worlds(3, whitened=True), lambda w: w.head.dimension == 1 and len(w.points) == 3)
    assert on_three.mu == State(["1/6", "1/2", "1/3"])
    zero_mass = smallest(worlds(3, whitened=True), lambda w: 0 in w.mu.weights)
    assert zero_mass.mu == State([HALF, HALF, 0])
    plane = smallest(worlds(4, dimension=2, whitened=True), lambda w: len(set(w.mu.weights)) == 1)
    assert set(plane.points) == {(x, y) for x in (HALF, 2) for y in (HALF, 2)}


def test_worlds_shrink_to_few_letters_and_simple_fractions() -> None:
    one = ExactHead([[0], [0]])
    assert smallest(heads()) == one
    assert smallest(points()) == (Fraction(1),)
    assert smallest(points(), lambda t: t[0] > 1) == (Fraction(2),)
    assert smallest(heads(), lambda head: head.W[0] != head.W[1]).W in [((0,), (1,)), ((1,), (0,))]
    assert smallest(worlds()) == World(State([1]), Kernel([[1, 0]]), Kernel([[1]]), [[1]], one)
    assert smallest(worlds(fitted=True)) == World(State([1]), Kernel([[HALF, HALF]]), Kernel([[1]]), [[1]], one)
    coin = World(State([1]), Kernel([[1, 0]]), Kernel([[HALF, HALF]]), [[1], [2]], one)
    assert smallest(worlds(flipping=True)) == coin
    twins = Kernel([[1, 0], [1, 0]])
    white = World(State([HALF, HALF]), twins, Kernel.identity(2), [[HALF], [2]], one)
    assert smallest(worlds(whitened=True)) == white


def test_whitened_worlds_reach_every_design() -> None:
    """Each extreme law of one dimension is drawn alone, and so are mixtures, so the enumeration is no ornament."""
    laws = set()

    @settings(deadline=None, max_examples=400, derandomize=True, database=None, phases=[Phase.generate])
    @given(worlds(4, 2, 1, whitened=True, fitted=True))
    def collect(world: World) -> None:
        laws.add(frozenset((t, m) for t, m in zip(world.points, world.hidden_law.weights)))

    collect()
    designs = {
        frozenset((tuple(Fraction(2) ** k for k in z), m) for z, m in zip(design.points, design.law))
        for design in whitened_designs(1)
    }
    assert designs < laws
    assert max(map(len, laws)) == 4


# twins: near-misses of the properties above that must be falsified

TWINS: list[tuple[str, SearchStrategy[Any], Any]] = [
    ("states have full support", states(), lambda p: 0 not in p.weights),
    ("laws repeat a weight", states(2, zeros=False), equal_positive),
    ("joints are independent", joints(), lambda p: p == p.marginal([0]) @ p.marginal([1])),
    ("the second majorises the first", majorized(), lambda pair: majorises(pair[1], pair[0])),
    ("majorized laws are permutations", majorized(), lambda pair: sorted(pair[0].weights) == sorted(pair[1].weights)),
    ("kernels are functions", kernels(), Kernel.is_deterministic),
    ("near-deterministic ones put it on letter 0", near_deterministic(), lambda k: k.rows()[0][0] > HALF),
    ("a garbling loses nothing", garbled(2, 2, 2), lambda t: t.finer == t.coarser),
    (
        "chains are X -> Z -> Y",
        chains((2, 2, 2)),
        lambda c: c.joint == c.joint.marginal([0]) @ c.joint.marginal([1, 2]),
    ),
    ("chains start stationary", homogeneous_chains(), lambda c: c.initial >> c.steps[0] == c.initial),
    ("heads have no bias", heads(), lambda head: set(head.weights) == {1}),
    ("worlds are fitted", worlds(), World.is_fitted),
    ("worlds are whitened", worlds(), World.is_whitened),
    ("whitened worlds are fitted", worlds(whitened=True), World.is_fitted),
    ("fitted worlds are whitened", worlds(fitted=True), World.is_whitened),
    ("encoders are functions", worlds(flipping=True), lambda w: w.encoder.is_deterministic()),
    ("encoders are injective", worlds(), lambda w: not shared_hidden_state(w)),
]


@pytest.mark.parametrize(("says", "strategy", "claim"), TWINS, ids=[says for says, _, _ in TWINS])
def test_wrong_properties_are_falsified(says: str, strategy: SearchStrategy[Any], claim: Any) -> None:
    assert not claim(smallest(strategy, lambda x: not claim(x))), says


# bad arguments


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: states(2, denominator=0), ValueError, "the denominator of a law is at least 1, and it is 0"),
        (
            lambda: states(st.just(2.5)),
            TypeError,
            "a size is an int, a tuple of ints, or a strategy for either, not 2.5",
        ),
        (lambda: kernels(0, 2), ValueError, "sizes are integers >= 1"),
        (lambda: states(st.just("ab")), TypeError, "not 'ab'"),
        (lambda: states(3, denominator=2, zeros=False), ValueError, "denominator 2 has 3 positive weights"),
        (lambda: repeated(1), ValueError, "needs at least 2 letters, and its object has 1"),
        (lambda: repeated(2, 15), ValueError, "odd denominator 15"),
        (lambda: near_deterministic(2, 1), ValueError, "needs at least 2 letters"),
        (lambda: near_deterministic(2, 2, bits=5), ValueError, "bits is 5"),
        (lambda: chains(()), ValueError, "at least one object"),
        (lambda: heads(0), ValueError, "counted from 1, and the number is 0"),
        (lambda: worlds(2, dimension=2, whitened=True), ValueError, "needs 3 contexts at least, and there are 2"),
        (lambda: worlds(dimension=3, whitened=True), ValueError, "enumerated in dimensions"),
    ],
)
def test_impossible_demands_are_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        smallest(make())


# the public face


def test_the_public_names_are_complete() -> None:
    from lmlaws.checks.exact import strategies

    drawn = {name for name in strategies.__all__ if name[0].islower()}
    assert drawn <= set(ls.__all__)
    assert all(getattr(ls, name) is not None for name in ls.__all__)
    page = (ROOT / "docs/strategies.md").read_text("utf-8")
    assert {name for name in drawn if not re.search(rf"^\| `{name}\(", page, re.MULTILINE)} == set()


def test_importing_lmlaws_and_worlds_leaves_hypothesis_out() -> None:
    code = "import sys, lmlaws, lmlaws.checks.exact.worlds; print('hypothesis' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_the_example_of_the_page_passes_and_its_twin_fails(tmp_path: Path) -> None:
    page = (ROOT / "docs/strategies.md").read_text("utf-8")
    (block,) = re.findall(r"\n((?:    .*\n|\n)*?    from hypothesis import given\n(?:    .*\n|\n)*)", page)
    example = textwrap.dedent(block)
    twin = example.replace("x for x in q.weights) <=", "x for x in q.weights) <").split("@given(worlds())")[0]
    for name, text in (("test_example.py", example), ("test_twin.py", twin)):
        (tmp_path / name).write_text(text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "1 failed, 4 passed" in run.stdout, run.stdout
    assert "FAILED test_twin.py::test_mixing_makes_collisions_rarer" in run.stdout
