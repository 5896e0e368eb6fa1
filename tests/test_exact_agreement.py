"""Agreement with mpmath at 30 digits on 1,000 random laws, quantity by quantity."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import pytest
from bench.references import DIGITS, EXACT, REFERENCE, Instance, instances, reference, relative_difference

from lmlaws.checks.exact.numbers import INF

LIMIT = 10.0**-DIGITS


@cache
def laws() -> list[Instance]:
    return list(instances(1_000))


def law(p: str, q: str) -> Instance:
    weights = [tuple(map(Fraction, side.split())) for side in (p, q)]
    return Instance(weights[0], weights[1], (1, len(weights[0])))


def test_the_laws_hold_zeros_repeated_values_and_both_ends() -> None:
    found = laws()
    assert {len(x.p) for x in found} >= {2, 3, 19 - 4, 20}
    assert sum(0 in x.p for x in found) > 300
    assert sum(len(set(x.p)) < len(x.p) for x in found) > 500
    assert sum(x.p == x.q for x in found) > 50
    assert sum(not any(map(min, x.p, x.q)) for x in found) > 20  # disjoint supports
    assert sum(max(y.denominator for y in x.p) > 10**6 for x in found) > 100


@pytest.mark.parametrize("name", EXACT)
def test_a_quantity_agrees_with_mpmath(name: str) -> None:
    differences = [relative_difference(EXACT[name](x), reference(name, x)) for x in laws()]
    assert len(differences) == 1_000
    assert max(differences) <= LIMIT
    infinite = sum(not EXACT[name](x).is_finite() for x in laws())
    assert (infinite > 20) == (name in ("KL", "chi2") or name.startswith("renyi"))


@pytest.mark.parametrize("name", EXACT)
def test_a_value_off_in_the_thirtieth_digit_is_seen(name: str) -> None:
    for x in laws()[:100]:
        exact, value = EXACT[name](x), reference(name, x)
        if exact.is_finite():
            near = exact * Fraction(10**DIGITS + 2, 10**DIGITS) if exact != 0 else exact + Fraction(2, 10**DIGITS)
            assert not relative_difference(near, value) <= LIMIT
            assert relative_difference(INF, value) == float("inf")
        else:
            assert relative_difference(exact * 0 if exact == 0 else 1 - exact, value) == float("inf")


def test_a_wrong_formula_is_seen() -> None:
    """The reference for one quantity refutes each other one somewhere."""
    for name in EXACT:
        for other in REFERENCE:
            worst = max(relative_difference(EXACT[name](x), reference(other, x)) for x in laws()[:40])
            assert (worst <= LIMIT) == (name == other), (name, other)


@pytest.mark.parametrize(
    ("p", "q", "values"),
    [
        ("1 0", "1/2 1/2", {"entropy": "0", "KL": "log(2)", "TV": "1/2", "chi2": "1", "renyi:1/2": "log(2)"}),
        ("1/2 1/2", "1 0", {"entropy": "log(2)", "KL": "inf", "TV": "1/2", "chi2": "inf", "renyi:2": "inf"}),
        ("1 0", "0 1", {"KL": "inf", "TV": "1", "JS": "log(2)", "hellinger2": "1", "chi2": "inf", "renyi:1/2": "inf"}),
        ("1/3 2/3 0", "1/3 2/3 0", {"KL": "0", "TV": "0", "JS": "0", "hellinger2": "0", "chi2": "0", "renyi:3/2": "0"}),
    ],
)
def test_zeros_and_infinities(p: str, q: str, values: dict[str, str]) -> None:
    """0 log 0 = 0, 0/0 = 0, a/0 infinite: lmlaws, mpmath and the value by hand."""
    instance = law(p, q)
    for name, expected in values.items():
        exact = EXACT[name](instance)
        assert exact == INF if expected == "inf" else exact == type(exact).parse(expected)
        assert relative_difference(exact, reference(name, instance)) <= LIMIT
