"""The prover of inequalities between sums over alphabets of any size: engine `sums`.

The gap of the two sides is a sum of nonnegative multipliers times facts (docs/certificates.md, kind `sum`). The family
of facts is stated here: for every pair of laws that the statement mentions, the rows of the divergences that occur
(and their convexity at every ratio of merged letters), Jensen's inequality of the logarithm at every closed scalar
under a log, and the inequality of Cauchy and Schwarz for sums of |a - b|. A linear program finds the multipliers,
exactly; what is left for one pair of numbers is a function of their ratio, and calculus shows that it is never
negative (univariate.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, permutations, product
from typing import Any, NamedTuple, TypeAlias

from lmlaws.theory.expressions import (
    ONE,
    Abs,
    Add,
    Const,
    DivergenceOf,
    Entropy,
    Entry,
    Expr,
    Information,
    LessEq,
    Letter,
    Log,
    Mul,
    Pow,
    Sum,
    add,
    log,
    mul,
    sum_over,
    walk,
)
from lmlaws.theory.programs import compile_term
from lmlaws.theory.quantities import expand, fresh
from lmlaws.theory.statements import Statement, encode, free
from lmlaws.theory.terms import Id, Object, Seq, Term

from ..engine import Budget
from ..evidence import certificate
from ..verdicts import Proved, Undecided, Verdict
from . import univariate
from .child import Failure
from .elementals import Fact as Column
from .identities import READABLE, as_expression, normal
from .infinities import infinities
from .polynomials import BoxEntry, OutOfTimeError, Poly, UnprovableError, total, within
from .programs_lp import multipliers

HALF = Fraction(1, 2)
Numbers: TypeAlias = "tuple[Fraction, ...]"
STEEP = 8
"""How much curvature a unit of slope makes up for, near a = b, in the search."""
NAMES = (*READABLE, "reverse_KL")
"""The divergences with a row in docs/certificates.md."""


@dataclass(frozen=True)
class Row:
    """A function of two nonnegative numbers, homogeneous: its kind and parameters (docs/certificates.md)."""

    kind: str
    n: Numbers = ()

    def at(self, a: Expr, b: Expr) -> Expr:
        """The row at two expressions."""
        if self.kind == "Linear":
            return _weighted(self.n, a, b)
        if self.kind == "Apart":
            return Abs(a - b)
        if self.kind == "Power":
            return a ** self.n[0] * b ** (1 - self.n[0])
        if self.kind == "Gap":
            return (a - b) ** 2 * self.weight(a, b) ** -1
        over, under = _weighted(self.n[:2], a, b), _weighted(self.n[2:], a, b)
        return over * (log(over) - log(under))

    def weight(self, a: Expr, b: Expr) -> Expr:
        """The denominator of a gap."""
        return _weighted(self.n, a, b, a**HALF * b**HALF)

    def along(self, *, swapped: bool) -> univariate.Function:
        """The row at (u, 1), or at (1, u), for u >= 1."""
        one, u = ((Fraction(0), Fraction(1)),), ((Fraction(1), Fraction(1)),)
        first, second = (one, u) if swapped else (u, one)

        def base(*n: Fraction) -> univariate.Base:
            found: dict[Fraction, Fraction] = {}
            for c, ((k, _),) in zip(n, (first, second, ((HALF, Fraction(1)),))):
                found[k] = found.get(k, Fraction(0)) + c
            return tuple(sorted((k, c) for k, c in found.items() if c))

        apart = univariate.power(Fraction(1)) + univariate.power(Fraction(0), Fraction(-1))
        if self.kind == "Linear":
            return univariate.combination(base(*self.n))
        if self.kind == "Apart":
            return apart
        if self.kind == "Power":
            return univariate.power(1 - self.n[0] if swapped else self.n[0])
        if self.kind == "Gap":
            square = univariate.combination(tuple(zip(map(Fraction, (0, 1, 2)), map(Fraction, (1, -2, 1)))))
            return univariate.quotient(square, base(*self.n))
        over, under = base(*self.n[:2]), base(*self.n[2:])
        return univariate.times_log(over, over) + univariate.times_log(over, under).scaled(Fraction(-1))

    @property
    def convex(self) -> int:
        """1 for a convex row, -1 for a concave one."""
        return -1 if self.kind == "Power" and 0 < self.n[0] < 1 else 1

    def cited(self, times: Fraction) -> list[Any]:
        """The row with a coefficient, as a certificate has it."""
        return [self.kind, *map(str, (times, *self.n))]


def _weighted(n: Numbers, *parts: Expr) -> Expr:
    return add(*(mul(Const(c), part) for c, part in zip(n, parts) if c))


def _row(kind: str, *n: int | Fraction) -> Row:
    return Row(kind, tuple(map(Fraction, n)))


LOGS = (
    _row("Ratio", 1, 0, 0, 1), _row("Ratio", 0, 1, 1, 0),
    _row("Ratio", 1, 0, HALF, HALF), _row("Ratio", 0, 1, HALF, HALF),
)  # fmt: skip
LINEAR = (_row("Linear", 1, 0), _row("Linear", 0, 1))
GAP, ROOT = _row("Gap", 1, 1, 0), _row("Gap", 1, 1, 2)


class Pair(NamedTuple):
    """Two nonnegative numbers for each choice of letters, such as the entries of two laws.

    They are sums of products of entries if `wide`; else only their shape shows that they are nonnegative.
    """

    letters: tuple[Letter, ...]
    a: Expr
    b: Expr
    wide: bool = True


@dataclass(frozen=True)
class Fact:
    """below <= above, for all letters, times a multiplier; `cite` is what stands in the certificate."""

    letters: tuple[Letter, ...]
    times: Expr
    below: Expr
    above: Expr
    cite: list[Any]

    def side(self, number: Fraction, expr: Expr) -> Poly:
        return summed(self.letters, self.times, expr).scaled(number)

    def part(self, number: Fraction) -> list[Any]:
        """The fact with its multiplier, as a certificate has it."""
        return ["Part", encode(self.letters), encode(mul(Const(number), self.times)), self.cite]


@lru_cache(maxsize=4096)
def summed(letters: tuple[Letter, ...], times: Expr, expr: Expr) -> Poly:
    """The sum over letters of a product of two expressions."""
    return normal(sum_over(letters, mul(times, expr)), {})


Chosen: TypeAlias = "list[tuple[Fraction, Fact]]"


class SumProver:
    """Proves inequalities between sums over letters, for every size of alphabet."""

    name = "sums"
    exact = True

    def accepts(self, statement: Statement) -> str | None:
        if not isinstance(statement.holds, LessEq):
            return "not an inequality"
        for node in walk(statement.holds):
            if isinstance(node, DivergenceOf) and node.name not in NAMES:
                return f"the divergence {node.name} has no rule here"
            if isinstance(node, Entropy | Information) or type(node).__name__ in ("Rank", "Dimension", "Derivative"):
                return "not an inequality between sums over letters"
        return None

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        try:
            with within(budget):
                links = prove(statement, budget)
        except OutOfTimeError:
            return Undecided(self.name, f"more than {budget.seconds:g} seconds")
        except UnprovableError as problem:
            return Undecided(self.name, f"no rule for {problem}")
        if links is None:
            return Undecided(self.name, "no combination of the facts tried is the gap of the two sides")
        return Proved(self.name, certificate("sum", statement, {"links": links}))


def prove(statement: Statement, budget: Budget) -> list[Any] | None:
    """The links of a proof, or None. Raises UnprovableError where a side cannot be read."""
    left, right = statement.holds.left, statement.holds.right
    assert isinstance(left, Expr)
    assert isinstance(right, Expr)
    if isinstance(right, Pow) and right.exponent == HALF:
        left, right = Mul((left, left)), right.base
    ends = [normal(expand(side, statement.about), {}) for side in (left, right)]
    target = ends[1] - ends[0]
    pairs = list({frozenset(pair[1:3]): pair for pair in found_pairs((left, right))}.values())
    scalars = list(dict.fromkeys(closed_scalars((left, right))))
    rows = (*LOGS, _row("Apart"), GAP, *(_row("Power", e) for e in exponents(target)))
    jensens = list(logarithms((left, right), pairs))
    merges = [fact for pair in pairs for fact in merged(pair, rows)]
    families: list[tuple[list[Fact], list[Pair], Sequence[Row], list[Expr]]] = [
        ([], pairs, rows, [ONE]), (merges, [], rows, [ONE]), (merges, pairs, rows, [ONE]),
        (jensens, pairs, rows, [ONE]), ([], list(off_diagonal(pairs)), rows, [ONE]),
        ([], list(squares((left, right))), rows, [ONE]),
    ]  # fmt: skip
    families += [(list(cauchy(pairs, gap)), pairs, (*rows, gap), [ONE, *scalars]) for gap in gaps(rows)]
    for facts, compared, table, factors in families:
        chosen = combination_of(target, facts, list(measured(compared, table, factors)), budget)
        links = None if chosen is None else linked(chosen, (left, right), ends)
        if links is not None:
            return links
    return None


def found_pairs(sides: tuple[Expr, Expr]) -> Iterator[Pair]:
    """The two terms of each divergence, averaged or not, and any two states on one object."""
    states: dict[Term, None] = {}
    for node in walk(sides):
        if isinstance(node, DivergenceOf):
            ins, outs = fresh(node.left.dom, "#x"), fresh(node.left.cod, "#y")
            over = ONE if node.over is None else Entry(node.over, (), ins)
            if len(set(compile_term(node.left).outputs)) == len(outs):
                a, b = (mul(over, Entry(term, ins, outs)) for term in (node.left, node.right))
                yield Pair((*ins, *outs), a, b)
        elif isinstance(node, Entry) and not node.ins:
            states[node.term] = None
    for one, other in combinations(states, 2):
        if one.cod == other.cod:
            outs = fresh(one.cod, "#y")
            yield Pair(outs, Entry(one, (), outs), Entry(other, (), outs))


def squares(sides: tuple[Expr, Expr]) -> Iterator[Pair]:
    """Each law with its square: what copies and independent draws of it give to a letter."""
    for law in dict.fromkeys(node.term for node in walk(sides) if isinstance(node, Entry) and not node.ins):
        letters = fresh(law.cod, "#y")
        yield Pair(letters, Entry(law, (), letters), Entry(law, (), letters) ** 2)


def off_diagonal(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Two sums over a letter, without what both have in common where it is the letter of the pair."""
    for letters, *sides, _ in pairs:
        parts = [as_expression(normal(side, {})) for side in sides]
        sums = [part for part in parts if isinstance(part, Sum) and (part.letter.alphabet,) == _alphabets(letters)]
        if len(sums) == 2:
            unlike = [1 - Entry(Id(_alphabets(letters)), (part.letter,), letters) for part in sums]
            a, b = (Sum(part.letter, mul(part.body, other)) for part, other in zip(sums, unlike))
            yield Pair(letters, a, b, wide=False)


