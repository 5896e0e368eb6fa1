"""Parsed text as a statement: the readers of the information and diagram forms, which build it bottom up.

What grammar alone cannot refuse is refused here, with its place: numbers beside quantities, products of quantities,
undeclared boxes, terms that do not fit, numbers that grow past the limit when multiplied out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn, TypeAlias, cast

from lark import Token
from lark.visitors import Transformer_NonRecursive

from .expressions import ZERO, Const, Equal, Expr, LessEq, Mul, Relation, add, mul
from .lexing import MAX_DIGITS, MAX_TERMS, STRUCTURE, LanguageError
from .quantities import H, I, determined, independent, log_size, markov
from .statements import Statement
from .terms import Box, CompositionError, Copy, Discard, Id, Object, Seq, Swap, Term, Type, par, seq, state

# A statement within 64 KiB can still name millions of wires (a wide box many times, a long chain): refused.
MAX_WIRES = 100_000
# Brackets nested deeper than this are multiplied out, in diagrams unfolded by interchange, so that no later walk of a
# statement has to go deep.
MAX_KEPT_BRACKETS = 12


@dataclass
class _Sum:
    """A sum in brackets: (multiple, what of) in order, and how deep brackets nest in it."""

    parts: list[_Value]
    depth: int = 1


@dataclass
class _Value:
    """A rational multiple of a quantity or a sum; of nothing for a plain number. `at` is its place in the text."""

    number: Fraction
    of: Expr | _Sum | None
    at: int


_Group: TypeAlias = "tuple[str, ...]"


def place(token: Token) -> int:
    """The index of a token in the text."""
    return token.start_pos or 0


class Reader(Transformer_NonRecursive[Token, Any]):
    """Builds data from a syntax tree of one text, bottom up, without recursion."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def refuse(self, at: int, problem: str, expected: str = "") -> NoReturn:
        """Raise LanguageError at an index of the text."""
        raise LanguageError(self.text, at, problem, expected)


