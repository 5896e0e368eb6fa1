"""Evidence in words: what a certificate adds up, and a counterexample as small tables with exact values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from . import decoding
from .terminal import paragraph, table
from .theory.expressions import DivergenceOf, Equal, Relation
from .theory.printing import show_expr, show_term
from .theory.programs import Call, compile_term, normal_form
from .theory.statements import Statement
from .theory.terms import Id, Term, as_type, par, seq, wire_names

MOST_ROWS = 40
"""How many rows of a law or a kernel are shown; the JSON has all."""

MOST_MENDS = 6
"""How many missing hypotheses are shown."""


def proof_lines(statement: Statement, certificate: dict[str, Any]) -> list[str]:
    """The steps of a certificate, as lines."""
    kinds = {"shannon": _shannon, "diagram": _diagram, "identity": _identity, "sum": _sum, "processing": _processing}
    return kinds[certificate["kind"]](statement, certificate["steps"])


def _shannon(statement: Statement, steps: dict[str, Any]) -> list[str]:
    told = _Wires(statement, steps.get("copies", []))
    lines: list[str] = []
    for number, (copied, over) in enumerate(told.copies):
        lines += paragraph(
            f"let {told.group(told.made[number])} be a copy of {told.group(copied)} given"
            f" {told.group(over) or 'nothing'}, independent of the other variables given that"
        )
    for relation in ("<=", ">="):
        if relation not in steps:
            continue
        gap = "right side - left side" if relation == "<=" else "left side - right side"
        if not steps[relation]:
            lines += paragraph(f"{gap} is zero: both sides are the same combination of joint entropies")
            continue
        lines += paragraph(f"{gap} is the sum of")
        lines += ["    " + line for line in table((), [told.fact(*term) for term in steps[relation]], 76)]
    return lines


class _Wires:
    """The wires of a Shannon certificate by name: those of the statement's diagram, then those that copies make."""

    def __init__(self, statement: Statement, copies: list[list[list[int]]]) -> None:
        self.given, self.copies = statement.given, copies
        self.calls: tuple[Call, ...] = ()
        self.names: dict[int, str] = {}
        start = 0
        if statement.about is not None:
            program = compile_term(statement.about)
            self.calls = program.calls
            start = sum(len(call.makes) for call in program.calls)
            for wire, name in zip(program.outputs, wire_names(statement.about.cod)):
                self.names.setdefault(wire, name)
        self.made: list[list[int]] = []
        for copied, _ in copies:
            self.made.append(list(range(start, start + len(copied))))
            for new, old in zip(self.made[-1], copied):
                self.names[new] = self.name(old) + "'"
                while list(self.names.values()).count(self.names[new]) > 1:
                    self.names[new] += "'"
            start += len(copied)

    def name(self, wire: int) -> str:
        return self.names.get(wire, f"wire{wire}")

    def group(self, wires: Sequence[int]) -> str:
        return ",".join(map(self.name, wires))

    def quantity(self, letter: str, groups: Sequence[Sequence[int]], given: Sequence[int] = ()) -> str:
        return f"{letter}({';'.join(map(self.group, groups))}{'|' + self.group(given) if given else ''})"

    def fact(self, number: str, fact: list[Any]) -> tuple[str, str, str]:
        """A multiplier, what it multiplies, and why that is zero or more."""
        kind, *rest = fact
        if kind == "given":
            return _given(Fraction(number), self.given[rest[0]])
        return f"{number} x", *self._fact(kind, rest)

    def _fact(self, kind: str, rest: list[Any]) -> tuple[str, str]:
        if kind in ("H", "I"):
            return self.quantity(kind, rest[:-1], rest[-1]), ">= 0"
        if kind == "size":
            return f"log-size of {self.group(rest)} - H({self.group(rest)})", ">= 0"
        if kind in ("log", "one"):
            return f"log|{rest[0]}|" if kind == "log" else "1", ">= 0"
        if kind == "copy":
            return self.quantity("I", rest[1:], self.copies[rest[0]][1]), "= 0, by the copy"
        if kind == "same":
            old = dict(zip(self.made[rest[0]], self.copies[rest[0]][0]))
            original = [old.get(wire, wire) for wire in rest[1]]
            return f"{self.quantity('H', rest[1:])} - {self.quantity('H', [original])}", "= 0, by the copy"
        call = self.calls[rest[0]]
        if kind == "box":
            return self.quantity("I", rest[1:], call.reads), f"= 0, by the wiring of {call.box.name}"
        return self.quantity("H", rest[1:], call.reads), f"= 0, as {call.box.name} is deterministic"


