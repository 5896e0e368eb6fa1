"""A statement: what engines see of a claim. Canonical data, hashed; no prose, no source, no expectation.

The canonical form of a node is a JSON list: its class name, then its fields in order. Rationals are strings, types
and letters lists of names. Two statements are the same exactly when their canonical forms are; certificates carry
the form and its SHA-256 (docs/certificates.md).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, is_dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from .display import Shown
from .expressions import (
    Array,
    At,
    Bias,
    Coordinate,
    Derivative,
    Direction,
    DivergenceOf,
    Element,
    Embedding,
    Entropy,
    Entry,
    Expr,
    Head,
    Information,
    LessEq,
    Letter,
    Logit,
    Point,
    Points,
    Rank,
    Relation,
    Softmax,
    Sum,
    Symbol,
    axes,
    children,
    walk,
)
from .terms import Box, CompositionError, Object, Term, show_type, signature, wire_names


def encode(node: Any) -> Any:
    """The canonical JSON data of a node of the statement language."""
    if isinstance(node, Object):
        return node.name
    if isinstance(node, Fraction):
        return str(node)
    if isinstance(node, tuple):
        return [encode(part) for part in node]
    if is_dataclass(node):
        return [type(node).__name__, *(encode(getattr(node, field.name)) for field in fields(node))]
    if node is None or isinstance(node, str | bool):
        return node
    raise TypeError(f"{node!r} ({type(node).__name__}) is not part of the statement language")


def canonical_json(data: Any) -> str:
    """The one text of canonical data: no spaces, ASCII only."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=True)


@dataclass(frozen=True)
class Statement(Shown):
    """`holds` for every interpretation of its boxes, heads, points and free letters that satisfies `given`.

    `about` is the state whose wires the quantities H and I speak of. Raises CompositionError (a TypeError) or
    ValueError when the parts do not fit together.
    """

    holds: Relation
    about: Term | None = None
    given: tuple[Relation, ...] = ()

    def __post_init__(self) -> None:
        if self.about is not None and self.about.dom:
            raise CompositionError(f"a statement is about a state; this is {signature(self.about)}")
        for relation in (self.holds, *self.given):
            _check_sides(relation)
        _check_names(self)

    @cached_property
    def canonical(self) -> Any:
        """The canonical form: ["Statement", holds, about, given]."""
        return encode(self)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical text, in hexadecimal."""
        return hashlib.sha256(canonical_json(self.canonical).encode("ascii")).hexdigest()

    @cached_property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes, each once, in order of appearance."""
        return tuple(dict.fromkeys(node for node in walk(self) if isinstance(node, Box)))

    @cached_property
    def heads(self) -> tuple[Head, ...]:
        """The softmax heads, each once, in order of appearance."""
        return tuple(dict.fromkeys(node for node in walk(self) if isinstance(node, Head)))

    @cached_property
    def objects(self) -> tuple[Object, ...]:
        """The alphabets, each once, in order of appearance."""
        return tuple(dict.fromkeys(node for node in walk(self) if isinstance(node, Object)))

    @cached_property
    def is_diagram(self) -> bool:
        """Whether it equates two morphisms."""
        return isinstance(self.holds.left, Term)

    @cached_property
    def is_information(self) -> bool:
        """Whether it speaks of H, I and log-sizes only, in linear combinations (engines still check the latter)."""
        relations = (self.holds, *self.given)
        nodes = [node for relation in relations for side in (relation.left, relation.right) for node in walk(side)]
        return any(isinstance(node, Entropy | Information) for node in nodes) and not any(
            isinstance(node, Entry | DivergenceOf | Term) for node in nodes
        )

    def sympy(self) -> Any:
        """The statement as a sympy relation between indexed sums with symbolic sizes; the way into sympy."""
        from .symbolic import to_sympy

        return to_sympy(self)

    def latex(self) -> str:
        """The statement, hypotheses included, as LaTeX."""
        from .symbolic import latex

        return latex(self)

    def __str__(self) -> str:
        from .printing import show

        return show(self)


def free(node: Any) -> tuple[Letter, ...]:
    """The free letters of an expression, in order of appearance."""
    if isinstance(node, Letter):
        return (node,)
    if isinstance(node, Sum):
        return tuple(letter for letter in free(node.body) if letter != node.letter)
    return tuple(letter for child in children(node) for letter in free(child))


