"""What `lmlaws measure` measures, from the sums that a pass over a text has left on disk (see stream.py).

Names, and where each is measured, are the contract of the command line. Means run over positions, intervals come from a
bootstrap over windows (bootstrap.py). A *control* is what the quantity would be without what it is to show: for the
loss, that of the best constant law of this text; for the output law, that of the uniform law; for an alignment, that of
shuffled contexts. Nothing is ever not-a-number: what has no value is null, with the reason. Units: nats, unless said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmlaws.numerics.bootstrap import Array, interval, mean
from lmlaws.numerics.loop import Progress, threads
from lmlaws.numerics.metric import Spectrum, head_rank, mean_metric, mean_metric_error, mean_row, pass_error, tiles
from lmlaws.numerics.onepass import LinearHead, Statistics
from lmlaws.numerics.positions import Positions, data_laws
from lmlaws.numerics.similarity import KINDS, Features, UndefinedError, alignment, dense, of_head, of_laws
from lmlaws.numerics.sources import Source
from lmlaws.numerics.stream import COLUMNS, Pass
from lmlaws.numerics.training import MARKER, source_of

Entry = dict[str, Any]
MEANS = tuple(name for name in COLUMNS if name not in ("count", "bytes", "error"))
FEW = "fewer than 2 windows: windows are what the bootstrap draws"
NO_POSITIONS = "0 positions tried: a window needs at least 2 tokens"
NO_DRAFT = "no draft head was trained: give --draft MINUTES"
DRAFTED = ("surplus.lower", "acceptance")
PLACE = {name: i for i, name in enumerate(COLUMNS)}


@dataclass
class Sums:
    """What the groups of a finished pass hold: blocks' sums, all statistics together, the sampled hidden vectors."""

    blocks: Array  # (blocks, len(COLUMNS))
    statistics: Statistics
    laws: Array  # (groups, V): summed output laws
    counts: Array  # (groups,): positions
    hidden: Tensor  # (sample, d)
    longest: float  # the largest |h|

    @staticmethod
    def of(done: Pass) -> Sums:
        """Read from disk group by group, so that one group's moments are in memory at a time."""
        blocks, laws, counts, hidden, longest = [], [], [], [], 0.0
        total = Statistics.zero(done.model.vocabulary, done.model.dim)
        for number in range(len(done.cut.groups)):
            group = done.group(number)
            if not group.finished:
                raise RuntimeError(f"group {number} has {group.done} of {len(group.windows)} windows")
            blocks.append(group.sums)
            counts.append(group.statistics.count)
            laws.append(group.statistics.law().numpy() * group.statistics.count)
            hidden += group.hidden
            longest = max(longest, group.longest)
            total = total + group.statistics
        return Sums(np.concatenate(blocks), total, np.stack(laws), np.array(counts, float), torch.cat(hidden), longest)


def quantities(done: Pass, draft: float | None = None, progress: Progress | None = None) -> dict[str, Entry]:
    """Every quantity of a finished pass, by name, as JSON: {"mean", "value" or "values", "interval", "count", ...}."""
    if not done.cut.windows:
        return nothing(NO_POSITIONS)
    with threads(1):  # sums split over threads would round differently
        sums = Sums.of(done)
        found = means(sums, controls(done), errors(done.head, sums.longest))
        found |= spectrum(done, sums)
        found["head.rank"] = rank(done.head)
        found |= drafted(done, draft, progress) | alignments(done, sums)
    return found


def nothing(reason: str) -> dict[str, Entry]:
    """Every quantity null, with one reason."""
    names = dict.fromkeys((*MEANS[:1], "bits_per_byte", *MEANS[1:]), "mean")
    names |= {"metric.eigenvalues": "values", "metric.effective_rank": "value", "head.rank": "value"}
    names |= dict.fromkeys(DRAFTED, "mean") | {f"self_alignment.{kind}": "value" for kind in KINDS}
    return {name: null(kind, reason) for name, kind in names.items()}


