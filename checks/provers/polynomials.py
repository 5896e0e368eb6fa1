"""Polynomials over sums of kernel entries: the normal form behind proofs of identities.

A polynomial is a sum of terms; a term is a product of atoms with rational exponents under sums over bound letters.
Atoms are entries of boxes and their supports, softmax weights, logits, log-partitions, symbols, sizes, deltas between
letters, and logs, exponentials, absolute values and powers of polynomials. Building one applies the rules of
docs/certificates.md: deltas are eliminated, rows sum to one, deterministic entries merge. Bound letters get canonical
names, so that equal text means equal polynomial. What a rule can't justify raises UnprovableError; nothing is guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count, permutations, product
from math import factorial, prod
from typing import Any, NamedTuple, TypeAlias, TypeVar

from lmlaws.theory.expressions import (
    At,
    Bias,
    Coordinate,
    Direction,
    Element,
    Embedding,
    Expr,
    Head,
    Hidden,
    Letter,
    Vector,
    axes,
    walk,
)
from lmlaws.theory.terms import Box, Object

from ..engine import Budget

MOST_TERMS = 20_000
MOST_ORDERS = 5_040
_numbers = count()


class UnprovableError(ValueError):
    """The identity calculus has no rule for this; the message says for what."""


class OutOfTimeError(UnprovableError):
    """The budget is spent."""


class Bound(NamedTuple):
    """low <= high, relation number `place` of `given`."""

    place: int
    low: Expr
    high: Expr


class Hypotheses(NamedTuple):
    """What `given` says: places of inputs over which a box sums to one; (f, g, h) with f >> g = h; inequalities.

    `heads` are those of which the statement knows coordinates: their logits are sums over coordinates.
    """

    columns: frozenset[tuple[Box, int]] = frozenset()
    products: frozenset[tuple[Box, Box, Box]] = frozenset()
    bounds: tuple[Bound, ...] = ()
    heads: frozenset[Head] = frozenset()


_contexts: list[tuple[Budget, Hypotheses]] = []


@contextmanager
def within(budget: Budget, given: Hypotheses = Hypotheses()) -> Iterator[None]:  # noqa: B008 - immutable
    """Building polynomials uses these hypotheses in here, and raises OutOfTimeError once the budget is spent."""
    _contexts.append((budget, given))
    try:
        yield
    finally:
        _contexts.pop()


def hypotheses() -> Hypotheses:
    """What may be used of boxes here."""
    return _contexts[-1][1] if _contexts else Hypotheses()


@dataclass(frozen=True)
class BoxEntry:
    """The probability that a box gives `outs` at `ins`."""

    box: Box
    ins: tuple[Letter, ...]
    outs: tuple[Letter, ...]


@dataclass(frozen=True)
class Weight:
    """p_h(w) of a softmax head: always positive."""

    point: Hidden
    letter: Letter


@dataclass(frozen=True)
class LogitOf:
    """The logit of a token at a point or along a direction."""

    vector: Vector
    letter: Letter


@dataclass(frozen=True)
class Partition:
    """The log-partition function A(h)."""

    point: Hidden


@dataclass(frozen=True)
class Component:
    """A real number with indices: of an array, a vector, or a head."""

    of: Element | Coordinate | Embedding | Bias


@dataclass(frozen=True)
class Parameter:
    """A real symbol."""

    name: str


@dataclass(frozen=True)
class SizeOf:
    """The number of letters of an object."""

    alphabet: Object


@dataclass(frozen=True)
class Delta:
    """1 where two letters are equal, else 0."""

    a: Letter
    b: Letter


@dataclass(frozen=True)
class Support:
    """1 where an entry is positive, else 0, and a product with it is 0 there: what p p^-1 remembers of p."""

    of: BoxEntry


@dataclass(frozen=True)
class Function:
    """log, exp or abs of a polynomial that no rule takes apart."""

    name: str
    of: Poly


@dataclass(frozen=True)
class PowerOf:
    """A polynomial of several terms, to be raised to a power that can't be multiplied out."""

    of: Poly


Atom: TypeAlias = (
    "BoxEntry | Weight | LogitOf | Partition | Component | Parameter | SizeOf | Delta | Support | Function | PowerOf"
)
Factors: TypeAlias = dict[Atom, Fraction]


