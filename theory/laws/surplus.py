"""S. Information surplus and speculative decoding.

H is the hidden state, W1 the next token and W2, W3 those after it. Surplus_K = I(H; W2..WK given W1), v2's
definition; v1's difference I(H; W1..WK) - I(H; W1) is the same number (S1).
"""

from __future__ import annotations

from fractions import Fraction

from ..claims import Claim, Mend, Source, Twin, Worked
from ..expressions import ONE, ZERO, DivergenceOf, Equal, LessEq, Letter, Sum, log, minimum
from ..language import parse
from ..quantities import D, H, I, categorical_entropy, entry
from ..terms import Term, copy, discard, function, id, kernel, objects, state, swap
from .divergence import COIN, FAIR

SEC41 = Source("arXiv:2507.19247v2", "Section 4.1")
XOR = {"p": ["1/4", "0", "0", "1/4", "0", "1/4", "1/4", "0"], "sizes": {"H": 2, "W1": 2, "W2": 2}}
THREE = {"p": XOR["p"], "sizes": {"H": 2, "W1": 2, "W2": 2, "W3": 1}}
STILL = {"p": ["1"], "sizes": {"H": 1, "W1": 1, "W2": 1, "W3": 1}}


def twin(name: str, text: str) -> Twin:
    """A near-miss from its text."""
    statement = parse(text)
    return Twin(name, statement.holds, about=statement.about)


chain_rule = Claim(
    id="S1.a",
    says="what a hidden state tells of two tokens is what it tells of the first, plus the surplus",
    holds="I(H;W1,W2) = I(H;W1) + I(H;W2|W1)",
    source=Source("arXiv:2507.19247v2", "(4.1)"),
    worked=Worked(XOR, "log(2)"),
    twins=(
        twin("the second token unconditioned", "I(H;W1,W2) = I(H;W1) + I(H;W2)"),
        twin("the second token twice", "I(H;W1,W2) = I(H;W2) + I(H;W2|W1)"),
    ),
)
two_definitions = Claim(
    id="S1.b",
    says="the difference of v1 and the conditional term of v2 define the same surplus, for three tokens",
    holds="I(H;W1,W2,W3) - I(H;W1) = I(H;W2,W3|W1)",
    source=Source("arXiv:2507.19247", "v1 Section 4.1 against v2 (4.2)"),
    worked=Worked(THREE, "log(2)"),
    twins=(
        twin("unconditioned", "I(H;W1,W2,W3) - I(H;W1) = I(H;W2,W3)"),
        twin("one token lost", "I(H;W1,W2,W3) - I(H;W1) = I(H;W2|W1)"),
    ),
)
surplus_nonnegative = Claim(
    id="S2.a",
    says="the surplus is not negative",
    holds="0 <= I(H;W2,W3|W1)",
    source=SEC41,
    tight=STILL,
    worked=Worked(THREE, "0"),
    twins=(twin("reversed", "I(H;W2,W3|W1) <= 0"), twin("one percent above", "H(W2,W3)/100 <= I(H;W2,W3|W1)")),
)
surplus_below_entropy = Claim(
    id="S2.b",
    says="the surplus is at most the entropy of the later tokens given the first",
    holds="I(H;W2,W3|W1) <= H(W2,W3|W1)",
    source=SEC41,
    tight=THREE,
    worked=Worked(THREE, "log(2)"),
    twins=(
        twin("off by one percent", "I(H;W2,W3|W1) <= 99/100*H(W2,W3|W1)"),
        twin("one token too few", "I(H;W2,W3|W1) <= H(W2|W1)"),
    ),
)
entropy_below_sizes = Claim(
    id="S2.c",
    says="the entropy of K - 1 later tokens is at most K - 1 times the log of the vocabulary's size",
    holds="H(W2,W3|W1) <= log|W2| + log|W3|",
    source=SEC41,
    tight={"p": ["1/2", "1/2"], "sizes": {"W2": 2, "W3": 1, "W1": 1}},
    worked=Worked({"p": ["1/4", "1/2", "1/4", "0"], "sizes": {"W2": 2, "W3": 2, "W1": 1}}, "3/2*log(2)"),
    twins=(
        twin("off by one percent", "H(W2,W3|W1) <= 99/100*log|W2| + log|W3|"),
        twin("one token too few", "H(W2,W3|W1) <= log|W2|"),
    ),
)
surplus_telescopes = Claim(
    id="S2.d",
    says="the surplus telescopes over the later tokens",
    holds="I(H;W2,W3|W1) = I(H;W2|W1) + I(H;W3|W1,W2)",
    source=SEC41,
    worked=Worked(THREE, "log(2)"),
    twins=(
        twin("the last term given the first token only", "I(H;W2,W3|W1) = I(H;W2|W1) + I(H;W3|W1)"),
        twin("the last term given the second only", "I(H;W2,W3|W1) = I(H;W2|W1) + I(H;W3|W2)"),
    ),
)
surplus_grows = Claim(
    id="S2.e",
    says="the surplus grows with the number of tokens",
    holds="I(H;W2|W1) <= I(H;W2,W3|W1)",
    source=SEC41,
    tight=THREE,
    worked=Worked(THREE, "log(2)"),
    twins=(
        twin("reversed", "I(H;W2,W3|W1) <= I(H;W2|W1)"),
        twin("off by one percent", "101/100*I(H;W2|W1) <= I(H;W2,W3|W1)"),
    ),
)

