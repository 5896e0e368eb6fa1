"""The graph of claims as SVG: marks by family in the form of their verdicts, lines to what proofs rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..terminal import clean

STEP, ROW, COLUMNS, EDGE = 15.0, 17.0, 32, 12.0
FOUNDATIONS = EDGE + COLUMNS * STEP + 150
"""Where the column of what proofs rest on begins."""
WIDTH = FOUNDATIONS + 330
SHAPES = {
    "proved": '<circle class="node" r="5"/>',
    "holds": '<circle class="node" r="4.4"/>',
    "measured": '<rect class="node" x="-4.5" y="-4.5" width="9" height="9"/>',
    "conditional": '<path class="node" d="M0 -6L6 0L0 6L-6 0Z"/>',
    "refuted": '<path class="node" d="M-4.5 -4.5L4.5 4.5M-4.5 4.5L4.5 -4.5" stroke-linecap="round"/>',
    "undecided": '<rect class="node" x="-4.2" y="-4.2" width="8.4" height="8.4"/>',
}
Entry = Mapping[str, Any]


def graph(families: Mapping[str, Sequence[Entry]]) -> str:
    """The SVG element; empty where no claim rests on anything or stands beside another."""
    places, labels, height = _places(families)
    entries = [entry for group in families.values() for entry in group]
    rests = list(dict.fromkeys(name for entry in entries for name in rests_on(entry)))
    beside = [(entry["id"], entry["neighbour"]["id"]) for entry in entries if entry["neighbour"]]
    if not rests and not beside:
        return ""
    gap = max(ROW * 1.4, (height - 2 * ROW) / max(len(rests), 1))
    ends = {name: (FOUNDATIONS, ROW * 1.5 + gap * (i + 0.5)) for i, name in enumerate(rests)}
    lines = [
        _line(entry["id"], places[entry["id"]], "#" + name, ends[name]) for entry in entries for name in rests_on(entry)
    ]
    lines += [
        _line(one, places[one], other, places[other], ' class="beside"') for one, other in beside if other in places
    ]
    marks = [_mark(entry, *places[entry["id"]]) for entry in entries]
    words = [_foundation(name, *end) for name, end in ends.items()]
    height = max(height, ROW * 1.5 + gap * len(rests) + ROW)
    size = f'viewBox="0 0 {WIDTH:g} {height:g}" width="{WIDTH:g}" height="{height:g}"'
    label = "Claims and what their proofs rest on"
    inside = "".join((*lines, *labels, *marks, *words))
    return f'<svg class="claims" role="group" aria-label="{label}" {size}>{inside}</svg>'


def rests_on(entry: Entry) -> Sequence[str]:
    """What a claim's proof rests on, or that of its mended form."""
    found: Sequence[str] = entry["rests_on"] or entry.get("under", {}).get("rests_on", ())
    return found


def _places(families: Mapping[str, Sequence[Entry]]) -> tuple[dict[str, tuple[float, float]], list[str], float]:
    """The place of each claim, the families' names as text, and the height of all."""
    places: dict[str, tuple[float, float]] = {}
    labels, y = [], ROW
    for title, entries in families.items():
        labels.append(f'<text class="family" x="{EDGE - 6:g}" y="{y:g}">{escape(clean(title))}</text>')
        for i, entry in enumerate(entries):
            places[entry["id"]] = EDGE + STEP * (i % COLUMNS), y + ROW * (0.8 + i // COLUMNS)
        y += ROW * (2.2 + (len(entries) - 1) // COLUMNS)
    return places, labels, y


def _line(one: str, start: tuple[float, float], other: str, end: tuple[float, float], more: str = "") -> str:
    (x1, y1), (x2, y2) = start, end
    ends = f'data-from="{_attribute(one)}" data-to="{_attribute(other)}"'
    return f'<line{more} {ends} x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def _mark(entry: Entry, x: float, y: float) -> str:
    verdict, name = entry["verdict"], f"{entry['id']}: {entry['verdict']}. {entry['says']}"
    link = f'href="#{entry["link"]}" data-node="{_attribute(entry["id"])}" transform="translate({x:g} {y:g})"'
    return f'<a class="{verdict}" {link}><title>{escape(clean(name))}</title>{SHAPES[verdict]}</a>'


def _foundation(name: str, x: float, y: float) -> str:
    text = f'<text x="{x + 6:g}" y="{y + 4:g}">{escape(clean(name))}</text>'
    return f'<a data-node="{_attribute("#" + name)}" tabindex="0">{text}</a>'


def _attribute(text: str) -> str:
    return escape(clean(text))
