"""Models on known sources, along training: N1, N4, N5, N7, S2, S3, L11, L13, L16 against the exact laws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lmlaws.numerics import bootstrap, curves
from lmlaws.numerics.curves import CONVERGES, Curve, Snapshot, categorical_entropies
from lmlaws.numerics.flow import first_phase
from lmlaws.numerics.sources import MarkovSource, Source

from .record import Line, Measured, Null, Panel, by_window, over_windows

CELLS = 32
CHANCE = 3
"""How many times its expectation a null that cannot be negative may be."""


@dataclass(frozen=True, eq=False)
class Run:
    """A model along its training on a known source, and another fresh model at the same positions."""

    on: str
    source: Source
    snapshots: Sequence[Snapshot]
    fresh: Snapshot

    @property
    def last(self) -> Snapshot:
        return self.snapshots[-1]

    @property
    def shuffled(self) -> Snapshot:
        """The trained model with its hidden vectors given to other contexts."""
        order = torch.randperm(len(self.last.hidden), generator=torch.Generator().manual_seed(0))
        return replace(self.last, hidden=self.last.hidden[order])

    @property
    def by_chance(self) -> float:
        """The share of an information that shuffled cells keep, at most: (cells - 1)/(positions - 1) is expected."""
        return CHANCE * (CELLS - 1) / (len(self.last.data) - 1)


def measured(run: Run, curve: dict[str, Curve]) -> Iterator[Measured]:
    """Everything on one source; `curve` are those of curves.study, by name."""
    yield from fit(run, curve)
    yield from entropies(run)
    yield gap(run, curve["gap of mean entropies"])
    yield from split(run)
    yield surplus(run)
    yield from alignments(run, curve)
    yield power_iteration(run, curve["share of the top 1 singular directions"])
    yield from subspaces(run)


def fit(run: Run, curve: dict[str, Curve]) -> Iterator[Measured]:
    """N1: average KL and cross entropy."""
    kl, nll = curve["average KL"], curve["cross entropy"]
    rate = run.source.entropy_rate_bounds().middle
    mean_law = run.last.data.mean(0)
    constant = replace(run.last, log_p=mean_law.log().expand_as(run.last.data))
    constant_kl = float(curves.divergences(constant).mean())
    null = Null(
        "a fresh model's gain over the best constant law", constant_kl - float(curves.divergences(run.fresh).mean()),
        0.01,
    )  # fmt: skip
    learnt = kl.values[-1] < min(kl.values[0], constant_kl)
    yield Measured(
        "N1", run.on, "average KL", kl.values[-1], null, unit="nats", interval=kl.intervals[-1], exact=0.0,
        control=constant_kl, agrees=learnt, note="the control is the best constant law",
    )  # fmt: skip
    yield Measured(
        "N1", run.on, "cross entropy", nll.values[-1], null, unit="nats", interval=nll.intervals[-1], exact=rate,
        control=rate + constant_kl, agrees=learnt,
        note=f"exact: the entropy rate; the mean entropy at these positions is {nll.limit:.4f}",
    )  # fmt: skip


def entropies(run: Run) -> Iterator[Measured]:
    """N5 where the data's laws have zeros: the share of the distance to their mean entropy that was closed, by D."""
    if not bool((run.last.data == 0).any()):
        return
    for name, converges in CONVERGES.items():
        laws = (run.last.data.log(), run.snapshots[0].log_p, run.last.log_p, run.fresh.log_p)
        sums = by_window(torch.stack([categorical_entropies(law, name) for law in laws], 1), run.last.window).numpy()
        share = float(_closed(sums.sum(0)))
        ends = bootstrap.interval(_closed, sums)
        untrained = abs(float(_closed(sums.sum(0)[[0, 1, 3]])))
        constant = name in ("chi2", "renyi:2")
        yield Measured(
            "N5", run.on, f"H_{name}: share of the gap closed" + ("" if converges else " (FAILS)"), share,
            Null("share that another fresh model closes, in size", untrained, 0.2),
            interval=None if ends is None else (float(ends[0]), float(ends[1])),
            exact=1.0 if converges else 0.0 if constant else None,
            agrees=share > 0.5 if converges else abs(share) < 1e-9 if constant else None,
            note="" if converges else "counts the support, which a softmax keeps whole: it never moves" if constant
            else "unbounded: goes on past the limit as forbidden letters lose their mass",
        )  # fmt: skip


