"""Text of the statement language as tokens: limits first, then characters, names, numbers and symbols.

Everything that could make later steps slow or deep is refused here, with its place: length, bracket depth, digits of
a number, number of terms, characters that are not printable ASCII. A comma between two conditions is told from a
comma in a list here too, by looking one name, or one bracketed list, ahead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lark import Token

MAX_CHARACTERS, MAX_DEPTH, MAX_DIGITS, MAX_TERMS = 65_536, 200, 1_000, 10_000
STRUCTURE = ("id", "copy", "discard", "swap")
QUANTITIES = {"H": "ENTROPY", "I": "INFORMATION"}
"""The names that open a quantity of a statement where a bracket follows."""
QUANTITIES_OF_LAWS = {**QUANTITIES, "D": "DIVERGENCE", "HD": "CATEGORICAL"}
"""Those of a query; in a statement D and HD are names like others."""
_RESERVED = {"given": "GIVEN", "log": "LOG", "det": "DET"}
_SYMBOLS = {
    "|-": "TURNSTILE",
    "_||_": "INDEPENDENT",
    "->": "ARROW",
    ">>": "THEN",
    "<=": "ATMOST",
    ">=": "ATLEAST",
    "=": "EQUAL",
    "+": "PLUS",
    "-": "MINUS",
    "*": "STAR",
    "/": "SLASH",
    "@": "BESIDE",
    "(": "LPAR",
    ")": "_RPAR",
    "[": "_LBRACKET",
    "]": "_RBRACKET",
    "|": "_BAR",
    ";": "_SEMICOLON",
    ",": "_COMMA",
    ":": "_COLON",
    "^": "CARET",
}
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<number>[0-9]+(?:\.[0-9]+)?)"
    # `_||_` is one symbol even where it touches a name: X_||_Y
    r"|(?P<symbol>_\|\|_|\|-|->|>>|<=|>=|[-=+*/@()\[\]|;,:^])|(?P<name>[A-Za-z_](?:[A-Za-z0-9]|_(?!\|\|_))*)"
)
_OPENS_ARGUMENTS = re.compile(r"[ \t\r\n]*\(")
_OPENS_OBJECTS = re.compile(r"[ \t\r\n]*\[")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FOREIGN = re.compile(r"[^\x20-\x7e\t\r\n]")
_ASCII_FOR = {"\u2264": "<=", "\u2265": ">=", "\u2192": "->", "\u22a5": "_||_", "\u2297": "@", "\u22a2": "|-"}
_OPERATORS = {"ARROW", "INDEPENDENT", "EQUAL", "ATMOST", "ATLEAST"}
_BEGINS_EXPRESSION = {"ENTROPY", "INFORMATION", "LOG", "NUMBER", "PLUS", "MINUS"}


class LanguageError(ValueError):
    """A text is not a statement. `line` and `column` (from 1) say where, `problem` what, `expected` what would do.

    The message is `line L, column C: PROBLEM; expected EXPECTED`, then the line of text and a caret below the place.
    """

    def __init__(self, text: str, position: int, problem: str, expected: str = "") -> None:
        position = min(position, len(text))
        begin = text.rfind("\n", 0, position) + 1
        self.line = text.count("\n", 0, position) + 1
        self.column = position - begin + 1
        self.expected = expected
        self.problem = f"{problem}; expected {expected}" if expected else problem
        end = text.find("\n", position)
        picture = _picture(text[begin : end if end >= 0 else len(text)], self.column - 1)
        super().__init__(f"line {self.line}, column {self.column}: {self.problem}\n{picture}")


def _picture(line: str, offset: int, width: int = 70) -> str:
    """The part of a line around an offset, in printable ASCII, with a caret below it."""
    begin = max(0, min(offset - width // 2, len(line) - width))
    piece = _FOREIGN.sub("?", line[begin : begin + width]).replace("\t", " ").replace("\r", " ")
    before, after = ("..." if begin else ""), ("..." if begin + width < len(line) else "")
    return f"  {before}{piece}{after}\n  {' ' * (len(before) + offset - begin)}^"


def is_name(text: str) -> bool:
    """Whether a text can name a variable or a law: an ASCII identifier, and no reserved word."""
    return _NAME.fullmatch(text) is not None and text not in _RESERVED


def tokenize(text: str, quantities: Mapping[str, str] = QUANTITIES) -> list[Token]:
    """The tokens of a statement. Raises LanguageError, with place, for what no statement contains and past a limit.

    `quantities` maps the names that open a quantity where a bracket follows to their kind of token.
    """
    _check_characters(text)
    tokens: list[Token] = []
    depth, terms, position = 0, 0, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            expected = "<= or >=" if text[position] in "<>" else "a name, a number or a symbol of the language"
            raise LanguageError(text, position, f"unexpected {text[position]!r}", expected)
        for kind, begin, piece in _kinds(match, text, tokens, depth, quantities):
            depth += {"LPAR": 1, "_LBRACKET": 1, "_RPAR": -1, "_RBRACKET": -1}.get(kind, 0)
            terms += kind in ("PLUS", "MINUS")
            if depth > MAX_DEPTH:
                raise LanguageError(text, begin, f"brackets nest deeper than {MAX_DEPTH} levels")
            if terms >= MAX_TERMS:
                raise LanguageError(text, begin, f"more than {MAX_TERMS:,} terms in one statement")
            tokens.append(Token(kind, piece, begin))
        position = match.end()
    return _with_separators(tokens)


def _check_characters(text: str) -> None:
    foreign = _FOREIGN.search(text, 0, MAX_CHARACTERS)
    if foreign:
        character = foreign.group()
        what = "control character" if ord(character) < 0xA0 else "character outside ASCII"
        instead = f"; write {_ASCII_FOR[character]}" if character in _ASCII_FOR else ""
        raise LanguageError(text, foreign.start(), f"{what} U+{ord(character):04X}{instead}")
    if len(text) > MAX_CHARACTERS:
        raise LanguageError(text, MAX_CHARACTERS, f"{len(text):,} characters; a statement has at most 64 KiB")


def _kinds(
    match: re.Match[str], text: str, before: Sequence[Token], depth: int, quantities: Mapping[str, str]
) -> list[tuple[str, int, str]]:
    """Kind, place and text of what a match stands for: nothing for space, two tokens where `|-` closes log|A|."""
    piece, begin, group = match.group(), match.start(), match.lastgroup
    if group == "space":
        return []
    if group == "number":
        if len(piece) - piece.count(".") > MAX_DIGITS:
            raise LanguageError(text, begin, f"a number of more than {MAX_DIGITS:,} digits")
        return [("NUMBER", begin, piece)]
    if group == "name":
        if piece in quantities and _OPENS_ARGUMENTS.match(text, match.end()):
            return [(quantities[piece], begin, piece)]
        if [token.type for token in before[-2:]] in (["DIVERGENCE", "LPAR"], ["CATEGORICAL", "LPAR"]):
            return [("KIND", begin, piece)]
        if piece in STRUCTURE and _OPENS_OBJECTS.match(text, match.end()):
            return [("STRUCTURE", begin, piece)]
        return [(_RESERVED.get(piece, "NAME"), begin, piece)]
    if piece == "|-" and [token.type for token in before[-3:]] == ["LOG", "_BAR", "NAME"]:
        return [("_BAR", begin, "|"), ("MINUS", begin + 1, "-")]
    if piece == ";" and depth == 0:
        return [("SEPARATOR", begin, piece)]
    return [(_SYMBOLS[piece], begin, piece)]


def _with_separators(tokens: list[Token]) -> list[Token]:
    """The same tokens, where a comma behind `given` that starts a new condition has become a SEPARATOR.

    A comma before the first operator of a condition cannot end it, so `given X,Y -> Z -> W` is one chain. In a
    diagram's conditions a comma outside brackets can do nothing else.
    """
    kinds = [token.type for token in tokens]
    if "GIVEN" not in kinds:
        return tokens
    diagram = "TURNSTILE" in kinds
    depth, complete = 0, False
    for i in range(kinds.index("GIVEN"), len(tokens)):
        kind = kinds[i]
        depth += (kind in ("LPAR", "_LBRACKET")) - (kind in ("_RPAR", "_RBRACKET"))
        if depth:
            continue
        if kind == "_COMMA" and (diagram or (complete and _begins_condition(kinds, i + 1))):
            kind, tokens[i] = "SEPARATOR", Token("SEPARATOR", ",", tokens[i].start_pos)
        complete = kind != "SEPARATOR" and (complete or kind in _OPERATORS)
    return tokens


def _begins_condition(kinds: Sequence[str], i: int) -> bool:
    """Whether a condition begins at i: a quantity, or a name or a bracketed list before an operator."""
    end = i + 1
    if kinds[i : i + 1] == ["LPAR"]:
        while end < len(kinds) and kinds[end] in ("NAME", "_COMMA"):
            end += 1
        if kinds[end : end + 1] != ["_RPAR"]:
            return True  # more than a list of names: brackets around quantities
        end += 1
    elif kinds[i : i + 1] != ["NAME"]:
        return i < len(kinds) and kinds[i] in _BEGINS_EXPRESSION
    return end < len(kinds) and kinds[end] in _OPERATORS
