"""Counterexamples to polynomial statements at fixed small sizes, by z3's nonlinear real arithmetic.

A statement without logarithms about laws, kernels and softmax heads is, at fixed sizes, a formula over the reals: the
entries are unknowns, a root is one more unknown r >= 0 with r^n = a, a denominator d one more unknown y with y d = 1.
z3 looks for a real point of its negation that meets `given`, the entries are then moved to rationals one after the
other as long as such a point is left, and the instance counts only when it violates the statement exactly, like
every instance of the search. So z3 is trusted with nothing: what it finds is evaluated, and that it finds nothing at a
size is told in the reason of *undecided*, which proves nothing and adds no instance to *holds*.

Reference: Jovanovic and de Moura, "Solving non-linear arithmetic" (IJCAR 2012).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from lmlaws.theory.divergences import divergence_row
from lmlaws.theory.expressions import (
    At,
    Bias,
    Coordinate,
    Direction,
    DivergenceOf,
    Element,
    Entropy,
    Exp,
    Information,
    Log,
    Logit,
    LogPartition,
    Rank,
    walk,
)
from lmlaws.theory.statements import Statement

from ..engine import Budget
from ..exact import spaces
from ..exact.instances import UnevaluableError
from ..exact.search import SearchEngine, Tally, violated
from ..exact.shrinking import shrink
from ..exact.spaces import Choice, Shape
from ..verdicts import Undecided, Verdict
from .child import Failure, bounded
from .reals import Formula, vanishing

SECONDS, SECONDS_A_SIZE = 8.0, 3.0
"""The most seconds for one statement, and for one choice of sizes."""
UNKNOWNS = 12
"""The most entries that are free to move at a size that is tried."""
SIMPLER = 200
"""How many simpler instances are tried in place of a counterexample that was found."""
DENOMINATORS = (1, 2, 4, 8, 16, 64, 1_000, 10**5, 10**8)
"""An unknown is moved to the rational nearest to z3's, with a denominator up to these in turn."""


class SmtRefuter(SearchEngine):
    """The search for a counterexample among all real instances of a few small sizes; it refutes or is undecided."""

    name = "z3"

    def accepts(self, statement: Statement) -> str | None:
        if not statement.objects:
            return "nothing to take instances of"
        for node in _sides(statement):
            if isinstance(
                node, Log | Exp | LogPartition | Rank | Entropy | Information | Coordinate | Bias | At | Element
            ):
                return f"not a polynomial relation: {type(node).__name__}"
            if isinstance(node, Logit) and not isinstance(node.vector, Direction):
                return "not a polynomial relation: the logit of a point"
            if isinstance(node, DivergenceOf) and _transcendental(node.name):
                return f"not a polynomial relation: {node.name}"
        return None

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        import z3  # noqa: F401 - so that the children need not, each for itself

        clock, told = Budget(min(budget.left(), SECONDS)), dict[str, list[str]]()
        for shape in _shapes(statement):
            answer = bounded(_real_counterexample, statement, shape, seconds=min(clock.left(), SECONDS_A_SIZE))
            if isinstance(answer, list):
                choice = _violation(statement, shape, answer)
                if choice is not None:
                    return self._refuted(statement, _simpler(statement, choice, clock).instance())
                answer = "z3 names a counterexample that is none"
            reason = answer.reason if isinstance(answer, Failure) else answer
            told.setdefault(reason, []).append(",".join(map(str, shape.sizes.values())))
        parts = ",".join(f"|{part.name}|" for part in statement.objects)
        reasons = [f"{reason} at {parts} = {' or '.join(dict.fromkeys(sizes))}" for reason, sizes in told.items()]
        return Undecided(self.name, "; ".join(reasons) or f"more than {UNKNOWNS} unknowns at the smallest sizes")


def _sides(statement: Statement) -> Iterator[Any]:
    """The nodes of all expressions, without independences and functions, which are polynomial though of H and I."""
    for relation in (statement.holds, *statement.given):
        if vanishing(relation) is None:
            yield from walk((relation.left, relation.right))


def _transcendental(name: str) -> bool:
    summand = divergence_row(name).summand
    return summand is None or any(isinstance(node, Log) for node in walk((summand, divergence_row(name).outer)))


def _shapes(statement: Statement) -> Iterator[Shape]:
    """Sizes from two letters on, for one letter is two of which one has no mass, where few enough entries are free."""
    shapes = [shape for level in spaces.levels(statement) for shape in level]
    varying = [part for part in statement.objects if len({shape.sizes[part] for shape in shapes}) > 1]
    for shape in shapes:
        free_entries = sum(shape.width(cell) - (cell.kind in ("box", "function")) for cell in shape.cells)
        if free_entries <= UNKNOWNS and all(shape.sizes[part] > 1 for part in varying):
            yield shape


def _violation(statement: Statement, shape: Shape, cells: list[list[str]]) -> Choice | None:
    """The instance with these values in its cells, if it is one, and violates the statement, exactly; else None."""
    try:
        choice = Choice(shape, tuple(tuple(map(Fraction, cell)) for cell in cells))
        return choice if violated(statement, choice.instance(), Tally()) else None
    except (ValueError, TypeError, ZeroDivisionError):  # no numbers, not as many as there should be, or no law
        return None


def _simpler(statement: Statement, choice: Choice, clock: Budget) -> Choice:
    return shrink(choice, lambda c: bool(clock.left()) and violated(statement, c.instance(), Tally()), SIMPLER)


# --- in the child process


def _real_counterexample(statement: Statement, shape: Shape) -> list[list[str]] | str:
    """The values of the cells of a counterexample, as texts of rationals, or what is said of a size that gave none."""
    import z3

    try:
        formula = Formula(statement, shape)
        given = [formula.holds(relation) for relation in statement.given]
        wanted = [*given, z3.Not(formula.holds(statement.holds)), *formula.facts]
    except (UnevaluableError, ValueError) as problem:  # a division by zero that stands in the statement, say
        return f"not a polynomial relation ({problem})"
    model = _model(wanted)
    if model is None:
        return "no real counterexample" + (" with denominators that are not zero" if formula.divides else "")
    for x in formula.unknowns:
        model, equation = _moved(model, wanted, x)
        if equation is None:
            return "a real counterexample, and no rational one near it"
        wanted.append(equation)
    values = [[model.eval(x, model_completion=True) if z3.is_expr(x) else x for x in cell] for cell in formula.cells]
    return [[str(x.as_fraction() if z3.is_expr(x) else x) for x in cell] for cell in values]


def _model(wanted: Sequence[Any]) -> Any | None:
    """A real point of a formula, or None. Raises RuntimeError when z3 gives up."""
    import z3

    solver = z3.Then("simplify", "solve-eqs", "qfnra-nlsat").solver()
    solver.add(*wanted)
    answer = solver.check()
    if answer == z3.unknown:
        raise RuntimeError(f"z3: {solver.reason_unknown()}")
    return solver.model() if answer == z3.sat else None


def _moved(model: Any, wanted: Sequence[Any], x: Any) -> tuple[Any, Any | None]:
    """A point at which an unknown has a simple rational value near the one it has, and the equation; None if none."""
    import z3

    value = model.eval(x, model_completion=True)
    exact = value.as_fraction() if z3.is_rational_value(value) else None
    near = exact if exact is not None else value.approx(40).as_fraction()
    for simple in dict.fromkeys([*map(near.limit_denominator, DENOMINATORS), *([exact] if exact is not None else [])]):
        equation = x == z3.Q(simple.numerator, simple.denominator)
        other = model if simple == exact else _model([*wanted, equation])
        if other is not None:
            return other, equation
    return model, None
