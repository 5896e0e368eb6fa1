"""Divergences by name: what they sum over letters, and whether they can be infinite."""

from __future__ import annotations

from typing import Any

from flint import fmpq

from .reading import need, rational

_ROWS = """
KL: Ratio 1 1 0 0 1; reverse_KL: Ratio 1 0 1 1 0; TV: Apart 1/2; chi2: Power 1 2, Linear -1 1 0;
hellinger2: Linear 1 1/2 1/2, Power -1 1/2; triangular: Gap 1/2 1 1 0; JS: Ratio 1/2 1 0 1/2 1/2, Ratio 1/2 0 1 1/2 1/2
"""
ROWS: dict[str, list[tuple[Any, ...]]] = {
    name: [(tag, *map(fmpq, numbers)) for tag, *numbers in map(str.split, rows.split(","))]
    for name, rows in (line.strip().split(":") for line in _ROWS.split(";"))
}
"""What a divergence sums over letters, as rows of kind `sum`."""
SAME = {"alpha:1": "KL", "renyi:1": "KL", "alpha:0": "reverse_KL"}


def family(name: Any) -> tuple[str, Any]:
    """The family of a divergence and its order, or None. A rational stands for the sum inside Renyi's of this order.

    Raises RefusalError where there is no divergence of the name.
    """
    if not isinstance(name, str):
        return "sum", name
    name = SAME.get(name, name)
    start, colon, order = name.partition(":")
    if not colon or name == "renyi:inf":
        need(name in (*ROWS, "renyi:inf"), f"no divergence {name[:40]!a}")
        return name, None
    need(start in ("alpha", "renyi") and (rational(order) >= 0 or start == "alpha"), f"no divergence {name[:40]!a}")
    return start, rational(order)


def rows(name: Any) -> list[tuple[Any, ...]]:
    """What a divergence sums over letters; Renyi's takes the log of that, divided by its order less 1."""
    kind, a = family(name)
    if kind == "alpha":
        return [("Power", 1 / (a * (a - 1)), a), ("Linear", 1 / (a * (a - 1)), -a, a - 1)]
    need(kind in ROWS or a, f"the divergence {name!a} is refused")
    return ROWS.get(kind) or [("Power", fmpq(1), a)]


def bounded(name: Any) -> bool:
    """Whether a divergence is never infinite."""
    kind, a = family(name)
    return kind in ("TV", "hellinger2", "triangular", "JS") or (kind in ("alpha", "sum") and 0 < a < 1)


def steep(name: Any) -> bool:
    """Whether a divergence of p and q is infinite exactly where some q is 0 and p is not."""
    kind, a = family(name)
    return kind in ("KL", "chi2") or (a is not None and a > 1)
