"""Similarity of contexts by factors, against Gram matrices and operators written out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lmlaws.numerics import similarity
from lmlaws.numerics.onepass import LinearHead
from lmlaws.numerics.similarity import (
    KINDS,
    Alignment,
    Features,
    UndefinedError,
    alignment,
    dense,
    dirichlet_energy,
    gram,
    logit_units,
    of_head,
    of_laws,
    operator_spectrum,
    principal_cosines,
    unbiased_hsic,
)

N, V, D = 120, 37, 6


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


BIAS = drawn(V, seed=2)
HEAD = LinearHead(drawn(V, D, seed=1), BIAS)
HIDDEN = drawn(N, D, seed=3)
LAWS = (HIDDEN @ HEAD.W.T + BIAS).softmax(1)
PLAIN = {
    "prototype": LAWS @ HEAD.W,
    "linear": LAWS,
    "bhattacharyya": LAWS.sqrt(),
    "aitchison": LAWS.log() - LAWS.log().mean(1, keepdim=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_features_of_a_head_are_those_of_its_laws(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "COLUMNS", 10)
    for found in (of_head(kind, HEAD, HIDDEN), of_laws(kind, LAWS, HEAD)):
        assert torch.allclose(torch.cat(list(found.tiles()), 1), PLAIN[kind], atol=2e-5)
        assert torch.allclose(gram(found), PLAIN[kind] @ PLAIN[kind].T, atol=2e-4)
        few = torch.tensor([5, 2, 7])
        assert torch.allclose(torch.cat(list(found.rows(few).tiles()), 1), PLAIN[kind][few], atol=2e-5)
    assert not torch.allclose(gram(of_head(kind, HEAD, HIDDEN)), 1.01 * PLAIN[kind] @ PLAIN[kind].T, atol=2e-4)


def plain_hsic(a: Tensor, b: Tensor) -> float:
    """The U-statistic of Song et al. from its definition, over quadruples of distinct contexts."""
    n, total = len(a), 0.0
    for i in range(n):
        for j in range(n):
            for k in range(n):
                for m in range(n):
                    if len({i, j, k, m}) == 4:
                        total += float(a[i, j] * (b[i, j] + b[k, m] - 2 * b[i, k]))
    return total / (n * (n - 1) * (n - 2) * (n - 3))


def test_unbiased_hsic_is_the_u_statistic() -> None:
    x, y = drawn(8, 3, seed=4), drawn(8, 2, seed=5)
    a, b = x @ x.T, y @ y.T
    assert unbiased_hsic(a, b) == pytest.approx(plain_hsic(a, b), rel=1e-9)
    assert unbiased_hsic(a, b) != pytest.approx(plain_hsic(a, b + torch.eye(8) * 0 + a), rel=1e-3)


def test_alignment_is_one_zero_or_undefined() -> None:
    turned = HIDDEN @ torch.linalg.qr(drawn(D, D, seed=6))[0]
    same = alignment(dense(HIDDEN), dense(3 * turned))
    assert same.value == pytest.approx(1, abs=1e-9)
    assert same.interval is not None
    assert same.control is not None
    assert abs(same.control) < 0.1
    apart = alignment(dense(HIDDEN), dense(drawn(N, 4, seed=7)))
    assert apart.value is not None
    assert apart.interval is not None
    assert apart.interval[0] < 0.02 < 0.2 < same.interval[1]
    constant = alignment(dense(HIDDEN), dense(torch.ones(N, 3)))
    assert (constant.value, constant.reason) == (None, "the laws do not vary over these contexts: nothing to align")
    assert "needs 4" in str(alignment(dense(HIDDEN[:3]), dense(HIDDEN[:3])).reason)


def test_intervals_cover() -> None:
    """Of many samples of one population about 95% of the intervals hold its alignment."""
    mixing = drawn(5, 4, seed=8)

    def aligned(n: int, seed: int) -> Alignment:
        h = drawn(n, 5, seed=seed)
        return alignment(dense(h), dense(h @ mixing + 0.7 * drawn(n, 4, seed=seed + 10_000)))

    big = [aligned(700, seed).value or 0 for seed in range(5)]
    truth = sum(big) / len(big)
    found = [aligned(120, 100 + seed).interval or (0, 0) for seed in range(80)]
    covered = sum(low <= truth <= high for low, high in found) / len(found)
    assert covered >= 0.87
    assert sum(low <= truth + 0.15 <= high for low, high in found) / len(found) < 0.6


def test_groups_are_left_out_together() -> None:
    """Contexts that come in equal fours: leaving out single ones makes the interval too narrow."""
    h = drawn(60, 5, seed=9).repeat_interleave(4, 0)
    f = drawn(60, 3, seed=10).repeat_interleave(4, 0) + 0.5 * h[:, :3]
    windows = torch.arange(60).repeat_interleave(4)
    together, alone = alignment(dense(h), dense(f), windows), alignment(dense(h), dense(f))
    assert together.interval is not None
    assert alone.interval is not None
    assert together.value == alone.value
    assert together.interval[1] - together.interval[0] > 1.4 * (alone.interval[1] - alone.interval[0])


def test_principal_cosines() -> None:
    assert torch.allclose(
        principal_cosines(dense(HIDDEN), dense(HIDDEN @ drawn(D, D, seed=11)), D), torch.ones(D).double(), atol=1e-9
    )
    assert float(principal_cosines(dense(HIDDEN), dense(drawn(N, 5, seed=12)), 5).max()) < 0.8
    with pytest.raises(ValueError, match="fewer than the contexts"):
        principal_cosines(dense(HIDDEN), dense(HIDDEN), N)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("centred", [False, True])
def test_operator_spectrum(kind: str, centred: bool) -> None:
    f = PLAIN[kind] - (PLAIN[kind].mean(0) if centred else 0)
    plain = torch.linalg.eigvalsh(f @ f.T / N).flip(0)[:5]
    found = operator_spectrum(of_head(kind, HEAD, HIDDEN), 5, centred=centred)
    assert found.exact
    assert torch.allclose(found.values, plain, atol=1e-5)
    wide = Features(N, V, of_laws(kind, LAWS, HEAD).tile)
    assert torch.allclose(operator_spectrum(wide, 5, centred=centred).values[:1], plain[:1], atol=1e-5)


def test_large_operators_are_sampled_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "LARGEST_SIDE", 30)
    found = operator_spectrum(of_head("bhattacharyya", HEAD, HIDDEN), 3)
    assert (found.exact, found.contexts) == (False, 30)
    whole = torch.linalg.eigvalsh(LAWS.sqrt() @ LAWS.sqrt().T / N).flip(0)[:3]
    assert torch.allclose(found.values, whole, rtol=0.5)
    assert not torch.allclose(found.values, 3 * whole, rtol=0.5)
    with pytest.raises(ValueError, match="at most 30; give a sample"):
        gram(dense(HIDDEN))


@pytest.mark.parametrize("kind", KINDS)
def test_dirichlet_energy_by_factors(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "COLUMNS", 9)
    kernel = PLAIN[kind] @ PLAIN[kind].T
    for phi in (HIDDEN, logit_units(HEAD, HIDDEN)):
        squares = (phi[:, None] - phi[None]).square().sum(2)
        plain = float((kernel * squares).mean()) / 2
        assert dirichlet_energy(of_head(kind, HEAD, HIDDEN), phi) == pytest.approx(plain, rel=1e-4)
        assert dirichlet_energy(of_head(kind, HEAD, HIDDEN), 2 * phi) != pytest.approx(plain, rel=1e-4)


def test_logit_units_do_not_depend_on_coordinates() -> None:
    centred = HEAD.W - HEAD.W.mean(0)
    assert torch.allclose(
        logit_units(HEAD, HIDDEN) @ logit_units(HEAD, HIDDEN).T, HIDDEN @ centred.T @ centred @ HIDDEN.T
    )
    M = drawn(D, D, seed=13)
    moved = LinearHead(HEAD.W @ torch.linalg.inv(M), HEAD.b)
    one, other = gram(dense(logit_units(HEAD, HIDDEN))), gram(dense(logit_units(moved, HIDDEN @ M.T)))
    assert torch.allclose(one, other, atol=1e-8)
    assert not torch.allclose(gram(dense(HIDDEN)), gram(dense(HIDDEN @ M.T)), atol=1e-3)


def test_undefined_is_said() -> None:
    zero = LAWS.clone()
    zero[4, 2] = 0
    with pytest.raises(UndefinedError, match="the law at context 4 has a zero"):
        of_laws("aitchison", zero)
    masked = LinearHead(HEAD.W, BIAS.index_fill(0, torch.tensor([3]), -math.inf))
    with pytest.raises(UndefinedError, match="masks tokens"):
        of_head("aitchison", masked, HIDDEN)
    with pytest.raises(ValueError, match="no predictive similarity 'cosine': there are prototype, linear"):
        of_head("cosine", HEAD, HIDDEN)
    with pytest.raises(ValueError, match="give head="):
        of_laws("prototype", LAWS)
    with pytest.raises(ValueError, match="context 1 are not finite"):
        dense(torch.tensor([[0.0], [math.nan]]))
