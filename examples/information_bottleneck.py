"""Claims from another paper: Tishby and Zaslavsky, Deep Learning and the Information Bottleneck Principle.

    lmlaws check examples/information_bottleneck.py --report bottleneck.html

A network's layers T1, T2 are computed from its input X, which comes with a label Y: Y -> X -> T1 -> T2.
"""

from lmlaws import Claim, Mend, Source, Twin, Worked, parse

PAPER = "arXiv:1503.02406"
FAIR_COPY = {"p": ["1/2", "0", "0", "1/2"]}  # T1 is the label itself, a fair bit

layers_lose = Claim(
    id="bottleneck.layers",
    says="deeper layers know no more of the label than those before them",
    holds="I(Y;T2) <= I(Y;T1) given Y -> X -> T1 -> T2",
    source=Source(PAPER, "Section III, data processing along the layers"),
    twins=(Twin("without the chain", given=()), Twin("the other way", parse("I(Y;T1) <= I(Y;T2)").holds)),
)

sufficient = Claim(
    id="bottleneck.sufficient",
    says="a layer keeps all that the input tells of the label",
    holds="I(Y;X) <= I(Y;T) given Y -> X -> T",
    source=Source(PAPER, "Section II, sufficient statistics"),
    expects="conditional",
    mend=Mend(
        "the label depends on the input through the layer only",
        given=parse("I(Y;X) <= I(Y;T) given Y -> X -> T, Y -> T -> X").given,
    ),
)

never_above_the_label = Claim(
    id="bottleneck.label",
    says="a layer knows no more of the label than there is to know",
    holds="I(Y;T) <= H(Y)",
    source=Source(PAPER, "Section II"),
    tight=FAIR_COPY,
    worked=Worked(FAIR_COPY, "log(2)"),
    twins=(Twin("half of it", parse("I(Y;T) <= 1/2 H(Y)").holds), Twin("the other way", parse("H(Y) <= I(Y;T)").holds)),
)
