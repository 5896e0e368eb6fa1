"""The value of a statement's expressions on a model, in float64, with error bounds and derivatives by autograd.

An `Assignment` gives every quantified thing a tensor: boxes are stochastic matrices (inputs' axes, then outputs'),
heads are (W, b), points and directions vectors. Kernel rows and softmax laws stand for the exact laws nearest to them,
so their entries carry a relative error of (size + 5) units.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce
from math import factorial

import torch
from torch import Tensor

from lmlaws.theory.expressions import (
    Abs,
    Add,
    Array,
    At,
    Bias,
    Const,
    Coordinate,
    Derivative,
    Direction,
    Element,
    Embedding,
    Entry,
    Expr,
    Head,
    Hidden,
    Letter,
    Log,
    Logit,
    LogPartition,
    Mul,
    Point,
    Points,
    Pow,
    Size,
    Softmax,
    Sum,
    Vector,
)
from lmlaws.theory.programs import compile_term
from lmlaws.theory.quantities import expand
from lmlaws.theory.terms import Box, Object, Term

from .bounded import MOST_ELEMENTS, UNIT, Bounded, TooLargeError

SMALLEST = 1e-290
"""A softmax weight below this may have underflowed; its logarithm would be wrong."""


@dataclass
class Assignment:
    """Tensors for what a statement quantifies over; everything in float64."""

    sizes: dict[Object, int] = field(default_factory=dict)
    boxes: dict[Box, Tensor] = field(default_factory=dict)
    heads: dict[Head, tuple[Tensor, Tensor]] = field(default_factory=dict)
    points: dict[Point, Tensor] = field(default_factory=dict)
    families: dict[Points, Tensor] = field(default_factory=dict)  # a row for each letter
    directions: dict[Direction, Tensor] = field(default_factory=dict)
    arrays: dict[Array, Tensor] = field(default_factory=dict)

    def tensors(self) -> list[Tensor]:
        """All tensors."""
        heads = [tensor for pair in self.heads.values() for tensor in pair]
        rest = (self.boxes, self.points, self.families, self.directions, self.arrays)
        return [*heads, *(tensor for kind in rest for tensor in kind.values())]


def _letters(vector: Hidden | Direction) -> tuple[Letter, ...]:
    """The letter of a family's hidden state; none of a single vector."""
    return (vector.letter,) if isinstance(vector, At) else ()


class UnreadableError(ValueError):
    """An expression that has no bounded value on a model; the message says which part."""


