"""Conditional mutual information of 10,000 outcomes: lmlaws exactly, dit in floats; both from the same Fractions.

lmlaws: build the joint law (every weight checked, the sum exact), the exact number, its sign decided, its nearest
double. dit: build the distribution from float(p), then I(X; Y | Z) as a difference of conditional entropies.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import isclose, log

from bench.entropy import weights
from bench.harness import Side, Work, alternate, peer, section
from lmlaws.checks.exact.divergences import mutual_information
from lmlaws.checks.exact.kernels import State

SHAPE = (20, 20, 25)
HEAVIEST = (1_000, 1_000_000)


def exact_side(law: list[Fraction]) -> Side:
    """Build, exact value, sign, nearest double."""

    def work() -> tuple[bool, float]:
        value = mutual_information(State(law, SHAPE), (0,), (1,), (2,))
        return value > 0, float(value)

    return Side(peer("lmlaws"), "build, exact I(X;Y given Z), sign decided, correctly rounded", lambda: work)


def dit_side(law: list[Fraction]) -> Side:
    """Build and float value, in nats; the difference of two conditional entropies is dit's quickest way."""

    def prepare() -> Work:
        import dit

        outcomes = list(product(*map(range, SHAPE)))

        def work() -> float:
            joint = dit.Distribution(outcomes, [float(p) for p in law], rv_names=["X", "Y", "Z"])
            conditional = dit.shannon.conditional_entropy
            return float(conditional(joint, ["X"], ["Z"]) - conditional(joint, ["X"], ["Y", "Z"])) * log(2)

        return work

    return Side(peer("dit"), "build, float I(X;Y given Z)", prepare)


def main() -> str:
    """Run the row; ArithmeticError if the sides disagree."""
    tables = []
    for heaviest in HEAVIEST:
        law = weights(SHAPE[0] * SHAPE[1] * SHAPE[2], seed=3, heaviest=heaviest)
        ours, dits = alternate(exact_side(law), dit_side(law))
        positive, value = ours.result
        if not positive or (dits.seconds and not isclose(value, dits.result, rel_tol=1e-10)):
            raise ArithmeticError(f"lmlaws gives {value} (positive: {positive}), dit {dits.result}")
        tables.append([ours, dits])
    return section(
        "Conditional mutual information of 20 x 20 x 25 = 10,000 outcomes",
        "Random counts up to 1,000 (first table) and up to a million (second), over their sum; the exact value "
        "against dit's float. The more counts differ, the more logarithms the exact value has.",
        *tables,
    )


if __name__ == "__main__":
    print(main())
