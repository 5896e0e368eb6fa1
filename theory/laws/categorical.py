"""C. Categorical laws: kernels compose, copy and discard are a comonoid, and one generation step is a composite.

The equations C1 to C3 are axioms of a Markov category. For finite kernels they are theorems about sums, and the
identity prover shows them from the definitions of the composites; a verdict says which of the two it rests on.
"""

from __future__ import annotations

from ..claims import Claim, Mend, Source, Twin, Worked
from ..expressions import ONE, ZERO, Equal, Letter, Sum
from ..quantities import I, entry
from ..terms import Id, Par, Seq, Term, copy, discard, function, id, kernel, objects, state, swap

X, Y, Z, W, H, V = objects("X Y Z W H V")
k, k2 = kernel("k", X, Y), kernel("k2", X, Y)
h, h2, g, g2 = kernel("h", Y, Z), kernel("h2", Y, Z), kernel("g", Z, W), kernel("g2", Z, W)
noise, square = kernel("n", X, X), kernel("s", X, (Y, Y))
DEF21 = Source("arXiv:2507.19247v2", "Definition 2.1")
DEF22 = Source("arXiv:2507.19247v2", "Definition 2.2")
MIX, MIX2, BACK = [["1/2", "1/2"], ["0", "1"]], [["1/4", "3/4"], ["1", "0"]], [["1", "0"], ["1/3", "2/3"]]

