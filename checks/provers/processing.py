"""The prover of data processing: combinations of divergences compared by laws that hold for kernels of every size.

    >>> from lmlaws.theory.expressions import LessEq
    >>> from lmlaws.theory.quantities import categorical_entropy
    >>> from lmlaws.theory.terms import function, kernel, state
    >>> r, k, f = state("r", "X"), kernel("k", "X", "Y"), function("f", "Y", "Z")
    >>> merged, whole = (categorical_entropy("renyi:3/2", term, over=r) for term in (k >> f, k))
    >>> print(ProcessingProver().decide(Statement(LessEq(merged, whole)), Budget()).name)
    proved

A divergence D(f', g') is at most D(f, g) where one w makes f' of f and g' of g; such a w is what remains of f' and g'
after peeling off f and g (peeling.py). Where that alone does not do, both sides are taken apart first, by equations:
the chain rule of KL, averages over what two diagrams share, additivity, and hypotheses that are equations of diagrams.
What is found is a chain of links for the kind `processing` of docs/certificates.md; the checkers verify each.

Reference: Perrone, "Markov Categories and Entropy" (IEEE IT 70, 2024), who takes data processing as the definition of
an enriched Markov category; van Erven and Harremoes (IEEE IT 60, 2014) for Renyi divergences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from typing import Any, TypeAlias

from lmlaws.theory.expressions import DivergenceOf, Equal, walk
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Box

from ..engine import Budget
from ..evidence import certificate
from ..verdicts import Proved, Undecided, Verdict
from .comparison import ONE, Atom, Equation, Form, Move, UnreadableError, forms, nonneg, process
from .decomposition import Variants, decomposed, revealed, without_zeros
from .peeling import peeled

MOST_BOXES = 60
"""How many boxes a diagram may have: a search follows each of them."""

SECONDS = 5.0

MOST_REVEALED = 50
"""How many times a hidden wire is shown before the search ends."""

Scaled: TypeAlias = "tuple[Fraction, Move]"

Simplified: TypeAlias = "tuple[Form, list[tuple[Fraction, Equation]]]"
"""A form, and the equations that led to it."""


class ProcessingProver:
    """Compares combinations of divergences by data processing, chain rules and additivity, with witnesses it finds."""

    name = "processing"
    exact = True

    def accepts(self, statement: Statement) -> str | None:
        if statement.is_diagram or not any(isinstance(node, DivergenceOf) for node in walk(statement.holds)):
            return "compares no divergences"
        try:
            forms(statement.holds)
        except UnreadableError as error:
            return str(error)
        divergences = (node for node in walk(statement.holds) if isinstance(node, DivergenceOf))
        most = max(sum(isinstance(node, Box) for node in walk(one)) for one in divergences)
        return f"a divergence of more than {MOST_BOXES} boxes" if most > MOST_BOXES else None

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        lower, upper = forms(statement.holds)
        wanted = {"<=": (lower, upper), ">=": (upper, lower)}
        steps: dict[str, Any] = {}
        for name, (start, goal) in wanted.items():
            if name == "<=" or isinstance(statement.holds, Equal):
                links = chain_of_links(statement, start, goal, Budget(min(SECONDS, budget.left())))
                if links is None:
                    side = "the left side is at most the right one" if name == "<=" else "the right is at most the left"
                    return Undecided(
                        self.name, f"no chain of data processing and chain rules was found by which {side}"
                    )
                steps[name] = [move.link(times) for times, move in links]
        if cites_itself(steps):
            return Undecided(self.name, "this is data processing itself, which is not proved by citing it")
        return Proved(self.name, certificate("processing", statement, steps))


def cites_itself(steps: dict[str, Any]) -> bool:
    """Whether the only link of an inequality applies a box of no special kind to two boxes."""
    (first, *more), *others = steps["<="] or [()], *list(steps.values())[1:]
    if not first or more or others or first[2][0] != "process":
        return False
    return all(term[0] == "Box" for term in first[2][2:5]) and not first[2][4][4]


def chain_of_links(statement: Statement, lower: Form, upper: Form, clock: Budget) -> list[Scaled] | None:
    """Links from one form up to another one: of the forms as they are, decomposed, or with hidden wires shown."""
    variants = Variants(statement.given, clock)
    for simplify in (without_zeros, decomposed):
        low, up = (_simplified(form, simplify, clock) for form in (lower, upper))
        links = _closed(low, up, variants)
        if links is not None:
            return links
    queue = [(0, (0, 0), low)]  # those of which least is left to be matched first, earlier ones before later ones
    for count in range(MOST_REVEALED):
        if not queue:
            break
        for number, more in enumerate(_revealed(heappop(queue)[-1], clock)):
            links = _closed(more, up, variants)
            if links is not None:
                return links
            heappush(queue, (len(more[0].keys() - up[0].keys()), (count, number), more))
    return None


def _revealed(low: Simplified, clock: Budget) -> Iterator[Simplified]:
    """A form with one KL that sees a wire more, wherever that takes the KL apart."""
    form, before = low
    for atom, times in form.items():
        for move in revealed(atom) if atom is not None and atom.name == "KL" else ():
            if not clock.left():
                return
            (shown,) = move.gives
            parts, steps = _simplified({shown: times}, decomposed, clock)
            if steps:
                rest = {other: value for other, value in form.items() if other != atom}
                for part, value in parts.items():
                    rest[part] = rest.get(part, Fraction(0)) + value
                yield rest, [*before, (times, Equation((), (move,), ())), *steps]


def _closed(low: Simplified, up: Simplified, variants: Variants) -> list[Scaled] | None:
    """All links, if the lower form can be matched with the upper one."""
    matched = next(_matched(*_without_common(low[0], up[0]), variants), None)
    if matched is None:
        return None
    there = [(times, move) for times, step in low[1] for move in step.there]
    back = [(times, move) for times, step in reversed(up[1]) for move in step.back]
    return [*there, *matched, *back]


def _simplified(form: Form, simplify: Callable[[Atom, Budget], Equation | None], clock: Budget) -> Simplified:
    """A form with each divergence replaced by what it equals, again and again; and the equations used."""
    done: Form = {}
    used: list[tuple[Fraction, Equation]] = []
    todo = list(form.items())
    while todo:
        atom, times = todo.pop()
        step = simplify(atom, clock) if atom is not None else None
        if step is None:
            done[atom] = done.get(atom, Fraction(0)) + times
        else:
            used.append((times, step))
            todo.extend((part, times) for part in step.atoms)
    return done, used


def _without_common(lower: Form, upper: Form) -> tuple[Form, Form]:
    """What is left of two forms without what both have; matching equal atoms loses nothing, as <= is transitive."""
    common = {atom: min(times, upper[atom]) for atom, times in lower.items() if atom in upper}
    left, right = ({a: t - common.get(a, 0) for a, t in form.items()} for form in (lower, upper))
    return {a: t for a, t in left.items() if t}, {a: t for a, t in right.items() if t}


def _matched(lower: Form, upper: Form, variants: Variants) -> Iterator[list[Scaled]]:
    """Every way to share out the upper form among the lower atoms, each below its share; what is left is >= 0."""
    if not lower:
        yield [(times, Move(ONE if atom is None else nonneg(atom))) for atom, times in upper.items()]
        return
    atom, times = next(iter(lower.items()))
    for other, available in upper.items():
        moves = dominated(atom, other, variants) if atom is not None and other is not None else None
        if moves is not None:
            share = min(times, available)
            parts = [{**form, key: form[key] - share} for form, key in ((lower, atom), (upper, other))]
            rest = [{a: t for a, t in form.items() if t} for form in parts]
            for more in _matched(rest[0], rest[1], variants):
                yield [*((share, move) for move in moves), *more]


def dominated(atom: Atom, other: Atom, variants: Variants) -> list[Move] | None:
    """The moves from a divergence up to another one by data processing, both rewritten by equations before."""
    key = (atom, other)
    if key not in variants.known:
        variants.known[key] = next(_dominated(atom, other, variants), None)
    return variants.known[key]


def _dominated(atom: Atom, other: Atom, variants: Variants) -> Iterator[list[Move]]:
    for low, there in variants.of(atom):
        for up, back in variants.of(other):
            if not variants.clock.left():
                return
            if low == up:
                yield [*there.there, *back.back]
            elif low.name == up.name and low.forms[2:] == up.forms[2:] and low.left.dom == up.left.dom:
                for rest in peeled([(low.left, up.left), (low.right, up.right)]):
                    step = Move(process(up.name, up.left, up.right, rest, up.over))
                    yield [*there.there, step, *back.back]
