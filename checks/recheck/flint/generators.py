"""Generators of polynomials: atoms and closed sums, each with what its nature allows.

A polynomial maps monomials to rationals; a monomial is a set of pairs (generator, rational exponent). A letter that a
sum binds is named #s.k, the k-th of a sum of size s, so that a sum never captures a letter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from flint import fmpq

from .reading import LARGE, Budget, Node, need

BITS = 20_000
"""Numbers with more bits are refused."""
NESTED = ("log", "exp", "abs", "root", "inverse")


class Letter(NamedTuple):
    """A letter: .name where free, ~n while a sum over it is worked on, #s.k where bound."""

    name: str
    over: str


class Bag(tuple[Any, ...]):
    """A part of a key whose order means nothing."""


Mono = frozenset[tuple["Gen", Any]]
Poly = dict[Mono, Any]
ONE: Mono = frozenset()


@dataclass(frozen=True, eq=False, slots=True)
class Gen:
    """A generator. Equal ones of one Table are one object; `key` orders them.

    tag      parts
    entry    box, input letters, output letters     delta    two letters        soft, logit    vector, letter
    lse      point                                  sym, size     name          sum            bound letters, monomial
    coordinate   vector, letter      embedding   head, letters      bias   head, letter      element   array, letters
    log, exp, abs, root    a polynomial; root stands for itself under an exponent that is no positive integer
    inverse   a polynomial that `root` makes a generator p >= 0: 1/p where p > 0, else 0; has positive exponents only
    With the exponent 0 a generator that may vanish stands for its support: 0 where it is 0, 1 elsewhere.
    """

    tag: str
    parts: tuple[Any, ...]
    key: Any
    letters: frozenset[Letter]
    size: int
    nonnegative: bool
    vanishes: bool
    """Whether it may be zero."""
    certain: bool
    """Whether it is 0 or 1."""
    calls: frozenset[Any]
    """Deterministic boxes with their input letters, where these are free: the box takes one value there."""


class Table(Budget):
    """Makes generators, each once."""

    def __init__(self, work: int) -> None:
        super().__init__(work)
        self.known: dict[Any, Gen] = {}
        self.rules: dict[Node, Poly] = {}
        self.unfolded = set[Node]()
        self.columns = set[tuple[Node, int]]()
        self.joins: dict[tuple[Node, Node], Node] = {}
        self.numbers = count()

    def gen(self, tag: str, *parts: Any) -> Gen:
        """The generator of this tag and these parts; a polynomial among these is given as the set of its items."""
        if (tag, parts) not in self.known:
            self.known[tag, parts] = self._make(tag, parts)
        return self.known[tag, parts]

    def _make(self, tag: str, parts: tuple[Any, ...]) -> Gen:
        key: Any = Bag(parts) if tag == "delta" else parts
        letters = frozenset(x for part in parts for x in (part, *part) if isinstance(x, Letter))
        inner, calls = list[tuple[Gen, Any]](), frozenset[Any]()
        if tag == "entry" and parts[0][4]:
            calls = frozenset([parts[:2]])
        if tag == "sum":
            inner, key = list(parts[1]), (parts[0], mono_key(parts[1]))
            letters = frozenset[Letter]().union(*(g.letters for g, _ in inner)) - letters
            calls = frozenset(c for g, e in inner if e >= 1 for c in g.calls if letters.issuperset(c[1]))
        if tag in NESTED:
            inner, key = [pair for mono, _ in parts[0] for pair in mono], poly_key(dict(parts[0]))
            letters = letters.union(*(g.letters for g, _ in inner))
            if tag == "abs":  # which sign is taken depends on the names of letters
                key = Bag(sorted((key, poly_key({mono: -c for mono, c in parts[0]}))))
        seen = tag in ("entry", "delta", "soft", "size", "exp", "abs", "inverse")
        seen |= all(g.nonnegative for g, _ in inner) if tag == "sum" else tag == "root" and nonnegative(dict(parts[0]))
        vanishes = tag not in ("soft", "exp", "size") and (tag != "root" or bool(inner))
        size, certain = 1 + sum(g.size for g, _ in inner), tag == "delta" or (tag == "entry" and parts[0][4])
        self.spend(size)
        return Gen(tag, parts, (tag, key), letters, size, seen, vanishes, certain, calls)

    def primes(self, value: Any) -> list[tuple[int, int]]:
        """A positive rational as powers of primes, of which one above and one below the line may exceed 10,000."""
        found = list[tuple[int, int]]()
        for number, sign in ((value.p, 1), (value.q, -1)):
            parts = number.factor(trial_limit=1229)
            large = [prime for prime, k in parts for _ in range(min(k, 2)) if prime > 10_000]
            self.spend(sum(prime.bit_length() for prime in large))
            # were it composite, what follows would still be true, only less would be equal
            prime = not large or (large[0].bit_length() < 4000 and large[0].is_probable_prime())
            need(len(large) < 2 and prime, "a number is too hard to factor")
            found += [(int(prime), k * sign) for prime, k in parts]
        return found


def mono_key(mono: Mono) -> Bag:
    """What orders monomials."""
    return Bag(sorted((g.key, e) for g, e in mono))


def poly_key(poly: Poly) -> Bag:
    """What orders polynomials."""
    return Bag(sorted((mono_key(mono), c) for mono, c in poly.items()))


def positive(poly: Poly) -> bool:
    """Whether a polynomial has no minus at all."""
    return all(c > 0 and all(g.nonnegative for g, _ in mono) for mono, c in poly.items())


def nonnegative(poly: Poly) -> bool:
    """Whether a polynomial is seen to be >= 0: no minus at all, or c - sum of c_i m_i with products m_i of weights."""
    weights = all(e > 0 and g.tag in ("entry", "soft", "delta") for mono in poly for g, e in mono)
    return positive(poly) or (weights and poly.get(ONE, 0) >= sum(abs(c) for mono, c in poly.items() if mono))


def add_to(total: Poly, other: Poly, factor: Any = 1) -> Poly:
    """Add a multiple of a polynomial to another in place."""
    for mono, c in other.items():
        total[mono] = total.get(mono, 0) + c * factor
        need(total[mono].height_bits() <= BITS, f"{LARGE}a number of more than {BITS} bits")
        if total[mono] == 0:
            del total[mono]
    return total


def mix(a: Poly, b: Poly, s: Any, t: Any) -> Poly:
    """s a + t b."""
    return add_to(add_to({}, a, s), b, t)


def constant(value: Any) -> Poly:
    """A rational as a polynomial."""
    return {ONE: fmpq(value)} if value != 0 else {}


def unit(pairs: Iterable[tuple[Gen, Any]]) -> Poly:
    """A product of powers as a polynomial."""
    return {frozenset(pairs): fmpq(1)}


def single(gen: Gen) -> Poly:
    """A generator as a polynomial."""
    return unit([(gen, fmpq(1))])
