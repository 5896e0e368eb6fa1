"""The prover of identities: sums over alphabets of any size, moments of softmax heads of any V and d.

Both sides are expanded into polynomials of kernel entries, softmax weights, logits and logs (polynomials.py) and
compared. Equations of diagrams are read as equations of finite kernels and expanded from their shape, so that the laws
of the comonoid come out proved and are not assumed. Extended reals: a side is first walked for the infinities
that it can take (`infinities`), because splitting a logarithm may not set one infinity against another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from lmlaws.theory.divergences import divergence_row
from lmlaws.theory.expressions import (
    ONE,
    Abs,
    Add,
    Bias,
    Const,
    Coordinate,
    Derivative,
    Direction,
    DivergenceOf,
    Element,
    Embedding,
    Entry,
    Equal,
    Exp,
    Expr,
    Letter,
    Log,
    Logit,
    LogPartition,
    Mul,
    Pow,
    Size,
    Softmax,
    Sum,
    Symbol,
    add,
    mul,
    rebuild,
    sum_over,
    walk,
)
from lmlaws.theory.quantities import expand, fresh
from lmlaws.theory.statements import Statement, encode
from lmlaws.theory.terms import Box, Copy, Discard, Id, Par, Seq, Swap, Term

from ..engine import Budget
from ..evidence import certificate
from ..verdicts import Proved, Undecided, Verdict
from . import rules
from .infinities import infinities
from .polynomials import (
    Atom,
    Bound,
    BoxEntry,
    Component,
    Delta,
    Hypotheses,
    LogitOf,
    OutOfTimeError,
    Parameter,
    Partition,
    Poly,
    PowerOf,
    SizeOf,
    Support,
    UnprovableError,
    Weight,
    atom,
    letters,
    logit,
    moved,
    number,
    relabelled,
    sum_letters,
    total,
    with_letters,
    within,
)
from .polynomials import fresh as fresh_letter


def unreadable(statement: Statement) -> str | None:
    """Why the sums of this statement cannot be read: a divergence without a sum, or what is no sum over letters."""
    for node in walk(statement.holds):
        if isinstance(node, DivergenceOf) and divergence_row(node.name).summand is None:
            return f"the divergence {node.name} has no rule here"
        if type(node).__name__ in ("Rank", "Dimension"):
            return "ranks and dimensions are not sums over letters"
    return None


class IdentityProver:
    """Proves equations between sums over letters, for every size of alphabet and head."""

    name = "identities"
    exact = True

    def accepts(self, statement: Statement) -> str | None:
        if not isinstance(statement.holds, Equal):
            return "not an equation"
        return unreadable(statement)

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        rewrites, given, uses = usable(statement)
        try:
            with within(budget, given):
                left, right = (normal(side, rewrites) for side in as_expressions(statement))
        except OutOfTimeError:
            return Undecided(self.name, f"more than {budget.seconds:g} seconds")
        except UnprovableError as problem:
            return Undecided(self.name, f"no rule for {problem}")
        if left != right:
            return Undecided(self.name, f"the normal forms differ: {len(left.terms)} and {len(right.terms)} terms")
        steps = {"normal": encode(as_expression(left)), "uses": uses}
        return Proved(self.name, certificate("identity", statement, steps))


def common_form(statement: Statement) -> Expr:
    """The normal form of the left side, for people to read. Raises UnprovableError."""
    rewrites, given, _ = usable(statement)
    with within(Budget(seconds=math.inf), given):
        return as_expression(normal(as_expressions(statement)[0], rewrites))


def as_expressions(statement: Statement) -> tuple[Expr, Expr]:
    """Both sides with quantities expanded; terms become entries at free letters. Raises UnprovableError."""
    left, right = statement.holds.left, statement.holds.right
    if isinstance(left, Term) and isinstance(right, Term):
        ins, outs = fresh(left.dom, "@i"), fresh(left.cod, "@o")
        return Entry(left, ins, outs), Entry(right, ins, outs)
    assert isinstance(left, Expr)
    assert isinstance(right, Expr)
    for side in (left, right):
        infinities(side)
    return expand(left, statement.about), expand(right, statement.about)


def usable(statement: Statement) -> tuple[dict[Direction, Expr], Hypotheses, list[int]]:
    """Hypotheses that rewrite: the logit along a direction is one number, the same at every token and point; the
    entries of a box sum to one over an input; two boxes in sequence are a third. Heads known by coordinates."""
    rewrites, uses = dict[Direction, Expr](), []
    columns, products, bounds = set[tuple[Box, int]](), set[tuple[Box, Box, Box]](), []
    for i, relation in enumerate(statement.given):
        left, right = relation.left, relation.right
        if not isinstance(relation, Equal):
            bounds.append(Bound(i, relation.left, relation.right))
            continue
        if isinstance(left, Seq) and isinstance(right, Box):
            boxes = [part for part in left.parts if isinstance(part, Box)]
            if len(boxes) == len(left.parts) == 2 and boxes[0].cod:
                products.add((boxes[0], boxes[1], right))
                uses.append(i)
        elif not isinstance(right, Expr):
            continue
        elif isinstance(left, Logit) and isinstance(left.vector, Direction):
            if _plain(right) and left.vector not in rewrites:
                rewrites[left.vector] = right
                uses.append(i)
        elif (column := _column(left)) is not None and right == ONE:
            columns.add(column)
            uses.append(i)
    known = (node for node in walk(statement) if isinstance(node, Coordinate | Embedding | Bias))
    heads = frozenset(node.vector.head if isinstance(node, Coordinate) else node.head for node in known)
    return rewrites, Hypotheses(frozenset(columns), frozenset(products), tuple(bounds), heads), uses


def _column(left: object) -> tuple[Box, int] | None:
    """The box and the place of the input, for a sum of a box's entries at different letters over one of its inputs."""
    if not (isinstance(left, Sum) and isinstance(left.body, Entry) and isinstance(left.body.term, Box)):
        return None
    letters = (*left.body.ins, *left.body.outs)
    good = left.letter in left.body.ins and len(set(letters)) == len(letters)
    return (left.body.term, letters.index(left.letter)) if good else None


