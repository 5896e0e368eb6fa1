"""Polynomials over bound letters, and the rules of finite kernels that simplify one product.

An atom is (kind, data, letters). A letter is (sort, name, object): sort "Letter" is free, "new" waits to be summed and
is globally fresh, "b" is bound in a frozen polynomial, named (height, number). Inner polynomials have smaller heights,
so that no renaming captures. The power of an atom is (exponent, zero): `zero` says that the product is 0 where the atom
is, which is all that p p^-1 remembers. A polynomial maps (bound letters, factors) to a coefficient.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import reduce
from itertools import chain, permutations, product
from math import factorial, prod
from typing import Any

from .reading import EXPONENT, HEIGHT, RENAMINGS, WORK, bounded, combined, within

Letter = tuple[Any, ...]
Letters = tuple[Letter, ...]
Atom = tuple[str, Any, Letters]
Power = tuple[Fraction, bool]
Factors = list[tuple[Atom, Power]]
Monomial = tuple[Letters, tuple[tuple[Atom, Power], ...]]
Poly = dict[Monomial, Fraction]
Frozen = tuple[tuple[Monomial, Fraction], ...]
Columns = dict[Any, list[range]]  # the places of a box's letters over which its entries sum to one, beside its outputs
Products = dict[Any, list[tuple[Any, Any]]]  # for a box f the (g, h) with f >> g = h
UNIT: Monomial = ((), ())

ONE = Fraction(1)
ONCE: Power = (ONE, True)
NESTED = ("log", "exp", "abs", "pow")
NEVER_ZERO = ("softmax", "size", "exp")


def letters_of(atom: Atom) -> set[Letter]:
    """The letters that an atom mentions, those bound inside it left out."""
    found = set(atom[2])
    for (bound, factors), _ in atom[1] if atom[0] in NESTED else ():
        found |= set().union(*[letters_of(inner) for inner, _ in factors]) - set(bound)
    return found


def height(terms: Iterable[tuple[Monomial, Fraction]]) -> int:
    """How deep polynomials are nested in this one; 0 for none."""
    inner = [height(atom[1]) for (_, factors), _ in terms for atom, _ in factors if atom[0] in NESTED]
    return 1 + max(inner) if inner else 0


def total_of(polys: Iterable[Poly]) -> Poly:
    """The sum of polynomials."""
    return combined((poly, 1) for poly in polys)


def merged(factors: Factors) -> Factors:
    """Collect equal atoms, drop those that are 1, and use that deterministic entries are 0 or 1 (rules 1, 3, 5)."""
    powers, seen, queue = dict[Atom, Power](), dict[Any, Letters](), [*factors]
    for (kind, data, letters), (exponent, zero) in queue:
        if (kind == "delta" and letters[0] == letters[1]) or (kind == "entry" and not data[3]):
            continue
        atom = (kind, data, tuple(sorted(letters, key=repr)) if kind == "delta" else letters)
        before, also = powers.get(atom, (Fraction(0), False))
        whole = (zero or also) and kind not in NEVER_ZERO
        logical = whole and (kind == "delta" or (kind == "entry" and data[4] is True))
        split = len(data[2]) if logical and kind == "entry" else len(letters)
        if seen.setdefault((data, letters[:split]), letters[split:]) != letters[split:]:
            other = seen[data, letters[:split]]  # f(y|x) f(z|x) = f(y|x) delta(y, z)
            queue += [(("delta", "", pair), ONCE) for pair in zip(other, letters[split:], strict=True)]
            continue
        powers[atom] = ONCE if logical else (bounded(before + exponent), whole)
    return [(atom, to) for atom, to in powers.items() if to[0] or to[1]]


def normalised(bound: Letters, factors: Factors, columns: Columns) -> tuple[Letters, Factors] | None:
    """Drop one kernel that is summed over all its outputs or a column, or the letters that occur nowhere (rule 2)."""
    used = [letters_of(atom) for atom, _ in factors]
    for at, ((kind, data, letters), to) in enumerate(factors if bound else ()):
        outs = range(len(data[2]) if kind == "entry" else len(letters) - 1, len(letters))
        for places in [outs, *columns.get(data, ())] if kind in ("entry", "softmax") and to[0] == 1 else ():
            gone = [letters[place] for place in places]
            others = [letter for place, letter in enumerate(letters) if place not in places]
            if set(gone) <= set(bound).difference(others, *used[:at], *used[at + 1 :]) and len({*gone}) == len(gone):
                return tuple(x for x in bound if x not in gone), factors[:at] + factors[at + 1 :]
    sizes: Factors = [(("size", x[2], ()), ONCE) for x in bound if not any(x in letters for letters in used)]
    return (tuple(x for x in bound if any(x in letters for letters in used)), factors + sizes) if sizes else None


def contracted(bound: Letters, factors: Factors, products: Products) -> tuple[Letters, Factors] | None:
    """Replace f(z|x) g(y|z), summed over z, by h(y|x), where f >> g = h."""
    for at, ((_, f, letters), to) in enumerate(factors if bound else ()):
        for g, h in products.get(f, ()) if to[0] == 1 else ():
            ins, made = letters[: len(f[2])], letters[len(f[2]) :]
            for after, ((kind, data, others), power) in enumerate(factors):
                if (kind, data, others[: len(g[2])]) == ("entry", g, made) and power[0] == 1 and after != at:
                    rest = [factor for place, factor in enumerate(factors) if place not in (at, after)]
                    outs = others[len(g[2]) :]
                    free = set(bound).difference(ins, outs, *[letters_of(atom) for atom, _ in rest])
                    if set(made) <= free and len({*made}) == len(made):
                        return tuple(x for x in bound if x not in made), [*rest, (("entry", h, ins + outs), ONCE)]
    return None


class Ring:
    """Sums and products of atoms, under sums over letters. `Functions` adds what nests."""

    raised: Callable[[Atom, dict[Letter, Letter], Power], Poly]  # a nested atom with letters renamed, to a power

    def __init__(self) -> None:
        self.work = self.count = 0
        self.columns: Columns = {}
        self.products: Products = {}

    def spend(self, steps: int) -> None:
        """Count work, and refuse beyond the limit."""
        self.work += steps
        within(self.work, WORK, f"the polynomials need more than {WORK} steps")

    def fresh(self, over: str) -> Letter:
        """A letter that occurs nowhere yet."""
        self.count += 1
        return ("new", self.count, over)

    def atom(self, kind: str, data: Any = "", letters: Letters = ()) -> Poly:
        """One atom."""
        return self.term(ONE, (), [((kind, data, letters), ONCE)])

    def summed(self, poly: Poly, letters: Letters) -> Poly:
        """The sum over letters, which must be fresh."""
        return total_of(self.term(value, bound + letters, list(f)) for (bound, f), value in poly.items())

    def times(self, *polys: Poly) -> Poly:
        """The product."""
        return reduce(lambda left, right: self.multiplied(ONE, (), [], [left, right]), polys)

    def multiplied(self, value: Fraction, bound: Letters, factors: Factors, polys: list[Poly]) -> Poly:
        """The product of factors and polynomials, summed over `bound` at the end."""
        rows, used = [(value, bound, factors)], set(bound)
        for poly in polys:
            if any(used.intersection(others) for others, _ in poly):
                poly = self.substitute(tuple(poly.items()), {})
            used.update(x for others, _ in poly for x in others)
            self.spend(len(rows) * len(poly))
            rows = [(bounded(a * b), x + y, [*f, *g]) for a, x, f in rows for (y, g), b in poly.items()]
        return total_of([self.term(*row) for row in rows])

    def term(self, value: Fraction, bound: Letters, factors: Factors) -> Poly:
        """A simplified product."""
        while True:
            self.spend(1 + len(factors) + len(bound))
            factors = merged(factors)
            for atom, (exponent, zero) in factors:
                rest = [factor for factor in factors if factor[0] != atom]
                if atom[0] == "pow" and 0 < exponent <= EXPONENT and exponent.denominator == 1:
                    return self.multiplied(value, bound, rest, [self.substitute(atom[1], {})] * int(exponent))
                if atom[0] == "delta" and zero:
                    old, new = atom[2] if atom[2][0] in bound else atom[2][::-1]
                    if old in bound or any(old in letters_of(other) for other, _ in rest):
                        flat, polys = self.renamed(rest, {old: new})
                        flat += [] if old in bound else [(atom, ONCE)]
                        return self.multiplied(value, tuple(x for x in bound if x != old), flat, polys)
            shorter = normalised(bound, factors, self.columns) or contracted(bound, factors, self.products)
            if shorter is None:
                return {(bound, tuple(factors)): value}
            bound, factors = shorter

    def renamed(self, factors: Factors, renaming: dict[Letter, Letter]) -> tuple[Factors, list[Poly]]:
        """Rename letters: atoms that stay atoms, and polynomials for the nested ones, which are built anew."""
        flat, polys = Factors(), list[Poly]()
        for atom, to in factors:
            if atom[0] in NESTED and not letters_of(atom).isdisjoint(renaming):
                polys.append(self.raised(atom, renaming, to))
            else:
                flat.append(((atom[0], atom[1], tuple(renaming.get(x, x) for x in atom[2])), to))
        return flat, polys

    def substitute(self, frozen: Frozen, renaming: dict[Letter, Letter]) -> Poly:
        """Open a frozen polynomial: free letters renamed, bound ones made fresh."""
        rows = []
        for (bound, factors), value in frozen:
            own = {x: self.fresh(x[2]) for x in bound}
            again = self.renamed(list(factors), {**renaming, **own})
            rows.append(self.multiplied(value, tuple(own.values()), *again))
        return total_of(rows)

    def frozen(self, poly: Poly) -> Frozen:
        """The canonical form: bound letters named, like terms collected, everything sorted by its text."""
        within(level := height(poly.items()), HEIGHT, f"functions nested deeper than {HEIGHT}")
        rows = [{self.named(bound, list(factors), level): value} for (bound, factors), value in poly.items()]
        return tuple(sorted(total_of(rows).items(), key=repr))

    def named(self, bound: Letters, factors: Factors, level: int) -> Monomial:
        """The product with its bound letters named so that its text is smallest, like-looking letters permuted."""
        looks = dict.fromkeys(bound, "")
        for _ in range(2 if len(bound) > 1 else 0):  # a look: the text with one name for all of a look
            seen: dict[Letter, Letter] = {x: ("b", sorted({*looks.values()}).index(looks[x]), x[2]) for x in bound}
            alike = [self.multiplied(ONE, (), *self.renamed(factors, {**seen, x: ("b", "this", x[2])})) for x in bound]
            looks = {x: repr(self.frozen(poly)) for x, poly in zip(bound, alike, strict=True)}
        groups = [[x for x in bound if looks[x] == look] for look in sorted({*looks.values()})]
        namings = prod(factorial(len(group)) for group in groups)
        within(namings, RENAMINGS, f"a product has more than {RENAMINGS} namings of its bound letters")
        found = []
        for orders in product(*map(permutations, groups)):
            new: dict[Letter, Letter] = {x: ("b", (level, i), x[2]) for i, x in enumerate(chain(*orders))}
            poly = self.multiplied(ONE, (), *self.renamed(factors, new))
            changed = [*poly.values()] != [ONE] or bool(next(iter(poly))[0])
            within(changed, 0, "renaming letters changes the shape of a nested polynomial")
            found.append((tuple(new.values()), tuple(sorted(next(iter(poly))[1], key=repr))))
        return min(found, key=repr)
