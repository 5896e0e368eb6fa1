"""C. Categorical laws: kernels compose, copy and discard are a comonoid, and one generation step is a composite.

The equations C1 to C3 are axioms of a Markov category. For finite kernels they are theorems about sums, and the
identity prover shows them from the definitions of the composites; a verdict says which of the two it rests on.
"""

from __future__ import annotations

from ..claims import Claim, Mend, Source, Twin, Worked
from ..expressions import ZERO, Equal
from ..quantities import I
from ..terms import Id, Par, Seq, copy, discard, function, id, kernel, objects, state, swap

X, Y, Z, W, H = objects("X Y Z W H")
k, k2 = kernel("k", X, Y), kernel("k2", X, Y)
h, h2, g, g2 = kernel("h", Y, Z), kernel("h2", Y, Z), kernel("g", Z, W), kernel("g2", Z, W)
noise, square = kernel("n", X, X), kernel("s", X, (Y, Y))
DEF21 = Source("arXiv:2507.19247v2", "Definition 2.1")
DEF22 = Source("arXiv:2507.19247v2", "Definition 2.2")
MIX, MIX2 = [["1/2", "1/2"], ["0", "1"]], [["1/4", "3/4"], ["1", "0"]]

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
    holds=Equal(emb >> bb >> copy(H), copy(X) >> (emb >> bb) @ (emb >> bb)),
    source=SEC3,
    worked=Worked({"k_emb": [["0", "1"]], "k_bb": [["1", "0"], ["0", "1"]]}, [["0", "0", "0", "1"]]),
    twins=(
        Twin(
            "a backbone with noise", Equal(emb >> loose_bb >> copy(H), copy(X) >> (emb >> loose_bb) @ (emb >> loose_bb))
        ),
        Twin(
            "an embedding with noise",
            Equal(loose_emb >> bb >> copy(H), copy(X) >> (loose_emb >> bb) @ (loose_emb >> bb)),
        ),
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
step_is_composite = Claim(
    id="C6.c",
    says="forgetting the hidden state leaves the composite kernel head after backbone after embedding",
    holds=Equal(step >> id(X) @ discard(H) @ id(W), mu >> copy(X) >> id(X) @ (emb >> bb >> head)),
    source=Source("arXiv:2507.19247v2", "(1.2)"),
    worked=Worked({"mu": ["1"], "k_emb": [["1"]], "k_bb": [["1"]], "k_head": [["1/3", "2/3"]]}, [["1/3", "2/3"]]),
    twins=(
        Twin(
            "the token drawn anew", Equal(step >> id(X) @ discard(H) @ id(W), mu >> id(X) @ (mu >> emb >> bb >> head))
        ),
        Twin(
            "another context law",
            Equal(step >> id(X) @ discard(H) @ id(W), state("nu", X) >> copy(X) >> id(X) @ (emb >> bb >> head)),
        ),
    ),
)