@dataclass(frozen=True)
class Monomial:
    """A product of atoms with exponents, under sums over the bound letters."""

    bound: tuple[Letter, ...]
    factors: tuple[tuple[Atom, Fraction], ...]


@dataclass(frozen=True)
class Poly:
    """A sum of monomials with rational coefficients, sorted by text."""

    terms: tuple[tuple[Monomial, Fraction], ...]

    def __add__(self, other: Poly) -> Poly:
        return collect((*self.terms, *other.terms))

    def __sub__(self, other: Poly) -> Poly:
        return self + other.scaled(Fraction(-1))

    def __mul__(self, other: Poly) -> Poly:
        if len(self.terms) * len(other.terms) > MOST_TERMS:
            raise UnprovableError(f"a product of more than {MOST_TERMS} terms")
        return total(_product(a, x, b, y) for a, x in self.terms for b, y in other.terms)

    def scaled(self, number: Fraction) -> Poly:
        return Poly(tuple((m, c * number) for m, c in self.terms)) if number else ZERO_POLY

    @property
    def constant(self) -> Fraction | None:
        """The value of a polynomial without atoms, else None."""
        if not self.terms:
            return Fraction(0)
        (monomial, value), *rest = self.terms
        return value if not rest and not monomial.factors and not monomial.bound else None


ZERO_POLY = Poly(())


def number(value: Fraction | int) -> Poly:
    """A constant polynomial."""
    return Poly(((Monomial((), ()), Fraction(value)),)) if value else ZERO_POLY


def atom(what: Atom) -> Poly:
    """A polynomial of one atom."""
    return build(Fraction(1), (), {what: Fraction(1)})


def collect(terms: Iterable[tuple[Monomial, Fraction]]) -> Poly:
    """Add up like terms and sort."""
    sums: dict[Monomial, Fraction] = {}
    for monomial, value in terms:
        sums[monomial] = sums.get(monomial, Fraction(0)) + value
    if len(sums) > MOST_TERMS:
        raise UnprovableError(f"more than {MOST_TERMS} terms")
    return Poly(tuple(sorted(((m, c) for m, c in sums.items() if c), key=lambda pair: repr(pair[0]))))


def total(parts: Iterable[Poly]) -> Poly:
    """The sum of many polynomials."""
    return collect(term for part in parts for term in part.terms)


def fresh(alphabet: Object) -> Letter:
    """A letter that occurs nowhere else."""
    return Letter(f"#new{next(_numbers)}", alphabet)


def logit(vector: Vector, letter: Letter) -> Poly:
    """The logit of a token; a sum over coordinates for heads whose coordinates the statement knows."""
    head = vector.head
    if head not in hypotheses().heads:
        return atom(LogitOf(vector, letter))
    i = fresh(axes(head))
    product = atom(Component(Embedding(head, letter, i))) * atom(Component(Coordinate(vector, i)))
    unfolded = sum_letters((i,), product)
    return unfolded if isinstance(vector, Direction) else unfolded + atom(Component(Bias(head, letter)))


def letters(node: Any) -> Iterator[Letter]:
    """Every free occurrence of a letter in an atom or polynomial."""
    if isinstance(node, BoxEntry):
        yield from (*node.ins, *node.outs)
    elif isinstance(node, Weight | LogitOf | Partition | Component):
        yield from (part for part in walk(node) if isinstance(part, Letter))
    elif isinstance(node, Delta):
        yield from (node.a, node.b)
    elif isinstance(node, Support):
        yield from letters(node.of)
    elif isinstance(node, Function | PowerOf):
        for monomial, _ in node.of.terms:
            yield from (x for a, _ in monomial.factors for x in letters(a) if x not in monomial.bound)


def rename(node: Atom, names: Mapping[Letter, Letter]) -> Poly:
    """An atom with its free letters renamed; nested polynomials are normalised again."""
    if isinstance(node, Function):
        from . import rules  # the rules build polynomials, and renaming may set them off again

        return rules.apply(node.name, rename_poly(node.of, names))
    if isinstance(node, PowerOf):
        return rename_poly(node.of, names)
    return atom(_renamed(node, names))


