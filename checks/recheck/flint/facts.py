"""Facts about nonnegative numbers, of kind `sum`: rows compared, merged, averaged."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import lcm
from typing import Any

from flint import arb, ctx, fmpq, fmpq_poly

from .expansion import Expansion
from .generators import ONE, Gen, Letter, Poly, add_to, constant, mix, nonnegative, positive, single
from .infinities import assuming, factors, infinities
from .infinities import nonnegative as seen
from .reading import LARGE, Node, need
from .sums import U

Scope = Mapping[str, Letter]
DEGREE = 2000


class Facts(Expansion):
    """What facts about rows say, once they are seen to be true."""

    def __init__(self, statement: Node) -> None:
        super().__init__(statement)
        self.laws, self.u = dict[Node, Node](), self.gen("size", U)

    def bind(self, letters: tuple[Node, ...], scope: Scope) -> tuple[Scope, frozenset[Letter]]:
        need(len({x[1] for x in letters}) == len(letters), "a letter is bound twice")
        names = {x[1]: self.fresh(x[2]) for x in letters}
        return {**scope, **names}, frozenset(names.values())

    def weight(self, node: Node, scope: Scope, beside: frozenset[Node] | None = None, plain: bool = False) -> Poly:
        """A multiplier or an argument, seen to be finite and nonnegative; if `plain`, perhaps by its shape."""
        need(not infinities(assuming(node, self.laws, beside)), "what is multiplied or compared may be infinite")
        poly = self.expand(node, scope)
        shown = positive(poly) or (plain and seen(assuming(node, self.laws)))
        need(shown, "an argument or a multiplier is not seen to be nonnegative")
        return poly

    def compared(self, fact: Node, scope: Scope) -> tuple[Poly, Poly]:
        """What a fact about rows says is at most what."""
        tag, *marks, first, second, rows = fact
        need(all(_well_formed(row, tag == "Jensen") for row in rows), "a row is out of its range")
        scope, bound = self.bind(marks.pop() if tag in ("Merge", "Schwarz", "Jensen") else (), scope)
        plain = all(row[0] in ("Linear", "Apart") for row in rows)
        above, below = (frozenset(base for base, e in factors(node, 1) if e > 0) for node in (first, second))
        beside = frozenset[Node]() if tag == "Jensen" else None if plain else above & below
        a, b = (self.weight(node, scope, beside, plain) for node in (first, second))
        summed, one, u = partial(self.close, bound=bound), constant(1), single(self.u)
        if tag == "Compare":
            for exponents, x, y, sign in (marks[0], u, one, 1), (marks[1], one, u, -1):
                signed = (("Linear", row[1], sign, -sign) if row[0] == "Apart" else row for row in rows)
                self.chain(self.rows(signed, x, y), exponents)
            down = [row for row in rows if row[0] != "Linear" and row[1] < 0]
            return add_to({}, self.rows(down, a, b), -1), self.rows((row for row in rows if row not in down), a, b)
        if tag == "Jensen":
            need(summed(a) == one, "the weights of a Jensen do not add up to 1")
            small = nonnegative(mix(one, b, 1, -1))
            need(not small or not marks[0], "a chain is for numbers above 1, where there are none")
            for exponents, x, y in ((marks[0], u, one), (marks[1], one, u))[small:]:
                slope = self.derivative(self.rows((row for row in rows if row[0] != "Apart"), x, y), None, None)
                self.chain(self.derivative(slope, None, None), exponents)
            return self.rows(rows, summed(self.times(a, b)), one), summed(self.times(a, self.rows(rows, b, one)))
        if tag == "Schwarz":
            need(len(rows) == 1 and rows[0][:2] == ("Gap", 1), "the row of a Schwarz is one Gap with the factor 1")
            mass, gap = summed(self.denominator(rows[0], a, b)), summed(self.abs(mix(a, b, 1, -1)))
            need(positive(mass) and ONE in mass, "the denominators of a Schwarz are not seen to have a positive sum")
            return self.times(gap, gap), self.times(mass, summed(self.rows(rows, a, b)))
        need(all(map(_convex, rows)), "a row is not convex")
        if tag == "Merge":
            return self.rows(rows, summed(a), summed(b)), summed(self.rows(rows, a, b))
        apart, half = self.abs(mix(a, b, 1, -1)), fmpq(1, 2)
        total = self.times(self.rows(rows, one, one), mix(mix(a, b, half, half), apart, 1, -half))
        for x, y, more in (one, {}, mix(a, b, half, -half)), ({}, one, mix(a, b, -half, half)):
            value = self.rows(rows, x, y)  # refused where it is infinite
            add_to(total, self.times(value, mix(more, apart, 1, half)))
        return self.rows(rows, a, b), total

    # ---------------------------------------------------------------- chains

    def chain(self, function: Poly, exponents: tuple[Any, ...]) -> None:
        """Refuse unless the function of u is seen to be nonnegative for all u >= 1 by a chain of derivatives."""
        for exponent in exponents:
            start = _at_least_zero(self.renamed(function, {U: U}))
            need(start, "a function of a chain is not seen to be nonnegative at 1")
            factor = self.power(single(self.u), exponent) if exponent else constant(1)
            function = self.derivative(self.times(factor, function), None, None)
        lowest = {gen: min(dict(mono).get(gen, 0) for mono in function) for pairs in function for gen, _ in pairs}
        last = self.each(function, lambda mono: self.cleared(dict(mono), lowest))
        need(all(gen is self.u for mono in last for gen, _ in mono), "the last function of a chain has a logarithm")
        terms = {sum((e for _, e in mono), fmpq(0)): c for mono, c in last.items()}
        m = lcm(*(int(e.q) for e in terms))
        need(all(e * m <= DEGREE for e in terms), f"{LARGE}a polynomial of degree beyond {DEGREE}")
        whole = fmpq_poly([terms.get(fmpq(k, m), 0) for k in range(1 + int(max(terms, default=0) * m))])
        signs = all(c >= 0 for c in whole(fmpq_poly([1, 1])).coeffs())
        need(signs, "the last function of a chain is not seen to be nonnegative")

    def cleared(self, powers: Mapping[Gen, Any], lowest: Mapping[Gen, Any]) -> Poly:
        """A product without its denominators."""
        rises = {gen: powers.get(gen, 0) - min(low, 0) for gen, low in lowest.items()}
        bases = {gen: dict(gen.parts[0]) if gen.tag == "root" else single(gen) for gen in rises}
        return self.product(self.power(bases[gen], fmpq(e)) for gen, e in rises.items() if e != 0)


def _at_least_zero(number: Poly) -> bool:
    """Whether a number is seen to be >= 0: by its signs, or by its value if it is rational but for logs of primes."""
    if all(c > 0 for c in number.values()):
        return True
    logs = [(c, gen, e) for mono, c in number.items() for gen, e in mono]
    plain = all(len(mono) < 2 for mono in number) and all(g.tag == "log" and g.size == e == 1 for _, g, e in logs)
    with ctx.workprec(500):
        value = arb(number.get(ONE, 0))
        for c, gen, _ in logs if plain else ():
            value += arb(c) * arb(dict(gen.parts[0])[ONE]).log()
        return bool(plain and value > 0)


def _well_formed(row: Node, averaged: bool) -> bool:
    """Whether the numbers of a row are in their range, for a Jensen those where the row is finite at a = 0."""
    tag, c, *n = row
    if tag in ("Over", "Logarithm"):
        return bool(averaged and n[0] > 0 and min(n) >= 0 and (n[2] > 0 or (tag == "Logarithm" and n[1] > 0)))
    if tag == "Power":
        return n[0] not in (0, 1) and (n[0] > 0 or not averaged)
    if tag in ("Gap", "Ratio"):
        finite = n[1] > 0 if tag == "Gap" else n[3] > 0 or n[1] == 0
        return bool(min(n) >= 0 and max(n if tag == "Gap" else n[2:]) > 0 and (finite or not averaged))
    return bool(tag == "Linear" or not averaged or c >= 0)


def _convex(row: Node) -> bool:
    concave = row[0] == "Power" and 0 < row[2] < 1
    return row[0] == "Linear" or bool(row[1] <= 0 if concave else row[1] >= 0)
