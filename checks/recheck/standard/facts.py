"""The facts of the kind `sum`: inequalities below <= above between values above minus infinity.

Each is true for all finite and nonnegative arguments a and b, zeros included. Rows (`expansion`) are functions of two
numbers, homogeneous of degree one, continuous up to the edges a = 0 and b = 0, where they may be plus infinity.
"""

from fractions import Fraction
from functools import reduce

from .algebra import ONE, UNIT, Letters, Poly
from .calculus import Calculus, U
from .expansion import HALF, Scope
from .functions import nonnegative, number
from .identity import infinities, powers, sign_is_known
from .licence import Pairs, licensed
from .programs import Node
from .reading import combined, need
from .statement import Statement

Sides = tuple[Poly, Poly]


def convex(row: Node) -> bool:
    """Whether a multiple of a row is convex."""
    concave = row[0] == "Power" and 0 < row[2] < 1
    return row[0] == "Linear" or bool(row[1] <= 0 if concave else row[1] >= 0)


def finite_at_zero(row: Node) -> bool:
    """Whether a row is finite at a = 0, b = 1."""
    kind, n = row[0], row[2:]
    vanishes = kind in ("Power", "Over", "Logarithm") and n[0] > 0
    ratio = kind == "Ratio" and (n[3] > 0 or n[1] == 0)
    gap = (kind == "Gap" and n[1] > 0) or (kind == "Over" and vanishes and n[2] > 0)
    return gap or ratio or (vanishes and kind != "Over") or kind in ("Linear", "Apart")


def factors_of(node: Node) -> set[Node]:
    """What an argument has as a factor with a positive exponent."""
    return {base for base, exponent in powers(*(node[1] if node[0] == "Mul" else (node,))) if exponent > 0}


