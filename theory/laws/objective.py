"""N. The objective: negative log-likelihood as an average KL divergence, and its gradients.

A world is a law mu of contexts, the data's kernel P, a deterministic encoder and a head; the model's law is the
head after the encoder. On text P is the next token's point mass; on known sources it is exact.
"""

from __future__ import annotations

from ..analytic import E, along, derivative, log_probability, token
from ..claims import Claim, Source, Twin, Worked
from ..expressions import Direction, Entry, Equal, Head, Letter, Logit, Point, Softmax, Sum, log
from ..quantities import D, H, entry
from ..terms import copy, function, id, kernel, objects, state

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
