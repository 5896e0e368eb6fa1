"""The text of exact numbers: `parse` reads what `writing` writes, and any expression of the same kind.

    sum     = [-|+] product { (+|-) product }        product = factor { (*|/) factor }
    factor  = (+|-) factor | number | inf | ( sum ) | (log|sqrt|exp|acos) ( sum )
A number is an integer or a decimal such as 0.25, read exactly. The parser is a recursive descent; nothing is evaluated
as code. Limits: 64 KiB of text, depth 200, 1,000 digits a number, 10,000 terms.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from operator import mul, truediv

from lmlaws.checks.exact.numbers import INF, Exact, acos, exp, log, sqrt

_TOKEN = re.compile(r"[ \t\r\n]*(?:([0-9]+(?:\.[0-9]*)?|\.[0-9]+)|([A-Za-z]+)|([-+*/()]))")
_FUNCTIONS = {"log": log, "sqrt": sqrt, "exp": exp, "acos": acos}
_MOST_TEXT, _MOST_DEPTH, _MOST_DIGITS, _MOST_TERMS = 64 * 1024, 200, 1000, 10_000


class ParseError(ValueError):
    """A malformed text of an exact number; `column` counts from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"column {column}: {message}")
        self.column = column


def parse(text: str) -> Exact:
    """The exact number that the text denotes; ParseError with the column of what is wrong."""
    if len(text) > _MOST_TEXT:
        raise ParseError(f"the text has {len(text)} characters; the limit is {_MOST_TEXT}", _MOST_TEXT + 1)
    reader = _Reader(text)
    value = reader.sum(0)
    if reader.token:
        raise ParseError(f"expected + - * / or the end, found {reader.token!r}", reader.column)
    return value


class _Reader:
    """One token ahead: `token` is its text ('' at the end), `column` where it starts."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.token = ""
        self.column = 1
        self.next()

    def next(self) -> None:
        match = _TOKEN.match(self.text, self.at)
        if match:
            self.token = match[match.lastindex or 0]
            self.column = match.start(match.lastindex or 0) + 1
            self.at = match.end()
            return
        rest = self.text[self.at :].lstrip(" \t\r\n")
        self.token, self.column = "", len(self.text) - len(rest) + 1
        if rest:
            raise ParseError(f"unexpected character {rest[0]!r}", self.column)
        self.at = len(self.text)

    def sum(self, depth: int) -> Exact:
        parts = [self.product(depth)]
        while self.token in ("+", "-"):
            negative, column = self.token == "-", self.column
            self.next()
            part = self.product(depth)
            parts.append(-part if negative else part)
            if not part.is_finite():  # so that inf - inf is found where it stands
                parts = [_at(column, Exact.sum, parts)]
        return parts[0] if len(parts) == 1 else Exact.sum(parts)

    def product(self, depth: int) -> Exact:
        value = self.factor(depth)
        while self.token in ("*", "/"):
            combine, column = mul if self.token == "*" else truediv, self.column
            self.next()
            other = self.factor(depth)
            if len(value._terms) * len(other._terms) > _MOST_TERMS:
                raise ParseError(f"the product has more than {_MOST_TERMS} terms", column)
            value = _at(column, combine, value, other)
        return value

    def factor(self, depth: int) -> Exact:
        token, column = self.token, self.column
        if depth > _MOST_DEPTH:
            raise ParseError(f"nested deeper than {_MOST_DEPTH}", column)
        if not token:
            raise ParseError("expected a number, found the end of the text", column)
        self.next()
        if token in ("-", "+"):
            value = self.factor(depth + 1)
            return -value if token == "-" else value
        if token == "(":
            return self.closed(depth)
        if token[0].isdigit() or token[0] == ".":
            if len(token) > _MOST_DIGITS:
                raise ParseError(f"a number of {len(token)} digits; the limit is {_MOST_DIGITS}", column)
            return Exact.of(Fraction(token))
        if token == "inf":
            return INF
        if token not in _FUNCTIONS:
            raise ParseError(f"expected a number, log, sqrt, exp, acos, inf or '(', found {token!r}", column)
        if self.token != "(":
            raise ParseError(f"expected '(' after {token}", self.column)
        self.next()
        argument = self.closed(depth)
        return _at(column, _FUNCTIONS[token], argument)

    def closed(self, depth: int) -> Exact:
        value = self.sum(depth + 1)
        if self.token != ")":
            raise ParseError(f"expected ')', found {self.token or 'the end of the text'!r}", self.column)
        self.next()
        return value


def _at(column: int, compute: Callable[..., Exact], *arguments: object) -> Exact:
    """The value of the call, or its arithmetic error as a ParseError at this column."""
    try:
        return compute(*arguments)
    except (ValueError, ArithmeticError) as error:
        raise ParseError(str(error), column) from error
