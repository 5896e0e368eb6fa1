"""Sums over letters: what a bound letter allows, and one name for a sum however its letters are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from flint import fmpq

from .algebra import Ring
from .generators import NESTED, Bag, Gen, Letter, Mono, Poly, add_to, constant, poly_key, single, unit
from .reading import LARGE, Node, head, need

U = Letter("u", "")
"""Of the generator ("size", U), a positive variable, which becomes 1 when U is renamed."""
COPIES = 12
"""Most factors that are sums are opened at once."""


class Sums(Ring):
    """Polynomials with sums over letters, and their derivatives."""

    def fresh(self, over: str) -> Letter:
        return Letter(f"~{next(self.numbers)}", over)

    def logit(self, vector: Node, x: Letter) -> Poly:
        space = head(vector)
        if vector in self.rules or space not in self.unfolded:
            return dict(self.rules.get(vector, single(self.gen("logit", vector, x))))
        i = self.fresh(f"axes({space[1]})")
        parts = single(self.gen("embedding", space, x, i)), single(self.gen("coordinate", vector, i))
        bias = {} if vector[0] == "Direction" else single(self.gen("bias", space, x))
        return add_to(self.close(self.times(*parts), frozenset([i])), bias)

    # ---------------------------------------------------------------- renaming

    def renamed(self, poly: Poly, names: Mapping[Letter, Letter]) -> Poly:
        def change(mono: Mono) -> Poly:
            moved = [(gen, e) for gen, e in mono if not gen.letters.isdisjoint(names)]
            return self.product([unit(mono.difference(moved)), *(self.power(anew(gen, names), e) for gen, e in moved)])

        anew = self.relettered
        return self.each(poly, change)

    def inside(self, gen: Gen, names: Mapping[Letter, Letter] | None = None) -> tuple[Poly, frozenset[Letter]]:
        """What a sum sums, its own letters fresh and others changed, and these fresh letters."""
        bound = {x: self.fresh(x.over) for x in gen.parts[0]}
        return self.renamed(unit(gen.parts[1]), {**(names or {}), **bound}), frozenset(bound.values())

    def relettered(self, gen: Gen, names: Mapping[Letter, Letter]) -> Poly:
        """A generator with other letters; they may have become equal, so that it is made anew."""
        self.spend(gen.size)
        tag, parts = gen.tag, gen.parts
        if tag == "sum":
            return self.close(*self.inside(gen, names))
        if tag in NESTED:
            inside = self.renamed(dict(parts[0]), names)
            if tag == "inverse":
                return self.times(self.power(inside, fmpq(1, 2)), self.power(inside, fmpq(-3, 2)))
            return inside if tag == "root" else {"log": self.log, "exp": self.exp, "abs": self.abs}[tag](inside)
        if tag == "size":
            return constant(1)

        def put(part: Any) -> Any:  # no other pair of names is a letter
            inside = tuple(map(put, part)) if type(part) is tuple else part
            return names.get(part, part) if isinstance(part, Letter) else inside

        new = map(put, parts)
        return self.delta(*new) if tag == "delta" else single(self.gen(tag, *new))

    # ---------------------------------------------------------------- closing

    def close(self, poly: Poly, bound: frozenset[Letter]) -> Poly:
        """The sum of a polynomial over letters."""
        return self.each(poly, lambda mono: self.closed(mono, bound))

    def opened(self, sums: Mapping[Gen, int], rest: Poly, bound: frozenset[Letter] = frozenset()) -> Poly:
        need(sum(sums.values()) <= COPIES, LARGE + "a product of too many sums")
        for gen, times in sums.items():
            for _ in range(times):
                body, letters = self.inside(gen)
                rest, bound = self.times(rest, body), bound | letters
        return self.close(rest, bound)

    def closed(self, mono: Mono, bound: frozenset[Letter]) -> Poly:
        """The sum of a monomial over letters."""
        self.spend(1 + len(mono))
        inner = {g: int(e.floor()) for g, e in mono if g.tag == "sum" and e >= 1 and not g.letters.isdisjoint(bound)}
        if inner:
            rest = unit((gen, e - inner.get(gen, 0)) for gen, e in mono if e != inner.get(gen))
            return self.opened(inner, rest, bound)
        uses = Counter(x for gen, _ in mono for x in gen.letters)
        for gen, e in mono:
            if gen.tag == "delta" and e > 0 and not gen.letters.isdisjoint(bound):
                gone, kept = sorted(gen.parts, key=lambda x: x not in bound)
                return self.close(self.renamed(unit(mono - {(gen, e)}), {gone: kept}), bound - {gone})
            box, ins, outs = gen.parts if gen.tag == "entry" else ((), (), ())
            if gen.tag == "soft":
                ins, outs = gen.parts[0][2:], gen.parts[1:]  # what stands in the vector is no output
            free = {x for x in bound if (ins + outs).count(x) == 1}
            for gone in (outs, *((ins[k],) for k in range(len(ins)) if (box, k) in self.columns)):
                if gone and e == 1 and free.issuperset(gone) and all(uses[x] == 1 for x in gone):
                    return self.closed(mono - {(gen, e)}, bound.difference(gone))
            for other, k in mono if free.issuperset(outs) and all(uses[x] == 2 for x in outs) else ():
                joined = self.joins.get((box, other.parts[0])) if other.tag == "entry" and e == k == 1 else None
                if joined and outs == other.parts[1] and not set(outs) & set(other.parts[2]):
                    whole = [(self.gen("entry", joined, ins, other.parts[2]), fmpq(1))]
                    rest = self.times(unit(mono - {(gen, e), (other, k)}), unit(whole))
                    return self.close(rest, bound.difference(outs))
        groups: list[tuple[frozenset[Letter], Mono]] = []
        for pair in mono:
            letters, items = pair[0].letters & bound, frozenset([pair])
            for group in [group for group in groups if group[0] & letters]:
                groups.remove(group)
                letters, items = letters | group[0], items | group[1]
            groups.append((letters, items))
        sums = [single(self.named(*group)) if group[0] else unit(group[1]) for group in groups]
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
        (least, c), *more = min((self.renamed(unit(mono), name) for name in names), key=poly_key).items()
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
                add_to(total, self.product([inner, unit(mono - {(gen, e)}), lower]), c * e)
        return total

    def moved(self, gen: Gen, point: Node | None, direction: Node | None) -> Poly:
        """The derivative of a generator."""
        tag, parts = gen.tag, gen.parts
        if tag == "sum":
            body, letters = self.inside(gen)
            return self.close(self.derivative(body, point, direction), letters)
        if tag in NESTED:
            inner = self.derivative(dict(parts[0]), point, direction)
            if tag == "log" and not point:
                return self.times(inner, self.power(dict(parts[0]), fmpq(-1))) if inner else {}
            need(not inner or tag in ("exp", "root"), f"the derivative of {tag}")
            return self.times(single(gen), inner) if tag == "exp" else inner
        if not point or not direction or tag not in ("soft", "lse", "logit", "coordinate") or parts[0] != point:
            return constant(1) if not point and parts == (U,) else {}
        if tag in ("logit", "coordinate"):
            return self.logit(direction, parts[1]) if tag == "logit" else single(self.gen(tag, direction, parts[1]))
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
