"""Polynomials over generators: products, powers, logarithms, absolute values, in one form each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any

from flint import fmpq

from .generators import BITS, ONE, Gen, Letter, Mono, Poly, Table, add_to, constant, mono_key, nonnegative, single, unit
from .reading import LARGE, Node, need

POWER, TERMS = 64, 4000
"""The highest power of a sum, and most terms of a polynomial."""


class Ring(Table):
    """Arithmetic of polynomials. What renames letters and closes sums is added in sums.py."""

    def renamed(self, poly: Poly, names: Mapping[Letter, Letter]) -> Poly:
        """The polynomial with other letters."""
        raise NotImplementedError

    def opened(self, sums: Mapping[Gen, int], rest: Poly) -> Poly:
        """The product of powers of closed sums and a polynomial, as one sum."""
        raise NotImplementedError

    def logit(self, vector: Node, x: Letter) -> Poly:
        """The logit of a vector at a letter."""
        raise NotImplementedError

    def plus(self, polys: Iterable[Poly]) -> Poly:
        return reduce(add_to, polys, {})

    def each(self, poly: Poly, change: Callable[[Mono], Poly]) -> Poly:
        """The polynomial with its monomials replaced."""
        return self.plus(add_to({}, change(mono), c) for mono, c in poly.items())

    def times(self, left: Poly, right: Poly) -> Poly:
        total: Poly = {}
        for first, c in left.items():
            for second, d in right.items():
                self.spend(2 + len(first) + len(second))
                add_to(total, self.settle(self.joined(first, second)), c * d)
        need(len(total) <= TERMS, LARGE + "too many terms")
        return total

    def joined(self, first: Mono, second: Mono) -> dict[Gen, Any]:
        """The powers in a product of two monomials. Where p is 0 it is 0, if p stands there to a power >= 0 at all."""
        powers, guarded = dict[Gen, Any](), set[Gen]()
        for gen, e in (*first, *second):
            inverse = gen.tag == "inverse"
            gen, e = (self.root(dict(gen.parts[0])), -e) if inverse else (gen, e)
            low, high = sorted((powers.get(gen, e), e))
            powers[gen] = powers.get(gen, 0) + e
            if inverse or (gen.vanishes and low < 0 <= high and powers[gen] <= 0):
                need(gen.nonnegative, "something is divided by more than itself")
                guarded.add(gen)
        for gen in [gen for gen in guarded if powers[gen] < 0]:
            powers[gen if gen.certain else self.gen("inverse", self.under(gen))] = -powers.pop(gen)
        return powers

    def product(self, polys: Iterable[Poly]) -> Poly:
        return reduce(self.times, polys, constant(1))

    def settle(self, powers: Mapping[Gen, Any]) -> Poly:
        """The polynomial of a product of powers of generators."""
        grown, plain = list[Poly](), dict[Gen, Any]()
        for gen, e in powers.items():
            step = {"root": 1, "abs": 2}.get(gen.tag)
            whole = (e / step).floor() * step if step and (e >= step or not gen.vanishes) else 0
            if whole != 0:
                grown.append(self.power(dict(gen.parts[0]), fmpq(whole)))
            if e != whole or (e == 0 and gen.vanishes):
                plain[gen] = fmpq(1) if gen.certain and e >= 0 else e - whole
        return self.product([self.merged(plain), *grown]) if grown else self.merged(plain)

    def merged(self, powers: dict[Gen, Any]) -> Poly:
        """The product where a deterministic box has one value at the same inputs, and equal letters one name."""
        calls = Counter(call for gen, e in powers.items() for call in gen.calls for _ in range(min(int(e.floor()), 2)))
        for call in [call for call, times in calls.items() if times > 1]:
            used = {gen: int(e.floor()) for gen, e in powers.items() if e >= 1 and call in gen.calls}
            sums = {gen: times for gen, times in used.items() if gen.tag == "sum"}
            first, other = sorted(used, key=lambda gen: gen.key)[:2] if not sums else (None, None)
            left = ((gen, e - sums.get(gen, 0)) for gen, e in powers.items() if gen is not other and e != sums.get(gen))
            rest = unit(left)
            if first is None or other is None:
                return self.opened(sums, rest)
            return self.product([rest, *map(self.delta, first.parts[2], other.parts[2])])
        for gen, e in powers.items():
            if gen.tag == "delta" and e > 0:
                self.spend(len(powers))
                kept, gone = sorted(gen.parts)
                others = {g: k for g, k in powers.items() if g is not gen}
                if any(gone in g.letters for g in others):
                    return self.times(self.renamed(unit(others.items()), {gone: kept}), single(gen))
        return unit(powers.items())

    def delta(self, a: Letter, b: Letter) -> Poly:
        return constant(1) if a == b else single(self.gen("delta", *sorted((a, b))))

    # ---------------------------------------------------------------- powers, logarithms, absolute values

    def split(self, poly: Poly) -> tuple[Any, dict[Gen, Any], Poly]:
        """A polynomial as a rational, powers of nonnegative generators, and a primitive polynomial, {} if that is 1.

        The last is nonnegative where it or its opposite is seen to be; otherwise its first coefficient is positive.
        """
        content: Any = reduce(lambda a, b: a.gcd(b), poly.values(), fmpq(0))
        common, rest = dict[Gen, Any](), dict[Mono, Any]()
        for gen, _ in next(iter(poly)):
            exponents = [e for mono in poly for g, e in mono if g is gen]
            if gen.nonnegative and len(exponents) == len(poly):
                low = min(exponents)
                common |= {gen: low} if low >= 0 or len(poly) == 1 or not gen.vanishes else {}
        for mono, c in poly.items():
            powers = ((gen, e - common.get(gen, 0)) for gen, e in mono if e != common.get(gen))
            rest[frozenset(powers)] = c / content
        if rest.keys() == {ONE}:
            return content * rest[ONE], common, {}
        minus = {mono: -c for mono, c in rest.items()}
        first = min(rest.items(), key=lambda item: mono_key(item[0]))[1]
        turn = not nonnegative(rest) and (nonnegative(minus) or first < 0)
        return (-content, common, minus) if turn else (content, common, rest)

    def raised(self, powers: Mapping[Gen, Any], exponent: Any) -> Poly:
        """A power of a product of nonnegative generators."""
        odd = any(gen.vanishes and min(e, exponent) < 0 == max(e, exponent) for gen, e in powers.items())
        guarded = any(gen.tag == "inverse" for gen in powers)
        need(not odd and (exponent > 0 or not guarded), "the support of a quotient, or the inverse of a support")
        return self.settle({gen: e * exponent for gen, e in powers.items()})

    def power(self, poly: Poly, exponent: Any) -> Poly:
        """The power of a polynomial; with the exponent 0 this is 0 where the polynomial is, 1 elsewhere."""
        need(poly or exponent >= 0, "0 has a negative exponent")
        if not poly or exponent == 1 or poly == constant(1):
            return poly
        (mono, c), *more = poly.items()
        pairs = list(mono)
        if not more and c == 1 and len(pairs) == 1 and (pairs[0][1] == 1 or pairs[0][0].nonnegative):
            return self.raised(dict(pairs), exponent)
        if exponent.q == 1 and exponent > 0 and (more or not all(gen.nonnegative for gen, _ in pairs)):
            need(exponent <= POWER, f"{LARGE}a power beyond {POWER} of a sum")
            half = self.power(poly, fmpq(int(exponent) // 2))
            return self.times(self.times(half, half), poly if int(exponent) % 2 else constant(1))
        unit, common, rest = self.split(poly)
        vanishes = rest or any(gen.vanishes for gen in common)
        seen = unit > 0 or (exponent.q == 1 and (exponent > 0 or not vanishes))
        if not seen or not nonnegative(rest):
            need(common or rest, "a negative number has a root")
            unit, common, rest = abs(unit), {}, {m: c / abs(unit) for m, c in poly.items()}
        root = self.settle({self.root(rest): exponent}) if rest else constant(1)
        return self.product([self.number(unit, exponent), self.raised(common, exponent), root])

    def root(self, poly: Poly) -> Gen:
        """The generator that stands for a polynomial under an exponent."""
        pairs = list(next(iter(poly)))
        alone = len(poly) == len(pairs) == 1 and pairs[0][1] == 1 and poly[frozenset(pairs)] == 1
        return pairs[0][0] if alone else self.gen("root", frozenset(poly.items()))

    def under(self, gen: Gen) -> Any:
        """The items of the polynomial of which `root` makes a generator."""
        return gen.parts[0] if gen.tag == "root" else frozenset(single(gen).items())

    def number(self, value: Any, exponent: Any) -> Poly:
        """A rational to a rational power: its primes to powers between 0 and 1, and a rational."""
        if exponent.q != 1:
            return self.product(self.settle({self.root(constant(n)): k * exponent}) for n, k in self.primes(value))
        exponent = exponent if abs(value) != 1 else fmpq(exponent.p % 2)
        need(abs(exponent) * (value.height_bits() - 1) <= BITS, f"{LARGE}a number of more than {BITS} bits")
        return constant(value ** int(exponent))

    def log(self, poly: Poly) -> Poly:
        need(poly, "log of 0")
        unit, common, rest = self.split(poly)
        if not nonnegative(rest):
            unit, common, rest = abs(unit), {}, {mono: c / abs(unit) for mono, c in poly.items()}
        support = any(e == 0 or gen.tag == "inverse" for gen, e in common.items())
        need(unit > 0 and not support, "log of a negative number, or of a support")
        logs = [(self.log_of(gen), e) for gen, e in common.items()]
        parts = [(constant(prime), k) for prime, k in self.primes(unit)] + ([(rest, 1)] if rest else [])
        logs += [(single(self.gen("log", frozenset(part.items()))), fmpq(k)) for part, k in parts]
        return self.plus(add_to({}, log, e) for log, e in logs)

    def log_of(self, gen: Gen) -> Poly:
        """The logarithm of a nonnegative generator."""
        if gen.tag == "soft":
            return add_to(dict(self.logit(*gen.parts)), single(self.gen("lse", gen.parts[0])), -1)
        if gen.tag == "exp":
            return dict(gen.parts[0])
        return single(self.gen("log", self.under(gen)))

    def exp(self, poly: Poly) -> Poly:
        return single(self.gen("exp", frozenset(poly.items()))) if poly else constant(1)

    def abs(self, poly: Poly) -> Poly:
        if not poly:
            return {}
        unit, common, rest = self.split(poly)
        inside = rest or constant(1) if nonnegative(rest) else single(self.gen("abs", frozenset(rest.items())))
        return self.product([constant(abs(unit)), self.settle(common), inside])
