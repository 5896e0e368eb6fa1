"""Curves across training on a known source: what the theory says of NLL training, beside the exact limits.

Everything is measured at the same held-out positions at each step, where the data's law P(. | context) is known; the
model's own law is called the output law. Known sources have few letters, so laws are kept whole, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lmlaws.numerics import bootstrap
from lmlaws.numerics.loop import Progress, Recipe
from lmlaws.numerics.models import load
from lmlaws.numerics.onepass import LinearHead
from lmlaws.numerics.positions import Positions, data_laws
from lmlaws.numerics.similarity import KINDS, UndefinedError, alignment, dense, of_laws
from lmlaws.numerics.sources import Source
from lmlaws.numerics.training import held_out_ids, trajectory

# Categorical entropies, and whether their mean converges along NLL training: the condition of N5 is f(0) finite and
# f(u)/u^2 -> 0, or a Renyi order below 2. The others jump or diverge where the data's law has zeros.
CONVERGES = {
    "KL": True, "TV": True, "hellinger2": True, "JS": True, "triangular": True, "renyi:1/2": True, "renyi:3/2": True,
    "chi2": False, "renyi:2": False, "renyi:3": False,
}  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """One quantity along training, as plain data."""

    name: str
    claim: str  # the row of the catalogue that it belongs to
    unit: str
    steps: tuple[int, ...]
    values: tuple[float, ...]
    limit: float | None = None  # the exact value at a perfect fit
    intervals: tuple[tuple[float, float] | None, ...] = ()  # 95%, over windows
    bound: tuple[float, ...] | None = None  # what the theory lets the values be at most
    control: tuple[float, ...] | None = None  # the same with contexts shuffled
    reason: str | None = None  # why there are no values


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A model at one step, at N positions of a text with known laws over V letters."""

    step: int
    data: Tensor  # (N, V) float64: the exact laws
    after: Tensor  # (N, V, V) float64: the exact law of the token after the next one, given the next
    log_p: Tensor  # (N, V) float64: logs of the output laws
    hidden: Tensor  # (N, d) float64
    W: Tensor  # (V, d) float64
    b: Tensor  # (V,) float64
    window: Tensor  # (N,): the window of each position


