"""F. What the paper's text leaves open or gets wrong, beyond its numbered statements.

Definitions chosen: TV is half the L1 norm; J(p, q) = KL(p, q) + KL(q, p); conditional quantities of the data are those
of the context's law with the data's kernel. A sentence about a limit is stated by what it would have to bound, with
the numbers in `says`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from ..analytic import cov, prototype, quadratic, token
from ..claims import Claim, Source, Twin, Worked
from ..expressions import (
    ONE,
    ZERO,
    Abs,
    Array,
    At,
    Coordinate,
    Embedding,
    Equal,
    Expr,
    Head,
    LessEq,
    Letter,
    Logit,
    Point,
    Points,
    Size,
    Softmax,
    Sum,
    axes,
    log,
)
from ..quantities import D, H, I, bhattacharyya, categorical_entropy, entry
from ..terms import Term, copy, discard, function, id, kernel, objects, state
from .divergence import FAIR, HALF, POINT, UNIT, at
from .objective import P, Q, mean_kl, mean_tv, mu, over_contexts
from .similarity import jeffreys

X, W, S, V = objects("X W H V")
p, q, r, v = state("p", V), state("q", V), state("r", V), Letter("v", V)
x, z, t = Letter("x", X), Letter("z", X), Letter("w", W)
head = Head("head", objects("T")[0])
h, w, c = Point("h", head), token(head), Array("c", (X,))


def full(law: Term) -> Equal:
    """A law on V gives every letter mass: p/p is 1 there, and 0 where p is 0."""
    return Equal(at(law, v) / at(law, v), ONE)


first, second = categorical_entropy("KL", q), categorical_entropy("KL", r)
onehot = function("p", (), V)
loss_fixes_entropy = Claim(
    id="F1",
    says="v1's hypotheses fix the head's entropy: two heads of one loss on a token have one KL categorical entropy",
    holds=Equal(first, second),
    given=(Equal(D("KL", onehot, q), D("KL", onehot, r)), full(q), full(r)),
    source=Source("arXiv:2507.19247", "v1 Theorem 5.2, (i) to (iii) against (5.4)"),
    expects="refuted",
    neighbour="N5.TV",
)
constant, mean = discard(X) >> state("q", W), mu >> P
best_constant = Claim(
    id="F2.a",
    says="with a constant encoder the average KL is what the context tells of the token, plus KL(mean law, head)",
    about=mu >> copy(X) >> id(X) @ P,
    holds=Equal(D("KL", P, constant, over=mu), I("X", "W") + D("KL", mean, state("q", W))),
    source=Source("lmlaws", "beside Theorem 5.2"),
    worked=Worked({"mu": FAIR, "P": UNIT, "q": FAIR}, "log(2)"),
    twins=(
        Twin("nothing lost", Equal(D("KL", P, constant, over=mu), D("KL", mean, state("q", W)))),
        Twin("reversed", Equal(D("KL", P, constant, over=mu), I("X", "W") + D("KL", state("q", W), mean))),
    ),
)
mean_gap = over_contexts("TV", P) - over_contexts("TV", Q)
loss_suffices = Claim(
    id="F2.c",
    says="the average KL alone bounds the squared difference of the mean TV categorical entropies: at most twice it",
    holds=LessEq(mean_gap**2, 2 * mean_kl),
    source=Source("lmlaws", "what is true and stronger than Theorem 5.2"),
    tight={"mu": FAIR, "P": UNIT, "Q": UNIT},
    worked=Worked({"mu": FAIR, "P": UNIT, "Q": [FAIR, FAIR]}, "1/4"),
    twins=(
        Twin("reversed", LessEq(2 * mean_kl, mean_gap**2)),
        Twin("a third of it", LessEq(mean_gap**2, Fraction(1, 3) * mean_kl)),
    ),
)
entropy_learned = Claim(
    id="F2.b",
    says="the NLL teaches the data's mean entropy: the best head of a constant encoder, the mean law, has it",
    about=mu >> copy(X) >> id(X) @ P,
    holds=Equal(categorical_entropy("KL", mean), H("W", given="X")),
    source=Source("arXiv:2507.19247v2", "Theorem 5.2, as a reading"),
    expects="refuted",
    neighbour="F2.a",
)
verify, drafts, hidden = kernel("verify", S, V), kernel("draft", S, V), state("h", S)
agree = Sum(v, entry(hidden >> copy(S) >> verify @ drafts, (), (v, v)))
diagram = Claim(
    id="F3",
    says="two heads side by side on one hidden state model speculative decoding: they agree with its acceptance 1 - TV",
    holds=Equal(agree, 1 - D("TV", verify, drafts, over=hidden)),
    source=Source("arXiv:2507.19247v2", "Section 4.1, the diagram"),
    expects="refuted",
    neighbour="S6.a",
)


def apart(law: Term) -> Expr:
    """The total variation of a kernel's laws at the contexts x and z."""
    return HALF * Sum(t, Abs(entry(law, (x,), (t,)) - entry(law, (z,), (t,))))


