"""Certificates as text, and statements as nested tuples whose shape and types have been verified."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

from flint import fmpq

BYTES, DEPTH, NODES = 4 * 2**20, 400, 60_000
LARGE = "too large to check: "
Node = tuple[Any, ...]
Type = tuple[str, ...]


class RefusalError(Exception):
    """Why a certificate is not accepted."""


def need(condition: object, reason: str) -> None:
    """Raise RefusalError with the reason unless the condition holds."""
    if not condition:
        raise RefusalError(reason)


# ---------------------------------------------------------------- JSON


def parse(text: str) -> Any:
    """The JSON value of a certificate's text.

    Every number in it is read by `index` or compared with a small one, which leaves no place for a float or a NaN.
    """
    need(len(text) <= BYTES and len(text.encode("utf-8", "surrogatepass")) <= BYTES, LARGE + "more than 4 MiB")
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except ValueError as error:  # of JSON, or of a numeral too long for Python
        raise RefusalError(f"not JSON: {error}") from None
    level = [value]
    for _ in range(DEPTH):
        inside = (node.values() if isinstance(node, dict) else node for node in level if isinstance(node, list | dict))
        level = [part for parts in inside for part in parts]
    need(not any(isinstance(node, list | dict) for node in level), f"{LARGE}nested deeper than {DEPTH}")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    need(len(found) == len(pairs), "an object has a key twice")
    return found


def canonical(data: object) -> str:
    """The canonical text: no spaces, ASCII only."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=True)


def exactly(data: Any, *fields: str) -> dict[str, Any]:
    """The object, if it has these fields and no other."""
    need(type(data) is dict and set(data) == set(fields), f"expected an object with the fields {', '.join(fields)}")
    return dict(data)


def listed(data: Any, length: int | None = None) -> list[Any]:
    """The list, if it is one, of this length."""
    need(type(data) is list and length in (None, len(data)), f"expected a list of length {length or 'any'}")
    return list(data)


def index(data: Any, below: int) -> int:
    """The number, if it is one and within the range."""
    need(type(data) is int and 0 <= data < below, "a number is out of its range")
    return int(data)


def rational(data: Any) -> Any:
    """The fmpq that a NUM writes: an integer or a fraction in lowest terms."""
    good = type(data) is str and re.fullmatch("-?[0-9]{1,1000}(/[1-9][0-9]{0,999})?", data)
    need(
        good and str(fmpq(data)) == data, "expected a rational in lowest terms, of at most 1000 digits above and below"
    )
    return fmpq(data)


# ---------------------------------------------------------------- nodes

_SHAPES = """
statement Statement relation term? relation* / relation Equal term|expr term|expr / relation LessEq expr expr /
term Box str str* str* bool role / term Id str* / term Copy str* / term Discard str* / term Swap str* str* /
term Seq term+ / term Par term+ / letter Letter str str / head Head str str / point Point str head /
direction Direction str head / points Points str head str / at At points letter / array Array str str* /
expr Const num / expr Symbol str / expr Size str / expr Dimension head / expr Add expr* / expr Mul expr* /
expr Pow expr num / expr Log expr / expr Exp expr / expr Abs expr / expr Sum letter expr /
expr Entry term letter* letter* / expr Logit point|at|direction letter / expr Softmax point|at letter /
expr LogPartition point|at / expr Element array letter* / expr Coordinate point|at|direction letter /
expr Embedding head letter letter / expr Bias head letter / expr Derivative expr point direction /
expr Rank expr direction direction /
expr Entropy str* str* / expr Information str** str* / expr DivergenceOf str term term term? /
link Link expr part* / part Part letter* expr fact / fact Compare num* num* expr expr row* /
fact Merge letter* expr expr row* / fact Schwarz letter* expr expr row* / row Linear num num num / row Apart num /
fact Jensen num* num* letter* expr expr row* / fact Chord expr expr row* / fact Square expr /
fact Exponential expr expr link* / fact Product number* / row Over num num num num / row Logarithm num num num num /
row Power num num / row Gap num num num num / row Ratio num num num num num /
law process str term term term term? / law relabel str term term term term? / law average str term term term term? /
law chain term term term term term? / law tensor str term term term term term? / law swap str term term term? /
law same str term term? / law nonneg str term term term? / law one /
law given str term term term? number number term str* term
"""
SHAPES = {words[1]: (words[0], *words[2:]) for line in _SHAPES.split(" /") for words in [line.split()]}
"""Of each class its sort, and the sorts of its fields, with ? for null, * for a list, + for one that isn't empty."""


