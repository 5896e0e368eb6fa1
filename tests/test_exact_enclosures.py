"""Softmax rows as balls: they contain the values of exact arithmetic on the float logits, and nothing near."""

from __future__ import annotations

import random
import tracemalloc
from fractions import Fraction
from typing import Any

import pytest
from flint import arb, ctx, fmpq
from mpmath import mp, mpf

from lmlaws.checks.exact.enclosures import SoftmaxRow, softmax_row
from lmlaws.checks.exact.numbers import exp, log

INFINITY = float("inf")
NAN = float("nan")


def by_mpmath(logits: list[float], token: int) -> dict[str, Any]:
    """Entropy, NLL, log-partition and sum p^2 from the definition, to 50 digits and more."""
    with mp.workdps(80):
        weights = [mp.exp(mpf(z)) for z in logits]
        total = mp.fsum(weights)
        p = [w / total for w in weights]
        return {
            "entropy": -mp.fsum(x * mp.log(x) for x in p if x),
            "nll": -mp.log(p[token]),
            "log_partition": mp.log(total),
            "collision": mp.fsum(x * x for x in p),
        }


def balls(row: SoftmaxRow, token: int) -> dict[str, Any]:
    return {
        "entropy": row.entropy,
        "nll": row.nll(token),
        "log_partition": row.log_partition,
        "collision": row.collision,
    }


def as_rational(value: Any, digits: int = 50) -> Any:
    """A number of mpmath, rounded to this many digits, as a flint rational."""
    with mp.workdps(80):
        text = mp.nstr(value, digits, min_fixed=-INFINITY, max_fixed=INFINITY)
    fraction = Fraction(text)
    return fmpq(fraction.numerator, fraction.denominator)


def within(ball: Any, value: Any) -> bool:
    """Whether the ball contains a rational, which is read at 300 bits."""
    with ctx.workprec(300):
        return bool(ball.contains(arb(value)))


def random_logits(rng: random.Random, count: int) -> list[float]:
    scale = rng.choice((1e-3, 1.0, 8.0, 60.0))
    logits = [rng.gauss(0, scale) for _ in range(count)]
    if count > 2 and rng.random() < 0.5:
        for i in rng.sample(range(1, count), count // 3):
            logits[i] = rng.choice((-INFINITY, logits[0]))
    return logits


@pytest.mark.parametrize("seed", range(60))
def test_the_balls_contain_mpmaths_fifty_digits(seed: int) -> None:
    rng = random.Random(seed)
    logits = random_logits(rng, rng.choice((2, 3, 17, 200)))
    expected = by_mpmath(logits, 0)
    for name, ball in balls(softmax_row(logits), 0).items():
        value = as_rational(expected[name])
        assert within(ball, value), name
        assert ball.rad() < 1e-17, name
        for near in (value + fmpq(1, 10**16), value - fmpq(1, 10**16)):  # the twin: one unit in the 16th digit
            assert not within(ball, near), name


@pytest.mark.parametrize("seed", range(5))
def test_a_row_with_one_logit_moved_by_one_ulp_is_told_apart(seed: int) -> None:
    """Floats are taken as they are: the neighbouring double gives a disjoint ball."""
    import math

    logits = [2.0 + seed, 1.25, -0.5]
    moved = [math.nextafter(logits[0], INFINITY), *logits[1:]]
    for name, ball in balls(softmax_row(logits), 1).items():
        assert not ball.overlaps(balls(softmax_row(moved), 1)[name]), name


def test_half_precision_floats_are_exact_dyadics() -> None:
    import numpy as np

    row = np.array([0.1, 0.2, -3.3], dtype=np.float16)
    exactly = [float(z) for z in row]
    assert exactly != [0.1, 0.2, -3.3]
    assert within(softmax_row(row).entropy, as_rational(by_mpmath(exactly, 0)["entropy"]))
    assert not softmax_row([0.1, 0.2, -3.3]).entropy.overlaps(softmax_row(row).entropy)


def test_masked_tokens_are_exact_zeros() -> None:
    masked, kept = softmax_row([1.0, -INFINITY, 0.5, -INFINITY]), softmax_row([1.0, 0.5])
    assert str(masked.entropy) == str(kept.entropy)
    assert str(masked.collision) == str(kept.collision)
    assert str(masked.nll(2)) == str(kept.nll(1))
    assert masked.nll(1) == arb("inf")
    assert not masked.entropy.overlaps(softmax_row([1.0, -40.0, 0.5, -40.0]).entropy)  # nearly masked is not masked


def test_ties_give_the_logarithm_of_their_number() -> None:
    row = softmax_row([3.75] * 7)
    assert row.entropy.overlaps(log(7).ball(200))
    assert row.nll(6).overlaps(log(7).ball(200))
    assert within(row.collision, fmpq(1, 7))
    assert not softmax_row([3.75] * 6 + [3.7500001]).entropy.overlaps(log(7).ball(200))


def test_one_token_is_certain() -> None:
    row = softmax_row([-1e300])
    assert row.entropy == 0
    assert row.nll(0) == 0
    assert row.collision == 1


def test_a_rational_law_by_exact_numbers() -> None:
    """Logits 0 and 1: the entropy is log(1 + e) - e/(1 + e), by the exact number system."""
    row = softmax_row([0.0, 1.0])
    e = exp(1)
    with ctx.workprec(200):
        value = log(1 + e).ball(200) - e.ball(200) / (1 + e).ball(200)
    assert row.entropy.overlaps(value)


def test_far_logits_neither_overflow_nor_vanish() -> None:
    row = softmax_row([1e308, -1e308, 1e308])
    assert row.entropy.overlaps(log(2).ball(100))
    assert row.nll(1).overlaps(2 * arb(1e308) + arb(2).log())


def test_more_bits_give_a_ball_inside() -> None:
    rough, fine = softmax_row([0.3, 1.7, -2.0]), softmax_row([0.3, 1.7, -2.0], precision=200)
    assert rough.entropy.contains(fine.entropy)
    assert fine.entropy.rad() < 1e-55


@pytest.mark.parametrize(
    ("logits", "error", "says"),
    [
        ([0.0, NAN, 1.0], ValueError, "logit 1 is nan"),
        ([0.0, 1.0, INFINITY], ValueError, "logit 2 is inf"),
        ([-INFINITY, -INFINITY], ValueError, "all 2 logits are -inf"),
        ([], ValueError, "at least one logit"),
        ([0.0, "1"], TypeError, "logit 1 is '1' of type str"),
        ([[0.0, 1.0], [1.0, 0.0]], TypeError, "logit 0 is .* one row"),
    ],
)
def test_bad_rows_are_refused_by_position(logits: list[Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        softmax_row(logits)


@pytest.mark.parametrize("token", [-1, 2])
def test_a_token_outside_the_row_is_refused(token: int) -> None:
    with pytest.raises(IndexError, match=f"token {token} of a row of 2 logits"):
        softmax_row([0.0, 1.0]).nll(token)


def test_a_vocabulary_of_fifty_thousand_is_tight_and_small() -> None:
    rng = random.Random(50_257)
    logits = [rng.gauss(0, 4) for _ in range(50_257)]
    tracemalloc.start()
    row = softmax_row(logits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert row.entropy.rad() < 1e-12
    assert peak < 16 * 50_257 + 100_000  # the logits as a list and a tuple; nothing else grows with the row
    value = as_rational(by_mpmath(logits, 0)["entropy"], 40)
    assert within(row.entropy, value)
    assert not within(row.entropy, value + fmpq(1, 10**15))
