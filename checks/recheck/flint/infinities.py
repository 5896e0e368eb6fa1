"""Which infinities an expression can take: nothing is expanded where one might be set against another."""

from __future__ import annotations

from typing import Any

from .divergences import bounded, steep
from .reading import Node, need

FINITE = {"Const", "Symbol", "Size", "Entry", "Softmax", "Logit", "LogPartition", "Entropy", "Information"}
FINITE |= {"Element", "Coordinate", "Embedding", "Bias"}
Signs = frozenset[int]
NONE: Signs = frozenset()


def forced(node: Node) -> dict[Node, Node]:
    """Of each law q the law p with D(p, q) infinite only where the expression is: elsewhere p vanishes where q does."""
    tag, first = node[0], node[1]
    if tag == "DivergenceOf" and steep(first) and node[4] is None:
        return {node[3]: node[2]}
    if tag == "Mul":
        moving = [part for part in first if part[0] != "Const" or part[1] <= 0]
        return forced(moving[0]) if len(moving) == 1 else {}
    if tag == "Add" and all(part[0] in ("Const", "DivergenceOf") for part in first):
        return {q: p for part in first for q, p in forced(part).items()}
    return forced(first) if tag == "Log" or (tag == "Pow" and node[2] > 0) else {}


def assuming(node: Any, laws: dict[Node, Node], beside: frozenset[Node] | None = None) -> Any:
    """An expression with the infinities that a finite right side leaves to it: D is some |x|, and 1/q stands for 1/p.

    The latter beside these p only, if given, and not inside a log or a negative power: a quotient, taken apart, would
    set one infinity against another at 0/0.
    """
    if not isinstance(node, tuple) or not node:
        return node
    if node[0] == "DivergenceOf" and laws.get(node[3]) == node[2] and forced(node):
        return ("Abs", ("Symbol", node))
    if node[0] == "Pow" and node[2] < 0 and node[1][0] == "Entry" and node[1][1] in laws:
        above = ("Entry", laws[node[1][1]], *node[1][2:])
        return ("Pow", above, node[2]) if beside is None or above in beside else node
    inside = node[0] == "Log" or (node[0] == "Pow" and node[2] < 0)
    return tuple(assuming(part, laws, frozenset() if inside else beside) for part in node)


def tamed(node: Node) -> Node:
    """An expression in which exp of minus infinity, which is 0, counts as a number, as a term or beside constants."""
    tag, first = node[0], node[1]
    if tag == "Exp":
        return ("Symbol", "") if infinities(first) == {-1} else node
    alone = tag == "Add" or (tag == "Mul" and sum(part[0] != "Const" for part in first) == 1)
    return (tag, tuple(map(tamed, first))) if alone else node


def infinities(node: Node, smooth: bool = False) -> Signs:
    """The signs of the infinities that an expression can take. Raises RefusalError where these are not seen, or both.

    Where `smooth`, every logarithm inside must be of a product of powers of Softmax, Exp and positive constants.
    """
    tag, first, signs = node[0], node[1], NONE
    if tag == "DivergenceOf":
        signs = NONE if bounded(first) else frozenset([1])
    elif tag == "Sum":
        signs = infinities(node[2], smooth)
    elif tag == "Add":
        signs = NONE.union(*(infinities(part, smooth) for part in first))
    elif tag in ("Mul", "Pow", "Log"):
        signs = _product(factors(node, 1), smooth)
    elif tag not in FINITE:
        need(tag in ("Exp", "Abs", "Derivative"), f"{tag} is refused")
        need(not infinities(first, smooth or tag == "Derivative"), f"an infinite value under {tag}")
    need(len(signs) < 2, "plus and minus infinity may meet")
    return signs


def factors(node: Node, exponent: Any) -> list[tuple[Node, Any]]:
    """The factors of a product, with exponents; products within and powers of products are multiplied out.

    A negative power is multiplied out only where all factors are nonnegative and none has a negative power: the product
    of 0 and infinity is 0, and so is that of their inverses.
    """
    if node[0] == "Mul":
        return [pair for part in node[1] for pair in factors(part, exponent)]
    if node[0] != "Pow":
        return [(node, exponent)]
    inner = factors(node[1], 1)
    if node[2] < 0 and not all(e > 0 and nonnegative(base) for base, e in inner):
        inner = [(node[1], 1)]
    return [(base, e * node[2] * exponent) for base, e in inner]


def _product(factors: list[tuple[Node, Any]], smooth: bool) -> Signs:
    """The infinities of a product of powers."""
    present = {base for base, e in factors if e > 0}
    found = [_power(base, e, present, smooth) for base, e in factors]
    infinite, sign = [signs for signs in found if signs], 1
    need(len(infinite) < 2, "a product of two infinite factors")
    for (base, e), signs in zip(factors, found, strict=True) if infinite else ():
        negative = base[0] == "Const" and base[1] < 0 and e == 1
        known = signs or negative or (nonnegative(base) and (e > 0 or _positive(base)))
        need(known, "an infinite value times a factor of unknown sign")
        sign *= -1 if negative else 1
    return frozenset(sign * one for signs in infinite for one in signs)


def _power(base: Node, exponent: Any, present: set[Node], smooth: bool) -> Signs:
    """The infinities of one factor of a product that is 0 where one of those present vanishes."""
    if base[0] == "Log":
        inside = factors(base[1], 1)
        grown = NONE.union(*(infinities(part, smooth) for part, _ in inside))
        rising = grown == {1} and base[1][0] == "Add" and _positive(base[1]) and not smooth
        need(rising or not grown, "an infinite value under Log")
        plain = all(_positive(part) and part[0] not in ("Size", "Add") for part, _ in inside)
        need(plain or not smooth, "a derivative of a log of what is no product of Softmax, Exp and constants")
        signs = grown.union(-1 if e > 0 else 1 for part, e in inside if part not in present and not _positive(part))
    else:
        signs = infinities(base, smooth)
    need(not signs or exponent == 1, "an infinite value under Pow")
    finite = exponent > 0 or base in present or _positive(base) or (base[0] == "Const" and base[1] != 0)
    return signs if finite else frozenset([1])


def _positive(node: Node) -> bool:
    """Whether an expression never vanishes, and is above 0."""
    if node[0] == "Add":
        return all(map(nonnegative, node[1])) and any(map(_positive, node[1]))
    return node[0] in ("Softmax", "Exp", "Size") or (node[0] == "Const" and node[1] > 0)


def nonnegative(node: Node) -> bool:
    """Whether an expression is seen to be at least 0."""
    tag, first = node[0], node[1]
    if tag == "Add":  # 1 minus a weight
        minus = [part[1] for part in first if part[0] == "Mul" and len(part[1]) == 2]
        weights = [one for pair in minus if ("Const", -1) in pair for one in pair if one[0] in ("Entry", "Softmax")]
        return len(first) == 2 and len(weights) == 1 and ("Const", 1) in first
    if tag in ("Mul", "Sum", "Pow"):
        parts = {"Mul": first, "Sum": node[2:], "Pow": (first,)}[tag]
        return all(map(nonnegative, parts)) and (tag != "Pow" or node[2] > 0)
    return tag in ("Entry", "Abs", "DivergenceOf") or _positive(node) or (tag == "Const" and first == 0)
