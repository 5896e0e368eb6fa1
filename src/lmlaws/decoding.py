"""Nodes of the statement language back from the canonical JSON of an accepted certificate, to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from .theory.expressions import (
    Abs,
    Add,
    Const,
    Direction,
    DivergenceOf,
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
    Pow,
    Size,
    Softmax,
    Sum,
    Symbol,
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
        assert isinstance(vector, Point)
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
        assert isinstance(point, Point)
        return LogPartition(point)
    raise ValueError(f"no expression of a sum certificate: {kind}")


def _vector(node: Sequence[Any]) -> Point | Direction:
    kind, name, (_, head, tokens) = node
    return (Point if kind == "Point" else Direction)(name, Head(head, Object(tokens)))
