"""Which infinities an expression can take: the side condition of every proof that splits a logarithm.

The rules are the last section of docs/certificates.md. A side that can be plus and minus infinite is refused.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TypeAlias

from lmlaws.theory.divergences import divergence_row
from lmlaws.theory.expressions import (
    Abs,
    Add,
    Bias,
    Const,
    Coordinate,
    Derivative,
    DivergenceOf,
    Element,
    Embedding,
    Entropy,
    Entry,
    Exp,
    Expr,
    Information,
    Log,
    Logit,
    LogPartition,
    Mul,
    Pow,
    Size,
    Softmax,
    Sum,
    Symbol,
    walk,
)

from .polynomials import UnprovableError

Signs: TypeAlias = frozenset[int]
"""A set within {1, -1}: the infinities that a value can take."""

NONE: Signs = frozenset()
ONE = Fraction(1)


def infinities(expr: Expr) -> Signs:
    """The infinities that an expression can take. Raises UnprovableError when it can take both, or it is not known."""
    if isinstance(expr, DivergenceOf):
        return frozenset({1}) if divergence_row(expr.name).infinite else NONE
    if isinstance(expr, Entropy | Information | Const | Symbol | Size | Entry | Softmax | Logit | LogPartition):
        return NONE
    if isinstance(expr, Element | Coordinate | Embedding | Bias):
        return NONE
    if isinstance(expr, Add):
        signs = frozenset().union(*map(infinities, expr.terms))
        if len(signs) > 1:
            raise UnprovableError("a sum that may set one infinity against another")
        return signs
    if isinstance(expr, Sum):
        return infinities(expr.body)
    if isinstance(expr, Mul | Log | Pow):
        return _product(expr.factors if isinstance(expr, Mul) else (expr,))
    if isinstance(expr, Abs | Exp):
        return _finite(expr.of)
    if isinstance(expr, Derivative):
        return _differentiable(expr)
    raise UnprovableError(f"{type(expr).__name__}: not known whether it is finite")


def _finite(expr: Expr) -> Signs:
    if infinities(expr):
        raise UnprovableError("a function of something infinite")
    return NONE


def _differentiable(expr: Derivative) -> Signs:
    for node in walk(expr.of):
        if isinstance(node, Log) and not all(_positive(part) for part, _ in _powers(node.of)):
            raise UnprovableError("the derivative of a logarithm that may be infinite")
    return _finite(expr.of)


def _positive(expr: Expr) -> bool:
    """Whether an expression is positive whatever the instance."""
    if not isinstance(expr, Add):
        return isinstance(expr, Softmax | Exp | Size) or (isinstance(expr, Const) and expr.value > 0)
    try:
        return any(map(_positive, expr.terms)) and all(_sign(term) == 1 for term in expr.terms)
    except UnprovableError:
        return False


def _powers(expr: Expr) -> list[tuple[Expr, int]]:
    """The factors of a product, each with the sign of its exponent."""
    if isinstance(expr, Mul):
        return [pair for factor in expr.factors for pair in _powers(factor)]
    if isinstance(expr, Pow):
        sign = 1 if expr.exponent >= 0 else -1
        return [(part, sign * own) for part, own in _powers(expr.base)]
    return [(expr, 1)]


def _product(factors: tuple[Expr, ...]) -> Signs:
    """The infinities of a product: at most one factor may be infinite, and the others' sign must be known."""
    present = {part for factor in factors if not isinstance(factor, Log) for part, sign in _powers(factor) if sign > 0}
    infinite = []
    for i, factor in enumerate(factors):
        signs = _factor(factor, present, _vanish_with(factors[:i] + factors[i + 1 :]))
        if signs:
            infinite.append((i, signs))
    if not infinite:
        return NONE
    if len(infinite) > 1 or len(infinite[0][1]) > 1:
        raise UnprovableError("a product in which an infinity may meet another")
    place, signs = infinite[0]
    sign = 1
    for i, factor in enumerate(factors):
        if i != place:
            sign *= _sign(factor)
    return frozenset(sign * own for own in signs)


def _vanish_with(factors: tuple[Expr, ...]) -> set[Expr]:
    """What makes a product of these factors zero when it is zero itself."""
    return {f.base if isinstance(f, Pow) and f.exponent > 0 else f for f in factors}


def _factor(factor: Expr, present: set[Expr], others: set[Expr]) -> Signs:
    if isinstance(factor, Log):
        if isinstance(factor.of, Add) and _positive(factor.of) and infinities(factor.of):
            return infinities(factor.of)
        for part, _ in _powers(factor.of):
            _finite(part)
        return frozenset(-sign for part, sign in _powers(factor.of) if not _positive(part) and part not in present)
    if isinstance(factor, Pow):
        _finite(factor.base)
        vanishing = [part for part, sign in _powers(factor) if sign < 0 and not _positive(part)]
        return frozenset(1 for part in vanishing if factor.base not in others)
    return infinities(factor)


def _sign(expr: Expr) -> int:
    """1 for what is nonnegative, -1 for a negative number. Raises UnprovableError when the sign is not known."""
    if isinstance(expr, Const):
        return 1 if expr.value >= 0 else -1
    if isinstance(expr, Entry | Softmax | Size | Exp | Abs | DivergenceOf):
        return 1
    if isinstance(expr, Pow) and (expr.exponent > 0 or _positive(expr.base)) and _sign(expr.base) == 1:
        return 1
    if isinstance(expr, Sum) and _sign(expr.body) == 1:
        return 1
    if isinstance(expr, Mul) and all(_sign(factor) == 1 for factor in expr.factors):
        return 1
    if isinstance(expr, Add) and len(expr.terms) == 2 and expr.terms[0] == Const(ONE):
        minus = expr.terms[1]
        if isinstance(minus, Mul) and minus.factors[0] == Const(-ONE):
            rest = minus.factors[1:]
            if len(rest) == 1 and isinstance(rest[0], Entry | Softmax):
                return 1
    raise UnprovableError("a factor of unknown sign beside an infinite one")
