"""Exit codes, and what becomes of everything that a command raises: one message and one code, never a traceback.

0 proved, as expected, done; 1 refuted, not as expected, rejected; 2 undecided; 64 usage, a malformed statement
included; 65 malformed data; 70 internal error; 130 interrupted; 141 the reader of our output went away.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import AbstractContextManager
from types import TracebackType

import typer

from .terminal import clean, note

DONE, NO, OPEN, USAGE, DATA, INTERNAL, INTERRUPTED, NO_READER = 0, 1, 2, 64, 65, 70, 130, 141

# typer brings its own copy of click or the library, by version; the class of usage errors is reached through typer.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


class DataError(ValueError):
    """Malformed data: a claim file, a certificate. The message names the file and the defect."""


class Boundary(AbstractContextManager["Boundary"]):
    """Turns whatever leaves its block into a message on standard error and `code`."""

    code = DONE

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if problem is None or isinstance(problem, SystemExit | GeneratorExit):
            return False
        if os.environ.get("LMLAWS_DEBUG") and not isinstance(problem, typer.Exit | BrokenPipeError):
            traceback.print_exception(problem)
        self.code = _code(problem)
        return True


class Reading(AbstractContextManager[None]):
    """A block that reads data of the user's: what it raises is about that data, and becomes a DataError naming it."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(problem, Exception):
            raise DataError(f"{self.what}: {_text(problem)}") from problem


def _code(problem: BaseException) -> int:
    if isinstance(problem, typer.Exit):
        return problem.exit_code
    if isinstance(problem, KeyboardInterrupt | typer.Abort):
        note("lmlaws: interrupted")
        return INTERRUPTED
    if isinstance(problem, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to fail at the last flush
        return NO_READER
    if isinstance(problem, _UsageError):
        return _usage(problem)
    if isinstance(problem, DataError):
        note(f"lmlaws: {clean(str(problem))}")
        return DATA
    if isinstance(problem, ValueError) and _is_language_error(problem):
        note(f"lmlaws: {problem}")  # its picture has two lines, in printable ASCII
        return USAGE
    if isinstance(problem, OSError):
        note(f"lmlaws: {clean(_text(problem))}")
        return INTERNAL
    notes = "".join(f"; {line}" for line in getattr(problem, "__notes__", ()))
    note(f"lmlaws: internal error: {clean(_text(problem) + notes)}", "LMLAWS_DEBUG=1 shows the traceback")
    return INTERNAL


def _usage(problem: Exception) -> int:
    context = getattr(problem, "ctx", None)
    command = context.command_path if context is not None else "lmlaws"
    message = getattr(problem, "format_message", lambda: str(problem))()
    note(f"lmlaws: {clean(message)}", f"`{command} --help` shows how it is used")
    return USAGE


def _is_language_error(problem: ValueError) -> bool:
    from .theory.language import LanguageError

    return isinstance(problem, LanguageError)


def _text(problem: BaseException) -> str:
    """The kind and the message of an exception; an OSError says it best itself, path included."""
    if isinstance(problem, OSError) and problem.filename is not None:
        return f"{problem.filename}: {problem.strerror}"
    return str(problem) if isinstance(problem, OSError) else f"{type(problem).__name__}: {problem}"
