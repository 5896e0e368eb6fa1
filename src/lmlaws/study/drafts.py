"""Draft heads on Markov chains: S4, S5 and S7 measured, and speculative sampling run (S6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from lmlaws.numerics import speculative
from lmlaws.numerics.models import LanguageModel
from lmlaws.numerics.onepass import scan
from lmlaws.numerics.sources import MarkovSource
from lmlaws.numerics.surplus import Kind, Surplus, draft, positions

from .plan import Plan
from .record import Measured, Null, Progress, over_windows

DEVIATIONS = 5.0
"""How far, in standard deviations, chance goes."""


def pair_law(source: MarkovSource) -> Tensor:
    """The exact law of a letter given the one before, (V, V), float64."""
    weights = torch.tensor([float(weight) for weight in source.stationary], dtype=torch.float64)
    table = torch.tensor(source.table.tolist(), dtype=torch.float64)
    last = torch.tensor([context[-1] for context in source.contexts])
    joint = torch.zeros(source.letters, source.letters, dtype=torch.float64)
    joint.index_add_(0, last, weights[:, None] * table)
    return joint / joint.sum(1, keepdim=True)


def sampled(source: MarkovSource, windows: int, length: int, seed: int) -> Tensor:
    """Windows of a stationary text (windows, length)."""
    return torch.from_numpy(np.asarray(source.sample(windows * length, seed), np.int64)).reshape(windows, length)


def measured(model: LanguageModel, source: MarkovSource, on: str, plan: Plan, progress: Progress) -> Iterator[Measured]:
    """A linear and an MLP drafter, each beside its blind control, and rounds of speculative sampling with the last."""
    law = pair_law(source)
    windows = sampled(source, plan.windows, model.context, 5)
    found = None
    kinds: tuple[Kind, ...] = get_args(Kind)
    told = _Trainings(2 * len(kinds), progress)
    for kind in kinds:
        found = draft(
            model, windows, kind=kind, steps=plan.draft_steps, reference=lambda a, b: -law[a, b].log(), seed=1,
            progress=told,
        )  # fmt: skip
        yield from gains(found, source, f"{on}, {kind}")
        yield acceptance(found, model, windows, f"{on}, {kind}")
    assert found is not None
    prefixes = sampled(source, min(256, plan.windows), 5, 7)
    yield from spoken(speculative.run(model, found.sighted.head, prefixes, plan.rounds, seed=3), on)


class _Trainings:
    """One progress out of those of several trainings, each of which begins again from nothing."""

    def __init__(self, count: int, progress: Progress) -> None:
        self.count, self.progress, self.finished, self.last = count, progress, 0, 0

    def __call__(self, done: int, total: int, text: str) -> None:
        self.finished += done < self.last
        self.last = done
        self.progress(self.finished * total + done, self.count * total, text)


def gains(found: Surplus, source: MarkovSource, on: str) -> Iterator[Measured]:
    """S4: the gain over the exact law given w_t and over the blind drafter; each at most the exact surplus."""
    exact = source.surplus(2)
    window = found.sighted.window
    blind, _, noise = over_windows(found.control, window)
    null = Null("what the blind drafter gains over the exact law given one token", blind, 4 * noise)
    lower, ends, deviation = over_windows(found.lower, window)
    yield Measured(
        "S4", on, "gain over the law given w_t", lower, null, unit="nats", interval=ends, exact=exact.middle,
        bound=exact.high, control=blind, agrees=lower <= exact.high + 4 * deviation,
        note="exact: the surplus, which bounds the gain",
    )  # fmt: skip
    gain, ends, _ = over_windows(found.blind.nll - found.sighted.nll, window)
    yield Measured(
        "S4", on, "gain over the blind drafter", gain, null, unit="nats", interval=ends, exact=exact.middle,
    )  # fmt: skip


def acceptance(found: Surplus, model: LanguageModel, windows: Tensor, on: str) -> Measured:
    """S7: mean acceptance and its bound. At surplus 0 it still is what the drafter makes of w_t (S5)."""
    sighted = found.sighted
    mean, ends, _ = over_windows(sighted.overlap, sighted.window)
    after = positions(model, windows[:8]).after
    own, _ = scan(model.linear_head, after, second=(model.linear_head, after), statistics=False)
    assert own.overlap is not None
    null = Null("rejections where the verifier is its own draft", 1 - float(own.overlap.mean()), 1e-4)
    return Measured(
        "S7", on, "mean acceptance", mean, null, interval=ends, floor=sighted.acceptance_bound,
        control=found.blind.acceptance, agrees=mean >= sighted.acceptance_bound,
        note="control: the blind drafter; the bound is 1 - sqrt(mean KL / 2)",
    )  # fmt: skip


def spoken(run: speculative.Run, on: str) -> Iterator[Measured]:
    """S6: speculative sampling as it ran; both deviations are nulls themselves."""
    accepted = Null("deviations of the accepted number from 1 - TV, in size", abs(run.z), DEVIATIONS)
    share = float(run.accepted.double().mean())
    spread = 1.96 * (share * (1 - share) / len(run.accepted)) ** 0.5
    expected = float(run.expected.mean())
    yield Measured(
        "S6", on, "speculative: accepted", share, accepted,
        interval=(share - spread, share + spread), exact=expected,
        agrees=accepted.holds, note=f"z = {run.z:.2f} in {len(run.accepted)} rounds",
    )  # fmt: skip
    statistic, freedom = run.chi_square()
    same = Null("deviations of chi-square (Wilson and Hilferty)", deviations(statistic, freedom), DEVIATIONS)
    yield Measured(
        "S6", on, "speculative: chi-square", statistic, same, exact=float(freedom),
        agrees=same.holds, note=f"of what came out; exact: its mean, {freedom} degrees of freedom",
    )  # fmt: skip


def deviations(statistic: float, freedom: int) -> float:
    """How many standard deviations a chi-square statistic lies above its middle (Wilson and Hilferty 1931)."""
    spread = 2 / (9 * freedom)
    return float(((statistic / freedom) ** (1 / 3) - (1 - spread)) / spread**0.5)
