"""Kind `processing`: a chain of laws of divergences, from one combination of them to another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flint import fmpq

from .divergences import bounded
from .generators import BITS, add_to
from .programs import Program, contexts, normal_form
from .reading import LARGE, Node, Reader, canonical, ends, exactly, fits, listed, need, rational

Form = dict[Any, Any]
"""Coefficients of atoms, each the text of its name and normal forms, and of None for the constant."""
Atoms = list[tuple[Node, Node, Node | None]]
EXCHANGED = {name: name for name in ("TV", "hellinger2", "triangular", "JS", "renyi:1/2")}
EXCHANGED |= {"KL": "reverse_KL", "reverse_KL": "KL"}
RESTS_ON = {
    "data processing of divergences": {"process"},
    "chain rule of divergences": {"average", "chain"},
    "additivity of divergences": {"tensor"},
}


def then(*terms: Node | None) -> Node:
    """The composite of terms, some of which may be absent."""
    return "Seq", tuple(term for term in terms if term)


def graph(before: Node, term: Node) -> Node:
    """A composite that returns what stands between as well."""
    between = ends(term)[0]
    return then(before, ("Copy", between), par(("Id", between), term))


def par(*terms: Node) -> Node:
    """Terms side by side."""
    return "Par", terms


def shares(over: Node | None, left: Node, right: Node) -> tuple[Node, Node]:
    """What a state is on the inputs of two terms side by side."""
    some, others = ends(left)[0], ends(right)[0]
    return then(over, par(("Id", some), ("Discard", others))), then(over, par(("Discard", some), ("Id", others)))


LAWS: dict[str, Callable[..., tuple[Atoms, Atoms]]] = {
    "process": lambda f, g, w, r: ([(then(f, w), then(g, w), r)], [(f, g, r)]),
    "relabel": lambda h, f, g, r: ([(then(h, f), then(h, g), r)], [(f, g, then(r, h))]),
    "average": lambda h, f, g, r: ([(graph(h, f), graph(h, g), r)], [(f, g, then(r, h))]),
    "chain": lambda p, q, s, t, r: ([(graph(p, s), graph(q, t), r)], [(p, q, r), (s, t, then(r, p))]),
    "tensor": lambda p, q, s, t, r: ([(par(p, s), par(q, t), r)], [*zip((p, s), (q, t), shares(r, p, s), strict=True)]),
    "swap": lambda f, g, r: ([(f, g, r)], [(g, f, r)]),
    "same": lambda f, r: ([(f, f, r)], []),
    "nonneg": lambda f, g, r: ([], [(f, g, r)]),
}
"""Of each fact what stands below and above, as left, right and the state averaged over."""


def atom(name: str, left: Node, right: Node, over: Node | None) -> Form:
    """A divergence as a form. Raises RefusalError where there is none, or types do not fit."""
    bounded(name)
    need(fits(("DivergenceOf", name, left, right, over)), "the terms of a divergence have types that do not fit")
    return {canonical([name, *(term and normal_form(term) for term in (left, right, over))]): fmpq(1)}


def law(node: Node, statement: Node, reader: Reader) -> tuple[Form, Form]:
    """The two forms of a fact."""
    tag, *parts = node
    if tag == "one":
        return {}, {None: fmpq(1)}
    if tag == "given":
        name, *terms, slot, number, before, beside, after = parts
        start, end = contexts(statement, reader, number, before, beside, after)
        need(slot < 3 and terms[slot] and ends(start) == ends(terms[slot]), "there is no such term to rewrite")
        need(normal_form(start) == normal_form(terms[slot]), "what is rewritten is another term")
        return atom(name, *terms), atom(name, *(end if k == slot else term for k, term in enumerate(terms)))
    name, *terms = ("KL", *parts) if tag == "chain" else parts
    renyi, opposite = name.startswith("renyi:"), name
    need(tag != "average" or not renyi, "a Renyi divergence is no average")
    need(tag != "tensor" or renyi or name in ("KL", "reverse_KL"), f"{name[:40]!a} is not additive")
    if tag == "relabel":
        need(all(box[4] for box, _, _ in Program(terms[0]).boxes), "what relabels is not deterministic")
    if tag == "swap":
        opposite = f"alpha:{1 - rational(name[6:])}" if name.startswith("alpha:") else EXCHANGED.get(name, "")
    below, above = LAWS[tag](*terms)
    strict, forms = [*below, *above][0], list[Form]()
    for atoms, kind in ((below, name), (above, opposite)):
        forms.append({})
        for left, right, over in atoms:  # other averages than the first are left out where there are no inputs
            averaged = left is strict[0] or ends(left)[0]
            add_to(forms[-1], atom(kind, left, right, over if averaged else None))
    return forms[0], forms[1]


def terms(node: Node, factor: Any) -> Iterator[tuple[Any, Form, bool]]:
    """The terms of a multiple of an expression: a rational, an atom or the constant, whether this is never infinite."""
    tag, first = node[0], node[1]
    if tag == "Add":
        for part in first:
            yield from terms(part, factor)
    elif tag == "DivergenceOf":
        yield factor, atom(*node[1:]), bounded(first)
    else:
        parts, moving = [node], list[Node]()
        for part in parts:
            parts += part[1] if part[0] == "Mul" else ()
            factor *= part[1] if part[0] == "Const" else 1
            moving += [part] if part[0] in ("Add", "DivergenceOf") else []
            need(part in moving or part[0] in ("Mul", "Const"), f"{part[0]} has no linear form")
            need(len(moving) < 2 and factor.height_bits() <= BITS, LARGE + "a product of divergences, or of numbers")
        yield from terms(moving[0], factor) if moving else [(factor, {None: fmpq(1)}, True)]


def check_processing(statement: Node, steps: Any, reader: Reader) -> list[str]:
    """Refuse unless links lead from the left side to the right one, for Equal also back. Returns what else is used."""
    (relation, *sides), boxes, used = statement[1], len(reader.named), list[Node]()
    lower, upper = forms = dict[Any, Any](), dict[Any, Any]()
    for k, side in enumerate(sides):
        for factor, form, finite in terms(side, fmpq(1)):
            need(factor >= 0 or finite, "what may be infinite is subtracted")
            add_to(forms[k if factor > 0 else 1 - k], form, abs(factor))
    ways = {"<=": (lower, upper)} | ({">=": (upper, lower)} if relation == "Equal" else {})
    fields = exactly(steps, *ways)
    for field, (start, goal) in ways.items():
        now = dict(start)
        for link in listed(fields[field]):
            number, forward, fact = listed(link, 3)
            reader.spend(20)
            used.append(reader.node(fact, "law"))
            need(len(reader.named) == boxes, "a link brings a box that the statement has not")
            below, above = law(used[-1], statement, reader)
            one_way = used[-1][0] in ("process", "nonneg", "one")
            need(reader.field(forward, "bool") or not one_way, "a link is against its fact")
            need(rational(number) > 0, "a link has a factor that is not positive")
            for form, factor in ((below, -1), (above, 1)) if forward else ((above, -1), (below, 1)):
                add_to(now, form, factor * rational(number))
                need(all(now.get(key, 0) >= 0 for key in form), "a link takes more than there is")
        need(now == goal, "the links do not lead to the other side")
    if relation == "LessEq" and len(used) == 1 and used[0][0] == "process":
        plain = all(term[0] == "Box" for term in used[0][2:5])
        need(not plain or used[0][4][4], "data processing is proved by itself")
    return [text for text, tags in RESTS_ON.items() if any(fact[0] in tags for fact in used)]
