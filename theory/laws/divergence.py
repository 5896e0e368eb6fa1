"""D. Divergences: data processing, and the constants that tie them to each other.

Definitions chosen: TV is half the L1 norm; the squared Hellinger distance is 2(1 - BC), as the paper has it.
"""

from __future__ import annotations

from fractions import Fraction

from ..analytic import along, cov, derivative, token
from ..claims import Claim, Instance, Source, Twin, Worked
from ..expressions import (
    ONE,
    Abs,
    Direction,
    Entry,
    Equal,
    Exp,
    Expr,
    Head,
    LessEq,
    Letter,
    Logit,
    Point,
    Softmax,
    Sum,
    log,
)
from ..quantities import D, bhattacharyya, entry
from ..terms import Term, copy, id, kernel, objects, state

X, Y = objects("X Y")
p, q, k, other = state("p", X), state("q", X), kernel("k", X, Y), kernel("l", X, Y)
r, s = state("r", Y), state("s", Y)
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

COIN = {
    "KL": "log(2)",
    "TV": "1/2",
    "chi2": "1",
    "hellinger2": "1 - 1/2*sqrt(2)",
    "JS": "3/2*log(2) - 3/4*log(3)",
    "triangular": "1/3",
    "alpha:1/2": "4 - 2*sqrt(2)",
    "alpha:3": "1/2",
    "renyi:0": "log(2)",
    "renyi:1/2": "log(2)",
    "renyi:3/2": "log(2)",
    "renyi:inf": "log(2)",
}
"""The divergences of (1, 0) from (1/2, 1/2), which are also those of two equal fair bits from two independent ones."""

APART = {"p": POINT, "q": FAIR, "r": POINT, "s": FAIR, "k": BLUR, "l": BLUR}
PERRONE = Source("Perrone 2023, Markov Categories and Entropy (arXiv:2212.11719)", "Section 2")
ERVEN = Source("van Erven and Harremoes 2014, Renyi divergence and Kullback-Leibler divergence", "Theorem 28")


def joint(law: Term, then: Term) -> Term:
    """A law on X together with what a kernel makes of it."""
    return law >> copy(X) >> id(X) @ then


def only(*names: str) -> Instance:
    """Values of these boxes."""
    return {name: APART[name] for name in names}


shared_kernel = [
    Claim(
        id=f"D4.{name}",
        says=f"what one kernel makes of two laws, seen beside its input, changes no {name} of them",
        holds=Equal(D(name, joint(p, k), joint(q, k)), D(name, p, q)),
        source=PERRONE,
        worked=Worked(only("p", "q", "k"), value),
        twins=(
            Twin("two kernels", Equal(D(name, joint(p, k), joint(q, other)), D(name, p, q))),
            Twin("the input unseen", Equal(D(name, p >> k, q >> k), D(name, p, q))),
        ),
    )
    for name, value in COIN.items()
]
chain_rule = Claim(
    id="D4.chain",
    says="the KL divergence of two joint laws is that of the inputs plus the mean one of the kernels",
    holds=Equal(D("KL", joint(p, k), joint(q, other)), D("KL", p, q) + D("KL", k, other, over=p)),
    source=Source("cover2006", "Theorem 2.5.3"),
    worked=Worked({**only("p", "q", "l"), "k": UNIT}, "3*log(2) - log(3)"),
    twins=(
        Twin(
            "averaged over the other law",
            Equal(D("KL", joint(p, k), joint(q, other)), D("KL", p, q) + D("KL", k, other, over=q)),
        ),
        Twin(
            "total variation", Equal(D("TV", joint(p, k), joint(q, other)), D("TV", p, q) + D("TV", k, other, over=p))
        ),
    ),
)
errors = D("KL", p, q) + D("KL", k, other, over=p)
errors_add = Claim(
    id="D4.errors",
    says="the KL divergence of what two models end with is at most what their steps differ by, summed",
    holds=LessEq(D("KL", p >> k, q >> other), errors),
    source=Source("lmlaws", "consequence of the chain rule"),
    tight={**only("p", "q"), "k": UNIT, "l": UNIT},
    worked=Worked(only("p", "q", "k", "l"), "3/4*log(3) - log(2)"),
    twins=(
        Twin("only the last step", LessEq(D("KL", p >> k, q >> other), D("KL", k, other, over=p))),
        Twin("off by one percent", LessEq(D("KL", p >> k, q >> other), Fraction(99, 100) * errors)),
    ),
)
additive = [
    Claim(
        id="D5.a" if name == "KL" else f"D5.c.{name}",
        says=f"the divergence {name} adds up over independent pairs",
        holds=Equal(D(name, p @ r, q @ s), D(name, p, q) + D(name, r, s)),
        source=ERVEN,
        worked=Worked(only("p", "q", "r", "s"), "2*log(2)"),
        twins=(
            Twin("one pair left out", Equal(D(name, p @ r, q @ s), D(name, p, q))),
            Twin("one pair twice", Equal(D(name, p @ r, q @ s), D(name, p, q) + 2 * D(name, r, s))),
        ),
    )
    for name in ("KL", "renyi:0", "renyi:1/2", "renyi:2", "renyi:inf")
]
tv_additive = Claim(
    id="D5.b",
    says="total variation adds up over independent pairs",
    holds=Equal(D("TV", p @ r, q @ s), D("TV", p, q) + D("TV", r, s)),
    source=Source("lmlaws", "beside D5.a"),
    expects="refuted",
    neighbour="D5.a",
)

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
B = objects("B")[0]
mix, one, two = state("m", B), kernel("f", B, X), kernel("g", B, X)
CSISZAR = Source("Liese and Vajda 2006, On divergences and informations (IEEE IT 52)", "Theorem 5")
MIXED = {"m": FAIR, "f": [POINT, POINT], "g": [FAIR, FAIR]}
joint_convexity = [
    Claim(
        id=f"D3.{name}",
        says=f"the divergence {name} is jointly convex: that of two mixtures is at most the mean one",
        holds=LessEq(D(name, mix >> one, mix >> two), D(name, one, two, over=mix)),
        source=CSISZAR,
        tight=MIXED,
        worked=Worked(MIXED, value),
        twins=(
            Twin("reversed", LessEq(D(name, one, two, over=mix), D(name, mix >> one, mix >> two))),
            Twin(
                "off by one percent",
                LessEq(D(name, mix >> one, mix >> two), Fraction(99, 100) * D(name, one, two, over=mix)),
            ),
        ),
    )
    for name, value in COIN.items()
    if not name.startswith("renyi")
]

