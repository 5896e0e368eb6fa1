"""A statement at fixed sizes as a formula of z3 over the reals: what smt.py asks about.

The entries of laws and kernels, the biases of heads, the exponentials of points, directions and symbols are unknowns.
A root is one more unknown r >= 0 with r^n = a, a denominator d one more unknown y with y d = 1. Every function here
imports z3 lazily and is called in a child process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, product
from math import prod
from typing import Any, TypeAlias

from lmlaws.theory.expressions import (
    ZERO,
    Abs,
    Add,
    Const,
    Derivative,
    Dimension,
    Direction,
    Entropy,
    Entry,
    Equal,
    Expr,
    Information,
    Letter,
    Logit,
    Mul,
    Point,
    Pow,
    Relation,
    Size,
    Softmax,
    Sum,
    Symbol,
)
from lmlaws.theory.quantities import expand
from lmlaws.theory.statements import Statement, free
from lmlaws.theory.terms import Box, Par, Seq, Term, wire_names

from ..exact.instances import Instance, UnevaluableError, differentiate
from ..exact.spaces import Shape

DIRECTIONS = (-1, 0, 1, 2)
"""The entries of directions. W has the rows 1, 2, 3 or (1, 0), (0, 1), (1, 1); biases and points are free."""

Number: TypeAlias = Any
"""A Fraction, or a term of z3."""
Places: TypeAlias = Mapping[Letter, int]


def vanishing(relation: Relation) -> Information | Entropy | None:
    """The quantity that a relation says is zero, where that is an independence or a function: these are polynomial."""
    left = relation.left
    if isinstance(relation, Equal) and relation.right == ZERO:
        if isinstance(left, Information) and len(left.groups) == 2:
            return left
        if isinstance(left, Entropy):
            return left
    return None


class Formula:
    """A statement at fixed sizes over the reals. `facts` say what the unknowns are, and grow as roots come up."""

    def __init__(self, statement: Statement, shape: Shape) -> None:
        self.statement, self.shape = statement, shape
        self.facts: list[Any] = []
        self.unknowns: list[Any] = []
        """Those that are free: the last entry of a law is what the others leave."""
        self.divides = False
        self.cells: list[list[Number]] = []
        self.of: dict[str, list[list[Number]]] = {}
        """The cells of each thing, by its name."""
        for thing in shape.things:
            rows = [self._cell(thing.kind, shape.width(thing), i) for i in range(shape.letters(thing.type[0]))]
            self.of[thing.name] = rows
            self.cells += rows
        self._defined: dict[tuple[int, int], Number] = {}
        self._softmax: dict[str, list[Number]] = {}
        self._matrices: dict[Term, list[list[Number]]] = {}
        self._structure = Instance(dict(shape.sizes))

    def _new(self) -> Any:
        import z3

        return z3.FreshReal()

    def _cell(self, kind: str, width: int, row: int) -> list[Number]:
        """The unknowns of one cell, and what they satisfy."""
        import z3

        if kind == "head":  # with a free bias the law at one point is any law, whatever W is
            bias = self._new()
            self.unknowns.append(bias)
            self.facts.append(bias > 0)
            return [*([Fraction(row + 1)] if width == 1 else [Fraction(row in (i, 2)) for i in range(width)]), bias]
        cell = [self._new() for _ in range(width)]
        self.unknowns += cell[:-1] if kind in ("box", "function") else cell
        if kind in ("box", "function"):
            self.facts += [z3.Sum(cell) == 1, *(x >= 0 for x in cell)]
        if kind == "function":
            self.facts += [z3.Or(x == 0, x == 1) for x in cell]
        if kind == "point":
            self.facts += [x > 0 for x in cell]
        if kind == "direction":
            self.facts += [z3.Or([x == n for n in DIRECTIONS]) for x in cell]
        return cell

    def holds(self, relation: Relation) -> Any:
        """The formula of a relation, for all its free letters. Raises UnevaluableError."""
        import z3

        quantity = vanishing(relation)
        if isinstance(quantity, Information):
            a, b = quantity.groups
            return self._independent(a, b, quantity.given)
        if quantity is not None:
            return self._determined(quantity.of, quantity.given)
        pairs = self._pairs(relation)
        return z3.And([z3.BoolVal(True), *(_compared(relation, left, right) for left, right in pairs)])

    def _pairs(self, relation: Relation) -> Iterator[tuple[Number, Number]]:
        left, right = relation.left, relation.right
        if isinstance(left, Term) and isinstance(right, Term):
            for row, other in zip(self.matrix(left), self.matrix(right)):
                yield from zip(row, other)
            return
        assert isinstance(left, Expr)
        assert isinstance(right, Expr)
        left, right = (expand(side, self.statement.about) for side in (left, right))
        letters = tuple(dict.fromkeys((*free(left), *free(right))))
        for place in product(*(range(self.shape.sizes[letter.alphabet]) for letter in letters)):
            at = dict(zip(letters, place))
            yield self.value(left, at), self.value(right, at)

    def value(self, expr: Expr, at: Places) -> Number:
        """An expression at letters, as a Fraction or a term of z3. Raises UnevaluableError."""
        import z3

        if isinstance(expr, Const):
            return expr.value
        if isinstance(expr, Add):
            return sum((self.value(term, at) for term in expr.terms), Fraction(0))
        if isinstance(expr, Mul):
            return _product([self.value(factor, at) for factor in expr.factors])
        if isinstance(expr, Sum):
            letters = range(self.shape.sizes[expr.letter.alphabet])
            return sum((self.value(expr.body, {**at, expr.letter: i}) for i in letters), Fraction(0))
        if isinstance(expr, Entry):
            return self.matrix(expr.term)[self._index(expr.ins, at)][self._index(expr.outs, at)]
        if isinstance(expr, Pow):
            return self._power(self.value(expr.base, at), expr.exponent)
        if isinstance(expr, Abs):
            inner = self.value(expr.of, at)
            return z3.If(inner >= 0, inner, -inner) if z3.is_expr(inner) else abs(inner)
        if isinstance(expr, Derivative):
            return self.value(differentiate(expr.of, expr.at, expr.along), at)
        return self._leaf(expr, at)

    def _leaf(self, expr: Expr, at: Places) -> Number:
        if isinstance(expr, Softmax):
            return self._softmax_law(expr)[at[expr.letter]]
        if isinstance(expr, Logit) and isinstance(expr.vector, Direction):
            row = self.of[expr.vector.head.name][at[expr.letter]][:-1]
            return sum((_product([x, u]) for x, u in zip(row, self.of[expr.vector.name][0])), Fraction(0))
        if isinstance(expr, Size):
            return Fraction(self.shape.sizes[expr.alphabet])
        if isinstance(expr, Dimension):
            return Fraction(self.shape.dimensions[expr.head.name])
        if isinstance(expr, Symbol):
            return self.of[expr.name][0][0]
        raise UnevaluableError(type(expr).__name__)

    def _index(self, letters: Sequence[Letter], at: Places) -> int:
        place = 0
        for letter in letters:
            place = place * self.shape.sizes[letter.alphabet] + at[letter]
        return place

    def _softmax_law(self, expr: Softmax) -> list[Number]:
        """p_h, the weights exp(b_w) t^W_w over their sum."""
        assert isinstance(expr.point, Point)
        name = expr.point.name
        if name not in self._softmax:
            (t,) = self.of[name]
            rows = self.of[expr.point.head.name]
            weights = [_product([row[-1], *(x for x, n in zip(t, row) for _ in range(int(n)))]) for row in rows]
            share = self._power(sum(weights), Fraction(-1))
            self._softmax[name] = [weight * share for weight in weights]
        return self._softmax[name]

    def _power(self, base: Number, exponent: Fraction) -> Number:
        """A rational power, by a root and an inverse as further unknowns. Raises UnevaluableError for 1/0."""
        import z3

        if base == 0 and not z3.is_expr(base) and exponent < 0:
            raise UnevaluableError("a division by zero")
        if exponent.denominator > 1:
            base = self._solution(base, exponent.denominator)
        elif exponent < 0 and not z3.is_expr(base):
            return base ** int(exponent)
        if exponent < 0:
            self.divides = True
            base = self._solution(base, -1)
        return _product([base] * abs(exponent.numerator))

    def _solution(self, base: Number, index: int) -> Any:
        """The root r >= 0 of this index; with index -1 the inverse. The base is then not negative, or not zero."""
        import z3

        base = base if z3.is_expr(base) else z3.Q(base.numerator, base.denominator)
        key = (base.get_id(), index)  # the facts keep the base alive, so that its number is its own
        if key not in self._defined:
            new = self._defined[key] = self._new()
            power = new * base == 1 if index < 0 else _product([new] * index) == base
            self.facts += [power] if index < 0 else [new >= 0, power]
        return self._defined[key]

    def matrix(self, term: Term) -> list[list[Number]]:
        """The matrix that a term denotes: a row for each input, a column for each output."""
        if isinstance(term, Box):
            return self.of[term.name]
        if term not in self._matrices:
            if isinstance(term, Seq | Par):
                first, *rest = map(self.matrix, term.parts)
                compose = _composed if isinstance(term, Seq) else _beside
                for part in rest:
                    first = compose(first, part)
            else:
                first = [list(row) for row in self._structure.kernel(term).rows()]
            self._matrices[term] = first
        return self._matrices[term]

    def _masses(self, names: Sequence[str]) -> dict[tuple[int, ...], Number]:
        """The marginal law of some wires, by their letters."""
        about = self.statement.about
        assert about is not None
        wires, masses = wire_names(about.cod), dict[tuple[int, ...], Number]()
        (law,) = self.matrix(about)
        for mass, letters in zip(law, product(*(range(self.shape.sizes[part]) for part in about.cod))):
            key = tuple(letters[wires.index(name)] for name in names)
            masses[key] = masses.get(key, Fraction(0)) + mass
        return masses

    def _independent(self, a: Sequence[str], b: Sequence[str], given: Sequence[str]) -> Any:
        """p(a, b, c) p(c) = p(a, c) p(b, c) at all letters."""
        import z3

        some, other, alone = self._masses((*a, *given)), self._masses((*b, *given)), self._masses(given)
        both = self._masses((*a, *b, *given))
        equations = [
            mass * alone[key[len(a) + len(b) :]] == some[key[: len(a)] + key[len(a) + len(b) :]] * other[key[len(a) :]]
            for key, mass in both.items()
        ]
        return z3.And([z3.BoolVal(True), *equations])

    def _determined(self, of: Sequence[str], by: Sequence[str]) -> Any:
        """No letter of `by` has mass at two letters of `of`."""
        import z3

        pairs = combinations(self._masses((*of, *by)).items(), 2)
        apart = [z3.Or(z3.BoolVal(False), p == 0, q == 0) for (a, p), (b, q) in pairs if a[len(of) :] == b[len(of) :]]
        return z3.And([z3.BoolVal(True), *apart])


def _compared(relation: Relation, left: Number, right: Number) -> Any:
    """One comparison as a formula."""
    import z3

    said = left == right if isinstance(relation, Equal) else left <= right
    return said if z3.is_expr(said) else z3.BoolVal(bool(said))


def _product(factors: Sequence[Number]) -> Number:
    """The product; no term of z3 where a factor is the number zero."""
    number = prod((x for x in factors if isinstance(x, Fraction)), start=Fraction(1))
    terms = [x for x in factors if not isinstance(x, Fraction)]
    if number == 0 or not terms:
        return number
    return prod(terms if number == 1 else [number, *terms])


def _composed(left: list[list[Number]], right: list[list[Number]]) -> list[list[Number]]:
    """The product of two matrices."""
    return [[sum((_product(pair) for pair in zip(row, column)), Fraction(0)) for column in zip(*right)] for row in left]


def _beside(left: list[list[Number]], right: list[list[Number]]) -> list[list[Number]]:
    """The Kronecker product of two matrices."""
    return [[_product((x, y)) for x in row for y in other] for row in left for other in right]
