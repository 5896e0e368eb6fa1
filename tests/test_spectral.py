"""NLL as a spectral objective on drawn heads: the surrogate's eigenproblem, majorise-minimise, clusters."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lmlaws.numerics.onepass import LinearHead
from lmlaws.numerics.spectral import (
    Task,
    cluster_loss,
    k_means,
    majorise_minimise,
    rival_clusters,
    solve_surrogate,
    spectral_clusters,
    surrogate_value,
    train_low_rank,
)

N, V, D = 60, 11, 5


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


BIAS = 0.5 * drawn(V, seed=2)
HEAD = LinearHead(drawn(V, D, seed=1), BIAS)
LAWS = (2 * drawn(N, V, seed=3)).softmax(1)
TASK = Task.of_laws(HEAD, LAWS)
ANCHOR = 0.3 * drawn(D, seed=4)


def test_losses_are_cross_entropies() -> None:
    h = drawn(N, D, seed=5)
    logits = h @ HEAD.W.T + BIAS
    assert torch.allclose(TASK.losses(h)[0], cross_entropy(logits, LAWS, reduction="none"))
    targets = torch.arange(N) % V
    assert Task.of_targets(HEAD, targets).nll(h) == pytest.approx(float(cross_entropy(logits, targets)))


@pytest.mark.parametrize("k", range(D + 1))
def test_the_eigenproblem_gives_the_best_encoder(k: int) -> None:
    """L7: the value is NLL(h0) less half the k leading eigenvalues; nothing of rank k in the neighbourhood is lower."""
    found = solve_surrogate(TASK, ANCHOR, k)
    constant = ANCHOR.expand(N, D)
    assert found.value == pytest.approx(TASK.nll(constant) - float(found.eigenvalues[:k].sum()) / 2, abs=1e-12)
    assert surrogate_value(TASK, ANCHOR, found.hidden) == pytest.approx(found.value, abs=1e-10)
    assert found.nll <= found.value + 1e-12
    moved = found.hidden - constant
    assert int(torch.linalg.matrix_rank(moved)) == k
    for seed in range(20):
        U, z = drawn(D, k, seed=seed + 50), drawn(N, k, seed=seed + 90)
        assert surrogate_value(TASK, ANCHOR, constant + z @ U.T) >= found.value
    if k:  # the twin: without the half the formula is not the minimum
        assert surrogate_value(TASK, ANCHOR, found.hidden) > TASK.nll(constant) - float(found.eigenvalues[:k].sum())


def test_the_surrogate_lies_above_the_loss_and_touches_it() -> None:
    """L6; and the twin, half of Bohning's matrix, does not."""
    constant = ANCHOR.expand(N, D)
    assert surrogate_value(TASK, ANCHOR, constant) == pytest.approx(TASK.nll(constant), abs=1e-12)
    below = False
    for seed in range(30):
        h = constant + drawn(N, D, seed=seed + 7)
        bound, loss = surrogate_value(TASK, ANCHOR, h), TASK.nll(h)
        assert loss <= bound
        quadratic = float(((h - constant) @ TASK.root[0]).square().sum(1).mean()) / 2
        below |= bound - 0.95 * quadratic < loss
    assert below


def test_the_same_spectrum_by_contexts() -> None:
    """The nonzero eigenvalues are those of the kernel <g~_x, B^+ g~_x'> on L2 of the contexts."""
    _, means = TASK.losses(ANCHOR.expand(N, D))
    scaled = (TASK.prototypes - means) @ TASK.root[1]
    kernel = torch.linalg.eigvalsh(scaled @ scaled.T / N).flip(0)[:D]
    assert torch.allclose(solve_surrogate(TASK, ANCHOR, 1).eigenvalues, kernel)


@pytest.mark.parametrize("k", [1, 2, D])
def test_majorise_minimise_never_rises_and_meets_training(k: int) -> None:
    """L9, beside AdamW on the same low-rank problem."""
    values = [value for _, value in majorise_minimise(TASK, ANCHOR, k, 400)]
    assert all(b <= a + 1e-12 for a, b in pairwise(values))
    assert values[-1] < values[0] - 0.05
    trained = min(train_low_rank(TASK, ANCHOR, k, 600))
    assert values[-1] == pytest.approx(trained, abs=0.02)