def null(kind: str, reason: str) -> Entry:
    """A quantity that has no value, and why."""
    return {kind: None, "interval": None, "count": 0, "control": None, "reason": reason}


# --- means over positions -------------------------------------------------------------------------------------


def means(sums: Sums, control: Mapping[str, float], error: Mapping[str, float]) -> dict[str, Entry]:
    """The means over positions, and the loss in bits a byte, with bounds on the rounding errors of the pass."""
    blocks = sums.blocks
    count = round(math.fsum(blocks[:, PLACE["count"]]))
    found: dict[str, Entry] = {}
    for name in MEANS:
        pair = blocks[:, [PLACE["count"], PLACE[name]]]
        found[name] = ratio(pair, count) | {"control": control.get(name)}
        if name in error:
            found[name]["error"] = error[name]
        if name == "nll":
            found[name]["error"] = math.fsum(blocks[:, PLACE["error"]]) / count
            found["bits_per_byte"] = bits_per_byte(blocks, count) | {"control": control.get("bits_per_byte")}
    return found


def errors(head: LinearHead, longest: float) -> dict[str, float]:
    """Bounds on the rounding errors of means over laws whose probabilities are off by a factor within 1 +- r.

    r is `pass_error` for the longest hidden vector. A power sum of order a is then off by a r of itself to first order,
    a logarithm of it by a r, the entropy by r (H + 1), and tr g* = E|g - c|^2 - |m - c|^2 by 3 r max |g - c|^2.
    Second orders are covered by (1 + 2 r), the rounding of the sums themselves by 1e-9.
    """
    r = pass_error(head, longest)
    first = {
        "entropy": r * (math.log(head.vocabulary) + 1),
        "tv_entropy": 2 * r,
        "hellinger_entropy": 1.5 * r,
        "renyi_entropy:1/2": r,
        "renyi_entropy:3/2": 3 * r,
        "metric.trace": 3 * r * (2 * head.largest[0]) ** 2,
    }
    return {name: value * (1 + 2 * r) + 1e-9 for name, value in first.items()}


def ratio(pair: Array, count: int, scale: float = 1.0) -> Entry:
    """A mean with its interval, from sums (blocks, 2) of weights and values."""
    value = math.fsum(pair[:, 1]) / math.fsum(pair[:, 0]) * scale
    if not math.isfinite(value):
        return null("mean", "infinite: the model gives a token of this text probability zero") | {"count": count}
    return {"mean": value, **bounds(interval(lambda total: mean(total) * scale, pair)), "count": count}


def bounds(found: tuple[Array, Array] | None) -> Entry:
    """An interval as JSON; null with the reason where there is none."""
    if found is None:
        return {"interval": None, "reason": FEW}
    return {"interval": [end.tolist() for end in found]}


def bits_per_byte(blocks: Array, count: int) -> Entry:
    """NLL in bits over the bytes of the predicted tokens: a ratio of sums, not a mean of ratios."""
    pair = blocks[:, [PLACE["bytes"], PLACE["nll"]]]
    if not pair[:, 0].all():
        return null("mean", "a window's predicted tokens stand for no byte of the text") | {"count": count}
    return ratio(pair, count, 1 / math.log(2))


def controls(done: Pass) -> dict[str, float]:
    """What the means would be under a constant law: the best one of this text, or the uniform one."""
    predicted = np.arange(len(done.text.ids)) % done.cut.length != 0
    ids = done.text.ids.numpy()[predicted]
    shares = np.bincount(ids) / len(ids)
    entropy = float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())
    size = done.model.vocabulary
    found = dict.fromkeys(("entropy", "renyi_entropy:1/2", "renyi_entropy:3/2"), math.log(size))
    found |= {"nll": entropy, "accuracy": float(shares.max())}
    found |= {"tv_entropy": 1 - 1 / size, "hellinger_entropy": 1 - size**-0.5}
    held = int(done.text.sizes[predicted].sum())
    return found | ({"bits_per_byte": entropy * len(ids) / math.log(2) / held} if held else {})


# --- the mean pullback metric ---------------------------------------------------------------------------------


