"""Inequalities beyond Shannon's, by the copy lemma.

A copy of some variables over others makes new variables with the same joint law with the others, independent of
everything else given them. Such variables exist for every state, so what Shannon's inequalities say of old and new
variables together, as far as it speaks of old ones only, is true of every state. Which variables to copy is searched:
one copy, then two in sequence, the second possibly of what the first made.

Source: Zhang and Yeung, "On characterization of entropy function via information inequalities" (IEEE IT 44, 1998);
Dougherty, Freiling and Zeger, "Six new non-Shannon information inequalities" (ISIT 2006).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import combinations
from typing import Any

from lmlaws.theory.statements import Statement

from ..engine import Budget
from ..evidence import certificate
from ..verdicts import Proved, Undecided, Verdict
from .child import Failure, bounded
from .elementals import Closure, Fact, information, lattice, lattice_facts, special_facts
from .linear import Linear, combine
from .programs_lp import Variations, checked, load_solver, multipliers
from .shannon import Proof, ShannonProver, combination, read, targets
from .symmetry import classes

SECONDS = 5.0
"""How long the exact multipliers of one way to copy may take, where floating point finds it feasible."""
MOST_WIRES = {1: 5, 2: 6}
"""The most wires of a statement for which one copy, and two in sequence, are tried; a program has 8 wires at most."""


@dataclass(frozen=True)
class Copy:
    """A copy of the wires `of` over the wires `over`, as masks; the new wires take the next places from `first` on."""

    of: int
    over: int
    first: int

    @property
    def new(self) -> int:
        """The mask of the new wires."""
        return ((1 << self.of.bit_count()) - 1) << self.first

    def original(self, wires: int) -> int:
        """The set with each new wire replaced by the one that it copies."""
        places = [place for place in range(self.of.bit_length()) if self.of >> place & 1]
        return wires & ~self.new | sum(1 << old for new, old in enumerate(places, self.first) if wires >> new & 1)

    def facts(self, number: int) -> Iterator[Fact]:
        """Independence of all else given `over`, and equal entropies of the sets that have a new wire."""
        before = (1 << self.first) - 1
        rest = before & ~self.over
        yield Fact(information(self.new, rest, self.over), ("copy", number, self.new, rest), signed=True)
        some = whole = self.new | self.over
        while some:
            if some & self.new:
                form = combine((1, {some: Fraction(1)}), (-1, {self.original(some): Fraction(1)}))
                yield Fact(form, ("same", number, some), signed=True)
            some = (some - 1) & whole


class CopyProver:
    """Proves linear relations between entropies of 4 or more wires with copies of variables, up to `steps` in sequence.

    One step is a matter of 20 to 300 ms and can go before a search for counterexamples; two steps take seconds.
    """

    exact = True

    def __init__(self, steps: int = 2) -> None:
        self.steps = steps
        self.name = "copy" if steps == 1 else "copies"

    def accepts(self, statement: Statement) -> str | None:
        reason = ShannonProver().accepts(statement)
        if reason is not None:
            return reason
        many, most = len(read(statement).live), MOST_WIRES[self.steps]
        return None if 4 <= many <= most else f"{many} random variables; copies are tried for 4 to {most}"

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        wires = read(statement)
        special = special_facts(statement, wires)
        copies: list[list[list[int]]] = []
        steps: dict[str, Any] = {}
        for direction, target in targets(statement, wires).items():
            used, proof = wires, combination(target, special, budget)
            if isinstance(proof, Failure):
                found = with_copies(target, special, len(wires.live), self.steps, budget)
                if isinstance(found, Failure):
                    return Undecided(self.name, f"{found.reason} (direction {direction})")
                made, proof = found
                # the new wires are numbered after those of the program and of the copies for the other direction
                start = wires.numbered + sum(len(of) for of, _ in copies)
                news = sum(copy.of.bit_count() for copy in made)
                used = replace(wires, live=(*wires.live, *range(start, start + news)))
                proof = [(value, fact.renumbered(len(copies))) for value, fact in proof]
                copies += [[used.wires(copy.of), used.wires(copy.over)] for copy in made]
            steps[direction] = [[str(value), fact.cited(used)] for value, fact in proof]
        return Proved(self.name, certificate("shannon", statement, {"copies": copies, **steps} if copies else steps))


def with_copies(
    target: Linear, special: Sequence[Fact], wires: int, steps: int, budget: Budget
) -> tuple[list[Copy], Proof] | Failure:
    """Copies, and multiples of facts about all wires that add up to the target; Failure with the reason."""
    load_solver()
    found = bounded(search, target, special, wires, steps, seconds=budget.left())
    if isinstance(found, Failure):
        return Failure(f"copies of variables: {found.reason}")
    if isinstance(found, int):
        ways = "one copy" if steps == 1 else "one or two copies"
        return Failure(f"no proof with {ways} of variables ({found:,} ways tried)")
    made, weights = found
    copies = [Copy(*part) for part in made]
    facts = all_facts(special, wires, copies)
    answer = checked(target, facts, weights)
    if answer is None:
        return Failure("copies of variables: the multipliers found do not add up")
    return copies, [(value, facts[at]) for at, value in answer.items()]


def search(target: Linear, special: Sequence[Fact], wires: int, steps: int) -> int | tuple[list[Any], list[Any]]:
    """The first copies that suffice, as fields of `Copy`, with the exact weights of `all_facts`; else how many failed.

    The result is JSON data, for a child process.
    """
    tried = 0
    programs: dict[int, Variations] = {}
    for copies in candidates(wires, classes(target, special, wires), steps):
        more = sum(copy.of.bit_count() for copy in copies)
        if more not in programs:
            programs[more] = Variations(target, [*special, *elementals(wires + more)])
        tried += 1
        if programs[more].feasible(copy_facts(copies)):
            found = multipliers(target, all_facts(special, wires, copies), SECONDS)
            if not isinstance(found, Failure):
                return [astuple(copy) for copy in copies], [(at, str(value)) for at, value in found.items()]
    return tried


def all_facts(special: Sequence[Fact], wires: int, copies: Sequence[Copy]) -> list[Fact]:
    """All facts on the wires and the new ones."""
    return [*copy_facts(copies), *special, *elementals(wires + sum(copy.of.bit_count() for copy in copies))]


def copy_facts(copies: Sequence[Copy]) -> list[Fact]:
    """What copies force, those that say something."""
    return [fact for number, copy in enumerate(copies) for fact in copy.facts(number) if fact.form]


@cache
def elementals(wires: int) -> list[Fact]:
    """The elemental inequalities of so many wires."""
    sets = lattice([1 << wire for wire in range(wires)], Closure(), 1 << wires)
    assert sets is not None
    facts = lattice_facts(sets, Closure(), wires * wires << wires)
    assert facts is not None
    return facts


def candidates(wires: int, groups: Sequence[int], steps: int) -> Iterator[list[Copy]]:
    """Copies to try, most promising first: one variable, two at once, two in sequence.

    Of copies that an exchange of variables turns into each other only the first is tried (in a sequence, of the first
    steps).
    """
    single = list(_different(_copies(1, wires), groups))
    yield from ([copy] for copy in single)
    yield from ([copy] for copy in _different(_copies(2, wires), groups))
    for first in single if steps > 1 else ():
        yield from ([first, second] for second in _copies(1, wires + 1))


def _copies(size: int, wires: int) -> Iterator[Copy]:
    """The copies of so many variables over some of the others, over two first."""
    for many in sorted(range(1, wires - size + 1), key=lambda many: (many != 2, many)):
        for of in _masks(range(wires), size):
            for over in _masks([wire for wire in range(wires) if not of >> wire & 1], many):
                yield Copy(of, over, wires)


def _masks(wires: Iterable[int], size: int) -> Iterator[int]:
    return (sum(1 << wire for wire in some) for some in combinations(wires, size))


def _different(copies: Iterable[Copy], groups: Sequence[int]) -> Iterator[Copy]:
    """The copies without those that exchanges within the groups of variables make of earlier ones."""
    seen = set()
    for copy in copies:
        orbit = tuple(((copy.of & group).bit_count(), (copy.over & group).bit_count()) for group in groups)
        if orbit not in seen:
            seen.add(orbit)
            yield copy