X, S, W1, W2, W3, V = objects("X H W1 W2 W3 V")
past, encode = state("past", X, role="contexts"), kernel("k_enc", X, S, role="encoder")
first, second, third = kernel("k1", X, W1), kernel("k2", W1, W2), kernel("k3", W2, W3)
source = past >> copy(X) >> encode @ first >> id(S) @ (copy(W1) >> id(W1) @ (second >> copy(W2) >> id(W2) @ third))
order_two = past >> copy(X) >> (copy(X) >> encode @ first) @ id(X) >> id(S) @ (copy(W1) @ id(X))
order_two = order_two >> id((S, W1)) @ (kernel("k2", (W1, X), W2) >> copy(W2) >> id(W2) @ third)
MOVES = [["1/2", "1/2"], ["0", "1"]]

first_order = Claim(
    id="S3",
    says="on a first-order Markov source every encoder of the past has surplus zero",
    about=source,
    holds=Equal(I("H", ("W2", "W3"), given="W1"), ZERO),
    source=Source("lmlaws", "consequence of (4.2)"),
    worked=Worked(
        {"past": ["1/2", "1/2"], "k_enc": [["1", "0"], ["0", "1"]], "k1": MOVES, "k2": MOVES, "k3": MOVES}, "0"
    ),
    twins=(
        Twin("a source of order two", about=order_two),
        Twin("the first token counted in", Equal(I("H", ("W1", "W2", "W3")), ZERO)),
    ),
)

p, q, joint, w = state("p", V), state("q", V), state("j", (V, V)), Letter("w", V)
pw, qw = entry(p, (), (w,)), entry(q, (), (w,))
accepted = Sum(w, minimum(pw, qw))
LEVIATHAN = Source("Leviathan, Kalman and Matias 2023 (arXiv:2211.17192)", "Theorem 3.5 and Appendix A.1")

acceptance = Claim(
    id="S6.a",
    says="speculative sampling accepts a drafted token with probability 1 - TV of the draft and the target",
    holds=Equal(accepted, 1 - D("TV", p, q)),
    source=LEVIATHAN,
    worked=Worked({"p": ["1/2", "1/2"], "q": ["1/4", "3/4"]}, "3/4"),
    twins=(
        Twin("the whole L1 norm", Equal(accepted, 1 - 2 * D("TV", p, q))),
        Twin("agreement of independent draws", Equal(Sum(w, pw * qw), 1 - D("TV", p, q))),
    ),
)
residual = (1 - accepted) * (pw - minimum(pw, qw)) / Sum(w, pw - minimum(pw, qw))
exact_output = Claim(
    id="S6.b",
    says="accepted tokens together with redrawn ones have exactly the target's law",
    holds=Equal(minimum(pw, qw) + residual, pw),
    source=LEVIATHAN,
    worked=Worked({"p": ["1/2", "1/2"], "q": ["1/4", "3/4"]}, ["1/2", "1/2"]),
    twins=(
        Twin("rejected tokens redrawn from the target", Equal(minimum(pw, qw) + (1 - accepted) * pw, pw)),
        Twin("rejected tokens redrawn from the draft", Equal(minimum(pw, qw) + (1 - accepted) * qw, pw)),
    ),
)
left, right = joint >> id(V) @ discard(V), joint >> discard(V) @ id(V)
best_coupling = Claim(
    id="S6.c",
    says="no coupling of draft and target agrees more often than 1 - TV",
    holds=LessEq(Sum(w, entry(joint, (), (w, w))), 1 - D("TV", left, right)),
    source=Source("Levin and Peres 2017, Markov Chains and Mixing Times", "Proposition 4.7"),
    tight={"j": ["1/2", "0", "0", "1/2"], "sizes": {"V": 2}},
    worked=Worked({"j": ["1/4", "1/4", "1/4", "1/4"], "sizes": {"V": 2}}, "1/2"),
    twins=(
        Twin("reversed", LessEq(1 - D("TV", left, right), Sum(w, entry(joint, (), (w, w))))),
        Twin("off by one percent", LessEq(Sum(w, entry(joint, (), (w, w))), Fraction(99, 100) - D("TV", left, right))),
    ),
)

