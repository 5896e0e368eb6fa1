"""Kind `sum`: chains of links between the two sides of an inequality, each of facts about nonnegative numbers."""

from __future__ import annotations

from typing import Any

from flint import fmpq

from .divergences import family
from .expansion import HALF
from .facts import Facts, Scope
from .generators import Poly, add_to, mix
from .infinities import Signs, assuming, forced, infinities, tamed
from .reading import Node, Reader, exactly, index, listed, need


class Links(Facts):
    """The two sides of links as polynomials."""

    def prove(self, left: Node, right: Node, links: list[Node], scope: Scope) -> None:
        """Refuse unless a chain of links leads from the left side to the right one."""
        low, high = _joined(left, right)
        outside, self.laws = self.laws, forced(high)
        self.walk(low), self.walk(high)
        now, goal = self.expand(low, scope), self.expand(high, scope)
        for link in links:
            lower, upper = self.sides(link, scope)
            need(lower == now, "a link does not start where the one before it ends")
            now = upper
        need(links and now == goal, "the last link does not end at the right side")
        self.laws = outside

    def walk(self, node: Node) -> Signs:
        return infinities(tamed(assuming(node, self.laws)))

    def sides(self, link: Node, scope: Scope) -> tuple[Poly, Poly]:
        """The lower and the upper side of a link."""
        _, shared, parts = link
        need(not self.walk(shared), "what is shared may be infinite")
        lower = self.expand(shared, scope)
        upper = dict(lower)
        for _, letters, factor, fact in parts:
            inner, bound = self.bind(letters, scope)
            weight = self.weight(factor, inner, plain=fact[0] == "Square")
            for total, side in zip((lower, upper), self.fact(fact, inner), strict=True):
                add_to(total, self.close(self.times(weight, side), bound))
        return lower, upper

    def fact(self, fact: Node, scope: Scope) -> tuple[Poly, Poly]:
        """What a fact says is at most what, with all that it needs."""
        tag, first = fact[0], fact[1]
        if tag == "Square":
            need(not infinities(assuming(first, self.laws)), "what is squared may be infinite")
            x = self.expand(first, scope)
            return {}, self.times(x, x)
        if tag == "Product":
            cited = [self.statement[3][index(number, len(self.statement[3]))] for number in first]
            need(all(relation[0] == "LessEq" for relation in cited), "a product is of relations LessEq")
            need(not any(infinities(side) for relation in cited for side in relation[1:]), "a relation may be infinite")
            sides = [[self.expand(side, scope) for side in relation[1:]] for relation in cited]
            return {}, self.product(mix(right, left, 1, -1) for left, right in sides)
        if tag == "Exponential":
            _, e, b, links = fact
            nested = any(part[3][0] == tag for _, _, parts in links for part in parts)
            need(not nested and infinities(e) <= {1}, "an Exponential within one, or of what may be minus infinity")
            minus = ("Const", fmpq(-1))
            above = self.weight(b, scope, frozenset())
            self.prove(("Mul", (minus, ("Log", b))), e, list(links), scope)
            return self.expand(("Exp", ("Mul", (minus, e))), scope), above
        return self.compared(fact, scope)


def _joined(left: Node, right: Node) -> tuple[Node, Node]:
    """The sides that links join: those of the statement but for a root at the right, or for two Renyi divergences."""
    if right[0] == "Pow" and right[2] == HALF:
        return ("Mul", (left, left)), right[1]
    if left[0] == right[0] == "DivergenceOf" and left[4] is right[4] is None:
        (kind, a), (other, b) = family(left[1]), family(right[1])
        if kind == other == "renyi" and (min(a, b) > 1 or max(a, b) < 1):
            low, high = (("DivergenceOf", order, *side[2:]) for order, side in ((a, left), (b, right)))
            if a < 1:  # there the divergence falls as the sum grows
                low, high, a, b = high, low, b, a
            return low if a == b else ("Pow", low, (b - 1) / (a - 1)), high
    return left, right


def check_sum(statement: Node, steps: Any, reader: Reader) -> None:
    """Refuse unless a chain of links leads from the left side to the right one."""
    relation, work = statement[1], Links(statement)
    fields = exactly(steps, "links", *(["uses"] if isinstance(steps, dict) and "uses" in steps else []))
    need(relation[0] == "LessEq" and listed(fields["links"]), "a sum certificate is for LessEq, with at least one link")
    work.unfolded |= reader.axes  # those of the statement: no link has been read
    work.use(fields.get("uses", []))
    work.prove(relation[1], relation[2], [reader.node(link, "link") for link in fields["links"]], {})
