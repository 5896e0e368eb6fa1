"""The kind `sum`: left <= right by a chain of links, each a sum of nonnegative multipliers times facts.

A fact says V <= U, two values above minus infinity, wherever its arguments are finite and nonnegative, zeros included.
Facts are about the rows of `expansion`: functions of two numbers a and b, homogeneous of degree one, continuous up to
the edges a = 0 and b = 0, where they may be plus infinity.
"""

from fractions import Fraction
from itertools import accumulate
from math import lcm
from typing import Any

from .algebra import ONE, UNIT, Atom, Letters, Poly, total_of
from .expansion import HALF, Expansion, Scope
from .functions import nonnegative, number
from .identity import infinities, powers, sign_is_known
from .programs import Node
from .reading import combined, fields, need, within
from .statement import Reader, Statement

_U: Atom = ("size", "u", ())  # the variable of the functions of one variable, u >= 1
_DEGREE = 200


def check_sum(statement: Statement, reader: Reader, steps: object) -> None:
    """Refuse unless the links lead from the left side to the right one."""
    _, left, right = statement.holds
    if right[0] == "Pow" and right[2] == HALF:
        left, right = ("Mul", (left, left)), right[1]  # l^2 <= r gives l <= r^(1/2)
    work = Sums(statement.about, forcing(right))
    last, goal = (work.whole(side, {}) for side in (left, right))
    for link in reader.field(fields(steps, ("links",), "steps")[0], "link*"):
        lower, upper = work.link(link)
        need(not work.frozen(combined([(lower, 1), (last, -1)])), "a link does not start where the one before ended")
        last = upper
    need(not work.frozen(combined([(last, 1), (goal, -1)])), "the links do not lead to the right side")


def forcing(node: Node) -> set[tuple[Node, Node]]:
    """The (p, q) such that the node is plus infinite as soon as p has mass where q has none."""
    kind, first = node[:2]
    if kind == "DivergenceOf":
        return {node[2:4]} if first in ("KL", "chi2") and node[4] is None else set()
    if kind == "Add" and all(part[0] in ("Const", "DivergenceOf") for part in first):
        return set().union(*map(forcing, first))
    if kind == "Mul" and len(first) == 2 and first[0][0] == "Const" and first[0][1] > 0:
        return forcing(first[1])
    return forcing(first) if kind == "Log" or (kind == "Pow" and node[2] > 0) else set()


def licensed(node: Any, pairs: set[tuple[Node, Node]], only: set[Node] | None = None) -> Any:
    """What is infinite at least where the node is, if each p << q: no KL or chi2 of p and q; 1/p instead of 1/q.

    The latter for the entries `only` of p, where they are given; for none inside a log or a negative power, because a
    polynomial takes these apart, and at p = q = 0 two infinities would cancel.
    """
    if not isinstance(node, tuple) or not node:
        return node
    inside: set[Node] | None = set() if node[0] == "Log" or (node[0] == "Pow" and node[2] < 0) else only
    if node[0] == "DivergenceOf" and node[1] in ("KL", "chi2") and node[2:4] in pairs and node[4] is None:
        return ("Abs", ("Symbol", node))
    if node[0] == "Pow" and node[2] < 0 and node[1][0] == "Entry":
        above = [("Entry", p, *node[1][2:]) for p, q in pairs if q == node[1][1]]
        for entry in (entry for entry in above if only is None or entry in only):
            return ("Pow", entry, node[2])
    return tuple(licensed(part, pairs, inside) for part in node)


def factors_of(node: Node) -> set[Node]:
    """What an argument has as a factor with a positive exponent."""
    return {base for base, exponent in powers(*(node[1] if node[0] == "Mul" else (node,))) if exponent > 0}


