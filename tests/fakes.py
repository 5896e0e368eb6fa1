"""Small engines with known answers, for tests of the store, the run and the report."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from lmlaws.checks.engine import Budget
from lmlaws.checks.verdicts import Holds, Refuted, Undecided, Verdict
from lmlaws.theory.claims import Claim, Source, Twin
from lmlaws.theory.expressions import LessEq
from lmlaws.theory.language import parse
from lmlaws.theory.quantities import H, I
from lmlaws.theory.statements import Statement

WHERE = Source("a test", "line 1")
EXAMPLE: dict[str, Any] = {
    "kind": "law",
    "vars": ["X", "Y"],
    "sizes": [2, 2],
    "law": ["1/2", "0", "0", "1/2"],
    "relation": "<=",
    "left": "log(2)",
    "right": "0",
    "left_decimal": "0.6931471806",
    "right_decimal": "0.0000000000",
}


class FakeEngine:
    """Refutes where there is an I, else lets H hold; writes down what it was asked, and may take its time."""

    exact = True

    def __init__(self, asked: Path | None = None, pause: float = 0.0, name: str = "fake") -> None:
        self.name, self.asked, self.pause = name, asked, pause

    def accepts(self, statement: Statement) -> str | None:
        return None if statement.is_information else "not about entropies"

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        time.sleep(self.pause)
        if self.asked is not None:
            with self.asked.open("a") as stream:
                stream.write(statement.hash + "\n")
        text = str(statement)
        if "I(" in text:
            return Refuted(self.name, counterexample=deepcopy(EXAMPLE))
        if text.startswith("H"):
            return Holds(self.name, instances=7, record={"tried": 7})
        return Undecided(self.name, "beyond this fake")


class BrokenEngine(FakeEngine):
    """Raises when it is asked."""

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        raise ArithmeticError("a fault of this engine")


def claim(name: str = "T1", factor: int = 1, says: str = "an entropy is at most a multiple of itself") -> Claim:
    """A claim that FakeEngine lets hold, with a twin that it refutes; another statement for each factor."""
    law = parse("H(X) <= H(X,Y)").about
    twin = Twin("reversed", LessEq(factor * I("X", "Y"), H("X")) if factor > 1 else LessEq(I("X", "Y"), H("Y")))
    return Claim(name, says, LessEq(H("X"), factor * H("X", "Y")), WHERE, about=law, twins=(twin,))


def timeless(data: Any) -> Any:
    """JSON data without its times."""
    if isinstance(data, dict):
        return {name: timeless(part) for name, part in data.items() if name != "seconds"}
    return [timeless(part) for part in data] if isinstance(data, list) else data


def text(results: Any) -> str:
    """Results as bytes would be, times apart."""
    return json.dumps(timeless(results))