class _Uniform:
    """The statistics of a head whose law is uniform everywhere: the control of the metric."""

    def __init__(self, head: LinearHead) -> None:
        self._law = torch.full((head.vocabulary,), 1 / head.vocabulary, dtype=torch.float64, device=head.W.device)
        self._mean = mean_row(head)

    def law(self) -> Tensor:
        return self._law

    def moment(self) -> Tensor:
        return self._mean

    def moment_outer(self) -> Tensor:
        return torch.outer(self._mean, self._mean)


def spectrum(done: Pass, sums: Sums) -> dict[str, Entry]:
    """Eigenvalues of E g*, descending, and their effective rank.

    Intervals: E g* is a mean over windows; its eigenvalues move, to first order, by the diagonal of the change in its
    own eigenvectors, so that the diagonals of the groups' metrics are all that the bootstrap needs.
    """
    head = done.head
    own = Spectrum.of(mean_metric(head, sums.statistics), mean_metric_error(head, sums.statistics, sums.longest))
    flat = Spectrum.of(mean_metric(head, _Uniform(head)))  # type: ignore[arg-type]
    diagonals = group_diagonals(done, sums, own)
    weighted = np.concatenate([sums.counts[:, None], diagonals * sums.counts[:, None]], 1)
    count = int(sums.counts.sum())
    values = {
        "values": own.eigenvalues.tolist(),
        **bounds(interval(_diagonal, weighted)),
        "count": count,
        "control": flat.eigenvalues.tolist(),
        "error": own.error,
    }
    if own.effective_rank is None:
        rank = null("value", "the metric is zero within its error: it has no spectrum to speak of")
    else:
        ends = bounds(interval(lambda total: effective_rank(_diagonal(total)), weighted))
        known = {"count": count, "control": flat.effective_rank, "error": own.effective_rank_error}
        rank = {"value": own.effective_rank, **ends, **known}
    return {"metric.eigenvalues": values, "metric.effective_rank": rank}


def _diagonal(total: Array) -> Array:
    return np.asarray(total[..., 1:] / total[..., :1])


def effective_rank(eigenvalues: Array) -> Array:
    """The exponential of the entropy of normalised spectra (..., d); what rounding makes negative counts as 0."""
    shares = eigenvalues.clip(min=0)
    shares = shares / shares.sum(-1, keepdims=True)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return np.asarray(np.exp(-(shares * logs).sum(-1)))


def group_diagonals(done: Pass, sums: Sums, own: Spectrum) -> Array:
    """v_i^T E_k g* v_i (groups, d) for each group k and the eigenvectors v_i of the mean metric of all.

    Both terms of the metric are taken about the mean of all moments, as in `mean_metric`.
    """
    head, vectors = done.head, own.vectors
    laws = torch.from_numpy(sums.laws / sums.counts[:, None]).to(vectors.device)
    centre = sums.statistics.moment().double().to(vectors.device)
    spread = vectors.new_zeros(laws.shape[0], vectors.shape[1])
    for tile in tiles(*head.W.shape):
        spread += laws[:, tile] @ ((head.W[tile].double() - centre) @ vectors).square()
    moved = centre @ vectors
    for number in range(len(spread)):
        statistics = done.group(number).statistics
        outer, moment = (part.double().to(vectors.device) for part in (statistics.moment_outer(), statistics.moment()))
        inner = torch.einsum("ai,ab,bi->i", vectors, outer, vectors)
        spread[number] -= inner - 2 * moved * (moment @ vectors) + moved.square()
    return np.asarray(spread.cpu().numpy())


def rank(head: LinearHead) -> Entry:
    """The rank of the centred output embedding, at most min(d, V - 1): that of g* at every h (claim G3)."""
    found, reason = head_rank(head), "a property of the head, the same on every text"
    limit = min(head.dim, head.vocabulary - 1)
    return {"value": found.rank, "interval": None, "count": head.vocabulary, "control": limit, "reason": reason}


# --- a draft head ---------------------------------------------------------------------------------------------