def _closed(sums: bootstrap.Array) -> bootstrap.Array:
    """1 - |end - limit| / |start - limit| from sums (..., [limit, start, end])."""
    return np.asarray(1 - np.abs(sums[..., 2] - sums[..., 0]) / np.abs(sums[..., 1] - sums[..., 0]))


def gap(run: Run, curve: Curve) -> Measured:
    """N7: the gap of mean entropies and its bound."""
    assert curve.bound is not None
    perfect = curves.entropy_gap([replace(run.last, log_p=run.last.data.log())])
    difference = categorical_entropies(run.last.log_p, "KL") - categorical_entropies(run.last.data.log(), "KL")
    mean, ends, _ = over_windows(difference, run.last.window)
    if ends is not None and mean < 0:
        ends = (-ends[1], -ends[0])
    return Measured(
        "N7", run.on, "gap of mean entropies", abs(mean), Null("the data's laws as the model", perfect.values[0], 1e-9),
        unit="nats", interval=ends, exact=0.0, bound=curve.bound[-1],
        agrees=all(a <= b for a, b in zip(curve.values, curve.bound, strict=True)),
        note="at most the bound at every step; the interval is of the signed gap, turned",
    )  # fmt: skip


def split(run: Run) -> Iterator[Measured]:
    """N4: the parts of the loss in cells."""
    first, last = curves.split(run.snapshots[0], CELLS), curves.split(run.last, CELLS)
    everything = curves.split(run.last, 1)[2]  # what the past says
    kept = 1 - curves.split(run.shuffled, CELLS)[2] / everything
    null = Null("share of the information that shuffled cells keep", kept, run.by_chance)
    exact = abs(last[0] - sum(last[1:])) < 1e-9
    names = ("", "intrinsic", "lost by the backbone", "misfit of the head")
    for i in (2, 3):
        yield Measured(
            "N4", run.on, f"{names[i]}, {CELLS} cells", last[i], null, unit="nats", control=first[i], exact=0.0,
            agrees=exact and min(last[2:]) >= -1e-9, note="the control is the model before training",
        )  # fmt: skip


def surplus(run: Run) -> Measured:
    """S2, and S3 where the source is a chain of order 1."""
    value, exact = curves.surplus(run.last, CELLS), run.source.surplus(2).middle
    first = run.source.order == 1
    there = curves.surplus(run.last, None)
    chance = 1e-9 if first else run.by_chance * there
    null = Null("surplus that shuffled hidden vectors keep", curves.surplus(run.shuffled, CELLS), chance)
    agrees = abs(value) < 1e-9 if first else -1e-9 <= value <= there + 1e-9
    return Measured(
        "S3" if first else "S2", run.on, f"surplus kept, {CELLS} cells", value, null, unit="nats",
        exact=0.0 if first else exact, bound=there, control=curves.surplus(run.snapshots[0], CELLS), agrees=agrees,
        note="exact: of the whole past; bound: the same at these positions; control: before training",
    )  # fmt: skip


def alignments(run: Run, curve: dict[str, Curve]) -> Iterator[Measured]:
    """L13: the alignment at the end, shuffled contexts as null, the fresh model as control."""
    for name, found in curve.items():
        if found.claim == "L13" and found.reason is None and found.control is not None:
            null = Null("alignment with shuffled contexts, in size", abs(found.control[-1]), 0.1)
            yield Measured(
                "L13", run.on, name.replace(".", ", "), found.values[-1], null, interval=found.intervals[-1],
                control=found.values[0],
                note="the control is the model before training",
            )  # fmt: skip


