"""The stopwatch of bench/ and its rows' inputs, on works of known cost; no time is asserted."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tomllib
from fractions import Fraction
from math import isclose, log
from pathlib import Path

import pytest
from bench import compose, diagrams, entropy, model_row
from bench.__main__ import PACKAGES, ROWS
from bench.agreement import COUNT, Comparison, compare
from bench.harness import Side, Timed, Work, alternate, peer, ratios, section, shown, table
from bench.references import instances

from lmlaws.checks.exact.kernels import Kernel
from lmlaws.theory.programs import normal_form

ROOT = Path(__file__).parent.parent


def side(name: str, work: Work, rounds: int = 3) -> Side:
    return Side(name, "work", lambda: work, rounds)


def test_the_sides_alternate_and_each_runs_its_rounds() -> None:
    order: list[str] = []

    def noting(name: str) -> Work:
        def work() -> int:
            order.append(name)
            return len(order)

        return work

    ours, theirs = alternate(side("a", noting("a"), 3), side("b", noting("b"), 1))
    assert order == ["a", "a", "b", "a", "a"]  # a warm-up for the side with several rounds, then in turn
    assert (len(ours.seconds), len(theirs.seconds)) == (3, 1)
    assert theirs.result == 3


def test_a_peer_that_fails_gives_its_reason() -> None:
    def missing() -> Work:
        import nothing_of_this_name  # type: ignore[import-not-found]

        return nothing_of_this_name.work  # type: ignore[no-any-return]

    ours, absent = alternate(side("a", lambda: 1), Side("b", "work", missing))
    assert absent.seconds == ()
    assert "ModuleNotFoundError" in absent.reason
    text = table([ours, absent])
    assert "No module named 'nothing_of_this_name'" in text
    assert text.count("\n") == 3


def test_ratios_are_taken_round_by_round() -> None:
    first = Timed(side("a", int), (1.0, 2.0, 4.0), 1)
    other = Timed(side("b", int), (3.0, 4.0, 40.0), 1)
    assert ratios(other, first) == (3.0, 2.0, 10.0)
    assert ratios(first, first) == (1.0, 1.0, 1.0)
    assert ratios(Timed(side("c", int), (8.0,), 1), first) == (4.0, 4.0, 4.0)  # a single round: over the median
    assert table([first, other]).splitlines()[-1] == "| b | work | 4 s | 3 s to 40 s | 3 | 3 (2 to 10) |"


@pytest.mark.parametrize(("seconds", "text"), [(12.34, "12.3 s"), (0.0123, "12.3 ms"), (4.5e-6, "4.5 µs"), (0, "0 µs")])
def test_times_carry_their_unit(seconds: float, text: str) -> None:
    assert shown(seconds) == text


def test_a_reason_does_not_break_the_table() -> None:
    broken = Timed(side("b", int), reason="two\nlines | and a bar")
    assert section("T", "about", [broken]).splitlines()[-1] == "| b | work | - | two lines / and a bar | 0 | - |"


def test_every_row_is_a_file_and_all_rows_run() -> None:
    files = {path.stem for path in (ROOT / "bench").glob("*.py")}
    assert files == {*ROWS, "__init__", "__main__", "harness", "references", "soundness", "invariance"}


def test_every_peer_is_pinned_and_none_is_a_dependency() -> None:
    places = (ROOT / "bench" / "requirements.txt", ROOT / "Makefile")
    pinned = dict(re.findall(r"(\S+)==([0-9]\S*)$", "\n".join(place.read_text("utf-8") for place in places), re.M))
    assert {"dit", "efprob", "discopy", "psitip", "scipy"} <= set(pinned)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(need for needs in project["optional-dependencies"].values() for need in needs),
    ]
    assert not {re.match(r"[\w-]+", need)[0] for need in wanted} & set(pinned)  # type: ignore[index]
    assert {"lmlaws", *pinned} >= set(PACKAGES) - {"python-flint", "numpy", "torch"}


def test_the_compared_kernels_are_dyadic_and_compose_alike() -> None:
    rng = random.Random(1)
    left, right = (compose.kernel_rows(rng, 5) for _ in range(2))
    assert (Kernel(left) >> Kernel(right)).rows() == compose.fraction_product(left, right)
    assert {2**16 % x.denominator for row in left for x in row} == {0}


def test_the_chain_rule_is_decided_and_its_twin_refused() -> None:
    law = entropy.weights(100, seed=1)
    exact, _ = entropy.exact_side(law).prepare()()
    assert entropy.decided_side(law, 10).prepare()() is True
    assert exact != entropy.chain_rule([law[0] + law[1], Fraction(0), *law[2:]], 10)


def test_the_compared_diagrams_are_equal_and_have_a_twin() -> None:
    for make in (diagrams.chain, diagrams.row):
        left, right = make(40)
        assert left != right
        assert normal_form(left) == normal_form(right)
        assert normal_form(left) != normal_form(make(36)[1])
        assert len(normal_form(left).boxes) == 40
    assert diagrams.discard_is_natural()[0]


def test_the_softmax_of_the_peers_is_a_law() -> None:
    assert isclose(sum(model_row.softmax([1.0, 2.0, -700.0])), 1)
    assert model_row.softmax([5.0, 5.0]) == [0.5, 0.5]


def test_agreement_lists_a_peer_that_is_wrong() -> None:
    laws = list(instances(40))
    worst, infinite, found = compare("chi2", laws, {"zero": {"chi2": lambda _: 0.0}, "without": {}})
    assert worst <= 1e-30
    assert infinite > 0
    assert list(found) == ["zero"]
    assert 0 < len(found["zero"].wrong) < len(laws)  # zero is right where both laws are equal


def test_a_difference_beyond_the_tolerance_and_an_error_are_disagreements() -> None:
    comparison, (law,) = Comparison(), instances(1)
    comparison.add(law, log(2), log(2) + 1e-15)
    comparison.add(law, 1e6, 1e6 + 1e-7)
    assert comparison.wrong == []
    assert 0 < comparison.largest <= 1e-12
    comparison.add(law, log(2), log(2) + 1e-11)
    comparison.add(law, log(2), float("nan"))
    comparison.add(law, float("inf"), 0.25)
    comparison.add(law, 0.0, ValueError("no"))
    assert len(comparison.wrong) == 4


def test_the_agreement_runs_alone_without_peers_and_says_so() -> None:
    assert COUNT == 1_000
    done = subprocess.run(
        [sys.executable, "-m", "bench.agreement", "20"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "| entropy | 20 | 0 |" in done.stdout
    for name in ("scipy", "dit"):
        present = "not installed" not in peer(name)
        assert present or f"{name} is missing" in done.stdout