three = state("j", (S, W1, W2))


def seen(name: str, law: Term, tokens: Term) -> DivergenceOf:
    """I_D of the hidden state and what is seen of the two tokens."""
    hidden_state, rest = law >> id(S) @ discard((W1, W2)), law >> discard(S) @ tokens
    return D(name, law >> id(S) @ tokens, hidden_state @ rest)


first_only, all_tokens = id(W1) @ discard(W2), id((W1, W2))
BIASED = {"j": ["1/3", "0", "1/3", "0", "0", "1/3", "0", "0"], "sizes": {"H": 2, "W1": 2, "W2": 2}}
tv_difference = Claim(
    id="S1.c",
    says="also for total variation a hidden state tells no less of two tokens than of the first",
    holds=LessEq(seen("TV", three, first_only), seen("TV", three, all_tokens)),
    source=Source("lmlaws", "beside (4.1)"),
    tight={"j": ["1/2", "0", "0", "1/2"], "sizes": {"H": 2, "W1": 2, "W2": 1}},
    worked=Worked(BIASED, "2/9"),
    twins=(
        Twin("reversed", LessEq(seen("TV", three, all_tokens), seen("TV", three, first_only))),
        Twin(
            "off by one percent",
            LessEq(seen("TV", three, first_only), Fraction(99, 100) * seen("TV", three, all_tokens)),
        ),
    ),
)
token, then = state("w", W1), kernel("then", W1, (S, W2))
stepped = token >> copy(W1) >> then @ id(W1) >> id(S) @ swap(W2, W1)
conditional = D("TV", then, copy(W1) >> (then >> id(S) @ discard(W2)) @ (then >> discard(S) @ id(W2)), over=token)
tv_surplus = Claim(
    id="S1.d",
    says="for total variation the difference of v1 is the conditional term of v2",
    holds=Equal(seen("TV", stepped, all_tokens) - seen("TV", stepped, first_only), conditional),
    source=Source("arXiv:2507.19247", "v1 Section 4.1 against v2 (4.2), read for another divergence"),
    expects="refuted",
    neighbour="S1.c",
)

hidden, verifier = state("h", S), kernel("verify", S, W1)
drafter = kernel("draft", S, (W1, W2))
agreed = Equal(drafter >> id(W1) @ discard(W2), verifier)
BOTH = {"h": ["1"], "verify": [FAIR], "draft": [["1/2", "0", "0", "1/2"]], "sizes": {"W1": 2, "W2": 2}}
drafters = {name: categorical_entropy(name, drafter, over=hidden) for name in ("KL", "TV", "hellinger2", "renyi:3/2")}
drafter_entropy = [
    Claim(
        id=f"S8.a.{name}",
        says=f"a drafter whose first token has the verifier's law has at least its {name} categorical entropy",
        holds=LessEq(categorical_entropy(name, verifier, over=hidden), of_drafter),
        given=(agreed,),
        source=SEC41,
        tight=BOTH,
        worked=Worked(BOTH, COIN[name]),
        twins=(
            Twin("an arbitrary drafter", given=()),
            Twin(
                "off by one percent",
                LessEq(categorical_entropy(name, verifier, over=hidden), Fraction(99, 100) * of_drafter),
            ),
        ),
    )
    for name, of_drafter in drafters.items()
]
any_drafter = Claim(
    id="S8.b",
    says="an effective drafter's categorical entropy is higher than the verifier's",
    holds=LessEq(categorical_entropy("KL", verifier, over=hidden), drafters["KL"]),
    source=SEC41,
    expects="conditional",
    mend=Mend("the drafter's first token has the verifier's law", given=(agreed,)),
)