differ, allowed = Abs(apart(P) - apart(Q)), (2 * mean_kl) ** HALF
any_pair = Claim(
    id="F4.a",
    says="for any two contexts of positive mass the model's TV is the data's up to 2 (C L)^(1/k), k = 2, C = 1/2",
    holds=LessEq(differ, allowed),
    given=(Equal(at(mu, x) / at(mu, x), ONE),),
    source=Source("arXiv:2507.19247v2", "Theorem 7.1, (7.3)"),
    expects="refuted",
    neighbour="F4.b",
)
on_average = Sum(x, Sum(z, at(mu, x) * at(mu, z) * differ))
average_pair = Claim(
    id="F4.b",
    says="on average over pairs of contexts it is",
    holds=LessEq(on_average, allowed),
    source=Source("lmlaws", "what is true of (7.3)"),
    tight={"mu": FAIR, "P": UNIT, "Q": UNIT},
    worked=Worked({"mu": FAIR, "P": UNIT, "Q": [FAIR, FAIR]}, "1/2"),
    twins=(
        Twin("reversed", LessEq(allowed, on_average)),
        Twin("a quarter of it", LessEq(on_average, Fraction(1, 4) * allowed)),
    ),
)
average_triangle = Claim(
    id="F4.c",
    says="on average over pairs the distances differ by at most twice the mean error",
    holds=LessEq(on_average, 2 * mean_tv),
    source=Source("arXiv:2507.19247v2", "Theorem 7.1, proof"),
    tight={"mu": POINT, "P": UNIT, "Q": UNIT},
    worked=Worked({"mu": FAIR, "P": UNIT, "Q": [FAIR, FAIR]}, "1/2"),
    twins=(
        Twin("reversed", LessEq(2 * mean_tv, on_average)),
        Twin("half of it", LessEq(on_average, HALF * mean_tv)),
    ),
)
tokens = head.tokens
a_law, next_token = state("p", tokens), kernel("P", X, tokens, role="data")


def alignment(of: Head) -> Callable[[Letter, Letter], Expr]:
    """<gbar_x, gbar_y> with the embeddings of a head."""
    axis = Letter("i", axes(of))
    return lambda one, two: Sum(axis, prototype(of, next_token, one, axis) * prototype(of, next_token, two, axis))


prototype_kernel = Claim(
    id="F6.a",
    says="Theorem 7.6's kernel <gbar_x, gbar_y> is nonnegative, as Definition 7.3 asks",
    holds=LessEq(ZERO, alignment(head)(x, z)),
    source=Source("arXiv:2507.19247v2", "Theorem 7.6 against Definition 7.3"),
    expects="refuted",
    neighbour="F6.b",
)
prototype_positive = Claim(
    id="F6.b",
    says="it is positive semidefinite",
    holds=LessEq(ZERO, quadratic(alignment(head), c)),
    source=Source("lmlaws", "what is true of Theorem 7.6's kernel"),
    tight={"W": [[1], [-1]], "P": [FAIR], "c": ["1"]},
    worked=Worked({"W": [[1], [-1]], "P": UNIT, "c": ["1", "1"]}, "0"),
    twins=(
        Twin("reversed", LessEq(quadratic(alignment(head), c), ZERO)),
        Twin("less one", LessEq(ZERO, quadratic(alignment(head), c) - 1)),
    ),
)
twin_head = Head("other", tokens)
near_state, far_state = Points("h", head, X), Points("k", twin_head, X)
same_laws = Equal(Softmax(At(near_state, x), w), Softmax(At(far_state, x), w))
prototype_spectrum = Claim(
    id="F6.c",
    says="it depends on the model's laws only: two heads that give them alike have one kernel",
    holds=Equal(alignment(head)(x, z), alignment(twin_head)(x, z)),
    given=(same_laws,),
    source=Source("arXiv:2507.19247v2", "Theorem 7.6"),
    expects="refuted",
    neighbour="F6.b",
)
g_point = Point("k", head)


