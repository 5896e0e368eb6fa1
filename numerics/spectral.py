"""NLL as a spectral objective: the quadratic surrogate, its eigenproblem, majorise-minimise; clusters of contexts.

Bohning's matrix B = W^T C W / 2, C = I - 11^T/V, dominates the Hessian of the log-partition everywhere (Bohning 1992).
So at an anchor h0 the loss of a context with prototype gbar_x = E_{w ~ P(.|x)} g(w) is at most
A(h0) - <gbar_x, h0> - <g~_x, d> + d^T B d / 2 with d = h_x - h0 and g~_x = gbar_x - grad A(h0) (claims L6, L7, L9; the
form of arXiv:2507.19247v5). A `Task` is what the head cannot change: contexts, uniformly weighted, with their
prototypes. All in float64 and nats; the head's logits are made a few contexts at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lmlaws.numerics.loop import threads
from lmlaws.numerics.onepass import LinearHead

LOGITS = 2**23
"""Logits held at a time."""

RANK = 1e-10
"""Eigenvalues of B below this share of the largest count as zero: directions that move no law."""


@dataclass(frozen=True, eq=False)
class Task:
    """Contexts to be encoded: `prototypes` gbar_x (N, d) and `bias` E_{w ~ P(.|x)} b_w (N,), float64."""

    head: LinearHead
    prototypes: Tensor
    bias: Tensor

    @staticmethod
    def of_laws(head: LinearHead, laws: Tensor) -> Task:
        """Contexts whose laws P(.|x) are known, rows (N, V).

        Raises:
            ValueError: another vocabulary, or a masked token (bias -inf) that the data give mass.
        """
        if laws.ndim != 2 or laws.shape[1] != head.vocabulary:
            raise ValueError(f"laws {tuple(laws.shape)}: this head has {head.vocabulary} tokens; give (N, V)")
        laws = laws.double()
        bias = torch.zeros(len(laws), dtype=torch.float64)
        if head.b is not None:
            bias = torch.where(laws > 0, laws * head.b.double(), 0.0).sum(1)
            if not bool(bias.isfinite().all()):
                raise ValueError("the data give mass to a token that the head masks: the loss is infinite")
        return Task(head, laws @ head.W.double(), bias)

    @staticmethod
    def of_targets(head: LinearHead, targets: Tensor) -> Task:
        """Contexts of a text, each with its next token (N,): the data's law is that token's point mass."""
        bias = torch.zeros(len(targets), dtype=torch.float64) if head.b is None else head.b[targets]
        return Task(head, head.W[targets].double(), bias.double())

    @cached_property
    def root(self) -> tuple[Tensor, Tensor]:
        """B^(1/2) and its pseudo-inverse (d, d)."""
        W = self.head.W.double()
        centred = W - W.mean(0)
        values, vectors = torch.linalg.eigh(centred.T @ centred / 2)
        kept = values > RANK * values.max()
        roots = values.clamp(min=0).sqrt()
        inverse = torch.where(kept, 1 / roots, 0.0)
        return vectors * (roots * kept) @ vectors.T, vectors * inverse @ vectors.T

    def losses(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of each context at hidden states h (N, d), in nats (N,), and grad A there, E_p g (N, d)."""
        losses, means = [], []
        for rows in torch.split(torch.arange(len(h)), max(1, LOGITS // self.head.vocabulary)):
            logits = h[rows] @ self.head.W.double().T
            logits = logits if self.head.b is None else logits + self.head.b.double()
            losses.append(logits.logsumexp(1) - (self.prototypes[rows] * h[rows]).sum(1) - self.bias[rows])
            means.append(logits.softmax(1) @ self.head.W.double())
        return torch.cat(losses), torch.cat(means)

    def nll(self, h: Tensor) -> float:
        """The mean loss, in nats."""
        return float(self.losses(h)[0].mean())


@dataclass(frozen=True, eq=False)
class SurrogateSolution:
    """The best encoder of the quadratic surrogate among those with h - h0 in k dimensions (claim L7).

    `eigenvalues` (d,), descending, of (B^+)^(1/2) E[g~ g~^T] (B^+)^(1/2); `hidden` (N, d) the best encoder; `value`
    its surrogate loss: the NLL of the constant encoder less half the k leading eigenvalues; `nll` its true loss, at
    most `value`.
    """

    eigenvalues: Tensor
    hidden: Tensor
    value: float
    nll: float


def solve_surrogate(task: Task, anchor: Tensor, k: int) -> SurrogateSolution:
    """Minimise the surrogate at an anchor h0 (d,) over encoders with h_x - h0 in a k-dimensional space.

    By Eckart and Young (1936), applied to g~ in units of (B^+)^(1/2).

    Raises:
        ValueError: k outside 0..d.
    """
    dim = task.head.dim
    if not 0 <= k <= dim:
        raise ValueError(f"k={k}: an encoder of this head has 0 to {dim} dimensions")
    constant = anchor.double().expand(len(task.prototypes), dim)
    losses, means = task.losses(constant)
    pull = task.prototypes - means  # g~_x
    _, inverse = task.root
    scaled = pull @ inverse
    values, vectors = torch.linalg.eigh(scaled.T @ scaled / len(scaled))
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    hidden = constant + scaled @ vectors[:, :k] @ vectors[:, :k].T @ inverse
    value = float(losses.mean() - values[:k].sum() / 2)
    return SurrogateSolution(values, hidden, value, task.nll(hidden))


def surrogate_value(task: Task, anchor: Tensor, hidden: Tensor) -> float:
    """The quadratic surrogate of the mean loss at an encoder (N, d), about the anchor (d,)."""
    constant = anchor.double().expand_as(hidden)
    losses, means = task.losses(constant)
    moved = hidden - constant
    quadratic = (moved @ task.root[0]).square().sum(1) / 2
    return float((losses - ((task.prototypes - means) * moved).sum(1) + quadratic).mean())


def majorise_minimise(task: Task, anchor: Tensor, k: int, steps: int) -> Iterator[tuple[Tensor, float]]:
    """Re-anchor the bound at each context's own state and take the best rank-k fit, again and again (claim L9).

    Each step is the best rank-k approximation, in B's norm, of the targets h_x - h0 + B^+ g~_x(h_x); NLL never rises.
    Gives (hidden (N, d), NLL) after each step, the constant encoder first.
    """
    root, inverse = task.root
    moved = torch.zeros_like(task.prototypes)
    with threads(1):
        for _ in range(steps):
            losses, means = task.losses(anchor.double() + moved)
            yield anchor.double() + moved, float(losses.mean())
            targets = moved @ root + (task.prototypes - means) @ inverse
            left, values, right = torch.linalg.svd(targets, full_matrices=False)
            moved = (left[:, :k] * values[:k]) @ right[:k] @ inverse
        yield anchor.double() + moved, task.nll(anchor.double() + moved)


def train_low_rank(
    task: Task, anchor: Tensor, k: int, steps: int, rate: float = 0.05, seed: int = 0
) -> Iterator[float]:
    """AdamW on the same problem, h_x = h0 + U z_x, U (d, k), z (N, k): the NLL before each step and at the end."""
    generator = torch.Generator().manual_seed(seed)
    count, dim = task.prototypes.shape
    U = (torch.randn(dim, k, generator=generator, dtype=torch.float64) / dim**0.5).requires_grad_()
    z = (0.01 * torch.randn(count, k, generator=generator, dtype=torch.float64)).requires_grad_()
    optimizer = torch.optim.AdamW([U, z], lr=rate, weight_decay=0.0)
    with threads(1):
        for step in range(steps + 1):
            loss = task.losses(anchor.double() + z @ U.T)[0].mean()
            yield float(loss.detach())
            if step < steps:
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()


# --- clusters of contexts (claim L14) -------------------------------------------------------------------------


def cluster_loss(laws: Tensor, labels: Tensor) -> float:
    """What is lost when each law (N, V) is replaced by the mean of its cluster: I(W_<t ; W | cluster), in nats.

    Raises:
        ValueError: not one label a law.
    """
    if labels.shape != laws.shape[:1]:
        raise ValueError(f"{tuple(labels.shape)} labels for {len(laws)} laws: give one each")
    laws = laws.double()
    numbers: Tensor = labels.unique(return_inverse=True)[1]  # type: ignore[no-untyped-call]
    sizes = torch.bincount(numbers).double()
    means = torch.zeros(len(sizes), laws.shape[1], dtype=torch.float64).index_add(0, numbers, laws) / sizes[:, None]
    return float((_entropy(means) * sizes).sum() / len(laws) - _entropy(laws).mean())


def _entropy(laws: Tensor) -> Tensor:
    surprise: Tensor = torch.special.xlogy(laws, laws)
    return -surprise.sum(1)


def spectral_clusters(gram: Tensor, k: int, seed: int = 0) -> Tensor:
    """Labels (N,) of k clusters by the normalised kernel's leading eigenvectors (Ng, Jordan and Weiss 2002).

    Raises:
        ValueError: k outside 1..N, or a context with a degree that is not positive (a kernel with negative entries).
    """
    if not 1 <= k <= len(gram):
        raise ValueError(f"k={k} clusters of {len(gram)} contexts")
    degree = gram.sum(1)
    if not bool((degree > 0).all()):
        raise ValueError(f"context {int(degree.argmin())} has degree {float(degree.min()):.3g}: give a kernel K >= 0")
    scaled = gram / (degree[:, None] * degree).sqrt()
    vectors = torch.linalg.eigh(scaled)[1][:, -k:]
    return k_means(vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-300), k, seed)


def k_means(points: Tensor, k: int, seed: int = 0, restarts: int = 10, most: int = 100) -> Tensor:
    """Labels (N,) of k clusters of points (N, m): Lloyd's algorithm from k-means++ centres, the best restart."""
    if not 1 <= k <= len(points):
        raise ValueError(f"k={k} clusters of {len(points)} points")
    points = points.double()
    generator = torch.Generator().manual_seed(seed)
    found = [_lloyd(points, _centres(points, k, generator), most) for _ in range(restarts)]
    return min(found, key=lambda pair: pair[0])[1]


def _centres(points: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """k-means++ (Arthur and Vassilvitskii 2007): far points are likelier centres."""
    chosen = [int(torch.randint(len(points), (1,), generator=generator))]
    distances = (points - points[chosen[0]]).square().sum(1)
    for _ in range(k - 1):
        weights = distances if float(distances.max()) > 0 else torch.ones_like(distances)
        chosen.append(int(torch.multinomial(weights, 1, generator=generator)))
        distances = torch.minimum(distances, (points - points[chosen[-1]]).square().sum(1))
    return points[chosen]


def _lloyd(points: Tensor, centres: Tensor, most: int) -> tuple[float, Tensor]:
    labels = torch.full((len(points),), -1)
    for _ in range(most):
        nearest = torch.cdist(points, centres).argmin(1)
        if torch.equal(nearest, labels):
            break
        labels = nearest
        counts = torch.bincount(labels, minlength=len(centres))[:, None]
        means = torch.zeros_like(centres).index_add(0, labels, points) / counts.clamp(min=1)
        centres = torch.where(counts > 0, means, centres)
    return float((points - centres[labels]).square().sum()), labels


def rival_clusters(laws: Tensor, hidden: Tensor, labels: Tensor, seed: int = 0) -> dict[str, Tensor]:
    """Other clusterings with as many clusters, to compare with: k-means on hidden states, k-means on a truncated SVD
    of the laws, random clusters of the same sizes."""
    k = int(labels.max()) + 1
    left, values, _ = torch.linalg.svd(laws.double(), full_matrices=False)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    return {
        "k-means on h": k_means(hidden, k, seed),
        "truncated SVD": k_means(left[:, :k] * values[:k], k, seed),
        "random": labels[order],
    }
