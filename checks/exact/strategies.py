"""Hypothesis strategies for exact finite probability: laws, kernels and chains (heads and worlds: `world_strategies`).

Every draw is valid by construction, nothing is filtered. A row is made by stars and bars: cut points in a denominator D
split D into numerators, so every draw is a law. Denominators are powers of two unless another is asked for, because
composition then grows entries by a few bits. Draws shrink to few letters, then to small denominators, then towards the
point mass on letter 0.

Sizes come first and may be left out. A size is an int, a tuple of ints for a product of objects, or a strategy for
either; objects that several draws must agree on are shared through one strategy, `n = st.shared(objects())`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, pairwise
from math import prod
from typing import Any, NamedTuple, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from lmlaws.checks.exact.finite import Sizes, sizes_of
from lmlaws.checks.exact.kernels import Kernel, State

__all__ = [
    "Chain",
    "Count",
    "Garbled",
    "ObjectSpec",
    "chains",
    "deterministic",
    "garbled",
    "homogeneous_chains",
    "joints",
    "kernels",
    "majorized",
    "near_deterministic",
    "objects",
    "repeated",
    "sizes",
    "states",
]

ObjectSpec: TypeAlias = int | Sizes | SearchStrategy[Any] | None
"""A number of letters, a tuple of them, a strategy for either, or None for the strategy's own choice."""

Count: TypeAlias = int | SearchStrategy[int] | None
"""A number, a strategy for it, or None for the strategy's own choice."""

DENOMINATOR = 64


class Chain(NamedTuple):
    """A Markov chain X_0 -> X_1 -> ...: the law of X_0 and the kernel of every step."""

    initial: State
    steps: tuple[Kernel, ...]

    @property
    def joint(self) -> State:
        """The joint law of X_0, X_1, ... as one state on their product."""
        joint = self.initial
        before: Sizes = ()
        for step in self.steps:
            joint = joint.joint(Kernel.discard(before) @ step)
            before += step.dom
        return joint


class Garbled(NamedTuple):
    """A kernel and a garbling of it: coarser == finer >> garbling, so finer is above coarser in Blackwell's order."""

    finer: Kernel
    garbling: Kernel
    coarser: Kernel


def objects(most: int = 4, *, least: int = 1) -> SearchStrategy[int]:
    """Sizes of single objects, from `least` to `most` letters; they shrink to `least`."""
    return st.integers(least, most)


def sizes(wires: int = 2, *, most: int = 3) -> SearchStrategy[Sizes]:
    """Sizes of a product of this many objects, each of 1 to `most` letters; they shrink to single letters."""
    return st.tuples(*[objects(most)] * wires)


def states(size: ObjectSpec = None, denominator: int = DENOMINATOR, zeros: bool = True) -> SearchStrategy[State]:
    """Laws whose weights have denominators that divide `denominator`; with zeros=False, of full support.

    ValueError when the denominator is not positive or, on drawing, too small for a full support.
    """
    return _states(_object(size), _divisors(denominator), int(not zeros))


def joints(size: ObjectSpec = None, denominator: int = DENOMINATOR, zeros: bool = True) -> SearchStrategy[State]:
    """Joint laws, like `states` but by default on two objects of 1 to 3 letters; `sizes(3)` asks for three."""
    return states(sizes() if size is None else size, denominator, zeros)


def kernels(
    dom: ObjectSpec = None, cod: ObjectSpec = None, denominator: int = DENOMINATOR, zeros: bool = True
) -> SearchStrategy[Kernel]:
    """Kernels whose rows are drawn like `states`."""
    return _kernels(_object(dom), _object(cod), _divisors(denominator), int(not zeros))


def deterministic(dom: ObjectSpec = None, cod: ObjectSpec = None) -> SearchStrategy[Kernel]:
    """Functions as kernels; they shrink towards the constant function 0."""
    return _deterministic(_object(dom), _object(cod))


def near_deterministic(dom: ObjectSpec = None, cod: ObjectSpec = None, *, bits: int = 40) -> SearchStrategy[Kernel]:
    """Kernels that are almost functions, never functions: each row has all but 2^-j on one letter, 6 <= j <= bits.

    They shrink to 63/64 on letter 0 and 1/64 on letter 1. ValueError for bits below 6 and, on drawing, for a codomain
    of one letter.
    """
    if bits < 6:
        raise ValueError(f"near_deterministic puts 2^-6 at the most beside the main letter, and bits is {bits}")
    return _near_deterministic(_object(dom), _object(cod, objects(least=2)), bits)


def repeated(size: ObjectSpec = None, denominator: int = DENOMINATOR, zeros: bool = True) -> SearchStrategy[State]:
    """Laws in which at least two letters share one positive weight; other weights may be 0 unless zeros=False.

    They shrink to (1/2, 1/2). ValueError, on drawing, for fewer than two letters and for a denominator that is too
    small (on two letters: odd).
    """
    return _repeated(_object(size, objects(least=2)), _divisors(denominator), int(not zeros))


