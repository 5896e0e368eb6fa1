"""The simplex method in exact rationals, for programs so small that importing a solver would take longer.

Two phases on a dense tableau; Bland's rule, so that it ends. Source: Chvatal, "Linear Programming" (1983), chapter 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

Row: TypeAlias = list[Any]
"""Rationals (fmpq): an entry for each column, and the right side last."""


def cheapest(rows: Sequence[Sequence[Any]], costs: Sequence[Any]) -> list[Any] | None:
    """x >= 0 of least cost with A x = b, or None where there is none; the rows are those of (A | b), all in fmpq.

    Costs are not negative, so that there is a least one.
    """
    from flint import fmpq

    table = [[-x for x in row] if row[-1] < 0 else list(row) for row in rows]
    basis = [-1] * len(table)  # -1: an artificial variable, which never comes back
    _descend(table, basis, [-sum(column, fmpq()) for column in zip(*table)])
    if any(row[-1] for row, at in zip(table, basis) if at < 0):
        return None
    for i, row in enumerate(table):  # artificial variables that are left at zero: out, or the row says nothing
        column = next((j for j, x in enumerate(row[:-1]) if x and basis[i] < 0), None)
        if column is not None:
            _pivot(table, basis, i, column, [])
    kept = [i for i, at in enumerate(basis) if at >= 0]
    table, basis = [table[i] for i in kept], [basis[i] for i in kept]
    price = [*costs, fmpq()]
    for row, at in zip(table, basis):
        price = [x - costs[at] * y for x, y in zip(price, row)]
    _descend(table, basis, price)
    found = [fmpq()] * len(costs)
    for row, at in zip(table, basis):
        found[at] = row[-1]
    return found


def _descend(table: list[Row], basis: list[int], price: Row) -> None:
    """Pivot until no column has a negative reduced cost."""
    while (column := next((j for j, x in enumerate(price[:-1]) if x < 0), None)) is not None:
        ratios = [(row[-1] / row[column], basis[i], i) for i, row in enumerate(table) if row[column] > 0]
        _pivot(table, basis, min(ratios)[2], column, price)


def _pivot(table: list[Row], basis: list[int], at: int, column: int, price: Row) -> None:
    """Bring a column into the basis in a row; `price`, if not empty, is kept up to date."""
    scale = table[at][column]
    pivot = table[at] = [x / scale for x in table[at]]
    for row in (*(row for i, row in enumerate(table) if i != at), price):
        if row and (times := row[column]):
            row[:] = [x - times * y for x, y in zip(row, pivot)]
    basis[at] = column
