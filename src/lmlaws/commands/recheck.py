"""`lmlaws recheck`: certificates through the independent checker, by themselves or against a statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..checks.recheck import Accepted, check
from ..exits import DATA, DONE, NO
from ..terminal import clean, note, paragraph, say
from ..theory.statements import Statement

MOST_BYTES = 4 * 2**20
"""Longer certificates are rejected unread (docs/certificates.md)."""


def recheck(paths: Sequence[Path], wanted: Sequence[Statement]) -> int:
    """Check each file; with wanted statements, it must prove one of them. The worst outcome gives the exit code."""
    return max((_recheck(path, wanted) for path in paths), default=DONE)


def _recheck(path: Path, wanted: Sequence[Statement]) -> int:
    try:
        if path.stat().st_size > MOST_BYTES:
            return _rejected(path, "a certificate has at most 4 MiB")
        text = path.read_text("utf-8")
    except OSError as problem:
        note(f"lmlaws: {clean(str(path))}: {problem.strerror}")
        return DATA
    except UnicodeDecodeError as problem:
        note(f"lmlaws: {clean(str(path))}: not text in UTF-8: {problem.reason} at byte {problem.start}")
        return DATA
    reasons = []
    for form in _forms(wanted):
        outcome = check(text, form)
        if isinstance(outcome, Accepted):
            say(f"accepted  {clean(str(path))}", *paragraph(f"proves: {outcome.statement_text}"))
            say(*paragraph(f"rests on: {', '.join(outcome.rests_on)}"))
            return DONE
        reasons.append(outcome.reason)
    if not _is_json(text):
        note(f"lmlaws: {clean(str(path))}: not JSON: {clean(reasons[0])}")
        return DATA
    return _rejected(path, reasons[0])


def _forms(wanted: Sequence[Statement]) -> list[Any]:
    return [statement.canonical for statement in wanted] or [None]


def _rejected(path: Path, reason: str) -> int:
    say(f"rejected  {clean(str(path))}", *paragraph(reason))
    return NO


def _is_json(text: str) -> bool:
    """Whether a rejected text is JSON at all; one that Python's reader gives up on for its size counts as such."""
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    except (ValueError, RecursionError):
        return True
    return True
