"""A folder of named pieces of data that survives kills: each file is whole, or it is not there.

A file is the SHA-256 of its content, then the content, written beside its place and moved there. What is read back is
doubted: a file that does not fit its hash is dropped with a warning, and computed again.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmlaws.numerics.loop import write_atomically

Arrays = dict[str, NDArray[Any]]
_HASH = hashlib.sha256().digest_size


class Kept:
    """The files of one computation in a folder of their own. Raises OSError, naming the path, where it cannot write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def names(self, prefix: str = "") -> list[str]:
        """The names that begin so, sorted."""
        names = (path.name for path in self.folder.iterdir())
        return sorted(name for name in names if name.startswith(prefix) and not name.endswith(".partial"))

    def write(self, name: str, content: bytes) -> None:
        write_atomically(self.folder / name, hashlib.sha256(content).digest() + content)

    def read(self, name: str) -> bytes | None:
        """The content under a name; None when there is none, or none that is whole."""
        path = self.folder / name
        try:
            stored = path.read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(stored[_HASH:]).digest() != stored[:_HASH]:
            warnings.warn(f"{path}: damaged: dropped, computed again", stacklevel=2)
            path.unlink(missing_ok=True)
            return None
        return stored[_HASH:]

    def remove(self, prefix: str) -> None:
        """Remove the files whose names begin so."""
        for name in self.names(prefix):
            (self.folder / name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as the bytes of an .npz file."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def unpacked(content: bytes) -> Arrays:
    """The arrays of `packed`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
