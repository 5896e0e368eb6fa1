"""`lmlaws validate`: a user's claims on exact instances and on the user's model, and where in the text they fall."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..checks.engine import Budget, Engine
from ..checks.judge import exact_engines
from ..checks.run import run
from ..checks.verdicts import Verdict
from ..exits import DONE, INTERRUPTED, OPEN, DataError
from ..outcomes import Outcome
from ..results import findings, result_table, summary
from ..terminal import note, paragraph, program, progress_shown, say
from ..theory.claims import Claim
from ..theory.statements import Statement
from .audit import FULL, Counting, claims_of, terminated_as_interrupt
from .measure import read_text

if TYPE_CHECKING:
    from ..checks.models import ModelEngine

Example = Mapping[str, Any]
MOST_PLACES = 3
"""Positions of one box that are shown to people; the JSON has all."""


def validate(path: Path, folder: Path, text: Path, outcome: Outcome, *, as_json: bool) -> int:
    """Judge the claims of a file on exact instances and on a model. Raises DataError naming the bad file."""
    claims = claims_of([path])
    model = model_engine(folder, text)
    engine = Remembering(model)
    with progress_shown() as progress:
        judging = Counting(progress)
        try:
            with terminated_as_interrupt():
                engines = (*exact_engines(), engine)
                results = run(claims, engines, FULL, version=__version__, progress=judging)
        except KeyboardInterrupt:
            note(f"lmlaws: interrupted after {judging.done} of {len(claims)} claims; `lmlaws validate` keeps nothing")
            return INTERRUPTED
    for claim, result in zip(claims, results):
        result["model"] = engine.said(claim)
    known = {claim.id: claim for claim in claims}
    changed = outcome.finish(results, known)
    if as_json:
        say(*map(json.dumps, results))
    else:
        again = shlex.join(["validate", str(path), "--model", str(folder), "--text", str(text)])
        say(*result_table(results, known, files=False), "", summary(results))
        found = findings(results, known, f"{program()} {again}")
        told = [line for result in results for line in on_model(result["id"], result["model"])]
        say("", *told, *([""] if found else []), *found, *([""] if changed else []), *changed)
    tried = len(model.sampled.hidden)
    if not tried:
        note(f"lmlaws: {text}: 0 positions tried: a text of at least 2 tokens is needed")
    code = outcome.code(results)
    return OPEN if code == DONE and not tried else code


def model_engine(folder: Path, text: Path) -> ModelEngine:
    """The engine of a user's model on a user's text. Raises DataError for either."""
    import torch

    from ..checks.models import ModelEngine, sampled
    from ..numerics.models import ModelError, load

    content = read_text(text)
    try:
        model = load(folder, dtype=torch.float64)
        return ModelEngine(sampled(model, model.encode(content), folder.resolve().name))
    except ModelError as problem:
        raise DataError(str(problem)) from problem


class Remembering:
    """An engine that keeps its verdicts, by statement: a claim's result has one counterexample, the smallest."""

    exact = False

    def __init__(self, engine: Engine) -> None:
        self.engine, self.name = engine, engine.name
        self.verdicts: dict[str, Verdict] = {}

    def accepts(self, statement: Statement) -> str | None:
        return self.engine.accepts(statement)

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        verdict = self.engine.decide(statement, budget, twins)
        self.verdicts[statement.hash] = verdict
        return verdict

    def said(self, claim: Claim) -> Example:
        """What the engine said of a claim, as JSON."""
        verdict = self.verdicts.get(claim.statement.hash)
        if verdict is None:
            return {"engine": self.name, "verdict": "undecided", "reason": self.accepts(claim.statement)}
        return {"engine": self.name, "verdict": verdict.name, **verdict.evidence()}


def on_model(claim: str, said: Example) -> Iterator[str]:
    """What the model says of a claim: that it holds, why nothing is said, or where it falls."""
    head = f"{claim} on {said['engine']}: {said['verdict']}"
    if said["verdict"] == "undecided":
        yield from paragraph(f"{head}, {said['reason']}", first="")
    elif said["verdict"] == "holds":
        record = ", ".join(f"{name} {value}" for name, value in said["record"].items())
        yield from paragraph(f"{head} in {said['instances']:,} instances; {record}", first="")
    else:
        example = said["counterexample"]
        sides = f"{example['left']} against {example['right']}, rounding error at most {float(example['bound']):.2g}"
        yield from paragraph(f"{head} at instance {example['instance']}: {sides}", first="")
        yield from places(example["positions"], example["letters"])


def places(positions: Mapping[str, Sequence[Example]], letters: Mapping[str, Example]) -> Iterator[str]:
    """The positions of a violated instance and the letters at which it is violated, as lines."""
    for name, found in positions.items():
        for place in found[:MOST_PLACES]:
            at = f"{name}: window {place['window']}, position {place['t']}: "
            yield from paragraph(f"{at}{place['context']!r}, then {place['next']!r}", indent="    ", first="  ")
        if len(found) > MOST_PLACES:
            yield f"  {name}: and {len(found) - MOST_PLACES} more positions; --json prints all"
    for name, letter in letters.items():
        ((kind, number), *text) = letter.items()
        shown = f" {text[0][1]!r}" if text else ""
        yield from paragraph(f"at {name} = {kind} {number}{shown}", indent="    ", first="  ")
