"""Kind `shannon`: a linear form of entropies as a sum of multiples of facts."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, pairwise
from typing import Any

from flint import fmpq

from .generators import add_to
from .programs import Program, wire_names
from .reading import LARGE, Node, Reader, exactly, index, is_term, listed, need, rational

Form = dict[Any, Any]
"""Coordinates, each a frozenset of wires, an object's name (its log size) or None (the constant), with multiples."""
GROUPS, WIRES = 10, 1000
FACTS = {"H": 2, "I": 3, "size": 1, "log": 1, "one": 0, "box": 3, "function": 2, "given": 1, "copy": 3, "same": 2}


def plus(*terms: tuple[Any, Form]) -> Form:
    """The sum of multiples of forms."""
    total: Form = {}
    for factor, form in terms:
        add_to(total, form, factor)
    total.pop(frozenset(), None)
    return total


def entropy(first: Iterable[int], given: Iterable[int] = ()) -> Form:
    """H(first | given)."""
    return plus((1, {frozenset({*first, *given}): fmpq(1)}), (-1, {frozenset(given): fmpq(1)}))


def information(groups: list[frozenset[int]], given: frozenset[int]) -> Form:
    """I(A; B; ... | given), by inclusion and exclusion: minus the sum of (-1)^|S| H(groups of S | given)."""
    need(len(groups) <= GROUPS, f"{LARGE}more than {GROUPS} groups of an information")
    chosen = (pick for k in range(1, len(groups) + 1) for pick in combinations(groups, k))
    return plus(*((-((-1) ** len(pick)), entropy(frozenset().union(*pick), given)) for pick in chosen))


class Wires:
    """The wires of `about`, with their names, and copies of wires; the forms of expressions and facts on them."""

    def __init__(self, statement: Node) -> None:
        self.program = Program(statement[2] or ("Id", ()))
        self.given = statement[3]
        self.named = dict(zip(wire_names(self.program.type), self.program.outputs, strict=True))
        self.count = self.total = len(self.program.objects)
        self.copies: list[tuple[dict[int, int], frozenset[int]]] = []

    def group(self, names: Iterable[str]) -> frozenset[int]:
        for name in names:
            need(name in self.named, f"{name!a} is no wire of the state")
        return frozenset(self.named[name] for name in names)

    def form(self, node: Node) -> Form:
        """The linear form of an expression."""
        tag, first = node[0], node[1]
        if tag == "Const":
            return plus((first, {None: fmpq(1)}))
        if tag == "Entropy":
            return entropy(self.group(first), self.group(node[2]))
        if tag == "Information":
            return information([self.group(names) for names in first], self.group(node[2]))
        if tag == "Log" and first[0] == "Size":
            return {first[1]: fmpq(1)}
        if tag == "Add":
            return plus(*((1, self.form(part)) for part in first))
        need(tag == "Mul" or (tag == "Pow" and node[2] == -1), f"{tag} has no linear form")
        parts = [self.form(part) for part in (first if tag == "Mul" else [first])]
        moving = [part for part in parts if set(part) - {None}]
        need(len(moving) <= (tag == "Mul"), "a product or an inverse of entropies has no linear form")
        factor = fmpq(1)
        for part in parts:
            factor *= part.get(None, fmpq(0)) if part not in moving else 1
            need(factor.height_bits() < 20_000, LARGE + "a product of constants")
        need(tag == "Mul" or factor != 0, "a constant is divided by zero")
        return plus((factor if tag == "Mul" else 1 / factor, moving[0] if moving else {None: fmpq(1)}))

    def gap(self, relation: Node) -> Form:
        """Right side minus left side."""
        need(not is_term(relation[1]), "a shannon certificate is for expressions")
        return plus((1, self.form(relation[2])), (-1, self.form(relation[1])))

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
        return frozenset(wires)

    def fact(self, data: Any) -> tuple[Form, bool]:
        """The form that a fact says is at least zero, and whether it says that it is zero."""
        need(listed(data) and type(data[0]) is str and data[0] in FACTS, "a fact is unknown")
        name, *parts = listed(data, 1 + FACTS[data[0]])
        if name in ("one", "log"):
            need(name == "one" or (type(parts[0]) is str and parts[0]), "an object is named by a string")
            return {parts[0] if parts else None: fmpq(1)}, False
        if name == "size":
            wire = index(parts[0], self.count)
            return plus((1, {self.program.objects[wire]: fmpq(1)}), (-1, entropy([wire]))), False
        if name == "given":
            relation = self.given[index(parts[0], len(self.given))]
            return self.gap(relation), relation[0] == "Equal"
        if name in ("H", "I"):
            *groups, given = [self.set(part, self.total) for part in parts]
            return (entropy(groups[0], given) if name == "H" else information(groups, given)), False
        if name in ("copy", "same"):
            new, reads = self.copies[index(parts[0], len(self.copies))]
            makes, below, named = tuple(sorted(new)), self.total, {*new, *(reads if name == "same" else ())}
        else:
            box, inputs, makes = self.program.boxes[index(parts[0], len(self.program.boxes))]
            new, reads, below, named = {}, frozenset(inputs), self.count, {*makes}
            need(name == "box" or box[4], "a function is a deterministic box")
        some, *others = [self.set(part, below) for part in parts[1:]]
        need(makes and some <= named, "a fact of a box or copy is about its outputs")
        if name == "function":
            return entropy(some, reads), True
        if name == "same":
            return plus((1, entropy(some)), (-1, entropy(new.get(wire, wire) for wire in some))), True
        need(all(wire < makes[0] and wire not in reads for wire in others[0]), "independent is what comes before")
        return information([some, others[0]], reads), True

    def combine(self, data: Any, goal: Form) -> None:
        """Refuse unless the goal is the sum of the multiples of facts, term by term."""
        terms = []
        for step in listed(data):
            number, fact = listed(step, 2)
            form, zero = self.fact(fact)
            terms.append((rational(number), form))
            need(zero or terms[-1][0] >= 0, "an inequality has a negative multiplier")
        need(plus(*terms, (-1, goal)) == {}, "the facts do not add up to the difference of the sides")


def check_shannon(statement: Node, steps: Any, _: Reader) -> None:
    """Refuse unless the facts add up to the difference of the two sides, and for Equal to its opposite as well."""
    relation, wires = statement[1], Wires(statement)
    signs = {"<=": 1} if relation[0] == "LessEq" else {"<=": 1, ">=": -1}
    fields = exactly(steps, *signs, *(["copies"] if isinstance(steps, dict) and "copies" in steps else []))
    for data in listed(fields.get("copies", [])):
        wires.copy(data)
    for field, sign in signs.items():
        wires.combine(fields[field], plus((sign, wires.gap(relation))))
