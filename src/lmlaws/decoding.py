"""Nodes of the statement language back from the canonical JSON of an accepted certificate, to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from .theory.expressions import (
    Abs,
    Add,
    Array,
    At,
    Bias,
    Const,
    Coordinate,
    Direction,
    DivergenceOf,
    Element,
    Embedding,
    Entry,
    Exp,
    Expr,
    Head,
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
    Symbol,
    Vector,
)
from .theory.terms import Box, Copy, Discard, Id, Object, Swap, Term, as_type, par, seq


def term(node: Sequence[Any]) -> Term:
    """A term."""
    kind, *parts = node
    if kind in ("Seq", "Par"):
        return (seq if kind == "Seq" else par)(*map(term, parts[0]))
    if kind == "Box":
        return Box(parts[0], as_type(parts[1]), as_type(parts[2]), parts[3], parts[4])
    makers: dict[str, type[Id] | type[Copy] | type[Discard] | type[Swap]]
    makers = {"Id": Id, "Copy": Copy, "Discard": Discard, "Swap": Swap}
    return makers[kind](*map(as_type, parts))


def letter(node: Sequence[Any]) -> Letter:
    """A letter."""
    return Letter(node[1], Object(node[2]))


def expr(node: Sequence[Any]) -> Expr:
    """An expression of those that certificates of sums hold. Raises ValueError naming another kind."""
    kind, *parts = node
    if kind in ("Add", "Mul"):
        return (Add if kind == "Add" else Mul)(tuple(map(expr, parts[0])))
    if kind in ("Log", "Exp", "Abs"):
        return {"Log": Log, "Exp": Exp, "Abs": Abs}[kind](expr(parts[0]))
    if kind == "Entry":
        return Entry(term(parts[0]), tuple(map(letter, parts[1])), tuple(map(letter, parts[2])))
    if kind == "DivergenceOf":
        return DivergenceOf(parts[0], term(parts[1]), term(parts[2]), None if parts[3] is None else term(parts[3]))
    if kind in ("Logit", "Softmax"):
        vector = _vector(parts[0])
        if kind == "Logit":
            return Logit(vector, letter(parts[1]))
        assert not isinstance(vector, Direction)
        return Softmax(vector, letter(parts[1]))
    return _leaf(kind, parts)


def _leaf(kind: str, parts: Sequence[Any]) -> Expr:
    if kind == "Const":
        return Const(Fraction(parts[0]))
    if kind == "Symbol":
        return Symbol(parts[0])
    if kind == "Size":
        return Size(Object(parts[0]))
    if kind == "Pow":
        return Pow(expr(parts[0]), Fraction(parts[1]))
    if kind == "Sum":
        return Sum(letter(parts[0]), expr(parts[1]))
    if kind == "LogPartition":
        point = _vector(parts[0])
        assert not isinstance(point, Direction)
        return LogPartition(point)
    if kind == "Element":
        return Element(Array(parts[0][1], as_type(parts[0][2])), tuple(map(letter, parts[1])))
    if kind == "Coordinate":
        return Coordinate(_vector(parts[0]), letter(parts[1]))
    if kind == "Embedding":
        return Embedding(_head(parts[0]), letter(parts[1]), letter(parts[2]))
    if kind == "Bias":
        return Bias(_head(parts[0]), letter(parts[1]))
    raise ValueError(f"no expression of a sum certificate: {kind}")


def _head(node: Sequence[Any]) -> Head:
    return Head(node[1], Object(node[2]))


def _vector(node: Sequence[Any]) -> Vector:
    if node[0] == "At":
        _, name, head, over = node[1]
        return At(Points(name, _head(head), Object(over)), letter(node[2]))
    return (Point if node[0] == "Point" else Direction)(node[1], _head(node[2]))
