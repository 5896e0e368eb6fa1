"""Statements as sympy: indexed sums with symbolic sizes, for reading, for LaTeX, and for taking further in sympy.

A box k: X -> Y becomes `k[x, y]`, inputs first; a state p becomes `p[x]`; the alphabet X has `n_X` letters, numbered
from 1. A diagram is the sum over its inner wires of the product of its boxes, so `k >> h` reads
`Sum(k[x, y]*h[y, z], (y, 1, n_Y))`; where a wire is copied or passes through stands a Kronecker delta. A head W has
rows `W[w, 1..d]` and a bias `b[w]`; its points and directions are `h[j]`, `u[j]`. A derivative at h along u is left
undone: `Subs(Derivative(f(h + t*u), t), t, 0)`.

Nothing here decides anything: no engine asks sympy whether two sides agree. sympy cancels factors such as x/x at
once, which differs from the conventions of `expressions` where x = 0.
"""

from __future__ import annotations

from typing import Any

from .divergences import divergence_row
from .expressions import (
    ZERO,
    Abs,
    Add,
    At,
    Bias,
    Const,
    Coordinate,
    Derivative,
    Dimension,
    Direction,
    DivergenceOf,
    Element,
    Embedding,
    Entropy,
    Entry,
    Equal,
    Exp,
    Expr,
    Head,
    Hidden,
    Information,
    LessEq,
    Letter,
    Log,
    Logit,
    LogPartition,
    Mul,
    Point,
    Pow,
    Rank,
    Relation,
    Size,
    Softmax,
    Sum,
    Symbol,
    Vector,
    axes,
)
from .programs import compile_term
from .quantities import entry, expand
from .statements import Statement
from .terms import Object, Term, signature, wire_names


def to_sympy(node: Statement | Relation | Expr | Term, about: Term | None = None) -> Any:
    """A statement or relation as a sympy `Eq` or `Le`, an expression or the entries of a diagram as a sympy one.

    Of a statement this is the relation that holds; its hypotheses are `hypotheses(statement)`. Quantities H and I in
    a bare expression speak of the wires of `about`. Both sides of an equation of diagrams are entries at common free
    indices. Raises CompositionError when a variable is not a wire of the diagram.
    """
    if isinstance(node, Statement):
        return _Translator(node.about).relation(node.holds)
    translator = _Translator(about)
    if isinstance(node, Equal | LessEq):
        return translator.relation(node)
    return translator.entries(node) if isinstance(node, Term) else translator.expr(node)


def hypotheses(statement: Statement) -> tuple[Any, ...]:
    """What a statement assumes (`given`), as sympy relations."""
    return tuple(_Translator(statement.about).relation(relation) for relation in statement.given)


def latex(statement: Statement) -> str:
    """A statement as LaTeX, its hypotheses behind the word `given`."""
    import sympy

    given = ",\\; ".join(sympy.latex(relation) for relation in hypotheses(statement))
    text: str = sympy.latex(to_sympy(statement))
    return f"{text} \\quad\\text{{given}}\\quad {given}" if given else text


