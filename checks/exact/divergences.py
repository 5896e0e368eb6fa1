"""Divergences, categorical entropies and mutual informations of finite kernels, as exact numbers, in nats.

    >>> from lmlaws.checks.exact.kernels import State
    >>> p, q = State(["1/2", "1/2"]), State(["3/4", "1/4"])
    >>> print(divergence("KL", p, q), divergence("chi2", p, q), divergence("KL", p, State([1, 0])))
    log(2) - 1/2*log(3) 1/3 inf
    >>> print(categorical_entropy(p, "TV"))
    1/2

A divergence depends on its two laws only through the ratios u = p/q: the mass of Q at each u > 0, the mass of P where Q
has none, and the mass of Q where P has none. That is what is computed with, row by row: no product of alphabets is ever
built, and each infinite case is `slope` or `at_zero` of the divergence's row in theory/divergences.py.

The categorical entropy of a kernel is the divergence of copying its output from running it twice: Perrone, "Markov
Categories and Entropy" (arXiv:2212.11719), who enriches kernels by the supremum over inputs. That supremum, the average
over a law of the inputs, and the values input by input are all here; they differ.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import TypeAlias

from flint import fmpq

from lmlaws.checks.exact.finite import Keep, fits, numbering, positions
from lmlaws.checks.exact.kernels import Kernel
from lmlaws.checks.exact.numbers import INF, Exact, Rational, log, log_sum, to_fmpq
from lmlaws.theory.divergences import TOTAL, Divergence, divergence_row
from lmlaws.theory.expressions import Const, Expr, Log, Mul

__all__ = [
    "categorical_entropy",
    "divergence",
    "entropy",
    "mutual_information",
    "pointwise_divergence",
    "pointwise_entropy",
]

Part: TypeAlias = "Sequence[tuple[Rational, Rational]]"


@dataclass(frozen=True)
class Ratios:
    """Two laws as divergences see them: (u, mass of Q) for each letter with u = p/q > 0, and what lies outside."""

    common: Part
    only_p: Rational
    only_q: Rational

    @classmethod
    def of(cls, p: Iterable[Rational], q: Iterable[Rational]) -> Ratios:
        """Of two laws on the same letters."""
        common, only_p, only_q = [], fmpq(0), fmpq(0)
        for x, y in zip(p, q, strict=True):
            if x and y:
                common.append((x / y, y))
            else:
                only_p += x
                only_q += y
        return cls(common, only_p, only_q)

    @classmethod
    def diagonal(cls, p: Iterable[Rational]) -> Ratios:
        """Of a copied output (mass p(x) on each pair (x, x)) and of two independent ones, without V x V pairs."""
        common = [(1 / x, x * x) for x in p if x]
        return cls(common, fmpq(0), 1 - sum((mass for _, mass in common), fmpq(0)))


def divergence(name: str, left: Kernel, right: Kernel, *, over: Kernel | None = None) -> Exact:
    """D(left, right) of two states; of two kernels averaged over the law `over` of their inputs, else the supremum.

    Names: KL, reverse_KL, TV, chi2, hellinger2 (1 - BC), JS, triangular, renyi:ALPHA, alpha:ALPHA. Infinite where it is
    infinite; an input without mass counts nothing. ValueError for an unknown name, or for a value that leaves the
    exact numbers; TypeError naming the types when they differ.
    """
    row, ratios = divergence_row(name), _compared(left, right)
    return _gathered(row, ratios, left, over)


def pointwise_divergence(name: str, left: Kernel, right: Kernel) -> tuple[Exact, ...]:
    """D(left(x), right(x)) for each letter x of the domain, one for states. Errors as for `divergence`."""
    row = divergence_row(name)
    return tuple(_value(row, ratios) for ratios in _compared(left, right))


def categorical_entropy(kernel: Kernel, name: str = "KL", *, over: Kernel | None = None) -> Exact:
    """H_D of a state; of a kernel averaged over the law `over` of its inputs, else the supremum over inputs.

    With KL it is the Shannon entropy of the row. Errors as for `divergence`.
    """
    row = divergence_row(name)
    _kernel(kernel, "categorical_entropy")
    return _gathered(row, map(Ratios.diagonal, _rows(kernel)), kernel, over)


def pointwise_entropy(kernel: Kernel, name: str = "KL") -> tuple[Exact, ...]:
    """H_D of each row, one for a state. ValueError for an unknown name."""
    row = divergence_row(name)
    _kernel(kernel, "pointwise_entropy")
    return tuple(_value(row, Ratios.diagonal(weights)) for weights in _rows(kernel))


def entropy(joint: Kernel, of: Keep | None = None, given: Keep = ()) -> Exact:
    """Shannon's entropy H(of | given) of a state; `of` is everything by default. Groups may overlap.

    TypeError for a kernel whose domain is not the unit; ValueError for a group that is not of the codomain.
    """
    law = _state(joint, "entropy")
    below = positions(given, law.cod)
    above = tuple(range(len(law.cod))) if of is None else positions(of, law.cod)
    return shannon(law, [(1, above + below), (-1, below)])


def shannon(law: Kernel, parts: Iterable[tuple[Fraction | int, Iterable[int]]]) -> Exact:
    """The sum of c * H(group) over parts (c, group) of a state, groups of positions, in nats.

    Over integer weights of one common denominator: no fractions are added, and letters of equal weight share a term.
    """
    numerators, denominator = law._matrix.numer_denom()
    weights, common = list(map(int, numerators.entries())), int(denominator)
    times: defaultdict[Fraction | int, Counter[int]] = defaultdict(Counter)
    for c, group in parts:
        chosen = tuple(dict.fromkeys(group))
        times[c].update(_summed(weights, numbering(chosen, law.cod)) if len(chosen) < len(law.cod) else weights)
        times[c].subtract([common])  # H = log(common) - the sum of n log(n) / common
    logs: defaultdict[int, Fraction | int] = defaultdict(int)
    for c, counted in times.items():
        for n, k in counted.items():
            logs[n] -= c * n * k
    return Exact.of_logs(logs, common)


def _summed(weights: list[int], numbers: list[int]) -> list[int]:
    """The weights added up by the numbers of their letters."""
    sums = [0] * (max(numbers) + 1)
    for number, weight in zip(numbers, weights):
        sums[number] += weight
    return sums


def mutual_information(joint: Kernel, a: Keep = (0,), b: Keep = (1,), given: Keep = (), *, name: str = "KL") -> Exact:
    """I_D(a; b | given) of a state: D of the joint law of a and b from the product of its marginals.

    With `given`, the average of that over the letters of `given`. Groups may overlap: I(a; a) = H(a). TypeError for a
    kernel whose domain is not the unit; ValueError for an unknown name or a group that is not of the codomain.
    """
    row, law = divergence_row(name), _state(joint, "mutual_information")
    c, x, y = (positions(group, law.cod) for group in (given, a, b))
    if row.name == "KL":
        return shannon(law, [(1, x + c), (1, y + c), (-1, x + y + c), (-1, c)])
    groups = (numbering(group, law.cod) for group in (c, x, y))
    tables: defaultdict[int, defaultdict[tuple[int, int], Rational]] = defaultdict(lambda: defaultdict(fmpq))
    for mass, condition, left, right in zip(_weights(law), *groups):
        if mass:
            tables[condition][left, right] += mass
    return Exact.sum(sum(table.values()) * _value(row, _dependence(table)) for table in tables.values())


def _dependence(joint: Mapping[tuple[int, int], Rational]) -> Ratios:
    """A table of positive masses against the product of its marginals, both normalised."""
    total = sum(joint.values(), fmpq(0))
    left: defaultdict[int, Rational] = defaultdict(fmpq)
    right: defaultdict[int, Rational] = defaultdict(fmpq)
    for (x, y), mass in joint.items():
        left[x] += mass
        right[y] += mass
    independent = [(mass, left[x] * right[y]) for (x, y), mass in joint.items()]
    common = [(mass * total / product, product / (total * total)) for mass, product in independent]
    return Ratios(common, fmpq(0), 1 - sum((mass for _, mass in common), fmpq(0)))


# from ratios to values


def _value(row: Divergence, ratios: Ratios) -> Exact:
    """The divergence of two laws from their ratios."""
    if row.summand is None:
        return _limit(row, ratios)
    inside = _common_part(row)(row, ratios.common)
    ends = ((ratios.only_p, row.slope), (ratios.only_q, row.at_zero))
    total = Exact.sum([inside, *(mass * _constant(end) for mass, end in ends if mass)])
    return _constant(row.outer, total)


def _limit(row: Divergence, ratios: Ratios) -> Exact:
    """Renyi's orders 0, -log Q(supp P), and inf, log max P/Q."""
    if row.order == 0:
        return -log(sum((mass for _, mass in ratios.common), fmpq(0)))
    return INF if ratios.only_p else log(max(u for u, _ in ratios.common))


