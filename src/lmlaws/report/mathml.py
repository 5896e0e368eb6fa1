"""Statements as MathML (Core): what browsers typeset and screen readers read, without a script or a font of ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from html import escape

from ..terminal import clean
from ..theory.expressions import (
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
)
from ..theory.statements import Statement, free
from ..theory.terms import Box, Copy, Discard, Id, Par, Seq, Swap, Term, Type

GREEK = {"mu": "μ", "pi": "π", "beta": "β", "lambda": "λ", "alpha": "α", "delta": "δ", "sigma": "σ"}
_SUM, _PRODUCT, _ATOM = range(3)
"""How tightly the outermost operation of an expression binds."""


def mathml(statement: Statement) -> str:
    """The statement's relation, then its hypotheses, each a row of a formula."""
    rows = [_relation(statement.holds) + _for_all(statement.holds)]
    for i, relation in enumerate(statement.given):
        rows.append(_text("given" if i == 0 else "and") + _relation(relation) + _for_all(relation))
    cells = "".join(f'<mtr><mtd style="text-align: left">{row}</mtd></mtr>' for row in rows)
    return f'<math displaystyle="true"><mtable displaystyle="true">{cells}</mtable></math>'


def _for_all(relation: Relation) -> str:
    """The letters for all values of which a relation is meant."""
    letters = dict.fromkeys(free(relation))
    return '<mspace width="1em"/>' + _text("for all") + _commas(map(_letter, letters)) if letters else ""


def _text(words: str) -> str:
    return f"<mtext>{words}&#xa0;</mtext>"


def _relation(relation: Relation) -> str:
    sides = [_term(side) if isinstance(side, Term) else _expr(side) for side in (relation.left, relation.right)]
    return f"{sides[0]}<mo>{'=' if isinstance(relation, Equal) else '≤'}</mo>{sides[1]}"


def _row(*parts: str) -> str:
    return f"<mrow>{''.join(parts)}</mrow>"


def _name(text: str) -> str:
    """A name, with what follows its first underscore, or the digits that end it, as an index."""
    text = text.lstrip("@")
    stem, _, index = text.partition("_")
    if not index and (letters := text.rstrip("0123456789")):
        stem, index = letters, text[len(letters) :]
    base = f"<mi>{escape(clean(GREEK.get(stem, stem or text)))}</mi>"
    return f"<msub>{base}<mi>{escape(clean(index))}</mi></msub>" if index else base


def _letter(letter: Letter) -> str:
    return _name(letter.name)


def _commas(parts: Iterable[str], mark: str = ",") -> str:
    return f"<mo>{mark}</mo>".join(parts)


def _brackets(inside: str, marks: str = "()") -> str:
    grow = "" if any(tall in inside for tall in ("<mfrac", "<munder")) else ' stretchy="false"'
    return _row(f"<mo{grow}>{escape(marks[0])}</mo>", inside, f"<mo{grow}>{escape(marks[1])}</mo>")


def _call(name: str, inside: str, marks: str = "()") -> str:
    return _row(name, "<mo>&#x2061;</mo>", _brackets(inside, marks))


def _number(value: Fraction) -> str:
    sign = "<mo>−</mo>" if value < 0 else ""
    value = abs(value)
    if value.denominator == 1:
        return f"{sign}<mn>{value}</mn>"
    return f"{sign}<mfrac><mn>{value.numerator}</mn><mn>{value.denominator}</mn></mfrac>"


# ---------------------------------------------------------------- terms


def _term(term: Term) -> str:
    if isinstance(term, Box):
        return _name(term.name)
    if isinstance(term, Seq | Par):
        mark = "<mo>≫</mo>" if isinstance(term, Seq) else "<mo>⊗</mo>"
        loose = Seq if isinstance(term, Seq) else Seq | Par
        return _row(mark.join(_brackets(_term(p)) if isinstance(p, loose) else _term(p) for p in term.parts))
    if isinstance(term, Swap):
        return f"<msub><mi>swap</mi>{_row(_type(term.left), '<mo>,</mo>', _type(term.right))}</msub>"
    if isinstance(term, Id | Copy | Discard):
        return f"<msub><mi>{type(term).__name__.lower()}</mi>{_type(term.kind)}</msub>"
    raise TypeError(f"not a term: {term!r}")


