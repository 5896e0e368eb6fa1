"""Values in notebooks: diagrams as drawings, statements as formulas, verdicts with their evidence, spectra as plots.

Each function makes HTML that needs nothing beside it; all text in it is escaped.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from .evidence_text import MOST_MENDS, instance_tables
from .report import MARKS
from .report.diagrams import STYLE, diagram
from .report.mathml import mathml
from .terminal import clean
from .theory.statements import Statement
from .theory.terms import Term

if TYPE_CHECKING:
    from .checks.exact.kernels import Kernel
    from .checks.verdicts import Verdict

STROKES = f"<style>{STYLE}</style>"
MOST_ROWS = 20
"""How many rows of a table are shown."""


def term(shown: Term) -> str:
    """The term drawn; its text where it is too large to be looked at."""
    drawn = diagram(shown)
    return f"<div>{STROKES}{drawn}</div>" if drawn else _code(repr(shown))


def statement(shown: Statement) -> str:
    """An equation of diagrams drawn on both sides; another statement as a formula."""
    left, right = shown.holds.left, shown.holds.right
    if not (isinstance(left, Term) and isinstance(right, Term)):
        return f"<div>{mathml(shown)}</div>"
    sides = [diagram(side) for side in (left, right)]
    if None in sides:
        return _code(str(shown))
    row = f"{sides[0]}<span>&nbsp;=&nbsp;</span>{sides[1]}"
    given = f"<div>{mathml(shown)}</div>" if shown.given else ""
    return f'<div>{STROKES}<div style="display:flex;align-items:center">{row}</div>{given}</div>'


def verdict(shown: Verdict) -> str:
    """The verdict in a word, by which engine, and its evidence: what a proof rests on, or the counterexample."""
    evidence = shown.evidence()
    head = f"{MARKS[shown.name]} {shown.name}, by {shown.engine} ({shown.seconds:.2f} s)"
    parts = [f"<p><b>{_text(head)}</b></p>"]
    parts += [f"<p>rests on: {_text('; '.join(evidence['rests_on']))}</p>"] if evidence.get("rests_on") else []
    parts += [f"<p>{_text(str(evidence['reason']))}</p>"] if "reason" in evidence else []
    example = evidence.get("counterexample")
    if example:
        parts += [_table(title, heads, rows) for title, heads, rows in instance_tables(example)]
        sides = [[side, str(example[side])] for side in ("left", "right") if side in example]
        parts += [_table("both sides there", ["side", "exactly"], sides)] if sides else []
    parts += [f"<p>It holds if {_text(mend['hypothesis'])}.</p>" for mend in evidence.get("mends", ())[:MOST_MENDS]]
    if not (example or evidence.get("rests_on")) and shown.summary():
        parts.append(f"<p>{_text(shown.summary())}</p>")
    return f"<div>{''.join(parts)}</div>"


def kernel(shown: Kernel) -> str:
    """The rows, exactly."""
    rows = shown.rows()
    letters = [str(i) for i in range(len(rows[0]) if rows else 0)]
    return _table(shown.type, ["", *letters], [[str(i), *map(str, row)] for i, row in enumerate(rows)])


def spectrum(shown: Any) -> str:
    """The eigenvalues on a logarithmic scale, with trace and effective rank."""
    from matplotlib.figure import Figure

    values = [value for value in shown.eigenvalues.tolist() if value > 0]
    figure = Figure(figsize=(5, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.semilogy(range(1, len(values) + 1), values, marker=".", linewidth=0.8)
    axes.set_xlabel("eigenvalue")
    axes.grid(alpha=0.3)
    svg = io.StringIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    rank = shown.effective_rank
    told = f"trace {shown.trace:.4g}; effective rank " + ("undefined" if rank is None else f"{rank:.2f}")
    drawn = svg.getvalue()
    return f"<div>{drawn[drawn.index('<svg') :]}<p>{_text(f'{told} of {len(shown.eigenvalues)}')}</p></div>"


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    shown, more = rows[:MOST_ROWS], len(rows) - MOST_ROWS
    head = "".join(f"<th>{_text(cell)}</th>" for cell in heads)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in shown)
    rest = f"<p>and {more:,} rows more</p>" if more > 0 else ""
    return f"<table><caption>{_text(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _text(text: str) -> str:
    return escape(clean(text))
