"""Exact numbers: zero and order are decided, text and doubles are exact, and what is not exact is refused."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from flint import fmpq, fmpz
from hypothesis import given, settings
from hypothesis import strategies as st

from lmlaws.checks.exact.coprime import over_coprime_base
from lmlaws.checks.exact.numbers import INF, Exact, Undecided, acos, exp, log, log_sum, ratio, sqrt, weighted
from lmlaws.checks.exact.reading import ParseError

NEAR = 10**9 + 7  # a prime beyond the reach of trial division, and two more
ALSO, THIRD = 998244353, 10**9 + 9


def half(n: int) -> Fraction:
    return Fraction(n, 2)


def third(n: int) -> Fraction:
    return Fraction(n, 3)


# equality


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (log(12), 2 * log(2) + log(3)),
        (log(4), 2 * log(2)),
        (log(Fraction(3, 4)), log(3) - 2 * log(2)),
        (log(NEAR * ALSO) + log(NEAR * THIRD), 2 * log(NEAR) + log(ALSO * THIRD)),
        (log(NEAR**2) * log(ALSO), 2 * log(NEAR) * log(ALSO)),
        (sqrt(12), 2 * sqrt(3)),
        (sqrt(2) * sqrt(3), sqrt(6)),
        (sqrt(NEAR * ALSO) * sqrt(ALSO * THIRD), ALSO * sqrt(NEAR * THIRD)),
        (sqrt(Fraction(9, 16)), Exact.of(Fraction(3, 4))),
        (sqrt(half(1)), sqrt(2) / 2),
        ((1 + sqrt(2)) ** 2, 3 + 2 * sqrt(2)),
        (1 / (1 + sqrt(2) + sqrt(3)), Exact.parse("1/2 + sqrt(2)/4 - sqrt(6)/4")),
        (exp(1) * exp(-1), Exact.of(1)),
        (exp(half(1)) ** 2, exp(1)),
        (exp(log(6)), Exact.of(6)),
        (exp(log(2) / 2 + 1), sqrt(2) * exp(1)),
        (log(sqrt(3)), log(3) / 2),
        (log(exp(Fraction(2, 3)) * sqrt(2) / 5), Fraction(2, 3) + log(2) / 2 - log(5)),
        (log(8) / log(2), Exact.of(3)),
        ((log(2) + log(3)) / log(6), Exact.of(1)),
        (log(6) / log(2) - log(3) / log(2), Exact.of(1)),
        (Exact.of(8) ** Fraction(2, 3), Exact.of(4)),
        (sqrt(exp(1)), exp(half(1))),
        (Exact.of(0) ** 0, Exact.of(1)),
        (Exact.of(2) ** third(1) * Exact.of(4) ** third(1), Exact.of(2)),
        (Exact.of(NEAR**3) ** third(1), Exact.of(NEAR)),
        (Exact.of(9) ** Fraction(1, 4), sqrt(3)),
        (exp(-log(8) / 9), Exact.of(half(1)) ** third(1)),
        (sqrt(log(2) / 2) ** 2, log(2) / 2),
        (log(2 + 2 * sqrt(2)), log(2) + log(1 + sqrt(2))),
        (log(sqrt(1 + log(2))), log(1 + log(2)) / 2),
        (exp(log(1 + sqrt(2)) / 2), sqrt(1 + sqrt(2))),
        (exp(sqrt(2) + sqrt(3)) / exp(sqrt(3)), exp(sqrt(2) / 2) ** 2),
        ((log(2) ** 2 - 1) / (log(2) - 1), log(2) + 1),
        (1 / (2 + exp(1)) + 1 / (2 - exp(1)), 4 / (4 - exp(2))),
        (acos(half(-1)), 2 * acos(half(1))),
        (acos(-sqrt(2) / 2) + acos(sqrt(2) / 2), acos(-1)),
        (acos(1), Exact.of(0)),
    ],
)
def test_equal_forms_are_equal_and_hash_alike(left: Exact, right: Exact) -> None:
    assert left == right
    assert (left != right) is False
    assert not left < right
    assert left <= right
    assert hash(left) == hash(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (sqrt(3 + 2 * sqrt(2)), 1 + sqrt(2)),
        (sqrt(5 + 2 * sqrt(6)), sqrt(2) + sqrt(3)),
        (2 * log(1 + sqrt(2)), log(3 + 2 * sqrt(2))),
        (log(1 + sqrt(2)) + log(sqrt(2) - 1), Exact.of(0)),
        ((2 + sqrt(5)) ** third(1), (1 + sqrt(5)) / 2),
        (sqrt(2 + sqrt(3)) * 2, sqrt(6) + sqrt(2)),
        (log(sqrt(2) + sqrt(3)) + log(sqrt(3) - sqrt(2)) + log(6), log(2) + log(3)),
    ],
)
def test_zero_is_decided_beyond_the_normal_form(left: Exact, right: Exact) -> None:
    """Nested roots and logs of sums: the difference is below what a value that is not zero could be."""
    assert left == right
    assert left <= right
    assert left != right + Fraction(1, 10**80)  # the twin
    assert left < right + Fraction(1, 10**80)


def test_a_rational_beside_logs_of_sums_is_never_their_negative() -> None:
    """Baker's theorem with a constant: no ball has to tell that a form is not zero, however near it comes."""
    number = log(1 + sqrt(2))
    mantissa, exponent = (int(x) for x in number.ball(40_000).mid().man_exp())
    near = Fraction(mantissa, 1 << -exponent)
    assert number != near
    with pytest.raises(Undecided, match="it is not zero, but its sign stays open"):
        assert number < near


