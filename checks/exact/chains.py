"""Finite Markov chains, exactly: stationary laws and the entropy rate. The powers of a chain are `kernel ** n`.

>>> from lmlaws.checks.exact.kernels import Kernel
>>> stationary(Kernel([["9/10", "1/10"], ["1/2", "1/2"]]))
(State(['5/6', '1/6'], cod=(2,)),)
"""

from __future__ import annotations

from flint import fmpq, fmpq_mat

from lmlaws.checks.exact.finite import fits
from lmlaws.checks.exact.kernels import Kernel, State
from lmlaws.checks.exact.numbers import Exact, log_sum

__all__ = ["closed_classes", "entropy_rate", "stationary"]


def closed_classes(kernel: Kernel) -> tuple[tuple[int, ...], ...]:
    """The closed communicating classes, each as its letters in order, sorted by their first letters.

    A class is closed when the chain cannot leave it. TypeError unless the codomain fits the domain.
    """
    if not fits(kernel.dom, kernel.cod):
        raise TypeError(f"a chain needs a kernel from an object to itself, not {kernel.type}")
    reach = [sum(1 << j for j, x in enumerate(row) if x) | 1 << i for i, row in enumerate(kernel._matrix.tolist())]
    letters = range(len(reach))
    for middle in letters:  # Warshall's closure, a row of letters being the bits of one integer
        for i in letters:
            if reach[i] >> middle & 1:
                reach[i] |= reach[middle]
    reached = [tuple(j for j in letters if bits >> j & 1) for bits in dict.fromkeys(reach)]
    return tuple(sorted(c for c in reached if all(reach[j] == reach[c[0]] for j in c)))


def stationary(kernel: Kernel) -> tuple[State, ...]:
    """The extreme stationary laws, one for each closed communicating class, in the order of `closed_classes`.

    Every stationary law p == p >> kernel is a mixture of these in one way. TypeError unless the codomain fits the
    domain.
    """
    return tuple(_stationary_on(kernel, letters) for letters in closed_classes(kernel))


def _stationary_on(kernel: Kernel, letters: tuple[int, ...]) -> State:
    """The only stationary law on a closed class: p (K - 1) = 0, one equation of which the sum of p replaces."""
    n = len(letters)
    steps = kernel._matrix
    equations = [fmpq(1)] * n + [steps[i, j] - (i == j) for j in letters[1:] for i in letters]
    right = fmpq_mat(n, 1, [1] + [0] * (n - 1))
    solution = fmpq_mat(n, n, equations).solve(right)
    weights = [fmpq(0)] * steps.nrows()
    for letter, weight in zip(letters, solution.entries()):
        weights[letter] = weight
    return State(weights, kernel.cod)


def entropy_rate(kernel: Kernel, law: State | None = None) -> Exact:
    """The entropy of the next step given the past, in nats, of the chain that is started from a stationary law.

    Without a law from the only stationary one. ValueError when there are several and none is given, or when the given
    law is not stationary; TypeError when types do not fit. Source: Cover and Thomas, theorem 4.2.4.
    """
    if law is None:
        law, *others = stationary(kernel)
        if others:
            raise ValueError(f"the chain has {1 + len(others)} closed classes: give a stationary law as `law`")
    elif law >> kernel != law:
        raise ValueError("the law is not stationary under the chain: take one of `stationary(kernel)`, or a mixture")
    rows = zip(law.weights, kernel.rows())
    return log_sum((-p * x, x) for p, row in rows if p for x in row)
