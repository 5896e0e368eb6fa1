"""The rules for logs, powers, exponentials, absolute values and derivatives of polynomials (docs/certificates.md)."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

from lmlaws.theory.expressions import Coordinate, Direction, Point

from .polynomials import (
    ZERO_POLY,
    BoxEntry,
    Component,
    Delta,
    Factors,
    Function,
    LogitOf,
    Monomial,
    Partition,
    Poly,
    PowerOf,
    SizeOf,
    Support,
    UnprovableError,
    Weight,
    atom,
    build,
    collect,
    fresh,
    letters,
    logit,
    nonnegative,
    number,
    opened,
    positive_combination,
    sum_letters,
    total,
)

MOST_ROOT = 10**15
"""Roots of integers below this one are taken, exactly."""
MOST_PRIME = 10_000
"""Rationals in logarithms are split over primes up to this one (docs/certificates.md)."""


def apply(name: str, poly: Poly) -> Poly:
    """log, exp or abs of a polynomial."""
    return {"log": log, "exp": exp, "abs": absolute}[name](poly)


def _product_of_atoms(poly: Poly) -> tuple[Monomial, Fraction] | None:
    """The single term of a polynomial, when it has one and no bound letters."""
    if len(poly.terms) == 1 and not poly.terms[0][0].bound:
        return poly.terms[0]
    return None


def log(poly: Poly) -> Poly:
    """The logarithm: split over products of nonnegative atoms and over the primes of rationals."""
    single = _product_of_atoms(poly)
    if single is not None:
        monomial, value = single
        return total([_log_rational(value), *(_log_atom(a).scaled(e) for a, e in monomial.factors)])
    if not poly.terms:
        raise UnprovableError("the logarithm of 0")
    if not positive_combination(poly):
        raise UnprovableError("the logarithm of a difference")
    content, rest = _content(poly)
    if content != number(1):
        return log(content) + log(rest)
    return atom(Function("log", poly))


def _log_atom(node: object) -> Poly:
    if isinstance(node, Weight):
        return logit(node.point, node.letter) - atom(Partition(node.point))
    if isinstance(node, Function) and node.name == "exp":
        return node.of
    if isinstance(node, PowerOf) and positive_combination(node.of):
        return log(node.of)
    if isinstance(node, BoxEntry | SizeOf | Delta):
        return atom(Function("log", atom(node)))
    if isinstance(node, Function) and node.name == "abs":
        return atom(Function("log", atom(node)))
    raise UnprovableError("the logarithm of something that may be negative")


def _log_rational(value: Fraction) -> Poly:
    if value <= 0:
        raise UnprovableError(f"the logarithm of {value}")
    parts = []
    for whole, sign in ((value.numerator, 1), (value.denominator, -1)):
        prime = 2
        while whole > 1:
            if prime * prime > whole:
                prime = whole
            if prime > MOST_PRIME and whole != prime:
                raise UnprovableError(f"the logarithm of {value}: no small prime factor")
            while whole % prime == 0:
                whole //= prime
                parts.append(atom(Function("log", number(prime))).scaled(Fraction(sign)))
            prime += 1
    return total(parts)


def exp(poly: Poly) -> Poly:
    """The exponential; exp 0 is 1."""
    return atom(Function("exp", poly)) if poly.terms else number(1)


def power(poly: Poly, exponent: Fraction) -> Poly:
    """A rational power: products of nonnegative atoms factor by factor, nonnegative integers by multiplying out."""
    if exponent == 1:
        return poly
    if exponent == 0:
        raise UnprovableError("the power 0 of what may vanish")
    if exponent.denominator == 1 and 0 < exponent <= 12:
        return reduce(lambda a, b: a * b, [poly] * int(exponent), number(1))
    single = _product_of_atoms(poly)
    if single is not None:
        monomial, value = single
        if value < 0 or not all(nonnegative(a) for a, _ in monomial.factors):  # (-x)^-1 is inf at 0, and so is x^-1
            raise UnprovableError("a negative or fractional power of something that may be negative")
        supports = {a: e for a, e in monomial.factors if isinstance(a, Support)}
        if supports and exponent < 0:
            raise UnprovableError("a quotient that is infinite where a weight vanishes")
        factors = {a: e * exponent for a, e in monomial.factors} | supports
        return build(_rational_power(value, exponent), (), factors)
    if not poly.terms:
        raise UnprovableError(f"0 to the power {exponent}")
    content, rest = _content(poly)
    if content != number(1):
        return power(content, exponent) * power(rest, exponent)
    if not positive_combination(poly):
        raise UnprovableError("a negative or fractional power of a difference")
    return build(Fraction(1), (), {PowerOf(poly): exponent})


def _rational_power(value: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator == 1:
        return value ** int(exponent)
    if value > 0:
        p, q = (_root(n, exponent.denominator) for n in (value.numerator, value.denominator))
        if p and q:
            return Fraction(p, q) ** exponent.numerator
    raise UnprovableError(f"{value} to the power {exponent} is not rational")


def _root(number: int, degree: int) -> int:
    """The root of a perfect power, else 0."""
    guess = round(number ** (1 / degree)) if number < MOST_ROOT else 0
    return guess if guess**degree == number else 0


def _content(poly: Poly) -> tuple[Poly, Poly]:
    """The common positive factor of a polynomial (first coefficient, common nonnegative atoms), and the rest."""
    scale = abs(poly.terms[0][1])
    shared: Factors | None = None
    for monomial, _ in poly.terms:
        own: Factors = {a: e for a, e in monomial.factors if nonnegative(a) and e > 0 and not isinstance(a, Support)}
        shared = own if shared is None else {a: min(e, own[a]) for a, e in shared.items() if a in own}
    shared = {a: e for a, e in (shared or {}).items() if not any(_mentions_bound(a, m) for m, _ in poly.terms)}
    rest = []
    for monomial, value in poly.terms:
        factors = {a: e - shared.get(a, Fraction(0)) for a, e in monomial.factors}
        rest.append(build(value / scale, monomial.bound, {a: e for a, e in factors.items() if e}))
    return build(scale, (), shared), total(rest)


def _mentions_bound(node: object, monomial: Monomial) -> bool:
    return any(letter in monomial.bound for letter in letters(node))


def absolute(poly: Poly) -> Poly:
    """The absolute value: common nonnegative factors come out; a known sign is used; else the sign is normalised."""
    if not poly.terms:
        return ZERO_POLY
    content, rest = _content(poly)
    for side in (rest, rest.scaled(Fraction(-1))):
        if positive_combination(side) or _one_minus_weights(side):
            return content * side
    if rest.terms[0][1] < 0:
        rest = rest.scaled(Fraction(-1))
    return content * atom(Function("abs", rest))


def _one_minus_weights(poly: Poly) -> bool:
    """c - sum c_i m_i with c >= sum |c_i| and every m_i a product of weights in [0, 1]."""
    constant, spent = Fraction(0), Fraction(0)
    for monomial, value in poly.terms:
        if not monomial.factors:
            constant += value
        elif not monomial.bound and all(
            isinstance(a, BoxEntry | Weight | Delta | Support) and e > 0 for a, e in monomial.factors
        ):
            spent += abs(value)
        else:
            return False
    return constant >= spent


def derivative(poly: Poly, at: Point, along: Direction) -> Poly:
    """The directional derivative, by the product rule; softmax weights differentiate to weights."""
    parts = []
    for monomial, value in poly.terms:
        bound, factors = opened(monomial)
        parts.append(sum_letters(bound, _product_rule(value, factors, at, along)))
    return total(parts)


def _product_rule(value: Fraction, factors: Factors, at: Point, along: Direction) -> Poly:
    parts = []
    for node, exponent in factors.items():
        change = _atom_derivative(node, at, along)
        rest = {a: e for a, e in factors.items() if a != node}
        if change.terms:
            own = power(atom(node), exponent - 1) if exponent != 1 else number(1)
            parts.append(build(value * exponent, (), rest) * own * change)
    return total(parts)


def _atom_derivative(node: object, at: Point, along: Direction) -> Poly:
    if isinstance(node, Weight) and node.point == at:
        return atom(node) * (logit(along, node.letter) - _mean_logit(at, along))
    if isinstance(node, Partition) and node.point == at:
        return _mean_logit(at, along)
    if isinstance(node, LogitOf) and node.vector == at:
        return logit(along, node.letter)
    if isinstance(node, Component) and isinstance(node.of, Coordinate) and node.of.vector == at:
        return atom(Component(Coordinate(along, node.of.axis)))
    if isinstance(node, Function | PowerOf):
        inner = derivative(node.of, at, along)
        if not inner.terms or isinstance(node, PowerOf):
            return inner
        if node.name == "log":
            return inner * power(node.of, Fraction(-1))
        if node.name == "exp":
            return inner * atom(node)
        raise UnprovableError("the derivative of an absolute value")
    return collect(())


def _mean_logit(point: Point, along: Direction) -> Poly:
    letter = fresh(point.head.tokens)
    return sum_letters((letter,), atom(Weight(point, letter)) * logit(along, letter))
