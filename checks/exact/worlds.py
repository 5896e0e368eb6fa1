"""Small exact worlds: contexts with a law, a data kernel, an encoder, hidden states and a softmax head.

Hidden states are logs of rationals, h = (log t_1, ..., log t_d), and the output embeddings W are integers. Then the
weights exp(<W_v, h> + b_v), the softmax law p_h, E_p g and the pullback metric are rational, and log-partitions and
cross entropies are exact numbers: whatever is said about a world is decided, not estimated.

    >>> head = ExactHead([[1], [0]])
    >>> head.law([2]).weights, head.metric([2])
    ((Fraction(2, 3), Fraction(1, 3)), ((Fraction(2, 9),),))
    >>> print(head.log_partition([2]))
    log(3)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import combinations, combinations_with_replacement, product
from math import prod
from typing import NamedTuple

from flint import fmpq_mat

from lmlaws.checks.exact.finite import show
from lmlaws.checks.exact.kernels import Kernel, State
from lmlaws.checks.exact.numbers import Exact, log, log_sum

__all__ = ["Design", "ExactHead", "Vector", "World", "whitened_designs"]

Vector = tuple[Fraction, ...]

GRID = {1: 3, 2: 2}
"""How far the integer grid of whitened designs reaches, by dimension."""


@dataclass(frozen=True)
class ExactHead:
    """A softmax head: V rows of d integers W, the output embeddings g(v), and exp(b_v) for every token v.

    Without `weights` there is no bias. Every method takes the point as t = exp(h), d positive rationals. ValueError
    when W is empty or ragged, when weights and rows differ in number, when a weight or an entry of t is not positive;
    TypeError for an entry of W that is no integer, and for floats.
    """

    W: Sequence[Sequence[int]]
    weights: Sequence[Fraction | int] = ()

    def __post_init__(self) -> None:
        rows = tuple(map(tuple, self.W))
        if not rows or not rows[0]:
            raise ValueError(f"a head needs at least one token and one dimension, and W is {self.W!r}")
        for v, row in enumerate(rows):
            if len(row) != len(rows[0]):
                raise ValueError(f"row {v} of W has {len(row)} entries, but row 0 has {len(rows[0])}")
            for x in row:
                if not isinstance(x, int):
                    raise TypeError(f"row {v} of W has the entry {x!r}: embeddings are integers, scale the points")
        weights = _positive(self.weights, "weight exp(b)") if len(self.weights) else (Fraction(1),) * len(rows)
        if len(weights) != len(rows):
            raise ValueError(f"the head has {len(rows)} rows of W, but {len(weights)} weights exp(b)")
        object.__setattr__(self, "W", rows)
        object.__setattr__(self, "weights", weights)

    @property
    def tokens(self) -> int:
        """V, the size of the vocabulary."""
        return len(self.W)

    @property
    def dimension(self) -> int:
        """d, the number of entries of a hidden state."""
        return len(self.W[0])

    def exp_logits(self, t: Sequence[Fraction | int]) -> Vector:
        """exp(<W_v, h> + b_v) for every token v: the law before it is divided by its sum."""
        point = _positive(t, "entry of exp(h)")
        if len(point) != self.dimension:
            raise ValueError(f"the point exp(h) has {len(point)} entries, but the head has dimension {self.dimension}")
        return tuple(
            prod((x**k for x, k in zip(point, row)), start=Fraction(b)) for row, b in zip(self.W, self.weights)
        )

    def logits(self, t: Sequence[Fraction | int]) -> tuple[Exact, ...]:
        """<W_v, h> + b_v for every token v, in nats."""
        return tuple(map(log, self.exp_logits(t)))

    def log_partition(self, t: Sequence[Fraction | int]) -> Exact:
        """A(h), the log of the sum of all exp_logits, in nats."""
        return log(sum(self.exp_logits(t)))

    def law(self, t: Sequence[Fraction | int]) -> State:
        """The softmax law p_h over the tokens."""
        raw = self.exp_logits(t)
        return State([x / sum(raw) for x in raw])

    def mean(self, t: Sequence[Fraction | int]) -> Vector:
        """E_p g, the gradient of A at h."""
        return self.expected(self.law(t).weights)

    def metric(self, t: Sequence[Fraction | int]) -> tuple[Vector, ...]:
        """The pullback Fisher-Rao metric g*(h) = Cov_p(g), the Hessian of A at h, row by row."""
        p, axes = self.law(t).weights, range(self.dimension)
        mean = self.expected(p)
        centred = [[x - m for x, m in zip(g, mean)] for g in self.W]
        return tuple(tuple(sum((x * g[i] * g[j] for x, g in zip(p, centred)), Fraction(0)) for j in axes) for i in axes)

    def expected(self, p: Sequence[Fraction]) -> Vector:
        """E_{v~p} g(v) under any law of the tokens, one weight a token."""
        columns = zip(*self.W)
        return tuple(sum((x * y for x, y in zip(p, column, strict=True)), Fraction(0)) for column in columns)

    def kernel(self, points: Sequence[Sequence[Fraction | int]]) -> Kernel:
        """The kernel from the numbers of these points to the tokens."""
        return Kernel([self.law(t).weights for t in points])


@dataclass(frozen=True)
class World:
    """Contexts x with law mu, the data's kernel P(.|x), an encoder to hidden states, and a head that reads them.

    `encoder` leads from contexts to the numbers of `points`; it may flip coins. A point is given as exp(h). Divergences
    and entropies are in nats. TypeError when the kernels do not fit each other, ValueError when the points do not fit
    the encoder or the head.
    """

    mu: State
    data: Kernel
    encoder: Kernel
    points: Sequence[Sequence[Fraction | int]]
    head: ExactHead

    def __post_init__(self) -> None:
        points = tuple(_positive(t, "entry of exp(h)") for t in self.points)
        object.__setattr__(self, "points", points)
        if self.mu.dom:
            raise TypeError(f"the law mu of the contexts is a state, not a kernel {self.mu.type}")
        for name, kernel in (("data", self.data), ("encoder", self.encoder)):
            if kernel.dom != self.mu.cod:
                raise TypeError(f"the {name} kernel {kernel.type} does not start at the contexts {show(self.mu.cod)}")
        for what, cod, count in (
            ("encoder leads to {0} hidden states, but there are {1} points", self.encoder.cod, len(points)),
            ("data has {0} tokens, but the head has {1}", self.data.cod, self.head.tokens),
        ):
            if prod(cod) != count:
                raise ValueError(what.format(prod(cod), count))
        for i, t in enumerate(points):
            if len(t) != self.head.dimension:
                raise ValueError(f"point {i} has {len(t)} entries, but the head has dimension {self.head.dimension}")

    @cached_property
    def head_kernel(self) -> Kernel:
        """The softmax laws of the hidden states: hidden states -> tokens."""
        return Kernel(self.head.kernel(self.points).rows(), self.encoder.cod, self.data.cod)

    @cached_property
    def model(self) -> Kernel:
        """The model's kernel, encoder then head: contexts -> tokens. Its entries are positive."""
        return self.encoder >> self.head_kernel

    @property
    def data_joint(self) -> State:
        """The joint law of context, hidden state and the data's next token."""
        return self.mu.joint(self.encoder).joint(self.data @ Kernel.discard(self.encoder.cod))

    @property
    def model_joint(self) -> State:
        """The joint law of context, hidden state and the model's next token."""
        return self.mu.joint(self.encoder).joint(Kernel.discard(self.mu.cod) @ self.head_kernel)

    @property
    def hidden_law(self) -> State:
        """The law of the hidden state's number, mu >> encoder."""
        return self.mu >> self.encoder

    @cached_property
    def nll(self) -> Exact:
        """The cross entropy -E_{x~mu} E_{w~P(.|x)} log model(w|x); always finite."""
        return log_sum((-weight, q) for weight, _, q in self._pairs())

    @cached_property
    def average_kl(self) -> Exact:
        """E_{x~mu} KL(P(.|x), model(.|x)); always finite."""
        return log_sum((weight, p / q) for weight, p, q in self._pairs())

    @property
    def data_entropy(self) -> Exact:
        """H(token | context) under the data, which is nll - average_kl."""
        return log_sum((-weight, p) for weight, p, _ in self._pairs())

    @property
    def prototypes(self) -> tuple[Vector, ...]:
        """gbar_x = E_{w~P(.|x)} g(w), the mean output embedding under the data, one a context."""
        return tuple(map(self.head.expected, self.data.rows()))

    @property
    def hidden(self) -> tuple[tuple[Exact, ...], ...]:
        """The hidden states h, one a point."""
        return tuple(tuple(map(log, t)) for t in self.points)

    def is_fitted(self) -> bool:
        """Whether the model's kernel is the data's, mu-almost surely."""
        return self.model.equals_almost_surely(self.data, self.mu)

    def is_whitened(self, unit: Exact | None = None) -> bool:
        """Whether E h = 0 and E h h^T = unit^2 times the identity; the unit is log(2) unless another is given."""
        scale = log(2) if unit is None else unit
        axes = range(self.head.dimension)
        law, hidden = self.hidden_law.weights, self.hidden
        means = [Exact.sum(x * h[i] for x, h in zip(law, hidden)) for i in axes]
        seconds = [(i, j, Exact.sum(x * h[i] * h[j] for x, h in zip(law, hidden))) for i in axes for j in axes]
        return all(m == 0 for m in means) and all(m == (scale * scale if i == j else 0) for i, j, m in seconds)

    def _pairs(self) -> Iterable[tuple[Fraction, Fraction, Fraction]]:
        """(mu(x) P(w|x), P(w|x), model(w|x)) wherever the data has mass."""
        for x, data, model in zip(self.mu.weights, self.data.rows(), self.model.rows()):
            yield from ((x * p, p, q) for p, q in zip(data, model) if x and p)


