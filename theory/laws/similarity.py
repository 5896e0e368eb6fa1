"""P. Predictive similarity: kernels between next-token laws, and how positive they are.

Finitely many laws k(i) are the rows of a kernel, and real numbers c(i) the logits of a direction, which can be any.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from ..analytic import quadratic
from ..claims import Claim, Source, Twin, Worked
from ..expressions import (
    ONE,
    ZERO,
    Array,
    Direction,
    DivergenceOf,
    Element,
    Equal,
    Exp,
    Expr,
    Head,
    LessEq,
    Letter,
    Logit,
    Sum,
)
from ..quantities import D, bhattacharyya, entry
from ..terms import Term, function, kernel, objects, state
from .divergence import COIN, FAIR, POINT, at

S, V = objects("I V")
rows, weight = kernel("k", S, V), Direction("c", Head("weights", S))
i, j, w = Letter("i", S), Letter("j", S), Letter("w", V)
TWO = {"k": [["1", "0"], ["1/2", "1/2"]], "W": [[1], [-1]], "c": [1]}
ALIKE = {"k": [["1/2", "1/2"], ["1/2", "1/2"]], "W": [[1], [-1]], "c": [1]}


def form(similarity: Expr) -> Expr:
    """The quadratic form of a similarity of the laws at i and j."""
    return Sum(i, Sum(j, Logit(weight, i) * Logit(weight, j) * similarity))


def power(exponent: Fraction) -> Expr:
    """The sum over tokens of the product of both laws to a power: BC for 1/2, the linear kernel for 1."""
    return Sum(w, entry(rows, (i,), (w,)) ** exponent * entry(rows, (j,), (w,)) ** exponent)


positive = [
    Claim(
        id=f"P4.{name}",
        says=f"the {words} of finitely many laws is positive semidefinite",
        holds=LessEq(ZERO, form(power(exponent))),
        source=Source("arXiv:2507.19247v2", "Definition 7.3"),
        tight=ALIKE,
        worked=Worked(TWO, "0"),
        twins=(
            Twin("reversed", LessEq(form(power(exponent)), ZERO)),
            Twin("without the laws alike", LessEq(ZERO, form(power(exponent) - 1))),
        ),
    )
    for name, words, exponent in (
        ("BC", "Bhattacharyya kernel", Fraction(1, 2)),
        ("linear", "linear kernel", Fraction(1)),
    )
]

p, q, r, v = state("p", V), state("q", V), state("r", V), Letter("v", V)
DEF73 = Source("arXiv:2507.19247v2", "Definition 7.3")
SCALE = Fraction(1, 16)


def jeffreys(left: Term, right: Term) -> Expr:
    """J, the sum of both KL divergences."""
    return D("KL", left, right) + D("KL", right, left)


def determinant(kernel_of: Callable[[Term, Term], Expr]) -> Expr:
    """The determinant of the 3 x 3 matrix of similarities of p, q, r, each 1 with itself."""
    a, b, c = kernel_of(p, q), kernel_of(q, r), kernel_of(p, r)
    return 1 + 2 * a * b * c - a**2 - b**2 - c**2


jeffreys_kernel = Claim(
    id="P5.J",
    says="exp(-beta J), J the symmetrised KL divergence, is positive semidefinite: at beta = 1/16, for three laws",
    holds=LessEq(ZERO, determinant(lambda one, two: Exp(-SCALE * jeffreys(one, two)))),
    source=DEF73,
    expects="refuted",
    neighbour="P5.JS",
)


def through(divergence: Callable[[Term, Term], Expr]) -> LessEq:
    """What a squared distance in a Hilbert space obeys: to q at most twice the sum of those to r, from p and from q."""
    return LessEq(divergence(p, q), 2 * (divergence(p, r) + divergence(q, r)))


def jensen_shannon(one: Term, two: Term) -> DivergenceOf:
    """The Jensen-Shannon divergence."""
    return D("JS", one, two)


jeffreys_distance = Claim(
    id="P5.J.distance",
    says="J is a squared distance in a Hilbert space, as positivity of exp(-beta J) for every beta asks",
    holds=through(jeffreys),
    source=DEF73,
    expects="refuted",
    neighbour="P5.JS",
)
js_distance = Claim(
    id="P5.JS",
    says="of JS, which is one: JS(p,q) <= 2(JS(p,r) + JS(q,r))",
    holds=through(jensen_shannon),
    source=Source("Fuglede and Topsoe 2004, Jensen-Shannon divergence and Hilbert space embedding", "Theorem 1"),
    tight={"p": FAIR, "q": FAIR, "r": FAIR},
    worked=Worked({"p": POINT, "q": FAIR, "r": FAIR}, COIN["JS"]),
    twins=(
        Twin("J for JS", through(jeffreys)),
        Twin("without twice", LessEq(D("JS", p, q), D("JS", p, r) + D("JS", q, r))),
    ),
)
overlap, collisions = Sum(v, at(p, v) * at(q, v)), Sum(v, at(p, v) ** 2)
linear_order = Claim(
    id="P6.linear",
    says="higher K, smaller distance, for the linear kernel: no law is more similar to p than p itself",
    holds=LessEq(overlap, collisions),
    source=DEF73,
    expects="refuted",
    neighbour="P6.linear.TV",
)
linear_tv = Claim(
    id="P6.linear.TV",
    says="the total variation is at most one minus the linear kernel",
    holds=LessEq(D("TV", p, q), 1 - overlap),
    source=Source("lmlaws", "what is true of P6"),
    tight={"p": POINT, "q": FAIR},
    worked=Worked({"p": POINT, "q": FAIR}, "1/2"),
    twins=(
        Twin("reversed", LessEq(1 - overlap, D("TV", p, q))),
        Twin("off by one percent", LessEq(D("TV", p, q), Fraction(99, 100) * (1 - overlap))),
    ),
)
SIMILARITIES: dict[str, tuple[Callable[[Term, Term], Expr], str]] = {
    "BC": (bhattacharyya, "sqrt(1/2)"),
    "gauss": (lambda one, two: Exp(-2 * (1 - bhattacharyya(one, two))), "exp(sqrt(2) - 2)"),
    "JS": (lambda one, two: Exp(-D("JS", one, two)), "exp(3/4*log(3) - 3/2*log(2))"),
}
"""The kernels of Definition 7.3 that decrease with a distance, with their values at (1, 0) and (1/2, 1/2)."""
self_similar = [
    Claim(
        id=f"P6.{name}",
        says=f"higher K, smaller distance, for the {name} kernel: no law is more similar to p than p itself",
        holds=LessEq(similarity(p, q), similarity(p, p)),
        source=DEF73,
        tight={"p": FAIR, "q": FAIR},
        worked=Worked({"p": POINT, "q": FAIR}, value),
        twins=(
            Twin("reversed", LessEq(similarity(p, p), similarity(p, q))),
            Twin("off by one percent", LessEq(similarity(p, q), Fraction(99, 100) * similarity(p, p))),
        ),
    )
    for name, (similarity, value) in SIMILARITIES.items()
]

X, W, H = objects("X W H")
P, c_head = kernel("P", X, W, role="data"), kernel("c", H, W)
encode, blurred = function("f", X, H, role="encoder"), kernel("e", X, H, role="encoder")
x, z, o = Letter("x", X), Letter("z", X), Letter("y", X)
s, y = Letter("h", H), Letter("w", W)
shared = Sum(s, entry(encode, (x,), (s,)) * entry(encode, (z,), (s,)))


def likelihood(law: Term, one: Letter, two: Letter) -> Expr:
    """The linear kernel of the laws of two contexts."""
    return Sum(y, entry(law, (one,), (y,)) * entry(law, (two,), (y,)))


def alike(law: Term, when: Expr) -> Equal:
    """The contexts x and z have one similarity to the context y, where `when` is not zero."""
    return Equal(when * likelihood(law, x, o), when * likelihood(law, z, o))


well_defined = Claim(
    id="P7.a",
    says="v1's operator acts on functions of the hidden state: contexts that share it have one similarity to any other",
    holds=alike(P, shared),
    source=Source("arXiv:2507.19247", "v1 Definition 7.5, (7.6)"),
    expects="refuted",
    neighbour="P7.b",
)
defined_where_sufficient = Claim(
    id="P7.b",
    says="so it is where the data's law depends on the context through the hidden state only",
    holds=alike(encode >> c_head, shared),
    source=Source("lmlaws", "what is true of P7"),
    worked=Worked({"f": [["1"]], "c": [FAIR]}, "1/2"),
    twins=(
        Twin("another encoder, with noise", alike(blurred >> c_head, shared)),
        Twin("contexts that do not share it", alike(encode >> c_head, ONE)),
    ),
)
K, c = Array("K", (X, X)), Array("c", (X,))


def either_way(one: Letter, two: Letter) -> Expr:
    """A symmetric similarity, as any is: K(x, y) + K(y, x)."""
    return Element(K, (one, two)) + Element(K, (two, one))


nonnegative_spectrum = Claim(
    id="P8.a",
    says="a symmetric similarity with values in R>=0, bounded as it is on finitely many contexts, has a nonnegative "
    "spectrum",
    holds=LessEq(ZERO, quadratic(either_way, c)),
    given=(LessEq(ZERO, Element(K, (x, z))),),
    source=Source("arXiv:2507.19247v2", "Definition 7.5"),
    expects="refuted",
    neighbour="P8.b",
)
back = kernel("r", H, X)
states = Array("c", (H,))


def induced(one: Letter, two: Letter) -> Expr:
    """The linear kernel of contexts, averaged over contexts drawn independently for two hidden states."""
    a, b = Letter("a", X), Letter("b", X)
    return Sum(a, Sum(b, entry(back, (one,), (a,)) * entry(back, (two,), (b,)) * likelihood(P, a, b)))


induced_positive = Claim(
    id="P8.b",
    says="the kernel that the linear one induces on hidden states, as in v2, is positive semidefinite",
    holds=LessEq(ZERO, quadratic(induced, states)),
    source=Source("lmlaws", "what is true of Definition 7.5"),
    tight={"r": [["1"], ["1"]], "P": [FAIR], "c": ["1", "-1"]},
    worked=Worked({"r": [["1"], ["1"]], "P": [FAIR], "c": ["1", "-1"]}, "0"),
    twins=(
        Twin("reversed", LessEq(quadratic(induced, states), ZERO)),
        Twin("less one", LessEq(ZERO, quadratic(induced, states) - 1)),
    ),
)
