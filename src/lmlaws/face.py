"""The two questions of the Python face: `prove` a statement, `check` a claim."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .checks.engine import Budget, Engine
from .checks.judge import Judgement, Result, combine, exact_engines, judge, judge_statement, provers, slow_provers
from .checks.verdicts import Holds, MissingHypothesis, Proved, Refuted, Undecided, Verdict
from .theory.language import parse
from .theory.statements import Statement

if TYPE_CHECKING:
    from .theory.claims import Claim

SECONDS = 20.0
"""How long an engine may take for a statement, unless the caller says otherwise."""

MEND_SECONDS = 2.0
"""How long the search for the hypotheses that a refuted statement misses may take."""


def prove(statement: Statement | str, *, seconds: float = SECONDS) -> Verdict:
    """Proved, Refuted or Undecided: quick provers, the search for a counterexample, slow provers.

    A text is read in the language of `lmlaws prove`. The certificate of a proof was accepted by the independent
    checker. A refutation carries the single hypotheses found under which the statement is proved (`mends`). `seconds`
    is the budget of one engine, of wall clock. Raises LanguageError, with line and column.
    """
    if isinstance(statement, str):
        statement = parse(statement)
    return mended(statement, conclude(decide(statement, Budget(seconds))), seconds)


def decide(statement: Statement, budget: Budget) -> Judgement:
    """What the quick provers say, the search where none proves, and the slow provers where that refutes nothing."""
    judgement = judge_statement(statement, provers(), budget, all_engines=False)
    for engines in (_search, slow_provers):
        if isinstance(judgement.verdict, Proved | Refuted):
            break
        more = judge_statement(statement, engines(), budget, all_engines=False)
        said, refusals = (*judgement.said, *more.said), (*judgement.refusals, *more.refusals)
        judgement = Judgement(combine(said, refusals), said, refusals)
    return judgement


def _search() -> tuple[Engine, ...]:
    """The search for a counterexample, loaded only where it is needed."""
    from .checks.exact.search import SearchEngine

    return (SearchEngine(),)


def conclude(judgement: Judgement) -> Verdict:
    """The verdict on a statement alone, where *holds* is not one: no counterexample is not a proof."""
    verdict = judgement.verdict
    if not isinstance(verdict, Holds):
        return verdict
    why = [f"no counterexample in {verdict.instances:,} instances, and no proof"]
    why += [f"{said.engine}: {said.reason}" for said in judgement.said if isinstance(said, Undecided)]
    return Undecided(verdict.engine, "; ".join(why), seconds=verdict.seconds)


def mended(statement: Statement, verdict: Verdict, seconds: float = SECONDS) -> Verdict:
    """The verdict; a refutation with the missing hypotheses that are found within a second or two."""
    if not isinstance(verdict, Refuted):
        return verdict
    return replace(verdict, mends=missing_hypotheses(statement, seconds=min(seconds, MEND_SECONDS)))


def missing_hypotheses(statement: Statement | str, *, seconds: float = MEND_SECONDS) -> tuple[MissingHypothesis, ...]:
    """The single extra hypotheses, found within so many seconds, under which a statement that fails is proved.

    Each has the hypothesis in words, the statement under it, and the engine that proved that with a certificate which
    both independent checkers accepted. Raises LanguageError for a text that is no statement.
    """
    from .checks.provers.mend import missing_hypotheses as find

    return find(parse(statement) if isinstance(statement, str) else statement, Budget(seconds))


def check(claim: Claim, *, seconds: float = SECONDS) -> Result:
    """The result of a claim through every exact engine: its verdict, its twins', and whether it is as expected."""
    return judge(claim, exact_engines(), Budget(seconds))
