"""Atoms, forms and facts of certificates of kind `processing` (docs/certificates.md), as a prover builds them.

A form maps atoms, and None for the constant 1, to coefficients > 0; its value is in [0, inf]. A fact says that one sum
of atoms is at most, or equals, another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from lmlaws.theory.divergences import divergence_row
from lmlaws.theory.expressions import Add, Const, DivergenceOf, Expr, Mul, Relation
from lmlaws.theory.programs import NormalForm, normal_form
from lmlaws.theory.statements import encode
from lmlaws.theory.terms import Term, Type, copy, discard, id, par, seq


@dataclass(frozen=True)
class Atom:
    """A divergence of two terms of one type, averaged over a state where they have inputs; equal by normal forms."""

    name: str
    left: Term = field(compare=False)
    right: Term = field(compare=False)
    over: Term | None = field(compare=False)
    forms: tuple[NormalForm, ...] = field(init=False)

    def __post_init__(self) -> None:
        sides = (self.left, self.right) if self.over is None else (self.left, self.right, self.over)
        object.__setattr__(self, "forms", tuple(map(normal_form, sides)))

    @property
    def family(self) -> str:
        return self.name.partition(":")[0]

    @property
    def slots(self) -> tuple[Term, Term, Term | None]:
        return self.left, self.right, self.over

    @property
    def is_zero(self) -> bool:
        return self.forms[0] == self.forms[1]


Form: TypeAlias = dict["Atom | None", Fraction]


class Fact(NamedTuple):
    """A law applied to terms, in the words of the certificate."""

    kind: str
    fields: tuple[Any, ...]
    below: tuple[Atom | None, ...]
    above: tuple[Atom | None, ...]


class Move(NamedTuple):
    """The use of a fact from below to above, or, if it is an equation, from above to below."""

    fact: Fact
    forward: bool = True

    @property
    def takes(self) -> tuple[Atom | None, ...]:
        return self.fact.below if self.forward else self.fact.above

    @property
    def gives(self) -> tuple[Atom | None, ...]:
        return self.fact.above if self.forward else self.fact.below

    def link(self, times: Fraction) -> list[Any]:
        """A link of a certificate."""
        kind, fields, *_ = self.fact
        return [str(times), self.forward, [kind, *(x if isinstance(x, int) else encode(x) for x in fields)]]


class Equation(NamedTuple):
    """A divergence is a sum of others: the moves that lead there, and those that lead back."""

    atoms: tuple[Atom, ...]
    there: tuple[Move, ...]
    back: tuple[Move, ...]


def equation(fact: Fact, forward: bool = True) -> Equation:
    """A fact that is an equation, from its one atom below (or above) to those on the other side."""
    there = Move(fact, forward)
    return Equation(tuple(a for a in there.gives if a is not None), (there,), (Move(fact, not forward),))


# the laws


def process(name: str, f: Term, g: Term, w: Term, r: Term | None) -> Fact:
    """D(f >> w, g >> w) <= D(f, g)."""
    return Fact("process", (name, f, g, w, r), (Atom(name, seq(f, w), seq(g, w), r),), (Atom(name, f, g, r),))


def relabel(name: str, h: Term, f: Term, g: Term, r: Term | None) -> Fact:
    """D(h >> f, h >> g over r) = D(f, g over r >> h), h deterministic."""
    below = Atom(name, seq(h, f), seq(h, g), r)
    return Fact("relabel", (name, h, f, g, r), (below,), (Atom(name, f, g, then(r, h, f)),))


def average(name: str, h: Term, f: Term, g: Term, r: Term | None) -> Fact:
    """The divergence of joints that share h is that of f and g, averaged over what h makes; not for Renyi."""
    below = Atom(name, joined(h, f), joined(h, g), r)
    return Fact("average", (name, h, f, g, r), (below,), (Atom(name, f, g, then(r, h, f)),))


def chain(p: Term, q: Term, k: Term, l: Term, r: Term | None) -> Fact:  # noqa: E741
    """KL of joints is that of p and q, plus that of k and l averaged over what p makes."""
    below = Atom("KL", joined(p, k), joined(q, l), r)
    return Fact("chain", (p, q, k, l, r), (below,), (Atom("KL", p, q, r), Atom("KL", k, l, then(r, p, k))))


def tensor(name: str, p: Term, q: Term, s: Term, t: Term, r: Term | None) -> Fact:
    """D(p @ s, q @ t) = D(p, q) + D(s, t), for KL and Renyi."""
    first, second = par(id(p.dom), discard(s.dom)), par(discard(p.dom), id(s.dom))
    above = (Atom(name, p, q, then(r, first, p)), Atom(name, s, t, then(r, second, s)))
    return Fact("tensor", (name, p, q, s, t, r), (Atom(name, par(p, s), par(q, t), r),), above)


def same(name: str, f: Term, r: Term | None) -> Fact:
    """D(f, f) = 0."""
    return Fact("same", (name, f, r), (Atom(name, f, f, r),), ())


def nonneg(atom: Atom) -> Fact:
    """0 <= D."""
    return Fact("nonneg", (atom.name, *atom.slots), (), (atom,))


ONE = Fact("one", (), (), (None,))
"""0 <= 1."""


def swap(atom: Atom) -> Fact | None:
    """The divergence with its sides exchanged, where that is a divergence known by a name."""
    row = divergence_row(atom.name)
    name = {"KL": "reverse_KL", "reverse_KL": "KL"}.get(atom.name)
    if atom.family == "alpha" and row.order is not None:
        name = f"alpha:{1 - row.order}"
    elif row.symmetric:
        name = atom.name
    if name is None:
        return None
    other = Atom(name, atom.right, atom.left, atom.over)
    return Fact("swap", (atom.name, *atom.slots), (atom,), (other,))


def hypothesis(atom: Atom, slot: int, number: int, context: tuple[Term, Type, Term], given: Sequence[Relation]) -> Fact:
    """Hypothesis `number` used in a term of an atom, which has its left side there, to put its right side."""
    before, idle, after = context
    side = given[number].right
    assert isinstance(side, Term)
    new = seq(before, par(id(idle), side), after)
    f, g, r = atom.slots
    above = Atom(atom.name, new if slot == 0 else f, new if slot == 1 else g, new if slot == 2 else r)
    return Fact("given", (atom.name, f, g, r, slot, number, *context), (atom,), (above,))


def recalled(kind: str, fields: Sequence[Any], given: Sequence[Relation]) -> Fact:
    """The fact of a certificate, from its fields with terms and types decoded. Raises KeyError for an unknown kind."""
    if kind == "given":
        return hypothesis(Atom(*fields[:4]), fields[4], fields[5], (fields[6], fields[7], fields[8]), given)
    if kind == "swap":
        turned = swap(Atom(*fields))
        assert turned is not None
        return turned
    if kind in ("nonneg", "one"):
        return nonneg(Atom(*fields)) if fields else ONE
    return _MAKERS[kind](*fields)


_MAKERS: dict[str, Callable[..., Fact]] = {
    maker.__name__: maker for maker in (process, relabel, average, chain, tensor, same)
}


def joined(h: Term, f: Term) -> Term:
    """What h makes, beside what f makes of it."""
    return seq(h, copy(h.cod), par(id(h.cod), f))


def then(r: Term | None, h: Term, f: Term) -> Term | None:
    """The state over which f is averaged, after h; None where f has no inputs."""
    return (h if r is None else seq(r, h)) if f.dom else None


# statements as forms


class UnreadableError(ValueError):
    """The relation is no comparison of combinations of divergences; the message says why."""


def forms(relation: Relation) -> tuple[Form, Form]:
    """The two forms that a relation between expressions compares, negative terms moved to the other side.

    Raises UnreadableError for anything but combinations of divergences, and where a negative term may be infinite.
    """
    both: tuple[Form, Form] = ({}, {})
    for at, side in enumerate((relation.left, relation.right)):
        assert isinstance(side, Expr)
        for atom, value in _terms(side):
            if value < 0 and atom is not None and divergence_row(atom.name).maximum is None:
                raise UnreadableError(f"a negative multiple of {atom.name}, which may be infinite")
            form = both[at if value > 0 else 1 - at]
            if value:
                form[atom] = form.get(atom, Fraction(0)) + abs(value)
    return both


def _terms(expr: Expr, times: Fraction = Fraction(1)) -> Iterator[tuple[Atom | None, Fraction]]:
    """The terms of a side: multiples of divergences and of 1."""
    if isinstance(expr, Const):
        yield None, times * expr.value
    elif isinstance(expr, DivergenceOf):
        yield Atom(expr.name, expr.left, expr.right, expr.over), times
    elif isinstance(expr, Add):
        for part in expr.terms:
            yield from _terms(part, times)
    elif isinstance(expr, Mul) and sum(not isinstance(factor, Const) for factor in expr.factors) < 2:
        rest: Expr = Const(Fraction(1))
        for factor in expr.factors:
            if isinstance(factor, Const):
                times *= factor.value
            else:
                rest = factor
        yield from _terms(rest, times)
    else:
        raise UnreadableError(f"{type(expr).__name__} is not part of a combination of divergences")