class Facts(Calculus):
    """Reads facts; `pairs` are the (p, q) for which p << q may be assumed."""

    def __init__(self, statement: Statement | None, pairs: Pairs) -> None:
        super().__init__(*((statement.about, statement.unfolded) if statement else (None,)))
        self.given, self.pairs = statement.given if statement else [], pairs

    def whole(self, node: Node, scope: Scope, finite: bool = False, only: set[Node] | None = None) -> Poly:
        """The polynomial of an expression, refused where infinities may meet, or where there may be one."""
        infinite = infinities(licensed(node, self.pairs, only))
        need(not (infinite and finite), "a multiplier or an argument may be infinite")
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

    def fact(self, fact: Node, scope: Scope) -> Sides:
        """The two sides of a fact."""
        kind, *parts = fact
        if kind == "Square":
            side = self.whole(parts[0], scope, True)
            return {}, self.times(side, side)
        if kind == "Product":
            return {}, self.product(parts[0], scope)
        *extra, first, second, rows = parts
        finite = all(row[0] in ("Apart", "Linear") for row in rows)
        only = None if finite else factors_of(first) & factors_of(second) if kind != "Jensen" else set[Node]()
        bound, scope = self.opened(extra[-1] if kind in ("Merge", "Schwarz", "Jensen") else (), scope)
        a, b = (self.weight_of(side, scope, finite, only) for side in (first, second))
        for row in rows:
            need(row[0] in ("Linear", "Power") or min(row[2:], default=0) >= 0, "a negative weight in a row")
            need(row[0] not in ("Over", "Logarithm") or kind == "Jensen", "a row that only Jensen may have")
        by_kind = {"Compare": self.compare, "Merge": self.merge, "Schwarz": self.schwarz, "Jensen": self.jensen}
        return self.chord(a, b, rows) if kind == "Chord" else by_kind[kind](a, b, rows, bound, extra)

    def compare(self, a: Poly, b: Poly, rows: list[Node], _: Letters, chains: list[tuple[Fraction, ...]]) -> Sides:
        """-(the rows with a minus sign) <= the other rows."""
        u, one = self.atom(*U), number(1)
        for pair, chain in zip(((u, one), (one, u)), chains, strict=True):
            self.never_negative(self.rows(rows, *pair, combined([(u, 1), (one, -1)])), chain)
        low = [row for row in rows if row[1] < 0 and row[0] != "Linear"]
        return combined([(self.rows(low, a, b), -1)]), self.rows([row for row in rows if row not in low], a, b)

    def merge(self, a: Poly, b: Poly, rows: list[Node], bound: Letters, _: object) -> Sides:
        """f(sum a, sum b) <= sum f(a, b)."""
        need(all(map(convex, rows)), "a row that is not convex")
        return self.rows(rows, self.summed(a, bound), self.summed(b, bound)), self.summed(self.rows(rows, a, b), bound)

    def schwarz(self, a: Poly, b: Poly, rows: list[Node], bound: Letters, _: object) -> Sides:
        """(sum |a - b|)^2 <= (sum w) (sum (a - b)^2 / w)."""
        need([row[:2] for row in rows] == [("Gap", 1)], "weights of more or less than one Gap")
        weights = self.summed(self.weight(rows[0][2:], a, b), bound)
        need(dict(self.frozen(weights)).get(UNIT, 0) > 0, "weights that are not seen to have a positive sum")
        apart = self.summed(self.rows([("Apart", ONE)], a, b), bound)
        return self.times(apart, apart), self.times(weights, self.summed(self.rows(rows, a, b), bound))

    def jensen(self, w: Poly, r: Poly, rows: list[Node], bound: Letters, extra: list[tuple[Fraction, ...]]) -> Sides:
        """f(sum w r, 1) <= sum w f(r, 1), where the w add up to one."""
        need(self.frozen(self.summed(w, bound)) == ((UNIT, ONE),), "weights that are not seen to add up to one")
        good = all(finite_at_zero(row) and (row[0] != "Apart" or row[1] >= 0) for row in rows)
        need(good, "a row that is infinite at 0, or not convex")
        u, one = self.atom(*U), number(1)
        pairs = [((u, one), extra[0]), ((one, u), extra[1])]
        if nonnegative(self.frozen(combined([(one, 1), (r, -1)]))):  # r <= 1: convex up to 1 is enough
            need(pairs.pop(0)[1] == (), "a chain for u >= 1 where there is nothing to show")
        for pair, chain in pairs:
            smooth = self.rows([row for row in rows if row[0] != "Apart"], *pair)
            self.never_negative(self.derived(self.derived(smooth)), chain)
        below = self.rows(rows, self.summed(self.times(w, r), bound), one)
        return below, self.summed(self.times(w, self.rows(rows, r, one)), bound)

    def chord(self, a: Poly, b: Poly, rows: list[Node]) -> Sides:
        """f(a, b) is at most what f is at the least of a and b, twice, and at what is left over."""
        need(all(map(convex, rows)), "a row that is not convex")
        one, apart = number(1), self.rows([("Apart", ONE)], a, b)
        middle, left, right = (self.rows(rows, *pair) for pair in ((one, one), (one, {}), ({}, one)))
        parts = [(middle, 1, 1, -1), (left, 1, -1, 1), (right, -1, 1, 1)]
        sides = [self.times(at, combined([(a, s), (b, t), (apart, e)])) for at, s, t, e in parts]
        return self.rows(rows, a, b), combined((side, HALF) for side in sides)

    def product(self, numbers: tuple[int, ...], scope: Scope) -> Poly:
        """The product of right - left over inequalities of given."""
        need(numbers and all(0 <= at < len(self.given) for at in numbers), "a Product of relations that are not given")
        found = [number(1)]
        for relation, *sides in map(self.given.__getitem__, numbers):
            need(relation == "LessEq", "a Product of what is no inequality")
            left, right = (self.whole(side, scope, True) for side in sides)
            found.append(combined([(right, 1), (left, -1)]))
        return reduce(self.times, found)
