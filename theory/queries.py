"""Queries: a sum of quantities that is asked of given laws, and has a value there. No statement; nothing is claimed.

A query is a side of an information statement, or a sum of divergences and categorical entropies of laws by name:
`2*I(X;Y) - H(X|Z)` is asked of a joint law, `D(KL; p, q) + H(p)` of named laws. `language.parse_query` reads one.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

from lark import Token

from .divergences import divergence_row
from .expressions import Expr
from .lexing import LanguageError
from .reading import InformationReader, clipped, place

__all__ = ["Query", "QueryReader", "Summand", "Unlike"]


@dataclass(frozen=True)
class Unlike(Expr):
    """D(kind; left, right) of two laws by name; with `right` None, the categorical entropy H_D of one law."""

    kind: str
    left: str
    right: str | None = None

    def __str__(self) -> str:
        return f"HD({self.kind}; {self.left})" if self.right is None else f"D({self.kind}; {self.left}, {self.right})"


@dataclass(frozen=True)
class Summand:
    """A rational multiple of an Entropy, an Information, a log-size or an Unlike; `at` is its index in the text."""

    number: Fraction
    of: Expr
    at: int


@dataclass(frozen=True)
class Query:
    """A sum of multiples of quantities; `names` are its variables and laws, with the index of their first mention."""

    text: str
    summands: tuple[Summand, ...]
    names: dict[str, int]

    def refuse(self, at: int, problem: str, expected: str = "") -> NoReturn:
        """Raise LanguageError that points at an index of the text: what is asked does not fit the laws given."""
        raise LanguageError(self.text, at, problem, expected)


class QueryReader(InformationReader):
    """Builds a query, bottom up; brackets are multiplied out."""

    def __init__(self, text: str) -> None:
        super().__init__(text, ())
        self.first: dict[str, int] = {}

    def query(self, parts: list[Any]) -> Query:
        summands = []
        for part, of in self.multiplied_out(parts[0]):
            if of is not None:
                summands.append(Summand(part.number, of, part.at))
            elif part.number:
                self.refuse_number(part.at)
        return Query(self.text, tuple(summands), dict(sorted(self.first.items(), key=lambda item: item[1])))

    def group(self, parts: list[Token]) -> tuple[str, ...]:
        self._mention(*(part for part in parts if part.type == "NAME"))
        return super().group(parts)

    def log_of_size(self, parts: list[Token]) -> Any:
        self._mention(parts[1])
        return super().log_of_size(parts)

    def divergence(self, parts: list[Any]) -> Any:
        opening, _, kind, left, right = parts
        self._mention(left, right)
        return self.value(Unlike(kind, str(left), str(right)), opening)

    def categorical(self, parts: list[Any]) -> Any:
        opening, _, kind, law = parts
        self._mention(law)
        return self.value(Unlike(kind, str(law)), opening)

    def name_of_divergence(self, parts: list[Token | None]) -> str:
        """The name, its parameter in lowest terms: renyi:0.50 is renyi:1/2."""
        tokens = [part for part in parts if part is not None]
        kind, *parameter = map(str, tokens)
        try:
            return divergence_row(f"{kind}:{''.join(parameter)}" if parameter else kind).name
        except ValueError as error:
            self.refuse(place(tokens[0]), clipped(error, 400))

    def _mention(self, *names: Token) -> None:
        for name in names:
            self.first[str(name)] = min(place(name), self.first.get(str(name), place(name)))
