"""The facts that prove inequalities between sums: each an inequality below <= above (docs/certificates.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

from lmlaws.theory.expressions import (
    ONE,
    ZERO,
    Abs,
    Const,
    Direction,
    DivergenceOf,
    Entry,
    Exp,
    Expr,
    Letter,
    Log,
    Logit,
    Pow,
    Size,
    Softmax,
    Sum,
    add,
    mul,
    sum_over,
    walk,
)
from lmlaws.theory.programs import compile_term
from lmlaws.theory.quantities import expand, fresh
from lmlaws.theory.statements import encode, free
from lmlaws.theory.terms import Id, Object, Seq, Term

from . import univariate
from .identities import as_expression, normal, with_letter
from .polynomials import Hypotheses, Poly, at_most_one, build, hypotheses, relabelled
from .polynomials import letters as letters_of
from .rows import APART, HALF, LINEAR, LOGS, Row, combined


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
        """A side with its multiplier, times a number, summed over the letters."""
        return summed(self.letters, self.times, expr).scaled(number)

    def gap(self) -> Poly:
        """above - below, as `side` has them."""
        return self.side(Fraction(1), self.above) - self.side(Fraction(1), self.below)

    def part(self, number: Fraction) -> list[Any]:
        """The fact with its multiplier, as a certificate has it."""
        return ["Part", encode(self.letters), encode(mul(Const(number), self.times)), self.cite]


def summed(letters: tuple[Letter, ...], times: Expr, expr: Expr) -> Poly:
    """The sum over letters of a product of two expressions."""
    return _summed(letters, times, expr, hypotheses())


@lru_cache(maxsize=4096)
def _summed(letters: tuple[Letter, ...], times: Expr, expr: Expr, _: Hypotheses) -> Poly:
    return normal(sum_over(letters, mul(times, expr)), {})


# ---------------------------------------------------------------- pairs of numbers


def found_pairs(sides: tuple[Expr, Expr]) -> list[Pair]:
    """The two terms of each divergence, averaged or not, and any two states on one object; each pair once."""
    return list({frozenset(pair[1:3]): pair for pair in _pairs(sides)}.values())


def _pairs(sides: tuple[Expr, Expr]) -> Iterator[Pair]:
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


# ---------------------------------------------------------------- convexity


def processed(pair: Pair, rows: Sequence[Row]) -> Iterator[Fact]:
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
            yield merged(pair.letters, letters, one, other, row)


def _seq(parts: tuple[Term, ...]) -> Term:
    return parts[0] if len(parts) == 1 else Seq(parts)


def merged(outer: tuple[Letter, ...], letters: tuple[Letter, ...], a: Expr, b: Expr, row: Row) -> Fact:
    """A convex row at the sums over letters is at most its sum over them."""
    sign = Fraction(row.convex)
    cite = ["Merge", encode(letters), encode(a), encode(b), [row.cited(sign)]]
    below, above = row.at(sum_over(letters, a), sum_over(letters, b)), sum_over(letters, row.at(a, b))
    return Fact(outer, ONE, sign * below, sign * above, cite)


def averages(sides: tuple[Expr, Expr], pairs: Sequence[Pair]) -> Iterator[Fact]:
    """Jensen's inequality for each log and power of a sum of products, and each law on the letters summed over."""
    laws = {(pair.letters, side): None for pair in pairs if pair.wide for side in pair[1:3]}
    for node in (node for side in sides for node in walk(expand(side, None)) if isinstance(node, Log | Pow)):
        inside, letters = node.of if isinstance(node, Log) else node.base, tuple[Letter, ...]()
        if free(inside) or not any(isinstance(part, Sum) for part in walk(inside)):
            continue
        body = as_expression(normal(inside, {}))
        while isinstance(body, Sum):
            letters, body = (*letters, body.letter), body.body
        letters = tuple(sorted(letters, key=_alphabet))
        for own, law in laws:
            own = tuple(sorted(own, key=_alphabet))
            if not letters or _alphabets(own) != _alphabets(letters):
                continue
            for old, new in zip(own, letters):
                law = with_letter(law, old, new)
            if isinstance(node, Log):
                yield merged((), letters, law, body, LOGS[0])
            elif node.exponent not in (0, 1):
                yield merged((), letters, body, law, Row("Power", (node.exponent,)))


