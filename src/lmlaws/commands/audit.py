"""`lmlaws audit`, the catalogue through every engine, and `lmlaws check`, the claims of a user's files."""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from ..checks.engine import Budget
from ..checks.evidence import write_atomically
from ..checks.judge import exact_engines
from ..checks.run import run
from ..checks.store import Store
from ..exits import INTERRUPTED, Reading
from ..outcomes import Outcome
from ..results import findings, result_table, summary
from ..terminal import Progress, clean, note, program, progress_shown, say
from ..theory.claims import Claim
from ..theory.collect import catalogue, from_path, in_order, select

FULL, QUICK = Budget(seconds=20.0, instances=2000), Budget(seconds=10.0, instances=500)


class Counting:
    """A progress function that remembers how far it came."""

    def __init__(self, show: Progress) -> None:
        self.show, self.done, self.total = show, 0, 0

    def __call__(self, done: int, total: int, text: str) -> None:
        self.done, self.total = done, total
        self.show(done, total, text)


def audit(out: Path, only: Sequence[str], outcome: Outcome, *, quick: bool, workers: int) -> int:
    """Judge the catalogue, print the table, write results, certificates and the report. Goes on where it was."""
    from ..checks.models import model_engines
    from ..report import render

    claims = select(catalogue(), only) if only else catalogue()
    budget = QUICK if quick else FULL
    with Store(out, warn=lambda message: note(f"lmlaws: {clean(message)}")) as store, progress_shown() as progress:
        judging = Counting(progress)
        try:
            with terminated_as_interrupt():
                engines = (*exact_engines(), *model_engines(quick, progress))
                results = run(claims, engines, budget, store, version=__version__, workers=workers, progress=judging)
        except KeyboardInterrupt:
            return _interrupted(judging, claims, f"what is finished is kept in {store.path}; the same command goes on")
    text = json.dumps({"version": __version__, "results": results}, indent=1) + "\n"
    write_atomically(out / "results.json", text)
    write_atomically(out / "report.html", render(results, claims, __version__))
    again = f"{program()} audit --out {shlex.quote(str(out))}{' --quick' if quick else ''} --only {{id}}"
    known = {claim.id: claim for claim in claims}
    _print(results, known, again, outcome.finish(results, known), files=True)
    say("", *_reading(out, claims, results))
    return outcome.code(results)


def _interrupted(judging: Counting, claims: Sequence[Claim], kept: str) -> int:
    note(f"lmlaws: interrupted after {judging.done} of {len(claims)} claims; {kept}")
    return INTERRUPTED


def _reading(out: Path, claims: Sequence[Claim], results: Sequence[dict[str, Any]]) -> list[str]:
    """How to read what an audit wrote."""
    place = shlex.quote(str(out))
    shown = next((c.id for c in claims if c.expects == "conditional"), claims[0].id)
    where = "" if place == "out" else f" --out {place}"
    lines = ["Read on:", f"  open {place}/report.html", f"  {program()} explain {shlex.quote(shown)}{where}"]
    if any(result["verdict"] == "proved" for result in results):
        lines.append(f"  {program()} recheck {place}/certificates/*.json")
    return lines


def check(paths: Sequence[Path], outcome: Outcome, *, as_json: bool, report: Path | None) -> int:
    """Judge the claims of files and folders through the exact engines. Raises DataError naming a bad file."""
    claims = claims_of(paths)
    with progress_shown() as progress:
        judging = Counting(progress)
        try:
            with terminated_as_interrupt():
                results = run(claims, exact_engines(), FULL, version=__version__, progress=judging)
        except KeyboardInterrupt:
            return _interrupted(judging, claims, "`lmlaws check` keeps nothing")
    if report is not None:
        from ..report import render

        write_atomically(report, render(results, claims, __version__))
    known = {claim.id: claim for claim in claims}
    changed = outcome.finish(results, known)
    if as_json:
        say(*map(json.dumps, results))
    else:
        again = f"{program()} check {shlex.join(map(str, paths))}"
        _print(results, known, again, changed, files=False)
        page = f"open {shlex.quote(str(report))}" if report else f"{again} --report claims.html"
        say("", "Read on:", f"  {page}", f"  {again} --json | less")
    return outcome.code(results)


def claims_of(paths: Iterable[Path]) -> tuple[Claim, ...]:
    """The claims of files and folders, each path once. Raises DataError naming the path."""
    distinct = {path.resolve(): path for path in paths}
    found: list[Claim] = []
    for place, path in distinct.items():
        if not any(other in place.parents for other in distinct):
            with Reading(str(path)):
                found += from_path(path)
    with Reading(" ".join(map(str, distinct.values()))):
        return in_order(found)


def _print(
    results: Sequence[dict[str, Any]], known: Mapping[str, Claim], again: str, changed: Sequence[str], *, files: bool
) -> None:
    say(*result_table(results, known, files=files), "", summary(results))
    for lines in (findings(results, known, again), changed):
        if lines:
            say("", *lines)


@contextmanager
def terminated_as_interrupt() -> Iterator[None]:
    """Within, SIGTERM raises KeyboardInterrupt as Ctrl-C does, so that both end in the same orderly way."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
