"""N. The objective: negative log-likelihood as an average KL divergence, and its gradients.

A world is a law mu of contexts, the data's kernel P, a deterministic encoder and a head; the model's law is the
head after the encoder. On text P is the next token's point mass; on known sources it is exact.
"""

from __future__ import annotations

from fractions import Fraction

from ..analytic import E, along, derivative, log_probability, token
from ..claims import Claim, Mend, Source, Twin, Worked
from ..expressions import (
    ONE,
    ZERO,
    Abs,
    Direction,
    DivergenceOf,
    Entry,
    Equal,
    Head,
    LessEq,
    Letter,
    Logit,
    Point,
    Softmax,
    Sum,
    log,
)
from ..quantities import D, H, I, categorical_entropy, entry, log_size
from ..terms import Term, copy, function, id, kernel, objects, state
from .divergence import COIN, FAIR, HALF, POINT, UNIT, at

X, W, S = objects("X W H")
mu, P = state("mu", X, role="contexts"), kernel("P", X, W, role="data")
model = function("k_enc", X, S, role="encoder") >> kernel("k_head", S, W, role="head")
x, w = Letter("x", X), Letter("w", W)
cross_entropy = -Sum(x, entry(mu, (), (x,)) * Sum(w, entry(P, (x,), (w,)) * log(entry(model, (x,), (w,)))))

average_kl = Claim(
    id="N1",
    says="cross entropy is the average KL divergence of the data from the model, plus the data's conditional entropy",
    about=mu >> copy(X) >> id(X) @ P,
    holds=Equal(cross_entropy, D("KL", P, model, over=mu) + H("W", given="X")),
    source=Source("arXiv:2507.19247v2", "Theorem 5.1, proof"),
    worked=Worked(
        {"mu": ["1"], "P": [["1/2", "1/2"]], "k_enc": [["1"]], "k_head": [["1/4", "3/4"]]}, "2*log(2) - 1/2*log(3)"
    ),
    twins=(
        Twin("the divergence reversed", Equal(cross_entropy, D("KL", model, P, over=mu) + H("W", given="X"))),
        Twin("the entropy of the model", about=mu >> copy(X) >> id(X) @ model),
    ),
)

head = Head("head", objects("V")[0])
h, u, t, v = Point("h", head), Direction("u", head), token(head, "t"), token(head, "v")
target = state("P", head.tokens, role="data")
loss = -log_probability(h, t)
BINARY = {"W": [[1], [0]], "h": [0], "u": [1]}
SEC7 = Source("arXiv:2507.19247v2", "Section 7 and Appendix A.9, used")

gradient_hidden = Claim(
    id="N8.a",
    says="the gradient of the loss in the hidden state is the mean output embedding minus the token's own",
    holds=Equal(derivative(loss, h, u), E(h, along(u)) - Logit(u, t)),
    source=SEC7,
    worked=Worked(BINARY, ["-1/2", "1/2"]),
    twins=(
        Twin("without the mean", Equal(derivative(loss, h, u), -Logit(u, t))),
        Twin("the sign flipped", Equal(derivative(loss, h, u), Logit(u, t) - E(h, along(u)))),
    ),
)
onehot = Entry(id(head.tokens), (v,), (t,))
gradient_logits = Claim(
    id="N8.b",
    says="the gradient of the loss in the logits is the output law minus the one-hot token",
    holds=Equal(derivative(loss, h, u), Sum(v, (Softmax(h, v) - onehot) * Logit(u, v))),
    source=SEC7,
    worked=Worked(BINARY, ["-1/2", "1/2"]),
    twins=(
        Twin("the output law alone", Equal(derivative(loss, h, u), Sum(v, Softmax(h, v) * Logit(u, v)))),
        Twin(
            "the square of the law", Equal(derivative(loss, h, u), Sum(v, (Softmax(h, v) ** 2 - onehot) * Logit(u, v)))
        ),
    ),
)
data_loss = -E(target, lambda letter: log_probability(h, letter))
moment_matching = Claim(
    id="N8.c",
    says="a free hidden state is stationary exactly when the head's mean embedding is the data's",
    holds=Equal(derivative(data_loss, h, u), E(h, along(u)) - E(target, along(u))),
    source=SEC7,
    worked=Worked({**BINARY, "P": ["1/4", "3/4"]}, "1/4"),
    twins=(
        Twin("without the data's mean", Equal(derivative(data_loss, h, u), E(h, along(u)))),
        Twin("twice the model's mean", Equal(derivative(data_loss, h, u), 2 * E(h, along(u)) - E(target, along(u)))),
    ),
)

