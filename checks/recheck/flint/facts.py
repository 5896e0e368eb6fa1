"""Kind `sum`: chains of links between the two sides of an inequality, each of facts about nonnegative numbers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import lcm
from typing import Any

from flint import fmpq, fmpq_poly

from .expansion import HALF, Expansion
from .generators import ONE, Letter, Mono, Poly, add_to, constant, single
from .infinities import assuming, factors, forced, infinities, nonnegative
from .reading import LARGE, Node, Reader, exactly, listed, need
from .sums import U

Scope = Mapping[str, Letter]
DEGREE = 2000


class Facts(Expansion):
    """The two sides of links as polynomials, once their facts are seen to be true."""

    def __init__(self, statement: Node) -> None:
        super().__init__(statement)
        self.laws, self.u = forced(statement[1][2]), self.gen(*U)

    def finite(self, node: Node, beside: frozenset[Node] | None = None) -> None:
        walked = assuming(node, self.laws, beside)
        need(not infinities(walked), "what is shared, multiplied or compared may be infinite")

    def bind(self, letters: tuple[Node, ...], scope: Scope) -> tuple[Scope, frozenset[Letter]]:
        need(len({x[1] for x in letters}) == len(letters), "a letter is bound twice")
        names = {x[1]: self.fresh(x[2]) for x in letters}
        return {**scope, **names}, frozenset(names.values())

    def sides(self, link: Node) -> tuple[Poly, Poly]:
        """The lower and the upper side of a link."""
        _, shared, parts = link
        self.finite(shared)
        lower = self.expand(shared, {})
        upper = dict(lower)
        for _, letters, factor, fact in parts:
            scope, bound = self.bind(letters, {})
            self.finite(factor)
            weight = self.expand(factor, scope)
            need(_positive(weight), "a multiplier is not seen to be nonnegative")
            for total, side in zip((lower, upper), self.fact(fact, scope), strict=True):
                add_to(total, self.close(self.times(weight, side), bound))
        return lower, upper

    def fact(self, fact: Node, scope: Scope) -> tuple[Poly, Poly]:
        """What a fact says is at most what, with all that it needs."""
        tag, *marks, first, second, rows = fact
        need(all(map(_well_formed, rows)), "a row is out of its range")
        scope, bound = (scope, frozenset[Letter]()) if tag == "Compare" else self.bind(marks[0], scope)
        plain = all(row[0] in ("Linear", "Apart") for row in rows)
        kept = [frozenset(base for base, e in factors(node, 1) if e > 0) for node in (first, second)]
        for node in (first, second):
            self.finite(node, None if plain else kept[0] & kept[1])
        a, b = (self.expand(node, scope) for node in (first, second))
        for node, poly in ((first, a), (second, b)):
            shown = _positive(poly) or (plain and nonnegative(assuming(node, self.laws)))
            need(shown, "an argument is not seen to be nonnegative")
        row, summed = partial(self.row, a=a, b=b), partial(self.close, bound=bound)
        if tag == "Compare":
            u, one = single(self.u), constant(1)
            self.chain(self.plus(self.row(row, u, one, apart=(u, one)) for row in rows), marks[0])
            self.chain(self.plus(self.row(row, one, u, apart=(u, one)) for row in rows), marks[1])
            down = [one for one in rows if one[0] != "Linear" and one[1] < 0]
            lower = add_to({}, self.plus(map(row, down)), -1)
            return lower, self.plus(row(one) for one in rows if one not in down)
        if tag == "Merge":
            need(all(map(_convex, rows)), "a row of a merge is not convex")
            whole = summed(a), summed(b)
            return self.plus(self.row(one, *whole) for one in rows), summed(self.plus(map(row, rows)))
        need(len(rows) == 1 and rows[0][:2] == ("Gap", 1), "the row of a Schwarz is one Gap with the factor 1")
        mass, gap = summed(self.denominator(rows[0], a, b)), summed(self.abs(_mix(a, b, 1, -1)))
        need(_positive(mass) and ONE in mass, "the denominators of a Schwarz are not seen to have a positive sum")
        return self.times(gap, gap), self.times(mass, summed(row(rows[0])))

    # ---------------------------------------------------------------- rows

    def denominator(self, row: Node, a: Poly, b: Poly) -> Poly:
        s, t, r = row[2:]
        return add_to(_mix(a, b, s, t), self.power(self.times(a, b), HALF) if r else {}, r)

    def row(self, row: Node, a: Poly, b: Poly, apart: tuple[Poly, Poly] | None = None) -> Poly:
        """A row at two polynomials, of which the first of `apart` is known to be the greater one."""
        tag, c, *n = row
        if tag == "Linear":
            value = _mix(a, b, *n)
        elif tag == "Apart":
            value = _mix(*apart, 1, -1) if apart else self.abs(_mix(a, b, 1, -1))
        elif tag == "Power":
            value = self.times(self.power(a, n[0]), self.power(b, 1 - n[0]))
        elif tag == "Gap":
            gap = _mix(a, b, 1, -1)
            value = self.product([gap, gap, self.power(self.denominator(row, a, b), fmpq(-1))])
        else:
            x, y = _mix(a, b, *n[:2]), _mix(a, b, *n[2:])
            value = self.times(x, add_to(self.log(x), self.log(y), -1)) if x else {}
        return add_to({}, value, c)

    # ---------------------------------------------------------------- chains

    def chain(self, function: Poly, exponents: tuple[Any, ...]) -> None:
        """Refuse unless the function of u is seen to be nonnegative for all u >= 1 by a chain of derivatives."""
        for exponent in exponents:
            start = all(c > 0 for c in self.at_one(function).values())
            need(start, "a function of a chain is not seen to be nonnegative at 1")
            factor = self.power(single(self.u), exponent) if exponent else constant(1)
            function = self.derivative(self.times(factor, function), None, None)
        lowest: dict[Any, Any] = {}
        for gen, e in (pair for mono in function for pair in mono):
            lowest[gen] = min(lowest.get(gen, 0), e)
        last = self.plus(add_to({}, self.cleared(mono, lowest), c) for mono, c in function.items())
        need(all(gen is self.u for mono in last for gen, _ in mono), "the last function of a chain has a logarithm")
        terms = {sum((e for _, e in mono), fmpq(0)): c for mono, c in last.items()}
        m = lcm(*(int(e.q) for e in terms))
        need(all(e * m <= DEGREE for e in terms), f"{LARGE}a polynomial of degree beyond {DEGREE}")
        whole = fmpq_poly([terms.get(fmpq(k, m), 0) for k in range(1 + int(max(terms, default=0) * m))])
        signs = all(c >= 0 for c in whole(fmpq_poly([1, 1])).coeffs())
        need(signs, "the last function of a chain is not seen to be nonnegative")

    def at_one(self, function: Poly) -> Poly:
        """The value of a function of u at 1."""
        total: Poly = {}
        for mono, c in function.items():
            values = [(self.at_one(dict(gen.parts[0])) if gen is not self.u else constant(1)) for gen, _ in mono]
            logs = [self.log(v) if gen.tag == "log" else v for v, (gen, _) in zip(values, mono, strict=True)]
            add_to(total, self.product(self.power(v, e) for v, (_, e) in zip(logs, mono, strict=True)), c)
        return total

    def cleared(self, mono: Mono, lowest: Mapping[Any, Any]) -> Poly:
        """A product without its denominators."""
        powers = {gen: dict(mono).get(gen, 0) - low for gen, low in lowest.items()}
        bases = {gen: dict(gen.parts[0]) if gen.tag == "root" else single(gen) for gen in powers}
        return self.product(self.power(bases[gen], fmpq(e)) for gen, e in powers.items() if e != 0)


def _mix(a: Poly, b: Poly, s: Any, t: Any) -> Poly:
    return add_to(add_to({}, a, s), b, t)


def _positive(poly: Poly) -> bool:
    return all(c > 0 and all(gen.nonnegative for gen, _ in mono) for mono, c in poly.items())


def _well_formed(row: Node) -> bool:
    tag, _, *n = row
    if tag == "Power":
        return n[0] not in (0, 1)
    return tag in ("Linear", "Apart") or (min(n) >= 0 and max(n[-2:] if tag == "Ratio" else n) > 0)


def _convex(row: Node) -> bool:
    concave = row[0] == "Power" and 0 < row[2] < 1
    return row[0] == "Linear" or bool(row[1] <= 0 if concave else row[1] >= 0)


def check_sum(statement: Node, steps: Any, reader: Reader) -> None:
    """Refuse unless a chain of links leads from the left side to the right one."""
    relation, links = statement[1], listed(exactly(steps, "links")["links"])
    need(relation[0] == "LessEq" and links, "a sum certificate is for LessEq, with at least one link")
    left, right = relation[1:]
    if right[0] == "Pow" and right[2] == HALF:
        left, right = ("Mul", (left, left)), right[1]
    work = Facts(statement)
    for side in (*relation[1:], left, right):
        infinities(assuming(side, work.laws))
    now = work.expand(left, {})
    for link in links:
        lower, upper = work.sides(reader.node(link, "link"))
        need(lower == now, "a link does not start where the one before it ends")
        now = upper
    need(now == work.expand(right, {}), "the last link does not end at the right side")
