"""What remains of a diagram when another one is peeled off: the w with whole = part >> w, for several pairs at once.

    >>> from lmlaws.theory.programs import normal_form
    >>> from lmlaws.theory.terms import copy, function, kernel
    >>> k, f = kernel("k", "X", "Y"), function("f", "Y", "Z")
    >>> drawn, copied = copy("X") >> k @ k, k >> copy("Y")
    >>> (rest, *_) = peeled([(drawn >> f @ f, drawn), (k >> f >> copy("Z"), copied)])
    >>> print(normal_form(rest).text())
    out = v0, v1
    v0 = f(in0)  deterministic
    v1 = f(in1)  deterministic

Outputs of the wholes are followed back, the same box in all of them at a time, until they are outputs of the parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lmlaws.theory.programs import NormalForm, Reference, normal_form
from lmlaws.theory.terms import Box, Copy, Discard, Id, Object, Swap, Term, Type, par, seq

MOST_STEPS = 2_000
"""How many wires a search follows, at most."""

Wires: TypeAlias = tuple[Reference, ...]
"""A wire of each whole: what will be one wire of the remainder."""


@dataclass(frozen=True)
class _Found:
    """A part of a remainder: which boxes of each whole belong to its part, and the remainder's boxes so far."""

    images: tuple[Mapping[int, int], ...]
    made: Mapping[tuple[int, ...], tuple[int, Box, tuple[Reference, ...]]]
    """For a box of each whole: the number of the box in the remainder, that box, and the wires which it reads there."""


def peeled(pairs: Sequence[tuple[Term, Term]], goals: Sequence[int] | None = None) -> Iterator[Term]:
    """The terms w with whole = part >> w for each pair (whole, part) of terms from the same type, as far as found.

    With `goals` only these outputs of the wholes are wanted, in that order. No w is yielded that fails.
    """
    search = _Search([(normal_form(whole), normal_form(part)) for whole, part in pairs])
    outputs = [tuple(whole.outputs[at] for whole, _ in search.pairs) for at in range(len(pairs[0][0].cod))]
    wanted = range(len(outputs)) if goals is None else goals
    seen: set[NormalForm] = set()
    for reads, found in search.all_of([outputs[at] for at in wanted], _Found(tuple({} for _ in pairs), {})):
        boxes = tuple((box, inputs) for _, box, inputs in found.made.values())
        form = NormalForm(pairs[0][1].cod, boxes, reads)
        if form not in seen:
            seen.add(form)
            rest = as_term(form)
            kept = wiring(pairs[0][0].cod, wanted)
            if all(normal_form(seq(part, rest)) == normal_form(seq(whole, kept)) for whole, part in pairs):
                yield rest


