"""Known sources, against textbook computations with fractions and 60 digits."""

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from lmlaws.numerics.sources import ENTROPY_RELATIVE_ERROR, MarkovSource

SOURCES = [MarkovSource(), MarkovSource(order=1, letters=2, seed=5), MarkovSource(order=3, letters=3, seed=1)]


def block_laws(source: MarkovSource, length: int) -> dict[tuple[int, ...], Fraction]:
    """The exact law of `length` >= order consecutive letters, by multiplying along the chain."""
    laws = dict(zip(source.contexts, source.stationary, strict=True))
    for _ in range(length - source.order):
        laws = {
            (*block, letter): weight * probability
            for block, weight in laws.items()
            for letter, probability in enumerate(source.law(block))
        }
    return laws


def block_entropy(source: MarkovSource, length: int) -> mpmath.mpf:
    with mpmath.workdps(60):
        return -mpmath.fsum(
            mpmath.mpf(p.numerator) / p.denominator * mpmath.log(mpmath.mpf(p.numerator) / p.denominator)
            for p in block_laws(source, length).values()
        )


@pytest.mark.parametrize("source", SOURCES)
def test_laws_are_dyadic_positive_and_exact_in_float64(source: MarkovSource) -> None:
    for context, row in zip(source.contexts, source.laws, strict=True):
        law = source.law(context)
        assert sum(law) == 1
        assert min(law) > 0
        assert all(source.denominator % p.denominator == 0 for p in law)
        assert [Fraction(x) for x in row.tolist()] == list(law)
    assert source.laws.shape == (source.letters**source.order, source.letters)


@pytest.mark.parametrize("source", SOURCES)
def test_the_stationary_law_is_exactly_stationary(source: MarkovSource) -> None:
    stationary = dict(zip(source.contexts, source.stationary, strict=True))
    assert sum(stationary.values()) == 1
    after: dict[tuple[int, ...], Fraction] = dict.fromkeys(stationary, Fraction(0))
    for context, weight in stationary.items():
        for letter, probability in enumerate(source.law(context)):
            after[(*context, letter)[1:]] += weight * probability
    assert after == stationary


def test_two_states_by_hand() -> None:
    source = MarkovSource(order=1, letters=2, seed=5)
    leave, come = source.law([0])[1], source.law([1])[0]
    assert source.stationary == (come / (leave + come), leave / (leave + come))


@pytest.mark.parametrize("source", SOURCES)
def test_the_entropy_rate_is_the_difference_of_block_entropies(source: MarkovSource) -> None:
    with mpmath.workdps(60):
        exact = block_entropy(source, source.order + 1) - block_entropy(source, source.order)
        assert abs(mpmath.mpf(source.entropy_rate()) - exact) <= exact * ENTROPY_RELATIVE_ERROR


def test_another_table_has_another_entropy_rate() -> None:
    assert abs(MarkovSource(seed=0).entropy_rate() - MarkovSource(seed=1).entropy_rate()) > 1e-3


def test_samples_follow_the_laws() -> None:
    source = MarkovSource()
    text = source.sample(60_000, seed=3)
    assert text.shape == (60_000,)
    counts = np.zeros((16, 4))
    np.add.at(counts, (text[:-2] * 4 + text[1:-1], text[2:]), 1)
    totals = counts.sum(axis=1, keepdims=True)
    deviations = np.sqrt(source.laws * (1 - source.laws) / totals)
    assert np.all(np.abs(counts / totals - source.laws) < 5 * deviations)
    assert not np.all(np.abs(counts / totals - MarkovSource(seed=1).laws) < 5 * deviations)
    stationary = np.array([float(p) for p in source.stationary])
    assert np.abs(totals[:, 0] / totals.sum() - stationary).max() < 0.02


def test_samples_repeat_and_begin_anywhere() -> None:
    source = MarkovSource()
    assert np.array_equal(source.sample(50, seed=1), source.sample(50, seed=1))
    assert not np.array_equal(source.sample(50, seed=1), source.sample(50, seed=2))
    assert len({tuple(source.sample(2, seed=i).tolist()) for i in range(60)}) > 8
    assert [len(source.sample(n, seed=0)) for n in range(4)] == [0, 1, 2, 3]


def test_only_the_last_letters_count() -> None:
    source = MarkovSource()
    assert source.law([3, 0, 1]) == source.law([2, 2, 0, 1]) == source.law([0, 1])
    assert len({source.law(context) for context in itertools.product(range(4), repeat=2)}) == 16


@pytest.mark.parametrize(("context", "message"), [([1], "has 1 letters"), ([1, 4], "id 4"), ([-1, 0], "id -1")])
def test_contexts_without_a_law_are_refused(context: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MarkovSource().law(context)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": 0}, "order is 0"),
        ({"letters": 1}, "letters is 1"),
        ({"denominator": 60}, "denominator is 60"),
        ({"denominator": 2}, "denominator is 2"),
        ({"order": 9}, "262144 contexts"),
    ],
)
def test_sources_that_cannot_be_built_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MarkovSource(**arguments)
