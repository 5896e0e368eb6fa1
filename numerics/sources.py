"""Known sources: random texts whose conditional law P is known exactly.

Only there can the data's entropy and the average KL of a model be measured against the truth.
"""

import itertools
import math
import random
import string
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import flint
import numpy as np
from numpy.typing import NDArray

# Bound on the relative error of entropy rates: see MarkovSource.entropy_rate.
ENTROPY_RELATIVE_ERROR = 2.0**-50


@dataclass(frozen=True)
class MarkovSource:
    """A Markov chain of `order` over `letters` letters; letter i is the token with id i.

    The conditional laws are drawn once from `seed`: numerators are a uniformly random composition of
    `denominator` into positive parts. So every probability is a multiple of 1/denominator (dyadic: exact in
    float64 too) and positive (every cross entropy is finite, the chain is irreducible and aperiodic).
    """

    order: int = 2
    letters: int = 4
    seed: int = 0
    denominator: int = 64

    def __post_init__(self) -> None:
        if self.order < 1:
            raise ValueError(f"order is {self.order}: a Markov source needs order at least 1")
        if not 2 <= self.letters <= 26:
            raise ValueError(f"letters is {self.letters}: between 2 and 26 are supported, one a letter of a-z")
        power = self.denominator > 0 and self.denominator & (self.denominator - 1) == 0
        if not power or self.denominator < self.letters or self.denominator > 2**32:
            raise ValueError(
                f"denominator is {self.denominator}: it must be a power of two (probabilities are exact), "
                f"at least the number of letters ({self.letters}) and at most 2**32"
            )
        if self.letters**self.order > 4096:
            raise ValueError(
                f"{self.letters} letters at order {self.order} give {self.letters**self.order} contexts: the exact "
                "stationary law is solved for at most 4096; lower the order or the number of letters"
            )

    @property
    def alphabet(self) -> str:
        """The letters, in the order of their ids."""
        return string.ascii_lowercase[: self.letters]

    @cached_property
    def contexts(self) -> tuple[tuple[int, ...], ...]:
        """All contexts of `order` letters, oldest first, in lexicographic order; rows of `laws` follow it."""
        return tuple(itertools.product(range(self.letters), repeat=self.order))

    @cached_property
    def numerators(self) -> tuple[tuple[int, ...], ...]:
        """The numerators over `denominator`, a row for each context: shape (letters**order, letters)."""
        rng = random.Random(self.seed)
        rows = []
        for _ in self.contexts:
            cuts = sorted(rng.sample(range(1, self.denominator), self.letters - 1))
            rows.append(tuple(b - a for a, b in itertools.pairwise([0, *cuts, self.denominator])))
        return tuple(rows)

    def index(self, context: Sequence[int]) -> int:
        """The row of the context given by the last `order` letters of `context`.

        Raises:
            ValueError: fewer than `order` letters, or an id that is no letter.
        """
        if len(context) < self.order:
            raise ValueError(
                f"context {list(context)} has {len(context)} letters: a source of order {self.order} "
                f"has a law only after {self.order}"
            )
        row = 0
        for letter in context[len(context) - self.order :]:
            if not 0 <= letter < self.letters:
                raise ValueError(f"id {letter} is no letter of a source with {self.letters} letters")
            row = row * self.letters + int(letter)
        return row

    def law(self, context: Sequence[int]) -> tuple[Fraction, ...]:
        """The exact conditional law of the next letter; only the last `order` letters of `context` matter."""
        return tuple(Fraction(n, self.denominator) for n in self.numerators[self.index(context)])

    @cached_property
    def laws(self) -> NDArray[np.float64]:
        """All conditional laws, exact in float64: shape (letters**order, letters), rows as `contexts`."""
        table = np.array(self.numerators, dtype=np.float64) / self.denominator
        table.setflags(write=False)
        return table

    @cached_property
    def stationary(self) -> tuple[Fraction, ...]:
        """The exact stationary law over contexts, in the order of `contexts`; solved over the rationals.

        It is unique: every letter has positive probability after every context.
        """
        size = len(self.contexts)
        # Columns are "from": (T - 1) pi = 0, its last row replaced by sum pi = 1.
        matrix = flint.fmpq_mat(size, size)
        for row in range(size):
            matrix[row, row] -= 1
            for letter, n in enumerate(self.numerators[row]):
                matrix[row * self.letters % size + letter, row] += flint.fmpq(n, self.denominator)
        for row in range(size):
            matrix[size - 1, row] = 1
        ones = flint.fmpq_mat(size, 1)
        ones[size - 1, 0] = 1
        solution = matrix.solve(ones)
        return tuple(Fraction(int(solution[i, 0].p), int(solution[i, 0].q)) for i in range(size))

    def entropy_rate(self) -> float:
        """The entropy of a letter given the past, in nats: sum_c pi(c) H(P(.|c)), pi the stationary law.

        Computed from exact rationals: each weight pi(c) P(w|c) is rounded once to float64, each P is exact, each
        log errs by at most an ulp, all terms have one sign and are summed exactly (fsum). The relative error is
        below 2**-50 (`ENTROPY_RELATIVE_ERROR`).
        """
        terms = []
        for weight, row in zip(self.stationary, self.numerators, strict=True):
            for n in row:
                if n != self.denominator:
                    terms.append(float(weight * n / self.denominator) * -math.log(n / self.denominator))
        return math.fsum(terms)

    def sample(self, n: int, seed: int) -> NDArray[np.int64]:
        """A stationary text of n letters, as ids; the same for the same seed.

        Each letter is drawn exactly (a uniform integer below `denominator`); the first context is drawn from the
        stationary law rounded to float64.
        """
        if n < 0:
            raise ValueError(f"n is {n}: a text has no negative length")
        rng = np.random.default_rng(seed)
        cumulative = np.cumsum([float(weight) for weight in self.stationary])
        start = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
        row = min(int(start), len(self.contexts) - 1)
        text = list(self.contexts[row])
        tops = [list(itertools.accumulate(numerators)) for numerators in self.numerators]
        size = len(self.contexts)
        for draw in rng.integers(0, self.denominator, size=max(0, n - self.order)).tolist():
            letter = next(i for i, top in enumerate(tops[row]) if draw < top)
            text.append(letter)
            row = (row * self.letters + letter) % size
        return np.array(text[:n], dtype=np.int64)