def _alphabets(letters: tuple[Letter, ...]) -> tuple[Object, ...]:
    return tuple(letter.alphabet for letter in letters)


def closed_scalars(sides: tuple[Expr, Expr]) -> Iterator[Expr]:
    """The sums of the statement that are seen to be nonnegative and mention no free letter."""
    for node in walk(sides):
        if isinstance(node, Sum) and not free(node) and not any(isinstance(x, Add | Log | Const) for x in walk(node)):
            yield node


def exponents(target: Poly) -> list[Fraction]:
    """The exponents e and 1 - e of entries in the gap, and 1/2."""
    found = {e for monomial, _ in target.terms for node, e in monomial.factors if isinstance(node, BoxEntry)}
    return sorted({x for e in (*found, HALF) for x in (e, 1 - e)} - {0, 1})


def merged(pair: Pair, rows: Sequence[Row]) -> Iterator[Fact]:
    """The convexity of each row where both numbers are sums over the letters between the parts of a sequence."""
    a, b = (entry if isinstance(entry, Entry) else None for entry in (pair.a, pair.b))
    if a is None or b is None or not (isinstance(a.term, Seq) and isinstance(b.term, Seq)):
        return
    for cut in range(1, min(len(a.term.parts), len(b.term.parts))):
        middle = a.term.parts[cut].dom
        if b.term.parts[cut].dom != middle:
            continue
        letters = fresh(middle, "#z")
        one, other = (
            mul(Entry(_seq(x.term.parts[:cut]), x.ins, letters), Entry(_seq(x.term.parts[cut:]), letters, x.outs))
            for x in (a, b)
            if isinstance(x.term, Seq)
        )
        for row in rows:
            yield jensen(pair.letters, letters, one, other, row)


