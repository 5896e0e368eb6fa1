"""Polynomials over the rationals in log(n), roots and exp(r), and in functions of such polynomials: their algebra.

A polynomial is a dict from monomials to nonzero rational coefficients. A monomial is a triple
    (factors, (s, k), exponent)   meaning   factor^e * ... * s^(1/k) * exp(exponent)
with s >= 1 and k >= 1 integers (NO_ROOT is s = k = 1) and exponent a rational, normally the int 0 where it is zero (an
int hashes much faster than the flint rational that it equals). A factor is an integer n > 1, which stands for log(n)
and has an integer power, or an `Atom`. Products keep the integers as they come; only `normalise` looks for their
common factors.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import ceil, floor, gcd, lcm
from typing import Any, TypeAlias

from flint import fmpq

from lmlaws.checks.exact.coprime import Factors as Powers
from lmlaws.checks.exact.coprime import over_coprime_base
from lmlaws.checks.exact.writing import written

Rational = Any  # flint.fmpq, which has no type stubs
Power: TypeAlias = "int | Fraction"
Factors: TypeAlias = "tuple[tuple[int | Atom, Power], ...]"
Root: TypeAlias = tuple[int, int]
Monomial: TypeAlias = "tuple[Factors, Root, Rational]"
Terms: TypeAlias = "dict[Monomial, Rational]"

NO_ROOT: Root = (1, 1)
UNIT: Monomial = ((), NO_ROOT, 0)
_MOST_PRODUCTS = 1_000_000
_MOST_BITS = 10_000_000
_MOST_ROOTS = 8  # the inverse of a sum of square roots over k base elements has up to 2^k terms


class Atom:
    """A real number that is no product of logs, roots and exps: a function of a polynomial in normal form.

    kind "log" and "acos" are those functions, with integer powers; "exp" is that of one monomial, with rational powers.
    kind "sum" is the polynomial itself, which is positive; only fractional and negative powers of it are kept, others
    are multiplied out. Atoms are the same when kind and text are; they come after the integers.
    """

    __slots__ = ("kind", "of", "text")

    def __init__(self, kind: str, of: Terms) -> None:
        self.kind, self.of, self.text = kind, of, written(of)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and (self.kind, self.text) == (other.kind, other.text)

    def __hash__(self) -> int:
        return hash((self.kind, self.text))

    def __lt__(self, other: int | Atom) -> bool:
        return isinstance(other, Atom) and (self.kind, self.text) < (other.kind, other.text)

    def __gt__(self, other: int | Atom) -> bool:
        return not isinstance(other, Atom) or (self.kind, self.text) > (other.kind, other.text)


def constant(c: Rational) -> Terms:
    """The polynomial that is this rational."""
    return {UNIT: c} if c else {}


def power_of_atom(atom: int | Atom, power: Power = 1) -> Terms:
    """A power of log(n) or of an atom as a polynomial."""
    return {(((atom, power),), NO_ROOT, 0): fmpq(1)}


def add_into(total: Terms, terms: Iterable[tuple[Monomial, Rational]]) -> None:
    """Add terms to a polynomial in place, dropping what cancels."""
    for key, c in terms:
        new = total[key] + c if key in total else c
        if new:
            total[key] = new
        else:
            total.pop(key, None)


def scaled(terms: Terms, c: Rational) -> Terms:
    """The polynomial times a nonzero rational."""
    return {monomial: d * c for monomial, d in terms.items()}


def times(x: Terms, y: Terms) -> Terms:
    """The product; OverflowError beyond a million pairs of terms."""
    if len(x) * len(y) > _MOST_PRODUCTS:
        raise OverflowError(f"a product of {len(x)} by {len(y)} terms is beyond the limit of {_MOST_PRODUCTS}")
    result: Terms = {}
    for (factors, root, r), c in x.items():
        for (others, other, q), d in y.items():
            number, joint = _join_roots(root, other)
            add_into(result, [((_join(factors, others), joint, r + q), c * d * number)])
    return result


def to_power(terms: Terms, k: int) -> Terms:
    """The k-th power, k >= 0."""
    result = constant(fmpq(1))
    for bit in bin(k)[2:]:
        result = times(result, result)
        if bit == "1":
            result = times(result, terms)
    return result


def _join_roots(x: Root, y: Root) -> tuple[int, Root]:
    """The product of two roots as an integer times a root."""
    if x == NO_ROOT or y == NO_ROOT:
        return 1, y if x == NO_ROOT else x
    (s, k), (t, m) = x, y
    if k == m == 2:  # sqrt(s) sqrt(t) = g sqrt((s/g) (t/g))
        g = gcd(s, t)
        radicand = (s // g) * (t // g)
        return g, (radicand, 2) if radicand != 1 else NO_ROOT
    index = lcm(k, m)
    if s.bit_length() * index // k + t.bit_length() * index // m > _MOST_BITS:
        raise OverflowError(f"a root of order {index} is too large to be written out")
    return 1, (s ** (index // k) * t ** (index // m), index)


def _join(x: Factors, y: Factors) -> Factors:
    """The product of two products of powers."""
    if not x or not y:
        return x or y
    powers = dict(x)
    for n, e in y:
        powers[n] = powers.get(n, 0) + e
    return tuple(sorted((n, e) for n, e in powers.items() if e))


# the normal form


def normalise(terms: Terms) -> Terms:
    """The polynomial over a coprime base: logs of base elements, roots of products of powers of distinct base elements.

    Without negative powers and without atoms this is {} exactly when the polynomial vanishes identically: real roots
    are linearly independent unless two have a rational ratio (Mordell 1953, Siegel 1972). A negative power of log(n)
    stays whole where n is not a power of one base element; `cleared` removes such powers.
    """
    terms = _expanded(terms)
    integers = {n for factors, _, _ in terms for n, _ in factors if isinstance(n, int)}
    over = over_coprime_base(integers | {s for _, (s, _), _ in terms})
    result: Terms = {}
    linear: dict[int, Rational] = {}  # sums of thousands of logs are the common case
    for (factors, root, r), c in terms.items():
        if len(factors) == 1 and factors[0][0] in over and factors[0][1] == 1 and root == NO_ROOT and not r:
            for b, e in over[factors[0][0]]:  # type: ignore[index]  # an Atom is not in over
                linear[b] = linear[b] + c * e if b in linear else c * e
            continue
        number, rest = _reduced(over[root[0]], root[1])
        product: Terms = {((), rest, r): c * number}
        for n, k in factors:
            product = times(product, _log_power(over[n], n, int(k)) if isinstance(n, int) else power_of_atom(n, k))
        add_into(result, product.items())
    add_into(result, ((((((b, 1),), NO_ROOT, 0), c) for b, c in linear.items())))
    return result


def _expanded(terms: Terms) -> Terms:
    """The polynomial with powers of sums multiplied out, as far as they are whole."""

    def whole(factors: Factors) -> bool:
        return any(type(n) is Atom and n.kind == "sum" and e >= 1 for n, e in factors)

    while big := [monomial for monomial in terms if monomial[0] and whole(monomial[0])]:
        result = {monomial: c for monomial, c in terms.items() if monomial not in set(big)}
        for monomial in big:
            factors, root, r = monomial
            product: Terms = {((), root, r): terms[monomial]}
            for n, e in factors:
                k = floor(e) if isinstance(n, Atom) and n.kind == "sum" and e >= 1 else 0
                if k and isinstance(n, Atom):
                    product = times(product, to_power(n.of, k))
                if e != k:
                    product = times(product, power_of_atom(n, e - k))
            add_into(result, product.items())
        terms = result
    return terms


def _reduced(factors: Powers, k: int) -> tuple[int, Root]:
    """The k-th root of a product of powers of base elements: what comes out, and the root of the rest."""
    number, rest = 1, []
    for b, e in factors:
        number *= b ** (e // k)
        if e % k:
            rest.append((b, e % k))
    shared = gcd(k, *(e for _, e in rest)) if rest else k
    radicand = 1
    for b, e in rest:
        radicand *= b ** (e // shared)
    return number, (radicand, k // shared) if rest else NO_ROOT


def _log_power(factors: Powers, n: int, k: int) -> Terms:
    """log(n)^k over the base, n being the product of these powers of base elements."""
    if len(factors) == 1:
        (b, e) = factors[0]
        return {(((b, k),), NO_ROOT, 0): fmpq(e) ** k}
    if k < 0:
        return power_of_atom(n, k)
    return to_power({(((b, 1),), NO_ROOT, 0): fmpq(e) for b, e in factors}, k)


def denominators(terms: Terms) -> Terms:
    """A product of powers of logs and atoms, a positive number, that clears all negative powers."""
    worst: dict[int | Atom, int] = {}
    for factors, _, _ in terms:
        for n, e in factors:
            if e < 0:
                worst[n] = max(worst.get(n, 0), ceil(-e))
    for n, k in worst.items():
        if isinstance(n, Atom) and n.kind == "log" and k % 2:  # its sign is not known; its square is positive
            worst[n] = k + 1
    return {(tuple(sorted(worst.items())), NO_ROOT, 0): fmpq(1)}


def cleared(terms: Terms) -> Terms:
    """The normal form of the polynomial times its `denominators`: same sign, {} exactly for the zero polynomial."""
    while UNIT not in (below := denominators(terms)):
        terms = normalise(times(terms, below))
    return normalise(terms)


def rational_value(normal: Terms) -> Rational | None:
    """The value when the polynomial in normal form is visibly a rational constant, else None."""
    if not normal:
        return fmpq(0)
    if len(normal) == 1 and UNIT in normal:
        return normal[UNIT]
    below = denominators(normal)
    if UNIT in below:
        return None
    top, bottom = normalise(times(normal, below)), normalise(below)
    key, d = next(iter(bottom.items()))
    c = top.get(key, fmpq(0)) / d
    return c if top == {k: v * c for k, v in bottom.items() if c} else None


def primitive(normal: Terms) -> tuple[Rational, Terms]:
    """(c, p) with the polynomial = c * p, c > 0 rational and p with integer coefficients without common factor."""
    top, bottom = 0, 1
    for c in normal.values():
        top, bottom = gcd(top, int(c.p)), lcm(bottom, int(c.q))
    content = fmpq(top, bottom)
    return content, scaled(normal, 1 / content)


# functions of polynomials


def radical(c: Rational, power: Fraction) -> Terms:
    """c^power of a rational c > 0; OverflowError for a root of an integer of more than ten million bits."""
    k = power.denominator
    if (int(c.p).bit_length() + int(c.q).bit_length()) * abs(power.numerator) * k > _MOST_BITS:
        raise OverflowError(f"the power {power} of {c} is too large to be written out")
    c = c**power.numerator
    return {((), (int(c.p) * int(c.q) ** (k - 1), k), 0): fmpq(1, c.q)} if k > 1 else constant(c)


def real_power(normal: Terms, power: Fraction) -> Terms:
    """The power of a positive polynomial in normal form; the power is no integer."""
    if len(normal) > 1:
        content, whole = primitive(normal)
        return times(radical(content, power), power_of_atom(Atom("sum", whole), power))
    (((factors, (s, k), r), c),) = normal.items()
    result = times(radical(abs(c), power), radical(fmpq(s), power / k))
    result = times(result, {((), NO_ROOT, r * fmpq(power.numerator, power.denominator) if r else 0): fmpq(1)})
    plain = {n: e * power for n, e in factors if isinstance(n, Atom) and n.kind in ("sum", "exp")}
    result = times(result, {(tuple(sorted(plain.items())), NO_ROOT, 0): fmpq(1)})
    rest = {(tuple(part for part in factors if part[0] not in plain), NO_ROOT, 0): fmpq(1 if c > 0 else -1)}
    return result if UNIT in rest else times(result, power_of_atom(Atom("sum", rest), power))


def logarithm(normal: Terms) -> Terms:
    """The logarithm of a positive polynomial in normal form."""
    if len(normal) > 1:
        content, whole = primitive(normal)
        return {**_log_of(content), **power_of_atom(Atom("log", whole))}
    (((factors, (s, k), r), c),) = normal.items()
    total = _log_of(abs(c))
    add_into(total, scaled(_log_of(fmpq(s)), fmpq(1, k)).items())
    add_into(total, constant(fmpq(r)).items())
    rest: Terms = {((), NO_ROOT, 0): fmpq(1 if c > 0 else -1)}
    for n, e in factors:
        if isinstance(n, Atom) and n.kind in ("sum", "exp"):
            inner = logarithm(n.of) if n.kind == "sum" else n.of
            add_into(total, scaled(inner, fmpq(e.numerator, e.denominator)).items())
        else:
            rest = times(rest, power_of_atom(n, e))
    if UNIT not in rest:
        add_into(total, power_of_atom(Atom("log", rest)).items())
    return total


def _log_of(c: Rational) -> Terms:
    """The logarithm of a positive rational, whose numerator and denominator have no common factor."""
    return {(((int(n), 1),), NO_ROOT, 0): fmpq(sign) for n, sign in ((c.p, 1), (c.q, -1)) if n > 1}


def exponential(normal: Terms) -> Terms:
    """exp of a polynomial in normal form: a product of powers, of integers and sums where logs stand alone."""
    result = constant(fmpq(1))
    for monomial, c in normal.items():
        factors, root, r = monomial
        alone = factors[0][0] if len(factors) == 1 and factors[0][1] == 1 and root == NO_ROOT and not r else None
        power = Fraction(int(c.p), int(c.q))
        if monomial == UNIT:
            result = times(result, {((), NO_ROOT, c): fmpq(1)})
        elif isinstance(alone, int):
            result = times(result, radical(fmpq(alone), power))
        elif isinstance(alone, Atom) and alone.kind == "log":
            result = times(result, power_of_atom(Atom("sum", alone.of), power))
        else:
            result = times(result, power_of_atom(Atom("exp", {monomial: fmpq(1)}), power))
    return result


def inverse(normal: Terms, sign: int) -> Terms:
    """1/x of a nonzero polynomial in normal form whose sign is known."""
    if len(normal) == 1:
        (((factors, (s, k), r), c),) = normal.items()
        root = (s ** (k - 1), k) if k > 1 else NO_ROOT
        return {(tuple((n, -e) for n, e in factors), root, -r): 1 / (c * s)}
    if all(not factors and not r and k <= 2 for factors, (_, k), r in normal):
        found = _conjugates(normal)
        if found is not None:
            return found
    content, rest = primitive(normal)
    return scaled(power_of_atom(Atom("sum", scaled(rest, fmpq(sign))), -1), sign / content)


def _conjugates(below: Terms) -> Terms | None:
    """The inverse of a sum of square roots over at most 8 base elements: each root in turn is made to vanish."""
    over = over_coprime_base(s for _, (s, _), _ in below)
    base = sorted({b for factors in over.values() for b, _ in factors})
    if len(base) > _MOST_ROOTS:
        return None
    above = constant(fmpq(1))
    for b in base:
        conjugate: Terms = {m: -c if m[1][0] % b == 0 else c for m, c in below.items()}
        above = times(above, conjugate)
        below = normalise(times(below, conjugate))  # free of sqrt(b)
    return times(above, constant(1 / below[UNIT]))
