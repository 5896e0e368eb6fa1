"""The text language: `parse("I(X;Z) <= I(X;Y) given X -> Y -> Z")` gives the same data as Python's constructors.

    statement  = comparison [ "given" condition { ("," | ";") condition } ]
    comparison = expr ( "=" | "<=" | ">=" ) expr
    expr       = sums of rational multiples of H(A,B|C), I(A;B|C), I(A;B;C|D), log|A|, and 0
    condition  = A -> B -> C ...  |  A _||_ B | C  |  A = f(B,C)  |  comparison
    diagram    = declarations "|-" equation [ "given" equation { ("," | ";") equation } ],  equation = term "=" term,
                 as in  k: X -> Y; det f: Y -> Z; h: X -> Z |- k >> f >> copy[Z] = h >> copy[Z] given k >> f = h
    laws       = declarations "|-" scalar comparison scalar, as in  p, q: law |- TV(p,q)^2 <= 1/2*KL(p,q)

An information statement is about a law `p` of its variables, in the order in which the text first names them. The
text is data: nothing in it is evaluated as code. Errors carry line and column, and say what was expected.

`parse_query` reads a side alone, with divergences of laws by name as further quantities; no statement has those:

    query      = expr, where D(NAME; p, q) and HD(NAME; p) are quantities too; NAME is KL, TV, renyi:3/2, alpha:-1 ...
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from lark import Lark, Token, Transformer, Tree, UnexpectedInput
from lark.exceptions import VisitError
from lark.lexer import Lexer

from .lawforms import LawReader, declares_laws, law_tokens
from .lexing import QUANTITIES_OF_LAWS, LanguageError, tokenize
from .queries import Query, QueryReader
from .reading import DiagramReader, InformationReader, Reader, place
from .statements import Statement

__all__ = ["LanguageError", "parse", "parse_query"]

_INFORMATION = """
information: relation [GIVEN condition (SEPARATOR condition)*]
relation: sum (EQUAL | ATMOST | ATLEAST) sum
?condition: relation | chain | independence | determination
chain: group (ARROW group)+
independence: group INDEPENDENT group [_BAR group]
determination: group EQUAL (NAME | ENTROPY | INFORMATION) LPAR group _RPAR
"""
_SUMS = """
group: NAME (_COMMA NAME)* | LPAR NAME (_COMMA NAME)* _RPAR
sum: product ((PLUS | MINUS) product)*
product: factor ((STAR | SLASH) factor | quantity)*
?factor: NUMBER | quantity | negative
negative: MINUS factor
?quantity: entropy | mutual | log_of_size | bracket
entropy: ENTROPY LPAR group [_BAR group] _RPAR
mutual: INFORMATION LPAR group (_SEMICOLON group)+ [_BAR group] _RPAR
log_of_size: LOG _BAR NAME _BAR
bracket: LPAR sum _RPAR
"""
_QUERY = """
query: sum
%extend quantity: divergence | categorical
divergence: DIVERGENCE LPAR name_of_divergence _SEMICOLON NAME _COMMA NAME _RPAR
categorical: CATEGORICAL LPAR name_of_divergence _SEMICOLON NAME _RPAR
name_of_divergence: KIND [_COLON (NAME | [MINUS] NUMBER [SLASH NUMBER])]
"""
_DIAGRAM = """
diagram: [declaration (SEPARATOR declaration)*] TURNSTILE equation [GIVEN equation (SEPARATOR equation)*]
equation: sequence EQUAL sequence
declaration: [DET] NAME _COLON kind ARROW kind
kind: (NAME | NUMBER) (STAR (NAME | NUMBER))*
sequence: row (THEN row)*
row: (NAME | structure | inner) (BESIDE (NAME | structure | inner))*
inner: LPAR sequence _RPAR
structure: STRUCTURE _LBRACKET kind (_COMMA kind)* _RBRACKET
"""
_LAWS = """
laws: declared (SEPARATOR declared)* TURNSTILE sum (EQUAL | ATMOST | ATLEAST) sum
declared: NAME (_COMMA NAME)* _COLON LAW [ON NUMBER]
sum: product ((PLUS | MINUS) product)*
product: factor ((STAR | SLASH) factor)*
?factor: power | negative
negative: MINUS factor
?power: atom | raised
raised: atom CARET exponent
exponent: [MINUS] NUMBER | LPAR [MINUS] NUMBER [SLASH NUMBER] _RPAR
?atom: number | law | size | logarithm | root | total | entropy | overlap | divergence | categorical | bracket
number: NUMBER
law: NAME
size: SIZE
logarithm: LOG LPAR sum _RPAR
root: ROOT LPAR sum _RPAR
total: SUM LPAR sum _RPAR
entropy: ENTROPY LPAR NAME _RPAR
overlap: OVERLAP LPAR NAME _COMMA NAME _RPAR
divergence: kind LPAR NAME _COMMA NAME _RPAR
categorical: CATEGORICAL _LBRACKET kind _RBRACKET LPAR NAME _RPAR
kind: KIND [_LBRACKET order _RBRACKET]
order: NAME | [MINUS] NUMBER [SLASH NUMBER]
bracket: LPAR sum _RPAR
"""
_TERMINALS = """
%declare GIVEN SEPARATOR EQUAL ATMOST ATLEAST ARROW INDEPENDENT _BAR NAME ENTROPY INFORMATION LOG NUMBER LPAR _RPAR
%declare _COMMA _SEMICOLON PLUS MINUS STAR SLASH TURNSTILE DET _COLON THEN BESIDE STRUCTURE _LBRACKET _RBRACKET
%declare DIVERGENCE CATEGORICAL KIND CARET LAW ON SIZE ROOT SUM OVERLAP
"""
_GRAMMARS = {"information": _INFORMATION + _SUMS, "diagram": _DIAGRAM, "laws": _LAWS, "query": _SUMS + _QUERY}

# What a token is in words; a set of several is said by one phrase, the first that fits.
_PHRASES: tuple[tuple[frozenset[str], str], ...] = tuple(
    (frozenset(kinds.split()), words)
    for kinds, words in (
        (
            "NUMBER NAME SIZE LOG ROOT SUM ENTROPY OVERLAP KIND CATEGORICAL LPAR MINUS",
            "a number, a law, size, log( ), sqrt( ), sum( ), H(p), BC(p,q), HD[TV](p) or a divergence such as KL(p,q)",
        ),
        ("PLUS MINUS STAR SLASH CARET", "an operator (+ - * / ^)"),
        ("NAME LPAR ENTROPY INFORMATION LOG NUMBER MINUS", "a condition (X -> Y -> Z, X _||_ Y, X = f(Y) or <=)"),
        (
            "LPAR ENTROPY INFORMATION LOG DIVERGENCE CATEGORICAL NUMBER MINUS",
            "a quantity such as 2*H(X), I(X;Y|Z), log|X|, D(KL; p, q) or HD(KL; p), or 0",
        ),
        ("LPAR ENTROPY INFORMATION LOG DIVERGENCE CATEGORICAL", ""),  # a quantity may touch a number; see below
        ("NAME NUMBER MINUS", "the order, a number such as 3/2, or inf"),
        ("LPAR ENTROPY INFORMATION LOG NUMBER MINUS", "a quantity such as 2*H(X), I(X;Y|Z) or log|X|, or 0"),
        ("NAME ENTROPY INFORMATION", "the name of a function"),
        ("LPAR ENTROPY INFORMATION LOG", ""),  # a number may touch a quantity; after anything else it only misleads
        ("PLUS MINUS STAR SLASH", "an operator (+ - * /)"),
        ("EQUAL ATMOST ATLEAST", "a comparison (= <= >=)"),
        ("NAME STRUCTURE LPAR", "a box, id[X], copy[X], discard[X], swap[X,Y] or '('"),
        ("NAME DET TURNSTILE", "a declaration such as k: X -> Y, or '|-'"),
        ("NAME DET", "a declaration such as k: X -> Y"),
        ("NAME NUMBER", "an object's name, or 1 for the unit"),
        ("NAME LPAR", "a variable name, or a list of them in brackets"),
        ("NUMBER MINUS LPAR", "an exponent such as 2, -1 or (3/2)"),
    )
)
_WORDS = {
    "KIND": "the name of a divergence (KL, TV, chi2, renyi:3/2, ...)",
    "NAME": "a name",
    "NUMBER": "a number",
    "GIVEN": "'given'",
    "SEPARATOR": "',' or ';'",
    "EQUAL": "'='",
    "ARROW": "'->'",
    "INDEPENDENT": "'_||_'",
    "_BAR": "'|'",
    "LPAR": "'('",
    "_RPAR": "')'",
    "_COMMA": "','",
    "_SEMICOLON": "';'",
    "STAR": "'*'",
    "TURNSTILE": "'|-'",
    "_COLON": "':'",
    "THEN": "'>>'",
    "BESIDE": "'@'",
    "_LBRACKET": "'['",
    "_RBRACKET": "']'",
    "LAW": "'law'",
    "ON": "'on'",
    "$END": "the end of the statement",
}


def parse(text: str) -> Statement:
    """The statement that a text in the information, diagram or laws form says.

    Raises LanguageError, with line and column, when the text is not one: a typo, an undeclared box or law, two terms
    that do not fit, a limit passed (64 KiB, brackets 200 deep, 1,000 digits a number, 10,000 terms; about laws also
    nodes 40 deep, exponents up to 1,000).
    """
    tokens = tokenize(text)
    kinds = [token.type for token in tokens]
    reader: Reader
    if declares_laws(tokens):
        start, reader, tokens = "laws", LawReader(text), law_tokens(text, tokens)
    elif "TURNSTILE" in kinds:
        start, reader = "diagram", DiagramReader(text)
    else:
        start, reader = "information", InformationReader(text, _variables(tokens))
    statement: Statement = _read(text, tokens, start, reader)
    return statement


def parse_query(text: str) -> Query:
    """The sum of quantities that a text asks for: a side of an information statement, or divergences of named laws.

    Raises LanguageError as `parse` does; the name of a divergence is known here, those of variables and laws are not.
    """
    query: Query = _read(text, tokenize(text, QUANTITIES_OF_LAWS), "query", QueryReader(text))
    return query


def _read(text: str, tokens: list[Token], start: str, reader: Transformer[Token, Any]) -> Any:
    try:
        return reader.transform(_tree(text, tokens, start))
    except VisitError as wrapped:
        raise wrapped.orig_exc from None


class _Given(Lexer):
    """Stands where lark wants a lexer; the tokens are made by `tokenize`."""

    def __init__(self, conf: object) -> None:
        pass

    def lex(self, data: list[Token]) -> Iterator[Token]:  # type: ignore[override]
        return iter(data)


@cache
def _parser(start: str) -> Lark:
    """The parser of a form; making one takes about 20 ms, so only the one in use is made."""
    return Lark(_GRAMMARS[start] + _TERMINALS, parser="lalr", lexer=_Given, start=start)


def _tree(text: str, tokens: list[Token], start: str) -> Tree[Token]:
    parser = _parser(start).parse_interactive()
    everything = (*tokens, Token("$END", "", len(text.rstrip())))
    for count, token in enumerate(everything):
        try:
            result = parser.feed_token(token)
        except UnexpectedInput:
            accepted = _accepted(start, everything[:count])
            raise LanguageError(
                text, place(token), _problem(text, token, tokens, accepted), _expected(accepted, start)
            ) from None
    tree: Tree[Token] = result
    return tree


def _accepted(start: str, tokens: tuple[Token, ...]) -> set[str]:
    """What may follow some tokens. A parser that met an error has already moved on, so this asks a fresh one."""
    parser = _parser(start).parse_interactive()
    for token in tokens:
        parser.feed_token(token)
    return set(parser.accepts())  # type: ignore[no-untyped-call]


def _problem(text: str, token: Token, tokens: list[Token], accepted: set[str]) -> str:
    if token.type == "$END":
        opened: list[Token] = []
        for other in tokens:
            if other.type in ("LPAR", "_LBRACKET"):
                opened.append(other)
            elif other.type in ("_RPAR", "_RBRACKET") and opened:
                opened.pop()
        if opened and accepted & {"_RPAR", "_RBRACKET"}:
            return f"the statement ends inside the bracket opened in column {_column(text, opened[-1])}"
        return "the statement ends too early" if tokens else "the statement is empty"
    if token.type in ("GIVEN", "LOG", "DET", "SIZE") and "NAME" in accepted:
        return f"{token.value!r} is a reserved word, not a name"
    if token.type == "CARET":
        return "unexpected '^': this form has no exponents"
    value = token.value if len(token.value) <= 30 else token.value[:27] + "..."
    return f"unexpected {value!r}"


def _column(text: str, token: Token) -> int:
    return place(token) - text.rfind("\n", 0, place(token))


def _expected(accepted: set[str], start: str) -> str:
    """What was expected, in words."""
    left, said = set(accepted), []
    for kinds, words in _PHRASES:
        if kinds <= left:
            left -= kinds
            said += [words] if words else []
    if "NAME" in left and left <= {"NAME", "LPAR"}:
        said.append({"query": "the name of a variable or law", "laws": "a law's name"}.get(start, "a variable name"))
        left -= {"NAME"}
    said += [word for kind, word in _WORDS.items() if kind in left]
    return " or ".join((", ".join(said[:-1]), said[-1])) if len(said) > 1 else "".join(said)


def _variables(tokens: list[Token]) -> tuple[str, ...]:
    """Names in order of first appearance; a name before a bracket is a function's."""
    after = [*(token.type for token in tokens[1:]), ""]
    return tuple(dict.fromkeys(str(t) for t, then in zip(tokens, after) if t.type == "NAME" and then != "LPAR"))
