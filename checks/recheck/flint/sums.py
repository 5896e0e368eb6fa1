"""Sums over letters: what a bound letter allows, and one name for a sum however its letters are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from flint import fmpq

from .algebra import Ring
from .generators import NESTED, Bag, Gen, Letter, Mono, Poly, add_to, constant, poly_key, single
from .reading import LARGE, Node, need

U = ("size", "")
"""The generator that stands for a positive variable: no object has this name."""
COPIES = 12
"""Most factors that are sums are opened at once."""


class Sums(Ring):
    """Polynomials with sums over letters, and their derivatives."""

    def fresh(self, over: str) -> Letter:
        return Letter(f"~{next(self.numbers)}", over)

    # ---------------------------------------------------------------- renaming

    def renamed(self, mono: Mono, names: Mapping[Letter, Letter]) -> Poly:
        moved = [(gen, e) for gen, e in mono if not gen.letters.isdisjoint(names)]
        stay = {mono.difference(moved): fmpq(1)}
        return self.product([stay, *(self.power(self.relettered(gen, names), e) for gen, e in moved)])

    def relettered(self, gen: Gen, names: Mapping[Letter, Letter]) -> Poly:
        """A generator with other letters; they may have become equal, so that it is made anew."""
        self.spend(gen.size)
        tag, parts = gen.tag, gen.parts
        if tag == "sum":
            bound = {x: self.fresh(x.over) for x in parts[0]}
            return self.close(self.renamed(parts[1], {**names, **bound}), frozenset(bound.values()))
        if tag == "supp":
            inside = self.relettered(parts[0], names)
            pairs = list(next(iter(inside))) if len(inside) == 1 else [(self.root(inside), 1)]
            need(all(e > 0 or not g.vanishes for g, e in pairs), "the support of a quotient")
            return self.product(single(self.support(g)) for g, _ in pairs if g.vanishes) if inside else {}
        if tag in NESTED:
            inside = self.plus(add_to({}, self.renamed(mono, names), c) for mono, c in parts[0])
            return inside if tag == "root" else {"log": self.log, "exp": self.exp, "abs": self.abs}[tag](inside)
        new: Any = (names.get(x, x) if isinstance(x, Letter) else tuple(names.get(y, y) for y in x) for x in parts)
        return self.delta(*new) if tag == "delta" else single(self.gen(tag, *new))

    # ---------------------------------------------------------------- closing

    def close(self, poly: Poly, bound: frozenset[Letter]) -> Poly:
        """The sum of a polynomial over letters."""
        return self.plus(add_to({}, self.closed(mono, bound), c) for mono, c in poly.items())

    def opened(self, sums: Mapping[Gen, int], rest: Poly, bound: frozenset[Letter] = frozenset()) -> Poly:
        need(sum(sums.values()) <= COPIES, LARGE + "a product of too many sums")
        for gen, times in sums.items():
            for _ in range(times):
                names = {x: self.fresh(x.over) for x in gen.parts[0]}
                rest = self.times(rest, self.renamed(gen.parts[1], names))
                bound |= set(names.values())
        return self.close(rest, bound)

    def closed(self, mono: Mono, bound: frozenset[Letter]) -> Poly:
        """The sum of a monomial over letters."""
        self.spend(1 + len(mono))
        inner = {g: int(e.floor()) for g, e in mono if g.tag == "sum" and e >= 1 and not g.letters.isdisjoint(bound)}
        if inner:
            left = frozenset((gen, e - inner.get(gen, 0)) for gen, e in mono if e != inner.get(gen))
            return self.opened(inner, {left: fmpq(1)}, bound)
        uses = Counter(x for gen, _ in mono for x in gen.letters)
        for gen, e in mono:
            if gen.tag == "delta" and e > 0 and not gen.letters.isdisjoint(bound):
                gone, kept = sorted(gen.parts, key=lambda x: x not in bound)
                return self.close(self.renamed(mono - {(gen, e)}, {gone: kept}), bound - {gone})
            ins, outs = {"entry": gen.parts[1:], "soft": ((), gen.parts[1:])}.get(gen.tag, ((), ()))
            once = len(set(outs)) == len(outs) and all(uses[x] == 1 and x in bound and x not in ins for x in outs)
            if outs and once and e == 1:
                return self.closed(mono - {(gen, e)}, bound.difference(outs))
        groups: list[tuple[frozenset[Letter], Mono]] = []
        for pair in mono:
            letters, items = pair[0].letters & bound, frozenset([pair])
            for group in [group for group in groups if group[0] & letters]:
                groups.remove(group)
                letters, items = letters | group[0], items | group[1]
            groups.append((letters, items))
        sums = [single(self.named(*group)) if group[0] else {group[1]: fmpq(1)} for group in groups]
        return self.product([*sums, *(single(self.gen("size", x.over)) for x in bound if x not in uses)])

    def named(self, bound: frozenset[Letter], mono: Mono) -> Gen:
        """The sum of a monomial of factors that hang together, its letters put in the least order that fits their use.

        Letters are numbered one by one; the next is one with which the monomial, other letters nameless, looks least.
        """
        size = sum(gen.size for gen, _ in mono)
        orders: list[tuple[Letter, ...]] = [()]
        for _ in bound:
            looks: dict[Any, list[tuple[Letter, ...]]] = {}
            for order in [(*first, x) for first in orders for x in bound.difference(first)]:
                self.spend(size)
                marks = {x: Letter(f"@{order.index(x)}" if x in order else "@", x.over) for x in bound}
                look = tuple(sorted((_shadow(gen.key, gen, marks), e) for gen, e in mono))
                looks.setdefault(look, []).append(order)
            orders = looks[min(looks)]
        names = [{x: Letter(f"#{size}.{k}", x.over) for k, x in enumerate(order)} for order in orders]
        (least, c), *more = min((self.renamed(mono, name) for name in names), key=poly_key).items()
        need(c == 1 and not more, "the letters of a sum can't be renamed")
        return self.gen("sum", tuple(names[0].values()), least)

    # ---------------------------------------------------------------- derivatives

    def derivative(self, poly: Poly, point: Node | None, direction: Node | None) -> Poly:
        """The derivative of a polynomial at a point along a direction; without them by U > 0."""
        total: Poly = {}
        for mono, c in poly.items():
            for gen, e in mono:
                inner = self.moved(gen, point, direction)
                smooth = not gen.vanishes or not point or (e > 0 and e.q == 1)
                need(smooth or not inner, "a derivative at what may vanish")
                lower = self.settle({gen: e - 1}) if inner and e != 1 else constant(1)
                add_to(total, self.product([inner, {mono - {(gen, e)}: fmpq(1)}, lower]), c * e)
        return total

    def moved(self, gen: Gen, point: Node | None, direction: Node | None) -> Poly:
        """The derivative of a generator."""
        tag, parts = gen.tag, gen.parts
        if tag == "sum":
            names = {x: self.fresh(x.over) for x in parts[0]}
            inner = self.derivative(self.renamed(parts[1], names), point, direction)
            return self.close(inner, frozenset(names.values()))
        if tag == "supp":
            need(not self.moved(parts[0], point, direction), "the derivative of a support")
        if tag in NESTED:
            inner = self.derivative(dict(parts[0]), point, direction)
            if tag == "log" and not point:
                return self.times(inner, self.power(dict(parts[0]), fmpq(-1))) if inner else {}
            need(not inner or tag in ("exp", "root"), f"the derivative of {tag}")
            return self.times(single(gen), inner) if tag == "exp" else inner
        if not point or not direction or tag not in ("soft", "lse", "logit") or parts[0] != point:
            return constant(1) if not point and (tag, *parts) == U else {}
        if tag == "logit":
            return self.logit(direction, parts[1])
        v = self.fresh(point[2][2])
        mean = self.close(self.times(single(self.gen("soft", point, v)), self.logit(direction, v)), frozenset([v]))
        return mean if tag == "lse" else self.times(single(gen), add_to(self.logit(direction, parts[1]), mean, -1))


def _shadow(key: Any, gen: Gen, marks: Mapping[Letter, Letter]) -> Any:
    """A key in which letters are replaced by marks, and those bound inside by one mark."""
    if isinstance(key, Letter):
        return marks.get(key, key if key in gen.letters else Letter("#", key.over))
    if not isinstance(key, tuple):
        return key
    parts = [_shadow(part, gen, marks) for part in key]
    return Bag(sorted(parts)) if isinstance(key, Bag) else tuple(parts)