Q = kernel("Q", X, W)
mean_kl = D("KL", P, Q, over=mu)
nonnegative = Claim(
    id="N2.a",
    says="the average KL divergence is not negative, and zero where the kernels are one",
    holds=LessEq(ZERO, mean_kl),
    source=Source("arXiv:2507.19247v2", "Theorem 5.1"),
    tight={"mu": FAIR, "P": UNIT, "Q": UNIT},
    worked=Worked({"mu": FAIR, "P": UNIT, "Q": UNIT}, "0"),
    twins=(
        Twin("reversed", LessEq(mean_kl, ZERO)),
        Twin(
            "one percent of the entropy above",
            LessEq(categorical_entropy("KL", P, over=mu) * Fraction(1, 100), mean_kl),
        ),
    ),
)
same_surely = Equal(mu >> copy(X) >> id(X) @ P, mu >> copy(X) >> id(X) @ Q)
zero_where_equal = Claim(
    id="N2.b",
    says="the average KL divergence of kernels that agree almost everywhere is zero",
    holds=Equal(mean_kl, ZERO),
    given=(same_surely,),
    source=Source("arXiv:2507.19247v2", "Theorem 5.1"),
    worked=Worked({"mu": POINT, "P": [FAIR, POINT], "Q": [FAIR, FAIR]}, "0"),
    twins=(
        Twin("any kernels", given=()),
        Twin("averaged by another law", Equal(D("KL", P, Q, over=state("nu", X)), ZERO)),
    ),
)
equal_where_zero = Claim(
    id="N2.c",
    says="kernels of average KL divergence zero agree almost everywhere",
    holds=same_surely,
    given=(Equal(mean_kl, ZERO),),
    source=Source("arXiv:2507.19247v2", "Theorem 5.1"),
    worked=Worked({"mu": POINT, "P": [FAIR, POINT], "Q": [FAIR, FAIR]}, ["1/2", "1/2", "0", "0"]),
    twins=(
        Twin("any kernels", given=()),
        Twin("everywhere", Equal(P, Q)),
    ),
)
mean_tv = D("TV", P, Q, over=mu)
mean_pinsker = Claim(
    id="N2.d",
    says="the squared mean total variation is at most half the average KL: where that is zero the kernels agree",
    holds=LessEq(mean_tv**2, HALF * mean_kl),
    source=Source("arXiv:2507.19247v2", "Theorem 5.1; Pinsker and Jensen"),
    tight={"mu": FAIR, "P": UNIT, "Q": UNIT},
    worked=Worked({"mu": FAIR, "P": UNIT, "Q": [FAIR, FAIR]}, "1/4"),
    twins=(
        Twin("reversed", LessEq(HALF * mean_kl, mean_tv**2)),
        Twin("off by one percent of its square", LessEq(mean_tv**2, Fraction(49, 100) * mean_kl)),
    ),
)