def _type(kind: Type) -> str:
    return _row("<mo>⊗</mo>".join(_name(part.name) for part in kind)) if kind else "<mn>1</mn>"


# ---------------------------------------------------------------- expressions


def _expr(expr: Expr) -> str:
    return _piece(expr)[0]


def _tight(expr: Expr, level: int = _ATOM) -> str:
    text, own = _piece(expr)
    return text if own >= level else _brackets(text)


def _piece(expr: Expr) -> tuple[str, int]:
    if isinstance(expr, Const):
        return _number(expr.value), _SUM if expr.value < 0 else _ATOM
    if isinstance(expr, Add):
        terms = [_signed(term) for term in expr.terms]
        text = "".join(f"<mo>{'−' if minus else '+'}</mo>{body}" for minus, body in terms)
        return _row(text if terms[0][0] else text.removeprefix("<mo>+</mo>")), _SUM
    if isinstance(expr, Mul):
        minus, text = _signed(expr)
        return (_row("<mo>−</mo>", text), _SUM) if minus else (text, _PRODUCT)
    if isinstance(expr, Pow):
        return _power(expr)
    if isinstance(expr, Sum):
        letters, body = opened(expr)
        return _row(
            f"<munder><mo>∑</mo>{_row(_commas(map(_letter, letters)))}</munder>", _tight(body, _PRODUCT)
        ), _PRODUCT
    if isinstance(expr, Derivative):
        return _row(f"<msub><mo>∂</mo>{_name(expr.along.name)}</msub>", _tight(expr.of)), _PRODUCT
    return _leaf(expr)


def _signed(expr: Expr) -> tuple[bool, str]:
    """Whether a summand is subtracted, and what it is without that sign: a product, with a bar for what is below."""
    if isinstance(expr, Const):
        return expr.value < 0, _number(abs(expr.value))
    if not isinstance(expr, Mul):
        return False, _tight(expr, _PRODUCT)
    number, above, below = fraction(expr)
    size = abs(number)
    if below:
        top = ([f"<mn>{size.numerator}</mn>"] if size.numerator != 1 or not above else []) + _factors(above)
        bottom = ([f"<mn>{size.denominator}</mn>"] if size.denominator != 1 else []) + _factors(below)
        return number < 0, f"<mfrac>{_row(*top)}{_row(*bottom)}</mfrac>"
    return number < 0, _row(*([_number(size)] if size != 1 or not above else []), *_factors(above))


def _factors(factors: Sequence[Expr]) -> list[str]:
    """Factors side by side; a sum reaches as far as it can, so only the last may stand without brackets."""
    last = len(factors) - 1
    alone = last == 0
    return [
        _piece(f)[0] if alone and not isinstance(f, Add) else _tight(f, _PRODUCT if i == last else _ATOM)
        for i, f in enumerate(factors)
    ]


def _power(expr: Pow) -> tuple[str, int]:
    if expr.exponent == Fraction(1, 2):
        return f"<msqrt>{_expr(expr.base)}</msqrt>", _ATOM
    if expr.exponent < 0:
        below = expr.base if expr.exponent == -1 else Pow(expr.base, -expr.exponent)
        return f"<mfrac><mn>1</mn>{_row(_expr(below))}</mfrac>", _ATOM
    base = _brackets(_expr(expr.base)) if isinstance(expr.base, Pow) else _tight(expr.base)
    exponent = f"<mn>{expr.exponent}</mn>" if expr.exponent.denominator == 1 else _row(_number(expr.exponent))
    return f"<msup>{_row(base)}{exponent}</msup>", _ATOM