def test_a_rational_in_disguise_hashes_and_rounds_as_one() -> None:
    one = sqrt(3 + 2 * sqrt(2)) - sqrt(2)
    assert one.rational() == 1
    assert hash(one) == hash(1)
    assert float(one) == 1.0
    assert float(one - 1) == 0.0
    assert (one / 8).decimal(5) == "0.125"
    assert float(one + Fraction(1, 2**53)) == 1.0  # a tie, to even
    assert hash((sqrt(5) + 2) ** third(1) - (sqrt(5) - 2) ** third(1)) == hash(1)
    assert (one + exp(-100)).rational() is None
    assert sqrt(3 + sqrt(2)).rational() is None


def test_what_no_theorem_decides_is_undecided() -> None:
    hidden = sqrt((1 + log(2)) ** 2) - log(2)  # it is 1, but neither the form nor a bound shows it
    with pytest.raises(Undecided, match="whether it is zero stays open"):
        assert hidden == 1
    assert hidden != 2


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (log(12), 2 * log(2) + log(3) + Fraction(1, 10**60)),
        (log(NEAR * ALSO), log(NEAR * ALSO + 1)),
        (sqrt(2) + sqrt(3), sqrt(10)),
        (sqrt(10**40 + 1), Exact.of(10**20)),
        (exp(1), Exact.of(Fraction(math.e))),
        (log(2), Exact.of(Fraction(math.log(2)))),
        (log(3) / log(2), Exact.of(Fraction(math.log(3) / math.log(2)))),
    ],
)
def test_near_misses_differ_and_are_ordered_one_way(left: Exact, right: Exact) -> None:
    assert left != right
    assert (left < right) is not (right < left)


def test_rationals_equal_python_numbers_and_hash_alike() -> None:
    third = Exact.of("1/3")
    assert third == Fraction(1, 3) == third
    assert hash(third) == hash(Fraction(1, 3))
    assert {Exact.of(2): "two"}[log(4) / log(2)] == "two"
    assert Exact.of(fmpq(1, 3)) == third
    assert Exact.of("0.25") == Fraction(1, 4)
    assert third.rational() == Fraction(1, 3)
    assert log(2).rational() is None
    assert third != "1/3"


