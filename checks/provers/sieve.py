"""Laws of two fair bits, on which conditions between random variables are told apart exactly and without a prover.

Each variable is some parities of the two bits: constant, one of three lines, or both bits. Every joint entropy is then
the rank of a subspace over the field of two elements, in units of log 2, so a linear relation between entropies and
log-sizes is decided in integers. What fails on such a law is false; what passes is only not refuted.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from math import lcm

from lmlaws.theory.expressions import ZERO, Entropy, Equal, Information, Relation, Size, walk
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import wire_names

from .linear import NotLinearError, Wires, scaled

MOST_RANKS = 200_000
"""How many ranks are worked out. Up to six wires that is enough for all laws; of more, the statement fixes a sample."""

_RANKS = (0, 1, 1, 1, 2)
"""The ranks of the subspaces: 0 the constant, 1 to 3 the lines (parities), 4 the plane (both bits)."""

_PLANE = 4

_Law = tuple[int, ...]
"""The rank of each set of live wires, by its bit mask."""

_Form = tuple[list[tuple[int, list[int]]], bool]
"""Integer multiples of ranks (of the largest of several, for a log-size), and whether they must sum to 0 or be >= 0."""


def variables_of(node: object) -> list[str]:
    """The variables that the quantities of a node name, each once, in order."""
    found: list[str] = []
    for part in walk(node):
        if isinstance(part, Entropy | Information):
            groups = (part.of,) if isinstance(part, Entropy) else part.groups
            found += [name for group in (*groups, part.given) for name in group]
    return list(dict.fromkeys(found))


class Sieve:
    """The laws that a statement's diagram and `given` allow, and those of them that break what it says.

    Raises NotLinearError where the statement is no linear relation between entropies and log-sizes.
    """

    def __init__(self, statement: Statement) -> None:
        assert statement.about is not None
        wires = list(zip(wire_names(statement.about.cod), statement.about.cod))
        relations = (statement.holds, *statement.given)
        sizes = {node.alphabet for node in walk(relations) if isinstance(node, Size)}
        self.variables = variables_of(relations)
        self.variables += [name for name, part in wires if part in sizes and name not in self.variables]
        self.wires = Wires.of(statement.about, set(self.variables))
        self._sized = {
            f"log|{size.name}|": [self.wires.mask((self.wires.outputs[name],)) for name, part in wires if part == size]
            for size in sizes
        }
        self._claim = statement.holds
        given = [self._form(relation) for relation in statement.given]
        laws = _laws(len(self.wires.live), int(statement.hash[:16], 16))
        self._allowed = [law for law in laws if self._wired(law) and all(_meets(law, form) for form in given)]
        self._breaking = self.everywhere & ~self.meeting(statement.holds)
        self._varying = [
            sum(1 << at for at, law in enumerate(self._allowed) if law[1 << place])
            for place in range(len(self.wires.live))
        ]

    @property
    def everywhere(self) -> int:
        """All laws, as a bit mask."""
        return (1 << len(self._allowed)) - 1

    def meeting(self, relation: Relation) -> int:
        """The laws that meet a relation, as a bit mask."""
        form = self._form(relation)
        return sum(1 << at for at, law in enumerate(self._allowed) if _meets(law, form))

    def passes(self, relation: Relation, meeting: int) -> bool:
        """Whether the statement may follow under a condition, and the condition neither repeats it nor is empty.

        `meeting` are the laws that meet it. It is empty when a wire that varies on some law does so on none of these.
        """
        if self._repeats(relation) or meeting & self._breaking:
            return False
        return all(meeting & varying for varying in self._varying if varying)

    def _form(self, relation: Relation) -> _Form:
        gap = self.wires.gap(relation)
        if "1" in gap:
            raise NotLinearError("a constant beside entropies")
        scale = lcm(*(value.denominator for value in gap.values()))
        terms = [
            (int(scale * value), [key] if isinstance(key, int) else self._sized[key]) for key, value in gap.items()
        ]
        return terms, isinstance(relation, Equal)

    def _repeats(self, relation: Relation) -> bool:
        """Whether the statement says just this: that a multiple of this one quantity is zero, or at most zero."""
        if ZERO not in (self._claim.left, self._claim.right):
            return False
        own, other = scaled(self.wires.gap(self._claim)), scaled(self.wires.gap(relation))
        return own in (other, {key: -value for key, value in other.items()})

    def _wired(self, law: _Law) -> bool:
        """Whether the outputs of each box depend on what came before only through its inputs."""
        for _, call in self.wires.calls():
            reads, made = self.wires.mask(call.reads), self.wires.mask(call.makes)
            past = self.wires.mask({wire for wire in self.wires.live if wire < call.makes[0]})
            own = law[made | reads] - law[reads]
            if law[made | past] - law[past] != own or (call.box.deterministic and own):
                return False
        return True

    def _not_constant(self, law: _Law) -> list[int]:
        return [place for place in range(len(self.wires.live)) if law[1 << place]]


def _meets(law: _Law, form: _Form) -> bool:
    terms, equal = form
    total = sum(number * max(law[mask] for mask in masks) for number, masks in terms)
    return total == 0 if equal else total >= 0


def _laws(wires: int, seed: int) -> Iterator[_Law]:
    """The ranks of all choices of a subspace for each wire, or of a sample of them."""
    chance = random.Random(seed)
    choices: list[tuple[int, ...]] = [()]
    for _ in range(wires):
        choices = [(*some, space) for some in choices for space in _spaces(max((0, *some), key=_line))]
        if len(choices) > MOST_RANKS >> wires:
            choices = chance.sample(choices, MOST_RANKS >> wires)
    for choice in choices:
        spans = [0] * (1 << wires)
        for mask in range(1, 1 << wires):
            rest, own = spans[mask & (mask - 1)], choice[(mask & -mask).bit_length() - 1]
            spans[mask] = own if rest in (0, own) else rest if own == 0 else _PLANE
        yield tuple(_RANKS[span] for span in spans)


def _line(space: int) -> int:
    return 0 if space == _PLANE else space


def _spaces(used: int) -> Iterator[int]:
    """What a wire may be beside wires with the lines 1 to `used`: lines are numbered as they first occur."""
    yield from range(min(_line(used) + 2, _PLANE))
    yield _PLANE
