"""The missing hypothesis: single extra hypotheses under which a refuted statement is proved.

Tried are, for each kernel of the statement, that it is deterministic; for each law on one alphabet that it has full
support; for each direction u of a softmax head that the logits along u have mean zero under p_h, E_h <g,u> = 0; and for
a relation between entropies, that two variables or groups are independent, independent given a third (a Markov chain)
or given all others, and that one is a function of another or of all others. A hypothesis is named when the provers
prove the statement under it, with a certificate that the checker accepts, and when it is not empty: it does not repeat
the statement, and leaves instances where that kernel, and each variable that could vary, is not constant. Of two
hypotheses one of which implies the other the weaker is named.

Conditions on variables are sifted first, exactly, on laws of two fair bits (sieve.py); the prover has the last word.

Full support is a strict inequality, which no relation says; but the laws of full support are the softmax laws of heads
with a free bias, so the statement about these is the one under the hypothesis. A mean of zero is built in likewise: the
logits along u are replaced by those less their mean, which changes nothing where it is zero. Full support of a kernel
with inputs has no such form, and is not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import combinations, permutations, product
from typing import Any

from lmlaws.theory.analytic import E, along
from lmlaws.theory.expressions import (
    Derivative,
    Direction,
    Entry,
    Equal,
    Expr,
    Head,
    Letter,
    Logit,
    Point,
    Rank,
    Relation,
    Softmax,
    Symbol,
    mul,
    rebuild,
    sum_over,
    walk,
)
from lmlaws.theory.programs import compile_term
from lmlaws.theory.quantities import determined, expand, fresh, independent
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Box, Id, Term

from ..engine import Budget, Engine
from ..judge import judge_statement, provers
from ..verdicts import MissingHypothesis, Proved, Refuted
from .identities import normal
from .linear import NotLinearError
from .markov import MarkovProver
from .polynomials import UnprovableError
from .shannon import ShannonProver
from .sieve import Sieve, variables_of

SECONDS = 2.0
"""How long the search for missing hypotheses may take, unless the caller says otherwise."""

MOST_VARIABLES = 8
MOST_TRIED = 100
"""How many conditions that the sieve leaves are given to the prover."""


def missing_hypotheses(statement: Statement, budget: Budget | None = None) -> tuple[MissingHypothesis, ...]:
    """The single extra hypotheses that were found under which the statement is proved, weakest first."""
    clock = Budget(SECONDS) if budget is None else budget
    found = [*_deterministic_boxes(statement, clock), *_full_supports(statement, clock), *_zero_means(statement, clock)]
    if statement.is_information and statement.about is not None:
        found += _conditions(statement, clock)
    return tuple(found)


def _engines(statement: Statement) -> Sequence[Engine]:
    """The provers that may decide: for diagrams and entropies one, for all else every one."""
    if statement.is_diagram:
        return (MarkovProver(),)
    return (ShannonProver(),) if statement.is_information else provers()


def _proved_by(statement: Statement, clock: Budget) -> str | None:
    """The engine that proves the statement in what is left of the time, or None."""
    if not clock.left():
        return None
    verdict = judge_statement(statement, _engines(statement), Budget(clock.left()), all_engines=False).verdict
    return verdict.engine if isinstance(verdict, Proved) else None


def _deterministic_boxes(statement: Statement, clock: Budget) -> Iterator[MissingHypothesis]:
    """Each kernel declared deterministic. A law is left out: it would be a constant."""
    for box in statement.boxes:
        if box.deterministic or not box.dom:
            continue
        mended: Statement = _exchanged(statement, box, replace(box, deterministic=True))
        engine = _proved_by(mended, clock)
        if engine is not None and _can_vary(mended, box.name, clock):
            yield MissingHypothesis(f"{box.name} deterministic", mended, engine)


def _exchanged(node: Any, old: Box, new: Box) -> Any:
    """The same data with one box in place of another."""
    if isinstance(node, tuple):
        return tuple(_exchanged(part, old, new) for part in node)
    if node == old or not is_dataclass(node) or isinstance(node, type):
        return new if node == old else node
    return type(node)(*(_exchanged(getattr(node, field.name), old, new) for field in fields(node)))


def _can_vary(statement: Statement, name: str, clock: Budget) -> bool:
    """Whether some exact instance meets `given` with two different rows of this box."""
    if not statement.given:
        return True
    from ..exact.search import SearchEngine

    box = next(box for box in statement.boxes if box.name == name)
    outs = fresh(box.cod, "y")
    one, other = (Entry(box, fresh(box.dom, stem), outs) for stem in ("x", "z"))
    constant = Statement(Equal(one, other), statement.about, statement.given)
    return isinstance(SearchEngine().decide(constant, Budget(clock.left(), instances=400)), Refuted)


# --- a law of full support, and logits of mean zero


def _full_supports(statement: Statement, clock: Budget) -> Iterator[MissingHypothesis]:
    """Each law on one alphabet as the softmax law of a point that bears its name: these are all laws without zeros."""
    if statement.is_diagram or statement.is_information:
        return
    try:
        expanded = _sides_changed(statement, lambda side: expand(side, statement.about))
    except ValueError:  # a divergence that is no sum over letters
        return
    nodes = list(walk(statement))
    for box in statement.boxes:
        if box.dom or len(box.cod) != 1:
            continue
        head = "W"
        while any(isinstance(node, Box | Head | Point | Direction | Symbol) and node.name == head for node in nodes):
            head += "_"
        point = Point(box.name, Head(head, box.cod[0]))

        def positive(expr: Expr, box: Box = box, point: Point = point) -> Expr | None:
            return _opened(expr, box, point) if isinstance(expr, Entry) and box in set(walk(expr.term)) else None

        mended = _rewritten(expanded, positive)
        engine = None if box in mended.boxes else _proved_by(mended, clock)
        if engine is not None:
            yield MissingHypothesis(f"{box.name} has full support", mended, engine)


def _opened(entry: Entry, law: Box, point: Point) -> Expr:
    """An entry as a sum of products of entries of its boxes, by its program; those of the law as softmax weights."""
    program = compile_term(entry.term)
    at: dict[int, Letter] = dict(enumerate(entry.ins))
    factors: list[Expr] = []
    for wire, letter in zip(program.outputs, entry.outs):
        if at.setdefault(wire, letter) != letter:
            factors.append(Entry(Id((letter.alphabet,)), (at[wire],), (letter,)))
    bound = []
    for call in program.calls:
        for wire, part in zip(call.makes, call.box.cod):
            if wire not in at:  # a letter whose name no letter of a statement has
                at[wire] = Letter(f"@{wire}", part)
                bound.append(at[wire])
        ins, outs = (tuple(at[wire] for wire in wires) for wires in (call.reads, call.makes))
        factors.append(Softmax(point, *outs) if call.box == law else Entry(call.box, ins, outs))
    return sum_over(tuple(bound), mul(*factors))


def _zero_means(statement: Statement, clock: Budget) -> Iterator[MissingHypothesis]:
    """The logits along each direction centred under each law of its head, where nothing is differentiated there."""
    nodes = set(walk((statement.holds, statement.given)))
    if any(isinstance(node, Derivative | Rank) for node in nodes):
        return
    points = sorted(
        {node.point for node in nodes if isinstance(node, Softmax) and isinstance(node.point, Point)},
        key=lambda h: h.name,
    )
    directions = sorted({node for node in nodes if isinstance(node, Direction)}, key=lambda u: u.name)
    for u, h in product(directions, points):
        if u.head != h.head:
            continue

        def centred(expr: Expr, u: Direction = u, h: Point = h) -> Expr | None:
            return expr - E(h, along(u), "@mean") if isinstance(expr, Logit) and expr.vector == u else None

        mended = _rewritten(statement, centred)
        engine = None if _says(statement.holds, E(h, along(u))) else _proved_by(mended, clock)
        if engine is not None:
            yield MissingHypothesis(f"<g,{u.name}> has mean zero under p_{h.name}", mended, engine)


def _says(relation: Relation, mean: Expr) -> bool:
    """Whether a relation only compares a multiple of the mean with zero."""
    try:
        gap, mean_form = (normal(expr, {}) for expr in (relation.left - relation.right, mean))  # type: ignore[operator]
    except UnprovableError:
        return False
    return bool(gap.terms) and gap == mean_form.scaled(gap.terms[0][1] / mean_form.terms[0][1])


def _rewritten(statement: Statement, change: Callable[[Expr], Expr | None]) -> Statement:
    """The statement with each node of its expressions replaced for which `change` has another."""

    def changed(expr: Expr) -> Expr:
        other = change(expr)
        return rebuild(expr, changed) if other is None else other

    return _sides_changed(statement, changed)


def _sides_changed(statement: Statement, change: Callable[[Expr], Expr]) -> Statement:
    """The statement with its expressions changed, about no state; equations of terms are left."""

    def relation(old: Relation) -> Relation:
        if isinstance(old.left, Term) or isinstance(old.right, Term):
            return old
        return type(old)(change(old.left), change(old.right))

    return Statement(relation(statement.holds), None, tuple(map(relation, statement.given)))


# --- conditions on the variables of a relation between entropies


@dataclass(frozen=True)
class _Condition:
    """A condition on variables, its text, and how it is ranked for show: fewest variables first."""

    rank: tuple[int, int]
    text: str
    relation: Relation


def _conditions(statement: Statement, clock: Budget) -> list[MissingHypothesis]:
    """Conditions on variables, tried weakest first, so that what implies one already found need not be tried."""
    try:
        sieve = Sieve(statement)
    except NotLinearError:
        return []
    if len(sieve.wires.live) > MOST_VARIABLES:
        return []
    sifted = [(condition, sieve.meeting(condition.relation)) for condition in _candidates(sieve.variables)]
    sifted = [(condition, meeting) for condition, meeting in sifted if sieve.passes(condition.relation, meeting)]
    sifted.sort(key=lambda pair: -pair[1].bit_count())
    found: list[tuple[_Condition, int, MissingHypothesis]] = []
    for condition, meeting in sifted[:MOST_TRIED]:
        mended = replace(statement, given=(*statement.given, condition.relation))
        weaker = (other.relation for other, more, _ in found if not meeting & ~more)
        if any(_proved_by(replace(mended, holds=relation), clock) for relation in weaker):
            continue
        engine = _proved_by(mended, clock)
        if engine is not None:
            found.append((condition, meeting, MissingHypothesis(condition.text, mended, engine)))
    return [mend for _, _, mend in sorted(found, key=lambda one: one[0].rank)]


def _candidates(variables: Sequence[str]) -> list[_Condition]:
    """Conditions on variables, those that look weakest first: fewest variables, independence before a function."""
    found: dict[str, _Condition] = {}

    def put(kind: int, text: str, relation: Relation) -> None:
        found.setdefault(text, _Condition((len(variables_of(relation)), kind), text, relation))

    for a, b in combinations(variables, 2):
        others = tuple(name for name in variables if name not in (a, b))
        put(0, f"{a} _||_ {b}", independent(a, b))
        for c in others:
            put(1, f"{a} -> {c} -> {b}", independent(a, b, given=c))
        if len(others) > 1:
            put(1, f"{a} -> {_group(others)} -> {b}", independent(a, b, given=others))
    for a, b in permutations(variables, 2):
        others = tuple(name for name in variables if name not in (a, b))
        put(2, f"{a} = f({b})", determined(a, b))
        if len(others) > 1:
            put(1, f"{a} -> {b} -> {_group(others)}", independent(a, others, given=b))
    for a in variables:
        others = tuple(name for name in variables if name != a)
        for group in (*combinations(others, 2), others):
            if len(group) > 1:
                put(0, f"{a} _||_ {_group(group)}", independent(a, group))
        if len(others) > 1:
            put(2, f"{a} = f({','.join(others)})", determined(a, others))
    return sorted(found.values(), key=lambda condition: condition.rank)


def _group(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"({','.join(names)})"