encode, head_kernel = function("f", X, S, role="encoder"), kernel("k_head", S, W, role="head")
c_head = kernel("c", S, W)
seen = mu >> copy(X) >> (copy(X) >> id(X) @ encode) @ P
loss_at_context = -Sum(x, at(mu, x) * Sum(w, entry(P, (x,), (w,)) * log(entry(encode >> head_kernel, (x,), (w,)))))
BLIND = {"mu": FAIR, "P": UNIT, "f": [["1"], ["1"]], "k_head": [["1/4", "3/4"]]}
misfit = D("KL", mu >> copy(X) >> encode @ P, mu >> encode >> copy(S) >> id(S) @ head_kernel)
split = Claim(
    id="N4.a",
    says="cross entropy is the data's entropy, what the hidden state lost, what the head misses of P_data(.given h)",
    about=seen,
    holds=Equal(loss_at_context, H("W", given="X") + I("X", "W", given="H") + misfit),
    source=Source("lmlaws", "beside Theorem 5.1"),
    worked=Worked(BLIND, "2*log(2) - 1/2*log(3)"),
    twins=(
        Twin("nothing lost", Equal(loss_at_context, H("W", given="X") + misfit)),
        Twin("all that the context tells", Equal(loss_at_context, H("W", given="X") + I("X", "W") + misfit)),
    ),
)
context_token = mu >> copy(X) >> encode @ P
s = Letter("h", S)
loss_at_state = -Sum(s, Sum(w, entry(context_token, (), (s, w)) * log(entry(head_kernel, (s,), (w,)))))
split_at_state = Claim(
    id="N4.c",
    says="the same of the loss as the head sees it, at hidden states",
    about=seen,
    holds=Equal(loss_at_state, H("W", given="X") + I("X", "W", given="H") + misfit),
    source=Source("lmlaws", "beside Theorem 5.1"),
    worked=Worked(BLIND, "2*log(2) - 1/2*log(3)"),
    twins=(
        Twin("nothing lost", Equal(loss_at_state, H("W", given="X") + misfit)),
        Twin("all that the context tells", Equal(loss_at_state, H("W", given="X") + I("X", "W") + misfit)),
    ),
)
missed, lost = D("KL", P, encode >> head_kernel, over=mu), D("KL", P, encode >> c_head, over=mu)
pythagoras = Claim(
    id="N4.b",
    says="the average KL is that from P_data(.given h), which is what the hidden state lost, plus that to the head",
    holds=Equal(missed, lost + D("KL", c_head, head_kernel, over=mu >> encode)),
    given=(Equal(context_token, mu >> encode >> copy(S) >> id(S) @ c_head),),
    source=Source("lmlaws", "beside Theorem 5.1"),
    worked=Worked({**BLIND, "c": [FAIR]}, "2*log(2) - 1/2*log(3)"),
    twins=(
        Twin("any kernel for P_data(.given h)", given=()),
        Twin("nothing misfit", Equal(missed, lost)),
    ),
)

V = objects("V")[0]
p, q = state("p", V), state("q", V)
THM52 = Source("arXiv:2507.19247", "v1 Theorem 5.2 (iii), v2 Theorem 5.2")
close = LessEq(D("KL", p, q), ONE / 16)
jumps = [
    Claim(
        id=f"N5.jump.{name}",
        says=f"laws of KL at most 1/16 have {name} categorical entropies at most 1/2 apart",
        holds=LessEq(Abs(categorical_entropy(name, p) - categorical_entropy(name, q)), HALF * ONE),
        given=(close,),
        source=THM52,
        expects="refuted",
        neighbour="N5.TV",
    )
    for name in ("chi2", "renyi:2")
]
gap = categorical_entropy("TV", p) - categorical_entropy("TV", q)
tv_converges = Claim(
    id="N5.TV",
    says="the squared difference of two laws' TV categorical entropies is at most twice their KL divergence",
    holds=LessEq(gap**2, 2 * D("KL", p, q)),
    source=Source("lmlaws", "a rate for Theorem 5.2"),
    tight={"p": FAIR, "q": FAIR},
    worked=Worked({"p": POINT, "q": FAIR}, "1/4"),
    twins=(
        Twin("reversed", LessEq(2 * D("KL", p, q), gap**2)),
        Twin("a third of it", LessEq(gap**2, Fraction(1, 3) * D("KL", p, q))),
    ),
)
uniform_bound = log_size(V)
unbounded = [
    Claim(
        id=f"N5.bounded.{name}",
        says=f"the {name} categorical entropy of a law is at most log V",
        holds=LessEq(categorical_entropy(name, p), uniform_bound),
        source=THM52,
        expects="refuted",
        neighbour="N5.bounded.KL",
    )
    for name in ("renyi:3", "reverse_KL")
]
bounded = [
    Claim(
        id=f"N5.bounded.{name}",
        says=f"the {name} categorical entropy of a law is at most log V",
        holds=LessEq(categorical_entropy(name, p), uniform_bound),
        source=THM52,
        tight={"p": FAIR},
        worked=Worked({"p": FAIR}, "log(2)"),
        twins=(
            Twin("reversed", LessEq(uniform_bound, categorical_entropy(name, p))),
            Twin("off by one percent", LessEq(categorical_entropy(name, p), Fraction(99, 100) * uniform_bound)),
        ),
    )
    for name in ("KL", "renyi:1/2", "renyi:3/2")
]
S2, other = objects("H'")[0], kernel("k_data", "H'", W)
loose, loose2, encode2 = kernel("e", X, S), kernel("e2", X, S2), function("f2", X, S2)


