"""The two questions of the Python face: `prove` a statement, `check` a claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .checks.engine import Budget
from .checks.judge import Judgement, Result, combine, exact_engines, judge, judge_statement, provers
from .checks.verdicts import Holds, Proved, Undecided, Verdict
from .theory.language import parse
from .theory.statements import Statement

if TYPE_CHECKING:
    from .theory.claims import Claim

SECONDS = 20.0
"""How long an engine may take for a statement, unless the caller says otherwise."""


def prove(statement: Statement | str, *, seconds: float = SECONDS) -> Verdict:
    """Proved, Refuted or Undecided: the provers, cheapest first, then the search for a counterexample.

    A text is read in the language of `lmlaws prove`. The certificate of a proof was accepted by the independent
    checker. `seconds` is the budget of one engine, of wall clock. Raises LanguageError, with line and column.
    """
    if isinstance(statement, str):
        statement = parse(statement)
    return conclude(decide(statement, Budget(seconds)))


def decide(statement: Statement, budget: Budget) -> Judgement:
    """What the provers say, cheapest first, and the search where none proves; it is loaded only then."""
    first = judge_statement(statement, provers(), budget, all_engines=False)
    if isinstance(first.verdict, Proved):
        return first
    from .checks.exact.search import SearchEngine

    second = judge_statement(statement, (SearchEngine(),), budget, all_engines=False)
    said, refusals = (*first.said, *second.said), (*first.refusals, *second.refusals)
    return Judgement(combine(said, refusals), said, refusals)


def conclude(judgement: Judgement) -> Verdict:
    """The verdict on a statement alone, where *holds* is not one: no counterexample is not a proof."""
    verdict = judgement.verdict
    if not isinstance(verdict, Holds):
        return verdict
    why = [f"no counterexample in {verdict.instances:,} instances, and no proof"]
    why += [f"{said.engine}: {said.reason}" for said in judgement.said if isinstance(said, Undecided)]
    return Undecided(verdict.engine, "; ".join(why), seconds=verdict.seconds)


def check(claim: Claim, *, seconds: float = SECONDS) -> Result:
    """The result of a claim through every exact engine: its verdict, its twins', and whether it is as expected."""
    return judge(claim, exact_engines(), Budget(seconds))
