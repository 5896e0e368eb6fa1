"""The kind `processing`: combinations of divergences, compared by a chain of laws of divergences.

A form maps atoms, and None for the constant 1, to coefficients > 0, so that its value is in [0, +inf]; an atom is its
name and the text of its normal forms. A fact is two forms, the second at least the first, or equal to it.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from .algebra import ONE
from .expansion import DIVERGENCES
from .programs import Node, normal_form, program, typed
from .reading import Refusal, bounded, canonical, combined, fields, indices, need, rational
from .statement import TERMS, Reader, Statement

Atom = tuple[str, str] | None
Form = dict[Atom, Fraction]
_TABLE = """process name term term term term?, relabel name term term term term?, average name term term term term?,
chain term term term term term?, tensor name term term term term term?, swap name term term term?, same name term term?,
nonneg name term term term?, one, given name term term term? raw raw term type term"""
FACTS = {kind: parts for kind, *parts in map(str.split, _TABLE.split(","))}
LAWS = {"process": "data processing", "average": "chain rule", "chain": "chain rule", "tensor": "additivity"}


def check_processing(statement: Statement, reader: Reader, steps: object) -> list[str]:
    """The laws used; a refusal unless the links lead from the lower form to the upper one, for Equal also back."""
    relation, *sides = statement.holds
    parts: tuple[list[tuple[Form, int]], ...] = ([], [])
    for at, side in enumerate(sides):
        for key, value in terms(side, ONE):
            need(value >= 0 or finite(key), "a negative multiple of what may be infinite")
            parts[at if value >= 0 else 1 - at].append(({key: abs(value)}, 1))
    lower, upper = map(combined, parts)
    known, used = len(reader.meanings), set[str]()
    chains = fields(steps, ("<=",) if relation == "LessEq" else ("<=", ">="), "steps")
    for chain, form, goal in zip(chains, (lower, upper), (upper, lower)):
        for raw in chain if isinstance(chain, list) else [chain]:
            need(isinstance(raw, list) and len(raw) == 3, "{} is not a link with its fields", raw)
            times, forward = rational(raw[0]), reader.field(raw[1], "flag")
            kind, values = read(raw[2], reader)
            cited = kind == "process" and all(term[0] == "Box" for term in values[1:4]) and not values[3][4]
            alone = cited and relation == "LessEq" and len(chain) == 1
            backward = not forward and kind in ("process", "nonneg", "one")
            need(not (alone or backward or times <= 0), "a link that cites the statement, or goes the wrong way")
            old, new = fact(kind, values, statement.given)[:: 1 if forward else -1]
            form = combined([(form, 1), (old, -times)])
            need(min(form.values(), default=0) >= 0, "a link takes away more than there is")
            form, used = combined([(form, 1), (new, times)]), used | {kind}
        need(form == goal, "the links do not lead from side to side")
    need(len(reader.meanings) == known, "the links have boxes that the statement has not")
    laws = dict.fromkeys(law for kind, law in LAWS.items() if kind in used)
    return [f"{law} of divergences" for law in laws]


def terms(node: Node, times: Fraction) -> Iterator[tuple[Atom, Fraction]]:
    """The terms of a side: multiples of atoms and of 1."""
    kind, first = node[:2]
    if kind == "Const":
        yield None, bounded(times * first)
    elif kind == "DivergenceOf":
        yield next(iter(atom(*node[1:]))), times
    elif kind == "Add":
        for part in first:
            yield from terms(part, times)
    else:
        rest = [factor for factor in first if factor[0] != "Const"] if kind == "Mul" else [node, node]
        need(len(rest) < 2, "kind 'processing' does not read {} here", kind)
        for factor in first:
            times = bounded(times * factor[1]) if factor[0] == "Const" else times
        yield from terms(rest[0] if rest else ("Const", ONE), times)


def family(name: str) -> tuple[str, Fraction | None]:
    """The family of a divergence, and its order where it has a finite one."""
    head, colon, text = name.partition(":")
    order = rational(text) if colon and name != "renyi:inf" else None
    need(head in ("renyi", "alpha") if colon else name in DIVERGENCES, "unknown divergence {}", name)
    need(head == "alpha" or order is None or order >= 0, "{} has a negative order", name)
    return head, order


def finite(key: Atom) -> bool:
    """Whether an atom is never infinite."""
    head, order = family(key[0]) if key else ("TV", None)
    return head in ("TV", "hellinger2", "triangular", "JS") or (head == "alpha" and order is not None and 0 < order < 1)


def swapped(name: str) -> str:
    """The name of the divergence with its two sides exchanged."""
    head, order = family(name)
    if head == "alpha" and order is not None:
        return f"alpha:{1 - order}"
    need(finite((name, "")) or name in ("KL", "reverse_KL", "renyi:1/2"), "{} is not symmetric", name)
    return {"KL": "reverse_KL", "reverse_KL": "KL"}.get(name, name)


def atom(name: str, f: Node, g: Node, r: Node | None) -> Form:
    """One divergence."""
    (ins, outs), _ = typed(f), family(name)
    fits = typed(g) == (ins, outs) and (typed(r) if r else None) == (((), ins) if ins else None)
    need(fits, "a divergence of terms of different types, or not averaged over exactly their inputs")
    return {(name, canonical([normal_form(term) for term in (f, g, r) if term])): ONE}


def seq(*parts: Node) -> Node:
    """Terms in sequence."""
    return ("Seq", parts)


def par(*parts: Node) -> Node:
    """Terms side by side."""
    return ("Par", parts)


def joined(h: Node, f: Node) -> Node:
    """What h makes, beside what f makes of it."""
    made = typed(f)[0]
    return seq(h, ("Copy", made), par(("Id", made), f))


def then(r: Node | None, h: Node, f: Node) -> Node | None:
    """The state over which f is averaged, after h; none where f has no inputs."""
    return (seq(r, h) if r else h) if typed(f)[0] else None


def read(raw: Any, reader: Reader) -> tuple[str, list[Any]]:
    """The kind of a fact, and its fields."""
    kind, *values = raw if isinstance(raw, list) and raw and isinstance(raw[0], str) else [""]
    parts = FACTS.get(kind)
    if parts is None or len(parts) != len(values):
        raise Refusal("a fact of unknown kind, or not with its fields")
    return kind, [v if part == "raw" else reader.field(v, part) for v, part in zip(values, parts, strict=True)]


def fact(kind: str, values: list[Any], given: list[Node]) -> tuple[Form, Form]:
    """The two sides of a fact."""
    match kind, *values:
        case "process", name, f, g, w, r:
            return atom(name, seq(f, w), seq(g, w), r), atom(name, f, g, r)
        case "relabel", name, h, f, g, r:
            need(all(box[4] for box, *_ in program(h).boxes), "a relabelling that is not deterministic")
            return atom(name, seq(h, f), seq(h, g), r), atom(name, f, g, then(r, h, f))
        case "average", name, h, f, g, r:
            need(family(name)[0] != "renyi", "{} is no sum over letters", name)
            return atom(name, joined(h, f), joined(h, g), r), atom(name, f, g, then(r, h, f))
        case "chain", p, q, k, l, r:
            above = [atom("KL", p, q, r), atom("KL", k, l, then(r, p, k))]
            return atom("KL", joined(p, k), joined(q, l), r), combined((form, 1) for form in above)
        case "tensor", name, p, q, s, t, r:
            need(family(name)[0] in ("KL", "reverse_KL", "renyi"), "{} does not add up", name)
            below, a, c = atom(name, par(p, s), par(q, t), r), typed(p)[0], typed(s)[0]
            first, second = par(("Id", a), ("Discard", c)), par(("Discard", a), ("Id", c))
            above = [atom(name, p, q, then(r, first, p)), atom(name, s, t, then(r, second, s))]
            return below, combined((form, 1) for form in above)
        case "swap", name, f, g, r:
            return atom(name, f, g, r), atom(swapped(name), g, f, r)
        case "same", name, f, r:
            return atom(name, f, f, r), {}
        case "nonneg", name, f, g, r:
            return {}, atom(name, f, g, r)
        case "given", name, f, g, r, slot, number, before, idle, after:
            (place,), (at,) = indices([slot], 3, "the slot"), indices([number], len(given), "the hypothesis")
            here = (f, g, r)[place]
            need(given[at][1][0] in TERMS and here, "hypothesis {} is no equation of terms, or the slot is empty", at)
            old, new = (seq(before, par(("Id", idle), side), after) for side in given[at][1:])
            need(canonical(normal_form(old)) == canonical(normal_form(here)), "the hypothesis is not in the slot")
            f, g, r = (new if i == place else term for i, term in enumerate((f, g, r)))
            return atom(name, *values[1:4]), atom(name, f, g, r)
    return {}, {None: ONE}
