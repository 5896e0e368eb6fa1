"""String diagrams as data: typed terms of a free Markov category.

A term is built from boxes, `id`, `copy`, `discard` and `swap` with `>>` (in sequence) and `@` (side by side). It
denotes a morphism of every Markov category that interprets its boxes. `programs.py` compiles it and decides equality.

Reference: Fritz, "A synthetic approach to Markov kernels ..." (Adv. Math. 370, 2020).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from .display import Shown


@dataclass(frozen=True)
class Object:
    """An atomic type of a diagram, such as the alphabet of a token. `X * Y` is a product, `()` the unit."""

    name: str

    def __mul__(self, other: Object | Type) -> Type:
        return (self, *as_type(other))

    def __rmul__(self, other: Type) -> Type:
        return (*other, self)

    def __str__(self) -> str:
        return self.name


Type: TypeAlias = tuple[Object, ...]
"""A product of objects; the empty tuple is the unit."""

ObjectLike: TypeAlias = "Object | str | Iterable[Object | str]"


def as_type(what: ObjectLike) -> Type:
    """The type named by an object, a name, or several of them."""
    if isinstance(what, Object):
        return (what,)
    if isinstance(what, str):
        return (Object(what),)
    return tuple(part if isinstance(part, Object) else Object(part) for part in what)


def objects(names: str) -> tuple[Object, ...]:
    """Several objects from their names: `X, Y = objects("X Y")`."""
    return tuple(Object(name) for name in names.split())


def show_type(kind: Type) -> str:
    """A type in the text language: `X * Y`, or `1` for the unit."""
    return " * ".join(part.name for part in kind) or "1"


class CompositionError(TypeError):
    """Two terms do not fit together; the message names both types."""


@dataclass(frozen=True)
class Variable:
    """A wire of a state, read as a random variable; `name` is unique among the wires of its diagram."""

    name: str

    def __str__(self) -> str:
        return self.name


class Term(Shown):
    """A morphism of the free Markov category, `dom -> cod`. Subclasses are frozen data; build them with functions."""

    @property
    def dom(self) -> Type:
        raise TypeError(f"{type(self).__name__} is not a concrete term")

    @property
    def cod(self) -> Type:
        raise TypeError(f"{type(self).__name__} is not a concrete term")

    def __rshift__(self, after: Term) -> Term:
        return seq(self, after)

    def __matmul__(self, beside: Term) -> Term:
        return par(self, beside)

    @property
    def wires(self) -> tuple[Variable, ...]:
        """The outputs of a state as random variables, named by their objects (`V`, then `V_2` for a second V).

        Raises CompositionError when the term has inputs: only a state has a joint law.
        """
        if self.dom:
            raise CompositionError(f"only a state has random variables; this term is {signature(self)}")
        return tuple(Variable(name) for name in wire_names(self.cod))


def wire_names(kind: Type) -> tuple[str, ...]:
    """Distinct names for the wires of a type: the object's own name, with _2, _3 ... where it comes again."""
    taken: set[str] = {part.name for part in kind}
    seen: dict[str, int] = {}
    names = []
    for part in kind:
        count = seen.get(part.name, 0) + 1
        name = part.name
        if count > 1:
            while (name := f"{part.name}_{count}") in taken:
                count += 1
            taken.add(name)
        seen[part.name] = count
        names.append(name)
    return tuple(names)


@dataclass(frozen=True)
class Box(Term):
    """A generator. `role` says what a model supplies for it: contexts, data, encoder, head, or "" for any."""

    name: str
    inputs: Type
    outputs: Type
    deterministic: bool = False
    role: str = ""

    @property
    def dom(self) -> Type:
        return self.inputs

    @property
    def cod(self) -> Type:
        return self.outputs


@dataclass(frozen=True)
class Structural(Term):
    """What every type has by itself: identity, copy and discard, each from the type `kind`."""

    kind: Type

    @property
    def dom(self) -> Type:
        return self.kind


@dataclass(frozen=True)
class Id(Structural):
    """The identity on a type."""

    @property
    def cod(self) -> Type:
        return self.kind


@dataclass(frozen=True)
class Copy(Structural):
    """The copy X -> X * X of the comonoid on a type."""

    @property
    def cod(self) -> Type:
        return self.kind + self.kind


