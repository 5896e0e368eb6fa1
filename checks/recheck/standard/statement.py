"""Statements: the node table of the format, read with types into nested tuples.

A node is a tuple, its class first; NUMs become fractions. Nothing is evaluated here.
"""

from typing import Any, NamedTuple

from .programs import Node, typed, wire_names
from .reading import Refusal, need, rational, shown

_TABLE = """Box name type type flag text; Id type; Copy type; Discard type; Swap type type; Seq term+; Par term+;
Const num; Symbol name; Add expr+; Mul expr+; Pow expr num; Log expr; Exp expr; Abs expr; Sum binder expr;
Entry term letter* letter*; Logit vector letter; LogPartition hidden; Softmax hidden letter;
Element array letter*; Coordinate vector letter; Embedding head letter letter; Bias head letter;
Derivative expr point direction; Rank expr direction direction; Dimension head; Size name; Entropy wires wires;
Information wires+ wires; DivergenceOf name term term term?; Equal side side; LessEq expr expr;
Letter name name; Head name name; Point name head; Direction name head; Points name head name;
At points letter; Array name type; Link expr part*; Part binder* expr fact; Compare num* num* expr expr row*;
Merge binder* expr expr row*; Schwarz binder* expr expr row*; Jensen num* num* binder* expr expr row*;
Chord expr expr row*; Square expr; Exponential expr expr link*; Product index*; Linear num num num; Apart num;
Gap num num num num; Power num num; Ratio num num num num num; Over num num num num; Logarithm num num num num"""
FIELDS = {row.split()[0]: row.split()[1:] for row in _TABLE.split(";")}
TERMS, _EXPRS = list(FIELDS)[:7], list(FIELDS)[7:31]
_SORTS = {kind.lower(): [kind] for kind in list(FIELDS)[33:42]}
_SORTS |= {"relation": ["Equal", "LessEq"], "term": TERMS, "expr": _EXPRS, "side": _EXPRS + TERMS}
_SORTS |= {"hidden": ["Point", "At"], "vector": ["Point", "At", "Direction"], "binder": ["Letter"]}
_SORTS |= {"fact": list(FIELDS)[-15:-7], "row": list(FIELDS)[-7:]}


_PLAIN = {"flag": bool, "index": int, "name": str, "text": str}


class Statement(NamedTuple):
    """A well-typed statement; free[0] are the free letters of `holds`, the others those of `given`, boxes typed.

    `unfolded` are the heads of which a coordinate or a bias is mentioned.
    """

    holds: Node
    about: Node | None
    given: list[Node]
    free: list[set[Node]]
    boxes: dict[str, Any]
    heads: bool
    unfolded: set[Node]