def _renamed(node: Atom, names: Mapping[Letter, Letter]) -> Atom:
    def new(letter: Letter) -> Letter:
        return names.get(letter, letter)

    if isinstance(node, BoxEntry):
        return BoxEntry(node.box, tuple(map(new, node.ins)), tuple(map(new, node.outs)))
    if isinstance(node, Weight):
        return Weight(moved(node.point, new), new(node.letter))
    if isinstance(node, LogitOf):
        return LogitOf(moved(node.vector, new), new(node.letter))
    if isinstance(node, Partition):
        return Partition(moved(node.point, new))
    if isinstance(node, Component):
        return Component(with_letters(node.of, new))
    if isinstance(node, Delta):
        a, b = sorted((new(node.a), new(node.b)), key=repr)
        return Delta(a, b)
    if isinstance(node, Support):
        return Support(BoxEntry(node.of.box, tuple(map(new, node.of.ins)), tuple(map(new, node.of.outs))))
    return node


_Vector = TypeVar("_Vector", bound=Vector)
_Indexed = TypeVar("_Indexed", bound="Element | Coordinate | Embedding | Bias")


def moved(vector: _Vector, new: Callable[[Letter], Letter]) -> _Vector:
    """A vector with the letter of a family's hidden state replaced."""
    return replace(vector, letter=new(vector.letter)) if isinstance(vector, At) else vector


def with_letters(number: _Indexed, new: Callable[[Letter], Letter]) -> _Indexed:
    """A number with indices at other letters."""
    if isinstance(number, Element):
        return replace(number, letters=tuple(map(new, number.letters)))
    if isinstance(number, Coordinate):
        return replace(number, vector=moved(number.vector, new), axis=new(number.axis))
    if isinstance(number, Embedding):
        return replace(number, letter=new(number.letter), axis=new(number.axis))
    return replace(number, letter=new(number.letter))


def rename_poly(poly: Poly, names: Mapping[Letter, Letter]) -> Poly:
    """A polynomial with free letters renamed (bound ones are never captured)."""
    parts = []
    for monomial, value in poly.terms:
        apart = {letter: fresh(letter.alphabet) for letter in monomial.bound}
        parts.append(_rebuilt(value, tuple(apart.values()), monomial.factors, {**names, **apart}))
    return total(parts)


def _rebuilt(
    value: Fraction, bound: tuple[Letter, ...], factors: Iterable[tuple[Atom, Fraction]], names: Mapping[Letter, Letter]
) -> Poly:
    """The sum over `bound` of the renamed product; nested atoms may turn into polynomials on the way."""
    plain: Factors = {}
    nested: list[tuple[Poly, Fraction]] = []
    for factor, exponent in factors:
        if isinstance(factor, Function | PowerOf):
            nested.append((rename(factor, names), exponent))
        else:
            _put(plain, _renamed(factor, names), exponent)
    if not nested:
        return build(value, bound, plain)
    result = build(value, (), plain)
    for poly, exponent in nested:
        from . import rules

        result = result * rules.power(poly, exponent)
    return sum_letters(bound, result)


def sum_letters(bound: Iterable[Letter], poly: Poly) -> Poly:
    """The sum of a polynomial over fresh letters that are free in it."""
    bound = tuple(bound)
    parts = []
    for monomial, value in poly.terms:
        own, factors = opened(monomial)
        parts.append(build(value, (*own, *bound), factors))
    return total(parts)


def opened(monomial: Monomial) -> tuple[tuple[Letter, ...], Factors]:
    """What stands below a monomial's sums, its bound letters under names that occur nowhere else.

    Letters that wait to be summed must be fresh: canonical names are for bound letters alone.
    """
    apart = {letter: fresh(letter.alphabet) for letter in monomial.bound}
    return tuple(apart.values()), dict(relabelled(dict(monomial.factors), apart))


def vanishes(node: Atom) -> bool:
    """Whether an atom can be zero."""
    return not (isinstance(node, Weight | SizeOf) or (isinstance(node, Function) and node.name == "exp"))


def nonnegative(node: Atom) -> bool:
    """Whether an atom is known to be >= 0."""
    if isinstance(node, BoxEntry | Weight | SizeOf | Delta | Support):
        return True
    if isinstance(node, Function):
        return node.name in ("exp", "abs")
    return isinstance(node, PowerOf) and positive_combination(node.of)


def positive_combination(poly: Poly) -> bool:
    """Whether all coefficients are positive and all atoms nonnegative."""
    return all(c > 0 and all(nonnegative(a) for a, _ in m.factors) for m, c in poly.terms)


