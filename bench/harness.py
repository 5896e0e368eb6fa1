"""The stopwatch of the rows: the sides of a row alternate, and a table gives medians, ratios and their spread.

Machines are noisy and busy, so a time alone says little. Round by round every side runs once, and a side's ratio is the
median over the rounds of (its time / the first side's time in the same round), with the smallest and largest; a side
with fewer rounds is compared with the first side's median.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median
from time import perf_counter
from typing import Any

Work = Callable[[], Any]
SECONDS = ((1.0, "s", 1.0), (1e-3, "ms", 1e3), (0.0, "µs", 1e6))


@dataclass(frozen=True)
class Side:
    """One participant: `prepare` imports it, builds what is not timed, and returns the work that is.

    A peer that cannot be imported or cannot do the work raises; the table then carries the reason. One round only, and
    no warm-up, for a side that takes many seconds.
    """

    name: str
    does: str
    prepare: Callable[[], Work]
    rounds: int = 15


@dataclass(frozen=True)
class Timed:
    """What a side's rounds gave: seconds round by round and the last result, or the reason why there is none."""

    side: Side
    seconds: tuple[float, ...] = ()
    result: Any = None
    reason: str = ""


def peer(package: str) -> str:
    """A peer's name with its installed version, such as "dit 2.3"; "dit (not installed)" without one."""
    try:
        return f"{package} {version(package)}"
    except ModuleNotFoundError:
        return f"{package} (not installed)"


def alternate(*sides: Side) -> list[Timed]:
    """Time the sides in turn, round by round; the garbage collector runs between the works, not in them."""
    works: list[Work | None] = []
    reasons: list[str] = []
    for side in sides:
        try:
            prepared = side.prepare()
            if side.rounds > 1:
                prepared()
            works.append(prepared)
            reasons.append("")
        except Exception as error:  # noqa: BLE001 - whatever a peer raises is what the table reports
            works.append(None)
            reasons.append(f"{type(error).__name__}: {error}")
    seconds: list[list[float]] = [[] for _ in sides]
    results: list[Any] = [None for _ in sides]
    for turn in range(max(side.rounds for side in sides)):
        for i, (side, work) in enumerate(zip(sides, works)):
            if work is not None and turn < side.rounds:
                results[i], spent = _clocked(work)
                seconds[i].append(spent)
    return [Timed(side, tuple(s), r, why) for side, s, r, why in zip(sides, seconds, results, reasons)]


def _clocked(work: Work) -> tuple[Any, float]:
    gc.collect()
    gc.disable()
    try:
        begin = perf_counter()
        result = work()
        return result, perf_counter() - begin
    finally:
        gc.enable()


def shown(seconds: float) -> str:
    """A time with three digits and its unit."""
    for least, unit, scale in SECONDS:
        if seconds >= least:
            return f"{seconds * scale:.3g} {unit}"
    raise ValueError(f"a time is not negative: {seconds}")


def ratios(timed: Timed, first: Timed) -> tuple[float, float, float]:
    """Median, smallest and largest of a side's time over the first side's, round by round where both have as many."""
    alike = len(timed.seconds) == len(first.seconds)
    others = first.seconds if alike else [median(first.seconds)] * len(timed.seconds)
    pairs = [x / y for x, y in zip(timed.seconds, others)]
    return median(pairs), min(pairs), max(pairs)


def table(rows: Sequence[Timed]) -> str:
    """A Markdown table; the first row is what the others are compared with."""
    lines = [
        "| side | what is timed | median | min to max | rounds | times the first |",
        "|---|---|---|---|---|---|",
    ]
    for timed in rows:
        side = timed.side
        if not timed.seconds:
            lines.append(f"| {side.name} | {side.does} | - | {_one_line(timed.reason)} | 0 | - |")
            continue
        ratio = "1"
        if timed is not rows[0] and rows[0].seconds:
            usual, least, most = ratios(timed, rows[0])
            ratio = f"{usual:.3g}" + (f" ({least:.3g} to {most:.3g})" if len(timed.seconds) > 1 else "")
        middle, low, high = (shown(f(timed.seconds)) for f in (median, min, max))
        lines.append(f"| {side.name} | {side.does} | {middle} | {low} to {high} | {len(timed.seconds)} | {ratio} |")
    return "\n".join(lines)


def section(title: str, about: str, *tables: Sequence[Timed]) -> str:
    """A row's section of docs/benchmarks.md."""
    return "\n\n".join([f"## {title}", about, *map(table, tables)]) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:160].replace("|", "/")
