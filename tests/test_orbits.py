"""Instances up to new names for the letters: each orbit once, by its smallest member, against brute force."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations, product
from math import comb
from typing import Any

import pytest

from lmlaws.checks.exact import spaces
from lmlaws.checks.exact.domains import compositions, count_laws, edge_laws, laws
from lmlaws.checks.exact.search import ordered
from lmlaws.checks.exact.spaces import Choice
from lmlaws.theory.analytic import derivative
from lmlaws.theory.expressions import Direction, Equal, Head, LogPartition, Point, Symbol
from lmlaws.theory.quantities import D
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Box, Object, Type, copy, discard, function, id, kernel, objects, state

X, Y, V = objects("X Y V")
p, q, k, step = state("p", X), state("q", X), kernel("k", X, Y), kernel("s", X, X)
joint, pair, f = state("j", (X, X)), kernel("g", (X, Y), (Y, X)), function("f", X, Y)
head = Head("head", V)
h, u = Point("h", head), Direction("u", head)
Names = dict[Object, tuple[int, ...]]

SPACES: dict[str, tuple[Statement, int]] = {  # with the height
    "two laws": (Statement(Equal(D("KL", p, q), D("KL", q, p))), 6),
    "a kernel": (Statement(Equal(k >> copy(Y), copy(X) >> k @ k)), 3),
    "laws and a kernel": (Statement(Equal(p >> k, q >> k)), 3),
    "a kernel to its own object": (Statement(Equal(step >> step, step)), 3),
    "a joint law of one object": (Statement(Equal(joint >> id(X) @ discard(X), joint >> discard(X) @ id(X))), 6),
    "a kernel of pairs": (Statement(Equal(pair >> discard(Y) @ id(X), id(X) @ discard(Y))), 2),
    "functions and laws": (Statement(Equal(p >> f, q >> f)), 3),
    "a head": (Statement(Equal(derivative(LogPartition(h), h, u), Symbol("c"))), 2),
    "a head and a law": (Statement(Equal(D("KL", state("r", V), state("s", V)), LogPartition(h))), 2),
}
MOST = 3_000


def types(choice: Choice) -> dict[str, tuple[Type, Type]]:
    boxes = {t.name: t.what for t in choice.shape.things if isinstance(t.what, Box)}
    heads = {t.name: ((t.what.tokens,), ()) for t in choice.shape.things if isinstance(t.what, Head)}
    return {**{name: (box.dom, box.cod) for name, box in boxes.items()}, **heads}


def tables(choice: Choice) -> dict[str, Any]:
    """What the instance says of boxes and heads, by tuples of letters."""
    at = choice.instance()
    found: dict[str, Any] = {}
    for name, (dom, cod) in types(choice).items():
        if name in at.heads:
            value = at.heads[name]
            found[name] = {((token,), ()): row for token, row in enumerate(zip(value.W, value.weights))}
            continue
        inputs, outputs = (list(product(*(range(at.sizes[part]) for part in kind))) for kind in (dom, cod))
        rows = at.boxes[name].rows()
        found[name] = {(a, b): rows[i][j] for i, a in enumerate(inputs) for j, b in enumerate(outputs)}
    return {**found, "others": {((), ()): (str(at.points), str(at.directions), str(at.symbols))}}


def frozen(choice: Choice, names: Names | None = None) -> frozenset[Any]:
    """The instance with the letter i of each object called names[object][i]."""

    def called(kind: Type, letters: tuple[int, ...]) -> tuple[int, ...]:
        return letters if names is None else tuple(names[part][i] for part, i in zip(kind, letters))

    kinds = {**types(choice), "others": ((), ())}
    return frozenset(
        (name, called(kinds[name][0], a), called(kinds[name][1], b), value)
        for name, table in tables(choice).items()
        for (a, b), value in table.items()
    )


@pytest.mark.parametrize("name", SPACES)
def test_each_orbit_comes_once_by_its_smallest_member(name: str) -> None:
    """The orbits of what is tried are disjoint and fill the space; the order is that of the contract."""
    statement, height = SPACES[name]
    tried_shapes = 0
    for shape in (s for level in spaces.levels(statement) for s in level if spaces.size(s, height) <= MOST):
        space = spaces.space(shape, height)
        every = [space.choice(n) for n in product(*(range(len(domain.values)) for domain in space.domains))]
        keys = {frozen(choice): choice.key for choice in every}
        assert len(keys) == len(every) == spaces.size(shape, height)
        renamings = [
            dict(zip(shape.sizes, names))
            for names in product(*(list(permutations(range(n))) for n in shape.sizes.values()))
        ]
        left, last = set(keys), None
        for choice in ordered([space]):
            orbit = {frozen(choice, names) for names in renamings}
            assert orbit <= left
            assert choice.key == min(keys[member] for member in orbit)
            assert last is None or last < choice.key
            left, last = left - orbit, choice.key
        assert not left
        tried_shapes += len(renamings) > 1
    assert tried_shapes


def test_burnside() -> None:
    """The pairs of laws on 3 letters: as many orbits as relabellings leave pairs fixed, on the average."""
    (shape,) = [s for level in spaces.levels(SPACES["two laws"][0]) for s in level if s.product == 3]
    fixed = [
        sum(all(law[i] == law[j] for i, j in enumerate(names)) for law in laws(3)) ** 2
        for names in permutations(range(3))
    ]
    assert len(laws(3)) == 55
    assert len(list(ordered([spaces.space(shape)]))) * 6 == sum(fixed)


def test_laws_are_counted() -> None:
    assert [len(list(compositions(6, n))) for n in (1, 2, 3, 4)] == [comb(6 + n - 1, n - 1) for n in (1, 2, 3, 4)]
    for letters in (1, 2, 3, 4, 9):
        for denominator in range(1, 7 if letters < 9 else 3):
            assert len(laws(letters, denominator)) == count_laws(letters, denominator)


@pytest.mark.parametrize("letters", [2, 3, 4])
def test_laws_near_the_edges(letters: int) -> None:
    """Dyadics to 1/64: nearly points, nearly fair coins, nearly uniform; with every one all its relabelled copies."""
    found = set(edge_laws(letters))
    rest = [Fraction(0)] * (letters - 2)
    for few in (1, 2, 3):
        tiny = Fraction(few, 64)
        assert (1 - tiny, tiny, *rest) in found
        assert (*rest, Fraction(1, 2) - tiny, Fraction(1, 2) + tiny) in found
    assert all(sum(law) == 1 and min(law) >= 0 for law in found)
    assert {law for law in found if max(x.denominator for x in law) > 6} == {
        moved for law in found if max(x.denominator for x in law) > 6 for moved in permutations(law)
    }
