"""Equations between divergences: zeros, relabelled inputs, chain rules, additivity, exchanged sides, hypotheses.

`decomposed` leads to a sum of divergences that none of the laws takes apart further; `Variants` lists what a single
divergence equals, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import TypeAlias

from lmlaws.theory.expressions import Relation
from lmlaws.theory.programs import NormalForm, Reference, normal_form
from lmlaws.theory.terms import Box, Term, Type, copy, discard, id, keep, par, seq

from ..engine import Budget
from . import rewriting
from .comparison import (
    Atom,
    Equation,
    Move,
    average,
    chain,
    equation,
    hypothesis,
    joined,
    process,
    relabel,
    same,
    swap,
    tensor,
)
from .peeling import as_term, peeled, tidy, wiring

MOST_OUTPUTS = 8
"""Of a term with more outputs no decomposition is looked for: every choice of them would be tried."""

MOST_VARIANTS = 40
"""How many divergences equal to a given one are looked at."""


def without_zeros(atom: Atom, _: Budget) -> Equation | None:
    """D(f, f) = 0."""
    return equation(same(atom.name, atom.left, atom.over)) if atom.is_zero else None


def decomposed(atom: Atom, clock: Budget) -> Equation | None:
    """One step towards divergences that cannot be taken apart, or None for such a one, or when time is up."""
    for step in (without_zeros, _forward_kl, _each_input_once, _inputs_pushed, _split):
        found = step(atom, clock)
        if found is not None:
            return found
    return None


def _forward_kl(atom: Atom, _: Budget) -> Equation | None:
    """reverse_KL as the KL of the sides exchanged."""
    fact = swap(atom) if atom.name == "reverse_KL" else None
    return None if fact is None else equation(fact)


# the inputs of kernels


def _each_input_once(atom: Atom, _: Budget) -> Equation | None:
    """Where the state copies a wire the kernels do that: D(f, g over r >> copy) = D(copy >> f, copy >> g over r)."""
    if atom.over is None:
        return None
    outputs = atom.forms[2].outputs
    first = sorted(outputs.index(wire) for wire in {*outputs})
    if len(first) == len(outputs):
        return None
    state, at = tidy(keep(atom.over, first)), [outputs[i] for i in first]
    copies = wiring(state.cod, [at.index(wire) for wire in outputs])
    return equation(relabel(atom.name, copies, atom.left, atom.right, state), forward=False)


def _inputs_pushed(atom: Atom, _: Budget) -> Equation | None:
    """What the kernels compute deterministically becomes part of the state; inputs that they do not read go."""
    if atom.over is None:
        return None
    values = _Values()
    frontier = list(dict.fromkeys(value for form in atom.forms[:2] for value in values.read(form)))
    if frontier == [values.number((None, at, ())) for at in range(len(atom.left.dom))]:
        return None
    made = values.term(atom.left.dom, frontier)
    rests = [next(peeled([(side, made)]), None) for side in (atom.left, atom.right)]
    if rests[0] is None or rests[1] is None:
        return None
    return equation(relabel(atom.name, made, rests[0], rests[1], atom.over))


class _Values:
    """Numbers for what inputs determine: an input, or a port of a deterministic box that reads such values."""

    def __init__(self) -> None:
        self.numbers: dict[_Value, int] = {}

    def number(self, value: _Value) -> int:
        return self.numbers.setdefault(value, len(self.numbers))

    def read(self, form: NormalForm) -> list[int]:
        """The values that a form gives to boxes that are not deterministic, or gives out."""
        known: dict[Reference, int | None] = {(-1, at): self.number((None, at, ())) for at in range(len(form.kind))}

        def value(wire: Reference) -> int | None:
            if wire not in known:
                box, reads = form.boxes[wire[0]]
                inner = [value(before) for before in reads]
                numbers = tuple(number for number in inner if number is not None)
                determined = box.deterministic and len(numbers) == len(inner)
                known[wire] = self.number((box, wire[1], numbers)) if determined else None
            return known[wire]

        drawn = [reads for number, (_, reads) in enumerate(form.boxes) if value((number, 0)) is None]
        users = [form.outputs, *drawn]
        return [number for wires in users for number in map(value, wires) if number is not None]

    def term(self, kind: Type, wanted: Sequence[int]) -> Term:
        """The deterministic term that computes these values."""
        values = list(self.numbers)
        boxes: dict[tuple[Box, tuple[int, ...]], int] = {}
        calls: list[tuple[Box, tuple[Reference, ...]]] = []

        def reference(number: int) -> Reference:
            box, port, inner = values[number]
            if box is None:
                return (-1, port)
            if (box, inner) not in boxes:
                reads = tuple(map(reference, inner))
                boxes[box, inner] = len(calls)
                calls.append((box, reads))
            return (boxes[box, inner], port)

        outputs = tuple(map(reference, wanted))
        return as_term(NormalForm(kind, tuple(calls), outputs))


_Value: TypeAlias = "tuple[Box | None, int, tuple[int, ...]]"
"""A port of a box at values, by their numbers; without a box, an input of the term."""


# sums of divergences


def _split(atom: Atom, clock: Budget) -> Equation | None:
    """A divergence of joints as that of some outputs, and of the others given these; or of independent parts."""
    places = range(len(atom.left.cod))
    if len(places) <= MOST_OUTPUTS:
        for size in range(len(places) - 1, 0, -1):
            for first in combinations(places, size):
                if not clock.left():
                    return None
                rest = tuple(at for at in places if at not in first)
                apart = _product if atom.family == "renyi" else _given_first
                step = apart(atom, first, rest)
                if step is not None:
                    return step
    return None


def _given_first(atom: Atom, first: tuple[int, ...], rest: tuple[int, ...]) -> Equation | None:
    """The chain rule, if the outputs `rest` can be made of the outputs `first`."""
    name, r = atom.name, atom.over
    firsts = tidy(keep(atom.left, first)), tidy(keep(atom.right, first))
    if name != "KL" and normal_form(firsts[0]) != normal_form(firsts[1]):
        return None
    found = [next(peeled([pair], (*first, *rest)), None) for pair in zip((atom.left, atom.right), firsts)]
    if found[0] is None or found[1] is None:
        return None
    k, other = (tidy(keep(term, range(len(first), len(term.cod)))) for term in found if term is not None)
    joints = joined(firsts[0], k), joined(firsts[1], other)
    fact = chain(*firsts, k, other, r) if name == "KL" else average(name, firsts[0], k, other, r)
    return _reordered(atom, joints, (*first, *rest), equation(fact))


def _product(atom: Atom, first: tuple[int, ...], rest: tuple[int, ...]) -> Equation | None:
    """Additivity, if the outputs `first` and `rest` are independent given the inputs."""
    (p, q), (s, t) = ([tidy(keep(side, some)) for side in (atom.left, atom.right)] for some in (first, rest))
    copies, name, r = copy(atom.left.dom), atom.name, atom.over
    after = tensor(name, p, q, s, t, None if r is None else seq(r, copies))
    step = equation(after)
    if r is not None:
        before = equation(relabel(name, copies, par(p, s), par(q, t), r))
        step = Equation(step.atoms, before.there + step.there, step.back + before.back)
    return _reordered(atom, (seq(copies, par(p, s)), seq(copies, par(q, t))), (*first, *rest), step)


def _reordered(atom: Atom, joints: tuple[Term, Term], order: tuple[int, ...], step: Equation) -> Equation | None:
    """An equation for two joints as one for the atom, whose outputs they have in another order; None if they do not."""
    forth = wiring(atom.left.cod, order)
    back = wiring(joints[0].cod, [order.index(at) for at in range(len(order))])
    if any(normal_form(seq(term, back)) != form for term, form in zip(joints, atom.forms)):
        return None
    if order == tuple(range(len(order))):
        return step
    name, r = atom.name, atom.over
    there = Move(process(name, *joints, back, r))
    return Equation(
        step.atoms, (there, *step.there), (*step.back, Move(process(name, atom.left, atom.right, forth, r)))
    )


def revealed(atom: Atom) -> Iterator[Move]:
    """Steps up, to the divergence that also sees a wire which both terms hide: the later outputs may be made of it."""
    hidden = [[wire for wire in _wires(form) if wire not in form.outputs] for form in atom.forms[:2]]
    for one, other in product(*hidden):
        kinds = [form.boxes[number][0].cod[port] for form, (number, port) in zip(atom.forms, (one, other))]
        if kinds[0] == kinds[1]:
            terms = [
                as_term(replace(form, outputs=(wire, *form.outputs))) for form, wire in zip(atom.forms, (one, other))
            ]
            hide = par(discard(kinds[0]), id(atom.left.cod))
            yield Move(process(atom.name, terms[0], terms[1], hide, atom.over))


def _wires(form: NormalForm) -> list[Reference]:
    """The wires that boxes make."""
    return [(number, port) for number, (box, _) in enumerate(form.boxes) for port in range(len(box.cod))]


# one divergence as another one


@dataclass
class Variants:
    """The divergences that equal a given one: sides exchanged, averages as joints, terms rewritten by hypotheses."""

    given: Sequence[Relation]
    clock: Budget
    known: dict[tuple[Atom, Atom], list[Move] | None] = field(default_factory=dict)
    _of: dict[Atom, list[tuple[Atom, Equation]]] = field(default_factory=dict)

    def of(self, atom: Atom) -> list[tuple[Atom, Equation]]:
        """Each with the equation that leads to it; the atom itself first."""
        if atom not in self._of:
            found = {atom: Equation((atom,), (), ())}
            queue = [atom]
            while queue and len(found) < MOST_VARIANTS and self.clock.left():
                now = queue.pop(0)
                for step in self._steps(now):
                    (new,) = step.atoms
                    if new not in found:
                        path = found[now]
                        found[new] = Equation((new,), path.there + step.there, step.back + path.back)
                        queue.append(new)
            self._of[atom] = list(found.items())
        return self._of[atom]

    def _steps(self, atom: Atom) -> Iterator[Equation]:
        turned = swap(atom)
        if turned is not None:
            yield equation(turned)
        if atom.over is not None and atom.family != "renyi":
            yield equation(average(atom.name, atom.over, atom.left, atom.right, None), forward=False)
        rules = list(rewriting.rules_of(self.given))
        for slot, form in enumerate(atom.forms):
            for rewrite, _ in rewriting.neighbours(form, rules, self.given, self.clock) if rules else ():
                yield self._rewritten(atom, slot, rewrite)

    def _rewritten(self, atom: Atom, slot: int, rewrite: rewriting.Rewrite) -> Equation:
        """The atom with one of its terms replaced by means of a hypothesis."""
        context = (rewrite.before, rewrite.idle, rewrite.after)
        if rewrite.forward:
            return equation(hypothesis(atom, slot, rewrite.hypothesis, context, self.given))
        changed = tidy(rewrite.filled(self.given)[1])
        f, g, r = (changed if i == slot else part for i, part in enumerate(atom.slots))
        assert f is not None
        assert g is not None
        new = Atom(atom.name, f, g, r)
        return equation(hypothesis(new, slot, rewrite.hypothesis, context, self.given), forward=False)
