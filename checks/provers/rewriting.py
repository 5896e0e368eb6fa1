"""Equations of diagrams under hypotheses that are equations of diagrams: one side is rewritten into the other.

A hypothesis is used where one of its sides occurs as a sub-program of a normal form: its boxes are found there with the
same wiring, nothing leads out of them and back into them, and nobody else uses their inner wires (those of
deterministic boxes apart, which can be run again outside). What remains is a context, a term before and a term after
the place, with wires passing beside. The search goes breadth first from both sides of the goal until they meet. It may
guess: a step counts only when the context filled with the side found has the normal form that it started from.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice, product

from lmlaws.theory.expressions import Equal, Relation
from lmlaws.theory.programs import NormalForm, Reference, normal_form
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Box, Copy, Discard, Id, Object, Swap, Term, Type, keep, par, seq

from ..engine import Budget

MOST_DIAGRAMS = 2_000
"""How many diagrams a search looks at."""

MOST_WAYS = 64
"""In how many ways the users of a wire are shared out among the outputs of a side that are that wire, at most."""

MOST_OUTPUTS = 4
"""Of a side with up to so many outputs, every choice of them is looked for; of a wider one, all of them together."""

SECONDS = 5.0


@dataclass(frozen=True)
class Rewrite:
    """A use of hypothesis number `hypothesis`, left to right if `forward`: before >> (id[idle] @ its side) >> after."""

    hypothesis: int
    forward: bool
    before: Term
    idle: Type
    after: Term

    def filled(self, given: Sequence[Relation]) -> tuple[Term, Term]:
        """The context around the side that is replaced, and around the side that replaces it."""
        relation = given[self.hypothesis]
        sides = (relation.left, relation.right) if self.forward else (relation.right, relation.left)
        wires = Id(self.idle)
        old, new = (seq(self.before, par(wires, side), self.after) for side in sides if isinstance(side, Term))
        return old, new


@dataclass(frozen=True)
class _Rule:
    """A side of a hypothesis to look for, by its normal form with only the outputs `ports` kept."""

    hypothesis: int
    forward: bool
    dom: Type
    cod: Type
    ports: tuple[int, ...]
    pattern: NormalForm


def usable(given: Sequence[Relation]) -> bool:
    """Whether some hypothesis is an equation of diagrams."""
    return any(isinstance(relation.left, Term) for relation in given)


def derivation(statement: Statement, budget: Budget) -> tuple[Rewrite, ...] | str:
    """Rewrites that lead from the left side of an equation of diagrams to its right side, or why none were found."""
    sides = [normal_form(side) for side in (statement.holds.left, statement.holds.right) if isinstance(side, Term)]
    rules = list(rules_of(statement.given))
    largest = max(len(form.boxes) for form in sides) + 2 * max((len(rule.pattern.boxes) for rule in rules), default=0)
    clock = Budget(min(SECONDS, budget.left()))
    paths: list[_Paths] = [{form: ()} for form in sides]
    live = {i: _reached(paths[i], rules, statement.given, largest, clock) for i in (0, 1)}
    while live and clock.left() and sum(map(len, paths)) < MOST_DIAGRAMS:
        for i, stream in list(live.items()):  # in turn, for one side may be far harder to leave than the other
            new = next(stream, None)
            if new is None:
                del live[i]
            elif new in paths[1 - i]:
                back = (replace(step, forward=not step.forward) for step in reversed(paths[1][new]))
                return (*paths[0][new], *back)
    stopped = "until the budget was spent" if live or not clock.left() else "all that the search finds"
    return f"rewriting by the hypotheses led to {sum(map(len, paths)):,} diagrams, {stopped}, and not from side to side"


_Paths = dict[NormalForm, tuple[Rewrite, ...]]
"""The diagrams reached from one side, and how."""


def _reached(
    paths: _Paths, rules: Sequence[_Rule], given: Sequence[Relation], largest: int, clock: Budget
) -> Iterator[NormalForm]:
    """The diagrams of at most so many boxes that rewriting leads to, breadth first; they are entered in `paths`."""
    queue = deque(paths)
    while queue:
        form = queue.popleft()
        for step, new in neighbours(form, rules, given, clock):
            if len(new.boxes) <= largest and new not in paths:
                paths[new] = (*paths[form], step)
                queue.append(new)
                yield new


def rules_of(given: Sequence[Relation]) -> Iterator[_Rule]:
    """Both sides of each equation of diagrams; with fewer outputs kept where that needs fewer boxes."""
    for number, relation in enumerate(given):
        if not (isinstance(relation, Equal) and isinstance(relation.left, Term) and isinstance(relation.right, Term)):
            continue
        for side in (relation.left, relation.right):
            found: list[_Rule] = []
            for ports in _choices(len(side.cod)):
                pattern = normal_form(keep(side, ports))
                same = (rule for rule in found if {*ports} <= {*rule.ports})
                if pattern.boxes and all(len(rule.pattern.boxes) > len(pattern.boxes) for rule in same):
                    found.append(_Rule(number, side is relation.left, side.dom, side.cod, ports, pattern))
            yield from found


def _choices(outputs: int) -> Iterator[tuple[int, ...]]:
    """Choices of outputs, all of them first."""
    for size in range(outputs, 0 if outputs <= MOST_OUTPUTS else outputs - 1, -1):
        yield from combinations(range(outputs), size)
    if not outputs:
        yield ()


def neighbours(
    form: NormalForm, rules: Sequence[_Rule], given: Sequence[Relation], clock: Budget
) -> Iterator[tuple[Rewrite, NormalForm]]:
    """Every rewrite of a diagram that was found, with what it gives."""
    for rule in rules:
        for images, inputs in _occurrences(rule.pattern, form, clock):
            for step in _Place(form, rule, images, inputs).rewrites():
                old, new = step.filled(given)
                if normal_form(old) == form:
                    yield step, normal_form(new)


def _occurrences(
    pattern: NormalForm, form: NormalForm, clock: Budget
) -> Iterator[tuple[dict[int, int], dict[int, Reference]]]:
    """The boxes of a form that are wired as a pattern: box by box, and the wire that each input of the pattern is."""
    where: dict[Box, list[int]] = {}
    for number, (box, _) in enumerate(form.boxes):
        where.setdefault(box, []).append(number)
    stack: list[tuple[int, dict[int, int], dict[int, Reference]]] = [(0, {}, {})]
    while stack and clock.left():
        at, images, inputs = stack.pop()
        if at == len(pattern.boxes):
            random = [image for number, image in images.items() if not pattern.boxes[number][0].deterministic]
            if len({*random}) == len(random):
                yield images, inputs
            continue
        box, reads = pattern.boxes[at]
        for candidate in reversed([images[at]] if at in images else where.get(box, [])):
            more, bound = {**images, at: candidate}, dict(inputs)
            if form.boxes[candidate][0] == box and _fits(reads, form.boxes[candidate][1], more, bound):
                stack.append((at + 1, more, bound))


def _fits(
    reads: Sequence[Reference], real: Sequence[Reference], images: dict[int, int], inputs: dict[int, Reference]
) -> bool:
    """Whether a box reads in a form what it reads in the pattern; enters which boxes and inputs those then are."""
    for (number, port), wire in zip(reads, real):
        if number < 0:
            if inputs.setdefault(port, wire) != wire:
                return False
        elif wire[0] < 0 or wire[1] != port or images.setdefault(number, wire[0]) != wire[0]:
            return False
    return True


_User = tuple[int, int]
"""Who reads a wire: (box, place among its inputs), or (-1, place among the outputs)."""

HOLE = -2
"""The number that stands for the replaced boxes in a reference: (HOLE, port)."""


class _Place:
    """A place where a side of a hypothesis occurs in a form, and the contexts around it."""

    def __init__(self, form: NormalForm, rule: _Rule, images: dict[int, int], inputs: dict[int, Reference]) -> None:
        self.form, self.rule, self.inputs = form, rule, inputs
        self.matched = {*images.values()}
        self.order = _producers_first(form)
        self.ports: dict[Reference, list[int]] = {}
        """For each wire of the form that is an output of the side: the outputs that are it."""
        for port, (number, place) in zip(rule.ports, rule.pattern.outputs):
            wire = inputs.get(place, (-1, -1)) if number < 0 else (images[number], place)
            self.ports.setdefault(wire, []).append(port)
        self.users: dict[Reference, list[_User]] = {}
        for box, (_, reads) in [*enumerate(form.boxes), (-1, (None, form.outputs))]:
            for at, wire in enumerate(reads):
                self.users.setdefault(wire, []).append((box, at))

    def object_of(self, wire: Reference) -> Object:
        number, port = wire
        if number == HOLE:
            return self.rule.cod[port]
        return self.form.kind[port] if number < 0 else self.form.boxes[number][0].cod[port]

    def rewrites(self) -> Iterator[Rewrite]:
        """The contexts: every way to feed inputs that the side does not read, and to share out its outputs."""
        for fed in islice(product(*map(self._feeds, range(len(self.rule.dom)))), MOST_WAYS):
            before = self._closed(number for number, _ in fed)
            if before & self.matched:
                continue
            shared = [(wire, user) for wire in self._shared() for user in self.users[wire]]
            shared = [(wire, user) for wire, user in shared if user[0] not in self.matched]
            options = [self._options(wire, user, before) for wire, user in shared]
            for chosen in islice(product(*options), MOST_WAYS):
                moved = {user: wire for (_, user), wire in zip(shared, chosen)}
                step = self._context(fed, moved)
                if step is not None:
                    yield step

    def _feeds(self, at: int) -> list[Reference]:
        """What may be read at an input of the side: its wire, or any of its object where the side discards it."""
        if at in self.inputs:
            return [self.inputs[at]]
        wires = [(-1, i) for i in range(len(self.form.kind))]
        wires += [(n, i) for n, (box, _) in enumerate(self.form.boxes) for i in range(len(box.cod))]
        return [wire for wire in wires if self.object_of(wire) == self.rule.dom[at]]

    def _closed(self, boxes: Iterable[int]) -> set[int]:
        """These boxes and all that they depend on."""
        found, stack = set[int](), [number for number in boxes if number >= 0]
        while stack:
            number = stack.pop()
            if number not in found:
                found.add(number)
                stack.extend(before for before, _ in self.form.boxes[number][1] if before >= 0)
        return found

    def _shared(self) -> list[Reference]:
        """The wires whose users have to be looked at: outputs of the side, and all that the matched boxes make."""
        made = ((n, i) for n in sorted(self.matched) for i in range(len(self.form.boxes[n][0].cod)))
        return [wire for wire in dict.fromkeys((*self.ports, *made)) if wire in self.users]

    def _options(self, wire: Reference, user: _User, before: set[int]) -> list[Reference]:
        """Where a user of a wire may read it: at outputs of the side, or past it where it is not lost with the side."""
        past = wire[0] not in self.matched or self.form.boxes[wire[0]][0].deterministic
        through = [] if user[0] in before else [(HOLE, port) for port in self.ports.get(wire, ())]
        return [*through, *([wire] if past else [])]

    def _context(self, fed: Sequence[Reference], moved: dict[_User, Reference]) -> Rewrite | None:
        """The terms before and after the place; None when a box that is gone would still be needed."""
        reads = {
            number: [moved.get((number, at), wire) for at, wire in enumerate(wires)]
            for number, (_, wires) in enumerate(self.form.boxes)
        }
        outputs = [moved.get((-1, at), wire) for at, wire in enumerate(self.form.outputs)]
        again = self._closed(number for number, _ in moved.values()) & self.matched  # run again, outside
        if any(not self.form.boxes[number][0].deterministic for number in again):
            return None
        late: set[int] = {HOLE}
        calls: dict[bool, list[_Call]] = {False: [], True: []}
        for number in self.order:
            if number in self.matched and number not in again:
                continue
            box, after = self.form.boxes[number][0], any(maker in late for maker, _ in reads[number])
            if after:
                late.add(number)
            calls[after].append((box, reads[number], [(number, port) for port in range(len(box.cod))]))
        if any(number in late for number, _ in fed):
            return None
        wanted = [wire for _, some, _ in calls[True] for wire in some] + outputs
        idle = list(dict.fromkeys(wire for wire in wanted if wire[0] not in late))
        start = [(-1, i) for i in range(len(self.form.kind))]
        made = [(HOLE, port) for port in range(len(self.rule.cod))]
        before = self._term(start, calls[False], [*idle, *fed])
        after_it = self._term([*idle, *made], calls[True], outputs)
        kind = tuple(map(self.object_of, idle))
        return Rewrite(self.rule.hypothesis, self.rule.forward, before, kind, after_it)

    def _term(self, wires: list[Reference], calls: Sequence[_Call], outputs: list[Reference]) -> Term:
        """A program as a term: each box beside the wires that are needed later."""
        parts: list[Term] = [Id(tuple(map(self.object_of, wires)))]
        needed = [{*outputs}]
        for _, reads, _ in reversed(calls):
            needed.append(needed[-1] | {*reads})
        for (box, reads, makes), later in zip(calls, reversed(needed[:-1])):
            rest = [wire for wire in wires if wire in later]
            parts += self._wiring(wires, [*reads, *rest])
            parts.append(_beside(box, Id(tuple(map(self.object_of, rest)))))
            wires = [*makes, *rest]
        parts += self._wiring(wires, outputs)
        return seq(*parts)

    def _wiring(self, wires: list[Reference], wanted: list[Reference]) -> Iterator[Term]:
        """Copies, discards and swaps that lead from some wires to others."""
        copies = [wire for wire in wires for _ in range(wanted.count(wire))]
        if copies != wires:
            yield par(*(_copies(self.object_of(wire), wanted.count(wire)) for wire in wires))
        for at, wire in enumerate(wanted):
            found = copies.index(wire, at)
            if found > at:
                left, block, right = (
                    tuple(map(self.object_of, some)) for some in (copies[:at], copies[at:found], copies[found + 1 :])
                )
                yield _beside(Id(left), Swap(block, (self.object_of(wire),)), Id(right))
                copies.insert(at, copies.pop(found))


_Call = tuple[Box, list[Reference], list[Reference]]
"""A box, the wires that it reads, the wires that it makes."""


def _beside(*terms: Term) -> Term:
    """Terms side by side, without wires that are none."""
    return par(*(term for term in terms if term != Id(())))


def _copies(kind: Object, count: int) -> Term:
    """So many copies of a wire."""
    if count < 2:
        return Id((kind,)) if count else Discard((kind,))
    return seq(Copy((kind,)), *(par(Id((kind,) * i), Copy((kind,))) for i in range(1, count - 1)))


def _producers_first(form: NormalForm) -> list[int]:
    """The boxes of a form so that each stands after those whose outputs it reads."""
    order: list[int] = []
    done: set[int] = set()
    stack = list(range(len(form.boxes)))
    while stack:
        number = stack[-1]
        missing = [before for before, _ in form.boxes[number][1] if before >= 0 and before not in done]
        if missing and number not in done:
            stack.extend(missing)
            continue
        stack.pop()
        if number not in done:
            done.add(number)
            order.append(number)
    return order
