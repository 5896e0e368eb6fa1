"""Confidence intervals from a bootstrap over windows of text, from sums over each window and nothing else.

Tokens of one window depend on each other, so whole windows are drawn (Efron 1979; blocks of a series: Kuensch 1989). A
statistic is any function of sums, a ratio such as a mean over tokens or an effective rank among them. The percentile
interval of n windows is too short by a factor of sqrt((n - 1)/n) and by the normal quantile in place of Student's;
both are put back by taking wider percentiles: the expanded percentile interval (Hesterberg, arXiv:1411.5279, 5.3).
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import torch
from numpy.typing import NDArray

from lmlaws.numerics.loop import threads

Array = NDArray[np.float64]

LEVEL, REPLICATES, SEED = 0.95, 2000, 0
AT_ONCE = 100
"""Replicates whose draws are held at the same time."""


def mean(sums: Array) -> Array:
    """The statistic of a mean: column 1 over column 0, for sums (..., 2) of counts and values."""
    return np.asarray(sums[..., 1] / sums[..., 0])


def resampled(sums: Array, replicates: int = REPLICATES, seed: int = SEED) -> Array:
    """Totals (replicates, k) of n windows drawn with replacement from n, for sums (n, k), row i those of window i.

    The same seed gives the same bits on one machine, whatever number of threads it has.
    """
    n = len(sums)
    rng = np.random.default_rng(seed)
    columns = torch.from_numpy(np.ascontiguousarray(sums, dtype=np.float64))
    parts = []
    with threads(1):
        for start in range(0, replicates, AT_ONCE):
            size = min(AT_ONCE, replicates - start)
            drawn = rng.integers(0, n, (size, n)) + n * np.arange(size)[:, None]
            counts = np.bincount(drawn.reshape(-1), minlength=size * n).reshape(size, n)
            parts.append((torch.from_numpy(counts).double() @ columns).numpy())
    return np.concatenate(parts) if parts else np.zeros((0, sums.shape[1]))


def interval(
    statistic: Callable[[Array], Array],
    sums: Array,
    *,
    level: float = LEVEL,
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> tuple[Array, Array] | None:
    """The expanded percentile interval of statistic(totals), low and high; None for fewer than two windows.

    Args:
        statistic: of totals (replicates, k), with values (replicates, ...); it is called once, on all replicates.
        sums: (n, k), the sums over each window. Every window has a positive weight of its own.
        level: the share of intervals that cover the truth, in (0, 1).
        replicates: how often n windows are drawn.
        seed: of the draws.

    Raises:
        ValueError: the statistic is not a number in some replicate, or the level is outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level}: give a number between 0 and 1")
    if len(sums) < 2:
        return None
    values = np.asarray(statistic(resampled(sums, replicates, seed)))
    if np.isnan(values).any():
        raise ValueError(f"the statistic is not a number in {int(np.isnan(values).sum())} of its bootstrap values")
    tail = expanded_tail(len(sums), level)
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return np.asarray(low), np.asarray(high)


def expanded_tail(n: int, level: float) -> float:
    """The percentile at which the expanded interval of n >= 2 windows begins; (1 - level)/2 in the limit of n."""
    normal = NormalDist()
    return normal.cdf(-((n / (n - 1)) ** 0.5) * student(normal.inv_cdf((1 + level) / 2), n - 1))


def student(z: float, degrees: int) -> float:
    """Student's quantile where the normal one is z, by its expansion (Abramowitz and Stegun 26.7.5).

    To 1% from 2 degrees of freedom on, at 95%.
    """
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + float(sum(term / degrees**power for power, term in enumerate(terms, 1)))