class Design(NamedTuple):
    """Integer points z with a law that has mean 0 and covariance I: h = log(2) z is whitened in units of log(2)."""

    points: tuple[tuple[int, ...], ...]
    law: Vector


@lru_cache
def whitened_designs(dimension: int) -> tuple[Design, ...]:
    """All extreme whitened laws on at most 4 points of a small integer grid, simplest first.

    For each set of points the conditions sum mu = 1, E z = 0, E z z^T = I are linear in mu. Where they have exactly one
    solution, and a positive one, it is an extreme point of the polytope of whitened laws on the grid, so every other
    whitened law on at most 4 points is a mixture of these. The grid is {-3..3} in dimension 1, with 9 of them (+-1 with
    1/2 each; 0 with 3/4 and +-2 with 1/8 each; -2, 0, 1 with 1/6, 1/2, 1/3; ...), and {-2..2}^2 in dimension 2, with
    17.
    ValueError for other dimensions.
    """
    if dimension not in GRID:
        raise ValueError(f"whitened designs are enumerated in dimensions {sorted(GRID)}, not in {dimension}")
    grid = list(product(range(-GRID[dimension], GRID[dimension] + 1), repeat=dimension))
    found = []
    for count in range(dimension + 1, 5):
        for points in combinations(grid, count):
            law = _whitening_law(points)
            if law is not None:
                found.append(Design(points, law))
    return tuple(sorted(found, key=_simplicity))


