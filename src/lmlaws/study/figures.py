"""Figures as inline SVG: the same data give the same bytes, colours follow the page, text stays text."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

from lmlaws.numerics.curves import Curve

from .record import Panel

INK, FIRST, SECOND, THIRD, GRID = "#010203", "#010204", "#010205", "#010206", "#010207"
COLOURS = {INK: "currentColor", FIRST: "var(--one)", SECOND: "var(--two)", THIRD: "var(--three)", GRID: "var(--line)"}
"""Stand-ins that are drawn with, and what the page's style has for them."""

SETTINGS: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "lmlaws", "font.family": "sans-serif", "font.size": 10, "text.color": INK,
    "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False,
    "axes.spines.right": False, "grid.color": GRID, "grid.linewidth": 0.6, "axes.facecolor": "none",
    "figure.facecolor": "none", "axes.formatter.useoffset": False,
}  # fmt: skip
SIZE, PLOT = (4.6, 2.9), (0.15, 0.17, 0.58, 0.78)
"""Inches, and the place of the axes: names of the lines stand to their right."""


def curve_svg(curve: Curve, anchor: str) -> str:
    """A curve along training: its interval as a band, the exact limit dashed, bound dotted, control thin."""
    with _axes() as (figure, axes):
        names = [(curve.values[-1], "measured", FIRST)]
        axes.plot(curve.steps, curve.values, color=FIRST, marker="o", markersize=3)
        bands = [(step, ends) for step, ends in zip(curve.steps, curve.intervals) if ends is not None]
        if bands:
            low, high = zip(*(ends for _, ends in bands))
            axes.fill_between([step for step, _ in bands], low, high, color=FIRST, alpha=0.2, linewidth=0)
        same = curve.bound is not None and set(curve.bound) == {curve.limit}
        for line, name, style, colour in (
            (None if same else curve.bound, "bound", ":", SECOND), (curve.control, "shuffled", "-.", THIRD),
        ):  # fmt: skip
            if line is not None:
                axes.plot(curve.steps, line, color=colour, linestyle=style, linewidth=1)
                names.append((line[-1], name, colour))
        if curve.limit is not None:
            axes.axhline(curve.limit, color=INK, linestyle="--", linewidth=1)
            names.append((curve.limit, f"exact {_short(curve.limit)}", INK))
        first, last = max(1, curve.steps[1]), curve.steps[-1]
        axes.set_xscale("symlog", linthresh=first, linscale=0.4)
        axes.set_xlim(-0.2 * first, 1.1 * last)
        axes.set_xticks(curve.steps if len(curve.steps) < 6 else (*curve.steps[0:1], *curve.steps[1::2]))
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.minorticks_off()
        axes.set_xlabel("training step")
        axes.set_ylabel(curve.unit or ("alignment" if curve.claim == "L13" else "no unit"))
        _open(axes)
        _name(axes, names)
        return _svg(figure, anchor)


def panel_svg(panel: Panel, anchor: str) -> str:
    """A figure that is no curve of training."""
    with _axes() as (figure, axes):
        names = []
        for line, colour, style in zip(panel.lines, (FIRST, SECOND, THIRD), ("-", "--", "-.")):
            axes.plot(line.x, line.y, color=colour, linestyle=style)
            names.append((line.y[-1], line.name, colour))
        if panel.logarithmic:
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter("{x:.0f}")
            axes.minorticks_off()
        axes.set_xlabel(panel.x)
        axes.set_ylabel(panel.y)
        _name(axes, names)
        return _svg(figure, anchor)


class _axes:  # noqa: N801 (used as a function)
    """A figure with one pair of axes, in this module's settings, without any global state of pyplot."""

    def __enter__(self) -> tuple[Any, Any]:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        self.settings = matplotlib.rc_context(SETTINGS)
        self.settings.__enter__()
        figure = Figure(figsize=SIZE)
        FigureCanvasSVG(figure)
        axes = figure.add_axes(PLOT)
        axes.grid(True, axis="y")
        return figure, axes

    def __exit__(self, *error: object) -> None:
        self.settings.__exit__(None, None, None)


def _open(axes: Any) -> None:
    """Show at least a hundredth, so that rounding errors do not look like a curve."""
    low, high = axes.get_ylim()
    if high - low < 0.01:
        axes.set_ylim((low + high) / 2 - 0.005, (low + high) / 2 + 0.005)


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) > 1e-9 else "0"


def _name(axes: Any, names: Sequence[tuple[float, str, str]]) -> None:
    """Write names right of the axes at the heights of what they name, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    at = sorted((min(max((y - low) / (high - low), 0.0), 1.0), name, colour) for y, name, colour in names)
    apart, placed = 0.09, 0.0
    heights = []
    for i, (y, _, _) in enumerate(at):
        placed = max(y, placed + apart) if i else y
        heights.append(placed)
    over = max(0.0, heights[-1] - 1.0)
    for (_, name, colour), height in zip(at, heights):
        axes.text(
            1.03, height - over, name, transform=axes.transAxes, color=colour, verticalalignment="center", clip_on=False
        )


def _svg(figure: Any, anchor: str) -> str:
    """The figure as an svg element with names of its own, colours by the page's style."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1), count=1
    )
    text = re.sub(r'\b(id="|href="#|url\(#)', rf"\1{anchor}-", text)
    for stand_in, colour in COLOURS.items():
        text = text.replace(stand_in, colour)
    return text.replace("<svg ", '<svg aria-hidden="true" ', 1)