bc, tv, kl = bhattacharyya(p, q), D("TV", p, q), D("KL", p, q)
FAR, NEAR, PAIR = {"p": POINT, "q": ["0", "1"]}, {"p": FAIR, "q": FAIR}, {"p": POINT, "q": FAIR}
THM71 = Source("arXiv:2507.19247v2", "Theorem 7.1")
TSYBAKOV = Source("Tsybakov 2009, Introduction to Nonparametric Estimation", "Lemmas 2.3 to 2.7")
HALF = Fraction(1, 2)


def bound(id: str, says: str, source: Source, low: Expr, high: Expr, tight: Instance, value: str, near: Expr) -> Claim:
    """low <= high, with its value at (1, 0) and (1/2, 1/2); `near` is a right side that is too small."""
    return Claim(
        id=id,
        says=says,
        holds=LessEq(low, high),
        source=source,
        tight=tight,
        worked=Worked(PAIR, value),
        twins=(Twin("reversed", LessEq(high, low)), Twin("too small", LessEq(low, near))),
    )


bounds = [
    bound("D6.a", "Pinsker: the square of TV is at most half the KL divergence", THM71,
          tv**2, HALF * kl, NEAR, "1/4", Fraction(49, 100) * kl),
    bound("D6.b", "the square of TV is at most the KL divergence, the paper's constant", THM71,
          tv**2, kl, NEAR, "1/4", Fraction(1, 4) * kl),
    bound("D6.c", "the square of the whole L1 norm is at most twice the KL divergence", THM71,
          (2 * tv) ** 2, 2 * kl, NEAR, "1", kl),
    bound("D8.a", "1 - BC is at most the total variation", TSYBAKOV,
          1 - bc, tv, FAR, "1 - 1/2*sqrt(2)", Fraction(99, 100) * tv),
    bound("D8.b", "the total variation is at most the root of 1 - BC^2", TSYBAKOV,
          tv, (1 - bc**2) ** HALF, FAR, "1/2", 1 - bc),
    bound("D8.c", "the KL divergence is at most the log of one plus the chi-squared divergence", TSYBAKOV,
          kl, log(1 + D("chi2", p, q)), PAIR, "log(2)", Fraction(99, 100) * log(1 + D("chi2", p, q))),
    bound("D8.d", "Bretagnolle and Huber: TV is at most the root of 1 - exp(-KL)", TSYBAKOV,
          tv, (1 - Exp(-kl)) ** HALF, NEAR, "1/2", (1 - Exp(-HALF * kl)) ** HALF),
    bound("D8.e", "the Jensen-Shannon divergence is at most log 2 times the total variation",
          Source("Lin 1991, Divergence measures based on the Shannon entropy (IEEE IT 37)", "Theorem 3"),
          D("JS", p, q), log(2) * tv, FAR, "3/2*log(2) - 3/4*log(3)", Fraction(99, 100) * log(2) * tv),
]  # fmt: skip
renyi_grows = [
    bound(f"D8.renyi.{a}.{b}", f"the Renyi divergence of order {a} is at most that of order {b}",
          Source("van Erven and Harremoes 2014, Renyi divergence and Kullback-Leibler divergence", "Theorem 3"),
          D(f"renyi:{a}", p, q), D(f"renyi:{b}", p, q), PAIR, "log(2)", Fraction(99, 100) * D(f"renyi:{b}", p, q))
    for a, b in (("1/4", "1/2"), ("1/2", "1"), ("1", "3/2"), ("3/2", "2"), ("2", "3"))
]  # fmt: skip
limits = [
    Claim(
        id=f"D10.{a}",
        says=f"the Renyi divergence of order {a} is {words}",
        holds=Equal(D(f"renyi:{a}", p, q), value),
        source=Source("van Erven and Harremoes 2014, Renyi divergence and Kullback-Leibler divergence", "Section II"),
        worked=Worked(PAIR, "log(2)"),
        twins=(
            Twin("off by one percent", Equal(D(f"renyi:{a}", p, q), Fraction(101, 100) * value)),
            Twin("the laws exchanged" if a != "1/2" else "without the log", Equal(D(f"renyi:{a}", p, q), other_value)),
        ),
    )
    for a, words, value, other_value in (
        ("1/2", "-2 log BC", -2 * log(bc), 2 - 2 * bc),
        ("1", "the KL divergence", kl, D("KL", q, p)),
        ("2", "the log of one plus chi-squared", log(1 + D("chi2", p, q)), log(1 + D("chi2", q, p))),
    )
]

