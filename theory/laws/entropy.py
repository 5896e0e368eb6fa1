"""E. Categorical entropy: the divergence of copying an output from drawing it twice.

Read pointwise, as in (4.3), or averaged over a law of inputs, as in (4.4).
"""

from __future__ import annotations

from fractions import Fraction

from ..claims import Claim, Source, Twin, Worked
from ..expressions import ONE, ZERO, Abs, DivergenceOf, Equal, LessEq, Letter, Sum, log
from ..quantities import D, H, I, categorical_entropy, entry
from ..terms import Term, copy, discard, function, id, kernel, objects, state, swap
from .divergence import COIN, FAIR, PERRONE, POINT, UNIT, at

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

T, U = objects("T U")
merge, blur = function("merge", W, T), kernel("blur", W, T)
head_entropy = {name: categorical_entropy(name, head, over=hidden) for name in COIN}
post_processing = [
    Claim(
        id=f"E4.{name}",
        says=f"deterministic post-processing, as merging tokens, never raises the {name} categorical entropy of a head",
        holds=LessEq(categorical_entropy(name, head >> merge, over=hidden), head_entropy[name]),
        source=PERRONE,
        tight={"p_H": ["1"], "k_head": [FAIR], "merge": UNIT},
        worked=Worked(
            {"p_H": ["1"], "k_head": [["1/2", "1/4", "1/4"]], "merge": [["1", "0"], ["0", "1"], ["0", "1"]]}, value
        ),
        twins=(
            Twin("a random kernel", LessEq(categorical_entropy(name, head >> blur, over=hidden), head_entropy[name])),
            Twin(
                "off by one percent",
                LessEq(categorical_entropy(name, head >> merge, over=hidden), Fraction(99, 100) * head_entropy[name]),
            ),
        ),
    )
    for name, value in COIN.items()
]


def dependence(name: str, both: Term) -> DivergenceOf:
    """I_D of a joint law of two wires: its divergence from the product of its marginals."""
    one, other = both.cod
    return D(name, both, (both >> id(one) @ discard(other)) @ (both >> discard(one) @ id(other)))


pair, other = state("j", (W, T)), state("r", T)
first, second = kernel("k", W, U), kernel("l", T, U)
BITS = {"j": ["1/2", "0", "0", "1/2"], "sizes": {"W": 2, "T": 2}}
REM = Source("arXiv:2507.19247v2", "Remark 2.6")
DEPENDENCES = {name: COIN[name] for name in ("KL", "TV", "renyi:inf")}

symmetric = [
    Claim(
        id=f"E6.symmetric.{name}",
        says=f"the mutual information with {name} for its divergence is symmetric",
        holds=Equal(dependence(name, pair >> swap(W, T)), dependence(name, pair)),
        source=REM,
        worked=Worked(BITS, value),
        twins=(
            Twin("another law", Equal(dependence(name, pair), D(name, pair, (pair >> id(W) @ discard(T)) @ other))),
            Twin(
                "processed too", Equal(dependence(name, pair >> swap(W, T) >> second @ id(W)), dependence(name, pair))
            ),
        ),
    )
    for name, value in DEPENDENCES.items()
]
processing = [
    Claim(
        id=f"E6.{side}.{name}",
        says=f"processing the {side} variable never raises the mutual information with {name} for its divergence",
        holds=LessEq(dependence(name, pair >> process), dependence(name, pair)),
        source=REM,
        tight={**BITS, box.name: UNIT},
        worked=Worked({**BITS, box.name: UNIT}, value),
        twins=(
            Twin("reversed", LessEq(dependence(name, pair), dependence(name, pair >> process))),
            Twin(
                "off by one percent",
                LessEq(dependence(name, pair >> process), Fraction(99, 100) * dependence(name, pair)),
            ),
        ),
    )
    for side, box, process in (("first", first, first @ id(T)), ("second", second, id(W) @ second))
    for name, value in DEPENDENCES.items()
]
pw = entry(p, (), (w,))
half, power = Fraction(1, 2), {"1/2": Fraction(1, 2), "3/2": Fraction(3, 2)}
CLOSED = {
    "chi2": (Sum(w, pw / pw) - 1, Sum(w, pw**2) - 1),
    "hellinger2": (1 - Sum(w, pw ** (3 * half)), 1 - Sum(w, pw ** (5 * half))),
    "alpha:1/2": (4 - 4 * Sum(w, pw ** (3 * half)), 4 - 4 * Sum(w, pw**half)),
    "JS": (
        Sum(w, half * pw * log(2 / (1 + pw)) + half * pw**2 * log(2 * pw / (1 + pw)))
        + half * log(2) * (1 - Sum(w, pw**2)),
        Sum(w, half * pw * log(2 / (1 + pw)) + half * pw**2 * log(2 * pw / (1 + pw))),
    ),
    **{f"renyi:{a}": (log(Sum(w, pw ** (2 - b))) / (b - 1), log(Sum(w, pw**b)) / (1 - b)) for a, b in power.items()},
}
"""The categorical entropies of a law in closed form, each with a near-miss."""

