"""Softmax heads: what a statement says about a log-linear head, its hidden states and directions.

A `Head` is a matrix W with a row g(w) in R^d for each token w, and a bias b. At a point h the head's law is
p_h(w) = exp(<g(w), h> + b_w - A(h)), with A(h) the log-partition function. An integrand under E is a function of the
token; `at(w)` says at which letter it is taken, so that nested expectations never confuse their tokens.

A *world* is a law mu of contexts, the data's kernel P, and a family `Points` of hidden states h(x), one a context.
Coordinates of the head's space are letters of `axes(head)`, so that inner products are sums for every d.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .expressions import (
    Array,
    Coordinate,
    Derivative,
    Direction,
    Element,
    Embedding,
    Expr,
    Head,
    Hidden,
    Letter,
    Logit,
    LogPartition,
    Number,
    Point,
    Softmax,
    Sum,
    Vector,
    as_expr,
    axes,
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


def log_probability(h: Hidden, w: Letter) -> Expr:
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


def inner(a: Vector, b: Vector) -> Expr:
    """<a, b>, the sum over coordinates."""
    i = Letter("i", axes(a.head))
    return Sum(i, Coordinate(a, i) * Coordinate(b, i))


def prototype(head: Head, data: Term, x: Letter, i: Letter) -> Expr:
    """A coordinate of gbar_x = E_{w ~ P(.|x)} g(w), the mean output embedding under the data's law at a context."""
    w = Letter("w", head.tokens)
    return Sum(w, entry(data, (x,), (w,)) * Embedding(head, w, i))


def quadratic(kernel: Callable[[Letter, Letter], Expr], array: Array) -> Expr:
    """sum_{x,y} c(x) c(y) K(x, y): nonnegative for every array c exactly when the kernel is positive semidefinite."""
    x, y = (Letter(name, array.over[0]) for name in ("x", "y"))
    return Sum(x, Sum(y, Element(array, (x,)) * Element(array, (y,)) * kernel(x, y)))
