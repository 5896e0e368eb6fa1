"""Terms compiled to straight-line programs, and the normal form that decides their equality.

A program is boxes in order, each input wired to an earlier output; copying is using a wire twice, discarding is not
using it. Two rules give the normal form: a box whose outputs nobody uses is dropped (causality), and equal
deterministic boxes on equal inputs are merged (they commute with copying). Number what is left from the outputs
backwards: two terms are equal in every Markov category exactly when their normal forms are equal.

Reference: Fritz and Liang, "Free gs-monoidal categories and free Markov categories" (Appl. Categ. Structures 31, 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from .terms import Box, Copy, Discard, Id, Par, Seq, Swap, Term, Type


class Call(NamedTuple):
    """One line of a straight-line program: a box reads wires and makes new ones."""

    box: Box
    reads: tuple[int, ...]
    makes: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """A compiled term. Wires 0..inputs-1 come from outside; each call makes the next numbers, in order."""

    kind: Type
    calls: tuple[Call, ...]
    outputs: tuple[int, ...]

    @property
    def inputs(self) -> int:
        return len(self.kind)


def compile_term(term: Term) -> Program:
    """The straight-line program of a term, in time linear in its size.

    Calls stand in the order in which a left-to-right reading meets the boxes: a sequence first to last, a product
    left to right. Certificates refer to this order.
    """
    calls: list[Call] = []
    fresh = len(term.dom)
    values: list[list[int]] = [list(range(fresh))]
    todo: list[Term | list[int] | int] = [term]
    while todo:
        step = todo.pop()
        if isinstance(step, list):  # the wires that the next part of a product reads
            values.append(step)
        elif isinstance(step, int):  # the product's parts are done: join their outputs
            values[-step:] = [[wire for part in values[-step:] for wire in part]]
        elif isinstance(step, Seq):
            todo.extend(reversed(step.parts))
        elif isinstance(step, Par):
            wires, begin = values.pop(), 0
            slices = []
            for part in step.parts:
                slices.append(wires[begin : begin + len(part.dom)])
                begin += len(part.dom)
            todo.append(len(step.parts))
            for part, piece in zip(reversed(step.parts), reversed(slices)):
                todo += [part, piece]
        elif isinstance(step, Box):
            makes = tuple(range(fresh, fresh + len(step.cod)))
            fresh += len(makes)
            calls.append(Call(step, tuple(values[-1]), makes))
            values[-1] = list(makes)
        else:
            values[-1] = _structural(step, values[-1])
    return Program(term.dom, tuple(calls), tuple(values[0]))


def _structural(term: Term, wires: list[int]) -> list[int]:
    if isinstance(term, Copy):
        return wires + wires
    if isinstance(term, Discard):
        return []
    if isinstance(term, Swap):
        cut = len(term.left)
        return wires[cut:] + wires[:cut]
    if isinstance(term, Id):
        return wires
    raise TypeError(f"not a term: {term!r}")


Reference: TypeAlias = tuple[int, int]
"""Where a wire comes from: (box number, port); inputs are (-1, position)."""


@dataclass(frozen=True)
class NormalForm:
    """The canonical program of a morphism: boxes numbered from the outputs backwards, each with its inputs."""

    kind: Type
    boxes: tuple[tuple[Box, tuple[Reference, ...]], ...]
    outputs: tuple[Reference, ...]

    def lines(self) -> list[str]:
        """The normal form as a small program: what comes out, then a line for each box, last box first."""

        def name(wire: Reference) -> str:
            number, port = wire
            several = number >= 0 and len(self.boxes[number][0].cod) > 1
            return f"in{port}" if number < 0 else f"v{number}.{port}" if several else f"v{number}"

        lines = [f"out = {', '.join(map(name, self.outputs)) or 'nothing'}"]
        for number, (box, reads) in enumerate(self.boxes):
            mark = "  deterministic" if box.deterministic else ""
            lines.append(f"v{number} = {box.name}({', '.join(map(name, reads))}){mark}")
        return lines

    def text(self) -> str:
        """The lines of the small program as one text."""
        return "\n".join(self.lines())


def normal_form(term: Term) -> NormalForm:
    """The normal form of a term: equal normal forms are equal morphisms in every Markov category, and conversely.

    Linear in the size of the term.
    """
    program = compile_term(term)
    source: list[Reference] = [(-1, wire) for wire in range(program.inputs)]
    merged: dict[tuple[Box, tuple[Reference, ...]], int] = {}
    calls: list[tuple[Box, tuple[Reference, ...]]] = []
    for call in program.calls:
        reads = tuple([source[wire] for wire in call.reads])
        number = len(calls)
        if call.box.deterministic:
            number = merged.setdefault((call.box, reads), number)
        if number == len(calls):
            calls.append((call.box, reads))
        source += [(number, port) for port in range(len(call.makes))]
    return _numbered(program.kind, calls, [source[wire] for wire in program.outputs])


def _numbered(kind: Type, calls: list[tuple[Box, tuple[Reference, ...]]], outputs: list[Reference]) -> NormalForm:
    """Number the boxes that the outputs need, in the order in which a walk back from the outputs meets them."""
    number: dict[int, int] = {-1: -1}
    order: list[int] = []
    stack = [old for old, _ in reversed(outputs)]
    while stack:
        old = stack.pop()
        if old not in number:
            number[old] = len(order)
            order.append(old)
            stack.extend(before for before, _ in reversed(calls[old][1]))
    boxes = tuple([(calls[old][0], tuple([(number[b], port) for b, port in calls[old][1]])) for old in order])
    return NormalForm(kind, boxes, tuple((number[b], port) for b, port in outputs))