def _plain(expr: Expr) -> bool:
    """Whether an expression mentions no letter, point or kernel: a derivative may not see it."""
    return all(isinstance(node, Const | Symbol | Size | Add | Mul) for node in walk(expr) if isinstance(node, Expr))


def normal(expr: Expr, rewrites: dict[Direction, Expr]) -> Poly:
    """The normal form of an expanded expression. Raises UnprovableError."""
    if isinstance(expr, Const):
        return number(expr.value)
    if isinstance(expr, Add):
        return total(normal(term, rewrites) for term in expr.terms)
    if isinstance(expr, Mul):
        product = number(1)
        for factor in expr.factors:
            product = product * normal(factor, rewrites)
        return product
    if isinstance(expr, Pow):
        return rules.power(normal(expr.base, rewrites), expr.exponent)
    if isinstance(expr, Log) and isinstance(expr.of, Mul):  # factor by factor, so that p/(p p) need not be formed
        powers = [(f.base, f.exponent) if isinstance(f, Pow) else (f, Fraction(1)) for f in expr.of.factors]
        if {base for base, e in powers if e > 0} & {base for base, e in powers if e < 0}:
            raise UnprovableError("the logarithm of a support")
        return total(normal(Log(factor), rewrites) for factor in expr.of.factors)
    if isinstance(expr, Log) and isinstance(expr.of, Pow) and expr.of.exponent:
        return normal(Log(expr.of.base), rewrites).scaled(expr.of.exponent)
    if isinstance(expr, Log | Exp | Abs):
        return rules.apply(type(expr).__name__.lower(), normal(expr.of, rewrites))
    if isinstance(expr, Sum):
        letter = fresh_letter(expr.letter.alphabet)
        return sum_letters((letter,), normal(with_letter(expr.body, expr.letter, letter), rewrites))
    if isinstance(expr, Entry):
        return entry_polynomial(expr.term, expr.ins, expr.outs)
    if isinstance(expr, Derivative):
        return rules.derivative(normal(expr.of, rewrites), expr.at, expr.along)
    if isinstance(expr, Logit):
        known = rewrites.get(expr.vector) if isinstance(expr.vector, Direction) else None
        return logit(expr.vector, expr.letter) if known is None else normal(known, {})
    return atom(_leaf(expr))


def _leaf(expr: Expr) -> Atom:
    if isinstance(expr, Softmax):
        return Weight(expr.point, expr.letter)
    if isinstance(expr, LogPartition):
        return Partition(expr.point)
    if isinstance(expr, Element | Coordinate | Embedding | Bias):
        return Component(expr)
    if isinstance(expr, Symbol):
        return Parameter(expr.name)
    if isinstance(expr, Size):
        return SizeOf(expr.alphabet)
    raise UnprovableError(f"{type(expr).__name__}")