closed_forms = [
    Claim(
        id=f"E2.{name}",
        says=f"the {name} categorical entropy of a law in closed form"
        + (f", the Renyi entropy of order 2 - {name[6:]}" if name.startswith("renyi") else ""),
        holds=Equal(categorical_entropy(name, p), closed),
        source=PERRONE,
        worked=Worked({"p": FAIR}, COIN[name]),
        twins=(
            Twin("off by one percent", Equal(categorical_entropy(name, p), Fraction(101, 100) * closed)),
            Twin("a near-miss", Equal(categorical_entropy(name, p), near)),
        ),
    )
    for name, (closed, near) in CLOSED.items()
]

mixing, x, y = kernel("s", W, W), Letter("x", W), Letter("y", W)
mixed = Equal(p >> mixing, q)
doubly_stochastic = Equal(Sum(x, entry(mixing, (x,), (y,))), ONE)
EVEN = {"p": FAIR, "s": UNIT, "q": FAIR}
schur_concave = [
    Claim(
        id=f"E5.{name}",
        says=f"a doubly stochastic kernel, which makes a law more uniform, never lowers the {name} categorical entropy",
        holds=LessEq(categorical_entropy(name, p), categorical_entropy(name, q)),
        given=(mixed, doubly_stochastic),
        source=Source("arXiv:2507.19247v2", "Definition 2.5, read as Schur-concavity"),
        tight=EVEN,
        worked=Worked(EVEN, COIN[name]),
        twins=(
            Twin("any kernel", given=(mixed,)),
            Twin(
                "off by one percent",
                LessEq(categorical_entropy(name, p), Fraction(99, 100) * categorical_entropy(name, q)),
            ),
        ),
    )
    for name in ("KL", "TV", "hellinger2", "JS", "triangular", "renyi:1/2", "renyi:3/2")
]
steep_entropy = Claim(
    id="E5.renyi:3",
    says="a doubly stochastic kernel never lowers the renyi:3 categorical entropy",
    holds=LessEq(categorical_entropy("renyi:3", p), categorical_entropy("renyi:3", p >> mixing)),
    given=(doubly_stochastic,),
    source=Source("arXiv:2507.19247v2", "Definition 2.5, read as Schur-concavity"),
    expects="refuted",
    neighbour="E5.renyi:3/2",
)

X, V = objects("X V")
p_v, q_v, v = state("p", V), state("q", V), Letter("v", V)
mu, P = state("mu", X, role="contexts"), kernel("P", X, W, role="data")
DEF25 = Source("arXiv:2507.19247v2", "Definition 2.5")
f, model = function("f", X, W), kernel("k", X, W)
ONTO = {"mu": FAIR, "f": UNIT}
zero_entropy = [
    Claim(
        id=f"E3.zero.{name}",
        says=f"a deterministic kernel has {name} categorical entropy zero",
        holds=Equal(categorical_entropy(name, f, over=mu), ZERO),
        source=DEF25,
        worked=Worked(ONTO, "0"),
        twins=(
            Twin("any kernel", Equal(categorical_entropy(name, model, over=mu), ZERO)),
            Twin("after noise", Equal(categorical_entropy(name, kernel("n", X, X) >> f, over=mu), ZERO)),
        ),
    )
    for name in (*COIN, "reverse_KL")
]
certain = Sum(v, at(p_v, v) * (1 - at(p_v, v)))
BOUNDED = {
    "KL": ("1", "2"), "hellinger2": ("1/2", "3/5"), "JS": ("1/4", "1/2"),
    "triangular": ("1/2", "7/10"), "chi2": ("2", "101/50"), "alpha:1/2": ("2", "12/5"), "alpha:3": ("1", "101/100"),
    "renyi:0": ("1", "3/2"), "renyi:1/2": ("1", "3/2"), "renyi:3/2": ("1", "3/2"),
}  # fmt: skip
"""How many times the mean of 1 - p bounds a categorical entropy from below, and a number that is too large."""
deterministic_only = [
    Claim(
        id=f"E3.only.{name}",
        says=f"a law of {name} categorical entropy zero is a point mass: the entropy is at least {times} E(1 - p)",
        holds=LessEq(Fraction(times) * certain, categorical_entropy(name, p_v)),
        source=DEF25,
        tight={"p": POINT},
        worked=Worked({"p": FAIR}, str(Fraction(times) / 2)),
        twins=(
            Twin("too large a number", LessEq(Fraction(more) * certain, categorical_entropy(name, p_v))),
            Twin("reversed", LessEq(categorical_entropy(name, p_v), Fraction(times) * certain)),
        ),
    )
    for name, (times, more) in BOUNDED.items()
]
excess = Sum(v, half * (at(p_v, v) - 2 * at(p_v, v) ** 2 + Abs(at(p_v, v) - 2 * at(p_v, v) ** 2)))
hockey_stick = Claim(
    id="E3.hockey",
    says="zero categorical entropy means deterministic for every divergence with data processing, as the hockey stick",
    holds=Equal(at(p_v, v) ** 2, at(p_v, v)),
    given=(Equal(excess, ZERO),),
    source=DEF25,
    expects="refuted",
    neighbour="E3.only.KL",
)
largest = half * (
    categorical_entropy("KL", p_v)
    + categorical_entropy("KL", q_v)
    + Abs(categorical_entropy("KL", p_v) - categorical_entropy("KL", q_v))
)
supremum = Claim(
    id="E7.supremum",
    says="the KL categorical entropy of a kernel, read as the larger one at two equiprobable inputs, is the mean one",
    holds=Equal(largest, half * (categorical_entropy("KL", p_v) + categorical_entropy("KL", q_v))),
    source=Source("arXiv:2507.19247v2", "Remark 2.6 against Proposition 4.2"),
    expects="refuted",
    neighbour="E7.mean",
)