def fits(one: Term, two: Term) -> Equal:
    """A perfect fit: the model's kernel is the data's, almost surely."""
    return Equal(mu >> copy(X) >> id(X) @ (one >> head_kernel), mu >> copy(X) >> id(X) @ (two >> other))


FITTED = ("KL", "TV", "hellinger2", "JS", "renyi:3/2")


def over_contexts(name: str, of: Term) -> DivergenceOf:
    """The mean categorical entropy of a kernel over contexts."""
    return categorical_entropy(name, of, over=mu)


def over_states(name: str, encoder: Term) -> DivergenceOf:
    """The mean categorical entropy of the head over hidden states."""
    return categorical_entropy(name, head_kernel, over=mu >> encoder)


def heads_and_model(name: str, encoder: Term) -> Equal:
    """The head's mean categorical entropy over hidden states is that of encoder and head over contexts."""
    return Equal(over_states(name, encoder), over_contexts(name, encoder >> head_kernel))


def heads_alike(name: str, one: Term, two: Term) -> Equal:
    """The mean categorical entropies of both heads are one number."""
    return Equal(
        categorical_entropy(name, head_kernel, over=mu >> one), categorical_entropy(name, other, over=mu >> two)
    )


through_encoder = [
    Claim(
        id=f"N6.contexts.{name}",
        says=f"a deterministic encoder: the head's mean {name} categorical entropy is the whole model's over contexts",
        holds=heads_and_model(name, encode),
        source=Source("lmlaws", "what is true of (5.5)"),
        worked=Worked({"mu": FAIR, "f": [["1"], ["1"]], "k_head": [FAIR]}, COIN[name]),
        twins=(
            Twin("an encoder with noise", heads_and_model(name, loose)),
            Twin("another head", Equal(over_states(name, encode), over_contexts(name, encode >> c_head))),
        ),
    )
    for name in FITTED
]
at_fit = [
    Claim(
        id=f"N6.fit.{name}",
        says=f"at a perfect fit the model's mean {name} categorical entropy over contexts is the data's",
        holds=Equal(over_contexts(name, encode >> head_kernel), over_contexts(name, P)),
        given=(Equal(mu >> copy(X) >> id(X) @ (encode >> head_kernel), mu >> copy(X) >> id(X) @ P),),
        source=Source("arXiv:2507.19247v2", "(5.5)"),
        worked=Worked({"mu": FAIR, "f": [["1"], ["1"]], "k_head": [FAIR], "P": [FAIR, FAIR]}, COIN[name]),
        twins=(
            Twin("any model", given=()),
            Twin(
                "off by one percent",
                Equal(over_contexts(name, encode >> head_kernel), Fraction(101, 100) * over_contexts(name, P)),
            ),
        ),
    )
    for name in FITTED
]
perfect_fit = [
    Claim(
        id=f"N6.{name}",
        says=f"at a perfect fit the head's mean {name} categorical entropy is that of the data's own head",
        holds=heads_alike(name, loose, loose2),
        given=(fits(loose, loose2),),
        source=Source("arXiv:2507.19247v2", "(5.5)"),
        expects="conditional",
        mend=Mend("both encoders are deterministic", heads_alike(name, encode, encode2), (fits(encode, encode2),)),
    )
    for name in FITTED
]