def test_one_common_anchor_can_raise_the_loss() -> None:
    """The twin of L9: with W = (1, -1), the bound re-anchored at one point for all contexts lets NLL rise."""
    head = LinearHead(torch.tensor([[1.0], [-1.0]], dtype=torch.float64), None)
    task = Task.of_laws(head, torch.tensor([[0.99, 0.01], [0.6, 0.4]], dtype=torch.float64))
    values = [value for _, value in majorise_minimise(task, torch.zeros(1), 1, 40)]
    assert all(b <= a + 1e-12 for a, b in pairwise(values))
    best = list(majorise_minimise(task, torch.zeros(1), 1, 200))[-1][0]
    common = solve_surrogate(task, best.mean(0), 1)
    assert common.nll > task.nll(best) + 1e-3


def test_a_degenerate_head_is_no_trouble() -> None:
    W = torch.cat([HEAD.W, HEAD.W[:, :1]], 1)  # one direction moves no law
    task = Task.of_laws(LinearHead(W, HEAD.b), LAWS)
    values = [value for _, value in majorise_minimise(task, torch.zeros(D + 1), 2, 50)]
    assert all(math.isfinite(value) for value in values)
    assert values[-1] < values[0]


def test_bad_tasks_are_named() -> None:
    with pytest.raises(ValueError, match="this head has 11 tokens"):
        Task.of_laws(HEAD, LAWS[:, :4])
    masked = LinearHead(HEAD.W, BIAS.index_fill(0, torch.tensor([3]), -math.inf))
    with pytest.raises(ValueError, match="a token that the head masks"):
        Task.of_laws(masked, LAWS)
    with pytest.raises(ValueError, match="0 to 5 dimensions"):
        solve_surrogate(TASK, ANCHOR, 6)


# --- clusters


CENTRES = torch.tensor([[0.9, 0.05, 0.05, 0], [0, 0.9, 0.05, 0.05], [0.05, 0, 0.05, 0.9]], dtype=torch.float64)
KIND = torch.arange(45) % 3
MIXED = 0.97 * CENTRES[KIND] + 0.03 * drawn(45, 4, seed=20).softmax(1)


def test_cluster_loss_is_an_information() -> None:
    """I(X; W | cluster) from its definition; zero for clusters of one, I(X; W) for one cluster."""
    joint = MIXED / len(MIXED)
    alone = torch.arange(len(MIXED))
    assert cluster_loss(MIXED, alone) == pytest.approx(0, abs=1e-12)
    information = float((joint * (MIXED / joint.sum(0)).log()).sum())
    assert cluster_loss(MIXED, torch.zeros(45)) == pytest.approx(information, abs=1e-12)
    means = torch.stack([MIXED[c == KIND].mean(0) for c in range(3)])
    divergence = float((MIXED * (MIXED / means[KIND]).log()).sum(1).mean())
    assert cluster_loss(MIXED, KIND) == pytest.approx(divergence, abs=1e-12)
    assert cluster_loss(MIXED, KIND) < cluster_loss(MIXED, KIND.roll(1)[torch.randperm(45)])


def test_spectral_clusters_find_what_is_there() -> None:
    labels = spectral_clusters(MIXED.sqrt() @ MIXED.sqrt().T, 3)
    pairs = {(int(a), int(b)) for a, b in zip(labels, KIND)}
    assert len(pairs) == 3
    rivals = rival_clusters(MIXED, drawn(45, 2, seed=21), labels)
    assert cluster_loss(MIXED, labels) <= cluster_loss(MIXED, rivals["truncated SVD"]) + 1e-9
    assert cluster_loss(MIXED, rivals["random"]) > 5 * cluster_loss(MIXED, labels)
    assert cluster_loss(MIXED, rivals["k-means on h"]) > cluster_loss(MIXED, labels)


def test_clustering_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="give a kernel K >= 0"):
        spectral_clusters(-torch.eye(3, dtype=torch.float64), 2)
    with pytest.raises(ValueError, match="k=9 clusters of 3"):
        k_means(torch.zeros(3, 1), 9)
    with pytest.raises(ValueError, match="labels for 45 laws"):
        cluster_loss(MIXED, KIND[:3])
    assert len(set(k_means(torch.zeros(4, 1), 3).tolist())) >= 1
