"""Float64 tensors with named axes and a running bound on their rounding error.

Every operation adds the error that it may make to what it inherits, in the manner of Higham, "Accuracy and Stability of
Numerical Algorithms" (2002), chapter 3. The value carries derivatives; the bound does not. Conventions are those of the
statement language: a factor that is exactly zero makes a product zero, log 0 is minus infinity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from lmlaws.theory.expressions import Letter

UNIT = 2.0**-53
"""The unit roundoff of float64."""

MOST_ELEMENTS = 2**24
"""No tensor larger than this is built; 128 MiB in float64."""


class TooLargeError(ValueError):
    """A tensor of more than MOST_ELEMENTS would be needed; the message says over which letters."""


@dataclass(frozen=True)
class Bounded:
    """A tensor over letters, one axis each, with a bound on the absolute error of every element."""

    value: Tensor
    error: Tensor
    letters: tuple[Letter, ...] = ()

    @staticmethod
    def exact(number: Fraction | float) -> Bounded:
        """A number; its error is the rounding to float64."""
        value = torch.tensor(float(number), dtype=torch.float64)
        exact = Fraction(number) == Fraction(float(number))
        return Bounded(value, value.abs() * (0.0 if exact else UNIT))

    def aligned(self, letters: tuple[Letter, ...]) -> tuple[Tensor, Tensor]:
        """Value and error with one axis for each of the letters, of length 1 where this does not depend on one."""
        order = [self.letters.index(x) for x in letters if x in self.letters]
        shape = [self.value.shape[self.letters.index(x)] if x in self.letters else 1 for x in letters]
        return self.value.permute(order).reshape(shape), self.error.permute(order).reshape(shape)

    def __add__(self, other: Bounded) -> Bounded:
        (a, ea), (b, eb), letters = _together(self, other)
        value = a + b
        finite = value.detach().isfinite()
        error = torch.where(finite, ea + eb + UNIT * value.detach().abs(), torch.zeros_like(value.detach()))
        return Bounded(value, error, letters)

    def __mul__(self, other: Bounded) -> Bounded:
        (a, ea), (b, eb), letters = _together(self, other)
        zero = ((a == 0) & (ea == 0)) | ((b == 0) & (eb == 0))
        value = torch.where(zero, torch.zeros((), dtype=torch.float64), a * b)
        x, y = a.detach().abs(), b.detach().abs()
        error = x * eb + y * ea + ea * eb + UNIT * (x * y)
        return Bounded(value, torch.where(zero | value.detach().isinf(), torch.zeros_like(error), error), letters)

    def log(self) -> Bounded:
        a, e = self.value, self.error
        value = a.log()
        low = a.detach() - e
        error = torch.where(low > 0, e / low + 2 * UNIT * value.detach().abs(), torch.full_like(e, torch.inf))
        return Bounded(value, torch.where((a == 0) & (e == 0), torch.zeros_like(e), error), self.letters)

    def power(self, exponent: Fraction) -> Bounded:
        """A rational power; zero to a negative power is infinite."""
        a, e, r = self.value, self.error, float(exponent)
        value = a**r
        low, high = (a.detach().abs() - e).clamp(min=0), a.detach().abs() + e
        slope = abs(r) * torch.maximum(low ** (r - 1), high ** (r - 1))
        error = torch.where(e == 0, torch.zeros_like(e), slope * e) + 4 * UNIT * value.detach().abs()
        return Bounded(value, torch.where((a == 0) & (e == 0), torch.zeros_like(e), error), self.letters)

    def abs(self) -> Bounded:
        return Bounded(self.value.abs(), self.error, self.letters)

    def sum(self, letter: Letter, size: int) -> Bounded:
        """The sum over a letter; a value that does not depend on it is multiplied by the alphabet's size."""
        if letter not in self.letters:
            return self * Bounded.exact(size)
        axis = self.letters.index(letter)
        magnitude = self.value.detach().abs().sum(axis)
        error = self.error.sum(axis) + size * UNIT * torch.where(
            magnitude.isinf(), torch.zeros_like(magnitude), magnitude
        )
        return Bounded(self.value.sum(axis), error, tuple(x for x in self.letters if x != letter))

    def renamed(self, letters: Sequence[Letter]) -> Bounded:
        """The same tensor over other letters, axis by axis."""
        return Bounded(self.value, self.error, tuple(letters))


def _together(a: Bounded, b: Bounded) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], tuple[Letter, ...]]:
    letters = tuple(dict.fromkeys((*a.letters, *b.letters)))
    sizes = {x: n for own in (a, b) for x, n in zip(own.letters, own.value.shape)}
    count = 1
    for size in sizes.values():
        count *= size
    if count > MOST_ELEMENTS:
        names = ", ".join(f"{x.name} ({n})" for x, n in sizes.items())
        raise TooLargeError(f"a tensor of {count} elements over the letters {names}")
    return a.aligned(letters), b.aligned(letters), letters
