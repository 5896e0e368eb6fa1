"""`lmlaws recheck`: certificates through both independent checkers, by themselves or against a statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..checks.recheck import Accepted, Answer, answers, check
from ..exits import DATA, DONE, NO
from ..terminal import clean, note, paragraph, say
from ..theory.statements import Statement

MOST_BYTES = 4 * 2**20
"""Longer certificates are rejected unread (docs/certificates.md)."""


def recheck(paths: Sequence[Path], wanted: Sequence[Statement]) -> int:
    """Check each file by both checkers; with wanted statements, it must prove one of them. The worst outcome counts."""
    return max((_recheck(path, wanted) for path in paths), default=DONE)


def _recheck(path: Path, wanted: Sequence[Statement]) -> int:
    try:
        if path.stat().st_size > MOST_BYTES:
            return _rejected(path, *paragraph("a certificate has at most 4 MiB"))
        text = path.read_text("utf-8")
    except OSError as problem:
        note(f"lmlaws: {clean(str(path))}: {problem.strerror}")
        return DATA
    except UnicodeDecodeError as problem:
        note(f"lmlaws: {clean(str(path))}: not text in UTF-8: {problem.reason} at byte {problem.start}")
        return DATA
    failures = []
    for form in _forms(wanted):
        said, first = answers(text, form), check(text, form)
        if isinstance(first, Accepted) and all(answer.reason is None for answer in said):
            say(f"accepted  {clean(str(path))}", *paragraph(f"proves: {first.statement_text}"))
            say(*paragraph(f"rests on: {', '.join(first.rests_on)}"), *_table(said))
            return DONE
        failures.append(said)
    if not _is_json(text):
        note(f"lmlaws: {clean(str(path))}: not JSON: {clean(failures[0][0].reason or '')}")
        return DATA
    return _rejected(path, *_table(min(failures, key=_objections)))


def _forms(wanted: Sequence[Statement]) -> list[Any]:
    return [statement.canonical for statement in wanted] or [None]


def _table(said: Sequence[Answer]) -> list[str]:
    """A line for each checker: accepted, or why not."""
    lines = []
    for answer in said:
        word = "accepted" if answer.reason is None else f"rejected: {answer.reason}"
        lines += paragraph(word, indent=" " * 13, first=f"  {answer.checker:<9}  ")
    return lines


def _objections(said: Sequence[Answer]) -> int:
    """How many checkers do not accept: of several wanted statements the nearest one's answers are shown."""
    return sum(answer.reason is not None for answer in said)


def _rejected(path: Path, *lines: str) -> int:
    say(f"rejected  {clean(str(path))}", *lines)
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
