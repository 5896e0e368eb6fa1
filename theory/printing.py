"""Statements as one line of plain ASCII.

Statements that the text language can say are printed in it, and read back as the same canonical statement. All
others are printed as readable mathematics: `D[KL](k >> copy[Y], copy[X] >> k @ k | over p) = H(Y|X)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from .expressions import (
    ZERO,
    Abs,
    Add,
    At,
    Bias,
    Const,
    Coordinate,
    Derivative,
    Dimension,
    Direction,
    DivergenceOf,
    Element,
    Embedding,
    Entropy,
    Entry,
    Equal,
    Exp,
    Expr,
    Head,
    Information,
    Letter,
    Log,
    Logit,
    LogPartition,
    Mul,
    Pow,
    Rank,
    Relation,
    Size,
    Softmax,
    Sum,
    Symbol,
    Vector,
    fraction,
    opened,
    walk,
)
from .lawforms import say
from .quantities import markov
from .statements import Statement, free
from .terms import Box, Copy, Discard, Id, Par, Seq, Swap, Term, Type, show_type, wire_names

_SUM, _PRODUCT, _PREFIX, _ATOM = range(4)
_Piece: TypeAlias = "tuple[str, int]"
"""Text, and how tightly its outermost operation binds."""


def show(statement: Statement) -> str:
    """The statement in one line; in the text language where that can say it."""
    said = say(statement)
    if said is not None:
        return said
    text = _relation(statement.holds)
    letters = _free(statement.holds)
    if letters:
        text = f"for all {letters}: {text}"
    wanted = statement.about.outputs if isinstance(statement.about, Box) else ()
    conditions, named = _conditions(statement.given, _variables(statement.holds), wanted)
    if conditions:
        text += f" given {', '.join(conditions)}"
    declared = "; ".join(map(declaration, statement.boxes))
    if statement.about is None:
        return f"{declared} |- {text}".lstrip() if statement.is_diagram else text
    if statement.about == Box("p", (), statement.about.cod) and named == [part.name for part in statement.about.cod]:
        return text
    wires = ", ".join(wire_names(statement.about.cod))
    return f"{declared} |- {text} where {wires} = wires of {show_term(statement.about)}"


def declaration(box: Box) -> str:
    """A box with its type, as the text language declares it: `det f: X -> Y * Z`."""
    return f"{'det ' if box.deterministic else ''}{box.name}: {show_type(box.inputs)} -> {show_type(box.outputs)}"


def show_term(term: Term) -> str:
    """A diagram in the text language."""
    if isinstance(term, Box):
        return term.name
    if isinstance(term, Seq):
        return " >> ".join(f"({show_term(part)})" if isinstance(part, Seq) else show_term(part) for part in term.parts)
    if isinstance(term, Par):
        return " @ ".join(f"({show_term(p)})" if isinstance(p, Seq | Par) else show_term(p) for p in term.parts)
    if isinstance(term, Swap):
        return f"swap[{_objects(term.left)},{_objects(term.right)}]"
    if isinstance(term, Id | Copy | Discard):
        return f"{type(term).__name__.lower()}[{_objects(term.kind)}]"
    raise TypeError(f"not a term: {term!r}")


def show_expr(expr: Expr) -> str:
    """An expression as plain ASCII mathematics."""
    return _piece(expr)[0]


def _objects(kind: Type) -> str:
    return show_type(kind).replace(" ", "")


def _relation(relation: Relation) -> str:
    sides = [show_term(side) if isinstance(side, Term) else show_expr(side) for side in (relation.left, relation.right)]
    return (" = " if isinstance(relation, Equal) else " <= ").join(sides)


def _free(relation: Relation) -> str:
    """The letters for which a relation is meant, each by itself."""
    return ", ".join(dict.fromkeys(_letter(letter) for letter in free(relation)))


def _condition(relation: Relation) -> str:
    letters = _free(relation)
    return _relation(relation) + (f" for all {letters}" if letters else "")


def _variables(node: Any) -> list[str]:
    """The variables of a node in the order in which its text names them."""
    found: dict[str, None] = {}
    for part in walk(node):
        if isinstance(part, Entropy):
            found.update(dict.fromkeys((*part.of, *part.given)))
        elif isinstance(part, Information):
            found.update(dict.fromkeys((*(name for group in part.groups for name in group), *part.given)))
        elif isinstance(part, Size):
            found[part.alphabet.name] = None
    return list(found)


def _conditions(given: Sequence[Relation], named: list[str], wanted: Type) -> tuple[list[str], list[str]]:
    """The conditions in words, and all variables in the order in which the text then names them.

    I(A;C|B) = 0 is both a chain and an independence; the form is taken that names variables in the wanted order.
    """
    conditions = []
    while given:
        forms = [*_chains(given), *_forms(given[0])]
        target = [part.name for part in wanted]

        def in_order(form: tuple[int, str, list[str]], before: list[str] = named, target: list[str] = target) -> bool:
            order = list(dict.fromkeys((*before, *form[2])))
            return order == target[: len(order)]

        used, text, variables = next(filter(in_order, forms), forms[0])
        conditions.append(text)
        named = list(dict.fromkeys((*named, *variables)))
        given = given[used:]
    return conditions, named


def _chains(given: Sequence[Relation]) -> list[tuple[int, str, list[str]]]:
    """The Markov chains, longest first, that the first conditions spell out: how many, the text, its variables."""
    first = given[0].left
    if not (isinstance(first, Information) and len(first.groups) == 2 and first.given):
        return []
    chain = [first.groups[0], first.given, first.groups[1]]
    if tuple(given[:1]) != markov(*chain):
        return []
    found = []
    while True:
        found.append((len(chain) - 2, " -> ".join(map(_group, chain)), [name for group in chain for name in group]))
        following = given[len(chain) - 2].left if len(chain) - 2 < len(given) else None
        if not isinstance(following, Information):
            break
        chain.append(following.groups[-1])
        if markov(*chain) != tuple(given[: len(chain) - 2]):
            break
    return found[::-1]


def _forms(relation: Relation) -> list[tuple[int, str, list[str]]]:
    """One condition as an independence or a function where it is one, else as a comparison."""
    left, variables = relation.left, _variables(relation)
    if isinstance(relation, Equal) and relation.right == ZERO:
        if isinstance(left, Information) and len(left.groups) == 2:
            behind = f" | {_group(left.given)}" if left.given else ""
            return [(1, f"{_group(left.groups[0])} _||_ {_group(left.groups[1])}{behind}", variables)]
        if isinstance(left, Entropy) and left.given:
            return [(1, f"{_group(left.of)} = f({','.join(left.given)})", variables)]
    return [(1, _condition(relation), variables)]


def _group(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"({','.join(names)})"


def _letter(letter: Letter) -> str:
    return letter.name.lstrip("@")


def _letters(letters: Sequence[Letter]) -> str:
    return ",".join(map(_letter, letters))


def _tight(expr: Expr, level: int) -> str:
    """The expression, in brackets unless it binds at least as tightly as `level`."""
    text, own = _piece(expr)
    return text if own >= level else f"({text})"


def _piece(expr: Expr) -> _Piece:
    if isinstance(expr, Const):
        value = expr.value
        return str(value), _SUM if value < 0 else _ATOM if value.denominator == 1 else _PRODUCT
    if isinstance(expr, Add):
        return _added(expr), _SUM
    if isinstance(expr, Mul):
        negative, text = _signed(expr)
        return (f"-{text}", _SUM) if negative else (text, _PRODUCT)
    if isinstance(expr, Pow):
        return _power(expr)
    if isinstance(expr, Sum):
        letters, body = opened(expr)
        name = _letters(letters)
        return f"sum_{name if len(letters) == 1 else '{' + name + '}'} {_tight(body, _PRODUCT)}", _PREFIX
    if isinstance(expr, Derivative):
        inner = _piece(expr.of)[0] if isinstance(expr.of, Derivative) else _tight(expr.of, _ATOM)
        return f"d/d{expr.at.name}[{expr.along.name}] {inner}", _PREFIX
    return _leaf(expr)


def _added(expr: Add) -> str:
    text = ""
    for term in expr.terms:
        negative, body = _signed(term)
        text += (" - " if negative else " + ") + body
    return "-" + text[3:] if text.startswith(" - ") else text[3:]


def _signed(expr: Expr) -> tuple[bool, str]:
    """Whether a summand is subtracted, and its text without that sign."""
    if isinstance(expr, Const):
        return expr.value < 0, str(abs(expr.value))
    if not isinstance(expr, Mul):
        return False, _tight(expr, _PRODUCT)
    number, above, below = fraction(expr)
    pieces = [str(abs(number))] if abs(number) != 1 or not above else []
    # a prefix such as sum_w reaches as far as it can, so only the last factor may stand without brackets
    last = above[-1] if above and not below else None
    pieces += [_tight(f, _PREFIX if f is last and not (pieces or len(above) > 1) else _ATOM) for f in above]
    return number < 0, "*".join(pieces) + "".join("/" + _tight(f, _ATOM) for f in below)


def _power(expr: Pow) -> _Piece:
    if expr.exponent == Fraction(1, 2):
        return f"sqrt({show_expr(expr.base)})", _ATOM
    if expr.exponent < 0:
        inverse = expr.base if expr.exponent == -1 else Pow(expr.base, -expr.exponent)
        return f"1/{_tight(inverse, _ATOM)}", _PRODUCT
    exponent = str(expr.exponent) if expr.exponent.denominator == 1 else f"({expr.exponent})"
    base = _tight(expr.base, _ATOM)
    return f"({base})^{exponent}" if isinstance(expr.base, Pow) else f"{base}^{exponent}", _ATOM


def _leaf(expr: Expr) -> _Piece:
    if isinstance(expr, Log):
        inside = f"|{expr.of.alphabet}|" if isinstance(expr.of, Size) else f"({show_expr(expr.of)})"
        return f"log{inside}", _ATOM
    if isinstance(expr, Logit):
        product = f"<g{_of_head(expr.vector.head)}({_letter(expr.letter)}),{_vector(expr.vector)}>"
        if isinstance(expr.vector, Direction):
            return product, _ATOM
        return f"{product} + b{_of_head(expr.vector.head)}({_letter(expr.letter)})", _SUM
    if isinstance(expr, Entropy | Information):
        groups = (expr.of,) if isinstance(expr, Entropy) else expr.groups
        inside = ";".join(map(",".join, groups)) + ("|" + ",".join(expr.given) if expr.given else "")
        return f"{'H' if isinstance(expr, Entropy) else 'I'}({inside})", _ATOM
    if isinstance(expr, Entry):
        name = expr.term.name if isinstance(expr.term, Box) else f"({show_term(expr.term)})"
        return f"{name}({_letters(expr.outs)}{'|' + _letters(expr.ins) if expr.ins else ''})", _ATOM
    if isinstance(expr, DivergenceOf):
        over = f" | over {show_term(expr.over)}" if expr.over is not None else ""
        return f"D[{expr.name}]({show_term(expr.left)}, {show_term(expr.right)}{over})", _ATOM
    return _simple(expr), _ATOM


def _simple(expr: Expr) -> str:
    if isinstance(expr, Symbol):
        return expr.name
    if isinstance(expr, Exp):
        return f"exp({show_expr(expr.of)})"
    if isinstance(expr, Abs):
        return f"|{show_expr(expr.of)}|"
    if isinstance(expr, LogPartition):
        return f"A{_of_head(expr.point.head)}({_vector(expr.point)})"
    if isinstance(expr, Softmax):
        return f"p_{_vector(expr.point)}({_letter(expr.letter)})"
    if isinstance(expr, Element):
        return f"{expr.array.name}[{_letters(expr.letters)}]"
    if isinstance(expr, Coordinate):
        return f"{_vector(expr.vector)}[{_letter(expr.axis)}]"
    if isinstance(expr, Embedding):
        return f"g{_of_head(expr.head)}({_letter(expr.letter)})[{_letter(expr.axis)}]"
    if isinstance(expr, Bias):
        return f"b{_of_head(expr.head)}({_letter(expr.letter)})"
    if isinstance(expr, Rank):
        return f"rank[{expr.u.name},{expr.v.name}]({show_expr(expr.form)})"
    if isinstance(expr, Dimension):
        return f"dim({expr.head.name})"
    if isinstance(expr, Size):
        return f"|{expr.alphabet}|"
    raise TypeError(f"not an expression: {expr!r}")


def _vector(vector: Vector) -> str:
    """A point or a direction by its name, a hidden state of a family as h(x)."""
    return f"{vector.points.name}({_letter(vector.letter)})" if isinstance(vector, At) else vector.name


def _of_head(head: Head) -> str:
    """A mark that tells heads apart; none for the usual names."""
    return "" if head.name in ("W", "head", "g") else f"_{head.name}"
