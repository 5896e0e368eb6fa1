"""The report: one HTML file that opens from disk, without scripts, network or anything beside it.

The same results give the same bytes. All text of claims and engines is escaped by the template; control characters
are written out before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..checks.store import certificate_name, file_stem, proofs
from ..evidence_text import instance_tables, proof_lines
from ..results import evidence_text, summary
from ..terminal import clean
from ..theory.claims import Claim
from ..theory.collect import claims_in, modules

EXPECTED = {True: "as expected", False: "NOT as expected", None: "not decided"}
OTHERS = "Claims"


def render(results: Sequence[Mapping[str, Any]], claims: Sequence[Claim], version: str) -> str:
    """The report on results as HTML text; `claims` are those that the results are about, in any order."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
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
        families.setdefault(titles.get(result["id"], OTHERS), []).append(_entry(dict(result), known[result["id"]]))
    page = environment.get_template("page.html")
    return page.render(families=families, summary=summary(results), version=version) + "\n"


def family_titles() -> dict[str, str]:
    """The family of each claim of the catalogue: the first line of its law file."""
    return {
        claim.id: (module.__doc__ or module.__name__).strip().splitlines()[0].rstrip(".")
        for module in modules()
        for claim in claims_in(module)
    }


def _entry(result: dict[str, Any], claim: Claim) -> dict[str, Any]:
    """What the page shows of one result."""
    under: dict[str, Any] = result.get("under") or {}
    proved, mended = result.get("certificate"), claim.mended if under else None
    return {
        **result,
        "anchor": f"claim-{file_stem(claim.id)}",
        "link": quote(f"claim-{file_stem(claim.id)}"),
        "says": claim.says,
        "source": str(claim.source),
        "expected": EXPECTED[result["as_expected"]],
        "record": _flat(result.get("record", {})),
        "mended": None if mended is None else str(mended),
        "evidence_text": evidence_text(result),
        "example": _example(result),
        "proof": proof_lines(claim.statement, proved) if proved else [],
        "mended_proof": proof_lines(mended, under["certificate"]) if mended and "certificate" in under else [],
        "files": [
            {"name": name, "link": f"certificates/{quote(name)}"}
            for name in (certificate_name(claim.id, label) for label, _, _ in proofs(claim, result))
        ],
        "twins": [
            {**twin, "statement": str(claim.twin_statements[twin["name"]]), "example": _example(twin)}
            for twin in result["twins"]
        ],
    }


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
