"""A claim: a statement with what surrounds it, for people: prose, source, and guards against stating it wrongly.

Engines see `claim.statement` only. The guards say how the statement could be caught out: a number worked by hand,
a point where an inequality is tight, and twins, near-misses that must be refuted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

from .expressions import Equal, LessEq, Relation
from .statements import Statement
from .terms import Term

Instance: TypeAlias = Mapping[str, Any]
"""Exact values by name: rows of boxes, W, b, points and directions; entries as integers or exact strings."""

Expectation: TypeAlias = Literal["true", "refuted", "conditional", "measured"]


@dataclass(frozen=True)
class Source:
    """Where a sentence stands: the work, with its version, and the number in it."""

    work: str
    where: str

    def __str__(self) -> str:
        return f"{self.work}, {self.where}"


@dataclass(frozen=True)
class Twin:
    """A near-miss of a claim that must be refuted; what is not given is the claim's own."""

    name: str
    holds: Relation | None = None
    given: tuple[Relation, ...] | None = None
    about: Term | None = None


@dataclass(frozen=True)
class Mend:
    """The missing hypothesis by name, and the statement under it; what is not given is the claim's own."""

    hypothesis: str
    holds: Relation | None = None
    given: tuple[Relation, ...] | None = None
    about: Term | None = None


@dataclass(frozen=True)
class Worked:
    """An instance worked by hand: the left side's value there, as an exact string (rows of them for a kernel)."""

    instance: Instance
    value: Any


@dataclass(frozen=True)
class Claim:
    """One sentence with one verdict.

    `holds` is a relation, or text in the language of `lmlaws prove`. `tight` is an instance at which an inequality
    is an equality. `expects` is the author's expectation, which engines never see: "true" (proved or holds),
    "refuted", "conditional" or "measured". `neighbour` names a true claim beside a refuted one. Raises ValueError
    for an empty id or prose, an unknown expectation, or parts that do not fit.
    """

    id: str
    says: str
    holds: Relation | str
    source: Source
    about: Term | None = None
    given: tuple[Relation, ...] = ()
    tight: Instance | None = None
    worked: Worked | None = None
    twins: tuple[Twin, ...] = ()
    expects: Expectation = "true"
    mend: Mend | None = None
    neighbour: str | None = None

    def __post_init__(self) -> None:
        if not self.id.strip() or not self.says.strip():
            raise ValueError(f"a claim needs an id and a sentence; got id={self.id!r}, says={self.says!r}")
        if self.expects not in ("true", "refuted", "conditional", "measured"):
            raise ValueError(
                f"claim {self.id}: expects={self.expects!r} is none of true, refuted, conditional, measured"
            )
        if self.expects == "conditional" and self.mend is None:
            raise ValueError(f"claim {self.id} expects 'conditional' and names no mend= hypothesis")
        for statement in (self.statement, self.mended, *self.twin_statements.values()):
            if statement is not None and not isinstance(statement.holds, Equal | LessEq):
                raise ValueError(f"claim {self.id}: {statement.holds!r} is neither Equal nor LessEq")

    @cached_property
    def statement(self) -> Statement:
        """What engines see."""
        if isinstance(self.holds, str):
            from .language import parse

            parsed = parse(self.holds)
            return replace(parsed, given=(*parsed.given, *self.given))
        return Statement(self.holds, self.about, self.given)

    @cached_property
    def mended(self) -> Statement | None:
        """The statement under the named hypothesis, if there is one."""
        return None if self.mend is None else self._changed(self.mend)

    @cached_property
    def twin_statements(self) -> dict[str, Statement]:
        """The near-misses by name."""
        return {twin.name: self._changed(twin) for twin in self.twins}

    def _changed(self, change: Twin | Mend) -> Statement:
        own = self.statement
        return Statement(
            change.holds or own.holds,
            change.about if change.about is not None else own.about,
            own.given if change.given is None else change.given,
        )

    def missing_guards(self) -> tuple[str, ...]:
        """The guards that a claim of this kind should carry and does not."""
        missing = []
        if self.expects in ("refuted", "conditional"):
            if self.mend is None and self.neighbour is None:
                missing.append("a mend, or the id of a true neighbour")
            return tuple(missing)
        if self.worked is None:
            missing.append("a worked number")
        if len(self.twins) < 2:
            missing.append("two twins that must be refuted")
        if isinstance(self.statement.holds, LessEq) and self.tight is None:
            missing.append("a point of tightness")
        return tuple(missing)
