"""Statements about laws on one alphabet, as the text language's third form says them: read from it, and said in it.

    laws   = declarations "|-" scalar ( "=" | "<=" | ">=" ) scalar,   as in   p, q: law |- TV(p,q)^2 <= 1/2*KL(p,q)
    scalar = numbers, + - * /, ^ with a rational exponent, log(), sqrt(), size, sum(e), H(p), BC(p,q), HD[TV](p) and
             any divergence by name: KL(p,q), renyi[3/2](p,q), alpha[-1](p,q) ...

The laws are state boxes on one object; within sum(e) a law's name is its probability at the letter summed over, the
innermost one. H(p) is sum(-p*log(p)) and BC(p,q) is sum(sqrt(p)*sqrt(q)). `p: law on 2` is the hypothesis that the
alphabet has two letters. The data are those of the Python constructors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from lark import Token

from .divergences import DIVERGENCES, divergence_row
from .expressions import (
    ZERO,
    Add,
    Const,
    DivergenceOf,
    Entry,
    Equal,
    Expr,
    LessEq,
    Log,
    Mul,
    Pow,
    Relation,
    Size,
    Sum,
    add,
    children,
    log,
    mul,
    rebuild,
    walk,
)
from .lexing import MAX_DIGITS, LanguageError, is_name
from .quantities import D, bhattacharyya, categorical_entropy, entry, fresh
from .reading import Reader, clipped, place
from .statements import Statement
from .terms import Box, Object, Term, state

ALPHABET = Object("X")
"""The object that all laws of a text are on."""
(LETTER,) = fresh((ALPHABET,), "w")
MAX_HEIGHT = 40
"""How deep the nodes of a side nest: walks of a statement, and checkers of its proof, go as deep."""
MAX_EXPONENT = 1_000
"""The largest numerator and denominator of an exponent; for powers of powers, of the product."""
HALF = Fraction(1, 2)
FAMILIES = ("renyi", "alpha")
_FUNCTIONS = {"sum": "SUM", "sqrt": "ROOT", "H": "ENTROPY", "BC": "OVERLAP", **dict.fromkeys(DIVERGENCES, "KIND")}
_DIVERGENCES = f"{', '.join(DIVERGENCES)}, renyi[3/2] or alpha[-1]"
_KNOWN = f"log, sqrt, sum, H, BC, HD[TV], {_DIVERGENCES}"


def declares_laws(tokens: Sequence[Token]) -> bool:
    """Whether a text declares laws; in the declarations of a diagram `law` is an object's name like others."""
    triples = zip(tokens, tokens[1:], (*tokens[2:], Token("$END", "")))
    return any(
        colon.type == "_COLON" and word == "law" and after.type not in ("ARROW", "STAR")
        for colon, word, after in triples
    )


def law_tokens(text: str, tokens: Sequence[Token]) -> list[Token]:
    """The tokens as this form knows them: its own words, and the names that open a function.

    Raises LanguageError for a function that there is not.
    """
    found: list[Token] = []
    declaring = True
    for token, after in pairwise((*tokens, Token("$END", ""))):
        kind, before = token.type, [other.type for other in found[-2:]]
        if kind == "TURNSTILE":
            declaring = False
        elif kind == "_COMMA" and declaring and before[-1:] in (["LAW"], ["NUMBER"]):
            kind = "SEPARATOR"
        elif kind in ("NAME", "ENTROPY", "INFORMATION", "STRUCTURE"):
            kind = _declared_kind(token, before) if declaring else _scalar_kind(token, before, after.type)
            if kind == "UNKNOWN":
                raise LanguageError(text, place(token), f"unknown function {clipped(token, 30)!r}", _KNOWN)
        found.append(Token(kind, str(token), token.start_pos))
    return found


def _declared_kind(word: str, before: list[str]) -> str:
    if word == "law" and before[-1:] == ["_COLON"]:
        return "LAW"
    if word == "on" and before[-1:] == ["LAW"]:
        return "ON"
    return "SIZE" if word == "size" else "NAME"


def _scalar_kind(word: str, before: list[str], after: str) -> str:
    if word == "size":
        return "SIZE"
    if before == ["CATEGORICAL", "_LBRACKET"] or (after == "_LBRACKET" and word in FAMILIES):
        return "KIND"
    if after == "_LBRACKET" and word == "HD":
        return "CATEGORICAL"
    return _FUNCTIONS.get(word, "UNKNOWN") if after == "LPAR" else "NAME"