def test_a_power_of_a_log_is_not_a_log_of_a_power() -> None:
    assert log(4) ** 2 == 4 * log(2) ** 2
    assert log(4) ** 2 != 2 * log(2) ** 2


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=12), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_the_base_is_coprime_and_gives_the_integers_back(seeds: list[int], chance: random.Random) -> None:
    """Products of few large primes, so that the refinement, not trial division, has to find the common factors."""
    primes = [NEAR, ALSO, THIRD, 10**6 + 3]
    integers = [math.prod(chance.choices(primes, k=chance.randint(0, 5))) * (n % 7 + 1) for n in seeds] + seeds
    over = over_coprime_base(integers)
    base = sorted({b for factors in over.values() for b, _ in factors})
    assert all(math.prod(b**e for b, e in over[n]) == n for n in integers)
    assert all(math.gcd(a, b) == 1 for i, a in enumerate(base) for b in base[:i])
    assert not any(fmpz(b).is_perfect_power() for b in base)


# order


def test_order_of_nearly_equal_numbers() -> None:
    """log(n+1) - log(n) is about 1/n: two such differences agree to 400 digits."""
    n = 10**400
    step = log(n + 1) - log(n)
    assert step < Fraction(1, n)
    assert step > Fraction(1, n + 1)
    assert abs(-step) == step
    assert max(step, Exact.of(Fraction(1, n))) == Fraction(1, n)
    assert min([step, Exact.of(0), -step]) == -step


def test_a_limit_leaves_the_order_undecided_and_says_so() -> None:
    difference = log(10**400 + 1) - log(10**400)
    with pytest.raises(Undecided, match=r"sign stays open: a form with .* smaller than balls of 256 bits resolve"):
        difference.sign(limit=256)
    assert difference.sign() == 1
    beyond = exp(1) * log(2) - Exact.of((exp(1) * log(2)).decimal(60))
    with pytest.raises(Undecided, match="whether it is zero stays open"):
        beyond.sign(limit=128)
    assert beyond != 0


def test_inequality_of_logs_needs_no_precision_at_all() -> None:
    """Baker's theorem decides that a nonzero form is not zero where balls of every allowed precision cannot."""
    n = 10**20_000
    difference = log(n + 1) - log(n) - log(n + 2) + log(n + 1)
    assert difference != 0
    with pytest.raises(Undecided):
        difference.sign()


# infinity and conventions


def test_infinity() -> None:
    assert log(0) == -INF
    assert log(INF) == INF
    assert exp(-INF) == 0
    assert INF + log(2) == INF
    assert log(2) - INF == -INF
    assert INF * log(Fraction(1, 2)) == -INF
    assert log(2) / INF == 0
    assert -INF < log(2) < INF
    assert log(2) != INF
    assert not INF < INF
    assert Exact.sum([1, INF, log(3)]) == INF
    assert float(-INF) == -math.inf
    assert str(-INF) == "-inf"
    assert Exact.parse("-inf") == -INF
    assert hash(INF) == hash(Exact.parse("inf"))
    assert INF.rational() is None
    undefined: list[Callable[[], Exact]] = [
        lambda: INF - INF,
        lambda: 0 * INF,
        lambda: INF / INF,
        lambda: Exact.sum([INF, -INF]),
    ]
    for compute in undefined:
        with pytest.raises(ArithmeticError, match="has no value"):
            compute()


def test_conventions_of_information_theory_are_named_functions() -> None:
    assert weighted(0, log(0)) == 0
    assert weighted(log(2) + log(3) - log(6), INF) == 0
    assert weighted(Fraction(1, 2), log(0)) == -INF
    assert ratio(0, 0) == 0
    assert ratio(1, 0) == INF
    assert ratio(1, 3) == Fraction(1, 3)
    with pytest.raises(ValueError, match="nonnegative numbers, not for -1"):
        ratio(-1, 0)
    assert log_sum([(0, 0), (1, 2)]) == log(2)
    assert log_sum([(1, 0), (1, 2)]) == -INF
    with pytest.raises(ArithmeticError, match="both inf and -inf"):
        log_sum([(1, 0), (-1, 0)])


