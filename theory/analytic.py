"""Softmax heads: what a statement says about a log-linear head, its hidden states and directions.

A `Head` is a matrix W with a row g(w) in R^d for each token w, and a bias b. At a point h the head's law is
p_h(w) = exp(<g(w), h> + b_w - A(h)), with A(h) the log-partition function. An integrand under E is a function of the
token; `at(w)` says at which letter it is taken, so that nested expectations never confuse their tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .expressions import (
    Derivative,
    Direction,
    Expr,
    Head,
    Letter,
    Logit,
    LogPartition,
    Number,
    Point,
    Softmax,
    Sum,
    as_expr,
)
from .quantities import entry
from .terms import Term

TokenFunction: TypeAlias = Callable[[Letter], Expr]


def token(head: Head, name: str = "w") -> Letter:
    """A letter that runs over the head's tokens."""
    return Letter(name, head.tokens)


def along(u: Direction) -> TokenFunction:
    """w -> <g(w), u>, the change of the logit of w along u."""
    return lambda w: Logit(u, w)


def log_probability(h: Point, w: Letter) -> Expr:
    """log p_h(w), in nats."""
    return Logit(h, w) - LogPartition(h)


def derivative(of: Expr, at: Point, u: Direction) -> Expr:
    """The directional derivative at a point, along u."""
    return Derivative(of, at, u)


def times(*functions: TokenFunction) -> TokenFunction:
    """The product of functions of the token."""

    def product(w: Letter) -> Expr:
        value: Expr = as_expr(1)
        for function in functions:
            value = value * function(w)
        return value

    return product


def plus(function: TokenFunction, number: Expr | Number) -> TokenFunction:
    """A function of the token, shifted by a number that does not depend on it."""
    return lambda w: function(w) + number


def E(under: Point | Term, function: TokenFunction, letter: str = "w") -> Expr:
    """The expectation of a function of the token under the head's law at a point, or under a state on tokens."""
    if isinstance(under, Point):
        w = token(under.head, letter)
        return Sum(w, Softmax(under, w) * function(w))
    w = Letter(letter, under.cod[0])
    return Sum(w, entry(under, (), (w,)) * function(w))


def cov(h: Point, a: TokenFunction, b: TokenFunction) -> Expr:
    """The covariance of two functions of the token under p_h."""
    return E(h, times(a, b)) - E(h, a) * E(h, b)


def pullback_metric(h: Point, u: Direction, v: Direction) -> Expr:
    """g*(h)(u, v) = Cov_{p_h}(<g, u>, <g, v>): the Fisher-Rao metric pulled back along the head."""
    return cov(h, along(u), along(v))