def _whitening_law(points: Sequence[tuple[int, ...]]) -> Vector | None:
    """The law that whitens these points, when there is exactly one and it is positive."""
    axes = range(len(points[0]))
    squares = list(combinations_with_replacement(axes, 2))
    columns = [[1, *z, *(z[i] * z[j] for i, j in squares)] for z in points]
    columns.append([1, *(0 for _ in axes), *(int(i == j) for i, j in squares)])
    rows = list(zip(*columns))
    reduced, rank = fmpq_mat(len(rows), len(columns), [x for row in rows for x in row]).rref()
    count = len(points)
    if rank != count or not all(reduced[i, i] == 1 and reduced[i, count] > 0 for i in range(count)):
        return None
    return tuple(Fraction(int(x.p), int(x.q)) for x in (reduced[i, count] for i in range(count)))


def _simplicity(design: Design) -> tuple[int, int, int, tuple[tuple[int, ...], ...]]:
    size = sum(abs(x) for z in design.points for x in z)
    return len(design.points), max(x.denominator for x in design.law), size, design.points


def _positive(values: Sequence[Fraction | int], what: str) -> Vector:
    """The values as Fractions; TypeError for floats and texts, ValueError for what is not positive."""
    for x in values:
        if not isinstance(x, int | Fraction):
            raise TypeError(f"the {what} {x!r} of type {type(x).__name__} is not exact: give an int or a Fraction")
        if x <= 0:
            raise ValueError(f"the {what} {x} is not positive")
    return tuple(map(Fraction, values))
