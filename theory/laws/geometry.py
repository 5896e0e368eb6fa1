"""G. Information geometry: the Fisher-Rao metric pulled back along a linear softmax head.

Every V and d, with a bias; u and v are directions of the space of hidden states.
"""

from __future__ import annotations

from fractions import Fraction

from ..analytic import E, along, cov, derivative, log_probability, pullback_metric, times, token
from ..claims import Claim, Source, Twin, Worked
from ..expressions import (
    ZERO,
    Dimension,
    Direction,
    Entry,
    Equal,
    Head,
    LessEq,
    Logit,
    LogPartition,
    Point,
    Rank,
    Size,
    Softmax,
    Sum,
    Symbol,
)
from ..terms import id, objects

head = Head("head", objects("V")[0])
h, u, v = Point("h", head), Direction("u", head), Direction("v", head)
metric = pullback_metric(h, u, v)
hessian = derivative(derivative(LogPartition(h), h, v), h, u)
BINARY = {"W": [[1], [0]], "h": [0], "u": [1], "v": [1]}
SEC6 = Source("arXiv:2507.19247v2", "(6.2), (6.4)")

metric_is_hessian = Claim(
    id="G1.a",
    says="the pullback metric is the Hessian of the log-partition: the covariance of the logit directions",
    holds=Equal(hessian, metric),
    source=SEC6,
    worked=Worked(BINARY, "1/4"),
    twins=(
        Twin("not centred", Equal(hessian, E(h, times(along(u), along(v))))),
        Twin("off by one percent", Equal(hessian, Fraction(101, 100) * metric)),
    ),
)
score_u = derivative(log_probability(h, token(head)), h, u)
score_v = derivative(log_probability(h, token(head)), h, v)
metric_is_score_product = Claim(
    id="G1.b",
    says="the pullback metric is the expected outer product of the score",
    holds=Equal(Sum(token(head), Softmax(h, token(head)) * score_u * score_v), metric),
    source=SEC6,
    worked=Worked(BINARY, "1/4"),
    twins=(
        Twin("the score against the logits", Equal(E(h, times(along(u), along(v))), cov(h, along(u), along(v)))),
        Twin(
            "the square of the law", Equal(Sum(token(head), Softmax(h, token(head)) ** 2 * score_u * score_v), metric)
        ),
    ),
)
a, b = token(head, "a"), token(head, "b")
weights = Softmax(h, a) * Entry(id(head.tokens), (a,), (b,)) - Softmax(h, a) * Softmax(h, b)
metric_is_matrix = Claim(
    id="G1.c",
    says="the pullback metric is W^T (diag p - p p^T) W",
    holds=Equal(Sum(a, Sum(b, Logit(u, a) * weights * Logit(v, b))), metric),
    source=SEC6,
    worked=Worked(BINARY, "1/4"),
    twins=(
        Twin("without p p^T", Equal(Sum(a, Softmax(h, a) * Logit(u, a) * Logit(v, a)), metric)),
        Twin(
            "off by one percent", Equal(Sum(a, Sum(b, Logit(u, a) * weights * Logit(v, b))), Fraction(99, 100) * metric)
        ),
    ),
)
necessarily_degenerate = Claim(
    id="G4.a",
    says="the pullback metric is necessarily degenerate",
    holds=LessEq(Rank(metric, u, v), Dimension(head) - 1),
    source=Source("arXiv:2507.19247v2", "Section 6.1, functional anisotropy"),
    expects="refuted",
    neighbour="G4.b",
)
degenerate_along_constants = Claim(
    id="G4.b",
    says="the pullback metric vanishes along a direction that moves all logits equally",
    holds=Equal(metric, ZERO),
    given=(Equal(Logit(u, token(head)), Symbol("c")),),
    source=Source("lmlaws", "what is true of G4"),
    worked=Worked({"W": [[1], [1]], "h": [0], "u": [1], "v": [1], "c": "1"}, "0"),
    twins=(
        Twin("without the hypothesis", given=()),
        Twin("not centred", Equal(E(h, times(along(u), along(v))), ZERO)),
    ),
)

mean_logit = Size(head.tokens) ** -1 * Sum(a, Logit(u, a))
spread = Sum(a, (Logit(u, a) - mean_logit) ** 2)
variance = cov(h, along(u), along(u))
boehning = Claim(
    id="G8.a",
    says="the pullback metric is at most half the centred logits' sum of squares, whatever the hidden state",
    holds=LessEq(variance, Fraction(1, 2) * spread),
    source=Source("Boehning 1992, Multinomial logistic regression algorithm", "Theorem"),
    tight={"W": [[1], [0]], "h": [0], "u": [1]},
    worked=Worked({"W": [[1], [0]], "h": [0], "u": [1]}, "1/4"),
    twins=(
        Twin("reversed", LessEq(Fraction(1, 2) * spread, variance)),
        Twin("off by one percent", LessEq(variance, Fraction(99, 200) * spread)),
    ),
)
low, high, tok = Symbol("low"), Symbol("high"), token(head)
between = (LessEq(low, Logit(u, tok)), LessEq(Logit(u, tok), high))
popoviciu = Claim(
    id="G8.b",
    says="the pullback metric is at most a quarter of the squared range of the logits' change",
    holds=LessEq(variance, Fraction(1, 4) * (high - low) ** 2),
    given=between,
    source=Source("Popoviciu 1935, Sur les equations algebriques ayant toutes leurs racines reelles", "variance bound"),
    tight={"W": [[1], [0]], "h": [0], "u": [1], "low": "0", "high": "1"},
    worked=Worked({"W": [[1], [0]], "h": [0], "u": [1], "low": "0", "high": "1"}, "1/4"),
    twins=(
        Twin("only bounded below", given=between[:1]),
        Twin("off by one percent", LessEq(variance, Fraction(99, 400) * (high - low) ** 2)),
    ),
)