encode, blurred = function("f", X, S, role="encoder"), kernel("e", X, S, role="encoder")


def seen(encoder: Term, after: Term) -> Term:
    """Context, hidden state and token: the token comes from the context by the data's kernel."""
    return mu >> copy(X) >> (copy(X) >> id(X) @ encoder) @ after


averaged = Claim(
    id="E7.mean",
    says="read as an average, the KL categorical entropy is the average conditional Shannon entropy",
    about=mu >> copy(X) >> id(X) @ P,
    holds=Equal(categorical_entropy("KL", P, over=mu), H("W", given="X")),
    source=Source("arXiv:2507.19247v2", "Remark 2.6 against Proposition 4.2"),
    worked=Worked({"mu": FAIR, "P": [FAIR, POINT]}, "1/2*log(2)"),
    twins=(
        Twin("without conditioning", Equal(categorical_entropy("KL", P, over=mu), H("W"))),
        Twin("total variation", Equal(categorical_entropy("TV", P, over=mu), H("W", given="X"))),
    ),
)
data, SEEN = seen(blurred, P), {"mu": FAIR, "P": UNIT, "e": [["1"], ["1"]]}
less_seen = Claim(
    id="E8.a",
    says="under the data's law a hidden state leaves the next token at least as uncertain as the context does",
    about=data,
    holds=LessEq(H("W", given="X"), H("W", given="H")),
    source=Source("lmlaws", "beside Theorem 5.1"),
    tight={"mu": FAIR, "P": UNIT, "e": UNIT},
    worked=Worked(SEEN, "0"),
    twins=(
        Twin("reversed", LessEq(H("W", given="H"), H("W", given="X"))),
        Twin("off by one percent", LessEq(Fraction(101, 100) * H("W", given="X"), H("W", given="H"))),
    ),
)
sufficient = Claim(
    id="E8.b",
    says="what it leaves more is I(context; token given hidden state): zero exactly when the state is sufficient",
    about=data,
    holds=Equal(H("W", given="H") - H("W", given="X"), I("X", "W", given="H")),
    source=Source("lmlaws", "beside Theorem 5.1"),
    worked=Worked(SEEN, "log(2)"),
    twins=(
        Twin("without conditioning", Equal(H("W", given="H") - H("W", given="X"), I("X", "W"))),
        Twin("what the state tells", Equal(H("W", given="H") - H("W", given="X"), I("H", "W"))),
    ),
)
own_law = Claim(
    id="E8.c",
    says="under the model's own law hidden state and context leave the next token equally uncertain",
    about=mu >> copy(X) >> id(X) @ (encode >> copy(S) >> id(S) @ head),
    holds=Equal(H("W", given="H"), H("W", given="X")),
    source=Source("lmlaws", "consequence of (3.1) to (3.3)"),
    worked=Worked({"mu": FAIR, "f": UNIT, "k_head": [FAIR, POINT]}, "1/2*log(2)"),
    twins=(
        Twin("an encoder with noise", about=mu >> copy(X) >> id(X) @ (blurred >> copy(S) >> id(S) @ head)),
        Twin("under the data's law", about=seen(encode, P)),
    ),
)
