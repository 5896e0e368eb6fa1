"""String diagrams as SVG, drawn from the term itself, left to right.

Wires are lines, kernels boxes, copying a dot from which two lines go on, discarding a ground. A box that is declared
deterministic has a second line on its left. The same term gives the same text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from ..terminal import clean
from ..theory.printing import show_term
from ..theory.terms import Box, Copy, Discard, Id, Par, Seq, Swap, Term, Type, show_type

STEP = 26.0
"""The distance of two wires."""
LETTER = 7.8
"""The width of a letter in a box's name, at the size that the page gives it."""
GAP = 18.0
"""The room for wires between two parts of a sequence."""
STYLE = """svg.diagram path, svg.diagram rect { fill: none; stroke: currentColor; stroke-width: 1.3; }
svg.diagram circle { fill: currentColor; }
svg.diagram text { font: 13px ui-monospace, monospace; fill: currentColor; }"""
"""What a page that shows diagrams needs in its style sheet."""
MOST = 400
"""Terms with more parts than this are not drawn: nobody would see anything."""


@dataclass(frozen=True)
class Drawing:
    """A part: its size, the heights at which wires come in and go out, and its shapes, from its upper left corner."""

    width: float
    height: float
    ins: tuple[float, ...]
    outs: tuple[float, ...]
    shapes: tuple[str, ...]

    def moved(self, x: float, y: float) -> str:
        """The shapes as one group with its corner at a place."""
        return f'<g transform="translate({_number(x)} {_number(y)})">{"".join(self.shapes)}</g>' if self.shapes else ""


def diagram(term: Term) -> str | None:
    """The term as an SVG element, its wires named at both ends; None where it is too large to be looked at."""
    if sum(1 for _ in _parts(term)) > MOST:
        return None
    drawn = _draw(term)
    if drawn.width < GAP or not drawn.height:  # nothing but wires, or nothing at all
        drawn = _sequence(
            [Drawing(0, STEP, (), (), ()), Drawing(0, STEP, (), (), ())] if not drawn.height else [drawn, drawn]
        )
    left, right = (
        max((LETTER * len(clean(part.name)) + 8 for part in kind), default=4.0) for kind in (term.dom, term.cod)
    )
    names = [
        _text(x, y + 4, part.name, anchor)
        for kind, ends, x, anchor in (
            (term.dom, drawn.ins, left - 4, "end"),
            (term.cod, drawn.outs, left + drawn.width + 4, "start"),
        )
        for part, y in zip(kind, ends)
    ]
    width, height = left + drawn.width + right, drawn.height
    return (
        f'<svg class="diagram" role="img" aria-label="{escape(clean(show_term(term)))}" '
        f'viewBox="0 0 {_number(width)} {_number(height)}" width="{_number(width)}" height="{_number(height)}">'
        f"{drawn.moved(left, 0)}{''.join(names)}</svg>"
    )


def _parts(term: Term) -> Iterator[Term]:
    stack = [term]
    while stack:
        part = stack.pop()
        yield part
        stack.extend(part.parts if isinstance(part, Seq | Par) else ())


def _draw(term: Term) -> Drawing:
    if isinstance(term, Box):
        return _box(term)
    if isinstance(term, Seq):
        return _sequence([_draw(part) for part in term.parts])
    if isinstance(term, Par):
        return _side_by_side([_draw(part) for part in term.parts])
    if isinstance(term, Id):
        return Drawing(0, STEP * len(term.kind), _ends(len(term.kind)), _ends(len(term.kind)), ())
    if isinstance(term, Copy):
        return _copy(term.kind)
    if isinstance(term, Discard):
        return _discard(term.kind)
    if isinstance(term, Swap):
        return _swap(len(term.left), len(term.right))
    raise TypeError(f"not a term: {term!r}")


def _ends(count: int, height: float | None = None) -> tuple[float, ...]:
    """Heights of so many wires, spread over a height."""
    room = STEP if height is None else height / max(count, 1)
    return tuple(room * (i + 0.5) for i in range(count))


