"""Random laws, and their information quantities twice: exactly by lmlaws, and by mpmath straight from the textbooks.

Conventions of both: natural logarithms, 0 log 0 = 0, 0/0 = 0, a/0 infinite; TV is half the L1 norm, hellinger2 1 - BC.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flint import arb, ctx, fmpq
from mpmath import mp, mpf

from lmlaws.checks.exact.divergences import divergence, entropy, mutual_information
from lmlaws.checks.exact.kernels import State
from lmlaws.checks.exact.numbers import Exact

DIGITS = 30
BITS = 256  # of the balls; and of mpmath, so that cancellation costs none of the 30 digits
Law = tuple[Fraction, ...]


@dataclass(frozen=True)
class Instance:
    """Two laws on 2 to 20 letters, which are the pairs of a row and a column of `shape`."""

    p: Law
    q: Law
    shape: tuple[int, int]


def instances(count: int, seed: int = 0) -> Iterator[Instance]:
    """Random pairs of laws: small and large weights, repeated values, zeros in common and apart, equal and disjoint."""
    rng = random.Random(seed)
    for _ in range(count):
        shape = (rng.randint(1, 4), rng.randint(2, 5))
        letters = shape[0] * shape[1]
        p = _law(rng, letters)
        kind = rng.randrange(8)
        if kind == 0:
            q = p
        elif kind == 1 and 0 in p:  # no common support
            q = _normalised([int(x == 0) for x in p])
        elif kind < 6:  # p << q
            q = _normalised([rng.randint(1, 9) if x else rng.randint(0, 2) for x in p])
        else:
            q = _law(rng, letters)
        yield Instance(p, q, shape)


def _law(rng: random.Random, letters: int) -> Law:
    most = rng.choice((1, 3, 12, 10**6))
    weights = [rng.randint(0, most) if rng.random() < 0.7 else rng.randint(1, most) for _ in range(letters)]
    return _normalised(weights if any(weights) else [1] * letters)


def _normalised(weights: list[int]) -> Law:
    total = sum(weights)
    return tuple(Fraction(n, total) for n in weights)


# lmlaws


def _divergence(name: str) -> Callable[[Instance], Exact]:
    return lambda law: divergence(name, State(law.p), State(law.q))


EXACT: dict[str, Callable[[Instance], Exact]] = {
    "entropy": lambda law: entropy(State(law.p)),
    "mutual information": lambda law: mutual_information(State(law.p, law.shape)),
    **{
        name: _divergence(name)
        for name in ("KL", "TV", "JS", "hellinger2", "chi2", "renyi:1/2", "renyi:3/2", "renyi:2")
    },
}
"""The quantities by name, as exact numbers."""


# mpmath


def _mp(law: Law) -> list[Any]:
    return [mpf(x.numerator) / x.denominator for x in law]


def _both(f: Callable[[list[Any], list[Any]], Any]) -> Callable[[Instance], Any]:
    return lambda law: f(_mp(law.p), _mp(law.q))


def _relative_entropy(p: list[Any], q: list[Any]) -> Any:
    if any(x and not y for x, y in zip(p, q)):
        return mp.inf
    return mp.fsum(x * mp.log(x / y) for x, y in zip(p, q) if x)


def _jensen_shannon(p: list[Any], q: list[Any]) -> Any:
    middle = [(x + y) / 2 for x, y in zip(p, q)]
    return (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2


def _chi2(p: list[Any], q: list[Any]) -> Any:
    if any(x and not y for x, y in zip(p, q)):
        return mp.inf
    return mp.fsum((x - y) ** 2 / y for x, y in zip(p, q) if y)


def _renyi(order: Any, p: list[Any], q: list[Any]) -> Any:
    if order > 1 and any(x and not y for x, y in zip(p, q)):
        return mp.inf
    power_sum = mp.fsum(x**order * y ** (1 - order) for x, y in zip(p, q) if x and y)
    return mp.log(power_sum) / (order - 1) if power_sum else mp.inf


def _dependence(law: Instance) -> Any:
    p, columns = _mp(law.p), law.shape[1]
    rows = [mp.fsum(p[i : i + columns]) for i in range(0, len(p), columns)]
    below = [mp.fsum(p[j::columns]) for j in range(columns)]
    return _relative_entropy(p, [x * y for x in rows for y in below])


REFERENCE: dict[str, Callable[[Instance], Any]] = {
    "entropy": lambda law: -mp.fsum(x * mp.log(x) for x in _mp(law.p) if x),
    "mutual information": _dependence,
    "KL": _both(_relative_entropy),
    "TV": _both(lambda p, q: mp.fsum(abs(x - y) for x, y in zip(p, q)) / 2),
    "JS": _both(_jensen_shannon),
    "hellinger2": _both(lambda p, q: 1 - mp.fsum(mp.sqrt(x * y) for x, y in zip(p, q))),
    "chi2": _both(_chi2),
    "renyi:1/2": _both(lambda p, q: _renyi(mpf(1) / 2, p, q)),
    "renyi:3/2": _both(lambda p, q: _renyi(mpf(3) / 2, p, q)),
    "renyi:2": _both(lambda p, q: _renyi(mpf(2), p, q)),
}
"""The same quantities at mpmath's working precision."""


def reference(name: str, law: Instance) -> Any:
    """The quantity by mpmath at 256 bits, which leaves 30 correct digits after any cancellation here."""
    with mp.workprec(BITS):
        return REFERENCE[name](law)


def relative_difference(exact: Exact, value: Any) -> float:
    """An upper bound, by balls, of |exact - value| / |exact|; absolute where exact is 0, inf where one is infinite."""
    if mp.isinf(value) or not exact.is_finite():
        return 0.0 if str(exact) == mp.nstr(value).replace("+", "") else float("inf")
    with ctx.workprec(BITS):
        ball = exact.ball(BITS)
        difference = abs(ball - arb(_exactly(value)))
        bound = difference if exact == 0 else difference / abs(ball)
        return float(bound.upper())


def _exactly(value: Any) -> Any:
    """A binary floating-point number of mpmath as a flint rational."""
    mantissa, exponent = (int(x) for x in value.man_exp)  # the mantissa without the sign
    number = fmpq(mantissa if value >= 0 else -mantissa)
    scale = fmpq(2) ** abs(exponent)
    return number * scale if exponent >= 0 else number / scale
