"""The constructors of the statement language: about twenty kinds of node, frozen data, no behaviour but arithmetic.

Everything a claim says is built from these; all else in theory/ is a function that builds them. Engines walk the
nodes by type and refuse, with a reason, what they cannot read.

Conventions (those of perspectives): a product with a factor that is exactly zero is zero, so 0 log 0 = 0 and
0/0 = 0; a/0 is infinite for a > 0; log 0 is minus infinity. Logs are natural, quantities are in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from .terms import Object, Term, Type

Number: TypeAlias = "int | Fraction"


class Expr:
    """A real-valued expression, possibly infinite. `+ - * /` and `**` with a rational exponent build new ones."""

    def __add__(self, other: Expr | Number) -> Expr:
        return add(self, as_expr(other))

    def __radd__(self, other: Number) -> Expr:
        return add(as_expr(other), self)

    def __sub__(self, other: Expr | Number) -> Expr:
        return add(self, -as_expr(other))

    def __rsub__(self, other: Number) -> Expr:
        return add(as_expr(other), -self)

    def __neg__(self) -> Expr:
        return mul(Const(Fraction(-1)), self)

    def __mul__(self, other: Expr | Number) -> Expr:
        return mul(self, as_expr(other))

    def __rmul__(self, other: Number) -> Expr:
        return mul(as_expr(other), self)

    def __truediv__(self, other: Expr | Number) -> Expr:
        return mul(self, as_expr(other) ** -1)

    def __rtruediv__(self, other: Number) -> Expr:
        return mul(as_expr(other), self**-1)

    def __pow__(self, exponent: Number) -> Expr:
        if isinstance(self, Const) and exponent == -1 and self.value:
            return Const(1 / self.value)
        return Pow(self, Fraction(exponent))


@dataclass(frozen=True)
class Letter:
    """A variable that runs over the letters of an object; bound by Sum, or free and then universally quantified."""

    name: str
    alphabet: Object


@dataclass(frozen=True)
class Head:
    """A log-linear head: output embeddings W with a row for each token of `tokens`, and a bias b."""

    name: str
    tokens: Object


@dataclass(frozen=True)
class Point:
    """A hidden state h of the head's space, in R^d."""

    name: str
    head: Head


@dataclass(frozen=True)
class Direction:
    """A direction u of the head's space, in R^d."""

    name: str
    head: Head


@dataclass(frozen=True)
class Points:
    """A hidden state h(x) of the head's space for each letter x of `over`: what an encoder gives to its contexts."""

    name: str
    head: Head
    over: Object


@dataclass(frozen=True)
class At:
    """The hidden state of a family at a letter."""

    points: Points
    letter: Letter

    @property
    def head(self) -> Head:
        """The head in whose space it lies."""
        return self.points.head


@dataclass(frozen=True)
class Array:
    """A real number for each choice of letters of `over`, universally quantified: a test function, coefficients."""

    name: str
    over: Type


Hidden: TypeAlias = "Point | At"
Vector: TypeAlias = "Point | At | Direction"


@dataclass(frozen=True)
class Const(Expr):
    """A rational number."""

    value: Fraction


@dataclass(frozen=True)
class Symbol(Expr):
    """A real parameter, universally quantified."""

    name: str


@dataclass(frozen=True)
class Add(Expr):
    """A sum of terms."""

    terms: tuple[Expr, ...]


@dataclass(frozen=True)
class Mul(Expr):
    """A product of factors; zero as soon as one factor is exactly zero."""

    factors: tuple[Expr, ...]


@dataclass(frozen=True)
class Pow(Expr):
    """A rational power."""

    base: Expr
    exponent: Fraction


@dataclass(frozen=True)
class Log(Expr):
    """The natural logarithm; log 0 is minus infinity."""

    of: Expr


@dataclass(frozen=True)
class Exp(Expr):
    """The exponential function."""

    of: Expr


@dataclass(frozen=True)
class Abs(Expr):
    """The absolute value."""

    of: Expr


