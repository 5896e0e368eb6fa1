"""Finds claims by scanning: every Claim in a module, alone or inside a list, tuple or dict, is collected."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from . import laws
from .claims import Claim

GROUP = "lmlaws.claims"
"""The entry points by which an installed package adds its claims: each names a module that defines some."""


def catalogue() -> tuple[Claim, ...]:
    """Every claim of the catalogue, in the order of their ids, those of installed packages included.

    Raises ValueError when an id comes twice, ImportError naming the entry point whose module cannot be loaded.
    """
    return in_order(claim for module in modules() for claim in claims_in(module))


def modules() -> Iterator[ModuleType]:
    """The law files of the catalogue, then the modules that installed packages name."""
    for info in pkgutil.iter_modules(laws.__path__):
        yield importlib.import_module(f"{laws.__name__}.{info.name}")
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        try:
            yield importlib.import_module(point.module)
        except Exception as problem:
            where = f"the entry point {point.name!r} of {point.dist.name if point.dist else 'an installed package'}"
            raise ImportError(f"{where} ({GROUP}): {point.value}: {type(problem).__name__}: {problem}") from problem


def claims_in(module: ModuleType) -> Iterator[Claim]:
    """The claims that a module defines."""
    for value in list(vars(module).values()):
        if isinstance(value, Claim):
            yield value
        elif isinstance(value, list | tuple):
            yield from (part for part in value if isinstance(part, Claim))
        elif isinstance(value, dict):
            yield from (part for part in value.values() if isinstance(part, Claim))


def from_path(path: Path) -> tuple[Claim, ...]:
    """The claims of a Python file, or of every *.py file below a folder. The files run as the user's own code.

    Raises FileNotFoundError naming the path, ValueError when a file defines no claim or an id comes twice.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such claim file or folder")
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    found: list[Claim] = []
    for file in files:
        claims = list(claims_in(load(file)))
        if not claims and not path.is_dir():
            raise ValueError(f"{file}: defines no Claim at its top level")
        found += claims
    if not found:
        raise ValueError(f"{path}: no Claim in {len(files)} Python file(s)")
    return in_order(found)


def load(file: Path) -> ModuleType:
    """A claim file as a module. It runs as the user's own code."""
    name = "lmlaws_claims_" + re.sub(r"\W", "_", str(file.resolve()))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def in_order(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Claims sorted by id, numbers as numbers, each once. Raises ValueError for an id that two claims share."""
    known: dict[str, Claim] = {}
    for claim in claims:
        if known.setdefault(claim.id, claim) is not claim:
            raise ValueError(f"two claims have the id {claim.id!r}")
    return tuple(sorted(known.values(), key=lambda claim: id_key(claim.id)))


def id_key(identifier: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key under which C2 comes before C10."""
    parts = re.findall(r"\d+|\D+", identifier)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


def select(claims: Iterable[Claim], wanted: Iterable[str]) -> tuple[Claim, ...]:
    """The claims with one of the ids; `D5` takes D5.a, D5.b as well, `D` the family. Raises ValueError for no claim."""
    claims, chosen = tuple(claims), []
    for identifier in wanted:
        family = re.compile(rf"{re.escape(identifier)}(\d.*)?" if identifier.isalpha() else r"(?!)")
        hits = [c for c in claims if c.id == identifier or c.id.startswith(identifier + ".") or family.fullmatch(c.id)]
        if not hits:
            raise ValueError(f"no claim {identifier!r}; `lmlaws list` shows all")
        chosen += hits
    return in_order(chosen)
