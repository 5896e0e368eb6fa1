"""Statistics of tokens that merge exactly: what they say depends on which tokens there are, not on how they came.

Scalars are summed without rounding. Vectors and matrices are sums of integers in units of a fixed quantum, rounded a
token at a time; so chunks, restarts, workers and machines give the same bits in any order and any grouping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmlaws.numerics.tokens import Tokens

Array = np.ndarray[Any, Any]
At = slice | tuple[slice, slice]

NAMES = ("nll", "log_partition", "entropy", "square_sum", "three_halves_sum", "half_sum", "top", "error", "trace",
         "overlap")  # fmt: skip
SCALE = 1126
"""Scalars are integers in units of 2^-SCALE: every float64 is one."""
SCALAR_BYTES = 288
BITS = 43
"""Laws and vectors are rounded, token by token, to 2^-BITS."""
DIGIT, FINEST = 22, 40
"""Matrices: entries are rounded to 2^-FINEST and cut into signed digits of DIGIT bits, whose products sum exactly."""
MATRIX_BITS = 2 * FINEST - DIGIT
PANEL, PART = 128, 2**16
"""Rows of a matrix, and entries of a law, that are added at a time."""
ROWS = 1024
"""Tokens whose rounded entries float64 adds exactly."""
LARGEST = 2.0**24


def exact_sum(values: Tensor) -> int:
    """The sum of finite float64 numbers in units of 2^-SCALE, without rounding."""
    total = 0
    for part in torch.split(values, 1024):  # as many mantissas of 53 bits fit an int64
        mantissas, exponents = np.frexp(part.cpu().numpy())
        integers = np.ldexp(mantissas, 53).astype(np.int64)
        for exponent in np.unique(exponents):
            total += int(integers[exponents == exponent].sum()) << (int(exponent) - 53 + SCALE)
    return total


class FixedSum:
    """A sum of arrays of multiples of 2^-bits: high + low 2^-bits, integers, 0 <= low < 2^bits. Exact to 2^63."""

    def __init__(self, bits: int, *shape: int) -> None:
        self.bits = bits
        self.high, self.low = (torch.zeros(shape, dtype=torch.int64) for _ in range(2))

    def add(self, values: Tensor, at: At = slice(None)) -> None:
        """Add float64 multiples of 2^-bits, below 2^53 in size (overwritten), to the entries `at`."""
        whole = values.trunc()
        self._carry(whole.long().cpu(), values.sub_(whole).mul_(2.0**self.bits).long().cpu(), at)

    def merge(self, other: FixedSum) -> None:
        """Add another sum."""
        self._carry(other.high, other.low, slice(None))

    def _carry(self, high: Tensor, low: Tensor, at: At) -> None:
        self.low[at] += low
        self.high[at] += high + (self.low[at] >> self.bits)
        self.low[at] &= 2**self.bits - 1

    def mean(self, count: int) -> Tensor:
        """The sum over count, float64."""
        whole = self.low >> (self.bits - 1)  # the nearest integer, so that nothing cancels near zero
        part = self.low - (whole << self.bits)
        return ((self.high + whole).double() + part.double() * 2.0**-self.bits) / count


def add_vectors(total: FixedSum, rows: Tensor) -> None:
    """Add the rows of a float64 matrix (n, d), each rounded to the quantum."""
    for part in torch.split(rows, ROWS):
        whole = part.trunc()
        total.add(whole.sum(0))
        total.add(((part - whole) * 2.0**total.bits).round_().sum(0) * 2.0**-total.bits)


def add_outer(total: FixedSum, rows: Tensor) -> None:
    """Add x x^T of each row x (d,) of a float64 matrix (n, d), on and above the diagonal.

    Leaves out the products of the finest digits, below 2^-38.
    """
    for part in torch.split(rows, ROWS):
        rest, digits = (part * 2.0**FINEST).round_(), []
        while bool(rest.any()):
            above = (rest * 2.0**-DIGIT).round_()
            digits.append(rest.sub_(above, alpha=2.0**DIGIT))
            rest = above
        for start in range(0, part.shape[1], PANEL):
            panel, right = slice(start, start + PANEL), slice(start, None)
            for i, low in enumerate(digits):
                for j, high in enumerate(digits[i:], i):
                    if j > 0:
                        product = low[:, panel].T @ high[:, right]
                        if i != j:
                            product += high[:, panel].T @ low[:, right]
                        total.add(product.mul_(2.0 ** (DIGIT * (i + j) - 2 * FINEST)), (panel, right))


@dataclass(eq=False)
class Statistics:
    """Sums over tokens; a commutative monoid under +, bit for bit whatever the order and the grouping.

    Means are float64. `law`, `moment`, ... are known where scan was asked for statistics. Ranges: 2^60 tokens; vectors
    with entries below 2^24.
    """

    vocabulary: int
    dim: int
    count: int = 0
    correct: int = 0
    sums: dict[str, int] = field(default_factory=dict)  # name -> sum in units of 2^-SCALE
    counts: dict[str, int] = field(default_factory=dict)  # name -> tokens that have it
    infinite: dict[str, int] = field(default_factory=dict)  # name -> tokens where it is infinite
    fixed: dict[str, FixedSum] = field(default_factory=dict)

    @staticmethod
    def zero(vocabulary: int, dim: int, full: bool = True) -> Statistics:
        """Of no token; without `full` scalars only."""
        result = Statistics(vocabulary, dim)
        if full:
            result.fixed = {
                "law": FixedSum(BITS, vocabulary),
                "moment": FixedSum(BITS, dim),
                "hidden": FixedSum(BITS, dim),
                "moment_outer": FixedSum(MATRIX_BITS, dim, dim),
                "hidden_outer": FixedSum(MATRIX_BITS, dim, dim),
            }
        return result

    def add(self, tokens: Tokens, hidden: Tensor, law: Tensor | None) -> None:
        """Count in at most 1,024 tokens, with what the head was applied to, (n, d), and the sum of their laws.

        The law is in units of 2^-BITS, (V,), and set to zero.

        Raises:
            ValueError: an entry of size 2^24 or more; names the position.
        """
        self.count += len(tokens)
        if tokens.correct is not None:
            self.correct += int(tokens.correct.sum())
        for name in NAMES:
            values = getattr(tokens, name)
            if values is not None:
                finite = values[values.isfinite()]
                self.sums[name] = self.sums.get(name, 0) + exact_sum(finite)
                self.counts[name] = self.counts.get(name, 0) + len(values)
                self.infinite[name] = self.infinite.get(name, 0) + len(values) - len(finite)
        if law is not None and tokens.moment is not None:
            for start in range(0, self.vocabulary, PART):
                at = slice(start, start + PART)
                self.fixed["law"].add(law[at] * 2.0**-BITS, at)
            law.zero_()
            for name, rows in (("moment", tokens.moment), ("hidden", hidden.double())):
                wrong = (~(rows.abs() < LARGEST)).any(1).nonzero()
                if len(wrong):
                    raise ValueError(f"the {name} vector at position {int(wrong[0])} has an entry of size 2^24 or more")
                add_vectors(self.fixed[name], rows)
                add_outer(self.fixed[name + "_outer"], rows)

    def merge(self, other: Statistics) -> Statistics:
        """The statistics of both.

        Raises:
            ValueError: of heads of different shapes, or one of them without laws.
        """
        shapes = [(s.vocabulary, s.dim, bool(s.fixed)) for s in (self, other)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"statistics do not merge: (V, d, with laws) is {shapes[0]} here, {shapes[1]} there")
        result = Statistics.zero(self.vocabulary, self.dim, bool(self.fixed))
        for part in (self, other):
            result.count += part.count
            result.correct += part.correct
            for kind in ("sums", "counts", "infinite"):
                own = getattr(result, kind)
                for name, number in getattr(part, kind).items():
                    own[name] = own.get(name, 0) + number
            for name, total in part.fixed.items():
                result.fixed[name].merge(total)
        return result

    def __add__(self, other: Statistics) -> Statistics:
        return self.merge(other)

    def sum(self, name: str) -> Fraction | float:
        """The exact sum of a scalar over tokens; inf where a token's is infinite.

        Raises:
            ValueError: no token has it; names what there is.
        """
        if not self.counts.get(name):
            raise ValueError(f"no token has {name!r}: there are {', '.join(self.counts) or 'no tokens'}")
        return inf if self.infinite[name] else Fraction(self.sums[name], 2**SCALE)

    def mean(self, name: str) -> float:
        """The mean of a scalar over the tokens that have it. Raises as `sum`."""
        return float(self.sum(name) / self.counts[name])

    def _mean(self, name: str) -> Tensor:
        if not self.fixed or not self.count:
            raise ValueError(f"the mean {name} of {self.count} tokens: scan at least one token with statistics=True")
        mean = self.fixed[name].mean(self.count)
        return mean if mean.ndim == 1 else mean.triu() + mean.triu(1).T

    def law(self) -> Tensor:
        """The mean output law (V,). Raises ValueError without tokens or laws, as those below."""
        return self._mean("law")

    def moment(self) -> Tensor:
        """The mean of m = E_p g (d,)."""
        return self._mean("moment")

    def moment_outer(self) -> Tensor:
        """The mean of m m^T (d, d)."""
        return self._mean("moment_outer")

    def hidden(self) -> Tensor:
        """The mean of h (d,)."""
        return self._mean("hidden")

    def hidden_outer(self) -> Tensor:
        """The mean of h h^T (d, d)."""
        return self._mean("hidden_outer")

    def to_arrays(self) -> dict[str, Array]:
        """For storage, exactly: integers as numbers or as little-endian bytes."""
        arrays = {"shape": np.array([self.vocabulary, self.dim, bool(self.fixed), self.count, self.correct])}
        for name, number in self.sums.items():
            arrays[f"sum.{name}"] = np.frombuffer(number.to_bytes(SCALAR_BYTES, "little", signed=True), np.uint8)
            arrays[f"counts.{name}"] = np.array([self.counts[name], self.infinite[name]])
        for name, total in self.fixed.items():
            arrays[f"fixed.{name}"] = torch.stack([total.high, total.low]).numpy()
        return arrays

    @staticmethod
    def from_arrays(arrays: Mapping[str, Array]) -> Statistics:
        """What `to_arrays` stored."""
        vocabulary, dim, full, count, correct = (int(x) for x in arrays["shape"])
        result = Statistics.zero(vocabulary, dim, bool(full))
        result.count, result.correct = count, correct
        for key, array in arrays.items():
            kind, _, name = key.partition(".")
            if kind == "sum":
                result.sums[name] = int.from_bytes(array.tobytes(), "little", signed=True)
            elif kind == "counts":
                result.counts[name], result.infinite[name] = (int(x) for x in array)
            elif kind == "fixed":
                result.fixed[name].high, result.fixed[name].low = torch.from_numpy(array.copy()).unbind()
        return result
