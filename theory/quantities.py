"""Information quantities over the wires of a diagram, and what they mean as sums over letters.

`H`, `I`, `D` and `E` build statements; `expand` replaces every quantity by its definition, so that an engine that
reads sums of kernel entries reads them all. Main definitions: Shannon's entropy and mutual information (Cover and
Thomas, "Elements of Information Theory", 2006), divergences of states and averaged divergences of kernels, and
Perrone's categorical entropy H_D(k) = D(copy after k, k (x) k after copy) ("Markov Categories and Entropy",
arXiv:2212.11719).
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import combinations
from typing import TypeAlias

from .divergences import TOTAL, P, Q, divergence_row
from .expressions import (
    ONE,
    ZERO,
    Const,
    DivergenceOf,
    Entropy,
    Entry,
    Equal,
    Expr,
    Information,
    Letter,
    Log,
    Relation,
    Size,
    add,
    mul,
    rebuild,
    substitute,
    sum_over,
)
from .programs import compile_term
from .terms import CompositionError, Object, Term, Type, Variable, copy, keep, show_type, signature, wire_names

Group: TypeAlias = "Variable | str | Iterable[Variable | str]"


def names(group: Group) -> tuple[str, ...]:
    """The names of one variable or of several, each once."""
    if isinstance(group, Variable | str):
        return (str(group),)
    return tuple(dict.fromkeys(str(variable) for variable in group))


def H(*of: Variable | str, given: Group = ()) -> Entropy:
    """H(of | given), in nats: `H(x, y)`, `H(x, given=y)`, `H(x, given=(y, z))`."""
    return Entropy(names(of), names(given))


def I(*groups: Group, given: Group = ()) -> Information:  # noqa: E743 (the field's own name)
    """I(A; B | given), in nats: `I(x, y)`, `I((x, y), z, given=w)`; three groups give I(A;B) - I(A;B|C)."""
    if len(groups) < 2:
        raise ValueError("mutual information needs at least two groups: I(x, y)")
    return Information(tuple(names(group) for group in groups), names(given))


def D(name: str, left: Term, right: Term, *, over: Term | None = None) -> DivergenceOf:
    """A divergence by name between two states, or between two kernels averaged over a state on their domain.

    Names are those of `divergences.divergence_row`; a parameter is normalised, so that renyi:0.5 is renyi:1/2. Raises
    ValueError for an unknown name and CompositionError when the types differ.
    """
    name = divergence_row(name).name
    if (left.dom, left.cod) != (right.dom, right.cod):
        raise CompositionError(f"D compares terms of one type, not {signature(left)} with {signature(right)}")
    if left.dom and (over is None or over.dom or over.cod != left.dom):
        raise CompositionError(f"D of kernels from {show_type(left.dom)} needs over= a state on {show_type(left.dom)}")
    return DivergenceOf(name, left, right, over)


def categorical_entropy(name: str, kernel: Term, *, over: Term | None = None) -> DivergenceOf:
    """H_D(k): the divergence of copying k's output from running k twice; a state's own when k is one."""
    return D(name, kernel >> copy(kernel.cod), copy(kernel.dom) >> kernel @ kernel, over=over)


def entry(term: Term, ins: Iterable[Letter] = (), outs: Iterable[Letter] = ()) -> Entry:
    """The probability that `term` gives the letters `outs` at the letters `ins`. Raises CompositionError."""
    ins, outs = tuple(ins), tuple(outs)
    for letters, kind, side in ((ins, term.dom, "inputs"), (outs, term.cod, "outputs")):
        if tuple(letter.alphabet for letter in letters) != kind:
            raise CompositionError(f"{signature(term)} has {side} {show_type(kind)}, not {letters}")
    return Entry(term, ins, outs)


def bhattacharyya(p: Term, q: Term) -> Expr:
    """BC(p, q), the sum of sqrt(p q) over the letters: 1 for equal laws, 0 for laws without common support."""
    letters = fresh(p.cod, "w")
    half = Fraction(1, 2)
    return sum_over(letters, entry(p, (), letters) ** half * entry(q, (), letters) ** half)


def log_size(alphabet: Object) -> Expr:
    """log|X|, in nats."""
    return Log(Size(alphabet))


def markov(*groups: Group) -> tuple[Relation, ...]:
    """The Markov chain A -> B -> C ...: each group is independent of all before the last, given the last."""
    chain = [names(group) for group in groups]
    return tuple(
        independent(tuple(v for part in chain[:i] for v in part), chain[i + 1], given=chain[i])
        for i in range(1, len(chain) - 1)
    )


def independent(a: Group, b: Group, given: Group = ()) -> Relation:
    """A and B are independent given the rest: I(A; B | given) = 0."""
    return Equal(I(a, b, given=given), ZERO)


def determined(a: Group, by: Group) -> Relation:
    """A is a function of B, almost surely: H(A | B) = 0."""
    return Equal(Entropy(names(a), names(by)), ZERO)


def fresh(kind: Type, stem: str) -> tuple[Letter, ...]:
    """A letter for each wire of a type, numbered from 1."""
    return tuple(Letter(f"{stem}{i}", part) for i, part in enumerate(kind, 1))


def joint_entropies(quantity: Entropy | Information) -> dict[tuple[str, ...], int]:
    """A quantity as a combination of joint entropies: sets of names (sorted) with integer coefficients."""
    total: dict[tuple[str, ...], int] = {}

    def put(names: Iterable[str], sign: int) -> None:
        key = tuple(sorted(set(names)))
        if key:
            total[key] = total.get(key, 0) + sign

    if isinstance(quantity, Entropy):
        put((*quantity.of, *quantity.given), 1)
        put(quantity.given, -1)
    else:  # inclusion and exclusion over the groups
        for size in range(1, len(quantity.groups) + 1):
            for some in combinations(quantity.groups, size):
                put((v for group in some for v in (*group, *quantity.given)), -((-1) ** size))
                put(quantity.given, (-1) ** size)
    return {key: value for key, value in total.items() if value}


def expand(expr: Expr, about: Term | None) -> Expr:
    """The same expression with H, I and D replaced by their definitions as sums over letters.

    Raises CompositionError when a variable is not a wire of `about`, and ValueError for a divergence that is no
    function of a sum over letters (renyi:0 and renyi:inf).
    """
    if isinstance(expr, Entropy):
        return _conditional_entropy(expr, about)
    if isinstance(expr, Information):
        return add(*(n * _joint_entropy(key, about) for key, n in joint_entropies(expr).items()))
    if isinstance(expr, DivergenceOf):
        return _divergence(expr)
    return rebuild(expr, lambda part: expand(part, about))


def _marginal(variables: tuple[str, ...], about: Term | None) -> tuple[Entry, tuple[Letter, ...]]:
    """The marginal law of some wires at letters named after them."""
    if about is None:
        raise CompositionError(f"{', '.join(variables)}: the statement has no diagram")
    wires = wire_names(about.cod)
    for variable in variables:
        if variable not in wires:
            raise CompositionError(f"{variable} is not a wire of the diagram; its wires are {', '.join(wires)}")
    indices = sorted(wires.index(variable) for variable in set(variables))
    letters = tuple(Letter(f"@{wires[i]}", about.cod[i]) for i in indices)
    return Entry(keep(about, indices), (), letters), letters


def _joint_entropy(variables: tuple[str, ...], about: Term | None) -> Expr:
    law, letters = _marginal(variables, about)
    return sum_over(letters, mul(Const(-ONE.value), law, Log(law)))


def _conditional_entropy(quantity: Entropy, about: Term | None) -> Expr:
    law, letters = _marginal((*quantity.of, *quantity.given), about)
    ratio: Expr = law
    if quantity.given:
        ratio = law / _marginal(quantity.given, about)[0]
    return sum_over(letters, mul(Const(-ONE.value), law, Log(ratio)))


def _divergence(quantity: DivergenceOf) -> Expr:
    """The sum over letters; where the left side copies an output it is taken on the diagonal."""
    row = divergence_row(quantity.name)
    if row.summand is None:
        raise ValueError(f"{row.name} is no function of a sum over letters; exact instances give its value")
    left, right = quantity.left, quantity.right
    ins = fresh(left.dom, "@x")
    outs, distinct, diagonal = _diagonal(left)
    p = Entry(keep(left, distinct), ins, tuple(outs[port] for port in distinct))
    q = Entry(right, ins, outs)
    body = sum_over(p.outs, substitute(row.summand, {P: p, Q: q}))
    if diagonal:
        body = body + row.at_zero * (ONE - sum_over(p.outs, q))
    body = substitute(row.outer, {TOTAL: body})
    if quantity.over is None:
        return body
    return sum_over(ins, mul(Entry(quantity.over, (), ins), body))


def _diagonal(left: Term) -> tuple[tuple[Letter, ...], tuple[int, ...], bool]:
    """Letters of the outputs, equal where two outputs are one wire; the first port of each wire; whether any is."""
    outputs = compile_term(left).outputs
    first = {wire: port for port, wire in reversed(list(enumerate(outputs)))}
    letters = tuple(Letter(f"@y{first[wire] + 1}", left.cod[first[wire]]) for wire in outputs)
    return letters, tuple(sorted(first.values())), len(first) < len(outputs)
