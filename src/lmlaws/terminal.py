"""What reaches a terminal: plain text in 80 columns, control characters made visible, progress on standard error.

Everything that this program says by itself is ASCII. Text of users (ids, prose, sources) may hold anything; `clean`
makes it harmless, and where the locale asks for plain ASCII the streams escape the rest.
"""

from __future__ import annotations

import io
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import wrap

Progress = Callable[[int, int, str], None]
"""Called with what is done, what there is in all, and a text."""

WIDTH = 80
WIDEST = 100
GAP = "  "
PLAIN_LINES = 20
"""How many lines of progress are printed where there is no terminal, at most, for each total."""


def prepare_streams() -> None:
    """Let no text make output fail: what a stream cannot write is escaped; ASCII only where the locale asks for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="ascii" if wants_ascii() else None, errors="backslashreplace")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")


def wants_ascii() -> bool:
    """Whether the locale is C. Python itself sets LC_CTYPE=C.UTF-8 then (PEP 538), so that does not count."""
    everything, characters, language = (os.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    if everything:
        return everything in ("C", "POSIX")
    if characters and characters not in ("C", "POSIX", "C.UTF-8", "C.utf8", "UTF-8"):
        return False
    return language in ("", "C", "POSIX")


def clean(text: str) -> str:
    """The text in one line, with control characters (escapes, bidirectional marks, line ends) written as \\x1b."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def say(*lines: str) -> None:
    """Lines on standard output."""
    sys.stdout.write("".join(line + "\n" for line in lines))


def note(*lines: str) -> None:
    """Lines on standard error."""
    sys.stderr.write("".join(line + "\n" for line in lines))
    sys.stderr.flush()


def width() -> int:
    """The columns to write in: the terminal's, within reason; 80 where there is none."""
    if not sys.stdout.isatty():
        return WIDTH
    return min(max(shutil.get_terminal_size((WIDTH, 24)).columns, 40), WIDEST)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None = None) -> list[str]:
    """Rows as lines of at most so many columns; cells are cleaned and wrapped. Without heads the first line is a row.

    >>> table(["claim", "verdict"], [["C3", "proved"], ["C4", "conditional"]])
    ['claim  verdict', '-----  -----------', 'C3     proved', 'C4     conditional']
    """
    cells = [[clean(cell) for cell in row] for row in ([heads] if heads else [])] + [
        [clean(cell) for cell in row] for row in rows
    ]
    if not cells:
        return []
    widths = _fit(cells, columns or width())
    if heads:
        cells.insert(1, ["-" * size for size in widths])
    lines = []
    for row in cells:
        wrapped = [wrap(cell, size, break_on_hyphens=False) or [""] for cell, size in zip(row, widths)]
        for i in range(max(map(len, wrapped))):
            parts = (pieces[i] if i < len(pieces) else "" for pieces in wrapped)
            lines.append(GAP.join(part.ljust(size) for part, size in zip(parts, widths)).rstrip())
    return lines


def _fit(cells: Sequence[Sequence[str]], columns: int) -> list[int]:
    """Widths of columns that fit: the widest are made narrower, words broken only when nothing else is left."""
    by_column = list(zip(*cells))
    widths = [max(map(len, column)) for column in by_column]
    words = [max(len(word) for cell in column for word in (cell.split() or [""])) for column in by_column]
    room = columns - len(GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > 1:
        wide = [size if size > word else 0 for size, word in zip(widths, words)]
        wide = wide if any(wide) else widths
        widths[wide.index(max(wide))] -= 1
    return [max(size, 1) for size in widths]


def paragraph(text: str, indent: str = "  ", first: str | None = None) -> list[str]:
    """A text wrapped to the width, each line behind the indent (the first behind `first` where it is given)."""
    opening = indent if first is None else first
    lines = wrap(clean(text), width(), initial_indent=opening, subsequent_indent=indent, break_on_hyphens=False)
    return lines or [opening.rstrip()]


@contextmanager
def progress_shown() -> Iterator[Progress]:
    """A progress function: a bar with the time left on a terminal, else some lines, on standard error."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield plain_progress()
        return
    from rich import progress
    from rich.console import Console

    shown = progress.Progress(
        progress.BarColumn(20),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    with shown:
        task = shown.add_task("", total=None)

        def update(done: int, total: int, text: str) -> None:
            if shown.tasks[0].total != total:
                shown.reset(task, total=total)
            shown.update(task, completed=done, description=clean(text))

        yield update


def plain_progress() -> Progress:
    """Progress as lines, `[3/17] C4: conditional (1.2 s)`; long counts are thinned out."""
    last: tuple[int, int] | None = None

    def update(done: int, total: int, text: str) -> None:
        nonlocal last
        here = (total, done * PLAIN_LINES // max(total, 1))
        if here != last or done == total:
            note(f"[{done}/{total}] {clean(text)}")
        last = here

    return update


def program() -> str:
    """How this program is called from here: `lmlaws` where that is on the path, else the path it was started by."""
    found, own = shutil.which("lmlaws"), Path(sys.argv[0])
    if own.name != "lmlaws" or (found is not None and Path(found).resolve() == own.resolve()):
        return "lmlaws"
    return shlex.quote(str(own))
