"""Names are no part of what a claim says: under others, also in the opposite order, the verdicts are the same."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from bench.invariance import NAMED, Renaming, differences, renamed

from lmlaws.checks.engine import Budget
from lmlaws.checks.exact.search import SearchEngine
from lmlaws.checks.judge import exact_engines
from lmlaws.checks.verdicts import Holds, Refuted, Undecided, Verdict
from lmlaws.theory.claims import Claim
from lmlaws.theory.collect import catalogue, select
from lmlaws.theory.expressions import Entropy, Information, LessEq, walk
from lmlaws.theory.quantities import H, I
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import objects, state

SAMPLE = ("C2.b", "C3", "C4", "C6.a", "D1.KL", "D7.a", "E1.a", "E2.TV", "G1.b", "G4.b", "N8.a", "S2.c", "S6.a")
BUDGET = Budget(20.0, 500)


def claim(identifier: str) -> Claim:
    (found,) = select(catalogue(), [identifier])
    return found


def names(statement: Statement) -> set[str]:
    """Every name in a statement, those of wires too."""
    found = {node.name for node in walk(statement) if isinstance(node, NAMED)}
    for node in walk(statement):
        if isinstance(node, Entropy):
            found.update(node.of, node.given)
        elif isinstance(node, Information):
            found.update(node.given, *node.groups)
    return found


@pytest.mark.parametrize("identifier", SAMPLE)
def test_other_names_give_the_same_verdicts(identifier: str) -> None:
    assert differences(claim(identifier), exact_engines(), BUDGET) == []


class Reader(SearchEngine):
    """An engine that must not be: it refutes what names its first box late in the alphabet."""

    name = "reader"

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        first, *others = [box.name for box in statement.boxes] or ["none"]
        return Refuted(self.name) if any(first > other for other in others) else Holds(self.name, instances=1)


class Careful(Reader):
    """Its neighbour, which only counts the boxes."""

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        return Undecided(self.name, str(len(statement.boxes)))


def test_an_engine_that_looks_at_names_is_seen() -> None:
    """The twin: p and q are in alphabetical order, and so are the new names once, and once not."""
    (found,) = differences(claim("D7.a"), [Reader()], BUDGET)
    assert "names reversed" in found
    assert differences(claim("D7.a"), [Careful()], BUDGET) == []


def test_nothing_keeps_its_name_and_the_names_come_back() -> None:
    for old in catalogue():
        for reverse in (False, True):
            new = renamed(old, reverse=reverse)
            assert new.id != old.id
            pairs = [(old.statement, new.statement), *zip(old.twin_statements.values(), new.twin_statements.values())]
            pairs += [(old.mended, new.mended)] if old.mended is not None and new.mended is not None else []
            renaming = Renaming.of(tuple(statement for statement, _ in pairs), reverse=reverse)
            back = Renaming({now: before for before, now in renaming.names.items()})
            for before, now in pairs:
                assert not names(before) & names(now)
                assert back.statement(now).canonical == before.canonical
                own = {name for name in renaming.names if not name.startswith("axes(")}  # called after their heads
                assert sorted(own, key=renaming.names.__getitem__, reverse=reverse) == sorted(own)


def test_wires_of_one_object_keep_their_numbers() -> None:
    """Two wires on V are V and V_2, and under another name of V again its name and that with _2."""
    statement = Statement(LessEq(I("V", "V_2"), H("V_2", given="X")), state("p", objects("V X V")))
    now = Renaming.of(statement, reverse=True).statement(statement)
    assert now == Statement(
        LessEq(I("n002", "n002_2"), H("n002_2", given="n001")), state("n000", objects("n002 n001 n002"))
    )
    assert now != Statement(
        LessEq(I("n002", "n002_2"), H("n002", given="n001")), state("n000", objects("n002 n001 n002"))
    )
