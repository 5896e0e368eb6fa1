"""What an engine is: a name, a test whether it can read a statement, and a decision within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from lmlaws.theory.statements import Statement

from .verdicts import Verdict


@dataclass(frozen=True)
class Budget:
    """How long an engine may take, in seconds of wall clock, and how many instances it should try."""

    seconds: float = 20.0
    instances: int = 2000
    started: float = field(default_factory=monotonic, compare=False)

    def left(self) -> float:
        """Seconds until the budget is spent; never negative."""
        return max(0.0, self.started + self.seconds - monotonic())

    def restarted(self) -> Budget:
        """The same allowance, from now."""
        return Budget(self.seconds, self.instances)


class Engine(Protocol):
    """Decides statements. It sees the statement only: no id, prose, source, twin or expectation."""

    name: str
    exact: bool
    """Whether it works on exact instances or proofs; twins are decided by such engines only."""

    def accepts(self, statement: Statement) -> str | None:
        """None when the engine can read the statement, else the reason why it can't."""
        ...

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        """The verdict on a statement that it accepts; Undecided, with the reason, when the budget is spent.

        An engine that runs on samples shows its power by refuting one of the `twins` on the same samples.
        """
        ...