class TorchEvaluator:
    """Evaluates expressions under one assignment. Raises UnreadableError or TooLargeError."""

    def __init__(self, assignment: Assignment, about: Term | None) -> None:
        self.given, self.about = assignment, about

    def value(self, expr: Expr) -> Bounded:
        """The value of an expression, one axis for each free letter. Raises UnreadableError."""
        try:
            expanded = expand(expr, self.about)
        except ValueError as problem:  # a divergence that no sum over letters gives
            raise UnreadableError(str(problem)) from problem
        return self._value(expanded)

    def _value(self, expr: Expr) -> Bounded:
        if isinstance(expr, Const):
            return Bounded.exact(expr.value)
        if isinstance(expr, Add):
            return reduce(lambda a, b: a + b, map(self._value, expr.terms))
        if isinstance(expr, Mul):
            return reduce(lambda a, b: a * b, map(self._value, expr.factors))
        if isinstance(expr, Sum):
            return self._value(expr.body).sum(expr.letter, self.given.sizes[expr.letter.alphabet])
        if isinstance(expr, Entry):
            return self._entry(expr)
        if isinstance(expr, Pow):
            return self._value(expr.base).power(expr.exponent)
        if isinstance(expr, Log):
            return self._value(expr.of).log()
        if isinstance(expr, Abs):
            return self._value(expr.of).abs()
        if isinstance(expr, Derivative):
            return self._derivative(expr)
        if isinstance(expr, Size):
            return Bounded.exact(self.given.sizes[expr.alphabet])
        return self._of_head(expr)

    def _of_head(self, expr: Expr) -> Bounded:
        if isinstance(expr, Logit):
            value, error = self._logits(expr.vector)
            return Bounded(value, error, (*_letters(expr.vector), expr.letter))
        if isinstance(expr, Softmax | LogPartition):
            return self._softmax(expr)
        return self._component(expr)

    def _softmax(self, expr: Softmax | LogPartition) -> Bounded:
        """A law or a log-partition, for each letter of a family."""
        logits, error = self._logits(expr.point)
        rounding = error.amax(-1) + (logits.shape[-1] + 5) * UNIT
        if isinstance(expr, LogPartition):
            total = logits.logsumexp(-1)
            return Bounded(total, rounding + 2 * UNIT * total.detach().abs(), _letters(expr.point))
        law = logits.softmax(-1)
        if float(law.detach().min()) < SMALLEST:
            raise UnreadableError(f"a law of the head {expr.point.head.name} has a weight below {SMALLEST}")
        return Bounded(law, law.detach() * 2 * rounding[..., None], (*_letters(expr.point), expr.letter))

    def _component(self, expr: Expr) -> Bounded:
        """Numbers that are given, not computed: they carry no error."""
        if isinstance(expr, Element):
            value, letters = self.given.arrays[expr.array], expr.letters
        elif isinstance(expr, Coordinate):
            value, letters = self._vector(expr.vector), (*_letters(expr.vector), expr.axis)
        elif isinstance(expr, Embedding):
            value, letters = self.given.heads[expr.head][0], (expr.letter, expr.axis)
        elif isinstance(expr, Bias):
            value, letters = self.given.heads[expr.head][1], (expr.letter,)
        else:
            raise UnreadableError(f"{type(expr).__name__} has no bounded value on a model")
        if len(set(letters)) < len(letters):
            raise UnreadableError(f"{type(expr).__name__} at one letter twice")
        return Bounded(value, torch.zeros_like(value.detach()), letters)

    def _vector(self, vector: Vector) -> Tensor:
        if isinstance(vector, At):
            return self.given.families[vector.points]
        return self.given.directions[vector] if isinstance(vector, Direction) else self.given.points[vector]

    def _logits(self, vector: Vector) -> tuple[Tensor, Tensor]:
        """Logits, a row for each letter of a family, and the bound of their rounding: (d + 2) units of magnitudes."""
        weights, bias = self.given.heads[vector.head]
        bias = torch.zeros_like(bias) if isinstance(vector, Direction) else bias
        h = self._vector(vector)
        size = h.detach().abs() @ weights.abs().T + bias.abs()
        return h @ weights.T + bias, (h.shape[-1] + 2) * UNIT * size

    def _derivative(self, expr: Derivative) -> Bounded:
        """By forward-mode differentiation; the bound is that of a cumulant of the order of the derivative."""
        found: list[tuple[Letter, ...]] = []

        def inner(h: Tensor) -> Tensor:
            moved = replace(self.given, points={**self.given.points, expr.at: h})
            result = TorchEvaluator(moved, self.about)._value(expr.of)
            found.append(result.letters)
            return result.value

        h, u = self.given.points[expr.at], self.given.directions[expr.along]
        change = torch.func.jvp(inner, (h,), (u,))[1]
        return Bounded(change, torch.full_like(change.detach(), self._derivative_bound(expr)), found[-1])

    def _derivative_bound(self, expr: Derivative) -> float:
        """For averages of logits and log-partitions: their scale times order! 2^order times the logits' moves."""
        moves, order = 1.0, 0
        body: Expr = expr
        while isinstance(body, Derivative):
            moves *= float(self._logits(body.along)[0].abs().max())
            order, body = order + 1, body.of
        logits, error = self._logits(expr.at)
        rounding = 2 * float(error.max()) + (len(logits) + len(self.given.points[expr.at]) + 50) * UNIT
        return self._scale(body) * factorial(order) * 2.0**order * moves * rounding

    def _scale(self, expr: Expr) -> float:
        """How many logits or log-partitions a linear expression adds up, coefficients counted by size."""
        if isinstance(expr, Logit | LogPartition):
            return 1.0
        if isinstance(expr, Const):
            return 0.0
        if isinstance(expr, Add):
            return sum(map(self._scale, expr.terms))
        if isinstance(expr, Sum):
            factors = expr.body.factors if isinstance(expr.body, Mul) else ()
            averaged = any(isinstance(part, Entry) and expr.letter in part.outs for part in factors)
            return (1 if averaged else self.given.sizes[expr.letter.alphabet]) * self._scale(expr.body)
        if isinstance(expr, Mul):
            rest = [factor for factor in expr.factors if not isinstance(factor, Const | Entry)]
            numbers = [abs(float(factor.value)) for factor in expr.factors if isinstance(factor, Const)]
            if len(rest) <= 1:
                return reduce(lambda a, b: a * b, numbers, self._scale(rest[0]) if rest else 0.0)
        raise UnreadableError("the derivative of something else than sums of logits and log-partitions")

    def _entry(self, expr: Entry) -> Bounded:
        """An entry of a diagram, contracted along its program; equal letters on two wires take the diagonal."""
        program = compile_term(expr.term)
        label, deltas = _labels(program.inputs, program.outputs, expr.ins, expr.outs)
        live = _live(program.calls, program.outputs)
        operands: list[Tensor] = []
        subscripts: list[list[int]] = []
        names: dict[Letter | int, int] = {}
        relative = 0.0
        for call in live:
            tensor = self.given.boxes[call.box]
            operands.append(tensor)
            wires = [*call.reads, *call.makes]
            subscripts.append([names.setdefault(label.get(wire, wire), len(names)) for wire in wires])
            relative += 0.0 if call.box.deterministic else (tensor.shape[-1] + 5) * UNIT
        for a, b in deltas:
            operands.append(torch.eye(self.given.sizes[a.alphabet], dtype=torch.float64))
            subscripts.append([names.setdefault(a, len(names)), names.setdefault(b, len(names))])
        letters = tuple(x for x in dict.fromkeys((*expr.ins, *expr.outs)) if x in names)
        if not operands:
            return Bounded.exact(1)
        value = _contract(operands, subscripts, [names[x] for x in letters])
        summed = sum(tensor.numel() for tensor in operands)
        error = value * (relative + min(summed, 10**6) * UNIT) if relative else torch.zeros_like(value)
        return Bounded(value, error, letters)


