"""What a study finds, as plain data: measured values with intervals, limits, and nulls that must come out null."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor

from lmlaws.numerics import bootstrap

Interval = tuple[float, float]
Progress = Callable[[int, int, str], None]
PARTS = 1000
"""Of the whole work, counted by `Stages`."""


@dataclass(frozen=True)
class Null:
    """A planted case without any effect: what was planted, what was then measured, and how much chance explains.

    A `value` at most `most` is null.
    """

    what: str
    value: float
    most: float

    @property
    def holds(self) -> bool:
        """Whether it came out null."""
        return self.value <= self.most


@dataclass(frozen=True)
class Measured:
    """One measured quantity of a claim on one model or source."""

    claim: str
    on: str
    name: str
    value: float
    null: Null
    _: KW_ONLY
    unit: str = ""
    interval: Interval | None = None  # 95%, over windows
    exact: float | None = None  # what the theory says the value is, or tends to
    bound: float | None = None  # what the theory lets the value be at most
    floor: float | None = None  # and at least
    control: float | None = None  # the same quantity where there is less to find
    agrees: bool | None = None  # whether it is as the theory says; None where the theory says nothing so definite
    note: str = ""


@dataclass(frozen=True)
class Line:
    """Points of a figure that is no curve of training: `name` is written at the line's end."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Panel:
    """A figure of at most three lines, with the units of its axes."""

    claim: str
    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    logarithmic: bool = False  # the x axis, to base 2

    def __post_init__(self) -> None:
        if not 1 <= len(self.lines) <= 3:
            raise ValueError(f"{self.title}: {len(self.lines)} lines in one panel; give 1 to 3")


def over_windows(values: Tensor, window: Tensor) -> tuple[float, Interval | None, float]:
    """The mean of values at positions (N,), its interval and its standard deviation, both over windows (N,)."""
    columns = torch.stack([torch.ones_like(values), values], 1)
    sums = by_window(columns, window)
    ends = bootstrap.interval(bootstrap.mean, sums.numpy())
    mean = float(values.mean())
    deviation = float((sums[:, 1] - mean * sums[:, 0]).square().sum().sqrt()) / len(values)
    return mean, None if ends is None else (float(ends[0]), float(ends[1])), deviation


def by_window(columns: Tensor, window: Tensor) -> Tensor:
    """Sums of columns (N, k) over the positions of each window (N,): (windows, k), float64."""
    numbers: Tensor = torch.unique(window, return_inverse=True)[1]
    sums = torch.zeros(int(numbers.max()) + 1, columns.shape[1], dtype=torch.float64)
    return sums.index_add_(0, numbers, columns.double())


class Stages:
    """One progress out of those of many stages, each with its share of the time."""

    def __init__(self, shares: Mapping[str, int], progress: Progress) -> None:
        self.shares, self.progress = dict(shares), progress

    def __call__(self, name: str) -> Progress:
        """The progress of the stage that begins now; those before it count as done."""
        names = list(self.shares)
        begun = sum(self.shares[other] for other in names[: names.index(name)])
        total, share = sum(self.shares.values()), self.shares[name]
        self.progress(round(PARTS * begun / total), PARTS, name)

        def within(done: int, of: int, text: str) -> None:
            self.progress(round(PARTS * (begun + share * done / max(1, of)) / total), PARTS, text)

        return within