def drafted(done: Pass, minutes: float | None, progress: Progress | None) -> dict[str, Entry]:
    """A lower bound on the surplus of two tokens and the acceptance of speculative sampling, by a linear draft head.

    It is trained on half of the full windows and measured on the others. The bound is its gain over the better of a
    head that does not see the hidden vector and counted pairs, but for their own misfit; `certain` is the bound without
    this proviso, by the plug-in entropy of pairs, which is far too low on short texts. The controls: another position's
    hidden vector; the blind head. How far minutes go depends on the machine: these two repeat to their intervals only.
    """
    length = done.cut.length
    windows = done.text.ids[: len(done.text.ids) // length * length].reshape(-1, length)
    if minutes is None:
        return dict.fromkeys(DRAFTED, null("mean", NO_DRAFT))
    if len(windows) < 2 or length < 3:
        reason = f"{len(windows)} full windows of {length} tokens: a draft head needs 2 of at least 3 tokens"
        return dict.fromkeys(DRAFTED, null("mean", reason))
    from lmlaws.numerics.surplus import draft

    found = draft(done.model, windows, minutes=minutes, progress=progress)
    pairs = {
        "surplus.lower": (found.gains, found.baseline - found.shuffled),
        "acceptance": (found.sighted.overlap, found.blind.overlap),
    }
    entries = {}
    for name, (values, control) in pairs.items():
        sums = by_window(found.sighted.window, values)
        entries[name] = ratio(sums, len(values)) | {"control": float(control.double().mean())}
    entries["surplus.lower"]["certain"] = float(found.lower.mean())
    return entries


def by_window(window: Tensor, values: Tensor) -> Array:
    """Sums (windows, 2) of counts and values at positions whose windows have these numbers."""
    names, place = np.unique(window.cpu().numpy(), return_inverse=True)
    weights = (None, values.double().cpu().numpy())
    return np.stack([np.bincount(place, own, len(names)).astype(np.float64) for own in weights], 1)


# --- alignment ------------------------------------------------------------------------------------------------


def alignments(done: Pass, sums: Sums) -> dict[str, Entry]:
    """Centred kernel alignment of the sampled hidden vectors with each predictive similarity.

    That of the model's own law is always there; that of the data's law where the text is from a known source. The
    intervals leave windows out, because a bootstrap would draw contexts twice, which are then similar to themselves.
    """
    places = done.cut.sampled()
    window, offset = (torch.tensor(column, dtype=torch.int64) for column in zip(*places, strict=True))
    ids, length, hidden = done.text.ids, done.cut.length, sums.hidden.to(done.head.W.device)
    there = Positions(hidden, ids[window * length + offset], window, offset, ids, length)
    own = {f"self_alignment.{kind}": aligned(there, partial(of_head, kind, done.head, hidden)) for kind in KINDS}
    source = known_source(done)
    if source is None:
        return own
    try:
        kept, laws = data_laws(source, there)
    except ValueError as problem:
        reason = f"the text is not from the source that the model was trained on: {problem}"
        return dict.fromkeys((f"alignment.{kind}" for kind in KINDS), null("value", reason)) | own
    of_data = {f"alignment.{kind}": aligned(kept, partial(of_laws, kind, laws, done.head)) for kind in KINDS}
    return of_data | own


def aligned(positions: Positions, features: Callable[[], Features]) -> Entry:
    """The alignment of hidden vectors with features; null with the reason where it is undefined."""
    try:
        found = alignment(dense(positions.hidden), features(), positions.window)
    except UndefinedError as undefined:
        return null("value", str(undefined)) | {"count": len(positions)}
    between = None if found.interval is None else list(found.interval)
    entry: Entry = {"value": found.value, "interval": between, "count": len(positions), "control": found.control}
    return entry | ({"reason": found.reason} if found.reason else {})


def known_source(done: Pass) -> Source | None:
    """The source that the model was trained on, where its folder says so."""
    return source_of(done.model.folder) if (done.model.folder / MARKER).is_file() else None
