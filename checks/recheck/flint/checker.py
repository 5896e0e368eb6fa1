"""The second checker's front: from a certificate's text to accepted or rejected."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .expansion import Expansion
from .infinities import infinities
from .links import check_sum
from .processing import check_processing
from .programs import check_diagram
from .reading import Node, Reader, RefusalError, canonical, ends, exactly, is_term, listed, need, parse
from .shannon import check_shannon


@dataclass(frozen=True)
class Accepted:
    """The statement with this SHA-256 follows from what the certificate rests on."""

    kind: str
    rests_on: tuple[str, ...]
    hash: str


@dataclass(frozen=True)
class Rejected:
    """The certificate shows nothing, for this reason."""

    reason: str


def check(text: str, expected: object | None = None) -> Accepted | Rejected:
    """Whether a certificate proves its statement, and this is the expected one (its canonical form), if one is given.

    Never raises on what the text says.
    """
    try:
        data = exactly(parse(text), "kind", "statement", "hash", "rests_on", "steps")
        kind, written = data["kind"], canonical(data["statement"])
        digest = hashlib.sha256(written.encode("ascii")).hexdigest()
        need(data["hash"] == digest, "the hash is not that of the statement")
        need(expected is None or canonical(expected) == written, "the certificate is of another statement")
        need(type(kind) is str and kind in KINDS, f"unknown kind {ascii(kind)[:40]}")
        reader, (rests, show) = Reader(), KINDS[kind]
        statement = reader.node(data["statement"], "statement")
        rests_on = [rests] + ["normalisation of softmax"] * (kind in ("identity", "sum") and reader.heads)
        rests_on += show(statement, data["steps"], reader) or []
        need(listed(data["rests_on"]) == rests_on, "rests_on is not what this certificate rests on")
        return Accepted(kind, tuple(rests_on), digest)
    except RefusalError as refusal:
        return Rejected(str(refusal))
    except (RecursionError, MemoryError, OverflowError):
        return Rejected("too large to check: nested too deeply")


def check_identity(statement: Node, steps: Any, reader: Reader) -> None:
    """Refuse unless left, right and the expression `normal` have one normal form."""
    relation, fields = statement[1], exactly(steps, "normal", "uses")
    need(relation[0] == "Equal", "an identity certificate is for Equal")
    sides, work = relation[1:], Expansion(statement)
    work.unfolded |= reader.axes
    if is_term(sides[0]):
        ins, outs = (enumerate(names, 1) for names in ends(sides[0]))
        letters = [("Letter", f"@i{k}", x) for k, x in ins], [("Letter", f"@o{k}", x) for k, x in outs]
        sides = tuple(("Entry", side, *letters) for side in sides)
    for side in sides:
        infinities(side)
    work.use(fields["uses"])
    left, right, normal = (work.expand(side, {}) for side in (*sides, reader.node(fields["normal"], "expr")))
    need(left == right, "the two sides have different normal forms")
    need(left == normal, "the normal form is not that of the sides")


KINDS: dict[str, tuple[str, Callable[[Node, Any, Reader], list[str] | None]]] = {
    "diagram": ("axioms of Markov categories", check_diagram),
    "shannon": ("Shannon's inequalities", check_shannon),
    "identity": ("sums over finite alphabets", check_identity),
    "processing": ("definitions of divergences", check_processing),
    "sum": ("Jensen's inequality on finite alphabets", check_sum),
}
"""Of each kind what it rests on, and what refuses unless the steps show the statement, and may add to that."""
