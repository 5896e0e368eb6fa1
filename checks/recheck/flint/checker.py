"""The second checker's front: from a certificate's text to accepted or rejected."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from .expansion import Expansion
from .facts import check_sum
from .infinities import infinities
from .programs import check_diagram
from .reading import Node, Reader, RefusalError, canonical, ends, exactly, index, is_term, listed, need, parse
from .shannon import check_shannon


@dataclass(frozen=True)
class Accepted:
    """The statement with this SHA-256 follows from what the certificate rests on."""

    kind: str
    rests_on: tuple[str, ...]
    hash: str


@dataclass(frozen=True)
class Rejected:
    """The certificate shows nothing, for this reason; `unread` if that is only that its kind is not read here."""

    reason: str
    unread: bool = False


RESTS_ON = {
    "diagram": "axioms of Markov categories",
    "shannon": "Shannon's inequalities",
    "identity": "sums over finite alphabets",
    "sum": "Jensen's inequality on finite alphabets",
}


def check(text: str, expected: object | None = None) -> Accepted | Rejected:
    """Whether a certificate proves its statement, and this is the expected one (its canonical form), if one is given.

    Never raises on what the text says.
    """
    try:
        return _check(text, expected)
    except RefusalError as refusal:
        return Rejected(str(refusal))
    except (RecursionError, MemoryError, OverflowError):
        return Rejected("too large to check: nested too deeply")


def _check(text: str, expected: object | None) -> Accepted | Rejected:
    data = exactly(parse(text), "kind", "statement", "hash", "rests_on", "steps")
    kind, written = data["kind"], canonical(data["statement"])
    digest = hashlib.sha256(written.encode("ascii")).hexdigest()
    need(data["hash"] == digest, "the hash is not that of the statement")
    need(expected is None or canonical(expected) == written, "the certificate is of another statement")
    need(type(kind) is str and kind in RESTS_ON, f"unknown kind {ascii(kind)[:40]}")
    reader = Reader()
    statement = reader.node(data["statement"], "statement")
    rests_on = [RESTS_ON[kind]] + ["normalisation of softmax"] * (kind in ("identity", "sum") and reader.heads)
    need(listed(data["rests_on"]) == rests_on, "rests_on is not what this kind rests on")
    CHECKS[kind](statement, data["steps"], reader)
    return Accepted(kind, tuple(rests_on), digest)


def check_identity(statement: Node, steps: Any, reader: Reader) -> None:
    """Refuse unless left, right and the expression `normal` have one normal form."""
    relation, fields = statement[1], exactly(steps, "normal", "uses")
    need(relation[0] == "Equal", "an identity certificate is for Equal")
    sides, work = relation[1:], Expansion(statement)
    if is_term(sides[0]):
        ins, outs = (enumerate(names, 1) for names in ends(sides[0]))
        letters = [("Letter", f"@i{k}", x) for k, x in ins], [("Letter", f"@o{k}", x) for k, x in outs]
        sides = tuple(("Entry", side, *letters) for side in sides)
    for side in sides:
        infinities(side)
    for number in listed(fields["uses"]):
        cited = statement[3][index(number, len(statement[3]))]
        constant = cited[0] == "Equal" and cited[1][0] == "Logit" and _constant(cited[2])
        need(constant and cited[1][1][0] == "Direction", "uses a relation that gives no direction a constant logit")
        work.rules[cited[1][1]] = work.expand(cited[2], {})
    left, right, normal = (work.expand(side, {}) for side in (*sides, reader.node(fields["normal"], "expr")))
    need(left == right, "the two sides have different normal forms")
    need(left == normal, "the normal form is not that of the sides")


def _constant(node: Node) -> bool:
    return node[0] in ("Const", "Symbol", "Size") or (node[0] in ("Add", "Mul") and all(map(_constant, node[1])))


CHECKS = {"diagram": check_diagram, "shannon": check_shannon, "identity": check_identity, "sum": check_sum}