@dataclass(frozen=True)
class Sum(Expr):
    """The sum of `body` over all letters of the letter's alphabet."""

    letter: Letter
    body: Expr


@dataclass(frozen=True)
class Entry(Expr):
    """The entry of a finite kernel at letters: the probability of `outs` given `ins`."""

    term: Term
    ins: tuple[Letter, ...]
    outs: tuple[Letter, ...]


@dataclass(frozen=True)
class Element(Expr):
    """The number of an array at letters."""

    array: Array
    letters: tuple[Letter, ...]


@dataclass(frozen=True)
class Coordinate(Expr):
    """A coordinate of a vector of the head's space; the letter runs over `axes` of the head."""

    vector: Vector
    axis: Letter


@dataclass(frozen=True)
class Embedding(Expr):
    """A coordinate of g(w), the head's row at the token w = `letter`."""

    head: Head
    letter: Letter
    axis: Letter


@dataclass(frozen=True)
class Bias(Expr):
    """b_w, the head's bias at the token w = `letter`."""

    head: Head
    letter: Letter


@dataclass(frozen=True)
class Logit(Expr):
    """`<g(w), u>` for a direction, `<g(w), h> + b_w` for a point, at the token w = `letter`."""

    vector: Vector
    letter: Letter


@dataclass(frozen=True)
class LogPartition(Expr):
    """A(h) = log sum_w exp(<g(w), h> + b_w)."""

    point: Hidden


@dataclass(frozen=True)
class Softmax(Expr):
    """p_h(w), the head's law at a point; always positive."""

    point: Hidden
    letter: Letter


@dataclass(frozen=True)
class Derivative(Expr):
    """The directional derivative of `of` at the point `at`, along `along`."""

    of: Expr
    at: Point
    along: Direction


@dataclass(frozen=True)
class Rank(Expr):
    """The rank of the bilinear form (u, v) -> `form`."""

    form: Expr
    u: Direction
    v: Direction


@dataclass(frozen=True)
class Dimension(Expr):
    """The dimension d of the head's space."""

    head: Head


@dataclass(frozen=True)
class Size(Expr):
    """The number of letters of an object."""

    alphabet: Object


@dataclass(frozen=True)
class Entropy(Expr):
    """H(of | given): Shannon's entropy of wires of the statement's diagram, in nats."""

    of: tuple[str, ...]
    given: tuple[str, ...] = ()


@dataclass(frozen=True)
class Information(Expr):
    """I(A; B; ... | given): (multivariate) mutual information of groups of wires, in nats."""

    groups: tuple[tuple[str, ...], ...]
    given: tuple[str, ...] = ()


@dataclass(frozen=True)
class DivergenceOf(Expr):
    """D(left, right) of two states; of two kernels, averaged over the state `over` on their common domain."""

    name: str
    left: Term
    right: Term
    over: Term | None = None


@dataclass(frozen=True)
class Equal:
    """Both sides are equal: two expressions, or two terms as morphisms. A side may be given as a number."""

    left: Expr | Term
    right: Expr | Term

    def __post_init__(self) -> None:
        _number_sides(self)


@dataclass(frozen=True)
class LessEq:
    """The left side is at most the right side. A side may be given as a number."""

    left: Expr
    right: Expr

    def __post_init__(self) -> None:
        _number_sides(self)


Relation: TypeAlias = "Equal | LessEq"
ZERO, ONE = Const(Fraction(0)), Const(Fraction(1))


def _number_sides(relation: Equal | LessEq) -> None:
    """Write sides that are numbers as constants."""
    for name in ("left", "right"):
        side: object = getattr(relation, name)
        if isinstance(side, int | Fraction) and not isinstance(side, bool):
            object.__setattr__(relation, name, Const(Fraction(side)))