def power_iteration(run: Run, curve: Curve) -> Measured:
    """L11 on the GPT: the largest share before the last step."""
    assert curve.control is not None
    early = max(range(1, len(curve.steps) - 1), key=lambda i: curve.values[i], default=1)
    chance = CHANCE * 4 / len(run.last.data) + 0.05
    return Measured(
        "L11", run.on, "GPT: top direction", curve.values[early],
        Null("share of shuffled directions", max(curve.control), chance), control=curve.values[0],
        note=f"not clear-cut: largest early share, at step {curve.steps[early]}; control: before training; "
        f"at the end {curve.values[-1]:.2f}",
    )  # fmt: skip


def subspaces(run: Run) -> Iterator[Measured]:
    """L16: the share of the top left spaces of the centred logits in those of the normalised joint law."""
    data = run.last.data
    law = data.mean(0)
    used = law > 0
    normalised = ((data - law) / law.sqrt())[:, used]
    contrastive = torch.linalg.svd(normalised, full_matrices=False).U
    trained = torch.linalg.svd(_doubly_centred(run.last.log_p), full_matrices=False).U
    perfect = None
    if bool((data > 0).all()):
        perfect = torch.linalg.svd(_doubly_centred(data.log()), full_matrices=False).U
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    most = min(int(used.sum()) - 1, 3)
    for k in range(1, most + 1):
        null = Null(
            "the same with shuffled contexts",
            _overlap(trained[order], contrastive, k),
            CHANCE * most / len(data) + 0.02,
        )
        yield Measured(
            "L16", run.on, f"top {k}: NLL in contrastive", _overlap(trained, contrastive, k), null,
            exact=None if perfect is None else _overlap(perfect, contrastive, k),
            note="mean squared cosine of the principal angles; exact: at a perfect fit (1 would be equivalence)",
        )  # fmt: skip


def _doubly_centred(logits: Tensor) -> Tensor:
    z = logits - logits.mean(1, keepdim=True)
    centred: Tensor = z - z.mean(0)
    return centred


def _overlap(left: Tensor, right: Tensor, k: int) -> float:
    """The mean squared cosine of the principal angles of two k-dimensional spaces."""
    return float((left[:, :k].T @ right[:, :k]).square().sum()) / k


def flow(source: MarkovSource, on: str) -> tuple[list[Measured], Panel]:
    """L11 where it is clear-cut: the gradient flow of a tabular encoder and head from a small start."""
    mu = torch.tensor([float(weight) for weight in source.stationary], dtype=torch.float64)
    laws = torch.tensor(source.table.tolist(), dtype=torch.float64)
    times = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
    free, frozen = (first_phase(mu, laws, times, size=1e-4, frozen=held) for held in (False, True))
    null = Null("share of the random start", free.share[0], 0.4)
    found = [
        Measured(
            "L11", on, "flow: top pair, t = 4", free.share[-1], null,
            exact=free.power_iteration[-1], agrees=abs(free.share[-1] - free.power_iteration[-1]) < 1e-3,
            note="share of the tabular logits; exact: power iteration",
        ),
        Measured(
            "L11", on, "flow: distance", free.distance[-1],
            Null("the distance at the start", free.distance[0], 1e-12), exact=0.0, control=frozen.distance[-1],
            agrees=free.distance[-1] < 1e-2 < frozen.distance[-1],
            note="to power iteration, relative; control: the head held fixed",
        ),
    ]  # fmt: skip
    lines = (Line("gradient flow", times, free.share), Line("power iteration", times, free.power_iteration))
    return found, Panel("L11", f"Tabular flow on the {on}", "time, in 1/sigma_1", "share of the top pair", lines)