class InformationReader(Reader):
    """Builds an information statement, bottom up."""

    def __init__(self, text: str, variables: _Group) -> None:
        super().__init__(text)
        self.variables, self.terms, self.names = variables, 0, 0

    def information(self, parts: list[Any]) -> Statement:
        holds: Relation = parts[0]
        given: list[Relation] = []
        for condition in parts[1:]:
            if condition is not None and not isinstance(condition, Token):
                given += condition if isinstance(condition, tuple) else (condition,)
        about = state("p", self.variables) if self.variables else None
        return Statement(holds, about, tuple(given))

    def relation(self, parts: list[Any]) -> Relation:
        left, right = self._side(parts[0]), self._side(parts[2])
        if parts[1].type == "EQUAL":
            return Equal(left, right)
        return LessEq(left, right) if parts[1].type == "ATMOST" else LessEq(right, left)

    def group(self, parts: list[Token]) -> _Group:
        return tuple(str(part) for part in parts if part.type == "NAME")

    def chain(self, parts: list[Any]) -> tuple[Relation, ...]:
        groups = [part for part in parts if not isinstance(part, Token)]
        at = place(parts[1])
        if len(groups) < 3:
            message = "a chain of two says nothing; a list within a chain takes brackets: X -> (Y,Z) -> W"
            self.refuse(at, message, "at least three groups")
        self.names += sum(map(len, groups)) * len(groups)
        if self.names > MAX_WIRES:
            self.refuse(at, f"this chain of {len(groups):,} groups is too long")
        return markov(*groups)

    def independence(self, parts: list[Any]) -> Relation:
        return independent(parts[0], parts[2], given=parts[3] or ())

    def determination(self, parts: list[Any]) -> Relation:
        return determined(parts[0], parts[4])

    def entropy(self, parts: list[Any]) -> _Value:
        return self.value(H(*parts[2], given=parts[3] or ()), parts[0])

    def mutual(self, parts: list[Any]) -> _Value:
        groups, given = parts[2:-1], parts[-1]
        self.terms += 2 ** min(len(groups) - 2, 20)  # I(A;B;C) = I(A;B) - I(A;B|C), and so on
        if self.terms > MAX_TERMS:
            self.refuse(place(parts[0]), f"written out, this makes more than {MAX_TERMS:,} terms")
        return self.value(I(*groups, given=given or ()), parts[0])

    def log_of_size(self, parts: list[Token]) -> _Value:
        return self.value(log_size(Object(str(parts[1]))), parts[0])

    def value(self, of: Expr | _Sum, at: Token) -> _Value:
        """A quantity, or a sum in brackets, once."""
        return _Value(Fraction(1), of, place(at))

    def bracket(self, parts: list[Any]) -> _Value:
        inner: _Sum = parts[1]
        if all(part.of is None for part in inner.parts):
            return _Value(
                self._short(sum((p.number for p in inner.parts), Fraction(0)), place(parts[0])), None, place(parts[0])
            )
        return self.value(inner, parts[0])

    def product(self, parts: list[Any]) -> _Value:
        total, sign = self._factor(parts[0]), "STAR"
        for part in parts[1:]:
            if isinstance(part, Token) and part.type != "NUMBER":
                sign = part.type
                continue
            factor = self._factor(part)
            if sign == "SLASH":
                if factor.of is not None or not factor.number:
                    self.refuse(
                        factor.at, "this divides by " + ("zero" if factor.of is None else "a quantity"), "a number"
                    )
                number = total.number / factor.number
            else:
                if factor.of is not None and total.of is not None:
                    self.refuse(factor.at, "a product of two quantities is not linear", "a number")
                number = total.number * factor.number
            total = _Value(self._short(number, factor.at), total.of or factor.of, total.at)
            sign = "STAR"
        return total

    def negative(self, parts: list[Any]) -> _Value:
        value = self._factor(parts[1])
        return _Value(-value.number, value.of, value.at)

    def sum(self, parts: list[Any]) -> _Sum:
        values: list[_Value] = [parts[0]]
        for sign, value in zip(parts[1::2], parts[2::2]):
            values.append(self.negative([sign, value]) if sign.type == "MINUS" else value)
        depth = 1 + max((value.of.depth for value in values if isinstance(value.of, _Sum)), default=0)
        return _Sum(values, depth)

    def _factor(self, part: Token | _Value) -> _Value:
        return part if isinstance(part, _Value) else _Value(Fraction(str(part)), None, place(part))

    def _short(self, number: Fraction, at: int) -> Fraction:
        """The number, refused when it has grown past the limit on digits."""
        if max(abs(number.numerator), number.denominator) >= 10**MAX_DIGITS:
            self.refuse(at, f"multiplied out, a number has more than {MAX_DIGITS:,} digits")
        return number

    def _side(self, side: _Sum) -> Expr:
        return self._flat(side) if side.depth > MAX_KEPT_BRACKETS else self._kept(side)

    def _kept(self, side: _Sum) -> Expr:
        """The sum with its brackets as they stand."""
        return add(
            *(self._summand(part, self._kept(part.of) if isinstance(part.of, _Sum) else part.of) for part in side.parts)
        )

    def _flat(self, side: _Sum) -> Expr:
        return add(*(self._summand(part, of) for part, of in self.multiplied_out(side)))

    def multiplied_out(self, side: _Sum) -> Iterator[tuple[_Value, Expr | None]]:
        """The terms of the sum with its brackets multiplied out, in order, and what each is of; without recursion."""
        stack = list(reversed(side.parts))
        while stack:
            part = stack.pop()
            if isinstance(part.of, _Sum):
                stack += [
                    _Value(self._short(part.number * p.number, p.at), p.of, p.at) for p in reversed(part.of.parts)
                ]
            else:
                yield part, part.of

    def _summand(self, part: _Value, of: Expr | None) -> Expr:
        if of is None:
            if part.number:
                self.refuse_number(part.at)
            return ZERO
        product = mul(Const(part.number), of)
        if isinstance(product, Mul) and isinstance(product.factors[0], Const):
            self._short(product.factors[0].value, part.at)
        return product

    def refuse_number(self, at: int) -> NoReturn:
        """A sum of quantities takes no plain number but 0."""
        self.refuse(at, "a number beside quantities in nats has no unit", "0, or a multiple of a quantity")


_Nested: TypeAlias = "tuple[Term, int]"
"""A term, and how deep sequences and products nest in it."""


