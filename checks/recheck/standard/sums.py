"""The kind `sum`: left <= right by a chain of links, each a sum of nonnegative multipliers times facts."""

from typing import Any

from .algebra import Poly, total_of
from .expansion import HALF, Scope, order
from .facts import Facts, Sides
from .identity import infinities, use
from .licence import forcing, licensed
from .programs import Node
from .reading import combined, fields, need
from .statement import Reader, Statement


def check_sum(statement: Statement, reader: Reader, steps: Any) -> None:
    """Refuse unless the links lead from the left side to the right one."""
    uses = steps.pop("uses", []) if isinstance(steps, dict) else []
    links = reader.field(fields(steps, ("links",), "steps")[0], "link*")
    left, right = powers_only(*statement.holds[1:])
    if right[0] == "Pow" and right[2] == HALF:
        left, right = ("Mul", (left, left)), right[1]  # l^2 <= r gives l <= r^(1/2)
    work = Sums(statement, forcing(right))
    use(work, statement, uses)
    work.lead(left, right, links, {})


def powers_only(left: Node, right: Node) -> tuple[Node, Node]:
    """Sides that say the same without logs, where both are Renyi divergences of orders on the same side of 1."""
    both = all(side[0] == "DivergenceOf" and order(side[1])[0] == "renyi" and side[4] is None for side in (left, right))
    a, b = (order(side[1])[1] if both else HALF for side in (left, right))
    if not both or (a > 1) != (b > 1):
        return left, right
    low, high = ((*left, "sum"), (*right, "sum")) if a > 1 else ((*right, "sum"), (*left, "sum"))
    power = (b - 1) / (a - 1) if a > 1 else (a - 1) / (b - 1)
    return (low if power == 1 else ("Pow", low, power)), high


def bounded_exponentials(node: Node) -> Node:
    """Terms exp(e), where e is minus infinite at worst, as values of unknown size: exp of minus infinity is 0."""
    kind, *rest = node
    if kind == "Add":
        return (kind, tuple(map(bounded_exponentials, rest[0])))
    if kind == "Mul" and sum(part[0] != "Const" for part in rest[0]) == 1:
        return (kind, tuple(map(bounded_exponentials, rest[0])))
    return ("Abs", ("Symbol", node)) if kind == "Exp" and infinities(rest[0]) == {-1} else node


class Sums(Facts):
    """Reads links."""

    def side(self, node: Node, scope: Scope, finite: bool = False) -> Poly:
        """The polynomial of a side or of what two sides share."""
        infinite = infinities(bounded_exponentials(licensed(node, self.pairs)))
        need(not (infinite and finite), "what the two sides of a link share may be infinite")
        return self.expand(node, scope)

    def lead(self, left: Node, right: Node, links: tuple[Node, ...], scope: Scope, inner: bool = False) -> None:
        """Refuse unless the links lead from left to right."""
        last, goal = (self.side(side, scope) for side in (left, right))
        for _, shared, parts in links:
            rest = self.side(shared, scope, True)
            sides = [self.part(part, scope, inner) for part in parts]
            lower, upper = (total_of([rest, *found]) for found in ([s for s, _ in sides], [s for _, s in sides]))
            need(not self.frozen(combined([(lower, 1), (last, -1)])), "a link does not start where the last one ended")
            last = upper
        need(not self.frozen(combined([(last, 1), (goal, -1)])), "the links do not lead to the right side")

    def part(self, part: Node, scope: Scope, inner: bool) -> Sides:
        """The two sides of a fact times its multiplier, summed over the letters of the part."""
        _, letters, times, fact = part
        bound, scope = self.opened(letters, scope)
        multiplier = self.weight_of(times, scope, fact[0] == "Square")
        need(not (inner and fact[0] == "Exponential"), "an Exponential in the links of another")
        sides = self.exponential(fact, scope) if fact[0] == "Exponential" else self.fact(fact, scope)
        below, above = (self.summed(self.times(multiplier, side), bound) for side in sides)
        return below, above

    def exponential(self, fact: Node, scope: Scope) -> Sides:
        """exp(-e) <= b, because -log b <= e."""
        _, exponent, bound, links = fact
        minus = ("Const", -1)
        above = self.weight_of(bound, scope)
        need(infinities(exponent) <= {1}, "an exponential of what may be plus infinity")
        pairs, self.pairs = self.pairs, forcing(exponent)
        self.lead(("Mul", (minus, ("Log", bound))), exponent, links, scope, inner=True)
        self.pairs = pairs
        return self.expand(("Exp", ("Mul", (minus, exponent))), scope), above
