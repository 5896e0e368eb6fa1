"""One measurement from end to end: what decides its numbers, the memory that it takes, its folder, its result."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch

from lmlaws.numerics.distributed import Team
from lmlaws.numerics.folders import weight_files
from lmlaws.numerics.kept import Kept
from lmlaws.numerics.loop import Progress
from lmlaws.numerics.measure import quantities
from lmlaws.numerics.models import LanguageModel, load
from lmlaws.numerics.onepass import memory
from lmlaws.numerics.records import write_records
from lmlaws.numerics.stream import GROUPS, SAMPLE, Cut, Pass, group_name
from lmlaws.numerics.tokenised import tokenise

RESULT = "result.json"
TOKENISING = 200
"""About how many bytes of memory tokenising takes for each byte of text."""
_LIBRARIES = ("torch", "transformers", "tokenizers", "numpy")


class MemoryNeededError(MemoryError):
    """More memory would be taken than there is; the message says how much, for what, and the way out."""


@dataclass(frozen=True)
class Settings:
    """What is asked for. `batch` and `workers` change no number."""

    model: Path
    text: Path
    draft: float | None = None  # minutes
    records: Path | None = None
    batch: int = 1
    workers: int = 1


def measure(
    settings: Settings,
    text: str,
    cache: Path,
    team: Team,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Measure a model on a text, or go on with it, or read what was measured; only process 0 gets the result.

    Args:
        settings: the model's folder, the text's file (for messages), and the options.
        text: the text.
        cache: where the folder of this measurement is, or is made.
        team: this process among its fellows.
        progress: called with (positions done, positions in all, text).
        tell: called with what the user may want to know before it begins.

    Returns:
        {"positions", "quantities", "model", "text", "windows", ...}; empty in processes other than 0.

    Raises:
        ModelError: the model is refused, or the text is none for it.
        MemoryNeededError: before it is taken.
        OSError: the folder cannot be written; names the path.
        ValueError: the processes of a team differ in model, text or code.
    """
    weight = weights(settings.model)
    enough("the model's weights", weight, "use a machine with more memory")
    enough("tokenising", TOKENISING * len(text.encode()), "split the text into files, and measure each")
    model = load(settings.model, device=team.device)
    tokens = tokenise(model, text)
    name = key(settings, tokens.digest, team.device)
    named = {"model": str(settings.model), "text": str(settings.text)}
    team.agree("the model, the text or the code", name)
    kept = Kept(cache / "measure" / name[:32])
    with alone(kept.folder / "lock", team, progress):
        known = None if settings.records else kept.read(RESULT)
        if known is not None:
            if tell is not None:
                tell(f"measured before: {kept.folder / RESULT}")
            return json.loads(known) | named if team.rank == 0 else {}
        run = Pass(
            model, tokens, kept, workers=settings.workers, batch=settings.batch, records=settings.records is not None
        )
        needed = working(model, run.cut, settings.workers, len(run.text.ids))
        if tell is not None:
            tell(f"memory: {size(weight)} for weights, at most about {size(needed)} beside them")
            tell(f"progress is kept in {kept.folder}")
        enough("the pass", needed, "give fewer --workers")
        result = _finish(settings, run, team, progress)
        return result | named if team.rank == 0 else {}


def _finish(settings: Settings, run: Pass, team: Team, progress: Progress | None) -> dict[str, Any]:
    """The pass, the sums of all processes in the folder of process 0, and there the result."""
    mine, kept = team.share(len(run.cut.groups)), run.kept
    run.run(mine, progress)
    own = [name for number in mine for name in (*kept.names(f"records-{number:02d}-"), group_name(number))]
    team.gather(kept, own)
    if team.rank != 0:
        return {}
    result = {
        "positions": run.cut.positions(range(run.cut.windows)),
        "quantities": quantities(run, settings.draft, progress),
        "windows": run.cut.windows,
        "context": run.cut.length,
        "precision": run.model.precision,
    }
    if settings.records is not None:
        write_records(run, settings.records)
    kept.write(RESULT, json.dumps(result, allow_nan=False).encode())
    kept.remove("group-")
    kept.remove("records-")
    return result


def key(settings: Settings, text: str, device: str) -> str:
    """A hash of all that decides the numbers: model files, text, options, code, libraries, kind of processor."""
    gpu = torch.cuda.get_device_name(device) if device.startswith("cuda") else ""
    parts = {
        "model": {path.name: _digest(path) for path in _model_files(settings.model)},
        "text": text,
        "options": [settings.draft, settings.records is not None],
        "code": {path.name: _digest(path) for path in sorted(Path(__file__).parent.glob("*.py"))},
        "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "processor": [torch.backends.cpu.get_cpu_capability(), gpu],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _model_files(folder: Path) -> list[Path]:
    return [folder / "config.json", folder / "tokenizer.json", *weight_files(folder)]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def alone(path: Path, team: Team, progress: Progress | None) -> Iterator[None]:
    """One run at a time in a folder; process 0 holds the lock for its fellows, and it goes with the process."""
    with path.open("w") as file:
        if team.rank == 0:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if progress is not None:
                    progress(0, 1, "waiting: another process measures this model on this text")
                fcntl.flock(file, fcntl.LOCK_EX)
        team.agree("the turn", "")
        yield


# --- memory ---------------------------------------------------------------------------------------------------


def enough(what: str, needed: int, way_out: str) -> None:
    """Refuse what needs more memory than is free.

    Raises:
        MemoryNeededError: naming both sizes and the way out.
    """
    free = available()
    if free is not None and needed > free:
        raise MemoryNeededError(f"{what}: about {size(needed)} of memory are needed, {size(free)} are free: {way_out}")


def size(count: int) -> str:
    """A number of bytes in words.

    >>> size(5 * 2**29)
    '2.5 GiB'
    """
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.1f} MiB"


def available() -> int | None:
    """Bytes of memory that are free for this process: the machine's, or its control group's where that is less.

    None where the system does not say.
    """
    found = []
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / f"memory.{name}").read_text("ascii").strip() for name in ("max", "current"))
        statistics = dict(line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())
        cached = int(statistics.get("inactive_file", 0)) + int(statistics.get("active_file", 0))
        found += [int(limit) - int(used) + cached] if limit != "max" else []
    except OSError:
        pass  # not Linux, or no control group: what was found counts
    return min(found, default=None)


def weights(folder: Path) -> int:
    """Bytes of the weights in float32, from the files' headers; 0 where the folder will be refused anyway."""
    try:
        count = 0
        for path in weight_files(folder):
            with safetensors.safe_open(str(path), "np") as file:
                for name in file.keys():  # noqa: SIM118 (not a dict)
                    count += math.prod(file.get_slice(name).get_shape())
    except (OSError, ValueError):
        return 0  # `load` says what is wrong
    return 4 * count


def working(model: LanguageModel, cut: Cut, workers: int, tokens: int) -> int:
    """Bytes that the pass and what follows it take beside the weights, at most: see docs/scale.md."""
    vocabulary, dim = model.vocabulary, model.dim
    statistics = 16 * (vocabulary + 2 * dim * dim + 2 * dim)
    unit = cut.unit * cut.width
    backbone = 4 * 24 * dim * min(unit, 2**14)
    vectors = 4 * 3 * dim * unit
    sums = 8 * (GROUPS * vocabulary + SAMPLE * dim + 6 * dim * dim)
    return (
        workers * (memory(vocabulary, dim) + 2 * statistics + backbone + vectors) + 3 * statistics + sums + 16 * tokens
    )
