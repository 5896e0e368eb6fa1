"""The report: one HTML file that opens from disk, without network or anything beside it.

Its one script searches, filters and highlights; without it nothing is missing. The same results give the same bytes.
All text of claims and engines is escaped by the template; control characters are written out before that.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import quote

from ..checks.store import certificate_name, file_stem, proofs
from ..evidence_text import MOST_MENDS, instance_tables, proof_lines
from ..results import evidence_text, summary
from ..terminal import clean
from ..theory.claims import Claim
from ..theory.collect import claims_in, modules
from ..theory.programs import normal_form
from ..theory.statements import Statement
from ..theory.terms import Box, Term
from .diagrams import STYLE, diagram
from .graph import graph
from .mathml import mathml

EXPECTED = {True: "", False: "NOT as expected", None: "not decided"}
OTHERS = "Claims"
MARKS = {"proved": "✓", "holds": "≈", "measured": "∿", "conditional": "◐", "refuted": "✗", "undecided": "?"}
MEANINGS = {
    "proved": "true of every instance, with a certificate that two independent checkers accept",
    "holds": "no counterexample among the instances, which are counted",
    "measured": "a quantity on models, with its interval and its control",
    "conditional": "refuted as stated, true under the hypothesis named",
    "refuted": "false at the exact instance shown, the smallest found",
    "undecided": "neither, and why",
}
MOST_LINES = 60
"""How many lines of a proof are shown; the certificate has all."""
MOST_MATH = 12_000
"""A formula of more characters than this is shown as text only."""


def render(results: Sequence[Mapping[str, Any]], claims: Sequence[Claim], version: str) -> str:
    """The report on results as HTML text; `claims` are those that the results are about, in any order."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(folder := Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: clean(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = {claim.id: claim for claim in claims}
    families: dict[str, list[dict[str, Any]]] = {}
    titles = family_titles()
    for result in results:
        entry = _entry(dict(result), known[result["id"]], known)
        families.setdefault(titles.get(result["id"], OTHERS), []).append(entry)
    script = (folder / "page.js").read_text("utf-8").strip()
    return (
        environment.get_template("page.html").render(
            families=families,
            summary=summary(results),
            counts={word: sum(result["verdict"] == word for result in results) for word in MEANINGS},
            meanings=MEANINGS,
            marks=MARKS,
            graph=Markup(graph(families)),
            style=Markup((folder / "page.css").read_text("utf-8") + STYLE),
            script=Markup(script),
            script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
            version=version,
        )
        + "\n"
    )


def family_titles() -> dict[str, str]:
    """The family of each claim of the catalogue: the first line of its law file."""
    return {
        claim.id: (module.__doc__ or module.__name__).strip().splitlines()[0].rstrip(".")
        for module in modules()
        for claim in claims_in(module)
    }


def _entry(result: dict[str, Any], claim: Claim, known: Mapping[str, Claim]) -> dict[str, Any]:
    """What the page shows of one result."""
    under: dict[str, Any] = result.get("under") or {}
    mended = claim.mended if under else None
    neighbour = known.get(claim.neighbour or "")
    fallen = sum(twin["verdict"] == "refuted" for twin in result["twins"])
    return {
        **result,
        "anchor": f"claim-{file_stem(claim.id)}",
        "link": _link(claim),
        "says": claim.says,
        "source": str(claim.source),
        "expected": EXPECTED[result["as_expected"]],
        "record": _flat(result.get("record", {})),
        "shown": _shown(claim.statement),
        "mended": None if mended is None else _shown(mended),
        "neighbour": neighbour and {"id": neighbour.id, "link": _link(neighbour), "says": neighbour.says},
        "evidence_text": evidence_text(result),
        "example": _example(result),
        "normal_forms": _normal_forms(claim.statement) if result["verdict"] in ("refuted", "conditional") else [],
        "mends_shown": [
            f"It holds if {m['hypothesis']}: {m['statement']}" for m in result.get("mends", ())[:MOST_MENDS]
        ],
        "proofs": list(_proofs(claim, result)),
        "engines_told": "; ".join(f"{engine['engine']}: {engine['verdict']}" for engine in result["engines"])
        or "no engine",
        "refusals_told": _refusals(result),
        "files": [
            {"name": name, "link": f"certificates/{quote(name)}"}
            for name in (certificate_name(claim.id, label) for label, _, _ in proofs(claim, result))
        ],
        "twins_told": f"{fallen} of {len(result['twins'])} twins refuted (near-misses that must fall)",
        "twins": [
            {**twin, "statement": str(claim.twin_statements[twin["name"]]), "told": _told(twin)}
            for twin in result["twins"]
        ],
    }


