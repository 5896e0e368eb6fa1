"""The study as one HTML page and as a table of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import lmlaws.report as report
from lmlaws.numerics.curves import Curve
from lmlaws.terminal import clean, table

from .figures import curve_svg, panel_svg
from .record import Interval, Measured, Panel

CONSTANT = ("intrinsic",)
"""Curves that are constant by their definition, and not drawn."""
SAYS = {True: "as it says", False: "NOT as it says", None: "measured"}
ENTROPIES_ON = "grammar"
"""The source whose N5 curves are drawn: laws with zeros, where some must fail."""


def number(value: float | None) -> str:
    """Four digits behind the point, fewer of whole, large and small numbers; nothing for None."""
    if value is None:
        return ""
    if abs(value) < 1e-12:
        return "0"
    if value == round(value) and abs(value) < 1e6:
        return str(round(value))
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1000 else f"{value:.2g}"


def ends(interval: Interval | None) -> str:
    """An interval in brackets."""
    return "" if interval is None else f"[{number(interval[0])}, {number(interval[1])}]"


def lines(found: Sequence[Measured]) -> list[str]:
    """The table of measured claims for a terminal, at most 80 columns."""
    heads = ["claim", "measured", "value", "95% interval", "exact", "control", "null", "so"]
    rows = [
        [
            one.claim, f"{one.on}: {one.name}", number(one.value), ends(one.interval).replace(", ", " "),
            _limits(one), number(one.control), number(one.null.value) + ("" if one.null.holds else " NOT NULL"),
            {True: "yes", False: "NO", None: "-"}[one.agrees],
        ]
        for one in found
    ]  # fmt: skip
    return table(heads, rows, 80)


def _limits(one: Measured) -> str:
    """The exact value, and behind <= and >= the bounds."""
    parts = [number(one.exact)] if one.exact is not None else []
    parts += [f"<={number(one.bound)}"] if one.bound is not None else []
    return " ".join(parts + ([f">={number(one.floor)}"] if one.floor is not None else []))


def render(document: Mapping[str, Any], found: Sequence[Measured], along: Mapping[str, Sequence[Curve]],
           panels: Sequence[Panel]) -> str:  # fmt: skip
    """The page, from what study.json holds."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(report.__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: clean(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = []
    for i, (on, curves) in enumerate(along.items()):
        cards = [
            {**_card(curve.name, curve.claim, _alt(curve)), "svg": Markup(curve_svg(curve, f"s{i}c{j}"))}
            for j, curve in enumerate(curves)
            if curve.reason is None and curve.name not in CONSTANT and (curve.claim != "N5" or on == ENTROPIES_ON)
        ]
        missing = [f"{curve.claim}, {curve.name}: {curve.reason}" for curve in curves if curve.reason is not None]
        sections.append({"on": on, "cards": cards, "missing": missing})
    others = [
        {
            **_card(panel.title, panel.claim, f"{panel.y} against {panel.x}: {_ends_of(panel)}"),
            "svg": Markup(panel_svg(panel, f"p{j}")),
        }
        for j, panel in enumerate(panels)
    ]
    page = environment.get_template("study.html")
    return page.render(rows=list(_rows(found)), sections=sections, others=others, **document) + "\n"


def _bounds(one: Measured) -> str:
    return (
        f">= {number(one.floor)}" if one.floor is not None else "" if one.bound is None else f"<= {number(one.bound)}"
    )


def _card(title: str, claim: str, alt: str) -> dict[str, Any]:
    return {"title": title, "claim": claim, "alt": alt}


def _alt(curve: Curve) -> str:
    """What the figure shows, in words."""
    text = f"from {number(curve.values[0])} at step {curve.steps[0]} to {number(curve.values[-1])} at {curve.steps[-1]}"
    text += f" {curve.unit}" if curve.unit else ""
    text += "" if curve.limit is None else f"; exact limit {number(curve.limit)}"
    text += "" if curve.bound is None else f"; bound at the end {number(curve.bound[-1])}"
    return text + ("" if curve.control is None else f"; shuffled {number(curve.control[-1])}")


def _ends_of(panel: Panel) -> str:
    return "; ".join(f"{line.name} from {number(line.y[0])} to {number(line.y[-1])}" for line in panel.lines)


def _rows(found: Sequence[Measured]) -> Iterator[dict[str, str]]:
    for one in found:
        yield {
            "claim": one.claim, "on": one.on, "name": one.name, "unit": one.unit, "value": number(one.value),
            "interval": ends(one.interval), "exact": number(one.exact), "bound": _bounds(one),
            "control": number(one.control), "says": SAYS[one.agrees], "bad": "bad" if one.agrees is False else "",
            "null": f"{number(one.null.value)} <= {number(one.null.most)}" if one.null.holds else
            f"NOT NULL: {number(one.null.value)} > {number(one.null.most)}",
            "null_bad": "" if one.null.holds else "bad",
            "note": "; ".join([*([one.note] if one.note else []), f"null: {one.null.what}"]),
        }  # fmt: skip
