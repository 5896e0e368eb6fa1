"""The type of exact real numbers, `Exact`: arithmetic, decided order, text and correct rounding.

Its functions (log, sqrt, exp and sums of logs) are in `numbers`, which is the module to import from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from flint import arb, fmpq, fmpz

from lmlaws.checks.exact import forms, order
from lmlaws.checks.exact.forms import Rational, Terms
from lmlaws.checks.exact.order import PRECISION_LIMIT, Ball
from lmlaws.checks.exact.writing import written


class Exact:
    """A number whose `==`, `<` and the like are decided or raise `Undecided`, never approximate.

    Made by `Exact.of`, `Exact.parse`, `log`, `sqrt`, `exp`, `acos` and arithmetic. str() is exact text that
    `Exact.parse` reads back; float() is the nearest double. Infinity obeys the extended reals; inf - inf, 0*inf and
    inf/inf raise ArithmeticError (for the conventions of information theory see `weighted` and `ratio`).
    """

    __slots__ = ("_first", "_infinite", "_normal", "_terms")

    def __init__(self, terms: Terms, infinite: int = 0) -> None:
        """From a polynomial (see `forms`); infinite is 1 or -1 for the infinities, whose terms are empty."""
        self._terms = terms
        self._infinite = infinite
        self._normal: Terms | None = None
        self._first: Ball | None = None  # comparing and rounding one number ask for the same ball

    @classmethod
    def of(cls, x: Any) -> Exact:
        """An exact number from an int, Fraction, flint rational, Exact, or text such as "1/2" or "log(2)/2"."""
        if isinstance(x, Exact):
            return x
        if isinstance(x, str):
            return cls.parse(x)
        return cls(forms.constant(to_fmpq(x)))

    @classmethod
    def parse(cls, text: str) -> Exact:
        """Read "1/2*log(2) + sqrt(3)/3"; a malformed text raises `reading.ParseError`, which has a column."""
        from lmlaws.checks.exact.reading import parse

        return parse(text)

    @classmethod
    def of_logs(cls, logs: Mapping[int, Fraction | int], denominator: int = 1) -> Exact:
        """The sum of c * log(n) over integers n > 0 to c, divided by the denominator."""
        one = forms.NO_ROOT
        return cls({(((n, 1),), one, 0): to_fmpq(c) / denominator for n, c in logs.items() if c and n > 1})

    @classmethod
    def sum(cls, numbers: Iterable[Any]) -> Exact:
        """The sum of many numbers, in linear time."""
        total: Terms = {}
        infinite = Exact({})
        for x in map(cls.of, numbers):
            if x._infinite:
                infinite = infinite + x
            else:
                forms.add_into(total, x._terms.items())
        return infinite if infinite._infinite else cls(total)

    # arithmetic

    def __add__(self, other: object) -> Exact:
        y = _operand(other)
        if y is None:
            return NotImplemented
        if self._infinite or y._infinite:
            if self._infinite + y._infinite == 0:
                raise ArithmeticError("inf - inf has no value")
            return self if self._infinite else y
        big, small = (self, y) if len(self._terms) >= len(y._terms) else (y, self)
        total = dict(big._terms)
        forms.add_into(total, small._terms.items())
        return Exact(total)

    __radd__ = __add__

    def __neg__(self) -> Exact:
        return Exact({m: -c for m, c in self._terms.items()}, -self._infinite)

    def __pos__(self) -> Exact:
        return self

    def __sub__(self, other: object) -> Exact:
        y = _operand(other)
        return NotImplemented if y is None else self + -y

    def __rsub__(self, other: object) -> Exact:
        y = _operand(other)
        return NotImplemented if y is None else y + -self

    def __mul__(self, other: object) -> Exact:
        y = _operand(other)
        if y is None:
            return NotImplemented
        if self._infinite or y._infinite:
            sign = self.sign() * y.sign()
            if sign == 0:
                raise ArithmeticError("0*inf has no value; `weighted` follows the convention that it is 0")
            return INF if sign > 0 else -INF
        return Exact(forms.times(self._terms, y._terms))

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Exact:
        y = _operand(other)
        if y is None:
            return NotImplemented
        if y._infinite:
            if self._infinite:
                raise ArithmeticError("inf/inf has no value")
            return Exact({})
        return self * y._inverse()

    def __rtruediv__(self, other: object) -> Exact:
        y = _operand(other)
        return NotImplemented if y is None else y / self

    def _inverse(self) -> Exact:
        sign = self.sign()
        if not sign:
            raise ZeroDivisionError("division by an exact zero; `ratio` follows the conventions 0/0 = 0, a/0 = inf")
        return Exact(forms.inverse(self._normal_form() if len(self._terms) > 1 else self._terms, sign))

    def __pow__(self, power: object) -> Exact:
        """x**k for a rational k; ValueError for a power that is no integer of a negative number."""
        if not isinstance(power, int | Fraction | fmpz | fmpq):
            return NotImplemented
        q = Fraction(int(fmpq(power).p), int(fmpq(power).q)) if isinstance(power, fmpz | fmpq) else Fraction(power)
        if q.denominator != 1:
            return _real_power(self, q)
        base = self if q >= 0 else 1 / self
        result, k = Exact.of(1), abs(q.numerator)
        while k:
            if k & 1:
                result = result * base
            k >>= 1
            base = base * base if k else base
        return result

    def __abs__(self) -> Exact:
        return -self if self.sign() < 0 else self

    # order

    def sign(self, limit: int = PRECISION_LIMIT) -> int:
        """-1, 0 or 1; Undecided when balls of `limit` bits do not separate a nonzero form from zero."""
        return self._infinite or order.sign(self._terms, limit, self._first_ball() if len(self._terms) > 1 else None)

    def __eq__(self, other: object) -> bool:
        y = _operand(other)
        if y is None:
            return NotImplemented
        if self._infinite or y._infinite:
            return self._infinite == y._infinite
        return order.is_zero((self - y)._terms)

    def _compare(self, y: Exact) -> int:
        if self._infinite or y._infinite:
            return self._infinite - y._infinite
        return (self - y if y._terms else self).sign()

    def __lt__(self, other: object) -> bool:
        y = _operand(other)
        return NotImplemented if y is None else self._compare(y) < 0

    def __le__(self, other: object) -> bool:
        y = _operand(other)
        return NotImplemented if y is None else self._compare(y) <= 0

    def __gt__(self, other: object) -> bool:
        y = _operand(other)
        return NotImplemented if y is None else self._compare(y) > 0

    def __ge__(self, other: object) -> bool:
        y = _operand(other)
        return NotImplemented if y is None else self._compare(y) >= 0

    def __hash__(self) -> int:
        """Equal numbers hash alike: a rational as its Fraction, another by its value rounded to 17 digits."""
        if self._infinite:
            return hash(("Exact", self._infinite))
        value = self.rational()
        return hash(("Exact", self.decimal(17)) if value is None else value)

    # the value

    def is_finite(self) -> bool:
        """Whether the number is neither inf nor -inf."""
        return not self._infinite

    def rational(self) -> Fraction | None:
        """The value as a Fraction when it is one and that is seen (see `order.rational_of`); None for infinity too."""
        return None if self._infinite else order.rational_of(self._normal_form())

    def ball(self, precision: int) -> Ball:
        """An `arb` that encloses the value, computed with this many bits."""
        return arb("inf") * self._infinite if self._infinite else order.ball(self._normal_form(), precision)

    def _first_ball(self) -> Ball:
        if self._first is None:
            self._first = order.ball(self._terms, order.FIRST_PRECISION)
        return self._first

    def __float__(self) -> float:
        """The nearest double, ties to even; OverflowError beyond the doubles."""
        if self._infinite:
            return self._infinite * float("inf")
        return order.rounded(self._terms, float, self._first_ball())

    def decimal(self, digits: int) -> str:
        """The value correctly rounded to this many significant digits, as text without trailing zeros."""
        if self._infinite:
            return str(self)
        context = Context(prec=digits, Emax=10**6, Emin=-(10**6))

        def nearest(x: Fraction) -> Decimal:
            return context.divide(Decimal(x.numerator), Decimal(x.denominator))

        number = order.rounded(self._terms, nearest, self._first_ball()).normalize(context)
        return f"{number:f}" if -7 <= number.adjusted() <= max(digits, 20) else str(number)

    def _normal_form(self) -> Terms:
        if self._normal is None:
            self._normal = forms.normalise(self._terms)
        return self._normal

    def __str__(self) -> str:
        return ("inf" if self._infinite > 0 else "-inf") if self._infinite else written(self._normal_form())

    def __repr__(self) -> str:
        return f"Exact.parse({str(self)!r})"


INF = Exact({}, 1)


def to_fmpq(x: Any) -> Rational:
    """An int, Fraction, flint number or text such as "1/2" or "0.5" as a flint rational; TypeError for floats."""
    if type(x) is fmpq:
        return x
    if type(x) is Fraction:
        return fmpq(*x.as_integer_ratio())
    if isinstance(x, int | fmpz | fmpq):
        return fmpq(x)
    if isinstance(x, str):
        value = Exact.parse(x).rational()
        if value is None:
            raise ValueError(f"{x!r} is not a rational number")
        return to_fmpq(value)
    raise TypeError(
        f"{x!r} of type {type(x).__name__} is not exact: give an int, a Fraction or text such as '1/3' or '0.25'"
    )


def _operand(x: object) -> Exact | None:
    """The other operand of an operation; None for foreign types, TypeError for a float (which is never exact)."""
    if isinstance(x, Exact):
        return x
    return Exact.of(x) if isinstance(x, int | Fraction | fmpz | fmpq | float) else None


def _real_power(x: Exact, power: Fraction) -> Exact:
    """The power of x >= 0; the power is no integer."""
    sign = x.sign()
    if sign < 0:
        raise ValueError(f"the power {power} of the negative number {x}")
    if not x.is_finite() or not sign:
        if (power > 0) == (sign == 0):
            return Exact({})
        if not sign:
            raise ZeroDivisionError(f"the power {power} of an exact zero")
        return x
    return Exact(forms.real_power(x._normal_form() if len(x._terms) > 1 else x._terms, power))
