"""Exact instances of a statement, and its value there: rational kernels, integer heads, hidden states that are logs.

An instance gives every object a size, every box a rational kernel, every head an integer matrix W and a bias, every
point h = (log t_1, ..., log t_d) with rational t, every direction integers. Then kernel entries, softmax weights and
covariances are rational, log-partitions and divergences are exact numbers, and a relation is decided, not estimated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import reduce
from itertools import product
from typing import Any

from lmlaws.theory.expressions import (
    Abs,
    Add,
    Array,
    At,
    Bias,
    Const,
    Coordinate,
    Derivative,
    Dimension,
    Direction,
    DivergenceOf,
    Element,
    Embedding,
    Entropy,
    Entry,
    Equal,
    Exp,
    Expr,
    Head,
    Hidden,
    Information,
    Letter,
    Log,
    Logit,
    LogPartition,
    Mul,
    Point,
    Points,
    Pow,
    Rank,
    Relation,
    Size,
    Softmax,
    Sum,
    Symbol,
    Vector,
    axes,
    mul,
    rebuild,
    walk,
)
from lmlaws.theory.quantities import joint_entropies
from lmlaws.theory.statements import Statement, free
from lmlaws.theory.terms import Box, Copy, Discard, Id, Object, Par, Seq, Swap, Term, Type, as_type, wire_names

from .divergences import divergence, entropy
from .kernels import Kernel
from .numbers import INF, Exact, log
from .worlds import ExactHead


class UnevaluableError(ValueError):
    """An expression has no exact value in this number system at this instance; the message says which part."""


@dataclass
class Instance:
    """Values for everything that a statement quantifies over.

    Points are given as exp(h), rational and positive; a family has one for each letter, an array is row-major.
    """

    sizes: dict[Object, int]
    boxes: dict[str, Kernel] = field(default_factory=dict)
    heads: dict[str, ExactHead] = field(default_factory=dict)
    points: dict[str, tuple[Fraction, ...]] = field(default_factory=dict)
    families: dict[str, tuple[tuple[Fraction, ...], ...]] = field(default_factory=dict)
    directions: dict[str, tuple[int, ...]] = field(default_factory=dict)
    arrays: dict[str, tuple[Fraction, ...]] = field(default_factory=dict)
    symbols: dict[str, Fraction] = field(default_factory=dict)
    _terms: dict[Term, Kernel] = field(default_factory=dict, repr=False)

    def type_sizes(self, kind: Type) -> tuple[int, ...]:
        """The sizes of a product of objects."""
        return tuple(self.sizes[part] for part in kind)

    def kernel(self, term: Term) -> Kernel:
        """The finite kernel that a term denotes here."""
        if isinstance(term, Box):
            return self.boxes[term.name]
        if term not in self._terms:
            self._terms[term] = self._composite(term)
        return self._terms[term]

    def _composite(self, term: Term) -> Kernel:
        if isinstance(term, Seq):
            return reduce(lambda a, b: a >> b, map(self.kernel, term.parts))
        if isinstance(term, Par):
            return reduce(lambda a, b: a @ b, map(self.kernel, term.parts))
        if isinstance(term, Swap):
            return Kernel.swap(self.type_sizes(term.left), self.type_sizes(term.right))
        makers = {Id: Kernel.identity, Copy: Kernel.copy, Discard: Kernel.discard}
        assert isinstance(term, Id | Copy | Discard)
        return makers[type(term)](self.type_sizes(term.kind))


class Evaluator:
    """The exact value of expressions at one instance of a statement.

    Raises UnevaluableError where a value leaves the exact numbers (a root too large to be written out, say) or is not
    defined (infinity minus infinity).
    """

    def __init__(self, statement: Statement, instance: Instance) -> None:
        self.statement, self.instance = statement, instance
        self._softmax: dict[tuple[Head, tuple[Fraction, ...]], tuple[Fraction, ...]] = {}
        self._entropies: dict[tuple[str, ...], Exact] = {}

    def value(self, expr: Expr, letters: Mapping[Letter, int] | None = None) -> Exact:
        """The value of an expression with its free letters at the given places."""
        try:
            return self._value(expr, dict(letters or {}))
        except (ArithmeticError, ValueError) as problem:
            raise UnevaluableError(str(problem)) from problem

    def _value(self, expr: Expr, at: dict[Letter, int]) -> Exact:
        if isinstance(expr, Const):
            return Exact.of(expr.value)
        if isinstance(expr, Add):
            return Exact.sum(self._value(term, at) for term in expr.terms)
        if isinstance(expr, Mul):
            return self._product(expr.factors, at)
        if isinstance(expr, Sum):
            size = self.instance.sizes[expr.letter.alphabet]
            return Exact.sum(self._value(expr.body, {**at, expr.letter: i}) for i in range(size))
        if isinstance(expr, Entry):
            return Exact.of(self._entry(expr, at))
        if isinstance(expr, Pow):
            return _power(self._value(expr.base, at), expr.exponent)
        if isinstance(expr, Log):
            return log(self._value(expr.of, at))
        if isinstance(expr, Abs):
            return abs(self._value(expr.of, at))
        if isinstance(expr, Derivative):
            return self._value(differentiate(expr.of, expr.at, expr.along), at)
        if isinstance(expr, Entropy | Information):
            return Exact.sum(n * self._joint_entropy(names) for names, n in joint_entropies(expr).items())
        if isinstance(expr, DivergenceOf):
            return self._divergence(expr)
        return self._leaf(expr, at)

    def _leaf(self, expr: Expr, at: dict[Letter, int]) -> Exact:
        if isinstance(expr, Logit):
            return self._logit(expr.vector, at[expr.letter], at)
        if isinstance(expr, Softmax):
            return Exact.of(self._law(expr.point, at)[at[expr.letter]])
        if isinstance(expr, LogPartition):
            return log(sum(self._unnormalised(expr.point, at), Fraction(0)))
        if isinstance(expr, Element | Coordinate | Embedding | Bias):
            return self._component(expr, at)
        if isinstance(expr, Size):
            return Exact.of(self.instance.sizes[expr.alphabet])
        if isinstance(expr, Symbol):
            return Exact.of(self.instance.symbols[expr.name])
        if isinstance(expr, Dimension):
            return Exact.of(len(self.instance.heads[expr.head.name].W[0]))
        if isinstance(expr, Rank):
            return Exact.of(self._rank(expr, at))
        if isinstance(expr, Exp):
            from .numbers import exp

            return exp(self._value(expr.of, at))
        raise UnevaluableError(f"no exact value for {type(expr).__name__}")

    def _product(self, factors: tuple[Expr, ...], at: dict[Letter, int]) -> Exact:
        """The product; zero as soon as one factor is exactly zero, whatever the others are."""
        values = []
        for factor in factors:
            value = self._value(factor, at)
            if value == 0:
                return value
            values.append(value)
        return reduce(lambda a, b: a * b, values)

    def _joint_entropy(self, names: tuple[str, ...]) -> Exact:
        """The entropy of some wires, from their marginal law."""
        about = self.statement.about
        assert about is not None
        if names not in self._entropies:
            wires = wire_names(about.cod)
            law = self.instance.kernel(about).marginal([wires.index(name) for name in names])
            self._entropies[names] = entropy(law)
        return self._entropies[names]

    def _divergence(self, expr: DivergenceOf) -> Exact:
        """The divergence of the two kernels that the terms denote here."""
        left, right = self.instance.kernel(expr.left), self.instance.kernel(expr.right)
        over = None if expr.over is None else self.instance.kernel(expr.over)
        return divergence(expr.name, left, right, over=over)

    def _entry(self, expr: Entry, at: dict[Letter, int]) -> Fraction:
        kernel = self.instance.kernel(expr.term)
        return kernel.entry(self._index(expr.ins, at), self._index(expr.outs, at))

    def _index(self, letters: tuple[Letter, ...], at: dict[Letter, int]) -> int:
        place = 0
        for letter in letters:
            place = place * self.instance.sizes[letter.alphabet] + at[letter]
        return place

    def _component(self, expr: Element | Coordinate | Embedding | Bias, at: dict[Letter, int]) -> Exact:
        if isinstance(expr, Element):
            return Exact.of(self.instance.arrays[expr.array.name][self._index(expr.letters, at)])
        if isinstance(expr, Embedding):
            return Exact.of(self.instance.heads[expr.head.name].W[at[expr.letter]][at[expr.axis]])
        if isinstance(expr, Bias):
            return log(Fraction(self.instance.heads[expr.head.name].weights[at[expr.letter]]))
        if isinstance(expr.vector, Direction):
            return Exact.of(self.instance.directions[expr.vector.name][at[expr.axis]])
        return log(self._exp_point(expr.vector, at)[at[expr.axis]])

    def _exp_point(self, point: Hidden, at: Mapping[Letter, int]) -> tuple[Fraction, ...]:
        """exp(h) of a hidden state."""
        if isinstance(point, At):
            return self.instance.families[point.points.name][at[point.letter]]
        return self.instance.points[point.name]

    def _unnormalised(self, point: Hidden, at: Mapping[Letter, int]) -> tuple[Fraction, ...]:
        return self.instance.heads[point.head.name].exp_logits(self._exp_point(point, at))

    def _law(self, point: Hidden, at: Mapping[Letter, int]) -> tuple[Fraction, ...]:
        """p_h as rationals."""
        key = point.head, self._exp_point(point, at)
        if key not in self._softmax:
            raw = self._unnormalised(point, at)
            self._softmax[key] = tuple(x / sum(raw) for x in raw)
        return self._softmax[key]

    def _logit(self, vector: Vector, token: int, at: Mapping[Letter, int]) -> Exact:
        head = self.instance.heads[vector.head.name]
        if not isinstance(vector, Direction):
            return log(self._unnormalised(vector, at)[token])
        return Exact.of(sum(a * b for a, b in zip(head.W[token], self.instance.directions[vector.name])))

    def _rank(self, expr: Rank, at: dict[Letter, int]) -> int:
        from flint import fmpq, fmpq_mat

        dimension = len(self.instance.heads[expr.u.head.name].W[0])
        units = [tuple(int(i == j) for j in range(dimension)) for i in range(dimension)]
        rows = []
        for u in units:
            row = []
            for v in units:
                directions = {**self.instance.directions, expr.u.name: u, expr.v.name: v}
                here = replace(self.instance, directions=directions)
                value = Evaluator(self.statement, here)._value(expr.form, at).rational()
                if value is None:
                    raise UnevaluableError("the rank of a form with irrational entries")
                row.append(fmpq(value.numerator, value.denominator))
            rows.append(row)
        return int(fmpq_mat(rows).rank())

    def sides(self, relation: Relation) -> list[tuple[Exact, Exact]]:
        """The values of both sides, at every choice of the free letters (entry by entry for terms)."""
        left, right = relation.left, relation.right
        if isinstance(left, Term) and isinstance(right, Term):
            rows = zip(self.instance.kernel(left).rows(), self.instance.kernel(right).rows())
            return [(Exact.of(a), Exact.of(b)) for row, other in rows for a, b in zip(row, other)]
        assert isinstance(left, Expr)
        assert isinstance(right, Expr)
        letters = tuple(dict.fromkeys((*free(left), *free(right))))
        places = product(*(range(self.instance.sizes[letter.alphabet]) for letter in letters))
        chosen = [dict(zip(letters, place)) for place in places]
        return [(self.value(left, at), self.value(right, at)) for at in chosen]

    def violation(self, relation: Relation) -> tuple[Exact, Exact] | None:
        """Both sides where the relation fails first, or None where it holds throughout."""
        for left, right in self.sides(relation):
            if not (left == right if isinstance(relation, Equal) else left <= right):
                return left, right
        return None

    def meets(self, given: tuple[Relation, ...]) -> bool:
        """Whether all hypotheses hold here, exactly."""
        return all(self.violation(relation) is None for relation in given)


def _power(base: Exact, exponent: Fraction) -> Exact:
    if exponent < 0 and base == 0:
        return INF
    return base**exponent


def differentiate(expr: Expr, at: Point, along: Direction) -> Expr:
    """The directional derivative as an expression without Derivative, by the textbook rules."""
    if isinstance(expr, Softmax) and expr.point == at:
        return expr * (Logit(along, expr.letter) - _mean_logit(at, along))
    if isinstance(expr, LogPartition) and expr.point == at:
        return _mean_logit(at, along)
    if isinstance(expr, Logit) and expr.vector == at:
        return Logit(along, expr.letter)
    if isinstance(expr, Coordinate) and expr.vector == at:
        return Coordinate(along, expr.axis)
    if isinstance(expr, Mul):
        parts = [
            mul(*expr.factors[:i], differentiate(factor, at, along), *expr.factors[i + 1 :])
            for i, factor in enumerate(expr.factors)
        ]
        return reduce(lambda a, b: a + b, parts)
    if isinstance(expr, Pow):
        return expr.exponent * expr.base ** (expr.exponent - 1) * differentiate(expr.base, at, along)
    if isinstance(expr, Log):
        return differentiate(expr.of, at, along) / expr.of
    if isinstance(expr, Exp):
        return expr * differentiate(expr.of, at, along)
    if isinstance(expr, Derivative):
        return differentiate(differentiate(expr.of, expr.at, expr.along), at, along)
    if isinstance(expr, Add | Sum):
        return rebuild(expr, lambda part: differentiate(part, at, along))
    if any(node == at for node in walk(expr)):
        raise UnevaluableError(f"no derivative of {type(expr).__name__}")
    return Const(Fraction(0))


def _mean_logit(at: Point, along: Direction) -> Expr:
    letter = Letter("@v", at.head.tokens)
    return Sum(letter, Softmax(at, letter) * Logit(along, letter))


def instance_of(statement: Statement, values: Mapping[str, Any]) -> Instance:
    """An instance from values by name, as claims give them: rows of boxes (a plain list for a state), W, b, exp-free.

    `sizes` gives sizes that rows do not tell; `h` is a list of exact strings such as "log(2)" or 0. Raises ValueError
    naming what is missing or does not fit.
    """
    sizes = {Object(name): size for name, size in values.get("sizes", {}).items()}
    rows = {box: _rows(statement, box, values) for box in statement.boxes}
    for box, table in rows.items():
        for kind, length in ((box.dom, len(table)), (box.cod, len(table[0]))):
            if len(kind) == 1:
                sizes.setdefault(kind[0], length)
    for head in statement.heads:
        if "W" not in values:
            raise ValueError("an instance of a statement about a head needs W")
        sizes.setdefault(head.tokens, len(values["W"]))
        sizes.setdefault(axes(head), len(values["W"][0]))
    for node in walk(statement):
        if isinstance(node, Points) or (isinstance(node, Array) and len(node.over) == 1):
            sizes.setdefault(as_type(node.over)[0], len(values[node.name]))
    missing = [part.name for part in statement.objects if part not in sizes]
    if missing:
        raise ValueError(f"the sizes of {', '.join(missing)} are not known; give sizes={{...}}")
    instance = Instance(sizes)
    for box, table in rows.items():
        instance.boxes[box.name] = Kernel(table, instance.type_sizes(box.dom), instance.type_sizes(box.cod))
    for node in walk(statement):
        if isinstance(node, Head):
            bias = values.get("b", [0] * len(values["W"]))
            weights = tuple(_exponential(x) for x in bias)
            instance.heads[node.name] = ExactHead(tuple(map(tuple, values["W"])), weights)
        elif isinstance(node, Point):
            instance.points[node.name] = tuple(_exponential(x) for x in values[node.name])
        elif isinstance(node, Points):
            instance.families[node.name] = tuple(tuple(map(_exponential, row)) for row in values[node.name])
        elif isinstance(node, Array):
            instance.arrays[node.name] = tuple(map(Fraction, _flat(values[node.name])))
        elif isinstance(node, Direction) and node.name in values:
            instance.directions[node.name] = tuple(values[node.name])
        elif isinstance(node, Symbol):
            instance.symbols[node.name] = Fraction(values[node.name])
    return instance


def _rows(statement: Statement, box: Box, values: Mapping[str, Any]) -> list[Any]:
    if box.name not in values:
        raise ValueError(f"no value for the box {box.name!r}; the statement has {[b.name for b in statement.boxes]}")
    table = list(values[box.name])
    return [table] if table and not isinstance(table[0], list | tuple) else table


def _flat(rows: Any) -> list[Any]:
    """The numbers of nested lists, in order."""
    return [x for row in rows for x in _flat(row)] if isinstance(rows, list | tuple) else [rows]


def _exponential(x: object) -> Fraction:
    """exp of an exact string, which must be rational: h is given by logs of rationals."""
    from .numbers import exp

    value = exp(Exact.parse(str(x))).rational()
    if value is None:
        raise ValueError(f"exp({x}) is not rational; give hidden states and biases as logs of rationals, or 0")
    return value


def as_json(statement: Statement, instance: Instance) -> dict[str, Any]:
    """An instance as the JSON of a counterexample (design contract): law, laws, kernels or world."""
    about = statement.about
    if isinstance(about, Box) and statement.is_information and len(statement.boxes) == 1:
        law = [str(x) for x in instance.boxes[about.name].rows()[0]]
        return {
            "kind": "law",
            "vars": list(wire_names(about.cod)),
            "sizes": list(instance.type_sizes(about.cod)),
            "law": law,
        }
    laws = {b.name: [str(x) for x in instance.boxes[b.name].rows()[0]] for b in statement.boxes if not b.dom}
    kernels = {b.name: instance.boxes[b.name].json() for b in statement.boxes if b.dom}
    world: dict[str, Any] = {}
    for head in statement.heads:
        value = instance.heads[head.name]
        table = {"W": [list(row) for row in value.W], "b": [str(log(x)) for x in value.weights]}
        world.update(table if len(statement.heads) == 1 else {head.name: table})
    world.update({name: [str(log(x)) for x in t] for name, t in instance.points.items()})
    world.update({name: [[str(log(x)) for x in t] for t in rows] for name, rows in instance.families.items()})
    world.update({name: list(u) for name, u in instance.directions.items()})
    world.update({name: list(map(str, row)) for name, row in instance.arrays.items()})
    world.update({name: str(x) for name, x in instance.symbols.items()})
    parts = {"laws": laws, "kernels": kernels, "world": world}
    filled = {name: part for name, part in parts.items() if part}
    kind = "world" if world else "kernels" if kernels else "laws"
    sizes = {part.name: size for part, size in instance.sizes.items()}
    return {"kind": kind, **filled, "sizes": sizes}
