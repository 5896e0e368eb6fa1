"""Known sources: random texts whose conditional law P is known exactly.

Only there can the data's entropy and the average KL of a model be measured against the truth.
"""

import dataclasses
import itertools
import random
import string
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lmlaws.numerics.machines import FiniteStateSource, Interval

# Bound on the relative error of entropy rates: see MarkovSource.entropy_rate.
ENTROPY_RELATIVE_ERROR = 2.0**-50


@runtime_checkable
class Source(Protocol):
    """A stationary random text whose conditional laws are known; letter i is the token with id i."""

    @property
    def letters(self) -> int:
        """How many letters there are."""

    @property
    def name(self) -> str:
        """What it is, in a few words."""

    @property
    def alphabet(self) -> str:
        """The letters, in the order of their ids."""

    @property
    def order(self) -> int | None:
        """How many letters of the past decide the law of the next; None where no number does."""

    def sample(self, n: int, seed: int) -> NDArray[np.int64]:
        """A stationary text of n letters, as ids; the same for the same seed."""

    def laws(self, prefixes: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """The law of the next letter after each prefix: shape (n, letters)."""

    def law_error(self, length: int) -> float:
        """A bound on the absolute error of the probabilities of `laws` after a prefix of this length."""

    def entropy_rate_bounds(self) -> Interval:
        """An interval with the entropy of a letter given the whole past, in nats."""

    def surplus(self, tokens: int) -> Interval:
        """An interval with I(past; W_{t+1} .. W_{t+tokens-1} given W_t), in nats."""


def _composition(rng: random.Random, total: int, parts: int) -> list[int]:
    """A uniformly random composition of `total` into positive parts."""
    cuts = sorted(rng.sample(range(1, total), parts - 1))
    return [b - a for a, b in itertools.pairwise([0, *cuts, total])]


def _refuse_denominator(denominator: int, least: int, of: str) -> None:
    power = denominator > 0 and denominator & (denominator - 1) == 0
    if not power or denominator < least or denominator > 2**32:
        raise ValueError(
            f"denominator is {denominator}: it must be a power of two (probabilities are exact), "
            f"at least {of} ({least}) and at most 2**32"
        )


@dataclass(frozen=True)
class MarkovSource(FiniteStateSource):
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
        _refuse_denominator(self.denominator, self.letters, "the number of letters")
        if self.letters**self.order > 4096:
            raise ValueError(
                f"{self.letters} letters at order {self.order} give {self.letters**self.order} contexts: the exact "
                "stationary law is solved for at most 4096; lower the order or the number of letters"
            )

    @property
    def name(self) -> str:
        """What it is, in a few words."""
        return f"a Markov chain of order {self.order} on {self.letters} letters"

    @property
    def alphabet(self) -> str:
        """The letters, in the order of their ids."""
        return string.ascii_lowercase[: self.letters]

    @cached_property
    def contexts(self) -> tuple[tuple[int, ...], ...]:
        """All contexts of `order` letters, oldest first, in lexicographic order; rows of `table` follow it."""
        return tuple(itertools.product(range(self.letters), repeat=self.order))

    @cached_property
    def numerators(self) -> tuple[tuple[int, ...], ...]:
        """The numerators over `denominator`, a row for each context: shape (letters**order, letters)."""
        rng = random.Random(self.seed)
        return tuple(tuple(_composition(rng, self.denominator, self.letters)) for _ in self.contexts)

    @property
    def total(self) -> int:
        """The denominator of every probability."""
        return self.denominator

    @cached_property
    def edges(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        """The states are the contexts; a letter moves on to the context that ends with it."""
        size = len(self.contexts)
        return tuple(
            tuple((letter, row * self.letters % size + letter, n) for letter, n in enumerate(numerators))
            for row, numerators in enumerate(self.numerators)
        )

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
    def table(self) -> NDArray[np.float64]:
        """All conditional laws, exact in float64: shape (letters**order, letters), rows as `contexts`."""
        table = np.array(self.numerators, dtype=np.float64) / self.denominator
        table.setflags(write=False)
        return table

    def laws(self, prefixes: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """The law of the next letter after each prefix, exact: shape (n, letters).

        Raises:
            ValueError: a prefix of fewer than `order` letters, or an id that is no letter.
        """
        return self.table[[self.index(prefix) for prefix in prefixes]].reshape(len(prefixes), self.letters)

    def law_error(self, length: int) -> float:
        """0: the laws are dyadic."""
        return 0.0

    def entropy_rate(self) -> float:
        """The entropy of a letter given the past, in nats: sum_c pi(c) H(P(.|c)), pi the stationary law.

        Computed from exact rationals: each weight pi(c) P(w|c) is rounded once to float64, each P is exact, each
        log errs by at most an ulp, all terms have one sign and are summed exactly (fsum). The relative error is
        below 2**-50 (`ENTROPY_RELATIVE_ERROR`).
        """
        return self.entropy_rate_bounds().middle

    def sample(self, n: int, seed: int) -> NDArray[np.int64]:
        """A stationary text of n letters, as ids; it begins with the letters of its first context."""
        if n < 0:
            raise ValueError(f"n is {n}: a text has no negative length")
        rng = np.random.default_rng(seed)
        row = self._start(rng)
        text = [*self.contexts[row], *self._walk(row, rng, max(0, n - self.order))]
        return np.array(text[:n], dtype=np.int64)


@dataclass(frozen=True)
class HiddenMarkovSource(FiniteStateSource):
    """A hidden Markov model: the state moves, then emits a letter; no number of letters decides the next law.

    The state stays with half of the mass (so that the past says something about it) and moves by a uniformly random
    composition of the other half over all states; a state emits by such a composition of the whole. All is drawn from
    `seed`, all probabilities are positive.
    """

    hidden: int = 3
    letters: int = 4
    seed: int = 0
    denominator: int = 64

    def __post_init__(self) -> None:
        if not 2 <= self.letters <= 26:
            raise ValueError(f"letters is {self.letters}: between 2 and 26 are supported, one a letter of a-z")
        if not 1 <= self.hidden <= 64:
            raise ValueError(f"hidden is {self.hidden}: between 1 and 64 states are supported")
        least = max(self.letters, 2 * self.hidden)
        _refuse_denominator(self.denominator, least, "letters and twice the hidden states")

    @property
    def name(self) -> str:
        """What it is, in a few words."""
        return f"a hidden Markov model with {self.hidden} states and {self.letters} letters"

    @property
    def alphabet(self) -> str:
        """The letters, in the order of their ids."""
        return string.ascii_lowercase[: self.letters]

    @property
    def order(self) -> None:
        """None: every letter of the past can tell something."""
        return

    @property
    def total(self) -> int:
        """The denominator of every probability."""
        return self.denominator**2

    @cached_property
    def edges(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        """From each state (letter, next state, numerator over `total`)."""
        rng = random.Random(self.seed)
        half = self.denominator // 2
        moves = [_composition(rng, half, self.hidden) for _ in range(self.hidden)]
        emits = [_composition(rng, self.denominator, self.letters) for _ in range(self.hidden)]
        return tuple(
            tuple(
                (letter, after, (moves[state][after] + half * (state == after)) * emits[after][letter])
                for after in range(self.hidden)
                for letter in range(self.letters)
            )
            for state in range(self.hidden)
        )

    def entropy_rate(self) -> float:
        """The middle of `entropy_rate_bounds`."""
        return self.entropy_rate_bounds().middle


@dataclass(frozen=True)
class GrammarSource(FiniteStateSource):
    """A probabilistic context-free grammar: nested brackets of several kinds, at most `depth` deep, and a neutral x.

    Inside a bracket of kind i at depth d the nonterminal A_{i,d} is rewritten as x A_{i,d}, or as
    (_j A_{j,d+1} )_j A_{i,d} for a kind j, or as nothing (the bracket closes); at depth 0 the text never ends. The
    probabilities depend on i and are drawn from `seed`; at the greatest depth the mass of opening goes to closing, at
    depth 0 that of closing to x. So letters have probability zero where the grammar forbids them. The text is a stretch
    from the middle: brackets that were opened before it may close in it. A state is the stack of open brackets.
    """

    kinds: int = 2
    depth: int = 3
    seed: int = 0
    denominator: int = 64

    def __post_init__(self) -> None:
        if not 1 <= self.kinds <= 4:
            raise ValueError(f"kinds is {self.kinds}: between 1 and 4 kinds of brackets are supported")
        if self.depth < 1 or self.states > 1024:
            raise ValueError(f"depth is {self.depth}: at least 1, and at most 1024 stacks are supported")
        _refuse_denominator(self.denominator, self.kinds + 2, "the number of choices")

    @property
    def name(self) -> str:
        """What it is, in a few words."""
        return f"a grammar of {self.kinds} kinds of brackets, {self.depth} deep"

    @property
    def letters(self) -> int:
        """Opening brackets, closing brackets, x."""
        return 2 * self.kinds + 1

    @property
    def alphabet(self) -> str:
        """The letters, in the order of their ids: opening brackets, closing brackets, x."""
        return "([{<"[: self.kinds] + ")]}>"[: self.kinds] + "x"

    @property
    def order(self) -> None:
        """None: a bracket may have been opened any number of letters ago."""
        return

    @property
    def total(self) -> int:
        """The denominator of every probability."""
        return self.denominator

    @property
    def states(self) -> int:
        """The number of stacks."""
        return sum(self.kinds**depth for depth in range(self.depth + 1))

    @cached_property
    def stacks(self) -> tuple[tuple[int, ...], ...]:
        """The stacks of open brackets, outermost first; states follow them."""
        return tuple(
            stack for depth in range(self.depth + 1) for stack in itertools.product(range(self.kinds), repeat=depth)
        )

    @cached_property
    def edges(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        """From each stack (letter, next stack, numerator over `total`)."""
        rng = random.Random(self.seed)
        rules = [_composition(rng, self.denominator, self.kinds + 2) for _ in range(self.kinds + 1)]
        number = {stack: i for i, stack in enumerate(self.stacks)}
        edges = []
        for stack in self.stacks:
            *opens, close, neutral = rules[stack[-1] if stack else self.kinds]
            if not stack:
                close, neutral = 0, neutral + close
            elif len(stack) == self.depth:
                opens, close = [], close + sum(opens)
            row = [(kind, number[(*stack, kind)], n) for kind, n in enumerate(opens)]
            row += [(self.kinds + stack[-1], number[stack[:-1]], close)] if stack else []
            edges.append((*row, (2 * self.kinds, number[stack], neutral)))
        return tuple(edges)

    def entropy_rate(self) -> float:
        """sum over stacks of pi(stack) H(letter given stack): letters determine the stack from the first one on."""
        return self.entropy_rate_bounds().middle


KINDS: dict[str, type[MarkovSource | HiddenMarkovSource | GrammarSource]] = {
    kind.__name__: kind for kind in (MarkovSource, HiddenMarkovSource, GrammarSource)
}


def describe(source: Source) -> dict[str, Any]:
    """A source as JSON can hold it; `from_description` is the inverse."""
    settings: Any = source  # a dataclass, as each of `KINDS` is
    return {"kind": type(source).__name__, **dataclasses.asdict(settings)}


def from_description(description: dict[str, Any]) -> MarkovSource | HiddenMarkovSource | GrammarSource:
    """The source of `describe`.

    Raises:
        ValueError: of a kind that is not known, or with settings that it does not have.
    """
    settings = dict(description)
    kind = settings.pop("kind", None)
    if kind not in KINDS:
        raise ValueError(f"a source of kind {kind!r}: known are {', '.join(KINDS)}")
    try:
        return KINDS[kind](**settings)
    except TypeError as error:
        raise ValueError(f"a source of kind {kind}: {error}") from error
