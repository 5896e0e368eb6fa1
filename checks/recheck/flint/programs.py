"""Terms as programs: boxes in order, joined by numbered wires; kind `diagram`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from .reading import Node, Reader, Type, canonical, ends, exactly, index, is_term, listed, need, size


class Program:
    """The program of a term: `boxes` as (box, wires read, wires made), `outputs`, and the object of each wire.

    If `merged`, a deterministic box that reads the same wires as an equal one before it is that one.
    """

    def __init__(self, term: Node, merged: bool = False) -> None:
        self.inputs, self.type = ends(term)
        self.objects: list[str] = []
        self.boxes: list[tuple[Node, tuple[int, ...], tuple[int, ...]]] = []
        self.merged, self.known = merged, dict[object, tuple[int, ...]]()
        self.outputs = self.run(term, iter(self.fresh(self.inputs)))

    def fresh(self, objects: Type) -> tuple[int, ...]:
        self.objects += objects
        return tuple(range(len(self.objects) - len(objects), len(self.objects)))

    def run(self, term: Node, feed: Iterator[int]) -> list[int]:
        """The wires that leave a term which takes its inputs from the feed."""
        tag, first = term[0], term[1]
        if tag == "Box":
            reads = tuple(islice(feed, len(term[2])))
            box = (term, reads) if self.merged and term[4] else len(self.boxes)
            if box not in self.known:
                self.known[box] = self.fresh(term[3])
                self.boxes.append((term, reads, self.known[box]))
            return list(self.known[box])
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


def normal_form(term: Node) -> dict[str, Any]:
    """The normal form of a term's program, as the certificate writes it."""
    program = Program(term, merged=True)
    made = {wire: (j, port) for j, (_, _, outs) in enumerate(program.boxes) for port, wire in enumerate(outs)}
    numbers, stack = dict[int, int](), program.outputs[::-1]
    while stack:
        j, _ = made.get(stack.pop(), (-1, 0))
        if j >= 0 and j not in numbers:
            numbers[j] = len(numbers)
            stack.extend(reversed(program.boxes[j][1]))

    def place(wire: int) -> list[int]:
        j, port = made.get(wire, (-1, wire))
        return [numbers.get(j, -1), port]

    boxes = [[program.boxes[j][0], [*map(place, program.boxes[j][1])]] for j in numbers]
    return {"boxes": boxes, "outputs": [*map(place, program.outputs)]}


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


def contexts(statement: Node, reader: Reader, number: int, before: Node, beside: Type, after: Node) -> list[Node]:
    """The two sides of a relation of `given`, each with terms before and after it and wires beside it."""
    cited = statement[3][index(number, len(statement[3]))]
    need(cited[0] == "Equal" and is_term(cited[1]), "a rewrite cites a relation that is not of two terms")
    reader.spend(size(cited))
    return [("Seq", (before, ("Par", (("Id", beside), side)), after)) for side in cited[1:]]


def check_diagram(statement: Node, steps: Any, reader: Reader) -> None:
    """Refuse unless the steps show the two terms equal."""
    relation, boxes = statement[1], len(reader.named)
    need(relation[0] == "Equal" and is_term(relation[1]), "a diagram certificate is for Equal of two terms")
    now, goal = (normal_form(side) for side in relation[1:])
    rewriting = isinstance(steps, dict) and "rewrites" in steps
    fields = exactly(steps, *(["rewrites"] if rewriting else ["boxes", "outputs"]))
    for step in listed(fields["rewrites"]) if rewriting else ():
        codes = zip(listed(step, 5), ("number", "bool", "term", "str*", "term"), strict=True)
        number, forward, *context = (reader.field(part, code) for part, code in codes)
        need(len(reader.named) == boxes, "a rewrite brings a box that the statement has not")
        start, end = contexts(statement, reader, number, *context)[:: 1 if forward else -1]
        need(ends(start) == ends(relation[1]), "a rewrite has not the type of the statement")
        need(normal_form(start) == now, "a rewrite does not start at the form reached before it")
        now = normal_form(end)
    need(now == goal, "the two sides have different normal forms")
    need(rewriting or canonical(now) == canonical(fields), "the steps are not the normal form")