def _given(number: Fraction, relation: Relation) -> tuple[str, str, str]:
    """A multiple of a hypothesis, which certificates cite as right side minus left side."""
    assert not isinstance(relation.left, Term)
    assert not isinstance(relation.right, Term)
    left, right = show_expr(relation.left), show_expr(relation.right)
    if isinstance(relation, Equal):
        return f"{-number} x", left if right == "0" else f"({left}) - ({right})", "= 0, given"
    return f"{number} x", right if left == "0" else f"({right}) - ({left})", ">= 0, given"


def _diagram(statement: Statement, steps: dict[str, Any]) -> list[str]:
    """The common normal form as a program; under hypotheses every diagram on the way from left to right."""
    left = statement.holds.left
    assert isinstance(left, Term)
    if "rewrites" not in steps:
        return [*paragraph("both sides have one normal form:"), *_program(left)]
    lines = [*paragraph("the left side has the normal form"), *_program(left)]
    for number, forward, before, idle, after in steps["rewrites"]:
        sides = [statement.given[number].left, statement.given[number].right]
        old, new = sides if forward else reversed(sides)
        assert isinstance(new, Term)
        lines += paragraph(f"where by hypothesis {_side(old)} is {_side(new)}, so that it equals")
        lines += _program(seq(decoding.term(before), par(Id(as_type(idle)), new), decoding.term(after)))
    return [*lines, *paragraph("which is the right side")]


def _program(term: Term) -> list[str]:
    """The normal form of a term, a line a box."""
    rows = normal_form(term).lines()
    lines = [line for row in rows[:MOST_ROWS] for line in paragraph(row, indent="        ", first="    ")]
    return [*lines, f"    ... and {len(rows) - MOST_ROWS} boxes more"] if len(rows) > MOST_ROWS else lines


def normal_form_lines(statement: Statement) -> list[str]:
    """Both sides' normal forms where they differ; nothing for a statement that is no equation of diagrams."""
    left, right = statement.holds.left, statement.holds.right
    if not (isinstance(left, Term) and isinstance(right, Term)) or normal_form(left) == normal_form(right):
        return []
    lines = ["", *paragraph("the normal forms differ; left:"), *_program(left)]
    return [*lines, *paragraph("right:"), *_program(right)]


def mend_lines(mends: Sequence[Mapping[str, str]]) -> list[str]:
    """The missing hypotheses of a refuted statement, each with the statement under it, from a result's `mends`."""
    lines = [""] if mends else []
    for mend in mends[:MOST_MENDS]:
        lines += paragraph(f"It holds if {mend['hypothesis']} (proved by {mend['engine']}):", first="")
        lines += paragraph(mend["statement"])
    if len(mends) > MOST_MENDS:
        lines.append(f"... and if one of {len(mends) - MOST_MENDS} hypotheses more holds (--json has all)")
    return lines


FACTS = {
    "Compare": "for all a, b >= 0, by the signs of derivatives from a = b on, 0 <= {}",
    "Merge": "f(sum a, sum b) <= sum f(a, b), as f is convex and homogeneous, for f(a, b) = {}",
    "Schwarz": "(sum |a - b|)^2 <= (sum w) (sum (a - b)^2/w) by Cauchy and Schwarz, the fraction being {}",
    "Jensen": "f(sum a b) <= sum a f(b) as the a add up to 1 and f is convex, for f(a) at b = 1, f(a, b) = {}",
    "Chord": "f(a, b) <= what lies on the chord of f between (1, 1), (1, 0) and (0, 1), for f(a, b) = {}",
}