def _live(calls: tuple, outputs: tuple[int, ...]) -> list:  # type: ignore[type-arg]
    """The calls whose outputs are used, directly or not; what nobody reads sums to one."""
    needed, live = set(outputs), []
    for call in reversed(calls):
        if needed.intersection(call.makes):
            live.append(call)
            needed.update(call.reads)
    return live[::-1]


def _labels(
    inputs: int, outputs: tuple[int, ...], ins: tuple[Letter, ...], outs: tuple[Letter, ...]
) -> tuple[dict[int, Letter], list[tuple[Letter, Letter]]]:
    """The letter at each wire, and pairs of letters that must be equal because one wire shows both."""
    label: dict[int, Letter] = dict(zip(range(inputs), ins))
    deltas = []
    for wire, letter in zip(outputs, outs):
        first = label.setdefault(wire, letter)
        if first != letter:
            deltas.append((first, letter))
    return label, deltas


def _contract(operands: list[Tensor], subscripts: list[list[int]], output: list[int]) -> Tensor:
    """A product of tensors summed over all subscripts but the output's, pair by pair, within MOST_ELEMENTS."""
    value, names = operands[0], subscripts[0]
    for i in range(1, len(operands) + 1):
        later = {name for rest in subscripts[i + 1 :] for name in rest}
        other, others = (operands[i], subscripts[i]) if i < len(operands) else (torch.ones((), dtype=value.dtype), [])
        keep = [n for n in dict.fromkeys([*names, *others]) if n in later or n in output]
        if i >= len(operands):
            keep = output
        sizes = dict(zip([*names, *others], [*value.shape, *other.shape]))
        count = 1
        for name in keep:
            count *= sizes[name]
        if count > MOST_ELEMENTS:
            raise TooLargeError(f"a tensor of {count} elements while a diagram is contracted")
        value, names = torch.einsum(value, names, other, others, keep), keep
    return value
