"""Claims of this project. The file is Python and runs as your own code; engines see the statements only."""

from lmlaws import Claim, D, Equal, Source, Twin, kernel, objects, parse, state

processing = Claim(
    id="processing",
    says="processing Y into Z adds no information about X",
    holds="I(X;Z) <= I(X;Y) given X -> Y -> Z",
    source=Source("my notes", "page 1"),
    twins=(
        Twin("reversed", holds=parse("I(X;Y) <= I(X;Z) given X -> Y -> Z").holds),
        Twin("without the chain", given=()),
    ),
)

X, Y = objects("X Y")
p, q, k = state("p", X), state("q", X), kernel("k", X, Y)
keeps_distance = Claim(
    id="keeps-distance",
    says="a kernel keeps the total variation of two laws",
    holds=Equal(D("TV", p >> k, q >> k), D("TV", p, q)),
    source=Source("my notes", "page 3"),
    expects="refuted",
)
