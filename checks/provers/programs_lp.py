"""Linear programs in nonnegative and free multipliers, answered exactly.

Small ones are solved in exact rationals (simplex.py). For the others HiGHS solves in floating point and says which
facts to use; the multipliers are then the exact solution of a linear system in these facts, and only that counts. Where
its basis is no exact solution, z3's exact linear arithmetic is asked. All are searches: whoever uses the answer checks
it by adding up.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from math import lcm
from typing import Any

from .child import Failure, bounded
from .elementals import Fact
from .linear import Coordinate, Linear, scaled
from .simplex import cheapest

Multipliers = dict[int, Fraction]
"""For each fact used, by its place, a multiplier that is not zero."""

SMALL = 64
"""The most facts for the simplex method in rationals: it takes 1 to 10 ms, importing HiGHS and numpy 150 to 400."""
IN_PROCESS = 1000
"""The most columns for which HiGHS runs without a child process. A fork costs 10 ms; up to this size (6 variables have
246 elemental inequalities) a solve takes 1 to 20 ms, and HiGHS looks at its time limit between iterations."""
EXACT, EXACT_SECONDS = 2500, 5.0
"""The most columns for which z3 is asked, and for how long."""
QUICK = 0.5
"""Seconds for the simplex method, which is the faster one on easy programs, before an interior point is tried."""
PRIME = (1 << 61) - 1
INFEASIBLE = Failure("no combination of the facts")


def multipliers(
    target: Linear, facts: Sequence[Fact], seconds: float, costs: Sequence[float] | None = None
) -> Multipliers | Failure:
    """Multipliers under which the facts add up to the target, exactly, those of unsigned facts >= 0.

    costs: for each fact, what a unit of it costs; the answer is cheap, not cheapest. Failure, with the reason, where
    there are none (as far as floating point sees) or none was found in `seconds` of wall clock.
    """
    if not target:
        return {}
    rows = list(dict.fromkeys(key for fact in facts for key in fact.form))
    if not target.keys() <= set(rows):
        return INFEASIBLE
    if len(facts) <= SMALL:
        return _rational(target, facts, rows, costs)
    hint = _hint(target, facts, rows, costs, seconds)
    if hint is None or isinstance(hint, Failure):
        return hint or INFEASIBLE
    for chosen in hint:
        found = _solve(target, facts, chosen, rows)
        if found is not None:
            return found
    if len(facts) > EXACT:
        return Failure(f"the floating-point basis is not exact, and {len(facts)} facts are too many for z3")
    answer = bounded(_exact_program, target, facts, rows, seconds=min(EXACT_SECONDS, seconds))
    if isinstance(answer, Failure):
        return answer
    if answer is None:
        return INFEASIBLE
    return checked(target, facts, answer) or Failure("z3's multipliers do not add up")


def _rational(
    target: Linear, facts: Sequence[Fact], rows: list[Coordinate], costs: Sequence[float] | None
) -> Multipliers | Failure:
    """The cheapest multipliers, by the simplex method in rationals; a signed fact is two columns."""
    from flint import fmpq

    def entry(form: Linear, key: Coordinate) -> Any:
        value = form.get(key, Fraction(0))
        return fmpq(value.numerator, value.denominator)

    columns = [(at, sign) for at, fact in enumerate(facts) for sign in ((1, -1) if fact.signed else (1,))]
    table = [[*(sign * entry(facts[at].form, key) for at, sign in columns), entry(target, key)] for key in rows]
    exact = [Fraction(0 if facts[at].signed else 1 if costs is None else costs[at]) for at, _ in columns]
    values = cheapest(table, [fmpq(cost.numerator, cost.denominator) for cost in exact])
    if values is None:
        return INFEASIBLE
    found: Multipliers = {}
    for (at, sign), value in zip(columns, values):
        if value:
            found[at] = found.get(at, Fraction(0)) + sign * Fraction(int(value.p), int(value.q))
    return found


def _hint(
    target: Linear, facts: Sequence[Fact], rows: list[Coordinate], costs: Sequence[float] | None, seconds: float
) -> list[list[int]] | Failure | None:
    """What `simplex` says, from a child process where the program is large."""
    if len(facts) > IN_PROCESS:
        load_solver()
        return bounded(simplex, target, facts, rows, costs, seconds, seconds=seconds)
    try:
        return simplex(target, facts, rows, costs, seconds)
    except RuntimeError as problem:
        return Failure(str(problem))


def load_solver() -> None:
    """Import HiGHS and numpy here, once, so that the child processes to come need not, each for itself."""
    import highspy  # noqa: F401


def simplex(
    target: Linear, facts: Sequence[Fact], rows: list[Coordinate], costs: Sequence[float] | None, seconds: float
) -> list[list[int]] | None:
    """Two guesses at the facts of an answer, by their places: those with weight, and the whole basis. None: infeasible.

    Raises RuntimeError when HiGHS comes to no conclusion.
    """
    import highspy

    solver = _highs(target, facts, rows, costs)
    for method, limit in (("simplex", min(QUICK, seconds)), ("ipm", seconds), ("simplex", seconds)):
        solver.setOptionValue("solver", method)
        # presolve gains nothing on the simplex method's easy cases and is what makes an interior point fast
        solver.setOptionValue("presolve", "off" if method == "simplex" else "on")
        solver.setOptionValue("time_limit", solver.getRunTime() + limit)
        solver.run()
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        if status == highspy.HighsModelStatus.kOptimal:
            weights = solver.getSolution().col_value
            basic = [at for at, s in enumerate(solver.getBasis().col_status) if s == highspy.HighsBasisStatus.kBasic]
            return [[at for at, weight in enumerate(weights) if abs(weight) > 1e-7], basic]
        solver.clearSolver()
    raise RuntimeError(f"HiGHS: {solver.modelStatusToString(status)}")


class Variations:
    """One program with changing further facts: which of them make it feasible, as far as floating point sees."""

    def __init__(self, target: Linear, facts: Sequence[Fact]) -> None:
        rows = list(dict.fromkeys(key for fact in facts for key in fact.form))
        self.place = {key: at for at, key in enumerate(rows)}
        self.posed = target.keys() <= self.place.keys()
        self.size = len(facts)
        self.solver = _highs(target, facts, rows, None) if self.posed else None

    def feasible(self, further: Sequence[Fact]) -> bool:
        """Whether the target is a combination of the facts and these signed ones, in no more than QUICK seconds."""
        import highspy
        import numpy as np

        if self.solver is None:
            return False
        many, free = len(further), np.full(len(further), highspy.kHighsInf)
        starts = np.array([*accumulate((len(fact.form) for fact in further), initial=0)][:-1], dtype=np.int32)
        index = np.array([self.place[key] for fact in further for key in fact.form], dtype=np.int32)
        values = np.array([float(value) for fact in further for value in fact.form.values()])
        self.solver.addCols(many, np.zeros(many), -free, free, len(index), starts, index, values)
        self.solver.clearSolver()  # a basis of other facts is a worse start than none
        self.solver.setOptionValue("presolve", "off")
        self.solver.setOptionValue("time_limit", self.solver.getRunTime() + QUICK)
        self.solver.run()
        found = self.solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        self.solver.deleteCols(many, np.arange(self.size, self.size + many, dtype=np.int32))
        return bool(found)


def _highs(target: Linear, facts: Sequence[Fact], rows: list[Coordinate], costs: Sequence[float] | None) -> Any:
    """The program for HiGHS; every column and the side are scaled to 1, as only the support of the answer counts."""
    import highspy
    import numpy as np

    place = {key: at for at, key in enumerate(rows)}
    columns = [scaled(fact.form) for fact in facts]
    side = np.zeros(len(rows))
    for key, value in scaled(target).items():
        side[place[key]] = float(value)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(facts), len(rows)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.array([*accumulate(map(len, columns), initial=0)])
    lp.a_matrix_.index_ = np.array([place[key] for column in columns for key in column])
    lp.a_matrix_.value_ = np.array([float(value) for column in columns for value in column.values()])
    lp.row_lower_, lp.row_upper_ = side, side
    signed = np.array([fact.signed for fact in facts])
    lp.col_cost_ = np.where(signed, 0.0, 1.0 if costs is None else np.array(costs))
    lp.col_lower_ = np.where(signed, -highspy.kHighsInf, 0.0)
    lp.col_upper_ = np.full(len(facts), highspy.kHighsInf)
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue(
        "primal_feasibility_tolerance", 1e-10
    )  # the least that HiGHS takes: a near miss is seen early
    solver.passModel(lp)
    return solver


def _solve(target: Linear, facts: Sequence[Fact], chosen: Sequence[int], rows: list[Coordinate]) -> Multipliers | None:
    """The multipliers of the chosen facts, by an exact linear system; None unless they exist and have the signs.

    Elimination modulo a prime picks as many independent facts and coordinates; the system in these is solved exactly,
    and the sum is then compared in all coordinates.
    """
    from flint import fmpq, fmpz_mat, nmod_mat

    wanted = set(target).union(*(facts[at].form for at in chosen))
    used = [key for key in rows if key in wanted]
    place = {key: i for i, key in enumerate(used)}
    forms = [_integral(facts[at].form) for at in chosen]
    table = [[0] * len(forms) for _ in used]
    for j, (form, _) in enumerate(forms):
        for key, value in form.items():
            table[place[key]][j] = value
    columns = _pivots(nmod_mat(len(used), len(forms), [x % PRIME for line in table for x in line], PRIME))
    if not columns:
        return None
    kept = [x % PRIME for j in columns for x in (line[j] for line in table)]
    lines = _pivots(nmod_mat(len(columns), len(used), kept, PRIME))
    matrix = fmpz_mat([[table[i][j] for j in columns] for i in lines])
    side, scale = _integral(target)
    try:
        answer = matrix.solve(fmpz_mat([[side.get(used[i], 0)] for i in lines]))
    except ZeroDivisionError:
        return None
    values = [fmpq(answer[i, 0]) * forms[j][1] / scale for i, j in enumerate(columns)]
    return checked(target, facts, [(chosen[j], str(value)) for j, value in zip(columns, values) if value])


def checked(target: Linear, facts: Sequence[Fact], answer: Sequence[tuple[int, str]]) -> Multipliers | None:
    """An answer as multipliers, if they have the signs and the sum of multiplier times fact is the target; else None.

    answer: pairs of the place of a fact and a number as text, as they come out of a child process.
    """
    found, rest = {at: Fraction(number) for at, number in answer}, dict(target)
    for at, times in found.items():
        if times < 0 and not facts[at].signed:
            return None
        for key, value in facts[at].form.items():
            rest[key] = rest.get(key, Fraction(0)) - times * value
    return None if any(rest.values()) else found


def _integral(form: Linear) -> tuple[dict[Coordinate, int], int]:
    """A form times the least common denominator of its coefficients, and that denominator."""
    scale = lcm(*(value.denominator for value in form.values()))
    return {key: int(value * scale) for key, value in form.items()}, scale


def _pivots(matrix: Any) -> list[int]:
    """The columns of a matrix over a field that are independent of those before them."""
    reduced, rank = matrix.rref()
    found, column = [], 0
    for i in range(rank):
        while reduced[i, column] == 0:
            column += 1
        found.append(column)
    return found


def _exact_program(target: Linear, facts: Sequence[Fact], rows: list[Coordinate]) -> list[tuple[int, str]] | None:
    """The same program in z3's exact linear arithmetic; None when it is infeasible. RuntimeError if z3 gives up."""
    import z3

    solver = z3.SimpleSolver()
    unknowns = [z3.Real(f"m{at}") for at in range(len(facts))]
    solver.add([x >= 0 for x, fact in zip(unknowns, facts) if not fact.signed])
    terms: dict[Coordinate, list[Any]] = {row: [] for row in rows}
    for x, fact in zip(unknowns, facts):
        for key, value in fact.form.items():
            terms[key].append(z3.Q(value.numerator, value.denominator) * x)
    for row in rows:
        side = target.get(row, Fraction(0))
        solver.add(z3.Sum(terms[row]) == z3.Q(side.numerator, side.denominator))
    answer = solver.check()
    if answer == z3.unknown:
        raise RuntimeError(f"z3: {solver.reason_unknown()}")
    if answer != z3.sat:
        return None
    model = solver.model()
    values = [model.eval(x, model_completion=True).as_fraction() for x in unknowns]
    return [(at, str(value)) for at, value in enumerate(values) if value]