V = objects("V")[0]
p_v, q_v, k_v = state("p", V), state("q", V), kernel("k", V, Y)
v, y = Letter("v", V), Letter("y", Y)


def at(law: Term, letter: Letter) -> Entry:
    """The probability of a letter under a law."""
    return entry(law, (), (letter,))


def square(left: Term, right: Term, letter: Letter) -> Expr:
    """The squared L2 distance of two laws."""
    return Sum(letter, (at(left, letter) - at(right, letter)) ** 2)


squared_l2 = Claim(
    id="D2",
    says="every dissimilarity obeys data processing, the squared L2 distance for one",
    holds=LessEq(square(p_v >> k_v, q_v >> k_v, y), square(p_v, q_v, v)),
    source=Source("arXiv:2507.19247v2", "Theorem 2.4, without its hypothesis"),
    expects="refuted",
    neighbour="D1.TV",
)
head = Head("head", objects("T")[0])
h, u, w = Point("h", head), Direction("u", head), token(head)
metric, slope = cov(h, along(u), along(u)), derivative(Softmax(h, w), h, u)
COR72 = Source("arXiv:2507.19247v2", "Corollary 7.2, proof sketch")
BINARY = {"W": [[1], [0]], "h": [0], "u": [1]}
near_hellinger = Claim(
    id="D9.a",
    says="near a law of full support the squared Hellinger distance is as the KL divergence: e^2/2 times the metric",
    holds=Equal(Sum(w, derivative(Softmax(h, w) ** HALF, h, u) ** 2), HALF * metric),
    source=COR72,
    expects="refuted",
    neighbour="D9.b",
)
near_hellinger_half = Claim(
    id="D9.b",
    says="near a law of full support the squared Hellinger distance is half the KL divergence: e^2/4 times the metric",
    holds=Equal(Sum(w, derivative(Softmax(h, w) ** HALF, h, u) ** 2), Fraction(1, 4) * metric),
    source=Source("lmlaws", "what is true of D9"),
    worked=Worked(BINARY, "1/16"),
    twins=(
        Twin("as the KL divergence", near_hellinger.statement.holds),
        Twin("not centred", Equal(Sum(w, Softmax(h, w) * Logit(u, w) ** 2) * Fraction(1, 4), metric * Fraction(1, 4))),
    ),
)
near_tv = Claim(
    id="D9.c",
    says="near a law of full support the squared total variation is as the KL divergence",
    holds=Equal((HALF * Sum(w, Abs(slope))) ** 2, HALF * metric),
    source=COR72,
    expects="refuted",
    neighbour="D9.b",
)
boundary = Claim(
    id="D9.d",
    says="of laws at most 1/16 apart in TV the squared Hellinger distance is at most 3/5 of the KL divergence",
    holds=LessEq(2 * (1 - bhattacharyya(p_v, q_v)), Fraction(3, 5) * D("KL", p_v, q_v)),
    given=(LessEq(D("TV", p_v, q_v), ONE / 16),),
    source=COR72,
    expects="refuted",
    neighbour="D7.b",
)