def _leaf(expr: Expr) -> tuple[str, int]:
    if isinstance(expr, Log):
        return _row("<mi>log</mi>", "<mo>&#x2061;</mo>", _tight(expr.of)), _PRODUCT
    if isinstance(expr, Exp):
        return _call("<mi>exp</mi>", _expr(expr.of)), _ATOM
    if isinstance(expr, Abs):
        return _brackets(_expr(expr.of), "||"), _ATOM
    if isinstance(expr, Entropy | Information):
        groups = (expr.of,) if isinstance(expr, Entropy) else expr.groups
        inside = _commas((_commas(map(_name, group)) for group in groups), ";")
        given = f"<mo>|</mo>{_commas(map(_name, expr.given))}" if expr.given else ""
        return _call(f"<mi>{'H' if isinstance(expr, Entropy) else 'I'}</mi>", inside + given), _ATOM
    if isinstance(expr, Entry):
        term = _name(expr.term.name) if isinstance(expr.term, Box) else _brackets(_term(expr.term))
        given = f"<mo>|</mo>{_commas(map(_letter, expr.ins))}" if expr.ins else ""
        return _call(term, _commas(map(_letter, expr.outs)) + given), _ATOM
    if isinstance(expr, DivergenceOf):
        over = f"<mo>|</mo>{_term(expr.over)}" if expr.over is not None else ""
        sides = f"{_term(expr.left)}<mo>∥</mo>{_term(expr.right)}{over}"
        return _call(f"<msub><mi>D</mi><mtext>{escape(clean(expr.name))}</mtext></msub>", sides), _ATOM
    return _of_heads(expr)


def _of_heads(expr: Expr) -> tuple[str, int]:
    """What is said of softmax heads and hidden states."""
    if isinstance(expr, Logit):
        product = _inner(_call(_of_head("g", expr.vector.head), _letter(expr.letter)), _vector(expr.vector))
        if isinstance(expr.vector, Direction):
            return product, _ATOM
        return _row(product, "<mo>+</mo>", _sub(_of_head("b", expr.vector.head), _letter(expr.letter))), _SUM
    if isinstance(expr, LogPartition):
        return _call(_of_head("A", expr.point.head), _vector(expr.point)), _ATOM
    if isinstance(expr, Softmax):
        return _call(_sub("<mi>p</mi>", _vector(expr.point)), _letter(expr.letter)), _ATOM
    if isinstance(expr, Element):
        return _sub(_name(expr.array.name), _commas(map(_letter, expr.letters))), _ATOM
    if isinstance(expr, Coordinate):
        return _sub(_vector(expr.vector), _letter(expr.axis)), _ATOM
    if isinstance(expr, Embedding):
        return _sub(_call(_of_head("g", expr.head), _letter(expr.letter)), _letter(expr.axis)), _ATOM
    if isinstance(expr, Bias):
        return _sub(_of_head("b", expr.head), _letter(expr.letter)), _ATOM
    return _of_sizes(expr)


def _of_sizes(expr: Expr) -> tuple[str, int]:
    if isinstance(expr, Symbol):
        return _name(expr.name), _ATOM
    if isinstance(expr, Rank):
        return _call(
            f"<msub><mi>rank</mi>{_row(_name(expr.u.name), '<mo>,</mo>', _name(expr.v.name))}</msub>", _expr(expr.form)
        ), _ATOM
    if isinstance(expr, Dimension):
        return _call("<mi>dim</mi>", _name(expr.head.name)), _ATOM
    if isinstance(expr, Size):
        return _brackets(_name(expr.alphabet.name), "||"), _ATOM
    raise TypeError(f"not an expression: {expr!r}")


def _sub(base: str, index: str) -> str:
    return f"<msub>{base}{_row(index)}</msub>"


def _inner(one: str, other: str) -> str:
    return _row("<mo>⟨</mo>", one, "<mo>,</mo>", other, "<mo>⟩</mo>")


def _vector(vector: Vector) -> str:
    return _call(_name(vector.points.name), _letter(vector.letter)) if isinstance(vector, At) else _name(vector.name)


def _of_head(symbol: str, head: Head) -> str:
    """A symbol of a head, marked with its name unless that is a usual one."""
    return (
        f"<mi>{symbol}</mi>" if head.name in ("W", "head", "g") else f"<msub><mi>{symbol}</mi>{_name(head.name)}</msub>"
    )
