"""From engines' verdicts to one verdict of a claim: what each engine said, what its twins became, as expected or not.

A proof counts when the independent checker accepts its certificate; a refutation when its instance was evaluated
exactly. A proof and a refutation of one statement cannot both stand: that raises SoundnessError.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from lmlaws.theory.claims import Claim
from lmlaws.theory.statements import Statement

from .engine import Budget, Engine
from .evidence import RESTS_ON
from .recheck import answers
from .verdicts import Conditional, Holds, Measured, Proved, Refuted, Undecided, Verdict

AXIOMS = RESTS_ON["diagram"]

LAST_RESORT = ("copies", "z3")
"""Engines that are asked only where no other one has proved or refuted."""


class SoundnessError(RuntimeError):
    """One engine proved, with a certificate that the checker accepts, what another refuted: a fault of lmlaws."""


@dataclass(frozen=True)
class Judgement:
    """The verdict on a statement, and what every engine said or why it did not speak."""

    verdict: Verdict
    said: tuple[Verdict, ...]
    refusals: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Result:
    """What became of a claim. `as_expected` is None when it was not decided."""

    claim: Claim
    judgement: Judgement
    twins: tuple[tuple[str, Verdict], ...]
    as_expected: bool | None
    seconds: float = field(default=0.0, compare=False)

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict


def provers() -> tuple[Engine, ...]:
    """The engines that prove, cheapest first."""
    from .provers.copies import CopyProver
    from .provers.identities import IdentityProver
    from .provers.markov import MarkovProver
    from .provers.processing import ProcessingProver
    from .provers.shannon import ShannonProver
    from .provers.tangents import SumProver

    return (MarkovProver(), IdentityProver(), ShannonProver(), CopyProver(1), ProcessingProver(), SumProver())


def slow_provers() -> tuple[Engine, ...]:
    """The engines of last resort: z3 refutes, the others prove."""
    from .provers.copies import CopyProver
    from .provers.smt import SmtRefuter

    return (CopyProver(), SmtRefuter())


def exact_engines() -> tuple[Engine, ...]:
    """The provers and the search for exact counterexamples."""
    from .exact.search import SearchEngine

    return (*provers(), SearchEngine(), *slow_provers())


def judge_statement(
    statement: Statement,
    engines: Sequence[Engine],
    budget: Budget,
    *,
    all_engines: bool,
    twins: Sequence[Statement] = (),
) -> Judgement:
    """Ask the engines in turn. With `all_engines` each one speaks, those of last resort where nothing is decided yet;
    else the first proof or refutation ends it."""
    said: list[Verdict] = []
    refusals: list[tuple[str, str]] = []
    for engine in engines:
        reason = engine.accepts(statement)
        if engine.name in LAST_RESORT and any(isinstance(verdict, Proved | Refuted) for verdict in said):
            reason = reason or "decided without it"
        if reason is not None:
            refusals.append((engine.name, reason))
            continue
        begun = perf_counter()
        verdict = engine.decide(statement, budget.restarted(), twins)
        verdict = replace(verdict, seconds=perf_counter() - begun)
        if isinstance(verdict, Proved):
            verdict = rechecked(verdict, statement)
        said.append(verdict)
        if not all_engines and isinstance(verdict, Proved | Refuted):
            break
    return Judgement(combine(said, refusals), tuple(said), tuple(refusals))


def rechecked(verdict: Proved, statement: Statement) -> Verdict:
    """The proof, if both independent checkers accept it for this statement; else undecided, with their reasons."""
    said = answers(json.dumps(verdict.certificate), statement.canonical)
    reasons = dict.fromkeys(answer.reason for answer in said if answer.reason is not None)
    if not reasons:
        return verdict
    reason = f"the checker does not accept this engine's proof: {'; '.join(reasons)}"
    return Undecided(verdict.engine, reason, seconds=verdict.seconds)


def combine(said: Sequence[Verdict], refusals: Sequence[tuple[str, str]]) -> Verdict:
    """One verdict from several. Raises SoundnessError when one proved what another refuted."""
    proofs = [v for v in said if isinstance(v, Proved)]
    refutations = [v for v in said if isinstance(v, Refuted)]
    if proofs and refutations:
        raise SoundnessError(f"{proofs[0].engine} proved what {refutations[0].engine} refuted")
    if proofs:  # a proof from the definitions says more than one that cites an axiom or a law of divergences
        return min(proofs, key=lambda proof: proof.rests_on == AXIOMS or proof.certificate["kind"] == "processing")
    for verdict in said:
        if isinstance(verdict, Refuted | Measured):
            return verdict
    holding = [v for v in said if isinstance(v, Holds)]
    if holding:
        first = holding[0]
        record = {v.engine: v.record for v in holding}
        return (
            Holds(
                "+".join(v.engine for v in holding),
                instances=sum(v.instances for v in holding),
                record=record,
                seconds=sum(v.seconds for v in holding),
            )
            if len(holding) > 1
            else first
        )
    reasons = [f"{v.engine}: {v.reason}" for v in said if isinstance(v, Undecided)]
    reasons += [f"{engine}: {reason}" for engine, reason in refusals]
    return Undecided("all", "; ".join(reasons) or "nothing was tried")


def judge(claim: Claim, engines: Sequence[Engine], budget: Budget) -> Result:
    """The result of a claim: its own verdict, the mended one's where it is refuted, and its twins'."""
    begun = perf_counter()
    judgement = judge_alone(claim, engines, budget)
    twins = tuple((name, judge_twin(twin, engines, budget)) for name, twin in claim.twin_statements.items())
    return Result(claim, judgement, twins, as_expected(claim, judgement.verdict, twins), perf_counter() - begun)


def judge_alone(claim: Claim, engines: Sequence[Engine], budget: Budget) -> Judgement:
    """The judgement on a claim without its twins: conditional where it is refuted and its mended form is not.

    A refuted claim whose author names no mend is told the missing hypotheses that are found; the verdict stays.
    """
    near = tuple(claim.twin_statements.values())
    judgement = judge_statement(claim.statement, engines, budget, all_engines=True, twins=near)
    if isinstance(judgement.verdict, Refuted) and claim.mend is not None and claim.mended is not None:
        under = judge_statement(claim.mended, engines, budget, all_engines=False).verdict
        if isinstance(under, Proved | Holds):
            verdict = Conditional(
                judgement.verdict.engine, refuted=judgement.verdict, hypothesis=claim.mend.hypothesis, under=under
            )
            judgement = replace(judgement, verdict=verdict)
    elif isinstance(judgement.verdict, Refuted):
        from .provers.mend import missing_hypotheses

        mends = missing_hypotheses(claim.statement)
        judgement = replace(judgement, verdict=replace(judgement.verdict, mends=mends))
    return judgement


def judge_twin(twin: Statement, engines: Sequence[Engine], budget: Budget) -> Verdict:
    """The verdict on a near-miss by the exact engines, those that refute first."""
    return judge_statement(twin, _refuters(engines), budget, all_engines=False).verdict


def _refuters(engines: Sequence[Engine]) -> tuple[Engine, ...]:
    """Engines for twins: refuters first, since a twin should fall; provers after, to catch a twin that is true."""
    return tuple(sorted((engine for engine in engines if engine.exact), key=lambda engine: engine.name != "search"))


def as_expected(claim: Claim, verdict: Verdict, twins: Sequence[tuple[str, Verdict]]) -> bool | None:
    """Whether the verdict is the author's, with every twin refuted; None when that is not decided."""
    wanted = {
        "true": (Proved, Holds),
        "refuted": (Refuted, Conditional),
        "conditional": (Conditional,),
        "measured": (Measured,),
    }[claim.expects]
    if isinstance(verdict, Undecided):
        return None
    if not isinstance(verdict, wanted) or any(isinstance(v, Proved | Holds) for _, v in twins):
        return False
    return None if any(isinstance(v, Undecided) for _, v in twins) else True


def as_json(result: Result, version: str) -> dict[str, Any]:
    """A result as one JSON object, to the contract of the command line."""
    verdict = result.verdict
    return {
        "id": result.claim.id,
        "statement": str(result.claim.statement),
        "hash": result.claim.statement.hash,
        "verdict": verdict.name,
        "engine": verdict.engine,
        "rests_on": list(verdict.rests_on) if isinstance(verdict, Proved) else [],
        **verdict.evidence(),
        "engines": [
            {"engine": v.engine, "verdict": v.name, "evidence": v.summary(), "seconds": round(v.seconds, 3)}
            for v in result.judgement.said
        ],
        "refusals": [{"engine": engine, "reason": reason} for engine, reason in result.judgement.refusals],
        "twins": [{"name": name, "verdict": v.name, "engine": v.engine, **v.evidence()} for name, v in result.twins],
        "as_expected": result.as_expected,
        "seconds": round(result.seconds, 3),
        "version": version,
    }
