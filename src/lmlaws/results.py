"""Results of a run as text: the table of an audit, what was not as expected, and the exit code they add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .checks.store import certificate_name
from .exits import DONE, NO, OPEN
from .terminal import paragraph, table
from .theory.claims import Claim

Results = Sequence[Mapping[str, Any]]


def exit_code(results: Results) -> int:
    """0 when all are as expected, 1 when some are not, 2 when none is unexpected but some are undecided."""
    expected = [result["as_expected"] for result in results]
    return NO if False in expected else OPEN if None in expected else DONE


def result_table(results: Results, claims: Mapping[str, Claim], *, files: bool) -> list[str]:
    """A row a claim. With `files`, proofs are shown by the names of their certificates."""
    rows = [
        (
            result["id"],
            str(claims[result["id"]].source),
            result["verdict"] + _mark(result),
            ", ".join(engine["engine"] for engine in result["engines"]) or "none",
            evidence_text(result, files=files),
        )
        for result in results
    ]
    return table(("claim", "source", "verdict", "engines", "evidence"), rows)


def _mark(result: Mapping[str, Any]) -> str:
    return " (UNEXPECTED)" if result["as_expected"] is False else ""


def evidence_text(result: Mapping[str, Any], *, files: bool = False) -> str:
    """The evidence of a result in a few words, its twins included."""
    twins = result["twins"]
    text = _evidence(result["id"], result, files=files)
    if twins:
        fallen = sum(twin["verdict"] == "refuted" for twin in twins)
        text += f"; {fallen} of {len(twins)} twins refuted"
    return text


def _evidence(claim_id: str, verdict: Mapping[str, Any], *, files: bool, label: str = "") -> str:
    kind = verdict["verdict"]
    if kind == "proved":
        return certificate_name(claim_id, label) if files else f"certificate ({verdict['certificate']['kind']})"
    if kind == "holds":
        return f"{verdict['instances']:,} instances"
    if kind == "refuted":
        return _sides(verdict["counterexample"])
    if kind == "conditional":
        under = _evidence(claim_id, verdict["under"], files=files, label="mended")
        text = f"{_sides(verdict['counterexample'])}; if {verdict['hypothesis']}:"
        return f"{text} {verdict['under']['verdict']}, {under}"
    return f"{verdict['reason'][:100]}" if kind == "undecided" else "record"


def _sides(example: Mapping[str, Any]) -> str:
    """Both sides at a counterexample, if they are short enough for a table."""
    if "left" not in example:
        return "counterexample"
    exact, about = ([str(example.get(side + kind, "")) for side in ("left", "right")] for kind in ("", "_decimal"))
    return " against ".join(exact if sum(map(len, exact)) <= 50 or not all(about) else about)


def findings(results: Results, claims: Mapping[str, Claim], replay: str) -> list[str]:
    """What was not as expected and what was not decided, with the reason and the command that tries it again."""
    lines: list[str] = []
    for result in results:
        if result["as_expected"]:
            continue
        word = "undecided" if result["as_expected"] is None else "NOT as expected"
        lines += paragraph(f"{result['id']} is {word}: {'; '.join(why(result, claims[result['id']]))}", first="")
        lines += paragraph(f"again: {replay.format(id=result['id'])}")
    return lines


def why(result: Mapping[str, Any], claim: Claim) -> list[str]:
    """The reasons for which a result is not as expected, or not decided."""
    reasons = []
    if result["verdict"] == "undecided":
        reasons.append(result["reason"])
    elif result["as_expected"] is False:
        reasons.append(f"{result['verdict']}, where its author says {claim.expects}")
    reasons += [f"its twin {t['name']!r} is {t['verdict']}" for t in result["twins"] if t["verdict"] != "refuted"]
    return reasons


def summary(results: Results) -> str:
    """One line: how many claims, how many of each verdict, how many as expected."""
    counts: dict[str, int] = {}
    for result in results:
        counts[result["verdict"]] = counts.get(result["verdict"], 0) + 1
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    expected = sum(result["as_expected"] is True for result in results)
    return f"{len(results)} claims: {verdicts}; {expected} of {len(results)} as expected"
