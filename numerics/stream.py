"""One pass over a text: windows, hidden vectors, the scan of the head, and sums that survive a kill.

The text is cut into windows, windows into *units* of a fixed number of tokens, units into at most GROUPS *groups*. A
unit is computed by itself (backbone, then the head's tiles) on one thread, so its numbers do not depend on how many
windows are at work at once; units are merged in the order of the text. A group's sums are written to disk whole, with
the number of windows that they hold. So a run that was killed, or that has other workers, batches or processes, ends
with the same bits.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from time import monotonic
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmlaws.numerics.kept import Arrays, Kept, packed, unpacked
from lmlaws.numerics.loop import Progress
from lmlaws.numerics.models import MICRO_BATCH, MICRO_BATCH_TOKENS, LanguageModel, ModelError
from lmlaws.numerics.onepass import LinearHead, Statistics, Tokens, scan
from lmlaws.numerics.tokenised import Text

GROUPS = 32
"""Parts of a text whose mean metrics are kept apart, for intervals of the metric's spectrum."""
BLOCKS = 4096
"""Parts of a text whose sums are kept apart, for intervals of means. A part is one window, where there are few."""
UNIT_TOKENS = 4096
"""About how many tokens are computed together; a unit's size follows from the windows' length alone."""
SAMPLE_WINDOWS, SAMPLE = 256, 1024
"""Windows and positions whose hidden vectors are kept, for what is measured between pairs of contexts."""
SECONDS = 10.0
"""Between two checkpoints of a group that is not finished."""

COLUMNS = (
    "count", "bytes", "nll", "error", "entropy", "accuracy", "tv_entropy", "hellinger_entropy",
    "renyi_entropy:1/2", "renyi_entropy:3/2", "metric.trace",
)  # fmt: skip
"""What is summed over each window: of positions, of bytes, and of values at positions."""

