"""The head of a text model: G10, L7, L9, L14, L15 and N3, beside a freshly initialised model of the same shape."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module, util
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from lmlaws.numerics import bootstrap
from lmlaws.numerics.compression import compress, decompress
from lmlaws.numerics.measure import effective_rank
from lmlaws.numerics.models import LanguageModel
from lmlaws.numerics.onepass import LinearHead
from lmlaws.numerics.positions import Positions
from lmlaws.numerics.spectral import (
    Task,
    cluster_loss,
    majorise_minimise,
    rival_clusters,
    solve_surrogate,
    spectral_clusters,
    surrogate_value,
    train_low_rank,
)

from .record import Line, Measured, Null, Panel, Progress, by_window

REPLICATES = 500
PERMUTATIONS = 20
GRID = 32
"""Points of each segment at which the curvature is taken."""

ON = "text model"


@dataclass(frozen=True, eq=False)
class Read:
    """A model at positions of a text: its head in float64, and its laws there."""

    head: LinearHead
    positions: Positions
    laws: Tensor  # (N, V)

    @staticmethod
    def of(model: LanguageModel, ids: list[int], count: int) -> Read:
        """Read `count` positions of a text."""
        head = LinearHead(model.W.double(), model.b.double())
        found = model.positions(ids, count)
        return Read(head, found, torch.softmax(found.hidden @ head.W.T + model.b.double(), 1))

    @property
    def hidden(self) -> Tensor:
        return self.positions.hidden


def spectra(read: Read) -> tuple[bootstrap.Array, Callable[[bootstrap.Array], bootstrap.Array], bootstrap.Array]:
    """Sums over windows, and what makes of totals (r, k) the spectra (r, 2, d) of E g* and of the whitened E g*."""
    h, W = read.hidden, read.head.W
    m = read.laws @ W
    outer = [torch.einsum("ni,nj->nij", v, v).flatten(1) for v in (m, h)]
    sums = by_window(torch.cat([torch.ones(len(h), 1), read.laws, *outer, h], 1), read.positions.window).numpy()
    vocabulary, dim = W.shape

    def statistic(totals: bootstrap.Array) -> bootstrap.Array:
        means = torch.from_numpy(totals[:, 1:] / totals[:, :1])
        law, mm, hh, mean = torch.split(means, [vocabulary, dim * dim, dim * dim, dim], 1)
        metric = torch.stack([W.T @ (W * row[:, None]) for row in law]) - mm.reshape(-1, dim, dim)
        covariance = hh.reshape(-1, dim, dim) - mean[:, :, None] * mean[:, None, :]
        values, vectors = torch.linalg.eigh(metric)
        root = vectors * values.clamp(min=0).sqrt()[:, None, :]  # G = root root^T, and root^T Sigma root is whitened
        white = torch.linalg.eigvalsh(root.transpose(1, 2) @ covariance @ root)
        return np.asarray(torch.stack([values, white], 1).flip(2).numpy())

    return sums, statistic, statistic(sums.sum(0, keepdims=True))[0]


def isotropic(fresh: Read) -> Read:
    """A fresh model's head on independent normal vectors: nothing there prefers a direction."""
    hidden = torch.randn(fresh.hidden.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    laws = torch.softmax(hidden @ fresh.head.W.T, 1)
    return replace(fresh, positions=replace(fresh.positions, hidden=hidden), laws=laws)


def anisotropy(read: Read, fresh: Read) -> tuple[list[Measured], Panel]:
    """G10: effective ranks, with intervals over windows, and the two spectra."""
    sums, statistic, values = spectra(read)
    untrained, flat = (effective_rank(spectra(one)[2]) for one in (fresh, isotropic(fresh)))
    ends = bootstrap.interval(lambda totals: effective_rank(statistic(totals)), sums, replicates=REPLICATES)
    dim = read.head.dim
    found = []
    for i, name in enumerate(("E g*", "whitened E g*")):
        rank = float(effective_rank(values)[i])
        null = Null("1 - effective rank / d of a fresh head on normal vectors", 1 - float(flat[i]) / dim, 0.35)
        found.append(Measured(
            "G10", ON, f"effective rank of {name}, d = {dim}", rank, null,
            interval=None if ends is None else (float(ends[0][i]), float(ends[1][i])), bound=float(dim),
            control=float(untrained[i]), agrees=rank < float(untrained[i]),
            note="the control is a fresh model of the same shape; as it says: less than there",
        ))  # fmt: skip
    index = tuple(float(i + 1) for i in range(dim))
    lines = tuple(
        Line(name, index, tuple((values[i] / values[i].sum()).clip(1e-12).tolist()))
        for i, name in enumerate(("E g*", "whitened"))
    )
    return found, Panel("G10", "Spectra of the text model's metric", "eigenvalue", "share of the trace", lines, True)


def clusters(read: Read, ks: tuple[int, ...]) -> tuple[list[Measured], Panel]:
    """L14: what clusters of contexts lose of the output laws, against rivals with as many clusters."""
    laws = read.laws
    everything = cluster_loss(laws, torch.zeros(len(laws), dtype=torch.int64))
    losses: dict[str, list[float]] = {}
    found = []
    for k in ks:
        labels = spectral_clusters(laws.sqrt() @ laws.sqrt().T, k)
        own = cluster_loss(laws, labels)
        rivals = {name: cluster_loss(laws, other) for name, other in rival_clusters(laws, read.hidden, labels).items()}
        for name, value in {"spectral": own, **rivals}.items():
            losses.setdefault(name, []).append(value)
        random = rivals.pop("random")
        null = Null("deviations of random clusters from others of the same sizes", _unusual(laws, labels, random), 5.0)
        found.append(Measured(
            "L14", ON, f"information lost in {k} spectral clusters", own, null, unit="nats", bound=everything,
            control=random,
            note="; ".join(f"{name}: {value:.4f}" for name, value in rivals.items())
            + ("; spectral is best" if own <= min(rivals.values()) else "; spectral is NOT best"),
        ))  # fmt: skip
    lines = tuple(
        Line(name, tuple(map(float, ks)), tuple(values)) for name, values in losses.items() if name != "random"
    )
    return found, Panel(
        "L14", "What clusters lose of the output laws", "clusters", "information lost, nats", lines, True
    )


def _unusual(laws: Tensor, labels: Tensor, loss: float) -> float:
    """How many standard deviations a loss is away from those of random clusters of the same sizes."""
    generator = torch.Generator().manual_seed(1)
    drawn = [cluster_loss(laws, labels[torch.randperm(len(labels), generator=generator)]) for _ in range(PERMUTATIONS)]
    others = torch.tensor(drawn, dtype=torch.float64)
    return float((loss - others.mean()).abs() / others.std())


def surrogates(read: Read) -> Iterator[Measured]:
    """L15: by how much Bohning's bound, and one calibrated on the segments h0 to h, exceed the loss."""
    task = Task.of_targets(read.head, read.positions.next_ids)
    h = read.hidden
    anchor = h.mean(0)
    constant = anchor.expand_as(h)
    losses, means = task.losses(constant)
    straight = float((losses - ((task.prototypes - means) * (h - constant)).sum(1)).mean())
    true, bohning = task.nll(h), surrogate_value(task, anchor, h)
    local = straight + float(curvature(read.head, anchor, h).mean()) / 2
    null = Null("gap at the anchor itself", abs(surrogate_value(task, anchor, constant) - task.nll(constant)), 1e-9)
    trace = float((read.laws @ read.head.W.square().sum(1) - (read.laws @ read.head.W).square().sum(1)).mean())
    looser = float(task.root[0].square().sum()) / trace
    yield Measured(
        "L15", ON, "Bohning's surrogate less the loss", bohning - true, null, unit="nats", exact=0.0,
        control=local - true, agrees=bohning >= true,
        note=f"the loss is {true:.3f}; B exceeds E g* {looser:.0f} times in trace; control: the bound calibrated on "
        "the segments from the mean",
    )  # fmt: skip
    yield Measured(
        "L15", ON, "locally calibrated bound less the loss", local - true, null, unit="nats", exact=0.0,
        bound=bohning - true,
        agrees=local >= true, note=f"{(bohning - true) / max(local - true, 1e-12):.0f} times closer than Bohning's",
    )  # fmt: skip


def curvature(head: LinearHead, anchor: Tensor, h: Tensor) -> Tensor:
    """A proved bound on max over t in [0, 1] of d^T g*(h0 + t d) d, d = h - h0, for each h (N, d): (N,).

    Along the segment the variance v of d^T W under the law has |v'| <= r v, r the range of d^T W (a third cumulant is
    at most the range times the second). So between points of a grid of step s it is at most exp(r s / 2) times the
    value at the nearest one.
    """
    d = h - anchor
    moved = d @ head.W.T
    base = head.W @ anchor + (0 if head.b is None else head.b)
    reach = moved.amax(1) - moved.amin(1)
    largest = torch.zeros(len(h), dtype=torch.float64)
    for i in range(GRID):
        law = torch.softmax(base + moved * ((i + 0.5) / GRID), 1)
        mean = (law * moved).sum(1, keepdim=True)
        largest = torch.maximum(largest, (law * (moved - mean).square()).sum(1))
    bound: Tensor = largest * (reach / (2 * GRID)).exp()
    return bound


def eigenspaces(read: Read, ks: tuple[int, ...]) -> Iterator[Measured]:
    """L7 on the trained head: the share of the hidden states' variance, in B's norm, that its top k directions keep."""
    task = Task.of_targets(read.head, read.positions.next_ids)
    root, inverse = task.root
    h = read.hidden
    anchor = h.mean(0)
    pull = (task.prototypes - task.losses(anchor.expand_as(h))[1]) @ inverse
    moved = (h - anchor) @ root
    own = torch.linalg.eigh(moved.T @ moved)[1].flip(1)
    surrogate = torch.linalg.eigh(pull.T @ pull)[1].flip(1)
    total = float(moved.square().sum())
    generator = torch.Generator().manual_seed(0)
    for k in ks:
        draws = torch.randn(50, read.head.dim, k, generator=generator, dtype=torch.float64)
        chance = float(torch.stack([(moved @ torch.linalg.qr(q).Q).square().sum() for q in draws]).mean()) / total
        cosines = torch.linalg.svdvals(own[:, :k].T @ surrogate[:, :k])
        kept, best = (float((moved @ space[:, :k]).square().sum()) / total for space in (surrogate, own))
        yield Measured(
            "L15", ON, f"variance kept by L7's top {k} directions", kept,
            Null("kept by random directions", chance, 2 * k / read.head.dim), bound=best, control=chance,
            note=f"bound: the best {k}; principal cosines {', '.join(f'{c:.2f}' for c in cosines[:4].tolist())}",
        )  # fmt: skip


def descents(read: Read, k: int, steps: int) -> tuple[Measured, Panel]:
    """L9: majorise-minimise beside AdamW on one low-rank problem, from the same constant encoder."""
    few = slice(0, 400)
    task = Task.of_targets(read.head, read.positions.next_ids[few])
    anchor = read.hidden.mean(0)
    spectral = [value for _, value in majorise_minimise(task, anchor, k, steps)]
    adam = list(train_low_rank(task, anchor, k, steps))
    at_home = torch.softmax(read.head.W @ anchor + (0 if read.head.b is None else read.head.b), 0)
    fitted = Task.of_laws(read.head, at_home.expand(8, -1))
    still = [value for _, value in majorise_minimise(fitted, anchor, k, 5)]
    one = solve_surrogate(task, anchor, k)
    rise = max(b - a for a, b in pairwise(spectral))
    found = Measured(
        "L9", ON, f"majorise-minimise, rank {k}, {steps} steps", spectral[-1],
        Null("drop where the anchor already fits", still[0] - still[-1], 1e-9), unit="nats", control=adam[-1],
        agrees=rise <= 1e-9,
        note=f"from {spectral[0]:.3f}; control: AdamW, as many steps; one step {one.nll:.3f}; largest rise {rise:.1e}",
    )  # fmt: skip
    x = tuple(map(float, range(steps + 1)))
    lines = (Line("bound", x, tuple(spectral)), Line("AdamW", x, tuple(adam)))
    return found, Panel("L9", f"Majorise-minimise (bound) and AdamW, rank {k}", "step", "loss, nats", lines)


def compression(model: LanguageModel, fresh: LanguageModel, text: str, progress: Progress) -> list[Measured]:
    """N3: held-out text compressed and decoded, beside general compressors."""
    data = text.encode()
    own = compress(model, text, progress)
    if decompress(model, own.words, progress) != text:
        raise RuntimeError("the compressed text does not decode to itself: the decoder found other laws")
    short = text[: max(500, len(text) // 10)]
    other = compress(fresh, short)
    tokens = len(fresh.encode(short))
    gain = 1 - (other.nll_bits + other.first_bits) / (tokens * math.log2(fresh.vocabulary))
    null = Null("share of log2 V bits a token that a fresh model saves", gain, 0.01)
    allowed = 0.001 * (own.nll_bits + own.first_bits) + 64
    rivals = {"gzip": gzip.compress(data, 9, mtime=0), "xz": lzma.compress(data), "bz2": bz2.compress(data)}
    if util.find_spec("zstandard") is not None:
        rivals["zstd"] = import_module("zstandard").ZstdCompressor(19).compress(data)
    sizes = {name: 8 * len(packed) / len(data) for name, packed in rivals.items()}
    beside = ", ".join(f"{name} {size:.3f}" for name, size in sizes.items())
    missing = "" if "zstd" in rivals else " (zstd: no module zstandard)"
    return [
        Measured(
            "N3", ON, "compressed size", own.bits / len(data), null, unit="bits a byte",
            exact=(own.nll_bits + own.first_bits) / len(data), control=min(sizes.values()), agrees=True,
            note=f"decoded to the same {len(data)} bytes; exact: NLL / log 2; control: the best of {beside}{missing}",
        ),
        Measured(
            "N3", ON, "excess over NLL / log 2", own.excess_bits, null, unit="bits", bound=allowed, exact=0.0,
            agrees=own.excess_bits <= allowed, note="bound: 0.1% and 64 bits",
        ),
    ]  # fmt: skip