class Reader:
    """Reads nodes; one reader a certificate, so that a name keeps its meaning throughout."""

    def __init__(self) -> None:
        self.meanings: dict[tuple[str, str], Any] = {}
        self.scope: list[Node] = []
        self.free: set[Node] = set()
        self.heads: set[Node] = set()
        self.wires: tuple[str, ...] = ()

    def statement(self, raw: Any) -> Statement:
        """Read a whole statement."""
        good = isinstance(raw, list) and len(raw) == 4 and raw[0] == "Statement" and isinstance(raw[3], list)
        need(good, 'the statement is not ["Statement", relation, about, [relation, ...]]')
        about = None if raw[2] is None else self.node(raw[2], "term")
        ins, outs = ((), ()) if about is None else typed(about)
        self.wires = wire_names(outs)
        need(not ins, "about has inputs; it must be a state")
        relations, free = [], []
        for item in [raw[1], *raw[3]]:
            self.free = set()
            node = self.node(item, "relation")
            types = [typed(side) if side[0] in TERMS else None for side in node[1:]]
            need(
                types[0] == types[1], "a relation between a term and an expression, or between terms of different types"
            )
            relations.append(node)
            free.append(self.free)
        boxes = {name: meaning for (what, name), meaning in self.meanings.items() if what == "box"}
        return Statement(
            relations[0], about, relations[1:], free, boxes, any(x == "head" for x, _ in self.meanings), {*self.heads}
        )

    def node(self, raw: Any, sort: str) -> Node:
        """Read one node of the given sort."""
        kind = raw[0] if isinstance(raw, list) and raw and isinstance(raw[0], str) else ""
        need(kind in _SORTS[sort] and len(raw) == 1 + len(FIELDS[kind]), f"{{}} is not a {sort} with its fields", raw)
        depth, parts = len(self.scope), raw[:1]
        for value, part in zip(raw[1:], FIELDS[kind], strict=True):
            parts.append(self.field(value, part))
            self.scope += parts[-1:] if part == "binder" else parts[-1] if part == "binder*" else []
        del self.scope[depth:]
        if sort != "binder" and (fault := self.fault(tuple(parts))):
            raise Refusal(fault)
        return tuple(parts)

    def field(self, raw: Any, kind: str) -> Any:
        """Read one field."""
        if kind in _SORTS or kind == "term?":
            return None if raw is None and kind == "term?" else self.node(raw, kind.rstrip("?"))
        if kind == "num":
            return rational(raw)
        if type(raw) is _PLAIN.get(kind) and (raw != "" or kind == "text"):
            return raw
        if kind in ("type", "wires") and isinstance(raw, list) and all(isinstance(x, str) and x for x in raw):
            return tuple(raw)
        if (kind[-1] == "*" or (kind[-1] == "+" and raw)) and isinstance(raw, list):
            return tuple([self.field(item, kind[:-1]) for item in raw])
        raise Refusal(f"{shown(raw)} is not a {kind}")

    def fault(self, node: Node) -> str:
        """What is wrong with a node beyond its fields, or nothing."""
        kind, first, *_ = node
        if kind in ("Box", "Head", "Point", "Points", "Direction", "Array", "Letter"):
            bound = [letter for letter in self.scope if letter[1] == first] if kind == "Letter" else []
            if kind == "Letter" and not bound:
                self.free.add(node)
            meaning = bound[-1][2:] if bound else self.meanings.setdefault((kind.lower(), first), node[2:5])
            return f"the {kind} {shown(first)} stands for two different things" if meaning != node[2:5] else ""
        if kind in ("Logit", "Softmax", "Coordinate", "Embedding", "Bias", "Element", "At"):
            if kind in ("Coordinate", "Embedding", "Bias"):
                self.heads.add(head_of(first) if kind == "Coordinate" else first)
            wrong = [x[1] for x, over in _letters(node) if x[2] != over]
            return f"the letter {shown(wrong[0])} is not over the alphabet of its place" if wrong else ""
        if kind == "Entry" and typed(first) != tuple(tuple(x[2] for x in letters) for letters in node[2:]):
            return f"an entry's letters do not fit its term, of type {shown(typed(first))}"
        if kind == "Derivative" and node[2][2] != node[3][2]:
            return f"a derivative at {shown(node[2][1])} along a direction of another head"
        if kind in ("Entropy", "Information"):
            groups = first if kind == "Information" else (first, ())
            unknown = [name for group in (*groups, node[2]) for name in group if name not in self.wires]
            if not self.wires or unknown or len(groups) < 2:
                return f"{kind} without about, or of one group only, or about has no wire {shown(unknown)}"
        if kind == "DivergenceOf":
            ins, outs = typed(node[2])
            if typed(node[3]) != (ins, outs) or (node[4] and typed(node[4])) != (((), ins) if ins else None):
                return "a divergence of terms of different types, or not averaged over exactly their inputs"
        return ""


def head_of(vector: Node) -> Node:
    """The head in whose space a vector lies."""
    head: Node = vector[1][2] if vector[0] == "At" else vector[2]
    return head


def _letters(node: Node) -> list[tuple[Node, str]]:
    """The letters of a node, each with the object that it must be of."""
    kind, first, *rest = node
    if kind == "At":
        return [(rest[0], first[3])]
    if kind == "Element":
        need(len(rest[0]) == len(first[2]), f"{len(rest[0])} letters for the array {shown(first[1])}")
        return list(zip(rest[0], first[2], strict=True))
    head = first if kind in ("Embedding", "Bias") else head_of(first)
    places = {"Embedding": (head[2], f"axes({head[1]})"), "Coordinate": (f"axes({head[1]})",)}
    return list(zip(rest, places.get(kind, (head[2],)), strict=True))