def _seq(parts: tuple[Term, ...]) -> Term:
    return parts[0] if len(parts) == 1 else Seq(parts)


def jensen(outer: tuple[Letter, ...], letters: tuple[Letter, ...], a: Expr, b: Expr, row: Row) -> Fact:
    """A convex row at the sums over letters is at most its sum over them."""
    sign = Fraction(row.convex)
    cite = ["Merge", encode(letters), encode(a), encode(b), [row.cited(sign)]]
    below, above = row.at(sum_over(letters, a), sum_over(letters, b)), sum_over(letters, row.at(a, b))
    return Fact(outer, ONE, sign * below, sign * above, cite)


def logarithms(sides: tuple[Expr, Expr], pairs: Sequence[Pair]) -> Iterator[Fact]:
    """Jensen's inequality of the log, for each log of a sum of products and each law on the letters summed over."""
    laws = {x.term: None for pair in pairs for x in (pair.a, pair.b) if isinstance(x, Entry) and not x.ins}
    for node in walk(sides):
        if not isinstance(node, Log) or free(node):
            continue
        inside, letters = as_expression(normal(expand(node.of, None), {})), tuple[Letter, ...]()
        while isinstance(inside, Sum):
            letters, inside = (*letters, inside.letter), inside.body
        for law in laws:
            if letters and law.cod == _alphabets(letters):
                yield jensen((), letters, Entry(law, (), letters), inside, LOGS[0])