associativity = Claim(
    id="C1.a",
    says="composition of kernels is associative",
    holds=Equal(Seq((Seq((k, h)), g)), Seq((k, Seq((h, g))))),
    source=DEF22,
    worked=Worked({"k": MIX, "h": MIX2, "g": MIX}, [["5/16", "11/16"], ["1/2", "1/2"]]),
    twins=(
        Twin("another last kernel", Equal(Seq((Seq((k, h)), g)), Seq((k, Seq((h, g2)))))),
        Twin("another first kernel", Equal(Seq((Seq((k, h)), g)), Seq((k2, Seq((h, g)))))),
    ),
)
units = Claim(
    id="C1.b",
    says="identities are units of composition and of the product",
    holds=Equal(Seq((Id((X,)), Par((k, Id(()))), Id((Y,)))), k),
    source=DEF22,
    worked=Worked({"k": MIX}, MIX),
    twins=(
        Twin("noise in place of the identity", Equal(noise >> k, k)),
        Twin("another kernel", Equal(Seq((Id((X,)), k2)), k)),
    ),
)
interchange = Claim(
    id="C1.c",
    says="working side by side and in sequence can be interchanged",
    holds=Equal((k @ g) >> (h @ id(W)), (k >> h) @ g),
    source=DEF22,
    worked=Worked({"k": [["1"]], "h": [["1"]], "g": [["1/2", "1/2"]]}, [["1/2", "1/2"]]),
    twins=(
        Twin("another kernel on the right", Equal((k @ g2) >> (h @ id(W)), (k >> h) @ g)),
        Twin("another kernel on the left", Equal((k @ g) >> (h2 @ id(W)), (k >> h) @ g)),
    ),
)
swap_natural = Claim(
    id="C1.d",
    says="the swap is natural: kernels slide through it",
    holds=Equal((k @ g) >> swap(Y, W), swap(X, Z) >> (g @ k)),
    source=DEF22,
    worked=Worked({"k": [["1/3", "2/3"]], "g": [["1"]]}, [["1/3", "2/3"]]),
    twins=(
        Twin("two kernels of one type change places", Equal((k @ k2) >> swap(Y, Y), swap(X, X) >> (k @ k2))),
        Twin("the first copy is swapped away", Equal(noise @ id(X) >> swap(X, X), swap(X, X) >> noise @ id(X))),
    ),
)
hexagon = Claim(
    id="C1.e",
    says="swapping past a pair is swapping past each in turn",
    holds=Equal(swap(X, (Y, Z)), (swap(X, Y) @ id(Z)) >> (id(Y) @ swap(X, Z))),
    source=DEF22,
    worked=Worked({"sizes": {"X": 1, "Y": 1, "Z": 2}}, [["1", "0"], ["0", "1"]]),
    twins=(
        Twin("only the first swap", Equal(swap(X, (X, X)), swap(X, X) @ id(X))),
        Twin("the swaps in the other order", Equal(swap(X, (X, X)), (id(X) @ swap(X, X)) >> (swap(X, X) @ id(X)))),
    ),
)
involution = Claim(
    id="C1.f",
    says="swapping twice changes nothing",
    holds=Equal(swap(X, Y) >> swap(Y, X), id((X, Y))),
    source=DEF22,
    worked=Worked({"sizes": {"X": 1, "Y": 2}}, [["1", "0"], ["0", "1"]]),
    twins=(
        Twin("swapping once", Equal(swap(X, X), id((X, X)))),
        Twin("noise between the swaps", Equal(swap(X, Y) >> id(Y) @ noise >> swap(Y, X), id((X, Y)))),
    ),
)
beside_associative = Claim(
    id="C1.g",
    says="working side by side is associative",
    holds=Equal(Par((Par((k, h)), g)), Par((k, Par((h, g))))),
    source=DEF22,
    worked=Worked({"k": [["1/2", "1/2"]], "h": [["1"], ["1"]], "g": [["1/3", "2/3"]]}, [["1/6", "1/3"] * 2] * 2),
    twins=(
        Twin("another last kernel", Equal(Par((Par((k, h)), g)), Par((k, Par((h, g2)))))),
        Twin("another first kernel", Equal(Par((Par((k, h)), g)), Par((k2, Par((h, g)))))),
    ),
)
identities_beside = Claim(
    id="C1.h",
    says="identities side by side are the identity of the product",
    holds=Equal(Par((Id((X,)), Id((Y,)))), Id((X, Y))),
    source=DEF22,
    worked=Worked({"sizes": {"X": 1, "Y": 2}}, [["1", "0"], ["0", "1"]]),
    twins=(
        Twin("noise on the first wire", Equal(noise @ id(Y), id((X, Y)))),
        Twin("the wires exchanged", Equal(swap(X, X), id((X, X)))),
    ),
)
coassociative = Claim(
    id="C2.a",
    says="copying is coassociative",
    holds=Equal(copy(X) >> copy(X) @ id(X), copy(X) >> id(X) @ copy(X)),
    source=DEF21,
    worked=Worked({"sizes": {"X": 1}}, [["1"]]),
    twins=(
        Twin("noise on one branch", Equal(copy(X) >> copy(X) @ noise, copy(X) >> id(X) @ copy(X))),
        Twin("noise on the copied branch", Equal(copy(X) >> (noise >> copy(X)) @ id(X), copy(X) >> id(X) @ copy(X))),
    ),
)
counit = Claim(
    id="C2.b",
    says="copying and discarding one copy changes nothing",
    holds=Equal(copy(X) >> discard(X) @ id(X), id(X)),
    source=DEF21,
    worked=Worked({"sizes": {"X": 2}}, [["1", "0"], ["0", "1"]]),
    twins=(
        Twin("noise on the copy that is kept", Equal(copy(X) >> discard(X) @ noise, id(X))),
        Twin("noise before the copy", Equal(noise >> copy(X) >> discard(X) @ id(X), id(X))),
    ),
)
commutative = Claim(
    id="C2.c",
    says="the two copies can be exchanged",
    holds=Equal(copy(X) >> swap(X, X), copy(X)),
    source=DEF21,
    worked=Worked({"sizes": {"X": 2}}, [["1", "0", "0", "0"], ["0", "0", "0", "1"]]),
    twins=(
        Twin("after noise on one copy", Equal(copy(X) >> noise @ id(X) >> swap(X, X), copy(X) >> noise @ id(X))),
        Twin("the outputs of a kernel", Equal(square >> swap(Y, Y), square)),
    ),
)
copies_of_products = Claim(
    id="C2.d",
    says="copying a pair is copying each, shuffled",
    holds=Equal(copy((X, Y)), copy(X) @ copy(Y) >> id(X) @ swap(X, Y) @ id(Y)),
    source=DEF21,
    worked=Worked({"sizes": {"X": 1, "Y": 2}}, [["1", "0", "0", "0"], ["0", "0", "0", "1"]]),
    twins=(
        Twin("without the shuffle", Equal(copy((X, X)), copy(X) @ copy(X))),
        Twin("noise on one copy", Equal(copy((X, Y)), copy(X) @ copy(Y) >> noise @ swap(X, Y) @ id(Y))),
    ),
)
discards_of_products = Claim(
    id="C2.e",
    says="discarding a pair is discarding each, here beside a wire that is kept",
    holds=Equal(id(X) @ discard((Y, Z)), id(X) @ discard(Y) @ discard(Z)),
    source=DEF21,
    worked=Worked({"sizes": {"X": 2, "Y": 1, "Z": 1}}, [["1", "0"], ["0", "1"]]),
    twins=(
        Twin("noise on the wire that is kept", Equal(id(X) @ discard((Y, Z)), noise @ discard(Y) @ discard(Z))),
        Twin("another wire is kept", Equal(id(X) @ discard((X, Z)), discard(X) @ id(X) @ discard(Z))),
    ),
)
discard_natural = Claim(
    id="C3",
    says="discarding a kernel's output is discarding its input",
    holds=Equal(k >> discard(Y), discard(X)),
    source=DEF21,
    worked=Worked({"k": MIX}, [["1"], ["1"]]),
    twins=(
        Twin("one output of two", Equal(square >> id(Y) @ discard(Y), square >> discard(Y) @ id(Y))),
        Twin("the other output is as the input", Equal(copy(X) >> noise @ discard(X), id(X))),
    ),
)
copy_natural = Claim(
    id="C4",
    says="copying a kernel's output is running the kernel on two copies of its input",
    holds=Equal(k >> copy(Y), copy(X) >> k @ k),
    source=Source("arXiv:2507.19247v2", "Definition 2.1, the comonoid 'natural in X'"),
    expects="conditional",
    mend=Mend(
        "the kernel is deterministic",
        Equal(function("k", X, Y) >> copy(Y), copy(X) >> function("k", X, Y) @ function("k", X, Y)),
    ),
)


