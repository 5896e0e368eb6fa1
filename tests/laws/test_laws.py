"""Runs every law of this folder and its twin; the laws are found by scanning, and every row of C, D, E, S has one."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest
import tests.laws
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.errors import NoSuchExample
from tests.laws.law import Law, at

ROWS = {"C": 10, "D": 10, "E": 8, "S": 8}
"""How many rows each family has; a row with several statements has several laws, C1.a, C1.b."""

SEARCH = settings(
    deadline=None, max_examples=3000, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def found() -> list[Law]:
    modules = [
        importlib.import_module(f"tests.laws.{info.name}")
        for info in pkgutil.iter_modules(tests.laws.__path__)
        if not info.name.startswith("test_")
    ]
    laws = [value for module in modules for value in vars(module).values()]
    laws += [part for value in laws if isinstance(value, list) for part in value]
    return [value for value in laws if isinstance(value, Law)]


LAWS = found()
parametrised = pytest.mark.parametrize("law", LAWS, ids=[law.id for law in LAWS])


def test_every_row_has_a_law() -> None:
    rows = {re.match(r"[A-Z]\d+", law.id)[0] for law in LAWS}  # type: ignore[index]  # an id that is none fails here
    assert rows == {f"{family}{n}" for family, count in ROWS.items() for n in range(1, count + 1)}
    assert len({law.id for law in LAWS}) == len(LAWS)


@parametrised
def test_law(law: Law) -> None:
    @given(law.over)
    @settings(deadline=None, max_examples=40)
    def holds(instance: object) -> None:
        assert at(law.holds, instance)

    holds()


@parametrised
def test_twin_is_broken(law: Law) -> None:
    try:
        instance = find(law.over_twin, lambda x: not at(law.twin, x), settings=SEARCH)
    except NoSuchExample:
        pytest.fail(
            f"no instance breaks the twin of {law.id}: it may be true, and then the test of the law tests nothing"
        )
    assert not at(law.twin, instance)