def chains(size: ObjectSpec = None, *, denominator: int = DENOMINATOR, zeros: bool = True) -> SearchStrategy[Chain]:
    """Markov chains along a tuple of sizes: `chain.initial`, `chain.steps` and `chain.joint`.

    By default three objects of 1 to 3 letters: p >> k >> h with `p, (k, h) = chain`. A single size stands for three
    equal objects. ValueError, on drawing, for no object at all.
    """
    return _chains(_object(size, sizes(3)), _divisors(denominator), int(not zeros))


def homogeneous_chains(
    size: ObjectSpec = None, *, steps: Count = None, denominator: int = DENOMINATOR, zeros: bool = True
) -> SearchStrategy[Chain]:
    """Chains with one kernel X -> X at every step, of 1 to 3 steps by default: `p, (k, *_) = chain`."""
    return _homogeneous(_object(size), _count(steps, objects(3)), _divisors(denominator), int(not zeros))


def garbled(
    dom: ObjectSpec = None, mid: ObjectSpec = None, cod: ObjectSpec = None, *, denominator: int = DENOMINATOR
) -> SearchStrategy[Garbled]:
    """Triples (k, g, k >> g) of a kernel dom -> mid, its garbling mid -> cod, and the kernel garbled."""
    return _garbled(_object(dom), _object(mid), _object(cod), _divisors(denominator))


def majorized(
    size: ObjectSpec = None, *, denominator: int = DENOMINATOR, zeros: bool = True
) -> SearchStrategy[tuple[State, State]]:
    """Pairs (p, q) such that p majorises q: q is p after at most as many T-transforms as there are letters.

    A T-transform replaces two weights x, y by (1 - a) x + a y and a x + (1 - a) y, here with a in 1/4, 1/2, 3/4, 1. A
    product of T-transforms is doubly stochastic, and fewer than n of them lead to any majorised law on n letters
    (Hardy, Littlewood and Polya; Marshall, Olkin and Arnold, "Inequalities", lemma 2.B.1). The pairs shrink to equal
    laws.
    """
    return _majorized(states(size, denominator, zeros))


Divisors: TypeAlias = tuple[int, ...]
Row: TypeAlias = list[Fraction]


@st.composite
def _laws(draw: DrawFn, divisors: Divisors, least: Sequence[int]) -> Row:
    """One law with at least these units on its letters; on its own, so that shrinking can delete one row of many."""
    d = draw(_denominators(divisors, sum(least)))
    return [Fraction(n, d) for n in _split(draw, d, least)]


def _split(draw: DrawFn, total: int, least: Sequence[int]) -> list[int]:
    """Numerators with this sum and these least values: each letter hands on some of what is free, until that is 0.

    The draws do not depend on the number of letters beyond the last one with mass, so a size can shrink by itself.
    """
    numbers, left = list(least), total - sum(least)
    for letter in range(len(least)):
        on = draw(_handed_on(left, len(least) - 1 - letter))
        numbers[letter] += left - on
        left = on
        if not left:
            break
    return numbers


@lru_cache(1 << 12)  # of strategies, which are costlier to make than to draw from
def _handed_on(left: int, after: int) -> SearchStrategy[int]:
    """What a letter leaves to the letters after it: anything, or else all but about its fair share.

    Without the second kind early letters would take nearly everything; it has the draws above `left`.
    """
    share = 2 * left // (after + 1) + 1
    return st.integers(0, left * after if after else 0).map(lambda n: n if n <= left else left - n % share)


@st.composite
def _states(draw: DrawFn, size: SearchStrategy[Sizes], divisors: Divisors, least: int) -> State:
    cod = draw(size)
    return State(draw(_laws(divisors, [least] * prod(cod))), cod)


@st.composite
def _kernels(
    draw: DrawFn, dom: SearchStrategy[Sizes], cod: SearchStrategy[Sizes], divisors: Divisors, least: int
) -> Kernel:
    source, target = draw(dom), draw(cod)
    return Kernel([draw(_laws(divisors, [least] * prod(target))) for _ in range(prod(source))], source, target)


@st.composite
def _deterministic(draw: DrawFn, dom: SearchStrategy[Sizes], cod: SearchStrategy[Sizes]) -> Kernel:
    source, target = draw(dom), draw(cod)
    last = prod(target) - 1
    images = [draw(st.integers(0, last)) for _ in range(prod(source))]
    return Kernel([[int(j == image) for j in range(last + 1)] for image in images], source, target)


@st.composite
def _near_deterministic(draw: DrawFn, dom: SearchStrategy[Sizes], cod: SearchStrategy[Sizes], bits: int) -> Kernel:
    source, target = draw(dom), draw(cod)
    letters = _several(prod(target), "a near-deterministic kernel that is no function")
    rows = []
    for _ in range(prod(source)):
        image, tiny = draw(st.integers(0, letters - 1)), Fraction(1, 1 << draw(st.integers(6, bits)))
        row = [tiny * x for x in draw(_laws(_divisors(4), [0] * (letters - 1)))]
        rows.append([*row[:image], 1 - tiny, *row[image:]])
    return Kernel(rows, source, target)