def _rational(f: Callable[[Rational], Rational]) -> Callable[[Divergence, Part], Exact]:
    return lambda _, part: Exact.of(sum((mass * f(u) for u, mass in part), fmpq(0)))


def _jensen_shannon(_: Divergence, part: Part) -> Exact:
    pairs = ((u, mass, 2 / (u + 1)) for u, mass in part)
    return log_sum(pair for u, mass, v in pairs for pair in ((mass * u / 2, u * v), (mass / 2, v)))


def _hellinger(_: Divergence, part: Part) -> Exact:
    return Exact.sum([sum((mass * (u + 1) for u, mass in part), fmpq(0)) / 2, -_powers(part, Fraction(1, 2))])


def _alpha(row: Divergence, part: Part) -> Exact:
    assert row.order is not None
    a = to_fmpq(row.order)
    linear = sum((mass * (a * (u - 1) + 1) for u, mass in part), fmpq(0))
    return Exact.sum([_powers(part, row.order), -linear]) / (row.order * (row.order - 1))


def _powers(part: Part, exponent: Fraction | None) -> Exact:
    """The sum of u^exponent under Q; equal ratios are gathered first, so that each root is taken once."""
    assert exponent is not None
    whole, rest = divmod(exponent, 1)
    if not rest:
        return Exact.of(sum((mass * u**whole for u, mass in part), fmpq(0)))
    at: defaultdict[Rational, Rational] = defaultdict(fmpq)
    for u, mass in part:
        at[u] += mass * u**whole
    return Exact.sum(mass * Exact.of(u) ** rest for u, mass in at.items())


