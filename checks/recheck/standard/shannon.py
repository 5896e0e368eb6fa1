"""The kind `shannon`: a linear form in entropies is a sum of multipliers times facts, coordinate by coordinate."""

from fractions import Fraction
from typing import Any

from .programs import Node, Program, Wires, program, typed, wire_names
from .reading import GROUPS, Refusal, combined, fields, indices, rational, shown, too_large
from .statement import Statement

Set = frozenset[int]  # of wires
Linear = dict[Set | str | None, Fraction]  # coordinates: a set of wires, an object, the constant
ONE = Fraction(1)
_ARITY = {"H": 3, "I": 4, "size": 2, "log": 2, "one": 1, "box": 4, "function": 3, "given": 2, "copy": 4, "same": 3}


def information(groups: list[Set], given: Set) -> Linear:
    """I(groups | given), H for one group: I(A;B|C) = H(A|C) - H(A|B,C), I(...;C|D) = I(...|D) - I(...|C,D)."""
    if len(groups) > GROUPS:
        raise too_large(f"a mutual information of {len(groups)} groups")
    *rest, last = groups
    if not rest:
        return combined(({wires: ONE}, sign) for wires, sign in ((last | given, 1), (given, -1)) if wires)
    return combined([(information(rest, given), 1), (information(rest, given | last), -1)])


class State:
    """The state `about`: its program, its wires by name, linear forms in their entropies, and facts about them."""

    def __init__(self, about: Node | None, copies: object = ()) -> None:
        self.code = program(about) if about else Program([], (), [])
        self.names = dict(zip(wire_names(typed(about)[1]), self.code.outputs, strict=True)) if about else {}
        self.count = len(self.code.objects)  # wires, those of copies included
        self.copies: list[tuple[Wires, Wires, Wires]] = []  # the wires copied, those over which, the new ones
        for raw in copies if isinstance(copies, list | tuple) else [copies]:
            if not isinstance(raw, list) or len(raw) != 2:
                raise Refusal(f"{shown(raw)} is not a copy: a list of two lists of wires")
            copied, over = (indices(item, self.count, "the copy's wires") for item in raw)
            self.copies.append((copied, over, tuple(range(self.count, self.count + len(copied)))))
            self.count += len(copied)

    def linear(self, node: Node) -> Linear:
        """The linear form of an expression of this kind."""
        kind, first = node[:2]
        if kind in ("Entropy", "Information"):
            groups = [*first, node[2]] if kind == "Information" else [first, node[2]]
            *sets, given = [frozenset(self.names[name] for name in group) for group in groups]
            return information(sets, given)
        if kind == "Const" or (kind == "Pow" and first[0] == "Const" and first[1] and node[2] == -1):
            value = first if kind == "Const" else 1 / first[1]
            return {None: value} if value else {}
        if kind == "Log" and first[0] == "Size":
            return {first[1]: ONE}
        if kind == "Add":
            return combined([(self.linear(part), 1) for part in first])
        if kind != "Mul":
            raise Refusal(f"kind 'shannon' does not read {kind} here")
        total: Linear = {None: ONE}
        for form in map(self.linear, first):
            one, other = (form, total) if set(form) <= {None} else (total, form)
            if not set(one) <= {None}:
                raise Refusal("kind 'shannon' does not read a product of two quantities")
            total = combined([(other, one.get(None, Fraction(0)))])
        return total

    def difference(self, relation: Node) -> Linear:
        """Right minus left."""
        return combined([(self.linear(relation[2]), 1), (self.linear(relation[1]), -1)])

    def fact(self, raw: Any, statement: Statement) -> tuple[Linear, bool]:
        """The form of a fact, and whether it is exactly zero rather than nonnegative."""
        if not isinstance(raw, list) or not raw or not isinstance(raw[0], str) or _ARITY.get(raw[0]) != len(raw):
            raise Refusal(f"{shown(raw)} is not a fact")
        kind = raw[0]
        if kind == "size":
            (wire,) = indices([raw[1]], len(self.code.objects), "the wire")
            return {self.code.objects[wire]: ONE, frozenset([wire]): -ONE}, False
        if kind in ("log", "one"):
            if not isinstance(raw[-1], str):
                raise Refusal(f"{shown(raw[-1])} is not the name of an object")
            return {raw[1] if kind == "log" else None: ONE}, False
        if kind == "given":
            relation = statement.given[indices([raw[1]], len(statement.given), "the relation of given")[0]]
            return self.difference(relation), relation[0] == "Equal"
        sets = [frozenset(indices(item, self.count, "wires")) for item in raw[1 if kind in "HI" else 2 :]]
        if kind in "HI":
            return information(sets[:-1], sets[-1]), False
        calls = self.copies if kind in ("copy", "same") else self.code.boxes
        box, reads, makes = calls[indices([raw[1]], len(calls), f"the {kind}")[0]]
        if not makes or not sets[0] <= {*makes, *(reads if kind == "same" else ())}:
            raise Refusal(f"box {raw[1]} can't be cited: {shown(raw[2])} are not among its outputs, or it has none")
        if kind == "same":
            copied = dict(zip(makes, box, strict=True))
            sets.append(frozenset(copied.get(wire, wire) for wire in sets[0]))
            return combined((information([part], frozenset()), sign) for part, sign in zip(sets, (1, -1))), True
        if kind == "function" and box[4] is not True:
            raise Refusal(f"box {raw[1]} is not deterministic")
        if any(wire >= makes[0] or wire in reads for wires in sets[1:] for wire in wires):
            raise Refusal(f"the wires {shown(raw[-1])} are not wires before box {raw[1]} that it does not read")
        return information(sets, frozenset(reads)), True


def check_shannon(statement: Statement, steps: object) -> None:
    """Refuse unless the statement is the sum of facts that the certificate states."""
    copies = steps.pop("copies", []) if isinstance(steps, dict) else []
    state = State(statement.about, copies)
    signs = {"<=": 1} if statement.holds[0] == "LessEq" else {"<=": 1, ">=": -1}
    for key, raw in zip(signs, fields(steps, tuple(signs), "steps"), strict=True):
        if not isinstance(raw, list) or not all(isinstance(item, list) and len(item) == 2 for item in raw):
            raise Refusal(f"steps {key!r} is not a list of [multiplier, fact]")
        parts = [(state.difference(statement.holds), Fraction(signs[key]))]
        for number, (multiplier, fact) in enumerate(raw):
            form, exact = state.fact(fact, statement)
            parts.append((form, -rational(multiplier)))
            if parts[-1][1] > 0 and not exact:
                raise Refusal(f"step {number} of {key!r}: multiplier {multiplier} of an inequality is negative")
        if rest := combined(parts):
            raise Refusal(f"the facts of {key!r} do not add up: {len(rest)} coordinates differ")
