"""What was found at every position, as JSON lines or as .npz, put together from the parts that a pass left on disk.

A record has `window` and `t` (its place), `token` (the id that came), its `bytes`, and the values of the columns of a
pass: nll, entropy, accuracy (1 or 0), ... in nats where they have a unit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import IO, Any

import numpy as np

from lmlaws.numerics.kept import Arrays, unpacked
from lmlaws.numerics.stream import Pass

INTEGERS = ("window", "t", "token", "bytes", "accuracy")


def write_records(done: Pass, path: Path) -> None:
    """Write all records, in the order of the text, whole or not at all; .npz by that suffix, else JSON lines.

    JSON lines are streamed; .npz holds all columns in memory.

    Raises:
        OSError: the file cannot be written; names the path.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            (_write_npz if path.suffix == ".npz" else _write_lines)(done, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OSError(error.errno, f"cannot write ({error.strerror})", str(path)) from error


def _parts(done: Pass) -> Iterator[Arrays]:
    """The records, part by part. Raises RuntimeError where one is missing."""
    cut = done.cut
    for number, windows in enumerate(cut.groups):
        there = 0
        for name in done.kept.names(f"records-{number:02d}-"):
            content = done.kept.read(name)
            if content is not None:
                part = unpacked(content)
                there += len(part["t"])
                yield part
        if there != cut.positions(windows):
            raise RuntimeError(
                f"group {number} has records of {there} of {cut.positions(windows)} positions; "
                f"remove {done.kept.folder} and measure again"
            )


def _write_lines(done: Pass, file: IO[bytes]) -> None:
    for part in _parts(done):
        columns = [_plain(name, part) for name in part]
        for row in zip(*columns, strict=True):
            file.write(json.dumps(dict(zip(part, row))).encode() + b"\n")


def _plain(name: str, part: Arrays) -> list[Any]:
    """A column as JSON takes it; an infinite loss is null."""
    if name in INTEGERS:
        return list(part[name].astype(np.int64).tolist())
    return [x if isfinite(x) else None for x in part[name].tolist()]


def _write_npz(done: Pass, file: IO[bytes]) -> None:
    parts = list(_parts(done))
    names = parts[0] if parts else ()
    np.savez(file, **{name: np.concatenate([part[name] for part in parts]) for name in names})  # type: ignore[arg-type]