four = state("j", (S, W1, W2, W3))
LATER_XOR = {"j": ["1/4", "0", "0", "1/4", "0", "1/4", "1/4", "0"], "sizes": {"H": 2, "W1": 1, "W2": 2, "W3": 2}}
later, surplus = H("W2", "W3"), I("H", ("W2", "W3"), given="W1")
gain = H("W2", "W3", given="W1") - H("W2", "W3", given=("H", "W1"))
surplus_is_gain = Claim(
    id="S4.a",
    says="the surplus is what the best drafter gains in NLL by seeing the hidden state beside the token",
    about=four,
    holds=Equal(gain, surplus),
    source=Source("lmlaws", "beside (4.2)"),
    worked=Worked(LATER_XOR, "log(2)"),
    twins=(
        Twin("the token unseen by both", Equal(later - H("W2", "W3", given="H"), surplus)),
        Twin("the token unseen by one", Equal(later - H("W2", "W3", given=("H", "W1")), surplus)),
    ),
)
later_drafter = kernel("d", W1, (W2, W3))
a, b, c = Letter("a", W1), Letter("b", W2), Letter("c", W3)
triples = four >> discard(S) @ id((W1, W2, W3))
spent = -Sum(a, Sum(b, Sum(c, entry(triples, (), (a, b, c)) * log(entry(later_drafter, (a,), (b, c))))))
best_drafter = Claim(
    id="S4.b",
    says="no drafter that sees the token has a smaller NLL than H(later tokens given the token)",
    about=four,
    holds=LessEq(H("W2", "W3", given="W1"), spent),
    source=Source("cover2006", "Theorem 5.4.3"),
    tight={**LATER_XOR, "d": [["1/4"] * 4]},
    worked=Worked({**LATER_XOR, "d": [["1/2", "0", "1/4", "1/4"]]}, "2*log(2)"),
    twins=(
        Twin("reversed", LessEq(spent, H("W2", "W3", given="W1"))),
        Twin("off by one percent", LessEq(Fraction(101, 100) * H("W2", "W3", given="W1"), spent)),
    ),
)
drafted = triples >> id(W1) @ discard((W2, W3)) >> copy(W1) >> id(W1) @ later_drafter
excess_of_drafter = Claim(
    id="S4.d",
    says="the NLL of a drafter that sees the token is H(later tokens given it) plus a KL divergence",
    about=four,
    holds=Equal(spent, H("W2", "W3", given="W1") + D("KL", triples, drafted)),
    source=Source("cover2006", "Theorem 5.4.3"),
    worked=Worked({**LATER_XOR, "d": [["1/2", "1/6", "1/6", "1/6"]]}, "log(2) + 3/4*log(3)"),
    twins=(
        Twin("the entropy unconditioned", Equal(spent, H("W2", "W3") + D("KL", triples, drafted))),
        Twin("the divergence reversed", Equal(spent, H("W2", "W3", given="W1") + D("KL", drafted, triples))),
    ),
)
factored = H("W2", given="W1") + H("W3", given="W1") - H("W2", given=("H", "W1")) - H("W3", given=("H", "W1"))
factoring_drafter = Claim(
    id="S4.c",
    says="drafters that factor over the later tokens gain the surplus, too",
    about=four,
    holds=Equal(factored, surplus),
    source=SEC41,
    expects="refuted",
    neighbour="S4.a",
)

W = objects("W")[0]
mu, P = state("mu", X, role="contexts"), kernel("P", X, W, role="data")
encoder = function("f", X, S, role="encoder")
drawn = discard(X) >> (mu >> P)
determined_by_surplus = Claim(
    id="S5",
    says="without a surplus a drafter with the data's law given the hidden state is accepted with the same "
    "probability, one, in every world",
    about=mu >> copy(X) >> (copy(X) >> id(X) @ encoder) @ P,
    holds=Equal(1 - D("TV", P, drawn, over=mu), ONE),
    given=(Equal(I("H", "W"), ZERO),),
    source=SEC41,
    expects="refuted",
    neighbour="S6.a",
)