class Budget:
    """Counts the work that is done."""

    def __init__(self, work: int) -> None:
        self.left = work

    def spend(self, amount: int) -> None:
        """Raise RefusalError when all the work allowed is done."""
        self.left -= amount
        need(self.left >= 0, LARGE + "too many steps")


class Reader(Budget):
    """Reads nodes from JSON; one box, head, family or array of a name has one meaning throughout."""

    def __init__(self) -> None:
        super().__init__(NODES)
        self.named: dict[Node, Node] = {}
        self.axes = set[Node]()
        self.heads = False

    def node(self, data: Any, sort: str) -> Node:
        """The node of this sort as a tuple: its class, then its fields. Raises RefusalError naming the class."""
        self.spend(1)
        need(type(data) is list and data and type(data[0]) is str and data[0] in SHAPES, f"expected a node: {sort}")
        tag, codes = data[0], SHAPES[data[0]]
        need(codes[0] in sort.split("|") and len(data) == len(codes), f"{tag} does not stand here as {sort}")
        node = (tag, *(self.field(part, code) for part, code in zip(data[1:], codes[1:], strict=True)))
        self.heads |= tag == "Head"
        if tag in ("Coordinate", "Embedding", "Bias"):
            self.axes.add(head(node[1]))
        if tag in ("Box", "Head", "Points", "Array"):
            need(self.named.setdefault(node[:2], node) == node, f"the {tag} {node[1]!a} has two types")
        need(codes[0] == "term" or fits(node), f"the parts of {tag} do not fit together")
        return node

    def field(self, data: Any, code: str) -> Any:
        """One field, by its code in SHAPES."""
        if code[-1] == "?":
            return None if data is None else self.field(data, code[:-1])
        if code[-1] in "*+":
            need(type(data) is list and (data or code[-1] == "*"), f"expected a list: {code}")
            self.spend(len(data))
            return tuple(self.field(part, code[:-1]) for part in data)
        if code in ("str", "role", "bool"):
            need(type(data) is (bool if code == "bool" else str) and (data or code != "str"), f"expected {code}")
            return data
        if code in ("num", "number"):
            return rational(data) if code == "num" else index(data, NODES)
        return self.node(data, code)


def fits(node: Node) -> bool:
    """Whether the parts of a node that is no term have types that fit together."""
    tag = node[0]
    if tag == "Statement":
        return node[2] is None or ends(node[2])[0] == ()
    if tag == "Equal":
        terms = [ends(side) for side in node[1:] if is_term(side)]
        return not terms or (len(terms) == 2 and terms[0] == terms[1])
    if tag == "Entry":
        return ends(node[1]) == tuple(tuple(x[2] for x in letters) for letters in node[2:])
    if tag == "Element":
        return bool(node[1][2] == tuple(x[2] for x in node[2]))
    if tag in ("Logit", "Softmax", "At", "Coordinate", "Embedding", "Bias"):
        _, name, tokens = head(node[1])
        axes = f"axes({name})"
        over = {"At": node[1][-1:], "Coordinate": (axes,), "Embedding": (tokens, axes)}.get(tag, (tokens,))
        return bool(over == tuple(x[2] for x in node[2:]))
    if tag in ("Derivative", "Rank"):
        return bool(node[2][2] == node[3][2])
    if tag == "DivergenceOf":
        ins, outs = ends(node[2])
        over = ends(node[4]) if node[4] else None
        return ends(node[3]) == (ins, outs) and over == (((), ins) if ins else None)
    return tag != "Information" or len(node[1]) >= 2


def head(vector: Node) -> Any:
    """The head in whose space a vector or a family of these lies, or itself."""
    return vector if vector[0] == "Head" else head(vector[1]) if vector[0] == "At" else vector[2]


def size(node: Any) -> int:
    """The number of parts of a node."""
    return 1 + sum(map(size, node)) if isinstance(node, tuple) else 1


def is_term(node: Node) -> bool:
    """Whether a node is a term."""
    return SHAPES[node[0]][0] == "term"


def ends(term: Node) -> tuple[Type, Type]:
    """The types of the inputs and outputs of a term. Raises RefusalError where parts do not fit."""
    tag, first = term[0], term[1]
    if tag == "Box":
        return term[2], term[3]
    if tag in ("Seq", "Par"):
        parts = [ends(part) for part in first]
        need(tag == "Par" or all(a[1] == b[0] for a, b in pairwise(parts)), "parts of a Seq do not fit together")
        chosen = parts if tag == "Par" else [(parts[0][0], parts[-1][1])]
        return tuple(x for ins, _ in chosen for x in ins), tuple(x for _, outs in chosen for x in outs)
    if tag == "Swap":
        return first + term[2], term[2] + first
    return first, first * {"Id": 1, "Copy": 2, "Discard": 0}[tag]
