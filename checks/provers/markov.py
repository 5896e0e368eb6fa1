"""The prover of every Markov category: two terms are equal when their normal forms are (theory/programs.py).

It proves equations of diagrams, also under hypotheses that are equations of diagrams where rewriting one side suffices
(rewriting.py). When the normal forms differ and nothing is assumed, the equation fails in the free Markov category; a
finite counter-model is the exact search's business, so this engine then only says how they differ.

Reference: Fritz and Liang, "Free gs-monoidal categories and free Markov categories" (Appl. Categ. Structures 31, 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lmlaws.theory.programs import NormalForm, normal_form
from lmlaws.theory.statements import Statement, encode
from lmlaws.theory.terms import Term

from ..engine import Budget
from ..evidence import certificate
from ..verdicts import Proved, Undecided, Verdict
from . import rewriting

SHOWN = 12
"""How many lines of a normal form a reason quotes."""


class MarkovProver:
    """Decides equality of diagrams by normal forms, in linear time; under hypotheses it searches for rewrites."""

    name = "markov"
    exact = True

    def accepts(self, statement: Statement) -> str | None:
        return None if statement.is_diagram else "not an equation of diagrams"

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        left, right = statement.holds.left, statement.holds.right
        assert isinstance(left, Term)
        assert isinstance(right, Term)
        first, second = normal_form(left), normal_form(right)
        if first == second:
            return Proved(self.name, certificate("diagram", statement, steps(first)))
        reason = f"the normal forms differ: {_quoted(first)} against {_quoted(second)}"
        if not rewriting.usable(statement.given):
            ignored = "; no hypothesis is an equation of diagrams" if statement.given else ""
            return Undecided(self.name, reason + ignored)
        found = rewriting.derivation(statement, budget)
        if isinstance(found, str):
            return Undecided(self.name, f"{reason}; {found}")
        return Proved(self.name, certificate("diagram", statement, {"rewrites": list(map(_step, found))}))


def steps(form: NormalForm) -> dict[str, Any]:
    """A normal form as the steps of a certificate."""
    return {
        "boxes": [[encode(box), [list(wire) for wire in reads]] for box, reads in form.boxes],
        "outputs": [list(wire) for wire in form.outputs],
    }


def _step(rewrite: rewriting.Rewrite) -> list[Any]:
    """A use of a hypothesis as a certificate states it."""
    return [rewrite.hypothesis, rewrite.forward, *map(encode, (rewrite.before, rewrite.idle, rewrite.after))]


def _quoted(form: NormalForm) -> str:
    lines = form.lines()
    return "; ".join(lines[:SHOWN]) + (f"; and {len(lines) - SHOWN} more" if len(lines) > SHOWN else "")
