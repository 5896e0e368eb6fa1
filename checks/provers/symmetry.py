"""Permutations of variables under which a problem stays the same, and the problem on their orbits.

Only exchanges of two variables are looked for; they generate all permutations within classes of variables. A set is
then known, up to a permutation, by how many variables of each class it holds. An answer on orbits unfolds into one
that gives every fact of an orbit the same multiplier.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from .child import Failure
from .elementals import Fact
from .linear import Coordinate, Linear, combine
from .programs_lp import Multipliers, multipliers

Form = frozenset[tuple[Coordinate, Fraction]]


def classes(target: Linear, special: Sequence[Fact], wires: int) -> list[int]:
    """The classes, as masks, of variables that can be exchanged: the target and the set of facts stay the same.

    Variables whose log-sizes are spoken of stand alone.
    """
    forms = Counter(_key(fact) for fact in special)
    sized = 0
    for fact in special:
        if fact.cite[0] == "size":
            sized |= next(key for key in fact.form if isinstance(key, int))
    found: list[int] = []
    for wire in range(wires):
        for at, members in enumerate(found):
            pair = (members & -members) | 1 << wire
            same = not pair & sized and _exchanged(target, pair) == target
            if same and Counter(_key(fact, pair) for fact in special) == forms:
                found[at] |= 1 << wire
                break
        else:
            found.append(1 << wire)
    return found


def _key(fact: Fact, pair: int = 0) -> tuple[Form, bool]:
    return frozenset(_exchanged(fact.form, pair).items()), fact.signed


def _exchanged(form: Linear, pair: int) -> Linear:
    """The form with two variables exchanged, in every set that holds one of them."""
    moved: dict[Coordinate, Coordinate] = {
        key: key ^ pair for key in form if isinstance(key, int) and key & pair not in (0, pair)
    }
    return {moved.get(key, key): value for key, value in form.items()}


def by_orbits(target: Linear, facts: Sequence[Fact], groups: Sequence[int], seconds: float) -> Multipliers | Failure:
    """As `multipliers`, by the program on orbits; target and facts are closed under exchanges within the groups."""
    orbits: dict[Any, list[int]] = defaultdict(list)
    others = _joined([fact for fact in facts if fact.cite[0] not in ("H", "I")], groups)
    for at, fact in enumerate(facts):
        orbits[_orbit(fact, groups, others)].append(at)
    members = list(orbits.values())
    small = [replace(facts[orbit[0]], form=_folded(facts[orbit[0]].form, groups)) for orbit in members]
    costs = [float(len(orbit)) for orbit in members]  # so that the unfolded proof is short
    found = multipliers(_folded(target, groups), small, seconds, costs)
    if isinstance(found, Failure):
        return found
    return {at: value / len(members[orbit]) for orbit, value in found.items() for at in members[orbit]}


def _counts(mask: int, groups: Sequence[int]) -> tuple[int, ...]:
    return tuple((mask & group).bit_count() for group in groups)


def _folded(form: Linear, groups: Sequence[int]) -> Linear:
    """A form with every set replaced by one that stands for its orbit: the first variables of each class."""
    total: Linear = {}
    for key, value in form.items():
        if isinstance(key, int):
            first = 0
            for group, many in zip(groups, _counts(key, groups)):
                for _ in range(many):
                    first |= group & ~first & -(group & ~first)
            key = first
        total[key] = total.get(key, Fraction(0)) + value
    return combine((1, total))


def _orbit(fact: Fact, groups: Sequence[int], others: dict[tuple[Form, bool], int]) -> Any:
    """What the facts of one orbit share, and no others: for H and I the counts of their disjoint sets."""
    kind, *sets = fact.cite
    if kind == "H":
        return kind, *(_counts(part, groups) for part in sets)
    if kind == "I":
        return kind, *sorted(_counts(part, groups) for part in sets[:2]), _counts(sets[2], groups)
    return others[_key(fact)]


def _joined(facts: Sequence[Fact], groups: Sequence[int]) -> dict[tuple[Form, bool], int]:
    """The number of its orbit for each of the facts, by following the exchanges within the classes."""
    pairs = []
    for group in groups:
        wires = [1 << place for place in range(group.bit_length()) if group >> place & 1]
        pairs += [one | other for one, other in pairwise(wires)]
    number: dict[tuple[Form, bool], int] = {}
    for at, fact in enumerate(facts):
        todo = [fact]
        while todo:
            one = todo.pop()
            if number.setdefault(_key(one), at) == at:
                moved = (Fact(_exchanged(one.form, pair), one.cite, one.signed) for pair in pairs)
                todo += [other for other in moved if _key(other) not in number]
    return number
