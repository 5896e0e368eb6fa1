"""The pullback metric at scale, against autograd's Hessian of the log-partition and materialised sums in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lmlaws.numerics import metric as module
from lmlaws.numerics.jacobians import jacobian_metric, quadratic
from lmlaws.numerics.metric import (
    Spectrum,
    head_rank,
    hidden_covariance,
    mean_metric,
    mean_metric_error,
    mean_row,
    moments,
    token_metric,
    whitened_spectrum,
)
from lmlaws.numerics.metric_bounds import boehning, centred_gram, merging, null_space, popoviciu
from lmlaws.numerics.onepass import LinearHead, Statistics, scan

V, D, N = 57, 7, 23


@pytest.fixture(autouse=True, params=[1, 20, 2**19])
def tile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Everything once with one row a tile, once with a few that do not divide V, once with all."""
    monkeypatch.setattr(module, "TILE", request.param)
    return int(request.param)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_head(seed: int = 0, dtype: torch.dtype = torch.float32, vocabulary: int = V, dim: int = D) -> LinearHead:
    """Rows with a common shift, and a bias."""
    rng = generator(seed)
    W = torch.randn(vocabulary, dim, generator=rng) + 3 * torch.randn(dim, generator=rng)
    return LinearHead(W.to(dtype), torch.randn(vocabulary, generator=rng))


def random_hidden(seed: int = 1, count: int = N, dim: int = D) -> Tensor:
    return torch.randn(count, dim, generator=generator(seed), dtype=torch.float64)


def hessian(head: LinearHead, h: Tensor) -> Tensor:
    """The twin: the Hessian of logsumexp(W h + b) by automatic differentiation."""
    W, b = head.W.double(), torch.zeros(len(head.W)) if head.b is None else head.b
    result: Tensor = torch.func.hessian(lambda x: torch.logsumexp(W @ x + b.double(), 0))(h.double())
    return result


def norm(matrix: Tensor) -> float:
    """The trace norm, in which errors are bounded."""
    return float(torch.linalg.matrix_norm(matrix, "nuc"))


def smallest(matrix: Tensor) -> float:
    return float(torch.linalg.eigvalsh(matrix)[0])


def passed(head: LinearHead, hidden: Tensor) -> tuple[Statistics, float]:
    """Statistics of a pass, and the largest |h|."""
    return scan(head, hidden)[1], float(hidden.double().norm(dim=1).max())


# --- the mean metric ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_the_mean_metric_is_the_mean_hessian_within_its_bound(dtype: torch.dtype) -> None:
    head, hidden = random_head(dtype=dtype), random_hidden()
    statistics, length = passed(head, hidden)
    expected = torch.stack([hessian(head, h) for h in hidden]).mean(0)
    bound = mean_metric_error(head, statistics, length)
    found = mean_metric(head, statistics)
    assert norm(found - expected) <= bound <= 1e-2 * float(expected.trace())
    assert torch.equal(found, found.T)
    # twins: the covariance of the mean law lacks what lies between the positions, a hidden state's metric is no mean
    between = statistics.moment_outer() - torch.outer(statistics.moment(), statistics.moment())
    assert not norm(found + between - expected) <= bound
    assert not norm(found - hessian(head, hidden.mean(0))) <= bound


def test_the_bound_of_the_mean_metric_sees_a_law_that_is_off() -> None:
    head, hidden = random_head(), random_hidden()
    statistics, length = passed(head, hidden)
    expected = torch.stack([hessian(head, h) for h in hidden]).mean(0)
    statistics.fixed["law"].high[3] += 1  # one position more on token 3
    assert not norm(mean_metric(head, statistics) - expected) <= mean_metric_error(head, statistics, length)


def test_a_common_shift_of_the_rows_changes_nothing() -> None:
    head = random_head(dtype=torch.float64)
    shifted = LinearHead(head.W + 2.0**12, head.b)
    (g, bound), (other, error) = (token_metric(of, random_hidden()[0]) for of in (head, shifted))
    assert norm(g - other) <= bound + error < 1e-6
    torch.testing.assert_close(mean_row(shifted), mean_row(head) + 2.0**12, rtol=1e-13, atol=0)


