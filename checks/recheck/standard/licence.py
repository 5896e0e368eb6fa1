"""Where the right side is infinite nothing is to be shown: what may be assumed of p and q elsewhere."""

from typing import Any

from .expansion import order
from .programs import Node

Pairs = set[tuple[Node, Node]]


def steep(node: Node) -> bool:
    """Whether a divergence, not averaged, is infinite as soon as p has mass where q has none."""
    return node[0] == "DivergenceOf" and node[4] is None and order(node[1])[1] >= 1


def forcing(node: Node) -> Pairs:
    """The (p, q) such that the node is plus infinite as soon as p has mass where q has none."""
    kind, first = node[:2]
    if kind == "DivergenceOf":
        return {node[2:4]} if steep(node) else set()
    if kind == "Add" and all(part[0] in ("Const", "DivergenceOf") for part in first):
        return set().union(*map(forcing, first))
    if kind == "Mul" and len(first) == 2 and first[0][0] == "Const" and first[0][1] > 0:
        return forcing(first[1])
    return forcing(first) if kind == "Log" or (kind == "Pow" and node[2] > 0) else set()


def licensed(node: Any, pairs: Pairs, only: set[Node] | None = None) -> Any:
    """What is infinite at least where the node is, if each p << q: no steep D of p and q; 1/p instead of 1/q.

    The latter for the entries `only` of p, where they are given; for none inside a log or a negative power, because a
    polynomial takes these apart, and at p = q = 0 two infinities would cancel.
    """
    if not isinstance(node, tuple) or not node:
        return node
    inside: set[Node] | None = set() if node[0] == "Log" or (node[0] == "Pow" and node[2] < 0) else only
    if node[0] == "DivergenceOf" and node[2:4] in pairs and steep(node):
        return ("Abs", ("Symbol", node))
    if node[0] == "Pow" and node[2] < 0 and node[1][0] == "Entry":
        above = [("Entry", p, *node[1][2:]) for p, q in pairs if q == node[1][1]]
        for entry in (entry for entry in above if only is None or entry in only):
            return ("Pow", entry, node[2])
    return tuple(licensed(part, pairs, inside) for part in node)
