"""Random true and false information inequalities of up to 5 variables, judged; a wrong verdict stops the run.

True: nonnegative combinations of elemental inequalities, with multiples of hypotheses. False: such a combination with
one coefficient moved until one exact law violates it, by as little as 1e-12; the laws are linear functions of fair
bits, whose joint entropies are ranks over GF(2), and the combination is mostly of inequalities that are tight there.
Also Ingleton's inequality, its variables permuted, with less added to it than it is violated by. Every proof's
certificate goes through the checker.

`python -m bench.soundness [COUNT]`: half of COUNT (2,000) true, half false.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from time import perf_counter

from lmlaws.checks.engine import Budget, Engine
from lmlaws.checks.exact.search import SearchEngine
from lmlaws.checks.provers.copies import CopyProver, elementals
from lmlaws.checks.provers.elementals import information
from lmlaws.checks.provers.linear import Linear, combine
from lmlaws.checks.provers.shannon import ShannonProver
from lmlaws.checks.recheck import Accepted, check
from lmlaws.checks.verdicts import Proved, Undecided, Verdict
from lmlaws.theory.language import parse
from lmlaws.theory.statements import Statement

NAMES = "ABCDE"
INGLETON_GAP = Fraction(1, 20)
"""Less than the 0.0849 by which Ingleton's inequality fails at a law of four atoms, over log 4."""


@dataclass(frozen=True)
class Case:
    """A statement that is known to be true or false, and how it was made."""

    text: str
    true: bool
    kind: str

    @property
    def statement(self) -> Statement:
        return parse(self.text)


def written(form: Linear) -> str:
    """A linear form of entropies in the text language."""
    terms = [f"({value})*H({','.join(n for i, n in enumerate(NAMES) if s >> i & 1)})" for s, value in _sets(form)]
    return " + ".join(terms) or "0"


def _sets(form: Linear) -> Iterator[tuple[int, Fraction]]:
    return ((key, value) for key, value in sorted(form.items(), key=str) if isinstance(key, int))


def ranks(rng: random.Random, wires: int) -> list[int]:
    """For each set of variables the joint entropy, in bits, of random linear functions of up to 4 fair bits."""
    bits = rng.randint(1, 4)
    spaces = [[rng.randrange(1 << bits) for _ in range(rng.randint(0, 2))] for _ in range(wires)]
    return [_rank([row for i, rows in enumerate(spaces) if s >> i & 1 for row in rows]) for s in range(1 << wires)]


def _rank(rows: list[int]) -> int:
    basis: list[int] = []
    for row in rows:
        for other in basis:
            row = min(row, row ^ other)
        if row:
            basis.append(row)
    return len(basis)


def value(form: Linear, heights: list[int]) -> Fraction:
    """A form at these entropies."""
    return sum((times * heights[s] for s, times in _sets(form)), Fraction(0))


def weight(rng: random.Random) -> Fraction:
    """A positive rational, now and then large or small."""
    return Fraction(rng.randint(1, 12), rng.randint(1, 6)) * Fraction(10) ** rng.choice((0, 0, 0, 3, -3))


def combination(rng: random.Random, wires: int, heights: list[int] | None = None) -> Linear:
    """A nonnegative combination of elemental inequalities, mostly of those that are tight at the heights."""
    facts = [fact.form for fact in elementals(wires)]
    tight = [form for form in facts if heights is not None and value(form, heights) == 0]
    chosen = [rng.choice(tight if tight and rng.random() < 0.8 else facts) for _ in range(rng.randint(1, 12))]
    return combine(*((weight(rng), form) for form in chosen))


def hypotheses(rng: random.Random, wires: int, heights: list[int]) -> list[Linear]:
    """Up to two random conditional independences that hold at the heights."""
    found: list[Linear] = []
    for _ in range(8):
        a, b, c = (rng.randrange(1, 1 << wires) for _ in range(3))
        form = information(a, b & ~a, c & ~a & ~b)
        if form and value(form, heights) == 0 and len(found) < 2:
            found.append(form)
    return found


