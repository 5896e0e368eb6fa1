"""Expressions as polynomials: definitions of H, I and D, and entries of composites by the shape of the term."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from .algebra import ONCE, ONE, Factors, Letter, Letters, Poly, total_of
from .functions import Functions, number
from .programs import Node, program, typed
from .reading import combined, need, rational
from .shannon import Set, State

HALF = Fraction(1, 2)
Scope = dict[Node, Letter]


def _rows(text: str) -> list[Node]:
    """Rows, each its kind, coefficient and parameters, from a text such as `Linear 1 0 1, Power -1 1/2`."""
    return [(kind, *map(Fraction, n)) for kind, *n in (row.split() for row in text.split(","))]


DIVERGENCES = {
    "KL": _rows("Ratio 1 1 0 0 1"),
    "reverse_KL": _rows("Ratio 1 0 1 1 0"),
    "TV": _rows("Apart 1/2"),
    "hellinger2": _rows("Linear 1 1/2 1/2, Power -1 1/2"),
    "triangular": _rows("Gap 1/2 1 1 0"),
    "JS": _rows("Ratio 1/2 1 0 1/2 1/2, Ratio 1/2 0 1 1/2 1/2"),
    "chi2": _rows("Power 1 2, Linear -1 1 0"),
}
_ORDERS = {"KL": ONE, "renyi:1": ONE, "alpha:1": ONE, "chi2": ONE * 2, "reverse_KL": ONE * 0, "alpha:0": ONE * 0}


def order(which: str) -> tuple[str, Fraction]:
    """The family of a divergence and its order: infinite at p > 0 = q from order 1 on, at p = 0 < q up to order 0."""
    family, _, text = which.partition(":")
    if which in DIVERGENCES or which in _ORDERS:
        return "", _ORDERS.get(which, HALF)
    need(family in ("alpha", "renyi") and text, "the divergence {} has no row", which)
    value = rational(text)
    need(family == "alpha" or value > 0, "the divergence {} has no row", which)
    return family, value


def rows_of(which: str) -> list[Node]:
    """The rows of the summand of a divergence, or of the sum that a Renyi divergence is the log of."""
    family, a = order(which)
    if family == "renyi":
        return [("Power", ONE, a)]
    if family == "alpha":
        return [("Power", 1 / (a * (a - 1)), a), ("Linear", 1 / (a * (1 - a)), a, 1 - a)]
    return DIVERGENCES.get(which) or DIVERGENCES["KL" if a else "reverse_KL"]


class Expansion(Functions):
    """Expands the expressions of one statement."""

    def __init__(self, about: Node | None, unfolded: Iterable[Node] = ()) -> None:
        super().__init__()
        self.about, self.rewrites, self.between = about, {}, list[Letter]()
        self.unfolded = {*unfolded}

    def expand(self, node: Node, scope: Scope) -> Poly:
        """The polynomial of an expression; letters outside the scope are free."""
        kind = node[0]
        if kind in ("Const", "Symbol", "Size", "Dimension"):
            return number(node[1]) if kind == "Const" else self.atom(kind.lower(), node[1])
        if kind in ("Logit", "LogPartition", "Softmax", "Coordinate", "Embedding", "Bias", "Element"):
            data, places = node[1], [*node[2:]]
            if data[0] == "At":
                data, places = data[:2], [data[2], *places]
            letters = tuple(scope.get(x, x) for x in (places[0] if kind == "Element" else places))
            return self.logit(data, letters) if kind == "Logit" else self.atom(kind.lower(), data, letters)
        if kind == "Entry":
            return self.entry(node[1], *[tuple(scope.get(x, x) for x in letters) for letters in node[2:]])
        if kind == "Sum":
            fresh = self.fresh(node[1][2])
            return self.summed(self.expand(node[2], {**scope, node[1]: fresh}), (fresh,))
        if kind in ("Entropy", "Information") and self.about is not None:
            form = State(self.about).linear(node)
            return combined([(self.entropy(self.about, key), times) for key, times in form.items()])
        if kind == "DivergenceOf":
            return self.divergence(node)
        if kind in ("Add", "Mul"):
            parts = [self.expand(part, scope) for part in node[1]]
            return total_of(parts) if kind == "Add" else self.times(*parts)
        if kind == "Pow":
            return self.power(self.expand(node[1], scope), node[2])
        if kind == "Derivative":
            return self.derivative(self.expand(node[1], scope), node[2], node[3])
        need(kind in ("Log", "Exp", "Abs"), "kind 'identity' does not read {}", kind)
        return {"Log": self.log, "Exp": self.exp, "Abs": self.abs}[kind](self.expand(node[1], scope))

    def entry(self, term: Node, ins: Letters, outs: Letters, over: Letters = ()) -> Poly:
        """The entry of a term, summed over the fresh letters `over`."""
        self.between = [*over]
        factors = self.spread(term, ins, outs)
        return self.term(ONE, tuple(self.between), factors)

    def spread(self, term: Node, ins: Letters, outs: Letters) -> Factors:
        """The factors of an entry; the letters between the parts of a Seq are collected in `between`."""
        kind, first = term[:2]
        if kind == "Box":
            return [(("entry", term, ins + outs), ONCE)]
        if kind in ("Id", "Copy", "Swap"):
            moved = ins[len(first) :] + ins[: len(first)] if kind == "Swap" else ins + ins
            return [(("delta", "", pair), ONCE) for pair in zip(moved, outs, strict=False)]
        factors: Factors = []
        for at, part in enumerate(first if kind != "Discard" else ()):
            here, there = typed(part)
            if kind == "Par":
                factors += self.spread(part, ins[: len(here)], outs[: len(there)])
                ins, outs = ins[len(here) :], outs[len(there) :]
            else:
                made = tuple(self.fresh(x) for x in there) if at < len(first) - 1 else ()
                self.between += made
                factors += self.spread(part, ins, made if at < len(first) - 1 else outs)
                ins = made
        return factors

    def law(self, term: Node, ins: Letters, wires: Set) -> tuple[Poly, dict[int, Letter]]:
        """The law of a set of wires at the outputs of a term, with one letter for each wire."""
        outs = tuple(self.fresh(x) for x in typed(term)[1])
        at = {wire: letter for wire, letter in zip(program(term).outputs, outs, strict=True) if wire in wires}
        return self.entry(term, ins, outs, tuple(sorted({*outs} - {*at.values()}))), at

    def entropy(self, about: Node, wires: Any) -> Poly:
        """H of a set of wires: sum -j log j."""
        law, at = self.law(about, (), wires)
        return self.summed(self.times(number(-1), law, self.log(law)), tuple(at.values()))

    def divergence(self, node: Node) -> Poly:
        """D(left, right), averaged over the inputs."""
        _, which, left, right, over, *bare = node  # bare: the sum that a Renyi divergence is the log of
        family, a = order(which)
        rows = rows_of(which)
        ins = tuple(self.fresh(x) for x in typed(left)[0])
        outputs = program(left).outputs
        p, at = self.law(left, ins, frozenset(outputs))
        q = self.entry(right, ins, tuple(at[wire] for wire in outputs))
        total = self.summed(self.rows(rows, p, q), tuple(at.values()))
        if len(at) < len(outputs):  # what right gives off the diagonal, where left is 0
            off = combined([(number(1), 1), (self.summed(q, tuple(at.values())), -1)])
            total = total_of([total, self.times(self.rows(rows, {}, number(1)), off)])
        if family == "renyi" and not bare:
            total = combined([(self.log(total), 1 / (a - 1))])
        return total if over is None else self.summed(self.times(self.entry(over, (), ins), total), ins)

    def rows(self, rows: Iterable[Node], a: Poly, b: Poly, apart: Poly | None = None) -> Poly:
        """The sum of rows at nonnegative a and b; `apart` is |a - b| where that is known."""
        found, less = [], combined([(a, 1), (b, -1)])
        for kind, times, *n in rows:
            if kind == "Linear":
                value = combined([(a, n[0]), (b, n[1])])
            elif kind == "Apart":
                value = self.abs(less) if apart is None else apart
            elif kind in ("Power", "Over", "Logarithm"):
                last = (1 if kind != "Over" else 2) - n[0]
                need(last or kind != "Power", "a row a^1 b^0")
                value = self.times(self.power(a, n[0]), self.power(b, last) if last else number(1))
                mixed = combined([(a, n[1]), (b, n[2])]) if kind != "Power" else {}
                if kind == "Over":
                    value = self.times(value, self.power(mixed, -ONE))
                elif kind == "Logarithm":
                    value = self.times(value, combined([(self.log(mixed), 1), (self.log(b), -1)]))
            elif kind == "Gap":
                value = self.times(less, less, self.power(self.weight(n, a, b), -ONE))
            else:
                over, under = (combined([(a, s), (b, t)]) for s, t in (n[:2], n[2:]))
                value = self.times(over, combined([(self.log(over), 1), (self.log(under), -1)])) if over else {}
            found.append((value, times))
        return combined(found)

    def weight(self, n: Sequence[Fraction], a: Poly, b: Poly) -> Poly:
        """The denominator s a + t b + e (a b)^(1/2) of a gap."""
        root = self.times(self.power(a, HALF), self.power(b, HALF)) if n[2] else {}
        return combined(zip((a, b, root), n, strict=True))
