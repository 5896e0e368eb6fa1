"""Terms as programs: boxes in order, joined by numbered wires; kind `diagram`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from .reading import Node, Reader, Type, canonical, ends, exactly, index, is_term, listed, need


class Program:
    """The program of a term: `boxes` as (box, wires read, wires made), `outputs`, and the object of each wire."""

    def __init__(self, term: Node) -> None:
        self.inputs, self.type = ends(term)
        self.objects: list[str] = []
        self.boxes: list[tuple[Node, tuple[int, ...], tuple[int, ...]]] = []
        self.outputs = self.run(term, iter(self.fresh(self.inputs)))

    def fresh(self, objects: Type) -> tuple[int, ...]:
        self.objects += objects
        return tuple(range(len(self.objects) - len(objects), len(self.objects)))

    def run(self, term: Node, feed: Iterator[int]) -> list[int]:
        """The wires that leave a term which takes its inputs from the feed."""
        tag, first = term[0], term[1]
        if tag == "Box":
            reads = tuple(islice(feed, len(term[2])))
            self.boxes.append((term, reads, self.fresh(term[3])))
            return list(self.boxes[-1][2])
        if tag == "Seq":
            wires = self.run(first[0], feed)
            for part in first[1:]:
                wires = self.run(part, iter(wires))
            return wires
        if tag == "Par":
            return [wire for part in first for wire in self.run(part, feed)]
        wires = list(islice(feed, len(first)))
        if tag == "Swap":
            return [*islice(feed, len(term[2])), *wires]
        return wires * {"Id": 1, "Copy": 2, "Discard": 0}[tag]

    def normal_form(self) -> dict[str, Any]:
        """The normal form, as the certificate writes it."""
        now = list(range(len(self.objects)))  # each wire, or the wire of the equal deterministic box before it
        seen, made = dict[object, tuple[int, ...]](), dict[int, tuple[int, int]]()
        reads = list[tuple[int, ...]]()
        for j, (box, ins, outs) in enumerate(self.boxes):
            reads.append(tuple(now[wire] for wire in ins))
            same = seen.setdefault((box, reads[j]), outs) if box[4] else outs
            for port, (wire, earlier) in enumerate(zip(outs, same, strict=True)):
                now[wire] = earlier
                made[wire] = (j, port)
        numbers: dict[int, int] = {}
        stack = [now[wire] for wire in reversed(self.outputs)]
        while stack:
            wire = stack.pop()
            if wire in made and made[wire][0] not in numbers:
                numbers[made[wire][0]] = len(numbers)
                stack.extend(reversed(reads[made[wire][0]]))

        def place(wire: int) -> list[int]:
            return [numbers[made[wire][0]], made[wire][1]] if wire in made else [-1, wire]

        boxes = [[self.boxes[j][0], [place(wire) for wire in reads[j]]] for j in numbers]
        return {"boxes": boxes, "outputs": [place(now[wire]) for wire in self.outputs]}


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{k}" for k in count(2))


def wire_names(objects: Type) -> list[str]:
    """The names of the wires of a state: the object, then for its further occurrences the object with a number."""
    taken, names, free = set(objects), list[str](), {name: _numbered(name) for name in objects}
    for name in objects:
        names.append(next(new for new in free[name] if new == name or new not in taken))
        taken.add(names[-1])
    return names


def check_diagram(statement: Node, steps: Any, reader: Reader) -> None:
    """Refuse unless the steps show the two terms equal."""
    relation, boxes = statement[1], len(reader.boxes)
    need(relation[0] == "Equal" and is_term(relation[1]), "a diagram certificate is for Equal of two terms")
    now, goal = (Program(side).normal_form() for side in relation[1:])
    rewriting = isinstance(steps, dict) and "rewrites" in steps
    fields = exactly(steps, *(["rewrites"] if rewriting else ["boxes", "outputs"]))
    for step in listed(fields["rewrites"]) if rewriting else ():
        number, forward, before, beside, after = listed(step, 5)
        cited = statement[3][index(number, len(statement[3]))]
        need(cited[0] == "Equal" and is_term(cited[1]), "a rewrite cites a relation that is not of two terms")
        need(type(forward) is bool, "the direction of a rewrite is true or false")
        pre, post = reader.node(before, "term"), reader.node(after, "term")
        aside = ("Id", reader.field(beside, "str*"))
        need(len(reader.boxes) == boxes, "a rewrite brings a box that the statement has not")
        start, end = (("Seq", (pre, ("Par", (aside, side)), post)) for side in cited[1:][:: 1 if forward else -1])
        need(ends(start) == ends(relation[1]), "a rewrite has not the type of the statement")
        need(Program(start).normal_form() == now, "a rewrite does not start at the form reached before it")
        now = Program(end).normal_form()
    need(now == goal, "the two sides have different normal forms")
    need(rewriting or canonical(now) == canonical(fields), "the steps are not the normal form")