def given(forms: list[Linear]) -> str:
    """The hypotheses, as the text language writes them."""
    return " given " + ", ".join(f"{written(form)} = 0" for form in forms) if forms else ""


def true_case(rng: random.Random) -> Case:
    """A combination of elemental inequalities and of hypotheses, these with any sign."""
    wires = rng.randint(2, 5)
    assumed = hypotheses(rng, wires, ranks(rng, wires)) if rng.random() < 0.4 else []
    signs = [(rng.choice((-1, 1)) * weight(rng), form) for form in assumed]
    form = combine((1, combination(rng, wires)), *signs)
    return Case(f"0 <= {written(form)}{given(assumed)}", True, "given" if assumed else "plain")


def false_case(rng: random.Random) -> Case:
    """A true statement with one coefficient moved, or Ingleton's inequality."""
    if rng.random() < 0.15:
        a, b, c, d = rng.sample(range(4), 4)
        i, j, k, m = (1 << x for x in (a, b, c, d))
        gap = combine((-1, information(i, j, 0)), (1, information(i, j, k)), (1, information(i, j, m)))
        more: Linear = {15: INGLETON_GAP * Fraction(1, rng.choice((1, 10, 10**6)))}
        return Case(f"0 <= {written(combine((1, gap), (1, information(k, m, 0)), (1, more)))}", False, "Ingleton")
    while True:
        wires = rng.randint(2, 5)
        heights = ranks(rng, wires)
        raised = [s for s, height in enumerate(heights) if height]
        if not raised:
            continue
        form = combination(rng, wires, heights)
        assumed = hypotheses(rng, wires, heights) if rng.random() < 0.4 else []
        at = rng.choice(raised)
        excess = value(form, heights) + Fraction(1, 10 ** rng.choice((0, 1, 2, 4, 6, 8, 10, 12)))
        moved = combine((1, form), (1, {at: -excess / heights[at]}))
        return Case(f"0 <= {written(moved)}{given(assumed)}", False, "given" if assumed else "plain")


def cases(count: int, seed: int) -> Iterator[Case]:
    """True and false statements in turn."""
    rng = random.Random(seed)
    for turn in range(count):
        yield true_case(rng) if turn % 2 == 0 else false_case(rng)


def judged(case: Case, engines: Sequence[Engine], budget: Budget) -> Verdict:
    """The first decision of the engines, else what the last one says. Raises ArithmeticError where it is wrong."""
    statement = case.statement
    verdict: Verdict = Undecided("all", reason="no engine reads it")
    for engine in engines:
        if engine.accepts(statement) is not None:
            continue
        verdict = engine.decide(statement, budget.restarted())
        if isinstance(verdict, Proved):
            outcome = check(json.dumps(verdict.certificate), statement.canonical)
            if not isinstance(outcome, Accepted):
                raise ArithmeticError(f"{engine.name}: the checker rejects the proof of {case.text}: {outcome.reason}")
        if verdict.name in ("proved", "refuted"):
            break
    if verdict.name == ("refuted" if case.true else "proved"):
        raise ArithmeticError(f"{verdict.name}, but {'true' if case.true else 'false'} ({case.kind}): {case.text}")
    return verdict


def main(count: int) -> str:
    """Judge so many statements by all engines, and a tenth of the true ones by the search alone; count the verdicts."""
    begun, counts = perf_counter(), Counter[tuple[bool, str, str]]()
    budget, provers, search = Budget(5.0, 500), (ShannonProver(), CopyProver(1)), SearchEngine()
    for turn, case in enumerate(cases(count, seed=4)):
        verdict = judged(case, (*provers, search), budget)
        name = "undecided" if verdict.name == "holds" else verdict.name
        counts[case.true, case.kind, name] += 1
        if case.true and turn % 20 == 0:
            judged(case, (search,), budget)
    lines = [
        f"{number:6,} {'true' if true else 'false'} ({kind}): {name}"
        for (true, kind, name), number in sorted(counts.items())
    ]
    return "\n".join([*lines, f"{count:6,} statements, none judged wrongly, {perf_counter() - begun:.0f} s"])


if __name__ == "__main__":
    print(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
