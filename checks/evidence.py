"""Evidence as JSON: certificates bound to the hash of their statement (docs/certificates.md)."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from lmlaws.theory.statements import Statement

RESTS_ON = {
    "diagram": ("axioms of Markov categories",),
    "shannon": ("Shannon's inequalities",),
    "identity": ("sums over finite alphabets",),
    "sum": ("Jensen's inequality on finite alphabets",),
    "processing": ("definitions of divergences",),
}
LAWS = {
    "process": "data processing of divergences",
    "average": "chain rule of divergences",
    "chain": "chain rule of divergences",
    "tensor": "additivity of divergences",
}
"""What the facts of the kind `processing` rest on beside the definitions."""


def certificate(kind: str, statement: Statement, steps: dict[str, Any]) -> dict[str, Any]:
    """The certificate of a statement: its canonical form, its hash, what the proof rests on, and the steps."""
    rests_on = list(RESTS_ON[kind])
    if kind in ("identity", "sum") and statement.heads:
        rests_on.append("normalisation of softmax")
    if kind == "shannon" and "copies" in steps:
        rests_on.append("copy lemma")
    if kind == "processing":
        used = {fact[0] for links in steps.values() for *_, fact in links}
        rests_on += dict.fromkeys(law for fact, law in LAWS.items() if fact in used)
    return {
        "kind": kind,
        "statement": statement.canonical,
        "hash": statement.hash,
        "rests_on": rests_on,
        "steps": steps,
    }


def dumps(data: Any) -> str:
    """The text of a piece of evidence: deterministic, ASCII, a line for each top-level field."""
    if not isinstance(data, dict):
        return json.dumps(data, ensure_ascii=True)
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=True)}" for key, value in data.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that it is either the old one or the new one, whole. Raises OSError naming the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as problem:
        Path(temporary).unlink(missing_ok=True)
        raise OSError(problem.errno, f"cannot write: {problem.strerror}", str(path)) from problem
