"""`lmlaws doctor`: what is installed, what is missing, and the command that mends it."""

from __future__ import annotations

import platform
import re
import shlex
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from .. import __version__
from ..exits import DONE, NO
from ..terminal import say, table

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?P<range>[^;]*)(?:;\s*extra\s*==\s*['\"](?P<extra>\w+)['\"])?")
_WANTED = (None, "models")


def doctor() -> int:
    """Print versions, engines and the cache; 0 when all that an audit needs is there, 1 when something is missing."""
    rows = [("python", platform.python_version(), sys.executable), ("lmlaws", __version__, "")]
    mends: list[str] = []
    for name, wanted, extra in _requirements():
        found = _installed(name)
        rows.append((name, found or "MISSING", f"for {extra}" if extra else ""))
        if found is None:
            mends.append(f"{shlex.quote(sys.executable)} -m pip install {shlex.quote(name + wanted)}")
    say(*table(("what", "version", ""), rows), "")
    if not mends:
        rows, mends = _working()
        say(*table(("engine or folder", "state", ""), rows), "")
    if not mends:
        say("All that an audit needs is there.")
    else:
        say("Missing; this mends it:", *(f"  {mend}" for mend in mends))
    return NO if mends else DONE


def _requirements() -> Iterator[tuple[str, str, str | None]]:
    """Name, range and extra of what lmlaws itself declares; nothing where it runs from an uninstalled source tree."""
    try:
        declared = requires("lmlaws") or []
    except PackageNotFoundError:
        declared = []
    for line in declared:
        match = _REQUIREMENT.match(line)
        if match and match["extra"] in _WANTED:
            yield match["name"], match["range"].strip(), match["extra"]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _working() -> tuple[list[tuple[str, str, str]], list[str]]:
    """The engines and the cache folder, each tried; and the commands that mend what does not work."""
    from ..checks.judge import exact_engines
    from ..numerics.training import cache_folder

    rows = [(engine.name, "ready", "") for engine in exact_engines()]
    try:
        return [*rows, ("cache of trained models", "writable", str(cache_folder()))], []
    except OSError as problem:
        rows.append(("cache of trained models", "NOT writable", str(problem)))
        return rows, ["export LMLAWS_CACHE=a/writable/folder"]
