"""The prover of every Markov category: two terms are equal when their normal forms are (theory/terms.py).

It proves equations of diagrams. When the normal forms differ the equation fails in the free Markov category; a finite
counter-model is the exact search's business, so this engine then only says how they differ.
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


class MarkovProver:
    """Decides equality of diagrams by normal forms, in linear time."""

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
        reason = f"the normal forms differ:\nleft\n{first.text()}\nright\n{second.text()}"
        if statement.given:
            reason += "\n(hypotheses are not used by this prover)"
        return Undecided(self.name, reason)


def steps(form: NormalForm) -> dict[str, Any]:
    """A normal form as the steps of a certificate."""
    return {
        "boxes": [[encode(box), [list(wire) for wire in reads]] for box, reads in form.boxes],
        "outputs": [list(wire) for wire in form.outputs],
    }
