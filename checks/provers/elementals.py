"""Facts about the joint entropies of wires: what holds of every state, what a diagram forces, what is assumed.

Sets of wires are bit masks. Of all Shannon inequalities only those between the sets that a statement needs are listed:
the sets form a lattice, and a function on it that is monotone and submodular extends to all sets of wires (take the
least value above a set), so nothing is lost. Variables that always occur together, that are functions of each other or
that do not matter disappear there by themselves.

Source: Yeung, "A framework for linear information inequalities" (IEEE IT 43, 1997).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import Any

from lmlaws.theory.expressions import Equal
from lmlaws.theory.statements import Statement

from .linear import Linear, Wires, combine

ONE, MINUS = Fraction(1), Fraction(-1)
_SETS = {"H": (1, 2), "I": (1, 2, 3), "box": (2, 3), "function": (2,), "copy": (2, 3), "same": (2,)}


@dataclass(frozen=True, slots=True)
class Fact:
    """A linear form that is >= 0 (or = 0, when `signed`), and how a certificate cites it, sets as masks."""

    form: Linear
    cite: tuple[Any, ...]
    signed: bool = False

    def renumbered(self, copies: int) -> Fact:
        """The fact where so many copies come before those that it speaks of."""
        kind, *rest = self.cite
        return replace(self, cite=(kind, rest[0] + copies, *rest[1:])) if kind in ("copy", "same") else self

    def cited(self, wires: Wires) -> list[Any]:
        """The fact as a certificate writes it."""
        sets = _SETS.get(self.cite[0], ())
        return [wires.wires(part) if place in sets else part for place, part in enumerate(self.cite)]


def conditional_entropy(a: int, given: int) -> Linear:
    """H(a | given) as a form."""
    if not a & ~given:
        return {}
    return {a | given: ONE, given: MINUS} if given else {a: ONE}


def information(a: int, b: int, given: int) -> Linear:
    """I(a; b | given) as a form."""
    return combine((1, conditional_entropy(a, given)), (-1, conditional_entropy(a, given | b)))


def monotone(small: int, large: int) -> Fact:
    """H(large) >= H(small), for a subset of a set."""
    return Fact(conditional_entropy(large, small), ("H", large & ~small, small))


def submodular(s: int, t: int) -> Fact:
    """H(s) + H(t) >= H(s or t) + H(s and t), for sets of which neither holds the other."""
    both = s & t
    form: Linear = {s: ONE, t: ONE, s | t: MINUS}
    if both:
        form[both] = MINUS
    return Fact(form, ("I", s & ~both, t & ~both, both))


def special_facts(statement: Statement, wires: Wires) -> list[Fact]:
    """Everything but monotony and submodularity: diagram, hypotheses, sizes of alphabets, 1 >= 0."""
    facts = list(_diagram_facts(wires))
    used: set[Any] = set()
    for relation in (statement.holds, *statement.given):
        used.update(wires.gap(relation))
    for number, relation in enumerate(statement.given):
        facts.append(Fact(wires.gap(relation), ("given", number), isinstance(relation, Equal)))
    kinds = {wire: part.name for _, call in wires.calls() for wire, part in zip(call.makes, call.box.cod)}
    for wire in wires.live:
        if f"log|{kinds[wire]}|" in used:
            facts.append(Fact({f"log|{kinds[wire]}|": ONE, wires.mask({wire}): MINUS}, ("size", wire)))
    for key in sorted(key for key in used if isinstance(key, str)):
        facts.append(Fact({key: ONE}, ("one",) if key == "1" else ("log", key[4:-1])))
    return [fact for fact in facts if fact.form]


def _diagram_facts(wires: Wires) -> Iterator[Fact]:
    """What each box forces: its outputs meet the earlier wires only through its inputs."""
    for number, call in wires.calls():
        made, reads = wires.mask(call.makes), wires.mask(call.reads)
        earlier = wires.mask({wire for wire in wires.live if wire < call.makes[0]}) & ~reads
        if earlier:
            yield Fact(information(made, earlier, reads), ("box", number, made, earlier), signed=True)
        if call.box.deterministic:
            yield Fact(conditional_entropy(made, reads), ("function", number, made), signed=True)


@dataclass(frozen=True)
class Dependency:
    """A fact that says H(all | by) = 0: `fact.form` is `scale` times that, with a sign or exactly zero."""

    by: int
    all: int
    fact: Fact
    scale: Fraction


def dependencies(facts: Iterable[Fact]) -> list[Dependency]:
    """The facts that make wires functions of others."""
    found = []
    for fact in facts:
        masks = [key for key in fact.form if isinstance(key, int)]
        if len(masks) != len(fact.form) or len(masks) > 2:
            continue
        small, large = sorted(masks, key=int.bit_count) if len(masks) == 2 else (0, masks[0])
        scale = fact.form[large]
        nested = small & ~large == 0 and (not small or fact.form[small] == -scale)
        if nested and (fact.signed or scale < 0):
            found.append(Dependency(small, large, fact, scale))
    return found


class Closure:
    """The closure of sets of wires under functions: H(close(s)) = H(s)."""

    def __init__(self, known: Sequence[Dependency] = ()) -> None:
        self.known = tuple(known)
        self.nothing = self.close(0)

    def path(self, wires: int) -> list[Dependency]:
        """Dependencies that lead from a set to its closure, in order."""
        path, left, grown = [], list(self.known), True
        while grown:
            grown = False
            for step in left:
                if step.by & ~wires == 0 and step.all & ~wires:
                    wires |= step.all
                    path.append(step)
                    grown = True
        return path

    def close(self, wires: int) -> int:
        """The set with all wires that are functions of it."""
        for step in self.path(wires) if self.known else ():
            wires |= step.all
        return wires

    def form(self, form: Linear) -> Linear:
        """A form in terms of closed sets alone; the closure of the empty set has no entropy."""
        if not self.known:
            return form
        total: Linear = {}
        for key, value in form.items():
            if isinstance(key, int):
                key = self.close(key)
                if key == self.nothing:
                    continue
            total[key] = total.get(key, Fraction(0)) + value
        return {key: value for key, value in total.items() if value}

    def corrections(self, rest: Linear) -> list[tuple[Fraction, Fact]]:
        """Facts that add up to a form whose `form` is zero: closed sets exchanged for the sets themselves."""
        total: dict[int, Fraction] = {}
        for key, value in rest.items():
            assert isinstance(key, int)
            total[key] = value
        if self.nothing:
            total[0] = -sum((v for key, v in total.items() if self.close(key) == self.nothing), Fraction(0))
        found: list[tuple[Fraction, Fact]] = []
        for wires, times in total.items():
            if times < 0 and wires != self.close(wires):
                found.append((-times, monotone(wires, self.close(wires))))
            elif times > 0:
                for step in self.path(wires):
                    found.append((-times / step.scale, step.fact))
                    if (wires & ~step.by) and (step.all & ~wires):
                        apart = information(step.all & ~step.by, wires & ~step.by, step.by)
                        cite = ("I", step.all & ~step.by, wires & ~step.by, step.by)
                        found.append((times, Fact(apart, cite)))
                    wires |= step.all
        return found


def lattice(family: Iterable[int], closure: Closure, most: int) -> list[int] | None:
    """The closed sets of the lattice that a family of sets generates, empty or not; None where they are too many.

    They are the sets that hold with each wire all wires without which it never occurs in the family.
    """
    family = list(family)
    below: dict[int, int] = {}
    for wire in _members(_union(family)):
        with_it = [s for s in family if s >> wire & 1]
        below[wire] = _intersection(with_it)
    found, queue = {closure.nothing}, [closure.nothing]
    while queue:
        wires = queue.pop()
        for part in below.values():
            if part & ~wires:
                larger = closure.close(wires | part)
                if larger not in found:
                    if len(found) >= most:
                        return None
                    found.add(larger)
                    queue.append(larger)
    return sorted(found)


def lattice_facts(sets: Sequence[int], closure: Closure, most: int) -> list[Fact] | None:
    """Monotone and submodular on a lattice from `lattice`, by facts that imply all others; None beyond `most`."""
    known, facts = frozenset(sets), list[Fact]()
    steps = _atoms(sets)
    for bottom in sets:
        covers = _minimal({closure.close(bottom | part) for part in steps if part & ~bottom} & known)
        if closure.known:
            facts += [monotone(bottom, large) for large in covers]
            pairs = {(min(s, t), max(s, t)) for s in covers for t in sets if s & t == bottom != t and not bottom & ~t}
            facts += [submodular(s, t) for s, t in sorted(pairs)]
        else:
            facts += [submodular(s, t) for s, t in combinations(covers, 2)]
        if len(facts) > most:
            return None
    if not closure.known:  # H(top | all but what needs a wire) bounds every other step up by that wire
        top = sets[-1]
        for part in steps:
            rest = max((s for s in sets if not s & (part & ~_under(part, steps))), key=int.bit_count)
            facts.append(monotone(rest, rest | part))
        assert all(not s & ~top for s in sets)
    return facts


def _atoms(sets: Sequence[int]) -> list[int]:
    """For each wire the least set of the lattice that holds it, each once."""
    found: dict[int, None] = {}
    for wire in _members(_union(sets)):
        found[_intersection([s for s in sets if s >> wire & 1])] = None
    return list(found)


def _under(part: int, parts: Sequence[int]) -> int:
    """What lies strictly below the least set of a wire."""
    return _union([other for other in parts if other != part and not other & ~part])


def _minimal(sets: Iterable[int]) -> list[int]:
    kept: list[int] = []
    for s in sorted(sets, key=int.bit_count):
        if not any(not small & ~s for small in kept):
            kept.append(s)
    return kept


def _members(wires: int) -> list[int]:
    return [place for place in range(wires.bit_length()) if wires >> place & 1]


def _union(sets: Iterable[int]) -> int:
    total = 0
    for s in sets:
        total |= s
    return total


def _intersection(sets: Sequence[int]) -> int:
    total = sets[0]
    for s in sets:
        total &= s
    return total
