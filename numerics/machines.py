"""Sources with finitely many states: their exact conditional laws, entropy rate and surplus.

A state emits a letter and moves on, with rational probabilities. The forward algorithm (Rabiner, "A tutorial on hidden
Markov models", Proc. IEEE 77, 1989) gives the law of the next letter after any beginning of a stationary text, and the
entropy rate is enclosed as in Cover and Thomas, "Elements of Information Theory" (2006), Theorem 4.5.1.
"""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import flint
import numpy as np
from numpy.typing import NDArray

UNIT = 2.0**-53
# Most entries of the table of all words with their states.
WORDS = 2**19


@dataclass(frozen=True)
class Interval:
    """Two floats with a number between them."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        return self.low + (self.high - self.low) / 2

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __add__(self, other: "Interval") -> "Interval":
        low, high = self.low + other.low, self.high + other.high
        return Interval(math.nextafter(low, -math.inf), math.nextafter(high, math.inf))

    def __mul__(self, factor: int) -> "Interval":
        ends = sorted((self.low * factor, self.high * factor))
        return Interval(math.nextafter(ends[0], -math.inf), math.nextafter(ends[1], math.inf))

    def __sub__(self, other: "Interval") -> "Interval":
        return self + other * -1


class FiniteStateSource(ABC):
    """A stationary source given by edges: from each state (letter, next state, numerator over `total`).

    Subclasses give `letters`, `total`, a power of two (so that every probability is exact in float64), and `edges`; the
    states must form one closed class. All logarithms are natural: entropies are in nats.
    """

    @property
    @abstractmethod
    def letters(self) -> int:
        """How many letters there are."""

    @property
    @abstractmethod
    def total(self) -> int:
        """The denominator of every probability."""

    @property
    @abstractmethod
    def edges(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        """For each state its edges (letter, next state, numerator); the numerators of a state add up to `total`."""

    @property
    def states(self) -> int:
        """How many states there are."""
        return len(self.edges)

    @cached_property
    def transitions(self) -> NDArray[np.float64]:
        """P(letter, next state | state), exact: shape (letters, states, states)."""
        table = np.zeros((self.letters, self.states, self.states))
        for state, edges in enumerate(self.edges):
            for letter, after, numerator in edges:
                table[letter, state, after] += numerator / self.total
        table.setflags(write=False)
        return table

    @cached_property
    def stationary(self) -> tuple[Fraction, ...]:
        """The exact stationary law over states, solved over the rationals.

        Raises:
            ValueError: there are several.
        """
        # Columns are "from": (T - 1) pi = 0, its last row replaced by sum pi = 1.
        matrix = flint.fmpq_mat(self.states, self.states)
        for state, edges in enumerate(self.edges):
            matrix[state, state] -= 1
            for _, after, numerator in edges:
                matrix[after, state] += flint.fmpq(numerator, self.total)
        for state in range(self.states):
            matrix[self.states - 1, state] = 1
        ones = flint.fmpq_mat(self.states, 1)
        ones[self.states - 1, 0] = 1
        try:
            solution = matrix.solve(ones)
        except ZeroDivisionError as error:
            raise ValueError(
                f"{self}: its states form several closed classes, so no stationary law is the one"
            ) from error
        return tuple(Fraction(int(solution[i, 0].p), int(solution[i, 0].q)) for i in range(self.states))

    @cached_property
    def unifilar(self) -> bool:
        """Whether state and letter determine the next state, so that the entropy rate is a finite sum."""
        return all(len({letter for letter, _, _ in edges}) == len(edges) for edges in self.edges)

    # --- laws -------------------------------------------------------------------------------------------------

    def laws(self, prefixes: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """The law of the next letter after each beginning of a stationary text: shape (n, letters).

        Nothing is known of what came before a prefix: the first state has the stationary law. Each probability is
        within `law_error(length of the prefix)` of the exact one: only sums and products of nonnegative numbers occur.

        Raises:
            ValueError: an id that is no letter, or a prefix that the source never emits; names prefix and position.
        """
        belief = np.tile([float(weight) for weight in self.stationary], (len(prefixes), 1))
        lengths = np.array([len(prefix) for prefix in prefixes], dtype=np.int64)
        padded = np.full((len(prefixes), int(lengths.max(initial=0))), -1, dtype=np.int64)
        for row, prefix in zip(padded, prefixes, strict=True):
            row[: len(prefix)] = prefix
        inside = np.arange(padded.shape[1]) < lengths[:, None]
        self._refuse(padded, inside & ((padded < 0) | (padded >= self.letters)), "is no letter of")
        for t in range(padded.shape[1]):
            for letter in range(self.letters):
                rows = (padded[:, t] == letter) & inside[:, t]
                belief[rows] = belief[rows] @ self.transitions[letter]
            mass = belief.sum(axis=1, keepdims=True)
            self._refuse(padded, (np.arange(padded.shape[1]) == t) & (mass == 0), "cannot be the next letter of")
            belief /= mass
        laws: NDArray[np.float64] = belief @ self.transitions.sum(axis=2).T
        laws /= laws.sum(axis=1, keepdims=True)
        return laws

    def law_error(self, length: int) -> float:
        """A bound on the absolute error of the probabilities of `laws` after a prefix of this length."""
        return 2 * (length + 2) * (self.states + self.letters + 4) * UNIT

    def _refuse(self, padded: NDArray[np.int64], wrong: NDArray[np.bool_], why: str) -> None:
        if wrong.any():
            i, t = (int(n) for n in np.argwhere(wrong)[0])
            raise ValueError(f"prefix {i}: id {padded[i, t]} at position {t} {why} {self}")

    def sample(self, n: int, seed: int) -> NDArray[np.int64]:
        """A stationary text of n letters, as ids; the same for the same seed.

        Each letter is drawn exactly (a uniform integer below `total`); the first state is drawn from the stationary law
        rounded to float64.
        """
        if n < 0:
            raise ValueError(f"n is {n}: a text has no negative length")
        rng = np.random.default_rng(seed)
        return np.array(self._walk(self._start(rng), rng, n), dtype=np.int64)

    def _start(self, rng: np.random.Generator) -> int:
        cumulative = np.cumsum([float(weight) for weight in self.stationary])
        return min(int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")), self.states - 1)

    def _walk(self, state: int, rng: np.random.Generator, n: int) -> list[int]:
        tops = [list(itertools.accumulate(numerator for _, _, numerator in edges)) for edges in self.edges]
        text = []
        for draw in rng.integers(0, self.total, size=n).tolist():
            edge = next(i for i, top in enumerate(tops[state]) if draw < top)
            letter, state, _ = self.edges[state][edge]
            text.append(letter)
        return text

    # --- entropies --------------------------------------------------------------------------------------------

    def _word_entropies(self, length: int, start: NDArray[np.float64]) -> list[Interval]:
        """H of the first `length` letters from each row of `start`, a law over states: shape (rows, states)."""
        size = len(start) * self.states * self.letters**length
        if length < 0 or size > WORDS * self.states:
            raise ValueError(f"words of {length} letters: {size} entries, at most {WORDS * self.states} are held")
        alpha = start
        for _ in range(length):
            alpha = np.einsum("rs,wst->rwt", alpha, self.transitions).reshape(-1, self.states)
        words = alpha.sum(axis=1).reshape(len(start), -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(words > 0, -words * np.log(words), 0.0)
        relative = (length + 2) * (self.states + 2) * UNIT  # of each probability of a word
        entropies = []
        for row in terms:
            value = math.fsum(row.tolist())
            error = 2 * (relative + 4 * UNIT) * (value + 1)
            entropies.append(Interval(max(0.0, value - error), value + error))
        return entropies

    def block_entropy(self, length: int) -> Interval:
        """H(W_1 .. W_length) of the stationary source, with its rounding.

        Raises:
            ValueError: more words than can be held.
        """
        return self._word_entropies(length, np.array([[float(weight) for weight in self.stationary]]))[0]

    def entropy_rate_bounds(self, length: int | None = None) -> Interval:
        """An interval with the entropy of a letter given the whole past.

        Where state and letter determine the next state it is sum_s pi(s) H(letter given s), to its rounding. Else
        H(W_n given W_1 .. W_{n-1}, first state) <= rate <= H(W_n given W_1 .. W_{n-1}), n = `length`, or the largest
        that can be held.
        """
        if self.unifilar:
            terms = [
                float(weight * numerator / self.total) * -math.log(numerator / self.total)
                for weight, edges in zip(self.stationary, self.edges, strict=True)
                for _, _, numerator in edges
            ]
            value = math.fsum(terms)
            return Interval(value * (1 - 8 * UNIT), value * (1 + 8 * UNIT))
        if length is None:
            length = max(2, int(math.log(WORDS / self.states, self.letters)))
        upper = self.block_entropy(length) - self.block_entropy(length - 1)
        lower = Interval(0.0, 0.0)
        known = np.eye(self.states)
        for weight, long, short in zip(
            self.stationary, self._word_entropies(length, known), self._word_entropies(length - 1, known), strict=True
        ):
            step = (long - short).low
            lower = lower + Interval(step * float(weight) - 2 * UNIT, step * float(weight) + 2 * UNIT)
        return Interval(max(0.0, lower.low), upper.high)

    def surplus(self, tokens: int) -> Interval:
        """I(W_{<t}; W_{t+1} .. W_{t+K-1} given W_t) in nats, K = `tokens`, W_{<t} the whole past: the exact surplus.

        It is H(W_1 .. W_K) - H(W_1) - (K - 1) times the entropy rate: of K - 1 further tokens, what the past still
        says once the next token is known. arXiv:2507.19247, (4.2).
        """
        if tokens < 1:
            raise ValueError(f"a surplus of {tokens} tokens: at least one is predicted")
        rest = self.entropy_rate_bounds() * (tokens - 1)
        value = self.block_entropy(tokens) - self.block_entropy(1) - rest
        return Interval(max(0.0, value.low), max(0.0, value.high))
