"""Terms: their types, the names of wires, their programs, and the kind `diagram`."""

from itertools import pairwise
from typing import Any, NamedTuple

from .reading import Refusal, canonical, fields, shown

Node = tuple[Any, ...]
Names = tuple[str, ...]
Wires = tuple[int, ...]
_WIRING = {"Id": 1, "Copy": 2, "Discard": 0}


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
        if made != wanted:
            raise Refusal(f"a Seq joins outputs {shown(made)} to inputs {shown(wanted)}")
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


def check_diagram(sides: list[Node], steps: object) -> None:
    """Refuse unless both sides have the normal form that the certificate states."""
    written = canonical(fields(steps, ("boxes", "outputs"), "steps"))
    if any(canonical(normal_form(term)) != written for term in sides):
        raise Refusal("steps is not the normal form of both sides")
