"""Statements as sympy: the sums, evaluated on small matrices in plain Python, are the numbers they should be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any

import pytest
import sympy

from lmlaws.theory.analytic import along, cov, derivative, log_probability, token
from lmlaws.theory.expressions import (
    Abs,
    Dimension,
    Direction,
    Entry,
    Equal,
    Exp,
    Expr,
    Head,
    LessEq,
    Letter,
    LogPartition,
    Point,
    Rank,
    Size,
    Softmax,
    Symbol,
    sum_over,
)
from lmlaws.theory.language import parse
from lmlaws.theory.quantities import D, H, I, bhattacharyya, categorical_entropy
from lmlaws.theory.statements import Statement
from lmlaws.theory.symbolic import hypotheses, latex, to_sympy
from lmlaws.theory.terms import CompositionError, Object, copy, discard, id, kernel, objects, state, swap

Values = Mapping[str, Any]


def value(node: Any, at: Values) -> float:
    """A sympy expression as a number: sizes, tables (nested lists, letters from 1) and indices by name in `at`."""
    if isinstance(node, sympy.Sum):
        return nested(node, at)
    if isinstance(node, sympy.Indexed):
        table = at[node.base.name]
        for index in node.indices:
            table = table[round(value(index, at)) - 1]
        return float(table)
    if isinstance(node, sympy.Symbol):
        return float(at[node.name])
    if isinstance(node, sympy.Mul):
        return times([partial(value, part, at) for part in node.args])
    if isinstance(node, sympy.Subs):
        return difference(node, at)
    if isinstance(node, sympy.KroneckerDelta):
        return float(value(node.args[0], at) == value(node.args[1], at))
    parts = [value(part, at) for part in node.args]
    functions: dict[Any, Callable[..., float]] = {
        sympy.Add: lambda *terms: sum(terms),
        sympy.Pow: lambda base, exponent: base**exponent,
        sympy.log: math.log,
        sympy.exp: math.exp,
        sympy.Abs: abs,
    }
    return functions[node.func](*parts) if parts else float(node)


def times(factors: list[Callable[[], float]]) -> float:
    """A product in which a zero factor wins, whatever the others are: 0 log 0 = 0."""
    values, failed = [], False
    for factor in factors:
        try:
            values.append(factor())
        except (ValueError, ZeroDivisionError):
            failed = True
    if 0 in values:
        return 0.0
    if failed:
        raise ValueError("a factor is not a number, and none is zero")
    return math.prod(values)


def nested(node: Any, at: Values) -> float:
    ranges = [range(1, round(value(limit[2], at)) + 1) for limit in node.limits]
    names = [limit[0].name for limit in node.limits]
    return sum(value(node.function, {**at, **dict(zip(names, letters))}) for letters in product(*ranges))


def difference(node: Any, at: Values, step: float = 1e-3) -> float:
    """Subs(Derivative(f, t), t, 0) by a fourth-order central difference."""
    inside, (parameter,), (zero,) = node.args
    assert (zero, inside.func) == (0, sympy.Derivative)
    f = [value(inside.expr, {**at, parameter.name: i * step}) for i in (-2, -1, 1, 2)]
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step)


X, Y, Z, V = objects("X Y Z V")
P, Q = state("p", X), state("q", X)
K, L = kernel("k", X, Y), kernel("l", Y, Z)
LAW, OTHER = [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]
ROWS, MORE = [[0.9, 0.1], [0.25, 0.75], [0.5, 0.5]], [[0.3, 0.7], [0.6, 0.4]]
AT: Values = {"n_X": 3, "n_Y": 2, "n_Z": 2, "p": LAW, "q": OTHER, "k": ROWS, "l": MORE}
JOINT = [[LAW[x] * ROWS[x][y] for y in range(2)] for x in range(3)]
OUT = [sum(JOINT[x][y] for x in range(3)) for y in range(2)]


def entropy(law: list[float]) -> float:
    return -sum(p * math.log(p) for p in law if p)


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q) if a)


def test_a_composite_is_a_sum_over_the_inner_wire() -> None:
    x, y, z = sympy.symbols("x y z", integer=True)
    k, h = sympy.IndexedBase("k"), sympy.IndexedBase("h")
    size = sympy.Symbol("n_Y", integer=True, positive=True)
    statement = parse("k: X -> Y; h: Y -> Z; g: X -> Z |- k >> h = g")
    assert to_sympy(statement).lhs == sympy.Sum(k[x, y] * h[y, z], (y, 1, size))
    assert to_sympy(statement).lhs != sympy.Sum(k[x, y] * h[z, y], (y, 1, size))
    assert to_sympy(statement).rhs == sympy.IndexedBase("g")[x, z]


DIAGRAMS: list[tuple[Any, Callable[..., float]]] = [
    (K >> L, lambda x, z: sum(ROWS[x][y] * MORE[y][z] for y in range(2))),
    (K >> copy(Y), lambda x, y, y2: ROWS[x][y] * (y == y2)),
    (copy(X) >> K @ K, lambda x, y, y2: ROWS[x][y] * ROWS[x][y2]),
    (copy(X) >> id(X) @ K, lambda x, x2, y: ROWS[x][y] * (x == x2)),
    (P >> copy(X) >> id(X) @ K, lambda x, y: JOINT[x][y]),
    (P >> K, lambda y: OUT[y]),
    (P @ K >> swap(X, Y), lambda x, y, x2: LAW[x2] * ROWS[x][y]),
    (copy(X) >> swap(X, X) >> discard(X) @ id(X), lambda x, x2: float(x == x2)),
    (P >> K >> L >> discard(Z), lambda: 1.0),
    (P >> copy(X) >> copy(X) @ id(X), lambda x, x2, x3: LAW[x] * (x == x2 == x3)),
]


@pytest.mark.parametrize(("term", "expected"), DIAGRAMS)
def test_entries_of_diagrams(term: Any, expected: Callable[..., float]) -> None:
    got = to_sympy(term)
    sizes = [{"X": 3, "Y": 2, "Z": 2}[part.name] for part in term.dom + term.cod]
    names: list[str] = []
    for part in term.dom + term.cod:  # x, y, then x_2 for a second X
        again = sum(name.split("_")[0] == part.name.lower() for name in names) + 1
        names.append(part.name.lower() + (f"_{again}" if again > 1 else ""))
    entries = {}
    for letters in product(*(range(size) for size in sizes)):
        at = {**AT, **{name: letter + 1 for name, letter in zip(names, letters)}}
        entries[letters] = value(got, at)
        assert entries[letters] == pytest.approx(expected(*letters))
    assert sum(entries.values()) == pytest.approx(math.prod([3 if p == X else 2 for p in term.dom]))


CHAIN = P >> copy(X) >> id(X) @ K
RATIOS = [[JOINT[x][y] / LAW[x] / OUT[y] for y in range(2)] for x in range(3)]
MUTUAL = sum(JOINT[x][y] * math.log(RATIOS[x][y]) for x in range(3) for y in range(2))
MIXED = [sum(OTHER[x] * ROWS[x][y] for x in range(3)) for y in range(2)]
QUANTITIES: list[tuple[Expr, float]] = [
    (H("X"), entropy(LAW)),
    (H("X", "Y"), entropy([p for row in JOINT for p in row])),
    (H("Y", given="X"), sum(p * entropy(row) for p, row in zip(LAW, ROWS))),
    (I("X", "Y"), MUTUAL),
    (I("X", "Y", given="X"), 0.0),
    (D("KL", P, Q), kl(LAW, OTHER)),
    (D("reverse_KL", Q, P), kl(LAW, OTHER)),
    (D("TV", P, Q), sum(abs(a - b) for a, b in zip(LAW, OTHER)) / 2),
    (D("chi2", P, Q), sum((a - b) ** 2 / b for a, b in zip(LAW, OTHER))),
    (D("hellinger2", P, Q), 1 - sum(math.sqrt(a * b) for a, b in zip(LAW, OTHER))),
    (bhattacharyya(P, Q), sum(math.sqrt(a * b) for a, b in zip(LAW, OTHER))),
    (D("triangular", P, Q), sum((a - b) ** 2 / (a + b) for a, b in zip(LAW, OTHER)) / 2),
    (categorical_entropy("KL", K, over=P), sum(p * entropy(row) for p, row in zip(LAW, ROWS))),
    (categorical_entropy("TV", P), 1 - sum(p * p for p in LAW)),
    (D("KL", K, discard(X) >> Q >> K, over=P), sum(p * kl(row, MIXED) for p, row in zip(LAW, ROWS))),
    (Abs(Symbol("a")) * Exp(Symbol("a")) + Size(X), 2 * math.exp(-2) + 3),
]


@pytest.mark.parametrize(("quantity", "expected"), QUANTITIES)
def test_quantities(quantity: Expr, expected: float) -> None:
    at = {**AT, "a": -2.0}
    assert value(to_sympy(quantity, CHAIN), at) == pytest.approx(expected)
    assert value(to_sympy(quantity + Fraction(1, 1000), CHAIN), at) != pytest.approx(expected)


def test_zero_probabilities_count_for_nothing() -> None:
    assert value(to_sympy(H("X"), P), {"n_X": 3, "p": [0.5, 0, 0.5]}) == pytest.approx(math.log(2))


def test_a_missing_support_is_infinite() -> None:
    assert to_sympy(D("reverse_KL", K >> copy(Y), copy(X) >> K @ K, over=P)).has(sympy.oo)


HEAD = Head("W", V)
POINT, U, W = Point("h", HEAD), Direction("u", HEAD), Direction("v", HEAD)
TOKEN = token(HEAD)
ROWS_W, BIAS = [[1.0, 2.0], [0.0, -1.0], [0.5, 0.0]], [0.1, 0.0, -0.3]
ANALYTIC = {"n_V": 3, "d": 2, "W": ROWS_W, "b": BIAS, "h": [0.2, -0.4], "u": [1.0, 0.5], "v": [-1.0, 2.0], "w": 2}


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b))


LOGITS = [dot(row, [0.2, -0.4]) + b for row, b in zip(ROWS_W, BIAS)]
PARTITION = math.log(sum(map(math.exp, LOGITS)))
SOFTMAX = [math.exp(logit - PARTITION) for logit in LOGITS]
ALONG_U, ALONG_V = [dot(r, [1.0, 0.5]) for r in ROWS_W], [dot(r, [-1.0, 2.0]) for r in ROWS_W]
COVARIANCE = dot(SOFTMAX, [a * b for a, b in zip(ALONG_U, ALONG_V)]) - dot(SOFTMAX, ALONG_U) * dot(SOFTMAX, ALONG_V)
HESSIAN = derivative(derivative(LogPartition(POINT), POINT, W), POINT, U)
HEADS: list[tuple[Expr, float]] = [
    (LogPartition(POINT), PARTITION),
    (Softmax(POINT, TOKEN), SOFTMAX[1]),
    (log_probability(POINT, TOKEN), LOGITS[1] - PARTITION),
    (sum_over((TOKEN,), Softmax(POINT, TOKEN)), 1.0),
    (cov(POINT, along(U), along(W)), COVARIANCE),
    (derivative(LogPartition(POINT), POINT, U), dot(SOFTMAX, ALONG_U)),
    (HESSIAN, COVARIANCE),
    (derivative(cov(POINT, along(U), along(W)), Point("other", HEAD), U), 0.0),
    (Dimension(HEAD) * Size(V), 6.0),
]


@pytest.mark.parametrize(("expr", "expected"), HEADS)
def test_softmax_heads(expr: Expr, expected: float) -> None:
    got = value(to_sympy(expr), ANALYTIC)
    assert got == pytest.approx(expected, abs=1e-7)
    assert got != pytest.approx(expected + 1e-3, abs=1e-7)


def test_the_hessian_is_not_the_uncentred_moment() -> None:
    moment = dot(SOFTMAX, [a * b for a, b in zip(ALONG_U, ALONG_V)])
    assert value(to_sympy(HESSIAN), ANALYTIC) != pytest.approx(moment, abs=1e-3)


def test_rank_stays_a_name() -> None:
    rank = to_sympy(Rank(cov(POINT, along(U), along(W)), U, W))
    assert rank.func.__name__ == "rank"
    assert value(rank.args[0], ANALYTIC) == pytest.approx(COVARIANCE)


def test_relations() -> None:
    equal, less = parse("H(X) = H(Y)"), parse("H(X) <= H(Y)")
    assert isinstance(to_sympy(equal), sympy.Eq)
    assert isinstance(to_sympy(less), sympy.Le)
    assert not isinstance(to_sympy(less), sympy.Eq)
    assert isinstance(to_sympy(parse("0 = 0")), sympy.Eq)  # kept, not decided


def test_data_processing_in_numbers() -> None:
    """The sides of I(X;Z) <= I(X;Y) on a chain, and the hypothesis, which a law without the chain breaks."""
    statement = parse("I(X;Z) <= I(X;Y) given X -> Y -> Z")
    law = [[[JOINT[x][y] * MORE[y][z] for y in range(2)] for z in range(2)] for x in range(3)]
    at = {"n_X": 3, "n_Y": 2, "n_Z": 2, "p": law}
    relation, (chain,) = to_sympy(statement), hypotheses(statement)
    assert value(relation.rhs, at) == pytest.approx(MUTUAL)
    assert 0 < value(relation.lhs, at) < MUTUAL
    assert value(chain.lhs, at) == pytest.approx(value(chain.rhs, at))
    copied = [[[JOINT[x][y] * (x % 2 == z) for y in range(2)] for z in range(2)] for x in range(3)]
    assert abs(value(chain.lhs, {**at, "p": copied})) > 1e-3


def test_the_language_of_diagrams_in_numbers() -> None:
    relation = to_sympy(parse("k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k"))
    at = {**AT, "x": 1, "y": 1, "y_2": 2}
    assert value(relation.lhs, at) == 0
    assert value(relation.rhs, at) == pytest.approx(0.09)


def test_latex() -> None:
    text = latex(parse("I(X;Z) <= I(X;Y) given X -> Y -> Z"))
    assert "\\leq" in text
    assert "\\text{given}" in text
    assert "given" not in latex(parse("I(X;Z) <= I(X;Y)"))
    assert latex(parse("k: X -> Y; h: Y -> Z |- k >> h = k >> h")).startswith("\\sum_{y=1}^{n_{Y}}")


def test_errors() -> None:
    with pytest.raises(CompositionError, match="no diagram"):
        to_sympy(H("X"))
    with pytest.raises(CompositionError, match="not a wire"):
        to_sympy(H("T"), P)
    with pytest.raises(ValueError, match="do not fit"):
        to_sympy(Entry(K, (), (Letter("y", Y),)))


def test_letters_that_differ_in_case_stay_apart() -> None:
    big, small = Letter("@X", X), Letter("x", Object("T"))
    expr = sum_over((big, small), Entry(P, (), (big,)) * Entry(state("r", "T"), (), (small,)))
    at = {**AT, "n_T": 2, "r": [0.25, 0.75]}
    assert value(to_sympy(expr), at) == pytest.approx(1.0)


def test_statements_of_every_kind() -> None:
    statements = [
        Statement(LessEq(I("X", "Y"), H("X")), CHAIN),
        Statement(Equal(HESSIAN, cov(POINT, along(U), along(W)))),
        Statement(Equal(K >> discard(Y), discard(X))),
    ]
    assert [to_sympy(statement).func for statement in statements] == [sympy.Le, sympy.Eq, sympy.Eq]
