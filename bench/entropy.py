"""Shannon entropy of 1,000 and 10,000 outcomes: exact with a decided equality, beside the floats of dit and EfProb.

The equality that lmlaws decides is the chain rule, H(X, Y) = H(X) + sum p(x) H(Y | X = x): two sums of different
logarithms, equal as real numbers. Every side starts from the same list of Fractions.
"""

from __future__ import annotations

import random
from fractions import Fraction
from math import isclose, isqrt, log
from typing import Any

from bench.harness import Side, Timed, Work, alternate, peer, section
from lmlaws.checks.exact.divergences import entropy
from lmlaws.checks.exact.kernels import State
from lmlaws.checks.exact.numbers import Exact, log_sum

HEAVIEST = 10**6


def weights(count: int, seed: int, heaviest: int = HEAVIEST) -> list[Fraction]:
    """A random law with full support: integers up to the heaviest over their sum."""
    rng = random.Random(seed)
    numbers = [rng.randint(1, heaviest) for _ in range(count)]
    total = sum(numbers)
    return [Fraction(n, total) for n in numbers]


def chain_rule(law: list[Fraction], block: int) -> Exact:
    """H(X) + sum over x of p(x) H(Y | X = x), X being the block of `block` letters that Y is in."""
    blocks = [law[i : i + block] for i in range(0, len(law), block)]
    masses = [sum(part, Fraction(0)) for part in blocks]
    inner = [(-p, p / mass) for part, mass in zip(blocks, masses) for p in part]
    return log_sum([*((-mass, mass) for mass in masses), *inner])


def exact_side(law: list[Fraction]) -> Side:
    """Build, exact entropy, nearest double."""

    def work() -> tuple[Exact, float]:
        value = entropy(State(law))
        return value, float(value)

    return Side(peer("lmlaws"), "build, exact entropy, correctly rounded", lambda: work)


def decided_side(law: list[Fraction], block: int) -> Side:
    """Both sides of the chain rule made, and their equality decided."""

    def prepare() -> Work:
        state = State(law)
        return lambda: entropy(state) == chain_rule(law, block)

    return Side(peer("lmlaws"), "two exact sums made and their equality decided", prepare)


def dit_side(law: list[Fraction]) -> Side:
    """Build and float entropy, in nats."""

    def prepare() -> Work:
        import dit

        outcomes = [(i,) for i in range(len(law))]

        def work() -> float:
            law_of_dit = dit.Distribution(outcomes, [float(p) for p in law])
            return float(dit.shannon.entropy(law_of_dit)) * log(2)

        return work

    return Side(peer("dit"), "build, float entropy", prepare, rounds=15 if len(law) < 5000 else 5)


def efprob_side(law: list[Fraction]) -> Side:
    """Build on mpq and float entropy."""

    def prepare() -> Work:
        import efprob
        from gmpy2 import mpq

        letters = efprob.range_sp(len(law))

        def work() -> float:
            state: Any = efprob.State([mpq(p.numerator, p.denominator) for p in law], letters)
            return float(state.entropy())

        return work

    return Side(peer("efprob") + ", mpq", "build, float entropy", prepare, rounds=15 if len(law) < 5000 else 5)


def main() -> str:
    """Run the row; ArithmeticError if the sides disagree or the chain rule is not found equal."""
    tables: list[list[Timed]] = []
    for count in (1_000, 10_000):
        law = weights(count, seed=count)
        values, decided, *floats = alternate(
            exact_side(law), decided_side(law, isqrt(count)), dit_side(law), efprob_side(law)
        )
        exact = values.result[1]
        if decided.result is not True:
            raise ArithmeticError(f"the chain rule on {count} outcomes was not decided equal: {decided.result}")
        for other in floats:
            if other.seconds and not isclose(other.result, exact, rel_tol=1e-12):
                raise ArithmeticError(f"{other.side.name} gives {other.result}, lmlaws {exact}")
        tables.append([values, decided, *floats])
    return section(
        "Entropy of 1,000 outcomes (first table) and 10,000 (second)",
        "lmlaws gives the exact number, and decides whether two such numbers are equal; the peers give a float.",
        *tables,
    )


if __name__ == "__main__":
    print(main())