def _put(factors: Factors, node: Atom, exponent: Fraction) -> None:
    """Multiply by a power of an atom. Where the atom can vanish, p p^-1 is not 1 but the support of p."""
    seen = exponent > 0
    if isinstance(node, Support):
        if exponent < 0:
            raise UnprovableError("a quotient that is infinite where a weight vanishes")
        node, exponent = node.of, Fraction(0)
    support = Support(node) if isinstance(node, BoxEntry) else None
    old = factors.get(node, Fraction(0))
    new = old + exponent
    seen = seen or old > 0 or support in factors
    if support is not None:
        factors.pop(support, None)
    if seen and new <= 0 and vanishes(node):
        if support is None:
            raise UnprovableError("a quotient that is 0/0 where a weight vanishes")
        factors[support] = Fraction(1)
    if new:
        factors[node] = new
    else:
        factors.pop(node, None)


def _product(a: Monomial, x: Fraction, b: Monomial, y: Fraction) -> Poly:
    left_bound, factors = opened(a)
    right_bound, right = opened(b)
    for node, exponent in right.items():
        _put(factors, node, exponent)
    return build(x * y, (*left_bound, *right_bound), factors)


def build(value: Fraction, bound: tuple[Letter, ...], factors: Factors) -> Poly:
    """The normal form of value * sum over `bound` of the product of the factors."""
    if _contexts and not _contexts[-1][0].left():
        raise OutOfTimeError
    if not value:
        return ZERO_POLY
    factors = dict(factors)
    for node in [n for n in factors if isinstance(n, Delta)]:
        step = _without_delta(value, bound, factors, node)
        if step is not None:
            return step
    _merge_deterministic(factors)
    if any(isinstance(n, Delta) and (n.a == n.b or n.a in bound or n.b in bound) for n in factors):
        return build(value, bound, factors)
    bound = _sum_rows(bound, factors)
    return Poly(((_canonical(bound, factors), value),))


def _without_delta(value: Fraction, bound: tuple[Letter, ...], factors: Factors, node: Delta) -> Poly | None:
    """Use a delta to replace one letter by the other everywhere; None when it has done its work."""
    if factors[node] < 0:
        raise UnprovableError("division by a delta")
    rest = {n: e for n, e in factors.items() if n != node}
    if node.a == node.b:
        return build(value, bound, rest)
    for gone, stays in ((node.a, node.b), (node.b, node.a)):
        if gone in bound:
            return _rebuilt(value, tuple(x for x in bound if x != gone), rest.items(), {gone: stays})
    factors[node] = Fraction(1)
    if any(node.b in set(letters(n)) for n in rest):
        cofactor = _rebuilt(value, (), rest.items(), {node.b: node.a})
        parts = [build(c, (*m.bound, *bound), {**dict(m.factors), node: Fraction(1)}) for m, c in cofactor.terms]
        return total(parts)
    return None


def _merge_deterministic(factors: Factors) -> None:
    """f^2 = f, and f(y|x) f(z|x) = f(y|x) delta(y, z), for boxes declared deterministic."""
    seen: dict[tuple[Box, tuple[Letter, ...]], BoxEntry] = {}
    for node in [n for n in factors if isinstance(n, BoxEntry) and n.box.deterministic]:
        if factors[node] < 0:
            raise UnprovableError("division by an entry of a deterministic kernel")
        factors[node] = Fraction(1)
        first = seen.setdefault((node.box, node.ins), node)
        if first is not node:
            del factors[node]
            for y, z in zip(first.outs, node.outs):
                if y != z:
                    a, b = sorted((y, z), key=repr)
                    factors[Delta(a, b)] = Fraction(1)


def _sum_rows(bound: tuple[Letter, ...], factors: Factors) -> tuple[Letter, ...]:
    """Sums over all outputs of one box, or of one softmax, are one; a letter that occurs nowhere gives its size."""
    left = list(bound)
    changed = True
    while changed:
        changed = False
        times: dict[Letter, int] = {}
        for node in factors:
            for letter in letters(node):
                times[letter] = times.get(letter, 0) + 1
        for over, gone in [(node, gone) for node, e in factors.items() if e == 1 for gone in _normalised(node)]:
            if all(x in left and times[x] == 1 for x in gone):
                del factors[over]
                left = [x for x in left if x not in gone]
                changed = True
                break
        changed = changed or _contract(left, factors, times)
    occurring = {x for node in factors for x in letters(node)}
    for letter in [x for x in left if x not in occurring]:
        _put(factors, SizeOf(letter.alphabet), Fraction(1))
        left.remove(letter)
    return tuple(left)


