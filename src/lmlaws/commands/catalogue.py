"""`lmlaws list` and `lmlaws explain`: what is claimed, and what became of it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from ..checks.judge import exact_engines
from ..evidence_text import counterexample_lines, mend_lines, normal_form_lines, proof_lines
from ..exits import DONE, Reading
from ..results import evidence_text
from ..terminal import paragraph, program, say, table
from ..theory.claims import Claim
from ..theory.collect import catalogue
from ..theory.statements import Statement


def list_claims(*, as_json: bool) -> int:
    """The catalogue, a line or a JSON object a claim."""
    claims = catalogue()
    if as_json:
        say(*(json.dumps(_object(claim)) for claim in claims))
        return DONE
    rows = [(claim.id, claim.says, str(claim.source), claim.expects) for claim in claims]
    say(*table(("claim", "says", "source", "expected"), rows), "")
    say(f"{len(claims)} claims. `lmlaws explain ID` tells more; `lmlaws audit --only ID` judges one.")
    return DONE


def _object(claim: Claim) -> dict[str, Any]:
    return {
        "id": claim.id,
        "says": claim.says,
        "statement": str(claim.statement),
        "hash": claim.statement.hash,
        "source": {"work": claim.source.work, "where": claim.source.where},
        "expects": claim.expects,
        "mend": claim.mend.hypothesis if claim.mend else None,
        "twins": list(claim.twin_statements),
    }


def explain(claim: Claim, out: Path) -> None:
    """All there is to know of one claim: as stated, guarded, read by engines, and judged in the last audit."""
    say(*paragraph(f"{claim.id}: {claim.says}", first=""), *paragraph(f"source: {claim.source}"), "")
    say("statement", *paragraph(str(claim.statement)), *paragraph(f"hash {claim.statement.hash}"), "")
    if claim.mend is not None and claim.mended is not None:
        say(*paragraph(f"if {claim.mend.hypothesis}", first=""), *paragraph(str(claim.mended)), "")
    if claim.neighbour:
        say(f"its true neighbour is {claim.neighbour}: lmlaws explain {shlex.quote(claim.neighbour)}", "")
    say(*_guards(claim), "", "exact engines", *_engines(claim.statement), "", *_judged(claim, out), "")


def _guards(claim: Claim) -> list[str]:
    lines = [f"guards (its author expects: {claim.expects})"]
    if claim.worked is not None:
        lines += paragraph(f"worked by hand: the left side is {claim.worked.value} at {dict(claim.worked.instance)}")
    if claim.tight is not None:
        lines += paragraph(f"tight at {dict(claim.tight)}")
    for name, twin in claim.twin_statements.items():
        lines += paragraph(f"twin that must be refuted, {name}: {twin}", indent="    ", first="  ")
    for guard in claim.missing_guards():
        lines += paragraph(f"missing: {guard}")
    return lines


def _engines(statement: Statement) -> list[str]:
    rows = [(engine.name, engine.accepts(statement) or "reads it") for engine in exact_engines()]
    return ["  " + line for line in table((), rows, 78)]


def _judged(claim: Claim, out: Path) -> list[str]:
    """The claim's result in the last audit, if that judged the statement as it stands."""
    again = f"{program()} audit --only {shlex.quote(claim.id)}"
    path = out / "results.json"
    if not path.exists():
        return [f"not judged yet: {again}"]
    with Reading(str(path)):
        results = json.loads(path.read_text("utf-8"))["results"]
        found = [r for r in results if (r["id"], r["hash"]) == (claim.id, claim.statement.hash)]
        return _result(claim, found[0], path) if found else [f"not in {path}: {again}"]


def _result(claim: Claim, result: dict[str, Any], path: Path) -> list[str]:
    expected = {True: "as expected", False: "NOT as expected", None: "undecided"}[result["as_expected"]]
    lines = paragraph(f"verdict in {path}: {result['verdict']}, {expected}", first="")
    lines += paragraph(f"evidence: {evidence_text(result)}")
    lines += paragraph(f"rests on: {', '.join(result['rests_on']) or 'no proof'}")
    if result["verdict"] == "proved":
        lines += ["", *proof_lines(claim.statement, result["certificate"])]
    if "counterexample" in result:
        lines += ["", *counterexample_lines(result["counterexample"])]
        lines += [*normal_form_lines(claim.statement), *mend_lines(result.get("mends", ()))]
    under = result.get("under", {})
    if under.get("verdict") == "proved" and claim.mended is not None:
        rests_on = ", ".join(under["rests_on"])
        lines += ["", *paragraph(f"proved if {result['hypothesis']}; that rests on: {rests_on}")]
        lines += proof_lines(claim.mended, under["certificate"])
    rows = [(e["engine"], e["verdict"], e["evidence"]) for e in result["engines"]]
    rows += [(f"twin: {twin['name']}", twin["verdict"], f"by {twin['engine']}") for twin in result["twins"]]
    return [*lines, "", *("  " + line for line in table(("engine or twin", "verdict", "evidence"), rows, 78))]
