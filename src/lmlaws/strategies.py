"""Hypothesis strategies for exact finite probability and small language models: instances for your own tests.

    from hypothesis import given, strategies as st
    from lmlaws.strategies import kernels, objects, states

    n = st.shared(objects(), key="n")             # one object that both draws agree on

    @given(p=states(n), k=kernels(n))
    def test_inverting_twice_gives_the_kernel_back(p, k):
        assert k.invert(p).invert(p >> k).equals_almost_surely(k, p)

Sizes come first: an int, a tuple of ints for a product of objects, or a strategy for either; left out, objects of 1 to
4 letters are drawn. Options follow by keyword: `denominator` (64: weights are dyadic) and `zeros` (True: some weights
are 0). Everything is exact, so tests compare with `==` and `<=` and have no tolerance. Nothing is filtered, and a
failing example shrinks to few letters and simple fractions:

    >>> from hypothesis import find
    >>> find(states(), lambda p: max(p.weights) < 1).weights
    (Fraction(1, 2), Fraction(1, 2))

Laws: states, joints, repeated, majorized. Kernels: kernels, deterministic, near_deterministic, garbled, chains,
homogeneous_chains. Models: heads, points, worlds. Sizes: objects, sizes. docs/strategies.md lists what each one draws,
which edge cases it reaches, and what it shrinks to.
"""

from __future__ import annotations

from .checks.exact.strategies import (
    Chain,
    Garbled,
    chains,
    deterministic,
    garbled,
    homogeneous_chains,
    joints,
    kernels,
    majorized,
    near_deterministic,
    objects,
    repeated,
    sizes,
    states,
)
from .checks.exact.world_strategies import heads, points, worlds
from .checks.exact.worlds import ExactHead, World

__all__ = [
    "Chain",
    "ExactHead",
    "Garbled",
    "World",
    "chains",
    "deterministic",
    "garbled",
    "heads",
    "homogeneous_chains",
    "joints",
    "kernels",
    "majorized",
    "near_deterministic",
    "objects",
    "points",
    "repeated",
    "sizes",
    "states",
    "worlds",
]