@dataclass(frozen=True)
class Discard(Structural):
    """The discard X -> 1 of the comonoid on a type."""

    @property
    def cod(self) -> Type:
        return ()


@dataclass(frozen=True)
class Swap(Term):
    """The symmetry X * Y -> Y * X."""

    left: Type
    right: Type

    @property
    def dom(self) -> Type:
        return self.left + self.right

    @property
    def cod(self) -> Type:
        return self.right + self.left


@dataclass(frozen=True)
class Seq(Term):
    """Terms in sequence, first to last. Raises CompositionError, naming both types, where two do not fit."""

    parts: tuple[Term, ...]

    def __post_init__(self) -> None:
        for before, after in zip(self.parts, self.parts[1:]):
            if before.cod != after.dom:
                raise CompositionError(
                    f"cannot put {signature(before)} before {signature(after)}: "
                    f"the first ends in {show_type(before.cod)}, the second starts from {show_type(after.dom)}"
                )

    @property
    def dom(self) -> Type:
        return self.parts[0].dom

    @property
    def cod(self) -> Type:
        return self.parts[-1].cod


@dataclass(frozen=True)
class Par(Term):
    """Terms side by side, left to right."""

    parts: tuple[Term, ...]

    def __post_init__(self) -> None:
        _ = self._dom, self._cod  # worked out while a term is built, so that no later look at them goes deep

    @cached_property
    def _dom(self) -> Type:
        return tuple(part for term in self.parts for part in term.dom)

    @cached_property
    def _cod(self) -> Type:
        return tuple(part for term in self.parts for part in term.cod)

    @property
    def dom(self) -> Type:
        return self._dom

    @property
    def cod(self) -> Type:
        return self._cod


def signature(term: Term) -> str:
    """What a term is and its type, in one line: `k : X -> Y`."""
    name = term.name if isinstance(term, Box) else type(term).__name__.lower()
    return f"{name} : {show_type(term.dom)} -> {show_type(term.cod)}"


def kernel(name: str, dom: ObjectLike, cod: ObjectLike, *, role: str = "") -> Box:
    """A box for a Markov kernel `dom -> cod`."""
    return Box(name, as_type(dom), as_type(cod), False, role)


def function(name: str, dom: ObjectLike, cod: ObjectLike, *, role: str = "") -> Box:
    """A box declared deterministic: it commutes with copying."""
    return Box(name, as_type(dom), as_type(cod), True, role)


def state(name: str, cod: ObjectLike, *, role: str = "") -> Box:
    """A box without inputs: a law on `cod`."""
    return Box(name, (), as_type(cod), False, role)


def id(kind: ObjectLike) -> Id:
    """The identity on an object, a product, or () for the unit."""
    return Id(as_type(kind))


def copy(kind: ObjectLike) -> Copy:
    """Copy: X -> X * X."""
    return Copy(as_type(kind))


def discard(kind: ObjectLike) -> Discard:
    """Discard: X -> 1."""
    return Discard(as_type(kind))


def swap(left: ObjectLike, right: ObjectLike) -> Swap:
    """Swap: X * Y -> Y * X."""
    return Swap(as_type(left), as_type(right))


def seq(*terms: Term) -> Term:
    """Terms in sequence; nested sequences are flattened, so brackets do not matter."""
    parts = tuple(part for term in terms for part in (term.parts if isinstance(term, Seq) else (term,)))
    return parts[0] if len(parts) == 1 else Seq(parts)


def par(*terms: Term) -> Term:
    """Terms side by side; nested ones are flattened. Without terms: the identity on the unit."""
    parts = tuple(part for term in terms for part in (term.parts if isinstance(term, Par) else (term,)))
    if not parts:
        return Id(())
    return parts[0] if len(parts) == 1 else Par(parts)


def keep(term: Term, indices: Sequence[int]) -> Term:
    """The marginal of a term on the outputs `indices` (increasing); the other outputs are discarded."""
    wanted = set(indices)
    pattern = [Id((part,)) if i in wanted else Discard((part,)) for i, part in enumerate(term.cod)]
    return term if len(wanted) == len(pattern) else seq(term, par(*pattern))
