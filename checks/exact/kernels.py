"""Finite probability, exactly: kernels with rational entries, composed in sequence and side by side.

Types are tuples of sizes: () is the unit, (2, 3) the pairs of a letter of 2 and a letter of 3, and a `FinSet` is a size
with a name. Letters, rows and columns are counted from 0, and a tuple of letters is numbered row by row (the last
letter runs fastest). Source of the operations: Fritz, "A synthetic approach to Markov kernels", Adv. Math. 370 (2020),
arXiv:1908.07021, example 2.5.

    >>> p, k = State(["1/2", "1/2"]), Kernel([["9/10", "1/10"], ["1/20", "19/20"]])
    >>> (p >> k).weights
    (Fraction(19, 40), Fraction(21, 40))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from flint import fmpq, fmpq_mat

from lmlaws.checks.exact.finite import FinSet, Keep, Sizes, fits, numbering, positions, show, sizes_of
from lmlaws.checks.exact.numbers import Rational, to_fmpq
from lmlaws.theory.display import Shown

__all__ = ["FinSet", "Kernel", "Sizes", "State"]


class Kernel(Shown):
    """A stochastic matrix with rational entries, from `dom` to `cod`; immutable, and `==` is exact.

    `k >> h` runs k, then h; `k @ h` runs both side by side (binds tighter). Entries are ints, Fractions or texts such
    as "1/3" and "0.25"; never floats (TypeError). Rows that do not sum to 1 are refused, never renormalised.
    """

    __slots__ = ("_matrix", "cod", "dom")

    dom: Sizes
    cod: Sizes

    def __init__(
        self, rows: Sequence[Sequence[Any]], dom: Sizes | int | None = None, cod: Sizes | int | None = None
    ) -> None:
        """From one row a letter of dom; dom and cod default to single objects of the matrix' size.

        ValueError names the row and the defect: empty, ragged, a negative entry, a sum other than 1, a wrong size.
        """
        exact = [_row(row, i) for i, row in enumerate(rows)]
        if not exact:
            raise ValueError("a kernel needs at least one row, and rows is empty")
        width = len(exact[0])
        for i, row in enumerate(exact):
            if len(row) != width:
                raise ValueError(f"row {i} of kernel has {len(row)} entries, but row 0 has {width}")
        self.dom = sizes_of((len(exact),) if dom is None else dom)
        self.cod = sizes_of((width,) if cod is None else cod)
        for what, sizes, given in (("dom", self.dom, len(exact)), ("cod", self.cod, width)):
            if prod(sizes) != given:
                lines = "rows" if what == "dom" else "entries a row"
                raise ValueError(f"{what} {show(sizes)} has {prod(sizes)} letters, but kernel has {given} {lines}")
        self._matrix = fmpq_mat(len(exact), width, [x for row in exact for x in row])

    @staticmethod
    def _made(dom: Sizes, cod: Sizes, matrix: Any) -> Kernel:
        """A kernel from a matrix known to be stochastic; a State when dom is the unit."""
        kernel = object.__new__(Kernel if dom else State)
        kernel.dom, kernel.cod, kernel._matrix = dom, cod, matrix
        return kernel

    @classmethod
    def from_function(cls, dom: Sizes | int, cod: Sizes | int, f: Callable[..., int | tuple[int, ...]]) -> Kernel:
        """The deterministic kernel of f, which takes one letter an object of dom and returns the letters of cod.

        A single letter may be returned bare. ValueError when f leaves cod.
        """
        dom, cod = sizes_of(dom), sizes_of(cod)
        matrix = fmpq_mat(prod(dom), prod(cod))
        for i, letters in enumerate(product(*map(range, dom))):
            image = f(*letters)
            image = (image,) if isinstance(image, int) else tuple(image)
            if len(image) != len(cod) or not all(0 <= y < n for y, n in zip(image, cod)):
                raise ValueError(f"the function maps {letters} to {image}, which is not in {show(cod)}")
            number = 0
            for y, n in zip(image, cod):
                number = number * n + y
            matrix[i, number] = 1
        return Kernel._made(dom, cod, matrix)

    @classmethod
    def identity(cls, sizes: Sizes | int) -> Kernel:
        """The kernel that does nothing."""
        return cls.from_function(sizes, sizes, lambda *x: x)

    @classmethod
    def copy(cls, sizes: Sizes | int) -> Kernel:
        """x to (x, x)."""
        sizes = sizes_of(sizes)
        return cls.from_function(sizes, sizes + sizes, lambda *x: x + x)

    @classmethod
    def discard(cls, sizes: Sizes | int) -> Kernel:
        """x to the only letter of the unit."""
        return cls.from_function(sizes, (), lambda *_: ())

    @classmethod
    def swap(cls, a: Sizes | int, b: Sizes | int) -> Kernel:
        """(x, y) to (y, x), for x in a and y in b."""
        a, b = sizes_of(a), sizes_of(b)
        return cls.from_function(a + b, b + a, lambda *x: x[len(a) :] + x[: len(a)])

    @classmethod
    def uniform(cls, sizes: Sizes | int) -> State:
        """The law that gives every letter the same mass."""
        sizes = sizes_of(sizes)
        return State([fmpq(1, prod(sizes))] * prod(sizes), sizes)

    def __rshift__(self, other: object) -> Kernel:
        """First this kernel, then the other; TypeError naming both types when they do not fit."""
        if not isinstance(other, Kernel):
            return NotImplemented
        if not fits(self.cod, other.dom):
            here, there = show(self.cod), show(other.dom)
            if here == there:  # the letters differ
                here, there = repr(self.cod), repr(other.dom)
            raise TypeError(f"cannot compose {self.type} >> {other.type}: the codomain {here} is not {there}")
        return Kernel._made(self.dom, other.cod, self._matrix * other._matrix)

    def __matmul__(self, other: object) -> Kernel:
        """Both kernels side by side, independently: the Kronecker product."""
        if not isinstance(other, Kernel):
            return NotImplemented
        right = other._matrix.tolist()
        entries = [x * y for row in self._matrix.tolist() for below in right for x in row for y in below]
        rows, columns = prod(self.dom) * prod(other.dom), prod(self.cod) * prod(other.cod)
        return Kernel._made(self.dom + other.dom, self.cod + other.cod, fmpq_mat(rows, columns, entries))

    def __pow__(self, n: int) -> Kernel:
        """n steps of the chain that this kernel is, n >= 0; TypeError when its codomain does not fit its domain."""
        if isinstance(n, bool) or not isinstance(n, int):
            return NotImplemented
        if not fits(self.dom, self.cod):
            raise TypeError(f"a kernel {self.type} has no powers: the codomain must be the domain")
        if n < 0:
            raise ValueError(f"the power {n} of a kernel is negative; `invert` gives the Bayesian inverse")
        return Kernel._made(self.dom, self.cod, self._matrix**n)

    def __eq__(self, other: object) -> bool:
        """Whether types and entries are equal; an unnamed object equals a named one of its size."""
        if not isinstance(other, Kernel):
            return NotImplemented
        return fits(self.dom, other.dom) and fits(self.cod, other.cod) and bool(self._matrix == other._matrix)

    def __hash__(self) -> int:
        return hash((self.dom, self.cod, tuple(self._matrix.entries())))

    @property
    def type(self) -> str:
        """The domain and codomain as text, such as "(2,) -> (2, 3)", or with names "X(2) -> X(2) * Y(3)"."""
        return f"{show(self.dom)} -> {show(self.cod)}"

    def entry(self, i: int, j: int) -> Fraction:
        """The probability of the output with number j given the input with number i; IndexError outside the matrix."""
        if not (0 <= i < self._matrix.nrows() and 0 <= j < self._matrix.ncols()):
            raise IndexError(f"entry ({i}, {j}) of a kernel {self.type}: counted from 0, without negative numbers")
        return _fraction(self._matrix[i, j])

    def rows(self) -> list[list[Fraction]]:
        """The entries, row by row."""
        return [[_fraction(x) for x in row] for row in self._matrix.tolist()]

    def is_deterministic(self) -> bool:
        """Whether every entry is 0 or 1, so that the kernel is a function."""
        return all(x == 0 or x == 1 for x in self._matrix.entries())

    def marginal(self, keep: Keep) -> Kernel:
        """The kernel to the chosen objects of cod, positions or names, in this order.

        ValueError for a position or name that cod does not have, a repeated one, and a name that is not unique.
        """
        chosen = positions(keep, self.cod)
        cod = tuple(self.cod[i] for i in chosen)
        target, width = numbering(chosen, self.cod), prod(cod)
        entries: list[Rational] = []
        for row in self._matrix.tolist():
            sums = [fmpq(0)] * width
            for j, x in zip(target, row):
                if x:
                    sums[j] += x
            entries += sums
        return Kernel._made(self.dom, cod, fmpq_mat(prod(self.dom), width, entries))

    def conditional(self, keep: Keep) -> Kernel:
        """Of a kernel A -> X * Y the conditional A * X -> Y, where X are the objects to keep, by position or name.

        Running the marginal to X, then this, gives the kernel back (Fritz 2020, section 11). Rows are uniform
        where the condition has no mass. ValueError as in `marginal`.
        """
        from lmlaws.checks.exact import conditionals

        return conditionals.conditional(self, keep)

    def invert(self, prior: Kernel) -> Kernel:
        """The Bayesian inverse Y -> X of this kernel X -> Y for a prior on X; uniform rows where an output has no mass.

        Inverting twice, k.invert(p).invert(p >> k), gives k back p-almost surely. TypeError unless the prior is a state
        on X. Source: Fritz 2020, sections 11 and 13.
        """
        from lmlaws.checks.exact import conditionals

        return conditionals.invert(self, prior)

    def equals_almost_surely(self, other: Kernel, on: Kernel) -> bool:
        """Whether both kernels have equal rows wherever a law `on` their domain has mass (Fritz 2020, section 13).

        `on` may be a kernel to the domain: then wherever one of its rows has mass. TypeError when types do not fit.
        """
        from lmlaws.checks.exact import conditionals

        return conditionals.equals_almost_surely(self, other, on)

    def pushback(self) -> tuple[State, Kernel]:
        """Noise and a deterministic kernel f with k = (id @ noise) >> f: the inverse of the distribution function.

        The letters of the noise are the intervals into which the partial sums of all rows cut [0, 1], in order: at most
        rows * (entries a row - 1) + 1 of them. It is one such form among many (Fritz 2020, section 11).
        """
        from lmlaws.checks.exact import conditionals

        return conditionals.pushback(self)

    def json(self) -> dict[str, Any]:
        """{"dom": [2], "cod": [2], "rows": [["1/2", "1/2"], ...]}, the form of counterexamples."""
        rows = [[str(x) for x in row] for row in self._matrix.tolist()]
        return {"dom": [int(n) for n in self.dom], "cod": [int(n) for n in self.cod], "rows": rows}

    def __reduce__(self) -> tuple[Callable[..., Kernel], tuple[object, ...]]:
        return _unpickled, (self.rows(), self.dom, self.cod)  # flint's matrices do not pickle

    def __repr__(self) -> str:
        data = self.json()
        return f"Kernel({data['rows']}, dom={self.dom}, cod={self.cod})"


class State(Kernel):
    """A law on a finite object: a kernel from the unit."""

    __slots__ = ()

    def __init__(self, weights: Sequence[Any], cod: Sizes | int | None = None) -> None:
        """From one weight a letter of cod (row-major for a product), exact and summing to 1."""
        super().__init__([weights], dom=(), cod=cod)

    @property
    def weights(self) -> tuple[Fraction, ...]:
        """The probabilities, row-major."""
        return tuple(_fraction(x) for x in self._matrix.entries())

    if TYPE_CHECKING:  # what follows a state is a state

        def __rshift__(self, other: object) -> State: ...

        def marginal(self, keep: Keep) -> State: ...

    def joint(self, kernel: Kernel) -> State:
        """The joint law of the input and the output of a kernel on this state, p >> copy >> (id @ k).

        TypeError naming both types when they do not fit.
        """
        from lmlaws.checks.exact import conditionals

        return conditionals.joint(self, kernel)

    def disintegrate(self, at: int = 1) -> tuple[State, Kernel]:
        """The law of the first `at` objects, and the conditional of the rest: p == first.joint(conditional).

        The conditional is unique almost surely; its rows are uniform where the condition has no mass. ValueError unless
        0 <= at <= the number of objects.
        """
        from lmlaws.checks.exact import conditionals

        return conditionals.disintegrate(self, at)

    def __repr__(self) -> str:
        return f"State({self.json()['rows'][0]}, cod={self.cod})"


def _unpickled(rows: list[list[Fraction]], dom: Sizes, cod: Sizes) -> Kernel:
    return Kernel._made(dom, cod, Kernel(rows, dom, cod)._matrix)


def _row(row: Sequence[Any], i: int) -> list[Rational]:
    """One row of a kernel as flint rationals; TypeError and ValueError name the row and the defect."""
    if isinstance(row, str) or not isinstance(row, Sequence):
        raise TypeError(f"row {i} of kernel is {row!r}, not a list of entries")
    if not row:
        raise ValueError(f"row {i} of kernel is empty")
    try:
        exact = [to_fmpq(x) for x in row]
    except (TypeError, ValueError):
        exact = [_entry(x, i, j) for j, x in enumerate(row)]  # again, to say which
    numerators, denominator = fmpq_mat(1, len(exact), exact).numer_denom()  # integers add up much faster
    weights = list(map(int, numerators.entries()))
    if min(weights) < 0:
        j = next(j for j, x in enumerate(exact) if x < 0)
        raise ValueError(f"entry ({i}, {j}) of kernel is negative: {exact[j]}")
    if sum(weights) != denominator:
        raise ValueError(f"row {i} of kernel sums to {fmpq(sum(weights), denominator)}, not 1")
    return exact


def _entry(x: Any, i: int, j: int) -> Rational:
    """One entry as a flint rational; TypeError and ValueError name its place."""
    try:
        return to_fmpq(x)
    except TypeError as error:
        raise TypeError(f"entry ({i}, {j}) of kernel: {error}") from error
    except ValueError as error:
        raise ValueError(f"entry ({i}, {j}) of kernel, {x!r}: {error}") from error


def _fraction(x: Rational) -> Fraction:
    return Fraction(int(x.p), int(x.q))