class _Translator:
    """Translates the nodes of one statement; `shifts` are the open derivatives: point, direction, parameter."""

    def __init__(self, about: Term | None) -> None:
        import sympy

        self.sympy = sympy
        self.about = about
        self.shifts: list[tuple[Point, Direction, Any]] = []
        self.indices: dict[Letter, Any] = {}

    def relation(self, relation: Relation) -> Any:
        make = self.sympy.Eq if isinstance(relation, Equal) else self.sympy.Le
        sides = [
            self.entries(side) if isinstance(side, Term) else self.expr(side)
            for side in (relation.left, relation.right)
        ]
        return make(*sides, evaluate=False)

    def entries(self, term: Term) -> Any:
        """A diagram's entries at free indices named after its inputs and outputs."""
        kind = term.dom + term.cod
        letters = tuple(Letter(f"@{name}", part) for name, part in zip(wire_names(kind), kind))
        return self.expr(entry(term, letters[: len(term.dom)], letters[len(term.dom) :]))

    def expr(self, expr: Expr) -> Any:
        sympy = self.sympy
        if isinstance(expr, Const):
            return sympy.Rational(expr.value.numerator, expr.value.denominator)
        if isinstance(expr, Symbol):
            return sympy.Symbol(expr.name, real=True)
        if isinstance(expr, Add):
            return sympy.Add(*map(self.expr, expr.terms))
        if isinstance(expr, Mul):
            return sympy.Mul(*map(self.expr, expr.factors))
        if isinstance(expr, Pow):
            exponent = sympy.Rational(expr.exponent.numerator, expr.exponent.denominator)
            return sympy.Pow(self.expr(expr.base), exponent)
        if isinstance(expr, Log):
            return -sympy.oo if expr.of == ZERO else sympy.log(self.expr(expr.of))
        if isinstance(expr, Exp):
            return sympy.exp(self.expr(expr.of))
        if isinstance(expr, Abs):
            return sympy.Abs(self.expr(expr.of))
        if isinstance(expr, Sum):
            return self.sum(self.expr(expr.body), self.index(expr.letter), expr.letter.alphabet)
        if isinstance(expr, DivergenceOf) and divergence_row(expr.name).summand is None:
            # no sum over letters says it: an undefined function of the entries
            terms = (term for term in (expr.left, expr.right, expr.over) if term is not None)
            return sympy.Function(f"D_{expr.name}")(*map(self.entries, terms))
        if isinstance(expr, Entropy | Information | DivergenceOf):
            return self.expr(expand(expr, self.about))
        if isinstance(expr, Entry):
            return self.entry(expr)
        return self.analytic(expr)

    def analytic(self, expr: Expr) -> Any:
        """What softmax heads add to the language."""
        sympy = self.sympy
        if isinstance(expr, Logit):
            return self.logit(expr.vector, self.index(expr.letter))
        if isinstance(expr, LogPartition):
            return self.log_partition(expr.point)
        if isinstance(expr, Softmax):
            return sympy.exp(self.logit(expr.point, self.index(expr.letter)) - self.log_partition(expr.point))
        if isinstance(expr, Derivative):
            number = len(self.shifts) + 1
            parameter = sympy.Symbol("t" if number == 1 else f"t_{number}", real=True)
            self.shifts.append((expr.at, expr.along, parameter))
            of = self.expr(expr.of)
            self.shifts.pop()
            return sympy.Subs(sympy.Derivative(of, parameter), parameter, 0)
        if isinstance(expr, Rank):
            return sympy.Function("rank")(self.expr(expr.form), sympy.Symbol(expr.u.name), sympy.Symbol(expr.v.name))
        if isinstance(expr, Dimension):
            return self.dimension(expr.head)
        if isinstance(expr, Size):
            return self.size(expr.alphabet)
        return self.component(expr)

    def component(self, expr: Expr) -> Any:
        """Numbers with indices: elements of arrays, coordinates, rows and biases of heads."""
        if isinstance(expr, Element):
            return self.box(expr.array.name, list(map(self.index, expr.letters)))
        if isinstance(expr, Coordinate):
            return self.coordinate(expr.vector, self.index(expr.axis))
        if isinstance(expr, Embedding):
            return self.sympy.IndexedBase(expr.head.name)[self.index(expr.letter), self.index(expr.axis)]
        if isinstance(expr, Bias):
            return self.bias(expr.head, self.index(expr.letter))
        raise TypeError(f"not an expression: {expr!r}")

    def sum(self, body: Any, index: Any, alphabet: Object) -> Any:
        return self.sympy.Sum(body, (index, 1, self.size(alphabet)))

    def size(self, alphabet: Object) -> Any:
        head = alphabet.name.removeprefix("axes(").removesuffix(")")
        if alphabet == axes(Head(head, alphabet)):
            return self.dimension(Head(head, alphabet))
        return self.sympy.Symbol(f"n_{alphabet.name}", integer=True, positive=True)

    def index(self, letter: Letter) -> Any:
        """The index of a letter. Letters that only differ in case or mark get different ones."""
        if letter not in self.indices:
            name = letter.name[1:].lower() if letter.name.startswith("@") else letter.name
            self.indices[letter] = self.free_index(name, self.indices.values())
        return self.indices[letter]

    def free_index(self, name: str, taken: Any) -> Any:
        names, number, candidate = {index.name for index in taken}, 1, name
        while candidate in names:
            number += 1
            candidate = f"{name}_{number}"
        return self.sympy.Symbol(candidate, integer=True)

    def entry(self, expr: Entry) -> Any:
        """The sum over inner wires of the product of the boxes, in the order of the term's program."""
        if len(expr.ins) != len(expr.term.dom) or len(expr.outs) != len(expr.term.cod):
            raise ValueError(f"{len(expr.ins)} and {len(expr.outs)} letters do not fit {signature(expr.term)}")
        program = compile_term(expr.term)
        at: dict[int, Any] = {wire: self.index(letter) for wire, letter in enumerate(expr.ins)}
        factors, inner = [], []
        for wire, letter in zip(program.outputs, expr.outs):
            index = self.index(letter)
            if at.setdefault(wire, index) != index:
                factors.append(self.sympy.KroneckerDelta(at[wire], index))
        boxes = []
        for call in program.calls:
            for wire, part in zip(call.makes, call.box.cod):
                if wire not in at:
                    at[wire] = self.free_index(part.name.lower(), at.values())
                    inner.append((at[wire], part))
            boxes.append(self.box(call.box.name, [at[wire] for wire in (*call.reads, *call.makes)]))
        product = self.sympy.Mul(*boxes, *factors)
        for index, part in reversed(inner):
            product = self.sum(product, index, part)
        return product

    def box(self, name: str, indices: list[Any]) -> Any:
        if not indices:
            return self.sympy.Symbol(name, real=True)
        return self.sympy.IndexedBase(name)[tuple(indices)]

    def dimension(self, head: Head) -> Any:
        return self.sympy.Symbol("d" if head.name == "W" else f"d_{head.name}", integer=True, positive=True)

    def logit(self, vector: Vector, token: Any) -> Any:
        """<g(w), u> or <g(w), h> + b_w, with h moved by the derivatives that are open."""
        sympy, head = self.sympy, vector.head
        j = sympy.Symbol("j", integer=True)
        row = sympy.IndexedBase(head.name)[token, j]
        product = sympy.Sum(row * self.coordinate(vector, j), (j, 1, self.dimension(head)))
        return product if isinstance(vector, Direction) else product + self.bias(head, token)

    def coordinate(self, vector: Vector, axis: Any) -> Any:
        """A coordinate of a vector: h[j], or h[x, j] of a family, moved by the derivatives that are open."""
        sympy = self.sympy
        if isinstance(vector, At):
            return sympy.IndexedBase(vector.points.name)[self.index(vector.letter), axis]
        moves = [t * sympy.IndexedBase(u.name)[axis] for point, u, t in self.shifts if point == vector]
        return sympy.Add(sympy.IndexedBase(vector.name)[axis], *moves)

    def bias(self, head: Head, token: Any) -> Any:
        return self.sympy.IndexedBase("b" if head.name == "W" else f"b_{head.name}")[token]

    def log_partition(self, point: Hidden) -> Any:
        index = self.sympy.Symbol("i", integer=True)
        return self.sympy.log(self.sum(self.sympy.exp(self.logit(point, index)), index, point.head.tokens))