def _box(box: Box) -> Drawing:
    name = clean(box.name)
    height = STEP * max(len(box.inputs), len(box.outputs), 1)
    width = max(LETTER * len(name) + 16, 26.0)
    ins, outs, edge = _ends(len(box.inputs), height), _ends(len(box.outputs), height), 6.0
    kind = f"{'deterministic ' if box.deterministic else ''}{name}: {show_type(box.inputs)} -> {show_type(box.outputs)}"
    body = f'<rect x="{edge}" y="3" width="{_number(width)}" height="{_number(height - 6)}" rx="2"/>'
    if box.deterministic:
        body += _line(edge + 3.5, 3, edge + 3.5, height - 3)
    shapes = [_line(0, y, edge, y) for y in ins] + [_line(edge + width, y, 2 * edge + width, y) for y in outs]
    label = _text(edge + width / 2, height / 2 + 4, name, "middle")
    return Drawing(
        width + 2 * edge, height, ins, outs, (*shapes, f"<g><title>{escape(clean(kind))}</title>{body}{label}</g>")
    )


def _copy(kind: Type) -> Drawing:
    count, width = len(kind), 30.0
    height = STEP * max(2 * count, 1)
    ins, outs = _ends(count, height), _ends(2 * count, height)
    shapes = []
    for i, y in enumerate(ins):
        shapes += [_line(0, y, 10, y), _curve(10, y, width, outs[i]), _curve(10, y, width, outs[count + i])]
        shapes.append(f'<circle cx="10" cy="{_number(y)}" r="3.4"/>')
    return Drawing(width, height, ins, outs, tuple(shapes))


def _discard(kind: Type) -> Drawing:
    ins = _ends(len(kind))
    shapes = []
    for y in ins:
        shapes.append(_line(0, y, 10, y))
        shapes += [_line(10 + 4 * i, y - 8 + 2.5 * i, 10 + 4 * i, y + 8 - 2.5 * i) for i in range(3)]
    return Drawing(20, STEP * max(len(kind), 1), ins, (), tuple(shapes))


def _swap(left: int, right: int) -> Drawing:
    ends, width = _ends(left + right), 34.0
    after = [*range(right, right + left), *range(right)]
    shapes = tuple(_curve(0, ends[i], width, ends[to]) for i, to in enumerate(after))
    return Drawing(width, STEP * max(left + right, 1), ends, ends, shapes)


def _side_by_side(parts: Sequence[Drawing]) -> Drawing:
    width, y = max(part.width for part in parts), 0.0
    ins: list[float] = []
    outs: list[float] = []
    shapes: list[str] = []
    for part in parts:
        x = (width - part.width) / 2
        shapes.append(part.moved(x, y))
        shapes += [_line(0, y + end, x, y + end) for end in part.ins if x]
        shapes += [_line(x + part.width, y + end, width, y + end) for end in part.outs if x]
        ins += [y + end for end in part.ins]
        outs += [y + end for end in part.outs]
        y += part.height
    return Drawing(width, y, tuple(ins), tuple(outs), tuple(shapes))


def _sequence(parts: Sequence[Drawing]) -> Drawing:
    height, x = max(part.height for part in parts), 0.0
    tops = [(height - part.height) / 2 for part in parts]
    shapes = []
    places = []
    for i, (part, top) in enumerate(zip(parts, tops)):
        places.append(x)
        shapes.append(part.moved(x, top))
        x += part.width + (GAP if i + 1 < len(parts) else 0)
    for (one, top, begin), (other, below, end) in pairwise(zip(parts, tops, places)):
        shapes += [_curve(begin + one.width, top + out, end, below + come) for out, come in zip(one.outs, other.ins)]
    first, last = parts[0], parts[-1]
    ins, outs = tuple(tops[0] + end for end in first.ins), tuple(tops[-1] + end for end in last.outs)
    return Drawing(x, height, ins, outs, tuple(shapes))


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{_number(x1)} {_number(y1)}L{_number(x2)} {_number(y2)}"/>'


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    if y1 == y2:
        return _line(x1, y1, x2, y2)
    middle = (x1 + x2) / 2
    ends = (middle, y1, middle, y2, x2, y2)
    return f'<path d="M{_number(x1)} {_number(y1)}C{" ".join(map(_number, ends))}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}">{escape(clean(text))}</text>'


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
