"""Predictive similarity of contexts, by factors: alignment with hidden states, Dirichlet energies, spectra.

A predictive similarity kernel is an inner product of features of the law p_x (arXiv:2507.19247v2, Definition 7.3, and
Aitchison's): *linear* p, *bhattacharyya* sqrt p, *aitchison* clr p = log p - mean log p, *prototype* E_p g. Everything
here runs over feature columns in tiles, so that nothing of N x V is held; a Gram matrix is formed on the smaller of the
two sides, contexts or columns. The law of contexts is uniform. All in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from lmlaws.numerics.onepass import LinearHead, scan

KINDS = ("prototype", "linear", "bhattacharyya", "aitchison")
COLUMNS, ELEMENTS = 2048, 2**24
"""Feature columns in a tile, and numbers in it: fewer columns where there are many contexts."""

LARGEST_SIDE = 4096
"""The largest Gram matrix: of more contexts and more columns a sample of contexts is taken (Nystroem)."""

GROUPS = 20
"""Groups of the jackknife."""

NORMAL = 1.959963984540054
"""Half the width of the central 95% of a normal law, in standard deviations."""


Rows: TypeAlias = "slice | Tensor"


class UndefinedError(ValueError):
    """A quantity without a value; the message says why."""


@dataclass(frozen=True, eq=False)
class Features:
    """Features of N contexts, a row each, float64: `tile(rows, columns)` makes those of some contexts and columns."""

    count: int
    width: int
    tile: Callable[[Rows, slice], Tensor]

    def tiles(self) -> Iterator[Tensor]:
        """All contexts and some columns at a time, left to right, (N, c)."""
        step = max(1, min(COLUMNS, ELEMENTS // max(1, self.count)))
        for start in range(0, self.width, step):
            yield self.tile(slice(None), slice(start, min(self.width, start + step)))

    def rows(self, chosen: Tensor) -> Features:
        """The features of some contexts, by index (n,)."""
        return Features(len(chosen), self.width, lambda rows, columns: self.tile(chosen[rows], columns))


def dense(rows: Tensor) -> Features:
    """Features given as a matrix (N, m), such as hidden states.

    Raises:
        ValueError: an entry that is not finite; names the context.
    """
    wrong = (~rows.isfinite()).any(1).nonzero()
    if len(wrong):
        raise ValueError(f"the features of context {int(wrong[0])} are not finite")
    exact = rows.double()
    return Features(len(rows), rows.shape[1], lambda chosen, columns: exact[chosen, columns])


def of_laws(kind: str, laws: Tensor, head: LinearHead | None = None) -> Features:
    """Features of laws given as rows (N, V), such as a known source's. `prototype` needs the head's embeddings.

    Raises:
        UndefinedError: `aitchison` of a law with a zero: clr p is infinite.
        ValueError: an unknown kind, or `prototype` without a head.
    """
    laws = laws.double()
    if kind == "prototype":
        if head is None:
            raise ValueError("prototype features E_p g need the head whose rows g(w) are averaged: give head=")
        return dense(laws @ head.W.double())
    if kind == "aitchison":
        if not bool((laws > 0).all()):
            at = int((laws <= 0).any(1).nonzero()[0])
            raise UndefinedError(f"the law at context {at} has a zero: its log-ratios (Aitchison) are infinite")
        logs = laws.log()
        return dense(logs - logs.mean(1, keepdim=True))
    if kind not in KINDS:
        raise ValueError(f"no predictive similarity {kind!r}: there are {', '.join(KINDS)}")
    return dense(laws if kind == "linear" else laws.sqrt())


def of_head(kind: str, head: LinearHead, hidden: Tensor) -> Features:
    """Features of the head's own laws at hidden states (N, d), made tile by tile.

    Raises:
        UndefinedError: `aitchison` of a head that masks tokens (bias -inf).
        ValueError: an unknown kind, hidden states that are not finite.
    """
    if kind not in KINDS:
        raise ValueError(f"no predictive similarity {kind!r}: there are {', '.join(KINDS)}")
    tokens, _ = scan(head, hidden, moments=kind == "prototype", statistics=False)
    if kind == "prototype":
        assert tokens.moment is not None
        return dense(tokens.moment)
    h, bias = hidden.double(), None if head.b is None else head.b.double()

    def logits(rows: Rows, columns: slice) -> Tensor:
        z = h[rows] @ head.W[columns].double().T
        return z if bias is None else z + bias[columns]

    if kind == "aitchison":  # clr of a softmax law is its centred logits
        if bias is not None and not bool(bias.isfinite().all()):
            raise UndefinedError("the head masks tokens: their log-ratios (Aitchison) are infinite")
        row = torch.zeros(head.dim, dtype=torch.float64, device=h.device)
        for start in range(0, head.vocabulary, COLUMNS):
            row += head.W[start : start + COLUMNS].double().sum(0)
        mean = (h @ row)[:, None] / head.vocabulary + (0.0 if bias is None else bias.mean())
        return Features(len(h), head.vocabulary, lambda rows, columns: logits(rows, columns) - mean[rows])
    scale = 1.0 if kind == "linear" else 0.5
    partition = tokens.log_partition[:, None]

    def powers(rows: Rows, columns: slice) -> Tensor:
        return (scale * (logits(rows, columns) - partition[rows])).exp()

    return Features(len(h), head.vocabulary, powers)


# --- alignment ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Alignment:
    """Centred kernel alignment, debiased: `value` with its `interval` and shuffled `control`, else the `reason`."""

    value: float | None
    interval: tuple[float, float] | None = None
    control: float | None = None
    reason: str | None = None


def alignment(hidden: Features, features: Features, groups: Tensor | None = None, seed: int = 0) -> Alignment:
    """Centred kernel alignment of two kernels on the same contexts (Kornblith et al. 2019), by unbiased HSIC (Song et
    al. 2012): 0 for independent ones, 1 for proportional ones.

    The interval is that of a delete-a-group jackknife, normal, 95%: a bootstrap would draw contexts twice, which are
    then similar to themselves. `groups` (N,) numbers what is left out together (windows, say); else contexts alone. The
    control pairs each context with another one's features.
    """
    if hidden.count != features.count:
        raise ValueError(f"{hidden.count} hidden states and {features.count} laws: give the same contexts")
    if hidden.count < 4:
        return Alignment(None, reason=f"{hidden.count} contexts: the unbiased estimate needs 4")
    own, other = gram(hidden), gram(features)
    try:
        value = _ratio(own, other)
    except UndefinedError as undefined:
        return Alignment(None, reason=str(undefined))
    order = torch.randperm(len(own), generator=torch.Generator().manual_seed(seed))
    control = _ratio(own, other[order][:, order])
    left_out = torch.arange(len(own)) % GROUPS if groups is None else _merged(groups)
    numbers = torch.bincount(left_out).nonzero()[:, 0]
    if len(numbers) < 4 or len(own) < 4 * GROUPS:
        return Alignment(value, None, control, "too few groups of contexts for an interval")
    kept = [(left_out != number).nonzero()[:, 0] for number in numbers]
    values = torch.tensor([_ratio(own[k][:, k], other[k][:, k]) for k in kept], dtype=torch.float64)
    n = len(values)
    spread = NORMAL * math.sqrt((n - 1) / n * float((values - values.mean()).square().sum()))
    return Alignment(value, (value - spread, value + spread), control)


def _merged(groups: Tensor) -> Tensor:
    """At most GROUPS groups, each of whole ones of the given groups."""
    numbered: Tensor = groups.unique(return_inverse=True)[1]  # type: ignore[no-untyped-call]
    return numbered % GROUPS


def gram(features: Features) -> Tensor:
    """F F^T (N, N); for at most LARGEST_SIDE contexts.

    Raises:
        ValueError: more contexts: a sample is wanted.
    """
    if features.count > LARGEST_SIDE:
        raise ValueError(f"{features.count} contexts: a Gram matrix takes at most {LARGEST_SIDE}; give a sample")
    total: Tensor = torch.zeros(features.count, features.count, dtype=torch.float64)
    for tile in features.tiles():
        total += (tile @ tile.T).cpu()
    return total


def _ratio(a: Tensor, b: Tensor) -> float:
    """HSIC(a, b) / sqrt(HSIC(a, a) HSIC(b, b)), each unbiased."""
    own, other = unbiased_hsic(a, a), unbiased_hsic(b, b)
    for name, found, of in (("hidden states", own, a), ("laws", other, b)):
        if not found > 1e-12 * float(of.square().mean()):
            raise UndefinedError(f"the {name} do not vary over these contexts: nothing to align")
    return unbiased_hsic(a, b) / math.sqrt(own * other)


def unbiased_hsic(a: Tensor, b: Tensor) -> float:
    """The unbiased estimate of HSIC from two Gram matrices (N, N), N >= 4 (Song et al. 2012, Theorem 5)."""
    n = len(a)
    a, b = a - torch.diag(a.diagonal()), b - torch.diag(b.diagonal())
    rows, columns = a.sum(1), b.sum(1)
    value = (a * b).sum() + rows.sum() * columns.sum() / ((n - 1) * (n - 2)) - 2 * (rows @ columns) / (n - 2)
    return float(value) / (n * (n - 3))


def principal_cosines(hidden: Features, features: Features, most: int) -> Tensor:
    """Cosines of the principal angles (most,) between the span of the hidden states' coordinates and the leading
    `most` eigenfunctions of the features' operator, both centred; descending.

    Raises:
        ValueError: `most` is not between 1 and the number of contexts less 1.
    """
    if not 1 <= most < hidden.count:
        raise ValueError(f"most={most}: give 1 to {hidden.count - 1}, fewer than the contexts")
    centring = torch.eye(hidden.count, dtype=torch.float64) - 1 / hidden.count
    values, vectors = torch.linalg.eigh(centring @ gram(hidden) @ centring)
    basis = vectors[:, values > values.max() * 1e-10]
    leading = torch.linalg.eigh(centring @ gram(features) @ centring)[1][:, -most:]
    cosines: Tensor = torch.linalg.svdvals(basis.T @ leading)
    return cosines.clamp(max=1.0)


# --- operators ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class OperatorSpectrum:
    """Eigenvalues, descending, of the operator of a kernel on L2 of the contexts; `exact` unless from a sample."""

    values: Tensor
    exact: bool
    contexts: int


def operator_spectrum(features: Features, most: int = 50, *, centred: bool = False, seed: int = 0) -> OperatorSpectrum:
    """The leading eigenvalues of phi -> E_x' K(., x') phi(x'), from the smaller side of the features.

    Of more than LARGEST_SIDE contexts and columns the eigenvalues are those of a sample of contexts (Nystroem: Williams
    and Seeger 2001); then `exact` is False.
    """
    if min(features.count, features.width) > LARGEST_SIDE:
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(features.count, generator=generator)[:LARGEST_SIDE]
        part = operator_spectrum(features.rows(chosen), most, centred=centred)
        return OperatorSpectrum(part.values, False, len(chosen))
    if features.count <= features.width:
        matrix = gram(features)
        if centred:
            matrix = matrix - matrix.mean(0) - matrix.mean(1, keepdim=True) + matrix.mean()
    else:
        rows = torch.cat(list(features.tiles()), 1)
        rows = rows - rows.mean(0) if centred else rows
        matrix = rows.T @ rows
    values = torch.linalg.eigvalsh(matrix).flip(0)[:most] / features.count
    return OperatorSpectrum(values.clamp(min=0), True, features.count)


def dirichlet_energy(features: Features, functions: Tensor) -> float:
    """(1/2) E K(x, x') |phi(x) - phi(x')|^2 for vector functions (N, k), linear in N (claim P9).

    K is the features' inner product. By E_x D(x) |phi(x)|^2 - |E phi f^T|_F^2 with D(x) = <f(x), E f>. In units of
    logits phi is `logit_units` of the hidden states.

    Raises:
        ValueError: another number of contexts.
    """
    if len(functions) != features.count:
        raise ValueError(f"{len(functions)} values of phi for {features.count} contexts")
    phi, n = functions.double(), features.count
    degree, cross = torch.zeros(n, dtype=torch.float64, device=phi.device), 0.0
    for tile in features.tiles():
        degree += tile @ tile.mean(0)
        cross += float((phi.T @ tile / n).square().sum())
    return float((degree * phi.square().sum(1)).mean()) - cross


def logit_units(head: LinearHead, hidden: Tensor) -> Tensor:
    """Vectors (N, d) with the inner products of the centred logits C W h, for every V: B^(1/2) h, B = W^T C W."""
    total, mean = torch.zeros(head.dim, head.dim, dtype=torch.float64, device=head.W.device), 0.0 * head.W[0].double()
    for start in range(0, head.vocabulary, COLUMNS):
        rows = head.W[start : start + COLUMNS].double()
        total, mean = total + rows.T @ rows, mean + rows.sum(0)
    values, vectors = torch.linalg.eigh(total - torch.outer(mean, mean) / head.vocabulary)
    root: Tensor = vectors * values.clamp(min=0).sqrt()
    return hidden.double() @ root
