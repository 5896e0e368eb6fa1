"""One line of plain text for a statement; names that are not plain words are quoted."""

import json
import re
from collections.abc import Iterable

from .programs import Node
from .statement import FIELDS, TERMS, Statement


def names(raw: Iterable[str], between: str = ",") -> str:
    """Names; one that could be mistaken for mathematics is quoted."""
    return between.join(name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_']*", name) else json.dumps(name) for name in raw)


def term(node: Node, inner: bool = False) -> str:
    """A term: `p >> (f @ id[X])`."""
    if node[0] == "Box":
        return names([node[1]])
    if node[0] in ("Seq", "Par"):
        text = (" >> " if node[0] == "Seq" else " @ ").join([term(part, True) for part in node[1]])
        return f"({text})" if inner else text
    return f"{node[0].lower()}[{'; '.join(names(objects, '*') or '1' for objects in node[1:])}]"


def _inner(node: Node, *loose: str) -> str:
    text = expression(node)
    return f"({text})" if node[0] in ("Add", "Sum", *loose) or text[0] == "-" else text


def expression(node: Node) -> str:
    """An expression in plain ASCII mathematics."""
    kind, first = node[:2]
    if kind == "Symbol" and isinstance(first, tuple):  # a value of unknown size that stands for an expression
        return expression(first)
    if kind in ("Const", "Symbol"):
        return str(first) if kind == "Const" else names([first])
    if kind == "Add":
        texts = [("" if text[0] == "-" else "+") + text for text in map(expression, first)]
        return " ".join([texts[0].lstrip("+"), *[f"{text[0]} {text[1:]}" for text in texts[1:]]])
    if kind == "Mul":
        minus = len(first) > 1 and first[0] == ("Const", -1)
        return "-" * minus + "*".join([_inner(part, "Mul") for part in first[minus:]])
    if kind == "Pow":
        return f"{_inner(first, 'Mul', 'Pow', 'Const')}^{node[2] if node[2].denominator == 1 else f'({node[2]})'}"
    if kind == "Sum":
        return f"sum_{{{names(first[1:], ':')}}} {_inner(node[2])}"
    if kind in ("Entropy", "Information"):
        groups = "I(" + ";".join(map(names, first)) if kind == "Information" else "H(" + names(first)
        return groups + "|" * bool(node[2]) + names(node[2]) + ")"
    if kind == "DivergenceOf":
        over = "; over " + term(node[4]) if node[4] else ""
        return f"D_{names([first])}({term(node[2])}, {term(node[3])}{over})"
    if kind == "Entry":
        outs, ins = (names(x[1] for x in letters) for letters in (node[3], node[2]))
        return f"{term(first, True)}({outs}{' | ' * bool(ins)}{ins})"
    sorts = zip(node[1:], FIELDS[kind], strict=True)
    parts = [expression(x) if sort == "expr" else _named(x) for x, sort in sorts]
    return f"{kind.lower()}({', '.join(parts)})"


def _named(part: Node | str) -> str:
    """A name, what a node is called, or several letters; a hidden state of a family by its letter."""
    if isinstance(part, str) or not part or not isinstance(part[0], str):
        return names([part] if isinstance(part, str) else [x[1] for x in part])
    return f"{names([part[1][1]])}({names([part[2][1]])})" if part[0] == "At" else names([part[1]])


def relation(node: Node) -> str:
    """A relation between terms or expressions."""
    left, right = (term(side) if side[0] in TERMS else expression(side) for side in node[1:])
    return left + (" = " if node[0] == "Equal" else " <= ") + right


def statement(found: Statement) -> str:
    """The statement, with its hypotheses, its state and the types of its boxes."""
    text = relation(found.holds)
    for at, item in enumerate(found.given):
        own = found.free[at + 1].difference(*found.free[: at + 1], *found.free[at + 2 :])
        letters = f"for all {names(sorted(x[1] for x in own))}: " if own else ""
        text += (", " if at else " given ") + letters + relation(item)
    text += " in " + term(found.about) if found.about is not None else ""
    for at, (name, (ins, outs, det)) in enumerate(sorted(found.boxes.items())):
        text += (", " if at else " where ") + "det " * det + names([name])
        text += f": {names(ins, '*') or '1'} -> {names(outs, '*') or '1'}"
    return text
