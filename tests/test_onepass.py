"""The pass over the vocabulary against the plain twin, its bits, its statistics and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from math import inf, isinf

import numpy as np
import pytest
import torch
from tests import plain
from torch import Tensor

from lmlaws.numerics import tiles
from lmlaws.numerics.onepass import LinearHead, Statistics, Tokens, memory, scan
from lmlaws.numerics.statistics import FixedSum

Instance = tuple[Tensor, Tensor | None, Tensor, Tensor]
SCALARS = ("nll", "log_partition", "entropy", "square_sum", "three_halves_sum", "half_sum", "top", "trace", "error")


def instance(V: int, d: int, n: int, *, bias: bool = True, scale: float = 4.0, seed: int = 0) -> Instance:
    """W, b, h and targets; logits are about normal with standard deviation `scale`."""
    rng = torch.Generator().manual_seed(seed)
    W = torch.randn(V, d, generator=rng)
    h = torch.randn(n, d, generator=rng) * (scale / d**0.5)
    b = torch.randn(V, generator=rng) if bias else None
    return W, b, h, torch.randint(V, (n,), generator=rng)


def gap(left: Tensor | None, right: Tensor) -> float:
    """The largest difference; infinities at the same place are equal."""
    assert left is not None
    assert (left.isinf() == right.isinf()).all()
    return float((left - right)[~right.isinf()].abs().max())


@pytest.mark.parametrize(
    ("V", "d", "n", "bias"), [(1, 3, 5, True), (2, 1, 7, True), (1000, 32, 130, True), (2049, 64, 300, False)]
)
def test_every_quantity_is_the_plain_one(V: int, d: int, n: int, bias: bool) -> None:
    W, b, h, targets = instance(V, d, n, bias=bias)
    tokens, statistics = scan(LinearHead(W, b), h, targets, moments=True)
    p = plain.law(W, b, h)
    for name, value in (("nll", plain.nll(W, b, h, targets)), ("log_partition", plain.log_partition(W, b, h))):
        assert bool(((getattr(tokens, name) - value).abs() <= tokens.error).all())
    for order in (0.5, 1, 1.5, 2, inf):
        assert gap(tokens.renyi(order), plain.renyi(p, order)) < 2e-5
    for name, order in (("half_sum", 0.5), ("three_halves_sum", 1.5), ("square_sum", 2)):
        assert gap(getattr(tokens, name) / plain.power_sum(p, order), torch.ones(n).double()) < 1e-5
    assert gap(tokens.entropy, plain.entropy(p)) < 1e-5
    assert gap(tokens.top, p.amax(1)) < 5e-6
    assert gap(tokens.moment, plain.moment(W, p)) < 1e-5
    assert gap(tokens.trace, plain.trace(W, p)) < 1e-5 * (1 + d)
    assert tokens.correct is not None
    assert torch.equal(tokens.correct, plain.correct(W, b, h, targets))
    assert gap(statistics.law(), p.mean(0)) < 1e-6
    assert gap(statistics.moment(), plain.moment(W, p).mean(0)) < 1e-6
    assert gap(statistics.moment_outer(), plain.mean_outer(plain.moment(W, p))) < 1e-5
    assert gap(statistics.hidden(), h.double().mean(0)) < 2e-13
    assert gap(statistics.hidden_outer(), plain.mean_outer(h)) < 1e-11
    assert (statistics.count, statistics.correct) == (n, int(tokens.correct.sum()))


@pytest.mark.parametrize(("scale", "largest", "most"), [(4.7, 20, 1e-5), (14.0, 60, 5e-5)])
def test_the_error_is_small_and_within_the_bound_and_half_precision_is_not(
    scale: float, largest: float, most: float
) -> None:
    W, _, h, targets = instance(8000, 256, 200, bias=False, scale=scale)
    assert 0.8 * largest < float(plain.logits(W, None, h).abs().max()) < 1.3 * largest
    tokens, _ = scan(LinearHead(W), h, targets, statistics=False)
    truth = plain.nll(W, None, h, targets)
    assert gap(tokens.nll, truth) <= most
    assert bool(((tokens.log_partition - plain.log_partition(W, None, h)).abs() <= tokens.error).all())
    assert float(tokens.error.max()) < 2e-5 * 256 * largest / 20  # no empty bound: d + 2 units of |h| |w|
    half = torch.nn.functional.linear(h.bfloat16(), W.bfloat16()).double().log_softmax(1)
    wrong = (-half.gather(1, targets[:, None])[:, 0] - truth).abs()
    assert not bool((wrong <= tokens.error).all())
    assert not float(wrong.max()) <= most


def same(left: Tokens, right: Tokens) -> bool:
    """Bit for bit."""
    return all(torch.equal(getattr(left, name), getattr(right, name)) for name in (*SCALARS, "correct", "moment"))


def same_statistics(left: Statistics, right: Statistics) -> bool:
    """Bit for bit."""
    a, b = left.to_arrays(), right.to_arrays()
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


def test_a_tokens_bits_depend_on_nothing_but_the_token() -> None:
    W, b, h, targets = instance(3001, 48, 700)
    head = LinearHead(W, b)
    tokens, statistics = scan(head, h, targets, moments=True)
    order = torch.randperm(700, generator=torch.Generator().manual_seed(1))
    permuted, again = scan(head, h[order], targets[order], moments=True, workers=3)
    assert same(tokens[order], permuted)
    assert same_statistics(statistics, again)
    cuts = (slice(1), slice(1, 300), slice(300, 700))
    pieces = [scan(head, h[cut], targets[cut], moments=True) for cut in cuts]
    assert same(tokens, Tokens.cat([piece for piece, _ in pieces]))
    assert same_statistics(statistics, pieces[2][1] + (pieces[0][1] + pieces[1][1]))
    assert not same_statistics(statistics, pieces[2][1] + pieces[1][1])


def test_the_bits_do_not_depend_on_where_the_weights_lie() -> None:
    W, b, h, targets = instance(1500, 40, 64)
    shifted = torch.empty(W.numel() + 1)[1:].view_as(W).copy_(W)
    assert W.data_ptr() % 64 != shifted.data_ptr() % 64
    strided = torch.empty(1500, 80)[:, ::2].copy_(W)
    tokens, _ = scan(LinearHead(W, b), h, targets, moments=True)
    for copy in (shifted, strided):
        assert same(tokens, scan(LinearHead(copy, b), h, targets, moments=True)[0])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_of_other_types_are_converted_and_never_the_logits(dtype: torch.dtype) -> None:
    W, b, h, targets = instance(1100, 32, 40)
    W = W.to(dtype)
    tokens, _ = scan(LinearHead(W, b), h, targets, moments=True)
    truth = plain.nll(W, b, h, targets)
    assert bool(((tokens.nll - truth).abs() <= tokens.error).all())  # type: ignore[operator]
    single, _ = scan(LinearHead(W.float(), b), h, targets, moments=True)
    names = ("log_partition", "entropy", "moment") if dtype == torch.float64 else (*SCALARS, "moment")
    assert all(torch.equal(getattr(tokens, name), getattr(single, name)) for name in names)
    assert dtype != torch.float64 or bool((tokens.error > single.error).all())


def test_hidden_vectors_of_double_precision_are_within_the_bound() -> None:
    W, b, h, targets = instance(700, 32, 50)
    h = h.double() * (1 + 1e-8)
    tokens, _ = scan(LinearHead(W, b), h, targets)
    assert tokens.nll is not None
    assert bool(((tokens.nll - plain.nll(W, b, h, targets)).abs() <= tokens.error).all())


def test_masked_tokens_have_probability_zero_and_no_nan_comes_of_it() -> None:
    W, b, h, targets = instance(2100, 16, 60)
    assert b is not None
    b[:1100], targets[0], targets[1:] = -inf, 7, 1500  # a whole tile of masked tokens comes first
    tokens, statistics = scan(LinearHead(W, b), h, targets, moments=True)
    p = plain.law(W, b, h)
    assert isinf(float(tokens.nll[0]))  # type: ignore[index]
    assert gap(tokens.nll, plain.nll(W, b, h, targets)) < 1e-5
    assert gap(tokens.half_sum / plain.power_sum(p, 0.5), torch.ones(60).double()) < 1e-5
    assert gap(tokens.entropy, plain.entropy(p)) < 1e-5
    assert bool((statistics.law()[:1100] == 0).all())
    assert bool((statistics.law()[1100:] > 0).all())
    assert statistics.mean("nll") == inf
    assert statistics.infinite["nll"] == 1


@pytest.mark.parametrize("kept", [tiles.KEPT, 0])
def test_the_overlap_with_a_second_head_and_the_mean_law_need_no_kept_tiles(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "KEPT", kept)
    W, b, h, _ = instance(2500, 24, 90)
    W2, b2, h2, _ = instance(2500, 17, 90, seed=1)
    tokens, statistics = scan(LinearHead(W, b), h, second=(LinearHead(W2, b2), h2))
    p, q = plain.law(W, b, h), plain.law(W2, b2, h2)
    assert gap(tokens.overlap, plain.overlap(p, q)) < 1e-5
    assert not gap(tokens.overlap, 1 - plain.overlap(p, q)) < 1e-5
    assert gap(statistics.law(), p.mean(0)) < 1e-6
    itself, _ = scan(LinearHead(W, b), h, second=(LinearHead(W, b), h), statistics=False)
    assert gap(itself.overlap, torch.ones(90).double()) < 1e-6


def test_statistics_are_exact_sums() -> None:
    W, b, h, targets = instance(900, 8, 77)
    tokens, statistics = scan(LinearHead(W, b), h, targets)
    assert tokens.nll is not None
    exact = sum((Fraction(x) for x in tokens.nll.tolist()), Fraction(0))
    assert statistics.sum("nll") == exact
    assert statistics.mean("nll") == float(exact / 77)
    assert statistics.sum("nll") != exact + Fraction(1, 2**80)


def test_statistics_of_a_trillion_tokens_are_still_exact() -> None:
    W, b, h, targets = instance(300, 8, 20)
    _, once = scan(LinearHead(W, b), h, targets)
    total = once
    for _ in range(40):
        total = total + total
    assert total.count == 20 * 2**40 > 10**12
    assert total.mean("nll") == once.mean("nll")
    for name in ("law", "moment", "hidden", "moment_outer", "hidden_outer"):
        assert gap(getattr(total, name)() / getattr(once, name)(), torch.ones(()).double()) < 1e-15
    more = total + once
    for name, fixed in total.fixed.items():  # not one unit of 20 * 2^40 tokens is lost
        assert not same_statistics(more, total)
        negative = FixedSum(fixed.bits, *fixed.low.shape)
        negative.merge(more.fixed[name])
        negative._carry(-fixed.high, -fixed.low, slice(None))
        assert torch.equal(negative.high, once.fixed[name].high)
        assert torch.equal(negative.low, once.fixed[name].low)


def test_statistics_are_a_commutative_monoid_and_survive_storage() -> None:
    W, b, h, targets = instance(300, 8, 60)
    parts = [scan(LinearHead(W, b), h[i : i + 20], targets[i : i + 20])[1] for i in (0, 20, 40)]
    zero = Statistics.zero(300, 8)
    assert same_statistics(parts[0] + zero, zero + parts[0])
    assert same_statistics(parts[0] + parts[1], parts[1] + parts[0])
    assert same_statistics((parts[0] + parts[1]) + parts[2], parts[0] + (parts[1] + parts[2]))
    assert not same_statistics(parts[0] + parts[1], parts[0] + parts[2])
    assert same_statistics(Statistics.from_arrays(parts[0].to_arrays()), parts[0])
    with pytest.raises(ValueError, match="do not merge"):
        parts[0].merge(Statistics.zero(301, 8))


def test_large_and_small_entries_add_up_exactly() -> None:
    """Digits of a matrix: of tiny, of usual and of huge entries."""
    h = torch.tensor([[1e6, 3.0, 2.0**-30], [-5e5, 1 / 3, 2.0**-20]]).double()
    W = torch.zeros(4, 3)
    _, statistics = scan(LinearHead(W), h)
    allowed = 1e-12 + 1e-15 * plain.mean_outer(h).abs() + 2.0**-39 * (h.abs().mean(0) + h.abs().mean(0)[:, None])
    assert bool(((statistics.hidden_outer() - plain.mean_outer(h)).abs() <= allowed).all())
    assert statistics.hidden()[0] == 2.5e5
    with pytest.raises(ValueError, match="hidden vector at position 1 has an entry of size 2\\^24"):
        scan(LinearHead(W), torch.tensor([[0.0, 0, 0], [0, 2.0**24, 0]]))


def test_what_is_not_asked_for_is_not_there() -> None:
    W, b, h, _ = instance(50, 4, 9)
    tokens, statistics = scan(LinearHead(W, b), h, statistics=False)
    assert (tokens.nll, tokens.correct, tokens.trace, tokens.moment, tokens.overlap) == (None,) * 5
    with pytest.raises(ValueError, match="no token has 'nll'"):
        statistics.mean("nll")
    with pytest.raises(ValueError, match="statistics=True"):
        statistics.law()
    with pytest.raises(ValueError, match="orders 1/2, 1, 3/2, 2 and inf"):
        tokens.renyi(3)
    with pytest.raises(ValueError, match="trace is known in some parts only"):
        Tokens.cat([tokens, scan(LinearHead(W, b), h)[0]])


def test_no_token_at_all() -> None:
    W, b, _, _ = instance(50, 4, 1)
    tokens, statistics = scan(LinearHead(W, b), torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), moments=True)
    assert len(tokens) == statistics.count == 0
    assert tokens.moment is not None
    assert tokens.moment.shape == (0, 4)


def bad(change: str) -> None:
    """Scan with one thing wrong."""
    W, b, h, targets = instance(1200, 4, 600)
    assert b is not None
    second = None
    if change == "weight":
        W[1100, 2] = torch.nan
    elif change == "bias":
        b[7] = inf
    elif change == "masked":
        b[:] = -inf
    elif change == "hidden":
        h[555, 1] = inf
    elif change == "target":
        targets[3] = 1200
    elif change == "negative":
        targets[2] = -100
    elif change == "overflow":
        h[5] = 1e30
    elif change == "dim":
        h = h[:, :3]
    elif change == "targets":
        targets = targets[:-1]
    elif change == "second":
        second = (LinearHead(W[:-1]), h)
    scan(LinearHead(W, b), h, targets, second=second, workers=0 if change == "workers" else 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("weight", "weights of token 1100 are not finite"),
        ("bias", "bias of token 7 is inf"),
        ("masked", "all 1200 tokens are masked"),
        ("hidden", "hidden vector at position 555 is not finite"),
        ("target", "target 1200 at position 3 is outside the vocabulary \\(0..1199\\)"),
        ("negative", "target -100 at position 2"),
        ("overflow", "position 5 may overflow"),
        ("dim", "give floats \\(n, 4\\)"),
        ("targets", "give 600 token ids"),
        ("second", "the second head has 1199 tokens"),
        ("workers", "0 workers"),
    ],
)
def test_bad_input_is_named(change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad(change)


def test_good_input_is_taken() -> None:
    bad("nothing")


def test_the_threads_and_the_precision_of_the_process_are_left_alone() -> None:
    W, b, h, _ = instance(50, 4, 9)
    before = torch.get_num_threads()
    done = []
    scan(LinearHead(W, b), h, progress=lambda *step: done.append(step))
    assert torch.get_num_threads() == before
    assert done[-1][:2] == (9, 9)
    torch.set_float32_matmul_precision("high")
    try:
        with pytest.raises(ValueError, match="set_float32_matmul_precision"):
            scan(LinearHead(W, b), h)
    finally:
        torch.set_float32_matmul_precision("highest")


MILLION = """
import torch
from pathlib import Path
from lmlaws.numerics.onepass import LinearHead, memory, scan
torch.set_num_threads(1)
def megabytes():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 2**10
W, h = torch.full((1_000_000, 16), 0.5), torch.ones(40, 16)
scan(LinearHead(W[:100]), h[:9])
before = megabytes()
tokens, _ = scan(LinearHead(W), h, moments=True, statistics=False)
print(megabytes() - before, float(tokens.entropy.max()))
_, statistics = scan(LinearHead(W), h)
print(megabytes() - before, memory(1_000_000, 16) / 2**20, float(statistics.law().max()))
"""


def test_a_million_tokens_in_little_memory() -> None:
    """Logits of these 40 positions alone would take 160 MB."""
    done = subprocess.run([sys.executable, "-c", MILLION], capture_output=True, text=True, check=True)
    peak, entropy, full, stated, law = map(float, done.stdout.split())
    assert peak <= 32
    assert full <= stated < 100
    assert abs(entropy - np.log(1e6)) < 1e-5
    assert abs(law - 1e-6) < 1e-12
    assert memory(2_000_000, 16) > memory(1_000_000, 16)