def deterministic(term: Term) -> Equal:
    """A term commutes with copying: the categorical form of being a function."""
    return Equal(term >> copy(term.cod), copy(term.dom) >> term @ term)


FRITZ = "Fritz 2020, A synthetic approach to Markov kernels (arXiv:1908.07021)"
STRUCTURE = {"the identity": id(X), "copy": copy(X), "discard": discard(X) @ id(X), "the swap": swap(X, X)}
structure_deterministic = [
    Claim(
        id=f"C5.{name.split()[-1]}",
        says=f"{name} is deterministic" + (", here beside a wire that is kept" if name == "discard" else ""),
        holds=deterministic(term),
        source=Source(FRITZ, "Section 10"),
        worked=Worked({"sizes": {"X": 1}}, [["1"]]),
        twins=(
            Twin("noise on its last wire", deterministic(noisy)),
            Twin("noise in one of the two runs", Equal(term >> copy(term.cod), copy(term.dom) >> term @ noisy)),
        ),
    )
    for name, term in STRUCTURE.items()
    for noisy in (id(term.dom[:-1]) @ noise >> term,)
]
closed = {"seq": (k >> h, h, "in sequence"), "beside": (k @ g, g, "side by side")}
closed_deterministic = [
    Claim(
        id=f"C5.{name}",
        says=f"two deterministic kernels {how} are deterministic",
        holds=deterministic(term),
        given=(deterministic(k), deterministic(second)),
        source=Source(FRITZ, "Section 10"),
        worked=Worked({"k": [["1"]], "h": [["1"]], "g": [["1"]], "sizes": {"X": 1}}, [["1"]]),
        twins=(
            Twin("the first with noise", given=(deterministic(second),)),
            Twin("the second with noise", given=(deterministic(k),)),
        ),
    )
    for name, (term, second, how) in closed.items()
]

