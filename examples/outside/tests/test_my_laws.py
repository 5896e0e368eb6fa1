"""Property tests on exact laws and kernels: comparisons are decided, so there is no tolerance to choose."""

from fractions import Fraction

import pytest
from checks.contraction import contracts
from hypothesis import given
from hypothesis import strategies as st
from theory.smoothing import smoothing

from lmlaws import Kernel, State, divergence
from lmlaws.strategies import kernels, states

SHARES = st.integers(0, 8).map(lambda eighths: Fraction(eighths, 8))


@pytest.mark.parametrize("name", ["KL", "TV", "chi2", "hellinger2"])
@given(p=states(3), q=states(3), k=kernels(3, 2))
def test_every_kernel_contracts(name: str, p: State, q: State, k: Kernel) -> None:
    """Data processing, for four divergences."""
    assert contracts(name, k, p, q)


@given(p=states(3), q=states(3), share=SHARES)
def test_smoothing_scales_total_variation(p: State, q: State, share: Fraction) -> None:
    """By one minus the share, exactly."""
    k = smoothing(3, share)
    assert divergence("TV", p >> k, q >> k) == (1 - share) * divergence("TV", p, q)


@given(first=SHARES, second=SHARES)
def test_smoothing_twice_is_smoothing_once(first: Fraction, second: Fraction) -> None:
    """What is kept is kept twice."""
    assert smoothing(4, first) >> smoothing(4, second) == smoothing(4, 1 - (1 - first) * (1 - second))


def test_smoothing_does_not_scale_kl() -> None:
    """The near-miss: KL shrinks by more than the share, here from infinity."""
    p, q, half = State([1, 0, 0]), State([0, 1, 0]), Fraction(1, 2)
    k = smoothing(3, half)
    assert divergence("KL", p >> k, q >> k) < half * divergence("KL", p, q)
