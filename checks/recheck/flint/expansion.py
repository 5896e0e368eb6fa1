"""Expressions as polynomials: entries of composites, entropies and divergences by their definitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from flint import fmpq

from .generators import Letter, Poly, add_to, constant, single
from .programs import Program
from .reading import Node, ends, need
from .shannon import Wires
from .sums import Sums

WORK = 30_000
HALF = fmpq(1, 2)
TAGS = {"Symbol": "sym", "Size": "size", "LogPartition": "lse"}
F0 = {"KL": 0, "chi2": 0, "TV": 1, "hellinger2": 1, "triangular": 1, "JS": 1, "reverse_KL": 0}


class Expansion(Sums):
    """Brings the expressions of one relation into normal form."""

    def __init__(self, statement: Node) -> None:
        super().__init__(WORK)
        self.statement = statement
        self.free: dict[str, str] = {}

    def letter(self, node: Node, scope: Mapping[str, Letter]) -> Letter:
        """The letter that a node means: the one bound by the innermost sum of its name, or a free one."""
        found = scope.get(node[1]) or Letter(f".{node[1]}", self.free.setdefault(node[1], node[2]))
        need(found.over == node[2], f"the letter {node[1]!a} has two alphabets")
        return found

    def expand(self, node: Node, scope: Mapping[str, Letter]) -> Poly:
        """The polynomial of an expression, given the letters that sums around it bind."""
        self.spend(3)
        tag, first = node[0], node[1]
        if tag == "Const":
            return constant(first)
        if tag in TAGS:
            return single(self.gen(TAGS[tag], first))
        if tag in ("Logit", "Softmax"):
            x = self.letter(node[2], scope)
            return self.logit(first, x) if tag == "Logit" else single(self.gen("soft", first, x))
        if tag == "Entry":
            return self.entry(first, *([self.letter(x, scope) for x in letters] for letters in node[2:]))
        if tag == "Sum":
            bound = []
            while node[0] == "Sum":
                bound.append(self.fresh(node[1][2]))
                scope, node = {**scope, node[1][1]: bound[-1]}, node[2]
            return self.close(self.expand(node, scope), frozenset(bound))
        if tag in ("Add", "Mul"):
            return (self.plus if tag == "Add" else self.product)(self.expand(part, scope) for part in first)
        if tag == "Abs" and first[0] == "Mul":
            return self.product(self.expand((tag, part), scope) for part in first[1])
        if tag in ("Log", "Exp", "Abs"):
            return {"Log": self.log, "Exp": self.exp, "Abs": self.abs}[tag](self.expand(first, scope))
        if tag in ("Pow", "Derivative"):
            return (self.power if tag == "Pow" else self.derivative)(self.expand(first, scope), *node[2:])
        need(tag in ("Entropy", "Information", "DivergenceOf"), f"{tag} is refused")
        return self.divergence(*node[1:]) if tag == "DivergenceOf" else self.entropy(node)

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

    # ---------------------------------------------------------------- entropies and divergences

    def entropy(self, node: Node) -> Poly:
        """An entropy or information of wires of `about`, as a combination of sums of -j log j over joint laws j."""
        wires = Wires(self.statement)
        total: Poly = {}
        for some, c in wires.form(node).items():
            letters = {wire: self.fresh(wires.program.objects[wire]) for wire in wires.program.outputs}
            outs = [letters[wire] for wire in wires.program.outputs]
            law = self.entry(self.statement[2], [], outs, (letters[wire] for wire in set(letters) - some))
            add_to(total, self.close(self.times(law, self.log(law)), frozenset(letters[wire] for wire in some)), -c)
        return total

    def divergence(self, name: str, left: Node, right: Node, over: Node | None) -> Poly:
        """A divergence of two kernels, taken where left's repeated outputs agree; averaged over the inputs."""
        need(name in F0, f"the divergence {name!a} is refused")
        program = Program(left)
        ins = [self.fresh(x) for x in program.inputs]
        letters = {wire: self.fresh(program.objects[wire]) for wire in program.outputs}
        p, q = (self.entry(term, ins, [letters[wire] for wire in program.outputs]) for term in (left, right))
        once, f0 = frozenset(letters.values()), self.log(constant(2)) if name == "JS" else constant(F0[name])
        elsewhere = add_to(constant(1), self.close(q, once), -1)
        need(name != "reverse_KL" or not elsewhere, "reverse_KL is refused where left repeats an output")
        total = add_to(self.close(self.summand(name, p, q), once), self.times(f0, elsewhere), HALF)
        return self.close(self.times(self.entry(over, [], ins), total), frozenset(ins)) if over else total

    def summand(self, name: str, p: Poly, q: Poly) -> Poly:
        """What a divergence sums over the letters."""
        mean, gap = add_to(add_to({}, p, HALF), q, HALF), add_to(dict(p), q, -1)
        if name == "TV":
            return add_to({}, self.abs(gap), HALF)
        if name == "hellinger2":
            return add_to(mean, self.times(self.power(p, HALF), self.power(q, HALF)), -1)
        if name == "triangular":
            return add_to({}, self.product([gap, gap, self.power(mean, fmpq(-1))]), HALF**2)
        if name == "chi2":
            return add_to(self.product([p, p, self.power(q, fmpq(-1))]), p, -1)
        if name in ("KL", "reverse_KL"):
            p, q = (p, q) if name == "KL" else (q, p)
            return self.times(p, add_to(self.log(p), self.log(q), -1))
        parts = (self.times(part, add_to(self.log(part), self.log(mean), -1)) for part in (p, q))
        return add_to({}, self.plus(parts), HALF)
