"""Conditionals of finite kernels, exactly: disintegration, Bayesian inverses, almost-sure equality, pushback of noise.

These are the methods of `Kernel` and `State` that need an algorithm; their contracts stand there. A condition without
mass leaves its row open, and every such row is uniform here, so that results are determined. Source: Fritz, "A
synthetic approach to Markov kernels", Adv. Math. 370 (2020), arXiv:1908.07021, sections 11 and 13.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from flint import fmpq, fmpq_mat

from lmlaws.checks.exact.finite import Keep, Sizes, fits, named, numbering, positions, show
from lmlaws.checks.exact.kernels import Kernel, State
from lmlaws.checks.exact.numbers import Rational

__all__ = ["conditional", "disintegrate", "equals_almost_surely", "invert", "joint", "pushback"]


def conditional(kernel: Kernel, keep: Keep) -> Kernel:
    """For A -> X * Y and X to keep, the conditional A * X -> Y."""
    chosen = positions(keep, kernel.cod)
    rest = [i for i in range(len(kernel.cod)) if i not in chosen]
    given, cod = tuple(kernel.cod[i] for i in chosen), tuple(kernel.cod[i] for i in rest)
    conditions, width = prod(given), prod(cod)
    entries: list[Rational] = [fmpq(0)] * (prod(kernel.dom) * conditions * width)
    places = [c * width + y for c, y in zip(numbering(chosen, kernel.cod), numbering(rest, kernel.cod))]
    for a, row in enumerate(kernel._matrix.tolist()):
        base = a * conditions * width
        for place, x in zip(places, row):
            entries[base + place] = x
    for start in range(0, len(entries), width):
        entries[start : start + width] = _normalised(entries[start : start + width])
    dom = kernel.dom + given
    return Kernel._made(dom, cod, fmpq_mat(prod(dom), width, entries))


def _normalised(row: list[Rational]) -> list[Rational]:
    """The row divided by its sum; uniform when that is 0."""
    total = sum(row, fmpq(0))
    return [x / total for x in row] if total else [fmpq(1, len(row))] * len(row)


def disintegrate(state: State, at: int) -> tuple[State, Kernel]:
    """The law of the first `at` objects, and the conditional of the rest given them."""
    if isinstance(at, bool) or not isinstance(at, int) or not 0 <= at <= len(state.cod):
        raise ValueError(f"cannot disintegrate {state.type} at {at!r}: give a number from 0 to {len(state.cod)}")
    return state.marginal(range(at)), conditional(state, range(at))


def joint(state: Kernel, kernel: Kernel) -> State:
    """p >> copy >> (id @ k), without the matrices of its middle."""
    _law_on(state, kernel)
    entries = [w * x for w, row in zip(state._matrix.entries(), kernel._matrix.tolist()) for x in row]
    return _state(named(state.cod, kernel.dom) + kernel.cod, entries)


def invert(kernel: Kernel, prior: Kernel) -> Kernel:
    """The Bayesian inverse of the kernel: the conditional of its input given its output."""
    both = joint(prior, kernel)
    return conditional(both, range(len(prior.cod), len(both.cod)))


def equals_almost_surely(left: Kernel, right: Kernel, on: Kernel) -> bool:
    """Whether the rows of both agree wherever a row of `on` has mass."""
    if not (fits(left.dom, right.dom) and fits(left.cod, right.cod)):
        raise TypeError(f"almost-sure equality compares kernels of one type, not {left.type} and {right.type}")
    if not fits(on.cod, left.dom):
        raise TypeError(f"almost-sure equality of {left.type} needs a law on {show(left.dom)}, not {on.type}")
    massive = map(any, zip(*on._matrix.tolist()))
    rows = zip(massive, left._matrix.tolist(), right._matrix.tolist())
    return all(one == other for mass, one, other in rows if mass)


def pushback(kernel: Kernel) -> tuple[State, Kernel]:
    """Noise and a deterministic kernel: the letter at which the row's partial sums pass the interval drawn."""
    rows = kernel._matrix.tolist()
    ends = [_partial_sums(row) for row in rows]  # a letter without mass ends where it begins
    cuts = sorted({end for row in ends for end in row if end})
    noise = _state((len(cuts),), [high - low for low, high in zip([fmpq(0), *cuts], cuts)])
    matrix = fmpq_mat(len(rows) * len(cuts), prod(kernel.cod))
    for i, row in enumerate(ends):
        letter = 0
        for j, high in enumerate(cuts):
            while row[letter] < high:
                letter += 1
            matrix[i * len(cuts) + j, letter] = 1
    return noise, Kernel._made(kernel.dom + noise.cod, kernel.cod, matrix)


def _partial_sums(row: Iterable[Rational]) -> list[Rational]:
    sums, total = [], fmpq(0)
    for x in row:
        total = total + x
        sums.append(total)
    return sums


def _law_on(state: Kernel, kernel: Kernel) -> None:
    """TypeError unless the first is a state on the second's domain."""
    if state.dom != () or not fits(state.cod, kernel.dom):
        raise TypeError(f"a kernel {kernel.type} needs a law on {show(kernel.dom)}, not {state.type}")


def _state(cod: Sizes, entries: list[Rational]) -> State:
    made = Kernel._made((), cod, fmpq_mat(1, len(entries), entries))
    assert isinstance(made, State)
    return made
