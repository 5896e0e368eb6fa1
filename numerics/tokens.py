"""What one pass tells about each token, one row a position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from math import inf

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Tokens:
    """Quantities of the output law p at n positions, float64 (n,) unless said otherwise; units: nats.

    What was not asked for is None.
    """

    log_partition: Tensor  # A(h)
    entropy: Tensor
    square_sum: Tensor  # sum p^2
    three_halves_sum: Tensor  # sum p^(3/2)
    half_sum: Tensor  # sum p^(1/2)
    top: Tensor  # max p
    error: Tensor  # bound on the error of nll and log_partition (docs of onepass.scan)
    nll: Tensor | None = None  # -log p(target), inf where the target is masked
    correct: Tensor | None = None  # bool: no token has a larger logit than the target
    trace: Tensor | None = None  # tr g* = E|g|^2 - |m|^2
    moment: Tensor | None = None  # m = E_p g, (n, d)
    overlap: Tensor | None = None  # sum min(p, q) with the second head's law q

    def __len__(self) -> int:
        return len(self.log_partition)

    def __getitem__(self, index: slice | Tensor) -> Tokens:
        """Rows by slice, by a boolean mask (n,) or by an index tensor."""
        chosen = {name: None if x is None else x[index] for name, x in self._items()}
        return Tokens(**chosen)  # type: ignore[arg-type]

    def _items(self) -> list[tuple[str, Tensor | None]]:
        return [(field.name, getattr(self, field.name)) for field in fields(self)]

    @staticmethod
    def cat(parts: Sequence[Tokens]) -> Tokens:
        """One after the other.

        Raises:
            ValueError: no part, or a quantity that only some of the parts have.
        """
        if not parts:
            raise ValueError("no tokens to join: give at least one part")
        joined: dict[str, Tensor | None] = {}
        for name, first in parts[0]._items():
            rows = [getattr(part, name) for part in parts]
            if any((x is None) != (first is None) for x in rows):
                raise ValueError(f"{name} is known in some parts only: scan all parts with the same arguments")
            joined[name] = None if first is None else torch.cat(rows)
        return Tokens(**joined)  # type: ignore[arg-type]

    def renyi(self, order: int | float | Fraction) -> Tensor:
        """Renyi's entropy of order 1/2, 1, 3/2, 2 or inf, in nats (n,).

        Raises:
            ValueError: another order; it does not follow from these sums.
        """
        if order == 1:
            return self.entropy
        if order == inf:
            return -self.top.log()
        sums = {Fraction(1, 2): self.half_sum, Fraction(3, 2): self.three_halves_sum, Fraction(2): self.square_sum}
        if order not in sums:
            raise ValueError(f"Renyi order {order}: the pass gives orders 1/2, 1, 3/2, 2 and inf")
        return sums[Fraction(order)].log() / float(1 - Fraction(order))
