"""Terms: their types, the names of wires, their programs, and the kind `diagram`."""

from itertools import pairwise
from typing import Any, NamedTuple

from .reading import Refusal, canonical, fields, indices, need, shown

Node = tuple[Any, ...]
Names = tuple[str, ...]
Wires = tuple[int, ...]
_WIRING = {"Id": 1, "Copy": 2, "Discard": 0}
_TERMS = {"Box", "Swap", "Seq", "Par", *_WIRING}


def typed(term: Node) -> tuple[Names, Names]:
    """Input and output type of a term; refused where a Seq does not fit."""
    kind, first = term[:2]
    if kind in ("Box", "Swap"):
        return (term[2], term[3]) if kind == "Box" else (first + term[2], term[2] + first)
    if kind in _WIRING:
        return first, first * _WIRING[kind]
    types = list(map(typed, first))
    if kind == "Par":
        return tuple(x for ins, _ in types for x in ins), tuple(x for _, outs in types for x in outs)
    for (_, made), (wanted, _) in pairwise(types):
        need(made == wanted, "a Seq joins outputs {} to inputs {}", made, wanted)
    return types[0][0], types[-1][1]


def wire_names(objects: Names) -> Names:
    """The names of the wires of a state of this type."""
    count, names = dict.fromkeys(objects, 0), dict[str, None]()
    for x in objects:
        count[x] += 1
        while count[x] > 1 and (f"{x}_{count[x]}" in count or f"{x}_{count[x]}" in names):
            count[x] += 1
        names[x if count[x] == 1 else f"{x}_{count[x]}"] = None
    return tuple(names)


class Program(NamedTuple):
    """A term read left to right: its boxes with the wires they read and make, its outputs, the object of each wire."""

    boxes: list[tuple[Node, Wires, Wires]]
    outputs: Wires
    objects: list[str]


def program(term: Node) -> Program:
    """The program of a term whose types fit."""
    code = Program([], (), list(typed(term)[0]))
    return code._replace(outputs=_run(term, tuple(range(len(code.objects))), code))


def _run(part: Node, wires: Wires, code: Program) -> Wires:
    kind, first = part[:2]
    if kind == "Box":
        start = len(code.objects)
        code.objects.extend(part[3])
        code.boxes.append((part, wires, tuple(range(start, len(code.objects)))))
        return code.boxes[-1][2]
    if kind == "Swap" or kind in _WIRING:
        return wires[len(first) :] + wires[: len(first)] if kind == "Swap" else wires * _WIRING[kind]
    outputs, at = list(wires if kind == "Seq" else ()), 0
    for inner in first:
        width = len(typed(inner)[0])
        made = _run(inner, tuple(outputs) if kind == "Seq" else wires[at : at + width], code)
        outputs, at = [*made] if kind == "Seq" else outputs, at + width
        outputs.extend(made if kind == "Par" else ())
    return tuple(outputs)


def normal_form(term: Node) -> list[Any]:
    """The normal form of a term as JSON data: the boxes and the outputs, as the kind `diagram` writes them."""
    code = program(term)
    source = {wire: (-1, wire) for wire in range(len(typed(term)[0]))}  # the box and port that a wire comes from
    reads, known = list[list[tuple[int, int]]](), dict[object, int]()
    for number, (box, taken, made) in enumerate(code.boxes):
        reads.append([source[wire] for wire in taken])
        earlier = known.setdefault((box, tuple(reads[-1])), number) if box[4] else number
        source.update((wire, (earlier, port)) for port, wire in enumerate(made))
    numbers = {-1: -1}
    outputs = [source[wire] for wire in code.outputs]
    stack = outputs[::-1]
    while stack:
        at, _ = stack.pop()
        if at not in numbers:
            numbers[at] = len(numbers) - 1
            stack.extend(reversed(reads[at]))
    boxes = [[code.boxes[at][0], [[numbers[b], port] for b, port in reads[at]]] for at in numbers if at >= 0]
    return [boxes, [[numbers[b], port] for b, port in outputs]]


def check_diagram(sides: list[Node], given: list[Node], reader: Any, steps: object) -> None:
    """Refuse unless both sides have the normal form stated, or the hypotheses rewrite one into the other."""
    last, goal = (canonical(normal_form(side)) for side in sides)
    if not isinstance(steps, dict) or "rewrites" not in steps:
        if not last == goal == canonical(fields(steps, ("boxes", "outputs"), "steps")):
            raise Refusal("steps is not the normal form of both sides")
        return
    known, (rewrites,) = len(reader.meanings), fields(steps, ("rewrites",), "steps")
    for raw in rewrites if isinstance(rewrites, list) else [None]:
        if not isinstance(raw, list) or len(raw) != 5:
            raise Refusal(f"{shown(raw)} is not a rewrite with its fields")
        (at,) = indices(raw[:1], len(given), "the number of a hypothesis")
        forward, before, idle, after = map(reader.field, raw[1:], ("flag", "term", "type", "term"))
        if given[at][1][0] not in _TERMS:
            raise Refusal(f"hypothesis {at} is no equation of terms")
        facts = given[at][1:] if forward else given[at][:0:-1]
        held, turned = [("Seq", (before, ("Par", (("Id", idle), side)), after)) for side in facts]
        if typed(held) != typed(sides[0]) or canonical(normal_form(held)) != last:
            raise Refusal("a rewrite does not start from what the one before gave")
        last = canonical(normal_form(turned))
    if last != goal or len(reader.meanings) > known:
        raise Refusal("the rewrites do not lead to the right side, or with boxes that the statement has not")