def as_expr(value: Expr | Number) -> Expr:
    """An expression from a number. Floats are refused: a statement is exact."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, int | Fraction) and not isinstance(value, bool):
        return Const(Fraction(value))
    raise TypeError(f"{value!r} is a {type(value).__name__}; a statement takes integers and Fractions")


def add(*terms: Expr) -> Expr:
    """The sum, nested sums flattened."""
    flat = tuple(part for term in terms for part in (term.terms if isinstance(term, Add) else (term,)))
    flat = tuple(part for part in flat if part != ZERO)
    return ZERO if not flat else flat[0] if len(flat) == 1 else Add(flat)


def mul(*factors: Expr) -> Expr:
    """The product, nested products flattened and numbers gathered in front."""
    flat = [part for factor in factors for part in (factor.factors if isinstance(factor, Mul) else (factor,))]
    number = Fraction(1)
    rest: list[Expr] = []
    for part in flat:
        if isinstance(part, Const):
            number *= part.value
        else:
            rest.append(part)
    if number == 0 or not rest:
        return Const(number)
    if number != 1:
        rest.insert(0, Const(number))
    return rest[0] if len(rest) == 1 else Mul(tuple(rest))


def axes(head: Head) -> Object:
    """The coordinates of a head's space, as an object: its letters number them, its size is d."""
    return Object(f"axes({head.name})")


def log(of: Expr | Number) -> Expr:
    """The natural logarithm."""
    return Log(as_expr(of))


def minimum(a: Expr, b: Expr) -> Expr:
    """min(a, b), written with an absolute value: (a + b - |a - b|) / 2."""
    return Fraction(1, 2) * (a + b - Abs(a - b))


def sum_over(letters: tuple[Letter, ...], body: Expr) -> Expr:
    """The sum over several letters, the first outermost."""
    for letter in reversed(letters):
        body = Sum(letter, body)
    return body


def fraction(product: Mul) -> tuple[Fraction, list[Expr], list[Expr]]:
    """A product as one writes it: the number in front, the factors above the bar, and those below it."""
    number, factors = Fraction(1), product.factors
    if isinstance(factors[0], Const):
        number, factors = factors[0].value, factors[1:]
    above = [f for f in factors if not (isinstance(f, Pow) and f.exponent < 0)]
    below = [
        Pow(f.base, -f.exponent) if f.exponent != -1 else f.base
        for f in factors
        if isinstance(f, Pow) and f.exponent < 0
    ]
    return number, above, below


def opened(total: Sum) -> tuple[list[Letter], Expr]:
    """The letters of sums inside one another, the outermost first, and what is summed."""
    letters, body = [total.letter], total.body
    while isinstance(body, Sum):
        letters.append(body.letter)
        body = body.body
    return letters, body


def children(node: object) -> Iterator[Any]:
    """The parts of a node, in field order; tuples are opened."""
    if is_dataclass(node):
        for field in fields(node):
            value = getattr(node, field.name)
            yield from value if isinstance(value, tuple) else (value,)
    elif isinstance(node, tuple):
        yield from node


def walk(node: object) -> Iterator[Any]:
    """Every node below `node`, itself first, left to right, without recursion."""
    stack: list[Any] = [node]
    while stack:
        part = stack.pop()
        yield part
        stack.extend(reversed(list(children(part))))


def rebuild(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The same node with `change` applied to each expression directly below it."""
    if isinstance(expr, Add):
        return add(*map(change, expr.terms))
    if isinstance(expr, Mul):
        return mul(*map(change, expr.factors))
    if isinstance(expr, Pow):
        return change(expr.base) ** expr.exponent
    if isinstance(expr, Log | Exp | Abs):
        return type(expr)(change(expr.of))
    if isinstance(expr, Sum):
        return Sum(expr.letter, change(expr.body))
    if isinstance(expr, Derivative):
        return Derivative(change(expr.of), expr.at, expr.along)
    if isinstance(expr, Rank):
        return Rank(change(expr.form), expr.u, expr.v)
    return expr


def substitute(expr: Expr, values: dict[Expr, Expr]) -> Expr:
    """The expression with whole nodes replaced."""
    return values[expr] if expr in values else rebuild(expr, lambda part: substitute(part, values))
