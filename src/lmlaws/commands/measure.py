"""`lmlaws measure`: every quantity of one model on one text, with intervals and controls."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..exits import DONE, INTERRUPTED, DataError
from ..terminal import clean, note, paragraph, progress_shown, say, table
from .audit import terminated_as_interrupt

if TYPE_CHECKING:
    from ..numerics.job import Settings


def read_text(path: Path) -> str:
    """A user's text; the empty string for a file without text. Raises DataError naming the path."""
    from ..numerics import text

    try:
        return text.read_text(path) if path.read_bytes().strip() else ""
    except (OSError, ValueError) as problem:
        raise DataError(str(problem)) from problem


def processors() -> int:
    """The processors that each of torchrun's processes on this machine has for itself."""
    return max(1, len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def measure(settings: Settings, *, as_json: bool) -> int:
    """Measure, or go on with a measurement, and print. Raises DataError for the model and the text."""
    from ..numerics.distributed import team
    from ..numerics.folders import ModelError
    from ..numerics.job import MemoryNeededError
    from ..numerics.job import measure as measured
    from ..numerics.training import cache_folder

    begun, text, cache = perf_counter(), read_text(settings.text), cache_folder()
    try:
        with terminated_as_interrupt(), warnings_noted(), team() as mates:
            first = mates.rank == 0  # the other processes are silent
            with progress_shown() if first else nullcontext() as progress:
                tell = (lambda line: note(clean(line))) if first else None
                result = measured(settings, text, cache, mates, progress, tell)
    except (ModelError, MemoryNeededError) as problem:
        raise DataError(str(problem)) from problem
    except KeyboardInterrupt:
        note(f"lmlaws: interrupted; what is finished is kept in {cache}/measure; the same command goes on")
        return INTERRUPTED
    if first:
        _print(result, as_json=as_json, seconds=perf_counter() - begun)
        if not result["positions"]:
            raise DataError(f"{settings.text}: 0 positions tried: a text of at least 2 tokens is needed")
    return DONE


@contextmanager
def warnings_noted() -> Iterator[None]:
    """Warnings as lines on standard error."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: note(f"lmlaws: {clean(str(message))}")
        yield


def _print(result: dict[str, Any], *, as_json: bool, seconds: float) -> None:
    if as_json:
        say(json.dumps({**result, "seconds": round(seconds, 3), "version": __version__}, allow_nan=False))
        return
    entries = result["quantities"]
    rows = [(name, *_cells(entry)) for name, entry in entries.items()]
    say(*table(("quantity", "value", "95% interval", "control"), rows), "")
    for reason in dict.fromkeys(entry["reason"] for entry in entries.values() if "reason" in entry):
        names = [name for name, entry in entries.items() if entry.get("reason") == reason]
        say(*paragraph(f"{', '.join(names)}: {reason}", first=""))
    windows = f"{result['windows']:,} windows of at most {result['context']:,} tokens"
    about = f"{result['positions']:,} positions in {windows}; entropies and losses in nats; {result['precision']}"
    say(*paragraph(about, first=""))


def _cells(entry: dict[str, Any]) -> tuple[str, str, str]:
    """Value, interval and control, of a quantity, for people."""
    value = next(entry[kind] for kind in ("mean", "value", "values") if kind in entry)
    between = entry["interval"]
    ends = "none" if between is None else " to ".join(_number(end) for end in between)
    count = f" (first of {len(value)})" if isinstance(value, list) else ""
    return _number(value) + count, ends, _number(entry["control"])


def _number(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return _number(value[0])  # of the largest eigenvalue; the JSON has all
    return str(value) if isinstance(value, int) else f"{value:.5g}"