# --- one token ------------------------------------------------------------------------------------------------


def test_one_tokens_metric_with_full_support_is_the_hessian() -> None:
    head, h = random_head(), random_hidden()[0]
    metric, bound = token_metric(head, h)
    assert norm(metric - hessian(head, h)) <= bound <= 1e-10


@pytest.mark.parametrize("support", [1, 5, 20, V - 1])
def test_the_neglected_tail_lies_between_zero_and_its_bound(support: int) -> None:
    head, h = random_head(), random_hidden()[2]
    exact, rounding = token_metric(head, h, V)
    metric, bound = token_metric(head, h, support)
    rest = hessian(head, h) - metric
    assert smallest(rest) >= -rounding
    assert norm(rest) <= bound
    if support == V - 1:  # one neglected token is of rank one: the bound is attained, and 1% less fails
        assert norm(exact - metric) > 0.99 * bound > 100 * rounding


def test_the_tail_of_a_renormalised_support_has_no_such_bound() -> None:
    """The twin: cutting the law to its support and renormalising moves the mean, and the difference has no sign."""
    head, h = random_head(), random_hidden()[2]
    law = moments(head, h).law
    kept = law.topk(5).indices
    p, rows = law[kept] / law[kept].sum(), head.W[kept].double()
    conditional = rows.T @ (rows * p[:, None]) - torch.outer(p @ rows, p @ rows)
    assert smallest(hessian(head, h) - conditional) < -1e-3


def test_masked_tokens_are_not_there() -> None:
    head, h = random_head(), random_hidden()[0]
    assert head.b is not None
    b = head.b.clone()
    b[:40] = -torch.inf
    (found, bound), (expected, other) = (
        token_metric(of, h) for of in (LinearHead(head.W, b), LinearHead(head.W[40:], b[40:]))
    )
    assert norm(found - expected) <= bound + other < 1e-10


def test_what_is_not_finite_is_named() -> None:
    head, h = random_head(), random_hidden()[0]
    h[4] = torch.nan
    with pytest.raises(ValueError, match=r"h\[4\] is nan"):
        token_metric(head, h)
    W = head.W.clone()
    W[51, 2] = torch.inf
    for work in (lambda of: token_metric(of, random_hidden()[0]), head_rank, centred_gram):
        with pytest.raises(ValueError, match="token 51"):
            work(LinearHead(W, head.b))
    with pytest.raises(ValueError, match=r"takes one hidden state \(7,\)"):
        token_metric(head, random_hidden())
    with pytest.raises(ValueError, match="support = 0"):
        token_metric(head, random_hidden()[0], 0)


# --- spectra --------------------------------------------------------------------------------------------------


def rotation(seed: int = 5, dim: int = D) -> Tensor:
    q: Tensor = torch.linalg.qr(torch.randn(dim, dim, generator=generator(seed), dtype=torch.float64)).Q
    return q


def test_a_planted_spectrum_is_found() -> None:
    q = rotation()
    planted = torch.tensor([3.0, 3, 3, 3, 0, 0, 0], dtype=torch.float64)
    own = Spectrum.of(q * planted @ q.T)
    assert (own.eigenvalues - planted).abs().max() <= own.error <= 1e-12
    assert abs(own.trace - 12) <= own.error
    assert own.effective_rank is not None
    assert own.effective_rank_error is not None
    assert abs(own.effective_rank - 4) <= own.effective_rank_error <= 1e-9
    assert norm(own.sensitive(4) @ q[:, 4:]) <= 1e-12
    one = Spectrum.of(torch.diag(torch.tensor([5.0, 1, 0])))
    assert torch.equal(one.sensitive(1).abs(), torch.tensor([[1.0, 0, 0]], dtype=torch.float64))