def _alphabet(letter: Letter) -> str:
    return letter.alphabet.name


@dataclass(frozen=True)
class Mixture:
    """A law r at letters x, mixed for each of `outer` by weights w that add up to one over x."""

    outer: tuple[Letter, ...]
    letters: tuple[Letter, ...]
    w: Expr
    r: Expr

    def fact(self, rows: dict[Row, Fraction], chains: Sequence[Sequence[Fraction]] = ((), ())) -> Fact:
        """Jensen's inequality: f(sum w r, 1) <= sum w f(r, 1), true where f, the sum of the rows, is convex."""
        mean = sum_over(self.letters, mul(self.w, self.r))
        below, above = (add(*(mul(Const(c), row.at(at, ONE)) for row, c in rows.items())) for at in (mean, self.r))
        cite: list[Any] = [[str(e) for e in chain] for chain in chains]
        cite += [encode(self.letters), encode(self.w), encode(self.r), [row.cited(c) for row, c in rows.items()]]
        return Fact(self.outer, ONE, below, sum_over(self.letters, mul(self.w, above)), ["Jensen", *cite])

    def convex(self, rows: dict[Row, Fraction]) -> Fact | None:
        """The same with its chains, if calculus shows that f is convex, where r is at most one up to there."""
        smooth = {row: number for row, number in rows.items() if row != APART}
        found = [
            univariate.chain(combined(smooth, swapped=swapped).derivative().derivative())
            if swapped or not at_most_one(normal(self.r, {}))
            else []
            for swapped in (False, True)
        ]
        chains = [chain for chain in found if chain is not None]
        return self.fact(rows, chains) if len(chains) == 2 else None


def mixtures() -> Iterator[Mixture]:
    """Each law that `given` sends through a kernel whose columns sum to one."""
    for f, g, _ in sorted(hypotheses().products, key=repr):
        if (g, 0) in hypotheses().columns and len(g.dom) == 1 and not f.dom:
            x, y = fresh(g.dom, "#x"), fresh(g.cod, "#y")
            yield Mixture(y, x, Entry(g, x, y), Entry(f, (), x))


def chords(pairs: Sequence[Pair], rows: Sequence[Row]) -> Iterator[Fact]:
    """Each convex row that is finite at (1, 0) and (0, 1), between |a - b| and what a and b have in common."""
    for letters, a, b, wide in pairs:
        for row in rows:
            sign = Fraction(row.convex)
            ends = row.edges()
            if wide and ends is not None:
                common, left, right = a + b - Abs(a - b), Abs(a - b) + a - b, Abs(a - b) + b - a
                above = [end * side for end, side in zip(ends, (common, left, right))]
                cite = ["Chord", encode(a), encode(b), [row.cited(sign)]]
                yield Fact(letters, ONE, sign * row.at(a, b), sign * HALF * add(*above), cite)


def cauchy(pairs: Sequence[Pair], row: Row) -> Iterator[Fact]:
    """The square of the sum of |a - b| is at most the sum of the weights times the sum of the gaps."""
    for letters, a, b, _ in (pair for pair in pairs if pair.wide):
        cite = ["Schwarz", encode(letters), encode(a), encode(b), [row.cited(Fraction(1))]]
        weights, above = (sum_over(letters, of(a, b)) for of in (row.weight, row.at))
        yield Fact((), ONE, sum_over(letters, Abs(a - b)) ** 2, mul(weights, above), cite)


# ---------------------------------------------------------------- comparisons, squares