def gaps(rows: Sequence[Row]) -> Iterator[Row]:
    """Weights for the inequality of Cauchy and Schwarz: those whose gap meets a row to the third order at a = b."""
    found = {GAP: None, ROOT: None}
    for row in rows:
        second = row.along(swapped=False).derivative().derivative()
        two, three = second.at_one()[0], second.derivative().at_one()[0]
        if row.kind != "Apart" and two and 0 <= -three / (3 * two) <= 1:
            found[_row("Gap", -three / (3 * two), 1 + three / (3 * two), 0)] = None
    yield from found


def cauchy(pairs: Sequence[Pair], row: Row) -> Iterator[Fact]:
    """The square of the sum of |a - b| is at most the sum of the weights times the sum of the gaps."""
    for letters, a, b, _ in (pair for pair in pairs if pair.wide):
        cite = ["Schwarz", encode(letters), encode(a), encode(b), [row.cited(Fraction(1))]]
        weights, above = (sum_over(letters, of(a, b)) for of in (row.weight, row.at))
        yield Fact((), ONE, sum_over(letters, Abs(a - b)) ** 2, mul(weights, above), cite)


@dataclass(frozen=True)
class Use:
    """A row at a pair, times a nonnegative factor: what a combination of them adds to the gap, and how it starts."""

    pair: Pair
    factor: Expr
    row: Row
    form: dict[Any, Fraction]


def measured(pairs: Sequence[Pair], rows: Sequence[Row], factors: Sequence[Expr]) -> Iterator[list[Use]]:
    """The rows of each pair with each factor."""
    for place, (pair, factor) in enumerate(product(pairs, factors)):
        uses = []
        for row in (*rows, *LINEAR):
            if pair.wide or row.kind in ("Apart", "Linear"):
                form = _coordinates(summed(pair.letters, factor, row.at(pair.a, pair.b)))
                near = {f"{place} {what}": value for what, value in near_one(row).items() if value}
                uses.append(Use(pair, factor, row, form | near))
        yield uses


def combination_of(target: Poly, facts: Sequence[Fact], groups: Sequence[list[Use]], budget: Budget) -> Chosen | None:
    """Facts with multipliers that add up to the gap; what rows leave for a pair is one more fact, if it is one."""
    gap = [fact.side(Fraction(1), fact.above) - fact.side(Fraction(1), fact.below) for fact in facts]
    uses = [use for group in groups for use in group]
    slack = dict.fromkeys(key for use in uses for key in use.form if key[0].isdigit())
    columns = [Column(_coordinates(poly), ()) for poly in gap] + [Column(use.form, (), signed=True) for use in uses]
    columns += [Column({key: Fraction(-1)}, ()) for key in slack]
    costs = [1.0] * len(facts) + [0.0] * len(uses) + [1.0] * len(slack)
    found = multipliers(_coordinates(target), columns, budget.left(), costs)
    if isinstance(found, Failure):
        return None
    chosen = [(number, facts[at]) for at, number in found.items() if at < len(facts)]
    numbers = dict(zip(map(id, uses), (found.get(at + len(facts), Fraction(0)) for at in range(len(uses)))))
    for group in groups:
        rows = {use.row: numbers[id(use)] for use in group if numbers[id(use)]}
        if rows:
            fact = compared(group[0].pair, group[0].factor, rows)
            if fact is None:
                return None
            chosen.append((Fraction(1), fact))
    return chosen