class _Search:
    """Follows wires of the wholes back to the outputs of the parts."""

    def __init__(self, pairs: Sequence[tuple[NormalForm, NormalForm]]) -> None:
        self.pairs = pairs
        self.outputs = list(zip(*(part.outputs for _, part in pairs)))
        self.steps = 0

    def all_of(self, goals: Sequence[Wires], found: _Found) -> Iterator[tuple[tuple[Reference, ...], _Found]]:
        """Every way to reach all these wires."""
        if not goals:
            yield (), found
            return
        for first, after in self.reached(goals[0], found):
            for rest, end in self.all_of(goals[1:], after):
                yield (first, *rest), end

    def reached(self, goal: Wires, found: _Found) -> Iterator[tuple[Reference, _Found]]:
        """Every way to reach a wire: at an output of the parts, or by a box that all the wholes have there."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            return
        for port, wires in enumerate(self.outputs):
            images = [self._match(i, wires[i], goal[i], found.images[i], found) for i in range(len(goal))]
            matched = tuple(image for image in images if image is not None)
            if len(matched) == len(goal):
                yield (-1, port), _Found(matched, found.made)
        numbers = tuple(number for number, _ in goal)
        if min(numbers) < 0 or len({port for _, port in goal}) > 1:
            return
        calls = [whole.boxes[number] for (whole, _), number in zip(self.pairs, numbers)]
        box = calls[0][0]
        if numbers in found.made:
            yield (found.made[numbers][0], goal[0][1]), found
        elif all(other == box for other, _ in calls) and (box.deterministic or self._unused(numbers, found)):
            for reads, after in self.all_of(list(zip(*(wires for _, wires in calls))), found):
                if box.deterministic or self._unused(numbers, after):
                    number = len(after.made)
                    made = {**after.made, numbers: (number, box, reads)}
                    yield (number, goal[0][1]), _Found(after.images, made)

    def _unused(self, numbers: Sequence[int], found: _Found) -> bool:
        """Whether no box of these has been drawn already, in a part or in the remainder."""
        drawn = all(number not in image.values() for number, image in zip(numbers, found.images))
        return drawn and not any(a == b for taken in found.made for a, b in zip(taken, numbers))

    def _match(
        self, side: int, wire: Reference, goal: Reference, images: Mapping[int, int], found: _Found
    ) -> Mapping[int, int] | None:
        """The boxes of the part and what they are in the whole, if this wire of it is that wire of the whole."""
        if wire[0] < 0 or goal[0] < 0 or wire[1] != goal[1]:
            return images if wire == goal else None
        if wire[0] in images:
            return images if images[wire[0]] == goal[0] else None
        whole, part = self.pairs[side]
        (box, reads), (other, wires) = part.boxes[wire[0]], whole.boxes[goal[0]]
        taken = goal[0] in images.values() or any(numbers[side] == goal[0] for numbers in found.made)
        if box != other or (taken and not box.deterministic):
            return None
        more: Mapping[int, int] | None = {**images, wire[0]: goal[0]}
        for mine, its in zip(reads, wires):
            more = None if more is None else self._match(side, mine, its, more, found)
        return more


# from programs back to terms


def tidy(term: Term) -> Term:
    """An equal term without boxes that nobody uses, written in one way."""
    return as_term(normal_form(term))


def as_term(form: NormalForm) -> Term:
    """A program as a term: each box beside the wires that are needed later. Its boxes may come in any order."""
    order: dict[int, None] = {}

    def visit(number: int) -> None:
        if number >= 0 and number not in order:
            for before, _ in form.boxes[number][1]:
                visit(before)
            order[number] = None

    for number, _ in form.outputs:
        visit(number)
    later = [{*form.outputs}]
    for number in reversed(order):
        later.append(later[-1] | {*form.boxes[number][1]})
    wires: list[Reference] = [(-1, at) for at in range(len(form.kind))]
    kinds: list[Object] = [*form.kind]
    parts: list[Term] = [Id(form.kind)]
    for number, needed in zip(order, reversed(later[:-1])):
        box, reads = form.boxes[number]
        rest = [wire for wire in wires if wire in needed]
        places = [wires.index(wire) for wire in (*rest, *reads)]
        idle = tuple(kinds[at] for at in places[: len(rest)])
        parts += [wiring(tuple(kinds), places), par(Id(idle), box) if idle else box]
        wires = [*rest, *((number, port) for port in range(len(box.cod)))]
        kinds = [*idle, *box.cod]
    parts.append(wiring(tuple(kinds), [wires.index(wire) for wire in form.outputs]))
    used = [part for part in parts if not isinstance(part, Id)]
    return seq(*used) if used else parts[0]


def wiring(kind: Type, wanted: Sequence[int]) -> Term:
    """The term from a type to the wires at the places `wanted` of it, in that order: copies, discards and swaps."""
    counts = [list(wanted).count(at) for at in range(len(kind))]
    parts: list[Term] = []
    if any(count != 1 for count in counts):
        parts.append(par(*(_copies(part, count) for part, count in zip(kind, counts))))
    now = [at for at, count in enumerate(counts) for _ in range(count)]
    for at, goal in enumerate(wanted):
        found = now.index(goal, at)
        if found > at:
            left, block, right = (tuple(kind[i] for i in some) for some in (now[:at], now[at:found], now[found + 1 :]))
            swapped = (Id(left) if left else None, Swap(block, (kind[goal],)), Id(right) if right else None)
            parts.append(par(*(part for part in swapped if part is not None)))
            now.insert(at, now.pop(found))
    return seq(*parts) if parts else Id(kind)


def _copies(kind: Object, count: int) -> Term:
    """So many copies of a wire."""
    if count < 2:
        return Id((kind,)) if count else Discard((kind,))
    return seq(Copy((kind,)), *(par(Id((kind,) * i), Copy((kind,))) for i in range(1, count - 1)))