def compared(pair: Pair, factor: Expr, rows: dict[Row, Fraction]) -> Fact | None:
    """The fact that a combination of rows is never negative, if calculus shows it."""
    slopes = [combined(rows, swapped=swapped).derivative().at_one()[0] for swapped in (False, True)]
    sums = [normal(sum_over(pair.letters, side), {}) for side in (pair.a, pair.b)]
    low, high = -slopes[0], slopes[1]
    for shift in dict.fromkeys((Fraction(0), (low + high) / 2, low, high)) if sums[0] == sums[1] else [Fraction(0)]:
        moved = dict.fromkeys(LINEAR, Fraction(0)) | rows
        moved[LINEAR[0]] += shift
        moved[LINEAR[1]] -= shift
        chains = [univariate.chain(combined(moved, swapped=swapped)) for swapped in (False, True)]
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


def square(letters: tuple[Letter, ...], times: Expr, of: Expr) -> Fact:
    """0 <= of^2."""
    return Fact(letters, times, ZERO, of**2, ["Square", encode(of)])


def exponential(exponent: Expr, bound: Expr, links: list[Any]) -> Fact:
    """exp(-exponent) <= bound, because of links from -log(bound) to the exponent."""
    return Fact((), ONE, Exp(-exponent), bound, ["Exponential", encode(exponent), encode(bound), links])


def perfect_squares(target: Poly) -> Iterator[Fact]:
    """A term of the gap that is a sum over two letters of the same at both: the square of a sum."""
    for monomial, value in target.terms if len(target.terms) < 10 else ():
        for i, j in combinations(monomial.bound, 2):
            factors = dict(monomial.factors)
            here, there = ({node: e for node, e in factors.items() if x in set(letters_of(node))} for x in (i, j))
            swapped = dict(relabelled(here, {i: j}))
            if value > 0 and i.alphabet == j.alphabet and here and swapped == there and here.keys().isdisjoint(there):
                rest = {node: e for node, e in factors.items() if node not in here and node not in there}
                outer = tuple(x for x in monomial.bound if x not in (i, j))
                names = dict(zip((*outer, i), fresh(_alphabets((*outer, i)), "#s")))
                times, root = (as_expression(build(Fraction(1), (), dict(relabelled(f, names)))) for f in (rest, here))
                yield square(tuple(names[x] for x in outer), times, Sum(names[i], root))


def moments(sides: tuple[Expr, Expr]) -> Iterator[Fact]:
    """Squares about the logits of a head along a direction: centred over tokens, or about the middle of two bounds."""
    points = dict.fromkeys(node.point for node in walk(sides) if isinstance(node, Softmax))
    directions = dict.fromkeys(node for node in walk(sides) if isinstance(node, Direction))
    for h, u in ((h, u) for h in points for u in directions if h.head == u.head):
        i, j, k = fresh((u.head.tokens,) * 3, "#t")
        mean = Size(u.head.tokens) ** -1 * Sum(k, Logit(u, k))
        unlike = Softmax(h, i) * Softmax(h, j) * (1 - Entry(Id((u.head.tokens,)), (i,), (j,)))
        yield square((i, j), unlike, Logit(u, i) + Logit(u, j) - 2 * mean)
        yield square((i,), ONE, (Logit(u, i) - mean) * (1 - 2 * Softmax(h, i)))
        for one, other in combinations(hypotheses().bounds, 2):
            names, values = tuple(dict.fromkeys(free((one, other)))), (one, other)
            ends = [side for bound in values for side in (bound.low, bound.high) if not free(side)]
            if len(names) == 1 and names[0].alphabet == u.head.tokens and len(ends) == 2:
                times, middle = Softmax(h, names[0]), HALF * add(*ends)
                above = mul(*(bound.high - bound.low for bound in values))
                yield Fact(names, times, ZERO, above, ["Product", [bound.place for bound in values]])
                yield square((), ONE, Sum(k, Softmax(h, k) * Logit(u, k)) - middle)