Array = NDArray[np.float64]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Cut:
    """How a text of so many tokens is cut into windows of `length`; a last one of a single token is dropped."""

    tokens: int
    length: int

    @property
    def windows(self) -> int:
        whole, rest = divmod(self.tokens, self.length)
        return whole + (rest >= 2)

    def positions(self, windows: range) -> int:
        """How many positions these windows have."""
        last = self.windows - 1
        short = self.length - (self.tokens - last * self.length) if last in windows else 0
        return len(windows) * (self.length - 1) - max(short, 0)

    @property
    def groups(self) -> tuple[range, ...]:
        """The windows of each group: consecutive, near equal in number, none empty."""
        n = self.windows
        count = min(GROUPS, n)
        return tuple(range(i * n // count, (i + 1) * n // count) for i in range(count))

    def blocks(self, group: range) -> int:
        """How many blocks a group is cut into."""
        return min(len(group), BLOCKS // GROUPS)

    def block(self, group: range, window: int) -> int:
        """The block of a window within its group."""
        return (window - group.start) * self.blocks(group) // len(group)

    @property
    def unit(self) -> int:
        """Windows of a unit: a multiple of the backbone's micro-batch, near UNIT_TOKENS tokens."""
        micro = max(1, min(MICRO_BATCH, MICRO_BATCH_TOKENS // self.width))
        return micro * max(1, round(UNIT_TOKENS / (micro * (self.length - 1))))

    @property
    def width(self) -> int:
        """Tokens of the tensor that a window is put into."""
        return min(self.length, max(1, self.tokens))

    def sample(self, window: int) -> list[int]:
        """The positions t of a window whose hidden vectors are kept: a function of the text's size alone."""
        chosen = min(SAMPLE_WINDOWS, self.windows)
        i = (window * chosen + self.windows - 1) // self.windows  # the first i with i n // chosen >= window
        if i >= chosen or i * self.windows // chosen != window:
            return []
        there = self.positions(range(window, window + 1))
        wanted = -(-SAMPLE // chosen)
        return sorted(random.Random(window).sample(range(1, there + 1), min(wanted, there)))

    def sampled(self) -> list[tuple[int, int]]:
        """Window and position of all that `sample` keeps, in order."""
        chosen = min(SAMPLE_WINDOWS, self.windows)
        windows = (i * self.windows // chosen for i in range(chosen))
        return [(window, t) for window in windows for t in self.sample(window)]


@dataclass
class Group:
    """What is known of a group after its first `done` windows."""

    windows: range
    sums: Array  # (blocks, len(COLUMNS))
    statistics: Statistics
    done: int = 0
    longest: float = 0.0  # the largest |h|
    hidden: list[Tensor] = field(default_factory=list)  # of the sample, in order
    records: list[Arrays] = field(default_factory=list)  # of windows after the last checkpoint

    @property
    def finished(self) -> bool:
        return self.done == len(self.windows)

    def arrays(self) -> Arrays:
        """What is kept on disk."""
        hidden = torch.cat(self.hidden) if self.hidden else torch.zeros(0, 0)
        numbers = {"done": np.array(self.done), "longest": np.array(self.longest)}
        own: Arrays = {"sums": self.sums, "hidden": hidden.numpy(), **numbers}
        return own | {f"statistics.{name}": array for name, array in self.statistics.to_arrays().items()}

    @staticmethod
    def from_arrays(windows: range, arrays: Arrays) -> Group:
        prefix = "statistics."
        inner = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        hidden = torch.from_numpy(arrays["hidden"])
        return Group(
            windows,
            arrays["sums"],
            Statistics.from_arrays(inner),
            int(arrays["done"]),
            float(arrays["longest"]),
            [hidden] if hidden.numel() else [],
        )


@dataclass(frozen=True)
class Unit:
    """The numbers of some consecutive windows."""

    sums: Array  # (windows, len(COLUMNS))
    statistics: Statistics
    longest: float
    hidden: Tensor  # of the sample
    records: Arrays


class Pass:
    """The pass over one text by one model, its progress kept in a folder."""

    def __init__(
        self, model: LanguageModel, text: Text, kept: Kept, *, workers: int = 1, batch: int = 1, records: bool = False
    ) -> None:
        self.model, self.text, self.kept, self.records = model, text, kept, records
        self.cut = Cut(len(text.ids), model.context)
        self.workers = workers
        self.ahead = max(workers, -(-batch // self.cut.unit))
        self.head: LinearHead = model.linear_head

    def run(self, numbers: Iterable[int], progress: Progress | None = None) -> None:
        """Bring the groups of these numbers to their end, from where they are.

        Raises:
            ModelError: a hidden vector that is not finite; names window and position.
            OSError: the folder cannot be written; names the path.
        """
        done = {number: self.group(number).done for number in numbers}
        shown = Rate(self.cut, done, progress)
        pending = ((number, unit) for number in done for unit in self._units(number, done[number]))
        saved, pause, group = monotonic(), SECONDS, None
        with ThreadPoolExecutor(self.workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for number, windows, unit in _in_order(pool, self._numbered, pending, self.ahead):
                group = self.group(number) if group is None else group  # one group's sums in memory at a time
                self._merge(group, windows, unit)
                if group.finished or monotonic() - saved > pause:
                    begun = monotonic()
                    self._save(number, group)
                    saved = monotonic()
                    pause = max(SECONDS, 20 * (saved - begun))  # at most a twentieth of the time goes into writing
                group = None if group.finished else group
                shown.add(windows)

    def _numbered(self, item: tuple[int, range]) -> tuple[int, range, Unit]:
        return (*item, self.unit(item[1]))

    def group(self, number: int) -> Group:
        """A group as it is on disk, or at its beginning."""
        content = self.kept.read(group_name(number))
        windows = self.cut.groups[number]
        if content is not None:
            return Group.from_arrays(windows, unpacked(content))
        sums = np.zeros((self.cut.blocks(windows), len(COLUMNS)))
        return Group(windows, sums, Statistics.zero(self.model.vocabulary, self.model.dim))

    def _units(self, number: int, done: int) -> Iterator[range]:
        windows, step = self.cut.groups[number][done:], self.cut.unit
        for start in range(0, len(windows), step):
            yield windows[start : start + step]

    def unit(self, windows: range) -> Unit:
        """The numbers of some windows. Raises ModelError where a hidden vector is not finite."""
        pieces = [self._ids(window) for window in windows]
        batch = torch.zeros(len(pieces), self.cut.width, dtype=torch.int64)
        for row, piece in zip(batch, pieces):
            row[: len(piece)] = piece  # causal: what follows a position cannot change it
        vectors = self.model.hidden(batch)
        hidden = torch.cat([vectors[i, : len(piece) - 1] for i, piece in enumerate(pieces)])
        self._refuse_overflow(windows, pieces, hidden)
        targets = torch.cat([piece[1:] for piece in pieces])
        tokens, statistics = scan(self.head, hidden, targets.to(hidden.device), workers=1)
        chosen = [vectors[i, [t - 1 for t in self.cut.sample(window)]].cpu() for i, window in enumerate(windows)]
        values = self._values(tokens, windows)
        starts = np.cumsum([0, *(len(piece) - 1 for piece in pieces[:-1])])
        sums = np.add.reduceat(np.stack([values[name] for name in COLUMNS], 1), starts, axis=0)
        records = self._records(windows, targets, tokens, values) if self.records else {}
        longest = float(hidden.double().norm(dim=1).max())
        return Unit(sums, statistics, longest, torch.cat(chosen), records)

    def _ids(self, window: int) -> Tensor:
        return self.text.ids[window * self.cut.length : (window + 1) * self.cut.length]

    def _refuse_overflow(self, windows: range, pieces: list[Tensor], hidden: Tensor) -> None:
        bad = (~hidden.isfinite().all(dim=1)).nonzero()
        if not len(bad):
            return
        owner = [i for i, piece in enumerate(pieces) for _ in piece[1:]][int(bad[0])]
        self.model._refuse_overflow(pieces[owner], f"window {windows[owner]}")
        raise ModelError(f"{self.model.folder}: a hidden vector of window {windows[owner]} is not finite")

    def _values(self, tokens: Tokens, windows: range) -> dict[str, Array]:
        """The columns at each position (n,)."""
        length = self.cut.length
        sizes = self.text.sizes[windows.start * length : windows.stop * length]
        predicted = np.arange(len(sizes)) % length != 0
        found: dict[str, Tensor | None] = {
            "nll": tokens.nll,
            "error": tokens.error,
            "entropy": tokens.entropy,
            "accuracy": tokens.correct,
            "tv_entropy": 1 - tokens.square_sum,
            "hellinger_entropy": 1 - tokens.three_halves_sum,
            "renyi_entropy:1/2": tokens.renyi(Fraction(1, 2)),
            "renyi_entropy:3/2": tokens.renyi(Fraction(3, 2)),
            "metric.trace": tokens.trace,
        }
        values = {name: value.double().cpu().numpy() for name, value in found.items() if value is not None}
        return values | {"count": np.ones(len(tokens.entropy)), "bytes": sizes[predicted].astype(np.float64)}

    def _records(self, windows: range, targets: Tensor, tokens: Tokens, values: dict[str, Array]) -> Arrays:
        """What is written for each position, as columns."""
        sizes = [len(self._ids(window)) - 1 for window in windows]
        places: Arrays = {
            "window": np.repeat(np.arange(windows.start, windows.stop), sizes),
            "t": np.concatenate([np.arange(1, size + 1) for size in sizes]),
            "token": targets.numpy(),
            "log_partition": tokens.log_partition.double().cpu().numpy(),
        }
        return places | {name: values[name] for name in COLUMNS if name != "count"}

    def _merge(self, group: Group, windows: range, unit: Unit) -> None:
        for window, row in zip(windows, unit.sums):
            group.sums[self.cut.block(group.windows, window)] += row
        group.statistics = group.statistics + unit.statistics
        group.done += len(windows)
        group.longest = max(group.longest, unit.longest)
        if len(unit.hidden):
            group.hidden.append(unit.hidden)
        if unit.records:
            group.records.append(unit.records)

    def _save(self, number: int, group: Group) -> None:
        """Records first: a group's file speaks of them. What a kill leaves unspoken of is written over."""
        if group.records:
            first = int(group.records[0]["window"][0])
            joined = {name: np.concatenate([part[name] for part in group.records]) for name in group.records[0]}
            self.kept.write(f"records-{number:02d}-{first:015d}", packed(joined))
            group.records.clear()
        self.kept.write(group_name(number), packed(group.arrays()))


def group_name(number: int) -> str:
    """The file of a group."""
    return f"group-{number:02d}"


def _in_order(pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T], ahead: int) -> Iterator[R]:
    """The results of work on the items, in order, at most `ahead` of them under way or waiting."""
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


class Rate:
    """Tells a progress function of positions, of their rate and of the time that is left."""

    def __init__(self, cut: Cut, done: dict[int, int], progress: Progress | None) -> None:
        self.cut, self.progress, self.begun = cut, progress, monotonic()
        self.total = sum(cut.positions(cut.groups[number]) for number in done)
        self.before = sum(cut.positions(cut.groups[number][:size]) for number, size in done.items())
        self.done = self.before
        if self.before and progress is not None:
            progress(self.done, self.total, "positions: going on from there")

    def add(self, windows: range) -> None:
        self.done += self.cut.positions(windows)
        rate = (self.done - self.before) / max(monotonic() - self.begun, 1e-9)
        if self.progress is not None:
            left = round((self.total - self.done) / max(rate, 1e-9))
            clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
            self.progress(self.done, self.total, f"positions: {rate:,.0f} a second, {clock} left")
