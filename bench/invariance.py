"""The catalogue under other names: ids, boxes, heads, points, objects, wires and letters; verdicts must not change.

Every name of a claim is replaced by a new one, consistently: once by names in the alphabetical order of the old ones,
once in the opposite order. The exact engines judge all three, twins and mended forms included. Names are no part of
what a statement says, so a verdict that differs is a fault of an engine.

`python -m bench.invariance [ID ...]`: the claims with these ids; without one, the whole catalogue.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from time import perf_counter
from typing import Any

from lmlaws.checks.engine import Budget, Engine
from lmlaws.checks.judge import Result, exact_engines, judge
from lmlaws.checks.verdicts import Conditional, Proved, Verdict
from lmlaws.theory.claims import Claim, Mend, Twin
from lmlaws.theory.collect import catalogue, select
from lmlaws.theory.expressions import (
    Array,
    Direction,
    Entropy,
    Head,
    Information,
    Letter,
    Point,
    Points,
    Symbol,
    axes,
    walk,
)
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Box, Object, wire_names

NAMED = (Object, Letter, Box, Head, Point, Points, Direction, Symbol, Array)


@dataclass(frozen=True)
class Renaming:
    """A new name for each old one; a wire is called after its object, so wires of a law follow from both types."""

    names: Mapping[str, str]

    @classmethod
    def of(cls, node: Any, *, reverse: bool) -> Renaming:
        """New names for all that a node names, in the alphabetical order of the old names or in the opposite one."""
        spaces = {axes(part).name: part.name for part in walk(node) if isinstance(part, Head)}
        old = {part.name for part in walk(node) if isinstance(part, NAMED)} - set(spaces)
        names = {name: f"n{number:03d}" for number, name in enumerate(sorted(old, reverse=reverse))}
        return cls(names | {space: f"axes({names[head]})" for space, head in spaces.items()})

    def statement(self, statement: Statement) -> Statement:
        """The same statement under the new names."""
        about = self.node(statement.about, {})
        wires = dict[str, str]()
        if statement.about is not None:
            wires = dict(zip(wire_names(statement.about.cod), wire_names(about.cod)))
        return Statement(self.node(statement.holds, wires), about, self.node(statement.given, wires))

    def node(self, node: Any, wires: Mapping[str, str]) -> Any:
        """The same data under the new names; `wires` are the new names of wires."""
        if isinstance(node, tuple):
            return tuple(self.node(part, wires) for part in node)
        if isinstance(node, Entropy):
            return Entropy(_wires(node.of, wires), _wires(node.given, wires))
        if isinstance(node, Information):
            return Information(tuple(_wires(group, wires) for group in node.groups), _wires(node.given, wires))
        if not is_dataclass(node) or isinstance(node, type):
            return node
        parts = {field.name: self.node(getattr(node, field.name), wires) for field in fields(node)}
        if isinstance(node, NAMED):
            parts["name"] = self.names[node.name]
        return type(node)(**parts)


def _wires(names: Sequence[str], wires: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(wires[name] for name in names)


def renamed(claim: Claim, *, reverse: bool) -> Claim:
    """A claim under other names, with its id, twins and mend; what no exact engine sees is left out."""
    statements = [claim.statement, *claim.twin_statements.values()]
    statements += [] if claim.mended is None else [claim.mended]
    renaming = Renaming.of(tuple(statements), reverse=reverse)
    own, *twins = (renaming.statement(s) for s in [claim.statement, *claim.twin_statements.values()])
    mended = None if claim.mended is None else renaming.statement(claim.mended)
    return Claim(
        id=f"N{sum(map(ord, claim.id))}",
        says="the same under other names",
        holds=own.holds,
        source=claim.source,
        about=own.about,
        given=own.given,
        twins=tuple(Twin(f"twin {i}", twin.holds, twin.given, twin.about) for i, twin in enumerate(twins)),
        expects=claim.expects,
        mend=None if mended is None else Mend("a hypothesis", mended.holds, mended.given, mended.about),
        neighbour=claim.neighbour,
    )


Said = tuple[str, ...]


def said(result: Result) -> tuple[Any, ...]:
    """What must not depend on names: the verdict, what a proof rests on, the twins' verdicts, as expected or not."""
    twins = tuple(_verdict(verdict) for _, verdict in result.twins)
    return _verdict(result.verdict), twins, result.as_expected


def _verdict(verdict: Verdict) -> Said:
    if isinstance(verdict, Conditional):
        return verdict.name, *_verdict(verdict.under)
    return (verdict.name, *verdict.rests_on) if isinstance(verdict, Proved) else (verdict.name,)


def differences(claim: Claim, engines: Sequence[Engine], budget: Budget) -> list[str]:
    """Where the verdicts on a claim under new names are others, in words."""
    expected = said(judge(claim, engines, budget))
    found = []
    for reverse in (False, True):
        now = said(judge(renamed(claim, reverse=reverse), engines, budget))
        if now != expected:
            found.append(f"{claim.id}, names {'reversed' if reverse else 'in order'}: {expected} became {now}")
    return found


def main(ids: Sequence[str]) -> int:
    """Judge the claims under their own names and two others; the number of differences."""
    claims = select(catalogue(), ids) if ids else catalogue()
    total = 0
    for claim in claims:
        begun = perf_counter()
        found = differences(claim, exact_engines(), Budget(20.0, 500))
        total += len(found)
        print(f"{claim.id:8} {'; '.join(found) or 'the same'}  ({perf_counter() - begun:.1f} s)", flush=True)
    print(f"{len(claims)} claims, each under two other namings: {total} differences")
    return total


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
