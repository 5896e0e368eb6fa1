"""`lmlaws prove`: one statement, or a stream of them, to a verdict: proved, refuted or undecided."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

from .. import __version__
from ..checks.engine import Budget
from ..checks.evidence import dumps, write_atomically
from ..checks.judge import Judgement
from ..checks.verdicts import Holds, Proved, Refuted, Verdict
from ..evidence_text import counterexample_lines, proof_lines
from ..exits import DATA, DONE, NO, OPEN
from ..face import conclude, decide
from ..terminal import note, paragraph, program, say
from ..theory.language import LanguageError, parse
from ..theory.lexing import MAX_CHARACTERS
from ..theory.statements import Statement

CODES = {"proved": DONE, "refuted": NO, "undecided": OPEN}


def prove(text: str, *, as_json: bool, seconds: float, save: Path | None) -> int:
    """Decide one statement and print the verdict with its evidence. Raises LanguageError; OSError from `save`."""
    statement = parse(text)
    begun = perf_counter()
    judgement, verdict = _decide(statement, seconds)
    elapsed = perf_counter() - begun
    if save is not None and isinstance(verdict, Proved):
        write_atomically(save, dumps(verdict.certificate))
    if as_json:
        say(json.dumps(_object(text, verdict, elapsed)))
    else:
        say(*_human(statement, judgement, verdict, elapsed), "", *_next(text, statement, verdict, seconds, save))
    if save is not None and not isinstance(verdict, Proved):
        note(f"lmlaws: nothing saved to {save}: only a proof has a certificate")
    return CODES[verdict.name]


def prove_stream(stream: TextIO, *, seconds: float) -> int:
    """Decide a statement a line, and print a JSON object a line, in order. A bad line is reported and passed over."""
    bad = False
    for number, line in enumerate(_lines(stream), 1):
        begun = perf_counter()
        try:
            _, verdict = _decide(parse(line), seconds)
        except LanguageError as problem:
            bad = True
            answer = {"error": problem.problem, "line": number, "column": problem.column}
        else:
            answer = _object(line, verdict, perf_counter() - begun)
        say(json.dumps(answer))
        sys.stdout.flush()
    return DATA if bad else DONE


def _decide(statement: Statement, seconds: float) -> tuple[Judgement, Verdict]:
    judgement = decide(statement, Budget(seconds))
    return judgement, conclude(judgement)


def _lines(stream: TextIO) -> Iterator[str]:
    """The lines of a stream without their ends; of a line too long for a statement, one character too many."""
    while line := stream.readline(MAX_CHARACTERS + 2):
        rest = line
        while not rest.endswith("\n") and (rest := stream.readline(MAX_CHARACTERS)):
            pass
        yield line.removesuffix("\n")


def _object(text: str, verdict: Verdict, elapsed: float) -> dict[str, Any]:
    return {
        "statement": text,
        "verdict": verdict.name,
        "engine": verdict.engine,
        "rests_on": list(verdict.rests_on) if isinstance(verdict, Proved) else [],
        **verdict.evidence(),
        "seconds": round(elapsed, 3),
        "version": __version__,
    }


def _human(statement: Statement, judgement: Judgement, verdict: Verdict, elapsed: float) -> list[str]:
    lines = [f"{verdict.name}  (engine: {verdict.engine}; {elapsed:.2f} s)", *paragraph(str(statement))]
    if isinstance(verdict, Proved):
        lines += paragraph(f"rests on {', '.join(verdict.rests_on)}; the independent checker accepted the certificate")
        return [*lines, "", *proof_lines(statement, verdict.certificate)]
    if isinstance(verdict, Refuted):
        return [*lines, "", *counterexample_lines(verdict.counterexample)]
    for said in judgement.said:
        found = f"no counterexample in {said.instances:,} instances" if isinstance(said, Holds) else said.name
        lines += paragraph(f"{said.engine}: {said.evidence().get('reason', found)}", indent="    ", first="  - ")
    for engine, reason in judgement.refusals:
        lines += paragraph(f"{engine} does not apply: {reason}", indent="    ", first="  - ")
    return lines


def _next(text: str, statement: Statement, verdict: Verdict, seconds: float, save: Path | None) -> list[str]:
    """What to do next, as the last lines."""
    quoted = shlex.quote(text) if len(text) <= 120 and text.isprintable() else "STATEMENT"
    if isinstance(verdict, Proved) and save is None:
        return [
            "Keep the proof:",
            f"  {program()} prove {quoted} --save proof.json",
            f"  {program()} recheck proof.json",
        ]
    if isinstance(verdict, Proved):
        return ["Check the proof again:", f"  {program()} recheck {shlex.quote(str(save))} --statement {quoted}"]
    if isinstance(verdict, Refuted) and statement.is_diagram:
        return ["A box may have to be deterministic: declare it so, as in  det k: X -> Y"]
    if isinstance(verdict, Refuted):
        return ["A hypothesis may be missing: add it with `given`, as in  ... given X -> Y -> Z"]
    return ["Give the engines more time:", f"  {program()} prove {quoted} --timeout {6 * seconds:g}"]