@st.composite
def _repeated(draw: DrawFn, size: SearchStrategy[Sizes], divisors: Divisors, least: int) -> State:
    cod = draw(size)
    letters = _several(prod(cod), "a law with a repeated weight")
    others = letters - 2
    if not others and divisors[-1] % 2:
        raise ValueError(f"no law on 2 letters with the odd denominator {divisors[-1]} has two equal weights")
    even = tuple(d for d in divisors if d % 2 == 0)
    d = draw(_denominators(divisors if others else even, 2 + least * others))
    twin = draw(st.integers(1, (d - least * others) // 2)) if others else d // 2
    weights = _split(draw, d - 2 * twin, [least] * others) if others else []
    for place in draw(st.sampled_from(list(combinations(range(letters), 2)))):  # increasing, so both places stay
        weights.insert(place, twin)
    return State([Fraction(n, d) for n in weights], cod)


@st.composite
def _chains(draw: DrawFn, size: SearchStrategy[Sizes], divisors: Divisors, least: int) -> Chain:
    wires = draw(size)
    if not wires:
        raise ValueError("a chain needs at least one object, and its sizes are ()")
    wires = wires * 3 if len(wires) == 1 else wires
    initial = draw(states(wires[0], divisors[-1], not least))
    return Chain(initial, tuple(draw(kernels(a, b, divisors[-1], not least)) for a, b in pairwise(wires)))


@st.composite
def _homogeneous(
    draw: DrawFn, size: SearchStrategy[Sizes], steps: SearchStrategy[int], divisors: Divisors, least: int
) -> Chain:
    space = draw(size)
    initial = draw(states(space, divisors[-1], not least))
    return Chain(initial, (draw(kernels(space, space, divisors[-1], not least)),) * draw(steps))


@st.composite
def _garbled(
    draw: DrawFn,
    dom: SearchStrategy[Sizes],
    mid: SearchStrategy[Sizes],
    cod: SearchStrategy[Sizes],
    divisors: Divisors,
) -> Garbled:
    finer = draw(_kernels(dom, mid, divisors, 0))
    garbling = draw(_kernels(st.just(finer.cod), cod, divisors, 0))
    return Garbled(finer, garbling, finer >> garbling)


@st.composite
def _majorized(draw: DrawFn, laws: SearchStrategy[State]) -> tuple[State, State]:
    p = draw(laws)
    weights = list(p.weights)
    pairs = list(combinations(range(len(weights)), 2))
    shares = st.sampled_from([Fraction(n, 4) for n in (2, 1, 3, 4)])
    transfers = st.tuples(st.sampled_from(pairs), shares) if pairs else st.nothing()
    for (i, j), a in draw(st.lists(transfers, max_size=len(weights) if pairs else 0)):
        x, y = weights[i], weights[j]
        weights[i], weights[j] = (1 - a) * x + a * y, a * x + (1 - a) * y
    return p, State(weights, p.cod)


def _object(spec: ObjectSpec, default: SearchStrategy[Any] | None = None) -> SearchStrategy[Sizes]:
    if spec is None:
        spec = objects() if default is None else default
    return spec.map(_checked) if isinstance(spec, SearchStrategy) else st.just(_checked(spec))


def _checked(size: Any) -> Sizes:
    if not isinstance(size, int | tuple):
        raise TypeError(f"a size is an int, a tuple of ints, or a strategy for either, not {size!r}")
    return sizes_of(size)


def _count(spec: Count, default: SearchStrategy[int]) -> SearchStrategy[int]:
    if spec is None:
        return default
    if isinstance(spec, SearchStrategy):
        return spec
    if spec < 1:
        raise ValueError(f"contexts, tokens, dimensions and steps are counted from 1, and the number is {spec}")
    return st.just(spec)


@lru_cache
def _divisors(denominator: int) -> Divisors:
    """The divisors, 1 first and the denominator last."""
    if denominator < 1:
        raise ValueError(f"the denominator of a law is at least 1, and it is {denominator}")
    return tuple(d for d in range(1, denominator + 1) if denominator % d == 0)


@lru_cache
def _denominators(divisors: Divisors, least: int) -> SearchStrategy[int]:
    """Common denominators of a law with this many units that are spoken for; ValueError when there is none."""
    if divisors[-1] < least:
        raise ValueError(f"no law with denominator {divisors[-1]} has {least} positive weights: ask for a larger one")
    return st.sampled_from([d for d in divisors if d >= least])


def _several(letters: int, what: str) -> int:
    if letters < 2:
        raise ValueError(f"{what} needs at least 2 letters, and its object has {letters}")
    return letters