def _sum(statement: Statement, steps: dict[str, Any]) -> list[str]:
    """The facts of each link; what they share and how they add up the checker works out for itself."""
    lines: list[str] = []
    for _, _, parts in steps["links"]:
        lines += paragraph("next," if lines else "the right side is the left side and more:", first="  ")
        for _, _, multiplier, (kind, *fact) in parts:
            times = show_expr(decoding.expr(multiplier)).replace("#", "")
            told = [f"times {times}"] if times != "1" else []
            if kind in FACTS:
                *_, a, b, rows = fact
                said = FACTS[kind].format(_rows(rows))
                sides = f"where a = {show_expr(decoding.expr(a))}, b = {show_expr(decoding.expr(b))}"
                told.insert(0, sides.replace("#", ""))
            elif kind == "Square":
                said = f"0 <= ({show_expr(decoding.expr(fact[0]))})^2".replace("#", "")
            elif kind == "Product":
                said = "0 <= the product of the hypotheses " + ", ".join(str(at + 1) for at in fact[0])
            else:
                exponent, bound = (show_expr(decoding.expr(side)) for side in fact[:2])
                said = f"exp(-({exponent})) <= {bound}, because -log of that is at most {exponent}".replace("#", "")
            lines += paragraph(said, indent="      ", first="    ")
            lines += paragraph(", ".join(told), indent="      ", first="      ") if told else []
            lines += _sum(statement, {"links": fact[2]}) if kind == "Exponential" else []
    return lines


def _rows(rows: Sequence[Sequence[str]]) -> str:
    """The sum of the rows of a fact, in a and b."""
    parts: list[tuple[Fraction, str]] = []
    for kind, *numbers in rows:
        c, *rest = map(Fraction, numbers)
        if kind == "Linear":
            parts += [(c * rest[0], "a"), (c * rest[1], "b")]
        elif kind == "Apart":
            parts.append((c, "|a - b|"))
        elif kind == "Power":
            parts.append((c, f"a^({rest[0]}) b^({1 - rest[0]})"))
        elif kind == "Gap":
            parts.append((c, f"(a - b)^2/({_terms(zip(rest, ('a', 'b', 'sqrt(a b)')))})"))
        elif kind == "Over":
            parts.append((c, f"a^({rest[0]}) b^({2 - rest[0]})/({_terms(zip(rest[1:], 'ab'))})"))
        elif kind == "Logarithm":
            parts.append((c, f"a^({rest[0]}) b^({1 - rest[0]}) log(({_terms(zip(rest[1:], 'ab'))})/b)"))
        else:
            above, below = (_terms(zip(half, "ab")) for half in (rest[:2], rest[2:]))
            above, below = (f"({side})" if " " in side else side for side in (above, below))
            parts.append((c, f"{above} log({above}/{below})"))
    return _terms(parts)


def _terms(parts: Iterable[tuple[Fraction, str]]) -> str:
    """A sum of multiples of quantities."""
    said = [(f"{c} " if abs(c) != 1 else "-" if c < 0 else "") + name for c, name in parts if c]
    return " + ".join(said).replace("+ -", "- ") or "0"


def _identity(statement: Statement, steps: dict[str, Any]) -> list[str]:
    """The common normal form and the hypotheses used; the checker works out both for itself."""
    from .checks.provers.identities import common_form

    lines = paragraph("both sides, expanded into sums over letters, have one normal form:")
    lines += paragraph(show_expr(common_form(statement)), indent="      ", first="    ")
    for used in steps["uses"]:
        relation = statement.given[used]
        lines += paragraph(f"using the hypothesis {_side(relation.left)} = {_side(relation.right)}")
    return lines


WHY = {
    "process": "by data processing",
    "relabel": "as deterministic kernels pick one row",
    "average": "by the chain rule, where both have one first part",
    "chain": "by the chain rule",
    "tensor": "by additivity",
    "swap": "with the sides exchanged",
    "same": "as both sides are one",
    "nonneg": "as divergences are not negative",
    "one": "of course",
    "given": "by hypothesis",
}


