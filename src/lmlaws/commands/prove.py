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
from ..evidence_text import counterexample_lines, mend_lines, normal_form_lines, proof_lines
from ..exits import DATA, DONE, NO, OPEN
from ..face import conclude, decide, mended
from ..terminal import note, paragraph, program, say
from ..theory.language import LanguageError, parse
from ..theory.lexing import MAX_CHARACTERS
from ..theory.programs import normal_form
from ..theory.statements import Statement
from ..theory.terms import Term

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
        say(json.dumps(_object(text, statement, verdict, elapsed)))
    else:
        said = _human(text, statement, judgement, verdict, elapsed)
        say(*said, "", *_next(text, statement, verdict, seconds, save))
    if save is not None and not isinstance(verdict, Proved):
        note(f"lmlaws: nothing saved to {save}: only a proof has a certificate")
    return CODES[verdict.name]


def prove_stream(stream: TextIO, *, seconds: float) -> int:
    """Decide a statement a line, and print a JSON object a line, in order. A bad line is reported and passed over."""
    bad = False
    for number, line in enumerate(_lines(stream), 1):
        begun = perf_counter()
        try:
            statement = parse(line)
            _, verdict = _decide(statement, seconds)
        except LanguageError as problem:
            bad = True
            answer = {"error": problem.problem, "line": number, "column": problem.column}
        else:
            answer = _object(line, statement, verdict, perf_counter() - begun)
        say(json.dumps(answer))
        sys.stdout.flush()
    return DATA if bad else DONE


def _decide(statement: Statement, seconds: float) -> tuple[Judgement, Verdict]:
    judgement = decide(statement, Budget(seconds))
    return judgement, mended(statement, conclude(judgement), seconds)


def _lines(stream: TextIO) -> Iterator[str]:
    """The lines of a stream without their ends; of a line too long for a statement, one character too many."""
    while line := stream.readline(MAX_CHARACTERS + 2):
        rest = line
        while not rest.endswith("\n") and (rest := stream.readline(MAX_CHARACTERS)):
            pass
        yield line.removesuffix("\n")


def _object(text: str, statement: Statement, verdict: Verdict, elapsed: float) -> dict[str, Any]:
    """The answer as JSON, with the `mends` of a refutation and the `normal_forms` of an equation of diagrams."""
    answer = {
        "statement": text,
        "verdict": verdict.name,
        "engine": verdict.engine,
        "rests_on": list(verdict.rests_on) if isinstance(verdict, Proved) else [],
        **verdict.evidence(),
        "seconds": round(elapsed, 3),
        "version": __version__,
    }
    if isinstance(verdict, Refuted):
        answer["mends"] = _mends(text, statement, verdict)
    left, right = statement.holds.left, statement.holds.right
    if isinstance(left, Term) and isinstance(right, Term):
        answer["normal_forms"] = {"left": normal_form(left).lines(), "right": normal_form(right).lines()}
    return answer


def _mends(text: str, statement: Statement, verdict: Refuted) -> list[dict[str, str]]:
    """The missing hypotheses, with statements to paste: conditions on variables are added to the user's own text."""
    more = f"{text.rstrip()}{',' if statement.given else ' given'} "
    own = statement.is_information
    return [mend.json() | ({"statement": more + mend.hypothesis} if own else {}) for mend in verdict.mends]


def _human(text: str, statement: Statement, judgement: Judgement, verdict: Verdict, elapsed: float) -> list[str]:
    lines = [f"{verdict.name}  (engine: {verdict.engine}; {elapsed:.2f} s)", *paragraph(str(statement))]
    if isinstance(verdict, Proved):
        lines += paragraph(f"rests on {', '.join(verdict.rests_on)}; both checkers accepted the certificate")
        return [*lines, "", *proof_lines(statement, verdict.certificate)]
    if isinstance(verdict, Refuted):
        lines += ["", *counterexample_lines(verdict.counterexample), *normal_form_lines(statement)]
        return lines + mend_lines(_mends(text, statement, verdict))
    lines += normal_form_lines(statement)
    for said in judgement.said:
        found = f"no counterexample in {said.instances:,} instances" if isinstance(said, Holds) else said.name
        lines += paragraph(f"{said.engine}: {said.evidence().get('reason', found)}", indent="    ", first="  - ")
    for engine, reason in judgement.refusals:
        lines += paragraph(f"{engine} does not apply: {reason}", indent="    ", first="  - ")
    return lines


def _quoted(text: str) -> str:
    return shlex.quote(text) if len(text) <= 120 and text.isprintable() else "STATEMENT"


def _next(text: str, statement: Statement, verdict: Verdict, seconds: float, save: Path | None) -> list[str]:
    """What to do next, as the last lines."""
    quoted = _quoted(text)
    if isinstance(verdict, Proved) and save is None:
        return [
            "Keep the proof:",
            f"  {program()} prove {quoted} --save proof.json",
            f"  {program()} recheck proof.json",
        ]
    if isinstance(verdict, Proved):
        return ["Check the proof again:", f"  {program()} recheck {shlex.quote(str(save))} --statement {quoted}"]
    if isinstance(verdict, Refuted) and verdict.mends and (statement.is_diagram or statement.is_information):
        under = _quoted(_mends(text, statement, verdict)[0]["statement"])
        return ["Prove it under the missing hypothesis:", f"  {program()} prove {under}"]
    if isinstance(verdict, Refuted) and statement.is_diagram:
        return ["A box may have to be deterministic: declare it so, as in  det k: X -> Y"]
    if isinstance(verdict, Refuted) and statement.is_information:
        return ["A hypothesis may be missing: add it with `given`, as in  ... given X -> Y -> Z"]
    if isinstance(verdict, Refuted):
        return ["Both sides at a law of yours:", f"  {program()} eval EXPR --law FILE"]
    return ["Give the engines more time:", f"  {program()} prove {quoted} --timeout {6 * seconds:g}"]