# refusals


@pytest.mark.parametrize("bad", [0.5, 1.0, math.nan])
def test_floats_are_refused_by_value(bad: float) -> None:
    for use in (Exact.of, lambda x: log(2) + x, lambda x: log(2) == x, lambda x: log(2) < x, log):
        with pytest.raises(TypeError, match=f"^{bad!r} of type float is not exact"):
            use(bad)


@pytest.mark.parametrize(
    ("compute", "error", "message"),
    [
        (lambda: log(-1), ValueError, "the logarithm of the negative number -1"),
        (lambda: log(-INF), ValueError, "the logarithm of the negative number -inf"),
        (lambda: log(1 - sqrt(2)), ValueError, r"the logarithm of the negative number 1 - sqrt\(2\)"),
        (lambda: sqrt(-2), ValueError, "the power 1/2 of the negative number -2"),
        (lambda: (1 - log(3)) ** Fraction(1, 3), ValueError, r"the power 1/3 of the negative number 1 - log\(3\)"),
        (lambda: Exact.of(0) ** Fraction(-1, 3), ZeroDivisionError, "the power -1/3 of an exact zero"),
        (lambda: acos(sqrt(2)), ValueError, r"acos of sqrt\(2\), which is not in \[-1, 1\]"),
        (lambda: exp(10**9 * log(2)), OverflowError, "the power 1000000000 of 2 is too large"),
        (lambda: 1 / (log(4) - 2 * log(2)), ZeroDivisionError, "division by an exact zero"),
    ],
)
def test_what_is_not_exact_is_refused_by_name(compute: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        compute()


# text and doubles


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (log(12) / 6, "1/3*log(2) + 1/6*log(3)"),
        (sqrt(12) - 1, "-1 + 2*sqrt(3)"),
        (-log(2) * log(2) * exp(half(1)), "-log(2)*log(2)*exp(1/2)"),
        (1 / log(2) / log(4), "1/2/log(2)/log(2)"),
        (log(2) - log(2), "0"),
        (exp(-1) / 3, "1/3*exp(-1)"),
        (Exact.of(2) ** third(1), "exp(1/3*log(2))"),
        (log(2 + 2 * sqrt(2)), "log(2) + log(1 + sqrt(2))"),
        (2 / sqrt(1 + log(2)), "2/sqrt(1 + log(2))"),
        ((1 + log(2)) ** third(2), "exp(2/3*log(1 + log(2)))"),
        (exp(sqrt(2) / 2 - 1), "exp(1/2*sqrt(2))*exp(-1)"),
        (acos(half(-1)) / 5, "4/15*acos(0)"),
    ],
)
def test_text(number: Exact, text: str) -> None:
    assert str(number) == text
    assert repr(number) == f"Exact.parse({text!r})"


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "expected a number, found the end of the text"),
        ("1/2*", 5, "expected a number, found the end of the text"),
        ("1 + x", 5, "expected a number, log, sqrt, exp, acos, inf or '(', found 'x'"),
        ("log 2", 5, "expected '(' after log"),
        ("(1 + 2", 7, "expected ')', found 'the end of the text'"),
        ("1 2", 3, "expected + - * / or the end, found '2'"),
        ("1 + 2^3", 6, "unexpected character '^'"),
        ("2 + log(1 - 2)", 5, "the logarithm of the negative number -1"),
        ("1/(2 - 2)", 2, "division by an exact zero"),
        ("1 + inf - inf", 9, "inf - inf has no value"),
        ("(" * 300, 202, "nested deeper than 200"),
        ("-" * 300, 202, "nested deeper than 200"),
        ("9" * 1001, 1, "a number of 1001 digits; the limit is 1000"),
        (" " * 70_000, 65537, "the text has 70000 characters; the limit is 65536"),
        ("__import__('os')", 1, "unexpected character '_'"),
    ],
)
def test_malformed_text_is_refused_with_its_column(text: str, column: int, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        Exact.parse(text)
    assert caught.value.column == column
    assert message in str(caught.value)


def exact_numbers() -> st.SearchStrategy[Exact]:
    rationals = st.fractions(-5, 5, max_denominator=12)
    integers = st.integers(2, 40)
    atoms = st.one_of(rationals.map(Exact.of), integers.map(log), integers.map(sqrt), rationals.map(exp))
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda xy: xy[0] + xy[1]),
            st.tuples(inner, inner).map(lambda xy: xy[0] * xy[1]),
            st.tuples(inner, integers).map(lambda xn: xn[0] / log(xn[1])),
            inner.map(lambda x: log(x * x + half(1))),
            st.tuples(inner, st.sampled_from([half(1), third(2), third(-1)])).map(lambda xe: (xe[0] ** 2 + 1) ** xe[1]),
            inner.map(lambda x: acos(1 / (x * x + 1))),
        ),
        max_leaves=5,
    )