def _processing(statement: Statement, steps: dict[str, Any]) -> list[str]:
    """Each link: what is replaced by something larger or equal, how many times, and why."""
    from .checks.provers import comparison
    from .checks.provers.peeling import tidy

    def total(atoms: Iterable[comparison.Atom | None]) -> str:
        return " + ".join("1" if atom is None else divergence(atom) for atom in atoms) or "0"

    def divergence(atom: comparison.Atom) -> str:
        left, right, over = (term if term is None else tidy(term) for term in atom.slots)
        assert left is not None
        assert right is not None
        return show_expr(DivergenceOf(atom.name, left, right, over))

    lines: list[str] = []
    for relation, links in steps.items():
        low, high = ("left", "right") if relation == "<=" else ("right", "left")
        lines += paragraph(f"from the {low} side up to the {high} side:" if links else f"{low} and {high} are the same")
        for times, forward, (kind, *raw) in links:
            fields = [decoding.term(x) if isinstance(x, list) and kind != "given" else x for x in raw]
            if kind == "given":
                terms = [x if x is None else decoding.term(x) for x in (*raw[1:4], raw[6], raw[8])]
                fields = [raw[0], *terms[:3], *raw[4:6], terms[3], as_type(raw[7]), terms[4]]
            move = comparison.Move(comparison.recalled(kind, fields, statement.given), forward)
            sign = "<=" if kind in ("process", "nonneg", "one") else "="
            told = f"{total(move.takes)} {sign} {total(move.gives)}, {WHY[kind]}"
            lines += paragraph(told if times == "1" else f"{times} times {told}", indent="      ", first="    ")
    return lines


def _side(side: Any) -> str:
    return show_term(side) if isinstance(side, Term) else show_expr(side)


def counterexample_lines(example: dict[str, Any]) -> list[str]:
    """A counterexample: the instance, letters counted from 0, and both sides there, exactly and in decimals."""
    lines = [line for title, heads, rows in instance_tables(example) for line in _block(title, heads, rows)]
    if "left" in example:
        rows = [(side, str(example[side]), _decimal(example, side)) for side in ("left", "right")]
        lines += paragraph(f"there, left {example.get('relation', '<=')} right fails:")
        lines += ["    " + line for line in table((), rows, 76)]
    return lines


def _decimal(example: dict[str, Any], side: str) -> str:
    """The decimal beside an exact value, where it tells more."""
    number = str(example.get(f"{side}_decimal", ""))
    return "" if number == str(example[side]) else f"about {number}"


def _block(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    more = [f"    ... and {len(rows) - MOST_ROWS} rows more (--json has all)"] if len(rows) > MOST_ROWS else []
    return [*paragraph(title), *("    " + line for line in table(heads, rows[:MOST_ROWS], 76)), *more]


Table = tuple[str, list[str], list[list[str]]]
"""A title, the heads of the columns, and the rows."""


def instance_tables(example: dict[str, Any]) -> list[Table]:
    """The instance of a counterexample as tables: a joint law by its atoms, laws, kernels row by row, other values."""
    tables: list[Table] = []
    if "law" in example:
        cells = product(*(range(size) for size in example["sizes"]))
        rows = [[*map(str, cell), mass] for cell, mass in zip(cells, example["law"]) if Fraction(mass)]
        tables.append((_about_law(example), [*example["vars"], "probability"], rows))
    for name, law in example.get("laws", {}).items():
        tables.append((f"the law {name}", ["letter", "probability"], [[str(i), mass] for i, mass in enumerate(law)]))
    for name, kernel in example.get("kernels", {}).items():
        letters = [_letter(cell) for cell in product(*(range(size) for size in kernel["cod"]))]
        inputs = [_letter(cell) for cell in product(*(range(size) for size in kernel["dom"]))]
        rows = [[letter, *map(str, row)] for letter, row in zip(inputs, kernel["rows"])]
        tables.append((f"the kernel {name}, a row for each input", [name, *letters], rows))
    world = example.get("world", {})
    if world:
        rows = [[name, _value(value)] for name, value in world.items()]
        tables.append(("the head and its vectors", ["name", "value"], rows))
    return tables


def _about_law(example: dict[str, Any]) -> str:
    sizes = ", ".join(f"{name}: {size}" for name, size in zip(example["vars"], example["sizes"]))
    return f"a joint law (letters: {sizes}); all other letters have probability 0"


def _letter(cell: tuple[int, ...]) -> str:
    return str(cell[0]) if len(cell) == 1 else f"({','.join(map(str, cell))})"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"({', '.join(map(_value, value))})"
    return str(value)
