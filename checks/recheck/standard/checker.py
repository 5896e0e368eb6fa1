"""The checker: a text in, Accepted or Rejected out. It never raises on what the text says."""

import hashlib
from dataclasses import dataclass

from .identity import check_identity
from .printing import statement as printed
from .processing import check_processing
from .programs import check_diagram
from .reading import Refusal, canonical, fields, need, parse
from .shannon import check_shannon
from .statement import TERMS, Reader
from .sums import check_sum

_FIELDS = ("kind", "statement", "hash", "rests_on", "steps")
_RESTS_ON = {"diagram": "axioms of Markov categories", "shannon": "Shannon's inequalities"}
_RESTS_ON |= {"identity": "sums over finite alphabets", "sum": "Jensen's inequality on finite alphabets"}
_RESTS_ON |= {"processing": "definitions of divergences"}


@dataclass(frozen=True)
class Accepted:
    """The certificate proves `statement_text`, whose canonical text has the SHA-256 `hash`."""

    statement_text: str
    kind: str
    rests_on: tuple[str, ...]
    hash: str


@dataclass(frozen=True)
class Rejected:
    """The certificate proves nothing, for this reason."""

    reason: str


def check(text: str, expected: object | None = None) -> Accepted | Rejected:
    """Check a certificate.

    text: the JSON text of the certificate, however malformed. expected: canonical data (lists, strings, true, false,
    null) of the statement that must be the one proved; None accepts any statement.
    """
    try:
        return _check(text, expected)
    except Refusal as refusal:
        return Rejected(str(refusal))


def _check(text: str, expected: object | None) -> Accepted:
    kind, raw, digest, rests_on, steps = fields(parse(text), _FIELDS, "the certificate")
    need(isinstance(kind, str) and kind in _RESTS_ON, "unknown kind {}", kind)
    need(digest == hashlib.sha256(canonical(raw).encode("ascii")).hexdigest(), "the hash is not that of the statement")
    same = expected is None or canonical(raw) == canonical(expected)
    need(same, "the certificate is about another statement")
    reader = Reader()
    statement = reader.statement(raw)
    needed = [_RESTS_ON[kind]] + ["normalisation of softmax"] * (kind in ("identity", "sum") and statement.heads)
    needed += ["copy lemma"] * (kind == "shannon" and isinstance(steps, dict) and "copies" in steps)
    needed += check_processing(statement, reader, steps) if kind == "processing" else []
    need(rests_on == needed, "rests_on is {}; it must be " + str(needed), rests_on)
    relation, *sides = statement.holds
    terms = sides[0][0] in TERMS
    wanted = {"identity": relation == "Equal", "diagram": terms, "sum": relation == "LessEq"}
    need(wanted.get(kind, True), "kind {} does not prove a relation of this kind", kind)
    if kind == "diagram":
        check_diagram(sides, statement.given, reader, steps)
    elif kind == "shannon":
        check_shannon(statement, steps)
    elif kind == "sum":
        check_sum(statement, reader, steps)
    elif kind == "identity":
        check_identity(statement, reader, terms, steps)
    return Accepted(printed(statement), kind, tuple(needed), digest)