def _check_sides(relation: Relation) -> None:
    left, right = relation.left, relation.right
    if isinstance(left, Term) != isinstance(right, Term):
        raise TypeError("a relation needs two expressions or two terms, not one of each")
    if isinstance(left, Term) and isinstance(right, Term):
        if isinstance(relation, LessEq):
            raise TypeError("terms are equal or not; they have no order")
        if (left.dom, left.cod) != (right.dom, right.cod):
            raise CompositionError(f"the two sides differ in type: {signature(left)} and {signature(right)}")
    elif not (isinstance(left, Expr) and isinstance(right, Expr)):
        raise TypeError(f"a relation holds between expressions; got {left!r} and {right!r}")


def _check_names(statement: Statement) -> None:
    """One name, one thing; every variable a wire; every letter over the alphabet that it stands for."""
    known: dict[str, Any] = {}
    names = wire_names(statement.about.cod) if statement.about is not None else ()
    wires = frozenset(names)
    for node in walk(statement):
        if isinstance(node, Box | Head | Point | Points | Direction | Symbol | Array):
            first = known.setdefault(node.name, node)
            if first != node:
                raise ValueError(f"the name {node.name!r} stands for two things: {_thing(first)} and {_thing(node)}")
        elif isinstance(node, Letter) and node.name.startswith("#"):
            raise ValueError(f"the letter {node.name!r}: names that begin with # are the provers' own")
        elif isinstance(node, Entropy | Information):
            groups = (node.of,) if isinstance(node, Entropy) else node.groups
            if isinstance(node, Information) and len(groups) < 2:
                raise ValueError("mutual information needs at least two groups")
            for variable in (v for group in (*groups, node.given) for v in group):
                if variable not in wires:
                    raise ValueError(f"{variable!r} is not a wire of the diagram; its wires are {', '.join(names)}")
        else:
            _check_types(node)


def _thing(node: Any) -> str:
    return signature(node) if isinstance(node, Box) else f"the {type(node).__name__.lower()} {encode(node)[1:]}"


def _check_types(node: Any) -> None:
    """Letters and vectors fit what they are used with. Raises CompositionError."""
    if isinstance(node, Entry):
        for letters, kind in ((node.ins, node.term.dom), (node.outs, node.term.cod)):
            if tuple(letter.alphabet for letter in letters) != kind:
                given = ", ".join(f"{letter.name} in {letter.alphabet}" for letter in letters) or "none"
                raise CompositionError(f"an entry of {signature(node.term)} at the letters {given}")
    elif isinstance(node, Logit | Softmax):
        head = (node.vector if isinstance(node, Logit) else node.point).head
        if node.letter.alphabet != head.tokens:
            raise CompositionError(
                f"the head {head.name} has tokens in {head.tokens}; {node.letter.name} is in {node.letter.alphabet}"
            )
    elif isinstance(node, At) and node.letter.alphabet != node.points.over:
        raise CompositionError(
            f"{node.points.name} has a hidden state for each letter of {node.points.over}; "
            f"{node.letter.name} is in {node.letter.alphabet}"
        )
    elif isinstance(node, Element) and tuple(letter.alphabet for letter in node.letters) != node.array.over:
        raise CompositionError(f"the array {node.array.name} is over {show_type(node.array.over)}, not {node.letters}")
    elif isinstance(node, Coordinate | Embedding | Bias):
        _check_coordinates(node)
    elif isinstance(node, Derivative) and node.at.head != node.along.head:
        raise CompositionError(f"{node.at.name} and {node.along.name} belong to two heads")
    elif isinstance(node, Rank) and node.u.head != node.v.head:
        raise CompositionError(f"{node.u.name} and {node.v.name} belong to two heads")
    elif isinstance(node, DivergenceOf):
        left, right, over = node.left, node.right, node.over
        if (left.dom, left.cod) != (right.dom, right.cod):
            raise CompositionError(f"D compares terms of one type, not {signature(left)} with {signature(right)}")
        if (left.dom and over is None) or (over is not None and (over.dom or over.cod != left.dom)):
            raise CompositionError(f"D of terms from {show_type(left.dom)} is averaged over a state there")


def _check_coordinates(node: Coordinate | Embedding | Bias) -> None:
    """Axes number the coordinates of the head's space, letters its tokens."""
    head = node.vector.head if isinstance(node, Coordinate) else node.head
    wanted = [] if isinstance(node, Coordinate) else [(node.letter, head.tokens)]
    wanted += [] if isinstance(node, Bias) else [(node.axis, axes(head))]
    for letter, alphabet in wanted:
        if letter.alphabet != alphabet:
            raise CompositionError(f"{letter.name} is in {letter.alphabet}; the head {head.name} takes {alphabet} here")
