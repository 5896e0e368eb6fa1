"""E. Categorical entropy: the divergence of copying an output from drawing it twice.

Read pointwise, as in (4.3), or averaged over a law of inputs, as in (4.4).
"""

from __future__ import annotations

from fractions import Fraction

from ..claims import Claim, Source, Twin, Worked
from ..expressions import Equal, Letter, Sum
from ..quantities import D, H, categorical_entropy, entry
from ..terms import copy, id, kernel, objects, state

W, S = objects("W H")
hidden, head = state("p_H", S, role="contexts"), kernel("k_head", S, W, role="head")
joint = hidden >> copy(S) >> id(S) @ head
p, q, w = state("p", W), state("q", W), Letter("w", W)
P42 = Source("arXiv:2507.19247v2", "Proposition 4.2")

shannon_pointwise = Claim(
    id="E1.a",
    says="the KL categorical entropy of an output law, the head's at one hidden state, is its Shannon entropy",
    about=p,
    holds=Equal(categorical_entropy("KL", p), H("W")),
    source=P42,
    worked=Worked({"p": ["1/2", "1/2"]}, "log(2)"),
    twins=(
        Twin("the second draw from another law", Equal(D("KL", p >> copy(W), p @ q), H("W"))),
        Twin("total variation in place of KL", Equal(categorical_entropy("TV", p), H("W"))),
    ),
)
shannon_mean = Claim(
    id="E1.b",
    says="averaged over hidden states the KL categorical entropy of the head is H(W given H)",
    about=joint,
    holds=Equal(categorical_entropy("KL", head, over=hidden), H("W", given="H")),
    source=P42,
    worked=Worked({"p_H": ["1/2", "1/2"], "k_head": [["1/2", "1/2"], ["1", "0"]]}, "1/2*log(2)"),
    twins=(
        Twin("without conditioning", Equal(categorical_entropy("KL", head, over=hidden), H("W"))),
        Twin(
            "off by one percent",
            Equal(Fraction(101, 100) * categorical_entropy("KL", head, over=hidden), H("W", given="H")),
        ),
    ),
)
total_variation = Claim(
    id="E2.TV",
    says="the TV categorical entropy of a law is one minus its collision probability",
    holds=Equal(categorical_entropy("TV", p), 1 - Sum(w, entry(p, (), (w,)) ** 2)),
    source=Source("Perrone 2023, Markov Categories and Entropy", "Section 4"),
    worked=Worked({"p": ["1/2", "1/3", "1/6"]}, "11/18"),
    twins=(
        Twin("cubes for squares", Equal(categorical_entropy("TV", p), 1 - Sum(w, entry(p, (), (w,)) ** 3))),
        Twin("the whole L1 norm", Equal(2 * categorical_entropy("TV", p), 1 - Sum(w, entry(p, (), (w,)) ** 2))),
    ),
)