EMB, mu = objects("E")[0], state("mu", X, role="contexts")
emb, bb = function("k_emb", X, EMB, role="encoder"), function("k_bb", EMB, H, role="encoder")
head = kernel("k_head", H, W, role="head")
loose_bb, loose_emb = kernel("k_bb", EMB, H, role="encoder"), kernel("k_emb", X, EMB, role="encoder")
step = mu >> copy(X) >> id(X) @ (emb >> bb >> copy(H) >> id(H) @ head)
skip = mu >> copy(X) >> (copy(X) @ (emb >> bb >> copy(H))) >> id(X) @ swap(X, H) @ id(H)
SEC3 = Source("arXiv:2507.19247v2", "Section 3, (3.1) to (3.3)")

encoder_deterministic = Claim(
    id="C6.a",
    says="embedding and backbone together are deterministic: the hidden state is a function of the context",
    holds=deterministic(emb >> bb),
    source=SEC3,
    worked=Worked({"k_emb": [["0", "1"]], "k_bb": [["1", "0"], ["0", "1"]]}, [["0", "0", "0", "1"]]),
    twins=(
        Twin("a backbone with noise", deterministic(emb >> loose_bb)),
        Twin("an embedding with noise", deterministic(loose_emb >> bb)),
    ),
)
screened_by_hidden_state = Claim(
    id="C6.b",
    says="under the model's law the next token is independent of the context given the hidden state",
    about=step,
    holds=Equal(I("X", "W", given="H"), ZERO),
    source=SEC3,
    worked=Worked(
        {"mu": ["1/2", "1/2"], "k_emb": [["1", "0"], ["0", "1"]], "k_bb": [["1", "0"], ["0", "1"]], "k_head": MIX}, "0"
    ),
    twins=(
        Twin("given the token instead", Equal(I("X", "H", given="W"), ZERO)),
        Twin("a head that sees the context", about=skip >> id((X, H)) @ kernel("k_head", (X, H), W, role="head")),
    ),
)
with_token, other_contexts = step >> id(X) @ discard(H) @ id(W), state("nu", X) >> copy(X)
step_is_composite = Claim(
    id="C6.c",
    says="forgetting the hidden state leaves the composite kernel head after backbone after embedding",
    holds=Equal(with_token, mu >> copy(X) >> id(X) @ (emb >> bb >> head)),
    source=Source("arXiv:2507.19247v2", "(1.2)"),
    worked=Worked({"mu": ["1"], "k_emb": [["1"]], "k_bb": [["1"]], "k_head": [["1/3", "2/3"]]}, [["1/3", "2/3"]]),
    twins=(
        Twin("the token drawn anew", Equal(with_token, mu >> id(X) @ (mu >> emb >> bb >> head))),
        Twin("another context law", Equal(with_token, other_contexts >> id(X) @ (emb >> bb >> head))),
    ),
)
with_state, drawn_anew = step >> id((X, H)) @ discard(W), mu >> id(X) @ (mu >> emb >> bb)
hidden_state_pushed = Claim(
    id="C6.d",
    says="context and hidden state have the law of the context with a function of it",
    holds=Equal(with_state, mu >> copy(X) >> id(X) @ (emb >> bb)),
    source=SEC3,
    worked=Worked({"mu": ["1/3", "2/3"], "k_emb": [["1"], ["1"]], "k_bb": [["1"]], "k_head": [["1"]]}, ["1/3", "2/3"]),
    twins=(
        Twin("the hidden state drawn anew", Equal(with_state, drawn_anew)),
        Twin("a backbone with noise", Equal(with_state, mu >> copy(X) >> id(X) @ (emb >> kernel("noise", EMB, H)))),
    ),
)

p, m = state("p", (X, Y)), state("m", X)
c, d, back, back2 = kernel("c", X, Y), kernel("d", X, Y), kernel("r", Y, X), kernel("r2", Y, X)
x, y = Letter("x", X), Letter("y", Y)
first = p >> id(X) @ discard(Y)
pxy, px = entry(p, (), (x, y)), entry(first, (), (x,))
COINS = {"p": ["1/2", "0", "1/4", "1/4"], "sizes": {"X": 2, "Y": 2}}


