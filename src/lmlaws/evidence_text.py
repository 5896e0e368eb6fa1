"""Evidence in words: what a certificate adds up, and a counterexample as small tables with exact values."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from .terminal import paragraph, table
from .theory.expressions import Equal, Relation
from .theory.printing import show_expr, show_term
from .theory.programs import compile_term
from .theory.statements import Statement
from .theory.terms import Term, wire_names

MOST_ROWS = 40
"""How many rows of a law or a kernel are shown; the JSON has all."""


def proof_lines(statement: Statement, certificate: dict[str, Any]) -> list[str]:
    """The steps of a certificate, as lines."""
    tell = {"shannon": _shannon, "diagram": _diagram, "identity": _identity}[certificate["kind"]]
    return tell(statement, certificate["steps"])


def _shannon(statement: Statement, steps: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for relation, facts in steps.items():
        gap = "right side - left side" if relation == "<=" else "left side - right side"
        if not facts:
            lines += paragraph(f"{gap} is zero: both sides are the same combination of joint entropies")
            continue
        lines += paragraph(f"{gap} is the sum of")
        lines += ["    " + line for line in table((), [_fact(statement, *term) for term in facts], 76)]
    return lines


def _fact(statement: Statement, number: str, fact: list[Any]) -> tuple[str, str, str]:
    """A multiplier, what it multiplies, and why that is zero or more."""
    about = statement.about
    assert about is not None  # certificates of this kind are about a diagram
    program = compile_term(about)
    names: dict[int, str] = {}
    for wire, name in zip(program.outputs, wire_names(about.cod)):
        names.setdefault(wire, name)

    def group(wires: Sequence[int]) -> str:
        return ",".join(names.get(wire, f"wire{wire}") for wire in wires)

    def quantity(letter: str, groups: Sequence[Sequence[int]], given: Sequence[int]) -> str:
        return f"{letter}({';'.join(map(group, groups))}{'|' + group(given) if given else ''})"

    kind, *rest = fact
    if kind in ("H", "I"):
        return f"{number} x", quantity(kind, rest[:-1], rest[-1]), ">= 0"
    if kind == "size":
        return f"{number} x", f"log-size of {group(rest)} - H({group(rest)})", ">= 0"
    if kind == "given":
        return _given(Fraction(number), statement.given[rest[0]])
    call = program.calls[rest[0]]
    if kind == "box":
        return f"{number} x", quantity("I", rest[1:], call.reads), f"= 0, by the wiring of {call.box.name}"
    return f"{number} x", quantity("H", rest[1:], call.reads), f"= 0, as {call.box.name} is deterministic"


def _given(number: Fraction, relation: Relation) -> tuple[str, str, str]:
    """A multiple of a hypothesis, which certificates cite as right side minus left side."""
    assert not isinstance(relation.left, Term)
    assert not isinstance(relation.right, Term)
    left, right = show_expr(relation.left), show_expr(relation.right)
    if isinstance(relation, Equal):
        return f"{-number} x", left if right == "0" else f"({left}) - ({right})", "= 0, given"
    return f"{number} x", right if left == "0" else f"({right}) - ({left})", ">= 0, given"


def _diagram(statement: Statement, steps: dict[str, Any]) -> list[str]:
    """The common normal form as a program."""

    def wire(reference: list[int]) -> str:
        box, port = reference
        return f"in{port}" if box < 0 else f"v{box}" if len(boxes[box][0][3]) == 1 else f"v{box}.{port}"

    boxes = steps["boxes"]
    rows = [
        (f"v{i}", "=", f"{box[1]}({', '.join(map(wire, reads))})", "deterministic" if box[4] else "")
        for i, (box, reads) in enumerate(boxes)
    ]
    lines = paragraph("both sides have one normal form:")
    lines += ["    " + line for line in table((), rows[:MOST_ROWS], 76)]
    if len(rows) > MOST_ROWS:
        lines.append(f"    ... and {len(rows) - MOST_ROWS} boxes more")
    outputs = ", ".join(map(wire, steps["outputs"])) or "nothing"
    return [*lines, *paragraph(f"outputs: {outputs}", indent="      ", first="    ")]


def _identity(statement: Statement, steps: dict[str, Any]) -> list[str]:
    """The common normal form and the hypotheses used; the checker works out both for itself."""
    from .checks.provers.identities import common_form

    lines = paragraph("both sides, expanded into sums over letters, have one normal form:")
    lines += paragraph(show_expr(common_form(statement)), indent="      ", first="    ")
    for used in steps["uses"]:
        relation = statement.given[used]
        lines += paragraph(f"using the hypothesis {_side(relation.left)} = {_side(relation.right)}")
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
