"""The prover of inequalities between sums over alphabets of any size: engine `sums`.

The gap of the two sides is a sum of nonnegative multipliers times facts (docs/certificates.md, kind `sum`). The family
of facts is stated here: for every pair of laws that the statement mentions, the rows of the divergences that occur
(and their convexity at every ratio of merged letters), Jensen's inequality of the logarithm at every closed scalar
under a log, and the inequality of Cauchy and Schwarz for sums of |a - b|. A linear program finds the multipliers,
exactly; what is left for one pair of numbers is a function of their ratio, and calculus shows that it is never
negative (univariate.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from itertools import permutations, product
from typing import Any, TypeAlias

from lmlaws.theory.divergences import divergence_row
from lmlaws.theory.expressions import (
    ONE,
    Add,
    Const,
    DivergenceOf,
    Entropy,
    Exp,
    Expr,
    Information,
    LessEq,
    Log,
    Mul,
    Pow,
    Sum,
    add,
    substitute,
    sum_over,
    walk,
)
from lmlaws.theory.quantities import expand
from lmlaws.theory.statements import Statement, encode, free

from ..engine import Budget
from ..evidence import certificate
from ..verdicts import Proved, Undecided, Verdict
from . import facts as known
from .child import Failure
from .elementals import Fact as Column
from .facts import Fact, Mixture, Pair, compared, found_pairs, summed
from .identities import as_expression, normal, unreadable, usable
from .infinities import infinities
from .polynomials import BoxEntry, OutOfTimeError, Poly, UnprovableError, total, within
from .programs_lp import multipliers
from .rows import APART, GAP, HALF, LINEAR, LOGS, ROOT, SELF, Row, near_one, row

Chosen: TypeAlias = "list[tuple[Fraction, Fact]]"
Sides: TypeAlias = "tuple[Expr, Expr]"


class SumProver:
    """Proves inequalities between sums over letters, for every size of alphabet."""

    name = "sums"
    exact = True

    def accepts(self, statement: Statement) -> str | None:
        if not isinstance(statement.holds, LessEq):
            return "not an inequality"
        for node in walk(statement.holds):
            if isinstance(node, Entropy | Information) or type(node).__name__ == "Derivative":
                return "not an inequality between sums over letters"
        return unreadable(statement)

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        left, right = statement.holds.left, statement.holds.right
        assert isinstance(left, Expr)
        assert isinstance(right, Expr)
        rewrites, given, uses = usable(statement)
        try:
            with within(budget, given):
                links = prove(powers_only(left, right), budget)
        except OutOfTimeError:
            return Undecided(self.name, f"more than {budget.seconds:g} seconds")
        except UnprovableError as problem:
            return Undecided(self.name, f"no rule for {problem}")
        if links is None:
            return Undecided(self.name, "no combination of the facts tried is the gap of the two sides")
        used = {"uses": uses} if (given.columns or given.products) and not rewrites else {}
        return Proved(self.name, certificate("sum", statement, {"links": links, **used}))


def powers_only(left: Expr, right: Expr) -> Sides:
    """Sides that say the same without logs, where both are Renyi divergences of orders on the same side of 1."""
    a, b = (_renyi(side) for side in (left, right))
    if a is None or b is None or (a[0] > 1) != (b[0] > 1):
        return left, right
    (low, below), (high, above) = (a, b) if a[0] > 1 else (b, a)
    power = (high - 1) / (low - 1)
    return (below if power == 1 else below**power), above


def _renyi(side: Expr) -> tuple[Fraction, Expr] | None:
    """The order of a Renyi divergence, and the sum under its log."""
    order = divergence_row(side.name).order if isinstance(side, DivergenceOf) and side.over is None else None
    if order is None or not isinstance(side, DivergenceOf) or not side.name.startswith("renyi:") or order == 1:
        return None
    return order, next(node.of for node in walk(expand(side, None)) if isinstance(node, Log))


def prove(sides: Sides, budget: Budget) -> list[Any] | None:
    """The links of a proof, or None. Raises UnprovableError where a side cannot be read."""
    left, right = sides
    if isinstance(right, Pow) and right.exponent == HALF:
        left, right = Mul((left, left)), right.base
    exponent = next((node for node in walk(right) if isinstance(node, Exp)), None)
    if exponent is not None:
        return exponential(left, right, exponent, budget)
    sides = left, right
    ends = [normal(expand(side, None), {}) for side in sides]
    target = ends[1] - ends[0]
    for chosen in candidates(sides, target, budget):
        links = linked(chosen, sides, ends)
        if links is not None:
            return links
    return None


def exponential(left: Expr, right: Expr, node: Exp, budget: Budget) -> list[Any] | None:
    """The links where exp(-e) stands on the right: to the same with the square of a Bhattacharyya sum in its place."""
    exponent, without = -node.of, substitute(right, {node: Const(Fraction(0))})
    times = normal(expand(without - substitute(right, {node: ONE}), None), {}).constant
    for letters, a, b, _ in found_pairs((left, exponent)):
        root = sum_over(letters, a**HALF * b**HALF)
        inner = prove((-2 * Log(root), exponent), budget)
        links = None if inner is None else prove((left, substitute(right, {node: root**2})), budget)
        if times is not None and inner is not None and links is not None:
            shared = encode(without - times * root**2 - times * node)
            return [*links, ["Link", shared, [known.exponential(exponent, root**2, inner).part(times)]]]
    return None


Family: TypeAlias = "tuple[list[Fact], list[Pair], Sequence[Row], list[Expr]]"
"""Facts, and pairs with rows and factors: one combination of a pair's rows, if it is never negative, is a fact too."""


