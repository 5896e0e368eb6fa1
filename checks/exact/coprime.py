"""Integers over a common base of pairwise coprime integers, without factoring.

The logarithms of pairwise coprime integers > 1 are linearly independent over the rationals, and so are roots of
products of their powers of which no two have a rational ratio (none have when the integers are no perfect powers).
Writing all integers of an expression over one such base therefore decides when it vanishes, and needs greatest common
divisors only.

Small primes are split off by trial division first, because they would tie all integers together; what is left is
refined by the merge of D. J. Bernstein, "Factoring into coprimes in essentially linear time", J. Algorithms 54
(2005), 1-30, in the form that finds the pairs with a common factor by descending product trees.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from flint import fmpz

Integer = Any  # flint.fmpz, which has no type stubs
Factors = tuple[tuple[int, int], ...]  # ((base element, exponent), ...), base elements ascending

_FEWEST_PRIMES = 168  # the primes below 1,000: integers below a million are then always split into primes
_MOST_PRIMES = 3000


def over_coprime_base(integers: Iterable[int]) -> dict[int, Factors]:
    """Every given integer >= 1 as a product of powers over one base of pairwise coprime integers > 1.

    No base element is a perfect power. The result depends on the set of integers only.
    """
    distinct = sorted(set(integers))
    primes = min(max(_FEWEST_PRIMES, len(distinct)), _MOST_PRIMES)
    bound = _nth_prime(primes)
    split = {n: fmpz(n).factor(trial_limit=primes) if n > 1 else [] for n in distinct}
    rough = {f for factors in split.values() for f, _ in factors if f > bound}
    pieces = _factor_rough(sorted(rough))
    result: dict[int, Factors] = {}
    for n, factors in split.items():
        powers: dict[int, int] = {}
        for f, e in factors:
            for b, k in pieces.get(f, ((int(f), 1),)):
                powers[b] = powers.get(b, 0) + int(e) * k
        result[n] = tuple(sorted(powers.items()))
    return result


@cache
def _nth_prime(count: int) -> int:
    """The prime with this number, counted from one (a sieve; `count` is at most a few thousand)."""
    size = 15 + 2 * count * count.bit_length()
    sieve = bytearray([1]) * size
    found = 0
    for n in range(2, size):
        if sieve[n]:
            found += 1
            if found == count:
                return n
            sieve[n * n :: n] = bytes(len(range(n * n, size, n)))
    raise AssertionError(f"the sieve of size {size} holds fewer than {count} primes")


def _factor_rough(rough: list[Integer]) -> dict[Integer, Factors]:
    """The integers, each over a common coprime base; those that share no factor with another stay whole."""
    tied = _tied(rough)
    base = _Tree(_refine_all(tied)) if tied else None
    result: dict[Integer, Factors] = {}
    for r in rough:
        if base is None or r not in tied:
            root, power = _perfect_root(r)
            result[r] = ((root, power),)
            continue
        powers = []
        for b in base.touching(r):
            part, _ = _part(r, b)
            exponent = 0
            while part != 1:
                part //= b
                exponent += 1
            root, power = _perfect_root(b)
            powers.append((root, exponent * power))
        result[r] = tuple(sorted(powers))
    return result


def _perfect_root(n: Integer) -> tuple[int, int]:
    """(c, k) with n = c^k and c no perfect power; n > 1."""
    power, k = 1, 2
    while n.is_perfect_power():
        while (root := n.root(k)) ** k != n:
            k += 1
        n, power = root, power * k
    return int(n), power


def _tied(integers: list[Integer]) -> set[Integer]:
    """Those of the distinct integers that share a factor with another one (a product and a remainder tree)."""
    if len(integers) < 2:
        return set()
    levels = _Tree(integers).levels
    remainders = levels[-1]
    for level in reversed(levels[:-1]):
        remainders = [remainders[i // 2] % (node * node) for i, node in enumerate(level)]
    return {n for n, r in zip(integers, remainders) if (r // n).gcd(n) != 1}


def _refine_all(integers: Iterable[Integer]) -> list[Integer]:
    """A coprime base of the integers, by merging the bases of two halves."""
    todo = sorted(integers)
    if len(todo) == 1:
        return todo
    middle = len(todo) // 2
    return _merge(_refine_all(todo[:middle]), _refine_all(todo[middle:]))


def _merge(left: list[Integer], right: list[Integer]) -> list[Integer]:
    """A coprime base of the union of two coprime bases.

    The common factors gcd(p, q) are pairwise coprime, because the p are and the q are; so each touching pair is
    refined on its own, and the cost is linear in the number of such pairs.
    """
    tree = _Tree(left)
    rest = {p: p for p in left}
    merged: list[Integer] = []
    for q in right:
        rest_q = q
        for p in tree.touching(q):
            common = p.gcd(q)
            part_p, rest[p] = _part(rest[p], common)
            part_q, rest_q = _part(rest_q, common)
            merged += _refine_few([part_p, part_q])
        merged.append(rest_q)
    return [n for n in [*merged, *rest.values()] if n != 1]


def _refine_few(todo: list[Integer]) -> list[Integer]:
    """A coprime base of a handful of integers, by comparing each with each."""
    base: list[Integer] = []
    while todo:
        a = todo.pop()
        if a == 1:
            continue
        for i, b in enumerate(base):
            g = a.gcd(b)
            if g != 1:
                del base[i]
                todo += [g, a // g, b // g]
                break
        else:
            base.append(a)
    return base


def _part(a: Integer, g: Integer) -> tuple[Integer, Integer]:
    """(the largest divisor of a made of primes of g, the cofactor)."""
    rest = a
    while (d := rest.gcd(g)) != 1:
        rest //= d
    return a // rest, rest


class _Tree:
    """A product tree: level 0 the integers, each further level the products of neighbours."""

    def __init__(self, integers: list[Integer]) -> None:
        self.levels = [integers]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            level = [below[i] * below[i + 1] for i in range(0, len(below) - 1, 2)]
            self.levels.append(level + below[-1:] if len(below) % 2 else level)

    def touching(self, n: Integer) -> list[Integer]:
        """The integers of the tree that share a factor with n."""
        found = []
        stack = [(len(self.levels) - 1, 0, n)]
        while stack:
            depth, i, m = stack.pop()
            node = self.levels[depth][i]
            m = node.gcd(m)  # what n shares with this node: all that can matter below it
            if m == 1:
                continue
            if depth == 0:
                found.append(node)
                continue
            below = self.levels[depth - 1]
            stack += [(depth - 1, j, m) for j in (2 * i, 2 * i + 1) if j < len(below)]
        return found
