"""The Blackwell order of experiments, decided exactly: one is a garbling of the other, or a decision problem separates.

An experiment T -> X is a law of the observation for each state of nature. Source: Blackwell, "Equivalent comparisons of
experiments", Ann. Math. Stat. 24 (1953). A solver of linear arithmetic (z3) finds the evidence; what it finds counts
after exact verification here.

    >>> from lmlaws.checks.exact.kernels import Kernel
    >>> clear, noisy = Kernel.identity(2), Kernel([["3/4", "1/4"], ["1/4", "3/4"]])
    >>> blackwell(clear, noisy).kernel == noisy
    True
    >>> evidence = blackwell(noisy, clear)
    >>> evidence.left < evidence.right
    True
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from operator import mul
from typing import Any

from lmlaws.checks.exact.finite import fits
from lmlaws.checks.exact.kernels import Kernel, State
from lmlaws.checks.exact.numbers import Undecided

__all__ = ["Garbling", "Separation", "best_expected_utility", "blackwell"]

ROUNDINGS = 16  # utilities up to this integer are tried before the solver's own

Utility = tuple[tuple[Fraction, ...], ...]  # a row a state of nature, a column an action


@dataclass(frozen=True)
class Garbling:
    """The first experiment is at least as informative as the second: a >> kernel == b."""

    kernel: Kernel


@dataclass(frozen=True)
class Separation:
    """A decision problem in which the second experiment is worth more than the first, so that it is no garbling.

    utility[t][action] is what an action earns in the state of nature t; left < right are the best expected utilities
    from the first and from the second experiment.
    """

    prior: State
    utility: Utility
    left: Fraction
    right: Fraction


def blackwell(a: Kernel, b: Kernel) -> Garbling | Separation:
    """Whether b: T -> Y is a garbling of a: T -> X, with the evidence either way.

    TypeError when the two are not on the same states of nature; Undecided when the solver gives up.
    """
    if not fits(a.dom, b.dom):
        raise TypeError(f"experiments are compared on the same states of nature, not {a.type} and {b.type}")
    return _garbling(a, b) or _separation(a, b)


def best_expected_utility(experiment: Kernel, prior: State, utility: Utility) -> Fraction:
    """What the best action after each observation earns on average, for a prior on the states of nature."""
    joint = [[p * x for x in row] for p, row in zip(prior.weights, experiment.rows())]
    actions = list(zip(*utility))
    zero = Fraction(0)
    return sum((max(sum(map(mul, seen, action), zero) for action in actions) for seen in zip(*joint)), zero)


def _garbling(a: Kernel, b: Kernel) -> Garbling | None:
    """A kernel g with a >> g == b, if there is one; entries that a zero of b forces to 0 are no unknowns."""
    import z3

    before, after = a.rows(), b.rows()
    outputs = range(len(after[0]))
    g = [
        [
            z3.RealVal(0) if any(p[x] and not q[y] for p, q in zip(before, after)) else z3.Real(f"g{x},{y}")
            for y in outputs
        ]
        for x in range(len(before[0]))
    ]
    conditions = [entry >= 0 for row in g for entry in row if not z3.is_rational_value(entry)]
    conditions += [z3.Sum(row) == 1 for row in g]
    conditions += [_mean(p, [row[y] for row in g]) == _number(q[y]) for p, q in zip(before, after) for y in outputs]
    solution = _solve(conditions)
    if solution is None:
        return None
    try:
        kernel = Kernel([[solution(entry) for entry in row] for row in g], a.cod, b.cod)
    except ValueError as error:
        raise RuntimeError(f"z3 gave no kernel as a garbling of {a!r}: {error}") from error
    if a >> kernel != b:
        raise RuntimeError(f"z3 gave a garbling of {a!r} that is not {b!r}: {kernel!r}")
    return Garbling(kernel)


def _separation(a: Kernel, b: Kernel) -> Separation:
    """Utilities of announcing an output of b, in which no use of a earns what announcing b itself does."""
    import z3

    before, after = a.rows(), b.rows()
    nature, outputs = range(len(after)), range(len(after[0]))
    u = [[z3.Real(f"u{t},{y}") for y in outputs] for t in nature]
    best = [z3.Real(f"best{x}") for x in range(len(before[0]))]
    columns = [[row[y] for row in u] for y in outputs]
    conditions = [value >= _mean(seen, column) for value, seen in zip(best, zip(*before)) for column in columns]
    earned = z3.Sum([_mean(q, row) for q, row in zip(after, u)])
    solution = _solve([*conditions, earned - z3.Sum(best) >= 1])  # utilities scale, so that 1 asks no more than > 0
    if solution is None:
        raise RuntimeError(f"z3 found neither a garbling nor a separation of {a!r} and {b!r}")
    prior = Kernel.uniform(a.dom)
    for utility in _simpler([[solution(entry) for entry in row] for row in u]):
        left, right = (best_expected_utility(experiment, prior, utility) for experiment in (a, b))
        if left < right:
            return Separation(prior, utility, left, right)
    raise RuntimeError(f"z3 gave utilities that do not separate {a!r} from {b!r}")


def _simpler(utility: list[list[Fraction]]) -> Iterator[Utility]:
    """Roundings to small integers >= 0, in case one of them will do, then the same preferences in full.

    A constant for each state of nature and a positive factor change no preference.
    """
    shifted = [[x - min(row) for x in row] for row in utility]
    most = max(map(max, shifted))
    for scale in range(1, ROUNDINGS + 1) if most else ():
        yield tuple(tuple(Fraction(round(x / most * scale)) for x in row) for row in shifted)
    yield tuple(map(tuple, shifted))


def _solve(conditions: list[Any]) -> Callable[[Any], Fraction] | None:
    """Values of the unknowns under linear conditions, or None when there are none; Undecided when z3 gives up."""
    import z3

    solver = z3.Optimize()
    solver.add(conditions)
    answer = solver.check()
    if answer == z3.unknown:
        raise Undecided(f"the linear conditions were not decided: {solver.reason_unknown()}")
    if answer == z3.unsat:
        return None
    model = solver.model()
    return lambda unknown: Fraction(model.eval(unknown, model_completion=True).as_fraction())


def _mean(weights: Iterable[Fraction], unknowns: Iterable[Any]) -> Any:
    import z3

    return z3.Sum([z3.RealVal(0), *(_number(w) * x for w, x in zip(weights, unknowns) if w)])


def _number(x: Fraction) -> Any:
    import z3

    return z3.Q(x.numerator, x.denominator)