def families(sides: Sides, target: Poly) -> Iterator[Callable[[], Family]]:
    """The families that are tried one after the other, each made when its turn comes."""
    pairs = found_pairs(sides)
    rows = (*LOGS, APART, GAP, *powers_of(target))
    merges = cache(lambda: [fact for pair in pairs for fact in known.processed(pair, rows)])
    yield lambda: ([], pairs, rows, [ONE])
    yield lambda: (merges(), [], rows, [ONE])
    yield lambda: (merges(), pairs, rows, [ONE])
    yield lambda: (list(known.averages(sides, pairs)), pairs, rows, [ONE])
    yield lambda: ([], list(known.off_diagonal(pairs)), rows, [ONE])
    yield lambda: ([], list(known.squares(sides)), rows, [ONE])
    yield lambda: (list(known.chords(pairs, rows)), [], rows, [ONE])
    yield lambda: ([*known.perfect_squares(target), *known.moments(sides)], [], rows, [ONE])
    factors = [ONE, *dict.fromkeys(closed_scalars(sides))]
    for gap in gaps(rows):
        yield partial(_schwarz, gap, pairs, rows, factors)


def _schwarz(gap: Row, pairs: list[Pair], rows: Sequence[Row], factors: list[Expr]) -> Family:
    return list(known.cauchy(pairs, gap)), pairs, (*rows, gap), factors


def candidates(sides: Sides, target: Poly, budget: Budget) -> Iterator[Chosen]:
    """Facts with multipliers that add up to the gap; a family that the calculus cannot read is passed over."""
    for mixture in known.mixtures():
        fact = mixed(target, mixture, (*SELF, *powers_of(target)), budget)
        if fact is not None:
            yield [(Fraction(1), fact)]
    for family in families(sides, target):
        try:
            facts, pairs, rows, factors = family()
            chosen = combination_of(target, facts, list(measured(pairs, rows, factors)), budget)
        except OutOfTimeError:
            raise
        except UnprovableError:
            continue
        if chosen is not None:
            yield chosen


def mixed(target: Poly, mixture: Mixture, rows: Sequence[Row], budget: Budget) -> Fact | None:
    """Jensen's inequality for the one combination of rows that is the gap, if it is convex."""
    forms = [Column(_coordinates(mixture.fact({row: Fraction(1)}).gap()), (), signed=True) for row in rows]
    found = multipliers(_coordinates(target), forms, budget.left())
    return None if isinstance(found, Failure) else mixture.convex({rows[at]: number for at, number in found.items()})


def closed_scalars(sides: Sides) -> Iterator[Expr]:
    """The sums of the statement that are seen to be nonnegative and mention no free letter."""
    for node in walk(sides):
        if isinstance(node, Sum) and not free(node) and not any(isinstance(x, Add | Log | Const) for x in walk(node)):
            yield node


def powers_of(target: Poly) -> list[Row]:
    """Powers with the exponents e and 1 - e of entries in the gap, and 1/2."""
    found = {e for monomial, _ in target.terms for node, e in monomial.factors if isinstance(node, BoxEntry)}
    return [row("Power", e) for e in sorted({x for e in (*found, HALF) for x in (e, 1 - e)} - {0, 1})]


def gaps(rows: Sequence[Row]) -> Iterator[Row]:
    """Weights for the inequality of Cauchy and Schwarz: those whose gap meets a row to the third order at a = b."""
    found = {GAP: None, ROOT: None}
    for each in rows:
        second = each.along(swapped=False).derivative().derivative()
        two, three = second.at_one()[0], second.derivative().at_one()[0]
        if each.kind != "Apart" and two and 0 <= -three / (3 * two) <= 1:
            found[row("Gap", -three / (3 * two), 1 + three / (3 * two), 0)] = None
    yield from found


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
        for each in (*rows, *LINEAR):
            if pair.wide or each.kind in ("Apart", "Linear"):
                form = _coordinates(summed(pair.letters, factor, each.at(pair.a, pair.b)))
                near = {f"{place} {what}": value for what, value in near_one(each).items() if value}
                uses.append(Use(pair, factor, each, form | near))
        yield uses


def combination_of(target: Poly, facts: Sequence[Fact], groups: Sequence[list[Use]], budget: Budget) -> Chosen | None:
    """Facts with multipliers that add up to the gap; what rows leave for a pair is one more fact, if it is one."""
    gap = [fact.gap() for fact in facts]
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


def _coordinates(poly: Poly) -> dict[Any, Fraction]:
    return {repr(monomial): value for monomial, value in poly.terms}


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