@given(exact_numbers())
@settings(deadline=None, max_examples=200)
def test_text_parses_back_to_the_same_number(x: Exact) -> None:
    again = Exact.parse(str(x))
    assert again == x
    assert str(again) == str(x)


@given(exact_numbers(), exact_numbers(), exact_numbers())
@settings(deadline=None, max_examples=100)
def test_ring_laws(x: Exact, y: Exact, z: Exact) -> None:
    assert x * (y + z) == x * z + y * x
    assert (x + y) - y == x
    assert x * (y + z) != x * z + y * x + Fraction(1, 10**50)  # the twin: off by a little is seen


@given(exact_numbers())
@settings(deadline=None, max_examples=200)
def test_float_is_the_nearest_double(x: Exact) -> None:
    """Checked against a ball of 2,000 bits: it lies between the midpoints to the two neighbouring doubles."""
    near = float(x)
    below, above = (Fraction(near) + Fraction(math.nextafter(near, side)) for side in (-math.inf, math.inf))
    assert not x * 2 < below
    assert not x * 2 > above
    ball = x.ball(2000)
    assert not ball * 2 < fmpq(below.numerator, below.denominator)
    assert not ball * 2 > fmpq(above.numerator, above.denominator)


def test_float_of_hard_cases() -> None:
    tie = Fraction(2**53 + 1)  # halfway between two doubles: ties go to even
    assert float(Exact.of(tie)) == 2.0**53
    assert float(Exact.of(tie) + exp(-1000)) == 2.0**53 + 2
    assert float(Exact.of(tie) - exp(-1000)) == 2.0**53
    assert float(log(4) - 2 * log(2)) == 0.0
    assert float(exp(-800)) == 0.0
    with pytest.raises(OverflowError):
        float(exp(800))


def test_decimals_are_correctly_rounded() -> None:
    assert log(2).decimal(30) == "0.693147180559945309417232121458"
    assert exp(1).decimal(10) == "2.718281828"
    assert Exact.of("2/3").decimal(5) == "0.66667"
    assert (log(4) / log(2)).decimal(8) == "2"
    assert (100 + exp(-100)).decimal(8) == "100"
    assert exp(-100).decimal(4) == "3.72E-44"


# many terms


def test_entropy_of_many_outcomes_is_decided() -> None:
    """H(p) computed outcome by outcome, and as log(total) minus the weighted logs of the counts, are one number."""
    chance = random.Random(5)
    counts = [chance.getrandbits(64) + 1 for _ in range(1000)]
    total = sum(counts)
    entropy = log_sum((-Fraction(w, total), Fraction(w, total)) for w in counts)
    other = log(total) - Exact.sum(Fraction(w, total) * log(w) for w in counts)
    assert entropy == other
    assert entropy < log(1000)
    moved = log_sum([*((-Fraction(w, total), Fraction(w, total)) for w in counts), (Fraction(1, 10**90), NEAR)])
    assert moved != other
    assert moved > other