def with_letter(expr: Expr, old: Letter, new: Letter) -> Expr:
    """The expression with a free letter renamed; an inner sum over the same letter keeps its own."""

    def one(letter: Letter) -> Letter:
        return new if letter == old else letter

    def change(letters: tuple[Letter, ...]) -> tuple[Letter, ...]:
        return tuple(map(one, letters))

    if isinstance(expr, Sum) and expr.letter == old:
        return expr
    if isinstance(expr, Entry):
        return Entry(expr.term, change(expr.ins), change(expr.outs))
    if isinstance(expr, Logit):
        return Logit(moved(expr.vector, one), one(expr.letter))
    if isinstance(expr, Softmax):
        return Softmax(moved(expr.point, one), one(expr.letter))
    if isinstance(expr, LogPartition):
        return LogPartition(moved(expr.point, one))
    if isinstance(expr, Element | Coordinate | Embedding | Bias):
        return with_letters(expr, one)
    return rebuild(expr, lambda part: with_letter(part, old, new))


def entry_polynomial(term: Term, ins: tuple[Letter, ...], outs: tuple[Letter, ...]) -> Poly:
    """The entry of a term at letters, from its shape: products, deltas, and sums over the wires between parts."""
    if isinstance(term, Box):
        return atom(BoxEntry(term, ins, outs))
    if isinstance(term, Discard):
        return number(1)
    if isinstance(term, Id | Copy | Swap):
        if isinstance(term, Copy):
            ins = ins + ins
        elif isinstance(term, Swap):
            ins = ins[len(term.left) :] + ins[: len(term.left)]
        result = number(1)
        for a, b in zip(ins, outs):
            first, second = sorted((a, b), key=repr)
            result = result * atom(Delta(first, second))
        return result
    if isinstance(term, Par):
        result = number(1)
        for part in term.parts:
            here, ins = ins[: len(part.dom)], ins[len(part.dom) :]
            there, outs = outs[: len(part.cod)], outs[len(part.cod) :]
            result = result * entry_polynomial(part, here, there)
        return result
    assert isinstance(term, Seq)
    result, before = number(1), ins
    for part in term.parts[:-1]:
        after = tuple(fresh_letter(kind) for kind in part.cod)
        result = result * entry_polynomial(part, before, after)
        if before is not ins:
            result = sum_letters(before, result)
        before = after
    result = result * entry_polynomial(term.parts[-1], before, outs)
    return result if before is ins else sum_letters(before, result)


def as_expression(poly: Poly, taken: set[str] | None = None) -> Expr:
    """A polynomial as an expression of the statement language; bound letters get names that nothing else has."""
    if taken is None:
        taken = {letter.name for monomial, _ in poly.terms for node, _ in monomial.factors for letter in letters(node)}
    parts = []
    for monomial, value in poly.terms:
        names = {letter: _named(letter, taken) for letter in monomial.bound}
        factors = [
            _atom_expression(node, taken) ** e if e != 1 else _atom_expression(node, taken)
            for node, e in relabelled(dict(monomial.factors), names)
        ]
        parts.append(sum_over(tuple(names.values()), mul(Const(value), *factors)))
    return add(*parts)


def _named(letter: Letter, taken: set[str]) -> Letter:
    """A readable letter of the same alphabet: x1, x2, ... for X."""
    stem, number_ = letter.alphabet.name.lower(), 1
    while f"{stem}{number_}" in taken:
        number_ += 1
    taken.add(f"{stem}{number_}")
    return Letter(f"{stem}{number_}", letter.alphabet)


def _atom_expression(node: Atom, taken: set[str]) -> Expr:
    if isinstance(node, BoxEntry):
        return Entry(node.box, node.ins, node.outs)
    if isinstance(node, Weight):
        return Softmax(node.point, node.letter)
    if isinstance(node, LogitOf):
        return Logit(node.vector, node.letter)
    if isinstance(node, Component):
        return node.of
    if isinstance(node, Partition):
        return LogPartition(node.point)
    if isinstance(node, Parameter):
        return Symbol(node.name)
    if isinstance(node, SizeOf):
        return Size(node.alphabet)
    if isinstance(node, Delta):
        return Entry(Id((node.a.alphabet,)), (node.a,), (node.b,))
    if isinstance(node, PowerOf):
        return as_expression(node.of, taken)
    if isinstance(node, Support):
        return mul(_atom_expression(node.of, taken), _atom_expression(node.of, taken) ** -1)
    return {"log": Log, "exp": Exp, "abs": Abs}[node.name](as_expression(node.of, taken))