def _link(claim: Claim) -> str:
    return quote(f"claim-{file_stem(claim.id)}")


def _shown(statement: Statement) -> dict[str, Any]:
    """A statement as text, as a formula, and as diagrams where it has some."""
    from markupsafe import Markup

    left, right, about = statement.holds.left, statement.holds.right, statement.about
    sides = [diagram(left), diagram(right)] if isinstance(left, Term) and isinstance(right, Term) else [None]
    drawn = [Markup(side) for side in sides if side]
    math = mathml(statement) if statement.given or not statement.is_diagram else ""
    told = diagram(about) if about is not None and not isinstance(about, Box) else None
    return {
        "text": str(statement),
        "math": Markup(math) if len(math) <= MOST_MATH else None,
        "sides": drawn if len(drawn) == 2 else None,
        "about": told and Markup(told),
    }


def _normal_forms(statement: Statement) -> list[tuple[str, list[str]]]:
    """The normal forms of both sides of an equation of diagrams, where they differ."""
    left, right = statement.holds.left, statement.holds.right
    if not (isinstance(left, Term) and isinstance(right, Term)):
        return []
    forms = [normal_form(left).lines(), normal_form(right).lines()]
    return list(zip(("left", "right"), map(_cut, forms))) if forms[0] != forms[1] else []


def _proofs(claim: Claim, result: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Each certificate in words, under a heading that says what it rests on."""
    for _, statement, certificate in proofs(claim, result):
        if statement is not None:
            kind = "Proof" if statement == claim.statement else "Proof under the hypothesis"
            rests = "; ".join(certificate["rests_on"])
            yield (
                f"{kind} (certificate of kind {certificate['kind']}; rests on {rests})",
                _cut(proof_lines(statement, certificate)),
            )


def _cut(lines: list[str]) -> list[str]:
    more = len(lines) - MOST_LINES
    shown = [*lines[:MOST_LINES], f"... and {more} lines more"] if more > 1 else lines
    return dedent("\n".join(shown)).splitlines()


def _told(twin: Mapping[str, Any]) -> str:
    """What became of a twin, in a line: where it falls and how, or why it stands."""
    example = twin.get("counterexample")
    if example is None:
        return str(twin.get("reason", ""))
    tables = instance_tables(example)
    places = [f"{title}: {'; '.join(' '.join(row) for row in rows)}" for title, _, rows in tables]
    sides = f"left {example['left']}, right {example['right']}" if "left" in example else "the two sides differ"
    return f"{sides} at {', '.join(places) or 'every instance'}"


def _refusals(result: Mapping[str, Any]) -> dict[str, list[str]]:
    """The engines that refused, by their reasons."""
    reasons: dict[str, list[str]] = {}
    for refusal in result["refusals"]:
        reasons.setdefault(refusal["reason"], []).append(refusal["engine"])
    return reasons


def _example(verdict: Mapping[str, Any]) -> dict[str, Any] | None:
    """A counterexample as tables and two sides; None where there is none."""
    example = verdict.get("counterexample")
    if example is None:
        return None
    sides = [
        (side, str(example[side]), str(example.get(f"{side}_decimal", "")))
        for side in ("left", "right")
        if side in example
    ]
    return {"tables": instance_tables(example), "sides": sides, "relation": example.get("relation", "<=")}


def _flat(record: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """A record as names and values; the records of several engines, by name, one after the other."""
    rows: list[tuple[str, str]] = []
    for name, value in record.items():
        rows += _flat(value, f"{before}{name}: ") if isinstance(value, Mapping) else [(before + name, str(value))]
    return rows
