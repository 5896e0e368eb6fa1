"""Kind `shannon`: a linear form of entropies as a sum of multiples of facts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from .expansion import Expansion
from .generators import Letter, Poly, add_to, constant, mix, single
from .reading import LARGE, Node, Reader, exactly, index, is_term, listed, need, rational

WIRES, WORK = 1000, 250_000
FACTS = {"H": 2, "I": 3, "size": 1, "log": 1, "one": 0, "box": 3, "function": 2, "given": 1, "copy": 3, "same": 2}
"""How many fields a fact has beside its name."""


class Wires(Expansion):
    """Linear forms: polynomials in joint entropies of wires of `about` and of their copies, and logs of sizes."""

    def __init__(self, statement: Node) -> None:
        super().__init__(statement, WORK)
        self.count = self.total = len(self.program.objects)
        self.copies: list[tuple[dict[int, int], frozenset[int]]] = []

    def joint(self, some: frozenset[int]) -> Poly:
        return single(self.gen("joint", tuple(sorted(some)))) if some else {}

    def expand(self, node: Node, scope: Mapping[str, Letter]) -> Poly:
        tag, first = node[0], node[1]
        inside = (tag == "Log" and first[0] == "Size") or (tag == "Pow" and node[2] == -1)
        linear = inside or tag in ("Const", "Size", "Add", "Mul", "Entropy", "Information")
        need(linear, f"{tag} has no linear form")
        return super().expand(node, scope)

    def gap(self, relation: Node) -> Poly:
        """Right side minus left side."""
        need(not is_term(relation[1]), "a shannon certificate is for expressions")
        left, right = (self.expand(side, {}) for side in relation[1:])
        form = mix(right, left, 1, -1)
        alone = all(len(mono) < 2 and all(e == 1 and gen.tag in ("joint", "log") for gen, e in mono) for mono in form)
        need(alone, "a product or an inverse of entropies, or a size, has no linear form")
        return form

    def copy(self, data: Any) -> None:
        """Make the wires of one more copy."""
        copied, over = (self.set(wires, self.total) for wires in listed(data, 2))
        self.copies.append(({self.total + k: wire for k, wire in enumerate(sorted(copied))}, over))
        self.total += len(copied)
        need(self.total <= WIRES, f"{LARGE}more than {WIRES} wires")

    def set(self, data: Any, below: int) -> frozenset[int]:
        """A WIRES list: increasing wire numbers below a bound."""
        wires = [index(wire, below) for wire in listed(data)]
        need(all(a < b for a, b in pairwise(wires)), "wires are listed in increasing order")
        self.spend(2 + len(wires))
        return frozenset(wires)

    def log_size(self, name: str) -> Poly:
        return self.log(single(self.gen("size", name)))

    def fact(self, data: Any) -> tuple[Poly, bool]:
        """The form that a fact says is at least zero, and whether it says that it is zero."""
        need(listed(data) and type(data[0]) is str and data[0] in FACTS, "a fact is unknown")
        name, *parts = listed(data, 1 + FACTS[data[0]])
        self.spend(50)
        if name == "one":
            return constant(1), False
        if name == "log":
            need(type(parts[0]) is str and parts[0], "an object is named by a string")
            return self.log_size(parts[0]), False
        if name == "size":
            wire = index(parts[0], self.count)
            return mix(self.log_size(self.program.objects[wire]), self.joint(frozenset([wire])), 1, -1), False
        if name == "given":
            relation = self.statement[3][index(parts[0], len(self.statement[3]))]
            return self.gap(relation), relation[0] == "Equal"
        if name in ("H", "I"):
            *groups, given = [self.set(part, self.total) for part in parts]
            return self.information(groups, given), False
        if name in ("copy", "same"):
            new, reads = self.copies[index(parts[0], len(self.copies))]
            makes, below, named = tuple(sorted(new)), self.total, {*new, *(reads if name == "same" else ())}
        else:
            box, inputs, makes = self.program.boxes[index(parts[0], len(self.program.boxes))]
            new, reads, below, named = {}, frozenset(inputs), self.count, {*makes}
            need(name == "box" or box[4], "a function is a deterministic box")
        some, *others = [self.set(part, below) for part in parts[1:]]
        need(makes and some <= named, "a fact of a box or copy is about its outputs")
        if name == "same":
            return mix(self.joint(some), self.joint(frozenset(new.get(wire, wire) for wire in some)), 1, -1), True
        before = all(wire < makes[0] and wire not in reads for other in others for wire in other)
        need(before, "independent is what comes before")
        return self.information([some, *others], reads), True

    def combine(self, data: Any, goal: Poly) -> None:
        """Refuse unless the goal is the sum of the multiples of facts, term by term."""
        total = dict(goal)
        for step in listed(data):
            number, fact = rational(listed(step, 2)[0]), step[1]
            form, zero = self.fact(fact)
            need(zero or number >= 0, "an inequality has a negative multiplier")
            add_to(total, form, -number)
        need(not total, "the facts do not add up to the difference of the sides")


def check_shannon(statement: Node, steps: Any, _: Reader) -> list[str]:
    """Refuse unless the facts add up to right less left, for Equal also the other way. Returns what else is used."""
    relation, forms = statement[1], Wires(statement)
    signs = {"<=": 1} if relation[0] == "LessEq" else {"<=": 1, ">=": -1}
    fields = exactly(steps, *signs, *(["copies"] if isinstance(steps, dict) and "copies" in steps else []))
    for data in listed(fields.get("copies", [])):
        forms.copy(data)
    for field, sign in signs.items():
        forms.combine(fields[field], add_to({}, forms.gap(relation), sign))
    return ["copy lemma"] * ("copies" in fields)
