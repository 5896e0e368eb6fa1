"""What a law is here: a property of every instance that a strategy draws, and a twin that some instance breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from hypothesis.strategies import SearchStrategy

Property: TypeAlias = Callable[..., bool]


@dataclass(frozen=True)
class Law:
    """`holds` of every instance of `over`; `twin`, a near-miss of it, is false of some instance of `over_twin`."""

    id: str
    over: SearchStrategy[Any]
    holds: Property
    twin: Property
    over_twin: SearchStrategy[Any]


def law(
    id: str, over: SearchStrategy[Any], *, twin: Property | None = None, over_twin: SearchStrategy[Any] | None = None
) -> Callable[[Property], Law]:
    """A law from its property; without a `twin` property the same one fails on `over_twin`. Tuples are unpacked."""
    assert twin is not None or over_twin is not None, f"{id} needs a twin, or instances on which it fails"

    def made(holds: Property) -> Law:
        return Law(id, over, holds, twin or holds, over if over_twin is None else over_twin)

    return made


def at(property: Property, instance: Any) -> bool:
    """Whether the property holds at an instance."""
    return property(*instance) if type(instance) is tuple else property(instance)