class DiagramReader(Reader):
    """Builds a diagram statement; declarations come first in the text, and so are read first."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.boxes: dict[str, Box] = {}
        self.objects: dict[str, Object] = {}
        self.atoms, self.wires = 0, 0

    def diagram(self, parts: list[Any]) -> Statement:
        holds, *given = (part for part in parts if isinstance(part, Equal))
        return Statement(holds, None, tuple(given))

    def equation(self, parts: list[Any]) -> Equal:
        (left, _), equal, (right, _) = parts
        try:
            return cast(Equal, Statement(Equal(left, right)).holds)
        except CompositionError as error:
            self.refuse(place(equal), clipped(error), "two terms of one type")

    def declaration(self, parts: list[Any]) -> None:
        det, name, dom, _, cod = parts
        if name in self.boxes:
            self.refuse(place(name), f"{clipped(name)!r} is declared twice")
        self.boxes[str(name)] = Box(str(name), dom, cod, det is not None)

    def kind(self, parts: list[Token]) -> Type:
        kind = []
        for part in parts:
            if part.type == "NAME":
                kind.append(self.objects.setdefault(str(part), Object(str(part))))
            elif part.type == "NUMBER" and part != "1":
                self.refuse(place(part), f"{clipped(part)} is not an object", "an object's name, or 1 for the unit")
        return tuple(kind)

    def structure(self, parts: list[Any]) -> _Nested:
        word, *kinds = parts
        wanted = 2 if word == "swap" else 1
        if len(kinds) != wanted:
            self.refuse(place(word), f"{word}[ ] takes {wanted} object{'s'[: wanted - 1]}, not {len(kinds)}")
        makers = {"id": Id, "copy": Copy, "discard": Discard, "swap": Swap}
        return self._counted(makers[str(word)](*kinds), word)

    def row(self, parts: list[Any]) -> _Nested:
        nested = [self._box(part) if isinstance(part, Token) else part for part in parts[::2]]
        if len(nested) == 1:
            return nested[0]
        depth = 1 + max(depth for _, depth in nested)
        if depth <= MAX_KEPT_BRACKETS:
            return par(*(term for term, _ in nested)), depth
        return self._layered([term for term, _ in nested], place(parts[1])), depth - 1

    def inner(self, parts: list[Any]) -> _Nested:
        nested: _Nested = parts[1]
        return nested

    def sequence(self, parts: list[Any]) -> _Nested:
        nested, operators = parts[::2], parts[1::2]
        if not operators:
            return self.inner([None, nested[0]])
        for (before, _), operator, (after, _) in zip(nested, operators, nested[1:]):
            if before.cod != after.dom:
                try:
                    seq(before, after)
                except CompositionError as error:
                    self.refuse(place(operator), clipped(error), "terms that fit together")
        return seq(*(term for term, _ in nested)), 1 + max(depth for _, depth in nested)

    def _layered(self, terms: list[Term], at: int) -> Term:
        """Sequences side by side as one sequence, by interchange: (f >> g) @ h = f @ h >> g @ id."""
        columns = [term.parts if isinstance(term, Seq) else (term,) for term in terms]
        layers = []
        for i in range(max(map(len, columns))):
            layer = par(*(column[i] if i < len(column) else Id(column[-1].cod) for column in columns))
            layers.append(layer)
            self.wires += len(layer.cod)
            if self.wires > MAX_WIRES:
                self.refuse(at, f"unfolded, this makes more than {MAX_WIRES:,} wires")
        return seq(*layers)

    def _box(self, name: Token) -> _Nested:
        if name not in self.boxes:
            if name in STRUCTURE:
                self.refuse(place(name), f"{name} takes its object in square brackets", f"{name}[X]")
            known = f"declared: {', '.join(self.boxes)}" if self.boxes else "nothing is declared"
            self.refuse(place(name), f"unknown box {clipped(name)!r} ({clipped(known)})", "a declared name")
        return self._counted(self.boxes[str(name)], name)

    def _counted(self, term: Term, at: Token) -> _Nested:
        self.atoms += 1
        self.wires += len(term.dom) + len(term.cod)
        if self.atoms > MAX_TERMS:
            self.refuse(place(at), f"more than {MAX_TERMS:,} terms in one statement")
        if self.wires > MAX_WIRES:
            self.refuse(place(at), f"more than {MAX_WIRES:,} wires in one statement")
        return term, 0


def clipped(what: object, width: int = 240) -> str:
    """A text cut to a width, for messages."""
    text = str(what)
    return text if len(text) <= width else text[: width - 3] + "..."