def change(letter: Letter) -> Expr:
    """How much the logit of a token differs between the hidden states h and k."""
    return Logit(h, letter) - Logit(g_point, letter)


axis = Letter("i", axes(head))
length = Sum(axis, (Coordinate(h, axis) - Coordinate(g_point, axis)) ** 2)
trace = Sum(axis, cov(h, lambda letter: Embedding(head, letter, axis), lambda letter: Embedding(head, letter, axis)))
sensitive_difference = Claim(
    id="F5.a",
    says="the states of contexts at least 1/4 apart in TV differ along a direction of at least average sensitivity",
    holds=LessEq(trace * length, Size(axes(head)) * cov(h, change, change)),
    given=(LessEq(ONE / 4, HALF * Sum(w, Abs(Softmax(h, w) - Softmax(g_point, w)))),),
    source=Source("arXiv:2507.19247v2", "Corollary 7.2"),
    expects="refuted",
    neighbour="F5.b",
)
distance = D("TV", p, q)
far_along_path = Claim(
    id="F5.b",
    says="the integral of the metric along the line between them, which is J, is at least 4 TV^2",
    holds=LessEq(4 * distance**2, jeffreys(p, q)),
    source=Source("lmlaws", "what is true of Corollary 7.2; Pinsker twice"),
    tight={"p": FAIR, "q": FAIR},
    worked=Worked({"p": ["3/4", "1/4"], "q": ["1/4", "3/4"]}, "1"),
    twins=(
        Twin("reversed", LessEq(jeffreys(p, q), 4 * distance**2)),
        Twin("off by one percent", LessEq(Fraction(404, 100) * distance**2, jeffreys(p, q))),
    ),
)
fitted = Sum(w, at(a_law, w) * log(at(a_law, w) / Softmax(h, w)))
supported = Sum(w, at(a_law, w) / at(a_law, w) * Softmax(h, w))
covered = Sum(v, at(p, v) / at(p, v) * at(q, v))
never_zero_law = Claim(
    id="F8.law",
    says="no law of full support fits one with zeros: KL(p, q) is at least -log of q's mass on the support of p",
    holds=LessEq(-log(covered), D("KL", p, q)),
    source=Source("arXiv:2507.19247v2", "Theorem 5.1, sufficient expressiveness"),
    tight={"p": POINT, "q": FAIR},
    worked=Worked({"p": POINT, "q": FAIR}, "log(2)"),
    twins=(
        Twin("reversed", LessEq(D("KL", p, q), -log(covered))),
        Twin("off by one percent", LessEq(-Fraction(101, 100) * log(covered), D("KL", p, q))),
    ),
)
never_zero = Claim(
    id="F8.a",
    says="no softmax head fits a law with zeros: the KL divergence is at least -log of the head's mass on its support",
    holds=LessEq(-log(supported), fitted),
    source=Source("arXiv:2507.19247v2", "Theorem 5.1, sufficient expressiveness"),
    tight={"W": [[0], [0]], "h": [0], "p": POINT},
    worked=Worked({"W": [[0], [0]], "h": [0], "p": POINT}, "log(2)"),
    twins=(
        Twin("reversed", LessEq(fitted, -log(supported))),
        Twin("off by one percent", LessEq(-Fraction(101, 100) * log(supported), fitted)),
    ),
)
free_logits = Claim(
    id="F8.b",
    says="logits that are the logs of the data's law attain KL divergence zero, and need full support",
    holds=Equal(fitted, ZERO),
    given=(Equal(Logit(h, w), log(at(a_law, w))),),
    source=Source("arXiv:2507.19247v2", "Theorem 5.1, sufficient expressiveness"),
    worked=Worked({"W": [[0], [0]], "b": ["-log(2)", "-log(2)"], "h": [0], "p": FAIR}, "0"),
    twins=(
        Twin("any logits", given=()),
        Twin("the entropy", Equal(fitted, categorical_entropy("KL", a_law))),
    ),
)
similarity = bhattacharyya(p, q)
suppressed = Claim(
    id="F9",
    says="a pair with K = BC at most 1/2 has at exact fit a small Dirichlet integrand: K J / 2, at most 1",
    holds=LessEq(HALF * similarity * jeffreys(p, q), ONE),
    given=(full(p), full(q), LessEq(similarity, HALF * ONE)),
    source=Source("arXiv:2507.19247v2", "Appendix A.7"),
    expects="refuted",
    neighbour="D7.b",
)