@lru_cache(maxsize=1024)
def near_one(row: Row) -> dict[str, Fraction]:
    """What is not negative, to low order, for a combination of rows whose least value is at a = b."""
    found = {}
    for swapped in (False, True):
        function, total = row.along(swapped=swapped), Fraction(0)
        for what in ("value", "slope", "curvature"):
            at_one = function.at_one()[0]
            found[f"{what} {swapped}"] = at_one + total
            total, function = total + STEEP * at_one, function.derivative()
    return found


def _coordinates(poly: Poly) -> dict[Any, Fraction]:
    return {repr(monomial): value for monomial, value in poly.terms}


def compared(pair: Pair, factor: Expr, rows: dict[Row, Fraction]) -> Fact | None:
    """The fact that a combination of rows is never negative, if calculus shows it."""
    slopes = [
        sum((n * row.along(swapped=s).derivative().at_one()[0] for row, n in rows.items()), Fraction(0))
        for s in (False, True)
    ]
    sums = [normal(sum_over(pair.letters, side), {}) for side in (pair.a, pair.b)]
    low, high = -slopes[0], slopes[1]
    for shift in dict.fromkeys((Fraction(0), (low + high) / 2, low, high)) if sums[0] == sums[1] else [Fraction(0)]:
        moved = dict.fromkeys(LINEAR, Fraction(0)) | rows
        moved[LINEAR[0]] += shift
        moved[LINEAR[1]] -= shift
        chains = []
        for swapped in (False, True):
            function = univariate.combination(())
            for row, number in moved.items():
                function = function + row.along(swapped=swapped).scaled(number)
            chains.append(univariate.chain(function))
        if None not in chains:
            return comparison(pair, factor, {row: number for row, number in moved.items() if number}, chains)
    return None


def comparison(pair: Pair, factor: Expr, rows: dict[Row, Fraction], chains: Sequence[Any]) -> Fact:
    """The fact that a combination of rows is never negative, with its chains."""
    low = [row for row, number in rows.items() if number < 0 and row.kind != "Linear"]
    below = add(*(mul(Const(-rows[row]), row.at(pair.a, pair.b)) for row in low))
    above = add(*(mul(Const(number), row.at(pair.a, pair.b)) for row, number in rows.items() if row not in low))
    cited = [[str(e) for e in found] for found in chains]
    cite = ["Compare", *cited, encode(pair.a), encode(pair.b), [row.cited(number) for row, number in rows.items()]]
    return Fact(pair.letters, factor, below, above, cite)


def linked(chosen: Chosen, sides: tuple[Expr, Expr], ends: Sequence[Poly]) -> list[Any] | None:
    """The links that lead from the left side to the right one: one for all facts, or several in some order."""
    kinds = [[part for part in chosen if (part[1].cite[0] == "Compare") == last] for last in (False, True)]
    orders = [[list(chosen)], kinds, kinds[::-1], *([[part] for part in order] for order in permutations(chosen[:4]))]
    for groups in orders if chosen else []:
        links, at = [], ends[0]
        for group in (group for group in groups if group):
            rest = at - total(fact.side(number, fact.below) for number, fact in group)
            shared = _finite(rest)
            if shared is None:
                break
            links.append(["Link", encode(shared), [fact.part(number) for number, fact in group]])
            at = rest + total(fact.side(number, fact.above) for number, fact in group)
        else:
            if at == ends[1]:
                return links
    constant = (total(fact.side(number, fact.below) for number, fact in chosen) + ends[1]).constant
    if constant is None:
        return None
    shared = add(*sides, Const(-constant))  # finite where the right side is
    return [["Link", encode(shared), [fact.part(number) for number, fact in chosen]]]


def _finite(poly: Poly) -> Expr | None:
    """The polynomial as an expression, where it is seen never to be infinite."""
    expr = as_expression(poly)
    try:
        return None if infinities(expr) else expr
    except UnprovableError:
        return None