def _contract(left: list[Letter], factors: Factors, times: dict[Letter, int]) -> bool:
    """Replace f(z|x) g(y|z), summed over z, by h(y|x), where `given` says that f >> g = h."""
    for f, g, h in hypotheses().products:
        for one, other in product([n for n in factors if isinstance(n, BoxEntry) and factors[n] == 1], repeat=2):
            gone = one.outs
            if (one.box, other.box, other.ins) == (f, g, gone) and all(x in left and times[x] == 2 for x in gone):
                del factors[one], factors[other]
                _put(factors, BoxEntry(h, one.ins, other.outs), Fraction(1))
                left[:] = [x for x in left if x not in gone]
                return True
    return False


def _normalised(node: Atom) -> Iterator[tuple[Letter, ...]]:
    """The letters over which an atom sums to one."""
    if isinstance(node, Weight):
        yield (node.letter,)
    elif isinstance(node, BoxEntry):
        yield node.outs
        yield from ((letter,) for at, letter in enumerate(node.ins) if (node.box, at) in hypotheses().columns)


def at_most_one(poly: Poly) -> bool:
    """Whether a polynomial is a product of probabilities, or a part of one."""
    (monomial, value), *rest = poly.terms or (((Monomial((), ())), Fraction(0)),)
    small = all(isinstance(a, BoxEntry | Weight | Delta | Support) and e > 0 for a, e in monomial.factors)
    return not rest and small and value <= 1 and not monomial.bound


def _level(node: Any) -> int:
    """How deep polynomials are nested: bound letters of different levels never share a name."""
    if isinstance(node, Function | PowerOf):
        return max((1 + max((_level(a) for a, _ in m.factors), default=0) for m, _ in node.of.terms), default=0)
    return 0


def _canonical(bound: tuple[Letter, ...], factors: Factors) -> Monomial:
    """The monomial with its bound letters named canonically: by colour refinement, then the smallest text."""
    if not bound:
        return Monomial((), _sorted(factors.items()))
    level = 1 + max((_level(node) for node in factors), default=0)
    colours = {letter: letter.alphabet.name for letter in bound}
    for _ in range(3):
        colours = {letter: _colour(letter, colours, factors) for letter in bound}
    classes: dict[str, list[Letter]] = {}
    for letter in bound:
        classes.setdefault(colours[letter], []).append(letter)
    groups = [classes[colour] for colour in sorted(classes)]
    if prod(factorial(len(group)) for group in groups) > MOST_ORDERS:
        raise UnprovableError("too many interchangeable summation letters")
    best: tuple[str, Monomial] | None = None
    for orders in product(*(permutations(group) for group in groups)):
        order = [letter for group in orders for letter in group]
        names = {old: Letter(f"#{level}.{i}", old.alphabet) for i, old in enumerate(order)}
        monomial = Monomial(tuple(names.values()), _sorted(relabelled(factors, names)))
        if best is None or repr(monomial) < best[0]:
            best = (repr(monomial), monomial)
    assert best is not None
    return best[1]


def _sorted(factors: Iterable[tuple[Atom, Fraction]]) -> tuple[tuple[Atom, Fraction], ...]:
    return tuple(sorted(factors, key=repr))


def relabelled(factors: Factors, names: Mapping[Letter, Letter]) -> Iterator[tuple[Atom, Fraction]]:
    """The factors with free letters renamed, one to one, so that no rule is set off."""
    for node, exponent in factors.items():
        if isinstance(node, Function | PowerOf) and names.keys().isdisjoint(letters(node)):
            yield node, exponent
        elif isinstance(node, Function):
            yield Function(node.name, rename_poly(node.of, names)), exponent
        elif isinstance(node, PowerOf):
            yield PowerOf(rename_poly(node.of, names)), exponent
        else:
            yield _renamed(node, names), exponent


def _colour(letter: Letter, colours: Mapping[Letter, str], factors: Factors) -> str:
    """What a bound letter sees of its term, itself as a star and other letters by their colours so far."""
    names = {x: Letter(f"~{colour}", x.alphabet) for x, colour in colours.items()}
    names[letter] = Letter("*", letter.alphabet)
    own = {node: e for node, e in factors.items() if letter in set(letters(node))}
    text = repr(_sorted(relabelled(own, names)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