def test_the_effective_rank_moves_at_most_by_its_error() -> None:
    values = torch.tensor([4.0, 1, 0.5, 0], dtype=torch.float64)
    for error in (1e-6, 1e-3, 1e-2):
        own = Spectrum.of(torch.diag(values), 4 * error)
        moved = Spectrum.of(torch.diag(values + error))
        assert own.effective_rank is not None
        assert moved.effective_rank is not None
        assert own.effective_rank_error is not None
        change = abs(moved.effective_rank - own.effective_rank)
        assert change <= own.effective_rank_error
        assert change > own.effective_rank_error / 8  # no idle bound


def test_a_spectrum_within_its_error_has_no_effective_rank() -> None:
    assert Spectrum.of(torch.zeros(3, 3)).effective_rank is None
    assert Spectrum.of(torch.eye(3), 1.5).effective_rank_error is None
    assert Spectrum.of(torch.eye(3), 0.5).effective_rank == pytest.approx(3)
    assert Spectrum.of(torch.diag(torch.tensor([1.0, 0.1, 0.1])), 0.9).effective_rank_error == 2  # d - 1: anything


def test_negative_eigenvalues_widen_the_error_and_asymmetry_is_refused() -> None:
    own = Spectrum.of(torch.diag(torch.tensor([2.0, -0.25, -0.125])))
    assert own.error == 0.375
    assert own.effective_rank == 1
    with pytest.raises(ValueError, match=r"not symmetric: entries differ by 0\.5"):
        Spectrum.of(torch.tensor([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(ValueError, match=r"metric\[1, 0\] is nan"):
        Spectrum.of(torch.tensor([[1.0, 0.0], [torch.nan, 1.0]]))
    with pytest.raises(ValueError, match="square"):
        Spectrum.of(torch.zeros(2, 3))


def test_the_whitened_spectrum_is_free_of_coordinates() -> None:
    """G10, G11; the twin: the raw spectrum of the same metric is not."""
    head, hidden = random_head(dtype=torch.float64), random_hidden()
    M = rotation() * torch.tensor([0.5, 1, 1, 2, 1, 4, 1]) @ rotation(6)
    moved = LinearHead(head.W @ torch.linalg.inv(M), head.b)
    found = []
    for of, states in ((head, hidden), (moved, hidden @ M.T)):
        statistics, length = passed(of, states)
        bound = mean_metric_error(of, statistics, length)
        metric = mean_metric(of, statistics)
        found.append((whitened_spectrum(metric, hidden_covariance(statistics), bound), Spectrum.of(metric, bound)))
    (white, raw), (white_moved, raw_moved) = found
    gap = (white.eigenvalues - white_moved.eigenvalues).abs().max()
    assert gap <= white.error + white_moved.error <= 0.1 * white.trace
    assert gap <= 1e-5 * white.trace  # what rounding does, far from the worst case
    assert (raw.eigenvalues - raw_moved.eigenvalues).abs().max() > raw.error + raw_moved.error
    product = torch.linalg.eigvals(mean_metric(head, passed(head, hidden)[0]) @ torch.cov(hidden.T, correction=0)).real
    torch.testing.assert_close(white.eigenvalues, product.sort(descending=True).values, rtol=1e-4, atol=1e-7)


# --- rank and null directions ---------------------------------------------------------------------------------


def low_rank(rank: int, dtype: torch.dtype = torch.float64, shift: float = 5.0) -> LinearHead:
    """Integers: exactly of that rank after centring, one more before."""
    rng = generator(3)
    A, B = (torch.randint(-4, 5, shape, generator=rng).double() for shape in ((V, rank), (rank, D)))
    return LinearHead((A @ B + shift * torch.arange(1, D + 1)).to(dtype))


def test_the_rank_is_that_of_the_centred_embedding() -> None:
    found = head_rank(low_rank(4))
    assert found.rank == 4
    assert found.margin[0] > 1e6 > 1 > found.margin[1]
    assert torch.linalg.matrix_rank(low_rank(4).W) == 5  # the twin, uncentred
    assert head_rank(random_head(vocabulary=4)).rank == 3  # V - 1
    none = head_rank(random_head(vocabulary=1))
    assert (none.rank, none.margin, none.gap) == (0, (torch.inf, 0.0), (0, 1.0))
    assert head_rank(random_head(dtype=torch.bfloat16)).rank == D
    W = random_head().W.double()
    values = torch.linalg.svdvals(W - W.mean(0))
    torch.testing.assert_close(head_rank(random_head()).singular_values, values)


def test_rounding_to_float32_fills_the_rank_and_the_gap_tells() -> None:
    head = low_rank(4)
    rounded = head_rank(LinearHead((head.W * 0.1).float()))
    assert rounded.rank == D
    assert rounded.gap[0] == 4
    assert rounded.gap[1] > 1e5
    assert head_rank(random_head()).gap[1] < 10  # the twin: no gap in a generic head


def test_null_directions_are_those_on_which_the_logits_are_constant() -> None:
    """G5; the twin: without centring W v is not zero there, and other directions are not null."""
    head, h = low_rank(4), random_hidden()[0] / 20
    rank = head_rank(head)
    metric, bound = token_metric(head, h)
    space = null_space(metric, rank, bound)
    assert space.dimension == 3
    assert abs(space.largest_on) <= space.error <= 1e-8
    assert space.smallest_off > space.error
    v = rank.null_directions[0]
    assert float((head.W @ v).std()) <= 1e-10 < 1e-2 < float((head.W @ v).norm())
    torch.testing.assert_close(moments(head, h).law, moments(head, h + 3 * v).law)
    off = rank.directions[0]
    assert float((moments(head, h + 3 * off).law - moments(head, h).law).abs().max()) > 1e-2
    full = null_space(hessian(random_head(), h), head_rank(random_head()), 1e-10)
    assert (full.dimension, full.largest_on) == (0, 0.0)
    assert full.smallest_off > full.error
    wrong = null_space(hessian(random_head(), h), rank, 1e-10)
    assert not wrong.largest_on <= wrong.error


# --- domination -----------------------------------------------------------------------------------------------


def test_boehnings_matrix_dominates_every_metric() -> None:
    """G8: B - g* is positive semidefinite at every h, and so for the mean."""
    head, hidden = random_head(), random_hidden()
    for h in hidden[:5]:
        found = boehning(head, *token_metric(head, h))
        assert found.smallest >= -found.error
        assert found.trace_ratio > 1
    statistics, length = passed(head, hidden)
    mean = boehning(head, mean_metric(head, statistics), mean_metric_error(head, statistics, length))
    assert mean.smallest >= -mean.error
    W = head.W.double()
    C = torch.eye(V) - torch.full((V, V), 1 / V)
    torch.testing.assert_close(centred_gram(head), W.T @ C.double() @ W, rtol=1e-6, atol=1e-6)


def test_domination_is_tight_and_a_smaller_matrix_fails() -> None:
    """Two equally likely tokens attain it: 1% more metric, or 1% less bound, is refuted."""
    head = LinearHead(torch.tensor([[3.0], [-1.0]]))
    metric, error = token_metric(head, torch.zeros(1))
    tight = boehning(head, metric, error)
    assert abs(tight.smallest) <= tight.error
    assert tight.trace_ratio == pytest.approx(1)
    twin = boehning(head, 1.01 * metric, error)
    assert not twin.smallest >= -twin.error
    left, right, rounding = popoviciu(head, metric, torch.ones(1, 1))
    assert abs(float(left - right)) <= float(rounding) <= 1e-12
    assert float(right) == 4
    assert not float(1.01 * left) <= float(right + rounding)


def test_popovicius_range_bounds_every_direction() -> None:
    head, h = random_head(), random_hidden()[0]
    metric, error = token_metric(head, h)
    v = torch.randn(6, D, generator=generator(8), dtype=torch.float64)
    left, right, rounding = popoviciu(head, metric, v)
    assert bool((left <= right + rounding + error * v.square().sum(1)).all())
    along = head.W.double() @ v.T
    torch.testing.assert_close(right, (along.amax(0) - along.amin(0)).square() / 4)
    torch.testing.assert_close(left, (v @ hessian(head, h) * v).sum(1))
    with pytest.raises(ValueError, match=r"directions\[0, 1\] is inf"):
        popoviciu(head, metric, torch.tensor([[0.0, torch.inf] + [0.0] * 5]))


# --- merging tokens -------------------------------------------------------------------------------------------


def merged_metric(head: LinearHead, h: Tensor, classes: Tensor) -> Tensor:
    """The twin: the Fisher metric of the class probabilities, by automatic differentiation."""
    W, b = head.W.double(), head.b
    sums = torch.nn.functional.one_hot(classes).double().T

    def logs(x: Tensor) -> Tensor:
        z = W @ x if b is None else W @ x + b.double()
        return (sums @ z.softmax(0)).log()

    J = torch.func.jacfwd(logs)(h.double())
    result: Tensor = J.T @ (J * logs(h.double()).exp()[:, None])
    return result


@pytest.mark.parametrize("count", [1, 5, 40])
def test_merging_tokens_shrinks_the_metric(count: int) -> None:
    """G9, for classes that span tiles and tiles that span classes."""
    head, h = random_head(), random_hidden()[0]
    classes = torch.unique(torch.randint(0, count, (V,), generator=generator(4)), return_inverse=True)[1]
    found = merging(head, h, classes)
    expected = merged_metric(head, h, classes)
    exact = hessian(head, h)
    assert found.smallest >= -found.error
    assert found.merged == pytest.approx(float(expected.trace()), abs=1e-10)
    assert found.full == pytest.approx(float(exact.trace()))
    assert found.largest == pytest.approx(float(torch.linalg.eigvalsh(exact - expected)[-1]))
    assert found.largest > found.error  # not sufficient: something is lost
    assert 0 < found.error <= 1e-10


def test_a_sufficient_merge_loses_nothing() -> None:
    """Tokens with equal rows have proportional probabilities at every h: equality. A single unequal row: none."""
    half = random_head(vocabulary=29)
    W, b = torch.cat([half.W, half.W]), torch.randn(58, generator=generator(9))
    classes = torch.arange(58) % 29
    h = random_hidden()[0]
    same = merging(LinearHead(W, b), h, classes)
    assert abs(same.smallest) <= same.error
    assert abs(same.largest) <= same.error
    W[30, 3] += 0.5
    assert merging(LinearHead(W, b), h, classes).largest > 1e3 * same.error
    with pytest.raises(ValueError, match="integer for each of 58 tokens"):
        merging(LinearHead(W, b), h, classes[:3])


# --- heads that are not linear --------------------------------------------------------------------------------


def mlp(seed: int = 2) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(D, 11), torch.nn.Tanh(), torch.nn.Linear(11, V)).double()


def test_the_metric_of_a_nonlinear_head_by_jacobian_products() -> None:
    """Against the materialised Jacobian; the twin: the Hessian of the log-partition is not g* once the head bends."""
    head, h = mlp(), random_hidden()[0]
    J, p = torch.func.jacfwd(head)(h), head(h).softmax(0)
    expected = J.T @ (J * p[:, None]) - torch.outer(p @ J, p @ J)
    found = jacobian_metric(head, h)
    torch.testing.assert_close(found, expected.detach(), rtol=1e-12, atol=1e-14)
    v = torch.randn(3, D, generator=generator(7), dtype=torch.float64)
    torch.testing.assert_close(quadratic(head, h, v), torch.linalg.vecdot(v @ found, v), rtol=1e-12, atol=1e-14)
    bent = torch.func.hessian(lambda x: torch.logsumexp(head(x), 0))(h)
    assert norm(bent.detach() - found) > 1e-3


def test_jacobian_products_of_a_linear_head_give_its_own_metric() -> None:
    head, h = random_head(), random_hidden()[0]
    b = head.b
    assert b is not None
    metric, bound = token_metric(head, h)
    assert norm(jacobian_metric(lambda x: head.W.double() @ x + b.double(), h) - metric) <= bound + 1e-12
    with pytest.raises(ValueError, match=r"logits\[0\] is nan"):
        jacobian_metric(lambda x: head.W.double() @ x * torch.nan, h)
