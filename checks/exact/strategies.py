"""Hypothesis strategies for exact states and kernels, dyadic by default.

A row is made by stars and bars: cut points in a power of two D split D into the numerators, so that every draw is a law
and nothing is filtered. Draws shrink to few letters, then to small D, then towards the point mass on letter 0.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import prod
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from lmlaws.checks.exact.kernels import Kernel, Sizes, State

__all__ = ["ObjectSpec", "deterministic", "kernels", "objects", "states"]

ObjectSpec: TypeAlias = int | Sizes | SearchStrategy[Any]  # a strategy for sizes


def objects(most: int = 4) -> SearchStrategy[int]:
    """Sizes of single objects, from 1 letter to `most`."""
    return st.integers(1, most)


def states(size: ObjectSpec, denominator: int = 64, zeros: bool = True) -> SearchStrategy[State]:
    """Laws with denominators that divide `denominator`, a power of two; with zeros=False, of full support.

    size is a number of letters, a tuple of sizes, or a strategy for either. ValueError when the denominator is no power
    of two, or, on drawing, too small for a full support.
    """
    return _states(size, _power_of_two(denominator), zeros)


def kernels(dom: ObjectSpec, cod: ObjectSpec, denominator: int = 64, zeros: bool = True) -> SearchStrategy[Kernel]:
    """Kernels whose rows are drawn like `states`."""
    return _kernels(dom, cod, _power_of_two(denominator), zeros)


@st.composite
def deterministic(draw: DrawFn, dom: ObjectSpec, cod: ObjectSpec) -> Kernel:
    """Functions as kernels; they shrink towards the constant function 0."""
    source, target = _object(draw, dom), _object(draw, cod)
    last = prod(target) - 1
    images = [draw(st.integers(0, last)) for _ in range(prod(source))]
    return Kernel([[int(j == image) for j in range(last + 1)] for image in images], source, target)


@st.composite
def _states(draw: DrawFn, size: ObjectSpec, denominator: int, zeros: bool) -> State:
    cod = _object(draw, size)
    return State(draw(_laws(prod(cod), denominator, zeros)), cod)


@st.composite
def _kernels(draw: DrawFn, dom: ObjectSpec, cod: ObjectSpec, denominator: int, zeros: bool) -> Kernel:
    source, target = _object(draw, dom), _object(draw, cod)
    rows = [draw(_laws(prod(target), denominator, zeros)) for _ in range(prod(source))]
    return Kernel(rows, source, target)


def _object(draw: DrawFn, spec: ObjectSpec) -> Sizes:
    sizes: int | Sizes = draw(spec) if isinstance(spec, SearchStrategy) else spec
    return (sizes,) if isinstance(sizes, int) else tuple(sizes)


@st.composite
def _laws(draw: DrawFn, letters: int, denominator: int, zeros: bool) -> list[Fraction]:
    """One law on this many letters; a strategy of its own, so that shrinking can delete one row among many."""
    least = 0 if zeros else 1
    smallest = 1 if zeros else 1 << (letters - 1).bit_length()
    if smallest > denominator:
        raise ValueError(f"no law with denominator {denominator} has full support on {letters} letters")
    d: int = 1 << draw(st.integers(smallest.bit_length() - 1, denominator.bit_length() - 1))
    free = d - least * letters
    cuts = sorted(draw(st.lists(st.integers(0, free), min_size=letters - 1, max_size=letters - 1)), reverse=True)
    ends = [free, *cuts, 0]  # all cuts 0, which is where shrinking leads, is the point mass on letter 0
    return [Fraction(high - low + least, d) for high, low in pairwise(ends)]


def _power_of_two(denominator: int) -> int:
    if denominator < 1 or denominator & (denominator - 1):
        raise ValueError(f"the denominator {denominator} is not a power of two")
    return denominator
