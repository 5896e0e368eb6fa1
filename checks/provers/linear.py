"""Information expressions as linear forms over joint entropies of the wires of a diagram.

A coordinate is a nonempty set of wires (a bit mask), the log-size of an object, or the constant 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from lmlaws.theory.expressions import (
    Add,
    Const,
    Entropy,
    Expr,
    Information,
    Log,
    Mul,
    Pow,
    Relation,
    Size,
)
from lmlaws.theory.programs import Call, Program, compile_term
from lmlaws.theory.quantities import joint_entropies
from lmlaws.theory.terms import Term, wire_names

Coordinate: TypeAlias = "int | str"
"""A bit mask of wires, `log|X|` for the size of X, or "1" for the constant."""

Linear: TypeAlias = dict[Coordinate, Fraction]


class NotLinearError(ValueError):
    """An expression that is no linear combination of entropies; the message says which part."""


def combine(*parts: tuple[Fraction | int, Linear]) -> Linear:
    """A linear combination of linear forms, zeros dropped."""
    total: Linear = {}
    for factor, form in parts:
        for key, value in form.items():
            total[key] = total.get(key, Fraction(0)) + factor * value
    return {key: value for key, value in total.items() if value}


def scaled(form: Linear) -> Linear:
    """The form divided by its largest coefficient, so that floats neither overflow nor lose sight of it."""
    largest = max(map(abs, form.values()), default=Fraction(1))
    return {key: value / largest for key, value in form.items()}


@dataclass(frozen=True)
class Wires:
    """The wires of a statement's diagram that matter to it, and the names under which it speaks of them.

    `live` are the wires that the outputs named in the statement depend on; each has the bit of its place there.
    """

    program: Program
    outputs: dict[str, int]
    live: tuple[int, ...]

    @classmethod
    def of(cls, about: Term | None, mentioned: set[str]) -> Wires:
        """The wires of a state that the mentioned variables depend on; none where a statement is about no state."""
        if about is None:
            return cls(Program((), (), ()), {}, ())
        program = compile_term(about)
        outputs = dict(zip(wire_names(about.cod), program.outputs))
        needed = {outputs[name] for name in mentioned}
        for call in reversed(program.calls):
            if needed.intersection(call.makes):
                needed.update(call.reads)
        return cls(program, outputs, tuple(sorted(needed)))

    @property
    def numbered(self) -> int:
        """How many wires the program has, live or not; the next wire takes this number."""
        return sum(len(call.makes) for call in self.program.calls)

    def mask(self, wires: set[int] | tuple[int, ...]) -> int:
        """The bit mask of some live wires."""
        return sum(1 << place for place, wire in enumerate(self.live) if wire in wires)

    def wires(self, mask: int) -> list[int]:
        """The wire numbers of a bit mask, increasing."""
        return [wire for place, wire in enumerate(self.live) if mask >> place & 1]

    def calls(self) -> list[tuple[int, Call]]:
        """The calls that make a live wire, with their numbers in the program."""
        live = set(self.live)
        return [(number, call) for number, call in enumerate(self.program.calls) if live.intersection(call.makes)]

    def linear(self, expr: Expr) -> Linear:
        """An expression as a linear form. Raises NotLinearError."""
        if isinstance(expr, Const):
            return {"1": expr.value} if expr.value else {}
        if isinstance(expr, Add):
            return combine(*((1, self.linear(term)) for term in expr.terms))
        if isinstance(expr, Log) and isinstance(expr.of, Size):
            return {f"log|{expr.of.alphabet.name}|": Fraction(1)}
        if isinstance(expr, Entropy | Information):
            return combine(*((n, self._entropy(key)) for key, n in joint_entropies(expr).items()))
        if isinstance(expr, Mul):
            number, rest = Fraction(1), []
            for factor in expr.factors:
                value = _constant(factor)
                if value is None:
                    rest.append(factor)
                else:
                    number *= value
            if len(rest) == 1:
                return combine((number, self.linear(rest[0])))
        raise NotLinearError(f"{type(expr).__name__} is not part of a linear combination of entropies")

    def _entropy(self, names: tuple[str, ...]) -> Linear:
        return {self.mask({self.outputs[name] for name in names}): Fraction(1)}

    def gap(self, relation: Relation) -> Linear:
        """Right minus left. Raises NotLinearError, also for an equation of terms."""
        left, right = relation.left, relation.right
        if not (isinstance(left, Expr) and isinstance(right, Expr)):
            raise NotLinearError("an equation of diagrams")
        return combine((1, self.linear(right)), (-1, self.linear(left)))


def _constant(expr: Expr) -> Fraction | None:
    if isinstance(expr, Const):
        return expr.value
    if isinstance(expr, Pow) and isinstance(expr.base, Const) and expr.exponent == -1 and expr.base.value:
        return 1 / expr.base.value
    return None
