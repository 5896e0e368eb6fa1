"""Expressions as polynomials: entries of composites, entropies and divergences by their definitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, combinations, islice, pairwise
from typing import Any

from flint import fmpq

from .divergences import family, rows
from .generators import Letter, Poly, add_to, constant, mix, single
from .programs import Program, wire_names
from .reading import LARGE, Node, ends, index, listed, need
from .sums import Sums

WORK, GROUPS = 30_000, 10
HALF = fmpq(1, 2)
TAGS = {"Symbol": "sym", "Size": "size", "LogPartition": "lse", "Softmax": "soft"}
TAGS |= {tag: tag.lower() for tag in ("Element", "Coordinate", "Embedding", "Bias")}


class Expansion(Sums):
    """Brings the expressions of one relation into normal form."""

    def __init__(self, statement: Node, work: int = WORK) -> None:
        super().__init__(work)
        self.statement, self.program = statement, Program(statement[2] or ("Id", ()))
        self.wires = dict(zip(wire_names(self.program.type), self.program.outputs, strict=True))
        self.free: dict[str, str] = {}

    def letter(self, node: Node, scope: Mapping[str, Letter]) -> Letter:
        """The letter that a node means: the one bound by the innermost sum of its name, or a free one."""
        found = scope.get(node[1]) or Letter(f".{node[1]}", self.free.setdefault(node[1], node[2]))
        need(found.over == node[2], f"the letter {node[1]!a} has two alphabets")
        return found

    def placed(self, field: Any, scope: Mapping[str, Letter]) -> Any:
        """A field of a node with the letters that it means."""
        match field:
            case ("Letter", *_):
                return self.letter(field, scope)
            case ("At", *_) | (("Letter", *_), *_):
                return tuple(self.placed(part, scope) for part in field)
        return field

    def expand(self, node: Node, scope: Mapping[str, Letter]) -> Poly:
        """The polynomial of an expression, given the letters that sums around it bind."""
        self.spend(3)
        tag, first = node[0], node[1]
        if tag == "Const":
            return constant(first)
        if tag in TAGS or tag in ("Entry", "Logit"):
            fields = [self.placed(field, scope) for field in node[1:]]
            make = self.logit if tag == "Logit" else self.entry
            return single(self.gen(TAGS[tag], *fields)) if tag in TAGS else make(*fields)
        if tag == "Sum":
            x = self.fresh(first[2])
            return self.close(self.expand(node[2], {**scope, first[1]: x}), frozenset([x]))
        if tag in ("Add", "Mul"):
            return (self.plus if tag == "Add" else self.product)(self.expand(part, scope) for part in first)
        if tag == "Abs" and first[0] == "Mul":
            return self.product(self.expand((tag, part), scope) for part in first[1])
        if tag in ("Log", "Exp", "Abs"):
            return {"Log": self.log, "Exp": self.exp, "Abs": self.abs}[tag](self.expand(first, scope))
        need(tag != "Pow" or node[2] != 0, "the exponent 0 is refused")
        if tag in ("Pow", "Derivative"):
            return (self.power if tag == "Pow" else self.derivative)(self.expand(first, scope), *node[2:])
        need(tag in ("Entropy", "Information", "DivergenceOf"), f"{tag} is refused")
        if tag == "DivergenceOf":
            return self.divergence(*node[1:])
        names = (first, node[2]) if tag == "Entropy" else (*first, node[2])
        *groups, given = [frozenset(map(self.wire, group)) for group in names]
        return self.information(groups, given)

    def entry(self, term: Node, ins: Iterable[Letter], outs: Iterable[Letter], hidden: Iterable[Letter] = ()) -> Poly:
        """The probability of outputs given inputs, expanded by the term's shape; summed over hidden letters."""
        bound = set(hidden)
        product = self.product(self.factors(term, iter(ins), iter(outs), bound))
        return self.close(product, frozenset(bound))

    def factors(self, term: Node, ins: Iterator[Letter], outs: Iterator[Letter], bound: set[Letter]) -> Iterator[Poly]:
        """The factors of an entry of a term that takes its letters from two feeds; letters between are bound."""
        tag, first = term[0], term[1]
        if tag == "Box":
            read, made = tuple(islice(ins, len(term[2]))), tuple(islice(outs, len(term[3])))
            yield single(self.gen("entry", term, read, made)) if made else constant(1)
        elif tag == "Par":
            for part in first:
                yield from self.factors(part, ins, outs, bound)
        elif tag == "Seq":
            for part in first[:-1]:
                between = [self.fresh(name) for name in ends(part)[1]]
                bound.update(between)
                yield from self.factors(part, ins, iter(between), bound)
                ins = iter(between)
            yield from self.factors(first[-1], ins, outs, bound)
        else:
            read = tuple(islice(ins, len(first) + (len(term[2]) if tag == "Swap" else 0)))
            made = {"Id": read, "Copy": read * 2, "Discard": ()}.get(tag, read[len(first) :] + read[: len(first)])
            yield from map(self.delta, made, islice(outs, len(made)))

    def use(self, data: Any) -> None:
        """Make rules of relations of `given`."""
        numbers = [index(number, len(self.statement[3])) for number in listed(data)]
        need(all(a < b for a, b in pairwise(numbers)), "relations are used in increasing order")
        for number in numbers:
            match self.statement[3][number]:
                case "Equal", ("Logit", ("Direction", *_) as vector, _), value if _constant(value):
                    self.rules[vector] = self.expand(value, {})
                case "Equal", ("Sum", x, ("Entry", ("Box", *_) as box, ins, outs)), ("Const", total) if total == 1:
                    names = {letter[1] for letter in ins + outs}
                    need(x in ins and len(names) == len(ins + outs), "a relation that is used is no sum of a column")
                    self.columns.add((box, ins.index(x)))
                case "Equal", ("Seq", (("Box", *_) as first, ("Box", *_) as second)), ("Box", *_) as whole if first[3]:
                    self.joins[first, second] = whole
                case _:
                    need(False, "a relation that is used gives no rule")

    # ---------------------------------------------------------------- entropies and divergences

    def wire(self, name: str) -> int:
        need(name in self.wires, f"{name!a} is no wire of the state")
        return self.wires[name]

    def information(self, groups: list[frozenset[int]], given: frozenset[int]) -> Poly:
        """I(A; B; ... | given), or H(A | given): minus the sum over sets S of groups of (-1)^|S| H(S, given)."""
        need(len(groups) <= GROUPS, f"{LARGE}more than {GROUPS} groups of an information")
        counts = Counter[frozenset[int]]()
        for pick in chain.from_iterable(combinations(groups, k) for k in range(len(groups) + 1)):
            counts[given.union(*pick)] -= (-1) ** len(pick)
        return self.plus(add_to({}, self.joint(some), c) for some, c in counts.items() if some and c)

    def joint(self, some: frozenset[int]) -> Poly:
        """The entropy of wires of `about`: the sum of -j log j over their joint law j."""
        letters = {wire: self.fresh(self.program.objects[wire]) for wire in self.program.outputs}
        outs, hidden = map(letters.__getitem__, self.program.outputs), (letters[wire] for wire in set(letters) - some)
        law = self.entry(self.statement[2], [], outs, hidden)
        return add_to({}, self.close(self.times(law, self.log(law)), frozenset(letters[wire] for wire in some)), -1)

    def divergence(self, name: Any, left: Node, right: Node, over: Node | None) -> Poly:
        """A divergence of two kernels, taken where left's repeated outputs agree; averaged over the inputs."""
        program, summed, (kind, order) = Program(left), rows(name), family(name)
        ins = [self.fresh(x) for x in program.inputs]
        letters = {wire: self.fresh(program.objects[wire]) for wire in program.outputs}
        p, q = (self.entry(term, ins, [letters[wire] for wire in program.outputs]) for term in (left, right))
        total, within = (self.close(part, frozenset(letters.values())) for part in (self.rows(summed, p, q), q))
        if within != constant(1):  # right has mass where these differ, left has none
            missing = add_to(constant(1), within, -1)
            add_to(total, self.times(missing, self.rows(summed, {}, constant(1))))
        total = add_to({}, self.log(total), 1 / (order - 1)) if kind == "renyi" else total
        return self.close(self.times(self.entry(over, [], ins), total), frozenset(ins)) if over else total

    # ---------------------------------------------------------------- rows, of divergences and of facts

    def rows(self, rows: Iterable[Any], a: Poly, b: Poly) -> Poly:
        """The sum of rows at two polynomials."""
        return self.plus(self.row(row, a, b) for row in rows)

    def row(self, row: Any, a: Poly, b: Poly) -> Poly:
        tag, c, *n = row
        gap = mix(a, b, 1, -1)
        if tag == "Linear":
            value = mix(a, b, *n)
        elif tag == "Apart":
            value = self.abs(gap)
        elif tag == "Power":
            value = self.times(self.power(a, n[0]), self.power(b, 1 - n[0]))
        elif tag == "Gap":
            value = self.product([gap, gap, self.power(self.denominator(row, a, b), fmpq(-1))])
        elif tag == "Over":
            value = self.product(
                [self.power(a, n[0]), self.power(b, 2 - n[0]), self.power(mix(a, b, *n[1:]), fmpq(-1))]
            )
        elif tag == "Logarithm":
            value = self.times(self.power(a, n[0]), self.power(b, 1 - n[0]))
            value = self.times(value, add_to(self.log(mix(a, b, *n[1:])), self.log(b), -1)) if value else {}
        else:
            x, y = mix(a, b, *n[:2]), mix(a, b, *n[2:])
            value = self.times(x, add_to(self.log(x), self.log(y), -1)) if x else {}
        return add_to({}, value, c)

    def denominator(self, row: Any, a: Poly, b: Poly) -> Poly:
        s, t, r = row[2:]
        return add_to(mix(a, b, s, t), self.power(self.times(a, b), HALF) if r else {}, r)


def _constant(node: Node) -> bool:
    return node[0] in ("Const", "Symbol", "Size") or (node[0] in ("Add", "Mul") and all(map(_constant, node[1])))
