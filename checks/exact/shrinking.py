"""Simpler violations from one that was found: fewer letters, other names for them, one value at a time simpler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain, permutations, product

from lmlaws.theory.terms import Object, Type

from .domains import HEIGHT, affordable, values
from .orbits import Value
from .spaces import Choice, Shape

MOST_SIMPLER = 400
"""How many values are tried in place of one."""


def shrink(choice: Choice, breaks: Callable[[Choice], bool], most: int) -> Choice:
    """The simplest violation that single steps lead to, after at most so many instances."""
    while True:
        for simpler in chain(merged(choice), renamed(choice), replaced(choice)):
            if simpler.key >= choice.key:
                continue
            if most == 0:
                return choice
            most -= 1
            if breaks(simpler):
                choice = simpler
                break
        else:
            return choice


def renamed(choice: Choice) -> Iterator[Choice]:
    """The instance with other names for its letters."""
    for names in choice.shape.relabellings:
        moved = [choice.values[place] for place in names.source]
        values = (v if order is None else tuple(v[i] for i in order) for v, order in zip(moved, names.orders))
        yield Choice(choice.shape, tuple(values))


def replaced(choice: Choice) -> Iterator[Choice]:
    """The instance with one value replaced by another of its kind, simplest first."""
    for place, cell in enumerate(choice.shape.cells):
        width = choice.shape.width(cell)
        height = affordable(width, MOST_SIMPLER, 64) if cell.kind == "box" else HEIGHT
        for value in values(cell.kind, width, height):
            yield Choice(choice.shape, (*choice.values[:place], value, *choice.values[place + 1 :]))


def merged(choice: Choice) -> Iterator[Choice]:
    """The instance with one letter fewer, in all ways: a letter's mass goes to another one, its own rows are left."""
    tokens = {thing.what.tokens for thing in choice.shape.things if thing.kind == "head"}
    for part, letters in choice.shape.sizes.items():
        if letters == 2 and part in tokens:  # a head has at least two tokens
            continue
        for gone, kept in permutations(range(letters), 2):
            yield _without(choice, part, gone, kept)


def _without(choice: Choice, part: Object, gone: int, kept: int) -> Choice:
    old = choice.shape
    shape = Shape(old.things, {**old.sizes, part: old.sizes[part] - 1}, old.dimensions)
    values: list[Value] = []
    place = 0
    for thing in old.things:
        dom, cod = thing.type
        inputs = list(product(*(range(old.sizes[p]) for p in dom)))
        for row, letters in zip(choice.values[place:], inputs):
            if not any(p == part and letter == gone for p, letter in zip(dom, letters)):
                values.append(_pushed(row, cod, old, part, gone, kept) if cod else row)
        place += len(inputs)
    return Choice(shape, tuple(values))


def _pushed(row: Value, cod: Type, old: Shape, part: Object, gone: int, kept: int) -> Value:
    """The law on the outcomes when one letter of an object becomes another."""
    mass: dict[tuple[int, ...], Fraction] = {}
    for x, letters in zip(row, product(*(range(old.sizes[p]) for p in cod))):
        new = tuple(kept if p == part and letter == gone else letter for p, letter in zip(cod, letters))
        mass[new] = mass.get(new, Fraction(0)) + x
    return tuple(mass[letters] for letters in sorted(mass))
