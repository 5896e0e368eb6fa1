"""A run: claims in, results out. What the store has is not judged again; what is judged is kept at once.

Results come in the order of the claims and do not depend on the number of workers or on interruptions, times apart.
Worker processes are spawned, never forked, so that no half-locked thread of torch comes along; they hold no file open
and hand each result to the parent, which alone writes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from threading import Thread
from types import TracebackType
from typing import Any

from lmlaws.theory.claims import Claim
from lmlaws.theory.statements import Statement

from .engine import Budget, Engine
from .judge import as_json, judge
from .store import Store, key_of
from .verdicts import Verdict

Progress = Callable[[int, int, str], None]
"""Called with what is done, what there is in all, and a text without line breaks."""


Judged = Generator[tuple[Claim, dict[str, Any]], None, None]
"""Claims with their results, as they come; closing it ends the work."""


def silent(done: int, total: int, text: str) -> None:
    """The progress of a run that nobody watches."""


def run(
    claims: Iterable[Claim],
    engines: Sequence[Engine],
    budget: Budget,
    store: Store | None = None,
    *,
    version: str,
    workers: int = 1,
    progress: Progress = silent,
) -> list[dict[str, Any]]:
    """The results of claims, as JSON objects, in the claims' order; each is kept in the store as soon as it is there.

    With several workers the engines are pickled once for each. An interruption (KeyboardInterrupt) leaves everything
    that was finished in the store. What an engine raises ends the run; a note on it names the engine and the claim.
    """
    claims = tuple(claims)
    keys = {claim.id: key_of(claim, engines, budget) for claim in claims} if store else {}
    results: dict[str, dict[str, Any]] = {}

    def known(claim: Claim) -> bool:
        result = store.find(keys[claim.id], claim) if store else None
        if result is not None:
            results[claim.id] = result
        return result is not None

    missing = [claim for claim in claims if not known(claim)]
    if results:
        progress(len(results), len(claims), f"{len(results)} of {len(claims)} results were there already")
    task = Task(engines, budget, version)
    judged = _side_by_side(missing, task, workers) if workers > 1 else _in_turn(missing, task, known)
    with closing(judged):
        for claim, result in judged:
            results[claim.id] = store.keep(keys[claim.id], claim, result) if store else result
            progress(len(results), len(claims), f"{claim.id}: {result['verdict']} ({result['seconds']:.1f} s)")
    return [results[claim.id] for claim in claims]


@dataclass(frozen=True)
class Task:
    """Judging one claim with these engines within this budget."""

    engines: Sequence[Engine]
    budget: Budget
    version: str

    def __call__(self, claim: Claim) -> dict[str, Any]:
        with Noting(f"claim {claim.id}"):
            return as_json(judge(claim, [Named(engine) for engine in self.engines], self.budget), self.version)


class Named:
    """An engine whose exceptions carry its name."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.name, self.exact = engine, engine.name, engine.exact

    def accepts(self, statement: Statement) -> str | None:
        with Noting(f"engine {self.name}"):
            return self.engine.accepts(statement)

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        with Noting(f"engine {self.name}"):
            return self.engine.decide(statement, budget, twins)


class Noting(AbstractContextManager[None]):
    """Adds a note to an exception that passes through, and lets it pass."""

    def __init__(self, note: str) -> None:
        self.note = note

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if problem is not None:
            problem.add_note(self.note)


def _in_turn(claims: Sequence[Claim], task: Task, known: Callable[[Claim], bool]) -> Judged:
    """One after the other, in this process; what another process has finished meanwhile is taken from the store."""
    for claim in claims:
        if not known(claim):
            yield claim, task(claim)


def _side_by_side(claims: Sequence[Claim], task: Task, workers: int) -> Judged:
    """In worker processes, as they come. They end with this generator, and with this process, however it ends."""
    if not claims:
        return
    pool = ProcessPoolExecutor(
        min(workers, len(claims)), multiprocessing.get_context("spawn"), initializer=_begin, initargs=(task,)
    )
    mine = set(multiprocessing.active_children())
    finished = False
    try:
        waiting = {pool.submit(_judge, claim): claim for claim in claims}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
        finished = True
    finally:
        if not finished:
            for process in set(multiprocessing.active_children()) - mine:
                process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


_task: Task | None = None
"""What this process judges with, when it is a worker."""


def _begin(task: Task) -> None:
    """Set up a worker. It leaves Ctrl-C to the parent, and ends when the parent has ended."""
    global _task
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _judge(claim: Claim) -> dict[str, Any]:
    assert _task is not None
    return _task(claim)