class Sums(Expansion):
    """Reads links; `pairs` are the (p, q) for which p << q may be assumed."""

    def __init__(self, about: Node | None, pairs: set[tuple[Node, Node]]) -> None:
        super().__init__(about)
        self.pairs = pairs

    def whole(self, node: Node, scope: Scope, finite: bool = False, only: set[Node] | None = None) -> Poly:
        """The polynomial of an expression, refused where infinities may meet, or where there may be one."""
        infinite = infinities(licensed(node, self.pairs, only))
        need(not (infinite and finite), "what the facts share, a multiplier or an argument may be infinite")
        return self.expand(node, scope)

    def weight_of(self, node: Node, scope: Scope, shape: bool = False, only: set[Node] | None = None) -> Poly:
        """A finite quantity, seen to be nonnegative term by term or, if that is enough, by its shape."""
        poly = self.whole(node, scope, True, only)
        good = nonnegative(self.frozen(poly), True) or (shape and sign_is_known(node))
        need(good, "a multiplier or an argument is not seen to be nonnegative")
        return poly

    def opened(self, letters: tuple[Node, ...], scope: Scope) -> tuple[Letters, Scope]:
        """Fresh letters for those of the certificate."""
        fresh = tuple(self.fresh(letter[2]) for letter in letters)
        return fresh, {**scope, **dict(zip(letters, fresh, strict=True))}

    def link(self, link: Node) -> tuple[Poly, Poly]:
        """The two sides of a link: what they share, plus the two sides of each fact times its multiplier."""
        lower = upper = self.whole(link[1], {}, True)
        for _, letters, times, fact in link[2]:
            bound, scope = self.opened(letters, {})
            multiplier = self.weight_of(times, scope)
            below, above = (self.summed(self.times(multiplier, side), bound) for side in self.fact(fact, scope))
            lower, upper = total_of([lower, below]), total_of([upper, above])
        return lower, upper

    def fact(self, fact: Node, scope: Scope) -> tuple[Poly, Poly]:
        """The two sides of a fact."""
        kind, *extra, first, second, rows = fact
        bound, scope = self.opened(() if kind == "Compare" else extra[0], scope)
        finite = all(row[0] in ("Apart", "Linear") for row in rows)
        only = None if finite else factors_of(first) & factors_of(second)
        a, b = (self.weight_of(side, scope, finite, only) for side in (first, second))
        need(all(min(row[2:]) >= 0 for row in rows if row[0] in ("Ratio", "Gap")), "a negative weight in a row")
        if kind == "Compare":
            u, one = self.atom(*_U), number(1)
            for pair, chain in zip(((u, one), (one, u)), extra, strict=True):
                self.never_negative(self.rows(rows, *pair, combined([(u, 1), (one, -1)])), chain)
            low = [row for row in rows if row[1] < 0 and row[0] != "Linear"]
            return combined([(self.rows(low, a, b), -1)]), self.rows([row for row in rows if row not in low], a, b)
        above, sums = self.summed(self.rows(rows, a, b), bound), [self.summed(side, bound) for side in (a, b)]
        if kind == "Merge" and all(map(convex, rows)):
            return self.rows(rows, *sums), above
        weights = (
            self.summed(self.weight(rows[0][2:], a, b), bound) if [row[:2] for row in rows] == [("Gap", 1)] else {}
        )
        good = kind == "Schwarz" and dict(self.frozen(weights)).get(UNIT, 0) > 0
        need(good, "a row that is not convex, or weights that are not seen to have a positive sum")
        apart = self.summed(self.rows([("Apart", ONE)], a, b), bound)
        return self.times(apart, apart), self.times(weights, above)

    def never_negative(self, poly: Poly, chain: tuple[Fraction, ...]) -> None:
        """Refuse unless a function is >= 0 for u >= 1: it is at 1, and so, after a power of u, is its derivative."""
        for exponent in chain:
            least = min(self.at_one(poly).values(), default=0)
            need(least >= 0, "a function of the chain is not seen to be nonnegative at 1")
            scaled = self.times(poly, self.power(self.atom(*_U), exponent)) if exponent else poly
            poly = self.derivative(scaled, _U[:2], ())
        lowest: dict[Atom, Fraction] = {}
        for atom, (exponent, _) in (factor for _, factors in poly for factor in factors):
            lowest[atom] = min(lowest.get(atom, Fraction(0)), exponent)
        poly = self.multiplied(ONE, (), [(atom, (-k, False)) for atom, k in lowest.items() if k], [poly])
        powers_only = all(atom == _U for _, factors in poly for atom, _ in factors)
        need(powers_only, "a chain that does not end in powers of u")
        powers = {factors[0][1][0] if factors else Fraction(0): value for (_, factors), value in poly.items()}
        root, top = lcm(*[k.denominator for k in powers]), max(powers, default=Fraction(0))
        within(int(top * root), _DEGREE, f"a chain that ends in a degree above {_DEGREE}")
        row = [powers.get(top - Fraction(k, root), Fraction(0)) for k in range(int(top * root) + 1)]
        while row:  # the coefficients at s = u^(1/root) = 1, by division by s - 1 again and again
            row = list(accumulate(row))
            need(row.pop() >= 0, "a chain that ends in what is not seen to be nonnegative")

    def at_one(self, poly: Poly) -> Poly:
        """The value at u = 1."""
        rows = []
        for (_, factors), value in poly.items():
            parts = [number(value)]
            for atom, (exponent, _) in factors:
                inside = number(1) if atom == _U else self.at_one(dict(atom[1]))
                parts.append(self.power(self.log(inside) if atom[0] == "log" else inside, exponent))
            rows.append(self.times(*parts))
        return total_of(rows)


def convex(row: Node) -> bool:
    """Whether a multiple of a row is convex."""
    concave = row[0] == "Power" and 0 < row[2] < 1
    return row[0] == "Linear" or bool(row[1] <= 0 if concave else row[1] >= 0)
