"""Hypothesis strategies for exact softmax heads and small worlds: contexts with a law, data, an encoder and a head.

What `strategies` says of sizes, denominators and shrinking holds here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from lmlaws.checks.exact.kernels import Kernel, State
from lmlaws.checks.exact.strategies import (
    DENOMINATOR,
    Count,
    Divisors,
    Row,
    _count,
    _denominators,
    _divisors,
    _handed_on,
    _laws,
    objects,
)
from lmlaws.checks.exact.worlds import Design, ExactHead, Vector, World, whitened_designs

__all__ = ["heads", "points", "worlds"]

EXP_ENTRIES = tuple(
    sorted(
        {Fraction(a, b) for a in range(1, 5) for b in range(1, 5)},
        key=lambda t: (t.numerator + t.denominator, t.denominator),
    )
)
"""The values of exp(h_i) and exp(b_v): quotients of 1..4, simplest first."""


def heads(
    tokens: Count = None, dimension: Count = None, *, reach: int = 2, bias: bool = True
) -> SearchStrategy[ExactHead]:
    """Softmax heads with embeddings in -reach..reach and exp(b) among quotients of 1..4 (all 1 with bias=False).

    By default 2 to 4 tokens and 1 or 2 dimensions. They shrink to zero embeddings without bias.
    """
    return _heads(_count(tokens, objects(least=2)), _count(dimension, objects(2)), reach, bias)


def points(dimension: Count = None) -> SearchStrategy[Vector]:
    """Hidden states as exp(h), each entry a quotient of 1..4; they shrink to h = 0."""
    return _count(dimension, objects(2)).flatmap(lambda d: st.tuples(*[st.sampled_from(EXP_ENTRIES)] * d))


def worlds(
    contexts: Count = None,
    tokens: Count = None,
    dimension: Count = None,
    *,
    whitened: bool = False,
    fitted: bool = False,
    flipping: bool = False,
    denominator: int = DENOMINATOR,
) -> SearchStrategy[World]:
    """Worlds with at most 4 contexts, 2 to 4 tokens and 1 or 2 dimensions, unless other numbers are given.

    whitened: E h = 0 and E h h^T = log(2)^2 times the identity (`worlds.whitened_designs`). fitted: the data's kernel
    is the model's. flipping: the encoder is no function, it sends context 0, which has mass, to two hidden states at
    least; without it the encoder is a function. The three combine freely. Hidden states are pairwise distinct;
    contexts may share one, and may have no mass.

    ValueError, on drawing, for a whitened world without coin flips on fewer than dimension + 1 contexts, and for a
    whitened one of more than two dimensions.
    """
    if whitened:  # enumerated here, once, so that no draw pays for it
        for d in (1, 2):
            whitened_designs(d)
    return _worlds(heads(tokens, dimension), contexts, _divisors(denominator), whitened, fitted, flipping)


Encoding: TypeAlias = tuple[State, Kernel, Sequence[Vector], list[Row]]  # law, encoder, points, rows of the data


@st.composite
def _heads(
    draw: DrawFn, tokens: SearchStrategy[int], dimension: SearchStrategy[int], reach: int, bias: bool
) -> ExactHead:
    size, d = draw(tokens), draw(dimension)
    embedding = st.tuples(*[st.integers(-reach, reach)] * d)
    weights = st.sampled_from(EXP_ENTRIES) if bias else st.just(Fraction(1))
    rows = [(draw(embedding), draw(weights)) for _ in range(size)]
    return ExactHead(tuple(row for row, _ in rows), tuple(weight for _, weight in rows))


@st.composite
def _worlds(
    draw: DrawFn,
    heads: SearchStrategy[ExactHead],
    contexts: Count,
    divisors: Divisors,
    whitened: bool,
    fitted: bool,
    flipping: bool,
) -> World:
    head = draw(heads)
    told = st.just([]) if fitted else _laws(divisors, [0] * head.tokens)
    encodings = _whitened if whitened else _encodings
    mu, encoder, points, data = draw(encodings(contexts, head.dimension, divisors, flipping, told))
    return World(mu, encoder >> head.kernel(points) if fitted else Kernel(data), encoder, points, head)


@st.composite
def _encodings(
    draw: DrawFn, contexts: Count, dimension: int, divisors: Divisors, flipping: bool, told: SearchStrategy[Row]
) -> Encoding:
    pool = list(product(EXP_ENTRIES, repeat=dimension))
    m = draw(st.integers(1 + flipping, 4))
    points = [pool.pop(draw(st.integers(0, len(pool) - 1))) for _ in range(m)]
    functions = st.integers(0, m - 1).map(lambda image: [Fraction(int(i == image)) for i in range(m)])
    d = draw(_denominators(divisors, 1))
    n = draw(_count(contexts, objects()))
    mass, left, rows = [Fraction(0)] * n, d - flipping, []
    for x in range(n):
        coins = _laws(divisors, [int(x == 0 and i < 2) for i in range(m)])
        on, *row = draw(st.tuples(_handed_on(left, n - 1 - x), coins if flipping else functions, told))
        mass[x], left = Fraction(left - on + (flipping and x == 0), d), on
        rows.append(row)
    return State(mass), Kernel([code for code, _ in rows]), points, [data for _, data in rows]


@st.composite
def _whitened(
    draw: DrawFn, contexts: Count, dimension: int, divisors: Divisors, flipping: bool, told: SearchStrategy[Row]
) -> Encoding:
    """A mixture of two designs as the law of the hidden states, and contexts that produce exactly this law."""
    n = draw(_count(contexts, objects(least=1 if flipping else dimension + 1)))
    if n <= dimension and not flipping:
        raise ValueError(
            f"whitening in dimension {dimension} needs {dimension + 1} contexts at least, and there are {n}; "
            "with flipping=True any number will do"
        )
    design = draw(_designs(dimension, 4 if flipping else n))
    hidden, m = State(design.law), len(design.law)
    points = [tuple(Fraction(2) ** k for k in z) for z in design.points]
    if flipping:  # every hidden state is reached from context 0
        back = Kernel([draw(_laws(divisors, [1] + [0] * (n - 1))) for _ in range(m)])
        mu, encoder = hidden >> back, back.invert(hidden)
    else:
        images = [*range(m), *(draw(st.integers(0, m - 1)) for _ in range(n - m))]
        mass = [Fraction(0)] * n
        for i, weight in enumerate(design.law):
            sharing = [x for x in range(n) if images[x] == i]
            for x, share in zip(sharing, draw(_laws(divisors, [0] * len(sharing)))):
                mass[x] = weight * share
        mu, encoder = State(mass), Kernel.from_function(n, m, lambda x: images[x])
    return mu, encoder, points, [draw(told) for _ in range(n)]


@st.composite
def _designs(draw: DrawFn, dimension: int, most: int) -> Design:
    """A whitened law on at most this many points: an extreme one, or a mixture of two."""
    known = whitened_designs(dimension)
    one = draw(st.sampled_from([x for x in known if len(x.points) <= most]))
    fitting = [x for x in known if x is not one and len({*x.points, *one.points}) <= most]
    other = draw(st.just(one) | st.sampled_from(fitting)) if fitting else one
    share = draw(st.sampled_from([Fraction(n, 4) for n in (2, 1, 3)]))
    law = dict.fromkeys((*one.points, *other.points), Fraction(0))
    for design, part in ((one, share), (other, 1 - share)):
        for z, weight in zip(design.points, design.law):
            law[z] += part * weight
    return Design(tuple(law), tuple(law.values()))
