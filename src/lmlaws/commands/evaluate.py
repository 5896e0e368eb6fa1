"""`lmlaws eval`: the exact value of a sum of quantities on a joint law, or on laws by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path
from textwrap import wrap
from time import perf_counter

from .. import __version__
from ..checks.exact.divergences import categorical_entropy, divergence, entropy, shannon
from ..checks.exact.finite import positions
from ..checks.exact.lawfile import JointLaw, LawFile, LawFileError, NamedLaws, read_laws
from ..checks.exact.numbers import Exact, log
from ..exits import DONE, DataError
from ..terminal import paragraph, say, width
from ..theory.divergences import divergence_row
from ..theory.expressions import Entropy, Expr, Information, Log, Size, walk
from ..theory.language import parse_query
from ..theory.quantities import joint_entropies
from ..theory.queries import Query, Unlike

DIGITS = 17
"""Significant digits of a decimal in JSON; people get ten."""
MOST_LINES = 20
"""Lines of an exact value that are shown to people; the JSON has it whole."""
INDENT = "  "


def evaluate(text: str, path: Path, *, as_json: bool) -> int:
    """Print the exact value and a decimal. Raises LanguageError; DataError for the law file and for inf - inf."""
    begun = perf_counter()
    query = parse_query(text)
    try:
        laws = read_laws(path)
    except LawFileError as problem:
        raise DataError(str(problem)) from problem
    check(query, laws)
    try:
        value = value_of(query, laws)
        exact, decimal = str(value), value.decimal(DIGITS if as_json else 10)
    except (ValueError, ArithmeticError) as problem:
        raise DataError(f"{path}: no exact value: {problem}") from problem
    unit = "nats" if in_nats(query) else None
    if as_json:
        answer = {"statement": text, "value": exact, "decimal": decimal, "unit": unit}
        say(json.dumps({**answer, "seconds": round(perf_counter() - begun, 3), "version": __version__}))
    else:
        say(*_human(text, exact, decimal, f" {unit}" if unit else ""))
    return DONE


def check(query: Query, laws: LawFile) -> None:
    """Raise LanguageError, with place, where the query asks for what the laws do not have."""
    if isinstance(laws, JointLaw):
        for summand in query.summands:
            if isinstance(summand.of, Unlike):
                query.refuse(summand.at, "the law file has one joint law, and no laws by name", "H, I or log|A|")
        _check_names(query, "variable", laws.vars)
        return
    for summand in query.summands:
        of = summand.of
        if isinstance(of, Information) or (isinstance(of, Entropy) and (of.given or len(of.of) > 1)):
            query.refuse(
                summand.at, "the law file has laws by name, and no joint law", "H(p), D(KL; p, q) or HD(KL; p)"
            )
    _check_names(query, "law", laws.laws)
    for summand in query.summands:
        if isinstance(summand.of, Unlike) and summand.of.right is not None:
            sizes = [len(laws.laws[name].weights) for name in (summand.of.left, summand.of.right)]
            if sizes[0] != sizes[1]:
                query.refuse(
                    summand.at,
                    f"{summand.of.left} has {sizes[0]:,} letters and {summand.of.right} has {sizes[1]:,}",
                    "two laws on one alphabet",
                )


def _check_names(query: Query, what: str, known: Iterable[str]) -> None:
    for name, at in query.names.items():
        if name not in known:
            listed = ", ".join(known) or "none"
            shown = listed if len(listed) <= 240 else listed[:237] + "..."
            query.refuse(at, f"the law file has no {what} {name[:60]!r}; its {what}s: {shown}")


def value_of(query: Query, laws: LawFile) -> Exact:
    """The value of a query that fits the laws (see `check`).

    Raises ArithmeticError for inf - inf, ValueError where a divergence leaves the exact numbers.
    """
    return _on_joint(query, laws) if isinstance(laws, JointLaw) else _on_named(query, laws)


def _on_joint(query: Query, laws: JointLaw) -> Exact:
    """Each joint entropy is computed once."""
    sizes = dict(zip(laws.vars, laws.law.cod))
    multiples: dict[tuple[str, ...], Fraction] = {}
    values = []
    for summand in query.summands:
        if isinstance(summand.of, Entropy | Information):
            for names, count in joint_entropies(summand.of).items():
                multiples[names] = multiples.get(names, Fraction(0)) + count * summand.number
        else:
            values.append(summand.number * log(int(sizes[_measured(summand.of)])))
    parts = [(number, positions(names, laws.law.cod)) for names, number in multiples.items()]
    return Exact.sum([shannon(laws.law, parts), *values])


def _on_named(query: Query, laws: NamedLaws) -> Exact:
    @cache
    def value(of: Expr) -> Exact:
        if isinstance(of, Entropy):
            return entropy(laws.laws[of.of[0]])
        if not isinstance(of, Unlike):
            return log(len(laws.laws[_measured(of)].weights))
        left = laws.laws[of.left]
        return (
            categorical_entropy(left, of.kind) if of.right is None else divergence(of.kind, left, laws.laws[of.right])
        )

    summands = [summand for summand in query.summands if summand.number]  # 0 times infinity is 0
    infinite = {summand.number > 0: summand.of for summand in summands if not value(summand.of).is_finite()}
    if len(infinite) > 1:
        raise ArithmeticError(f"inf - inf, where {infinite[True]} and {infinite[False]} are both inf")
    return Exact.sum(summand.number * value(summand.of) for summand in summands)


def _measured(of: Expr) -> str:
    """The name X of log|X|."""
    assert isinstance(of, Log)
    assert isinstance(of.of, Size)
    return of.of.alphabet.name


def in_nats(query: Query) -> bool:
    """Whether the unit of a query is nats: TV, chi2 and the like are plain numbers."""

    def logarithmic(of: Expr) -> bool:
        if not isinstance(of, Unlike):
            return True
        row = divergence_row(of.kind)
        return row.name.startswith("renyi") or any(isinstance(part, Log) for part in walk(row.summand))

    return not query.summands or any(logarithmic(summand.of) for summand in query.summands)


def _human(text: str, exact: str, decimal: str, unit: str) -> list[str]:
    head = " ".join(text.split())
    lines = paragraph(f"{head if len(head) <= 400 else head[:397] + '...'} =", first="")
    if exact == decimal:
        return [*lines[:-1], f"{lines[-1]} {decimal}{unit}"]
    terms = _terms(exact)
    shown = 0
    for term in terms:
        if len(lines[-1]) + 1 + len(term) <= width():
            lines[-1] += f" {term}"
        else:
            pieces = [INDENT + piece for piece in wrap(term, width() - len(INDENT))]
            if len(lines) + len(pieces) > MOST_LINES:
                break
            lines += pieces
        shown += 1
    if shown < len(terms):
        lines.append(f"{INDENT}... and {len(terms) - shown:,} terms more; --json prints the whole value")
    return [*lines, f"{INDENT}= {decimal}{unit}"]


def _terms(exact: str) -> list[str]:
    """The terms of an exact number's text, each with its sign; those within brackets are not taken apart."""
    terms: list[str] = []
    depth = 0
    for piece in re.split(r" (?=[+-] )", exact):
        if depth:
            terms[-1] += f" {piece}"
        else:
            terms.append(piece)
        depth += piece.count("(") - piece.count(")")
    return terms
