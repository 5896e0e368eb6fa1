"""D. Divergences: data processing, and the constants that tie them to each other.

Definitions chosen: TV is half the L1 norm; the squared Hellinger distance is 2(1 - BC), as the paper has it.
"""

from __future__ import annotations

from fractions import Fraction

from ..claims import Claim, Source, Twin, Worked
from ..expressions import LessEq
from ..quantities import D, bhattacharyya
from ..terms import kernel, objects, state

X, Y = objects("X Y")
p, q, k = state("p", X), state("q", X), kernel("k", X, Y)
POINT, FAIR, BLUR = ["1", "0"], ["1/2", "1/2"], [["3/4", "1/4"], ["1/4", "3/4"]]
UNIT = [["1", "0"], ["0", "1"]]

data_processing = [
    Claim(
        id=f"D1.{name}",
        says=f"no kernel raises the divergence {name} of two laws",
        holds=LessEq(D(name, p >> k, q >> k), D(name, p, q)),
        source=Source("arXiv:2507.19247v2", "Theorem 2.4"),
        tight={"p": POINT, "q": FAIR, "k": UNIT},
        worked=Worked({"p": POINT, "q": FAIR, "k": BLUR}, value),
        twins=(
            Twin("reversed", LessEq(D(name, p, q), D(name, p >> k, q >> k))),
            Twin("off by one percent", LessEq(D(name, p >> k, q >> k), Fraction(99, 100) * D(name, p, q))),
        ),
    )
    for name, value in (("KL", "3/4*log(3) - log(2)"), ("TV", "1/4"))
]

hellinger_squared = 2 * (1 - bhattacharyya(p, q))
hellinger_half = Claim(
    id="D7.a",
    says="the squared Hellinger distance 2(1 - BC) is at most half the KL divergence",
    holds=LessEq(hellinger_squared, Fraction(1, 2) * D("KL", p, q)),
    source=Source("arXiv:2507.19247v2", "Theorem 7.1 with Definition 7.3"),
    expects="refuted",
    neighbour="D7.b",
)
hellinger_one = Claim(
    id="D7.b",
    says="the squared Hellinger distance 2(1 - BC) is at most the KL divergence",
    holds=LessEq(hellinger_squared, D("KL", p, q)),
    source=Source("Tsybakov 2009, Introduction to Nonparametric Estimation", "Lemma 2.4"),
    tight={"p": FAIR, "q": FAIR},
    worked=Worked({"p": POINT, "q": FAIR}, "2 - sqrt(2)"),
    twins=(
        Twin("reversed", LessEq(D("KL", p, q), hellinger_squared)),
        Twin("off by one percent", LessEq(hellinger_squared, Fraction(99, 100) * D("KL", p, q))),
    ),
)