def along(
    recipe: Recipe,
    steps: Sequence[int],
    *,
    count: int = 2_000,
    seed: int = 0,
    text: int = 16_384,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> list[Snapshot]:
    """The recipe's model after each of the steps, at `count` sampled positions of `text` held-out letters.

    Raises:
        ValueError: the recipe has no known source, or steps outside its training.
    """
    if recipe.source is None:
        raise ValueError(f"{recipe.name}: it trains on a text whose law is not known; give a recipe with a source")
    snapshots: list[Snapshot] = []
    for step, folder in trajectory(recipe, steps, cache, progress).items():
        model = load(folder, torch.float64)
        ids = held_out_ids(recipe, model.tokenizer, text)
        positions, data = data_laws(recipe.source, model.positions(ids, count, seed))
        after = snapshots[0].after if snapshots else _after(recipe.source, positions, data)
        with torch.no_grad():
            log_p = torch.log_softmax(model.head(positions.hidden), dim=1)
        snapshots.append(Snapshot(step, data, after, log_p, positions.hidden, model.W, model.b, positions.window))
    return snapshots


def _after(source: Source, positions: Positions, data: Tensor) -> Tensor:
    """The law of the token after the next one, for each next one (N, V, V); 0 where that one cannot come."""
    possible = (data > 0).nonzero()
    laws = source.laws([(*positions.context(i), token) for i, token in possible.tolist()])
    after = torch.zeros(*data.shape, data.shape[1], dtype=torch.float64)
    after[possible[:, 0], possible[:, 1]] = torch.from_numpy(laws)
    return after


def _terms(p: Tensor, log_q: Tensor) -> Tensor:
    """sum p log q over letters, 0 where p is 0."""
    return torch.where(p > 0, p * log_q, torch.zeros_like(p)).sum(dim=-1)


def divergences(snapshot: Snapshot) -> Tensor:
    """KL(data, output law) at each position, in nats: (N,)."""
    return _terms(snapshot.data, snapshot.data.log()) - _terms(snapshot.data, snapshot.log_p)


def categorical_entropies(log_p: Tensor, name: str) -> Tensor:
    """H_D of laws given by their logs (N, V): D between a copied letter and two independent ones, (N,).

    In nats for KL, JS and the Renyi divergences. arXiv:2507.19247, Section 3.

    Raises:
        ValueError: a divergence that is not among `CONVERGES`.
    """
    p, one = log_p.exp(), torch.ones((), dtype=log_p.dtype)
    apart = one - (p * p).sum(dim=1)  # the mass of two different letters
    if name == "KL":
        return -_terms(p, log_p)
    if name == "TV":
        return apart
    if name == "hellinger2":
        return one - p.pow(1.5).sum(dim=1)
    if name == "chi2":
        return (p > 0).sum(dim=1) - one
    if name == "triangular":
        return ((p * (1 - p) ** 2 / (1 + p)).sum(dim=1) + apart) / 2
    if name == "JS":
        same = -p * torch.log1p(p) + math.log(2) * (p + p * p) - p * p * torch.log1p(p)
        return (same.sum(dim=1) + _terms(p * p, log_p) + math.log(2) * apart) / 2
    if name in CONVERGES:
        numerator, _, denominator = name.removeprefix("renyi:").partition("/")
        order = int(numerator) / int(denominator or 1)
        powers = torch.where(log_p > -math.inf, (2 - order) * log_p, log_p)
        return torch.logsumexp(powers, dim=1) / (order - 1)
    raise ValueError(f"no categorical entropy {name!r} here: known are {', '.join(CONVERGES)}")


def _interval(values: Tensor, window: Tensor) -> tuple[float, float] | None:
    """The interval of a mean over positions."""
    numbers, at = torch.unique(window, return_inverse=True)
    sums = torch.zeros(len(numbers), 2, dtype=torch.float64)
    sums.index_add_(0, at, torch.stack([torch.ones_like(values), values], dim=1))
    ends = bootstrap.interval(bootstrap.mean, sums.numpy())
    return None if ends is None else (float(ends[0]), float(ends[1]))


def _mean_curve(
    snapshots: Sequence[Snapshot],
    values: Callable[[Snapshot], Tensor],
    *,
    name: str,
    claim: str,
    unit: str = "nats",
    limit: float | None = None,
) -> Curve:
    rows = [values(snapshot) for snapshot in snapshots]
    return Curve(
        name,
        claim,
        unit,
        tuple(snapshot.step for snapshot in snapshots),
        tuple(float(row.mean()) for row in rows),
        limit,
        tuple(_interval(row, snapshot.window) for row, snapshot in zip(rows, snapshots, strict=True)),
    )


def fit(snapshots: Sequence[Snapshot]) -> list[Curve]:
    """N1: the average KL, which goes to 0, and the cross entropy, which goes to the mean entropy of the data's laws."""
    data = snapshots[0].data
    entropy = float(-_terms(data, data.log()).mean())
    return [
        _mean_curve(snapshots, divergences, name="average KL", claim="N1", limit=0.0),
        _mean_curve(snapshots, lambda s: -_terms(s.data, s.log_p), name="cross entropy", claim="N1", limit=entropy),
    ]


def entropies(snapshots: Sequence[Snapshot], names: Sequence[str] = tuple(CONVERGES)) -> list[Curve]:
    """N5: the mean categorical entropy of the output laws for each D, the data's own as the limit.

    Those with `CONVERGES[name]` false need not reach it: chi2 and Renyi 2 count the support, which a softmax keeps
    whole; Renyi 3 diverges as forbidden letters lose their mass.
    """
    curves = []
    for name in names:
        limit = float(categorical_entropies(snapshots[0].data.log(), name).mean())
        unit = "nats" if name in ("KL", "JS") or name.startswith("renyi") else ""
        entropy = _Entropy(name)
        curves.append(_mean_curve(snapshots, entropy, name=f"H_{name}", claim="N5", unit=unit, limit=limit))
    return curves


@dataclass(frozen=True)
class _Entropy:
    name: str

    def __call__(self, snapshot: Snapshot) -> Tensor:
        return categorical_entropies(snapshot.log_p, self.name)


def entropy_gap(snapshots: Sequence[Snapshot]) -> Curve:
    """N7: |mean entropy of the output laws - of the data's|, with its bound T log(V - 1) + h(T), T = sqrt(KL/2).

    Fannes-Audenaert, Pinsker and Jensen; where T > 1 - 1/V the bound is log V. In nats.
    """
    gaps, bounds = [], []
    for snapshot in snapshots:
        size = snapshot.data.shape[1]
        gap = categorical_entropies(snapshot.log_p, "KL") - categorical_entropies(snapshot.data.log(), "KL")
        gaps.append(abs(float(gap.mean())))
        t = math.sqrt(max(0.0, float(divergences(snapshot).mean())) / 2)
        binary = -t * math.log(t) - (1 - t) * math.log1p(-t) if 0 < t < 1 else 0.0
        bounds.append(t * math.log(size - 1) + binary if t <= 1 - 1 / size else math.log(size))
    steps = tuple(snapshot.step for snapshot in snapshots)
    return Curve("gap of mean entropies", "N7", "nats", steps, tuple(gaps), 0.0, bound=tuple(bounds))


def cells(hidden: Tensor, count: int) -> Tensor:
    """A cell of at most `count` for each hidden vector (N, d): Lloyd's algorithm from far-apart starts, (N,).

    Gonzalez (1985) for the starts; deterministic.
    """
    centres = hidden.mean(dim=0, keepdim=True)
    away = torch.cdist(hidden, centres)[:, 0]
    for _ in range(min(count, len(hidden)) - 1):
        far = hidden[away.argmax()][None]
        centres = torch.cat([centres, far])
        away = torch.minimum(away, torch.cdist(hidden, far)[:, 0])
    cell = torch.cdist(hidden, centres).argmin(dim=1)
    for _ in range(20):
        sums = torch.zeros_like(centres).index_add_(0, cell, hidden)
        sizes = torch.bincount(cell, minlength=len(centres))[:, None]
        centres = torch.where(sizes > 0, sums / sizes.clamp(min=1), centres)
        cell = torch.cdist(hidden, centres).argmin(dim=1)
    used: Tensor = torch.unique(cell, return_inverse=True)[1]  # numbered without gaps
    return used


def split(snapshot: Snapshot, count: int = 32) -> tuple[float, float, float, float]:
    """N4 for the model whose hidden vectors are replaced by the means of their cells: in nats,

    (cross entropy, H(W given the past), I(past; W given the cell), E KL(P(. | cell), head(mean of the cell))). The
    first is the sum of the others. With a cell for each context the third is 0, and the head misfits alone.
    """
    cell = cells(snapshot.hidden, count)
    sizes = torch.bincount(cell).double()
    within = torch.zeros(len(sizes), snapshot.data.shape[1], dtype=torch.float64).index_add_(0, cell, snapshot.data)
    centre = torch.zeros(len(sizes), snapshot.hidden.shape[1], dtype=torch.float64).index_add_(0, cell, snapshot.hidden)
    law = within / sizes[:, None]
    log_q = torch.log_softmax(centre / sizes[:, None] @ snapshot.W.T + snapshot.b, dim=1)
    intrinsic = -_terms(snapshot.data, snapshot.data.log()).mean()
    lost = (_terms(snapshot.data, snapshot.data.log()) - _terms(snapshot.data, law[cell].log())).mean()
    misfit = (sizes * (_terms(law, law.log()) - _terms(law, log_q))).sum() / len(cell)
    total = -_terms(snapshot.data, log_q[cell]).mean()
    return float(total), float(intrinsic), float(lost), float(misfit)


def splits(snapshots: Sequence[Snapshot], count: int = 32) -> list[Curve]:
    """N4 along training: what is intrinsic, what the backbone lost in `count` cells, what the head misfits."""
    parts = list(zip(*(split(snapshot, count) for snapshot in snapshots), strict=True))
    steps = tuple(snapshot.step for snapshot in snapshots)
    names = ("cross entropy in cells", "intrinsic", "lost by the backbone", "misfit of the head")
    limits = (parts[1][0], parts[1][0], 0.0, 0.0)
    return [
        Curve(name, "N4", "nats", steps, tuple(values), limit)
        for name, values, limit in zip(names, parts, limits, strict=True)
    ]


def surplus(snapshot: Snapshot, count: int | None = 32) -> float:
    """I(H; W_{t+1} given W_t) in nats, H the cell of the hidden vector among `count`, or the context itself for None.

    Positions are uniform, W_t is the next token and W_{t+1} the one after it, both by the data's exact laws.
    """
    n = len(snapshot.data)
    cell = torch.arange(n) if count is None else cells(snapshot.hidden, count)
    joint = snapshot.data[:, :, None] * snapshot.after / n
    by_cell = torch.zeros(int(cell.max()) + 1, *joint.shape[1:], dtype=torch.float64).index_add_(0, cell, joint)

    def information(table: Tensor) -> Tensor:
        """-H(H, W_t, W_{t+1}) + H(H, W_t)."""
        first = table.sum(dim=2)
        return _terms(table, table.log()).sum() - _terms(first, first.log()).sum()

    return float(information(by_cell) - information(joint.sum(dim=0, keepdim=True)))


def surpluses(snapshots: Sequence[Snapshot], count: int = 32) -> Curve:
    """S2 and S3: the surplus of two tokens that the hidden vectors keep, in `count` cells; the whole past's as limit.

    On a first-order chain it is 0 for every encoder, so at every step.
    """
    steps = tuple(snapshot.step for snapshot in snapshots)
    values = tuple(surplus(snapshot, count) for snapshot in snapshots)
    limit = surplus(snapshots[0], None)
    return Curve("surplus of two tokens", "S2", "nats", steps, values, limit, bound=(limit,) * len(values))


def alignments(snapshots: Sequence[Snapshot], contexts: int = 400, seed: int = 0) -> list[Curve]:
    """L13: alignment of hidden vectors with each predictive similarity of the data's laws, beside shuffled contexts.

    Taken at `contexts` of the positions, evenly spread, because the estimate compares all pairs.
    """
    chosen = torch.arange(0, len(snapshots[0].data), max(1, len(snapshots[0].data) // contexts))
    steps = tuple(snapshot.step for snapshot in snapshots)
    curves = []
    for kind in KINDS:
        name, found = f"alignment.{kind}", []
        try:
            for s in snapshots:
                laws = of_laws(kind, s.data[chosen], LinearHead(s.W))
                found.append(alignment(dense(s.hidden[chosen]), laws, s.window[chosen], seed))
        except UndefinedError as undefined:
            curves.append(Curve(name, "L13", "", (), (), reason=str(undefined)))
            continue
        reasons = [one.reason for one in found if one.value is None]
        if reasons:
            curves.append(Curve(name, "L13", "", (), (), reason=reasons[0]))
            continue
        values = tuple(one.value for one in found if one.value is not None)
        nulls = tuple(one.control for one in found if one.control is not None)
        curves.append(Curve(name, "L13", "", steps, values, None, tuple(one.interval for one in found), control=nulls))
    return curves


def power_iteration(snapshots: Sequence[Snapshot], top: int = 1, seed: int = 0) -> Curve:
    """L11: the share of the output logits that lies in the top singular directions of diag(mu)(P - 1 pi^T).

    mu is uniform over the positions, pi the mean law; logits are centred over letters and over positions, and the share
    is |U^T Z|_F^2 / |Z|_F^2 with U the `top` left singular vectors. Power iteration drives the share towards 1 early in
    training; its limit at a perfect fit is the share of the data's own logits, None where its laws have zeros.
    """
    data = snapshots[0].data
    u = torch.linalg.svd(data - data.mean(dim=0), full_matrices=False).U[:, :top]
    shuffled = u[torch.randperm(len(u), generator=torch.Generator().manual_seed(seed))]

    def share(logits: Tensor, directions: Tensor) -> float:
        z = logits - logits.mean(dim=1, keepdim=True)
        z = z - z.mean(dim=0)
        return float((directions.T @ z).square().sum() / z.square().sum())

    return Curve(
        f"share of the top {top} singular directions",
        "L11",
        "",
        tuple(snapshot.step for snapshot in snapshots),
        tuple(share(snapshot.log_p, u) for snapshot in snapshots),
        share(data.log(), u) if bool((data > 0).all()) else None,
        control=tuple(share(snapshot.log_p, shuffled) for snapshot in snapshots),
    )


def study(snapshots: Sequence[Snapshot], contexts: int = 400) -> list[Curve]:
    """Every curve of this module; alignments at `contexts` of the positions."""
    return [
        *fit(snapshots),
        *entropies(snapshots),
        entropy_gap(snapshots),
        *splits(snapshots),
        surpluses(snapshots),
        *alignments(snapshots, contexts),
        power_iteration(snapshots),
    ]