def joint(law: Term, then: Term) -> Term:
    """A law on X with what a kernel makes of it: two kernels are equal almost surely when these are equal."""
    return law >> copy(law.cod) >> id(law.cod) @ then


disintegrates = Claim(
    id="C7.a",
    says="a joint law is its marginal times the ratio of the two, which is the conditional (0/0 = 0)",
    holds=Equal(px * (pxy / px), pxy),
    source=Source(FRITZ, "Section 11; used in (7.5)"),
    worked=Worked(COINS, ["1/2", "0", "1/4", "1/4"]),
    twins=(
        Twin("the square of the ratio", Equal(px * (pxy / px) ** 2, pxy)),
        Twin("the ratio by the other marginal", Equal(px * (pxy / entry(p >> discard(X) @ id(Y), (), (y,))), pxy)),
    ),
)
conditional_is_law = Claim(
    id="C7.b",
    says="that conditional is a law wherever the marginal has mass",
    holds=Equal(Sum(y, pxy / px), px / px),
    source=Source(FRITZ, "Section 11; used in (7.5)"),
    worked=Worked(COINS, ["1", "1"]),
    twins=(
        Twin("also without mass", Equal(Sum(y, pxy / px), ONE)),
        Twin("the joint law itself", Equal(Sum(y, pxy), px / px)),
    ),
)
conditional_unique = Claim(
    id="C7.c",
    says="two kernels that disintegrate one joint law are equal almost surely",
    holds=Equal(joint(first, c), joint(first, d)),
    given=(Equal(joint(first, c), p), Equal(joint(first, d), p)),
    source=Source(FRITZ, "Sections 11 and 13; used in (7.5)"),
    worked=Worked({**COINS, "c": [["1", "0"], MIX[0]], "d": [["1", "0"], MIX[0]]}, [["1/2", "0", "1/4", "1/4"]]),
    twins=(
        Twin("one of them disintegrates another law", given=(Equal(joint(first, c), p),)),
        Twin("equal everywhere", Equal(c, d)),
    ),
)
weight = entry(m >> k, (), (y,))
inverse = entry(m, (), (x,)) * entry(k, (x,), (y,)) / weight
inverts = Equal(joint(m, k), joint(m >> k, back) >> swap(Y, X))
bayes = Claim(
    id="C8.a",
    says="Bayes: prior times likelihood is evidence times the normalised product of the two, the inverse (0/0 = 0)",
    holds=Equal(weight * inverse, entry(m, (), (x,)) * entry(k, (x,), (y,))),
    source=Source(FRITZ, "Section 11, Bayesian inversion"),
    worked=Worked({"m": ["1/2", "1/2"], "k": MIX}, ["1/4", "0", "1/4", "1/2"]),
    twins=(
        Twin("the likelihood alone", Equal(weight * inverse, entry(k, (x,), (y,)))),
        Twin("another prior", Equal(entry(state("n", X) >> k, (), (y,)) * inverse, inverse * weight)),
    ),
)
inverse_unique = Claim(
    id="C8.b",
    says="two inverses of a kernel at a prior are equal almost surely",
    holds=Equal(joint(m >> k, back), joint(m >> k, back2)),
    given=(inverts, Equal(joint(m, k), joint(m >> k, back2) >> swap(Y, X))),
    source=Source(FRITZ, "Sections 11 and 13"),
    worked=Worked({"m": ["1/2", "1/2"], "k": MIX, "r": BACK, "r2": BACK}, [["1/4", "0", "1/4", "1/2"]]),
    twins=(
        Twin("one of them is no inverse", given=(inverts,)),
        Twin("equal everywhere", Equal(back, back2)),
    ),
)
inverse_back = Claim(
    id="C8.c",
    says="inverting twice gives the kernel back, almost surely",
    holds=Equal(joint(m, c), joint(m, k)),
    given=(inverts, Equal(joint(m >> k, back), joint(m >> k >> back, c) >> swap(X, Y))),
    source=Source(FRITZ, "Section 11, Bayesian inversion"),
    worked=Worked({"m": ["1/2", "1/2"], "k": MIX, "r": BACK, "c": MIX}, [["1/4", "1/4", "0", "1/2"]]),
    twins=(
        Twin("the first is no inverse", given=(Equal(joint(m >> k, back), joint(m >> k >> back, c) >> swap(X, Y)),)),
        Twin("equal everywhere", Equal(c, k)),
    ),
)

