"""Functions of one variable u >= 1: sums of products of powers of u, logs, and powers of sums of powers."""

from fractions import Fraction
from itertools import accumulate
from math import factorial, lcm

from .algebra import ONE, UNIT, Atom, Poly, total_of
from .expansion import Expansion
from .functions import number
from .reading import bounded, need, within

U: Atom = ("size", "u", ())  # a name for the variable; sizes of objects never meet it
_DEGREE = 200
_E = sum((Fraction(1, factorial(k)) for k in range(41)), Fraction(0))
_BOUNDS = (_E, _E + Fraction(1, factorial(40)))  # e lies between


def not_negative(value: Poly) -> bool:
    """Whether a value is seen to be >= 0: no coefficient is negative, or it is rational but for logs of rationals."""
    if min(value.values(), default=0) >= 0:
        return True
    scale, product = lcm(*[c.denominator for c in value.values()]), ONE
    for (_, factors), c in value.items():
        if factors:
            (kind, data, _), to = factors[0]
            if len(factors) > 1 or kind != "log" or to[0] != 1:
                return False
            least = dict(data)[UNIT] if c > 0 else 1 / dict(data)[UNIT]
            product = bounded(product * bounded(least, int(abs(c) * scale)))
    power = int(-value.get(UNIT, Fraction(0)) * scale)  # the sum is >= 0 when the product is at least e^power
    bound = _BOUNDS[power > 0]
    return product >= bounded(bound if power > 0 else 1 / bound, abs(power))


class Calculus(Expansion):
    """An expansion that also differentiates by u."""

    def derived(self, poly: Poly) -> Poly:
        """The derivative by u."""
        return self.derivative(poly, U[:2], ())

    def never_negative(self, poly: Poly, chain: tuple[Fraction, ...]) -> None:
        """Refuse unless a function is >= 0 for u >= 1: it is at 1, and so, after a power of u, is its derivative."""
        for exponent in chain:
            need(not_negative(self.at_one(poly)), "a function of the chain is not seen to be nonnegative at 1")
            poly = self.derived(self.times(poly, self.power(self.atom(*U), exponent)) if exponent else poly)
        lowest: dict[Atom, Fraction] = {}
        for atom, (exponent, _) in (factor for _, factors in poly for factor in factors):
            lowest[atom] = min(lowest.get(atom, Fraction(0)), exponent)
        poly = self.multiplied(ONE, (), [(atom, (-k, False)) for atom, k in lowest.items() if k], [poly])
        powers_only = all(atom == U for _, factors in poly for atom, _ in factors)
        need(powers_only, "a chain that does not end in powers of u")
        powers = {factors[0][1][0] if factors else Fraction(0): value for (_, factors), value in poly.items()}
        root, top = lcm(*[k.denominator for k in powers]), max(powers, default=Fraction(0))
        within(int(top * root), _DEGREE, f"a chain that ends in a degree above {_DEGREE}")
        row = [powers.get(top - Fraction(k, root), Fraction(0)) for k in range(int(top * root) + 1)]
        while row:  # the coefficients at s = u^(1/root) = 1, by division by s - 1 again and again
            row = list(accumulate(row))
            need(row.pop() >= 0, "a chain that ends in what is not seen to be nonnegative")

    def at_one(self, poly: Poly) -> Poly:
        """The value at u = 1."""
        rows = []
        for (_, factors), value in poly.items():
            parts = [number(value)]
            for atom, (exponent, _) in factors:
                inside = number(1) if atom == U else self.at_one(dict(atom[1]))
                parts.append(self.power(self.log(inside) if atom[0] == "log" else inside, exponent))
            rows.append(self.times(*parts))
        return total_of(rows)
