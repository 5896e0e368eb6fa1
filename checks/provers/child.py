"""A function run in a forked child process, with bounds on its wall clock and its memory.

Solvers are not trusted to stop in time, to stay small, or to stay alive; what they return is only a hint. The child
inherits the arguments by the fork, and its result comes back as JSON text, so that a process that went wrong can hand
over wrong data and nothing worse.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import select
import signal
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

MEGABYTES = 2048
"""How much memory a child may take beyond what its parent had, unless the caller says otherwise."""


@dataclass(frozen=True)
class Failure:
    """Why a child gave no result."""

    reason: str


def bounded(function: Callable[..., Any], *args: object, seconds: float, megabytes: int = MEGABYTES) -> Any | Failure:
    """`function(*args)`, run in a child process; Failure, with the reason, when it does not come back with a result.

    The result must be JSON data; tuples come back as lists. seconds: wall clock, after which the child is killed.
    megabytes: memory beyond the parent's. An exception in the child is a Failure that names it. A child of a killed
    parent ends by its own alarm. POSIX only.
    """
    if seconds <= 0:
        return Failure("no time left")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _work(function, args, writer, seconds, megabytes)
    os.close(writer)
    try:
        text = _read(reader, monotonic() + seconds)
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)  # not yet waited for, so the number is still the child's
        _, status = os.waitpid(child, 0)
    if text is None:
        return Failure(f"stopped after {seconds:.3g} s")
    if not text and os.WIFSIGNALED(status):
        return Failure(f"the process died of {signal.Signals(os.WTERMSIG(status)).name}")
    try:
        good, value = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return Failure("the process ended without a result")
    return value if good is True else Failure(str(value))


def _read(reader: int, deadline: float) -> bytes | None:
    """All that the child writes; None when the deadline comes first."""
    parts: list[bytes] = []
    while (left := deadline - monotonic()) > 0:
        if select.select([reader], [], [], left)[0]:
            part = os.read(reader, 1 << 20)
            if not part:
                return b"".join(parts)
            parts.append(part)
    return None


def _work(
    function: Callable[..., Any], args: tuple[object, ...], writer: int, seconds: float, megabytes: int
) -> NoReturn:
    """The child's life: bounds, the function, one message. It never returns into the parent's code."""
    status = 1
    try:
        faulthandler.disable()  # a crash is told by the parent
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.alarm(ceil(seconds) + 1)
        taken = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        limit = taken + (megabytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            message = json.dumps([True, function(*args)])
        except MemoryError:
            message = json.dumps([False, f"more than {megabytes} MB of memory"])
        except Exception as problem:  # noqa: BLE001 - whatever a solver raises is the reason
            message = json.dumps([False, f"{type(problem).__name__}: {problem}"])
        data = message.encode("ascii")
        while data:
            data = data[os.write(writer, data) :]
        status = 0
    finally:
        os._exit(status)