B = objects("B")[0]
PUSHBACK = Source(FRITZ, "Section 11, randomness pushback")
zero, one, ask = state("zero", B), state("one", B), kernel("k", B, Y)
answers, select = (zero >> ask) @ (one >> ask), function("select", (B, Y, Y), Y)
SELECT = [["1", "0"], ["1", "0"], ["0", "1"], ["0", "1"], ["1", "0"], ["0", "1"], ["1", "0"], ["0", "1"]]
selects = (
    Equal(zero @ id((Y, Y)) >> select, id(Y) @ discard(Y)),
    Equal(one @ id((Y, Y)) >> select, discard(Y) @ id(Y)),
)
pushed = [
    Claim(
        id=f"C9.{name}",
        says="a kernel with two inputs draws an answer for each by independent noise, and a function selects one: "
        f"the {name} input",
        holds=Equal(state_ @ answers >> select, state_ >> ask),
        given=selects,
        source=PUSHBACK,
        worked=Worked({"zero": ["1", "0"], "one": ["0", "1"], "k": MIX, "select": SELECT}, [value]),
        twins=(
            Twin("any function", given=()),
            Twin("the other answer", Equal(state_ @ answers >> select, other >> ask)),
        ),
    )
    for name, state_, other, value in (("first", zero, one, MIX[0]), ("second", one, zero, MIX[1]))
]

coin, one_way, other_way = state("n", B), function("f", (X, B), Y), function("g", (X, B), Y)
pushed_uniquely = Claim(
    id="C9.unique",
    says="noise and kernel determine the function almost surely",
    holds=Equal(joint(m @ coin, one_way), joint(m @ coin, other_way)),
    given=(Equal(id(X) @ coin >> one_way, id(X) @ coin >> other_way),),
    source=PUSHBACK,
    expects="refuted",
    neighbour="C9.first",
)

verify, draft = kernel("k_verify", H, W, role="head"), kernel("k_draft", H, V)
hidden, both = state("p_H", H, role="contexts"), copy(H) >> verify @ draft
both_of_one = hidden >> copy(H) >> id(H) @ both
SEC41 = Source("arXiv:2507.19247v2", "Section 4.1")
coupled = hidden >> copy(H) >> id(H) @ (verify >> copy(W) >> id(W) @ kernel("k_draft", W, V))
HEADS = {"k_verify": MIX, "k_draft": MIX2}
marginals = [
    Claim(
        id=f"C10.{name}",
        says=f"forgetting the other's output, two heads on one hidden state leave the {name}",
        holds=Equal(both >> kept, box),
        source=SEC41,
        worked=Worked(HEADS, value),
        twins=(
            Twin("the hidden state drawn anew", Equal(discard(H) >> (hidden >> both >> kept), box)),
            Twin("another head", Equal(both >> kept, kernel("other", H, box.cod))),
        ),
    )
    for name, kept, box, value in (
        ("verifier", id(W) @ discard(V), verify, MIX),
        ("drafter", discard(W) @ id(V), draft, MIX2),
    )
]
screened_heads = Claim(
    id="C10.independent",
    says="the two heads' outputs are independent given the hidden state",
    about=both_of_one,
    holds=Equal(I("W", "V", given="H"), ZERO),
    source=SEC41,
    worked=Worked({"p_H": ["1/2", "1/2"], **HEADS}, "0"),
    twins=(
        Twin("without the hidden state", Equal(I("W", "V"), ZERO)),
        Twin("a drafter that sees the verifier's token", about=coupled),
    ),
)