_COMMON: dict[str, Callable[[Divergence, Part], Exact]] = {
    "KL": lambda _, part: log_sum((mass * u, u) for u, mass in part),
    "reverse_KL": lambda _, part: log_sum((-mass, u) for u, mass in part),
    "TV": _rational(lambda u: abs(u - 1) / 2),
    "chi2": _rational(lambda u: u * u - u),
    "triangular": _rational(lambda u: (u - 1) ** 2 / (2 * (u + 1))),
    "hellinger2": _hellinger,
    "JS": _jensen_shannon,
    "renyi": lambda row, part: _powers(part, row.order),
    "alpha": _alpha,
}
"""The sum of Q f(P/Q) over the letters where both have mass."""


def _common_part(row: Divergence) -> Callable[[Divergence, Part], Exact]:
    family = row.name.partition(":")[0]
    if family in ("renyi", "alpha") and row.order in (0, 1):
        family = "KL" if row.order else "reverse_KL"
    return _COMMON[family]


def _constant(expr: Expr, total: Exact | None = None) -> Exact:
    """The value of an end of a row, or of its `outer` at TOTAL = total."""
    if isinstance(expr, Const):
        return Exact.of(expr.value)
    if expr == TOTAL and total is not None:
        return total
    if isinstance(expr, Log):
        return log(_constant(expr.of, total))
    assert isinstance(expr, Mul)
    return reduce(lambda x, y: x * y, (_constant(factor, total) for factor in expr.factors))


# from kernels to ratios


def _gathered(row: Divergence, ratios: Iterable[Ratios], kernel: Kernel, over: Kernel | None) -> Exact:
    """The value of a state, the average over a law of the inputs, or the supremum over inputs."""
    if over is None:
        return max(_value(row, part) for part in ratios)
    if not isinstance(over, Kernel) or over.dom != () or not fits(over.cod, kernel.dom):
        given = over.type if isinstance(over, Kernel) else repr(over)
        raise TypeError(f"the inputs of a kernel {kernel.type} are averaged over a state on its domain, not {given}")
    return Exact.sum(mass * _value(row, part) for mass, part in zip(_weights(over), ratios) if mass)


def _compared(left: Kernel, right: Kernel) -> Iterable[Ratios]:
    for side in (left, right):
        _kernel(side, "divergence")
    if not (fits(left.dom, right.dom) and fits(left.cod, right.cod)):
        raise TypeError(f"a divergence compares kernels of one type, not {left.type} with {right.type}")
    return (Ratios.of(p, q) for p, q in zip(_rows(left), _rows(right)))


def _kernel(value: object, what: str) -> None:
    if not isinstance(value, Kernel):
        raise TypeError(f"{what} takes states and kernels, not {value!r} of type {type(value).__name__}")


def _state(value: Kernel, what: str) -> Kernel:
    _kernel(value, what)
    if value.dom != ():
        raise TypeError(f"{what} is defined for states, not for a kernel {value.type}")
    return value


def _rows(kernel: Kernel) -> list[list[Rational]]:
    rows: list[list[Rational]] = kernel._matrix.tolist()
    return rows


def _weights(state: Kernel) -> list[Rational]:
    return _rows(state)[0]