def height(expr: Expr) -> int:
    """How deep expressions nest."""
    return 1 + max((height(part) for part in children(expr) if isinstance(part, Expr)), default=0)


def degree(expr: Expr) -> int:
    """The largest exponent (numerator or denominator) that multiplying out powers of powers can make."""
    inner = max((degree(part) for part in children(expr) if isinstance(part, Expr)), default=1)
    return inner * max(abs(expr.exponent.numerator), expr.exponent.denominator) if isinstance(expr, Pow) else inner


def entropy_of(law: Term) -> Expr:
    """H(p) as the sum over letters of -p log p."""
    p = entry(law, (), (LETTER,))
    return Sum(LETTER, -p * log(p))


def letters_number(number: int) -> Relation:
    """The hypothesis that the alphabet has so many letters."""
    return Equal(Size(ALPHABET), Const(Fraction(number)))


@dataclass(frozen=True)
class _Scalar:
    """An expression and its place in the text; `loose` is a law's name in it that no sum is around, if there is one."""

    expr: Expr
    at: int
    loose: Token | None = None


class LawReader(Reader):
    """Builds a statement about laws, bottom up; declarations come first in the text, and so are read first."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.boxes: dict[str, Term] = {}
        self.letters: int | None = None

    def laws(self, parts: list[Any]) -> Statement:
        left, sign, right = parts[-3:]
        for side in (left, right):
            if side.loose is not None:
                name = clipped(side.loose, 30)
                self.refuse(
                    place(side.loose), f"{name!r} is a law, and outside a sum no number", f"sum( ) around {name}"
                )
        small, large = (right.expr, left.expr) if sign.type == "ATLEAST" else (left.expr, right.expr)
        holds = Equal(small, large) if sign.type == "EQUAL" else LessEq(small, large)
        return Statement(holds, given=() if self.letters is None else (letters_number(self.letters),))

    def declared(self, parts: list[Any]) -> None:
        *names, _, on, count = parts
        for name in names:
            if name in self.boxes:
                self.refuse(place(name), f"{clipped(name, 30)!r} is declared twice")
            self.boxes[str(name)] = state(str(name), ALPHABET)
        if on is None:
            return
        if "." in count or int(count) < 1 or self.letters not in (None, int(count)):
            wanted = str(self.letters or "a whole number, 1 or more")
            self.refuse(place(count), f"{clipped(count, 30)} letters for the one alphabet of all laws", wanted)
        self.letters = int(count)

    def number(self, parts: list[Token]) -> _Scalar:
        return _Scalar(Const(Fraction(str(parts[0]))), place(parts[0]))

    def law(self, parts: list[Token]) -> _Scalar:
        return _Scalar(entry(self._law(parts[0]), (), (LETTER,)), place(parts[0]), parts[0])

    def size(self, parts: list[Token]) -> _Scalar:
        return _Scalar(Size(ALPHABET), place(parts[0]))

    def logarithm(self, parts: list[Any]) -> _Scalar:
        return self._made(Log(parts[2].expr), place(parts[0]), parts[2:])

    def root(self, parts: list[Any]) -> _Scalar:
        return self._power(parts[2], HALF, place(parts[0]))

    def total(self, parts: list[Any]) -> _Scalar:
        return self._made(Sum(LETTER, parts[2].expr), place(parts[0]), [])

    def entropy(self, parts: list[Any]) -> _Scalar:
        return _Scalar(entropy_of(self._law(parts[2])), place(parts[0]))

    def overlap(self, parts: list[Any]) -> _Scalar:
        return _Scalar(bhattacharyya(self._law(parts[2]), self._law(parts[3])), place(parts[0]))

    def divergence(self, parts: list[Any]) -> _Scalar:
        (name, at), _, left, right = parts
        return _Scalar(D(name, self._law(left), self._law(right)), at)

    def categorical(self, parts: list[Any]) -> _Scalar:
        opening, (name, _), _, law = parts
        return _Scalar(categorical_entropy(name, self._law(law)), place(opening))

    def kind(self, parts: list[Any]) -> tuple[str, int]:
        """The name of a divergence, its parameter in lowest terms, and its place: renyi[0.50] is renyi:1/2."""
        word, order = parts
        if word not in (DIVERGENCES if order is None else FAMILIES):
            shown = clipped(word if order is None else f"{word}[{order}]", 30)
            self.refuse(place(word), f"unknown divergence {shown!r}", _DIVERGENCES)
        try:
            return divergence_row(str(word) if order is None else f"{word}:{order}").name, place(word)
        except ValueError as error:
            self.refuse(place(word), clipped(error, 400))

    def order(self, parts: list[Token | None]) -> str:
        return "".join(str(part) for part in parts if part is not None)

    def bracket(self, parts: list[Any]) -> _Scalar:
        inner: _Scalar = parts[1]
        return replace(inner, at=place(parts[0]))

    def exponent(self, parts: list[Token | None]) -> tuple[Fraction, int]:
        tokens = [part for part in parts if part is not None and part.type != "LPAR"]
        number, slash, below = "".join(map(str, tokens)).partition("/")
        if slash and not Fraction(below):
            self.refuse(place(tokens[-1]), "this divides by zero", "a number")
        return Fraction(number) / (Fraction(below) if slash else 1), place(tokens[0])

    def raised(self, parts: list[Any]) -> _Scalar:
        base, _, (exponent, at) = parts
        return self._power(base, exponent, at)

    def negative(self, parts: list[Any]) -> _Scalar:
        return self._made(-parts[1].expr, place(parts[0]), parts[1:])

    def product(self, parts: list[Any]) -> _Scalar:
        factors: list[_Scalar] = [parts[0]]
        for sign, factor in zip(parts[1::2], parts[2::2]):
            factors.append(factor if sign.type == "STAR" else self._power(factor, Fraction(-1), factor.at))
        number = Fraction(1)
        for factor in factors:
            first = factor.expr.factors[0] if isinstance(factor.expr, Mul) else factor.expr
            number *= first.value if isinstance(first, Const) else 1
            if max(abs(number.numerator), number.denominator) >= 10**MAX_DIGITS:
                self.refuse(factor.at, f"multiplied out, a number has more than {MAX_DIGITS:,} digits")
        return factors[0] if len(factors) == 1 else self._made(mul(*(f.expr for f in factors)), factors[0].at, factors)

    def sum(self, parts: list[Any]) -> _Scalar:
        terms: list[_Scalar] = [parts[0]]
        for sign, term in zip(parts[1::2], parts[2::2]):
            terms.append(self.negative([sign, term]) if sign.type == "MINUS" else term)
        return terms[0] if len(terms) == 1 else self._made(add(*(term.expr for term in terms)), terms[0].at, terms)

    def _law(self, name: Token) -> Term:
        if name not in self.boxes:
            known = clipped(", ".join(self.boxes))
            self.refuse(place(name), f"unknown law {clipped(name, 30)!r} (declared: {known})", "a declared name")
        return self.boxes[str(name)]

    def _power(self, base: _Scalar, exponent: Fraction, at: int) -> _Scalar:
        if base.expr == ZERO and exponent < 0:
            self.refuse(base.at, "this divides by zero", "a number")
        made = self._made(base.expr**exponent, base.at, [base])
        if degree(made.expr) > MAX_EXPONENT:
            self.refuse(at, f"a power above {MAX_EXPONENT:,}, or of such a denominator, is too high")
        return made

    def _made(self, expr: Expr, at: int, parts: Sequence[_Scalar]) -> _Scalar:
        """What is made of parts, which need a sum around them if it does; refused when it nests too deep."""
        if height(expr) > MAX_HEIGHT:
            self.refuse(at, f"sums, products and functions nest deeper than {MAX_HEIGHT} levels")
        return _Scalar(expr, at, next((part.loose for part in parts if part.loose is not None), None))


class _UnsayableError(ValueError):
    """The laws form has no words for this."""


def say(statement: Statement) -> str | None:
    """A statement in the laws form, None where that has no words for it. The text reads back as the same data."""
    number = statement.given[0].right if len(statement.given) == 1 else None
    letters = number.value.numerator if isinstance(number, Const) else 0
    holds = statement.holds
    if not statement.given and holds.left == holds.right == ZERO:
        return None  # the information form says this too
    if statement.about is not None or statement.given not in ((), (letters_number(max(letters, 1)),)):
        return None
    try:
        left, right = (_said(side) for side in (holds.left, holds.right))
    except _UnsayableError:
        return None
    names = ", ".join(box.name for box in statement.boxes) or "p"
    on = f" on {letters}" if statement.given else ""
    return f"{names}: law{on} |- {left} {'=' if isinstance(holds, Equal) else '<='} {right}"


def _said(side: Expr | Term) -> str:
    """A side that is as a text would make it: sums and products flat, within the limits."""
    if not isinstance(side, Expr) or height(side) > MAX_HEIGHT or degree(side) > MAX_EXPONENT or _again(side) != side:
        raise _UnsayableError
    return _scalar(side, False)[0]


def _again(expr: Expr) -> Expr:
    return rebuild(expr, _again)


_SUM, _PRODUCT, _POWER, _ATOM = range(4)


def _scalar(expr: Expr, inside: bool) -> tuple[str, int]:
    """An expression, inside a sum or not, and how tightly its outermost operation binds."""
    if isinstance(expr, Const):
        return _constant(expr.value)
    if isinstance(expr, Add):
        texts = [_scalar(term, inside)[0] for term in expr.terms]
        return texts[0] + "".join(f" - {t[1:]}" if t[0] == "-" else f" + {t}" for t in texts[1:]), _SUM
    if isinstance(expr, Mul):
        return _product(expr, inside)
    if isinstance(expr, Pow):
        return _power(expr, inside)
    if isinstance(expr, Log):
        return f"log({_scalar(expr.of, inside)[0]})", _ATOM
    if isinstance(expr, Sum) and expr.letter == LETTER:
        return _total(expr), _ATOM
    if isinstance(expr, Entry) and inside and expr.outs == (LETTER,):
        return _name(expr.term), _ATOM
    if isinstance(expr, DivergenceOf):
        return _divergence(expr), _ATOM
    if expr == Size(ALPHABET):
        return "size", _ATOM
    raise _UnsayableError


def _tight(expr: Expr, inside: bool, level: int) -> str:
    text, own = _scalar(expr, inside)
    return text if own >= level else f"({text})"


def _constant(value: Fraction) -> tuple[str, int]:
    if max(abs(value.numerator), value.denominator) >= 10**MAX_DIGITS:
        raise _UnsayableError
    return str(value), _SUM if value < 0 else _ATOM if value.denominator == 1 else _PRODUCT


def _product(expr: Mul, inside: bool) -> tuple[str, int]:
    """The factors in their order, a sign before all of them."""
    first, *rest = expr.factors
    sign = ""
    if isinstance(first, Const) and first.value < 0:
        sign = "-"
        first, *rest = (-first, *rest) if first.value != -1 else rest
    text = sign + _tight(first, inside, _PRODUCT)
    for factor in rest:
        if isinstance(factor, Pow) and factor.exponent == -1:
            text += f"/{_tight(factor.base, inside, _POWER)}"
        else:
            text += f"*{_tight(factor, inside, _POWER)}"
    return text, _SUM if sign else _PRODUCT


def _power(expr: Pow, inside: bool) -> tuple[str, int]:
    if expr.exponent == -1:
        return f"1/{_tight(expr.base, inside, _POWER)}", _PRODUCT
    if expr.exponent == HALF:
        return f"sqrt({_scalar(expr.base, inside)[0]})", _ATOM
    exponent = str(expr.exponent) if expr.exponent.denominator == 1 else f"({expr.exponent})"
    return f"{_tight(expr.base, inside, _ATOM)}^{exponent}", _POWER


def _total(expr: Sum) -> str:
    """A sum over the letters; an entropy or a Bhattacharyya coefficient by name."""
    laws = [node.term for node in walk(expr) if isinstance(node, Entry)]
    if len(laws) == 2 and expr == entropy_of(laws[0]):
        return f"H({_name(laws[0])})"
    if len(laws) == 2 and expr == bhattacharyya(*laws):
        return f"BC({_name(laws[0])},{_name(laws[1])})"
    return f"sum({_scalar(expr.body, True)[0]})"


def _divergence(expr: DivergenceOf) -> str:
    family, colon, order = expr.name.partition(":")
    name = f"{family}[{order}]" if colon else family
    if isinstance(expr.left, Box):
        return f"{name}({_name(expr.left)},{_name(expr.right)})"
    law = next(box for box in walk(expr) if isinstance(box, Box))
    if law.inputs or expr != categorical_entropy(expr.name, law):
        raise _UnsayableError
    return f"HD[{name}]({_name(law)})"


def _name(term: Term) -> str:
    """The name of a law that a text can declare."""
    if not (
        isinstance(term, Box) and term == state(term.name, ALPHABET) and is_name(term.name) and term.name != "size"
    ):
        raise _UnsayableError
    return term.name
