"""Compose two exact dyadic 64 x 64 kernels: lmlaws, EfProb on mpq, and the schoolbook sum on Fraction.

Entries are multiples of 2^-16. `built` starts from the same lists of Fractions; `composed` from built kernels.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from bench.harness import Side, Work, alternate, peer, section
from lmlaws.checks.exact.kernels import Kernel

SIZE = 64
Rows = list[list[Fraction]]


def kernel_rows(rng: random.Random, size: int = SIZE, scale: int = 2**16) -> Rows:
    """The rows of a random kernel, each uniform among the compositions of the scale."""
    rows = []
    for _ in range(size):
        cuts = sorted(rng.randrange(scale + 1) for _ in range(size - 1))
        rows.append([Fraction(b - a, scale) for a, b in zip([0, *cuts], [*cuts, scale])])
    return rows


def efprob_channel(rows: Rows) -> Any:
    """EfProb's channel with gmpy2 rationals as entries."""
    import efprob
    from gmpy2 import mpq

    letters = efprob.range_sp(len(rows))
    states = [efprob.State([mpq(x.numerator, x.denominator) for x in row], letters) for row in rows]
    return efprob.Channel(states, letters, letters)


def fraction_product(left: Rows, right: Rows) -> Rows:
    """The matrix product on Fraction."""
    columns = list(zip(*right))
    return [[sum((x * y for x, y in zip(row, column)), Fraction(0)) for column in columns] for row in left]


def main() -> str:
    """Run the row; ArithmeticError if the sides disagree."""
    rng = random.Random(64)
    first, second = kernel_rows(rng), kernel_rows(rng)

    def built(make: Callable[[Rows], Any], compose: Callable[[Any, Any], Any]) -> Callable[[], Work]:
        return lambda: lambda: compose(make(first), make(second))

    def composed(make: Callable[[Rows], Any], compose: Callable[[Any, Any], Any]) -> Callable[[], Work]:
        def prepare() -> Work:
            left, right = make(first), make(second)
            return lambda: compose(left, right)

        return prepare

    sides: list[tuple[str, Callable[[Rows], Any], Callable[[Any, Any], Any], int]] = [
        (peer("lmlaws"), Kernel, lambda k, h: k >> h, 15),
        (peer("efprob") + ", mpq", efprob_channel, lambda k, h: h * k, 15),
        ("Fraction", lambda rows: rows, fraction_product, 1),
    ]
    tables = [
        alternate(*(Side(name, does, how(make, compose), n) for name, make, compose, n in sides))
        for does, how in (("composed", composed), ("built and composed", built))
    ]
    expected = fraction_product(first, second)
    for ours, theirs, _ in tables:
        if ours.result.rows() != expected:
            raise ArithmeticError("lmlaws and Fraction disagree on the product")
        if theirs.seconds and [Fraction(int(x.numerator), int(x.denominator)) for x in theirs.result.matrix.flat] != [
            x for row in expected for x in row
        ]:
            raise ArithmeticError("EfProb and Fraction disagree on the product")
    return section(f"Composing two exact {SIZE} x {SIZE} kernels", "All sides give the same rational matrix.", *tables)


if __name__ == "__main__":
    print(main())
